"""Orders over the wire: what an order looks like through its life, and what is refused with which reason."""

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.loopback import PERPETUAL, Client, Refused, Venue, around, dial, limit, play, venue


async def two(venue: Venue) -> tuple[Client, Client]:
    one, other = await dial(venue, "everyone-1"), await dial(venue, "everyone-2")
    for client in (one, other):
        await client("private/cancel_all")
    return one, other


async def inside(client: Client) -> float:
    return await around(client, 1.0)


async def refusal_of(asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


async def code_of(asked: Any) -> tuple[int, Any]:
    refused = await refusal_of(asked)
    return refused.code, refused.told.get("reason")


def test_an_order_from_its_placing_to_its_last_fill(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        price = await inside(one)
        placed = (await limit(one, "sell", 0.03, price, label="first"))["order"]
        assert (placed["order_state"], placed["filled_amount"], placed["average_price"]) == ("open", 0.0, 0.0)
        half = await limit(other, "buy", 0.01, price)
        trade = half["trades"][0]
        assert (trade["liquidity"], trade["amount"], trade["direction"], trade["fee"]) == (
            "T",
            0.01,
            "buy",
            6.0,
        )
        now = await one("private/get_order_state", order_id=placed["order_id"])
        assert (now["filled_amount"], now["order_state"], now["label"]) == (0.01, "open", "first")
        await limit(other, "buy", 0.02, price)
        done = await one("private/get_order_state", order_id=placed["order_id"])
        assert (done["order_state"], done["average_price"]) == ("filled", price)
        trades = await one("private/get_user_trades_by_order", order_id=placed["order_id"])
        assert [(t["liquidity"], t["amount"]) for t in trades] == [("M", 0.01), ("M", 0.02)]
        public = (await one("public/get_last_trades_by_instrument", instrument_name=PERPETUAL, count=2))[
            "trades"
        ]
        assert [t["trade_id"] for t in public] == [t["trade_id"] for t in reversed(trades)]
        for method in ("private/get_user_trades_by_currency", "public/get_last_trades_by_currency"):
            span = {"start_id": trades[0]["trade_id"], "end_id": trades[0]["trade_id"]}
            (alone,) = (await one(method, currency="RUBD", **span))["trades"]
            assert alone["trade_id"] == trades[0]["trade_id"], method
            with pytest.raises(Refused, match="end_id"):
                await one(method, currency="RUBD", end_id="last")
        assert public[0]["trade_seq"] == public[1]["trade_seq"] + 1
        position = await other("private/get_position", instrument_name=PERPETUAL)
        assert (position["size"], position["direction"], position["average_price"]) == (0.03, "buy", price)
        history = await one("private/get_order_history_by_instrument", instrument_name=PERPETUAL)
        assert history[0]["order_id"] == placed["order_id"]
        closed = await other("private/close_position", instrument_name=PERPETUAL, type="limit", price=price)
        assert (closed["order"]["direction"], closed["order"]["reduce_only"]) == ("sell", True)
        await limit(one, "buy", 0.03, price)
        flat = await other("private/get_position", instrument_name=PERPETUAL)
        assert (flat["size"], flat["direction"]) == (0.0, "zero")
        assert await other("private/get_positions") == []
        for client in (one, other):
            await client.close()

    play(story())


def test_who_prices_too_far_is_told_how_far_he_may(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        for side, far in (("buy", 0.0), ("sell", 9e8)):
            with pytest.raises(Refused) as refused:
                await limit(one, side, 0.001, far)
            lowest, highest = refused.value.told["min_price"], refused.value.told["max_price"]
            assert lowest < await inside(one) < highest
            for edge, beyond in ((lowest, lowest - 100), (highest, highest + 100)):
                taken = await limit(one, side, 0.001, edge, time_in_force="fill_or_kill")
                assert taken["order"]["price"] == edge
                assert await code_of(limit(one, side, 0.001, beyond)) == (10011, "price_outside_band")
        for client in (one, other):
            await client.close()

    play(story())


def test_each_refusal_has_its_code_and_its_reason(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        low, fair = await around(one, 0.95), await inside(one)
        far = await around(one, 0.81)
        assert await code_of(limit(one, "buy", 0.01, far)) == (10011, "price_outside_band")
        with pytest.raises(Refused) as refused:
            await limit(one, "buy", 0.01, far)
        assert far < refused.value.told["min_price"] < fair < refused.value.told["max_price"]
        assert await code_of(limit(one, "buy", 900_000.0, low)) == (10009, "insufficient_cash")
        assert (await code_of(limit(one, "buy", 2e6, low)))[0] == 10021
        assert await code_of(limit(one, "sell", 0.01, fair, reduce_only=True)) == (11030, "reduce_only")
        await limit(other, "sell", 0.01, fair)
        rejects = limit(one, "buy", 0.01, fair, post_only=True, reject_post_only=True)
        assert await code_of(rejects) == (11054, "post_only_would_trade")
        moved = (await limit(one, "buy", 0.01, fair, post_only=True))["order"]
        assert moved["price"] == fair - 100 and moved["order_state"] == "open"
        await other("private/cancel_all")
        for wrong in ("RUBD-999999", "nonsense", "", "RUBD-" + "9" * 40, "XXX-1", f"{moved['order_id']} "):
            code, _ = await code_of(one("private/cancel", order_id=wrong))
            assert code in (10004, -32602), wrong
        assert await code_of(other("private/cancel", order_id=moved["order_id"])) == (10004, "unknown_order")
        assert (await code_of(other("private/get_order_state", order_id=moved["order_id"])))[0] == 10004
        await one("private/cancel", order_id=moved["order_id"])
        assert (await code_of(one("private/cancel", order_id=moved["order_id"])))[0] == 11044
        assert (await code_of(one("private/edit", order_id=moved["order_id"], amount=0.01)))[0] == 11044
        told_otherwise = limit(one, "buy", 0.01, low, direction="sell")
        assert (await code_of(told_otherwise))[0] == -32602
        await limit(one, "buy", 0.01, low, direction="buy")
        await one("private/cancel_all")
        late = limit(one, "buy", 0.01, low, valid_until=1)
        assert (await code_of(late))[0] == 13888
        assert await one("private/get_open_orders") == []
        refusals = await one("access/why_refused", count=3)
        assert [row["reason"] for row in refusals] == [
            "post_only_would_trade",
            "reduce_only",
            "quantity_too_large",
        ]
        for client in (one, other):
            await client.close()

    play(story())


def test_an_order_that_meets_too_few_at_once_is_canceled_and_that_is_no_error(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        await one("private/subscribe", channels=[f"user.orders.{PERPETUAL}.raw"])
        fair = await inside(one)
        await limit(other, "sell", 0.01, fair)
        killed = await limit(one, "buy", 1.0, fair, time_in_force="fill_or_kill", label="killed")
        await other("private/cancel_all")
        asked = {"instrument_name": PERPETUAL, "amount": 0.01}
        nobody = [await one("private/buy", **asked, type=kind) for kind in ("market", "market_limit")]
        nobody.append(await one("private/sell", **asked, type="market", time_in_force="fill_or_kill"))
        reasons = ["unfillable_at_once", *["no_opposite_price"] * 3]
        told = [killed, *nobody]
        for answer, reason in zip(told, reasons, strict=True):
            order = answer["order"]
            assert (order["order_state"], order["cancel_reason"], answer["trades"]) == (
                "cancelled",
                reason,
                [],
            )
            assert (order["filled_amount"], order["average_price"]) == (0.0, 0.0)
            assert isinstance(order["price"], float) and order["price"] > 0
            assert await one("private/get_order_state", order_id=order["order_id"]) == order
            heard = await one.told(
                lambda n, order=order: n["params"]["data"]["order_id"] == order["order_id"]
            )
            assert heard["params"]["data"] == order
            late = one("private/cancel", order_id=order["order_id"])
            assert (await code_of(late))[0] == 11044
            theirs = other("private/get_order_state", order_id=order["order_id"])
            assert (await code_of(theirs))[0] == 10004
        ids = [answer["order"]["order_id"] for answer in reversed(told)]
        assert len(set(ids)) == len(ids)
        history = {"instrument_name": PERPETUAL, "include_unfilled": True, "count": 4}
        rows = await one("private/get_order_history_by_instrument", **history)
        assert [row["order_id"] for row in rows] == ids
        rows = await one("private/get_order_history_by_instrument", instrument_name=PERPETUAL, count=1_000)
        assert not set(ids) & {row["order_id"] for row in rows}
        assert [row["reason"] for row in await one("access/why_refused", count=4)] == reasons[::-1]
        for client in (one, other):
            await client.close()

    play(story())


def test_an_edit_counts_the_whole_order_and_one_by_label_needs_one(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        price = await inside(one)
        placed = (await limit(one, "sell", 0.03, price, label="edited"))["order"]
        await limit(other, "buy", 0.01, price)
        smaller = (await one("private/edit", order_id=placed["order_id"], amount=0.02))["order"]
        assert (smaller["amount"], smaller["filled_amount"], smaller["replaced"]) == (0.02, 0.01, True)
        moved = await one(
            "private/edit_by_label", label="edited", instrument_name=PERPETUAL, price=price + 100
        )
        assert moved["order"]["price"] == price + 100
        await limit(one, "sell", 0.01, price + 200, label="edited")
        doubled = one("private/edit_by_label", label="edited", instrument_name=PERPETUAL, amount=0.05)
        assert (await code_of(doubled))[0] == 13032
        assert len(await one("private/get_open_orders_by_label", label="edited", currency="RUBD")) == 2
        assert await one("private/cancel_by_label", label="edited", currency="USDC") == 0
        assert await one("private/cancel_by_label", label="edited", currency="RUBD") == 2
        for client in (one, other):
            await client.close()

    play(story())


def test_an_edit_passes_over_nothing_that_it_is_asked(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        low = await around(one, 0.95)
        asked = {"display_amount": 0.01, "post_only": True, "reject_post_only": True}
        order = (await limit(one, "buy", 0.03, low, **asked))["order"]
        number = order["order_id"]
        for change in (
            {"post_only": False},
            {"reject_post_only": False},
            {"reduce_only": True},
            {"display_amount": 0.02},
            {"mmp": True},
            {"trigger_price": low},
            {"trigger_offset": 100.0},
            {"advanced": "usd"},
        ):
            code, _ = await code_of(one("private/edit", order_id=number, amount=0.03, **change))
            assert code == 11047, change
        assert await one("private/get_order_state", order_id=number) == order
        same = await one("private/edit", order_id=number, amount=0.03, price=low - 100, **asked)
        assert (same["order"]["price"], same["order"]["post_only"]) == (low - 100, True)
        await limit(other, "sell", 0.01, await inside(one))
        crossing = one("private/edit", order_id=number, amount=0.03, price=await inside(one))
        assert await code_of(crossing) == (11054, "post_only_would_trade")
        less = one("private/edit", order_id=number, amount=0.0005)
        assert (await code_of(less))[0] == 10002
        for client in (one, other):
            await client("private/cancel_all")
            await client.close()

    play(story())


def test_what_waits_for_a_price_is_edited_and_keeps_its_id(open_venue: Venue) -> None:
    async def story() -> None:
        one = await dial(open_venue, "everyone-1")
        await one("private/subscribe", channels=["user.orders.any.any.raw"])
        low, lower = await around(one, 0.95), await around(one, 0.93)
        waiting = {"instrument_name": PERPETUAL, "amount": 0.01, "trigger": "mark_price", "label": "w"}
        kinds = {
            "stop_market": {"trigger_price": low},
            "stop_limit": {"trigger_price": low, "price": lower},
            "trailing_stop": {"trigger_offset": 500_000.0},
        }
        changes = {
            "stop_market": {"amount": 0.02, "trigger_price": lower},
            "stop_limit": {"price": low, "trigger_price": lower},
            "trailing_stop": {"trigger_offset": 900_000.0, "contracts": 30},
        }
        for kind, terms in kinds.items():
            placed = (await one("private/sell", type=kind, **waiting, **terms))["order"]
            number = placed["order_id"]
            answer = await one("private/edit", order_id=number, **changes[kind])
            order = answer["order"]
            assert answer["trades"] == []
            assert (order["order_id"], order["order_state"], order["replaced"]) == (
                number,
                "untriggered",
                True,
            )
            for name, value in changes[kind].items():
                assert order[name] == value
            assert order == await one("private/get_order_state", order_id=number)
            assert order in one.of("user.orders.any.any.raw")
            again = await one(
                "private/edit_by_label", label="w", instrument_name=PERPETUAL, amount=0.05, **terms
            )
            assert (again["order"]["order_id"], again["order"]["amount"]) == (number, 0.05)
            wrong: dict[str, Any] = {"reduce_only": True}
            assert (await code_of(one("private/edit", order_id=number, **wrong)))[0] == 11047
            wrong = {"price": lower} if kind != "stop_limit" else {"trigger_offset": 100.0}
            assert (await code_of(one("private/edit", order_id=number, **wrong)))[0] == -32602
            high = await around(one, 1.05)
            if kind != "trailing_stop":
                passed = one("private/edit", order_id=number, trigger_price=high)
                assert await code_of(passed) == (11036, "trigger_passed")
            else:
                passed = one("private/edit", order_id=number, trigger_price=low)
                assert (await code_of(passed))[0] == -32602
            await one("private/cancel", order_id=number)
            assert (await code_of(one("private/edit", order_id=number, amount=0.01)))[0] == 11044
        await one.close()

    play(story())


def test_cancels_and_lists_are_of_the_kind_and_type_that_are_asked_for(open_venue: Venue) -> None:
    async def story() -> None:
        one = await dial(open_venue, "everyone-1")
        await one("private/cancel_all")
        low = await around(one, 0.95)
        high = await around(one, 1.05)
        stop = {"type": "stop_market", "trigger": "mark_price", "trigger_price": low}
        take = {"type": "take_limit", "trigger": "mark_price", "trigger_price": high, "price": high}
        trail = {"type": "trailing_stop", "trigger": "mark_price", "trigger_offset": 100_000.0}
        await limit(one, "buy", 0.01, low, label="plain")
        for asked in (stop, take, trail):
            await one("private/sell", instrument_name=PERPETUAL, amount=0.01, label="waits", **asked)
        counts = {
            "all": 4,
            "limit": 1,
            "trigger_all": 3,
            "stop_all": 1,
            "stop_market": 1,
            "stop_limit": 0,
            "take_all": 1,
            "take_limit": 1,
            "take_market": 0,
            "trailing_all": 1,
            "trailing_stop": 1,
        }
        for word, count in counts.items():
            assert len(await one("private/get_open_orders", type=word)) == count, word
            found = await one("private/get_open_orders_by_instrument", instrument_name=PERPETUAL, type=word)
            assert len(found) == count, word
        assert len(await one("private/get_open_orders_by_label", currency="RUBD", label="waits")) == 3
        assert len(await one("private/get_open_orders_by_label", currency="RUBD")) == 4
        assert await one("private/cancel_all", kind="option") == 0
        assert await one("private/cancel_all", type="take_all") == 1
        assert [
            row["order_type"] for row in await one("private/cancel_all", type="limit", detailed=True)
        ] == ["limit"]
        by_instrument = {"instrument_name": PERPETUAL, "type": "stop_all"}
        assert await one("private/cancel_all_by_instrument", **by_instrument) == 1
        page = await one("private/get_trigger_order_history", currency="RUBD", count=1)
        assert len(page["entries"]) == 1 and page["continuation"] == "1"
        rest = await one("private/get_trigger_order_history", currency="RUBD", **{**page, "count": 1})
        assert rest["entries"][0]["order_id"] != page["entries"][0]["order_id"]
        assert await one("private/cancel_all") == 1
        await one.close()

    play(story())


def test_a_stop_that_has_fired_is_in_the_history_without_what_it_waited_for(open_venue: Venue) -> None:
    """Some clients give up at a row of the history with a trigger price."""

    async def story() -> None:
        one, other = await two(open_venue)
        fair = await inside(one)
        asked = {
            "type": "stop_limit",
            "trigger": "last_price",
            "trigger_price": fair + 100,
            "price": fair + 200,
        }
        stop = await one("private/buy", instrument_name=PERPETUAL, amount=0.01, **asked)
        number = stop["order"]["order_id"]
        await limit(other, "sell", 0.02, fair + 100)
        await limit(one, "buy", 0.01, fair + 100)
        history = await one("private/get_order_history_by_instrument", instrument_name=PERPETUAL)
        row = next(row for row in history if row["order_id"] == number)
        assert row["order_state"] == "filled" and not {"trigger_price", "trigger", "triggered"} & set(row)
        told = await one("private/get_order_state", order_id=number)
        assert told["triggered"] and told["trigger_price"] == fair + 100
        trades = await one("private/get_user_trades_by_order", order_id=number)
        assert await one("private/get_user_trades_by_order", order_id=number, sorting="desc") == trades[::-1]
        await limit(other, "buy", 0.02, fair)
        await limit(one, "sell", 0.02, fair)
        for client in (one, other):
            await client.close()

    play(story())


def test_orders_that_wait_for_a_price(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        stop = await one(
            "private/sell",
            instrument_name=PERPETUAL,
            amount=0.01,
            type="stop_market",
            trigger="mark_price",
            trigger_price=await around(one, 0.95),
        )
        order = stop["order"]
        assert (order["order_state"], order["price"], order["trigger"]) == (
            "untriggered",
            "market_price",
            "mark_price",
        )
        trailing = await one(
            "private/sell",
            instrument_name=PERPETUAL,
            amount=0.01,
            type="trailing_stop",
            trigger="mark_price",
            trigger_offset=100_000.0,
        )
        assert trailing["order"]["trigger_offset"] == 100_000.0
        assert len(await one("private/get_open_orders", type="trigger_all")) == 2
        assert await one("private/cancel_all_by_currency", currency="RUBD", type="stop") == 1
        assert await one("private/cancel_all") == 1
        history = await one(
            "private/get_order_history_by_instrument", instrument_name=PERPETUAL, include_unfilled=True
        )
        assert order["order_id"] not in [row["order_id"] for row in history]
        told = (await one("private/get_trigger_order_history", currency="RUBD"))["entries"]
        assert {row["order_id"] for row in told} >= {order["order_id"], trailing["order"]["order_id"]}
        for client in (one, other):
            await client.close()

    play(story())


def test_a_quote_trades_at_once_only_if_it_says_that_it_may(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        price = await around(one, 1.0)
        await one("private/enable_cancel_on_disconnect")
        await limit(other, "sell", 0.01, price)

        def asked(**bid: bool) -> dict[str, Any]:
            market = {
                "instrument_name": PERPETUAL,
                "bid": {"price": price, "amount": 0.01, **bid},
                "ask": {"price": price + 100_000, "amount": 0.01, "post_only": bid.get("post_only", True)},
            }
            return {"quote_id": "q", "quotes": [market], "detailed": True}

        refused = await one("private/mass_quote", **asked())
        assert [row["code"] for row in refused["errors"]] == [11054]
        mixed = asked(post_only=False)
        mixed["quotes"][0]["ask"]["post_only"] = True
        assert (await code_of(one("private/mass_quote", **mixed)))[0] == 11047
        traded = await one("private/mass_quote", **asked(post_only=False))
        assert [row["price"] for row in traded["trades"]] == [price]
        await limit(other, "buy", 0.01, price)
        await limit(one, "sell", 0.01, price)
        for client in (one, other):
            await client("private/cancel_all")
            await client.close()

    play(story())


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"mmp": True}, "mmp"),
        ({"type": "stop_market", "trigger_price": 7_000_000.0, "trigger_offset": 100.0}, "trigger_offset"),
        ({"type": "trailing_stop", "trigger_offset": 100.0, "trigger_price": 7_000_000.0}, "trigger_price"),
    ],
)
def test_what_an_order_asks_for_in_vain_is_refused(
    open_venue: Venue, order: dict[str, Any], told: str
) -> None:
    async def story() -> None:
        one = await dial(open_venue, "everyone-1")
        asked = {"instrument_name": PERPETUAL, "amount": 0.01, "price": 7_000_000.0, "trigger": "mark_price"}
        with pytest.raises(Refused) as refused:
            await one("private/sell", **asked | order)
        assert refused.value.told["param"] == told
        await one.close()

    play(story())


def test_icebergs_links_and_quotes(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        low, high = await around(one, 0.96), await around(one, 1.04)
        await limit(one, "buy", 0.1, low, display_amount=0.01)
        shown = await other("public/get_order_book", instrument_name=PERPETUAL, depth=1)
        assert shown["bids"][0] == [low, 0.01], "the rest is not seen"
        await one("private/cancel_all")
        first = (await limit(one, "buy", 0.01, low))["order"]["order_id"]
        second = (await limit(one, "sell", 0.01, high))["order"]["order_id"]
        for wrong in (first, "RUBD-99999999"):
            with pytest.raises(Refused, match="second_order_id"):
                await one("private/link_orders", first_order_id=first, second_order_id=wrong)
        await one("private/link_orders", first_order_id=first, second_order_id=second)
        await one("private/cancel", order_id=first)
        gone = await one("private/get_order_state", order_id=second)
        assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "oco_other_closed")
        quotes = [
            {
                "instrument_name": PERPETUAL,
                "bid": {"price": low, "amount": 0.02},
                "ask": {"price": high, "amount": 0.03},
            }
        ]
        asked = {"quote_id": "q1", "quotes": quotes, "detailed": True}
        assert (await code_of(one("private/mass_quote", **asked)))[0] == 13042
        await one("private/enable_cancel_on_disconnect")
        told = await one("private/mass_quote", **asked)
        assert (told["errors_count"], len(told["orders"])) == (0, 2)
        for kind, param in (
            ("instrument", "instrument_name"),
            ("instrument_kind", "kind"),
            ("currency", "currency"),
            ("currency_pair", "currency_pair"),
        ):
            with pytest.raises(Refused, match=param):
                await one("private/cancel_quotes", cancel_type=kind)
        elsewhere = {"cancel_type": "currency_pair", "currency_pair": "eth_rubd"}
        assert await one("private/cancel_quotes", **elsewhere) == 0, "and not all that there are"
        assert await one("private/cancel_quotes", **elsewhere | {"currency_pair": "BTC_RUBD"}) == 2
        assert (await one("private/mass_quote", **asked))["errors_count"] == 0
        await one(
            "private/set_mmp_config", index_name="btc_rub", interval=10, frozen_time=5, quantity_limit=0.015
        )
        followed = ["user.mmp_trigger.btc_rub", "user.mmp_trigger.any"]
        assert await one("private/subscribe", channels=[*followed, "user.mmp_trigger.none"]) == followed
        assert await other("private/subscribe", channels=followed) == followed
        await limit(other, "sell", 0.02, low)
        assert await one("private/get_open_orders") == [], "the protection has taken the quotes off"
        (status,) = await one("private/get_mmp_status")
        assert status["instrument_name"] == PERPETUAL
        for channel in followed:
            assert one.of(channel) == [status | {"mmp_group": ""}]
            assert other.of(channel) == [], "they are somebody else's"
        frozen = await one("private/mass_quote", **asked)
        assert frozen["errors"][0]["code"] == 13043
        assert await one("private/reset_mmp", index_name="btc_rub") == "ok"
        assert await one("private/get_mmp_status") == []
        assert (await one("private/mass_quote", **asked))["errors_count"] == 0
        assert await one("private/set_mmp_config", index_name="btc_rub", interval=0, frozen_time=0) == []
        assert await one("private/get_mmp_config") == []
        assert (await code_of(one("private/reset_mmp", index_name="btc_rub")))[0] == 13020
        for client in (one, other):
            await client("private/cancel_all")
            await client.close()

    play(story())


def test_private_lists_match_the_currency_that_is_paid_in(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        price = await inside(one)
        await limit(one, "sell", 0.01, price)
        await limit(other, "buy", 0.01, price)
        for currency, some in (("RUBD", True), ("rubd", True), ("BTC", False), ("USDC", False)):
            trades = await one("private/get_user_trades_by_currency", currency=currency)
            assert bool(trades["trades"]) is some
            history = await one("private/get_order_history_by_currency", currency=currency)
            assert bool(history) is some
        summary = await one("public/get_book_summary_by_currency", currency="BTC", kind="future")
        assert PERPETUAL in [row["instrument_name"] for row in summary]
        log = await one(
            "private/get_transaction_log", currency="RUBD", start_timestamp=0, end_timestamp=2**45, count=1
        )
        assert log["logs"][0]["type"] == "trade" and log["continuation"]
        older = await one(
            "private/get_transaction_log",
            currency="RUBD",
            start_timestamp=0,
            end_timestamp=2**45,
            continuation=log["continuation"],
        )
        assert older["logs"][0]["id"] == log["continuation"]
        assert older["logs"][-1]["type"] == "deposit"
        for client in (one, other):
            await client.close()

    play(story())


def test_the_log_says_what_opened_and_what_closed_and_both_sides_of_what_is_delivered(
    open_venue: Venue,
) -> None:
    async def story() -> None:
        one, other = await two(open_venue)
        price = await inside(one)
        since = await one("public/get_time")

        async def logged(currency: str) -> list[dict[str, Any]]:
            span = {"currency": currency, "start_timestamp": since, "end_timestamp": 2**45}
            rows: list[dict[str, Any]] = (await one("private/get_transaction_log", **span))["logs"]
            return rows

        for side, amount in (("sell", 0.03), ("buy", 0.01), ("buy", 0.02)):
            await limit(other, "buy" if side == "sell" else "sell", amount, price)
            await limit(one, side, amount, price)
        rows = await logged("RUBD")
        assert [(row["side"], row["position"]) for row in rows] == [
            ("close buy", 0.0),
            ("close buy", -0.02),
            ("open sell", -0.03),
        ], "though it closed at the price at which it had opened"
        assert [row["change"] for row in rows] == [-row["commission"] for row in rows]
        spot = {"instrument_name": "BTC_RUBD", "type": "limit", "price": price}
        await other("private/sell", amount=0.01, **spot)
        bought = (await one("private/buy", amount=0.01, **spot))["trades"][0]
        paid, came = (await logged("RUBD"))[0], (await logged("BTC"))[0]
        assert paid["change"] == pytest.approx(-0.01 * price - bought["fee"])
        assert (came["change"], came["balance"]) == (0.01, 5.01)
        assert paid["trade_id"] == came["trade_id"] == bought["trade_id"]
        await other("private/buy", amount=0.01, **spot)
        await one("private/sell", amount=0.01, **spot)
        for client in (one, other):
            await client.close()

    play(story())


def test_units_come_and_go_like_money_and_exactly(open_venue: Venue) -> None:
    async def story() -> None:
        one = await dial(open_venue, "everyone-2")
        deposits = await one("private/get_deposits", currency="BTC")
        assert [(row["amount"], row["transaction_id"]) for row in deposits["data"]] == [
            (5.0, "endowment of everyone-2")
        ]
        part = one("private/withdraw", currency="BTC", amount=0.000000001)
        assert (await code_of(part))[0] == -32602
        assert (await code_of(one("private/withdraw", currency="BTC", amount=6)))[0] == 10009
        asked = await one("private/withdraw", currency="BTC", amount=0.00000001)
        rows = await one("private/get_withdrawals", currency="BTC")
        assert rows["count"] == 1 and rows["data"][0] == asked
        assert (asked["amount"], asked["transaction_id"]) == (1e-08, f"u-{asked['id']}")
        await one.close()

    play(story())


def test_money_leaves_to_its_owners_wallet_alone(open_venue: Venue) -> None:
    async def story() -> None:
        one = await dial(open_venue, "everyone-1")
        away = one("private/withdraw", currency="RUBD", amount=1, address="somebody-else")
        assert (await code_of(away))[0] == 13021
        assert await code_of(one("private/withdraw", currency="RUBD", amount=1e12)) == (
            10009,
            "insufficient_funds",
        )
        asked = await one("private/withdraw", currency="RUBD", amount=1_000.5)
        assert (asked["state"], asked["amount"]) == ("confirmed", 1000.5)
        rows = await one("private/get_withdrawals", currency="RUBD")
        assert rows["count"] >= 1
        reserves = await one("cash/get_reserves", currency="RUBD")
        assert reserves["covered"] and reserves["supply"] > 0
        mine = await one("cash/get_my_cash", currency="RUBD")
        assert mine["in_wallet"] > 0 and not mine["frozen_by_law"]
        paid = await one("cash/redeem", currency="RUBD", amount=100)
        assert paid["amount"] == 100 and (paid["state"] == "paid" or paid["ticket_id"]), "by the hour"
        await one.close()

    play(story())


def test_a_cap_on_open_orders_is_a_term_of_the_venue_and_told_by_name(tmp_path: Path) -> None:
    scenario = tmp_path / "few.toml"
    text = Path("scenarios/venues/market_day.toml").read_text(encoding="utf-8")
    few = text.replace("open_orders = 10_000", "open_orders = 3").replace("= 5_000", "= 2")
    scenario.write_text(few, encoding="utf-8")

    async def story(opened: Venue) -> None:
        one = await dial(opened, "everyone-1")
        low = await around(one, 0.95)
        for _ in range(2):
            await limit(one, "buy", 0.01, low)
        here = await refusal_of(limit(one, "buy", 0.01, low))
        assert (here.code, here.told["reason"], here.told["limit"]) == (
            10038,
            "max_open_orders_per_instrument",
            2,
        )
        assert here.told["told"] == "at most 2 orders, with those that wait, may be open in one instrument"
        await one("private/enable_cancel_on_disconnect")
        bid = {"instrument_name": PERPETUAL, "bid": {"price": low, "amount": 0.01}}
        quoted = await one("private/mass_quote", quote_id="q1", quotes=[bid])
        assert quoted["errors"][0]["error"]["data"]["limit"] == 2
        futures = await one("public/get_instruments", currency="RUBD", kind="future")
        name = next(each["instrument_name"] for each in futures if each["instrument_name"] != PERPETUAL)
        there = {"instrument_name": name, "type": "limit", "amount": 0.01, "price": low}
        await one("private/buy", **there)
        whole = await refusal_of(one("private/buy", **there))
        assert (whole.code, whole.told["reason"], whole.told["limit"]) == (10037, "max_open_orders", 3)
        assert whole.told["told"] == "at most 3 orders, with those that wait, may be open at the venue"
        await one("private/cancel_all_by_instrument", instrument_name=PERPETUAL)
        await limit(one, "buy", 0.01, low)
        await one.close()

    assert few != text
    with venue(scenario=str(scenario)) as opened:
        play(story(opened))

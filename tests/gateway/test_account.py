"""What is told of money, positions and limits, against the books that they are told from."""

from collections.abc import Sequence
from typing import Any

import pytest

from exchange.clearing.scenario_margin import maintenance_margin
from exchange.commands import WithdrawCash
from exchange.events import Entry, Event, LossShared, WithdrawalRequested
from exchange.gateway.books import Books, owned
from exchange.gateway.throttle import STANDARD, Limits
from matching.terms import ParticipantId
from tests.builders import ANN, RUBD
from tests.gateway.loopback import PERPETUAL, Client, Venue, dial, limit, play, venue
from tests.stories.test_the_coins_themselves_are_lost import lose, of_two

NAMES = ("everyone-1", "everyone-2")


def named(opened: Venue, *marks: str) -> str:
    """The instrument with these in its name, and the fewest others."""
    names = [n for n in opened.gateway.venue.exchange.state.series if all(mark in n for mark in marks)]
    return min(names, key=len)


async def trade(buyer: Client, seller: Client, name: str, amount: float) -> float:
    """At the mark, on a tick."""
    mark = (await buyer("public/ticker", instrument_name=name))["mark_price"]
    price = round(mark / 100) * 100.0
    await limit(seller, "sell", amount, price, instrument_name=name)
    told = await limit(buyer, "buy", amount, price, instrument_name=name)
    assert told["order"]["order_state"] == "filled"
    return price


async def summary(client: Client, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = await client("private/get_account_summary", currency="RUBD", **more)
    return told


async def check_that_the_log_adds_up(client: Client) -> None:
    """Each row leaves behind what the one before it left and what it has moved, and the last what the account has."""
    span = {"start_timestamp": 0, "end_timestamp": 2**50, "count": 250}
    rows = (await client("private/get_transaction_log", currency="RUBD", **span))["logs"][::-1]
    left = 0.0
    for row in rows:
        left += row["change"]
        assert row["balance"] == row["equity"] == pytest.approx(left), row
    assert rows[-1]["balance"] == (await summary(client))["balance"]


def test_under_full_cover_the_summary_is_what_lies_in_each_account() -> None:
    async def story(opened: Venue) -> None:
        one, other = [await dial(opened, name) for name in NAMES]
        before = await summary(one)
        assert before["available_funds"] == before["available_withdrawal_funds"] == before["equity"]
        future, call = PERPETUAL, named(opened, "-C")
        price = await trade(one, other, future, 0.1)
        paid = await trade(one, other, call, 0.2)
        asked = {"instrument_name": future, "amount": 0.05, "price": price - 100_000}
        needs = await one("private/get_margins", **asked)
        held_before = (await summary(one))["spot_reserve"]
        await limit(one, "buy", 0.05, price - 100_000, instrument_name=future)
        held = (await summary(one))["spot_reserve"] - held_before
        row = await one("public/get_instrument", instrument_name=future)
        fee = round(row["taker_commission"] * row["contract_size"] * price, 2) * 50
        assert held == pytest.approx(needs["buy"] + fee, abs=1.0)
        told, rows = await summary(one), await one("private/get_positions", currency="RUBD")
        by_name = {row["instrument_name"]: row for row in rows}
        held, option = by_name[future], by_name[call]
        assert held["leverage"] == round(abs(held["size"] * held["mark_price"]) / held["initial_margin"])
        assert held["open_orders_margin"] > 0 == option["open_orders_margin"]
        assert option["initial_margin"] == pytest.approx(0.2 * paid), "no more can be lost than was paid"
        fees = before["balance"] - told["balance"]
        assert told["available_funds"] == pytest.approx(
            before["balance"] - fees - told["initial_margin"], abs=0.01
        )
        assert told["options_value"] == pytest.approx(option["size"] * option["mark_price"])
        assert told["options_delta"] == pytest.approx(option["delta"]) and option["delta"] > 0
        assert told["options_vega_map"] == {"btc_rub": pytest.approx(option["vega"])}
        assert told["delta_total_map"]["btc_rub"] == pytest.approx(held["delta"] + option["delta"])
        assert told["total_pl"] == pytest.approx(told["futures_pl"] + told["options_pl"])
        for _ in range(2):
            await limit(other, "sell", 0.01, price, instrument_name=future)
        taken = await one("private/buy", instrument_name=future, amount=0.02, type="market")
        assert len(taken["trades"]) == 2, "and so has the log two rows of one command"
        for client in (one, other):
            await check_that_the_log_adds_up(client)
            await client("private/cancel_all")
            await client.close()

    with venue() as opened:
        play(story(opened))


def test_what_a_holder_bears_of_a_loss_and_what_is_on_its_way_out_stand_in_the_log() -> None:
    trading = of_two()
    books = Books(trading.state)
    ann = books.follow(ANN)

    def last_row(*kinds: type[Event], events: Sequence[Event]) -> tuple[str, int, int]:
        told = [one for one in events if isinstance(one, kinds) and one.participant_id == ANN]  # type: ignore[attr-defined]
        books.take(None, [Entry(number, trading.state.now, event) for number, event in enumerate(told, 1)])
        row = ann.log[-1]
        return row.kind, row.change, row.balance

    assert owned(trading.state, ANN, RUBD) == 1_000_000, "what is locked included"
    shared = lose(trading, 180_000)
    assert last_row(LossShared, events=shared) == ("correction", -100_000, 900_000)
    asked = trading.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=30_000))
    assert last_row(WithdrawalRequested, events=asked) == ("withdrawal", -30_000, 870_000)


def test_under_margin_it_is_the_margin_account() -> None:
    async def story(opened: Venue) -> None:
        one, other = [await dial(opened, name) for name in NAMES]
        future = next(name for name in opened.gateway.venue.exchange.state.series if name.count("-") == 1
                      and not name.endswith("PERPETUAL"))  # fmt: skip
        row = await one("public/get_instrument", instrument_name=future)
        margin = opened.gateway.venue.exchange.state.covers.margin
        assert margin is not None
        scenarios = margin.rules.scenarios
        assert row["max_leverage"] == 10_000 // scenarios.price_range_bp > 1
        assert row["max_liquidation_commission"] == margin.rules.liquidation.fee_bp / 10_000
        asked = {"instrument_name": future, "amount": 1.0, "price": 8_000_000.0}
        needs = await one("private/get_margins", **asked)
        resting = await limit(one, "buy", 1.0, 7_900_000.0, instrument_name=future)
        number = resting["order"]["order_id"]
        (alone,) = await one("private/get_order_margin_by_ids", ids=[number])
        assert alone == {
            "order_id": number,
            "initial_margin": needs["buy"],
            "initial_margin_currency": "RUBD",
        }
        await one("private/cancel", order_id=number)
        (gone,) = await one("private/get_order_margin_by_ids", ids=[number])
        assert gone["initial_margin"] == 0.0
        await trade(one, other, future, 1.0)
        await check_that_the_log_adds_up(one)
        told = await summary(one)
        assert needs["buy"] == pytest.approx(told["initial_margin"], rel=0.01) and needs["sell"] > 0
        account = margin.accounts[ParticipantId(NAMES[0])]
        assert told["initial_margin"] == account.required / 100
        assert told["maintenance_margin"] == maintenance_margin(account.initial, scenarios) / 100
        held = await one("private/get_position", instrument_name=future)
        assert held["initial_margin"] == account.initial / 100, "it is all that there is"
        assert 0 < held["maintenance_margin"] <= held["initial_margin"] and held["leverage"] > 1
        assert held["estimated_liquidation_price"] is None, "there is money for any price"
        ledger, at_most = (
            opened.gateway.venue.exchange.state.ledger,
            1_500_000_00,
        )  # nothing is told for so much
        free = ledger.available(account.holder.cash_account) - at_most
        bank = f"cash:{NAMES[1]}:RUBD"
        now = opened.gateway.venue.exchange.state.now
        opened.on_its_thread(lambda: ledger.book(((account.holder.cash_account, bank, free),), now))
        held = await one("private/get_position", instrument_name=future)
        assert 0 < held["estimated_liquidation_price"] < held["mark_price"]
        (listed,) = await one("private/get_positions")
        assert listed["estimated_liquidation_price"] is not None
        assert told["portfolio_margining_enabled"] and told["margin_state"] == "normal"
        for client in (one, other):
            await client.close()

    with venue("ru_open_counterfactual+risk") as opened:
        play(story(opened))


def test_the_rates_in_force_are_told_where_clients_look_for_them() -> None:
    async def story(opened: Venue) -> None:
        one = await dial(opened, NAMES[0])
        told = (await summary(one, extended=True))["limits"]
        assert set(told) == {"limits_per_currency", "non_matching_engine", "matching_engine"}
        assert told["matching_engine"]["trading"]["total"]["burst"] > 0
        assert set(told["matching_engine"]) == {"trading", "spot", "quotes", "cancel_all"}
        await one.close()

    with venue(limits=Limits(rates=STANDARD)) as opened:
        play(story(opened))


def test_an_option_is_told_with_what_bid_and_ask_imply(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = [await dial(open_venue, name) for name in NAMES]
        call = named(open_venue, "-C")
        ticker = await one("public/ticker", instrument_name=call)
        assert (ticker["bid_iv"], ticker["ask_iv"]) == (0.0, 0.0), "where there is neither"
        mark = ticker["mark_price"]
        low, high = round(mark / 200) * 100.0, round(mark / 50) * 100.0
        await limit(one, "buy", 0.01, low, instrument_name=call)
        await limit(other, "sell", 0.01, high, instrument_name=call)
        ticker = await one("public/ticker", instrument_name=call)
        assert 0 < ticker["bid_iv"] < ticker["mark_iv"] < ticker["ask_iv"]
        (traded,) = (await limit(one, "buy", 0.01, high, instrument_name=call))["trades"]
        assert traded["iv"] == pytest.approx(ticker["ask_iv"], rel=0.02)
        (told,) = (await one("public/get_last_trades_by_instrument", instrument_name=call, count=1))["trades"]
        assert told["iv"] == traded["iv"]
        for client in (one, other):
            await client("private/cancel_all")
            await client.close()

    play(story())


def test_money_is_told_in_whole_kopecks() -> None:
    """However often it was bought and sold at prices whose average is none of them."""

    async def story(opened: Venue) -> None:
        one, other = [await dial(opened, name) for name in NAMES]
        mark = round((await one("public/ticker", instrument_name=PERPETUAL))["mark_price"] / 100) * 100.0
        for number, amount in enumerate((0.007, 0.003, 0.011, 0.001, 0.013, 0.002)):
            price = mark + number * 700
            buyer, seller = (one, other) if number % 3 else (other, one)
            await limit(seller, "sell", amount, price)
            await limit(buyer, "buy", amount, price)
        money = {
            "balance",
            "equity",
            "margin_balance",
            "total_pl",
            "session_rpl",
            "session_upl",
            "futures_pl",
        }
        for client in (one, other):
            told, (row,) = await summary(client), await client("private/get_positions")
            sums = [told[key] for key in sorted(money)]
            sums += [value for key, value in row.items() if key.endswith(("profit_loss", "margin"))]
            assert told["session_rpl"] != 0 != told["session_upl"]
            assert sums == [round(one, 2) for one in sums]
            assert told["equity"] == round(told["balance"] + row["floating_profit_loss"], 2)
            await client.close()

    with venue() as opened:
        play(story(opened))

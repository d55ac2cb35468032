"""Orders that are placed together over the wire: how they are asked for, what they tell of each other, refusals."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from exchange import numbered
from tests.gateway.loopback import PERPETUAL, Client, Refused, Venue, around, dial, play, venue


@pytest.fixture(scope="module")
def opened() -> Iterator[Venue]:
    with venue() as one:
        yield one


async def placed(
    client: Client, side: str, kind: str, config: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    params = {"instrument_name": PERPETUAL, "amount": 0.02, "type": "limit", "linked_order_type": kind}
    order: dict[str, Any] = (await client(f"private/{side}", **params, otoco_config=config, **more))["order"]
    return order


async def state_of(client: Client, number: str) -> dict[str, Any]:
    told: dict[str, Any] = await client("private/get_order_state", order_id=number)
    return told


async def exits(client: Client) -> list[dict[str, Any]]:
    """A take-profit and a stop for what was bought around the mark."""
    high, low = await around(client, 1.05), await around(client, 0.93)
    take = {"direction": "sell", "type": "limit", "price": high, "label": "take", "reduce_only": True}
    stop = {"direction": "sell", "type": "stop_market", "trigger": "mark_price", "trigger_price": low}
    return [take, stop | {"label": "stop", "reduce_only": True}]


def test_an_entry_brings_its_exits_which_cancel_each_other(opened: Venue) -> None:
    async def story() -> None:
        one, other = await dial(opened, "everyone-1"), await dial(opened, "everyone-2")
        await one("private/subscribe", channels=["user.orders.any.any.raw"])
        price = await around(one, 0.97)
        config = await exits(one)
        entry = await placed(one, "buy", "one_triggers_one_cancels_other", config, price=price, label="entry")
        assert (entry["is_primary_otoco"], entry["trigger_fill_condition"]) == (True, "first_hit")
        take, stop = entry["oto_order_ids"]
        for number, label in ((take, "take"), (stop, "stop")):
            order = await state_of(one, number)
            assert (order["order_state"], order["label"], order["amount"]) == ("untriggered", label, 0.02)
            assert (order["is_secondary_oto"], order["primary_order_id"]) == (True, entry["order_id"])
            assert order["oco_ref"] == take
        listed = [order["order_id"] for order in await one("private/get_open_orders")]
        assert sorted(listed) == sorted([entry["order_id"], take, stop])
        await other("private/sell", instrument_name=PERPETUAL, amount=0.02, price=price)
        assert (await state_of(one, take))["order_state"] == "open"
        assert (await state_of(one, stop))["order_state"] == "untriggered"
        canceled = await one("private/cancel", order_id=take)
        assert canceled["cancel_reason"] == "user_request"
        gone = await state_of(one, stop)
        assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "oco_other_closed")
        told = [order["order_id"] for order in one.of("user.orders.any.any.raw")]
        assert set(told) == {entry["order_id"], take, stop}
        await one("private/cancel_all")
        for client in (one, other):
            await client.close()

    play(story())


def test_exits_go_with_an_entry_that_is_canceled(opened: Venue) -> None:
    async def story() -> None:
        one = await dial(opened, "everyone-1")
        config = (await exits(one))[:1]
        entry = await placed(one, "buy", "one_triggers_other", config, price=await around(one, 0.9))
        assert entry["is_primary_otoco"] is False
        await one("private/cancel", order_id=entry["order_id"])
        gone = await state_of(one, entry["oto_order_ids"][0])
        assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "oto_primary_closed")
        await one.close()

    play(story())


def test_two_that_cancel_each_other_patiently_or_not(opened: Venue) -> None:
    async def story() -> None:
        one, other = await dial(opened, "everyone-1"), await dial(opened, "everyone-2")
        price = await around(one, 1.02)
        stop = {"direction": "sell", "type": "stop_market", "trigger": "mark_price", "amount": 0.01}
        stop["trigger_price"] = await around(one, 0.9)
        for condition, state in (("first_hit", "cancelled"), ("complete_fill", "untriggered")):
            terms = {"price": price, "trigger_fill_condition": condition}
            take = await placed(one, "sell", "one_cancels_other", [stop], **terms)
            assert take["trigger_fill_condition"] == condition and "oto_order_ids" not in take
            pair = [order for order in await one("private/get_open_orders") if order.get("oco_ref")]
            assert {order["oco_ref"] for order in pair} == {take["oco_ref"]} and len(pair) == 2
            second = next(order for order in pair if order["order_id"] != take["order_id"])
            assert (second["amount"], second["order_type"]) == (0.01, "stop_market")
            await other("private/buy", instrument_name=PERPETUAL, amount=0.01, price=price)
            assert (await state_of(one, second["order_id"]))["order_state"] == state
            await one("private/cancel_all")
        for client in (one, other):
            await client.close()

    play(story())


def test_what_no_such_orders_could_be_is_refused_and_none_is_placed(opened: Venue) -> None:
    async def story() -> None:
        one = await dial(opened, "everyone-1")
        await one("private/cancel_all")
        low, high = await around(one, 0.95), await around(one, 1.05)
        take = {"direction": "sell", "price": high}
        oto, oco, otoco = "one_triggers_other", "one_cancels_other", "one_triggers_one_cancels_other"
        cases: list[tuple[str, list[dict[str, Any]], dict[str, Any], int, str]] = [
            (otoco, [take], {}, -32602, "must list 2"),
            (oco, [take, take], {}, -32602, "must list 1"),
            (oto, [], {}, -32602, "must list 1 or 2"),
            ("one_by_one", [take], {}, -32602, "linked_order_type"),
            (oto, [take], {"trigger_fill_condition": "incremental"}, 11047, "first_hit or complete_fill"),
            (oto, [{"direction": "sell"}], {}, -32602, "price"),
            (oto, [take | {"amount": 0.00001}], {}, 10002, "at least"),
            (oto, [take | {"anything": 1}], {}, -32602, "anything"),
            (oto, [take | {"price": high * 100}], {}, 10011, "price_outside_collar"),
            (oco, [take | {"time_in_force": "immediate_or_cancel"}], {}, 10011, "linked_would_trade"),
        ]
        for kind, config, more, code, why in cases:
            with pytest.raises(Refused, match=why) as refused:
                await placed(one, "buy", kind, config, price=low, **more)
            assert refused.value.code == code, (kind, config)
        alone = {"instrument_name": PERPETUAL, "amount": 0.01, "price": low, "otoco_config": [take]}
        with pytest.raises(Refused, match="linked_order_type"):
            await one("private/buy", **alone)
        assert await one("private/get_open_orders") == []
        await one.close()

    play(story())


def test_over_http_the_others_are_told_as_text_and_sent_again_they_are_placed_once(
    opened: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbered, "BLOCK", 1)

    async def prices() -> tuple[float, float]:
        one = await dial(opened, "everyone-2")
        found = (await around(one, 0.95), await around(one, 1.05))
        await one.close()
        return found

    low, high = play(prices())
    key = opened.keys["everyone-2"]
    params: dict[str, Any] = {
        "instrument_name": PERPETUAL,
        "amount": 0.01,
        "price": low,
        "client_order_id": 77,
        "linked_order_type": "one_triggers_other",
        "otoco_config": json.dumps([{"direction": "sell", "price": high}]),
    }
    with httpx.Client(base_url=opened.http, auth=(key.client_id, key.secret)) as http:
        first = http.get("/api/v2/private/buy", params=params).json()["result"]
        again = http.get("/api/v2/private/buy", params=params).json()["result"]
        assert again["duplicate"] and again["order"] == first["order"]
        assert len(http.get("/api/v2/private/get_open_orders").json()["result"]) == 2
        for number in (78, 79, 80):  # enough for what was asked first to be folded away
            one = {"instrument_name": PERPETUAL, "amount": 0.01, "price": low, "client_order_id": number}
            order = http.get("/api/v2/private/buy", params=one).json()["result"]["order"]
            http.get("/api/v2/private/cancel", params={"order_id": order["order_id"]})
        folded = http.get("/api/v2/private/buy", params=params).json()["result"]
        assert (folded["duplicate"], folded["order"]) == (True, first["order"])
        other = params | {"otoco_config": json.dumps([{"direction": "sell", "price": high - 100}])}
        refused = http.get("/api/v2/private/buy", params=other).json()["error"]
        assert refused["data"]["reason"] == "exists_with_different_terms"
        for wrong in ("[", "1", '{"direction": "sell"}'):
            refused = http.get("/api/v2/private/buy", params=params | {"otoco_config": wrong}).json()["error"]
            assert refused["code"] == -32602 and refused["data"]["param"].startswith("otoco_config")
        assert http.get("/api/v2/private/cancel_all").json()["result"] == 2

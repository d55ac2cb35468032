"""How much may be asked: credits that leak, a pool of its own for cancels, and an answer that says how long to wait."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.gateway.dispatch import Call
from exchange.gateway.jsonrpc import Request
from exchange.gateway.registry import Pool
from exchange.gateway.throttle import Bucket, Limits, Rate
from exchange.gateway.venue import Standing
from scenarios.founding import found
from tests.gateway.loopback import PERPETUAL, Refused, around, dial, limit, play, venue


@given(
    rate=st.floats(1, 1_000),
    burst=st.integers(1, 500),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_nobody_gets_more_than_the_burst_and_what_leaks(rate: float, burst: int, gaps: list[float]) -> None:
    bucket, now, passed = Bucket(Rate(rate, burst)), 0.0, 0
    for gap in gaps:
        now += gap
        wait = bucket.take(1, now)
        passed += not wait
        assert wait >= 0
        if wait:
            assert Bucket(bucket.rate, bucket.level, bucket.at).take(1, now + wait + 1e-6) == 0.0
    assert passed <= burst + rate * now + 1


def test_over_the_limit_one_is_told_how_long_to_wait_and_cancels_still_pass() -> None:
    rates = {Pool.READ: Rate(1_000, 1_000), Pool.MATCHING: Rate(5, 10), Pool.CANCEL: Rate(1_000, 1_000)}

    async def story() -> None:
        client, other = await dial(opened, "everyone-1"), await dial(opened, "everyone-2")
        low = await around(client, 0.95)
        for _ in range(10):
            await limit(client, "buy", 0.001, low)
        with pytest.raises(Refused) as refused:
            for _ in range(3):
                await limit(client, "buy", 0.001, low)
        assert refused.value.code == 10028
        assert 0 < refused.value.told["wait"] <= 0.2 and refused.value.told["retry_after_ms"] > 0
        assert await client("private/cancel_all") >= 10
        assert (await limit(other, "buy", 0.001, low))["order"]["order_state"] == "open"
        told = await client("private/get_account_summary", currency="RUBD", extended=True)
        assert told["limits"]["matching_engine"]["trading"]["total"] == {"rate": 5, "burst": 10}
        for one in (client, other):
            await one.close()

    with venue(limits=Limits(rates=rates)) as opened:
        play(story())
        response = opened.get("/api/v2/public/get_time")
        assert response.status_code == 200


def test_http_says_429() -> None:
    rates = dict.fromkeys(Pool, Rate(0.001, 2))
    with venue(limits=Limits(rates=rates)) as opened:
        statuses = [opened.get("/api/v2/public/get_time").status_code for _ in range(3)]
        assert statuses == [200, 200, 429]


OPEN = {Pool.READ: Rate(1_000, 1_000), Pool.CANCEL: Rate(1_000, 1_000)}


def test_over_the_limit_one_is_told_once_and_read_no_further_and_nobody_else_waits() -> None:
    """The pause is an hour here: what is sent in it stays where it is, and another socket of the same key goes on."""
    rates = OPEN | {Pool.MATCHING: Rate(0.001, 1)}

    async def story() -> None:
        client, other = await dial(opened, "everyone-1"), await dial(opened, "everyone-1")
        low = await around(client, 0.95)
        await limit(client, "buy", 0.001, low)
        with pytest.raises(Refused) as refused:
            await limit(client, "buy", 0.001, low)
        assert refused.value.code == 10028 and refused.value.told["retry_after_ms"] > 0
        before = len(client.messages)
        for _ in range(50):
            await client.socket.send('{"id":7,"method":"private/buy","params":{}}')
        assert await other("private/cancel_all") == 1
        assert len(client.messages) == before
        client.socket.transport.abort()
        await other.close()

    with venue(limits=Limits(rates=rates, pause=3_600.0)) as opened:
        play(story())


def test_who_goes_on_asking_too_much_is_closed_after_so_many_times() -> None:
    rates = OPEN | {Pool.MATCHING: Rate(0.001, 1)}

    async def story() -> None:
        client = await dial(opened, "everyone-1")
        for _ in range(50):
            await client.socket.send('{"id":7,"method":"private/buy","params":{"instrument_name":"x"}}')
        await client._reader
        codes = [one["error"]["code"] for one in client.messages if one["id"] == 7]
        assert codes == [13020, 10028, 10028, 10028, 10028]
        assert (client.socket.close_code, client.socket.close_reason) == (1008, "too_many_requests")

    with venue(limits=Limits(rates=rates, pause=0.0, patience=Rate(0.001, 3))) as opened:
        play(story())


def test_orders_that_wait_for_a_price_are_bounded_though_they_hold_no_money() -> None:
    async def story() -> None:
        client, other = await dial(opened, "everyone-1"), await dial(opened, "everyone-2")
        high = await around(client, 1.05)
        stop = {"type": "stop_market", "trigger": "last_price", "trigger_price": high}
        order = {"instrument_name": PERPETUAL, "amount": 0.01} | stop
        for _ in range(3):
            assert (await client("private/buy", **order))["order"]["order_state"] == "untriggered"
        with pytest.raises(Refused) as refused:
            await client("private/buy", **order)
        assert refused.value.code == 11035
        assert (await other("private/buy", **order))["order"]["order_state"] == "untriggered"
        assert await client("private/cancel_all") == 3
        assert (await client("private/buy", **order))["order"]["order_state"] == "untriggered"
        for one in (client, other):
            await one.close()

    with venue(limits=Limits(triggers=3)) as opened:
        play(story())


def test_nonsense_is_no_cheaper_than_sense() -> None:
    rates = OPEN | {Pool.READ: Rate(0.001, 5), Pool.MATCHING: Rate(1, 1)}

    async def story() -> None:
        client = await dial(opened)
        private = '{"id":1,"method":"private/get_positions"}'
        for frame in ("{nonsense", b"\x00", "[]", '{"id":1,"method":"public/nope"}', private, private, "19"):
            await client.socket.send(frame)
        while len(client.messages) < 7:
            await asyncio.sleep(0.01)
        codes = [one["error"]["code"] for one in client.messages]
        assert codes == [-32700, -32600, -32600, -32601, 13009, 10028, 10028]
        await client.close()

    with venue(limits=Limits(rates=rates, pause=0.0)) as opened:
        play(story())
        assert opened.post("/api/v2", content=b"{nonsense").status_code == 429


def test_over_http_each_key_waits_in_its_own_name() -> None:
    founded = found("market_day", "ru_open_counterfactual", population=0, makers=False)
    gateway = founded.gateway
    gateway.venue.standing = Standing.OPEN
    keys = [demo.key for demo in founded.demos if demo.key and demo.key.participant_id]
    waiting = []
    for _ in range(5):
        for key in keys:
            call = Call(gateway, key, None, "here")
            gateway.handle(Request(1, "private/cancel_all", {}), call, 0, lambda *_: None)
            waiting.append(len(gateway.venue._turns))
    assert waiting[-1] == len(keys) > 1

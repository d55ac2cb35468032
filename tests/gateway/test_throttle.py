"""How much may be asked: credits that leak, a pool of its own for cancels, and an answer that says how long to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.gateway.registry import Pool
from exchange.gateway.throttle import Bucket, Limits, Rate
from tests.gateway.loopback import Refused, around, dial, limit, play, venue


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

"""Thousands of requests that are nearly right: no internal error, no silence, and the books stay as they are.
`tests.reliability.malformed` makes and sends them; it sends more with `python -m tests.reliability.malformed 10000`.
"""

import logging
from itertools import islice
from typing import Any

import pytest

from tests.gateway.loopback import Venue, dial, limit, play
from tests.reliability.malformed import NAMED, Sender, cases

FRAMES = 500  # of each kind of sender


def books(venue: Venue) -> tuple[Any, ...]:
    state = venue.gateway.venue.exchange.state
    orders = [sorted(seat.orders) + sorted(seat.waiting) for seat in state.seats.values()]
    return state.ledger.head(), orders, len(state.seats), sorted(venue.gateway.ring.keys)


@pytest.fixture(scope="module")
def canary(open_venue: Venue) -> str:
    """An order of somebody else's that must outlive everything."""

    async def story() -> str:
        client = await dial(open_venue, "everyone-2")
        order_id: str = (await limit(client, "buy", 0.01, 7_600_000.0))["order"]["order_id"]
        await client.close()
        return order_id

    return play(story())


def sender(venue: Venue, name: str | None, seed: int) -> Sender:
    key = venue.keys[name] if name else None
    return Sender(venue.port, (key.client_id, key.secret) if key else None, seed)


@pytest.mark.parametrize("transport", ["websocket", "http"])
@pytest.mark.parametrize("name", ["everyone-1", "operator", None])
def test_no_request_breaks_anything(
    open_venue: Venue, canary: str, name: str | None, transport: str, server_log: list[logging.LogRecord]
) -> None:
    before = open_venue.on_its_thread(lambda: books(open_venue))
    one = sender(open_venue, name, 20_261_130)
    one.over_websocket(FRAMES) if transport == "websocket" else one.over_http(FRAMES // 2)
    assert open_venue.on_its_thread(lambda: books(open_venue)) == before
    errors = [record for record in server_log if record.levelno >= logging.ERROR]
    assert errors == []
    assert one.told["-32602"] and one.told["result"] and one.told["-32700"]

    async def story() -> None:
        client = await dial(open_venue, "everyone-2")
        assert (await client("private/get_order_state", order_id=canary))["order_state"] == "open"
        await client.close()

    play(story())


def test_the_cases_reach_every_method_and_are_the_same_for_the_same_seed() -> None:
    some, again = (list(islice(cases(7), 2_000)) for _ in range(2))
    assert some == again
    text = "\n".join(case.data for case in some if isinstance(case.data, str))
    assert all(f'"{method.name}"' in text for method in NAMED)

"""The clock of the venue: simulated time, and how fast it runs."""

from typing import Any

from exchange.gateway.dispatch import Call
from exchange.gateway.registry import REGISTRY, Access, NoParams
from exchange.gateway.wire import milliseconds


@REGISTRY.method("simulation/get_clock", Access.PUBLIC)
def get_clock(call: Call, params: NoParams) -> dict[str, Any]:
    """Engine time in nanoseconds since 1970, its speed against the wall, and when something falls due next."""
    venue = call.gateway.venue
    due = venue.world.next_due()
    return {
        "time_ns": venue.now,
        "timestamp": milliseconds(venue.now),
        "speed": venue.clock.speed,
        "next_due": None if due is None else milliseconds(due),
        "session_open": call.state.session_open,
        "sessions": [
            {"opens": milliseconds(one.opens), "closes": milliseconds(one.closes)}
            for one in call.state.sessions
        ],
        "sequence": venue.exchange.sequence,
    }

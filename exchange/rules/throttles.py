"""How many requests a participant may send."""

from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from exchange.units import SECOND


def within_rate(_order: Order, seat: Seat, _series: Series, state: State) -> RejectReason | None:
    assert state.regime is not None, "whoever has a seat entered under a regime"
    allowed = state.regime.market.max_requests_per_second
    if allowed is None or seat.requests_second != state.now // SECOND:
        return None
    return RejectReason.TOO_MANY_REQUESTS if seat.requests > allowed else None


def count_request(seat: Seat, state: State) -> None:
    """Count one request of the participant in the present second, if requests are limited at all."""
    if state.regime is None or state.regime.market.max_requests_per_second is None:
        return
    second = state.now // SECOND
    if second != seat.requests_second:
        seat.requests_second, seat.requests = second, 0
    seat.requests += 1

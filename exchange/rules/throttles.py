"""How many orders a participant may have open, and how many requests it may send."""

from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from exchange.units import SECOND


def within_counts(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """Open orders first, then requests: one rule, for it is asked of every order and hardly ever has much to say."""
    if len(seat.orders) + len(seat.waiting) >= state.many_orders and order.replaces is None:
        never_rests = order.instructions.immediate and order.trigger is None
        reason = None if never_rests else beyond_open_orders(1, seat, series, state)
        if reason is not None:
            return reason
    return within_rate(seat, state)


def beyond_open_orders(coming: int, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """Why the participant may not have so many more orders open in the series, or None."""
    live = (*seat.orders.values(), *seat.waiting.values())
    if len(live) + coming > state.max_open_orders:
        return RejectReason.MAX_OPEN_ORDERS
    here = sum(one.instrument is series.instrument for one in live)
    most = state.max_open_orders_per_instrument
    return RejectReason.MAX_OPEN_ORDERS_PER_INSTRUMENT if here + coming > most else None


def within_rate(seat: Seat, state: State) -> RejectReason | None:
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

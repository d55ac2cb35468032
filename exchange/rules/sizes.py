"""How large an order may be."""

from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State


def quantity_allowed(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    if order.remaining < 1:
        return RejectReason.QUANTITY_NOT_POSITIVE
    if order.remaining > series.instrument.max_quantity:
        return RejectReason.QUANTITY_TOO_LARGE
    return None

"""Whether a position on one coin would become larger than the regime lets anybody have."""

from exchange.access.positions import units_of
from exchange.access.regime import PositionLimit
from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from matching.terms import ParticipantId


def within_position_limit(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """What is held, with all live orders to the same side and this one filled, stays within the limit.

    A position that was larger before the limit came is grandfathered: whatever makes it smaller passes.
    """
    limit = series.position_limit
    if limit is None or limit.units is None:
        return None
    added = units_of(order.instrument, order.side * order.remaining)
    side = 1 if added > 0 else -1
    ordered = sum(
        max(side * units_of(other.instrument, other.side * other.remaining), 0)
        for other in seat.orders.values()
        if other.order_id != order.order_id
        and state.series[other.instrument.instrument_id].position_limit is limit
    )
    held = side * held_under(limit, seat.participant_id, state)
    return RejectReason.POSITION_LIMIT if held + ordered + side * added > limit.units else None


def held_under(limit: PositionLimit, participant_id: ParticipantId, state: State) -> int:
    """The net position over all series under the limit, in hundred-millionths of a unit; long is positive."""
    return sum(
        units_of(one.instrument, state.covers.position(participant_id, instrument_id))
        for instrument_id, one in state.series.items()
        if one.position_limit is limit
    )

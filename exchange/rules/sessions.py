"""Who may order now: the venue's session, the participant's state, the series' state."""

from exchange.clearing.expiry import is_trading
from exchange.events import SeriesState
from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State


def session_open(_order: Order, _seat: Seat, _series: Series, state: State) -> RejectReason | None:
    return None if state.session_open else RejectReason.SESSION_CLOSED


def participant_not_suspended(
    _order: Order, seat: Seat, _series: Series, _state: State
) -> RejectReason | None:
    if seat.defaulted:
        return RejectReason.PARTICIPANT_DEFAULTED
    return RejectReason.PARTICIPANT_SUSPENDED if seat.suspended else None


def series_trading(_order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    if is_trading(series.state):
        return None
    if series.state is SeriesState.SUSPENDED:
        return RejectReason.INSTRUMENT_HALTED
    return RejectReason.INSTRUMENT_EXPIRED

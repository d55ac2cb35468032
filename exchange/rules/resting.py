"""What the market itself says to an order: its phase, icebergs, minimum quantities, post-only, fill-or-kill."""

from typing import Final

from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from matching.terms import TimeInForce

_GTD: Final = TimeInForce.GTD  # a plain name: it is asked of every order


def ends_ahead(order: Order, _seat: Seat, _series: Series, state: State) -> RejectReason | None:
    """A good-til-date order, and no other, ends at an hour that lies ahead."""
    dated = order.instructions.time_in_force is _GTD
    if dated != (order.good_until is not None) or (dated and order.good_until <= state.now):  # type: ignore[operator]
        return RejectReason.GOOD_UNTIL_NOT_AHEAD
    return None


def quotes_not_frozen(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """The market-maker protection has not taken the participant's quotes off a moment ago."""
    if not order.is_quote:
        return None
    protection = seat.protections.get(series.instrument.instrument_id)
    return RejectReason.QUOTES_FROZEN if protection is not None and protection.frozen(state.now) else None


def may_wait(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    """An order that waits says for which price, and that has not come yet; be it new or amended."""
    if order.trigger is None:
        return RejectReason.TRIGGER_INCOMPLETE
    if order.replaces is None:
        refusal = series.market.wait_refusal(order, order.trigger)
    else:
        another = order.trigger if order.trigger is not order.replaces.trigger else None
        refusal = series.market.rewait_refusal(order, another)
    return None if refusal is None else RejectReason(refusal.value)


def holds_together(order: Order, series: Series) -> RejectReason | None:
    """Of an order that is held back: its instructions contradict neither each other nor its quantity."""
    refusal = series.market.hold_back_refusal(order)
    return None if refusal is None else RejectReason(refusal.value)


def fits_the_market(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    """Nothing in the instrument's phase or book speaks against it, be it new or amended."""
    if order.replaces is None:
        refusal = series.market.refusal(order)
    else:
        refusal = series.market.amend_refusal(order.order_id, order.price, order.remaining)
    return None if refusal is None else RejectReason(refusal.value)

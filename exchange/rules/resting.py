"""Orders with a will of their own about meeting the book: post-only and fill-or-kill."""

from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from matching.continuous import fillable
from matching.terms import SelfTradePrevention, TimeInForce


def post_only_rests(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    if not order.post_only:
        return None
    if order.time_in_force is not TimeInForce.GTC:
        return RejectReason.POST_ONLY_NEEDS_REST
    if series.book.would_trade(order.side, order.price):
        return RejectReason.POST_ONLY_WOULD_TRADE
    return None


def fill_or_kill_fills(order: Order, _seat: Seat, series: Series, state: State) -> RejectReason | None:
    if order.time_in_force is not TimeInForce.FOK:
        return None
    if fillable(series.book, order, prevention_in_force(state)) < order.remaining:
        return RejectReason.UNFILLABLE_AT_ONCE
    return None


def prevention_in_force(state: State) -> SelfTradePrevention:
    assert state.regime is not None, "whoever has a seat entered under a regime"
    return state.regime.market.self_trade_prevention

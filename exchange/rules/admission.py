"""What an order must pass before it may meet the book.

A rule answers one question and changes nothing. To add one: write the function, name its reason in
`reasons.py`, and put it in `ADMISSION` at its precedence.
"""

from collections.abc import Callable
from typing import TypeAlias

from exchange.reasons import RejectReason
from exchange.rules.cover import covered, within_purchases
from exchange.rules.permitted import cooled_off, product_permitted, reduces_if_it_must
from exchange.rules.positions import within_position_limit
from exchange.rules.prices import inside_band, inside_collar, somebody_opposite
from exchange.rules.resting import ends_ahead, fits_the_market, holds_together, may_wait, quotes_not_frozen
from exchange.rules.sessions import participant_not_suspended, series_trading, session_open
from exchange.rules.sizes import quantity_allowed
from exchange.rules.throttles import within_counts
from exchange.state import Order, Seat, Series, State

Rule: TypeAlias = Callable[[Order, Seat, Series, State], RejectReason | None]

ADMISSION: tuple[Rule, ...] = (
    session_open,
    participant_not_suspended,
    series_trading,
    quotes_not_frozen,
    product_permitted,
    cooled_off,
    quantity_allowed,
    somebody_opposite,
    inside_collar,
    inside_band,
    ends_ahead,
    fits_the_market,
    reduces_if_it_must,
    within_position_limit,
    within_purchases,
    covered,
    within_counts,
)


WAITING: tuple[Rule, ...] = (
    session_open,
    participant_not_suspended,
    series_trading,
    product_permitted,
    quantity_allowed,
    inside_collar,
    ends_ahead,
    may_wait,
    within_counts,
)
HELD_BACK = tuple(rule for rule in WAITING if rule not in (may_wait, within_counts))
FIRED = tuple(
    rule for rule in ADMISSION if rule is not within_counts
)  # it is counted, and to fire is no request


def first_refusal_to_wait(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """The same for an order that waits for a price: what will be looked at when it fires is left until then."""
    return _first(WAITING, order, seat, series, state)


def first_refusal_to_follow(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """The same for an order that is to come after another one, with whose request it came."""
    return _first(HELD_BACK, order, seat, series, state) or holds_together(order, series)


def first_refusal_when_fired(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """The same once its price has come."""
    return _first(FIRED, order, seat, series, state)


def first_refusal(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """The first reason in order of precedence, or None if the order may enter."""
    return _first(ADMISSION, order, seat, series, state)


def _first(
    rules: tuple[Rule, ...], order: Order, seat: Seat, series: Series, state: State
) -> RejectReason | None:
    for rule in rules:
        reason = rule(order, seat, series, state)
        if reason is not None:
            return reason
    return None

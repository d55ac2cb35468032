"""What an order must pass before it may meet the book.

A rule answers one question and changes nothing. To add one: write the function, name its reason in
`reasons.py`, and put it in `ADMISSION` at its precedence.
"""

from collections.abc import Callable
from typing import TypeAlias

from exchange.reasons import RejectReason
from exchange.rules.cover import covered
from exchange.rules.permitted import product_permitted, reduces_if_it_must
from exchange.rules.prices import inside_band, inside_collar, somebody_opposite
from exchange.rules.resting import fill_or_kill_fills, post_only_rests
from exchange.rules.sessions import participant_not_suspended, series_trading, session_open
from exchange.rules.sizes import quantity_allowed
from exchange.rules.throttles import within_rate
from exchange.state import Order, Seat, Series, State

Rule: TypeAlias = Callable[[Order, Seat, Series, State], RejectReason | None]

ADMISSION: tuple[Rule, ...] = (
    session_open,
    participant_not_suspended,
    series_trading,
    product_permitted,
    quantity_allowed,
    somebody_opposite,
    inside_collar,
    inside_band,
    post_only_rests,
    fill_or_kill_fills,
    reduces_if_it_must,
    covered,
    within_rate,
)


def first_refusal(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """The first reason in order of precedence, or None if the order may enter."""
    for rule in ADMISSION:
        reason = rule(order, seat, series, state)
        if reason is not None:
            return reason
    return None

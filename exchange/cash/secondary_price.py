"""What a coin is worth between people: from its own book, or in reduced form. Millionths of par, whole numbers.

    P = clip(V - a * backlog / supply - b * [redemption is shut] + arbitrage, 0, 1.02)

V is what stands behind a coin, by its reserves or by its issuer's word, whichever was told last. The form is ours.
That more able arbitrage holds the price up is in Ma, Zeng and Zhang, "Stablecoin Runs and the Centralization of
Arbitrage" (2023); that it makes a run more likely is not in this formula.
"""

from exchange.cash.terms import ReducedForm
from exchange.clearing.rounding import divide_half_even, divide_up
from exchange.instruments import PAR_PPM
from exchange.units import BasisPoints, Money
from matching.terms import Price

HIGHEST_PPM = 1_020_000  # minting would bring it down from there


def reduced_form_price(
    form: ReducedForm, *, value_ppm: int, backlog: Money, supply: Money, shut: bool
) -> int:
    """Redeemers close a part of what the queue takes off, as far as they are able, and nothing while it is shut.

    The discount for the queue is rounded up.
    """
    queued = divide_up(form.backlog_weight_ppm * backlog, supply) if supply > 0 else 0
    closed = 0 if shut else min(queued, form.arbitrage_ppm)
    price = value_ppm - queued - (form.shut_discount_ppm if shut else 0) + closed
    return min(max(price, 0), HIGHEST_PPM)


def book_price(
    bid: Price | None, ask: Price | None, last: Price | None, *, tick_ppm: int, width_bp: BasisPoints
) -> int | None:
    """The mid while both sides stand close enough together, else the last trade; None if there is neither.

    Closeness is a share of the mid; a mid between two millionths goes to the even one.
    """
    if bid is not None and ask is not None and 2 * 10_000 * (ask - bid) <= width_bp * (ask + bid):
        return divide_half_even((bid + ask) * tick_ppm, 2)
    return None if last is None else last * tick_ppm


def value_ppm(stuck_ppm: int, *, covered: bool) -> int:
    """What stands behind a coin while a share of the reserves cannot be reached and nobody has said to cover it."""
    return PAR_PPM if covered else PAR_PPM - stuck_ppm


def reserves_value_ppm(accessible: Money, supply: Money) -> int:
    """What stands behind a coin by what its issuer can reach of the reserves; rounded down, at most par."""
    return min(accessible * PAR_PPM // supply, PAR_PPM) if supply > 0 else PAR_PPM

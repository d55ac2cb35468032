"""The mark of a future: the index and a smoothed premium of its own book over it, held close to the index.

    mark = index + EMA of (fair - index)        fair = mid of what some lots could be sold and bought for

in the shape that Deribit and Thalex publish. Whole numbers throughout: the premium is kept in millionths of
an index unit, and its rounding moves a mark by less than a ten-thousandth of one. The marks of options are
made from these, in pricing.
"""

from exchange.clearing.rounding import divide_half_even, divide_up, to_tick
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.units import BasisPoints, IndexPrice
from matching.book import BookSide
from matching.terms import Price, Quantity

FINE = 1_000_000  # parts of an index unit in which a premium is kept
ONE_IN_BP = 10_000


class MarkTerms(Message):
    """How the marks of futures are made. Observed once a second, 30 observations are a weight of 2/31 each."""

    observations: int = 30
    depth: Quantity = 1_000  # lots of each side of the book that make a fair price
    most_premium_bp: BasisPoints = 100  # how far a mark may be from the index


class FutureMark:
    """One future's mark, made anew with each observation. It begins at a given price, its reference."""

    __slots__ = ("_terms", "_tick", "mark", "premium")

    def __init__(self, instrument: Instrument, terms: MarkTerms) -> None:
        self._terms = terms
        self._tick = instrument.tick
        self.mark: Price = instrument.reference
        self.premium = 0  # smoothed, in millionths of an index unit

    def observe(
        self, index_value: IndexPrice | None, bid_cost: Price | None, ask_cost: Price | None
    ) -> Price:
        """The mark after one more observation.

        The costs are those of `depth` lots, by `cost_of`; without both the premium decays to nothing, and the
        mark goes to the index. Without an index value, as when it is stale, all stays as it is.
        """
        if index_value is None:
            return self.mark
        premium = 0
        if bid_cost is not None and ask_cost is not None:
            lots = 2 * self._terms.depth
            premium = divide_half_even(((bid_cost + ask_cost) * self._tick - index_value * lots) * FINE, lots)
        count = self._terms.observations
        self.premium = divide_half_even((count - 1) * self.premium + 2 * premium, count + 1)
        nearest = to_tick(index_value * FINE + self.premium, self._tick * FINE, self.mark)
        self.mark = self._near(index_value, nearest)
        return self.mark

    def _near(self, index_value: IndexPrice, mark: Price) -> Price:
        """`mark`, or the outermost tick within the band around the index."""
        band, scale = self._terms.most_premium_bp, ONE_IN_BP * self._tick
        low = divide_up(index_value * (ONE_IN_BP - band), scale)
        high = index_value * (ONE_IN_BP + band) // scale
        return min(max(mark, low), high) if low <= high else mark


def fault_in_marks(terms: MarkTerms) -> str | None:
    """Why marks cannot be made by these terms, or None. The remedy is part of the sentence."""
    if terms.observations < 1:
        return f"observations must be one or more, not {terms.observations}; 1 means no smoothing"
    if terms.depth < 1:
        return f"depth must be a lot or more, not {terms.depth}"
    if not 50 <= terms.most_premium_bp <= 200:
        return f"most_premium_bp must be between 50 and 200, not {terms.most_premium_bp}"
    return None


def cost_of(side: BookSide, quantity: Quantity) -> Price | None:
    """Ticks for which the first `quantity` displayed lots of one side would trade; None if it has fewer."""
    cost = 0
    for level in side:
        if level.quantity >= quantity:
            return cost + quantity * level.price
        cost += level.quantity * level.price
        quantity -= level.quantity
    return None

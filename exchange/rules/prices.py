"""Where an order may be priced: inside the collar, near the index, and how far a market order may go."""

from exchange.instruments import FUTURES, Product
from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from exchange.units import IndexPrice
from matching.terms import Price, Side

BANDED = (
    *FUTURES,
    Product.SPOT,
    Product.CASH_PAIR,
)  # whose price can be held against the index, or par


def somebody_opposite(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    """A market order needs a best opposite price to be protected from, unless it is for an auction."""
    at_once = order.at_market and order.instructions.immediate
    empty = at_once and series.book.opposite(order.side).best is None
    return RejectReason.NO_OPPOSITE_PRICE if empty else None


def inside_collar(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    """Inside the collar and the limits of the day, which are reckoned when it begins."""
    if series.lowest_price <= order.price <= series.highest_price:
        return None
    terms = series.instrument
    within = terms.lowest_price <= order.price <= terms.highest_price
    return RejectReason.PRICE_BEYOND_DAILY_LIMIT if within else RejectReason.PRICE_OUTSIDE_COLLAR


def inside_band(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    """A future, or spot, no further from the index than the band; a stale index holds the band where it was.

    One cash asset against another, no further from its reference at listing.
    """
    terms = series.instrument
    if terms.product not in BANDED:
        return None
    reference = reference_price(series)
    off = abs(order.price * terms.tick - reference)
    return RejectReason.PRICE_OUTSIDE_BAND if off * 10_000 > terms.price_band_bp * reference else None


def reference_price(series: Series) -> IndexPrice:
    """The latest index; before there is one, or if there is none, the price at listing."""
    latest = series.latest_index
    return latest.value if latest else series.instrument.reference * series.instrument.tick


def protection_price(side: Side, series: Series) -> Price | None:
    """The worst price at which a market order may trade, rounded towards the market, or None if nobody is there.

    It is the best opposite price moved by `protection_bp`, and never outside band or collar.
    """
    best = series.book.opposite(side).best
    if best is None:
        return None
    reach = best.price * series.instrument.protection_bp // 10_000
    furthest = furthest_price(side, series)
    return min(best.price + reach, furthest) if side > 0 else max(best.price - reach, furthest)


def furthest_price(side: Side, series: Series) -> Price:
    """The worst price at which anybody may order now: the edge of band and collar, whichever is nearer."""
    terms = series.instrument
    lowest, highest = series.lowest_price, series.highest_price
    if terms.product in BANDED:
        reference = reference_price(series)
        band = reference * terms.price_band_bp // 10_000
        lowest = max(lowest, -((band - reference) // terms.tick))
        highest = min(highest, (reference + band) // terms.tick)
    return highest if side > 0 else lowest

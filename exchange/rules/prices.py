"""Where an order may be priced: inside the collar, near the index, and how far a market order may go."""

from exchange.instruments import ContractKind
from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from exchange.units import IndexPrice
from matching.terms import Price, Side


def somebody_opposite(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    """A market order needs a best opposite price to be protected from."""
    empty = order.at_market and series.book.opposite(order.side).best is None
    return RejectReason.NO_OPPOSITE_PRICE if empty else None


def inside_collar(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    inside = series.lowest_price <= order.price <= series.highest_price
    return None if inside else RejectReason.PRICE_OUTSIDE_COLLAR


def inside_band(order: Order, _seat: Seat, series: Series, _state: State) -> RejectReason | None:
    """A future no further from the index than the band; a stale index holds the band where it was."""
    terms = series.instrument
    if terms.kind is not ContractKind.CAPPED_FUTURE:
        return None
    reference = reference_price(series)
    off = abs(order.price * terms.tick - reference)
    return RejectReason.PRICE_OUTSIDE_BAND if off * 10_000 > terms.price_band_bp * reference else None


def reference_price(series: Series) -> IndexPrice:
    """The latest index; before there is one, the price at listing."""
    latest = series.index.latest
    return latest.value if latest else series.instrument.reference * series.instrument.tick


def protection_price(side: Side, series: Series) -> Price | None:
    """The worst price at which a market order may trade, rounded towards the market, or None if nobody is there.

    It is the best opposite price moved by `protection_bp`, and never outside band or collar.
    """
    terms = series.instrument
    best = series.book.opposite(side).best
    if best is None:
        return None
    lowest, highest = series.lowest_price, series.highest_price
    if terms.kind is ContractKind.CAPPED_FUTURE:
        reference = reference_price(series)
        band = reference * terms.price_band_bp // 10_000
        lowest = max(lowest, -((band - reference) // terms.tick))
        highest = min(highest, (reference + band) // terms.tick)
    reach = best.price * terms.protection_bp // 10_000
    return min(best.price + reach, highest) if side > 0 else max(best.price - reach, lowest)

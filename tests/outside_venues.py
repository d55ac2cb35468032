"""Short ways to say what the outside venues of an index show."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from exchange.clearing.index import Index
from exchange.commands import IndexTerms, VenueQuote
from exchange.units import SECOND, IndexId, Time

FOUR = ("Amber", "Basalt", "Cedar", "Dune")


def index_terms(weights: Mapping[str, int] | None = None, **others: Any) -> IndexTerms:
    """Four venues of equal weight, unless told otherwise."""
    weights = weights or dict.fromkeys(FOUR, 250_000)
    return IndexTerms(
        index_id=IndexId("BTC_RUB"), venues=tuple(weights), weights_ppm=tuple(weights.values()), **others
    )


def an_index(weights: Mapping[str, int] | None = None, **others: Any) -> Index:
    return Index(index_terms(weights, **others))


def show(index: Index, at: Time, mids: Mapping[str, int], spread: int = 2) -> None:
    """Each venue shows a bid and an ask around its mid price, in index units, at second `at`."""
    index.report(
        tuple(
            VenueQuote(venue=venue, bid=mid - spread // 2, ask=mid + spread // 2, at=at * SECOND)
            for venue, mid in mids.items()
        )
    )


def four(mid: int, **others: int) -> dict[str, int]:
    """All four venues at `mid`, except those named."""
    return {venue: others.get(venue, mid) for venue in FOUR}


def distance_bp(value: int | Fraction, fair: int) -> float:
    """How far `value` is from `fair`, in basis points to one decimal."""
    return round(float((Fraction(value) / fair - 1) * 10_000), 1)

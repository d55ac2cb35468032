"""The index of one underlying: what outside venues show, made so that no one of them can push it far.

Our own trades are never part of it. Prices are compared exactly: a venue's mid price in half units
(bid + ask), a median in quarter units, and only the index itself is rounded, once.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exchange.clearing.outliers import farthest_misfits, twice_median
from exchange.clearing.rounding import divide_half_even, divide_up
from exchange.commands import IndexTerms, VenueQuote, VenueTrade
from exchange.events import IndexStatus
from exchange.units import HOUR, IndexPrice, Time

FEWEST_VENUES = 2  # below it no venue can be checked against another
VENUES_FOR_OK = 3
ONE_IN_BP = 10_000
OWN_VENUE = "ringfence"  # under this name nothing may enter an index: our own prices are never part of it


class IndexValue(NamedTuple):
    """One publication of an index; `venues` is how many were valid."""

    time: Time
    value: IndexPrice
    status: IndexStatus
    venues: int


class _Venue:
    """What one outside venue showed last, and whether it is left out for showing something too far off."""

    __slots__ = ("at", "dropped", "mid", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight  # ppm
        self.mid = 0  # in half units; 0 while there is no usable quote
        self.at: Time = 0
        self.dropped = False


class Index:
    """`latest` is None until there has been a first value.

    `history` is what a fixing may look back upon, oldest first: every OK value, and of each time that the
    index was not OK only the beginning, so that the hour before a long outage stays in reach. `trades` are
    those of the last hour on its venues, as they were reported; the index is not made of them.
    """

    __slots__ = ("_counted", "_rates", "_venues", "history", "latest", "terms", "trades")

    def __init__(self, terms: IndexTerms) -> None:
        assert len(set(terms.venues)) == len(terms.venues), "a venue counts once"
        assert min(terms.weights_ppm) > 0, "every venue has a weight"
        self.terms = terms
        self.latest: IndexValue | None = None
        self.history: deque[IndexValue] = deque(maxlen=_publications_kept(terms))
        self._venues = {
            name: _Venue(weight) for name, weight in zip(terms.venues, terms.weights_ppm, strict=True)
        }
        self._rates: dict[str, tuple[IndexPrice, Time]] = {}
        self._counted: tuple[int, ...] = ()  # the mid prices of which `latest` was made, in half units
        self.trades: deque[VenueTrade] = deque()

    def report(self, quotes: Iterable[VenueQuote]) -> None:
        """Take in what venues show. Quotes of a venue that is not part of the index are passed over."""
        for quote in quotes:
            venue = self._venues.get(quote.venue)
            if venue is not None:
                venue.mid = quote.bid + quote.ask if 0 < quote.bid < quote.ask else 0
                venue.at = quote.at

    def out_for(self, now: Time) -> Time:
        """How long the index has been stale; nothing before its first value."""
        latest = self.latest
        if latest is None or latest.status is not IndexStatus.STALE:
            return 0
        return now - self.history[-1].time

    def report_trades(self, trades: Iterable[VenueTrade], now: Time) -> None:
        """Take in what venues traded; what is of no venue of the index, has no size or lies ahead is passed over."""
        for trade in trades:
            if trade.venue in self._venues and trade.at <= now and min(trade.price, trade.quantity) > 0:
                self.trades.append(trade)
        while self.trades and self.trades[0].at < now - HOUR:
            self.trades.popleft()

    def report_rate(self, source: str, rate: IndexPrice, at: Time) -> None:
        """Take in a reference rate; that of a venue of the index is not independent and is passed over."""
        if source not in self._venues:
            self._rates[source] = (rate, at)

    def reference_rates(self, now: Time) -> list[IndexPrice]:
        """The last rate of every source that has published one lately."""
        since = now - self.terms.reference_age
        return [rate for rate, at in self._rates.values() if rate > 0 and at >= since]

    def publish(self, now: Time) -> IndexValue | None:
        """Make the index anew. With too few venues to trust, the last value stays; None if there is none."""
        valid = self._agreeing(self._fresh(now))
        if len(valid) < FEWEST_VENUES or now - max(venue.at for venue in valid) >= self.terms.outage_age:
            if self.latest is None:
                return None
            published = IndexValue(now, self.latest.value, IndexStatus.STALE, len(valid))
        else:
            value = self._capped_mean(valid)
            self._counted = tuple(venue.mid for venue in valid)
            sound = len(valid) >= VENUES_FOR_OK and not self._is_off_basket(value, now)
            published = IndexValue(now, value, IndexStatus.OK if sound else IndexStatus.DEGRADED, len(valid))
        self.remember(published)
        return published

    def remember(self, published: IndexValue) -> None:
        """Take in a value as it was published; whoever keeps the record can fill an index with it again."""
        self.latest = published
        goes_on = self.history and self.history[-1].status is not IndexStatus.OK
        if published.status is IndexStatus.OK or not goes_on:
            self.history.append(published)

    def audit(self) -> Iterator[str]:
        """I-49, I-50: the latest value lies among those that counted, and no single one of them can push it far.

        To the unit: a price so low that the band is narrower than one can be rounded out of it.
        """
        counted, name, band = self._counted, self.terms.index_id, self.terms.cap_band_bp
        if self.latest is None or not counted:
            return
        value = self.latest.value
        if not _reaches(min(counted), max(counted), value, 0):
            yield f"I-49 {name}: {value} does not lie among its venues"
        median = twice_median(counted)
        if not _reaches(median, median, 2 * value, band):
            yield f"I-49 {name}: {value} is too far from the median"
        for at in range(len(counted) if len(counted) >= VENUES_FOR_OK else 0):
            others = counted[:at] + counted[at + 1 :]
            if not _reaches(min(others), max(others), value, band):
                yield f"I-50 {name}: {value} is too far from all venues but one"

    def _fresh(self, now: Time) -> list[_Venue]:
        """Venues with a sensible quote that is neither too old nor from the future."""
        since = now - self.terms.stale_age
        return [venue for venue in self._venues.values() if venue.mid and since <= venue.at <= now]

    def _agreeing(self, fresh: list[_Venue]) -> list[_Venue]:
        """Leave out venues far from the rest, the farthest first: a wild one takes no sane one along."""
        kept = fresh
        while misfits := self._misfits(kept):
            kept = [venue for venue in kept if venue not in misfits]
        for venue in fresh:
            venue.dropped = venue not in kept
        return kept

    def _misfits(self, venues: list[_Venue]) -> list[_Venue]:
        """The farthest of those that are too far from the median of the others; several if equally far."""
        if len(venues) == 1:  # nothing to judge it by: it stays as it was
            return [venue for venue in venues if venue.dropped]

        def is_too_far(at: int, distance: int, median: int) -> bool:
            return self._is_too_far(venues[at], distance, median)

        return [venues[at] for at in farthest_misfits([venue.mid for venue in venues], is_too_far)]

    def _is_too_far(self, venue: _Venue, distance: int, median: int) -> bool:
        """Once left out, a venue must come much nearer to count again."""
        if venue.dropped:
            return distance * ONE_IN_BP >= self.terms.readmit_bp * median
        return distance * ONE_IN_BP > self.terms.drop_bp * median

    def _capped_mean(self, valid: list[_Venue]) -> IndexPrice:
        """The weighted mean of mid prices, none counted as farther from the median than the cap band.

        The band's edges are whole units, rounded inwards, so the rounded index never leaves the band.
        """
        median = twice_median([venue.mid for venue in valid])
        band = self.terms.cap_band_bp
        low = 2 * divide_up(median * (ONE_IN_BP - band), 4 * ONE_IN_BP)
        high = 2 * (median * (ONE_IN_BP + band) // (4 * ONE_IN_BP))
        total = weight = 0
        for venue in valid:
            total += venue.weight * min(max(venue.mid, low), high)
            weight += venue.weight
        return divide_half_even(total, 2 * weight)

    def _is_off_basket(self, value: IndexPrice, now: Time) -> bool:
        """Whether the mean of the reference rates says something else: a majority of venues may be pushed."""
        rates = self.reference_rates(now)
        basket = sum(rates)
        return abs(value * len(rates) - basket) * ONE_IN_BP > self.terms.basket_bp * basket


def _reaches(low: int, high: int, value: int, band_bp: int) -> bool:
    """Whether `value`, to the unit, lies from `low` to `high` (in half units), or no farther outside than the band."""
    above = (low * (ONE_IN_BP - band_bp)) // ONE_IN_BP <= 2 * (value + 1)
    return above and 2 * (value - 1) <= divide_up(high * (ONE_IN_BP + band_bp), ONE_IN_BP)


def _publications_kept(terms: IndexTerms) -> int:
    """How many cover a window, its extension, the hour before, and an objection to each of the first three rungs."""
    window = terms.fixing_samples * terms.fixing_spacing
    return (2 * window + 3 * terms.fixing_objection + HOUR) // terms.interval + 2

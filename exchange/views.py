"""Read-only pictures of the public market, made from public events alone.

`PublicTape` keeps what was published and when; `MarketView` is what one reader sees of it, as late as its
line makes it. So a thousand readers cost no more than one.
"""

from bisect import bisect_right
from typing import Final, NamedTuple

from exchange.events import BestPricesChanged, Event, IndexPublished, SeriesStateChanged, TradeReported
from exchange.units import Time

LOOKED_OVER: Final = 1_024  # publications after which a strip is looked over for what nobody reads any more

Publication = BestPricesChanged | IndexPublished | SeriesStateChanged | TradeReported


class _Strip(NamedTuple):
    """All publications of one kind under one name, and when each was made."""

    times: list[Time]
    events: list[Publication]


class PublicTape:
    """Public prices and states in the order in which they were published.

    It keeps all of them until it knows how late its readers are; from then on what the latest of them has passed goes.
    """

    def __init__(self) -> None:
        self._latest_reader: Time | None = None  # how far behind
        self._strips: dict[type[Event], dict[str, _Strip]] = {}

    def read_late_by(self, delay: Time) -> None:
        """Somebody reads it so late; nobody who has not said so reads it later."""
        self._latest_reader = max(self._latest_reader or 0, delay)

    def publish(self, time: Time, event: Event) -> None:
        """Keep `event` if it is one that readers look up; ignore it otherwise."""
        match event:
            case BestPricesChanged() | TradeReported() | SeriesStateChanged():
                name: str = event.instrument_id
            case IndexPublished():
                name = event.index_id
            case _:
                return
        strips = self._strips.setdefault(type(event), {})
        if name not in strips:
            strips[name] = _Strip([], [])
        strip = strips[name]
        strip.times.append(time)
        strip.events.append(event)
        if len(strip.times) % LOOKED_OVER == 0 and self._latest_reader is not None:
            passed = bisect_right(strip.times, time - self._latest_reader) - 1
            if passed > 0:
                del strip.times[:passed], strip.events[:passed]

    def as_of(self, kind: type[Event], name: str, time: Time) -> Publication | None:
        """The last publication of that kind under `name` not later than `time`. Cost: how many came since."""
        strip = self._strips.get(kind, {}).get(name)
        if strip is None:
            return None
        times = strip.times
        at = len(times) - 1
        while at >= 0 and times[at] > time:
            at -= 1
        return strip.events[at] if at >= 0 else None


class LatestTape(PublicTape):
    """The same for one reader who sees everything at once: it keeps nothing but the last of each."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[type[Event], str], Publication] = {}

    def publish(self, time: Time, event: Event) -> None:
        match event:
            case BestPricesChanged() | TradeReported() | SeriesStateChanged():
                self._last[type(event), event.instrument_id] = event
            case IndexPublished():
                self._last[IndexPublished, event.index_id] = event
            case _:
                pass

    def as_of(self, kind: type[Event], name: str, time: Time) -> Publication | None:
        return self._last.get((kind, name))


class MarketView:
    """The public market as one reader sees it at `time`: what was published up to then."""

    __slots__ = ("_tape", "time")

    def __init__(self, tape: PublicTape, time: Time = 0) -> None:
        self._tape = tape
        self.time = time

    def best_prices(self, instrument_id: str) -> BestPricesChanged | None:
        found = self._tape.as_of(BestPricesChanged, instrument_id, self.time)
        return found if isinstance(found, BestPricesChanged) else None

    def last_trade(self, instrument_id: str) -> TradeReported | None:
        found = self._tape.as_of(TradeReported, instrument_id, self.time)
        return found if isinstance(found, TradeReported) else None

    def index(self, index_id: str) -> IndexPublished | None:
        found = self._tape.as_of(IndexPublished, index_id, self.time)
        return found if isinstance(found, IndexPublished) else None

    def series_state(self, instrument_id: str) -> SeriesStateChanged | None:
        found = self._tape.as_of(SeriesStateChanged, instrument_id, self.time)
        return found if isinstance(found, SeriesStateChanged) else None

"""Read-only pictures of the public market, made from public events alone.

`PublicTape` keeps what was published and when; `MarketView` is what one reader sees of it, as late as its
line makes it. So a thousand readers cost no more than one.
"""

from exchange.events import BestPricesChanged, Event, IndexPublished, SeriesStateChanged, TradeReported
from exchange.units import Time

Publication = BestPricesChanged | IndexPublished | SeriesStateChanged | TradeReported


class PublicTape:
    """Public prices and states in the order in which they were published."""

    def __init__(self) -> None:
        self._times: dict[tuple[type[Event], str], list[Time]] = {}
        self._events: dict[tuple[type[Event], str], list[Publication]] = {}

    def publish(self, time: Time, event: Event) -> None:
        """Keep `event` if it is one that readers look up; ignore it otherwise."""
        key: tuple[type[Event], str]
        match event:
            case BestPricesChanged() | TradeReported() | SeriesStateChanged():
                key = (type(event), event.instrument_id)
            case IndexPublished():
                key = (IndexPublished, event.index_id)
            case _:
                return
        times = self._times.get(key)
        if times is None:
            self._times[key], self._events[key] = [time], [event]
        else:
            times.append(time)
            self._events[key].append(event)

    def as_of(self, kind: type[Event], name: str, time: Time) -> Publication | None:
        """The last publication of that kind under `name` not later than `time`. Cost: how many came since."""
        times = self._times.get((kind, name))
        if not times:
            return None
        at = len(times) - 1
        while at >= 0 and times[at] > time:
            at -= 1
        return self._events[kind, name][at] if at >= 0 else None


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

"""What connections follow: channels by name, their first message, and the chain of those after it.

All readers of a channel have seen the same, since whoever comes late is first brought level with the others; so each
message is written once and sent to all. A channel that is `raw` tells every command's changes, the others what has
changed in an interval, and nothing at all if it is as it was.

Whoever asks for it is told the place of each message too. From then on the channel remembers what it tells, also
while nobody follows it, and a reader who comes back with a place is told what he has missed, or that it is too much.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from exchange.events import (
    BookChanged,
    Entry,
    Event,
    InstrumentListed,
    QuotesFrozen,
    SeriesState,
    SeriesStateChanged,
    SessionClosed,
    SessionOpened,
    audience,
)
from exchange.gateway import render
from exchange.gateway.auth import Key
from exchange.gateway.books import Books, Candle, News, OrderRecord, PublicTrade, UserTrade
from exchange.gateway.history import History, Missing, Numbers
from exchange.gateway.jsonrpc import encode, notification
from exchange.gateway.sessions import POLICY, Connection
from exchange.gateway.shapes import Resumed, StepShape
from exchange.gateway.statistics import Statistics
from exchange.gateway.wire import Pair, index_name, index_price, milliseconds
from exchange.state import State
from matching.terms import ParticipantId, Price, Quantity, Side

INTERVALS: Final = {"raw": 0.0, "100ms": 0.1, "agg2": 1.0}
RESOLUTIONS: Final = {
    "1": 1, "3": 3, "5": 5, "10": 10, "15": 15, "30": 30,
    "60": 60, "120": 120, "180": 180, "360": 360, "720": 720, "1D": 1440,
}  # fmt: skip
DEPTHS: Final = (1, 10, 20)
GROUPS: Final = ("none", "1", "2", "5", "10", "25", "100", "250")
STATE_WORDS: Final = {
    SeriesState.TRADING: "started",
    SeriesState.SUSPENDED: "closed",
    SeriesState.HALTED: "closed",
    SeriesState.SETTLED: "settled",
    SeriesState.DELISTED: "terminated",
    SeriesState.TERMINATED_AT_LAST_MARK: "terminated",
}
EVERYTHING: Final = "everything"  # the topic of whoever is told of each command
Message = Any
SIDES: Final = ((Side.BUY, "bids"), (Side.SELL, "asks"))


TRADES, EVENTS, ENTRIES = "all trades", "all events", "all entries"  # topics beside instruments and so on
STEPS: Final = "steps"  # of lock-step; no news are about them


def topics_of(news: News) -> Iterator[str]:
    """What the news are about, in words that channels listen for."""
    yield EVERYTHING
    yield from news.touched
    for told in news.indices:
        yield f"index {told.index_id}"
    for who in news.accounts:
        yield f"account {who}"
    if news.public:
        yield TRADES
    if news.events:
        yield EVENTS
    if news.entries:
        yield ENTRIES


class Channel:
    """One channel with its readers. `note` gathers, `due` gives what is to be sent and forgets it."""

    compares = False  # it finds out by itself what has changed, be it told of news or not

    def __init__(self, name: str, topic: str, interval: float = 0.0) -> None:
        self.name = name
        self.topic = topic  # without news of this it has nothing to tell
        self.interval = interval
        self.who: ParticipantId | None = None  # whose it is, if it is somebody's
        self.readers: dict[Connection, None] = {}
        self.history: History | None = None  # once somebody has asked for places
        self.numbered: dict[Connection, None] = {}  # readers who are told them
        self.arriving: dict[Connection, Arrival] = {}  # who are still told what they have missed
        self.encoded = encode(name)

    @property
    def is_followed(self) -> bool:
        return bool(self.readers or self.numbered or self.arriving)

    def first(self) -> Iterable[Message]:
        """What a new reader is sent, after the others have been brought level."""
        return ()

    def present(self) -> Iterable[Message]:
        """How things stand, for a reader who cannot be told what he has missed."""
        return self.first()

    def note(self, news: News) -> bool:
        """Take in what has happened; whether there is something to tell."""
        raise NotImplementedError

    def due(self) -> Iterable[Message]:
        raise NotImplementedError

    def send(self) -> None:
        for told in self.due():
            content = encode(told)
            if self.readers:
                message = notification(self.encoded, content)
                for reader in self.readers:
                    reader.send(message)
            if self.history is not None:
                row = self.history.add(content)
                if self.numbered:
                    message = notification(self.encoded, content, row.params)
                    for reader in self.numbered:
                        reader.send(message)

    def resume(
        self, reader: Connection, place: str | None, numbers: Numbers
    ) -> tuple[Resumed, Callable[[], None]]:
        """Take a reader who wants places, from the one that he gives: what he is answered, and what begins it."""
        if self.interval:
            self.readers[reader] = None
            told: Resumed = {"channel": self.name, "resumed": False, "missed": 0, "reason": Missing.CONFLATED}
            return told, lambda: self.show(reader, self.first())
        if self.history is None:
            self.history = History(numbers)
        history = self.history
        number = Missing.BEGINS if place is None else history.after(place)
        if not isinstance(number, Missing):
            arrival = Arrival(self, history, reader, number)
            told = {"channel": self.name, "resumed": True, "missed": history.left(number)}
            return told, lambda: reader.send_when_free(arrival)
        self.numbered[reader] = None
        told = {"channel": self.name, "resumed": False, "missed": 0, "reason": number}
        messages = list(self.present())
        if not messages:
            told["place"] = history.place
        return told, lambda: self.show(reader, messages, f',"place":"{history.place}"'.encode())

    def show(self, reader: Connection, messages: Iterable[Message], params: bytes = b"") -> None:
        """Send first messages. The place stands on the last of them alone: whoever has not got them all cannot go
        on from there."""
        contents = [encode(told) for told in messages]
        for number, content in enumerate(contents, 1):
            reader.send(notification(self.encoded, content, params if number == len(contents) else b""))

    def leave(self, reader: Connection) -> None:
        for followed in (self.readers, self.numbered, self.arriving):
            followed.pop(reader, None)


class Arrival:
    """A reader on his way from where he was to where the others are. What he has missed is sent no faster than he
    reads; once he is level with the others, he is one of them."""

    def __init__(self, channel: Channel, history: History, reader: Connection, number: int) -> None:
        self._channel, self._history, self._reader = channel, history, reader
        self._number = number
        channel.arriving[reader] = self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        channel, reader = self._channel, self._reader
        if channel.arriving.get(reader) is not self:  # he has left
            raise StopIteration
        try:
            row = self._history.row(self._number)
        except KeyError:
            reader.close(POLICY, "connection_too_slow")
            raise StopIteration from None
        if row is None:
            del channel.arriving[reader]
            channel.numbered[reader] = None
            raise StopIteration
        self._number += 1
        return notification(channel.encoded, row.content, row.params)


class BookChannel(Channel):
    """Levels that have come, changed or gone, chained by the number of the last message."""

    compares = True

    def __init__(self, name: str, interval: float, pair: Pair, hub: "Hub") -> None:
        super().__init__(name, pair.name, interval)
        self._pair, self._state, self._hub = pair, hub.state, hub
        self._book = hub.books.shown[pair.name]
        self._seen: dict[Side, dict[Price, Quantity]] = {
            side: dict(self._book.side(side)) for side, _ in SIDES
        }
        self._number = self._book.number
        self._touched: dict[tuple[Side, Price], None] = {}

    def first(self) -> Iterator[Message]:
        pair = self._pair
        yield {
            "type": "snapshot",
            "timestamp": milliseconds(self._state.now),
            "instrument_name": pair.name,
            "change_id": self._number,
            "checksum": self._book.checksum,
            **{
                word: [("new", pair.price(p), pair.amount(q)) for p, q in self._book.best(side, 100_000)]
                for side, word in SIDES
            },
        }

    def note(self, news: News) -> bool:
        levels = news.books.get(self._pair.name)
        if not levels:
            return False
        self._touched.update(dict.fromkeys(levels))
        return True

    def due(self) -> Iterator[Message]:
        pair = self._pair
        changes: dict[str, list[tuple[str, float, float]]] = {"bids": [], "asks": []}
        for side, price in self._touched:
            seen, now = self._seen[side], self._book.side(side).get(price, 0)
            before = seen.get(price, 0)
            if before == now:
                continue
            action = "delete" if not now else "change" if before else "new"
            changes["bids" if side > 0 else "asks"].append((action, pair.price(price), pair.amount(now)))
            if now:
                seen[price] = now
            else:
                del seen[price]
        self._touched.clear()
        level = (
            self._hub.in_steps and self._number != self._book.number
        )  # whoever comes next begins at the same
        if changes["bids"] or changes["asks"] or level:
            previous, self._number = self._number, self._book.number
            yield {
                "type": "change",
                "timestamp": milliseconds(self._state.now),
                "instrument_name": pair.name,
                "prev_change_id": previous,
                "change_id": self._number,
                "checksum": self._book.checksum,
                **changes,
            }


class DepthChannel(Channel):
    """The best levels, whole each time; prices may be gathered in steps, outward."""

    compares = True

    def __init__(self, name: str, interval: float, pair: Pair, group: str, depth: int, hub: "Hub") -> None:
        super().__init__(name, pair.name, interval)
        self._pair, self._state, self._depth = pair, hub.state, depth
        self._book = hub.books.shown[pair.name]
        self._step = 1 if group == "none" else int(group)
        self._last: Any = None

    def _now(self) -> dict[str, Any]:
        return {
            "timestamp": milliseconds(self._state.now),
            "instrument_name": self._pair.name,
            "change_id": self._book.number,
            **{word: self._levels(side) for side, word in SIDES},
        }

    def _levels(self, side: Side) -> list[tuple[float, float]]:
        found: dict[Price, Quantity] = {}
        for price, quantity in self._book.best(side, 100_000):
            at = price // self._step if side is Side.BUY else -(-price // self._step)
            if at not in found and len(found) == self._depth:
                break
            found[at] = found.get(at, 0) + quantity
        pair = self._pair
        return [(pair.price(at * self._step), pair.amount(quantity)) for at, quantity in found.items()]

    def first(self) -> Iterator[Message]:
        self._last = self._now()
        yield self._last

    def note(self, news: News) -> bool:
        return self._pair.name in news.books

    def due(self) -> Iterator[Message]:
        now = self._now()
        last = self._last or {}
        if now["bids"] != last.get("bids") or now["asks"] != last.get("asks"):
            self._last = now
            yield now


class TickerChannel(Channel):
    """The ticker, or only what has changed of it."""

    compares = True

    def __init__(
        self, name: str, interval: float, pair: Pair, hub: "Hub", *, incremental: bool = False
    ) -> None:
        super().__init__(name, pair.name, interval)
        self._pair, self._hub, self._incremental = pair, hub, incremental
        self._last: dict[str, Any] = {}

    def _now(self) -> dict[str, Any]:
        return dict(self._hub.market.ticker(self._pair))

    def first(self) -> Iterator[Message]:
        self._last = self._now()
        yield {"type": "snapshot", **self._last} if self._incremental else self._last

    def note(self, news: News) -> bool:
        return self._pair.name in news.touched

    def due(self) -> Iterator[Message]:
        now, last = self._now(), self._last
        changed = {key: value for key, value in now.items() if last.get(key) != value}
        if changed.keys() - {"timestamp"}:
            self._last = now
            named = {"instrument_name": self._pair.name, "timestamp": now["timestamp"]}
            yield {"type": "change", **named, **changed} if self._incremental else now


class QuoteChannel(Channel):
    compares = True

    def __init__(self, name: str, pair: Pair, hub: "Hub") -> None:
        super().__init__(name, pair.name)
        self._pair, self._hub = pair, hub
        self._last: Any = None

    def first(self) -> Iterator[Message]:
        self._last = self._hub.market.quote(self._pair)
        yield self._last

    def note(self, news: News) -> bool:
        return self._pair.name in news.books

    def due(self) -> Iterator[Message]:
        now = self._hub.market.quote(self._pair)
        if {**now, "timestamp": 0} != {**(self._last or {}), "timestamp": 0}:
            self._last = now
            yield now


class TradesChannel(Channel):
    """Trades of one instrument, or of every one that `wanted` takes."""

    def __init__(self, name: str, interval: float, wanted: Callable[[Pair], bool]) -> None:
        super().__init__(name, TRADES, interval)
        self._wanted = wanted
        self._waiting: list[PublicTrade] = []

    def note(self, news: News) -> bool:
        found = [trade for trade in news.public if self._wanted(trade.pair)]
        self._waiting += found
        return bool(found)

    def due(self) -> Iterator[Message]:
        if self._waiting:
            yield [render.trade(trade) for trade in self._waiting]
            self._waiting.clear()


class ChartChannel(Channel):
    """The present candle, with each trade."""

    def __init__(self, name: str, pair: Pair, minutes: int, hub: "Hub") -> None:
        super().__init__(name, pair.name)
        self._pair, self._hub, self._minutes = pair, hub, minutes

    def first(self) -> Iterator[Message]:
        yield self._now()

    def note(self, news: News) -> bool:
        return any(trade.pair is self._pair for trade in news.public)

    def due(self) -> Iterator[Message]:
        yield self._now()

    def _now(self) -> dict[str, Any]:
        pair, books = self._pair, self._hub.books
        width = self._minutes * 60_000
        tick = milliseconds(self._hub.state.now) // width * width
        tape = books.tapes[pair.name]
        candles = [c for minute, c in _latest(tape.minutes, tick)]
        last = tape.last
        close = last.price if last else self._hub.market.series(pair.name).mark
        whole = gathered(list(reversed(candles))) or Candle(close)
        return {
            "tick": tick,
            "open": pair.price(whole.open),
            "high": pair.price(whole.high),
            "low": pair.price(whole.low),
            "close": pair.price(whole.close),
            "volume": pair.amount(whole.volume),
            "cost": pair.cash(1, whole.cost),
            "status": "ok" if candles else "imputed",
        }


def _latest(minutes: dict[int, Candle], since: int) -> Iterator[tuple[int, Candle]]:
    for minute, candle in reversed(minutes.items()):
        if minute < since:
            return
        yield minute, candle


def gathered(candles: list[Candle]) -> Candle | None:
    """Minutes in their order as one candle."""
    if not candles:
        return None
    whole = Candle(candles[0].open)
    whole.close = candles[-1].close
    for candle in candles:
        whole.high, whole.low = max(whole.high, candle.high), min(whole.low, candle.low)
        whole.volume += candle.volume
        whole.cost += candle.cost
    return whole


class PerpetualChannel(Channel):
    def __init__(self, name: str, interval: float, pair: Pair, hub: "Hub") -> None:
        super().__init__(name, f"index {pair.instrument.underlying}", interval)
        self._pair, self._hub = pair, hub

    def first(self) -> Iterator[Message]:
        yield self._now()

    def note(self, news: News) -> bool:
        return any(told.index_id == self._pair.instrument.underlying for told in news.indices)

    def due(self) -> Iterator[Message]:
        yield self._now()

    def _now(self) -> dict[str, Any]:
        latest = self._hub.market.series(self._pair.name).latest_index
        return {
            "timestamp": milliseconds(self._hub.state.now),
            "index_price": index_price(latest.value) if latest else 0.0,
            "interest": self._hub.market.funding_rate(self._pair),
        }


class IndexChannel(Channel):
    """An index, once it is published; or the price at which what expires next would settle."""

    def __init__(self, name: str, index_id: str, hub: "Hub", *, estimated: bool = False) -> None:
        super().__init__(name, f"index {index_id}")
        self._index_id, self._hub, self._estimated = index_id, hub, estimated

    def first(self) -> Iterator[Message]:
        known = self._hub.books.indices.get(self._index_id)
        if known:
            yield self._told(*known[-1])

    def note(self, news: News) -> bool:
        return any(told.index_id == self._index_id for told in news.indices)

    def due(self) -> Iterator[Message]:
        yield from self.first()

    def _told(self, at: int, value: int) -> dict[str, Any]:
        price = index_price(value)
        if self._estimated:
            estimate = self._hub.market.expiration_estimate(self._index_id)
            return {
                "seconds": estimate.seconds,
                "price": estimate.price,
                "is_estimated": estimate.is_estimated,
            }
        return {"timestamp": milliseconds(at), "price": price, "index_name": index_name(self._index_id)}


class StateChannel(Channel):
    """What becomes of instruments."""

    def __init__(self, name: str, wanted: Callable[[Pair], bool], hub: "Hub") -> None:
        super().__init__(name, EVENTS)
        self._wanted, self._hub = wanted, hub
        self._waiting: list[dict[str, Any]] = []

    def note(self, news: News) -> bool:
        before = len(self._waiting)
        for event in news.events:
            if isinstance(event, InstrumentListed):
                self._add(event.instrument.instrument_id, "created", news.at)
            elif isinstance(event, SeriesStateChanged) and event.state in STATE_WORDS:
                self._add(event.instrument_id, STATE_WORDS[event.state], news.at)
        return len(self._waiting) > before

    def _add(self, name: str, word: str, at: int) -> None:
        if self._wanted(self._hub.books.pairs[name]):
            told = {"timestamp": milliseconds(at), "instrument_name": name, "state": word}
            self._waiting.append(told)

    def due(self) -> Iterator[Message]:
        yield from self._waiting
        self._waiting.clear()


class PlatformChannel(Channel):
    """Whether there is a session."""

    def __init__(self, name: str) -> None:
        super().__init__(name, EVENTS)
        self._waiting: list[bool] = []

    def note(self, news: News) -> bool:
        self._waiting += [
            isinstance(event, SessionClosed)
            for event in news.events
            if isinstance(event, SessionOpened | SessionClosed)
        ]
        return bool(self._waiting)

    def due(self) -> Iterator[Message]:
        yield from ({"locked": locked} for locked in self._waiting)
        self._waiting.clear()

    def lock(self) -> None:
        """The venue takes nothing more."""
        self._waiting.append(True)
        self.send()


class StatisticsChannel(Channel):
    """Totals that the venue publishes of itself, when they are others than before; told once a second."""

    def __init__(self, name: str, totals: Callable[[], dict[str, Any]]) -> None:
        super().__init__(name, EVERYTHING, INTERVALS["agg2"])
        self._totals = totals
        self._last: dict[str, Any] = {}

    def first(self) -> Iterator[Message]:
        yield self._last  # when the others were brought level, they were reckoned

    def note(self, news: News) -> bool:
        return True

    def due(self) -> Iterator[Message]:
        now = self._totals()
        if {**now, "timestamp": 0} != {**self._last, "timestamp": 0}:
            self._last = now
            yield now


class StepChannel(Channel):
    """In lock-step each step as it begins, after everything that has happened before it."""

    def __init__(self, name: str, hub: "Hub") -> None:
        super().__init__(name, STEPS)
        self._hub = hub

    def first(self) -> Iterator[Message]:
        if self._hub.step is not None:
            yield self._hub.step

    def note(self, news: News) -> bool:
        return False

    def due(self) -> Iterator[Message]:
        yield from self.first()


# --- of one participant ---------------------------------------------------------------------------------


class UserOrders(Channel):
    """Raw: one order a message; else a list."""

    def __init__(
        self, name: str, interval: float, who: ParticipantId, wanted: Callable[[Pair], bool], hub: "Hub"
    ) -> None:
        super().__init__(name, f"account {who}", interval)
        self._who, self._wanted, self._hub = who, wanted, hub
        self._waiting: dict[int, OrderRecord] = {}

    def present(self) -> Iterator[Message]:
        """The orders that are open."""
        for record in self._hub.books.owners[self._who].live.values():
            if self._wanted(record.pair):
                yield render.order(record)

    def note(self, news: News) -> bool:
        found = {
            number: record
            for number, record in news.orders.items()
            if record.owner == self._who and self._wanted(record.pair)
        }
        self._waiting.update(found)
        return bool(found)

    def due(self) -> Iterator[Message]:
        told = [render.order(record) for record in self._waiting.values()]
        self._waiting.clear()
        if self.interval:
            if told:
                yield told
        else:
            yield from told


class UserTrades(Channel):
    def __init__(
        self, name: str, interval: float, who: ParticipantId, wanted: Callable[[Pair], bool]
    ) -> None:
        super().__init__(name, f"account {who}", interval)
        self._who, self._wanted = who, wanted
        self._waiting: list[UserTrade] = []

    def note(self, news: News) -> bool:
        found = [one for one in news.trades if one.owner == self._who and self._wanted(one.public.pair)]
        self._waiting += found
        return bool(found)

    def due(self) -> Iterator[Message]:
        if self._waiting:
            yield [render.user_trade(one) for one in self._waiting]
            self._waiting.clear()


class UserChanges(Channel):
    """Orders, trades and positions of an instrument together."""

    def __init__(
        self, name: str, interval: float, who: ParticipantId, wanted: Callable[[Pair], bool], hub: "Hub"
    ) -> None:
        super().__init__(name, f"account {who}", interval)
        self._who, self._wanted, self._hub = who, wanted, hub
        self._orders: dict[int, OrderRecord] = {}
        self._trades: list[UserTrade] = []

    def present(self) -> Iterator[Message]:
        """The orders that are open, and what is held, in each instrument where there is one or the other."""
        owner = self._hub.books.owners[self._who]
        held = [self._hub.books.pairs[name] for name, cost in owner.costs.items() if cost.lots]
        pairs = dict.fromkeys([*(record.pair for record in owner.live.values()), *held])
        for pair in filter(self._wanted, pairs):
            yield {
                "instrument_name": pair.name,
                "orders": [render.order(record) for record in owner.live.values() if record.pair is pair],
                "trades": [],
                "positions": [self._hub.accounts.position(owner, pair)],
            }

    def note(self, news: News) -> bool:
        for number, record in news.orders.items():
            if record.owner == self._who and self._wanted(record.pair):
                self._orders[number] = record
        self._trades += [
            one for one in news.trades if one.owner == self._who and self._wanted(one.public.pair)
        ]
        return bool(self._orders or self._trades)

    def due(self) -> Iterator[Message]:
        pairs = dict.fromkeys(
            [*(r.pair for r in self._orders.values()), *(one.public.pair for one in self._trades)]
        )
        owner = self._hub.books.owners[self._who]
        for pair in pairs:
            trades = [render.user_trade(one) for one in self._trades if one.public.pair is pair]
            yield {
                "instrument_name": pair.name,
                "orders": [render.order(r) for r in self._orders.values() if r.pair is pair],
                "trades": trades,
                "positions": [self._hub.accounts.position(owner, pair)] if trades else [],
            }
        self._orders.clear()
        self._trades.clear()


class UserEvents(Channel):
    """What the core tells a participant: its own events, and the public ones. Changes of books have other channels."""

    def __init__(self, name: str, who: ParticipantId, hub: "Hub") -> None:
        super().__init__(name, ENTRIES)
        self._who, self._latest = who, hub.books.latest
        self._waiting: list[Entry] = []

    def first(self) -> Iterator[Message]:
        yield {"type": "snapshot", "entries": self._latest.entries()}

    def note(self, news: News) -> bool:
        self._waiting += [entry for entry in news.entries if self._is_told(entry.event)]
        return bool(self._waiting)

    def _is_told(self, event: Event) -> bool:
        return not isinstance(event, BookChanged) and audience(event) in (None, self._who)

    def due(self) -> Iterator[Message]:
        if self._waiting:
            yield {"type": "change", "entries": self._waiting}
            self._waiting = []


class ProtectionTriggered(Channel):
    """That the market-maker protection has taken quotes off, of the instruments on one index or on all."""

    def __init__(self, name: str, who: ParticipantId, wanted: Callable[[Pair], bool], hub: "Hub") -> None:
        super().__init__(name, ENTRIES)
        self._who, self._wanted, self._hub = who, wanted, hub
        self._waiting: list[dict[str, Any]] = []

    def note(self, news: News) -> bool:
        for event in (entry.event for entry in news.entries):
            if isinstance(event, QuotesFrozen) and event.participant_id == self._who:
                pair = self._hub.books.pairs[event.instrument_id]
                if self._wanted(pair):
                    self._waiting.append(_frozen(pair, event))
        return bool(self._waiting)

    def due(self) -> Iterator[Message]:
        yield from self._waiting
        self._waiting.clear()


def _frozen(pair: Pair, event: QuotesFrozen) -> dict[str, Any]:
    return {
        "index_name": index_name(pair.instrument.underlying),
        "instrument_name": pair.name,
        "frozen_until": milliseconds(event.until),
        "mmp_group": "",
    }


class Portfolio(Channel):
    """What a participant has, of one asset or of each; told at most ten times a second."""

    compares = True

    def __init__(self, name: str, who: ParticipantId, currencies: list[str], hub: "Hub") -> None:
        super().__init__(name, f"account {who}", INTERVALS["100ms"])
        self._who, self._currencies, self._hub = who, currencies, hub
        self._last: dict[str, Any] = {}

    def first(self) -> Iterator[Message]:
        for currency in self._currencies:
            self._last[currency] = self._hub.accounts.summary(self._who, currency)
            yield self._last[currency]

    def note(self, news: News) -> bool:
        return self._who in news.accounts

    def due(self) -> Iterator[Message]:
        for currency in self._currencies:
            now = self._hub.accounts.summary(self._who, currency)
            if now != self._last.get(currency):
                self._last[currency] = now
                yield now


# --- all of them ----------------------------------------------------------------------------------------

PATTERNS: Final[dict[str, tuple[str, str]]] = {
    r"book\.(?P<name>[^.]+)\.(?P<interval>raw|100ms|agg2)": (
        "book",
        "Changes of the displayed book, level by level.",
    ),
    r"book\.(?P<name>[^.]+)\.(?P<group>\w+)\.(?P<depth>\d+)\.(?P<interval>100ms|agg2)": (
        "depth",
        "The best levels of the displayed book, whole each time.",
    ),
    r"ticker\.(?P<name>[^.]+)\.(?P<interval>raw|100ms|agg2)": (
        "ticker",
        "Prices and figures of an instrument.",
    ),
    r"incremental_ticker\.(?P<name>[^.]+)": ("incremental_ticker", "What has changed of the ticker."),
    r"quote\.(?P<name>[^.]+)": ("quote", "The best of each side."),
    r"trades\.(?P<name>[^.]+)\.(?P<interval>raw|100ms|agg2)": ("trades", "Trades of an instrument."),
    r"trades\.(?P<kind>[^.]+)\.(?P<currency>[^.]+)\.(?P<interval>raw|100ms|agg2)": (
        "trades_of",
        "Trades of a kind of instruments in a currency.",
    ),
    r"chart\.trades\.(?P<name>[^.]+)\.(?P<resolution>\w+)": ("chart", "The present candle."),
    r"perpetual\.(?P<name>[^.]+)\.(?P<interval>raw|100ms|agg2)": (
        "perpetual",
        "Index and funding of a perpetual.",
    ),
    r"deribit_price_index\.(?P<index>[^.]+)": ("index", "An index, whenever it is published."),
    r"estimated_expiration_price\.(?P<index>[^.]+)": ("estimated", "What an expiry now would settle at."),
    r"instrument\.state\.(?P<kind>[^.]+)\.(?P<currency>[^.]+)": ("state", "What becomes of instruments."),
    r"platform_state": ("platform", "Whether there is a session."),
    r"(?P<subject>clearing|cash|access)\.statistics": (
        "statistics",
        "What the venue publishes of the clearing house, the cash leg or access: totals, never one participant's.",
    ),
    r"simulation\.step": ("step", "In lock-step, each step as it begins."),
    r"user\.(?P<what>orders|trades|changes)\.(?P<name>[^.]+)\.(?P<interval>raw|100ms|agg2)": (
        "user",
        "Orders, trades, or both with positions, in an instrument.",
    ),
    r"user\.(?P<what>orders|trades|changes)\.(?P<kind>[^.]+)\.(?P<currency>[^.]+)\.(?P<interval>raw|100ms|agg2)": (
        "user",
        "The same in a kind of instruments and a currency.",
    ),
    r"user\.portfolio\.(?P<currency>[^.]+)": ("portfolio", "What one has of an asset."),
    r"user\.mmp_trigger\.(?P<index>[^.]+)": (
        "protection",
        "That the market-maker protection has taken one's quotes off, in instruments on an index, or `any`.",
    ),
    r"user\.events\.raw": (
        "events",
        "Own addition: one's own events and the public ones, as the core tells them.",
    ),
}
_COMPILED: Final = [(re.compile(pattern), kind) for pattern, (kind, _) in PATTERNS.items()]
KINDS: Final = ("future", "option", "spot", "note", "any", "future_combo", "option_combo", "combo")


IDLE_SECONDS: Final = 600  # for which a channel remembers what it tells although nobody follows it
IDLE_CHANNELS: Final = 1_000  # of all
IDLE_OF_ONE: Final = 16  # of one participant
IDLE_BYTES: Final = 67_108_864  # of all


def _by_name(channel: Channel) -> tuple[str, str]:
    """An order of channels that does not depend on who followed them first."""
    return channel.name, channel.who or ""


class Hub:
    """All channels that somebody follows, or has followed and may come back to.

    `epoch`: a name for the numbers of this exchange's entries, which no other exchange has (letters and digits).
    """

    def __init__(self, state: State, books: Books, epoch: str) -> None:
        self.state = state
        self.books = books
        self.epoch = epoch
        self.market = render.Market(state, books)
        self.accounts = render.Accounts(state, books, self.market)
        self.statistics = Statistics(state, books)
        self._channels: dict[tuple[str, ParticipantId | None], Channel] = {}
        self._listening: dict[str, dict[Channel, None]] = {}  # by topic
        self._dirty: dict[float, dict[Channel, None]] = {
            interval: {} for interval in INTERVALS.values() if interval
        }
        self._idle: dict[Channel, float] = {}  # since when; the longest first
        self._told: int | None = None
        self.in_steps = False  # all readers are level between two steps
        self.step: StepShape | None = None  # the present one

    @property
    def sequence(self) -> int:
        """Of the last entry that was told."""
        return self.books.sequence if self._told is None else self._told

    def take(self, news: News) -> None:
        """Tell the raw channels at once, and the others when their interval is over."""
        self._told = news.sequence
        listening = self._listening
        wanted = [channel for topic in topics_of(news) if topic in listening for channel in listening[topic]]
        for channel in wanted:
            if channel.note(news):
                if channel.interval:
                    self._dirty[channel.interval][channel] = None
                else:
                    channel.send()

    def lock(self) -> None:
        """Tell who follows the platform that the venue takes nothing more."""
        for channel in self._listening.get(EVENTS, ()):
            if isinstance(channel, PlatformChannel):
                channel.lock()

    def flush(self, interval: float) -> None:
        dirty = self._dirty[interval]
        while dirty:
            channel, _ = dirty.popitem()
            channel.send()

    def bring_level(self) -> None:
        """At the end of a step: tell whatever has not been told yet, so that nothing waits for the wall's time."""
        waiting = {channel for dirty in self._dirty.values() for channel in dirty}
        for dirty in self._dirty.values():
            dirty.clear()
        for channel in sorted(self._channels.values(), key=_by_name):
            if channel.compares or channel in waiting:
                channel.send()

    def tell_step(self, step: StepShape) -> None:
        self.step = step
        for channel in self._listening.get(STEPS, {}):
            channel.send()

    def follow(
        self, connection: Connection, names: list[str], key: Key | None
    ) -> tuple[list[str], Callable[[], None]]:
        """Which of the names can be followed, and what sends their first messages."""
        taken: list[str] = []
        new: list[Channel] = []
        for name in names:
            if name in connection.channels:
                taken.append(name)
                continue
            if len(connection.channels) >= connection.limits.channels:
                break
            channel = self._channel(name, key)
            if channel is None:
                continue
            if not self.in_steps or not channel.is_followed:  # in steps those who are there are level already
                channel.send()  # so that all stand where the newcomer begins
            channel.readers[connection] = None
            connection.channels[name] = channel
            self._idle.pop(channel, None)
            taken.append(name)
            new.append(channel)

        def begin() -> None:
            for channel in new:
                channel.show(connection, channel.first())

        return taken, begin

    def resume(
        self, connection: Connection, asked: dict[str, str | None], key: Key | None
    ) -> tuple[list[Resumed], Callable[[], None]]:
        """Follow channels, each from the place that is given, and with the places of whatever follows: how far
        that can be done, and what begins to do it."""
        told: list[Resumed] = []
        begins: list[Callable[[], None]] = []
        self.leave(connection, asked)
        for name, place in asked.items():
            if len(connection.channels) >= connection.limits.channels:
                break
            channel = self._channel(name, key)
            if channel is None:
                continue
            if not self.in_steps or not channel.is_followed:
                channel.send()
            connection.channels[name] = channel
            self._idle.pop(channel, None)
            answer, begin = channel.resume(connection, place, self)
            told.append(answer)
            begins.append(begin)

        def begin_all() -> None:
            for begin in begins:
                begin()

        return told, begin_all

    def leave(self, connection: Connection, names: Iterable[str]) -> list[str]:
        """Which of the names were followed, and are no longer."""
        left = []
        for name in names:
            channel = connection.channels.pop(name, None)
            if channel is None:
                continue
            left.append(name)
            channel.leave(connection)
            if not channel.is_followed:
                if channel.history is None:
                    self._forget(channel)
                else:
                    self._idle[channel] = time.monotonic()
                    self.forget_the_idle()
        return left

    def forget_the_idle(self) -> None:
        """Whoever may still come back to a channel has so much time, and all of them so much room."""
        since = time.monotonic() - IDLE_SECONDS
        room, of_one = IDLE_BYTES, Counter[ParticipantId]()
        for count, (channel, left_at) in enumerate(reversed(list(self._idle.items()))):
            assert channel.history is not None
            room -= channel.history.size
            if channel.who is not None:
                of_one[channel.who] += 1
            crowded = channel.who is not None and of_one[channel.who] > IDLE_OF_ONE
            if left_at < since or room < 0 or count >= IDLE_CHANNELS or crowded:
                del self._idle[channel]
                self._forget(channel)

    def _forget(self, channel: Channel) -> None:
        """Nobody follows it any more, or will be told what he has missed."""
        for dirty in self._dirty.values():
            dirty.pop(channel, None)
        self._channels.pop((channel.name, channel.who), None)
        listening = self._listening[channel.topic]
        listening.pop(channel, None)
        if not listening:
            del self._listening[channel.topic]

    def _channel(self, name: str, key: Key | None) -> Channel | None:
        """The channel of that name; None if there is none, or if it is not for whoever asks."""
        if key is None and name.endswith(".raw"):
            return None
        who = key.participant_id if key and name.startswith("user.") else None
        found = self._channels.get((name, who))
        if found is None:
            for pattern, kind in _COMPILED:
                match = pattern.fullmatch(name)
                if (
                    match is not None
                    and (found := self._made(name, kind, match.groupdict(), key)) is not None
                ):
                    found.who = who
                    self._channels[name, who] = found
                    listening = [*self._listening.get(found.topic, ()), found]
                    self._listening[found.topic] = dict.fromkeys(sorted(listening, key=_by_name))
                    break
        return found

    def _made(self, name: str, kind: str, parts: dict[str, str], key: Key | None) -> Channel | None:
        interval = INTERVALS[parts.get("interval", "raw")]
        if kind in ("user", "portfolio", "events", "protection"):
            return self._made_private(name, kind, parts, interval, key)
        if "name" in parts:
            pair = self.books.pairs.get(parts["name"])
            return None if pair is None else self._of_instrument(name, kind, parts, interval, pair)
        if "index" in parts:
            index = next((one for one in self.state.indices if index_name(one) == parts["index"]), None)
            return None if index is None else IndexChannel(name, index, self, estimated=kind == "estimated")
        if kind == "platform":
            return PlatformChannel(name)
        if kind == "statistics":
            return StatisticsChannel(name, self.statistics.of(parts["subject"]))
        if kind == "step":
            return StepChannel(name, self) if self.in_steps else None
        wanted = self._wanted(parts)
        if wanted is None:
            return None
        return StateChannel(name, wanted, self) if kind == "state" else TradesChannel(name, interval, wanted)

    def _of_instrument(
        self, name: str, kind: str, parts: dict[str, str], interval: float, pair: Pair
    ) -> Channel | None:
        match kind:
            case "book":
                return BookChannel(name, interval, pair, self)
            case "depth" if parts["group"] in GROUPS and int(parts["depth"]) in DEPTHS:
                return DepthChannel(name, interval, pair, parts["group"], int(parts["depth"]), self)
            case "ticker":
                return TickerChannel(name, interval, pair, self)
            case "incremental_ticker":
                return TickerChannel(name, 0.1, pair, self, incremental=True)
            case "quote":
                return QuoteChannel(name, pair, self)
            case "trades":
                return TradesChannel(name, interval, lambda one: one is pair)
            case "chart" if parts["resolution"] in RESOLUTIONS:
                return ChartChannel(name, pair, RESOLUTIONS[parts["resolution"]], self)
            case "perpetual" if pair.is_perpetual:
                return PerpetualChannel(name, interval, pair, self)
        return None

    def _made_private(
        self, name: str, kind: str, parts: dict[str, str], interval: float, key: Key | None
    ) -> Channel | None:
        if key is None or key.participant_id is None:
            return None
        who = key.participant_id
        if kind == "events":
            return UserEvents(name, who, self)
        if kind == "protection":
            index = parts["index"].lower()
            if index != "any" and index not in map(index_name, self.state.indices):
                return None
            return ProtectionTriggered(
                name, who, lambda one: index in ("any", index_name(one.instrument.underlying)), self
            )
        if kind == "portfolio":
            asked = parts["currency"].upper()
            return Portfolio(name, who, self.accounts.currencies() if asked == "ANY" else [asked], self)
        wanted = self._wanted(parts)
        if wanted is None:
            return None
        match parts["what"]:
            case "orders":
                return UserOrders(name, interval, who, wanted, self)
            case "trades":
                return UserTrades(name, interval, who, wanted)
        return UserChanges(name, interval, who, wanted, self)

    def _wanted(self, parts: dict[str, str]) -> Callable[[Pair], bool] | None:
        """Which instruments a channel is about."""
        if "name" in parts:
            pair = self.books.pairs.get(parts["name"])
            return None if pair is None else lambda one: one is pair
        kind, currency = parts["kind"].lower(), parts["currency"].upper()
        if kind not in KINDS:
            return None
        return lambda one: kind in ("any", one.kind) and currency in ("ANY", one.quote.upper())

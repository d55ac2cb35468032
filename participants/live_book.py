"""A displayed book as its channel tells it: rebuilt level by level, its chain and its checksum checked."""

from typing import Any

from matching.feed import MASK, level_hash
from matching.terms import Side
from participants.answers import Instrument, Level


class BookGap(Exception):  # noqa: N818 - it is the channel that has a gap
    """A message is missing, or the book is another than the venue's."""


class LiveBook:
    """Feed it every message of `book.X.raw`, `book.X.100ms` or `book.X.agg2`, in order, with `take`."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.timestamp = 0
        self.change_id: int | None = None  # None: no snapshot yet
        self.resyncs = 0  # how often a gap was found and a fresh snapshot asked for
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._checksum = 0

    @property
    def bids(self) -> list[Level]:
        """Price and amount, the highest price first."""
        return sorted(self._bids.items(), reverse=True)

    @property
    def asks(self) -> list[Level]:
        """Price and amount, the lowest price first."""
        return sorted(self._asks.items())

    @property
    def best_bid(self) -> float | None:
        return max(self._bids, default=None)

    @property
    def best_ask(self) -> float | None:
        return min(self._asks, default=None)

    def take(self, message: dict[str, Any]) -> None:
        """Follow the channel by one message. Raises BookGap, and is then no book until the next snapshot."""
        if message["type"] == "snapshot":
            self._bids.clear()
            self._asks.clear()
            self._checksum = 0
        elif self.change_id is None or message["prev_change_id"] != self.change_id:
            had, self.change_id = self.change_id, None
            raise BookGap(f"expected what follows {had}, got what follows {message['prev_change_id']}")
        self.change_id, self.timestamp = message["change_id"], message["timestamp"]
        for side, levels, changes in (
            (Side.BUY, self._bids, message["bids"]),
            (Side.SELL, self._asks, message["asks"]),
        ):
            for _, price, amount in changes:
                self._set(side, levels, price, amount)
        told = message.get("checksum")
        if told is not None and f"{self._checksum & MASK:016x}" != told:
            self.change_id = None
            raise BookGap(f"the checksum is {told}, here {self._checksum & MASK:016x}")

    def _set(self, side: Side, levels: dict[float, float], price: float, amount: float) -> None:
        self._checksum += self._hash(side, price, amount) - self._hash(side, price, levels.get(price, 0.0))
        if amount:
            levels[price] = amount
        else:
            levels.pop(price, None)

    def _hash(self, side: Side, price: float, amount: float) -> int:
        """In ticks and lots, as the venue reckons it."""
        ticks = round(price / self.instrument.tick_size)
        return level_hash(side, ticks, round(amount / self.instrument.contract_size))

"""Readers of the market data: each rebuilds the displayed book from a snapshot and updates, or from updates alone.

An update that does not follow, or after which the book would be another than the feed's, is refused whole: the
reader stays as it was. One that is part of the snapshot already is passed over.
"""

from matching.feed import (
    ADD,
    MASK,
    REMOVE,
    LevelDelta,
    OrderDelta,
    ShownOrder,
    Snapshot,
    Update,
    level_hash,
    order_hash,
)
from matching.terms import BUY, OrderId, Price, Quantity, Side


class FeedGap(Exception):  # noqa: N818 - it is the feed that has a gap
    """A delta is missing."""

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"expected delta {expected}, got {got}: ask for a snapshot and go on from there")
        self.expected = expected
        self.got = got


class ChecksumMismatch(Exception):  # noqa: N818 - it says what is the matter
    """The book would be another than the feed's."""

    def __init__(self, sequence: int, expected: int, got: int) -> None:
        super().__init__(
            f"after delta {sequence} the checksum is {expected:016x}, here {got:016x}: ask for a snapshot"
        )
        self.expected = expected
        self.got = got


class OrderBookReader:
    """Every displayed order, in its queue."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.sequence = 0
        self.checksum = 0
        self.orders: dict[OrderId, ShownOrder] = {}
        self._bids: dict[Price, dict[OrderId, ShownOrder]] = {}  # each queue in time order
        self._asks: dict[Price, dict[OrderId, ShownOrder]] = {}
        if snapshot is not None:
            self.checksum = sum(order_hash(order) for order in snapshot.orders) & MASK
            _compare(snapshot.sequence, snapshot.order_checksum, self.checksum)
            self.sequence = snapshot.sequence
            for order in sorted(snapshot.orders, key=lambda order: order.rank):
                self._enter(order)

    def apply(self, update: Update) -> None:
        """Follow the feed by one update."""
        if update.sequence <= self.sequence:
            return
        numbers = [delta.sequence for delta in update.orders]
        _follows(self.sequence, update.previous, numbers, update.previous + 1)
        checksum = self.checksum
        for delta in update.orders:
            known = self.orders.get(delta.order_id)
            if known is not None:
                checksum -= order_hash(known)
            if delta.action != REMOVE:
                checksum += order_hash(_shown(delta, known))
        _compare(update.sequence, update.order_checksum, checksum & MASK)
        for delta in update.orders:
            self._take_in(delta)
        self.checksum = checksum & MASK
        self.sequence = update.sequence

    def depth(self, side: Side, levels: int) -> list[tuple[Price, Quantity]]:
        """Price and displayed quantity of the best `levels` levels."""
        prices = sorted(self._queues(side), reverse=side is BUY)[:levels]
        return [(price, sum(order.quantity for order in self.queue(side, price))) for price in prices]

    def best(self, side: Side) -> Price | None:
        queues = self._queues(side)
        return (max(queues) if side is BUY else min(queues)) if queues else None

    def queue(self, side: Side, price: Price) -> list[ShownOrder]:
        """The orders at one price, first come first."""
        return list(self._queues(side).get(price, {}).values())

    def _queues(self, side: Side) -> dict[Price, dict[OrderId, ShownOrder]]:
        return self._bids if side is BUY else self._asks

    def _take_in(self, delta: OrderDelta) -> None:
        known = self.orders.get(delta.order_id)
        if known is not None and delta.action in (ADD, REMOVE):
            queues = self._queues(known.side)
            del self.orders[known.order_id], queues[known.price][known.order_id]
            if not queues[known.price]:
                del queues[known.price]
        if delta.action != REMOVE:
            self._enter(_shown(delta, known))

    def _enter(self, order: ShownOrder) -> None:
        """At the end of its queue, or where it stands already."""
        self.orders[order.order_id] = order
        self._queues(order.side).setdefault(order.price, {})[order.order_id] = order


class LevelBookReader:
    """What each price displays."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.sequence = 0
        self.checksum = 0
        self._bids: dict[Price, Quantity] = {}
        self._asks: dict[Price, Quantity] = {}
        if snapshot is not None:
            self.checksum = sum(level_hash(*level) for level in snapshot.levels) & MASK
            _compare(snapshot.sequence, snapshot.level_checksum, self.checksum)
            self.sequence = snapshot.sequence
            for side, price, quantity in snapshot.levels:
                self._levels(side)[price] = quantity

    def apply(self, update: Update) -> None:
        """Follow the feed by one update."""
        if update.sequence <= self.sequence:
            return
        numbers = [delta.sequence for delta in update.levels]
        _follows(self.sequence, update.previous, numbers, update.sequence + 1 - len(numbers))
        checksum = self.checksum
        for _, side, price, quantity in update.levels:
            checksum += level_hash(side, price, quantity)
            checksum -= level_hash(side, price, self._levels(side).get(price, 0))
        _compare(update.sequence, update.level_checksum, checksum & MASK)
        for delta in update.levels:
            self._take_in(delta)
        self.checksum = checksum & MASK
        self.sequence = update.sequence

    def depth(self, side: Side, levels: int) -> list[tuple[Price, Quantity]]:
        """Price and displayed quantity of the best `levels` levels."""
        return sorted(self._levels(side).items(), reverse=side is BUY)[:levels]

    def best(self, side: Side) -> Price | None:
        levels = self._levels(side)
        return (max(levels) if side is BUY else min(levels)) if levels else None

    def _levels(self, side: Side) -> dict[Price, Quantity]:
        return self._bids if side is BUY else self._asks

    def _take_in(self, delta: LevelDelta) -> None:
        levels = self._levels(delta.side)
        if delta.quantity:
            levels[delta.price] = delta.quantity
        else:
            levels.pop(delta.price, None)


def _shown(delta: OrderDelta, known: ShownOrder | None) -> ShownOrder:
    """The order after the delta; one that is changed without being known has no rank, and so fails the checksum."""
    rank = delta.sequence if delta.action == ADD else 0 if known is None else known.rank
    return ShownOrder(delta.order_id, delta.side, delta.price, delta.quantity, rank)


def _follows(seen: int, previous: int, numbers: list[int], first: int) -> None:
    """Raise unless an update begins after what was `seen`, and its deltas are numbered from `first` without a gap."""
    if previous != seen:
        raise FeedGap(seen + 1, previous + 1)
    for expected, number in enumerate(numbers, first):
        if number != expected:
            raise FeedGap(expected, number)


def _compare(sequence: int, expected: int, got: int) -> None:
    if got != expected:
        raise ChecksumMismatch(sequence, expected, got)

"""The order book: two sides of price levels, each level a first-come queue.

Levels compare by a signed price, the better the larger, so nobody asks which side it is on. A dict finds a
level and the best is kept at hand, so "does it cross?" is one comparison.

The sorted keys are those of the levels behind the best. They are touched only when a price that is not among them gets
an order and when the best level empties, and mostly at their end. A level that empties stays, idle: prices that were
traded come back. Idle levels are swept out once they are three for each busy one, which makes each cost a constant.
"""

from collections.abc import Iterator
from typing import Final

from matching.events import FILLED, Event
from matching.keys import SortedKeys
from matching.level import Level, RestingOrder
from matching.terms import BUY, OrderId, ParticipantId, Price, Quantity, Side

FEW: Final = 64  # idle levels that are not worth a sweep


class BookSide:
    """The levels of one side by price, the best of them, and the keys of the others in order.

    A key is `sign * price`, so the better has the larger. The best level is never idle.
    """

    __slots__ = ("best", "idle", "keys", "levels", "sign")

    def __init__(self, side: Side) -> None:
        self.sign = int(side)
        self.levels: dict[Price, Level] = {}
        self.keys = SortedKeys()
        self.best: Level | None = None
        self.idle = 0  # levels without an order, listed among the keys or not

    def wake(self, price: Price) -> Level:
        """The level at a price where nobody stands. Its first order is to follow. O(log levels) at most."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level(self.sign * price, price)
        else:
            self.idle -= 1
        if not level.listed:
            best = self.best
            if best is None:
                self.best = level
            elif level.key < best.key:
                level.listed = True
                self.keys.add(level.key)
            else:
                best.listed = True
                self.keys.push(best.key)
                self.best = level
        return level

    def emptied(self, level: Level) -> None:
        """The last order of `level` has left."""
        self.idle += 1
        if level is self.best:
            self.best = self._next_best()
        if self.idle > FEW and 2 * self.idle > len(self.levels):
            self._sweep()

    def _next_best(self) -> Level | None:
        """Take the first level that has an order off the sorted keys, with the idle ones before it."""
        keys, levels = self.keys, self.levels
        while (key := keys.pop()) is not None:
            level = levels[self.sign * key]
            level.listed = False
            if level.first is not None:
                return level
        return None

    def _sweep(self) -> None:
        """Forget every idle level."""
        self.levels = {price: level for price, level in self.levels.items() if level.first is not None}
        self.keys = SortedKeys(level.key for level in self.levels.values() if level is not self.best)
        self.idle = 0

    def __iter__(self) -> Iterator[Level]:
        """Levels with orders, the best first."""
        if self.best is not None:
            yield self.best
        levels, sign = self.levels, self.sign
        for key in reversed(self.keys):
            level = levels[sign * key]
            if level.first is not None:
                yield level

    def orders(self) -> Iterator[RestingOrder]:
        """Every order, in the order in which it would trade."""
        for level in self:
            yield from level


class OrderBook:
    """Both sides and every resting order by its id. It rests, fills and removes; who meets whom is not its decision.

    Nothing happens more often than `add`, `remove` and `fill_front`, so they thread the queues themselves, in one step.
    """

    __slots__ = ("asks", "bids", "orders")

    def __init__(self) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self.orders: dict[OrderId, RestingOrder] = {}

    def __del__(self) -> None:
        """Untie the queues. Compiled orders and levels form rings that the collector does not look for."""
        for order in self.orders.values():
            order.level = order.previous = order.following = None

    def side(self, side: Side) -> BookSide:
        return self.bids if side is BUY else self.asks

    def opposite(self, side: Side) -> BookSide:
        return self.asks if side is BUY else self.bids

    def add(self, order: RestingOrder) -> None:
        """Rest `order` behind all others at its price, an iceberg with the part that it displays."""
        assert order.remaining > 0, "nothing rests without something left"
        display = order.instructions.display
        if display:
            order.hidden = max(order.remaining - display, 0)
        self.orders[order.order_id] = order
        side = self.bids if order.side is BUY else self.asks
        level = side.levels.get(order.price)
        if level is None or level.first is None:
            level = side.wake(order.price)
        last = level.last
        if last is None:
            level.first = order
        else:
            last.following = order
            order.previous = last
        level.last = order
        order.level = level
        level.quantity += order.remaining - order.hidden

    def remove(self, order: RestingOrder) -> None:
        """Take a resting order off the book; `remaining` stays as it was. Cost does not grow with depth."""
        level, previous, following = order.level, order.previous, order.following
        assert level is not None, "only what rests can leave"
        del self.orders[order.order_id]
        level.quantity -= order.remaining - order.hidden
        order.hidden = 0
        order.level = order.previous = order.following = None
        if following is None:
            level.last = previous
        else:
            following.previous = previous
        if previous is not None:
            previous.following = following
            return
        level.first = following
        if following is None:
            (self.bids if order.side is BUY else self.asks).emptied(level)

    def fill_front(
        self, level: Level, wanted: Quantity, owner: ParticipantId, events: list[Event]
    ) -> Quantity:
        """Fill the orders at the front of a queue that `wanted` covers whole; how much that was.

        Stops before whoever is not as simple: an iceberg, or an order of the same owner.
        """
        orders, price = self.orders, level.price
        left, order = wanted, level.first
        while order is not None and order.remaining <= left and not order.hidden and order.owner != owner:
            quantity = order.remaining
            left -= quantity
            events.append((FILLED, order, price, quantity))
            del orders[order.order_id]
            following = order.following
            order.remaining = 0
            order.level = order.previous = order.following = None
            order = following
        if left < wanted:
            level.first = order
            level.quantity -= wanted - left
            if order is not None:
                order.previous = None
            else:
                level.last = None
                (self.bids if level is self.bids.best else self.asks).emptied(level)
        return wanted - left

    def take(self, order: RestingOrder, quantity: Quantity) -> bool:
        """Take `quantity` of what a resting order displays; whether an iceberg then shows more, in the last place.

        With nothing left it leaves the book.
        """
        level = order.level
        assert level is not None and quantity <= order.remaining - order.hidden, "no more than is displayed"
        if quantity == order.remaining:
            self.remove(order)
            order.remaining = 0
            return False
        order.remaining -= quantity
        level.quantity -= quantity
        if order.remaining > order.hidden:
            return False
        self.remove(order)
        self.add(order)
        return True

    def reduce(self, order: RestingOrder, quantity: Quantity) -> None:
        """Take `quantity` of the whole of a resting order, first of what it hides; the rest keeps its place."""
        level = order.level
        assert level is not None and quantity <= order.remaining, "never below nothing"
        if quantity == order.remaining:
            self.remove(order)
            order.remaining = 0
            return
        from_hidden = min(quantity, order.hidden)
        order.remaining -= quantity
        order.hidden -= from_hidden
        level.quantity -= quantity - from_hidden

    def show(self, order: RestingOrder) -> None:
        """Let an iceberg display its full part again, in its place."""
        level = order.level
        if level is not None and order.hidden:
            displayed = order.remaining - order.hidden
            order.hidden = max(order.remaining - order.instructions.display, 0)
            level.quantity += order.remaining - order.hidden - displayed

    def would_trade(self, side: Side, price: Price) -> bool:
        """Whether an order at `price` would meet somebody at once."""
        makers = self.asks if side is BUY else self.bids
        best = makers.best
        return best is not None and best.key >= makers.sign * price

    def crossed(self) -> bool:
        """Whether the best bid is as high as the best ask, as it may be while a call collects orders."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid.price >= ask.price

    def depth(self, side: Side, levels: int) -> list[tuple[Price, Quantity]]:
        """Price and displayed quantity of the best `levels` levels."""
        return [
            (level.price, level.quantity) for _, level in zip(range(levels), self.side(side), strict=False)
        ]

    def quantity_to(self, side: Side, price: Price) -> Quantity:
        """How much is displayed on `side` at `price` or better."""
        total, wanted = 0, self.side(side)
        for level in wanted:
            if level.key < wanted.sign * price:
                break
            total += level.quantity
        return total

    def audit(self) -> list[str]:
        """What is wrong with the book, each as a sentence; empty when it is sound. Walks every order."""
        faults = []
        listed = []
        for name, side in (("bids", self.bids), ("asks", self.asks)):
            keys, levels = side.keys, side.levels
            if any(level.price != price or level.key != side.sign * price for price, level in levels.items()):
                faults.append(f"{name}: a level is not where its price is")
            if list(keys) != sorted(level.key for level in levels.values() if level.listed):
                faults.append(f"{name}: the sorted keys and the levels listed there differ")
            if any(level.first and level is not side.best and not level.listed for level in levels.values()):
                faults.append(f"{name}: a level with orders is lost")
            if any(
                side.best is None or level.key >= side.best.key for level in levels.values() if level.listed
            ):
                faults.append(f"{name}: there is a better level than the best")
            if side.best is not None and side.best.first is None:
                faults.append(f"{name}: the best level is idle")
            if side.idle != sum(level.first is None for level in side.levels.values()):
                faults.append(f"{name}: {side.idle} idle levels counted")
            for level in side.levels.values():
                faults.extend(f"{name} {level.price}: {fault}" for fault in _faults_in(level))
            listed += [order.order_id for order in side.orders()]
        if sorted(listed) != sorted(self.orders):
            faults.append("the orders by id and the orders by level differ")
        return faults


def _faults_in(level: Level) -> Iterator[str]:
    """What is wrong with one queue."""
    displayed, previous = 0, None
    for order in level:
        if order.level is not level or order.previous is not previous or order.price != level.price:
            yield f"order {order.order_id} does not belong where it stands"
        if not 0 <= order.hidden < order.remaining:
            yield f"order {order.order_id} hides {order.hidden} of {order.remaining}"
        displayed += order.remaining - order.hidden
        previous = order
    if level.last is not previous:
        yield "the last order is not the end of the queue"
    if displayed != level.quantity:
        yield f"{displayed} is displayed, {level.quantity} is counted"

"""The order book: two sides of price levels, each level a first-come queue.

A side sorts its levels by `-side * price`, so the best level of either side is always the first and the
matcher never asks which side it is on. The sorted keys are touched only when a level appears or disappears;
a dict finds a level, and the best key is kept beside it, so "does it cross?" is one comparison.

A level is an `OrderedDict`, not a `dict`: both keep arrival order, but draining a long queue from the
front costs a `dict` O(n) an order and an `OrderedDict` O(1).
"""

from collections import OrderedDict
from collections.abc import Iterator

from sortedcontainers import SortedList

from matching.terms import OrderId, Price, Quantity, RestingOrder, Side


class Level:
    """The orders at one price, first come first served, and how much they offer together."""

    __slots__ = ("orders", "price", "quantity")

    def __init__(self, price: Price) -> None:
        self.price = price
        self.quantity: Quantity = 0
        self.orders: OrderedDict[OrderId, RestingOrder] = OrderedDict()

    def first(self) -> RestingOrder:
        return next(iter(self.orders.values()))


class BookSide:
    """The levels of one side by key, `-side * price`: the best has the smallest key."""

    __slots__ = ("best", "keys", "levels", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.levels: dict[int, Level] = {}
        self.keys: SortedList[int] = SortedList()
        self.best: Level | None = None

    def level_for(self, price: Price) -> Level:
        """The level at `price`, made if there is none. O(log levels) when made."""
        key = -self.side * price
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = Level(price)
            self.keys.add(key)
            if self.best is None or key < -self.side * self.best.price:
                self.best = level
        return level

    def drop(self, level: Level) -> None:
        """Forget a level that has become empty. O(log levels)."""
        key = -self.side * level.price
        del self.levels[key]
        self.keys.remove(key)
        if level is self.best:
            self.best = self.levels[self.keys[0]] if self.keys else None

    def __iter__(self) -> Iterator[Level]:
        """Levels, the best first."""
        return (self.levels[key] for key in self.keys)


class OrderBook:
    """Both sides and every resting order by its id. It rests and removes; it never trades."""

    __slots__ = ("asks", "bids", "orders")

    def __init__(self) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self.orders: dict[OrderId, RestingOrder] = {}

    def side(self, side: Side) -> BookSide:
        return self.bids if side > 0 else self.asks

    def opposite(self, side: Side) -> BookSide:
        return self.asks if side > 0 else self.bids

    def add(self, order: RestingOrder) -> None:
        """Rest `order` behind all others at its price."""
        assert order.remaining > 0 and order.order_id not in self.orders, "rests once, with something left"
        level = self.side(order.side).level_for(order.price)
        level.orders[order.order_id] = order
        level.quantity += order.remaining
        self.orders[order.order_id] = order

    def reduce(self, order: RestingOrder, quantity: Quantity) -> None:
        """Take `quantity` off a resting order, in its place; with nothing left it leaves the book."""
        assert 0 < quantity <= order.remaining, "never below nothing"
        side = self.side(order.side)
        level = side.levels[-order.side * order.price]
        order.remaining -= quantity
        level.quantity -= quantity
        if not order.remaining:
            del self.orders[order.order_id]
            del level.orders[order.order_id]
            if not level.orders:
                side.drop(level)

    def remove(self, order: RestingOrder) -> None:
        """Take a resting order off the book; `remaining` stays as it was. Cost does not grow with depth."""
        del self.orders[order.order_id]
        side = self.side(order.side)
        level = side.levels[-order.side * order.price]
        del level.orders[order.order_id]
        level.quantity -= order.remaining
        if not level.orders:
            side.drop(level)

    def would_trade(self, side: Side, price: Price) -> bool:
        """Whether an order at `price` would meet somebody at once."""
        best = self.opposite(side).best
        return best is not None and side * (price - best.price) >= 0

    def depth(self, side: Side, levels: int) -> list[tuple[Price, Quantity]]:
        """Price and quantity of the best `levels` levels."""
        return [
            (level.price, level.quantity) for _, level in zip(range(levels), self.side(side), strict=False)
        ]

    def quantity_to(self, side: Side, price: Price) -> Quantity:
        """How much rests on `side` at `price` or better."""
        total = 0
        for level in self.side(side):
            if side * (level.price - price) < 0:
                break
            total += level.quantity
        return total

    def audit(self) -> list[str]:
        """What is wrong with the book, each as a sentence; empty when it is sound. Walks every order."""
        faults = []
        for side in (self.bids, self.asks):
            if list(side.keys) != sorted(side.levels):
                faults.append(f"{side.side.name}: the sorted keys and the levels differ")
            if side.best is not (side.levels[side.keys[0]] if side.keys else None):
                faults.append(f"{side.side.name}: the best level is not the first")
            for level in side:
                remaining = [order.remaining for order in level.orders.values()]
                if not remaining or min(remaining) < 1 or sum(remaining) != level.quantity:
                    faults.append(f"{side.side.name} {level.price}: {remaining} against {level.quantity}")
                if any((o.price, o.side) != (level.price, side.side) for o in level.orders.values()):
                    faults.append(f"{side.side.name} {level.price}: an order of another level")
        if self.bids.best and self.asks.best and self.bids.best.price >= self.asks.best.price:
            faults.append(f"crossed: {self.bids.best.price} bid, {self.asks.best.price} asked")
        listed = {i for side in (self.bids, self.asks) for level in side for i in level.orders}
        if listed != set(self.orders):
            faults.append("the orders by id and the orders by level differ")
        return faults

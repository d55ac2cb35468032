"""Market data: what the events of a command changed in the book, order by order and level by level.

Each event costs a constant, whatever the depth; the book is walked once, when the feed starts. An update names
every order and every level at most once, as it stands after the command, and only if the displayed book is
another than before. Owners and hidden quantity are never shown.

Numbers: all deltas of a market are numbered 1, 2, 3 and on; within an update those of orders come first. An update
tells the number before it, so either of its lists can be followed without the other. An order's rank is the
number of the delta that added it: at one price the lower rank trades first.

Checksums, modulo 2**64, with a negative number as its two's complement: the sum over all orders of

    mix(A * order_id + B * side + C * price + D * quantity + E * rank)

and over all levels of the same without the first and the last term; `side` is 1 to buy and -1 to sell, `quantity` is
what is displayed, `mix` is the finalizer of SplitMix64, and A to E are below. They find errors, not forgeries.
"""

from typing import Final, NamedTuple

from matching.events import REPLENISHED, RESTED, Event
from matching.market import Market
from matching.terms import BUY, OrderId, Price, Quantity, Side

ADD: Final = 1  # behind all others at its price; an order that is known leaves its place for it
CHANGE: Final = 2  # in its place
REMOVE: Final = 3

MODULUS: Final = 2**64
MASK: Final = MODULUS - 1
A: Final = 0x9E3779B185EBCA87
B: Final = 0xC2B2AE3D27D4EB4F
C: Final = 0x165667B19E3779F9
D: Final = 0x85EBCA77C2B2AE63
E: Final = 0x27D4EB2F165667C5


class ShownOrder(NamedTuple):
    """An order as everybody sees it."""

    order_id: OrderId
    side: Side
    price: Price
    quantity: Quantity
    rank: int


class ShownLevel(NamedTuple):
    """A price as everybody sees it."""

    side: Side
    price: Price
    quantity: Quantity


class OrderDelta(NamedTuple):
    """One order has come, is another or has gone; the quantity is what it displays now."""

    sequence: int
    action: int  # ADD, CHANGE or REMOVE
    order_id: OrderId
    side: Side
    price: Price
    quantity: Quantity


class LevelDelta(NamedTuple):
    """One price displays another quantity now; 0: the level has gone."""

    sequence: int
    side: Side
    price: Price
    quantity: Quantity


class Update(NamedTuple):
    """What a command changed in the displayed book. The checksums are those of the book after it."""

    previous: int  # number of the last delta before it
    sequence: int  # and of the last one in it; the same if it is empty
    orders: list[OrderDelta]
    levels: list[LevelDelta]
    order_checksum: int
    level_checksum: int


class Snapshot(NamedTuple):
    """The whole displayed book after the delta with that number; the orders by rank."""

    sequence: int
    orders: list[ShownOrder]
    levels: list[ShownLevel]
    order_checksum: int
    level_checksum: int


class Feed:
    """Follows one market. It is to be told every event, in order, after the command that caused it."""

    def __init__(self, market: Market) -> None:
        self.sequence = 0
        self.order_checksum = 0
        self.level_checksum = 0
        self._market = market
        self._orders: dict[OrderId, ShownOrder] = {}  # by rank, as each is added at the end
        self._bids: dict[Price, Quantity] = {}
        self._asks: dict[Price, Quantity] = {}
        resting = [*market.book.bids.orders(), *market.book.asks.orders()]
        self._publish({order.order_id: True for order in resting})

    def publish(self, events: list[Event]) -> Update:
        """What the events changed. They are those of one command, or of several in a row."""
        return self._publish(_touched(events))

    def snapshot(self) -> Snapshot:
        """The whole book, for whoever comes late or has missed something."""
        levels = [ShownLevel(Side.BUY, price, quantity) for price, quantity in self._bids.items()]
        levels += [ShownLevel(Side.SELL, price, quantity) for price, quantity in self._asks.items()]
        orders = list(self._orders.values())
        return Snapshot(self.sequence, orders, levels, self.order_checksum, self.level_checksum)

    def _publish(self, touched: dict[OrderId, bool]) -> Update:
        previous = self.sequence
        before: dict[tuple[Side, Price], Quantity] = {}
        orders: list[OrderDelta] = []
        for order_id, requeued in touched.items():
            delta = self._order_delta(order_id, requeued, before)
            if delta is not None:
                orders.append(delta)
        levels = self._level_deltas(before)
        return Update(previous, self.sequence, orders, levels, self.order_checksum, self.level_checksum)

    def _order_delta(
        self, order_id: OrderId, requeued: bool, before: dict[tuple[Side, Price], Quantity]
    ) -> OrderDelta | None:
        """Show the order as it stands now; None if it looks as before. `before` is of the levels it moves."""
        known = self._orders.get(order_id)
        resting = self._market.book.orders.get(order_id)
        if resting is None:
            if known is None:
                return None
            self._forget(known, before)
            self.sequence += 1
            return OrderDelta(self.sequence, REMOVE, order_id, known.side, known.price, 0)
        side, price, quantity = resting.side, resting.price, resting.remaining - resting.hidden
        if known is None or requeued:
            if known is not None:
                self._forget(known, before)
            self.sequence += 1
            self._show(ShownOrder(order_id, side, price, quantity, self.sequence), before)
            return OrderDelta(self.sequence, ADD, order_id, side, price, quantity)
        if quantity == known.quantity:
            return None
        self.sequence += 1
        self.order_checksum = (self.order_checksum - order_hash(known)) & MASK
        self._move(known.side, known.price, -known.quantity, before)
        self._show(ShownOrder(order_id, side, price, quantity, known.rank), before)
        return OrderDelta(self.sequence, CHANGE, order_id, side, price, quantity)

    def _forget(self, known: ShownOrder, before: dict[tuple[Side, Price], Quantity]) -> None:
        del self._orders[known.order_id]
        self.order_checksum = (self.order_checksum - order_hash(known)) & MASK
        self._move(known.side, known.price, -known.quantity, before)

    def _show(self, shown: ShownOrder, before: dict[tuple[Side, Price], Quantity]) -> None:
        """Enter an order at the end, or at its place if it has not been forgotten."""
        self._orders[shown.order_id] = shown
        self.order_checksum = (self.order_checksum + order_hash(shown)) & MASK
        self._move(shown.side, shown.price, shown.quantity, before)

    def _move(
        self, side: Side, price: Price, quantity: int, before: dict[tuple[Side, Price], Quantity]
    ) -> None:
        """A level displays so much more or less."""
        levels = self._bids if side is BUY else self._asks
        old = levels.get(price, 0)
        before.setdefault((side, price), old)
        levels[price] = old + quantity

    def _level_deltas(self, before: dict[tuple[Side, Price], Quantity]) -> list[LevelDelta]:
        """One for each level that displays something else than before."""
        deltas: list[LevelDelta] = []
        for (side, price), old in before.items():
            levels = self._bids if side is BUY else self._asks
            quantity = levels[price]
            if not quantity:
                del levels[price]
            if quantity != old:
                self.sequence += 1
                deltas.append(LevelDelta(self.sequence, side, price, quantity))
                change = level_hash(side, price, quantity) - level_hash(side, price, old)
                self.level_checksum = (self.level_checksum + change) & MASK
        return deltas


def order_hash(order: ShownOrder) -> int:
    """What an order adds to the checksum."""
    order_id, side, price, quantity, rank = order
    return mix(A * order_id + B * side + C * price + D * quantity + E * rank)


def level_hash(side: Side, price: Price, quantity: Quantity) -> int:
    """What a level adds to the checksum; nothing if it displays nothing."""
    return mix(B * side + C * price + D * quantity) if quantity else 0


def mix(number: int) -> int:
    """The finalizer of SplitMix64: every bit of the number turns about half of the others."""
    number &= MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


def _touched(events: list[Event]) -> dict[OrderId, bool]:
    """The orders of the events, and whether each has entered or gone to the back; those by when they last did."""
    touched: dict[OrderId, bool] = {}
    for kind, order, _, _ in events:
        order_id = order.order_id
        if kind in (RESTED, REPLENISHED):
            touched.pop(order_id, None)
            touched[order_id] = True
        elif order_id not in touched:
            touched[order_id] = False
    return touched

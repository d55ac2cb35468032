"""Orders that wait for a price: stops, take-profits and trailing stops; and those that wait for the next call.

Each source of prices has two heaps of waiting orders, those that fire when it rises and those that fire when it
falls, so a price that fires nobody costs two comparisons. What was canceled is left in its heap and passed
over when it comes up. A trailing stop moves its trigger when the price makes a new extreme; only then are the
trailing stops of that source walked.
"""

import heapq
from enum import StrEnum
from typing import NamedTuple

from matching.level import RestingOrder
from matching.terms import OrderId, Price


class PriceSource(StrEnum):
    """Which price a trigger watches."""

    LAST = "last"  # of the trades in this book
    MARK = "mark"
    INDEX = "index"


class Trigger(NamedTuple):
    """Fires when the price of `source` rises to `price`, or falls to it.

    With an `offset` it trails: it keeps that distance from the best price seen, and never steps back.
    """

    source: PriceSource
    price: Price
    rises: bool
    offset: Price = 0


class Waiting:
    """An order that waits. `price` is where its trigger stands now."""

    __slots__ = ("held_back", "number", "order", "price", "trigger")

    def __init__(self, number: int, order: RestingOrder, trigger: Trigger | None, price: Price) -> None:
        self.number = number  # in the order in which they came
        self.order = order
        self.trigger = trigger  # None: it waits for a call, or is held back
        self.price = price
        self.held_back = False


class Watch:
    """The waiting orders of one source of prices."""

    __slots__ = ("falling", "price", "rising", "trailing")

    def __init__(self) -> None:
        self.price: Price | None = None  # the last one observed
        self.rising: list[tuple[Price, int, Waiting]] = []
        self.falling: list[tuple[Price, int, Waiting]] = []
        self.trailing: dict[OrderId, Waiting] = {}

    def push(self, waiting: Waiting, rises: bool) -> None:
        if rises:
            heapq.heappush(self.rising, (waiting.price, waiting.number, waiting))
        else:
            heapq.heappush(self.falling, (-waiting.price, waiting.number, waiting))

    def passed(self, trigger: Trigger) -> bool:
        """Whether the present price is at or through the trigger already."""
        if self.price is None:
            return False
        return self.price >= trigger.price if trigger.rises else self.price <= trigger.price

    def start_of(self, trigger: Trigger) -> Price:
        """Where the trigger stands at first: a trailing one at its distance from the present price."""
        if not trigger.offset or self.price is None:
            return trigger.price
        return self.price + trigger.offset if trigger.rises else self.price - trigger.offset

    def trail(self) -> None:
        """Move the trailing triggers that the present price draws along."""
        price = self.price
        assert price is not None, "a price was observed"
        for waiting in self.trailing.values():
            trigger = waiting.trigger
            assert trigger is not None, "a trailing order has a trigger"
            drawn = price + trigger.offset if trigger.rises else price - trigger.offset
            if (drawn < waiting.price) if trigger.rises else (drawn > waiting.price):
                waiting.price = drawn
                self.push(waiting, trigger.rises)


class WaitingOrders:
    """Every order that is not on the book yet, by its id, and what it waits for."""

    __slots__ = ("_numbers", "_watches", "by_id")

    def __init__(self) -> None:
        self.by_id: dict[OrderId, Waiting] = {}
        self._watches = {source: Watch() for source in PriceSource}
        self._numbers = 0

    def passed(self, trigger: Trigger) -> bool:
        return not trigger.offset and self._watches[trigger.source].passed(trigger)

    def add(self, order: RestingOrder, trigger: Trigger) -> Price:
        """Let `order` wait for its trigger; where that stands at first."""
        watch = self._watches[trigger.source]
        waiting = self._enter(order, trigger, watch.start_of(trigger))
        watch.push(waiting, trigger.rises)
        if trigger.offset:
            watch.trailing[order.order_id] = waiting
        return waiting.price

    def add_for_call(self, order: RestingOrder) -> None:
        """Let `order` wait for the next call auction."""
        self._enter(order, None, order.price)

    def hold_back(self, order: RestingOrder) -> None:
        """Keep `order` until it is removed; neither a price nor a call lets it in."""
        self._enter(order, None, order.price).held_back = True

    def again(self, order: RestingOrder, trigger: Trigger) -> None:
        """Let an order that waits wait for another trigger, which stands at `trigger.price`; behind the others."""
        self.remove(order.order_id)
        watch = self._watches[trigger.source]
        waiting = self._enter(order, trigger, trigger.price)
        watch.push(waiting, trigger.rises)
        if trigger.offset:
            watch.trailing[order.order_id] = waiting

    def passed_again(self, trigger: Trigger) -> bool:
        """Whether the present price is at or through where an amended trigger is to stand; a trailing one too."""
        return self._watches[trigger.source].passed(trigger)

    def remove(self, order_id: OrderId) -> RestingOrder:
        waiting = self.by_id.pop(order_id)
        if waiting.trigger is not None and waiting.trigger.offset:
            del self._watches[waiting.trigger.source].trailing[order_id]
        return waiting.order

    def observe(self, source: PriceSource, price: Price) -> None:
        """A source shows a price; trailing triggers follow it."""
        watch = self._watches[source]
        watch.price = price
        if watch.trailing:
            watch.trail()

    def fired(self, sources: tuple[PriceSource, ...]) -> list[tuple[OrderId, Price]]:
        """Who fires at the present prices of the sources, and at which, in the order in which they came.

        They still wait.
        """
        if not self.by_id:
            return []
        found: list[tuple[int, OrderId, Price]] = []
        for source in sources:
            watch = self._watches[source]
            if watch.price is not None:
                found += self._reached(watch.rising, 1, watch.price)
                found += self._reached(watch.falling, -1, watch.price)
        found.sort()
        return [(order_id, price) for _, order_id, price in found]

    def for_call(self) -> list[OrderId]:
        """Who waits for a call, in the order in which they came."""
        return [
            order_id
            for order_id, waiting in self.by_id.items()
            if waiting.trigger is None and not waiting.held_back
        ]

    def rearm(self, order_ids: list[OrderId]) -> None:
        """Orders that had fired but could not enter yet go on waiting."""
        for order_id in order_ids:
            waiting = self.by_id.get(order_id)
            if waiting is not None and waiting.trigger is not None:
                self._watches[waiting.trigger.source].push(waiting, waiting.trigger.rises)

    def _enter(self, order: RestingOrder, trigger: Trigger | None, price: Price) -> Waiting:
        self._numbers += 1
        waiting = self.by_id[order.order_id] = Waiting(self._numbers, order, trigger, price)
        return waiting

    def _reached(
        self, heap: list[tuple[Price, int, Waiting]], sign: int, price: Price
    ) -> list[tuple[int, OrderId, Price]]:
        """Take from a heap of signed triggers what `price` has reached, but for what has gone or moved on."""
        found = []
        while heap and heap[0][0] <= sign * price:
            at, number, waiting = heapq.heappop(heap)
            order_id = waiting.order.order_id
            if self.by_id.get(order_id) is waiting and at == sign * waiting.price:
                found.append((number, order_id, price))
        return found

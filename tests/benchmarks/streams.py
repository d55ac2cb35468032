"""The standard streams of book commands: one instrument, seeded, the same on every machine.

* **A, realistic**: 45% passive orders near the opposite best price, 45% cancels, 5% marketable limits, 3% market
  or immediate-or-cancel orders and 2% amendments; about 2,500 orders rest on some 200 levels.
* **B, deep**: the same mix over 90,000 to 100,000 resting orders on 5,000 levels.
* **C, sweeps**: 87% passive orders spread over 1,000 ticks, 10% cancels and 3% takers that eat 4 to 20 levels.

`stream(name, commands)` makes one, or finds it among the temporary files. Every cancel and amendment names an
order that lives under price-time priority without self-trade prevention; `PlainBook`, which knows that, is
written for being obviously right, and what it filled and left over (`Totals`) is what an engine must reach.
An amendment to a smaller quantity at the same price keeps its place, any other loses it.
"""

import hashlib
import json
import math
import random
import struct
import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sortedcontainers import SortedList

ADD, CANCEL, MARKET, IMMEDIATE, AMEND = range(5)
BUY, SELL = 1, -1
START = 100_000
OWNERS = 100
FORMAT = 1  # of the cached files


class Row(NamedTuple):
    """One command. `price` is 0 for a market order; for an amendment the new one, as `quantity`."""

    operation: int
    order_id: int
    side: int
    price: int
    quantity: int
    owner: int


@dataclass(frozen=True)
class Totals:
    """What a run did: its fills, with a digest over maker, taker, price and quantity, and what rests at the end."""

    fills: int
    volume: int
    digest: str
    resting: int
    resting_quantity: int
    best_bid: int
    best_ask: int


@dataclass(frozen=True)
class Stream:
    """`before` builds the book and is not timed; `commands` are."""

    name: str
    before: list[Row]
    commands: list[Row]
    totals: Totals


@dataclass(frozen=True)
class Mix:
    """The recipe of one stream: `shares` are of passive orders, cancels, marketable limits and takers in turn;
    amendments have the rest. Passive orders lie exponentially `near` ticks away with the chance `nearness`,
    and otherwise anywhere within `width`."""

    seed: int
    resting: int
    nearness: float
    near: float
    width: int
    shares: tuple[float, float, float, float]
    sweeps: bool = False


MIXES = {
    "A": Mix(11, 3_000, 1.0, 22.0, 0, (0.45, 0.45, 0.05, 0.03)),
    "B": Mix(12, 100_000, 0.4, 40.0, 2_500, (0.45, 0.45, 0.05, 0.03)),
    "C": Mix(13, 5_000, 0.0, 0.0, 1_000, (0.87, 0.10, 0.0, 0.03), sweeps=True),
}


class FillDigest:
    """Counts fills and folds them, in order, into one digest."""

    def __init__(self) -> None:
        self.fills = self.volume = 0
        self._hash = hashlib.blake2b(digest_size=8)

    def add(self, maker_id: int, taker_id: int, price: int, quantity: int) -> None:
        self.fills += 1
        self.volume += quantity
        self._hash.update(struct.pack("<4q", maker_id, taker_id, price, quantity))

    def totals(self, resting: int, resting_quantity: int, best_bid: int, best_ask: int) -> Totals:
        return Totals(
            self.fills, self.volume, self._hash.hexdigest(), resting, resting_quantity, best_bid, best_ask
        )


class Resting:
    """An order of the plain book."""

    __slots__ = ("order_id", "owner", "price", "quantity", "side")

    def __init__(self, row: Row, quantity: int) -> None:
        self.order_id = row.order_id
        self.owner = row.owner
        self.side = row.side
        self.price = row.price
        self.quantity = quantity


class PlainSide:
    """Queues by price. Prices are sorted by `-side * price`, so the best comes first on either side."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.keys: SortedList[int] = SortedList()
        self.queues: dict[int, OrderedDict[int, Resting]] = {}

    def best(self) -> int | None:
        """The best price."""
        return -self.side * self.keys[0] if self.keys else None

    def queue(self, place: int) -> Iterable[Resting]:
        """The orders of the level in the given place from the best."""
        return self.queues[self.keys[place]].values()

    def add(self, order: Resting) -> None:
        key = -self.side * order.price
        if key not in self.queues:
            self.queues[key] = OrderedDict()
            self.keys.add(key)
        self.queues[key][order.order_id] = order

    def remove(self, order: Resting) -> None:
        key = -self.side * order.price
        del self.queues[key][order.order_id]
        if not self.queues[key]:
            del self.queues[key]
            self.keys.remove(key)


class PlainBook:
    """Price-time priority and nothing else. `reduces_in_place=False` makes every amendment lose its place."""

    def __init__(self, reduces_in_place: bool = True) -> None:
        self.reduces_in_place = reduces_in_place
        self.sides = {BUY: PlainSide(BUY), SELL: PlainSide(SELL)}
        self.orders: dict[int, Resting] = {}
        self.digest = FillDigest()
        self.last = START
        self.ended: list[int] = []  # the orders that ended in the last command, in this order

    def apply(self, row: Row) -> None:
        self.ended = []
        if row.operation == CANCEL:
            self._remove(self.orders[row.order_id])
        elif row.operation == AMEND:
            self._amend(row, self.orders[row.order_id])
        else:
            self._enter(row)

    def keeps_place(self, row: Row) -> bool:
        """Whether an amendment is only a reduction."""
        order = self.orders[row.order_id]
        return self.reduces_in_place and row.price == order.price and row.quantity <= order.quantity

    def totals(self) -> Totals:
        return self.digest.totals(
            len(self.orders),
            sum(order.quantity for order in self.orders.values()),
            self.sides[BUY].best() or 0,
            self.sides[SELL].best() or 0,
        )

    def _amend(self, row: Row, order: Resting) -> None:
        if self.keeps_place(row):
            order.quantity = row.quantity
            return
        self._remove(order)
        self._enter(row)
        if row.order_id in self.orders:
            self.ended.remove(row.order_id)
        else:
            self.ended.append(self.ended.pop(0))  # it ended after those it met

    def _enter(self, row: Row) -> None:
        opposite = self.sides[-row.side]
        left = row.quantity
        while left and opposite.keys:
            maker = next(iter(opposite.queue(0)))
            if row.operation != MARKET and row.side * (maker.price - row.price) > 0:
                break
            traded = min(left, maker.quantity)
            left -= traded
            maker.quantity -= traded
            self.last = maker.price
            self.digest.add(maker.order_id, row.order_id, maker.price, traded)
            if not maker.quantity:
                self._remove(maker)
        if left and row.operation in (ADD, AMEND):
            self.orders[row.order_id] = order = Resting(row, left)
            self.sides[row.side].add(order)

    def _remove(self, order: Resting) -> None:
        del self.orders[order.order_id]
        self.sides[order.side].remove(order)
        self.ended.append(order.order_id)


class Live:
    """The ids of the orders that rest, of which any can be picked at once."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self._places: dict[int, int] = {}

    def add(self, order_id: int) -> None:
        self._places[order_id] = len(self.ids)
        self.ids.append(order_id)

    def drop(self, order_id: int) -> None:
        """The last one takes the place of the one dropped."""
        place = self._places.pop(order_id)
        moved = self.ids.pop()
        if moved != order_id:
            self.ids[place] = moved
            self._places[moved] = place


class Maker:
    """Draws the rows of one stream and keeps the book they act on. The order of the draws is the stream."""

    def __init__(self, mix: Mix) -> None:
        self.mix = mix
        self.chance = random.Random(mix.seed).random
        self.book = PlainBook()
        self.live = Live()
        self.next_id = 1

    def before(self) -> list[Row]:
        """The orders around the start price that build the book."""
        rows = []
        for _ in range(self.mix.resting):
            side = self._side()
            price = START - 1 - self._distance() if side == BUY else START + self._distance()
            rows.append(self._apply(self._new(ADD, side, price, self._lots(25), self._below(OWNERS))))
        return rows

    def commands(self, count: int) -> list[Row]:
        return [self._apply(self._command()) for _ in range(count)]

    def _command(self) -> Row:
        passive, cancels, marketable, takers = self.mix.shares
        kind, owner, side = self.chance(), self._below(OWNERS), self._side()
        quiet = passive + cancels
        if kind < quiet:
            # the fewer rest, the more are added, so that their number stays near the intended one
            missing = 0.25 * (self.mix.resting - len(self.live.ids)) / self.mix.resting
            if kind < passive + missing * quiet or len(self.live.ids) < 10:
                return self._new(ADD, side, self._passive_price(side), self._lots(25), owner)
            order = self._any_live()
            return Row(CANCEL, order.order_id, order.side, order.price, order.quantity, order.owner)
        if kind < quiet + marketable:
            return self._marketable(side, owner)
        if kind < quiet + marketable + takers:
            return self._taker(side, owner)
        return self._amendment()

    def _marketable(self, side: int, owner: int) -> Row:
        best = self.book.sides[-side].best()
        price = self.book.last if best is None else best + side * self._below(3)
        return self._new(ADD, side, price, self._lots(25), owner)

    def _taker(self, side: int, owner: int) -> Row:
        opposite = self.book.sides[-side]
        if self.mix.sweeps:
            quantity, reach = self._sweep(opposite), 10_000
        else:
            quantity, reach = self._lots(40), 5
        best = opposite.best()
        if self.chance() < 0.5 or best is None:
            return self._new(MARKET, side, 0, quantity, owner)
        return self._new(IMMEDIATE, side, best + side * reach, quantity, owner)

    def _sweep(self, opposite: PlainSide) -> int:
        """Enough for 4 to 20 levels, and half of the last of them."""
        levels = min(4 + self._below(17), len(opposite.keys))
        offered = [sum(order.quantity for order in opposite.queue(place)) for place in range(levels)]
        return max(1, sum(offered) - offered[-1] // 2) if offered else 1

    def _amendment(self) -> Row:
        order = self._any_live()
        if self.chance() < 0.5 and order.quantity > 1:
            price, quantity = order.price, 1 + self._below(order.quantity - 1)
        else:
            price, quantity = self._passive_price(order.side), self._lots(25)
        return Row(AMEND, order.order_id, order.side, price, quantity, order.owner)

    def _new(self, operation: int, side: int, price: int, quantity: int, owner: int) -> Row:
        row = Row(operation, self.next_id, side, price, quantity, owner)
        self.next_id += 1
        return row

    def _apply(self, row: Row) -> Row:
        book = self.book
        book.apply(row)
        for order_id in book.ended:
            self.live.drop(order_id)
        if row.operation == ADD and row.order_id in book.orders:
            self.live.add(row.order_id)
        return row

    def _passive_price(self, side: int) -> int:
        """Behind the opposite best price, so that it never trades at once."""
        best = self.book.sides[-side].best()
        return (self.book.last + side if best is None else best) - side * (1 + self._distance())

    def _distance(self) -> int:
        if self.chance() < self.mix.nearness:
            return int(self._exponential() * self.mix.near)
        return self._below(self.mix.width)

    def _any_live(self) -> Resting:
        return self.book.orders[self.live.ids[self._below(len(self.live.ids))]]

    def _side(self) -> int:
        return SELL if self.chance() < 0.5 else BUY

    def _lots(self, mean: int) -> int:
        return 1 + int(self._exponential() * mean)

    def _below(self, bound: int) -> int:
        return int(self.chance() * bound)

    def _exponential(self) -> float:
        return -math.log(1.0 - self.chance())


def stream(name: str, commands: int) -> Stream:
    """The stream `name` with that many commands, made at the first call on this machine."""
    kept = Path(tempfile.gettempdir()) / "ringfence-streams" / f"{name}-{commands}-v{FORMAT}.npz"
    if not kept.exists():
        _keep(_make(name, commands), kept)
    with np.load(kept) as arrays:
        totals = Totals(**json.loads(str(arrays["totals"])))
        return Stream(name, _rows(arrays["before"]), _rows(arrays["commands"]), totals)


def _make(name: str, commands: int) -> Stream:
    maker = Maker(MIXES[name])
    return Stream(name, maker.before(), maker.commands(commands), maker.book.totals())


def _keep(made: Stream, path: Path) -> None:
    """Written aside and moved, so that whoever reads meanwhile finds all of it or nothing."""
    path.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as aside:
        np.savez_compressed(
            aside,
            before=np.array(made.before, dtype=np.int32),
            commands=np.array(made.commands, dtype=np.int32),
            totals=np.array(json.dumps(asdict(made.totals))),
        )
    Path(aside.name).replace(path)


def _rows(array: Any) -> list[Row]:
    return [Row(*values) for values in array.tolist()]

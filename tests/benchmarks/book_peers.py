"""The matching engine beside others from the package index, on one standard stream: a JSON line for each.

    python -m tests.benchmarks.book_peers STREAM [COMMANDS] [--peers name,name] [--rounds 3]
        [--python PATH] [--python312 PATH]

Each engine runs in a process of its own, all of them once a round and ours first; figures are medians over the
rounds, and `ratio` is ours over theirs within a round. `--python` is an interpreter that has the peers (with numpy
and sortedcontainers), `--python312` the one for a peer that needs Python 3.12. A peer that is not installed is
reported as skipped.

Ours does all that it ever does: refusals, events, self-trade prevention. A peer runs by its quickest documented
calls, in a loop of its own without a layer between, on rows already in its words. Where it has no amendment in
place, a reduction is a cancel and a new order, and what it must reach is what the plain book reaches under that
rule; commands that would then name an order that is gone are left out beforehand. `agrees` compares with the
plain book whatever the peer can tell; `compared` says what.
"""

import argparse
import gc
import importlib
import importlib.metadata
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.streams import (
    ADD,
    AMEND,
    BUY,
    CANCEL,
    IMMEDIATE,
    MARKET,
    MIXES,
    PlainBook,
    Row,
    Stream,
    Totals,
    stream,
)

OURS = "ringfence"
REDUCE = 5  # an amendment that keeps its place, told only to a peer that can; AMEND is one that does not
NOTHING: dict[str, Any] = {}


class PeerRow(NamedTuple):
    """A row with what some peers must be told besides: how much less than what remained an amendment leaves."""

    operation: int
    order_id: int
    buys: bool
    price: int
    quantity: int
    less: int


class Peer:
    """One engine. `known()` tells what it can of `Totals`, by the same names, after the run."""

    kind = ""
    lacks = ""
    reduces_in_place = False

    def run(self, rows: list[PeerRow]) -> None:
        raise NotImplementedError

    def known(self) -> dict[str, Any]:
        return NOTHING


class Litebook(Peer):
    kind = "Rust (PyO3)"
    lacks = "events, self-trade prevention, market orders, IOC, amendments, order ids of one's own"

    def __init__(self) -> None:
        self.module = importlib.import_module("litebook")
        self.book = self.module.OrderBook(tick_size=1.0)
        self.ids: dict[int, str] = {}
        self.fills = 0

    def run(self, rows: list[PeerRow]) -> None:
        order_of, add, cancel, ids = self.module.Order, self.book.add, self.book.cancel, self.ids
        buy, sell = self.module.OrderType.Buy, self.module.OrderType.Sell
        for operation, order_id, buys, price, quantity, _less in rows:
            if operation == CANCEL:
                cancel(ids[order_id])
                continue
            if operation == AMEND:
                cancel(ids[order_id])
            elif operation == MARKET:
                price = 1_000_000_000 if buys else 1
            order = order_of(buy if buys else sell, price, quantity)
            ids[order_id] = order.id
            self.fills += len(add(order))
            if operation in (MARKET, IMMEDIATE):
                cancel(order.id)

    def known(self) -> dict[str, Any]:
        bids, asks = self.book.buy_orders, self.book.sell_orders
        return {
            "fills": self.fills,
            "resting": len(bids) + len(asks),
            "resting_quantity": round(sum(order.quantity for order in bids + asks)),
            "best_bid": max(order.price_in_ticks for order in bids),
            "best_ask": min(order.price_in_ticks for order in asks),
        }


class MatchingEngine(Peer):
    kind = "pure Python, msgspec structs"
    lacks = "amendments, icebergs, auctions, triggers; run with self-trade prevention off"

    def __init__(self) -> None:
        self.module = importlib.import_module("matching_engine")
        self.engine = importlib.import_module("matching_engine.engine").MatchingEngine()
        self.sequence = 0
        self.events = 0

    def run(self, rows: list[PeerRow]) -> None:
        module, process = self.module, self.engine.process
        new_order, cancel_order, sequenced = module.NewOrder, module.CancelOrder, module.SequencedCommand
        buy, sell, none = module.Side.BUY, module.Side.SELL, module.SelfTradePrevention.NONE
        limit, market = module.OrderType.LIMIT, module.OrderType.MARKET
        gtc, ioc = module.TimeInForce.GTC, module.TimeInForce.IOC
        sequence, events = self.sequence, 0
        for operation, order_id, buys, price, quantity, _less in rows:
            sequence += 1
            if operation == CANCEL:
                events += len(process(sequenced(sequence, 0, cancel_order(order_id, 1))))
                continue
            if operation == AMEND:
                events += len(process(sequenced(sequence, 0, cancel_order(order_id, 1))))
                sequence += 1
            kind = market if operation == MARKET else limit
            force = ioc if operation in (MARKET, IMMEDIATE) else gtc
            order = new_order(order_id, 1, buy if buys else sell, price, quantity, kind, force, False, none)
            events += len(process(sequenced(sequence, 0, order)))
        self.sequence, self.events = sequence, self.events + events

    def known(self) -> dict[str, Any]:
        orders = list(self.engine.book.orders.values())
        sides = self.engine.book.bids, self.engine.book.asks
        return {
            "fills": self.engine.next_trade_id - 1,
            "resting": len(orders),
            "resting_quantity": sum(order.remaining for order in orders),
            "best_bid": -sides[0].keys[0],
            "best_ask": sides[1].keys[0],
        }


class OrderlyChaos(Peer):
    kind = "C++ (ctypes)"
    lacks = "events (fills only by callback, off here), self-trade prevention, IOC limits, repricing"
    reduces_in_place = True

    def __init__(self) -> None:
        self.module = importlib.import_module("orderly_chaos")
        self.book = self.module.LimitOrderBook()
        self.filled = 0

    def run(self, rows: list[PeerRow]) -> None:
        limit, market, cancel, reduce = (
            self.book.limit,
            self.book.market,
            self.book.cancel,
            self.book.reduce,
        )
        buy, sell, filled = self.module.Side.BUY, self.module.Side.SELL, 0
        for operation, order_id, buys, price, quantity, less in rows:
            side = buy if buys else sell
            if operation == ADD:
                filled += limit(side, order_id, quantity, price)
            elif operation == CANCEL:
                cancel(order_id)
            elif operation == MARKET:
                filled += market(side, order_id, quantity)
            elif operation == IMMEDIATE:
                traded = limit(side, order_id, quantity, price)
                if traded < quantity:
                    cancel(order_id)
                filled += traded
            elif operation == AMEND:
                cancel(order_id)
                filled += limit(side, order_id, quantity, price)
            elif less:
                reduce(order_id, less)
        self.filled += filled

    def known(self) -> dict[str, Any]:
        book = self.book
        return {
            "volume": self.filled,
            "resting": book.count(),
            "resting_quantity": book.volume(),
            "best_bid": book.best_buy(),
            "best_ask": book.best_sell(),
        }


class Bourse(Peer):
    kind = "Rust (PyO3)"
    lacks = "events and refusals, self-trade prevention, IOC limits, order ids of one's own"
    reduces_in_place = True

    def __init__(self) -> None:
        self.book = importlib.import_module("bourse.core").OrderBook(0, 1, True)
        self.ids: dict[int, int] = {}
        self.now = 0

    def run(self, rows: list[PeerRow]) -> None:
        book, ids, now = self.book, self.ids, self.now
        place, cancel, modify, set_time = (
            book.place_order,
            book.cancel_order,
            book.modify_order,
            book.set_time,
        )
        for operation, order_id, buys, price, quantity, less in rows:
            now += 1
            set_time(now)  # two orders at one price and one time are one to it
            if operation == ADD:
                ids[order_id] = place(buys, quantity, 1, price)
            elif operation == CANCEL:
                cancel(ids[order_id])
            elif operation == MARKET:
                place(buys, quantity, 1)
            elif operation == IMMEDIATE:
                cancel(place(buys, quantity, 1, price))
            elif operation == AMEND:
                modify(ids[order_id], price, quantity)
            elif less:
                modify(ids[order_id], None, quantity)
        self.now = now

    def known(self) -> dict[str, Any]:
        trades = self.book.get_trades()
        bid, ask = self.book.bid_ask()
        return {
            "fills": len(trades),
            "volume": sum(trade[3] for trade in trades),
            "resting": sum(order[1] == 1 for order in self.book.get_orders()),
            "resting_quantity": self.book.bid_vol() + self.book.ask_vol(),
            "best_bid": bid,
            "best_ask": ask,
        }


class LimitOrderBook(Peer):
    kind = "C++ (ctypes)"
    lacks = "fills and events, refusals, self-trade prevention, IOC limits, amendments"

    def __init__(self) -> None:
        self.book = importlib.import_module("limit_order_book").LimitOrderBook()

    def run(self, rows: list[PeerRow]) -> None:
        limit, market, cancel, has = (
            self.book.limit,
            self.book.market,
            self.book.cancel,
            self.book.has,
        )
        for operation, order_id, buys, price, quantity, _less in rows:
            if operation == CANCEL:
                cancel(order_id)
                continue
            if operation == MARKET:
                market(buys, order_id, quantity)
                continue
            if operation == AMEND:
                cancel(order_id)
            limit(buys, order_id, quantity, price)
            if operation == IMMEDIATE and has(order_id):
                cancel(order_id)

    def known(self) -> dict[str, Any]:
        book = self.book
        return {
            "resting": book.count(),
            "resting_quantity": book.volume(),
            "best_bid": book.best_buy(),
            "best_ask": book.best_sell(),
        }


class Liquibook(Peer):
    kind = "C++ (SWIG)"
    lacks = "fills and events without a listener, self-trade prevention, amendments that keep their place"

    def __init__(self) -> None:
        self.module = importlib.import_module("liquibook")
        self.book = self.module.DepthOrderBook()
        self.orders: dict[int, Any] = {}

    def run(self, rows: list[PeerRow]) -> None:
        order_of, add, cancel = self.module.SimpleOrder, self.book.add, self.book.cancel
        immediate, orders = self.module.oc_immediate_or_cancel, self.orders
        for operation, order_id, buys, price, quantity, _less in rows:
            if operation == ADD:
                order = orders[order_id] = order_of(buys, price, quantity)
                add(order)
            elif operation == CANCEL:
                cancel(orders.pop(order_id))
            elif operation == AMEND:
                cancel(orders[order_id])
                order = orders[order_id] = order_of(buys, price, quantity)
                add(order)
            else:
                add(order_of(buys, price, quantity), immediate)

    def known(self) -> dict[str, Any]:
        depth = self.book.depth()
        return {
            "resting": self.book.bids().size() + self.book.asks().size(),
            "best_bid": depth.bids().price(),
            "best_ask": depth.asks().price(),
        }


class LightMatchingEngine(Peer):
    kind = "pure Python"
    lacks = "refusals, self-trade prevention, IOC, amendments, order ids of one's own"

    def __init__(self) -> None:
        self.module = importlib.import_module("lightmatchingengine.lightmatchingengine")
        self.engine = self.module.LightMatchingEngine()
        self.ids: dict[int, int] = {}
        self.trades = 0

    def run(self, rows: list[PeerRow]) -> None:
        add, cancel, ids, trades = self.engine.add_order, self.engine.cancel_order, self.ids, 0
        for operation, order_id, buys, price, quantity, _less in rows:
            if operation == CANCEL:
                cancel(ids[order_id], "X")
                continue
            if operation == AMEND:
                cancel(ids[order_id], "X")
            order, done = add("X", price, quantity, 1 if buys else 2)
            ids[order_id] = order.order_id
            trades += len(done)
            if operation in (MARKET, IMMEDIATE) and order.leaves_qty:
                cancel(order.order_id, "X")
        self.trades += trades

    def known(self) -> dict[str, Any]:
        book = self.engine.order_books["X"]
        orders = [order for side in (book.bids, book.asks) for queue in side.values() for order in queue]
        return {
            "resting": len(orders),
            "resting_quantity": sum(order.leaves_qty for order in orders),
            "best_bid": max(book.bids),
            "best_ask": min(book.asks),
        }


class Entry(NamedTuple):
    adapter: Callable[[], Peer]
    needs_312: bool = False


PEERS: dict[str, Entry] = {
    "litebook": Entry(Litebook),
    "matching-engine": Entry(MatchingEngine, needs_312=True),
    "orderly-chaos": Entry(OrderlyChaos),
    "bourse": Entry(Bourse),
    "limit-order-book": Entry(LimitOrderBook),
    "liquibook": Entry(Liquibook),
    "lightmatchingengine": Entry(LightMatchingEngine),
}


class Retold:
    """A stream under a peer's rule for amendments, and what the plain book reaches by it."""

    def __init__(self, given: Stream, reduces_in_place: bool) -> None:
        self._book = PlainBook(reduces_in_place)
        self.before = [self._row(row) for row in given.before]
        self.commands = [told for row in given.commands if (told := self._row_if_live(row)) is not None]
        self.totals: Totals = self._book.totals()

    def _row_if_live(self, row: Row) -> PeerRow | None:
        if row.operation in (CANCEL, AMEND) and row.order_id not in self._book.orders:
            return None
        return self._row(row)

    def _row(self, row: Row) -> PeerRow:
        operation, less = row.operation, 0
        if operation == AMEND:
            less = self._book.orders[row.order_id].quantity - row.quantity
            if self._book.keeps_place(row):
                operation = REDUCE
        self._book.apply(row)
        return PeerRow(operation, row.order_id, row.side == BUY, row.price, row.quantity, less)


def run_peer(name: str, given: Stream) -> dict[str, Any]:
    adapter = PEERS[name].adapter
    peer = adapter()
    told = Retold(given, peer.reduces_in_place)
    peer.run(told.before)
    gc.collect()
    gc.freeze()
    started = time.process_time()
    peer.run(told.commands)
    cpu_s = time.process_time() - started
    expected, known = asdict(told.totals), peer.known()
    return {
        "engine": name,
        "version": importlib.metadata.version(name),
        "kind": peer.kind,
        "commands_per_s": round(len(told.commands) / cpu_s),
        "agrees": all(known[figure] == expected[figure] for figure in known),
        "compared": sorted(known),
        "differs": {
            figure: [known[figure], expected[figure]] for figure in known if known[figure] != expected[figure]
        },
        "lacks": peer.lacks,
    }


def run_ours(given: Stream) -> dict[str, Any]:
    from tests.benchmarks import book  # the interpreter of a peer need not have ours

    before, commands = book.decoded(given.before, False), book.decoded(given.commands, False)
    speed = book.measure_speed(before, commands)
    kind = "compiled Python" if book.compiled() else "pure Python"
    watched = book.measure_latency(before, commands, given.totals)
    expected = asdict(given.totals)
    return {
        "engine": OURS,
        "version": "this tree",
        "kind": kind,
        "commands_per_s": speed["commands_per_s"],
        "agrees": watched["agrees_with_stream"],
        "compared": sorted(expected),
        "differs": {
            figure: [watched[figure], expected[figure]]
            for figure in expected
            if watched[figure] != expected[figure]
        },
        "lacks": "",
    }


def in_child(engine: str, asked: argparse.Namespace) -> dict[str, Any]:
    """One run in a fresh process; what it reports, or why it is skipped."""
    interpreter = sys.executable
    if engine != OURS:
        interpreter = asked.python312 if PEERS[engine].needs_312 else asked.python
    if not interpreter:
        return {"engine": engine, "skipped": "needs Python 3.12: give --python312"}
    words = [interpreter, "-m", "tests.benchmarks.book_peers", asked.stream, str(asked.commands)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([*words, "--child", engine], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with {done.returncode}"]
        return {"engine": engine, "skipped": last[0]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def summary(runs: list[dict[str, Any]], ours: list[int]) -> dict[str, Any]:
    """The rounds of one engine in one line."""
    found = {key: value for key, value in runs[0].items() if key != "commands_per_s"}
    speeds = [run["commands_per_s"] for run in runs]
    found["commands_per_s"] = round(statistics.median(speeds))
    if found["engine"] != OURS:
        ratios = [our / their for our, their in zip(ours, speeds, strict=True)]
        found["ratio"] = round(statistics.median(ratios), 2)
        found["ratio_range"] = [round(min(ratios), 2), round(max(ratios), 2)]
    return found


def compare(asked: argparse.Namespace) -> None:
    stream(asked.stream, asked.commands)  # made once, before anything is timed
    engines = [OURS, *asked.peers.split(",")]
    runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for _ in range(asked.rounds):
        for engine in engines:
            if not any("skipped" in run for run in runs[engine]):
                runs[engine].append(in_child(engine, asked))
    ours = [run.get("commands_per_s", 0) for run in runs[OURS]]
    for engine in engines:
        skipped = [run for run in runs[engine] if "skipped" in run]
        found = skipped[0] if skipped else summary(runs[engine], ours)
        print(json.dumps({"stream": asked.stream, "commands": asked.commands, **found}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the matching engine beside others.")
    parser.add_argument("stream", choices=MIXES)
    parser.add_argument("commands", nargs="?", type=int, default=200_000)
    parser.add_argument("--peers", default=",".join(PEERS), help="names, with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has the peers")
    parser.add_argument(
        "--python312", default="", help="one of Python 3.12 or later that has matching-engine"
    )
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not asked.child:
        compare(asked)
        return
    given = stream(asked.stream, asked.commands)
    found = run_ours(given) if asked.child == OURS else run_peer(asked.child, given)
    print(json.dumps({"python": platform.python_version(), **found}))


if __name__ == "__main__":
    main()

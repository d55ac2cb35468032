"""The matching engine alone, driven by a standard stream: one JSON line.

    python -m tests.benchmarks.book STREAM [COMMANDS] [--prevention]

The engine is driven complete: each order is built inside the timed loop, checked for refusal and placed, and
each command's events are returned and counted. Only the rows are decoded before. The passes are apart from one
another: speed, then latency and agreement (every command timed, its fills compared afterwards), then memory,
then the cost of a cancel. Garbage is collected and what lives is frozen once the book is built; the collector
stays on.

The streams know no self-trade prevention, so every order has an owner of its own and the fills must be exactly
the stream's. `--prevention` gives the orders to the stream's 100 owners instead; then some give way, commands may
name orders that are gone, and nothing is compared. A market order is an immediate-or-cancel order at a price far
beyond the book.
"""

import argparse
import gc
import json
import random
import time
import tracemalloc
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matching import (
    PLAIN,
    Instructions,
    Market,
    MarketTerms,
    OrderId,
    ParticipantId,
    Refusal,
    RestingOrder,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from matching import market as market_module
from matching.events import ENDINGS, FILLED, REQUEUED, RESTED, Event
from tests.benchmarks.streams import (
    ADD,
    AMEND,
    CANCEL,
    MARKET,
    MIXES,
    START,
    FillDigest,
    Row,
    Stream,
    Totals,
    stream,
)

FAR = {Side.BUY: 1_000_000_000, Side.SELL: 1}
IMMEDIATE_OR_CANCEL = Instructions(TimeInForce.IOC)

LEAVING = ENDINGS | {REQUEUED}

Decoded = tuple[int, OrderId, Side, int, int, ParticipantId]


def decoded(rows: list[Row], prevention: bool) -> list[Decoded]:
    """The rows in the engine's own words."""
    found = []
    for row in rows:
        side = Side(row.side)
        owner = ParticipantId(f"owner-{row.owner if prevention else row.order_id}")
        price = FAR[side] if row.operation == MARKET else row.price
        found.append((row.operation, OrderId(row.order_id), side, price, row.quantity, owner))
    return found


def new_market() -> Market:
    terms = MarketTerms(prevention=SelfTradePrevention.CANCEL_RESTING, static_band_bp=0, dynamic_band_bp=0)
    return Market(terms, reference=START)


def built(rows: list[Decoded]) -> Market:
    """A market with the stream's orders on its book, and nothing for the collector to look through again."""
    market = new_market()
    run(market, rows)
    gc.collect()
    gc.freeze()
    return market


def run(market: Market, rows: list[Decoded]) -> tuple[int, int]:
    """Give every command; how many events came back, and how many refusals."""
    place, cancel, amend = market.place, market.cancel, market.amend
    events = refusals = 0
    for operation, order_id, side, price, quantity, owner in rows:
        if operation == ADD:
            outcome = place(RestingOrder(order_id, owner, side, price, quantity, PLAIN))
        elif operation == CANCEL:
            outcome = cancel(order_id)
        elif operation == AMEND:
            outcome = amend(order_id, price, quantity)
        else:
            outcome = place(RestingOrder(order_id, owner, side, price, quantity, IMMEDIATE_OR_CANCEL))
        if type(outcome) is list:
            events += len(outcome)
        else:
            refusals += 1
    return events, refusals


def measure_speed(before: list[Decoded], commands: list[Decoded]) -> dict[str, Any]:
    market = built(before)
    started = time.process_time()
    events, refusals = run(market, commands)
    cpu_s = time.process_time() - started
    gc.unfreeze()
    return {
        "cpu_s": round(cpu_s, 3),
        "commands_per_s": round(len(commands) / cpu_s),
        "events": events,
        "refusals": refusals,
    }


class Watcher:
    """Follows the events of a market and knows from them alone what must rest and what was filled."""

    def __init__(self) -> None:
        self.digest = FillDigest()
        self.resting: dict[int, RestingOrder] = {}

    def hear(self, taker_id: int, outcome: list[Event] | Refusal) -> None:
        if isinstance(outcome, Refusal):
            return
        for kind, order, price, quantity in outcome:
            if kind == RESTED:
                self.resting[order.order_id] = order
            elif kind == FILLED:
                self.digest.add(order.order_id, taker_id, price, quantity)
                if not order.remaining:
                    del self.resting[order.order_id]
            elif kind in LEAVING:
                self.resting.pop(order.order_id, None)

    def totals(self, market: Market) -> Totals:
        """With the resting quantity and the best prices from the market itself."""
        everything = len(self.resting) + 1
        bids, asks = market.depth(Side.BUY, everything), market.depth(Side.SELL, everything)
        return self.digest.totals(
            len(self.resting),
            sum(quantity for _, quantity in bids + asks),
            bids[0][0] if bids else 0,
            asks[0][0] if asks else 0,
        )


def command(market: Market, row: Decoded) -> list[Event] | Refusal:
    operation, order_id, side, price, quantity, owner = row
    if operation == ADD:
        return market.place(RestingOrder(order_id, owner, side, price, quantity, PLAIN))
    if operation == CANCEL:
        return market.cancel(order_id)
    if operation == AMEND:
        return market.amend(order_id, price, quantity)
    return market.place(RestingOrder(order_id, owner, side, price, quantity, IMMEDIATE_OR_CANCEL))


def measure_latency(
    before: list[Decoded], commands: list[Decoded], expected: Totals | None
) -> dict[str, Any]:
    """Each command from outside, with one call of a function and two looks at the clock in it."""
    market, watcher = new_market(), Watcher()
    for row in before:
        watcher.hear(row[1], command(market, row))
    gc.collect()
    gc.freeze()
    clock = time.perf_counter_ns
    taken = []
    for row in commands:
        started = clock()
        outcome = command(market, row)
        taken.append(clock() - started)
        watcher.hear(row[1], outcome)
    gc.unfreeze()
    assert market.audit() == []
    taken.sort()
    median, p99, p999 = (taken[int(len(taken) * share)] for share in (0.5, 0.99, 0.999))
    reached = watcher.totals(market)
    return {
        **asdict(reached),
        "agrees_with_stream": None if expected is None else reached == expected,
        "latency_ns": {"p50": median, "p99": p99, "p99.9": p999},
        "p999_over_median": round(p999 / median, 1),
    }


def measure_memory(before: list[Decoded]) -> float:
    """Bytes of one resting order and its share of levels and tables, its owner's name not counted."""
    gc.collect()
    tracemalloc.start()
    market = new_market()
    run(market, before)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del market
    return round(used / len(before), 1)


def measure_cancel(resting: int) -> float:
    """Nanoseconds of a cancel picked at random, the median of ten batches over a book refilled in between."""
    dice = random.Random(1)
    market = new_market()
    rows = [_spread(dice, number) for number in range(resting)]
    run(market, rows)
    gc.collect()
    gc.freeze()
    live, next_id, batches = [row[1] for row in rows], resting, []
    for _ in range(10):
        dice.shuffle(live)
        live, chosen = live[200:], live[:200]
        cancel = market.cancel
        started = time.perf_counter_ns()
        for order_id in chosen:
            cancel(order_id)
        batches.append((time.perf_counter_ns() - started) / len(chosen))
        rows = [_spread(dice, next_id + number) for number in range(200)]
        run(market, rows)
        live += [row[1] for row in rows]
        next_id += 200
    gc.unfreeze()
    return round(sorted(batches)[len(batches) // 2])


def _spread(dice: random.Random, number: int) -> Decoded:
    """An order that rests within 500 ticks of the middle."""
    side = dice.choice((Side.BUY, Side.SELL))
    price = START - side * dice.randint(1, 500)
    return ADD, OrderId(number), side, price, 10, ParticipantId(f"owner-{number}")


def report(given: Stream, prevention: bool) -> dict[str, Any]:
    before, commands = decoded(given.before, prevention), decoded(given.commands, prevention)
    return {
        "stream": given.name,
        "commands": len(commands),
        "owners": "the stream's" if prevention else "one an order",
        "compiled": compiled(),
        **measure_speed(before, commands),
        **measure_latency(before, commands, None if prevention else given.totals),
        "bytes_per_resting_order": measure_memory(before),
        "cancel_ns": {resting: measure_cancel(resting) for resting in (1_000, 100_000)},
    }


def compiled() -> bool:
    return Path(market_module.__file__ or "").suffix != ".py"


def main() -> None:
    parser = argparse.ArgumentParser(description="Drive the matching engine with a standard stream.")
    parser.add_argument("stream", choices=MIXES)
    parser.add_argument("commands", nargs="?", type=int, default=200_000)
    parser.add_argument("--prevention", action="store_true", help="with the stream's 100 owners")
    asked = parser.parse_args()
    print(json.dumps(report(stream(asked.stream, asked.commands), asked.prevention)))


if __name__ == "__main__":
    main()

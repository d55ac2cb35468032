"""Random commands to the market and to an engine that others wrote: what both can do, they must do alike.

The other one is told in a process of its own, since it needs a newer Python: `tests/oracles/matching_engine_0_1_1.py`,
which also lists where the two differ without disagreeing.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from matching import (
    Instructions,
    Market,
    MarketTerms,
    OrderId,
    ParticipantId,
    PostOnly,
    Refusal,
    RestingOrder,
    SelfTradePrevention,
    Side,
    TimeInForce,
    events,
)

OTHER = Path(__file__).parents[1] / "oracles" / "matching_engine_0_1_1.py"
NAMED = "RINGFENCE_OTHER_ENGINE_PYTHON"
REMEDY = (
    f"`python3.12 -m pip install matching-engine==0.1.1` in a venv of its own, and {NAMED} names its Python"
)
COMMANDS = 2_000  # orders and cancels of one market
BOOK_EVERY = 100  # of them
AT_LEAST = 20
PREVENTIONS = ("cancel_resting", "cancel_incoming", "cancel_both")
KINDS = ("filled", "rested", "canceled", "unfilled", "self_trade")
REFUSALS = (
    "duplicate_order_id", "quantity_not_positive", "post_only_needs_rest", "post_only_would_trade",
    "unfillable_at_once", "unknown_order",
)  # fmt: skip
NAME_OF_KIND = {getattr(events, kind.upper()): kind for kind in KINDS}
LOWEST, HIGHEST = 1, 1_000_000  # prices that reach everybody

Command = tuple[Any, ...]


# The commands


class RandomCommands:
    """The commands for one market, from a seed alone: neither market has a say in them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"another engine {seed}")
        self.prevention = PREVENTIONS[seed % len(PREVENTIONS)]
        self.known = 0

    def all(self) -> list[Command]:
        """An empty market, the orders and cancels, and a look at the whole book now and then."""
        commands: list[Command] = [("market", self.prevention)]
        for number in range(1, COMMANDS + 1):
            commands.append(self.place() if self.random.random() < 0.75 else self.cancel())
            if number % BOOK_EVERY == 0:
                commands.append(("book",))
        return commands

    def place(self) -> Command:
        """Number, owner, whether it buys, price or None, quantity, time in force, post-only."""
        price = None if self.random.random() < 0.08 else self.price()
        lifetimes, weights = (("gtc", "ioc", "fok"), (76, 10, 14)) if price else (("ioc", "fok"), (3, 2))
        time_in_force = self.random.choices(lifetimes, weights)[0]
        post_only = self.random.random() < (0.12 if time_in_force == "gtc" else 0.04)
        buys, owner = self.random.random() < 0.5, self.random.randint(1, 6)
        return ("place", self.new_id(), owner, buys, price, self.quantity(), time_in_force, post_only)

    def cancel(self) -> Command:
        """Mostly a late one, sometimes any that once was, sometimes one that never was."""
        if self.random.random() < 0.04:
            return ("cancel", 1_000_000)
        return ("cancel", self.known_id())

    def new_id(self) -> int:
        if self.known and self.random.random() < 0.06:
            return self.known_id()
        self.known += 1
        return self.known

    def known_id(self) -> int:
        first = max(1, self.known - 25) if self.random.random() < 0.8 else 1
        return self.random.randint(first, max(1, self.known))

    def price(self) -> int:
        return (
            self.random.randint(85, 115) if self.random.random() < 0.1 else round(self.random.gauss(100, 4))
        )

    def quantity(self) -> int:
        if self.random.random() < 0.03:
            return self.random.choice((0, -1))
        return self.random.choice((1, 2, 3, 4, 5, 6, 8, 12, 20, 40))


# The same commands for either market


class OurMarket:
    def __init__(self, prevention: str) -> None:
        terms = MarketTerms(prevention=SelfTradePrevention[prevention.upper()])
        self.market = Market(terms, reference=100)

    def place(
        self,
        order_id: int,
        owner: int,
        buys: bool,
        price: int | None,
        quantity: int,
        time_in_force: str,
        post_only: bool,
    ) -> Any:
        if price is None:
            price = HIGHEST if buys else LOWEST
        post = PostOnly.REJECT if post_only else PostOnly.NO
        instructions = Instructions(TimeInForce[time_in_force.upper()], post)
        side, name = Side.BUY if buys else Side.SELL, ParticipantId(str(owner))
        order = RestingOrder(OrderId(order_id), name, side, price, quantity, instructions)
        return told(self.market.place(order))

    def cancel(self, order_id: int) -> Any:
        return told(self.market.cancel(OrderId(order_id)))

    def book(self) -> Any:
        resting = [*self.market.book.bids.orders(), *self.market.book.asks.orders()]
        return [[order.order_id, int(order.owner), order.price, order.remaining] for order in resting]


def told(answer: list[events.Event] | Refusal) -> Any:
    if isinstance(answer, Refusal):
        return answer.value
    return [
        [NAME_OF_KIND[kind], order.order_id, 0 if kind in events.ENDINGS else price, quantity]
        for kind, order, price, quantity in answer
    ]


def ours(commands: list[Command]) -> list[Any]:
    (_, prevention), *rest = commands
    market = OurMarket(prevention)
    return [[], *(getattr(market, name)(*arguments) for name, *arguments in rest)]


def theirs(python: str, commands: list[Command]) -> list[Any]:
    lines = "".join(json.dumps(command) + "\n" for command in commands)
    run = subprocess.run([python, str(OTHER)], input=lines, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{python} {OTHER}\n{run.stderr}"
    return [json.loads(line) for line in run.stdout.splitlines()]


# Where the other engine runs


def succeeds(python: str, *arguments: str) -> bool:
    return not subprocess.run([python, *arguments], input="", capture_output=True, text=True).returncode


@pytest.fixture(scope="module")
def python() -> str:
    """A Python that has the other engine: the one named, or this one, or one on the path.

    Nobody has to have it, but CI does, unless no Python there is new enough.
    """
    named = os.environ.get(NAMED)
    if named:
        return named
    names = ("python3", "python3.12", "python3.13", "python3.14")
    found = [sys.executable, *filter(None, map(shutil.which, names))]
    new = [path for path in found if succeeds(path, "-c", "import sys; sys.exit(sys.version_info < (3, 12))")]
    for path in new:
        if succeeds(path, str(OTHER)):
            return path
    if not new:
        pytest.skip(f"no Python 3.12 or newer here, which the other engine needs; with one: {REMEDY}")
    if "CI" in os.environ:
        pytest.fail(f"CI has {new[0]}, but not the other engine: {REMEDY}")
    return pytest.skip(f"the other engine is not installed here: {REMEDY}")


# The comparison


def compare(python: str, seeds: range) -> None:
    """Run the market of each seed, told to both; they must agree on the answer to every command."""
    streams = [RandomCommands(seed).all() for seed in seeds]
    expected = theirs(python, [command for stream in streams for command in stream])
    others = iter(expected)
    assert len(expected) == sum(map(len, streams))
    for seed, stream in zip(seeds, streams, strict=True):
        for number, (command, answer) in enumerate(zip(stream, ours(stream), strict=True)):
            other = next(others)
            assert answer == other, (
                f"seed {seed}, {stream[0]}, command {number}: {command}\n"
                f"the market answers {answer}\nthe other one      {other}"
            )


def test_twenty_thousand_commands_are_answered_as_by_another_engine(python: str) -> None:
    compare(python, range(10))


@pytest.mark.nightly
@pytest.mark.parametrize("chunk", range(20))
def test_a_million_commands_are_answered_as_by_another_engine(python: str, chunk: int) -> None:
    compare(python, range(1_000 + 25 * chunk, 1_025 + 25 * chunk))


# What the commands reach


@pytest.mark.parametrize("prevention", PREVENTIONS)
def test_the_commands_reach_every_kind_of_event_and_every_refusal(prevention: str) -> None:
    counted: Counter[str] = Counter()
    for seed in range(PREVENTIONS.index(prevention), 10, len(PREVENTIONS)):
        commands = RandomCommands(seed).all()
        for (name, *_), answer in zip(commands, ours(commands), strict=True):
            if name != "book":
                counted.update([answer] if isinstance(answer, str) else [event[0] for event in answer])
    assert {name: counted[name] for name in (*KINDS, *REFUSALS) if counted[name] < AT_LEAST} == {}

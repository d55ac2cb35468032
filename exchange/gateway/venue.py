"""The live venue: it alone owns the exchange. What is asked is put in order, stamped, written down and handled;
only then is it answered, and after that published.

    intake -> time -> journal (in a thread) -> handle -> answers -> feeds

A write that fails leaves it unknown whether it will be found again: everybody in the batch is told so, and nothing
more is taken. Reads are answered from the state at once, without passing here.
"""

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from exchange.commands import CancelAll, CancelOrder, Command
from exchange.core import Exchange
from exchange.events import Entry
from exchange.gateway.books import Books, News
from exchange.gateway.clock import Clock
from exchange.gateway.faults import QUEUE_FULL, UNAVAILABLE, UNKNOWN_OUTCOME, fault, invalid
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.registry import Ask
from exchange.state import State
from exchange.units import Time
from exchange.wellformed import MalformedCommand, check

BATCH_COMMANDS: Final = 512
BATCH_BYTES: Final = 262_144
SWITCH: Final = (
    0.0002  # seconds after which the journal's thread gets its turn; by default it would wait 5 ms
)
A_COMMAND: Final = 512  # bytes that one is reckoned at

log = logging.getLogger("ringfence.venue")
Reply = Callable[[Any], None]  # told the result, or a Fault


class Happened(NamedTuple):
    """A command and what it did; without a command it is what fell due."""

    at: Time
    command: Command | None
    entries: list[Entry]


class Journal(Protocol):
    """Where commands are kept. `append` returns once they are durable; it is called in a thread."""

    def append(self, batch: Sequence[tuple[Time, Command]]) -> None: ...
    def close(self) -> None: ...


class World(Protocol):
    """The exchange with whoever trades on it from inside."""

    @property
    def exchange(self) -> Exchange: ...

    def step(self, until: Time) -> list[Happened]:
        """Let time pass up to and including then: what those inside did, and what fell due."""
        ...

    def put(self, command: Command, at: Time) -> list[Entry]:
        """A command from outside; those inside are told of it."""
        ...

    def next_due(self) -> Time | None:
        """When `step` will next have something to do."""
        ...


class Alone:
    """An exchange on which nobody trades from inside."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def step(self, until: Time) -> list[Happened]:
        entries = self.exchange.advance(until)
        return [Happened(until, None, entries)] if entries else []

    def put(self, command: Command, at: Time) -> list[Entry]:
        return self.exchange.handle(command, at)

    def next_due(self) -> Time | None:
        return self.exchange.next_due()


class Meter(Protocol):
    """Is told how the venue works, from its thread and from the journal's. It must not wait, and it must not fail."""

    def batch(self, commands: int) -> None: ...
    def written(self, records: int, seconds: float) -> None: ...


class Standing(StrEnum):
    STARTING = "starting"
    OPEN = "open"
    STOPPING = "stopping"
    FAILED = "failed"  # a write, or one of our own rules: nothing more is taken
    CLOSED = "closed"


class _Waiting(NamedTuple):
    ask: Ask[Any]
    reply: Reply


def _only_cancels(ask: Ask[Any]) -> bool:
    return all(isinstance(one, CancelOrder | CancelAll) for one in ask.commands)


class Source:
    """The requests of one sender that wait. Senders take turns, so that a flood delays whoever sends it."""

    __slots__ = ("__weakref__", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Waiting] = deque()


class LiveVenue:
    def __init__(
        self, world: World, clock: Clock, journal: Journal | None = None, *, intake: int = 10_000
    ) -> None:
        self.world = world
        self.clock = clock
        self.exchange = world.exchange
        self.books = Books(self.exchange.state)
        self.standing = Standing.STARTING
        self.meter: Meter | None = None
        self.recovered = 0  # commands that were in the journal when it was opened
        self.followers: list[Callable[[News], None]] = []
        self.handled = 0  # commands from outside
        self.batches = 0
        self._journal = journal
        self._last: Time = self.exchange.state.now
        self._intake = intake
        self._queued = 0
        self._turns: deque[Source] = deque()  # senders with something waiting
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: Time | None = None
        self._thread = ThreadPoolExecutor(1, "journal") if journal is not None else None
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        return self.exchange.state

    @property
    def now(self) -> Time:
        """Engine time, never behind what has happened."""
        return max(self.clock.now(), self._last)

    @property
    def behind(self) -> Time:
        """How long what is due waits already."""
        due = self.world.next_due()
        return 0 if due is None else max(0, self.now - due)

    @property
    def keeps_a_journal(self) -> bool:
        return self._journal is not None

    @property
    def queued(self) -> int:
        return self._queued

    def found(self, happened: Sequence[Happened]) -> None:
        """What happened while the world was founded; it is the beginning of the journal. Raises what that raises."""
        commands = [(at, command) for at, command, _ in happened if command is not None]
        if self._journal is not None:
            for first in range(0, len(commands), BATCH_COMMANDS):
                self._journal.append(commands[first : first + BATCH_COMMANDS])
        self.take_in(happened)

    def take_in(self, happened: Iterable[Happened]) -> None:
        """What happened before the venue opened, and is in the journal."""
        for at, command, entries in happened:
            self.books.take(command, entries)
            self._last = max(self._last, at)

    def start(self) -> None:
        if self._journal is not None:
            sys.setswitchinterval(SWITCH)
        self.standing = Standing.OPEN
        self._wake.set()  # something may be due before anybody asks for anything
        self._task = asyncio.get_running_loop().create_task(self._run(), name="venue")

    async def stop(self) -> None:
        """Take nothing more; finish and answer what has been taken. More than once is the same as once."""
        if self.standing is Standing.CLOSED:
            return
        if self.standing is Standing.OPEN:
            self.standing = Standing.STOPPING
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._alarm is not None:
            self._alarm.cancel()
        if self._thread is not None and self._journal is not None:
            self._thread.shutdown()
            self._journal.close()
            self._journal = None
        if self.standing is not Standing.FAILED:
            self.standing = Standing.CLOSED

    def submit(self, source: Source, ask: Ask[Any], reply: Reply, *, must: bool = False) -> None:
        """Queue what is asked. Cancels still find room when orders do not, and what `must` be done always does.
        Raises Fault if nothing is taken, or if it is no command at all."""
        if self.standing is not Standing.OPEN:
            raise fault(UNAVAILABLE, reason=f"the venue is {self.standing}")
        room = self._intake * (2 if _only_cancels(ask) else 1)
        if self._queued >= room and not must:
            raise fault(QUEUE_FULL, retry_after_ms=250, wait=0.25)
        for command in ask.commands:
            try:
                check(command)
            except MalformedCommand as error:
                raise invalid("", str(error)) from None
        self._queued += 1
        if not source.waiting:
            self._turns.append(source)
        source.waiting.append(_Waiting(ask, reply))
        self._wake.set()

    # --- the one task -------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self.standing is Standing.OPEN or self._turns:
                await self._wake.wait()
                self._wake.clear()
                await self._turn()
                self._set_alarm()
                if self._turns:
                    self._wake.set()
                    await asyncio.sleep(0)  # let sockets be read between two batches
        except Exception:
            self.standing = Standing.FAILED
            log.exception(
                "the venue has stopped at %d, after entry %d", self.state.now, self.exchange.sequence
            )
            self._refuse_all()

    async def _turn(self) -> None:
        happened = self.world.step(self.now)
        now = max(self.now, self._last_of(happened)) + 1
        batch = self._take(now)
        commands = [(at, command) for at, command, _ in happened if command is not None]
        commands += [(now, command) for one in batch for command in one.ask.commands]
        if commands and self._journal is not None and not await self._write(commands):
            for one in batch:
                one.reply(
                    fault(UNKNOWN_OUTCOME, reason="outcome_unknown", told="the journal could not be written")
                )
            self._refuse_all()
            return
        self._publish([(command, entries) for _, command, entries in happened])
        for one in batch:
            self._do(one, now)
        if batch:
            self._last = now
            self.batches += 1
        elif happened:
            self._last = max(self._last, self._last_of(happened))

    def _last_of(self, happened: list[Happened]) -> Time:
        return max(self.state.now, self._last, happened[-1].at if happened else 0)

    def _do(self, one: _Waiting, now: Time) -> None:
        done = [(command, self.world.put(command, now)) for command in one.ask.commands]
        self.handled += len(done)
        told = [(self.books.take(command, entries)) for command, entries in done]
        try:
            result = one.ask.answer([entries for _, entries in done])
        except Fault as refused:
            one.reply(refused)
        else:
            one.reply(result)
        for news in told:
            self._tell(news)

    def _publish(self, done: Iterable[tuple[Command | None, list[Entry]]]) -> None:
        for command, entries in done:
            self._tell(self.books.take(command, entries))

    def _tell(self, news: News) -> None:
        for follower in self.followers:
            follower(news)

    def _take(self, now: Time) -> list[_Waiting]:
        """The next batch: one request of each sender, and again, until it is full."""
        batch: list[_Waiting] = []
        commands = 0
        most = min(BATCH_COMMANDS, BATCH_BYTES // A_COMMAND)
        while self._turns and commands < most:
            source = self._turns.popleft()
            one = source.waiting.popleft()
            self._queued -= 1
            if source.waiting:
                self._turns.append(source)
            if one.ask.valid_until is not None and now > one.ask.valid_until:
                one.reply(fault(UNKNOWN_OUTCOME, reason="valid_until has passed; nothing was done"))
                continue
            batch.append(one)
            commands += len(one.ask.commands)
        if batch and self.meter is not None:
            self.meter.batch(commands)
        return batch

    async def _write(self, commands: list[tuple[Time, Command]]) -> bool:
        assert self._journal is not None
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._append, commands)
        except Exception:
            self.standing = Standing.FAILED
            log.exception("the journal could not be written; the venue takes no more")
            return False
        return True

    def _refuse_all(self) -> None:
        """Nobody is left without an answer."""
        while self._turns:
            source = self._turns.popleft()
            while source.waiting:
                self._queued -= 1
                source.waiting.popleft().reply(fault(UNAVAILABLE, reason=f"the venue is {self.standing}"))

    def _set_alarm(self) -> None:
        """Wake when something falls due."""
        due = self.world.next_due()
        if due == self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due
        if due is not None:
            delay = max(0.0, self.clock.seconds_until(due))
            self._alarm = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._alarm = self._alarm_at = None
        self._wake.set()

    def _append(self, commands: list[tuple[Time, Command]]) -> None:
        """In the journal's thread."""
        assert self._journal is not None
        began = time.perf_counter()
        self._journal.append(commands)
        if self.meter is not None:
            self.meter.written(len(commands), time.perf_counter() - began)

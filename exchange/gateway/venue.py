"""The live venue: it alone owns the exchange. What is asked is put in order, stamped, written down and handled;
only then is it answered, and after that published.

    intake -> time -> those inside -> journal (in a thread) -> handle -> answers -> feeds

What those inside do is handled before it is written, since one thing follows from another there. Until it is
written nobody is shown anything: feeds wait, and so do reads, which otherwise are answered from the state at once.

A write that fails leaves it unknown whether it will be found again: everybody in the batch is told so, and nothing
more is taken. Only of a disk that was full it is known that nothing was written; then what those inside have done
goes into the room of the reserve, and the others are refused.
"""

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from exchange.commands import CancelAll, CancelOrder, Command, PassTime
from exchange.core import Exchange
from exchange.events import Entry
from exchange.gateway.books import Books, News
from exchange.gateway.clock import Clock
from exchange.gateway.faults import QUEUE_FULL, UNAVAILABLE, UNKNOWN_OUTCOME, fault, invalid
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.registry import Ask
from exchange.journal.faults import JournalFull
from exchange.state import State
from exchange.units import Time
from exchange.wellformed import MalformedCommand, check

BATCH_COMMANDS: Final = 512
BATCH_BYTES: Final = 262_144
SWITCH: Final = (
    0.0002  # seconds after which the journal's thread gets its turn; by default it would wait 5 ms
)
A_COMMAND: Final = 512  # bytes that one is reckoned at
WARNED: Final = 0.10  # of the disk is free: said once
SHORT: Final = 0.02  # of the disk is free: cancels only

log = logging.getLogger("ringfence.venue")
Reply = Callable[[Any], None]  # told the result, or a Fault


class Happened(NamedTuple):
    """A command and what it did."""

    at: Time
    command: Command
    entries: list[Entry]


Heard = Callable[[Happened], None]  # told of each command right after it


class Journal(Protocol):
    """Where commands are kept. `append` returns once they are durable; it is called in a thread."""

    def append(self, batch: Sequence[tuple[Time, Command]]) -> None: ...
    def farewell(self, batch: Sequence[tuple[Time, Command]]) -> None: ...
    def close(self) -> None: ...

    @property
    def free_share(self) -> float | None:
        """What part of the disk is free, if that can be told."""
        ...


class World(Protocol):
    """The exchange with whoever trades on it from inside."""

    @property
    def exchange(self) -> Exchange: ...

    def step(self, until: Time, heard: Heard) -> None:
        """Let time pass up to and including then: those inside act, and what fell due is done."""
        ...

    def put(self, command: Command, at: Time) -> list[Entry]:
        """A command from outside, later than everything that `step` has done; those inside are told of it."""
        ...

    def next_due(self) -> Time | None:
        """When `step` will next have something to do."""
        ...


class Alone:
    """An exchange on which nobody trades from inside."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def step(self, until: Time, heard: Heard) -> None:
        due = self.exchange.next_due()
        if due is not None and due <= until:
            heard(Happened(until, PassTime(), self.exchange.handle(PassTime(), until)))

    def put(self, command: Command, at: Time) -> list[Entry]:
        return self.exchange.handle(command, at)

    def next_due(self) -> Time | None:
        return self.exchange.next_due()


class Images(Protocol):
    """Keeps what the venue remembers, so that the next start need not live it again. It is asked between two batches,
    when all that has happened is in the journal."""

    def look(self) -> None:
        """It must not wait, and it must not fail."""
        ...

    def keep_last(self) -> None:
        """Everything has come to its end; nothing more will happen."""
        ...

    def give_up(self) -> None:
        """It has ended, but not so that anything could be kept."""
        ...


class Meter(Protocol):
    """Is told how the venue works, from its thread and from the journal's. It must not wait, and it must not fail."""

    def batch(self, commands: int) -> None: ...
    def written(self, records: int, seconds: float) -> None: ...


class Standing(StrEnum):
    STARTING = "starting"
    OPEN = "open"
    STOPPING = "stopping"
    FULL = "full"  # the disk: nothing more is taken until the next start, and nothing is lost
    FAILED = "failed"  # a write, or one of our own rules: nothing more is taken
    CLOSED = "closed"


class Disk:
    """How much room is left under the journal."""

    __slots__ = ("free_share", "is_short")

    def __init__(self) -> None:
        self.free_share: float | None = None
        self.is_short = False  # too little to take new orders

    def look(self, free_share: float | None) -> None:
        before, self.free_share = self.free_share, free_share
        if free_share is None:
            return
        if free_share < WARNED and (before is None or before >= WARNED):
            log.warning(
                "%.1f%% of the disk under the journal is free; at 2%% no orders are taken", free_share * 100
            )
        if self.is_short != (free_share < SHORT):
            self.is_short = free_share < SHORT
            log.warning(
                "orders are %s",
                "no longer taken: the disk is nearly full" if self.is_short else "taken again",
            )


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
        self,
        world: World,
        clock: Clock,
        journal: Journal | None = None,
        *,
        intake: int = 10_000,
        books: Books | None = None,
    ) -> None:
        self.world = world
        self.clock = clock
        self.exchange = world.exchange
        self.books = books or Books(self.exchange.state)
        self.standing = Standing.STARTING
        self.meter: Meter | None = None
        self.images: Images | None = None
        self.recovered = 0  # commands that were in the journal when it was opened
        self.followers: list[Callable[[News], None]] = []
        self.handled = 0  # commands from outside
        self.batches = 0
        self.disk = Disk()
        self._journal = journal
        self._last: Time = self.exchange.state.now
        self._intake = intake
        self._queued = 0
        self._turns: deque[Source] = deque()  # senders with something waiting
        self._taken: deque[_Waiting] = deque()  # of the present batch, not answered yet
        self._inside: list[tuple[Time, Command]] = []  # handled, and not written yet
        self._untold: list[News] = []  # what came of that
        self._held: list[Callable[[], None]] = []  # until it is written
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
        """Also after it has let go of it."""
        return self._thread is not None

    @property
    def queued(self) -> int:
        return self._queued

    @property
    def is_ahead(self) -> bool:
        """Whether the exchange has done what is not in the journal yet: nobody may be shown it."""
        return bool(self._untold) and self._journal is not None

    def hold(self, what: Callable[[], None]) -> None:
        """Do that as soon as all that has happened may be shown."""
        self._held.append(what)

    def found(self, happened: Sequence[Happened], *, written: int = 0) -> None:
        """What happened before the venue opens; all but the first `written` goes into the journal. Raises what that
        raises."""
        commands = [(at, command) for at, command, _ in happened[written:]]
        if self._journal is not None:
            for first in range(0, len(commands), BATCH_COMMANDS):
                self._journal.append(commands[first : first + BATCH_COMMANDS])
        for one in happened:
            self.take_in(one)

    def take_in(self, happened: Happened) -> None:
        """What happened before the venue opened, and is in the journal."""
        self.books.take(happened.command, happened.entries)
        self._last = max(self._last, happened.at)

    def begin_with(self, commands: Sequence[Command]) -> None:
        """What the life before has left to be done comes before anything that is asked in this one."""
        if commands:
            source = Source()
            source.waiting.append(_Waiting(Ask(commands, lambda _: None), lambda _: None))
            self._turns.append(source)
            self._queued += 1

    def start(self) -> None:
        if self._journal is not None:
            sys.setswitchinterval(SWITCH)
        self.standing = Standing.OPEN
        self._wake.set()  # something may be due before anybody asks for anything
        self._task = asyncio.get_running_loop().create_task(self._run(), name="venue")

    async def drain(self) -> None:
        """Take nothing more; write, do and answer what has been taken."""
        if self.standing is Standing.OPEN:
            self.standing = Standing.STOPPING
        self._wake.set()
        if self._task is not None:
            await self._task

    async def stop(self) -> None:
        """The same, and let go of the journal. More than once is the same as once."""
        if self.standing is Standing.CLOSED:
            return
        await self.drain()
        if self._alarm is not None:
            self._alarm.cancel()
        if self.images is not None:
            await asyncio.to_thread(self._end_images, self.images)
        if self._thread is not None and self._journal is not None:
            self._thread.shutdown()
            self._journal.close()
            self._journal = None
        if self.standing not in (Standing.FAILED, Standing.FULL):
            self.standing = Standing.CLOSED

    def _end_images(self, images: Images) -> None:
        if self.standing is Standing.STOPPING and not self.is_ahead:
            images.keep_last()
        else:
            images.give_up()

    def submit(self, source: Source, ask: Ask[Any], reply: Reply, *, must: bool = False) -> None:
        """Queue what is asked. Cancels still find room when orders do not, and what `must` be done always does.
        Raises Fault if nothing is taken, or if it is no command at all."""
        if self.standing is not Standing.OPEN:
            raise fault(UNAVAILABLE, reason=f"the venue is {self.standing}")
        room = self._intake * (2 if _only_cancels(ask) else 1)
        if self._queued >= room and not must:
            raise fault(QUEUE_FULL, retry_after_ms=250, wait=0.25)
        if self.disk.is_short and not all(isinstance(one, CancelOrder | CancelAll) for one in ask.commands):
            raise fault(UNAVAILABLE, reason="disk_nearly_full", told="only cancels are taken", wait=10)
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

    def look_at_disk(self) -> None:
        """Once a second: is there room for what is to be written."""
        if self._journal is not None:
            self.disk.look(self._journal.free_share)

    # --- the one task -------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self.standing is Standing.OPEN or self._turns:
                await self._wake.wait()
                self._wake.clear()
                await self._turn()
                if self.images is not None and self.standing is Standing.OPEN:
                    self.images.look()
                self._set_alarm()
                if self._turns:
                    self._wake.set()
                    await asyncio.sleep(0)  # let sockets be read between two batches
        except Exception:
            self.standing = Standing.FAILED
            log.exception(
                "the venue has stopped at %d, after entry %d", self.state.now, self.exchange.sequence
            )
            self._answer_taken(
                fault(
                    UNKNOWN_OUTCOME,
                    reason="outcome_unknown",
                    told="the venue failed over it, and has stopped",
                )
            )
            self._refuse_all()
            self._go_on_reading()

    async def _turn(self) -> None:
        at = self._let_pass() + 1
        batch = self._take(at)
        self._taken.extend(batch)
        commands = [*self._inside, *((at, command) for one in batch for command in one.ask.commands)]
        unwritten = await self._write(commands) if commands else None
        if unwritten is not None:
            self._answer_taken(unwritten)
            self._refuse_all()
            self._go_on_reading()
            return
        self._show()
        for one in batch:
            self._do(one, at)
        if batch:
            self._last = at
            self.batches += 1
        self.exchange.fold()

    def _let_pass(self) -> Time:
        """Let those inside act, and what fell due be done, up to now: how late it is then.

        What comes from outside comes a nanosecond later, and by then nothing is left to be done inside. So times
        alone tell, in the journal, what came from outside and what followed inside.
        """
        now = self.now
        self.world.step(now, self._heard)
        while (due := self.world.next_due()) is not None and due <= now + 1:
            now += 1
            self.world.step(now, self._heard)
        return now

    def _heard(self, happened: Happened) -> None:
        self._inside.append((happened.at, happened.command))
        self._untold.append(self.books.take(happened.command, happened.entries))
        self._last = max(self._last, happened.at)

    def _show(self) -> None:
        """All that has happened may be seen."""
        self._inside.clear()
        untold, self._untold = self._untold, []
        for news in untold:
            self._tell(news)
        self._release()

    def _go_on_reading(self) -> None:
        """What those inside did last may be missing after a restart: no feed tells it."""
        self._untold.clear()
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for what in held:
            what()

    def _do(self, one: _Waiting, now: Time) -> None:
        done = [(command, self.world.put(command, now)) for command in one.ask.commands]
        self.handled += len(done)
        told = [(self.books.take(command, entries)) for command, entries in done]
        result: Any
        try:
            result = one.ask.answer([entries for _, entries in done])
        except Fault as refused:
            result = refused
        self._taken.popleft()
        one.reply(result)
        for news in told:
            self._tell(news)

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

    async def _write(self, commands: list[tuple[Time, Command]]) -> Fault | None:
        """Have it in the journal; else what is to be said to those whose commands are not, or may not be."""
        if self._journal is None:
            return None
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._append, commands)
        except JournalFull:
            return await self._end_for_lack_of_room(self._journal)
        except Exception:
            return self._fail()
        return None

    async def _end_for_lack_of_room(self, journal: Journal) -> Fault:
        """What those inside have done is the last that is written; of the batch nothing is."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, journal.farewell, self._inside)
        except Exception:
            return self._fail()
        self._show()
        self.standing = Standing.FULL
        log.error("the disk is full: the venue takes no more. Free some space and start it again")
        return fault(UNAVAILABLE, reason="disk_full", told="nothing was done")

    def _fail(self) -> Fault:
        self.standing = Standing.FAILED
        log.exception("the journal could not be written; the venue takes no more")
        return fault(UNKNOWN_OUTCOME, reason="outcome_unknown", told="the journal could not be written")

    def _answer_taken(self, what: Fault) -> None:
        """To everybody in the batch who has had no answer yet."""
        while self._taken:
            self._taken.popleft().reply(what)

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

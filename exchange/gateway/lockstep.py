"""Lock-step: simulated time advances only once every bot that takes part has said that it is done.

    think: read, follow, send, done  ->  commands, by bot and sequence  ->  time passes  ->  notice  ->  think

While bots think, the exchange stands still, so whatever they read is the state at the step's beginning, however long
they take and in whatever order they ask. What they send is kept until all are done; then it is handled in the order
of their names, and of each in the order in which it was sent. Answers come then, after them the news of the time that
passes, and last the notice of the next step. Nothing here looks at a clock but to find out who is late.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from exchange.commands import CancelAll
from exchange.gateway.auth import Key
from exchange.gateway.faults import FORBIDDEN, OTHER_REJECT, UNAVAILABLE, fault
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.registry import Ask, Method, Pool
from exchange.gateway.sessions import Connection
from exchange.gateway.shapes import StepShape
from exchange.gateway.throttle import Limits, Rate
from exchange.gateway.venue import Reply, Source, Standing
from exchange.gateway.wire import milliseconds
from exchange.units import Time

if TYPE_CHECKING:
    from exchange.gateway.dispatch import Call, Gateway

MOST_COMMANDS: Final = 1_000  # that one bot may send in a step
AT_ONCE: Final = 5_000  # that are given to the venue before it is awaited
A_YEAR: Final = 365 * 86_400.0  # seconds; nothing waits for the wall
# What says nothing of the market may be asked at any time.
ALWAYS: Final = frozenset(
    {
        "public/auth",
        "public/test",
        "public/hello",
        "public/set_heartbeat",
        "public/disable_heartbeat",
        "private/logout",
        "simulation/register",
        "simulation/step",
        "simulation/leave",
        "simulation/get_bots",
    }
)
# Of a connection: a bot may be as slow as it likes, and is sent all of a step at once.
LIMITS: Final = Limits(
    in_flight=2 * MOST_COMMANDS,
    outbox_bytes=268_435_456,
    outbox_messages=1_000_000,
    outbox_seconds=A_YEAR,
    patient=True,
    pause=0.0,
    patience=Rate(1, MOST_COMMANDS * A_YEAR),  # what is asked too much is counted in the time of the venue
)

log = logging.getLogger("ringfence.lockstep")


class WhenLate(StrEnum):
    """What becomes of a bot that is not done in time."""

    WAIT = "wait"  # it is told of, and waited for
    DROP = "drop"  # its orders are canceled, and the others go on without it
    STOP = "stop"  # the whole run ends


class LockStepStopped(Exception):  # noqa: N818 - it is what happened
    """The run has ended before its day was over; why, as a sentence."""


class StepClock:
    """Engine time that stands still until it is set."""

    speed = 0.0

    def __init__(self, at: Time) -> None:
        self.at = at

    def now(self) -> Time:
        return self.at

    def seconds_until(self, at: Time) -> float:
        return A_YEAR


class _Sent(NamedTuple):
    ask: Ask[Any]
    reply: Reply


@dataclass(slots=True, eq=False)
class Bot:
    """One that is expected: where it is, and what it has said in this step."""

    name: str
    key: Key
    connection: Connection | None = None
    came: bool = False  # it has registered, be it on a connection that is lost by now
    done: bool = False  # with this step
    out: str = ""  # why it takes part no longer
    sent: list[_Sent] = field(default_factory=list)
    numbered: int = 0  # the last client order id before this step
    entering: Reply | None = None  # waits for the first step
    waiting: Reply | None = None  # waits for the next one

    @property
    def is_awaited(self) -> bool:
        return not self.out and not self.done

    def enter(self, told: Any) -> None:
        """Tell it that all have come."""
        reply, self.entering = self.entering, None
        if reply is not None:
            reply(told)

    def answer(self, told: Any) -> None:
        """Tell it whatever it waits for."""
        self.enter(told)
        reply, self.waiting = self.waiting, None
        if reply is not None:
            reply(told)


class LockStep:
    """The steps of one day, from where the clock stands until `ends`, and those who take part in them.

    Once started it runs by itself; the gateway tells it what is asked. `overtime`: instants that must pass after the
    end. `finish` is asked for the digest once all is over. `patience`: seconds of the wall until a bot is late; None:
    it never is.
    """

    def __init__(
        self,
        gateway: "Gateway",
        clock: StepClock,
        bots: Mapping[str, Key],
        step_ns: Time,
        ends: Time,
        *,
        finish: Callable[[], str],
        overtime: Iterable[Time] = (),
        patience: float | None = None,
        when_late: WhenLate = WhenLate.WAIT,
        tell: Callable[[str], None] = log.info,
    ) -> None:
        self.number = 0
        self.step_ns = step_ns
        self.bots = [Bot(name, bots[name]) for name in sorted(bots)]
        self.notice: StepShape | None = None  # of the present step; None: not all have come yet
        self.stopped = ""  # why, before the day was over
        self._hub, self._venue, self._clock = gateway.hub, gateway.venue, clock
        self._ends = ends
        self._overtime = overtime
        self._finish = finish
        self._patience = patience
        self._when_late = when_late
        self._tell = tell
        self._numbers = gateway.numbered
        self._source = Source()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[str] | None = None
        gateway.lock_step = self
        gateway.hub.in_steps = True

    @property
    def is_over(self) -> bool:
        return bool(self.stopped) or (self.notice is not None and self.notice["ended"])

    # --- what the gateway tells ---------------------------------------------------------------------

    def admit(self, call: "Call", method: Method) -> None:
        """Raises Fault if a bot that is done with a step asks what the next one may change, or sends a command over
        another connection than its own."""
        bot = self._bot_of(call)
        if bot is None or self.is_over or method.name in ALWAYS:
            return
        if bot.done:
            raise self._already_done()
        if method.pool is not Pool.READ:
            self._registered(call)

    def take(self, call: "Call", ask: Ask[Any], reply: Reply) -> None:
        """Keep what a bot wants of the exchange until all are done. Raises Fault from anybody else."""
        bot = self._registered(call)
        if bot.done:
            raise self._already_done()
        if len(bot.sent) >= MOST_COMMANDS:
            raise fault(OTHER_REJECT, reason="too_many_commands_in_this_step", limit=MOST_COMMANDS)
        bot.sent.append(_Sent(ask, reply))

    def register(self, call: "Call", reply: Reply) -> None:
        """A bot is there: it is told of the first step once all are, or, if it returns, of the present one."""
        bot = self._expected(call)
        if bot.connection is not None:
            raise fault(OTHER_REJECT, reason="registered_already", bot=bot.name)
        bot.connection, bot.came = call.connection, True
        if self.notice is None:
            bot.entering = reply
        elif bot.done:
            bot.waiting = reply
        else:
            reply(self.notice)
        self._changed.set()

    def done(self, call: "Call", number: int | None, reply: Reply) -> None:
        """A bot has sent all that it wants to in this step; it is told of the next."""
        bot = self._registered(call)
        if bot.done:
            raise self._already_done()
        if number not in (None, self.number):
            raise fault(OTHER_REJECT, reason="another_step", step=self.number)
        bot.done, bot.waiting = True, reply
        self._changed.set()

    def leave(self, call: "Call", reply: Reply, *, cancel_orders: bool) -> None:
        """A bot is done for good. What it has sent in this step is still handled."""
        bot = self._registered(call)
        self.done(call, None, reply)
        self._let_go(bot, "has_left", cancel_orders=cancel_orders)

    def lost(self, connection: Connection) -> None:
        """A connection is gone. What a bot has sent in a step that it has not finished is forgotten."""
        for bot in self.bots:
            if bot.connection is connection:
                bot.connection = None
                if not bot.done:
                    self._forget(bot, fault(UNAVAILABLE, reason="connection_lost"))
                if not bot.out and not self.is_over:
                    self._tell(f"{bot.name} has lost its connection in step {self.number}")

    def _bot_of(self, call: "Call") -> Bot | None:
        key = call.key
        return next((bot for bot in self.bots if key and bot.key.client_id == key.client_id), None)

    def _expected(self, call: "Call") -> Bot:
        bot = self._bot_of(call)
        if bot is None:
            raise fault(FORBIDDEN, reason="no_bot_of_this_run", bots=[bot.name for bot in self.bots])
        if self.stopped:
            raise fault(UNAVAILABLE, reason="the_run_has_stopped", explanation=self.stopped)
        if self.is_over:
            raise fault(UNAVAILABLE, reason="the_day_is_over")
        if bot.out:
            raise fault(FORBIDDEN, reason=bot.out, bot=bot.name)
        return bot

    def _registered(self, call: "Call") -> Bot:
        bot = self._expected(call)
        if bot.connection is None or bot.connection is not call.connection:
            raise fault(FORBIDDEN, reason="not_registered", explanation="register on this connection first")
        return bot

    def _already_done(self) -> Fault:
        return fault(OTHER_REJECT, reason="step_is_done", step=self.number)

    # --- the steps ----------------------------------------------------------------------------------

    def start(self, when_over: Callable[[], None]) -> asyncio.Task[str]:
        """Begin on the running loop; `when_over` is called at the end, whatever it is."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="lock-step")
        self._task.add_done_callback(lambda _: when_over())
        return self._task

    def result(self) -> str:
        """The digest. Raises whatever has ended the run before its day was over."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            raise LockStepStopped("the venue was stopped before the day was over")
        return self._task.result()

    async def _run(self) -> str:
        """All steps to the end of the day; the digest. Raises LockStepStopped."""
        try:
            await self._until_none(lambda: [bot for bot in self.bots if not bot.came and not bot.out])
            self._begin(ended=False)
            while self._clock.at < self._ends:
                await self._until_none(lambda: [bot for bot in self.bots if bot.is_awaited])
                await self._handle_what_was_sent()
                await self._let_pass(min(self._clock.at + self.step_ns, self._ends))
                self.number += 1
                if self._clock.at < self._ends:
                    self._begin(ended=False)
            for until in self._overtime:
                await self._let_pass(until)
            digest = self._finish()
        except BaseException as error:
            self._stop(str(error) or "the venue was stopped")
            raise
        self._begin(ended=True, digest=digest)
        return digest

    async def _until_none(self, awaited: Callable[[], list[Bot]]) -> None:
        """Wait for bots until none is left, and deal with those who are late."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        while awaited():
            self._changed.clear()
            try:
                async with asyncio.timeout_at(None if self._patience is None else since + self._patience):
                    await self._changed.wait()
            except TimeoutError:
                since = loop.time()
                self._deal_with(awaited())

    def _deal_with(self, late: list[Bot]) -> None:
        names = ", ".join(bot.name for bot in late)
        what = "registered" if self.notice is None else f"done with step {self.number}"
        told = f"{names}: not {what} after {self._patience} seconds"
        match self._when_late:
            case WhenLate.WAIT:
                self._tell(f"{told}; the others wait")
            case WhenLate.DROP:
                self._tell(f"{told}; dropped, and open orders are canceled")
                for bot in late:
                    self._forget(bot, fault(FORBIDDEN, reason="was_dropped", bot=bot.name))
                    self._let_go(bot, "was_dropped", cancel_orders=True)
            case WhenLate.STOP:
                raise LockStepStopped(f"{told}; the run has stopped")

    def _forget(self, bot: Bot, why: Fault) -> None:
        """What it has sent in a step that it has not finished."""
        sent, bot.sent = bot.sent, []
        self._numbers[bot.key.participant_id] = bot.numbered
        for one in sent:
            one.reply(why)

    def _let_go(self, bot: Bot, why: str, *, cancel_orders: bool) -> None:
        bot.out = why
        who = bot.key.participant_id
        if cancel_orders and who is not None:
            bot.sent.append(_Sent(Ask((CancelAll(participant_id=who),), lambda _: None), lambda _: None))

    async def _handle_what_was_sent(self) -> None:
        """By bot and sequence, whenever it came."""
        waiting = 0
        for bot in self.bots:
            sent, bot.sent = bot.sent, []
            for ask, reply in sent:
                try:
                    self._venue.submit(self._source, ask, reply)
                except Fault as refused:
                    reply(refused)
                waiting += 1
                if waiting % AT_ONCE == 0:
                    await self._settled()
        if waiting % AT_ONCE:
            await self._settled()

    async def _let_pass(self, until: Time) -> None:
        """Everything up to and including then happens, and all hear of it."""
        self._clock.at = until
        await self._settled()
        self._hub.bring_level()

    async def _settled(self) -> None:
        """Until the venue has let happen what is due by the clock, and done what it was given."""
        over: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            self._venue.submit(self._source, Ask((), lambda _: None), over.set_result)
        except Fault:
            raise LockStepStopped(f"the venue is {self._venue.standing}") from None
        while not over.done():
            await asyncio.wait({over}, timeout=1.0)
            if self._venue.standing is Standing.FAILED and not over.done():
                raise LockStepStopped("the venue has failed")
        if isinstance(over.result(), Fault):
            raise LockStepStopped(f"the venue is {self._venue.standing}")

    def _begin(self, *, ended: bool, digest: str | None = None) -> None:
        """A step begins, or the day has ended: whoever waits is told."""
        at = self._clock.at
        self.notice = {
            "step": self.number,
            "time_ns": at,
            "timestamp": milliseconds(at),
            "ended": ended,
            "digest": digest,
        }
        self._hub.tell_step(self.notice)
        for bot in self.bots:
            if self.number or ended:
                bot.done = False
                bot.numbered = self._numbers.get(bot.key.participant_id, 0)
                bot.answer(self.notice)
            else:  # who is done already is so with this step
                bot.enter(self.notice)

    def _stop(self, why: str) -> None:
        self.stopped = why
        told = fault(UNAVAILABLE, reason="the_run_has_stopped", explanation=why)
        for bot in self.bots:
            self._forget(bot, told)
            bot.answer(told)

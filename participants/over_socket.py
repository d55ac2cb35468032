"""RIM. A participant's line to the live venue over a socket: the news, the market and the clock that it would have
inside, and its commands as methods. The participant itself does not know the difference.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from exchange.commands import Command, PlaceOrder
from exchange.events import BookChanged, Entry, Event, OrderCanceled, OrderFilled, OrderRejected, PrivateEvent
from exchange.instruments import Instrument
from exchange.messages import changed, converted
from exchange.reasons import RejectReason
from exchange.units import SECOND, InstrumentId, Time, WalletId
from exchange.views import LatestTape, MarketView, PublicTape
from matching.terms import OrderId, ParticipantId, Side
from participants.answers import VenueError
from participants.client import Client
from participants.dialect import Asked, CannotBeAskedError, Dialect
from participants.feed import Told
from participants.participant import Participant

CHANNEL: Final = "user.events.raw"
MOST_IN_FLIGHT: Final = 100  # requests that wait for an answer, before anything more is decided
_REASONS: Final = frozenset(reason.value for reason in RejectReason)


class LineLostError(Exception):
    """The connection was lost, and with it news that a participant cannot do without: let it begin anew."""


class VenueClock:
    """Engine time, as far as can be told from here."""

    def __init__(self, told: dict[str, Any], at_ns: int, monotonic_ns: Callable[[], int]) -> None:
        self._starts: Time = told["time_ns"]
        self._speed: float = told["speed"]
        self._from = at_ns
        self._monotonic_ns = monotonic_ns
        self._least: Time = 0

    @classmethod
    async def read(cls, venue: Client, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> Self:
        """Ask for it. What it says is taken to be true half-way between question and answer."""
        before = monotonic_ns()
        told = await venue.call("simulation/get_clock")
        return cls(told, (before + monotonic_ns()) // 2, monotonic_ns)

    @property
    def runs(self) -> bool:
        """Not in lock-step, where each step says how late it is."""
        return self._speed > 0

    def now(self) -> Time:
        """Never behind what has been heard."""
        reckoned = self._starts + int((self._monotonic_ns() - self._from) * self._speed)
        self._least = max(self._least, reckoned)
        return self._least

    def hear(self, at: Time) -> None:
        self._least = max(self._least, at)

    def seconds_until(self, at: Time) -> float:
        return max(0.0, (at - self.now()) / SECOND / self._speed)


class _Turns:
    """When a participant looks up, and what it has heard until then."""

    def __init__(self, participant: Participant, standing: Sequence[Entry], tape: PublicTape) -> None:
        self._participant = participant
        self._view = MarketView(tape)
        self._wakes = frozenset(participant.wakes_for) | frozenset(participant.follows)
        self._news = [entry.event for entry in standing if type(entry.event) in self._wakes]
        self._is_woken = False
        self.wake_at: Time | None = participant.first_wake()

    def hear(self, event: Event) -> None:
        wakes = type(event) in self._wakes
        if wakes or isinstance(event, PrivateEvent):
            self._news.append(event)
        self._is_woken = self._is_woken or wakes

    def is_due(self, now: Time) -> bool:
        return self._is_woken or (self.wake_at is not None and now >= self.wake_at)

    def decide(self, now: Time) -> Sequence[Command]:
        news, self._news, self._is_woken, self._view.time = self._news, [], False, now
        decision = self._participant.decide(now, news, self._view)
        self.wake_at = decision.wake_at
        return decision.commands


class SocketLine:
    """`async with SocketLine(venue) as line:` then build who is to trade for `line.participant_id`, and `play`."""

    participant_id: ParticipantId
    wallet_id: WalletId
    clock: VenueClock

    def __init__(self, venue: Client) -> None:
        self.venue = venue
        self.sent = 0  # commands
        self.refused: Counter[str] = Counter()  # by the venue's word and reason
        self.heard: Counter[str] = Counter()  # the participant's own events by name
        self._dialect = Dialect()
        self._tape = LatestTape()
        self._feed = venue.follow(CHANNEL)
        self._standing: list[Entry] = []
        self._answers: set[asyncio.Task[None]] = set()
        self._own_numbers: dict[OrderId, int] = {}  # the participant's own, of orders that were accepted
        self._rejected: list[PlaceOrder] = []  # of which the event has not come yet

    async def __aenter__(self) -> Self:
        seat = await self.venue.call("access/get_my_class")
        self.participant_id = ParticipantId(seat["participant_id"])
        self.wallet_id = WalletId(seat["wallet"])
        first = await self._feed.next()
        self.clock = await VenueClock.read(self.venue)
        self._standing = converted(first.data["entries"], list[Entry])
        for entry in self._standing:
            self._take_in(entry)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._feed.close()

    def instrument(self, name: str) -> Instrument:
        """Its terms as the core has them. Raises KeyError if it is not listed."""
        return self._dialect.instruments[InstrumentId(name)]

    async def play(self, participant: Participant) -> None:
        """Let it take part until canceled, or in lock-step until the day has ended.

        Raises LineLostError, or CannotBeAskedError for what no method says.
        """
        assert participant.participant_id == self.participant_id, (
            "whoever has the key speaks for itself alone"
        )
        if BookChanged in participant.follows:
            raise CannotBeAskedError(
                "BookChanged is not told on the wire as an event: follow the book's channel"
            )
        turns = _Turns(participant, self._standing, self._tape)
        try:
            await (self._take_part(turns) if self.clock.runs else self._take_part_in_steps(turns))
        finally:
            for task in self._answers:
                task.cancel()  # nothing is sent any more

    async def _take_part(self, turns: "_Turns") -> None:
        while True:
            now = self.clock.now()
            if turns.is_due(now):
                await self._send(turns.decide(now))
                if len(self._answers) > MOST_IN_FLIGHT:
                    await asyncio.wait(self._answers)
            for event in await self._hear(turns.wake_at):
                turns.hear(event)

    async def _take_part_in_steps(self, turns: "_Turns") -> None:
        """In lock-step it looks up once a step at most, and then says that it is done; until the day has ended."""
        step = await self.venue.call("simulation/register")
        while not step["ended"]:
            self.clock.hear(step["time_ns"])
            for told in self._feed.drain():
                for event in self._taken_in(told):
                    turns.hear(event)
            if turns.is_due(self.clock.now()):
                await self._send(turns.decide(self.clock.now()))
            step = await self.venue.call("simulation/step")

    # --- news ---------------------------------------------------------------------------------------

    async def _hear(self, until: Time | None) -> list[Event]:
        """What comes next; nothing if nothing has come by then. Raises LineLostError."""
        seconds = None if until is None else self.clock.seconds_until(until)
        try:
            async with asyncio.timeout(seconds):
                told = await self._feed.next()
        except TimeoutError:
            told = None
        if self._feed.has_missed:
            await (
                self.venue.ready()
            )  # it decides nothing before it knows whether what it has missed can be heard
        if self._feed.has_missed or (told and told.missed):
            raise LineLostError(
                "the connection was lost, and what happened meanwhile cannot be heard any more"
            )
        return [] if told is None else self._taken_in(told)

    def _taken_in(self, told: Told) -> list[Event]:
        return [self._take_in(entry) for entry in converted(told.data["entries"], list[Entry])]

    def _take_in(self, entry: Entry) -> Event:
        event = entry.event
        self.clock.hear(entry.time)
        self._dialect.hear(event)
        if isinstance(event, PrivateEvent):
            self.heard[type(event).__name__] += 1
            return self._in_own_numbers(event)
        self._tape.publish(entry.time, event)
        return event

    def _in_own_numbers(self, event: Event) -> Event:
        """On the wire the venue numbers orders; the participant is told the number that it gave."""
        if isinstance(event, OrderRejected):
            for at, command in enumerate(self._rejected):
                terms = (command.instrument_id, command.side, command.quantity)
                if terms == (event.instrument_id, event.side, event.quantity):
                    return changed(event, client_order_id=self._rejected.pop(at).client_order_id)
            return event
        order_id = getattr(event, "order_id", None)
        number = None if order_id is None else self._own_numbers.get(order_id)
        if number is None or not hasattr(event, "client_order_id"):
            return event
        if isinstance(event, OrderCanceled) or (isinstance(event, OrderFilled) and not event.remaining):
            self._own_numbers.pop(event.order_id, None)
        return changed(event, client_order_id=number)

    # --- commands -----------------------------------------------------------------------------------

    async def _send(self, commands: Sequence[Command]) -> None:
        """All of them in their order, before anything else is; nobody waits for the answers."""
        for command in commands:
            asked = self._dialect.asked(command)
            self.sent += 1
            task = asyncio.get_running_loop().create_task(self._ask(command, asked))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
        await asyncio.sleep(0)

    async def _ask(self, command: Command, asked: Asked) -> None:
        try:
            if isinstance(command, PlaceOrder):
                place = self.venue.buy if command.side is Side.BUY else self.venue.sell
                order = (await place(**asked.params)).order
                if order.cancel_reason in _REASONS:  # it met too few: on the wire that is no refusal
                    self._rejected.append(command)
                else:
                    self._own_numbers[OrderId(order.number)] = command.client_order_id
            else:
                await self.venue.call(asked.method, **asked.params)
        except VenueError as refused:
            self.refused[f"{refused.name} {refused.reason}"] += 1
            if isinstance(command, PlaceOrder) and refused.reason in _REASONS:
                self._rejected.append(command)

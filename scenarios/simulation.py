"""Simulated time: wait, deliver, and keep. It decides nothing.

One event of the simulation is one arrival: a command at the exchange, or news at a participant. At one
instant commands arrive in order of precedence. News that can wait lies in the inbox until its reader looks up
anyway, and public prices are read from one shared tape, as late as the reader's line makes them; so the cost
of an event does not grow with the number of those who might be interested.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import simpy

from exchange.commands import Command
from exchange.core import Exchange
from exchange.events import Entry, Event, PrivateEvent
from exchange.units import Time
from exchange.views import MarketView, PublicTape
from exchange.wellformed import MalformedCommand
from matching.terms import ParticipantId
from participants.chance import Dice
from participants.participant import Participant
from scenarios.world import LinkTerms

_READERS = 100  # precedence of looking up: after every command of the instant
_DUTIES = 99


class Keeper(Protocol):
    """Who keeps what happened: the run's journal and record."""

    def command(self, time: Time, command: Command) -> None: ...

    def entries(self, entries: list[Entry]) -> None: ...


class Link:
    """One participant's line to the venue. Messages on it never overtake each other."""

    __slots__ = ("_dice", "_last_in", "_last_out", "_terms", "feed_ns")

    def __init__(self, terms: LinkTerms, dice: Dice) -> None:
        self._terms = terms
        self._dice = dice
        self._last_out = self._last_in = 0
        self.feed_ns = terms.fixed_ns + terms.jitter_ns  # how late the public tape is on this line

    def arrival_at_venue(self, sent: Time) -> Time:
        self._last_out = max(self._last_out, sent + self._delay())
        return self._last_out

    def arrival_at_reader(self, told: Time) -> Time:
        self._last_in = max(self._last_in, told + self._delay())
        return self._last_in

    def _delay(self) -> Time:
        return self._terms.fixed_ns + int(self._terms.jitter_ns * self._dice.exponential())


class Reader:
    """A participant with its line, its inbox and the time at which it means to look up next."""

    __slots__ = ("inbox", "link", "participant", "view", "wake_at", "wakes_for")

    def __init__(self, participant: Participant, link: Link, tape: PublicTape) -> None:
        self.participant = participant
        self.link = link
        self.view = MarketView(tape)
        self.inbox: deque[tuple[Time, Event]] = deque()
        self.wake_at: Time | None = None
        self.wakes_for = frozenset(participant.wakes_for)


class Simulation:
    """One exchange, its participants and their lines, in simulated time."""

    def __init__(self, exchange: Exchange, keeper: Keeper, starts: Time) -> None:
        self.exchange = exchange
        self.tape = PublicTape()
        self.malformed: list[tuple[Time, ParticipantId, str]] = []
        self._keeper = keeper
        self._environment = simpy.Environment(initial_time=starts)  # type: ignore[arg-type]
        self._readers: dict[ParticipantId, Reader] = {}
        self._followers: dict[type[Event], list[Reader]] = {}
        self._alarm: Time | None = None

    @property
    def now(self) -> Time:
        return int(self._environment.now)

    def join(self, participant: Participant, link: Link) -> None:
        """Let a participant take part from now on."""
        reader = Reader(participant, link, self.tape)
        self._readers[participant.participant_id] = reader
        for kind in participant.follows:
            self._followers.setdefault(kind, []).append(reader)
        self._wake(reader, participant.first_wake())

    def play(self, commands: Iterable[tuple[Time, Command]]) -> None:
        """Put scripted commands before the exchange, each at its time; times must not fall."""
        self._play_next(iter(commands))

    def submit(self, command: Command) -> list[Entry]:
        """Put `command` before the exchange now, keep it, and send out the news."""
        entries = self.exchange.handle(command, self.now)
        self._keeper.command(self.now, command)
        self._tell(entries)
        return entries

    def run(self, until: Time) -> None:
        """Let time pass up to and including `until`."""
        self._set_alarm()
        self._environment.run(until=until + 1)

    # --- arrivals -----------------------------------------------------------------------------------

    def _at(self, time: Time, priority: int, action: Callable[[simpy.Event], None]) -> None:
        event = simpy.Event(self._environment)
        event._ok, event._value = True, None
        assert event.callbacks is not None, "a new event can still be waited for"
        event.callbacks.append(action)
        self._environment.schedule(event, priority, time - self.now)  # type: ignore[arg-type]

    def _play_next(self, commands: "Iterable[tuple[Time, Command]]") -> None:
        script = iter(commands)
        step = next(script, None)
        if step is not None:
            time, command = step

            def arrive(_event: simpy.Event) -> None:
                self.submit(command)
                self._play_next(script)

            self._at(time, command.precedence, arrive)

    def _send(self, reader: Reader, command: Command) -> None:
        def arrive(_event: simpy.Event) -> None:
            try:
                self.submit(command)
            except MalformedCommand as fault:
                self.malformed.append((self.now, reader.participant.participant_id, str(fault)))

        self._at(reader.link.arrival_at_venue(self.now), command.precedence, arrive)

    def _set_alarm(self) -> None:
        """Wake the exchange when its next duty falls due, after every command of that instant."""
        due = self.exchange.next_due()
        if due is not None and (self._alarm is None or due < self._alarm):
            self._alarm = due
            self._at(due, _DUTIES, self._ring)

    def _ring(self, _event: simpy.Event) -> None:
        if self._alarm == self.now:
            self._alarm = None
            self._tell(self.exchange.advance(self.now))

    # --- news ---------------------------------------------------------------------------------------

    def _tell(self, entries: list[Entry]) -> None:
        self._keeper.entries(entries)
        for entry in entries:
            event = entry.event
            if isinstance(event, PrivateEvent):
                reader = self._readers.get(event.participant_id)
                if reader is not None:
                    self._post(reader, entry.time, event, type(event) in reader.wakes_for)
            else:
                self.tape.publish(entry.time, event)
                for reader in self._followers.get(type(event), ()):
                    self._post(reader, entry.time, event, wakes=True)
        self._set_alarm()

    def _post(self, reader: Reader, told: Time, event: Event, wakes: bool) -> None:
        arrival = reader.link.arrival_at_reader(max(told, self.now))
        reader.inbox.append((arrival, event))
        if wakes and (reader.wake_at is None or arrival < reader.wake_at):
            self._wake(reader, arrival)

    def _wake(self, reader: Reader, at: Time) -> None:
        reader.wake_at = at

        def look_up(_event: simpy.Event) -> None:
            if reader.wake_at == at:
                self._ask(reader)

        self._at(at, _READERS, look_up)

    def _ask(self, reader: Reader) -> None:
        """Hand over what has arrived, and do what the participant decides."""
        now, inbox = self.now, reader.inbox
        news = []
        while inbox and inbox[0][0] <= now:
            news.append(inbox.popleft()[1])
        reader.view.time = now - reader.link.feed_ns
        reader.wake_at = None
        decision = reader.participant.decide(now, news, reader.view)
        for command in decision.commands:
            self._send(reader, command)
        if decision.wake_at is not None:
            assert decision.wake_at > now, f"{reader.participant.participant_id} wants to look up in the past"
            self._wake(reader, decision.wake_at)

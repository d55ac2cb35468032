"""Simulated time: wait, deliver, and keep. It decides nothing.

One arrival is a command at the exchange, or a moment at which somebody looks up. At one instant commands arrive
in order of precedence. News that can wait lies in the inbox until its reader looks up anyway, and public
prices are read from one shared tape, as late as the reader's line makes them; so the cost of an arrival does
not grow with the number of those who might be interested.

All arrivals lie in one heap, and one simpy process walks from each to the next without stopping until some
other event of simpy's is due: an event of its own for every message would cost several times as much
(docs/measurements.md).
"""

import gc
import heapq
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, get_args

import simpy

from exchange.commands import CANCELS, CLOCK, CancelAll, Command, NumberedRequest, Request
from exchange.core import Exchange
from exchange.events import Entry, Event, PrivateEvent, RequestExists
from exchange.messages import changed
from exchange.units import Time
from exchange.views import MarketView, PublicTape
from exchange.wellformed import MalformedCommand
from matching.terms import ParticipantId
from participants.chance import Dice
from participants.participant import Participant
from scenarios.world import CALM, Disconnection, LinkTerms, StormTerms

_REQUESTS = get_args(Request)
ARRIVALS: Final = frozenset(
    {"_arrive", "_lose", "_look_up", "_play", "_return", "_ring"}
)  # what is done at one
_DUTIES, _READERS = 99, 100  # duties come after every command of the instant, and looking up last


def _check_name(command: Command, sender: ParticipantId) -> None:
    """Raise MalformedCommand if a request is made in somebody else's name. Directives name whom they are about."""
    if isinstance(command, _REQUESTS) and command.participant_id != sender:
        kind = type(command).__name__
        raise MalformedCommand(
            f"{kind}.participant_id must be the sender's own, not {command.participant_id}"
        )


@contextmanager
def rare_collections() -> Iterator[None]:
    """Next to nothing in a run is a cycle, so the collector need not look at all of it again and again."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


class Keeper(Protocol):
    """Who keeps what happened: the run's journal and record."""

    def command(self, time: Time, command: Command) -> None: ...

    def entries(self, entries: list[Entry]) -> None: ...


class Link:
    """One participant's line to the venue. Messages on it never overtake each other.

    In a storm it sends each request again and again, each time under the number that it had the first time. A
    repeat needs no dice and keeps nothing waiting; so it may arrive after what was sent later.
    """

    __slots__ = ("_dice", "_last_in", "_last_out", "_number", "_terms", "feed_ns", "storm")

    def __init__(self, terms: LinkTerms, dice: Dice, storm: StormTerms = CALM) -> None:
        self._terms = terms
        self._dice = dice
        self._last_out = self._last_in = 0
        self._number = 0  # of the latest request that was sent again
        self.storm = storm
        self.feed_ns = terms.fixed_ns + terms.jitter_ns  # how late the public tape is on this line

    def arrival_at_venue(self, sent: Time) -> Time:
        arrival = sent + self._delay()
        if arrival > self._last_out:
            self._last_out = arrival
        return self._last_out

    def arrival_at_reader(self, told: Time) -> Time:
        arrival = told + self._delay()
        if arrival > self._last_in:
            self._last_in = arrival
        return self._last_in

    def copies(self, command: Command, arrival: Time) -> list[tuple[Time, Command]]:
        """The command, with a number if it is to be sent again, and each time at which it arrives."""
        if not self.storm.repeats or not isinstance(command, _REQUESTS):
            return [(arrival, command)]
        if isinstance(command, NumberedRequest) and not command.request_id:
            self._number += 1
            command = changed(command, request_id=self._number)
        return [(arrival + n * self.storm.spacing, command) for n in range(self.storm.repeats + 1)]

    def takes_in(self, event: Event) -> bool:
        """Whether the line keeps the news to itself: an answer to what it has repeated."""
        return self.storm.repeats > 0 and isinstance(event, RequestExists)

    def _delay(self) -> Time:
        jitter_ns = self._terms.jitter_ns
        return self._terms.fixed_ns + (int(jitter_ns * self._dice.exponential()) if jitter_ns else 0)


class Reader:
    """A participant with its line, its inbox and the time at which it means to look up next."""

    __slots__ = ("connected", "inbox", "link", "participant", "view", "wake_at", "wakes_for")

    def __init__(self, participant: Participant, link: Link, tape: PublicTape) -> None:
        self.participant = participant
        self.link = link
        self.view = MarketView(tape)
        self.inbox: list[tuple[Time, Event, bool]] = []  # arrival, news, and whether it wakes
        self.wake_at: Time | None = None
        self.wakes_for = frozenset(participant.wakes_for)
        self.connected = True

    def take_arrived(self, now: Time) -> list[Event]:
        """Take out of the inbox what has arrived by `now`, in order."""
        inbox = self.inbox
        if not inbox or inbox[-1][0] <= now:
            news = [event for _, event, _ in inbox]
            inbox.clear()
        else:
            news = [event for arrival, event, _ in inbox if arrival <= now]
            del inbox[: len(news)]
        return news

    def next_waking(self) -> Time | None:
        """When the first news that cannot wait will arrive, if some is on its way."""
        return next((arrival for arrival, _, wakes in self.inbox if wakes), None) if self.inbox else None


class Simulation:
    """One exchange, its participants and their lines, in simulated time."""

    def __init__(self, exchange: Exchange, keeper: Keeper, starts: Time) -> None:
        self.exchange = exchange
        self.tape = PublicTape()
        self.now = starts
        self.malformed: list[tuple[Time, ParticipantId, str]] = []
        self._keeper = keeper
        self._environment = simpy.Environment(initial_time=starts)
        self._arrivals: list[tuple[Time, int, int, Callable[[Any], None], Any]] = []
        self._arranged = 0  # arrivals so far: at one instant they come in this order
        self._readers: dict[ParticipantId, Reader] = {}
        self._followers: dict[type, list[Reader]] = {}
        self._alarm: Time | None = None
        self._environment.process(self._pass_time())

    def join(self, participant: Participant, link: Link) -> None:
        """Let a participant take part from now on."""
        reader = Reader(participant, link, self.tape)
        self.tape.read_late_by(link.feed_ns)
        self._readers[participant.participant_id] = reader
        for kind in participant.follows:
            self._followers.setdefault(kind, []).append(reader)
        self._wake(reader, participant.first_wake())

    def play(self, script: Iterable[tuple[Time, Command]]) -> None:
        """Put scripted commands before the exchange, each at its time; times must not fall."""
        self._await_next(iter(script))

    def disconnect(self, lost: Disconnection) -> None:
        """Let a participant lose its connection: all its orders are canceled, and what would arrive meanwhile is lost.

        Without one who has joined by that name nothing is lost.
        """
        reader = self._readers.get(lost.participant_id)
        if reader is not None:
            self._at(lost.starts, CANCELS, self._lose, reader)
            if lost.ends is not None:
                self._at(lost.ends, CLOCK, self._return, reader)

    def submit(self, command: Command) -> list[Entry]:
        """Put `command` before the exchange now, keep it, and send out the news."""
        entries = self.exchange.handle(command, self.now)
        self._keeper.command(self.now, command)
        self._tell(entries)
        return entries

    def run(self, until: Time) -> None:
        """Let time pass up to and including `until`. Nobody may join or submit between two runs."""
        with rare_collections():
            self._environment.run(until=until + 1)

    # --- time ---------------------------------------------------------------------------------------

    def _pass_time(self) -> Generator[simpy.Event, None, None]:
        """Walk from arrival to arrival; give way to simpy whenever an event of its own comes first."""
        arrivals, environment = self._arrivals, self._environment
        while arrivals:
            yield environment.timeout(arrivals[0][0] - environment.now)
            others = environment.peek()
            while arrivals and arrivals[0][0] < others:
                self.now, _, _, action, subject = heapq.heappop(arrivals)
                action(subject)

    def _at(self, time: Time, precedence: int, action: Callable[[Any], None], subject: object) -> None:
        self._arranged += 1
        heapq.heappush(self._arrivals, (time, precedence, self._arranged, action, subject))

    def _ring(self, due: Time) -> None:
        if self._alarm == due:
            self._alarm = None
            self._tell(self.exchange.advance(self.now))

    # --- commands -----------------------------------------------------------------------------------

    def _await_next(self, script: Iterator[tuple[Time, Command]]) -> None:
        step = next(script, None)
        if step is not None:
            time, command = step
            self._at(time, command.precedence, self._play, (command, script))

    def _play(self, step: tuple[Command, Iterator[tuple[Time, Command]]]) -> None:
        command, script = step
        self.submit(command)
        self._await_next(script)

    def _arrive(self, sent: tuple[ParticipantId, Command]) -> None:
        sender, command = sent
        if not self._readers[sender].connected:
            return
        try:
            _check_name(command, sender)
            self.submit(command)
        except MalformedCommand as fault:
            self.malformed.append((self.now, sender, str(fault)))

    # --- connections --------------------------------------------------------------------------------

    def _lose(self, reader: Reader) -> None:
        reader.connected = False
        self.submit(CancelAll(participant_id=reader.participant.participant_id))

    def _return(self, reader: Reader) -> None:
        """It hears at once what it has missed."""
        reader.connected = True
        self._wake(reader, self.now)

    # --- news ---------------------------------------------------------------------------------------

    def _tell(self, entries: list[Entry]) -> None:
        self._keeper.entries(entries)
        for entry in entries:
            event = entry.event
            if isinstance(event, PrivateEvent):
                reader = self._readers.get(event.participant_id)
                if reader is not None and not reader.link.takes_in(event):
                    self._post(reader, event, type(event) in reader.wakes_for)
            else:
                self.tape.publish(entry.time, event)
                for reader in self._followers.get(type(event), ()):
                    self._post(reader, event, wakes=True)
        due = self.exchange.next_due()
        if due is not None and (self._alarm is None or due < self._alarm):
            self._alarm = due  # the exchange wakes when its next duty falls due, after every command of then
            self._at(due, _DUTIES, self._ring, due)

    def _post(self, reader: Reader, event: Event, wakes: bool) -> None:
        arrival = reader.link.arrival_at_reader(self.now)
        reader.inbox.append((arrival, event, wakes))
        if wakes and (reader.wake_at is None or arrival < reader.wake_at):
            self._wake(reader, arrival)

    def _wake(self, reader: Reader, at: Time) -> None:
        reader.wake_at = at
        self._at(at, _READERS, self._look_up, (reader, at))

    def _look_up(self, appointment: tuple[Reader, Time]) -> None:
        """Hand over what has arrived, and send what the participant decides."""
        reader, at = appointment
        if reader.wake_at != at:
            return  # it has looked up since this was arranged
        if not reader.connected:
            return
        now, participant = self.now, reader.participant
        news = reader.take_arrived(now)
        reader.view.time = now - reader.link.feed_ns
        reader.wake_at = None
        decision = participant.decide(now, news, reader.view)
        sender = participant.participant_id
        for command in decision.commands:
            arrival = reader.link.arrival_at_venue(now)
            for at, copy in reader.link.copies(command, arrival):
                self._at(at, copy.precedence, self._arrive, (sender, copy))
        wake_at = decision.wake_at
        assert wake_at is None or wake_at > now, f"{sender} wants to look up in the past"
        waking = reader.next_waking()
        if waking is not None and (wake_at is None or waking < wake_at):
            wake_at = waking
        if wake_at is not None:
            self._wake(reader, wake_at)

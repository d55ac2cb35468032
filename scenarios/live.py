"""A scenario's world as the live venue drives it: its own people trade on while others come in from outside."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from exchange.commands import Command, EstablishVenue, PassTime, SessionTerms
from exchange.core import Exchange
from exchange.events import Entry
from exchange.gateway.books import Books
from exchange.gateway.venue import Happened, Heard
from exchange.instruments import Instrument, NoteTerms
from exchange.messages import changed
from exchange.units import SECOND, InstrumentId, Time
from exchange.wellformed import check
from scenarios.simulation import Keeper, Simulation
from scenarios.world import AttackTerms, Disconnection, PathTerms, World


class _Unkept:
    """What happens is kept by the live venue itself."""

    def command(self, time: Time, command: Command) -> None:
        pass

    def entries(self, entries: list[Entry]) -> None:
        pass


UNKEPT: Final[Keeper] = _Unkept()


class Diverged(Exception):  # noqa: N818 - it is the world that has diverged
    """Those inside would do something else now than the journal says they did. Says where."""


class History:
    """What a journal says has happened, to happen again."""

    __slots__ = ("_records", "next")

    def __init__(self, records: Iterator[tuple[int, Time, Command]]) -> None:
        self._records = records
        self.next = next(records, None)  # sequence, time, command

    def take(self) -> None:
        self.next = next(self._records, None)

    def expect(self, command: Command, now: Time) -> None:
        """It happens again, unless it is new. Raises Diverged if it is not what comes next."""
        told = self.next
        if told is None:
            return
        sequence, at, known = told
        if at != now or command != known:
            raise Diverged(
                f"record {sequence} is {type(known).__name__} at {at}, but it would now be"
                f" {type(command).__name__} at {now}"
            )
        self.take()


class Script:
    """What comes at its time whatever happens, and how much of it has been taken: an image tells no more of it."""

    __slots__ = ("_commands", "taken")

    def __init__(self, commands: Iterable[tuple[Time, Command]]) -> None:
        self._commands = iter(commands)
        self.taken = 0

    def __iter__(self) -> "Script":
        return self

    def __next__(self) -> tuple[Time, Command]:
        self.taken += 1
        return next(self._commands)

    def go_on_with(self, commands: Iterable[tuple[Time, Command]]) -> None:
        """The same commands, from the first on: those that were taken are passed over."""
        self._commands = islice(commands, self.taken, None)


class LiveSimulation(Simulation):
    """The same lines, scripts and people as in simulated time, but somebody else says how late it is.

    What they do is a function of what they hear and when. So with the commands of a journal, which tell what came
    from outside and when, all of it happens again.
    """

    def __init__(
        self, exchange: Exchange, keeper: Keeper, starts: Time, history: History | None = None
    ) -> None:
        super().__init__(exchange, keeper, starts)
        self.tape.read_late_by(0)  # it may be that nobody inside ever reads it; then only the latest is kept
        self.scripts: list[Script] = []  # in the order in which they were given
        self._history = history
        self._founding: list[Happened] = []
        self._heard: Heard = self._founding.append
        self._outside: Time = starts - 1  # when the latest came from there

    def play(self, script: Iterable[tuple[Time, Command]]) -> None:
        self.scripts.append(Script(script))
        super().play(self.scripts[-1])

    def founded(self) -> list[Happened]:
        """What has happened so far. To be asked once, when all are inside."""
        happened, self._founding = self._founding, []
        return happened

    def submit(self, command: Command) -> list[Entry]:
        if self._history is not None:
            check(command)
            self._history.expect(command, self.now)
        entries = super().submit(command)
        self._heard(Happened(self.now, command, entries))
        return entries

    def step(self, until: Time, heard: Heard) -> None:
        """Let everything happen that is to happen up to and including then."""
        self._heard = heard
        while self._arrivals and self._reached(self._arrivals[0][0]) <= until:
            self._meet_next()

    def put(self, command: Command, at: Time) -> list[Entry]:
        """A command from outside; those inside hear of it on their lines, and act on it later than it came."""
        self.now = self._outside = at
        return super().submit(command)

    def next_due(self) -> Time | None:
        return self._reached(self._arrivals[0][0]) if self._arrivals else None

    def relive(self, history: History, heard: Heard) -> None:
        """Let everything that the rest of the journal tells happen again. Raises Diverged.

        Before a command from outside came, all that was to happen inside by then had happened; so a command at a
        time that nobody inside reaches with it came from outside.
        """
        self._history, self._heard = history, heard
        while (told := history.next) is not None:
            _, at, command = told
            while history.next is told and self._arrivals and self._reached(self._arrivals[0][0]) <= at:
                self._meet_next()
            if history.next is told:
                history.take()
                heard(Happened(at, command, self.put(command, at)))
        self._history = None

    def come_back(self, keeper: Keeper, scripts: Sequence[Iterable[tuple[Time, Command]]]) -> None:
        """Go on, out of an image: with what it does not hold. Raises ValueError if these are not the scripts."""
        self._keeper = keeper
        self._history, self._founding = None, []
        self._heard = self._founding.append
        for script, commands in zip(self.scripts, scripts, strict=True):
            script.go_on_with(commands)

    def _meet_next(self) -> None:
        due, _, _, action, subject = heapq.heappop(self._arrivals)
        self.now = self._reached(due)
        action(subject)

    def _reached(self, due: Time) -> Time:
        """When what is due then comes to pass: never together with what came from outside."""
        return max(self.now, due, self._outside + 1)

    def _ring(self, due: Time) -> None:
        if self._alarm == due:
            self._alarm = None
            self.submit(PassTime())


class Inside:
    """All that a live venue remembers, but for what is told to those who are connected."""

    __slots__ = ("alone_because", "alone_since", "books", "demos", "simulation")

    def __init__(
        self,
        simulation: LiveSimulation,
        books: Books,
        demos: list[tuple[str, str | None, str]],
        *,
        alone_since: Time | None = None,
        alone_because: str = "",
    ) -> None:
        self.simulation = simulation
        self.books = books
        self.demos = demos  # title, client id, and why there is none
        self.alone_since = alone_since  # when those inside have gone, if they have
        self.alone_because = alone_because

    @property
    def exchange(self) -> Exchange:
        return self.simulation.exchange


def moved(world: World, opens: Time) -> World:
    """The same world on another day: everything happens by so much later, and instruments are named by the new day."""
    by = opens - world.opens
    names: dict[str, str] = {}
    instruments = tuple(_moved_instrument(one, by, names) for one in world.instruments)
    by_name = {old.instrument_id: new for old, new in zip(world.instruments, instruments, strict=True)}
    return replace(
        world,
        starts=world.starts + by,
        opens=world.opens + by,
        closes=world.closes + by,
        ends=world.ends + by,
        latest=world.latest + by,
        path=_moved_path(world.path, by) if world.path else None,
        instruments=instruments,
        makers=tuple(replace(one, instrument=by_name[one.instrument.instrument_id]) for one in world.makers),
        directives=tuple((at + by, _renamed(command, names)) for at, command in world.directives),
        established=_moved_founding(world.established, by),
        endowments={by_name[name].instrument_id: units for name, units in world.endowments.items()},
        coin_traders=tuple(replace(one, pair=by_name[one.pair.instrument_id]) for one in world.coin_traders),
        holders=world.holders and replace(world.holders, pair=by_name[world.holders.pair.instrument_id]),
        published=tuple(replace(one, at=one.at + by) for one in world.published),
        said=tuple((at + by, _said_later(command, by)) for at, command in world.said),
        disconnections=tuple(_lost_later(one, by) for one in world.disconnections),
        subscriptions={by_name[name].instrument_id: share for name, share in world.subscriptions.items()},
    )


def _moved_instrument(terms: Instrument, by: Time, names: dict[str, str]) -> Instrument:
    """The book is published, for the live venue shows it level by level."""
    expiry = terms.expiry + by if terms.expiry else 0
    name: str = terms.instrument_id
    if terms.expiry:
        name = name.replace(day_word(terms.expiry), day_word(expiry))
    names[terms.instrument_id] = name
    note = terms.note and _moved_note(terms.note, by)
    return changed(terms, instrument_id=InstrumentId(name), expiry=expiry, note=note, publishes_book=True)


def _moved_note(terms: NoteTerms, by: Time) -> NoteTerms:
    return changed(terms, coupons=tuple(changed(one, at=one.at + by) for one in terms.coupons))


def _said_later(command: Command, by: Time) -> Command:
    """A side of a deal names the hour from which it may settle."""
    intended: Time | None = getattr(command, "intended", None)
    return command if intended is None else changed(command, intended=intended + by)


def _lost_later(line: Disconnection, by: Time) -> Disconnection:
    return replace(line, starts=line.starts + by, ends=None if line.ends is None else line.ends + by)


def _moved_path(path: PathTerms, by: Time) -> PathTerms:
    def attack(one: AttackTerms) -> AttackTerms:
        return replace(one, starts=one.starts + by, ends=one.ends + by)

    return replace(
        path,
        knots=tuple((at + by, price) for at, price in path.knots),
        until=path.until + by,
        attacks=tuple(attack(one) for one in path.attacks),
        trade_spans=tuple((begins + by, ends + by) for begins, ends in path.trade_spans),
    )


def _moved_founding(terms: EstablishVenue, by: Time) -> EstablishVenue:
    return changed(
        terms,
        sessions=tuple(SessionTerms(opens=one.opens + by, closes=one.closes + by) for one in terms.sessions),
        settlement_cycles=tuple(changed(one, at=one.at + by) for one in terms.settlement_cycles),
    )


def _renamed(command: Command, names: dict[str, str]) -> Command:
    name: Any = getattr(command, "instrument_id", None)
    return changed(command, instrument_id=InstrumentId(names[name])) if name in names else command


def day_word(at: Time) -> str:
    """A day as instruments are named by it: 5JAN27."""
    day = datetime.fromtimestamp(at // SECOND, UTC)
    months = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
    return f"{day.day}{months[day.month - 1]}{day.year % 100}"

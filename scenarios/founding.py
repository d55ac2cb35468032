"""A live venue from its beginning: founded from a scenario, or brought back from its journal.

Whoever trades inside holds memory and dice outside the exchange. Both are a function of the seed and of what was
heard when; so they are brought back by letting everything happen again, and each command that is decided is held
against the journal. An image of all that spares what was before it. If this version decides otherwise, the exchange
is brought back from the journal alone, and those inside stay away.
"""

import secrets
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from exchange.access.regime import Regime
from exchange.commands import CancelAll, Command
from exchange.core import Exchange
from exchange.gateway.auth import KeyRing
from exchange.gateway.books import Books
from exchange.gateway.clock import WallClock
from exchange.gateway.dispatch import Gateway
from exchange.gateway.throttle import STRICT, Limits
from exchange.gateway.venue import Happened, Journal, LiveVenue
from exchange.journal import Journal as LiveJournal
from exchange.journal import JournalUnusable, state_hash
from exchange.journal.snapshots import Taken
from exchange.units import Time
from matching.terms import ParticipantId
from scenarios.assembly import assemble, outside
from scenarios.config.reading import stated
from scenarios.config.regime_file import RegimeFile, read_regime
from scenarios.config.scenario_file import world_under
from scenarios.live import UNKEPT, Diverged, History, Inside, LiveSimulation, moved
from scenarios.onboarding import TAKEN_BACK, Demo, demonstrate
from scenarios.provenance import provenance_of, toml_text
from scenarios.simulation import rare_collections
from scenarios.venue_folder import (
    REGIME,
    SCENARIO,
    Place,
    Terms,
    its_journal,
    new_journal,
    read_terms,
    write_terms,
)
from scenarios.venue_image import EVERY, Images
from scenarios.world import World

DEFAULT_SCENARIO = "market_day"
DEFAULT_REGIME = "ru_open_counterfactual"


class Founded(NamedTuple):
    """A venue that stands still so far, and what is to be said of it."""

    gateway: Gateway
    demos: list[Demo]
    story: tuple[str, ...] = ()


class Asked(NamedTuple):
    """What a start asks for; None where it says nothing."""

    scenario: str | None = None
    regime: str | None = None
    seed: int | None = None
    population: int | None = None
    makers: bool | None = None
    speed: float | None = None
    as_written: bool = False


def found(
    scenario: str,
    regime: str,
    *,
    seed: int = 1,
    population: int | None = None,
    speed: float = 1.0,
    limited: bool = False,
    as_written: bool = False,
    makers: bool = True,
    journal: Journal | None = None,
    place: Place | None = None,
    image_every: int = EVERY,
) -> Founded:
    """The venue of a scenario at the opening of its session, with demonstration accounts.

    The day is moved so that it opens now, unless it is to stay `as_written`. With a `place` it is kept there; nothing
    is written before all are inside. Raises ConfigurationError, and what `open_journal` raises.
    """
    regime_file = read_regime(regime)
    as_filed = load_live_world(scenario, population, regime_file)
    world = moved(as_filed, as_filed.opens if as_written else time.time_ns())
    rules, ring = regime_file.regime(), KeyRing()
    simulation, demos = _enter(world, rules, seed, ring, makers=makers)
    happened = simulation.founded()
    simulation.step(world.opens, happened.append)
    kept = new_journal(place) if place is not None else None
    venue = LiveVenue(simulation, WallClock(world.opens, speed), kept or journal)
    gateway = Gateway(venue, ring, _limits(limited))
    venue.found(happened)
    if place is None or kept is None:
        return Founded(gateway, demos)
    gateway.hub.epoch = secrets.token_hex(8)  # two venues as written begin alike, to the record, and go apart
    ring.keep(place.keys)
    write_terms(
        place.folder,
        kept.head,
        provenance=provenance_of(
            world.scenario_id, as_filed.resolved, rules.regime_id, stated(regime_file), seed
        ),
        scenario=as_filed.resolved,
        regime=stated(regime_file),
        makers=makers,
        speed=speed,
        opens=world.opens,
        journal=kept.name,
        epoch=gateway.hub.epoch,
    )
    images = Images(place.folder, image_every)
    images.begin(Inside(simulation, venue.books, told_apart(demos)), kept)
    venue.images = images
    return Founded(gateway, demos, (f"founded    in {place.folder}, journal {kept.name}",))


def load_live_world(scenario: str, population: int | None, regime_file: RegimeFile) -> World:
    """A scenario that is made for the live venue, any other that ships, or a file."""
    own = files("scenarios") / "venues" / f"{scenario}.toml"
    path = str(own) if own.is_file() else scenario
    return world_under(path, regime_file, population)


def _enter(
    world: World, rules: Regime, seed: int, ring: KeyRing, *, makers: bool, history: History | None = None
) -> tuple[LiveSimulation, list[Demo]]:
    """Everybody inside, before the opening. Raises Diverged if `history` tells it otherwise."""
    kind = partial(LiveSimulation, history=history)
    present = world if makers else replace(world, makers=())
    simulation = assemble(present, rules, seed, UNKEPT, kind).simulation
    assert isinstance(simulation, LiveSimulation)
    return simulation, demonstrate(simulation, world, rules, ring)


def _limits(limited: bool) -> Limits:
    return STRICT if limited else Limits()


# --- coming back ----------------------------------------------------------------------------------------


def resume(
    place: Place,
    asked: Asked,
    *,
    limited: bool = False,
    image_every: int = EVERY,
    tell: Callable[[str], None] = lambda _: None,
) -> Founded:
    """The venue that was founded there, as its last durable command left it; its time goes on from there. From an image
    of it that takes seconds; without one it takes as long as a replay, so `tell` hears how much there is to do.

    Raises JournalUnusable if it is `asked` for as another than it is, and what `open_journal` raises.
    """
    terms = read_terms(place.folder)
    _refuse_another(place, terms, asked)
    images = Images(place.folder, image_every)
    journal = its_journal(place, terms, images.newest_head())
    try:
        with rare_collections():
            return _Return(place, terms, journal, images, limited, tell).whole()
    except BaseException:
        journal.close()
        raise


class _Back(NamedTuple):
    """A venue that has come back, and how."""

    gateway: Gateway
    demos: list[Demo]
    inside: Inside
    taken: Taken | None = None  # the image from which it has
    is_new_alone: bool = False  # those inside have just stayed away

    @property
    def began_at(self) -> int:
        """The record from which on everything was lived again."""
        return self.taken.head.sequence if self.taken else 0


class _Return:
    """One venue on its way back."""

    def __init__(
        self,
        place: Place,
        terms: Terms,
        journal: LiveJournal,
        images: Images,
        limited: bool,
        tell: Callable[[str], None],
    ) -> None:
        self._place, self._terms, self._journal, self._images = place, terms, journal, images
        self._limited, self._tell = limited, tell
        self._world, self._rules = _as_founded(place.folder, terms)
        self._ring = _ring_at(place.keys)
        self._story: list[str] = [] if journal.torn is None else [f"cut off    {journal.torn}"]

    def whole(self) -> Founded:
        began, journal, ring, story = time.perf_counter(), self._journal, self._ring, self._story
        back = self._from_an_image() or self._from_the_beginning()
        journal.promise()  # all is read: from here on it may be told, and files may change
        gateway, inside = back.gateway, back.inside
        venue = gateway.venue
        if inside.alone_since is not None:
            story.append(f"alone      {_ALONE} ({inside.alone_because})")
        venue.clock = WallClock(max(self._world.opens, venue.now), self._terms.speed)
        venue.recovered = journal.head.sequence
        terms = self._terms
        gateway.hub.epoch = terms.epoch or terms.founded.check[:16]  # by that older venues were told apart
        how = f", {journal.head.sequence - back.began_at} of them after an image" if back.taken else ""
        story.append(
            f"recovered  {journal.head.sequence} commands from {journal.name},"
            f" state {state_hash(venue.exchange)} in {time.perf_counter() - began:.1f} s{how}"
        )
        if not ring.comes_back:
            ring.keep(self._place.keys)
            story.append(
                f"keys lost  {self._place.keys} was not there: these are new; an operator can make others"
            )
        absent = _absent(venue, ring) if back.is_new_alone else []
        venue.begin_with([*_of_lost_lines(venue), *(CancelAll(participant_id=who) for who in absent)])
        self._images.begin(inside, journal, back.taken)
        venue.images = self._images
        return Founded(gateway, back.demos, tuple(story))

    # --- from an image ------------------------------------------------------------------------------------

    def _from_an_image(self) -> _Back | None:
        """From the newest from which it can be; why not from a newer one is told."""
        if not self._ring.comes_back:
            return None  # the keys of the founding are made again with it
        for taken in self._images.newest_first(self._journal):
            if isinstance(taken, Taken):
                try:
                    return self._from(taken)
                except Diverged as fault:
                    why = f"what follows record {taken.head.sequence} would be otherwise now ({fault})"
            else:
                why = taken
            self._story.append(f"image      passed over: {why}")
        return None

    def _from(self, taken: Taken) -> _Back:
        """Those inside wake up as they were, and live on to the end of the journal. Raises Diverged."""
        inside: Inside = taken.whole
        simulation = inside.simulation
        simulation.come_back(UNKEPT, self._scripts(inside.alone_since))
        venue, gateway = self._around(simulation, inside.books)
        simulation.relive(History(self._journal.read(taken.head.sequence)), venue.take_in)
        demos = [_shown_again(title, client_id, why, self._ring) for title, client_id, why in inside.demos]
        return _Back(gateway, demos, inside, taken)

    def _scripts(self, after: Time | None) -> list[Iterator[tuple[Time, Command]]]:
        """What comes from outside, and what is said; if those inside have gone, as it goes on after that."""
        every = outside(self._world, self._terms.provenance.seed), iter(self._world.said)
        return [script if after is None else _after(after, script) for script in every]

    # --- from the beginning -------------------------------------------------------------------------------

    def _from_the_beginning(self) -> _Back:
        self._tell(f"recovering {self._journal.head.sequence} commands")
        try:
            return self._with_all()
        except Diverged as fault:
            return self._without_those_inside(str(fault))

    def _with_all(self) -> _Back:
        """Everything happens again. Raises Diverged."""
        world, seed = self._world, self._terms.provenance.seed
        history = History(self._journal.read())
        simulation, demos = _enter(
            world, self._rules, seed, self._ring, makers=self._terms.makers, history=history
        )
        venue, gateway = self._around(simulation)
        for happened in simulation.founded():
            venue.take_in(happened)
        simulation.relive(history, venue.take_in)
        return _Back(gateway, demos, Inside(simulation, venue.books, told_apart(demos)))

    def _without_those_inside(self, why: str) -> _Back:
        """The exchange as the journal tells it; the prices outside go on, and nobody is inside."""
        simulation = LiveSimulation(Exchange(), UNKEPT, self._world.starts)
        venue, gateway = self._around(simulation)
        for _, at, command in self._journal.read():
            venue.take_in(Happened(at, command, simulation.put(command, at)))
        for script in self._scripts(venue.now):
            simulation.play(script)
        demos = [Demo(key.participant_id or key.title, key) for key in self._ring]
        inside = Inside(simulation, venue.books, told_apart(demos), alone_since=venue.now, alone_because=why)
        return _Back(gateway, demos, inside, is_new_alone=True)

    def _around(self, simulation: LiveSimulation, books: Books | None = None) -> tuple[LiveVenue, Gateway]:
        venue = LiveVenue(simulation, WallClock(0), self._journal, books=books)
        return venue, Gateway(venue, self._ring, _limits(self._limited))


def told_apart(demos: list[Demo]) -> list[tuple[str, str | None, str]]:
    """Without their secrets."""
    return [(demo.title, demo.key.client_id if demo.key else None, demo.explanation) for demo in demos]


def _shown_again(title: str, client_id: str | None, why: str, ring: KeyRing) -> Demo:
    key = ring.keys.get(client_id) if client_id else None
    return Demo(title, key, why or ("" if key else TAKEN_BACK))


_ALONE = (
    "this version would decide otherwise for those inside, so they stay away and their orders are canceled"
)


def _ring_at(path: Path) -> KeyRing:
    """The keys that are kept there; none, and kept nowhere yet, if there are none. Raises JournalUnusable."""
    try:
        return KeyRing(path) if path.exists() else KeyRing()
    except (ValueError, KeyError, TypeError) as fault:
        raise JournalUnusable(
            f"{path} is damaged ({fault}). Restore it from a copy; or delete it, and new keys are made for those who"
            " had one at the founding"
        ) from fault


def _as_founded(folder: Path, terms: Terms) -> tuple[World, Regime]:
    regime_file = read_regime(str(folder / REGIME))
    world = load_live_world(str(folder / SCENARIO), None, regime_file)
    return moved(world, terms.opens), regime_file.regime()


def _after(time: Time, script: Iterator[tuple[Time, Command]]) -> Iterator[tuple[Time, Command]]:
    return ((at, command) for at, command in script if at > time)


def _of_lost_lines(venue: LiveVenue) -> list[CancelAll]:
    """Every line that was there when the life before ended is lost: the orders of those that were watched go."""
    return [
        CancelAll(participant_id=seat.participant_id, line=line)
        for seat in venue.state.seats.values()
        for line in seat.watched
        if line
    ]


def _absent(venue: LiveVenue, ring: KeyRing) -> list[ParticipantId]:
    """Those with live orders for whom nobody has a key."""
    known = {key.participant_id for key in ring}
    seats = venue.state.seats.values()
    return [
        one.participant_id for one in seats if (one.orders or one.waiting) and one.participant_id not in known
    ]


def _refuse_another(place: Place, terms: Terms, asked: Asked) -> None:
    """Raise JournalUnusable with the first thing that is asked for and is not so."""
    folder = place.folder
    regime_file = read_regime(str(folder / REGIME))
    world = load_live_world(str(folder / SCENARIO), None, regime_file)
    told: list[tuple[str, Any, Any]] = [
        ("seed", terms.provenance.seed, asked.seed),
        ("speed", terms.speed, asked.speed),
        ("makers", terms.makers, asked.makers),
        ("population", world.population.size, asked.population),
        ("day's opening", terms.opens, world.opens if asked.as_written else None),
    ]
    if asked.regime is not None:
        other = read_regime(asked.regime)
        told.append(("regime", *_told_apart(stated(regime_file), stated(other), asked.regime)))
    if asked.scenario is not None:
        another = load_live_world(asked.scenario, world.population.size, regime_file)
        told.append(("scenario", *_told_apart(world.resolved, another.resolved, asked.scenario)))
    for name, is_so, would_be in told:
        if would_be is not None and is_so != would_be:
            raise JournalUnusable(
                f"{folder} holds a venue whose {name} is {is_so}, not {would_be}. Start it with --data alone, or name"
                " another folder for a new one"
            )


def _told_apart(there: dict[str, Any], asked: dict[str, Any], name: str) -> tuple[str, str | None]:
    """How to call the two if they differ."""
    if tomllib.loads(toml_text(there)) == tomllib.loads(toml_text(asked)):
        return name, None
    return str(there["id"]), f"{asked['id']}" if there["id"] != asked[
        "id"
    ] else f"{name} as it is written now"

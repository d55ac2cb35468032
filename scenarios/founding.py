"""A live venue from its beginning: founded from a scenario, or brought back from its journal.

Whoever trades inside holds memory and dice outside the exchange. Both are a function of the seed and of what was
heard when; so they are brought back by letting everything happen again, and each command that is decided is held
against the journal. If this version decides otherwise, the exchange is brought back from the journal alone, and
those inside stay away.
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
from exchange.gateway.clock import WallClock
from exchange.gateway.dispatch import Gateway
from exchange.gateway.throttle import STRICT, Limits
from exchange.gateway.venue import Happened, Journal, LiveVenue
from exchange.journal import Journal as LiveJournal
from exchange.journal import JournalUnusable, state_hash
from exchange.units import Time
from matching.terms import ParticipantId
from scenarios.assembly import assemble, outside
from scenarios.config.reading import stated
from scenarios.config.regime_file import RegimeFile, read_regime
from scenarios.config.scenario_file import world_under
from scenarios.live import UNKEPT, Diverged, History, LiveSimulation, moved
from scenarios.onboarding import Demo, demonstrate
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
    place: Place, asked: Asked, *, limited: bool = False, tell: Callable[[str], None] = lambda _: None
) -> Founded:
    """The venue that was founded there, as its last durable command left it; its time goes on from there. It takes as
    long as a replay, so `tell` hears how much there is to do.

    Raises JournalUnusable if it is `asked` for as another than it is, and what `open_journal` raises.
    """
    terms = read_terms(place.folder)
    _refuse_another(place, terms, asked)
    journal = its_journal(place, terms)
    tell(f"recovering {journal.head.sequence} commands")
    try:
        with rare_collections():
            return _brought_back(place, terms, journal, limited)
    except BaseException:
        journal.close()
        raise


def _brought_back(place: Place, terms: Terms, journal: LiveJournal, limited: bool) -> Founded:
    began = time.perf_counter()
    ring = _ring_at(place.keys)
    world, rules = _as_founded(place.folder, terms)
    story: list[str] = [] if journal.torn is None else [f"cut off    {journal.torn}"]
    try:
        venue, gateway, demos = _with_all(world, rules, terms, journal, ring, limited)
        absent: list[ParticipantId] = []
    except Diverged as fault:
        venue, gateway, demos = _without_those_inside(world, terms, journal, ring, limited)
        absent = _absent(venue, ring)
        story.append(f"alone      {_ALONE} ({fault})")
    venue.clock = WallClock(max(world.opens, venue.now), terms.speed)
    venue.recovered = journal.head.sequence
    gateway.hub.epoch = terms.epoch or terms.founded.check[:16]  # by that older venues were told apart
    story.append(
        f"recovered  {journal.head.sequence} commands from {journal.name},"
        f" state {state_hash(venue.exchange)} in {time.perf_counter() - began:.1f} s"
    )
    if not ring.comes_back:
        story.append(f"keys lost  {place.keys} was not there: these are new; an operator can make others")
    venue.begin_with([*_of_lost_lines(venue), *(CancelAll(participant_id=who) for who in absent)])
    return Founded(gateway, demos, tuple(story))


_ALONE = (
    "this version would decide otherwise for those inside, so they stay away and their orders are canceled"
)


def _ring_at(path: Path) -> KeyRing:
    try:
        return KeyRing(path)
    except (ValueError, KeyError, TypeError) as fault:
        raise JournalUnusable(
            f"{path} is damaged ({fault}). Restore it from a copy; or delete it, and new keys are made for those who"
            " had one at the founding"
        ) from fault


def _as_founded(folder: Path, terms: Terms) -> tuple[World, Regime]:
    regime_file = read_regime(str(folder / REGIME))
    world = load_live_world(str(folder / SCENARIO), None, regime_file)
    return moved(world, terms.opens), regime_file.regime()


def _with_all(
    world: World,
    rules: Regime,
    terms: Terms,
    journal: LiveJournal,
    ring: KeyRing,
    limited: bool,
) -> tuple[LiveVenue, Gateway, list[Demo]]:
    """Everything happens again. Raises Diverged."""
    history = History(journal.read())
    simulation, demos = _enter(
        world, rules, terms.provenance.seed, ring, makers=terms.makers, history=history
    )
    venue, gateway = _around(simulation, journal, ring, limited)
    for happened in simulation.founded():
        venue.take_in(happened)
    simulation.relive(history, venue.take_in)
    return venue, gateway, demos


def _without_those_inside(
    world: World, terms: Terms, journal: LiveJournal, ring: KeyRing, limited: bool
) -> tuple[LiveVenue, Gateway, list[Demo]]:
    """The exchange as the journal tells it; the prices outside go on, and nobody is inside."""
    simulation = LiveSimulation(Exchange(), UNKEPT, world.starts)
    venue, gateway = _around(simulation, journal, ring, limited)
    for _, at, command in journal.read():
        venue.take_in(Happened(at, command, simulation.put(command, at)))
    for script in (outside(world, terms.provenance.seed), iter(world.said)):
        simulation.play(_after(venue.now, script))
    demos = [Demo(key.participant_id or key.title, key) for key in ring]
    return venue, gateway, demos


def _around(
    simulation: LiveSimulation, journal: LiveJournal, ring: KeyRing, limited: bool
) -> tuple[LiveVenue, Gateway]:
    venue = LiveVenue(simulation, WallClock(0), journal)
    return venue, Gateway(venue, ring, _limits(limited))


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

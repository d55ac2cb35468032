"""One run: a world under a regime with a seed, kept in a folder or only measured; and the replay of a kept one."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from math import isclose, isnan
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.access.regime import Regime
from exchange.clearing import auditor
from exchange.commands import AdoptRegime, Command
from exchange.core import Exchange
from exchange.events import Entry
from exchange.journal import RecordDigest, read
from exchange.units import MINUTE, Time
from matching.terms import ParticipantId
from participants.population import draw_population
from scenarios.assembly import Assembled, assemble, found_venue
from scenarios.cells import CellResult
from scenarios.config.reading import stated
from scenarios.config.regime_file import RegimeFile, read_regime
from scenarios.config.scenario_file import load_world, world_under
from scenarios.fit import FitRow, fit
from scenarios.measures import measure_run
from scenarios.measures.measure import Columns, RunView
from scenarios.measures.outcomes import outcomes
from scenarios.measures.timeline import timeline
from scenarios.provenance import Provenance, provenance_of
from scenarios.results import RECORD, Record, RecordWriter, ResultsError
from scenarios.run_folder import (
    JOURNAL,
    REGIME,
    SCENARIO,
    SUMMARY,
    RunFolder,
    new_run_folder,
    read_manifest,
    read_run_table,
    read_summary,
)
from scenarios.simulation import Simulation
from scenarios.world import World

_TIMELINE_STEP = 2 * MINUTE
_PROGRESS_STEP = 5 * MINUTE

Watcher = Callable[[float], None]  # told which share of simulated time has passed


class Finished(NamedTuple):
    """What a run came to."""

    digest: str
    measures: dict[str, float]
    fit: tuple[FitRow, ...]  # to what was published
    malformed: list[tuple[Time, ParticipantId, str]]  # what participants sent that was no command at all


class ReplayError(ValueError):
    """The journal tells another story than the run folder says."""


class InMemory:
    """The keeper of a run that is only measured: its record stays in memory, its commands are not needed."""

    def __init__(self) -> None:
        self.record = RecordWriter()

    def command(self, time: Time, command: Command) -> None:
        pass

    def entries(self, entries: list[Entry]) -> None:
        self.record.write(entries)


class Case(NamedTuple):
    """A world, and the regime file that it meets."""

    world: World
    regime: RegimeFile


class Seen(NamedTuple):
    """A run in memory: what measures read, and what it came to."""

    digest: str
    view: RunView
    malformed: list[tuple[Time, ParticipantId, str]]


def case(scenario: str, regime: str, population: int | None = None) -> Case:
    """Each a shipped name or a path. Raises ConfigurationError for a world that cannot be."""
    regime_file = read_regime(regime)
    return Case(world_under(scenario, regime_file, population), regime_file)


def run(
    scenario: str,
    regime: str,
    seed: int,
    folder: Path,
    population: int | None = None,
    watch: Watcher | None = None,
) -> Finished:
    """Run the scenario under the regime and keep everything in `folder`.

    Raises ConfigurationError for a world that cannot be, and ResultsError if the folder holds something else.
    """
    return run_into(folder, case(scenario, regime, population), seed, watch)


def run_into(folder: Path, case: Case, seed: int, watch: Watcher | None = None) -> Finished:
    """Run the case and keep everything in `folder`. Raises as `run` does."""
    world, rules, told = case.world, case.regime.regime(), stated(case.regime)
    provenance = provenance_of(world.scenario_id, world.resolved, rules.regime_id, told, seed)
    with new_run_folder(folder, provenance, scenario=world.resolved, regime=told) as kept:
        assembled = assemble(world, rules, seed, kept)
        let_time_pass(assembled.simulation, world, watch)
        return conclude(kept, assembled, rules, world)


def run_in_memory(case: Case, seed: int, watch: Watcher | None = None) -> Seen:
    """Run the case and keep its record in memory. Raises ConfigurationError for a world that cannot be."""
    world, rules, keeper = case.world, case.regime.regime(), InMemory()
    assembled = assemble(world, rules, seed, keeper)
    let_time_pass(assembled.simulation, world, watch)
    _check_ledger(assembled)
    view = _view(keeper.record.record(), assembled, rules, world)
    return Seen(keeper.record.digest(), view, assembled.simulation.malformed)


def seen_again(record: Record, case: Case, seed: int) -> RunView:
    """A kept record as measures read it."""
    world = case.world
    population = draw_population(seed, world.population) if world.population.size else ()
    return RunView(
        record, population, case.regime.regime(), world.opens, world.closes, world.established.cash
    )


def conclude(kept: RunFolder, assembled: Assembled, rules: Regime, world: World) -> Finished:
    """Check the ledger, measure, and finish the folder of a run whose time is over."""
    view = _view(kept.record(), assembled, rules, world)
    measures, fitted = measure_run(view), fit(view, world.published, world.cash)
    manifest = kept.finish(
        ledger_head=_check_ledger(assembled), measures=measures, fitted=fitted, tables=tables_of(view)
    )
    return Finished(manifest.digest, measures, fitted, assembled.simulation.malformed)


def conclude_unkept(kept: InMemory, assembled: Assembled, rules: Regime, world: World) -> Finished:
    """The same of a run of which nothing else is kept."""
    _check_ledger(assembled)
    view = _view(kept.record.record(), assembled, rules, world)
    measures, fitted = measure_run(view), fit(view, world.published, world.cash)
    return Finished(kept.record.digest(), measures, fitted, assembled.simulation.malformed)


def rehearse(world: World, rules: Regime | None = None) -> None:
    """Raises ConfigurationError if the world cannot be: under those rules, or, without any, under whichever."""
    if rules is None:
        found_venue(Simulation(Exchange(), InMemory(), world.starts), world, None)
    else:
        assemble(world, rules, 0, InMemory())


def run_cell(scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
    """Run one cell of a comparison, in memory."""
    seen = run_in_memory(case(scenario, regime, population), seed)
    plain = {
        table: {name: column.tolist() for name, column in columns.items()}
        for table, columns in tables_of(seen.view).items()
    }
    return CellResult(seen.digest, measure_run(seen.view), plain["timeline"], plain["outcomes"])


def tables_of(view: RunView) -> dict[str, Columns]:
    """What is kept of a run beside its measures, by name: what became of each participant, and the run on one clock."""
    return {"outcomes": outcomes(view), "timeline": timeline(view, _TIMELINE_STEP)}


def replay(folder: Path) -> str:
    """Hand the journal of a kept run to a new exchange; the digest, if it is the one in the folder.

    All else in the folder is held against it too: both files, the record and the measures. Raises
    JournalDamaged with the entry, ResultsError, or ReplayError.
    """
    retelling = Retelling(folder)
    for _ in retelling.to_the_end():
        pass
    manifest, world, rules = retelling.manifest, retelling.world, retelling.rules
    assert rules is not None, "a venue is founded under a regime"
    record = Record.open(folder)
    if record.digest() != manifest.digest:
        raise ReplayError(f"{folder / RECORD} is not as it was written: {_ANEW}")
    population = draw_population(manifest.provenance.seed, world.population) if world.population.size else ()
    told = read_summary(folder)
    view = RunView(record, population, rules, world.opens, world.closes, world.established.cash)
    for name, value in measure_run(view).items():
        if not _alike(told.get(name), value):
            raise ReplayError(f"{folder / SUMMARY} is not as it was written: {name} is {value}; {_ANEW}")
    for table, columns in tables_of(view).items():
        if (column := _differing(read_run_table(folder, table), columns)) is not None:
            raise ReplayError(f"{folder / table}.parquet is not as it was written, in {column}: {_ANEW}")
    return manifest.digest


class Retelling:
    """The journal of a kept run, handed to a new exchange: up to an instant if need be, and then to its end.

    Raises JournalDamaged with the entry, ResultsError, or, at the end, ReplayError if it is another story.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self.world = _as_it_was(folder, self.manifest.provenance)
        self.exchange = Exchange()
        self.rules: Regime | None = None  # under which the venue was founded
        self._digest = RecordDigest()
        self._commands = read(folder / JOURNAL)
        self._next = next(self._commands, None)

    def until(self, time: Time) -> Iterator[list[Entry]]:
        """What happened up to and including an instant before the end of the world."""
        yield from self._handle(time)
        yield self._heard(self.exchange.advance(time))

    def to_the_end(self) -> Iterator[list[Entry]]:
        """What happened after that, until the digest of the whole is that of the manifest."""
        yield from self._handle(None)
        yield self._heard(self.exchange.advance(self.world.ends))
        for time in overtime(self.exchange, self.world):
            yield self._heard(self.exchange.advance(time))
        reached, expected = self._digest.hexdigest(), self.manifest.digest
        if reached != expected:
            version = self.manifest.provenance.ringfence
            raise ReplayError(
                f"{self.folder} does not replay: its manifest says digest {expected}, its journal leads to "
                f"{reached}; it was made by version {version}, so replay it with that one"
            )

    def _handle(self, until: Time | None) -> Iterator[list[Entry]]:
        while self._next is not None and (until is None or self._next[0] <= until):
            at, command = self._next
            if self.rules is None and isinstance(command, AdoptRegime):
                self.rules = command.regime
            yield self._heard(self.exchange.handle(command, at))
            self._next = next(self._commands, None)

    def _heard(self, entries: list[Entry]) -> list[Entry]:
        self._digest.update(entries)
        return entries


_ANEW = "restore it from a copy, or delete the folder and run the scenario again"


def _as_it_was(folder: Path, provenance: Provenance) -> World:
    """The world of a run, whose scenario and regime files are those with which it was made."""
    made_with = {SCENARIO: provenance.scenario_sha256, REGIME: provenance.regime_sha256}
    for name, expected in made_with.items():
        if sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise ResultsError(f"{folder / name} is not the one with which the run was made: {_ANEW}")
    return load_world(str(folder / SCENARIO))


def _alike(told: float | None, value: float) -> bool:
    """The same measure, but for the last bits in which machines differ."""
    return told is not None and (isclose(told, value, rel_tol=1e-9) or (isnan(told) and isnan(value)))


def _differing(told: Columns, columns: Columns) -> str | None:
    """The first column that is not the same, but for the last bits of what is no whole number."""
    for name in dict.fromkeys([*told, *columns]):
        if name not in told or name not in columns or told[name].shape != columns[name].shape:
            return name
        exact = columns[name].dtype.kind != "f"
        one, other = told[name], columns[name]
        if not ((one == other).all() if exact else np.allclose(one, other, rtol=1e-9, equal_nan=True)):
            return name
    return None


def let_time_pass(simulation: Simulation, world: World, watch: Watcher | None = None) -> None:
    """Run the world to its end, and on while a settlement price is still out."""
    for now in range(world.starts, world.ends, _PROGRESS_STEP):
        simulation.run(min(now + _PROGRESS_STEP, world.ends))
        if watch is not None:
            watch(min((now + _PROGRESS_STEP - world.starts) / (world.ends - world.starts), 1.0))
    for until in overtime(simulation.exchange, world):
        simulation.run(until)


def overtime(exchange: Exchange, world: World) -> Iterator[Time]:
    """The minutes after the end until every bucket is settled. Let each pass before the next is asked for."""
    until = world.ends
    while until < world.latest and any(fixing.final is None for fixing in exchange.state.fixings.values()):
        until = min(until + MINUTE, world.latest)
        yield until


def _check_ledger(assembled: Assembled) -> str:
    """I-9: the auditor reckons every counter again from the history, and the history's hash; the hash."""
    ledger = assembled.simulation.exchange.state.ledger
    reckoned = auditor.replay(ledger.history)
    for account in ledger.accounts():
        counters = (
            account.debits_pending,
            account.debits_posted,
            account.credits_pending,
            account.credits_posted,
        )
        assert reckoned[account.account_id] == counters, f"I-9 {account.account_id}: the auditor disagrees"
    head = ledger.head()
    assert auditor.recompute_head(ledger.history) == head, "I-8 the history and its hash differ"
    return head


def _view(record: Record, assembled: Assembled, regime: Regime, world: World) -> RunView:
    return RunView(record, assembled.population, regime, world.opens, world.closes, world.established.cash)

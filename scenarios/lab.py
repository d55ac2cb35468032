"""The policy lab in Python: `run` a scenario under a regime, `compare` regimes, and have data frames of both.

Nothing here is asynchronous, so that it works in a notebook, whose own loop runs already.
"""

import operator
import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeAlias
from weakref import finalize

from exchange.units import SECOND
from scenarios import frames
from scenarios.carried import Carried
from scenarios.cell_tables import ArrowTable, measures_of, outcomes_of, timeline_of
from scenarios.cells import RunCell, write_whole
from scenarios.cluster import cluster as workers_at
from scenarios.columns import Kind
from scenarios.compare import (
    FILES,
    Comparison,
    ComparisonStoppedError,
    Design,
    DesignError,
    Progress,
    SourceFile,
    read_comparison,
)
from scenarios.compare import compare as run_all
from scenarios.config.reading import ConfigurationError
from scenarios.design import regime_source
from scenarios.findings import Findings, findings_of
from scenarios.frames import Frame
from scenarios.in_code import Regime, Scenario, Tables, case_of
from scenarios.language import Tongue, speaking, tongue
from scenarios.measures import MEASURES, measure_run, outcomes, timeline
from scenarios.measures.measure import RunView
from scenarios.places import check_file_can_be, check_folder_can_be, written_to
from scenarios.provenance import toml_text
from scenarios.query import ask
from scenarios.results import Record
from scenarios.run import Watcher, rehearse, run_cell, run_in_memory, run_into, seen_again
from scenarios.run import case as read_case
from scenarios.run_folder import REGIME, SCENARIO, read_manifest
from scenarios.sweep import Hire, processes
from scenarios.wording import difference, difference_interval, headline, level, spoken

AnyScenario: TypeAlias = str | Path | Scenario | Tables
AnyRegime: TypeAlias = str | Path | Regime | Tables
"""A shipped name, a path, an object made in code, or the tables of one."""
Progressing: TypeAlias = Callable[[Progress], None] | bool | None


class Run:
    """One run. Its frames hold whole numbers in the record's units, and roubles in columns that end in `_rub`; see
    `scenarios.frames`.
    """

    def __init__(
        self, digest: str, view: RunView, *, scenario: str, regime: str, seed: int, folder: Path | None
    ) -> None:
        self.digest = digest  # of the record: the same for every run of the same scenario, regime and seed
        self.view = view  # as measures read it
        self.scenario = scenario
        self.regime = regime
        self.seed = seed
        self.folder = folder  # in which it is kept, or None

    @classmethod
    def load(cls, folder: str | Path) -> "Run":
        """A run that was kept, from its folder. Raises ResultsError if there is none."""
        kept = Path(folder)
        manifest = read_manifest(kept)
        case = read_case(str(kept / SCENARIO), str(kept / REGIME))
        seed = manifest.provenance.seed
        view = seen_again(Record.open(kept), case, seed)
        return cls(
            manifest.digest,
            view,
            scenario=case.world.scenario_id,
            regime=case.regime.id,
            seed=seed,
            folder=kept,
        )

    @cached_property
    def measures(self) -> dict[str, float]:
        """By name, as in docs/measures.md; nan where one is undefined in this run."""
        return measure_run(self.view)

    def trades(self) -> Frame:
        """One row a trade, as `scenarios.frames.trades` says."""
        return frames.trades(self.view)

    def orders(self) -> Frame:
        """One row an accepted order and what became of it, as `scenarios.frames.orders` says."""
        return frames.orders(self.view)

    def events(self, kind: str | Kind) -> Frame:
        """One row an event of that kind, as exchange/events.py declares it: `run.events("IndexPublished")`.

        Raises UnknownKindError with the nearest kind there is.
        """
        return frames.events(self.view, frames.kind_of(kind))

    def outcomes(self) -> Frame:
        """One row a participant: let in or not, what it wished, did, paid and gained, in roubles; columns as
        `scenarios.measures.outcomes.outcomes` says.
        """
        return frames.frame(outcomes(self.view))

    def timeline(self, step_seconds: int = 120) -> Frame:
        """One row a step: prices in roubles, spread in basis points, depth and open interest in roubles, shares in
        percent; columns as `scenarios.measures.timeline.timeline` says.
        """
        return frames.frame(timeline(self.view, _whole("step_seconds", step_seconds, least=1) * SECOND))

    def arrow(self, kind: str | Kind) -> ArrowTable:
        """The events of that kind as a pyarrow Table, without pandas."""
        return self.view.record.arrow(frames.kind_of(kind))

    def __repr__(self) -> str:
        return f"<Run of {self.scenario} under {self.regime}, seed {self.seed}: {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        known = {measure.name: measure for measure in MEASURES}
        rows = [
            (known[name].title, f"{value:,.4g}", known[name].unit)
            for name, value in self.measures.items()
            if value == value and value
        ]
        head = f"{self.scenario} under {self.regime}, seed {self.seed}"
        return _html(head, ("measure", "value", "unit"), rows, f"digest {self.digest}")


class Compared:
    """Regimes compared, the first of them the baseline, over the same seeds."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.folder = comparison.folder
        self.digest = comparison.digest  # of all runs together
        self.failures = comparison.failures  # runs that ended in an error, each with its `summary`

    @classmethod
    def load(cls, folder: str | Path) -> "Compared":
        """A finished comparison, from its folder. Raises DesignError if there is none."""
        return cls(read_comparison(Path(folder)))

    @cached_property
    def findings(self) -> Findings:
        return findings_of(self.comparison)

    def measures(self) -> Frame:
        """Tidy: one row a regime, seed and measure; nan where a measure is undefined in that run. Units are in
        docs/measures.md and in `differences()`.
        """
        return _frame(measures_of(self.comparison.cells))

    def differences(self) -> Frame:
        """One row a measure and regime: the paired difference from the baseline with its interval, p, Holm's p and the
        verdict, as `scenarios.frames.differences` says.
        """
        return frames.differences(self.findings)

    def outcomes(self) -> Frame:
        """What became of each participant in each run, as in `Run.outcomes`."""
        return _frame(outcomes_of(self.comparison.cells))

    def timeline(self) -> Frame:
        """Each run on one clock, two minutes a step, as in `Run.timeline`."""
        return _frame(timeline_of(self.comparison.cells))

    def query(self, sql: str) -> Frame:
        """The answer to one SELECT over `cells`, `measures`, `outcomes` and `timeline`, as docs/lab.md has them."""
        return _frame(ask(sql, [self.folder]))

    def report(self, path: str | Path, language: str = Tongue.ENGLISH) -> Path:
        """Write the report for people who do not program, one HTML file, and say where it lies. `language` is `en` or
        `ru`.

        Raises LanguageError for another one and PlaceError for a place that cannot be written, both before the report
        is made.
        """
        from scenarios.report import background_of, render

        page, told_in = Path(path), tongue(language)
        check_file_can_be(page, "the report")
        with speaking(told_in):
            told = render(self.findings, self.comparison, background_of(self.comparison))
        with written_to("the report"):
            write_whole(page, told.page.encode())
        return page

    def __repr__(self) -> str:
        design = self.comparison.design
        regimes = ", ".join(regime.name for regime in design.regimes)
        return f"<Compared on {design.scenario.name}: {regimes}; {len(design.seeds)} seeds>"

    def _repr_html_(self) -> str:
        others = self.findings.others
        rows = [
            (
                finding.measure.title,
                level(finding, self.findings.baseline),
                *(
                    f"{difference(finding, one)} {difference_interval(finding, one)} "
                    f"({spoken(finding.contrasts[one])})"
                    for one in others
                ),
            )
            for finding in headline(self.findings)
        ]
        head = f"{self.comparison.design.scenario.name}: difference from {self.findings.baseline}"
        note = f"{self.findings.seeds} seeds; 95% intervals; {len(self.failures)} runs failed"
        return _html(head, ("measure", self.findings.baseline, *others), rows, note)


def run(
    scenario: AnyScenario,
    regime: AnyRegime,
    seed: int = 1,
    *,
    population: int | None = None,
    out: str | Path | None = None,
    watch: Watcher | None = None,
) -> Run:
    """Run a scenario under a regime, in memory, or kept in the folder `out` as `ringfence run` keeps it.

    `population` is how many people and firms there are, the scenario's own number if not given. `watch` is told
    which share of the day has passed. Raises ConfigurationError for a world that cannot be, ResultsError if
    `out` holds something else, and PlaceError if it cannot be written, all before anything runs.
    """
    seed = _whole("the seed", seed)
    case = case_of(_scenario(scenario), _regime(regime), _people(population))
    folder = None if out is None else Path(out)
    if folder is None:
        seen = run_in_memory(case, seed, watch)
        digest, view = seen.digest, seen.view
    else:
        check_folder_can_be(folder.absolute(), "out")
        with written_to("out"):
            digest = run_into(folder, case, seed, watch).digest
        view = seen_again(Record.open(folder), case, seed)
    return Run(digest, view, scenario=case.world.scenario_id, regime=case.regime.id, seed=seed, folder=folder)


def compare(
    scenario: AnyScenario,
    regimes: Sequence[AnyRegime],
    seeds: int | Iterable[int] = 15,
    *,
    population: int | None = None,
    out: str | Path | None = None,
    progress: Progressing = None,
    workers: int | None = None,
    cluster: str | None = None,
    trust_network: bool = False,
) -> Compared:
    """Run a scenario under several regimes with the same seeds; the first regime is the baseline.

    `seeds` is how many (1, 2, ..., N), or which. Runs are kept in the folder `out`, where a comparison that was
    stopped goes on; without one they are gone with the object that is returned. `progress` is told how far it is: the
    terminal if not given or True, nobody if False.

    `workers` processes of this machine do the runs, one a core if not given, or those of the Dask scheduler at the
    address `cluster`, as `scenarios.cluster.cluster` says. The processes do not import the script that asks, so it
    needs no `if __name__ == "__main__"`.

    Raises ConfigurationError for a world that cannot be, DesignError for what cannot be compared and PlaceError for a
    folder that cannot be written, all before anything runs; ComparisonStoppedError on Ctrl-C. Runs that fail are
    told in `failures`.
    """
    if out is not None:
        check_folder_can_be(Path(out).resolve(), "out")
    folder = Path(mkdtemp(prefix="ringfence-")) if out is None else Path(out).resolve()
    try:
        design = _design(_scenario(scenario), _regimes(regimes), _seeds(seeds), _people(population), folder)
        hire = _hire(workers) if cluster is None else workers_at(cluster, trust_network=trust_network)
        run_one = run_cell if cluster is None else Carried.by(run_cell, design)
        with written_to("out"):
            comparison = _run_all(design, folder, run_one, progress, hire)
    except BaseException as fault:
        if out is None:
            shutil.rmtree(folder)
            if isinstance(fault, ComparisonStoppedError):
                raise ComparisonStoppedError("stopped; without `out=` nothing is kept") from None
        raise
    compared = Compared(comparison)
    if out is None:
        finalize(compared, shutil.rmtree, folder, ignore_errors=True)
    return compared


def _run_all(
    design: Design,
    folder: Path,
    run_one: RunCell,
    progress: Progressing,
    hire: Hire,
) -> Comparison:
    if progress is not None and progress is not True:
        return run_all(design, folder, run_one, progress or None, hire=hire)
    from rich.console import Console

    from scenarios.terminal import RunProgress

    with RunProgress(Console(stderr=True)) as shown:
        return run_all(design, folder, run_one, shown, hire=hire)


def _scenario(given: AnyScenario) -> Scenario:
    if isinstance(given, Scenario):
        return given
    return Scenario.load(given) if isinstance(given, str | Path) else Scenario(given)


def _regime(given: AnyRegime) -> Regime:
    if isinstance(given, Regime):
        return given
    return Regime.load(given) if isinstance(given, str | Path) else Regime(given)


def _regimes(given: Sequence[AnyRegime]) -> list[Regime]:
    if isinstance(given, str | Path | Regime | Mapping):
        raise DesignError("one regime is no comparison; give a list of them, the baseline first.")
    return [_regime(one) for one in given]


def _seeds(given: int | Iterable[int]) -> tuple[int, ...]:
    if isinstance(given, Iterable):
        return tuple(_whole("a seed", one) for one in given)
    return tuple(range(1, _whole("the number of seeds", given) + 1))


def _people(population: int | None) -> int | None:
    if population is None:
        return None
    return _whole("the population", population, least=1)


def _hire(workers: int | None) -> Hire:
    return processes(None if workers is None else _whole("the number of workers", workers, least=1))


def _whole(name: str, given: int, *, least: int = 0) -> int:
    """A whole number of Python or numpy, as an int. Raises ConfigurationError."""
    try:
        number = operator.index(given)
    except TypeError:
        raise ConfigurationError(
            name,
            "",
            f"must be a whole number, but is {given!r}",
            "write it without quotes and without a point",
        ) from None
    if number < least:
        raise ConfigurationError(
            name, "", f"must be {least} or more, but is {number}", "choose such a number"
        )
    return number


# --- the design -------------------------------------------------------------------------------------------


def _design(
    scenario: Scenario,
    regimes: Sequence[Regime],
    seeds: tuple[int, ...],
    population: int | None,
    folder: Path,
) -> Design:
    """What is compared. That every regime can meet the scenario is checked before anything runs."""
    for regime in regimes:
        case = case_of(scenario, regime, population)
        rehearse(case.world, case.regime.regime())
    names = [regime.id for regime in regimes if regime.loaded is None]
    if twice := [name for name in names if sum(name == one.id for one in regimes) > 1]:
        raise DesignError(f"two regimes go by the id {twice[0]}; give one of them another: `.with_(id=...)`.")
    day = scenario.world(population)
    source = scenario.loaded or str(folder / FILES / f"{scenario.id}.toml")
    rules = tuple(_regime_file(regime, folder) for regime in regimes)
    return Design(
        scenario=SourceFile(name=day.scenario_id, source=source, text=toml_text(day.resolved)),
        regimes=rules,
        seeds=seeds,
        population=population,
        command=_command(source, [one.source for one in rules], seeds, population, folder),
    )


def _regime_file(regime: Regime, folder: Path) -> SourceFile:
    if regime.loaded is not None:
        return regime_source(regime.loaded)
    source = str(folder / FILES / f"{regime.id}.toml")
    return SourceFile(name=regime.id, source=source, text=regime.to_toml())


def _command(
    scenario: str, regimes: Sequence[str], seeds: Sequence[int], population: int | None, folder: Path
) -> str:
    """What makes the same comparison again at the terminal."""
    if list(seeds) == list(range(1, len(seeds) + 1)):
        told = str(len(seeds))
    else:
        told = ",".join(map(str, seeds)) if len(seeds) > 1 else f"{seeds[0]}..{seeds[0]}"
    words = ["ringfence", "compare", scenario, "--regimes", ",".join(regimes), "--seeds", told]
    words += [] if population is None else ["--population", str(population)]
    return shlex.join([*words, "--out", str(folder)])


# --- shown in a notebook ----------------------------------------------------------------------------------


def _frame(table: ArrowTable) -> Frame:
    return frames.frame({name: table.column(name).to_pandas() for name in table.column_names})


def _html(head: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> str:
    """A small table; the texts are escaped."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return (
        f"<p><b>{escape(head)}</b></p><table><thead>{line(columns, 'th')}</thead><tbody>{body}</tbody></table>"
        f"<p>{escape(note)}</p>"
    )

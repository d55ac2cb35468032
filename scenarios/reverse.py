"""The smallest shock at which something happens: bisection over a scenario's magnitude, with the same seeds everywhere.

For each regime and seed the event is looked for at five magnitudes from the least to the most, and then between the
largest at which it did not happen and the smallest at which it did, until they are one step apart. That the answer is
the smallest of all presumes that a stronger shock never undoes the event. Whatever was run tells whether it did: a
magnitude at which it does not happen above one at which it does is told, seed by seed, and never smoothed over.

Every run is a cell, kept by magnitude, regime and seed; so a search that was stopped goes on, and another event is
looked for in the runs that there are.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from exchange.access.regime import Regime
from exchange.commands import AdoptRegime
from exchange.messages import Message, decode, encode
from scenarios.cells import CellTask, RunCell, read_cell, write_whole
from scenarios.compare import (
    CELLS,
    REVERSED,
    DesignError,
    Failure,
    SourceFile,
    Watcher,
    cell_task,
    check_folder,
    check_reused,
    copy_cells,
    run_missing,
    versions_now,
    written_out,
)
from scenarios.config.magnitude import MagnitudeTable, scaled
from scenarios.config.numbers import typed
from scenarios.config.regime_file import load_regime
from scenarios.config.scenario_file import load_world, read_scenario
from scenarios.design import meet, regime_source, scenario_source
from scenarios.provenance import sha256
from scenarios.statistics import median_ranks
from scenarios.stress_events import StressEvent, Unasked, Why, check_events, event_in_words, events_asked
from scenarios.sweep import processes

PROBES = 5  # magnitudes at which every search begins, spread evenly from the least to the most
Happens = Mapping[int, bool]  # by steps above the least magnitude


class Question(NamedTuple):
    """What is asked: of which scenario and regimes, how strong a shock makes what happen."""

    scenario: str
    magnitude: MagnitudeTable
    regimes: tuple[SourceFile, ...]
    rules: Mapping[str, Regime]  # by the regime's name
    later: tuple[Regime, ...]  # that the scenario puts in the place of the one with which it begins
    events: tuple[str, ...]  # as they are typed
    seeds: tuple[int, ...]
    population: int | None
    command: str


class Threshold(Message):
    """What one seed says: the smallest magnitude at which it happens, None where it does not happen within the bounds.

    `undone`: a larger magnitude at which it does not happen, though it does at `smallest`; None for none.
    """

    seed: int
    smallest: float | None
    undone: float | None = None


class Answer(Message):
    """One event under one regime, over the seeds. Magnitudes are None where they lie beyond the bounds.

    `half` is the smallest magnitude at which it happens in half of the seeds or more; `low` and `high` are its 95%
    interval by order statistics, which presumes nothing about how thresholds are spread (None below: six seeds are
    needed; None above: beyond the bounds). `first` and `nine_tenths` are the same for one seed and for nine in ten.
    """

    regime: str
    event: str
    words: str
    within: int  # seeds in which it happens within the bounds
    at_least: int  # seeds in which it happens at the least magnitude already
    first: float | None
    half: float | None
    nine_tenths: float | None
    low: float | None
    high: float | None
    has_interval: bool
    thresholds: tuple[Threshold, ...]

    @property
    def undone(self) -> tuple[Threshold, ...]:
        """The seeds in which a stronger shock undid it."""
        return tuple(one for one in self.thresholds if one.undone is not None)


class Never(Message):
    """An event that cannot happen under a regime, whatever the shock, and why."""

    regime: str
    event: str
    why: Why


class RunDigest(Message):
    """What one run of the search came to."""

    magnitude: float
    regime: str
    seed: int
    digest: str

    @property
    def place(self) -> tuple[float, str, int]:
        return self.magnitude, self.regime, self.seed

    def __str__(self) -> str:
        return f"{self.regime} at {self.magnitude:g}, seed {self.seed}"


class Reversed(Message):
    """`reverse.json`. There is no date in it: the same question gives the same bytes."""

    scenario: SourceFile
    regimes: tuple[SourceFile, ...]
    what: str
    unit: str
    least: float
    most: float
    step: float
    stands_at: float
    seeds: tuple[int, ...]
    population: int | None
    command: str
    versions: dict[str, str]
    digests: tuple[RunDigest, ...]
    digest: str  # one hash for all of them
    answers: tuple[Answer, ...]
    never: tuple[Never, ...]
    failures: tuple[Failure, ...]

    @property
    def exit_code(self) -> int:
        return 1 if self.failures else 0

    @property
    def runs(self) -> int:
        return len(self.digests)


def question_of(
    scenario: str,
    regimes: Sequence[str],
    events: Sequence[str],
    seeds: Sequence[int],
    population: int | None,
    command: str,
) -> Question:
    """Every file is read, and met with the shock at both of its bounds. Raises ConfigurationError, DesignError, or
    StressEventError for what cannot be asked."""
    if scaled(scenario).magnitude is not None:
        raise DesignError(
            f"{scenario} names a magnitude, which is what is looked for; name the scenario alone."
        )
    magnitude = read_scenario(scenario).magnitude
    if magnitude is None:
        raise DesignError(
            f"{scenario} has no table [magnitude], so nobody knows what its shock is; add one, or name another: "
            "`ringfence scenarios list` tells which have one."
        )
    sources = tuple(regime_source(name) for name in regimes)
    names = [source.name for source in sources]
    if not names:
        raise DesignError("a reverse stress test needs a regime; name one or more.")
    for at, name in enumerate(names):
        if name in names[:at]:
            raise DesignError(f"the regime “{name}” is named twice; leave one of them out.")
    rules = {source.name: load_regime(source.source) for source in sources}
    later = _adopted(scenario, population)
    check_events(events, [*rules.values(), *later])
    for regime in rules.values():
        events_asked(events, regime, later)
    for name in regimes:
        for bound in (magnitude.least, magnitude.most):
            meet(f"{scenario}@{typed(bound)}", name, population)
    return Question(
        scenario, magnitude, sources, rules, later, tuple(events), tuple(seeds), population, command
    )


def _adopted(scenario: str, population: int | None) -> tuple[Regime, ...]:
    told = load_world(scenario, population).directives
    return tuple(command.regime for _at, command in told if isinstance(command, AdoptRegime))


def reverse(
    question: Question,
    folder: Path,
    run_one: RunCell,
    progress: Watcher | None = None,
    *,
    workers: int | None = None,
    reuse: Sequence[Path] = (),
) -> Reversed:
    """Run what the answer needs and `folder` does not hold, and write `reverse.json`, `reverse.csv` and
    `thresholds.csv`.

    Raises DesignError if the folder holds something else, CellMismatchError if it holds runs of another version,
    ComparisonStoppedError on Ctrl-C. A run that fails is told, and its seed is left out under that regime.
    """
    check_folder(folder)
    if (folder / "comparison.json").exists():
        raise DesignError(
            f"{folder} holds a comparison already; name another folder for the reverse stress test."
        )
    check_reused(reuse)
    search = _Search(question, folder)
    while tasks := search.missing():
        for task in tasks:
            if task.path.exists():
                read_cell(task)  # refused now rather than after an hour of other runs
        (folder / CELLS).mkdir(parents=True, exist_ok=True)
        copy_cells(tasks, folder, reuse)
        every = [*search.done, *tasks]
        search.failures += run_missing(every, folder, run_one, progress, processes(workers))
        search.learn(tasks)
    found = search.result()
    _write(found, folder)
    return found


class _Search:
    """What is known so far of every event, regime and seed: whether it happens so many steps above the least."""

    def __init__(self, question: Question, folder: Path) -> None:
        self.question = question
        self.folder = folder
        self.done: list[CellTask] = []
        self.failures: list[Failure] = []
        self.events: dict[str, list[StressEvent]] = {}
        self.never: list[Never] = []
        for regime, rules in question.rules.items():
            asked = events_asked(question.events, rules, question.later)
            self.events[regime] = [event for event in asked if isinstance(event, StressEvent)]
            self.never += [
                Never(regime=regime, event=event.name, why=event.why)
                for event in asked
                if isinstance(event, Unasked)
            ]
        self.known: dict[tuple[str, str, int], dict[int, bool]] = {
            (regime, event.name, seed): {}
            for regime, events in self.events.items()
            for event in events
            for seed in question.seeds
        }
        self._versions = versions_now()
        self._digests: list[RunDigest] = []
        self._scenario_at: Callable[[int], SourceFile] = cache(self._scaled)
        self._steps_of: dict[Path, int] = {}

    def missing(self) -> list[CellTask]:
        """The runs that come next, seed by seed; none once every search has ended. A seed that failed asks nothing."""
        failed = {(failure.regime_id, failure.seed) for failure in self.failures}
        regimes = {source.name: source for source in self.question.regimes}
        needed: dict[tuple[int, str, int], None] = {}
        for (regime, _, seed), happens in self.known.items():
            if (regime, seed) not in failed:
                needed |= {(seed, regime, steps): None for steps in steps_to_try(happens, self._most)}
        return [self._task(regimes[regime], seed, steps) for seed, regime, steps in sorted(needed)]

    def learn(self, tasks: Sequence[CellTask]) -> None:
        for task in tasks:
            if not task.path.exists():
                continue
            cell, steps = read_cell(task), self._steps_of[task.path]
            self.done.append(task)
            magnitude = float(self.question.magnitude.after(steps))
            self._digests.append(
                RunDigest(magnitude=magnitude, regime=task.regime_id, seed=task.key.seed, digest=cell.digest)
            )
            for event in self.events[task.regime_id]:
                self.known[task.regime_id, event.name, task.key.seed][steps] = event.happened(cell)

    def result(self) -> Reversed:
        question, table = self.question, self.question.magnitude
        failed = {(failure.regime_id, failure.seed) for failure in self.failures}
        answers = tuple(
            self._answer(regime, event, [seed for seed in question.seeds if (regime, seed) not in failed])
            for regime, events in self.events.items()
            for event in events
        )
        digests = tuple(sorted(self._digests, key=lambda one: one.place))
        return Reversed(
            scenario=scenario_source(question.scenario, question.population),
            regimes=question.regimes,
            what=table.what,
            unit=table.unit,
            least=float(table.least),
            most=float(table.most),
            step=float(table.step),
            stands_at=float(table.stands_at),
            seeds=question.seeds,
            population=question.population,
            command=question.command,
            versions=self._versions,
            digests=digests,
            digest=sha256(encode([(*one.place, one.digest) for one in digests]).decode()),
            answers=answers,
            never=tuple(self.never),
            failures=tuple(self.failures),
        )

    @property
    def _most(self) -> int:
        return self.question.magnitude.steps

    def _scaled(self, steps: int) -> SourceFile:
        name = f"{self.question.scenario}@{typed(self.question.magnitude.after(steps))}"
        return scenario_source(name, self.question.population)

    def _task(self, regime: SourceFile, seed: int, steps: int) -> CellTask:
        cells = self.folder / CELLS / typed(self.question.magnitude.after(steps))
        scenario, population = self._scenario_at(steps), self.question.population
        task = cell_task(scenario, regime, seed, population, cells, self._versions["ringfence"])
        self._steps_of[task.path] = steps
        return task

    def _answer(self, regime: str, event: StressEvent, seeds: Sequence[int]) -> Answer:
        thresholds = tuple(self._threshold(self.known[regime, event.name, seed], seed) for seed in seeds)
        found = sorted(math.inf if one.smallest is None else one.smallest for one in thresholds)
        ranks = median_ranks(len(found))
        return Answer(
            regime=regime,
            event=event.name,
            words=event_in_words(event.name),
            within=sum(one < math.inf for one in found),
            at_least=sum(one == float(self.question.magnitude.least) for one in found),
            first=_finite(found[:1]),
            half=_finite(found[math.ceil(len(found) / 2) - 1 :]),
            nine_tenths=_finite(found[math.ceil(len(found) * 0.9) - 1 :]),
            low=_finite(found[ranks[0] :]) if ranks else None,
            high=_finite(found[ranks[1] :]) if ranks else None,
            has_interval=ranks is not None,
            thresholds=thresholds,
        )

    def _threshold(self, happens: Happens, seed: int) -> Threshold:
        after = self.question.magnitude.after
        yes = [steps for steps, happened in happens.items() if happened]
        if not yes:
            return Threshold(seed=seed, smallest=None)
        undone = [steps for steps, happened in happens.items() if not happened and steps > min(yes)]
        return Threshold(
            seed=seed,
            smallest=float(after(min(yes))),
            undone=float(after(min(undone))) if undone else None,
        )


def steps_to_try(happens: Happens, most: int) -> list[int]:
    """Where to look next, given where it happens: the evenly spread probes first, then the middle between the smallest
    at which it happens and the largest below at which it does not. Nothing once these are neighbours, or once it
    happens at the least, or nowhere."""
    probes = sorted({round(at * most / (PROBES - 1)) for at in range(PROBES)})
    if unseen := [steps for steps in probes if steps not in happens]:
        return unseen
    smallest = min((steps for steps, happened in happens.items() if happened), default=None)
    if not smallest:
        return []
    below = max(steps for steps in happens if steps < smallest)
    return [] if smallest - below == 1 else [(smallest + below) // 2]


def _finite(found: Sequence[float]) -> float | None:
    """The first of them; None for none, or for one beyond the bounds."""
    return found[0] if found and math.isfinite(found[0]) else None


# --- files ----------------------------------------------------------------------------------------------


def read_reversed(folder: Path) -> Reversed:
    """A reverse stress test that has ended, from its folder. Raises DesignError if there is none, or if a run is not
    there as it was when it ended."""
    path = folder / REVERSED
    try:
        found = decode(path.read_bytes(), Reversed)
    except (FileNotFoundError, NotADirectoryError):
        raise DesignError(
            f"{folder} holds no finished reverse stress test; run `ringfence reverse` into it first."
        ) from None
    except ValueError as error:
        raise DesignError(f"{path} is not a reverse stress test ({error}); repeat it.") from None
    with TemporaryDirectory() as files:
        for run, task in zip(
            found.digests, _tasks_of(found, found.digests, folder, Path(files)), strict=True
        ):
            if not task.path.exists():
                lost = f"is missing among its {CELLS}"
            elif read_cell(task).digest != run.digest:
                lost = "is not the one that was searched"
            else:
                continue
            raise DesignError(f"{folder}: the run of {run} {lost}; repeat the command that made it.")
    return found


def verify(found: Reversed, run_one: RunCell, seeds: int = 1, progress: Watcher | None = None) -> list[str]:
    """Run again whatever was run with the first `seeds` seeds; one line for each digest that is not the same."""
    first = sorted(found.seeds)[:seeds]
    sample = [run for run in found.digests if run.seed in first]
    with TemporaryDirectory() as scratch:
        again = Path(scratch, "again")
        tasks = _tasks_of(found, sample, again, Path(scratch))
        failures = run_missing(tasks, again, run_one, progress, processes(None))
        ended = [
            (run, read_cell(task)) for run, task in zip(sample, tasks, strict=True) if task.path.exists()
        ]
    lines = [
        f"{run}: {run.digest} was kept, {cell.digest} came now"
        for run, cell in ended
        if cell.digest != run.digest
    ]
    return lines + [f"{failed.regime_id}, seed {failed.seed}: {failed.summary}" for failed in failures]


def _tasks_of(found: Reversed, runs: Sequence[RunDigest], folder: Path, files: Path) -> list[CellTask]:
    """The runs in `folder`, of the scenario and the regimes as they were searched, which are written into `files`."""
    scenario = written_out(found.scenario, files).source
    regimes = {regime.name: written_out(regime, files) for regime in found.regimes}
    at = {
        magnitude: scenario_source(f"{scenario}@{typed(magnitude)}", found.population)
        for magnitude in dict.fromkeys(run.magnitude for run in runs)
    }
    return [
        cell_task(
            at[run.magnitude],
            regimes[run.regime],
            run.seed,
            found.population,
            folder / CELLS / typed(run.magnitude),
            found.versions["ringfence"],
        )
        for run in runs
    ]


def _write(found: Reversed, folder: Path) -> None:
    contents = {
        "reverse.csv": _as_csv(_SUMMARY, _summary(found)),
        "thresholds.csv": _as_csv(_BY_SEED, _by_seed(found)),
        REVERSED: encode(found),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_whole(folder / name, content)


_SUMMARY = (
    "regime",
    "event",
    "seeds",
    "within_bounds",
    "first",
    "half",
    "low",
    "high",
    "nine_tenths",
    "undone",
)
_BY_SEED = ("regime", "event", "seed", "smallest", "undone")


def _summary(found: Reversed) -> Iterator[tuple[object, ...]]:
    for one in found.answers:
        magnitudes = (one.first, one.half, one.low, one.high, one.nine_tenths)
        yield one.regime, one.event, len(one.thresholds), one.within, *magnitudes, len(one.undone)


def _by_seed(found: Reversed) -> Iterator[tuple[object, ...]]:
    for answer in found.answers:
        for one in answer.thresholds:
            yield answer.regime, answer.event, one.seed, one.smallest, one.undone


def _as_csv(head: Sequence[str], rows: Iterator[tuple[object, ...]]) -> bytes:
    """What is beyond the bounds is empty."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows(rows)
    return text.getvalue().encode()

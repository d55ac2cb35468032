"""Regimes compared: every regime meets the same seeds, and what is finished stays finished.

A comparison is a folder. Runs are kept in it one by one, so that a comparison that was stopped goes on where
it stopped; `comparison.json`, `measures.csv` and `measures.parquet` appear when all runs have ended.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from platform import python_version
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeAlias

from exchange.messages import Message, changed, decode, encode
from scenarios.cell_tables import ArrowTable, measures_of, outcomes_of, parquet, timeline_of
from scenarios.cells import (
    Cell,
    CellKey,
    CellTask,
    RunCell,
    holds,
    keep_cell,
    made_cell,
    read_cell,
    write_whole,
)
from scenarios.provenance import code_version, package_version, sha256
from scenarios.sweep import Hire, processes, sweep

CELLS = "cells"  # the folder of the finished runs within that of the comparison
FILES = "files"  # that of scenario and regimes which lie nowhere else, since they were made in code
REVERSED = "reverse.json"  # what a reverse stress test leaves in its folder
SCENARIO = "scenario."  # before a key of a grid that is the scenario's
PACKAGES = ("numpy", "scipy", "simpy", "msgspec", "pyarrow", "plotly")


class SourceFile(Message):
    """A scenario or a regime: `source` is the shipped name or the path that a run is given."""

    name: str
    source: str
    text: str


class GridPoint(Message):
    """One regime of a sweep: of which regime it is a variant, and what stands under the swept keys, in the units of the
    file; None where it says nothing. Keys of the scenario begin with `SCENARIO`."""

    regime: str
    base: str
    values: dict[str, float | None]
    world: SourceFile | None = (
        None  # the scenario with other numbers in it, which it meets in place of the design's
    )


class Precision(Message):
    """How precise a comparison is to become: seeds are added until the half-widths of the intervals of `measures` are
    within `percent` of what they are held against, or the last of the `looks` has been taken."""

    percent: float
    measures: tuple[str, ...]
    looks: tuple[int, ...]  # how many seeds there are at each look, rising; fixed before the first run


class Design(Message):
    """What is compared. The first regime is the baseline; no population: the scenario's own."""

    scenario: SourceFile
    regimes: tuple[SourceFile, ...]
    seeds: tuple[int, ...]
    population: int | None = None
    command: str = ""  # the exact command that asks for this comparison
    grid: tuple[GridPoint, ...] = ()  # of a sweep: one a regime, in their order
    precision: Precision | None = None

    def world_of(self, regime: str) -> SourceFile:
        """The scenario that the regime of that name meets."""
        return next((one.world for one in self.grid if one.regime == regime and one.world), self.scenario)

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Of every scenario and regime."""
        return (self.scenario, *(one.world for one in self.grid if one.world), *self.regimes)

    @property
    def looks(self) -> int:
        """How often results may have been looked at before the last seed was run: intervals are widened for it."""
        return len(self.precision.looks) if self.precision else 1


class Imprecision(Message):
    """A difference that is not known as precisely as was asked for: half of its interval, and what that might be."""

    measure: str
    regime: str
    half_width: float | None  # None: there are too few pairs in which the measure is defined
    allowed: float


class Reached(Message):
    """How a comparison with a precision ended: whether it is there, after how many looks, and what is lacking."""

    reached: bool
    looks: int
    lacking: tuple[Imprecision, ...] = ()


class DesignError(ValueError):
    """A design that cannot be run, as a sentence with the remedy."""


class ComparisonStoppedError(Exception):
    """Ctrl-C. What was finished is kept."""


class Failure(Message):
    """A run that ended in an error, or whose process was killed."""

    regime_id: str
    seed: int
    fault: str

    @property
    def summary(self) -> str:
        """The last line: the error itself, without the way to it."""
        return self.fault.splitlines()[-1]


class Comparison(NamedTuple):
    """All finished cells: regime by regime as in the design, and within a regime by seed."""

    design: Design
    folder: Path
    versions: dict[str, str]
    cells: tuple[Cell, ...]
    failures: tuple[Failure, ...]
    reached: Reached | None = None

    @property
    def exit_code(self) -> int:
        return 1 if self.failures else 0

    @property
    def digest(self) -> str:
        """One hash for the digests of all cells."""
        return hashlib.sha256(encode([(c.regime_id, c.key.seed, c.digest) for c in self.cells])).hexdigest()


class Progress(NamedTuple):
    """How far a comparison is. `running` are the cells that run now, in words."""

    done: int
    total: int
    failed: int
    running: tuple[str, ...]


Watcher: TypeAlias = Callable[[Progress], None]


def source_file(source: str, path: Path | Traversable) -> SourceFile:
    """The file at `path`, which a run knows as `source`. It goes by its own name without `.toml`."""
    return SourceFile(
        name=path.name.removesuffix(".toml"), source=source, text=path.read_text(encoding="utf-8")
    )


def compare(
    design: Design,
    folder: Path,
    run_one: RunCell,
    progress: Watcher | None = None,
    *,
    workers: int | None = None,
    hire: Hire | None = None,
    reuse: Sequence[Path] = (),
) -> Comparison:
    """Run every cell of the design that `folder` does not hold yet, and write what came of it.

    Raises what `run_cells` raises.
    """
    comparison = run_cells(design, folder, run_one, progress, workers=workers, hire=hire, reuse=reuse)
    write(comparison)
    return comparison


def run_cells(
    design: Design,
    folder: Path,
    run_one: RunCell,
    progress: Watcher | None = None,
    *,
    workers: int | None = None,
    hire: Hire | None = None,
    reuse: Sequence[Path] = (),
) -> Comparison:
    """The same, without the files that tell of a comparison that has ended. The runs are done by `workers` processes,
    or by whom `hire` finds. Cells that the folders `reuse` hold, of the very same key, are copied.

    Raises DesignError for a design that cannot be run or a `folder` that holds something else, and
    CellMismatchError if it holds runs of another design, before anything is written; OSError if it cannot be
    written, before anything is run; and ComparisonStoppedError on Ctrl-C. A cell that fails is told in
    `failures`, and the others go on.
    """
    _check(design)
    check_folder(folder)
    if (folder / REVERSED).exists():
        raise DesignError(
            f"{folder} holds a reverse stress test already; name another folder for the comparison."
        )
    check_reused(reuse)
    tasks = _tasks(design, folder)
    for task in tasks:
        if task.path.exists():
            read_cell(task)  # refused now rather than after an hour of other runs
    (folder / CELLS).mkdir(parents=True, exist_ok=True)
    _write_files(design, folder)
    copy_cells(tasks, folder, reuse)
    failures = run_missing(tasks, folder, run_one, progress, hire or processes(workers))
    return Comparison(design, folder, versions_now(), _cells(tasks), failures)


def check_reused(folders: Sequence[Path]) -> None:
    for folder in folders:
        if not (folder / CELLS).is_dir():
            raise DesignError(f"{folder} holds no runs to use again; name the folder of a comparison.")


def copy_cells(tasks: Sequence[CellTask], folder: Path, reuse: Sequence[Path]) -> None:
    """What is missing in `folder` and lies in one of the others, under the same name and made of the very same."""
    for task in tasks:
        for other in reuse:
            there = task._replace(path=other / task.path.relative_to(folder))
            if not task.path.exists() and there.path.exists() and holds(there):
                task.path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(task.path, there.path.read_bytes())


def run_missing(
    tasks: Sequence[CellTask],
    folder: Path,
    run_one: RunCell,
    progress: Watcher | None,
    hire: Hire,
) -> tuple[Failure, ...]:
    """Run those of the tasks that have no file yet. Raises ComparisonStoppedError on Ctrl-C."""
    try:
        missing = [task for task in tasks if not task.path.exists()]
        return _run(missing, len(tasks), run_one, progress, hire)
    except KeyboardInterrupt:
        kept = sum(task.path.exists() for task in tasks)
        raise ComparisonStoppedError(
            f"stopped; {kept} of {len(tasks)} runs kept in {folder}; "
            "the same command goes on where it stopped"
        ) from None


def read_comparison(folder: Path) -> Comparison:
    """A comparison that has ended, from its folder. Raises DesignError if there is none."""
    kept = read_kept(folder)
    cells = _cells(_tasks(kept.design, folder, kept.versions["ringfence"]))
    if (lost := _lost(kept, cells)) is not None:
        raise DesignError(f"{folder}: {lost}; repeat the command that made this comparison.")
    return Comparison(kept.design, folder, kept.versions, cells, kept.failures, kept.reached)


def read_kept(folder: Path) -> "Kept":
    """What such a folder says of itself, without its cells. Raises DesignError as above."""
    path = folder / "comparison.json"
    try:
        return decode(path.read_bytes(), Kept)
    except (FileNotFoundError, NotADirectoryError):
        raise DesignError(
            f"{folder} holds no finished comparison; run `ringfence compare` into it first."
        ) from None
    except ValueError as error:
        raise DesignError(f"{path} is not a comparison ({error}); repeat the comparison.") from None


def _lost(kept: "Kept", cells: Sequence[Cell]) -> str | None:
    """Which run is not there as it was when the comparison ended."""
    found = {(cell.regime_id, cell.key.seed): cell.digest for cell in cells}
    for regime, digests in kept.digests.items():
        for seed, digest in digests.items():
            if (regime, seed) not in found:
                return f"the run of {regime}, seed {seed}, is missing among its {CELLS}"
            if found[regime, seed] != digest:
                return f"the run of {regime}, seed {seed}, is not the one that was compared"
    return None


def verify(
    comparison: Comparison, run_one: RunCell, seeds: int = 1, progress: Watcher | None = None
) -> list[str]:
    """Run the first `seeds` seeds of a comparison again; one line for each digest that is not the same."""
    kept = {(cell.regime_id, cell.key.seed): cell.digest for cell in comparison.cells}
    with TemporaryDirectory() as scratch:
        sample = _sample(comparison.design, sorted(comparison.design.seeds)[:seeds], Path(scratch))
        again = compare(sample, Path(scratch, "again"), run_one, progress)
    lines = [
        f"{cell.regime_id}, seed {cell.key.seed}: {kept[place]} was kept, {cell.digest} came now"
        for cell in again.cells
        if (place := (cell.regime_id, cell.key.seed)) in kept and kept[place] != cell.digest
    ]
    return lines + [f"{failed.regime_id}, seed {failed.seed}: {failed.summary}" for failed in again.failures]


def _sample(design: Design, seeds: Sequence[int], folder: Path) -> Design:
    """The same files as they were compared, wherever they may be now, with other seeds."""
    return Design(
        scenario=written_out(design.scenario, folder),
        regimes=tuple(written_out(regime, folder) for regime in design.regimes),
        grid=tuple(
            changed(one, world=written_out(one.world, folder)) if one.world else one for one in design.grid
        ),
        seeds=tuple(seeds),
        population=design.population,
        command=design.command,
    )


def written_out(file: SourceFile, folder: Path) -> SourceFile:
    path = folder / f"{file.name}.toml"
    path.write_text(file.text, encoding="utf-8")
    return SourceFile(name=file.name, source=str(path), text=file.text)


def _check(design: Design) -> None:
    names = [regime.name for regime in design.regimes]
    faults = (
        (len(names) < 2, "a comparison needs two regimes or more, the baseline first; name another one."),
        (_twice(names), f"the regime “{_twice(names)}” is named twice; leave one of them out."),
        (not design.seeds, "a comparison needs a seed; name one or more."),
        (
            _twice(design.seeds),
            f"seed {_twice(design.seeds)} is named twice; a run counts once, so remove it.",
        ),
        (min(design.seeds, default=0) < 0, "a seed must not be negative; begin at 0 or above."),
        (
            design.population is not None and design.population < 1,
            f"a population of {design.population} is nobody; let there be one person or more.",
        ),
    )
    for wrong, sentence in faults:
        if wrong:
            raise DesignError(sentence)


def check_folder(folder: Path) -> None:
    """A comparison may go on where it began, or begin where nothing is."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CELLS).is_dir():
        raise DesignError(f"{folder} holds something else already; name another folder for the comparison.")


def _write_files(design: Design, folder: Path) -> None:
    """Those whose place is in the folder of the comparison itself."""
    for file in (design.scenario, *design.regimes):
        if Path(file.source).parent == folder / FILES:
            (folder / FILES).mkdir(exist_ok=True)
            write_whole(Path(file.source), file.text.encode())


def _twice(names: Sequence[str | int]) -> str | None:
    if len(set(names)) == len(names):
        return None
    return str(next(name for at, name in enumerate(names) if name in names[:at]))


def _tasks(design: Design, folder: Path, made_by: str | None = None) -> list[CellTask]:
    """Seed by seed, so that a comparison that is stopped early has whole pairs."""
    version_made = made_by or code_version()
    return [
        cell_task(design.world_of(regime.name), regime, seed, design.population, folder / CELLS, version_made)
        for seed in sorted(design.seeds)
        for regime in design.regimes
    ]


def cell_task(
    scenario: SourceFile,
    regime: SourceFile,
    seed: int,
    population: int | None,
    cells: Path,
    version_made: str,
) -> CellTask:
    """One run, to be kept in the folder `cells` under the regime's name and the seed."""
    return CellTask(
        scenario=scenario.source,
        regime=regime.source,
        regime_id=regime.name,
        key=CellKey(
            scenario=sha256(scenario.text),
            regime=sha256(regime.text),
            seed=seed,
            population=population,
            version=version_made,
        ),
        path=cells / regime.name / f"{seed}.json",
    )


def _run(
    missing: list[CellTask], total: int, run_one: RunCell, progress: Watcher | None, hire: Hire
) -> tuple[Failure, ...]:
    failures: list[Failure] = []
    ended = total - len(missing)
    with closing(sweep(missing, partial(made_cell, run_one=run_one), hire=hire)) as turns:
        for turn in turns:
            ended += len(turn.finished)
            for task, fault, content in turn.finished:
                if content is not None:
                    keep_cell(task, content)
                if fault is not None:
                    failures.append(Failure(regime_id=task.regime_id, seed=task.key.seed, fault=fault))
            if progress is not None:
                running = tuple(task.label for task in turn.running)
                progress(Progress(ended - len(failures), total, len(failures), running))
    return tuple(sorted(failures, key=lambda failure: (failure.seed, failure.regime_id)))


def _cells(tasks: list[CellTask]) -> tuple[Cell, ...]:
    order = list(dict.fromkeys(task.regime_id for task in tasks))
    cells = [read_cell(task) for task in tasks if task.path.exists()]
    return tuple(sorted(cells, key=lambda cell: (order.index(cell.regime_id), cell.key.seed)))


def versions_now() -> dict[str, str]:
    return {
        "ringfence": code_version(),
        "python": python_version(),
        **{package: package_version(package) for package in PACKAGES},
    }


class Kept(Message):
    """`comparison.json`. There is no date in it: the same comparison writes the same bytes."""

    design: Design
    versions: dict[str, str]
    digest: str
    digests: dict[str, dict[int, str]]  # by regime and seed
    failures: tuple[Failure, ...]
    reached: Reached | None = None


def write(comparison: Comparison) -> None:
    """All files are made first and only then moved into place."""
    digests: dict[str, dict[int, str]] = {regime.name: {} for regime in comparison.design.regimes}
    for cell in comparison.cells:
        digests[cell.regime_id][cell.key.seed] = cell.digest
    kept = Kept(
        design=comparison.design,
        versions=comparison.versions,
        digest=comparison.digest,
        digests=digests,
        failures=comparison.failures,
        reached=comparison.reached,
    )
    told, cells = encode(kept), comparison.cells
    measures = measures_of(cells)
    contents = {
        "measures.csv": _as_csv(measures),
        "measures.parquet": parquet(measures, told),
        "outcomes.parquet": parquet(outcomes_of(cells), told),
        "timeline.parquet": parquet(timeline_of(cells), told),
        "comparison.json": told,
    }
    comparison.folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_whole(comparison.folder / name, content)


def _as_csv(measures: ArrowTable) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(measures.column_names)
    table.writerows(zip(*measures.to_pydict().values(), strict=True))
    return text.getvalue().encode()

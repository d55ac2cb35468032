"""One cell of a comparison: one regime, one seed, what came of it, and the file in which it is kept.

A cell is a pure function of scenario, regime, seed, population and version. Its file says which, so that a
cell is never taken for one of another design.
"""

import gc
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from exchange.messages import Message, decode, encode
from scenarios.provenance import sha256

WORLDS: Final = (
    8  # that lie about before they are cleared away: to do so takes as long as a tenth of a short run
)
_made = count(1)  # by this process

Value: TypeAlias = str | bool | int | float | None


class CellResult(NamedTuple):
    """What a run hands back, in plain Python values; nan is allowed.

    `timeline` and `outcomes` are columns of equal length, named as in `scenarios.measures.timeline` and
    `scenarios.measures.outcomes`.
    """

    digest: str
    measures: Mapping[str, float]
    timeline: Mapping[str, Sequence[float]]
    outcomes: Mapping[str, Sequence[Value]]


RunCell: TypeAlias = Callable[[str, str, int, int | None], CellResult]
"""scenario, regime (each a shipped name or a path), seed, population -> result. Picklable."""


class CellKey(Message):
    """Everything that a cell depends on. Texts of files go by their SHA-256."""

    scenario: str
    regime: str
    seed: int
    population: int | None
    version: str


class Cell(Message):
    """A finished cell as it is kept. None stands where a number was nan."""

    regime_id: str
    key: CellKey
    digest: str
    measures: dict[str, float | None]
    timeline: dict[str, list[float | None]]
    outcomes: dict[str, list[Value]]
    check: str  # SHA-256 of all of the above

    def value(self, measure: str) -> float:
        """nan where the run could not give the measure."""
        found = self.measures.get(measure)
        return float("nan") if found is None else found


class CellTask(NamedTuple):
    """A cell that is still to be run. `scenario` and `regime` are what `run_one` is given."""

    scenario: str
    regime: str
    regime_id: str
    key: CellKey
    path: Path

    @property
    def label(self) -> str:
        return f"{self.regime_id}, seed {self.key.seed}"


class CellMismatchError(ValueError):
    """A file among the cells belongs to another design, or is no cell at all."""


def made_cell(task: CellTask, run_one: RunCell) -> bytes:
    """Run the cell; what its file is to hold."""
    result = run_one(task.scenario, task.regime, task.key.seed, task.key.population)
    if next(_made) % WORLDS == 0:
        gc.collect()  # the world of a run is one large cycle, and runs look for such only rarely
    stored = {
        "regime_id": task.regime_id,
        "key": task.key,
        "digest": result.digest,
        "measures": dict(result.measures),
        "timeline": {name: list(series) for name, series in result.timeline.items()},
        "outcomes": {name: list(column) for name, column in result.outcomes.items()},
    }
    kept = decode(encode({**stored, "check": ""}), Cell)
    return encode({**stored, "check": _check_of(kept)})


def keep_cell(task: CellTask, content: bytes) -> None:
    """Its file is either there and whole, or not there."""
    task.path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(task.path, content)


def read_cell(task: CellTask) -> Cell:
    """The finished cell. Raises CellMismatchError if the file is something else."""
    try:
        cell = decode(task.path.read_bytes(), Cell)
    except ValueError as error:
        raise CellMismatchError(
            f"{task.path} is not a finished run ({error}); remove the file, and the run is made anew."
        ) from None
    if cell.check != _check_of(cell):
        raise CellMismatchError(
            f"{task.path} is not as it was written; remove the file, and the run is made anew."
        )
    if (differing := _differing(cell.key, task.key)) is not None:
        raise CellMismatchError(
            f"{task.path} was made {differing}; "
            "name a new folder for this comparison, or repeat the command that made this one."
        )
    return cell


def holds(task: CellTask) -> bool:
    """Whether the file is the finished cell of that very key."""
    try:
        read_cell(task)
    except CellMismatchError:
        return False
    return True


def _check_of(cell: Cell) -> str:
    """What `check` should be. It finds accidents and careless hands; it holds no secret."""
    content = (cell.regime_id, cell.key, cell.digest, cell.measures, cell.timeline, cell.outcomes)
    return sha256(encode(content).decode())


def _differing(found: CellKey, wanted: CellKey) -> str | None:
    if found.version != wanted.version:
        return f"by version {found.version}, and this is {wanted.version}"
    if found.population != wanted.population:  # before the scenario, whose text it is a part of
        return f"with a population of {_size(found.population)}, not of {_size(wanted.population)}"
    if found.scenario != wanted.scenario:
        return "with another scenario"
    if found.regime != wanted.regime:
        return "with another text of its regime"
    return None if found == wanted else f"with seed {found.seed}, not {wanted.seed}"


def _size(population: int | None) -> str:
    return "the scenario's own size" if population is None else f"{population:,}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that, whatever happens meanwhile, it holds all of `content` or is as it was."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as fault:
        with suppress(OSError):
            part.unlink()
        fault.filename = str(path)  # the place that its reader knows
        raise

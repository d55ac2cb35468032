"""The folder that keeps a run: commands, record, measures, resolved files, and a manifest of what it is.

Everything is written beside its place and moved there when complete, so a full disk or an interruption
leaves no half-written run.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite, nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, get_type_hints

from exchange.commands import Command
from exchange.events import Entry
from exchange.journal import JournalWriter
from exchange.messages import Message, decode, encode
from exchange.units import Time
from scenarios.fit import FitRow
from scenarios.measures.measure import Columns
from scenarios.provenance import Provenance, toml_text
from scenarios.results import Record, RecordWriter, ResultsError, read_table

T = TypeVar("T")

SCHEMA_VERSION = 1  # of everything in the folder; raised whenever an older reader would misread it

JOURNAL = "commands.jsonl"
MANIFEST = "manifest.json"
SUMMARY = "summary.json"
FIT = "fit.json"  # to published figures, if the scenario names any
SCENARIO = "scenario.toml"
REGIME = "regime.toml"


_AGAIN = "Delete the folder and run the scenario again."


class Manifest(Message, tag=False):
    """What the folder holds. It is written last: a folder without it is no run."""

    schema_version: int
    provenance: Provenance
    digest: str  # of the record
    ledger_head: str
    journal_check: str  # of the journal's closing line
    commands: int
    entries: int
    events: dict[str, int]  # by kind


class RunFolder:
    """The keeper of a run whose folder is in the making: takes commands and entries as they come."""

    def __init__(
        self, made: Path, provenance: Provenance, journal: JournalWriter, record: RecordWriter
    ) -> None:
        self._made = made
        self._provenance = provenance
        self._journal = journal
        self._record = record
        self.finished = False

    def command(self, time: Time, command: Command) -> None:
        self._journal.append(time, command)

    def entries(self, entries: list[Entry]) -> None:
        self._record.write(entries)

    def record(self) -> Record:
        """The whole record, for the measures; nothing more is kept after this."""
        self._journal.close()
        return self._record.record()

    def finish(
        self,
        *,
        ledger_head: str,
        measures: Mapping[str, float],
        fitted: Sequence[FitRow] = (),
        tables: Mapping[str, Columns] | None = None,
    ) -> Manifest:
        """Write down what the run came to. The folder takes its place when the `with` block ends."""
        self.record()
        counts = self._record.counts
        manifest = Manifest(
            schema_version=SCHEMA_VERSION,
            provenance=self._provenance,
            digest=self._record.digest(),
            ledger_head=ledger_head,
            journal_check=self._journal.check,
            commands=self._journal.commands,
            entries=counts.total(),
            events=dict(sorted(counts.items())),
        )
        _write_json(self._made / SUMMARY, {name: _known(value) for name, value in measures.items()})
        if fitted:
            _write_json(self._made / FIT, json.loads(encode(fitted)))
        for name, columns in (tables or {}).items():
            _write_table(self._made / f"{name}.parquet", columns, self._provenance)
        _write_json(self._made / MANIFEST, json.loads(encode(manifest)))
        self.finished = True
        return manifest


@contextmanager
def new_run_folder(
    path: Path, provenance: Provenance, *, scenario: Mapping[str, Any], regime: Mapping[str, Any]
) -> Iterator[RunFolder]:
    """Keep a run at `path`. Raises ResultsError if something else than this very run is there already.

    `scenario` and `regime` are the resolved files that `provenance` was made of.
    """
    path = path.resolve()
    _refuse_to_overwrite(path, provenance)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as workshop:
        made = Path(workshop, "new")
        made.mkdir()
        (made / SCENARIO).write_text(toml_text(scenario), "utf-8", newline="")
        (made / REGIME).write_text(toml_text(regime), "utf-8", newline="")
        with JournalWriter(made / JOURNAL) as journal, RecordWriter(made, provenance) as record:
            folder = RunFolder(made, provenance, journal, record)
            yield folder
        assert folder.finished, "a run that ends without an error is finished first"
        if path.exists():
            path.rename(Path(workshop, "old"))
        made.rename(path)


def read_manifest(folder: Path) -> Manifest:
    """Raises ResultsError if `folder` holds no run, or one that this version cannot read."""
    path = folder / MANIFEST
    version = _read(path, _Version).schema_version
    if version != SCHEMA_VERSION:
        raise ResultsError(
            f"{path} is of schema version {version}, but this ringfence reads version {SCHEMA_VERSION}: "
            "read it with the ringfence that wrote it, or delete the folder and run the scenario again."
        )
    return _read(path, Manifest)


def read_summary(folder: Path) -> dict[str, float]:
    """The measures by name; nan where one is undefined in this run."""
    measures = _read(folder / SUMMARY, dict[str, float | None])
    return {name: nan if value is None else value for name, value in measures.items()}


def read_run_table(folder: Path, name: str) -> Columns:
    """The columns of a table that a run has kept beside its record. Raises ResultsError."""
    table = read_table(folder / f"{name}.parquet")
    return {name: table.column(name).to_numpy() for name in table.column_names}


class _Version(Message, tag=False):
    schema_version: int


def _read(path: Path, kind: type[T]) -> T:
    try:
        return decode(path.read_bytes(), kind)
    except (FileNotFoundError, NotADirectoryError) as fault:
        raise ResultsError(
            f"{path.parent} is not a run folder: it has no {path.name}. "
            "Name a folder that `ringfence run` has written."
        ) from fault
    except ValueError as fault:
        raise ResultsError(f"{path} is damaged ({fault}). {_AGAIN}") from fault


def _refuse_to_overwrite(path: Path, provenance: Provenance) -> None:
    """A run may take the place of itself, or of nothing."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / MANIFEST).exists():
        raise ResultsError(f"{path} is there already and is no run: name another folder for the results.")
    there = read_manifest(path).provenance
    for name in get_type_hints(Provenance):
        old, new = getattr(there, name), getattr(provenance, name)
        if old != new:
            raise ResultsError(
                f"{path} holds another run ({name} is {old} there and {new} here): "
                "name another folder for the results, or delete that one first."
            )
    if provenance.outside is not None:
        raise ResultsError(
            f"{path} holds a run with bots from outside already, and what they did cannot be had again: "
            "name another folder for the results, or delete that one first."
        )


def _known(value: float) -> float | None:
    """JSON has no word for nan; what is undefined is null."""
    return float(value) if isfinite(value) else None


def _write_table(path: Path, columns: Columns, provenance: Provenance) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    pq.write_table(table.replace_schema_metadata({"ringfence": encode(provenance)}), path, compression="zstd")


def _write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(f"{text}\n", "utf-8", newline="")

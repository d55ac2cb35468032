"""The record of a run by kind of event: in memory, or as one Parquet file a kind in the run folder.

Measures ask `Record`, which answers alike from either. Rows stand in the order of the record.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import chain
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

import numpy as np

from exchange.events import Entry, Event
from exchange.journal.digest import RecordDigest
from exchange.messages import encode
from scenarios.columns import FORMS, WHOLE, Column, Form, Kept, Kind
from scenarios.provenance import Provenance

Group: TypeAlias = dict[str, Kept]  # some rows of one kind, by column

RECORD = "record"  # the folder of the Parquet files within a run folder
_ROWS = 50_000  # of one kind, gathered before they become a row group


class ResultsError(ValueError):
    """A run folder that cannot be read, or must not be written: which, why, and the remedy."""


class RecordWriter:
    """Takes entries as they come; without a folder it keeps them in memory.

    With a folder it holds no more than a row group of each kind. Left by an exception it closes its files
    as they are, and they are of no use.
    """

    def __init__(self, folder: Path | None = None, provenance: Provenance | None = None) -> None:
        self._folder = folder
        self._shelf: _Shelf = _Memory() if folder is None else _Files(folder / RECORD, provenance)
        self._digest = RecordDigest()
        self._waiting: defaultdict[Kind, list[Entry]] = defaultdict(list)
        self._closed = False
        self.counts: Counter[str] = Counter()  # events by kind; complete once closed

    def write(self, entries: Sequence[Entry]) -> None:
        assert not self._closed, "a closed record takes no more entries"
        self._digest.update(entries)
        waiting = self._waiting
        for entry in entries:
            kind = type(entry.event)
            rows = waiting[kind]
            rows.append(entry)
            if len(rows) == _ROWS:
                self._put(kind)

    def digest(self) -> str:
        """Of every entry so far; the same for every run with the same provenance."""
        return self._digest.hexdigest()

    def record(self) -> "Record":
        """Close, and read what was written."""
        self.close()
        return Record(self._shelf.read)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            for kind in self._waiting:
                self._put(kind)
            self._shelf.complete()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._closed = True
            self._shelf.abandon()

    def _put(self, kind: Kind) -> None:
        rows = self._waiting[kind]
        self.counts[kind.__name__] += len(rows)
        self._shelf.add(kind, _columns(kind, rows))
        rows.clear()


class Record:
    """Everything that happened in a run, asked by kind of event."""

    def __init__(self, read: Callable[[Kind], Group]) -> None:
        self._read = read

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The record in a run folder. What is missing or damaged raises ResultsError once asked for."""
        if not (folder / RECORD).is_dir():
            raise ResultsError(f"{folder} holds no record: name a folder that `ringfence run` has written.")
        return cls(_Files(folder / RECORD).read)

    def table(self, kind: Kind) -> dict[str, Column]:
        """One array a column: `sequence`, `time`, then the fields of the event.

        An optional number is a float, nan where it is None; a choice is its value; what is neither number,
        text nor choice is JSON text. A tuple of numbers is a row of a matrix: ValueError if lengths differ.
        """
        group = self._read(kind)
        return {name: form.show(group[name]) for name, form in _all_forms(kind).items()}

    def arrow(self, kind: Kind) -> Any:
        """The columns of `table` as a pyarrow Table, with null where a value is None and lists as they are."""
        import pyarrow as pa

        group, schema = self._read(kind), _schema(kind)
        return pa.Table.from_arrays([pa.array(group[one.name], one.type) for one in schema], schema=schema)

    def entries(self, kind: Kind) -> list[Entry]:
        """Whole messages, exactly as they were written."""
        group = self._read(kind)
        sequences, times = WHOLE.restore(group["sequence"]), WHOLE.restore(group["time"])
        return [
            Entry(sequence=sequence, time=time, event=event)
            for sequence, time, event in zip(sequences, times, _events(kind, group), strict=True)
        ]

    def digest(self) -> str:
        """Of every entry, read again: that of its writer, if nothing has been changed since."""
        every = [entry for kind in FORMS for entry in self.entries(kind)]
        digest = RecordDigest()
        digest.update(sorted(every, key=attrgetter("sequence")))
        return digest.hexdigest()


# --- columns ----------------------------------------------------------------------------------------------


def _all_forms(kind: Kind) -> dict[str, Form]:
    return {"sequence": WHOLE, "time": WHOLE, **FORMS[kind]}


def _columns(kind: Kind, entries: list[Entry]) -> Group:
    events = [entry.event for entry in entries]
    group = {
        "sequence": WHOLE.keep([entry.sequence for entry in entries]),
        "time": WHOLE.keep([entry.time for entry in entries]),
    }
    for name, form in FORMS[kind].items():
        group[name] = form.keep(list(map(attrgetter(name), events)))
    return group


def _events(kind: Kind, group: Group) -> list[Event]:
    make: Callable[..., Event] = kind
    fields = FORMS[kind]
    if not fields:
        return [make() for _ in group["sequence"]]
    restored = (form.restore(group[name]) for name, form in fields.items())
    return [make(**dict(zip(fields, row, strict=True))) for row in zip(*restored, strict=True)]


def _joined(kind: Kind, groups: list[Group]) -> Group:
    return {
        name: np.concatenate([np.empty(0, form.arrow), *(group[name] for group in groups)])
        if form.packed
        else list(chain.from_iterable(group[name] for group in groups))
        for name, form in _all_forms(kind).items()
    }


# --- where the columns lie --------------------------------------------------------------------------------


class _Shelf(Protocol):
    def add(self, kind: Kind, group: Group) -> None: ...

    def complete(self) -> None: ...

    def abandon(self) -> None: ...

    def read(self, kind: Kind) -> Group: ...


class _Memory:
    def __init__(self) -> None:
        self._groups: defaultdict[Kind, list[Group]] = defaultdict(list)

    def add(self, kind: Kind, group: Group) -> None:
        self._groups[kind].append(group)

    def complete(self) -> None:
        pass  # it always is

    def abandon(self) -> None:
        self._groups.clear()

    def read(self, kind: Kind) -> Group:
        return _joined(kind, self._groups[kind])


class _Files:
    """Parquet files, one for every kind of event there is, so that a file that is not there has been lost.

    The same entries and provenance make the same bytes.
    """

    def __init__(self, folder: Path, provenance: Provenance | None = None) -> None:
        self._folder = folder
        self._metadata = {b"ringfence": encode(provenance)}
        self._writers: dict[Kind, Any] = {}
        self._open = ExitStack()

    def add(self, kind: Kind, group: Group) -> None:
        import pyarrow as pa

        writer = self._writer(kind)
        columns = [pa.array(group[field.name], field.type) for field in writer.schema]
        writer.write_table(pa.Table.from_arrays(columns, schema=writer.schema))

    def complete(self) -> None:
        with self._open:
            for kind in FORMS:
                self._writer(kind)

    def abandon(self) -> None:
        self._open.close()

    def read(self, kind: Kind) -> Group:
        path = self._path(kind)
        table = read_table(path)
        if not table.schema.equals(_schema(kind)):
            raise ResultsError(f"{path} has other columns than this version of ringfence writes. {_AGAIN}")
        return {
            name: table.column(name).to_numpy() if form.packed else table.column(name).to_pylist()
            for name, form in _all_forms(kind).items()
        }

    def _writer(self, kind: Kind) -> Any:
        if kind not in self._writers:
            import pyarrow.parquet as pq

            self._folder.mkdir(parents=True, exist_ok=True)
            schema = _schema(kind).with_metadata(self._metadata)
            writer = pq.ParquetWriter(self._path(kind), schema, compression="zstd")
            self._writers[kind] = self._open.enter_context(writer)
        return self._writers[kind]

    def _path(self, kind: Kind) -> Path:
        return self._folder / f"{kind.__name__}.parquet"


_AGAIN = "Delete the run folder and run the scenario again."


def _schema(kind: Kind) -> Any:
    import pyarrow as pa

    types = {"list<int64>": pa.list_(pa.int64())}
    return pa.schema([(name, types.get(form.arrow) or form.arrow) for name, form in _all_forms(kind).items()])


def read_table(path: Path) -> Any:
    """The table of a Parquet file of a run. Raises ResultsError, with the remedy, if it is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, partitioning=None)
    except FileNotFoundError as fault:
        raise ResultsError(f"{path} is missing. {_AGAIN}") from fault
    except pa.ArrowInvalid as fault:
        raise ResultsError(f"{path} is damaged ({fault}). {_AGAIN}") from fault

"""Questions in SQL over the folders of comparisons and runs. They read; they cannot write, or reach any other file.

The tables that a question names are read here and handed to DuckDB in memory, which itself may open nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from exchange.events import InstrumentListed, TradeReported
from scenarios.cell_tables import ArrowTable
from scenarios.columns import FORMS, Kind
from scenarios.compare import read_kept
from scenarios.extras import extra
from scenarios.measures.measure import ROUBLE
from scenarios.results import RECORD, Record
from scenarios.run_folder import MANIFEST, read_manifest, read_summary

COMPARISON = "comparison.json"
USUAL = ("comparisons", "runs")  # where `ringfence compare` and `ringfence run` keep what they make


class QueryError(ValueError):
    """A question that cannot be answered, as a sentence with the remedy."""


class Shelf(NamedTuple):
    """The folders in which comparisons and runs were found, in alphabetical order."""

    comparisons: Sequence[Path]
    runs: Sequence[Path]


def found_in(folders: Iterable[str | Path]) -> Shelf:
    """What lies in those folders, or is one of them. Raises QueryError if there is nothing."""
    named = [Path(folder) for folder in folders] or [Path(name) for name in USUAL if Path(name).is_dir()]
    for folder in named:
        if not folder.is_dir():
            raise QueryError(f"{folder} is no folder; {_NAME}")
    comparisons = {path.parent for folder in named for path in folder.rglob(COMPARISON)}
    runs = {
        path.parent for folder in named for path in folder.rglob(MANIFEST) if (path.parent / RECORD).is_dir()
    }
    if not comparisons and not runs:
        where = ", ".join(map(str, named)) or "this folder"
        raise QueryError(f"{where} holds neither a finished comparison nor a run; {_NAME}")
    return Shelf(sorted(comparisons), sorted(runs))


_NAME = "name one that `ringfence compare` or `ringfence run` has filled."


def ask(sql: str, folders: str | Path | Iterable[str | Path] = ()) -> ArrowTable:
    """The answer to one SELECT, as a pyarrow Table, over the folder or the folders; without, over what lies in
    `comparisons` and `runs` here.

    Raises QueryError with what DuckDB finds wrong, and for anything but one SELECT; ExtraMissingError without DuckDB.
    """
    with extra("analysis", "a query"):
        import duckdb
    shelf = found_in([folders] if isinstance(folders, str | Path) else folders)
    words = set(re.findall(r"\w+", sql.lower()))
    try:
        with duckdb.connect(":memory:", config=_LOCKED) as connection:
            kinds = [statement.type.name for statement in connection.extract_statements(sql)]
            if kinds != ["SELECT"]:
                raise QueryError(
                    "only one question may be asked at a time, and nothing changed; write one SELECT."
                )
            for name in TABLES:
                if name.lower() in words:
                    connection.register(name, table(name, shelf))
            return connection.sql(sql).to_arrow_table()
    except duckdb.Error as fault:
        said = " ".join(str(fault).split("\n\nLINE")[0].split())
        raise QueryError(
            f"{said} (the tables are {', '.join(MAIN)}, and one for each kind of event.)"
        ) from None


_LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "python_enable_replacements": False,  # so that no variable of ours is taken for a table
    "lock_configuration": True,
}


# --- tables -----------------------------------------------------------------------------------------------

Reader: TypeAlias = Callable[[Path], Iterator[ArrowTable]]
"""The rows of a table in one folder, with the columns that say of which run they are."""


class _Table(NamedTuple):
    of_comparison: Reader | None
    of_run: Reader | None


def table(name: str, shelf: Shelf) -> ArrowTable:
    """All rows of the table, whatever folder they lie in. A folder that has none is left out.

    Raises QueryError if none has any.
    """
    import pyarrow as pa

    readers = TABLES[name]
    parts = [
        part
        for reader, folders in ((readers.of_comparison, shelf.comparisons), (readers.of_run, shelf.runs))
        if reader is not None
        for folder in folders
        for part in reader(folder)
    ]
    if not parts:
        wanted = (
            "a run that `ringfence run` has kept"
            if readers.of_comparison is None
            else "a finished comparison"
        )
        raise QueryError(f"“{name}” is not in any of these folders; it comes of {wanted}.")
    return pa.concat_tables(parts, promote_options="permissive")


def _known(rows: ArrowTable, **identity: Any) -> ArrowTable:
    """The rows with what they are of in front: the same in each."""
    import pyarrow as pa

    for at, (name, value) in enumerate(identity.items()):
        rows = rows.add_column(at, name, pa.repeat(value, rows.num_rows))
    return rows


def _of_run(folder: Path) -> dict[str, Any]:
    told = read_manifest(folder).provenance
    return {
        "folder": str(folder),
        "scenario": told.scenario_id,
        "regime": told.regime_id,
        "seed": told.seed,
    }


def _cells_of_comparison(folder: Path) -> Iterator[ArrowTable]:
    import pyarrow as pa

    kept = read_kept(folder)
    rows = [
        (regime, seed, digest) for regime, by_seed in kept.digests.items() for seed, digest in by_seed.items()
    ]
    table = pa.table(
        {
            "regime": pa.array([regime for regime, _, _ in rows], pa.string()),
            "seed": pa.array([seed for _, seed, _ in rows], pa.int64()),
            "digest": pa.array([digest for _, _, digest in rows], pa.string()),
            "population": pa.array([kept.design.population] * len(rows), pa.int64()),
            "version": pa.array([kept.versions["ringfence"]] * len(rows), pa.string()),
        }
    )
    yield _known(table, folder=str(folder), scenario=kept.design.scenario.name)


def _cells_of_run(folder: Path) -> Iterator[ArrowTable]:
    import pyarrow as pa

    manifest = read_manifest(folder)
    yield _known(
        pa.table({"digest": [manifest.digest], "version": [manifest.provenance.ringfence]}), **_of_run(folder)
    )


def _failures(folder: Path) -> Iterator[ArrowTable]:
    import pyarrow as pa

    kept = read_kept(folder)
    columns = {
        "regime": pa.array([one.regime_id for one in kept.failures], pa.string()),
        "seed": pa.array([one.seed for one in kept.failures], pa.int64()),
        "fault": pa.array([one.summary for one in kept.failures], pa.string()),
    }
    yield _known(pa.table(columns), folder=str(folder), scenario=kept.design.scenario.name)


def _measures_of_run(folder: Path) -> Iterator[ArrowTable]:
    import pyarrow as pa

    told = read_summary(folder)
    columns = {
        "measure": pa.array(list(told), pa.string()),
        "value": pa.array(list(told.values()), pa.float64()),
    }
    yield _known(pa.table(columns), **_of_run(folder))


def _kept_by_comparison(file: str) -> Reader:
    def read(folder: Path) -> Iterator[ArrowTable]:
        rows = _parquet(folder / file)
        yield _known(rows, folder=str(folder), scenario=read_kept(folder).design.scenario.name)

    return read


def _kept_by_run(file: str) -> Reader:
    def read(folder: Path) -> Iterator[ArrowTable]:
        yield _known(_parquet(folder / file), **_of_run(folder))

    return read


def _parquet(path: Path) -> ArrowTable:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path, partitioning=None).replace_schema_metadata(None)
    except FileNotFoundError:
        raise QueryError(
            f"{path} is not there, as an earlier version did not write it; repeat the command in a new folder."
        ) from None
    except pa.ArrowInvalid as fault:
        raise QueryError(f"{path} is damaged ({fault}); repeat the command that made it.") from None


def _events_of_kind(kind: Kind) -> Reader:
    def read(folder: Path) -> Iterator[ArrowTable]:
        yield _known(Record.open(folder).arrow(kind), **_of_run(folder))

    return read


def _trades(folder: Path) -> Iterator[ArrowTable]:
    """As in the record, in ticks and lots, and in roubles."""
    record = Record.open(folder)
    listed = (entry.event for entry in record.entries(InstrumentListed))
    terms = {
        str(one.instrument.instrument_id): one.instrument
        for one in listed
        if isinstance(one, InstrumentListed)
    }
    rows = record.arrow(TradeReported)
    told = [
        (price * terms[name].tick / ROUBLE, price * quantity * terms[name].tick_value / ROUBLE)
        for name, price, quantity in zip(
            *(rows.column(one).to_pylist() for one in ("instrument_id", "price", "quantity")), strict=True
        )
    ]
    import pyarrow as pa

    for at, name in enumerate(("price_rub", "value_rub")):
        rows = rows.append_column(name, pa.array([one[at] for one in told], pa.float64()))
    yield _known(rows, **_of_run(folder))


def _all_events(folder: Path) -> Iterator[ArrowTable]:
    """What happened when: one row an event, whatever it is."""
    record = Record.open(folder)
    for kind in FORMS:
        rows = record.arrow(kind).select(["sequence", "time"])
        if rows.num_rows:
            yield _known(rows, **_of_run(folder), kind=kind.__name__)


MAIN: dict[str, _Table] = {
    "cells": _Table(_cells_of_comparison, _cells_of_run),
    "failures": _Table(_failures, None),
    "measures": _Table(_kept_by_comparison("measures.parquet"), _measures_of_run),
    "outcomes": _Table(_kept_by_comparison("outcomes.parquet"), _kept_by_run("outcomes.parquet")),
    "timeline": _Table(_kept_by_comparison("timeline.parquet"), _kept_by_run("timeline.parquet")),
    "trades": _Table(None, _trades),
    "events": _Table(None, _all_events),
}
TABLES: Mapping[str, _Table] = MAIN | {kind.__name__: _Table(None, _events_of_kind(kind)) for kind in FORMS}
"""By name; all begin with the columns `folder`, `scenario`, `regime` and `seed`."""

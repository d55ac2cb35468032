"""Everything that a comparison keeps, as Arrow tables over all its cells, and as Parquet files."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from scenarios.cells import Cell

ArrowTable: TypeAlias = Any
"""A pyarrow.Table, which has no types of its own."""

_WHOLE = (
    "time",
    "withdrawals_asked",
    "withdrawals_completed",
)  # of a timeline, in which a cell keeps all as floats


def measures_of(cells: Sequence[Cell]) -> ArrowTable:
    """Columns `regime`, `seed`, `measure`, `value`; nan where a run could not give it."""
    import pyarrow as pa

    rows = [(cell, name) for cell in cells for name in cell.measures]
    return pa.table(
        {
            "regime": pa.array([cell.regime_id for cell, _ in rows], pa.string()),
            "seed": pa.array([cell.key.seed for cell, _ in rows], pa.int64()),
            "measure": pa.array([name for _, name in rows], pa.string()),
            "value": pa.array([cell.value(name) for cell, name in rows], pa.float64()),
        }
    )


def outcomes_of(cells: Sequence[Cell]) -> ArrowTable:
    """`regime`, `seed` and the columns of `scenarios.measures.outcomes.outcomes`: one row a participant and run."""
    return _of_all(cells, [cell.outcomes for cell in cells])


def timeline_of(cells: Sequence[Cell]) -> ArrowTable:
    """`regime`, `seed` and the columns of `scenarios.measures.timeline.timeline`: one row an instant and run."""
    import pyarrow as pa

    table = _of_all(cells, [cell.timeline for cell in cells])
    for name in _WHOLE:
        if (at := table.schema.get_field_index(name)) >= 0:
            table = table.set_column(at, name, table.column(at).cast(pa.int64()))
    return table


def _of_all(cells: Sequence[Cell], parts: Sequence[Mapping[str, Sequence[Any]]]) -> ArrowTable:
    import pyarrow as pa

    lengths = [len(next(iter(part.values()), ())) for part in parts]
    whole = list(zip(cells, parts, lengths, strict=True))
    columns = {
        "regime": pa.array([cell.regime_id for cell, _, length in whole for _ in range(length)], pa.string()),
        "seed": pa.array([cell.key.seed for cell, _, length in whole for _ in range(length)], pa.int64()),
    }
    for name in dict.fromkeys(name for part in parts for name in part):
        values = [value for _, part, length in whole for value in part.get(name, [None] * length)]
        column = pa.array(values)
        columns[name] = column.cast(pa.float64()) if pa.types.is_null(column.type) else column
    return pa.table(columns)


def parquet(table: ArrowTable, provenance: bytes) -> bytes:
    """A file that says in its metadata, under `comparison`, what it is of. The same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet

    sink = pa.BufferOutputStream()
    told = table.replace_schema_metadata({"comparison": provenance})
    pyarrow.parquet.write_table(told, sink, compression="zstd")
    return bytes(sink.getvalue())

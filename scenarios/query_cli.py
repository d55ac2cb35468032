"""The command `ringfence query`: a question in SQL over comparisons and runs, answered at the terminal or in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenarios.faults import told_as_sentences

if TYPE_CHECKING:
    from scenarios.cell_tables import ArrowTable

_SHOWN = 200  # rows at the terminal
_STANDARD = Path("-")


def query(
    sql: Annotated[
        str | None, typer.Argument(help="One SELECT; without it, the tables there are and their columns.")
    ] = None,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders with comparisons and runs, at any depth; `comparisons` and `runs` if not given."
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the answer there as CSV; `-` prints it.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write the answer there as Parquet.")] = None,
) -> None:
    """Ask in SQL what comparisons and runs have kept: cells, measures, outcomes, timeline, trades, events.

    Every kind of event is a table too. Nothing is changed by a question, and no other file is read.
    """
    with told_as_sentences():
        from scenarios.query import ask

        if sql is None:
            for line in _tables(folders or []):
                typer.echo(line)
            return
        answer = ask(sql, folders or [])
        if csv is not None:
            _write(csv, _as_csv(answer))
        if parquet is not None:
            _write(parquet, _as_parquet(answer))
        if csv is None and parquet is None:
            _show(answer)


def _tables(folders: list[Path]) -> list[str]:
    from scenarios.query import MAIN, QueryError, found_in, table

    shelf = found_in(folders)
    lines = []
    for name in MAIN:
        try:
            lines.append(f"{name}({', '.join(table(name, shelf).column_names)})")
        except QueryError as missing:
            lines.append(f"{name}: {missing}")
    return lines


def _show(answer: "ArrowTable") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for field in answer.schema:
        shown.add_column(escape(field.name), justify="right" if str(field.type) in _NUMBERS else "left")
    for row in answer.slice(0, _SHOWN).to_pylist():
        shown.add_row(*(escape(_cell(value)) for value in row.values()))
    Console().print(shown)
    if (more := answer.num_rows - _SHOWN) > 0:
        typer.echo(f"and {more:,} rows more; all of them are written by --csv or --parquet", err=True)


_NUMBERS = {"int64", "int32", "double", "float"}


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _write(path: Path, content: bytes) -> None:
    from scenarios.cells import write_whole

    if path == _STANDARD:
        typer.echo(content.decode(), nl=False)
    else:
        write_whole(path, content)


def _as_csv(answer: "ArrowTable") -> bytes:
    import csv
    import io

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(answer.column_names)
    table.writerows(row.values() for row in answer.to_pylist())
    return text.getvalue().encode()


def _as_parquet(answer: "ArrowTable") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(answer, sink, compression="zstd")
    return bytes(sink.getvalue())

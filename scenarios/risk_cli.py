"""The command `ringfence risk`: what a risk officer reads of a run at one instant, as tables or CSV files."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scenarios.faults import told_as_sentences

if TYPE_CHECKING:
    from scenarios.risk import RiskReport

_PLAIN_WIDTH = 200  # where there is no terminal to fit
_MOST = 40  # rows of a table that was not asked for by its name

_TITLES = {
    "margin": "Margin by participant",
    "exposure": "Exposure by participant",
    "positions": "Positions",
    "escrow": "Escrow by bucket",
    "members": "Clearing members",
    "stress": "Stress losses by account",
    "cover": "Default fund and cover",
    "groups": "Losses beyond own money by group",
    "waterfall": "Waterfall: the most that each layer could give",
    "cycle": "The last settlement cycle",
    "fails": "What it could not settle",
    "paid": "Paid by bucket at its settlement",
    "clearings": "Clearings of variation margin",
    "totals": "Trial balance: totals by asset",
    "balance": "Trial balance: accounts",
}

_COUNTED_IN_FULL = "under full cover nobody can lose more than is locked"
_NOTHING = {  # why a table is empty where positions are covered in full
    "stress": f"{_COUNTED_IN_FULL}: there is nothing beyond it for a stress to find",
    "cover": f"{_COUNTED_IN_FULL}: there is no default fund",
    "groups": f"{_COUNTED_IN_FULL}: no group can leave a loss to others",
    "waterfall": f"{_COUNTED_IN_FULL}: there is no waterfall, and it cannot be used",
    "clearings": "under full cover gains and losses are paid at the settlement alone",
}

_COUNTED = frozenset(  # whole numbers that are no amounts
    (
        *("lots", "mark", "holders", "open_interest", "clients", "cover", "place", "instruction_id"),
        *("cycle_id", "instructions", "settled", "partly_settled", "recycled", "failed"),
    )
)
_PENALTIES = frozenset(("penalty", "unpaid", "compensation"))


def risk(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    at: Annotated[
        str | None, typer.Option(help="A time of the run's day, UTC, as 13:30:00; the end if not given.")
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            help="margin, members, stress, cover, waterfall, settlement or balance; all if not given."
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write CSV files into this folder, in kopecks, and print their paths.")
    ] = None,
) -> None:
    """Show margin, exposure, stresses, cover, waterfall, settlement and the trial balance of a run."""
    with told_as_sentences():
        from scenarios.risk import report_of, write_csv

        report = report_of(folder, at, table)
        if csv is not None:
            for path in write_csv(report, csv):
                typer.echo(path)
            return
        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=_PLAIN_WIDTH)
        _show(console, folder, report, whole=table is not None)


def _show(console: Console, folder: Path, report: "RiskReport", *, whole: bool) -> None:
    from exchange.clearing.terms import ClearingMode
    from scenarios.risk import told_time

    full = report.mode is ClearingMode.FULL
    cleared = "covered in full" if full else "covered by margin"
    console.print(
        f"{escape(str(folder))} at {told_time(report.time)} UTC, {cleared}; amounts in units of the coin",
        soft_wrap=True,
    )
    for name, rows in report.rows.items():
        console.print()
        if not rows:
            why = _NOTHING.get(name) if full else None
            console.print(f"[bold]{_TITLES[name]}[/bold]: {why or 'none'}", soft_wrap=True)
            continue
        told = _by_move(rows) if name == "stress" else [row._asdict() for row in rows]
        shown = told if whole else told[:_MOST]
        console.print(_table(name, shown, report.scale))
        if len(shown) < len(told):
            console.print(f"and {len(told) - len(shown)} more: name the table, or write CSV", style="dim")
        if name == "totals":
            console.print(_proof(rows))


def _table(name: str, told: Sequence[Mapping[str, Any]], scale: int) -> Table:
    """Without the columns in which there is nothing at all."""
    table = Table(title=_TITLES[name], title_justify="left", title_style="bold")
    fields = [
        field
        for field in told[0]
        if not field.endswith("scale") and any(row[field] is not None for row in told)
    ]
    for field in fields:
        number = any(isinstance(row[field], int) for row in told) and field != "time"
        table.add_column(field.replace("_", " "), justify="right" if number else "left")
    for row in told:
        table.add_row(*(escape(cell) for cell in _cells(row, fields, scale)))
    return table


def _by_move(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """One row an account, with a column for each move; `beyond` is that of the worst."""
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        account = told.setdefault(
            row.participant_id, {"participant_id": row.participant_id, "group_id": row.group_id}
        )
        account[f"{row.move_bp / 100:+g}%"] = row.loss
    for row in rows:
        account = told[row.participant_id]
        account |= {"own": row.own, "beyond": max(row.beyond, account.get("beyond", 0))}
    return list(told.values())


def _cells(row: Mapping[str, Any], fields: Sequence[str], scale: int) -> Iterator[str]:
    from scenarios.risk import told_time

    for field in fields:
        value = row[field]
        if value is None:
            yield "–"
        elif field == "time":
            yield told_time(value)
        elif field == "efficiency_ppm":
            yield f"{value / 10_000:.1f}%"
        elif isinstance(value, bool):
            yield "yes" if value else "no"
        elif isinstance(value, Enum):
            yield str(value.value).replace("_", " ")
        elif isinstance(value, int) and field not in _COUNTED:
            of_row = row["penalty_scale"] if field in _PENALTIES else row.get("scale", scale)
            yield _amount(value, of_row)
        else:
            yield str(value)


def _amount(minor_units: int, scale: int) -> str:
    return f"{Decimal(minor_units).scaleb(-scale):,.{scale}f}"


def _proof(rows: Sequence[Any]) -> str:
    off = [row.asset_id for row in rows if row.posted_difference or row.pending_difference]
    if off:
        return f"[bold red]debits and credits differ in {escape(', '.join(off))}[/bold red]"
    return "debits equal credits in every asset, posted and pending"

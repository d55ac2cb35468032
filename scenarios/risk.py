"""Reports for a risk officer: the tables of `exchange.reports` at one instant of a run, as data frames or CSV files."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_type_hints

from exchange.clearing.terms import ClearingMode
from exchange.core import Exchange
from exchange.events import BucketSettled, ClaimSettled, Entry, PositionSettled, VariationCleared
from exchange.reports import balances, settlement, standings, stress
from exchange.state import State
from exchange.units import DAY, SECOND, Time
from scenarios.index_path import moment_of
from scenarios.run import Retelling
from scenarios.world import World

if TYPE_CHECKING:
    import pyarrow as pa

Told = tuple[Entry, ...]  # what was paid, in the order of the record

SHEETS: dict[str, tuple[str, ...]] = {  # which tables are read together
    "margin": ("margin", "exposure", "positions", "escrow"),
    "members": ("members",),
    "stress": ("stress",),
    "cover": ("cover", "groups"),
    "waterfall": ("waterfall",),
    "settlement": ("cycle", "fails", "paid", "clearings"),
    "balance": ("totals", "balance"),
}

_PAYMENTS = (BucketSettled, ClaimSettled, PositionSettled, VariationCleared)


class RiskReportError(ValueError):
    """A report that cannot be made: what was asked for, why not, and the remedy."""


class Table(NamedTuple):
    """One kind of row, and how the rows are read from what is and from what was paid."""

    row: type[tuple[Any, ...]]
    read: Callable[[State, Told], Iterable[Any]]


TABLES: dict[str, Table] = {
    "margin": Table(standings.MarginRow, lambda state, _: standings.margins(state)),
    "exposure": Table(standings.ExposureRow, lambda state, _: standings.exposures(state)),
    "positions": Table(standings.PositionRow, lambda state, _: standings.positions(state)),
    "escrow": Table(standings.EscrowRow, lambda state, _: standings.escrows(state)),
    "members": Table(standings.MemberRow, lambda state, _: standings.members(state)),
    "stress": Table(stress.StressRow, lambda state, _: stress.stresses(state)),
    "cover": Table(stress.CoverRow, lambda state, _: stress.covers(state)),
    "groups": Table(stress.GroupRow, lambda state, _: stress.group_losses(state)),
    "waterfall": Table(stress.LayerRow, lambda state, _: stress.waterfall(state)),
    "cycle": Table(settlement.CycleRow, lambda state, _: settlement.cycles(state)),
    "fails": Table(settlement.FailRow, lambda state, _: settlement.fails(state)),
    "paid": Table(settlement.PaidRow, lambda _, told: settlement.paid(told)),
    "clearings": Table(settlement.ClearingRow, lambda _, told: settlement.clearings(told)),
    "totals": Table(balances.TotalRow, lambda state, _: balances.totals(state)),
    "balance": Table(balances.BalanceRow, lambda state, _: balances.balances(state)),
}


class RiskReport(NamedTuple):
    """The rows of some tables at one instant, and what is needed to read them."""

    time: Time
    mode: ClearingMode
    scale: int  # of the settlement asset: its unit is 10**scale minor units
    rows: dict[str, list[Any]]


# --- at an instant --------------------------------------------------------------------------------------


def tables(
    source: Path | Exchange, at: Time | str | None = None, told: Iterable[Entry] = ()
) -> "dict[str, pa.Table]":
    """Every table by name as a data frame of Arrow; `.to_pandas()` makes one of pandas.

    `source` is the folder of a run, of which the instant `at` is shown (nanoseconds, or text as for `--at`; the
    end if None), or an exchange as it stands. An exchange keeps no record: `told` are its entries so far, and
    without them `paid` and `clearings` are empty. Raises RiskReportError, or what replaying raises.
    """
    if isinstance(source, Exchange):
        if at is not None:
            raise RiskReportError(
                "an exchange is shown as it stands, not at another time; leave `at` out, or name a run folder"
            )
        return frames(_read(source, _payments(told), tuple(TABLES)))
    return frames(report_of(source, at))


def report_of(folder: Path, at: Time | str | None = None, sheet: str | None = None) -> RiskReport:
    """The tables of one sheet, or all of them, at an instant of a kept run; the run is replayed to its end."""
    names = _names(sheet)
    retelling = Retelling(folder)
    told: list[Entry] = []
    instant = None if at is None else _instant(at, retelling.world)
    if instant is None:
        for entries in retelling.to_the_end():
            told += _payments(entries)
        return _read(retelling.exchange, tuple(told), names)
    for entries in retelling.until(instant):
        told += _payments(entries)
    report = _read(retelling.exchange, tuple(told), names)
    for _ in retelling.to_the_end():
        pass  # only a replay that ends as the run did was the run on its way
    return report._replace(time=instant)


def _names(sheet: str | None) -> tuple[str, ...]:
    if sheet is None:
        return tuple(TABLES)
    if sheet not in SHEETS:
        raise RiskReportError(f"there is no table {sheet!r}; choose one of {', '.join(SHEETS)}")
    return SHEETS[sheet]


def _payments(entries: Iterable[Entry]) -> Told:
    return tuple(entry for entry in entries if isinstance(entry.event, _PAYMENTS))


def _read(exchange: Exchange, told: Told, names: Iterable[str]) -> RiskReport:
    state = exchange.state
    cash = state.regime.cash.settlement_asset if state.regime else None
    return RiskReport(
        time=state.now,
        mode=ClearingMode.RISK if state.covers.margin else ClearingMode.FULL,
        scale=0 if cash is None else balances.scale_of(cash, state),
        rows={name: list(TABLES[name].read(state, told)) for name in names},
    )


def _instant(at: Time | str, world: World) -> Time:
    """A time of the run's day, or a moment with its date, both UTC. Raises RiskReportError."""
    instant = _moment(at, world.opens - world.opens % DAY) if isinstance(at, str) else at
    if not world.starts <= instant <= world.ends:
        raise RiskReportError(
            f"{told_time(instant)} is not in the run, which goes from {told_time(world.starts)} to "
            f"{told_time(world.ends)} UTC; choose a time in between, or none for the end"
        )
    return instant


def _moment(text: str, midnight: Time) -> Time:
    """A time alone is of the day that begins at `midnight`; one without an offset is UTC."""
    day = datetime.fromtimestamp(midnight // SECOND, UTC).date()
    try:
        stated = datetime.fromisoformat(text if "-" in text else f"{day}T{text}")
    except ValueError:
        raise RiskReportError(
            f"{text!r} is no time; write 13:30:00, or 2026-12-18T13:30:00 with the day, both UTC"
        ) from None
    moment = stated.replace(tzinfo=stated.tzinfo or UTC)
    return moment_of(moment) + moment.microsecond * 1_000


def told_time(instant: Time) -> str:
    """Date and time to the second, UTC."""
    return f"{datetime.fromtimestamp(instant // SECOND, UTC):%Y-%m-%d %H:%M:%S}"


# --- as data frames -------------------------------------------------------------------------------------


def frames(report: RiskReport) -> "dict[str, pa.Table]":
    """One Arrow table a table: columns are the fields of its rows, whole numbers stay whole, None is null."""
    import pyarrow as pa

    return {
        name: pa.Table.from_pylist(
            [_plain(dict(zip(_fields(name), row, strict=True))) for row in rows], _schema(name)
        )
        for name, rows in report.rows.items()
    }


def write_csv(report: RiskReport, folder: Path) -> list[Path]:
    """One file a table, amounts in minor units; the paths. Files that are there already are replaced."""
    from pyarrow import csv

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, frame in frames(report).items():
        paths.append(folder / f"{name}.csv")
        csv.write_csv(frame, paths[-1])
    return paths


def _fields(name: str) -> tuple[str, ...]:
    return tuple(get_type_hints(TABLES[name].row))


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Enum) else value for name, value in row.items()}


def _schema(name: str) -> "pa.Schema":
    import pyarrow as pa

    types = {int: pa.int64(), bool: pa.bool_()}
    hints = get_type_hints(TABLES[name].row)
    return pa.schema([(field, types.get(_kind(hint), pa.string())) for field, hint in hints.items()])


def _kind(hint: Any) -> Any:
    """The plain type of a field: without None."""
    (kind,) = [part for part in get_args(hint) or (hint,) if part is not NoneType]
    return kind

"""Runs and comparisons as pandas data frames, for those who analyse them.

Whole numbers stay whole, in the units of the record (prices in ticks, quantities in lots, money in kopecks, time in
nanoseconds since 1970 UTC); columns that end in `_rub` are the same in roubles, and `at` is the time as a date.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from exchange.events import OrderAccepted, OrderCanceled, OrderFilled, TradeReported
from scenarios.columns import FORMS, Kind
from scenarios.config.reading import nearest
from scenarios.extras import extra
from scenarios.findings import Findings
from scenarios.measures.measure import ROUBLE, RunView
from scenarios.measures.reading import listings

if TYPE_CHECKING:
    import pandas

    Frame: TypeAlias = pandas.DataFrame
else:
    Frame: TypeAlias = Any


class UnknownKindError(ValueError):
    """No event is called so, as a sentence with the nearest that is."""


def kind_of(name: str | Kind) -> Kind:
    """The kind of event of that name."""
    known = {kind.__name__: kind for kind in FORMS}
    called = name if isinstance(name, str) else getattr(name, "__name__", repr(name))
    if called not in known:
        raise UnknownKindError(f"“{called}” is no kind of event; {nearest(called, known)}.")
    return known[called]


def frame(columns: Mapping[str, Any]) -> Frame:
    """Columns of equal length as a data frame; `time`, if there is one, is told as a date in `at` as well."""
    with extra("analysis", "a data frame"):
        import pandas

    made = pandas.DataFrame(dict(columns))
    if "time" in made:
        place = list(made.columns).index("time") + 1
        made.insert(place, "at", pandas.to_datetime(made["time"], unit="ns", utc=True))
    return made


def events(view: RunView, kind: Kind) -> Frame:
    """One row an event of that kind, in the order of the record."""
    table = view.record.arrow(kind)
    return frame({name: table.column(name).to_pandas() for name in table.column_names})


def trades(view: RunView) -> Frame:
    """One row a trade: `price` in ticks, `quantity` in lots, `taker_side` 1 bought and −1 sold, none in an auction.

    `price_rub` is roubles for one unit of what is traded, `value_rub` roubles for all lots at that price.
    """
    made = events(view, TradeReported)
    tick, tick_value = _terms(view, made)
    made["price_rub"] = made["price"] * tick / ROUBLE
    made["value_rub"] = made["price"] * made["quantity"] * tick_value / ROUBLE
    return made


def orders(view: RunView) -> Frame:
    """One row an accepted order, with what became of it.

    As it came: `price` in ticks, `quantity` in lots, `side` 1 to buy and −1 to sell. `filled` in lots, `fills` how
    many, `fee` in kopecks; `canceled` is when, in nanoseconds, and `cause` why; both are missing where it was not.
    `price_rub` and `average_price_rub` (of its fills) are roubles for one unit of what is traded. Those that were
    refused are the events `OrderRejected`.
    """
    made = events(view, OrderAccepted)
    filled = events(view, OrderFilled)
    filled["_paid"] = filled["price"] * filled["quantity"]
    by_order = filled.groupby("order_id")
    sums = by_order[["quantity", "_paid", "fee"]].sum().rename(columns={"quantity": "filled"})
    sums["fills"] = by_order.size()
    ended = events(view, OrderCanceled).drop_duplicates("order_id", keep="last").set_index("order_id")
    made = made.join(sums, on="order_id")
    whole = ["filled", "fills", "fee"]
    made[whole] = made[whole].fillna(0).astype("int64")
    made["canceled"] = made["order_id"].map(ended["time"]).astype("Int64")
    made["cause"] = made["order_id"].map(ended["cause"])
    tick, _ = _terms(view, made)
    made["price_rub"] = made["price"] * tick / ROUBLE
    made["average_price_rub"] = made.pop("_paid") / made["filled"] * tick / ROUBLE
    made["fee_rub"] = made["fee"] / ROUBLE
    return made


def _terms(view: RunView, made: Frame) -> tuple[Any, Any]:
    """Of each row's instrument: an index unit a tick, and kopecks a tick of a lot."""
    terms = {str(listing.instrument.instrument_id): listing.instrument for listing in listings(view)}
    columns: tuple[Callable[[str], int], ...] = (
        lambda name: terms[name].tick,
        lambda name: terms[name].tick_value,
    )
    tick, tick_value = (made["instrument_id"].map(one).astype("int64") for one in columns)
    return tick, tick_value


def differences(findings: Findings) -> Frame:
    """One row a measure and regime: the regime less the baseline, over the seeds that both have.

    `low` and `high` are the 95% interval, `p` that of the paired test and `p_holm` the same corrected for all measures
    of its family (`main` ones and the others apart); `verdict` in words; `smallest_seen` is the difference that so many
    pairs would have shown four times in five. In the measure's own `unit`.
    """
    rows = [
        {
            "measure": finding.measure.name,
            "title": finding.measure.title,
            "group": finding.measure.group,
            "unit": finding.measure.unit,
            "regime": regime,
            "baseline_mean": contrast.compared.mean_baseline,
            "mean": contrast.compared.mean_other,
            "difference": contrast.compared.difference,
            "low": contrast.compared.low,
            "high": contrast.compared.high,
            "p": contrast.compared.p_value,
            "p_holm": contrast.adjusted_p,
            "verdict": contrast.verdict.value,
            "pairs": contrast.compared.n,
            "same_way": contrast.same_way,
            "smallest_seen": contrast.compared.smallest_detectable,
        }
        for finding in findings.rows
        for regime, contrast in finding.contrasts.items()
    ]
    return frame({name: [row[name] for row in rows] for name in rows[0]} if rows else {})

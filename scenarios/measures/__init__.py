"""Measures: numbers read off the record of a run, and nothing else. docs/measures.md lists them all."""

from scenarios.measures import (
    access,
    cash_leg,
    concentration,
    defaults,
    finality,
    house,
    investors,
    liquidity,
    money_cost,
    movement,
    price_quality,
    redemption,
)
from scenarios.measures.measure import Measure, RunView
from scenarios.measures.outcomes import admitted_by_decile, outcomes
from scenarios.measures.timeline import timeline

__all__ = [
    "MEASURES",
    "Measure",
    "RunView",
    "admitted_by_decile",
    "measure_run",
    "measures_table",
    "outcomes",
    "timeline",
]

MEASURES: tuple[Measure, ...] = (
    *access.MEASURES,
    *liquidity.MEASURES,
    *price_quality.MEASURES,
    *investors.MEASURES,
    *concentration.MEASURES,
    *house.MEASURES,
    *defaults.MEASURES,
    *cash_leg.MEASURES,
    *movement.MEASURES,
    *redemption.MEASURES,
    *money_cost.MEASURES,
    *finality.MEASURES,
)


def measure_run(view: RunView) -> dict[str, float]:
    """Every measure by its name; nan where a measure means nothing in this run."""
    return {measure.name: float(measure.function(view)) for measure in MEASURES}


CLOSED_HOURS = """### Closed hours

Spreads, depth, price impact, illiquidity, one-sided time, the gaps to the index and at the fixing, and everything that
is read off returns are of **trading time** alone: while a session is open and the series trades in it, from listing to
expiry. While the venue is closed, a series is suspended or its trading has ended, neither a quote nor an empty book
counts; no return and no ten-minute bar is over such a break, and a price or a report of depth from before it says
nothing of the time after it. What stands on the book when trading begins again can be traded with, and counts. A call
is trading time without two sides. A series that nobody may trade has no market, and no trading time. How much of its
sessions was lost to suspensions is a measure of its own, `halted_time`.

Positions, collateral, margin and money do not rest when the market does: measures of them are of **all time**, from the
opening of the run to its close, and every wait is by the clock.
"""


def measures_table() -> str:
    """The rule of closed hours and the measures, as docs/measures.md has them, one table a group."""
    groups = dict.fromkeys(measure.group for measure in MEASURES)
    return "\n\n".join([CLOSED_HOURS.rstrip(), *(_group_table(group) for group in groups)]) + "\n"


def _group_table(group: str) -> str:
    rows = [
        f"| `{m.name}` | {m.title} | {m.unit} | {m.span.words} | {m.formula.replace('|', chr(92) + '|')} "
        f"| {m.better or ''} | {m.published_by} |"
        for m in MEASURES
        if m.group == group
    ]
    head = [
        "| name | measure | unit | values | formula | better | who publishes such a figure |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([f"### {group.capitalize()}", "", *head, *rows])

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


def measures_table() -> str:
    """The measures as the tables of docs/measures.md, one a group."""
    groups = dict.fromkeys(measure.group for measure in MEASURES)
    return "\n\n".join(_group_table(group) for group in groups) + "\n"


def _group_table(group: str) -> str:
    rows = [
        f"| `{m.name}` | {m.title} | {m.unit} | {m.formula.replace('|', chr(92) + '|')} "
        f"| {m.better or ''} | {m.published_by} |"
        for m in MEASURES
        if m.group == group
    ]
    head = [
        "| name | measure | unit | formula | better | who publishes such a figure |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([f"### {group.capitalize()}", "", *head, *rows])

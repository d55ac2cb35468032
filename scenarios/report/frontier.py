"""The section of the report on a sweep: access against harm, value by value. All its texts are in `TEXTS`."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from scenarios.findings import Finding
from scenarios.frontier import Frontier, Point
from scenarios.language import N_, _
from scenarios.report.background import Face
from scenarios.report.drawing import Figure, axis_of, axis_title, layout_of, ticks_of
from scenarios.statistics import FEWEST_PAIRS
from scenarios.wording import level, level_interval, written

NAME = "sweep"
TEXTS = {
    "title": N_("What the threshold does: access against harm"),
    "lead": N_(
        "What the rules say of {about} was given several values; each is a regime of this comparison, and the "
        "number is an assumption there. To the right more people are let in; further up there is more harm. A value is "
        "on the frontier, and drawn full, if no other lets in as many and does less harm, by the means; where the bars "
        "of two values overlap, their order is not sure."
    ),
    "value": N_("Value"),
    "stands": N_("{label} (as it stands)"),
    "frontier": N_("On the frontier"),
    "yes": N_("yes"),
    "no": N_("no"),
    "cell": N_("{mean} ({interval})"),
    "nothing": N_(
        "No measure of harm says anything in these runs, so there is nothing to hold access against."
    ),
    "alt": N_("{access} against {harm}."),
    "unset": N_("not set"),
}


class Section(NamedTuple):
    title: str
    lead: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    figure: Figure | None
    nothing: str


def section_of(frontier: Frontier | None, known: Sequence[Face], seeds: int) -> Section | None:
    """None where nothing was swept; no chart where there are too few seeds for intervals, or nothing to hold access
    against."""
    if frontier is None:
        return None
    findings = (*frontier.access, *frontier.harm)
    head = (_(TEXTS["value"]), *(_(finding.measure.title) for finding in findings), _(TEXTS["frontier"]))
    rows = [
        (
            _label(point, frontier),
            *(_cell(finding, point) for finding in findings),
            _(TEXTS["yes" if point.on_frontier else "no"]),
        )
        for point in frontier.points
    ]
    drawn = frontier.access and frontier.harm and seeds >= FEWEST_PAIRS
    return Section(
        title=_(TEXTS["title"]),
        lead=_(TEXTS["lead"]).format(about=frontier.about),
        head=head,
        rows=rows,
        figure=_figure(frontier, known, head, rows) if drawn else None,
        nothing="" if frontier.harm else _(TEXTS["nothing"]),
    )


def _label(point: Point, frontier: Frontier) -> str:
    label = point.label
    if point.as_it_stands:
        label = _(TEXTS["stands"]).format(label=label)
    several = len({one.base for one in frontier.points}) > 1
    return f"{point.base}: {label}" if several else label


def _values_in_short(point: Point) -> str:
    """ "24m": for a chart, where there is little room; the table has the whole number."""
    return ", ".join(
        _(TEXTS["unset"]) if value is None else written(value, trimmed=True)[0]
        for value in point.values.values()
    )


def _cell(finding: Finding, point: Point) -> str:
    return _(TEXTS["cell"]).format(
        mean=level(finding, point.regime), interval=level_interval(finding, point.regime)
    )


def _figure(
    frontier: Frontier, known: Sequence[Face], head: Sequence[str], rows: Sequence[Sequence[str]]
) -> Figure:
    access, harm = frontier.access[0].measure, frontier.harm[0].measure
    faces = {face.name: face for face in known}
    bases = list(dict.fromkeys(point.base for point in frontier.points))
    traces = [
        _trace(
            [point for point in frontier.points if point.base == base], faces[base], access.name, harm.name
        )
        for base in bases
    ]
    layout = layout_of(
        420,
        margin={"l": 4, "r": 72, "t": 24, "b": 8},
        xaxis=axis_of(
            ticksuffix=_("{n}%").format(n="") if access.unit == "%" else "", title=axis_title(_(access.title))
        ),
        yaxis=axis_of(
            **ticks_of(0, _highest(frontier, harm.name), _("{n}%") if harm.unit == "%" else "{n}"),
            rangemode="tozero",
            title=axis_title(_(harm.title)),
        ),
    )
    alt = _(TEXTS["alt"]).format(access=_(access.title), harm=_(harm.title))
    told = " ".join(f"{row[0]}: {row[1]}, {row[1 + len(frontier.access)]}." for row in rows)
    return Figure(NAME, f"{alt} {told}", {"data": traces, "layout": layout}, 420, head, rows)


def _trace(points: Sequence[Point], face: Face, access: str, harm: str) -> dict[str, Any]:
    """The points of one regime, joined in the order of the values if one number was swept."""
    return {
        "type": "scatter",
        "mode": "lines+markers+text" if len(points[0].values) == 1 else "markers+text",
        "x": [_known(point.levels[access].mean) for point in points],
        "y": [_known(point.levels[harm].mean) for point in points],
        "text": [_values_in_short(point) for point in points],
        "textposition": "top center",
        "cliponaxis": False,
        "error_x": _bars(points, access, face),
        "error_y": _bars(points, harm, face),
        "line": {"color": face.colour, "width": 1, "dash": face.dash},
        "marker": {
            "color": face.colour,
            "size": 11,
            "symbol": [face.symbol if point.on_frontier else f"{face.symbol}-open" for point in points],
        },
        "hovertemplate": "<b>%{text}</b><extra></extra>",
    }


def _bars(points: Sequence[Point], measure: str, face: Face) -> dict[str, Any]:
    levels = [point.levels[measure] for point in points]
    return {
        "type": "data",
        "array": [_known(level.high - level.mean) for level in levels],
        "arrayminus": [_known(level.mean - level.low) for level in levels],
        "color": face.colour,
        "thickness": 1.2,
        "width": 4,
    }


def _highest(frontier: Frontier, measure: str) -> float:
    """The upper end of the highest bar that is known."""
    highs = [point.levels[measure].high for point in frontier.points]
    return max((high for high in highs if not math.isnan(high)), default=0.0)


def _known(number: float) -> float | None:
    """A chart has no word for nan: what is unknown is left out of it."""
    return None if math.isnan(number) else number

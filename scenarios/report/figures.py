"""The charts of the report: what plotly draws, and beside it the same numbers as a table and in words.

What they are made of lies in `scenarios.report.drawing`; those of the settlement money in `money`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exchange.units import HOUR
from scenarios.cells import Cell
from scenarios.findings import Contrast, Finding, Findings
from scenarios.language import N_, _, numeral, plural
from scenarios.report.background import Face, Mark
from scenarios.report.drawing import (
    BESIDE_AN_AXIS,
    GAP,
    INK,
    LINE,
    Course,
    Figure,
    Floats,
    axis_of,
    axis_title,
    course_of,
    heading_of,
    hidden_axis,
    hour,
    hours_of,
    layout_of,
    note_of,
    sampled,
    ticks_of,
    upright,
)
from scenarios.statistics import FEWEST_PAIRS, Verdict, mean_interval
from scenarios.wording import (
    VERDICTS,
    arrow,
    difference,
    difference_interval,
    exactly_the_same,
    level,
    listed,
    percent,
    percent_of,
    spoken,
    written,
)

# --- differences from the baseline ----------------------------------------------------------------------

_BARS = 0.62  # of the width; the numbers stand in the rest


def differences(rows: Sequence[Finding], findings: Findings, known: Sequence[Face]) -> Figure:
    """A forest plot. Each measure has a scale of its own, and all share the line of no difference."""
    others = [face for face in known if not face.baseline]
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    baselines: list[dict[str, Any]] = []
    height = 0.0
    for finding in rows:
        title, label = heading_of(_(finding.measure.title))
        notes.append(note_of(title, x=0, xref="paper", xanchor="left", y=height + label / 2 - 1))
        height += label
        baselines.append(upright(0, height, height + LINE * len(others)))
        for face in others:
            bar, note = _interval_line(finding, face, height + LINE / 2)
            traces += bar
            notes.append(note)
            height += LINE
        height += GAP
    plot = {
        "data": traces,
        "layout": layout_of(
            int(height),
            xaxis=hidden_axis(range=[-1.08, 1.08], domain=[0, _BARS]),
            yaxis=hidden_axis(range=[height, 0]),
            annotations=notes,
            shapes=baselines,
        ),
    }
    return Figure(
        name="differences",
        alt=_("Differences from {baseline} in {measures}, with 95% intervals. {tally}").format(
            baseline=known[0].short,
            measures=plural(len(rows), "{n} measure", "{n} measures"),
            tally=" ".join(_tally(rows, face) for face in others),
        ),
        plot=plot,
        height=int(height),
        head=(
            _("Measure"),
            _("Regime"),
            _("Difference"),
            _("95% interval"),
            _("Verdict"),
            _("Same direction in"),
            _("By chance alone"),
        ),
        rows=[
            (
                _(finding.measure.title),
                face.short,
                difference(finding, face.name),
                difference_interval(finding, face.name),
                spoken(finding.contrasts[face.name]),
                same_way(finding.contrasts[face.name]),
                chance(finding.contrasts[face.name]),
            )
            for finding in rows
            for face in others
        ],
    )


def _reach(finding: Finding) -> float:
    """The largest distance from 0 in a row; it becomes the whole half-width."""
    ends = [
        abs(end)
        for contrast in finding.contrasts.values()
        for end in (contrast.compared.low, contrast.compared.high, contrast.compared.difference)
        if np.isfinite(end)
    ]
    return max(ends, default=0.0) or 1.0


def _interval_line(finding: Finding, face: Face, y: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    contrast, reach = finding.contrasts[face.name], _reach(finding)
    compared = contrast.compared
    column = {"x": 1, "xref": "paper", "xanchor": "right", "align": "right", "y": y}
    if contrast.verdict in (Verdict.NO_VERDICT, Verdict.NOT_COMPARABLE):
        few = contrast.verdict is Verdict.NO_VERDICT
        return [], note_of(_("too few runs") if few else spoken(contrast), **column)
    low, mid, high = (end / reach for end in (compared.low, compared.difference, compared.high))
    seen = contrast.verdict is not Verdict.NO_DIFFERENCE_SEEN
    words = f"{arrow(contrast)} {difference(finding, face.name)}"
    if exactly_the_same(contrast):
        words = spoken(contrast)
    hover = (
        f"<b>{face.short}</b><br>{_(finding.measure.title)}: {difference(finding, face.name)}"
        f"<br>{_('95% interval')}: {difference_interval(finding, face.name)}<br>{spoken(contrast)}"
    )
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [low, high],
            "y": [y, y],
            "line": {"color": face.colour, "width": 4},
            "opacity": 1 if seen else 0.45,
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "cliponaxis": False,
            "x": [mid],
            "y": [y],
            "marker": {
                "color": face.colour,
                "size": 11,
                "symbol": face.symbol if seen else f"{face.symbol}-open",
                "line": {"color": face.colour, "width": 2},
            },
            "hovertemplate": f"{hover}<extra></extra>",
        },
    ]
    return traces, note_of(words, **column)


def _tally(rows: Sequence[Finding], face: Face) -> str:
    verdicts = [finding.contrasts[face.name].verdict for finding in rows]
    parts = [
        f"{verdicts.count(verdict)} {_(VERDICTS[verdict])}"
        for verdict in (Verdict.HIGHER, Verdict.LOWER, Verdict.NO_DIFFERENCE_SEEN)
    ]
    return f"{face.short}: {listed(parts)}."


def same_way(contrast: Contrast) -> str:
    """In how many pairs of runs the difference had the sign of the mean difference."""
    return _("{these} of {runs}").format(
        these=contrast.same_way, runs=plural(contrast.compared.n, "{n} run", "{n} runs")
    )


def chance(contrast: Contrast) -> str:
    """How often chance alone would show such a difference; corrected for all that are shown."""
    return by_chance(contrast.adjusted_p)


def by_chance(p: float) -> str:
    """ "4.5%", "under 0.1%"; a dash where nobody can tell."""
    if not np.isfinite(p):
        return "–"
    if p < 0.001:
        return _("under {share}").format(share=percent_of(numeral("0.1")))
    return percent_of(numeral(f"{100 * p:.1f}"))


# --- who is let in --------------------------------------------------------------------------------------

DECILES = range(1, 11)


def let_in(cells: Sequence[Cell], known: Sequence[Face]) -> Figure | None:
    """Percent of each wealth decile's investors who are let in, mean over the runs."""
    shares = {face.name: _shares_by_decile(_of(cells, face)) for face in known}
    if not all(share.size for share in shares.values()):
        return None
    means = {
        name: [mean_interval(column, possible=(0, 100)) for column in share.T]
        for name, share in shares.items()
    }
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": face.short,
            "x": list(DECILES),
            "y": [_plain(found.mean) for found in means[face.name]],
            "line": {"color": face.colour, "width": 2.5, "dash": face.dash},
            "marker": {"symbol": face.symbol, "size": 9},
            "hovertemplate": f"<b>{face.short}</b><br>"
            + _("tenth {x} of 10: {y}% let in").format(x="%{x}", y="%{y:.0f}")
            + "<extra></extra>",
        }
        for face in known
    ]
    layout = layout_of(
        360,
        margin={"l": 4, "r": 12, "t": 12, "b": 8},
        xaxis=axis_of(
            range=[0.6, 10.4],
            showgrid=False,
            tickvals=list(DECILES),
            title=axis_title(_("tenths, from the poorest to the richest")),
        ),
        yaxis=axis_of(range=[-3, 103], **ticks_of(0, 100, _("{n}%"))),
    )
    return Figure(
        name="let_in",
        alt=" ".join(
            (_("Percent let in by wealth."), *(_from_poorest_to_richest(face, means) for face in known))
        ),
        plot={"data": traces, "layout": layout},
        height=360,
        head=(_("Tenth of the population"), *(face.short for face in known)),
        rows=[
            (_decile(decile), *(percent(means[face.name][decile - 1].mean) for face in known))
            for decile in DECILES
        ],
    )


def _shares_by_decile(cells: Sequence[Cell]) -> Floats:
    """One row a run, one column a decile; nan for a decile with nobody in it."""
    rows = []
    for cell in cells:
        if not {"wealth_decile", "admitted"} <= cell.outcomes.keys():
            continue
        decile, admitted = column(cell, "wealth_decile"), column(cell, "admitted")
        of_population = _investors(cell)
        counts = [of_population & (decile == at) for at in DECILES]
        rows.append([100 * admitted[who].mean() if who.any() else np.nan for who in counts])
    return np.array(rows)


def column(cell: Cell, name: str) -> Floats:
    """A column of numbers or truths of a cell's outcomes; what is unknown is nan."""
    return np.array(cell.outcomes[name], dtype=np.float64)


def _investors(cell: Cell) -> npt.NDArray[np.bool_]:
    if "investor" in cell.outcomes:
        return column(cell, "investor") > 0
    return column(cell, "wealth_decile") > 0


def _of(cells: Iterable[Cell], face: Face) -> list[Cell]:
    return [cell for cell in cells if cell.regime_id == face.name]


def _from_poorest_to_richest(face: Face, means: dict[str, Any]) -> str:
    first, last = means[face.name][0].mean, means[face.name][-1].mean
    return _("{name}: {first} of the poorest tenth, {last} of the richest.").format(
        name=face.short, first=percent(first), last=percent(last)
    )


def _decile(decile: int) -> str:
    return {1: _("1 (poorest)"), 10: _("10 (richest)")}.get(decile, str(decile))


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# --- who loses ------------------------------------------------------------------------------------------

_PERCENTILES = (5, 25, 50, 75, 95)


class Spread(NamedTuple):
    """The results of one class under one regime, in percent of what each owns. Runs are pooled."""

    face: Face
    title: str
    people: float  # who traded, a run
    losing: float  # percent
    percentiles: Floats
    median_result: float  # roubles


def results(cells: Sequence[Cell], known: Sequence[Face]) -> Figure | None:
    """Five percentiles of what people gain or lose, by class."""
    spreads = [spread for face in known for spread in _spreads(_of(cells, face), face)]
    if not spreads:
        return None
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    bottom = 0
    for spread in spreads:
        title, label = heading_of(spread.title)
        notes.append(note_of(title, x=0, xref="paper", xanchor="left", y=bottom + label / 2 - 1))
        traces += _spread_lines(spread, bottom + label + LINE / 2)
        bottom += label + LINE + GAP // 2
    height = bottom + 56
    ends = np.concatenate([spread.percentiles for spread in spreads])
    least, most = min(float(ends.min()), 0.0), max(float(ends.max()), 0.0)
    room = 0.06 * (most - least or 1.0)
    layout = layout_of(
        height,
        margin={"l": 4, "r": 12, "t": 8, "b": 8},
        xaxis=axis_of(
            range=[least - room, most + room],
            ticksuffix=_("{n}%").format(n=""),
            nticks=7,
            title=axis_title(_("gain or loss, in % of what one owns")),
        ),
        yaxis=hidden_axis(range=[bottom, 0]),
        annotations=notes,
        shapes=[upright(0, 0, bottom)],
    )
    return Figure(
        name="results",
        alt=" ".join(
            (
                _("What people gain or lose, in percent of what they own."),
                *(
                    _("{regime}, {who}: half of them between {low} and {high}; {losing} lose.").format(
                        regime=s.face.short,
                        who=s.title,
                        low=percent(s.percentiles[1]),
                        high=percent(s.percentiles[3]),
                        losing=percent(s.losing),
                    )
                    for s in spreads
                ),
            )
        ),
        plot={"data": traces, "layout": layout},
        height=height,
        head=(
            _("Class"),
            _("Regime"),
            _("People a run"),
            _("Who lose"),
            _("Unluckiest twentieth"),
            _("Lower quarter"),
            _("Middle"),
            _("Upper quarter"),
            _("Luckiest twentieth"),
            _("Middle, in RUB"),
        ),
        rows=[
            (
                s.title,
                s.face.short,
                *written(s.people),
                percent(s.losing),
                *(percent_of(value) for value in written(*s.percentiles.tolist(), signed=True)),
                *written(s.median_result, signed=True),
            )
            for s in spreads
        ],
    )


def _spreads(cells: Sequence[Cell], face: Face) -> list[Spread]:
    needed = {"class_id", "traded", "result", "share_of_assets"}
    usable = [cell for cell in cells if needed <= cell.outcomes.keys()]
    if not usable:
        return []
    classes = np.concatenate([np.array(cell.outcomes["class_id"], dtype=object) for cell in usable])
    traded = np.concatenate([_investors(cell) & (column(cell, "traded") > 0) for cell in usable])
    result = np.concatenate([column(cell, "result") for cell in usable])
    share = 100 * np.concatenate([column(cell, "share_of_assets") for cell in usable])
    titles = {one.class_id: _(one.title) for one in face.regime.classes}
    found = []
    for class_id in [*titles, *sorted(set(classes) - titles.keys())]:
        who = traded & (classes == class_id) & np.isfinite(share)
        if who.any():
            found.append(
                Spread(
                    face=face,
                    title=titles.get(class_id, class_id),
                    people=float(who.sum()) / len(usable),
                    losing=100 * float((result[who] < 0).mean()),
                    percentiles=np.percentile(share[who], _PERCENTILES),
                    median_result=float(np.median(result[who])),
                )
            )
    return found


def _spread_lines(spread: Spread, y: float) -> list[dict[str, Any]]:
    p5, p25, middle, p75, p95 = (float(value) for value in spread.percentiles)
    colour = spread.face.colour
    line = {"type": "scatter", "mode": "lines", "y": [y, y], "hoverinfo": "skip"}
    hover = (
        f"<b>{spread.face.short}</b><br>{spread.title}<br>"
        + _("middle {middle}, half of them between {low} and {high}").format(
            middle=percent(middle), low=percent(p25), high=percent(p75)
        )
        + "<br>"
        + _("{share} lose").format(share=percent(spread.losing))
    )
    return [
        {**line, "x": [p5, p95], "line": {"color": colour, "width": 2}},
        {**line, "x": [p25, p75], "line": {"color": colour, "width": 10}, "opacity": 0.55},
        {
            "type": "scatter",
            "mode": "markers",
            "x": [middle],
            "y": [y],
            "marker": {
                "color": colour,
                "size": 12,
                "symbol": spread.face.symbol,
                "line": {"color": "white", "width": 1.5},
            },
            "hovertemplate": f"{hover}<extra></extra>",
        },
    ]


# --- the day as it passes -------------------------------------------------------------------------------


class Panel(NamedTuple):
    """One strip of the timeline. Where nothing leaves `calm` under any regime, it is told and not drawn."""

    series: str
    title: str
    unit: str = "{n}"
    shared: bool = False  # the same under every regime: drawn once
    calm: float | None = None


PANELS = (
    Panel("index", N_("Price outside, RUB for one bitcoin"), shared=True),
    Panel("spread_bp", N_("Cost of a small trade (spread)"), N_("{n} bp")),
    Panel("depth_100bp", N_("Tradable within one percent, RUB")),
    Panel("frozen_share", N_("Coins of the venue that are frozen"), N_("{n}%"), calm=0.0),
    Panel("cash_price", N_("Worth of a rouble of the money, in percent"), N_("{n}%"), calm=100.0),
    Panel("waterfall", N_("Paid by the layers of the waterfall so far, RUB"), calm=0.0),
    Panel("withdrawals_asked", N_("Withdrawals asked for so far"), calm=0.0),
    Panel("withdrawals_completed", N_("Withdrawals completed so far"), calm=0.0),
    Panel("open_interest", N_("Open positions, RUB")),
)
_STRIP, _HEADING = 124, 46


_LABEL = 14  # pixels from one row of labels to the next
_LETTER = 0.01  # of the width of a chart: what a letter of a label takes up


def _free_row(rows_end: list[float], begins: float, width: float) -> int:
    """The first row of labels in which this one does not run into the one before it; `rows_end` is kept up to date."""
    row = next((row for row, end in enumerate(rows_end) if end <= begins), len(rows_end))
    rows_end[row : row + 1] = [begins + width]
    return row


def timeline(cells: Sequence[Cell], known: Sequence[Face], happened: Sequence[Mark]) -> Figure | None:
    """Strips below each other on one clock."""
    timed = [cell for cell in cells if "time" in cell.timeline]
    if not timed:
        return None
    hours, opened = hours_of(timed)
    length = hours.size
    strips = [
        (panel, courses) for panel, courses in _strips(timed, known, length) if not _calm(panel, courses)
    ]
    if not strips:
        return None
    height = (_STRIP + _HEADING) * len(strips) + 44
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    layout = layout_of(height, margin={"l": 4, "r": 12, "t": 4, "b": 8}, hovermode="x")
    share = 1 / len(strips)
    for place, (panel, courses) in enumerate(strips):
        axis = "" if place == 0 else str(place + 1)
        top = 1 - share * place
        heading = share * _HEADING / (_STRIP + _HEADING)
        drawn = courses[:1] if panel.shared else courses
        low, high = _extent(drawn)
        layout[f"yaxis{axis}"] = axis_of(
            domain=[top - share, top - heading],
            range=[low - 0.06 * (high - low), high + 0.06 * (high - low)],
            **ticks_of(low, high, _(panel.unit)),
        )
        notes.append(
            note_of(
                heading_of(_(panel.title), BESIDE_AN_AXIS)[0],
                x=0,
                xref="paper",
                xanchor="left",
                y=top - heading,
                yref="paper",
                yanchor="bottom",
                yshift=4,
            )
        )
        for course in drawn:
            traces += _course_lines(course, hours, f"y{axis}", panel, alone=panel.shared)
    layout["xaxis"] = axis_of(
        anchor=f"y{'' if len(strips) == 1 else len(strips)}",
        showgrid=False,
        title=axis_title(_("hours from the opening")),
        range=[0, float(hours[-1])],
    )
    layout["annotations"], layout["shapes"] = notes, []
    rows_end: list[float] = []  # where the last label of each row of labels ends
    for mark in happened:
        at = (mark.time - opened) / HOUR
        if 0 <= at <= hours[-1]:
            late = at > 0.7 * hours[-1]
            width = _LETTER * len(_(mark.words)) * float(hours[-1])
            row = _free_row(rows_end, at - width if late else at, width)
            layout["shapes"].append(
                upright(at, 0, 1, yref="paper", line={"color": INK, "dash": "dot", "width": 1})
            )
            notes.append(
                note_of(_(mark.words), x=at, y=1, yref="paper", yanchor="top", xanchor="right" if late else "left",
                      font={"size": 12, "color": INK}, yshift=2 - _LABEL * row)
            )  # fmt: skip
    return Figure(
        name="timeline",
        alt=" ".join(
            (_("The day hour by hour, mean of the runs."), *(_extremes(p, courses) for p, courses in strips))
        ),
        plot={"data": traces, "layout": layout},
        height=height,
        head=(_("Series"), _("Regime"), *(hour(hours[at]) for at in sampled(hours))),
        rows=[
            (
                _(panel.title),
                _("every regime") if panel.shared else course.face.short,
                *written(*(float(course.mean[at]) for at in sampled(hours))),
            )
            for panel, courses in strips
            for course in (courses[:1] if panel.shared else courses)
        ],
    )


def calm_panels(cells: Sequence[Cell], known: Sequence[Face]) -> list[str]:
    """What stayed as it was under every regime, in words: "“Coins of the venue that are frozen” (0%)"."""
    timed = [cell for cell in cells if "time" in cell.timeline]
    length = min((len(cell.timeline["time"]) for cell in timed), default=0)
    return [
        _("“{title}” ({value})").format(
            title=_(panel.title), value=_(panel.unit).format(n=written(panel.calm)[0])
        )
        for panel, courses in _strips(timed, known, length)
        if panel.calm is not None and _calm(panel, courses)
    ]


def _strips(timed: Sequence[Cell], known: Sequence[Face], length: int) -> list[tuple[Panel, list[Course]]]:
    found = [
        (panel, [course for face in known if (course := course_of(timed, face, panel.series, length))])
        for panel in PANELS
    ]
    return [(panel, courses) for panel, courses in found if courses]


def _calm(panel: Panel, courses: Sequence[Course]) -> bool:
    ends = np.concatenate([band for course in courses for band in (course.low, course.high)])
    return panel.calm is not None and bool((ends[np.isfinite(ends)] == panel.calm).all())


def _extent(courses: Sequence[Course]) -> tuple[float, float]:
    """The lowest and the highest value of all bands; from 0 where nothing is far from it."""
    ends = np.concatenate([band for course in courses for band in (course.low, course.high)])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    if 0 <= low < 0.6 * high:
        low = 0.0
    return (low, high) if high > low else (low, low + 1.0)


def _course_lines(
    course: Course, hours: Floats, axis: str, panel: Panel, *, alone: bool
) -> list[dict[str, Any]]:
    """The shade of the band and the line; both break off where nothing is known."""
    face = course.face
    edge = {"type": "scatter", "mode": "lines", "yaxis": axis, "hoverinfo": "skip", "line": {"width": 0}}
    shade = {"fill": "tonexty", "fillcolor": _faint(face.colour)}
    name = _("every regime") if alone else face.short
    hover = f"{name}: {_(panel.unit).format(n='%{customdata}')}<extra></extra>"
    bands: list[dict[str, Any]] = []
    for stretch in _unbroken(np.isfinite(course.mean)):
        there = [round(float(hour), 3) for hour in hours[stretch]]
        bands.append({**edge, "x": there, "y": _rounded(course.low[stretch])})
        bands.append({**edge, "x": there, "y": _rounded(course.high[stretch]), **shade})
    return [
        *bands,
        {
            "type": "scatter",
            "mode": "lines",
            "yaxis": axis,
            "x": [round(float(hour), 3) for hour in hours],
            "y": [_plain(value) for value in _rounded(course.mean)],
            "customdata": [written(float(value))[0] for value in course.mean],
            "line": {"color": face.colour, "width": 2.2, "dash": face.dash},
            "hovertemplate": hover,
        },
    ]


def _unbroken(known: npt.NDArray[np.bool_]) -> list[slice]:
    """Each stretch without a gap in it."""
    turns = np.flatnonzero(np.diff(known, prepend=False, append=False)).tolist()
    return [slice(begins, ends) for begins, ends in zip(turns[::2], turns[1::2], strict=True)]


def _rounded(values: Floats) -> list[float]:
    """Five digits are plenty for a line, and keep the page small."""
    return [float(f"{value:.5g}") for value in values]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def _extremes(panel: Panel, courses: Sequence[Course]) -> str:
    shown = courses[:1] if panel.shared else courses
    parts = []
    for course in shown:
        known = course.mean[np.isfinite(course.mean)]
        low, high = written(float(known.min()), float(known.max()))
        span = _("{low} to {high}").format(low=low, high=high)
        parts.append(span if panel.shared else f"{course.face.short} {span}")
    return f"{_(panel.title)}: {listed(parts)}."


# --- access against harm --------------------------------------------------------------------------------

ACCESS_AXIS, HARM_AXIS = "admitted_share", "total_losses"
FEWEST_FOR_FRONTIER = 4  # regimes: fewer points show no frontier


def frontier(findings: Findings, known: Sequence[Face]) -> Figure | None:
    """One point a regime: how many are let in, and how much investors lose."""
    axes = findings.named((ACCESS_AXIS, HARM_AXIS))
    if len(axes) < 2 or len(known) < FEWEST_FOR_FRONTIER or findings.seeds < FEWEST_PAIRS:
        return None
    access, harm = axes
    traces = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [access.levels[face.name].mean],
            "y": [harm.levels[face.name].mean],
            "text": [face.short],
            "textposition": "top center",
            "error_x": _bars(access, face),
            "error_y": _bars(harm, face),
            "marker": {"color": face.colour, "size": 13, "symbol": face.symbol},
            "hovertemplate": f"<b>{face.short}</b><br>"
            + _("{share} let in").format(share=level(access, face.name))
            + "<br>"
            + _("losses {amount}").format(amount=level(harm, face.name))
            + "<extra></extra>",
        }
        for face in known
    ]
    layout = layout_of(
        420,
        margin={"l": 4, "r": 12, "t": 24, "b": 8},
        xaxis=axis_of(ticksuffix=_("{n}%").format(n=""), title=axis_title(_("investors let in"))),
        yaxis=axis_of(
            **ticks_of(0, max(harm.levels[face.name].high for face in known)),
            rangemode="tozero",
            title=axis_title(_("investors' losses, RUB")),
        ),
    )
    return Figure(
        name="frontier",
        alt=" ".join(
            (
                _("Investors let in against their losses."),
                *(f"{f.short}: {level(access, f.name)}, {level(harm, f.name)}." for f in known),
            )
        ),
        plot={"data": traces, "layout": layout},
        height=420,
        head=(_("Regime"), _(access.measure.title), _(harm.measure.title)),
        rows=[(f.short, level(access, f.name), level(harm, f.name)) for f in known],
    )


def _bars(finding: Finding, face: Face) -> dict[str, Any]:
    found = finding.levels[face.name]
    return {
        "type": "data",
        "array": [found.high - found.mean],
        "arrayminus": [found.mean - found.low],
        "color": face.colour,
        "thickness": 1.2,
        "width": 4,
    }

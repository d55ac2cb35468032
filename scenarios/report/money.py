"""The money itself, side by side: who could move it when, what it was worth, and what it cost whom."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from exchange.units import HOUR
from scenarios.cells import Cell
from scenarios.findings import Findings, money_differs
from scenarios.language import N_, _, numeral
from scenarios.measures.money_cost import CLASSES
from scenarios.measures.movement import Movement
from scenarios.report.background import Face, Mark
from scenarios.report.drawing import (
    INK,
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
from scenarios.wording import level, listed, percent, percent_of, with_unit, written

MOVEMENT, PRICE, PAR = "movement", "cash_price", 100.0


class Look(NamedTuple):
    """How one state of the money is drawn, and said: in the key, and on the strip itself. The less can leave, the
    darker it is, whoever sees it and on whatever paper."""

    state: Movement
    words: str
    on_strip: str
    colour: str
    ink: str


LOOKS = (
    Look(Movement.MOVES, N_("all could leave"), N_("moves"), "#6fcfa4", "#0f2a1f"),
    Look(Movement.GATED, N_("a part could leave"), N_("a part"), "#f0b93a", "#2b1f00"),
    Look(Movement.CLOSED, N_("its keeper was closed"), N_("closed"), "#b9c0c7", "#20262c"),
    Look(Movement.NOTHING, N_("nothing could leave"), N_("nothing"), "#7d1d1d", "#ffffff"),
)
_STOPPED = (
    "gated_time",
    "closed_time",
    "stopped_time",
)  # measures, in the order of the looks beyond the first
_STRIP, _LABEL, _GAP = 30, 24, 12  # pixels
_FEWEST_TO_SAY = 0.13  # of the width: the shortest stretch with room for a word on a phone


class Stay(NamedTuple):
    """Under one regime: the share of runs in each state at each instant, one row a state."""

    face: Face
    shares: Floats

    def time_share(self, state: Movement) -> float:
        """Percent of the whole time, mean over the runs."""
        return float(100 * self.shares[state, :-1].mean()) if self.shares.shape[1] > 1 else 0.0


class Telling(NamedTuple):
    """What the section says of one regime's money in words."""

    face: Face
    when: str
    worth: str
    cost: str


class Bearer(NamedTuple):
    """Who bears a cost, or waits: a part of a bar."""

    measure: str
    words: str
    colour: str


class Money(NamedTuple):
    looks: Sequence[Look]
    bearers: Sequence[Bearer]
    figures: Sequence[Figure]
    tellings: Sequence[Telling]
    differs: bool  # whether regimes settle in different money
    same_stop: bool  # all were stopped, at the same times


def money(
    findings: Findings, cells: Sequence[Cell], known: Sequence[Face], happened: Sequence[Mark]
) -> Money | None:
    """The section, where regimes settle in different money or the money was disturbed; else None."""
    stays = [stay for face in known if (stay := _stay(cells, face)) is not None]
    if len(stays) < len(known) or not (differ(known) or _disturbed(findings, stays)):
        return None
    figures = [_moves(cells, stays, happened), _worth(cells, known), _costs(findings, known)]
    return Money(
        LOOKS,
        BEARERS,
        [figure for figure in figures if figure is not None],
        [_telling(stay, findings) for stay in stays],
        differ(known),
        any(stay.time_share(Movement.NOTHING) > 0 for stay in stays)
        and all(np.array_equal(stay.shares, stays[0].shares) for stay in stays[1:]),
    )


def differ(known: Sequence[Face]) -> bool:
    """Whether regimes settle in different money; several may be of one asset."""
    return money_differs([face.regime for face in known])


def _beside(known: Sequence[Face]) -> str:
    """What the rows of a table are told apart by."""
    return _("Settled in") if differ(known) else _("Regime")


def _disturbed(findings: Findings, stays: Sequence[Stay]) -> bool:
    stopped = any(stay.shares[state].any() for stay in stays for state in (Movement.GATED, Movement.NOTHING))
    below = [finding.levels for finding in findings.named(("peak_discount", *COSTS))]
    return stopped or any(found.n and found.mean > 0 for levels in below for found in levels.values())


def _stay(cells: Sequence[Cell], face: Face) -> Stay | None:
    runs = [
        np.array(cell.timeline[MOVEMENT], dtype=np.float64)
        for cell in cells
        if cell.regime_id == face.name and MOVEMENT in cell.timeline
    ]
    if not runs:
        return None
    length = min(run.size for run in runs)
    states = np.array([run[:length] for run in runs])
    return Stay(face, np.array([(states == state).mean(axis=0) for state in Movement]))


# --- who could move money when --------------------------------------------------------------------------


def _moves(cells: Sequence[Cell], stays: Sequence[Stay], happened: Sequence[Mark]) -> Figure:
    """One strip an asset. Its height is all runs: where they differ, each state takes its share of the height."""
    hours, opened = hours_of(cells)
    hours = hours[: min(stay.shares.shape[1] for stay in stays)]
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    tops: list[float] = []
    bottom = 0.0
    for stay in stays:
        heading, label = heading_of(stay.face.short)
        label -= 2
        notes.append(note_of(heading, x=0, xref="paper", xanchor="left", y=bottom + label / 2))
        bottom += label
        traces += _strip(stay, hours, bottom)
        tops.append(bottom)
        bottom += _STRIP + _GAP
    layout = layout_of(
        int(bottom) + 56,
        margin={"l": 4, "r": 12, "t": 8, "b": 8},
        barmode="overlay",
        xaxis=axis_of(
            range=[0, float(hours[-1])],
            showgrid=False,
            title=axis_title(_("hours from the opening")),
        ),
        yaxis=hidden_axis(range=[bottom, 0]),
        annotations=notes,
        shapes=[
            upright(
                at, top - 4, top + _STRIP + 4, line={"color": INK, "dash": "dot", "width": 1.5}, layer="above"
            )
            for top in tops
            for at in sorted({(mark.time - opened) / HOUR for mark in happened})
            if 0 <= at <= hours[-1]
        ],
    )
    return Figure(
        name="money_moves",
        alt=_("Who could move money when.")
        + " "
        + " ".join(f"{stay.face.short}: {_in_words(stay, hours)}." for stay in stays),
        plot={"data": traces, "layout": layout},
        height=int(bottom) + 56,
        head=(
            _beside([stay.face for stay in stays]),
            *(_(look.words).capitalize() for look in LOOKS),
            _("When"),
        ),
        rows=[
            (
                stay.face.short,
                *(percent(stay.time_share(look.state)) for look in LOOKS),
                _in_words(stay, hours),
            )
            for stay in stays
        ],
    )


def _strip(stay: Stay, hours: Floats, top: float) -> list[dict[str, Any]]:
    """A trace a state: bars, each with its word where the whole height is its own and there is room."""
    traces = []
    spans = _spans(stay, hours)
    for look in LOOKS:
        mine = [span for span in spans if span.shares[look.state] > 0]
        if not mine:
            continue
        traces.append(
            {
                "type": "bar",
                "x": [(span.begins + span.ends) / 2 for span in mine],
                "width": [span.ends - span.begins for span in mine],
                "y": [float(span.shares[look.state]) * _STRIP for span in mine],
                "base": [top + _STRIP * float(span.shares[: look.state].sum()) for span in mine],
                "text": [_word_on(span, look, hours) for span in mine],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "constraintext": "none",
                "textfont": {"size": 12, "color": look.ink},
                "marker": {"color": look.colour, "line": {"width": 0}},
                "customdata": [_span_words(span, look) for span in mine],
                "hovertemplate": f"<b>{stay.face.short}</b><br>%{{customdata}}<extra></extra>",
            }
        )
    return traces


def _word_on(span: "Span", look: Look, hours: Floats) -> str:
    wide = span.ends - span.begins >= _FEWEST_TO_SAY * hours[-1]
    return _(look.on_strip) if wide and span.shares[look.state] == 1 else ""


class Span(NamedTuple):
    """A stretch of hours in which the shares of runs do not change."""

    begins: float
    ends: float
    shares: Floats


def _spans(stay: Stay, hours: Floats) -> list[Span]:
    columns = stay.shares[:, : hours.size]
    new = np.flatnonzero(np.any(columns[:, 1:] != columns[:, :-1], axis=0)) + 1
    starts = [0, *new.tolist()]
    ends = [*new.tolist(), hours.size - 1]
    return [
        Span(float(hours[a]), float(hours[b]), columns[:, a])
        for a, b in zip(starts, ends, strict=True)
        if b > a
    ]


def _span_words(span: Span, look: Look) -> str:
    share = span.shares[look.state]
    told = _("{begins} to {ends} h: {state}").format(
        begins=_clock(span.begins), ends=_clock(span.ends), state=_(look.words)
    )
    if share == 1:
        return told
    return told + _(", in {share} of the runs").format(share=percent_of(f"{100 * share:.0f}"))


def _clock(hours: float) -> str:
    """ "1:00", "52:30": hours and minutes from the opening."""
    minutes = round(hours * 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def _in_words(stay: Stay, hours: Floats) -> str:
    """The strip as text: what most runs were in, stretch by stretch; of a long run the first few."""
    told: list[tuple[Look, float, float]] = []
    for span in _spans(stay, hours):
        look = LOOKS[int(np.argmax(span.shares))]
        if told and told[-1][0] is look:
            told[-1] = (look, told[-1][1], span.ends)
        else:
            told.append((look, span.begins, span.ends))
    if len(told) == 1:
        return _("{state} throughout").format(state=_(told[0][0].words))
    parts = [
        _("{state} from {begins} to {ends} h").format(state=_(look.words), begins=_clock(a), ends=_clock(b))
        for look, a, b in told[:_MOST_TOLD]
    ]
    return "; ".join(parts) + (_("; and so on") if len(told) > _MOST_TOLD else "")


_MOST_TOLD = 9


# --- what it was worth ----------------------------------------------------------------------------------


def _worth(cells: Sequence[Cell], known: Sequence[Face]) -> Figure | None:
    """The price path of each asset, where any of them left par."""
    hours, _opened = hours_of(cells)
    courses = [course for face in known if (course := course_of(cells, face, PRICE, hours.size)) is not None]
    lows = [float(np.nanmin(course.low)) for course in courses]
    if not lows or min(lows) >= PAR:
        return None
    low, high = min(lows), max(PAR, *(float(np.nanmax(course.high)) for course in courses))
    room = 0.08 * (high - low)
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [round(float(hour), 3) for hour in hours],
            "y": [round(float(value), 3) if np.isfinite(value) else None for value in course.mean],
            "line": {"color": course.face.colour, "width": 2.2, "dash": course.face.dash, "shape": "hv"},
            "hovertemplate": f"{course.face.short}: "
            + _("{n}% of par").format(n="%{y:.2f}")
            + "<extra></extra>",
        }
        for course in courses
    ]
    layout = layout_of(
        280,
        margin={"l": 4, "r": 12, "t": 12, "b": 8},
        hovermode="x",
        xaxis=axis_of(
            range=[0, float(hours[-1])], showgrid=False, title=axis_title(_("hours from the opening"))
        ),
        yaxis=axis_of(range=[low - room, high + room], **ticks_of(low, high, _("{n}%"))),
    )
    return Figure(
        name="money_worth",
        alt=_("What one rouble of the money was worth, in percent of a rouble, mean of the runs.")
        + "".join(
            _(" {name}: lowest {price}.").format(name=c.face.short, price=_price(float(np.nanmin(c.mean))))
            for c in courses
        ),
        plot={"data": traces, "layout": layout},
        height=280,
        head=(_beside(known), _("Lowest"), *(hour(hours[at]) for at in sampled(hours))),
        rows=[
            (
                course.face.short,
                _price(float(np.nanmin(course.mean))),
                *(_price(float(course.mean[at])) for at in sampled(hours)),
            )
            for course in courses
        ],
    )


def _price(share: float) -> str:
    return percent_of(numeral(f"{share:.1f}"))


# --- what it cost whom ----------------------------------------------------------------------------------


_COLOURS = ("#0072b2", "#56b4e9", "#cc79a7")
_HOLDERS = tuple(zip(CLASSES, _COLOURS, strict=True))
WAITING = tuple(
    Bearer(f"money_not_there_{holders.name}", holders.title, colour) for holders, colour in _HOLDERS
)
BEARERS = (
    *(Bearer(f"money_cost_{holders.name}", holders.title, colour) for holders, colour in _HOLDERS),
    Bearer("money_cost_house", N_("the house"), "#7b8794"),
    Bearer("money_cost_issuer", N_("the issuer"), "#e69f00"),
)
COSTS = tuple(bearer.measure for bearer in BEARERS)
_BAR = 20


def _costs(findings: Findings, known: Sequence[Face]) -> Figure:
    """Two bars an asset: what had not arrived by the close, and what it cost for good."""
    means = _means(findings, known)
    totals = [
        sum(means[face.name].get(bearer.measure, 0.0) for bearer in bearers)
        for face in known
        for bearers in (WAITING, BEARERS)
    ]
    reach = 2.3 * (
        max(totals, default=0.0) or 1.0
    )  # room beside the longest bar for what it comes to, on a phone
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    bottom = 0.0
    for face in known:
        heading, label = heading_of(face.short)
        notes.append(note_of(heading, x=0, xref="paper", xanchor="left", y=bottom + label / 2))
        bottom += label
        for words, bearers in ((_("not there yet"), WAITING), (_("lost"), BEARERS)):
            traces += _bar(face, bearers, means[face.name], bottom + _BAR / 2)
            total = sum(means[face.name].get(bearer.measure, 0.0) for bearer in bearers)
            notes.append(
                note_of(
                    f"{words}: {written(total)[0]}",
                    x=total,
                    xanchor="left",
                    xshift=6,
                    y=bottom + _BAR / 2,
                    font={"size": 12, "color": INK},
                )
            )
            bottom += _BAR + 4
        bottom += _GAP
    layout = layout_of(
        int(bottom) + 52,
        margin={"l": 4, "r": 12, "t": 8, "b": 8},
        barmode="overlay",
        xaxis=axis_of(range=[0, reach], **ticks_of(0, reach), title=axis_title(_("RUB, mean of the runs"))),
        yaxis=hidden_axis(range=[bottom, 0]),
        annotations=notes,
    )
    return Figure(
        name="money_cost",
        alt=_("What the money cost whom, in roubles.")
        + "".join(f" {face.short}: {_cost_words(face, findings)}." for face in known),
        plot={"data": traces, "layout": layout},
        height=int(bottom) + 52,
        head=(
            _beside(known),
            *(_("Not there yet: {whose}").format(whose=_(bearer.words)) for bearer in WAITING),
            *(_("Lost: {by}").format(by=_(bearer.words)) for bearer in BEARERS),
        ),
        rows=[
            (
                face.short,
                *(_amount(means[face.name].get(bearer.measure)) for bearer in (*WAITING, *BEARERS)),
            )
            for face in known
        ],
    )


def _means(findings: Findings, known: Sequence[Face]) -> dict[str, dict[str, float]]:
    """By regime and measure; what is unknown under a regime is left out."""
    rows = findings.named([bearer.measure for bearer in (*WAITING, *BEARERS)])
    return {
        face.name: {row.measure.name: row.levels[face.name].mean for row in rows if row.levels[face.name].n}
        for face in known
    }


def _bar(face: Face, bearers: Sequence[Bearer], means: dict[str, float], y: float) -> list[dict[str, Any]]:
    traces, at = [], 0.0
    for bearer in bearers:
        amount = means.get(bearer.measure, 0.0)
        if amount <= 0:
            continue
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": [amount],
                "base": [at],
                "y": [y],
                "width": [_BAR - 4],
                "marker": {"color": bearer.colour, "line": {"width": 0}},
                "hovertemplate": f"<b>{face.short}</b><br>{_(bearer.words)}: {_roubles(amount)}<extra></extra>",
            }
        )
        at += amount
    return traces


def _roubles(amount: float) -> str:
    return with_unit(written(amount)[0], "RUB")


def _amount(value: float | None) -> str:
    return "–" if value is None else written(value)[0]


# --- in words -------------------------------------------------------------------------------------------


def _telling(stay: Stay, findings: Findings) -> Telling:
    free, *stops = (_time_in(name, stay.face, findings) for name in ("movable_time", *_STOPPED))
    parts = [
        _("{state} in {share}").format(state=_(look.words), share=percent(share))
        for look, share in zip(LOOKS[1:], stops, strict=True)
        if share > 0
    ]
    when = _("a withdrawal could be made in {share} of the time").format(share=percent(free))
    if parts:
        when += f"; {listed(parts)}"
    return Telling(stay.face, when, _worth_words(stay.face, findings), _cost_words(stay.face, findings))


def _time_in(name: str, face: Face, findings: Findings) -> float:
    """Percent of the time, to the instant, as the measure has it: strips only sample it. 0 where it is unknown."""
    levels = [row.levels[face.name] for row in findings.named((name,))]
    return levels[0].mean if levels and levels[0].n else 0.0


def _worth_words(face: Face, findings: Findings) -> str:
    (deepest,) = findings.named(("peak_discount",))
    if not deepest.levels[face.name].n or deepest.levels[face.name].mean <= 0:
        return _("nobody priced it below par")
    (over_time,) = findings.named(("mean_discount",))
    return _("at worst it was worth {worst} less than a rouble, and {mean} less on average").format(
        worst=level(deepest, face.name), mean=level(over_time, face.name)
    )


def _cost_words(face: Face, findings: Findings) -> str:
    means = _means(findings, [face])[face.name]

    def told(message: str, bearers: Sequence[Bearer], sign: int = 1) -> list[str]:
        return [
            message.format(amount=_roubles(sign * means[bearer.measure]), whom=_(bearer.words))
            for bearer in bearers
            if sign * means.get(bearer.measure, 0.0) > 0
        ]

    first = _("all that was asked back was there by the close")
    if waiting := told(_("{amount} of {whom}"), WAITING):
        first = _("asked back and not there by the close: {amounts}").format(amounts=listed(waiting))
    second = _("nobody lost any of it for good")
    if lost := told(_("{amount} by {whom}"), BEARERS):
        second = _("borne for good: {amounts}").format(amounts=listed(lost))
    parts = [first, second]
    if gained := told(_("{amount} by {whom}"), BEARERS, -1):
        parts.append(_("gained by who bought it below par: {amounts}").format(amounts=listed(gained)))
    return "; ".join(parts)

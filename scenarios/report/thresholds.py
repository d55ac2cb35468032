"""The chart of a reverse stress test: how strong the shock must be, event by event, under each regime."""

from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.language import _, plural
from scenarios.report.background import Face
from scenarios.report.drawing import (
    GAP,
    INK,
    LINE,
    Figure,
    axis_of,
    axis_title,
    heading_of,
    hidden_axis,
    layout_of,
    note_of,
    ticks_of,
    upright,
)
from scenarios.reverse import Answer, Reversed
from scenarios.reverse_words import half, interval, seen_in, shock, sized
from scenarios.stress_events import exhaustions
from scenarios.wording import listed, sentence

NAME = "thresholds"
_BARS = 0.66  # of the width; the numbers stand in the rest
_AXIS = 64  # pixels below the last line
_ROOM = 0.05  # of the scale, on either side
Trace = dict[str, Any]


def seen(found: Reversed) -> list[str]:
    """The events that some seed saw under some regime; nothing can be drawn of the others. That a layer is exhausted
    which never paid anything, under any regime, says that it was empty, and is nothing to draw."""
    happened = dict.fromkeys(one.event for one in found.answers if one.within)
    never_used = exhaustions({one.event for one in found.answers} - set(happened))
    return [event for event in happened if event not in never_used]


def thresholds(found: Reversed, events: Mapping[str, str], known: Sequence[Face]) -> Figure | None:
    """A line a regime under each event that any seed saw; the table has the others as well. None where there is no
    such event."""
    answers = {(one.event, one.regime): one for one in found.answers}
    traces: list[Trace] = []
    notes: list[dict[str, Any]] = []
    height = 0.0
    for event in seen(found):
        heading, label = heading_of(sentence(events[event]))
        notes.append(note_of(heading, x=0, xref="paper", xanchor="left", y=height + label / 2 - 1))
        height += label
        for face in known:
            y, answer = height + LINE / 2, answers.get((event, face.name))
            notes.append(
                note_of(_in_short(answer, found), x=1, xref="paper", xanchor="right", align="right", y=y)
            )
            traces += [] if answer is None else _line(answer, face, y, events[event], found)
            height += LINE
        height += GAP
    if not traces:
        return None
    pixels, room = int(height) + _AXIS, _ROOM * (found.most - found.least)
    layout = layout_of(
        pixels,
        margin={"l": 4, "r": 4, "t": 8, "b": 8},
        xaxis=axis_of(
            range=[found.least - room, found.most + room],
            domain=[0, _BARS],
            **ticks_of(found.least, found.most, _("{n}%") if found.unit == "%" else "{n}"),
            title=axis_title(shock(found) if found.unit == "%" else f"{shock(found)}, {_(found.unit)}"),
        ),
        yaxis=hidden_axis(range=[height, 0]),
        annotations=notes,
        shapes=[upright(found.stands_at, 0, height, line={"color": INK, "width": 1, "dash": "dot"})],
    )
    return Figure(
        name=NAME,
        alt=" ".join((_alt(found, known), *(_in_words(face, found, events) for face in known))),
        plot={"data": traces, "layout": layout},
        height=pixels,
        head=(
            _("Event"),
            _("Regime"),
            _("In half of the seeds"),
            _("95% interval"),
            _("First seed"),
            _("Nine in ten"),
            _("Seen in"),
        ),
        rows=[
            _row(words, face, answers.get((event, face.name)), found)
            for event, words in events.items()
            for face in known
        ],
    )


def _line(answer: Answer, face: Face, y: float, words: str, found: Reversed) -> list[Trace]:
    """The interval as a bar, each seed as a pale sign, and the magnitude for half of the seeds as a full one; hollow,
    and at the end of the scale, where that lies beyond."""
    far = found.most + _ROOM * (found.most - found.least) / 2
    beyond = answer.half is None
    each = [one.smallest for one in answer.thresholds if one.smallest is not None]
    hover = f"<b>{face.short}</b><br>{words}: {half(answer, found)}<br>{seen_in(answer)}"
    if told := interval(answer, found):
        hover += f"<br>{_('95% interval')}: {told}"
    bar: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": [far if end is None else end for end in (answer.low, answer.high)],
        "y": [y, y],
        "line": {"color": face.colour, "width": 4},
        "hoverinfo": "skip",
    }
    seeds: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": each,
        "y": [y] * len(each),
        "marker": {"color": face.colour, "size": 7, "symbol": face.symbol},
        "opacity": 0.4,
        "hoverinfo": "skip",
    }
    middle: Trace = {
        "type": "scatter",
        "mode": "markers",
        "cliponaxis": False,
        "x": [far if answer.half is None else answer.half],
        "y": [y],
        "marker": {
            "color": face.colour,
            "size": 11,
            "symbol": f"{face.symbol}-open" if beyond else face.symbol,
            "line": {"color": face.colour, "width": 2},
        },
        "hovertemplate": f"{hover}<extra></extra>",
    }
    return [bar] * bool(interval(answer, found)) + [seeds] * bool(each) + [middle]


def _in_short(answer: Answer | None, found: Reversed) -> str:
    """ "24.5%", ">50%": for the chart, where there is little room."""
    if answer is None:
        return _("cannot happen")
    return f">{sized(found.most, found)}" if answer.half is None else sized(answer.half, found)


def _row(words: str, face: Face, answer: Answer | None, found: Reversed) -> tuple[str, ...]:
    if answer is None:
        return sentence(words), face.short, _("cannot happen"), "–", "–", "–", "–"
    first, nine = (
        "–" if magnitude is None else sized(magnitude, found)
        for magnitude in (answer.first, answer.nine_tenths)
    )
    return (
        sentence(words),
        face.short,
        half(answer, found),
        interval(answer, found) or "–",
        first,
        nine,
        seen_in(answer),
    )


def _alt(found: Reversed, known: Sequence[Face]) -> str:
    return _("{shock} at which each event happens, under {regimes}, with 95% intervals.").format(
        shock=shock(found), regimes=plural(len(known), "{n} regime", "{n} regimes")
    )


def _in_words(face: Face, found: Reversed, events: Mapping[str, str]) -> str:
    drawn = seen(found)
    mine = [
        f"{events[one.event]} – {half(one, found)}"
        for one in found.answers
        if one.regime == face.name and one.event in drawn
    ]
    return f"{face.short}: {listed(mine) or _('cannot happen')}."

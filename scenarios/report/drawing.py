"""The parts of charts, shared by all of them: axes, texts, lines, and a series over time with its band.

A chart is plain nested lists and dictionaries in plotly's own format, so that plotly itself is needed only for
the script that draws it. Colours are legible on a light and on a dark page.
"""

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exchange.units import HOUR
from scenarios.cells import Cell
from scenarios.language import _, numeral, spoken_language
from scenarios.report.background import Face
from scenarios.wording import written

Floats = npt.NDArray[np.float64]

_TITLE_LINE, _LONGEST = 16, 36  # pixels of a further line, and characters that fit on a phone
BESIDE_AN_AXIS = 26  # characters that do where an axis takes its room
INK = "#66707b"
RULE = "rgba(127,137,148,0.28)"


class Figure(NamedTuple):
    """`plot` is plotly's figure; `head` and `rows` are its numbers as a table, the first column its names."""

    name: str
    alt: str
    plot: dict[str, Any]
    height: int
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def layout_of(height: int, **more: Any) -> dict[str, Any]:
    return {
        "height": height,
        "autosize": True,
        "margin": {"l": 4, "r": 4, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 13, "color": INK},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "separators": spoken_language().decimal + spoken_language().group,
        **more,
    }


def axis_of(**more: Any) -> dict[str, Any]:
    return {
        "fixedrange": True,
        "gridcolor": RULE,
        "zeroline": False,
        "automargin": True,
        "ticks": "outside",  # invisible: they keep the labels off the lines
        "ticklen": 6,
        "tickcolor": "rgba(0,0,0,0)",
        **more,
    }


def ticks_of(low: float, high: float, unit: str = "{n}") -> dict[str, Any]:
    """Three to six round values from `low` to `high`, written as in the rest of the report and as exactly as they are:
    what is drawn at equal steps reads as equal steps."""
    step = _round_step((high - low) / 3)
    values = [step * at for at in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return {"tickvals": values, "ticktext": [unit.format(n=_short(value, step)) for value in values]}


def _round_step(rough: float) -> float:
    """The largest of 1, 2, 2.5 and 5 times a power of ten that is not above `rough`; 1 for nothing."""
    if rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return max(factor * power for factor in (1.0, 2.0, 2.5, 5.0) if factor * power <= rough)


def _short(value: float, step: float) -> str:
    """ "40m", "7.5m", "8.025m", "0": no zeros behind the point, and no digit of a step lost."""
    return written(value, trimmed=True, finest=step)[0]


def hour(hours: float) -> str:
    """The head of a column: "1.5 h"."""
    return _("{n} h").format(n=numeral(f"{hours:.1f}"))


def hidden_axis(**more: Any) -> dict[str, Any]:
    return axis_of(visible=False, showgrid=False, **more)


def note_of(text: str, **more: Any) -> dict[str, Any]:
    """A text on the chart."""
    return {"text": text, "showarrow": False, "align": "left", "font": {"size": 13, "color": INK}, **more}


def axis_title(text: str) -> dict[str, Any]:
    return {"text": "<br>".join(wrap(text, _LONGEST)), "font": {"size": 13}, "standoff": 12}


def upright(x: float, bottom: float, top: float, **more: Any) -> dict[str, Any]:
    """An upright line."""
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": bottom,
        "y1": top,
        "line": {"color": INK, "width": 1},
        "layer": "below",
        **more,
    }


LABEL, LINE, GAP = 26, 24, 14  # pixels: a title of one line, each regime below it, the space after them


def heading_of(text: str, longest: int = _LONGEST) -> tuple[str, int]:
    """A title in bold, broken where it is too long for a phone, and the pixels that it takes."""
    lines = wrap(text, longest)
    return f"<b>{'<br>'.join(lines)}</b>", LABEL + _TITLE_LINE * (len(lines) - 1)


# --- a series over time ---------------------------------------------------------------------------------

_BAND = (10, 90)  # percentiles over the runs


class Course(NamedTuple):
    """One series under one regime: mean over the runs, and the band that holds four runs in five."""

    face: Face
    mean: Floats
    low: Floats
    high: Floats


def hours_of(cells: Sequence[Cell]) -> tuple[Floats, float]:
    """The hours from the opening at which every run has its series, and the opening itself."""
    length = min(len(cell.timeline["time"]) for cell in cells)
    time = np.array(cells[0].timeline["time"][:length], dtype=np.float64)
    return (time - time[0]) / HOUR, float(time[0])


def course_of(cells: Sequence[Cell], face: Face, series: str, length: int) -> Course | None:
    """The first `length` instants; None where no run knows any of them."""
    runs = [
        np.array(cell.timeline[series][:length], dtype=np.float64)
        for cell in cells
        if cell.regime_id == face.name and series in cell.timeline
    ]
    if not runs or not np.isfinite(runs).any():
        return None
    found = np.full((3, length), np.nan)
    for at, values in enumerate(np.array(runs).T):
        values = values[np.isfinite(values)]
        if values.size:
            found[:, at] = values.mean(), *np.percentile(values, _BAND)
    return Course(face, *found)


def sampled(hours: Floats) -> list[int]:
    """Nine instants, spread evenly over the day."""
    return sorted({int(at) for at in np.linspace(0, hours.size - 1, 9)})

"""A page from its template: what every template may use, the style, the script, and the charts as data beside it.

jinja2 has its only home here, and so has the script of plotly, which goes into the page whole.
"""

import json
import re
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from exchange.access.regime import Grade
from scenarios.language import _, numeral, plural, retold, spoken_language
from scenarios.report.background import GRADE, Face
from scenarios.report.drawing import Figure

if TYPE_CHECKING:
    from markupsafe import Markup


class Report(NamedTuple):
    """The page, and the charts on it."""

    page: str
    figures: Sequence[Figure]


_SIZE = "how-large-this-file-is"  # stands for what is known when all else is written


def page_from(template: str, known: Sequence[Face], figures: Sequence[Figure], **told: Any) -> str:
    """The whole page in the language that is spoken. The same values give the same page, byte by byte."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    shelf = files(__package__)
    shop = Environment(
        loader=PackageLoader("scenarios.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shop.filters["naming"] = partial(_naming, known=known)
    shop.filters["coded"] = _coded
    shop.globals |= {
        "_": _,
        "plural": plural,
        "retold": retold,
        "markup": lambda message: Markup(_(message)),
    }
    page = shop.get_template(template).render(
        language=spoken_language().code,
        faces=known,
        figures={figure.name: figure for figure in figures},
        plots={figure.name: _as_json(figure.plot) for figure in figures},
        size=_SIZE,
        grades=GRADE,
        Grade=Grade,
        style=(shelf / "page.css").read_text(encoding="utf-8"),
        script=(shelf / "page.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        **told,
    )
    megabytes = numeral(f"{len(page.encode()) / 1e6:.1f}")
    return page.replace(_SIZE, _("{n} MB").format(n=megabytes))


def _naming(text: str, known: Sequence[Face]) -> "Markup":
    """The text with every regime's name set off, its sign before it, and keys of regime files as code."""
    from markupsafe import Markup, escape

    names = {str(escape(face.short)): face for face in known}
    keys = [
        key for face in known for key in (*(one.key for one in face.regime.assumptions), *face.weak_sources)
    ]
    keys = [key for key in keys if "." in key or "_" in key]  # other words are words as well
    longest_first = sorted(dict.fromkeys([*names, *keys]), key=len, reverse=True)

    def set_off(found: re.Match[str]) -> str:
        if found[0] not in names:
            return f"<code>{found[0]}</code>"
        face = names[found[0]]
        sign = f'<span class="sign" style="color:{face.colour}">{face.sign}</span>'
        return f'<b class="name">{sign} {found[0]}</b>'

    pattern = "|".join(re.escape(name) for name in longest_first)
    return Markup(re.sub(pattern, set_off, str(escape(text))))


def _coded(text: str) -> "Markup":
    """What stands between backticks as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def _as_json(plot: dict[str, Any]) -> str:
    """JSON that cannot end the script element around it."""
    return json.dumps(plot, allow_nan=False, separators=(",", ":"), ensure_ascii=False).replace(
        "<", "\\u003c"
    )

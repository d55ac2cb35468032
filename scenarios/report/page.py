"""The report: one HTML file to open, read, print and mail. It asks nothing of any network."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from exchange.messages import encode
from scenarios.cells import write_whole
from scenarios.compare import Comparison
from scenarios.findings import Finding, Findings, as_json
from scenarios.frontier import as_json as frontier_as_json
from scenarios.frontier import frontier_of
from scenarios.language import Tongue, _, spoken_language
from scenarios.measures.measure import CASH_LEG, DEFAULTS, HOUSE
from scenarios.report.answer import answer
from scenarios.report.background import TRADING_HALTED, Background, Face, faces, lets_in_alike
from scenarios.report.drawing import Figure
from scenarios.report.figures import (
    calm_panels,
    chance,
    differences,
    frontier,
    let_in,
    results,
    same_way,
    timeline,
)
from scenarios.report.frontier import section_of
from scenarios.report.limits import limits
from scenarios.report.money import differ, money
from scenarios.report.numbers import as_csv, as_parquet, charts, rows_of
from scenarios.report.published import held_against_published
from scenarios.report.template import Report, page_from
from scenarios.report.waterfall import tiers_used, waterfall
from scenarios.statistics import Verdict
from scenarios.wording import (
    QUESTIONS,
    arrow,
    difference,
    difference_interval,
    gloss,
    headline,
    level,
    level_interval,
    precision_in_words,
    ranges,
    smallest_seen,
    spoken,
    tone,
)

if TYPE_CHECKING:
    pass


class Box(NamedTuple):
    """What one regime shows for one measure."""

    face: Face
    level: str
    interval: str
    arrow: str = ""
    verdict: str = ""
    tone: str = ""
    difference: str = ""
    difference_interval: str = ""
    same_way: str = ""
    chance: str = ""
    smallest: str = ""


class Line(NamedTuple):
    """One measure in a table, regime by regime."""

    title: str
    gloss: str
    formula: str
    published_by: str
    boxes: Sequence[Box]


class Group(NamedTuple):
    title: str
    lines: Sequence[Line]


class Firmness(NamedTuple):
    """How firm the differences of one regime are, among the measures shown first."""

    face: Face
    seen: int
    shown: int
    shakiest: str  # the seen difference that fewest runs agree with, and how many do


def render(findings: Findings, comparison: Comparison, background: Background) -> Report:
    """The whole page in the language that is spoken. The same comparison gives the same page, byte by byte."""
    known = faces([regime.name for regime in comparison.design.regimes], background.regimes)
    figures = [figure for figure in _figures(findings, comparison, background, known) if figure is not None]
    of_sweep = section_of(frontier_of(findings, comparison.design.grid), known, findings.seeds)
    figures += [of_sweep.figure] if of_sweep and of_sweep.figure else []
    of_money = money(findings, comparison.cells, known, background.marks)
    figures += of_money.figures if of_money else ()
    money_first = differ(known) and lets_in_alike(known)
    page = page_from(
        "page.html.jinja",
        known,
        figures,
        background=background,
        comparison=comparison,
        answer=answer(findings, known, comparison.cells, background.keys),
        money=of_money,
        money_first=money_first,
        sweep=of_sweep,
        precision=precision_in_words(comparison),
        compared=_("settlement assets compared") if money_first else _("access regimes compared"),
        main=_groups(headline(findings), known),
        firmness=[_firmness(headline(findings), face) for face in known[1:]],
        everything=_groups([finding for finding in findings.rows if not _unknown(finding)], known),
        undefined=[_(finding.measure.title) for finding in findings.rows if _unknown(finding)],
        settlement=_groups(_settlement(findings), known),
        covered=[face for face in known if not face.margined],
        margined=[face for face in known if face.margined],
        tiers=tiers_used(findings, known),
        halted=any(mark.words == TRADING_HALTED for mark in background.marks),
        calm=calm_panels(comparison.cells, known),
        limits=limits(findings, comparison, background, known),
        published=held_against_published(findings, known),
        seeds=ranges(sorted(comparison.design.seeds)),
    )
    return Report(page, figures)


def keep_report(findings: Findings, comparison: Comparison, background: Background) -> Path:
    """Write the page and its numbers into the comparison's folder: `report.html`, or `report.ru.html` in Russian.

    Beside it `findings.json`, `findings.csv` and `findings.parquet` hold every level, difference, interval and
    verdict, and `charts.json` the tables that stand under the charts, in the language of the page.
    """
    code = spoken_language().code
    suffix = "" if code is Tongue.ENGLISH else f".{code}"
    report, rows = render(findings, comparison, background), rows_of(findings)
    page = comparison.folder / f"report{suffix}.html"
    swept = frontier_of(findings, comparison.design.grid)
    told = {**as_json(findings), **({"frontier": frontier_as_json(swept)} if swept else {})}
    contents = {
        "findings.json": encode(told),
        "findings.csv": as_csv(rows),
        "findings.parquet": as_parquet(rows),
        f"charts{suffix}.json": encode(charts(report.figures)),
        page.name: report.page.encode(),
    }
    for name, content in contents.items():
        write_whole(comparison.folder / name, content)
    return page


def _figures(
    findings: Findings, comparison: Comparison, background: Background, known: Sequence[Face]
) -> list[Figure | None]:
    main = headline(findings)
    return [
        differences(main, findings, known) if main else None,
        let_in(comparison.cells, known),
        results(comparison.cells, known),
        timeline(comparison.cells, known, background.marks),
        None if comparison.design.grid else frontier(findings, known),  # a sweep has a section of its own
        waterfall(findings, comparison.cells, known),
    ]


def _unknown(finding: Finding) -> bool:
    return all(level.n == 0 for level in finding.levels.values())


def _settlement(findings: Findings) -> list[Finding]:
    """What is zero on average under every regime is left out; it stands among all measures."""
    about = (HOUSE, DEFAULTS, CASH_LEG)
    return [row for row in findings.rows if row.measure.group in about and not _nothing(row)]


def _nothing(finding: Finding) -> bool:
    return all(level.n == 0 or level.mean == 0 for level in finding.levels.values())


def _groups(rows: Sequence[Finding], known: Sequence[Face]) -> list[Group]:
    by_group: dict[str, list[Line]] = {}
    for finding in rows:
        by_group.setdefault(finding.measure.group, []).append(_line(finding, known))
    return [Group(_(QUESTIONS.get(group, group)), lines) for group, lines in by_group.items()]


def _line(finding: Finding, known: Sequence[Face]) -> Line:
    measure = finding.measure
    return Line(
        title=_(measure.title),
        gloss=gloss(measure),
        formula=_(measure.formula),
        published_by=_(measure.published_by),
        boxes=[_box(finding, face) for face in known],
    )


def _box(finding: Finding, face: Face) -> Box:
    shown = Box(face=face, level=level(finding, face.name), interval=level_interval(finding, face.name))
    if face.baseline:
        return shown
    contrast = finding.contrasts[face.name]
    return shown._replace(
        arrow=arrow(contrast),
        verdict=spoken(contrast),
        tone=tone(finding.measure, contrast),
        difference=difference(finding, face.name),
        difference_interval=difference_interval(finding, face.name),
        same_way=same_way(contrast),
        chance=chance(contrast),
        smallest=smallest_seen(finding, face.name),
    )


def _firmness(rows: Sequence[Finding], face: Face) -> Firmness:
    contrasts = [(_(finding.measure.title), finding.contrasts[face.name]) for finding in rows]
    seen = [(title, one) for title, one in contrasts if one.verdict in (Verdict.HIGHER, Verdict.LOWER)]
    least = min(seen, key=lambda pair: pair[1].same_way / pair[1].compared.n, default=None)
    shakiest = ""
    if least is not None:
        shakiest = _("{measure}, in {runs}").format(measure=least[0], runs=same_way(least[1]))
    return Firmness(face, len(seen), len(rows), shakiest)

"""The report: complete, self-contained, true to the findings, and readable without scripts."""

import json
import math
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from exchange import messages
from exchange.access.regime import Assumption, Grade, Regime, Source
from scenarios.cells import Cell
from scenarios.compare import Comparison, Design, Failure, compare, source_file
from scenarios.config.regime_file import load_regime, regime_path
from scenarios.config.scenario_file import scenario_path
from scenarios.findings import Findings, analyse
from scenarios.measures import MEASURES
from scenarios.report import Background, background_of, keep_report, render
from tests.scenarios import fake_cells

REGIMES = ("ru_derivs_qual_2025", "ru_elr_super_2025", "ru_open_counterfactual")
SEEDS = tuple(range(8))
SECTIONS = [
    "answer",
    "regimes",
    "main",
    "differences",
    "access",
    "losers",
    "timeline",
    "waterfall",
    "settlement",
    "sensitivity",
    "assumptions",
    "validation",
    "limits",
    "everything",
    "reproduce",
]
FIGURES = ["differences", "let_in", "results", "timeline"]


class Told(NamedTuple):
    findings: Findings
    comparison: Comparison
    background: Background

    def page(self, **changes: Any) -> str:
        return render(*self._replace(**changes)).page


class Page(HTMLParser):
    """What a reader without scripts finds on a page."""

    VOID = ("meta", "br", "link", "img", "input", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}  # by id of the enclosing section
        self.figures: list[dict[str, Any]] = []
        self.tables: list[list[list[str]]] = []
        self.section = ""
        self.feed(html)
        self.close()
        assert self.open == [], "every element that is opened is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = given["id"] or ""
        if tag == "figure":
            self.figures.append({"id": given.get("id"), "alt": "", "open": False, "rows": 0})
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
            if "figure" in self.open:
                self.figures[-1]["rows"] += 1
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if given.get("role") == "img":
            self.figures[-1]["alt"] = given.get("aria-label") or ""
        if tag == "details" and "figure" in self.open:
            self.figures[-1]["open"] = "open" in given

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open or "style" in self.open:
            return
        text = " ".join(data.split())
        if text:
            self.texts[self.section] = f"{self.texts.get(self.section, '')} {text}".strip()
            if "td" in self.open or "th" in self.open:
                self.tables[-1][-1][-1] = f"{self.tables[-1][-1][-1]} {text}".strip()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    design = Design(
        scenario=source_file("freeze_and_gap", scenario_path("freeze_and_gap")),
        regimes=tuple(source_file(name, regime_path(name)) for name in REGIMES),
        seeds=SEEDS,
        command="ringfence compare freeze_and_gap --seeds 0:8",
    )
    comparison = compare(design, tmp_path_factory.mktemp("comparison"), fake_cells.run, workers=2)
    return Told(analyse(comparison.cells, MEASURES), comparison, background_of(comparison))


@pytest.fixture(scope="module")
def html(told: Told) -> str:
    return told.page()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def figures_of(html: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="plot-(\w+)">(.*?)</script>', html, re.S)
    return {name: json.loads(plot) for name, plot in found}


def values_of(cells: tuple[Cell, ...], regime: str, measure: str) -> Any:
    return np.array([cell.value(measure) for cell in cells if cell.regime_id == regime])


def changed(cell: Cell, **fields: Any) -> Cell:
    return Cell(**{**{name: getattr(cell, name) for name in cell.__struct_fields__}, **fields})


def changed_regime(regime: Regime, **fields: Any) -> Regime:
    return Regime(**{**{name: getattr(regime, name) for name in regime.__struct_fields__}, **fields})


def test_all_sections_stand_in_their_order(page: Page) -> None:
    assert [given["id"] for tag, given in page.elements if tag == "section"] == SECTIONS


def test_nothing_is_fetched_from_anywhere(page: Page, html: str) -> None:
    for tag, given in page.elements:
        assert not given.keys() & {"src", "srcset", "action", "poster", "data", "background", "ping"}, tag
        assert (given.get("href") or "#").startswith("#"), given
        assert tag not in ("link", "iframe", "object", "embed", "base", "img")
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style is not None
    assert not re.search(r"url\(|@import|https?:", style[1])
    policy = next(given["content"] for _, given in page.elements if "http-equiv" in given)
    assert policy is not None
    assert policy.startswith("default-src 'none';")


def test_links_lead_somewhere(page: Page) -> None:
    ids = {given.get("id") for _, given in page.elements}
    targets = [given["href"] for tag, given in page.elements if tag == "a"]
    assert targets
    assert all(target and target[1:] in ids for target in targets)


def test_every_figure_has_words_and_a_table_that_is_open_without_scripts(page: Page) -> None:
    assert [figure["id"] for figure in page.figures] == [f"figure-{name}" for name in FIGURES]
    for figure in page.figures:
        assert len(figure["alt"]) > 60, figure
        assert figure["open"]
        assert figure["rows"] > 3


def test_the_main_table_holds_the_numbers_of_the_runs(page: Page, told: Told) -> None:
    rows = {row[0].split(" What a small trade")[0]: row for row in page.tables[0] if len(row) == 4}
    _, *cells = rows["Quoted spread"]
    base, other = (values_of(told.comparison.cells, regime, "quoted_spread") for regime in REGIMES[:2])
    assert f"qualified investors {base.mean():.1f} bp" in cells[0]
    assert f"{other.mean():.1f} bp ▲ higher +{(other - base).mean():.2f} bp" in cells[1]
    compared = told.findings.named(("quoted_spread",))[0].contrasts[REGIMES[1]].compared
    assert cells[1].endswith(f"+{compared.low:.2f} to +{compared.high:.2f}")


def test_the_table_of_differences_equals_the_findings(page: Page, told: Told) -> None:
    table = next(table for table in page.tables if table[0][:3] == ["Measure", "Regime", "Difference"])
    row = next(row for row in table if row[0] == "Quoted spread" and row[1].startswith("Test environment"))
    contrast = told.findings.named(("quoted_spread",))[0].contrasts[REGIMES[1]]
    assert row[2] == f"+{contrast.compared.difference:.2f} bp"
    assert row[4:] == ["higher", "8 of 8 runs", "under 0.1%"]


def test_who_is_let_in_is_counted_by_decile(page: Page, told: Told) -> None:
    table = next(table for table in page.tables if table[0][0] == "Tenth of the population")
    richest = []
    for cell in told.comparison.cells:
        if cell.regime_id == REGIMES[1]:
            decile, admitted = np.array(cell.outcomes["wealth_decile"]), np.array(cell.outcomes["admitted"])
            richest.append(100 * admitted[decile == 10].mean())
    assert table[10][0] == "10 (richest)"
    assert table[10][2] == f"{np.mean(richest):.1f}%"
    assert [row[2] for row in table[1:10]] == ["0%"] * 9


def test_who_loses_is_told_by_the_names_of_classes(page: Page, told: Told) -> None:
    table = next(table for table in page.tables if table[0][0] == "Class")
    row = next(row for row in table if row[0] == "Everyone")
    results = np.concatenate(
        [
            np.array(cell.outcomes["result"])[np.array(cell.outcomes["traded"])]
            for cell in told.comparison.cells
            if cell.regime_id == REGIMES[2]
        ]
    )
    assert row[2] == f"{results.size / len(SEEDS):.1f}"
    assert row[3] == f"{100 * (results < 0).mean():.1f}%"


def test_the_answer_is_three_sentences_that_follow_the_verdicts(page: Page, told: Told) -> None:
    answer = page.texts["answer"]
    few, many = (
        round(values_of(told.comparison.cells, name, "admitted_share").mean()) for name in REGIMES[1:]
    )
    assert "Of every 100 people and firms who would come" in answer
    assert f"especially qualified investors lets in {few} (clearly fewer)" in answer
    assert f"Open to everyone lets in {many} (clearly more)" in answer
    assert "small trades cost more while there is a market (18." in answer
    assert "in 8 simulated runs" in answer
    assumed = len({(one.key, one.reason) for name in REGIMES for one in load_regime(name).assumptions})
    assert f"{assumed} different values in these regimes are assumed, not law" in answer


def test_a_reader_is_told_how_many_runs_there_are_and_how_long_each_is(page: Page, told: Told) -> None:
    assert "3 regimes, 8 runs each of 1 simulated day, the same people" in page.texts[""]
    weekend = source_file(
        "depeg_2023_03", scenario_path("depeg_2023_03")
    )  # Friday afternoon to Monday evening
    longer = told.comparison._replace(design=messages.changed(told.comparison.design, scenario=weekend))
    assert background_of(longer).days == 4


def test_without_a_difference_the_answer_says_so(told: Told) -> None:
    cells = tuple(
        changed(cell, measures={"admitted_share": 40.0, "quoted_spread": 12.0 + cell.key.seed})
        for cell in told.comparison.cells
    )
    kept = [measure for measure in MEASURES if measure.name in ("admitted_share", "quoted_spread")]
    page = Page(told.page(findings=analyse(cells, kept)))
    assert "lets in 40 (no difference seen)" in page.texts["answer"]
    assert "No difference is seen in any other main figure, under any of them." in page.texts["answer"]


def test_every_assumption_is_listed(page: Page) -> None:
    for name in REGIMES:
        for assumption in load_regime(name).assumptions:
            assert assumption.key in page.texts["assumptions"]
            assert " ".join(assumption.reason.split()) in page.texts["assumptions"]


def test_an_assumption_stands_with_its_value(page: Page) -> None:
    rows = {tuple(row[:2]) for table in page.tables for row in table}
    assert ("classes.super_individual.caps.share_of_assets_percent", "10") in rows
    assert ("classes.everyone.any_of", "anybody") in rows
    assert ("cash.gate", "pro rata") in rows
    ways = next(row[1] for row in rows if row[0] == "classes.qualified_individual.any_of")
    assert ways.startswith("individuals with assets of at least 12,000,000 RUB; or individuals with")
    permissions = "future: allowed, rolling perpetual: allowed, option: allowed, spot: allowed, note: allowed"
    assert ("classes.super_individual.permissions", permissions) in rows


def test_the_limit_of_institutions_is_their_own_funds(page: Page) -> None:
    told = (
        "no limit, but institutions' own funds must cover 100% of the capital at risk "
        "and may be at risk up to 1%"
    )
    assert page.texts["regimes"].count(told) == 2  # and nobody's under the open one


def test_a_weak_source_is_flagged_unless_a_better_one_vouches_too(told: Told) -> None:
    weak = Source(label="W1", reference="a blog", grade=Grade.WEAK, keys=("classes.a", "classes.b"))
    good = Source(label="P1", reference="the law", grade=Grade.PRIMARY, keys=("classes.b",))
    first, *others = told.background.regimes
    regimes = (changed_regime(first, sources=(weak, good)), *others)
    page = Page(told.page(background=told.background._replace(regimes=regimes)))
    assert "Only weak sources vouch for classes.a ." in page.texts["assumptions"]
    assert "1 more rests on weak sources" in page.texts["answer"]


def test_the_population_is_held_against_published_figures(page: Page, told: Told) -> None:
    assert told.background.validation
    for row in told.background.validation:
        assert row.figure in page.texts["validation"]


def test_the_way_to_repeat_it_is_told(page: Page, told: Told) -> None:
    for text in (told.comparison.design.command, told.comparison.digest, "0 to 7", *REGIMES):
        assert text in page.texts["reproduce"]
    for cell in told.comparison.cells:
        assert cell.digest in page.texts["reproduce"]


def test_runs_that_failed_are_told_at_the_top(told: Told) -> None:
    failure = Failure(regime_id=REGIMES[1], seed=3, fault="AssertionError: the books do not balance")
    page = Page(told.page(comparison=told.comparison._replace(failures=(failure,))))
    assert f"1 run did not finish and is missing below : {REGIMES[1]} , seed 3" in page.texts[""]


def test_texts_from_files_cannot_become_markup(told: Told) -> None:
    first, *others = told.background.regimes
    hostile = "</script><script>alert(1)</script><b onclick=x>"
    regimes = (
        changed_regime(first, title=hostile, assumptions=(Assumption(key="a", reason=hostile),)),
        changed_regime(others[0], title=f"Other {hostile}"),
        *others[1:],
    )
    html = told.page(background=told.background._replace(question=hostile, regimes=regimes))
    page = Page(html)
    assert not any("onclick" in given for _, given in page.elements)
    assert sum(tag == "script" for tag, _ in page.elements) == len(FIGURES) + 2
    assert "alert(1)" not in re.sub(r"&lt;/?script&gt;alert\(1\)|\\u003c[^\"]*", "", html)


def test_the_same_comparison_gives_the_same_page(told: Told, html: str) -> None:
    assert told.page() == html


def test_charts_are_what_plotly_understands(html: str) -> None:
    import plotly.graph_objects

    plots = figures_of(html)
    assert list(plots) == FIGURES
    for plot in plots.values():
        plotly.graph_objects.Figure(plot)  # raises ValueError at a property it does not know


def test_the_bars_of_the_differences_are_the_intervals(html: str, told: Told) -> None:
    plot = figures_of(html)["differences"]
    finding = told.findings.named(("total_losses",))[0]
    reach = max(
        abs(end) for one in finding.contrasts.values() for end in (one.compared.low, one.compared.high)
    )
    compared = finding.contrasts[REGIMES[1]].compared
    wanted = [compared.low / reach, compared.high / reach]
    assert any(trace["mode"] == "lines" and trace["x"] == pytest.approx(wanted) for trace in plot["data"])


def test_the_timeline_marks_what_happens(html: str) -> None:
    words = [note["text"] for note in figures_of(html)["timeline"]["layout"]["annotations"]]
    assert "coins frozen" in words
    assert "freeze lifted" in words


def test_where_nothing_is_known_neither_line_nor_shade_is_drawn(told: Told) -> None:
    def without_a_middle(cell: Cell) -> Cell:
        times = cell.timeline["time"]
        gap = range(len(times) // 3, len(times) // 2)
        spread = [math.nan if at in gap else 10.0 + cell.key.seed for at in range(len(times))]
        return changed(cell, timeline={**cell.timeline, "spread_bp": spread})

    cells = tuple(without_a_middle(cell) for cell in told.comparison.cells)
    drawn = figures_of(told.page(comparison=told.comparison._replace(cells=cells)))["timeline"]["data"]
    lines = [trace for trace in drawn if "customdata" in trace and None in trace["y"]]
    assert lines
    for line in lines:
        dark = [x for x, y in zip(line["x"], line["y"], strict=True) if y is None]
        shades = [one["x"] for one in drawn if one.get("fill") and one["yaxis"] == line["yaxis"]]
        assert len(shades) > len(REGIMES)
        assert not [x for x in shades if x[0] < dark[0] and x[-1] > dark[-1]]


def test_four_regimes_show_access_against_harm(told: Told) -> None:
    again = tuple(
        changed(cell, regime_id="fourth") for cell in told.comparison.cells if cell.regime_id == REGIMES[0]
    )
    cells = told.comparison.cells + again
    design = told.comparison.design
    fourth = type(design)(
        scenario=design.scenario,
        regimes=(*design.regimes, type(design.scenario)(name="fourth", source="fourth", text="")),
        seeds=design.seeds,
    )
    title = changed_regime(told.background.regimes[0], title="A fourth")
    page = Page(
        told.page(
            findings=analyse(cells, MEASURES),
            comparison=told.comparison._replace(cells=cells, design=fourth),
            background=told.background._replace(regimes=(*told.background.regimes, title)),
        )
    )
    assert page.figures[-1]["id"] == "figure-frontier"
    assert "A fourth" in page.figures[-1]["alt"]


@pytest.mark.parametrize(
    "bare",
    [
        lambda cell: changed(cell, timeline={}, outcomes={}),
        lambda cell: changed(cell, measures=dict.fromkeys(cell.measures)),
        lambda cell: changed(
            cell, timeline={**cell.timeline, "spread_bp": [None] * len(cell.timeline["time"])}
        ),
    ],
)
def test_a_page_is_made_of_whatever_there_is(told: Told, bare: Callable[[Cell], Cell]) -> None:
    cells = tuple(bare(cell) for cell in told.comparison.cells)
    findings = analyse(cells, MEASURES)
    page = Page(told.page(findings=findings, comparison=told.comparison._replace(cells=cells)))
    assert "What this report cannot tell" in page.texts["limits"]


@pytest.mark.parametrize("failed", [0, 1])
def test_a_regime_of_which_no_run_finished_is_unknown(told: Told, failed: int) -> None:
    names = [regime.name for regime in told.comparison.design.regimes]
    cells = tuple(cell for cell in told.comparison.cells if cell.regime_id != names[failed])
    findings = analyse(cells, MEASURES, names)
    page = Page(told.page(findings=findings, comparison=told.comparison._replace(cells=cells)))
    assert findings.baseline == names[0]
    assert "too few runs to tell" in page.texts["answer"] or "did not count" in page.texts["answer"]


def test_two_runs_are_too_few_and_the_page_says_so(told: Told) -> None:
    cells = tuple(cell for cell in told.comparison.cells if cell.key.seed < 2)
    page = Page(
        told.page(findings=analyse(cells, MEASURES), comparison=told.comparison._replace(cells=cells))
    )
    assert "too few runs to tell" in page.texts["answer"]


def test_the_report_is_kept_beside_its_numbers(told: Told) -> None:
    path = keep_report(*told)
    assert path == told.comparison.folder / "report.html"
    assert path.read_text(encoding="utf-8").lstrip().startswith("<!doctype html>")
    kept = json.loads((told.comparison.folder / "findings.json").read_text())
    assert kept["baseline"] == REGIMES[0]


CHROMIUM = os.environ.get("RINGFENCE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PROBE = """<script>addEventListener("load", () => {
  const wide = [...document.querySelectorAll("main *")].filter(
    (node) => !node.closest(".scroll, .chart") && node.getBoundingClientRect().right > innerWidth + 1);
  const seen = { width: innerWidth, page: document.documentElement.scrollWidth, wide: wide.length,
    drawn: [...document.querySelectorAll(".chart")].filter((chart) => chart.querySelector("svg")).length };
  parent.postMessage(JSON.stringify(seen), "*");
});</script></body>"""


needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason="no Chromium here; RINGFENCE_CHROMIUM names one"
)


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_every_chart_and_nothing_is_wider_than_the_screen(
    html: str, tmp_path: Path, width: int
) -> None:
    seen = seen_by_a_browser(html, tmp_path, width)
    assert seen["page"] <= seen["width"] == width
    assert (seen["wide"], seen["drawn"]) == (0, len(FIGURES))


def seen_by_a_browser(html: str, tmp_path: Path, width: int) -> dict[str, int]:
    """How wide the page is and how many elements and charts it has that are too wide, and drawn."""
    (tmp_path / "report.html").write_text(html.replace("</body>", PROBE), encoding="utf-8")
    frame = (
        '<pre id="seen"></pre><script>addEventListener("message",'
        '(told) => document.getElementById("seen").textContent = told.data)</script>'
        f'<iframe src="report.html" width="{width}" height="900" style="border:0"></iframe>'
    )
    (tmp_path / "frame.html").write_text(frame, encoding="utf-8")
    shown = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=8000", "--dump-dom",
            f"file://{tmp_path / 'frame.html'}",
        ],
        capture_output=True, text=True, timeout=300, check=True,
    ).stdout  # fmt: skip
    told_by_page = re.search(r'<pre id="seen">(\{.*?\})</pre>', shown)
    assert told_by_page is not None, shown[:500]
    seen: dict[str, int] = json.loads(told_by_page[1])
    return seen

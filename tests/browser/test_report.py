"""The report in a real browser, without a network: on a phone, on a desk, in the dark, on paper, in both languages."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from scenarios.compare import Design, compare, source_file
from scenarios.config.regime_file import regime_path
from scenarios.config.scenario_file import scenario_path
from scenarios.findings import analyse
from scenarios.language import Tongue, speaking
from scenarios.measures import MEASURES
from scenarios.report import background_of, keep_report, keep_reverse_report
from tests.browser.conftest import DESK, PATIENCE, PHONE
from tests.scenarios import fake_cells
from tests.scenarios.fake_searches import Made, searched

REGIMES = ("ru_derivs_qual_2025", "ru_elr_super_2025", "ru_open_counterfactual")
ENGLISH, RUSSIAN = "report.html", "report.ru.html"
REVERSED = "reverse/report.ru.html"  # of a reverse stress test


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of made-up runs, with its report in both languages, and in it such a reverse stress test."""
    design = Design(
        scenario=source_file("freeze_and_gap", scenario_path("freeze_and_gap")),
        regimes=tuple(source_file(name, regime_path(name)) for name in REGIMES),
        seeds=(0, 1, 2, 3),
        command="ringfence compare freeze_and_gap --seeds 4",
    )
    comparison = compare(design, tmp_path_factory.mktemp("comparison"), fake_cells.run, workers=1)
    findings = analyse(comparison.cells, MEASURES)
    found = searched(comparison.folder / "reverse", Made(undone_at=49, stricter=3))
    for tongue in Tongue:
        with speaking(tongue):
            keep_report(findings, comparison, background_of(comparison))
            keep_reverse_report(found, comparison.folder / "reverse")
    return comparison.folder


class Opened:
    """The report, opened without a network: what it asked for, and what it complained of."""

    def __init__(self, browser: Browser, path: Path, size: dict[str, int], **options: Any) -> None:
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.context = browser.new_context(viewport=size, offline=True, **options)  # type: ignore[arg-type]
        self.context.route("**/*", self._judge)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html.drawn")

    def _judge(self, route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            self.asked.append(route.request.url)
            route.abort()


@pytest.fixture(params=[ENGLISH, RUSSIAN, REVERSED])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(browser: Browser, folder: Path, name: str) -> Iterator[Any]:
    every: list[Opened] = []

    def at(size: dict[str, int] = DESK, **options: Any) -> Page:
        every.append(Opened(browser, folder / name, size, **options))
        return every[-1].page

    yield at
    for one in every:
        one.context.close()
        assert one.asked == [], "the report has asked for something"
        assert one.errors == []


def test_it_opens_offline_and_draws_every_chart(opened: Any, folder: Path, name: str) -> None:
    page = opened()
    charts = json.loads((folder / name.replace("report.", "charts.").replace("html", "json")).read_text())
    drawn = page.locator(".chart:has(svg)").evaluate_all("all => all.map(one => one.dataset.plot)")
    assert drawn == list(charts)
    labels = page.locator(".chart").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert labels == [chart["alt"] for chart in charts.values()]
    assert page.locator("html").get_attribute("lang") == ("en" if name == ENGLISH else "ru")


WIDER = """width => [...document.querySelectorAll("main *")].filter(
  node => !node.closest(".scroll, .chart") && node.getBoundingClientRect().right > width + 1
).map(node => node.outerHTML.slice(0, 90))"""
CUT = """width => [...document.querySelectorAll(".chart text, .chart .annotation")].filter(node => {
  const box = node.getBoundingClientRect(), chart = node.closest(".chart").getBoundingClientRect();
  return box.width && (box.right > chart.right + 2 || box.left < chart.left - 2);
}).map(node => node.textContent)"""


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_is_wider_than_the_screen(opened: Any, size: dict[str, int]) -> None:
    page = opened(size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert page.evaluate(WIDER, size["width"]) == []
    assert page.evaluate(CUT, size["width"]) == []


@pytest.mark.parametrize("name", [RUSSIAN, REVERSED])
def test_headings_stand_in_order_and_tables_have_heads(opened: Any) -> None:
    page = opened()
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(one => +one.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("table:not(:has(thead th[scope=col]))").count() == 0
    assert page.locator("th:not([scope])").count() == 0


CONTRAST = """() => {
  const parsed = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([red, green, blue]) => [red, green, blue].map(part => part / 255).map(
    part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  ).reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parsed(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll("main *")) {
    const speaks = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
    if (!speaks || node.closest(".chart, .sign") || !node.getBoundingClientRect().width) continue;
    const [one, other] = [light(parsed(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) faint.push([ratio.toFixed(2), node.textContent.slice(0, 40)]);
  }
  return faint;
}"""


@pytest.mark.parametrize("name", [RUSSIAN, REVERSED])  # whose words are longer
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(opened: Any, scheme: str) -> None:
    page = opened(DESK, color_scheme=scheme)
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("name", [RUSSIAN, REVERSED])
def test_on_paper_nothing_is_cut(opened: Any) -> None:
    page = opened({"width": 680, "height": 960})  # the paper's width within its margins
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_timeout(300)
    assert page.evaluate(WIDER, 680) == []
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("name", [RUSSIAN])
def test_the_numbers_of_a_chart_open_by_a_key(opened: Any) -> None:
    page = opened()
    numbers = page.locator("#figure-let_in details.numbers")
    assert numbers.get_attribute("open") is None
    numbers.locator("summary").focus()
    page.keyboard.press("Enter")
    assert numbers.locator("td").first.is_visible()


@pytest.mark.parametrize("name", [RUSSIAN])
def test_without_scripts_the_tables_stand_open(browser: Browser, folder: Path, name: str) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((folder / name).as_uri())
    tables = page.locator("figure details.numbers table")
    assert tables.count() >= 4
    assert all(tables.nth(at).is_visible() for at in range(tables.count()))
    context.close()

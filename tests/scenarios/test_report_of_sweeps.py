"""What the report and the terminal show of a sweep, of a precision and of a reverse stress test."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scenarios.compare import Comparison, Failure, Imprecision, Precision, Reached, SourceFile, compare
from scenarios.design import design_of
from scenarios.findings import Findings, analyse
from scenarios.language import Tongue, speaking
from scenarios.measures import MEASURES
from scenarios.report import background_of, keep_report
from scenarios.reverse import Answer, Never, Reversed, Threshold
from scenarios.stress_events import Why
from scenarios.terminal import show_comparison, show_reversed
from tests.scenarios import fake_cells
from tests.scenarios.fake_searches import REGIMES, Made, searched

SUPER = "ru_elr_super_2025"
GATE = "classes.super_individual.any_of.1.assets_above_rub"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A sweep of three values over made-up runs, which ended without its precision."""
    design = design_of("calm_day", [SUPER], (1, 2, 3), sweeps=[f"{GATE}=6e6,24e6"], population=5)
    made = compare(design, tmp_path_factory.mktemp("swept"), fake_cells.run, workers=2)
    lacking = (
        Imprecision(measure="quoted_spread", regime=design.regimes[1].name, half_width=1.25, allowed=0.5),
        Imprecision(measure="halts", regime=design.regimes[2].name, half_width=None, allowed=0.0),
    )
    plan = Precision(percent=5.0, measures=("quoted_spread", "halts"), looks=(2, 3))
    planned = type(design)(
        **{name: getattr(design, name) for name in ("scenario", "regimes", "seeds", "population", "grid")},
        precision=plan,
    )
    return made._replace(design=planned, reached=Reached(reached=False, looks=2, lacking=lacking))


def findings_of(comparison: Comparison) -> Findings:
    names = [regime.name for regime in comparison.design.regimes]
    return analyse(comparison.cells, MEASURES, names, comparison.design.looks)


@pytest.fixture(scope="module")
def html(swept: Comparison) -> str:
    return keep_report(findings_of(swept), swept, background_of(swept)).read_text(encoding="utf-8")


def section(html: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">(.*?)</section>', html, re.S)
    assert found is not None
    return found[1]


def test_the_report_draws_access_against_harm_by_value(html: str) -> None:
    (plot,) = re.findall(r'<script type="application/json" id="plot-sweep">(.*?)</script>', html, re.S)
    (trace,) = json.loads(plot)["data"]
    assert trace["text"] == ["6m", "24m", "100m"]
    assert len(trace["x"]) == len(trace["y"]) == len(trace["error_x"]["array"]) == 3
    told = section(html, "sweep")
    assert "100,000,000 RUB (as it stands)" in told and "number is an assumption there" in told
    assert 'id="figure-frontier"' not in html  # the chart of regimes without a sweep says no more


def test_a_swept_number_stands_among_the_assumptions(html: str) -> None:
    assert "Swept over several values, to see what it does; the regime as it stands says 100,000,000." in html


def test_the_report_says_what_precision_is_lacking(html: str, swept: Comparison) -> None:
    told = " ".join(section(html, "sensitivity").split())
    assert "The budget of 3 seeds ended before the precision of 5% was reached" in told
    one, two = (regime.name for regime in swept.design.regimes[1:])
    assert f"quoted_spread under {one} is known to ±1.25, not ±0.50" in told
    assert f"halts under {two} is defined in too few runs" in told
    assert "looked at up to 2 times" in told


def test_the_numbers_of_the_frontier_are_kept_for_machines(html: str, swept: Comparison) -> None:
    kept = json.loads((swept.folder / "findings.json").read_text())["frontier"]
    assert kept["keys"] == [GATE]
    assert [point["values"][GATE] for point in kept["points"]] == [6e6, 24e6, 100e6]
    assert {"mean", "low", "high", "n"} == set(kept["points"][0]["levels"]["admitted_share"])


def printed(show: Any, *what: Any) -> str:
    console = Console(width=140, file=StringIO())
    show(console, *what)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_the_same(swept: Comparison) -> None:
    text = printed(show_comparison, findings_of(swept), swept, Path("report.html"))
    assert "as it stands" in text and "24,000,000 RUB" in text and "on the frontier" in text
    assert "The budget of 3 seeds ended" in text
    assert text.rstrip().endswith("report.html")


def an_answer(**changes: Any) -> Answer:
    told: dict[str, Any] = {
        "regime": "open",
        "event": "used:equity",
        "words": "layer used: equity",
        "within": 7,
        "at_least": 0,
        "first": 11.0,
        "half": 24.5,
        "nine_tenths": None,
        "low": 11.0,
        "high": None,
        "has_interval": True,
        "thresholds": (
            Threshold(seed=1, smallest=11.0, undone=20.0),
            *(Threshold(seed=seed, smallest=None) for seed in range(2, 9)),
        ),
        **changes,
    }  # fmt: skip
    return Answer(**told)


def test_the_terminal_tells_the_smallest_shock_and_all_that_is_doubtful() -> None:
    nowhere = an_answer(event="halt", words="trading is suspended", within=0, first=None, half=None)
    found = Reversed(
        scenario=SourceFile(name="gap_move", source="gap_move", text=""),
        regimes=(),
        what="the fall of the price",
        unit="%",
        least=0.0,
        most=50.0,
        step=0.5,
        stands_at=37.5,
        seeds=tuple(range(1, 9)),
        population=None,
        command="",
        versions={},
        digests=(),
        digest="d1",
        answers=(an_answer(), nowhere),
        never=(Never(regime="full", event="layers", why=Why.COVERED),),
        failures=(Failure(regime_id="open", seed=9, fault="the book is crossed"),),
    )
    text = printed(show_reversed, found, Path("kept/report.html"))
    assert "The fall of the price: from 0% to 50% in steps of 0.5%; the scenario as it stands: 37.5%" in text
    for told in (
        "layer used: the house's own capital",
        "24.5%",
        "11% to beyond 50%",
        "first at 11%, 7 of 8 seeds",
        "not within bounds",
        "0 of 8 seeds",
    ):
        assert told in text
    assert "full: cannot happen (a layer of the waterfall): every claim is covered in full, so there" in text
    assert (
        "not monotone: layer used: the house's own capital under open, seed 1: at 11%, but not at 20%" in text
    )
    assert "failed: open, seed 9: the book is crossed" in text
    assert text.rstrip().endswith("kept/report.html")
    with speaking(Tongue.RUSSIAN):
        russian = printed(show_reversed, found, Path("kept/report.ru.html"))
    for told in (
        "собственный капитал центрального контрагента",
        "24,5\N{NARROW NO-BREAK SPACE}%",
        "исключено",
    ):
        assert told in russian


def test_a_layer_that_was_empty_is_no_layer_that_was_used_up(tmp_path: Path) -> None:
    """Nobody who failed had paid into the fund: it never paid, and the next layer paid when its turn had come."""
    text = printed(show_reversed, searched(tmp_path / "kept", Made()), Path("kept/report.html"))
    row = text[text.index("layer exhausted: shares of those who failed") :]
    assert "empty, so passed over" in row[: row.index("layer used: the house's skin in the game")]
    assert text.count("empty, so passed over") == len(REGIMES) - 1  # one has no waterfall

"""Seeds are added until differences are precise enough; seeds as they are typed; runs that are used again."""

import math
from pathlib import Path

import pytest

from scenarios.cells import CellResult
from scenarios.compare import Comparison, Design, DesignError, Precision, SourceFile, compare, read_comparison
from scenarios.findings import analyse
from scenarios.measures import MEASURES
from scenarios.precision import compare_until_precise, look, looks_within, percent_in, planned
from scenarios.seeds import read_seeds
from scenarios.statistics import confidence_over, paired_difference
from scenarios.wording import precision_in_words
from tests.scenarios import fake_cells
from tests.scenarios.test_compare import runs_made

KNOWN = [measure.name for measure in MEASURES]


def a_design(percent: float, budget: int, *measures: str, scenario: str = "calm_day") -> Design:
    plan = planned(percent, measures, KNOWN, budget)
    return Design(
        scenario=SourceFile(name="calm_day", source=scenario, text="title = 'calm'"),
        regimes=tuple(
            SourceFile(name=name, source=name, text=f"id = '{name}'") for name in ("open", "super")
        ),
        seeds=tuple(range(1, plan.looks[-1] + 1)),
        precision=plan,
    )


def test_looks_come_whenever_there_are_half_as_many_seeds_again() -> None:
    assert looks_within(60) == (10, 15, 23, 35, 53, 60)
    assert looks_within(10) == (10,)
    assert looks_within(4) == (4,)


def test_it_stops_at_the_first_look_that_is_precise_enough(tmp_path: Path) -> None:
    design = a_design(20.0, 23, "quoted_spread", "depth_100bp")
    comparison = compare_until_precise(design, tmp_path, fake_cells.run, workers=2)
    assert comparison.reached is not None and comparison.reached.reached
    assert (comparison.reached.looks, len(comparison.design.seeds)) == (1, 10)
    assert len(list(tmp_path.glob("cells/*/*.json"))) == 20
    (told, widened) = precision_in_words(comparison)
    assert told == "The precision of 20% is reached after 10 seeds, at 1 of 3 planned looks."
    assert "every interval here is widened" in widened
    assert read_comparison(tmp_path) == comparison


def test_a_budget_that_ends_says_what_is_lacking(tmp_path: Path) -> None:
    design = a_design(0.01, 12, "quoted_spread")
    comparison = compare_until_precise(design, tmp_path, fake_cells.run, workers=2)
    reached = comparison.reached
    assert reached is not None and not reached.reached
    assert (reached.looks, len(comparison.design.seeds)) == (2, 12)
    (lack,) = reached.lacking
    values = [
        [cell.value("quoted_spread") for cell in comparison.cells if cell.regime_id == name]
        for name in ("open", "super")
    ]
    found = paired_difference(*values, confidence=confidence_over(2))
    assert lack.half_width == pytest.approx((found.high - found.low) / 2)
    assert lack.allowed == pytest.approx(0.0001 * found.mean_baseline)
    assert precision_in_words(comparison)[0].startswith(
        "The budget of 12 seeds ended before the precision of 0.01% was reached: quoted_spread under super is known"
    )


def test_one_that_was_stopped_goes_on(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    design = a_design(0.01, 12, "quoted_spread", scenario=str(marks))
    compare_until_precise(design, tmp_path / "kept", fake_cells.counted, workers=2)
    (tmp_path / "kept/cells/super/3.json").unlink()
    compare_until_precise(design, tmp_path / "kept", fake_cells.counted, workers=2)
    assert len(runs_made(marks)) == 25


def of_values(baseline: list[float], other: list[float], *, percent: float = 10.0) -> bool:
    """Whether these values of one measure are known precisely enough."""
    plan = Precision(percent=percent, measures=("halts",), looks=(len(baseline),))
    cells = []
    for name, values in (("open", baseline), ("super", other)):
        for seed, value in enumerate(values, 1):
            made = CellResult(f"{name}{seed}", {"halts": value}, {}, {})
            cells.append(fake_cells.kept(made, name, seed))
    design = a_design(percent, 10, "halts")
    design = type(design)(
        scenario=design.scenario,
        regimes=design.regimes,
        seeds=tuple(range(1, len(baseline) + 1)),
        precision=plan,
    )
    reached = look(Comparison(design, Path(), {}, tuple(cells), ()), 1)
    return reached.reached


def test_what_half_an_interval_is_held_against() -> None:
    spread = [0.9, 1.1, 1.0, 0.95, 1.05]
    assert of_values([100.0] * 5, [100 + one for one in spread])  # 10% of 100
    assert not of_values([0.1] * 5, [0.1 + one for one in spread])
    assert of_values([0.0] * 5, spread)  # the baseline is 0: 10% of the other, which is 1
    assert not of_values([0.0] * 5, [3 * one - 2.9 for one in spread])
    assert of_values([0.0] * 5, [0.0] * 5)
    assert of_values([math.nan] * 5, spread)  # defined in no pair: left aside
    assert not of_values([1.0, 1.0, math.nan, math.nan, math.nan], [1.0] * 5)


def test_intervals_and_tests_are_those_of_the_strictest_look(tmp_path: Path) -> None:
    comparison = compare(a_design(20.0, 10, "quoted_spread"), tmp_path, fake_cells.run, workers=2)
    once, often = (analyse(comparison.cells, MEASURES, looks=looks) for looks in (1, 6))
    for before, after in zip(once.named(["quoted_spread"]), often.named(["quoted_spread"]), strict=True):
        narrow, wide = before.contrasts["super"], after.contrasts["super"]
        assert wide.compared.low < narrow.compared.low < narrow.compared.high < wide.compared.high
        assert wide.adjusted_p == pytest.approx(min(1.0, 6 * narrow.adjusted_p))
        assert wide.compared.smallest_detectable > narrow.compared.smallest_detectable
        assert after.levels["open"].low < before.levels["open"].low


@pytest.mark.parametrize(
    ("percent", "measures", "budget", "sentence"),
    [
        (0.0, ["halts"], 60, "--precision: 0% cannot be"),
        (101.0, ["halts"], 60, "--precision: 101% cannot be"),
        (math.nan, ["halts"], 60, "--precision: nan% cannot be"),
        (5.0, ["haltz"], 60, "“haltz” is not a measure; the nearest that is valid is “halts”"),
        (5.0, ["halts", "halts"], 60, "the measure “halts” is named twice"),
        (5.0, ["halts"], 2, "--budget: 2 cannot be"),
        (5.0, ["halts"], 0, "--budget: 0 cannot be"),
        (5.0, [], 60, "--of names no measure"),
    ],
)
def test_a_precision_that_cannot_be_is_refused(
    percent: float, measures: list[str], budget: int, sentence: str
) -> None:
    with pytest.raises(DesignError, match=sentence):
        planned(percent, measures, KNOWN, budget)


def test_a_precision_is_in_percent() -> None:
    assert percent_in("5%") == percent_in(" 5 ") == 5.0
    with pytest.raises(DesignError, match="--precision: “five” is no number"):
        percent_in("five")


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", (1, 2, 3)), ("3..3", (3,)), ("1,2,5", (1, 2, 5)), ("10..12,4", (10, 11, 12, 4)), ("0..1", (0, 1))],
)
def test_seeds_are_how_many_or_which(text: str, seeds: tuple[int, ...]) -> None:
    assert read_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,2,1", "seed 1 is named twice"),
        ("1..5,3", "seed 3 is named twice"),
        ("5..1", "goes backwards; write 1..5"),
        ("0", "that is 0 seeds"),
        ("1..1000000000", "seeds; name at least one and at most 100,000"),
        ("4294967296..4294967297", "is too large"),
        ("-3", "“-3” is no seed"),
        ("0:20", "“0:20” is no seed"),
        ("", "“” is no seed"),
    ],
)
def test_seeds_that_cannot_be_are_told(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_seeds(text)


def test_runs_of_another_folder_are_used_again_where_they_are_the_very_same(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    design = a_design(0.01, 4, "quoted_spread", scenario=str(marks))
    first = compare(design, tmp_path / "first", fake_cells.counted, workers=2)
    other = type(design)(
        scenario=design.scenario,
        regimes=(design.regimes[0], SourceFile(name="super", source="super", text="id = 'another'")),
        seeds=design.seeds,
    )
    second = compare(other, tmp_path / "second", fake_cells.counted, workers=2, reuse=[tmp_path / "first"])
    assert len(runs_made(marks)) == 8 + 4  # the baseline is the very same, the other regime is not
    assert [cell.digest for cell in second.cells] == [cell.digest for cell in first.cells]
    with pytest.raises(DesignError, match="holds no runs to use again"):
        compare(other, tmp_path / "third", fake_cells.counted, reuse=[tmp_path / "nowhere"])
    assert not (tmp_path / "third").exists()

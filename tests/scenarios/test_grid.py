"""A sweep: keys that are found, values that are refused, regimes that say what is assumed, and their frontier."""

from pathlib import Path

import pytest

from exchange.access.regime import RegimeStatus
from scenarios.compare import (
    Comparison,
    Design,
    DesignError,
    GridPoint,
    SourceFile,
    compare,
    read_comparison,
    verify,
)
from scenarios.compare import _tasks as cell_tasks
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import load_regime, read_regime, regime_name, with_clearing
from scenarios.config.scenario_file import load_world, read_scenario, scenario_numbers
from scenarios.design import design_of, regimes_named
from scenarios.findings import analyse
from scenarios.frontier import frontier_of
from scenarios.grid import over_grid, read_sweep
from scenarios.measures import MEASURES
from scenarios.regime_words import differences, provenance
from scenarios.report.background import background_of
from scenarios.run import run_cell
from tests.scenarios import fake_cells
from tests.scenarios.small_worlds import short_day

SUPER, QUALIFIED, OPEN = "ru_elr_super_2025", "ru_derivs_qual_2026", "ru_open_counterfactual"
GATE = "classes.super_individual.any_of.1.assets_above_rub"


def refused(text: str, regime: str = SUPER) -> str:
    with pytest.raises(ConfigurationError) as fault:
        every, _ = over_grid("calm_day", [regime], [read_sweep(text)])
        for one in every:
            read_regime(one.regime)
            read_scenario(one.scenario)
    return str(fault.value)


def test_a_grid_has_the_regime_as_it_stands_first_and_each_other_value_once() -> None:
    every, points = over_grid(
        "calm_day", [SUPER], [read_sweep("classes.super_individual.assets_above=6e6,100_000_000,24e6")]
    )
    assert {one.scenario for one in every} == {"calm_day"}
    assert [one.name for one in every] == [point.regime for point in points]
    assert [one.regime for one in every] == [
        SUPER,
        f"{SUPER}[{GATE}=6000000]",
        f"{SUPER}[{GATE}=24000000]",
    ]
    assert points == (
        GridPoint(regime=SUPER, base=SUPER, values={GATE: 100e6}),
        GridPoint(regime=f"{SUPER}[assets_above=6,000,000]", base=SUPER, values={GATE: 6e6}),
        GridPoint(regime=f"{SUPER}[assets_above=24,000,000]", base=SUPER, values={GATE: 24e6}),
    )


def test_two_sweeps_are_tried_each_with_each() -> None:
    sweeps = [read_sweep("assets_above=6e6,12e6"), read_sweep("institutions.cover=50,150")]
    names, points = over_grid("calm_day", [SUPER], sweeps)
    assert len(names) == 5 and points[4].values == {GATE: 12e6, "institutions.cover_percent": 150}
    assert points[4].regime == f"{SUPER}[assets_above=12,000,000, cover_percent=150]"
    assert regimes_named(f"{points[4].regime},{SUPER}") == [points[4].regime, SUPER]


def test_a_swept_number_is_an_assumption_and_nobody_vouches_for_it() -> None:
    as_it_stands = load_regime(SUPER)
    swept = load_regime(f"{SUPER}[{GATE}=24e6]")
    assert differences(as_it_stands, swept)[0] == (
        "individuals, wealth gate: more than 100,000,000 RUB -> more than 24,000,000 RUB"
    )
    assert provenance(swept, GATE) == "assumed"
    assert swept.status is RegimeStatus.COUNTERFACTUAL
    (told,) = (one.reason for one in swept.assumptions if one.key == GATE)
    assert told == "Swept over several values, to see what it does; the regime as it stands says 100,000,000."
    assert swept.title.startswith(
        "Test environment for especially qualified investors, assets above 24,000,000 RUB ("
    )
    sourced = load_regime(f"{QUALIFIED}[classes.qualified_individual.any_of.3.income_min_rub=1e6]")
    whole = "classes.qualified_individual.any_of.3"
    assert provenance(sourced, f"{whole}.income_min_rub") == "assumed"
    assert provenance(sourced, f"{whole}.income_years") == provenance(
        load_regime(QUALIFIED), f"{whole}.income_years"
    )


def test_a_number_that_the_file_leaves_out_can_be_swept() -> None:
    (_, (_name, capped, _day)), points = over_grid(
        "calm_day", [OPEN], [read_sweep("caps.capital_at_risk_rub=3e5")]
    )
    assert [list(point.values.values()) for point in points] == [[None], [3e5]]
    assert "capital at risk: no limit -> at most 300,000 RUB" in "\n".join(
        differences(load_regime(OPEN), load_regime(capped))
    )


def test_brackets_stay_behind_what_is_laid_over() -> None:
    name = with_clearing(f"{QUALIFIED}[institutions.cover_percent=50]", "risk")
    assert name == f"{QUALIFIED}+risk[institutions.cover_percent=50]"
    assert regime_name(name) == f"{QUALIFIED}_risk[cover_percent=50]"
    skin = over_grid("calm_day", [f"{QUALIFIED}+risk"], [read_sweep("skin_in_the_game=1e6,2e6")])[0][1].regime
    assert load_regime(skin).clearing.waterfall.skin_in_the_game == 1e8  # kopecks


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cash.gate=1,2", "cash.gate is not a number; name a number"),
        ("classes=1", "classes is not a number"),
        ("classes.super_individual.assets_abov=1", f"is not a key of this file; the nearest that is valid is “{GATE}”"),
        ("clases=1", "is not a key of this file; begin with “"),
        (f"{GATE}=6e6,12e6,6000000", "has the value 6,000,000 twice"),
        (f"{GATE}=12,000,000", "a comma stands between values, never inside a number"),
        (f"{GATE}=24m", "cannot be “24m”; write the number alone, in RUB: the key says the unit"),
        ("institutions.cover_percent=50%", "cannot be “50%”; write the number alone, in %"),
        (f"{GATE}=many", "cannot be “many”, which is no number"),
        (f"{GATE}=nan", "cannot be nan"),
        (f"{GATE}=1e400", "choose a number within reason"),
        (f"{GATE}=", "cannot be “”, which is no number"),
        (GATE, "names no values; write KEY=V1,V2"),
        ("scenario.population.sise=1", "is not a key of this file; the nearest that is valid is “population.size”"),
        ("scenario.population.size=-1", "population.size must be greater than or equal to 0, but is -1"),
        ("scenario.population.size=2.5", "population.size must be a whole number, but is 2.5"),
        ("scenario.makers.maker_alpha.spread_bp=-1", "maker_alpha.spread_bp must be greater than or equal to 0"),
        ("scenario.title=1", "title is not a number; name a number"),
        ("scenario.deposit_rub=1e3", "may be one of 2 numbers; name one: “makers.maker_alpha.deposit_rub” or"),
        ("scenario.magnitude=1,2", "magnitude is missing, so nobody knows what is to be scaled"),
        ("institutions.cover_percent=-1", "must lie between 0.01 and 10,000 percent, but is -1"),
        ("classes.super_individual.any_of.2.income_years=2.5", "income_years must be a whole number, but is 2.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_told(text: str, sentence: str) -> None:
    assert sentence in refused(text)


def test_a_key_that_may_be_several_numbers_is_refused_with_all_of_them() -> None:
    told = refused("classes.qualified_individual.assets_min=6e6", QUALIFIED)
    for way in (1, 2):
        assert f"“classes.qualified_individual.any_of.{way}.assets_min_rub”" in told


def test_one_key_cannot_be_swept_twice() -> None:
    with pytest.raises(ConfigurationError, match="is swept twice"):
        over_grid("calm_day", [SUPER], [read_sweep("assets_above=1e6"), read_sweep(f"{GATE}=2e6")])


def test_a_design_of_a_sweep_holds_what_every_point_is(tmp_path: Path) -> None:
    scenario = str(short_day(tmp_path))
    design = design_of(scenario, [SUPER], (1, 2), sweeps=["assets_above=24e6"], population=5)
    assert [regime.name for regime in design.regimes] == [point.regime for point in design.grid]
    assert "assets_above_rub = 24000000" in design.regimes[1].text


# --- of the scenario ------------------------------------------------------------------------------------

LEVER = "scenario.population.deposit_percent"


def test_a_number_of_the_scenario_is_swept_as_one_of_a_regime_is() -> None:
    every, points = over_grid("gap_move", [OPEN], [read_sweep("scenario.population.deposit=14,28,56")])
    assert [(one.name, one.regime, one.scenario) for one in every] == [
        (OPEN, OPEN, "gap_move"),
        (f"{OPEN}[scenario.deposit_percent=28]", OPEN, "gap_move[population.deposit_percent=28]"),
        (f"{OPEN}[scenario.deposit_percent=56]", OPEN, "gap_move[population.deposit_percent=56]"),
    ]
    assert [point.values for point in points] == [{LEVER: 14.0}, {LEVER: 28.0}, {LEVER: 56.0}]
    changed = read_scenario("gap_move[population.deposit_percent=28]")
    assert scenario_numbers(changed)[LEVER.removeprefix("scenario.")] == 28


def test_regime_and_scenario_are_swept_together() -> None:
    sweeps = [read_sweep("institutions.cover=50"), read_sweep("scenario.population.size=40")]
    every, points = over_grid("gap_move", [SUPER], sweeps)
    (_, one), (_, other) = every[0][1:], every[1][1:]
    assert (one, other) == ("gap_move", "gap_move[population.size=40]")
    assert points[1].regime == f"{SUPER}[cover_percent=50][scenario.size=40]"


def test_the_shock_of_a_scenario_is_swept_by_its_magnitude() -> None:
    every, points = over_grid("gap_move", [OPEN], [read_sweep("scenario.magnitude=20,37.5")])
    assert [one.scenario for one in every] == ["gap_move", "gap_move[magnitude=20]"]
    assert points[0].values == {"scenario.magnitude": 37.5}
    assert load_world("gap_move[magnitude=20]") == load_world("gap_move@20")


def test_a_changed_number_that_the_magnitude_moves_leaves_no_magnitude() -> None:
    changed = read_scenario("gap_move[index.knots.3.price_rub=7e6]")
    assert changed.magnitude is None
    kept = read_scenario("gap_move[population.size=40]@20")
    assert kept.magnitude is not None and kept.magnitude.stands_at == 20
    assert kept == read_scenario("gap_move@20[population.size=40]")


def test_a_design_holds_the_scenario_that_each_point_meets(tmp_path: Path) -> None:
    scenario = str(short_day(tmp_path))
    design = design_of(scenario, [OPEN], (1, 2), sweeps=["scenario.makers.maker_alpha.spread_bp=40"])
    stands, wider = (regime.name for regime in design.regimes)
    assert design.world_of(stands) == design.scenario
    assert "spread_bp = 40" in design.world_of(wider).text
    assert design.regimes[0].text == design.regimes[1].text
    tasks = {task.regime_id: task for task in cell_tasks(design, tmp_path)}
    assert tasks[stands].key.regime == tasks[wider].key.regime
    assert tasks[stands].key.scenario != tasks[wider].key.scenario


def test_one_size_for_all_and_a_sweep_over_sizes_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="is swept, and --population gives one size to all"):
        design_of(
            str(short_day(tmp_path)), [OPEN], (1,), sweeps=["scenario.population.size=8,9"], population=5
        )


def test_a_sweep_over_the_scenario_runs_is_read_again_and_is_verified(tmp_path: Path) -> None:
    """What the point of the grid came to is what the scenario with that number comes to by itself."""
    scenario = str(short_day(tmp_path))
    design = design_of(
        scenario, [OPEN], (1,), sweeps=["scenario.makers.maker_alpha.spread_bp=40"], population=6
    )
    compared = compare(design, tmp_path / "kept", run_cell, workers=1)
    assert not compared.failures
    stands, wider = compared.cells
    assert wider.value("quoted_spread") > 1.5 * stands.value("quoted_spread")
    alone = run_cell(f"{scenario}[makers.maker_alpha.spread_bp=40]", OPEN, 1, 6)
    assert alone.digest == wider.digest
    again = read_comparison(tmp_path / "kept")
    assert again.design == design
    assert verify(again, run_cell) == []
    titles = [regime.title for regime in background_of(again).regimes]
    assert titles[1] == titles[0].replace(" (", ", spread 40 bp (", 1)
    frontier = frontier_of(analyse(again.cells, MEASURES), again.design.grid)
    assert frontier is not None and frontier.about == "spread"


# --- the frontier ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Made-up runs: wider gates let in more, and hurt more of them."""
    names = ("super", "qualified", "open")
    design = Design(
        scenario=SourceFile(name="calm_day", source="calm_day", text="title = 'calm'"),
        regimes=tuple(SourceFile(name=name, source=name, text=f"id = '{name}'") for name in names),
        seeds=(1, 2, 3, 4),
        grid=tuple(
            GridPoint(regime=name, base="super", values={"gate_rub": value})
            for name, value in zip(names, (100e6, 12e6, None), strict=True)
        ),
    )
    return compare(design, tmp_path_factory.mktemp("swept"), fake_cells.run, workers=2)


def test_the_frontier_is_read_by_value_with_intervals(swept: Comparison) -> None:
    findings = analyse(swept.cells, MEASURES)
    frontier = frontier_of(findings, swept.design.grid)
    assert frontier is not None
    assert [point.label for point in frontier.points] == ["12,000,000 RUB", "100,000,000 RUB", "not set"]
    assert [point.on_frontier for point in frontier.points] == [
        True,
        True,
        True,
    ]  # each lets in more, and hurts more
    shares = [point.levels["admitted_share"] for point in frontier.points]
    assert shares[1].mean < shares[0].mean < shares[2].mean
    assert all(share.low < share.mean < share.high for share in shares)


def test_who_lets_in_fewer_and_hurts_more_is_not_on_the_frontier(swept: Comparison) -> None:
    worse = tuple(
        cell
        if cell.regime_id != "super"
        else type(cell)(
            **{
                name: getattr(cell, name)
                for name in ("regime_id", "key", "digest", "timeline", "outcomes", "check")
            },
            measures={**cell.measures, "losing_over_tenth": 50.0},
        )
        for cell in swept.cells
    )
    frontier = frontier_of(analyse(worse, MEASURES), swept.design.grid)
    assert frontier is not None
    assert [point.on_frontier for point in frontier.points] == [True, False, True]


def test_without_a_sweep_there_is_no_frontier(swept: Comparison) -> None:
    assert frontier_of(analyse(swept.cells, MEASURES), ()) is None


def test_a_sweep_is_read_again_and_verified(swept: Comparison) -> None:
    again = read_comparison(swept.folder)
    assert again.design.grid == swept.design.grid
    assert verify(again, fake_cells.run) == []

"""The shocks that ship do what they say: one whole run of each, with few people."""

from dataclasses import replace
from pathlib import Path

import pytest

from exchange.events import (
    Event,
    Layer,
    LayerUsed,
    LossAllocated,
    LossRestored,
    SettlementPriceFinal,
    TradeReported,
    VariationCleared,
    VariationMarked,
)
from exchange.units import DAY, HOUR, MINUTE, Time, weekday
from participants.population import MILLION, PopulationTerms, draw_population
from scenarios.config.regime_file import with_clearing
from scenarios.config.scenario_file import load_world
from scenarios.run import Finished, run, run_cell
from tests.scenarios.small_worlds import Kept, live

OPEN = "ru_open_counterfactual"


def times_of(kept: Kept, kind: type[Event]) -> list[Time]:
    return [entry.time for entry in kept.told if isinstance(entry.event, kind)]


def fitted(scenario: str, clearing: str, people: int, folder: Path) -> tuple[Finished, dict[str, float]]:
    """The run, and what it has of the published figures, by measure."""
    finished = run(scenario, with_clearing(OPEN, clearing), 1, folder, people)
    return finished, {row.measure: row.simulated for row in finished.fit if row.simulated is not None}


def test_a_cascade_closes_those_who_are_long_within_minutes(tmp_path: Path) -> None:
    finished, of = fitted("cascade_2025_10", "risk_crypto", 40, tmp_path / "run")
    assert finished.measures["closed_by_force"] >= 4
    assert 0.11 <= of["index_fall"] <= 0.14
    assert of["forced"] > 0.5 and of["forced_sales"] > 0.8
    assert of["depth_fall"] > 0.6


def test_a_market_loses_its_depth_with_its_largest_maker(tmp_path: Path) -> None:
    _, of = fitted("mm_withdrawal_2022_11", "full", 20, tmp_path / "run")
    assert 0.25 < of["depth_fall"] < 0.6


def test_a_perpetual_trades_below_the_price_outside_while_that_halves(tmp_path: Path) -> None:
    finished, of = fitted("crash_2020_03", "full", 10, tmp_path / "run")
    assert 0.44 < of["index_fall"] < 0.48
    assert of["discount"] > 0.01
    assert of["round_trip"] > 0.0025  # what it cost in a calm month
    assert finished.measures["closed_by_force"] == 0


def test_nothing_is_cleared_between_friday_and_monday() -> None:
    world = load_world("gap_over_weekend", 8)
    kept = live(world, with_clearing(OPEN, "risk_single_session"))
    marked, paid = times_of(kept, VariationMarked), times_of(kept, VariationCleared)
    friday = world.opens // DAY * DAY
    assert marked[0] == friday + 20 * HOUR + 50 * MINUTE  # 23:50 in Moscow
    assert friday + 3 * DAY + 17 * HOUR in paid  # 20:00 there, on Monday
    assert {weekday(time) for time in (*marked, *paid)} == {0, 4}
    assert {weekday(time) for time in times_of(kept, TradeReported)} == {0, 4}
    night = [t for t in times_of(kept, TradeReported) if marked[0] < t < friday + 3 * DAY + 5 * HOUR]
    assert night == []


@pytest.mark.parametrize(
    ("clearing", "marks", "pays"),
    [
        ("risk_daily", 16 * HOUR, 16 * HOUR),
        ("risk_realised_only", 15 * HOUR + 50 * MINUTE, 3 * DAY + 7 * HOUR),  # not on Saturday
    ],
)
def test_the_other_ways_of_clearing_on_working_days(clearing: str, marks: Time, pays: Time) -> None:
    """When Friday is marked, and when that is paid; before a position is closed nothing may be owed for it."""
    world = load_world("gap_over_weekend", 8)
    kept = live(world, with_clearing(OPEN, clearing))
    marked, paid = times_of(kept, VariationMarked), times_of(kept, VariationCleared)
    friday = world.opens // DAY * DAY
    assert friday + marks in marked and friday + pays in paid
    owed = sum(event.amount for event in kept.events(VariationMarked))
    assert (owed == 0) is (clearing == "risk_realised_only")
    assert {weekday(time) for time in (*marked, *paid)} == {0, 4}


def test_a_print_is_moved_and_a_mean_is_not() -> None:
    """Against the same day without the push, in ticks, of which eight are a basis point."""
    world = load_world("fixing_attack", 5)
    assert world.path is not None
    honest = replace(world, path=replace(world.path, attacks=()))
    pushed, fair = (
        [event.price for event in live(one).events(SettlementPriceFinal)] for one in (world, honest)
    )
    snapshot, mean, trades = [price - other for price, other in zip(pushed, fair, strict=True)]
    assert 80 < snapshot < 300
    assert 0 <= mean < 24 and 0 <= trades < 24


def test_what_is_frozen_in_time_comes_back_and_the_rest_is_shared() -> None:
    kept = live(load_world("hack_2026_04", 10))
    (loss,) = kept.events(LossAllocated)
    assert (loss.loss, loss.house) == (1_000 * MILLION, 50 * MILLION)
    restored = sum(event.amount for event in kept.events(LossRestored))
    assert 0.35 * loss.holders < restored < 0.5 * loss.holders  # 21 of 50 swaps were never made


def test_a_large_client_does_not_get_through_to_the_fund_of_the_others() -> None:
    kept = live(load_world("big_client_default", 10), with_clearing(OPEN, "risk_large_fund"))
    used = [(event.defaulter, event.layer) for event in kept.events(LayerUsed)]
    assert ("member_first", Layer.DEFAULTER_FUND_SHARE) in used
    assert not {Layer.SURVIVORS_FUND, Layer.ASSESSMENTS} & {layer for _, layer in used}


def test_each_gate_of_the_sweep_leaves_some_on_either_side() -> None:
    world = load_world("threshold_sweep")
    drawn = draw_population(1, PopulationTerms(size=world.population.size))
    wealth = [one.applicant.securities_and_deposits for one in drawn]
    above = [sum(assets >= gate * MILLION for assets in wealth) for gate in (6, 12, 24, 100)]
    assert above == sorted(above, reverse=True)
    assert min(above) > 5 and len(set(above)) == 4


def test_the_day_of_the_sweep_lets_fewer_in_where_the_gate_is_higher_and_shows_what_they_lose() -> None:
    admitted, lost = [], []
    for regime in ("ru_derivs_qual_2025", "ru_derivs_qual_2026"):
        cell = run_cell("threshold_sweep", regime, 1, 60)
        admitted.append(cell.measures["admitted_share"])
        lost.append(cell.measures["total_losses"])
    assert 0 < admitted[1] < admitted[0] < 100
    assert min(lost) > 0

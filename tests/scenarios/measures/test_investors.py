"""Investors: three of them and a market maker from outside, who together can only lose the fees."""

import math

import numpy as np
import pytest

from exchange.access.regime import ApplicantKind
from exchange.events import BucketSettled, LossShared
from exchange.instruments import ContractKind
from scenarios.measures import RunView, investors, outcomes
from scenarios.measures.measure import Measure
from tests.scenarios.measures.made import (
    Story,
    a_listing,
    a_profile,
    admitted,
    bucket_of,
    index,
    settled,
)

POPULATION = [
    a_profile("ann", assets_rub=10_000),
    a_profile("bob", assets_rub=100_000),
    a_profile("firm", assets_rub=1_000_000, kind=ApplicantKind.COMPANY),
    a_profile("out", assets_rub=500),
]


@pytest.fixture
def view() -> RunView:
    """Whoever takes pays 10 RUB a trade. Ann -2,000, Bob +1,500, the firm -500 before fees."""
    listed = a_listing()
    story = Story().at(0, listed, *(admitted(who) for who in ("ann", "bob", "firm")))
    for buyer, seller in (("ann", "maker"), ("maker", "bob"), ("firm", "maker")):
        story.trade(10, buyer, seller, 1, 80_000, fees=(0, 1_000))
    gains = {"ann": -200_000, "bob": 150_000, "firm": -50_000, "maker": 100_000}
    story.at(20, *(settled(who, gain, bucket_of(listed)) for who, gain in gains.items()))
    story.at(20, BucketSettled(bucket_id=bucket_of(listed), pool=0, holders=4))
    return story.seen(POPULATION)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [  # takers paid 10 RUB: ann 2,010 down; the maker was the taker of Bob's offer; the firm 510 down
        (investors.result_individuals, -2_010 + 1_500),
        (investors.result_firms, -510),
        (investors.result_professionals, 990),
        (investors.zero_sum_gap, 0.0),
        (investors.share_losing, 100 * 2 / 3),
        (investors.population_losing, 50.0),
        (investors.mean_result, (-2_010 + 1_500 - 510) / 3),
        (investors.median_result, -510),
        (
            investors.p5_result,
            -2_010 + 0.1 * 1_500,
        ),  # a tenth of the way from the first to the second of three
        (investors.p1_result, -2_010 + 0.02 * 1_500),
        (investors.total_losses, 2_520),
        (investors.loss_share_of_assets, 100 * 2_520 / 1_010_000),
        (investors.losing_over_tenth, 100 / 3),
    ],
    ids=lambda value: value.name if isinstance(value, Measure) else "",
)
def test_who_gained_and_who_lost(view: RunView, measure: Measure, expected: float) -> None:
    assert measure.function(view) == pytest.approx(expected)


def test_money_that_comes_from_nowhere_is_noticed() -> None:
    story = Story().at(0, a_listing()).at(1, settled("ann", 12_345, "somewhere"))
    assert investors.zero_sum_gap.function(story.seen(POPULATION)) == 123.45


def test_what_is_still_open_counts_at_the_last_index() -> None:
    story = Story().at(0, a_listing(), index(80_000)).trade(1, "ann", "bob", 2, 80_000)
    story.at(2, index(70_000)).trade(3, "bob", "ann", 1, 75_000)
    table = outcomes(story.seen(POPULATION))
    # ann bought two at 80,000 and sold one at 75,000; what is left is worth 70,000: 500 and 1,000 RUB down
    assert table["result"][:2].tolist() == [-1_500.0, 1_500.0]


def test_an_open_claim_cannot_lose_beyond_its_collar() -> None:
    story = Story().at(0, a_listing(floor=40_000)).trade(1, "ann", "bob", 1, 80_000).at(2, index(10_000))
    assert outcomes(story.seen(POPULATION))["result"][0] == -4_000.0


def test_an_open_option_counts_as_if_it_expired_at_the_last_index() -> None:
    story = Story().at(0, a_listing("CALL", kind=ContractKind.CALL, strike=80_000))
    story.trade(1, "ann", "bob", 1, 5_000, instrument_id="CALL").at(2, index(90_000))
    table = outcomes(story.seen(POPULATION))
    assert table["result"][:2].tolist() == [500.0, -500.0]
    assert table["executed_notional"][0] == 8_000.0  # at the strike, not at the premium


def test_spot_is_marked_too() -> None:
    """Also when the futures of the same underlying and expiry have been settled."""
    spot = a_listing("SPOT", kind=ContractKind.SPOT)
    story = Story().at(0, spot, index(80_000)).trade(1, "ann", "bob", 1, 80_000, instrument_id="SPOT")
    story.at(2, index(90_000), BucketSettled(bucket_id=bucket_of(spot), pool=0, holders=0))
    view = story.seen(POPULATION)
    assert outcomes(view)["result"][:2].tolist() == [1_000.0, -1_000.0]
    assert investors.zero_sum_gap.function(view) == 0.0


def test_coins_destroyed_are_a_loss_but_nobodys_gain() -> None:
    story = Story().at(0, a_listing(), LossShared(participant_id="ann", asset_id="RUBD", amount=5_000))
    view = story.seen(POPULATION)
    assert investors.total_losses.function(view) == 50.0
    assert investors.zero_sum_gap.function(view) == 0.0


def test_every_participant_has_a_row(view: RunView) -> None:
    table = outcomes(view)
    assert table["participant_id"].tolist() == ["ann", "bob", "firm", "out", "maker"]
    assert table["class_id"].tolist() == ["qualified", "qualified", "qualified", "refused", "professional"]
    assert table["admitted"].tolist() == [True, True, True, False, True]
    assert table["traded"].tolist() == [True, True, True, False, True]
    assert table["executed_notional"].tolist() == [8_000.0, 8_000.0, 8_000.0, 0.0, 8_000.0]
    assert table["share_of_assets"][0] == pytest.approx(-0.201)
    assert np.isnan(table["share_of_assets"][-1])  # an outsider declares nothing


def test_results_are_told_of_the_rich_and_of_the_less_wealthy_half() -> None:
    listed, people = (
        a_listing(),
        [a_profile("ann", decile=10), a_profile("bob", decile=5), a_profile("cy", decile=6)],
    )
    gains = {"ann": -300, "bob": 500, "cy": -200}
    story = Story().at(0, listed).trade(1, "ann", "bob", 1, 80_000)
    story.at(2, *(settled(who, 100 * gain, bucket_of(listed)) for who, gain in gains.items()))
    view = story.at(2, BucketSettled(bucket_id=bucket_of(listed), pool=0, holders=3)).seen(people)
    assert investors.result_top_decile.function(view) == -300.0
    assert investors.result_bottom_half.function(view) == 500.0


def test_nobody_traded() -> None:
    calm = Story().seen(POPULATION)
    assert math.isnan(investors.share_losing.function(calm))
    assert math.isnan(investors.p5_result.function(calm))
    assert investors.population_losing.function(calm) == 0.0
    assert investors.total_losses.function(calm) == 0.0

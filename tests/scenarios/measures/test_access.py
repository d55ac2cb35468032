"""Access: four investors, a market maker that is none of them, and ten orders."""

import math

import pytest

from exchange.access.regime import ApplicantKind
from exchange.reasons import RejectReason
from participants.profile import Style
from scenarios.measures import RunView, access, admitted_by_decile, house
from scenarios.measures.measure import Measure
from tests.scenarios.measures.made import Story, a_listing, a_profile, accepted, admitted, rejected

POPULATION = [
    a_profile("rich", decile=10, desired_rub=100_000),
    a_profile("able", decile=6, desired_rub=20_000),
    a_profile("poor", decile=2, desired_rub=10_000),
    a_profile("idle", decile=1, desired_rub=10_000),
    a_profile("maker", decile=10, kind=ApplicantKind.INSTITUTION, style=Style.MARKET_MAKER),
]


@pytest.fixture
def view() -> RunView:
    story = Story().at(0, a_listing(), admitted("rich", limit=6_000_000), admitted("poor"), admitted("maker"))
    story.trade(60, "rich", "maker", 3, 80_000)
    story.trade(70, "maker", "rich", 1, 81_000)
    story.trade(80, "poor", "maker", 1, 70_000)
    story.at(90, *(accepted("rich", order_id) for order_id in range(6)))
    story.at(
        95,
        rejected("able", RejectReason.PRODUCT_NOT_PERMITTED),
        rejected("idle", RejectReason.KNOWLEDGE_TEST_REQUIRED),
        rejected("poor", RejectReason.INSUFFICIENT_CASH),
        rejected("rich", RejectReason.PRICE_OUTSIDE_BAND),
    )
    return story.seen(POPULATION, offshore_share_bp=2_500, waiting_share_bp=1_000)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (access.admitted_share, 50.0),  # rich and poor, of four
        (access.admitted_top_decile, 100.0),
        (access.admitted_bottom_half, 50.0),  # poor, but not idle
        (access.desired_notional, 140_000.0),
        (access.admitted_notional, 70_000.0),  # rich up to its limit of 60,000, and poor
        (access.admitted_notional_share, 50.0),
        (access.executed_notional, 31_000.0),  # rich held 3 lots at 8,000, poor one at 7,000
        (access.executed_notional_share, 100 * 31 / 140),
        (access.orders_refused_access, 20.0),
        (access.orders_refused_market, 10.0),
        (house.orders_refused_cover, 10.0),
        (access.leaked_offshore, 17_500.0),  # a quarter of the 70,000 that were refused
        (access.waiting_demand, 7_000.0),
        (access.vanished_demand, 45_500.0),
    ],
    ids=lambda value: value.name if isinstance(value, Measure) else "",
)
def test_who_is_let_in_and_what_becomes_of_their_wishes(
    view: RunView, measure: Measure, expected: float
) -> None:
    assert measure.function(view) == pytest.approx(expected)


def test_every_reason_to_refuse_an_order_belongs_to_one_group() -> None:
    grouped = access.ACCESS_REASONS + access.COVER_REASONS + access.MARKET_REASONS
    assert sorted(grouped) == sorted(RejectReason)


def test_the_share_of_each_wealth_decile(view: RunView) -> None:
    by_decile = admitted_by_decile(view)
    assert by_decile["wealth_decile"].tolist() == list(range(1, 11))
    shares = by_decile["admitted_share"].tolist()
    assert (shares[0], shares[1], shares[5], shares[9]) == (0.0, 100.0, 0.0, 100.0)
    assert math.isnan(shares[2])  # nobody of that decile was drawn


def test_nobody_and_nothing() -> None:
    nobody = Story().seen()
    assert math.isnan(access.admitted_share.function(nobody))
    assert math.isnan(access.orders_refused_access.function(nobody))
    assert access.desired_notional.function(nobody) == 0.0
    assert access.leaked_offshore.function(nobody) == 0.0

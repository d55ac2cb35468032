"""The house: collateral by worked examples E2 and E3, and escrow that does or does not suffice."""

import math

import numpy as np
import pytest

from exchange.events import BooksAudited, BucketSettled, LossAllocated, PositionTierPassed, SoftCapPassed
from exchange.instruments import ContractKind
from exchange.reasons import RejectReason
from exchange.units import SECOND
from scenarios.measures import RunView, house
from scenarios.measures.reading import locked_at
from tests.scenarios.measures.made import Story, a_listing, accepted, bucket_of, index, rejected


def audited(escrow_rub: int) -> BooksAudited:
    return BooksAudited(
        checks=1, ledger_head="", claims=0, escrow=escrow_rub * 100, open_interest=0, supply=0, mobile=0
    )


def e2() -> Story:
    """A buys 10 from B at 8.0m, then sells 5 to C at 8.4m: E2 puts 160,000.00 into the pool, at all times."""
    story = Story().at(0, a_listing(expiry_s=3_000), index(80_000)).trade(0, "A", "B", 10, 80_000)
    return story.trade(600, "C", "A", 5, 84_000)


def test_collateral_of_example_e2() -> None:
    view = e2().seen()
    assert house.locked_peak.function(view) == 160_000.0
    assert house.collateral_per_open_interest.function(view) == pytest.approx(160_000 / 80_000)


def test_collateral_is_freed_at_settlement() -> None:
    listed = a_listing(expiry_s=1_800)
    story = Story().at(0, listed, index(80_000)).trade(0, "A", "B", 10, 80_000)
    story.at(1_830, BucketSettled(bucket_id=bucket_of(listed), pool=16_000_000, holders=2), audited(0))
    view = story.seen()
    assert house.uncovered_peak.function(view) == 0.0  # neither at the settlement nor at the audit after it
    assert house.settlement_wait.function(view) == pytest.approx(0.5)


def test_claims_in_one_bucket_net() -> None:
    """Two series of one expiry: long one and short the other at the same price can lose nothing."""
    story = Story().at(0, a_listing("ONE"), a_listing("TWO"), index(80_000))
    story.trade(1, "A", "B", 1, 80_000, instrument_id="ONE").trade(
        2, "B", "A", 1, 80_000, instrument_id="TWO"
    )
    assert house.locked_peak.function(story.seen()) == 16_000.0  # after the first trade; nothing after both
    assert house.uncovered_peak.function(story.at(3, audited(0)).seen()) == 0.0


def test_a_straddle_of_example_e3() -> None:
    """Short ten straddles: 70,000.00. Long ten: the premiums, 10,000.00, lost where both expire worthless."""
    call = a_listing("CALL", kind=ContractKind.CALL, strike=80_000)
    put = a_listing("PUT", kind=ContractKind.PUT, strike=80_000)
    story = Story().at(0, call, put).trade(1, "long", "short", 10, 5_000, instrument_id="CALL")
    view = story.trade(2, "long", "short", 10, 5_000, instrument_id="PUT").seen(closes=60)
    assert locked_at(view, np.array([1, 2]) * SECOND).tolist() == [8_000_000.0, 8_000_000.0]
    assert house.locked_peak.function(view) == 80_000.0


def test_uncovered_exposure_is_reckoned_and_not_presumed() -> None:
    covered = e2().at(700, audited(160_000)).seen()
    assert house.uncovered_peak.function(covered) == 0.0
    short = e2().at(700, audited(160_000)).at(800, audited(150_000)).at(900, audited(170_000)).seen()
    assert house.uncovered_peak.function(short) == 10_000.0
    assert math.isnan(house.uncovered_peak.function(e2().seen()))  # neither audited nor settled


def test_a_pool_that_cannot_pay_what_it_may_owe_is_noticed() -> None:
    listed = a_listing(expiry_s=1_800)
    story = Story().at(0, listed, index(80_000)).trade(0, "A", "B", 10, 80_000)
    story.at(1_830, BucketSettled(bucket_id=bucket_of(listed), pool=15_999_900, holders=2))
    assert house.uncovered_peak.function(story.seen()) == 1.0


def test_fees_and_the_own_layer() -> None:
    loss = LossAllocated(asset_id="RUBD", loss=50_000, house=20_000, holders=30_000)
    story = Story().at(0, a_listing()).trade(1, "A", "B", 1, 80_000, fees=(100, 250)).at(2, loss)
    assert house.fees_earned.function(story.seen()) == 3.5
    assert house.own_layer_used.function(story.seen()) == 200.0


def test_what_own_funds_did_not_bear_and_what_bounds_were_passed() -> None:
    """Of five orders one was too much for the sender's own funds, one for those of its member, one for its cash."""
    reasons = (RejectReason.OWN_FUNDS_COVER, RejectReason.MEMBER_CAPACITY, RejectReason.INSUFFICIENT_CASH)
    story = Story().at(0, a_listing(), accepted("A", 1), accepted("B", 2))
    story.at(1, *(rejected("bank", reason) for reason in reasons))
    story.at(2, SoftCapPassed(participant_id="bank", at_risk=101, cap=100))
    story.at(
        3, *(PositionTierPassed(participant_id="A", coin="BTC", tier=tier, units=tier) for tier in (1, 2))
    )
    view = story.seen()
    assert house.orders_refused_own_funds.function(view) == pytest.approx(100 * 2 / 5)
    assert house.orders_refused_cover.function(view) == pytest.approx(100 * 3 / 5)
    assert house.soft_caps_passed.function(view) == 1.0
    assert house.position_tiers_passed.function(view) == 2.0


def test_a_house_without_business() -> None:
    idle: RunView = Story().seen()
    assert house.locked_peak.function(idle) == 0.0
    assert house.fees_earned.function(idle) == 0.0
    assert math.isnan(house.collateral_per_open_interest.function(idle))
    assert math.isnan(house.settlement_wait.function(idle))
    assert math.isnan(house.orders_refused_cover.function(idle))

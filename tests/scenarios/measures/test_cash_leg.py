"""The cash leg: a freeze half-way through the hour, and three holders who want their money."""

import math

import pytest

from exchange.events import (
    CashDeposited,
    CashPriced,
    CashRequestRejected,
    CustodyGated,
    CustodyReopened,
    LossAllocated,
    VariationPaid,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal
from scenarios.measures import RunView, cash_leg
from scenarios.measures.measure import Measure
from tests.scenarios.measures.made import Story, settled


def deposited(who: str, rub: int, asset_id: str = "RUBD") -> CashDeposited:
    return CashDeposited(participant_id=who, asset_id=asset_id, amount=rub * 100)


def asked(who: str, number: int, rub: int, asset_id: str = "RUBD") -> WithdrawalRequested:
    return WithdrawalRequested(participant_id=who, withdrawal_id=number, asset_id=asset_id, amount=rub * 100)


def arrived(who: str, number: int, rub: int, asset_id: str = "RUBD") -> WithdrawalCompleted:
    return WithdrawalCompleted(participant_id=who, withdrawal_id=number, asset_id=asset_id, amount=rub * 100)


def refused(who: str, rub: int, reason: CashRefusal, request: str = "WithdrawCash") -> CashRequestRejected:
    return CashRequestRejected(
        participant_id=who, request=request, asset_id="RUBD", amount=rub * 100, available=0, reason=reason
    )


@pytest.fixture
def view() -> RunView:
    """Frozen from 1,800 s to 2,700 s: 60 of 80 coins. Ann gets all, late, Bob a part, Cat nothing."""
    story = Story().at(0, *(deposited(who, 100) for who in ("ann", "bob", "cat", "dan")))
    story.at(600, asked("dan", 1, 40)).at(660, arrived("dan", 1, 40))
    story.at(1_800, CustodyGated(asset_id="RUBD", mobile=2_000, frozen=6_000))
    story.at(1_860, refused("ann", 100, CashRefusal.GATED)).at(1_920, refused("ann", 100, CashRefusal.GATED))
    story.at(1_980, refused("bob", 100, CashRefusal.GATED)).at(2_040, asked("bob", 2, 30))
    story.at(2_100, refused("cat", 100, CashRefusal.WALLET_FROZEN), arrived("bob", 2, 30))
    story.at(2_200, refused("dan", 999, CashRefusal.INSUFFICIENT_FUNDS))
    story.at(2_300, refused("dan", 50, CashRefusal.WALLET_FROZEN, "DepositCash"))
    story.at(2_700, CustodyReopened(asset_id="RUBD", mobile=8_000)).at(2_760, asked("ann", 3, 100))
    return story.at(2_820, arrived("ann", 3, 100)).seen()


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (cash_leg.frozen_share, 75 * 900 / 3_600),
        (cash_leg.lowest_mobile_share, 25.0),
        (cash_leg.withdrawals_blocked, 100 * 4 / 7),  # of dan's only the one within his means counts
        (cash_leg.withdrawals_completed, 100 * 170 / 340),  # asked: dan 40, ann, bob and cat 100 each
        # minutes: dan 1; ann from 1,860 to 2,820; bob from 1,980 to 2,100; cat from 2,100 to the close
        (cash_leg.withdrawal_wait, (1 + 16 + 2 + 25) / 4),
        (cash_leg.holders_leaving, 75.0),
        (cash_leg.moved_within_hour, 100 * 130 / 300),
    ],
    ids=lambda value: value.name if isinstance(value, Measure) else "",
)
def test_a_freeze_and_its_end(view: RunView, measure: Measure, expected: float) -> None:
    assert measure.function(view) == pytest.approx(expected)


def test_what_the_issuers_ledger_sent_back_was_blocked() -> None:
    back = WithdrawalReturned(
        participant_id="ann",
        withdrawal_id=1,
        asset_id="RUBD",
        amount=10_000,
        reason=CashRefusal.WALLET_FROZEN,
    )
    view = Story().at(600, asked("ann", 1, 100)).at(602, back).at(3_000, asked("ann", 2, 100)).seen()
    assert cash_leg.withdrawals_blocked.function(view) == 50.0
    assert cash_leg.withdrawals_completed.function(view) == 0.0
    assert cash_leg.withdrawal_wait.function(view) == pytest.approx(50.0)


def test_only_the_settlement_coin_counts() -> None:
    story = Story().at(0, asked("ann", 1, 100, "USDX"), CustodyGated(asset_id="USDX", mobile=0, frozen=1))
    view = story.at(60, arrived("ann", 1, 100, "USDX")).seen()
    assert math.isnan(cash_leg.withdrawals_completed.function(view))
    assert cash_leg.lowest_mobile_share.function(view) == 100.0


def test_coins_destroyed() -> None:
    lost = LossAllocated(asset_id="RUBD", loss=50_000, house=20_000, holders=30_000)
    view = Story().at(0, lost).seen()
    assert cash_leg.coins_lost.function(view) == 300.0


def test_a_day_without_a_freeze() -> None:
    calm = Story().at(0, deposited("ann", 1)).seen()
    assert cash_leg.frozen_share.function(calm) == 0.0
    assert cash_leg.lowest_mobile_share.function(calm) == 100.0
    for measure in (cash_leg.holders_leaving, cash_leg.moved_within_hour, cash_leg.withdrawal_wait):
        assert math.isnan(measure.function(calm))


def test_what_arrives_later_was_not_moved_within_the_hour() -> None:
    story = Story().at(0, deposited("ann", 9), CustodyGated(asset_id="RUBD", mobile=1, frozen=1))
    story.at(3_590, asked("ann", 1, 4), asked("ann", 2, 4)).at(3_595, arrived("ann", 1, 4))
    view = story.at(3_605, arrived("ann", 2, 4)).seen(closes=7_200)
    assert cash_leg.moved_within_hour.function(view) == 50.0
    assert cash_leg.withdrawals_completed.function(view) == 100.0


def test_a_freeze_of_nothing() -> None:
    empty = Story().at(60, CustodyGated(asset_id="RUBD", mobile=0, frozen=0)).seen()
    assert cash_leg.frozen_share.function(empty) == 0.0
    assert math.isnan(cash_leg.holders_leaving.function(empty))


def test_what_is_asked_after_the_close_has_not_waited() -> None:
    """A run goes on for a minute after the close: who still waits then is counted up to the close."""
    story = Story().at(3_000, asked("ann", 1, 4)).at(3_630, asked("bob", 2, 4))
    view = story.at(3_640, arrived("ann", 1, 4)).seen()
    assert cash_leg.withdrawal_wait.function(view) == 10.0


def priced(price_ppm: int) -> CashPriced:
    return CashPriced(asset_id="RUBD", price_ppm=price_ppm, source="book")


def test_a_discount_at_its_deepest_and_over_time() -> None:
    """At par for half an hour, a quarter at 88%, a quarter above par: what is above makes up for nothing."""
    view = Story().at(1_800, priced(880_000)).at(2_700, priced(1_010_000)).seen()
    assert cash_leg.peak_discount.function(view) == pytest.approx(12.0)
    assert cash_leg.mean_discount.function(view) == pytest.approx(3.0)
    calm = Story().seen()
    assert cash_leg.peak_discount.function(calm) == cash_leg.mean_discount.function(calm) == 0.0


def test_gains_that_are_paid_in_coins_below_par_are_worth_less() -> None:
    """Ann is paid 100 at 90% and gains 50 at 80%: 10 and 10 less than was owed. What Bob pays is nobody's loss."""
    sides = (("ann", 10_000), ("bob", -10_000))
    paid = [VariationPaid(participant_id=who, asset_id="RUBD", amount=amount) for who, amount in sides]
    story = Story().at(0, priced(900_000)).at(10, *paid)
    view = (
        story.at(20, priced(800_000)).at(30, settled("ann", 5_000, "B"), settled("bob", -5_000, "B")).seen()
    )
    assert cash_leg.real_value_transfer.function(view) == pytest.approx(20.0)

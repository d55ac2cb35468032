"""Back to roubles: a queue of three tickets, and reserves that shrink."""

import math

import pytest

from exchange.cash.terms import ReserveStatus
from exchange.events import (
    CoinsMinted,
    CoinsRedeemed,
    RedemptionCanceled,
    RedemptionRequested,
    ReservesAttested,
    ReserveStatusChanged,
    SupplyExceedsReserves,
)
from scenarios.measures import redemption
from tests.scenarios.measures.made import Story


def minted(rub: int, asset_id: str = "RUBD") -> CoinsMinted:
    return CoinsMinted(asset_id=asset_id, wallet_id="w", amount=rub * 100, supply=rub * 100)


def handed_in(ticket: int, rub: int) -> RedemptionRequested:
    return RedemptionRequested(asset_id="RUBD", ticket_id=ticket, wallet_id="w", amount=rub * 100, fee=0)


def paid(ticket: int, rub: int, supply: int = 1_000) -> CoinsRedeemed:
    return CoinsRedeemed(
        asset_id="RUBD", wallet_id="w", amount=rub * 100, supply=supply * 100, ticket_id=ticket
    )


def taken_back(ticket: int, rub: int) -> RedemptionCanceled:
    return RedemptionCanceled(asset_id="RUBD", ticket_id=ticket, wallet_id="w", amount=rub * 100)


def test_a_queue_and_its_waits() -> None:
    """100 + 200 + 50 wait; the first is paid in two parts by minute 30, the third taken back at minute 40, the second
    waits to the close from minute 10."""
    story = Story().at(0, minted(1_000), handed_in(1, 100)).at(600, handed_in(2, 200), handed_in(3, 50))
    story.at(1_200, paid(1, 60)).at(1_800, paid(1, 40)).at(2_400, taken_back(3, 50))
    view = story.at(3_000, paid(2, 150)).seen()
    assert redemption.redemption_queue_peak.function(view) == 350.0
    assert redemption.redemption_wait.function(view) == pytest.approx((30 + 50 + 30) / 3)


def test_coins_redeemed_are_told_of_a_coin_and_of_no_bank_money() -> None:
    view = Story().at(0, minted(1_000)).at(60, paid(0, 125)).at(90, paid(0, 25)).seen()
    assert redemption.coins_redeemed.function(view) == 150.0
    assert redemption.coins_redeemed.function(Story().at(0, minted(1_000)).seen()) == 0.0
    assert math.isnan(redemption.coins_redeemed.function(Story().seen()))


def test_what_is_paid_at_once_never_waited() -> None:
    view = Story().at(0, minted(1_000)).at(60, handed_in(1, 100), paid(1, 100)).seen()
    assert redemption.redemption_queue_peak.function(view) == 0.0
    assert redemption.redemption_wait.function(view) == 0.0


def test_what_a_wind_down_pays_unasked_was_in_no_queue() -> None:
    view = Story().at(0, minted(1_000)).at(60, paid(0, 400)).at(90, handed_in(1, 100)).seen()
    assert redemption.redemption_queue_peak.function(view) == 100.0


def test_the_lowest_ratios_that_were_told() -> None:
    """1,000 out: 82.5 stuck, later 100 redeemed of them and 90 lost beyond: 810 of 900."""
    story = Story().at(0, minted(1_000))
    stuck = {"asset_id": "RUBD", "bucket": "b", "status": ReserveStatus.STUCK, "lost": 0}
    story.at(60, ReserveStatusChanged(**stuck, book=100_000, accessible=91_750))
    story.at(90, handed_in(1, 100), paid(1, 100, supply=900))
    story.at(120, SupplyExceedsReserves(asset_id="RUBD", supply=90_000, book=81_000, shortfall=9_000))
    view = story.at(
        150, ReservesAttested(asset_id="RUBD", supply=90_000, book=90_000, accessible=90_000, liquid=0)
    ).seen()
    assert redemption.lowest_reserve_ratio.function(view) == pytest.approx(90.0)
    assert redemption.lowest_accessible_ratio.function(view) == pytest.approx(91.75)


def test_reserves_above_the_supply_are_not_more_than_all() -> None:
    story = Story().at(0, minted(1_000))
    more = ReservesAttested(asset_id="RUBD", supply=100_000, book=120_000, accessible=110_000, liquid=0)
    view = story.at(9, more).seen()
    assert redemption.lowest_reserve_ratio.function(view) == 100.0
    assert redemption.lowest_accessible_ratio.function(view) == 100.0


def test_money_proper_has_no_issuer() -> None:
    view = Story().at(0, minted(1_000, "RUBX")).seen()
    assert all(math.isnan(measure.function(view)) for measure in redemption.MEASURES)

"""An account falls below its maintenance margin and the house cuts it down, no further than to the next safe state."""

import pytest

from exchange.clearing import accounts
from exchange.clearing.liquidation import LiquidationTerms, MarginState
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import DefaultReason, HouseLayer
from exchange.events import (
    DefaultDeclared,
    Event,
    LiquidationStep,
    MarginCalled,
    MarginStateChanged,
    TradeReported,
)
from exchange.units import DAY, HOUR, MINUTE, SECOND, Money
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CLOSES,
    CYD,
    OPENS,
    ROUBLE,
    RUBD,
    SELL,
    Venue,
    a_patient_index,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
)

PLAIN = {
    "variation": cleared_at(6 * HOUR),
    "scenarios": ScenarioTerms(extreme_moves_bp=(), mm_ratio_bp=5_000),
}


def a_venue(equity: Money, **liquidation: object) -> Venue:
    """Ann is long 100 lots from 10.0m, the price has fallen to 8.0m, and so much of her money is left.

    Initial margin is 128,000.00, maintenance margin 64,000.00; Cyd would buy them all at 8.0m.
    """
    terms = LiquidationTerms(**liquidation)  # type: ignore[arg-type]
    series = future(expiry=CLOSES + DAY)
    venue = Venue(series, regime=a_risk_regime(liquidation=terms, **PLAIN), index=a_patient_index())
    venue.admit(ANN, 200_000 * ROUBLE + equity)
    for name in (BOB, CYD):
        venue.admit(name)
    venue.quote(1_000_000_000)
    venue.wait_until(OPENS + 30 * SECOND)
    venue.trade(ANN, BOB, 100, 100_000)
    venue.rest(CYD, BUY, 1_000, 80_000)
    return venue


def fall(venue: Venue) -> list[Event]:
    venue.quote(800_000_000)
    return venue.wait_until(OPENS + 40 * SECOND)


def states(events: list[Event]) -> list[MarginState]:
    return [event.state for event in of_kind(events, MarginStateChanged) if event.participant_id == ANN]


def insurance(venue: Venue) -> Money:
    return int(venue.state.ledger.posted(accounts.layer(HouseLayer.INSURANCE, RUBD)))


def test_eight_lots_bring_it_back_above_maintenance_margin() -> None:
    """E25: 60,000.00 are left; eight lots at a fee of 1.5% leave 59,040.00, and 92 lots need 58,880.00."""
    venue = a_venue(60_000 * ROUBLE)
    events = fall(venue)
    assert [event.quantity for event in of_kind(events, TradeReported)] == [8]
    assert (venue.position(ANN), venue.standing(ANN).equity) == (92, 59_040 * ROUBLE)
    assert insurance(venue) == 960 * ROUBLE
    assert states(events) == [MarginState.LIQUIDATING, MarginState.CALL]
    last = of_kind(events, MarginStateChanged)[-1]
    assert (last.equity, last.maintenance) == (59_040 * ROUBLE, 58_880 * ROUBLE)


def test_no_lot_is_given_away_below_the_price_at_which_nothing_would_be_left() -> None:
    """60,000.00 behind 100 lots are 600.00 each: none is sold below 7.4m."""
    venue = a_venue(60_000 * ROUBLE)
    (step,) = of_kind(fall(venue), LiquidationStep)
    assert (step.quantity, step.limit) == (8, 74_000)


def test_what_takes_47_lots_is_done_at_most_a_tenth_at_a_time() -> None:
    """E25: 40,000.00 are left; each step closes a tenth of what is held, a minute apart."""
    venue = a_venue(40_000 * ROUBLE, backstop_share=(0, 1))
    events = fall(venue) + venue.wait_until(OPENS + 40 * SECOND + 10 * MINUTE)
    steps = [event.quantity for event in of_kind(events, LiquidationStep)]
    assert (steps, venue.position(ANN)) == ([10, 9, 8, 7, 6, 6, 1], 53)
    assert states(events) == [MarginState.LIQUIDATING, MarginState.CALL]


def test_with_steps_as_large_as_it_takes_47_are_enough() -> None:
    """E25: the same account, cut down at once."""
    venue = a_venue(40_000 * ROUBLE, backstop_share=(0, 1), step_share_bp=10_000)
    assert [event.quantity for event in of_kind(fall(venue), LiquidationStep)] == [47]
    assert venue.standing(ANN).equity == 34_360 * ROUBLE  # 53 lots need 33,920.00


@pytest.mark.parametrize("backstop_share", [(0, 1), (2, 3)])
def test_what_no_step_can_cure_goes_to_default_management_at_once(backstop_share: tuple[int, int]) -> None:
    """E25: 5,000.00 are left, less than the fees of closing: the position is not cut down but taken over."""
    venue = a_venue(5_000 * ROUBLE, backstop_share=backstop_share)
    events = fall(venue)
    assert not of_kind(events, LiquidationStep)[1:]
    (declared,) = of_kind(events, DefaultDeclared)
    assert (declared.defaulter, declared.reason) == (ANN, DefaultReason.BEYOND_STEPS)


def test_money_that_comes_in_time_ends_it() -> None:
    """Without a buyer nothing is closed in the first minutes; 68,000.00 more, and no lot is."""
    venue = a_venue(60_000 * ROUBLE)
    venue.cancel(CYD, next(iter(venue.state.seats[CYD].orders)))
    events = fall(venue)
    (called,) = of_kind(events, MarginCalled)
    assert (called.amount, called.deadline) == (68_000 * ROUBLE, OPENS + HOUR + 40 * SECOND)
    venue.pay_in(ANN, 68_000 * ROUBLE)
    events = venue.wait_until(OPENS + 2 * HOUR)
    assert states(events) == [MarginState.NORMAL]
    assert venue.position(ANN) == 100


def test_whoever_closes_the_rest_itself_is_left_alone() -> None:
    """Between two steps Ann sells all that she has left; the next step finds nothing to close."""
    venue = a_venue(40_000 * ROUBLE, backstop_share=(0, 1), interval=45 * SECOND)
    fall(venue)
    assert venue.position(ANN) == 90
    venue.place(ANN, SELL, 90, 80_000)
    assert (venue.position(ANN), venue.standing(ANN).state) == (0, MarginState.LIQUIDATING)
    events = venue.wait_until(OPENS + 5 * MINUTE)
    assert not of_kind(events, LiquidationStep) and states(events) == [MarginState.NORMAL]
    assert venue.free_cash(ANN) == 40_000 * ROUBLE - 1_200 * ROUBLE  # the loss is set aside for the clearing


def test_whoever_pays_in_between_two_steps_is_cut_down_no_further() -> None:
    """After the first step 38,800.00 are left, and 90 lots need 57,600.00: what is missing comes in just in time."""
    venue = a_venue(40_000 * ROUBLE, backstop_share=(0, 1), interval=45 * SECOND)
    fall(venue)
    venue.pay_in(ANN, 18_800 * ROUBLE)
    events = venue.wait_until(OPENS + 5 * MINUTE)
    assert not of_kind(events, LiquidationStep) and not of_kind(events, DefaultDeclared)
    assert (venue.position(ANN), states(events)) == (90, [MarginState.CALL])


def test_an_account_that_falls_again_is_cut_down_no_sooner_than_an_interval_after_the_last_step() -> None:
    """The first step lifts it; ten seconds later the price takes it below again, and the next step waits."""
    venue = a_venue(60_000 * ROUBLE)
    fall(venue)
    assert (venue.position(ANN), venue.standing(ANN).state) == (92, MarginState.CALL)
    venue.quote(790_000_000)
    events = venue.wait_until(OPENS + 100 * SECOND - 1)
    assert states(events) == [MarginState.LIQUIDATING]
    assert not of_kind(events, LiquidationStep)
    (step,) = of_kind(venue.wait_until(OPENS + 100 * SECOND), LiquidationStep)
    assert step.quantity == 9
    assert len(of_kind(venue.wait_until(OPENS + 160 * SECOND), LiquidationStep)) == 1


def test_while_the_market_is_closed_no_step_is_in_vain_and_the_call_decides() -> None:
    """After the close the price falls. Nothing can be sold, so Ann has the whole hour of her call to pay."""
    venue = a_venue(60_000 * ROUBLE)
    venue.quote_until(CLOSES + MINUTE, 1_000_000_000)
    events = fall(venue) + venue.quote_until(CLOSES + 50 * MINUTE, 800_000_000)
    assert states(events) == [MarginState.LIQUIDATING] and not of_kind(events, DefaultDeclared)
    venue.pay_in(ANN, 68_000 * ROUBLE)
    events = venue.quote_until(CLOSES + 3 * HOUR, 800_000_000)
    assert states(events) == [MarginState.NORMAL] and not of_kind(events, DefaultDeclared)


def test_attempts_in_vain_are_forgotten_once_the_account_stands_well() -> None:
    """Four minutes without a buyer, then money; when the price falls again there are five attempts again."""
    venue = a_venue(60_000 * ROUBLE)
    venue.cancel(CYD, next(iter(venue.state.seats[CYD].orders)))
    fall(venue)
    venue.wait_until(OPENS + 4 * MINUTE)
    venue.pay_in(ANN, 68_000 * ROUBLE)
    assert states(venue.wait_until(OPENS + 5 * MINUTE)) == [MarginState.NORMAL]
    venue.quote(720_000_000)
    events = venue.wait_until(OPENS + 9 * MINUTE)
    assert states(events) == [MarginState.LIQUIDATING]
    assert len(of_kind(events, LiquidationStep)) == 4 and not of_kind(events, DefaultDeclared)

"""F26: a seller is short of units. Its deal is pulled, tried again, costs it every day, and is made good in cash."""

from exchange.access.regime import Regime
from exchange.commands import SettlementCycleTerms, SettlementModel
from exchange.events import (
    Event,
    InstructionFailed,
    InstructionRecycled,
    InstructionSettled,
    LatePenaltyBooked,
    SettlementCycleCompleted,
)
from exchange.units import DAY, HOUR, SECOND
from tests.builders import ANN, BOB, BOTH_MODES, CYD, OPENS, ROUBLE, Venue, of_kind
from tests.exchange.test_settlement import ASSETS, BTC, agree, cash, give, units

DAILY = tuple(
    SettlementCycleTerms(at=OPENS + HOUR + day * DAY, model=SettlementModel.DVP_3, penalty_bp=10)
    for day in range(4)
)
COIN = 10**8  # one bitcoin
RICH = 100_000_000 * ROUBLE
PRICE = 8_000_000 * ROUBLE


def a_short_seller(regime: Regime, max_recycles: int = 2) -> Venue:
    """Ann has one bitcoin. She has sold one to Bob and, later, one to Cyd, at 8,000,000 each."""
    venue = Venue(regime=regime, cycles=DAILY, more_assets=ASSETS[:1])
    for name in (ANN, BOB, CYD):
        venue.admit(name, RICH)
    give(venue, ANN, COIN, BTC)
    for buyer in (BOB, CYD):
        agree(venue, ANN, buyer, COIN, PRICE, asset_id=BTC, max_recycles=max_recycles)
    return venue


def next_cycle(venue: Venue, day: int, index: int = 8_000_000) -> list[Event]:
    venue.wait_until(DAILY[day].at - SECOND)
    venue.quote(index * ROUBLE)
    return venue.wait_until(DAILY[day].at)


@BOTH_MODES
def test_her_newer_deal_is_pulled_and_the_older_one_settles(regime: Regime) -> None:
    venue = a_short_seller(regime)
    events = next_cycle(venue, 0)
    assert [event.instruction_id for event in of_kind(events, InstructionSettled)] == [1, 1]
    (late, _) = of_kind(events, InstructionRecycled)
    assert (late.instruction_id, late.recycles, late.failing_id) == (2, 1, ANN)
    assert (units(venue, BOB, BTC), units(venue, CYD, BTC)) == (COIN, 0)


@BOTH_MODES
def test_each_day_costs_ten_basis_points_and_goes_to_who_waits(regime: Regime) -> None:
    venue = a_short_seller(regime)
    for day in range(2):
        (paid, received) = of_kind(next_cycle(venue, day), LatePenaltyBooked)
        assert (paid.participant_id, paid.amount) == (ANN, -8_000 * ROUBLE)
        assert (received.participant_id, received.amount) == (CYD, 8_000 * ROUBLE)
    assert cash(venue, CYD) == RICH + 16_000 * ROUBLE
    assert sum(cash(venue, name) for name in (ANN, BOB, CYD)) == 3 * RICH


@BOTH_MODES
def test_it_settles_once_she_has_the_units(regime: Regime) -> None:
    venue = a_short_seller(regime)
    next_cycle(venue, 0)
    give(venue, ANN, COIN, BTC)
    (settled, _) = of_kind(next_cycle(venue, 1), InstructionSettled)
    assert settled.instruction_id == 2 and units(venue, CYD, BTC) == COIN


@BOTH_MODES
def test_in_the_end_she_pays_what_the_units_cost_now(regime: Regime) -> None:
    """Two cycles recycle it; the third ends it with the index at 8,500,000."""
    venue = a_short_seller(regime, max_recycles=2)
    for day in range(2):
        next_cycle(venue, day)
    events = next_cycle(venue, 2, index=8_500_000)
    (failed, _) = of_kind(events, InstructionFailed)
    assert (failed.failing_id, failed.compensation, failed.unpaid) == (ANN, 500_000 * ROUBLE, 0)
    assert cash(venue, CYD) == RICH + (3 * 8_000 + 500_000) * ROUBLE
    (sheet,) = of_kind(next_cycle(venue, 3), SettlementCycleCompleted)
    assert sheet.due == 0

"""A clearing of variation: all is collected before anything is paid; what one does not bring, the house bridges."""

from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import HouseLayer
from exchange.events import Event, MarginCalled, VariationCleared, VariationLate, VariationPaid
from exchange.units import HOUR, Money
from tests.builders import (
    ANN,
    BOB,
    CYD,
    OPENS,
    ROUBLE,
    Venue,
    a_patient_index,
    a_risk_regime,
    cleared_at,
    of_kind,
)

FALLEN = 783_500_000  # 7.835m, from 8.0m
MARGIN = 6_268 * ROUBLE  # 16% of five lots at 7.835m
NO_LESS_TO_KEEP = ScenarioTerms(mm_ratio_bp=10_000)  # the whole margin must stay, so none of it pays


def a_venue(of_cyd: Money, liquidity: Money = 0) -> Venue:
    """Bob is short ten lots from 8.0m, Ann and Cyd are long five each; Cyd has brought so much."""
    regime = a_risk_regime(
        variation=cleared_at(HOUR, 2 * HOUR), scenarios=NO_LESS_TO_KEEP, call_level_bp=10_000
    )
    venue = Venue(regime=regime, index=a_patient_index())
    for name, cash in ((ANN, 10**9), (BOB, 10**9), (CYD, of_cyd)):
        venue.admit(name, cash)
    if liquidity:
        venue.fund_house(HouseLayer.LIQUIDITY, liquidity)
    venue.quote(800_000_000)
    venue.trade(ANN, BOB, 5, 80_000)
    venue.trade(CYD, BOB, 5, 80_000)
    return venue


def fall_and_clear(venue: Venue) -> list[Event]:
    venue.wait_until(OPENS + HOUR - 1)
    venue.quote(FALLEN)
    return venue.wait_until(OPENS + HOUR)


def paid(events: list[Event]) -> dict[str, Money]:
    return {event.participant_id: event.amount for event in of_kind(events, VariationPaid)}


def cleared(events: list[Event]) -> tuple[Money, Money, Money, Money]:
    (event,) = of_kind(events, VariationCleared)
    return event.collected, event.distributed, event.late, event.liquidity


def test_what_two_have_lost_the_third_receives() -> None:
    """E9: five lots lose 825.00 each way, ten gain 1,650.00; the house keeps nothing and needs nothing."""
    venue = a_venue(10**9)
    events = fall_and_clear(venue)
    assert paid(events) == {ANN: -82_500, BOB: 165_000, CYD: -82_500}
    assert cleared(events) == (165_000, 165_000, 0, 0)
    assert venue.standing(BOB).value == 0


def test_the_house_bridges_what_one_payer_does_not_bring() -> None:
    """E9: Cyd has 500.00 beside its margin; 325.00 of the house's liquidity pay Bob in full, and Cyd owes them."""
    venue = a_venue(MARGIN + 50_000, liquidity=40_000)
    events = fall_and_clear(venue)
    assert paid(events) == {ANN: -82_500, BOB: 165_000, CYD: -50_000}
    assert cleared(events) == (132_500, 165_000, 32_500, 32_500)
    assert [e.amount for e in of_kind(events, VariationLate)] == [32_500]
    assert MarginCalled(participant_id=CYD, amount=32_500, deadline=OPENS + 2 * HOUR) in events


def test_who_was_late_pays_the_house_back_at_the_next_clearing() -> None:
    venue = a_venue(MARGIN + 50_000, liquidity=40_000)
    fall_and_clear(venue)
    venue.pay_in(CYD, 32_500)
    venue.quote(FALLEN)
    events = venue.wait_until(OPENS + 2 * HOUR)
    assert (paid(events), cleared(events)) == ({CYD: -32_500}, (32_500, 0, 0, -32_500))


def test_without_liquidity_the_receiver_waits_for_the_rest() -> None:
    venue = a_venue(MARGIN + 50_000)
    assert paid(fall_and_clear(venue)) == {ANN: -82_500, BOB: 132_500, CYD: -50_000}
    venue.pay_in(CYD, 32_500)
    venue.quote(FALLEN)
    assert paid(venue.wait_until(OPENS + 2 * HOUR)) == {CYD: -32_500, BOB: 32_500}

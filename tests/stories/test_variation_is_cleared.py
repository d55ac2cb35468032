"""A clearing of variation: all is collected before anything is paid; what one does not bring, the house bridges."""

from exchange.clearing.liquidation import MarginState
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import DefaultReason, HouseLayer
from exchange.events import (
    DefaultDeclared,
    Event,
    MarginCalled,
    VariationCleared,
    VariationLate,
    VariationPaid,
)
from exchange.instruments import ContractKind
from exchange.units import HOUR, MINUTE, Money
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
    future,
    of_kind,
    option,
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


def test_who_is_rich_on_paper_only_must_bring_money_all_the_same() -> None:
    """Cyd's puts gain what its ten lots lose, so its margin is there; but nobody can be paid with a put."""
    put = option(ContractKind.PUT, 80_000, reference=600)
    regime = a_risk_regime(variation=cleared_at(HOUR), scenarios=ScenarioTerms(extreme_moves_bp=()))
    venue = Venue(future(), put, regime=regime, index=a_patient_index())
    for name, cash in ((BOB, 10**9), (CYD, 3_600 * ROUBLE)):
        venue.admit(name, cash)
    venue.fund_house(HouseLayer.LIQUIDITY, 10**9)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(CYD, BOB, 10, 600, put.instrument_id)
    venue.trade(CYD, BOB, 10, 80_000)
    venue.wait_until(OPENS + HOUR - MINUTE)
    venue.quote(700_000_000)
    events = venue.wait_until(OPENS + HOUR)
    (late,) = of_kind(events, VariationLate)
    assert MarginCalled(participant_id=CYD, amount=late.amount, deadline=OPENS + 2 * HOUR) in events
    assert venue.standing(CYD).state is MarginState.NORMAL
    (declared,) = of_kind(venue.wait_until(OPENS + 2 * HOUR + 1), DefaultDeclared)
    assert (declared.defaulter, declared.reason) == (CYD, DefaultReason.CALL_MISSED)

"""A court freezes a participant that loses under margin: what it has posted goes on paying, its free cash does not."""

from exchange.access.regime import Regime
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import Layer
from exchange.commands import DefaultReason, FreezeParticipant, HouseLayer, UnfreezeParticipant
from exchange.events import (
    ClaimSettled,
    DefaultDeclared,
    Event,
    LayerUsed,
    LiquidationStep,
    OrderAccepted,
    OrderRejected,
    VariationLate,
    VariationPaid,
)
from exchange.instruments import ContractKind
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CYD,
    EXPIRY,
    OPENS,
    ROUBLE,
    SELL,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
    option,
)

CASH = 100_000 * ROUBLE
CALL = option(ContractKind.CALL, 80_000, reference=600)


def under_margin() -> Regime:
    return a_risk_regime(variation=cleared_at(HOUR), scenarios=ScenarioTerms(extreme_moves_bp=()))


def a_venue(regime: Regime) -> Venue:
    """Ann is long 10 lots from 8.0m, with 12,800.00 of margin, and is frozen before her next order."""
    venue = Venue(future(), CALL, regime=regime, index=a_patient_index())
    for name in (ANN, BOB, CYD):
        venue.admit(name, CASH)
    venue.fund_house(HouseLayer.LIQUIDITY, CASH)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 10, 80_000)
    freeze(venue)
    return venue


def freeze(venue: Venue, name: str = ANN) -> None:
    venue.tell(FreezeParticipant(participant_id=name, order_ref="court 17"))  # type: ignore[arg-type]


def fall_and_clear(venue: Venue, to: int) -> list[Event]:
    venue.wait_until(OPENS + HOUR - MINUTE)
    venue.quote(to * 10_000)
    return venue.wait_until(OPENS + HOUR)


def paid(events: list[Event]) -> dict[str, int]:
    return {event.participant_id: event.amount // ROUBLE for event in of_kind(events, VariationPaid)}


def test_its_orders_may_only_reduce_and_the_position_stays() -> None:
    """F11: the freeze comes before the order of its instant."""
    venue = a_venue(under_margin())
    (refused,) = venue.place(ANN, BUY, 1, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.REDUCE_ONLY
    assert of_kind(venue.place(ANN, SELL, 10, 81_000), OrderAccepted)
    assert (venue.position(ANN), venue.locked(ANN)) == (10, 12_800 * ROUBLE)


def test_variation_is_collected_from_its_margin_and_not_from_its_free_cash() -> None:
    """F11: 2,000.00 at -2.5%; margin above maintenance reaches for it."""
    venue = a_venue(under_margin())
    assert paid(fall_and_clear(venue, 78_000)) == {ANN: -2_000, BOB: 2_000}
    assert (venue.free_cash(ANN), venue.locked(ANN)) == (CASH - 12_800 * ROUBLE, 10_800 * ROUBLE)


def test_what_its_margin_cannot_pay_is_late_and_without_a_buyer_it_is_torn_up() -> None:
    """F11: of 4,000.00 at -5% maintenance margin of 9,120.00 leaves 3,680.00; the house bridges 320.00."""
    venue = a_venue(under_margin())
    events = fall_and_clear(venue, 76_000)
    assert paid(events) == {ANN: -3_680, BOB: 4_000}
    assert [event.amount for event in of_kind(events, VariationLate)] == [320 * ROUBLE]
    events = venue.wait_until(OPENS + 4 * HOUR)
    assert [event.reason for event in of_kind(events, DefaultDeclared)] == [DefaultReason.BEYOND_STEPS]
    assert {event.layer for event in of_kind(events, LayerUsed)} == {Layer.DEFAULTER_MARGIN}
    assert venue.free_cash(ANN) == CASH - 4_000 * ROUBLE  # its margin came back, and is frozen like the rest


def test_unfrozen_in_time_its_free_cash_meets_the_call() -> None:
    venue = a_venue(under_margin())
    fall_and_clear(venue, 76_000)
    venue.tell(UnfreezeParticipant(participant_id=ANN, order_ref="court 18"))
    assert not of_kind(venue.wait_until(OPENS + 3 * HOUR), DefaultDeclared)
    assert venue.position(ANN) == 10


def test_short_options_are_bought_back_with_its_margin_alone() -> None:
    """The house may cut it down, but not with cash that a court has frozen."""
    venue = Venue(future(), CALL, regime=under_margin(), index=a_patient_index())
    for name, cash in ((ANN, CASH), (BOB, 14_000 * ROUBLE), (CYD, CASH)):
        venue.admit(name, cash)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 10, 600, CALL.instrument_id)
    freeze(venue, BOB)
    venue.place(CYD, SELL, 10, 6_000, instrument_id=CALL.instrument_id)
    frozen, posted = venue.free_cash(BOB), venue.locked(BOB)
    venue.quote(850_000_000)
    bought = [e.quantity for e in of_kind(venue.wait_until(OPENS + 10 * MINUTE), LiquidationStep)]
    assert (bought, venue.position(BOB, CALL.instrument_id)) == ([1, 1, 1], -7)
    fees = 3 * 900  # 1.5% of 600.00 each
    assert (venue.free_cash(BOB), venue.locked(BOB)) == (frozen, posted - 3 * 600 * ROUBLE - fees)


def test_fully_covered_nothing_is_collected_and_what_it_paid_in_stays_until_the_end() -> None:
    """F11: the loss comes out of the pool at the settlement, and the rest is credited and stays frozen."""
    venue = a_venue(a_regime())
    venue.wait_until(venue.now + MINUTE)
    (refused,) = venue.place(ANN, BUY, 1, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.REDUCE_ONLY
    assert venue.locked(ANN) == 80_000 * ROUBLE
    events = venue.quote_until(EXPIRY + MINUTE, 760_000_000)
    gains = {event.participant_id: event.gain for event in of_kind(events, ClaimSettled)}
    assert gains == {ANN: -4_000 * ROUBLE, BOB: 4_000 * ROUBLE}
    assert (venue.free_cash(ANN), venue.pool(future())) == (CASH - 4_000 * ROUBLE, 0)

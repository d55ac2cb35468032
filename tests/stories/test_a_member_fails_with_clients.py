"""A clearing member fails with two clients behind it: one is taken over, the other is not; neither loses a kopeck."""

from exchange.access.regime import Regime
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import Layer
from exchange.commands import DeclareDefault, OfferToPort
from exchange.events import (
    ClaimSettled,
    DefaultClosed,
    Event,
    LayerUsed,
    LossBorne,
    MemberChosen,
    OrderAccepted,
    OrderRejected,
    VariationPaid,
)
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE
from matching.terms import ParticipantId
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
)

DAN, EVE = ParticipantId("dan"), ParticipantId("eve")
PLENTY = 10**10


def under_margin() -> Regime:
    return a_risk_regime(variation=cleared_at(6 * HOUR), scenarios=ScenarioTerms(extreme_moves_bp=()))


def a_venue(regime: Regime, of_dan: int = PLENTY) -> Venue:
    """Dan, long 5 lots from 8.0m, and Eve, long 10, clear through Ann; Cyd is short. Bob takes over up to 10,000.00."""
    venue = Venue(regime=regime, index=a_patient_index())
    for name in (ANN, BOB):
        venue.admit_member(name, PLENTY)
    for name, cash in ((CYD, PLENTY), (DAN, of_dan), (EVE, PLENTY)):
        venue.admit(name, cash)
    for client in (DAN, EVE):
        venue.choose(client, ANN)
    venue.tell(OfferToPort(participant_id=BOB, most_margin=10_000 * ROUBLE))
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, CYD, 20, 80_000)
    venue.trade(DAN, CYD, 5, 80_000)
    venue.trade(EVE, CYD, 10, 80_000)
    return venue


def fail(venue: Venue) -> list[Event]:
    return venue.tell(DeclareDefault(participant_id=ANN, grounds="insolvent")) + venue.wait_until(venue.now)


def test_the_client_whose_margin_fits_the_offer_is_ported_with_all_it_has() -> None:
    """F21: Dan needs 6,400.00 of the 10,000.00 that Bob offered, and trades on as if nothing had happened."""
    venue = a_venue(under_margin())
    before = venue.free_cash(DAN), venue.locked(DAN), venue.position(DAN)
    events = fail(venue)
    assert MemberChosen(participant_id=DAN, member_id=BOB, ported=True) in events
    assert (venue.free_cash(DAN), venue.locked(DAN), venue.position(DAN)) == before
    assert of_kind(venue.place(DAN, BUY, 1, 79_000), OrderAccepted)


def test_the_client_whom_nobody_takes_keeps_its_position_and_may_only_reduce_it() -> None:
    """F21: 12,800.00 do not fit the 3,600.00 that are left of the offer."""
    venue = a_venue(under_margin())
    events = fail(venue)
    assert MemberChosen(participant_id=EVE, member_id=None, ported=False) in events
    assert (venue.position(EVE), venue.locked(EVE)) == (10, 12_800 * ROUBLE)
    (refused,) = venue.place(EVE, BUY, 1, 79_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.REDUCE_ONLY
    assert of_kind(venue.place(EVE, SELL, 10, 81_000), OrderAccepted)


def test_it_is_free_again_once_it_has_found_a_member_itself() -> None:
    venue = a_venue(under_margin())
    fail(venue)
    venue.choose(EVE, BOB)
    assert of_kind(venue.place(EVE, BUY, 1, 79_000), OrderAccepted)


def test_clients_pay_nothing_for_their_member_and_gain_like_everybody() -> None:
    """F21: the price rises by 5% and is cleared; they receive what their lots have gained."""
    venue = a_venue(under_margin())
    fail(venue)
    venue.quote(840_000_000)
    events = venue.wait_until(OPENS + 6 * HOUR)
    paid = {e.participant_id: e.amount // ROUBLE for e in of_kind(events, VariationPaid)}
    assert (paid[DAN], paid[EVE]) == (2_000, 4_000)
    assert not [e for e in of_kind(events, LossBorne) if e.participant_id in (DAN, EVE)]


def test_a_client_that_fails_costs_its_member_and_nobody_else() -> None:
    """Dan has 6,400.00 and loses 8,000.00 at -20%: Ann stands in for 1,600.00, and no layer is touched."""
    venue = a_venue(under_margin(), of_dan=6_400 * ROUBLE)
    venue.quote(640_000_000)
    events = venue.wait_until(OPENS + 3 * HOUR)
    (borne,) = of_kind(events, LossBorne)
    assert (borne.participant_id, borne.defaulter, borne.amount) == (ANN, DAN, 1_600 * ROUBLE)
    assert [e.layer for e in of_kind(events, LayerUsed) if e.layer is not Layer.DEFAULTER_MARGIN] == []
    assert [(e.defaulter, e.residual) for e in of_kind(events, DefaultClosed)] == [(DAN, 0)]
    assert venue.free_cash(ANN) + venue.locked(ANN) == PLENTY - (20 * 1_600 + 1_600) * ROUBLE


def test_fully_covered_clients_do_not_notice() -> None:
    """F21: segregated by construction; they trade on and are paid from the pool."""
    venue = a_venue(a_regime())
    fail(venue)
    assert of_kind(venue.place(EVE, BUY, 1, 79_000), OrderAccepted)
    events = venue.quote_until(EXPIRY + MINUTE, 840_000_000)
    gains = {e.participant_id: e.gain // ROUBLE for e in of_kind(events, ClaimSettled)}
    assert gains == {ANN: 8_000, CYD: -14_000, DAN: 2_000, EVE: 4_000}
    assert not of_kind(events, LayerUsed) and venue.pool(future()) == 0

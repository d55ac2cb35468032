"""The regime caps what all participants together put at risk: at the cap nobody comes in and nothing is added."""

from exchange.access.regime import Applicant, ApplicantKind, VenueRule
from exchange.commands import AdoptRegime, ApplyForAccess
from exchange.events import (
    OrderAccepted,
    OrderRejected,
    ParticipantAdmitted,
    ParticipantRefused,
    TradeReported,
)
from exchange.reasons import AccessRefusal, RejectReason
from exchange.units import WalletId
from tests.builders import ANN, BOB, BUY, CYD, ROUBLE, SELL, Venue, a_regime, of_kind


def a_venue(cap: int) -> Venue:
    """Ann and Bob have traded ten lots at 80,000 of a future between 0 and 160,000: each has 80,000.00 at risk."""
    venue = Venue(regime=a_regime(venue=VenueRule(capital_at_risk=cap)))
    venue.admit(ANN)
    venue.admit(BOB)
    venue.trade(ANN, BOB, 10, 80_000)
    assert venue.state.covers.at_risk_of_all() == 160_000 * ROUBLE
    return venue


def apply(venue: Venue) -> list[object]:
    who = Applicant(kind=ApplicantKind.INDIVIDUAL)
    return [*venue.tell(ApplyForAccess(participant_id=CYD, applicant=who, wallet_id=WalletId("wallet-cyd")))]


def test_no_order_adds_beyond_the_cap_and_what_reduces_passes() -> None:
    venue = a_venue(170_000 * ROUBLE)
    (refused,) = venue.place(ANN, BUY, 2, 79_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.VENUE_CAP
    assert of_kind(venue.place(ANN, BUY, 1, 79_000), OrderAccepted)
    (refused,) = venue.place(BOB, SELL, 1, 81_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.VENUE_CAP
    venue.place(ANN, SELL, 10, 80_000)
    assert of_kind(venue.place(BOB, BUY, 10, 80_000), TradeReported)


def test_at_the_cap_nobody_is_let_in_until_somebody_reduces_or_the_next_gate_opens() -> None:
    venue = a_venue(160_000 * ROUBLE)
    (refused,) = apply(venue)
    assert isinstance(refused, ParticipantRefused) and refused.reason is AccessRefusal.VENUE_FULL
    venue.tell(AdoptRegime(regime=a_regime(venue=VenueRule(capital_at_risk=1_000_000 * ROUBLE))))
    assert [e for e in apply(venue) if isinstance(e, ParticipantAdmitted)]

"""An institution uses its own funds up to the last kopeck that the supervisor allows."""

from exchange.access.regime import (
    AccessClass,
    Applicant,
    ApplicantKind,
    Caps,
    Criterion,
    InstitutionRule,
    Permission,
)
from exchange.events import OrderAccepted, OrderRejected, ParticipantAdmitted
from exchange.instruments import Product
from exchange.reasons import RejectReason
from tests.builders import ANN, BOB, BUY, ROUBLE, Venue, a_regime, future, of_kind

MILLION = 1_000_000 * ROUBLE
A_KOPECK_A_TICK = future(tick_value=1, price_band_bp=10_000)
BANK = Applicant(kind=ApplicantKind.INSTITUTION, own_funds=2_000 * MILLION)


def a_bank(cover_bp: int = 10_000, exposure_cap_bp: int = 100, cap: int = 50 * MILLION) -> Venue:
    """Ann is a bank with own funds of 2,000m that has 19,950,000.00 at risk: 25,000 lots from 7.98m."""
    everyone = AccessClass(
        class_id="everyone",
        title="Everyone",
        any_of=(Criterion(),),
        permissions={Product.FUTURE: Permission.ALLOWED},
        caps=Caps(capital_at_risk=cap),
    )
    rule = InstitutionRule(cover_bp=cover_bp, exposure_cap_bp=exposure_cap_bp)
    venue = Venue(A_KOPECK_A_TICK, regime=a_regime(classes=(everyone,), institutions=rule))
    venue.admit(ANN, applicant=BANK)
    venue.admit(BOB)
    venue.trade(ANN, BOB, 25_000, 79_800)
    assert venue.state.covers.at_risk(ANN) == 19_950_000 * ROUBLE
    return venue


def buy(venue: Venue, quantity: int, price: int) -> RejectReason | None:
    events = venue.place(ANN, BUY, quantity, price)
    refused = of_kind(events, OrderRejected)
    assert refused or of_kind(events, OrderAccepted)
    return refused[0].reason if refused else None


def test_fifty_thousand_passes_and_a_kopeck_more_does_not() -> None:
    """E23: the limit is the smaller of 1% of 2,000m and of 50m, that is 20,000,000.00.

    125 lots at 4,000,000 need 50,000.00, and 141 at 3,546,100 need 50,000.01.
    """
    venue = a_bank()
    told = venue.state.seats[ANN]
    assert (told.limit, told.own_funds_limit) == (50 * MILLION, 20_000_000 * ROUBLE)
    assert buy(venue, 141, 35_461) is RejectReason.OWN_FUNDS_COVER
    assert buy(venue, 125, 40_000) is None
    assert venue.state.covers.at_risk(ANN) == 20_000_000 * ROUBLE
    assert buy(venue, 1, 1) is RejectReason.OWN_FUNDS_COVER


def test_the_tighter_of_the_two_limits_binds_and_is_the_one_that_is_told() -> None:
    """With a cap of 20m on the class the exposure limit is told; with 100 times cover, own funds allow 20m as well."""
    venue = a_bank(cap=20 * MILLION, exposure_cap_bp=10_000)
    assert buy(venue, 141, 35_461) is RejectReason.EXPOSURE_LIMIT
    assert buy(venue, 125, 40_000) is None
    venue = a_bank(cover_bp=1_000_000, exposure_cap_bp=10_000)
    assert buy(venue, 141, 35_461) is RejectReason.OWN_FUNDS_COVER
    assert buy(venue, 125, 40_000) is None


def test_the_gate_tells_the_limit_that_will_bind() -> None:
    venue = Venue(regime=a_regime(institutions=InstitutionRule(cover_bp=10_000, exposure_cap_bp=100)))
    (admitted,) = of_kind(venue.admit(ANN, 0, BANK), ParticipantAdmitted)
    assert admitted.limit == 20_000_000 * ROUBLE

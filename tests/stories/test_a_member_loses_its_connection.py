"""A member's connection is lost: its orders are canceled; silence beyond the deadline of a margin call is a default.

The venue knows no sessions of its own: whoever watches the connection cancels all orders of who is lost.
"""

import pytest

from exchange.access.regime import Regime
from exchange.clearing.liquidation import LiquidationTerms, MarginState
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.terms import ClearingMode
from exchange.commands import CancelAll, DefaultReason, OfferToPort
from exchange.events import (
    ClaimSettled,
    DefaultDeclared,
    Event,
    LiquidationStep,
    LossBorne,
    MarginCalled,
    MarginStateChanged,
    MemberChosen,
    OrderCanceled,
)
from exchange.units import DAY, HOUR, MINUTE, SECOND, Time
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CYD,
    EXPIRY,
    OPENS,
    ROUBLE,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
)

DAN = ParticipantId("dan")
LOST = OPENS + 10 * MINUTE
GRACE = HOUR + 7 * SECOND  # so the deadline is no instant at which accounts are valued anyway
DEADLINE = LOST + 10 * SECOND + GRACE  # from the next index on


def under_margin() -> Regime:
    return a_risk_regime(
        variation=cleared_at(6 * HOUR),
        scenarios=ScenarioTerms(extreme_moves_bp=()),
        liquidation=LiquidationTerms(call_deadline=GRACE),
    )


def a_venue(regime: Regime) -> Venue:
    """Ann, a member, is long 100 lots from 8.0m with 130,000.00, and Dan clears through her; Bob would take Dan over.

    As her connection is lost, an order of hers rests.
    """
    venue = Venue(regime=regime, index=a_patient_index())
    just_enough = regime.clearing.mode is ClearingMode.RISK
    venue.admit_member(ANN, 130_000 * ROUBLE if just_enough else 10**12)
    venue.admit_member(BOB)
    for name in (CYD, DAN):
        venue.admit(name)
    venue.choose(DAN, ANN)
    venue.tell(OfferToPort(participant_id=BOB, most_margin=10**9))
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, CYD, 100, 80_000)
    venue.trade(DAN, CYD, 10, 80_000)
    venue.rest(ANN, BUY, 1, 70_000)
    venue.wait_until(LOST)
    return venue


def lose(venue: Venue, lasts: Time) -> list[Event]:
    """The price falls by 2.5% in the first second: 20,000.00 of Ann's are lost, and she is called upon."""
    events = venue.tell(CancelAll(participant_id=ANN))
    venue.quote(780_000_000)
    return events + venue.wait_until(LOST + lasts)


@pytest.mark.parametrize("lasts", [5 * SECOND, 5 * MINUTE])
@pytest.mark.parametrize("regime", [a_regime(), under_margin()], ids=["full", "risk"])
def test_for_seconds_or_minutes_nothing_but_its_orders_is_gone(regime: Regime, lasts: Time) -> None:
    """F20: positions are safe in both modes."""
    venue = a_venue(regime)
    events = lose(venue, lasts)
    assert [event.remaining for event in of_kind(events, OrderCanceled)] == [1]
    assert not of_kind(events, DefaultDeclared) and not of_kind(events, LiquidationStep)
    assert (venue.position(ANN), venue.held(ANN), venue.state.seats[DAN].member_id) == (100, 0, ANN)


def test_fully_covered_it_may_be_silent_until_the_expiry() -> None:
    """F20: there is nothing to call for."""
    venue = a_venue(a_regime())
    events = lose(venue, MINUTE) + venue.quote_until(EXPIRY + MINUTE, 780_000_000)
    assert not of_kind(events, MarginCalled) and not of_kind(events, DefaultDeclared)
    gains = {event.participant_id: event.gain for event in of_kind(events, ClaimSettled)}
    assert (gains[ANN], venue.pool(future())) == (-20_000 * ROUBLE, 0)


def test_under_margin_the_grace_ends_in_a_technical_default_and_its_client_is_ported() -> None:
    """F20: called upon at 110,000.00 of 124,800.00, which is below nine tenths; an hour later it has defaulted."""
    venue = a_venue(under_margin())
    events = lose(venue, GRACE)
    (called,) = of_kind(events, MarginCalled)
    assert (called.participant_id, called.amount, called.deadline) == (ANN, 14_800 * ROUBLE, DEADLINE)
    assert not of_kind(events, DefaultDeclared)
    events = venue.wait_until(DEADLINE + 1)
    (declared,) = of_kind(events, DefaultDeclared)
    assert (declared.defaulter, declared.reason) == (ANN, DefaultReason.CALL_MISSED)
    assert MemberChosen(participant_id=DAN, member_id=BOB, ported=True) in events
    assert venue.position(DAN) == 10


@pytest.mark.parametrize(
    ("regime", "failed", "behind_dan"),
    [(a_regime(), [], ANN), (under_margin(), [ANN], BOB)],
    ids=["full", "risk"],
)
def test_for_a_day_it_is_safe_in_full_and_has_defaulted_under_margin(
    regime: Regime, failed: list[ParticipantId], behind_dan: ParticipantId
) -> None:
    """F20: cover asks for nothing more, margin does. The future expires meanwhile, and everybody is paid."""
    venue = a_venue(regime)
    events = lose(venue, DAY)
    assert [event.defaulter for event in of_kind(events, DefaultDeclared)] == failed
    assert venue.state.seats[DAN].member_id == behind_dan
    assert [venue.position(name) for name in (CYD, DAN)] == [0, 0]
    assert not of_kind(events, LossBorne)


@pytest.mark.parametrize("before", [5 * MINUTE, 1])
def test_under_margin_whoever_is_back_in_time_and_pays_has_not_defaulted(before: Time) -> None:
    """F20: even at the last nanosecond of the grace."""
    venue = a_venue(under_margin())
    lose(venue, DEADLINE - LOST - before)
    venue.pay_in(ANN, 14_800 * ROUBLE)
    events = venue.wait_until(DEADLINE + 10 * MINUTE)
    assert not of_kind(events, DefaultDeclared)
    assert [event.state for event in of_kind(events, MarginStateChanged)] == [MarginState.NORMAL]


def test_under_margin_a_kopeck_less_is_not_enough() -> None:
    """F20: it must bring all that it was called upon for, not only what lifts it above the call level."""
    venue = a_venue(under_margin())
    lose(venue, DEADLINE - LOST - 1)
    venue.pay_in(ANN, 14_800 * ROUBLE - 1)
    events = venue.wait_until(DEADLINE + MINUTE)
    assert [event.defaulter for event in of_kind(events, DefaultDeclared)] == [ANN]

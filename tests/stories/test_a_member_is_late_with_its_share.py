"""A member cannot bring its share of the default fund: it is called, may only reduce once that is overdue, and is
free again when it has paid."""

from exchange.clearing.fund import FundTerms
from exchange.commands import AppointMember, DeclareDefault
from exchange.events import (
    CancelCause,
    Event,
    FundCalled,
    FundContributionChanged,
    FundSized,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    ParticipantState,
    ParticipantStateChanged,
)
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE, Money
from tests.builders import (
    ANN,
    BUY,
    CLOSES,
    CYD,
    FIRM,
    OPENS,
    ROUBLE,
    RUBD,
    SELL,
    Venue,
    a_patient_index,
    a_risk_regime,
    of_kind,
)

SHARE = 1_000_000 * ROUBLE
DUE = OPENS + HOUR


def a_venue(brings: Money) -> Venue:
    """Ann, a firm with 2 lots in a market with Cyd, is appointed a minute after the opening; the margin of its lots
    stays where it is."""
    regime = a_risk_regime(fund=FundTerms(minimum=SHARE, grace=HOUR - MINUTE))
    venue = Venue(regime=regime, index=a_patient_index())
    venue.admit(CYD)
    venue.admit(ANN, brings, FIRM)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, CYD, 2, 80_000)
    return venue


def appoint(venue: Venue) -> list[Event]:
    return venue.tell(AppointMember(participant_id=ANN))


def share(missing: Money) -> FundContributionChanged:
    return FundContributionChanged(participant_id=ANN, asset_id=RUBD, share=SHARE, missing=missing)


def changes(events: list[Event]) -> list[ParticipantState]:
    return [event.state for event in of_kind(events, ParticipantStateChanged)]


def in_fund(venue: Venue) -> Money:
    return int(venue.state.ledger.posted(venue.standing(ANN).fund))


def test_what_is_missing_is_called_with_the_grace_that_the_rules_give() -> None:
    """2,560.00 of 400,000.00 are margin; the rest goes in, and 602,560.00 are missing."""
    venue = a_venue(400_000 * ROUBLE)
    events = appoint(venue)
    missing = SHARE - 397_440 * ROUBLE
    assert share(missing) in events
    assert of_kind(events, FundCalled) == [
        FundCalled(participant_id=ANN, asset_id=RUBD, amount=missing, due=DUE)
    ]
    assert changes(events) == []


def test_a_share_that_is_there_is_not_called() -> None:
    venue = a_venue(2 * SHARE)
    assert of_kind(appoint(venue), FundCalled) == []


def test_what_comes_in_within_the_grace_goes_to_the_fund_at_the_next_valuation() -> None:
    venue = a_venue(400_000 * ROUBLE)
    appoint(venue)
    venue.pay_in(ANN, 500_000 * ROUBLE)
    events = venue.wait_until(venue.now + 2 * MINUTE)
    assert of_kind(events, FundContributionChanged) == [share(102_560 * ROUBLE)]
    venue.pay_in(ANN, 200_000 * ROUBLE)
    events = venue.wait_until(DUE + MINUTE)
    assert of_kind(events, FundContributionChanged) == [share(0)]
    assert changes(events) == []
    assert (in_fund(venue), venue.state.fund_calls) == (SHARE, {})


def test_what_comes_in_until_the_last_nanosecond_counts() -> None:
    venue = a_venue(400_000 * ROUBLE)
    appoint(venue)
    venue.wait_until(DUE - 1)
    venue.pay_in(ANN, SHARE)
    assert changes(venue.wait_until(DUE)) == []


def test_once_it_is_overdue_the_member_may_only_reduce() -> None:
    venue = a_venue(400_000 * ROUBLE)
    appoint(venue)
    venue.wait_until(DUE - MINUTE)
    resting = of_kind(venue.place(ANN, SELL, 1, 81_000), OrderAccepted)[0]
    events = venue.wait_until(DUE)
    assert changes(events) == [ParticipantState.REDUCE_ONLY]
    assert [(e.order_id, e.cause) for e in of_kind(events, OrderCanceled)] == [
        (resting.order_id, CancelCause.PARTICIPANT_RESTRICTED)
    ]
    (refused,) = venue.place(ANN, BUY, 1, 79_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.REDUCE_ONLY
    assert of_kind(venue.place(ANN, SELL, 2, 81_000), OrderAccepted)


def test_it_is_free_again_when_it_has_paid() -> None:
    venue = a_venue(400_000 * ROUBLE)
    appoint(venue)
    venue.wait_until(DUE)
    venue.pay_in(ANN, SHARE)
    assert changes(venue.wait_until(DUE + 2 * MINUTE)) == [ParticipantState.ACTIVE]
    assert of_kind(venue.place(ANN, BUY, 1, 79_000), OrderAccepted)


def test_the_due_time_of_the_first_call_stands_when_the_fund_is_sized_again() -> None:
    """At the close it is sized anew: what is missing is told again, and was called long ago."""
    venue = a_venue(400_000 * ROUBLE)
    appoint(venue)
    venue.quote_until(CLOSES - MINUTE, 800_000_000)
    events = venue.wait_until(CLOSES)
    assert of_kind(events, FundSized)
    assert of_kind(events, FundContributionChanged)[0].missing > 0
    assert of_kind(events, FundCalled) == [] and venue.state.fund_calls == {ANN: DUE}


def test_who_has_defaulted_is_called_no_more() -> None:
    venue = a_venue(400_000 * ROUBLE)
    appoint(venue)
    venue.wait_until(DUE)
    venue.tell(DeclareDefault(participant_id=ANN, grounds="insolvent"))
    assert venue.state.fund_calls == {}
    assert changes(venue.wait_until(DUE + HOUR)) == []

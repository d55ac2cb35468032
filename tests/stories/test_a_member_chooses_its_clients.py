"""Somebody asks to clear through a member, which takes it on, or declines and says why."""

from exchange.clearing.fund import FundTerms
from exchange.commands import AcceptClient, ChooseMember, Command, DeclareDefault, DeclineClient
from exchange.events import (
    ClearingRequestRejected,
    ClientApplied,
    ClientDeclined,
    MemberAsked,
    MemberChosen,
)
from exchange.reasons import ClearingRefusal
from exchange.units import MINUTE
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, CYD, OPENS, ROUBLE, Venue, a_patient_index, a_regime, a_risk_regime

DAN = ParticipantId("dan")


def a_venue() -> Venue:
    """Ann and Bob are members, Cyd and Dan may be their clients."""
    venue = Venue(regime=a_regime(), index=a_patient_index())
    for name in (ANN, BOB):
        venue.admit_member(name)
    for name in (CYD, DAN):
        venue.admit(name)
    return venue


def ask(member: ParticipantId = ANN, client: ParticipantId = CYD) -> ChooseMember:
    return ChooseMember(participant_id=client, member_id=member)


def accept(member: ParticipantId = ANN, client: ParticipantId = CYD) -> AcceptClient:
    return AcceptClient(participant_id=member, client_id=client)


def refusal(venue: Venue, command: Command) -> ClearingRefusal:
    (refused,) = venue.tell(command)
    assert isinstance(refused, ClearingRequestRejected)
    assert refused.request == type(command).__name__
    return refused.reason


def test_the_member_is_told_who_asks_and_nothing_changes_before_it_answers() -> None:
    venue = a_venue()
    venue.choose(DAN, ANN)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(CYD, BOB, 5, 80_000)
    assert venue.tell(ask()) == [
        MemberAsked(participant_id=CYD, member_id=ANN),
        ClientApplied(participant_id=ANN, client_id=CYD, at_risk=40_000 * ROUBLE, clients=1),
    ]
    assert venue.state.seats[CYD].member_id is None
    assert venue.tell(accept()) == [MemberChosen(participant_id=CYD, member_id=ANN, ported=False)]


def test_who_is_declined_stays_where_it_was_and_may_ask_again() -> None:
    venue = a_venue()
    venue.choose(CYD, BOB)
    venue.tell(ask())
    declined = venue.tell(DeclineClient(participant_id=ANN, client_id=CYD, grounds="no room"))
    assert declined == [ClientDeclined(participant_id=CYD, member_id=ANN, grounds="no room")]
    assert venue.state.seats[CYD].member_id == BOB
    assert refusal(venue, accept()) is ClearingRefusal.NOT_ASKED
    assert venue.choose(CYD, ANN)[-1] == MemberChosen(participant_id=CYD, member_id=ANN, ported=False)


def test_nobody_is_made_a_client_who_has_not_asked_that_member() -> None:
    venue = a_venue()
    assert refusal(venue, accept()) is ClearingRefusal.NOT_ASKED
    venue.tell(ask(BOB))
    assert refusal(venue, accept()) is ClearingRefusal.NOT_ASKED
    assert refusal(venue, DeclineClient(participant_id=ANN, client_id=CYD, grounds="x")) is (
        ClearingRefusal.NOT_ASKED
    )
    assert refusal(venue, accept(DAN)) is ClearingRefusal.NOT_A_MEMBER
    assert refusal(venue, accept(ParticipantId("nobody"))) is ClearingRefusal.UNKNOWN_PARTICIPANT
    assert venue.state.seats[CYD].member_id is None


def test_the_last_request_counts_and_is_answered_once() -> None:
    venue = a_venue()
    venue.tell(ask())
    venue.tell(ask(BOB))
    assert refusal(venue, accept()) is ClearingRefusal.NOT_ASKED
    venue.tell(accept(BOB))
    assert refusal(venue, accept(BOB)) is ClearingRefusal.NOT_ASKED


def test_what_has_changed_since_the_request_counts() -> None:
    venue = a_venue()
    venue.tell(ask())
    venue.tell(DeclareDefault(participant_id=ANN, grounds="insolvent"))
    assert refusal(venue, accept()) is ClearingRefusal.DEFAULTED


def test_a_member_whose_share_of_the_fund_is_overdue_takes_nobody_on() -> None:
    fund = FundTerms(minimum=1_000 * ROUBLE, grace=MINUTE)
    venue = Venue(regime=a_risk_regime(fund=fund), index=a_patient_index())
    venue.admit_member(ANN, 0)
    venue.admit(CYD)
    venue.tell(ask())
    venue.wait_until(OPENS + 2 * MINUTE)
    assert refusal(venue, accept()) is ClearingRefusal.FUND_OVERDUE

"""The invariants of clearing members: what they stand in for, whose collateral lies with them, who is called upon."""

from collections.abc import Iterator

from exchange.commands import Segregation
from exchange.membership import clients_of
from exchange.state import Seat, State


def walk(state: State) -> Iterator[str]:
    """What is wrong with a member or a client, each as a sentence with its invariant's number."""
    for seat in state.seats.values():
        if seat.is_member:
            yield from _capacity(seat, state)
        yield from _pool(seat, state)
    yield from _fund_calls(state)


def _capacity(member: Seat, state: State) -> Iterator[str]:
    """I-26: what counts with a member is what it and those for whom it stands in have at risk."""
    at_risk = sum(state.covers.at_risk(seat.participant_id) for seat in (member, *clients_of(member, state)))
    if state.covers.behind(member.participant_id) != at_risk:
        yield f"I-26 {member.participant_id}: what it stands in for has drifted"


def _pool(seat: Seat, state: State) -> Iterator[str]:
    """I-26: collateral lies in the omnibus account of whoever stands in, or of a failed member nobody followed."""
    member = None if seat.member_id is None else state.seats[seat.member_id]
    if member is not None:
        lies_in = member.participant_id if member.segregation is Segregation.OMNIBUS else None
        if seat.pool != lies_in:
            yield f"I-26 {seat.participant_id}: clears through {member.participant_id}, but is in pool {seat.pool}"
    elif seat.pool is not None and not (state.seats[seat.pool].defaulted and seat.unguaranteed):
        yield f"I-26 {seat.participant_id}: is in the pool of {seat.pool}, which has not failed"


def _fund_calls(state: State) -> Iterator[str]:
    """I-26: whoever is called for the fund misses something there, and nobody else is bound for it."""
    for who in state.fund_calls:
        account = state.covers.by_margin.accounts[who]
        share = account.conversion.counts(state.ledger.posted(account.fund))
        if share >= state.contributions[who]:
            yield f"I-26 {who}: is called for the fund, but its share is there"
    for seat in state.seats.values():
        if seat.fund_overdue and seat.participant_id not in state.fund_calls:
            yield f"I-26 {seat.participant_id}: is bound for the fund without a call"

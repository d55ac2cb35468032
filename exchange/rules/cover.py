"""Whether the worst case with the order stays inside the participant's limits and is paid for."""

from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from exchange.units import Money
from matching.terms import ParticipantId


def beyond_capacity(member_id: ParticipantId, more: Money, state: State) -> bool:
    """Whether a member's own funds do not bear so much more at risk among those for whom it stands in."""
    limit = state.seats[member_id].own_funds_limit
    return limit is not None and state.covers.behind(member_id) + more > limit


def covered(order: Order, seat: Seat, _series: Series, state: State) -> RejectReason | None:
    """Exposure limit first, then an institution's own funds, then cash: exact over every set of fills.

    An order that does not raise the capital at risk passes the limits even above them: what was there
    before a limit was lowered is grandfathered. What was reckoned stays with the order, to be booked.
    """
    account = order.account
    order.need = account.requirement_with(order)
    worst = order.need[2]
    at_risk = account.at_risk.amount
    after = at_risk - max(account.worst, 0) + max(worst, 0)
    if after > at_risk + order.released_risk:
        reason = limit_refusal(seat, after)
        if reason is not None:
            return reason
        if seat.member_id is not None and beyond_capacity(seat.member_id, after - at_risk, state):
            return RejectReason.MEMBER_CAPACITY
    # nothing leaves an account under a legal order, not even into a hold
    spendable = 0 if seat.frozen else state.ledger.available(account.source)
    return account.lack(order, spendable)


def limit_refusal(seat: Seat, after: Money) -> RejectReason | None:
    """Which of the participant's limits so much capital at risk would break, if any."""
    if seat.limit is not None and after > seat.limit:
        return RejectReason.EXPOSURE_LIMIT
    if seat.own_funds_limit is not None and after > seat.own_funds_limit:
        return RejectReason.OWN_FUNDS_COVER
    return None

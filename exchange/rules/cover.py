"""Whether the worst case with the order stays inside the participant's limits and is paid for."""

from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from exchange.units import Money


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

"""Whether the worst case with the order stays inside the participant's limits and is paid for."""

from exchange.clearing.margin_accounts import PortfolioAccount
from exchange.instruments import BOUGHT
from exchange.reasons import RejectReason
from exchange.state import Order, Seat, Series, State
from exchange.units import Money
from matching.terms import ParticipantId


def beyond_capacity(member_id: ParticipantId, more: Money, state: State) -> bool:
    """Whether a member's own funds do not bear so much more at risk among those for whom it stands in."""
    limit = state.seats[member_id].own_funds_limit
    return limit is not None and state.covers.behind(member_id) + more > limit


def soft_watch(seat: Seat, state: State) -> ParticipantId | None:
    """Under whose soft limit the participant's orders count: its own, or that of the member it clears through."""
    if seat.soft_limit is not None:
        return seat.participant_id
    member = None if seat.member_id is None else state.seats[seat.member_id]
    return None if member is None or member.soft_limit is None else member.participant_id


def within_purchases(order: Order, seat: Seat, series: Series, state: State) -> RejectReason | None:
    """Whether what has been bought this year, with all that is ordered and this, stays within the annual cap."""
    if seat.purchases_limit is None or order.side < 0 or series.instrument.product not in BOUGHT:
        return None
    paid = order.remaining * order.price * series.instrument.tick_value
    return purchase_refusal(seat, paid, state)


def purchase_refusal(seat: Seat, paid: Money, state: State) -> RejectReason | None:
    """Whether so much more, paid for units, breaks the annual cap."""
    if seat.purchases_limit is None:
        return None
    purchases = state.covers.purchases(seat.participant_id)
    revolving = seat.access_class.caps.resale_restores
    agreed = state.settlement.to_pay_for_units(seat.participant_id)
    counted = (purchases.kept if revolving else purchases.bought) + purchases.ordered + agreed
    return RejectReason.ANNUAL_PURCHASES if counted + paid > seat.purchases_limit else None


def beyond_venue(more: Money, state: State) -> bool:
    """Whether so much more at risk is more than the venue may bear in all."""
    cap = None if state.regime is None else state.regime.venue.capital_at_risk
    return cap is not None and state.covers.at_risk_of_all() + more > cap


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
        if beyond_venue(after - at_risk, state):
            return RejectReason.VENUE_CAP
    if account.source != seat.cash_account:
        spendable = 0 if seat.frozen else state.ledger.available(account.source)
    elif isinstance(account, PortfolioAccount):  # which looks at equity itself
        spendable = 0 if seat.frozen else state.ledger.available(seat.cash_account)
    else:
        spendable = free_cash(seat, state)
    return account.lack(order, spendable)


def free_cash(seat: Seat, state: State) -> Money:
    """What the participant may spend: nothing under a legal order, nor what its margined positions need."""
    if seat.frozen:
        return 0
    available, margin = state.ledger.available(seat.cash_account), state.covers.margin
    return available if margin is None else margin.unneeded(seat.participant_id, available)


def limit_refusal(seat: Seat, after: Money) -> RejectReason | None:
    """Which of the participant's limits so much capital at risk would break, if any."""
    if seat.limit is not None and after > seat.limit:
        return RejectReason.EXPOSURE_LIMIT
    if seat.own_funds_limit is not None and after > seat.own_funds_limit:
        return RejectReason.OWN_FUNDS_COVER
    return None

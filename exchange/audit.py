"""Every invariant of the books, walked from end to end.

Tests walk them after every event; a run does so at each session's close. A violation is our bug and stops
the run: the assertion names the invariant.
"""

from collections.abc import Iterator

from exchange import loss_audit, member_audit, unit_audit
from exchange.clearing import accounts, margin_audit
from exchange.clearing.cover import Account
from exchange.clearing.expiry import is_over
from exchange.clearing.full import Bucket, ClaimAccount
from exchange.clearing.ledger import Rule
from exchange.commands import AuditBooks
from exchange.events import BooksAudited, Event
from exchange.instruments import FUTURES
from exchange.state import Order, Seat, State
from exchange.units import AssetId, Money
from matching.terms import ParticipantId


def audit_books(_duty: AuditBooks, state: State) -> Iterator[Event]:
    """Walk every invariant; publish the totals if all of them hold."""
    faults = audit(state)
    assert not faults, "; ".join(faults)
    yield BooksAudited(
        checks=CHECKS,
        ledger_head=state.ledger.head(),
        claims=sum(_claims_on(asset_id, state) for asset_id in state.holdings),
        escrow=sum(state.covers.full.pool(bucket_id) for bucket_id in state.covers.full.buckets),
        open_interest=sum(state.covers.open_interest(instrument_id) for instrument_id in state.series),
        supply=sum(holding.issuer.supply for holding in state.holdings.values() if holding.issuer),
        mobile=sum(sum(holding.spendable(state.ledger).values()) for holding in state.holdings.values()),
    )


def audit(state: State) -> list[str]:
    """What is wrong anywhere, each as a sentence with the number of its invariant; empty when all is well."""
    return [fault for walk in _WALKS for fault in walk(state)]


def _ledger(state: State) -> Iterator[str]:
    """I-1 to I-9: what the ledger says of itself, and what its history says of it."""
    yield from state.ledger.audit()
    yield from _history(state)


def _history(state: State) -> Iterator[str]:
    """I-8, I-9: time goes on, the head is the hash of it all, and from it alone every counter follows."""
    yield from state.auditor.read(state.ledger.history)
    if state.auditor.head() != state.ledger.head():
        yield "I-8 the history and its hash differ"
    reckoned = state.auditor.counters()
    for account in state.ledger.accounts():
        counters = (
            account.debits_pending,
            account.debits_posted,
            account.credits_pending,
            account.credits_posted,
        )
        if reckoned.get(account.account_id) != counters:
            yield f"I-9 {account.account_id}: its counters do not follow from the history"


def _books(state: State) -> Iterator[str]:
    """Books are sound, uncrossed, and hold exactly the live orders of the seats."""
    for instrument_id, series in state.series.items():
        yield from (f"I-16 market of {instrument_id}: {fault}" for fault in series.market.audit())
    markets = [series.market for series in state.series.values()]
    resting = {i: o for market in markets for i, o in market.book.orders.items()}
    waiting = {i: waits for market in markets for i, waits in market.waiting.by_id.items()}
    resting |= {
        i: waits.order for i, waits in waiting.items() if waits.trigger is None and not waits.held_back
    }  # for a call, paid for
    live = {i: o for seat in state.seats.values() for i, o in seat.orders.items()}
    if resting != live:
        yield f"I-16 {sorted(resting.keys() ^ live.keys())} rest on a book or stand with a seat, but not both"
    unpaid = {i: waits.order for i, waits in waiting.items() if waits.trigger is not None or waits.held_back}
    if unpaid != {i: o for seat in state.seats.values() for i, o in seat.waiting.items()}:
        yield "I-16 the orders that wait in a market and those that wait with a seat differ"
    primaries = [one for series in state.series.values() for one in series.following.values()]
    follows = {order.order_id for one in primaries for order in one.followers}
    if not {i for i, waits in waiting.items() if waits.held_back} <= follows:
        yield "I-16 an order is held back, and comes after no other"
    orphaned = [one.primary.order_id for one in primaries if not one.may_come]
    if gone := [number for number in orphaned if number not in live and number not in unpaid]:
        yield f"I-16 {gone} have ended, and others still come after them"
    for order_id, order in live.items():
        if order.open != order.remaining:
            yield f"I-16 order {order_id}: {order.remaining} remain, {order.open} are told"


def _fees(state: State) -> Iterator[str]:
    """I-17: the house has earned what trades in each series have cost both sides, and nothing else."""
    earned = state.fees.copy()
    for series in state.series.values():
        earned[series.instrument.cash] += series.fees
    for asset_id in state.holdings:
        fees = accounts.fees(asset_id)
        booked = state.ledger.balance(fees)
        if (booked.credits_posted, booked.debits_posted) != (earned[asset_id], 0):
            yield f"I-17 {fees} holds {booked.posted}, trades have cost {earned[asset_id]}"


def _prices(state: State) -> Iterator[str]:
    """I-49 to I-51: indices keep to their venues, and a price that is final is the one that was provisional."""
    for index in state.indices.values():
        yield from index.audit()
    for bucket_id, fixing in state.fixings.items():
        every = [s for s in state.series.values() if s.instrument.bucket_id == bucket_id]
        over = {is_over(series.state) for series in every}
        if over != {fixing.final is not None} and not every[0].instrument.note:  # whose issuer pays later
            yield f"I-51 {bucket_id}: its final price is {fixing.final}, but its series say otherwise"
        if fixing.final is not None:
            terms = every[0].instrument
            provisional = fixing.provisional
            if provisional is None or fixing.final != min(max(provisional.price, terms.floor), terms.cap):
                yield f"I-51 {bucket_id}: its final price {fixing.final} is not the provisional one"


def _markets(state: State) -> Iterator[str]:
    """What the venue shows: its books, what trading has cost, and the prices from outside."""
    yield from _books(state)
    yield from _fees(state)
    yield from _prices(state)


def _holds(state: State) -> Iterator[str]:
    """I-12: a hold is exactly what the live orders need over the lock, and nothing without orders."""
    for seat in state.seats.values():
        for asset_id in state.holdings:
            yield from _holds_of(seat, asset_id, state)


def _holds_of(seat: Seat, asset_id: AssetId, state: State) -> Iterator[str]:
    who, hold_account = seat.participant_id, accounts.hold(seat.participant_id, asset_id)
    needed = state.covers.cash_pairs.held(who, asset_id)
    if hold_account == seat.hold_account:
        needed += sum(account.hold for account in _accounts_of(who, state))
    held = state.ledger.posted(hold_account) if hold_account in state.ledger else 0
    if needed != held:
        yield f"I-12 {who}: orders need {needed} of {asset_id}, {held} is held"
    if held and not seat.orders:
        yield f"I-12 {who}: {held} of {asset_id} is held without an order"


def _accounts_of(participant_id: ParticipantId, state: State) -> Iterator[Account]:
    """All accounts of a participant in which orders hold the settlement asset, but for those of cash pairs."""
    covers = state.covers
    for bucket in covers.full.buckets.values():
        if participant_id in bucket.accounts:
            yield bucket.accounts[participant_id]
    for portfolio in covers.margin.portfolios.values() if covers.margin else ():
        if participant_id in portfolio.accounts:
            yield portfolio.accounts[participant_id]
    for cover in (covers.spot, covers.notes):
        yield from (owner.buying for _, owner in cover.of(participant_id))


def _order_rows(state: State) -> Iterator[str]:
    """I-24, I-25: the rows kept order by order equal those reckoned from nothing, and every order can be cleared."""
    for bucket in state.covers.full.buckets.values():
        for participant_id, account in bucket.accounts.items():
            seat = state.seats[participant_id]
            rows = [[0] * len(bucket.nodes)]
            reserve = 0
            for order in seat.orders.values():
                if order.instrument.instrument_id in bucket.instruments:
                    lots = bucket.lot_losses(order)
                    rows.append([order.remaining * loss for loss in lots])
                    reserve += order.worst_fee * order.remaining
            if (list(map(sum, zip(*rows, strict=True))), reserve) != (
                account.order_loss,
                account.fee_reserve,
            ):
                yield f"I-24 {participant_id} in {bucket.bucket_id}: order rows have drifted"
            if account.worst != max(map(sum, zip(account.loss, account.order_loss, strict=True))):
                yield f"I-24 {participant_id} in {bucket.bucket_id}: the worst case has drifted"
            if account.hold != account.worst - account.lock + account.fee_reserve:
                yield f"I-24 {participant_id} in {bucket.bucket_id}: the hold has drifted"
            for order in seat.orders.values():
                if order.instrument.instrument_id in bucket.instruments:
                    short = _short_of(order, account, bucket)
                    if short > 0:
                        yield f"I-25 order {order.order_id}: {short} more would be needed to clear it"


def _short_of(order: Order, account: ClaimAccount, bucket: Bucket) -> Money:
    """How much cash a fill of all that is left of an order would need beyond what is held and locked already."""
    claim, payoffs = bucket.lowest_prices, bucket.payoffs[order.instrument.instrument_id]
    paid = bucket.tick_value * (order.price - claim[order.instrument.instrument_id])
    lots = order.side * order.remaining
    lock = max(loss + lots * (paid - payoff) for loss, payoff in zip(account.loss, payoffs, strict=True))
    return lock + order.worst_fee * order.remaining - account.lock - account.hold


def _positions(state: State) -> Iterator[str]:
    """I-13 to I-15: positions are those of the ledger, add up to nothing, and so does what was paid for them."""
    for bucket in state.covers.full.buckets.values():
        for instrument_id in bucket.instruments:
            quantities = {p: a.quantities.get(instrument_id, 0) for p, a in bucket.accounts.items()}
            if sum(quantities.values()):
                yield f"I-13 {instrument_id}: positions add up to {sum(quantities.values())}"
            if state.ledger.posted(accounts.house_position(instrument_id)):
                yield f"I-13 {instrument_id}: the house is not flat"
            for participant_id, quantity in quantities.items():
                if instrument_id in bucket.accounts[participant_id].quantities:
                    booked = state.ledger.posted(accounts.position(participant_id, instrument_id))
                    if booked != quantity:
                        yield f"I-14 {participant_id} in {instrument_id}: {quantity} here, {booked} booked"
        if sum(account.cost for account in bucket.accounts.values()):
            yield f"I-15 {bucket.bucket_id}: what was paid and received for claims differs"


def _escrow(state: State) -> Iterator[str]:
    """I-18 to I-20: the pool is the sum of locks, covers every claim at every node, and is width times lots."""
    for bucket in state.covers.full.buckets.values():
        pool = state.ledger.posted(bucket.escrow)
        locks = sum(account.lock for account in bucket.accounts.values())
        lost = sum(bucket.haircuts.values())
        if pool != locks - lost or pool < 0:
            yield f"I-18 {bucket.bucket_id}: the pool holds {pool}, the locks are {locks}, of which {lost} is lost"
        for participant_id, haircut in bucket.haircuts.items():
            if not 0 < haircut <= bucket.accounts[participant_id].lock:
                yield f"I-18 {participant_id} in {bucket.bucket_id}: {haircut} is lost of what is locked"
        for participant_id, account in bucket.accounts.items():
            losses = bucket.position_losses(account)
            if losses != account.loss or account.lock != max(losses):
                yield f"I-19 {participant_id} in {bucket.bucket_id}: the lock is not the worst loss"
        width = (bucket.nodes[-1] - bucket.nodes[0]) * bucket.tick_value
        lots = sum(max(q, 0) for account in bucket.accounts.values() for q in account.quantities.values())
        futures_only = all(i.product in FUTURES for i in bucket.instruments.values())
        if futures_only and len(bucket.instruments) == 1 and pool + lost != lots * width:
            yield f"I-20 {bucket.bucket_id}: {lots} lots need {lots * width}, the pool holds {pool}"


def _settled(state: State) -> Iterator[str]:
    """I-21: a bucket that was settled has paid out its pool, no claim below nothing, and the pool stays empty."""
    for bucket_id, paid in state.paid_out.items():
        if paid.payouts != paid.pool or paid.least < 0:
            yield f"I-21 {bucket_id}: claims of {paid.payouts} were paid from a pool of {paid.pool}"
        left = state.ledger.posted(accounts.escrow(bucket_id))
        if left:
            yield f"I-21 {bucket_id}: {left} is left in the pool after its settlement"


def _limits(state: State) -> Iterator[str]:
    """I-24, I-26: free cash is never below zero; capital at risk is what the buckets add up to."""
    for seat in state.seats.values():
        if state.ledger.available(seat.cash_account) < 0:
            yield f"I-24 {seat.participant_id}: free cash is below zero"
        at_risk = sum(max(account.worst, 0) for account in _accounts_of(seat.participant_id, state))
        if state.covers.at_risk(seat.participant_id) != at_risk:
            yield f"I-26 {seat.participant_id}: capital at risk has drifted"


def _margin(state: State) -> Iterator[str]:
    """I-10, I-12 to I-15, I-23, I-24, I-27 to I-30 for positions that are covered by margin."""
    margin = state.covers.margin
    if margin is not None:
        yield from margin_audit.faults(margin, lambda who: state.seats[who].orders.values(), state.ledger)


def _losses(state: State) -> Iterator[str]:
    """I-22, I-31 to I-36: who bore what, and whether the fund is as it was told."""
    yield from loss_audit.walk(state)


def _members(state: State) -> Iterator[str]:
    """I-26: what members stand in for, where clients' collateral lies, and who is called for the default fund."""
    yield from member_audit.walk(state)


def _custody(state: State) -> Iterator[str]:
    """I-11, I-42 to I-46: what is owed is what is held outside; wallets, issuer and gate are as they should be."""
    for asset_id, holding in state.holdings.items():
        owed = _claims_on(asset_id, state)
        held = sum(state.ledger.posted(holding.mirror(wallet_id)) for wallet_id in holding.custody.wallets)
        shortfall = accounts.shortfall(asset_id)
        held += state.ledger.posted(shortfall) if shortfall in state.ledger else 0
        if owed != held:
            yield f"I-11 {asset_id}: {owed} is owed, {held} is held"
        yield from holding.audit(state.ledger)
    yield from unit_audit.walk(state)


def _settlement(state: State) -> Iterator[str]:
    """I-37 to I-41: legs move together, instructions end once, nothing stays with the house or is taken back."""
    yield from state.settlement.audit()


def _claims_on(asset_id: AssetId, state: State) -> Money:
    """All that the house owes in one cash asset, to participants and to itself."""
    return sum(
        state.ledger.posted(account.account_id)
        for account in state.ledger.accounts()
        if account.asset_id == asset_id and account.rule is Rule.LIABILITY
    )


_WALKS = (
    _ledger,
    _markets,
    _holds,
    _order_rows,
    _positions,
    _escrow,
    _settled,
    _limits,
    _margin,
    _losses,
    _members,
    _custody,
    _settlement,
)
CHECKS = len(_WALKS)

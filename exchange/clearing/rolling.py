"""The road of a perpetual's roll: settle the day's claim, pay funding, begin the next one, close what nobody pays for.

A roll is one step: whoever looks before it sees the old claim, whoever looks after it the new one. It needs
neither a session nor a price that is beyond doubt, and it never waits.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from exchange.access.caps import tightest
from exchange.clearing import accounts
from exchange.clearing.fixing import decide_at_once
from exchange.clearing.full import PaidOut, Payout
from exchange.clearing.funding import Funding, share_funding
from exchange.clearing.index import IndexValue
from exchange.clearing.ledger import Move, Rule
from exchange.clearing.perpetual import (
    ONE_IN_PPB,
    Carried,
    Premium,
    carry,
    collect,
    funding_due,
    lock_of,
    rate_of,
)
from exchange.clearing.rounding import divide_half_even
from exchange.commands import RollPerpetual
from exchange.events import (
    BucketSettled,
    CancelCause,
    ClaimSettled,
    Event,
    FundingPaid,
    IndexStatus,
    PerpetualRolled,
    PositionClosedAtRoll,
    PositionRolled,
    PriceRule,
    RollClosure,
    SettlementPriceFinal,
)
from exchange.instruments import Instrument, bounds_of_day
from exchange.state import Fixing, Seat, Series, State
from exchange.trading import cancel_orders_in
from exchange.units import BucketId, Money
from matching.phases import Phase
from matching.terms import ParticipantId, Price


class Rolled(NamedTuple):
    """What a roll has done to everybody."""

    old: Instrument
    new: Instrument
    price: Price  # at which the old claim was settled: that of the new one, within the old collar
    pool: Money
    payouts: list[Payout]
    due: Mapping[ParticipantId, Money]
    funding: Funding
    carried: Mapping[ParticipantId, Carried]
    premium: Premium


def begin(series: Series, state: State) -> None:
    """A perpetual is listed: promise its first roll, and where roundings of its funding go."""
    terms = series.instrument
    series.premium = Premium()
    state.ledger.open(accounts.rounding(terms.cash), terms.cash, Rule.LIABILITY)
    state.agenda.promise(terms.expiry, RollPerpetual(instrument_id=terms.instrument_id))


def take_sample(series: Series, published: IndexValue) -> None:
    """The index is published: how far a perpetual's book is from it, while both can be trusted."""
    if series.premium is None or published.status is not IndexStatus.OK:
        return
    if series.market.phase is Phase.CONTINUOUS:
        bid, ask = series.book.bids.best, series.book.asks.best
        series.premium.observe(
            published.value, series.instrument.tick, bid.price if bid else None, ask.price if ask else None
        )


def roll_perpetual(duty: RollPerpetual, state: State) -> Iterator[Event]:
    """The hour of the roll: cancel what rests, for it was priced for the old claim; roll; tell everybody."""
    series = state.series[duty.instrument_id]
    yield from cancel_orders_in(series, CancelCause.ROLL, state)
    fixing = state.fixings.pop(series.instrument.bucket_id)
    assert series.index is not None, "a perpetual follows one"
    fixed = decide_at_once(
        series.index,
        at=state.now,
        tick=series.instrument.tick,
        prior=fixing.prior,
        committee=fixing.committee,
    )
    rolled = _roll(series, max(fixed.price, 1), state)
    state.fixings[rolled.new.bucket_id] = Fixing(rolled.new.expiry, rolled.new.reference)
    state.agenda.promise(rolled.new.expiry, duty)
    grounds = fixing.committee[1] if fixing.committee and fixed.rule is PriceRule.COMMITTEE else ""
    yield from _told(rolled, fixed.rule, grounds)


def _roll(series: Series, price: Price, state: State) -> Rolled:
    """All that changes, in one chain of the ledger. The old claim is settled within its collar; the new one
    begins at `price`, wherever that is."""
    old, full, premium = series.instrument, state.covers.full, series.premium
    assert premium is not None, "a perpetual has one"
    new, settlement = old.rolled(price), min(max(price, old.floor), old.cap)
    bucket_id, positions = old.bucket_id, full.positions(old.instrument_id)
    seats = {who: state.seats[who] for who in sorted(positions)}
    risks = {who: state.covers.at_risk(who) for who in seats}
    pool = full.pool(bucket_id)
    payouts, moves = full.settle(bucket_id, settlement)
    state.paid_out[bucket_id] = PaidOut.of(pool, payouts)
    cash = {who: _spendable(seat, state) for who, seat in seats.items()}
    for paid in payouts:
        cash[paid.holder.participant_id] += 0 if paid.holder.frozen else paid.payout
    due = share_funding({who: positions[who] for who in seats}, funding_due(new, premium.mean, price)).amounts
    funding = collect(due, cash)
    moves += _funding_moves(bucket_id, old, seats, funding)
    means = {
        who: min(cash[who] + funding.amounts[who], _room(seat, risks[who], state))
        for who, seat in seats.items()
    }
    carried = carry(new, positions, {who: 0 if seats[who].frozen else means[who] for who in seats})
    moves += full.reopen(new, [(seats[who], part.lots) for who, part in carried.items() if part.lots])
    state.ledger.book(moves, state.now)
    assert not state.ledger.posted(accounts.escrow(bucket_id)), "all of the old pool is paid out"
    series.instrument, series.premium = new, Premium()
    series.lowest_price, series.highest_price = bounds_of_day(new, new.reference)
    return Rolled(old, new, settlement, pool, payouts, due, funding, carried, premium)


def _spendable(seat: Seat, state: State) -> Money:
    """Free cash; under a legal order nothing may leave the account."""
    return 0 if seat.frozen else state.ledger.available(seat.cash_account)


def _room(seat: Seat, before: Money, state: State) -> Money:
    """What the seat may lock: up to its limit, or to what it had at risk before if that was more."""
    now = state.covers.at_risk(seat.participant_id)
    limit = tightest(seat.limit, seat.own_funds_limit)
    return 2**63 if limit is None else max(limit, before) - now


def _funding_moves(
    bucket_id: BucketId, terms: Instrument, seats: Mapping[ParticipantId, Seat], funding: Funding
) -> list[Move]:
    """Payers first, through the pool of the old claim; then receivers, and what no one receives."""
    pool = accounts.escrow(bucket_id)
    amounts = [(seats[who].cash_account, amount) for who, amount in funding.amounts.items()]
    paid = [(account, pool, -amount) for account, amount in amounts if amount < 0]
    received = [(pool, account, amount) for account, amount in amounts if amount > 0]
    residue = [(pool, accounts.rounding(terms.cash), funding.residue)] if funding.residue else []
    return [*paid, *received, *residue]


def _told(rolled: Rolled, rule: PriceRule, grounds: str) -> Iterator[Event]:
    """First how the old claim ended, then how the new one begins."""
    bucket_id, instrument_id = rolled.old.bucket_id, rolled.old.instrument_id
    yield SettlementPriceFinal(
        bucket_id=bucket_id,
        price=rolled.price,
        unclamped=rolled.new.reference,
        rule=rule,
        grounds=grounds,
    )
    for paid in rolled.payouts:
        yield ClaimSettled(
            participant_id=paid.holder.participant_id,
            bucket_id=bucket_id,
            payout=paid.payout,
            gain=paid.gain,
            cut=paid.cut,
        )
    yield BucketSettled(bucket_id=bucket_id, pool=rolled.pool, holders=len(rolled.payouts))
    for who, due in rolled.due.items():
        if due:
            yield FundingPaid(
                participant_id=who, instrument_id=instrument_id, amount=rolled.funding.amounts[who], due=due
            )
    for who, part in rolled.carried.items():
        yield from _closed(who, part, rolled)
    yield _rolled(rolled)
    for who, part in rolled.carried.items():
        if part.lots:
            yield PositionRolled(
                participant_id=who,
                instrument_id=instrument_id,
                quantity=part.lots,
                price=rolled.new.reference,
                lock=lock_of(rolled.new, part.lots),
            )


def _closed(who: ParticipantId, part: Carried, rolled: Rolled) -> Iterator[Event]:
    """What a participant lost of its position, by why."""
    closures = {RollClosure.NOT_LOCKED: part.not_locked, RollClosure.OPPOSITE_CLOSED: part.reduced}
    for closure, lots in closures.items():
        if lots:
            yield PositionClosedAtRoll(
                participant_id=who,
                instrument_id=rolled.old.instrument_id,
                quantity=part.side * lots,
                price=rolled.price,
                closure=closure,
            )


def _rolled(rolled: Rolled) -> PerpetualRolled:
    """The roll as the public sees it: no names. Either side has carried, and lost, as many lots."""
    longs = [part for part in rolled.carried.values() if part.side > 0]
    premium = rolled.premium.mean
    return PerpetualRolled(
        instrument=rolled.new,
        open_interest=sum(part.lots for part in longs),
        closed=sum(part.not_locked + part.reduced for part in longs),
        premium_ppb=_in_ppb(premium),
        samples=rolled.premium.samples,
        funding_rate_ppb=_in_ppb(rate_of(premium)),
    )


def _in_ppb(rate: Fraction) -> int:
    """As it is told; what is paid is reckoned from the exact rate."""
    return divide_half_even(rate.numerator * ONE_IN_PPB, rate.denominator)

"""Margin, exposure and positions by participant, escrow by bucket, members with their clients.

Amounts are minor units of the settlement asset. None: there is no such thing here.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exchange.access.caps import tightest
from exchange.clearing.expiry import is_over
from exchange.clearing.full import Bucket, ClaimAccount
from exchange.clearing.liquidation import MarginState
from exchange.clearing.margin_accounts import MarginAccount
from exchange.clearing.portfolio import Holding, Margin
from exchange.clearing.scenario_margin import scenario_margin
from exchange.clearing.standard_margin import StandardTerms, standard_margin
from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.clearing.waterfall import assessed_within
from exchange.events import ParticipantState
from exchange.instruments import IN_UNITS, Instrument, Product
from exchange.membership import clients_of
from exchange.reports.stress import losses_by_group
from exchange.state import Seat, State
from exchange.units import AssetId, BucketId, InstrumentId, Money
from matching.terms import ParticipantId, Price, Quantity


class PositionRow(NamedTuple):
    """One participant's lots in one series."""

    participant_id: ParticipantId
    instrument_id: InstrumentId
    bucket_id: BucketId
    mode: ClearingMode
    lots: int  # signed
    mark: Price  # in ticks; of the last valuation, where there are valuations
    worth: Money  # at the mark, negative if short
    notional: Money  # of the underlying


class MarginRow(NamedTuple):
    """What one participant's positions need, by the rules in force and by the two tables beside them."""

    participant_id: ParticipantId
    member_id: ParticipantId | None
    restriction: ParticipantState
    margin_state: MarginState | None
    notional: Money
    required: Money  # by the rules in force, live orders and their fees included
    scenario_initial: Money  # of positions, without orders
    scenario_maintenance: Money
    standard_initial: Money  # as crypto exchanges reckon it
    standard_maintenance: Money
    equity: Money  # what the account would be left with if all were closed at the marks


class ExposureRow(NamedTuple):
    """Where one participant's money is, and how much it may put at risk."""

    participant_id: ParticipantId
    cash: Money  # free
    held: Money  # for live orders
    locked: Money | None  # its share of the escrow pools
    collateral: Money | None
    fund_share: Money | None
    owed: Money | None  # by the house, not paid yet; negative: to the house
    at_risk: Money
    limit: Money | None  # the tightest one


class EscrowRow(NamedTuple):
    """One bucket of bounded claims and the pool that pays them."""

    bucket_id: BucketId
    asset_id: AssetId
    holders: int
    open_interest: Quantity
    pool: Money
    largest_lock: Money  # of one participant


class MemberRow(NamedTuple):
    """One clearing member with all for whom it stands in."""

    member_id: ParticipantId
    restriction: ParticipantState
    margin_state: MarginState | None
    clients: int
    initial: Money  # of the member and its clients
    at_risk: Money  # likewise
    capacity: Money | None  # what its own funds bear of that
    contribution: Money | None  # to the default fund, as required
    paid_in: Money | None
    missing: Money | None
    assessed: Money | None  # within the capped period
    loss: Money | None  # in the worst stress of each account, beyond its own money
    porting_offer: Money


def positions(state: State) -> list[PositionRow]:
    """Every open position, by participant and in the order of the listings."""
    return [
        PositionRow(
            participant_id=who,
            instrument_id=held.instrument.instrument_id,
            bucket_id=held.instrument.bucket_id,
            mode=_mode(held.instrument, state),
            lots=held.quantity,
            mark=held.mark,
            worth=held.quantity * held.mark * held.instrument.tick_value,
            notional=_notional(held),
        )
        for who in sorted(state.seats)
        for held in holdings(who, state)
    ]


def holdings(participant_id: ParticipantId, state: State) -> list[Holding]:
    """What a participant holds, at the prices by which it is reckoned now."""
    found = []
    for instrument_id, series in state.series.items():
        if series.instrument.product is Product.CASH_PAIR:
            continue  # it holds money, which is counted as that
        if held := state.covers.position(participant_id, instrument_id):
            terms, mark = series.instrument, series.mark
            if state.covers.margin and _mode(terms, state) is ClearingMode.RISK:
                mark = state.covers.margin.portfolio(instrument_id).marks[instrument_id]
            forward = _forward(terms, state) if terms.product is Product.OPTION else mark
            found.append(Holding(terms, held, mark, forward, max(terms.expiry - state.now, 0)))
    return found


def _mode(terms: Instrument, state: State) -> ClearingMode:
    paid_for = terms.product in IN_UNITS or terms.bucket_id in state.covers.full.buckets
    return ClearingMode.FULL if paid_for else ClearingMode.RISK


def _forward(terms: Instrument, state: State) -> Price:
    """The price of an option's underlying: by the last valuation, else the index, else where it was listed."""
    if state.covers.margin and _mode(terms, state) is ClearingMode.RISK:
        return state.covers.margin.portfolio(terms.instrument_id).forward
    latest = state.indices[terms.underlying].latest
    if latest is not None:
        return latest.value // terms.tick
    assert terms.strike is not None, "an option has a strike"
    return terms.strike


def _notional(held: Holding) -> Money:
    return abs(held.quantity) * held.forward * held.instrument.tick_value


def margins(state: State) -> list[MarginRow]:
    """By participant, in the order of their ids. Under full cover the tables say what margin would ask instead."""
    return [_margin_row(state.seats[who], state) for who in sorted(state.seats)]


def _margin_row(seat: Seat, state: State) -> MarginRow:
    held, account = holdings(seat.participant_id, state), _account(seat, state)
    scenario = _scenario_margin(seat, state)
    standard = standard_margin(held, StandardTerms())
    full = sum(claims.lock + claims.hold for claims, _ in _claims(seat, state))
    return MarginRow(
        participant_id=seat.participant_id,
        member_id=seat.member_id,
        restriction=seat.state,
        margin_state=account.state if account else None,
        notional=sum(map(_notional, held)),
        required=full + (account.required + account.reserved if account else 0),
        scenario_initial=scenario.initial,
        scenario_maintenance=scenario.maintenance,
        standard_initial=standard.initial,
        standard_maintenance=standard.maintenance,
        equity=_equity(seat, account, state),
    )


def _scenario_margin(seat: Seat, state: State) -> Margin:
    """The margin in force or, without one, what it would be."""
    account, terms = _account(seat, state), _rules(state).scenarios
    if account is None:
        return scenario_margin(holdings(seat.participant_id, state), terms)
    return Margin(account.initial, account.maintenance(account.initial))


def _equity(seat: Seat, account: MarginAccount | None, state: State) -> Money:
    claims = sum(_worth(one, bucket, state) for one, bucket in _claims(seat, state))
    if account is not None:
        return claims + account.equity
    return claims + state.ledger.available(seat.cash_account) + state.ledger.posted(seat.hold_account)


def _worth(claims: ClaimAccount, bucket: Bucket, state: State) -> Money:
    """The lock, and what prices have given or taken since the claims were opened."""
    ticks = sum(
        lots * (state.series[i].mark - bucket.lowest_prices[i]) for i, lots in claims.quantities.items()
    )
    return claims.lock + bucket.tick_value * (ticks - claims.cost)


def exposures(state: State) -> list[ExposureRow]:
    """By participant, in the order of their ids."""
    return [_exposure(state.seats[who], state) for who in sorted(state.seats)]


def _exposure(seat: Seat, state: State) -> ExposureRow:
    ledger, account = state.ledger, _account(seat, state)
    nothing = 0 if state.covers.margin else None
    return ExposureRow(
        participant_id=seat.participant_id,
        cash=ledger.available(seat.cash_account),
        held=ledger.posted(seat.hold_account),
        locked=None if state.covers.margin else state.covers.full.locked(seat.participant_id),
        collateral=ledger.posted(account.collateral) if account else nothing,
        fund_share=ledger.posted(account.fund) if account else nothing,
        owed=ledger.posted(account.obligation) if account else nothing,
        at_risk=state.covers.at_risk(seat.participant_id),
        limit=tightest(seat.limit, seat.own_funds_limit),
    )


def escrows(state: State) -> list[EscrowRow]:
    """Every bucket of claims that is not settled yet; none where positions are covered by margin."""
    return [
        EscrowRow(
            bucket_id=bucket_id,
            asset_id=bucket.cash,
            holders=sum(any(one.quantities.values()) for one in bucket.accounts.values()),
            open_interest=sum(state.covers.open_interest(i) for i in bucket.instruments),
            pool=state.covers.full.pool(bucket_id),
            largest_lock=max((one.lock for one in bucket.accounts.values()), default=0),
        )
        for bucket_id, bucket in state.covers.full.buckets.items()
        if any(not is_over(state.series[i].state) for i in bucket.instruments)
    ]


def members(state: State) -> list[MemberRow]:
    """In the order of their ids."""
    by_group = losses_by_group(state)
    ids = sorted(who for who, seat in state.seats.items() if seat.is_member)
    return [_member(state.seats[who], by_group, state) for who in ids]


def _member(seat: Seat, by_group: dict[str, Money], state: State) -> MemberRow:
    who, account, margin = seat.participant_id, _account(seat, state), state.covers.margin
    behind = [seat, *clients_of(seat, state)]
    contribution, paid_in = state.contributions.get(who, 0), 0
    if account:
        paid_in = state.ledger.posted(account.fund)
    capped = _rules(state).waterfall.capped_period
    return MemberRow(
        member_id=who,
        restriction=seat.state,
        margin_state=account.state if account else None,
        clients=len(behind) - 1,
        initial=sum(_scenario_margin(one, state).initial for one in behind),
        at_risk=state.covers.behind(who),
        capacity=seat.own_funds_limit,
        contribution=contribution if margin else None,
        paid_in=paid_in if margin else None,
        missing=max(contribution - paid_in, 0) if margin else None,
        assessed=assessed_within(state.assessments, state.now, capped).get(who, 0) if margin else None,
        loss=by_group.get(who, 0) if margin else None,
        porting_offer=seat.porting_offer,
    )


def _rules(state: State) -> ClearingRules:
    if state.covers.margin:
        return state.covers.margin.rules
    return state.regime.clearing if state.regime else ClearingRules()


def _account(seat: Seat, state: State) -> MarginAccount | None:
    margin = state.covers.margin
    return margin.accounts.get(seat.participant_id) if margin else None


def _claims(seat: Seat, state: State) -> Iterator[tuple[ClaimAccount, Bucket]]:
    for bucket in state.covers.full.buckets.values():
        if seat.participant_id in bucket.accounts:
            yield bucket.accounts[seat.participant_id], bucket

"""The road of margin: value all accounts, clear what prices gave and took, call for money, close what is not covered.

Under full cover nothing of this ever happens. Whoever cannot be saved here goes on to default management.
"""

from collections.abc import Iterator

from exchange import membership, trading
from exchange.clearing import accounts
from exchange.clearing.index import IndexValue
from exchange.clearing.ledger import Rule
from exchange.clearing.liquidation import MarginState, advance, follows_equity, state_of
from exchange.clearing.margin import Live, MarginCover
from exchange.clearing.margin_accounts import MarginAccount, Portfolio
from exchange.clearing.variation import owe, pay, sources
from exchange.commands import (
    BeginDefault,
    DefaultReason,
    EndMarginCall,
    HouseLayer,
    LiquidatePositions,
    MarkVariation,
    PayVariation,
    ValueAccounts,
)
from exchange.events import (
    AccountsValued,
    CancelCause,
    Event,
    IndexStatus,
    MarginCalled,
    MarginCallExtended,
    MarginStateChanged,
    PositionSettled,
    VariationCleared,
    VariationLate,
    VariationMarked,
    VariationPaid,
)
from exchange.reasons import CashRefusal
from exchange.state import Order, Series, State
from exchange.units import DAY, AssetId, BucketId, IndexId, Money, Time
from matching.terms import ParticipantId, Price

# --- the beginning --------------------------------------------------------------------------------------


def begin(state: State) -> None:
    """A regime with margin is in force: promise its valuations and clearings, and open the house's accounts."""
    margin = state.covers.margin
    assert margin is not None, "called for a regime with margin"
    open_house(margin.cash, state)
    _promise_valuation(state.now + margin.rules.revaluation, state)
    for number in range(len(margin.rules.variation.clearings)):
        _promise_clearing(number, state)


def open_house(cash: AssetId, state: State) -> None:
    """The house's accounts in the asset in which variation is cleared."""
    state.ledger.open(accounts.settlement(cash), cash, Rule.LIABILITY)
    state.ledger.open(accounts.rounding(cash), cash, Rule.LIABILITY)
    state.ledger.open(accounts.house_obligation(cash), accounts.obligation_asset(cash), Rule.FREE)
    for layer in HouseLayer:
        state.ledger.open(accounts.layer(layer, cash), cash, Rule.LIABILITY)


# --- valuation ------------------------------------------------------------------------------------------


def value_listed(series: Series, state: State) -> None:
    """A series has come to its portfolio: its mark and risk array are those of now, the others stay as they are."""
    margin = state.covers.margin
    instrument_id = series.instrument.instrument_id
    if margin is not None and margin.has(instrument_id):
        portfolio, marks = margin.portfolio(instrument_id), {instrument_id: series.mark}
        margin.revalue(portfolio, portfolio.forward, marks, _live_orders(state), state.now)


def value_accounts(_duty: ValueAccounts, state: State) -> Iterator[Event]:
    """At its interval, or at once after a large move of an index."""
    if state.now != state.next_valuation:
        return  # an earlier one took its place
    margin = state.covers.by_margin
    _promise_valuation(state.now + margin.rules.revaluation, state)
    yield from value_all(state)
    yield from membership.collect_shares(state)


def value_if_moved(index_id: IndexId, state: State) -> None:
    """After a publication of the index: a large move brings the next valuation at once."""
    margin = state.covers.margin
    if margin is None:
        return
    latest = state.indices[index_id].latest
    for portfolio in margin.portfolios.values():
        if portfolio.portfolio_id.underlying == index_id and latest is not None:
            moved = abs(latest.value - portfolio.valued_at)
            if moved * 10_000 > margin.rules.revaluation_move_bp * portfolio.valued_at:
                _promise_valuation(state.now, state)


def value_if_repriced(asset_id: AssetId, state: State) -> None:
    """After a price of the coin: where debts are worth roubles, what it counts as collateral is another at once."""
    margin, price = state.covers.margin, state.holdings[asset_id].price_ppm
    if margin is not None and margin.cash == asset_id and not margin.conversion.is_even:
        margin.conversion.price_ppm = price
        _promise_valuation(state.now, state)


def value_all(state: State) -> Iterator[Event]:
    """Every account at the marks of now, then what follows from it for each.

    While an index is stale its marks stay as they are, and so no requirement falls.
    """
    margin = state.covers.by_margin
    for portfolio in margin.portfolios.values():
        latest = state.indices[portfolio.portfolio_id.underlying].latest
        if latest is not None and latest.status is not IndexStatus.STALE and portfolio.instruments:
            _value(portfolio, latest, margin, state)
    yield from review(state)
    yield _valued(margin, state)


def _value(portfolio: Portfolio, index: IndexValue, margin: MarginCover, state: State) -> None:
    marks = {instrument_id: state.series[instrument_id].mark for instrument_id in portfolio.instruments}
    tick = next(iter(portfolio.instruments.values())).tick
    portfolio.valued_at, portfolio.valued_by = index.value, index.status
    margin.revalue(portfolio, index.value // tick, marks, _live_orders(state), state.now)


def _live_orders(state: State) -> Live:
    def live(who: ParticipantId, portfolio: Portfolio) -> list[Order]:
        orders = state.seats[who].orders.values()
        return [order for order in orders if order.instrument.instrument_id in portfolio.instruments]

    return live


def review(state: State) -> Iterator[Event]:
    """Post or free collateral, and move each account to the state that its equity calls for. Whatever its state, the
    brake is pulled while one is worth less than nothing: most get there only once they are being closed."""
    margin = state.covers.by_margin
    for account in list(margin.accounts.values()):
        if account.equity < 0:
            state.braked_until = state.now + margin.rules.brake
        if not follows_equity(account.state):
            continue
        account.ceiling = account.required
        moves = account.sweep()
        if moves:
            state.ledger.book(moves, state.now)
        equity, initial = account.equity, account.initial
        maintenance = account.maintenance(initial)
        level = max(initial * margin.rules.call_level_bp // 10_000, maintenance)
        stands = state_of(equity, initial, level, maintenance, margin.rules.liquidation)
        if stands is not account.state:
            yield from _enter(account, stands, equity, maintenance, state)
        elif stands is MarginState.NORMAL:
            _end_call(account, state)


def _enter(
    account: MarginAccount, to: MarginState, equity: Money, maintenance: Money, state: State
) -> Iterator[Event]:
    """The account stands differently now: tell it, call for money, or hand it to those who close it."""
    seat = state.seats[account.holder.participant_id]
    account.state = advance(account.state, to)
    yield MarginStateChanged(
        participant_id=seat.participant_id,
        state=to,
        equity=equity,
        initial=account.initial,
        maintenance=maintenance,
    )
    match to:
        case MarginState.NORMAL:
            account.vain_steps = 0
            _end_call(account, state)
            state.ledger.book(account.sweep(), state.now)
        case MarginState.CALL:
            yield from call_for(account, account.conversion.needed(account.initial - equity), state)
        case MarginState.LIQUIDATING:
            yield from call_for(account, account.conversion.needed(account.initial - equity), state)
            yield from trading.cancel_orders_of(seat, CancelCause.PARTICIPANT_RESTRICTED, state)
            account.next_step = max(state.now, account.next_step)
            state.agenda.promise(account.next_step, LiquidatePositions(participant_id=seat.participant_id))
        case MarginState.BACKSTOP:
            _promise_default(account, DefaultReason.BEYOND_STEPS, state)
        case MarginState.DEFAULT:
            _promise_default(account, DefaultReason.WORTH_LESS_THAN_NOTHING, state)


def call_for(account: MarginAccount, amount: Money, state: State) -> Iterator[Event]:
    """Call for so many coins, unless a call is open: the deadline of the first one stands."""
    if account.call:
        return
    state.calls += 1
    account.call = state.calls
    deadline = _call_deadline(state.now, state)
    who = account.holder.participant_id
    state.agenda.promise(deadline, EndMarginCall(participant_id=who, call=account.call))
    yield MarginCalled(participant_id=who, amount=amount, deadline=deadline)


def _end_call(account: MarginAccount, state: State) -> None:
    """The account stands well again, and its call is met, unless it still cannot pay what it was late with: what
    its options are worth pays nobody."""
    due = account.conversion.to_pay(account.late)
    there = sources(account, due, state.ledger)
    if sum(amount for _, amount in there) >= due:
        account.call = account.late = 0


def end_margin_call(duty: EndMarginCall, state: State) -> Iterator[Event]:
    """Whoever has not met its call by the deadline defaults, unless money cannot be brought at that hour."""
    margin = state.covers.by_margin
    account, holding = margin.accounts[duty.participant_id], state.holdings[margin.cash]
    if account.call != duty.call:
        return
    yield from review(state)  # what came in since the last valuation counts
    if account.call != duty.call or not follows_equity(account.state):
        return
    match holding.shut(state.now):
        case None:
            _promise_default(account, DefaultReason.CALL_MISSED, state)
        case CashRefusal.CLOSED:
            yield _renew_call(account, holding.keeper.opens_at(state.now), state)
        case _:
            pass  # the call stays open; `renew_calls` sets a deadline when money moves again


def renew_calls(asset_id: AssetId, state: State) -> Iterator[Event]:
    """Money moves again: whoever was called has the whole period of a call from now on."""
    margin = state.covers.margin
    if margin is not None and margin.cash == asset_id:
        for account in margin.accounts.values():
            if account.call:
                yield _renew_call(account, state.now, state)


def _renew_call(account: MarginAccount, since: Time, state: State) -> MarginCallExtended:
    """The same call with another deadline: the one that was promised finds nothing any more."""
    state.calls += 1
    account.call = state.calls
    deadline = _call_deadline(since, state)
    who = account.holder.participant_id
    state.agenda.promise(deadline, EndMarginCall(participant_id=who, call=account.call))
    return MarginCallExtended(participant_id=who, deadline=deadline)


def _call_deadline(since: Time, state: State) -> Time:
    """When a call that is made then is due: over a weekend, where there is one, on Monday."""
    rules = state.covers.by_margin.rules
    return rules.variation.on_working_day(since + rules.liquidation.call_deadline)


def _promise_default(account: MarginAccount, reason: DefaultReason, state: State) -> None:
    who = account.holder.participant_id
    state.agenda.promise(state.now, BeginDefault(participant_id=who, reason=reason))


def _valued(margin: MarginCover, state: State) -> AccountsValued:
    posted = uncovered = initial = 0
    for account in margin.accounts.values():
        has = margin.conversion.counts(state.ledger.posted(account.collateral))
        lost = -min(account.claim, 0)
        initial += account.initial
        posted += has
        uncovered += max(lost - has, 0)
    return AccountsValued(initial=initial, collateral=posted, uncovered=uncovered)


# --- variation ------------------------------------------------------------------------------------------


def mark_variation(duty: MarkVariation, state: State) -> Iterator[Event]:
    """Value all accounts; what prices gave and took is owed now, and paid now or at its hour."""
    margin = state.covers.by_margin
    _promise_clearing(duty.clearing, state)
    clearing = margin.rules.variation.clearings[duty.clearing]
    yield from value_all(state)
    pays = margin.rules.variation.on_working_day(state.now + clearing.pays - clearing.marks)
    yield from owe_variation(pays, state)
    if pays == state.now:
        yield from clear(state)
    else:
        state.agenda.promise(pays, PayVariation())


def owe_variation(pays: Time, state: State) -> Iterator[Event]:
    margin = state.covers.by_margin
    dues = margin.variation()
    state.ledger.book(owe(dues, margin.cash), state.now)
    given = sum(due.amount for due in dues if due.amount > 0)
    yield VariationMarked(asset_id=margin.cash, amount=given, pays=pays)


def pay_variation(_duty: PayVariation, state: State) -> Iterator[Event]:
    yield from clear(state)


def clear(state: State) -> Iterator[Event]:
    """Collect all that is owed, then pay; whoever is late is called upon, and defaults at the deadline."""
    margin = state.covers.by_margin
    standing = list(margin.accounts.values())
    payment = pay(standing, margin.cash, state.ledger, margin.conversion)
    state.ledger.book(payment.moves, state.now)
    for account, amount in payment.paid:
        yield VariationPaid(participant_id=account.holder.participant_id, asset_id=margin.cash, amount=amount)
    late = sum(due.amount for due in payment.late)
    for account in margin.accounts.values():
        account.late = 0
        account.client_losses = min(account.client_losses, max(-state.ledger.posted(account.obligation), 0))
    yield VariationCleared(
        asset_id=margin.cash,
        collected=payment.collected,
        distributed=payment.distributed,
        late=late,
        liquidity=payment.liquidity,
    )
    for account, amount in payment.late:
        account.late = amount
        yield VariationLate(participant_id=account.holder.participant_id, asset_id=margin.cash, amount=amount)
        if follows_equity(account.state):
            yield from call_for(account, account.conversion.to_pay(amount), state)
    yield from review(state)


def settle_margined(bucket_id: BucketId, price: Price, state: State) -> Iterator[Event]:
    """The last variation of a bucket, with its settlement price as the mark; cleared at once with all else owed."""
    margin = state.covers.by_margin
    dues, lots = margin.settle(bucket_id, price)
    state.ledger.book([*lots, *owe(dues, margin.cash)], state.now)
    for account, amount in dues:
        yield PositionSettled(
            participant_id=account.holder.participant_id, bucket_id=bucket_id, amount=amount
        )
    yield from clear(state)


# --- the inner way --------------------------------------------------------------------------------------


def _promise_valuation(at: Time, state: State) -> None:
    state.next_valuation = at
    state.agenda.promise(at, ValueAccounts())


def _promise_clearing(number: int, state: State) -> None:
    """The next time that this clearing of the schedule marks."""
    variation = state.covers.by_margin.rules.variation
    today = state.now - state.now % DAY + variation.clearings[number].marks
    marks = variation.on_working_day(today if today > state.now else today + DAY)
    state.agenda.promise(marks, MarkVariation(clearing=number))

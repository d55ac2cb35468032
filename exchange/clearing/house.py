"""The road of prices and expiries: list a series, publish the index, fix the settlement price, pay every claim."""

from collections.abc import Iterator

from exchange import auctions, margining
from exchange.access.positions import limit_on, tiers_in_lots
from exchange.clearing import rolling
from exchange.clearing.denomination import bar_to_listing
from exchange.clearing.expiry import advance, is_over, is_trading
from exchange.clearing.fixing import Fixed, decide
from exchange.clearing.full import PaidOut
from exchange.clearing.index import IndexValue
from exchange.clearing.marks import FutureMark, MarkTerms, cost_of
from exchange.clearing.partitions import PARTITION, PARTITIONS
from exchange.clearing.pricing import mark_of_option
from exchange.clearing.rounding import to_tick
from exchange.clearing.spot import asset_of, lot_units
from exchange.clearing.terms import ClearingRules
from exchange.commands import (
    AuditBooks,
    EndTrading,
    FixNote,
    FixPrice,
    ListInstrument,
    PostponeSettlement,
    PublishIndex,
    PublishReferenceRate,
    ReportQuotes,
    ReportTrades,
    SetCommitteePrice,
    SettleBucket,
    StartFixing,
)
from exchange.events import (
    BucketSettled,
    CancelCause,
    ClaimSettled,
    CollarNeared,
    DirectiveRefused,
    Event,
    IndexPublished,
    IndexStatus,
    InstrumentListed,
    MarkPublished,
    PriceRule,
    SeriesState,
    SeriesStateChanged,
    SettlementPostponed,
    SettlementPriceFinal,
    SettlementPriceProvisional,
)
from exchange.instruments import (
    FUTURES,
    PAR_PPM,
    ContractKind,
    Instrument,
    Product,
    SettlementRule,
    bounds_of_day,
    fault_in,
    nears_its_collar,
    successor,
)
from exchange.state import Fixing, Order, Series, State
from exchange.trading import cancel_orders_in, observe, ours, settle_down, withdraw
from exchange.units import INDEX_DECIMALS, BucketId, IndexPrice, Time
from matching.feed import Feed
from matching.market import Market, MarketTerms
from matching.phases import Phase
from matching.terms import Price, SelfTradePrevention
from matching.triggers import PriceSource


def list_instrument(command: ListInstrument, state: State) -> Iterator[Event]:
    """Open a series, its bucket if it is the first there, and promise its expiry."""
    terms = command.instrument
    fault = listing_fault(terms, state)
    if fault is None and terms.product is Product.NOTE:
        fault = "a note is listed when its placement ends; its issuer registers and places it"
    fault = fault or state.covers.list_series(terms, _live_orders(terms, state))
    if fault is not None:
        yield DirectiveRefused(directive=f"list {terms.instrument_id}", explanation=fault)
        return
    yield from open_series(terms, state)


def open_series(terms: Instrument, state: State) -> Iterator[Event]:
    """A series that has its cover: open its market, and promise its expiry if it has one."""
    index = state.indices.get(terms.underlying)
    bounds = bounds_of_day(terms, terms.reference)
    market = Market(market_terms(terms, state), terms.reference, Phase.CLOSED)
    series = Series(terms, market, index, SeriesState.LISTED, *bounds)
    limit_positions(series, state)
    series.feed = Feed(market) if terms.publishes_book else None
    state.series[terms.instrument_id] = series
    if terms.expiry and terms.bucket_id not in state.fixings:
        state.fixings[terms.bucket_id] = Fixing(terms.expiry, _first_prior(terms))
        if terms.kind is ContractKind.PERP_ROLLING:
            rolling.begin(series, state)
        else:
            starts = terms.expiry - fixing_window(terms, state)
            state.agenda.promise(starts, StartFixing(bucket_id=terms.bucket_id))
            state.agenda.promise(terms.expiry, EndTrading(bucket_id=terms.bucket_id))
    series.mark = terms.reference
    if terms.product in FUTURES:
        series.future_mark = FutureMark(terms, _mark_terms(state))
    _find_future(terms.bucket_id, state)
    margining.value_listed(series, state)
    yield InstrumentListed(instrument=terms)
    if state.session_open and not must_stay(series, state):
        yield from begin_trading(series, state)


def limit_positions(series: Series, state: State) -> None:
    """Positions in the series count under what the regime in force says, and cost more beyond its tiers."""
    terms, margin = series.instrument, state.covers.margin
    series.position_limit = limit_on(terms, state.regime)
    if margin is not None and margin.has(terms.instrument_id):
        margin.follow_tiers(terms.instrument_id, tiers_in_lots(terms, series.position_limit))


def begin_day(series: Series, state: State) -> Iterator[Event]:
    """A session opens: orders may go as far from the mark as the daily limit lets them; what rests beyond is gone."""
    if not series.instrument.daily_limit_bp:
        return
    lowest, highest = bounds_of_day(series.instrument, series.mark)
    series.lowest_price, series.highest_price = lowest, highest
    beyond = [order for order in series.book.orders.values() if not lowest <= order.price <= highest]
    for resting in beyond:
        yield from withdraw(ours(resting), series, CancelCause.DAILY_LIMIT, state)
    yield from settle_down(series, state)


def begin_trading(series: Series, state: State) -> Iterator[Event]:
    """A series that was only listed so far, within a session."""
    yield enter(series, SeriesState.TRADING)
    auctions.promise_closing_call(series, state)
    yield from auctions.open_market(series, state)


def market_terms(terms: Instrument, state: State) -> MarketTerms:
    """How the instrument trades under the regime in force."""
    prevention = SelfTradePrevention.CANCEL_RESTING
    if state.regime is not None:
        prevention = state.regime.market.self_trade_prevention
    return MarketTerms(terms.allocation, prevention, terms.static_band_bp, terms.dynamic_band_bp)


def report_quotes(command: ReportQuotes, state: State) -> Iterator[Event]:
    """Take in what the outside venues show; the index is published at its own hour."""
    index = state.indices.get(command.index_id)
    if index is None:
        yield DirectiveRefused(directive="report quotes", explanation=f"there is no index {command.index_id}")
    else:
        index.report(command.quotes)


def report_trades(command: ReportTrades, state: State) -> Iterator[Event]:
    """Take in what was traded on the outside venues; it counts for fixings alone, never for the index."""
    index = state.indices.get(command.index_id)
    if index is None:
        yield DirectiveRefused(directive="report trades", explanation=f"there is no index {command.index_id}")
    else:
        index.report_trades(command.trades, state.now)


def publish_reference_rate(command: PublishReferenceRate, state: State) -> Iterator[Event]:
    index = state.indices.get(command.index_id)
    if index is None:
        yield DirectiveRefused(directive="publish rate", explanation=f"there is no index {command.index_id}")
    else:
        index.report_rate(command.source, command.rate, state.now)


def publish_index(duty: PublishIndex, state: State) -> Iterator[Event]:
    index = state.indices[duty.index_id]
    state.agenda.promise(state.now + index.terms.interval, duty)
    published = index.publish(state.now)
    if published is not None:
        yield IndexPublished(
            index_id=duty.index_id,
            value=published.value,
            status=published.status,
            venues=published.venues,
        )
        trading = [s for s in state.series.values() if s.index is index and is_trading(s.state)]
        for series in trading:
            rolling.take_sample(series, published)
            yield from _publish_mark(series, published, state)
            yield from observe(series, PriceSource.INDEX, published.value // series.instrument.tick, state)
            yield from watch_collar(series, state)
        margining.value_if_moved(duty.index_id, state)


def watch_collar(series: Series, state: State) -> Iterator[Event]:
    """A fully covered future whose mark comes close to an edge of its collar is told of once, and followed by one
    with a fresh collar, unless its fixing is about to begin. A live collar never changes.
    """
    terms = series.instrument
    bounded = terms.kind is ContractKind.CAPPED_FUTURE and terms.bucket_id in state.covers.full.buckets
    if not bounded or series.collar_neared or not nears_its_collar(terms, series.mark):
        return
    series.collar_neared = True
    yield CollarNeared(instrument_id=terms.instrument_id, mark=series.mark)
    if terms.expiry - fixing_window(terms, state) > state.now:
        yield from list_instrument(ListInstrument(instrument=successor(terms, series.mark)), state)


def _publish_mark(series: Series, published: IndexValue, state: State) -> Iterator[Event]:
    """A future follows the index and its own book, an option the future that expires with it, spot the index; a
    note has no mark but its reference. A stale index moves none.
    """
    sound = published.status is not IndexStatus.STALE
    before = series.mark
    if series.future_mark is not None:
        depth = _mark_terms(state).depth
        bids, asks = cost_of(series.book.bids, depth), cost_of(series.book.asks, depth)
        series.mark = series.future_mark.observe(published.value if sound else None, bids, asks)
    elif sound and series.instrument.product is Product.OPTION:
        series.mark = _option_mark(series, published.value, state)
    elif sound and series.instrument.product is Product.SPOT:
        series.mark = published.value // series.instrument.tick
    if series.mark != before and state.covers.margin is not None:
        yield MarkPublished(instrument_id=series.instrument.instrument_id, price=series.mark)
    yield from observe(series, PriceSource.MARK, series.mark, state)


def _option_mark(series: Series, index: IndexPrice, state: State) -> Price:
    terms, future = series.instrument, series.future
    forward = index // terms.tick if future is None else future.mark
    volatility = (state.regime.clearing if state.regime else ClearingRules()).scenarios.volatility_bp
    return mark_of_option(terms, forward, terms.expiry - state.now, volatility)


def _find_future(bucket_id: BucketId, state: State) -> None:
    """The options of a bucket are marked by its first future, whichever was listed first."""
    every = _series_of(bucket_id, state)
    future = next((series for series in every if series.future_mark is not None), None)
    for series in every:
        series.future = future


def _mark_terms(state: State) -> MarkTerms:
    return (state.regime.clearing if state.regime else ClearingRules()).marks


def start_fixing(duty: StartFixing, state: State) -> Iterator[Event]:
    """The window of samples begins; trading goes on."""
    for series in _series_of(duty.bucket_id, state):
        if series.state is SeriesState.SUSPENDED:
            series.resumes_as = SeriesState.FIXING
        elif series.state in (SeriesState.LISTED, SeriesState.TRADING):
            yield enter(series, SeriesState.FIXING)


def end_trading(duty: EndTrading, state: State) -> Iterator[Event]:
    """The last instant: no order of this instant enters, live ones are canceled, the price is fixed next."""
    every = [series for series in _series_of(duty.bucket_id, state) if not is_over(series.state)]
    if not every:
        return
    for series in every:
        yield from auctions.finish_call(series, state)
        yield enter(series, SeriesState.HALTED)
        yield from cancel_orders_in(series, CancelCause.EXPIRY, state)
        yield from auctions.end_market(series, state)
    state.agenda.promise(state.now, FixPrice(bucket_id=duty.bucket_id))


def fix_price(duty: FixPrice, state: State) -> Iterator[Event]:
    """Take the next rung of the ladder: a provisional price, or a later hour to ask again."""
    fixing, terms = state.fixings[duty.bucket_id], _terms(duty.bucket_id, state)
    index = state.indices[terms.underlying]
    decided = decide(
        index,
        settlement_rule=terms.settlement_rule,
        expiry=fixing.expiry,
        tick=terms.tick,
        prior=fixing.prior,
        committee=fixing.committee,
        objected=fixing.objected,
        now=state.now,
    )
    if isinstance(decided, Fixed):
        fixing.provisional = decided
        for series in _series_of(duty.bucket_id, state):
            yield enter(series, SeriesState.PRICE_PROVISIONAL)
        yield SettlementPriceProvisional(
            bucket_id=duty.bucket_id,
            price=decided.price,
            rule=decided.rule,
            valid_samples=decided.valid_samples,
            samples=decided.samples,
        )
        fixing.final_at = state.now + index.terms.fixing_objection
        state.agenda.promise(fixing.final_at, SettleBucket(bucket_id=duty.bucket_id))
    else:
        yield from _postpone(duty.bucket_id, decided.until, decided.valid_samples, decided.samples, state)


def postpone_settlement(command: PostponeSettlement, state: State) -> Iterator[Event]:
    """The authority objects in time: the provisional price falls, and the ladder goes on below its rung."""
    fixing = state.fixings.get(command.bucket_id)
    if fixing is None or fixing.provisional is None or fixing.final_at is None:
        yield DirectiveRefused(
            directive=f"postpone {command.bucket_id}", explanation="no provisional price is open to objection"
        )
        return
    refused, fixing.provisional, fixing.final_at = fixing.provisional, None, None
    fixing.objected = refused.rule
    yield from _postpone(command.bucket_id, state.now, refused.valid_samples, refused.samples, state)


def set_committee_price(command: SetCommitteePrice, state: State) -> Iterator[Event]:
    fixing = state.fixings.get(command.bucket_id)
    if fixing is None or fixing.provisional is not None or not command.grounds or command.price < 0:
        yield DirectiveRefused(
            directive=f"committee price for {command.bucket_id}",
            explanation="a committee price needs a bucket still without a price, a price and its grounds",
        )
        return
    fixing.committee = (command.price, command.grounds)


def settle_bucket(duty: SettleBucket, state: State) -> Iterator[Event]:
    """The price is final: clamp it to the collar, pay every claim from the pool in one chain, close the lots."""
    fixing, terms = state.fixings[duty.bucket_id], _terms(duty.bucket_id, state)
    if fixing.provisional is None or fixing.final_at != state.now:
        return  # objected to in time, or promised for a price that was
    fixing.final_at = None
    rule, unclamped = fixing.provisional.rule, fixing.provisional.price
    price = fixing.final = min(max(unclamped, terms.floor), terms.cap)
    grounds = fixing.committee[1] if fixing.committee and rule is PriceRule.COMMITTEE else ""
    every = _series_of(duty.bucket_id, state)
    for series in every:
        yield enter(series, SeriesState.PRICE_FINAL)
    yield SettlementPriceFinal(
        bucket_id=duty.bucket_id, price=price, unclamped=unclamped, rule=rule, grounds=grounds
    )
    for series in every:
        yield enter(series, SeriesState.SETTLING)
    if terms.product is Product.NOTE:
        last_mark = rule is PriceRule.LAST_SETTLEMENT
        fix = FixNote(instrument_id=terms.instrument_id, price=price, last_mark=last_mark)
        state.agenda.promise(state.now, fix)
        return
    if duty.bucket_id in state.covers.full.buckets:
        yield from pay_claims(duty.bucket_id, price, state)
    else:
        yield from margining.settle_margined(duty.bucket_id, price, state)
    ended = SeriesState.SETTLED
    if rule is PriceRule.LAST_SETTLEMENT:
        ended = SeriesState.TERMINATED_AT_LAST_MARK
    for series in every:
        yield enter(series, ended)
        yield from auctions.settle_market(series, state)
    if not state.session_open:
        state.agenda.promise(state.now, AuditBooks())  # those of the session were audited at its close


def pay_claims(bucket_id: BucketId, price: Price, state: State) -> Iterator[Event]:
    """Every claim of a fully covered bucket, from its pool, in one chain."""
    pool = state.covers.full.pool(bucket_id)
    payouts, moves = state.covers.full.settle(bucket_id, price)
    state.ledger.book(moves, state.now)
    paid_out = state.paid_out[bucket_id] = PaidOut.of(pool, payouts)
    assert paid_out.payouts == pool, "every claim is paid and the pool is empty"
    for paid in payouts:
        yield ClaimSettled(
            participant_id=paid.holder.participant_id,
            bucket_id=bucket_id,
            payout=paid.payout,
            gain=paid.gain,
            cut=paid.cut,
        )
    yield BucketSettled(bucket_id=bucket_id, pool=pool, holders=len(payouts))


def delist_settled(state: State) -> Iterator[Event]:
    """At a session's close what has been settled leaves the list."""
    for series in state.series.values():
        if series.state is SeriesState.SETTLED:
            yield enter(series, SeriesState.DELISTED)


def mark_settlement_prices(state: State) -> None:
    """At a session's close the latest sound index becomes the prior settlement price of what still trades."""
    for bucket_id, fixing in state.fixings.items():
        terms = _terms(bucket_id, state)
        latest = state.indices[terms.underlying].latest
        if latest is not None and latest.status is IndexStatus.OK and state.now < fixing.expiry:
            fixing.prior = to_tick(latest.value, terms.tick, prior=fixing.prior)


def must_stay(series: Series, state: State) -> bool:
    """Whether cash that the series pays in or delivers is halted, or the pool of its bucket is short."""
    bucket = state.covers.full.buckets.get(series.instrument.bucket_id)
    return state.halted_cash(series.instrument) is not None or (bucket is not None and bucket.is_short)


def suspend(series: Series, state: State) -> Iterator[Event]:
    """Stop trading in a series that trades; its orders stay where they are."""
    series.resumes_as = series.state
    yield enter(series, SeriesState.SUSPENDED)
    yield from auctions.halt_market(series, state)


def resume(series: Series, state: State) -> Iterator[Event]:
    """Go on as before, or as the hours since then have made it, with an auction if there is a session."""
    assert series.resumes_as is not None, "what is suspended knows how it goes on"
    resumed, series.resumes_as = series.resumes_as, None
    yield enter(series, resumed)
    if state.session_open:
        yield from auctions.resume_market(series, state)


def enter(series: Series, to: SeriesState) -> SeriesStateChanged:
    """Move a series one step along its life; an illegal step is our bug."""
    series.state = advance(series.state, to)
    return SeriesStateChanged(instrument_id=series.instrument.instrument_id, state=to)


def _postpone(bucket_id: BucketId, until: Time, valid: int, samples: int, state: State) -> Iterator[Event]:
    for series in _series_of(bucket_id, state):
        if series.state is not SeriesState.PRICE_POSTPONED:
            yield enter(series, SeriesState.PRICE_POSTPONED)
    yield SettlementPostponed(bucket_id=bucket_id, until=until, valid_samples=valid, samples=samples)
    state.agenda.promise(until, FixPrice(bucket_id=bucket_id))


def listing_fault(terms: Instrument, state: State) -> str | None:
    """Why these terms cannot be listed on this venue now, or None."""
    if terms.instrument_id in state.series:
        return f"{terms.instrument_id} is listed already"
    if halted := state.halted_cash(terms):
        return f"{halted}, without which it cannot trade, is halted"
    if terms.product is Product.CASH_PAIR:
        return fault_in(terms) or _pair_fault(terms, state)
    if terms.underlying not in state.indices:
        return f"there is no index {terms.underlying}"
    if terms.cash not in state.holdings:
        return f"there is no cash asset {terms.cash} to settle in"
    if terms.bucket_id in state.covers.full.buckets and state.covers.full.buckets[terms.bucket_id].is_short:
        return f"the pool of {terms.bucket_id} is short: part of its money is lost"
    if state.regime is not None and terms.cash != state.regime.cash.settlement_asset:
        return f"it pays in {terms.cash}, but the venue settles in {state.regime.cash.settlement_asset}"
    fault = fault_in(terms)
    if fault is None and state.regime is not None:
        fault = bar_to_listing(terms, state.regime.cash.denomination)
    if fault is None and terms.product is Product.SPOT:
        return _spot_fault(terms, state)
    siblings = _series_of(terms.bucket_id, state)
    if fault is None and siblings and siblings[0].instrument.settlement_rule is not terms.settlement_rule:
        fault = f"series of bucket {terms.bucket_id} must share its settlement rule"
    if fault is None and terms.expiry - fixing_window(terms, state) <= state.now:
        fault = "its fixing would have begun before it is listed; choose a later expiry"
    return fault


def _spot_fault(terms: Instrument, state: State) -> str | None:
    """Spot is for test environments alone, and a tick of a lot must be worth what the index says."""
    if state.regime is not None and not state.regime.test_environment:
        return f"spot is traded only in a test environment, and “{state.regime.title}” is none"
    asset_id, units = asset_of(terms), lot_units(terms)
    if asset_id not in state.assets or asset_id in state.holdings:
        return f"there is no asset {asset_id} to be delivered"
    if terms.cash not in state.assets:
        return f"it is not said how {terms.cash} is counted; name it among the assets"
    scale, cash_scale = state.assets[asset_id].scale, state.assets[terms.cash].scale
    if terms.tick * units * 10**cash_scale != terms.tick_value * 10 ** (scale + INDEX_DECIMALS):
        return (
            f"a tick of {units} minor units of {asset_id} is not worth tick_value, {terms.tick_value}; "
            "make lot, tick and tick_value agree"
        )
    return None


def _pair_fault(terms: Instrument, state: State) -> str | None:
    """Both are cash assets that are kept here, and a tick of a lot must be worth what it says."""
    base, units = asset_of(terms), lot_units(terms)
    for asset_id in (base, terms.cash):
        if asset_id not in state.holdings or asset_id not in state.assets:
            return f"there is no cash asset {asset_id} to be exchanged; name it among the assets and the cash"
    if terms.underlying in state.indices:
        return f"{terms.underlying} is an index, and no index moves the price of cash; name the pair itself"
    scale, cash_scale = state.assets[base].scale, state.assets[terms.cash].scale
    if terms.tick * units * 10**cash_scale != terms.tick_value * 10**scale * PAR_PPM:
        return (
            f"a tick of {units} minor units of {base} is not worth tick_value, {terms.tick_value}; "
            "make lot, tick and tick_value agree"
        )
    return None


def _first_prior(terms: Instrument) -> Price:
    """What the settlement price is taken to have been, before there is one, in ticks of the underlying."""
    if terms.note:
        return terms.note.payoff.initial
    return terms.reference if terms.strike is None else terms.strike


def fixing_window(terms: Instrument, state: State) -> Time:
    """How long before the expiry its first sample is taken, or the first trade counts."""
    if terms.settlement_rule is SettlementRule.PARTITIONED_VWM:
        return PARTITIONS * PARTITION
    index = state.indices[terms.underlying].terms
    return index.fixing_samples * index.fixing_spacing


def _live_orders(terms: Instrument, state: State) -> list[Order]:
    """The orders that rest in the other series of the instrument's bucket."""
    return [
        order
        for seat in state.seats.values()
        for order in seat.orders.values()
        if order.instrument.bucket_id == terms.bucket_id
    ]


def _series_of(bucket_id: BucketId, state: State) -> list[Series]:
    return [s for s in state.series.values() if s.instrument.bucket_id == bucket_id]


def _terms(bucket_id: BucketId, state: State) -> Instrument:
    """Terms that all series of a bucket share: underlying, tick, collar, cash."""
    return _series_of(bucket_id, state)[0].instrument

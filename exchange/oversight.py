"""The road of the authority: found the venue, adopt a regime, let people in, restrict them, halt trading."""

from collections.abc import Iterator

from exchange import auctions, banking, cash_prices, halting, margining, membership, repeats
from exchange.access import caps, classes
from exchange.access.caps import tightest
from exchange.access.listing import bar_to_offer
from exchange.access.regime import AccessClass, CashRules, Permission, Regime
from exchange.cash.chain import Chain, fault_in_asset
from exchange.cash.founding import fault_in_cash
from exchange.cash.holding import Holding
from exchange.cash.terms import FEES, BankTerms, CoinTerms
from exchange.clearing import accounts, house
from exchange.clearing.denomination import Conversion, fault_in_denomination
from exchange.clearing.expiry import is_over, is_trading
from exchange.clearing.index import OWN_VENUE, Index
from exchange.clearing.ledger import Rule
from exchange.clearing.terms import ClearingMode, fault_in_clearing
from exchange.commands import (
    AdoptRegime,
    ApplyForAccess,
    AuditBooks,
    CloseSession,
    EstablishVenue,
    FreezeParticipant,
    HaltInstrument,
    OpenSession,
    PublishIndex,
    ReinstateParticipant,
    ReportDepth,
    ResumeInstrument,
    SetLimit,
    SettleCycle,
    SuspendParticipant,
    UnfreezeParticipant,
)
from exchange.events import (
    CancelCause,
    DepthReported,
    DirectiveRefused,
    Event,
    LimitChanged,
    ParticipantAdmitted,
    ParticipantRefused,
    ParticipantStateChanged,
    RegimeAdopted,
    SeriesState,
    SessionClosed,
    SessionOpened,
    UnderlyingWithheld,
    VenueEstablished,
)
from exchange.instruments import Product, coin_of
from exchange.reasons import AccessRefusal
from exchange.restraint import bind, loosen
from exchange.rules.cover import beyond_venue, soft_watch
from exchange.rules.permitted import may_close, must_reduce
from exchange.settling import withdraw_deals
from exchange.state import Seat, State
from exchange.trading import cancel_orders_of
from exchange.units import AssetId, WalletId, year_of
from matching.terms import Side

DEPTH_DISTANCES_BP = (10, 50, 100, 200)
_LEGAL_ORDER = "legal order"


def establish_venue(command: EstablishVenue, state: State) -> Iterator[Event]:
    """Found the venue: its assets, coins and indices, and the hours at which it opens, closes and audits itself."""
    fault = next(_founding_faults(command, state), None)
    if fault is not None:
        yield DirectiveRefused(directive="establish venue", explanation=fault)
        return
    state.assets = {asset.asset_id: asset for asset in command.assets}
    state.underlyings = {facts.coin: facts for facts in command.underlyings}
    for cash in command.cash:
        state.holdings[cash.asset_id] = Holding(cash)
        if isinstance(cash, BankTerms) and cash.interest_bp:
            banking.promise_interest(cash.asset_id, state)
        state.ledger.open(accounts.fees(cash.asset_id), cash.asset_id, Rule.LIABILITY)
        state.ledger.open(accounts.loss_layer(cash.asset_id), cash.asset_id, Rule.LIABILITY)
        for wallet_id in cash.venue_wallets:
            state.holdings[cash.asset_id].open_wallet(wallet_id, state.ledger)
    for asset in command.assets:
        if asset.confirmations:
            state.chains[asset.asset_id] = Chain(asset)
            state.ledger.open(accounts.register(asset.asset_id), asset.asset_id, Rule.MIRROR)
            state.ledger.open(accounts.loss_layer(asset.asset_id), asset.asset_id, Rule.LIABILITY)
    for terms in command.indices:
        state.indices[terms.index_id] = Index(terms)
        state.agenda.promise(state.now + terms.interval, PublishIndex(index_id=terms.index_id))
    state.sessions, state.depth_interval = command.sessions, command.depth_interval
    _bound_orders(command, state)
    for session in command.sessions:
        state.agenda.promise(session.opens, OpenSession())
        state.agenda.promise(session.closes, CloseSession())
        state.agenda.promise(session.opens, ReportDepth())
    cash_prices.promise_prices(command, state)
    for cycle in command.settlement_cycles:
        state.agenda.promise(cycle.at, SettleCycle(terms=cycle))
    yield VenueEstablished(assets=tuple(state.assets), indices=tuple(state.indices))


def _bound_orders(command: EstablishVenue, state: State) -> None:
    """How many orders a participant may have open."""
    if command.max_open_orders is not None:
        state.max_open_orders = command.max_open_orders
    if command.max_open_orders_per_instrument is not None:
        state.max_open_orders_per_instrument = command.max_open_orders_per_instrument
    state.many_orders = min(state.max_open_orders, state.max_open_orders_per_instrument)


def _founding_faults(command: EstablishVenue, state: State) -> Iterator[str]:
    """Why no venue can be founded on these terms: a duty without an interval would never let time pass."""
    if state.assets:
        yield "the venue stands already"
    if command.depth_interval < 1:
        yield "depth_interval must be positive"
    for bound in (command.max_open_orders, command.max_open_orders_per_instrument):
        if bound is not None and bound < 1:
            yield "max_open_orders and max_open_orders_per_instrument must be positive, or left out"
    cash = [terms.asset_id for terms in command.cash]
    for asset in command.assets:
        if fault := fault_in_asset(asset):
            yield fault
        if asset.confirmations and asset.asset_id in cash:
            yield f"{asset.asset_id}: it is cash, or units on a chain, but not both"
    for terms in command.indices:
        if min(terms.interval, terms.fixing_samples, terms.fixing_spacing) < 1:
            yield f"{terms.index_id}: interval, fixing_samples and fixing_spacing must be positive"
        if not len(terms.venues) == len(frozenset(terms.venues)) == len(terms.weights_ppm):
            yield f"{terms.index_id}: every venue is named once and has one weight"
        if min(terms.weights_ppm, default=0) < 1:
            yield f"{terms.index_id}: it needs venues, and every weight must be positive"
        if OWN_VENUE in terms.venues:
            yield f"{terms.index_id}: {OWN_VENUE} is this venue, and no trade of ours is part of an index"
    for asset_terms in command.cash:
        if fault := fault_in_cash(asset_terms):
            yield fault
    yield from _redemption_faults(command)
    yield from cash_prices.price_terms_faults(command)
    closed = state.now
    for session in command.sessions:
        if not closed <= session.opens < session.closes:
            yield "sessions must lie ahead, one after the other, and close after they open"
        closed = session.closes
    for cycle in command.settlement_cycles:
        if cycle.at < state.now or min(cycle.penalty_bp, cycle.lasts) < 0:
            yield "settlement cycles must lie ahead, and neither last nor penalise by less than nothing"


def _redemption_faults(command: EstablishVenue) -> Iterator[str]:
    """A coin is redeemed in bank roubles: what the venue keeps under that name is at a bank."""
    kept = {terms.asset_id: terms for terms in command.cash}
    for terms in command.cash:
        if isinstance(terms, CoinTerms) and not isinstance(kept.get(terms.pays_in), BankTerms | None):
            yield f"{terms.asset_id}: pays_in is {terms.pays_in}, which no bank keeps; name bank roubles"


# --- sessions -------------------------------------------------------------------------------------------


def open_session(_duty: OpenSession, state: State) -> Iterator[Event]:
    state.session_open = True
    repeats.forget(state)
    if (year := year_of(state.now)) != state.year:
        state.year = year
        state.covers.begin_year()
    yield SessionOpened()
    for series in state.series.values():
        if series.state is SeriesState.LISTED and not house.must_stay(series, state):
            yield house.enter(series, SeriesState.TRADING)
        yield from house.begin_day(series, state)
        auctions.promise_closing_call(series, state)
        if is_trading(series.state):
            yield from auctions.open_market(series, state)


def close_session(_duty: CloseSession, state: State) -> Iterator[Event]:
    """Orders for the day end here, settled series leave the list, the index is marked, the books are audited."""
    for series in state.series.values():
        yield from auctions.close_market(series, state)
    state.session_open = False
    yield from house.delist_settled(state)
    house.mark_settlement_prices(state)
    state.agenda.promise(state.now, AuditBooks())
    yield SessionClosed()


def report_depth(duty: ReportDepth, state: State) -> Iterator[Event]:
    """What rests near the mid of each series that trades, at the interval of the venue, while it is open."""
    following = state.now + state.depth_interval
    if not any(state.now < session.closes <= following for session in state.sessions):
        state.agenda.promise(following, duty)  # the next session begins anew
    for series in state.series.values():
        bid, ask = series.book.bids.best, series.book.asks.best
        if is_trading(series.state) and bid and ask:
            mid = bid.price + ask.price  # doubled, to stay whole
            reach = [mid * bp // 10_000 for bp in DEPTH_DISTANCES_BP]
            yield DepthReported(
                instrument_id=series.instrument.instrument_id,
                distances_bp=DEPTH_DISTANCES_BP,
                bid_quantities=tuple(series.book.quantity_to(Side.BUY, -((far - mid) // 2)) for far in reach),
                ask_quantities=tuple(series.book.quantity_to(Side.SELL, (mid + far) // 2) for far in reach),
            )


# --- who may enter --------------------------------------------------------------------------------------


def adopt_regime(command: AdoptRegime, state: State) -> Iterator[Event]:
    """Put a regime in force. Whoever it no longer admits may only reduce; limits below use are grandfathered."""
    regime = command.regime
    fault = (
        _settlement_fault(regime.cash.settlement_asset, state)
        or _fallback_fault(regime.cash, state)
        or _clearing_fault(regime, state)
    )
    if fault is not None:
        yield DirectiveRefused(directive=f"adopt {regime.regime_id}", explanation=fault)
        return
    if _clears_otherwise(regime, state):
        state.regime = regime
        _begin_clearing(regime, state)
    state.regime = regime
    state.ledger.freeze_respects_finality = regime.cash.freeze_respects_finality
    for series in state.series.values():
        series.market.terms = house.market_terms(series.instrument, state)
        house.limit_positions(series, state)
    yield RegimeAdopted(regime_id=regime.regime_id, title=regime.title)
    yield from _screen(regime, state)
    for seat in state.seats.values():
        yield from _judge_anew(seat, regime, state)
    for seat in state.seats.values():
        seat.soft_watch = soft_watch(seat, state)
    for holding in state.holdings.values():
        yield from halting.follow_freeze(holding, state)


def _screen(regime: Regime, state: State) -> Iterator[Event]:
    """Which of the coins that an index follows the regime keeps out, by what is known of them and their age of now."""
    state.withheld.clear()
    for coin in dict.fromkeys(coin_of(index_id) for index_id in state.indices):
        bar = bar_to_offer(coin, state.underlyings, regime.listing, state.now)
        if bar is not None:
            state.withheld[coin] = bar
            yield UnderlyingWithheld(coin=coin, explanation=bar)


def _begin_clearing(regime: Regime, state: State) -> None:
    """The regime clears by margin: promise what that takes. Only before anything is listed."""
    if regime.clearing.mode is ClearingMode.RISK:
        cash = regime.cash
        price = state.holdings[cash.settlement_asset].price_ppm
        conversion = Conversion(cash.denomination, cash.collateral_haircut_bp, price)
        state.covers.begin_margin(regime.clearing, cash.settlement_asset, conversion)
        margining.begin(state)
        membership.promise_fund(state)


def _clearing_fault(regime: Regime, state: State) -> str | None:
    """Why the venue cannot clear by the regime's rules: what is listed keeps those that it was listed under."""
    changes = state.regime is not None and _clears_otherwise(regime, state)
    if changes and state.series:
        return "series are listed under other clearing rules; a venue clears by one set, from the beginning"
    if changes and state.covers.margin is not None:
        return "the venue has begun to clear by margin; its clearing rules stay"
    cash, mode = regime.cash, regime.clearing.mode
    return fault_in_denomination(cash.denomination, cash.collateral_haircut_bp, mode) or fault_in_clearing(
        regime.clearing
    )


def _clears_otherwise(regime: Regime, state: State) -> bool:
    """Whether positions are covered, or debts reckoned, in another way than in force; at first there is none."""
    before = state.regime
    return before is None or (
        (before.clearing, before.cash.denomination, before.cash.collateral_haircut_bp)
        != (regime.clearing, regime.cash.denomination, regime.cash.collateral_haircut_bp)
    )


def _settlement_fault(asset_id: AssetId, state: State) -> str | None:
    """Why the venue cannot settle in that coin: once there are accounts or series, theirs is the only one."""
    if asset_id not in state.holdings:
        return f"there is no cash asset {asset_id} to settle in"
    if state.regime is not None and asset_id != state.regime.cash.settlement_asset:
        return f"the venue settles in {state.regime.cash.settlement_asset} already, not in {asset_id}"
    for instrument_id, series in state.series.items():
        pays, is_pair = series.instrument.cash, series.instrument.product is Product.CASH_PAIR
        if pays != asset_id and not is_pair and not is_over(series.state):
            return f"{instrument_id} is listed and pays in {pays}, not in {asset_id}"
    return None


def _fallback_fault(rules: CashRules, state: State) -> str | None:
    """Why the venue could not fall back on the asset that the regime names for that."""
    if rules.fallback_asset == rules.settlement_asset:
        return "the fallback asset must be another than the settlement asset"
    if rules.fallback_asset is not None and rules.fallback_asset not in state.holdings:
        return f"there is no cash asset {rules.fallback_asset} to fall back on"
    return None


def apply_for_access(command: ApplyForAccess, state: State) -> Iterator[Event]:
    """Let the applicant in as the first class whose test it passes, or refuse it with the reason."""
    found = _judge(command, state)
    if isinstance(found, ParticipantRefused):
        yield found
        return
    assert state.regime is not None, "judged under a regime"
    asset_id = state.regime.cash.settlement_asset
    seat = Seat(
        participant_id=command.participant_id,
        applicant=command.applicant,
        wallet_id=command.wallet_id,
        access_class=found,
        limit=caps.capital_at_risk_limit(found, command.applicant, state.regime),
        own_funds_limit=caps.own_funds_limit(command.applicant, state.regime),
        purchases_limit=caps.purchases_limit(found, command.applicant),
        soft_limit=caps.soft_limit(command.applicant, state.regime),
        admitted_at=state.now,
        cash_account=accounts.cash(command.participant_id, asset_id),
        hold_account=accounts.hold(command.participant_id, asset_id),
    )
    state.seats[command.participant_id] = seat
    seat.soft_watch = soft_watch(seat, state)
    state.ledger.open(seat.cash_account, asset_id, Rule.LIABILITY)
    state.ledger.open(seat.hold_account, asset_id, Rule.LIABILITY)
    yield _admitted(seat)


def _judge(command: ApplyForAccess, state: State) -> AccessClass | ParticipantRefused:
    """The applicant's class, or why it is not let in."""
    reason, explanation = None, ""
    if command.participant_id in state.seats:
        reason, explanation = AccessRefusal.ALREADY_ADMITTED, "this participant is inside already"
    elif state.regime is None:
        reason, explanation = AccessRefusal.NO_REGIME, "no regime is in force, so nobody may enter"
    elif _is_taken(command.wallet_id, state):
        reason, explanation = AccessRefusal.WALLET_TAKEN, "this wallet is another's; name one of your own"
    else:
        found = classes.classify(command.applicant, state.regime)
        if found is None:
            reason, explanation = AccessRefusal.NO_CLASS, classes.explain(command.applicant, state.regime)
        elif beyond_venue(1, state):
            reason, explanation = (
                AccessRefusal.VENUE_FULL,
                "the venue bears as much risk as it may; come later",
            )
        elif _may_trade_nothing(found):
            reason, explanation = AccessRefusal.NOTHING_PERMITTED, f"{found.title} may trade nothing"
        else:
            return found
    return ParticipantRefused(
        participant_id=command.participant_id,
        applicant=command.applicant,
        reason=reason,
        explanation=explanation,
    )


def _is_taken(wallet_id: WalletId, state: State) -> bool:
    return (
        wallet_id == FEES
        or any(seat.wallet_id == wallet_id for seat in state.seats.values())
        or any(coin.is_of_the_venue(wallet_id) for coin in state.holdings.values())
    )


def _judge_anew(seat: Seat, regime: Regime, state: State) -> Iterator[Event]:
    """A participant under a new regime: another class, other limits, or nothing but the way out.

    Where it could add to a position and now may only reduce, or may not even do that, its orders are canceled.
    """
    before = seat.state
    bound = [series for series in state.series.values() if must_reduce(seat, series, state)]
    found = classes.classify(seat.applicant, regime)
    seat.barred = found is None or _may_trade_nothing(found)
    if found is not None and not seat.barred:
        seat.access_class = found
        seat.limit = tightest(caps.capital_at_risk_limit(found, seat.applicant, regime), seat.set_limit)
        seat.own_funds_limit = caps.own_funds_limit(seat.applicant, regime)
        seat.purchases_limit = caps.purchases_limit(found, seat.applicant)
        seat.soft_limit = caps.soft_limit(seat.applicant, regime)
        if state.covers.margin is not None:
            state.covers.margin.follow_class(seat)
    seat.refusals.clear()
    for instrument_id, series in state.series.items():
        newly_bound = series not in bound and must_reduce(seat, series, state)
        if newly_bound or not may_close(seat, series, state):
            yield from cancel_orders_of(seat, CancelCause.PARTICIPANT_RESTRICTED, state, instrument_id)
    if not seat.barred:
        yield _admitted(seat)
    if seat.state is not before:
        yield _state_of(seat)


def _may_trade_nothing(access_class: AccessClass) -> bool:
    return all(granted is Permission.DENIED for granted in access_class.permissions.values())


def _admitted(seat: Seat) -> ParticipantAdmitted:
    return ParticipantAdmitted(
        participant_id=seat.participant_id,
        class_id=seat.access_class.class_id,
        applicant=seat.applicant,
        permissions=seat.access_class.permissions,
        limit=tightest(seat.limit, seat.own_funds_limit),
    )


# --- directives on one participant ----------------------------------------------------------------------


def set_limit(command: SetLimit, state: State) -> Iterator[Event]:
    """A limit of the authority's own. It never lifts the regime's; below present use it is grandfathered."""
    seat = state.seats.get(command.participant_id)
    if seat is None or state.regime is None or command.limit < 0:
        yield DirectiveRefused(
            directive=f"limit of {command.participant_id}",
            explanation="a limit needs a participant who is inside and an amount of zero or more",
        )
        return
    seat.set_limit = command.limit
    regime_limit = caps.capital_at_risk_limit(seat.access_class, seat.applicant, state.regime)
    seat.limit = tightest(regime_limit, command.limit)
    yield LimitChanged(
        participant_id=seat.participant_id,
        limit=seat.limit,
        used=state.covers.at_risk(seat.participant_id),
    )


def suspend_participant(command: SuspendParticipant, state: State) -> Iterator[Event]:
    """No order and no deal of the participant is taken any more; orders, and deals that nobody has matched, go."""
    seat = state.seats.get(command.participant_id)
    if seat is None or seat.suspended:
        yield _no_such("suspend", command.participant_id, "who is inside and not suspended yet")
        return
    yield from cancel_orders_of(seat, CancelCause.PARTICIPANT_RESTRICTED, state)
    yield from withdraw_deals(seat.participant_id, state)
    seat.suspended = True
    yield _state_of(seat)


def reinstate_participant(command: ReinstateParticipant, state: State) -> Iterator[Event]:
    seat = state.seats.get(command.participant_id)
    if seat is None or not seat.suspended:
        yield _no_such("reinstate", command.participant_id, "who is suspended")
        return
    seat.suspended = False
    yield _state_of(seat)


def freeze_participant(command: FreezeParticipant, state: State) -> Iterator[Event]:
    """A domestic legal order. The ledger itself refuses whatever would leave; credits are accepted and stay.

    What is locked in escrow stays locked; closing is free of charge, since a fee would leave the account.
    """
    seat = state.seats.get(command.participant_id)
    if seat is None or _LEGAL_ORDER in seat.frozen_by:
        yield _no_such("freeze", command.participant_id, "who is inside and not frozen yet")
        return
    yield from bind(seat, _LEGAL_ORDER, _belongings(seat, state), command.order_ref, state)


def unfreeze_participant(command: UnfreezeParticipant, state: State) -> Iterator[Event]:
    """A freeze of its wallet, where it has one of its own with the venue, is another matter and stays."""
    seat = state.seats.get(command.participant_id)
    if seat is None or _LEGAL_ORDER not in seat.frozen_by:
        yield _no_such("unfreeze", command.participant_id, "who is frozen")
        return
    yield from loosen(seat, _LEGAL_ORDER, _belongings(seat, state), command.order_ref, state)


def _belongings(seat: Seat, state: State) -> list[str]:
    """The participant's accounts of free cash and free units."""
    who = seat.participant_id
    names = [accounts.cash(who, asset_id) for asset_id in state.holdings]
    names += [accounts.units(who, asset_id) for asset_id in state.assets]
    return [name for name in names if name in state.ledger]


def _state_of(seat: Seat) -> ParticipantStateChanged:
    return ParticipantStateChanged(participant_id=seat.participant_id, state=seat.state)


# --- directives on one instrument -----------------------------------------------------------------------


def halt_instrument(command: HaltInstrument, state: State) -> Iterator[Event]:
    """Stop trading in a series; its orders stay where they are and may be canceled."""
    series = state.series.get(command.instrument_id)
    if series is None or not is_trading(series.state):
        yield DirectiveRefused(
            directive=f"halt {command.instrument_id}", explanation="only a series that trades can be halted"
        )
        return
    yield from house.suspend(series, state)


def resume_instrument(command: ResumeInstrument, state: State) -> Iterator[Event]:
    series = state.series.get(command.instrument_id)
    if series is None or series.state is not SeriesState.SUSPENDED or series.resumes_as is None:
        yield DirectiveRefused(
            directive=f"resume {command.instrument_id}", explanation="only a halted series can be resumed"
        )
        return
    if house.must_stay(series, state):
        yield DirectiveRefused(
            directive=f"resume {command.instrument_id}",
            explanation="its cash is halted, or its pool has lost part of it",
        )
        return
    yield from house.resume(series, state)


def _no_such(what: str, who: str, needed: str) -> DirectiveRefused:
    return DirectiveRefused(directive=f"{what} {who}", explanation=f"it needs a participant {needed}")

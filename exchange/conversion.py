"""The road of what the venue falls back on when a cash asset is halted.

Either the halt ends, or all that is owed in the asset is converted into the fallback asset at a published rate: the
house takes over the claims on the one and pays in the other, which it must hold. At par positions are carried over
as they are; at any other rate a lot would no longer be worth what it was, so they are settled at their mark first,
and free cash is converted.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exchange import halting, margining, treasury
from exchange.cash.holding import Holding
from exchange.clearing import accounts, house
from exchange.clearing.ledger import Move, Rule
from exchange.clearing.margin_accounts import Due
from exchange.clearing.variation import owe
from exchange.commands import (
    EndTrading,
    HouseLayer,
    PublishConversionRate,
    StartFixing,
)
from exchange.events import (
    ClaimConverted,
    ClaimsConverted,
    DirectiveRefused,
    Event,
    InstrumentRedenominated,
    NoteState,
    PriceRule,
    SeriesState,
    SettlementPriceFinal,
)
from exchange.instruments import PAR_PPM, ContractKind, Product
from exchange.messages import changed
from exchange.restraint import loosen
from exchange.state import Seat, Series, State
from exchange.units import AssetId, BucketId, Money
from matching.terms import ParticipantId, Price

_CARRIED = (SeriesState.LISTED, SeriesState.SUSPENDED)  # states in which a series may change its cash


class Claim(NamedTuple):
    """What somebody has in one account of the halted asset, and has in another instead. `who` None: a pool's."""

    who: ParticipantId | None
    before: str
    after: str
    amount: Money


# --- conversion -----------------------------------------------------------------------------------------


def publish_conversion_rate(command: PublishConversionRate, state: State) -> Iterator[Event]:
    """Everything at once, or nothing and the reason."""
    fault = _conversion_fault(command, state)
    if fault is not None:
        yield DirectiveRefused(directive=f"convert {command.asset_id}", explanation=fault)
        return
    assert state.regime is not None and state.regime.cash.fallback_asset is not None, "no fault was found"
    asset_id, fallback = command.asset_id, state.regime.cash.fallback_asset
    kept = command.rate_ppm == PAR_PPM
    settles = _settles(asset_id, state)
    yield from halting.call_off(state.holdings[asset_id], state)
    if settles and not kept:
        yield from _close_out(asset_id, state)
    claims = _claims(asset_id, fallback, state)
    yield from _convert(claims, asset_id, fallback, command.rate_ppm, state)
    if settles:
        yield from _redenominate(asset_id, fallback, kept, state)
        yield from halting.review(state)
        yield from margining.renew_calls(fallback, state)


def _conversion_fault(command: PublishConversionRate, state: State) -> str | None:
    holding, regime = state.holdings.get(command.asset_id), state.regime
    fallback = regime.cash.fallback_asset if regime is not None else None
    if holding is None or not holding.halts:
        return "only what is owed in a halted asset is converted; halt it first"
    if regime is None or fallback is None or fallback == command.asset_id:
        return "the regime names no other asset to fall back on"
    if state.holdings[fallback].halts:
        return f"{fallback} is halted too"
    if command.rate_ppm < 1:
        return "the rate must be positive"
    if state.settlement.cycles:
        return "a settlement cycle is under way; convert when it has ended"
    if command.asset_id == regime.cash.settlement_asset and (fault := _claims_fault(command, state)):
        return fault
    owed = sum(claim.amount for claim in _claims(command.asset_id, fallback, state))
    needed, has = owed * command.rate_ppm // PAR_PPM, _offered(fallback, state)
    return None if needed <= has else f"it takes {needed} of {fallback}; the house has {has} for it"


def _claims_fault(command: PublishConversionRate, state: State) -> str | None:
    """Why what is traded cannot come along."""
    asset_id = command.asset_id
    for note in state.covers.notes.every.values():
        if note.instrument.cash == asset_id and note.state is not NoteState.REDEEMED:
            return (
                f"{note.instrument.instrument_id} promises {asset_id}, and only its issuer could change that"
            )
    for series in halting.series_in(asset_id, state):
        if series.state not in _CARRIED:
            return f"{series.instrument.instrument_id} is being settled; convert when it is over"
    short = (
        b for b, bucket in state.covers.full.buckets.items() if bucket.cash == asset_id and bucket.is_short
    )
    if command.rate_ppm == PAR_PPM and (bucket_id := next(short, None)):
        return (
            f"the pool of {bucket_id} is short and cannot go over as it is; any other rate settles it first"
        )
    margin = state.covers.margin
    if margin is None:
        return None
    if state.defaults:
        return "a default is being managed; convert when it is closed"
    if command.rate_ppm != PAR_PPM and any(account.has_positions for account in margin.accounts.values()):
        return "margined positions are carried over at par only; any other rate would revalue them"
    return None


def _offered(fallback: AssetId, state: State) -> Money:
    """What the house has of the fallback for this: its liquidity."""
    account = accounts.layer(HouseLayer.LIQUIDITY, fallback)
    return state.ledger.available(account) if account in state.ledger else 0


def _close_out(asset_id: AssetId, state: State) -> Iterator[Event]:
    """Every fully covered claim is settled at its mark, from its pool, in the asset that it was in."""
    full = state.covers.full
    for bucket_id, bucket in full.buckets.items():
        if bucket.cash == asset_id and bucket.accounts:
            unclamped = _mark(bucket_id, state)
            price = min(max(unclamped, bucket.nodes[0]), bucket.nodes[-1])
            yield SettlementPriceFinal(
                bucket_id=bucket_id,
                price=price,
                unclamped=unclamped,
                rule=PriceRule.LAST_SETTLEMENT,
                grounds=f"{asset_id} is converted",
            )
            yield from house.pay_claims(bucket_id, price, state)


def _mark(bucket_id: BucketId, state: State) -> Price:
    """Of the underlying: that of the bucket's future, else the latest index, else the last settlement price."""
    every = [series for series in state.series.values() if series.instrument.bucket_id == bucket_id]
    future = next((series for series in every if series.future_mark is not None), None)
    if future is not None:
        return future.mark
    index = every[0].index
    latest = None if index is None else index.latest
    return state.fixings[bucket_id].prior if latest is None else latest.value // every[0].instrument.tick


def _settles(asset_id: AssetId, state: State) -> bool:
    """Whether contracts are settled in the asset, so that their pools hold it."""
    return state.regime is not None and asset_id == state.regime.cash.settlement_asset


def _claims(asset_id: AssetId, fallback: AssetId, state: State) -> list[Claim]:
    """All that is owed in the asset, but what the house owes itself."""
    claims: list[Claim] = []
    settles = _settles(asset_id, state)
    for who in sorted(state.seats):
        kinds = [accounts.cash, accounts.hold]  # nothing is held any more once it comes to it
        if settles and state.covers.margin is not None and who in state.covers.margin.accounts:
            kinds += [accounts.collateral, accounts.fund_share]
        claims += [Claim(who, kind(who, asset_id), kind(who, fallback), 0) for kind in kinds]
    if settles:
        for bucket in state.covers.full.buckets.values():
            terms = next(iter(bucket.instruments.values()))
            after = accounts.escrow(changed(terms, cash=fallback).bucket_id)
            claims.append(Claim(None, bucket.escrow, after, 0))
    ledger = state.ledger
    held = [claim._replace(amount=ledger.posted(claim.before)) for claim in claims if claim.before in ledger]
    return [claim for claim in held if claim.amount]


def _convert(
    claims: list[Claim], asset_id: AssetId, fallback: AssetId, rate_ppm: int, state: State
) -> Iterator[Event]:
    """One chain: the house takes what is owed in the one asset and pays, rounded down, in the other.

    What the roundings leave is its own too, but kept apart. At par pools go over whole.
    """
    ledger, rounding = state.ledger, accounts.rounding(fallback)
    taken, given = accounts.loss_layer(asset_id), accounts.layer(HouseLayer.LIQUIDITY, fallback)
    amount = sum(claim.amount for claim in claims)
    converted, paid = amount * rate_ppm // PAR_PPM, 0
    moves: list[Move] = []
    ledger.open(rounding, fallback, Rule.LIABILITY)
    for claim in claims:
        part = claim.amount * rate_ppm // PAR_PPM
        ledger.open(claim.after, fallback, Rule.LIABILITY)
        moves.append((claim.before, taken, claim.amount))
        moves += [(given, claim.after, part)] if part else []
        paid += part
    if converted > paid:
        moves.append((given, rounding, converted - paid))
    ledger.take_back(moves, state.now)
    _carry_restraints(claims, state.holdings[asset_id], state)
    yield from _told(claims, asset_id, fallback, rate_ppm, state)
    yield ClaimsConverted(
        asset_id=asset_id,
        fallback_asset_id=fallback,
        rate_ppm=rate_ppm,
        amount=amount,
        converted=converted,
        residue=converted - paid,
    )
    for one in (asset_id, fallback):
        _reckon_gate(state.holdings[one], state)


def _told(
    claims: list[Claim], asset_id: AssetId, fallback: AssetId, rate_ppm: int, state: State
) -> Iterator[Event]:
    """To each what it was owed, and is. Its share of pools, below nothing where a certain gain was paid out of them, is
    never converted but at par.
    """
    for who in sorted(state.seats):
        own = [claim.amount for claim in claims if claim.who == who]
        locked = state.covers.full.locked(who) if _settles(asset_id, state) else 0
        if own or locked:
            yield ClaimConverted(
                participant_id=who,
                asset_id=asset_id,
                fallback_asset_id=fallback,
                amount=sum(own) + locked,
                received=sum(amount * rate_ppm // PAR_PPM for amount in own) + locked,
            )


def _carry_restraints(claims: list[Claim], holding: Holding, state: State) -> None:
    """What is under a legal order is converted too, and stays under it. A freeze of a participant's wallet with the
    venue binds the coins that are in it, which are the house's now.
    """
    for claim in claims:
        restraints = state.seats[claim.who].restraints if claim.who is not None else {}
        orders = [cause for cause in restraints.get(claim.before, {}) if cause not in holding.custody.owners]
        if orders:
            restraints[claim.after] = dict.fromkeys(orders)
            reference = f"conversion of {holding.terms.asset_id}"
            state.ledger.freeze(claim.after, out=True, into=False, order_ref=reference, now=state.now)


def _reckon_gate(holding: Holding, state: State) -> None:
    """Who is owed what of it has changed."""
    if holding.gate is not None:
        spendable = sum(holding.spendable(state.ledger).values())
        holding.gate.reset(spendable, treasury.claims(state, holding.terms.asset_id))


def _redenominate(asset_id: AssetId, fallback: AssetId, kept: bool, state: State) -> Iterator[Event]:
    """Seats, covers and series pay in the fallback from now on, which is the settlement asset."""
    assert state.regime is not None, "it names the fallback"
    every = [s for s in halting.series_in(asset_id, state) if s.instrument.product is not Product.CASH_PAIR]
    rules = changed(state.regime.cash, settlement_asset=fallback, fallback_asset=None)
    state.regime = changed(state.regime, cash=rules)
    owners = state.holdings[asset_id].custody.owners
    for seat in state.seats.values():
        _reseat(seat, fallback, state)
        for cause in [wallet for wallet in seat.frozen_by if wallet in owners]:
            yield from loosen(seat, cause, (), "", state)
    for bucket_id in [b for b, bucket in state.covers.full.buckets.items() if bucket.cash == asset_id]:
        state.covers.full.redenominate(bucket_id, fallback)
    state.covers.spot.redenominate(fallback)
    state.covers.notes.redenominate(fallback)
    _remargin(asset_id, fallback, state)
    for series in every:
        before = series.instrument
        state.fees[asset_id] += series.fees
        series.instrument, series.fees = changed(before, cash=fallback), 0
        if before.bucket_id in state.fixings:
            state.fixings[series.instrument.bucket_id] = state.fixings.pop(before.bucket_id)
            _promise_expiry(series, state)
        yield InstrumentRedenominated(instrument=series.instrument, kept=kept)


def _reseat(seat: Seat, fallback: AssetId, state: State) -> None:
    seat.cash_account = accounts.cash(seat.participant_id, fallback)
    seat.hold_account = accounts.hold(seat.participant_id, fallback)
    for account in (seat.cash_account, seat.hold_account):
        state.ledger.open(account, fallback, Rule.LIABILITY)


def _remargin(asset_id: AssetId, fallback: AssetId, state: State) -> None:
    """Obligations are no money, and are written down anew."""
    margin, ledger = state.covers.margin, state.ledger
    if margin is None:
        return
    owed = [Due(account, ledger.posted(account.obligation)) for account in margin.accounts.values()]
    ledger.book(owe([Due(due.account, -due.amount) for due in owed], asset_id), state.now)
    margining.open_house(fallback, state)
    margin.redenominate(fallback, state.holdings[fallback].price_ppm)
    ledger.book(owe(owed, fallback), state.now)


def _promise_expiry(series: Series, state: State) -> None:
    """Again, for the name that the bucket has now; a perpetual rolls by its own."""
    terms = series.instrument
    if terms.kind is ContractKind.PERP_ROLLING:
        return
    starts = terms.expiry - house.fixing_window(terms, state)
    if starts > state.now:
        state.agenda.promise(starts, StartFixing(bucket_id=terms.bucket_id))
    state.agenda.promise(terms.expiry, EndTrading(bucket_id=terms.bucket_id))

"""The road of custody: what can move of what the venue's wallets hold, and who bears what is lost of it.

A freeze of one of them closes a gate through which withdrawals share what can still move; what is destroyed is
shared by the house's own layer and then by the claims of that instant.
"""

from collections.abc import Iterator

from exchange.access.regime import GateRule
from exchange.cash.custody import Gate, LossShares, share_loss
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash.terms import InterestRule
from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.clearing.rounding import allocate
from exchange.events import (
    CustodyGated,
    CustodyReopened,
    Event,
    InterestCredited,
    LossAllocated,
    LossShared,
    VenueInterestTaken,
)
from exchange.reasons import CashRefusal
from exchange.state import State
from exchange.treasury import claims, free_cash, give_back
from exchange.units import Money, WalletId


def take_in_for_the_house(
    wallet_id: WalletId, amount: Money, holding: Holding, state: State
) -> Iterator[Event]:
    """Coins that reach a wallet of the venue and are nobody's deposit are the house's own loss layer."""
    if holding.is_of_the_venue(wallet_id):
        layer = accounts.loss_layer(holding.terms.asset_id)
        chain = [state.ledger.transfer(holding.mirror(wallet_id), layer, amount, code="house")]
        state.ledger.commit(chain, state.now)
        yield from review(holding, state)


def take_in_interest(holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """What has fallen on the venue's wallets: to the house's loss layer or, if the terms say so, on to the holders.

    Each gets its part by its claim of now; without any claim it stays with the house.
    """
    asset_id, layer = holding.terms.asset_id, accounts.loss_layer(holding.terms.asset_id)
    gained = {w: issuer.collect_interest(w, state.now) for w in holding.custody.wallets}
    owed = {who: claim for who, claim in claims(state, asset_id).items() if claim}
    total = sum(gained.values())
    if not total:
        return
    to_holders = issuer.terms.venue_interest is InterestRule.HOLDERS and bool(owed)
    parts = dict(zip(owed, allocate(total, tuple(owed.values())), strict=True)) if to_holders else {}
    ledger, chain = state.ledger, []
    for wallet_id, amount in gained.items():
        if amount:
            chain.append(ledger.transfer(holding.mirror(wallet_id), layer, amount, code="interest"))
    for who, part in parts.items():
        if part:
            ledger.open(accounts.cash(who, asset_id), asset_id, Rule.LIABILITY)
            chain.append(ledger.transfer(layer, accounts.cash(who, asset_id), part, code="interest"))
    ledger.commit(chain, state.now)
    given = sum(parts.values())
    yield VenueInterestTaken(asset_id=asset_id, amount=total, house=total - given, holders=given)
    for who, part in parts.items():
        if part:
            yield InterestCredited(participant_id=who, asset_id=asset_id, amount=part)
    yield from review(holding, state)


def shares_of_loss(loss: Money, holding: Holding, state: State) -> LossShares | None:
    """None if the loss reaches beyond the house's layer and all claims."""
    own = state.ledger.available(accounts.loss_layer(holding.terms.asset_id))
    owed = claims(state, holding.terms.asset_id)
    return share_loss(loss, own, owed) if loss <= own + sum(owed.values()) else None


def loss_refusal(shares: LossShares, holding: Holding, state: State) -> CashRefusal | None:
    """A part is taken from free cash, whole: one that would reach into holds or escrow, where orders and
    positions rely on it, or into an account under a legal order, cannot be taken exactly.
    """
    for who, part in shares.holders.items():
        if state.seats[who].frozen:
            return CashRefusal.PARTICIPANT_FROZEN
        if part > free_cash(state, who, holding.terms.asset_id):
            return CashRefusal.INSUFFICIENT_FUNDS
    return None


def book_loss(wallet_id: WalletId, shares: LossShares, holding: Holding, state: State) -> Iterator[Event]:
    """Out of the house's layer, then of the holders' free cash, against the mirror of the wiped wallet."""
    asset_id, mirror = holding.terms.asset_id, holding.mirror(wallet_id)
    bearers = [(accounts.loss_layer(asset_id), shares.house)] if shares.house else []
    bearers += [(accounts.cash(who, asset_id), part) for who, part in shares.holders.items()]
    chain = [state.ledger.transfer(account, mirror, part, code="loss") for account, part in bearers]
    state.ledger.commit(chain, state.now)
    borne = sum(shares.holders.values())
    yield LossAllocated(asset_id=asset_id, loss=shares.house + borne, house=shares.house, holders=borne)
    for who, part in shares.holders.items():
        yield LossShared(participant_id=who, asset_id=asset_id, amount=part)


def review(holding: Holding, state: State) -> Iterator[Event]:
    """Close, move or open the gate if what the venue's wallets cannot send is not what it was.

    Withdrawals that a frozen wallet was to send come back first; those of other wallets are on their way and
    stay outside the gate. An empty frozen wallet gates nothing.
    """
    frozen = holding.custody.frozen(holding.keeper)
    if frozen == holding.frozen:
        return
    holding.frozen = frozen
    for withdrawal in list(holding.pending.values()):
        if any(holding.keeper.is_frozen_out(part.wallet_id) for part in withdrawal.parts):
            yield give_back(withdrawal, CashRefusal.WALLET_FROZEN, holding, state)
    asset_id, mobile = holding.terms.asset_id, holding.custody.mobile(holding.keeper)
    if not frozen:
        holding.gate = None
        yield CustodyReopened(asset_id=asset_id, mobile=mobile)
        return
    spendable = sum(holding.spendable(state.ledger).values())
    if holding.gate is None:
        rule = state.regime.cash.gate if state.regime is not None else GateRule.PRO_RATA
        holding.gate = Gate(rule, spendable, claims(state, asset_id))
    else:
        holding.gate.reset(spendable, claims(state, asset_id))
    yield CustodyGated(asset_id=asset_id, mobile=mobile, frozen=frozen)

"""The road of money: between the issuer's ledger and the venue's, and what a freeze does on the way.

A deposit is final when the issuer's ledger shows it, and is credited at once. A withdrawal takes the issuer's
finality: the money is set aside on the venue's ledger when it is asked for, and the coins move on the
issuer's ledger in the same instant as the venue's books are posted, when the withdrawal is confirmed. So the
mirror of a venue wallet always equals what the wallet holds; what is under way is pending on both sides of
the venue's books. Until it is confirmed, whatever stops the transfer sends the money back.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from exchange.access.regime import GateRule
from exchange.cash.asset import first_refusal
from exchange.cash.holding import Coin, Part, Withdrawal
from exchange.cash.custody import Gate, LossShares, share_loss, split
from exchange.clearing import accounts
from exchange.clearing.ledger import Mode, Rule
from exchange.commands import (
    ConfirmWithdrawal,
    DepositCash,
    FreezeWallet,
    FundHouse,
    MintCoins,
    PauseIssuer,
    RecordFiatReceipt,
    RedeemCoins,
    TransferCash,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
    WithdrawCash,
)
from exchange.events import (
    CashRequestRejected,
    CoinRequestRefused,
    CashDeposited,
    CoinsMinted,
    CoinsRedeemed,
    CashTransferred,
    CustodyGated,
    CustodyReopened,
    Event,
    FiatReceived,
    HouseFunded,
    IssuerPaused,
    IssuerUnpaused,
    LossAllocated,
    LossShared,
    WalletFrozen,
    WalletUnfrozen,
    WalletWiped,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal
from exchange.state import State
from exchange.units import AssetId, Money, WalletId
from matching.terms import ParticipantId

IssuerCommand = (
    RecordFiatReceipt
    | MintCoins
    | TransferCash
    | RedeemCoins
    | FundHouse
    | FreezeWallet
    | UnfreezeWallet
    | PauseIssuer
    | UnpauseIssuer
    | WipeWallet
)
C = TypeVar("C", bound=IssuerCommand)


def claims(state: State, asset_id: AssetId) -> dict[ParticipantId, Money]:
    """What the venue owes each participant in one coin: free cash, holds and its share of escrow.

    Withdrawals under way have left it. A share of escrow may be negative; a whole claim is not.
    """
    return {
        who: max(0, _free_cash(state, who, asset_id) + _committed(state, who, asset_id))
        for who in sorted(state.seats)
    }


def withdrawable(state: State, participant_id: ParticipantId, asset_id: AssetId) -> Money:
    """What the participant's free cash and the gate, if there is one, let it take out."""
    free, gate = _free_cash(state, participant_id, asset_id), state.holdings[asset_id].gate
    return free if gate is None else min(free, gate.withdrawable(participant_id))


# --- the issuer's ledger --------------------------------------------------------------------------------


def _on_known_coin(
    road: Callable[[C, Coin, State], Iterator[Event]],
) -> Callable[[C, State], Iterator[Event]]:
    """Hand the road the coin that the command names, or refuse the command."""

    def walk(command: C, state: State) -> Iterator[Event]:
        coin = state.holdings.get(command.asset_id)
        if coin is None:
            yield _refused(command, CashRefusal.UNKNOWN_ASSET)
        else:
            yield from road(command, coin, state)

    return walk


def _refused(command: IssuerCommand, reason: CashRefusal) -> CoinRequestRefused:
    return CoinRequestRefused(asset_id=command.asset_id, request=type(command).__name__, reason=reason)


@_on_known_coin
def record_fiat_receipt(command: RecordFiatReceipt, coin: Coin, state: State) -> Iterator[Event]:
    reason = coin.issuer.record_receipt(command.receipt_id, command.amount, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield FiatReceived(asset_id=command.asset_id, receipt_id=command.receipt_id, amount=command.amount)


@_on_known_coin
def mint_coins(command: MintCoins, coin: Coin, state: State) -> Iterator[Event]:
    reason = coin.issuer.mint(
        command.minter, command.receipt_id, command.wallet_id, command.amount, state.now
    )
    if reason is not None:
        yield _refused(command, reason)
        return
    yield CoinsMinted(
        asset_id=command.asset_id,
        wallet_id=command.wallet_id,
        amount=command.amount,
        supply=coin.issuer.supply,
    )
    yield from _take_in_for_the_house(command.wallet_id, command.amount, coin, state)


@_on_known_coin
def transfer_cash(command: TransferCash, coin: Coin, state: State) -> Iterator[Event]:
    """Between outside wallets. The venue's wallets send only what the venue's own roads send."""
    if coin.is_of_the_venue(command.source):
        yield _refused(command, CashRefusal.WALLET_OF_THE_VENUE)
        return
    reason = coin.issuer.transfer(command.source, command.target, command.amount, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield CashTransferred(
        asset_id=command.asset_id, source=command.source, target=command.target, amount=command.amount
    )
    yield from _take_in_for_the_house(command.target, command.amount, coin, state)


@_on_known_coin
def fund_house(command: FundHouse, coin: Coin, state: State) -> Iterator[Event]:
    """The house brings coins of its own into custody, for one layer or for liquidity."""
    target = coin.custody.deposit_wallet(coin.issuer)
    reason = None
    if coin.is_of_the_venue(command.source):
        reason = CashRefusal.WALLET_OF_THE_VENUE
    elif target is None:
        reason = CashRefusal.WALLET_FROZEN
    else:
        reason = coin.issuer.transfer(command.source, target, command.amount, state.now)
    if reason is not None or target is None:
        yield _refused(command, reason or CashRefusal.WALLET_FROZEN)
        return
    layer = accounts.layer(command.layer, command.asset_id)
    state.ledger.open(layer, command.asset_id, Rule.LIABILITY)
    chain = [state.ledger.transfer(coin.mirror(target), layer, command.amount, code="house")]
    state.ledger.commit(chain, state.now)
    yield HouseFunded(asset_id=command.asset_id, layer=command.layer, amount=command.amount)


@_on_known_coin
def redeem_coins(command: RedeemCoins, coin: Coin, state: State) -> Iterator[Event]:
    if coin.is_of_the_venue(command.wallet_id):
        yield _refused(command, CashRefusal.WALLET_OF_THE_VENUE)
        return
    reason = coin.issuer.redeem(command.wallet_id, command.amount, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield CoinsRedeemed(
        asset_id=command.asset_id,
        wallet_id=command.wallet_id,
        amount=command.amount,
        supply=coin.issuer.supply,
    )


def _take_in_for_the_house(wallet_id: WalletId, amount: Money, coin: Coin, state: State) -> Iterator[Event]:
    """Coins that reach a wallet of the venue and are nobody's deposit are the house's own loss layer."""
    if coin.is_of_the_venue(wallet_id):
        layer = accounts.loss_layer(coin.terms.asset_id)
        chain = [state.ledger.transfer(coin.mirror(wallet_id), layer, amount, code="house")]
        state.ledger.commit(chain, state.now)
        yield from _review_custody(coin, state)


# --- keys -----------------------------------------------------------------------------------------------


@_on_known_coin
def freeze_wallet(command: FreezeWallet, coin: Coin, state: State) -> Iterator[Event]:
    """A wallet outside: it can no longer send, receive or be paid into; trading goes on. One of the venue's:
    claims are as they were and trading goes on, but withdrawals share what can still move.
    """
    reason = coin.issuer.freeze(
        command.wallet_id,
        command.order_ref,
        command.signatures,
        state.now,
        out=command.out,
        into=command.into,
    )
    if reason is not None:
        yield _refused(command, reason)
        return
    yield WalletFrozen(asset_id=command.asset_id, wallet_id=command.wallet_id, order_ref=command.order_ref)
    yield from _review_custody(coin, state)


@_on_known_coin
def unfreeze_wallet(command: UnfreezeWallet, coin: Coin, state: State) -> Iterator[Event]:
    reason = coin.issuer.unfreeze(command.wallet_id, command.order_ref, command.signatures, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield WalletUnfrozen(asset_id=command.asset_id, wallet_id=command.wallet_id, order_ref=command.order_ref)
    yield from _review_custody(coin, state)


@_on_known_coin
def pause_issuer(command: PauseIssuer, coin: Coin, state: State) -> Iterator[Event]:
    """Nothing moves on the issuer's ledger; the venue's own books go on."""
    reason = coin.issuer.pause(command.signatures)
    yield IssuerPaused(asset_id=command.asset_id) if reason is None else _refused(command, reason)


@_on_known_coin
def unpause_issuer(command: UnpauseIssuer, coin: Coin, state: State) -> Iterator[Event]:
    reason = coin.issuer.unpause(command.signatures)
    yield IssuerUnpaused(asset_id=command.asset_id) if reason is None else _refused(command, reason)


@_on_known_coin
def wipe_wallet(command: WipeWallet, coin: Coin, state: State) -> Iterator[Event]:
    """Destroy what a frozen wallet holds. If it is the venue's, the loss is shared by the claims of now."""
    wallet_id, amount = command.wallet_id, coin.issuer.balance(command.wallet_id)
    reason = coin.issuer.wipe_refusal(wallet_id, command.signatures)
    shares = None
    if reason is None and coin.is_of_the_venue(wallet_id):
        shares = _shares_of_loss(amount, coin, state)
        reason = CashRefusal.INSUFFICIENT_FUNDS if shares is None else _loss_refusal(shares, coin, state)
    if reason is not None:
        yield _refused(command, reason)
        return
    reason = coin.issuer.wipe(wallet_id, command.order_ref, command.signatures, state.now)
    assert reason is None, "the issuer said that it would wipe"
    yield WalletWiped(
        asset_id=command.asset_id, wallet_id=wallet_id, amount=amount, supply=coin.issuer.supply
    )
    if shares is not None:
        yield from _book_loss(wallet_id, shares, coin, state)
        yield from _review_custody(coin, state)


def _shares_of_loss(loss: Money, coin: Coin, state: State) -> LossShares | None:
    """None if the loss reaches beyond the house's layer and all claims."""
    own = state.ledger.available(accounts.loss_layer(coin.terms.asset_id))
    owed = claims(state, coin.terms.asset_id)
    return share_loss(loss, own, owed) if loss <= own + sum(owed.values()) else None


def _loss_refusal(shares: LossShares, coin: Coin, state: State) -> CashRefusal | None:
    """A part is taken from free cash, whole: one that would reach into holds or escrow, where orders and
    positions rely on it, or into an account under a legal order, cannot be taken exactly.
    """
    for who, part in shares.holders.items():
        if state.seats[who].frozen:
            return CashRefusal.PARTICIPANT_FROZEN
        if part > _free_cash(state, who, coin.terms.asset_id):
            return CashRefusal.INSUFFICIENT_FUNDS
    return None


def _book_loss(wallet_id: WalletId, shares: LossShares, coin: Coin, state: State) -> Iterator[Event]:
    """Out of the house's layer, then of the holders' free cash, against the mirror of the wiped wallet."""
    asset_id, mirror = coin.terms.asset_id, coin.mirror(wallet_id)
    bearers = [(accounts.loss_layer(asset_id), shares.house)] if shares.house else []
    bearers += [(accounts.cash(who, asset_id), part) for who, part in shares.holders.items()]
    chain = [state.ledger.transfer(account, mirror, part, code="loss") for account, part in bearers]
    state.ledger.commit(chain, state.now)
    state.coin_losses[asset_id] += shares.house
    borne = sum(shares.holders.values())
    yield LossAllocated(asset_id=asset_id, loss=shares.house + borne, house=shares.house, holders=borne)
    for who, part in shares.holders.items():
        yield LossShared(participant_id=who, asset_id=asset_id, amount=part)


def _review_custody(coin: Coin, state: State) -> Iterator[Event]:
    """Close, move or open the gate if what the venue's wallets cannot send is not what it was.

    Withdrawals that a frozen wallet was to send come back first; those of other wallets are on their way and
    stay outside the gate. An empty frozen wallet gates nothing.
    """
    frozen = coin.custody.frozen(coin.issuer)
    if frozen == coin.frozen:
        return
    coin.frozen = frozen
    for withdrawal in list(coin.pending.values()):
        if any(coin.issuer.is_frozen_out(part.wallet_id) for part in withdrawal.parts):
            yield _give_back(withdrawal, CashRefusal.WALLET_FROZEN, coin, state)
    asset_id, mobile = coin.terms.asset_id, coin.custody.mobile(coin.issuer)
    if not frozen:
        coin.gate = None
        yield CustodyReopened(asset_id=asset_id, mobile=mobile)
        return
    spendable = sum(coin.spendable(state.ledger).values())
    if coin.gate is None:
        rule = state.regime.cash.gate if state.regime is not None else GateRule.PRO_RATA
        coin.gate = Gate(rule, spendable, claims(state, asset_id))
    else:
        coin.gate.reset(spendable, claims(state, asset_id))
    yield CustodyGated(asset_id=asset_id, mobile=mobile, frozen=frozen)


# --- deposits and withdrawals ---------------------------------------------------------------------------


def deposit_cash(command: DepositCash, state: State) -> Iterator[Event]:
    """From the participant's wallet into the emptiest of the venue's that no freeze touches."""
    reason = _deposit_refusal(command, state)
    if reason is not None:
        yield _rejected(command, reason, state)
        return
    coin, who = state.holdings[command.asset_id], command.participant_id
    target = coin.custody.deposit_wallet(coin.issuer)
    assert target is not None, "a deposit with nowhere to go is refused"
    reason = coin.issuer.transfer(state.seats[who].wallet_id, target, command.amount, state.now)
    assert reason is None, "the issuer said that it would transfer"
    cash = accounts.cash(who, command.asset_id)
    state.ledger.open(cash, command.asset_id, Rule.LIABILITY)
    chain = [state.ledger.transfer(coin.mirror(target), cash, command.amount, code="deposit")]
    state.ledger.commit(chain, state.now)
    if coin.gate is not None:
        coin.gate.admit(who, command.amount)
    yield CashDeposited(participant_id=who, asset_id=command.asset_id, amount=command.amount)


def _deposit_refusal(command: DepositCash, state: State) -> CashRefusal | None:
    """A participant under a legal order may still pay in: it is credited, and stays."""
    reason = _stranger(command, state)
    if reason is not None:
        return reason
    coin, source = state.holdings[command.asset_id], state.seats[command.participant_id].wallet_id
    target = coin.custody.deposit_wallet(coin.issuer)
    reason = coin.issuer.transfer_refusal(source, target or coin.custody.wallets[0], command.amount)
    if target is None and reason in (None, CashRefusal.INSUFFICIENT_FUNDS):
        return CashRefusal.WALLET_FROZEN
    return reason


def withdraw_cash(command: WithdrawCash, state: State) -> Iterator[Event]:
    """Set the money aside and promise to confirm after the issuer's finality. The fullest wallets send."""
    reason = _withdrawal_refusal(command, state)
    if reason is not None:
        yield _rejected(command, reason, state)
        return
    coin, who = state.holdings[command.asset_id], command.participant_id
    cash, ledger = accounts.cash(who, command.asset_id), state.ledger
    chain, parts = [], []
    for wallet_id, part in split(command.amount, coin.spendable(ledger)):
        aside = ledger.transfer(cash, coin.mirror(wallet_id), part, mode=Mode.PENDING, code="withdrawal")
        chain.append(aside)
        parts.append(Part(aside.id, wallet_id, part))
    ledger.commit(chain, state.now)
    if coin.gate is not None:
        coin.gate.take(who, command.amount)
    withdrawal_id, target = ledger.next_id(), state.seats[who].wallet_id
    coin.pending[withdrawal_id] = Withdrawal(
        withdrawal_id, who, target, command.amount, tuple(parts), coin.gate
    )
    state.agenda.promise(state.now + coin.terms.finality, ConfirmWithdrawal(withdrawal_id=withdrawal_id))
    yield WithdrawalRequested(
        participant_id=who, withdrawal_id=withdrawal_id, asset_id=command.asset_id, amount=command.amount
    )


def _withdrawal_refusal(command: WithdrawCash, state: State) -> CashRefusal | None:
    reason = _stranger(command, state)
    if reason is not None:
        return reason
    coin, seat = state.holdings[command.asset_id], state.seats[command.participant_id]
    gate, who = coin.gate, command.participant_id
    free, margin = _free_cash(state, who, command.asset_id), state.covers.margin
    unneeded = free
    if margin is not None and command.asset_id == margin.cash:
        unneeded = margin.unneeded(who, free)
    return first_refusal(
        (command.amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
        (coin.issuer.paused, CashRefusal.ISSUER_PAUSED),
        (coin.issuer.is_frozen_in(seat.wallet_id), CashRefusal.WALLET_FROZEN),
        (seat.frozen, CashRefusal.PARTICIPANT_FROZEN),
        (_is_braked(state), CashRefusal.BRAKED),
        (gate is not None and command.amount > gate.withdrawable(who), CashRefusal.GATED),
        (command.amount > free, CashRefusal.INSUFFICIENT_FUNDS),
        (command.amount > unneeded, CashRefusal.NEEDED_AS_MARGIN),
    )


def _is_braked(state: State) -> bool:
    """Under margin nobody may leave while it is not known who owes what: shortly after an account was worth less
    than nothing, and while an index is out.
    """
    margin = state.covers.margin
    if margin is None:
        return False
    longest = margin.rules.brake_outage
    out = longest and any(index.out_for(state.now) > longest for index in state.indices.values())
    return bool(out) or state.now < state.braked_until


def confirm_withdrawal(command: ConfirmWithdrawal, state: State) -> Iterator[Event]:
    """The coins go out on both ledgers at once, or the money comes back: the whole of it either way.

    A freeze or a pause of this very instant came first. If a freeze of the sending wallet has given the
    money back already, nothing is left to confirm.
    """
    coin = next((coin for coin in state.holdings.values() if command.withdrawal_id in coin.pending), None)
    if coin is None:
        return
    withdrawal = coin.pending[command.withdrawal_id]
    reason = _confirmation_refusal(withdrawal, coin, state)
    if reason is not None:
        yield _give_back(withdrawal, reason, coin, state)
        return
    for part in withdrawal.parts:
        reason = coin.issuer.transfer(part.wallet_id, withdrawal.target, part.amount, state.now)
        assert reason is None, "the issuer said that it would transfer"
    _resolve(withdrawal, Mode.POST, coin, state)
    yield WithdrawalCompleted(
        participant_id=withdrawal.participant_id,
        withdrawal_id=withdrawal.withdrawal_id,
        asset_id=coin.terms.asset_id,
        amount=withdrawal.amount,
    )


def _confirmation_refusal(withdrawal: Withdrawal, coin: Coin, state: State) -> CashRefusal | None:
    for part in withdrawal.parts:
        reason = coin.issuer.transfer_refusal(part.wallet_id, withdrawal.target, part.amount)
        if reason is not None:
            return reason
    if state.seats[withdrawal.participant_id].frozen:
        return CashRefusal.PARTICIPANT_FROZEN
    return None


def _give_back(withdrawal: Withdrawal, reason: CashRefusal, coin: Coin, state: State) -> WithdrawalReturned:
    """As if it had not been asked for. If a gate has closed since, its owner may ask again, outside it."""
    _resolve(withdrawal, Mode.VOID, coin, state)
    if coin.gate is not None:
        if coin.gate is withdrawal.gate:
            coin.gate.give_back(withdrawal.participant_id, withdrawal.amount)
        else:
            coin.gate.admit(withdrawal.participant_id, withdrawal.amount)
    return WithdrawalReturned(
        participant_id=withdrawal.participant_id,
        withdrawal_id=withdrawal.withdrawal_id,
        asset_id=coin.terms.asset_id,
        amount=withdrawal.amount,
        reason=reason,
    )


def _resolve(withdrawal: Withdrawal, mode: Mode, coin: Coin, state: State) -> None:
    """Post or void every part of the withdrawal in one chain."""
    cash = accounts.cash(withdrawal.participant_id, coin.terms.asset_id)
    chain = [
        state.ledger.transfer(
            cash, coin.mirror(part.wallet_id), part.amount, mode=mode, pending_id=part.transfer_id
        )
        for part in withdrawal.parts
    ]
    state.ledger.commit(chain, state.now)
    del coin.pending[withdrawal.withdrawal_id]


def _stranger(command: DepositCash | WithdrawCash, state: State) -> CashRefusal | None:
    """Who asks, and for what, must be known."""
    return first_refusal(
        (command.participant_id not in state.seats, CashRefusal.UNKNOWN_PARTICIPANT),
        (command.asset_id not in state.holdings, CashRefusal.UNKNOWN_ASSET),
    )


def _rejected(
    command: DepositCash | WithdrawCash, reason: CashRefusal, state: State
) -> CashRequestRejected:
    who, asset_id = command.participant_id, command.asset_id
    known = who in state.seats and asset_id in state.holdings
    return CashRequestRejected(
        participant_id=who,
        request=type(command).__name__,
        asset_id=asset_id,
        amount=command.amount,
        available=withdrawable(state, who, asset_id) if known else 0,
        reason=reason,
    )


def _free_cash(state: State, participant_id: ParticipantId, asset_id: AssetId) -> Money:
    """Nothing in a coin that the participant has never paid in."""
    account = accounts.cash(participant_id, asset_id)
    return state.ledger.available(account) if account in state.ledger else 0


def _committed(state: State, participant_id: ParticipantId, asset_id: AssetId) -> Money:
    """What live orders hold and positions have locked: only ever in the settlement asset."""
    if state.regime is None or asset_id != state.regime.cash.settlement_asset:
        return 0
    seat = state.seats[participant_id]
    return state.ledger.posted(seat.hold_account) + state.covers.locked(participant_id)

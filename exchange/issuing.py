"""The road of a keeper: what happens on its ledger outside the venue, and at its keys.

Money that comes in, coins minted against it, transfers between wallets, coins handed back; freezes, pauses and
wipes. What reaches or leaves the venue's own wallets is then for safekeeping to see to.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from exchange import safekeeping
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash.losses import LossCause
from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.commands import (
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
)
from exchange.events import (
    CashTransferred,
    CoinRequestRefused,
    CoinsMinted,
    CoinsRedeemed,
    Event,
    FiatReceived,
    HouseFunded,
    IssuerPaused,
    IssuerUnpaused,
    WalletFrozen,
    WalletUnfrozen,
    WalletWiped,
)
from exchange.reasons import CashRefusal
from exchange.state import State

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


def _on_cash(
    road: Callable[[C, Holding, State], Iterator[Event]],
) -> Callable[[C, State], Iterator[Event]]:
    """Hand the road the cash asset that the command names, or refuse the command."""

    def walk(command: C, state: State) -> Iterator[Event]:
        holding = state.holdings.get(command.asset_id)
        if holding is None:
            yield _refused(command, CashRefusal.UNKNOWN_ASSET)
        else:
            yield from road(command, holding, state)

    return walk


def _on_coin(
    road: Callable[[C, Holding, Issuer, State], Iterator[Event]],
) -> Callable[[C, State], Iterator[Event]]:
    """The same for what only the issuer of a coin can do."""

    def walk(command: C, holding: Holding, state: State) -> Iterator[Event]:
        if holding.issuer is None:
            yield _refused(command, CashRefusal.NOT_A_COIN)
        else:
            yield from road(command, holding, holding.issuer, state)

    return _on_cash(walk)


def _refused(command: IssuerCommand, reason: CashRefusal) -> CoinRequestRefused:
    return CoinRequestRefused(asset_id=command.asset_id, request=type(command).__name__, reason=reason)


@_on_coin
def record_fiat_receipt(
    command: RecordFiatReceipt, holding: Holding, issuer: Issuer, state: State
) -> Iterator[Event]:
    reason = issuer.record_receipt(command.receipt_id, command.amount, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield FiatReceived(asset_id=command.asset_id, receipt_id=command.receipt_id, amount=command.amount)


@_on_coin
def mint_coins(command: MintCoins, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    reason = issuer.mint(command.minter, command.receipt_id, command.wallet_id, command.amount, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield CoinsMinted(
        asset_id=command.asset_id,
        wallet_id=command.wallet_id,
        amount=command.amount,
        supply=issuer.supply,
    )
    yield from safekeeping.take_in(command.wallet_id, command.amount, holding, state)


@_on_cash
def transfer_cash(command: TransferCash, holding: Holding, state: State) -> Iterator[Event]:
    """Between outside wallets. The venue's wallets send only what the venue's own roads send."""
    if holding.is_of_the_venue(command.source):
        yield _refused(command, CashRefusal.WALLET_OF_THE_VENUE)
        return
    reason = holding.keeper.transfer(command.source, command.target, command.amount, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield CashTransferred(
        asset_id=command.asset_id, source=command.source, target=command.target, amount=command.amount
    )
    yield from safekeeping.take_in(command.target, command.amount, holding, state)


@_on_cash
def fund_house(command: FundHouse, holding: Holding, state: State) -> Iterator[Event]:
    """The house brings coins of its own into custody, for one layer or for liquidity."""
    target = holding.custody.house_wallet(holding.keeper)
    reason = None
    if holding.is_of_the_venue(command.source):
        reason = CashRefusal.WALLET_OF_THE_VENUE
    elif target is None:
        reason = CashRefusal.WALLET_FROZEN
    else:
        reason = holding.keeper.transfer(command.source, target, command.amount, state.now)
    if reason is not None or target is None:
        yield _refused(command, reason or CashRefusal.WALLET_FROZEN)
        return
    layer = accounts.layer(command.layer, command.asset_id)
    state.ledger.open(layer, command.asset_id, Rule.LIABILITY)
    chain = [state.ledger.transfer(holding.mirror(target), layer, command.amount, code="house")]
    state.ledger.commit(chain, state.now)
    yield HouseFunded(asset_id=command.asset_id, layer=command.layer, amount=command.amount)


@_on_coin
def redeem_coins(command: RedeemCoins, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    if holding.is_of_the_venue(command.wallet_id):
        yield _refused(command, CashRefusal.WALLET_OF_THE_VENUE)
        return
    reason = issuer.redeem(command.wallet_id, command.amount, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield CoinsRedeemed(
        asset_id=command.asset_id,
        wallet_id=command.wallet_id,
        amount=command.amount,
        supply=issuer.supply,
    )


# --- keys -----------------------------------------------------------------------------------------------


@_on_cash
def freeze_wallet(command: FreezeWallet, holding: Holding, state: State) -> Iterator[Event]:
    """A wallet outside: it can no longer send, receive or be paid into; trading goes on. One of the venue's:
    claims are as they were and trading goes on, but withdrawals share what can still move.
    """
    reason = holding.keeper.freeze(
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
    yield from safekeeping.review_owner(command.wallet_id, command.order_ref, holding, state)
    yield from safekeeping.review(holding, state)


@_on_cash
def unfreeze_wallet(command: UnfreezeWallet, holding: Holding, state: State) -> Iterator[Event]:
    reason = holding.keeper.unfreeze(command.wallet_id, command.order_ref, command.signatures, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield WalletUnfrozen(asset_id=command.asset_id, wallet_id=command.wallet_id, order_ref=command.order_ref)
    yield from safekeeping.review_owner(command.wallet_id, command.order_ref, holding, state)
    yield from safekeeping.review(holding, state)


@_on_coin
def pause_issuer(command: PauseIssuer, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Nothing moves on the issuer's ledger; the venue's own books go on, if not for ever."""
    reason = issuer.pause(command.signatures)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield IssuerPaused(asset_id=command.asset_id)
    yield from safekeeping.begin_pause(holding, state)


@_on_coin
def unpause_issuer(command: UnpauseIssuer, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    reason = issuer.unpause(command.signatures)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield IssuerUnpaused(asset_id=command.asset_id)
    yield from safekeeping.end_pause(holding, state)


@_on_coin
def wipe_wallet(command: WipeWallet, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Destroy what a frozen wallet holds. If it is the venue's, the loss is shared by the claims of now."""
    wallet_id, amount = command.wallet_id, issuer.balance(command.wallet_id)
    reason = issuer.wipe(wallet_id, command.order_ref, command.signatures, state.now)
    if reason is not None:
        yield _refused(command, reason)
        return
    yield WalletWiped(asset_id=command.asset_id, wallet_id=wallet_id, amount=amount, supply=issuer.supply)
    if holding.is_of_the_venue(wallet_id):
        lost = {wallet_id: amount}
        yield from safekeeping.bear(lost, LossCause.WIPED, command.order_ref, holding, state)

"""The road of a wipe and of what is issued anew: the venue's mirrors, and those who hold coins with it."""

from collections.abc import Iterator

from exchange import redeeming, safekeeping
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash_requests import refused
from exchange.commands import ReissueCoins, WipeWallet
from exchange.events import CoinsReissued, Event, WalletWiped
from exchange.reasons import CashRefusal
from exchange.state import State
from exchange.units import Money, WalletId


def wipe_wallet(command: WipeWallet, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Destroy what a frozen wallet holds. If it is the venue's, the loss is shared by the claims of now; but
    nothing is lost of what is issued anew in the same instant to another wallet of the venue.
    """
    wallet_id, target, amount = command.wallet_id, command.reissue_to, issuer.balance(command.wallet_id)
    reason = issuer.wipe_refusal(wallet_id, command.signatures, target)
    stays = target is not None and holding.is_of_the_venue(target)
    shares = None
    if reason is None and holding.is_of_the_venue(wallet_id) and not stays:
        shares = safekeeping.shares_of_loss(amount, holding, state)
        reason = (
            CashRefusal.INSUFFICIENT_FUNDS
            if shares is None
            else safekeeping.loss_refusal(shares, holding, state)
        )
    if reason is not None:
        yield refused(command, reason)
        return
    reason = issuer.wipe(wallet_id, command.order_ref, command.signatures, state.now, target)
    assert reason is None, "the issuer said that it would wipe"
    left = issuer.supply - (amount if target is not None else 0)
    yield WalletWiped(asset_id=command.asset_id, wallet_id=wallet_id, amount=amount, supply=left)
    if target is not None:
        yield _reissued(target, amount, command.order_ref, issuer)
    if shares is not None:
        yield from safekeeping.book_loss(wallet_id, shares, holding, state)
    if stays and target is not None:
        yield from _take_in(wallet_id, target, amount, holding, state)
    yield from safekeeping.review(holding, state)
    yield from redeeming.review(holding, issuer, state)


def _take_in(
    source: WalletId, target: WalletId, amount: Money, holding: Holding, state: State
) -> Iterator[Event]:
    """What was issued anew to a wallet of the venue: in place of its own coins, or as a gift to the house."""
    if holding.is_of_the_venue(source):
        move = state.ledger.transfer(holding.mirror(target), holding.mirror(source), amount, code="reissue")
        state.ledger.commit([move], state.now)
    else:
        yield from safekeeping.take_in_for_the_house(target, amount, holding, state)


def reissue_coins(command: ReissueCoins, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Later than the wipe: what reaches a wallet of the venue then is taken in by its house."""
    wallet_id, amount = command.wallet_id, command.amount
    reason = issuer.reissue(wallet_id, amount, command.wipe_ref, command.signatures, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    yield _reissued(wallet_id, amount, command.wipe_ref, issuer)
    yield from safekeeping.take_in_for_the_house(wallet_id, amount, holding, state)
    yield from redeeming.review(holding, issuer, state)


def _reissued(wallet_id: WalletId, amount: Money, wipe_ref: str, issuer: Issuer) -> CoinsReissued:
    return CoinsReissued(
        asset_id=issuer.terms.asset_id,
        wallet_id=wallet_id,
        amount=amount,
        wipe_ref=wipe_ref,
        supply=issuer.supply,
    )

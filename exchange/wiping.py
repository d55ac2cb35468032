"""The road of a wipe and of what is issued anew: the venue's mirrors, and those who hold coins with it."""

from collections.abc import Iterator

from exchange import redeeming, safekeeping
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash.losses import LossCause
from exchange.cash_requests import refused
from exchange.commands import ReissueCoins, WipeWallet
from exchange.events import CoinsReissued, Event, WalletWiped
from exchange.state import State
from exchange.units import Money, WalletId


def wipe_wallet(command: WipeWallet, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Destroy what a frozen wallet holds. If it is the venue's, the loss is shared by the claims of now; but
    nothing is lost of what is issued anew in the same instant to another wallet of the venue.
    """
    wallet_id, target, amount = command.wallet_id, command.reissue_to, issuer.balance(command.wallet_id)
    reason = issuer.wipe(wallet_id, command.order_ref, command.signatures, state.now, target)
    if reason is not None:
        yield refused(command, reason)
        return
    left = issuer.supply - (amount if target is not None else 0)
    yield WalletWiped(asset_id=command.asset_id, wallet_id=wallet_id, amount=amount, supply=left)
    if target is not None:
        yield _reissued(target, amount, command.order_ref, issuer)
    ours, stays = holding.is_of_the_venue(wallet_id), target is not None and holding.is_of_the_venue(target)
    if ours and stays and target is not None:
        yield from _replace(wallet_id, target, amount, holding, state)
    elif ours:
        lost = {wallet_id: amount}
        yield from safekeeping.bear(lost, LossCause.WIPED, command.order_ref, holding, state)
    elif stays and target is not None:
        yield from safekeeping.take_in(target, amount, holding, state)
    yield from redeeming.review(issuer, state)


def _replace(
    source: WalletId, target: WalletId, amount: Money, holding: Holding, state: State
) -> Iterator[Event]:
    """The mirror follows from one wallet of the venue to another, and the next sweep looks at both."""
    state.ledger.book([(holding.mirror(target), holding.mirror(source), amount)], state.now)
    holding.look_at(source)
    holding.look_at(target)
    yield from safekeeping.review(holding, state)


def reissue_coins(command: ReissueCoins, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Later than the wipe: what reaches a wallet of the venue then goes to those who bore the loss."""
    wallet_id, amount = command.wallet_id, command.amount
    reason = issuer.reissue(wallet_id, amount, command.wipe_ref, command.signatures, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    yield _reissued(wallet_id, amount, command.wipe_ref, issuer)
    yield from safekeeping.take_in(wallet_id, amount, holding, state, command.wipe_ref)
    yield from redeeming.review(issuer, state)


def _reissued(wallet_id: WalletId, amount: Money, wipe_ref: str, issuer: Issuer) -> CoinsReissued:
    return CoinsReissued(
        asset_id=issuer.terms.asset_id,
        wallet_id=wallet_id,
        amount=amount,
        wipe_ref=wipe_ref,
        supply=issuer.supply,
    )

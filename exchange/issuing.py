"""The road of what comes about on a keeper's ledger outside the venue: receipts, coins, transfers, interest.

What reaches the venue's own wallets is then for safekeeping to see to.
"""

from collections.abc import Iterator

from exchange import redeeming, safekeeping
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash_requests import on_cash, on_coin, refused
from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.commands import (
    DistributeInterest,
    FundHouse,
    MintCoins,
    RecordFiatReceipt,
    TransferCash,
)
from exchange.events import (
    CashTransferred,
    CoinsMinted,
    Event,
    FiatReceived,
    HouseFunded,
    InterestDistributed,
)
from exchange.reasons import CashRefusal
from exchange.state import State


@on_coin
def record_fiat_receipt(
    command: RecordFiatReceipt, holding: Holding, issuer: Issuer, state: State
) -> Iterator[Event]:
    reason = issuer.record_receipt(command.receipt_id, command.amount, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    yield FiatReceived(asset_id=command.asset_id, receipt_id=command.receipt_id, amount=command.amount)
    yield from redeeming.review(issuer, state)


@on_coin
def mint_coins(command: MintCoins, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Under terms that ask for no receipt, whoever has a minter's key can mint up to its allowance against nothing."""
    reason = issuer.mint(
        command.minter,
        command.receipt_id,
        command.wallet_id,
        command.amount,
        state.now,
        command.signatures,
    )
    if reason is not None:
        yield refused(command, reason)
        return
    yield CoinsMinted(
        asset_id=command.asset_id,
        wallet_id=command.wallet_id,
        amount=command.amount,
        supply=issuer.supply,
        backed=issuer.minting.has_receipt(command.receipt_id),
    )
    yield from safekeeping.take_in(command.wallet_id, command.amount, holding, state)
    yield from redeeming.review(issuer, state)


@on_coin
def distribute_interest(
    command: DistributeInterest, holding: Holding, issuer: Issuer, state: State
) -> Iterator[Event]:
    """Every balance outside is raised to its share; what falls on the venue's wallets is collected by the venue."""
    part = issuer.distribute(command.income, state.now)
    if isinstance(part, CashRefusal):
        yield refused(command, part)
        return
    for wallet_id in issuer.interest.waiting():
        if not holding.is_of_the_venue(wallet_id):
            issuer.collect_interest(wallet_id, state.now)
    taken = list(safekeeping.take_in_interest(holding, issuer, state))
    yield InterestDistributed(
        asset_id=command.asset_id,
        income=command.income,
        holders=part,
        set_aside=issuer.interest.owed,
        supply=issuer.supply,
    )
    yield from taken
    yield from redeeming.review(issuer, state)


@on_cash
def transfer_cash(command: TransferCash, holding: Holding, state: State) -> Iterator[Event]:
    """Between outside wallets. The venue's wallets send only what the venue's own roads send."""
    if holding.is_of_the_venue(command.source):
        yield refused(command, CashRefusal.WALLET_OF_THE_VENUE)
        return
    reason = holding.keeper.transfer(command.source, command.target, command.amount, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    fee = holding.keeper.fee(command.amount)
    yield CashTransferred(
        asset_id=command.asset_id,
        source=command.source,
        target=command.target,
        amount=command.amount,
        fee=fee,
    )
    yield from safekeeping.take_in(command.target, command.amount - fee, holding, state)


@on_cash
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
        yield refused(command, reason or CashRefusal.WALLET_FROZEN)
        return
    layer = accounts.layer(command.layer, command.asset_id)
    state.ledger.open(layer, command.asset_id, Rule.LIABILITY)
    arrived = command.amount - holding.keeper.fee(command.amount)
    chain = [state.ledger.transfer(holding.mirror(target), layer, arrived, code="house")]
    state.ledger.commit(chain, state.now)
    yield HouseFunded(asset_id=command.asset_id, layer=command.layer, amount=arrived)

"""The road of money proper: what happens at a bank and at the central bank's platform.

Roubles that come in, outages, the failure of a bank and how it ends, interest, and the change of one money into
the other at par. What reaches or leaves the venue's own wallets is then for safekeeping to see to.
"""

from collections.abc import Iterator

from exchange import safekeeping, treasury
from exchange.cash.bank import Bank
from exchange.cash.digital_rouble import DigitalRouble
from exchange.cash.holding import Holding
from exchange.cash.losses import LossCause
from exchange.cash.money import MoneyKeeper
from exchange.cash_requests import on_bank, on_money, refused
from exchange.commands import (
    AccrueInterest,
    ConvertCash,
    CreditWallet,
    EndOutage,
    FailBank,
    ReportOutage,
    ResolveBank,
)
from exchange.events import (
    BankFailed,
    BankResolved,
    CashConverted,
    CoinRequestRefused,
    Event,
    InterestPaid,
    OutageBegan,
    OutageEnded,
    WalletCredited,
)
from exchange.reasons import CashRefusal
from exchange.state import State
from exchange.units import DAY, AssetId


@on_money
def credit_wallet(
    command: CreditWallet, holding: Holding, money: MoneyKeeper, state: State
) -> Iterator[Event]:
    """Roubles come in from elsewhere, against a reference."""
    reason = money.credit(command.wallet_id, command.amount, command.reference, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    yield WalletCredited(
        asset_id=command.asset_id,
        wallet_id=command.wallet_id,
        amount=command.amount,
        reference=command.reference,
    )
    yield from safekeeping.take_in(command.wallet_id, command.amount, holding, state)


def convert_cash(command: ConvertCash, state: State) -> Iterator[Event]:
    """Bank money into digital roubles or back, at par, for a wallet of the same name at both."""
    reason = _conversion_refusal(command, state)
    if reason is not None:
        yield CoinRequestRefused(
            asset_id=command.source_asset_id, request=type(command).__name__, reason=reason
        )
        return
    source, target = _keepers(command, state)
    source.pay_out(command.wallet_id, command.amount, state.now)
    target.pay_in(command.wallet_id, command.amount, state.now)
    yield CashConverted(
        source_asset_id=command.source_asset_id,
        target_asset_id=command.target_asset_id,
        wallet_id=command.wallet_id,
        amount=command.amount,
    )


def _conversion_refusal(command: ConvertCash, state: State) -> CashRefusal | None:
    for asset_id in (command.source_asset_id, command.target_asset_id):
        holding = state.holdings.get(asset_id)
        if holding is None:
            return CashRefusal.UNKNOWN_ASSET
        if holding.money is None:
            return CashRefusal.NOT_MONEY
        if holding.is_of_the_venue(command.wallet_id):
            return CashRefusal.WALLET_OF_THE_VENUE
    source, target = _keepers(command, state)
    platform = next((keeper for keeper in (source, target) if isinstance(keeper, DigitalRouble)), None)
    if platform is None or not any(isinstance(keeper, Bank) for keeper in (source, target)):
        return CashRefusal.NOT_CONVERTIBLE
    return (
        source.pay_out_refusal(command.wallet_id, command.amount, state.now)
        or platform.par_redemption(command.amount, state.now).reason
        or target.pay_in_refusal(command.wallet_id, command.amount, state.now)
    )


def _keepers(command: ConvertCash, state: State) -> tuple[MoneyKeeper, MoneyKeeper]:
    """Of two assets that are known to be money."""
    source = state.holdings[command.source_asset_id].money
    target = state.holdings[command.target_asset_id].money
    assert source is not None and target is not None, "both were found to be money"
    return source, target


# --- outages and failures -------------------------------------------------------------------------------


@on_money
def report_outage(
    command: ReportOutage, holding: Holding, money: MoneyKeeper, state: State
) -> Iterator[Event]:
    """Nothing moves at the keeper; the venue's own books go on, if not for ever."""
    stood_still = money.halted(state.now) is not None
    reason = money.begin_outage()
    if reason is not None:
        yield refused(command, reason)
        return
    yield OutageBegan(asset_id=command.asset_id)
    if not stood_still:
        yield from safekeeping.begin_pause(holding, state)


@on_money
def end_outage(command: EndOutage, holding: Holding, money: MoneyKeeper, state: State) -> Iterator[Event]:
    """What has waited is sent, unless the keeper has failed meanwhile."""
    reason = money.end_outage()
    if reason is not None:
        yield refused(command, reason)
        return
    yield OutageEnded(asset_id=command.asset_id)
    if money.halted(state.now) is None:
        yield from safekeeping.end_pause(holding, state)
    treasury.try_again(holding, state)


@on_bank
def fail_bank(command: FailBank, holding: Holding, bank: Bank, state: State) -> Iterator[Event]:
    """The bank pays nobody. What was on its way out comes back, so that all claims bear alike what is lost. The venue's
    own books go on for as long as in an outage.
    """
    stood_still = bank.halted(state.now) is not None
    reason = bank.fail()
    if reason is not None:
        yield refused(command, reason)
        return
    yield BankFailed(asset_id=command.asset_id)
    for withdrawal in list(holding.pending.values()):
        yield treasury.give_back(withdrawal, CashRefusal.BANK_FAILED, holding, state)
    if not stood_still:
        yield from safekeeping.begin_pause(holding, state)


@on_bank
def resolve_bank(command: ResolveBank, holding: Holding, bank: Bank, state: State) -> Iterator[Event]:
    """What is lost of the venue's own account is borne like any loss of the money itself."""
    losses = bank.losses(command.loss_bp)
    reason = bank.resolve(command.loss_bp, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    yield BankResolved(asset_id=command.asset_id, loss_bp=command.loss_bp, lost=sum(losses.values()))
    ours = {w: amount for w, amount in losses.items() if amount and holding.is_of_the_venue(w)}
    if ours:
        grounds = f"{command.loss_bp} bp of what nobody insures are lost"
        yield from safekeeping.bear(ours, LossCause.BANK_INSOLVENCY, grounds, holding, state)
    if bank.halted(state.now) is None:
        yield from safekeeping.end_pause(holding, state)


# --- interest -------------------------------------------------------------------------------------------


def promise_interest(asset_id: AssetId, state: State) -> None:
    """For the next midnight."""
    state.agenda.promise(state.now - state.now % DAY + DAY, AccrueInterest(asset_id=asset_id))


@on_bank
def accrue_interest(duty: AccrueInterest, holding: Holding, bank: Bank, state: State) -> Iterator[Event]:
    """What the venue's own account earns is the house's: its layer against a loss of the money itself."""
    promise_interest(duty.asset_id, state)
    paid = bank.accrue(state.now)
    if paid:
        earned = sum(paid.get(wallet_id, 0) for wallet_id in holding.custody.wallets)
        yield InterestPaid(asset_id=duty.asset_id, amount=sum(paid.values()), to_the_house=earned)
        for wallet_id in holding.custody.wallets:
            if wallet_id in paid:
                yield from safekeeping.take_in(wallet_id, paid[wallet_id], holding, state)

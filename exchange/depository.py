"""The road of units: crypto that comes in from its chain and goes back to it, and what a reorganisation undoes.

A deposit is entered when the chain first shows it, and is credited when `confirmations` blocks lie on top of
it. A chain that is reorganised before that takes it back, and nothing has happened. After that the units have
been credited and may have been sold: they are gone outside, and the loss is shared like one of coins, by the
house's own layer first and then by all who own units of the asset. It never touches cash or margin.
"""

from collections.abc import Iterator

from exchange.cash.chain import Arrival, Chain, Departure
from exchange.cash.losses import HouseBearer, share_loss
from exchange.clearing import accounts
from exchange.clearing.ledger import Mode, TransferId
from exchange.commands import (
    AnnounceCryptoDeposit,
    ConfirmCryptoDeposit,
    ConfirmUnitsWithdrawal,
    ReportReorganisation,
    WithdrawUnits,
)
from exchange.events import (
    CancelCause,
    CashRequestRejected,
    ChainReorganised,
    CryptoDepositAnnounced,
    CryptoDepositCredited,
    CryptoDepositVoided,
    DirectiveRefused,
    Event,
    UnitsLossShared,
    UnitsLost,
    UnitsWithdrawalCompleted,
    UnitsWithdrawalRequested,
    UnitsWithdrawalReturned,
)
from exchange.reasons import CashRefusal, first_refusal
from exchange.state import State
from exchange.trading import cancel_orders_of
from exchange.units import AssetId
from matching.terms import ParticipantId, Side


def announce_crypto_deposit(command: AnnounceCryptoDeposit, state: State) -> Iterator[Event]:
    """The chain shows a deposit: enter it as pending, and promise to credit it once it is confirmed."""
    reason = _announcement_refusal(command, state)
    if reason is not None:
        yield _rejected(command, reason, state)
        return
    who, chain = command.participant_id, state.chains[command.asset_id]
    state.covers.spot.owner(state.seats[who], command.asset_id)
    pending = state.ledger.transfer(
        accounts.register(command.asset_id),
        accounts.units(who, command.asset_id),
        command.amount,
        mode=Mode.PENDING,
        code="crypto deposit",
    )
    state.ledger.commit([pending], state.now)
    chain.arrivals[command.transaction] = Arrival(who, command.amount, pending.id)
    due = state.now + chain.finality
    state.agenda.promise(
        due, ConfirmCryptoDeposit(asset_id=command.asset_id, transaction=command.transaction)
    )
    yield CryptoDepositAnnounced(
        participant_id=who,
        asset_id=command.asset_id,
        amount=command.amount,
        transaction=command.transaction,
        credited_at=due,
    )


def _announcement_refusal(command: AnnounceCryptoDeposit, state: State) -> CashRefusal | None:
    """Somebody under a legal order may still bring units: they are credited, and stay."""
    chain = state.chains.get(command.asset_id)
    return first_refusal(
        (command.participant_id not in state.seats, CashRefusal.UNKNOWN_PARTICIPANT),
        (chain is None, CashRefusal.UNKNOWN_ASSET),
        (command.amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
        (
            chain is not None and command.transaction in (*chain.arrivals, *chain.forgotten),
            CashRefusal.TRANSACTION_KNOWN,
        ),
    )


def confirm_crypto_deposit(duty: ConfirmCryptoDeposit, state: State) -> Iterator[Event]:
    """Enough blocks lie on top of it, unless the chain has forgotten it meanwhile."""
    arrival = state.chains[duty.asset_id].arrivals.get(duty.transaction)
    if arrival is None:
        return
    _resolve(arrival.transfer_id, Mode.POST, _inward(arrival, duty.asset_id), arrival.amount, state)
    arrival.credited = True
    yield CryptoDepositCredited(
        participant_id=arrival.participant_id,
        asset_id=duty.asset_id,
        amount=arrival.amount,
        transaction=duty.transaction,
    )


def report_reorganisation(command: ReportReorganisation, state: State) -> Iterator[Event]:
    """The chain no longer shows a deposit: it was never credited, or somebody bears the loss."""
    chain = state.chains.get(command.asset_id)
    arrival = chain.arrivals.pop(command.transaction, None) if chain else None
    if chain is None or arrival is None:
        yield DirectiveRefused(
            directive=f"reorganise {command.asset_id}",
            explanation=f"no deposit of {command.asset_id} stands in a transaction {command.transaction}",
        )
        return
    chain.forgotten[command.transaction] = None
    yield ChainReorganised(
        asset_id=command.asset_id,
        transaction=command.transaction,
        amount=arrival.amount,
        credited=arrival.credited,
    )
    if arrival.credited:
        yield from _share_loss(arrival.amount, chain, state)
    else:
        _resolve(arrival.transfer_id, Mode.VOID, _inward(arrival, command.asset_id), arrival.amount, state)
        yield CryptoDepositVoided(
            participant_id=arrival.participant_id,
            asset_id=command.asset_id,
            amount=arrival.amount,
            transaction=command.transaction,
        )


def _share_loss(lost: int, chain: Chain, state: State) -> Iterator[Event]:
    """What is on its way out comes back first, so that all who own units bear the loss alike.

    Units that have left the chain already cannot be lost again: no more is lost than the register still shows.
    """
    asset_id = chain.asset.asset_id
    for transfer_id in list(chain.departures):
        yield _give_back(transfer_id, CashRefusal.CHAIN_REORGANISED, chain, state)
    spot, layer = state.covers.spot, accounts.loss_layer(asset_id)
    owned = {who: spot.units(who, asset_id) for who in sorted(spot.owners.get(asset_id, {}))}
    loss = min(lost, state.ledger.posted(accounts.register(asset_id)))
    shares = share_loss(loss, ({HouseBearer.LAYER: state.ledger.available(layer)}, owned))
    house = shares.pop(HouseBearer.LAYER, 0)
    holders = {who: part for who, part in shares.items() if not isinstance(who, HouseBearer)}
    for who, part in holders.items():
        if part > spot.free_units(who, asset_id):
            yield from _cancel_sales(who, asset_id, state)
    register = accounts.register(asset_id)
    gone = [(layer, register, house)] if house else []
    gone += [(accounts.units(who, asset_id), register, part) for who, part in holders.items()]
    for who, part in holders.items():
        spot.owners[asset_id][who].buying.give_out(part, owned[who])
    state.ledger.take_back(gone, state.now)
    state.coin_losses[asset_id] += house
    yield UnitsLost(asset_id=asset_id, loss=loss, house=house, holders=sum(holders.values()))
    for who, part in holders.items():
        yield UnitsLossShared(participant_id=who, asset_id=asset_id, amount=part)


def _cancel_sales(who: ParticipantId, asset_id: AssetId, state: State) -> Iterator[Event]:
    """A loss that reaches into what orders would sell ends these orders, so that it can be taken whole."""
    for instrument_id, instrument in state.covers.spot.instruments.items():
        if instrument.base == asset_id:
            yield from cancel_orders_of(
                state.seats[who], CancelCause.UNITS_LOST, state, instrument_id, side=Side.SELL
            )


def withdraw_units(command: WithdrawUnits, state: State) -> Iterator[Event]:
    """Set the units aside, and promise to send them once the chain has confirmed it."""
    reason = _withdrawal_refusal(command, state)
    if reason is not None:
        yield _rejected(command, reason, state)
        return
    who, asset_id, chain = command.participant_id, command.asset_id, state.chains[command.asset_id]
    aside = state.ledger.transfer(
        accounts.units(who, asset_id),
        accounts.register(asset_id),
        command.amount,
        mode=Mode.PENDING,
        code="units withdrawal",
    )
    state.ledger.commit([aside], state.now)
    chain.departures[aside.id] = Departure(who, command.amount)
    state.agenda.promise(
        state.now + chain.finality, ConfirmUnitsWithdrawal(asset_id=asset_id, withdrawal_id=int(aside.id))
    )
    yield UnitsWithdrawalRequested(
        participant_id=who, withdrawal_id=int(aside.id), asset_id=asset_id, amount=command.amount
    )


def _withdrawal_refusal(command: WithdrawUnits, state: State) -> CashRefusal | None:
    who, asset_id = command.participant_id, command.asset_id
    return first_refusal(
        (who not in state.seats, CashRefusal.UNKNOWN_PARTICIPANT),
        (asset_id not in state.chains, CashRefusal.UNKNOWN_ASSET),
        (command.amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
        (who in state.seats and state.seats[who].frozen, CashRefusal.PARTICIPANT_FROZEN),
        (command.amount > state.covers.spot.free_units(who, asset_id), CashRefusal.INSUFFICIENT_FUNDS),
    )


def confirm_units_withdrawal(duty: ConfirmUnitsWithdrawal, state: State) -> Iterator[Event]:
    """The chain shows it: the units have left. A legal order that came meanwhile keeps them here."""
    chain = state.chains[duty.asset_id]
    departure = chain.departures.get(duty.withdrawal_id)
    if departure is None:
        return  # given back
    who = departure.participant_id
    if state.seats[who].frozen:
        yield _give_back(duty.withdrawal_id, CashRefusal.PARTICIPANT_FROZEN, chain, state)
        return
    owner = state.covers.spot.owners[duty.asset_id][who]
    owner.buying.give_out(departure.amount, state.covers.spot.units(who, duty.asset_id))
    _resolve(duty.withdrawal_id, Mode.POST, _outward(departure, duty.asset_id), departure.amount, state)
    del chain.departures[duty.withdrawal_id]
    yield UnitsWithdrawalCompleted(
        participant_id=who, withdrawal_id=duty.withdrawal_id, asset_id=duty.asset_id, amount=departure.amount
    )


def _give_back(
    transfer_id: TransferId, reason: CashRefusal, chain: Chain, state: State
) -> UnitsWithdrawalReturned:
    departure, asset_id = chain.departures.pop(transfer_id), chain.asset.asset_id
    _resolve(transfer_id, Mode.VOID, _outward(departure, asset_id), departure.amount, state)
    return UnitsWithdrawalReturned(
        participant_id=departure.participant_id,
        withdrawal_id=int(transfer_id),
        asset_id=asset_id,
        amount=departure.amount,
        reason=reason,
    )


def _inward(arrival: Arrival, asset_id: AssetId) -> tuple[str, str]:
    return accounts.register(asset_id), accounts.units(arrival.participant_id, asset_id)


def _outward(departure: Departure, asset_id: AssetId) -> tuple[str, str]:
    return accounts.units(departure.participant_id, asset_id), accounts.register(asset_id)


def _resolve(
    transfer_id: TransferId, mode: Mode, between: tuple[str, str], amount: int, state: State
) -> None:
    debit, credit = between
    resolved = state.ledger.transfer(debit, credit, amount, mode=mode, pending_id=transfer_id)
    state.ledger.commit([resolved], state.now)


def _rejected(
    command: AnnounceCryptoDeposit | WithdrawUnits, reason: CashRefusal, state: State
) -> CashRequestRejected:
    return CashRequestRejected(
        participant_id=command.participant_id,
        request=type(command).__name__,
        asset_id=command.asset_id,
        amount=command.amount,
        available=state.covers.spot.free_units(command.participant_id, command.asset_id),
        reason=reason,
    )

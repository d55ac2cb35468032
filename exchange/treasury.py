"""The road of money: between the keeper's ledger and the venue's, and what a freeze does on the way.

A deposit is final when the keeper's ledger shows it, and is credited at once, less what the keeper takes for the
transfer. A withdrawal takes the keeper's finality: the money is set aside on the venue's ledger when it is asked
for, and moves on the keeper's ledger in the same instant as the venue's books are posted, when the withdrawal is
confirmed. So the mirror of a venue wallet always equals what the wallet holds; what is under way is pending on
both sides of the venue's books. Until it is confirmed, whatever stops the transfer sends the money back; only a
keeper that queues and is silent or closed makes it wait.
"""

from collections.abc import Iterator

from exchange.cash.custody import split
from exchange.cash.holding import Holding, Part, Withdrawal
from exchange.cash.terms import CashHalt
from exchange.clearing import accounts
from exchange.clearing.ledger import Mode, Rule
from exchange.commands import (
    ConfirmWithdrawal,
    DepositCash,
    WithdrawCash,
)
from exchange.events import (
    CashDeposited,
    CashRequestRejected,
    CustodyWalletOpened,
    Event,
    WithdrawalCompleted,
    WithdrawalDelayed,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal, first_refusal
from exchange.state import State
from exchange.units import AssetId, Money
from matching.terms import ParticipantId


def claims(state: State, asset_id: AssetId) -> dict[ParticipantId, Money]:
    """What the venue owes each participant in one cash asset: free cash, holds, collateral and shares of pools.

    Withdrawals under way have left it.
    """
    settles = state.regime is not None and asset_id == state.regime.cash.settlement_asset
    kept = state.covers.claims() if settles else {}  # positions only ever lock the settlement asset
    return {who: own_cash(state, who, asset_id) + kept.get(who, 0) for who in sorted(state.seats)}


def withdrawable(state: State, participant_id: ParticipantId, asset_id: AssetId) -> Money:
    """What the participant's free cash and the gate, if there is one, let it take out.

    Where each has a wallet of its own no gate is needed: what the own wallet can send is nobody else's.
    """
    free, room = free_cash(state, participant_id, asset_id), _room(state, participant_id, asset_id)
    return free if room is None else min(free, room)


def _room(state: State, participant_id: ParticipantId, asset_id: AssetId) -> Money | None:
    """What custody lets the participant take out. None: all of its free cash can move."""
    holding = state.holdings[asset_id]
    if holding.custody.separates:
        return sum(holding.sources(participant_id, state.ledger).values())
    return None if holding.gate is None else holding.gate.withdrawable(participant_id)


# --- deposits and withdrawals ---------------------------------------------------------------------------


def deposit_cash(command: DepositCash, state: State) -> Iterator[Event]:
    """From the participant's wallet into the emptiest of the venue's that no freeze touches."""
    reason = _deposit_refusal(command, state)
    if reason is not None:
        yield _rejected(command, reason, state)
        return
    holding, who = state.holdings[command.asset_id], command.participant_id
    target = holding.custody.deposit_wallet(holding.keeper, who)
    assert target is not None, "a deposit with nowhere to go is refused"
    if not holding.is_of_the_venue(target):
        holding.open_for(who, state.ledger)
        yield CustodyWalletOpened(participant_id=who, asset_id=command.asset_id, wallet_id=target)
    reason = holding.keeper.transfer(state.seats[who].wallet_id, target, command.amount, state.now)
    assert reason is None, "the keeper said that it would transfer"
    fee = holding.keeper.fee(command.amount)
    arrived = command.amount - fee
    cash = accounts.cash(who, command.asset_id)
    state.ledger.open(cash, command.asset_id, Rule.LIABILITY)
    chain = [state.ledger.transfer(holding.mirror(target), cash, arrived, code="deposit")]
    state.ledger.commit(chain, state.now)
    if holding.gate is not None:
        holding.gate.admit(who, arrived)
    yield CashDeposited(participant_id=who, asset_id=command.asset_id, amount=arrived, fee=fee)


def _deposit_refusal(command: DepositCash, state: State) -> CashRefusal | None:
    """A participant under a legal order may still pay in: it is credited, and stays."""
    reason = _stranger(command, state)
    if reason is not None:
        return reason
    holding, source = state.holdings[command.asset_id], state.seats[command.participant_id].wallet_id
    if CashHalt.DIRECTIVE in holding.halts:
        return CashRefusal.CASH_HALTED
    target = holding.custody.deposit_wallet(holding.keeper, command.participant_id)
    reason = holding.keeper.transfer_refusal(
        source, target or holding.custody.wallets[0], command.amount, state.now
    )
    if target is None and reason in (None, CashRefusal.INSUFFICIENT_FUNDS):
        return CashRefusal.WALLET_FROZEN
    return CashRefusal.WINDING_DOWN if reason is None and holding.is_wound_down else reason


def withdraw_cash(command: WithdrawCash, state: State) -> Iterator[Event]:
    """Set the money aside and promise to confirm after the keeper's finality. The fullest wallets send."""
    reason = _withdrawal_refusal(command, state)
    if reason is not None:
        yield _rejected(command, reason, state)
        return
    holding, who = state.holdings[command.asset_id], command.participant_id
    cash, ledger = accounts.cash(who, command.asset_id), state.ledger
    chain, parts = [], []
    for wallet_id, part in split(command.amount, holding.sources(who, ledger)):
        aside = ledger.transfer(cash, holding.mirror(wallet_id), part, mode=Mode.PENDING, code="withdrawal")
        chain.append(aside)
        parts.append(Part(aside.id, wallet_id, part))
    ledger.commit(chain, state.now)
    if holding.gate is not None:
        holding.gate.take(who, command.amount)
    withdrawal_id, target = ledger.next_id(), state.seats[who].wallet_id
    holding.pending[withdrawal_id] = Withdrawal(
        withdrawal_id, who, target, command.amount, tuple(parts), holding.gate
    )
    state.agenda.promise(state.now + holding.terms.finality, ConfirmWithdrawal(withdrawal_id=withdrawal_id))
    yield WithdrawalRequested(
        participant_id=who, withdrawal_id=withdrawal_id, asset_id=command.asset_id, amount=command.amount
    )


def _withdrawal_refusal(command: WithdrawCash, state: State) -> CashRefusal | None:
    reason = _stranger(command, state)
    if reason is not None:
        return reason
    holding, seat = state.holdings[command.asset_id], state.seats[command.participant_id]
    who, still = command.participant_id, holding.standstill(state.now)
    room = _room(state, who, command.asset_id)
    free, margin = free_cash(state, who, command.asset_id), state.covers.margin
    unneeded = free
    if margin is not None and command.asset_id == margin.cash:
        unneeded = margin.unneeded(who, free)
    reason = first_refusal(
        (command.amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
        (still is not None, still or CashRefusal.CLOSED),
        (holding.keeper.is_frozen_in(seat.wallet_id), CashRefusal.WALLET_FROZEN),
        (seat.frozen, CashRefusal.PARTICIPANT_FROZEN),
        (_is_braked(state), CashRefusal.BRAKED),
        (holding.is_wound_down, CashRefusal.WINDING_DOWN),
        (room is not None and room < command.amount and room < free, CashRefusal.GATED),
        (command.amount > free, CashRefusal.INSUFFICIENT_FUNDS),
        (command.amount > unneeded, CashRefusal.NEEDED_AS_MARGIN),
    )
    return reason or _arrival_refusal(command, holding, state)


def _arrival_refusal(command: WithdrawCash, holding: Holding, state: State) -> CashRefusal | None:
    """Why the parts of a withdrawal could not all arrive: a fee that eats one up, or a limit of the keeper's."""
    who, target = command.participant_id, state.seats[command.participant_id].wallet_id
    for wallet_id, part in split(command.amount, holding.sources(who, state.ledger)):
        reason = holding.keeper.transfer_refusal(wallet_id, target, part, state.now)
        if reason is not None:
            return reason
    return None


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
    holding = next((one for one in state.holdings.values() if command.withdrawal_id in one.pending), None)
    if holding is None:
        return
    withdrawal = holding.pending[command.withdrawal_id]
    reason = _confirmation_refusal(withdrawal, holding, state)
    if reason is not None:
        yield (
            _wait(withdrawal, reason, holding, state)
            if _waits(reason, holding)
            else give_back(withdrawal, reason, holding, state)
        )
        return
    fee = sum(holding.keeper.fee(part.amount) for part in withdrawal.parts)
    for part in withdrawal.parts:
        reason = holding.keeper.transfer(part.wallet_id, withdrawal.target, part.amount, state.now)
        assert reason is None, "the keeper said that it would transfer"
    _resolve(withdrawal, Mode.POST, holding, state)
    yield WithdrawalCompleted(
        participant_id=withdrawal.participant_id,
        withdrawal_id=withdrawal.withdrawal_id,
        asset_id=holding.terms.asset_id,
        amount=withdrawal.amount,
        fee=fee,
    )


def _waits(reason: CashRefusal, holding: Holding) -> bool:
    return holding.terms.queues and reason in (CashRefusal.OUTAGE, CashRefusal.CLOSED)


def _wait(withdrawal: Withdrawal, reason: CashRefusal, holding: Holding, state: State) -> WithdrawalDelayed:
    """Try again when the keeper opens. When an outage ends nobody knows; `try_again` is for then."""
    holding.delayed[withdrawal.withdrawal_id] = reason
    if reason is CashRefusal.CLOSED:
        again = ConfirmWithdrawal(withdrawal_id=withdrawal.withdrawal_id)
        state.agenda.promise(holding.keeper.opens_at(state.now), again)
    return WithdrawalDelayed(
        participant_id=withdrawal.participant_id,
        withdrawal_id=withdrawal.withdrawal_id,
        asset_id=holding.terms.asset_id,
        amount=withdrawal.amount,
        reason=reason,
    )


def try_again(holding: Holding, state: State) -> None:
    """An outage is over: what has waited for that is confirmed now, or waits for the opening."""
    for withdrawal_id, reason in holding.delayed.items():
        if reason is CashRefusal.OUTAGE:
            state.agenda.promise(state.now, ConfirmWithdrawal(withdrawal_id=withdrawal_id))


def _confirmation_refusal(withdrawal: Withdrawal, holding: Holding, state: State) -> CashRefusal | None:
    for part in withdrawal.parts:
        reason = holding.keeper.transfer_refusal(part.wallet_id, withdrawal.target, part.amount, state.now)
        if reason is not None:
            return reason
    if state.seats[withdrawal.participant_id].frozen:
        return CashRefusal.PARTICIPANT_FROZEN
    return None


def give_back(
    withdrawal: Withdrawal, reason: CashRefusal, holding: Holding, state: State
) -> WithdrawalReturned:
    """As if it had not been asked for. If a gate has closed since, its owner may ask again, outside it."""
    _resolve(withdrawal, Mode.VOID, holding, state)
    if holding.gate is not None:
        if holding.gate is withdrawal.gate:
            holding.gate.give_back(withdrawal.participant_id, withdrawal.amount)
        else:
            holding.gate.admit(withdrawal.participant_id, withdrawal.amount)
    return WithdrawalReturned(
        participant_id=withdrawal.participant_id,
        withdrawal_id=withdrawal.withdrawal_id,
        asset_id=holding.terms.asset_id,
        amount=withdrawal.amount,
        reason=reason,
    )


def _resolve(withdrawal: Withdrawal, mode: Mode, holding: Holding, state: State) -> None:
    """Post or void every part of the withdrawal in one chain."""
    cash = accounts.cash(withdrawal.participant_id, holding.terms.asset_id)
    chain = [
        state.ledger.transfer(
            cash, holding.mirror(part.wallet_id), part.amount, mode=mode, pending_id=part.transfer_id
        )
        for part in withdrawal.parts
    ]
    state.ledger.commit(chain, state.now)
    del holding.pending[withdrawal.withdrawal_id]
    holding.delayed.pop(withdrawal.withdrawal_id, None)


def _stranger(command: DepositCash | WithdrawCash, state: State) -> CashRefusal | None:
    """Who asks, and for what, must be known."""
    return first_refusal(
        (command.participant_id not in state.seats, CashRefusal.UNKNOWN_PARTICIPANT),
        (command.asset_id not in state.holdings, CashRefusal.UNKNOWN_ASSET),
    )


def _rejected(command: DepositCash | WithdrawCash, reason: CashRefusal, state: State) -> CashRequestRejected:
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


def free_cash(state: State, participant_id: ParticipantId, asset_id: AssetId) -> Money:
    """Nothing in a coin that the participant has never paid in."""
    account = accounts.cash(participant_id, asset_id)
    return state.ledger.available(account) if account in state.ledger else 0


def own_cash(state: State, participant_id: ParticipantId, asset_id: AssetId) -> Money:
    """Free cash, and what live orders hold of it."""
    hold = accounts.hold(participant_id, asset_id)
    held = state.ledger.posted(hold) if hold in state.ledger else 0
    return free_cash(state, participant_id, asset_id) + held

"""The road of keys: freezes, pauses, minters, roles and states of whoever keeps a cash asset; wipes are beside it.

What is signed for with a key that has a delay is announced, and done when the delay is over: by the state and the
roles of that later instant. Until then it can be taken back by those who may sign for it.
"""

from collections.abc import Iterator
from typing import assert_never

from exchange import margining, redeeming, safekeeping, treasury, wiping
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash.issuer_states import CHANGES, IssuerState
from exchange.cash.terms import Role, RoleName
from exchange.cash_requests import on_cash, refused
from exchange.commands import (
    AttestReserves,
    CancelKeyOperation,
    ChangeIssuerState,
    ChangeRole,
    ConfigureMinter,
    ConfirmWithdrawal,
    DoKeyOperation,
    FreezeWallet,
    KeyCommand,
    PauseIssuer,
    ReissueCoins,
    RemoveMinter,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
)
from exchange.events import (
    Event,
    IssuerPaused,
    IssuerStateChanged,
    IssuerUnpaused,
    KeyOperationAnnounced,
    KeyOperationCanceled,
    MinterConfigured,
    MinterRemoved,
    ReservesAttested,
    RoleChanged,
    WalletFrozen,
    WalletUnfrozen,
)
from exchange.reasons import CashRefusal
from exchange.state import State
from exchange.units import WalletId

_ROLES: dict[type[KeyCommand], RoleName] = {  # a change of state asks for the key of that change
    FreezeWallet: RoleName.FREEZER,
    UnfreezeWallet: RoleName.FREEZER,
    PauseIssuer: RoleName.PAUSER,
    UnpauseIssuer: RoleName.PAUSER,
    WipeWallet: RoleName.WIPER,
    ReissueCoins: RoleName.WIPER,
    ConfigureMinter: RoleName.MASTER_MINTER,
    RemoveMinter: RoleName.MASTER_MINTER,
    ChangeRole: RoleName.ADMIN,
    AttestReserves: RoleName.ATTESTOR,
}


# --- at once, or after a delay --------------------------------------------------------------------------


@on_cash
def use_key(command: KeyCommand, holding: Holding, state: State) -> Iterator[Event]:
    """Do what the key is for, or announce it."""
    keys, roles = holding.keeper.keys, _roles_for(command, holding)
    delay = keys.delay(*roles)
    if not delay or _is_beyond(command, holding):
        yield from _do(command, holding, state)
    elif not keys.is_signed(command.signatures, *roles):
        yield refused(command, CashRefusal.SIGNATURES_MISSING)
    else:
        holding.operations += 1
        operation_id, due = holding.operations, state.now + delay
        holding.announced[operation_id] = command
        state.agenda.promise(due, DoKeyOperation(asset_id=command.asset_id, operation_id=operation_id))
        yield KeyOperationAnnounced(
            asset_id=command.asset_id,
            operation_id=operation_id,
            request=type(command).__name__,
            wallet_id=_wallet_of(command),
            due=due,
        )


@on_cash
def do_key_operation(duty: DoKeyOperation, holding: Holding, state: State) -> Iterator[Event]:
    """Unless it was taken back. It may be refused now."""
    command = holding.announced.pop(duty.operation_id, None)
    if command is not None:
        yield from _do(command, holding, state)


@on_cash
def cancel_key_operation(command: CancelKeyOperation, holding: Holding, state: State) -> Iterator[Event]:
    announced = holding.announced.get(command.operation_id)
    if announced is None:
        yield refused(command, CashRefusal.UNKNOWN_OPERATION)
    elif not holding.keeper.keys.is_signed(command.signatures, *_roles_for(announced, holding)):
        yield refused(command, CashRefusal.SIGNATURES_MISSING)
    else:
        del holding.announced[command.operation_id]
        yield KeyOperationCanceled(asset_id=command.asset_id, operation_id=command.operation_id)


def _roles_for(command: KeyCommand, holding: Holding) -> tuple[RoleName, ...]:
    if isinstance(command, ChangeIssuerState):
        change = (holding.issuer.state, command.state) if holding.issuer else None
        return (CHANGES.get(change, RoleName.ADMIN) if change else RoleName.ADMIN,)
    wallet_id = _wallet_of(command)
    beside = wallet_id is not None and holding.is_of_the_venue(wallet_id)
    return (_ROLES[type(command)], *((RoleName.VENUE_FREEZER,) if beside else ()))


def _wallet_of(command: KeyCommand) -> WalletId | None:
    match command:
        case FreezeWallet() | UnfreezeWallet() | WipeWallet() | ReissueCoins():
            return command.wallet_id
        case _:
            return None


def _is_beyond(command: KeyCommand, holding: Holding) -> bool:
    """Whether the keeper has no such operation at all: that is refused now, not when the delay is over."""
    return holding.issuer is None and not isinstance(command, FreezeWallet | UnfreezeWallet)


def _do(command: KeyCommand, holding: Holding, state: State) -> Iterator[Event]:
    match command:
        case FreezeWallet():
            return freeze_wallet(command, holding, state)
        case UnfreezeWallet():
            return unfreeze_wallet(command, holding, state)
        case _ if holding.issuer is None:
            return iter((refused(command, CashRefusal.NOT_A_COIN),))
        case _:
            return _do_at_issuer(command, holding, holding.issuer, state)


def _do_at_issuer(command: KeyCommand, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    match command:
        case FreezeWallet() | UnfreezeWallet():
            raise AssertionError("every keeper freezes")
        case PauseIssuer():
            return pause_issuer(command, holding, issuer, state)
        case UnpauseIssuer():
            return unpause_issuer(command, holding, issuer, state)
        case WipeWallet():
            return wiping.wipe_wallet(command, holding, issuer, state)
        case ReissueCoins():
            return wiping.reissue_coins(command, holding, issuer, state)
        case ChangeIssuerState():
            return change_issuer_state(command, holding, issuer, state)
        case ConfigureMinter():
            return configure_minter(command, issuer)
        case RemoveMinter():
            return remove_minter(command, issuer)
        case ChangeRole():
            return change_role(command, issuer)
        case AttestReserves():
            return attest_reserves(command, issuer)
        case _:
            assert_never(command)


# --- freezes --------------------------------------------------------------------------------------------


def freeze_wallet(command: FreezeWallet, holding: Holding, state: State) -> Iterator[Event]:
    """A wallet outside: it can no longer send, receive or be paid into; trading goes on. One of the venue's:
    claims are as they were and trading goes on, but withdrawals share what can still move.
    """
    keeper, wallet_id = holding.keeper, command.wallet_id
    reason = keeper.freeze(
        wallet_id, command.order_ref, command.signatures, state.now, out=command.out, into=command.into
    )
    if reason is not None:
        yield refused(command, reason)
        return
    yield WalletFrozen(
        asset_id=command.asset_id,
        wallet_id=wallet_id,
        order_ref=command.order_ref,
        out=keeper.is_frozen_out(wallet_id),
        into=keeper.is_frozen_in(wallet_id),
    )
    yield from safekeeping.review_owner(wallet_id, command.order_ref, holding, state)
    yield from safekeeping.review(holding, state)


def unfreeze_wallet(command: UnfreezeWallet, holding: Holding, state: State) -> Iterator[Event]:
    shut = holding.shut(state.now)
    reason = holding.keeper.unfreeze(command.wallet_id, command.order_ref, command.signatures, state.now)
    if reason is not None:
        yield refused(command, reason)
        return
    yield WalletUnfrozen(asset_id=command.asset_id, wallet_id=command.wallet_id, order_ref=command.order_ref)
    yield from safekeeping.review_owner(command.wallet_id, command.order_ref, holding, state)
    yield from safekeeping.review(holding, state)
    yield from redeeming.review_after_thaw(holding, state)
    if shut is not None and holding.shut(state.now) is None:
        yield from margining.renew_calls(command.asset_id, state)


# --- states ---------------------------------------------------------------------------------------------


def pause_issuer(command: PauseIssuer, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    """Nothing moves on the issuer's ledger; the venue's own books go on, if not for ever.

    Under terms by which a batch in progress completes, withdrawals that are on their way leave first.
    """
    reason = issuer.pause_refusal(command.signatures)
    if reason is not None:
        yield refused(command, reason)
        return
    if issuer.terms.pause_completes_batch:
        for withdrawal_id in list(holding.pending):
            yield from treasury.confirm_withdrawal(ConfirmWithdrawal(withdrawal_id=withdrawal_id), state)
    issuer.pause(command.signatures)
    yield IssuerPaused(asset_id=command.asset_id)
    yield from safekeeping.begin_pause(holding, state)


def unpause_issuer(command: UnpauseIssuer, holding: Holding, issuer: Issuer, state: State) -> Iterator[Event]:
    reason = issuer.unpause(command.signatures)
    if reason is not None:
        yield refused(command, reason)
        return
    yield IssuerUnpaused(asset_id=command.asset_id)
    yield from safekeeping.end_pause(holding, state)
    yield from redeeming.review(issuer, state)


def change_issuer_state(
    command: ChangeIssuerState, holding: Holding, issuer: Issuer, state: State
) -> Iterator[Event]:
    """Into default: coins still move, and redemption is a claim only. Into a wind-down: holders are paid."""
    before = issuer.state
    reason = issuer.change_state(command.state, command.signatures)
    if reason is not None:
        yield refused(command, reason)
        return
    yield IssuerStateChanged(asset_id=command.asset_id, state=issuer.state, before=before)
    if before is IssuerState.PAUSED:
        yield from safekeeping.end_pause(holding, state)
    yield from redeeming.review(issuer, state)


# --- minters, roles, attestation ------------------------------------------------------------------------


def configure_minter(command: ConfigureMinter, issuer: Issuer) -> Iterator[Event]:
    reason = issuer.configure_minter(command.minter, command.allowance, command.signatures)
    if reason is not None:
        yield refused(command, reason)
        return
    yield MinterConfigured(
        asset_id=command.asset_id, minter=command.minter, allowance=issuer.allowance(command.minter)
    )


def remove_minter(command: RemoveMinter, issuer: Issuer) -> Iterator[Event]:
    reason = issuer.remove_minter(command.minter, command.signatures)
    if reason is not None:
        yield refused(command, reason)
        return
    yield MinterRemoved(asset_id=command.asset_id, minter=command.minter)


def change_role(command: ChangeRole, issuer: Issuer) -> Iterator[Event]:
    role = Role(name=command.role, holders=command.holders, quorum=command.quorum, delay=command.delay)
    reason = issuer.change_role(role, command.signatures)
    if reason is not None:
        yield refused(command, reason)
        return
    yield RoleChanged(
        asset_id=command.asset_id,
        role=role.name,
        holders=role.holders,
        quorum=role.quorum,
        delay=role.delay,
    )


def attest_reserves(command: AttestReserves, issuer: Issuer) -> Iterator[Event]:
    """What the books say, for all to read. Nobody need have asked the banks."""
    if not issuer.keys.is_signed(command.signatures, RoleName.ATTESTOR):
        yield refused(command, CashRefusal.SIGNATURES_MISSING)
        return
    reserves = issuer.reserves
    yield ReservesAttested(
        asset_id=command.asset_id,
        supply=issuer.supply,
        book=reserves.book,
        accessible=reserves.accessible,
        liquid=reserves.liquid,
    )

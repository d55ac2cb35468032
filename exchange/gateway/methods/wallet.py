"""Money and units in and out of the venue."""

from typing import Any

from exchange.commands import DepositCash, WithdrawCash, WithdrawUnits
from exchange.events import (
    CashDeposited,
    CashRequestRejected,
    Entry,
    UnitRequestRejected,
    UnitsWithdrawalRequested,
    WithdrawalRequested,
)
from exchange.gateway.books import Transfer
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import FORBIDDEN, NOT_FOUND, OTHER_REJECT, fault, refused
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.methods.market import Count
from exchange.gateway.registry import REGISTRY, Access, Ask, Name, Params, Positive, StrictParams, Whole
from exchange.gateway.wire import milliseconds, money, whole, whole_money
from exchange.reasons import CashRefusal
from exchange.units import AssetId

CLEARANCE = {"pending": "in_progress", "completed": "success", "rejected": "failed"}


class PageParams(Params):
    currency: Name
    count: Count = 10
    offset: Whole = 0


class CurrencyParam(Params):
    currency: Name


class WithdrawParams(StrictParams):
    currency: Name
    amount: Positive
    address: str = ""
    priority: str | None = None


class DepositParams(StrictParams):
    currency: Name
    amount: Positive


class TransferParams(StrictParams):
    currency: Name
    amount: Positive
    destination: Any
    source: Any = None
    nonce: str | None = None


def _transfers(call: Call, params: PageParams, *, deposits: bool) -> dict[str, Any]:
    found = [
        one
        for one in reversed(call.owner.transfers.values())
        if one.is_deposit is deposits and one.currency == params.currency.upper()
    ]
    page = found[params.offset : params.offset + params.count]
    return {"count": len(found), "data": [_shape(call, one) for one in page]}


def _shape(call: Call, one: Transfer) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": one.number,
        "address": call.seat.wallet_id,
        "amount": one.amount / one.scale,
        "currency": one.currency,
        "state": one.state,
        "transaction_id": one.transaction,
        "updated_timestamp": milliseconds(one.changed_at),
        "fee": one.fee / one.scale,
    }
    if one.is_deposit:
        told["source_address"] = call.seat.wallet_id
        told["clearance_state"] = CLEARANCE[one.state]
    word = "received_timestamp" if one.is_deposit else "created_timestamp"
    told[word] = milliseconds(one.at)
    if not one.is_deposit:
        told["priority"] = 1.0
        told["confirmed_timestamp"] = milliseconds(one.changed_at)
    return told


@REGISTRY.method("private/get_deposits", Access.SEATED)
def get_deposits(call: Call, params: PageParams) -> dict[str, Any]:
    """What was brought to the venue, the latest first."""
    return _transfers(call, params, deposits=True)


@REGISTRY.method("private/get_withdrawals", Access.SEATED)
def get_withdrawals(call: Call, params: PageParams) -> dict[str, Any]:
    """What was taken out of the venue, or is on its way, the latest first."""
    return _transfers(call, params, deposits=False)


@REGISTRY.method("private/get_transfers", Access.SEATED)
def get_transfers(call: Call, params: PageParams) -> dict[str, Any]:
    """Transfers between accounts: there are none."""
    return {"count": 0, "data": []}


@REGISTRY.method("private/get_current_deposit_address", Access.SEATED)
def get_current_deposit_address(call: Call, params: CurrencyParam) -> dict[str, Any]:
    """The venue's own wallet of an asset."""
    return _address(call, params.currency)


@REGISTRY.method("private/create_deposit_address", Access.SEATED)
def create_deposit_address(call: Call, params: CurrencyParam) -> dict[str, Any]:
    """The same: there is one for all."""
    return _address(call, params.currency)


def _address(call: Call, currency: str) -> dict[str, Any]:
    holding = call.state.holdings.get(AssetId(currency.upper()))
    if holding is None:
        raise fault(NOT_FOUND, param="currency", reason="unknown_asset")
    return {
        "address": holding.terms.venue_wallets[0],
        "currency": currency.upper(),
        "type": "deposit",
        "creation_timestamp": 0,
        "requires_confirmation": False,
        "status": "deployed",
    }


@REGISTRY.method("private/withdraw", Access.SEATED)
def withdraw(call: Call, params: WithdrawParams) -> Ask[dict[str, Any]]:
    """Take cash or units out, to the wallet with which the caller applied."""
    currency = AssetId(params.currency.upper())
    if params.address and params.address != call.seat.wallet_id:
        raise fault(FORBIDDEN, param="address", reason="money leaves to the caller's own wallet alone")
    if currency in call.state.assets and currency not in call.state.holdings:
        amount = whole(params.amount, 10 ** call.state.assets[currency].scale)
        units = WithdrawUnits(participant_id=call.participant_id, asset_id=currency, amount=amount)
        return Ask((units,), lambda told: _withdrawn(call, told[0]))
    command = WithdrawCash(
        participant_id=call.participant_id, asset_id=currency, amount=whole_money(params.amount)
    )
    return Ask((command,), lambda told: _withdrawn(call, told[0]))


def _withdrawn(call: Call, entries: list[Entry]) -> dict[str, Any]:
    for event in (entry.event for entry in entries):
        match event:
            case CashRequestRejected() if event.participant_id == call.participant_id:
                raise refused(event.reason, available=money(event.available))
            case UnitRequestRejected() if event.participant_id == call.participant_id:
                scale = 10 ** call.state.assets[event.asset_id].scale
                raise refused(event.reason, available=event.available / scale)
            case WithdrawalRequested() | UnitsWithdrawalRequested() if (
                event.participant_id == call.participant_id
            ):
                latest = next(reversed(call.owner.transfers.values()))
                return _shape(call, latest)
            case _:
                pass
    raise fault(OTHER_REJECT, reason="nothing_happened")


@REGISTRY.method("private/deposit", Access.SEATED)
def deposit(call: Call, params: DepositParams) -> Ask[dict[str, Any]]:
    """Bring cash from the caller's own wallet to the venue."""
    command = DepositCash(
        participant_id=call.participant_id,
        asset_id=AssetId(params.currency.upper()),
        amount=whole_money(params.amount),
    )

    def answer(told: list[list[Entry]]) -> dict[str, Any]:
        for event in (entry.event for entry in told[0]):
            if isinstance(event, CashRequestRejected) and event.participant_id == call.participant_id:
                raise refused(event.reason, available=money(event.available))
            if isinstance(event, CashDeposited) and event.participant_id == call.participant_id:
                return _shape(call, next(reversed(call.owner.transfers.values())))
        raise fault(OTHER_REJECT, reason="nothing_happened")

    return Ask((command,), answer)


def _no_transfer() -> Fault:
    return fault(
        FORBIDDEN,
        reason=CashRefusal.NOT_ELIGIBLE.value,
        told="money changes hands through settlement instructions, not between accounts",
    )


@REGISTRY.method("private/submit_transfer_to_subaccount", Access.SEATED)
def submit_transfer_to_subaccount(call: Call, params: TransferParams) -> dict[str, Any]:
    """Refused: there are no subaccounts."""
    raise _no_transfer()


@REGISTRY.method("private/submit_transfer_to_user", Access.SEATED)
def submit_transfer_to_user(call: Call, params: TransferParams) -> dict[str, Any]:
    """Refused: the venue moves nothing from one participant to another without a trade or an instruction."""
    raise _no_transfer()


@REGISTRY.method("private/submit_transfer_between_subaccounts", Access.SEATED)
def submit_transfer_between_subaccounts(call: Call, params: TransferParams) -> dict[str, Any]:
    """Refused: there are no subaccounts."""
    raise _no_transfer()

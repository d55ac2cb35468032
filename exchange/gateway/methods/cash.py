"""The cash leg: coins made and handed back, what stands behind them, and what is frozen."""

from typing import Annotated, Any

from pydantic import Field

from exchange.clearing import accounts
from exchange.commands import MintCoins, RecordFiatReceipt, RedeemCoins
from exchange.events import (
    CoinRequestRefused,
    CoinsMinted,
    CoinsRedeemed,
    Entry,
    RedemptionRequested,
)
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import NOT_FOUND, OTHER_REJECT, fault, refused
from exchange.gateway.registry import REGISTRY, Access, Ask, Name, NoParams, Params, Positive, StrictParams
from exchange.gateway.shapes import CashStatistics
from exchange.gateway.wire import money, whole_money
from exchange.treasury import withdrawable
from exchange.units import AssetId, Money, WalletId


class CurrencyParams(Params):
    currency: Name


class RedeemParams(StrictParams):
    currency: Name
    amount: Positive


class MintParams(StrictParams):
    currency: Name
    amount: Positive
    wallet: Name
    receipt_id: Annotated[str, Field(min_length=1, max_length=64)]


def _holding(call: Call, currency: str) -> Any:
    holding = call.state.holdings.get(AssetId(currency.upper()))
    if holding is None:
        raise fault(NOT_FOUND, param="currency", reason="unknown_asset")
    return holding


@REGISTRY.method("cash/get_assets", Access.PUBLIC)
def get_assets(call: Call, params: NoParams) -> list[dict[str, Any]]:
    """Every cash asset: who keeps it, what it trades at, and whether the venue takes it."""
    return [
        {
            "currency": asset_id,
            "title": call.state.assets[asset_id].title,
            "kind": type(holding.terms).__name__.removesuffix("Terms").lower(),
            "price": holding.price_ppm / 1_000_000,
            "halted": [cause.value for cause in holding.halts],
            "finality_ms": holding.terms.finality // 1_000_000,
        }
        for asset_id, holding in call.state.holdings.items()
    ]


@REGISTRY.method("cash/get_reserves", Access.PUBLIC)
def get_reserves(call: Call, params: CurrencyParams) -> dict[str, Any]:
    """Proof of reserves: how many coins are out, and what stands behind them."""
    issuer = _holding(call, params.currency).issuer
    if issuer is None:
        raise fault(OTHER_REJECT, reason="not_a_coin")
    reserves = issuer.reserves
    return {
        "currency": params.currency.upper(),
        "supply": money(issuer.supply),
        "book": money(reserves.book),
        "accessible": money(reserves.accessible),
        "liquid": money(reserves.liquid),
        "state": issuer.state.value,
        "covered": reserves.book >= issuer.supply,
    }


@REGISTRY.method("cash/get_freeze_status", Access.PUBLIC)
def get_freeze_status(call: Call, params: CurrencyParams) -> dict[str, Any]:
    """Which of the venue's wallets cannot send, and whether withdrawals are shared out."""
    holding = _holding(call, params.currency)
    keeper = holding.keeper
    return {
        "currency": params.currency.upper(),
        "halted": [cause.value for cause in holding.halts],
        "gated": holding.gate is not None,
        "frozen": money(holding.frozen),
        "wallets": [
            {"wallet": one, "frozen_out": keeper.is_frozen_out(one), "frozen_in": keeper.is_frozen_in(one)}
            for one in holding.terms.venue_wallets
        ],
    }


@REGISTRY.method("cash/get_statistics", Access.PUBLIC)
def get_statistics(call: Call, params: NoParams) -> CashStatistics:
    """Of every cash asset: supply, reserves, what is frozen at the venue, its price, and who waits to be paid."""
    return call.gateway.hub.statistics.cash()


@REGISTRY.method("cash/get_my_cash", Access.SEATED)
def get_my_cash(call: Call, params: CurrencyParams) -> dict[str, Any]:
    """What the caller has at the venue and in its own wallet, and what it could take out now."""
    holding, who = _holding(call, params.currency), call.participant_id
    asset_id, ledger = AssetId(params.currency.upper()), call.state.ledger

    def posted(account: str) -> Money:
        return ledger.posted(account) if account in ledger else 0

    return {
        "currency": asset_id,
        "free": money(posted(accounts.cash(who, asset_id))),
        "held": money(posted(accounts.hold(who, asset_id))),
        "withdrawable": money(withdrawable(call.state, who, asset_id)),
        "wallet": call.seat.wallet_id,
        "in_wallet": money(holding.keeper.balance(call.seat.wallet_id)),
        "wallet_frozen_out": holding.keeper.is_frozen_out(call.seat.wallet_id),
        "wallet_frozen_in": holding.keeper.is_frozen_in(call.seat.wallet_id),
        "frozen_by_law": call.seat.frozen,
    }


@REGISTRY.method("cash/redeem", Access.SEATED)
def redeem(call: Call, params: RedeemParams) -> Ask[dict[str, Any]]:
    """Hand coins in the caller's own wallet back to their issuer: paid at once, or against a ticket."""
    _holding(call, params.currency)
    wallet = call.seat.wallet_id
    command = RedeemCoins(
        asset_id=AssetId(params.currency.upper()), wallet_id=wallet, amount=whole_money(params.amount)
    )
    return Ask((command,), lambda told: _redeemed(told[0], wallet))


def _redeemed(entries: list[Entry], wallet: WalletId) -> dict[str, Any]:
    ticket: dict[str, Any] = {}
    for event in (entry.event for entry in entries):
        match event:
            case CoinRequestRefused():
                raise refused(event.reason)
            case RedemptionRequested() if event.wallet_id == wallet:
                ticket = {"state": "waiting", "ticket_id": event.ticket_id, "fee": money(event.fee)}
                ticket["amount"] = money(event.amount)
            case CoinsRedeemed() if event.wallet_id == wallet:
                ticket |= {"state": "paid", "amount": money(event.amount), "fee": money(event.fee)}
            case _:
                pass
    if not ticket:
        raise fault(OTHER_REJECT, reason="nothing_happened")
    return ticket


@REGISTRY.method("cash/mint", Access.ISSUER)
def mint(call: Call, params: MintParams) -> Ask[dict[str, Any]]:
    """Record that bank roubles have come in, and issue coins against them to a wallet. For the key of that coin's
    issuer; another's is refused (13021, `not_the_issuer`)."""
    holding = _holding(call, params.currency)
    if holding.issuer is None:
        raise fault(OTHER_REJECT, reason="not_a_coin")
    asset_id, amount = AssetId(params.currency.upper()), whole_money(params.amount)
    minter = next(iter(holding.terms.minters), "")
    commands = (
        RecordFiatReceipt(asset_id=asset_id, receipt_id=params.receipt_id, amount=amount),
        MintCoins(
            asset_id=asset_id,
            minter=minter,
            receipt_id=params.receipt_id,
            wallet_id=WalletId(params.wallet),
            amount=amount,
        ),
    )

    def answer(told: list[list[Entry]]) -> dict[str, Any]:
        for event in (entry.event for entries in told for entry in entries):
            if isinstance(event, CoinRequestRefused):
                raise refused(event.reason, request=event.request)
            if isinstance(event, CoinsMinted):
                return {
                    "amount": money(event.amount),
                    "supply": money(event.supply),
                    "wallet": event.wallet_id,
                }
        raise fault(OTHER_REJECT, reason="nothing_happened")

    return Ask(commands, answer)

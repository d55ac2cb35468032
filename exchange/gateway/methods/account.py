"""What a participant has: positions, money, and the log of both."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from exchange.events import Liquidity
from exchange.gateway import render
from exchange.gateway.books import LogRow, Settled
from exchange.gateway.dispatch import Call
from exchange.gateway.methods.market import (
    Kind,
    SettlementsParams,
    of_kind,
    page_of_settlements,
    pair_of,
)
from exchange.gateway.methods.orders import settles_in
from exchange.gateway.registry import (
    NO_TRUTH,
    REGISTRY,
    Access,
    Integer,
    Milliseconds,
    Name,
    Params,
    Pool,
    Whole,
)
from exchange.gateway.shapes import AccountSummary, FeeShape, PositionShape
from exchange.gateway.wire import index_price, milliseconds, money


class SummaryParams(Params):
    currency: Name
    extended: bool = False
    subaccount_id: Integer | None = None


class SummariesParams(Params):
    extended: bool = False
    subaccount_id: Integer | None = None


class PositionsParams(Params):
    currency: str = "any"
    kind: Kind = "any"
    subaccount_id: Integer | None = None


class PositionParams(Params):
    instrument_name: Name


class DetailsParams(Params):
    currency: Name
    with_open_orders: bool = False


class SubaccountsParams(Params):
    with_portfolio: bool = False


class LogParams(Params):
    currency: Name
    start_timestamp: Milliseconds
    end_timestamp: Milliseconds
    query: str = ""
    count: Annotated[int, Field(ge=1, le=250), NO_TRUTH] = 100
    continuation: Whole | None = None
    subaccount_id: Integer | None = None


@REGISTRY.method("private/get_positions", Access.SEATED)
def get_positions(call: Call, params: PositionsParams) -> list[PositionShape]:
    """Open positions, of a currency and kind."""
    return [
        row
        for row in call.gateway.hub.accounts.positions(call.participant_id)
        if settles_in(call.books.pairs[row["instrument_name"]], params.currency)
        and of_kind(call.books.pairs[row["instrument_name"]], params.kind)
        and row["size"]
    ]


@REGISTRY.method("private/get_position", Access.SEATED)
def get_position(call: Call, params: PositionParams) -> PositionShape:
    """The position in one instrument, also if there is none."""
    return call.gateway.hub.accounts.position(call.owner, pair_of(call, params.instrument_name))


def _summary(call: Call, currency: str, *, extended: bool) -> AccountSummary:
    told = call.gateway.hub.accounts.summary(call.participant_id, currency)
    if extended:
        told["fees"] = _fees(call)
        told["limits"] = _limits(call)
    return told


@REGISTRY.method("private/get_account_summary", Access.SEATED)
def get_account_summary(call: Call, params: SummaryParams) -> AccountSummary:
    """One asset of the caller's; of one that there is none of, all is zero."""
    return _summary(call, params.currency.upper(), extended=params.extended)


@REGISTRY.method("private/get_account_summaries", Access.SEATED)
def get_account_summaries(call: Call, params: SummariesParams) -> dict[str, Any]:
    """Every asset of the caller's."""
    accounts = call.gateway.hub.accounts
    return {
        **_user(call),
        "interuser_transfers_enabled": False,
        "mmp_enabled": bool(call.seat.protections),
        "summaries": [_summary(call, one, extended=params.extended) for one in accounts.currencies()],
    }


def _user(call: Call) -> dict[str, Any]:
    who = call.participant_id
    return {
        "id": call.books.number_of(who),
        "username": who,
        "system_name": who,
        "email": "",
        "type": "main",
        "login_enabled": False,
        "security_keys_enabled": False,
    }


def _fees(call: Call) -> list[FeeShape]:
    """By kind, as a share of the notional of the first instrument of that kind."""
    found: dict[str, FeeShape] = {}
    market = call.gateway.hub.market
    for pair in call.books.pairs.values():
        word = "perpetual" if pair.is_perpetual else pair.kind
        shape = market.instrument(pair)
        found.setdefault(
            word,
            {
                "currency": pair.quote,
                "instrument_type": word,
                "fee_type": "relative",
                "maker_fee": shape["maker_commission"],
                "taker_fee": shape["taker_commission"],
            },
        )
    return list(found.values())


def _limits(call: Call) -> dict[str, Any]:
    """The rates in force; nothing is counted where there are none."""
    rates = call.gateway.limits.rates
    told: dict[str, Any] = {"limits_per_currency": False}
    if rates is None:
        return told
    words = {pool: {"rate": rate.rate, "burst": rate.burst} for pool, rate in rates.items()}
    return told | {
        "non_matching_engine": words[Pool.READ],
        "matching_engine": {
            "trading": {"total": words[Pool.MATCHING]},
            "spot": words[Pool.MATCHING],
            "quotes": words[Pool.MATCHING],
            "cancel_all": words[Pool.CANCEL],
        },
    }


@REGISTRY.method("private/get_subaccounts", Access.SEATED)
def get_subaccounts(call: Call, params: SubaccountsParams) -> list[dict[str, Any]]:
    """The caller's accounts: there is one."""
    told = {**_user(call), "is_password": False, "receive_notifications": False}
    if params.with_portfolio:
        accounts = call.gateway.hub.accounts
        told["portfolio"] = {
            one.lower(): accounts.summary(call.participant_id, one) for one in accounts.currencies()
        }
    return [told]


@REGISTRY.method("private/get_transaction_log", Access.SEATED)
def get_transaction_log(call: Call, params: LogParams) -> dict[str, Any]:
    """What has moved the caller's money, the latest first; `continuation` leads on to what is older."""
    rows = [
        row
        for row in reversed(call.owner.log)
        if row.currency == params.currency.upper()
        and params.start_timestamp <= milliseconds(row.at) <= params.end_timestamp
        and (not params.query or params.query in row.kind)
        and (params.continuation is None or row.number <= params.continuation)
    ]
    more = rows[params.count].number if len(rows) > params.count else None
    return {"logs": [_log_row(call, row) for row in rows[: params.count]], "continuation": more}


def _log_row(call: Call, row: LogRow) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": row.number,
        "user_seq": row.number,
        "user_id": call.books.number_of(call.participant_id),
        "username": call.participant_id,
        "timestamp": milliseconds(row.at),
        "type": row.kind,
        "currency": row.currency,
        "change": row.change / row.scale,
        "cashflow": row.change / row.scale,
        "balance": row.balance / row.scale,
        "equity": row.balance / row.scale,
        "commission": 0.0,
        "info": {},
    }
    if row.pair is not None:
        told["instrument_name"] = row.pair.name
    trade = row.trade
    if trade is not None:
        public = trade.public
        role = "taker" if trade.liquidity is Liquidity.TAKER else "maker"
        told |= {
            "side": f"{'close' if trade.closes else 'open'} {render.DIRECTIONS[trade.side]}",
            "position": public.pair.amount(trade.position),
            "user_role": role,
            "fee_role": role,
            "price_currency": public.pair.quote,
            "contracts": float(public.quantity),
            "amount": public.pair.amount(public.quantity),
            "price": public.pair.price(public.price),
            "commission": money(trade.fee),
            "mark_price": public.pair.price(public.mark),
            "index_price": index_price(public.index),
            "trade_id": render.trade_id(public),
            "order_id": render.order_id(trade.order.order_id, public.pair),
            "profit_as_cashflow": False,
            "interest_pl": 0.0,
            "session_rpl": trade.profit,
        }
    return told


@REGISTRY.method("private/get_settlement_history_by_instrument", Access.SEATED)
def get_settlement_history_by_instrument(call: Call, params: SettlementsParams) -> dict[str, Any]:
    """What rolls and expiries of an instrument brought the caller, the latest first."""
    pair = pair_of(call, params.instrument_name or "")
    return page_of_settlements([_settlement(one) for one in _settled(call) if one.pair is pair], params)


@REGISTRY.method("private/get_settlement_history_by_currency", Access.SEATED)
def get_settlement_history_by_currency(call: Call, params: SettlementsParams) -> dict[str, Any]:
    """The same of a currency."""
    asked = params.currency or "any"
    rows = [_settlement(one) for one in _settled(call) if settles_in(one.pair, asked)]
    return page_of_settlements(rows, params)


def _settled(call: Call) -> Iterator[Settled]:
    return reversed(call.owner.settlements)


def _settlement(one: Settled) -> dict[str, Any]:
    return {
        "type": one.kind,
        "timestamp": milliseconds(one.at),
        "instrument_name": one.pair.name,
        "index_price": index_price(one.index),
        "mark_price": one.pair.price(one.mark),
        "position": one.pair.amount(one.position),
        "profit_loss": one.profit,
        "session_profit_loss": one.profit,
        "funding": one.funding,
    }


@REGISTRY.method("private/get_subaccounts_details", Access.SEATED)
def get_subaccounts_details(call: Call, params: DetailsParams) -> list[dict[str, Any]]:
    """Positions of the caller's one account in a currency, and its open orders if they are asked for."""
    positions = PositionsParams(currency=params.currency)
    told: dict[str, Any] = {
        "uid": call.books.number_of(call.participant_id),
        "positions": get_positions(call, positions),
    }
    if params.with_open_orders:
        told["open_orders"] = [
            render.order(one) for one in call.owner.live.values() if settles_in(one.pair, params.currency)
        ]
    return [told]

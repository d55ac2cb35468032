"""Quotes of market makers, many in one message, and the protection that takes them off."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from exchange.commands import (
    ProtectQuotes,
    Quote,
    QuoteMarket,
)
from exchange.events import (
    Entry,
    OrderRejected,
    RequestRejected,
)
from exchange.gateway import render
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import (
    NEEDS_CANCEL_ON_DISCONNECT,
    NOT_FOUND,
    UNSUPPORTED,
    fault,
    invalid,
    rejected,
)
from exchange.gateway.methods.market import Kind, index_of, of_kind, pair_of
from exchange.gateway.methods.orders import settles_in
from exchange.gateway.methods.trading import cancel_each, cap_on_open_orders, currency_pair, line_of
from exchange.gateway.registry import (
    NO_TRUTH,
    REGISTRY,
    Access,
    Ask,
    Milliseconds,
    Name,
    Number,
    Params,
    Pool,
    Positive,
    StrictParams,
    Whole,
)
from exchange.gateway.shapes import OrderShape
from exchange.gateway.wire import Pair, index_name, milliseconds, nanoseconds
from exchange.protection import Protection
from exchange.units import SECOND
from matching.terms import PostOnly, Side

MOST_QUOTES = 100


class QuoteSide(StrictParams):
    price: Number
    amount: Number
    post_only: bool = True
    reject_post_only: bool = True


class QuotePair(StrictParams):
    instrument_name: Name
    quote_set_id: str = ""
    bid: QuoteSide | None = None
    ask: QuoteSide | None = None


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class MassQuoteParams(StrictParams):
    quote_id: Name
    mmp_group: str = ""
    quotes: Annotated[
        list[QuotePair], BeforeValidator(_one_or_many), Field(min_length=1, max_length=MOST_QUOTES)
    ]
    detailed: bool = False
    wait_for_response: bool = True
    valid_until: Milliseconds | None = None


class CancelQuotesParams(Params):
    cancel_type: Literal[
        "delta", "quote_set_id", "instrument", "instrument_kind", "currency", "currency_pair", "all"
    ] = "all"
    instrument_name: str | None = None
    kind: Kind | None = None
    currency: str | None = None
    currency_pair: str | None = None
    detailed: bool = False


# Without what a type of cancel is about, it would be about everything.
CANCEL_NEEDS = {
    "instrument": "instrument_name",
    "instrument_kind": "kind",
    "currency": "currency",
    "currency_pair": "currency_pair",
}


class ProtectionParams(StrictParams):
    index_name: Name
    interval: Annotated[int, Field(ge=0, le=3_600), NO_TRUTH]
    frozen_time: Annotated[int, Field(ge=0, le=86_400), NO_TRUTH]
    quantity_limit: Positive | None = None
    mmp_group: str = ""
    delta_limit: Number | None = None
    vega_limit: Number | None = None
    max_quote_quantity: Number | None = None
    trade_count_limit: Whole | None = None
    block_rfq: bool = False


class GroupParams(Params):
    index_name: str | None = None
    mmp_group: str = ""


# --- quoting --------------------------------------------------------------------------------------------


@REGISTRY.method("private/mass_quote", Access.SEATED, pool=Pool.MATCHING, cost=2, websocket_only=True)
def mass_quote(call: Call, params: MassQuoteParams) -> Ask[dict[str, Any]]:
    """Replace the caller's quotes in each instrument that is named. An amount of 0 takes a side off."""
    if call.connection is None or not call.connection.cancels_on_disconnect:
        raise fault(NEEDS_CANCEL_ON_DISCONNECT, reason="enable cancel on disconnect before quoting")
    names = [one.instrument_name for one in params.quotes]
    if len(set(names)) < len(names):
        raise invalid("quotes", "name an instrument twice")
    commands = [_quotes(call, one) for one in params.quotes]
    until = None if params.valid_until is None else nanoseconds(params.valid_until)
    return Ask(commands, lambda told: _quoted(call, commands, told, detailed=params.detailed), until)


def _quotes(call: Call, asked: QuotePair) -> QuoteMarket:
    pair = pair_of(call, asked.instrument_name)
    sides = [(Side.BUY, asked.bid), (Side.SELL, asked.ask)]
    quotes = tuple(
        Quote(side=side, price=pair.ticks(one.price), quantity=pair.lots(one.amount))
        for side, one in sides
        if one is not None and one.amount
    )
    return QuoteMarket(
        participant_id=call.participant_id,
        client_order_id=call.gateway.next_client_order_id(call.participant_id),
        instrument_id=pair.instrument.instrument_id,
        quotes=quotes,
        post_only=_post_only([one for _, one in sides if one is not None]),
        line=line_of(call),
    )


def _post_only(sides: list[QuoteSide]) -> PostOnly:
    """One word for both sides of a market. Raises Fault if one of them alone may trade at once."""
    if not all(one.post_only for one in sides):
        if any(one.post_only for one in sides):
            raise fault(
                UNSUPPORTED, param="quotes", reason="post_only is of both sides of a market, or of none"
            )
        return PostOnly.NO
    return PostOnly.REJECT if all(one.reject_post_only for one in sides) else PostOnly.SLIDE


def _quoted(
    call: Call, commands: list[QuoteMarket], told: list[list[Entry]], *, detailed: bool
) -> dict[str, Any]:
    errors = [
        {
            "instrument_name": event.instrument_id,
            "side": "bid" if event.side > 0 else "ask",
            "error": {"code": told.code, "message": told.name, "data": told.told},
            "code": told.code,
            "message": told.name,
        }
        for entries in told
        for event in (entry.event for entry in entries)
        if isinstance(event, OrderRejected) and event.participant_id == call.participant_id
        for told in (rejected(event.reason, **cap_on_open_orders(call, event.reason)),)
    ]
    names = {command.instrument_id for command in commands}
    orders = [
        one for one in call.owner.live.values() if one.quote and one.pair.instrument.instrument_id in names
    ]
    result: dict[str, Any] = {"errors_count": len(errors), "pending_requests_count": 0}
    if detailed:
        numbers = {entry.sequence: entry for entries in told for entry in entries}
        first = min((entry.time for entry in numbers.values()), default=0)
        trades = [
            t for one in call.owner.trades if one.order.quote and one.public.at >= first for t in (one,)
        ]
        result |= {
            "orders": [render.order(one) for one in orders],
            "trades": [render.user_trade(one) for one in trades],
            "errors": errors,
            "pending_requests": [],
        }
    elif errors:
        result["errors"] = errors
    return result


@REGISTRY.method("private/cancel_quotes", Access.SEATED, pool=Pool.CANCEL)
def cancel_quotes(call: Call, params: CancelQuotesParams) -> Ask[int | list[OrderShape]]:
    """Cancel quotes: of an instrument, a kind, a currency, a currency pair, or all."""
    if params.cancel_type in ("delta", "quote_set_id"):
        raise fault(UNSUPPORTED, param="cancel_type", reason="quotes have neither sets nor deltas here")
    needed = CANCEL_NEEDS.get(params.cancel_type)
    if needed is not None and getattr(params, needed) is None:
        raise invalid(needed, f"is needed for cancel_type {params.cancel_type}")
    asked = None if params.currency_pair is None else params.currency_pair.lower()
    found = [
        one
        for one in call.owner.live.values()
        if one.quote
        and params.instrument_name in (None, one.pair.name)
        and of_kind(one.pair, params.kind or "any")
        and settles_in(one.pair, params.currency or "any")
        and asked in (None, currency_pair(one.pair))
    ]
    return cancel_each(call, found, detailed=params.detailed)


# --- protection -----------------------------------------------------------------------------------------


@REGISTRY.method("private/set_mmp_config", Access.SEATED, pool=Pool.MATCHING)
def set_mmp_config(call: Call, params: ProtectionParams) -> Ask[list[dict[str, Any]]]:
    """Market-maker protection for all instruments on an index: once quotes have traded more than `quantity_limit`
    within `interval` seconds, they go, and none are taken for `frozen_time` seconds. How much may be quoted is not
    bounded: `max_quote_quantity` is passed over."""
    if params.delta_limit or params.vega_limit or params.trade_count_limit:
        raise fault(UNSUPPORTED, reason="protection counts quantity alone")
    index_id = index_of(call, params.index_name)
    if params.interval and params.quantity_limit is None:
        raise invalid("quantity_limit", "is needed")
    pairs = [one for one in call.books.pairs.values() if one.instrument.underlying == index_id]
    limit = params.quantity_limit if params.interval else None
    commands = [
        ProtectQuotes(
            participant_id=call.participant_id,
            instrument_id=pair.instrument.instrument_id,
            quantity_limit=0 if limit is None else max(1, int(limit / Decimal(str(pair.contract)))),
            interval=params.interval * SECOND,
            freeze=params.frozen_time * SECOND,
        )
        for pair in pairs
    ]

    def answer(told: list[list[Entry]]) -> list[dict[str, Any]]:
        _check_protected(call, told)
        return _protections(call, index_id)

    return Ask(commands, answer)


def _check_protected(call: Call, told: list[list[Entry]]) -> None:
    """Raises Fault if the exchange has refused it."""
    for event in (entry.event for entries in told for entry in entries):
        if isinstance(event, RequestRejected) and event.participant_id == call.participant_id:
            raise rejected(event.reason)


def _protections(call: Call, index_id: str | None) -> list[dict[str, Any]]:
    """What is in force, an index a row, as the exchange keeps it: the limit is told of the finest instrument."""
    finest: dict[str, tuple[Pair, Protection]] = {}
    for name, protection in call.seat.protections.items():
        pair = call.books.pairs[name]
        index = pair.instrument.underlying
        if index_id in (None, index) and (index not in finest or pair.contract < finest[index][0].contract):
            finest[index] = (pair, protection)
    return [
        {
            "index_name": index_name(index),
            "interval": protection.interval // SECOND,
            "frozen_time": protection.freeze // SECOND,
            "quantity_limit": pair.amount(protection.limit),
            "mmp_group": "",
        }
        for index, (pair, protection) in finest.items()
    ]


@REGISTRY.method("private/get_mmp_config", Access.SEATED)
def get_mmp_config(call: Call, params: GroupParams) -> list[dict[str, Any]]:
    """The market-maker protection that is in force. It is kept with the orders, over a restart too."""
    return _protections(call, index_of(call, params.index_name) if params.index_name else None)


@REGISTRY.method("private/get_mmp_status", Access.SEATED)
def get_mmp_status(call: Call, params: GroupParams) -> list[dict[str, Any]]:
    """Where quotes are frozen by the protection, and until when."""
    now = call.state.now
    return [
        {
            "index_name": index_name(call.books.pairs[name].instrument.underlying),
            "instrument_name": name,
            "frozen_until": milliseconds(protection.frozen_until),
        }
        for name, protection in call.seat.protections.items()
        if protection.frozen_until > now
    ]


@REGISTRY.method("private/reset_mmp", Access.SEATED, pool=Pool.MATCHING)
def reset_mmp(call: Call, params: GroupParams) -> Ask[str]:
    """Lift a freeze by setting the protection anew, on one index or on all."""
    index_id = index_of(call, params.index_name) if params.index_name else None
    commands = [
        ProtectQuotes(
            participant_id=call.participant_id,
            instrument_id=name,
            quantity_limit=protection.limit,
            interval=protection.interval,
            freeze=protection.freeze,
        )
        for name, protection in call.seat.protections.items()
        if index_id in (None, call.books.pairs[name].instrument.underlying)
    ]
    if not commands:
        raise fault(NOT_FOUND, param="index_name", reason="no protection is set")

    def answer(told: list[list[Entry]]) -> str:
        _check_protected(call, told)
        return "ok"

    return Ask(commands, answer)

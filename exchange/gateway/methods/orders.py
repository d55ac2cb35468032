"""A participant's own orders and trades, as they are and as they were. Nothing is changed here."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field

from exchange.gateway import render
from exchange.gateway.books import OrderRecord, UserTrade
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import (
    NO_SUCH_ORDER,
    fault,
)
from exchange.gateway.methods.market import Count, Kind, RangeParams, Sorting, of_kind, pair_of, trade_numbers
from exchange.gateway.registry import (
    REGISTRY,
    Access,
    Integer,
    Name,
    Number,
    Params,
    Positive,
    Texts,
    Whole,
)
from exchange.gateway.shapes import OrderShape, UserTrades, UserTradeShape
from exchange.gateway.wire import Pair, milliseconds
from exchange.reasons import RejectReason
from exchange.rules.prices import furthest_price
from matching.terms import Side

TypeFilter = Literal[
    "all",
    "limit",
    "market",
    "trigger_all",
    "stop",
    "stop_all",
    "stop_limit",
    "stop_market",
    "take",
    "take_all",
    "take_limit",
    "take_market",
    "trailing_all",
    "trailing_stop",
]
Label = Annotated[str, Field(max_length=64)]


class OrderIdParams(Params):
    order_id: Name


class OrderIdsParams(Params):
    ids: Texts = Field(min_length=1, max_length=100)


class OrderTradesParams(OrderIdParams):
    sorting: Sorting = "default"


class FilterParams(Params):
    kind: Kind = "any"
    type: TypeFilter = "all"
    detailed: bool = False


class ByInstrumentParams(FilterParams):
    instrument_name: Name


class ByCurrencyParams(FilterParams):
    currency: Name


class LabeledParams(Params):
    label: Label | None = None  # any
    currency: str = "any"


class MarginsParams(Params):
    instrument_name: Name
    amount: Positive
    price: Number


class HistoryParams(Params):
    count: Count = 20
    offset: Whole = 0
    include_old: bool = False
    include_unfilled: bool = False


class InstrumentHistoryParams(HistoryParams):
    instrument_name: Name


class CurrencyHistoryParams(HistoryParams):
    currency: Name
    kind: Kind = "any"


class UserTradesParams(RangeParams):
    instrument_name: Name
    start_seq: Integer | None = None
    end_seq: Integer | None = None


class CurrencyUserTradesParams(RangeParams):
    currency: Name
    kind: Kind = "any"
    start_id: str | None = None
    end_id: str | None = None


class TriggerHistoryParams(Params):
    currency: Name = "any"
    instrument_name: str | None = None
    count: Count = 20
    continuation: Whole = 0  # how many of the latest to leave out


# --- which orders are meant -----------------------------------------------------------------------------


def record_of(call: Call, text: str, param: str = "order_id") -> OrderRecord:
    """The caller's order of the id that `param` has; somebody else's is as unknown as none at all."""
    rest, _, digits = text.rpartition("-")
    record = None
    if digits.isdecimal() and len(digits) < 20:
        record = call.owner.order(-int(digits) if rest.endswith("-UNTRADED") else int(digits))
    if record is None or render.order_id(record.order_id, record.pair) != text:
        raise fault(NO_SUCH_ORDER, param=param, reason=RejectReason.UNKNOWN_ORDER.value)
    return record


def matching(call: Call, params: FilterParams, wanted: Callable[[Pair], bool]) -> list[OrderRecord]:
    return [
        one
        for one in call.owner.live.values()
        if wanted(one.pair) and of_kind(one.pair, params.kind) and _of_type(one, params.type)
    ]


def _of_type(record: OrderRecord, asked: str) -> bool:
    kind = record.order_type
    match asked:
        case "all":
            return True
        case "trigger_all":
            return kind.startswith(("stop", "take", "trailing"))
        case "stop" | "take" | "stop_all" | "take_all" | "trailing_all":
            return kind.startswith(asked.removesuffix("_all"))
    return kind == asked


def settles_in(pair: Pair, currency: str) -> bool:
    asked = currency.upper()
    return asked in ("ANY", pair.quote.upper())


# --- reading --------------------------------------------------------------------------------------------


@REGISTRY.method("private/get_order_state", Access.SEATED)
def get_order_state(call: Call, params: OrderIdParams) -> OrderShape:
    """One order, open or ended."""
    return render.order(record_of(call, params.order_id))


@REGISTRY.method("private/get_order_state_by_label", Access.SEATED)
def get_order_state_by_label(call: Call, params: LabeledParams) -> list[OrderShape]:
    """Every order with a label, open or ended, the latest first."""
    records = [*call.owner.ended.values(), *call.owner.live.values()]
    return [
        render.order(one)
        for one in sorted(records, key=lambda one: (one.created_at, one.order_id), reverse=True)
        if params.label in (None, one.label) and settles_in(one.pair, params.currency)
    ]


def _open(call: Call, params: FilterParams, wanted: Callable[[Pair], bool]) -> list[OrderShape]:
    return [render.order(one) for one in matching(call, params, wanted)]


@REGISTRY.method("private/get_open_orders", Access.SEATED)
def get_open_orders(call: Call, params: FilterParams) -> list[OrderShape]:
    """Every open order; those that wait for a price as well."""
    return _open(call, params, lambda _: True)


@REGISTRY.method("private/get_open_orders_by_instrument", Access.SEATED)
def get_open_orders_by_instrument(call: Call, params: ByInstrumentParams) -> list[OrderShape]:
    """The open orders in an instrument."""
    pair = pair_of(call, params.instrument_name)
    return _open(call, params, lambda one: one is pair)


@REGISTRY.method("private/get_open_orders_by_currency", Access.SEATED)
def get_open_orders_by_currency(call: Call, params: ByCurrencyParams) -> list[OrderShape]:
    """The open orders that pay in a currency."""
    return _open(call, params, lambda one: settles_in(one, params.currency))


@REGISTRY.method("private/get_open_orders_by_label", Access.SEATED)
def get_open_orders_by_label(call: Call, params: LabeledParams) -> list[OrderShape]:
    """The open orders with a label."""
    return [
        render.order(one)
        for one in call.owner.live.values()
        if params.label in (None, one.label) and settles_in(one.pair, params.currency)
    ]


def _history(call: Call, params: HistoryParams, wanted: Callable[[Pair], bool]) -> list[OrderShape]:
    """Ended orders, the newest first: with fills, or all; what never fired is told elsewhere."""
    found = (
        one
        for one in reversed(call.owner.ended.values())
        if wanted(one.pair)
        and (one.filled or params.include_unfilled)
        and (one.triggered or not _waits_for_price(one))
    )
    return [_no_longer_waiting(one) for one in islice(found, params.offset, params.offset + params.count)]


def _no_longer_waiting(record: OrderRecord) -> OrderShape:
    """As it went to the book; what it had waited for is told in the history of triggers, where clients look for it."""
    told = render.order(record)
    for key in ("trigger", "triggered", "trigger_price", "trigger_offset"):
        told.pop(key, None)  # type: ignore[misc]
    return told


def _waits_for_price(record: OrderRecord) -> bool:
    return record.command is not None and record.command.trigger_source is not None


@REGISTRY.method("private/get_order_history_by_instrument", Access.SEATED)
def get_order_history_by_instrument(call: Call, params: InstrumentHistoryParams) -> list[OrderShape]:
    """Ended orders in an instrument, the newest first; those without a fill only with `include_unfilled`."""
    pair = pair_of(call, params.instrument_name)
    return _history(call, params, lambda one: one is pair)


@REGISTRY.method("private/get_order_history_by_currency", Access.SEATED)
def get_order_history_by_currency(call: Call, params: CurrencyHistoryParams) -> list[OrderShape]:
    """The same of a currency and kind."""
    return _history(call, params, lambda one: settles_in(one, params.currency) and of_kind(one, params.kind))


@REGISTRY.method("private/get_trigger_order_history", Access.SEATED)
def get_trigger_order_history(call: Call, params: TriggerHistoryParams) -> dict[str, Any]:
    """Ended orders that waited for a price, the newest first."""
    found = [
        one
        for one in reversed(call.owner.ended.values())
        if _waits_for_price(one)
        and settles_in(one.pair, params.currency)
        and params.instrument_name in (None, one.pair.name)
    ]
    entries = [
        {
            **render.order(one),
            "timestamp": milliseconds(one.changed_at),
            "trigger_order_id": render.order_id(one.order_id, one.pair),
            "is_secondary_oto": False,
        }
        for one in found[params.continuation : params.continuation + params.count]
    ]
    after = params.continuation + params.count
    return {"entries": entries, "continuation": str(after) if after < len(found) else ""}


def _user_trades(
    newest_first: Iterator[UserTrade],
    params: RangeParams,
    wanted: Callable[[Pair], bool],
    first: int | None = None,
    last: int | None = None,
) -> UserTrades:
    since, until = params.start_timestamp, params.end_timestamp
    found = [
        one
        for one in newest_first
        if wanted(one.public.pair)
        and (since is None or milliseconds(one.public.at) >= since)
        and (until is None or milliseconds(one.public.at) <= until)
        and (first is None or one.public.number >= first)
        and (last is None or one.public.number <= last)
    ]
    if params.sorting == "asc" or (params.sorting == "default" and (since is not None or first is not None)):
        found.reverse()
    told = [render.user_trade(one) for one in found[: params.count]]
    return {"trades": told, "has_more": len(found) > params.count}


@REGISTRY.method("private/get_user_trades_by_instrument", Access.SEATED)
def get_user_trades_by_instrument(call: Call, params: UserTradesParams) -> UserTrades:
    """The caller's trades in an instrument, by number or by time."""
    pair = pair_of(call, params.instrument_name)
    trades = reversed(call.owner.trades)
    return _user_trades(trades, params, lambda one: one is pair, params.start_seq, params.end_seq)


@REGISTRY.method("private/get_user_trades_by_instrument_and_time", Access.SEATED)
def get_user_trades_by_instrument_and_time(call: Call, params: UserTradesParams) -> UserTrades:
    """The same; either end may be left out."""
    return get_user_trades_by_instrument(call, params)


@REGISTRY.method("private/get_user_trades_by_currency", Access.SEATED)
def get_user_trades_by_currency(call: Call, params: CurrencyUserTradesParams) -> UserTrades:
    """The caller's trades that paid in a currency."""
    first, last = trade_numbers(params.start_id, params.end_id)
    return _user_trades(
        (one for one in reversed(call.owner.trades) if first <= one.public.trade_id <= last),
        params,
        lambda one: settles_in(one, params.currency) and of_kind(one, params.kind),
    )


@REGISTRY.method("private/get_user_trades_by_currency_and_time", Access.SEATED)
def get_user_trades_by_currency_and_time(call: Call, params: CurrencyUserTradesParams) -> UserTrades:
    """The same by time."""
    return get_user_trades_by_currency(call, params)


@REGISTRY.method("private/get_user_trades_by_order", Access.SEATED)
def get_user_trades_by_order(call: Call, params: OrderTradesParams) -> list[UserTradeShape]:
    """The trades of one order, in a plain list, the first one first."""
    told = [render.user_trade(one) for one in record_of(call, params.order_id).trades]
    return told[::-1] if params.sorting == "desc" else told


@REGISTRY.method("private/get_margins", Access.SEATED)
def get_margins(call: Call, params: MarginsParams) -> dict[str, float]:
    """What an order of that amount and price would need if it were all that the caller has, and how far orders may be
    priced."""
    market, pair = call.gateway.hub.market, pair_of(call, params.instrument_name)
    series, lots, price = market.series(pair.name), pair.lots(params.amount), pair.ticks(params.price)
    return {
        "buy": market.need(pair, Side.BUY, lots, price),
        "sell": market.need(pair, Side.SELL, lots, price),
        "min_price": pair.price(furthest_price(Side.SELL, series)),
        "max_price": pair.price(furthest_price(Side.BUY, series)),
    }


@REGISTRY.method("private/get_order_margin_by_ids", Access.SEATED)
def get_order_margin_by_ids(call: Call, params: OrderIdsParams) -> list[dict[str, Any]]:
    """What each of the orders would need if it were all that the caller has."""
    market = call.gateway.hub.market
    return [
        {
            "order_id": text,
            "initial_margin": market.need(
                one.pair, one.side, one.quantity - one.filled if one.is_live else 0, one.price
            ),
            "initial_margin_currency": one.pair.quote,
        }
        for text in params.ids
        for one in (record_of(call, text),)
    ]

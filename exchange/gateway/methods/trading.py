"""Orders, quotes, and what became of them. Whether an order may be is the exchange's to say; here it is only shaped."""

import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from exchange.commands import (
    AmendOrder,
    AmendWaiting,
    CancelAll,
    CancelOrder,
    LinkKind,
    LinkOrders,
    PlaceLinked,
    PlaceOrder,
    ProtectQuotes,
    Quote,
    QuoteMarket,
)
from exchange.events import (
    Entry,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    OrderWaiting,
    RequestExists,
    RequestRejected,
)
from exchange.gateway import render
from exchange.gateway.books import OWN_NUMBERS, OrderRecord, UserTrade
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import (
    FORBIDDEN,
    NEEDS_CANCEL_ON_DISCONNECT,
    NO_SUCH_ORDER,
    NOT_FOUND,
    NOT_OPEN,
    NOT_UNIQUE,
    OTHER_REJECT,
    TOO_MANY_TRIGGERS,
    UNSUPPORTED,
    fault,
    invalid,
    rejected,
)
from exchange.gateway.methods.market import Count, Kind, RangeParams, Sorting, index_of, of_kind, pair_of
from exchange.gateway.registry import (
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
    Texts,
)
from exchange.gateway.shapes import OrderShape, OrderWithTrades, UserTrades, UserTradeShape
from exchange.gateway.wire import Pair, index_name, milliseconds, nanoseconds
from exchange.linking import HOW_MANY
from exchange.protection import Protection
from exchange.reasons import RejectReason
from exchange.rules.prices import furthest_price
from exchange.units import SECOND
from matching.terms import OrderId, PostOnly, Price, Quantity, Side, TimeInForce
from matching.triggers import PriceSource

TIMES = {
    "good_til_cancelled": TimeInForce.GTC,
    "good_till_cancelled": TimeInForce.GTC,  # as some clients spell it
    "good_til_day": TimeInForce.DAY,
    "immediate_or_cancel": TimeInForce.IOC,
    "fill_or_kill": TimeInForce.FOK,
}
SOURCES = {
    "last_price": PriceSource.LAST,
    "mark_price": PriceSource.MARK,
    "index_price": PriceSource.INDEX,
}
OrderType = Literal[
    "limit",
    "market",
    "stop_limit",
    "stop_market",
    "take_limit",
    "take_market",
    "market_limit",
    "trailing_stop",
]
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
OrderNumber = Annotated[int, Field(ge=1, lt=OWN_NUMBERS)]
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
MOST_QUOTES = 100
# What an order is told once, when it is placed; on the book also what it has waited for.
FIXED = ("post_only", "reject_post_only", "reduce_only", "display_amount", "mmp", "advanced")
TRIGGERED = ("trigger_price", "trigger_offset")


def _objects(value: Any) -> Any:
    """A list of objects; as text, in the query of a URL."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


class LinkedParams(StrictParams):
    """An order that is placed with another one, in its instrument. Without an amount it is for that of the other."""

    direction: Literal["buy", "sell"]
    amount: Positive | None = None
    contracts: Positive | None = None
    type: Literal[
        "limit", "market", "stop_limit", "stop_market", "take_limit", "take_market", "trailing_stop"
    ] = "limit"
    price: Number | None = None
    label: Label = ""
    time_in_force: Literal["good_til_cancelled", "good_til_day", "immediate_or_cancel", "fill_or_kill"] = (
        "good_til_cancelled"
    )
    post_only: bool = False
    reject_post_only: bool = False
    reduce_only: bool = False
    trigger: Literal["index_price", "mark_price", "last_price"] | None = None
    trigger_price: Number | None = None
    trigger_offset: Positive | None = None


class OrderParams(StrictParams):
    instrument_name: Name
    amount: Positive | None = None
    contracts: Positive | None = None
    type: OrderType = "limit"
    price: Number | None = None
    label: Label = ""
    client_order_id: OrderNumber | None = None
    time_in_force: Literal[
        "good_til_cancelled",
        "good_till_cancelled",
        "good_til_day",
        "immediate_or_cancel",
        "fill_or_kill",
    ] = "good_til_cancelled"
    post_only: bool = False
    reject_post_only: bool = False
    reduce_only: bool = False
    trigger: Literal["index_price", "mark_price", "last_price"] | None = None
    trigger_price: Number | None = None
    trigger_offset: Positive | None = None
    display_amount: Number | None = None
    max_show: Number | None = None
    mmp: bool = False
    valid_until: Milliseconds | None = None
    advanced: Literal["usd", "implv"] | None = None
    linked_order_type: LinkKind | None = None
    trigger_fill_condition: Literal["first_hit", "complete_fill", "incremental"] | None = None
    otoco_config: Annotated[list[LinkedParams], BeforeValidator(_objects), Field(max_length=2)] | None = None
    direction: Literal["buy", "sell"] | None = None  # as some clients repeat it


class ChangeParams(StrictParams):
    """What an order is to become. What an order is told about itself may be repeated, but not changed."""

    amount: Positive | None = None
    contracts: Positive | None = None
    price: Number | None = None
    post_only: bool | None = None
    reject_post_only: bool | None = None
    reduce_only: bool | None = None
    trigger_price: Number | None = None
    trigger_offset: Positive | None = None
    display_amount: Number | None = None
    mmp: bool | None = None
    valid_until: Milliseconds | None = None
    advanced: Literal["usd", "implv"] | None = None


class EditParams(ChangeParams):
    order_id: Name


class EditByLabelParams(ChangeParams):
    label: Label
    instrument_name: Name


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


class KindOrTypeParams(FilterParams):
    currency: Any = "any"


class ByPairParams(FilterParams):
    currency_pair: Name


class ByLabelParams(Params):
    label: Label
    currency: str = "any"


class LabeledParams(Params):
    label: Label | None = None  # any
    currency: str = "any"


class CloseParams(StrictParams):
    instrument_name: Name
    type: Literal["limit", "market"]
    price: Number | None = None


class MarginsParams(Params):
    instrument_name: Name
    amount: Positive
    price: Number


class HistoryParams(Params):
    count: Count = 20
    offset: Annotated[int, Field(ge=0)] = 0
    include_old: bool = False
    include_unfilled: bool = False


class InstrumentHistoryParams(HistoryParams):
    instrument_name: Name


class CurrencyHistoryParams(HistoryParams):
    currency: Name
    kind: Kind = "any"


class UserTradesParams(RangeParams):
    instrument_name: Name
    start_seq: int | None = None
    end_seq: int | None = None


class CurrencyUserTradesParams(RangeParams):
    currency: Name
    kind: Kind = "any"
    start_id: str | None = None
    end_id: str | None = None


class TriggerHistoryParams(Params):
    currency: Name = "any"
    instrument_name: str | None = None
    count: Count = 20
    continuation: Annotated[int, Field(ge=0)] = 0  # how many of the latest to leave out


class SelfTradingParams(Params):
    mode: Literal["reject_taker", "cancel_maker"]
    extended_to_subaccounts: bool = False


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
    kind: Kind = "any"
    currency: str = "any"
    detailed: bool = False


class ProtectionParams(StrictParams):
    index_name: Name
    interval: Annotated[int, Field(ge=0, le=3_600)]
    frozen_time: Annotated[int, Field(ge=0, le=86_400)]
    quantity_limit: Positive | None = None
    mmp_group: str = ""
    delta_limit: Number | None = None
    vega_limit: Number | None = None
    max_quote_quantity: Number | None = None
    trade_count_limit: int | None = None
    block_rfq: bool = False


class GroupParams(Params):
    index_name: str | None = None
    mmp_group: str = ""


class LinkParams(StrictParams):
    first_order_id: Name
    second_order_id: Name
    trigger_fill_condition: Literal["first_hit", "complete_fill"] = "first_hit"

    @model_validator(mode="after")
    def _differ(self) -> "LinkParams":
        if self.first_order_id == self.second_order_id:
            raise ValueError("the two orders must differ")
        return self


# --- placing --------------------------------------------------------------------------------------------


@REGISTRY.method("private/buy", Access.SEATED, pool=Pool.MATCHING)
def buy(call: Call, params: OrderParams) -> Ask[OrderWithTrades]:
    """Place an order to buy; with `linked_order_type`, together with those of `otoco_config`. The result has what it
    traded at once."""
    return _place(call, params, Side.BUY)


@REGISTRY.method("private/sell", Access.SEATED, pool=Pool.MATCHING)
def sell(call: Call, params: OrderParams) -> Ask[OrderWithTrades]:
    """Place an order to sell; with `linked_order_type`, together with those of `otoco_config`. The result has what it
    traded at once."""
    return _place(call, params, Side.SELL)


def _place(call: Call, params: OrderParams, side: Side) -> Ask[OrderWithTrades]:
    if params.linked_order_type is not None:
        return _place_linked(call, params, side, params.linked_order_type)
    if params.otoco_config is not None or params.trigger_fill_condition is not None:
        raise invalid("linked_order_type", "is needed for what goes with it")
    command = _order(call, params, side)
    until = None if params.valid_until is None else nanoseconds(params.valid_until)
    return Ask((command,), lambda told: _placed(call, command, told[0]), until)


def _place_linked(call: Call, params: OrderParams, side: Side, kind: LinkKind) -> Ask[OrderWithTrades]:
    """The order, and with it those of `otoco_config`: all of them, or none."""
    asked, condition = params.otoco_config or [], params.trigger_fill_condition
    if condition == "incremental":
        raise fault(
            UNSUPPORTED,
            param="trigger_fill_condition",
            reason="others come or go whole: ask for first_hit or complete_fill",
        )
    if len(asked) not in HOW_MANY[kind]:
        wanted = " or ".join(map(str, HOW_MANY[kind]))
        raise invalid("otoco_config", f"must list {wanted} for {kind.value}, and lists {len(asked)}")
    if len(call.seat.waiting) + len(asked) > call.gateway.limits.triggers:
        raise fault(TOO_MANY_TRIGGERS, reason=f"no more than {call.gateway.limits.triggers} orders may wait")
    command = PlaceLinked(
        participant_id=call.participant_id,
        primary=_order(call, params, side),
        others=tuple(_linked(call, params, one) for one in asked),
        kind=kind,
        patient=condition == "complete_fill",
    )
    until = None if params.valid_until is None else nanoseconds(params.valid_until)
    return Ask((command,), lambda told: _placed(call, command.primary, told[0]), until)


def _linked(call: Call, params: OrderParams, asked: LinkedParams) -> PlaceOrder:
    """One of the others: it has no number, for it is known by the first."""
    told = asked.model_dump(exclude={"direction"})
    if asked.amount is None and asked.contracts is None:
        told |= {"amount": params.amount, "contracts": params.contracts}
    order = OrderParams(instrument_name=params.instrument_name, **told)
    return _order(call, order, SIDES[asked.direction], number=0)


def _order(call: Call, params: OrderParams, side: Side, number: int | None = None) -> PlaceOrder:
    """The command for it, under the sender's number or the next one if none is given. Raises Fault for what no order
    could be."""
    pair = pair_of(call, params.instrument_name)
    if params.advanced is not None:
        raise fault(UNSUPPORTED, param="advanced", reason="there are no advanced orders")
    if number is None:
        number = params.client_order_id or call.gateway.next_client_order_id(call.participant_id)
    if params.direction not in (None, render.DIRECTIONS[side]):
        raise invalid("direction", "is not that of the method")
    limited = params.type in ("limit", "stop_limit", "take_limit")
    if limited and params.price is None:
        raise invalid("price", f"is needed for an order of type {params.type}")
    triggered = params.type.startswith(("stop", "take", "trailing"))
    most = call.gateway.limits.triggers
    if triggered and len(call.seat.waiting) >= most:
        raise fault(TOO_MANY_TRIGGERS, reason=f"no more than {most} orders may wait for a price")
    price = pair.ticks(params.price) if limited and params.price is not None else None
    earlier = call.seat.placed.known(params.client_order_id or 0)
    before = earlier[0] if earlier is not None else None
    before = before.primary if isinstance(before, PlaceLinked) else before
    if params.type == "market_limit" and isinstance(before, PlaceOrder):
        price = before.price  # it comes again, and the best price may be another now
    elif params.type == "market_limit":
        price = _best_opposite(call, pair, side)  # if there is none it is a market order, and meets nobody
    if not triggered and (params.trigger_price is not None or params.trigger_offset is not None):
        raise invalid("trigger_price", f"does not go with an order of type {params.type}")
    shown = params.display_amount if params.display_amount is not None else params.max_show
    return PlaceOrder(
        participant_id=call.participant_id,
        client_order_id=number,
        instrument_id=pair.instrument.instrument_id,
        side=side,
        quantity=_lots(pair, params.amount, params.contracts),
        price=price,
        time_in_force=TIMES[params.time_in_force],
        post_only=_post_only(params.post_only, params.reject_post_only),
        reduce_only=params.reduce_only,
        display=0 if not shown else _display(pair, shown),
        label=params.label,
        line=_line(call),
        **(_trigger(pair, params) if triggered else {}),
    )


def _line(call: Call) -> int:
    """The connection by which it comes; 0 over HTTP, where nothing can be lost, and in lock-step, where orders stay."""
    if call.connection is None or call.gateway.lock_step is not None:
        return 0
    return call.connection.number


def _trigger(pair: Pair, params: OrderParams) -> dict[str, Any]:
    trailing = params.type == "trailing_stop"
    if params.trigger is None and not trailing:
        raise invalid("trigger", f"is needed for an order of type {params.type}")
    if trailing and params.trigger_offset is None:
        raise invalid("trigger_offset", "is needed for a trailing stop")
    if not trailing and params.trigger_price is None:
        raise invalid("trigger_price", f"is needed for an order of type {params.type}")
    told: dict[str, Any] = {
        "trigger_source": SOURCES[params.trigger or "last_price"],
        "take_profit": params.type.startswith("take"),
    }
    if trailing and params.trigger_offset is not None:
        told["trail"] = pair.ticks(params.trigger_offset, "trigger_offset")
    elif params.trigger_price is not None:
        told["trigger_price"] = pair.ticks(params.trigger_price, "trigger_price")
    return told


def _lots(pair: Pair, amount: Decimal | None, contracts: Decimal | None) -> Quantity:
    """Given twice, the two must agree."""
    if amount is None and contracts is None:
        raise invalid("amount", "is needed")
    if contracts is not None:
        if contracts != contracts.to_integral_value() or contracts >= 2**62:
            raise invalid("contracts", "must be a whole number")
        lots = int(contracts)
        if amount is not None and pair.lots(amount) != lots:
            raise invalid("contracts", "does not agree with amount")
        return lots
    assert amount is not None
    return pair.lots(amount)


def _display(pair: Pair, shown: Decimal) -> Quantity:
    return pair.lots(shown, "display_amount")


def _post_only(asked: bool, reject: bool) -> PostOnly:
    if not asked:
        return PostOnly.NO
    return PostOnly.REJECT if reject else PostOnly.SLIDE


def _best_opposite(call: Call, pair: Pair, side: Side) -> Price | None:
    best = call.gateway.hub.market.series(pair.name).book.opposite(side).best
    return None if best is None else best.price


def _placed(call: Call, command: PlaceOrder, entries: list[Entry]) -> OrderWithTrades:
    who, number = command.participant_id, command.client_order_id
    for entry in entries:
        event = entry.event
        if isinstance(event, OrderAccepted | OrderWaiting):
            if event.participant_id == who and event.client_order_id == number:
                return _with_trades(call, event.order_id, entries)
        elif (
            isinstance(event, OrderRejected)
            and event.participant_id == who
            and event.client_order_id == number
        ):
            if call.owner.order(-number) is not None:
                return _with_trades(call, -number, entries)
            raise rejected(event.reason, **_why(call, event.reason, command.side, command.instrument_id))
        elif isinstance(event, OrderRejected) and event.participant_id == who and not event.client_order_id:
            told = _why(call, event.reason, event.side, event.instrument_id)  # of another one, placed with it
            raise rejected(event.reason, param="otoco_config", **told)
        elif isinstance(event, RequestExists) and event.participant_id == who and event.number == number:
            return _placed_before(call, command, event.order_id)
        elif isinstance(event, RequestRejected) and event.reason is RejectReason.EXISTS_WITH_DIFFERENT_TERMS:
            raise fault(
                OTHER_REJECT,
                param="client_order_id",
                reason=event.reason.value,
                told="another order has this number",
            )
    raise fault(OTHER_REJECT, reason="nothing_happened")


def _placed_before(call: Call, command: PlaceOrder, order_id: int) -> OrderWithTrades:
    """What became of the order when it first came, and how it stands now."""
    record = call.owner.order(order_id) or call.owner.order(-command.client_order_id)
    if record is not None:
        trades = [render.user_trade(one) for one in record.trades]
        return {"order": render.order(record), "trades": trades, "duplicate": True}
    refused = call.owner.refused.get(command.client_order_id)
    if refused is None:
        raise fault(NO_SUCH_ORDER, param="client_order_id", reason="placed_long_ago", duplicate=True)
    why = _why(call, refused.reason, command.side, command.instrument_id)
    raise rejected(refused.reason, duplicate=True, **why)


def _why(call: Call, reason: RejectReason, side: Side, name: str) -> dict[str, Any]:
    """What would help: the class of whoever was refused, or the furthest price."""
    seat = call.state.seats.get(call.participant_id)
    told: dict[str, Any] = {"class": seat.access_class.class_id} if seat else {}
    if reason in (RejectReason.PRICE_OUTSIDE_BAND, RejectReason.PRICE_OUTSIDE_COLLAR):
        pair = call.books.pairs[name]
        told["furthest_price"] = pair.price(furthest_price(side, call.gateway.hub.market.series(name)))
    return told


def _with_trades(call: Call, order_id: int, entries: list[Entry]) -> OrderWithTrades:
    """The order as it is now, and what it has traded by these entries."""
    record = call.owner.order(order_id)
    assert record is not None, "an order that was accepted is kept"
    first, last = entries[0].time, entries[-1].time
    trades = [one for one in record.trades if first <= one.public.at <= last]
    return {"order": render.order(record), "trades": [render.user_trade(one) for one in trades]}


@REGISTRY.method("private/close_position", Access.SEATED, pool=Pool.MATCHING)
def close_position(call: Call, params: CloseParams) -> Ask[OrderWithTrades]:
    """Place the order that would close a position: it only reduces."""
    pair = pair_of(call, params.instrument_name)
    lots = 0
    if pair.kind != "spot":
        lots = call.state.covers.position(call.participant_id, pair.instrument.instrument_id)
    if not lots:
        raise fault(OTHER_REJECT, reason="no_position")
    order = OrderParams(
        instrument_name=pair.name,
        contracts=Decimal(abs(lots)),
        type=params.type,
        price=params.price,
        reduce_only=True,
        time_in_force="immediate_or_cancel" if params.type == "market" else "good_til_cancelled",
    )
    return _place(call, order, Side.SELL if lots > 0 else Side.BUY)


# --- changing -------------------------------------------------------------------------------------------


def record_of(call: Call, text: str) -> OrderRecord:
    """The caller's order of that id; somebody else's is as unknown as none at all."""
    rest, _, digits = text.rpartition("-")
    record = None
    if digits.isdecimal() and len(digits) < 20:
        record = call.owner.order(-int(digits) if rest.endswith("-UNTRADED") else int(digits))
    if record is None or render.order_id(record.order_id, record.pair) != text:
        raise fault(NO_SUCH_ORDER, param="order_id", reason=RejectReason.UNKNOWN_ORDER.value)
    return record


def _open_one(call: Call, text: str) -> OrderRecord:
    record = record_of(call, text)
    if not record.is_live:
        raise fault(NOT_OPEN, param="order_id", reason=f"the order is {record.state}")
    return record


@REGISTRY.method("private/edit", Access.SEATED, pool=Pool.MATCHING)
def edit(call: Call, params: EditParams) -> Ask[OrderWithTrades]:
    """Change price or amount (of the whole order, what has traded included). With the same price and no more amount
    the order keeps its place. Of an order that waits for a price also `trigger_price`, or the `trigger_offset` of a
    trailing stop."""
    return _edit(call, _open_one(call, params.order_id), params)


def _edit(call: Call, record: OrderRecord, params: ChangeParams) -> Ask[OrderWithTrades]:
    command: AmendOrder | AmendWaiting
    command = _rewait(call, record, params) if record.state == "untriggered" else _amend(call, record, params)

    def answer(told: list[list[Entry]]) -> OrderWithTrades:
        _check_request(call, told[0], record)
        return _with_trades(call, record.order_id, told[0])

    until = params.valid_until
    return Ask((command,), answer, None if until is None else nanoseconds(until))


def _amend(call: Call, record: OrderRecord, params: ChangeParams) -> AmendOrder:
    _check_nothing_else_changes(record, params, (*FIXED, *TRIGGERED))
    return AmendOrder(
        participant_id=call.participant_id,
        order_id=OrderId(record.order_id),
        price=record.price if params.price is None else record.pair.ticks(params.price),
        quantity=_total(record, params) - record.filled,
    )


def _rewait(call: Call, record: OrderRecord, params: ChangeParams) -> AmendWaiting:
    """Of an order that waits. What it says again of itself is no change, so that it keeps its turn."""
    pair, trails, command = record.pair, record.trail is not None, record.command
    _check_nothing_else_changes(record, params, FIXED)
    at_market = command is not None and command.price is None
    if params.price is not None and (at_market or trails):
        raise invalid("price", f"does not go with an order of type {record.order_type}")
    if params.trigger_price is not None and trails:
        raise invalid("trigger_price", "is what a trailing stop sets itself: change its trigger_offset")
    if params.trigger_offset is not None and not trails:
        raise invalid("trigger_offset", f"does not go with an order of type {record.order_type}")
    trigger, trail = params.trigger_price, params.trigger_offset
    at = None if trigger is None else pair.ticks(trigger, "trigger_price")
    distance = None if trail is None else pair.ticks(trail, "trigger_offset")
    return AmendWaiting(
        participant_id=call.participant_id,
        order_id=OrderId(record.order_id),
        price=None if params.price is None else pair.ticks(params.price),
        quantity=_total(record, params),
        trigger_price=None if at == record.trigger_price else at,
        trail=None if distance == record.trail else distance,
    )


def _total(record: OrderRecord, params: ChangeParams) -> Quantity:
    """The amount of the whole order: as it is, if nothing is said."""
    if params.amount is None and params.contracts is None:
        return record.quantity
    return _lots(record.pair, params.amount, params.contracts)


def _check_nothing_else_changes(record: OrderRecord, params: ChangeParams, fixed: tuple[str, ...]) -> None:
    """Raises Fault if the edit asks for what only a new order can be: nothing that is asked for is passed over."""
    present = render.order(record)
    asked = params.model_dump(exclude_none=True)
    for name in fixed:
        value = float(asked[name]) if isinstance(asked.get(name), Decimal) else asked.get(name)
        if value is not None and value != present.get(name, False):
            raise fault(
                UNSUPPORTED,
                param=name,
                reason="an edit changes price, amount and what is waited for; else cancel it and place another",
            )


def _check_request(call: Call, entries: list[Entry], record: OrderRecord) -> None:
    for entry in entries:
        event = entry.event
        if (
            isinstance(event, RequestRejected)
            and event.participant_id == record.owner
            and event.order_id == record.order_id
        ):
            if event.reason is RejectReason.UNKNOWN_ORDER:  # it ended meanwhile
                raise fault(NOT_OPEN, reason=f"the order is {record.state}")
            raise rejected(event.reason, **_why(call, event.reason, record.side, record.pair.name))


@REGISTRY.method("private/edit_by_label", Access.SEATED, pool=Pool.MATCHING)
def edit_by_label(call: Call, params: EditByLabelParams) -> Ask[OrderWithTrades]:
    """The same for the one open order with that label in an instrument."""
    found = [
        one
        for one in call.owner.live.values()
        if one.label == params.label and one.pair.name == params.instrument_name
    ]
    if not found:
        raise fault(NO_SUCH_ORDER, param="label", reason=RejectReason.UNKNOWN_ORDER.value)
    if len(found) > 1:
        raise fault(NOT_UNIQUE, param="label", orders=len(found))
    return _edit(call, found[0], params)


@REGISTRY.method("private/link_orders", Access.SEATED, pool=Pool.MATCHING)
def link_orders(call: Call, params: LinkParams) -> Ask[list[OrderShape]]:
    """Make two open orders in one instrument cancel each other: once one trades or ends, the other goes; with
    `complete_fill`, once one has traded whole."""
    first, second = _open_one(call, params.first_order_id), _open_one(call, params.second_order_id)
    command = LinkOrders(
        participant_id=call.participant_id,
        first=OrderId(first.order_id),
        second=OrderId(second.order_id),
        patient=params.trigger_fill_condition == "complete_fill",
    )

    def answer(told: list[list[Entry]]) -> list[OrderShape]:
        _check_request(call, told[0], first)
        return [render.order(first), render.order(second)]

    return Ask((command,), answer)


# --- canceling ------------------------------------------------------------------------------------------


@REGISTRY.method("private/cancel", Access.SEATED, pool=Pool.CANCEL)
def cancel(call: Call, params: OrderIdParams) -> Ask[OrderShape]:
    """Cancel an order."""
    record = _open_one(call, params.order_id)
    command = CancelOrder(participant_id=call.participant_id, order_id=OrderId(record.order_id))

    def answer(told: list[list[Entry]]) -> OrderShape:
        _check_request(call, told[0], record)
        return render.order(record)

    return Ask((command,), answer)


def _cancel(call: Call, records: Iterable[OrderRecord], *, detailed: bool) -> Ask[int | list[OrderShape]]:
    """Cancel these; how many were, or which."""
    who = call.participant_id
    commands = [CancelOrder(participant_id=who, order_id=OrderId(one.order_id)) for one in records]
    return Ask(commands, lambda told: _canceled(call, told, detailed=detailed))


def _canceled(call: Call, told: list[list[Entry]], *, detailed: bool) -> int | list[OrderShape]:
    numbers = _canceled_by(call, told)
    if not detailed:
        return len(numbers)
    found = (call.owner.order(number) for number in numbers)
    return [render.order(one) for one in found if one is not None]


def _canceled_by(call: Call, told: list[list[Entry]]) -> list[int]:
    """The caller's orders that were canceled."""
    return [
        entry.event.order_id
        for entries in told
        for entry in entries
        if isinstance(entry.event, OrderCanceled) and entry.event.participant_id == call.participant_id
    ]


@REGISTRY.method("private/cancel_all", Access.SEATED, pool=Pool.CANCEL)
def cancel_all(call: Call, params: FilterParams) -> Ask[int | list[OrderShape]]:
    """Cancel every order, or those of a kind or type; how many, or with `detailed` which."""
    if (params.kind, params.type) != ("any", "all"):
        return _cancel(call, _matching(call, params, lambda _: True), detailed=params.detailed)
    command = CancelAll(participant_id=call.participant_id)
    return Ask((command,), lambda told: _canceled(call, told, detailed=params.detailed))


@REGISTRY.method("private/cancel_all_by_instrument", Access.SEATED, pool=Pool.CANCEL)
def cancel_all_by_instrument(call: Call, params: ByInstrumentParams) -> Ask[int | list[OrderShape]]:
    """Cancel every order in an instrument."""
    pair = pair_of(call, params.instrument_name)
    if (params.kind, params.type) != ("any", "all"):
        found = _matching(call, params, lambda one: one is pair)
        return _cancel(call, found, detailed=params.detailed)
    command = CancelAll(participant_id=call.participant_id, instrument_id=pair.instrument.instrument_id)
    return Ask((command,), lambda told: _canceled(call, told, detailed=params.detailed))


@REGISTRY.method("private/cancel_all_by_currency", Access.SEATED, pool=Pool.CANCEL)
def cancel_all_by_currency(call: Call, params: ByCurrencyParams) -> Ask[int | list[OrderShape]]:
    """Cancel every order that pays in a currency, of a kind or type."""
    found = _matching(call, params, lambda one: settles_in(one, params.currency))
    return _cancel(call, found, detailed=params.detailed)


@REGISTRY.method("private/cancel_all_by_kind_or_type", Access.SEATED, pool=Pool.CANCEL)
def cancel_all_by_kind_or_type(call: Call, params: KindOrTypeParams) -> Ask[int | list[OrderShape]]:
    """The same; `currency` may be a list."""
    asked = params.currency if isinstance(params.currency, list) else [params.currency]
    found = _matching(call, params, lambda one: any(settles_in(one, str(word)) for word in asked))
    return _cancel(call, found, detailed=params.detailed)


@REGISTRY.method("private/cancel_all_by_currency_pair", Access.SEATED, pool=Pool.CANCEL)
def cancel_all_by_currency_pair(call: Call, params: ByPairParams) -> Ask[int | list[OrderShape]]:
    """Cancel every order in what is traded in a pair, for instance `btc_rubd`."""
    asked = params.currency_pair.lower()
    found = _matching(call, params, lambda one: f"{one.base}_{one.quote}".lower() == asked)
    return _cancel(call, found, detailed=params.detailed)


@REGISTRY.method("private/cancel_by_label", Access.SEATED, pool=Pool.CANCEL)
def cancel_by_label(call: Call, params: ByLabelParams) -> Ask[int]:
    """Cancel every order with a label; how many."""
    if params.currency.lower() == "any":
        command = CancelAll(participant_id=call.participant_id, label=params.label)
        return Ask((command,), lambda told: len(_canceled_by(call, told)))
    found = [
        one
        for one in call.owner.live.values()
        if one.label == params.label and settles_in(one.pair, params.currency)
    ]
    who = call.participant_id
    commands = [CancelOrder(participant_id=who, order_id=OrderId(one.order_id)) for one in found]
    return Ask(commands, lambda told: len(_canceled_by(call, told)))


def settles_in(pair: Pair, currency: str) -> bool:
    asked = currency.upper()
    return asked in ("ANY", pair.quote.upper())


def _matching(call: Call, params: FilterParams, wanted: Callable[[Pair], bool]) -> list[OrderRecord]:
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
    return [render.order(one) for one in _matching(call, params, wanted)]


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
    return _user_trades(
        reversed(call.owner.trades),
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


@REGISTRY.method("private/set_self_trading_config", Access.SEATED)
def set_self_trading_config(call: Call, params: SelfTradingParams) -> str:
    """How self-trades are prevented is a rule of the regime: what it says can be confirmed, not changed."""
    regime = call.state.regime
    rule = regime.market.self_trade_prevention.value if regime else "cancel_resting"
    word = "reject_taker" if rule == "cancel_incoming" else "cancel_maker"
    if params.mode != word:
        raise fault(FORBIDDEN, param="mode", reason="the regime decides", self_trade_prevention=rule)
    return "ok"


# --- quotes ---------------------------------------------------------------------------------------------


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
    rejects = all(one is None or one.reject_post_only for _, one in sides)
    return QuoteMarket(
        participant_id=call.participant_id,
        client_order_id=call.gateway.next_client_order_id(call.participant_id),
        instrument_id=pair.instrument.instrument_id,
        quotes=quotes,
        post_only=PostOnly.REJECT if rejects else PostOnly.SLIDE,
        line=_line(call),
    )


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
        for told in (rejected(event.reason),)
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
    """Cancel quotes: of an instrument, a kind, a currency, or all."""
    if params.cancel_type in ("delta", "quote_set_id"):
        raise fault(UNSUPPORTED, param="cancel_type", reason="quotes have neither sets nor deltas here")
    found = [
        one
        for one in call.owner.live.values()
        if one.quote
        and params.instrument_name in (None, one.pair.name)
        and of_kind(one.pair, params.kind)
        and settles_in(one.pair, params.currency)
    ]
    return _cancel(call, found, detailed=params.detailed)


@REGISTRY.method("private/set_mmp_config", Access.SEATED, pool=Pool.MATCHING)
def set_mmp_config(call: Call, params: ProtectionParams) -> Ask[list[dict[str, Any]]]:
    """Market-maker protection for all instruments on an index: once quotes have traded more than `quantity_limit`
    within `interval` seconds, they go, and none are taken for `frozen_time` seconds."""
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
    return Ask(commands, lambda told: _protected(call, told) and _protections(call, index_id))


def _protected(call: Call, told: list[list[Entry]]) -> bool:
    """Raises Fault if the exchange has refused it."""
    for event in (entry.event for entries in told for entry in entries):
        if isinstance(event, RequestRejected) and event.participant_id == call.participant_id:
            raise rejected(event.reason)
    return True


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
    return Ask(commands, lambda told: _protected(call, told) and "ok")

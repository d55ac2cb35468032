"""Orders placed, changed and canceled. Whether one may be is the exchange's to say; here it is only shaped."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from exchange.commands import (
    AmendOrder,
    AmendWaiting,
    CancelAll,
    CancelOrder,
    LinkKind,
    LinkOrders,
    PlaceLinked,
    PlaceOrder,
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
from exchange.gateway.books import OWN_NUMBERS, OrderRecord
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import (
    FORBIDDEN,
    NO_SUCH_ORDER,
    NOT_OPEN,
    NOT_UNIQUE,
    OTHER_REJECT,
    TOO_MANY_TRIGGERS,
    UNSUPPORTED,
    fault,
    invalid,
    rejected,
)
from exchange.gateway.methods.market import pair_of
from exchange.gateway.methods.orders import (
    ByCurrencyParams,
    ByInstrumentParams,
    FilterParams,
    Label,
    OrderIdParams,
    matching,
    record_of,
    settles_in,
)
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
)
from exchange.gateway.shapes import OrderShape, OrderWithTrades
from exchange.gateway.wire import Pair, nanoseconds
from exchange.linking import HOW_MANY
from exchange.reasons import RejectReason
from exchange.rules.prices import furthest_price
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
OrderNumber = Annotated[int, Field(ge=1, lt=OWN_NUMBERS), NO_TRUTH]
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
# What an order is told once, when it is placed; on the book also what it has waited for.
FIXED = ("post_only", "reject_post_only", "reduce_only", "display_amount", "mmp", "advanced")
TRIGGERED = ("trigger_price", "trigger_offset")
PRICED_TOO_FAR = (
    RejectReason.PRICE_OUTSIDE_BAND,
    RejectReason.PRICE_OUTSIDE_COLLAR,
    RejectReason.PRICE_BEYOND_DAILY_LIMIT,
)


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


class KindOrTypeParams(FilterParams):
    currency: Any = "any"


class ByPairParams(FilterParams):
    currency_pair: Name


class ByLabelParams(Params):
    label: Label
    currency: str = "any"


class CloseParams(StrictParams):
    instrument_name: Name
    type: Literal["limit", "market"]
    price: Number | None = None


class SelfTradingParams(Params):
    mode: Literal["reject_taker", "cancel_maker"]
    extended_to_subaccounts: bool = False


class LinkParams(StrictParams):
    first_order_id: Name
    second_order_id: Name
    trigger_fill_condition: Literal["first_hit", "complete_fill"] = "first_hit"


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
    if params.mmp:
        raise fault(UNSUPPORTED, param="mmp", reason="only quotes of private/mass_quote are protected")
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
        line=line_of(call),
        **(_trigger(pair, params) if triggered else {}),
    )


def line_of(call: Call) -> int:
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
    if trailing and params.trigger_price is not None:
        raise invalid("trigger_price", "is what a trailing stop sets itself, by its trigger_offset")
    if not trailing and params.trigger_offset is not None:
        raise invalid("trigger_offset", f"does not go with an order of type {params.type}")
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
            raise rejected(event.reason, **_why(call, event.reason, command.instrument_id))
        elif isinstance(event, OrderRejected) and event.participant_id == who and not event.client_order_id:
            told = _why(call, event.reason, event.instrument_id)  # of another one, placed with it
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
    why = _why(call, refused.reason, command.instrument_id)
    raise rejected(refused.reason, duplicate=True, **why)


def _why(call: Call, reason: RejectReason, name: str) -> dict[str, Any]:
    """What would help: the class of whoever was refused, how far orders may be priced, or the cap on open orders."""
    seat = call.state.seats.get(call.participant_id)
    told: dict[str, Any] = {"class": seat.access_class.class_id} if seat else {}
    if reason in PRICED_TOO_FAR:
        pair, series = call.books.pairs[name], call.gateway.hub.market.series(name)
        told["min_price"] = pair.price(furthest_price(Side.SELL, series))
        told["max_price"] = pair.price(furthest_price(Side.BUY, series))
    return told | cap_on_open_orders(call, reason)


def cap_on_open_orders(call: Call, reason: RejectReason) -> dict[str, Any]:
    """How many orders the caller may have open, as a number and as a sentence; nothing for any other reason."""
    if reason is RejectReason.MAX_OPEN_ORDERS:
        limit, where = call.state.max_open_orders, "at the venue"
    elif reason is RejectReason.MAX_OPEN_ORDERS_PER_INSTRUMENT:
        limit, where = call.state.max_open_orders_per_instrument, "in one instrument"
    else:
        return {}
    return {"limit": limit, "told": f"at most {limit:,} orders, with those that wait, may be open {where}"}


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


def _open_one(call: Call, text: str, param: str = "order_id") -> OrderRecord:
    record = record_of(call, text, param)
    if not record.is_live:
        raise fault(NOT_OPEN, param=param, reason=f"the order is {record.state}")
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
            raise rejected(event.reason, **_why(call, event.reason, record.pair.name))


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
    first = _open_one(call, params.first_order_id, "first_order_id")
    second = _open_one(call, params.second_order_id, "second_order_id")
    if first is second:
        raise invalid("second_order_id", "must be another order than the first")
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


def cancel_each(call: Call, records: Iterable[OrderRecord], *, detailed: bool) -> Ask[int | list[OrderShape]]:
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
        return cancel_each(call, matching(call, params, lambda _: True), detailed=params.detailed)
    command = CancelAll(participant_id=call.participant_id)
    return Ask((command,), lambda told: _canceled(call, told, detailed=params.detailed))


@REGISTRY.method("private/cancel_all_by_instrument", Access.SEATED, pool=Pool.CANCEL)
def cancel_all_by_instrument(call: Call, params: ByInstrumentParams) -> Ask[int | list[OrderShape]]:
    """Cancel every order in an instrument."""
    pair = pair_of(call, params.instrument_name)
    if (params.kind, params.type) != ("any", "all"):
        found = matching(call, params, lambda one: one is pair)
        return cancel_each(call, found, detailed=params.detailed)
    command = CancelAll(participant_id=call.participant_id, instrument_id=pair.instrument.instrument_id)
    return Ask((command,), lambda told: _canceled(call, told, detailed=params.detailed))


@REGISTRY.method("private/cancel_all_by_currency", Access.SEATED, pool=Pool.CANCEL)
def cancel_all_by_currency(call: Call, params: ByCurrencyParams) -> Ask[int | list[OrderShape]]:
    """Cancel every order that pays in a currency, of a kind or type."""
    found = matching(call, params, lambda one: settles_in(one, params.currency))
    return cancel_each(call, found, detailed=params.detailed)


@REGISTRY.method("private/cancel_all_by_kind_or_type", Access.SEATED, pool=Pool.CANCEL)
def cancel_all_by_kind_or_type(call: Call, params: KindOrTypeParams) -> Ask[int | list[OrderShape]]:
    """The same; `currency` may be a list."""
    asked = params.currency if isinstance(params.currency, list) else [params.currency]
    found = matching(call, params, lambda one: any(settles_in(one, str(word)) for word in asked))
    return cancel_each(call, found, detailed=params.detailed)


def currency_pair(pair: Pair) -> str:
    return f"{pair.base}_{pair.quote}".lower()


@REGISTRY.method("private/cancel_all_by_currency_pair", Access.SEATED, pool=Pool.CANCEL)
def cancel_all_by_currency_pair(call: Call, params: ByPairParams) -> Ask[int | list[OrderShape]]:
    """Cancel every order in what is traded in a pair, for instance `btc_rubd`."""
    asked = params.currency_pair.lower()
    found = matching(call, params, lambda one: currency_pair(one) == asked)
    return cancel_each(call, found, detailed=params.detailed)


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


@REGISTRY.method("private/set_self_trading_config", Access.SEATED)
def set_self_trading_config(call: Call, params: SelfTradingParams) -> str:
    """How self-trades are prevented is a rule of the regime: what it says can be confirmed, not changed."""
    regime = call.state.regime
    rule = regime.market.self_trade_prevention.value if regime else "cancel_resting"
    word = "reject_taker" if rule == "cancel_incoming" else "cancel_maker"
    if params.mode != word:
        raise fault(FORBIDDEN, param="mode", reason="the regime decides", self_trade_prevention=rule)
    return "ok"

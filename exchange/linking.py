"""ROAD of orders that are placed together: one cancels the other, or one brings the others once it has traded.

All of them are judged before any enters. What becomes of a pair is the market's to say (`matching.links`), and who
comes after whom `trading.bring_followers`.
"""

from collections.abc import Iterator

from exchange import trading
from exchange.commands import LinkKind, PlaceLinked, PlaceOrder
from exchange.events import CancelCause, Event, OrderHeldBack, OrdersPlacedTogether
from exchange.reasons import RejectReason
from exchange.rules.admission import first_refusal, first_refusal_to_follow, first_refusal_to_wait
from exchange.rules.throttles import beyond_open_orders
from exchange.state import Following, Order, Seat, Series, State

HOW_MANY = {
    LinkKind.ONE_CANCELS_OTHER: (1,),
    LinkKind.ONE_TRIGGERS_OTHER: (1, 2),
    LinkKind.ONE_TRIGGERS_ONE_CANCELS_OTHER: (2,),
}


def place_linked(command: PlaceLinked, state: State) -> Iterator[Event]:
    """Place the first order with those that are linked with it; if one may not be, none is."""
    primary = command.primary
    found = trading.taken_up(command, primary, state)
    if not isinstance(found, tuple):
        yield found
        return
    seat, series = found
    together = len(command.others) + 1
    reason = _fault_in(command) or beyond_open_orders(together, seat, series, state)
    if reason is not None:
        yield trading.rejected(primary, reason)
        return
    story = _cancels_other if command.kind is LinkKind.ONE_CANCELS_OTHER else _triggers_others
    yield from story(command, seat, series, state)
    yield from trading.settle_down(series, state)


def _fault_in(command: PlaceLinked) -> RejectReason | None:
    """What is wrong with them as a whole."""
    if len(command.others) not in HOW_MANY[command.kind]:
        return RejectReason.LINKED_NUMBER
    for one in (command.primary, *command.others):
        if one.participant_id != command.participant_id:
            return RejectReason.UNKNOWN_PARTICIPANT
        if one.instrument_id != command.primary.instrument_id:
            return RejectReason.DIFFERENT_INSTRUMENTS
    return None


def _cancels_other(command: PlaceLinked, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """The other one comes first, and may not trade at once: so the first is judged with what is held for both."""
    primary, other = (trading.new_order(one, seat, series, state) for one in _orders_of(command))
    reason = _refusal(other, command.others[0], seat, series, state)
    if reason is None and _would_trade(other, series):
        reason = RejectReason.LINKED_WOULD_TRADE
    if reason is not None:
        yield trading.rejected(command.others[0], reason)
        yield trading.rejected(command.primary, RejectReason.LINKED_REFUSED)
        return
    reason = _refusal(primary, command.primary, seat, series, state)
    if reason is not None:
        yield trading.rejected(command.primary, reason)
        return
    yield _together(command, primary, other)
    yield from _start(other, seat, series, state)
    reason = _refusal(primary, command.primary, seat, series, state)
    if reason is not None:
        yield trading.rejected(command.primary, reason)
        yield from trading.withdraw(other, series, CancelCause.LINKED, state)
        return
    series.market.links.join(primary, other, patient=command.patient)
    yield from _start(primary, seat, series, state)


def _triggers_others(command: PlaceLinked, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """The others are held back, and nothing is held for them; they are judged in full when they come."""
    primary, *others = (trading.new_order(one, seat, series, state) for one in _orders_of(command))
    reason = _refusal(primary, command.primary, seat, series, state)
    if reason is not None:
        yield trading.rejected(command.primary, reason)
        return
    for order, asked in zip(others, command.others, strict=True):
        reason = (
            RejectReason.TRIGGER_INCOMPLETE if trading.asks_to_wait(asked) and order.trigger is None else None
        )
        reason = reason or first_refusal_to_follow(order, seat, series, state)
        if reason is not None:
            yield trading.rejected(asked, reason)
            yield trading.rejected(command.primary, RejectReason.LINKED_REFUSED)
            return
    yield _together(command, primary, *others)
    for order in others:
        series.market.hold_back(order)
        seat.waiting[order.order_id] = order
        if order.good_until is not None:
            trading.promise_expiry(order, state)
        yield _held_back(order, primary)
    if command.kind is LinkKind.ONE_TRIGGERS_ONE_CANCELS_OTHER:
        series.market.links.join(others[0], others[1])
    series.following[primary.order_id] = Following(primary, tuple(others), command.patient)
    yield from _start(primary, seat, series, state)


def _orders_of(command: PlaceLinked) -> tuple[PlaceOrder, ...]:
    return (command.primary, *command.others)


def _refusal(
    order: Order, asked: PlaceOrder, seat: Seat, series: Series, state: State
) -> RejectReason | None:
    judge = first_refusal_to_wait if trading.asks_to_wait(asked) else first_refusal
    return judge(order, seat, series, state)


def _would_trade(order: Order, series: Series) -> bool:
    at_once = order.instructions.immediate or series.market.book.would_trade(order.side, order.price)
    return order.trigger is None and at_once


def _start(order: Order, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """An order against which nothing speaks enters, or waits for its price."""
    begin = trading.enter if order.trigger is None else trading.wait
    yield from begin(order, seat, series, state)


def _together(command: PlaceLinked, *orders: Order) -> OrdersPlacedTogether:
    return OrdersPlacedTogether(
        participant_id=command.participant_id,
        order_ids=tuple(order.order_id for order in orders),
        kind=command.kind,
        patient=command.patient,
    )


def _held_back(order: Order, primary: Order) -> OrderHeldBack:
    return OrderHeldBack(
        participant_id=order.owner,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument.instrument_id,
        side=order.side,
        quantity=order.remaining,
        primary=primary.order_id,
    )

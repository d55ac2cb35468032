"""The road of an order: admit, hold, match, clear, tell. Amendments and cancels take the same way."""

from collections.abc import Iterator

from exchange.commands import AmendOrder, CancelAll, CancelOrder, PlaceOrder
from exchange.events import (
    BestPricesChanged,
    CancelCause,
    Event,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    RequestRejected,
    TradeReported,
)
from exchange.reasons import RejectReason
from exchange.rules.admission import first_refusal
from exchange.rules.permitted import must_reduce, only_reduces
from exchange.rules.prices import protection_price
from exchange.rules.resting import prevention_in_force
from exchange.rules.throttles import count_request
from exchange.state import Order, Seat, Series, State
from exchange.units import Money
from matching.continuous import match
from matching.terms import Fill, OrderId, Quantity, RestingOrder, TimeInForce


def place_order(command: PlaceOrder, state: State) -> Iterator[Event]:
    """Admit the order, set aside what it needs, let it meet the book, and rest or cancel what is left."""
    seat = state.seats.get(command.participant_id)
    series = state.series.get(command.instrument_id)
    if seat is None:
        yield _rejected(command, RejectReason.UNKNOWN_PARTICIPANT)
        return
    count_request(seat, state)
    if series is None:
        yield _rejected(command, RejectReason.UNKNOWN_INSTRUMENT)
        return
    price, time_in_force = command.price, command.time_in_force
    if price is None:
        price = protection_price(command.side, series)
        if time_in_force is TimeInForce.GTC:
            time_in_force = TimeInForce.IOC  # a market order never rests
    state.orders_placed += 1
    order = Order(
        OrderId(state.orders_placed),
        command.participant_id,
        command.side,
        series.instrument.reference if price is None else price,
        command.quantity,
        series.instrument,
        state.claims.account(seat, command.instrument_id),
        command.client_order_id,
        time_in_force,
        command.post_only,
        command.reduce_only or must_reduce(seat, series, state),
        seat.frozen,
        at_market=command.price is None,
    )
    reason = first_refusal(order, seat, series, state)
    if reason is not None:
        yield _rejected(command, reason)
        return
    set_aside(state, seat, _open(order))
    yield OrderAccepted(
        participant_id=seat.participant_id,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=series.instrument.instrument_id,
        side=order.side,
        price=order.price,
        quantity=order.remaining,
    )
    yield from _meet_the_book(order, seat, series, state)


def amend_order(command: AmendOrder, state: State) -> Iterator[Event]:
    """Change price or open quantity; refused, the order stays exactly as it is.

    The same price with no more quantity keeps its place; anything else enters again, behind the others.
    """
    found = _own_order(command, state)
    if isinstance(found, RequestRejected):
        yield found
        return
    order, seat, series = found
    if command.price == order.price and 0 < command.quantity <= order.remaining:
        yield from _shrink(order, seat, series, command.quantity, state)
        return
    amended = Order(
        order.order_id,
        order.owner,
        order.side,
        command.price,
        command.quantity,
        order.instrument,
        order.account,
        order.client_order_id,
        order.time_in_force,
        order.post_only,
        order.reduce_only,
        order.free_of_charge,
    )
    at_risk = order.account.at_risk.amount
    amended.released = -order.account.close_order(order, order.remaining)
    amended.released_risk = at_risk - order.account.at_risk.amount
    reason = first_refusal(amended, seat, series, state)
    if reason is not None:
        order.account.reopen_order(order)
        yield RequestRejected(participant_id=seat.participant_id, order_id=order.order_id, reason=reason)
        return
    set_aside(state, seat, _open(amended) - amended.released)
    series.book.remove(order)
    _forget(order, seat)
    yield _amended(amended, kept_priority=False)
    yield from _meet_the_book(amended, seat, series, state)


def cancel_order(command: CancelOrder, state: State) -> Iterator[Event]:
    found = _own_order(command, state)
    if isinstance(found, RequestRejected):
        yield found
        return
    order, seat, series = found
    yield withdraw(order, seat, series, CancelCause.REQUESTED, state)
    yield from tell_best_prices(series)


def cancel_all(command: CancelAll, state: State) -> Iterator[Event]:
    seat = state.seats.get(command.participant_id)
    if seat is None:
        yield RequestRejected(
            participant_id=command.participant_id,
            order_id=OrderId(0),
            reason=RejectReason.UNKNOWN_PARTICIPANT,
        )
        return
    count_request(seat, state)
    yield from cancel_orders_of(seat, CancelCause.REQUESTED, state, command.instrument_id)


def cancel_orders_of(
    seat: Seat, cause: CancelCause, state: State, instrument_id: str | None = None
) -> Iterator[Event]:
    """Cancel every live order of a participant, oldest first."""
    touched: dict[str, Series] = {}
    for order in list(seat.orders.values()):
        if instrument_id is None or order.instrument.instrument_id == instrument_id:
            series = state.series[order.instrument.instrument_id]
            touched[order.instrument.instrument_id] = series
            yield withdraw(order, seat, series, cause, state)
    for series in touched.values():
        yield from tell_best_prices(series)


def cancel_orders_in(series: Series, cause: CancelCause, state: State) -> Iterator[Event]:
    """Cancel every live order of a series, oldest first."""
    for resting in sorted(series.book.orders.values(), key=lambda order: order.order_id):
        yield withdraw(_ours(resting), state.seats[resting.owner], series, cause, state)
    yield from tell_best_prices(series)


def withdraw(order: Order, seat: Seat, series: Series, cause: CancelCause, state: State) -> OrderCanceled:
    """Take a live order off the book and set free what was held for it."""
    series.book.remove(order)
    return _release(order, seat, cause, state)


def set_aside(state: State, seat: Seat, change: Money) -> None:
    """Bring the hold account to what the live orders need: one transfer, either way."""
    if change > 0:
        state.ledger.book(((seat.cash_account, seat.hold_account, change),), state.now)
    elif change < 0:
        state.ledger.book(((seat.hold_account, seat.cash_account, -change),), state.now)


def tell_best_prices(series: Series) -> Iterator[Event]:
    """Publish the best prices if the public does not know them yet."""
    bid, ask = series.book.bids.best, series.book.asks.best
    known = series.published
    if (
        known is not None
        and known.bid == (bid.price if bid else None)
        and known.ask == (ask.price if ask else None)
        and known.bid_quantity == (bid.quantity if bid else 0)
        and known.ask_quantity == (ask.quantity if ask else 0)
    ):
        return
    series.published = BestPricesChanged(
        instrument_id=series.instrument.instrument_id,
        bid=bid.price if bid else None,
        bid_quantity=bid.quantity if bid else 0,
        ask=ask.price if ask else None,
        ask_quantity=ask.quantity if ask else 0,
    )
    yield series.published


# --- the inner way --------------------------------------------------------------------------------------


def _open(order: Order) -> Money:
    """Count an admitted order among the live ones of its owner's account; the change of the hold."""
    assert order.need is not None, "an admitted order knows what it needs"
    return order.account.open_order(order.need)


def _meet_the_book(order: Order, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    offered = order.remaining
    if not series.book.would_trade(order.side, order.price) and order.time_in_force is TimeInForce.GTC:
        _rest(order, seat, series)
        yield from _trim_reduce_only(seat, series, state)
        yield from tell_best_prices(series)
        return
    outcome = match(series.book, order, prevention_in_force(state))
    for fill in outcome.fills:
        offered -= fill.quantity
        yield from _clear(order, fill, offered, series, state)
    for resting in outcome.withdrawn:
        yield _release(_ours(resting), seat, CancelCause.SELF_TRADE, state)
    if order.remaining:
        if outcome.stopped:
            yield _release(order, seat, CancelCause.SELF_TRADE, state)
        elif order.time_in_force is not TimeInForce.GTC:
            yield _release(order, seat, CancelCause.NOT_FILLED, state)
        else:
            _rest(order, seat, series)
    for who in dict.fromkeys([seat.participant_id, *(fill.maker.owner for fill in outcome.fills)]):
        yield from _trim_reduce_only(state.seats[who], series, state)
    yield from tell_best_prices(series)


def _clear(taker: Order, fill: Fill, taker_left: Quantity, series: Series, state: State) -> Iterator[Event]:
    """Both sides at once: positions, escrow, holds and fees in one chain; then tell the two and the public."""
    maker, terms = _ours(fill.maker), series.instrument
    if not maker.remaining:
        _forget(maker, state.seats[maker.owner])
    maker_fee = 0 if maker.free_of_charge else terms.fee_maker * fill.quantity
    taker_fee = 0 if taker.free_of_charge else terms.fee_taker * fill.quantity
    made, taken = (maker, maker_fee), (taker, taker_fee)
    buyer, seller = (taken, made) if taker.side > 0 else (made, taken)
    state.ledger.book(state.claims.clear(buyer, seller, fill.quantity, fill.price), state.now)
    state.trades += 1
    yield _filled(maker, fill, maker.remaining, Liquidity.MAKER, maker_fee, state)
    yield _filled(taker, fill, taker_left, Liquidity.TAKER, taker_fee, state)
    yield TradeReported(
        trade_id=state.trades,
        instrument_id=terms.instrument_id,
        price=fill.price,
        quantity=fill.quantity,
        taker_side=taker.side,
    )


def _trim_reduce_only(seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """Cancel resting reduce-only orders that no longer fit inside the position, oldest kept longest.

    A smaller position crowds them out, and so does another order on their side: one sweep could fill them all.
    """
    if not seat.reduce_only_orders:
        return
    bound = [o for o in seat.orders.values() if o.reduce_only and o.instrument is series.instrument]
    for order in reversed(bound):
        if not only_reduces(order, seat, state):
            yield withdraw(order, seat, series, CancelCause.NOTHING_TO_REDUCE, state)


def _rest(order: Order, seat: Seat, series: Series) -> None:
    series.book.add(order)
    seat.orders[order.order_id] = order
    seat.reduce_only_orders += order.reduce_only


def _forget(order: Order, seat: Seat) -> None:
    """The order is no longer live, if it ever was."""
    if seat.orders.pop(order.order_id, None) is not None:
        seat.reduce_only_orders -= order.reduce_only


def _shrink(order: Order, seat: Seat, series: Series, quantity: Quantity, state: State) -> Iterator[Event]:
    """Less of the same: the order keeps its place in the queue."""
    taken_off = order.remaining - quantity
    if taken_off:
        set_aside(state, seat, order.account.close_order(order, taken_off))
        series.book.reduce(order, taken_off)
    yield _amended(order, kept_priority=True)
    yield from tell_best_prices(series)


def _release(order: Order, seat: Seat, cause: CancelCause, state: State) -> OrderCanceled:
    """Set free what is held for an order that is no longer, or never came to rest, on the book."""
    set_aside(state, seat, order.account.close_order(order, order.remaining))
    _forget(order, seat)
    return OrderCanceled(
        participant_id=seat.participant_id,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument.instrument_id,
        remaining=order.remaining,
        cause=cause,
    )


def _own_order(
    command: AmendOrder | CancelOrder, state: State
) -> tuple[Order, Seat, Series] | RequestRejected:
    """The live order that the command names, if it is the sender's own. The request counts in any case."""
    seat = state.seats.get(command.participant_id)
    if seat is None:
        reason = RejectReason.UNKNOWN_PARTICIPANT
    else:
        count_request(seat, state)
        order = seat.orders.get(command.order_id)
        if order is not None:
            return order, seat, state.series[order.instrument.instrument_id]
        reason = RejectReason.UNKNOWN_ORDER
    return RequestRejected(participant_id=command.participant_id, order_id=command.order_id, reason=reason)


def _ours(resting: RestingOrder) -> Order:
    assert isinstance(resting, Order), "the exchange rests orders of its own kind only"
    return resting


def _rejected(command: PlaceOrder, reason: RejectReason) -> OrderRejected:
    return OrderRejected(
        participant_id=command.participant_id,
        client_order_id=command.client_order_id,
        instrument_id=command.instrument_id,
        side=command.side,
        quantity=command.quantity,
        reason=reason,
    )


def _amended(order: Order, kept_priority: bool) -> OrderAmended:
    return OrderAmended(
        participant_id=order.owner,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument.instrument_id,
        price=order.price,
        remaining=order.remaining,
        kept_priority=kept_priority,
    )


def _filled(
    order: Order, fill: Fill, remaining: Quantity, liquidity: Liquidity, fee: Money, state: State
) -> OrderFilled:
    return OrderFilled(
        participant_id=order.owner,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument.instrument_id,
        trade_id=state.trades,
        side=order.side,
        price=fill.price,
        quantity=fill.quantity,
        remaining=remaining,
        liquidity=liquidity,
        fee=fee,
    )

"""ROAD of an order that waits for a price and is given other terms. How it comes and fires is in `trading`.

It keeps its id, its label and its partners. Nothing is held for it, so nothing is set free or aside.
"""

from collections.abc import Iterator

from exchange.commands import AmendWaiting
from exchange.events import Event, RequestRejected, WaitingAmended
from exchange.reasons import RejectReason
from exchange.rules.admission import first_refusal_to_wait
from exchange.state import Order, Seat, Series, State
from exchange.trading import as_amended, own_order
from matching.terms import Price
from matching.triggers import Trigger


def amend_waiting(command: AmendWaiting, state: State) -> Iterator[Event]:
    """Judge the order as it would be, as one that comes to wait; refused, it stays exactly as it is."""
    found = own_order(command, state)
    if isinstance(found, RequestRejected):
        yield found
        return
    order, seat, series = found
    reason = _change(order, command, seat, series, state)
    if reason is not None:
        yield RequestRejected(participant_id=seat.participant_id, order_id=order.order_id, reason=reason)
        return
    assert order.trigger is not None, "an order that waits has one"
    yield WaitingAmended(
        participant_id=seat.participant_id,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=series.instrument.instrument_id,
        price=None if order.at_market else order.price,
        quantity=order.remaining,
        trigger_price=series.market.waiting.by_id[order.order_id].price,
        trail=order.trigger.offset or None,
    )


def _change(
    order: Order, command: AmendWaiting, seat: Seat, series: Series, state: State
) -> RejectReason | None:
    """Amend it; or the reason why it may not be, with nothing changed."""
    trigger = order.trigger
    if trigger is None or order.order_id not in seat.waiting:
        return RejectReason.NOT_WAITING
    price = order.price if command.price is None else command.price
    quantity = order.remaining if command.quantity is None else command.quantity
    amended = as_amended(order, price, quantity)
    amended.at_market = order.at_market and command.price is None
    amended.trigger = trigger
    if command.trigger_price is not None or command.trail is not None:
        standing = series.market.waiting.by_id[order.order_id].price
        amended.trigger = _moved(trigger, standing, command)
    reason = first_refusal_to_wait(amended, seat, series, state)
    if reason is not None:
        return reason
    another = amended.trigger if amended.trigger is not trigger else None
    series.market.rewait(order, price, quantity, another)
    order.open, order.trigger, order.at_market = quantity, amended.trigger, amended.at_market
    return None


def _moved(trigger: Trigger, standing: Price, command: AmendWaiting) -> Trigger | None:
    """The trigger, which stands at `standing`, where it is asked to be; None if it has no distance to change.

    A new distance is laid to the best price that the old one was laid to.
    """
    offset = trigger.offset
    if command.trail is not None:
        if not offset or command.trail < 1:
            return None
        nearer = offset - command.trail
        standing, offset = standing - nearer if trigger.rises else standing + nearer, command.trail
    price = standing if command.trigger_price is None else command.trigger_price
    return Trigger(trigger.source, price, trigger.rises, offset)

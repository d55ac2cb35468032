"""The road of a market maker: many quotes in one message, and the protection that takes them off in a storm."""

from collections.abc import Iterator
from itertools import zip_longest

from exchange.commands import PlaceOrder, ProtectQuotes, Quote, QuoteMarket
from exchange.events import CancelCause, Event, OrderRejected, QuotesProtected, RequestRejected
from exchange.protection import Protection
from exchange.reasons import RejectReason
from exchange.rules.admission import first_refusal
from exchange.rules.throttles import count_request
from exchange.state import Order, Seat, Series, State
from exchange.trading import change, enter, new_order, quotes_of, settle_down, withdraw
from matching.market import keeps_place
from matching.terms import OrderId, Side


def quote_market(command: QuoteMarket, state: State) -> Iterator[Event]:
    """Make the participant's quotes these: those that are too many go first, then the others move or appear.

    A quote at a price that was quoted before is that quote; the others of a side are taken from the best to the
    worst, old against new. One that may not be changed is canceled, and its reason told.
    """
    seat, series = state.seats.get(command.participant_id), state.series.get(command.instrument_id)
    if seat is None:
        yield from _refuse_all(command, RejectReason.UNKNOWN_PARTICIPANT)
        return
    count_request(seat, state)
    if series is None:
        yield from _refuse_all(command, RejectReason.UNKNOWN_INSTRUMENT)
    else:
        yield from _requote(command, seat, series, state)


def _requote(command: QuoteMarket, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    pairs = list(_paired(command, quotes_of(seat, series)))
    for old, new in pairs:
        if old is not None and new is None:
            yield from withdraw(old, series, CancelCause.QUOTE_REPLACED, state)
    for old, new in sorted(pairs, key=_grows):
        if old is not None and new is not None:
            yield from _move(old, new, seat, series, state)
    for old, new in pairs:
        if old is None and new is not None:
            yield from _place(command, new, seat, series, state)
    yield from settle_down(series, state)


def protect_quotes(command: ProtectQuotes, state: State) -> Iterator[Event]:
    """Set, change or lift the protection of the participant's quotes in an instrument. It also ends a freeze."""
    seat = state.seats.get(command.participant_id)
    reason = None
    if seat is None:
        reason = RejectReason.UNKNOWN_PARTICIPANT
    elif command.instrument_id not in state.series:
        reason = RejectReason.UNKNOWN_INSTRUMENT
    elif command.quantity_limit < 0 or (command.quantity_limit and min(command.interval, command.freeze) < 1):
        reason = RejectReason.QUANTITY_NOT_POSITIVE
    if seat is None or reason is not None:
        yield RequestRejected(
            participant_id=command.participant_id,
            order_id=OrderId(0),
            reason=reason or RejectReason.UNKNOWN_PARTICIPANT,
        )
        return
    count_request(seat, state)
    seat.protections.pop(command.instrument_id, None)
    if command.quantity_limit:
        seat.protections[command.instrument_id] = Protection(
            command.quantity_limit, command.interval, command.freeze
        )
    yield QuotesProtected(
        participant_id=command.participant_id,
        instrument_id=command.instrument_id,
        quantity_limit=command.quantity_limit,
        interval=command.interval,
        freeze=command.freeze,
    )


def _paired(command: QuoteMarket, live: list[Order]) -> Iterator[tuple[Order | None, Quote | None]]:
    """Old quotes and the new ones that take their place; None where one has no partner."""
    for side in (Side.BUY, Side.SELL):
        old = sorted((o for o in live if o.side is side), key=lambda order: -order.side * order.price)
        new = sorted(
            (q for q in command.quotes if q.side is side), key=lambda quote: -quote.side * quote.price
        )
        for quote in list(new):
            same = next((order for order in old if order.price == quote.price), None)
            if same is not None:
                old.remove(same)
                new.remove(quote)
                yield same, quote
        yield from zip_longest(old, new)


def _grows(pair: tuple[Order | None, Quote | None]) -> bool:
    """Whether a change needs more cover: those that need less come first."""
    old, new = pair
    return old is not None and new is not None and not keeps_place(old, new.price, new.quantity)


def _move(old: Order, new: Quote, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    if old.order_id not in seat.orders:
        return  # traded or canceled by what came before it in the message
    if (old.price, old.remaining) == (new.price, new.quantity):
        return
    reason = yield from change(old, new.price, new.quantity, seat, series, state)
    if reason is not None:
        yield from withdraw(old, series, CancelCause.QUOTE_REPLACED, state)
        yield RequestRejected(participant_id=seat.participant_id, order_id=old.order_id, reason=reason)


def _place(command: QuoteMarket, new: Quote, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    asked = PlaceOrder(
        participant_id=command.participant_id,
        client_order_id=command.client_order_id,
        instrument_id=command.instrument_id,
        side=new.side,
        quantity=new.quantity,
        price=new.price,
        post_only=command.post_only,
        line=command.line,
    )
    order = new_order(asked, seat, series, state, is_quote=True)
    reason = first_refusal(order, seat, series, state)
    if reason is None:
        yield from enter(order, seat, series, state)
    else:
        yield _refused(command, new, reason)


def _refuse_all(command: QuoteMarket, reason: RejectReason) -> Iterator[Event]:
    """The message as a whole cannot be followed: each of its quotes is told so."""
    for quote in command.quotes:
        yield _refused(command, quote, reason)
    if not command.quotes:
        yield RequestRejected(participant_id=command.participant_id, order_id=OrderId(0), reason=reason)


def _refused(command: QuoteMarket, quote: Quote, reason: RejectReason) -> OrderRejected:
    return OrderRejected(
        participant_id=command.participant_id,
        client_order_id=command.client_order_id,
        instrument_id=command.instrument_id,
        side=quote.side,
        quantity=quote.quantity,
        reason=reason,
    )

"""The road of an order: admit, hold, enter the market, clear what it traded, tell. Amendments and cancels too.

An order that waits for a price goes the same way once it fires; until then nothing is held for it.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from functools import lru_cache
from typing import Final

from exchange import repeats
from exchange.access.positions import tier_of, units_of
from exchange.commands import (
    AmendOrder,
    AmendWaiting,
    CancelAll,
    CancelOrder,
    ExpireOrder,
    LinkOrders,
    PlaceLinked,
    PlaceOrder,
    WatchLine,
)
from exchange.events import (
    BestPricesChanged,
    BookChanged,
    CancelCause,
    Event,
    LineWatched,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderLetGo,
    OrderRejected,
    OrdersLinked,
    OrderTriggered,
    OrderWaiting,
    PositionTierPassed,
    QuotesFrozen,
    RequestRejected,
    SoftCapPassed,
    TradeReported,
    TradingInterrupted,
)
from exchange.reasons import RejectReason
from exchange.rules.admission import first_refusal, first_refusal_to_wait, first_refusal_when_fired
from exchange.rules.permitted import must_reduce, only_reduces
from exchange.rules.positions import held_under
from exchange.rules.prices import furthest_price, protection_price, reference_price
from exchange.rules.throttles import count_request
from exchange.schedule import begin_call
from exchange.state import Order, Seat, Series, State
from exchange.units import Money
from matching import events as market
from matching.level import RestingOrder
from matching.market import keeps_place
from matching.phases import Phase, collects
from matching.refusals import Refusal
from matching.terms import Instructions, OrderId, ParticipantId, PostOnly, Price, Quantity, Side, TimeInForce
from matching.triggers import PriceSource, Trigger

CAUSES: Final = {
    market.CANCELED: CancelCause.REQUESTED,
    market.UNFILLED: CancelCause.NOT_FILLED,
    market.SELF_TRADE: CancelCause.SELF_TRADE,
    market.LINKED: CancelCause.LINKED,
}
_SLIDE: Final = PostOnly.SLIDE  # a plain name: it is asked of every order


def place_order(command: PlaceOrder, state: State) -> Iterator[Event]:
    """Admit the order, set aside what it needs, let it enter the market; or let it wait for its price."""
    found = taken_up(command, command, state)
    if not isinstance(found, tuple):
        yield found
        return
    seat, series = found
    order = new_order(command, seat, series, state)
    if asks_to_wait(command):
        reason = first_refusal_to_wait(order, seat, series, state)
        if reason is not None:
            yield rejected(command, reason)
        else:
            yield from wait(order, seat, series, state)
        return
    reason = first_refusal(order, seat, series, state)
    if reason is not None:
        yield rejected(command, reason)
        return
    yield from enter(order, seat, series, state)
    yield from settle_down(series, state)


def taken_up(asked: PlaceOrder | PlaceLinked, order: PlaceOrder, state: State) -> tuple[Seat, Series] | Event:
    """Who asks for the order, alone or as the first of several, and where it would go; or what ends the request: it
    names nobody or nothing that is there, or was made before.
    """
    seat = state.seats.get(asked.participant_id)
    series = state.series.get(order.instrument_id)
    if seat is None:
        return rejected(order, RejectReason.UNKNOWN_PARTICIPANT)
    if number := order.client_order_id:
        earlier = seat.placed.note(number, (asked, state.orders_placed + 1 if series else 0))
        if earlier is not None:
            return repeats.answer(asked, number, earlier)
    count_request(seat, state)
    if series is None:
        return rejected(order, RejectReason.UNKNOWN_INSTRUMENT)
    return seat, series


def new_order(
    command: PlaceOrder, seat: Seat, series: Series, state: State, *, is_quote: bool = False
) -> Order:
    """The order that a command asks for, numbered; a market order with the price that protects it."""
    price, time_in_force = command.price, command.time_in_force
    waits = asks_to_wait(command)
    if price is None:
        price, at_once = _market_price(command.side, time_in_force, series)
        time_in_force = time_in_force if waits else at_once
    state.orders_placed += 1
    order = Order(
        OrderId(state.orders_placed),
        command.participant_id,
        command.side,
        price,
        command.quantity,
        _instructions(time_in_force, command.post_only, command.minimum, command.display),
        series.instrument,
        state.covers.account(seat, command.instrument_id, command.side),
        command.client_order_id,
        command.reduce_only or must_reduce(seat, series, state),
        seat.frozen,
        at_market=command.price is None,
        label=command.label,
        good_until=command.good_until,
        is_quote=is_quote,
        line=command.line,
    )
    if waits:
        order.trigger = _trigger(command, series)
    elif command.post_only is _SLIDE:
        series.market.slide(order)
    return order


def house_order(
    seat: Seat, series: Series, side: Side, quantity: Quantity, price: Price, state: State
) -> Order:
    """An order that the house places for a participant who must reduce: it trades at once, free of charge."""
    state.orders_placed += 1
    instrument_id = series.instrument.instrument_id
    return Order(
        OrderId(state.orders_placed),
        seat.participant_id,
        side,
        price,
        quantity,
        _instructions(TimeInForce.IOC, PostOnly.NO, 0, 0),
        series.instrument,
        state.covers.account(seat, instrument_id, side),
        client_order_id=0,
        reduce_only=True,
        free_of_charge=True,
    )


def enter(order: Order, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """An admitted order: set aside what it needs, let it enter the market, and settle what it trades."""
    set_aside(state, order, _open(order))
    yield OrderAccepted(
        participant_id=seat.participant_id,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=series.instrument.instrument_id,
        side=order.side,
        price=order.price,
        quantity=order.remaining,
    )
    if order.good_until is not None:
        promise_expiry(order, state)
    if seat.soft_watch is not None:
        yield from _watch_soft_cap(state.seats[seat.soft_watch], state)
    events = series.market.enter(order)
    if len(events) == 1 and events[0][0] == market.RESTED and not seat.reduce_only_orders:
        _rest(order, seat)  # most orders just do
        if series.feed is not None:
            series.changes += events
    else:
        yield from follow(events, order, series, state)


def _watch_soft_cap(institution: Seat, state: State) -> Iterator[Event]:
    """Tell of an institution that has just passed its soft cap, with all for whom it stands in."""
    cap = institution.soft_limit
    assert cap is not None, "watched for its cap"
    at_risk = state.covers.behind(institution.participant_id)
    beyond = at_risk > cap
    if beyond and not institution.beyond_soft_limit:
        yield SoftCapPassed(participant_id=institution.participant_id, at_risk=at_risk, cap=cap)
    institution.beyond_soft_limit = beyond


def wait(order: Order, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """An order against whose waiting nothing speaks waits for its price."""
    trigger = order.trigger
    assert trigger is not None, "an order that may wait has one"
    events = series.market.wait(order, trigger)
    assert not isinstance(events, Refusal), "nothing spoke against it"
    yield from _begin_to_wait(order, trigger, events[0][2], seat, state)


def amend_order(command: AmendOrder, state: State) -> Iterator[Event]:
    """Change price or open quantity; refused, the order stays exactly as it is.

    The same price with no more quantity keeps its place; anything else enters again, behind the others.
    """
    found = own_order(command, state)
    if isinstance(found, RequestRejected):
        yield found
        return
    order, seat, series = found
    reason = yield from change(order, command.price, command.quantity, seat, series, state)
    if reason is not None:
        yield RequestRejected(participant_id=seat.participant_id, order_id=order.order_id, reason=reason)
        return
    yield from settle_down(series, state)


def change(
    order: Order, price: Price, quantity: Quantity, seat: Seat, series: Series, state: State
) -> Generator[Event, None, RejectReason | None]:
    """Amend a live order; returns the reason if it may not be, with nothing changed."""
    if order.order_id in seat.waiting:
        return RejectReason.NOT_ON_BOOK
    if quantity > 0 and keeps_place(order, price, quantity):
        refusal = series.market.amend_refusal(order.order_id, price, quantity)
        if refusal is not None:
            return RejectReason(refusal.value)
        yield from _shrink(order, seat, series, quantity, state)
        return None
    amended = as_amended(order, price, quantity)
    at_risk = order.account.at_risk.amount
    amended.released = -order.account.close_order(order, order.remaining)
    amended.released_risk = at_risk - order.account.at_risk.amount
    reason = first_refusal(amended, seat, series, state)
    if reason is not None:
        order.account.reopen_order(order)
        return reason
    set_aside(state, order, _open(amended) - amended.released)
    order.lot_losses, order.open = amended.lot_losses, quantity
    _forget(order, seat)
    if seat.soft_watch is not None:
        yield from _watch_soft_cap(state.seats[seat.soft_watch], state)
    yield from follow(series.market.requeue(order, price, quantity), order, series, state)
    return None


def cancel_order(command: CancelOrder, state: State) -> Iterator[Event]:
    found = own_order(command, state)
    if isinstance(found, RequestRejected):
        yield found
        return
    order, _, series = found
    yield from withdraw(order, series, CancelCause.REQUESTED, state)
    yield from settle_down(series, state)


def cancel_all(command: CancelAll, state: State) -> Iterator[Event]:
    seat = state.seats.get(command.participant_id)
    if seat is None:
        yield _from_nobody(command)
        return
    count_request(seat, state)
    label, line = command.label, command.line
    wanted = [
        order
        for order in _live_orders(seat, command.instrument_id)
        if (label is None or order.label == label) and (line is None or order.line == line)
    ]
    if line is not None:
        seat.watched.pop(line, None)
    cause = CancelCause.REQUESTED if line is None else CancelCause.LINE_LOST
    yield from _withdraw_all(wanted, cause, state)


def _from_nobody(command: CancelAll | WatchLine) -> RequestRejected:
    return RequestRejected(
        participant_id=command.participant_id,
        order_id=OrderId(0),
        reason=RejectReason.UNKNOWN_PARTICIPANT,
    )


def watch_line(command: WatchLine, state: State) -> Iterator[Event]:
    """Remember whether the orders of a line are to go with it."""
    seat = state.seats.get(command.participant_id)
    if seat is None:
        yield _from_nobody(command)
        return
    if command.watched:
        seat.watched[command.line] = None
    else:
        seat.watched.pop(command.line, None)
    yield LineWatched(participant_id=command.participant_id, line=command.line, watched=command.watched)


def link_orders(command: LinkOrders, state: State) -> Iterator[Event]:
    """Make two live orders of the participant cancel each other."""
    seat = state.seats.get(command.participant_id)
    reason = RejectReason.UNKNOWN_PARTICIPANT
    if seat is not None:
        count_request(seat, state)
        first, second = _live(command.first, seat), _live(command.second, seat)
        if command.first == command.second:
            reason = RejectReason.SAME_ORDER
        elif first is None or second is None:
            reason = RejectReason.UNKNOWN_ORDER
        elif first.instrument is not second.instrument:
            reason = RejectReason.DIFFERENT_INSTRUMENTS
        else:
            series = state.series[first.instrument.instrument_id]
            linked = series.market.link(first.order_id, second.order_id, command.patient)
            if not isinstance(linked, Refusal):
                yield OrdersLinked(
                    participant_id=seat.participant_id, first=command.first, second=command.second
                )
                return
            reason = RejectReason(linked.value)
    yield RequestRejected(participant_id=command.participant_id, order_id=command.first, reason=reason)


def expire_order(duty: ExpireOrder, state: State) -> Iterator[Event]:
    """The hour of a good-til-date order has come."""
    seat = state.seats[duty.participant_id]
    order = _live(duty.order_id, seat)
    if order is not None:
        yield from _withdraw_all([order], CancelCause.GOOD_UNTIL, state)


def cancel_orders_of(
    seat: Seat,
    cause: CancelCause,
    state: State,
    instrument_id: str | None = None,
    side: Side | None = None,
) -> Iterator[Event]:
    """Cancel every live order of a participant, oldest first, and then those that wait; of one side, if given."""
    wanted = [o for o in _live_orders(seat, instrument_id) if side is None or o.side is side]
    yield from _withdraw_all(wanted, cause, state)


def cancel_orders_in(
    series: Series, cause: CancelCause, state: State, only: TimeInForce | None = None
) -> Iterator[Event]:
    """Cancel every live order of a series, oldest first; only those of one time in force, if it is given."""
    waiting = [waits.order for waits in series.market.waiting.by_id.values()]
    found = sorted([*series.book.orders.values(), *waiting], key=lambda order: order.order_id)
    for resting in found:
        if only is None or resting.instructions.time_in_force is only:
            yield from withdraw(ours(resting), series, cause, state)
    yield from settle_down(series, state)


def withdraw(order: Order, series: Series, cause: CancelCause, state: State) -> Iterator[Event]:
    """Take a live order off, if its partner has not taken it along already, and set free what was held."""
    events = series.market.cancel(order.order_id)
    if isinstance(events, Refusal):
        return
    if series.feed is not None:
        series.changes += events
    for _, gone, _, quantity in events:
        yield _release(ours(gone), cause if gone is order else CancelCause.LINKED, quantity, state)


def observe(series: Series, source: PriceSource, price: Price, state: State) -> Iterator[Event]:
    """A price outside the book has moved: orders that waited for it fire."""
    series.market.note(source, price)
    yield from settle_down(series, state)


def set_aside(state: State, order: Order, change: Money) -> None:
    """Bring the hold account to what the live orders of the order's account need: one transfer, either way."""
    account = order.account
    if change > 0:
        state.ledger.book(((account.source, account.hold_account, change),), state.now)
    elif change < 0:
        state.ledger.book(((account.hold_account, account.source, -change),), state.now)


def settle_down(series: Series, state: State) -> Iterator[Event]:
    """After the orders of a command: let in what has fired, and tell the best prices."""
    if series.market.fired:
        yield from fire(series, state)
    if series.following:
        yield from bring_followers(series, state)
    if (news := best_prices(series)) is not None:
        yield news
    if series.changes:
        yield from _tell_book(series)


def best_prices(series: Series) -> BestPricesChanged | None:
    """The best prices, if the public does not know them yet. While a call collects orders there are none."""
    bid, ask = series.book.bids.best, series.book.asks.best
    if collects(series.market.phase):
        bid = ask = None
    known = series.published
    if (
        known is not None
        and known.bid == (bid.price if bid else None)
        and known.ask == (ask.price if ask else None)
        and known.bid_quantity == (bid.quantity if bid else 0)
        and known.ask_quantity == (ask.quantity if ask else 0)
    ):
        return None
    series.published = BestPricesChanged(
        instrument_id=series.instrument.instrument_id,
        bid=bid.price if bid else None,
        bid_quantity=bid.quantity if bid else 0,
        ask=ask.price if ask else None,
        ask_quantity=ask.quantity if ask else 0,
    )
    return series.published


def fire(series: Series, state: State) -> Iterator[Event]:
    """Let the orders in that have fired, one after the other; each must pass admission now."""
    while fired := series.market.fire():
        order = ours(fired[0][1])
        seat = state.seats[order.owner]
        del seat.waiting[order.order_id]
        yield OrderTriggered(
            participant_id=seat.participant_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            instrument_id=series.instrument.instrument_id,
            price=fired[0][2],
        )
        yield from follow(fired[1:], order, series, state)
        yield from _come(order, seat, series, state)


def _come(order: Order, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """What an order has waited for is there: it enters if it passes admission now."""
    if order.at_market:
        _price_at_market(order, series)
    series.market.slide(order)
    reason = first_refusal_when_fired(order, seat, series, state)
    if reason is None:
        yield from enter(order, seat, series, state)
        return
    yield RequestRejected(participant_id=seat.participant_id, order_id=order.order_id, reason=reason)
    yield _canceled(order, CancelCause.TRIGGER_REFUSED, order.remaining)
    yield from follow(series.market.not_entered(order), None, series, state)


def bring_followers(series: Series, state: State) -> Iterator[Event]:
    """Let come, in continuous trading, whose turn it is; cancel those whose primary has ended."""
    again = True
    while again:
        again = False
        for number, one in list(series.following.items()):
            seat = state.seats[one.primary.owner]
            comes = one.may_come
            if series.market.phase is Phase.CONTINUOUS if comes else _live(number, seat) is None:
                del series.following[number]
                again = True
                for order in one.followers:
                    if order.order_id not in seat.waiting:
                        continue  # it was canceled, or its partner has come and taken it along
                    if comes:
                        yield from _let_go(order, seat, series, state)
                    else:
                        yield from withdraw(order, series, CancelCause.PRIMARY_ENDED, state)
        if series.market.fired:
            yield from fire(series, state)


def _let_go(order: Order, seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """An order that was held back enters, or begins to wait for its price; which may be there already."""
    del seat.waiting[order.order_id]
    series.market.let_go(order)
    yield OrderLetGo(
        participant_id=seat.participant_id,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=series.instrument.instrument_id,
    )
    if order.trigger is None:
        yield from _come(order, seat, series, state)
    else:
        events = series.market.wait_now(order, order.trigger)
        seat.waiting[order.order_id] = order
        yield _waiting(order, order.trigger.source, events[0][2])


def follow(
    events: list[market.Event], incoming: Order | None, series: Series, state: State
) -> Iterator[Event]:
    """Settle and tell what happened in the market, in order; then hold everybody to what he may have resting.

    `incoming` is the order of the command; None if a call began or ended.
    """
    traded: dict[ParticipantId, None] = {} if incoming is None else {incoming.owner: None}
    if series.feed is not None:
        series.changes += events
    quoted: Counter[ParticipantId] = Counter()  # lots that quotes have traded
    bid: Order | None = None  # of a pair in an uncrossing
    for kind, resting, price, quantity in events:
        order = ours(resting)
        if kind == market.RESTED:
            _rest(order, state.seats[order.owner])
        elif kind == market.FILLED:
            assert incoming is not None, "a resting order trades with one that came in"
            traded[order.owner] = None
            yield from _clear(order, incoming, price, quantity, series, state)
            quoted.update({one.owner: quantity for one in (order, incoming) if one.is_quote})
        elif kind == market.CROSSED:
            traded[order.owner] = None
            quoted.update({order.owner: quantity} if order.is_quote else {})
            if bid is None:
                bid = order
            else:
                yield from _uncross(bid, order, price, quantity, series, state)
                bid = None
        elif kind == market.DECREMENTED:
            assert incoming is not None, "a resting order gives way to one that came in"
            yield _decremented(order, quantity, state)
            yield _decremented(incoming, quantity, state)
        elif kind in CAUSES:
            yield _release(order, CAUSES[kind], quantity, state)
        elif kind == market.REQUEUED:
            yield _amended(order, kept_priority=False)
        elif kind == market.WAITING:  # for the next call
            _rest(order, state.seats[order.owner])
            yield _waiting(order, None, None)
        elif kind == market.TRIGGERED:  # by the call that begins
            incoming = order
        elif kind == market.INTERRUPTED:
            yield TradingInterrupted(instrument_id=series.instrument.instrument_id, bound=price)
            yield from begin_call(series, series.instrument.halt_call, Phase.CONTINUOUS, state)
    if series.following:
        _note_traded(events, incoming, series)
    for owner, quantity in quoted.items():
        yield from _note_quotes_traded(state.seats[owner], quantity, series, state)
    for owner in traded:
        if state.seats[owner].reduce_only_orders:
            yield from _trim_reduce_only(state.seats[owner], series, state)


# --- the inner way --------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _instructions(
    time_in_force: TimeInForce, post_only: PostOnly, minimum: Quantity, display: Quantity
) -> Instructions:
    """Orders that ask for the same share one object."""
    return Instructions(time_in_force, post_only, minimum, display)


def _market_price(side: Side, time_in_force: TimeInForce, series: Series) -> tuple[Price, TimeInForce]:
    """How far a market order goes, and that it never rests: it trades at once, or in the auction it is for."""
    if time_in_force is TimeInForce.AUCTION:
        return furthest_price(side, series), time_in_force
    price = protection_price(side, series)
    if time_in_force is not TimeInForce.FOK:
        time_in_force = TimeInForce.IOC
    return series.instrument.reference if price is None else price, time_in_force


def _begin_to_wait(order: Order, trigger: Trigger, price: Price, seat: Seat, state: State) -> Iterator[Event]:
    """Its trigger stands at `price`."""
    seat.waiting[order.order_id] = order
    if order.good_until is not None:
        promise_expiry(order, state)
    yield _waiting(order, trigger.source, price)


def asks_to_wait(command: PlaceOrder) -> bool:
    return (
        command.trigger_source is not None or command.trigger_price is not None or command.trail is not None
    )


def _trigger(command: PlaceOrder, series: Series) -> Trigger | None:
    """What the order waits for; None if that is only half said.

    A trailing one that names no price begins at its distance from the present price; before there is one, from
    the latest index, or for the last price from that of the last auction or the listing.
    """
    source, price, trail = command.trigger_source, command.trigger_price, command.trail
    if source is None or (price is None and trail is None) or (trail is not None and trail < 1):
        return None
    rises = (command.side is Side.BUY) is not command.take_profit
    if price is None:
        assert trail is not None, "it names one or the other"
        start = series.market.reference
        if source is not PriceSource.LAST:
            start = reference_price(series) // series.instrument.tick
        price = max(start + trail if rises else start - trail, 1)
    return Trigger(source, price, rises, trail or 0)


def _price_at_market(order: Order, series: Series) -> None:
    """A market order that has waited gets its protection price, and is now one that never rests."""
    asked = order.instructions
    order.price, time_in_force = _market_price(order.side, asked.time_in_force, series)
    order.instructions = _instructions(time_in_force, asked.post_only, asked.minimum, asked.display)
    order.good_until = None


def _open(order: Order) -> Money:
    """Count an admitted order among the live ones of its owner's account; the change of the hold."""
    assert order.need is not None, "an admitted order knows what it needs"
    return order.account.open_order(order.need)


def as_amended(order: Order, price: Price, quantity: Quantity) -> Order:
    """The order as it would be, to be looked at by the rules of admission."""
    amended = Order(
        order.order_id,
        order.owner,
        order.side,
        price,
        quantity,
        order.instructions,
        order.instrument,
        order.account,
        order.client_order_id,
        order.reduce_only,
        order.free_of_charge,
    )
    amended.good_until = order.good_until
    amended.replaces = order
    return amended


def _clear(
    maker: Order, taker: Order, price: Price, quantity: Quantity, series: Series, state: State
) -> Iterator[Event]:
    """Both sides at once: positions, escrow, holds and fees in one chain; then tell the two and the public."""
    terms = series.instrument
    maker.open -= quantity
    taker.open -= quantity
    if not maker.open:
        _forget(maker, state.seats[maker.owner])
    maker_fee = 0 if maker.free_of_charge else terms.fee_maker * quantity
    taker_fee = 0 if taker.free_of_charge else terms.fee_taker * quantity
    series.fees += maker_fee + taker_fee
    made, taken = (maker, maker_fee), (taker, taker_fee)
    buyer, seller = (taken, made) if taker.side > 0 else (made, taken)
    state.ledger.book(state.covers.clear(buyer, seller, quantity, price), state.now)
    state.trades += 1
    yield _filled(maker, price, quantity, Liquidity.MAKER, maker_fee, state)
    yield _filled(taker, price, quantity, Liquidity.TAKER, taker_fee, state)
    yield _trade(price, quantity, taker.side, series, state)
    if series.position_limit is not None:
        yield from _tell_tiers(buyer[0], seller[0], quantity, series, state)


def _uncross(
    bid: Order, ask: Order, price: Price, quantity: Quantity, series: Series, state: State
) -> Iterator[Event]:
    """As `_clear`, for two orders that met in an auction: both pay what a maker pays."""
    sides = []
    for order in (bid, ask):
        order.open -= quantity
        if not order.open:
            _forget(order, state.seats[order.owner])
        fee = 0 if order.free_of_charge else series.instrument.fee_maker * quantity
        series.fees += fee
        sides.append((order, fee))
    state.ledger.book(state.covers.clear(sides[0], sides[1], quantity, price), state.now)
    state.trades += 1
    for order, fee in sides:
        yield _filled(order, price, quantity, Liquidity.AUCTION, fee, state)
    yield _trade(price, quantity, None, series, state)
    if series.position_limit is not None:
        yield from _tell_tiers(bid, ask, quantity, series, state)


def _tell_tiers(bid: Order, ask: Order, quantity: Quantity, series: Series, state: State) -> Iterator[Event]:
    """Whose position a trade has just taken beyond a tier of the limit on the coin."""
    limit = series.position_limit
    assert limit is not None, "asked where there is one"
    for order in (bid, ask):
        units = held_under(limit, order.owner, state)
        before = units - units_of(series.instrument, order.side * quantity)
        tier = tier_of(units, limit)
        if tier > tier_of(before, limit):
            yield PositionTierPassed(participant_id=order.owner, coin=limit.coin, tier=tier, units=units)


def _note_traded(events: list[market.Event], incoming: Order | None, series: Series) -> None:
    """Remember whose followers may come."""
    for kind, resting, _, _ in events:
        if kind in (market.FILLED, market.CROSSED):
            for order in (resting, incoming) if kind == market.FILLED else (resting,):
                one = series.following.get(order.order_id) if order is not None else None
                if one is not None:
                    one.traded = True


def _note_quotes_traded(seat: Seat, quantity: Quantity, series: Series, state: State) -> Iterator[Event]:
    """Market-maker protection: too much too fast, and the participant's quotes in the series go."""
    protection = seat.protections.get(series.instrument.instrument_id)
    if protection is None or not protection.breached(quantity, state.now):
        return
    for order in quotes_of(seat, series):
        yield from withdraw(order, series, CancelCause.MARKET_MAKER_PROTECTION, state)
    yield QuotesFrozen(
        participant_id=seat.participant_id,
        instrument_id=series.instrument.instrument_id,
        until=protection.frozen_until,
    )


def quotes_of(seat: Seat, series: Series) -> list[Order]:
    """The participant's live quotes in a series, the oldest first."""
    return [o for o in seat.orders.values() if o.is_quote and o.instrument is series.instrument]


def _tell_book(series: Series) -> Iterator[Event]:
    """What the command changed in the displayed book, for an instrument that publishes it."""
    assert series.feed is not None, "changes are kept for a feed only"
    update = series.feed.publish(series.changes)
    series.changes = []
    if update.sequence != update.previous:
        yield BookChanged(
            instrument_id=series.instrument.instrument_id,
            previous_delta=update.previous,
            last_delta=update.sequence,
            orders=tuple(update.orders),
            levels=tuple(update.levels),
            order_checksum=f"{update.order_checksum:016x}",
            level_checksum=f"{update.level_checksum:016x}",
        )


def _trim_reduce_only(seat: Seat, series: Series, state: State) -> Iterator[Event]:
    """Cancel resting reduce-only orders that no longer fit inside the position, oldest kept longest.

    A smaller position crowds them out, and so does another order on their side: one sweep could fill them all.
    """
    bound = [o for o in seat.orders.values() if o.reduce_only and o.instrument is series.instrument]
    for order in reversed(bound):
        if order.order_id in seat.orders and not only_reduces(order, seat, state):
            yield from withdraw(order, series, CancelCause.NOTHING_TO_REDUCE, state)


def _rest(order: Order, seat: Seat) -> None:
    if order.order_id not in seat.orders:
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
        set_aside(state, order, order.account.close_order(order, taken_off))
        order.open = quantity
    events = series.market.shrink(order, quantity)
    if series.feed is not None:
        series.changes += events
    yield _amended(order, kept_priority=True)


def _decremented(order: Order, quantity: Quantity, state: State) -> Event:
    """Two orders of one owner met, and each lost so much: what was held for it is free."""
    if quantity == order.open:
        return _release(order, CancelCause.SELF_TRADE, quantity, state)
    set_aside(state, order, order.account.close_order(order, quantity))
    order.open -= quantity
    return _amended(order, kept_priority=True)


def _release(order: Order, cause: CancelCause, quantity: Quantity, state: State) -> OrderCanceled:
    """Set free what is held for `quantity` lots of an order that is no longer, or never came to rest, live."""
    seat = state.seats[order.owner]
    if seat.waiting.pop(order.order_id, None) is None:
        set_aside(state, order, order.account.close_order(order, quantity))
        _forget(order, seat)
    return _canceled(order, cause, quantity)


def _withdraw_all(orders: Iterable[Order], cause: CancelCause, state: State) -> Iterator[Event]:
    touched: dict[str, Series] = {}
    for order in orders:
        series = state.series[order.instrument.instrument_id]
        touched[order.instrument.instrument_id] = series
        yield from withdraw(order, series, cause, state)
    for series in touched.values():
        yield from settle_down(series, state)


def _live_orders(seat: Seat, instrument_id: str | None) -> list[Order]:
    return [
        order
        for order in (*seat.orders.values(), *seat.waiting.values())
        if instrument_id is None or order.instrument.instrument_id == instrument_id
    ]


def _live(order_id: OrderId, seat: Seat) -> Order | None:
    return seat.orders.get(order_id) or seat.waiting.get(order_id)


def own_order(
    command: AmendOrder | AmendWaiting | CancelOrder, state: State
) -> tuple[Order, Seat, Series] | RequestRejected:
    """The live order that the command names, if it is the sender's own. The request counts in any case."""
    seat = state.seats.get(command.participant_id)
    if seat is None:
        reason = RejectReason.UNKNOWN_PARTICIPANT
    else:
        count_request(seat, state)
        order = _live(command.order_id, seat)
        if order is not None:
            return order, seat, state.series[order.instrument.instrument_id]
        reason = RejectReason.UNKNOWN_ORDER
    return RequestRejected(participant_id=command.participant_id, order_id=command.order_id, reason=reason)


def promise_expiry(order: Order, state: State) -> None:
    assert order.good_until is not None, "a good-til-date order has one"
    duty = ExpireOrder(participant_id=order.owner, order_id=order.order_id)
    state.agenda.promise(order.good_until, duty)


def ours(resting: RestingOrder) -> Order:
    assert isinstance(resting, Order), "the exchange rests orders of its own kind only"
    return resting


def rejected(command: PlaceOrder, reason: RejectReason) -> OrderRejected:
    return OrderRejected(
        participant_id=command.participant_id,
        client_order_id=command.client_order_id,
        instrument_id=command.instrument_id,
        side=command.side,
        quantity=command.quantity,
        reason=reason,
    )


def _waiting(order: Order, source: PriceSource | None, price: Price | None) -> OrderWaiting:
    return OrderWaiting(
        participant_id=order.owner,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument.instrument_id,
        side=order.side,
        quantity=order.remaining,
        source=source,
        trigger_price=price,
    )


def _canceled(order: Order, cause: CancelCause, quantity: Quantity) -> OrderCanceled:
    return OrderCanceled(
        participant_id=order.owner,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument.instrument_id,
        remaining=quantity,
        cause=cause,
    )


def _amended(order: Order, kept_priority: bool) -> OrderAmended:
    return OrderAmended(
        participant_id=order.owner,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument.instrument_id,
        price=order.price,
        remaining=order.open,
        kept_priority=kept_priority,
    )


def _filled(
    order: Order, price: Price, quantity: Quantity, liquidity: Liquidity, fee: Money, state: State
) -> OrderFilled:
    return OrderFilled(
        participant_id=order.owner,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument.instrument_id,
        trade_id=state.trades,
        side=order.side,
        price=price,
        quantity=quantity,
        remaining=order.open,
        liquidity=liquidity,
        fee=fee,
    )


def _trade(
    price: Price, quantity: Quantity, taker_side: Side | None, series: Series, state: State
) -> TradeReported:
    return TradeReported(
        trade_id=state.trades,
        instrument_id=series.instrument.instrument_id,
        price=price,
        quantity=quantity,
        taker_side=taker_side,
    )

"""Continuous trading: one incoming order against the book, price first, then time or size.

Every trade is at the resting order's price. Whether what is left may rest is the caller's decision.
"""

from typing import Final

from matching.book import BookSide, OrderBook
from matching.events import DECREMENTED, FILLED, REPLENISHED, SELF_TRADE, Event
from matching.level import Level, RestingOrder
from matching.links import Links
from matching.terms import Allocation, Price, Quantity, SelfTradePrevention
from matching.triggers import WaitingOrders

CANCEL_RESTING: Final = SelfTradePrevention.CANCEL_RESTING
CANCEL_INCOMING: Final = SelfTradePrevention.CANCEL_INCOMING
DECREMENT: Final = SelfTradePrevention.DECREMENT


def match(
    book: OrderBook,
    taker: RestingOrder,
    reach: int,
    prevention: SelfTradePrevention,
    links: Links,
    events: list[Event],
) -> Price | None:
    """Trade `taker`, first come first served at each price, with every level whose key is `reach` or better.

    Returns the price of the last trade, if there was one. A taker that met its owner and had to give way has
    nothing remaining afterwards.
    """
    makers = book.opposite(taker.side)
    owner, remaining, last = taker.owner, taker.remaining, None
    while remaining and (level := makers.best) is not None and level.key >= reach:
        if not links.partners and (filled := book.fill_front(level, remaining, owner, events)):
            remaining -= filled
            last = level.price
            continue
        maker = level.first
        assert maker is not None, "the best level has somebody in it"
        displayed = maker.remaining - maker.hidden
        if maker.owner == owner:
            taker.remaining = remaining
            give_way(book, taker, maker, displayed, prevention, links, events)
            remaining = taker.remaining
            continue
        quantity = min(displayed, remaining)
        remaining -= quantity
        last = level.price
        fill(book, maker, quantity, FILLED, events)
        if links.partners:
            links.traded(maker, maker.remaining, events)
            links.traded(taker, remaining, events)
    taker.remaining = remaining
    return last


def match_pro_rata(
    book: OrderBook,
    taker: RestingOrder,
    reach: int,
    prevention: SelfTradePrevention,
    links: Links,
    events: list[Event],
) -> Price | None:
    """As `match`, but at each price the first in time is filled first and the others by what they display."""
    makers = book.opposite(taker.side)
    last = None
    while taker.remaining and (level := makers.best) is not None and level.key >= reach:
        own = _first_of(level, taker)
        if own is not None:
            give_way(book, taker, own, own.remaining - own.hidden, prevention, links, events)
            continue
        for maker, quantity in shares(level, taker.remaining):
            if maker.level is not level:
                continue  # its partner's fill has taken it away; what it leaves is shared out anew
            taker.remaining -= quantity
            last = level.price
            fill(book, maker, quantity, FILLED, events)
            links.traded(maker, maker.remaining, events)
            links.traded(taker, taker.remaining, events)
    return last


def fill(book: OrderBook, resting: RestingOrder, quantity: Quantity, kind: int, events: list[Event]) -> None:
    """Take `quantity` of what a resting order displays, and tell it; an iceberg may then show more."""
    replenished = book.take(resting, quantity)
    events.append((kind, resting, resting.price, quantity))
    if replenished:
        events.append((REPLENISHED, resting, resting.price, resting.remaining - resting.hidden))


def shares(level: Level, quantity: Quantity) -> list[tuple[RestingOrder, Quantity]]:
    """Who gets how much of `quantity` at one price, in time order: the top order first, the rest by size.

    Shares are rounded down; lots left over go round once in time order, to whoever still shows something.
    """
    orders = list(level)
    displayed = [order.remaining - order.hidden for order in orders]
    if quantity >= level.quantity:
        return list(zip(orders, displayed, strict=True))
    given = [min(quantity, displayed[0])]
    rest, others = quantity - given[0], level.quantity - displayed[0]
    given += [rest * shown // others for shown in displayed[1:]]
    left = quantity - sum(given)
    for i in range(1, len(orders)):
        more = min(left, displayed[i] - given[i])
        given[i] += more
        left -= more
    return [(order, share) for order, share in zip(orders, given, strict=True) if share]


def give_way(
    book: OrderBook,
    incoming: RestingOrder,
    resting: RestingOrder,
    at_stake: Quantity,
    prevention: SelfTradePrevention,
    links: Links,
    events: list[Event],
) -> None:
    """Two orders of one owner have met over `at_stake` lots of the resting one: see who gives way.

    In continuous trading that is what it displays, in a call the whole of it, of which the hidden part goes first.
    """
    price = resting.price
    if prevention is DECREMENT:
        quantity = min(incoming.remaining, at_stake)
        incoming.remaining -= quantity
        if at_stake > resting.remaining - resting.hidden:
            book.reduce(resting, quantity)
            events.append((DECREMENTED, resting, price, quantity))
        else:
            fill(book, resting, quantity, DECREMENTED, events)
        if not resting.remaining:
            links.dissolve(resting, events)
        if not incoming.remaining:
            links.dissolve(incoming, events)
        return
    if prevention is not CANCEL_INCOMING:
        book.remove(resting)
        events.append((SELF_TRADE, resting, price, resting.remaining))
        links.dissolve(resting, events)
    if prevention is not CANCEL_RESTING and incoming.remaining:  # its partner may have taken it along
        events.append((SELF_TRADE, incoming, incoming.price, incoming.remaining))
        incoming.remaining = 0
        links.dissolve(incoming, events)


def fillable(
    book: OrderBook,
    taker: RestingOrder,
    reach: int,
    terms: tuple[Allocation, SelfTradePrevention],
    links: Links,
) -> Quantity:
    """How much of `taker` would trade at once, found by trading a copy of it on a copy of what it can reach."""
    copy = OrderBook()
    copies: dict[int, RestingOrder] = {}
    for level in within(book.opposite(taker.side), reach):
        for order in level:
            twin = copies[order.order_id] = copy_of(order)
            copy.add(twin)
            copy.side(twin.side).levels[level.price].quantity += twin.hidden - order.hidden
            twin.hidden = order.hidden
    twins = Links(copy, WaitingOrders())
    for order_id, twin in copies.items():
        partner = links.partners.get(twin.order_id)
        if partner is not None and partner.order_id in copies and order_id < partner.order_id:
            patient = order_id in links.patient
            twins.join(twin, copies[partner.order_id], patient=patient)
    events: list[Event] = []
    allocation, prevention = terms
    trade = match if allocation is Allocation.PRICE_TIME else match_pro_rata
    trade(copy, copy_of(taker), reach, prevention, twins, events)
    return sum(event[3] for event in events if event[0] == FILLED)


def copy_of(order: RestingOrder) -> RestingOrder:
    """The same order, on no book."""
    return RestingOrder(
        order.order_id, order.owner, order.side, order.price, order.remaining, order.instructions
    )


def _first_of(level: Level, taker: RestingOrder) -> RestingOrder | None:
    """The first order at a price that has the taker's owner."""
    for order in level:
        if order.owner == taker.owner:
            return order
    return None


def within(side: BookSide, reach: int) -> list[Level]:
    """The levels whose key is `reach` or better, the best first."""
    found = []
    for level in side:
        if level.key < reach:
            break
        found.append(level)
    return found

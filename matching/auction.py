"""Call auctions: the one price at which most of what was collected can trade, and who trades with whom.

The price, over every tick p, with D(p) bid at p or higher and S(p) offered at p or lower: the largest volume
min(D, S); of those the smallest surplus |D - S|; of those the highest if buyers are left over at all of them
(the pressure is upward), the lowest if sellers are. If it is buyers at the lower and sellers at the higher ones, those
two remain where the pressure turns; and of what remains, the tick nearest to the reference price is taken. So whoever
would have paid more than the price is filled, and whoever asked less.

D falls and S rises, each only at prices where somebody stands, so between two such prices nothing changes and
the ticks that are left at each step lie side by side: it is enough to look at each price and its neighbours.
"""

from typing import NamedTuple

from matching.book import BookSide, OrderBook
from matching.events import CROSSED, Event
from matching.links import Links
from matching.terms import Price, Quantity


class Indication(NamedTuple):
    """Where the call would uncross now. `surplus` is positive if buyers would be left over."""

    price: Price
    volume: Quantity
    surplus: int


def indicate(book: OrderBook, reference: Price) -> Indication | None:
    """The uncrossing price of the book, or None if nothing crosses. O(orders)."""
    if not book.crossed():
        return None
    best_bid, best_ask = book.bids.best, book.asks.best
    assert best_bid is not None and best_ask is not None, "a crossed book has both sides"
    bids, asks = _quantities(book.bids), _quantities(book.asks)
    ticks = sorted({tick for price in (*bids, *asks) for tick in (price - 1, price, price + 1)})
    demand, supply = sum(bids.values()), 0
    found: list[Indication] = []
    for i, tick in enumerate(ticks):
        supply += asks.get(tick, 0)
        if best_ask.price <= tick <= best_bid.price:
            found.append(Indication(tick, min(demand, supply), demand - supply))
        demand -= bids.get(ticks[i], 0)
    volume = max(at.volume for at in found)
    found = [at for at in found if at.volume == volume]
    least = min(abs(at.surplus) for at in found)
    found = [at for at in found if abs(at.surplus) == least]
    if found[-1].surplus > 0:
        return found[-1]
    if found[0].surplus < 0:
        return found[0]
    if found[0].surplus:
        turn = next(i for i, at in enumerate(found) if at.surplus < 0)
        found = found[turn - 1 : turn + 1]
    price = min(max(reference, found[0].price), found[-1].price)
    surplus = next(at.surplus for at in reversed(found) if at.price <= price)
    return Indication(price, volume, surplus)


def uncross(book: OrderBook, price: Price, links: Links, events: list[Event]) -> None:
    """Trade everything that crosses at `price`, in price and time order on both sides; icebergs whole."""
    while True:
        bid_level, ask_level = book.bids.best, book.asks.best
        if bid_level is None or ask_level is None or bid_level.price < price or ask_level.price > price:
            return
        bid, ask = bid_level.first, ask_level.first
        assert bid is not None and ask is not None, "the best level has somebody in it"
        assert bid.owner != ask.owner, "own orders gave way when they entered the call"
        quantity = min(bid.remaining, ask.remaining)
        for order in (bid, ask):
            book.reduce(order, quantity)
            book.show(order)
            events.append((CROSSED, order, price, quantity))
        links.traded(bid, bid.remaining, events)
        links.traded(ask, ask.remaining, events)


def _quantities(side: BookSide) -> dict[Price, Quantity]:
    """What rests at each price, hidden or not."""
    found: dict[Price, Quantity] = {}
    for order in side.orders():
        found[order.price] = found.get(order.price, 0) + order.remaining
    return found

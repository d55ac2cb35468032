"""Continuous trading: one incoming order against the book, price first, then time."""

from typing import NamedTuple

from matching.book import OrderBook
from matching.terms import Fill, Quantity, RestingOrder, SelfTradePrevention


class Outcome(NamedTuple):
    """What became of an incoming order. What is left stays in its `remaining`."""

    fills: list[Fill]
    withdrawn: list[RestingOrder]  # own resting orders taken off so that nobody trades with itself
    stopped: bool  # by self-trade prevention: what is left may neither trade on nor rest


def match(book: OrderBook, taker: RestingOrder, prevention: SelfTradePrevention) -> Outcome:
    """Trade `taker` until its price, its quantity or the book runs out, or it meets its owner.

    Every fill is at the maker's price. Whether what is left may rest is the caller's decision.
    """
    fills: list[Fill] = []
    withdrawn: list[RestingOrder] = []
    makers = book.opposite(taker.side)
    while taker.remaining and (level := makers.best) is not None:
        if taker.side * (taker.price - level.price) < 0:
            break
        maker = level.first()
        if maker.owner == taker.owner:
            if prevention is not SelfTradePrevention.CANCEL_INCOMING:
                book.remove(maker)
                withdrawn.append(maker)
            if prevention is not SelfTradePrevention.CANCEL_RESTING:
                return Outcome(fills, withdrawn, stopped=True)
            continue
        quantity = min(taker.remaining, maker.remaining)
        taker.remaining -= quantity
        book.reduce(maker, quantity)
        fills.append(Fill(maker, level.price, quantity))
    return Outcome(fills, withdrawn, stopped=False)


def fillable(book: OrderBook, taker: RestingOrder, prevention: SelfTradePrevention) -> Quantity:
    """How much of `taker` would trade at once; `match` right after would trade exactly that."""
    found = 0
    for level in book.opposite(taker.side):
        if found >= taker.remaining or taker.side * (taker.price - level.price) < 0:
            break
        for maker in level.orders.values():
            if maker.owner != taker.owner:
                found += maker.remaining
            elif prevention is not SelfTradePrevention.CANCEL_RESTING:
                return min(found, taker.remaining)
    return min(found, taker.remaining)

"""Orders of which one cancels the other: as soon as one trades, fires or ends, its partner leaves.

A patient pair waits for more: there a partner leaves only once the other has traded whole, or has ended.
"""

from matching.book import OrderBook
from matching.events import LINKED, Event
from matching.level import RestingOrder
from matching.terms import OrderId, Quantity
from matching.triggers import WaitingOrders


class Links:
    """Pairs of live orders, wherever each of them stands."""

    __slots__ = ("_book", "_waiting", "partners", "patient")

    def __init__(self, book: OrderBook, waiting: WaitingOrders) -> None:
        self._book = book
        self._waiting = waiting
        self.partners: dict[OrderId, RestingOrder] = {}
        self.patient: dict[OrderId, None] = {}  # of those that have one, who wait until it has traded whole

    def join(self, first: RestingOrder, second: RestingOrder, *, patient: bool = False) -> None:
        self.partners[first.order_id] = second
        self.partners[second.order_id] = first
        if patient:
            self.patient[first.order_id] = self.patient[second.order_id] = None

    def traded(self, order: RestingOrder, left: Quantity, events: list[Event]) -> None:
        """`order` has traded, and has so much left: its partner goes, unless the pair is patient and this is some."""
        if not left or order.order_id not in self.patient:
            self.dissolve(order, events)

    def fired(self, order: RestingOrder, events: list[Event]) -> None:
        """`order` goes to the book now: its partner goes, unless the pair is patient."""
        if order.order_id not in self.patient:
            self.dissolve(order, events)

    def dissolve(self, order: RestingOrder, events: list[Event]) -> None:
        """`order` has ended: cancel its partner, if it has one. The pair is no more."""
        partner = self.partners.pop(order.order_id, None)
        if partner is None:
            return
        del self.partners[partner.order_id]
        self.patient.pop(order.order_id, None)
        self.patient.pop(partner.order_id, None)
        remaining = partner.remaining
        if partner.level is not None:
            self._book.remove(partner)
        elif partner.order_id in self._waiting.by_id:
            self._waiting.remove(partner.order_id)
        else:
            partner.remaining = 0  # it is just coming in again, amended, and goes no further
        if remaining:
            events.append((LINKED, partner, partner.price, remaining))

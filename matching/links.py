"""Orders of which one cancels the other: as soon as one trades, fires or ends, its partner leaves."""

from matching.book import OrderBook
from matching.events import LINKED, Event
from matching.level import RestingOrder
from matching.terms import OrderId
from matching.triggers import WaitingOrders


class Links:
    """Pairs of live orders, wherever each of them stands."""

    __slots__ = ("_book", "_waiting", "partners")

    def __init__(self, book: OrderBook, waiting: WaitingOrders) -> None:
        self._book = book
        self._waiting = waiting
        self.partners: dict[OrderId, RestingOrder] = {}

    def join(self, first: RestingOrder, second: RestingOrder) -> None:
        self.partners[first.order_id] = second
        self.partners[second.order_id] = first

    def dissolve(self, order: RestingOrder, events: list[Event]) -> None:
        """`order` has traded, fired or ended: cancel its partner, if it has one. The pair is no more."""
        partner = self.partners.pop(order.order_id, None)
        if partner is None:
            return
        del self.partners[partner.order_id]
        remaining = partner.remaining
        if partner.level is not None:
            self._book.remove(partner)
        elif partner.order_id in self._waiting.by_id:
            self._waiting.remove(partner.order_id)
        else:
            partner.remaining = 0  # it is just coming in again, amended, and goes no further
        if remaining:
            events.append((LINKED, partner, partner.price, remaining))

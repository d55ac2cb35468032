"""Resting orders, and the queue that they form at one price.

The queue is threaded through the orders themselves: whoever leaves it costs the same wherever he stands. Compiled,
they are `acyclic`, which is to say invisible to the garbage collector, whose walks over a long book would cost more
than the matching. What it would find there, orders that hold each other, the book unties when it goes.
"""

from collections.abc import Iterator

from mypy_extensions import mypyc_attr

from matching.terms import PLAIN, Instructions, OrderId, ParticipantId, Price, Quantity, Side


@mypyc_attr(allow_interpreted_subclasses=True, acyclic=True)
class RestingOrder:
    """An order that rests, or may come to rest, on a book. `remaining` is what is left to fill.

    Of that, `hidden` is not displayed. Its level and its neighbours in the queue belong to the book.
    """

    __slots__ = (
        "following",
        "hidden",
        "instructions",
        "level",
        "order_id",
        "owner",
        "previous",
        "price",
        "remaining",
        "side",
    )

    def __init__(
        self,
        order_id: OrderId,
        owner: ParticipantId,
        side: Side,
        price: Price,
        remaining: Quantity,
        instructions: Instructions = PLAIN,
    ) -> None:
        self.order_id = order_id
        self.owner = owner
        self.side = side
        self.price = price
        self.remaining = remaining
        self.hidden: Quantity = 0
        self.instructions = instructions
        self.level: Level | None = None  # while it rests
        self.previous: RestingOrder | None = None
        self.following: RestingOrder | None = None

    def __repr__(self) -> str:
        return f"{self.side.name} {self.remaining}@{self.price} #{self.order_id} of {self.owner}"


@mypyc_attr(acyclic=True)
class Level:
    """The orders at one price, first come first served, and how much they display together. The book fills it."""

    __slots__ = ("first", "key", "last", "listed", "price", "quantity")

    def __init__(self, key: int, price: Price) -> None:
        self.key = key  # the price, signed so that the better of two levels of a side has the larger key
        self.price = price
        self.listed = False  # among the sorted keys behind the best
        self.quantity: Quantity = 0
        self.first: RestingOrder | None = None
        self.last: RestingOrder | None = None

    def __iter__(self) -> Iterator[RestingOrder]:
        """The orders in the queue, the first in time first."""
        order = self.first
        while order is not None:
            yield order
            order = order.following

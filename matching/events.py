"""What can happen in a market. One event is one plain tuple, built in a single step:

    (kind, order, price, quantity)

An event names the resting order that it happened to; the order that came in is the one of the command, or of
the last TRIGGERED before it.
"""

from typing import Final, TypeAlias

from matching.level import RestingOrder
from matching.terms import Price, Quantity

Event: TypeAlias = tuple[int, RestingOrder, Price, Quantity]

RESTED: Final = 1  # on the book now; the quantity is what it displays
FILLED: Final = 2  # a resting order traded with the incoming one, at its own price
DECREMENTED: Final = 3  # a resting order and the incoming one of the same owner both lost the quantity
REPLENISHED: Final = 4  # an iceberg displays so much more, behind the others at its price
REDUCED: Final = 5  # amended in its place; the quantity is what remains
REQUEUED: Final = 6  # amended at the cost of its place; it enters anew right after
CANCELED: Final = 7  # on request, with so much remaining
UNFILLED: Final = 8  # what was left of an order that may not rest
SELF_TRADE: Final = 9  # gave way so that its owner does not trade with itself
LINKED: Final = 10  # canceled with its partner
WAITING: Final = 11  # waits for its trigger price, or for the next call
TRIGGERED: Final = 12  # its price, or the call, has come; it enters right after
CROSSED: Final = 13  # traded in an auction: bid, then ask, in pairs
INTERRUPTED: Final = 14  # met the price band: trading goes over into a call auction

ENDINGS: Final = frozenset({CANCELED, UNFILLED, SELF_TRADE, LINKED})

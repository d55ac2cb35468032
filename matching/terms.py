"""The smallest words of a market: sides, prices, quantities, orders and their fills."""

from enum import IntEnum, StrEnum
from typing import NamedTuple, NewType, TypeAlias

OrderId = NewType("OrderId", int)
ParticipantId = NewType("ParticipantId", str)

Price: TypeAlias = int  # in ticks of the instrument
Quantity: TypeAlias = int  # in lots of the instrument, never negative


class Side(IntEnum):
    """The sign of a trade: `side * quantity` is the change in position."""

    BUY = 1
    SELL = -1


class TimeInForce(StrEnum):
    """How long an order may wait: until canceled, not at all, or only if filled whole at once."""

    GTC = "good_til_canceled"
    IOC = "immediate_or_cancel"
    FOK = "fill_or_kill"


class SelfTradePrevention(StrEnum):
    """Which order gives way when both sides of a trade would have one owner."""

    CANCEL_RESTING = "cancel_resting"
    CANCEL_INCOMING = "cancel_incoming"
    CANCEL_BOTH = "cancel_both"


class RestingOrder:
    """An order that rests, or may come to rest, on a book. `remaining` is what is left to fill."""

    __slots__ = ("order_id", "owner", "price", "remaining", "side")

    def __init__(
        self, order_id: OrderId, owner: ParticipantId, side: Side, price: Price, remaining: Quantity
    ) -> None:
        self.order_id = order_id
        self.owner = owner
        self.side = side
        self.price = price
        self.remaining = remaining

    def __repr__(self) -> str:
        return f"{self.side.name} {self.remaining}@{self.price} #{self.order_id} of {self.owner}"


class Fill(NamedTuple):
    """One meeting of the incoming order with a resting one, always at the resting order's price."""

    maker: RestingOrder
    price: Price
    quantity: Quantity

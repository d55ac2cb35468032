"""The smallest words of a market: sides, prices, quantities, orders and what they ask for."""

from enum import IntEnum, StrEnum
from typing import Final, NewType, TypeAlias

OrderId = NewType("OrderId", int)
ParticipantId = NewType("ParticipantId", str)

Price: TypeAlias = int  # in ticks of the instrument
Quantity: TypeAlias = int  # in lots of the instrument, never negative


class Side(IntEnum):
    """The sign of a trade: `side * quantity` is the change in position."""

    BUY = 1
    SELL = -1


BUY: Final = Side.BUY
SELL: Final = Side.SELL


class TimeInForce(StrEnum):
    """How long an order may wait. The book rests the first three alike; the exchange ends them in time."""

    DAY = "day"  # until the session closes
    GTC = "good_til_canceled"
    GTD = "good_til_date"
    IOC = "immediate_or_cancel"  # not at all
    FOK = "fill_or_kill"  # filled whole at once, or refused
    AUCTION = "auction"  # for the next call auction alone


class PostOnly(StrEnum):
    """What an order that must not take does when it would: nothing special, be refused, or step back a tick."""

    NO = "no"
    REJECT = "reject"
    SLIDE = "slide"


class SelfTradePrevention(StrEnum):
    """Which order gives way when both sides of a trade would have one owner."""

    CANCEL_RESTING = "cancel_resting"
    CANCEL_INCOMING = "cancel_incoming"
    CANCEL_BOTH = "cancel_both"
    DECREMENT = "decrement"  # both lose what they would have traded


class Allocation(StrEnum):
    """How an incoming order is shared among the resting orders at one price."""

    PRICE_TIME = "price_time"
    PRO_RATA = "pro_rata"  # the first in time is filled first, the others by their size


class Instructions:
    """What an order asks for beyond side, price and quantity. Never changes, so orders share them."""

    __slots__ = ("display", "immediate", "minimum", "plain", "post_only", "time_in_force")

    def __init__(
        self,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: PostOnly = PostOnly.NO,
        minimum: Quantity = 0,
        display: Quantity = 0,
    ) -> None:
        self.time_in_force: Final = time_in_force
        self.post_only: Final = post_only
        self.minimum: Final = minimum  # that must trade at once, or the order is refused
        self.display: Final = display  # the part of an iceberg that is seen; 0: all of it
        self.immediate: Final = time_in_force is TimeInForce.IOC or time_in_force is TimeInForce.FOK
        rests = not self.immediate and time_in_force is not TimeInForce.AUCTION
        self.plain: Final = rests and post_only is PostOnly.NO and not minimum and not display


PLAIN: Final = Instructions()

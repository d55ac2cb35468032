"""Another engine told the same commands: `matching-engine` 0.1.1 from PyPI (MIT), which needs Python 3.12.

Run by a Python that has it installed. It reads commands from standard input, one JSON list a line, and writes
what each one caused, one JSON value a line: the name of a refusal, or a list of events in their order.

    ["market", prevention]  an empty market, whose orders all have this prevention  -> []
    ["place", id, owner, buys, price, quantity, time in force, post-only]           -> refusal or events
    ["cancel", id]                                                                  -> refusal or events
    ["book"]                          -> [id, owner, price, remaining] of each order, bids then asks, best first

An event is [kind, order_id, price, quantity]; price None makes a market order.

What the two engines call or do differently, without disagreeing:

- Prevention belongs to the order there, and there may be none; here it belongs to the market, and always is.
  Here each order may also lose what it would have traded (`decrement`); there is no such mode there.
- A market order is a kind of its own there, at once or whole. Here it is an order at once or whole whose price
  is far away (the exchange sets how far).
- That an order rests is no event there: it rests if it is on the book afterwards.
- An ending there does not name its price, so no ending does here: the price is 0.
- If a faulty quantity or time in force comes under the number of a live order, there the fault is told, here
  the number.
- Post-only that may not rest is a faulty time in force there, and a reason of its own here.
- Only the owner may cancel there. Here the exchange sees to that before it asks the market, so the order is
  canceled in its owner's name.
- A price below one tick is refused there. Here the exchange sees to that, so no such price is sent.
"""

import json
import sys
from typing import Any

import matching_engine
from matching_engine import (
    CancelOrder,
    NewOrder,
    OrderType,
    SelfTradePrevention,
    SequencedCommand,
    Side,
    TimeInForce,
)
from matching_engine.engine import MatchingEngine
from matching_engine.events import (
    CancelReason,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    RejectReason,
    Trade,
)

VERSION = "0.1.1"
NOBODY = 0

PREVENTIONS = {
    "cancel_resting": SelfTradePrevention.CANCEL_MAKER,
    "cancel_incoming": SelfTradePrevention.CANCEL_TAKER,
    "cancel_both": SelfTradePrevention.CANCEL_BOTH,
}
REFUSALS = {
    RejectReason.DUPLICATE_ORDER_ID: "duplicate_order_id",
    RejectReason.INVALID_QUANTITY: "quantity_not_positive",
    RejectReason.INVALID_TIME_IN_FORCE: "post_only_needs_rest",
    RejectReason.POST_ONLY_WOULD_CROSS: "post_only_would_trade",
    RejectReason.FOK_NOT_FILLABLE: "unfillable_at_once",
    RejectReason.UNKNOWN_ORDER: "unknown_order",
}
ENDINGS = {
    CancelReason.USER: "canceled",
    CancelReason.UNFILLED: "unfilled",
    CancelReason.SELF_TRADE: "self_trade",
}


class OtherMarket:
    """The other engine in one market; what it answers is in our words."""

    def __init__(self, prevention: str) -> None:
        self.prevention = PREVENTIONS[prevention]
        self.engine = MatchingEngine()

    def place(
        self,
        order_id: int,
        owner: int,
        buys: bool,
        price: int | None,
        quantity: int,
        time_in_force: str,
        post_only: bool,
    ) -> Any:
        was_live = order_id in self.engine.book.orders
        events = self._process(
            NewOrder(
                order_id=order_id,
                account=owner,
                side=Side.BUY if buys else Side.SELL,
                price=0 if price is None else price,
                qty=quantity,
                order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
                tif=TimeInForce(time_in_force),
                post_only=post_only,
                stp=self.prevention,
            )
        )
        if isinstance(events[0], OrderRejected):
            return "duplicate_order_id" if was_live else REFUSALS[events[0].reason]
        told = _told(events)
        rests = self.engine.book.orders.get(order_id)
        if rests is not None:
            told.append(["rested", order_id, rests.price, rests.remaining])
        return told

    def cancel(self, order_id: int) -> Any:
        order = self.engine.book.orders.get(order_id)
        events = self._process(CancelOrder(order_id, NOBODY if order is None else order.account))
        return REFUSALS[events[0].reason] if isinstance(events[0], OrderRejected) else _told(events)

    def book(self) -> Any:
        return [[it.order_id, it.account, it.price, it.qty] for it in self.engine.book.entries()]

    def _process(self, command: NewOrder | CancelOrder) -> list[Event]:
        return self.engine.process(SequencedCommand(self.engine.last_seq + 1, 0, command))


def _told(events: list[Event]) -> list[list[Any]]:
    told: list[list[Any]] = []
    for event in events:
        if isinstance(event, Trade):
            told.append(["filled", event.maker_order_id, event.price, event.qty])
        elif isinstance(event, OrderCancelled):
            told.append([ENDINGS[event.reason], event.order_id, 0, event.remaining])
        else:
            assert isinstance(event, OrderAccepted), event
    return told


def main() -> None:
    if matching_engine.__version__ != VERSION:
        sys.exit(f"matching-engine {matching_engine.__version__} is installed, not {VERSION}")
    market = None
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        if name == "market":
            market, answer = OtherMarket(*arguments), []
        else:
            answer = getattr(market, name)(*arguments)
        print(json.dumps(answer))


if __name__ == "__main__":
    main()

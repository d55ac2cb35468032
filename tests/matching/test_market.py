"""The market by itself, where random commands once found it wrong."""

from matching import Market, MarketTerms, OrderId, ParticipantId, RestingOrder, SelfTradePrevention, Side
from matching.events import LINKED, REQUEUED, SELF_TRADE

ANN = ParticipantId("ann")


def test_an_order_that_meets_its_own_partner_goes_once() -> None:
    market = Market(MarketTerms(prevention=SelfTradePrevention.CANCEL_BOTH), reference=100)
    market.place(RestingOrder(OrderId(1), ANN, Side.BUY, 95, 8))
    market.place(RestingOrder(OrderId(2), ANN, Side.SELL, 101, 3))
    market.link(OrderId(1), OrderId(2))
    events = market.amend(OrderId(1), 102, 8)
    assert [(kind, order.order_id, quantity) for kind, order, _, quantity in events] == [
        (REQUEUED, 1, 8),
        (SELF_TRADE, 2, 3),
        (LINKED, 1, 8),
    ]
    assert not market.book.orders and market.audit() == []

"""How orders meet: the book and continuous trading. Pure, whole numbers only, and knows no exchange."""

from matching.book import BookSide, Level, OrderBook
from matching.continuous import Outcome, fillable, match
from matching.terms import (
    Fill,
    OrderId,
    ParticipantId,
    Price,
    Quantity,
    RestingOrder,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

__all__ = [
    "BookSide",
    "Fill",
    "Level",
    "OrderBook",
    "OrderId",
    "Outcome",
    "ParticipantId",
    "Price",
    "Quantity",
    "RestingOrder",
    "SelfTradePrevention",
    "Side",
    "TimeInForce",
    "fillable",
    "match",
]

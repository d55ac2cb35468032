"""How orders meet: the book, continuous trading and auctions. Whole numbers only, and knows no exchange."""

from matching.auction import Indication
from matching.book import BookSide, OrderBook
from matching.level import Level, RestingOrder
from matching.market import Market, MarketTerms
from matching.phases import Phase
from matching.refusals import Refusal
from matching.terms import (
    PLAIN,
    Allocation,
    Instructions,
    OrderId,
    ParticipantId,
    PostOnly,
    Price,
    Quantity,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from matching.triggers import PriceSource, Trigger

__all__ = [
    "PLAIN",
    "Allocation",
    "BookSide",
    "Indication",
    "Instructions",
    "Level",
    "Market",
    "MarketTerms",
    "OrderBook",
    "OrderId",
    "ParticipantId",
    "Phase",
    "PostOnly",
    "Price",
    "PriceSource",
    "Quantity",
    "Refusal",
    "RestingOrder",
    "SelfTradePrevention",
    "Side",
    "TimeInForce",
    "Trigger",
]

"""The sealed auction of a defaulter's portfolio: one lot, one price each, the best for the house wins.

It may fail, and then says why: a portfolio is never handed over in silence to the only one who asked.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from exchange.messages import Message
from exchange.units import HOUR, Money, Time
from matching.terms import ParticipantId


class AuctionTerms(Message):
    """How a portfolio is put up."""

    fewest_bidders: int = 2
    bidding: Time = HOUR  # how long bids are taken


def fault_in_auction(terms: AuctionTerms) -> str | None:
    """Why no portfolio can be auctioned by these terms, or None. The remedy is part of the sentence."""
    if terms.fewest_bidders < 2:
        return f"fewest_bidders must be 2 or more, not {terms.fewest_bidders}: one bidder names its own price"
    if terms.bidding < 1:
        return f"bidding must last a nanosecond or more, not {terms.bidding}"
    return None


class Bid(NamedTuple):
    bidder: ParticipantId
    amount: Money  # paid for the portfolio; negative: demanded for taking it
    time: Time


class Winner(NamedTuple):
    """Who takes the portfolio, at the amount of its own bid."""

    bidder: ParticipantId
    amount: Money


class NoWinner(StrEnum):
    """Why an auction failed, in order of precedence."""

    NO_BIDS = "no_bids"
    TOO_FEW_BIDDERS = "too_few_bidders"
    BELOW_RESERVE = "below_reserve"


class AuctionFailed(NamedTuple):
    reason: NoWinner
    bidders: int


def decide(bids: Iterable[Bid], fewest_bidders: int, reserve: Money | None = None) -> Winner | AuctionFailed:
    """The highest bid, of equal ones the earlier, of those the first by id; or why there is none.

    Bids come in the order of arrival, and a bidder's last one counts. A bid below the reserve cannot win,
    but its bidder counts.
    """
    standing = {bid.bidder: bid for bid in bids}
    if not standing:
        return AuctionFailed(NoWinner.NO_BIDS, 0)
    if len(standing) < fewest_bidders:
        return AuctionFailed(NoWinner.TOO_FEW_BIDDERS, len(standing))
    best = min(standing.values(), key=lambda bid: (-bid.amount, bid.time, bid.bidder))
    if reserve is not None and best.amount < reserve:
        return AuctionFailed(NoWinner.BELOW_RESERVE, len(standing))
    return Winner(best.bidder, best.amount)

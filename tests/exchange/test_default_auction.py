"""Who wins a defaulter's portfolio, and why nobody may."""

import msgspec
import pytest

from exchange.clearing.default_auction import (
    AuctionFailed,
    AuctionTerms,
    Bid,
    NoWinner,
    Winner,
    decide,
    fault_in_auction,
)
from exchange.messages import decode, encode
from matching.terms import ParticipantId

A, B, C = (ParticipantId(name) for name in "ABC")


def test_the_best_bid_for_the_house_wins_at_its_own_amount() -> None:
    assert decide([Bid(A, 10, 1), Bid(B, 30, 2), Bid(C, 20, 3)], 2) == Winner(B, 30)


def test_a_portfolio_that_nobody_wants_goes_to_who_demands_least() -> None:
    assert decide([Bid(A, -500, 1), Bid(B, -300, 2)], 2) == Winner(B, -300)


def test_of_equal_bids_the_earlier_wins_then_the_first_by_id() -> None:
    assert decide([Bid(A, 10, 3), Bid(C, 10, 2), Bid(B, 10, 2)], 2) == Winner(B, 10)


def test_nobody_or_one_bidder_is_no_auction() -> None:
    assert decide([], 2) == AuctionFailed(NoWinner.NO_BIDS, 0)
    assert decide([Bid(A, 10, 1)], 2) == AuctionFailed(NoWinner.TOO_FEW_BIDDERS, 1)
    assert decide([Bid(A, 10, 1), Bid(B, 9, 1)], 3) == AuctionFailed(NoWinner.TOO_FEW_BIDDERS, 2)


def test_who_bids_twice_is_one_bidder_and_its_last_bid_counts() -> None:
    twice = [Bid(A, 50, 1), Bid(A, 10, 2)]
    assert decide(twice, 2) == AuctionFailed(NoWinner.TOO_FEW_BIDDERS, 1)
    assert decide([*twice, Bid(B, 20, 3)], 2) == Winner(B, 20)


def test_the_reserve_is_the_least_that_the_house_takes() -> None:
    bids = [Bid(A, -500, 1), Bid(B, -300, 2)]
    assert decide(bids, 2, reserve=-300) == Winner(B, -300)
    assert decide(bids, 2, reserve=-299) == AuctionFailed(NoWinner.BELOW_RESERVE, 2)
    assert decide([Bid(A, 0, 1), Bid(B, -1, 1)], 2, reserve=1) == AuctionFailed(NoWinner.BELOW_RESERVE, 2)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"fewest_bidders": 1}, "fewest_bidders must be 2 or more, not 1"),
        ({"fewest_bidders": 0}, "fewest_bidders must be 2 or more, not 0"),
        ({"bidding": 0}, "bidding must last a nanosecond or more, not 0"),
    ],
)
def test_terms_that_cannot_be_name_their_fault(changes: dict[str, object], fault: str) -> None:
    assert fault in str(fault_in_auction(msgspec.structs.replace(AuctionTerms(), **changes)))


def test_plain_terms_are_sound_and_can_be_written_and_read() -> None:
    assert fault_in_auction(AuctionTerms()) is None
    assert decode(encode(AuctionTerms()), AuctionTerms) == AuctionTerms()

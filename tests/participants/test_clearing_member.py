"""A clearing member: whom it takes on, and what it bids for the portfolio of somebody who has failed."""

import pytest

from exchange.commands import AcceptClient, BidForPortfolio, DeclineClient
from exchange.events import ClientApplied, DefaultAuctionOpened, IndexPublished, IndexStatus
from exchange.views import MarketView, PublicTape
from participants.participant import WAIT
from participants.strategies.clearing_member import ClearingMember, MemberTerms
from tests.participants.builders import FUTURE, INDEX, ME, OPENS, Market, an_instrument


def a_member(demands_bp: int | None = 300) -> ClearingMember:
    return ClearingMember(ME, {FUTURE: an_instrument()}, MemberTerms(demands_bp=demands_bp), OPENS)


def auction(lots: int = -10, defaulter: str = "somebody") -> DefaultAuctionOpened:
    return DefaultAuctionOpened(defaulter=defaulter, lots={FUTURE: lots}, until=OPENS + 1)


@pytest.fixture
def market() -> Market:
    """The index is 80,000 ticks: a lot is worth 8,000 roubles."""
    market = Market()
    market.publish(IndexPublished(index_id=INDEX, value=800_000_000, status=IndexStatus.OK, venues=4))
    return market


@pytest.mark.parametrize("lots", [10, -10])
def test_it_demands_a_share_of_what_the_portfolio_is_worth(market: Market, lots: int) -> None:
    decision = a_member().decide(OPENS, [auction(lots)], market.view)
    assert decision.commands == [
        BidForPortfolio(participant_id=ME, defaulter="somebody", amount=-10 * 800_000 * 3 // 100)
    ]


def test_it_bids_in_no_auction_of_its_own_and_never_without_a_demand(market: Market) -> None:
    assert a_member().decide(OPENS, [auction(defaulter=ME)], market.view) == WAIT
    assert a_member(None).decide(OPENS, [auction()], market.view) == WAIT
    assert a_member().decide(OPENS, [], market.view) == WAIT


def test_without_a_fresh_index_it_cannot_say_what_a_portfolio_is_worth(market: Market) -> None:
    assert a_member().decide(OPENS, [auction()], MarketView(PublicTape())) == WAIT
    market.publish(IndexPublished(index_id=INDEX, value=800_000_000, status=IndexStatus.STALE, venues=0))
    assert a_member().decide(OPENS, [auction()], market.view) == WAIT


def test_it_takes_on_whoever_asks_while_there_is_room(market: Market) -> None:
    """Both of two are answered in the order in which they asked, beside the bid in an auction."""
    member = ClearingMember(ME, {FUTURE: an_instrument()}, MemberTerms(demands_bp=300, most_clients=3), OPENS)
    asked = [
        ClientApplied(participant_id=ME, client_id=who, at_risk=0, clients=clients)
        for who, clients in (("first", 2), ("second", 3))
    ]
    decision = member.decide(OPENS, [*asked, auction()], market.view)
    assert decision.commands[:2] == [
        AcceptClient(participant_id=ME, client_id="first"),
        DeclineClient(participant_id=ME, client_id="second", grounds="has 3 clients, and no room"),
    ]
    assert isinstance(decision.commands[2], BidForPortfolio)
    assert MemberTerms().answer(ME, asked[1]) == AcceptClient(participant_id=ME, client_id="second")

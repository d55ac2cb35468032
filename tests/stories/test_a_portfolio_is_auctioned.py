"""Nobody buys a defaulter's lots on the book, so they go to the best sealed bid; or, without one, to the other side."""

from exchange.clearing.default_auction import AuctionTerms, NoWinner
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.waterfall import Layer
from exchange.commands import BidForPortfolio, DeclareDefault
from exchange.events import (
    ClearingRequestRejected,
    DefaultAuctionEnded,
    DefaultAuctionOpened,
    DefaultClosed,
    Event,
    LayerUsed,
    PositionSettled,
    PositionTransferred,
    TransferCause,
)
from exchange.reasons import ClearingRefusal
from exchange.units import HOUR, MINUTE, Money, Time
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    CYD,
    EXPIRY,
    OPENS,
    ROUBLE,
    Venue,
    a_patient_index,
    a_risk_regime,
    cleared_at,
    of_kind,
)

DAN = ParticipantId("dan")
CASH = 1_000_000 * ROUBLE


def a_venue(declared: Time = OPENS + HOUR) -> Venue:
    """Ann is long 100 lots from 8.0m against Bob; she is insolvent, and after five minutes her lots are put up."""
    regime = a_risk_regime(
        variation=cleared_at(15 * MINUTE),
        scenarios=ScenarioTerms(extreme_moves_bp=()),
        auction=AuctionTerms(bidding=HOUR),
    )
    venue = Venue(regime=regime, index=a_patient_index())
    for name in (ANN, BOB, CYD):
        venue.admit(name, CASH)
    venue.admit(DAN, 100 * ROUBLE)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 100, 80_000)
    venue.quote_until(declared, 800_000_000)
    venue.tell(DeclareDefault(participant_id=ANN, grounds="insolvent"))
    (opened,) = of_kind(venue.wait_until(declared + 5 * MINUTE), DefaultAuctionOpened)
    assert (opened.lots, opened.until) == ({BTCF: 100}, declared + HOUR + 4 * MINUTE)
    return venue


def bid(venue: Venue, name: ParticipantId, roubles: Money) -> list[Event]:
    return venue.tell(BidForPortfolio(participant_id=name, defaulter=ANN, amount=roubles * ROUBLE))


def money(venue: Venue, name: ParticipantId) -> Money:
    return (venue.free_cash(name) + venue.locked(name) - CASH) // ROUBLE


def test_the_least_that_is_demanded_wins_and_the_defaulter_pays_it() -> None:
    venue = a_venue()
    bid(venue, BOB, -9_000)
    bid(venue, CYD, -5_000)
    events = venue.wait_until(OPENS + 3 * HOUR)
    (ended,) = of_kind(events, DefaultAuctionEnded)
    assert (ended.bidders, ended.amount, ended.failure) == (2, -5_000 * ROUBLE, None)
    assert [venue.position(name) for name in (ANN, BOB, CYD)] == [0, -100, 100]
    assert [(e.layer, e.amount // ROUBLE) for e in of_kind(events, LayerUsed)] == [
        (Layer.DEFAULTER_MARGIN, 5_000)
    ]
    assert (money(venue, ANN), money(venue, CYD)) == (-5_000, 5_000)


def test_the_last_bid_of_each_counts_and_whoever_could_not_bear_the_lots_may_not_bid() -> None:
    venue = a_venue()
    (refused,) = bid(venue, DAN, -1)
    assert isinstance(refused, ClearingRequestRejected)
    assert refused.reason is ClearingRefusal.INSUFFICIENT_MARGIN
    for name, amount in ((BOB, 3_000), (CYD, -5_000), (BOB, -6_000)):
        assert bid(venue, name, amount) == []
    (ended,) = of_kind(venue.wait_until(OPENS + 3 * HOUR), DefaultAuctionEnded)
    assert ended.amount == -5_000 * ROUBLE


def test_with_one_bidder_the_contracts_are_torn_up_instead() -> None:
    venue = a_venue()
    bid(venue, CYD, -5_000)
    events = venue.wait_until(OPENS + 3 * HOUR)
    assert [event.failure for event in of_kind(events, DefaultAuctionEnded)] == [NoWinner.TOO_FEW_BIDDERS]
    assert {event.cause for event in of_kind(events, PositionTransferred)} == {TransferCause.TEAR_UP}
    assert [venue.position(name) for name in (ANN, BOB, CYD)] == [0, 0, 0]


def test_bids_fall_with_the_lots_that_they_were_for() -> None:
    """The series settles before the auction ends. Nobody pays for what is not there any more."""
    venue = a_venue(EXPIRY - 30 * MINUTE)
    bid(venue, BOB, -9_000)
    bid(venue, CYD, 5_000)
    events = venue.quote_until(EXPIRY + 40 * MINUTE, 820_000_000)
    assert {e.participant_id: e.amount // ROUBLE for e in of_kind(events, PositionSettled)} == {
        ANN: 16_670,
        BOB: -16_670,
    }
    assert [(e.amount, e.failure) for e in of_kind(events, DefaultAuctionEnded)] == [(None, NoWinner.NO_BIDS)]
    assert [(e.loss, e.residual) for e in of_kind(events, DefaultClosed)] == [(0, 0)]
    assert [money(venue, name) for name in (ANN, BOB, CYD)] == [16_670, -16_670, 0]

"""A day that opens and closes with an auction, and the morning after: one price for all, and what stays over night."""

from typing import Any

import pytest

from exchange.commands import SessionTerms
from exchange.events import (
    AuctionUncrossed,
    BooksAudited,
    CancelCause,
    Event,
    IndicationChanged,
    Liquidity,
    OrderCanceled,
    OrderFilled,
    PhaseChanged,
    TradeReported,
)
from exchange.units import HOUR, MINUTE, SECOND, Money, Time
from matching.phases import Phase
from matching.terms import ParticipantId, Price, TimeInForce
from tests.builders import ANN, BOB, BTCF, BUY, CYD, OPENS, SELL, Venue, future, of_kind

CASH: Money = 10_000_000  # kopecks
STARTS: Time = OPENS + 30 * SECOND  # continuous trading
LAST_CALL: Time = OPENS + HOUR - MINUTE
CLOSES: Time = OPENS + HOUR
NEXT_DAY: Time = OPENS + 2 * HOUR
SERIES = future(
    pre_open=10 * SECOND, opening_call=20 * SECOND, closing_call=MINUTE, fee_maker=20, fee_taker=60
)


@pytest.fixture
def venue() -> Venue:
    """Before the opening Bob asks for 4 at 79,000, Cyd for 2 at 81,000; Ann bids for 5 at 80,500."""
    days = (
        SessionTerms(opens=OPENS, closes=CLOSES),
        SessionTerms(opens=NEXT_DAY, closes=NEXT_DAY + HOUR),
    )
    venue = Venue(SERIES, sessions=days)
    for name in (ANN, BOB, CYD):
        venue.admit(name, CASH)
    venue.place(BOB, SELL, 4, 79_000)
    venue.place(CYD, SELL, 2, 81_000)
    venue.place(ANN, BUY, 5, 80_500)
    return venue


def phases(events: list[Event]) -> list[Phase]:
    return [e.phase for e in of_kind(events, PhaseChanged)]


def trades(events: list[Event]) -> list[tuple[Price, int, Any]]:
    return [(e.price, e.quantity, e.taker_side) for e in of_kind(events, TradeReported)]


def money(venue: Venue, name: ParticipantId) -> tuple[Money, Money, Money]:
    return venue.free_cash(name), venue.held(name), venue.locked(name)


def test_the_opening_finds_one_price_for_buyers_who_are_left_over(venue: Venue) -> None:
    """Four trade at any price from 79,000 to 80,500 and one is left bid: the highest of them is taken."""
    events = venue.wait_until(STARTS)
    assert phases(events) == [Phase.AUCTION, Phase.CONTINUOUS]
    shown = IndicationChanged(instrument_id=BTCF, price=80_500, volume=4, surplus=1)
    assert of_kind(events, IndicationChanged) == [shown]
    assert of_kind(events, AuctionUncrossed) == [AuctionUncrossed(instrument_id=BTCF, price=80_500, volume=4)]
    assert trades(events) == [(80_500, 4, None)]


def test_who_asked_for_less_gets_the_price_of_all_and_pays_a_makers_fee(venue: Venue) -> None:
    """Bob asked 79,000 and sells at 80,500: he locks 4 x 795,000. The lot that Ann has left is held for at 805,060."""
    venue.wait_until(STARTS)
    assert money(venue, BOB) == (CASH - 4 * 795_020, 0, 4 * 795_000)
    assert money(venue, ANN) == (CASH - 4 * 805_020 - 805_060, 805_060, 4 * 805_000)
    assert venue.pool() == 4 * 1_600_000


def test_between_the_auctions_whoever_comes_takes(venue: Venue) -> None:
    venue.wait_until(STARTS)
    events = venue.place(BOB, SELL, 1, 80_000)
    assert trades(events) == [(80_500, 1, SELL)]
    assert [(f.liquidity, f.fee) for f in of_kind(events, OrderFilled)] == [
        (Liquidity.MAKER, 20), (Liquidity.TAKER, 60),
    ]  # fmt: skip


def test_the_closing_auction_takes_in_what_waited_for_it_and_what_rested(venue: Venue) -> None:
    """Ann's order for the close waits all day. Then she buys Cyd's two lots at 81,000 and wants a third."""
    venue.wait_until(STARTS)
    venue.place(ANN, BUY, 3, 81_500, time_in_force=TimeInForce.AUCTION)
    assert trades(venue.wait_until(LAST_CALL - SECOND)) == []
    events = venue.wait_until(CLOSES)
    assert phases(events) == [Phase.AUCTION, Phase.CLOSED]
    assert trades(events) == [(81_500, 2, None)]
    left = [(e.participant_id, e.remaining, e.cause) for e in of_kind(events, OrderCanceled)]
    assert left == [(ANN, 1, CancelCause.NOT_FILLED), (ANN, 1, CancelCause.SESSION_END)]
    assert len(of_kind(events, BooksAudited)) == 1
    assert [venue.held(name) for name in (ANN, BOB, CYD)] == [0, 0, 0]
    assert [venue.position(name) for name in (ANN, BOB, CYD)] == [6, -4, -2]


def test_what_is_good_til_canceled_crosses_in_the_next_mornings_auction(venue: Venue) -> None:
    """Ann's bid stays over night with its hold; Bob meets it before the opening, at whatever that finds."""
    venue.wait_until(STARTS)
    venue.place(ANN, BUY, 2, 80_800, time_in_force=TimeInForce.GTC)
    venue.wait_until(CLOSES)
    assert venue.held(ANN) == 2 * 808_060
    assert phases(venue.wait_until(NEXT_DAY)) == [Phase.PRE_OPEN]
    venue.place(BOB, SELL, 2, 80_600)
    events = venue.wait_until(NEXT_DAY + 30 * SECOND)
    # from 80,600 to 80,800 all trade and nobody is left over: the nearest to the last price of 80,500 is taken
    assert trades(events) == [(80_600, 2, None)]
    assert venue.held(ANN) == 0 and venue.position(ANN) == 6

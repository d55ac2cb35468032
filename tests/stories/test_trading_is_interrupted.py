"""One large order runs into the band: it trades up to there, everybody is called, and trading goes on elsewhere."""

from typing import Any

import pytest

from exchange.commands import CancelOrder, HaltInstrument, Quote, QuoteMarket, ResumeInstrument
from exchange.events import (
    AuctionUncrossed,
    BestPricesChanged,
    CallExtended,
    Event,
    IndicationChanged,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
    OrderWaiting,
    PhaseChanged,
    TradeReported,
    TradingInterrupted,
)
from exchange.reasons import RejectReason
from exchange.units import MINUTE, SECOND, Money, Time
from matching.phases import Phase
from matching.terms import OrderId, ParticipantId, Price, TimeInForce
from matching.triggers import PriceSource
from tests.builders import ANN, BOB, BTCF, BUY, CYD, OPENS, SELL, Venue, future, of_kind

DAN = ParticipantId("dan")
CASH: Money = 10**12
AFTER: Time = OPENS + MINUTE
SERIES = future(static_band_bp=200, halt_call=MINUTE, call_extension=10 * SECOND)


@pytest.fixture
def venue() -> Venue:
    """Bob bids below 80,000. Dan's stop to sell waits for a trade at 78,500. The band ends at 78,400."""
    venue = Venue(SERIES)
    for name in (ANN, BOB, CYD, DAN):
        venue.admit(name, CASH)
    for price, quantity in ((79_000, 2), (78_400, 2), (77_500, 3)):
        venue.rest(BOB, BUY, quantity, price)
    venue.place(DAN, SELL, 1, 70_000, trigger_source=PriceSource.LAST, trigger_price=78_500)
    return venue


def sell_ten(venue: Venue) -> list[Event]:
    """Ann sells ten lots down to 77,000, whatever it costs."""
    return venue.place(ANN, SELL, 10, 77_000)


def trades(events: list[Event]) -> list[tuple[Price, int, Any]]:
    return [(e.price, e.quantity, e.taker_side) for e in of_kind(events, TradeReported)]


def phases(events: list[Event]) -> list[Phase]:
    return [e.phase for e in of_kind(events, PhaseChanged)]


def test_it_trades_up_to_the_band_and_the_rest_is_collected(venue: Venue) -> None:
    events = sell_ten(venue)
    assert trades(events) == [(79_000, 2, SELL), (78_400, 2, SELL)]
    told = [e for e in events if isinstance(e, TradingInterrupted | PhaseChanged)]
    assert told == [
        TradingInterrupted(instrument_id=BTCF, bound=78_400),
        PhaseChanged(instrument_id=BTCF, phase=Phase.AUCTION),
    ]
    assert venue.held(ANN) == 6 * 830_000  # (160,000 - 77,000) x 10 for each lot
    (hidden,) = of_kind(events, BestPricesChanged)
    assert (hidden.bid, hidden.ask) == (None, None)


def test_the_stop_was_reached_but_fires_only_when_trading_goes_on(venue: Venue) -> None:
    assert not of_kind(sell_ten(venue), OrderTriggered)
    venue.place(CYD, BUY, 6, 78_400)
    venue.place(CYD, BUY, 5, 78_000)
    events = venue.wait_until(AFTER)
    (fired,) = of_kind(events, OrderTriggered)
    continuous = events.index(PhaseChanged(instrument_id=BTCF, phase=Phase.CONTINUOUS))
    assert fired.participant_id == DAN and events.index(fired) > continuous
    assert [f.price for f in of_kind(events, OrderFilled) if f.participant_id == DAN] == [78_000]


def test_the_call_brings_buyers_and_one_price(venue: Venue) -> None:
    """Cyd bids 78,200 for eight: six trade, two are left bid, so the price is the highest."""
    sell_ten(venue)
    venue.place(CYD, BUY, 8, 78_200)
    shown = of_kind(venue.wait_until(OPENS + SECOND), IndicationChanged)
    # nine would buy at 77,500, eight at more; of the prices at which six trade the surplus of two is the smallest
    assert shown == [IndicationChanged(instrument_id=BTCF, price=78_200, volume=6, surplus=2)]
    # 78,200 lies outside 2% around 80,000, so the call lasts ten seconds more
    extended = venue.wait_until(AFTER)
    assert [e.until for e in of_kind(extended, CallExtended)] == [AFTER + 10 * SECOND]
    events = venue.wait_until(AFTER + 10 * SECOND)
    assert of_kind(events, AuctionUncrossed) == [AuctionUncrossed(instrument_id=BTCF, price=78_200, volume=6)]
    assert phases(events) == [Phase.CONTINUOUS]
    assert (venue.position(ANN), venue.held(ANN)) == (-10, 0)


def test_the_band_then_lies_around_the_new_price(venue: Venue) -> None:
    """2% around 78,200 is 1,564: a bid at 76,636 may be sold to, one at 76,635 may not."""
    sell_ten(venue)
    venue.place(CYD, BUY, 7, 78_200)
    venue.wait_until(AFTER + 10 * SECOND)
    venue.tell(CancelOrder(participant_id=BOB, order_id=OrderId(3)))
    for price in (76_636, 76_635):
        venue.rest(BOB, BUY, 1, price)
    events = venue.place(ANN, SELL, 2, 76_000)
    assert trades(events) == [(76_636, 1, SELL)]
    assert [e.bound for e in of_kind(events, TradingInterrupted)] == [76_636]


def test_meanwhile_nothing_is_taken_at_once_and_everything_may_leave(venue: Venue) -> None:
    sell_ten(venue)
    (refused,) = venue.place(CYD, BUY, 1, 78_000, time_in_force=TimeInForce.IOC)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.NEEDS_CONTINUOUS_TRADING
    (rest,) = venue.state.seats[ANN].orders
    venue.cancel(ANN, rest)
    assert venue.held(ANN) == 0
    assert trades(venue.wait_until(AFTER)) == []


def test_an_order_that_waited_for_an_auction_is_taken_in_at_once(venue: Venue) -> None:
    accepted, waiting = venue.place(CYD, BUY, 6, 78_400, time_in_force=TimeInForce.AUCTION)
    assert isinstance(accepted, OrderAccepted) and isinstance(waiting, OrderWaiting)
    sell_ten(venue)
    events = venue.wait_until(AFTER)
    assert trades(events)[0] == (78_400, 6, None) and venue.position(CYD) == 6


def test_quotes_may_be_given_in_the_call(venue: Venue) -> None:
    """They cross what is offered there, since in a call nobody takes."""
    sell_ten(venue)
    bid = Quote(side=BUY, price=78_400, quantity=6)
    venue.tell(QuoteMarket(participant_id=CYD, client_order_id=1, instrument_id=BTCF, quotes=(bid,)))
    assert trades(venue.wait_until(AFTER))[0] == (78_400, 6, None)


def test_the_authority_may_halt_the_call_and_another_one_follows(venue: Venue) -> None:
    sell_ten(venue)
    venue.place(CYD, BUY, 6, 78_400)
    venue.wait_until(OPENS + 30 * SECOND)
    venue.tell(HaltInstrument(instrument_id=BTCF))
    assert trades(venue.wait_until(OPENS + 5 * MINUTE)) == []
    assert phases(venue.tell(ResumeInstrument(instrument_id=BTCF))) == [Phase.AUCTION]
    assert trades(venue.wait_until(OPENS + 6 * MINUTE - 1)) == []
    assert trades(venue.wait_until(OPENS + 6 * MINUTE))[0] == (78_400, 6, None)

"""Every type of order, as its sender lives it: what it is told, what is held for it, and how the order ends."""

from typing import Any

import pytest

from exchange.access.regime import MarketRules
from exchange.commands import (
    AmendOrder,
    CancelAll,
    FreezeParticipant,
    LinkOrders,
    SessionTerms,
    SetLimit,
    SuspendParticipant,
)
from exchange.events import (
    BestPricesChanged,
    CancelCause,
    Event,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrdersLinked,
    OrderTriggered,
    OrderWaiting,
    RequestRejected,
    TradeReported,
)
from exchange.instruments import Instrument
from exchange.reasons import RejectReason
from exchange.units import HOUR, SECOND, InstrumentId, Money, Time
from matching.phases import Phase
from matching.terms import OrderId, ParticipantId, PostOnly, Price, SelfTradePrevention, Side, TimeInForce
from matching.triggers import PriceSource
from tests.builders import ANN, BOB, BTCF, BUY, CYD, OPENS, SELL, Venue, a_regime, future, of_kind

AUCTION, FOK, GTC = TimeInForce.AUCTION, TimeInForce.FOK, TimeInForce.GTC
GTD, IOC = TimeInForce.GTD, TimeInForce.IOC
INDEX, LAST, MARK = PriceSource.INDEX, PriceSource.LAST, PriceSource.MARK
SOURCES = (LAST, MARK, INDEX)
CASH: Money = 10**12
TICK = 10_000  # index units
EVENING: Time = OPENS + HOUR
MORNING: Time = OPENS + 2 * HOUR
TWO_SESSIONS = (
    SessionTerms(opens=OPENS, closes=EVENING),
    SessionTerms(opens=MORNING, closes=MORNING + HOUR),
)
OTHER = future(instrument_id=InstrumentId("BTC_RUBD-OTHER"))


def a_venue(*instruments: Instrument, **more: Any) -> Venue:
    """Ann, Bob and Cyd trade; one lot bought or sold at 80,000 needs 800,000 kopecks."""
    venue = Venue(*instruments, **more)
    for name in (ANN, BOB, CYD):
        venue.admit(name, CASH)
    return venue


@pytest.fixture
def venue() -> Venue:
    return a_venue()


def told(event: Event, kind: type) -> Any:
    assert isinstance(event, kind), event
    return event


def waits(venue: Venue, side: Side, quantity: int, price: Price | None, **more: Any) -> OrderId:
    """Ann places an order that must wait; its id. It answers with nothing else."""
    (waiting,) = venue.place(ANN, side, quantity, price, **more)
    return OrderId(told(waiting, OrderWaiting).order_id)


def move(venue: Venue, source: PriceSource, price: Price) -> list[Event]:
    """Let the price of that source be `price`: by a lot that Cyd buys from Bob, or by what outside venues show."""
    if source is LAST:
        venue.place(BOB, SELL, 1, price)
        return venue.place(CYD, BUY, 1, price)
    return venue.quote(price * TICK) + venue.wait_until(venue.now + SECOND)


def ended(events: list[Event]) -> list[tuple[OrderId, CancelCause]]:
    return [(e.order_id, e.cause) for e in of_kind(events, OrderCanceled)]


def fills_of(events: list[Event], name: ParticipantId) -> list[tuple[Price, int]]:
    return [(e.price, e.quantity) for e in of_kind(events, OrderFilled) if e.participant_id == name]


def reason_of(events: list[Event]) -> RejectReason:
    (refused,) = events
    assert isinstance(refused, OrderRejected | RequestRejected)
    return refused.reason


def fingerprint(venue: Venue) -> object:
    """Whatever a refusal must leave as it was: money, positions, live orders, queues and links."""
    state = venue.state
    seats = [
        (
            name,
            venue.free_cash(name),
            venue.held(name),
            venue.locked(name),
            [(o.order_id, o.price, o.remaining, o.hidden) for o in seat.orders.values()],
            [(o.order_id, o.price, o.remaining) for o in seat.waiting.values()],
        )
        for name, seat in state.seats.items()
    ]
    books = [
        (name, s.market.phase, s.book.depth(BUY, 99), s.book.depth(SELL, 99), sorted(s.market.links.partners))
        for name, s in state.series.items()
    ]
    return seats, books, state.trades


# --- how long an order may wait -------------------------------------------------------------------------


def test_an_order_that_says_nothing_ends_with_the_session() -> None:
    venue = a_venue(sessions=TWO_SESSIONS)
    order = venue.rest(ANN, BUY, 2, 79_000)
    assert ended(venue.wait_until(EVENING)) == [(order, CancelCause.SESSION_END)]
    assert (venue.held(ANN), venue.free_cash(ANN)) == (0, CASH)


def test_a_stop_that_says_nothing_ends_with_the_session_whether_it_has_a_limit_or_not() -> None:
    """A stop without a price is an order for the day like any other."""
    venue = a_venue(sessions=TWO_SESSIONS)
    limit = waits(venue, SELL, 1, 70_000, trigger_source=INDEX, trigger_price=75_000)
    market = waits(venue, SELL, 1, None, trigger_source=INDEX, trigger_price=75_000)
    assert ended(venue.wait_until(EVENING)) == [
        (limit, CancelCause.SESSION_END),
        (market, CancelCause.SESSION_END),
    ]


def test_a_good_til_canceled_stop_without_a_limit_still_waits_next_morning() -> None:
    venue = a_venue(sessions=TWO_SESSIONS)
    order = waits(venue, SELL, 1, None, time_in_force=GTC, trigger_source=INDEX, trigger_price=75_000)
    venue.wait_until(MORNING)
    assert list(venue.state.seats[ANN].waiting) == [order]


def test_a_good_til_date_stop_without_a_limit_waits_until_its_hour(venue: Venue) -> None:
    at = OPENS + 10 * SECOND
    order = waits(
        venue, SELL, 1, None, time_in_force=GTD, good_until=at, trigger_source=INDEX, trigger_price=75_000
    )
    assert ended(venue.wait_until(at)) == [(order, CancelCause.GOOD_UNTIL)]


def test_good_til_canceled_keeps_its_hold_over_the_night_and_trades_next_morning() -> None:
    venue = a_venue(sessions=TWO_SESSIONS)
    venue.place(ANN, BUY, 2, 79_000, time_in_force=GTC)
    assert ended(venue.wait_until(EVENING)) == []
    assert venue.held(ANN) == 2 * 790_000
    venue.wait_until(MORNING)
    assert fills_of(venue.place(BOB, SELL, 2, 79_000), ANN) == [(79_000, 2)]
    assert (venue.held(ANN), venue.locked(ANN)) == (0, 2 * 790_000)


def test_good_til_canceled_may_be_canceled_at_night() -> None:
    venue = a_venue(sessions=TWO_SESSIONS)
    venue.place(ANN, BUY, 2, 79_000, time_in_force=GTC)
    venue.wait_until(EVENING + HOUR // 2)
    assert ended(venue.cancel(ANN, OrderId(1))) == [(1, CancelCause.REQUESTED)]
    assert venue.free_cash(ANN) == CASH


def test_good_til_date_ends_at_its_hour_and_not_before(venue: Venue) -> None:
    at = OPENS + 10 * SECOND
    venue.place(ANN, BUY, 2, 79_000, time_in_force=GTD, good_until=at)
    assert ended(venue.wait_until(at - 1)) == []
    assert venue.held(ANN) == 2 * 790_000
    assert ended(venue.wait_until(at)) == [(1, CancelCause.GOOD_UNTIL)]
    assert venue.free_cash(ANN) == CASH


def test_at_its_hour_a_good_til_date_order_is_gone_before_any_order_comes(venue: Venue) -> None:
    at = OPENS + 10 * SECOND
    venue.place(ANN, BUY, 2, 79_000, time_in_force=GTD, good_until=at)
    venue.now = at
    assert not of_kind(venue.place(BOB, SELL, 2, 79_000), TradeReported)


def test_a_good_til_date_order_that_waits_for_a_price_ends_at_its_hour_too(venue: Venue) -> None:
    at = OPENS + 10 * SECOND
    order = waits(
        venue, BUY, 1, 82_000, time_in_force=GTD, good_until=at, trigger_source=LAST, trigger_price=81_000
    )
    assert ended(venue.wait_until(at)) == [(order, CancelCause.GOOD_UNTIL)]
    assert not of_kind(move(venue, LAST, 81_000), OrderTriggered)


def test_a_good_til_date_order_that_has_filled_is_not_mentioned_again(venue: Venue) -> None:
    venue.place(ANN, BUY, 2, 79_000, time_in_force=GTD, good_until=OPENS + 10 * SECOND)
    venue.place(BOB, SELL, 2, 79_000)
    assert ended(venue.wait_until(OPENS + 20 * SECOND)) == []


# --- at once, or with a minimum -------------------------------------------------------------------------


@pytest.mark.parametrize(("minimum", "trades"), [(3, True), (4, False)])
def test_a_minimum_trades_at_once_or_the_order_is_refused(venue: Venue, minimum: int, trades: bool) -> None:
    venue.rest(BOB, SELL, 3, 80_000)
    before = fingerprint(venue)
    events = venue.place(ANN, BUY, 5, 80_000, minimum=minimum)
    if trades:
        assert fills_of(events, ANN) == [(80_000, 3)]
        assert venue.held(ANN) == 2 * 800_000  # what is left rests
    else:
        assert reason_of(events) is RejectReason.UNFILLABLE_AT_ONCE
        assert fingerprint(venue) == before


def test_fill_or_kill_sees_what_an_iceberg_hides(venue: Venue) -> None:
    venue.place(BOB, SELL, 10, 80_000, display=2)
    assert fills_of(venue.place(ANN, BUY, 10, 80_000, time_in_force=FOK), ANN) == [(80_000, 2)] * 5


def test_immediate_or_cancel_with_a_minimum_drops_the_rest(venue: Venue) -> None:
    venue.rest(BOB, SELL, 3, 80_000)
    events = venue.place(ANN, BUY, 5, 80_000, minimum=3, time_in_force=IOC)
    assert fills_of(events, ANN) == [(80_000, 3)] and venue.held(ANN) == 0
    assert ended(events) == [(2, CancelCause.NOT_FILLED)]


# --- icebergs -------------------------------------------------------------------------------------------


def test_an_iceberg_shows_its_tip_and_is_paid_for_whole(venue: Venue) -> None:
    (accepted, best) = venue.place(ANN, SELL, 10, 80_000, display=2)
    assert told(accepted, OrderAccepted).quantity == 10
    assert told(best, BestPricesChanged).ask_quantity == 2
    assert venue.held(ANN) == 10 * 800_000


def test_an_iceberg_shows_as_much_again_behind_the_others(venue: Venue) -> None:
    venue.place(ANN, SELL, 10, 80_000, display=2)
    venue.rest(BOB, SELL, 3, 80_000)
    events = venue.place(CYD, BUY, 6, 80_000)
    assert fills_of(events, ANN) == [(80_000, 2), (80_000, 1)] and fills_of(events, BOB) == [(80_000, 3)]
    assert [e.remaining for e in of_kind(events, OrderFilled) if e.participant_id == ANN] == [8, 7]
    assert told(events[-1], BestPricesChanged).ask_quantity == 1
    assert (venue.held(ANN), venue.locked(ANN)) == (7 * 800_000, 3 * 800_000)


def test_an_iceberg_made_smaller_keeps_its_tip_and_frees_what_it_hid(venue: Venue) -> None:
    venue.place(ANN, SELL, 10, 80_000, display=2)
    (amended,) = venue.tell(AmendOrder(participant_id=ANN, order_id=OrderId(1), price=80_000, quantity=6))
    assert told(amended, OrderAmended).kept_priority
    assert venue.state.series[BTCF].book.depth(SELL, 1) == [(80_000, 2)]
    assert venue.held(ANN) == 6 * 800_000


# --- post-only ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "slid", "held"), [(BUY, 79_999, 799_990), (SELL, 80_001, 799_990)])
def test_a_sliding_order_steps_back_a_tick_and_is_paid_for_there(
    venue: Venue, side: Side, slid: Price, held: Money
) -> None:
    venue.rest(BOB, Side(-side), 1, 80_000)
    asked = 80_000 + side * 500
    accepted = told(venue.place(ANN, side, 1, asked, post_only=PostOnly.SLIDE)[0], OrderAccepted)
    assert (accepted.price, venue.held(ANN)) == (slid, held)


def test_a_sliding_order_that_would_not_trade_stays_where_it_is(venue: Venue) -> None:
    venue.rest(BOB, SELL, 1, 80_000)
    (accepted, *_) = venue.place(ANN, BUY, 1, 79_000, post_only=PostOnly.SLIDE)
    assert told(accepted, OrderAccepted).price == 79_000


def test_a_sliding_order_that_waits_slides_only_when_it_fires(venue: Venue) -> None:
    """What stood opposite when it came was gone when its price came."""
    venue.rest(BOB, SELL, 1, 80_000)
    post_only = PostOnly.SLIDE
    waits(venue, BUY, 1, 82_100, post_only=post_only, trigger_source=LAST, trigger_price=82_000)
    venue.place(CYD, BUY, 1, 80_000)
    (accepted,) = [e for e in of_kind(move(venue, LAST, 82_000), OrderAccepted) if e.participant_id == ANN]
    assert accepted.price == 82_100


def test_an_amendment_that_would_take_is_refused_to_a_post_only_order(venue: Venue) -> None:
    venue.rest(BOB, SELL, 1, 80_000)
    venue.place(ANN, BUY, 2, 79_000, post_only=PostOnly.REJECT)
    before = fingerprint(venue)
    events = venue.tell(AmendOrder(participant_id=ANN, order_id=OrderId(2), price=80_000, quantity=2))
    assert reason_of(events) is RejectReason.POST_ONLY_WOULD_TRADE
    assert fingerprint(venue) == before


# --- market orders --------------------------------------------------------------------------------------


def test_a_market_order_holds_no_more_than_it_traded(venue: Venue) -> None:
    venue.rest(BOB, SELL, 2, 80_000)
    events = venue.place(ANN, BUY, 5, None)
    assert fills_of(events, ANN) == [(80_000, 2)]
    assert ended(events) == [(2, CancelCause.NOT_FILLED)]
    assert (venue.held(ANN), venue.locked(ANN)) == (0, 2 * 800_000)


def test_a_market_order_for_the_auction_waits_at_the_edge_of_the_band_and_pays_the_auctions_price() -> None:
    """The band ends at 88,000: so much is held for each lot until the closing call, where 80,000 is paid."""
    venue = a_venue(
        future(price_band_bp=1_000, closing_call=60 * SECOND),
        sessions=(SessionTerms(opens=OPENS, closes=EVENING),),
    )
    waiting = told(venue.place(ANN, BUY, 2, None, time_in_force=AUCTION)[0], OrderAccepted)
    assert (waiting.price, venue.held(ANN)) == (88_000, 2 * 880_000)
    venue.rest(BOB, SELL, 2, 80_000)  # it does not trade with whoever comes before the call
    venue.wait_until(EVENING - SECOND)
    assert venue.position(ANN) == 0
    assert fills_of(venue.wait_until(EVENING), ANN) == [(80_000, 2)]
    assert (venue.held(ANN), venue.locked(ANN)) == (0, 2 * 800_000)


def test_an_order_for_the_auction_tells_that_it_waits_for_no_price(venue: Venue) -> None:
    accepted, waiting = venue.place(ANN, BUY, 2, 79_000, time_in_force=AUCTION)
    assert told(accepted, OrderAccepted).price == 79_000
    assert (told(waiting, OrderWaiting).source, waiting.trigger_price) == (None, None)  # type: ignore[union-attr]
    assert venue.held(ANN) == 2 * 790_000 and venue.state.series[BTCF].book.depth(BUY, 1) == []
    assert ended(venue.cancel(ANN, OrderId(1))) == [(1, CancelCause.REQUESTED)]
    assert venue.free_cash(ANN) == CASH


def test_an_order_for_the_auction_ends_with_a_session_that_has_none() -> None:
    venue = a_venue(sessions=TWO_SESSIONS)
    venue.place(ANN, BUY, 2, 79_000, time_in_force=AUCTION)
    assert ended(venue.wait_until(EVENING)) == [(1, CancelCause.SESSION_END)]
    assert venue.free_cash(ANN) == CASH


def test_a_reduce_only_order_for_the_auction_goes_when_the_position_does(venue: Venue) -> None:
    venue.trade(ANN, BOB, 5, 80_000)
    venue.place(ANN, SELL, 5, 81_000, time_in_force=AUCTION, reduce_only=True)
    venue.rest(BOB, BUY, 5, 79_000)
    assert ended(venue.place(ANN, SELL, 5, 79_000)) == [(3, CancelCause.NOTHING_TO_REDUCE)]


def test_a_reduce_only_order_is_trimmed_though_another_for_the_auction_was_canceled(venue: Venue) -> None:
    venue.trade(ANN, BOB, 5, 80_000)
    venue.place(ANN, SELL, 5, 81_000, time_in_force=AUCTION, reduce_only=True)
    venue.cancel(ANN, OrderId(3))
    venue.place(ANN, SELL, 5, 81_000, reduce_only=True)
    venue.rest(BOB, BUY, 5, 79_000)
    assert ended(venue.place(ANN, SELL, 5, 79_000)) == [(4, CancelCause.NOTHING_TO_REDUCE)]


# --- orders that wait for a price -----------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("side", "take_profit", "price", "just_before", "trigger"),
    [
        pytest.param(BUY, False, 70_000, 81_999, 82_000, id="stop to buy"),
        pytest.param(SELL, False, 90_000, 78_001, 78_000, id="stop to sell"),
        pytest.param(BUY, True, 70_000, 78_001, 78_000, id="take-profit to buy"),
        pytest.param(SELL, True, 90_000, 81_999, 82_000, id="take-profit to sell"),
    ],
)
def test_nothing_is_held_until_the_price_comes_and_then_it_is_an_order(
    venue: Venue,
    source: PriceSource,
    side: Side,
    take_profit: bool,
    price: Price,
    just_before: Price,
    trigger: Price,
) -> None:
    move(venue, source, 80_000)
    order = waits(
        venue, side, 2, price, trigger_source=source, trigger_price=trigger, take_profit=take_profit
    )
    assert (venue.held(ANN), venue.free_cash(ANN)) == (0, CASH)
    assert not of_kind(move(venue, source, just_before), OrderTriggered)
    events = move(venue, source, trigger)
    (triggered,) = of_kind(events, OrderTriggered)
    accepted = told(events[events.index(triggered) + 1], OrderAccepted)
    assert (triggered.order_id, triggered.price) == (order, trigger)
    assert (accepted.order_id, accepted.price, accepted.quantity) == (order, price, 2)
    assert venue.held(ANN) == 2 * 700_000
    assert venue.state.series[BTCF].book.depth(side, 1) == [(price, 2)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("side", "best", "before", "at"),
    [
        pytest.param(SELL, 82_000, 81_001, 81_000, id="sell"),
        pytest.param(BUY, 78_000, 78_999, 79_000, id="buy"),
    ],
)
def test_a_trailing_stop_follows_the_best_price_and_never_steps_back(
    venue: Venue, source: PriceSource, side: Side, best: Price, before: Price, at: Price
) -> None:
    """It keeps 1,000 ticks from the best price: from 80,000 the price goes its way by 2,000, then turns."""
    move(venue, source, 80_000)
    (waiting,) = venue.place(ANN, side, 1, 80_000 - side * 10_000, trigger_source=source, trail=1_000)
    assert told(waiting, OrderWaiting).trigger_price == 80_000 + side * 1_000
    for price in (best, before):
        assert not of_kind(move(venue, source, price), OrderTriggered)
    assert [e.price for e in of_kind(move(venue, source, at), OrderTriggered)] == [at]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_trailing_stop_that_came_before_any_price_starts_from_the_first_one(
    venue: Venue, source: PriceSource, side: Side
) -> None:
    waits(venue, side, 1, 80_000 - side * 10_000, trigger_source=source, trail=1_000)
    assert not of_kind(move(venue, source, 80_000), OrderTriggered)
    assert not of_kind(move(venue, source, 80_000 + side * 999), OrderTriggered)
    assert of_kind(move(venue, source, 80_000 + side * 1_000), OrderTriggered)


def test_a_stop_without_a_limit_takes_what_is_there_and_never_rests(venue: Venue) -> None:
    venue.rest(BOB, SELL, 2, 80_500)
    order = waits(venue, BUY, 3, None, trigger_source=INDEX, trigger_price=82_000)
    events = move(venue, INDEX, 82_000)
    assert fills_of(events, ANN) == [(80_500, 2)]
    assert [e.liquidity for e in of_kind(events, OrderFilled) if e.participant_id == ANN] == [Liquidity.TAKER]
    assert ended(events) == [(order, CancelCause.NOT_FILLED)]
    assert (venue.held(ANN), venue.locked(ANN)) == (0, 2 * 805_000)


def test_a_stop_without_a_limit_is_protected_from_the_prices_at_which_it_fires(venue: Venue) -> None:
    """It came when 80,000 was asked, and fires when 60,000 is bid: 10% below that is as far as it goes."""
    venue.rest(BOB, BUY, 1, 79_000)
    waits(venue, SELL, 3, None, trigger_source=INDEX, trigger_price=75_000)
    venue.tell(CancelAll(participant_id=BOB))
    for price in (60_000, 54_000, 53_999):
        venue.rest(BOB, BUY, 1, price)
    assert fills_of(move(venue, INDEX, 75_000), ANN) == [(60_000, 1), (54_000, 1)]


def test_what_fired_orders_trade_fires_others_in_the_same_breath(venue: Venue) -> None:
    """The first stop trades at 81,000, for which the second has waited."""
    venue.rest(BOB, SELL, 1, 81_000)
    first = waits(venue, BUY, 1, None, trigger_source=INDEX, trigger_price=80_500)
    second = waits(venue, BUY, 1, 70_000, trigger_source=LAST, trigger_price=81_000)
    assert [e.order_id for e in of_kind(move(venue, INDEX, 80_500), OrderTriggered)] == [first, second]


def test_the_order_that_fires_enters_after_the_trade_that_fired_it(venue: Venue) -> None:
    """Two lots are bid at 79,000; the one that is sold fires Ann's stop, which gets only the other."""
    waits(venue, SELL, 2, 78_000, trigger_source=LAST, trigger_price=79_000)
    venue.rest(CYD, BUY, 2, 79_000)
    events = venue.place(BOB, SELL, 1, 79_000)
    assert [type(e) for e in events[:5]] == [
        OrderAccepted, OrderFilled, OrderFilled, TradeReported, OrderTriggered,
    ]  # fmt: skip
    assert fills_of(events, ANN) == [(79_000, 1)]


REFUSED_AT_FIRING: dict[str, tuple[RejectReason, dict[str, Any]]] = {
    "cash": (RejectReason.INSUFFICIENT_CASH, {"quantity": 100_000}),
    "limit": (RejectReason.EXPOSURE_LIMIT, {}),
    "nobody there": (RejectReason.NO_OPPOSITE_PRICE, {"price": None}),
    "band": (RejectReason.PRICE_OUTSIDE_BAND, {"price": 140_000}),
    "fill or kill": (RejectReason.UNFILLABLE_AT_ONCE, {"time_in_force": FOK}),
    "post-only": (RejectReason.POST_ONLY_NEEDS_REST, {"time_in_force": IOC, "post_only": PostOnly.REJECT}),
    "reduce-only": (RejectReason.REDUCE_ONLY, {"reduce_only": True}),
}


@pytest.mark.parametrize("fault", REFUSED_AT_FIRING)
def test_an_order_that_may_not_enter_when_it_fires_is_told_why_and_ends(fault: str) -> None:
    reason, more = REFUSED_AT_FIRING[fault]
    venue = Venue()
    venue.admit(ANN, 1_000_000_000)
    for name in (BOB, CYD):
        venue.admit(name)
    if fault == "limit":
        venue.tell(SetLimit(participant_id=ANN, limit=0))
    asked = {"quantity": 1, "price": 80_000, **more}
    order = waits(venue, BUY, trigger_source=LAST, trigger_price=81_000, **asked)
    move(venue, LAST, 80_000)
    events = move(venue, LAST, 81_000)
    (triggered,) = of_kind(events, OrderTriggered)
    at = events.index(triggered)
    refused, canceled = told(events[at + 1], RequestRejected), told(events[at + 2], OrderCanceled)
    assert (refused.order_id, refused.reason) == (order, reason)
    assert (canceled.order_id, canceled.cause) == (order, CancelCause.TRIGGER_REFUSED)
    assert canceled.remaining == asked["quantity"]
    assert (venue.held(ANN), venue.free_cash(ANN)) == (0, 1_000_000_000)
    assert venue.state.seats[ANN].waiting == {}


def test_firing_is_no_request_and_is_not_refused_for_the_requests_of_another_second() -> None:
    venue = a_venue(regime=a_regime(market=MarketRules(max_requests_per_second=2)))
    order = waits(venue, BUY, 1, 79_000, trigger_source=INDEX, trigger_price=82_000)
    for _ in range(2):
        venue.place(ANN, BUY, 1, 79_000)
    venue.wait_until(OPENS + 60 * SECOND)
    events = move(venue, INDEX, 82_000)
    assert [e.order_id for e in of_kind(events, OrderAccepted)] == [order]


@pytest.mark.parametrize(
    "directive",
    [SuspendParticipant(participant_id=ANN), FreezeParticipant(participant_id=ANN, order_ref="c")],
)
def test_a_restricted_participant_loses_the_orders_that_wait(
    venue: Venue, directive: SuspendParticipant | FreezeParticipant
) -> None:
    resting = venue.rest(ANN, BUY, 1, 79_000)
    waiting = waits(venue, BUY, 1, 79_000, trigger_source=LAST, trigger_price=81_000)
    cause = CancelCause.PARTICIPANT_RESTRICTED
    assert ended(venue.tell(directive)) == [(resting, cause), (waiting, cause)]
    assert not of_kind(move(venue, LAST, 81_000), OrderTriggered)
    assert venue.held(ANN) == 0


# --- one cancels the other ------------------------------------------------------------------------------


def link(venue: Venue, first: int, second: int, name: ParticipantId = ANN) -> list[Event]:
    return venue.tell(LinkOrders(participant_id=name, first=OrderId(first), second=OrderId(second)))


def test_a_partial_fill_of_one_cancels_the_other_and_frees_its_hold(venue: Venue) -> None:
    first, second = venue.rest(ANN, BUY, 2, 79_000), venue.rest(ANN, BUY, 3, 78_000)
    assert link(venue, first, second) == [OrdersLinked(participant_id=ANN, first=first, second=second)]
    assert venue.held(ANN) == 2 * 790_000 + 3 * 780_000
    events = venue.place(BOB, SELL, 1, 79_000)
    assert ended(events) == [(second, CancelCause.LINKED)]
    assert (venue.held(ANN), venue.locked(ANN)) == (790_000, 790_000)


def test_one_sweep_never_fills_both(venue: Venue) -> None:
    first, second = venue.rest(ANN, BUY, 2, 79_000), venue.rest(ANN, BUY, 3, 78_000)
    link(venue, first, second)
    assert fills_of(venue.place(BOB, SELL, 5, 78_000), ANN) == [(79_000, 2)]
    assert venue.position(ANN) == 2


def test_a_bracket_the_stop_goes_when_the_profit_is_taken_and_the_other_way_round(venue: Venue) -> None:
    for fires, goes in ((82_000, "stop"), (78_000, "profit")):
        move(venue, LAST, 80_000)
        profit = venue.rest(ANN, SELL, 1, 82_000)
        stop = waits(venue, SELL, 1, 77_000, trigger_source=LAST, trigger_price=78_000)
        link(venue, profit, stop)
        events = venue.place(CYD, BUY, 1, 82_000) if fires == 82_000 else move(venue, LAST, 78_000)
        assert ended(events) == [(stop if goes == "stop" else profit, CancelCause.LINKED)]
        venue.tell(CancelAll(participant_id=ANN))
        assert venue.held(ANN) == 0


@pytest.mark.parametrize("canceled", [0, 1])
def test_whoever_cancels_one_of_two_linked_orders_loses_both(venue: Venue, canceled: int) -> None:
    orders = venue.rest(ANN, BUY, 2, 79_000), venue.rest(ANN, BUY, 3, 78_000)
    link(venue, *orders)
    assert ended(venue.cancel(ANN, orders[canceled])) == [
        (orders[canceled], CancelCause.REQUESTED),
        (orders[1 - canceled], CancelCause.LINKED),
    ]
    assert venue.free_cash(ANN) == CASH


def test_orders_are_not_linked_if_they_cannot_be_and_nothing_has_changed() -> None:
    venue = a_venue(future(), OTHER)
    one, two, three = (venue.rest(ANN, BUY, 1, price) for price in (79_000, 78_000, 77_000))
    elsewhere = told(
        venue.place(ANN, BUY, 1, 79_000, instrument_id=OTHER.instrument_id)[0], OrderAccepted
    ).order_id
    bobs = venue.rest(BOB, SELL, 1, 81_000)
    link(venue, one, two)
    before = fingerprint(venue)
    for first, second, reason in (
        (three, three, RejectReason.SAME_ORDER),
        (77, 77, RejectReason.SAME_ORDER),  # though it is unknown as well
        (three, 77, RejectReason.UNKNOWN_ORDER),
        (77, three, RejectReason.UNKNOWN_ORDER),
        (three, bobs, RejectReason.UNKNOWN_ORDER),
        (one, elsewhere, RejectReason.DIFFERENT_INSTRUMENTS),  # though one is linked as well
        (one, three, RejectReason.ALREADY_LINKED),
        (three, two, RejectReason.ALREADY_LINKED),
    ):
        assert reason_of(link(venue, first, second)) is reason, (first, second)
        assert fingerprint(venue) == before
    assert reason_of(link(venue, one, three, ParticipantId("dan"))) is RejectReason.UNKNOWN_PARTICIPANT


# --- cancels and amendments -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ({}, [1, 3, 4, 2, 5]),  # what rests comes first, then what waits
        ({"label": "grid"}, [1, 4, 2]),
        ({"instrument_id": BTCF}, [1, 3, 2]),
        ({"instrument_id": OTHER.instrument_id, "label": "grid"}, [4]),
        ({"label": "none of these"}, []),
    ],
)
def test_cancel_by_label_by_instrument_or_everything(asked: dict[str, Any], gone: list[int]) -> None:
    venue = a_venue(future(), OTHER)
    there = OTHER.instrument_id
    stop = {"trigger_source": LAST, "trigger_price": 82_000}
    venue.place(ANN, BUY, 1, 79_000, label="grid")
    venue.place(ANN, BUY, 1, 79_000, label="grid", **stop)
    venue.place(ANN, BUY, 1, 78_000)
    venue.place(ANN, BUY, 1, 79_000, label="grid", instrument_id=there)
    venue.place(ANN, BUY, 1, 79_000, instrument_id=there, **stop)
    venue.place(BOB, BUY, 1, 77_000, label="grid")
    assert ended(venue.tell(CancelAll(participant_id=ANN, **asked))) == [
        (OrderId(number), CancelCause.REQUESTED) for number in gone
    ]
    assert venue.held(BOB) == 770_000


@pytest.mark.parametrize(("quantity", "price"), [(1, 79_000), (2, 79_500)])
def test_an_order_that_waits_cannot_be_amended(venue: Venue, quantity: int, price: Price) -> None:
    order = waits(venue, BUY, 2, 79_000, trigger_source=LAST, trigger_price=81_000)
    before = fingerprint(venue)
    events = venue.tell(AmendOrder(participant_id=ANN, order_id=order, price=price, quantity=quantity))
    assert reason_of(events) is RejectReason.NOT_ON_BOOK
    assert fingerprint(venue) == before
    assert ended(venue.cancel(ANN, order)) == [(order, CancelCause.REQUESTED)]


def test_an_order_that_has_filled_cannot_be_amended_or_canceled(venue: Venue) -> None:
    order = venue.rest(ANN, BUY, 1, 79_000)
    venue.place(BOB, SELL, 1, 79_000)
    amend = AmendOrder(participant_id=ANN, order_id=order, price=79_000, quantity=1)
    assert reason_of(venue.tell(amend)) is RejectReason.UNKNOWN_ORDER
    assert reason_of(venue.cancel(ANN, order)) is RejectReason.UNKNOWN_ORDER


@pytest.mark.parametrize(
    ("incoming", "left", "held"),
    [(2, {SELL: [(80_000, 3)]}, 3 * 800_000), (5, {}, 0), (7, {BUY: [(80_000, 2)]}, 2 * 800_000)],
)
def test_both_lose_what_they_would_have_traded_with_each_other(
    incoming: int, left: dict[Side, list[tuple[Price, int]]], held: Money
) -> None:
    """Decrement: Ann asks for five at 80,000 and comes to buy two, five and seven of them."""
    rules = MarketRules(self_trade_prevention=SelfTradePrevention.DECREMENT)
    venue = a_venue(regime=a_regime(market=rules))
    venue.rest(ANN, SELL, 5, 80_000)
    events = venue.place(ANN, BUY, incoming, 80_000)
    assert not of_kind(events, TradeReported)
    both = min(5, incoming)
    told_amended = [(e.order_id, e.remaining) for e in of_kind(events, OrderAmended)]
    told_ended = [(e.order_id, e.remaining, e.cause) for e in of_kind(events, OrderCanceled)]
    wanted = [(OrderId(1), 5 - both), (OrderId(2), incoming - both)]
    assert told_amended == [one for one in wanted if one[1]]
    assert told_ended == [(order, both, CancelCause.SELF_TRADE) for order, rest in wanted if not rest]
    book = venue.state.series[BTCF].book
    assert {side: book.depth(side, 9) for side in (BUY, SELL) if book.depth(side, 9)} == left
    assert venue.held(ANN) == held


# --- refusals -------------------------------------------------------------------------------------------


def refused(reason: RejectReason, **asked: Any) -> Any:
    return pytest.param(reason, asked, id=f"{reason}: {asked}")


STOP = {"trigger_source": LAST}


@pytest.mark.parametrize(
    ("reason", "asked"),
    [
        refused(RejectReason.GOOD_UNTIL_NOT_AHEAD, time_in_force=GTD),
        refused(RejectReason.GOOD_UNTIL_NOT_AHEAD, time_in_force=GTD, good_until=OPENS),
        refused(RejectReason.GOOD_UNTIL_NOT_AHEAD, good_until=OPENS + HOUR),
        refused(RejectReason.GOOD_UNTIL_NOT_AHEAD, time_in_force=GTD, **STOP, trigger_price=81_000),
        refused(RejectReason.DISPLAY_TOO_SMALL, display=-1),
        refused(RejectReason.DISPLAY_NOT_BELOW_QUANTITY, display=5),
        refused(RejectReason.DISPLAY_NOT_BELOW_QUANTITY, display=6),
        refused(RejectReason.DISPLAY_NOT_BELOW_QUANTITY, display=5, **STOP, trigger_price=81_000),
        refused(RejectReason.MINIMUM_ABOVE_QUANTITY, minimum=6),
        refused(RejectReason.MINIMUM_ABOVE_QUANTITY, minimum=-1),
        refused(RejectReason.NEEDS_CONTINUOUS_TRADING, time_in_force=AUCTION, minimum=1),
        refused(RejectReason.TRIGGER_INCOMPLETE, trigger_source=LAST),
        refused(RejectReason.TRIGGER_INCOMPLETE, trigger_price=81_000),
        refused(RejectReason.TRIGGER_INCOMPLETE, trail=500),
        refused(RejectReason.TRIGGER_INCOMPLETE, **STOP, trail=0),
        refused(RejectReason.TRIGGER_INCOMPLETE, **STOP, trigger_price=81_000, trail=-1),
        refused(RejectReason.TRIGGER_NOT_POSITIVE, **STOP, trigger_price=0),
        refused(RejectReason.TRIGGER_NOT_POSITIVE, **STOP, trigger_price=-1, take_profit=True),
        refused(RejectReason.TRIGGER_PASSED, **STOP, trigger_price=80_000),
        refused(RejectReason.TRIGGER_PASSED, **STOP, trigger_price=79_999),
        refused(RejectReason.TRIGGER_PASSED, **STOP, trigger_price=80_000, take_profit=True),
    ],
)
def test_what_an_order_may_not_ask_for_and_nothing_has_changed(
    venue: Venue, reason: RejectReason, asked: dict[str, Any]
) -> None:
    """80,000 was the last price; Ann would buy five at 79,000."""
    venue.trade(CYD, BOB, 1, 80_000)
    venue.rest(ANN, BUY, 1, 78_000)
    before = fingerprint(venue)
    assert reason_of(venue.place(ANN, BUY, 5, 79_000, **asked)) is reason
    assert fingerprint(venue) == before


@pytest.mark.parametrize(
    "asked", [{"time_in_force": IOC}, {"time_in_force": FOK}, {"minimum": 1}, {"price": None}], ids=str
)
def test_what_must_trade_at_once_is_refused_in_a_call(asked: dict[str, Any]) -> None:
    venue = a_venue(future(opening_call=60 * SECOND))
    venue.rest(BOB, SELL, 1, 80_000)
    before = fingerprint(venue)
    wanted = {"price": 80_000, **asked}
    assert reason_of(venue.place(ANN, BUY, 1, **wanted)) is RejectReason.NEEDS_CONTINUOUS_TRADING
    assert fingerprint(venue) == before


R = RejectReason


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        (R.QUANTITY_TOO_LARGE, R.PRICE_OUTSIDE_COLLAR, {"quantity": 101, "price": -1}),
        (R.PRICE_OUTSIDE_BAND, R.GOOD_UNTIL_NOT_AHEAD, {"price": 1_000, "time_in_force": GTD}),
        (R.GOOD_UNTIL_NOT_AHEAD, R.DISPLAY_TOO_SMALL, {"time_in_force": GTD, "display": -1}),
        (R.DISPLAY_TOO_SMALL, R.MINIMUM_ABOVE_QUANTITY, {"display": -1, "minimum": 6}),
        (R.DISPLAY_NOT_BELOW_QUANTITY, R.MINIMUM_ABOVE_QUANTITY, {"display": 5, "minimum": 6}),
        (R.MINIMUM_ABOVE_QUANTITY, R.NEEDS_CONTINUOUS_TRADING, {"time_in_force": AUCTION, "minimum": 6}),
        (
            R.POST_ONLY_NEEDS_REST,
            R.POST_ONLY_WOULD_TRADE,
            {"time_in_force": IOC, "post_only": PostOnly.REJECT},
        ),
        (R.POST_ONLY_NEEDS_REST, R.UNFILLABLE_AT_ONCE, {"time_in_force": FOK, "post_only": PostOnly.REJECT}),
        (R.UNFILLABLE_AT_ONCE, R.REDUCE_ONLY, {"time_in_force": FOK, "reduce_only": True}),
        (R.UNFILLABLE_AT_ONCE, R.INSUFFICIENT_CASH, {"quantity": 100, "minimum": 50}),
        (R.PRICE_OUTSIDE_COLLAR, R.TRIGGER_PASSED, {"price": -1, **STOP, "trigger_price": 1}),
        (R.GOOD_UNTIL_NOT_AHEAD, R.TRIGGER_PASSED, {"time_in_force": GTD, **STOP, "trigger_price": 1}),
        (R.DISPLAY_TOO_SMALL, R.TRIGGER_PASSED, {"display": -1, **STOP, "trigger_price": 1}),
        (R.TRIGGER_NOT_POSITIVE, R.TRIGGER_PASSED, {**STOP, "trigger_price": 0}),
        (R.QUANTITY_NOT_POSITIVE, R.TRIGGER_INCOMPLETE, {"quantity": 0, **STOP}),
    ],
)
def test_of_two_reasons_the_first_in_order_of_precedence_is_told(
    first: RejectReason, second: RejectReason, asked: dict[str, Any]
) -> None:
    """Ann has cash for five lots at 80,000, where one is asked for and the last lot was traded."""
    reasons = list(RejectReason)
    assert reasons.index(first) < reasons.index(second)
    venue = Venue(future(max_quantity=100))
    venue.admit(ANN, 5 * 800_000)
    for name in (BOB, CYD):
        venue.admit(name)
    venue.trade(CYD, BOB, 1, 80_000)
    venue.rest(BOB, SELL, 1, 80_000)
    before = fingerprint(venue)
    wanted = {"quantity": 5, "price": 80_000, **asked}
    assert reason_of(venue.place(ANN, BUY, **wanted)) is first
    assert fingerprint(venue) == before


@pytest.mark.parametrize("more", [{"trigger_price": 79_000}, {"trigger_price": 0}, {}], ids=str)
def test_a_trigger_that_is_wrong_is_told_before_too_many_requests(more: dict[str, Any]) -> None:
    venue = a_venue(regime=a_regime(market=MarketRules(max_requests_per_second=2)))
    venue.trade(CYD, BOB, 1, 80_000)
    for _ in range(2):
        venue.place(ANN, BUY, 1, 79_000)
    (refused,) = venue.place(ANN, BUY, 1, 79_000, trigger_source=LAST, **more)
    assert told(refused, OrderRejected).reason is not RejectReason.TOO_MANY_REQUESTS


def test_an_order_that_would_wait_must_be_allowed_at_all(venue: Venue) -> None:
    venue.tell(SuspendParticipant(participant_id=ANN))
    refused = venue.place(ANN, BUY, 1, 79_000, trigger_source=LAST, trigger_price=81_000)
    assert reason_of(refused) is RejectReason.PARTICIPANT_SUSPENDED
    assert venue.state.series[BTCF].market.phase is Phase.CONTINUOUS
    assert venue.state.seats[ANN].waiting == {}

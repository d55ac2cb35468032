"""The road of an order: every reason in its precedence, every kind of order, and what a refusal leaves behind."""

import pytest

from exchange.access.regime import MarketRules, Permission
from exchange.commands import (
    AmendOrder,
    AuditBooks,
    CancelAll,
    CloseSession,
    HaltInstrument,
    PassTime,
    PlaceOrder,
    SettleBucket,
    SuspendParticipant,
    WatchLine,
)
from exchange.events import (
    BestPricesChanged,
    CancelCause,
    LineWatched,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    RequestExists,
    RequestRejected,
    SessionClosed,
    TradeReported,
)
from exchange.instruments import Product
from exchange.messages import changed
from exchange.reasons import RejectReason
from exchange.units import HOUR, SECOND, InstrumentId
from exchange.wellformed import MalformedCommand
from matching.terms import OrderId, PostOnly, SelfTradePrevention, TimeInForce
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CYD,
    OPENS,
    SELL,
    Venue,
    a_regime,
    future,
    of_kind,
)


@pytest.fixture
def venue() -> Venue:
    venue = Venue(future(fee_maker=20, fee_taker=60, max_quantity=100, price_band_bp=1_000))
    for name in (ANN, BOB):
        venue.admit(name)
    return venue


def reason_of(events: list[object]) -> RejectReason:
    (refused,) = events
    assert isinstance(refused, OrderRejected)
    return refused.reason


def test_a_trade_tells_each_side_its_part_and_the_public_no_names(venue: Venue) -> None:
    venue.rest(BOB, SELL, 5, 80_000)
    accepted, maker, taker, trade, best = venue.place(ANN, BUY, 3, 80_100)
    assert isinstance(accepted, OrderAccepted) and accepted.price == 80_100
    assert isinstance(maker, OrderFilled) and isinstance(taker, OrderFilled)
    assert (maker.participant_id, maker.remaining, maker.fee) == (BOB, 2, 60)
    assert (taker.participant_id, taker.remaining, taker.fee) == (ANN, 0, 180)
    assert maker.price == taker.price == 80_000  # the maker's price, though Ann would have paid more
    assert isinstance(trade, TradeReported) and trade.quantity == 3
    assert isinstance(best, BestPricesChanged) and (best.bid, best.ask_quantity) == (None, 2)


def test_the_first_reason_in_order_of_precedence_is_told(venue: Venue) -> None:
    """Each order below has every fault from its line on; the fault is taken away line by line."""
    wrong = InstrumentId("BTC_RUBD-NONE")
    assert reason_of(venue.place(CYD, BUY, -1, -5, instrument_id=wrong)) is RejectReason.UNKNOWN_PARTICIPANT
    assert reason_of(venue.place(ANN, BUY, -1, -5, instrument_id=wrong)) is RejectReason.UNKNOWN_INSTRUMENT
    venue.tell(HaltInstrument(instrument_id=BTCF))
    assert reason_of(venue.place(ANN, BUY, -1, -5)) is RejectReason.INSTRUMENT_HALTED
    venue.tell(SuspendParticipant(participant_id=ANN))
    assert reason_of(venue.place(ANN, BUY, -1, -5)) is RejectReason.PARTICIPANT_SUSPENDED
    venue.wait_until(OPENS + 9 * HOUR)
    assert reason_of(venue.place(ANN, BUY, -1, -5)) is RejectReason.SESSION_CLOSED


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        (0, 80_000, RejectReason.QUANTITY_NOT_POSITIVE),
        (-3, 80_000, RejectReason.QUANTITY_NOT_POSITIVE),
        (101, 80_000, RejectReason.QUANTITY_TOO_LARGE),
        (1, -1, RejectReason.PRICE_OUTSIDE_COLLAR),
        (1, 160_001, RejectReason.PRICE_OUTSIDE_COLLAR),
        (1, 71_999, RejectReason.PRICE_OUTSIDE_BAND),
        (1, 88_001, RejectReason.PRICE_OUTSIDE_BAND),
        (1, None, RejectReason.NO_OPPOSITE_PRICE),
    ],
)
def test_sizes_and_prices(venue: Venue, quantity: int, price: int | None, reason: RejectReason) -> None:
    assert reason_of(venue.place(ANN, BUY, quantity, price)) is reason


def test_the_band_includes_its_edges(venue: Venue) -> None:
    assert of_kind(venue.place(ANN, BUY, 1, 72_000), OrderAccepted)
    assert of_kind(venue.place(ANN, SELL, 1, 88_000), OrderAccepted)


@pytest.mark.parametrize("quantity", [1.0, float("nan"), float("inf"), True, None, "1", 2**63])
def test_what_is_no_whole_number_is_no_command(venue: Venue, quantity: object) -> None:
    before = venue.exchange.sequence
    with pytest.raises(MalformedCommand, match=r"PlaceOrder\.quantity"):
        venue.place(ANN, BUY, quantity, 80_000)  # type: ignore[arg-type]
    assert venue.exchange.sequence == before


def test_nobody_may_ask_for_what_the_exchange_promises_itself(venue: Venue) -> None:
    for duty in (AuditBooks(), CloseSession(), SettleBucket(bucket_id=future().bucket_id)):
        with pytest.raises(MalformedCommand, match="promises itself"):
            venue.exchange.handle(duty, venue.now)
    assert venue.state.session_open


def test_a_request_counts_whatever_it_names() -> None:
    """Two cancels of orders that are not there use up the two requests of the second."""
    venue = Venue(regime=a_regime(market=MarketRules(max_requests_per_second=2)))
    venue.admit(ANN)
    for number in (7, 8):
        venue.cancel(ANN, OrderId(number))
    assert reason_of(venue.place(ANN, BUY, 1, 79_000)) is RejectReason.TOO_MANY_REQUESTS


def test_a_market_order_goes_no_further_than_its_protection(venue: Venue) -> None:
    """10% through the best ask of 79,000 and the band's edge of 88,000: the nearer one, 86,900, ends it."""
    venue.rest(BOB, SELL, 2, 79_000)
    venue.rest(BOB, SELL, 2, 86_900)
    venue.rest(BOB, SELL, 2, 87_000)
    events = venue.place(ANN, BUY, 6, None)
    assert [(f.price, f.quantity) for f in of_kind(events, OrderFilled) if f.participant_id == ANN] == [
        (79_000, 2), (86_900, 2),
    ]  # fmt: skip
    (left,) = of_kind(events, OrderCanceled)
    assert (left.remaining, left.cause) == (2, CancelCause.NOT_FILLED)


def test_immediate_or_cancel_takes_what_is_there(venue: Venue) -> None:
    venue.rest(BOB, SELL, 2, 80_000)
    events = venue.place(ANN, BUY, 5, 80_000, time_in_force=TimeInForce.IOC)
    assert of_kind(events, OrderCanceled)[0].remaining == 3
    assert venue.held(ANN) == 0


def test_fill_or_kill_fills_whole_or_is_refused(venue: Venue) -> None:
    venue.rest(BOB, SELL, 2, 80_000)
    venue.rest(BOB, SELL, 2, 80_100)
    fok = TimeInForce.FOK
    refused = reason_of(venue.place(ANN, BUY, 4, 80_000, time_in_force=fok))
    assert refused is RejectReason.UNFILLABLE_AT_ONCE
    filled = of_kind(venue.place(ANN, BUY, 4, 80_100, time_in_force=fok), OrderFilled)
    assert sum(f.quantity for f in filled if f.participant_id == ANN) == 4


def test_post_only_never_takes(venue: Venue) -> None:
    venue.rest(BOB, SELL, 2, 80_000)
    refused = reason_of(venue.place(ANN, BUY, 1, 80_000, post_only=PostOnly.REJECT))
    assert refused is RejectReason.POST_ONLY_WOULD_TRADE
    ioc = reason_of(
        venue.place(ANN, BUY, 1, 79_999, post_only=PostOnly.REJECT, time_in_force=TimeInForce.IOC)
    )
    assert ioc is RejectReason.POST_ONLY_NEEDS_REST
    assert of_kind(venue.place(ANN, BUY, 1, 79_999, post_only=PostOnly.REJECT), OrderAccepted)


def test_reduce_only_fits_inside_the_position(venue: Venue) -> None:
    refused = reason_of(venue.place(ANN, SELL, 1, 80_000, reduce_only=True))
    assert refused is RejectReason.REDUCE_ONLY
    venue.trade(ANN, BOB, 5, 80_000)
    venue.place(ANN, SELL, 3, 81_000, reduce_only=True)
    assert reason_of(venue.place(ANN, SELL, 3, 81_000, reduce_only=True)) is RejectReason.REDUCE_ONLY
    assert of_kind(venue.place(ANN, SELL, 2, 81_000, reduce_only=True), OrderAccepted)


def test_a_reduce_only_order_goes_when_the_position_does(venue: Venue) -> None:
    venue.trade(ANN, BOB, 5, 80_000)
    venue.place(ANN, SELL, 5, 81_000, reduce_only=True)
    venue.rest(BOB, BUY, 4, 79_000)
    events = venue.place(ANN, SELL, 4, 79_000)
    (gone,) = of_kind(events, OrderCanceled)
    assert (gone.remaining, gone.cause) == (5, CancelCause.NOTHING_TO_REDUCE)


def test_another_order_on_its_side_crowds_a_reduce_only_order_out(venue: Venue) -> None:
    """Else one taker could fill both, and the reduce-only order would turn the position."""
    venue.trade(ANN, BOB, 5, 80_000)
    venue.place(ANN, SELL, 2, 81_000, reduce_only=True)
    venue.place(ANN, SELL, 2, 81_000, reduce_only=True)
    assert not of_kind(venue.place(ANN, SELL, 1, 80_500), OrderCanceled)
    (younger,) = of_kind(venue.place(ANN, SELL, 1, 80_500), OrderCanceled)
    assert (younger.order_id, younger.cause) == (4, CancelCause.NOTHING_TO_REDUCE)
    (older,) = of_kind(venue.place(ANN, SELL, 2, 80_500), OrderCanceled)
    assert (older.order_id, older.cause) == (3, CancelCause.NOTHING_TO_REDUCE)
    venue.place(BOB, BUY, 10, 81_000)
    assert venue.position(ANN) == 1


@pytest.mark.parametrize(
    ("prevention", "canceled"),
    [
        (SelfTradePrevention.CANCEL_RESTING, ["resting"]),
        (SelfTradePrevention.CANCEL_INCOMING, ["incoming"]),
        (SelfTradePrevention.CANCEL_BOTH, ["resting", "incoming"]),
    ],
)
def test_nobody_trades_with_itself(prevention: SelfTradePrevention, canceled: list[str]) -> None:
    venue = Venue(regime=a_regime(market=MarketRules(self_trade_prevention=prevention)))
    venue.admit(ANN)
    resting = venue.rest(ANN, SELL, 2, 80_000)
    events = venue.place(ANN, BUY, 3, 80_000)
    assert not of_kind(events, TradeReported)
    gone = of_kind(events, OrderCanceled)
    assert ["resting" if e.order_id == resting else "incoming" for e in gone] == canceled
    assert all(e.cause is CancelCause.SELF_TRADE for e in gone)


def amend(venue: Venue, order_id: OrderId, price: int, quantity: int) -> list[object]:
    return list(venue.tell(AmendOrder(participant_id=ANN, order_id=order_id, price=price, quantity=quantity)))


def test_less_at_the_same_price_keeps_its_place(venue: Venue) -> None:
    first = venue.rest(ANN, SELL, 5, 80_000)
    venue.rest(BOB, SELL, 5, 80_000)
    amended = amend(venue, first, 80_000, 2)[0]
    assert isinstance(amended, OrderAmended) and amended.kept_priority
    venue.admit(CYD)
    fills = of_kind(venue.place(CYD, BUY, 3, 80_000), OrderFilled)
    assert [(f.participant_id, f.quantity) for f in fills if f.participant_id != CYD] == [(ANN, 2), (BOB, 1)]


@pytest.mark.parametrize(("price", "quantity"), [(80_000, 6), (79_900, 5)])
def test_more_or_another_price_goes_to_the_back(venue: Venue, price: int, quantity: int) -> None:
    first = venue.rest(ANN, SELL, 5, 80_000)
    venue.rest(BOB, SELL, 5, price)
    amended = amend(venue, first, price, quantity)[0]
    assert isinstance(amended, OrderAmended) and not amended.kept_priority
    venue.admit(CYD)
    fills = of_kind(venue.place(CYD, BUY, 5, price), OrderFilled)
    assert fills[0].participant_id == BOB


def test_an_amendment_may_trade(venue: Venue) -> None:
    venue.rest(BOB, BUY, 5, 79_000)
    order = venue.rest(ANN, SELL, 3, 80_000)
    events = amend(venue, order, 79_000, 3)
    assert isinstance(events[0], OrderAmended)
    assert [f.remaining for f in of_kind(events, OrderFilled) if f.participant_id == ANN] == [0]  # type: ignore[arg-type]


def test_a_refused_amendment_changes_nothing(venue: Venue) -> None:
    order = venue.rest(ANN, SELL, 3, 80_000)
    held, best = venue.held(ANN), venue.state.series[BTCF].book.depth(SELL, 9)
    for price, quantity, reason in (
        (80_000, 0, RejectReason.QUANTITY_NOT_POSITIVE),
        (80_000, 101, RejectReason.QUANTITY_TOO_LARGE),
        (100_000, 3, RejectReason.PRICE_OUTSIDE_BAND),
    ):
        (refused,) = amend(venue, order, price, quantity)
        assert isinstance(refused, RequestRejected) and refused.reason is reason
    assert (venue.held(ANN), venue.state.series[BTCF].book.depth(SELL, 9)) == (held, best)


def test_an_amendment_counts_what_it_sets_free() -> None:
    """With cash for one order only, its price can still be moved; a kopeck more cannot be found."""
    venue = Venue(future(price_band_bp=1_000))
    venue.admit(ANN, 80_000_0)
    order = venue.rest(ANN, BUY, 1, 79_000)
    assert isinstance(amend(venue, order, 80_000, 1)[0], OrderAmended)
    (refused,) = amend(venue, order, 80_001, 1)
    assert isinstance(refused, RequestRejected) and refused.reason is RejectReason.INSUFFICIENT_CASH


def test_only_the_owner_may_cancel(venue: Venue) -> None:
    order = venue.rest(ANN, SELL, 3, 80_000)
    (refused,) = venue.cancel(BOB, order)
    assert isinstance(refused, RequestRejected) and refused.reason is RejectReason.UNKNOWN_ORDER
    assert of_kind(venue.cancel(ANN, order), OrderCanceled)
    (again,) = venue.cancel(ANN, order)
    assert isinstance(again, RequestRejected)


def test_a_lost_line_takes_what_came_on_it_and_is_watched_no_longer(venue: Venue) -> None:
    for number, line in enumerate((3, 3, 4, 0)):
        venue.place(ANN, BUY, 1, 78_000 + number, line=line)
    venue.place(BOB, BUY, 1, 78_000, line=3)
    for line in (3, 5):
        (told,) = venue.tell(WatchLine(participant_id=ANN, line=line, watched=True))
        assert told == LineWatched(participant_id=ANN, line=line, watched=True)
    venue.tell(WatchLine(participant_id=ANN, line=5, watched=False))
    seat = venue.state.seats[ANN]
    assert list(seat.watched) == [3]
    lost = of_kind(venue.tell(CancelAll(participant_id=ANN, line=3)), OrderCanceled)
    assert [(one.order_id, one.cause) for one in lost] == [
        (1, CancelCause.LINE_LOST),
        (2, CancelCause.LINE_LOST),
    ]
    assert not seat.watched and list(seat.orders) == [3, 4]
    assert len(venue.state.seats[BOB].orders) == 1


def test_a_line_of_nobody_is_refused(venue: Venue) -> None:
    (refused,) = venue.tell(WatchLine(participant_id=CYD, line=1, watched=True))
    assert isinstance(refused, RequestRejected) and refused.reason is RejectReason.UNKNOWN_PARTICIPANT


def test_an_order_that_comes_again_on_another_line_is_the_same(venue: Venue) -> None:
    first = PlaceOrder(
        participant_id=ANN, client_order_id=7, instrument_id=BTCF, side=BUY, quantity=1, price=78_000, line=3
    )
    venue.tell(first)
    (told,) = venue.tell(changed(first, line=4))
    assert isinstance(told, RequestExists) and told.order_id == 1


def test_time_that_passes_does_what_fell_due_and_nothing_else(venue: Venue) -> None:
    venue.exchange.advance(venue.state.sessions[0].closes - 1)
    at = venue.state.sessions[0].closes
    told = venue.exchange.handle(PassTime(), at)
    assert any(isinstance(entry.event, SessionClosed) for entry in told)
    assert venue.exchange.handle(PassTime(), at) == [] and venue.state.now == at


def test_cancel_all_takes_every_order_of_one_participant(venue: Venue) -> None:
    venue.rest(ANN, SELL, 3, 80_000)
    venue.rest(ANN, BUY, 3, 79_000)
    venue.rest(BOB, BUY, 1, 78_000)
    events = venue.tell(CancelAll(participant_id=ANN))
    assert len(of_kind(events, OrderCanceled)) == 2
    assert venue.held(ANN) == 0 and len(venue.state.series[BTCF].book.orders) == 1


def test_requests_beyond_the_rate_are_refused_until_the_next_second() -> None:
    venue = Venue(regime=a_regime(market=MarketRules(max_requests_per_second=2)))
    venue.admit(ANN)
    for _ in range(2):
        assert of_kind(venue.place(ANN, BUY, 1, 79_000), OrderAccepted)
    assert reason_of(venue.place(ANN, BUY, 1, 79_000)) is RejectReason.TOO_MANY_REQUESTS
    venue.wait_until(OPENS + SECOND)
    assert of_kind(venue.place(ANN, BUY, 1, 79_000), OrderAccepted)


def test_a_product_that_may_only_be_reduced_can_be_closed() -> None:
    venue = Venue()
    venue.admit(ANN)
    venue.admit(BOB)
    venue.trade(ANN, BOB, 5, 80_000)
    for seat in venue.state.seats.values():
        seat.refusals.clear()
        seat.access_class = type(seat.access_class)(
            class_id="closing",
            title="Closing",
            any_of=(),
            permissions={Product.FUTURE: Permission.REDUCE_ONLY},
        )
    assert reason_of(venue.place(ANN, BUY, 1, 80_000)) is RejectReason.REDUCE_ONLY
    assert reason_of(venue.place(ANN, BUY, 0, 80_000)) is RejectReason.QUANTITY_NOT_POSITIVE
    assert reason_of(venue.place(ANN, BUY, 1, 160_001)) is RejectReason.PRICE_OUTSIDE_COLLAR
    assert of_kind(venue.place(ANN, SELL, 5, 80_000), OrderAccepted)
    assert of_kind(venue.place(BOB, BUY, 5, 80_000), TradeReported)

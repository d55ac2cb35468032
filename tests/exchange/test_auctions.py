"""The phases of an instrument's day: calls and their one price, halts, interruptions, extensions, expiry in a call."""

from typing import Any

import pytest

from exchange.access.regime import MarketRules
from exchange.commands import (
    AdoptRegime,
    AmendOrder,
    HaltInstrument,
    PlaceOrder,
    ResumeInstrument,
    SessionTerms,
)
from exchange.events import (
    AuctionUncrossed,
    BestPricesChanged,
    CallExtended,
    CancelCause,
    Event,
    IndicationChanged,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
    PhaseChanged,
    RequestRejected,
    SessionClosed,
    TradeReported,
    TradingInterrupted,
)
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE, SECOND, Money, Time
from matching.phases import Phase
from matching.terms import OrderId, ParticipantId, Price, SelfTradePrevention, TimeInForce
from matching.triggers import PriceSource
from tests.builders import ANN, BOB, BTCF, BUY, CYD, OPENS, SELL, Venue, a_regime, future, of_kind

CASH: Money = 10**12
CLOSES: Time = OPENS + HOUR
ONE_HOUR = (SessionTerms(opens=OPENS, closes=CLOSES),)
HALT, RESUME = HaltInstrument(instrument_id=BTCF), ResumeInstrument(instrument_id=BTCF)


def a_venue(*, regime: Any = None, sessions: tuple[SessionTerms, ...] = ONE_HOUR, **terms: Any) -> Venue:
    """Ann, Bob and Cyd trade one future on those terms, in a session of an hour."""
    venue = Venue(future(**terms), regime=regime, sessions=sessions)
    for name in (ANN, BOB, CYD):
        venue.admit(name, CASH)
    return venue


def phases(events: list[Event]) -> list[Phase]:
    return [e.phase for e in of_kind(events, PhaseChanged)]


def phase_of(venue: Venue) -> Phase:
    phase: Phase = venue.state.series[BTCF].market.phase
    return phase


def trades(events: list[Event]) -> list[tuple[Price, int, object]]:
    return [(e.price, e.quantity, e.taker_side) for e in of_kind(events, TradeReported)]


def ended(events: list[Event]) -> list[tuple[OrderId, CancelCause]]:
    return [(e.order_id, e.cause) for e in of_kind(events, OrderCanceled)]


def uncrossed(events: list[Event]) -> list[tuple[Price | None, int]]:
    return [(e.price, e.volume) for e in of_kind(events, AuctionUncrossed)]


def three_orders(venue: Venue) -> None:
    """Bob asks 79,000 for five and Cyd 80,000 for three; Ann bids 81,000 for six: they cross at 80,000.

    From 80,000 up all six can trade; there two are left offered, so the lowest such price is taken.
    """
    venue.place(BOB, SELL, 5, 79_000)
    venue.place(CYD, SELL, 3, 80_000)
    venue.place(ANN, BUY, 6, 81_000)


# --- the opening ----------------------------------------------------------------------------------------


def test_the_pre_opening_collects_and_publishes_nothing() -> None:
    venue = a_venue(pre_open=10 * SECOND, opening_call=10 * SECOND)
    assert phase_of(venue) is Phase.PRE_OPEN
    assert of_kind(venue.place(ANN, BUY, 1, 81_000), OrderAccepted)
    assert [type(e) for e in venue.place(BOB, SELL, 1, 80_000)] == [OrderAccepted]
    assert venue.wait_until(OPENS + 10 * SECOND - 1) == []
    assert phases(venue.wait_until(OPENS + 10 * SECOND)) == [Phase.AUCTION]


def test_the_opening_call_shows_where_it_would_cross_once_a_second_if_that_has_changed() -> None:
    venue = a_venue(opening_call=10 * SECOND)
    nothing = IndicationChanged(instrument_id=BTCF, price=None, volume=0, surplus=0)
    assert of_kind(venue.wait_until(OPENS + SECOND), IndicationChanged) == [nothing]
    three_orders(venue)
    assert venue.wait_until(OPENS + 2 * SECOND - 1) == []
    (shown,) = venue.wait_until(OPENS + 2 * SECOND)
    assert shown == IndicationChanged(instrument_id=BTCF, price=80_000, volume=6, surplus=-2)
    assert venue.wait_until(OPENS + 9 * SECOND) == []


def test_the_opening_call_ends_at_one_price_and_both_sides_pay_the_makers_fee() -> None:
    venue = a_venue(opening_call=10 * SECOND, fee_maker=20, fee_taker=60)
    three_orders(venue)
    events = venue.wait_until(OPENS + 10 * SECOND)
    assert trades(events) == [(80_000, 5, None), (80_000, 1, None)]
    fills = of_kind(events, OrderFilled)
    assert [(f.participant_id, f.quantity, f.remaining, f.fee) for f in fills] == [
        (ANN, 5, 1, 100), (BOB, 5, 0, 100), (ANN, 1, 0, 20), (CYD, 1, 2, 20),
    ]  # fmt: skip
    assert {f.liquidity for f in fills} == {Liquidity.AUCTION}
    assert uncrossed(events) == [(80_000, 6)] and phases(events) == [Phase.CONTINUOUS]
    assert [venue.position(name) for name in (ANN, BOB, CYD)] == [6, -5, -1]


def test_what_was_held_for_a_better_price_comes_back_when_the_call_has_uncrossed() -> None:
    """Ann had 6 x 810,060 held; she pays 6 x 800,000 and 6 x 20. Two lots of Cyd's still rest, with the dearer fee."""
    venue = a_venue(opening_call=10 * SECOND, fee_maker=20, fee_taker=60)
    three_orders(venue)
    assert venue.held(ANN) == 6 * 810_060
    venue.wait_until(OPENS + 10 * SECOND)
    assert (venue.held(ANN), venue.locked(ANN), venue.free_cash(ANN)) == (0, 4_800_000, CASH - 4_800_120)
    assert (venue.held(BOB), venue.locked(BOB), venue.free_cash(BOB)) == (0, 4_000_000, CASH - 4_000_100)
    assert (venue.held(CYD), venue.locked(CYD)) == (2 * 800_060, 800_000)
    assert venue.free_cash(CYD) == CASH - 800_020 - 2 * 800_060
    assert venue.pool() == 6 * 1_600_000


def test_best_prices_are_shown_only_when_the_call_is_over() -> None:
    venue = a_venue(opening_call=10 * SECOND)
    three_orders(venue)
    during = venue.wait_until(OPENS + 9 * SECOND)
    assert not of_kind(during, BestPricesChanged)
    (best,) = of_kind(venue.wait_until(OPENS + 10 * SECOND), BestPricesChanged)
    assert (best.bid, best.ask, best.ask_quantity) == (None, 80_000, 2)


def test_a_call_in_which_nothing_crosses_ends_without_a_price() -> None:
    venue = a_venue(opening_call=10 * SECOND)
    venue.place(ANN, BUY, 1, 79_000)
    venue.place(BOB, SELL, 1, 80_000)
    events = venue.wait_until(OPENS + 10 * SECOND)
    assert uncrossed(events) == [(None, 0)] and trades(events) == []
    assert venue.state.series[BTCF].book.depth(BUY, 1) == [(79_000, 1)]


def test_what_was_only_for_the_auction_ends_with_it() -> None:
    venue = a_venue(opening_call=10 * SECOND)
    venue.place(ANN, BUY, 3, 80_000, time_in_force=TimeInForce.AUCTION)
    venue.place(BOB, SELL, 1, 80_000)
    events = venue.wait_until(OPENS + 10 * SECOND)
    assert trades(events) == [(80_000, 1, None)] and ended(events) == [(1, CancelCause.NOT_FILLED)]
    assert venue.held(ANN) == 0


def test_an_order_for_the_auction_waits_on_if_the_pre_opening_ends_without_a_call() -> None:
    venue = a_venue(pre_open=10 * SECOND)
    venue.place(ANN, BUY, 3, 80_000, time_in_force=TimeInForce.AUCTION)
    venue.wait_until(OPENS + 10 * SECOND)
    assert phase_of(venue) is Phase.CONTINUOUS
    assert trades(venue.place(BOB, SELL, 1, 80_000)) == []


def test_a_crossed_pre_opening_is_uncrossed_even_where_there_is_no_call() -> None:
    venue = a_venue(pre_open=10 * SECOND)
    three_orders(venue)
    events = venue.wait_until(OPENS + 10 * SECOND)
    assert phases(events) == [Phase.AUCTION, Phase.CONTINUOUS] and uncrossed(events) == [(80_000, 6)]


def test_a_canceled_order_takes_no_part_and_an_amended_one_does_as_amended() -> None:
    venue = a_venue(opening_call=10 * SECOND)
    three_orders(venue)
    venue.cancel(BOB, OrderId(1))
    (amended,) = of_kind(
        venue.tell(AmendOrder(participant_id=ANN, order_id=OrderId(3), price=82_000, quantity=2)),
        OrderAmended,
    )
    assert not amended.kept_priority
    assert uncrossed(venue.wait_until(OPENS + 10 * SECOND)) == [(80_000, 2)]


@pytest.mark.parametrize(
    ("prevention", "volume"),
    [(SelfTradePrevention.CANCEL_RESTING, 0), (SelfTradePrevention.CANCEL_INCOMING, 5)],
)
def test_in_a_call_nobody_meets_itself_from_the_moment_it_enters(
    prevention: SelfTradePrevention, volume: int
) -> None:
    """Bob asks for five; when he comes to bid as well, one of the two goes at once. Ann would take his five."""
    rules = MarketRules(self_trade_prevention=prevention)
    venue = a_venue(opening_call=10 * SECOND, regime=a_regime(market=rules))
    venue.place(BOB, SELL, 5, 79_000)
    (gone,) = of_kind(venue.place(BOB, BUY, 5, 80_000), OrderCanceled)
    assert gone.cause is CancelCause.SELF_TRADE
    venue.place(ANN, BUY, 5, 80_000)
    assert sum(v for _, v in uncrossed(venue.wait_until(OPENS + 10 * SECOND))) == volume


def test_a_stop_that_the_call_reached_fires_when_trading_is_continuous() -> None:
    venue = a_venue(opening_call=10 * SECOND)
    (waiting,) = venue.place(CYD, BUY, 1, 70_000, trigger_source=PriceSource.LAST, trigger_price=80_000)
    venue.place(ANN, BUY, 1, 80_000)
    venue.place(BOB, SELL, 1, 80_000)
    events = venue.wait_until(OPENS + 10 * SECOND)
    kinds = [type(e) for e in events]
    assert kinds.index(PhaseChanged) < kinds.index(OrderTriggered)
    assert [e.order_id for e in of_kind(events, OrderTriggered)] == [waiting.order_id]  # type: ignore[union-attr]


# --- the close ------------------------------------------------------------------------------------------


def test_the_closing_call_uncrosses_when_the_session_closes() -> None:
    venue = a_venue(closing_call=5 * MINUTE)
    venue.rest(BOB, SELL, 2, 80_000)
    began = venue.wait_until(CLOSES - 5 * MINUTE)
    assert phases(began) == [Phase.AUCTION]
    assert [(e.bid, e.ask) for e in of_kind(began, BestPricesChanged)] == [(None, None)]
    assert trades(venue.place(ANN, BUY, 3, 80_000)) == []
    assert trades(venue.wait_until(CLOSES - 1)) == []
    events = venue.wait_until(CLOSES)
    assert trades(events) == [(80_000, 2, None)] and uncrossed(events) == [(80_000, 2)]
    assert ended(events) == [(2, CancelCause.SESSION_END)]  # the lot that Ann did not get
    assert phases(events) == [Phase.CLOSED] and of_kind(events, SessionClosed)
    assert (venue.held(ANN), venue.locked(ANN)) == (0, 1_600_000)


def test_the_closing_call_is_not_extended() -> None:
    venue = a_venue(closing_call=5 * MINUTE, call_extension=MINUTE, halt_call=MINUTE, static_band_bp=100)
    venue.wait_until(CLOSES - 5 * MINUTE)
    venue.place(BOB, SELL, 1, 90_000)
    venue.place(ANN, BUY, 1, 90_000)
    events = venue.wait_until(CLOSES)
    assert not of_kind(events, CallExtended) and trades(events) == [(90_000, 1, None)]


def test_a_series_that_was_halted_over_the_opening_has_its_closing_call_all_the_same() -> None:
    """It is halted on the first day and resumed in the second session, an hour before that closes."""
    second = SessionTerms(opens=OPENS + 2 * HOUR, closes=OPENS + 3 * HOUR)
    venue = a_venue(closing_call=5 * MINUTE, sessions=(*ONE_HOUR, second))
    venue.tell(HALT)
    venue.wait_until(second.opens)
    venue.tell(RESUME)
    assert phases(venue.wait_until(second.closes - 5 * MINUTE)) == [Phase.AUCTION]


def test_a_series_resumed_within_the_closing_call_closes_with_a_call() -> None:
    venue = a_venue(closing_call=5 * MINUTE)
    venue.tell(HALT)
    venue.wait_until(CLOSES - 4 * MINUTE)
    venue.tell(RESUME)
    venue.wait_until(CLOSES - MINUTE)
    assert phase_of(venue) is Phase.AUCTION


def test_a_call_that_lasts_into_the_closing_one_goes_on_until_the_close() -> None:
    """An interruption's call of two minutes begins a minute before the closing call."""
    venue = a_venue(closing_call=5 * MINUTE, halt_call=2 * MINUTE)
    venue.wait_until(CLOSES - 6 * MINUTE)
    venue.tell(HALT)
    venue.tell(RESUME)
    venue.wait_until(CLOSES - MINUTE)
    assert phase_of(venue) is Phase.AUCTION


# --- halts ----------------------------------------------------------------------------------------------


def test_in_a_halt_orders_stay_and_leave_but_do_not_enter() -> None:
    venue = a_venue(halt_call=MINUTE)
    venue.rest(ANN, BUY, 2, 79_000)
    venue.rest(ANN, BUY, 1, 78_000)
    assert phases(venue.tell(HALT)) == [Phase.HALTED]
    (refused,) = venue.place(BOB, SELL, 1, 79_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSTRUMENT_HALTED
    for price, quantity in ((79_000, 1), (79_500, 2)):
        amend = AmendOrder(participant_id=ANN, order_id=OrderId(1), price=price, quantity=quantity)
        (told,) = venue.tell(amend)
        assert isinstance(told, RequestRejected) and told.reason is RejectReason.INSTRUMENT_HALTED
    assert ended(venue.cancel(ANN, OrderId(2))) == [(2, CancelCause.REQUESTED)]
    assert venue.held(ANN) == 2 * 790_000


def test_a_halt_ends_with_a_call() -> None:
    venue = a_venue(halt_call=MINUTE)
    venue.rest(BOB, SELL, 2, 80_000)
    venue.tell(HALT)
    assert phases(venue.tell(RESUME)) == [Phase.AUCTION]
    assert trades(venue.place(ANN, BUY, 2, 81_000)) == []
    assert trades(venue.wait_until(OPENS + MINUTE - 1)) == []
    events = venue.wait_until(OPENS + MINUTE)
    assert trades(events) == [(80_000, 2, None)] and phases(events) == [Phase.CONTINUOUS]


def test_a_halt_without_a_call_ends_in_continuous_trading() -> None:
    venue = a_venue()
    venue.rest(BOB, SELL, 2, 80_000)
    venue.tell(HALT)
    assert phases(venue.tell(RESUME)) == [Phase.CONTINUOUS]
    assert trades(venue.place(ANN, BUY, 2, 80_000)) == [(80_000, 2, BUY)]


def test_a_crossed_call_that_was_halted_is_uncrossed_when_it_resumes_and_not_before() -> None:
    venue = a_venue(opening_call=10 * SECOND)
    three_orders(venue)
    venue.tell(HALT)
    assert trades(venue.wait_until(OPENS + MINUTE)) == []  # the call's end passes by
    events = venue.tell(RESUME) + venue.wait_until(venue.now)
    assert phases(events) == [Phase.AUCTION, Phase.CONTINUOUS] and uncrossed(events) == [(80_000, 6)]


def test_a_pre_opening_that_was_halted_and_resumed_into_trading_stays_there() -> None:
    """The end that the pre-opening would have had begins no call."""
    venue = a_venue(pre_open=MINUTE, opening_call=MINUTE)
    venue.tell(HALT)
    assert phases(venue.tell(RESUME)) == [Phase.CONTINUOUS]
    assert phases(venue.wait_until(OPENS + 3 * MINUTE)) == []


def test_a_call_that_was_halted_and_resumed_still_shows_its_price_once_a_second() -> None:
    """Two calls begin half a second apart; in the second one two changes within a second are shown as one."""
    venue = a_venue(halt_call=10 * SECOND)
    venue.tell(HALT)
    venue.tell(RESUME)
    venue.wait_until(OPENS + SECOND // 2)
    venue.tell(HALT)
    venue.tell(RESUME)
    start = OPENS + 2 * SECOND - 1
    venue.wait_until(start)
    venue.place(BOB, SELL, 2, 80_000)
    venue.place(ANN, BUY, 1, 80_000)
    events = venue.wait_until(start + SECOND // 4)
    venue.place(ANN, BUY, 1, 80_000)
    events += venue.wait_until(start + SECOND - 1)
    assert len(of_kind(events, IndicationChanged)) == 1


def test_after_the_close_orders_are_refused() -> None:
    venue = a_venue()
    venue.wait_until(CLOSES)
    (refused,) = venue.place(ANN, BUY, 1, 79_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.SESSION_CLOSED
    assert phase_of(venue) is Phase.CLOSED


# --- bands ----------------------------------------------------------------------------------------------


def test_an_order_trades_up_to_the_static_band_and_then_everybody_is_called() -> None:
    """2% around 80,000 is 81,600. What Ann could not trade rests in the call and crosses there a minute later."""
    venue = a_venue(static_band_bp=200, halt_call=MINUTE)
    for price in (81_000, 81_600, 82_000):
        venue.rest(BOB, SELL, 2, price)
    events = venue.place(ANN, BUY, 7, 82_000)
    assert trades(events) == [(81_000, 2, BUY), (81_600, 2, BUY)]
    interrupted = TradingInterrupted(instrument_id=BTCF, bound=81_600)
    assert events[events.index(interrupted) + 1] == PhaseChanged(instrument_id=BTCF, phase=Phase.AUCTION)
    assert [(e.bid, e.ask) for e in of_kind(events, BestPricesChanged)] == [(None, None)]
    assert venue.held(ANN) == 3 * 820_000
    ends = venue.wait_until(OPENS + MINUTE)
    assert trades(ends) == [(82_000, 2, None)] and phases(ends) == [Phase.CONTINUOUS]
    assert venue.state.series[BTCF].book.depth(BUY, 1) == [(82_000, 1)]
    assert (venue.position(ANN), venue.held(ANN)) == (6, 820_000)


def test_the_static_band_follows_the_price_of_the_auction_and_not_that_of_trades() -> None:
    """The opening uncrosses at 81,000: 1% of it is 810. A trade at 81,800 moves nothing."""
    venue = a_venue(opening_call=10 * SECOND, static_band_bp=100, halt_call=MINUTE)
    venue.place(BOB, SELL, 1, 81_000)
    venue.place(ANN, BUY, 1, 81_000)
    venue.wait_until(OPENS + 10 * SECOND)
    venue.trade(ANN, BOB, 1, 81_800)
    venue.rest(BOB, SELL, 1, 81_810)
    venue.rest(BOB, SELL, 1, 81_811)
    events = venue.place(ANN, BUY, 2, 82_000)
    assert trades(events) == [(81_810, 1, BUY)]
    assert [e.bound for e in of_kind(events, TradingInterrupted)] == [81_810]


@pytest.mark.parametrize(("side", "inside", "outside"), [(BUY, 81_305, 81_306), (SELL, 79_695, 79_694)])
def test_the_dynamic_band_follows_the_last_trade(side: Any, inside: Price, outside: Price) -> None:
    """1% around the last trade at 80,500."""
    venue = a_venue(dynamic_band_bp=100, halt_call=MINUTE)
    venue.trade(ANN, BOB, 1, 80_500)
    opposite = SELL if side is BUY else BUY
    for price in (inside, outside):
        venue.rest(BOB, opposite, 1, price)
    events = venue.place(CYD, side, 2, outside)
    assert trades(events) == [(inside, 1, side)]
    assert [e.bound for e in of_kind(events, TradingInterrupted)] == [inside]


def test_an_order_that_may_not_rest_is_canceled_where_the_band_stops_it() -> None:
    venue = a_venue(static_band_bp=200, halt_call=MINUTE)
    venue.rest(BOB, SELL, 2, 81_600)
    venue.rest(BOB, SELL, 2, 81_601)
    events = venue.place(ANN, BUY, 4, 82_000, time_in_force=TimeInForce.IOC)
    assert trades(events) == [(81_600, 2, BUY)] and ended(events) == [(3, CancelCause.NOT_FILLED)]
    assert phase_of(venue) is Phase.AUCTION and venue.held(ANN) == 0


def test_fill_or_kill_does_not_count_what_lies_behind_the_band() -> None:
    venue = a_venue(static_band_bp=200, halt_call=MINUTE)
    venue.rest(BOB, SELL, 2, 81_600)
    venue.rest(BOB, SELL, 2, 81_601)
    (refused,) = venue.place(ANN, BUY, 4, 82_000, time_in_force=TimeInForce.FOK)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.UNFILLABLE_AT_ONCE
    assert phase_of(venue) is Phase.CONTINUOUS


def test_a_call_outside_the_band_is_extended_once() -> None:
    """83,000 lies outside 2% around 80,000. After five seconds more it is taken as it is."""
    venue = a_venue(opening_call=10 * SECOND, call_extension=5 * SECOND, static_band_bp=200, halt_call=MINUTE)
    venue.place(BOB, SELL, 2, 83_000)
    venue.place(ANN, BUY, 2, 83_000)
    until = OPENS + 15 * SECOND
    events = venue.wait_until(OPENS + 10 * SECOND)
    assert of_kind(events, CallExtended) == [CallExtended(instrument_id=BTCF, until=until)]
    assert trades(events) == [] and phases(events) == []
    assert venue.wait_until(until - 1) == []
    events = venue.wait_until(until)
    assert trades(events) == [(83_000, 2, None)] and phases(events) == [Phase.CONTINUOUS]
    assert not of_kind(events, CallExtended)


def test_a_call_at_the_edge_of_the_band_is_not_extended() -> None:
    venue = a_venue(opening_call=10 * SECOND, call_extension=5 * SECOND, static_band_bp=200, halt_call=MINUTE)
    venue.place(BOB, SELL, 2, 81_600)
    venue.place(ANN, BUY, 2, 81_600)
    assert trades(venue.wait_until(OPENS + 10 * SECOND)) == [(81_600, 2, None)]


def test_each_call_may_be_extended() -> None:
    """The opening was; the interruption's call, at 85,000 after 83,000, is again."""
    venue = a_venue(opening_call=10 * SECOND, call_extension=5 * SECOND, static_band_bp=200, halt_call=MINUTE)
    venue.place(BOB, SELL, 2, 83_000)
    venue.place(ANN, BUY, 2, 83_000)
    venue.wait_until(OPENS + 15 * SECOND)
    venue.rest(BOB, SELL, 1, 85_000)
    assert of_kind(venue.place(ANN, BUY, 1, 85_000), TradingInterrupted)
    events = venue.wait_until(OPENS + 15 * SECOND + MINUTE)
    assert [e.until for e in of_kind(events, CallExtended)] == [OPENS + 20 * SECOND + MINUTE]


# --- what else may happen to a call ---------------------------------------------------------------------


def test_a_call_ends_with_the_expiry_and_what_it_leaves_is_canceled() -> None:
    venue = a_venue(
        opening_call=2 * HOUR, expiry=CLOSES, sessions=(SessionTerms(opens=OPENS, closes=OPENS + 3 * HOUR),)
    )
    venue.wait_until(CLOSES - SECOND)
    three_orders(venue)
    events = venue.wait_until(CLOSES)
    assert trades(events) == [(80_000, 5, None), (80_000, 1, None)] and uncrossed(events) == [(80_000, 6)]
    assert ended(events) == [(2, CancelCause.EXPIRY)]
    assert phases(events)[0] is Phase.CLOSED
    assert [venue.held(name) for name in (ANN, BOB, CYD)] == [0, 0, 0]
    assert trades(venue.wait_until(OPENS + 2 * HOUR + MINUTE)) == []  # the end that the call would have had


def test_another_regime_changes_who_gives_way_on_a_market_that_lives() -> None:
    venue = a_venue()
    first = venue.rest(ANN, SELL, 1, 80_000)
    rules = MarketRules(self_trade_prevention=SelfTradePrevention.CANCEL_INCOMING)
    venue.tell(AdoptRegime(regime=a_regime(market=rules)))
    assert ended(venue.place(ANN, BUY, 1, 80_000)) == [(2, CancelCause.SELF_TRADE)]
    assert list(venue.state.seats[ANN].orders) == [first]


def busy(venue: Venue) -> None:
    """What is to happen later: a crossed opening, a stop, an order with a date, one for the close, one over night."""
    three_orders(venue)
    more: tuple[tuple[ParticipantId, Any, dict[str, Any]], ...] = (
        (CYD, BUY, {"price": 79_500, "trigger_source": PriceSource.LAST, "trigger_price": 80_000}),
        (BOB, SELL, {"price": 85_000, "time_in_force": TimeInForce.GTD, "good_until": OPENS + 17 * MINUTE}),
        (BOB, BUY, {"price": 81_000, "time_in_force": TimeInForce.GTC}),
    )
    for number, (name, side, asked) in enumerate(more, 100):
        venue.tell(
            PlaceOrder(
                participant_id=name,
                client_order_id=number,
                instrument_id=BTCF,
                side=side,
                quantity=3,
                **asked,
            )
        )


def test_whoever_is_woken_late_tells_the_same_story() -> None:
    """Two venues with the same orders; one looks at its clock each second, the other hours later."""
    stories = []
    for step in (SECOND, 3 * HOUR):
        venue = a_venue(
            sessions=(*ONE_HOUR, SessionTerms(opens=OPENS + 2 * HOUR, closes=OPENS + 3 * HOUR)),
            pre_open=5 * SECOND,
            opening_call=10 * SECOND,
            closing_call=MINUTE,
            call_extension=3 * SECOND,
            halt_call=MINUTE,
            static_band_bp=100,
        )
        busy(venue)
        entries, now = [], OPENS
        while now < OPENS + 3 * HOUR:
            now += step
            entries += venue.exchange.advance(min(now, OPENS + 3 * HOUR))
        stories.append(entries)
    by_the_second, late = stories
    assert by_the_second == late
    assert {AuctionUncrossed, OrderTriggered, IndicationChanged, OrderCanceled} <= {
        type(e.event) for e in late
    }

"""Nobody may hold more of a coin than the regime says, over all series together; beyond its tiers one is told of."""

from collections.abc import Iterable

from exchange.access.listing import Underlying
from exchange.access.regime import ListingScreen, PositionLimit, PositionTier
from exchange.commands import AdoptRegime, AmendOrder
from exchange.events import (
    CancelCause,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderRejected,
    PositionTierPassed,
    RequestRejected,
    TradeReported,
    UnderlyingWithheld,
)
from exchange.instruments import DERIVATIVES, ContractKind
from exchange.reasons import RejectReason
from exchange.units import ONE_UNIT
from matching.terms import OrderId
from tests.builders import ANN, BOB, BUY, SELL, Venue, a_regime, future, of_kind, option

LOT = ONE_UNIT // 1_000
CALL = option(ContractKind.CALL, 80_000)
PUT = option(ContractKind.PUT, 80_000)
AT_MOST_A_HUNDRED = a_regime(
    position_limits=(
        PositionLimit(
            coin="BTC",
            products=DERIVATIVES,
            units=100 * LOT,
            tiers=(PositionTier(units=40 * LOT), PositionTier(units=80 * LOT)),
        ),
    )
)


def a_venue(regime: object = AT_MOST_A_HUNDRED) -> Venue:
    venue = Venue(future(), CALL, PUT, regime=regime)  # type: ignore[arg-type]
    venue.admit(ANN)
    venue.admit(BOB)
    return venue


def refused(events: list[Event]) -> list[RejectReason]:
    return [event.reason for event in of_kind(events, OrderRejected)]


def test_live_orders_to_the_same_side_count_and_those_to_the_other_do_not() -> None:
    venue = a_venue()
    venue.rest(ANN, BUY, 60, 79_000)
    assert refused(venue.place(ANN, BUY, 41, 79_000)) == [RejectReason.POSITION_LIMIT]
    venue.rest(ANN, BUY, 40, 79_000)
    venue.rest(ANN, SELL, 100, 81_000)
    assert refused(venue.place(ANN, SELL, 1, 81_000)) == [RejectReason.POSITION_LIMIT]


def test_an_amendment_is_held_against_the_limit_without_what_it_replaces() -> None:
    venue = a_venue()
    order_id = venue.rest(ANN, BUY, 60, 79_000)

    def amended_to(quantity: int) -> list[Event]:
        return venue.tell(
            AmendOrder(participant_id=ANN, order_id=OrderId(order_id), price=79_100, quantity=quantity)
        )

    (told,) = of_kind(amended_to(101), RequestRejected)
    assert told.reason is RejectReason.POSITION_LIMIT
    assert of_kind(amended_to(100), OrderAmended)


def test_series_on_one_coin_add_up_and_a_put_counts_against_a_future() -> None:
    venue = a_venue()
    venue.trade(ANN, BOB, 60, 80_000)
    assert refused(venue.place(ANN, BUY, 41, 500, instrument_id=CALL.instrument_id)) == [
        RejectReason.POSITION_LIMIT
    ]
    venue.trade(ANN, BOB, 60, 500, PUT.instrument_id)
    assert venue.position(ANN, PUT.instrument_id) == 60
    venue.rest(ANN, BUY, 100, 79_000)  # the put has taken the future away
    assert refused(venue.place(ANN, BUY, 1, 79_000)) == [RejectReason.POSITION_LIMIT]


def test_what_was_held_before_the_limit_came_may_be_made_smaller_and_not_larger() -> None:
    venue = a_venue(a_regime())
    venue.trade(ANN, BOB, 150, 80_000)
    venue.tell(AdoptRegime(regime=AT_MOST_A_HUNDRED))
    assert refused(venue.place(ANN, BUY, 1, 80_000)) == [RejectReason.POSITION_LIMIT]
    assert of_kind(venue.place(ANN, SELL, 20, 80_000), OrderAccepted)
    assert of_kind(venue.place(BOB, BUY, 20, 80_000), TradeReported)
    assert venue.position(ANN) == 130


def passed(events: Iterable[Event]) -> list[tuple[str, int, int]]:
    return [(e.participant_id, e.tier, e.units // LOT) for e in events if isinstance(e, PositionTierPassed)]


def test_each_side_of_a_trade_is_told_of_when_it_passes_a_tier_and_not_on_the_way_back() -> None:
    venue = a_venue()
    venue.rest(BOB, SELL, 100, 80_000)
    assert passed(venue.place(ANN, BUY, 40, 80_000)) == []
    assert passed(venue.place(ANN, BUY, 1, 80_000)) == [(ANN, 1, 41), (BOB, 1, -41)]
    assert passed(venue.place(ANN, BUY, 40, 80_000)) == [(ANN, 2, 81), (BOB, 2, -81)]
    venue.rest(BOB, BUY, 60, 79_000)
    assert passed(venue.place(ANN, SELL, 60, 79_000)) == []
    assert passed(venue.place(ANN, BUY, 19, 80_000)) == []
    assert venue.position(ANN) == 40


def test_a_screen_that_comes_later_leaves_the_way_out_open() -> None:
    venue = a_venue(a_regime())
    venue.state.underlyings["BTC"] = Underlying(coin="BTC", market_value=59, daily_volume=1, traded_since=0)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.rest(ANN, BUY, 1, 79_000)
    events = venue.tell(AdoptRegime(regime=a_regime(listing=ListingScreen(market_value_min=60))))
    (told,) = of_kind(events, UnderlyingWithheld)
    assert (told.coin, told.explanation) == ("BTC", "its market value is USD 59, not USD 60 or more")
    assert [e.cause for e in of_kind(events, OrderCanceled)] == [CancelCause.PARTICIPANT_RESTRICTED]
    assert refused(venue.place(ANN, BUY, 1, 79_000)) == [RejectReason.UNDERLYING_WITHHELD]
    venue.rest(ANN, SELL, 10, 80_000)
    assert of_kind(venue.place(BOB, BUY, 10, 80_000), TradeReported)
    venue.tell(AdoptRegime(regime=a_regime()))
    venue.rest(ANN, BUY, 1, 79_000)

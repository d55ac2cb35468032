"""A noise trader: the mix of the reference workload, towards a wish of its own."""

from collections import Counter

from exchange.commands import CancelOrder, PlaceOrder
from exchange.events import OrderRejected
from exchange.reasons import RejectReason
from matching.terms import OrderId, Side
from participants.strategies.noise_trader import NoiseTerms, NoiseTrader
from tests.participants.builders import (
    FUTURE,
    ME,
    OPENS,
    EchoVenue,
    Market,
    a_profile,
    accepted,
    an_instrument,
    dice,
)


def a_noise_trader(**terms: float) -> NoiseTrader:
    return NoiseTrader(a_profile(), an_instrument(), dice(), OPENS, NoiseTerms(**terms))  # type: ignore[arg-type]


def test_its_mix_is_market_orders_cancels_and_limit_orders() -> None:
    market, trader = Market(), a_noise_trader()
    venue, sent = EchoVenue(market, an_instrument()), Counter[str]()
    for _ in range(3_000):
        commands = market.ask(trader)
        for command in commands:
            at_market = isinstance(command, PlaceOrder) and command.price is None
            sent["market" if at_market else type(command).__name__] += 1
        trader.desk.hear(venue.take(commands))
    total = sent.total()
    assert total > 1_500
    assert 0.10 < sent["market"] / total < 0.25
    assert 0.10 < sent["CancelOrder"] / total < 0.40
    assert sent["PlaceOrder"] / total > 0.35


def test_a_limit_order_stands_a_little_off_the_best_opposite_price() -> None:
    market, trader = Market(), a_noise_trader(market_share=0.0, cancel_share=0.0, distance_max=20)
    for _ in range(50):
        for order in market.ask(trader):
            assert isinstance(order, PlaceOrder)
            assert order.price is not None
            touch = 80_010 if order.side is Side.BUY else 79_990
            assert 1 <= order.side * (touch - order.price) <= 20


def test_without_a_market_it_prices_from_the_index() -> None:
    market, trader = Market(), a_noise_trader(market_share=0.0)
    market.best(None, None)
    orders = [order for _ in range(10) for order in market.ask(trader)]
    assert orders
    assert all(isinstance(order, PlaceOrder) and abs(order.price - 80_000) <= 80 for order in orders)  # type: ignore[operator]


def test_without_an_opposite_price_it_sends_no_market_order() -> None:
    market, trader = Market(), a_noise_trader(market_share=1.0)
    market.best(None, None)
    assert not [command for _ in range(20) for command in market.ask(trader)]


def test_it_cancels_only_what_is_alive() -> None:
    market, trader = Market(), a_noise_trader(market_share=0.0, cancel_share=1.0)
    sent = market.ask(trader, [accepted(4, Side.BUY, 79_000, 1)])
    assert sent == [CancelOrder(participant_id=ME, order_id=OrderId(4))]


def test_refusals_for_want_of_room_make_it_smaller() -> None:
    trader = a_noise_trader()
    assert trader.limit == 100
    refused = OrderRejected(
        participant_id=ME,
        client_order_id=1,
        instrument_id=FUTURE,
        side=Side.BUY,
        quantity=1,
        reason=RejectReason.EXPOSURE_LIMIT,
    )
    trader.desk.hear([refused, refused])
    assert trader.limit == 25


def test_it_stops_after_a_refusal_that_will_not_change() -> None:
    market, trader = Market(), a_noise_trader()
    refused = OrderRejected(
        participant_id=ME,
        client_order_id=1,
        instrument_id=FUTURE,
        side=Side.BUY,
        quantity=1,
        reason=RejectReason.PRODUCT_NOT_PERMITTED,
    )
    trader.desk.hear([refused])
    assert not [command for _ in range(50) for command in market.ask(trader)]

"""A value trader: takes what is offered too low or bid too high, by its view of the index."""

from exchange.commands import PlaceOrder
from exchange.events import IndexStatus
from matching.terms import Side, TimeInForce
from participants.profile import Style
from participants.strategies.value_trader import ValueTerms, ValueTrader
from tests.participants.builders import OPENS, Market, a_profile, an_instrument, dice, filled

SURE = ValueTerms(threshold_bp=15.0, view_spread_bp=0.0)  # its view is the index itself


def a_value_trader() -> ValueTrader:
    return ValueTrader(a_profile(Style.VALUE), an_instrument(), dice(), OPENS, SURE)


def test_it_buys_what_is_offered_below_its_view() -> None:
    """15 bp of 80,000 ticks are 120: an offer at 79,800 is low enough, and 79,880 is the most it pays."""
    market, trader = Market(), a_value_trader()
    market.best(79_700, 79_800, quantity=7)
    (order,) = market.ask(trader)
    assert isinstance(order, PlaceOrder)
    assert (order.side, order.price, order.quantity) == (Side.BUY, 79_880, 7)
    assert order.time_in_force is TimeInForce.IOC


def test_it_sells_what_is_bid_above_its_view() -> None:
    market, trader = Market(), a_value_trader()
    market.best(80_200, 80_300)
    (order,) = market.ask(trader)
    assert isinstance(order, PlaceOrder)
    assert (order.side, order.price, order.quantity) == (Side.SELL, 80_120, 20)  # a fifth of its limit


def test_it_leaves_a_fair_price_alone() -> None:
    market, trader = Market(), a_value_trader()
    market.best(79_900, 80_100)
    assert market.ask(trader) == []


def test_it_does_not_trust_a_stale_index() -> None:
    market, trader = Market(), a_value_trader()
    market.best(70_000, 70_010)
    market.index(80_000, IndexStatus.STALE)
    assert market.ask(trader) == []


def test_at_its_limit_it_buys_no_more_but_still_sells() -> None:
    market, trader = Market(), a_value_trader()
    trader.desk.hear([filled(1, Side.BUY, 80_000, 100)])
    market.best(79_700, 79_800)
    assert market.ask(trader) == []
    market.best(80_200, 80_300)
    (order,) = market.ask(trader)
    assert isinstance(order, PlaceOrder)
    assert order.side is Side.SELL

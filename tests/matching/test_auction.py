"""Call auctions: the price against a search of every tick, who trades, and orders that come for the call alone."""

from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import (
    Instructions,
    Market,
    MarketTerms,
    OrderId,
    ParticipantId,
    Phase,
    Refusal,
    RestingOrder,
    Side,
    TimeInForce,
)
from matching.events import CROSSED, RESTED, TRIGGERED, UNFILLED, WAITING, Event

BUY, SELL = Side.BUY, Side.SELL


class Terms(NamedTuple):
    """An order of a small call; its number in the list is its identity, and its owner has no other."""

    side: Side
    price: int
    quantity: int
    display: int = 0


def an_order(number: int, terms: Terms, time_in_force: TimeInForce = TimeInForce.GTC) -> RestingOrder:
    asked = Instructions(time_in_force, display=terms.display)
    owner = ParticipantId(f"owner {number}")
    return RestingOrder(OrderId(number), owner, terms.side, terms.price, terms.quantity, asked)


def a_call(orders: list[Terms], reference: int = 100) -> Market:
    market = Market(MarketTerms(), reference, Phase.AUCTION)
    for number, terms in enumerate(orders):
        assert not isinstance(market.place(an_order(number, terms)), Refusal)
    return market


def done(answer: list[Event] | Refusal) -> list[Event]:
    assert not isinstance(answer, Refusal), answer
    return answer


def told(events: list[Event]) -> list[tuple[int, int, int, int]]:
    return [(kind, order.order_id, price, quantity) for kind, order, price, quantity in events]


# The same rules, tick by tick


class Tick(NamedTuple):
    price: int
    volume: int
    surplus: int


def at_every_tick(orders: list[Terms]) -> list[Tick]:
    lowest, highest = min(order.price for order in orders), max(order.price for order in orders)
    ticks = []
    for price in range(lowest - 2, highest + 3):
        demand = sum(order.quantity for order in orders if order.side is BUY and order.price >= price)
        supply = sum(order.quantity for order in orders if order.side is SELL and order.price <= price)
        ticks.append(Tick(price, min(demand, supply), demand - supply))
    return ticks


def candidates(orders: list[Terms]) -> list[Tick]:
    """The ticks with the largest volume, of those the ones with the smallest surplus; none if nothing trades."""
    ticks = at_every_tick(orders) if orders else []
    volume = max((tick.volume for tick in ticks), default=0)
    ticks = [tick for tick in ticks if tick.volume == volume > 0]
    surplus = min((abs(tick.surplus) for tick in ticks), default=0)
    return [tick for tick in ticks if abs(tick.surplus) == surplus]


def best_tick(orders: list[Terms], reference: int) -> Tick | None:
    ticks = candidates(orders)
    if not ticks:
        return None
    if all(tick.surplus > 0 for tick in ticks):
        return max(ticks)
    if all(tick.surplus < 0 for tick in ticks):
        return min(ticks)
    if pressed_both_ways(orders):
        ticks = [
            max(tick for tick in ticks if tick.surplus > 0),
            min(tick for tick in ticks if tick.surplus < 0),
        ]
    return min(ticks, key=lambda tick: abs(tick.price - reference))


def pressed_both_ways(orders: list[Terms]) -> bool:
    """Whether buyers would be left over at some candidates and sellers at others."""
    return len({tick.surplus for tick in candidates(orders)}) == 2


@st.composite
def small_orders(draw: st.DrawFn, width: int) -> Terms:
    side = draw(st.sampled_from((BUY, SELL)))
    price = 100 + draw(st.integers(-width, width)) + int(side) * draw(st.integers(0, 2))
    quantity = draw(st.integers(1, 6))
    return Terms(side, price, quantity, draw(st.integers(0, quantity - 1)))


small_books = st.integers(1, 8).flatmap(lambda width: st.lists(small_orders(width), max_size=12))
references = st.integers(88, 112)


@settings(max_examples=400, deadline=None)
@given(small_books, references)
def test_the_price_is_that_of_a_search_of_every_tick(orders: list[Terms], reference: int) -> None:
    found, expected = a_call(orders, reference).indicative(), best_tick(orders, reference)
    assert (None if found is None else tuple(found)) == (None if expected is None else tuple(expected))


@settings(max_examples=400, deadline=None)
@given(small_books, references)
def test_what_crosses_trades_at_that_price_in_the_order_of_price_and_time(
    orders: list[Terms], reference: int
) -> None:
    market = a_call(orders, reference)
    tick = best_tick(orders, reference)
    events = done(market.uncross())
    assert market.audit() == [] and not market.book.crossed() and market.indicative() is None
    if tick is None:
        assert events == []
        return
    assert_pairs(events, tick.price)
    assert market.last == market.reference == tick.price
    traded: Counter[int] = Counter()
    for _, order, _, quantity in events:
        traded[order.order_id] += quantity
    for side in (BUY, SELL):
        assert_in_turn(orders, traded, side, tick)
        assert_the_better_are_filled(orders, traded, side, tick.price)
    for number, terms in enumerate(orders):
        left = market.book.orders.get(OrderId(number))
        assert (0 if left is None else left.remaining) == terms.quantity - traded[number]


def assert_pairs(events: list[Event], price: int) -> None:
    """A bid and an ask by turns, each pair with one quantity, all at one price that suits both."""
    for (_, bid, _, bought), (_, ask, _, sold) in zip(events[::2], events[1::2], strict=True):
        assert bid.side is BUY and ask.side is SELL and bought == sold > 0
        assert bid.price >= price >= ask.price
    assert {(kind, at) for kind, _, at, _ in events} == {(CROSSED, price)}


def assert_in_turn(orders: list[Terms], traded: Counter[int], side: Side, tick: Tick) -> None:
    """The best in price, then the first in time, have the whole volume: each is filled before the next."""
    turns = [number for number, terms in enumerate(orders) if terms.side is side]
    turns.sort(key=lambda number: -side * orders[number].price)  # stable, so time decides at one price
    left = tick.volume
    for number in turns:
        assert traded[number] == min(left, orders[number].quantity)
        left -= traded[number]
    assert left == 0


def assert_the_better_are_filled(orders: list[Terms], traded: Counter[int], side: Side, price: int) -> None:
    for number, terms in enumerate(orders):
        if terms.side is side and side * terms.price > side * price:
            assert traded[number] == terms.quantity


# Each rule by hand


def test_the_largest_volume_comes_first() -> None:
    orders = [Terms(BUY, 101, 10), Terms(BUY, 100, 10), Terms(SELL, 100, 15), Terms(SELL, 101, 5)]
    assert a_call(orders, 110).indicative() == (100, 15, 5)  # at 101 it would be 10


def test_then_the_smallest_surplus() -> None:
    orders = [Terms(BUY, 101, 10), Terms(BUY, 100, 5), Terms(SELL, 100, 10)]
    assert a_call(orders, 90).indicative() == (101, 10, 0)  # at 100 five would be left over


def test_then_the_highest_price_if_buyers_are_left_over() -> None:
    orders = [Terms(BUY, 104, 15), Terms(SELL, 100, 10)]
    assert a_call(orders, 90).indicative() == (104, 10, 5)


def test_and_the_lowest_if_sellers_are() -> None:
    orders = [Terms(BUY, 104, 10), Terms(SELL, 100, 15)]
    assert a_call(orders, 110).indicative() == (100, 10, -5)


@pytest.mark.parametrize(("reference", "price"), [(90, 100), (100, 100), (102, 102), (104, 104), (110, 104)])
def test_then_the_price_nearest_to_the_reference_if_nobody_is_left_over(reference: int, price: int) -> None:
    orders = [Terms(BUY, 104, 10), Terms(SELL, 100, 10)]
    assert a_call(orders, reference).indicative() == (price, 10, 0)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [(95, (102, 10, 2)), (102, (102, 10, 2)), (103, (103, 10, -2)), (110, (103, 10, -2))],
)
def test_the_reference_decides_too_if_the_pressure_is_both_ways(
    reference: int, expected: tuple[int, int, int]
) -> None:
    orders = [Terms(BUY, 105, 10), Terms(BUY, 102, 2), Terms(SELL, 100, 10), Terms(SELL, 103, 2)]
    assert a_call(orders, reference).indicative() == expected


def test_the_last_trade_is_the_reference_once_there_is_one() -> None:
    market = a_call([Terms(BUY, 102, 1), Terms(SELL, 102, 1)], reference=90)
    done(market.uncross())
    for number, terms in enumerate([Terms(BUY, 104, 10), Terms(SELL, 100, 10)], 2):
        done(market.place(an_order(number, terms)))
    assert market.indicative() == (102, 10, 0)


@pytest.mark.parametrize("orders", [[], [Terms(BUY, 100, 5)], [Terms(BUY, 99, 5), Terms(SELL, 100, 5)]])
def test_nothing_crosses_where_nobody_meets(orders: list[Terms]) -> None:
    market = a_call(orders)
    assert market.indicative() is None
    assert done(market.uncross()) == []
    assert market.last is None


def test_an_uncrossing_by_hand() -> None:
    orders = [
        Terms(BUY, 100, 4),
        Terms(BUY, 101, 3),
        Terms(BUY, 100, 4),
        Terms(SELL, 99, 5),
        Terms(SELL, 100, 4),
    ]
    market = a_call(orders)
    assert market.indicative() == (100, 9, 2)
    assert told(done(market.uncross())) == [
        (CROSSED, 1, 100, 3),
        (CROSSED, 3, 100, 3),
        (CROSSED, 0, 100, 2),
        (CROSSED, 3, 100, 2),
        (CROSSED, 0, 100, 2),
        (CROSSED, 4, 100, 2),
        (CROSSED, 2, 100, 2),
        (CROSSED, 4, 100, 2),
    ]
    assert (market.depth(BUY, 9), market.depth(SELL, 9)) == ([(100, 2)], [])


def test_an_iceberg_trades_whole_in_its_turn_and_shows_its_part_again() -> None:
    orders = [Terms(SELL, 100, 20, display=3), Terms(SELL, 100, 5), Terms(BUY, 100, 12)]
    market = a_call(orders)
    assert [tuple(event[1:3]) for event in told(done(market.uncross()))] == [(2, 100), (0, 100)]
    assert market.depth(SELL, 9) == [(100, 8)]
    assert [order.order_id for order in market.book.asks.orders()] == [0, 1]


# Orders for the call alone


def test_an_order_for_the_auction_is_dropped_after_it_and_the_others_stay() -> None:
    market = a_call([Terms(SELL, 100, 5), Terms(BUY, 98, 1)])
    for number, terms in ((2, Terms(BUY, 101, 8)), (3, Terms(BUY, 97, 2)), (4, Terms(SELL, 105, 3))):
        done(market.place(an_order(number, terms, TimeInForce.AUCTION)))
    assert told(done(market.uncross())) == [
        (CROSSED, 2, 101, 5),
        (CROSSED, 0, 101, 5),
        (UNFILLED, 2, 101, 3),
        (UNFILLED, 3, 97, 2),
        (UNFILLED, 4, 105, 3),
    ]
    assert list(market.book.orders) == [1]
    assert market.audit() == []


def test_it_is_dropped_too_if_nothing_crosses() -> None:
    market = a_call([])
    done(market.place(an_order(1, Terms(BUY, 100, 8), TimeInForce.AUCTION)))
    assert told(done(market.uncross())) == [(UNFILLED, 1, 100, 8)]
    assert not market.book.orders


def test_placed_in_continuous_trading_it_waits_and_enters_the_next_call() -> None:
    market = Market(MarketTerms(), 100)
    done(market.place(an_order(1, Terms(SELL, 100, 5))))
    waits = an_order(2, Terms(BUY, 100, 3), TimeInForce.AUCTION)
    assert told(done(market.place(waits))) == [(WAITING, 2, 100, 3)]  # though it could trade at once
    assert (market.depth(BUY, 9), market.depth(SELL, 9)) == ([], [(100, 5)])
    entered = told(done(market.enter_phase(Phase.AUCTION)))
    assert entered == [(TRIGGERED, 2, 100, 3), (RESTED, 2, 100, 3)]
    assert market.indicative() == (100, 3, -2)
    assert told(done(market.uncross())) == [(CROSSED, 2, 100, 3), (CROSSED, 1, 100, 3)]
    done(market.enter_phase(Phase.CONTINUOUS))
    assert (market.depth(BUY, 9), market.depth(SELL, 9)) == ([], [(100, 2)])


def test_they_enter_the_call_in_the_order_in_which_they_came() -> None:
    market = Market(MarketTerms(), 100)
    for number in (3, 1, 2):
        done(market.place(an_order(number, Terms(BUY, 100, 1), TimeInForce.AUCTION)))
    done(market.cancel(OrderId(1)))
    done(market.enter_phase(Phase.AUCTION))
    assert [order.order_id for order in market.book.bids.orders()] == [3, 2]


def test_only_a_call_is_uncrossed() -> None:
    assert Market(MarketTerms(), 100).uncross() is Refusal.NOT_IN_AUCTION

"""The book by itself: levels, queues, depth, icebergs, and an audit that notices."""

import random
from bisect import insort

from matching import Instructions, OrderBook, OrderId, ParticipantId, RestingOrder, Side
from matching.keys import SortedKeys


def order(
    number: int, side: Side, price: int, quantity: int, owner: str = "ann", display: int = 0
) -> RestingOrder:
    asked = Instructions(display=display)
    return RestingOrder(OrderId(number), ParticipantId(owner), side, price, quantity, asked)


def a_book(*orders: RestingOrder) -> OrderBook:
    book = OrderBook()
    for resting in orders:
        book.add(resting)
    return book


def test_an_order_reduced_in_place_keeps_its_turn() -> None:
    first, second = order(1, Side.BUY, 100, 5), order(2, Side.BUY, 100, 5)
    book = a_book(first, second)
    book.reduce(first, 4)
    assert list(book.bids.orders()) == [first, second]
    assert book.depth(Side.BUY, 1) == [(100, 6)]


def test_an_iceberg_shows_a_part_and_then_more_of_it_in_the_last_place() -> None:
    iceberg, other = order(1, Side.SELL, 100, 10, display=3), order(2, Side.SELL, 100, 5)
    book = a_book(iceberg, other)
    assert book.depth(Side.SELL, 1) == [(100, 8)]
    assert book.take(iceberg, 3)
    assert list(book.asks.orders()) == [other, iceberg]
    assert (iceberg.remaining, iceberg.hidden) == (7, 4)
    assert book.audit() == []


def test_quantity_to_a_price_counts_that_price_and_better() -> None:
    book = a_book(order(1, Side.BUY, 100, 5), order(2, Side.BUY, 99, 7), order(3, Side.BUY, 97, 9))
    assert book.quantity_to(Side.BUY, 99) == 12
    assert book.quantity_to(Side.BUY, 101) == 0
    assert book.quantity_to(Side.BUY, 0) == 21


def test_the_best_level_is_followed_as_levels_come_and_go() -> None:
    orders = [order(n, Side.SELL, price, 1) for n, price in enumerate((105, 103, 104, 101), 1)]
    book = a_book(*orders)
    seen = []
    for resting in sorted(orders, key=lambda o: o.price):
        best = book.side(Side.SELL).best
        assert best is not None
        seen.append(best.price)
        book.remove(resting)
    assert seen == [101, 103, 104, 105]
    assert book.side(Side.SELL).best is None


def test_idle_levels_are_swept_out_once_they_outnumber_the_busy_ones() -> None:
    orders = [order(n, Side.BUY, 1_000 + n, 1) for n in range(300)]
    book = a_book(*orders)
    for resting in orders[:250]:
        book.remove(resting)
        assert book.audit() == []
        assert book.bids.idle <= max(64, len(book.bids.levels) // 2)
    assert book.depth(Side.BUY, 2) == [(1_299, 1), (1_298, 1)]


def test_a_price_comes_back_to_its_idle_level() -> None:
    best, behind = order(1, Side.SELL, 100, 1), order(2, Side.SELL, 101, 1)
    book = a_book(best, behind)
    book.remove(behind)
    again = order(3, Side.SELL, 101, 4)
    book.add(again)
    book.remove(best)
    assert book.asks.best is again.level
    assert book.audit() == []


def test_a_price_comes_back_to_the_level_that_was_the_best() -> None:
    best, behind = order(1, Side.SELL, 100, 1), order(2, Side.SELL, 101, 1)
    book = a_book(best, behind)
    level = best.level
    book.remove(best)
    assert book.audit() == []
    book.add(best)
    assert book.asks.best is best.level is level
    assert book.audit() == []


def test_a_book_that_goes_unties_its_queues() -> None:
    first, second = order(1, Side.BUY, 100, 5), order(2, Side.BUY, 100, 5)
    book = a_book(first, second)
    assert first.following is second
    del book
    assert first.level is first.following is second.level is second.previous is None


def test_sorted_keys_are_as_a_list_that_is_always_sorted() -> None:
    dice = random.Random(7)
    keys, plain = SortedKeys(range(0, 60_000, 20)), list(range(0, 60_000, 20))
    for chance_of_a_pop in (0.2, 0.9, 0.4, 1.0):  # it grows far beyond what is near, and shrinks to nothing
        for _ in range(8_000):
            if dice.random() < chance_of_a_pop:
                assert keys.pop() == (plain.pop() if plain else None)
                continue
            key = (
                dice.randrange(60_000) if dice.random() < 0.8 or not plain else plain[-1] + dice.randint(1, 9)
            )
            if plain and key > plain[-1]:
                keys.push(key)
                plain.append(key)
            elif key not in plain:
                keys.add(key)
                insort(plain, key)
        assert list(keys) == plain
        assert list(reversed(keys)) == plain[::-1]


def test_the_audit_notices_a_level_that_miscounts() -> None:
    book = a_book(order(1, Side.BUY, 100, 5))
    book.bids.levels[100].quantity = 4
    assert book.audit() != []


def test_the_audit_notices_a_queue_that_is_torn() -> None:
    first, second = order(1, Side.BUY, 100, 5), order(2, Side.BUY, 100, 5)
    book = a_book(first, second)
    second.previous = None
    assert book.audit() != []

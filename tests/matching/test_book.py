"""The book by itself: priority, levels, depth, and an audit that notices."""

from matching import OrderBook, OrderId, ParticipantId, RestingOrder, SelfTradePrevention, Side, match


def order(number: int, side: Side, price: int, quantity: int, owner: str = "ann") -> RestingOrder:
    return RestingOrder(OrderId(number), ParticipantId(owner), side, price, quantity)


def a_book(*orders: RestingOrder) -> OrderBook:
    book = OrderBook()
    for resting in orders:
        book.add(resting)
    return book


def test_the_better_price_trades_first_and_then_the_earlier_order() -> None:
    book = a_book(order(1, Side.SELL, 102, 5), order(2, Side.SELL, 101, 3), order(3, Side.SELL, 101, 4))
    taker = order(9, Side.BUY, 102, 10, "bob")
    outcome = match(book, taker, SelfTradePrevention.CANCEL_RESTING)
    assert [(f.maker.order_id, f.price, f.quantity) for f in outcome.fills] == [
        (2, 101, 3), (3, 101, 4), (1, 102, 3),
    ]  # fmt: skip
    assert taker.remaining == 0
    assert book.depth(Side.SELL, 5) == [(102, 2)]


def test_an_order_reduced_in_place_keeps_its_turn() -> None:
    first, second = order(1, Side.BUY, 100, 5), order(2, Side.BUY, 100, 5)
    book = a_book(first, second)
    book.reduce(first, 4)
    outcome = match(book, order(9, Side.SELL, 100, 2, "bob"), SelfTradePrevention.CANCEL_RESTING)
    assert [(f.maker.order_id, f.quantity) for f in outcome.fills] == [(1, 1), (2, 1)]


def test_nobody_trades_with_itself() -> None:
    for prevention, withdrawn, stopped, left in (
        (SelfTradePrevention.CANCEL_RESTING, [1], False, 2),
        (SelfTradePrevention.CANCEL_INCOMING, [], True, 5),
        (SelfTradePrevention.CANCEL_BOTH, [1], True, 5),
    ):
        book = a_book(order(1, Side.SELL, 100, 4, "bob"), order(2, Side.SELL, 100, 3, "ann"))
        taker = order(9, Side.BUY, 100, 5, "bob")
        outcome = match(book, taker, prevention)
        assert [o.order_id for o in outcome.withdrawn] == withdrawn
        assert (outcome.stopped, taker.remaining) == (stopped, left)
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


def test_the_audit_notices_a_level_that_miscounts() -> None:
    book = a_book(order(1, Side.BUY, 100, 5))
    book.bids.levels[-100].quantity = 4
    assert book.audit() != []


def test_the_audit_notices_a_crossed_book() -> None:
    book = a_book(order(1, Side.BUY, 101, 5), order(2, Side.SELL, 100, 5))
    assert book.audit() == ["crossed: 101 bid, 100 asked"]

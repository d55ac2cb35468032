"""The mark of a future: near the index, and slow to follow its own book."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.clearing.marks import FutureMark, MarkTerms, cost_of, fault_in_marks
from matching.book import OrderBook
from matching.level import RestingOrder
from matching.terms import Instructions, OrderId, ParticipantId, Side
from tests.builders import BUY, SELL, future

INDEX = 800_000_000  # 8,000,000.00
TICKS = 80_000
TERMS = MarkTerms(depth=10, most_premium_bp=200)
FINE_TICK = {"tick": 1, "cap": 1_600_000_000, "floor": 0, "reference": INDEX}


def a_mark(terms: MarkTerms = TERMS, **changes: object) -> FutureMark:
    return FutureMark(future(**changes), terms)


def observe(mark: FutureMark, price: int, index: int | None = INDEX, times: int = 1) -> int:
    """A book of ten lots and more at a tick below and above `price`."""
    for _ in range(times):
        mark.observe(index, 10 * (price - 1), 10 * (price + 1))
    return mark.mark


def test_a_premium_enters_by_two_parts_in_thirty_one_a_second() -> None:
    mark = a_mark(**FINE_TICK)
    assert observe(mark, INDEX + 310_000) == INDEX + 20_000
    assert observe(mark, INDEX + 310_000) == INDEX + 38_710  # 20,000 x 29/31 + 20,000
    assert observe(mark, INDEX + 310_000, times=600) == INDEX + 310_000


def test_a_fair_price_is_the_mid_of_what_lots_trade_for() -> None:
    """Sold for 79,990 and bought for 80,050 on average: fair is 20 ticks above the index."""
    mark = a_mark(MarkTerms(depth=10, observations=1))
    assert mark.observe(INDEX, 799_900, 800_500) == TICKS + 20


def test_a_mark_stays_near_the_index() -> None:
    mark = a_mark()
    assert observe(mark, 2 * TICKS, times=100) == 81_600
    assert observe(mark, TICKS // 2, times=300) == 78_400
    assert observe(mark, TICKS // 2, index=INDEX + 1, times=1) == 78_401  # 78,400.000098: inwards


def test_where_no_tick_is_near_enough_the_nearest_will_do() -> None:
    mark = a_mark(MarkTerms(depth=10, most_premium_bp=50), tick=1_000_000, reference=800, cap=1_600)
    assert mark.observe(1_550_000, None, None) == 2


def test_a_thin_book_lets_the_premium_decay() -> None:
    mark = a_mark(**FINE_TICK)
    observe(mark, INDEX + 310_000, times=1_000)
    assert mark.observe(INDEX, None, 10 * INDEX) == INDEX + 290_000
    assert mark.observe(INDEX, 10 * INDEX, None) == INDEX + 271_290  # 290,000 x 29/31
    for _ in range(1_000):
        mark.observe(INDEX, None, None)
    assert mark.mark == INDEX
    assert abs(mark.premium) < 16


def test_without_an_index_the_mark_stays() -> None:
    mark = a_mark()
    assert mark.mark == mark.observe(None, 799_900, 800_500) == TICKS
    premium_before = observe(mark, TICKS + 200, times=20), mark.premium
    assert (observe(mark, 2 * TICKS, index=None), mark.premium) == premium_before


def test_half_a_tick_goes_toward_the_mark_before() -> None:
    mark = a_mark()
    assert mark.observe(INDEX + 5_000, None, None) == TICKS
    assert mark.observe(INDEX + 20_000, None, None) == TICKS + 2
    assert mark.observe(INDEX + 5_000, None, None) == TICKS + 1


@given(st.lists(st.tuples(st.integers(-2_000, 2_000), st.booleans()), min_size=1, max_size=60))
def test_the_premium_follows_exact_fractions(book: list[tuple[int, bool]]) -> None:
    mark = a_mark(**FINE_TICK)
    exact = Fraction()
    for off, is_deep in book:
        fair = INDEX + off * 1_000
        mark.observe(INDEX, 10 * fair if is_deep else None, 10 * fair)
        exact += Fraction(2, 31) * ((off * 1_000 if is_deep else 0) - exact)
        assert abs(mark.premium - exact * 1_000_000) < 16
        assert abs(mark.mark - INDEX - exact) <= Fraction(1, 2) + Fraction(16, 1_000_000)


@given(st.lists(st.tuples(st.integers(1, 10**10), st.integers(1, 10**6), st.integers(0, 10**4)), max_size=30))
def test_a_mark_is_always_within_its_band(book: list[tuple[int, int, int]]) -> None:
    mark = a_mark(**FINE_TICK)
    for index, bid, spread in book:
        mark.observe(index, 10 * bid, 10 * (bid + spread))
        if index >= 10_000:
            assert abs(mark.mark - index) * 10_000 <= 200 * index


# --- the book -------------------------------------------------------------------------------------------


def rest(book: OrderBook, number: int, side: Side, price: int, quantity: int, display: int = 0) -> None:
    order = RestingOrder(
        OrderId(number), ParticipantId("ann"), side, price, quantity, Instructions(display=display)
    )
    book.add(order)


def test_what_lots_trade_for_is_counted_from_the_best_level() -> None:
    book = OrderBook()
    rest(book, 1, SELL, 102, 5)
    rest(book, 2, SELL, 101, 3)
    rest(book, 3, SELL, 101, 1)
    rest(book, 4, BUY, 99, 10)
    assert cost_of(book.asks, 4) == 404
    assert cost_of(book.asks, 6) == 4 * 101 + 2 * 102
    assert cost_of(book.asks, 9) == 4 * 101 + 5 * 102
    assert cost_of(book.asks, 10) is None
    assert cost_of(book.bids, 10) == 990
    assert cost_of(OrderBook().bids, 1) is None


def test_what_an_iceberg_hides_gives_no_depth() -> None:
    book = OrderBook()
    rest(book, 1, BUY, 99, 10, display=4)
    assert (cost_of(book.bids, 4), cost_of(book.bids, 5)) == (396, None)


# --- terms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"observations": 0}, "observations"),
        ({"depth": 0}, "depth"),
        ({"most_premium_bp": 49}, "most_premium_bp"),
        ({"most_premium_bp": 201}, "most_premium_bp"),
    ],
)
def test_terms_that_cannot_be_used_name_their_fault(change: dict[str, int], fault: str) -> None:
    told = fault_in_marks(MarkTerms(**change))
    assert told is not None and fault in told


def test_the_default_terms_are_sound() -> None:
    assert fault_in_marks(MarkTerms()) is None

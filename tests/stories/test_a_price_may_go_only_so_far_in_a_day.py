"""A daily limit: laid around the mark when a session opens, and anew when the next one does."""

import pytest

from exchange.commands import SessionTerms
from exchange.events import CancelCause, OrderCanceled, OrderRejected
from exchange.instruments import bounds_of_day, fault_in
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE
from matching.terms import TimeInForce
from tests.builders import ANN, BOB, BUY, CLOSES, OPENS, SELL, Venue, cash_pair, future, of_kind, perpetual

FIRST_CLOSES, SECOND_OPENS = OPENS + HOUR, OPENS + 2 * HOUR
A_TENTH = 1_000


def a_venue() -> Venue:
    """The index falls from 80,000 ticks to 74,000 in the first session."""
    venue = Venue(
        future(daily_limit_bp=A_TENTH),
        sessions=(
            SessionTerms(opens=OPENS, closes=FIRST_CLOSES),
            SessionTerms(opens=SECOND_OPENS, closes=CLOSES),
        ),
    )
    venue.admit(ANN)
    venue.admit(BOB)
    return venue


def reason(venue: Venue, price: int) -> RejectReason | None:
    events = venue.place(ANN, BUY if price < 80_000 else SELL, 1, price)
    return next((e.reason for e in events if isinstance(e, OrderRejected)), None)


def test_no_order_goes_beyond_it_and_the_collar_is_told_apart() -> None:
    venue = a_venue()
    assert (reason(venue, 72_000), reason(venue, 88_000)) == (None, None)
    beyond = RejectReason.PRICE_BEYOND_DAILY_LIMIT
    assert (reason(venue, 71_999), reason(venue, 88_001)) == (beyond, beyond)
    assert reason(venue, 160_001) is RejectReason.PRICE_OUTSIDE_COLLAR


def test_the_next_session_begins_at_its_own_mark_and_cancels_what_rests_beyond() -> None:
    venue = a_venue()
    for side, price in ((SELL, 87_000), (SELL, 81_000), (BUY, 72_000)):
        venue.place(BOB, side, 1, price, time_in_force=TimeInForce.GTC)
    venue.quote_until(FIRST_CLOSES - MINUTE, 74_000 * 10_000)
    events = venue.wait_until(SECOND_OPENS)
    mark = venue.state.series[future().instrument_id].mark
    assert 73_000 < mark < 75_000
    (gone,) = of_kind(events, OrderCanceled)
    assert (gone.remaining, gone.cause) == (1, CancelCause.DAILY_LIMIT)
    lowest, highest = mark - mark // 10, mark + mark // 10
    assert reason(venue, lowest) is None
    assert reason(venue, lowest - 1) is RejectReason.PRICE_BEYOND_DAILY_LIMIT
    assert reason(venue, highest + 1) is RejectReason.PRICE_BEYOND_DAILY_LIMIT


def test_a_perpetual_that_rolls_keeps_both_its_collar_and_the_limit() -> None:
    terms = perpetual(daily_limit_bp=A_TENTH)
    assert bounds_of_day(terms, 80_000) == (72_000, 88_000)
    venue = Venue(terms)
    venue.quote_until(terms.expiry, 76_000 * 10_000)
    rolled = venue.state.series[terms.instrument_id]
    around = rolled.instrument.reference
    assert 75_000 < around < 77_000
    assert (rolled.lowest_price, rolled.highest_price) == bounds_of_day(rolled.instrument, around)


def test_the_limit_never_widens_the_collar() -> None:
    assert bounds_of_day(future(daily_limit_bp=9_999), 150_000) == (15, 160_000)
    assert bounds_of_day(future(), 150_000) == (0, 160_000)


@pytest.mark.parametrize("share", [-1, 10_000])
def test_a_limit_must_be_a_share(share: int) -> None:
    assert "daily_limit_bp must lie between" in str(fault_in(future(daily_limit_bp=share)))


def test_what_follows_no_index_has_none() -> None:
    assert "leave daily_limit_bp out" in str(fault_in(cash_pair(daily_limit_bp=A_TENTH)))

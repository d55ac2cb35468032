"""Liquidity: an hour of quotes, a few trades, each answer worked out by hand."""

import math

import numpy as np
import pytest

from exchange.events import (
    BucketSettled,
    CancelCause,
    OrderAmended,
    OrderCanceled,
    SessionClosed,
    SessionOpened,
)
from exchange.instruments import ContractKind
from exchange.units import SECOND
from matching.terms import Side
from scenarios.measures import liquidity
from scenarios.measures.measure import Measure
from scenarios.measures.reading import open_notional
from tests.scenarios.measures.made import (
    Story,
    a_listing,
    accepted,
    bucket_of,
    depth,
    index,
    prices,
)


def an_hour_of_quotes() -> Story:
    """10 bp wide for 1,800 s, 20 bp for 900 s, then no offer for 900 s."""
    story = Story().at(0, a_listing(), prices(79_960, 80_040))
    return story.at(1_800, prices(79_920, 80_080)).at(2_700, prices(79_920, None))


def test_the_spread_is_weighted_by_time_with_two_sides() -> None:
    view = an_hour_of_quotes().seen()
    assert liquidity.quoted_spread.function(view) == pytest.approx((10 * 1_800 + 20 * 900) / 2_700)
    assert liquidity.one_sided_time.function(view) == pytest.approx(25.0)


def test_time_outside_sessions_and_after_expiry_does_not_count() -> None:
    story = Story().at(0, a_listing(expiry_s=3_000), prices(79_960, 80_040)).at(600, SessionOpened())
    story.at(1_200, prices(79_920, 80_080)).at(1_800, SessionClosed()).at(2_400, SessionOpened())
    view = story.at(2_700, prices(None, None)).seen()
    # 600-1200 at 10 bp, 1200-1800 and 2400-2700 at 20 bp, 2700-3000 without a market
    assert liquidity.quoted_spread.function(view) == pytest.approx((10 * 600 + 20 * 900) / 1_500)
    assert liquidity.one_sided_time.function(view) == pytest.approx(100 * 300 / 1_800)


def test_effective_and_realised_spread_by_notional() -> None:
    story = Story().at(0, a_listing(), prices(79_920, 80_080))
    story.trade(10, "ann", "mm", 1, 80_040)
    story.at(10, prices(79_940, 80_100))
    story.trade(20, "mm", "bob", 3, 79_940, taker=Side.SELL)
    view = story.at(100, prices(79_940, 80_080)).seen()
    bought, sold = 80_040, 3 * 79_940  # notional in ticks; mids before are 80,000 and 80,020, after 80,010
    effective = (bought * 2 * 40 / 80_000 + sold * 2 * 80 / 80_020) / (bought + sold)
    realised = (bought * 2 * 30 / 80_000 + sold * 2 * 70 / 80_020) / (bought + sold)
    assert liquidity.effective_spread.function(view) == pytest.approx(10_000 * effective)
    assert liquidity.realised_spread.function(view) == pytest.approx(10_000 * realised)
    assert liquidity.volume.function(view) == pytest.approx((80_040 + 3 * 79_940) * 10 / 100)
    assert liquidity.trade_count.function(view) == 2.0


def test_no_realised_spread_where_the_market_ends_before_five_minutes() -> None:
    story = Story().at(0, a_listing(), prices(79_920, 80_080)).trade(3_400, "ann", "mm", 1, 80_040)
    assert math.isnan(liquidity.realised_spread.function(story.seen()))
    assert liquidity.effective_spread.function(story.seen()) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("measure", "lots"),
    [
        (liquidity.depth_10bp, 2),
        (liquidity.depth_50bp, 5),
        (liquidity.depth_100bp, 8),
        (liquidity.depth_200bp, 11),
    ],
)
def test_depth_is_the_mean_of_the_last_reports(measure: Measure, lots: int) -> None:
    """One report for the first half hour, an empty one for the second."""
    story = Story().at(0, a_listing(), prices(79_960, 80_040), depth((1, 3, 5, 7), (1, 2, 3, 4)))
    story.at(1_800, depth((0, 0, 0, 0), (0, 0, 0, 0)))
    minutes = 60  # and the one at the close, when nothing is traded any more
    assert measure.function(story.seen()) == pytest.approx(lots * 8_000 * 30 / minutes)


def test_an_order_of_a_million_walks_the_book_on_either_side() -> None:
    """125 lots at 8,000 RUB. Bids: 100 within 50 bp, 150 within 100 bp, so 75 bp. Offers end with 120 at 200 bp."""
    story = Story().at(0, a_listing(), prices(79_960, 80_040), depth((0, 100, 150, 300), (20, 60, 80, 120)))
    assert liquidity.price_impact.function(story.seen()) == pytest.approx((75 + 200) / 2)
    story.at(1_800, prices(79_960, None))  # and without two sides nothing is counted
    assert liquidity.price_impact.function(story.seen()) == pytest.approx((75 + 200) / 2)
    assert math.isnan(
        liquidity.price_impact.function(Story().at(0, a_listing(), depth((9,) * 4, (9,) * 4)).seen())
    )


def test_there_is_no_depth_where_there_is_nobody_on_the_other_side() -> None:
    """A book that is deep for a quarter of the time, and one-sided for the rest, is not deep."""
    story = Story().at(0, a_listing(), prices(79_960, 80_040), depth((1, 3, 5, 7), (1, 2, 3, 4)))
    story.at(900, prices(79_960, None))
    assert liquidity.depth_100bp.function(story.seen()) == pytest.approx(8 * 8_000 / 4)


def test_a_market_that_never_had_two_sides_has_no_depth_and_no_spread() -> None:
    view = Story().at(0, a_listing(), prices(79_960, None)).seen()
    assert liquidity.depth_100bp.function(view) == 0.0
    assert math.isnan(liquidity.quoted_spread.function(view))


def test_depth_adds_up_over_instruments_and_needs_a_mid() -> None:
    story = Story().at(0, a_listing(), a_listing("ETH"), prices(79_960, 80_040))
    story.at(10, depth((1, 1, 1, 1), (1, 1, 1, 1)), depth((5, 5, 5, 5), (5, 5, 5, 5), "ETH"))
    assert liquidity.depth_10bp.function(story.seen()) == pytest.approx(2 * 8_000)


def test_an_options_quotes_are_no_part_of_the_spread() -> None:
    call = a_listing("CALL", kind=ContractKind.CALL, strike=80_000)
    story = Story().at(0, a_listing(), call, prices(79_960, 80_040), prices(1_000, 3_000, "CALL"))
    story.at(5, depth((9,) * 4, (9,) * 4, "CALL"))
    story.trade(10, "ann", "mm", 1, 3_000, instrument_id="CALL")
    view = story.seen()
    assert liquidity.quoted_spread.function(view) == pytest.approx(10.0)
    assert math.isnan(liquidity.depth_10bp.function(view))
    assert math.isnan(liquidity.effective_spread.function(view))
    assert liquidity.volume.function(view) == 8_000.0  # by the strike
    assert liquidity.open_interest_peak.function(view) == 8_000.0


def test_amihud_takes_bars_with_trades_only() -> None:
    story = Story().at(0, a_listing(), prices(79_960, 80_040))
    story.trade(60, "ann", "mm", 10, 80_000).at(300, prices(80_760, 80_840)).at(900, prices(81_000, 81_080))
    expected = 10_000 * np.log(80_800 / 80_000) / 0.08  # RUB 80,000 traded in the first ten minutes
    assert liquidity.amihud.function(story.seen()) == pytest.approx(expected)


def test_orders_per_trade() -> None:
    story = Story().at(0, a_listing(), *(accepted("ann", n) for n in range(4)))
    story.trade(1, "ann", "mm", 1, 80_000).trade(2, "ann", "mm", 1, 80_000)
    amended = OrderAmended(
        participant_id="ann",
        order_id=3,
        client_order_id=1,
        instrument_id="BTC",
        price=1,
        remaining=1,
        kept_priority=True,
    )
    causes = (CancelCause.REQUESTED, CancelCause.EXPIRY)
    canceled = [
        OrderCanceled(
            participant_id="ann", order_id=3, client_order_id=1, instrument_id="BTC", remaining=1, cause=cause
        )
        for cause in causes
    ]
    view = story.at(3, amended, *canceled).seen()
    assert liquidity.order_to_trade.function(view) == pytest.approx((4 + 1 + 1) / 2)


def test_a_position_passed_on_is_not_new_open_interest() -> None:
    """Between the two fills of one trade both owners seem to be long: that moment must not count."""
    listed = a_listing()
    story = Story().at(0, listed, index(80_000)).trade(1, "ann", "bob", 5, 80_000)
    story.at(2, index(90_000)).trade(3, "cat", "ann", 5, 90_000)
    assert liquidity.open_interest_peak.function(story.seen()) == pytest.approx(5 * 9_000)
    view = story.at(4, BucketSettled(bucket_id=bucket_of(listed), pool=0, holders=2)).seen()
    assert open_notional(view, np.array([3, 4]) * SECOND).tolist() == [4_500_000.0, 0.0]


def test_a_quiet_venue() -> None:
    quiet = Story().at(0, a_listing()).seen()
    assert math.isnan(liquidity.quoted_spread.function(quiet))
    assert math.isnan(liquidity.effective_spread.function(quiet))
    assert math.isnan(liquidity.amihud.function(quiet))
    assert math.isnan(liquidity.order_to_trade.function(quiet))
    assert liquidity.volume.function(quiet) == 0.0
    assert liquidity.one_sided_time.function(quiet) == 100.0

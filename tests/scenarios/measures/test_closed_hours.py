"""Closed hours: a book that nobody can trade in says nothing, and what goes on without trading is read all the same."""

import math

import numpy as np
import pytest

from exchange.events import (
    BucketSettled,
    Event,
    InstrumentListed,
    PriceRule,
    SeriesState,
    SeriesStateChanged,
    SessionClosed,
    SessionOpened,
    SettlementPriceFinal,
)
from exchange.instruments import ContractKind
from scenarios.measures import house, liquidity, price_quality
from scenarios.measures.reading import minute_mids
from scenarios.measures.timeline import timeline
from tests.scenarios.measures.made import Story, a_listing, bucket_of, depth, index, prices

LOG_ONE_PERCENT = math.log(80_800 / 80_000)


def turns(state: SeriesState, instrument_id: str = "BTC") -> Event:
    return SeriesStateChanged(instrument_id=instrument_id, state=state)


def a_closed_middle() -> Story:
    """Twenty minutes of trading at 80,000, thirty of suspension in which the index falls by a fifth and the old book
    stands, and ten of trading at 64,000. The first spread is 10 bp wide, the second 25 bp."""
    story = Story().at(0, a_listing(), turns(SeriesState.TRADING), index(80_000), prices(79_960, 80_040))
    story.at(1, depth((1, 1, 10, 10), (1, 1, 10, 10)))
    story.at(1_200, turns(SeriesState.SUSPENDED)).at(1_800, index(64_000))
    story.at(3_000, turns(SeriesState.TRADING)).at(3_001, prices(63_920, 64_080))
    return story.at(3_030, depth((1, 1, 20, 20), (1, 1, 20, 20)))


def test_the_spread_of_a_suspended_book_does_not_count() -> None:
    view = a_closed_middle().seen()
    # the old book stands one second into the reopening, where it could be traded against
    assert liquidity.quoted_spread.function(view) == pytest.approx((10 * 1_201 + 25 * 599) / 1_800)


def test_an_empty_book_of_a_suspended_market_is_no_one_sided_market() -> None:
    story = a_closed_middle().at(3_300, prices(None, 64_080)).seen()
    assert liquidity.one_sided_time.function(story) == pytest.approx(100 * 300 / 1_800)
    emptied = Story().at(0, a_listing(), turns(SeriesState.TRADING), prices(79_960, 80_040))
    emptied.at(1_800, turns(SeriesState.SUSPENDED), prices(None, None))
    assert liquidity.one_sided_time.function(emptied.seen()) == 0.0


def test_depth_is_of_the_minutes_of_trading_and_no_report_outlives_a_break() -> None:
    """Nineteen minutes of 20 lots at 80,000, from the first report on; the minute of the reopening has no report yet;
    nine minutes of 40 lots at 64,000."""
    expected = (19 * 20 * 8_000 + 9 * 40 * 6_400) / 28
    assert liquidity.depth_100bp.function(a_closed_middle().seen()) == pytest.approx(expected)


def test_the_price_impact_is_of_the_minutes_of_trading() -> None:
    """The order is for 125 lots, which the book does not hold; that it would while nobody can trade is nothing."""
    story = Story().at(
        0, a_listing(), turns(SeriesState.TRADING), prices(79_960, 80_040), depth((1,) * 4, (1,) * 4)
    )
    story.at(1_200, turns(SeriesState.SUSPENDED), depth((500,) * 4, (500,) * 4))
    assert liquidity.price_impact.function(story.seen()) == pytest.approx(200.0)


def test_the_gap_to_the_index_is_not_that_of_a_book_that_could_not_follow() -> None:
    view = a_closed_middle().seen()
    # none for twenty minutes, 25% for the second in which the old book could be hit, none after that
    assert price_quality.index_gap.function(view) == pytest.approx(math.sqrt(2_500**2 * 1 / 1_800))


def test_no_return_is_over_a_break() -> None:
    story = a_closed_middle().at(3_090, prices(64_560, 64_720))  # 1% more
    view = story.seen()
    assert price_quality.worst_minute.function(view) == pytest.approx(10_000 * LOG_ONE_PERCENT)
    moves = (
        19 + 9
    )  # from minute 0 to 19, and from 51 to 60, since no price was told in the second spell before 50:01
    assert price_quality.realised_volatility.function(view) == pytest.approx(
        100 * math.sqrt(LOG_ONE_PERCENT**2 / moves * 525_600)
    )


def test_a_short_break_between_two_minutes_breaks_the_returns_too() -> None:
    story = Story().at(0, a_listing(), turns(SeriesState.TRADING), prices(79_960, 80_040))
    story.at(610, turns(SeriesState.SUSPENDED)).at(620, turns(SeriesState.TRADING))
    view = story.at(621, prices(63_920, 64_080)).seen()
    assert minute_mids(view).shape[0] == 2
    assert price_quality.worst_minute.function(view) == 0.0
    assert math.isnan(price_quality.variance_ratio.function(view))  # nothing moved


def test_a_listing_that_ends_while_it_is_suspended_has_no_return_up_to_its_end() -> None:
    story = Story().at(0, a_listing(), turns(SeriesState.TRADING), prices(79_960, 80_040))
    story.at(3_500, prices(80_760, 80_840)).at(3_570, turns(SeriesState.SUSPENDED))
    (mids,) = minute_mids(story.seen())
    assert mids.size == 61 and mids[59] == 80_800 and math.isnan(mids[60])
    (whole,) = minute_mids(
        Story().at(0, a_listing(), turns(SeriesState.TRADING), prices(79_960, 80_040)).seen()
    )
    assert whole[60] == 80_000  # nothing is broken off: the close is in it


def test_illiquidity_is_of_bars_without_a_break() -> None:
    """A million roubles (125 lots at 8,000) in the first bar, in which the mid gains 1%; and the bar of the reopening,
    which is over the break."""
    story = Story().at(0, a_listing(), turns(SeriesState.TRADING), prices(79_960, 80_040))
    story.trade(10, "ann", "mm", 125, 80_000).at(20, prices(80_760, 80_840))
    story.at(1_000, turns(SeriesState.SUSPENDED)).at(1_300, turns(SeriesState.TRADING))
    view = story.at(1_300, prices(63_920, 64_080)).trade(1_310, "ann", "mm", 1, 64_000).seen()
    assert liquidity.amihud.function(view) == pytest.approx(10_000 * LOG_ONE_PERCENT)


def test_makers_keep_nothing_known_where_trading_is_broken_off_within_five_minutes() -> None:
    story = Story().at(0, a_listing(), turns(SeriesState.TRADING), prices(79_920, 80_080))
    story.trade(10, "ann", "mm", 1, 80_040).at(100, turns(SeriesState.SUSPENDED)).at(
        160, turns(SeriesState.TRADING)
    )
    view = story.at(161, prices(63_920, 64_080)).seen()
    assert math.isnan(liquidity.realised_spread.function(view))
    assert liquidity.effective_spread.function(view) == pytest.approx(10.0)


def final(listed: InstrumentListed, price: int) -> SettlementPriceFinal:
    return SettlementPriceFinal(
        bucket_id=bucket_of(listed), price=price, unclamped=price, rule=PriceRule.WINDOW, grounds=""
    )


def test_a_future_that_is_suspended_at_its_expiry_has_no_last_mid() -> None:
    listed = a_listing(expiry_s=1_800)
    story = Story().at(0, listed, turns(SeriesState.TRADING), prices(79_960, 80_040))
    traded = price_quality.fixing_gap.function(
        story.at(1_800, turns(SeriesState.HALTED), final(listed, 80_080)).seen()
    )
    assert traded == pytest.approx(10_000 * 80 / 80_080)
    story = Story().at(0, listed, turns(SeriesState.TRADING), prices(79_960, 80_040))
    story.at(600, turns(SeriesState.SUSPENDED)).at(1_800, turns(SeriesState.HALTED), final(listed, 64_000))
    assert math.isnan(price_quality.fixing_gap.function(story.seen()))


def test_the_last_nanosecond_before_an_expiry_is_trading_time_in_any_year() -> None:
    """Nanoseconds of 2026 are beyond what a float can tell apart."""
    expiry_s = 1_797_874_800
    listed = a_listing(expiry_s=expiry_s)
    story = Story().at(0, listed, turns(SeriesState.TRADING)).at(expiry_s - 60, prices(79_960, 80_040))
    story.at(expiry_s, turns(SeriesState.HALTED), final(listed, 80_080))
    gap = price_quality.fixing_gap.function(story.seen(closes=expiry_s + 60))
    assert gap == pytest.approx(10_000 * 80 / 80_080)


def test_the_share_of_the_day_in_which_trading_was_suspended() -> None:
    """Ten minutes of a session of forty; the ten after the session are nobody's."""
    story = Story().at(0, a_listing()).at(600, SessionOpened(), turns(SeriesState.TRADING))
    story.at(2_400, turns(SeriesState.SUSPENDED)).at(3_000, SessionClosed())
    assert price_quality.halted_time.function(story.seen()) == pytest.approx(25.0)
    assert price_quality.halted_time.function(a_closed_middle().seen()) == pytest.approx(50.0)
    assert math.isnan(price_quality.halted_time.function(Story().seen()))


def test_a_series_that_is_terminated_before_its_expiry_has_no_market_any_more() -> None:
    story = Story().at(0, a_listing(), turns(SeriesState.TRADING), index(80_000), prices(79_960, 80_040))
    story.at(0, depth((5,) * 4, (5,) * 4)).at(
        900, turns(SeriesState.TERMINATED_AT_LAST_MARK), prices(None, None)
    )
    view = story.seen()
    assert liquidity.one_sided_time.function(view) == 0.0
    assert liquidity.quoted_spread.function(view) == pytest.approx(10.0)
    assert liquidity.depth_10bp.function(view) == pytest.approx(10 * 8_000)


def test_the_picture_has_no_prices_while_nobody_can_trade() -> None:
    lines = timeline(a_closed_middle().seen(), 600 * 10**9)
    at_ten_minutes_each = [False, False, True, True, True, False, True]
    assert np.isnan(lines["mid"]).tolist() == at_ten_minutes_each
    assert np.isnan(lines["spread_bp"]).tolist() == at_ten_minutes_each
    assert np.isnan(lines["depth_100bp"][2:5]).all() and not np.isnan(lines["depth_100bp"][1])


def test_collateral_is_locked_whether_the_market_is_open_or_not() -> None:
    """One lot bought at 80,000: the buyer can lose 8,000 roubles and the seller as much, open or closed."""
    listed = a_listing()
    story = Story().at(0, listed, turns(SeriesState.TRADING), index(80_000)).trade(0, "ann", "bob", 1, 80_000)
    view = story.at(60, turns(SeriesState.SUSPENDED)).seen()
    assert house.capital_tied_up.function(view) == pytest.approx(16_000.0)


def test_a_product_that_nobody_may_trade_has_no_market() -> None:
    """Spot is listed, and no class may trade it: its empty book is no part of the venue's."""
    story = Story().at(0, a_listing(), a_listing("SPOT", kind=ContractKind.SPOT))
    story.at(0, prices(79_960, 80_040), depth((5,) * 4, (5,) * 4))
    assert liquidity.one_sided_time.function(story.seen()) == 0.0
    alone = Story().at(0, a_listing("SPOT", kind=ContractKind.SPOT)).seen()
    for measure in (liquidity.one_sided_time, liquidity.depth_100bp, price_quality.halted_time):
        assert math.isnan(measure.function(alone)), measure.name


def test_a_line_that_the_regime_does_not_draw_is_not_passed_nought_times() -> None:
    view = Story().at(0, a_listing()).seen()
    assert view.regime.institutions.soft_cap_bp is None and not view.regime.position_limits
    assert math.isnan(house.soft_caps_passed.function(view))
    assert math.isnan(house.position_tiers_passed.function(view))


def test_what_is_settled_before_its_expiry_has_waited_for_nothing() -> None:
    early, due = a_listing("EARLY", expiry_s=3_000), a_listing("DUE", expiry_s=1_800)
    story = Story().at(0, early, due)
    story.at(600, BucketSettled(bucket_id=bucket_of(early), pool=0, holders=0))
    view = story.at(1_860, BucketSettled(bucket_id=bucket_of(due), pool=0, holders=0)).seen()
    assert house.settlement_wait.function(view) == pytest.approx(1.0)

"""Price quality: mids that zigzag, mids that march, and an index beside them."""

import math

import numpy as np
import pytest

from exchange.events import IndexStatus, PriceRule, SeriesState, SeriesStateChanged, SettlementPriceFinal
from scenarios.measures import RunView, price_quality
from tests.scenarios.measures.made import HOUR_S, Story, a_listing, bucket_of, index, prices

ONE_PERCENT = math.log(80_800 / 80_000)


def minutes(mids: list[int]) -> RunView:
    """A mid price for each minute, from the opening on."""
    story = Story().at(0, a_listing())
    for minute, mid in enumerate(mids):
        story.at(60 * minute, prices(mid - 40, mid + 40))
    return story.seen(closes=60 * (len(mids) - 1))


def test_a_zigzag_comes_back_and_a_march_does_not() -> None:
    zigzag = minutes([80_000, 80_800] * 10 + [80_000])
    assert price_quality.variance_ratio.function(zigzag) == pytest.approx(0.0)
    assert price_quality.worst_minute.function(zigzag) == pytest.approx(10_000 * ONE_PERCENT)
    assert price_quality.realised_volatility.function(zigzag) == pytest.approx(
        100 * ONE_PERCENT * math.sqrt(525_600)
    )
    assert price_quality.kurtosis.function(zigzag) == pytest.approx(1.0)  # moves of one size
    march = minutes([round(50_000 * 1.01**minute) for minute in range(21)])
    assert price_quality.variance_ratio.function(march) == pytest.approx(10.0, rel=1e-3)


def test_a_missing_side_keeps_the_last_known_mid() -> None:
    story = Story().at(0, a_listing(), prices(79_960, 80_040)).at(30, prices(None, 80_040))
    view = story.at(150, prices(80_760, 80_840)).seen(closes=180)
    moves = np.array([0.0, 0.0, ONE_PERCENT])
    assert price_quality.worst_minute.function(view) == pytest.approx(10_000 * ONE_PERCENT)
    assert price_quality.realised_volatility.function(view) == pytest.approx(
        100 * math.sqrt((moves**2).mean() * 525_600)
    )


def test_the_gap_to_the_index_is_weighted_by_time() -> None:
    story = Story().at(0, a_listing(), index(80_000), prices(79_960, 80_040))
    view = story.at(900, prices(80_040, 80_120)).seen(closes=HOUR_S)
    # no gap for 900 s, then 10 bp for 2,700 s
    assert price_quality.index_gap.function(view) == pytest.approx(math.sqrt(100 * 2_700 / 3_600))


def test_a_stale_index_says_nothing() -> None:
    story = Story().at(0, a_listing(), index(80_000), prices(80_040, 80_120))
    story.at(600, index(60_000, IndexStatus.STALE)).at(1_200, index(80_080))
    # 10 bp for 600 s, unknown for 600 s, no gap for 2,400 s
    assert price_quality.index_gap.function(story.seen()) == pytest.approx(math.sqrt(100 * 600 / 3_000))


def test_the_gap_at_the_fixing() -> None:
    listed = a_listing(expiry_s=1_800)
    story = Story().at(0, listed, prices(79_960, 80_040)).at(1_700, prices(80_760, 80_840))
    story.at(1_800, prices(None, None), index(1)).at(1_900, prices(10, 20))
    view = story.at(
        2_000,
        SettlementPriceFinal(
            bucket_id=bucket_of(listed), price=80_000, unclamped=80_000, rule=PriceRule.WINDOW, grounds=""
        ),
    ).seen()
    assert price_quality.fixing_gap.function(view) == pytest.approx(100.0)


def test_halts_are_counted() -> None:
    states = (SeriesState.TRADING, SeriesState.SUSPENDED, SeriesState.TRADING, SeriesState.SUSPENDED)
    story = Story().at(0, *(SeriesStateChanged(instrument_id="BTC", state=state) for state in states))
    assert price_quality.halts.function(story.seen()) == 2.0


def test_without_prices_nothing_is_known() -> None:
    silent = Story().at(0, a_listing(), index(80_000)).seen()
    for measure in price_quality.MEASURES:
        expected = 0.0 if measure.name in ("halts", "halted_time") else math.nan
        assert measure.function(silent) == pytest.approx(expected, nan_ok=True)

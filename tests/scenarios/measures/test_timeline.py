"""The timeline: one picture of a run at a steady step."""

import math

import pytest

from exchange.events import CustodyGated, Layer, LayerUsed
from exchange.units import SECOND
from scenarios.measures import timeline
from tests.scenarios.measures.made import Story, a_listing, depth, index, prices
from tests.scenarios.measures.test_cash_leg import arrived, asked


def test_every_series_at_every_step() -> None:
    story = Story().at(0, a_listing(expiry_s=180), index(80_000)).at(30, prices(79_960, 80_040))
    story.trade(40, "ann", "bob", 2, 80_000).at(50, depth((1, 1, 3, 4), (1, 1, 2, 2)))
    story.at(70, index(81_000), CustodyGated(asset_id="RUBD", mobile=1, frozen=3)).at(80, asked("ann", 1, 1))
    story.at(130, arrived("ann", 1, 1), prices(79_960, None))
    for seconds, layer, kopecks in ((90, Layer.DEFAULTER_MARGIN, 12_000), (150, Layer.EQUITY, 3_000)):
        story.at(seconds, LayerUsed(defaulter="ann", layer=layer, amount=kopecks))
    series = timeline(story.seen(closes=240), 60 * SECOND)
    assert series["waterfall"].tolist() == [0.0, 0.0, 120.0, 150.0, 150.0]
    assert series["time"].tolist() == [0, 60 * SECOND, 120 * SECOND, 180 * SECOND, 240 * SECOND]
    assert series["index"].tolist() == [8_000_000.0] * 2 + [8_100_000.0] * 3
    assert series["mid"][1:3].tolist() == [8_000_000.0, 8_000_000.0]
    assert series["spread_bp"][1] == pytest.approx(10.0)
    assert math.isnan(series["mid"][0]) and math.isnan(series["mid"][3])  # not yet, and no longer
    assert series["depth_100bp"][1:3].tolist() == [40_000.0] * 2
    assert math.isnan(series["depth_100bp"][3])  # traded no longer
    assert series["frozen_share"].tolist() == [0.0, 0.0, 75.0, 75.0, 75.0]
    assert series["open_interest"].tolist() == [0.0, 16_000.0, 16_200.0, 16_200.0, 16_200.0]
    assert series["withdrawals_asked"].tolist() == [0, 0, 1, 1, 1]
    assert series["withdrawals_completed"].tolist() == [0, 0, 0, 1, 1]


def test_a_book_with_one_side_has_no_depth() -> None:
    story = Story().at(0, a_listing(), prices(79_960, 80_040), depth((1, 1, 3, 4), (1, 1, 2, 2)))
    series = timeline(story.at(50, prices(79_960, None)).seen(closes=120), 60 * SECOND)
    assert series["depth_100bp"][:2].tolist() == [40_000.0, 0.0]


def test_an_empty_record_has_a_timeline_too() -> None:
    series = timeline(Story().seen(closes=60), 30 * SECOND)
    assert {column.size for column in series.values()} == {3}
    assert math.isnan(series["mid"][0])


def test_a_step_must_go_forward() -> None:
    with pytest.raises(ValueError, match="step_ns must be a positive number"):
        timeline(Story().seen(), 0)

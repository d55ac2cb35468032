"""When a delivery against payment is final: on the venue's books, and where the money really is."""

import math

import pytest

from exchange.commands import SettlementModel
from exchange.events import (
    AssetSettled,
    CustodySwept,
    InstructionPartlySettled,
    InstructionSettled,
    LegFinality,
    SettlementCycleCompleted,
)
from exchange.units import MINUTE, SECOND
from scenarios.measures import finality
from tests.scenarios.measures.made import Story


def settled(who: str, number: int, entered: int, final: int, outside: int | None) -> InstructionSettled:
    """Times in seconds; `outside` None: nobody knows when."""
    at = None if outside is None else outside * SECOND
    return InstructionSettled(
        participant_id=who, instruction_id=number, cycle_id=1, amount=1, payment=1, entered_at=entered * SECOND,
        irrevocable_at=final * SECOND, final_at=final * SECOND, issuer_final_at=at,
        legs=(LegFinality(asset_id="RUBD", final_at=at, reason=None),),
    )  # fmt: skip


def sheet(asset_id: str, gross: int, net: int) -> AssetSettled:
    return AssetSettled(
        asset_id=asset_id, due=gross, gross=gross, bilateral=gross, multilateral=net, efficiency_ppm=0,
        liquidity_peak=0, penalties=0,
    )  # fmt: skip


def cycle(
    number: int, due: int, whole: int, wait_minutes: int, *assets: AssetSettled
) -> SettlementCycleCompleted:
    return SettlementCycleCompleted(
        cycle_id=number, model=SettlementModel.DVP_1, due=due, settled=whole, partly_settled=0,
        recycled=due - whole, failed=0, assets=assets, mean_wait=wait_minutes * MINUTE, longest_wait=0,
    )  # fmt: skip


def test_fails_delay_and_netting() -> None:
    """Of 10 and 30 due, 8 and 24 settle, after 5 and 15 minutes; of 400 + 600 gross, 100 + 150 move."""
    story = Story().at(600, cycle(1, 10, 8, 5, sheet("RUBD", 400, 100), sheet("BTC", 9, 9)))
    view = story.at(1_200, cycle(2, 30, 24, 15, sheet("RUBD", 600, 150))).seen()
    assert finality.settlement_fails.function(view) == pytest.approx(20.0)
    assert finality.settlement_delay.function(view) == pytest.approx((8 * 5 + 24 * 15) / 32)
    assert finality.netting_efficiency.function(view) == pytest.approx(75.0)


def test_both_finalities_and_the_time_between_them() -> None:
    """Final on the books after 10 s and 30 s; outside 80 s and 330 s after entry: they disagree from 10 to 80 s and
    from 130 to 430 s. Both sides are told the same."""
    story = Story().at(10, settled("ann", 1, 0, 10, 80), settled("bob", 1, 0, 10, 80))
    view = story.at(130, settled("ann", 2, 100, 130, 430)).seen()
    assert finality.finality_internal.function(view) == pytest.approx(20.0)
    assert finality.finality_external.function(view) == pytest.approx((80 + 330) / 2)
    assert finality.books_disagree.function(view) == pytest.approx(100 * (70 + 300) / 3_600)


def test_what_overlaps_counts_once_and_what_nobody_knows_to_the_close() -> None:
    story = Story().at(1_800, settled("ann", 1, 1_800, 1_800, 2_400), settled("ann", 2, 1_800, 2_100, 2_700))
    view = story.at(3_240, settled("ann", 3, 3_200, 3_240, None)).seen()
    assert finality.books_disagree.function(view) == pytest.approx(100 * (900 + 360) / 3_600)
    assert finality.finality_external.function(view) == pytest.approx((600 + 900) / 2)


def test_a_part_that_settles_is_final_too() -> None:
    whole = settled("ann", 1, 0, 60, 60)
    told = {name: getattr(whole, name) for name in whole.__struct_fields__}
    view = Story().at(60, InstructionPartlySettled(**told, remaining=1)).seen()
    assert finality.finality_internal.function(view) == 60.0
    assert finality.books_disagree.function(view) == 0.0


def test_a_delivery_without_money_is_not_final_at_any_keeper() -> None:
    whole = settled("ann", 1, 0, 60, None)
    told = {name: getattr(whole, name) for name in whole.__struct_fields__} | {"legs": ()}
    view = Story().at(60, InstructionSettled(**told)).seen()
    assert math.isnan(finality.finality_external.function(view))
    assert finality.books_disagree.function(view) == 0.0


def test_money_that_could_not_be_swept_is_a_disagreement() -> None:
    unswept = CustodySwept(asset_id="RUBD", collected=0, paid=0, unswept=5)
    swept = CustodySwept(asset_id="RUBD", collected=5, paid=0, unswept=0)
    other = CustodySwept(asset_id="RUBX", collected=0, paid=0, unswept=5)
    view = Story().at(0, other).at(900, unswept).at(1_800, swept).seen()
    assert finality.books_disagree.function(view) == pytest.approx(25.0)


def test_a_day_without_instructions() -> None:
    view = Story().seen()
    for measure in finality.MEASURES:
        assert math.isnan(measure.function(view)), measure.name

"""Twelve partitions of what outside venues traded: which trades count, whose, and when there are enough."""

import pytest

from exchange.clearing.fixing import Fixed, Postponed, decide
from exchange.clearing.index import Index, IndexValue
from exchange.clearing.partitions import twice_medians, twice_weighted_median
from exchange.commands import VenueTrade
from exchange.events import IndexStatus, PriceRule
from exchange.instruments import SettlementRule
from exchange.units import HOUR, MINUTE, SECOND, Time
from tests.outside_venues import FOUR, an_index

TICK = 10_000
EXPIRY: Time = 100 * HOUR
LATER: Time = EXPIRY + 30 * MINUTE
STARTS = range(EXPIRY - HOUR, EXPIRY, 5 * MINUTE)  # of the twelve partitions


def trade(price: int, quantity: int = 1, venue: str = "Amber", at: Time = EXPIRY - MINUTE) -> VenueTrade:
    return VenueTrade(venue=venue, price=price, quantity=quantity, at=at)


def medians(*trades: VenueTrade) -> list[int]:
    return twice_medians(trades, until=EXPIRY, drop_bp=1_000)


def fix(
    index: Index, rule: SettlementRule, objected: PriceRule | None = None, now: Time = EXPIRY, prior: int = 0
) -> Fixed | Postponed:
    return decide(
        index,
        settlement_rule=rule,
        expiry=EXPIRY,
        tick=TICK,
        prior=prior,
        committee=None,
        objected=objected,
        now=now,
    )


def by_volume(index: Index, objected: PriceRule | None = None, now: Time = EXPIRY, prior: int = 0):  # type: ignore[no-untyped-def]
    return fix(index, SettlementRule.PARTITIONED_VWM, objected, now, prior)


def traded_in(partitions: int, price: int = 80_000 * TICK, index: Index | None = None) -> Index:
    """An index whose venues traded in the first so many partitions, each a tick dearer than the last."""
    index = index or an_index()
    for k, begins in enumerate(STARTS[:partitions]):
        for venue in FOUR:
            index.report_trades([trade(price + k * TICK, 1, venue, begins)], now=begins)
    return index


def with_window(index: Index, price: int) -> Index:
    """The same with an index that stood at `price` ticks all the time."""
    for at in range(EXPIRY - 30 * MINUTE, EXPIRY + 1, 6 * SECOND):
        index.remember(IndexValue(at, price * TICK, IndexStatus.OK, 4))
    return index


# --- one partition --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "doubled"),
    [
        ([(100, 1)], 200),
        ([(100, 1), (102, 1)], 202),  # half of the volume on either side: the middle
        ([(100, 1), (102, 2)], 204),
        ([(100, 3), (101, 1), (102, 2)], 201),
        ([(102, 2), (100, 3), (101, 1)], 201),
        ([(100, 5), (500, 4)], 200),
    ],
)
def test_the_median_weighs_prices_by_volume(rows: list[tuple[int, int]], doubled: int) -> None:
    assert twice_weighted_median([trade(price, quantity) for price, quantity in rows]) == doubled


def test_a_partition_is_five_minutes_from_its_beginning_to_just_before_its_end() -> None:
    first, last = EXPIRY - HOUR, EXPIRY - 1
    rows = [(99, first - 1), (100, first), (101, first + 5 * MINUTE - 1), (103, first + 5 * MINUTE)]
    assert medians(*(trade(price, at=at) for price, at in [*rows, (105, last), (999, EXPIRY)])) == [
        201,
        206,
        210,
    ]


def test_a_venue_more_than_a_tenth_from_the_others_is_left_out_of_that_partition() -> None:
    def of(price: int) -> list[int]:
        others = [trade(1_000, 1, venue) for venue in FOUR[:3]]
        return medians(*others, trade(price, 100, "Dune"))

    assert of(1_100) == [2_200]
    assert of(1_101) == [2_000]
    assert of(900) == [1_800]
    assert of(899) == [2_000]


def test_the_farthest_is_left_out_first_and_takes_no_sane_one_along() -> None:
    rows = (("Amber", 1_000), ("Basalt", 1_090), ("Cedar", 5_000))
    assert medians(*(trade(price, 1, venue) for venue, price in rows)) == [2_090]


def test_two_venues_that_disagree_leave_nothing_and_one_alone_is_taken_at_its_word() -> None:
    assert medians(trade(1_000, 1, "Amber"), trade(2_000, 1, "Basalt")) == []
    assert medians(trade(2_000, 1, "Basalt")) == [4_000]


# --- what an index keeps --------------------------------------------------------------------------------


def test_trades_that_are_of_no_venue_have_no_size_or_lie_ahead_are_passed_over() -> None:
    index = an_index()
    good = trade(100, at=SECOND)
    bad = (
        trade(100, venue="ringfence", at=SECOND),
        trade(0, at=SECOND),
        trade(-1, at=SECOND),
        trade(100, 0, at=SECOND),
        trade(100, at=SECOND + 1),
    )
    index.report_trades((good, *bad), now=SECOND)
    assert list(index.trades) == [good]


def test_no_more_than_the_last_hour_is_kept() -> None:
    index = an_index()
    for minute in range(600):
        index.report_trades([trade(100, at=minute * MINUTE)], now=minute * MINUTE)
    assert [t.at // MINUTE for t in index.trades] == list(range(539, 600))


def test_the_index_is_not_made_of_trades() -> None:
    index = traded_in(12)
    assert index.publish(EXPIRY) is None and index.latest is None


# --- the price ------------------------------------------------------------------------------------------


def test_every_partition_counts_alike_and_the_mean_is_rounded_once() -> None:
    """80,000 to 80,011 ticks; the mean is 80,005.5."""
    for prior, price in ((0, 80_005), (90_000, 80_006)):
        assert by_volume(traded_in(12), prior=prior) == Fixed(price, PriceRule.PARTITIONS, 12, 12)


def test_eight_partitions_are_enough_and_seven_are_not() -> None:
    """80,000 to 80,007 ticks; below eight the index decides."""
    eight, seven = (with_window(traded_in(count), 79_000) for count in (8, 7))
    assert by_volume(eight) == Fixed(80_003, PriceRule.PARTITIONS, 8, 12)
    assert by_volume(seven) == Fixed(79_000, PriceRule.WINDOW, 300, 300)


def test_without_trades_and_without_an_index_settlement_is_postponed() -> None:
    assert by_volume(traded_in(7)) == Postponed(LATER, 0, 300)
    assert by_volume(traded_in(7), now=LATER) == Fixed(0, PriceRule.LAST_SETTLEMENT, 0, 600)


def test_what_is_reported_after_the_expiry_comes_too_late() -> None:
    index = traded_in(7)
    assert by_volume(index) == Postponed(LATER, 0, 300)
    soon = EXPIRY + MINUTE
    index.report_trades([trade(80_000 * TICK, 1, "Amber", at) for at in STARTS[7:]], now=soon)
    assert by_volume(index, now=soon) == Postponed(LATER, 0, 300)
    assert by_volume(index, now=LATER) == Fixed(0, PriceRule.LAST_SETTLEMENT, 0, 600)


def test_an_objection_to_the_partitions_leads_to_the_window() -> None:
    index = with_window(traded_in(12), 79_000)
    answer = by_volume(index, objected=PriceRule.PARTITIONS, now=EXPIRY + MINUTE)
    assert answer == Fixed(79_000, PriceRule.WINDOW, 300, 300)


def test_a_snapshot_is_the_index_at_the_expiry_if_it_is_sound_then() -> None:
    index = with_window(an_index(), 79_000)
    index.remember(IndexValue(EXPIRY, 81_000 * TICK, IndexStatus.OK, 4))
    assert fix(index, SettlementRule.SNAPSHOT) == Fixed(81_000, PriceRule.SNAPSHOT, 1, 1)
    assert fix(index, SettlementRule.TWAP_CAPPED) == Fixed(79_007, PriceRule.WINDOW, 300, 300)
    objected = fix(index, SettlementRule.SNAPSHOT, objected=PriceRule.SNAPSHOT)
    assert objected == Fixed(79_007, PriceRule.WINDOW, 300, 300)
    index.remember(IndexValue(EXPIRY, 81_000 * TICK, IndexStatus.DEGRADED, 4))
    assert fix(index, SettlementRule.SNAPSHOT) == Fixed(79_000, PriceRule.WINDOW, 299, 300)

"""The index: who counts, how far one venue can push it, and when it says that it does not know."""

import pytest

from exchange.clearing.index import Index, IndexValue
from exchange.commands import IndexTerms, VenueQuote
from exchange.events import IndexStatus
from exchange.units import HOUR, SECOND, IndexId
from tests.outside_venues import FOUR, an_index, distance_bp, four, show

OK, DEGRADED, STALE = IndexStatus.OK, IndexStatus.DEGRADED, IndexStatus.STALE
FAIR = 800_000_000  # 8,000,000.00 roubles


def published(index: Index, second: int) -> tuple[int, IndexStatus, int]:
    made = index.publish(second * SECOND)
    assert made is not None
    return made.value, made.status, made.venues


def after(mids: dict[str, int], second: int = 1) -> tuple[int, IndexStatus, int]:
    """What a new index says when its venues show `mids`."""
    index = an_index(dict.fromkeys(mids, 250_000))
    show(index, second, mids)
    return published(index, second)


# --- the value ------------------------------------------------------------------------------------------


def test_the_worked_example_of_three_venues() -> None:
    """E15: 100, 101, 120 with weights 25, 50, 25; here no venue is dropped, so the cap alone must hold."""
    index = an_index({"Amber": 250_000, "Basalt": 500_000, "Cedar": 250_000}, drop_bp=2_000)
    show(index, 1, {"Amber": 100_00, "Basalt": 101_00, "Cedar": 120_00})
    assert published(index, 1) == (101_00, OK, 3)


def test_weights_count_inside_the_band() -> None:
    index = an_index({"Amber": 700_000, "Basalt": 200_000, "Cedar": 100_000})
    show(index, 1, {"Amber": 1_000_000, "Basalt": 1_000_100, "Cedar": 1_000_200})
    assert published(index, 1)[0] == 1_000_040


def test_a_price_far_up_counts_as_the_upper_edge_of_the_band() -> None:
    assert after(four(1_000_000, Dune=1_090_000))[0] == 1_001_250


def test_a_price_far_down_counts_as_the_lower_edge_of_the_band() -> None:
    assert after(four(1_000_000, Dune=920_000))[0] == 998_750


def test_the_edges_of_the_band_are_rounded_inwards() -> None:
    # median 1,001: the band is 995.995 to 1,006.005, in whole units 996 to 1,006
    assert after({"Amber": 1_001, "Basalt": 930, "Cedar": 1_001})[0] == 999  # 2,998 / 3
    low_heavy = an_index({"Amber": 1, "Basalt": 1_000_000, "Cedar": 1})
    show(low_heavy, 1, {"Amber": 1_001, "Basalt": 930, "Cedar": 1_001})
    assert published(low_heavy, 1)[0] == 996
    high_heavy = an_index({"Amber": 1, "Basalt": 1_000_000, "Cedar": 1})
    show(high_heavy, 1, {"Amber": 1_001, "Basalt": 1_080, "Cedar": 1_001})
    assert published(high_heavy, 1)[0] == 1_006


def test_of_four_the_median_is_the_mean_of_the_two_middle_ones() -> None:
    # median 1,045,000: the band is 1,039,775 to 1,050,225
    mids = {"Amber": 1_000_000, "Basalt": 1_040_000, "Cedar": 1_050_000, "Dune": 1_060_000}
    assert after(mids)[0] == (1_039_775 + 1_040_000 + 1_050_000 + 1_050_225) // 4


def test_half_a_unit_goes_to_the_even_neighbour() -> None:
    assert after({"Amber": 1_000_000, "Basalt": 1_000_001})[0] == 1_000_000
    assert after({"Amber": 1_000_001, "Basalt": 1_000_002})[0] == 1_000_002


def test_a_mid_price_between_two_units_is_kept_exactly() -> None:
    index = an_index()
    at = SECOND
    index.report([VenueQuote(venue=venue, bid=1_000_000, ask=1_000_003, at=at) for venue in FOUR[:3]])
    index.report([VenueQuote(venue="Dune", bid=1_000_001, ask=1_000_004, at=at)])
    assert published(index, 1)[0] == 1_000_002  # the mean is 1,000,001.75


# --- who counts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bid", "ask"), [(100, 100), (101, 100), (0, 100), (-5, 100), (-5, -1)])
def test_a_quote_without_sense_does_not_count(bid: int, ask: int) -> None:
    index = an_index()
    show(index, 1, four(1_000_000))
    index.report([VenueQuote(venue="Dune", bid=bid, ask=ask, at=SECOND)])
    assert published(index, 1) == (1_000_000, OK, 3)


def test_a_quote_counts_for_three_minutes() -> None:
    index = an_index()
    show(index, 1, {"Dune": 1_000_000})
    show(index, 180, {"Amber": 1_000_000, "Basalt": 1_000_000, "Cedar": 1_000_000})
    assert published(index, 181)[2] == 4
    assert published(index, 182)[2] == 3


def test_a_quote_from_the_future_does_not_count() -> None:
    index = an_index()
    show(index, 1, four(1_000_000))
    show(index, 3, {"Dune": 1_000_000})
    assert published(index, 2)[2] == 3
    assert published(index, 3)[2] == 4


def test_quotes_of_a_stranger_are_passed_over() -> None:
    index = an_index()
    show(index, 1, four(1_000_000) | {"Ringfence": 2_000_000})
    assert published(index, 1) == (1_000_000, OK, 4)


def test_a_venue_is_dropped_beyond_a_tenth_and_readmitted_within_half_of_that() -> None:
    index = an_index()
    counted = []
    for second, dune in enumerate((110_000, 110_001, 105_001, 105_000, 104_999, 108_000, 110_000), start=1):
        show(index, second, four(100_000, Dune=dune))
        counted.append(published(index, second)[2])
    assert counted == [4, 3, 3, 3, 4, 4, 4]


def test_a_venue_is_dropped_downwards_as_well() -> None:
    assert after(four(100_000, Dune=90_000))[2] == 4
    assert after(four(100_000, Dune=89_999))[2] == 3


def test_a_dropped_venue_that_falls_silent_is_still_dropped_when_it_returns() -> None:
    index = an_index()
    show(index, 1, four(100_000, Dune=120_000))
    assert published(index, 1)[2] == 3
    for second, dune, count in ((200, None, 3), (201, 107_000, 3), (202, 101_000, 4)):
        show(index, second, {v: m for v, m in four(100_000, Dune=dune or 0).items() if m > 1})
        assert published(index, second)[2] == count


def test_a_wild_venue_takes_no_sane_one_with_it() -> None:
    """At 150 one of three is so far off that, against it, each honest venue would look wrong as well."""
    assert after({"Amber": 100_000, "Basalt": 100_000, "Cedar": 150_000}) == (100_000, DEGRADED, 2)
    assert after({"Amber": 100_000, "Basalt": 100_001, "Cedar": 2}) == (100_000, DEGRADED, 2)
    assert after(four(100_000, Cedar=150_000, Dune=300_000)) == (100_000, DEGRADED, 2)


def test_venues_split_evenly_are_not_believed_either_way_until_they_agree() -> None:
    index = an_index()
    show(index, 1, four(100_000))
    published(index, 1)
    show(index, 2, four(100_000, Cedar=120_000, Dune=120_000))
    assert published(index, 2) == (100_000, STALE, 0)
    show(index, 3, four(110_000))
    assert published(index, 3) == (110_000, OK, 4)


# --- what it is worth -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("venues", "status"), [(4, OK), (3, OK), (2, DEGRADED)])
def test_three_venues_are_enough_and_two_are_few(venues: int, status: IndexStatus) -> None:
    assert after(dict.fromkeys(FOUR[:venues], 1_000_000)) == (1_000_000, status, venues)


def test_one_venue_alone_moves_nothing() -> None:
    index = an_index()
    show(index, 1, four(1_000_000))
    assert published(index, 1) == (1_000_000, OK, 4)
    show(index, 200, {"Dune": 1_090_000})
    assert published(index, 200) == (1_000_000, STALE, 1)


def test_without_any_venue_the_last_value_stays() -> None:
    index = an_index()
    show(index, 1, four(1_000_000))
    published(index, 1)
    assert published(index, 500) == (1_000_000, STALE, 0)


def test_there_is_no_value_before_the_first() -> None:
    index = an_index()
    assert index.publish(SECOND) is None
    show(index, 2, {"Amber": 1_000_000})
    assert index.publish(2 * SECOND) is None
    assert index.latest is None
    assert not index.history


def test_a_minute_without_news_is_an_outage() -> None:
    index = an_index()
    show(index, 1, four(1_000_000))
    assert published(index, 60) == (1_000_000, OK, 4)
    assert published(index, 61) == (1_000_000, STALE, 4)
    show(index, 62, {"Amber": 1_000_000})
    assert published(index, 62) == (1_000_000, OK, 4)


def test_news_from_a_dropped_venue_alone_is_no_news() -> None:
    index = an_index()
    show(index, 1, four(1_000_000))
    published(index, 1)
    show(index, 70, {"Dune": 1_500_000})
    assert published(index, 70) == (1_000_000, STALE, 3)


def test_a_basket_of_reference_rates_that_disagrees_degrades_the_index() -> None:
    index = an_index()
    show(index, 1, four(1_020_000))
    index.report_rate("north", 990_000, at=SECOND)
    index.report_rate("south", 1_010_000, at=SECOND)
    assert published(index, 1) == (1_020_000, OK, 4)  # exactly 2% above the basket
    show(index, 2, four(1_020_001))
    assert published(index, 2) == (1_020_001, DEGRADED, 4)
    show(index, 3, four(979_999))
    assert published(index, 3) == (979_999, DEGRADED, 4)


def test_only_recent_and_independent_rates_count() -> None:
    index = an_index()
    index.report_rate("north", 1_000_000, at=SECOND)
    index.report_rate("north", 1_010_000, at=2 * SECOND)
    index.report_rate("south", -5, at=2 * SECOND)
    index.report_rate("Amber", 2_000_000, at=2 * SECOND)
    assert index.reference_rates(2 * SECOND + HOUR) == [1_010_000]
    assert index.reference_rates(2 * SECOND + HOUR + 1) == []


def test_the_latest_value_is_what_was_published() -> None:
    index = an_index()
    show(index, 1, four(1_000_000))
    assert index.publish(SECOND) == IndexValue(SECOND, 1_000_000, OK, 4) == index.latest


def test_history_keeps_every_good_value_and_the_beginning_of_each_outage() -> None:
    index = an_index()
    for second in (1, 2, 200, 201, 202):
        if second in (1, 2, 202):
            show(index, second, four(1_000_000 + second))
        index.publish(second * SECOND)
    assert [(v.time // SECOND, v.status) for v in index.history] == [
        (1, OK),
        (2, OK),
        (200, STALE),
        (202, OK),
    ]


def test_terms_without_sense_are_our_bug() -> None:
    with pytest.raises(AssertionError, match="a venue counts once"):
        Index(IndexTerms(index_id=IndexId("BTC_RUB"), venues=("Amber", "Amber"), weights_ppm=(1, 1)))
    with pytest.raises(AssertionError, match="every venue has a weight"):
        an_index({"Amber": 0, "Basalt": 1})


# --- what an attack moves -------------------------------------------------------------------------------


def test_a_push_of_one_venue_for_one_snapshot() -> None:
    """E15: 250 bp on a plain mean, 12.5 bp on the capped index."""
    mids = four(FAIR, Dune=FAIR * 11 // 10)
    assert distance_bp(sum(mids.values()) // 4, FAIR) == 250.0
    value, status, venues = after(mids)
    assert (distance_bp(value, FAIR), status, venues) == (12.5, OK, 4)


def test_a_push_of_three_venues_is_seen_only_by_the_basket() -> None:
    """E15: a pushed majority moves even the capped index 986 bp; the reference rates tell."""
    mids = four(FAIR * 11 // 10, Amber=FAIR)
    value, status, _ = after(mids)
    assert (distance_bp(value, FAIR), status) == (986.2, OK)
    index = an_index()
    index.report_rate("north", FAIR, at=SECOND)
    index.report_rate("south", FAIR, at=SECOND)
    show(index, 1, mids)
    assert published(index, 1)[1] is DEGRADED

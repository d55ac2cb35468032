"""The index against exact fractions, and what no set of quotes can make it do."""

from random import Random
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.clearing.index import Index, IndexValue
from exchange.commands import VenueQuote
from exchange.events import IndexStatus
from exchange.units import SECOND
from tests.often import often
from tests.oracles.naive_index import NaiveIndex
from tests.outside_venues import FOUR, an_index, show

Steps: TypeAlias = list[tuple[int, dict[str, tuple[int, int, int]]]]

BAND = 50  # bp
mids = st.one_of(st.integers(9_000, 12_000), st.integers(1_000, 10**9), st.just(10_000))
weights = st.integers(1, 1_000_000)
venues = st.lists(st.tuples(weights, mids), min_size=2, max_size=6)


def made(shown: list[tuple[str, int, int]]) -> tuple[IndexValue | None, list[int]]:
    """What a new index says to these venues (name, weight, mid), and the mid prices that counted."""
    index = an_index({name: weight for name, weight, _ in shown})
    show(index, 1, {name: mid for name, _, mid in shown})
    published = index.publish(SECOND)
    return published, counted(index)


def counted(index: Index) -> list[int]:
    return [venue.mid // 2 for venue in index._venues.values() if not venue.dropped]


def named(venues: list[tuple[int, int]]) -> list[tuple[str, int, int]]:
    return [(f"venue {k}", weight, mid) for k, (weight, mid) in enumerate(venues)]


@settings(max_examples=often(700), deadline=None)
@given(venues=venues, order=st.randoms(use_true_random=False))
def test_the_index_stays_among_its_venues_and_cares_for_no_order(
    venues: list[tuple[int, int]], order: Random
) -> None:
    """I-49: between the least and the greatest, within the band of the median, in whatever order."""
    shown = named(venues)
    published, valid = made(shown)
    shuffled = list(shown)
    order.shuffle(shuffled)
    again, valid_again = made(shuffled)
    assert again == published
    assert sorted(valid_again) == sorted(valid)
    if published is not None:
        assert min(valid) <= published.value <= max(valid)
        ordered = sorted(valid)
        twice_median = ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]
        assert abs(2 * published.value - twice_median) * 10_000 <= BAND * twice_median


@settings(max_examples=often(700), deadline=None)
@given(
    honest=st.lists(st.integers(980_000, 1_020_000), min_size=2, max_size=5),
    weight=weights,
    wild=st.one_of(st.integers(2, 10**10), st.integers(850_000, 1_150_000)),
)
def test_one_venue_cannot_push_the_index_past_the_band_around_the_others(
    honest: list[int], weight: int, wild: int
) -> None:
    """I-50, for a venue of any weight that shows anything; the others are honest and differ by 4% at most."""
    shown = named([*((1, mid) for mid in honest), (weight, wild)])
    published, _ = made(shown)
    assert published is not None
    assert min(honest) * (10_000 - BAND) <= published.value * 10_000 <= max(honest) * (10_000 + BAND)


@settings(max_examples=often(700), deadline=None)
@given(venues=st.lists(st.tuples(weights, mids), min_size=3, max_size=6))
def test_whoever_counts_is_bound_by_the_others(venues: list[tuple[int, int]]) -> None:
    """I-50, for each of three or more valid venues in turn, wherever the others stand."""
    published, valid = made(named(venues))
    if published is not None and published.venues >= 3:
        for k in range(len(valid)):
            others = valid[:k] + valid[k + 1 :]
            assert min(others) * (10_000 - BAND) <= published.value * 10_000
            assert published.value * 10_000 <= max(others) * (10_000 + BAND)


moves = st.one_of(
    st.integers(-30, 30).map(lambda bp: 10_000 + bp),
    st.sampled_from((8_900, 9_000, 9_400, 9_500, 9_501, 10_499, 10_500, 10_900, 11_000, 11_001, 15_000)),
)
news = st.dictionaries(st.sampled_from(FOUR), st.tuples(moves, st.integers(-1, 7), st.integers(0, 70)))
seconds = st.lists(st.tuples(st.sampled_from((1, 1, 1, 30, 60, 181)), news), min_size=1, max_size=12)


def compare(weights: list[int], price: int, rates: list[int], seconds: Steps) -> None:
    by_venue = dict(zip(FOUR, weights, strict=True))
    index, naive = an_index(by_venue, reference_age=10**6 * SECOND), NaiveIndex(by_venue, rates=rates)
    for k, rate in enumerate(rates):
        index.report_rate(f"source {k}", rate, at=0)
    now = 100
    for step, news in seconds:
        now += step
        for venue, (move, spread, age) in news.items():
            bid = price * move // 10_000
            naive.quotes[venue] = (bid, bid + spread, now - age)
            index.report([VenueQuote(venue=venue, bid=bid, ask=bid + spread, at=(now - age) * SECOND)])
        published, expected = index.publish(now * SECOND), naive.publish(now)
        assert list(index.audit()) == []
        if expected is None:
            assert published is None
        else:
            value, status, count = expected
            assert published == IndexValue(now * SECOND, value, IndexStatus(status), count)


steps = given(
    weights=st.lists(st.integers(1, 1_000_000), min_size=4, max_size=4),
    price=st.sampled_from((10, 201, 9_999, 10_000, 100_001, 800_000_000)),
    rates=st.lists(st.sampled_from((9_900, 10_000, 10_200, 798_000_000, 816_000_000)), max_size=2),
    seconds=seconds,
)


@settings(max_examples=often(250), deadline=None)
@steps
def test_like_the_index_in_fractions(
    weights: list[int], price: int, rates: list[int], seconds: Steps
) -> None:
    compare(weights, price, rates, seconds)


@pytest.mark.nightly
@settings(max_examples=5_000, deadline=None)
@steps
def test_like_the_index_in_fractions_for_long(
    weights: list[int], price: int, rates: list[int], seconds: Steps
) -> None:
    compare(weights, price, rates, seconds)

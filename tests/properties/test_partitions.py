"""The partitioned price against a median of every unit that was traded, one by one."""

from collections import Counter
from fractions import Fraction
from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.clearing.partitions import twice_medians, twice_weighted_median
from exchange.commands import VenueTrade
from exchange.units import HOUR, MINUTE, Time

UNTIL: Time = 10 * HOUR
VENUES = ("Amber", "Basalt", "Cedar", "Dune")

trades = st.lists(
    st.builds(
        VenueTrade,
        venue=st.sampled_from(VENUES),
        price=st.one_of(st.integers(85, 115), st.integers(1, 300)),
        quantity=st.integers(1, 9),
        at=st.integers(UNTIL - 61 * MINUTE, UNTIL + MINUTE),
    ),
    max_size=60,
)


def unit_by_unit(traded: list[VenueTrade]) -> Fraction:
    return Fraction(median([Fraction(trade.price) for trade in traded for _ in range(trade.quantity)]))


def naive(traded: list[VenueTrade]) -> list[Fraction]:
    """Medians of the partitions, written as the rule is told: ten percent, the farthest first."""
    found = []
    for begins in range(UNTIL - 60 * MINUTE, UNTIL, 5 * MINUTE):
        inside = [trade for trade in traded if begins <= trade.at < begins + 5 * MINUTE]
        while True:
            own = {v: unit_by_unit([t for t in inside if t.venue == v]) for v in {t.venue for t in inside}}
            away = {}
            for venue, price in own.items():
                others = [other for name, other in own.items() if name != venue]
                if others and abs(price / median(others) - 1) > Fraction(1, 10):
                    away[venue] = max(price / median(others), median(others) / price)
            if not away:
                break
            inside = [trade for trade in inside if away.get(trade.venue) != max(away.values())]
        if inside:
            found.append(unit_by_unit(inside))
    return found


@settings(max_examples=500, deadline=None)
@given(traded=trades)
def test_like_the_median_of_every_unit(traded: list[VenueTrade]) -> None:
    doubled = twice_medians(traded, until=UNTIL, drop_bp=1_000)
    assert [Fraction(twice, 2) for twice in doubled] == naive(traded)


@settings(max_examples=500, deadline=None)
@given(traded=trades, order=st.randoms(use_true_random=False))
def test_it_does_not_matter_who_reports_first(traded: list[VenueTrade], order) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(traded)
    order.shuffle(shuffled)
    assert twice_medians(shuffled, until=UNTIL, drop_bp=1_000) == twice_medians(
        traded, until=UNTIL, drop_bp=1_000
    )


@settings(max_examples=500, deadline=None)
@given(
    honest=st.lists(st.tuples(st.integers(950, 1_050), st.integers(1, 50)), min_size=1, max_size=8),
    pushed=st.lists(st.tuples(st.integers(1, 5_000), st.integers(1, 50)), max_size=8),
)
def test_less_than_half_of_the_volume_cannot_leave_the_prices_of_the_rest(
    honest: list[tuple[int, int]], pushed: list[tuple[int, int]]
) -> None:
    def traded(rows: list[tuple[int, int]]) -> list[VenueTrade]:
        return [VenueTrade(venue="Amber", price=price, quantity=q, at=0) for price, q in rows]

    volume = Counter({"honest": sum(q for _, q in honest), "pushed": sum(q for _, q in pushed)})
    if volume["pushed"] < volume["honest"]:
        doubled = twice_weighted_median(traded([*honest, *pushed]))
        assert 2 * min(honest)[0] <= doubled <= 2 * max(honest)[0]

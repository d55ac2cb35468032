"""Any split is whole, exact in sum, within its caps and less than a unit from its exact share (E20)."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.clearing.rounding import allocate
from tests.often import often
from tests.oracles.naive_index import exact_shares

parts = st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 10_000)), min_size=1, max_size=8)


@settings(max_examples=often(600), deadline=None)
@given(parts=parts, share=st.fractions(0, 1, max_denominator=1_000))
def test_a_split_is_exact_and_fair(parts: list[tuple[int, int]], share: Fraction) -> None:
    weights, caps = [weight for weight, _ in parts], [cap for _, cap in parts]
    total = int(share * sum(cap for weight, cap in parts if weight))
    split = allocate(total, weights, caps)
    assert sum(split) == total
    for part, cap, exact in zip(split, caps, exact_shares(total, weights, caps), strict=True):
        assert 0 <= part <= cap
        assert abs(part - exact) < 1

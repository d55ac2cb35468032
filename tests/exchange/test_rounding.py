"""Which way each rounding goes, and how a whole number is split."""

import pytest

from exchange.clearing.rounding import allocate, divide_half_even, divide_up, to_tick


def test_a_quotient_is_rounded_up() -> None:
    assert divide_up(10, 5) == 2
    assert divide_up(11, 5) == 3
    assert divide_up(-11, 5) == -2
    assert divide_up(0, 5) == 0


def test_a_half_goes_to_the_even_neighbour() -> None:
    assert [divide_half_even(n, 2) for n in (-3, -1, 1, 3, 5)] == [-2, 0, 0, 2, 2]
    assert divide_half_even(14, 10) == 1
    assert divide_half_even(16, 10) == 2


def test_a_tie_between_ticks_goes_toward_the_prior_settlement() -> None:
    """E20: 80,000.5 becomes 80,000 or 80,001."""
    assert to_tick(800_005, 10, prior=79_000) == 80_000
    assert to_tick(800_005, 10, prior=80_000) == 80_000
    assert to_tick(800_005, 10, prior=80_001) == 80_001
    assert to_tick(800_005, 10, prior=90_000) == 80_001


def test_only_a_tie_looks_at_the_prior_settlement() -> None:
    assert to_tick(800_004, 10, prior=90_000) == 80_000
    assert to_tick(800_006, 10, prior=10_000) == 80_001


def test_equal_remainders_are_settled_by_position() -> None:
    """E20: 100 in three equal parts."""
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]


def test_a_larger_remainder_comes_before_an_earlier_position() -> None:
    assert allocate(10, [13, 29, 58]) == [1, 3, 6]


def test_what_a_cap_cuts_off_flows_to_the_others() -> None:
    """E20: a cap of 50."""
    assert allocate(100, [2, 1, 1], [50, 50, 50]) == [50, 25, 25]
    assert allocate(100, [8, 1, 1], [50, 50, 50]) == [50, 25, 25]


def test_a_part_that_fills_later_is_capped_too() -> None:
    assert allocate(100, [80, 15, 5], [50, 30, 99]) == [50, 30, 20]


def test_no_weight_no_part() -> None:
    assert allocate(5, [0, 3, 0]) == [0, 5, 0]
    assert allocate(0, [0, 0]) == [0, 0]
    assert allocate(0, []) == []


@pytest.mark.parametrize(
    ("total", "weights", "caps", "fault"),
    [
        (10, [1, 1], [4, 5], "cannot split 10: the caps hold only 9"),
        (10, [1, 0], [5, 50], "cannot split 10: the caps hold only 5"),
        (10, [2, -1], None, "weights must not be negative, but one is -1"),
        (10, [0, 0], None, "cannot split 10: no weight is positive"),
        (-1, [1], None, "cannot split -1: it is negative"),
        (1, [1, 1], [1], "there are 2 weights but 1 caps"),
        (1, [1, 1], [2, -1], "caps must not be negative, but one is -1"),
    ],
)
def test_an_impossible_split_names_its_fault(
    total: int, weights: list[int], caps: list[int] | None, fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        allocate(total, weights, caps)

"""Who stands apart from the others: the median, and the value that is farthest from the median of the rest."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

# Asked of a position with its distance from the median of the others and that median, both in half units.
TooFar: TypeAlias = Callable[[int, int, int], bool]


def twice_median(values: Sequence[int]) -> int:
    """Twice the median, hence whole also when it is the mean of the two middle values."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] + ordered[~middle]


def farthest_misfits(values: Sequence[int], is_too_far: TooFar) -> list[int]:
    """Positions of the farthest of those that are too far from the median of the others; several if equally far.

    There must be two values or more. Farthest is by ratio, not by difference: a price near zero differs from
    any other by no more than one, and the honest ones would differ as much from a median that it has pulled down.
    """
    farthest, misfits = Fraction(0), list[int]()
    for at, value in enumerate(values):
        median = twice_median([*values[:at], *values[at + 1 :]])
        if is_too_far(at, abs(2 * value - median), median):
            ratio = Fraction(max(2 * value, median), min(2 * value, median))
            if ratio > farthest:
                farthest, misfits = ratio, [at]
            elif ratio == farthest:
                misfits.append(at)
    return misfits

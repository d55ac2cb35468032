"""What paired runs can and cannot tell: mean differences, their intervals, and a verdict in plain words.

Two regimes are run with the same seeds, so what one seed does to both cancels in the difference of its pair.

Interval. Student's interval of the mean difference. From five pairs on, each of its ends is moved out to where Hall's
transformation of t, which removes the skewness of a sample (Johnson 1978, Hall 1992), puts it, if that is further. Many
measures differ little in most pairs and much in a few; there Student's interval alone, and the bootstrap too, hold the
truth too seldom (docs/decisions/0023-intervals-of-skewed-differences.md). Where it is known which values are possible,
the interval is cut to what a mean of them, or a difference of two means, can be: the truth lies there anyhow.

Test. Student's paired t decides, because rank and sign tests cannot: with ten pairs the smallest p that a
sign test or a sign-flip permutation can give is 2 / 1024, and Holm's correction over thirty measures makes
0.06 of it, whatever happened. The sign test is reported beside it and presumes nothing about the shape of
the differences. An interval that excludes 0 has a p below 5%, for it holds Student's.

Verdict. "higher" or "lower" needs both: an interval that excludes 0, and a p below 5% after Holm's correction
over all measures shown together.
"""

from enum import StrEnum
from math import comb, inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SIGNIFICANCE = 0.05
POWER = 0.80
FEWEST_PAIRS = 3  # for an interval, a test and a verdict
FEWEST_FOR_SKEWNESS = 5  # of fewer, that of a sample says next to nothing
SAME = 1e-12  # differences that vary by less than this part of the values compared are the same

Values = npt.ArrayLike


class Verdict(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"
    NO_DIFFERENCE_SEEN = "no difference seen"
    NO_VERDICT = "no verdict"  # too few pairs in which the measure is defined
    NOT_COMPARABLE = "not comparable"  # none: under one of the two it means nothing


class MeanInterval(NamedTuple):
    """A mean and its interval; nan where there are too few values. `n` counts the values that were known."""

    mean: float
    low: float
    high: float
    n: int


class PairedDifference(NamedTuple):
    """`other` less `baseline`, over the `n` pairs in which both are known.

    `smallest_detectable` is the true difference that a sample of this size and spread would show four times
    in five, were it the hardest to show of all that are tested together. nan where there are too few pairs.
    """

    mean_baseline: float
    mean_other: float
    difference: float
    low: float
    high: float
    p_value: float
    sign_p_value: float
    n: int
    smallest_detectable: float


def paired_difference(
    baseline: Values,
    other: Values,
    *,
    family: int = 1,
    confidence: float = 0.95,
    possible: tuple[float, float] = (-inf, inf),
) -> PairedDifference:
    """Compare two regimes over the same seeds, in the same order. A pair with a nan is left out.

    `family` is the number of tests made together, which `holm` corrects for; `possible` the least and the most that a
    value can be.

    Differences that are all the same leave nothing to test against: the interval is that one value, and p is
    0 if the sign test alone can tell (six pairs or more), else the sign test's. Raises ValueError if the two
    differ in length.
    """
    before, after = np.asarray(baseline, dtype=float), np.asarray(other, dtype=float)
    if before.shape != after.shape or before.ndim != 1:
        raise ValueError(
            f"baseline {before.shape} and other {after.shape} must be rows of equal length, one value a seed"
        )
    paired = ~(np.isnan(before) | np.isnan(after))
    before, after = before[paired], after[paired]
    n = before.size
    differences = after - before
    scale = float(np.abs(np.concatenate([before, after])).max(initial=0.0))
    least, most = possible
    low, high = _interval(differences, scale, confidence, (least - most, most - least))
    sign_p = _sign_test(differences, scale)
    return PairedDifference(
        mean_baseline=_mean(before),
        mean_other=_mean(after),
        difference=_mean(differences),
        low=low,
        high=high,
        p_value=_t_test(differences, scale, sign_p),
        sign_p_value=sign_p,
        n=n,
        smallest_detectable=_smallest_detectable(differences, scale, family),
    )


def mean_interval(
    values: Values, *, confidence: float = 0.95, possible: tuple[float, float] = (-inf, inf)
) -> MeanInterval:
    """The mean of one regime's runs and its interval. nan among `values` is left out; `possible` is the least and the
    most that one can be."""
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    scale = float(np.abs(known).max(initial=0.0))
    return MeanInterval(_mean(known), *_interval(known, scale, confidence, possible), known.size)


def confidence_over(looks: int) -> float:
    """The level of each of several intervals, of which any may turn out to be the last, so that all of them hold
    together with 95% (Bonferroni's inequality, which presumes nothing about how the looks depend on each other)."""
    return 1 - SIGNIFICANCE / looks


def holm(p_values: Values) -> npt.NDArray[np.float64]:
    """p adjusted for the number of tests made together (Holm 1979); nan stays nan and is not counted."""
    adjusted = np.array(p_values, dtype=float)
    known = np.flatnonzero(~np.isnan(adjusted))
    order = known[np.argsort(adjusted[known], kind="stable")]
    tests_left = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(adjusted[order] * tests_left))
    return adjusted


def sign_test(up: int, down: int) -> float:
    """p of so many pairs that went up and so many that went down, two-sided and exact. Ties are left out before; where
    there is nothing else, p is 1."""
    from scipy import stats

    return float(stats.binomtest(up, up + down).pvalue) if up + down else 1.0


def median_ranks(n: int) -> tuple[int, int] | None:
    """Between which two of `n` ordered values, counted from 0, the median lies with 95% or more, by the binomial
    distribution alone (David and Nagaraja, Order Statistics, 7.1). None below six values, which cannot say so much."""
    tail, below = 0.0, -1
    while (tail := tail + comb(n, below + 1) / 2**n) <= SIGNIFICANCE / 2:
        below += 1
    return None if below < 0 else (below, n - 1 - below)


def verdict(
    compared: PairedDifference,
    adjusted_p: float,
    *,
    meaningless: bool = False,
    significance: float = SIGNIFICANCE,
) -> Verdict:
    """What may be said of `other` against `baseline`. `adjusted_p` is `compared.p_value` after `holm`; `meaningless`
    is a measure that runs enough have shown to have no number under one of the two."""
    if meaningless:
        return Verdict.NOT_COMPARABLE
    if compared.n < FEWEST_PAIRS:
        return Verdict.NO_VERDICT
    if adjusted_p >= significance or compared.low <= 0 <= compared.high:
        return Verdict.NO_DIFFERENCE_SEEN
    return Verdict.HIGHER if compared.difference > 0 else Verdict.LOWER


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _all_same(values: npt.NDArray[np.float64], scale: float) -> bool:
    return float(np.ptp(values)) <= SAME * scale


def _interval(
    values: npt.NDArray[np.float64], scale: float, confidence: float, possible: tuple[float, float]
) -> tuple[float, float]:
    """Of the mean, within what is possible, or as far as the values themselves go beyond that."""
    if values.size < FEWEST_PAIRS:
        return float("nan"), float("nan")
    if _all_same(values, scale):
        return float(values.mean()), float(values.mean())
    low, high = intervals(values, confidence)
    least, most = min(possible[0], values.min()), max(possible[1], values.max())
    return max(float(low), float(least)), min(float(high), float(most))


def intervals(
    samples: npt.NDArray[np.float64], confidence: float = 0.95
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The intervals of the means of samples of equal size along the last axis, which must vary.

    Each end is the further of Student's and, from five values on, of that which Hall's transformation of t gives.
    """
    n = samples.shape[-1]
    mean = samples.mean(axis=-1)
    error = samples.std(axis=-1, ddof=1) / np.sqrt(n)
    reach = _student_quantile((1 + confidence) / 2, n - 1)
    bend = _skewness(samples) / (3 * np.sqrt(n)) if n >= FEWEST_FOR_SKEWNESS else np.zeros_like(mean)
    low = mean - error * np.maximum(reach, _straightened(reach, bend))
    high = mean + error * np.maximum(reach, -_straightened(-reach, bend))
    return low, high


def _skewness(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Third central moment / variance to the power 1.5, of the sample itself."""
    centred = samples - samples.mean(axis=-1, keepdims=True)
    skewness: npt.NDArray[np.float64] = (centred**3).mean(axis=-1) / (centred**2).mean(axis=-1) ** 1.5
    return skewness


def _straightened(quantile: float, bend: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The t at which t + bend t^2 + bend^2 t^3 / 3 + bend / 2 is that quantile: (root - 1) / bend, written so that a
    bend of 0 divides nothing by nothing."""
    shifted = quantile - bend / 2
    root = np.cbrt(1 + 3 * bend * shifted)
    return np.asarray(3 * shifted / (root**2 + root + 1))


def _t_test(differences: npt.NDArray[np.float64], scale: float, sign_p: float) -> float:
    from scipy import stats

    n = differences.size
    if n < FEWEST_PAIRS:
        return float("nan")
    if _all_same(differences, scale):
        return sign_p if sign_p > SIGNIFICANCE else 0.0
    return float(2 * stats.t.sf(abs(differences.mean()) / _standard_error(differences), n - 1))


def _sign_test(differences: npt.NDArray[np.float64], scale: float) -> float:
    if differences.size < FEWEST_PAIRS:
        return float("nan")
    return sign_test(int((differences > SAME * scale).sum()), int((differences < -SAME * scale).sum()))


def _smallest_detectable(differences: npt.NDArray[np.float64], scale: float, family: int) -> float:
    """Holm holds the smallest p of a family against 5% / family, and is milder with the others."""
    from scipy import special

    n = differences.size
    if n < FEWEST_PAIRS:
        return float("nan")
    if _all_same(differences, scale):
        return 0.0
    threshold = _student_quantile(1 - SIGNIFICANCE / family / 2, n - 1)
    shift = special.nctdtrinc(n - 1, 1 - POWER, threshold)  # of the t of a true difference, in deviations
    return float(shift * _standard_error(differences))


def _standard_error(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(values.size))


def _student_quantile(level: float, freedom: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(level, freedom))

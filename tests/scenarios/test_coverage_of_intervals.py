"""What intervals and verdicts promise, held against a truth that is known: thousands of comparisons of each kind."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from scenarios.precision import looks_within
from scenarios.statistics import confidence_over, holm, intervals, median_ranks, paired_difference

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
REPETITIONS = 1_000


def normal(dice: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return dice.normal(0.0, 1.0, shape)


def skewed(dice: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Gamma of shape 2, with mean 0 and a skewness of 1.4: most are a little below, a few far above."""
    return dice.gamma(2.0, 1.0, shape) - 2.0


def exponential(dice: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Of skewness 2, with mean 0."""
    return dice.exponential(1.0, shape) - 1.0


def many_zeros(dice: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Nothing in half of the pairs and exponential in the others, with mean 0: as default losses differ."""
    return np.where(dice.random(shape) < 0.5, 0.0, dice.exponential(1.0, shape)) - 0.5


def most_zeros(dice: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """The same with nothing in seven of ten."""
    return np.where(dice.random(shape) < 0.7, 0.0, dice.exponential(1.0, shape)) - 0.3


def zeros_either_way(dice: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Nothing in seven of ten, and normal in the others: now more, now less."""
    return np.where(dice.random(shape) < 0.7, 0.0, dice.normal(0.0, 1.0, shape))


PAIRS = (10, 15, 30, 100)


def held(draw: Draw, pairs: int, repetitions: int, seed: int = 7) -> float:
    """How often the interval holds the mean, which is 0, among samples that vary."""
    samples = draw(np.random.default_rng(seed), (repetitions, pairs))
    low, high = intervals(samples[np.ptp(samples, axis=1) > 0])
    return float(((low <= 0) & (high >= 0)).mean())


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("draw", [normal, skewed, exponential, many_zeros])
def test_an_interval_holds_the_truth_about_95_times_in_100(draw: Draw, pairs: int) -> None:
    assert 0.93 <= held(draw, pairs, 4 * REPETITIONS) <= 0.97


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("draw", [most_zeros, zeros_either_way])
def test_where_few_pairs_differ_it_holds_it_no_less_often(draw: Draw, pairs: int) -> None:
    """And more often than it says: 99 times in 100 where ten pairs differ now one way and now the other."""
    assert held(draw, pairs, 4 * REPETITIONS) >= 0.93


@pytest.mark.nightly
@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("draw", [normal, skewed, exponential, many_zeros, most_zeros, zeros_either_way])
def test_the_bootstrap_holds_it_no_more_often(draw: Draw, pairs: int) -> None:
    """BCa, at a level widened for small samples as Hesterberg (2015) has it, is what was used before."""
    samples = draw(np.random.default_rng(7), (REPETITIONS, pairs))
    samples = samples[np.ptp(samples, axis=1) > 0]
    level = 1 - 2 * stats.norm.sf(np.sqrt(pairs / (pairs - 1)) * stats.t.ppf(0.975, pairs - 1))
    bootstrapped = stats.bootstrap(
        (samples,),
        np.mean,
        axis=-1,
        n_resamples=1_999,
        batch=200,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(5),
    ).confidence_interval
    low, high = intervals(samples)
    by_bootstrap = ((bootstrapped.low <= 0) & (bootstrapped.high >= 0)).mean()
    assert ((low <= 0) & (high >= 0)).mean() >= by_bootstrap


def test_many_samples_at_once_have_the_interval_that_each_has_alone() -> None:
    samples = skewed(np.random.default_rng(3), (4, 15))
    low, high = intervals(samples)
    for at, sample in enumerate(samples):
        alone = paired_difference(np.zeros(15), sample)
        assert (alone.low, alone.high) == pytest.approx((low[at], high[at]))


@pytest.mark.parametrize("effects", [0, 5])
def test_the_family_errs_five_times_in_a_hundred_at_most(effects: int) -> None:
    """Fifteen measures of fifteen pairs, that depend on each other; some of them differ, or none does."""
    dice = np.random.default_rng(11)
    shared = dice.normal(0.0, 1.0, (REPETITIONS, 1, 15))
    differences = 0.5 * shared + dice.normal(0.0, 1.0, (REPETITIONS, 15, 15))
    differences[:, :effects] += 2.0
    p_values = stats.ttest_1samp(differences, 0.0, axis=-1).pvalue
    erred = [bool((holm(family)[effects:] < 0.05).any()) for family in p_values]
    by_chance = 2 * np.sqrt(0.05 * 0.95 / REPETITIONS)
    assert np.mean(erred) <= 0.05 + by_chance
    assert np.mean((p_values[:, effects:] < 0.05).any(axis=1)) > 0.2  # without the correction it would


@pytest.mark.parametrize("draw", [normal, skewed])
def test_an_interval_at_which_one_stopped_looking_still_holds_the_truth(draw: Draw) -> None:
    """Seeds are added until the interval is short enough, as `--precision` does, up to six looks."""
    looks, repetitions = looks_within(60), 400
    samples = draw(np.random.default_rng(13), (repetitions, looks[-1]))
    samples /= samples.std()
    holds, stopped = np.zeros(repetitions, bool), np.zeros(repetitions, bool)
    for size in looks:
        low, high = intervals(samples[:, :size], confidence_over(len(looks)))
        ends = ~stopped & (((high - low) / 2 <= 0.6) | (size == looks[-1]))
        holds[ends] = ((low <= 0) & (high >= 0))[ends]
        stopped |= ends
    assert stopped.all()
    assert holds.mean() >= 0.95


@pytest.mark.parametrize("n", [6, 9, 15, 40])
def test_the_interval_of_a_median_holds_it_95_times_in_100_or_more(n: int) -> None:
    samples = np.sort(exponential(np.random.default_rng(17), (REPETITIONS, n)), axis=1)
    ranks = median_ranks(n)
    assert ranks is not None
    truth = np.log(2.0) - 1.0
    held = ((samples[:, ranks[0]] <= truth) & (samples[:, ranks[1]] >= truth)).mean()
    assert 0.94 <= held < 0.99

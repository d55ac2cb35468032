"""Statistics: answers that scipy or a formula gives too, and intervals that hold what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from scenarios.statistics import PairedDifference, Verdict, holm, mean_interval, paired_difference, verdict

BASELINE = np.array([10.0, 12.0, 9.0, 11.0, 10.0, 13.0, 8.0, 12.0, 11.0, 10.0])
CHANGE = np.array([1.5, 0.5, 2.0, 1.0, 3.0, -0.5, 1.5, 2.5, 0.0, 1.0])


def compared(
    *, low: float = 1.0, high: float = 3.0, difference: float = 2.0, n: int = 10
) -> PairedDifference:
    return PairedDifference(0.0, difference, difference, low, high, 0.001, 0.002, n, 1.0)


def test_the_t_test_and_the_sign_test_are_scipys() -> None:
    found = paired_difference(BASELINE, BASELINE + CHANGE)
    assert found.mean_baseline == pytest.approx(10.6)
    assert found.mean_other == pytest.approx(11.85)
    assert found.difference == pytest.approx(1.25)
    assert found.p_value == pytest.approx(stats.ttest_rel(BASELINE + CHANGE, BASELINE).pvalue)
    assert found.sign_p_value == pytest.approx(stats.binomtest(8, 9).pvalue)  # one of ten is a tie
    assert found.n == 10


def test_the_smallest_detectable_effect_has_the_power_it_states() -> None:
    found = paired_difference(BASELINE, BASELINE + CHANGE)
    shift = found.smallest_detectable / (CHANGE.std(ddof=1) / math.sqrt(10))  # noncentrality
    threshold = stats.t.ppf(0.975, 9)
    assert stats.nct.sf(threshold, 9, shift) == pytest.approx(0.80)


def test_among_many_tests_an_effect_must_be_larger_to_be_seen() -> None:
    found = paired_difference(BASELINE, BASELINE + CHANGE, family=30)
    shift = found.smallest_detectable / (CHANGE.std(ddof=1) / math.sqrt(10))
    threshold = stats.t.ppf(1 - 0.025 / 30, 9)
    assert stats.nct.sf(threshold, 9, shift) == pytest.approx(0.80)


def test_without_skewness_the_interval_is_students() -> None:
    even = np.array([-3.0, -1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 3.0])
    found = paired_difference(np.zeros(8), even)
    expected = stats.ttest_1samp(even, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_end_on_the_skewed_side_is_where_halls_transformation_puts_it() -> None:
    """Eight differences of which one is large. The far end solves the cubic of Hall (1992), found here by bisection;
    the near end, which the cubic would draw in, is Student's."""
    skewed = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 9.0])
    found = mean_interval(skewed)
    skewness, error = float(stats.skew(skewed)), float(stats.sem(skewed))
    far = optimize.brentq(
        lambda t: (
            t
            + skewness * t**2 / (3 * math.sqrt(8))
            + skewness**2 * t**3 / (27 * 8)
            + skewness / (6 * math.sqrt(8))
            + stats.t.ppf(0.975, 7)
        ),
        -100.0,
        0.0,
    )
    assert found.high == pytest.approx(found.mean - far * error)
    students = stats.ttest_1samp(skewed, 0.0).confidence_interval(0.95)
    assert found.low == pytest.approx(students.low)
    assert found.high > students.high
    mirrored = mean_interval(-skewed)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_of_four_pairs_the_interval_is_students_however_skewed() -> None:
    found = paired_difference(np.zeros(4), [0.0, 0.0, 0.0, 8.0])
    expected = stats.ttest_1samp([0.0, 0.0, 0.0, 8.0], 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=3, max_size=30))
def test_an_interval_that_leaves_out_0_and_the_t_test_agree(values: list[float]) -> None:
    found = paired_difference(np.zeros(len(values)), values)
    if max(values) - min(values) > 1e-6:
        assert found.low <= found.difference <= found.high
        assert found.p_value < 0.05 or found.low <= 0 <= found.high


def test_an_interval_of_a_mean_is_cut_to_what_is_possible() -> None:
    rarely = [0.0, 0.0, 0.0, 0.0, 1.0, 30.0]
    far, cut = mean_interval(rarely), mean_interval(rarely, possible=(0, 100))
    assert far.low < 0 and cut == far._replace(low=0.0)
    mostly = [100.0 - value for value in rarely]
    assert mean_interval(mostly, possible=(0, 100)).high == 100.0
    assert mean_interval(mostly).high == pytest.approx(100.0 - far.low)
    assert mean_interval(rarely, possible=(0, 10)).high == 30.0  # no further than a value that was seen


def test_a_difference_of_shares_is_cut_to_100_points_either_way() -> None:
    far = paired_difference([0.0, 0.0, 0.0], [0.0, 0.0, 100.0])
    cut = paired_difference([0.0, 0.0, 0.0], [0.0, 0.0, 100.0], possible=(0, 100))
    assert far.low < -100 and far.high > 100
    assert cut == far._replace(low=-100.0, high=100.0)
    of_losses = paired_difference([0.0, 0.0, 0.0], [0.0, 0.0, 100.0], possible=(0, math.inf))
    assert of_losses == far  # either of the two may be any number of roubles more


def test_a_pair_with_a_nan_is_left_out() -> None:
    holed = np.array([1.0, math.nan, 3.0, 4.0, 5.0])
    other = np.array([2.0, 2.0, math.nan, 6.0, 8.0])
    assert paired_difference(holed, other) == paired_difference([1.0, 4.0, 5.0], [2.0, 6.0, 8.0])


def test_no_difference_at_all() -> None:
    found = paired_difference(BASELINE, BASELINE)
    assert (found.difference, found.low, found.high, found.smallest_detectable) == (0.0, 0.0, 0.0, 0.0)
    assert (found.p_value, found.sign_p_value) == (1.0, 1.0)
    assert verdict(found, 1.0) is Verdict.NO_DIFFERENCE_SEEN


def test_the_same_difference_in_every_pair() -> None:
    """Ten pairs that all say the same are enough; four are not, though their spread is nought too."""
    many = paired_difference(BASELINE, BASELINE + 0.1)
    assert (many.low, many.high) == (pytest.approx(0.1), pytest.approx(0.1))
    assert many.p_value == 0.0
    assert verdict(many, holm([many.p_value] * 60)[0]) is Verdict.HIGHER
    few = paired_difference(BASELINE[:4], BASELINE[:4] - 1)
    assert few.p_value == 0.125
    assert verdict(few, few.p_value) is Verdict.NO_DIFFERENCE_SEEN


def test_rounding_noise_is_no_difference() -> None:
    found = paired_difference([0.3] * 8, [0.1 + 0.2] * 4 + [0.3] * 4)
    assert (found.p_value, found.sign_p_value) == (1.0, 1.0)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_pairs_allow_no_verdict(n: int) -> None:
    found = paired_difference([1.0] * n + [math.nan], [2.0] * (n + 1))
    assert found.n == n
    assert all(math.isnan(value) for value in (found.low, found.high, found.p_value, found.sign_p_value))
    assert verdict(found, math.nan) is Verdict.NO_VERDICT


def test_what_means_nothing_under_one_of_two_regimes_is_not_comparable() -> None:
    """Spread of a market against a regime that lets nobody in: no number, and above all not nought."""
    found = paired_difference([3.0, 3.1, 2.9, 3.0], [math.nan] * 4)
    assert found.n == 0 and math.isnan(found.difference)
    assert verdict(found, math.nan, meaningless=True) is Verdict.NOT_COMPARABLE
    assert verdict(found, math.nan) is Verdict.NO_VERDICT  # too few to say even that


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of equal length, one value a seed"):
        paired_difference([1.0, 2.0], [1.0])


def test_holm_by_hand() -> None:
    adjusted = holm([0.01, 0.04, math.nan, 0.03, 0.005])
    assert adjusted[[0, 1, 3, 4]] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert math.isnan(adjusted[2])
    assert holm([]).size == 0
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_keeps_the_order_and_never_lowers(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1.0, min(p_values) * len(p_values)))


@pytest.mark.parametrize(
    ("found", "adjusted_p", "expected"),
    [
        (compared(), 0.049, Verdict.HIGHER),
        (compared(low=-3.0, high=-1.0, difference=-2.0), 0.049, Verdict.LOWER),
        (compared(), 0.05, Verdict.NO_DIFFERENCE_SEEN),
        (compared(low=-0.1), 0.001, Verdict.NO_DIFFERENCE_SEEN),
        (compared(low=0.0), 0.001, Verdict.NO_DIFFERENCE_SEEN),
        (compared(n=2), 0.001, Verdict.NO_VERDICT),
    ],
)
def test_a_verdict_needs_the_interval_and_the_test(
    found: PairedDifference, adjusted_p: float, expected: Verdict
) -> None:
    assert verdict(found, adjusted_p) is expected


def test_ten_seeds_can_decide_among_sixty_measures() -> None:
    """The sign test could not: its smallest p, 2/1024, is 0.12 after Holm's correction."""
    found = paired_difference(BASELINE, BASELINE + 2 + CHANGE / 10)
    family = [found.p_value, *np.linspace(0.01, 1.0, 59)]
    assert verdict(found, holm(family)[0]) is Verdict.HIGHER
    assert holm([found.sign_p_value, *np.linspace(0.01, 1.0, 59)])[0] > 0.05


def test_the_mean_of_one_regime() -> None:
    found = mean_interval([*BASELINE, math.nan])
    assert (found.mean, found.n) == (pytest.approx(10.6), 10)
    assert found.low < 10.6 < found.high
    assert mean_interval([3.0, 3.0, 3.0]) == (3.0, 3.0, 3.0, 3)
    assert math.isnan(mean_interval([1.0, 2.0]).low)
    assert math.isnan(mean_interval([]).mean)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, 1e9, -1e-9]), min_size=0, max_size=20))
def test_awkward_samples_raise_no_warning(values: list[float]) -> None:
    found = paired_difference(np.zeros(len(values)), values)
    assert math.isnan(found.low) or found.low <= found.high
    assert math.isnan(found.p_value) or 0 <= found.p_value <= 1


def coverage(repetitions: int, pairs: int) -> float:
    """How often the interval holds the truth, 0.5, where a shared part of each pair is far larger."""
    rng = np.random.default_rng(20260101)
    held = 0
    for _ in range(repetitions):
        shared = rng.normal(100.0, 20.0, pairs)
        other = shared + 0.5 + rng.normal(0.0, 1.0, pairs)
        found = paired_difference(shared + rng.normal(0.0, 1.0, pairs), other)
        held += found.low <= 0.5 <= found.high
    return held / repetitions


@pytest.mark.parametrize("pairs", [5, 10, 20])
def test_the_interval_holds_the_truth_95_times_in_100(pairs: int) -> None:
    assert 0.93 <= coverage(1_000, pairs) <= 0.975

"""Values of options, their marks, and what bounds these."""

import os
import warnings
from fractions import Fraction
from itertools import product
from math import sqrt
from types import ModuleType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exchange.clearing.pricing import bounds_of_option, deviation_of, mark_of_option, option_price
from exchange.instruments import ContractKind, Instrument
from exchange.units import DAY, HOUR
from tests.builders import option

CALL, PUT = ContractKind.CALL, ContractKind.PUT
DIGITAL_CALL, DIGITAL_PUT = ContractKind.DIGITAL_CALL, ContractKind.DIGITAL_PUT
MONTH = deviation_of(30 * DAY, 6_000)

kinds = st.sampled_from((CALL, PUT, DIGITAL_CALL, DIGITAL_PUT))
forwards = st.integers(0, 160_000)
strikes = st.integers(1, 159_999)
times = st.integers(0, 400 * DAY)
volatilities = st.integers(1, 30_000)


def quantlib() -> ModuleType:
    """The other library; where tests run for everybody it must be there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its wrapper's types, in newer Pythons
            import QuantLib
    except ImportError:
        remedy = "QuantLib is not installed: pip install -e '.[dev]'"
        if os.environ.get("CI") == "true":
            pytest.fail(remedy)
        pytest.skip(remedy)
    return QuantLib  # type: ignore[no-any-return]


def priced(kind: ContractKind, strike: int, payoff: int = 0) -> Instrument:
    return option(kind, strike, digital_payoff=payoff)


def test_a_month_at_sixty_percent() -> None:
    """E5: roubles for one bitcoin, at a forward of eight million."""
    assert round(option_price(CALL, 8e6, 8.8e6, MONTH), 2) == 261_620.84
    assert round(option_price(PUT, 8e6, 7.2e6, MONTH), 2) == 215_325.48


@pytest.mark.parametrize(("forward", "deviation"), [(9e6, 0.0), (7e6, 0.0), (8e6, 0.0), (0.0, MONTH)])
def test_without_time_or_without_a_price_an_option_is_worth_its_payoff(
    forward: float, deviation: float
) -> None:
    assert option_price(CALL, forward, 8e6, deviation) == max(forward - 8e6, 0)
    assert option_price(PUT, forward, 8e6, deviation) == max(8e6 - forward, 0)
    assert option_price(DIGITAL_CALL, forward, 8e6, deviation, 500) == (500 if forward >= 8e6 else 0)
    assert option_price(DIGITAL_PUT, forward, 8e6, deviation, 500) == (0 if forward >= 8e6 else 500)


def test_a_digital_is_the_slope_of_calls() -> None:
    step = 0.001
    slope = (option_price(CALL, 8e4, 8.8e4, MONTH) - option_price(CALL, 8e4, 8.8e4 + step, MONTH)) / step
    assert option_price(DIGITAL_CALL, 8e4, 8.8e4, MONTH, 100) == pytest.approx(100 * slope, rel=1e-6)


def test_a_future_has_no_option_price() -> None:
    with pytest.raises(ValueError, match="capped_future is not an option"):
        option_price(ContractKind.CAPPED_FUTURE, 1.0, 1.0, 0.1)


def test_a_mark_is_rounded_to_a_tick() -> None:
    """E6: 261,620.84 in ticks of 100 roubles."""
    assert mark_of_option(priced(CALL, 88_000), 80_000, 30 * DAY, 6_000) == 2_616
    assert mark_of_option(priced(PUT, 72_000), 80_000, 30 * DAY, 6_000) == 2_153


def test_a_mark_stays_within_what_the_collar_can_pay() -> None:
    """A forward near the cap of 160,000: the bare model would say that a call may be worth more than its width."""
    far = priced(CALL, 150_000)
    assert option_price(CALL, 155_000, 150_000, deviation_of(90 * DAY, 8_000)) > 10_000
    assert mark_of_option(far, 155_000, 90 * DAY, 8_000) == 9_687  # 10,000 * 155/160, rounded down
    assert mark_of_option(far, 160_000, 90 * DAY, 8_000) == 10_000
    assert mark_of_option(far, 170_000, 90 * DAY, 8_000) == 10_000


def test_the_lines_over_and_under_a_payoff() -> None:
    """A strike in the middle of a collar of 0 and 160,000, and a forward half-way up from it, or down."""
    digitals = priced(DIGITAL_CALL, 80_000, 700), priced(DIGITAL_PUT, 80_000, 700)
    assert [bounds_of_option(d, 120_000) for d in digitals] == [(350, 700), (0, 350)]
    assert [bounds_of_option(d, 40_000) for d in digitals] == [(0, 350), (350, 700)]
    assert bounds_of_option(priced(CALL, 80_000), 120_000) == (40_000, 60_000)
    assert bounds_of_option(priced(PUT, 80_000), 120_000) == (0, 20_000)


def test_after_the_expiry_the_mark_is_the_payoff() -> None:
    for kind, forward in product(
        (CALL, PUT, DIGITAL_CALL, DIGITAL_PUT), (0, 70_000, 80_000, 90_000, 160_000)
    ):
        instrument = priced(kind, 80_000, 700)
        assert mark_of_option(instrument, forward, -HOUR, 6_000) == instrument.payoff(forward)


@given(kinds, forwards, strikes, times, volatilities, st.integers(1, 5_000))
def test_nobody_gains_for_sure_against_the_future(
    kind: ContractKind, forward: int, strike: int, time_left: int, volatility: int, payoff: int
) -> None:
    instrument = priced(kind, strike, payoff)
    low, high = bounds_of_option(instrument, forward)
    mark = mark_of_option(instrument, forward, time_left, volatility)
    assert low <= mark <= high
    assert 0 <= mark <= instrument.highest_price


@given(kinds, strikes, st.integers(1, 5_000), forwards, forwards, forwards)
def test_the_bounds_hold_every_spread_of_two_settlements(
    kind: ContractKind, strike: int, payoff: int, one: int, other: int, forward: int
) -> None:
    """Whatever two prices the forward is a mean of, the mean payoff is within the bounds."""
    assume(min(one, other) <= forward <= max(one, other) and one != other)
    instrument = priced(kind, strike, payoff)
    share = Fraction(forward - one, other - one)
    mean = (1 - share) * instrument.payoff(one) + share * instrument.payoff(other)
    low, high = bounds_of_option(instrument, forward)
    slack = Fraction(payoff, min(strike, 160_000 - strike))  # a digital jumps within one tick
    assert low - slack <= mean <= high + slack
    if kind in (CALL, PUT):
        assert low <= mean <= high


@given(forwards, strikes, times, volatilities, st.integers(1, 5_000))
def test_call_less_put_is_forward_less_strike(
    forward: int, strike: int, time_left: int, volatility: int, payoff: int
) -> None:
    call, put, digital_call, digital_put = (
        mark_of_option(priced(kind, strike, payoff), forward, time_left, volatility)
        for kind in (CALL, PUT, DIGITAL_CALL, DIGITAL_PUT)
    )
    assert abs(call - put - (forward - strike)) <= 1
    assert abs(digital_call + digital_put - payoff) <= 1


def test_values_agree_with_another_library() -> None:
    other = quantlib()
    sides = {CALL: other.Option.Call, PUT: other.Option.Put}
    for days, volatility, moneyness in product(
        (1, 7, 30, 90, 180, 365), (2_000, 6_000, 8_000, 15_000), (0.5, 0.7, 0.9, 1.0, 1.1, 1.5, 2.0)
    ):
        deviation, strike = deviation_of(days * DAY, volatility), 8e6 * moneyness
        for kind, side in sides.items():
            ours = option_price(kind, 8e6, strike, deviation)
            theirs = other.blackFormula(side, strike, 8e6, deviation)
            assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-8)
        for kind, side in ((DIGITAL_CALL, other.Option.Call), (DIGITAL_PUT, other.Option.Put)):
            calculator = other.BlackCalculator(other.CashOrNothingPayoff(side, strike, 1e4), 8e6, deviation)
            assert option_price(kind, 8e6, strike, deviation, 1e4) == pytest.approx(
                calculator.value(), rel=1e-8, abs=1e-8
            )


@pytest.mark.parametrize(
    ("days", "sigma", "cap", "clipped"),
    [(30, 0.6, 1.5, 6.50), (30, 0.6, 2, 0.02), (30, 0.8, 1.5, 43.24), (30, 0.8, 2, 1.14), (90, 0.8, 1.5, 384.77),
     (90, 0.8, 2, 90.66), (90, 0.8, 3, 5.78)],
)  # fmt: skip
def test_e27_what_a_cap_takes_from_a_long_future(days: int, sigma: float, cap: float, clipped: float) -> None:
    """In basis points of the forward: a call at the cap, which the holder of the future has sold for nothing."""
    deviation = sigma * sqrt(days / 365)
    worth = option_price(ContractKind.CALL, 1.0, cap, deviation)
    assert round(worth * 10_000, 2) == clipped


@pytest.mark.parametrize(("days", "sigma", "clipped"), [(30, 0.6, 0.01), (30, 0.8, 0.57), (90, 0.8, 45.33)])
def test_e27_what_a_floor_of_a_half_takes_from_a_short_one(days: int, sigma: float, clipped: float) -> None:
    worth = option_price(ContractKind.PUT, 1.0, 0.5, sigma * sqrt(days / 365))
    assert round(worth * 10_000, 2) == clipped

"""Risk arrays and what portfolios and orders need by them."""

from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.clearing.portfolio import Holding, Margin
from exchange.clearing.pricing import mark_of_option
from exchange.clearing.scenario_margin import (
    ScenarioTerms,
    beyond_tiers,
    cell_losses,
    cells,
    concentration,
    direction,
    fault_in_scenarios,
    initial_margin,
    inter_expiry_charge,
    maintenance_margin,
    next_price_range,
    order_cell_losses,
    risk_array,
    scenario_loss,
    scenario_margin,
    short_option_minimum,
    worst_net_size,
)
from exchange.instruments import ContractKind, Instrument, Product
from exchange.units import DAY, IndexId, Money
from matching.terms import Side
from tests.builders import BUY, EXPIRY, SELL, future, option
from tests.exchange.test_pricing import quantlib

TERMS = ScenarioTerms()
FORWARD = 80_000  # ticks of 100 roubles: eight million
LEFT = 30 * DAY
CALL, PUT = ContractKind.CALL, ContractKind.PUT
FUTURE = future()
CALL_88, CALL_80, PUT_80 = option(CALL, 88_000), option(CALL, 80_000), option(PUT, 80_000)
SERIES = (
    FUTURE,
    CALL_88,
    CALL_80,
    PUT_80,
    option(ContractKind.DIGITAL_CALL, 85_000, digital_payoff=5_000),
    option(ContractKind.DIGITAL_PUT, 75_000, digital_payoff=5_000),
    option(CALL, 120_000),
    option(PUT, 50_000),
)


def mark_of(instrument: Instrument, forward: int = FORWARD) -> int:
    if instrument.product is Product.OPTION:
        return mark_of_option(instrument, forward, LEFT, TERMS.volatility_bp)
    return forward


def array_of(instrument: Instrument, terms: ScenarioTerms = TERMS) -> tuple[Money, ...]:
    return risk_array(instrument, mark_of(instrument), FORWARD, LEFT, terms)


def held(quantity: int, instrument: Instrument) -> Holding:
    return Holding(instrument, quantity, mark_of(instrument), FORWARD, LEFT)


ARRAYS = tuple(array_of(instrument) for instrument in SERIES)
portfolios = st.lists(st.integers(-300, 300), min_size=len(SERIES), max_size=len(SERIES))


@pytest.mark.parametrize(
    ("holdings", "initial"),
    [
        ([held(100, FUTURE)], 12_800_000),
        ([held(-100, FUTURE)], 24_000_000),  # 30% of a price that doubles
        ([held(-100, CALL_88)], 20_839_300),
        ([held(100, FUTURE), held(-100, CALL_88)], 11_542_800),
        ([held(-50, CALL_80), held(-50, PUT_80)], 10_361_900),
        ([held(100, CALL_88)], 2_575_900),
        ([], 0),
        ([held(0, CALL_88), held(0, FUTURE)], 0),
    ],
)
def test_the_worst_of_the_scenarios(holdings: list[Holding], initial: Money) -> None:
    """E6, in kopecks; three quarters of it are to be kept."""
    assert scenario_margin(holdings, TERMS) == Margin(initial, ceil(initial * 3 / 4))


def test_the_cells_are_a_grid_and_four_extremes() -> None:
    scenarios = cells(TERMS)
    assert len(scenarios) == len(array_of(FUTURE)) == 31
    moves = [10_000 * cell.numerator // cell.denominator for cell in scenarios]
    assert moves[::3][:9] == [-1_600, -1_200, -800, -400, 0, 400, 800, 1_200, 1_600]
    assert moves[27:] == [-5_000, -3_300, 5_000, 10_000]
    assert [cell.volatility_bp for cell in scenarios[:3]] == [-3_000, 0, 4_500]
    assert [cell.share_bp for cell in scenarios[26:28]] == [10_000, 3_000]


def test_a_future_moves_in_a_straight_line_also_beyond_its_collar() -> None:
    """One lot is worth 8,000 roubles; the extremes count for 30%."""
    near = future(floor=79_000, cap=81_000)
    assert array_of(near) == array_of(FUTURE)
    assert array_of(FUTURE)[::3][:9] == tuple(-800_000 * move // 100 for move in range(-16, 17, 4))
    assert array_of(FUTURE)[27:] == (120_000, 79_200, -120_000, -240_000)


def test_a_loss_is_rounded_up_and_a_gain_down() -> None:
    odd = risk_array(future(tick_value=1), 10_001, 10_001, LEFT, TERMS)
    assert (odd[0], odd[24]) == (1_601, -1_600)  # 16% is 1,600.16


def test_nothing_moves_nothing() -> None:
    for array in ARRAYS:
        assert array[13] == 0


def test_volatility_moves_more_near_the_expiry() -> None:
    """A tenth of the time doubles the states of volatility: 10 to the power of 0.30 is 1.995."""
    straddle = [
        sum(risk_array(series, 10**6, FORWARD, time_left, TERMS)[14] for series in (CALL_80, PUT_80))
        for time_left in (LEFT, LEFT // 10)
    ]
    # At the money a straddle is worth the volatility times the root of the time, by its first derivative.
    assert straddle[1] / straddle[0] == pytest.approx(1.995 / 10**0.5, rel=0.01)


def test_on_the_last_day_the_states_grow_no_more() -> None:
    last = ScenarioTerms(volatility_down_bp=1_000)
    day, hour = (risk_array(CALL_80, 10**6, FORWARD, left, last)[12] for left in (DAY, DAY // 24))
    assert hour / day == pytest.approx((1 / 24) ** 0.5, rel=0.01)


def test_volatility_never_falls_below_nothing() -> None:
    still = ScenarioTerms(volatility_down_bp=9_000)
    array = risk_array(CALL_80, 10**6, FORWARD, DAY, still)
    assert array[15] == risk_array(CALL_80, 10**6, FORWARD, DAY, ScenarioTerms(volatility_down_bp=10_000))[15]


def test_who_holds_an_option_loses_no_more_than_its_mark() -> None:
    assert max(risk_array(CALL_88, 2_000, FORWARD, LEFT, TERMS)) == 20_000
    assert max(risk_array(CALL_88, 0, FORWARD, LEFT, TERMS)) == 0


def test_a_covered_call_near_the_cap_stays_covered() -> None:
    """Neither array knows the cap, so they move together above it too."""
    forward = 155_000
    call = option(CALL, 100_000)
    mark = mark_of_option(call, forward, DAY, TERMS.volatility_bp)
    arrays = [risk_array(s, m, forward, DAY, TERMS) for s, m in ((FUTURE, forward), (call, mark))]
    losses = cell_losses([1, -1], arrays)
    assert max(losses[15:27]) <= 1_000  # of 1,550,000 that a lot is worth


def test_another_range_of_the_day() -> None:
    assert risk_array(FUTURE, FORWARD, FORWARD, LEFT, TERMS, 800)[0] == 64_000


def test_the_range_widens_at_once_and_narrows_slowly() -> None:
    terms = ScenarioTerms(price_range_floor_bp=1_000, range_decay_bp=200)
    assert next_price_range(1_600, 2_400, terms) == 2_400
    assert next_price_range(1_600, 800, terms) == 1_568
    assert next_price_range(1_600, 1_590, terms) == 1_590
    assert next_price_range(1_005, 800, terms) == 1_000
    assert next_price_range(40, 10, ScenarioTerms(price_range_floor_bp=0)) == 39


# --- orders ---------------------------------------------------------------------------------------------


def test_an_order_needs_its_loss_and_what_it_pays_beyond_the_mark() -> None:
    array = (100, 0, -100)
    assert order_cell_losses(array, BUY, 83, 80, 10) == [130, 30, 0]
    assert order_cell_losses(array, BUY, 77, 80, 10) == [70, 0, 0]
    assert order_cell_losses(array, SELL, 77, 80, 10) == [0, 30, 130]
    assert order_cell_losses(array, SELL, 83, 80, 10) == [0, 0, 70]


order = st.tuples(
    st.integers(0, len(SERIES) - 1), st.sampled_from(Side), st.integers(1, 3), st.integers(-600, 600)
)


@settings(max_examples=150)
@given(st.lists(st.integers(-5, 5), min_size=len(SERIES), max_size=len(SERIES)), st.lists(order, max_size=4))
def test_the_worst_case_is_exact_over_all_fills(
    positions: list[int], orders: list[tuple[int, Side, int, int]]
) -> None:
    """E8: equal to the worst over every set of partial fills, each counted from nothing."""
    rows = cell_losses(positions, ARRAYS)
    for series, side, quantity, off in orders:
        instrument, mark = SERIES[series], mark_of(SERIES[series])
        lot = order_cell_losses(ARRAYS[series], side, mark + off, mark, instrument.tick_value)
        rows = [row + quantity * loss for row, loss in zip(rows, lot, strict=True)]

    worst = None
    for fills in product(*(range(quantity + 1) for _, _, quantity, _ in orders)):
        after, paid = list(positions), 0
        for (series, side, _, off), filled in zip(orders, fills, strict=True):
            after[series] += side * filled
            paid += side * filled * off * SERIES[series].tick_value
        for cell in range(31):
            loss = paid + sum(q * array[cell] for q, array in zip(after, ARRAYS, strict=True))
            worst = loss if worst is None else max(worst, loss)
    assert max(rows) == worst


@given(portfolios, portfolios)
def test_two_portfolios_together_need_no_more(one: list[int], other: list[int]) -> None:
    """I-29."""
    both = [a + b for a, b in zip(one, other, strict=True)]
    assert scenario_loss(both, ARRAYS) <= scenario_loss(one, ARRAYS) + scenario_loss(other, ARRAYS)


@given(portfolios)
def test_the_sum_is_that_of_a_matrix(quantities: list[int]) -> None:
    losses = np.array(quantities) @ np.array(ARRAYS)
    assert cell_losses(quantities, ARRAYS) == losses.tolist()
    assert scenario_loss(quantities, ARRAYS) == losses.max()


@given(portfolios, st.integers(0, 10_000), st.integers(1, 10_000))
def test_less_is_kept_than_opens_and_neither_is_negative(quantities: list[int], som: int, ratio: int) -> None:
    """I-27."""
    terms = ScenarioTerms(short_option_minimum_bp=som, mm_ratio_bp=ratio, concentration_threshold=50)
    margin = scenario_margin([held(q, s) for q, s in zip(quantities, SERIES, strict=True)], terms)
    assert 0 <= margin.maintenance <= margin.initial


@given(portfolios)
def test_whoever_owns_only_options_is_covered_by_their_marks(quantities: list[int]) -> None:
    options = [(abs(q), s) for q, s in zip(quantities, SERIES, strict=True) if s.product is Product.OPTION]
    worth = sum(quantity * mark_of(series) * series.tick_value for quantity, series in options)
    assert scenario_loss([q for q, _ in options], [array_of(s) for _, s in options]) <= worth


# --- what is added --------------------------------------------------------------------------------------


def test_short_options_have_a_least_margin() -> None:
    terms = ScenarioTerms(short_option_minimum_bp=100)
    assert short_option_minimum(3, FORWARD, 10, terms) == 24_000
    assert short_option_minimum(1, 101, 1, terms) == 2  # 1.01, rounded up
    assert scenario_loss([-100], [ARRAYS[-1]]) < 4_800_000
    terms = ScenarioTerms(short_option_minimum_bp=600)
    assert scenario_margin([held(-100, SERIES[-1])], terms).initial == 4_800_000
    owned = held(1, SERIES[-2])  # counts for nothing in the minimum
    assert scenario_margin([held(-100, SERIES[-1]), owned], terms).initial == 4_800_000


def test_size_beyond_the_threshold_costs_ever_more() -> None:
    terms = ScenarioTerms(concentration_slope_ppb=50, concentration_threshold=1_000)
    assert concentration(1_000, 800_000, terms) == 0
    assert concentration(1_001, 800_000, terms) == 41  # 800.8 million times 0.00000005, rounded up
    assert concentration(3_000, 800_000, terms) == 240_000
    assert concentration(2_000, 800_000, terms) > 2 * concentration(1_500, 800_000, terms)


@pytest.mark.parametrize(
    ("size", "charge"),
    [
        (10, 0),
        (11, 5),  # 5% of 100
        (20, 50),
        (21, 50 + 13),
        (-21 + 51, 50 + 130),
    ],
)
def test_notional_beyond_a_tier_costs_the_rate_of_that_tier(size: int, charge: int) -> None:
    assert beyond_tiers(size, 100, ((10, 500), (20, 1_300))) == charge
    assert beyond_tiers(size, 100, ()) == 0


def test_concentration_is_that_of_the_worst_side_of_the_orders() -> None:
    assert worst_net_size(5, 3, 4) == 8
    assert worst_net_size(5, 3, 12) == 8
    assert worst_net_size(5, 3, 14) == 9
    assert worst_net_size(-5, 3, 1) == 6


def test_a_put_falls_when_a_call_rises() -> None:
    assert [direction(series) for series in SERIES] == [1, 1, 1, -1, 1, -1, 1, -1]


def test_what_nets_only_between_expiries_is_charged() -> None:
    assert inter_expiry_charge([80_000, -50_000], TERMS) == 500
    assert inter_expiry_charge([80_000, -50_000, -40_001], TERMS) == 800
    assert inter_expiry_charge([101, -101], TERMS) == 2
    assert inter_expiry_charge([80_000, 50_000], TERMS) == 0
    assert inter_expiry_charge([], TERMS) == 0


def test_a_calendar_spread_is_charged_and_two_underlyings_do_not_net() -> None:
    later = future(expiry=EXPIRY + 90 * DAY)
    assert scenario_margin([held(10, FUTURE), held(-10, later)], TERMS).initial == 80_000
    other = future(underlying=IndexId("ETH_RUB"))
    assert scenario_margin([held(10, FUTURE), held(-10, other)], TERMS).initial == 1_280_000 + 2_400_000


def test_a_straddle_has_no_net_size_and_a_large_future_has() -> None:
    terms = ScenarioTerms(concentration_threshold=40)
    straddle = [held(-50, CALL_80), held(-50, PUT_80)]
    assert scenario_margin(straddle, terms).initial == 10_361_900
    assert scenario_margin([held(50, FUTURE)], terms).initial == 6_400_000 + 20  # 40m x 10 x 50 ppb
    assert scenario_margin([held(-50, FUTURE)], terms).initial == 12_000_000 + 20


def test_the_parts_of_initial_margin() -> None:
    assert initial_margin(-5, 0, 0, 0) == 0
    assert initial_margin(10, 7, 3, 2) == 15
    assert initial_margin(5, 7, 3, 2) == 12
    assert maintenance_margin(101, TERMS) == 76  # 75.75


# --- terms and another library --------------------------------------------------------------------------


def test_the_range_covers_two_days_of_all_but_one_in_a_hundred() -> None:
    """E7: 2.3263 standard deviations."""
    quantile = 2.326347874
    assert round(quantile * 0.035 * 2**0.5 * 100, 2) == 11.51
    assert TERMS.price_range_bp / 10_000 / quantile / 2**0.5 == pytest.approx(0.0486, abs=5e-5)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"price_range_bp": 0}, "price_range_bp"),
        ({"price_range_bp": 10_000}, "price_range_bp"),
        ({"price_steps": 8}, "price_steps"),
        ({"price_steps": 1}, "price_steps"),
        ({"volatility_bp": 0}, "volatility_bp"),
        ({"volatility_down_bp": -3_000}, "write 3000 for 30% down"),
        ({"volatility_power_percent": 101}, "volatility_power_percent"),
        ({"extreme_moves_bp": (5_000, -10_000)}, "extreme_moves_bp"),
        ({"extreme_share_bp": 10_001}, "extreme_share_bp"),
        ({"mm_ratio_bp": 10_001}, "mm_ratio_bp"),
        ({"mm_ratio_bp": 0}, "mm_ratio_bp"),
        ({"inter_expiry_bp": -1}, "must not be negative"),
        ({"concentration_threshold": -1}, "concentration_threshold"),
        ({"price_range_floor_bp": 1_601}, "price_range_floor_bp"),
        ({"range_decay_bp": 0}, "range_decay_bp"),
    ],
)
def test_terms_that_cannot_be_used_name_their_fault(change: dict[str, int], fault: str) -> None:
    told = fault_in_scenarios(ScenarioTerms(**change))
    assert told is not None and fault in told


def test_the_default_terms_are_sound_and_extremes_may_be_left_out() -> None:
    assert fault_in_scenarios(TERMS) is None
    assert fault_in_scenarios(ScenarioTerms(extreme_moves_bp=())) is None


@pytest.mark.parametrize("days", [1, 7, 30, 90])
def test_arrays_are_the_same_by_another_library(days: int) -> None:
    """Each cell anew from the words of the rule, with the other library's prices, to the minor unit."""
    other = quantlib()
    for instrument in (CALL_88, CALL_80, PUT_80, option(CALL, 120_000), option(PUT, 50_000)):
        side = other.Option.Call if instrument.kind is CALL else other.Option.Put
        strike, root = instrument.strike, (days / 365) ** 0.5

        def worth(forward: float, volatility: float) -> float:
            return 10 * float(other.blackFormula(side, strike, forward, volatility * root))  # noqa: B023

        model = worth(80_000, 0.6)
        growth = (30 / days) ** 0.3
        states = (max(1 - 0.3 * growth, 0), 1, 1 + 0.45 * growth)
        theirs = [
            ceil(model - worth(80_000 * (1 + 0.04 * step), 0.6 * state))
            for step in range(-4, 5)
            for state in states
        ]
        theirs += [
            ceil(0.3 * (model - worth(80_000 * (1 + m), 0.6 * states[2]))) for m in (-0.5, -0.33, 0.5, 1)
        ]
        assert list(risk_array(instrument, 10**6, 80_000, days * DAY, TERMS)) == theirs

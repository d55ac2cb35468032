"""The margin tables of today's crypto exchanges."""

import pytest

from exchange.clearing.portfolio import Holding, Margin
from exchange.clearing.pricing import mark_of_option
from exchange.clearing.standard_margin import (
    FuturesTier,
    StandardTerms,
    fault_in_standard,
    futures_margin,
    short_option_margin,
    standard_margin,
)
from exchange.instruments import ContractKind, Instrument
from exchange.units import DAY, IndexId, Money
from tests.builders import future, option

LEFT = 30 * DAY
WHOLE = FuturesTier(slope_ppb=50_000)  # for lots of a whole bitcoin
SOL = FuturesTier(initial_bp=400, maintenance_bp=200, slope_ppb=5_000)  # for lots of one SOL
TERMS = StandardTerms(futures=WHOLE)
FINE: dict[str, object] = {"tick": 1, "tick_value": 1, "cap": 1_600_000_000, "reference": 800_000}  # kopecks


def held(quantity: int, instrument: Instrument, mark: int, forward: int | None = None) -> Holding:
    return Holding(instrument, quantity, mark, mark if forward is None else forward, LEFT)


def in_cents(quantity: int, price: int) -> Holding:
    """Lots of one coin, at a whole price, in cents."""
    return held(quantity, future(tick=100, tick_value=100), price)


@pytest.mark.parametrize(
    ("tier", "size", "price", "initial"),
    [
        (WHOLE, 25, 100_000, 5_312_500),
        (WHOLE, -25, 100_000, 5_312_500),
        (WHOLE, 350, 100_000, 131_250_000),
        (SOL, 25, 200, 20_063),  # 200.625, rounded up
        (SOL, 6_000, 200, 8_400_000),
    ],
)
def test_the_tiers_of_linear_futures(tier: FuturesTier, size: int, price: int, initial: Money) -> None:
    """E4."""
    assert futures_margin(in_cents(size, price), tier).initial == initial


def test_maintenance_begins_at_half_of_it() -> None:
    """E4."""
    assert futures_margin(in_cents(25, 100_000), WHOLE).maintenance == 2_812_500


def test_exact_to_the_fraction_before_it_is_rounded() -> None:
    """E4: 200.625 exactly, seen in thousandths."""
    thousandths = held(25, future(tick=1, tick_value=1_000), 200)
    assert futures_margin(thousandths, SOL).initial == 200_625


def test_the_default_tier_is_for_lots_of_a_thousandth() -> None:
    whole = futures_margin(held(25, future(), 80_000), WHOLE)
    lots = futures_margin(held(25_000, future(), 80), FuturesTier())
    assert lots == whole


def test_twice_the_size_needs_more_than_twice_as_much() -> None:
    """E4: so it is no sum over orders."""
    both, one = (standard_margin([in_cents(size, 100_000)], TERMS).initial for size in (50, 25))
    assert (both, 2 * one) == (11_250_000, 10_625_000)
    assert both > 2 * one


@pytest.mark.parametrize(
    ("kind", "strike", "mark", "margin"),
    [
        (ContractKind.CALL, 880_000_000, 26_162_084, Margin(106_162_084, 86_162_084)),
        (ContractKind.PUT, 720_000_000, 21_532_548, Margin(101_532_548, 81_532_548)),
    ],
)
def test_short_options_a_tenth_out_of_the_money(
    kind: ContractKind, strike: int, mark: int, margin: Margin
) -> None:
    """E5, in kopecks for one bitcoin, marked by the model to the kopeck."""
    instrument = option(kind, strike, **FINE)
    assert mark_of_option(instrument, 800_000_000, LEFT, 6_000) == mark
    holding = held(-1, instrument, mark, 800_000_000)
    assert short_option_margin(holding, TERMS) == margin
    assert standard_margin([holding], TERMS) == margin


def test_a_short_option_near_the_money_needs_fifteen_percent_less_what_it_is_out() -> None:
    call = held(-2, option(ContractKind.CALL, 81_000), 5_000, 80_000)
    assert short_option_margin(call, TERMS) == Margin(
        2 * 160_000, 2 * 110_000
    )  # 12,000 - 1,000 + 5,000 ticks


def test_a_strike_in_the_money_lowers_nothing() -> None:
    call = held(-1, option(ContractKind.CALL, 70_000), 11_000, 80_000)
    put = held(-1, option(ContractKind.PUT, 90_000), 11_000, 80_000)
    for holding in (call, put):
        assert short_option_margin(holding, TERMS) == Margin(230_000, 170_000)  # 12,000 + 11,000 ticks


def test_a_short_put_that_is_worth_more_than_the_underlying_keeps_a_share_of_its_mark() -> None:
    put = held(-1, option(ContractKind.PUT, 150_000), 140_000, 10_000)
    assert short_option_margin(put, TERMS) == Margin(1_505_000, 1_505_000)  # 140,000 x 1.075 ticks


def test_a_short_digital_needs_all_that_it_can_pay() -> None:
    digital = option(ContractKind.DIGITAL_CALL, 88_000, digital_payoff=500)
    assert short_option_margin(held(-3, digital, 100, 80_000), TERMS) == Margin(15_000, 15_000)


def test_nothing_nets_and_a_long_option_is_free() -> None:
    call = option(ContractKind.CALL, 88_000)
    assert standard_margin([held(5, call, 2_616, 80_000)], TERMS) == Margin(0, 0)
    assert standard_margin([], TERMS) == Margin(0, 0)
    one, other = held(10, future(), 80_000), held(-10, call, 2_616, 80_000)
    together = standard_margin([one, other], TERMS)
    apart = standard_margin([one], TERMS), standard_margin([other], TERMS)
    assert together == Margin(
        apart[0].initial + apart[1].initial, apart[0].maintenance + apart[1].maintenance
    )


def test_an_underlying_may_have_a_tier_of_its_own() -> None:
    terms = StandardTerms(other_futures=((IndexId("SOL_RUB"), SOL),))
    sol = held(25, future(underlying=IndexId("SOL_RUB"), tick_value=1_000), 200)
    assert standard_margin([sol], terms).initial == 200_625


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        (
            StandardTerms(futures=FuturesTier(maintenance_bp=201)),
            "maintenance_bp 201 must be positive and at most",
        ),
        (StandardTerms(other_futures=((IndexId("X"), FuturesTier(maintenance_bp=0)),)), "maintenance_bp 0"),
        (StandardTerms(futures=FuturesTier(slope_ppb=-1)), "slope_ppb must not be negative"),
        (StandardTerms(option_maintenance_bp=1_001), "option_maintenance_bp <= option_least_bp"),
        (StandardTerms(option_least_bp=1_501), "option_least_bp <= option_bp"),
    ],
)
def test_terms_that_cannot_be_used_name_their_fault(terms: StandardTerms, fault: str) -> None:
    told = fault_in_standard(terms)
    assert told is not None and fault in told


def test_the_default_terms_are_sound() -> None:
    assert fault_in_standard(StandardTerms()) is None

"""How an account stands by its equity, how far it is cut, and at which price nothing is missing."""

from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest

from exchange.clearing.liquidation import (
    NEXT,
    LiquidationTerms,
    advance,
    bankruptcy_price,
    cost_per_lot,
    equity_behind,
    fault_in_liquidation,
    follows_equity,
    limit_price,
    liquidation_fee,
    lots_to_cure,
    next_step,
    only_reduces,
    state_of,
)
from exchange.clearing.liquidation import MarginState as M
from exchange.clearing.rounding import divide_half_even
from exchange.messages import decode, encode
from tests.builders import ROUBLE

TERMS = LiquidationTerms()


# --- states --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equity", "state"),
    [
        (1_001, M.NORMAL),
        (1_000, M.NORMAL),
        (999, M.RESTRICTED),
        (900, M.RESTRICTED),
        (899, M.CALL),
        (751, M.CALL),
        (750, M.LIQUIDATING),
        (501, M.LIQUIDATING),
        (500, M.BACKSTOP),
        (0, M.BACKSTOP),
        (-1, M.DEFAULT),
    ],
)
def test_equity_decides_the_state(equity: int, state: M) -> None:
    """Two thirds of 751 are 500.67, so 500 is below and 501 is not."""
    assert state_of(equity, 1_000, 900, 751, TERMS) is state


def test_exactly_two_thirds_is_not_yet_the_backstop() -> None:
    assert state_of(500, 1_000, 900, 750, TERMS) is M.LIQUIDATING
    assert state_of(499, 1_000, 900, 750, TERMS) is M.BACKSTOP


def test_two_thirds_is_exact_however_large_the_account() -> None:
    large = 3 * 10**18
    assert state_of(2 * 10**18, large, large, large, TERMS) is M.LIQUIDATING
    assert state_of(2 * 10**18 - 1, large, large, large, TERMS) is M.BACKSTOP


def test_an_empty_account_is_normal_and_a_debt_without_a_position_is_a_default() -> None:
    assert state_of(0, 0, 0, 0, TERMS) is M.NORMAL
    assert state_of(-1, 0, 0, 0, TERMS) is M.DEFAULT


def test_margins_out_of_order_are_our_fault() -> None:
    with pytest.raises(AssertionError, match="in their order"):
        state_of(0, 1_000, 700, 750, TERMS)


def test_from_bad_to_worse_and_to_the_end() -> None:
    for state, to in pairwise(M):
        assert advance(state, to) is to


def test_a_gap_and_a_payment_lead_over_any_distance() -> None:
    owned = [state for state in M if follows_equity(state)]
    assert owned == [M.NORMAL, M.RESTRICTED, M.CALL, M.LIQUIDATING, M.BACKSTOP]
    for state in owned:
        assert set(NEXT[state]) == {*owned, M.DEFAULT} - {state}


@pytest.mark.parametrize(
    ("state", "to"),
    [
        (M.NORMAL, M.NORMAL),
        (M.NORMAL, M.CLOSING),
        (M.BACKSTOP, M.CLOSED),
        (M.DEFAULT, M.NORMAL),
        (M.DEFAULT, M.CLOSED),
        (M.CLOSING, M.DEFAULT),
        (M.CLOSED, M.NORMAL),
    ],
)
def test_there_is_no_other_way(state: M, to: M) -> None:
    with pytest.raises(AssertionError, match=f"that is {state} cannot become {to}"):
        advance(state, to)


def test_only_a_normal_account_may_add_risk() -> None:
    assert [state for state in M if not only_reduces(state)] == [M.NORMAL]


# --- steps ---------------------------------------------------------------------------------------------

MAINTENANCE = 64_000 * ROUBLE  # of 100 lots worth 8,000.00 each
FREED = 640 * ROUBLE


def test_so_many_lots_are_closed_as_bring_the_margin_back() -> None:
    """E25: at a cost of 1.5% a lot, 60,000.00 take 8 lots, 40,000.00 take 47, 5,000.00 cannot be cured."""
    cost = cost_per_lot(80_000, 10, TERMS)
    assert cost == 120 * ROUBLE
    assert lots_to_cure(100, 60_000 * ROUBLE, MAINTENANCE, FREED, cost) == 8
    assert 60_000 * ROUBLE - 8 * cost == 59_040 * ROUBLE
    assert 59_040 >= 92 * 640 == 58_880
    assert 60_000 * ROUBLE - 7 * cost < 93 * FREED
    assert lots_to_cure(100, 40_000 * ROUBLE, MAINTENANCE, FREED, cost) == 47
    assert lots_to_cure(100, 5_000 * ROUBLE, MAINTENANCE, FREED, cost) is None


def test_the_last_lot_may_be_just_enough() -> None:
    assert lots_to_cure(100, 12_000, 64_000, 640, 120) == 100
    assert lots_to_cure(100, 11_999, 64_000, 640, 120) is None


def test_an_account_above_its_maintenance_margin_closes_nothing() -> None:
    assert lots_to_cure(100, 64_000, 64_000, 640, 120) == 0
    assert lots_to_cure(100, 64_001, 64_000, 640, 700) == 0


def test_a_lot_that_costs_what_it_frees_cures_nothing() -> None:
    assert lots_to_cure(100, 63_999, 64_000, 640, 640) is None
    assert lots_to_cure(100, 63_999, 64_000, 640, 639) == 1


def test_a_step_is_a_tenth_of_the_position_at_most_and_a_lot_at_least() -> None:
    assert next_step(100, 8, TERMS) == 8
    assert next_step(100, 47, TERMS) == 10
    assert next_step(99, 47, TERMS) == 9
    assert next_step(5, 5, TERMS) == 1
    assert next_step(5, 0, TERMS) == 0


def test_cost_and_fee_are_rounded_up() -> None:
    slipping = msgspec.structs.replace(TERMS, slippage_bp=50)
    assert cost_per_lot(1, 1, TERMS) == 1
    assert cost_per_lot(80_000, 10, slipping) == 160 * ROUBLE
    assert liquidation_fee(10_001, 1_000, TERMS) == 151


def test_the_fee_never_exceeds_what_is_left() -> None:
    assert liquidation_fee(10_000, 149, TERMS) == 149
    assert liquidation_fee(10_000, -5, TERMS) == 0


# --- bankruptcy price ----------------------------------------------------------------------------------


def test_the_price_that_uses_up_the_margin_of_one_position() -> None:
    """E11: 1,000 lots at 80,000 ticks of 100 roubles with 921,184.00 behind them fail at 7,078,816."""
    at_entry = bankruptcy_price(80_000, 1_000, 10, 921_184 * ROUBLE)
    assert at_entry * 100 == 7_078_816
    assert bankruptcy_price(56_000, 1_000, 10, (921_184 - 2_400_000) * ROUBLE) == at_entry
    assert limit_price(at_entry, 1_000) == 70_789


def test_a_short_position_fails_above_the_mark() -> None:
    exact = bankruptcy_price(80_000, -1_000, 10, 921_184 * ROUBLE)
    assert exact * 100 == 8_921_184
    assert limit_price(exact, -1_000) == 89_211


def test_a_whole_price_is_its_own_limit() -> None:
    assert limit_price(Fraction(80_000), 1) == limit_price(Fraction(80_000), -1) == 80_000


def test_one_position_among_several_takes_its_part_of_the_equity() -> None:
    """E13: of 100 behind 70 of margin, the position that frees 30 is sold for at least 957.142857."""
    behind = equity_behind(100, 70, 30)
    exact = bankruptcy_price(1_000, 1, 1, behind)
    assert divide_half_even((exact * 1_000_000).numerator, (exact * 1_000_000).denominator) == 957_142_857
    assert limit_price(exact, 1) == 958
    ratio = Fraction(100, 70)
    assert (100 - behind) / (70 - 30) == ratio
    assert divide_half_even((ratio * 1_000_000).numerator, (ratio * 1_000_000).denominator) == 1_428_571


def test_a_debt_is_shared_by_positions_like_equity() -> None:
    """With 100 missing, the same position would have to bring 1,042.857143."""
    assert bankruptcy_price(1_000, 1, 1, equity_behind(-100, 70, 30)) == Fraction(7_300, 7)
    assert limit_price(Fraction(7_300, 7), 1) == 1_043


# --- terms ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"call_deadline": 0}, "call_deadline and interval must be a nanosecond or more"),
        ({"interval": 0}, "call_deadline and interval must be a nanosecond or more"),
        ({"step_share_bp": 0}, "step_share_bp must lie between 1 and 10000, not be 0"),
        ({"step_share_bp": 10_001}, "step_share_bp must lie between 1 and 10000, not be 10001"),
        ({"fee_bp": 151}, "fee_bp must lie between 0 and 150, not be 151"),
        ({"fee_bp": -1}, "fee_bp must lie between 0 and 150, not be -1"),
        ({"slippage_bp": -1}, "slippage_bp must lie between 0 and 9999, not be -1"),
        ({"slippage_bp": 10_000}, "slippage_bp must lie between 0 and 9999, not be 10000"),
        ({"backstop_share": (3, 3)}, r"backstop_share must be a part of one, as in [2, 3], not [3, 3]"),
        ({"backstop_share": (-1, 3)}, "backstop_share must be a part of one"),
    ],
)
def test_terms_that_cannot_be_name_their_fault(changes: dict[str, object], fault: str) -> None:
    assert fault in str(fault_in_liquidation(msgspec.structs.replace(TERMS, **changes)))


def test_plain_terms_are_sound_and_can_be_written_and_read() -> None:
    assert fault_in_liquidation(TERMS) is None
    assert decode(encode(TERMS), LiquidationTerms) == TERMS

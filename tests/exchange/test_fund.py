"""How large the default fund is, who pays in, and what a missing payer costs in cash."""

import msgspec
import pytest

from exchange.clearing.fund import (
    FundTerms,
    by_group,
    contributions,
    cover,
    fault_in_fund,
    fund_size,
    liquidity_need,
    loss_over_margin,
    stressed_prices,
    uncovered,
)
from exchange.messages import decode, encode
from matching.terms import ParticipantId
from tests.builders import ROUBLE

A, B, C, D, E = (ParticipantId(name) for name in "ABCDE")


def test_the_fund_of_five_members_from_stress_to_contribution() -> None:
    """E12: Cover 1 is 520,000.00, Cover 2 960,000.00; less 100,000.00 of the house, by margin."""
    stress = {
        A: ([1_300_000, 900_000], 700_000, 80_000),
        B: ([1_100_000, 1_400_000], 860_000, 100_000),
        C: ([200_000, 350_000], 300_000, 50_000),
        D: ([-400_000, 1_150_000], 700_000, 130_000),
        E: ([0, 10_000], 50_000, 10_000),
    }
    losses = {
        who: loss_over_margin([loss * ROUBLE for loss in worst], margin * ROUBLE, share * ROUBLE)
        for who, (worst, margin, share) in stress.items()
    }
    assert [losses[who] // ROUBLE for who in (A, B, C, D, E)] == [520_000, 440_000, 0, 320_000, 0]
    groups = by_group(losses, {})
    assert (cover(1, groups), cover(2, groups)) == (520_000 * ROUBLE, 960_000 * ROUBLE)
    fund = fund_size(cover(2, groups), 100_000 * ROUBLE)
    assert fund == 860_000 * ROUBLE
    margins = {A: 800, B: 1_200, C: 500, D: 1_400, E: 100}
    shares = contributions(fund, margins, 10_000 * ROUBLE)
    assert [shares[who] // ROUBLE for who in (A, B, C, D, E)] == [172_000, 258_000, 107_500, 301_000, 21_500]
    assert uncovered(cover(2, groups), fund, 100_000 * ROUBLE) == 0
    assert uncovered(cover(2, groups) + 7, fund, 100_000 * ROUBLE) == 7


def test_affiliates_fail_together() -> None:
    losses = {C: 300, A: 520, B: 440, D: 250}
    groups = by_group(losses, {C: "holding", D: "holding"})
    assert groups == {"A": 520, "B": 440, "holding": 550}
    assert (cover(1, groups), cover(2, groups), cover(9, groups)) == (550, 1_070, 1_510)


def test_a_member_that_covers_itself_asks_nothing_of_others() -> None:
    assert loss_over_margin([90, 100], 60, 40) == 0
    assert loss_over_margin([90, 101], 60, 40) == 1
    assert loss_over_margin([-5], 0, 0) == 0
    assert loss_over_margin([], 0, 0) == 0


def test_a_house_that_covers_all_needs_no_fund() -> None:
    assert fund_size(100, 101) == 0
    assert fund_size(100, 0) == 100


def test_a_small_member_pays_the_minimum_and_the_others_share_the_rest() -> None:
    assert contributions(1_000, {A: 500, B: 490, C: 10}, 100) == {A: 455, B: 445, C: 100}


def test_the_rest_may_bring_another_member_to_the_minimum() -> None:
    """B's 110 of 1,000 would do, but after C's minimum its share of 900 is 99.99."""
    assert contributions(1_000, {A: 8_790, B: 1_099, C: 2}, 100) == {A: 800, B: 100, C: 100}


def test_a_member_without_margin_pays_the_minimum() -> None:
    assert contributions(1_000, {A: 3, B: 0}, 100) == {A: 900, B: 100}
    assert contributions(0, {A: 0, B: 0}, 5) == {A: 5, B: 5}
    assert contributions(0, {}, 5) == {}


def test_the_minima_may_be_more_than_the_fund() -> None:
    assert contributions(20, {A: 1, B: 7, C: 2}, 10) == {A: 10, B: 10, C: 10}


def test_kopecks_go_to_the_largest_remainder() -> None:
    assert contributions(100, {A: 1, B: 1, C: 1}, 0) == {A: 34, B: 33, C: 33}


def test_a_fund_that_nobody_has_margin_for_cannot_be_shared() -> None:
    with pytest.raises(ValueError, match="no weight is positive"):
        contributions(100, {A: 0}, 5)


def test_the_largest_payer_missing_leaves_its_payment_to_the_house() -> None:
    assert liquidity_need({A: 825, B: -1_650, C: 500, D: 325}, {}) == 825
    assert liquidity_need({A: 825, B: -1_650, C: 500, D: 325}, {C: "one", D: "one", A: "other"}) == 825
    assert liquidity_need({A: 800, B: -1_650, C: 500, D: 350}, {C: "one", D: "one"}) == 850


def test_what_a_group_receives_does_not_lower_what_it_fails_to_pay() -> None:
    assert liquidity_need({A: 90, B: -90}, {A: "one", B: "one"}) == 90


def test_a_day_that_brings_cash_in_needs_less() -> None:
    """100 come in beside what goes out: fees, say."""
    assert liquidity_need({A: 120, B: 80, C: -100}, {}) == 20
    assert liquidity_need({A: 120, B: 380, C: -100, D: -350}, {}) == 330
    assert liquidity_need({A: 120, B: 120}, {}) == 0
    assert liquidity_need({}, {}) == 0


def test_prices_under_stress_are_whole_ticks() -> None:
    assert stressed_prices(80_000, FundTerms()) == (32_000, 50_000, 56_000, 104_000, 160_000)
    assert stressed_prices(3, FundTerms(stress_moves_bp=(-5_000, 5_000))) == (2, 4)  # ties toward the price


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"cover": 0}, "cover must count one group or more, not 0"),
        ({"minimum": -1}, "minimum must not be negative, but is -1"),
        ({"grace": 0}, "grace must be a nanosecond or more, not 0"),
        ({"stress_moves_bp": ()}, "must hold a fall and a rise"),
        ({"stress_moves_bp": (-3_000, -100)}, "must hold a fall and a rise"),
        ({"stress_moves_bp": (3_000,)}, "must hold a fall and a rise"),
        ({"stress_moves_bp": (-10_001, 3_000)}, "holds -10001, but no price falls by more than 10000"),
        ({"stress_moves_bp": (-1, 0, 1)}, "must name each move once, and none of nothing"),
        ({"stress_moves_bp": (-1, 1, 1)}, "must name each move once, and none of nothing"),
    ],
)
def test_terms_that_cannot_be_name_their_fault(changes: dict[str, object], fault: str) -> None:
    assert fault in str(fault_in_fund(msgspec.structs.replace(FundTerms(), **changes)))


def test_plain_terms_are_sound_and_can_be_written_and_read() -> None:
    assert fault_in_fund(FundTerms()) is None
    assert fault_in_fund(FundTerms(cover=1, minimum=0, stress_moves_bp=(-10_000, 1))) is None
    assert decode(encode(FundTerms()), FundTerms) == FundTerms()

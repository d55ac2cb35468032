"""What a perpetual's premium costs, and that it is paid to the kopeck."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.clearing.funding import (
    FundingTerms,
    fault_in_funding,
    funding_payment,
    funding_rate,
    share_funding,
)
from exchange.units import HOUR
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, CYD, future

TERMS = FundingTerms()
UNIT = future(tick=1, tick_value=1)  # one unit of money for one of the index


def rate(mark: int, index: int) -> Fraction:
    return funding_rate(Fraction(mark), Fraction(index), TERMS)


def test_a_premium_without_its_first_quarter_of_a_tenth_of_a_percent() -> None:
    """E16: 0.2% of premium is a rate of 0.175%."""
    assert rate(50_100, 50_000) == Fraction(175, 100_000)
    assert rate(49_900, 50_000) == -Fraction(175, 100_000)
    assert rate(100_025, 100_000) == rate(99_975, 100_000) == rate(100_000, 100_000) == 0
    assert rate(100_026, 100_000) == Fraction(1, 100_000)


def test_three_hours_of_it() -> None:
    """E16."""
    assert funding_payment(UNIT, 50_100, 50_000, 3 * HOUR, TERMS) == Fraction(328_125, 10_000)
    assert funding_payment(UNIT, 49_900, 50_000, 3 * HOUR, TERMS) == -Fraction(328_125, 10_000)
    assert funding_payment(UNIT, 50_100, 50_000, 0, TERMS) == 0


def test_the_index_need_not_be_a_whole_tick() -> None:
    """A tick of 100 roubles at 10 kopecks: 8,016,000 against 8,000,050 roubles, for a whole period."""
    premium = 8_016_000 - 8_000_050 - Fraction(25, 100_000) * 8_000_050
    assert funding_payment(future(), 80_160, 800_005_000, 8 * HOUR, TERMS) == premium / 100 * 10


def test_payers_round_up_and_receivers_down() -> None:
    paid = share_funding({ANN: 3, BOB: -1, CYD: -2}, Fraction(328_125, 10_000))
    assert paid.amounts == {ANN: -99, BOB: 32, CYD: 65}  # 98.4375, 32.8125, 65.625
    assert paid.residue == 2


def test_shorts_pay_a_discount() -> None:
    paid = share_funding({ANN: 1, BOB: -1, CYD: 0}, -Fraction(5, 2))
    assert (paid.amounts, paid.residue) == ({ANN: 2, BOB: -3, CYD: 0}, 1)


@given(st.lists(st.integers(-1_000, 1_000), max_size=8), st.fractions(-100, 100))
def test_nothing_is_lost_and_less_than_a_unit_each_is_left_over(lots: list[int], payment: Fraction) -> None:
    lots = [*lots, -sum(lots)]
    positions = {ParticipantId(str(number)): lot for number, lot in enumerate(lots)}
    amounts, residue = share_funding(positions, payment)
    assert sum(amounts.values()) + residue == 0
    assert 0 <= residue < len(lots)
    for participant_id, lot in positions.items():
        assert 0 <= -lot * payment - amounts[participant_id] < 1


@pytest.mark.parametrize(
    ("terms", "fault"),
    [(FundingTerms(dampener_ppm=-1), "dampener_ppm"), (FundingTerms(period=0), "period")],
)
def test_terms_that_cannot_be_used_name_their_fault(terms: FundingTerms, fault: str) -> None:
    told = fault_in_funding(terms)
    assert told is not None and fault in told


def test_the_default_terms_are_sound() -> None:
    assert fault_in_funding(TERMS) is None

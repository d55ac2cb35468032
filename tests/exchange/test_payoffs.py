"""What a unit of each kind of note pays, and which terms can pay nothing sensible."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.clearing.payoffs import PAYOFFS, NoteKind, PayoffTerms, fault_in_payoff, payoff
from matching.terms import Price
from tests.builders import participation

PLAIN = PayoffTerms(kind=NoteKind.PLAIN, nominal=100_000, initial=80_000)
CONVERTIBLE = PayoffTerms(
    kind=NoteKind.REVERSE_CONVERTIBLE, nominal=100_000, initial=80_000, barrier_bp=7_500
)

EXAMPLES: dict[NoteKind, PayoffTerms] = {
    NoteKind.PLAIN: PLAIN,
    NoteKind.PARTICIPATION: participation(),
    NoteKind.REVERSE_CONVERTIBLE: CONVERTIBLE,
}


@pytest.mark.parametrize(
    ("settlement", "pays"),
    [
        (0, 95_000),
        (40_000, 95_000),
        (80_000, 95_000),
        (90_001, 101_250),  # 6,250.625 kopecks of the rise: what is cut off stays with the issuer
        (112_000, 115_000),
        (112_001, 115_000),
        (1_000_000, 115_000),
    ],
)
def test_a_floor_and_half_of_the_rise_up_to_a_cap(settlement: Price, pays: int) -> None:
    """E19, per unit of 1,000.00: 950.00, 1,012.50 and 1,150.00."""
    assert payoff(participation(), settlement) == pays


@pytest.mark.parametrize(
    ("terms", "settlement", "pays"),
    [
        (PLAIN, 0, 100_000),
        (PLAIN, 200_000, 100_000),
        (CONVERTIBLE, 60_000, 100_000),
        (CONVERTIBLE, 59_999, 74_998),  # 74,998.75
        (CONVERTIBLE, 0, 0),
        (CONVERTIBLE, 200_000, 100_000),
    ],
)
def test_the_other_kinds(terms: PayoffTerms, settlement: Price, pays: int) -> None:
    assert payoff(terms, settlement) == pays


def test_every_kind_has_its_line_in_the_table_and_an_example_here() -> None:
    assert set(PAYOFFS) == set(NoteKind) == set(EXAMPLES)
    assert [fault_in_payoff(terms) for terms in EXAMPLES.values()] == [None] * len(EXAMPLES)


@given(kind=st.sampled_from(NoteKind), low=st.integers(0, 300_000), rise=st.integers(0, 300_000))
def test_no_note_pays_less_at_a_higher_price(kind: NoteKind, low: Price, rise: int) -> None:
    assert 0 <= payoff(EXAMPLES[kind], low) <= payoff(EXAMPLES[kind], low + rise)


@given(
    nominal=st.integers(1, 10**9),
    initial=st.integers(1, 10**6),
    floor_bp=st.integers(0, 12_000),
    participation_bp=st.integers(1, 20_000),
    cap_bp=st.integers(1, 20_000),
    settlement=st.integers(0, 3 * 10**6),
)
def test_a_participation_is_its_exact_payoff_rounded_down_part_by_part(
    nominal: int, initial: int, floor_bp: int, participation_bp: int, cap_bp: int, settlement: int
) -> None:
    terms = participation(
        nominal=nominal,
        initial=initial,
        floor_bp=floor_bp,
        participation_bp=participation_bp,
        cap_bp=cap_bp,
    )
    rise = min(max(Fraction(settlement, initial) - 1, Fraction(0)), Fraction(cap_bp, 10_000))
    parts = (nominal * Fraction(floor_bp, 10_000), nominal * Fraction(participation_bp, 10_000) * rise)
    assert payoff(terms, settlement) == sum(part.numerator // part.denominator for part in parts)


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        (participation(nominal=0), "nominal and initial price must be positive"),
        (participation(initial=0), "nominal and initial price must be positive"),
        (participation(floor_bp=-1), "whole numbers, none below zero"),
        (participation(cap_bp=0.5), "whole numbers, none below zero"),
        (participation(cap_bp=0), "a participation needs participation_bp and cap_bp"),
        (participation(participation_bp=0), "a participation needs participation_bp and cap_bp"),
        (participation(kind=NoteKind.PLAIN), "only a participation has floor_bp"),
        (participation(kind="lottery"), "a note is one of plain, participation, reverse_convertible"),
        (participation(barrier_bp=5_000), "a reverse convertible, and nothing else, has a barrier_bp"),
        (
            PayoffTerms(kind=NoteKind.REVERSE_CONVERTIBLE, nominal=1, initial=1),
            "a reverse convertible, and nothing else, has a barrier_bp",
        ),
    ],
)
def test_terms_without_sense_are_told_with_a_remedy(terms: PayoffTerms, fault: str) -> None:
    found = fault_in_payoff(terms)
    assert found is not None and fault in found

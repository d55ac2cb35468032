"""The population: the same under every regime, growing without change, true to what is published."""

from math import isnan

import pytest

from exchange.access.regime import ApplicantKind
from participants.population import (
    MILLION,
    PopulationTerms,
    assets_at,
    draw_population,
    market_maker,
    provenance,
    validation,
    wealth_rank,
)
from participants.profile import Profile, Style
from tests.participants.builders import ME

LARGE = draw_population(7, PopulationTerms(size=4_000))


def individuals(population: tuple[Profile, ...]) -> list[Profile]:
    return [one for one in population if one.applicant.kind is ApplicantKind.INDIVIDUAL]


def rows(population: tuple[Profile, ...]) -> dict[str, float]:
    return {row.figure: row.drawn for row in validation(population)}


def test_the_same_seed_draws_the_same_people() -> None:
    terms = PopulationTerms(size=50)
    assert draw_population(7, terms) == draw_population(7, terms)
    assert draw_population(7, terms) != draw_population(8, terms)


def test_a_larger_population_only_adds_people() -> None:
    assert draw_population(7, PopulationTerms(size=60))[:40] == draw_population(7, PopulationTerms(size=40))


@pytest.mark.parametrize("seed", range(1, 13))
def test_two_hundred_already_hold_every_kind_of_applicant(seed: int) -> None:
    population = draw_population(seed, PopulationTerms(size=200))
    kinds = [one.applicant.kind for one in population]
    people = [one.applicant for one in individuals(population)]
    assert 7 <= kinds.count(ApplicantKind.COMPANY) <= 13
    assert 4 <= kinds.count(ApplicantKind.INSTITUTION) <= 8
    assert any(one.securities_and_deposits > 100 * MILLION or one.incomes[0] > 50 * MILLION for one in people)
    assert 10 <= sum(one.securities_and_deposits >= 24 * MILLION for one in people) <= 27
    assert {Style.NOISE, Style.VALUE, Style.HOLDER} == {one.style for one in population}


def test_no_population_is_refused() -> None:
    with pytest.raises(ValueError, match="size: a population needs one person or more, not 0"):
        draw_population(7, PopulationTerms(size=0))


def test_wealth_gates_find_the_shares_of_a_pareto_tail() -> None:
    """(6/24) ** 1.15 is 20.3% and (6/100) ** 1.15 is 3.9% of those who own RUB 6m."""
    drawn = rows(LARGE)
    assert drawn["qualified who own RUB 12m or more, share"] == pytest.approx(0.451, abs=0.02)
    assert drawn["qualified who own RUB 24m or more, share"] == pytest.approx(0.203, abs=0.02)
    assert drawn["qualified who own RUB 100m or more, share"] == pytest.approx(0.039, abs=0.01)


def test_wishes_match_what_is_published_of_holders() -> None:
    drawn = rows(LARGE)
    assert drawn["holders with a wish of at most RUB 500,000, share"] == pytest.approx(0.76, abs=0.03)
    assert drawn["mean wish of a holder, RUB million"] == pytest.approx(2_100 / 1_900, rel=0.35)
    assert drawn["largest wish of a holder, RUB million"] > 50
    assert drawn["holders with a wish above RUB 100m, of 1,900"] <= 6


def test_validation_says_nan_of_what_nobody_shows() -> None:
    poor = tuple(one for one in individuals(LARGE) if one.applicant.securities_and_deposits < 6 * MILLION)
    assert isnan(rows(poor)["mean wish of a holder, RUB million"])
    assert rows(poor)["individuals who own less than RUB 6m, share"] == 1.0


def test_deciles_are_tenths_of_the_individuals() -> None:
    deciles = [one.wealth_decile for one in individuals(LARGE)]
    for decile in range(1, 11):
        assert deciles.count(decile) / len(deciles) == pytest.approx(0.1, abs=0.012)


@pytest.mark.parametrize("rank", [0.001, 0.3, 0.5199, 0.52, 0.9, 0.9999])
def test_rank_is_the_inverse_of_assets(rank: float) -> None:
    terms = PopulationTerms()
    assert wealth_rank(assets_at(rank, terms), terms) == pytest.approx(rank, abs=1e-9)


def test_every_amount_is_whole_and_possible() -> None:
    for one in LARGE:
        wealth = max(one.applicant.securities_and_deposits, 1)
        assert 0 < one.desired_exposure <= 300 * MILLION
        assert 0 < one.deposit <= wealth
        assert one.attention_ns >= 1_000_000_000
        assert 100 <= one.fear_bp <= 9_000
        amounts = (one.desired_exposure, one.deposit, wealth, *one.applicant.incomes)
        assert all(type(amount) is int for amount in amounts)


def test_some_have_a_second_intermediary_and_a_firm_that_trades_directly_has_none() -> None:
    people = draw_population(7, PopulationTerms(size=400))
    direct = [one for one in people if one.intermediary == "direct"]
    several = [one for one in people if one.applicant.intermediaries == 2]
    assert 0.15 < len(several) / len(people) < 0.35
    assert direct and {one.applicant.intermediaries for one in direct} == {1}
    once = draw_population(7, PopulationTerms(size=400, several_intermediaries=0.0))
    assert {one.applicant.intermediaries for one in once} == {1}
    assert [one.fear_bp for one in once] == [one.fear_bp for one in people]


def test_the_rich_earn_more() -> None:
    people = sorted(individuals(LARGE), key=lambda one: one.applicant.securities_and_deposits)
    third = len(people) // 3
    poor, rich = (
        sorted(one.applicant.incomes[0] for one in part) for part in (people[:third], people[-third:])
    )
    assert rich[third // 2] > 3 * poor[third // 2]


def test_every_number_of_the_terms_has_its_provenance() -> None:
    assert set(provenance()) == set(PopulationTerms.__struct_fields__)
    assert all(provenance().values())


def test_a_market_maker_keeps_cover_for_its_quotes() -> None:
    profile = market_maker(ME, deposit=60 * MILLION, own_funds=9_000 * MILLION)
    assert profile.style is Style.MARKET_MAKER
    assert profile.desired_exposure == 20 * MILLION
    assert profile.applicant.own_funds == 9_000 * MILLION

"""A synthetic population: people and firms who would trade crypto-linked futures if nobody stopped them.

It is not a sample of a country, nor of those who trade today. Half of its individuals own less than any
gate asks for; the others follow the Pareto tail of qualified investors, so that each gate (6, 12, 24, 100
million roubles) finds somebody on either side even among two hundred. Each profile counts once.

The same (seed, terms) gives the same people under every regime, and a larger `size` only adds to them.
Kind, wealth and appetite come from a Halton sequence that the seed shifts: any first n people are spread as
evenly as n can be. The rest comes from each person's own dice.
"""

from collections.abc import Iterable, Sequence
from math import exp, log
from statistics import NormalDist, fmean
from typing import Annotated, NamedTuple, get_type_hints

from exchange.access.regime import Applicant, ApplicantKind
from exchange.messages import Message, changed
from exchange.units import MINUTE, SECOND, BasisPoints, Money
from matching.terms import ParticipantId
from participants.chance import Dice, generator
from participants.profile import Profile, Style, wallet_of

ROUBLE: Money = 100  # kopecks
MILLION: Money = 1_000_000 * ROUBLE

_NORMAL = NormalDist()
_REVIEW = "Bank of Russia, Financial Stability Review Q2-Q3 2025, as reported by the press"


class PopulationTerms(Message):
    """What the population is drawn from. `provenance()` says where each number comes from."""

    size: Annotated[int, "choice: how many people and firms are drawn"] = 300
    company_share: Annotated[float, "assumption: firms are few among those who ask"] = 0.05
    institution_share: Annotated[float, "assumption: so that two hundred hold about six"] = 0.03
    intermediaries: Annotated[tuple[str, ...], "fictional banks and brokers"] = (
        "bank_north",
        "bank_south",
        "broker_east",
        "broker_west",
    )
    several_intermediaries: Annotated[float, "assumption: share with a second bank or broker"] = 0.25

    # wealth of individuals
    mass_share: Annotated[float, "assumption: half would never have passed the gate of 2015-2024"] = 0.52
    mass_median: Annotated[Money, "assumption"] = 600_000 * ROUBLE
    mass_spread: Annotated[float, "assumption: deviation of the logarithm"] = 1.2
    tail_start: Annotated[Money, "the property gate of 2015-2024, by which most became qualified"] = (
        6 * MILLION
    )
    tail_index: Annotated[
        float, "derived: a gate of 24m instead of 6m cuts 80%; brokers expected 70-80% (Kommersant)"
    ] = 1.15
    crypto_share: Annotated[float, "assumption: mean crypto held for each rouble of other assets"] = 0.08

    # incomes, knowledge, experience of individuals
    income_at_tail_start: Annotated[Money, "assumption: median yearly, of one who owns 6m"] = 3 * MILLION
    income_elasticity: Annotated[float, "assumption: twice the assets, 1.5 times the income"] = 0.6
    income_spread: Annotated[float, "assumption: deviation of the logarithm between people"] = 0.6
    income_change: Annotated[float, "assumption: deviation of the logarithm from year to year"] = 0.15
    knowledge_mass: Annotated[float, "assumption: share who passed a knowledge test, below the tail"] = 0.35
    knowledge_tail: Annotated[float, "assumption: the same in the tail"] = 0.60
    experience_years: Annotated[float, "assumption: mean"] = 4.0
    deals_median: Annotated[float, "assumption: deals in a quarter"] = 6.0

    # appetite of individuals and companies
    exposure_at_tail_start: Annotated[
        Money, "calibrated: mean of RUB 1.1m a holder (RUB 2.1bn net over 1,900 holders, " + _REVIEW + ")"
    ] = 49_800 * ROUBLE
    exposure_elasticity: Annotated[float, "calibrated with the spread: most at or below RUB 500,000"] = 0.9
    exposure_spread: Annotated[float, "calibrated: about two of 1,900 wish more than RUB 100m"] = 2.1
    exposure_min: Annotated[Money, "assumption: little more than one lot"] = 10_000 * ROUBLE
    exposure_share_max: Annotated[float, "assumption: nobody wishes more than half of what it owns"] = 0.5
    exposure_max: Annotated[Money, "assumption: a seventh of what all 1,900 holders held together"] = (
        300 * MILLION
    )
    deposit_min: Annotated[float, "assumption: cover brought for each rouble of wish, at least"] = 1.05
    deposit_max: Annotated[float, "assumption: the same, at most"] = 1.60

    # firms
    company_median: Annotated[Money, "assumption: securities and deposits"] = 150 * MILLION
    company_spread: Annotated[float, "assumption: deviation of the logarithm"] = 1.5
    company_qualified: Annotated[float, "assumption: share that the law counts as qualified"] = 0.5
    institution_median: Annotated[Money, "assumption: own funds of a bank or broker"] = 5_000 * MILLION
    institution_spread: Annotated[float, "assumption: deviation of the logarithm"] = 1.0
    institution_wish: Annotated[
        float, "assumption: median wish as a share of own funds; the supervisor's cap is 1%"
    ] = 0.003
    institution_wish_spread: Annotated[float, "assumption: one in six wishes more than 1%"] = 1.2

    # temper
    noise_mass: Annotated[float, "assumption: share of noise traders below the tail"] = 0.55
    noise_tail: Annotated[float, "assumption: the same in the tail"] = 0.30
    value_mass: Annotated[float, "assumption: share of value traders below the tail"] = 0.05
    value_tail: Annotated[float, "assumption: the same in the tail"] = 0.25
    look_noise: Annotated[int, "assumption: mean time between looks, nanoseconds"] = 2 * MINUTE
    look_value: Annotated[int, "assumption"] = 2 * MINUTE
    look_holder: Annotated[int, "assumption"] = 20 * MINUTE
    look_spread: Annotated[float, "assumption: deviation of the logarithm"] = 0.5
    fear_median_bp: Annotated[float, "assumption: the fall that frightens every second person"] = 900.0
    fear_spread: Annotated[float, "assumption: deviation of the logarithm"] = 0.5


def provenance() -> dict[str, str]:
    """Where each number of the terms comes from: a source, a calibration, or an assumption."""
    hints = get_type_hints(PopulationTerms, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def draw_population(seed: int, terms: PopulationTerms) -> tuple[Profile, ...]:
    """The first `terms.size` people and firms under `seed`. Raises ValueError if there would be none."""
    if terms.size < 1:
        raise ValueError(f"size: a population needs one person or more, not {terms.size}")
    shifts = generator(seed, "population").random(len(_BASES)).tolist()
    return tuple(_draw(seed, number, shifts, terms) for number in range(1, terms.size + 1))


def market_maker(
    participant_id: ParticipantId, *, deposit: Money, own_funds: Money, fear_bp: BasisPoints = 1_000
) -> Profile:
    """An institution that quotes both sides. It stands beside the population, and is no part of it.

    A third of its deposit is as far as it lets its inventory grow, so that quotes always find cover.
    """
    return Profile(
        participant_id=participant_id,
        wallet_id=wallet_of(participant_id),
        applicant=_qualified_institution(own_funds),
        style=Style.MARKET_MAKER,
        desired_exposure=deposit // 3,
        deposit=deposit,
        wealth_decile=10,
        attention_ns=2 * SECOND,
        fear_bp=fear_bp,
        intermediary="direct",
    )


def wealthy_individual(
    participant_id: ParticipantId, *, assets: Money, deposit: Money, exposure: Money
) -> Profile:
    """Somebody who holds one position and no fall frightens. It stands beside the population, and is no part of it.

    Incomes, knowledge and experience are such that every gate of wealth alone decides: there are none.
    """
    return Profile(
        participant_id=participant_id,
        wallet_id=wallet_of(participant_id),
        applicant=Applicant(kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=assets),
        style=Style.HOLDER,
        desired_exposure=exposure,
        deposit=deposit,
        wealth_decile=10,
        attention_ns=30 * SECOND,
        fear_bp=10_000,
        intermediary="direct",
    )


# --- one person ----------------------------------------------------------------------------------------

_BASES = (2, 3, 5)  # of the Halton sequence: kind, wealth, appetite


class _Chances(NamedTuple):
    """Where one person stands in kind, wealth and appetite, each in (0, 1), and dice for all else."""

    kind: float
    wealth: float
    appetite: float
    dice: Dice


def _draw(seed: int, number: int, shifts: Sequence[float], terms: PopulationTerms) -> Profile:
    kind, wealth, appetite = (
        _inside((_radical_inverse(number, base) + shift) % 1.0)
        for base, shift in zip(_BASES, shifts, strict=True)
    )
    chances = _Chances(kind, wealth, appetite, Dice(generator(seed, f"population/{number}")))
    if chances.kind < terms.institution_share:
        return _institution(number, chances, terms)
    if chances.kind < terms.institution_share + terms.company_share:
        return _company(number, chances, terms)
    return _individual(number, chances, terms)


def _individual(number: int, chances: _Chances, terms: PopulationTerms) -> Profile:
    dice = chances.dice
    assets = assets_at(chances.wealth, terms)
    in_tail = assets >= terms.tail_start
    applicant = Applicant(
        kind=ApplicantKind.INDIVIDUAL,
        securities_and_deposits=_money(assets),
        crypto_assets=_money(assets * terms.crypto_share * dice.exponential()),
        incomes=_incomes(assets, dice, terms),
        knowledge_test_passed=dice.uniform() < (terms.knowledge_tail if in_tail else terms.knowledge_mass),
        deals_per_quarter=int(_lognormal(terms.deals_median, 1.3, dice)),
        years_of_experience=min(int(terms.experience_years * dice.exponential()), 40),
    )
    noise = terms.noise_tail if in_tail else terms.noise_mass
    value = terms.value_tail if in_tail else terms.value_mass
    style = _style(noise, value, dice)
    wish = _wish(assets, chances.appetite, terms)
    return _profile(f"individual-{number:05}", applicant, style, wish, assets, dice, terms)


def _company(number: int, chances: _Chances, terms: PopulationTerms) -> Profile:
    dice = chances.dice
    assets = terms.company_median * exp(terms.company_spread * _NORMAL.inv_cdf(chances.wealth))
    applicant = Applicant(
        kind=ApplicantKind.COMPANY,
        securities_and_deposits=_money(assets),
        knowledge_test_passed=dice.uniform() < terms.knowledge_tail,
        deals_per_quarter=int(_lognormal(terms.deals_median, 1.3, dice)),
        years_of_experience=min(int(terms.experience_years * dice.exponential()), 40),
        qualified_by_law=dice.uniform() < terms.company_qualified,
    )
    style = Style.HOLDER if dice.uniform() < 0.7 else Style.VALUE
    wish = _wish(assets, chances.appetite, terms)
    return _profile(f"company-{number:05}", applicant, style, wish, assets, dice, terms)


def _institution(number: int, chances: _Chances, terms: PopulationTerms) -> Profile:
    own_funds = terms.institution_median * exp(terms.institution_spread * _NORMAL.inv_cdf(chances.wealth))
    appetite = exp(terms.institution_wish_spread * _NORMAL.inv_cdf(chances.appetite))
    wish = min(own_funds * terms.institution_wish * appetite, terms.exposure_max)
    applicant = _qualified_institution(_money(own_funds))
    name = f"institution-{number:05}"
    return _profile(name, applicant, Style.VALUE, wish, own_funds, chances.dice, terms)


def _profile(
    name: str,
    applicant: Applicant,
    style: Style,
    wish: float,
    assets: float,
    dice: Dice,
    terms: PopulationTerms,
) -> Profile:
    looks = {Style.NOISE: terms.look_noise, Style.VALUE: terms.look_value, Style.HOLDER: terms.look_holder}
    cover = terms.deposit_min + (terms.deposit_max - terms.deposit_min) * dice.uniform()
    direct = applicant.kind is ApplicantKind.INSTITUTION
    profile = Profile(
        participant_id=ParticipantId(name),
        wallet_id=wallet_of(ParticipantId(name)),
        applicant=applicant,
        style=style,
        desired_exposure=_money(wish),
        deposit=_money(min(wish * cover, assets)),
        wealth_decile=min(int(10 * wealth_rank(assets, terms)) + 1, 10),
        attention_ns=max(int(_lognormal(looks[style], terms.look_spread, dice)), SECOND),
        fear_bp=int(min(max(_lognormal(terms.fear_median_bp, terms.fear_spread, dice), 100.0), 9_000.0)),
        intermediary="direct" if direct else terms.intermediaries[_skewed(len(terms.intermediaries), dice)],
    )
    several = not direct and dice.uniform() < terms.several_intermediaries
    return changed(profile, applicant=changed(applicant, intermediaries=2)) if several else profile


def _qualified_institution(own_funds: Money) -> Applicant:
    return Applicant(
        kind=ApplicantKind.INSTITUTION,
        securities_and_deposits=own_funds,
        knowledge_test_passed=True,
        deals_per_quarter=1_000,
        years_of_experience=10,
        qualified_by_law=True,
        own_funds=own_funds,
    )


# --- distributions --------------------------------------------------------------------------------------


def assets_at(rank: float, terms: PopulationTerms) -> float:
    """Assets, in kopecks, of the individual below whom a share `rank` in (0, 1) of the individuals stands.

    Up to `mass_share` a log-normal body cut at the start of the tail, from there on a Pareto tail.
    """
    if rank < terms.mass_share:
        cut = _NORMAL.cdf(log(terms.tail_start / terms.mass_median) / terms.mass_spread)
        deviate = _NORMAL.inv_cdf(_inside(rank / terms.mass_share * cut))
        return terms.mass_median * exp(terms.mass_spread * deviate)
    above: float = ((1.0 - rank) / (1.0 - terms.mass_share)) ** (-1.0 / terms.tail_index)
    return terms.tail_start * above


def wealth_rank(assets: float, terms: PopulationTerms) -> float:
    """The share of individuals who own less: the inverse of `assets_at`. Firms are ranked by it too."""
    if assets < terms.tail_start:
        cut = _NORMAL.cdf(log(terms.tail_start / terms.mass_median) / terms.mass_spread)
        return terms.mass_share * _NORMAL.cdf(log(assets / terms.mass_median) / terms.mass_spread) / cut
    richer: float = (terms.tail_start / assets) ** terms.tail_index
    return 1.0 - (1.0 - terms.mass_share) * richer


def _wish(assets: float, appetite: float, terms: PopulationTerms) -> float:
    scale: float = (assets / terms.tail_start) ** terms.exposure_elasticity
    wish = terms.exposure_at_tail_start * scale * exp(terms.exposure_spread * _NORMAL.inv_cdf(appetite))
    return max(min(wish, assets * terms.exposure_share_max, terms.exposure_max), terms.exposure_min)


def _incomes(assets: float, dice: Dice, terms: PopulationTerms) -> tuple[Money, ...]:
    """Three years, the latest first."""
    typical = terms.income_at_tail_start * (assets / terms.tail_start) ** terms.income_elasticity
    own = _lognormal(typical, terms.income_spread, dice)
    return tuple(_money(_lognormal(own, terms.income_change, dice)) for _ in range(3))


def _style(noise: float, value: float, dice: Dice) -> Style:
    draw = dice.uniform()
    if draw < noise:
        return Style.NOISE
    return Style.VALUE if draw < noise + value else Style.HOLDER


def _lognormal(median: float, spread: float, dice: Dice) -> float:
    return median * exp(spread * dice.normal())


def _skewed(number: int, dice: Dice) -> int:
    """0 .. number - 1, the first the likeliest: a few intermediaries serve most."""
    return int(number * dice.uniform() ** 2)


def _money(kopecks: float) -> Money:
    """Whole roubles, in kopecks."""
    return round(kopecks / ROUBLE) * ROUBLE


def _radical_inverse(number: int, base: int) -> float:
    """The digits of `number`, mirrored at the decimal point."""
    inverse, place = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        place /= base
        inverse += digit * place
    return inverse


def _inside(probability: float) -> float:
    """Kept away from 0 and 1, where the normal distribution has no quantile."""
    return min(max(probability, 1e-12), 1.0 - 1e-12)


# --- against the published figures ----------------------------------------------------------------------


class ValidationRow(NamedTuple):
    """`published` is None where the source gives words and no number; then `note` holds the words."""

    figure: str
    published: float | None
    drawn: float
    source: str
    note: str


QUALIFIED_INVESTORS = 918_000  # Q2 2025; Vedomosti, 1 September 2025
HOLDERS = 1_900  # of exchange-listed crypto futures, October 2025


def validation(population: Sequence[Profile], terms: PopulationTerms | None = None) -> list[ValidationRow]:
    """The drawn population beside the published figures. A figure that nobody in it can show is nan."""
    terms = terms or PopulationTerms()
    individuals = [one for one in population if one.applicant.kind is ApplicantKind.INDIVIDUAL]
    holders = [one for one in individuals if one.applicant.securities_and_deposits >= terms.tail_start]
    wishes = [one.desired_exposure for one in holders]
    million = float(MILLION)
    return [
        ValidationRow(
            "holders with a wish of at most RUB 500,000, share",
            None,
            _share(wish <= MILLION // 2 for wish in wishes),
            _REVIEW,
            "published in words: most accounts; more than 0.5 agrees",
        ),
        ValidationRow(
            "mean wish of a holder, RUB million",
            2_100 / HOLDERS,
            fmean(wishes) / million if wishes else float("nan"),
            _REVIEW,
            "RUB 2.1bn net over 1,900 holders; heavy-tailed, so a small sample scatters widely",
        ),
        ValidationRow(
            "holders with a wish above RUB 100m, of 1,900",
            None,
            HOLDERS * _share(wish > 100 * MILLION for wish in wishes),
            _REVIEW,
            "published in words: a few",
        ),
        ValidationRow(
            "largest wish of a holder, RUB million",
            None,
            max(wishes, default=0) / million,
            _REVIEW,
            "published in words: a few exceed 100; a sample smaller than 1,900 may show none",
        ),
        *(_gate(gate, holders, terms) for gate in (12, 24, 100)),
        ValidationRow(
            "qualified lost when the gate rises from RUB 6m to 24m, share",
            0.75,
            1.0 - _share(one.applicant.securities_and_deposits >= 24 * MILLION for one in holders),
            "brokers' estimate of the reform, Kommersant, republished by NAUFOR",
            "published as 70-80%; the estimate covers the whole reform",
        ),
        ValidationRow(
            "individuals who own less than RUB 6m, share",
            None,
            1.0 - len(holders) / len(individuals) if individuals else float("nan"),
            "assumption",
            f"by design {terms.mass_share:.2f}: nobody publishes how many outside the gate would trade",
        ),
        ValidationRow(
            "firms in the population, share",
            None,
            1.0 - len(individuals) / len(population),
            "assumption",
            f"by design {terms.company_share + terms.institution_share:.2f}",
        ),
    ]


def _gate(gate: int, holders: Sequence[Profile], terms: PopulationTerms) -> ValidationRow:
    expected = (terms.tail_start / (gate * MILLION)) ** terms.tail_index
    return ValidationRow(
        f"qualified who own RUB {gate}m or more, share",
        expected,
        _share(one.applicant.securities_and_deposits >= gate * MILLION for one in holders),
        f"derived: Pareto tail of index {terms.tail_index} from RUB 6m",
        f"{QUALIFIED_INVESTORS * expected:,.0f} of 918,000 qualified investors (Q2 2025, Vedomosti)",
    )


def _share(holds: Iterable[bool]) -> float:
    answers = list(holds)
    return sum(answers) / len(answers) if answers else float("nan")

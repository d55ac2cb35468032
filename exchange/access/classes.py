"""Which class of a regime an applicant falls into, and, if none, how far it is from the nearest one.

A criterion is taken apart into requirements of one shape, "shows at least so much"; what is tested here is
therefore also what is told, and one criterion can be compared with another.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from exchange.access.regime import (
    AccessClass,
    Applicant,
    ApplicantKind,
    AssetCounting,
    Criterion,
    Regime,
    roubles,
)
from exchange.units import Money


class Subject(StrEnum):
    """What a requirement is about."""

    ASSETS = "assets"
    INCOME = "income"
    KNOWLEDGE = "knowledge"
    DEALS = "deals"
    EXPERIENCE = "experience"
    LAW = "law"


IN_ROUBLES = (Subject.ASSETS, Subject.INCOME)

PLURAL = {
    ApplicantKind.INDIVIDUAL: "individuals",
    ApplicantKind.COMPANY: "companies",
    ApplicantKind.INSTITUTION: "institutions",
}


class Requirement(NamedTuple):
    """An applicant must show at least `least`: kopecks, deals, years, or 1 for a plain yes."""

    subject: Subject
    least: int
    words: str  # "an income of at least 12,000,000 RUB in each of the last 2 years"
    threshold: str  # the same without its subject: "at least 12,000,000 RUB in each of the last 2 years"
    years: int = 1  # of income, each of which must show it


def requirements(criterion: Criterion) -> tuple[Requirement, ...]:
    """Every condition the criterion states, except the kinds of applicant it is meant for."""
    return tuple(_requirements(criterion))


def _requirements(criterion: Criterion) -> Iterator[Requirement]:
    for least, words in _thresholds(criterion.assets_min, criterion.assets_above):
        yield Requirement(Subject.ASSETS, least, f"assets of {words}", words)
    years = criterion.income_years
    period = "in the last year" if years == 1 else f"in each of the last {years} years"
    for least, words in _thresholds(criterion.income_min, criterion.income_above):
        words = f"{words} {period}"
        yield Requirement(Subject.INCOME, least, f"an income of {words}", words, years)
    if criterion.knowledge_test:
        yield _plain(Subject.KNOWLEDGE, 1, "a passed knowledge test")
    if (deals := criterion.deals_per_quarter_min) > 0:
        yield _plain(Subject.DEALS, deals, f"at least {deals} deals a quarter")
    if (experience := criterion.years_of_experience_min) > 0:
        yield _plain(Subject.EXPERIENCE, experience, f"at least {experience} years of experience")
    if criterion.qualified_by_law:
        yield _plain(Subject.LAW, 1, "the standing of a qualified investor by law")


def _plain(subject: Subject, least: int, words: str) -> Requirement:
    return Requirement(subject, least, words, threshold=words)


def _thresholds(at_least: Money | None, more_than: Money | None) -> Iterator[tuple[Money, str]]:
    if at_least is not None:
        yield at_least, f"at least {roubles(at_least)}"
    if more_than is not None:
        yield more_than + 1, f"more than {roubles(more_than)}"  # a kopeck more is more


def counted_assets(applicant: Applicant, counting: AssetCounting) -> Money:
    """Securities, deposits and the part of the crypto that counts as wealth. A part kopeck is dropped."""
    crypto = applicant.crypto_assets * counting.crypto_share_bp // 10_000
    if counting.crypto_max is not None:
        crypto = min(crypto, counting.crypto_max)
    return applicant.securities_and_deposits + crypto


def classify(applicant: Applicant, regime: Regime) -> AccessClass | None:
    """The first class of the regime with a criterion that the applicant meets."""
    for access_class in regime.classes:
        for criterion in access_class.any_of:
            if meant_for(criterion, applicant.kind) and all(
                _shown(applicant, requirement, regime.asset_counting) >= requirement.least
                for requirement in requirements(criterion)
            ):
                return access_class
    return None


def meant_for(criterion: Criterion, kind: ApplicantKind) -> bool:
    return not criterion.kinds or kind in criterion.kinds


def _shown(applicant: Applicant, requirement: Requirement, counting: AssetCounting) -> int:
    match requirement.subject:
        case Subject.ASSETS:
            return counted_assets(applicant, counting)
        case Subject.INCOME:
            years = applicant.incomes[: requirement.years]
            return min(years) if len(years) == requirement.years else 0  # a year not declared shows nothing
        case Subject.KNOWLEDGE:
            return int(applicant.knowledge_test_passed)
        case Subject.DEALS:
            return applicant.deals_per_quarter
        case Subject.EXPERIENCE:
            return applicant.years_of_experience
        case Subject.LAW:
            return int(applicant.qualified_by_law)


def explain(applicant: Applicant, regime: Regime) -> str:
    """One sentence for an applicant that no class takes: the nearest way in, and what is missing.

    Nearest is the smallest shortfall relative to its threshold, among the ways in that are open to the kind
    of applicant; ways with a threshold in roubles are told in preference to those without.
    """
    ways = [
        (access_class, requirements(criterion))
        for access_class in regime.classes
        for criterion in access_class.any_of
        if meant_for(criterion, applicant.kind)
    ]
    if not ways:
        return f"The regime “{regime.title}” does not admit {PLURAL[applicant.kind]}."
    in_roubles = [way for way in ways if any(asked.subject in IN_ROUBLES for asked in way[1])]
    access_class, asked_for = min(
        in_roubles or ways, key=lambda way: _distance(applicant, way[1], regime.asset_counting)
    )
    asked = " and ".join(asked.words for asked in asked_for)
    missing = " and ".join(_missing(applicant, asked_for, regime.asset_counting))
    return f"The nearest class, “{access_class.title}”, asks for {asked}, but {missing}."


def _distance(
    applicant: Applicant, asked_for: Sequence[Requirement], counting: AssetCounting
) -> tuple[int, int]:
    """The largest shortfall in roubles, in millionths of its threshold; then how much else is missing."""
    worst = others = 0
    for asked in asked_for:
        short = asked.least - _shown(applicant, asked, counting)
        if short > 0 and asked.subject in IN_ROUBLES:
            worst = max(worst, short * 1_000_000 // asked.least)
        elif short > 0:
            others += 1
    return worst, others


def _missing(
    applicant: Applicant, asked_for: Sequence[Requirement], counting: AssetCounting
) -> Iterator[str]:
    for asked in asked_for:
        shown = _shown(applicant, asked, counting)
        if shown >= asked.least:
            continue
        match asked.subject:
            case Subject.ASSETS:
                yield f"the assets that count are {roubles(shown)}"
            case Subject.INCOME:
                yield (
                    f"the income shown for each of those years is {roubles(shown)}"
                    if (asked.years > 1)
                    else f"the income shown is {roubles(shown)}"
                )
            case Subject.KNOWLEDGE:
                yield "the knowledge test has not been passed"
            case Subject.DEALS:
                yield f"{shown} a quarter are shown"
            case Subject.EXPERIENCE:
                yield f"{shown} years are shown"
            case Subject.LAW:
                yield "the applicant does not have it"


def shadows(access_class: AccessClass, earlier: Sequence[AccessClass]) -> list[AccessClass]:
    """The earlier classes that take everybody whom `access_class` would: empty if it can be reached."""
    found: list[AccessClass] = []
    for criterion in access_class.any_of:
        for kind in ApplicantKind:
            if not meant_for(criterion, kind):
                continue
            shadow = next((other for other in earlier if _takes_all(other, criterion, kind)), None)
            if shadow is None:
                return []
            if shadow not in found:
                found.append(shadow)
    return found


def _takes_all(earlier: AccessClass, criterion: Criterion, kind: ApplicantKind) -> bool:
    """Whether an applicant of this kind that meets `criterion` always meets one of `earlier`'s."""
    asked_for = requirements(criterion)
    return any(
        meant_for(weaker, kind)
        and all(
            any(
                stronger.subject is asked.subject
                and stronger.least >= asked.least
                and stronger.years >= asked.years
                for stronger in asked_for
            )
            for asked in requirements(weaker)
        )
        for weaker in earlier.any_of
    )

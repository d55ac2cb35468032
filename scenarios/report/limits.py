"""What a report cannot tell: made from what was run, what was assumed, what was seen and what was not."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from participants.population import ValidationRow
from scenarios.compare import Comparison
from scenarios.findings import Finding, Findings
from scenarios.language import _, plural, retold
from scenarios.measures.measure import PRICE_QUALITY
from scenarios.report.background import Background, Face
from scenarios.statistics import FEWEST_PAIRS, Verdict
from scenarios.wording import headline, listed, smallest_seen

MOST_TOLD = 6
LONGEST_VALUE = 40  # letters; what is longer stands in the tables of assumed values
FEW_RUNS = 15
HOLDERS = 918_000  # qualified investors in Russia, for whom a drawn population stands (Bank of Russia, 2025)


class Limit(NamedTuple):
    """One thing that the report leaves open: what, in bold, and why."""

    what: str
    why: str


def limits(
    findings: Findings, comparison: Comparison, background: Background, known: Sequence[Face]
) -> list[Limit]:
    """What bears on this comparison in particular first, then what no run of this model can show."""
    return [
        *_of_chance(findings, known),
        *of_assumptions(background.stated, known),
        *_of_what_is_missing(findings, comparison),
        *of_the_people(_drawn(comparison), background.validation),
        *of_the_model(known, prices=any(row.measure.group == PRICE_QUALITY for row in findings.rows)),
    ]


# --- chance ---------------------------------------------------------------------------------------------


def _of_chance(findings: Findings, known: Sequence[Face]) -> Iterator[Limit]:
    runs = plural(findings.seeds, "{n} run", "{n} runs")
    if findings.seeds < FEWEST_PAIRS:
        yield Limit(
            _("Nothing of chance."),
            _("With {runs} of each regime no difference can be told from luck; three are the fewest.").format(
                runs=runs
            ),
        )
        return
    unseen = list(_unseen(findings, known))
    if unseen:
        yield Limit(
            _("Small differences."),
            _(
                "With {runs} of each regime, a true difference would have been seen four times in five only if it "
                "were at least as large as this: {told}."
            ).format(runs=runs, told=_a_few(unseen)),
        )
    if findings.seeds < FEW_RUNS:
        yield Limit(
            _("Rare days."),
            _(
                "What happens in one run of a hundred has hardly come up in {runs}: worst results are those of these "
                "runs, and not the worst there are."
            ).format(runs=runs),
        )


def _unseen(findings: Findings, known: Sequence[Face]) -> Iterator[str]:
    """Of each main figure of which no regime shows a difference: the largest of the differences that could hide."""
    for finding in headline(findings):
        hidden = {
            face.name: finding.contrasts[face.name].compared.smallest_detectable
            for face in known[1:]
            if finding.contrasts[face.name].verdict is Verdict.NO_DIFFERENCE_SEEN
        }
        worst = max(hidden, key=lambda name: hidden[name], default=None)
        if worst is not None and np.isfinite(hidden[worst]) and hidden[worst] > 0:
            yield f"{_(finding.measure.title)} {smallest_seen(finding, worst)}"


# --- assumptions ----------------------------------------------------------------------------------------


def of_assumptions(stated: Mapping[str, Mapping[str, str]], known: Sequence[Face]) -> Iterator[Limit]:
    """Assumed values that are not the same under all regimes bear on the differences, the others on the levels."""
    assumed = sorted({one.key for face in known for one in face.regime.assumptions})
    values = {key: {face.short: stated.get(face.name, {}).get(key) for face in known} for key in assumed}
    alike = [key for key in assumed if len(set(values[key].values())) == 1]
    differing = [key for key in assumed if key not in alike and None not in values[key].values()]
    of_some = [key for key in assumed if key not in alike and key not in differing]
    if differing:
        yield Limit(
            _("Whether these assumed values are right."),
            _(
                "They are assumed and differ between the regimes, so a part of what differs may be their doing: "
                "{told}. Vary them before the answer is used."
            ).format(told=_a_few([_values_told(key, values[key]) for key in differing])),
        )
    if of_some:
        yield Limit(
            _("Whether values are right that only some regimes have."),
            _(
                "They are assumed, and the other regimes have nothing in their place; what differs there rests on "
                "them: {told}."
            ).format(told=_a_few(of_some)),
        )
    if alike:
        yield Limit(
            _("What another world would show."),
            plural(
                len(alike),
                "{n} assumed value is the same under all regimes: it moves the levels more than the differences.",
                "{n} assumed values are the same under all regimes: they move the levels more than the differences.",
            ),
        )
    weak = list(dict.fromkeys(key for face in known for key in face.weak_sources))
    if weak:
        yield Limit(
            _("What the law will say."),
            _("Only weak sources vouch for {keys}.").format(keys=_a_few(weak)),
        )


def _values_told(key: str, values: Mapping[str, str | None]) -> str:
    """ "offshore_share_percent: 20 under A, 30 under B and C"; the key alone where a value is too long for a line."""
    alike: dict[str, list[str]] = {}
    for name, value in values.items():
        alike.setdefault(str(value), []).append(name)
    if any(len(value) > LONGEST_VALUE for value in alike):
        return key
    parts = [
        _("{value} under {name}").format(value=value, name=listed(names)) for value, names in alike.items()
    ]
    return f"{key}: {', '.join(parts)}"


def _a_few(parts: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    told, more = "; ".join(parts[:MOST_TOLD]), len(parts) - MOST_TOLD
    return told + plural(more, "; and {n} more", "; and {n} more") if more > 0 else told


# --- what these runs did not measure --------------------------------------------------------------------


def _of_what_is_missing(findings: Findings, comparison: Comparison) -> Iterator[Limit]:
    undefined = [_(row.measure.title) for row in findings.rows if _unknown(row)]
    if undefined:
        yield Limit(
            _("What never came up."),
            _("Undefined in every one of these runs: {titles}.").format(titles=listed(undefined)),
        )
    if comparison.failures:
        yield Limit(
            _("What the runs that failed would have shown."),
            plural(
                len(comparison.failures),
                "{n} run did not finish and is in no figure.",
                "{n} runs did not finish and are in no figure.",
            ),
        )


def _unknown(finding: Finding) -> bool:
    return all(level.n == 0 for level in finding.levels.values())


# --- the people -----------------------------------------------------------------------------------------


def _drawn(comparison: Comparison) -> int:
    """How many people and firms; none where all are of the scenario's own, and drawn by nobody."""
    cells = comparison.cells
    drawn = (cell.outcomes["wealth_decile"] for cell in cells if "wealth_decile" in cell.outcomes)
    return sum(bool(decile) for decile in next(drawn, []))


def of_the_people(people: int, rows: Sequence[ValidationRow]) -> Iterator[Limit]:
    """`people`: how many were drawn."""
    if people:
        yield Limit(
            _("What the very richest would do."),
            _(
                "{people} stand for {all}. The very richest, who carry most of the volume, are the hardest to draw."
            ).format(
                people=plural(people, "{n} drawn participant", "{n} drawn participants"),
                all=plural(HOLDERS, "{n} qualified investor", "{n} qualified investors"),
            ),
        )
    missed = [
        retold(row.figure)
        for row in rows
        if row.published and np.isfinite(row.drawn) and not 0.5 <= row.drawn / row.published <= 2
    ]
    if missed:
        yield Limit(
            _("What depends on these figures."),
            _("The drawn population misses them by more than a factor of two: {figures}.").format(
                figures="; ".join(missed)
            ),
        )


# --- the model ------------------------------------------------------------------------------------------


def of_the_model(known: Sequence[Face], *, prices: bool) -> Iterator[Limit]:
    yield Limit(
        _("What will come."),
        _(
            "It plays one scenario many times. Whether such a day comes, and how often, is outside it. Trust "
            "differences between regimes more than levels: both rest on how the model's people behave, and differences "
            "rest on it less."
        ),
    )
    yield Limit(
        _("How people adapt."),
        _(
            "They do not learn, lobby, split their wealth between relatives, or look for a way around a rule. Market "
            "makers and cautious holders take fright; those who trade on noise or on value go on as before."
        ),
    )
    if any(face.regime.offshore_share_bp for face in known):
        yield Limit(
            _("What refused people do."),
            _(
                "The share of them that trades on foreign venues instead is a number in the regime, not an outcome."
            ),
        )
    yield Limit(
        _("What lies outside the venue."),
        _("No taxes, no balance sheets of banks, no other market that reacts, nobody who hedges elsewhere."),
    )
    if prices:
        yield Limit(
            _("How prices are made abroad."),
            _("The price outside is given, the same under every regime: no regime here moves it."),
        )
    yield Limit(
        _("What should be done."),
        _("Whether wider access is worth larger losses is a decision, not a measurement."),
    )

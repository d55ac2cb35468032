"""Seeds are added in blocks until the chosen differences are known precisely enough, or the budget ends.

What is precise enough. Half of the interval of the paired difference, against the absolute mean of the baseline; where
that mean is 0, against the absolute mean of the other regime; where both are 0 in every run, the half is 0 as well and
enough. A measure that is defined in too few pairs is never precise enough; one that is defined in none is left aside.

Looking repeatedly. Whoever looks at an interval again and again, and stops when it pleases, is wrong more often than
it says. So the looks are fixed before the first run - at ten seeds, and whenever there are half as many again - and
each interval is widened to the level 1 - 5% / looks (Bonferroni): all of them hold together with 95%, so the one at
which one stops does. It costs seeds, and assumes nothing. Stopping is by the width alone, never by the difference
(Chow and Robbins, 1965), which keeps what bias there is small.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from exchange.messages import changed
from scenarios.cells import RunCell
from scenarios.compare import (
    Comparison,
    Design,
    DesignError,
    Imprecision,
    Precision,
    Reached,
    Watcher,
    run_cells,
    write,
)
from scenarios.config.reading import nearest
from scenarios.statistics import FEWEST_PAIRS, PairedDifference, confidence_over, paired_difference
from scenarios.sweep import Hire

FIRST_LOOK = 10  # seeds: fewer say too little of a spread to stop by
BUDGET = 60
FEWEST, MOST = FEWEST_PAIRS, 100_000


def planned(percent: float, measures: Sequence[str], known: Sequence[str], budget: int) -> Precision:
    """Raises DesignError for a precision that cannot be asked for."""
    if not 0 < percent <= 100:
        raise DesignError(f"--precision: {percent:g}% cannot be; choose more than 0% and at most 100%.")
    if not FEWEST <= budget <= MOST:
        raise DesignError(f"--budget: {budget:,} cannot be; choose between {FEWEST} and {MOST:,} seeds.")
    if not measures:
        raise DesignError("--of names no measure; name one, as in --of quoted_spread, or leave it out.")
    for at, name in enumerate(measures):
        if name not in known:
            raise DesignError(f"--of: “{name}” is not a measure; {nearest(name, known)}.")
        if name in measures[:at]:
            raise DesignError(f"--of: the measure “{name}” is named twice; leave one of them out.")
    return Precision(percent=percent, measures=tuple(measures), looks=looks_within(budget))


def percent_in(text: str) -> float:
    """ "5%" or "5". Raises DesignError."""
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError:
        raise DesignError(f"--precision: “{text}” is no number; write it in percent, as in 5%.") from None


def looks_within(budget: int) -> tuple[int, ...]:
    """How many seeds there are at each look: half as many again each time, the last when the budget ends."""
    looks = [min(FIRST_LOOK, budget)]
    while looks[-1] < budget:
        looks.append(min(budget, (3 * looks[-1] + 1) // 2))
    return tuple(looks)


def compare_until_precise(
    design: Design,
    folder: Path,
    run_one: RunCell,
    progress: Watcher | None = None,
    *,
    workers: int | None = None,
    hire: Hire | None = None,
    reuse: Sequence[Path] = (),
) -> Comparison:
    """Compare with as many of the design's seeds as its precision asks for. What was finished before counts, so that
    a comparison that was stopped goes on. Raises as `scenarios.compare.compare` does."""
    assert design.precision is not None, "who wants no precision compares once"
    looks = design.precision.looks
    assert looks[-1] == len(design.seeds) and all(few < more for few, more in pairwise(looks))
    for number, size in enumerate(looks, 1):
        part = changed(design, seeds=tuple(sorted(design.seeds)[:size]))
        comparison = run_cells(part, folder, run_one, progress, workers=workers, hire=hire, reuse=reuse)
        comparison = comparison._replace(reached=look(comparison, number))
        assert comparison.reached is not None
        if comparison.reached.reached:
            break
    write(comparison)
    return comparison


def look(comparison: Comparison, number: int) -> Reached:
    """Whether the seeds that there are suffice, at the look of that number."""
    plan, design = comparison.design.precision, comparison.design
    assert plan is not None
    baseline, *others = (regime.name for regime in design.regimes)
    lacking = tuple(
        lack
        for measure in plan.measures
        for other in others
        if (lack := _lack(_pairs(comparison, measure, baseline, other), measure, other, plan)) is not None
    )
    return Reached(reached=not lacking, looks=number, lacking=lacking)


def _pairs(comparison: Comparison, measure: str, baseline: str, other: str) -> PairedDifference:
    found = {(cell.regime_id, cell.key.seed): cell.value(measure) for cell in comparison.cells}
    seeds = comparison.design.seeds
    return paired_difference(
        [found.get((baseline, seed), float("nan")) for seed in seeds],
        [found.get((other, seed), float("nan")) for seed in seeds],
        confidence=confidence_over(comparison.design.looks),
    )


def _lack(compared: PairedDifference, measure: str, regime: str, plan: Precision) -> Imprecision | None:
    """What is not precise enough; None if all is, or if there is nothing to know."""
    if compared.n == 0:
        return None
    allowed = plan.percent / 100 * (abs(compared.mean_baseline) or abs(compared.mean_other))
    if compared.n < FEWEST_PAIRS:
        return Imprecision(measure=measure, regime=regime, half_width=None, allowed=allowed)
    half = (compared.high - compared.low) / 2
    if half <= allowed:
        return None
    return Imprecision(measure=measure, regime=regime, half_width=half, allowed=allowed)

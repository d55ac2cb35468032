"""What a comparison found: each measure under each regime, and each regime against the baseline."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from exchange.access.regime import Regime
from scenarios.cells import Cell
from scenarios.compare import Comparison
from scenarios.design import regime_files
from scenarios.measures import MEASURES
from scenarios.measures.measure import Measure
from scenarios.statistics import (
    FEWEST_PAIRS,
    MeanInterval,
    PairedDifference,
    Verdict,
    confidence_over,
    holm,
    mean_interval,
    paired_difference,
    verdict,
)

GETTING_OUT = ("withdrawals_completed", "withdrawal_wait")
HEADLINE = (
    "admitted_share",
    "admitted_bottom_half",
    "executed_notional_share",
    "leaked_offshore",
    "quoted_spread",
    "depth_100bp",
    "one_sided_time",
    "index_gap",
    "population_losing",
    "total_losses",
    "share_losing",
    "top5_open_interest",
    "collateral_per_open_interest",
    "uncovered_peak",
    "closed_by_force",
    "default_losses",
    *GETTING_OUT,
)  # the main measures: fixed here and not by a comparison's results, read first, corrected as one family
OF_MONEY = (
    "movable_time",
    "stopped_time",
    "peak_discount",
)  # before them, where the money itself is compared


def money_differs(regimes: Sequence[Regime]) -> bool:
    """Whether regimes settle in different money; several may be of one asset."""
    return len({(regime.cash.settlement_asset, regime.cash.told) for regime in regimes}) > 1


def main_measures(regimes: Sequence[Regime]) -> tuple[str, ...]:
    """Which of the measures are the main ones when these regimes are compared: their rules decide, never results."""
    if not money_differs(regimes):
        return HEADLINE
    return tuple(dict.fromkeys((*OF_MONEY, *GETTING_OUT, *HEADLINE)))  # all of one heading together


class Contrast(NamedTuple):
    """One regime against the baseline, over the seeds that both have."""

    compared: PairedDifference
    adjusted_p: float
    verdict: Verdict
    same_way: int  # pairs whose difference has the sign of the mean difference


class Finding(NamedTuple):
    """One measure. `levels` has every regime, `contrasts` all but the baseline."""

    measure: Measure
    levels: dict[str, MeanInterval]
    contrasts: dict[str, Contrast]

    @property
    def silent(self) -> bool:
        """Nothing to tell: undefined, or zero in every run of every regime."""
        return all(level.n == 0 or level.low == level.high == 0 for level in self.levels.values())


class Findings(NamedTuple):
    regimes: tuple[str, ...]  # ids, the baseline first
    seeds: int
    rows: tuple[Finding, ...]
    main: tuple[str, ...] = HEADLINE

    @property
    def baseline(self) -> str:
        return self.regimes[0]

    @property
    def others(self) -> tuple[str, ...]:
        return self.regimes[1:]

    def named(self, names: Sequence[str]) -> list[Finding]:
        """The findings of those names, in their order; a name that is not there is left out."""
        known = {finding.measure.name: finding for finding in self.rows}
        return [known[name] for name in names if name in known]


def analyse(
    cells: Sequence[Cell],
    measures: Sequence[Measure],
    regimes: Sequence[str] | None = None,
    looks: int = 1,
    main: tuple[str, ...] = HEADLINE,
) -> Findings:
    """`regimes` are ids, the baseline first; without them, those of the cells in their order.

    A regime of which no run finished is unknown in everything. Holm's correction is over the `main` measures
    under all regimes, and over all other measures apart from them. If the number of seeds was chosen by looking at
    results, up to `looks` times, every interval and test is that of the strictest of them (Bonferroni): so they hold
    what they promise at whichever look one stopped.
    """
    regimes = tuple(regimes or dict.fromkeys(cell.regime_id for cell in cells))
    seeds = sorted({cell.key.seed for cell in cells})
    runs = {(cell.regime_id, cell.key.seed): cell for cell in cells}
    values = {
        measure.name: {
            regime: [
                runs[regime, seed].value(measure.name) if (regime, seed) in runs else float("nan")
                for seed in seeds
            ]
            for regime in regimes
        }
        for measure in measures
    }
    spans = {measure.name: (measure.span.least, measure.span.most) for measure in measures}
    pairs = {
        regime: sum((regimes[0], seed) in runs and (regime, seed) in runs for seed in seeds)
        for regime in regimes
    }
    compared: dict[tuple[str, str], PairedDifference] = {}
    adjusted: dict[tuple[str, str], float] = {}
    for first in (True, False):
        family = [(name, regime) for name in values for regime in regimes[1:] if (name in main) is first]
        tests = sum(_can_be_tested(values[name][regimes[0]], values[name][regime]) for name, regime in family)
        for name, regime in family:
            by_regime = values[name]
            compared[name, regime] = paired_difference(
                by_regime[regimes[0]],
                by_regime[regime],
                family=tests * looks,
                confidence=confidence_over(looks),
                possible=spans[name],
            )
        p_values = np.minimum(1.0, looks * holm([compared[place].p_value for place in family])).tolist()
        adjusted.update(zip(family, p_values, strict=True))
    rows = tuple(
        Finding(
            measure=measure,
            levels={
                regime: mean_interval(
                    values[measure.name][regime],
                    confidence=confidence_over(looks),
                    possible=spans[measure.name],
                )
                for regime in regimes
            },
            contrasts={
                regime: _contrast(
                    values[measure.name][regimes[0]],
                    values[measure.name][regime],
                    compared[measure.name, regime],
                    adjusted[measure.name, regime],
                    pairs[regime],
                )
                for regime in regimes[1:]
            },
        )
        for measure in measures
    )
    return Findings(regimes, len(seeds), rows, main)


def findings_of(comparison: Comparison) -> Findings:
    """What a comparison found, in every measure there is, with the main ones that its regimes call for."""
    design = comparison.design
    regimes = [file.regime() for file in regime_files(design)]
    names = [regime.name for regime in design.regimes]
    return analyse(comparison.cells, MEASURES, names, design.looks, main_measures(regimes))


def _can_be_tested(baseline: Sequence[float], other: Sequence[float]) -> bool:
    """Whether there are pairs enough for a test, so that Holm's correction counts it."""
    return int((~np.isnan(np.asarray(baseline) + np.asarray(other))).sum()) >= FEWEST_PAIRS


def _contrast(
    baseline: Sequence[float],
    other: Sequence[float],
    compared: PairedDifference,
    adjusted_p: float,
    pairs: int,
) -> Contrast:
    """`pairs` of runs there are; a measure that has no number in any of them under one regime means nothing there."""
    differences = np.asarray(other) - np.asarray(baseline)
    same_way = int((np.sign(differences) == np.sign(compared.difference)).sum())
    meaningless = bool(np.isnan(baseline).all() or np.isnan(other).all())
    judged = verdict(compared, adjusted_p, meaningless=meaningless and pairs >= FEWEST_PAIRS)
    return Contrast(compared, adjusted_p, judged, same_way)


def as_json(findings: Findings) -> Mapping[str, object]:
    """The same numbers as plain values, for those who read them by machine."""
    return {
        "baseline": findings.baseline,
        "seeds": findings.seeds,
        "measures": {
            finding.measure.name: {
                "unit": finding.measure.unit,
                "levels": {regime: level._asdict() for regime, level in finding.levels.items()},
                "contrasts": {
                    regime: {
                        **contrast.compared._asdict(),
                        "adjusted_p": contrast.adjusted_p,
                        "verdict": contrast.verdict,
                    }
                    for regime, contrast in finding.contrasts.items()
                },
            }
            for finding in findings.rows
        },
    }

"""Thresholds of a reverse stress test held against the baseline's, seed by seed: which regime takes the stronger shock.

A threshold beyond the bounds is larger than any within them; two beyond them cannot be told apart.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from scenarios.reverse import Answer, Reversed
from scenarios.statistics import SIGNIFICANCE, Verdict, holm, sign_test

FEWEST = 6  # seeds that can tell anything: luck gives fewer one sign more often than one time in twenty


class Held(NamedTuple):
    """One event under one regime against the baseline: in how many seeds it takes more there, less, or just as much;
    in how many nobody can tell, because it happens under neither."""

    event: str
    regime: str
    more: int
    less: int
    same: int
    unseen: int
    p_value: float  # of the sign test
    adjusted_p: float  # for all that are held against the baseline, by Holm
    verdict: Verdict


def held_against_baseline(found: Reversed) -> list[Held]:
    """Event by event, and regime by regime, where it can happen under both. The baseline is the first regime."""
    counted = [held for _event, held in sorted(_counted(found), key=lambda pair: pair[0])]
    adjusted = holm([one.p_value for one in counted])
    return [
        one._replace(adjusted_p=float(p), verdict=_verdict(one, float(p)))
        for one, p in zip(counted, adjusted, strict=True)
    ]


def _counted(found: Reversed) -> Iterator[tuple[int, Held]]:
    baseline = found.regimes[0].name
    of_baseline = {one.event: one for one in found.answers if one.regime == baseline}
    order = list(of_baseline)
    for other in found.answers:
        if other.regime != baseline and other.event in of_baseline:
            yield order.index(other.event), _held(of_baseline[other.event], other)


def _held(baseline: Answer, other: Answer) -> Held:
    before = {one.seed: _number(one.smallest) for one in baseline.thresholds}
    pairs = [(before[one.seed], _number(one.smallest)) for one in other.thresholds if one.seed in before]
    more, less = sum(a < b for a, b in pairs), sum(a > b for a, b in pairs)
    unseen = sum(a == b == math.inf for a, b in pairs)
    return Held(
        event=other.event,
        regime=other.regime,
        more=more,
        less=less,
        same=len(pairs) - more - less - unseen,
        unseen=unseen,
        p_value=sign_test(more, less) if len(pairs) - unseen >= FEWEST else math.nan,
        adjusted_p=math.nan,
        verdict=Verdict.NO_VERDICT,
    )


def _verdict(held: Held, adjusted_p: float) -> Verdict:
    if math.isnan(adjusted_p):
        return Verdict.NO_VERDICT
    if adjusted_p >= SIGNIFICANCE:
        return Verdict.NO_DIFFERENCE_SEEN
    return Verdict.HIGHER if held.more > held.less else Verdict.LOWER


def _number(smallest: float | None) -> float:
    return math.inf if smallest is None else smallest

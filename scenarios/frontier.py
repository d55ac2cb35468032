"""Access against harm over a swept threshold: how many each value lets in, and what it costs those who are let in."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scenarios.compare import GridPoint
from scenarios.config.numbers import spoken, unit_of
from scenarios.findings import Finding, Findings
from scenarios.language import _, numeral
from scenarios.statistics import MeanInterval
from scenarios.wording import listed, number_named, with_unit

ACCESS = ("admitted_share", "admitted_notional")
HARM = ("losing_over_tenth", "total_losses", "default_losses", "loss_survivors_fund")


class Point(NamedTuple):
    """One regime of the sweep. `levels` are means over the seeds with their intervals, by measure.

    `on_frontier`: no other point of the same regime lets in as many at less harm, or more at no more harm, by the means
    of the first access and the first harm that are known.
    """

    regime: str
    base: str
    values: Mapping[str, float | None]
    levels: Mapping[str, MeanInterval]
    on_frontier: bool = False

    @property
    def as_it_stands(self) -> bool:
        return self.regime == self.base

    @property
    def label(self) -> str:
        """ "24,000,000 RUB", "not set": the values alone with their units, in the language that is spoken."""
        return ", ".join(
            _("not set") if value is None else with_unit(numeral(spoken(value)), unit_of(key) or "ratio")
            for key, value in self.values.items()
        )


class Frontier(NamedTuple):
    """The points, regime by regime and in it by value; a number that is not set comes last."""

    keys: tuple[str, ...]
    access: tuple[Finding, ...]
    harm: tuple[Finding, ...]
    points: tuple[Point, ...]

    @property
    def about(self) -> str:
        """ "assets min": what is swept, in the language that is spoken."""
        return listed([number_named(key) for key in self.keys])


def frontier_of(findings: Findings, grid: Sequence[GridPoint]) -> Frontier | None:
    """None where nothing was swept. Measures that say nothing under any regime are left out."""
    if not grid:
        return None
    access = tuple(finding for finding in findings.named(ACCESS) if not finding.silent)
    harm = tuple(finding for finding in findings.named(HARM) if not finding.silent)
    points = [
        Point(one.regime, one.base, one.values, {f.measure.name: f.levels[one.regime] for f in access + harm})
        for one in grid
    ]
    bases = list(dict.fromkeys(point.base for point in points))
    points.sort(
        key=lambda point: (bases.index(point.base), [_rank(value) for value in point.values.values()])
    )
    if access and harm:
        points = [
            point._replace(on_frontier=not _beaten(point, points, access[0], harm[0])) for point in points
        ]
    keys = tuple(dict.fromkeys(key for one in grid for key in one.values))
    return Frontier(keys, access, harm, tuple(points))


def _rank(value: float | None) -> float:
    return math.inf if value is None else value


def _beaten(point: Point, points: Sequence[Point], access: Finding, harm: Finding) -> bool:
    """Whether another point is better in one and no worse in the other. Where a mean is unknown nothing beats."""
    lets_in, hurts = (point.levels[finding.measure.name].mean for finding in (access, harm))
    others = [other.levels for other in points if other.base == point.base and other is not point]
    pairs = [(other[access.measure.name].mean, other[harm.measure.name].mean) for other in others]
    return any(more >= lets_in and less <= hurts and (more, less) != (lets_in, hurts) for more, less in pairs)


def as_json(frontier: Frontier) -> Mapping[str, object]:
    """The same numbers as plain values, for those who read them by machine."""
    return {
        "keys": frontier.keys,
        "points": [
            {
                "regime": point.regime,
                "base": point.base,
                "values": point.values,
                "levels": {name: level._asdict() for name, level in point.levels.items()},
                "on_frontier": point.on_frontier,
            }
            for point in frontier.points
        ],
    }

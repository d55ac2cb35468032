"""The runs beside published statistics: is this market lifelike, and where is it not?"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from scenarios.findings import Findings
from scenarios.language import N_, _
from scenarios.report.background import GRADE, Face
from scenarios.wording import spanned, with_unit, written


class Anchor(NamedTuple):
    """A published figure: the range that it was published as, what it is of, and why a run may differ."""

    title: str
    unit: str
    low: float
    high: float
    source: str
    grade: str  # of the source, as in the regime files: P, S, W; GK: general knowledge
    caution: str
    value: Callable[[Findings, str], float]


class Held(NamedTuple):
    """One anchor beside the runs under each regime."""

    title: str
    published: str
    within: Sequence[
        tuple[Face, str, bool | None]
    ]  # what the runs gave, and whether it lies within; None: unknown
    source: str
    caution: str


def _mean(measure: str) -> Callable[[Findings, str], float]:
    def of(findings: Findings, regime: str) -> float:
        rows = findings.named((measure,))
        return rows[0].levels[regime].mean if rows and rows[0].levels[regime].n else float("nan")

    return of


def _depth_ratio(findings: Findings, regime: str) -> float:
    near, far = (_mean(name)(findings, regime) for name in ("depth_10bp", "depth_100bp"))
    return far / near if near > 0 else float("nan")


ANCHORS = (
    Anchor(
        N_("Investors who lose"), "%", 60, 93,
        "ESMA 2018 (74-89%), BIS WP 1049 (73-81%), SEBI 2024 (93%), ASIC REP 724 (50-64%)", "S",
        N_("published over months or years; a run is a few days"),
        _mean("share_losing"),
    ),
    Anchor(
        N_("Quoted spread"), "bp", 0, 20,
        "Coin Metrics, 2019-20", "W",
        N_("of the largest foreign venues on calm days; in a stress they were wider"),
        _mean("quoted_spread"),
    ),
    Anchor(
        N_("Depth within 100 bp, in depths within 10 bp"), "ratio", 3, 7,
        "Amberdata, Binance BTC/FDUSD, July-August 2025 (4.7)", "S",
        N_("the shape of the book, not its size"),
        _depth_ratio,
    ),
    Anchor(
        N_("Realised volatility"), "% a year", 38, 76,
        "K33: daily 2-4%, 2024-25", "W",
        N_("a scenario with a shock is meant to lie above it"),
        _mean("realised_volatility"),
    ),
    Anchor(
        N_("Kurtosis"), "ratio", 8, 30,
        "PMC8984083, PMC9304798 and others: daily returns, a year or more", "P",
        N_("of daily returns; those of a minute have fatter tails"),
        _mean("kurtosis"),
    ),
    Anchor(
        N_("Variance ratio"), "ratio", 0.8, 1.2,
        "arXiv 2009.06874: returns are uncorrelated beyond the bounce of ticks", "P",
        N_("below 1 where the bounce between bid and ask is large beside moves of the price"),
        _mean("variance_ratio"),
    ),
    Anchor(
        N_("Orders per trade"), "orders per trade", 10, 100,
        N_("general knowledge; no published figure was found"), "GK",
        N_("a market of few participants sees fewer orders for each trade"),
        _mean("order_to_trade"),
    ),
)  # fmt: skip


def held_against_published(findings: Findings, known: Sequence[Face]) -> list[Held]:
    """Every anchor of which some regime has a value."""
    rows = [(anchor, [anchor.value(findings, face.name) for face in known]) for anchor in ANCHORS]
    return [
        Held(
            title=_(anchor.title),
            published=with_unit(spanned(*written(anchor.low, anchor.high)), anchor.unit),
            within=[_held(anchor, face, value) for face, value in zip(known, values, strict=True)],
            source=_sourced(anchor),
            caution=_(anchor.caution),
        )
        for anchor, values in rows
        if np.isfinite(values).any()
    ]


def _sourced(anchor: Anchor) -> str:
    """The source, and how good it is where it is one: "Coin Metrics, 2019-20 (weak)"."""
    grades = [words for grade, words in GRADE.items() if grade == anchor.grade]
    return " ".join((_(anchor.source), *(f"({_(words).partition(':')[0]})" for words in grades)))


def _held(anchor: Anchor, face: Face, value: float) -> tuple[Face, str, bool | None]:
    told = with_unit(written(value)[0], anchor.unit)
    return face, told, anchor.low <= value <= anchor.high if np.isfinite(value) else None

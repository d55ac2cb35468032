"""Who paid what others could not: the layers of the waterfall under each regime, in the order in which they pay."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from exchange.clearing.waterfall import Layer
from scenarios.cells import Cell
from scenarios.findings import Findings
from scenarios.language import N_, _, plural
from scenarios.report.background import Face
from scenarios.report.drawing import (
    Figure,
    axis_of,
    axis_title,
    heading_of,
    hidden_axis,
    layout_of,
    note_of,
    ticks_of,
)
from scenarios.wording import PAYERS, listed, with_unit, written


class Tier(NamedTuple):
    """One layer: the measure of what it has paid, who stands behind it, and the colour of its part of a bar."""

    measure: str
    words: str
    colour: str


TIERS = (
    Tier("loss_defaulter_margin", PAYERS[Layer.DEFAULTER_MARGIN], "#c9cfd6"),
    Tier("loss_members", N_("clearing members, for their clients"), "#a9b4bf"),
    Tier("loss_fellow_clients", N_("other clients of the same account"), "#7b8794"),
    Tier("loss_defaulter_fund_share", PAYERS[Layer.DEFAULTER_FUND_SHARE], "#56b4e9"),
    Tier("loss_skin_in_the_game", PAYERS[Layer.SKIN_IN_THE_GAME], "#0072b2"),
    Tier("loss_insurance_fund", PAYERS[Layer.INSURANCE_FUND], "#009e73"),
    Tier("loss_survivors_fund", PAYERS[Layer.SURVIVORS_FUND], "#f0e442"),
    Tier("loss_assessments", PAYERS[Layer.ASSESSMENTS], "#e69f00"),
    Tier("loss_gains_haircut", PAYERS[Layer.GAINS_HAIRCUT], "#d55e00"),
    Tier("loss_deleveraging", PAYERS[Layer.DELEVERAGING], "#b5651d"),
    Tier("loss_equity", PAYERS[Layer.EQUITY], "#cc79a7"),
    Tier("loss_unpaid", N_("nobody: it was not paid"), "#7d1d1d"),
)
_BAR, _GAP = 22, 16  # pixels


def waterfall(findings: Findings, cells: Sequence[Cell], known: Sequence[Face]) -> Figure | None:
    """A bar a regime, in roubles a run; None where no layer has paid anything under any regime."""
    paid = {face.name: _paid(findings, face) for face in known}
    most = max(sum(tiers.values()) for tiers in paid.values())
    if most <= 0:
        return None
    used = [tier for tier in TIERS if any(tier.measure in tiers for tiers in paid.values())]
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    bottom = 0.0
    for face in known:
        heading, label = heading_of(face.short)
        notes.append(note_of(heading, x=0, xref="paper", xanchor="left", y=bottom + label / 2))
        bottom += label
        traces += _bar(face, paid[face.name], bottom + _BAR / 2)
        bottom += _BAR + _GAP
    height = int(bottom) + 56
    layout = layout_of(
        height,
        margin={"l": 4, "r": 12, "t": 8, "b": 8},
        barmode="overlay",
        xaxis=axis_of(
            range=[0, 1.05 * most], **ticks_of(0, most), title=axis_title(_("RUB, mean of the runs"))
        ),
        yaxis=hidden_axis(range=[bottom, 0]),
        annotations=notes,
    )
    return Figure(
        name="waterfall",
        alt=" ".join(
            (
                _("What each layer of the waterfall paid."),
                *(_in_words(face, paid[face.name]) for face in known),
            )
        ),
        plot={"data": traces, "layout": layout},
        height=height,
        head=(_("Who paid"), *(face.short for face in known)),
        rows=[
            (_(tier.words), *(_told(tier, face, paid[face.name], cells) for face in known)) for tier in used
        ],
    )


def tiers_used(findings: Findings, known: Sequence[Face]) -> list[Tier]:
    """The layers that paid something under some regime, for the key of the chart."""
    paid = [_paid(findings, face) for face in known]
    return [tier for tier in TIERS if any(tier.measure in tiers for tiers in paid)]


def _paid(findings: Findings, face: Face) -> dict[str, float]:
    """Roubles by measure, mean of the runs; what has paid nothing is left out."""
    rows = findings.named([tier.measure for tier in TIERS])
    found = {row.measure.name: row.levels[face.name] for row in rows}
    return {name: level.mean for name, level in found.items() if level.n and level.mean > 0}


def _bar(face: Face, paid: dict[str, float], y: float) -> list[dict[str, Any]]:
    traces, at = [], 0.0
    for tier in TIERS:
        amount = paid.get(tier.measure, 0.0)
        if not amount:
            continue
        hover = f"<b>{face.short}</b><br>{_(tier.words)}: {_roubles(amount)}<extra></extra>"
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": [amount],
                "base": [at],
                "y": [y],
                "width": [_BAR - 4],
                "marker": {"color": tier.colour, "line": {"width": 0.5, "color": "#66707b"}},
                "hovertemplate": hover,
            }
        )
        at += amount
    return traces


def _told(tier: Tier, face: Face, paid: dict[str, float], cells: Sequence[Cell]) -> str:
    """ "1.20m RUB, in 3 of 8 runs": the mean of all runs, and in how many of them the layer was touched."""
    mine = [cell.value(tier.measure) for cell in cells if cell.regime_id == face.name]
    touched = sum(value > 0 for value in mine)
    if not touched:
        return _("untouched")
    return _("{amount}, in {these} of {runs}").format(
        amount=_roubles(paid.get(tier.measure, 0.0)),
        these=touched,
        runs=plural(len(mine), "{n} run", "{n} runs"),
    )


def _in_words(face: Face, paid: dict[str, float]) -> str:
    if not paid:
        return _("{name}: no layer paid anything.").format(name=face.short)
    parts = [f"{_(tier.words)} {_roubles(paid[tier.measure])}" for tier in TIERS if tier.measure in paid]
    return f"{face.short}: {listed(parts)}."


def _roubles(amount: float) -> str:
    return with_unit(written(amount)[0], "RUB")

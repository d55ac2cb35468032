"""The answer in three sentences of plain words, made from the verdicts and from nothing else."""

from collections.abc import Sequence
from typing import NamedTuple

from scenarios.cells import Cell
from scenarios.findings import Finding, Findings
from scenarios.measures.measure import ACCESS
from scenarios.report.background import Face
from scenarios.statistics import Verdict
from scenarios.wording import counted, headline, level, listed, phrase

SEEN = (Verdict.HIGHER, Verdict.LOWER)
MOST_EFFECTS = 4  # told of one regime; the table has the others


class Sentence(NamedTuple):
    about: str
    text: str


def answer(findings: Findings, known: Sequence[Face], cells: Sequence[Cell]) -> list[Sentence]:
    """Who gets in, what it does, and how sure we are."""
    return [
        Sentence("Who gets in", _who_gets_in(findings, known)),
        Sentence("What it does", _what_it_does(findings, known)),
        Sentence("How sure we are", _how_sure(findings, known, cells)),
    ]


def _who_gets_in(findings: Findings, known: Sequence[Face]) -> str:
    rows = findings.named(("admitted_share",))
    if not rows or not rows[0].levels[findings.baseline].n:
        return "These runs did not count who is let in."
    finding = rows[0]
    baseline, *others = known
    told = [
        f"{face.short} lets in {_of_hundred(finding, face)} ({_compared(finding, face)})" for face in others
    ]
    return (
        f"Of every 100 people and firms who would come, {baseline.short} (the baseline) lets in "
        f"{_of_hundred(finding, baseline)}; {listed(told)}."
    )


def _of_hundred(finding: Finding, face: Face) -> str:
    share = finding.levels[face.name].mean
    if share != share:
        return "an unknown number"
    return "none" if share <= 0 else "fewer than one" if share < 0.95 else f"{share:.0f}"


def _compared(finding: Finding, face: Face) -> str:
    return {
        Verdict.HIGHER: "clearly more",
        Verdict.LOWER: "clearly fewer",
        Verdict.NO_DIFFERENCE_SEEN: "no difference seen",
        Verdict.NO_VERDICT: "too few runs to tell",
    }[finding.contrasts[face.name].verdict]


def _what_it_does(findings: Findings, known: Sequence[Face]) -> str:
    rows = [finding for finding in headline(findings) if finding.measure.group != ACCESS]
    told = []
    for face in known[1:]:
        seen = [finding for finding in rows if finding.contrasts[face.name].verdict in SEEN]
        effects = [
            f"{phrase(finding.measure, finding.contrasts[face.name].verdict)} "
            f"({level(finding, face.name)} instead of {level(finding, findings.baseline)})"
            for finding in seen[:MOST_EFFECTS]
        ]
        what = listed(effects) or "no difference is seen in any other main figure"
        told.append(f"under {face.short}, {what}")
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _how_sure(findings: Findings, known: Sequence[Face], cells: Sequence[Cell]) -> str:
    assumed = sum(len(face.regime.assumptions) for face in known)
    weak = sum(len(face.weak_sources) for face in known)
    fewest = min(sum(cell.regime_id == face.name for cell in cells) for face in known)
    doubts = f"{counted(assumed, 'value')} in these regimes {_are(assumed)} assumed, not law"
    if weak:
        doubts += f", and {weak} more {'rests' if weak == 1 else 'rest'} on weak sources"
    return (
        "Every regime met the same people on the same market days, in "
        f"{counted(fewest, 'simulated run')}, so what differs is the rules' doing; a difference is called "
        "one only where luck alone would show even a single one among the main figures in fewer than one of "
        f"twenty such reports; but it is a model, and {doubts}."
    )


def _are(number: int) -> str:
    return "is" if number == 1 else "are"

"""The answer in a few sentences of plain words, made from the verdicts, and from who holds which key."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from scenarios.cells import Cell
from scenarios.config.cash_file import Authority
from scenarios.config.cash_words import NOBODY, FreezeKey
from scenarios.findings import Finding, Findings
from scenarios.measures.measure import ACCESS
from scenarios.report.background import Face, lets_in_alike
from scenarios.statistics import Verdict
from scenarios.wording import counted, headline, level, listed, phrase

SEEN = (Verdict.HIGHER, Verdict.LOWER)
MOST_EFFECTS = 4  # told of one regime; the table has the others
_NONE_SEEN = "no difference is seen in any other main figure"


class Sentence(NamedTuple):
    about: str
    text: str


def answer(
    findings: Findings, known: Sequence[Face], cells: Sequence[Cell], keys: Mapping[str, FreezeKey]
) -> list[Sentence]:
    """Who gets in, what it does, who can stop the money where that differs, and how sure we are. Where the same people
    get in on the same terms the money comes first: then it is what is compared.
    """
    of_money = [
        Sentence("Who can stop the money", _who_can_stop(known, keys)),
        Sentence("When it could leave", _when_it_left(findings, known)),
        Sentence("What it was worth", _what_it_was_worth(findings, known)),
    ]
    gets_in = Sentence("Who gets in", _who_gets_in(findings, known))
    does = Sentence("What it does", _what_it_does(findings, known))
    sure = Sentence("How sure we are", _how_sure(findings, known, cells))
    if not of_money[0].text:
        return [gets_in, does, sure]
    told = [*of_money, does, gets_in, sure] if lets_in_alike(known) else [gets_in, does, *of_money, sure]
    return [sentence for sentence in told if sentence.text]


def _who_can_stop(known: Sequence[Face], keys: Mapping[str, FreezeKey]) -> str:
    """Who can freeze the money under each regime, by whose orders; nothing where that is the same under all."""
    names: dict[FreezeKey, list[str]] = {}
    for face in known:
        if face.name in keys:
            names.setdefault(keys[face.name], []).append(face.short)
    if len(names) < 2:
        return ""
    safe = [short for key, shorts in names.items() if key.signers == NOBODY for short in shorts]
    told: dict[str, list[str]] = {}
    for key, shorts in names.items():
        if key.signers != NOBODY:
            told.setdefault(key.orders, []).append(f"{listed(shorts)} (by {key.signers})")
    sentences = [] if safe else ["The money can be frozen under every one of these."]
    sentences += [f"At {orders} orders: {'; '.join(parts)}." for orders, parts in told.items()]
    if safe:
        sentences.append(f"Nobody can freeze {listed(safe)}.")
    if any(key.issued and key.orders == Authority.DOMESTIC for key in names):
        sentences.append(
            "A domestic issuer holds the same keys as a foreign one: what differs is whose orders it follows and "
            "who must sign, not what a freeze does."
        )
    return " ".join(sentences)


def _when_it_left(findings: Findings, known: Sequence[Face]) -> str:
    rows = findings.named(("movable_time",))
    if not rows or not all(rows[0].levels[face.name].n for face in known):
        return ""
    shares = _alike((level(rows[0], face.name), face) for face in known)
    if len(shares) == 1:
        (share,) = shares
        if share == "100%":
            return "In these runs nobody stopped any of it."
        return f"In these runs money could leave in {share} of the time under each of them, whoever held the key."
    told = [f"{share} of the time under {listed(shorts)}" for share, shorts in shares.items()]
    return f"In these runs money could leave in {'; in '.join(told)}."


def _what_it_was_worth(findings: Findings, known: Sequence[Face]) -> str:
    """Nothing where nobody priced any of it below par."""
    rows = findings.named(("peak_discount",))
    if not rows or not any(found.n and found.mean > 0 for found in rows[0].levels.values()):
        return ""
    below = [face for face in known if rows[0].levels[face.name].mean > 0]
    told = [
        f"{share} less under {listed(shorts)}"
        for share, shorts in _alike((level(rows[0], face.name), face) for face in below).items()
    ]
    others = [face.short for face in known if face not in below]
    at_par = f" Nobody priced {listed(others)} below a rouble." if others else ""
    return f"At worst a rouble of it was worth {'; '.join(told)}.{at_par}"


def _who_gets_in(findings: Findings, known: Sequence[Face]) -> str:
    rows = findings.named(("admitted_share",))
    if not rows or not rows[0].levels[findings.baseline].n:
        return "These runs did not count who is let in."
    finding = rows[0]
    baseline, *others = known
    alike = _alike((f"{_of_hundred(finding, face)} ({_compared(finding, face)})", face) for face in others)
    as_the_baseline = f"{_of_hundred(finding, baseline)} ({_compared(finding, others[0])})" if others else ""
    if len(others) > 1 and lets_in_alike(known) and list(alike) == [as_the_baseline]:
        share = _of_hundred(finding, baseline)
        return f"Of every 100 people and firms who would come, each of these lets in {share}."
    told = [
        f"{'each of ' if names[1:] else ''}{listed(names)} lets in {what}" for what, names in alike.items()
    ]
    return (
        f"Of every 100 people and firms who would come, {baseline.short} (the baseline) lets in "
        f"{_of_hundred(finding, baseline)}; {listed(told)}."
    )


def _alike(told: Iterable[tuple[str, Face]]) -> dict[str, list[str]]:
    """The names of all of which the same is told, in their order."""
    names: dict[str, list[str]] = {}
    for what, face in told:
        names.setdefault(what, []).append(face.short)
    return names


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
    effects_of: list[tuple[str, Face]] = []
    for face in known[1:]:
        seen = [finding for finding in rows if finding.contrasts[face.name].verdict in SEEN]
        effects = [
            f"{phrase(finding.measure, finding.contrasts[face.name].verdict)} "
            f"({level(finding, face.name)} instead of {level(finding, findings.baseline)})"
            for finding in seen[:MOST_EFFECTS]
        ]
        what = listed(effects) or _NONE_SEEN
        effects_of.append((what, face))
    alike = _alike(effects_of)
    if list(alike) == [_NONE_SEEN] and len(effects_of) > 1:
        return f"{_NONE_SEEN[0].upper()}{_NONE_SEEN[1:]}, under any of them."
    sentence = "; ".join(f"under {listed(names)}, {what}" for what, names in alike.items())
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

"""The answer in a few sentences of plain words, made from the verdicts, and from who holds which key."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from scenarios.cells import Cell
from scenarios.config.cash_file import Authority
from scenarios.config.cash_words import NOBODY, FreezeKey
from scenarios.findings import OF_MONEY, Finding, Findings
from scenarios.language import N_, _, numeral, plural
from scenarios.measures.measure import ACCESS
from scenarios.report.background import Face, lets_in_alike
from scenarios.statistics import Verdict
from scenarios.wording import headline, level, listed, percent_of, phrase, sentence

SEEN = (Verdict.HIGHER, Verdict.LOWER)
MOST_EFFECTS = 4  # told of one regime; the table has the others
_NONE_SEEN = N_("no difference is seen in any other main figure")


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
        Sentence(_("Who can stop the money"), _who_can_stop(known, keys)),
        Sentence(_("When it could leave"), _when_it_left(findings, known)),
        Sentence(_("What it was worth"), _what_it_was_worth(findings, known)),
    ]
    gets_in = Sentence(_("Who gets in"), _who_gets_in(findings, known))
    told_of_money = OF_MONEY if of_money[0].text else ()
    does = Sentence(_("What it does"), _what_it_does(findings, known, told_of_money))
    sure = Sentence(_("How sure we are"), _how_sure(findings, known, cells))
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
            by = _("{assets} (by {signers})").format(assets=listed(shorts), signers=key.signers)
            told.setdefault(key.orders, []).append(by)
    sentences = [] if safe else [_("The money can be frozen under every one of these.")]
    sentences += [
        _("At {whose} orders: {assets}.").format(whose=_(orders), assets="; ".join(parts))
        for orders, parts in told.items()
    ]
    if safe:
        sentences.append(_("Nobody can freeze {assets}.").format(assets=listed(safe)))
    if any(key.issued and key.orders == Authority.DOMESTIC for key in names):
        sentences.append(
            _(
                "A domestic issuer holds the same keys as a foreign one: what differs is whose orders it follows and "
                "who must sign, not what a freeze does."
            )
        )
    return " ".join(sentences)


def _when_it_left(findings: Findings, known: Sequence[Face]) -> str:
    rows = findings.named(("movable_time",))
    if not rows or not all(rows[0].levels[face.name].n for face in known):
        return ""
    shares = _alike((level(rows[0], face.name), face) for face in known)
    if len(shares) == 1:
        (share,) = shares
        if share == percent_of("100"):
            return _("In these runs nobody stopped any of it.")
        return _(
            "In these runs money could leave in {share} of the time under each of them, whoever held the key."
        ).format(share=share)
    told = [
        _("in {share} of the time under {assets}").format(share=share, assets=listed(shorts))
        for share, shorts in shares.items()
    ]
    return _("In these runs money could leave {when}.").format(when="; ".join(told))


def _what_it_was_worth(findings: Findings, known: Sequence[Face]) -> str:
    """Nothing where nobody priced any of it below par."""
    rows = findings.named(("peak_discount",))
    if not rows or not any(found.n and found.mean > 0 for found in rows[0].levels.values()):
        return ""
    below = [face for face in known if rows[0].levels[face.name].mean > 0]
    told = [
        _("{share} less under {assets}").format(share=share, assets=listed(shorts))
        for share, shorts in _alike((level(rows[0], face.name), face) for face in below).items()
    ]
    others = [face.short for face in known if face not in below]
    worst = _("At worst a rouble of it was worth {how_much}.").format(how_much="; ".join(told))
    if not others:
        return worst
    at_par = _("Nobody priced {assets} below a rouble.").format(assets=listed(others))
    return f"{worst} {at_par}"


def _who_gets_in(findings: Findings, known: Sequence[Face]) -> str:
    rows = findings.named(("admitted_share",))
    if not rows or not rows[0].levels[findings.baseline].n:
        return _("These runs did not count who is let in.")
    finding = rows[0]
    baseline, *others = known
    alike = _alike((_with_verdict(finding, face, face), face) for face in others)
    if len(others) > 1 and lets_in_alike(known) and [*alike] == [_with_verdict(finding, baseline, others[0])]:
        return _("Of every 100 people and firms who would come, each of these lets in {share}.").format(
            share=_of_hundred(finding, baseline)
        )
    told = [
        (_("each of {names} lets in {share}") if shorts[1:] else _("{names} lets in {share}")).format(
            names=listed(shorts), share=share
        )
        for share, shorts in alike.items()
    ]
    first = _("Of every 100 people and firms who would come, {name} (the baseline) lets in {share}").format(
        name=baseline.short, share=_of_hundred(finding, baseline)
    )
    return "; ".join((first, listed(told))) + "."


def _with_verdict(finding: Finding, face: Face, judged: Face) -> str:
    return f"{_of_hundred(finding, face)} ({_compared(finding, judged)})"


def _alike(told: Iterable[tuple[str, Face]]) -> dict[str, list[str]]:
    """The names of all of which the same is told, in their order."""
    names: dict[str, list[str]] = {}
    for what, face in told:
        names.setdefault(what, []).append(face.short)
    return names


def _of_hundred(finding: Finding, face: Face) -> str:
    share = finding.levels[face.name].mean
    if share != share:
        return _("an unknown number")
    if share < 0.95:
        return _("none") if share <= 0 else _("fewer than one")
    return numeral(f"{share:.0f}")


def _compared(finding: Finding, face: Face) -> str:
    return {
        Verdict.HIGHER: _("clearly more"),
        Verdict.LOWER: _("clearly fewer"),
        Verdict.NO_DIFFERENCE_SEEN: _("no difference seen"),
        Verdict.NO_VERDICT: _("too few runs to tell"),
        Verdict.NOT_COMPARABLE: _("not comparable"),
    }[finding.contrasts[face.name].verdict]


def _what_it_does(findings: Findings, known: Sequence[Face], told: Sequence[str]) -> str:
    """But for what is `told` already."""
    rows = [
        finding
        for finding in headline(findings)
        if finding.measure.group != ACCESS and finding.measure.name not in told
    ]
    effects_of: list[tuple[str, Face]] = []
    for face in known[1:]:
        seen = [finding for finding in rows if finding.contrasts[face.name].verdict in SEEN]
        effects = [
            _("{effect} ({here} instead of {there})").format(
                effect=phrase(finding.measure, finding.contrasts[face.name].verdict),
                here=level(finding, face.name),
                there=level(finding, findings.baseline),
            )
            for finding in seen[:MOST_EFFECTS]
        ]
        effects_of.append((listed(effects) or _(_NONE_SEEN), face))
    alike = _alike(effects_of)
    if list(alike) == [_(_NONE_SEEN)] and len(effects_of) > 1:
        return _("No difference is seen in any other main figure, under any of them.")
    sentences = "; ".join(
        _("under {names}, {effects}").format(names=listed(names), effects=what)
        for what, names in alike.items()
    )
    return f"{sentence(sentences)}." if sentences else ""


def _how_sure(findings: Findings, known: Sequence[Face], cells: Sequence[Cell]) -> str:
    fewest = min(sum(cell.regime_id == face.name for cell in cells) for face in known)
    return _(
        "Every regime met the same people on the same market days, in {runs}, so what differs is the rules' doing; a "
        "difference is called one only where luck alone would show even a single one among the main figures in fewer "
        "than one of twenty such reports; but it is a model, and {doubts}."
    ).format(runs=plural(fewest, "{n} simulated run", "{n} simulated runs"), doubts=doubts(known))


def doubts(known: Sequence[Face]) -> str:
    """How many values of the regimes are assumed, and how many rest on weak sources: half a sentence."""
    assumed = len({(one.key, one.reason) for face in known for one in face.regime.assumptions})
    weak = len({key for face in known for key in face.weak_sources})
    told = plural(
        assumed,
        "{n} value in these regimes is assumed, not law",
        "{n} different values in these regimes are assumed, not law",
    )
    if weak:
        told += plural(weak, ", and {n} more rests on weak sources", ", and {n} more rest on weak sources")
    return told

"""What a reverse stress test found of the layers of a waterfall, a phrase a layer, in the order in which they pay."""

from collections.abc import Mapping, Sequence

from scenarios.language import _, numeral, plural
from scenarios.reverse import Answer, Reversed
from scenarios.reverse_words import EMPTY, OfLayer, half, interval, of_layers, sized
from scenarios.stress_events import USED, layer_of
from scenarios.wording import PAYERS, listed


def layers_in_words(answers: Sequence[Answer], found: Reversed) -> str:
    """Which are touched, and used up, from which magnitude on; which were empty; which nobody needs. Nothing where no
    layer was asked for."""
    layers = of_layers(answers)
    told = [f"{one.words} – {_told(one, found)}" for one in layers if not one.untouched]
    untouched = [one.words for one in layers if one.untouched]
    sentences = []
    if told:
        sentences.append(
            _("Layer by layer, in half of the seeds or more: {layers}.").format(layers="; ".join(told))
        )
    if untouched:
        sentences.append(
            _("With no seed is any of these touched up to {most}: {layers}.").format(
                most=sized(found.most, found), layers="; ".join(untouched)
            )
        )
    return " ".join(sentences)


def happenings(events: Sequence[str], words: Mapping[str, str]) -> list[str]:
    """Events in words; what happens to one layer stands together: "the insurance fund (touched and used up)"."""
    told: dict[str, list[str]] = {}
    for event in events:
        layer = layer_of(event)
        if layer is None:
            told[words[event]] = []
        else:
            what = _("touched") if event.startswith(USED) else _("used up")
            told.setdefault(_(PAYERS[layer]), []).append(what)
    return [f"{who} ({listed(what)})" if what else who for who, what in told.items()]


def _told(one: OfLayer, found: Reversed) -> str:
    if one.empty:
        return _(EMPTY)
    parts = []
    if one.used is not None:
        parts.append(_touched(one.used, found))
    if one.exhausted is not None:
        parts.append(_used_up(one.exhausted, found))
    return ", ".join(parts)


def _touched(answer: Answer, found: Reversed) -> str:
    if answer.half is not None:
        return _("touched {since}").format(since=_since(answer, found))
    return _of_all(plural(answer.within, "touched in {n} seed", "touched in {n} seeds"), answer)


def _used_up(answer: Answer, found: Reversed) -> str:
    if answer.half is not None:
        return _("used up {since}").format(since=_since(answer, found))
    if not answer.within:
        return _("not used up at {most} either").format(most=sized(found.most, found))
    return _of_all(plural(answer.within, "used up in {n} seed", "used up in {n} seeds"), answer)


def _since(answer: Answer, found: Reversed) -> str:
    """ "from 24.5% on (18% to 31.5%)", "at 0% already"."""
    told = half(answer, found)
    if answer.half != found.least:
        told = _("from {magnitude} on").format(magnitude=told)
    range_told = interval(answer, found)
    return f"{told} ({range_told})" if range_told and answer.low != answer.high else told


def _of_all(seen: str, answer: Answer) -> str:
    return _("{seen} of {all} only").format(seen=seen, all=numeral(f"{len(answer.thresholds):,}"))

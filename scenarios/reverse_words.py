"""A reverse stress test in words, in the language that is spoken: for the terminal and for the report."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exchange.clearing.waterfall import Layer
from scenarios.config.numbers import spoken
from scenarios.language import N_, _, numeral, plural
from scenarios.reverse import Answer, Never, Reversed, Threshold
from scenarios.stress_events import EXHAUSTED, LAYERS, USED, event_in_words, layer_of
from scenarios.wording import PAYERS, sentence, spanned, with_unit

EMPTY = N_("empty, so passed over")  # a layer with nothing in it


def titles_of(found: Reversed) -> dict[str, str]:
    """The titles of the classes of all regimes, by their ids; where two share an id, that of the first."""
    titles: dict[str, str] = {}
    for regime in found.regimes:
        for one in tomllib.loads(regime.text).get("classes", ()):
            titles.setdefault(one["id"], one["title"])
    return titles


def shock(found: Reversed) -> str:
    """ "The fall of the price": what is made stronger."""
    return sentence(_(found.what))


def sized(magnitude: float, found: Reversed) -> str:
    """ "24.5%", "516 million RUB"."""
    return with_unit(numeral(spoken(magnitude)), found.unit)


def bounds(found: Reversed) -> str:
    return _("from {least} to {most} in steps of {step}; the scenario as it stands: {stands_at}").format(
        least=sized(found.least, found),
        most=sized(found.most, found),
        step=sized(found.step, found),
        stands_at=sized(found.stands_at, found),
    )


def events_of(found: Reversed) -> dict[str, str]:
    """Each event that was looked for, once, with its words."""
    titles = titles_of(found)
    return {one.event: event_in_words(one.event, titles) for one in found.answers}


def half(answer: Answer, found: Reversed) -> str:
    """The magnitude at which it happens in half of the seeds: "24.5%", "at 0% already", "not within bounds"."""
    if not answer.within:
        return _("not within bounds")
    if answer.half is None:
        return _("not in half of the seeds")
    told = sized(answer.half, found)
    return _("at {magnitude} already").format(magnitude=told) if answer.half == found.least else told


def interval(answer: Answer, found: Reversed) -> str:
    """ "18% to 31.5%"; nothing where there are too few seeds, or where it never happened."""
    if not answer.has_interval or not answer.within:
        return ""
    low, high = (
        _("beyond {magnitude}").format(magnitude=sized(found.most, found))
        if end is None
        else sized(end, found)
        for end in (answer.low, answer.high)
    )
    return low if low == high else spanned(low, high)


def seen_in(answer: Answer) -> str:
    """ "7 of 8 seeds"."""
    seeds = plural(len(answer.thresholds), "{n} seed", "{n} seeds")
    return _("{these} of {seeds}").format(these=answer.within, seeds=seeds)


class OfLayer(NamedTuple):
    """What was found of one layer under one regime; None for what was not asked."""

    layer: Layer
    used: Answer | None
    exhausted: Answer | None

    @property
    def words(self) -> str:
        return _(PAYERS[self.layer])

    @property
    def empty(self) -> bool:
        """Later layers paid, or nobody did, and it never paid anything: so there was nothing in it."""
        return bool(self.used and self.exhausted and not self.used.within and self.exhausted.within)

    @property
    def untouched(self) -> bool:
        """With no seed, up to the most that was tried."""
        return bool(self.used and not self.used.within and not self.empty)


def of_layers(answers: Sequence[Answer]) -> list[OfLayer]:
    """Of the answers of one regime those that are about layers, layer by layer."""
    by_event = {one.event: one for one in answers}
    layers = dict.fromkeys(layer for one in answers if (layer := layer_of(one.event)) is not None)
    return [OfLayer(at, by_event.get(f"{USED}:{at}"), by_event.get(f"{EXHAUSTED}:{at}")) for at in layers]


def cannot(never: Never, regime: str, titles: Mapping[str, str]) -> str:
    """ "open: layers cannot happen: every claim is covered in full." """
    what = _("a layer of the waterfall") if never.event == LAYERS else event_in_words(never.event, titles)
    return _("{regime}: cannot happen ({event}): {why}.").format(regime=regime, event=what, why=_(never.why))


def undone(answers: Sequence[Answer]) -> list[tuple[Answer, Threshold]]:
    """Where a stronger shock undid what a weaker one did."""
    return [(answer, one) for answer in answers for one in answer.undone]


def undone_in_words(words: str, regime: str, one: Threshold, found: Reversed) -> str:
    assert one.smallest is not None and one.undone is not None, "undone is what happened before"
    return _(
        "{event} under {regime}, seed {seed}: at {smallest}, but not at {undone}; a smaller magnitude may have been "
        "passed over."
    ).format(
        event=words,
        regime=regime,
        seed=one.seed,
        smallest=sized(one.smallest, found),
        undone=sized(one.undone, found),
    )

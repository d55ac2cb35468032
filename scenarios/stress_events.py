"""Events that a reverse stress test looks for: what is typed, what it means in words, and whether a run saw it.

An event is read off a finished run alone, and no run is made differently because of it.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from exchange.access.regime import Regime
from exchange.clearing.terms import ClearingMode
from exchange.clearing.waterfall import Layer
from scenarios.cells import Cell
from scenarios.config.numbers import number_in, spoken
from scenarios.config.reading import closest, nearest
from scenarios.language import N_, _, numeral
from scenarios.measures import MEASURES
from scenarios.measures.measure import Measure
from scenarios.measures.outcomes import PROFESSIONAL
from scenarios.wording import PAYERS, percent_of, with_unit

LAYERS = "layers"
USED, EXHAUSTED = "used", "exhausted"  # with a layer behind a colon
EVENTS = (LAYERS, "used:LAYER", "exhausted:LAYER", "halt", "gate", "loses:CLASS>10%", "MEASURE>VALUE")
INVESTORS = "investors"  # everybody of the population, whatever its class
_COMPARED = re.compile(r"([^<>]+?)\s*([<>])\s*(.*)")
_UNPAID = "loss_unpaid"
_BY_MEASURE = {one.name: one for one in MEASURES}
_OF_ALL = {
    INVESTORS: N_("all investors of the population"),
    PROFESSIONAL: N_("all who are not of the population"),
}


class StressEvent(NamedTuple):
    """`happened` says whether a finished run saw it. A measure that is undefined in a run has passed no value."""

    name: str
    happened: Callable[[Cell], bool]


class StressEventError(ValueError):
    """An event that nobody knows, as a sentence with the remedy."""


class Why(StrEnum):
    """Why an event cannot happen under a regime, whatever the shock."""

    COVERED = N_("every claim is covered in full, so there is no waterfall that a loss could reach")
    NO_LAYER = N_("its waterfall has no such layer")
    NO_CLASS = N_("it has no such class")


class Unasked(NamedTuple):
    """An event that cannot happen under a regime, and why."""

    name: str
    why: Why


def events_asked(
    texts: Iterable[str], regime: Regime, later: Sequence[Regime] = ()
) -> list[StressEvent | Unasked]:
    """What the texts ask for under a regime, each event once. `later` are regimes that the scenario puts in its place.

    Raises StressEventError.
    """
    asked = [event for text in texts for event in _events_named(text, regime, later)]
    return list({event.name: event for event in asked}.values())


def check_events(texts: Iterable[str], regimes: Sequence[Regime]) -> None:
    """Raises StressEventError for a class that none of the regimes knows; what one knows may be asked of all."""
    known = list(dict.fromkeys([*(one.class_id for regime in regimes for one in regime.classes), *_OF_ALL]))
    for text in texts:
        found = _COMPARED.fullmatch(text.strip())
        kind, _colon, class_id = found[1].partition(":") if found else ("", "", "")
        if kind == "loses" and class_id not in known:
            raise StressEventError(
                f"“{class_id}” is a class of none of these regimes; {nearest(class_id, known)}."
            )


def layer_of(name: str) -> Layer | None:
    """The layer that an event is about; None if it is about something else."""
    kind, _colon, layer = name.partition(":")
    return Layer(layer) if kind in (USED, EXHAUSTED) else None


def exhaustions(events: Iterable[str]) -> set[str]:
    """Of each layer of which the use is among the events: that it is exhausted."""
    return {
        f"{EXHAUSTED}:{event.removeprefix(f'{USED}:')}" for event in events if event.startswith(f"{USED}:")
    }


def event_in_words(name: str, titles: Mapping[str, str] | None = None) -> str:
    """An event, by the name that `events_asked` gave it, in the language that is spoken. `titles` are those of the
    classes by their ids."""
    kind, _colon, layer = name.partition(":")
    if name == "halt":
        return _("trading is suspended")
    if name == "gate":
        return _("money can leave only in part, or not at all")
    if kind == USED:
        return _("layer used: {layer}").format(layer=_(PAYERS[Layer(layer)]))
    if kind == EXHAUSTED:
        return _("layer exhausted: {layer}").format(layer=_(PAYERS[Layer(layer)]))
    found = _COMPARED.fullmatch(name)
    assert found is not None, name
    what, sign, value = found.groups()
    kind, _colon, class_id = what.partition(":")
    if kind == "loses":
        who = _OF_ALL.get(class_id) or (titles or {}).get(class_id) or _spaced(class_id)
        lost, of_assets = _loss_in(value, what)
        number = numeral(spoken(lost))
        amount = (
            _("{share} of what they own").format(share=percent_of(number))
            if of_assets
            else with_unit(number, "RUB")
        )
        return _("{who}: lose more than {amount}, all together").format(who=_(who), amount=amount)
    measure = _BY_MEASURE[what]
    words = _("{measure}: above {bound}") if sign == ">" else _("{measure}: below {bound}")
    bound = numeral(spoken(_bound_in(value, measure)))
    return words.format(measure=_(measure.title), bound=with_unit(bound, measure.unit))


def _events_named(text: str, regime: Regime, later: Sequence[Regime]) -> list[StressEvent | Unasked]:
    """One event, or for `layers` each use and exhaustion of the regime's waterfall."""
    asked = text.strip()
    if asked == LAYERS:
        layers = _waterfall(regime)
        if not layers:
            return [Unasked(LAYERS, Why.COVERED)]
        return [event for layer in layers for event in (_used(layer), _exhausted(layer, layers))]
    if asked == "halt":
        return [StressEvent(asked, _passes("halts", ">", 0))]
    if asked == "gate":
        return [StressEvent(asked, lambda cell: cell.value("gated_time") + cell.value("stopped_time") > 0)]
    kind, _colon, layer = asked.partition(":")
    if kind in (USED, EXHAUSTED):
        return [_of_layer(asked, kind, layer, regime)]
    if (compared := _COMPARED.fullmatch(asked)) is not None:
        what, sign, value = compared.groups()
        return [_compared(what, sign, value, (regime, *later))]
    raise StressEventError(f"“{asked}” is no event; {_remedy(asked)}.")


def _remedy(asked: str) -> str:
    """How to write what was perhaps meant."""
    forms = {form.partition(":")[0]: form for form in EVENTS[:-1]}
    word, colon, _argument = asked.partition(":")
    known = [kind for kind, form in forms.items() if ":" in form] if colon else [*forms, *_BY_MEASURE]
    near = closest(word.lower(), known)
    if near is None:
        return f"write one of {', '.join(EVENTS)}"
    return f"the nearest that is valid is “{forms.get(near, f'{near}>VALUE')}”"


def _waterfall(regime: Regime) -> list[Layer]:
    """The layers that can pay, in their order; none where every claim is covered in full."""
    if regime.clearing.mode is not ClearingMode.RISK:
        return []
    return [layer for layer in regime.clearing.waterfall.layers if layer is not Layer.TEAR_UP]


def _used(layer: Layer) -> StressEvent:
    return StressEvent(f"{USED}:{layer}", _passes(_paid(layer), ">", 0))


def _exhausted(layer: Layer, layers: Sequence[Layer]) -> StressEvent:
    """A layer is touched only when all before it are exhausted: so it is exhausted once a later one has paid, or nobody
    was left to."""
    beyond = [*(_paid(later) for later in layers[layers.index(layer) + 1 :]), _UNPAID]
    return StressEvent(
        f"{EXHAUSTED}:{layer}", lambda cell: any(cell.value(measure) > 0 for measure in beyond)
    )


def _of_layer(asked: str, kind: str, name: str, regime: Regime) -> StressEvent | Unasked:
    known = [layer.value for layer in PAYERS]
    if name not in known:
        raise StressEventError(f"“{name}” is no layer that pays; {nearest(name, known)}.")
    layers, layer = _waterfall(regime), Layer(name)
    if not layers:
        return Unasked(asked, Why.COVERED)
    if layer not in layers:
        return Unasked(asked, Why.NO_LAYER)
    return _used(layer) if kind == USED else _exhausted(layer, layers)


def _compared(what: str, sign: str, value: str, regimes: Sequence[Regime]) -> StressEvent | Unasked:
    kind, colon, class_id = what.partition(":")
    if kind == "loses":
        return _loses(what, class_id, sign, value, regimes)
    if what not in _BY_MEASURE:
        if colon:
            raise StressEventError(f"“{what}{sign}{value}” is no event; {_remedy(what)}.")
        raise StressEventError(f"“{what}” is no measure; {nearest(what, _BY_MEASURE)}.")
    bound = float(_bound_in(value, _BY_MEASURE[what]))
    return StressEvent(f"{what}{sign}{value}", _passes(what, sign, bound))


def _bound_in(value: str, measure: Measure) -> Decimal:
    return number_in(value.removesuffix("%") if measure.unit == "%" else value, measure.name, "--event")


def _loses(
    what: str, class_id: str, sign: str, value: str, regimes: Sequence[Regime]
) -> StressEvent | Unasked:
    name = f"{what}{sign}{value}"
    if sign != ">" or not class_id:
        raise StressEventError(f"“{name}” is no loss; write it as loses:CLASS>10%, or loses:CLASS>5e6.")
    amount, of_assets = _loss_in(value, what)
    if of_assets and class_id == PROFESSIONAL:
        raise StressEventError("professionals declare no assets; write their loss in roubles.")
    if amount < 0:
        raise StressEventError(f"“{name}” is no loss; write how much is lost without a sign.")
    if class_id not in (*(one.class_id for regime in regimes for one in regime.classes), *_OF_ALL):
        return Unasked(name, Why.NO_CLASS)
    bound = float(amount)
    return StressEvent(name, lambda cell: _loss(cell, class_id, of_assets) > bound)


def _loss_in(value: str, what: str) -> tuple[Decimal, bool]:
    """How much, and whether that is percent of what they declared; else it is roubles."""
    return number_in(value.removesuffix("%"), what, "--event"), value.endswith("%")


def _loss(cell: Cell, class_id: str, of_assets: bool) -> float:
    """What those of a class who traded have lost together, less what others of it gained: roubles, or percent of what
    they declared."""
    columns = cell.outcomes
    mine = [
        at
        for at, traded in enumerate(columns["traded"])
        if traded
        and (columns["investor"][at] if class_id == INVESTORS else columns["class_id"][at] == class_id)
    ]
    lost = -math.fsum(_number(columns["result"][at]) for at in mine)
    if not of_assets:
        return lost
    owned = math.fsum(_number(columns["assets"][at]) for at in mine)
    return 100 * lost / owned if owned else 0.0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _passes(measure: str, sign: str, bound: float) -> Callable[[Cell], bool]:
    if sign == ">":
        return lambda cell: cell.value(measure) > bound
    return lambda cell: cell.value(measure) < bound


def _paid(layer: Layer) -> str:
    """The measure of what a layer has paid."""
    return f"loss_{layer}"


def _spaced(name: str) -> str:
    return name.replace("_", " ")

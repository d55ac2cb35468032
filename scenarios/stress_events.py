"""Events that a reverse stress test looks for: what is typed, what it means in words, and whether a run saw it.

An event is read off a finished run alone, and no run is made differently because of it.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from exchange.access.regime import Regime
from exchange.clearing.terms import ClearingMode
from exchange.clearing.waterfall import Layer
from scenarios.cells import Cell
from scenarios.config.numbers import number_in, spoken
from scenarios.config.reading import closest
from scenarios.measures import MEASURES
from scenarios.measures.outcomes import PROFESSIONAL

LAYERS = "layers"
EVENTS = (LAYERS, "used:LAYER", "exhausted:LAYER", "halt", "gate", "loses:CLASS>10%", "MEASURE>VALUE")
INVESTORS = "investors"  # everybody of the population, whatever its class
_COMPARED = re.compile(r"\s*([\w:]+)\s*([<>])\s*(.+)\s*")
_UNPAID = "loss_unpaid"


class StressEvent(NamedTuple):
    """`happened` says whether a finished run saw it. A measure that is undefined in a run has passed no value."""

    name: str
    words: str
    happened: Callable[[Cell], bool]


class StressEventError(ValueError):
    """An event that nobody knows, as a sentence with the remedy."""


class Unasked(NamedTuple):
    """An event that cannot happen under a regime, and why."""

    name: str
    why: str


def events_named(text: str, regime: Regime) -> list[StressEvent | Unasked]:
    """What `text` asks for under that regime: one event, or for `layers` each use and exhaustion of its waterfall.

    Raises StressEventError.
    """
    asked = text.strip()
    if asked == LAYERS:
        layers = _waterfall(regime)
        if not layers:
            return [_no_waterfall(LAYERS)]
        return [event for layer in layers for event in (_used(layer), _exhausted(layer, layers))]
    if asked == "halt":
        return [StressEvent(asked, "trading is suspended", _passes("halts", ">", 0))]
    if asked == "gate":
        return [
            StressEvent(
                asked,
                "money can leave only in part, or not at all",
                lambda cell: cell.value("gated_time") + cell.value("stopped_time") > 0,
            )
        ]
    kind, _, layer = asked.partition(":")
    if kind in ("used", "exhausted"):
        return [_of_layer(asked, kind, layer, regime)]
    if (compared := _COMPARED.fullmatch(asked)) is not None:
        what, sign, value = compared.groups()
        return [_compared(asked, what, sign, value, regime)]
    raise StressEventError(f"“{asked}” is no event; write one of {', '.join(EVENTS)}.")


def _waterfall(regime: Regime) -> list[Layer]:
    """The layers that can pay, in their order; none where every claim is covered in full."""
    if regime.clearing.mode is not ClearingMode.RISK:
        return []
    return [layer for layer in regime.clearing.waterfall.layers if layer is not Layer.TEAR_UP]


def _no_waterfall(name: str) -> Unasked:
    return Unasked(name, "every claim is covered in full, so there is no waterfall that a loss could reach")


def _used(layer: Layer) -> StressEvent:
    return StressEvent(f"used:{layer}", f"layer used: {_spaced(layer)}", _passes(_paid(layer), ">", 0))


def _exhausted(layer: Layer, layers: Sequence[Layer]) -> StressEvent:
    """A layer is touched only when all before it are exhausted: so it is exhausted once a later one has paid, or nobody
    was left to."""
    beyond = [*(_paid(later) for later in layers[layers.index(layer) + 1 :]), _UNPAID]
    return StressEvent(
        f"exhausted:{layer}",
        f"layer exhausted: {_spaced(layer)}",
        lambda cell: any(cell.value(measure) > 0 for measure in beyond),
    )


def _of_layer(asked: str, kind: str, name: str, regime: Regime) -> StressEvent | Unasked:
    known = [layer.value for layer in Layer if layer is not Layer.TEAR_UP]
    if name not in known:
        raise StressEventError(f"“{name}” is no layer that pays; {_nearest(name, known)}.")
    layers, layer = _waterfall(regime), Layer(name)
    if not layers:
        return _no_waterfall(asked)
    if layer not in layers:
        return Unasked(asked, f"its waterfall has no layer {layer}")
    return _used(layer) if kind == "used" else _exhausted(layer, layers)


def _compared(asked: str, what: str, sign: str, value: str, regime: Regime) -> StressEvent | Unasked:
    kind, _, class_id = what.partition(":")
    if kind == "loses":
        return _loses(asked, class_id, sign, value, regime)
    measure = next((one for one in MEASURES if one.name == what), None)
    if measure is None:
        names = [one.name for one in MEASURES]
        raise StressEventError(f"“{what}” is no measure; {_nearest(what, names)}.")
    bound = float(number_in(value.removesuffix("%") if measure.unit == "%" else value, what, "--event"))
    words = f"{measure.title} {'above' if sign == '>' else 'below'} {spoken(bound)} {measure.unit}"
    return StressEvent(asked, words, _passes(what, sign, bound))


def _loses(asked: str, class_id: str, sign: str, value: str, regime: Regime) -> StressEvent | Unasked:
    if sign != ">" or not class_id:
        raise StressEventError(f"“{asked}” is no loss; write it as loses:CLASS>10%, or loses:CLASS>5e6.")
    classes = [one.class_id for one in regime.classes]
    if class_id not in (*classes, INVESTORS, PROFESSIONAL):
        return Unasked(asked, f"it has no class {class_id}; its classes are {', '.join(classes) or 'none'}")
    of_assets = value.strip().endswith("%")
    if of_assets and class_id == PROFESSIONAL:
        raise StressEventError("professionals declare no assets; write their loss in roubles.")
    bound = float(number_in(value.strip().removesuffix("%"), f"loses:{class_id}", "--event"))
    amount = f"{spoken(bound)}% of what it owns" if of_assets else f"{spoken(bound)} RUB"
    words = f"loss of {_spaced(class_id)}, all of it together, above {amount}"
    return StressEvent(asked, words, lambda cell: _loss(cell, class_id, of_assets) > bound)


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


def _nearest(word: str, known: Sequence[str]) -> str:
    near = closest(word, known)
    return f"the nearest that is valid is “{near}”" if near else f"valid are {', '.join(known)}"

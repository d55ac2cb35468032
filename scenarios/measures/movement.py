"""Who could move money when: the settlement asset at each instant, by what its keeper and the venue have told."""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from exchange.cash.hours import is_open
from exchange.cash.terms import CashHalt
from exchange.events import (
    BankFailed,
    BankResolved,
    CashHalted,
    CashResumed,
    ClaimsConverted,
    CustodyGated,
    CustodyReopened,
    Event,
    IssuerPaused,
    IssuerStateChanged,
    IssuerUnpaused,
    OutageBegan,
    OutageEnded,
)
from exchange.units import DAY, Time
from scenarios.measures.cash_leg import of_asset, rows
from scenarios.measures.measure import (
    CASH_LEG,
    PERCENT,
    RunView,
    measure,
    once,
    ratio,
)
from scenarios.measures.reading import Path, stretches

BEFORE_ALL = int(np.iinfo(np.int64).min)


class Movement(IntEnum):
    """How much of the venue's money can leave. Of several causes the one that leaves least prevails."""

    MOVES = 0  # all that is owed
    GATED = 1  # a part: the rest is frozen
    CLOSED = 2  # nothing until its keeper opens: night, weekend, holiday
    NOTHING = 3  # nothing: frozen whole, paused, silent, failed, halted or wound down


class Change(NamedTuple):
    """From then on one cause has another effect."""

    time: Time
    sequence: int
    cause: str
    effect: Movement


@once
def movement_path(view: RunView) -> Path:
    """The `Movement` of the settlement asset; of its fallback once claims on it are converted."""
    settled_in = view.regime.cash.settlement_asset
    path = _path_of(view, settled_in)
    converted = of_asset(view.table(ClaimsConverted), settled_in)
    for at, fallback in zip(converted["time"].tolist(), converted["fallback_asset_id"], strict=True):
        before, after = path.time < at, _path_of(view, fallback)
        later = after.time > at
        path = Path(
            np.concatenate([path.time[before], [at], after.time[later]]),
            np.concatenate([path.value[before], after.at(np.array([at])), after.value[later]]),
        )
    return path


def _path_of(view: RunView, asset_id: str) -> Path:
    effects: dict[str, Movement] = {}
    times, values = [BEFORE_ALL], [float(Movement.MOVES)]
    for change in sorted([*_told(view, asset_id), *_hours(view, asset_id)]):
        effects[change.cause] = change.effect
        times.append(change.time)
        values.append(float(max(effects.values())))
    return Path(np.array(times, dtype=np.int64), np.array(values))


def _rows(view: RunView, asset_id: str, kind: type[Event], *columns: str) -> Iterator[tuple[Any, ...]]:
    return rows(of_asset(view.table(kind), asset_id), "time", "sequence", *columns)


def _told(view: RunView, asset_id: str) -> Iterator[Change]:
    for time, sequence, mobile in _rows(view, asset_id, CustodyGated, "mobile"):
        yield Change(time, sequence, "freeze", Movement.GATED if mobile else Movement.NOTHING)
    for kind, cause, effect in _STOPS:
        for time, sequence in _rows(view, asset_id, kind):
            yield Change(time, sequence, cause, effect)
    for halt, effect in ((CashHalted, Movement.NOTHING), (CashResumed, Movement.MOVES)):
        for time, sequence, cause in _rows(view, asset_id, halt, "cause"):
            if cause in _HALTS_THAT_KEEP_MONEY:
                yield Change(time, sequence, cause, effect)


_STOPS: tuple[tuple[type[Event], str, Movement], ...] = (
    (CustodyReopened, "freeze", Movement.MOVES),
    (IssuerPaused, "pause", Movement.NOTHING),
    (IssuerUnpaused, "pause", Movement.MOVES),
    (IssuerStateChanged, "pause", Movement.MOVES),  # into default or a wind-down: coins can leave
    (OutageBegan, "outage", Movement.NOTHING),
    (OutageEnded, "outage", Movement.MOVES),
    (BankFailed, "failure", Movement.NOTHING),
    (BankResolved, "failure", Movement.MOVES),
)
_HALTS_THAT_KEEP_MONEY = (CashHalt.DIRECTIVE.value, CashHalt.WOUND_DOWN.value)


def _hours(view: RunView, asset_id: str) -> Iterator[Change]:
    """The openings and closings of its keeper, from the run's opening to its close."""
    hours = next((terms.hours for terms in view.cash if terms.asset_id == asset_id), None)
    if hours is None:
        return
    days = range(view.opens - view.opens % DAY, view.closes + 1, DAY)
    marks = {day + at for day in days for at in (hours.opens, hours.closes)}
    for time in sorted(mark for mark in {view.opens, *marks} if view.opens <= mark <= view.closes):
        yield Change(time, -1, "hours", Movement.MOVES if is_open(hours, time) else Movement.CLOSED)


def _time_share(view: RunView, states: Sequence[Movement]) -> float:
    values, lengths = stretches(movement_path(view), view.opens, view.closes)
    return PERCENT * ratio(lengths[np.isin(values, states)].sum(), lengths.sum())


@measure(
    CASH_LEG, "Time in which money could leave", "%",
    formula="time in which all of the venue's money, or the part that is not frozen, could be withdrawn / time",
    published_by="banks and payment systems (availability); venues, after a freeze",
    better="higher",
)  # fmt: skip
def movable_time(view: RunView) -> float:
    return _time_share(view, (Movement.MOVES, Movement.GATED))


@measure(
    CASH_LEG, "Time in which only a part could leave", "%",
    formula="time in which some, and not all, of the venue's money was frozen, its keeper open / time",
    published_by="venues, after a freeze",
    better="lower",
)  # fmt: skip
def gated_time(view: RunView) -> float:
    return _time_share(view, (Movement.GATED,))


@measure(
    CASH_LEG, "Time in which all was stopped", "%",
    formula="time in which a freeze, pause, outage, failure or halt let nothing leave / time",
    published_by="issuers and venues, after a freeze; banks (incidents)",
    better="lower",
)  # fmt: skip
def stopped_time(view: RunView) -> float:
    return _time_share(view, (Movement.NOTHING,))


@measure(
    CASH_LEG, "Time in which the keeper was closed", "%",
    formula="time outside the hours of the settlement asset's keeper, where nothing else stopped it / time",
    published_by="banks and payment systems (hours)",
    better="lower",
)  # fmt: skip
def closed_time(view: RunView) -> float:
    return _time_share(view, (Movement.CLOSED,))


MEASURES = (movable_time, gated_time, stopped_time, closed_time)

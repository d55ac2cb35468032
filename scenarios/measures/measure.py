"""What a measure is, and what it may read: a run's record, who took part, and the regime. Nothing else."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from exchange.access.regime import Regime
from exchange.cash.terms import AnyCashTerms
from exchange.events import Event
from exchange.units import Time
from participants.profile import Profile
from scenarios.results import Record

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Truths: TypeAlias = npt.NDArray[np.bool_]
Columns: TypeAlias = dict[str, npt.NDArray[Any]]

T = TypeVar("T")

ROUBLE = 100  # kopecks
BP = 10_000.0
PERCENT = 100.0
NAN = float("nan")

ACCESS = "access"
LIQUIDITY = "liquidity"
PRICE_QUALITY = "price quality"
INVESTORS = "investors"
CONCENTRATION = "concentration"
HOUSE = "house"
DEFAULTS = "defaults"
CASH_LEG = "cash leg"


@dataclass(frozen=True, eq=False)
class RunView:
    """One run as the measures see it. Time-weighted measures cover `opens` to `closes`."""

    record: Record
    population: Sequence[Profile]
    regime: Regime
    opens: Time
    closes: Time
    cash: Sequence[AnyCashTerms] = ()  # of the assets that the venue keeps: their hours are in no event
    _known: dict[object, object] = field(default_factory=dict, repr=False)

    def table(self, kind: type[Event]) -> Columns:
        """The columns of one kind of event, in the order of the record. Read once."""
        if kind not in self._known:
            self._known[kind] = self.record.table(kind)
        return cast(Columns, self._known[kind])

    def recall(self, read: Callable[["RunView"], T]) -> T:
        """What `read` finds in this run, worked out at the first call only."""
        if read not in self._known:
            self._known[read] = read(self)
        return cast(T, self._known[read])


def once(read: Callable[[RunView], T]) -> Callable[[RunView], T]:
    """Let measures share what `read` finds: it is worked out once a run."""

    @wraps(read)
    def known(view: RunView) -> T:
        return view.recall(read)

    return known


class Span(NamedTuple):
    """The least and the most that a value can be, and so a mean of values."""

    words: str
    least: float
    most: float


FROM_ZERO = Span("0 or more", 0.0, math.inf)
SHARE = Span("0 to 100", 0.0, 100.0)
INDEX = Span("0 to 10,000", 0.0, 10_000.0)
SIGNED = Span("any", -math.inf, math.inf)


class Measure(NamedTuple):
    """One number read off a run. `better` says which way a policymaker would want it, where that is clear."""

    name: str
    group: str
    title: str
    unit: str
    formula: str
    published_by: str
    better: str | None
    function: Callable[[RunView], float]
    stated: Span | None = None  # where values may be other than the unit suggests

    @property
    def span(self) -> Span:
        """Which values are possible: of percentages those of a share, and none below 0, unless something else is
        stated."""
        return self.stated or {"%": SHARE, "HHI": INDEX}.get(self.unit, FROM_ZERO)


def measure(
    group: str,
    title: str,
    unit: str,
    *,
    formula: str,
    published_by: str,
    better: str | None = None,
    span: Span | None = None,
) -> Callable[[Callable[[RunView], float]], Measure]:
    """Make a measure of the function below it, under the function's own name."""

    def of(function: Callable[[RunView], float]) -> Measure:
        return Measure(function.__name__, group, title, unit, formula, published_by, better, function, span)

    return of


def ratio(part: float, whole: float) -> float:
    """`part / whole`, and nan where there is no whole."""
    return float(part / whole) if whole else NAN


def mean(values: Floats) -> float:
    """The mean of what is known: nan among `values` is left out, and no value at all gives nan."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else NAN


def weighted_mean(values: Floats, weights: Floats) -> float:
    """The weighted mean of what is known; nan if nothing is, or if it weighs nothing."""
    known = ~np.isnan(values) & ~np.isnan(weights)
    return ratio((values[known] * weights[known]).sum(), weights[known].sum())

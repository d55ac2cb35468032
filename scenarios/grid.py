"""A sweep: one number of a regime over a grid of values, each of which is a regime of the comparison."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from scenarios.compare import GridPoint
from scenarios.config.numbers import find_number, number_in, spoken
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import regime_name, regime_numbers, regime_tables
from scenarios.config.swept import Change, named

OPTION = "--sweep"
SCENARIO = "scenario."


class Sweep(NamedTuple):
    """A key path, or a short form of one, and the values that are tried, in their order."""

    key: str
    values: tuple[Decimal, ...]


def read_sweep(text: str) -> Sweep:
    """ "KEY=V1,V2,V3". Raises ConfigurationError."""
    key, equals, values = (part.strip() for part in text.partition("="))
    if not key or not equals:
        raise ConfigurationError(
            OPTION, text, "names no values", "write KEY=V1,V2, as in institutions.cover_percent=50,100"
        )
    if key.startswith(SCENARIO):
        raise ConfigurationError(
            OPTION,
            key,
            "is of the scenario, and a sweep is over a regime",
            "name a key of a regime; a scenario's own magnitude is varied as in gap_move@20",
        )
    numbers = tuple(number_in(value, key, OPTION) for value in values.split(","))
    for at, number in enumerate(numbers):
        if number in numbers[:at]:
            raise ConfigurationError(
                OPTION,
                key,
                f"has the value {spoken(number)} twice",
                "name each value once, as in 6e6,12e6; a comma stands between values, never inside a number",
            )
    return Sweep(key, numbers)


def over_grid(regimes: Sequence[str], sweeps: Sequence[Sweep]) -> tuple[list[str], tuple[GridPoint, ...]]:
    """Every regime as it stands and at every point of the grid, by the names that a run is given; and what each is.

    A point that is the regime as it stands is not run twice. Raises ConfigurationError for a key that is no number of
    one of the regimes.
    """
    names: list[str] = []
    points: list[GridPoint] = []
    for regime in regimes:
        for name, values in _around(regime, sweeps):
            names.append(name)
            points.append(
                GridPoint(
                    regime=regime_name(name),
                    base=regime_name(regime),
                    values={key: None if one is None else float(one) for key, one in values.items()},
                )
            )
    return names, tuple(points)


def _around(regime: str, sweeps: Sequence[Sweep]) -> list[tuple[str, dict[str, Decimal | None]]]:
    """The regime as it stands first, then the points that differ from it."""
    tables = regime_tables(regime)
    numbers = regime_numbers(tables, regime)
    keys = [find_number(sweep.key, tables, numbers, regime) for sweep in sweeps]
    for at, key in enumerate(keys):
        if key in keys[:at]:
            raise ConfigurationError(OPTION, key, "is swept twice", "join the two lists of values")
    own = {key: None if (said := numbers[key]) is None else Decimal(str(said)) for key in keys}
    found: list[tuple[str, dict[str, Decimal | None]]] = [(regime, own)]
    for values in product(*(sweep.values for sweep in sweeps)):
        point = dict(zip(keys, values, strict=True))
        changes = tuple(Change(key, value) for key, value in point.items() if value != own[key])
        if changes:
            found.append((named(regime, changes), {**point}))
    return found

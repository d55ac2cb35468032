"""A sweep: one number of a regime or of the scenario over a grid of values, each of them a regime of the comparison."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple, TypeAlias

from scenarios.compare import SCENARIO, GridPoint
from scenarios.config.numbers import find_number, number_in, spoken
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import regime_name, regime_numbers, regime_tables
from scenarios.config.scenario_file import read_scenario, scenario_numbers, scenario_tables
from scenarios.config.swept import Change, in_brackets, named

OPTION = "--sweep"


class Sweep(NamedTuple):
    """A key path, or a short form of one, and the values that are tried, in their order. A key of the scenario begins
    with `scenario.`; any other is of the regimes."""

    key: str
    values: tuple[Decimal, ...]


class Met(NamedTuple):
    """One regime of the comparison: how it is called there, and by which names a run is given it and its scenario."""

    name: str
    regime: str
    scenario: str


def read_sweep(text: str) -> Sweep:
    """ "KEY=V1,V2,V3". Raises ConfigurationError."""
    key, equals, values = (part.strip() for part in text.partition("="))
    if not key or not equals:
        raise ConfigurationError(
            OPTION, text, "names no values", "write KEY=V1,V2, as in institutions.cover_percent=50,100"
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


def over_grid(
    scenario: str, regimes: Sequence[str], sweeps: Sequence[Sweep]
) -> tuple[list[Met], tuple[GridPoint, ...]]:
    """Every regime as it stands and at every point of the grid; and what each is.

    A point that is the regime and the scenario as they stand is not run twice. Raises ConfigurationError for a key that
    is no number of the scenario, or of one of the regimes.
    """
    found: list[Met] = []
    points: list[GridPoint] = []
    for regime in regimes:
        for met, values in _around(scenario, regime, sweeps):
            found.append(met)
            points.append(
                GridPoint(
                    regime=met.name,
                    base=regime_name(regime),
                    values={key: None if one is None else float(one) for key, one in values.items()},
                )
            )
    return found, tuple(points)


Numbers: TypeAlias = dict[str, Decimal | None]


def _around(scenario: str, regime: str, sweeps: Sequence[Sweep]) -> list[tuple[Met, Numbers]]:
    """The regime and the scenario as they stand first, then the points that differ from them."""
    own = _own_numbers(scenario, regime, sweeps)
    found: list[tuple[Met, Numbers]] = [(Met(regime_name(regime), regime, scenario), own)]
    for values in product(*(sweep.values for sweep in sweeps)):
        point = dict(zip(own, values, strict=True))
        changes = [Change(key, value) for key, value in point.items() if value != own[key]]
        rules = tuple(change for change in changes if not change.key.startswith(SCENARIO))
        world = tuple(
            Change(change.key.removeprefix(SCENARIO), change.value)
            for change in changes
            if change.key.startswith(SCENARIO)
        )
        if changes:
            met = named(regime, rules)
            name = f"{regime_name(met)}{in_brackets(world, SCENARIO)}"
            found.append((Met(name, met, named(scenario, world)), {**point}))
    return found


def _own_numbers(scenario: str, regime: str, sweeps: Sequence[Sweep]) -> Numbers:
    """What stands under each swept key, by its whole path and in the order of the sweeps."""
    rules, world = regime_tables(regime), scenario_tables(scenario)
    of_rules, of_world = regime_numbers(rules, regime), scenario_numbers(read_scenario(scenario))
    own: Numbers = {}
    for sweep in sweeps:
        if sweep.key.startswith(SCENARIO):
            key = find_number(sweep.key.removeprefix(SCENARIO), world, of_world, scenario)
            whole, said = f"{SCENARIO}{key}", of_world[key]
        else:
            whole = find_number(sweep.key, rules, of_rules, regime)
            said = of_rules[whole]
        if whole in own:
            raise ConfigurationError(OPTION, whole, "is swept twice", "join the two lists of values")
        own[whole] = None if said is None else Decimal(str(said))
    return own

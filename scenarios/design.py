"""What is asked for, made into a design: every file is read, checked and met with the scenario before anything runs."""

from collections.abc import Sequence
from pathlib import Path

from exchange.messages import changed
from scenarios.compare import (
    SCENARIO,
    Design,
    DesignError,
    GridPoint,
    Precision,
    SourceFile,
    source_file,
)
from scenarios.config.reading import check, stated, tables_of
from scenarios.config.regime_file import (
    RegimeFile,
    every_cash,
    is_overlaid,
    read_regime,
    regime_name,
    regime_path,
    with_cash,
    with_clearing,
)
from scenarios.config.scenario_file import load_world, scenario_name, world_under
from scenarios.config.swept import outside_brackets
from scenarios.grid import Met, over_grid, read_sweep
from scenarios.provenance import toml_text
from scenarios.run import rehearse

SIZE = f"{SCENARIO}population.size"
ALL = "all"  # the word for every shipped cash profile


def regimes_named(regimes: str, clearings: Sequence[str] = (), cashes: Sequence[str] = ()) -> list[str]:
    """Each of the regimes, which are separated by commas, under each way of clearing and settled in each money.

    Raises DesignError for several names in one `--clearing` or `--cash`, which commas do not separate.
    """
    for option, given in (("--clearing", clearings), ("--cash", cashes)):
        for text in given:
            if "," in text and not Path(text).exists():
                each = " ".join(f"{option} {part.strip()}" for part in text.split(","))
                raise DesignError(f"{option} takes one name at a time; write {each}.")
    ways: list[str | None] = [*clearings] or [None]
    assets: list[str | None] = [*cash_profiles(cashes)] or [None]
    return [
        with_cash(with_clearing(name.strip(), clearing), cash)
        for cash in assets
        for clearing in ways
        for name in outside_brackets(regimes, ",")
        if name.strip()
    ]


def cash_profiles(cashes: Sequence[str]) -> list[str]:
    """The cash profiles that are named; `all` is every shipped one, money proper first."""
    return list(dict.fromkeys(name for cash in cashes for name in (every_cash() if cash == ALL else [cash])))


def design_of(
    scenario: str,
    regimes: Sequence[str],
    seeds: Sequence[int],
    *,
    sweeps: Sequence[str] = (),
    precision: Precision | None = None,
    population: int | None = None,
    command: str = "",
) -> Design:
    """Raises ConfigurationError for a file that is at fault, or a regime that cannot meet the scenario."""
    source = scenario_source(scenario, population)
    every, grid = over_grid(scenario, regimes, [read_sweep(text) for text in sweeps])
    grid = grid if sweeps else ()
    if population is not None and any(SIZE in point.values for point in grid):
        raise DesignError(f"{SIZE} is swept, and --population gives one size to all; leave one of them out.")
    for one in every:
        meet(one.scenario, one.regime, population)
    return Design(
        scenario=source,
        regimes=tuple(changed(regime_source(one.regime), name=one.name) for one in every),
        seeds=tuple(seeds),
        population=population,
        command=command,
        grid=tuple(
            _placed(point, one, scenario, population) for one, point in zip(every, grid, strict=False)
        ),
        precision=precision,
    )


def _placed(point: GridPoint, met: Met, scenario: str, population: int | None) -> GridPoint:
    """The point of the grid with the scenario that it meets, by a name that tells its numbers, if that is another."""
    if met.scenario == scenario:
        return point
    return changed(
        point, world=changed(scenario_source(met.scenario, population), name=scenario_name(met.scenario))
    )


def names_compared(scenario: str, regimes: Sequence[str], sweeps: Sequence[str] = ()) -> list[str]:
    """Each regime as it is named to a run, and at every point of what is swept."""
    return [one.regime for one in over_grid(scenario, regimes, [read_sweep(text) for text in sweeps])[0]]


def meet(scenario: str, regime: str, population: int | None) -> None:
    """Raises ConfigurationError if the world cannot be under that regime."""
    file = read_regime(regime)
    rehearse(world_under(scenario, file, population), file.regime())


def regime_files(design: Design) -> list[RegimeFile]:
    """The regimes in their order, from the texts that the design keeps, not from files that may have changed since."""
    return [check(RegimeFile, tables_of(regime.text), regime.source) for regime in design.regimes]


def scenario_source(scenario: str, population: int | None) -> SourceFile:
    """The scenario with every default filled in."""
    world = load_world(scenario, population)
    return SourceFile(name=world.scenario_id, source=scenario, text=toml_text(world.resolved))


def regime_source(name: str) -> SourceFile:
    """A regime's own file as it is, or what it says once something is laid over it, or a number is changed."""
    if not is_overlaid(name):
        return source_file(name, regime_path(name))
    return SourceFile(name=regime_name(name), source=name, text=toml_text(stated(read_regime(name))))

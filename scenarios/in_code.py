"""Scenarios and regimes that are made or changed in code: checked with the sentences of a file, and written as one.

Both hold the tables of a TOML file; what a file cannot say, they cannot say either.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, time
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

from exchange.access.regime import RegimeStatus
from scenarios.config.reading import (
    AS_DATE,
    AS_HOUR,
    AS_TABLE,
    ConfigurationError,
    check,
    key_paths,
    member,
    nearest,
    stated,
)
from scenarios.config.regime_file import (
    read_regime,
    regime_of,
    regime_path,
    regime_tables,
)
from scenarios.config.scenario_file import ScenarioFile, scenario_path, scenario_tables, world_of
from scenarios.provenance import toml_text
from scenarios.run import Case
from scenarios.world import World

Tables: TypeAlias = Mapping[str, Any]

_CHANGED = "_changed"  # behind the id of a regime that is no longer what its sources say
_IN_PYTHON = {
    AS_TABLE: "give a dictionary of its keys",
    AS_DATE: "give a date, as in date(2025, 7, 28)",
    AS_HOUR: "give an hour, as in time(10), or a date and an hour, as in datetime(2023, 3, 11, 10)",
}  # the remedy, by what it is for a file


class Scenario:
    """What a day is like: the tables of a scenario file, of which docs/scenarios.md tells the keys.

    Amounts are roubles, shares are percent and hours are UTC, as in a file. `loaded` is the name or the path of an
    unchanged file, and `folder` the place where a CSV file of prices is looked for. Raises ConfigurationError with
    the sentence that a file of the same content gets, and a remedy for Python where the two write otherwise.
    """

    def __init__(self, tables: Tables, *, loaded: str | None = None, folder: Path = Path()) -> None:
        self.loaded = loaded
        self.folder = folder
        self.label = _label(tables, "scenario") if loaded is None else str(scenario_path(loaded))
        self.tables = _as_in_a_file(tables, self.label)
        with _told_for_python(self.label, loaded):
            self.file = check(ScenarioFile, self.tables, self.label)

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Scenario":
        """The shipped scenario of that name, or the file at that path."""
        path = scenario_path(str(name_or_path))
        return cls(
            scenario_tables(str(name_or_path)), loaded=str(name_or_path), folder=Path(str(path)).parent
        )

    @property
    def id(self) -> str:
        return self.file.id

    def with_(self, key_paths: Tables | None = None, /, **tables: Any) -> "Scenario":
        """The same day but for what is named: `with_(population={"size": 200})`, or by key path
        `with_({"population.size": 200})`.

        Tables are merged, and so are members of a list that are named by their id or their number from 1; all else
        takes the place of what was there, and None removes it.
        """
        changes = _nested(key_paths, tables, self.label)
        return Scenario(_merged(self.tables, changes, self.label), folder=self.folder)

    def world(self, population: int | None = None) -> World:
        """As a run under no regime in particular sees it. Raises ConfigurationError if it cannot be."""
        return world_of(self.file, self.label, self.folder, population)

    def to_toml(self) -> str:
        """As a file, with every default filled in and the prices of a CSV file in it, so that it needs no other."""
        return toml_text(self.world().resolved)

    def __repr__(self) -> str:
        return f"<Scenario {self.id}: {self.file.title}>"


class Regime:
    """Who may enter and what they may do: the tables of a regime file, of which docs/regimes.md tells the keys.

    `loaded` is the name or the path of an unchanged file, with what is laid over it (`REGIME+CLEARING`). Raises
    ConfigurationError with the sentence that a file of the same content gets: so every number needs a source or a
    reason here as well.
    """

    def __init__(self, tables: Tables, *, loaded: str | None = None) -> None:
        self.loaded = loaded
        self.label = _label(tables, "regime") if loaded is None else str(regime_path(loaded))
        self.tables = _as_in_a_file(tables, self.label)
        with _told_for_python(self.label, loaded):
            self.file = regime_of(self.tables, self.label)

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Regime":
        """The shipped regime of that name, or the file at that path, and what is named behind a `+`."""
        name = str(name_or_path)
        read_regime(name)  # so that a fault in what is laid over it names the file that it is in
        return cls(regime_tables(name), loaded=name)

    @property
    def id(self) -> str:
        return self.file.id

    def with_(
        self, key_paths: Tables | None = None, /, *, because: str | None = None, **tables: Any
    ) -> "Regime":
        """The same rules but for what is named, as `Scenario.with_` has it:
        `with_(classes={"super_individual": {"caps": {"share_of_assets_percent": 20}}})`.

        A number that is changed or added has no source any more: it becomes an assumption for the reason `because`, and
        is told as one in every report, unless `sources` or `assumptions` are given too. Unless it is given them, the
        regime gets another id, title and status than the rules from which it was changed.
        """
        changes = _nested(key_paths, tables, self.label)
        after = _as_in_a_file(_merged(self.tables, changes, self.label), self.label)
        if not {"sources", "assumptions"} & set(changes):
            after |= _vouched(self.tables, after, because)
        if not self.id.endswith(_CHANGED):
            after |= {key: value for key, value in self._renamed().items() if key not in changes}
        return Regime(after)

    def _renamed(self) -> dict[str, str]:
        """Nobody adopted the rules that are not as they were any more."""
        return {
            "id": f"{self.id}{_CHANGED}",
            "title": f"{self.file.title} (changed)",
            "status": RegimeStatus.COUNTERFACTUAL.value,
        }

    def to_toml(self) -> str:
        """As a file: what was said and no default, since a default has no source."""
        return toml_text(stated(self.file))

    def __repr__(self) -> str:
        return f"<Regime {self.id}: {self.file.title}>"


def case_of(scenario: Scenario, regime: Regime, population: int | None = None) -> Case:
    """Raises ConfigurationError for a world that cannot be."""
    cash, market = regime.file.cash, regime.file.market
    world = world_of(
        scenario.file,
        scenario.label,
        scenario.folder,
        population,
        cash.terms,
        cash.fallback_asset,
        market=market,
    )
    return Case(world, regime.file)


# --- tables -----------------------------------------------------------------------------------------------


def _label(tables: Tables, kind: str) -> str:
    """How a fault names what no file holds."""
    named = tables.get("id") if isinstance(tables, Mapping) else None
    return f"{named}, made in code" if isinstance(named, str) and named else f"a {kind} made in code"


@contextmanager
def _told_for_python(label: str, loaded: str | None) -> Iterator[None]:
    """Where no file is at fault, the remedy is how Python writes it."""
    try:
        yield
    except ConfigurationError as fault:
        if loaded is not None or fault.remedy not in _IN_PYTHON:
            raise
        raise ConfigurationError(label, fault.key, fault.fault, _IN_PYTHON[fault.remedy]) from None


def _nested(paths: Tables | None, tables: Tables, label: str) -> dict[str, Any]:
    """`{"population.size": 200}` as `{"population": {"size": 200}}`, and with it the tables that are given by name."""
    if not isinstance(paths, Mapping | None):
        raise ConfigurationError(
            label,
            "",
            f"cannot be changed by {type(paths).__name__}",
            'give a dictionary of key paths, as in {"population.size": 200}',
        )
    whole: dict[str, Any] = {}
    for path, value in {**(paths or {}), **tables}.items():
        for step in reversed(str(path).split(".")):
            value = {step: value}
        whole = _together(whole, value)
    return whole


def _together(one: Tables, other: Tables) -> dict[str, Any]:
    """What either says; where both speak of the same that is no table, the other."""
    both = dict(one)
    for key, value in other.items():
        there = both.get(key)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            both[key] = _together(there, value)
        else:
            both[key] = value
    return both


def _merged(tables: Tables, changes: Tables, label: str, path: str = "") -> dict[str, Any]:
    merged = dict(tables)
    for key, change in changes.items():
        there = merged.get(key)
        if change is None:
            merged.pop(key, None)
        elif isinstance(change, Mapping) and isinstance(there, Mapping):
            merged[key] = _merged(there, change, label, f"{path}{key}.")
        elif isinstance(change, Mapping) and isinstance(there, list):
            merged[key] = _with_members(there, change, label, f"{path}{key}")
        else:
            merged[key] = change
    return merged


def _with_members(members: list[Any], changes: Tables, label: str, path: str) -> list[Any]:
    named = {member(value, number): value for number, value in enumerate(members, 1)}
    for name in changes:
        if name not in named:
            raise ConfigurationError(
                label, f"{path}.{name}", "is no member of that list", nearest(name, named)
            )
    return list(_merged(named, changes, label, f"{path}.").values())


def _vouched(before: Tables, after: Tables, because: str | None) -> dict[str, Any]:
    """The sources of what they still say, and an assumption for every number that was changed or added."""
    told, now = (dict(key_paths(_without_grounds(tables))) for tables in (before, after))
    new = [path for path, value in now.items() if _is_number(value) and told.get(path) != value]
    sources = [
        one | {"keys": [key for key in one.get("keys", []) if key in now and key not in new]}
        for one in before.get("sources", [])
    ]
    kept = [one for one in before.get("assumptions", []) if one.get("key") in now and one["key"] not in new]
    assumed = [{"key": path, "reason": because or _changed(told.get(path))} for path in new]
    return {"sources": sources, "assumptions": [*kept, *assumed]}


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _changed(before: object) -> str:
    return "set in code" if before is None else f"changed in code; it was {before}"


def _without_grounds(tables: Tables) -> dict[str, Any]:
    return {key: value for key, value in tables.items() if key not in ("sources", "assumptions")}


def _as_in_a_file(tables: Tables, label: str) -> dict[str, Any]:
    """As a TOML file would be read: numbers with a point exact, tuples as lists, no None."""
    if not isinstance(tables, Mapping):
        raise ConfigurationError(
            label,
            "",
            f"is made of {type(tables).__name__}",
            "give a dictionary of its tables, or `load` one by its name or path",
        )
    return {str(key): _plain(value, label, str(key)) for key, value in tables.items() if value is not None}


def _plain(value: Any, label: str, path: str) -> Any:
    match value:
        case Mapping():
            pairs = ((str(key), part) for key, part in value.items() if part is not None)
            return {key: _plain(part, label, f"{path}.{key}") for key, part in pairs}
        case list() | tuple():
            return [
                _plain(one, label, f"{path}.{member(one, number)}") for number, one in enumerate(value, 1)
            ]
        case Enum():
            return _plain(value.value, label, path)
        case bool() | str() | int() | Decimal() | date() | time():
            return value
        case Integral():
            return int(value)
        case Real():
            return Decimal(str(float(value)))
        case Path():
            return str(value)
    raise ConfigurationError(
        label,
        path,
        f"is {type(value).__name__}, for which a file has no word",
        "give a number, a text, true or false, an hour, a date, a list or a table",
    )

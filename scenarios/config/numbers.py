"""The numbers of a file by their key paths: which there are or may be, and the file with one of them changed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias, get_args

from scenarios.config.reading import ConfigurationError, Table, closest, key_paths

Number: TypeAlias = int | Decimal | float
UNITS = {
    "rub": "RUB",
    "percent": "%",
    "bp": "bp",
    "hours": "hours",
    "seconds": "seconds",
    "years": "years",
    "lots": "lots",
    "ppb": "ppb",
}  # by the last word of a key, which says the unit of its number
_LARGEST = 18  # digits before the point of any number of a file
_PLAIN = re.compile(r"[+-]?\d[\d_]*(\.\d+)?([eE][+-]?\d{1,3})?")


def number_in(text: str, key: str, asked: str) -> Decimal:
    """A plain number as it is typed: 24000000, 24_000_000 or 24e6. Raises ConfigurationError; `asked` says where it was
    typed."""
    written = text.strip()
    if re.match(r"[+-]?\d", written) and not _PLAIN.fullmatch(written):
        unit = unit_of(key)
        remedy = f"write the number alone{f', in {unit}' if unit else ''}: the key says the unit"
        raise ConfigurationError(asked, key, f"cannot be “{written}”", remedy)
    try:
        number = Decimal(written)
    except InvalidOperation:
        raise ConfigurationError(
            asked, key, f"cannot be “{written}”, which is no number", "write numbers, as in 6e6,12e6"
        ) from None
    if number.is_finite() and abs(number.adjusted()) <= _LARGEST:
        return number
    raise ConfigurationError(asked, key, f"cannot be {written}", "choose a number within reason")


def plain(number: Number) -> int | Decimal:
    """The same number as a file writes it: whole where it is whole."""
    exact = Decimal(str(number))
    return int(exact) if exact == exact.to_integral_value() else exact.normalize()


def typed(number: Number) -> str:
    """As it is typed, without commas between the digits: "24000000", "0.5"."""
    return f"{plain(number)}" if isinstance(plain(number), int) else f"{plain(number):f}"


def spoken(number: Number) -> str:
    """ "24,000,000", "0.5"."""
    return f"{plain(number):,}"


def unit_of(key: str) -> str:
    """In what the number of a key is counted, as its last word says; "" where it says nothing."""
    step = re.sub(r"\.\d+$", "", key)
    return UNITS.get(step.rpartition("_")[2], "")


def leaf_of(key: str) -> str:
    """The last step of a key path, without roubles as its unit: `assets_min`."""
    return key.rpartition(".")[2].removesuffix("_rub")


def words_of(key: str) -> tuple[str, str]:
    """What the number of a key path is about, without the unit that is told beside it: "cooling off" of
    `cooling_off_hours`; and its number in a list, or "": "extreme moves" and "2" of `extreme_moves_percent.2`."""
    above, _dot, last = key.rpartition(".")
    named, number = (above.rpartition(".")[2], last) if last.isdigit() else (last, "")
    unit = named.rpartition("_")[2]
    return named.removesuffix(f"_{unit}" if unit in UNITS else "").replace("_", " "), number


def numbers_of(table: Table, without: Sequence[str] = ()) -> dict[str, Number | None]:
    """Every key path of a number, with what stands there in the units of the file; None where nothing is said.

    `without` are keys of the file that hold no numbers of it, such as its sources.
    """
    said = {
        path: value
        for path, value in key_paths(table.model_dump(exclude=set(without)))
        if isinstance(value, int | Decimal | float) and not isinstance(value, bool)
    }
    return said | dict.fromkeys(_unsaid(table, "", without))


def _unsaid(table: Table, prefix: str, without: Sequence[str] = ()) -> list[str]:
    found: list[str] = []
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if name in without:
            continue
        if isinstance(value, Table):
            found += _unsaid(value, f"{prefix}{name}.")
        elif isinstance(value, tuple):
            for number, member in enumerate(value, 1):
                if isinstance(member, Table):
                    found += _unsaid(member, f"{prefix}{name}.{getattr(member, 'id', number)}.")
        elif value is None and _takes_number(field.annotation):
            found.append(f"{prefix}{name}")
    return found


def _takes_number(annotation: object) -> bool:
    return annotation in (int, Decimal, float) or any(map(_takes_number, get_args(annotation)))


def find_number(asked: str, tables: Mapping[str, Any], numbers: Mapping[str, object], file: str) -> str:
    """The key path that is meant by `asked`: a whole one, or one that leaves out steps, or a unit at its end, where
    only one number can be meant. Raises ConfigurationError with the nearest that is valid, or with those that may be.
    """
    if asked in numbers:
        return asked
    meant = [path for path in numbers if _means(asked, path)]
    said = [path for path in meant if numbers[path] is not None]
    if len(said or meant) == 1:
        return (said or meant)[0]
    if said or meant:
        found = said or meant
        raise ConfigurationError(
            file, asked, f"may be one of {len(found)} numbers", f"name one: {_or(found)}"
        )
    others = [path for path, _ in key_paths(tables) if path == asked or _means(asked, path)]
    if others:
        raise ConfigurationError(
            file, others[0], "is not a number", "name a number, which alone can be changed"
        )
    near = closest(asked, [path for path in numbers if numbers[path] is not None]) or closest(asked, numbers)
    tables_of_numbers = dict.fromkeys(path.partition(".")[0] for path in numbers)
    remedy = f"the nearest that is valid is “{near}”" if near else f"begin with {_or(tables_of_numbers)}"
    raise ConfigurationError(file, asked, "is not a key of this file", remedy)


def _or(words: Iterable[str]) -> str:
    return " or ".join(f"“{word}”" for word in words)


def _means(asked: str, path: str) -> bool:
    *above, last = asked.split(".")
    *steps, leaf = path.split(".")
    named = leaf == last or (leaf.rpartition("_")[0] == last and unit_of(leaf) != "")
    rest = iter(steps)
    return named and all(step in rest for step in above)


def with_number(tables: Mapping[str, Any], path: str, number: Number) -> dict[str, Any]:
    """A copy of the tables in which that number stands there. Tables on the way that were not there are made."""
    changed: dict[str, Any] = deepcopy(dict(tables))
    *steps, leaf = path.split(".")
    place: Any = changed
    for step in steps:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[_member(place, step)]
    place[leaf if isinstance(place, dict) else _member(place, leaf)] = plain(number)
    return changed


def _member(members: Sequence[Any], step: str) -> int:
    """The place in a list of the member that goes by an id, or by its number from 1."""
    named = [one.get("id") if isinstance(one, Mapping) else None for one in members]
    return named.index(step) if step in named else int(step) - 1

"""Files of scenarios and regimes: TOML read against a `Table`, and every fault told in a sentence.

Amounts are roubles in a file and kopecks in an object, shares are percent in a file and basis points in an
object, and nothing is ever rounded on the way.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

T = TypeVar("T", bound="Table")

# How a file writes what Python writes otherwise
AS_TABLE = "write it as { key = value }"
AS_DATE = "write it as 2025-07-28, without quotes"
AS_HOUR = "write it as 10:00:00, or as 2023-03-11T10:00:00, without quotes"


class ConfigurationError(ValueError):
    """A fault in a file, as a sentence for its author: file, key path, what is wrong, and the remedy."""

    def __init__(self, file: str, key: str, fault: str, remedy: str) -> None:
        where = f"{file}: {key}" if key else file
        super().__init__(f"{where} {fault}; {remedy}.")
        self.file = file
        self.key = key
        self.fault = fault
        self.remedy = remedy


class Table(BaseModel):
    """A table of a file. It knows all its keys, and tells the nearest one when it meets another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, table: Any) -> Any:
        if isinstance(table, Mapping):
            for key in table:
                if key not in cls.model_fields:
                    raise fault("is not a key that belongs here", nearest(key, cls.model_fields), at=key)
        return table


def fault(problem: str, remedy: str, *, at: str = "") -> PydanticCustomError:
    """What a validator of a `Table` raises: a sentence in two halves, about the key `at` below it."""
    return PydanticCustomError("fault", "{problem}", {"problem": problem, "remedy": remedy, "at": at})


def read_toml(path: Path | Traversable) -> dict[str, Any]:
    """The tables of a file; numbers with a point are exact decimals. Raises ConfigurationError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except FileNotFoundError:
        raise ConfigurationError(str(path), "", "does not exist", "check the name of the file") from None
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise ConfigurationError(str(path), "", reason, "name a file that may be read") from None
    except UnicodeDecodeError:
        raise ConfigurationError(str(path), "", "is not a text", "save it as UTF-8") from None
    except (ValueError, ArithmeticError, RecursionError) as error:  # numbers and nesting beyond all measure
        reason = f"is not valid TOML: {error}"
        raise ConfigurationError(str(path), "", reason, "correct that place in the file") from None


def tables_of(text: str) -> dict[str, Any]:
    """A resolved text, which was a file once: numbers with a point exact."""
    return tomllib.loads(text, parse_float=Decimal)


def check(model: type[T], table: Mapping[str, Any], file: str) -> T:
    """`table` as a `model`. Raises ConfigurationError that names `file` and tells the first fault."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise _in_words(error.errors()[0], table, file) from None


def key_paths(table: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every key path below `table` with what stands there, tables before their contents.

    A member of a list goes by its `id`, or by its number from 1: `classes.everyone.any_of.1.assets_min_rub`.
    """
    for step, value in _steps(table):
        path = f"{prefix}{step}"
        yield path, value
        yield from key_paths(value, f"{path}.")


def _steps(table: object) -> Iterable[tuple[str, object]]:
    if isinstance(table, Mapping):
        return [(str(key), value) for key, value in table.items()]
    if isinstance(table, list | tuple):
        return [(member(value, number), value) for number, value in enumerate(table, 1)]
    return ()


def member(value: object, number: int) -> str:
    """How a member of a list is called in a key path: by its `id`, or by its number from 1."""
    named = value.get("id") if isinstance(value, Mapping) else None
    return named if isinstance(named, str) and named else str(number)


def _in_words(error: ErrorDetails, table: Mapping[str, Any], file: str) -> ConfigurationError:
    """The sentence for what pydantic found wrong."""
    kind, context, given = error["type"], error.get("ctx", {}), _shown(error["input"])
    path = _path(error["loc"], table, missing=kind == "missing")
    if kind == "fault":
        at = ".".join(part for part in (path, context["at"]) if part)
        return ConfigurationError(file, at, context["problem"], context["remedy"])
    if kind == "missing":
        return ConfigurationError(file, path, "is missing", f"add the key “{error['loc'][-1]}”")
    if kind in ("enum", "literal_error"):
        allowed = re.findall(r"'([^']*)'", context["expected"])
        named = "is not a name that is known here" if error["loc"][-1] == "[key]" else f"cannot be {given}"
        return ConfigurationError(file, path, named, nearest(str(error["input"]), allowed))
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        problem = f"must be {_PATTERNS[context['pattern']]}, but is {given}"
        return ConfigurationError(file, path, problem, "choose such a name")
    problem, remedy = _PLAIN.get(kind, (error["msg"].replace("Input should", "must"), "correct the value"))
    return ConfigurationError(file, path, f"{problem}, but is {given}", remedy)


_PLAIN = {
    "string_type": ("must be a text", "put it in quotes"),
    "string_too_short": ("must not be empty", "write something there"),
    "too_short": ("must not be an empty list", "add a member to it"),
    "int_type": ("must be a whole number", "write it without quotes and without a point"),
    "bool_type": ("must be true or false", "write one of the two, without quotes"),
    "tuple_type": ("must be a list", "put it in square brackets"),
    "dict_type": ("must be a table", AS_TABLE),
    "model_type": ("must be a table", AS_TABLE),
    "date_type": ("must be a date", AS_DATE),
}  # what pydantic says in other words than ours, by its error type

_IDENTIFIER, _ASSET = r"^[a-z][a-z0-9_]*$", r"^[A-Z][A-Z0-9]*$"
_PATTERNS = {
    _IDENTIFIER: "lower-case letters, digits and “_”, a letter first",
    _ASSET: "upper-case letters and digits, a letter first",
}


def _path(loc: Sequence[int | str], table: object, *, missing: bool) -> str:
    """pydantic's location as a key path of the file; steps that are not in the file are left out."""
    path: list[str] = []
    for step in loc:
        if isinstance(step, int) and isinstance(table, list | tuple):
            table = table[step]
            path.append(member(table, step + 1))
        elif isinstance(table, Mapping) and step in table:
            table = table[step]
            path.append(str(step))
    return ".".join([*path, str(loc[-1])] if missing else path)


def _shown(value: object) -> str:
    """A value as its author wrote it, roughly, and short."""
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return "a table"
        case list() | tuple():
            return "a list" if value else "an empty list"
        case str():
            return f"“{_cut(value)}”"
        case _:
            return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that begins with an unknown one, or else is most like it; None if none is near."""
    choices = list(known)
    begun = [choice for choice in choices if word and choice.startswith(word)]
    return next(iter(begun or get_close_matches(word, choices, n=1, cutoff=0.5)), None)


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the nearest known one, or all of them if none is near."""
    choices = list(known)
    if near := closest(word, choices):
        return f"the nearest that is valid is “{near}”"
    return f"valid are {', '.join(f'“{choice}”' for choice in choices)}" if choices else "remove it"


def _hundredths(value: object, *, unit: str, least: Decimal, most: Decimal) -> int:
    """A number with at most two decimals as a whole number of hundredths. Nothing is rounded."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise fault(f"must be a number of {unit}, but is {_shown(value)}", "write it without quotes")
    number = Decimal(str(value))
    if not number.is_finite() or not least <= number <= most:
        raise fault(
            f"must lie between {least:,} and {most:,} {unit}, but is {value}", "choose a number in between"
        )
    if number != round(number, 2):
        raise fault(
            f"has more than two decimals, {value}", "write at most two, for nothing is rounded silently"
        )
    return int(round(number, 2) * 100)


def _in_units(hundredths: int) -> int | Decimal:
    """Hundredths as a file writes them: a whole number where it is one."""
    whole, rest = divmod(hundredths, 100)
    return Decimal(hundredths) / 100 if rest else whole


def resolved(table: Table) -> dict[str, Any]:
    """The file that says the same with every default filled in: written as TOML, it reads back as `table`."""
    return table.model_dump(exclude_none=True)


def stated(table: Table) -> dict[str, Any]:
    """The file as its author wrote it: what it does not say has no source, so a regime is kept like this."""
    return table.model_dump(exclude_none=True, exclude_unset=True)


def _number_schema(least: str, most: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", "minimum": float(least), "maximum": float(most)})


Text = Annotated[str, StringConstraints(min_length=1, strict=True)]
Identifier = Annotated[str, StringConstraints(pattern=_IDENTIFIER, strict=True)]
AssetCode = Annotated[str, StringConstraints(pattern=_ASSET, strict=True)]
Flag = StrictBool
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=86_400)]
Units = Annotated[Decimal, Field(ge=0, le=1_000_000_000)]  # whole ones and parts of a crypto asset
Day = Annotated[date, Field(strict=True)]
Roubles = Annotated[  # kopecks in the object
    int,
    BeforeValidator(
        partial(_hundredths, unit="roubles", least=Decimal("0.01"), most=Decimal(1_000_000_000_000_000))
    ),
    PlainSerializer(_in_units),
    _number_schema("0.01", "1e15"),
]
CoinUnits = Annotated[  # of a crypto asset; in hundredths
    int,
    BeforeValidator(
        partial(_hundredths, unit="units of the coin", least=Decimal("0.01"), most=Decimal(1_000_000_000))
    ),
    PlainSerializer(_in_units),
    _number_schema("0.01", "1e9"),
]
Dollars = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000_000_000)]  # US dollars, whole ones
RoublesOrNothing = Annotated[  # the same, where nothing may be said as 0
    int,
    BeforeValidator(
        partial(_hundredths, unit="roubles", least=Decimal(0), most=Decimal(1_000_000_000_000_000))
    ),
    PlainSerializer(_in_units),
    _number_schema("0", "1e15"),
]
Percent = Annotated[  # basis points in the object
    int,
    BeforeValidator(partial(_hundredths, unit="percent", least=Decimal(0), most=Decimal(100))),
    PlainSerializer(_in_units),
    _number_schema("0", "100"),
]
PositivePercent = Annotated[  # the same, and not nothing
    int,
    BeforeValidator(partial(_hundredths, unit="percent", least=Decimal("0.01"), most=Decimal(100))),
    PlainSerializer(_in_units),
    _number_schema("0.01", "100"),
]
SignedPercent = Annotated[  # the same, either way
    int,
    BeforeValidator(partial(_hundredths, unit="percent", least=Decimal(-99), most=Decimal(1_000))),
    PlainSerializer(_in_units),
    _number_schema("-99", "1e3"),
]
CoverPercent = Annotated[  # the same, where more than the whole may be asked for
    int,
    BeforeValidator(partial(_hundredths, unit="percent", least=Decimal("0.01"), most=Decimal(10_000))),
    PlainSerializer(_in_units),
    _number_schema("0.01", "1e4"),
]
Leverage = Annotated[  # times; in hundredths
    int,
    BeforeValidator(partial(_hundredths, unit="times", least=Decimal(1), most=Decimal(1_000))),
    PlainSerializer(_in_units),
    _number_schema("1", "1e3"),
]
WidePercent = Annotated[  # the same, from nothing
    int,
    BeforeValidator(partial(_hundredths, unit="percent", least=Decimal(0), most=Decimal(10_000))),
    PlainSerializer(_in_units),
    _number_schema("0", "1e4"),
]


def _hour(at: object) -> object:
    if not isinstance(at, time | datetime):
        raise fault(f"must be an hour, but is {_shown(at)}", AS_HOUR)
    if at.tzinfo is not None:
        raise fault("has an offset, and all hours are UTC", "write it without one")
    return at


TimeOfDay = Annotated[time, Field(strict=True), BeforeValidator(_hour)]
Clock = Annotated[  # a time on the first day, or a date and time
    Annotated[time, Field(strict=True)] | Annotated[datetime, Field(strict=True)], BeforeValidator(_hour)
]

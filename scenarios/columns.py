"""How each field of an event becomes a column, and a column becomes the fields again.

Whole numbers and truths are kept packed in arrays, all else as lists. A choice is kept as its value; what is
neither a number, a text nor a choice (an applicant, an instrument, a dictionary) is kept as JSON.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum, StrEnum
from functools import partial
from types import NoneType
from typing import Any, NamedTuple, TypeAlias, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

from exchange.events import Event
from exchange.messages import decode, encode

Kind: TypeAlias = type[Event]
Column: TypeAlias = npt.NDArray[Any]
Kept: TypeAlias = Column | list[Any]


class Form(NamedTuple):
    """How the values of one field are kept, stored, shown in a table, and restored to what they were."""

    packed: bool  # kept in an array
    arrow: str  # the type in a Parquet file
    keep: Callable[[list[Any]], Kept]
    show: Callable[[Kept], Column]
    restore: Callable[[Kept], Iterable[Any]]


def _array(dtype: type) -> Callable[[Kept], Column]:
    return partial(np.asarray, dtype=dtype)


def _unchanged(values: Any) -> Any:
    return values


def _pack(values: list[int]) -> Column:
    return np.fromiter(values, np.int64, len(values))


def _unpack(values: Kept) -> list[Any]:
    return list(np.asarray(values).tolist())


def _matrix(rows: Kept) -> Column:
    """Raises ValueError if the rows are not all of one length."""
    return np.array(rows, np.int64).reshape(len(rows), len(rows[0]) if len(rows) else 0)


def _values(choices: list[Any]) -> list[Any]:
    return [choice._value_ for choice in choices]  # `value` takes five times as long


def _optional_values(choices: list[Any]) -> list[Any]:
    return [None if choice is None else choice._value_ for choice in choices]


def _choices(kind: Iterable[Any], values: Kept) -> list[Any]:
    known = {choice.value: choice for choice in kind}
    return [None if value is None else known[value] for value in values]


def _to_json(values: list[Any]) -> list[str]:
    return [encode(value).decode() for value in values]


def _from_json(kind: Any, texts: Kept) -> list[Any]:
    return [decode(text.encode(), kind) for text in texts]


WHOLE = Form(True, "int64", _pack, _array(np.int64), _unpack)
TRUTH = Form(True, "bool", _array(np.bool_), _array(np.bool_), _unpack)
OPTIONAL = Form(False, "int64", _unchanged, _array(np.float64), _unchanged)
TEXT = Form(False, "string", _unchanged, _array(np.object_), _unchanged)
NUMBERS = Form(False, "list<int64>", _unchanged, _matrix, partial(map, tuple))

_PLAIN: Mapping[Any, Form] = {
    int: WHOLE,
    bool: TRUTH,
    int | None: OPTIONAL,
    str: TEXT,
    tuple[int, ...]: NUMBERS,
}


def _form(hint: Any) -> Form:
    hint = getattr(hint, "__supertype__", hint)  # what a NewType is made of
    if hint in _PLAIN:
        return _PLAIN[hint]
    kind, *rest = get_args(hint) or (hint,)
    if rest == [NoneType] and getattr(kind, "__supertype__", kind) is str:
        return TEXT
    if rest == [NoneType] and issubclass(kind, IntEnum):
        return OPTIONAL._replace(restore=partial(_choices, kind))
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return WHOLE._replace(restore=partial(_choices, hint))
    if rest == [NoneType] and issubclass(kind, StrEnum):
        return TEXT._replace(keep=_optional_values, restore=partial(_choices, kind))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return TEXT._replace(keep=_values, restore=partial(_choices, hint))
    return TEXT._replace(keep=_to_json, restore=partial(_from_json, hint))


FORMS: Mapping[Kind, Mapping[str, Form]] = {
    kind: {name: _form(hint) for name, hint in get_type_hints(kind).items()} for kind in get_args(Event)
}
"""The form of each field, in the order of their declaration, of every kind of event there is."""

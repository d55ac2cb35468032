"""Whether a command is a sentence in our language at all: whole numbers where numbers belong, sides that exist.

What fails here never becomes a command: it is not journaled and changes nothing. What passes may still be
refused, with a reason.
"""

from enum import Enum
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from exchange.commands import Command

_LARGEST = 2**63 - 1


class MalformedCommand(ValueError):  # noqa: N818 - it is the command that is malformed
    """Names the command, the field and the remedy."""


class _Field(NamedTuple):
    name: str
    kind: type
    optional: bool


_FIELDS: dict[type[Any], tuple[_Field, ...]] = {}


def check(command: Command) -> None:
    """Raise MalformedCommand if a number is not a whole one within 63 bits, or a choice is none of ours."""
    kind = type(command)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(_fields_of(kind))
    for name, wanted, optional in fields:
        value = getattr(command, name)
        if type(value) is wanted:
            if not isinstance(value, int) or -_LARGEST <= value <= _LARGEST:
                continue
            raise MalformedCommand(f"{kind.__name__}.{name} is too large: at most 63 bits, not {value}")
        if value is None and optional:
            continue
        raise MalformedCommand(f"{kind.__name__}.{name} must be {_wanted(wanted)}, not {value!r}")


def _fields_of(kind: type[Any]) -> "list[_Field]":
    """The fields of a command that can be checked cheaply: numbers, texts, truths and choices."""
    found = []
    for name, hint in get_type_hints(kind).items():
        if name in kind.__struct_fields__:
            plain, optional = _plain(hint)
            if plain in (int, str, bool) or (isinstance(plain, type) and issubclass(plain, Enum)):
                found.append(_Field(name, plain, optional))
    return found


def _plain(hint: Any) -> tuple[Any, bool]:
    """The bare type behind an alias, and whether None is allowed beside it."""
    if get_origin(hint) in (Union, UnionType):
        choices = [choice for choice in get_args(hint) if choice is not NoneType]
        return (_plain(choices[0])[0], True) if len(choices) == 1 else (None, True)
    return getattr(hint, "__supertype__", hint), False


def _wanted(kind: type) -> str:
    if issubclass(kind, Enum):
        return f"one of {', '.join(choice.name for choice in kind)}"
    return {int: "a whole number", str: "a text", bool: "true or false"}[kind]

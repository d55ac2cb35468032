"""Whether a command is a sentence in our language at all: whole numbers where numbers belong, sides that exist.

What fails here never becomes a command: it is not journaled and changes nothing. What passes may still be
refused, with a reason.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from exchange.commands import Command, Duty
from exchange.messages import Message

_LARGEST = 2**63 - 1
_COMMANDS = get_args(Command)
_DUTIES = frozenset(get_args(Duty))


class MalformedCommand(ValueError):  # noqa: N818 - it is the command that is malformed
    """Names the command, the field and the remedy."""


class _Field(NamedTuple):
    name: str
    kind: type
    optional: bool


class _Part(NamedTuple):
    """A field that holds messages of these kinds: several of them, or one command."""

    name: str
    kinds: tuple[type[Any], ...]
    several: bool


class _Shape(NamedTuple):
    """What a kind of command must look like; `values` fetches every field at once."""

    fields: tuple[_Field, ...]
    values: Callable[[Command], tuple[Any, ...]]
    known: dict[
        tuple[type, ...], tuple[int, ...]
    ]  # types of values found right before: which of them are numbers
    parts: tuple[_Part, ...]


_SHAPES: dict[type[Any], _Shape] = {}


def check(command: Command) -> None:
    """Raise MalformedCommand if a number is not a whole one within 63 bits, or a choice is none of ours."""
    if type(command) in _DUTIES:
        name = type(command).__name__
        raise MalformedCommand(f"{name} is what the exchange promises itself; nobody may ask for it")
    _check_message(command, type(command).__name__)


def _check_message(message: Any, where: str) -> None:
    kind = type(message)
    shape = _SHAPES.get(kind)
    if shape is None:
        shape = _SHAPES[kind] = _shape_of(kind)
    values = shape.values(message)
    kinds = tuple(map(type, values))
    numbers = shape.known.get(kinds)
    if numbers is None or not _small(values, numbers):
        for field, value in zip(shape.fields, values, strict=True):
            _check_field(where, field, value)
        shape.known[kinds] = tuple(at for at, one in enumerate(kinds) if one is int)
    for name, wanted, several in shape.parts:
        parts = getattr(message, name)
        if not several:
            parts = (parts,)
        elif type(parts) is not tuple:
            raise MalformedCommand(f"{where}.{name} must be a tuple, not {parts!r}")
        for at, part in enumerate(parts):
            place = f"{where}.{name}[{at}]" if several else f"{where}.{name}"
            if type(part) not in wanted:
                names = " or a ".join(one.__name__ for one in wanted)
                raise MalformedCommand(f"{place} must be a {names}, not {part!r}")
            _check_message(part, place)


def _small(values: tuple[Any, ...], numbers: tuple[int, ...]) -> bool:
    """Whether every number among the values fits in 63 bits."""
    for at in numbers:  # a generator in `all` would take as long as all of `check`
        if not -_LARGEST <= values[at] <= _LARGEST:
            return False
    return True


def _check_field(command: str, field: _Field, value: object) -> None:
    if value is None and field.optional:
        return
    if type(value) is not field.kind:
        raise MalformedCommand(f"{command}.{field.name} must be {_wanted(field.kind)}, not {value!r}")
    if type(value) is int and not -_LARGEST <= value <= _LARGEST:
        raise MalformedCommand(f"{command}.{field.name} is too large: at most 63 bits, not {value}")


def _shape_of(kind: type[Any]) -> _Shape:
    fields = tuple(_fields_of(kind))
    names = [field.name for field in fields]  # attrgetter of a single one would give its bare value
    fetch = (
        attrgetter(*names) if len(names) > 1 else lambda command: tuple(getattr(command, n) for n in names)
    )
    return _Shape(fields, fetch, {}, tuple(_parts_of(kind)))


def _parts_of(kind: type[Any]) -> Iterator[_Part]:
    """The fields of a message that hold a tuple of messages, of one kind or of several, or a command."""
    for name, hint in get_type_hints(kind).items():
        inner = get_args(hint)[0] if get_origin(hint) is tuple and get_args(hint) else None
        kinds = get_args(inner) if get_origin(inner) in (Union, UnionType) else (inner,)
        if all(isinstance(one, type) and issubclass(one, Message) for one in kinds):
            yield _Part(name, kinds, several=True)
        elif hint in _COMMANDS:
            yield _Part(name, (hint,), several=False)


def _fields_of(kind: type[Any]) -> list[_Field]:
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

"""How a message is made, written and read back: frozen, with named fields only, tagged by its class name.

Messages are msgspec structs: they are as immutable as frozen dataclasses, are built about ten times
faster, and write and read themselves as JSON (docs/decisions/0003-messages.md).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import msgspec

M = TypeVar("M")


if TYPE_CHECKING:
    # The checker is told that every message is frozen; msgspec itself can only say so class by class.
    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class Message:
        def __init_subclass__(
            cls, *, tag: bool = True, array_like: bool = False, kw_only: bool = False
        ) -> None: ...

else:

    class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
        """A command, an event, or a part of one. Fields are numbers, texts, enums, tuples and messages."""


_encoder = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """`value` as JSON: fields in the order of their declaration, no spaces."""
    return _encoder.encode(value)


def changed(message: M, **fields: Any) -> M:
    """The same message but for those fields."""
    return msgspec.structs.replace(message, **fields)  # type: ignore[type-var]


def encode_lines(values: Sequence[object]) -> bytes:
    """Each of `values` as JSON on a line of its own."""
    return _encoder.encode_lines(values)


def decode(text: bytes, kind: type[M]) -> M:
    """Read back what `encode` wrote. Raises ValueError, naming the field, if it is not a `kind`."""
    read: M = _decoder(kind).decode(text)
    return read


def reader(kind: type[M]) -> Callable[[bytes], M]:
    """The same for whoever reads many: a choice of a hundred takes longer to look up than one of it to read."""
    return _decoder(kind).decode


def converted(value: object, kind: type[M]) -> M:
    """What has been read as plain JSON, as a `kind`. Raises ValueError as `decode` does."""
    return msgspec.convert(value, kind)


def decode_lines(text: bytes, kind: type[M]) -> list[M]:
    """Read back what `encode_lines` wrote. Raises ValueError as `decode` does."""
    return _decoder(kind).decode_lines(text)


def _decoder(kind: type[M]) -> msgspec.json.Decoder[M]:
    """To make one for a choice of a hundred commands costs more than to read a command."""
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = msgspec.json.Decoder(kind)
    return found


_decoders: dict[object, msgspec.json.Decoder[Any]] = {}

"""One record of the live journal: a command, its time, and what binds it to the record before."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from exchange.commands import Command
from exchange.journal import versions
from exchange.messages import encode, reader
from exchange.units import Time
from exchange.wellformed import check

_CHECK = 16  # bytes: a blake2b
_FIELDS = struct.Struct(">qqHH")
_command: Callable[[bytes], Command] = reader(Command)  # type: ignore[arg-type]
BEGINNING: Final = bytes(_CHECK)  # what the first record is bound to


class Head(NamedTuple):
    """The last record: all records are fixed by these two."""

    sequence: int  # 0 of an empty journal
    check: str  # hexadecimal


class Record(NamedTuple):
    sequence: int  # 1, 2, 3, ... without a hole
    time: Time
    command: bytes  # as JSON
    previous: bytes  # check of the record before
    schema: int
    engine: int
    check: bytes  # of all the other fields: it stands for the whole journal up to here

    def fault(self, sequence: int, previous: bytes) -> str | None:
        """Why this is not the record `sequence` that follows the one with the check `previous`."""
        if self.sequence != sequence:
            missing = f"{sequence} to {self.sequence - 1}" if self.sequence - 1 > sequence else f"{sequence}"
            return f"missing before record {self.sequence}: {missing}"
        if not self.is_whole():
            return "not as it was written: content and check disagree"
        if self.previous != previous:
            return "whole, but it does not follow the record before it: one of the two was exchanged"
        return None

    def is_whole(self) -> bool:
        """Whether the check is that of the other fields."""
        sequence, time, command, previous, schema, engine, check = self
        try:
            return check == _check(sequence, time, command, previous, schema, engine)
        except (TypeError, struct.error):  # a damaged page may hold anything
            return False

    def heard(self) -> Command:
        """The command. Raises ValueError if this version knows no such command."""
        return _command(self.command)


def seal(head: Record | None, batch: Sequence[tuple[Time, Command]]) -> list[Record]:
    """The records that follow `head`, None standing for an empty journal.

    Raises MalformedCommand or ValueError for what could not be replayed: no command, or a time before the last.
    """
    sequence, time, previous = (head.sequence, head.time, head.check) if head else (0, 0, BEGINNING)
    records = []
    for at, command in batch:
        check(command)
        if not time <= at < 2**63:
            raise ValueError(f"time never runs backwards in a journal: {at} after {time}")
        record = sealed(sequence + 1, at, encode(command), previous, versions.SCHEMA, versions.ENGINE)
        records.append(record)
        sequence, time, previous = record.sequence, at, record.check
    return records


def sealed(sequence: int, time: Time, command: bytes, previous: bytes, schema: int, engine: int) -> Record:
    seal = _check(sequence, time, command, previous, schema, engine)
    return Record(sequence, time, command, previous, schema, engine, seal)


def upgraded(record: Record) -> bytes:
    """The command as this version writes it."""
    command = record.command
    for schema in range(record.schema, versions.SCHEMA):
        command = versions.UPGRADES[schema](command)
    return command


def head_of(record: Record | None) -> Head:
    return Head(record.sequence, record.check.hex()) if record else Head(0, BEGINNING.hex())


def numbered(records: Iterable[Record], after: Record | None) -> Iterator[tuple[Record, str | None]]:
    """Each record with its fault, if it has one; nothing follows the first that has."""
    sequence, previous = (after.sequence, after.check) if after else (0, BEGINNING)
    for record in records:
        sequence += 1
        if record.sequence != sequence or record.previous != previous or not record.is_whole():
            yield record, record.fault(sequence, previous)
            return
        yield record, None
        previous = record.check


def _check(sequence: int, time: Time, command: bytes, previous: bytes, schema: int, engine: int) -> bytes:
    fields = _FIELDS.pack(sequence, time, schema, engine)
    return blake2b(previous + fields + command, digest_size=_CHECK).digest()

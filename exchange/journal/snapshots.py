"""Snapshots beside a journal: what an exchange remembered at a record. A cache: the journal alone is the truth.

A snapshot is written under another name, synced and renamed, so it is whole or not there. The history of the
ledger only grows; each snapshot writes the part that is new and names the files of the others. One that is
damaged, of another version or of another journal is passed over, and says why.
"""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from exchange.clearing.transfers import LedgerRecord
from exchange.core import Exchange
from exchange.journal.high_water import sync_folder
from exchange.journal.record import ENGINE, SCHEMA, Head
from exchange.journal.state_image import Image, ImageError, exchange_from, image_of
from exchange.messages import Message, decode, decode_lines, encode, encode_lines

EVERY: Final = 100_000  # commands
_FORMAT = 1
_KEPT = 2  # of the newest
_BLOCK = 1 << 16  # records written at a time


class SnapshotError(ValueError):
    """This snapshot cannot be used. Says why; the one before it, or the whole journal, can."""


class Taken(NamedTuple):
    """A snapshot that was read: the exchange as it was right after the record `head`."""

    head: Head
    exchange: Exchange


class _Header(Message):
    format: int
    sequence: int
    check: str  # of the record
    schema: int
    engine: int
    records: int  # of the ledger's history
    ledger_head: str
    ledger_files: tuple[str, ...]  # that hold the history, in order
    tables: tuple[str, ...]  # classes of messages: one line each, after that of the shapes
    body: str  # SHA-256 of all lines after this one


class Snapshots:
    """The snapshots in one folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._latest = 0  # sequence
        self._ledger_files: tuple[str, ...] = ()  # whose records are known to be those of the exchange
        self._records = 0  # in them

    def is_due(self, head: Head) -> bool:
        """Whether so many commands have come since the last snapshot that another would pay."""
        return head.sequence >= self._latest + EVERY

    def keep(self, venue: Exchange, head: Head) -> Path:
        """Write what `venue` remembers right after the durable record `head`, and drop what is no longer needed.

        Raises OSError; then there is no new snapshot and all others are as they were.
        """
        self.folder.mkdir(exist_ok=True)
        ledger = venue.state.ledger
        image = image_of(venue)
        files, added = self._ledger_files, f"{self._records:012d}-{len(ledger.history):012d}.ledger"
        if len(ledger.history) > self._records or not files:
            self._write(added, self._new_records(venue))
            files = (*files, added)
        body = b"\n".join([image.shapes, *image.messages.values(), *image.objects])
        header = _Header(
            format=_FORMAT,
            sequence=head.sequence,
            check=head.check,
            schema=SCHEMA,
            engine=ENGINE,
            records=len(ledger.history),
            ledger_head=ledger.head(),
            ledger_files=files,
            tables=tuple(image.messages),
            body=sha256(body).hexdigest(),
        )
        path = self._write(f"{head.sequence:012d}.snapshot", iter([encode(header), b"\n", body]))
        self._latest, self._ledger_files, self._records = head.sequence, files, len(ledger.history)
        self._drop_old()
        return path

    def newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("*.snapshot"), reverse=True)

    def read(self, path: Path) -> Taken:
        """Raises SnapshotError."""
        header, body = _opened(path)
        lines = body.split(b"\n")
        tables = len(header.tables)
        messages = dict(zip(header.tables, lines[1:], strict=False))
        image = Image(lines[0], messages, lines[1 + tables :])
        history, parts = self._history(header, path)
        try:
            venue = exchange_from(image, history, parts)
        except ImageError as fault:
            raise SnapshotError(f"{path}: {fault}") from fault
        if venue.state.ledger.head() != header.ledger_head:
            raise SnapshotError(f"{path}: the ledger's history is not the one that belongs to it")
        self._latest, self._ledger_files = header.sequence, header.ledger_files
        self._records = header.records
        return Taken(Head(header.sequence, header.check), venue)

    def _history(self, header: _Header, path: Path) -> tuple[list[LedgerRecord], list[bytes]]:
        try:
            parts = [(self.folder / Path(name).name).read_bytes() for name in header.ledger_files]
            history: list[LedgerRecord] = []
            for part in parts:
                history += decode_lines(part, LedgerRecord)  # type: ignore[arg-type]
        except (OSError, ValueError) as fault:
            raise SnapshotError(f"{path}: the ledger's history cannot be read ({fault})") from fault
        if len(history) != header.records:
            raise SnapshotError(
                f"{path}: the ledger's history has {len(history)} records, not {header.records}"
            )
        return history, parts

    def _new_records(self, venue: Exchange) -> Iterator[bytes]:
        history = venue.state.ledger.history
        for first in range(self._records, len(history), _BLOCK):
            yield encode_lines(history[first : first + _BLOCK])

    def _write(self, name: str, parts: Iterator[bytes]) -> Path:
        path, unfinished = self.folder / name, self.folder / f"{name}.unfinished"
        with unfinished.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(self.folder)
        return path

    def _drop_old(self) -> None:
        """The newest stay, and every part of the history that one of them names."""
        named: set[str] = set()
        for position, path in enumerate(self.newest_first()):
            if position < _KEPT:
                try:
                    named.update(_opened(path)[0].ledger_files)
                except SnapshotError:
                    continue
            else:
                path.unlink()
        for part in self.folder.glob("*.ledger"):
            if part.name not in named:
                part.unlink()


def _opened(path: Path) -> tuple[_Header, bytes]:
    """The header and, checked, all that follows it."""
    try:
        first, _, body = path.read_bytes().partition(b"\n")
        header = decode(first, _Header)
    except (OSError, ValueError) as fault:
        raise SnapshotError(f"{path} cannot be read: {fault}") from fault
    if (header.format, header.schema) != (_FORMAT, SCHEMA) or header.engine > ENGINE:
        raise SnapshotError(f"{path} was written by another version")
    if sha256(body).hexdigest() != header.body:
        raise SnapshotError(f"{path} is not as it was written")
    return header, body

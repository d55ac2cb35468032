"""Snapshots beside a journal: what an exchange remembered at a record. A cache: the journal alone is the truth.

A snapshot is written under another name, synced and renamed, so it is whole or not there. The history of the
ledgers only grows; each snapshot writes the part that is new and names the files of the others. One that is
damaged, of another version or of another journal is passed over, and says why.
"""

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from exchange.clearing.ledger import Ledger
from exchange.clearing.transfers import LedgerRecord
from exchange.core import Exchange
from exchange.journal import versions
from exchange.journal.high_water import sync_folder
from exchange.journal.record import Head
from exchange.journal.state_image import History, Image, ImageError, exchange_from, image_of
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


class _Written(Message, array_like=True, tag=False):
    """The history of one ledger on the disk."""

    records: int
    head: str
    files: tuple[str, ...]


class _Header(Message):
    format: int
    sequence: int
    check: str  # of the record
    schema: int
    engine: int
    ledgers: tuple[_Written, ...]
    tables: tuple[str, ...]  # classes of messages: one line each, after that of the shapes
    body: str  # SHA-256 of all lines after this one


class Snapshots:
    """The snapshots in one folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._latest = 0  # sequence
        self._written: dict[Ledger, _Written] = {}  # of the exchange that was kept or read last

    def is_due(self, head: Head) -> bool:
        """Whether so many commands have come since the last snapshot that another would pay."""
        return head.sequence >= self._latest + EVERY

    def keep(self, venue: Exchange, head: Head) -> Path:
        """Write what `venue` remembers right after the durable record `head`, and drop what is no longer needed.

        Raises OSError; then there is no new snapshot and all others are as they were.
        """
        self.folder.mkdir(exist_ok=True)
        image = image_of(venue)
        written = {
            ledger: self._written_on(ledger, f"{head.sequence:012d}-{number}")
            for number, ledger in enumerate(image.ledgers)
        }
        body = b"\n".join([image.shapes, *image.messages.values(), *image.objects])
        header = _Header(
            format=_FORMAT,
            sequence=head.sequence,
            check=head.check,
            schema=versions.SCHEMA,
            engine=versions.ENGINE,
            ledgers=tuple(written.values()),
            tables=tuple(image.messages),
            body=sha256(body).hexdigest(),
        )
        path = self._write(f"{head.sequence:012d}.snapshot", [encode(header), b"\n", body])
        self._latest, self._written = head.sequence, written
        self._drop_old()
        return path

    def newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("*.snapshot"), reverse=True)

    def read(self, path: Path) -> Taken:
        """Raises SnapshotError."""
        with _nothing_collected():
            return self._read(path)

    def _read(self, path: Path) -> Taken:
        header, body = _opened(path)
        lines = body.split(b"\n")
        tables = len(header.tables)
        messages = dict(zip(header.tables, lines[1:], strict=False))
        image = Image(lines[0], messages, lines[1 + tables :])
        histories = [self._history(written, path) for written in header.ledgers]
        try:
            venue, ledgers = exchange_from(image, histories)
        except ImageError as fault:
            raise SnapshotError(f"{path}: {fault}") from fault
        for ledger, written in zip(ledgers, header.ledgers, strict=True):
            if ledger.head() != written.head:
                raise SnapshotError(f"{path}: the history of a ledger is not the one that belongs to it")
        self._latest, self._written = header.sequence, dict(zip(ledgers, header.ledgers, strict=True))
        return Taken(Head(header.sequence, header.check), venue)

    def _history(self, written: _Written, path: Path) -> History:
        try:
            lines = [(self.folder / Path(name).name).read_bytes() for name in written.files]
            records: list[LedgerRecord] = []
            for part in lines:
                records += decode_lines(part, LedgerRecord)  # type: ignore[arg-type]
        except (OSError, ValueError) as fault:
            raise SnapshotError(f"{path}: the history of a ledger cannot be read ({fault})") from fault
        return History(records, lines)

    def _written_on(self, ledger: Ledger, name: str) -> _Written:
        """What of its history is on the disk already, and the rest in a new file."""
        before = self._written.get(ledger, _Written(records=0, head="", files=()))
        first, end = before.records, len(ledger.history)
        files = before.files
        if end > first:
            blocks = range(first, end, _BLOCK)
            lines = (encode_lines(ledger.history[start : start + _BLOCK]) for start in blocks)
            files = (*files, self._write(f"{name}-{first}-{end}.ledger", lines).name)
        return _Written(records=end, head=ledger.head(), files=files)

    def _write(self, name: str, parts: Iterable[bytes]) -> Path:
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
                    named.update(name for written in _opened(path)[0].ledgers for name in written.files)
                except SnapshotError:
                    continue
            else:
                path.unlink()
        for part in self.folder.glob("*.ledger"):
            if part.name not in named:
                part.unlink()


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """All that is read stays: to look for garbage in it again and again takes as long as to read it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _opened(path: Path) -> tuple[_Header, bytes]:
    """The header and, checked, all that follows it."""
    try:
        first, _, body = path.read_bytes().partition(b"\n")
        header = decode(first, _Header)
    except (OSError, ValueError) as fault:
        raise SnapshotError(f"{path} cannot be read: {fault}") from fault
    if (header.format, header.schema) != (_FORMAT, versions.SCHEMA) or header.engine > versions.ENGINE:
        raise SnapshotError(f"{path} was written by another version")
    if sha256(body).hexdigest() != header.body:
        raise SnapshotError(f"{path} is not as it was written")
    return header, body

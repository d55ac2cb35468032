"""Snapshots of what was remembered at a record of a journal. A cache: the journal alone is the truth.

Beside a journal lie those of the exchange alone; a live venue keeps its own, of all that is in it.

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
from typing import Any, Final, NamedTuple

from exchange.clearing.chronicle import Block
from exchange.clearing.ledger import Earlier, Ledger
from exchange.clearing.transfers import Committed
from exchange.journal import versions
from exchange.journal.high_water import sync_folder
from exchange.journal.record import Head
from exchange.journal.state_image import Image, ImageError, Vocabulary, image_of, read_image
from exchange.messages import Message, decode, decode_lines, encode, encode_lines

EVERY: Final = 100_000  # commands
_FORMAT = 2
_KEPT = 2  # of the newest
_BLOCK = 1 << 14  # records of a history that are folded together


class SnapshotError(ValueError):
    """This snapshot cannot be used. Says why; the one before it, or the whole journal, can."""


class _Part(Message, array_like=True, tag=False):
    """A file with blocks of a ledger's history, and behind them what was submitted, as lines."""

    name: str
    digest: str  # SHA-256
    blocks: tuple[tuple[int, int], ...]  # of each its records and its bytes


class _Written(Message, array_like=True, tag=False):
    """The history of one ledger on the disk."""

    records: int = 0
    parts: tuple[_Part, ...] = ()


class Taken(NamedTuple):
    """A snapshot that was read: what was remembered right after the record `head`."""

    head: Head
    whole: Any  # as the vocabulary says: an exchange, if it is the core's
    written: dict[int, _Written]  # by `id` of its ledgers


class _Header(Message):
    format: int
    sequence: int
    check: str  # of the record
    schema: int
    engine: int
    made_by: str  # the only code that may read it; "": any with these versions
    ledgers: tuple[_Written, ...]
    tables: tuple[str, ...]  # classes of messages: one line each, after that of the shapes
    body: str  # SHA-256 of all lines after this one


class Snapshots:
    """The snapshots in one folder, which need not exist yet."""

    def __init__(self, folder: Path, vocabulary: Vocabulary | None = None, made_by: str = "") -> None:
        self.folder = folder
        self.made_by = made_by
        self._vocabulary = vocabulary
        self._latest = 0  # sequence
        self._whole: object = None  # that was kept last, or from which it goes on
        self._written: dict[int, _Written] = {}  # of its ledgers, by their `id`

    @property
    def latest(self) -> int:
        """The record of the one that was kept last, or from which this goes on; 0: none."""
        return self._latest

    def is_due(self, head: Head) -> bool:
        """Whether so many commands have come since the last snapshot that another would pay."""
        return head.sequence >= self._latest + EVERY

    def keep(self, whole: object, head: Head) -> Path:
        """Write what is remembered right after the durable record `head`, and drop what is no longer needed.

        Raises OSError; then there is no new snapshot and all others are as they were.
        """
        self.folder.mkdir(exist_ok=True, mode=0o700)
        if whole is not self._whole:
            self._whole, self._written = whole, {}
        image = image_of(whole, self._vocabulary)
        written = {
            id(ledger): self._written_on(ledger, f"{head.sequence:012d}-{number}")
            for number, ledger in enumerate(image.ledgers)
        }
        body = b"\n".join([image.shapes, *image.messages.values(), *image.objects])
        header = _Header(
            format=_FORMAT,
            sequence=head.sequence,
            check=head.check,
            schema=versions.SCHEMA,
            engine=versions.ENGINE,
            made_by=self.made_by,
            ledgers=tuple(written.values()),
            tables=tuple(image.messages),
            body=sha256(body).hexdigest(),
        )
        path = self._write(self._path(head.sequence).name, [encode(header), b"\n", body])
        self._latest, self._written = head.sequence, written
        self._drop_old()
        return path

    def newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("*.snapshot"), reverse=True)

    def go_on_from(self, taken: Taken) -> None:
        """What was read is what is kept from now on: of its history only what is new."""
        self._latest, self._whole, self._written = taken.head.sequence, taken.whole, taken.written

    def told(self) -> bytes:
        """What the process has to know, a copy of which has kept the latest."""
        return encode([self._latest, list(self._written)])

    def hear(self, whole: object, told: bytes) -> None:
        """A copy of this process has kept all this, and has told so. Raises SnapshotError."""
        latest, ledgers = decode(told, list)
        written = self._header_of(self._path(latest)).ledgers
        self._latest, self._whole = latest, whole
        self._written = dict(zip(ledgers, written, strict=True))

    def _path(self, sequence: int) -> Path:
        return self.folder / f"{sequence:012d}.snapshot"

    def read(self, path: Path) -> Taken:
        """Raises SnapshotError."""
        with _nothing_collected():
            return self._read(path)

    def _read(self, path: Path) -> Taken:
        header, body = self._opened(path)
        lines = body.split(b"\n")
        tables = len(header.tables)
        messages = dict(zip(header.tables, lines[1:], strict=False))
        image = Image(lines[0], messages, lines[1 + tables :])
        histories = [self._history(written, path) for written in header.ledgers]
        try:
            whole, ledgers = read_image(image, histories, self._vocabulary)
        except ImageError as fault:
            raise SnapshotError(f"{path}: {fault}") from fault
        written = dict(zip(map(id, ledgers), header.ledgers, strict=True))
        return Taken(Head(header.sequence, header.check), whole, written)

    def head_of(self, path: Path) -> Head:
        """The record at which a snapshot was made, if it can be used for all that can be seen from outside. Raises
        SnapshotError."""
        header = self._header_of(path)
        return Head(header.sequence, header.check)

    def _header_of(self, path: Path) -> _Header:
        try:
            with path.open("rb") as file:
                line = file.readline()
        except OSError as fault:
            raise SnapshotError(f"{path} cannot be read: {fault}") from fault
        return self._checked(path, line)

    def _opened(self, path: Path) -> tuple[_Header, bytes]:
        """The header and, checked, all that follows it."""
        try:
            first, _, body = path.read_bytes().partition(b"\n")
        except OSError as fault:
            raise SnapshotError(f"{path} cannot be read: {fault}") from fault
        header = self._checked(path, first)
        if sha256(body).hexdigest() != header.body:
            raise SnapshotError(f"{path} is not as it was written")
        return header, body

    def _checked(self, path: Path, line: bytes) -> _Header:
        try:
            header = decode(line, _Header)
        except ValueError as fault:
            raise SnapshotError(f"{path} cannot be read: {fault}") from fault
        if (header.format, header.schema) != (_FORMAT, versions.SCHEMA) or header.engine > versions.ENGINE:
            raise SnapshotError(f"{path} was written by another version")
        if header.made_by != self.made_by:
            raise SnapshotError(
                f"{path} was written by {header.made_by or 'the journal alone'}, not {self.made_by}"
            )
        return header

    def _history(self, written: _Written, path: Path) -> Earlier:
        blocks: list[Block] = []
        submitted: list[Committed] = []
        for part in written.parts:
            try:
                content = (self.folder / Path(part.name).name).read_bytes()
            except OSError as fault:
                raise SnapshotError(f"{path}: the history of a ledger cannot be read ({fault})") from fault
            if sha256(content).hexdigest() != part.digest:
                raise SnapshotError(f"{path}: {part.name} is not the history that belongs to it")
            at = 0
            for records, size in part.blocks:
                blocks.append(Block(records, content[at : at + size]))
                at += size
            submitted += decode_lines(content[at:], Committed)
        return Earlier(tuple(blocks), tuple(submitted))

    def _written_on(self, ledger: Ledger, name: str) -> _Written:
        """What of its history is on the disk already, and the rest in a new file."""
        before = self._written.get(id(ledger), _Written())
        new = ledger.history[before.records :]
        if not new:
            return before
        blocks = [Block.of(new[start : start + _BLOCK]) for start in range(0, len(new), _BLOCK)]
        lines = encode_lines(list(ledger.submitted(new)))
        content = b"".join([*(block.lines for block in blocks), lines])
        records = before.records + len(new)
        path = self._write(f"{name}-{before.records}-{records}.ledger", [content])
        part = _Part(
            name=path.name,
            digest=sha256(content).hexdigest(),
            blocks=tuple((block.records, len(block.lines)) for block in blocks),
        )
        return _Written(records=records, parts=(*before.parts, part))

    def _write(self, name: str, parts: Iterable[bytes]) -> Path:
        path, unfinished = self.folder / name, self.folder / f"{name}.{os.getpid()}.unfinished"
        with unfinished.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(self.folder)
        return path

    def drop_unfinished(self) -> None:
        """What was being written when a process died. Only for whoever is alone with the folder."""
        for path in self.folder.glob("*.unfinished"):
            path.unlink(missing_ok=True)

    def _drop_old(self) -> None:
        """The newest stay, and every part of the history that one of them names."""
        named: set[str] = set()
        for position, path in enumerate(self.newest_first()):
            if position < _KEPT:
                try:
                    named.update(
                        part.name for written in self._header_of(path).ledgers for part in written.parts
                    )
                except SnapshotError:
                    continue
            else:
                path.unlink(missing_ok=True)
        for part in self.folder.glob("*.ledger"):
            if part.name not in named:
                part.unlink(missing_ok=True)


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

"""Records in a SQLite database: write-ahead log, synced at each commit, one connection that writes.

The log is carried over into the database by explicit checkpoints: an automatic one keeps its errors to itself,
and a sync that has failed once may lie when it is repeated. Reading never writes: it leaves a damaged log as it is.
"""

import os
import re
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from exchange.journal.faults import JournalFailed, JournalFull, JournalUnusable
from exchange.journal.high_water import sync_folder
from exchange.journal.record import Record
from exchange.journal.store import Place, Unreadable

_APPLICATION = 0x52464A4C  # "RFJL"
_FORMAT = 1  # of the table
_CHECKPOINT = 4_096  # pages of the log
_TABLE = """
CREATE TABLE records (
    sequence INTEGER PRIMARY KEY,
    previous BLOB NOT NULL,
    "check" BLOB NOT NULL,
    time INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    engine INTEGER NOT NULL,
    command BLOB NOT NULL
) STRICT
"""
_COLUMNS = 'sequence, time, command, previous, schema, engine, "check"'  # as in a Record
_SELECT = f"SELECT {_COLUMNS} FROM records WHERE sequence > ? ORDER BY sequence"
_INSERT = f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"


class SqliteStore:
    """Opens a database that is there already; `create_database` makes one.

    Without `writing` nothing can be written. With it, the caller holds the lock, and has found every record whole when
    it writes for the first time: until then the files stay as they are.
    """

    def __init__(self, path: Path, *, writing: bool) -> None:
        self.name = str(path)
        self._path = path
        self._writes = writing
        self._writer: sqlite3.Connection | None = None
        self._pages = 0  # in the log, at most, since the last checkpoint

    def records(self, after: int) -> Iterator[Record]:
        try:
            with closing(_reader(self._path)) as reader:
                yield from map(Record._make, reader.execute(_SELECT, (after,)))
        except sqlite3.DatabaseError as fault:
            raise Unreadable(str(fault)) from fault

    def write(self, records: Sequence[Record]) -> None:
        writer = self._for_writing()
        try:
            writer.execute("BEGIN IMMEDIATE")
            writer.executemany(_INSERT, records)
            writer.execute("COMMIT")
        except sqlite3.Error as fault:
            raise self._failure(fault, records[0].sequence) from fault
        self._pages += 2 + sum(len(record.command) + 128 for record in records) // 4_096
        if self._pages >= _CHECKPOINT:
            self._checkpoint()

    def cut(self, after: int) -> None:
        self._for_writing().execute("DELETE FROM records WHERE sequence > ?", (after,))

    def place_of(self, previous: bytes) -> Place | None:
        log = self._path.with_name(f"{self._path.name}-wal")
        end = _end_of_log(log)
        if end is not None:
            return Place(str(log), end)
        if not self._path.exists():
            return None
        at = self._path.read_bytes().find(previous) if any(previous) else -1
        return Place(str(self._path), at if at >= 0 else self._broken_page())

    def close(self) -> None:
        self._writes = False
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _for_writing(self) -> sqlite3.Connection:
        assert self._writes, "opened for reading, or closed"
        self._writer = self._writer or _writer(self._path)
        return self._writer

    def _checkpoint(self) -> None:
        try:
            self._for_writing().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as fault:
            raise JournalFailed(f"{self.name}: the log could not be carried over: {fault}") from fault
        self._pages = 0

    def _failure(self, fault: sqlite3.Error, sequence: int) -> JournalFailed:
        """Full, if that is what happened and the transaction is known to have left nothing behind."""
        writer = self._for_writing()
        with suppress(sqlite3.Error):
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            full = getattr(fault, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
            query = "SELECT count(*) FROM records WHERE sequence >= ?"
            if full and writer.execute(query, (sequence,)).fetchone() == (0,):
                return JournalFull(f"{self.name}: the disk is full; {_ROOM}")
        return JournalFailed(f"{self.name}: a write failed, its outcome is unknown: {fault}. {_RESTART}")

    def _broken_page(self) -> int | None:
        with suppress(sqlite3.DatabaseError), closing(_reader(self._path)) as reader:
            (size,) = reader.execute("PRAGMA page_size").fetchone()
            (told,) = reader.execute("PRAGMA integrity_check(1)").fetchone()
            page = re.search(r"page (\d+)", told)
            return (int(page[1]) - 1) * int(size) if page else None
        return None


_ROOM = "free some space and start again. Nothing that was acknowledged is lost"
_RESTART = "Start again: what is in the journal then is what happened"


def create_database(path: Path) -> None:
    """An empty journal, synced. It has its name once it is whole: nobody can open one that is half made."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    for part in ("", "-wal", "-shm", "-journal"):
        unfinished.with_name(f"{unfinished.name}{part}").unlink(missing_ok=True)
    with closing(_writer(unfinished)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(_TABLE)
        writer.execute(f"PRAGMA application_id = {_APPLICATION}")
        writer.execute(f"PRAGMA user_version = {_FORMAT}")
        writer.execute("COMMIT")
    make_durable(unfinished)
    unfinished.replace(path)
    sync_folder(path.parent)


def make_durable(path: Path) -> None:
    """Sync what a process that died may have left unsynced: what is read from here on must stay."""
    for file in (path.with_name(f"{path.name}-wal"), path):
        if file.exists():
            with file.open("rb") as held:
                os.fsync(held.fileno())


def is_empty(path: Path) -> bool:
    """Whether there is no table yet: its making was interrupted. Raises Unreadable as `check_format` does."""
    return _asked(path, "SELECT count(*) FROM sqlite_schema") == 0


def check_format(path: Path) -> None:
    """Raises JournalUnusable for another program's database or a later format, Unreadable for none at all."""
    if _asked(path, "PRAGMA application_id") != _APPLICATION:
        raise JournalUnusable(f"{path} is a database, but not a journal. Name another file")
    found = _asked(path, "PRAGMA user_version")
    if found != _FORMAT:
        raise JournalUnusable(
            f"{path} has the format {found}; this version knows {_FORMAT}. Use the later one"
        )


def _asked(path: Path, query: str) -> int:
    try:
        with closing(_reader(path)) as reader:
            return int(reader.execute(query).fetchone()[0])
    except sqlite3.DatabaseError as fault:
        raise Unreadable(str(fault)) from fault


def _writer(path: Path) -> sqlite3.Connection:
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    for setting in ("journal_mode = WAL", *_SETTINGS):
        writer.execute(f"PRAGMA {setting}").fetchall()
    return writer


_SETTINGS = ("synchronous = FULL", "fullfsync = ON", "wal_autocheckpoint = 0", "mmap_size = 0")


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=5.0,
    )


def _end_of_log(log: Path) -> int | None:
    """The byte up to which a write-ahead log can be followed, or None if nothing lies behind it.

    Each frame has a checksum over all before it (SQLite's file format, section 4). An earlier use of the log may
    have left frames behind its end, and they look no different from rot: the answer is a place to look at.
    """
    content = log.read_bytes() if log.exists() else b""
    if not content:
        return None
    magic, _, size, _, *salts = struct.unpack(">6I", content[:24].ljust(24, b"\0"))
    order = ">" if magic & 1 else "<"
    sums = _summed((0, 0), content[:24], order)
    if magic & ~1 != 0x377F0682 or struct.pack(">2I", *sums) != content[24:32]:
        return 0
    end = 32
    while len(frame := content[end : end + 24 + size]) == 24 + size:
        sums = _summed(_summed(sums, frame[:8], order), frame[24:], order)
        if frame[8:24] != struct.pack(">4I", *salts, *sums):
            break
        end += 24 + size
    return end if end < len(content) else None


def _summed(sums: tuple[int, int], content: bytes, order: str) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(content) // 4}I", content[: len(content) // 4 * 4])
    for one, other in zip(words[::2], words[1::2], strict=False):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second

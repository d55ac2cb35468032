"""The journal of a live venue: a batch is on the disk before anybody is told what came of it.

`open_journal("sqlite:///venue.db")` or `open_journal("postgresql://...")`. Opening reads every record once and
compares the last with the high-water mark: what was acknowledged is there and as it was written, or the journal
is refused with the place of the damage. Only behind the mark, where nothing was promised, is a torn end cut off.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import disk_usage
from threading import Lock as Mutex
from types import TracebackType
from typing import NamedTuple, Self

from exchange.commands import Command
from exchange.journal import versions
from exchange.journal.faults import JournalFailed, JournalFull, JournalUnusable, LiveJournalDamaged
from exchange.journal.high_water import HighWater, Mark, read_mark
from exchange.journal.lock import Lock
from exchange.journal.record import Head, Record, head_of, numbered, seal
from exchange.journal.reserve import keep_reserve, release_reserve
from exchange.journal.snapshots import Snapshots
from exchange.journal.sqlite_store import SqliteStore, check_format, create_database, is_empty, make_durable
from exchange.journal.store import Place, Store, Unreadable
from exchange.units import Time

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgres://")


class Journal:
    """All commands, in order. `append` may be called from any thread, one call at a time does the work."""

    def __init__(
        self,
        store: Store,
        audited: "Audited",
        beside: "Beside | None",
        snapshots: Snapshots | None,
        *,
        writing: bool,
    ) -> None:
        self._store = store
        self._last = audited.last
        self._beside = beside
        self._mutex = Mutex()
        self._failure = None if writing else JournalFailed("it was opened for reading")
        self._closed = False
        self.torn = audited.torn  # what lay behind the mark when it was opened, as a sentence
        self.snapshots = snapshots  # None where there is no folder for them

    @property
    def name(self) -> str:
        return self._store.name

    @property
    def head(self) -> Head:
        """The last record that is durable."""
        return head_of(self._last)

    @property
    def free_share(self) -> float | None:
        """What part of the disk under the journal is free; None if it is not a disk of this machine."""
        return self._beside.free_share() if self._beside else None

    def promise(self) -> None:
        """Raise the mark to the last record. Whoever has left records to be read later does it once all are read, and
        before anybody is told of them."""
        with self._mutex:
            self._refuse_if_failed()
            last = self._last
            if self._beside and last and last.sequence > self._beside.high_water.mark.sequence:
                self._beside.high_water.raise_to(Mark(last.sequence, last.check))

    def append(self, batch: Sequence[tuple[Time, Command]]) -> None:
        """Return when the whole batch is durable. How commands are cut into batches changes no result.

        Raises MalformedCommand or ValueError, with nothing written, for what could never be replayed;
        JournalFull if the disk is full and the batch certainly not in the journal; JournalFailed, of which that
        is one kind, if the outcome is unknown. After either nothing more is taken.
        """
        with self._mutex:
            self._refuse_if_failed()
            self._write(seal(self._last, batch))

    def append_records(self, records: Sequence[Record]) -> None:
        """The same for records that are sealed already. Raises ValueError for what does not follow the head."""
        with self._mutex:
            self._refuse_if_failed()
            for record, fault in numbered(records, self._last):
                if fault:
                    raise ValueError(f"record {record.sequence}: {fault}")
            self._write(records)

    def farewell(self, batch: Sequence[tuple[Time, Command]]) -> None:
        """The last batch of a journal whose disk is full, written into the room of the reserve. Raises as `append`."""
        with self._mutex:
            if not isinstance(self._failure, JournalFull):
                raise JournalFailed(f"{self.name}: a farewell is for a journal whose disk is full")
            self._failure = JournalFailed("the farewell was the last")
            self._write(seal(self._last, batch))

    def read(self, after: int = 0) -> Iterator[tuple[int, Time, Command]]:
        """Sequence, time and command of every record behind `after`, each checked before it is handed out.

        Raises LiveJournalDamaged at the first fault.
        """
        return ((r.sequence, r.time, _heard(self._store, r)) for r in _checked(self._store, after))

    def records(self, after: int = 0) -> Iterator[Record]:
        """The same as they are written, checked too."""
        return _checked(self._store, after)

    def close(self) -> None:
        """Let go of the journal. To close once more does nothing."""
        with self._mutex:
            if not self._closed:
                self._closed = True
                self._failure = JournalFailed("it is closed")
                self._store.close()
                if self._beside:
                    self._beside.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise type(self._failure)(f"{self.name} takes nothing more: {self._failure}")

    def _write(self, records: Sequence[Record]) -> None:
        if not records:
            return
        try:
            self._store.write(records)
            if self._beside:
                self._beside.high_water.raise_to(Mark(records[-1].sequence, records[-1].check))
        except JournalFull as fault:
            self._failure = self._failure or fault
            if self._beside:
                self._beside.release_reserve()
            raise
        except JournalFailed as fault:
            self._failure = fault
            raise
        except BaseException as fault:  # whatever it was: the batch may be on the disk or not
            self._failure = JournalFailed(f"{self.name}: a write failed, its outcome is unknown: {fault}")
            raise self._failure from fault
        self._last = records[-1]


class Beside:
    """The files beside a SQLite database, the lock held."""

    def __init__(self, path: Path) -> None:
        self._paths = Paths(path)
        self._lock = Lock(self._paths.lock)
        self.snapshots = Snapshots(self._paths.snapshots)
        self._high_water: HighWater | None = None

    @property
    def high_water(self) -> HighWater:
        if self._high_water is None:
            self._high_water = HighWater.open(self._paths.mark)
        return self._high_water

    def keep_reserve(self) -> None:
        keep_reserve(self._paths.reserve)

    def release_reserve(self) -> None:
        release_reserve(self._paths.reserve)

    def free_share(self) -> float:
        disk = disk_usage(self._paths.database.parent)
        return disk.free / disk.total

    def close(self) -> None:
        if self._high_water is not None:
            self._high_water.close()
        self._lock.release()


class Paths(NamedTuple):
    """Where what belongs to a SQLite journal lies."""

    database: Path

    @property
    def lock(self) -> Path:
        return self._beside("lock")

    @property
    def mark(self) -> Path:
        return self._beside("mark")

    @property
    def reserve(self) -> Path:
        return self._beside("reserve")

    @property
    def snapshots(self) -> Path:
        return self._beside("snapshots")

    @property
    def log(self) -> Path:
        return self.database.with_name(f"{self.database.name}-wal")

    def _beside(self, what: str) -> Path:
        return self.database.with_name(f"{self.database.name}.{what}")


# --- opening --------------------------------------------------------------------------------------------


def open_journal(url: str, since: Head | None = None) -> Journal:
    """The journal at `url`, to be written by this process alone; made if there is none.

    Every record is read and checked. If the record `since` is there as it was, those before it are left to whoever
    reads them, who finds damage among them then, and says `promise` if there is none; but before a torn end is cut
    off, all are read.

    `sqlite:///venue.db` (a path may also stand alone; four slashes begin at the root) or `postgresql://...`.
    Raises JournalInUse, JournalUnusable and LiveJournalDamaged, each with a sentence.
    """
    if url.startswith(_POSTGRESQL):
        remote = _postgresql(url, writing=True)
        return _opened(remote, None, since=since)
    return _open_file(_path_of(url), since)


def promised_head(url: str) -> Head | None:
    """The record up to which the journal at `url` is promised; None if nothing beside it says so."""
    with suppress(FileNotFoundError, ValueError):
        if not url.startswith(_POSTGRESQL):
            mark = read_mark(Paths(_path_of(url)).mark)[0]
            return Head(mark.sequence, mark.check.hex())
    return None


def is_there(url: str) -> bool:
    """Whether there is a journal, or what is left of one. A database is not asked: it may be."""
    if url.startswith(_POSTGRESQL):
        return True
    path = _path_of(url)
    return path.exists() or Paths(path).mark.exists()


def _open_file(path: Path, since: Head | None) -> Journal:
    if not path.parent.is_dir():
        raise JournalUnusable(f"{path.parent} is no folder. Make it, or name another place for the journal")
    beside = Beside(path)
    try:
        if _is_new(path):
            _create(path)
        make_durable(path)
        audited = audit_file(path, since)
        beside.keep_reserve()
        journal = _opened(SqliteStore(path, writing=True), beside, audited, since)
    except BaseException:
        beside.close()
        raise
    return journal


def _opened(
    store: Store, beside: Beside | None, audited: "Audited | None" = None, since: Head | None = None
) -> Journal:
    try:
        found = audited or audit(store, None, since)
        if found.oldest < versions.SCHEMA:
            raise JournalUnusable(
                f"{store.name} has the schema {found.oldest}, which this version reads but no longer writes."
                " Bring it over with `ringfence journal copy`: the old one stays as it is"
            )
        if found.torn is not None:
            store.cut(_position(found.last) - 1)
        journal = Journal(store, found, beside, beside.snapshots if beside else None, writing=True)
        if since is None:
            journal.promise()
    except BaseException:
        store.close()
        raise
    return journal


def read_journal(url: str) -> Journal:
    """The journal at `url`, to be read only: every record has been checked and nothing is changed.

    A server may be writing to it; what it writes from here on is read too. Raises as `open_journal` does.
    """
    if url.startswith(_POSTGRESQL):
        remote = _postgresql(url, writing=False)
        return Journal(remote, audit(remote, None), None, None, writing=False)
    path = _path_of(url)
    if not is_there(url):
        raise JournalUnusable(f"{path}: there is no journal. Name one")
    audited, snapshots = audit_file(path), Snapshots(Paths(path).snapshots)
    return Journal(SqliteStore(path, writing=False), audited, None, snapshots, writing=False)


def whole_records(url: str) -> Iterator[Record]:
    """Every record that is whole, in order, whatever the mark says; then LiveJournalDamaged if one is not."""
    remote = url.startswith(_POSTGRESQL)
    return _checked(
        _postgresql(url, writing=False) if remote else SqliteStore(_path_of(url), writing=False), 0
    )


def _is_new(path: Path) -> bool:
    """Whether there is no journal yet, or one whose making was interrupted before it held anything."""
    paths = Paths(path)
    if not paths.mark.exists():
        return not path.exists() and not paths.log.exists()
    try:
        begun = read_mark(paths.mark)[0].sequence == 0
        return begun and (not path.exists() or is_empty(path))
    except (ValueError, Unreadable):
        return False


def _create(path: Path) -> None:
    """The mark first: a database without one has lost it."""
    mark = Paths(path).mark
    if not mark.exists():
        HighWater.create(mark, Mark(0, bytes(16))).close()
    create_database(path)


def _postgresql(url: str, *, writing: bool) -> Store:
    try:
        from exchange.journal.postgresql_store import PostgresqlStore
    except ImportError as fault:
        raise JournalUnusable(
            "a journal in PostgreSQL needs psycopg. Install it with `pip install ringfence[postgresql]`"
        ) from fault
    return PostgresqlStore(url, writing=writing)


def _path_of(url: str) -> Path:
    if url.startswith(_SQLITE):
        return Path(url.removeprefix(_SQLITE))
    if "://" in url:
        raise JournalUnusable(f"{url} is no journal: begin with {_SQLITE} or {_POSTGRESQL[0]}")
    return Path(url)


# --- checking -------------------------------------------------------------------------------------------


class Audited(NamedTuple):
    """What a journal holds, every record checked."""

    last: Record | None  # that is whole
    torn: str | None  # what lies behind it
    oldest: int  # schema


def audit_file(path: Path, since: Head | None = None) -> Audited:
    """Check every record of a SQLite journal and change nothing. Raises as `open_journal`."""
    store, paths = SqliteStore(path, writing=False), Paths(path)
    try:
        mark = read_mark(paths.mark)[0]
    except (FileNotFoundError, ValueError) as fault:
        raise _without_mark(store, paths.mark, fault) from fault
    if not path.exists():
        raise LiveJournalDamaged(store.name, 1, f"the database is gone, {_promised(mark)}")
    try:
        check_format(path)
    except Unreadable as fault:
        place = store.place_of(b"") or Place("", None)
        raise LiveJournalDamaged(
            store.name, 1, f"the database cannot be read ({fault})", path=place.path, offset=place.offset
        ) from fault
    return audit(store, mark, since)


def audit(store: Store, mark: Mark | None, since: Head | None = None) -> Audited:
    """Every record of a store behind `since`, if that one is there, held against its mark; without a mark every record
    counts as promised."""
    last = _found(store, mark, since)
    marked = last if last and mark and last.sequence == mark.sequence else None
    torn: str | None = None
    oldest = last.schema if last else versions.SCHEMA
    promised = mark.sequence if mark else 2**63
    try:
        for record, why in numbered(store.records(_position(last) - 1), last):
            if why:
                if _position(last) <= promised:
                    raise _damaged(store, last, why)
                if since is not None:
                    return audit(store, mark)
                torn = f"behind record {_position(last) - 1} lay what nobody was promised, torn: {why}"
                break
            _check_versions(store, record)
            last, oldest = record, min(oldest, record.schema)
            marked = record if record.sequence == promised else marked
    except Unreadable as fault:
        raise _damaged(store, last, f"the database breaks off here ({fault})") from fault
    if mark and _position(last) <= mark.sequence:
        raise _damaged(store, last, f"the end is missing, {_promised(mark)}")
    if mark and marked and marked.check != mark.check:
        other = "whole, but not of the journal to which the high-water mark belongs"
        raise LiveJournalDamaged(store.name, mark.sequence, other)
    return Audited(last, torn, oldest)


def _found(store: Store, mark: Mark | None, head: Head | None) -> Record | None:
    """The record that stands there, unless it is another, or lies behind what was promised."""
    if head is None or head.sequence < 1 or (mark and mark.sequence < head.sequence):
        return None
    try:
        record = next(store.records(head.sequence - 1), None)
    except Unreadable:
        return None
    if record is None or not record.is_whole() or head_of(record) != head:
        return None
    _check_versions(store, record)
    return record


def _checked(store: Store, after: int) -> Iterator[Record]:
    """The records behind `after`, and LiveJournalDamaged at the first that is not whole."""
    last: Record | None = None
    try:
        found = store.records(max(after - 1, 0))
        if after > 0:
            last = next(found, None)
            if last is not None and last.sequence != after:
                audit(store, None)  # which says where the first is missing
            if last is None:
                return
        for record, fault in numbered(found, last):
            if fault:
                raise _damaged(store, last, fault)
            yield record
            last = record
    except Unreadable as fault:
        raise _damaged(store, last, f"the database breaks off here ({fault})") from fault


def _damaged(store: Store, last: Record | None, fault: str) -> LiveJournalDamaged:
    place = store.place_of(last.check if last else b"") or Place("", None)
    return LiveJournalDamaged(store.name, _position(last), fault, path=place.path, offset=place.offset)


def _without_mark(store: Store, mark: Path, fault: Exception) -> LiveJournalDamaged:
    """What is wrong with a journal that has lost its mark, or with what is none. Raises if more is wrong."""
    try:
        check_format(Path(store.name))
    except Unreadable as unreadable:
        raise JournalUnusable(f"{store.name} is no journal ({unreadable}). Name another file") from fault
    why = "is missing" if isinstance(fault, FileNotFoundError) else f"is damaged ({fault})"
    return LiveJournalDamaged(
        store.name,
        _position(audit(store, None).last),
        f"the high-water mark {why}, so nobody can tell whether records are missing here",
        path=str(mark),
        offset=0,
    )


def _position(last: Record | None) -> int:
    """The sequence of what follows."""
    return last.sequence + 1 if last else 1


def _promised(mark: Mark) -> str:
    return f"although records up to {mark.sequence} were written and synced"


def _check_versions(store: Store, record: Record) -> None:
    if record.schema > versions.SCHEMA or record.engine > versions.ENGINE:
        raise JournalUnusable(
            f"{store.name}, record {record.sequence} was written by a later version (schema {record.schema},"
            f" engine {record.engine}; this one knows {versions.SCHEMA} and {versions.ENGINE}). Use the later version"
        )


def _heard(store: Store, record: Record) -> Command:
    try:
        return record.heard()
    except ValueError as fault:
        raise LiveJournalDamaged(
            store.name, record.sequence, f"whole, but no command that this version knows ({fault})"
        ) from fault

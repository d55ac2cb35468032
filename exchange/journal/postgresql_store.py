"""Records in a PostgreSQL database. One server to a database schema: a lock, and an epoch that fences off the last one.

The lock is held by the connection that writes and ends with it. A server that was cut off without knowing it may
still believe that it holds the lock; so each opening raises the epoch, and every insert asks for its own.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

import psycopg

from exchange.journal.faults import JournalFailed, JournalInUse, JournalUnusable
from exchange.journal.record import Record
from exchange.journal.store import Place, Unreadable

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS ringfence_writer (
    one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    epoch BIGINT NOT NULL,
    format INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS ringfence_records (
    sequence BIGINT PRIMARY KEY,
    previous BYTEA NOT NULL,
    "check" BYTEA NOT NULL,
    time BIGINT NOT NULL,
    schema INTEGER NOT NULL,
    engine INTEGER NOT NULL,
    epoch BIGINT NOT NULL,
    command BYTEA NOT NULL
);
"""
_SELECT = """
SELECT sequence, time, command, previous, schema, engine, "check"
FROM ringfence_records WHERE sequence > %s ORDER BY sequence
"""
_INSERT = """
INSERT INTO ringfence_records (sequence, time, command, previous, schema, engine, "check", epoch)
SELECT given.*, writer.epoch
FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[], %s::int[], %s::int[], %s::bytea[]) AS given,
     (SELECT epoch FROM ringfence_writer WHERE epoch = %s FOR SHARE) AS writer
"""
_NEXT_EPOCH = """
INSERT INTO ringfence_writer (epoch, format) VALUES (1, %s)
ON CONFLICT (one) DO UPDATE SET epoch = ringfence_writer.epoch + 1 RETURNING epoch, format
"""
_AT_A_TIME = 4_096  # records fetched
_WAIT_S = 5


class PostgresqlStore:
    """Makes its two tables if they are not there. Raises JournalInUse if another server holds the lock."""

    def __init__(self, url: str, *, writing: bool) -> None:
        self.name = _without_password(url)
        self._url = url
        self._writer: psycopg.Connection[Any] | None = self._connect() if writing else None
        self._epoch = 0
        try:
            if self._writer is not None:
                self._epoch = self._take_over(self._writer)
        except BaseException:
            self.close()
            raise

    def records(self, after: int) -> Iterator[Record]:
        try:
            with self._connect() as reader, reader.transaction(), reader.cursor("records") as cursor:
                cursor.itersize = _AT_A_TIME
                for row in cursor.execute(_SELECT, (after,)):
                    yield Record._make(row)
        except psycopg.errors.UndefinedTable as fault:
            raise JournalUnusable(f"{self.name}: there is no journal. Name another database") from fault
        except psycopg.Error as fault:
            raise Unreadable(str(fault).strip()) from fault

    def write(self, records: Sequence[Record]) -> None:
        columns = [list(column) for column in zip(*records, strict=True)]
        try:
            written = self._for_writing().execute(_INSERT, (*columns, self._epoch)).rowcount
        except psycopg.Error as fault:
            raise JournalFailed(
                f"{self.name}: a write failed, its outcome is unknown: {str(fault).strip()}."
                " Start again: what is in the journal then is what happened"
            ) from fault
        if written != len(records):
            raise JournalFailed(
                f"{self.name}: another server has taken over; nothing of this batch was written. Stop this one"
            )

    def cut(self, after: int) -> None:
        self._for_writing().execute("DELETE FROM ringfence_records WHERE sequence > %s", (after,))

    def place_of(self, previous: bytes) -> Place | None:
        return None  # its files are the server's business

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _for_writing(self) -> "psycopg.Connection[Any]":
        assert self._writer is not None, "opened for reading, or closed"
        return self._writer

    def _connect(self) -> "psycopg.Connection[Any]":
        try:
            return psycopg.connect(self._url, autocommit=True, connect_timeout=_WAIT_S)
        except psycopg.Error as fault:
            raise JournalUnusable(f"{self.name} does not answer: {str(fault).strip()}") from fault

    def _take_over(self, writer: "psycopg.Connection[Any]") -> int:
        """Hold the lock, see that commits are synced, and fence off whoever wrote before; the epoch of this server."""
        (schema,) = _row(writer, "SELECT current_schema()")
        key = int.from_bytes(blake2b(f"ringfence {schema}".encode(), digest_size=8).digest(), signed=True)
        if _row(writer, "SELECT pg_try_advisory_lock(%s)", key) != (True,):
            raise JournalInUse(f"{self.name} is in use by another server. Stop it, or name another database")
        if _row(writer, "SHOW fsync") != ("on",):
            raise JournalUnusable(
                f"{self.name} runs with fsync off and would lose what it has promised. Turn it on"
            )
        if _row(writer, "SHOW synchronous_commit") in (("off",), ("local",)):
            writer.execute("SET synchronous_commit = on")
        writer.execute(_TABLES)
        epoch, found = _row(writer, _NEXT_EPOCH, _FORMAT)
        if found != _FORMAT:
            raise JournalUnusable(
                f"{self.name} has the format {found}; this version knows {_FORMAT}. Use the later one"
            )
        return int(epoch)


def _row(writer: "psycopg.Connection[Any]", query: str, *values: object) -> tuple[Any, ...]:
    row = writer.execute(query, values or None).fetchone()
    assert row is not None, "each of these queries answers with one row"
    return tuple(row)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    user = f"{parts.username}@" if parts.username else ""
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{user}{host}{port}", query="").geturl()

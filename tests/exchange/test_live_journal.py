"""The live journal keeps what it has promised, says what it does not know, and is one process's alone."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.commands import EnterPhase, OpenSession
from exchange.journal import (
    Head,
    Journal,
    JournalFailed,
    JournalFull,
    JournalInUse,
    JournalUnusable,
    LiveJournalDamaged,
    high_water,
    open_journal,
    read_journal,
    record,
    recover,
    recovery,
    sqlite_store,
    state_hash,
    versions,
)
from exchange.journal.copying import copy
from exchange.journal.reserve import RESERVE
from exchange.wellformed import MalformedCommand
from tests.builders import BTCF, ONLY_IN_PYTHON
from tests.reliability.power import STRACE
from tests.reliability.stream import commands, founding, hash_after

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "venue.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with open_journal(f"sqlite:///{path}") as opened:
        yield opened


# --- what was written comes back ------------------------------------------------------------------------


def test_what_was_appended_is_read_back_with_its_numbers(journal: Journal) -> None:
    journal.append(commands(10))
    journal.append(commands(5, 10))
    assert list(journal.read()) == [(n, at, what) for n, (at, what) in enumerate(commands(15), 1)]
    assert [n for n, _, _ in journal.read(after=12)] == [13, 14, 15]
    assert list(journal.read(after=15)) == list(journal.read(after=99)) == []
    assert journal.head.sequence == 15


def test_a_journal_goes_on_where_it_ended(path: Path) -> None:
    heads = []
    for first in (0, 20, 40):
        with open_journal(str(path)) as opened:
            assert opened.head.sequence == first
            opened.append(commands(20, first))
            heads.append(opened.head)
    with open_journal(str(path)) as opened:
        assert opened.head == heads[-1]
        assert [(at, what) for _, at, what in opened.read()] == commands(60)


def test_an_empty_journal_has_a_head_and_recovers_to_an_empty_exchange(journal: Journal) -> None:
    assert journal.head == Head(0, "00" * 16)
    journal.append([])
    assert state_hash(recover(journal)) == hash_after(0)


def test_it_is_synced_at_every_commit_and_checkpointed_by_hand(journal: Journal) -> None:
    writer = journal._store._for_writing()  # type: ignore[attr-defined]
    asked = ("journal_mode", "synchronous", "wal_autocheckpoint")
    assert [writer.execute(f"PRAGMA {name}").fetchone()[0] for name in asked] == ["wal", 2, 0]


def test_the_log_is_carried_over_before_it_grows_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "_CHECKPOINT", 16)
    with open_journal(str(path)) as opened:
        for first in range(0, 1_000, 10):
            opened.append(commands(10, first))
        assert path.with_name("venue.db-wal").stat().st_size < 60 * 4_120
        assert path.stat().st_size > 100_000


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 60), min_size=1, max_size=8), alone=st.sampled_from([1, 7, 512]))
def test_where_batches_end_changes_neither_the_records_nor_the_state(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], alone: int
) -> None:
    many = min(sum(cuts), 120)
    cuts = cuts if alone == 7 else [alone] * (-(-many // alone))
    at = 0
    with open_journal(str(tmp_path_factory.mktemp("batches") / "venue.db")) as opened:
        for size in cuts:
            opened.append(commands(min(size, many - at), at))
            at += min(size, many - at)
        last = record.seal(None, commands(many))[-1]
        assert opened.head == Head(many, last.check.hex())
        assert state_hash(recover(opened)) == hash_after(many)


# --- what could never be replayed is not written ---------------------------------------------------------


def test_what_is_no_command_is_not_written(journal: Journal) -> None:
    good = commands(3)
    for bad in (OpenSession(), EnterPhase(instrument_id=BTCF, phase="open")):  # type: ignore[arg-type]
        with pytest.raises(MalformedCommand):
            journal.append([*good, (good[-1][0], bad)])
    assert journal.head.sequence == 0
    journal.append(good)
    assert journal.head.sequence == 3


def test_time_never_runs_backwards(journal: Journal) -> None:
    journal.append(commands(40))
    with pytest.raises(ValueError, match="time never runs backwards"):
        journal.append(commands(1))
    journal.append(commands(5, 40))
    assert journal.head.sequence == 45


# --- one process ----------------------------------------------------------------------------------------


def test_a_second_server_is_refused_and_the_first_goes_on(path: Path, journal: Journal) -> None:
    journal.append(commands(5))
    program = f"from exchange.journal import open_journal; open_journal({str(path)!r})"
    second = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 1
    assert "is in use by another server" in second.stderr
    journal.append(commands(5, 5))
    assert journal.head.sequence == 10


def test_reading_needs_no_lock_and_writes_nothing(path: Path, journal: Journal) -> None:
    journal.append(commands(5))
    with read_journal(str(path)) as other:
        journal.append(commands(5, 5))
        assert len(list(other.read())) == 10
        with pytest.raises(JournalFailed, match="opened for reading"):
            other.append(commands(1, 10))
    with pytest.raises(JournalInUse):
        open_journal(str(path))


def test_closed_it_takes_nothing_and_lets_go(path: Path) -> None:
    first = open_journal(str(path))
    first.close()
    first.close()
    with pytest.raises(JournalFailed, match="closed"):
        first.append(commands(1))
    open_journal(str(path)).close()


# --- writes that fail -----------------------------------------------------------------------------------


def test_after_a_failed_sync_the_outcome_is_unknown_and_nothing_more_is_taken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark cannot be synced, so nobody may be told; the batch is there all the same after a restart."""
    with open_journal(str(path)) as opened:
        opened.append(commands(5))

        def broken(file: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(high_water, "_SYNC", broken)
        with pytest.raises(JournalFailed, match=r"outcome is unknown.*Input/output") as failed:
            opened.append(commands(5, 5))
        assert not isinstance(failed.value, JournalFull)
        monkeypatch.undo()
        with pytest.raises(JournalFailed, match="takes nothing more"):
            opened.append(commands(5, 5))
        assert opened.head.sequence == 5
    with open_journal(str(path)) as opened:
        assert opened.head.sequence in (5, 10)
        assert state_hash(recover(opened)) == hash_after(opened.head.sequence)


@pytest.mark.skipif(STRACE is None and not os.environ.get("CI"), reason="needs strace")
@pytest.mark.parametrize("call", ["fdatasync:error=EIO:when=22+", "pwrite64:error=EIO:when=90+"])
def test_an_error_of_the_disk_is_never_told_as_a_refusal(path: Path, call: str) -> None:
    """strace makes the calls of a real process fail from some moment on."""
    program = f"""
from exchange.journal import JournalFailed, open_journal
from tests.reliability.stream import commands
journal = open_journal({str(path)!r})
for first in range(0, 400, 10):
    try:
        journal.append(commands(10, first))
    except JournalFailed as failed:
        print("unknown", type(failed).__name__, "after", journal.head.sequence)
        break
try:
    journal.append(commands(10, first))
except JournalFailed:
    print("closed to all")
import os
os._exit(0)
"""
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}", sys.executable, "-c", program]
    done = subprocess.run(strace, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    said = done.stdout.splitlines()
    assert said[0].startswith("unknown JournalFailed after "), done.stderr
    assert said[1] == "closed to all"
    promised = int(said[0].split()[-1])
    assert promised > 0
    with open_journal(str(path)) as opened:
        assert opened.head.sequence in (promised, promised + 10)
        assert [(at, what) for _, at, what in opened.read()] == commands(opened.head.sequence)


def fill(journal: Journal) -> None:
    """Let the database have no more pages than it has: SQLite then says what it says on a full disk."""
    writer = journal._store._writer  # type: ignore[attr-defined]
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}").fetchone()


def test_a_full_disk_loses_nothing_and_leaves_room_for_a_farewell(path: Path) -> None:
    reserve = path.with_name("venue.db.reserve")
    with open_journal(str(path)) as opened:
        assert reserve.stat().st_size == RESERVE
        opened.append(commands(20))
        fill(opened)
        with pytest.raises(JournalFull, match="disk is full; free some space"):
            opened.append(commands(400, 20))
        assert not reserve.exists()
        with pytest.raises(JournalFull, match="takes nothing more"):
            opened.append(commands(1, 20))
        opened._store._writer.execute("PRAGMA max_page_count = 100000").fetchone()  # type: ignore[attr-defined]
        opened.farewell(commands(2, 20))
        with pytest.raises(JournalFailed, match="the farewell was the last"):
            opened.append(commands(1, 22))
    with open_journal(str(path)) as opened:
        assert opened.head.sequence == 22
        assert [(at, what) for _, at, what in opened.read()] == commands(22)
        assert reserve.stat().st_size == RESERVE


def test_a_farewell_is_for_a_full_disk_only(journal: Journal) -> None:
    with pytest.raises(JournalFailed, match="whose disk is full"):
        journal.farewell(commands(1))
    journal.append(commands(1))


def test_without_room_for_the_reserve_it_does_not_begin(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(JournalUnusable, match="no room for the reserve of 16 MiB"):
        open_journal(str(path))


# --- recovery -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [len(founding()), 60, 119, 120])
def test_from_a_snapshot_it_recovers_to_the_state_of_a_full_replay(path: Path, kept: int) -> None:
    with open_journal(str(path)) as opened:
        opened.append(commands(kept))
        assert opened.snapshots
        opened.snapshots.keep(recover(opened), opened.head)
        opened.append(commands(120 - kept, kept))
    with open_journal(str(path)) as opened:
        whole, quick = recovery(opened, from_snapshot=False), recovery(opened)
        assert (whole.snapshot, whole.replayed, quick.snapshot, quick.replayed) == (0, 120, kept, 120 - kept)
        assert state_hash(whole.exchange) == state_hash(quick.exchange) == hash_after(120)
        after = commands(80, 120)
        assert [whole.exchange.handle(what, at) for at, what in after] == [
            quick.exchange.handle(what, at) for at, what in after
        ]


def test_replay_tells_the_entries_that_were_told(journal: Journal) -> None:
    journal.append(commands(60))
    heard: list[int] = []
    found = recovery(journal, lambda entries: heard.extend(entry.sequence for entry in entries))
    assert heard == list(range(1, found.exchange.sequence + 1))


def test_recovery_until_a_record_is_the_exchange_of_that_moment(journal: Journal) -> None:
    journal.append(commands(60))
    assert state_hash(recovery(journal, until=33).exchange) == hash_after(33)


@ONLY_IN_PYTHON
def test_an_exchange_that_breaks_says_at_which_record(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("it does not add up")

    journal.append(commands(30))
    monkeypatch.setattr("exchange.core.trading.place_order", broken)
    with pytest.raises(AssertionError) as caught:
        recover(journal)
    assert f"while replaying record {len(founding()) + 3} " in caught.value.__notes__[0]


# --- versions -------------------------------------------------------------------------------------------


def test_a_later_journal_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_journal(str(path)) as opened:
        later = record.sealed(1, 1, b"{}", record.BEGINNING, versions.SCHEMA, versions.ENGINE + 1)
        opened.append_records([later])
    with pytest.raises(JournalUnusable, match="was written by a later version"):
        open_journal(str(path))


def test_an_older_schema_is_brought_over_into_a_new_file_and_the_old_one_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next schema writes a command's type in another way; nothing else about it is known here."""
    with open_journal(str(path)) as opened:
        opened.append(commands(40))
    before = path.read_bytes()
    renamed = {versions.SCHEMA: lambda text: text.replace(b'"ann"', b'"anna"')}
    monkeypatch.setattr(versions, "SCHEMA", versions.SCHEMA + 1)
    monkeypatch.setattr(versions, "UPGRADES", renamed)
    with pytest.raises(JournalUnusable, match=r"no longer writes.*ringfence journal copy"):
        open_journal(str(path))
    new = path.with_name("new.db")
    assert copy(str(path), str(new)) == (40, None)
    assert path.read_bytes() == before
    with open_journal(str(new)) as opened:
        assert b'"ann"' not in b"".join(found.command for found in opened.records())
        assert {found.schema for found in opened.records()} == {versions.SCHEMA}
        assert opened.head.sequence == recovery(opened).sequence == 40


def test_history_of_an_engine_that_this_one_does_not_repeat_needs_a_snapshot(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_journal(str(path)) as opened:
        opened.append(commands(40))
        assert opened.snapshots
        opened.snapshots.keep(recover(opened), opened.head)
    monkeypatch.setattr(versions, "ENGINE", versions.ENGINE + 1)
    monkeypatch.setattr(versions, "REPLAYABLE", frozenset({versions.ENGINE}))
    with open_journal(str(path)) as opened:
        opened.append(commands(20, 40))
        assert state_hash(recover(opened)) == hash_after(60)
        with pytest.raises(JournalUnusable, match="belongs to engine 1"):
            recovery(opened, from_snapshot=False)


def test_the_journal_of_a_run_can_be_brought_over(path: Path, tmp_path: Path) -> None:
    from exchange.journal import JournalWriter

    run = tmp_path / "commands.jsonl"
    with JournalWriter(run) as writer:
        for at, what in commands(50):
            writer.append(at, what)
    assert copy(str(run), str(path)) == (50, None)
    with open_journal(str(path)) as opened:
        assert state_hash(recover(opened)) == hash_after(50)


def test_a_copy_goes_into_a_new_journal_only(tmp_path: Path) -> None:
    for name in ("old.db", "new.db"):
        with open_journal(str(tmp_path / name)) as opened:
            opened.append(commands(3))
    with pytest.raises(JournalUnusable, match="holds 3 records"):
        copy(str(tmp_path / "old.db"), str(tmp_path / "new.db"))


def test_what_is_no_place_for_a_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="is no folder"):
        open_journal(str(tmp_path / "nowhere" / "venue.db"))
    with pytest.raises(JournalUnusable, match="begin with sqlite:///"):
        open_journal("mysql://there")
    text = tmp_path / "text"
    text.write_text("a letter to a friend, long enough to be a database" * 20)
    with pytest.raises(JournalUnusable, match="is no journal"):
        open_journal(str(text))
    with pytest.raises(JournalUnusable, match="there is no journal"):
        read_journal(str(tmp_path / "venue.db"))


def test_damage_that_was_not_there_at_the_start_is_found_when_it_is_read(journal: Journal) -> None:
    journal.append(commands(30))
    writer = journal._store._writer  # type: ignore[attr-defined]
    writer.execute("UPDATE records SET command = CAST(command || ' ' AS BLOB) WHERE sequence = 25")
    with pytest.raises(LiveJournalDamaged, match=r"record 25.*content and check disagree"):
        list(journal.read())

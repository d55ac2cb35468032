"""Every kind of damage to a live journal is told from every other, with its place, or does no harm at all."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.journal import (
    LiveJournalDamaged,
    open_journal,
    promised_head,
    read_journal,
    recover,
    state_hash,
)
from exchange.journal.copying import copy
from tests.reliability.stream import commands, hash_after

CLOSED, PROMISED = 200, 320  # records in the database; with those that are only in its log


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a process that died: 200 records in the database, 120 more in the log, all acknowledged."""
    alive, dead = tmp_path_factory.mktemp("alive"), tmp_path_factory.mktemp("dead")
    with open_journal(str(alive / "venue.db")) as journal:
        journal.append(commands(CLOSED))
    shutil.copytree(alive, dead / "older")
    with open_journal(str(alive / "venue.db")) as journal:
        for first in range(CLOSED, PROMISED, 10):
            journal.append(commands(10, first))
        for name in ("venue.db", "venue.db-wal", "venue.db.mark"):
            shutil.copy(alive / name, dead / name)
    return dead


@pytest.fixture
def folder(crashed: Path, tmp_path: Path) -> Path:
    shutil.copytree(crashed, tmp_path, dirs_exist_ok=True)
    return tmp_path


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def wipe(path: Path, at: int, size: int = 512) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + size] = bytes(size)
    path.write_bytes(content)


def cut(path: Path, at: int) -> None:
    path.write_bytes(path.read_bytes()[:at])


def where(path: Path, sequence: int) -> int:
    """Where the command of that record begins in a file."""
    reader = sqlite3.connect(path.parent / "older" / "venue.db")
    (command,) = reader.execute("SELECT command FROM records WHERE sequence = ?", (sequence,)).fetchone()
    reader.close()
    return path.read_bytes().index(command)


def change(folder: Path, *statements: str) -> None:
    """By somebody who knows SQL."""
    writer = sqlite3.connect(folder / "venue.db", isolation_level=None)
    for statement in statements:
        writer.execute(statement)
    writer.close()


def no_check_at_the_mark(folder: Path) -> None:
    """SQLite itself refuses a number there, but a damaged page may hold one."""
    change(
        folder,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '')",
        "PRAGMA writable_schema = RESET",
        f'UPDATE records SET "check" = 7 WHERE sequence = {PROMISED}',
    )


def exchange_two(folder: Path) -> None:
    change(
        folder,
        "UPDATE records SET sequence = -60 WHERE sequence = 60",
        "UPDATE records SET sequence = 60 WHERE sequence = 61",
        "UPDATE records SET sequence = 61 WHERE sequence = -60",
    )


def another_journal(folder: Path) -> None:
    """As long, of other commands."""
    for name in ("venue.db", "venue.db-wal"):
        (folder / name).unlink()
    with open_journal(str(folder / "other.db")) as journal:
        journal.append([(at + 1, what) for at, what in commands(PROMISED)])
    (folder / "other.db").rename(folder / "venue.db")


def older_copy(folder: Path) -> None:
    (folder / "venue.db-wal").unlink()
    shutil.copy(folder / "older" / "venue.db", folder / "venue.db")


ANY = range(1, PROMISED + 2)
KINDS: dict[str, tuple[Callable[[Path], object], str, str, range]] = {
    # what was done: how, what is said, of which file, at which record
    "a bit in a command": (
        lambda f: flip(f / "venue.db", where(f / "venue.db", 50) + 20),
        "not as it was written: content and check disagree",
        "venue.db",
        range(50, 51),
    ),
    "a wiped sector of the database": (
        lambda f: wipe(f / "venue.db", where(f / "venue.db", 120) // 512 * 512),
        "content and check disagree|breaks off here|missing before record",
        "venue.db",
        range(100, 130),
    ),
    "the database cut short": (
        lambda f: cut(f / "venue.db", 8_192),
        "the database breaks off here",
        "venue.db",
        ANY,
    ),
    "the first page of the database overwritten": (
        lambda f: (f / "venue.db-wal").unlink() or wipe(f / "venue.db", 0, 100),  # type: ignore[func-returns-value]
        "the database cannot be read",
        "venue.db",
        range(1, 2),
    ),
    "the database deleted": (
        lambda f: [(f / name).unlink() for name in ("venue.db", "venue.db-wal")],
        "the database is gone",
        "",
        range(1, 2),
    ),
    "a bit in the log": (
        lambda f: flip(f / "venue.db-wal", 32 + 5 * 4_120 + 2_000),
        "the end is missing",
        "venue.db-wal",
        range(CLOSED + 1, PROMISED + 1),
    ),
    "a wiped sector of the log": (
        lambda f: wipe(f / "venue.db-wal", 32 + 9 * 4_120),
        "the end is missing",
        "venue.db-wal",
        range(CLOSED + 1, PROMISED + 1),
    ),
    "the log cut short": (
        lambda f: cut(f / "venue.db-wal", 32 + 9 * 4_120 + 1_024),
        "the end is missing",
        "venue.db-wal",
        range(CLOSED + 1, PROMISED + 1),
    ),
    "the log deleted": (
        lambda f: (f / "venue.db-wal").unlink(),
        "the end is missing",
        "venue.db",
        range(CLOSED + 1, CLOSED + 2),
    ),
    "an older copy restored": (older_copy, "the end is missing", "venue.db", range(CLOSED + 1, CLOSED + 2)),
    "another journal in its place": (
        another_journal,
        "not of the journal to which the high-water mark belongs",
        "",
        range(PROMISED, PROMISED + 1),
    ),
    "the mark deleted": (
        lambda f: (f / "venue.db.mark").unlink(),
        "the high-water mark is missing",
        "venue.db.mark",
        range(PROMISED + 1, PROMISED + 2),
    ),
    "the mark overwritten": (
        lambda f: wipe(f / "venue.db.mark", 0, 8_192),
        "the high-water mark is damaged",
        "venue.db.mark",
        range(PROMISED + 1, PROMISED + 2),
    ),
    "a record taken out": (
        lambda f: change(f, "DELETE FROM records WHERE sequence = 70"),
        "missing before record 71: 70",
        "venue.db",
        range(70, 71),
    ),
    "the record at the mark overwritten with what is no check": (
        no_check_at_the_mark,
        "content and check disagree",
        "venue.db",
        range(PROMISED, PROMISED + 1),
    ),
    "two records exchanged": (exchange_two, "content and check disagree", "venue.db", range(60, 61)),
    "a record altered": (
        lambda f: change(f, "UPDATE records SET time = time + 1 WHERE sequence = 319"),
        "content and check disagree",
        "venue.db",
        range(319, 320),
    ),
}


def open_and_read(url: str) -> None:
    """As a venue comes back: what lies before the mark is read once, by whoever replays it."""
    with open_journal(url, promised_head(url)) as journal:
        recover(journal)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_refused_with_its_place(kind: str, folder: Path) -> None:
    harm, said, file, records = KINDS[kind]
    harm(folder)
    before = {path.name: path.read_bytes() for path in folder.glob("venue.db*") if path.suffix != ".db-shm"}
    for opening in (read_journal, open_journal, open_and_read):
        with pytest.raises(LiveJournalDamaged, match=said) as caught:
            opening(str(folder / "venue.db"))
        fault = caught.value
        assert fault.sequence in records
        assert Path(fault.path).name == file
        assert f"record {fault.sequence}" in str(fault)
        if fault.offset is not None:
            assert f"byte {fault.offset} of {fault.path}" in str(fault)
    after = {path.name: path.read_bytes() for path in folder.glob("venue.db*")}
    assert {name: after.get(name) for name in before} == before  # nothing was changed that an expert may need


def test_the_offset_is_that_of_the_damage(folder: Path) -> None:
    at = where(folder / "venue.db", 50)
    flip(folder / "venue.db", at + 20)
    with pytest.raises(LiveJournalDamaged) as caught:
        read_journal(str(folder / "venue.db"))
    assert caught.value.offset is not None
    assert 0 <= at - caught.value.offset < 64  # the record begins with the check of the one before it


def test_the_offset_in_the_log_is_the_frame_that_cannot_be_followed(folder: Path) -> None:
    flip(folder / "venue.db-wal", 32 + 5 * 4_120 + 2_000)
    with pytest.raises(LiveJournalDamaged) as caught:
        read_journal(str(folder / "venue.db"))
    assert caught.value.offset == 32 + 5 * 4_120


def test_what_is_whole_of_a_damaged_journal_can_be_saved(folder: Path) -> None:
    flip(folder / "venue.db", where(folder / "venue.db", 50) + 20)
    copied = copy(str(folder / "venue.db"), str(folder / "saved.db"), whole=True)
    assert copied.records == 49
    assert copied.stopped is not None
    with open_journal(str(folder / "saved.db")) as journal:
        assert state_hash(recover(journal)) == hash_after(49)


# --- what does no harm ----------------------------------------------------------------------------------


def tear_one_place_of_the_mark(folder: Path) -> None:
    """The place that was not written last: as a cut of power in the middle of the next would leave it."""
    content = (folder / "venue.db.mark").read_bytes()
    older = min((0, 4_096), key=lambda at: content[at + 8 : at + 16])
    wipe(folder / "venue.db.mark", older, 20)


def half_a_frame(folder: Path) -> None:
    with (folder / "venue.db-wal").open("ab") as log:
        log.write(b"\x07" * 1_000)


@pytest.mark.parametrize("harm", [tear_one_place_of_the_mark, half_a_frame, lambda folder: None])
def test_what_a_crash_leaves_behind_does_no_harm(harm: Callable[[Path], None], folder: Path) -> None:
    harm(folder)
    with open_journal(str(folder / "venue.db")) as journal:
        assert journal.head.sequence == PROMISED
        assert journal.torn is None
        assert state_hash(recover(journal)) == hash_after(PROMISED)
        journal.append(commands(5, PROMISED))


def test_a_torn_end_is_cut_where_nothing_was_promised(folder: Path) -> None:
    """Three more records without a mark; the second of them is torn, so it and the third go."""
    mark = (folder / "venue.db.mark").read_bytes()
    with open_journal(str(folder / "venue.db")) as journal:
        journal.append(commands(3, PROMISED))
    (folder / "venue.db.mark").write_bytes(mark)
    change(folder, f"UPDATE records SET command = x'7b' WHERE sequence = {PROMISED + 2}")
    with read_journal(str(folder / "venue.db")) as journal:
        assert journal.torn == (
            f"behind record {PROMISED + 1} lay what nobody was promised, torn:"
            " not as it was written: content and check disagree"
        )
    with open_journal(str(folder / "venue.db")) as journal:
        assert journal.torn is not None
        assert journal.head.sequence == PROMISED + 1
        journal.append(commands(2, PROMISED + 1))
    with open_journal(str(folder / "venue.db")) as journal:
        assert journal.torn is None
        assert [(at, what) for _, at, what in journal.read()] == commands(PROMISED + 3)


def test_before_a_torn_end_is_cut_off_all_is_read(folder: Path) -> None:
    with (folder / "venue.db.mark").open("rb") as mark:
        promised = mark.read()
    with open_journal(str(folder / "venue.db")) as journal:
        journal.append(commands(3, PROMISED))
    (folder / "venue.db.mark").write_bytes(promised)
    change(
        folder,
        f"UPDATE records SET command = x'7b' WHERE sequence = {PROMISED + 2}",
        "UPDATE records SET command = x'7b' WHERE sequence = 60",
    )
    url = str(folder / "venue.db")
    with pytest.raises(LiveJournalDamaged, match="record 60"):
        open_journal(url, promised_head(url))
    with sqlite3.connect(folder / "venue.db") as reader:
        assert reader.execute("SELECT max(sequence) FROM records").fetchone() == (PROMISED + 3,)


def test_a_mark_is_raised_over_nothing_that_was_not_read(folder: Path) -> None:
    """Whole records lie behind it, and damage far before it: a start that fails changes nothing."""
    mark = (folder / "venue.db.mark").read_bytes()
    url = str(folder / "venue.db")
    with open_journal(url) as journal:
        journal.append(commands(3, PROMISED))
    (folder / "venue.db.mark").write_bytes(mark)
    with open_journal(url, promised_head(url)) as journal:
        assert journal.head.sequence == PROMISED + 3
        assert (folder / "venue.db.mark").read_bytes() == mark
        assert len(list(journal.read())) == PROMISED + 3
        journal.promise()
        assert promised_head(url) == journal.head
    (folder / "venue.db.mark").write_bytes(mark)
    change(folder, "UPDATE records SET time = time + 1 WHERE sequence = 60")
    with pytest.raises(LiveJournalDamaged, match="record 60"):
        open_and_read(url)
    assert (folder / "venue.db.mark").read_bytes() == mark


def test_what_is_read_from_a_record_on_that_is_gone_is_damaged_and_not_empty(folder: Path) -> None:
    change(folder, "DELETE FROM records WHERE sequence = 70")
    url = str(folder / "venue.db")
    with (
        open_journal(url, promised_head(url)) as journal,
        pytest.raises(LiveJournalDamaged, match=r"record 70, byte .*: missing before record 71"),
    ):
        list(journal.read(70))


def test_whole_records_behind_the_mark_stay_and_are_promised_from_then_on(folder: Path) -> None:
    mark = (folder / "venue.db.mark").read_bytes()
    with open_journal(str(folder / "venue.db")) as journal:
        journal.append(commands(3, PROMISED))
    (folder / "venue.db.mark").write_bytes(mark)
    open_journal(str(folder / "venue.db")).close()
    change(folder, f"DELETE FROM records WHERE sequence = {PROMISED + 3}")
    with pytest.raises(LiveJournalDamaged, match="the end is missing"):
        open_journal(str(folder / "venue.db"))


def test_a_making_that_was_interrupted_begins_again(tmp_path: Path) -> None:
    open_journal(str(tmp_path / "whole.db")).close()
    shutil.copy(tmp_path / "whole.db.mark", tmp_path / "venue.db.mark")
    with open_journal(str(tmp_path / "venue.db")) as journal:
        journal.append(commands(3))
    shutil.copy(tmp_path / "whole.db.mark", tmp_path / "again.db.mark")
    (tmp_path / "again.db").touch()
    with open_journal(str(tmp_path / "again.db")) as journal:
        assert journal.head.sequence == 0

"""The journal finds every kind of damage, says where, and otherwise gives back what was written."""

import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import journal
from exchange.access.regime import Applicant, ApplicantKind
from exchange.commands import (
    ApplyForAccess,
    CancelOrder,
    Command,
    FreezeWallet,
    PlaceOrder,
    ReportQuotes,
    VenueQuote,
)
from exchange.events import CancelCause, Entry, OrderCanceled
from exchange.journal import JournalDamaged, JournalWriter, RecordDigest
from exchange.units import AssetId, IndexId, InstrumentId, Time, WalletId
from matching.terms import OrderId, ParticipantId, Side

BTC = InstrumentId("BTC_RUBD-25DEC26")
ANN = ParticipantId("ann")


def order(number: int) -> PlaceOrder:
    return PlaceOrder(
        participant_id=ANN, client_order_id=number, instrument_id=BTC, side=Side.BUY, quantity=3, price=80_000
    )


def write(path: Path, commands: list[tuple[Time, Command]]) -> JournalWriter:
    with JournalWriter(path) as writer:
        for time, command in commands:
            writer.append(time, command)
    return writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of five orders: entry k stands on line k + 1, the closing line on line 7."""
    path = tmp_path / "commands.jsonl"
    write(path, [(1_000 + k, order(k)) for k in range(1, 6)])
    return path


def damaged(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> JournalDamaged:
    """What reading says after `change` has been made to the lines."""
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(JournalDamaged) as caught:
        list(journal.read(path))
    return caught.value


def says(fault: JournalDamaged, *, line: int, entry: int, what: str) -> bool:
    return (fault.line, fault.entry) == (line, entry) and f"line {line}: {what}" in str(fault)


# --- what was written comes back ------------------------------------------------------------------------


def test_commands_come_back_with_their_times(tmp_path: Path) -> None:
    written: list[tuple[Time, Command]] = [
        (0, order(1)),
        (0, CancelOrder(participant_id=ANN, order_id=OrderId(7))),
        (
            1_790_000_000_000_000_001,
            FreezeWallet(
                asset_id=AssetId("RUBD"),
                wallet_id=WalletId('odd "name"\n\\ €'),
                order_ref="",
                signatures=("a", "b"),
                into=False,
            ),
        ),
    ]
    writer = write(tmp_path / "j", written)
    assert list(journal.read(tmp_path / "j")) == written
    assert writer.commands == 3


def test_a_journal_without_commands_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "j", [])
    assert list(journal.read(tmp_path / "j")) == []


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(min_value=-(2**200), max_value=2**200),
            st.integers(min_value=-(2**70), max_value=2**70),
            st.text(st.characters(exclude_categories=["Cs"])),
        )
    )
)
def test_any_whole_number_and_any_text_survive(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, str]]
) -> None:
    written: list[tuple[Time, Command]] = []
    for time, amount, text in rows:
        applicant = Applicant(kind=ApplicantKind.COMPANY, own_funds=amount, incomes=(amount, 0))
        quote = VenueQuote(venue=text, bid=amount, ask=amount, at=time)
        written += [
            (time, ReportQuotes(index_id=IndexId(text), quotes=(quote, quote))),
            (time, ApplyForAccess(participant_id=ANN, applicant=applicant, wallet_id=WalletId(text))),
        ]
    path = tmp_path_factory.mktemp("journal") / "j"
    write(path, written)
    assert list(journal.read(path)) == written


def test_a_journal_is_never_written_over(path: Path) -> None:
    with pytest.raises(FileExistsError):
        JournalWriter(path)
    assert len(list(journal.read(path))) == 5


def test_the_check_of_the_writer_is_that_of_the_last_line(tmp_path: Path) -> None:
    writer = write(tmp_path / "j", [(1, order(1))])
    assert (tmp_path / "j").read_text().endswith(f',"{writer.check}"]\n')


def test_a_journal_that_an_exception_leaves_reads_as_cut_off(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), JournalWriter(tmp_path / "j") as writer:
        writer.append(1, order(1))
        raise KeyboardInterrupt
    with pytest.raises(JournalDamaged, match="ends after entry 1, without its closing line"):
        list(journal.read(tmp_path / "j"))


# --- each kind of damage --------------------------------------------------------------------------------


def test_everything_before_the_damage_is_handed_out(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"client_order_id":4', b'"client_order_id":9'))
    read = journal.read(path)
    assert [next(read) for _ in range(3)] == [(1_000 + k, order(k)) for k in (1, 2, 3)]
    with pytest.raises(JournalDamaged):
        next(read)


def test_a_cut_line(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines[:4], lines[4][:60]])
    assert says(fault, line=5, entry=4, what="the file breaks off in the middle of entry 4")


def test_a_cut_closing_line(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines[:6], lines[6][:-1]])
    assert says(fault, line=7, entry=6, what="the file breaks off in the middle of the closing line")


def test_a_cut_at_the_end_of_a_line(path: Path) -> None:
    fault = damaged(path, lambda lines: lines[:4])
    assert says(fault, line=4, entry=4, what="the file ends after entry 3, without its closing line")


def test_a_cut_after_the_first_line(path: Path) -> None:
    fault = damaged(path, lambda lines: lines[:1])
    assert says(fault, line=1, entry=1, what="the file ends after the first line, without its closing line")


def test_swapped_lines(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]])
    assert says(fault, line=4, entry=3, what="entry 3 is out of order: entry 4 stands before it")


def test_the_closing_line_before_the_last_entry(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines[:5], lines[6], lines[5]])
    assert says(fault, line=6, entry=5, what="entry 5 is out of order: the closing line stands before it")


def test_a_doubled_line(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines[:4], lines[3], *lines[4:]])
    assert says(fault, line=5, entry=4, what="entry 3 stands here again; entry 4 should stand here")


def test_a_missing_line(path: Path) -> None:
    fault = damaged(path, lambda lines: lines[:3] + lines[4:])
    assert says(fault, line=4, entry=3, what="missing before entry 4: entry 3")


def test_missing_lines(path: Path) -> None:
    fault = damaged(path, lambda lines: lines[:1] + lines[4:])
    assert says(fault, line=2, entry=1, what="missing before entry 4: entries 1 to 3")


def test_missing_last_lines(path: Path) -> None:
    fault = damaged(path, lambda lines: lines[:4] + lines[6:])
    assert says(fault, line=5, entry=4, what="missing before the closing line: entries 4 to 5")


def test_garbage_between_entries(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines[:3], b"\x00\xffgarbage\n", *lines[3:]])
    what = "neither an entry nor the closing line; entry 3 should stand here"
    assert says(fault, line=4, entry=3, what=what)


def test_something_after_the_closing_line(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines, lines[6]])
    assert says(fault, line=8, entry=6, what="something stands after the closing line")


def test_a_line_of_another_journal(path: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", [(1_000 + k, order(k + 1)) for k in range(1, 6)])
    alien = (tmp_path / "other").read_bytes().splitlines(keepends=True)
    fault = damaged(path, lambda lines: [*lines[:3], alien[3], *lines[4:]])
    assert says(fault, line=4, entry=3, what="entry 3 is not as it was written")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b",1003,", b",1013,"),  # time
        (b"PlaceOrder", b"PlaceOrdes"),  # kind
        (b'"ann"', b'"bnn"'),  # a text
        (b'"quantity":3', b'"quantity":4'),  # a number
        (b"false", b"true "),  # a truth
        (b'"]\n', b"0]\n"),  # behind the check
    ],
)
def test_a_changed_field(path: Path, old: bytes, new: bytes) -> None:
    fault = damaged(path, lambda lines: [*lines[:3], lines[3].replace(old, new), *lines[4:]])
    assert says(fault, line=4, entry=3, what="entry 3 is not as it was written: content and check disagree")


def test_a_changed_check(path: Path) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        digit = b"1" if lines[3][-4:-3] != b"1" else b"2"
        return [*lines[:3], lines[3][:-4] + digit + lines[3][-3:], *lines[4:]]

    assert says(damaged(path, change), line=4, entry=3, what="entry 3 is not as it was written")


def test_a_changed_number(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines[:3], lines[3].replace(b"[3,", b"[8,"), *lines[4:]])
    assert says(fault, line=4, entry=3, what="the number in entry 3 has been changed")


def test_a_changed_count(path: Path) -> None:
    fault = damaged(path, lambda lines: [*lines[:6], lines[6].replace(b",5,", b",6,")])
    assert says(fault, line=7, entry=6, what="the number in the closing line has been changed")


@settings(deadline=None)
@given(st.data())
def test_no_character_can_be_changed_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    write(path, [(1_000 + k, order(k)) for k in range(1, 6)])
    text = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[at]))
    line = 1 + path.read_bytes()[:at].count(b"\n")
    path.write_bytes(text)
    with pytest.raises(JournalDamaged) as caught:
        list(journal.read(path))
    assert (caught.value.line, caught.value.entry) == (line, max(1, line - 1))


@settings(deadline=None)
@given(st.data())
def test_no_cut_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    write(path, [(1_000 + k, order(k)) for k in range(1, 6)])
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(JournalDamaged):
        list(journal.read(path))


# --- what is no journal ---------------------------------------------------------------------------------


def test_an_empty_file(path: Path) -> None:
    fault = damaged(path, lambda lines: [])
    assert says(fault, line=1, entry=1, what="the file is empty")


def test_another_kind_of_file(path: Path) -> None:
    fault = damaged(path, lambda lines: [b'{"scenario": "calm_day"}\n'])
    assert says(fault, line=1, entry=1, what="this is not a journal, or its first line is damaged")
    assert str(fault).endswith("Name the journal of a run folder.")


def test_a_journal_of_another_version(path: Path) -> None:
    fault = damaged(path, lambda lines: [b'["ringfence journal",2]\n', *lines[1:]])
    assert says(fault, line=1, entry=1, what="this is a journal of another version")
    assert str(fault).endswith("Read it with the version of ringfence that wrote it.")


def test_a_command_that_this_version_does_not_know(tmp_path: Path) -> None:
    stranger = Applicant(kind=ApplicantKind.COMPANY)  # a message, but no command
    write(tmp_path / "j", [(1, order(1)), (2, stranger)])  # type: ignore[list-item]
    with pytest.raises(JournalDamaged, match="entry 2 is whole, but no command that this version knows"):
        list(journal.read(tmp_path / "j"))


# --- the digest -----------------------------------------------------------------------------------------


def some_entries(count: int) -> list[Entry]:
    return [
        Entry(
            sequence=number,
            time=1_000 + number,
            event=OrderCanceled(
                participant_id=ANN,
                order_id=OrderId(number),
                client_order_id=number,
                instrument_id=BTC,
                remaining=number % 7,
                cause=CancelCause.REQUESTED,
            ),
        )
        for number in range(1, count + 1)
    ]


def digest_of(blocks: list[list[Entry]]) -> str:
    digest = RecordDigest()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


@settings(deadline=None)
@given(st.lists(st.integers(0, 1_300), max_size=6))
def test_the_digest_does_not_depend_on_how_many_entries_arrive_at_a_time(cuts: list[int]) -> None:
    entries = some_entries(1_300)
    edges = [0, *sorted(cuts), 1_300]
    blocks = [entries[start:end] for start, end in pairwise(edges)]
    assert digest_of(blocks) == digest_of([entries])


def test_the_digest_may_be_asked_on_the_way() -> None:
    entries = some_entries(10)
    digest = RecordDigest()
    digest.update(entries[:4])
    assert digest.hexdigest() == digest_of([entries[:4]])
    digest.update(entries[4:])
    assert digest.hexdigest() == digest_of([entries])


def test_the_digest_sees_order_number_time_and_event() -> None:
    one, two = some_entries(2)
    digests = {
        digest_of([block])
        for block in (
            [],
            [one],
            [one, two],
            [two, one],
            [Entry(sequence=2, time=one.time, event=one.event)],
            [Entry(sequence=one.sequence, time=0, event=one.event)],
            [Entry(sequence=one.sequence, time=one.time, event=two.event)],
        )
    }
    assert len(digests) == 7


def test_the_digest_is_that_of_the_entries_as_lines_of_json() -> None:
    """Written out by hand: it must not change with a Python version, a platform or a library's release."""
    line = (
        '[%d,%d,{"type":"OrderCanceled","participant_id":"ann","order_id":%d,"client_order_id":%d,'
        '"instrument_id":"BTC_RUBD-25DEC26","remaining":%d,"cause":"requested"}]\n'
    )
    text = line % (1, 1001, 1, 1, 1) + line % (2, 1002, 2, 2, 2)
    assert digest_of([some_entries(2)]) == sha256(text.encode()).hexdigest()


def test_the_digest_is_the_same_under_another_hash_seed() -> None:
    program = "from tests.exchange.test_journal import *; print(digest_of([some_entries(600)]))"
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {digest_of([some_entries(600)])}

"""The journal in a real PostgreSQL server: durable, one writer, fenced, and the same records as anywhere."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.journal import (
    JournalFailed,
    JournalInUse,
    JournalUnusable,
    LiveJournalDamaged,
    open_journal,
    read_journal,
    recover,
    state_hash,
)
from exchange.journal.copying import copy
from scenarios.founding import Asked, Founded, found, resume
from scenarios.venue_folder import Place
from scenarios.venue_image import IMAGES
from tests.reliability.stream import commands, hash_after

ADDRESS = os.environ.get("RINGFENCE_TEST_POSTGRESQL", "")  # of a server that may be written to
DEBIAN = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)  # on nobody's path there
INITDB = shutil.which("initdb") or (DEBIAN and str(DEBIAN))
AS_POSTGRES = ["runuser", "-u", "postgres", "--"] if os.name == "posix" and os.getuid() == 0 else []

if os.environ.get("CI"):
    import psycopg
else:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    if not ADDRESS and INITDB is None:
        pytest.skip("there is no PostgreSQL here", allow_module_level=True)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server, ours for these tests unless one is given."""
    if ADDRESS:
        yield ADDRESS
        return
    assert INITDB is not None, "CI needs PostgreSQL: initdb, or RINGFENCE_TEST_POSTGRESQL"
    made = subprocess.run([*AS_POSTGRES, "mktemp", "-d"], check=True, capture_output=True, text=True)
    folder = Path(made.stdout.strip())
    tools = Path(INITDB).resolve().parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*AS_POSTGRES, str(tools / "pg_ctl"), "-D", str(folder / "base"), "-w"]
    subprocess.run(
        [*AS_POSTGRES, str(tools / "initdb"), "-D", str(folder / "base"), "-A", "trust", "-U", "postgres"],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [*control, "-l", str(folder / "log"), "-o", options, "start"], check=True, stdout=subprocess.DEVNULL
    )
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """An empty schema of its own."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS ringfence_test CASCADE; CREATE SCHEMA ringfence_test")
        yield f"{server}?options=-csearch_path%3Dringfence_test"


def change(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(statement)


def test_it_goes_on_where_it_ended_and_recovers(url: str) -> None:
    for first in (0, 40):
        with open_journal(url) as journal:
            assert journal.head.sequence == first
            journal.append(commands(30, first))
            journal.append(commands(10, first + 30))
    with open_journal(url) as journal:
        assert [(at, what) for _, at, what in journal.read()] == commands(80)
        assert [n for n, _, _ in journal.read(after=78)] == [79, 80]
        assert state_hash(recover(journal)) == hash_after(80)


def test_it_holds_the_same_records_as_a_file(url: str, tmp_path: Path) -> None:
    with open_journal(url) as journal:
        journal.append(commands(50))
        head = journal.head
    assert copy(url, str(tmp_path / "venue.db")) == (50, None)
    with open_journal(str(tmp_path / "venue.db")) as journal:
        assert journal.head == head


def test_a_second_server_is_refused_and_the_first_goes_on(url: str) -> None:
    with open_journal(url) as journal:
        with pytest.raises(JournalInUse, match="in use by another server"):
            open_journal(url)
        journal.append(commands(5))
        with read_journal(url) as other:
            assert len(list(other.read())) == 5
    open_journal(url).close()


def test_a_server_that_was_taken_over_is_fenced_off(url: str, server: str) -> None:
    """It lost its lock without knowing it: another one opened the journal, and nothing of the first is written."""
    with open_journal(url) as first:
        first.append(commands(5))
        change(server, "UPDATE ringfence_test.ringfence_writer SET epoch = epoch + 1")
        with pytest.raises(
            JournalFailed, match="another server has taken over; nothing of this batch was written"
        ):
            first.append(commands(5, 5))
        with pytest.raises(JournalFailed, match="takes nothing more"):
            first.append(commands(5, 5))
    with open_journal(url) as second:
        assert second.head.sequence == 5


def test_a_lost_connection_is_an_unknown_outcome(url: str, server: str) -> None:
    with open_journal(url) as journal:
        journal.append(commands(5))
        change(
            server,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'",
        )
        with pytest.raises(JournalFailed, match="outcome is unknown"):
            journal.append(commands(5, 5))
    with open_journal(url) as journal:
        assert journal.head.sequence in (5, 10)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE {} SET time = time + 1 WHERE sequence = 20", r"record 20: not as it was written"),
        ("DELETE FROM {} WHERE sequence = 20", r"record 20: missing before record 21: 20"),
    ],
)
def test_what_was_altered_is_found(url: str, server: str, statement: str, said: str) -> None:
    with open_journal(url) as journal:
        journal.append(commands(30))
    change(server, statement.format("ringfence_test.ringfence_records"))
    with pytest.raises(LiveJournalDamaged, match=said):
        open_journal(url)


def test_a_database_without_a_journal_is_none(url: str) -> None:
    with pytest.raises(JournalUnusable, match="there is no journal"):
        read_journal(url)


def test_sentences_name_no_password(server: str) -> None:
    wrong = server.replace("postgres@", "postgres:secret@").rsplit("/", 1)[0] + "/nowhere"
    with pytest.raises(JournalUnusable, match="does not answer") as caught:
        open_journal(wrong)
    assert "secret" not in str(caught.value)


def test_a_venue_that_is_kept_here_comes_back(url: str, tmp_path: Path) -> None:
    asyncio.run(
        _lived(found("market_day", "ru_open_counterfactual", population=5, place=Place(tmp_path, url)))
    )
    with read_journal(url) as journal:
        was = state_hash(recover(journal))
    back = resume(Place(tmp_path, url), Asked())
    assert state_hash(back.gateway.venue.exchange) == was
    with pytest.raises(JournalInUse):
        resume(Place(tmp_path, url), Asked())
    asyncio.run(back.gateway.venue.stop())
    secrets = [key.secret.encode() for key in back.gateway.ring]
    written = (tmp_path / "venue.json").read_bytes()
    with read_journal(url) as journal:
        assert not any(secret in record.command for secret in secrets for record in journal.records())
    assert not any(secret in written for secret in secrets)


def test_a_venue_that_is_kept_here_comes_back_from_an_image(url: str, server: str, tmp_path: Path) -> None:
    """Images lie in the folder, the journal here: each is held against the record that it was made after."""
    asyncio.run(
        _lived(
            found(
                "market_day", "ru_open_counterfactual", population=5, speed=120.0, place=Place(tmp_path, url)
            )
        )
    )
    with read_journal(url) as journal:
        was, head = state_hash(recover(journal)), journal.head.sequence
    back = resume(Place(tmp_path, url), Asked())
    assert back.story[-1].endswith(", 0 of them after an image")
    assert state_hash(back.gateway.venue.exchange) == was
    asyncio.run(_lived(back))
    with read_journal(url) as journal:
        assert journal.head.sequence > head, "it lived on, and was kept again"
        was = state_hash(recover(journal))
    newest = max((tmp_path / IMAGES).iterdir())
    newest.unlink()
    from_the_older = resume(Place(tmp_path, url), Asked())
    assert not from_the_older.story[-1].endswith(" 0 of them after an image")
    assert "after an image" in from_the_older.story[-1]
    assert state_hash(from_the_older.gateway.venue.exchange) == was
    asyncio.run(from_the_older.gateway.venue.stop())


def test_an_image_of_another_journal_is_passed_over(url: str, server: str, tmp_path: Path) -> None:
    asyncio.run(
        _lived(
            found(
                "market_day", "ru_open_counterfactual", population=5, speed=120.0, place=Place(tmp_path, url)
            )
        )
    )
    change(server, LAST_TAKEN_OUT)
    back = resume(Place(tmp_path, url), Asked())
    assert any(said.endswith("is of another journal") for said in back.story)
    assert "after an image" not in back.story[-1], "it has lived its whole life again"
    asyncio.run(back.gateway.venue.stop())


LAST_TAKEN_OUT = (
    "DELETE FROM ringfence_test.ringfence_records"
    " WHERE sequence = (SELECT max(sequence) FROM ringfence_test.ringfence_records)"
)


async def _lived(founded: Founded) -> None:
    founded.gateway.venue.start()
    await asyncio.sleep(0.3)
    await founded.gateway.venue.stop()

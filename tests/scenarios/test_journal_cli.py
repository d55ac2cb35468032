"""`ringfence journal`: sentences, exit codes, and what is written."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.journal import open_journal
from scenarios.cli import app
from tests.reliability.stream import commands, hash_after

DAMAGED, REFUSED = 65, 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "venue.db"
    with open_journal(str(path)) as journal:
        journal.append(commands(40))
    return path


def ringfence(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["journal", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def damage(path: Path) -> None:
    content = path.read_bytes()
    at = content.index(b'"client_order_id"')
    path.write_bytes(content[:at] + b"X" + content[at + 1 :])


@pytest.mark.parametrize("name", ["{}", "sqlite:///{}"])
def test_verify_counts_and_tells_the_state(path: Path, name: str) -> None:
    code, said, _ = ringfence("verify", name.format(path), "--replay")
    assert code == 0
    assert "40 records, whole; check " in said
    assert f"40 commands replayed from the beginning; state {hash_after(40)}" in said


def test_verify_tells_damage_with_its_place_and_exit_code_65(path: Path) -> None:
    damage(path)
    code, _, said = ringfence("verify", path)
    assert code == DAMAGED
    assert "byte " in said and "content and check disagree. Restore the whole journal from a copy" in said


def test_verify_of_what_is_no_journal(tmp_path: Path) -> None:
    assert ringfence("verify", tmp_path / "nothing.db")[0] == REFUSED
    assert list(tmp_path.iterdir()) == []


def test_export_writes_a_line_for_each_record(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "records.jsonl"
    assert ringfence("export", path, "--out", out)[0] == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, 41))
    assert lines[0]["command"]["type"] == "EstablishVenue"
    assert all(line["previous"] == before["check"] for before, line in pairwise(lines))
    assert ringfence("export", path, "--out", out)[0] == REFUSED  # never over another file
    said = ringfence("export", path, "--after", 38)[1]
    assert [json.loads(line)["sequence"] for line in said.splitlines()] == [39, 40]


def test_copy_and_snapshot_make_a_start_quick(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    assert ringfence("copy", path, f"sqlite:///{new}")[1] == f"40 records copied to sqlite:///{new}\n"
    assert ringfence("snapshot", new)[0] == 0
    assert "0 commands replayed from the snapshot at record 40" in ringfence("verify", new, "--replay")[1]


def test_copy_saves_what_is_whole(path: Path, tmp_path: Path) -> None:
    damage(path)
    new = tmp_path / "new.db"
    assert ringfence("copy", path, tmp_path / "refused.db")[0] == DAMAGED
    code, said, behind = ringfence("copy", path, new, "--whole")
    assert code == 0
    assert "records copied to" in said
    assert "not copied: what lies behind" in behind


def test_a_journal_in_use_can_be_verified_and_snapped_but_not_written_to(path: Path, tmp_path: Path) -> None:
    with open_journal(str(path)):
        assert ringfence("verify", path)[0] == 0
        assert ringfence("snapshot", path)[0] == 0
        code, _, said = ringfence("copy", path, path)
        assert code == REFUSED
        assert "is in use by another server" in said

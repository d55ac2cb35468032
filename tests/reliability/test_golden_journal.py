"""Journals of every schema there ever was still read, and replay to what they came to when they were written."""

import json
import shutil
from pathlib import Path

import pytest

from exchange.journal import open_journal, recover, versions
from exchange.journal.copying import copy
from tests.reliability.golden_journal import FOLDER

OLD = sorted(FOLDER.glob("schema_*.db"))


def test_there_is_one_of_this_schema() -> None:
    assert FOLDER / f"schema_{versions.SCHEMA}.db" in OLD


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.stem)
def test_an_old_journal_replays_to_what_it_came_to(old: Path, tmp_path: Path) -> None:
    for name in (old.name, f"{old.name}.mark"):
        shutil.copy(FOLDER / name, tmp_path / name)
    told = json.loads(old.with_suffix(".json").read_text())
    assert copy(str(tmp_path / old.name), str(tmp_path / "new.db")) == (told["records"], None)
    with open_journal(str(tmp_path / "new.db")) as journal:
        venue = recover(journal)
        if old.stem == f"schema_{versions.SCHEMA}":
            assert journal.head.check == told["check"]
    assert (venue.sequence, venue.state.ledger.head()) == (told["entries"], told["ledger"])

"""Killed at any moment, or cut off from power: what was acknowledged is there, once, and leads to the same state."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import power

ROOT = Path(__file__).parents[2]
needs_strace = pytest.mark.skipif(
    power.STRACE is None and not os.environ.get("CI"),
    reason="strace, which notes what is synced, is not here",
)


def test_forty_kills_lose_double_and_alter_nothing() -> None:
    """In a process of its own, which forks: tests/reliability/kill.py."""
    command = [sys.executable, "-m", "tests.reliability.kill", "40", "20261122"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "40 kills (seed 20261122)" in done.stdout


def test_forty_kills_of_a_serving_venue_lose_double_and_undo_nothing() -> None:
    """Through its websockets, with people inside: tests/reliability/kill_serve.py."""
    command = [sys.executable, "-m", "tests.reliability.kill_serve", "40", "20261122"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "40 kills of a serving venue (seed 20261122)" in done.stdout
    found = re.search(r"(\d+) starts from an image, (\d+) images passed over", done.stdout)
    assert found and int(found[1]) >= 10 and int(found[2]) >= 1, "images are used, and damaged ones are not"


def recorded(tmp_path: Path, synchronous: str) -> tuple[list[power.Call], str]:
    folder = tmp_path.resolve() / "journal"
    folder.mkdir()
    return power.record(folder, synchronous), str(folder)


@needs_strace
def test_sixty_cuts_of_power_lose_double_and_alter_nothing(tmp_path: Path) -> None:
    losses = power.cut(*recorded(tmp_path, "FULL"), cuts=60, seed=20261122)
    assert losses.cuts == 60
    assert losses.faults == []


@needs_strace
def test_cuts_of_power_find_a_database_that_is_not_synced(tmp_path: Path) -> None:
    """The same test, of a database that hands its commits to the system and hopes."""
    losses = power.cut(*recorded(tmp_path, "OFF"), cuts=30, seed=20261122)
    assert len(losses.faults) >= 10


@needs_strace
def test_cuts_of_power_find_an_answer_that_leaves_too_early(tmp_path: Path) -> None:
    """Each acknowledgement moved before the last sync that it should have waited for."""
    calls, folder = recorded(tmp_path, "FULL")
    for at in [at for at, call in enumerate(calls) if call.what == "acknowledged"]:
        sync = max(
            before
            for before in range(at)
            if calls[before].path.endswith("-wal") and calls[before].what == "sync"
        )
        calls.insert(sync, calls.pop(at))
    assert power.cut(calls, folder, cuts=60, seed=20261122).faults

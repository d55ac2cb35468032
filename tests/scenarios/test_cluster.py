"""The same comparison by workers elsewhere: over the wire, one of them killed, and refused where that is unsafe."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scenarios import Scenario
from scenarios.carried import Carried, OtherVersionError
from scenarios.cli import app
from scenarios.cluster import ClusterError, cluster
from scenarios.compare import Comparison, Design, Progress, SourceFile, compare
from scenarios.design import regime_source
from scenarios.extras import ExtraMissingError
from scenarios.run import run_cell
from scenarios.sweep import TeamLostError
from tests.scenarios.small_worlds import short_day

ROOT = Path(__file__).parents[2]
OPEN, SUPER = "ru_open_counterfactual", "ru_elr_super_2025"


class LocalCluster:
    """A scheduler and two workers, each a process of its own whose working folder is its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._file = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", self._file)
        self._wait(self._file.exists)
        self.workers = [self._worker(name) for name in ("first", "second")]
        from distributed import Client

        with Client(scheduler_file=str(self._file), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
            self.address = client.scheduler.address

    def _worker(self, name: str) -> subprocess.Popen[bytes]:
        return self._start(
            "worker", "--scheduler-file", self._file, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1",
            "--local-directory", self._folder / name,
        )  # fmt: skip

    def _start(self, role: str, *options: object) -> subprocess.Popen[bytes]:
        place = self._folder / f"{role}-{len(list(self._folder.iterdir()))}"
        place.mkdir()
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", role, "--no-dashboard", *map(str, options)],
                cwd=place,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        self._stack.callback(self._end, process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    @staticmethod
    def _wait(until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not until() and time.monotonic() < deadline:
            time.sleep(0.05)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with ExitStack() as stack:
        yield LocalCluster(tmp_path_factory.mktemp("cluster"), stack)


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """Its scenario lies at a place that is nowhere, so that only its text can be run."""
    day = Scenario.load(short_day(tmp_path_factory.mktemp("day"))).with_(population={"size": 4})
    return Design(
        scenario=SourceFile(name="short_day", source="nowhere/short_day.toml", text=day.to_toml()),
        regimes=(regime_source(OPEN), regime_source(SUPER)),
        seeds=(1, 2),
    )


def digests(comparison: Comparison) -> list[tuple[str, int, str]]:
    return [(cell.regime_id, cell.key.seed, cell.digest) for cell in comparison.cells]


def test_a_worker_is_killed_in_the_middle_and_the_digests_are_those_of_this_machine(
    team: LocalCluster, design: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is named relative to where we are, and the workers are elsewhere: only we can have written it."""
    monkeypatch.chdir(tmp_path)
    carried = Carried.by(run_cell, design)
    here = compare(design, Path("here"), carried, workers=1)
    running_at_the_kill: list[str] = []

    def kill_one(progress: Progress) -> None:
        if progress.done == 1 and not running_at_the_kill:
            running_at_the_kill.extend(progress.running)
            os.kill(team.workers[0].pid, signal.SIGKILL)

    there = compare(design, Path("there"), carried, kill_one, hire=cluster(team.address))
    assert team.workers[0].wait() == -signal.SIGKILL
    assert len(running_at_the_kill) == 2  # both worked
    assert there.failures == ()
    assert digests(there) == digests(here) and len(there.cells) == 4
    for table in ("measures", "outcomes", "timeline"):
        assert Path("there", f"{table}.parquet").read_bytes() == Path("here", f"{table}.parquet").read_bytes()


def test_at_the_terminal_the_cells_come_over_the_wire_too(team: LocalCluster, tmp_path: Path) -> None:
    path = short_day(tmp_path, ("size = 20", "size = 3"))
    words = ["compare", path, "--regimes", f"{OPEN},{SUPER}", "--seeds", "1", "--out", tmp_path / "out"]
    result = CliRunner().invoke(app, [*map(str, words), "--cluster", team.address])
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("cells/*/1.json"))) == 2
    assert str(path) in (tmp_path / "out" / "comparison.json").read_text()


def test_a_run_that_fails_there_is_told_and_the_others_go_on(
    team: LocalCluster, design: Design, tmp_path: Path
) -> None:
    from tests.scenarios import fake_cells

    carried = Carried.by(fake_cells.failing, design)
    comparison = compare(design, tmp_path / "folder", carried, hire=cluster(team.address))
    assert [failed.seed for failed in comparison.failures] == [1, 1]
    assert comparison.failures[0].summary.endswith("StubbornError: the book is crossed at 17")
    assert len(comparison.cells) == 2


def test_a_worker_of_another_version_runs_nothing(design: Design) -> None:
    carried = replace(Carried.by(run_cell, design), versions={"ringfence": "9.9+later", "numpy": "9"})
    with pytest.raises(
        OtherVersionError, match=r"the worker has ringfence 0\.1.* asks has ringfence 9\.9\+later"
    ):
        carried(design.scenario.source, OPEN, 1, None)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("tcp://10.0.0.5:8786", "is another machine, and tcp is neither encrypted"),
        ("tcp://scheduler.example:8786", "is another machine"),
        ("8786", "is no address of a scheduler; write it as tcp://127.0.0.1:8786"),
        ("tcp://127.0.0.1:port", "is no address of a scheduler"),
        ("http://127.0.0.1:8786", "is no address of a scheduler"),
    ],
)
def test_an_address_that_is_unsafe_or_none_is_refused(address: str, sentence: str) -> None:
    with pytest.raises(ClusterError, match=sentence):
        cluster(address)


@pytest.mark.parametrize("address", ["tcp://localhost:1", "tcp://[::1]:1", "tls://10.0.0.5:8786"])
def test_one_that_is_here_or_encrypted_is_not(address: str) -> None:
    assert callable(cluster(address))
    assert callable(cluster("tcp://10.0.0.5:8786", trust_network=True))


def test_where_nobody_answers_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.cluster._PATIENCE", "100ms")
    with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1 "):
        cluster("tcp://127.0.0.1:1")(1)


def test_an_encrypted_one_needs_certificates() -> None:
    with pytest.raises(ClusterError, match="needs certificates, and Dask's configuration names none"):
        cluster("tls://127.0.0.1:1")(1)


def test_without_dask_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExtraMissingError, match=r"`pip install 'ringfence\[cluster\]'`"):
        cluster("tcp://127.0.0.1:8786")(1)


class Gone:
    """A team that is lost with everything it was given."""

    places = 1

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        lost: Future[Any] = Future()
        lost.cancel()
        lost.set_running_or_notify_cancel()
        return lost

    def dismiss(self, *, working: bool) -> None:
        assert working


def test_when_everybody_is_gone_a_sentence_says_what_is_kept(design: Design, tmp_path: Path) -> None:
    with pytest.raises(TeamLostError, match="what was finished is kept, and the same command goes on"):
        compare(design, tmp_path / "folder", run_cell, hire=lambda tasks: Gone())

"""A comparison: pure cells, kept one by one, resumed, refused, and survived by the others when one dies."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from scenarios.cells import CellMismatchError, RunCell, write_whole
from scenarios.compare import (
    Comparison,
    Design,
    DesignError,
    Progress,
    SourceFile,
    compare,
    read_comparison,
    source_file,
    verify,
)
from tests.scenarios import fake_cells


def a_design(
    *regimes: str,
    seeds: tuple[int, ...] = (0, 1, 2),
    scenario: str = "calm_day",
    population: int | None = None,
) -> Design:
    return Design(
        scenario=SourceFile(name="calm_day", source=scenario, text="title = 'calm'"),
        regimes=tuple(
            SourceFile(name=name, source=name, text=f"id = '{name}'") for name in regimes or ("open", "super")
        ),
        seeds=seeds,
        population=population,
        command="ringfence compare open super",
    )


def a_comparison(folder: Path, run_one: RunCell = fake_cells.run, **changes: object) -> Comparison:
    return compare(a_design(**changes), folder, run_one, workers=2)  # type: ignore[arg-type]


def runs_made(marks: Path) -> list[str]:
    file = marks / "runs"
    return sorted(file.read_text().splitlines()) if file.exists() else []


def test_every_cell_is_run_and_kept(tmp_path: Path) -> None:
    comparison = a_comparison(tmp_path)
    assert [(cell.regime_id, cell.key.seed) for cell in comparison.cells] == [
        ("open", 0), ("open", 1), ("open", 2), ("super", 0), ("super", 1), ("super", 2),
    ]  # fmt: skip
    assert comparison.exit_code == 0
    cell = fake_cells.run("calm_day", "super", 1, None)
    kept = json.loads((tmp_path / "cells/super/1.json").read_text())
    assert kept["digest"] == cell.digest
    assert kept["measures"]["quoted_spread"] == cell.measures["quoted_spread"]
    assert kept["measures"]["fixing_gap"] is None  # nan has no place in JSON


def test_the_folder_holds_the_same_numbers_for_machines(tmp_path: Path) -> None:
    import pyarrow.parquet

    comparison = a_comparison(tmp_path)
    with (tmp_path / "measures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * len(comparison.cells[0].measures)
    spread = next(
        r for r in rows if (r["regime"], r["seed"], r["measure"]) == ("super", "2", "quoted_spread")
    )
    assert float(spread["value"]) == comparison.cells[5].value("quoted_spread")
    assert pyarrow.parquet.read_table(tmp_path / "measures.parquet").num_rows == len(rows)
    kept = json.loads((tmp_path / "comparison.json").read_text())
    assert kept["design"]["command"] == "ringfence compare open super"
    assert kept["digests"]["super"]["2"] == comparison.cells[5].digest
    assert kept["versions"]["ringfence"] == comparison.versions["ringfence"]
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]


def test_a_finished_comparison_can_be_read_again(tmp_path: Path) -> None:
    comparison = a_comparison(tmp_path)
    again = read_comparison(tmp_path)
    assert again == comparison
    assert again.digest == comparison.digest
    with pytest.raises(DesignError, match="holds no finished comparison"):
        read_comparison(tmp_path / "elsewhere")


def test_what_is_finished_is_not_run_again(tmp_path: Path) -> None:
    marks, folder = tmp_path / "marks", tmp_path / "folder"
    marks.mkdir()
    a_comparison(folder, fake_cells.counted, seeds=(0, 1), scenario=str(marks))
    (folder / "cells/super/1.json").unlink()
    a_comparison(folder, fake_cells.counted, seeds=(0, 1, 2), scenario=str(marks))
    assert runs_made(marks) == ["open 0", "open 1", "open 2", "super 0", "super 1", "super 1", "super 2"]


def test_the_order_of_seeds_changes_nothing(tmp_path: Path) -> None:
    forth = a_comparison(tmp_path / "forth", seeds=(0, 1, 2))
    back = a_comparison(tmp_path / "back", seeds=(2, 1, 0))
    assert forth.cells == back.cells
    assert (tmp_path / "forth/measures.csv").read_bytes() == (tmp_path / "back/measures.csv").read_bytes()


def test_progress_counts_up_and_names_what_runs(tmp_path: Path) -> None:
    seen: list[Progress] = []
    compare(a_design(), tmp_path, fake_cells.run, seen.append, workers=2)
    assert (seen[0].done, seen[0].total) == (0, 6)
    assert seen[0].running == ("open, seed 0", "super, seed 0")
    assert (seen[-1].done, seen[-1].failed, seen[-1].running) == (6, 0, ())
    assert [one.done for one in seen] == sorted(one.done for one in seen)


@pytest.mark.parametrize(
    ("design", "sentence"),
    [
        (a_design(seeds=(4, 7, 4)), "seed 4 is named twice"),
        (a_design("open", "open"), "the regime “open” is named twice"),
        (a_design("open"), "needs two regimes"),
        (a_design(seeds=()), "needs a seed"),
        (a_design(seeds=(-1,)), "must not be negative"),
        (a_design(population=0), "a population of 0 is nobody"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused_before_anything_is_written(
    tmp_path: Path, design: Design, sentence: str
) -> None:
    with pytest.raises(DesignError, match=sentence):
        compare(design, tmp_path / "folder", fake_cells.run)
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"population": 20}, "with a population of the scenario's own size, not of 20"),
        ({"population": 20, "scenario_text": "size = 20"}, "not of 20"),
        ({"scenario_text": "title = 'storm'"}, "with another scenario"),
        ({"regime_text": "id = 'open' # newer"}, "with another text of its regime"),
    ],
)
def test_runs_of_another_design_are_refused(
    tmp_path: Path, changed: dict[str, object], sentence: str
) -> None:
    a_comparison(tmp_path, seeds=(0,))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    first = a_design(seeds=(0, 1))
    design = Design(
        scenario=SourceFile(
            name="calm_day", source="calm_day", text=str(changed.get("scenario_text", first.scenario.text))
        ),
        regimes=(
            SourceFile(
                name="open", source="open", text=str(changed.get("regime_text", first.regimes[0].text))
            ),
            first.regimes[1],
        ),
        seeds=first.seeds,
        population=changed.get("population"),  # type: ignore[arg-type]
    )
    with pytest.raises(CellMismatchError, match=sentence):
        compare(design, tmp_path, fake_cells.run)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_runs_of_another_version_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_comparison(tmp_path, seeds=(0,))
    monkeypatch.setattr(import_module("scenarios.compare"), "code_version", lambda: "9.9+later")
    with pytest.raises(CellMismatchError, match=r"and this is 9\.9\+later"):
        a_comparison(tmp_path, seeds=(0,))


def test_a_file_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cells/open").mkdir(parents=True)
    (tmp_path / "cells/open/0.json").write_text('{"regime_id":"open"')
    with pytest.raises(CellMismatchError, match="is not a finished run"):
        a_comparison(tmp_path)


def test_a_failing_cell_is_told_with_its_seed_and_the_others_go_on(tmp_path: Path) -> None:
    comparison = a_comparison(tmp_path, fake_cells.failing)
    assert [(failed.regime_id, failed.seed) for failed in comparison.failures] == [("open", 1), ("super", 1)]
    assert comparison.failures[0].summary.endswith("StubbornError: the book is crossed at 17")
    assert "fake_cells.py" in comparison.failures[0].fault
    assert [cell.key.seed for cell in comparison.cells] == [0, 2, 0, 2]
    assert comparison.exit_code == 1
    repaired = a_comparison(tmp_path)
    assert (repaired.exit_code, len(repaired.cells)) == (0, 6)


def test_many_seeds_are_looked_through_at_once() -> None:
    from scenarios.compare import _twice

    assert _twice(range(200_000)) is None
    assert _twice([*range(9), 4, 7]) == "4"


def test_a_file_that_cannot_take_its_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.mkdir()
    with pytest.raises(OSError, match=r"report\.html") as told:
        write_whole(place, b"a page")
    assert told.value.filename == str(place)
    assert list(tmp_path.iterdir()) == [place]


def test_cells_that_ran_beside_a_killed_worker_are_not_lost(tmp_path: Path) -> None:
    comparison = a_comparison(tmp_path / "folder", fake_cells.killed_once, scenario=str(tmp_path))
    assert (tmp_path / "killed-1").exists()
    assert (comparison.failures, len(comparison.cells)) == ((), 6)


def test_a_cell_that_always_kills_its_worker_is_the_only_one_lost(tmp_path: Path) -> None:
    comparison = a_comparison(tmp_path, fake_cells.always_killed)
    (failed,) = comparison.failures
    assert (failed.regime_id, failed.seed) == ("open", 1)
    assert "killed twice" in failed.fault
    assert len(comparison.cells) == 5


def test_verify_tells_a_digest_that_does_not_come_again(tmp_path: Path) -> None:
    comparison = a_comparison(tmp_path)
    assert verify(comparison, fake_cells.run) == []
    other = comparison._replace(
        cells=tuple(type(cell)(**{**_fields(cell), "digest": "0" * 8}) for cell in comparison.cells)
    )
    lines = verify(other, fake_cells.run)
    assert len(lines) == 2
    assert lines[0].startswith("open, seed 0: 00000000 was kept, ")
    told = verify(comparison, fake_cells.failing, seeds=2)
    assert told[0].endswith("StubbornError: the book is crossed at 17") and len(told[0].splitlines()) == 1


def test_a_comparison_is_verified_from_the_texts_it_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files may have been moved, and the command may be given in another folder."""
    a_comparison(tmp_path / "folder", scenario="moved/calm_day.toml")
    monkeypatch.chdir(tmp_path)
    assert verify(read_comparison(tmp_path / "folder"), fake_cells.run) == []


def test_a_measure_that_was_edited_is_noticed(tmp_path: Path) -> None:
    comparison = a_comparison(tmp_path)
    cell = tmp_path / "cells" / "open" / "1.json"
    text = cell.read_text(encoding="utf-8")
    value = comparison.cells[1].measures["quoted_spread"]
    assert f'"quoted_spread":{value}' in text
    cell.write_text(text.replace(f'"quoted_spread":{value}', '"quoted_spread":7.0'), encoding="utf-8")
    with pytest.raises(CellMismatchError, match=r"1\.json is not as it was written; remove the file"):
        read_comparison(tmp_path)


def _fields(message: object) -> dict[str, object]:
    return {name: getattr(message, name) for name in type(message).__struct_fields__}  # type: ignore[attr-defined]


def test_a_source_goes_by_the_name_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ru_open.toml"
    path.write_text("id = 'ru_open'")
    assert source_file("./ru_open.toml", path) == SourceFile(
        name="ru_open", source="./ru_open.toml", text="id = 'ru_open'"
    )


INTERRUPTED = """
from pathlib import Path
from scenarios.compare import ComparisonStoppedError, compare
from tests.scenarios import fake_cells
from tests.scenarios.test_compare import a_design
if __name__ == "__main__":
    try:
        compare(a_design(seeds=(0, 1)), Path({folder!r}), fake_cells.slow, workers=2)
    except ComparisonStoppedError as stopped:
        print(stopped)
"""


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder, script = tmp_path / "folder", tmp_path / "script.py"
    script.write_text(INTERRUPTED.format(folder=str(folder)))
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while len(list(folder.glob("cells/*/0.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    told, complaints = process.communicate(timeout=300)  # half of what the runs under way would still take
    assert complaints == ""
    assert told == (f"stopped; 2 of 4 runs kept in {folder}; the same command goes on where it stopped\n")
    assert not (folder / "comparison.json").exists()
    resumed = compare(a_design(seeds=(0, 1)), folder, fake_cells.run, workers=2)
    assert (resumed.exit_code, len(resumed.cells)) == (0, 4)
    assert [path.name for path in folder.rglob("*.part")] == []

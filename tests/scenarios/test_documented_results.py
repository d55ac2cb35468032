"""The examples of docs/results.md, docs/lab.md and the README do what they say, on a real run folder."""

import re
from pathlib import Path

import pytest

from scenarios.run import run

ROOT = Path(__file__).parents[2]


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    run("calm_day", "ru_open_counterfactual", 1, tmp_path / "runs" / "a", population=30)
    return tmp_path


def test_the_record_is_read_as_the_page_says(run_folder: Path) -> None:
    known: dict[str, object] = {}
    exec(examples("docs/results.md")[0], known)
    assert known["tick_value"] == 10
    assert isinstance(known["volume_rub"], float) and known["volume_rub"] > 0


@pytest.mark.parametrize("page", ["docs/results.md", "README.md"])
def test_a_run_needs_no_folder(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(examples(page)[-1], {})
    assert re.fullmatch(r"[0-9a-f]{64} [0-9.]+\n", capsys.readouterr().out)


def test_the_lab_runs_and_changes_as_its_page_says() -> None:
    known: dict[str, object] = {}
    for example in examples("docs/lab.md")[:2]:  # the third takes minutes; the notebooks compare
        exec(example, known)
    assert str(known["rules"]).startswith("<Regime ru_elr_super_2025_changed: ")

"""What a comparison prints, on a terminal and where there is none."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from scenarios.compare import Comparison, Design, Failure, Progress, SourceFile, compare
from scenarios.findings import analyse
from scenarios.measures import MEASURES
from scenarios.terminal import RunProgress, line, show_comparison
from tests.scenarios import fake_cells

REGIMES = ("ru_qualified", "ru_super", "ru_open_counterfactual")


def a_file(name: str) -> SourceFile:
    return SourceFile(name=name, source=name, text=name)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    design = Design(scenario=a_file("calm"), regimes=tuple(map(a_file, REGIMES)), seeds=tuple(range(6)))
    return compare(design, tmp_path_factory.mktemp("comparison"), fake_cells.run, workers=2)


def printed(comparison: Comparison, width: int, report: str = "report.html") -> list[str]:
    out = StringIO()
    console = Console(file=out, width=width)
    show_comparison(console, analyse(comparison.cells, MEASURES), comparison, Path(report))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_of_the_table_is_wider_than_the_terminal(comparison: Comparison, width: int) -> None:
    lines = printed(comparison, width)
    assert all(len(text) <= width for text in lines if not text.startswith("digest "))


def test_three_regimes_stand_side_by_side_in_80_columns(comparison: Comparison) -> None:
    lines = printed(comparison, 80)
    spread = next(text for text in lines if text.startswith("Quoted spread"))
    assert spread.count("bp") == 3
    assert "▲" in spread
    assert "▼" in spread


def test_a_narrow_terminal_gets_one_table_a_regime(comparison: Comparison) -> None:
    lines = printed(comparison, 60)
    assert sum(text.startswith("Quoted") for text in lines) == 2


def test_the_digest_and_the_report_are_the_last_lines_and_stay_whole(comparison: Comparison) -> None:
    deep = "/a/very/long/path/" + "folder/" * 20 + "[report].html"
    *_, digest, report = printed(comparison, 60, deep)
    assert digest == f"digest {comparison.digest}"
    assert report == deep


def test_a_failure_is_told_with_its_regime_and_seed(comparison: Comparison) -> None:
    failure = Failure(
        regime_id="ru_super", seed=4, fault="Traceback\n  somewhere\nAssertionError: books [differ]"
    )
    text = "\n".join(printed(comparison._replace(failures=(failure,)), 100))
    assert "failed: ru_super, seed 4: AssertionError: books [differ]" in text


def test_two_runs_are_too_few(comparison: Comparison) -> None:
    few = comparison._replace(cells=tuple(cell for cell in comparison.cells if cell.key.seed < 2))
    assert "too few for intervals and verdicts" in " ".join(printed(few, 160))


def test_a_line_for_machines_is_untouched() -> None:
    out = StringIO()
    line(
        Console(file=out, width=20, force_terminal=True), "digest " + "0123456789abcdef" * 4 + " [x] :smile:"
    )
    assert out.getvalue() == "digest " + "0123456789abcdef" * 4 + " [x] :smile:\n"


def test_without_a_terminal_progress_is_a_few_plain_lines() -> None:
    out = StringIO()
    clock = iter(range(0, 10_000, 6))  # six seconds between two looks
    with RunProgress(Console(file=out, width=80), lambda: float(next(clock))) as progress:
        for done in range(10, 61):
            progress(Progress(done, 60, 0, ("open, seed 1",)))
    lines = out.getvalue().splitlines()
    assert lines[0] == "10 of 60 runs were finished before"
    assert lines[1] == "16 of 60 runs done, about 44 seconds left"  # 6 seconds for 6 runs
    assert lines[-1] == "60 of 60 runs done"
    assert len(lines) == 10


def test_on_a_terminal_a_bar_tells_what_runs() -> None:
    out = StringIO()
    with RunProgress(Console(file=out, width=120, force_terminal=True, color_system=None)) as progress:
        progress(Progress(0, 4, 0, ("open, seed 0", "super, seed 0")))
        progress(Progress(3, 4, 1, ()))
        progress._bar.refresh()
    assert "4/4" in out.getvalue()


def test_an_interrupted_bar_leaves_the_terminal_as_it_was() -> None:
    out = StringIO()
    with (
        pytest.raises(KeyboardInterrupt),
        RunProgress(Console(file=out, width=80, force_terminal=True)) as progress,
    ):
        progress(Progress(1, 4, 0, ("open, seed 0",)))
        raise KeyboardInterrupt
    assert out.getvalue().rstrip().endswith("\x1b[2K") or "\x1b[?25h" in out.getvalue()  # the cursor is back

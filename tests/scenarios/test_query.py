"""Questions in SQL: what they reach, that they change nothing and reach nothing else, and their sentences."""

import csv
import io
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from scenarios import Run, run
from scenarios.cli import app
from scenarios.compare import Comparison, compare
from scenarios.query import MAIN, TABLES, QueryError, ask
from scenarios.run_folder import read_manifest
from tests.scenarios import fake_cells
from tests.scenarios.small_worlds import short_day
from tests.scenarios.test_compare import a_design

OPEN = "ru_open_counterfactual"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def compared(shelf: Path) -> Comparison:
    return compare(a_design(seeds=(0, 1)), shelf / "compared", fake_cells.run, workers=2)


@pytest.fixture(scope="module")
def kept(shelf: Path) -> Run:
    return run(short_day(shelf), OPEN, seed=3, out=shelf / "runs" / "a")


@pytest.fixture
def whole(shelf: Path, compared: Comparison, kept: Run) -> Path:
    """The folder in which both lie."""
    return shelf


def rows(sql: str, *folders: Path) -> list[dict[str, Any]]:
    return list(ask(sql, folders).to_pylist())


def asked(*words: object) -> Result:
    return CliRunner().invoke(app, ["query", *map(str, words)])


def test_measures_are_asked_across_comparisons_and_runs(whole: Path, compared: Comparison, kept: Run) -> None:
    found = rows(
        "select regime, avg(value) a from measures where measure = 'quoted_spread' group by 1", whole
    )
    values = [cell.value("quoted_spread") for cell in compared.cells if cell.regime_id == "super"]
    means = {row["regime"]: row["a"] for row in found}
    assert means["super"] == pytest.approx(sum(values) / 2)
    assert means[OPEN] == pytest.approx(kept.measures["quoted_spread"])


def test_everything_that_a_comparison_keeps_can_be_asked(compared: Comparison) -> None:
    cells = rows("select * from cells order by regime, seed", compared.folder)
    assert [(row["regime"], row["seed"], row["digest"]) for row in cells] == [
        (cell.regime_id, cell.key.seed, cell.digest) for cell in compared.cells
    ]
    for cell in compared.cells:
        place = f"regime = '{cell.regime_id}' and seed = {cell.key.seed}"
        for table, columns in (("outcomes", cell.outcomes), ("timeline", cell.timeline)):
            found = ask(f"select * from {table} where {place}", [compared.folder]).to_pydict()
            assert {name: found[name] for name in columns} == columns


def test_everything_that_a_run_keeps_can_be_asked(whole: Path, kept: Run) -> None:
    (sums,) = rows("select count(*) n, sum(value_rub) v from trades", whole)
    assert (sums["n"], sums["v"]) == (len(kept.trades()), pytest.approx(kept.trades()["value_rub"].sum()))
    (cell,) = rows("select scenario, digest from cells where folder like '%runs/a'", whole)
    assert cell == {"scenario": "short_day", "digest": kept.digest}
    (told,) = rows("select count(*) n from EVENTS", whole)
    assert kept.folder is not None
    assert told["n"] == read_manifest(kept.folder).entries > 1_000
    (filled,) = rows("select sum(quantity) q from OrderFilled", whole)
    assert int(filled["q"]) == 2 * kept.trades()["quantity"].sum()
    (people,) = rows("select count(*) n from outcomes where folder like '%runs/a'", whole)
    assert people["n"] == len(kept.outcomes())


def test_what_never_happened_is_a_table_without_rows(whole: Path) -> None:
    (told,) = rows("select count(*) n, sum(amount) a from LayerUsed", whole)
    assert told == {"n": 0, "a": None}


def test_a_folder_may_be_named_alone_and_as_text(compared: Comparison) -> None:
    sql = "select count(*) from cells"
    assert ask(sql, str(compared.folder)) == ask(sql, compared.folder) == ask(sql, [str(compared.folder)])


def test_duckdb_reads_the_files_themselves_too(compared: Comparison) -> None:
    import duckdb

    for table in ("measures", "outcomes", "timeline"):
        path = compared.folder / f"{table}.parquet"
        counted = duckdb.sql(f"select count(*) from '{path}'").fetchall()
        assert counted == [(ask(f"select * from {table}", [compared.folder]).num_rows,)]
        assert b"comparison" in pyarrow.parquet.read_schema(path).metadata


def test_runs_that_failed_can_be_asked_too(tmp_path: Path) -> None:
    compare(a_design(), tmp_path / "folder", fake_cells.failing, workers=2)
    found = rows("select regime, seed, fault from failures order by regime", tmp_path)
    assert [(row["regime"], row["seed"]) for row in found] == [("open", 1), ("super", 1)]
    assert found[0]["fault"].endswith("the book is crossed at 17")


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("select * from read_text('{file}')", "file system operations are disabled"),
        ("select * from '{file}'", "file system operations are disabled"),
        ("copy (select 1) to '{file}'", "one SELECT"),
        ("attach '{file}'", "one SELECT"),
        ("install httpfs", "one SELECT"),
        ("set enable_external_access = true", "one SELECT"),
        ("create table mine as select 1", "one SELECT"),
        ("select 1; drop table measures", "one SELECT"),
        ("", "one SELECT"),
        ("selec 1", "syntax error"),
        ("select spread from measures", "Candidate bindings"),
        ("select * from measure", "the tables are cells, failures"),
        ("select * from sys", "does not exist"),
        ("select * from shelf", "does not exist"),  # a variable of whoever asks
    ],
)
def test_a_question_reaches_nothing_else_and_changes_nothing(
    compared: Comparison, tmp_path: Path, sql: str, sentence: str
) -> None:
    file = tmp_path / "file.csv"
    file.write_text("a\n1\n")
    with pytest.raises(QueryError, match=sentence):
        ask(sql.format(file=file), [compared.folder])
    assert file.read_text() == "a\n1\n" and list(tmp_path.iterdir()) == [file]


def test_it_is_answered_at_the_terminal_or_in_a_file(whole: Path, tmp_path: Path) -> None:
    sql = "select regime, count(*) as runs, avg(seed) as mean from cells group by 1 order by 1"
    shown = asked(sql, whole)
    assert shown.exit_code == 0 and "super" in shown.stdout and "0.5" in shown.stdout
    printed = list(csv.DictReader(io.StringIO(asked(sql, whole, "--csv", "-").stdout)))
    assert printed[0] == {"regime": "open", "runs": "2", "mean": "0.5"}
    written = asked(sql, whole, "--csv", tmp_path / "a.csv", "--parquet", tmp_path / "a.parquet")
    assert (written.exit_code, written.stdout) == (0, "")
    assert list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines())) == printed
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet").num_rows == 3


def test_without_a_question_the_tables_are_told(compared: Comparison) -> None:
    lines = asked("", compared.folder)
    assert lines.exit_code == 2  # an empty question is a question
    told = ask("describe measures", [compared.folder]).to_pydict()["column_name"]
    assert told == ["folder", "scenario", "regime", "seed", "measure", "value"]
    assert set(MAIN) < set(TABLES)


def test_the_usual_folders_are_those_of_the_commands(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").symlink_to(whole / "runs")
    monkeypatch.chdir(tmp_path)
    told = asked()
    assert told.exit_code == 0
    assert "trades(folder, scenario, regime, seed, sequence, time" in told.stdout
    assert [row["seed"] for row in rows("select seed from cells")] == [3]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("select 1", "nowhere"),
            "nowhere is no folder; name one that `ringfence compare` or `ringfence run`",
        ),
        (("select 1", "."), ". holds neither a finished comparison nor a run"),
        (("select 1",), "this folder holds neither a finished comparison nor a run"),
    ],
)
def test_where_nothing_is_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = asked(*words)
    assert told.exit_code == 2 and sentence in told.stderr


def test_trades_of_a_comparison_are_not_kept_and_that_is_said(compared: Comparison) -> None:
    with pytest.raises(QueryError, match="“trades” is not in any of these folders; it comes of a run that"):
        ask("select * from trades", [compared.folder])


def test_a_file_that_is_missing_or_damaged_is_named(compared: Comparison, tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_bytes((compared.folder / "comparison.json").read_bytes())
    with pytest.raises(QueryError, match=r"outcomes\.parquet is not there, as an earlier version"):
        ask("select * from outcomes", [tmp_path])
    (tmp_path / "outcomes.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(QueryError, match=r"outcomes\.parquet is damaged"):
        ask("select * from outcomes", [tmp_path])


def test_without_duckdb_a_sentence_says_what_to_install(
    compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    told = asked("select 1", compared.folder)
    assert told.exit_code == 2
    assert (
        "needs duckdb, which is not installed; install it with `pip install 'ringfence[analysis]'`"
        in told.stderr
    )

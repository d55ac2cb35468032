"""The lab in Python: runs and comparisons as objects and frames, and worlds that are made in code."""

import errno
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal
from typer.testing import CliRunner

from exchange.events import TradeReported
from scenarios import Compared, Regime, Run, Scenario, compare, frames, lab, run
from scenarios.cli import app
from scenarios.compare import ComparisonStoppedError, DesignError, Progress
from scenarios.config.reading import ConfigurationError, stated
from scenarios.config.regime_file import read_regime, shipped_regimes
from scenarios.config.scenario_file import shipped_scenarios
from scenarios.design import design_of, regimes_named
from scenarios.extras import ExtraMissingError
from scenarios.frames import UnknownKindError
from scenarios.language import LanguageError
from scenarios.places import PlaceError
from scenarios.results import ResultsError
from scenarios.run import replay, run_cell
from tests.scenarios.small_worlds import SHORT_DAY, short_day

ROOT = Path(__file__).parents[2]
OPEN, SUPER = "ru_open_counterfactual", "ru_elr_super_2025"
HEAVY = {"pandas", "duckdb", "distributed", "fastapi", "plotly", "typer", "rich", "scipy"}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return Scenario.load(short_day(tmp_path_factory.mktemp("day")))


@pytest.fixture(scope="module")
def made(day: Scenario) -> Run:
    return run(day, OPEN, seed=3)


def loaded_by(*statements: str) -> set[str]:
    """The packages that a fresh process has loaded after those statements."""
    told = "; ".join([*statements, "import sys; print(*{name.split('.')[0] for name in sys.modules})"])
    return set(subprocess.check_output([sys.executable, "-c", told], text=True, cwd=ROOT).split())


# --- what is imported when --------------------------------------------------------------------------------


def test_the_package_itself_imports_nothing() -> None:
    assert not loaded_by("import scenarios") & {*HEAVY, "numpy", "pydantic", "exchange"}


def test_a_worker_imports_no_more_than_a_run_needs() -> None:
    needed = "from scenarios.cells import made_cell", "from scenarios.run import run_cell"
    assert not loaded_by(*needed, "from scenarios.carried import Carried", "import scenarios.sweep") & HEAVY


def test_the_command_imports_nothing_heavy_before_it_knows_what_is_asked() -> None:
    light = {"typer", "rich"}
    assert not loaded_by("import scenarios.cli") & ({*HEAVY, "numpy", "pydantic", "pyarrow"} - light)


def test_the_functions_keep_their_names_once_the_modules_are_imported() -> None:
    import scenarios.compare
    import scenarios.run

    assert scenarios.run is run and scenarios.compare is compare
    assert {"Run", "Scenario", "compare"} < set(dir(scenarios))
    with pytest.raises(AttributeError, match="has no attribute 'rum'"):
        scenarios.rum  # type: ignore[attr-defined]  # noqa: B018


# --- a run ------------------------------------------------------------------------------------------------


def test_what_is_loaded_and_unchanged_is_the_day_of_the_file(day: Scenario, made: Run) -> None:
    assert day.loaded is not None
    cell = run_cell(day.loaded, OPEN, 3, None)
    from_tables = run(tomllib.loads(SHORT_DAY), Regime.load(OPEN), 3)
    assert made.digest == cell.digest == from_tables.digest
    assert made.measures["quoted_spread"] == cell.measures["quoted_spread"]
    assert run(day, OPEN, seed=4).digest != made.digest


def test_a_run_that_is_kept_is_the_same_and_replays(day: Scenario, made: Run, tmp_path: Path) -> None:
    kept = run(day, Regime.load(OPEN), 3, out=tmp_path / "run")
    assert kept.digest == made.digest == replay(tmp_path / "run")
    assert_frame_equal(kept.orders(), made.orders())
    assert_frame_equal(kept.outcomes(), made.outcomes())
    assert (tmp_path / "run" / "scenario.toml").read_text() == day.to_toml()
    again = Run.load(tmp_path / "run")
    assert (again.digest, again.seed, again.regime, again.scenario) == (made.digest, 3, OPEN, "short_day")
    assert_frame_equal(again.outcomes(), made.outcomes())
    with pytest.raises(ResultsError, match="is not a run folder"):
        Run.load(tmp_path)


def test_trades_and_orders_are_told_in_lots_and_in_roubles(made: Run) -> None:
    trades, orders = made.trades(), made.orders()
    assert trades["price"].dtype == trades["quantity"].dtype == trades["time"].dtype == "int64"
    assert 2 * trades["quantity"].sum() == orders["filled"].sum() > 0
    assert (orders["filled"] <= orders["quantity"]).all()
    assert (trades["price_rub"] == trades["price"] * 100).all()  # a tick is 100 roubles of one bitcoin
    assert (
        trades["value_rub"] * 1_000 == trades["price_rub"] * trades["quantity"]
    ).all()  # a lot is a thousandth
    assert trades["value_rub"].sum() == pytest.approx(made.measures["volume"])
    filled = orders[orders["filled"] > 0]
    assert (abs(filled["average_price_rub"] - 8e6) < 2e6).all() and filled["fee_rub"].sum() > 0
    assert orders["canceled"].dtype == "Int64" and orders["canceled"].notna().any()
    assert (trades["at"].dt.hour == 10).all()


def test_a_run_without_a_trade_has_frames_without_rows(day: Scenario) -> None:
    quiet = run(day.with_(population={"size": 1}, makers=[]), OPEN)
    assert len(quiet.trades()) == 0
    assert (quiet.orders()["filled"] == 0).all()


def test_events_are_had_by_name(made: Run) -> None:
    published = made.events("IndexPublished")
    assert_frame_equal(made.events(TradeReported)[["price"]], made.trades()[["price"]])
    assert made.arrow("IndexPublished").num_rows == len(published) > 1_000
    assert len(made.timeline(600)) == 6
    with pytest.raises(
        frames.UnknownKindError, match=r"“TradeReport” is no kind of event; .*“TradeReported”"
    ):
        made.events("TradeReport")


def test_a_run_shows_itself_in_a_notebook(day: Scenario, made: Run) -> None:
    assert made.digest in made._repr_html_()
    assert "Quoted spread" in made._repr_html_()
    assert repr(made).startswith("<Run of short_day under ru_open_counterfactual, seed 3: ")
    assert repr(day) == "<Scenario short_day: A short day>"


def test_without_pandas_a_sentence_says_what_to_install(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ExtraMissingError, match=r"needs pandas, .* `pip install 'ringfence\[analysis\]'`"):
        made.outcomes()
    assert made.measures["volume"] > 0


# --- worlds made in code ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"population": {"sizes": 3}}, "size = 20 -> sizes = 3"),
        ({"population": {"size": -1}}, "size = 20 -> size = -1"),
        ({"population": {"size": "many"}}, 'size = 20 -> size = "many"'),
        ({"calendar": {"closes": time(9)}}, "closes = 10:50:00 -> closes = 09:00:00"),
        ({"question": ""}, 'question = "Does the same day come twice?" -> question = ""'),
        ({"index": {"volatility_percent_a_day": 2.245}}, "a_day = 2.24 -> a_day = 2.245"),
    ],
)
def test_a_fault_gets_the_sentence_that_it_gets_in_a_file(
    day: Scenario, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = short_day(tmp_path, tuple(said.split(" -> ")))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError) as of_file:
        Scenario.load(path)
    with pytest.raises(ConfigurationError) as of_code:
        if "sizes" in said:
            changes = {"population": {"sizes": 3, "size": None}}
        day.with_(**changes)
    assert str(of_code.value) == str(of_file.value).replace(str(path), "short_day, made in code")


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"calendar": {"closes": "10:50"}}, "must be an hour, but is “10:50”; give an hour, as in time(10)"),
        (
            {"calendar": {"day": "2026-06-01"}},
            "must be a date, but is “2026-06-01”; give a date, as in date(2025",
        ),
        ({"population": 3}, "must be a table, but is 3; give a dictionary"),
    ],
)
def test_what_python_writes_otherwise_than_a_file_gets_a_remedy_for_python(
    day: Scenario, changes: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(remedy)):
        day.with_(**changes)


def test_a_fault_in_a_file_keeps_the_remedy_for_files(tmp_path: Path) -> None:
    path = short_day(tmp_path, ("closes = 10:50:00", 'closes = "10:50"'))
    with pytest.raises(ConfigurationError, match="write it as 10:00:00"):
        Scenario.load(path)


def test_changes_are_a_dictionary(day: Scenario) -> None:
    with pytest.raises(ConfigurationError, match="cannot be changed by list; give a dictionary of key paths"):
        day.with_([1])  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="1 is not a key that belongs here"):
        day.with_({1: 2})  # type: ignore[dict-item]


def test_numbers_that_are_none_are_told_before_anything_runs(made: Run, day: Scenario) -> None:
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: run(day, OPEN, seed="7"), "the seed must be a whole number, but is '7'; write it without"),  # type: ignore[arg-type]
        (lambda: run(day, OPEN, seed=-1), "the seed must be 0 or more, but is -1"),
        (lambda: run(day, OPEN, population=2.5), "the population must be a whole number, but is 2.5"),  # type: ignore[arg-type]
        (lambda: run(day, OPEN, population=0), "the population must be 1 or more, but is 0"),
        (lambda: compare(day, [OPEN, SUPER], seeds="3"), "a seed must be a whole number, but is '3'"),  # type: ignore[arg-type]
        (lambda: compare(day, [OPEN, SUPER], seeds=[0.5]), "a seed must be a whole number, but is 0.5"),  # type: ignore[list-item]
        (lambda: compare(day, [OPEN, SUPER], 1, workers=0), "the number of workers must be 1 or more"),
        (lambda: made.timeline(0), "step_seconds must be 1 or more, but is 0"),
    ]
    for ask, sentence in asked:
        with pytest.raises(ConfigurationError, match=re.escape(sentence)):
            ask()


def test_one_regime_is_no_comparison_and_a_number_is_no_kind_of_event(made: Run, day: Scenario) -> None:
    for one in (OPEN, Regime.load(OPEN), {"id": "mine"}):
        with pytest.raises(DesignError, match="give a list of them, the baseline first"):
            compare(day, one)  # type: ignore[arg-type]
    with pytest.raises(UnknownKindError, match="“5” is no kind of event"):
        made.events(5)  # type: ignore[arg-type]


def test_seeds_and_population_may_be_numbers_of_numpy() -> None:
    import numpy as np

    assert lab._seeds(np.int64(2)) == lab._seeds(np.arange(1, 3)) == (1, 2)  # type: ignore[arg-type]
    assert [type(seed) for seed in lab._seeds(np.arange(1, 3))] == [int, int]
    assert type(lab._people(np.int64(3))) is int  # type: ignore[arg-type]


def test_a_value_that_no_file_can_hold_is_told_with_its_place(day: Scenario) -> None:
    with pytest.raises(ConfigurationError, match=r"makers\.1\.id is object, for which a file has no word"):
        day.with_(makers=[{"id": object()}])
    with pytest.raises(
        ConfigurationError, match="a scenario made in code is made of list; give a dictionary"
    ):
        Scenario([])  # type: ignore[arg-type]


def test_numbers_of_numpy_and_floats_are_as_exact_as_in_a_file(day: Scenario) -> None:
    import numpy as np

    changed = day.with_({"population.size": np.int64(7), "index.volatility_percent_a_day": np.float64(3.5)})
    assert changed.tables["population"]["size"] == 7
    assert changed.tables["index"]["volatility_percent_a_day"] == Decimal("3.5")
    assert "size = 7" in changed.to_toml()


def test_key_paths_and_tables_may_be_mixed_and_what_is_given_stays_as_it_is(day: Scenario) -> None:
    links = {"public": {"fixed_ms": 30}}
    changed = day.with_({"population.size": 3, "links.public.jitter_ms": 2}, links=links, population={})
    assert changed.tables["population"] == {"size": 3}
    assert changed.tables["links"] == {"public": {"fixed_ms": 30, "jitter_ms": 2}}
    assert links == {"public": {"fixed_ms": 30}}


def test_members_of_a_list_are_changed_by_id_or_number(day: Scenario) -> None:
    changed = day.with_({"makers.maker_alpha.deposit_rub": 1_000_000, "directives.2.at": time(10, 30)})
    (maker,) = changed.tables["makers"]
    assert (maker["deposit_rub"], maker["own_funds_rub"]) == (1_000_000, 9_000_000_000)
    assert [one["at"] for one in changed.tables["directives"]] == [time(10, 10), time(10, 30)]
    assert day.tables["makers"][0]["deposit_rub"] == 60_000_000  # what it was changed from is as it was
    with pytest.raises(ConfigurationError, match=r"makers\.maker_beta is no member .* “maker_alpha”"):
        day.with_({"makers.maker_beta.deposit_rub": 1})


@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_shipped_scenario_written_as_a_file_is_the_same(name: str) -> None:
    scenario = Scenario.load(name)
    again = Scenario(tomllib.loads(scenario.to_toml(), parse_float=Decimal))
    assert again.to_toml() == scenario.to_toml()
    assert again.world().resolved == scenario.world().resolved


@pytest.mark.parametrize("name", shipped_regimes())
def test_a_shipped_regime_written_as_a_file_is_the_same(name: str) -> None:
    regime = Regime.load(name)
    again = Regime(tomllib.loads(regime.to_toml(), parse_float=Decimal))
    assert again.file == regime.file == read_regime(name)
    assert stated(again.file) == stated(regime.file)


def test_a_regime_may_name_what_is_laid_over_it() -> None:
    regime = Regime.load(f"{OPEN}+risk+rub_bank")
    assert regime.file == read_regime(f"{OPEN}+risk+rub_bank")
    assert regime.with_(id="mine").file.clearing == regime.file.clearing


def test_a_changed_number_of_a_regime_is_an_assumption_and_no_law_any_more() -> None:
    gate = "classes.super_individual.any_of.1.assets_above_rub"
    changed = Regime.load(SUPER).with_({gate: 6_000_000}, because="what if the gate were lower").file
    assert (changed.id, changed.status.value) == ("ru_elr_super_2025_changed", "counterfactual")
    assert ("what if the gate were lower", gate) in {(one.reason, one.key) for one in changed.assumptions}
    cap = "classes.qualified_company.caps.share_of_assets_percent"
    (assumed,) = [
        one for one in Regime.load(SUPER).with_({cap: 20.5}, id="mine").file.assumptions if one.key == cap
    ]
    assert assumed.reason == "changed in code; it was 10"


def test_what_a_removed_key_stood_on_goes_with_it() -> None:
    regime = Regime.load(SUPER).with_(institutions=None)
    assert not [one for one in regime.file.assumptions if one.key.startswith("institutions")]


# --- a comparison -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(day: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    lower = Regime.load(SUPER).with_({"classes.super_individual.any_of.1.assets_above_rub": 6_000_000})
    small = day.with_(population={"size": 12})
    folder = tmp_path_factory.mktemp("compared") / "folder"
    return compare(small, [OPEN, lower], seeds=3, out=folder, progress=False)


def test_a_comparison_of_what_was_made_in_code_is_made_again_at_the_terminal(compared: Compared) -> None:
    before = {path: path.stat().st_mtime_ns for path in compared.folder.rglob("cells/*/*.json")}
    assert len(before) == 6
    words = shlex.split(compared.comparison.design.command)
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == 0, result.output
    assert f"digest {compared.digest}" in result.output
    assert before == {path: path.stat().st_mtime_ns for path in compared.folder.rglob("cells/*/*.json")}


def test_what_is_shipped_has_the_cells_that_the_terminal_gives_it() -> None:
    """So a comparison that was begun at the terminal goes on in Python, and the other way round."""
    names = [OPEN, f"{SUPER}+risk", f"{OPEN}+rub_bank"]
    here = lab._design(
        Scenario.load("calm_day"), [Regime.load(one) for one in names], (1, 2, 3), 20, Path("folder")
    )
    there = design_of("calm_day", regimes_named(",".join(names)), (1, 2, 3), population=20)
    assert (here.scenario, here.regimes, here.seeds, here.population) == (
        there.scenario, there.regimes, there.seeds, there.population
    )  # fmt: skip


def test_a_comparison_keeps_the_resolved_texts(compared: Compared) -> None:
    design = compared.comparison.design
    assert "size = 12" in design.scenario.text
    assert "assets_above_rub = 6000000" in design.regimes[1].text
    for file in (design.scenario, design.regimes[1]):
        assert (compared.folder / "files" / f"{file.name}.toml").read_text() == file.text
    again = Compared.load(compared.folder)
    assert (again.digest, again.comparison.cells) == (compared.digest, compared.comparison.cells)


def test_its_frames_are_tidy(compared: Compared) -> None:
    measures, differences = compared.measures(), compared.differences()
    assert list(measures.columns) == ["regime", "seed", "measure", "value"]
    admitted = measures[measures["measure"] == "admitted_share"].pivot(
        index="seed", columns="regime", values="value"
    )
    other = "ru_elr_super_2025_changed"
    (row,) = differences[differences["measure"] == "admitted_share"].to_dict("records")
    assert row["difference"] == pytest.approx((admitted[other] - admitted[OPEN]).mean()) and row["pairs"] == 3
    assert row["low"] <= row["difference"] <= row["high"] and row["p"] <= row["p_holm"]
    assert row["verdict"] in ("lower", "no difference seen") and row["unit"] == "%"
    assert len(compared.outcomes()) >= 6 * 12
    assert compared.timeline()["time"].dtype == "int64"


def test_it_shows_and_reports_itself(compared: Compared, tmp_path: Path) -> None:
    assert "Investors let in" in compared._repr_html_() and "ru_elr_super_2025_changed" in repr(compared)
    page = compared.report(tmp_path / "report.html")
    assert "A short day" in page.read_text(encoding="utf-8")


def test_it_reports_itself_in_russian(compared: Compared, tmp_path: Path) -> None:
    page = compared.report(tmp_path / "report.html", language="ru").read_text(encoding="utf-8")
    assert '<html lang="ru">' in page and "Допущено инвесторов" in page
    with pytest.raises(LanguageError, match=re.escape("“de”; there are en (English) and ru (Russian).")):
        compared.report(tmp_path / "other.html", language="de")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_where_nothing_can_be_written_is_told_before_anything_runs(
    compared: Compared, day: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "closed").mkdir()
    closed = str(tmp_path / "closed")
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != closed)
    monkeypatch.setattr("scenarios.lab.run_into", nothing_runs)
    monkeypatch.setattr("scenarios.lab.run_all", nothing_runs)
    monkeypatch.setattr("scenarios.report.render", nothing_runs)
    file = tmp_path / "file"
    under, kept, shut = (
        file / "a" / "b",
        tmp_path / "closed" / "a",
        f"out: {closed} may not be written by this user",
    )
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: run(day, OPEN, out=under), f"out: {file} is a file, so no folder can be at {under}; name"),
        (lambda: compare(day, [OPEN, SUPER], 1, out=under), f"out: {file} is a file, so no folder can be at"),
        (lambda: run(day, OPEN, out=kept), shut),
        (lambda: compare(day, [OPEN, SUPER], 1, out=kept), shut),
        (lambda: compared.report(tmp_path), f"the report: {tmp_path} is a folder; name a file in it"),
        (
            lambda: compared.report(tmp_path / "none" / "report.html"),
            f"the report: there is no folder {tmp_path / 'none'}; make it first, or name a file elsewhere.",
        ),
        (
            lambda: compared.report(file / "report.html"),
            f"the report: {file} is a file, so nothing can be in it",
        ),
        (lambda: compared.report(f"{closed}/report.html"), f"the report: {closed} may not be written"),
    ]
    for ask, sentence in asked:
        with pytest.raises(PlaceError, match=re.escape(sentence)):
            ask()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["closed", "file"]


def nothing_runs(*_what: object, **_how: object) -> None:
    raise AssertionError("this is long work, and the place is known to be wrong")


def test_what_no_check_can_foresee_is_a_sentence_too(
    compared: Compared, day: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_how: object, **_what: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "mkdir", full)
    for ask in (
        lambda: run(day, OPEN, out=tmp_path / "run"),
        lambda: compare(day, [OPEN, SUPER], 1, out=tmp_path / "compared", progress=False),
    ):
        with pytest.raises(PlaceError, match=r"^out: .*: the disk is full; free some space and repeat it"):
            ask()
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PlaceError, match=r"^the report: .*report\.html: the disk is full; free some space"):
        compared.report(tmp_path / "report.html")


SCRIPT = """
from scenarios import Scenario, compare
print("the script runs")
told = []
compared = compare(Scenario.load({day!r}), [{first!r}, {second!r}], seeds=[5], population=4, progress=told.append)
print(compared.digest, len(told) > 1, compared.folder.exists())
"""


def test_a_script_needs_no_guard_and_runs_once(day: Scenario, tmp_path: Path) -> None:
    """Which it would not if each spawned worker imported it again."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(day=day.loaded, first=OPEN, second=SUPER))
    told = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert told.stderr == ""
    first, last = told.stdout.splitlines()
    here = compare(day, [OPEN, SUPER], seeds=[5], population=4, progress=False)
    assert (first, last) == ("the script runs", f"{here.digest} True True")
    assert "--seeds 5..5" in here.comparison.design.command


def test_without_a_folder_nothing_is_left_behind(day: Scenario) -> None:
    compared = compare(day, [OPEN, SUPER], seeds=1, population=2, progress=False)
    folder = compared.folder
    assert (folder / "measures.parquet").exists()
    del compared
    assert not folder.exists()


def test_stopped_without_a_folder_it_says_that_nothing_is_kept(day: Scenario) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ComparisonStoppedError, match="stopped; without `out=` nothing is kept"):
        compare(day, [OPEN, SUPER], seeds=1, population=2, progress=stop)


def test_two_regimes_by_one_name_are_refused(day: Scenario) -> None:
    first = Regime.load(SUPER).with_({"offshore_share_percent": 10})
    second = Regime.load(SUPER).with_({"offshore_share_percent": 20})
    with pytest.raises(
        DesignError, match=r"two regimes go by the id ru_elr_super_2025_changed; .*\.with_\(id="
    ):
        compare(day, [first, second], seeds=1, progress=False)

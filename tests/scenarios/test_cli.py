"""The command line as it is typed: what it prints and keeps, its exit codes, and a sentence for what cannot be."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scenarios.cli import app
from scenarios.config.regime_file import clearing_path, regime_path, shipped_cashes, shipped_regimes
from scenarios.config.scenario_file import shipped_scenarios
from scenarios.design import cash_profiles
from tests.scenarios.small_worlds import short_day

ROOT = Path(__file__).parents[2]
OPEN, SUPER, QUALIFIED = "ru_open_counterfactual", "ru_elr_super_2025", "ru_derivs_qual_2025"
DIGEST = re.compile(r"^digest ([0-9a-f]{64})$", re.MULTILINE)


def typed(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def digest_in(result: Result) -> str:
    (found,) = DIGEST.findall(result.stdout)
    return str(found)


def told(result: Result, code: int = 2) -> str:
    """The one sentence with which the command was refused."""
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stdout == "" and "Traceback" not in result.stderr
    return str(result.stderr)


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- what works -----------------------------------------------------------------------------------------


def test_a_run_is_kept_and_replays_to_the_digest_that_it_tells(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    result = typed("run", short_day(tmp_path), "--regime", OPEN, "--seed", 5, "--out", folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [f"kept in {folder}", f"digest {digest_in(result)}"]
    names = contents(folder)
    assert {"commands.jsonl", "manifest.json", "regime.toml", "scenario.toml", "summary.json"} < set(names)
    assert "record/TradeReported.parquet" in names
    again = typed("replay", folder)
    assert (again.exit_code, again.stdout) == (0, f"digest {digest_in(result)}\n")


def test_the_same_run_may_take_its_own_place_and_no_other_may(tmp_path: Path) -> None:
    words = ("run", short_day(tmp_path), "--regime", OPEN, "--out", tmp_path / "kept", "--population", 5)
    first = typed(*words)
    assert digest_in(typed(*words)) == digest_in(first)
    assert "seed is 1 there and 2 here" in told(typed(*words, "--seed", 2))
    assert digest_in(typed("replay", tmp_path / "kept")) == digest_in(first)


def test_without_a_folder_a_run_is_kept_under_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = typed("run", short_day(tmp_path), "--regime", SUPER, "--seed", 3, "--population", 5)
    assert result.stdout.startswith(f"kept in runs/short_day/{SUPER}/3\n")
    assert (tmp_path / "runs/short_day" / SUPER / "3/manifest.json").exists()


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[object, ...], Result]:
    """A comparison of two regimes over two seeds: its folder, the words of the command, and what it told."""
    tmp_path = tmp_path_factory.mktemp("comparison")
    folder = tmp_path / "kept"
    regimes = f"{OPEN},{SUPER}"
    words = ("compare", short_day(tmp_path), "--regimes", regimes, "--seeds", 2, "--out", folder,
             "--population", 8)  # fmt: skip
    return folder, words, typed(*words)


Compared = tuple[Path, tuple[object, ...], Result]


def test_a_comparison_ends_with_its_digest_and_the_path_of_its_report(compared: Compared) -> None:
    folder, _, result = compared
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == [f"digest {digest_in(result)}", str(folder / "report.html")]
    assert {"comparison.json", "measures.csv", "measures.parquet", "report.html"} < set(contents(folder))
    kept = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert kept["digest"] == digest_in(result)
    assert {regime: sorted(seeds) for regime, seeds in kept["digests"].items()} == {
        OPEN: ["1", "2"],
        SUPER: ["1", "2"],
    }


def test_the_same_comparison_again_runs_nothing_and_says_the_same(compared: Compared) -> None:
    folder, words, result = compared
    before = {path: path.stat().st_mtime_ns for path in folder.glob("cells/*/*.json")}
    again = typed(*words)
    assert digest_in(again) == digest_in(result)
    assert "runs done" in result.stdout and "runs done" not in again.stdout
    assert {path: path.stat().st_mtime_ns for path in folder.glob("cells/*/*.json")} == before


def test_a_comparison_can_be_verified(compared: Compared) -> None:
    folder, words, _ = compared
    result = typed(*words, "--verify")
    assert (result.exit_code, result.stdout) == (
        0,
        f"{folder}: every digest that was run again is the same\n",
    )


def test_the_report_of_a_comparison_can_be_written_again(compared: Compared) -> None:
    folder, _, _ = compared
    report = folder / "report.html"
    written = report.read_bytes()
    # among the main figures and among all; nobody failed to pay, so settlement says nothing of it
    assert written.decode().count("Who could not pay, and who paid instead") == 2
    report.unlink()
    result = typed("report", folder)
    assert (result.exit_code, result.stdout) == (0, f"{report}\n")
    assert report.read_bytes() == written


def test_a_report_is_written_in_russian_beside_the_english_one(compared: Compared) -> None:
    folder, words, result = compared
    english = (folder / "report.html").read_bytes()
    russian = typed(*words, "--language", "ru")
    assert russian.exit_code == 0
    assert "Допущено инвесторов" in russian.stdout and "Investors let in" in result.stdout
    assert digest_in(russian) == digest_in(result)
    assert '<html lang="ru">' in (folder / "report.ru.html").read_text(encoding="utf-8")
    assert (folder / "report.html").read_bytes() == english
    for asked in (
        ("report", folder),
        ("compare", "--out", folder / "not"),
        ("reverse", "gap_move", "--out", folder / "not"),
    ):
        refused = typed(*asked, "--language", "de")
        sentence = "nothing is told in the language “de”; there are en (English) and ru (Russian).\n"
        assert (refused.exit_code, refused.stdout, refused.stderr) == (2, "", sentence)
    assert not (folder / "not").exists()


def test_a_comparison_with_other_seeds_keeps_what_it_has(compared: Compared) -> None:
    folder, words, _ = compared
    fewer = tuple(1 if word == 2 else word for word in words)
    assert typed(*fewer).exit_code == 0
    assert len(list(folder.glob("cells/*/*.json"))) == 4
    typed(*words)


@pytest.mark.nightly
def test_a_sweep_with_a_precision_is_kept_told_and_verified(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    words = ("compare", short_day(tmp_path), "--regimes", SUPER, "--sweep", "assets_above=24e6", "--precision", "100%",
             "--of", "admitted_share,desired_notional", "--budget", 3, "--population", 8, "--out", folder)  # fmt: skip
    result = typed(*words)
    assert result.exit_code == 0, result.output
    kept = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    names = [SUPER, f"{SUPER}[assets_above=24,000,000]"]
    assert list(kept["digests"]) == [point["regime"] for point in kept["design"]["grid"]] == names
    assert kept["design"]["precision"]["looks"] == [3]
    assert kept["reached"]["looks"] == 1
    told = " ".join(result.stdout.split())
    assert ("is reached after 3 seeds" in told) is kept["reached"]["reached"]
    assert 'id="sweep"' in (folder / "report.html").read_text(encoding="utf-8")
    assert typed(*words, "--verify").stdout == f"{folder}: every digest that was run again is the same\n"


def test_the_smallest_shock_is_looked_for_and_what_was_run_is_kept(tmp_path: Path) -> None:
    magnitude = """
[magnitude]
what = "the fall of the price"
unit = "%"
stands_at = 12.5
most = 50
step = 12.5
scales = [{ key = "index.knots.3.price_rub", at_least = 8_000_000, at_most = 4_000_000 }]

[calendar]"""
    path, folder = short_day(tmp_path, ("\n[calendar]", magnitude)), tmp_path / "kept"
    words = ("reverse", path, "--regimes", OPEN, "--event", "worst_minute>1000", "--event", "layers",
             "--seeds", "4..4", "--population", 5, "--out", folder)  # fmt: skip
    result = typed(*words)
    assert result.exit_code == 0, result.output
    assert (
        f"{OPEN}: cannot happen (a layer of the waterfall): every claim is covered in full" in result.stdout
    )
    kept = json.loads((folder / "reverse.json").read_text(encoding="utf-8"))
    (answer,) = kept["answers"]
    assert (answer["within"], len(kept["digests"])) == (1, 5)
    assert 0 < answer["half"] <= 50  # a fall by more than a tenth within a minute
    assert sorted(path.parent.parent.name for path in folder.glob("cells/*/*/4.json")) == [
        "0", "12.5", "25", "37.5", "50",
    ]  # fmt: skip
    again = typed(*words)
    assert "runs done" not in again.stdout
    assert again.stdout.splitlines()[-1] == result.stdout.splitlines()[-1] == str(folder / "report.html")
    assert typed("report", folder, "--language", "ru").stdout == f"{folder / 'report.ru.html'}\n"
    russian = typed(*words, "--language", "ru")
    assert "исключено" in russian.stdout and russian.stdout.endswith(f"{folder / 'report.ru.html'}\n")
    assert 'lang="ru"' in (folder / "report.ru.html").read_text(encoding="utf-8")
    assert typed(*words, "--verify").stdout == f"{folder}: every digest that was run again is the same\n"


def test_lists_and_schemas() -> None:
    result = typed("scenarios", "list")
    assert [line for line in result.stdout.splitlines() if not line.startswith(" ")] == shipped_scenarios()
    assert all(name in typed("regimes", "list").stdout for name in shipped_regimes())
    for words in (("scenarios", "schema"), ("regimes", "schema")):
        assert "properties" in json.loads(typed(*words).stdout)


def test_a_scenario_can_be_checked_before_it_is_run(tmp_path: Path) -> None:
    assert typed("scenarios", "check", short_day(tmp_path)).stdout == "ok\n"
    assert typed("scenarios", "check", "calm_day").stdout == "ok\n"
    bad = short_day(tmp_path, ("title =", "titel ="))
    assert told(typed("scenarios", "check", bad)) == (
        f"{bad}: titel is not a key that belongs here; the nearest that is valid is “title”.\n"
    )


def test_without_words_it_helps() -> None:
    for words in ((), ("--help",), ("scenarios",), ("compare", "--help"), ("run", "--help")):
        assert "Usage: " in typed(*words).output


# --- what cannot be -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("size = 20", 'size = "many"'), "population.size must be a whole number, but is “many”"),
        (("opens =", "open ="), "calendar.open is not a key that belongs here; the nearest that is valid is “opens”"),
        (("expires = 10:45", "expires = 11:45"), "expires at 11:45:00, outside the session"),
        (("cap_rub = 16", "floor_rub = 17_000_000\ncap_rub = 16"), "must be zero or more and lie below cap"),
        (("cap_rub", "tick_value_rub = 0.105\ncap_rub"), "tick_value_rub is not a whole number of kopecks: 0.105"),
        (("deposit_rub = 60_000_000", "deposit_rub = -1"), "deposit_rub must lie between 0.01 and"),
        (("deposit_rub = 60_000_000", "deposit_rub = 1e300"), "deposit_rub must lie between 0.01 and"),
    ],
)  # fmt: skip
def test_a_fault_of_the_scenario_is_one_sentence_and_two(
    tmp_path: Path, command: str, change: tuple[str, str], sentence: str
) -> None:
    path = short_day(tmp_path, change)
    regimes = ("--regime", OPEN) if command == "run" else ("--regimes", f"{OPEN},{SUPER}")
    fault = told(typed(command, path, *regimes, "--out", tmp_path / "out"))
    assert fault.startswith(f"{path}: ") and sentence in fault and len(fault.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_what_the_venue_would_refuse_is_told_by_check_and_before_anything_runs(tmp_path: Path) -> None:
    path = short_day(tmp_path, ("expires = 10:45", "expires = 10:15"))
    for words in (("scenarios", "check"), ("compare",)):
        assert "its fixing would have begun before it is listed" in told(typed(*words, path))


def test_a_regime_that_cannot_meet_the_scenario_is_told_before_anything_runs(tmp_path: Path) -> None:
    path = short_day(tmp_path, ("[coin]", '[coin]\nid = "OTHR"'))
    assert typed("scenarios", "check", path).stdout == "ok\n"
    assert "but the scenario pays in OTHR" in told(typed("compare", path, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_market_makers_alone_can_be_compared(tmp_path: Path) -> None:
    path = short_day(tmp_path, ("size = 20", "size = 0"))
    result = typed("compare", path, "--regimes", f"{OPEN},{SUPER}", "--seeds", 1, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[cash]", "[cahs]", "cahs is not a key that belongs here; the nearest that is valid is “cash”"),
        ("offshore_share_percent = 30", 'offshore_share_percent = "30"', "offshore_share_percent must be a number"),
        ("test_environment = true", 'test_environment = "yes"', "test_environment must be true or false"),
        ('future = "allowed"', 'future = "alowed"', "permissions.future cannot be “alowed”; the nearest that is valid"),
        ("offshore_share_percent = 30", "offshore_share_percent = 101", "must lie between 0 and 100 percent"),
    ],
)  # fmt: skip
def test_a_fault_of_the_regime_is_one_sentence_and_two(
    tmp_path: Path, command: str, old: str, new: str, sentence: str
) -> None:
    regime = tmp_path / "mine.toml"
    text = regime_path(OPEN).read_text(encoding="utf-8")
    assert old in text
    regime.write_text(text.replace(old, new), encoding="utf-8")
    regimes = ("--regime", regime) if command == "run" else ("--regimes", f"{OPEN},{regime}")
    fault = told(typed(command, short_day(tmp_path), *regimes, "--out", tmp_path / "out"))
    assert fault.startswith(f"{regime}: ") and sentence in fault and len(fault.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "calmday", "--regime", OPEN), "is no shipped scenario; the nearest that is valid is “calm_day”"),
        (("run", "calm_day", "--regime", "ru_open"), "“ru_open” is no shipped regime"),
        (("run", "nowhere.toml", "--regime", OPEN), "nowhere.toml does not exist"),
        (("run", "calm_day", "--regime", "nowhere.toml"), "nowhere.toml does not exist"),
        (("run", ".", "--regime", OPEN), "shipped scenario"),
        (("compare", "calmday"), "is no shipped scenario"),
        (("compare", "calm_day", "--regimes", f"{OPEN},ru_closed"), "“ru_closed” is no shipped regime"),
        (("compare", "calm_day", "--regimes", OPEN), "a comparison needs two regimes or more"),
        (("compare", "calm_day", "--regimes", " , "), "a comparison needs two regimes or more"),
        (("compare", "calm_day", "--regimes", f"{OPEN},{SUPER}, {OPEN}"), f"the regime “{OPEN}” is named twice"),
        (("compare", "calm_day", "--regimes", SUPER, "--sweep", "cash.gate=1"), "cash.gate is not a number"),
        (("compare", "calm_day", "--regimes", SUPER, "--sweep", "assets_above=1,1"), "has the value 1 twice"),
        (("compare", "calm_day", "--regimes", SUPER, "--sweep", "institutions.cover=0"), "must lie between 0.01 and"),
        (("compare", "calm_day", "--precision", "5%", "--seeds", "3"), "finds the number of seeds itself"),
        (("compare", "calm_day", "--budget", "30"), "--of and --budget go with --precision"),
        (("compare", "calm_day", "--precision", "5%", "--of", "spread"), "“spread” is not a measure"),
        (("compare", "calm_day", "--precision", "5%", "--of", ","), "--of names no measure"),
        (("compare", "calm_day", "--precision", "5%", "--budget", "0"), "--budget: 0 cannot be"),
        (("compare", "calm_day", "--reuse", "nowhere"), "nowhere holds no runs to use again"),
        (("compare", "calm_day", "--cash", "rub_bank,digital_rouble"), "write --cash rub_bank --cash digital_rouble"),
        (("compare", "calm_day", "--clearing", "full,risk"), "write --clearing full --clearing risk"),
        (("reverse", "calm_day"), "has no table [magnitude]"),
        (("reverse", "gap_move", "--event", "flood"), "“flood” is no event"),
        (("reverse", "gap_move", "--event", "loses:qualified>5%"), "nearest that is valid is “qualified_individual”"),
        (("reverse", "gap_move", "--verify"), "holds no finished reverse stress test"),
        (("reverse", "gap_move@20"), "names a magnitude, which is what is looked for"),
        (("run", "gap_move@99", "--regime", OPEN), "magnitude must lie between 0 and 80 %, but is 99"),
        (("replay", "nowhere"), "nowhere is not a run folder"),
        (("report", "nowhere"), "nowhere holds no finished comparison"),
        (("compare", "calm_day", "--verify"), "holds no finished comparison"),
        (("scenarios", "check", "nowhere.toml"), "nowhere.toml does not exist"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in told(typed(*words))
    assert contents(tmp_path) == []


def test_two_files_of_one_name_are_one_regime_named_twice(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.toml").write_bytes(Path(str(regime_path(OPEN))).read_bytes())
    both = f"{tmp_path}/one/mine.toml,{tmp_path}/two/mine.toml"
    assert "the regime “mine” is named twice" in told(
        typed("compare", short_day(tmp_path), "--regimes", both)
    )


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--seed", "-1"),
        ("run", "--seed", "4294967296"),
        ("run", "--seed", "1.5"),
        ("run", "--seed", "1e9"),
        ("run", "--population", "0"),
        ("run", "--population", "-20"),
        ("run", "--population", "100001"),
        ("run", "--population", "twenty"),
        ("compare", "--seeds", "0"),
        ("compare", "--seeds", "-3"),
        ("compare", "--seeds", "100001"),
        ("compare", "--seeds", "0:20"),
        ("compare", "--seeds", "1,2,1"),
        ("compare", "--seeds", "1..2000000000"),
        ("reverse", "--seeds", "5..1"),
        ("compare", "--population", "0"),
        ("compare", "--workers", "0"),
        ("compare", "--sedes", "3"),
    ],
)
def test_numbers_out_of_range_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    command, *options = words
    regime = ("--regime", OPEN) if command == "run" else ()
    fault = told(typed(command, "gap_move", *regime, *options))
    assert options[0] in fault
    assert contents(tmp_path) == []


def test_the_largest_seed_and_the_smallest_population_are_in_range(tmp_path: Path) -> None:
    words = ("run", short_day(tmp_path), "--regime", OPEN, "--population", 1, "--seed", 2**32 - 1)
    assert typed(*words, "--out", tmp_path / "out").exit_code == 0


# --- places ---------------------------------------------------------------------------------------------


def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("my notes", encoding="utf-8")
    return path


def a_folder_of_something_else(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "measures.csv").write_text("my own measures", encoding="utf-8")
    return folder


def a_folder_inside_a_file(tmp_path: Path) -> Path:
    return a_file(tmp_path) / "runs" / "1"


@pytest.mark.parametrize("place", [a_file, a_folder_of_something_else, a_folder_inside_a_file])
@pytest.mark.parametrize("command", ["run", "compare"])
def test_what_lies_there_already_is_left_as_it_is(
    tmp_path: Path, command: str, place: Callable[[Path], Path]
) -> None:
    regimes = ("--regime", OPEN) if command == "run" else ("--regimes", f"{OPEN},{SUPER}", "--seeds", "1")
    scenario, out = short_day(tmp_path), place(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert str(tmp_path) in told(typed(command, scenario, *regimes, "--population", 2, "--out", out))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc to write into")
@pytest.mark.parametrize("command", ["run", "compare"])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, command: str) -> None:
    regimes = ("--regime", OPEN) if command == "run" else ("--regimes", f"{OPEN},{SUPER}", "--seeds", "1")
    fault = told(
        typed(command, short_day(tmp_path), *regimes, "--population", 2, "--out", "/proc/ringfence/out")
    )
    assert "name a place that can be written and read" in fault


def test_a_run_is_not_put_into_a_comparison_nor_the_other_way_round(
    tmp_path: Path, compared: Compared
) -> None:
    folder, words, _ = compared
    before = contents(folder)
    assert "is no run" in told(typed("run", words[1], "--regime", OPEN, "--out", folder))
    assert contents(folder) == before
    kept = tmp_path / "run"
    assert typed("run", words[1], "--regime", OPEN, "--population", 2, "--out", kept).exit_code == 0
    before = contents(kept)
    fault = told(typed(*(kept if word == folder else word for word in words)))
    assert str(kept) in fault and contents(kept) == before


def test_a_comparison_of_something_else_is_not_mixed_with_another(compared: Compared) -> None:
    folder, words, _ = compared
    other = tuple(9 if word == 8 else word for word in words)
    before = contents(folder)
    assert "was made with a population of 8, not of 9; name a new folder" in told(typed(*other))
    assert contents(folder) == before


# --- damage ---------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    words = ("run", short_day(tmp_path), "--regime", OPEN, "--population", 2, "--out", folder)
    assert typed(*words).exit_code == 0
    return folder


def test_a_journal_that_was_cut_says_at_which_entry(kept: Path) -> None:
    journal = kept / "commands.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:101]) + lines[101][:20])
    assert told(typed("replay", kept), 1).startswith(
        f"{journal}, line 102: the file breaks off in the middle of entry 101. Restore the file"
    )
    journal.write_bytes(b"".join(lines[:101]))
    assert "the file ends after entry 100, without its closing line" in told(typed("replay", kept), 1)


def test_a_journal_that_was_edited_says_at_which_entry(kept: Path) -> None:
    journal = kept / "commands.jsonl"
    text = journal.read_bytes()
    line = next(n for n, line in enumerate(text.splitlines()) if b"DepositCash" in line)
    lines = text.splitlines(keepends=True)
    lines[line] = re.sub(rb'"amount":(\d)', rb'"amount":1\1', lines[line])
    journal.write_bytes(b"".join(lines))
    fault = told(typed("replay", kept), 1)
    assert f"line {line + 1}: entry {line} is not as it was written" in fault
    del lines[line]
    journal.write_bytes(b"".join(lines))
    assert f"missing before entry {line + 1}: entry {line}" in told(typed("replay", kept), 1)


def test_a_manifest_that_says_another_digest_does_not_replay(kept: Path) -> None:
    manifest = kept / "manifest.json"
    digest = json.loads(manifest.read_text(encoding="utf-8"))["digest"]
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(digest, "0" * 64), encoding="utf-8")
    fault = told(typed("replay", kept), 1)
    assert f"its manifest says digest {'0' * 64}, its journal leads to {digest}" in fault


def test_whatever_was_edited_in_a_run_folder_is_named(kept: Path) -> None:
    import pyarrow.parquet as pq

    assert typed("replay", kept).exit_code == 0
    minted = kept / "record" / "CoinsMinted.parquet"
    table = pq.read_table(minted)
    edits = {
        kept / "scenario.toml": (kept / "scenario.toml").read_bytes() + b"\n",
        kept / "regime.toml": regime_path(SUPER).read_bytes(),
        kept / "summary.json": re.sub(
            rb'("fees_earned": )', rb"\g<1>7", (kept / "summary.json").read_bytes()
        ),
        minted: None,
    }
    for path, edited in edits.items():
        whole = path.read_bytes()
        if edited is None:
            pq.write_table(table.slice(1), path)
        else:
            path.write_bytes(edited)
        result = typed("replay", kept)
        assert str(path if edited else path.parent) in told(result, result.exit_code)
        assert result.exit_code in (1, 2)
        path.write_bytes(whole)
    assert typed("replay", kept).exit_code == 0


NAMES = ["manifest.json", "commands.jsonl", "scenario.toml", "regime.toml", "summary.json"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["gone", "emptied", "garbled", "a folder"])
def test_whatever_is_wrong_in_a_run_folder_is_a_sentence(kept: Path, name: str, how: str) -> None:
    path = kept / name
    path.unlink()
    match how:
        case "emptied":
            path.write_bytes(b"")
        case "garbled":
            path.write_bytes(b"\xff\x00{]")
        case "a folder":
            path.mkdir()
    result = typed("replay", kept)
    told(result, result.exit_code)
    assert result.exit_code in (1, 2) and name in result.stderr


@pytest.mark.parametrize("text", ["", "{}", "[1", '{"design":1}'])
def test_a_damaged_comparison_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "comparison.json").write_text(text, encoding="utf-8")
    assert "is not a comparison" in told(typed("report", tmp_path))


def test_a_damaged_cell_is_a_sentence(compared: Compared) -> None:
    folder, words, result = compared
    cell = folder / "cells" / OPEN / "1.json"
    whole = cell.read_bytes()
    try:
        cell.write_bytes(whole[:100])
        assert f"{cell} is not a finished run" in told(typed(*words))
        assert f"{cell} is not a finished run" in told(typed("report", folder))
    finally:
        cell.write_bytes(whole)
    assert digest_in(typed(*words)) == digest_in(result)


def test_a_run_that_is_lost_is_not_passed_over(compared: Compared) -> None:
    folder, words, result = compared
    (folder / "cells" / OPEN / "1.json").unlink()
    assert f"the run of {OPEN}, seed 1, is missing" in told(typed("report", folder))
    assert digest_in(typed(*words)) == digest_in(result)


# --- Ctrl-C and imports ---------------------------------------------------------------------------------

MAIN = "from scenarios.cli import main; main()"


def begun(*words: object) -> "subprocess.Popen[str]":
    """The command in a process group of its own, as at a terminal."""
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupted(process: "subprocess.Popen[str]", when: Callable[[], bool]) -> tuple[int, str]:
    """Ctrl-C as soon as `when` holds: the exit code and the error stream."""
    deadline = time.monotonic() + 300
    while not when() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)
    _, complaints = process.communicate(timeout=300)
    return process.returncode, complaints


def test_ctrl_c_in_a_run_leaves_nothing_half_written(tmp_path: Path) -> None:
    place = tmp_path / "runs"
    process = begun("run", "freeze_and_gap", "--regime", OPEN, "--out", place / "kept")
    code, complaints = interrupted(process, lambda: any(place.glob(".kept.*/new/commands.jsonl")))
    assert (code, complaints.strip()) == (130, "stopped; nothing half-written is left")
    assert list(place.iterdir()) == []


def test_ctrl_c_in_a_comparison_keeps_what_is_finished_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    words = ("compare", short_day(tmp_path), "--regimes", f"{OPEN},{SUPER}", "--seeds", 5, "--out", folder)
    code, complaints = interrupted(begun(*words), lambda: len(list(folder.glob("cells/*/*.json"))) >= 2)
    done = len(list(folder.glob("cells/*/*.json")))
    assert code == 130 and 2 <= done < 10
    assert complaints == (
        f"stopped; {done} of 10 runs kept in {folder}; the same command goes on where it stopped\n"
    )
    assert not (folder / "comparison.json").exists()
    assert [path for path in folder.rglob("*") if path.name.endswith(".part")] == []
    resumed = typed(*words)
    assert resumed.exit_code == 0 and f"{done} of 10 runs were finished before" in resumed.stdout


def test_workers_go_with_a_comparison_that_is_killed(tmp_path: Path) -> None:
    process = begun(
        "compare",
        short_day(tmp_path),
        "--regimes",
        f"{OPEN},{SUPER}",
        "--seeds",
        5,
        "--out",
        tmp_path / "kept",
    )
    while not any(tmp_path.glob("kept/cells/*/*.json")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()  # and nobody else
    process.communicate(timeout=60)  # until the last who could write there has ended


HEAVY = ("pydantic", "scipy", "pandas", "plotly", "pyarrow", "fastapi", "jinja2", "simpy")


def test_a_terminal_that_lacks_a_sign_shows_another() -> None:
    words = [sys.executable, "-c", MAIN, "regimes", "show", OPEN]
    plain = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(words, env=os.environ | plain, capture_output=True, check=True).stdout
    assert f"{OPEN} ? Russia".encode() in shown


def loaded_by(code: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules, file=sys.stderr)"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    return set(told.split())


def test_help_is_light() -> None:
    loaded = loaded_by(
        "import sys; sys.argv = ['ringfence', '--help']\n"
        "from scenarios.cli import main\n"
        "try: main()\nexcept SystemExit: pass"
    )
    assert "scenarios.cli" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_exchange_needs_neither_numbers_nor_tables_nor_networks() -> None:
    loaded = loaded_by("import exchange, exchange.core, exchange.audit")
    assert "exchange.clearing.ledger" in loaded
    assert loaded.isdisjoint((*HEAVY, "numpy", "pydantic", "typer", "rich", "asyncio"))


# --- another way of clearing ----------------------------------------------------------------------------


def test_a_run_with_another_clearing_is_kept_under_its_name_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("run", short_day(tmp_path), "--regime", OPEN, "--population", 5)
    margined, plain = typed(*words, "--clearing", "risk"), typed(*words)
    folder = tmp_path / "runs/short_day" / f"{OPEN}_risk" / "1"
    assert margined.stdout.startswith(f"kept in {folder.relative_to(tmp_path)}\n")
    assert digest_in(margined) != digest_in(plain)
    provenance = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["provenance"]
    assert provenance["regime_id"] == f"{OPEN}_risk"
    assert 'mode = "risk"' in (folder / "regime.toml").read_text(encoding="utf-8")
    assert digest_in(typed("replay", folder)) == digest_in(margined)


def test_regimes_are_compared_under_each_clearing(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    words = ("compare", "gap_move", "--regimes", OPEN, "--clearing", "full", "--clearing", "risk",
             "--seeds", 1, "--out", folder, "--population", 15)  # fmt: skip
    result = typed(*words)
    assert result.exit_code == 0, result.output
    both = [f"{OPEN}_full", f"{OPEN}_risk"]
    kept = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert [regime["name"] for regime in kept["design"]["regimes"]] == both
    assert sorted(path.name for path in (folder / "cells").iterdir()) == both
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "Clearing: covered in full." in report and "Clearing: margin of 16%" in report
    assert report.count("Who could not pay, and who paid instead") == 3  # under settlement as well
    again = typed(*words)
    assert "runs done" not in again.stdout and digest_in(again) == digest_in(result)
    assert typed(*words, "--verify").exit_code == 0


def test_regimes_are_compared_under_each_cash_profile(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    words = ("compare", "freeze_and_gap", "--regimes", OPEN, "--cash", "domestic_supervised",
             "--cash", "foreign_tether_like", "--seeds", 1, "--out", folder, "--population", 15)  # fmt: skip
    result = typed(*words)
    assert result.exit_code == 0, result.output
    both = [f"{OPEN}_domestic_supervised", f"{OPEN}_foreign_tether_like"]
    kept = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert [regime["name"] for regime in kept["design"]["regimes"]] == both
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "Settled in: Domestic rouble coin (RUBD)" in report
    assert "Settled in: Foreign coin of an offshore issuer (RUBY)" in report
    assert "<dd>the issuer, at foreign orders; what is frozen can still be paid into; " in report
    assert (
        "<dd>the issuer, at domestic orders; for a wallet of the venue the central bank must sign too"
        in report
    )
    assert report.count("If that money is stopped: trading goes on until it is halted; claims wait") == 2
    assert typed(*words, "--verify").exit_code == 0


def test_all_is_every_shipped_cash_profile_and_money_proper_comes_first() -> None:
    every = cash_profiles(["all"])
    assert sorted(every) == shipped_cashes()
    assert every[:2] == ["rub_bank", "digital_rouble"]
    assert [name.partition("_")[0] for name in every[2:]] == ["domestic"] * 3 + ["foreign"] * 2
    foreign_first = cash_profiles(["foreign_tether_like", "all"])
    assert foreign_first[:2] == ["foreign_tether_like", "rub_bank"] and len(foreign_first) == len(every)


def test_a_run_in_another_cash_is_kept_under_its_name_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("run", short_day(tmp_path), "--regime", f"{OPEN}+risk", "--population", 5)
    foreign, plain = typed(*words, "--cash", "foreign_circle_like"), typed(*words)
    folder = tmp_path / "runs/short_day" / f"{OPEN}_risk_foreign_circle_like" / "1"
    assert foreign.stdout.startswith(f"kept in {folder.relative_to(tmp_path)}\n")
    assert digest_in(foreign) != digest_in(plain)
    assert 'profile = "foreign_circle_like"' in (folder / "regime.toml").read_text(encoding="utf-8")
    assert digest_in(typed("replay", folder)) == digest_in(foreign)
    assert "“foreign” is no shipped cash profile" in told(typed(*words, "--cash", "foreign"))
    assert digest_in(typed(*words, "--cash", "rub_bank")) != digest_in(plain)


def test_a_cell_is_known_by_what_its_clearing_says(tmp_path: Path) -> None:
    """The same name with another text is another design, and is told so."""
    own = tmp_path / "own.toml"
    text = (Path(str(clearing_path("risk")))).read_text(encoding="utf-8").replace('id = "risk"', 'id = "own"')
    own.write_text(text, encoding="utf-8")
    words = ("compare", short_day(tmp_path), "--regimes", OPEN, "--clearing", "full", "--clearing", own,
             "--seeds", 1, "--out", tmp_path / "kept", "--population", 5)  # fmt: skip
    assert typed(*words).exit_code == 0
    own.write_text(text.replace("call_level_percent = 90 ", "call_level_percent = 95 "), encoding="utf-8")
    assert "was made with another text of its regime" in told(typed(*words))


def test_a_clearing_that_is_nowhere_or_wrong_is_a_sentence(tmp_path: Path) -> None:
    words = ("run", short_day(tmp_path), "--regime", OPEN, "--clearing")
    assert "“margin” is no shipped way of clearing" in told(typed(*words, "margin"))
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('id = "wrong"\ntitle = "wrong"\n[clearing]\nmode = "risk"\n', encoding="utf-8")
    sentence = told(typed(*words, wrong))
    assert f"{wrong}: clearing.variation is missing" in sentence

"""`ringfence risk` as it is typed, and the same tables as data frames: in full cover and on margin."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from exchange.access.regime import Regime
from exchange.clearing.terms import ClearingMode, ClearingRules, ClearingTime, VariationSchedule
from exchange.events import BucketSettled
from exchange.messages import changed
from exchange.units import HOUR, MINUTE
from scenarios.assembly import assemble
from scenarios.cli import app
from scenarios.config.reading import stated
from scenarios.config.regime_file import load_regime, read_regime
from scenarios.config.scenario_file import load_world
from scenarios.provenance import provenance_of
from scenarios.risk import SHEETS, TABLES, RiskReportError, tables
from scenarios.run import let_time_pass
from scenarios.run_folder import JOURNAL, new_run_folder
from tests.exchange.test_risk_reports import BUCKET, in_full, told
from tests.scenarios.small_worlds import MIDNIGHT, short_day

OPEN = "ru_open_counterfactual"


def typed(*words: object) -> Result:
    return CliRunner().invoke(app, ["risk", *(str(word) for word in words)])


def refused(result: Result, code: int = 2) -> str:
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert "Traceback" not in result.stderr
    return result.stderr


def kept(folder: Path, regime: Regime, at: Path) -> Path:
    """A short day under that regime, kept in `at`."""
    world, regime_file = load_world(str(short_day(folder)), 8), stated(read_regime(OPEN))
    provenance = provenance_of(world.scenario_id, world.resolved, OPEN, regime_file, 1)
    with new_run_folder(at, provenance, scenario=world.resolved, regime=regime_file) as run:
        simulation = assemble(world, regime, 1, run).simulation
        let_time_pass(simulation, world)
        run.finish(ledger_head=simulation.exchange.state.ledger.head(), measures={})
    return at


@pytest.fixture(scope="module")
def in_full_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    return kept(folder, load_regime(OPEN), folder / "run")


@pytest.fixture(scope="module")
def on_margin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Variation is cleared at 10:30, when the price has fallen by an eighth."""
    folder = tmp_path_factory.mktemp("margin")
    half_past_ten = ClearingTime(marks=10 * HOUR + 30 * MINUTE, pays=10 * HOUR + 30 * MINUTE)
    rules = ClearingRules(mode=ClearingMode.RISK, variation=VariationSchedule(clearings=(half_past_ten,)))
    return kept(folder, changed(load_regime(OPEN), clearing=rules), folder / "run")


def table_told(text: str, title: str) -> list[list[str]]:
    """The cells of one table as it is printed, without its heading."""
    below = text.split(title, 1)[1].split("└", 1)[0]
    return [
        [cell.strip() for cell in line.strip("│").split("│")] for line in below.splitlines() if "│" in line
    ]


# --- at the terminal ------------------------------------------------------------------------------------


def test_in_full_cover_it_shows_locks_and_says_that_no_waterfall_can_be_used(in_full_folder: Path) -> None:
    result = typed(in_full_folder, "--at", "10:30:00")
    assert result.exit_code == 0, result.output
    first = result.stdout.splitlines()[0]
    assert (
        first == f"{in_full_folder} at 2026-12-18 10:30:00 UTC, covered in full; amounts in units of the coin"
    )
    (escrow,) = table_told(result.stdout, "Escrow by bucket")
    frame = tables(in_full_folder, "10:30:00")["escrow"]
    assert escrow[-2] == f"{frame['pool'][0].as_py() / 100:,.2f}"
    assert "there is no waterfall, and it cannot be used" in result.stdout
    assert "debits equal credits in every asset, posted and pending" in result.stdout


def test_on_margin_it_shows_the_waterfall_and_the_clearing_of_half_past_ten(on_margin_folder: Path) -> None:
    before = typed(on_margin_folder, "--at", "10:29")
    assert before.exit_code == 0, before.output
    assert "Clearings of variation margin: none" in before.stdout and "covered by margin" in before.stdout
    result = typed(on_margin_folder, "--at", "2026-12-18T10:31:00")
    layers = [row[2] for row in table_told(result.stdout, "Waterfall")]
    assert layers == [
        *("defaulter margin", "defaulter fund share", "skin in the game", "survivors fund"),
        *("assessments", "gains haircut", "tear up", "equity"),
    ]
    (clearing,) = table_told(result.stdout, "Clearings of variation margin")
    assert clearing[0] == "2026-12-18 10:30:00" and clearing[2] == clearing[3] != "0.00"
    moves = [row[2:7] for row in table_told(result.stdout, "Stress losses")]
    assert moves and all(len(row) == 5 for row in moves)


def test_only_a_table_that_is_asked_for_is_shown_whole(on_margin_folder: Path) -> None:
    accounts = tables(on_margin_folder, "10:31")["balance"].num_rows
    every = typed(on_margin_folder, "--at", "10:31").stdout
    assert len(table_told(every, "Trial balance: accounts")) == 40
    assert f"and {accounts - 40} more: name the table, or write CSV" in every
    alone = typed(on_margin_folder, "--at", "10:31", "--table", "balance").stdout
    assert len(table_told(alone, "Trial balance: accounts")) == accounts > 40


@pytest.mark.parametrize("sheet", SHEETS)
def test_one_table_is_shown_alone(in_full_folder: Path, sheet: str) -> None:
    result = typed(in_full_folder, "--at", "10:30:00", "--table", sheet)
    assert result.exit_code == 0, result.output
    assert ("Trial balance" in result.stdout) == (sheet == "balance")
    assert ("Exposure" in result.stdout) == (sheet == "margin")


def test_without_a_time_it_shows_the_end_when_all_is_paid(in_full_folder: Path) -> None:
    text = typed(in_full_folder, "--table", "settlement").stdout
    ((bucket, *paid, lost),) = table_told(text, "Paid by bucket")
    assert bucket.startswith("BTC_RUB@") and lost != "0.00"
    assert paid == ["2026-12-18 10:45:00", "full", "4", "1,200,000.00"], "75 lots, each 16,000 wide"
    assert "Positions: none" in typed(in_full_folder, "--table", "margin").stdout


def test_csv_files_hold_kopecks(in_full_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    result = typed(in_full_folder, "--at", "10:30:00", "--table", "balance", "--csv", out)
    assert result.stdout.splitlines() == [str(out / "totals.csv"), str(out / "balance.csv")]
    with (out / "totals.csv").open(encoding="utf-8", newline="") as file:
        coins = next(csv.DictReader(file))
    assert coins["asset_id"] == "RUBD" and coins["posted_difference"] == "0"
    assert coins["liabilities"] == coins["held_outside"] and int(coins["liabilities"]) > 60_000_000 * 100


# --- what cannot be -------------------------------------------------------------------------------------


def test_a_time_outside_the_run_or_none_at_all_is_told_with_what_to_write(in_full_folder: Path) -> None:
    early = refused(typed(in_full_folder, "--at", "05:00"))
    assert early == (
        "2026-12-18 05:00:00 is not in the run, which goes from 2026-12-18 09:50:00 to "
        "2026-12-18 10:51:00 UTC; choose a time in between, or none for the end\n"
    )
    assert "2026-12-19 10:00:00 is not in the run" in refused(
        typed(in_full_folder, "--at", "2026-12-19T10:00:00")
    )
    for text in ("noon", "25:00", "10:61"):
        assert refused(typed(in_full_folder, "--at", text)).startswith(f"'{text}' is no time; write 13:30:00")


def test_a_table_that_is_none_is_told_with_those_there_are(in_full_folder: Path) -> None:
    assert refused(typed(in_full_folder, "--table", "profit")) == (
        "there is no table 'profit'; choose one of margin, members, stress, cover, waterfall, settlement, balance\n"
    )


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    assert "is not a run folder: it has no manifest.json" in refused(typed(tmp_path))
    assert "is not a run folder" in refused(typed(tmp_path / "nowhere"))


def test_a_run_that_does_not_replay_shows_nothing(in_full_folder: Path, tmp_path: Path) -> None:
    """Its manifest tells of another record, or a word of its journal is another."""
    for name, old, new in (
        ("manifest.json", '"digest": "', '"digest": "0'),
        (JOURNAL, '"wallet_id":"', '"wallet_id":"x'),
    ):
        copy = tmp_path / name
        copy.mkdir()
        for path in in_full_folder.iterdir():
            if path.is_file():
                text = path.read_text("utf-8")
                (copy / path.name).write_text(
                    text.replace(old, new, 1) if path.name == name else text, "utf-8"
                )
        assert refused(typed(copy, "--at", "10:30:00"), code=1)


# --- as data frames -------------------------------------------------------------------------------------


def test_every_table_is_a_frame_whose_columns_have_a_type(on_margin_folder: Path) -> None:
    frames = tables(on_margin_folder, MIDNIGHT + 10 * HOUR + 31 * MINUTE)
    assert list(frames) == list(TABLES) and {name for sheet in SHEETS.values() for name in sheet} == set(
        TABLES
    )
    for frame in frames.values():
        assert {str(field.type) for field in frame.schema} <= {"int64", "string", "bool"}
    margin = frames["margin"]
    assert margin.schema.field("equity").type == pa.int64()
    assert sum(margin["scenario_initial"].to_pylist()) > 0
    assert frames["exposure"]["locked"].null_count == frames["exposure"].num_rows
    assert frames["escrow"].num_rows == 0 and "pool" in frames["escrow"].column_names


def test_the_frames_of_an_exchange_are_those_of_its_state() -> None:
    frames = tables(in_full().exchange)
    assert frames["margin"]["participant_id"].to_pylist() == ["ann", "bob"]
    assert frames["margin"]["restriction"].to_pylist() == ["active", "active"]
    assert frames["margin"]["equity"].to_pylist() == [20_100_000, 19_900_000]
    assert frames["paid"].num_rows == 0


def test_what_an_exchange_has_paid_comes_from_its_entries() -> None:
    venue = in_full()
    events = told(BucketSettled(bucket_id=BUCKET, pool=160, holders=2))
    assert tables(venue.exchange, told=events)["paid"]["paid"].to_pylist() == [160]


def test_an_exchange_has_no_other_time_than_its_own() -> None:
    with pytest.raises(RiskReportError, match="an exchange is shown as it stands"):
        tables(in_full().exchange, at="10:30:00")

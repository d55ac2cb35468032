"""The record answers alike from memory and from a folder, and a folder is whole or not there at all."""

import errno
import gc
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from enum import Enum
from hashlib import sha256
from math import isnan, nan
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import journal
from exchange.access.regime import Applicant, ApplicantKind, Permission
from exchange.commands import PlaceOrder
from exchange.events import (
    BestPricesChanged,
    DepthReported,
    Entry,
    Event,
    Liquidity,
    OrderAmended,
    OrderFilled,
    ParticipantAdmitted,
    SessionOpened,
    VenueEstablished,
)
from exchange.instruments import Product
from exchange.journal import JournalWriter, RecordDigest
from exchange.messages import Message, decode
from exchange.units import AssetId, IndexId, InstrumentId
from matching.terms import OrderId, ParticipantId, Side
from scenarios import results
from scenarios.columns import FORMS, Kind
from scenarios.provenance import Provenance, provenance_of, toml_text
from scenarios.results import Record, RecordWriter, ResultsError
from scenarios.run_folder import RunFolder, new_run_folder, read_manifest, read_summary

BTC = InstrumentId("BTC_RUBD-25DEC26")
ANN = ParticipantId("ann")

FILLED = OrderFilled(
    participant_id=ANN,
    order_id=OrderId(7),
    client_order_id=1,
    instrument_id=BTC,
    trade_id=3,
    side=Side.SELL,
    price=80_000,
    quantity=5,
    remaining=2,
    liquidity=Liquidity.MAKER,
    fee=10,
)
QUOTED = BestPricesChanged(instrument_id=BTC, bid=79_990, bid_quantity=4, ask=None, ask_quantity=0)
DEPTH = DepthReported(
    instrument_id=BTC, distances_bp=(10, 50), bid_quantities=(1, 2), ask_quantities=(3, 4)
)  # fmt: skip
AMENDED = OrderAmended(
    participant_id=ANN, order_id=OrderId(7), client_order_id=1, instrument_id=BTC, price=1, remaining=1,
    kept_priority=True,
)  # fmt: skip
ADMITTED = ParticipantAdmitted(
    participant_id=ANN,
    class_id="qualified",
    applicant=Applicant(kind=ApplicantKind.INDIVIDUAL, incomes=(5, 6)),
    permissions={Product.SPOT: Permission.DENIED, Product.FUTURE: Permission.AFTER_TEST},
    limit=2**60 + 1,  # no float is that exact
)
ESTABLISHED = VenueEstablished(assets=(AssetId("RUBD"),), indices=(IndexId("BTC_RUB"),))
STORY: tuple[Event, ...] = (
    ESTABLISHED,
    SessionOpened(),
    ADMITTED,
    QUOTED,
    FILLED,
    QUOTED,
    FILLED,
    AMENDED,
    DEPTH,
)


ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, str(Path.cwd())]))}


def entries_of(*events: Event) -> list[Entry]:
    return [Entry(sequence=at, time=1_000 * at, event=event) for at, event in enumerate(events, 1)]


def kept(entries: list[Entry], folder: Path | None = None, provenance: Provenance | None = None) -> Record:
    with RecordWriter(folder, provenance) as writer:
        writer.write(entries)
    return writer.record()


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name], equal_nan=floats)
        for name in one
        for floats in [one[name].dtype == np.float64]
    )


# --- the record -----------------------------------------------------------------------------------------


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this type may have; tuples are pairs, so that they fit in a matrix."""
    hint = getattr(hint, "__supertype__", hint)
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(-(2**63), 2**63 - 1)
    if hint is str:
        return st.text(max_size=5)
    if NoneType in get_args(hint):
        return st.none() | values(get_args(hint)[0])
    if get_origin(hint) is tuple:
        part = values(get_args(hint)[0])
        return st.tuples(part, part)
    if get_origin(hint) is dict:
        return st.dictionaries(*map(values, get_args(hint)), max_size=3)
    if issubclass(hint, tuple):  # a named one
        return st.builds(hint, *map(values, get_type_hints(hint).values()))
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    assert issubclass(hint, Message), f"a field of type {hint} needs a form in scenarios/columns.py"
    return messages(hint)


def messages(kind: Any) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})


A_FEW_KINDS: tuple[Kind, ...] = tuple(dict.fromkeys(type(event) for event in STORY))
STORIES = st.lists(st.one_of([messages(kind) for kind in A_FEW_KINDS]), max_size=12)


@settings(max_examples=30, deadline=None)
@given(STORIES, st.integers(1, 5))
def test_memory_and_folder_give_equal_answers(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], rows: int
) -> None:
    entries = entries_of(*events)
    with patch.object(results, "_ROWS", rows):
        memory, folder = kept(entries), kept(entries, tmp_path_factory.mktemp("run"))
    for kind in A_FEW_KINDS:
        assert same(memory.table(kind), folder.table(kind))
        assert memory.entries(kind) == folder.entries(kind)
        assert memory.entries(kind) == [entry for entry in entries if type(entry.event) is kind]


@settings(max_examples=5, deadline=None)
@given(st.data())
@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: kind.__name__)
def test_every_kind_of_event_comes_back(kind: Kind, data: st.DataObject) -> None:
    entries = entries_of(*data.draw(st.lists(messages(kind), max_size=3)))
    record = kept(entries)
    assert record.entries(kind) == entries
    assert set(record.table(kind)) == {"sequence", "time", *FORMS[kind]}


@pytest.fixture(params=["memory", "folder"])
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Record:
    return kept(entries_of(*STORY), tmp_path if request.param == "folder" else None)


def test_numbers_are_whole_and_choices_are_their_values(story: Record) -> None:
    table = story.table(OrderFilled)
    assert table["sequence"].tolist() == [5, 7]
    assert table["time"].tolist() == [5_000, 7_000]
    assert table["price"].dtype == table["side"].dtype == np.int64
    assert table["side"].tolist() == [-1, -1]
    assert table["liquidity"].tolist() == ["maker", "maker"]
    assert [type(text) for text in table["liquidity"]] == [str, str]
    assert table["participant_id"].dtype == np.object_


def test_an_absent_number_is_nan(story: Record) -> None:
    table = story.table(BestPricesChanged)
    assert table["bid"].tolist() == [79_990.0, 79_990.0]
    assert np.isnan(table["ask"]).all()
    assert table["ask"].dtype == np.float64


def test_numbers_in_a_row_are_a_matrix(story: Record) -> None:
    assert story.table(DepthReported)["ask_quantities"].tolist() == [[3, 4]]


def test_a_truth_is_a_truth(story: Record) -> None:
    assert story.table(OrderAmended)["kept_priority"].dtype == np.bool_


def test_what_is_nested_is_json(story: Record) -> None:
    table = story.table(ParticipantAdmitted)
    assert json.loads(table["permissions"][0]) == {"spot": "denied", "future": "allowed_after_test"}
    assert json.loads(table["applicant"][0])["incomes"] == [5, 6]


def test_entries_are_exact_where_a_float_is_not(story: Record) -> None:
    assert story.entries(ParticipantAdmitted)[0].event == ADMITTED


def test_a_kind_without_fields_still_has_its_times(story: Record) -> None:
    assert {name: column.tolist() for name, column in story.table(SessionOpened).items()} == {
        "sequence": [2],
        "time": [2_000],
    }


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_what_never_happened_has_columns_of_the_right_type(where: str, tmp_path: Path) -> None:
    record = kept([], tmp_path if where == "folder" else None)
    assert record.entries(OrderFilled) == []
    table = record.table(OrderFilled)
    assert {column.size for column in table.values()} == {0}
    assert table["price"].dtype == np.int64
    assert table["liquidity"].dtype == np.object_
    assert record.table(DepthReported)["distances_bp"].shape == (0, 0)


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_rows_of_different_lengths_are_no_matrix(where: str, tmp_path: Path) -> None:
    longer = DepthReported(instrument_id=BTC, distances_bp=(1, 2, 3), bid_quantities=(), ask_quantities=())
    record = kept(entries_of(DEPTH, longer), tmp_path if where == "folder" else None)
    with pytest.raises(ValueError, match="shape"):
        record.table(DepthReported)
    assert [entry.event for entry in record.entries(DepthReported)] == [DEPTH, longer]


def test_the_digest_is_that_of_the_entries(tmp_path: Path) -> None:
    digest = RecordDigest()
    digest.update(entries_of(*STORY))
    for folder in (None, tmp_path):
        with RecordWriter(folder) as writer:
            for entry in entries_of(*STORY):
                writer.write([entry])
        assert writer.digest() == digest.hexdigest()
        assert writer.counts["OrderFilled"] == 2
        assert writer.counts.total() == len(STORY)


# --- the files ------------------------------------------------------------------------------------------

SCENARIO = {"id": "calm_day", "seed_note": None, "index": {"venues": ("A", "B"), "knots": [[0, 8], [1, 9]]}}
REGIME = {"id": "open", "classes": [{"id": "all", "caps": {"capital_at_risk": None}}]}


def provenance(seed: int = 7) -> Provenance:
    return provenance_of("calm_day", SCENARIO, "open", REGIME, seed)


def test_rewriting_a_record_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with patch.object(results, "_ROWS", 2):
            kept(entries_of(*STORY * 3), tmp_path / name, provenance())
    files = sorted((tmp_path / "one" / "record").iterdir())
    assert len(files) == len(FORMS)
    for file in files:
        assert file.read_bytes() == (tmp_path / "two" / "record" / file.name).read_bytes()


def test_rows_go_to_the_file_in_groups(tmp_path: Path) -> None:
    with patch.object(results, "_ROWS", 2), RecordWriter(tmp_path) as writer:
        for entry in entries_of(*[FILLED] * 5):
            writer.write([entry])
    file = pq.ParquetFile(tmp_path / "record" / "OrderFilled.parquet")
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [2, 2, 1]


def test_a_file_says_where_it_comes_from(tmp_path: Path) -> None:
    kept(entries_of(*STORY), tmp_path, provenance())
    metadata = pq.read_schema(tmp_path / "record" / "OrderFilled.parquet").metadata
    assert decode(metadata[b"ringfence"], Provenance) == provenance()


def test_an_absent_number_is_null_in_the_file(tmp_path: Path) -> None:
    kept(entries_of(QUOTED), tmp_path)
    table = pq.read_table(tmp_path / "record" / "BestPricesChanged.parquet")
    assert table.column("ask").to_pylist() == [None]
    assert table.schema.field("ask").type == pa.int64()


def test_a_lost_file_is_missed(tmp_path: Path) -> None:
    record = kept(entries_of(*STORY), tmp_path)
    (tmp_path / "record" / "OrderFilled.parquet").unlink()
    with pytest.raises(ResultsError, match=r"OrderFilled\.parquet is missing\. Delete the run folder"):
        record.table(OrderFilled)


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    record = kept(entries_of(*STORY), tmp_path)
    file = tmp_path / "record" / "OrderFilled.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ResultsError, match=r"OrderFilled\.parquet is damaged"):
        record.entries(OrderFilled)


def test_a_file_with_other_columns_is_not_ours(tmp_path: Path) -> None:
    record = kept(entries_of(*STORY), tmp_path)
    pq.write_table(pa.table({"price": [1]}), tmp_path / "record" / "OrderFilled.parquet")
    with pytest.raises(ResultsError, match="other columns than this version of ringfence writes"):
        record.table(OrderFilled)


def test_a_folder_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="holds no record: name a folder"):
        Record.open(tmp_path)


def test_nothing_loads_pyarrow_before_a_file_is_written() -> None:
    program = (
        "import sys; from scenarios import results, run_folder; from exchange.events import *; "
        "writer = results.RecordWriter(); writer.write([Entry(sequence=1, time=1, event=SessionOpened())]); "
        "writer.record().table(SessionOpened); assert 'pyarrow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=ENVIRONMENT)


# --- the run folder -------------------------------------------------------------------------------------

ORDER = PlaceOrder(participant_id=ANN, client_order_id=1, instrument_id=BTC, side=Side.BUY, quantity=1)
MEASURES = {"spread": 12.5, "nothing_traded": nan, "worst": np.float64(3), "trades": 4}


def run(path: Path, seed: int = 7, during: Callable[[RunFolder], None] = lambda folder: None) -> None:
    with new_run_folder(path, provenance(seed), scenario=SCENARIO, regime=REGIME) as folder:
        folder.command(1, ORDER)
        folder.entries(entries_of(*STORY))
        during(folder)
        folder.finish(ledger_head="abc", measures=MEASURES)


def test_a_run_folder_holds_the_whole_run(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "calm_day" / "7"
    run(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "commands.jsonl", "manifest.json", "record", "regime.toml", "scenario.toml", "summary.json"
    ]  # fmt: skip
    assert list(journal.read(folder / "commands.jsonl")) == [(1, ORDER)]
    assert Record.open(folder).entries(OrderFilled)[0].event == FILLED
    assert tomllib.loads((folder / "scenario.toml").read_text()) == {
        "id": "calm_day",
        "index": {"venues": ["A", "B"], "knots": [[0, 8], [1, 9]]},
    }
    assert tomllib.loads((folder / "regime.toml").read_text()) == {
        "id": "open",
        "classes": [{"id": "all", "caps": {}}],
    }
    assert [path.name for path in folder.parent.iterdir()] == ["7"]


def test_the_manifest_says_what_the_run_is_and_came_to(tmp_path: Path) -> None:
    run(tmp_path / "run")
    manifest = read_manifest(tmp_path / "run")
    assert manifest.provenance == provenance()
    assert manifest.digest == digest_of_story()
    assert (manifest.ledger_head, manifest.commands, manifest.entries) == ("abc", 1, 9)
    assert manifest.events["BestPricesChanged"] == 2
    assert (tmp_path / "run" / "commands.jsonl").read_text().endswith(f'"{manifest.journal_check}"]\n')
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["provenance"]["seed"] == 7


def digest_of_story() -> str:
    digest = RecordDigest()
    digest.update(entries_of(*STORY))
    return digest.hexdigest()


def test_the_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    run(tmp_path / "run")
    for name, told in (
        ("scenario.toml", provenance().scenario_sha256),
        ("regime.toml", provenance().regime_sha256),
    ):
        assert sha256((tmp_path / "run" / name).read_bytes()).hexdigest() == told


def test_an_undefined_measure_is_null_in_the_file_and_nan_again_when_read(tmp_path: Path) -> None:
    run(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == {
        "spread": 12.5, "nothing_traded": None, "worst": 3.0, "trades": 4.0
    }  # fmt: skip
    summary = read_summary(tmp_path / "run")
    assert isnan(summary.pop("nothing_traded"))
    assert summary == {"spread": 12.5, "worst": 3.0, "trades": 4.0}


def test_measures_may_be_read_off_the_record_before_the_folder_is_finished(tmp_path: Path) -> None:
    seen: list[int] = []
    run(tmp_path / "run", during=lambda folder: seen.append(folder.record().table(OrderFilled)["price"].size))
    assert seen == [2]


def test_two_runs_make_the_same_bytes(tmp_path: Path) -> None:
    run(tmp_path / "one")
    run(tmp_path / "two")
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 5 + len(FORMS)
    for path in files:
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


# --- nothing half-written -------------------------------------------------------------------------------


def no_space(*_arguments: object, **_named: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (pq.ParquetWriter, "write_table"),
        (pq.ParquetWriter, "close"),
        (JournalWriter, "append"),
        (JournalWriter, "close"),
        (RecordWriter, "close"),
        (RunFolder, "finish"),
        (json, "dumps"),
    ],
)
@pytest.mark.parametrize("fault", [no_space, interrupted])
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a writer closes as it is collected
def test_a_failure_anywhere_leaves_nothing(
    tmp_path: Path, place: object, name: str, fault: Callable[..., None]
) -> None:
    with patch.object(place, name, fault), pytest.raises((OSError, KeyboardInterrupt)):
        run(tmp_path / "run")
    gc.collect()  # so that nothing is left to be closed in a later test
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_the_making_lies_beside_its_place(tmp_path: Path) -> None:
    seen: list[str] = []
    run(tmp_path / "run", during=lambda _folder: seen.extend(path.name for path in tmp_path.iterdir()))
    assert [name.startswith(".run.") for name in seen] == [True]


def test_a_failure_leaves_the_earlier_run_as_it_was(tmp_path: Path) -> None:
    run(tmp_path / "run")
    before = (tmp_path / "run" / "manifest.json").stat()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", during=interrupted)
    assert (tmp_path / "run" / "manifest.json").stat() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.skipif(sys.platform == "win32", reason="the size of a file cannot be limited there")
def test_a_file_that_may_not_grow_leaves_nothing(tmp_path: Path) -> None:
    """A real write error, halfway through a row group, in a process whose files may hold 20,000 bytes."""
    program = f"""
import resource, sys
from pathlib import Path
from tests.scenarios.test_results import *
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
def much(folder):
    for n in range(60_000):
        folder.entries([Entry(sequence=n, time=n * n * 7_919, event=FILLED)])
try:
    run(Path({str(tmp_path / "run")!r}), during=much)
except OSError as fault:
    sys.exit(fault.errno)
"""
    ended = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, check=False)
    assert ended.returncode == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_not_finished_is_not_kept(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="finished first"),
        new_run_folder(tmp_path / "run", provenance(), scenario=SCENARIO, regime=REGIME),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


# --- what is there already ------------------------------------------------------------------------------


def test_the_same_run_takes_its_own_place(tmp_path: Path) -> None:
    run(tmp_path / "run")
    (tmp_path / "run" / "manifest.json").with_name("stray.txt").write_text("of the first time")
    run(tmp_path / "run")
    assert not (tmp_path / "run" / "stray.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    run(tmp_path / "run")
    assert read_manifest(tmp_path / "run").commands == 1


def test_another_run_is_not_written_over(tmp_path: Path) -> None:
    run(tmp_path / "run", seed=7)
    with pytest.raises(ResultsError, match=r"holds another run \(seed is 7 there and 8 here\): name another"):
        run(tmp_path / "run", seed=8)
    assert read_manifest(tmp_path / "run").provenance.seed == 7


def test_what_is_no_run_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for path in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(ResultsError, match="is there already and is no run: name another folder"):
            run(path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# --- reading a manifest ---------------------------------------------------------------------------------


def test_what_is_no_run_folder_has_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(ResultsError, match=r"not a run folder: it has no manifest\.json\. Name a folder"):
            read_manifest(path)


def test_results_of_another_version_are_not_misread(tmp_path: Path) -> None:
    run(tmp_path / "run")
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(
        ResultsError, match="of schema version 2, but this ringfence reads version 1: read it"
    ):
        read_manifest(tmp_path / "run")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"schema_version": "1"}', '{"schema_version": 1}', "\xff"]
)
def test_a_damaged_manifest_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text, "latin-1")
    with pytest.raises(ResultsError, match=r"manifest\.json is damaged \(.+\)\. Delete the folder"):
        read_manifest(tmp_path)


# --- provenance -----------------------------------------------------------------------------------------


def test_any_change_of_a_file_changes_its_hash() -> None:
    changed = provenance_of("calm_day", SCENARIO | {"id": "calm_night"}, "open", REGIME, 7)
    assert changed.scenario_sha256 != provenance().scenario_sha256
    assert changed.regime_sha256 == provenance().regime_sha256


def test_what_is_not_stated_does_not_count() -> None:
    assert toml_text({"a": 1, "b": None, "c": {"d": None}}) == "a = 1\n\n[c]\n"


def test_versions_are_named() -> None:
    assert set(provenance().packages) == {"numpy", "simpy", "msgspec", "pyarrow"}
    assert provenance().packages["numpy"] == np.__version__

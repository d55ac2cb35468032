"""A reverse stress test: how strong the shock must be, seed by seed, and what it may say of that."""

import csv
import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.cells import CellMismatchError
from scenarios.compare import Design, DesignError, compare
from scenarios.config.magnitude import at_magnitude, scaled
from scenarios.config.reading import ConfigurationError, read_toml
from scenarios.config.regime_file import load_regime
from scenarios.config.scenario_file import load_world, read_scenario, scenario_path, shipped_scenarios
from scenarios.reverse import (
    Answer,
    Question,
    Reversed,
    question_of,
    read_reversed,
    reverse,
    steps_to_try,
    verify,
)
from scenarios.statistics import median_ranks
from scenarios.stress_events import (
    StressEvent,
    StressEventError,
    Unasked,
    Why,
    check_events,
    event_in_words,
    events_asked,
)
from tests.scenarios.fake_searches import OPEN, QUALIFIED, Made, a_scenario, in_this_process

SEEDS = (1, 2, 3, 4, 5, 6, 7)


# --- the magnitude of a scenario ------------------------------------------------------------------------


def test_a_scenario_is_run_at_another_magnitude_by_its_name(tmp_path: Path) -> None:
    path = a_scenario(tmp_path)
    assert 600_000_000 in [price for _, price in load_world(f"{path}@25").path.knots]  # type: ignore[union-attr]
    assert load_world(f"{path}@12.5").resolved == load_world(path).resolved
    assert read_scenario(f"{path}@25").magnitude.stands_at == 25  # type: ignore[union-attr]
    assert scaled("gap_move@20") == ("gap_move", Decimal(20))
    assert scaled(str(tmp_path / "mine@20.toml")).magnitude is None


@pytest.mark.parametrize("name", [name for name in shipped_scenarios() if read_scenario(name).magnitude])
def test_every_shipped_magnitude_can_be_met_at_both_of_its_bounds(name: str) -> None:
    table = read_scenario(name).magnitude
    assert table is not None
    for bound in (table.least, table.most):
        told = read_toml(scenario_path(name))
        changed = at_magnitude(told, table, bound, name)
        assert read_scenario(f"{name}@{bound}").magnitude.stands_at == bound  # type: ignore[union-attr]
        assert changed != told
        load_world(f"{name}@{bound}")


@pytest.mark.parametrize("name", [name for name in shipped_scenarios() if read_scenario(name).magnitude])
def test_at_its_own_magnitude_a_shipped_scenario_is_the_same_world(name: str) -> None:
    table = read_scenario(name).magnitude
    assert table is not None
    assert load_world(f"{name}@{table.stands_at}") == load_world(name)


def test_every_published_shock_that_has_a_size_can_be_scaled() -> None:
    """An order to freeze all wallets of a venue that has one is given or not: of it there is no half."""
    published = {
        "freeze_hazard",
        "depeg_2023_03",
        "issuer_reset_2025_08",
        "cascade_2025_10",
        "crash_2020_03",
        "mm_withdrawal_2022_11",
        "hack_2026_04",
        "fixing_attack",
        "gap_over_weekend",
        "big_client_default",
        "threshold_sweep",
    }
    scaled_ones = {name for name in shipped_scenarios() if read_scenario(name).magnitude}
    assert published <= scaled_ones
    assert "freeze_2025_03" not in scaled_ones


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("stands_at = 12.5", "stands_at = 12", "scales.1 gives 7040000 for index.knots.3.price_rub at 12, where"),
        ("3.price_rub", "3.prise_rub", "no number of this file; the nearest that is valid is “index.knots.3."),
        ("step = 0.5", "step = 0.3", "of which 0 to 50 is no whole number"),
        ("step = 0.5", "step = 0", "must be greater than 0"),
        ("most = 50", "most = 0", "is 0, not above the least, 0"),
        ("most = 50", "most = 10", "magnitude.stands_at is 12.5, outside 0 to 10"),
        ('unit = "%"', 'unti = "%"', "magnitude.unti is not a key that belongs here"),
    ],
)  # fmt: skip
def test_a_magnitude_that_does_not_fit_the_file_is_told(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    path = a_scenario(tmp_path, (old, new))
    with pytest.raises(ConfigurationError) as fault:
        load_world(path)
    assert sentence in str(fault.value)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gap_move@81", "magnitude must lie between 0 and 80 %, but is 81"),
        ("gap_move@x", "magnitude cannot be “x”, which is no number"),
        ("calm_day@1", "magnitude is missing"),
    ],
)
def test_a_magnitude_that_cannot_be_is_told(name: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        load_world(name)


# --- where to look --------------------------------------------------------------------------------------


def search(happens: list[bool]) -> tuple[int | None, int]:
    """The smallest that is found, and at how many places one looked."""
    known: dict[int, bool] = {}
    while steps := steps_to_try(known, len(happens) - 1):
        known |= {one: happens[one] for one in steps}
    return min((one for one, happened in known.items() if happened), default=None), len(known)


@given(st.integers(1, 400), st.data())
def test_bisection_finds_the_smallest_of_all(most: int, data: st.DataObject) -> None:
    smallest = data.draw(st.integers(0, most + 1))
    found, looked = search([step >= smallest for step in range(most + 1)])
    assert found == (smallest if smallest <= most else None)
    assert looked <= 5 + math.ceil(math.log2(max(most / 4, 1))) + 1


@settings(max_examples=50)
@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_without_order_it_still_ends_at_a_place_where_it_happens_and_does_not_just_below(
    happens: list[bool],
) -> None:
    found, _ = search(happens)
    if found:
        assert happens[found] and not happens[found - 1]


@pytest.mark.parametrize(("n", "ranks"), [(5, None), (6, (0, 5)), (9, (1, 7)), (15, (3, 11)), (40, (13, 26))])
def test_the_interval_of_a_median_is_that_of_the_tables(n: int, ranks: tuple[int, int] | None) -> None:
    """Between the 2nd and the 8th of nine, the 4th and the 12th of fifteen (Conover, table A4)."""
    assert median_ranks(n) == ranks


# --- whole searches -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """Met with its two regimes once, for all that is asked here."""
    path = a_scenario(tmp_path_factory.mktemp("world"))
    return question_of(path, [f"{OPEN}+risk", f"{QUALIFIED}+risk"], ["layers"], SEEDS, 5, "ringfence reverse")


def asking(question: Question, *events: str) -> Question:
    return question._replace(events=events)


def answers(found: Reversed) -> dict[tuple[str, str], Answer]:
    return {(one.regime, one.event): one for one in found.answers}


def test_every_layer_is_asked_and_each_seed_answers(tmp_path: Path, question: Question) -> None:
    found = reverse(asking(question, "layers"), tmp_path / "kept", Made())
    told = answers(found)
    mine = told[f"{OPEN}_risk", "used:defaulter_margin"]
    assert [one.smallest for one in mine.thresholds] == [11, 12, 13, 14, 15, 16, 17]
    assert (mine.first, mine.half, mine.nine_tenths, mine.within) == (11, 14, 17, 7)
    assert (mine.low, mine.high) == (11, 17)  # of seven, the first and the last
    twice = told[f"{QUALIFIED}_risk", "used:defaulter_margin"]
    assert [one.smallest for one in twice.thresholds] == [22, 24, 26, 28, 30, 32, 34]
    paid = told[f"{OPEN}_risk", "used:skin_in_the_game"]
    drained = told[f"{OPEN}_risk", "exhausted:defaulter_margin"]
    assert [one.smallest for one in paid.thresholds] == [22, 24, 26, 28, 30, 32, 34]
    assert paid.thresholds == drained.thresholds  # what comes later pays only then
    never = told[f"{OPEN}_risk", "used:equity"]
    assert (never.within, never.first, never.half) == (0, None, None)


def test_beyond_the_bounds_is_said_and_not_guessed(tmp_path: Path, question: Question) -> None:
    found = reverse(asking(question, "used:skin_in_the_game"), tmp_path / "kept", Made())
    far = answers(found)[f"{QUALIFIED}_risk", "used:skin_in_the_game"]  # at 44, 48, and beyond 50
    assert [one.smallest for one in far.thresholds] == [44, 48, None, None, None, None, None]
    assert (far.first, far.half, far.within, far.high) == (44, None, 2, None)
    with (tmp_path / "kept/reverse.csv").open() as file:
        row = list(csv.DictReader(file))[1]
    assert (row["first"], row["half"], row["within_bounds"]) == ("44.0", "", "2")
    kept = json.loads((tmp_path / "kept/reverse.json").read_text())
    assert [one["smallest"] for one in kept["answers"][1]["thresholds"]] == [44, 48, *[None] * 5]


def test_a_shock_that_undoes_what_a_weaker_one_did_is_told(tmp_path: Path, question: Question) -> None:
    found = reverse(asking(question, "used:defaulter_margin"), tmp_path / "kept", Made(undone_at=36))
    mine = answers(found)[f"{OPEN}_risk", "used:defaulter_margin"]
    assert [one.smallest for one in mine.thresholds] == [11, 12, 13, 14, 15, 16, 17]
    assert [one.undone for one in mine.undone] == [37.5] * 7  # the probe above
    assert "undone" in (tmp_path / "kept/reverse.csv").read_text().splitlines()[0]


def test_what_was_run_is_not_run_again_and_serves_another_event(tmp_path: Path, question: Question) -> None:
    made = Made()
    two = question._replace(seeds=(1, 2))
    mine_alone = asking(two, "used:defaulter_margin")
    first = reverse(mine_alone, tmp_path / "kept", made)
    runs = made.counted
    assert first.runs == runs < 2 * 2 * 12
    assert reverse(mine_alone, tmp_path / "kept", made) == first
    assert made.counted == runs
    reverse(mine_alone, tmp_path / "other", made, reuse=[tmp_path / "kept"])
    assert made.counted == runs
    lost = reverse(asking(two, "loses:everyone>2%"), tmp_path / "kept", made)
    mine = answers(lost)[f"{OPEN}_risk", "loses:everyone>2%"]
    assert {one.smallest for one in mine.thresholds} == {20.5}  # 2 of 2,000 for each percent


def test_a_run_that_fails_is_told_and_its_seed_left_out(tmp_path: Path, question: Question) -> None:
    found = reverse(asking(question, "used:defaulter_margin"), tmp_path / "kept", Made(failing=3))
    assert found.exit_code == 1
    assert {failure.seed for failure in found.failures} == {3}
    assert [one.seed for one in found.answers[0].thresholds] == [1, 2, 4, 5, 6, 7]


def test_a_regime_that_covers_in_full_has_no_layer_to_reach(tmp_path: Path) -> None:
    made = Made()
    found = reverse(
        question_of(a_scenario(tmp_path), [OPEN], ["layers"], SEEDS, 5, ""), tmp_path / "kept", made
    )
    assert (found.answers, made.counted) == ((), 0)
    assert found.never[0].why is Why.COVERED


# --- what is kept ---------------------------------------------------------------------------------------


def test_what_is_kept_is_read_again_and_verified(tmp_path: Path, question: Question) -> None:
    two = question._replace(seeds=(1, 2), events=("used:defaulter_margin",))
    found = reverse(two, tmp_path / "kept", Made())
    assert read_reversed(tmp_path / "kept") == found
    again = Made()
    assert verify(found, again) == []
    assert again.counted == sum(run.seed == 1 for run in found.digests) < found.runs
    lines = verify(found, Made(version=", changed"))
    assert lines[0] == (f"{QUALIFIED}_risk at 0, seed 1: 0.0 2.0 1 was kept, 0.0 2.0 1, changed came now")
    assert len(lines) == again.counted
    assert set(verify(found, Made(failing=1))) == {
        f"{regime}_risk, seed 1: the book is crossed" for regime in (OPEN, QUALIFIED)
    }


def test_a_run_that_is_lost_or_another_is_told(tmp_path: Path, question: Question) -> None:
    folder = tmp_path / "kept"
    one = question._replace(seeds=(1,), events=("used:defaulter_margin",))
    reverse(one, folder, Made())
    cell = folder / "cells" / "25" / f"{OPEN}_risk" / "1.json"
    whole = cell.read_bytes()
    cell.unlink()
    with pytest.raises(DesignError, match=f"{OPEN}_risk at 25, seed 1 is missing among its cells"):
        read_reversed(folder)
    other = tmp_path / "other"
    reverse(one, other, Made(version="!"))
    cell.write_bytes((other / cell.relative_to(folder)).read_bytes())
    with pytest.raises(DesignError, match="is not the one that was searched"):
        read_reversed(folder)
    cell.write_bytes(whole)
    (folder / "reverse.json").write_text("{}")
    with pytest.raises(DesignError, match="is not a reverse stress test"):
        read_reversed(folder)


def test_a_comparison_does_not_go_into_the_folder_of_a_search(tmp_path: Path, question: Question) -> None:
    one = question._replace(seeds=(1,), events=("used:defaulter_margin",))
    found = reverse(one, tmp_path / "kept", Made())
    design = Design(scenario=found.scenario, regimes=found.regimes, seeds=(1,))
    with pytest.raises(DesignError, match="holds a reverse stress test already"):
        compare(design, tmp_path / "kept", Made())
    assert read_reversed(tmp_path / "kept") == found


def test_runs_of_another_question_are_refused_before_anything_runs(
    tmp_path: Path, question: Question
) -> None:
    one = question._replace(seeds=(1,), events=("used:defaulter_margin",))
    reverse(one, tmp_path / "kept", Made())
    made = Made()
    with pytest.raises(CellMismatchError, match="with a population of 5, not of 6"):
        reverse(one._replace(population=6, seeds=(0, 1)), tmp_path / "kept", made)
    assert made.counted == 0
    with pytest.raises(DesignError, match="holds no runs to use again"):
        reverse(one, tmp_path / "new", made, reuse=[tmp_path / "nowhere"])
    assert not (tmp_path / "new").exists()


# --- what may be asked ----------------------------------------------------------------------------------


def named(*texts: str, regime: str = f"{OPEN}+risk") -> list[StressEvent | Unasked]:
    return events_asked(texts, load_regime(regime))


def test_every_layer_is_an_event_twice_and_each_event_is_asked_once() -> None:
    of_layers = [
        "used:defaulter_margin", "exhausted:defaulter_margin", "used:insurance_fund", "exhausted:insurance_fund",
        "used:deleveraging", "exhausted:deleveraging",
    ]  # fmt: skip
    assert [one.name for one in named("layers", regime=f"{OPEN}+risk_crypto")] == of_layers
    twice = named("used:deleveraging", " layers", "layers", regime=f"{OPEN}+risk_crypto")
    assert sorted(one.name for one in twice) == sorted(of_layers)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("halt", "trading is suspended"),
        ("gate", "money can leave only in part, or not at all"),
        ("used:skin_in_the_game", "layer used: the house's skin in the game"),
        ("exhausted:equity", "layer exhausted: the house's own capital"),
        ("peak_discount>5", "Deepest discount to par: above 5%"),
        ("volume<2e6", "Volume: below 2,000,000 RUB"),
        (
            "loses:investors>5e6",
            "all investors of the population: lose more than 5,000,000 RUB, all together",
        ),
        ("loses:everyone > 12.5%", "Everyone: lose more than 12.5% of what they own, all together"),
        ("loses:nobody_special>1%", "nobody special: lose more than 1% of what they own, all together"),
    ],
)
def test_events_in_words(name: str, words: str) -> None:
    assert event_in_words(name, {"everyone": "Everyone"}) == words


def test_what_one_regime_knows_may_be_asked_of_all() -> None:
    assert named("used:insurance_fund") == [Unasked("used:insurance_fund", Why.NO_LAYER)]
    both = [load_regime(QUALIFIED), load_regime(OPEN)]
    check_events(["loses:everyone>5%", "loses:qualified_individual>1e6", "loses:investors>1%"], both)
    assert named("loses:qualified_individual>5%") == [Unasked("loses:qualified_individual>5%", Why.NO_CLASS)]


def test_a_class_that_the_scenario_brings_in_later_may_lose(tmp_path: Path) -> None:
    later = f'''
[[directives]]
at = 10:40:00
do = "adopt_regime"
regime = "{OPEN}"

[calendar]'''
    path = a_scenario(tmp_path, ("\n[calendar]", later))
    asked = question_of(path, [QUALIFIED], ["loses:everyone>5%"], SEEDS, 5, "")
    (event,) = events_asked(asked.events, asked.rules[QUALIFIED], asked.later)
    assert isinstance(event, StressEvent)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("flood", "“flood” is no event; write one of layers, used:LAYER"),
        ("layer", "“layer” is no event; the nearest that is valid is “layers”"),
        ("Halt", "the nearest that is valid is “halt”"),
        ("use:equity", "the nearest that is valid is “used:LAYER”"),
        ("loses", "the nearest that is valid is “loses:CLASS>10%”"),
        ("peak_discount", "the nearest that is valid is “peak_discount>VALUE”"),
        (
            "loss:everyone>5%",
            "“loss:everyone>5%” is no event; the nearest that is valid is “loses:CLASS>10%”",
        ),
        ("used:skin", "the nearest that is valid is “skin_in_the_game”"),
        ("exhausted:tear_up", "“tear_up” is no layer that pays"),
        ("used:", "valid are “defaulter_margin”, "),
        ("haltz>1", "“haltz” is no measure; the nearest that is valid is “halts”"),
        ("loses:everyone<3", "“loses:everyone<3” is no loss"),
        ("loses:everyone>-3%", "write how much is lost without a sign"),
        ("loses:professional>3%", "write their loss in roubles"),
    ],
)
def test_an_event_that_nobody_knows_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(StressEventError) as fault:
        named(text)
    assert sentence in str(fault.value)


@pytest.mark.parametrize(
    "text", ["halts>", "halts>many", "volume>5bn", "loses:everyone>a tenth", "halts>nan"]
)
def test_a_bound_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--event: "):
        named(text)


@pytest.mark.parametrize(
    ("class_id", "remedy"),
    [
        ("everyon", "the nearest that is valid is “everyone”"),
        ("x", "valid are “everyone”, “investors”, “professional”"),
    ],
)
def test_a_class_of_none_of_the_regimes_is_refused(tmp_path: Path, class_id: str, remedy: str) -> None:
    with pytest.raises(StressEventError) as fault:
        question_of(a_scenario(tmp_path), [OPEN], ["halt", f"loses:{class_id}>5%"], SEEDS, 5, "")
    assert str(fault.value) == f"“{class_id}” is a class of none of these regimes; {remedy}."


def test_a_question_that_makes_no_sense_is_refused(tmp_path: Path, question: Question) -> None:
    path = a_scenario(tmp_path)
    for scenario, regimes, sentence in (
        ("calm_day", [OPEN], r"has no table \[magnitude\]"),
        (f"{path}@20", [OPEN], "names a magnitude, which is what is looked for"),
        (path, [], "needs a regime"),
        (path, [OPEN, OPEN], "is named twice"),
    ):
        with pytest.raises(DesignError, match=sentence):
            question_of(scenario, regimes, ["halt"], (1,), None, "")
    (tmp_path / "kept/cells").mkdir(parents=True)
    (tmp_path / "kept/comparison.json").touch()
    with pytest.raises(DesignError, match="holds a comparison already"):
        reverse(asking(question, "halt"), tmp_path / "kept", Made())

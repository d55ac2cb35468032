"""The same seed tells the same story: in another process, woken late, replayed, audited at every step.

`python -m tests.test_determinism` writes golden.json anew, after a change that is meant to change the record.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exchange.audit import audit
from exchange.commands import Command, ReportQuotes
from exchange.core import Exchange
from exchange.events import BooksAudited, BucketSettled, CustodyGated, Entry, TradeReported
from exchange.journal import JournalDamaged, read
from exchange.units import MINUTE, SECOND, Time
from participants.chance import Dice, generator
from participants.population import PopulationTerms, draw_population
from participants.strategies import participant_for
from scenarios.config.regime_file import shipped_regimes, with_cash, with_clearing
from scenarios.run import replay, run, run_cell
from tests.builders import future
from tests.scenarios.small_worlds import (
    CASH_LEG_DAYS,
    CASH_PROFILES,
    FAILURES,
    KEYS_PAUSES_AND_OUTAGES,
    a_world,
    live,
    short_day,
)

ROOT = Path(__file__).parents[1]
OPEN = "ru_open_counterfactual"


# --- processes ------------------------------------------------------------------------------------------

ONE_CELL = "from scenarios.run import run_cell; print(run_cell({path!r}, {regime!r}, {seed}, None).digest)"


def started(path: Path, seed: int, hash_seed: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", ONE_CELL.format(path=str(path), regime=OPEN, seed=seed)],
        cwd=path.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_digest_is_the_same_in_every_process_whatever_its_hash_seed(tmp_path: Path) -> None:
    path = short_day(tmp_path)
    processes = [started(path, 7, hash_seed) for hash_seed in ("0", "1", "20261218", "random", "random")]
    digests = {process.communicate(timeout=300)[0].strip() for process in processes}
    assert digests == {run_cell(str(path), OPEN, 7, None).digest}


def test_another_seed_is_another_story(tmp_path: Path) -> None:
    path = str(short_day(tmp_path))
    assert len({run_cell(path, OPEN, seed, None).digest for seed in (0, 1, 2, 2**32 - 1)}) == 4


# --- waking and replay ----------------------------------------------------------------------------------


def handed_over(commands: list[tuple[Time, Command]], ends: Time, wake_every: Time | None) -> list[Entry]:
    """The record of an exchange that is woken at those intervals beside its commands, or only at the end."""
    exchange, told = Exchange(), list[Entry]()
    woken = commands[0][0]
    for time, command in commands:
        while wake_every is not None and woken + wake_every < time:
            woken += wake_every
            told += exchange.advance(woken)
        told += exchange.handle(command, time)
    return told + exchange.advance(ends)


@pytest.mark.parametrize("wake_every", [None, SECOND, 7 * MINUTE, 333_333_333])
def test_late_waking_cannot_change_history(tmp_path: Path, wake_every: Time | None) -> None:
    """Orders, freezes and deposits alone, without the quotes that would wake the exchange every second."""
    world = a_world(tmp_path)
    kept = live(world)
    assert handed_over(kept.commands, world.ends, wake_every) == kept.told
    quiet = [(time, command) for time, command in kept.commands if not isinstance(command, ReportQuotes)]
    assert handed_over(quiet, world.ends, wake_every) == handed_over(quiet, world.ends, None)


def test_a_run_replays_to_its_digest(tmp_path: Path) -> None:
    finished = run(str(short_day(tmp_path)), OPEN, 3, tmp_path / "run")
    assert replay(tmp_path / "run") == finished.digest
    assert finished.digest == run_cell(str(short_day(tmp_path)), OPEN, 3, None).digest
    assert finished.malformed == []


@pytest.mark.parametrize("whole_lines", [2, 500, 2_500])
def test_what_a_broken_journal_still_holds_leads_as_far_as_it_goes(tmp_path: Path, whole_lines: int) -> None:
    """F22: the process dies in the middle of a line; another one restarts from what is whole, and goes on."""
    run(str(short_day(tmp_path)), OPEN, 3, tmp_path / "run")
    world = a_world(tmp_path)
    kept = live(world, seed=3)
    journal = tmp_path / "run" / "commands.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: whole_lines + 1]) + lines[whole_lines + 1][:40])
    exchange, told, commands = Exchange(), list[Entry](), read(journal)
    with pytest.raises(JournalDamaged, match=f"in the middle of entry {whole_lines + 1}") as broken:
        for time, command in commands:
            told += exchange.handle(command, time)
    assert broken.value.entry == whole_lines + 1
    assert told == kept.told[: len(told)]
    for time, command in kept.commands[whole_lines:]:
        told += exchange.handle(command, time)
    assert told + exchange.advance(world.ends) == kept.told


# --- people ---------------------------------------------------------------------------------------------


def test_one_more_person_leaves_the_others_and_their_dice_as_they_were() -> None:
    twenty, more = (draw_population(7, PopulationTerms(size=size)) for size in (20, 21))
    assert more[:20] == twenty and len(more) == 21
    first_looks = [
        [participant_for(p, future(), seed=7, opens=MINUTE).first_wake() for p in people[:20]]
        for people in (twenty, more)
    ]
    assert first_looks[0] == first_looks[1]
    assert len(frozenset(first_looks[0])) > 10


def test_the_dice_of_one_name_do_not_depend_on_any_other() -> None:
    def thrown(*names: str) -> dict[str, list[float]]:
        dice = {name: Dice(generator(7, name)) for name in names}
        return {name: [die.uniform() for _ in range(300)] for name, die in dice.items()}

    alone, together = thrown("ann"), thrown("zoe", "ann", "bob")
    assert together["ann"] == alone["ann"]
    assert len({tuple(throws) for throws in together.values()}) == 3


# --- audit at every step --------------------------------------------------------------------------------


class Audited(Exchange):
    """Walks every invariant each time it has done something."""

    audits = 0

    def handle(self, command: Command, now: Time) -> list[Entry]:
        return self._audited(super().handle(command, now))

    def advance(self, now: Time) -> list[Entry]:
        return self._audited(super().advance(now))

    def _audited(self, entries: list[Entry]) -> list[Entry]:
        Audited.audits += 1
        assert audit(self.state) == [], entries
        return entries


@pytest.mark.parametrize("regime", [OPEN, "ru_derivs_qual_2025", "ru_elr_super_2025"])
def test_a_freeze_and_a_gap_break_no_invariant_at_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, regime: str
) -> None:
    monkeypatch.setattr("scenarios.assembly.Exchange", Audited)
    monkeypatch.setattr(Audited, "audits", 0)
    kept = live(a_world(tmp_path, population=40), regime, seed=7)
    assert Audited.audits > 3_000
    assert kept.events(CustodyGated) and kept.events(BucketSettled) and kept.events(BooksAudited)
    assert kept.events(TradeReported) or regime == "ru_elr_super_2025"


# --- golden digests -------------------------------------------------------------------------------------

GOLDEN = Path(__file__).with_name("golden.json")
SEED, POPULATION = 7, 20
OWN = None  # the regime's own clearing
CELLS: list[tuple[str, str, str | None]] = [
    ("calm_day", OPEN, OWN),
    *(("freeze_and_gap", regime, OWN) for regime in shipped_regimes()),
    ("index_attack", OPEN, OWN),
    ("index_outage", OPEN, OWN),
    ("freeze_and_gap", OPEN, "risk"),
    ("index_attack", OPEN, "risk"),
    ("index_outage", OPEN, "risk"),
    *((scenario, OPEN, clearing) for scenario in FAILURES for clearing in ("full", "risk")),
    ("gap_move", OPEN, "risk_crypto"),
    ("slow_bleed", OPEN, "risk_t_plus_one"),
    ("depeg_2023_03", OPEN, OWN),
    ("cascade_2025_10", OPEN, "risk"),
    ("gap_over_weekend", OPEN, "risk_two_clearings"),
    ("threshold_sweep", "ru_derivs_qual_2026", OWN),
    ("big_client_default", OPEN, "risk_large_fund"),
    ("crash_2020_03", OPEN, OWN),
    ("mm_withdrawal_2022_11", OPEN, OWN),
    ("hack_2026_04", OPEN, OWN),
    ("fixing_attack", OPEN, OWN),
]
# Days that other tests live anyway, and hold to their digests there
IN_OTHER_MONEY: list[tuple[str, str, str | None]] = [  # tests/scenarios/test_keys_pauses_and_outages.py
    (scenario, with_cash(OPEN, cash), clearing)
    for scenario in (*KEYS_PAUSES_AND_OUTAGES, "everything_at_once")
    for cash in ("rub_bank", "foreign_tether_like")
    for clearing in ("full", "risk")
]
IN_EVERY_ASSET = ("freeze_2025_03", "freeze_hazard")  # of the days of the cash leg; the others in one
CASH_CELLS: list[tuple[str, str, str]] = [  # tests/stories/test_days_on_which_money_is_in_doubt.py
    (scenario, clearing, cash)
    for scenario in CASH_LEG_DAYS
    for clearing in ("full", "risk")
    for cash in (CASH_PROFILES if scenario in IN_EVERY_ASSET else ("foreign_tether_like",))
]


def name_of(scenario: str, regime: str, clearing: str | None, cash: str | None = None) -> str:
    return " ".join(part for part in (scenario, regime, clearing, cash) if part)


def digest_of(scenario: str, regime: str, clearing: str | None, cash: str | None = None) -> str:
    return run_cell(scenario, with_cash(with_clearing(regime, clearing), cash), SEED, POPULATION).digest


def golden() -> dict[str, str]:
    told = json.loads(GOLDEN.read_text(encoding="utf-8"))
    if told["numpy"] != numpy_series():
        pytest.skip(f"golden with numpy {told['numpy']}; this is {np.__version__}, with other dice")
    digests: dict[str, str] = told["digests"]
    return digests


RENEW = "the record has changed; if it was meant to, run `python -m tests.test_determinism`"


def numpy_series() -> str:
    """Numpy promises the same streams within one minor version alone."""
    return ".".join(np.__version__.split(".")[:2])


@pytest.mark.parametrize(("scenario", "regime", "clearing"), CELLS)
def test_the_golden_digest(scenario: str, regime: str, clearing: str | None) -> None:
    assert golden()[name_of(scenario, regime, clearing)] == digest_of(scenario, regime, clearing), RENEW


def test_every_golden_digest_is_of_a_day_that_some_test_lives() -> None:
    cells = {name_of(*cell) for cell in (*CELLS, *IN_OTHER_MONEY)}
    cash_cells = {name_of(scenario, OPEN, clearing, cash) for scenario, clearing, cash in CASH_CELLS}
    assert golden().keys() == cells | cash_cells


def renew() -> None:
    digests = {name_of(*cell): digest_of(*cell) for cell in (*CELLS, *IN_OTHER_MONEY)}
    for scenario, clearing, cash in CASH_CELLS:
        cell = (scenario, OPEN, clearing, cash)
        digests[name_of(*cell)] = digest_of(*cell)
    told = {"numpy": numpy_series(), "seed": SEED, "population": POPULATION, "digests": digests}
    GOLDEN.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew()

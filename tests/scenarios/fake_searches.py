"""Made-up runs for reverse stress tests, which know how strong the shock must be with each seed."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from scenarios.cells import CellResult, CellTask, keep_cell, made_cell
from scenarios.compare import Failure
from scenarios.reverse import Reversed, question_of, reverse
from tests.scenarios.small_worlds import short_day

OPEN, QUALIFIED = "ru_open_counterfactual", "ru_derivs_qual_2025"
REGIMES = (f"{QUALIFIED}+risk", f"{OPEN}+risk", OPEN)  # the last of them without a waterfall
MAGNITUDE = """
[magnitude]
what = "the fall of the price"
unit = "%"
stands_at = 12.5
least = 0
most = 50
step = 0.5
scales = [{ key = "index.knots.3.price_rub", at_least = 8_000_000, at_most = 4_000_000 }]

[calendar]"""


def a_scenario(folder: Path, *changes: tuple[str, str]) -> str:
    return str(short_day(folder, ("\n[calendar]", MAGNITUDE), *changes))


class Made:
    """Runs in this process that know a threshold for each seed; `counted` counts them."""

    def __init__(
        self, undone_at: float = math.inf, failing: int = 0, version: str = "", stricter: float = 2.0
    ) -> None:
        self.undone_at, self.failing, self.version, self.counted = undone_at, failing, version, 0
        self.stricter = stricter

    def __call__(self, scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
        self.counted += 1
        if seed == self.failing:
            raise RuntimeError("the book is crossed")
        magnitude = float(scenario.rpartition("@")[2])
        strong = 1.0 if OPEN in regime else self.stricter  # which stands so many times the shock
        hit = magnitude >= strong * (10 + seed) and magnitude < self.undone_at
        broken = magnitude >= strong * 2 * (10 + seed)
        measures = {
            "loss_defaulter_margin": 5.0 if hit else 0.0,
            "loss_skin_in_the_game": 1.0 if broken else 0.0,
            "loss_unpaid": 0.0,
            "halts": math.nan,
        }
        outcomes: dict[str, list[str | bool | int | float | None]] = {
            "class_id": ["everyone", "everyone", "refused"],
            "investor": [True, True, True],
            "traded": [True, True, False],
            "result": [-3 * magnitude, magnitude, -1e9],
            "assets": [1_000.0, 1_000.0, 1.0],
        }
        return CellResult(f"{magnitude} {strong} {seed}{self.version}", measures, {}, outcomes)


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let searches do their runs here, one after the other."""

    def run_missing(
        tasks: Sequence[CellTask], folder: Path, run_one: Made, progress: object, workers: object
    ) -> tuple[Failure, ...]:
        failures = []
        for task in tasks:
            if not task.path.exists():
                try:
                    keep_cell(task, made_cell(task, run_one))
                except RuntimeError as fault:
                    failures.append(Failure(regime_id=task.regime_id, seed=task.key.seed, fault=str(fault)))
        return tuple(failures)

    monkeypatch.setattr("scenarios.reverse.run_missing", run_missing)


def searched(
    folder: Path,
    made: Made,
    *,
    regimes: Sequence[str] = REGIMES,
    seeds: int = 9,
    events: Sequence[str] = ("layers", "loses:everyone>2%"),
) -> Reversed:
    """A search of made-up runs that has ended, in its folder: for every layer, and for a loss."""
    command = "ringfence reverse gap_move --event layers --seeds 9"
    question = question_of("gap_move", regimes, events, range(1, seeds + 1), 60, command)
    with pytest.MonkeyPatch.context() as patch:
        in_this_process(patch)
        return reverse(question, folder, made)

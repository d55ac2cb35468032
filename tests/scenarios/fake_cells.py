"""Cells that need no market: made-up numbers, and cells that fail, die or wait. For spawned workers."""

import hashlib
import math
import os
import random
import signal
import time
from pathlib import Path

from scenarios.cells import Cell, CellKey, CellResult

DECILES = 10
PEOPLE = 40
OPENS = 1_797_588_000_000_000_000
HOURS = 5.5
STEPS = 111
ADMITTED = {"open": 0.97, "qualified": 0.42, "super": 0.11}
WIDENING = {"open": 0.0, "qualified": 2.5, "super": 7.0}


def kind_of(regime: str) -> str:
    """Which of the three made-up regimes a name stands for."""
    return next((kind for kind in ("super", "qual") if kind in regime), "open").replace("qual", "qualified")


def run(scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
    kind = kind_of(regime)
    scenario, regime = Path(scenario).stem, Path(regime).stem  # wherever the files lie
    shared = random.Random(f"{scenario}/{seed}")  # the same under every regime
    own = random.Random(f"{scenario}/{seed}/{regime}")
    share, widening = ADMITTED[kind], WIDENING[kind]
    outcomes = _outcomes(kind, shared, own, PEOPLE if population is None else population)
    gains = [r for r, t in zip(outcomes["result"], outcomes["traded"], strict=True) if t]
    losses = -sum(r for r in gains if r < 0)
    desired = 2.1e9 * shared.uniform(0.9, 1.1)
    executed = desired * share * 0.6 * own.uniform(0.95, 1.05)
    measures = {
        "admitted_share": 100 * share + shared.gauss(0, 1.2),
        "admitted_bottom_half": {"open": 94.0, "qualified": 6.0, "super": 0.0}[kind] + shared.uniform(0, 2),
        "desired_notional": desired,
        "admitted_notional": desired * share,
        "executed_notional": executed,
        "executed_notional_share": 100 * executed / desired,
        "leaked_offshore": desired * (1 - share) * 0.3,
        "quoted_spread": 11 + widening + shared.gauss(0, 1) + own.gauss(0, 0.3),
        "effective_spread": 12 + widening + shared.gauss(0, 1) + own.gauss(0, 0.5),
        "depth_100bp": 1e7 * (4 - widening / 3) * shared.uniform(0.9, 1.1),
        "index_gap": 20 + shared.gauss(0, 4) + own.gauss(0, 2),
        "volume": executed * own.uniform(2.5, 3.5),
        "share_losing": 68 + own.gauss(0, 4),
        "population_losing": 68 * share + own.gauss(0, 2),
        "total_losses": losses,
        "losing_over_tenth": 9 * share + abs(own.gauss(0, 0.5)),
        "top5_open_interest": 30 + 5 * widening + own.gauss(0, 2),
        "collateral_per_open_interest": 2.0 + own.gauss(0, 0.02),
        "uncovered_peak": 0.0,
        "frozen_share": 18 + shared.gauss(0, 2),
        "withdrawals_completed": 71 + widening + shared.gauss(0, 2) + own.gauss(0, 0.6),
        "withdrawal_wait": 95 - 3 * widening + shared.gauss(0, 8) + own.gauss(0, 3),
        "fixing_gap": math.nan,
    }
    digest = hashlib.sha256(repr((regime, seed, measures)).encode()).hexdigest()
    return CellResult(digest, measures, _timeline(widening, shared, own), outcomes)


def _outcomes(
    kind: str, shared: random.Random, own: random.Random, people: int
) -> dict[str, list[str | bool | int | float | None]]:
    columns: dict[str, list[str | bool | int | float | None]] = {
        name: []
        for name in (
            "participant_id", "class_id", "kind", "wealth_decile", "investor", "admitted", "traded",
            "desired_notional", "admitted_notional", "executed_notional", "result", "assets",
            "share_of_assets",
        )
    }  # fmt: skip
    for number in range(people):
        decile = number * DECILES // people + 1
        assets = 2e5 * math.exp(0.75 * decile) * shared.uniform(0.7, 1.4)
        lucky, chance = shared.gauss(-0.02, 0.06), shared.random()
        within = {"open": 0.97, "qualified": min(1.0, decile / 10) ** 3, "super": 0.9 * (decile > 9)}[kind]
        admitted = chance < within
        result = assets * (lucky + own.gauss(0, 0.01)) if admitted else 0.0
        row = {
            "participant_id": f"i-{number}",
            "class_id": _class_of(kind, decile) if admitted else "refused",
            "kind": "individual",
            "wealth_decile": decile,
            "investor": True,
            "admitted": admitted,
            "traded": admitted,
            "desired_notional": assets / 5,
            "admitted_notional": assets / 5 if admitted else 0.0,
            "executed_notional": assets / 9 if admitted else 0.0,
            "result": result,
            "assets": assets,
            "share_of_assets": result / assets,
        }
        for name, value in row.items():
            columns[name].append(value)
    return columns


def _class_of(kind: str, decile: int) -> str:
    if kind == "open":
        return "everyone"
    return "super_individual" if kind == "super" else "qualified" if decile > 7 else "qualified_by_test"


def _timeline(widening: float, shared: random.Random, own: random.Random) -> dict[str, list[float]]:
    hours = [HOURS * step / (STEPS - 1) for step in range(STEPS)]
    stress = [max(0.0, 1 - (hour - 3.4) / 1.6) if hour > 3.3 else 0.0 for hour in hours]
    noise = shared.gauss(0, 30_000)
    return {
        "time": [OPENS + int(hour * 3_600e9) for hour in hours],
        "index": [
            8_000_000 + noise * hour / HOURS - 900_000 * s for hour, s in zip(hours, stress, strict=True)
        ],
        "mid": [
            8_001_000 + noise * hour / HOURS - 900_000 * s for hour, s in zip(hours, stress, strict=True)
        ],
        "spread_bp": [11 + widening + 30 * s + own.gauss(0, 1.5) for s in stress],
        "depth_100bp": [1e7 * (4 - widening / 3) * (1 - 0.8 * s) * own.uniform(0.9, 1.1) for s in stress],
        "frozen_share": [35.0 if 1 < hour < 4.5 else 0.0 for hour in hours],
        "open_interest": [4e8 * (1 - widening / 12) * min(1.0, hour / 3) for hour in hours],
        "withdrawals_asked": [float(int(40 * max(0, hour - 1) * (1.2 - widening / 10))) for hour in hours],
        "withdrawals_completed": [
            float(int(25 * max(0, hour - 1.5) * (1.2 - widening / 10))) for hour in hours
        ],
    }


def slow(scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
    """Seed 0 is quick, the others end long after any test has given up on them."""
    if seed:
        time.sleep(600)
    return run(scenario, regime, seed, population)


def failing(scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
    """Seed 1 fails, with an error that does not survive pickling."""
    if seed == 1:
        raise StubbornError("the book is crossed", 17)
    return run(scenario, regime, seed, population)


class StubbornError(Exception):
    def __init__(self, fault: str, sequence: int) -> None:
        super().__init__(f"{fault} at {sequence}")


def killed_once(scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
    """The first process that comes to seed 1 dies, as if for want of memory. `scenario` is a folder."""
    mark = Path(scenario) / f"killed-{seed}"
    if seed == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return run("fake", regime, seed, population)


def always_killed(scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
    """Every process that comes to seed 1 of the baseline dies."""
    if seed == 1 and regime == "open":
        os.kill(os.getpid(), signal.SIGKILL)
    return run(scenario, regime, seed, population)


def counted(scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
    """Leaves a mark for each run. `scenario` is a folder."""
    with (Path(scenario) / "runs").open("a") as file:
        file.write(f"{regime} {seed}\n")
    return run("fake", regime, seed, population)


def kept(made: CellResult, regime: str, seed: int) -> Cell:
    """A result as a comparison would have it read."""
    return Cell(
        regime_id=regime,
        key=CellKey(scenario="", regime="", seed=seed, population=None, version=""),
        digest=made.digest,
        measures={name: None if math.isnan(value) else value for name, value in made.measures.items()},
        timeline={},
        outcomes={},
        check="",
    )

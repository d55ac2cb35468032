"""What the policy lab costs: a comparison of two regimes, 100 people, one trading hour a run; one JSON line.

    python -m tests.benchmarks.lab [SEEDS]

The whole of it, as a user waits for it: runs on all cores, measures, statistics and the report. Beside it, in
processes of their own and as many at a time, bare runs: a world, the people, the hour, the digest, and no measure.
What the lab adds is the CPU of a comparison, for a run, over that of a bare run, less one.
"""

import json
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import time as clock
from multiprocessing import get_context
from pathlib import Path
from statistics import mean

from scenarios import Scenario, compare
from scenarios.in_code import Regime, case_of
from scenarios.run import run_in_memory

REGIMES = ("ru_derivs_qual_2026", "ru_open_counterfactual")
PEOPLE = 100
BARE = 10  # seeds of the bare runs
HOUR = {
    "calendar.closes": clock(11),
    "instruments.BTC_RUBD-18DEC26.expires": clock(10, 50),
    "index.knots": [
        {"at": clock(9, 50), "price_rub": 8_000_000},
        {"at": clock(11), "price_rub": 8_008_000},
    ],
    "population.size": PEOPLE,
}


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare(first: int) -> float:
    """CPU seconds of one bare run, in a process of its own."""
    cases = [case_of(an_hour(), Regime.load(regime)) for regime in REGIMES]
    run_in_memory(cases[0], first)
    began = time.process_time()
    for seed in range(first, first + BARE):
        for case in cases:
            run_in_memory(case, seed)
    return (time.process_time() - began) / (BARE * len(cases))


def an_hour() -> Scenario:
    return Scenario.load("calm_day").with_(HOUR)


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    hour, cores = an_hour(), os.cpu_count() or 1
    with ProcessPoolExecutor(cores, get_context("spawn")) as team:  # as many at a time as in the comparison
        alone = mean(team.map(bare, range(1, 1 + cores)))
    with tempfile.TemporaryDirectory() as folder:
        before = cpu_of_children()
        began, own = time.perf_counter(), time.process_time()
        compared = compare(hour, REGIMES, seeds=range(1, seeds + 1), out=Path(folder) / "lab", progress=False)
        compared.report(Path(folder) / "report.html")
        wall, spent = time.perf_counter() - began, time.process_time() - own + cpu_of_children() - before
    runs = seeds * len(REGIMES)
    print(
        json.dumps(
            {
                "runs": runs,
                "wall_s": round(wall, 1),
                "cpu_s": round(spent, 1),
                "bare_run_cpu_s": round(alone, 3),
                "lab_over_bare": round(spent / runs / alone - 1, 3),
                "largest_worker_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
                "digest": compared.digest,
            }
        )
    )


if __name__ == "__main__":
    main()

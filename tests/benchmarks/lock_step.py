"""What steps cost: the calm day in lock-step beside the same day as `ringfence run` runs it, and to the same digest.

    python -m tests.benchmarks.lock_step [rounds]

Prints rows: how the day passes, steps, CPU seconds (the median of the rounds), and these divided by those of the run.
Bots look at nothing and send nothing; they are coroutines beside the venue.
"""

import statistics
import sys
import time
from collections.abc import Callable

from exchange.gateway.local import LocalClient
from scenarios.assembly import assemble
from scenarios.config.regime_file import read_regime
from scenarios.config.scenario_file import load_world
from scenarios.lock_step import read_step, run_with_bots
from scenarios.run import InMemory, conclude_unkept, let_time_pass

DAY, REGIME, PEOPLE = "calm_day", "ru_open_counterfactual", 20


def the_run() -> str:
    regime_file = read_regime(REGIME)
    cash, rules = regime_file.cash, regime_file.regime()
    world = load_world(DAY, PEOPLE, cash.terms, cash.fallback_asset, books=True)
    kept = InMemory()
    assembled = assemble(world, rules, 1, kept)
    let_time_pass(assembled.simulation, world)
    return conclude_unkept(kept, assembled, rules, world).digest


async def idle(bot: LocalClient) -> None:
    async for _ in bot.steps():
        pass


def in_steps(step: str, bots: int) -> Callable[[], str]:
    programs = dict.fromkeys([f"bot-{number}" for number in range(bots)], idle)
    return lambda: (
        run_with_bots(DAY, REGIME, programs, step=step, population=PEOPLE, tell=lambda _: None).digest
    )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    world = load_world(DAY, PEOPLE)
    ways: list[tuple[str, int, Callable[[], str]]] = [("the run", 0, the_run)]
    for step, bots in (("1m", 0), ("1s", 0), ("1s", 2), ("1s", 10)):
        steps = (world.ends - world.opens) // read_step(step)
        ways.append((f"steps of {step}, {bots} bots", steps, in_steps(step, bots)))
    spent: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    digests: dict[str, str] = {}
    for _ in range(rounds):
        for name, _, passes in ways:
            began = time.process_time()
            digests[name] = passes()
            spent[name].append(time.process_time() - began)
    reference = statistics.median(spent["the run"])
    for name, steps, _ in ways:
        seconds = statistics.median(spent[name])
        same = "the same digest" if digests[name] == digests["the run"] else "a day of its own"
        print(f"{name:24} {steps:6} steps  {seconds:6.2f} s  {seconds / reference:5.2f}  {same}")


if __name__ == "__main__":
    main()

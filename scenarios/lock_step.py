"""A scenario's day in lock-step: its own people in simulated time, and bots from outside who are waited for.

Without bots it is the run of `scenarios.run`, entry for entry, of the same scenario with its books published.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, TypedDict, Unpack

from exchange.access.regime import Regime
from exchange.commands import Command, PassTime
from exchange.gateway.auth import KeyRing, Role
from exchange.gateway.dispatch import Gateway
from exchange.gateway.local import LocalClient
from exchange.gateway.lockstep import LIMITS, Bot, LockStep, StepClock, WhenLate
from exchange.gateway.throttle import STANDARD, Throttle
from exchange.gateway.venue import LiveVenue
from exchange.units import SECOND, Time
from scenarios.assembly import assemble
from scenarios.config.reading import ConfigurationError, nearest, stated
from scenarios.config.regime_file import read_regime
from scenarios.config.scenario_file import world_under
from scenarios.founding import Founded
from scenarios.live import LiveSimulation
from scenarios.onboarding import Demo, enter, meeting, watchers
from scenarios.provenance import Outside, provenance_of
from scenarios.run import Finished, InMemory, conclude, conclude_unkept, overtime
from scenarios.run_folder import RunFolder, new_run_folder
from scenarios.simulation import Keeper, Simulation
from scenarios.world import World

UNITS: Final = {"ms": SECOND // 1_000, "s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND}
Program: TypeAlias = Callable[[LocalClient], Awaitable[None]]  # what a bot in this process does all day
WATCHERS: Final = (Role.OBSERVER, Role.OPERATOR)  # who look, and send nothing


class BotTerms(NamedTuple):
    """A bot that is expected: its name, and the class into which it asks to be let, if that is not the first one."""

    name: str
    class_id: str = ""


class Day:
    """The venue before its first step, and what the run came to after the last."""

    def __init__(self, gateway: Gateway, demos: list[Demo]) -> None:
        self.founded = Founded(gateway, demos)
        self.finished: Finished | None = None

    @property
    def gateway(self) -> Gateway:
        return self.founded.gateway

    @property
    def lock_step(self) -> LockStep:
        found = self.gateway.lock_step
        assert found is not None
        return found


class _OfARun:
    """Keeps what a run keeps: that time passes is no command there, for duties come by themselves."""

    def __init__(self, kept: Keeper) -> None:
        self._kept = kept
        self.entries = kept.entries

    def command(self, time: Time, command: Command) -> None:
        if not isinstance(command, PassTime):
            self._kept.command(time, command)


def read_step(text: str) -> Time:
    """The length of a step, as 100ms, 1s, 5m or 1h. Raises ConfigurationError."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})(ms|s|m|h)", text)
    if match is None:
        raise ConfigurationError("--lock-step", "", f"is no length of time: {text}", "write 100ms, 1s or 5m")
    return int(match[1]) * UNITS[match[2]]


def read_bots(text: str) -> tuple[BotTerms, ...]:
    """How many, or their names: `2`, or `alpha,beta:institution,authority`. Raises ConfigurationError."""
    if text.isdecimal():
        return tuple(BotTerms(f"bot-{number}") for number in range(1, int(text) + 1))
    bots = []
    for one in text.split(","):
        name, _, class_id = one.strip().partition(":")
        if not re.fullmatch(r"[a-z0-9_-]{3,40}", name):
            raise ConfigurationError(
                "--bots", "", f"names a bot “{name}”", "write 3 to 40 of a-z, 0-9, _ and -, or how many bots"
            )
        bots.append(BotTerms(name, class_id))
    if len({bot.name for bot in bots}) < len(bots):
        raise ConfigurationError("--bots", "", "names a bot twice", "give each a name of its own")
    return tuple(bots)


class Options(TypedDict, total=False):
    seed: int
    population: int | None  # people inside; the scenario's own number if not given
    folder: Path | None  # where the run is kept
    limited: bool  # count requests, in the time of the venue
    patience: float | None  # seconds of the wall until a bot is late; None: it never is
    when_late: WhenLate
    tell: Callable[[str], None]  # what happens to bots, in sentences


@contextmanager
def day_in_steps(
    scenario: str,
    regime: str,
    *,
    step: Time,
    bots: Sequence[BotTerms] = (),
    seed: int = 1,
    population: int | None = None,
    folder: Path | None = None,
    limited: bool = False,
    patience: float | None = None,
    when_late: WhenLate = WhenLate.WAIT,
    tell: Callable[[str], None] = print,
) -> Iterator[Day]:
    """The venue of a scenario at the opening of its session, as written, with its bots let in; in `folder` the run is
    kept as soon as its day is over. Leave it once the run has ended.

    Raises ConfigurationError and ResultsError before anything has happened, and LockStepStopped at the end if the day
    is not over.
    """
    regime_file = read_regime(regime)
    world = world_under(scenario, regime_file, population, books=True)
    rules = regime_file.regime()
    told = stated(regime_file)
    outside = Outside(step_ns=step, bots=tuple(bot.name for bot in bots)) if bots else None
    provenance = provenance_of(world.scenario_id, world.resolved, rules.regime_id, told, seed, outside)
    with ExitStack() as stack:
        kept: RunFolder | InMemory = InMemory()
        if folder is not None:
            making = new_run_folder(folder, provenance, scenario=world.resolved, regime=told)
            kept = stack.enter_context(making)
        assembled = assemble(world, rules, seed, _OfARun(kept), LiveSimulation)
        ring = KeyRing()
        demos = [_let_in(assembled.simulation, world, rules, bot, ring) for bot in bots]
        keys = {demo.title: demo.key for demo in demos if demo.key}
        demos += [Demo(role, ring.create(role, title=role)) for role in WATCHERS if role not in keys]
        clock = StepClock(world.opens)
        gateway = _gateway(assembled.simulation, clock, ring, limited=limited)
        day = Day(gateway, demos)

        def finish() -> str:
            if isinstance(kept, RunFolder):
                day.finished = conclude(kept, assembled, rules, world)
                stack.close()  # the folder takes its place, even if the venue stays open
            else:
                day.finished = conclude_unkept(kept, assembled, rules, world)
            return day.finished.digest

        LockStep(
            gateway,
            clock,
            keys,
            step,
            world.ends,
            finish=finish,
            overtime=overtime(assembled.simulation.exchange, world),
            patience=patience,
            when_late=when_late,
            tell=tell,
        )
        yield day
        day.lock_step.result()


def _gateway(simulation: Simulation, clock: StepClock, ring: KeyRing, *, limited: bool) -> Gateway:
    """With the venue as it stands when the clock does. What is counted is counted in engine time."""
    assert isinstance(simulation, LiveSimulation)
    venue = LiveVenue(simulation, clock)
    limits = replace(LIMITS, rates=STANDARD if limited else None)
    gateway = Gateway(venue, ring, limits, epoch="1")  # the same of every such day
    gateway.throttle = Throttle(limits, lambda: clock.now() / SECOND)
    happened = simulation.founded()
    simulation.step(clock.now(), happened.append)
    venue.found(happened)
    return gateway


def _let_in(simulation: Simulation, world: World, regime: Regime, bot: BotTerms, ring: KeyRing) -> Demo:
    """A bot's account, or the key of the authority or an issuer if that is its name. Raises ConfigurationError."""
    for watcher in watchers(world):
        if bot.name == watcher.title:
            return Demo(bot.name, ring.create(watcher.role, title=bot.name, coins=watcher.coins))
    if bot.name.partition("-")[0] == Role.ISSUER.value:
        known = [watcher.title for watcher in watchers(world) if watcher.role is Role.ISSUER]
        raise ConfigurationError(
            world.scenario_id,
            "--bots",
            f"has no coin of {bot.name}",
            f"name {' or '.join(known)}" if known else "name no issuer",
        )
    if bot.name in simulation.exchange.state.seats:
        raise ConfigurationError(
            world.scenario_id,
            "--bots",
            f"already has somebody by the name of {bot.name}",
            "choose another name",
        )
    if not regime.classes:
        raise ConfigurationError(regime.regime_id, "--bots", "lets nobody in", "choose another regime")
    classes = {one.class_id: one for one in regime.classes}
    if bot.class_id and bot.class_id not in classes:
        raise ConfigurationError(
            regime.regime_id, "--bots", f"has no class {bot.class_id}", nearest(bot.class_id, list(classes))
        )
    access_class = classes[bot.class_id] if bot.class_id else regime.classes[0]
    entered = enter(simulation, world, bot.name, meeting(access_class, regime), ring)
    if entered.key is None:
        raise ConfigurationError(
            regime.regime_id,
            "--bots",
            f"does not let {bot.name} in: {entered.explanation}",
            "name another class",
        )
    return entered


def run_with_bots(
    scenario: str, regime: str, bots: Mapping[str, Program], **options: Unpack[Options]
) -> Finished:
    """`play_day` for scripts: on a loop of its own."""
    return asyncio.run(play_day(scenario, regime, bots, **options))


async def play_day(
    scenario: str, regime: str, bots: Mapping[str, Program], *, step: str = "1s", **options: Unpack[Options]
) -> Finished:
    """A whole day with bots that are coroutines on this loop, each by its name; what the day came to.

    A name may tell the class: `alpha:institution`. A bot that returns before the end leaves, and its orders are
    canceled. Raises what a bot raises, LockStepStopped for one that is not done within `patience`, and what
    `day_in_steps` raises.
    """
    expected = read_bots(",".join(bots)) if bots else ()
    programs = dict(zip((bot.name for bot in expected), bots.values(), strict=True))
    terms: Options = {"patience": 60.0, "when_late": WhenLate.STOP}
    with day_in_steps(scenario, regime, step=read_step(step), bots=expected, **(terms | options)) as day:
        day.gateway.venue.start()
        tasks: list[asyncio.Task[Any]] = [day.lock_step.start(lambda: None)]
        tasks += [asyncio.create_task(_play(day, bot, programs[bot.name])) for bot in day.lock_step.bots]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await day.gateway.venue.stop()
    assert day.finished is not None, "a day that is over has been measured"
    return day.finished


async def _play(day: Day, bot: Bot, program: Program) -> None:
    """What it does; then it leaves, if the day goes on."""
    client = LocalClient(day.gateway, bot.key)
    await program(client)
    if not day.lock_step.is_over:
        if not bot.came:
            await client.ask("simulation/register")
        await client.ask("simulation/leave")

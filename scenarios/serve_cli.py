"""The command `ringfence serve`: a scenario as a live venue, and the addresses and keys with which to come in."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from exchange.gateway.logs import LogFormat, LogLevel, configure
from scenarios.faults import told_as_sentences

if TYPE_CHECKING:
    from exchange.gateway.dispatch import Gateway
    from exchange.gateway.venue import Journal
    from scenarios.onboarding import Demo

DEFAULT_SCENARIO = "market_day"
DEFAULT_REGIME = "ru_open_counterfactual"


class Founded(NamedTuple):
    gateway: "Gateway"
    demos: "list[Demo]"


def found(
    scenario: str,
    regime: str,
    *,
    seed: int = 1,
    population: int | None = None,
    speed: float = 1.0,
    limited: bool = False,
    as_written: bool = False,
    makers: bool = True,
    journal: "Journal | None" = None,
) -> Founded:
    """The venue of a scenario at the opening of its session, with demonstration accounts; it stands still so far.

    The day is moved so that it opens now, unless it is to stay `as_written`. Raises ConfigurationError.
    """
    from dataclasses import replace

    from exchange.gateway.auth import KeyRing
    from exchange.gateway.clock import WallClock
    from exchange.gateway.dispatch import Gateway
    from exchange.gateway.throttle import STRICT
    from exchange.gateway.venue import LiveVenue
    from scenarios.assembly import assemble
    from scenarios.config.regime_file import read_regime
    from scenarios.live import UNKEPT, LiveSimulation, moved
    from scenarios.onboarding import demonstrate

    regime_file = read_regime(regime)
    world = load_live_world(scenario, population, regime_file)
    if not makers:
        world = replace(world, makers=())
    world = moved(world, world.opens if as_written else time.time_ns())
    rules = regime_file.regime()
    assembled = assemble(world, rules, seed, UNKEPT, LiveSimulation)
    simulation = assembled.simulation
    assert isinstance(simulation, LiveSimulation)
    ring = KeyRing()
    demos = demonstrate(simulation, world, rules, ring)
    clock = WallClock(world.opens, speed)
    venue = LiveVenue(simulation, clock, journal)
    gateway = Gateway(venue, ring, STRICT if limited else None)
    venue.found(simulation.step(world.opens))
    return Founded(gateway, demos)


def load_live_world(scenario: str, population: int | None, regime_file: object) -> "World":
    """A scenario that is made for the live venue, any other that ships, or a file."""
    from importlib.resources import files

    from scenarios.config.regime_file import RegimeFile
    from scenarios.config.scenario_file import load_world

    assert isinstance(regime_file, RegimeFile)
    own = files("scenarios") / "venues" / f"{scenario}.toml"
    path = str(own) if own.is_file() else scenario
    return load_world(path, population, regime_file.cash.terms)


def serve(
    scenario: Annotated[
        str, typer.Argument(help="The id of a shipped scenario, or the path of a file.")
    ] = DEFAULT_SCENARIO,
    regime: Annotated[
        str, typer.Option(help="The id of a shipped regime, or the path of a file.")
    ] = DEFAULT_REGIME,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 8899,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The dice of those inside.")] = 1,
    population: Annotated[
        int | None,
        typer.Option(min=0, max=100_000, help="People inside; the scenario's own number if not given."),
    ] = None,
    makers: Annotated[bool, typer.Option(help="Whether the scenario's market makers quote.")] = True,
    speed: Annotated[float, typer.Option(min=0.01, max=1_000, help="Engine time against the wall.")] = 1.0,
    limits: Annotated[
        bool, typer.Option("--limits", help="Count requests and connections, as real venues do.")
    ] = False,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="Keep the scenario's own day instead of moving it to now.")
    ] = False,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve https and wss, with a certificate for development.")
    ] = False,
    keys: Annotated[
        Path | None, typer.Option(help="Write the demonstration keys there: class, client id, secret.")
    ] = None,
    log_format: Annotated[
        LogFormat,
        typer.Option(help="How the log on stderr is written: for people, or one JSON object a line."),
    ] = LogFormat.TEXT,
    log_level: Annotated[
        LogLevel, typer.Option(help="What is written: this and all that is graver.")
    ] = LogLevel.WARNING,
) -> None:
    """Open a scenario as a live venue, and print where it is and the keys to come in with."""
    configure(log_format, log_level)
    with told_as_sentences():
        founded = found(
            scenario,
            regime,
            seed=seed,
            population=population,
            speed=speed,
            limited=limits,
            as_written=as_written,
            makers=makers,
        )
        if keys is not None:
            keys.touch(mode=0o600)
            keys.write_text(
                "".join(f"{_line(demo)}\n" for demo in founded.demos if demo.key), encoding="utf-8"
            )
        run(founded, host, port, typer.echo, tls=tls)


def _line(demo: "Demo") -> str:
    assert demo.key is not None
    return f"{demo.title} {demo.key.client_id} {demo.key.secret}"


def run(founded: Founded, host: str, port: int, tell: Callable[[str], None], *, tls: bool = False) -> None:
    """Serve until a signal."""
    from exchange.gateway.app import Door, create_app, finish
    from exchange.gateway.server import listen, make_server
    from exchange.gateway.server import run as serve_on
    from scenarios.simulation import rare_collections

    bound = listen(host, port)
    address = f"{host}:{bound.getsockname()[1]}"

    def ready() -> None:
        tell(f"websocket  ws{'s' if tls else ''}://{address}/ws/api/v2")
        tell(f"http       http{'s' if tls else ''}://{address}/api/v2")
        tell(f"page       http{'s' if tls else ''}://{address}/")
        if certificate is not None:
            tell(f"trust      {certificate.certificate}")
        tell("keys       account, client id, secret")
        for demo in founded.demos:
            tell(
                f"           {_line(demo)}"
                if demo.key
                else f"           {demo.title}: refused. {demo.explanation}"
            )

    certificate = None
    if tls:
        from exchange.gateway.certificate import development_certificate

        certificate = development_certificate(Path.home() / ".ringfence")
    hosts = (host, "127.0.0.1", "localhost", "::1")
    app = create_app(founded.gateway, Door(hosts), on_ready=ready)
    gateway = founded.gateway
    with rare_collections():  # a whole one would be felt by everybody
        serve_on(make_server(app, certificate, lambda: finish(gateway), gateway.limits), bound)


if TYPE_CHECKING:
    from scenarios.world import World

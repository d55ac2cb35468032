"""The command `ringfence serve`: a scenario as a live venue, and the addresses and keys with which to come in."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from exchange.gateway.logs import LogFormat, LogLevel, configure
from scenarios.faults import ListenError, told_as_sentences

if TYPE_CHECKING:
    from scenarios.founding import Founded
    from scenarios.onboarding import Demo


def serve(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="The id of a shipped scenario, or the path of a file.", show_default="market_day"
        ),
    ] = None,
    regime: Annotated[
        str | None,
        typer.Option(
            help="The id of a shipped regime, or the path of a file.", show_default="ru_open_counterfactual"
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 8899,
    data: Annotated[
        Path | None,
        typer.Option(
            help="The venue's folder: one that holds a venue goes on with it, another begins one.",
            show_default="a new one in ringfence-venues",
        ),
    ] = None,
    journal: Annotated[
        str | None,
        typer.Option(
            help="The journal: a file, sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
            show_default="in the folder",
        ),
    ] = None,
    no_journal: Annotated[
        bool, typer.Option("--no-journal", help="Keep nothing: with the process the venue is gone.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="The dice of those inside.", show_default="1")
    ] = None,
    population: Annotated[
        int | None,
        typer.Option(min=0, max=100_000, help="People inside; the scenario's own number if not given."),
    ] = None,
    makers: Annotated[
        bool | None,
        typer.Option(
            "--makers/--no-makers", help="Whether the scenario's market makers quote.", show_default="makers"
        ),
    ] = None,
    image_every: Annotated[
        int | None,
        typer.Option(
            min=1_000,
            help="Commands from one image of the venue to the next; a start goes on from the latest.",
            show_default="20000",
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.01, max=1_000, help="Engine time against the wall.", show_default="1"),
    ] = None,
    limits: Annotated[
        bool, typer.Option("--limits", help="Count requests and connections, as real venues do.")
    ] = False,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="Keep the scenario's own day instead of moving it to now.")
    ] = False,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve https and wss, with a certificate for development.")
    ] = False,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Others reach it through a proxy in front, which ends TLS.")
    ] = False,
    name: Annotated[
        list[str] | None,
        typer.Option(help="A name by which it is called, beside its address; as often as there are names."),
    ] = None,
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
    lock_step: Annotated[
        str | None,
        typer.Option(
            "--lock-step",
            metavar="STEP",
            help="Let time pass in steps of 100ms, 1s, 5m, and only once every bot is done with the last.",
        ),
    ] = None,
    bots: Annotated[
        str, typer.Option(help="In lock-step: how many, or their names: alpha,beta:institution,authority.")
    ] = "0",
    patience: Annotated[
        float, typer.Option(min=0.1, help="In lock-step: seconds after which a bot is late.")
    ] = 60.0,
    when_late: Annotated[
        Literal["wait", "drop", "stop"],
        typer.Option(help="In lock-step: tell and wait, go on without it, or stop the run."),
    ] = "wait",
    out: Annotated[
        Path | None, typer.Option(help="In lock-step: keep the run there, as `ringfence run` does.")
    ] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="In lock-step: stay open when the day is over.")
    ] = False,
) -> None:
    """Open a scenario as a live venue, and print where it is and the keys to come in with.

    The venue is kept in a folder. Started again with that folder it goes on where it was, whatever ended it.
    """
    from scenarios.founding import DEFAULT_REGIME, DEFAULT_SCENARIO, Asked, found, resume
    from scenarios.venue_folder import place_of
    from scenarios.venue_image import EVERY

    configure(log_format, log_level)
    with told_as_sentences():
        if no_journal and (data is not None or journal is not None):
            raise typer.BadParameter("goes with neither --data nor --journal", param_hint="--no-journal")
        if no_journal and image_every is not None:
            raise typer.BadParameter("does not go with --no-journal", param_hint="--image-every")
        _check_that_nothing_goes_open(host, is_covered=tls or behind_proxy)
        names = tuple(name or ())
        in_steps_only = {"--bots": bots != "0", "--out": out is not None, "--stay": stay}
        on_the_wall_only = {
            "--speed": speed is not None,
            "--no-makers": makers is False,
            "--data": data is not None,
            "--journal": journal is not None,
            "--image-every": image_every is not None,
        }
        _check_that_it_goes(in_steps_only if lock_step is None else on_the_wall_only, lock_step)
        if lock_step is not None:
            from exchange.gateway.lockstep import WhenLate
            from scenarios.lock_step import day_in_steps, read_bots, read_step

            with (
                _listen(host, port, patient=True) as bound,
                day_in_steps(
                    scenario or DEFAULT_SCENARIO,
                    regime or DEFAULT_REGIME,
                    step=read_step(lock_step),
                    bots=read_bots(bots),
                    seed=1 if seed is None else seed,
                    population=population,
                    folder=out,
                    limited=limits,
                    patience=patience,
                    when_late=WhenLate(when_late),
                    tell=typer.echo,
                ) as day,
            ):
                if keys is not None:
                    _write_keys(day.founded.demos, keys)
                run(day.founded, host, port, typer.echo, tls=tls, bound=bound, stay=stay, names=names)
            return
        with _listen(host, port) as bound, _for_nobody_else():
            place = None if no_journal else place_of(data, journal, scenario or DEFAULT_SCENARIO)
            if place is not None and place.is_founded:
                asked = Asked(scenario, regime, seed, population, makers, speed, as_written)
                founded = resume(
                    place, asked, limited=limits, image_every=image_every or EVERY, tell=typer.echo
                )
            else:
                founded = found(
                    scenario or DEFAULT_SCENARIO,
                    regime or DEFAULT_REGIME,
                    seed=1 if seed is None else seed,
                    population=population,
                    speed=speed or 1.0,
                    limited=limits,
                    as_written=as_written,
                    makers=makers is not False,
                    place=place,
                    image_every=image_every or EVERY,
                )
            if keys is not None:
                _write_keys(founded.demos, keys)
            run(founded, host, port, typer.echo, tls=tls, bound=bound, names=names)


def _check_that_nothing_goes_open(host: str, *, is_covered: bool) -> None:
    """Raises ListenError if other machines would reach the venue, and keys would travel to it in plain text."""
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    if not is_local and not is_covered:
        raise ListenError(
            f"{host}: other machines would reach the venue, and keys would travel in plain text. Listen on 127.0.0.1,"
            " or add --tls, or --behind-proxy if a proxy in front of it ends TLS."
        )


@contextmanager
def _for_nobody_else() -> Iterator[None]:
    """What is written meanwhile, journal, images and keys, is for nobody else to read, whosever folder it is in."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _check_that_it_goes(given: dict[str, bool], lock_step: str | None) -> None:
    """Raises ConfigurationError for an option that is for the other way in which time passes."""
    from scenarios.config.reading import ConfigurationError

    for name, is_given in given.items():
        if is_given and lock_step is None:
            raise ConfigurationError(
                name, "", "is for --lock-step alone", "name the length of a step, or leave it out"
            )
        if is_given:
            raise ConfigurationError(name, "", "does not go with --lock-step", "leave one of them out")


def _write_keys(demos: "list[Demo]", to: Path) -> None:
    to.touch(mode=0o600)
    to.chmod(0o600)  # it may have been there
    to.write_text("".join(f"{_line(demo)}\n" for demo in demos if demo.key), encoding="utf-8")


def _listen(host: str, port: int, *, patient: bool = False) -> socket.socket:
    """Bound before anything is founded, so that a port which is taken leaves nothing behind. Raises ListenError."""
    from exchange.gateway.server import listen

    try:
        return listen(host, port, patient=patient)
    except OSError as fault:
        raise ListenError(
            f"{host}:{port}: {fault.strerror}; choose another place with --port or --host."
        ) from None


def _line(demo: "Demo") -> str:
    assert demo.key is not None
    return f"{demo.title} {demo.key.client_id} {demo.key.secret}"


def run(
    founded: "Founded",
    host: str,
    port: int,
    tell: Callable[[str], None],
    *,
    tls: bool = False,
    bound: socket.socket | None = None,
    stay: bool = True,
    names: Sequence[str] = (),
) -> None:
    """Serve until a signal, on a socket that is `bound` already or on one of its own; in lock-step, and unless it is
    to `stay`, until the day is over. `names`: by which it is called, beside its address."""
    from exchange.gateway.app import Door, create_app, finish
    from exchange.gateway.server import listen, make_server
    from exchange.gateway.server import run as serve_on
    from scenarios.simulation import rare_collections

    bound = bound or listen(host, port)
    address = f"{host}:{bound.getsockname()[1]}"

    def ready() -> None:
        for line in founded.story:
            tell(line)
        tell(f"websocket  ws{'s' if tls else ''}://{address}/ws/api/v2")
        tell(f"http       http{'s' if tls else ''}://{address}/api/v2")
        tell(f"page       http{'s' if tls else ''}://{address}/")
        if certificate is not None:
            tell(f"trust      {certificate.certificate}")
        tell("keys       account, client id, secret")
        for demo in founded.demos:
            tell(f"           {_line(demo)}" if demo.key else f"           {demo.title}: {demo.explanation}")
        if lock_step is not None:
            awaited = ", ".join(bot.name for bot in lock_step.bots)
            tell(f"lock-step  {f'waits for {awaited}' if awaited else 'without bots'}")
            lock_step.start(over)

    def over() -> None:
        if lock_step is not None and lock_step.notice is not None and lock_step.notice["ended"]:
            tell(f"digest     {lock_step.notice['digest']}")
        server.should_exit = not stay

    certificate = None
    if tls:
        from exchange.gateway.certificate import development_certificate

        certificate = development_certificate(Path.home() / ".ringfence")
    hosts = (host, *(name.lower() for name in names), "127.0.0.1", "localhost", "::1")
    gateway = founded.gateway
    lock_step = gateway.lock_step
    app = create_app(gateway, Door(hosts), on_ready=ready)
    server = make_server(app, certificate, lambda: finish(gateway), gateway.limits)
    with rare_collections():  # a whole one would be felt by everybody
        serve_on(server, bound)

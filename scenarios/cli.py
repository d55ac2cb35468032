"""The command `ringfence`: runs, comparisons, reports, regimes, scenarios. What is heavy is imported when used."""

import shlex
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenarios.bot_cli import bot
from scenarios.faults import FAILED, told_as_sentences
from scenarios.journal_cli import app as journal_app
from scenarios.language import Tongue
from scenarios.regimes_cli import app as regimes_app
from scenarios.risk_cli import risk
from scenarios.serve_cli import serve

if TYPE_CHECKING:
    from scenarios.compare import Design, SourceFile

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A sandbox exchange: compare who may enter and what they may do, and see what it does.",
)
app.add_typer(regimes_app, name="regimes")
app.add_typer(journal_app, name="journal")
app.command()(risk)
app.command()(serve)
app.command()(bot)
scenarios_app = typer.Typer(no_args_is_help=True, help="Scenarios: what the day is like.")
app.add_typer(scenarios_app, name="scenarios")

DEFAULT_SCENARIO = "freeze_and_gap"
DEFAULT_REGIMES = "ru_derivs_qual_2025,ru_elr_super_2025,ru_open_counterfactual"

Scenario = Annotated[str, typer.Argument(help="The id of a shipped scenario, or the path of a file.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The dice of the run.")]
Population = Annotated[
    int | None,
    typer.Option(min=1, max=100_000, help="How many people and firms; the scenario's own if not given."),
]
LanguageOf = Annotated[
    Tongue, typer.Option("--language", help="The language of the report and of the table.")
]
ALL = "all"
CASH = "A shipped cash profile (`ringfence regimes cashes`), or the path of a file with a [cash] table"
CLEARING = (
    "A shipped way of clearing (`ringfence regimes clearings`), or the path of a file with a [clearing] table"
)


@app.command()
def compare(
    scenario: Scenario = DEFAULT_SCENARIO,
    regimes: Annotated[
        str, typer.Option(help="Regimes, separated by commas; the first is the baseline.")
    ] = DEFAULT_REGIMES,
    clearing: Annotated[
        list[str] | None,
        typer.Option(
            help=f"{CLEARING}; given more than once, each regime runs under each. The regime's own if not given."
        ),
    ] = None,
    cash: Annotated[
        list[str] | None,
        typer.Option(
            help=f"{CASH}; given more than once, each regime settles in each; `all` for every shipped one. "
            "The scenario's own coin if not given."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="How many seeds: 1, 2, ..., N.")] = 15,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the comparison; comparisons/SCENARIO if not given.")
    ] = None,
    population: Population = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time; one for each core if not given.")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Run the first seed of a finished comparison again and compare digests."
        ),
    ] = False,
    language: LanguageOf = Tongue.ENGLISH,
) -> None:
    """Run a scenario under several regimes with the same seeds, and report what differs.

    A comparison that was stopped goes on where it stopped when the same command is given again.
    """
    with told_as_sentences():
        from scenarios.compare import read_comparison
        from scenarios.compare import verify as run_again
        from scenarios.config.scenario_file import scenario_path
        from scenarios.run import run_cell

        folder = out or Path("comparisons") / Path(str(scenario_path(scenario))).stem
        if verify:
            differing = run_again(read_comparison(folder), run_cell)
            typer.echo("\n".join(differing) or f"{folder}: every digest that was run again is the same")
            raise typer.Exit(FAILED if differing else 0)
        design = _design(scenario, regimes, clearing or [], cash or [], seeds, population)
        raise typer.Exit(_compare(design, folder, workers, language))


def _design(
    scenario: str,
    regimes: str,
    clearings: list[str],
    cashes: list[str],
    seeds: int,
    population: int | None,
) -> "Design":
    """What is compared. Every file, and that every regime can meet the scenario, is checked before anything runs."""
    from scenarios.compare import Design, SourceFile
    from scenarios.config.regime_file import read_regime, with_cash, with_clearing
    from scenarios.config.scenario_file import load_world
    from scenarios.provenance import toml_text
    from scenarios.run import rehearse

    world = load_world(scenario, population)
    ways: list[str | None] = [*clearings] or [None]
    assets: list[str | None] = [*cash_profiles(cashes)] or [None]
    names = [
        with_cash(with_clearing(name.strip(), clearing), cash)
        for cash in assets
        for clearing in ways
        for name in regimes.split(",")
        if name.strip()
    ]
    for file in [read_regime(name) for name in names]:
        under = load_world(scenario, population, file.cash.terms, file.cash.fallback_asset)
        rehearse(under, file.regime())
    return Design(
        scenario=SourceFile(name=world.scenario_id, source=scenario, text=toml_text(world.resolved)),
        regimes=tuple(regime_source(name) for name in names),
        seeds=tuple(range(1, seeds + 1)),
        population=population,
        command=shlex.join(["ringfence", *sys.argv[1:]]),
    )


def cash_profiles(cashes: list[str]) -> list[str]:
    """The cash profiles that are named; `all` is every shipped one, money proper first."""
    from scenarios.config.regime_file import every_cash

    return list(dict.fromkeys(name for cash in cashes for name in (every_cash() if cash == ALL else [cash])))


def regime_source(name: str) -> "SourceFile":
    """A regime's own file as it is, or what it says once it clears in another way."""
    from scenarios.compare import SourceFile, source_file
    from scenarios.config.reading import stated
    from scenarios.config.regime_file import is_overlaid, read_regime, regime_name, regime_path
    from scenarios.provenance import toml_text

    if not is_overlaid(name):
        return source_file(name, regime_path(name))
    return SourceFile(name=regime_name(name), source=name, text=toml_text(stated(read_regime(name))))


def _compare(design: "Design", folder: Path, workers: int | None, language: Tongue) -> int:
    """Run what is missing, tell it at the terminal and write the report; the exit code."""
    from rich.console import Console

    from scenarios.compare import compare as run_all
    from scenarios.findings import analyse
    from scenarios.language import speaking
    from scenarios.measures import MEASURES
    from scenarios.report import background_of, keep_report
    from scenarios.run import run_cell
    from scenarios.terminal import RunProgress, show_comparison, show_failures

    console = Console()
    with RunProgress(console) as progress:
        comparison = run_all(design, folder, run_cell, progress, workers=workers)
    if not comparison.cells:
        show_failures(console, comparison)
        return FAILED
    findings = analyse(comparison.cells, MEASURES, [regime.name for regime in design.regimes])
    with speaking(language):
        report = keep_report(findings, comparison, background_of(comparison))
        show_comparison(console, findings, comparison, report)
    return comparison.exit_code


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a finished comparison.")],
    language: LanguageOf = Tongue.ENGLISH,
) -> None:
    """Write the report of a finished comparison again, in any of its languages, and print where it lies."""
    with told_as_sentences():
        from scenarios.compare import read_comparison
        from scenarios.findings import analyse
        from scenarios.language import speaking
        from scenarios.measures import MEASURES
        from scenarios.report import background_of, keep_report

        comparison = read_comparison(folder)
        findings = analyse(comparison.cells, MEASURES, [regime.name for regime in comparison.design.regimes])
        with speaking(language):
            typer.echo(keep_report(findings, comparison, background_of(comparison)))


@app.command()
def run(
    scenario: Scenario,
    regime: Annotated[str, typer.Option(help="The id of a shipped regime, or the path of a file.")],
    clearing: Annotated[str | None, typer.Option(help=f"{CLEARING}; the regime's own if not given.")] = None,
    cash: Annotated[str | None, typer.Option(help=f"{CASH}; the scenario's own coin if not given.")] = None,
    seed: Seed = 1,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/SCENARIO/REGIME/SEED if not given.")
    ] = None,
    population: Population = None,
) -> None:
    """Run a scenario once and keep everything: journal, record, measures, manifest."""
    with told_as_sentences():
        from rich.console import Console
        from rich.progress import Progress

        from scenarios.config.regime_file import regime_name, with_cash, with_clearing
        from scenarios.config.scenario_file import scenario_path
        from scenarios.run import run as run_once
        from scenarios.terminal import fit_in_words, fit_table

        regime = with_cash(with_clearing(regime, clearing), cash)
        names = [Path(str(scenario_path(scenario))).stem, regime_name(regime)]
        folder = out or Path("runs", *names, str(seed))
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            day = bar.add_task(f"{names[0]} under {names[1]}", total=1.0)
            finished = run_once(
                scenario, regime, seed, folder, population, lambda share: bar.update(day, completed=share)
            )
        for time, who, fault in finished.malformed:
            typer.echo(f"{who} sent at {time} what is no command: {fault}", err=True)
        if finished.fit:
            Console().print(fit_table(finished.fit))
            typer.echo(fit_in_words(finished.fit))
        typer.echo(f"kept in {folder}")
        typer.echo(f"digest {finished.digest}")


@app.command()
def replay(folder: Annotated[Path, typer.Argument(help="The folder of a run.")]) -> None:
    """Hand the journal of a run to a new exchange, and check that it tells the same story."""
    with told_as_sentences():
        from scenarios.run import replay as replay_run

        typer.echo(f"digest {replay_run(folder)}")


@scenarios_app.command("list")
def list_scenarios() -> None:
    """The scenarios that ship, and the question each of them answers."""
    with told_as_sentences():
        from scenarios.config.scenario_file import load_world, shipped_scenarios

        for name in shipped_scenarios():
            typer.echo(f"{name}\n    {load_world(name).question}")


@scenarios_app.command("check")
def check_scenario(file: Annotated[str, typer.Argument(help="A scenario file.")]) -> None:
    """Check a scenario file; a fault is a sentence and exit code 2."""
    with told_as_sentences():
        from scenarios.config.scenario_file import load_world
        from scenarios.run import rehearse

        rehearse(load_world(file))
        typer.echo("ok")


@scenarios_app.command("schema")
def print_scenario_schema() -> None:
    """The JSON Schema of a scenario file, for editors that complete and check while one types."""
    import json

    from scenarios.config.scenario_file import scenario_schema

    typer.echo(json.dumps(scenario_schema(), indent=2))


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # “?” for a sign that the terminal or the file does not know
    app()

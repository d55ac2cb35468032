"""The command `ringfence`: runs, comparisons, reports, regimes, scenarios. What is heavy is imported when used."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from scenarios.bot_cli import bot
from scenarios.compare_cli import CASH, CLEARING, Population, Scenario, compare, report
from scenarios.faults import told_as_sentences
from scenarios.journal_cli import app as journal_app
from scenarios.regimes_cli import app as regimes_app
from scenarios.reverse_cli import reverse
from scenarios.risk_cli import risk
from scenarios.serve_cli import serve

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A sandbox exchange: compare who may enter and what they may do, and see what it does.",
)
app.add_typer(regimes_app, name="regimes")
app.add_typer(journal_app, name="journal")
app.command()(compare)
app.command()(report)
app.command()(reverse)
app.command()(risk)
app.command()(serve)
app.command()(bot)
scenarios_app = typer.Typer(no_args_is_help=True, help="Scenarios: what the day is like.")
app.add_typer(scenarios_app, name="scenarios")

Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The dice of the run.")]


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
        from scenarios.config.scenario_file import scenario_name
        from scenarios.run import run as run_once
        from scenarios.terminal import fit_in_words, fit_table

        regime = with_cash(with_clearing(regime, clearing), cash)
        names = [scenario_name(scenario), regime_name(regime)]
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
    """The scenarios that ship, the question each of them answers, and how strong its shock is, if it says so."""
    with told_as_sentences():
        from scenarios.config.scenario_file import read_scenario, shipped_scenarios

        for name in shipped_scenarios():
            scenario = read_scenario(name)
            typer.echo(f"{name}\n    {scenario.question}")
            if scenario.magnitude is not None:
                typer.echo(f"    magnitude: {scenario.magnitude.in_words()}")


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

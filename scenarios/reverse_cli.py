"""The command `ringfence reverse`: how strong a scenario's shock must be before something happens."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from scenarios.compare_cli import (
    DEFAULT_REGIMES,
    Cashes,
    Clearings,
    LanguageOf,
    Population,
    Regimes,
    Reuse,
    Workers,
    chosen_seeds,
    default_folder,
)
from scenarios.faults import FAILED, told_as_sentences
from scenarios.language import Tongue, speaking, tongue

DEFAULT_SEEDS = "9"


def reverse(
    scenario: Annotated[str, typer.Argument(help="A scenario with a [magnitude], or the path of a file.")],
    regimes: Regimes = DEFAULT_REGIMES,
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="What is looked for: layers, used:LAYER, exhausted:LAYER, halt, gate, loses:CLASS>10%, "
            "or MEASURE>VALUE; may be given more than once. Every layer of the waterfall if not given."
        ),
    ] = None,
    clearing: Clearings = None,
    cash: Cashes = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help=f"How many seeds, 1 to N; or which: 1,2,5 or 10..20. {DEFAULT_SEEDS} if not given."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the answers; reverse/SCENARIO if not given.")
    ] = None,
    population: Population = None,
    workers: Workers = None,
    reuse: Reuse = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Run the first seed of a finished search again, at each magnitude, and compare digests.",
        ),
    ] = False,
    language: LanguageOf = Tongue.ENGLISH,
) -> None:
    """Find the smallest shock at which something happens, under each regime, with the same seeds, and report it.

    A search that was stopped goes on where it stopped when the same command is given again.
    """
    with told_as_sentences():
        from rich.console import Console

        from scenarios.design import regimes_named
        from scenarios.report import keep_reverse_report
        from scenarios.reverse import question_of, read_reversed
        from scenarios.reverse import reverse as search
        from scenarios.reverse import verify as run_again
        from scenarios.run import run_cell
        from scenarios.terminal import RunProgress, show_reversed

        told_in = tongue(language)
        folder = out or default_folder("reverse", scenario)
        if verify:
            differing = run_again(read_reversed(folder), run_cell)
            typer.echo("\n".join(differing) or f"{folder}: every digest that was run again is the same")
            raise typer.Exit(FAILED if differing else 0)

        question = question_of(
            scenario,
            regimes_named(regimes, clearing or (), cash or ()),
            event or ["layers"],
            chosen_seeds(seeds or DEFAULT_SEEDS),
            population,
            shlex.join(["ringfence", *sys.argv[1:]]),
        )
        console = Console()
        with RunProgress(console) as progress:
            found = search(question, folder, run_cell, progress, workers=workers, reuse=reuse or ())
        with speaking(told_in):
            show_reversed(console, found, keep_reverse_report(found, folder))
        raise typer.Exit(found.exit_code)

"""The commands `ringfence compare` and `ringfence report`: regimes side by side, or over a grid."""

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from scenarios.faults import FAILED, told_as_sentences
from scenarios.language import Tongue, speaking, tongue

if TYPE_CHECKING:
    from scenarios.compare import Design, Precision
    from scenarios.sweep import Hire

DEFAULT_SCENARIO = "freeze_and_gap"
DEFAULT_REGIMES = "ru_derivs_qual_2025,ru_elr_super_2025,ru_open_counterfactual"
DEFAULT_SEEDS = "15"

Scenario = Annotated[str, typer.Argument(help="The id of a shipped scenario, or the path of a file.")]
Population = Annotated[
    int | None,
    typer.Option(min=1, max=100_000, help="How many people and firms; the scenario's own if not given."),
]
CASH = "A shipped cash profile (`ringfence regimes cashes`), or the path of a file with a [cash] table"
CLEARING = (
    "A shipped way of clearing (`ringfence regimes clearings`), or the path of a file with a [clearing] table"
)
Regimes = Annotated[str, typer.Option(help="Regimes, separated by commas; the first is the baseline.")]
Clearings = Annotated[
    list[str] | None,
    typer.Option(
        help=f"{CLEARING}; given more than once, each regime runs under each. The regime's own if not given."
    ),
]
Cashes = Annotated[
    list[str] | None,
    typer.Option(
        help=f"{CASH}; given more than once, each regime settles in each; `all` for every shipped one. "
        "The scenario's own coin if not given."
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(help=f"How many seeds, 1 to N; or which: 1,2,5 or 10..20. {DEFAULT_SEEDS} if not given."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Runs at a time; one for each core if not given.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Let the workers of the Dask scheduler at this address do the runs: tcp://127.0.0.1:8786."
    ),
]
TrustNetwork = Annotated[
    bool,
    typer.Option(
        "--trust-network",
        help="Use a cluster elsewhere without encryption: whoever reaches it can run anything on it.",
    ),
]
LanguageOf = Annotated[
    str, typer.Option("--language", metavar="[en|ru]", help="The language of the report and of the table.")
]
Reuse = Annotated[
    list[Path] | None,
    typer.Option(
        help="A folder whose runs are taken over where they are the very same; may be given more than once."
    ),
]


def compare(
    scenario: Scenario = DEFAULT_SCENARIO,
    regimes: Regimes = DEFAULT_REGIMES,
    clearing: Clearings = None,
    cash: Cashes = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            help="A number of the regimes and the values to try, KEY=V1,V2, or of the scenario, scenario.KEY=V1,V2; "
            "given more than once, each with each."
        ),
    ] = None,
    seeds: Seeds = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="Add seeds until half of each interval is within so much of the baseline's mean, as in 5%."
        ),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            help="The measures of which that is asked, separated by commas; the main ones if not given."
        ),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="With --precision: the most seeds; 60 if not given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the comparison; comparisons/SCENARIO if not given.")
    ] = None,
    population: Population = None,
    workers: Workers = None,
    cluster: Cluster = None,
    trust_network: TrustNetwork = False,
    reuse: Reuse = None,
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
        from scenarios.design import design_of, names_compared, regimes_named
        from scenarios.run import run_cell

        told_in = tongue(language)
        folder = out or default_folder("comparisons", scenario)
        if verify:
            differing = run_again(read_comparison(folder), run_cell)
            typer.echo("\n".join(differing) or f"{folder}: every digest that was run again is the same")
            raise typer.Exit(FAILED if differing else 0)
        names = regimes_named(regimes, clearing or (), cash or ())
        amount = _amount(seeds, precision, of, budget, partial(names_compared, scenario, names, sweep or ()))
        design = design_of(
            scenario,
            names,
            amount.seeds,
            sweeps=sweep or (),
            precision=amount.precision,
            population=population,
            command=shlex.join(["ringfence", *sys.argv[1:]]),
        )
        hire = None if cluster is None else _workers_at(cluster, trust_network)
        raise typer.Exit(_compare(design, folder, workers, hire, reuse or [], told_in))


def report(
    folder: Annotated[
        Path, typer.Argument(help="The folder of a finished comparison, or of a reverse stress test.")
    ],
    language: LanguageOf = Tongue.ENGLISH,
) -> None:
    """Write the report of a finished comparison or reverse stress test again, in any language, and print where
    it lies."""
    with told_as_sentences():
        from scenarios.compare import REVERSED, read_comparison
        from scenarios.findings import findings_of
        from scenarios.report import background_of, keep_report, keep_reverse_report
        from scenarios.reverse import read_reversed

        told_in = tongue(language)
        if (folder / REVERSED).exists():
            found = read_reversed(folder)
            with speaking(told_in):
                typer.echo(keep_reverse_report(found, folder))
            return
        comparison = read_comparison(folder)
        with speaking(told_in):
            typer.echo(keep_report(findings_of(comparison), comparison, background_of(comparison)))


def default_folder(kind: str, scenario: str) -> Path:
    from scenarios.config.scenario_file import scenario_name

    return Path(kind) / scenario_name(scenario)


def chosen_seeds(text: str) -> tuple[int, ...]:
    """As `scenarios.seeds.read_seeds`; what is no seed is a bad parameter to typer."""
    from scenarios.seeds import read_seeds

    try:
        return read_seeds(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--seeds") from None


class _Amount(NamedTuple):
    """How many seeds: so many, or at most so many and as many as a precision asks for."""

    seeds: tuple[int, ...]
    precision: "Precision | None" = None


def _amount(
    seeds: str | None,
    precision: str | None,
    of: str | None,
    budget: int | None,
    compared: Callable[[], Sequence[str]],
) -> _Amount:
    """`compared` are the regimes, on which it depends what the main measures are."""
    from scenarios.compare import DesignError
    from scenarios.config.regime_file import load_regime
    from scenarios.findings import main_measures
    from scenarios.measures import MEASURES
    from scenarios.precision import BUDGET, percent_in, planned

    if precision is None:
        if of is not None or budget is not None:
            raise DesignError("--of and --budget go with --precision; name one, as in --precision 5%.")
        return _Amount(chosen_seeds(seeds or DEFAULT_SEEDS))
    if seeds is not None:
        raise DesignError("--precision finds the number of seeds itself; leave --seeds out, or set --budget.")
    if of is None:
        names: Sequence[str] = main_measures([load_regime(name) for name in compared()])
    else:
        names = [name.strip() for name in of.split(",") if name.strip()]
    most = BUDGET if budget is None else budget
    plan = planned(percent_in(precision), names, [measure.name for measure in MEASURES], most)
    return _Amount(tuple(range(1, plan.looks[-1] + 1)), plan)


def _workers_at(cluster: str, trust_network: bool) -> "Hire":
    from scenarios.cluster import cluster as workers_at

    return workers_at(cluster, trust_network=trust_network)


def _compare(
    design: "Design",
    folder: Path,
    workers: int | None,
    hire: "Hire | None",
    reuse: list[Path],
    language: Tongue,
) -> int:
    """Run what is missing, here or by whom `hire` finds, show it and write the report; the exit code."""
    from rich.console import Console

    from scenarios.carried import Carried
    from scenarios.compare import compare as run_all
    from scenarios.findings import findings_of
    from scenarios.precision import compare_until_precise
    from scenarios.report import background_of, keep_report
    from scenarios.run import run_cell
    from scenarios.terminal import RunProgress, show_comparison, show_failures

    console = Console()
    run_them = run_all if design.precision is None else compare_until_precise
    with RunProgress(console) as progress:
        run_one = run_cell if hire is None else Carried.by(run_cell, design)
        comparison = run_them(design, folder, run_one, progress, workers=workers, hire=hire, reuse=reuse)
    if not comparison.cells:
        show_failures(console, comparison)
        return FAILED
    findings = findings_of(comparison)
    with speaking(language):
        page = keep_report(findings, comparison, background_of(comparison))
        show_comparison(console, findings, comparison, page)
    return comparison.exit_code

"""The commands of `ringfence regimes`: list, show, diff, check, schema, and what else ships. A fault: exit code 2."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.access.regime import Grade, Regime
from scenarios.faults import told_as_sentences
from scenarios.regime_words import (
    caps_in_words,
    clearing_in_words,
    closeout_in_words,
    coins_in_words,
    cooling_off_in_words,
    differences,
    leverage_in_words,
    own_funds_in_words,
    permissions_in_words,
    provenance,
    purchases_in_words,
    rules,
    venue_in_words,
    ways_in,
)

app = typer.Typer(no_args_is_help=True, help="Access regimes: who may enter, and what they may do.")

Name = Annotated[
    str,
    typer.Argument(
        help="A shipped regime's id, or the path of a file; with +CLEARING or +CASH, as it then clears or settles."
    ),
]

_GRADE = {
    Grade.PRIMARY: "primary",
    Grade.SECONDARY: "secondary",
    Grade.WEAK: "weak, corroborate",
    Grade.DERIVED: "derived",
}


@app.command("list")
def list_shipped() -> None:
    """List the regimes that come with the package."""
    from scenarios.config.regime_file import load_regime, shipped_regimes

    grid = Table()
    grid.add_column("id", no_wrap=True)
    for heading in ("title", "status", "clearing", "assumed"):
        grid.add_column(heading)
    with told_as_sentences():
        for regime_id in shipped_regimes():
            terms = load_regime(regime_id)
            grid.add_row(
                regime_id,
                escape(terms.title),
                _spaced(terms.status),
                terms.clearing.mode,
                f"{len(terms.assumptions)} values",
            )
        _console().print(grid)


@app.command()
def show(regime: Name) -> None:
    """Say in plain words what a regime means, where it comes from, and what in it is assumed."""
    from scenarios.config.reading import key_paths
    from scenarios.config.regime_file import load_regime, regime_tables

    with told_as_sentences():
        terms = load_regime(regime)
        stated = dict(key_paths(regime_tables(regime)))
        for line in _told(terms, stated):
            _console().print(line, soft_wrap=True)


@app.command()
def diff(before: Name, after: Name) -> None:
    """Say in plain words what changes from one regime to another."""
    from scenarios.config.regime_file import load_regime

    with told_as_sentences():
        changes = differences(load_regime(before), load_regime(after))
        for change in changes or ["no difference"]:
            typer.echo(change)


@app.command()
def check(file: Annotated[str, typer.Argument(help="The path of a regime file.")]) -> None:
    """Check a regime file: "ok", or a sentence about its first fault and exit code 2."""
    from scenarios.config.regime_file import load_regime

    with told_as_sentences():
        load_regime(file)
    typer.echo("ok")


@app.command()
def clearings() -> None:
    """List the ways of clearing that come with the package; `--clearing` of run and compare takes them."""
    from scenarios.config.regime_file import read_clearing, shipped_clearings

    with told_as_sentences():
        for name in shipped_clearings():
            file = read_clearing(name)
            typer.echo(f"{name}\n    {file.title}: {clearing_in_words(file.clearing.rules())}")


@app.command()
def cashes() -> None:
    """List the cash profiles that come with the package; `--cash` of run and compare takes them."""
    from scenarios.config.cash_words import traits
    from scenarios.config.regime_file import read_cash, shipped_cashes

    with told_as_sentences():
        for name in shipped_cashes():
            file = read_cash(name)
            typer.echo(f"{name}\n    {file.title}: {file.cash.in_words()}")
            for trait in traits(file.cash):
                typer.echo(f"    {trait.about}: {trait.words}")


@app.command()
def bounds() -> None:
    """List the bounds on institutions and venues that come with the package; `REGIME+BOUNDS` lays them over."""
    from scenarios.config.regime_file import read_bounds, shipped_bounds

    with told_as_sentences():
        for name in shipped_bounds():
            file = read_bounds(name)
            parts = []
            if file.institutions is not None:
                parts.append(f"institutions' own funds {own_funds_in_words(file.institutions.rule())}")
            if file.venue is not None:
                parts.append(f"the venue {venue_in_words(file.venue.rule())}")
            typer.echo(f"{name}\n    {file.title}: {'; '.join(parts)}")


@app.command()
def underlyings() -> None:
    """List what is known of coins, for regimes that screen them, and what vouches for it."""
    from scenarios.config.underlyings_file import shipped_underlyings

    with told_as_sentences():
        file = shipped_underlyings()
        grid = Table()
        grid.add_column("coin", no_wrap=True)
        for heading in ("market value, USD", "daily volume, USD"):
            grid.add_column(heading, justify="right", no_wrap=True)
        for heading in ("traded since", "privacy coin"):
            grid.add_column(heading)
        for one in file.underlyings:
            figures = (f"{one.market_value_usd:,}", f"{one.daily_volume_usd:,}")
            grid.add_row(one.id, *figures, one.traded_since.isoformat(), "yes" if one.privacy else "no")
        _console().print(grid)
        for source in file.sources:
            typer.echo(
                f"{source.label} ({_GRADE[source.grade]}): {source.reference}\n    {', '.join(source.keys)}"
            )
        for assumption in file.assumptions:
            typer.echo(f"{assumption.key}: assumed. {assumption.reason}")


@app.command()
def schema(
    cash: Annotated[bool, typer.Option("--cash", help="Of a cash profile instead.")] = False,
) -> None:
    """Print the JSON Schema of a regime file, for editors that complete and check as one writes."""
    from scenarios.config.regime_file import cash_schema, regime_schema

    typer.echo(json.dumps(cash_schema() if cash else regime_schema(), indent=2, ensure_ascii=False))


def _console() -> Console:
    return Console(highlight=False)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _told(regime: Regime, stated: Mapping[str, object]) -> Iterator[str]:
    """The regime line by line, with rich's marks for headings and for what is assumed."""
    yield f"[bold]{escape(regime.title)}[/bold]"
    valid = f"valid {regime.valid_from or '…'} to {regime.valid_to or '…'}"
    dated = [valid] if regime.valid_from or regime.valid_to else []
    yield escape(" · ".join([regime.regime_id, regime.jurisdiction, _spaced(regime.status), *dated]))
    yield from _classes_told(regime)
    yield _heading("For all")
    for rule in rules(regime):
        yield f"  {rule.name}: {escape(rule.words)}{_mark(regime, rule.key)}"
    yield from _grounds_told(regime, stated)


def _classes_told(regime: Regime) -> Iterator[str]:
    yield _heading("Who may enter" if regime.classes else "Nobody may enter")
    for access_class in regime.classes:
        key = f"classes.{access_class.class_id}"
        yield f"  [bold]{escape(access_class.title)}[/bold] ({access_class.class_id})"
        for number, way in enumerate(ways_in(access_class), 1):
            yield f"    takes {escape(way)}{_mark(regime, f'{key}.any_of.{number}')}"
        for product, words in permissions_in_words(access_class).items():
            yield f"    {product}: {words}{_mark(regime, f'{key}.permissions.{product}')}"
        yield f"    coins: {escape(coins_in_words(access_class))}{_mark(regime, f'{key}.underlyings')}"
        if access_class.cooling_off:
            waits = cooling_off_in_words(access_class)
            yield f"    cooling-off: {waits}{_mark(regime, f'{key}.cooling_off_hours')}"
        yield f"    capital at risk: {escape(caps_in_words(access_class.caps))}{_mark(regime, f'{key}.caps')}"
        if access_class.caps.leverage_bp is not None:
            carried = leverage_in_words(access_class.caps)
            yield f"    leverage under margin: {carried}{_mark(regime, f'{key}.caps.leverage_max')}"
        if access_class.caps.closeout_bp is not None or access_class.caps.negative_balance_protection:
            closed = closeout_in_words(access_class.caps)
            yield f"    closed out under margin: {closed}{_mark(regime, f'{key}.caps.closeout_percent')}"
        if access_class.caps.annual_purchases is not None:
            bought = escape(purchases_in_words(access_class.caps))
            yield f"    purchases: {bought}{_mark(regime, f'{key}.caps.annual_purchases_rub')}"


def _grounds_told(regime: Regime, stated: Mapping[str, object]) -> Iterator[str]:
    yield _heading("Sources" if regime.sources else "No sources")
    for source in regime.sources:
        yield f"  {escape(source.label)} ({_GRADE[source.grade]}): {escape(source.reference)}"
    yield _heading("Assumptions" if regime.assumptions else "No assumptions")
    for assumption in regime.assumptions:
        value = stated[assumption.key]
        given = "" if isinstance(value, dict | list) else f" = {value}"
        yield f"  {escape(assumption.key + given)}{_ASSUMED}"
        yield f"      {escape(assumption.reason)}"


def _heading(words: str) -> str:
    return f"\n[bold]{words}[/bold]"


_ASSUMED = " [bold yellow]ASSUMED[/bold yellow]"


def _mark(regime: Regime, key: str) -> str:
    """What vouches for the value that a line tells."""
    word = provenance(regime, key)
    if word == "assumed":
        return _ASSUMED
    return escape(f" [{word}]") if word else ""

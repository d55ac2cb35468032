"""Every message that a report can tell: of the code, of its tables, and of the files that ship.

`python -m tests.scenarios.messages` prints what the catalogue does not have yet, ready to be put into it.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from exchange.access.classes import PLURAL, requirements
from participants.population import PopulationTerms, draw_population, validation
from scenarios.config.cash_file import Authority, SettlementAssetTable
from scenarios.config.numbers import UNITS, words_of
from scenarios.config.reading import check, key_paths, read_toml
from scenarios.config.regime_file import (
    RegimeFile,
    read_bounds,
    read_cash,
    read_clearing,
    read_regime,
    regime_numbers,
    regime_tables,
    shipped_bounds,
    shipped_cashes,
    shipped_clearings,
    shipped_regimes,
)
from scenarios.config.scenario_file import (
    ScenarioFile,
    load_world,
    read_scenario,
    scenario_numbers,
    scenario_path,
    shipped_scenarios,
)
from scenarios.design import regime_source
from scenarios.language import without_numbers
from scenarios.measures import MEASURES
from scenarios.measures.money_cost import CLASSES
from scenarios.wording import COUNTED, PLAIN

ROOT = Path(__file__).parents[2] / "scenarios"
KEYWORDS = {"_": None, "N_": None, "markup": None, "plural": (2, 3), "forms": (1, 2)}
CATALOGUE = Path(str(files("scenarios") / "translations" / "ru.po"))

Message = str | tuple[str, ...]


@cache
def all_messages() -> list[Message]:
    """Each once: a text, or the singular and the plural of one."""
    found = [*_of_the_code(), *_of_the_tables(), *_of_the_files(), *_of_a_sweep()]
    return list(dict.fromkeys(message for message in found if message and message != ("", "")))


def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="ru")


def _of_the_code() -> Iterator[Message]:
    for path in sorted(ROOT.rglob("*.py")):
        if "scenarios.language" in path.read_text(encoding="utf-8"):
            yield from _extracted(path, "python")
    for path in sorted((ROOT / "report").glob("*.jinja")):
        yield from _extracted(path, "jinja2.ext:babel_extract")


def _extracted(path: Path, method: str) -> Iterator[Message]:
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
    with path.open("rb") as file:
        for _line, message, _comments, _context in extract(method, file, KEYWORDS, (), options):
            yield message


def _of_the_tables() -> Iterator[Message]:
    for measure in MEASURES:
        yield from (measure.title, measure.formula, measure.published_by)
        if measure.unit not in ("%", "ratio", *COUNTED):
            yield measure.unit
    for words in PLAIN.values():
        yield from words
    yield from PLURAL.values()
    yield from (holders.title for holders in CLASSES)
    yield from (authority.value for authority in Authority)
    terms = PopulationTerms()
    for row in validation(draw_population(1, terms), terms):
        yield from (without_numbers(text)[0] for text in (row.figure, row.note, row.source))


def _of_the_files() -> Iterator[Message]:
    for name in shipped_scenarios():
        world = load_world(name)
        yield from (world.title, world.question)
    regimes = shipped_regimes()
    for name in _every_regime():
        yield from _of_a_regime(read_regime(name), name)
    for file in map(read_clearing, shipped_clearings()):
        yield file.title
    for file in map(read_cash, shipped_cashes()):
        yield file.title
        yield from _of_the_money(file.cash)
    for file in map(read_bounds, shipped_bounds()):
        yield file.title
    for name in shipped_scenarios():
        scenario = check(ScenarioFile, read_toml(scenario_path(name)), name)
        if scenario.magnitude is not None:
            yield scenario.magnitude.what
            yield from ([] if scenario.magnitude.unit == "%" else [scenario.magnitude.unit])
        yield from _of_the_money(scenario.coin.asset(read_regime(regimes[0]).cash.terms))


def _every_regime() -> tuple[str, ...]:
    """Each that ships, and the first of them with whatever can be laid over it."""
    regimes = shipped_regimes()
    over = (*shipped_clearings(), *shipped_cashes(), *shipped_bounds())
    return (*regimes, *(f"{regimes[0]}+{one}" for one in over))


def _of_a_regime(file: RegimeFile, source: str) -> Iterator[Message]:
    head, _opened, rest = file.title.partition(" (")
    yield from (*([head] if "+" not in source else []), rest.removesuffix(")"), file.jurisdiction)
    regime, stated = (
        file.regime(),
        dict(key_paths(tomllib.loads(regime_source(source).text, parse_float=Decimal))),
    )
    for one in regime.classes:
        yield one.title
        for criterion in one.any_of:
            yield from (without_numbers(asked.words)[0] for asked in requirements(criterion))
    for assumption in regime.assumptions:
        yield without_numbers(assumption.reason)[0]
        yield from _words_of(stated.get(assumption.key))


def _of_a_sweep() -> Iterator[Message]:
    """What a regime says of a number that it is given, and what of one that it had not said; and what every number is
    about that can be swept, with its unit; numbers of scenarios."""
    for name in _every_regime():
        yield from (words_of(key)[0] for key in regime_numbers(regime_tables(name), name))
    yield from (unit for unit in UNITS.values() if unit not in ("%", *COUNTED))
    for number in ("any_of.1.assets_above_rub=12e6", "caps.capital_at_risk_rub=1e5"):
        for assumption in (
            read_regime(f"ru_elr_super_2025[classes.super_individual.{number}]").regime().assumptions
        ):
            yield without_numbers(assumption.reason)[0]
    for name in shipped_scenarios():
        for key, said in scenario_numbers(read_scenario(name)).items():
            if said is not None:
                yield words_of(key)[0]


def _words_of(value: object) -> Iterator[str]:
    """Every word of a value in a regime file, as it is told."""
    match value:
        case str():
            yield value.replace("_", " ")
        case Mapping():
            for key, part in value.items():
                yield from (key.replace("_", " "), *_words_of(part))
        case list():
            for part in value:
                yield from _words_of(part)


def _of_the_money(asset: SettlementAssetTable) -> Iterator[Message]:
    yield from (asset.title, asset.keeper)
    for role in asset.roles:
        yield without_numbers(role.signers())[0]
        yield without_numbers(f"{role.role().quorum} of {len(role.holders)} signers")[0]
    for bucket in asset.reserves or ():
        yield from (bucket.reserve_class.replace("_", " "), without_numbers(bucket.custodian)[0])
    for hours in (asset.hours, asset.conversion_hours, asset.redemption and asset.redemption.hours):
        yield from ((hours.weekdays or ()) if hours else ())
    if asset.redemption:
        to = (*asset.redemption.eligible_classes, *asset.redemption.eligible_wallets)
        yield from (name.replace("_", " ") for name in to)
    yield from ("{0} RUB", "at most {0} RUB")


def missing() -> list[Message]:
    """What the catalogue does not have, or has without its translation."""
    known = catalogue()
    return [message for message in all_messages() if not _translated(known, message)]


def _translated(known: Catalog, message: Message) -> bool:
    found = known.get(message if isinstance(message, str) else message[0])
    if found is None or found.fuzzy:
        return False
    words = found.string if isinstance(found.string, tuple) else (found.string,)
    return all(words) and (isinstance(message, str) or len(words) == known.num_plurals)


def main() -> None:
    absent = Catalog(locale="ru")
    for message in missing():
        absent.add(message)
    write_po(sys.stdout.buffer, absent, omit_header=True)


if __name__ == "__main__":
    main()

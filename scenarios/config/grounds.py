"""Where the numbers of a file come from: each has a source, or is flagged as assumed, and never both."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from exchange.access.regime import Grade
from scenarios.config.reading import Table, Text, fault, key_paths, nearest


class SourceTable(Table):
    """Where numbers of the file come from: `keys` are their key paths, or those of tables around them."""

    label: Text
    reference: Text
    grade: Annotated[Grade, Field(description="P primary, S secondary, W weak, D derived.")]
    keys: tuple[Text, ...] = ()


class AssumptionTable(Table):
    """A value that no source gives."""

    key: Text
    reason: Text


def check_provenance(
    file: Table, sources: Iterable[SourceTable], assumptions: Iterable[AssumptionTable]
) -> None:
    """Every number has a source or is flagged as assumed, never both; the longest key path decides."""
    stated = dict(key_paths(file.model_dump(exclude_unset=True, exclude={"sources", "assumptions"})))
    sourced = {key: f"sources.{place}.keys" for place, table in enumerate(sources, 1) for key in table.keys}
    assumed = {table.key: f"assumptions.{place}.key" for place, table in enumerate(assumptions, 1)}
    for key, place in [*sourced.items(), *assumed.items()]:
        if key not in stated:
            raise fault(f"names “{key}”, which is not in this file", nearest(key, stated), at=place)
    for key in sourced:
        if key in assumed:
            raise fault(
                f"stands in {sourced[key]} and in {assumed[key]}, but is either sourced or assumed",
                "remove it from one of the two",
                at=key,
            )
    for key, value in stated.items():
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if number and not _vouched(key, sourced, assumed):
            raise fault(
                "is a number without a source, and not flagged as assumed",
                "add the key to the keys of a source, or to the assumptions with a reason",
                at=key,
            )


def _vouched(key: str, *vouching: Mapping[str, str]) -> bool:
    steps = key.split(".")
    paths = [".".join(steps[:length]) for length in range(1, len(steps) + 1)]
    return any(path in paths_known for paths_known in vouching for path in paths)

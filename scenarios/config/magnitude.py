"""The [magnitude] of a scenario: how strong its shock is, as one number, and the keys that move with it."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from scenarios.config.numbers import Number, number_in, plain, typed, with_number
from scenarios.config.reading import ConfigurationError, Table, Text, closest, fault

MAGNITUDE = "magnitude"  # the key of the shock itself, where numbers are named
AT = "@"  # between a scenario and the magnitude at which it is run
MOST_STEPS = 10_000
Strength = Annotated[Decimal, Field(ge=0, le=1_000_000_000_000)]


class ScaleTable(Table):
    """A number of the file that moves with the magnitude, along a straight line."""

    key: Annotated[Text, Field(description="Its key path, as in index.knots.3.price_rub.")]
    at_least: Annotated[Decimal, Field(description="The number at the least magnitude.")]
    at_most: Annotated[Decimal, Field(description="The number at the largest magnitude.")]


class MagnitudeTable(Table):
    """How strong the shock is: where the file stands, between which bounds it may be varied, and in which steps."""

    what: Annotated[Text, Field(description="What is measured, in words: the fall of the price.")]
    unit: Annotated[Text, Field(description="In what: %, RUB.")]
    stands_at: Annotated[Strength, Field(description="The magnitude of the file as it stands.")]
    least: Strength = Decimal(0)
    most: Strength
    step: Annotated[Strength, Field(gt=0, description="The smallest difference that matters.")]
    scales: Annotated[tuple[ScaleTable, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_room(self) -> "MagnitudeTable":
        if not self.least < self.most:
            raise fault(f"is {self.most}, not above the least, {self.least}", "raise it", at="most")
        if not self.least <= self.stands_at <= self.most:
            raise fault(
                f"is {self.stands_at}, outside {self.least} to {self.most}", "widen them", at="stands_at"
            )
        if (self.most - self.least) % self.step or (self.most - self.least) / self.step > MOST_STEPS:
            raise fault(
                f"is {self.step}, of which {self.least} to {self.most} is no whole number up to {MOST_STEPS:,}",
                "choose another step",
                at="step",
            )
        return self

    @property
    def steps(self) -> int:
        """How many steps there are from the least to the largest magnitude."""
        return int((self.most - self.least) / self.step)

    def in_words(self) -> str:
        """ "the fall of the price, 37.5 %, from 0 to 80 in steps of 0.5"."""
        stands, least, most, step = map(plain, (self.stands_at, self.least, self.most, self.step))
        return f"{self.what}, {stands} {self.unit}, from {least} to {most} in steps of {step}"

    def after(self, steps: int) -> Decimal:
        """The magnitude so many steps above the least."""
        return self.least + steps * self.step

    def numbers_at(self, magnitude: Decimal) -> dict[str, int | Decimal]:
        """What stands under each key at that magnitude, to two decimals."""
        part = (magnitude - self.least) / (self.most - self.least)
        return {
            scale.key: plain(round(scale.at_least + (scale.at_most - scale.at_least) * part, 2))
            for scale in self.scales
        }

    def check_against(self, numbers: Mapping[str, Number | None]) -> None:
        """Raises a fault unless the file, whose numbers these are, is what the lines say at `stands_at`."""
        for place, (key, expected) in enumerate(self.numbers_at(self.stands_at).items(), 1):
            at = f"magnitude.scales.{place}"
            stands = numbers.get(key)
            if stands is None:
                near = closest(key, [path for path, number in numbers.items() if number is not None])
                remedy = f"the nearest that is valid is “{near}”" if near else "name one of its numbers"
                raise fault(f"is “{key}”, which is no number of this file", remedy, at=f"{at}.key")
            if plain(stands) != expected:
                raise fault(
                    f"gives {expected} for {key} at {self.stands_at}, where the file says {plain(stands)}",
                    "correct at_least, at_most or stands_at",
                    at=at,
                )


class Scaled(NamedTuple):
    """A scenario as it is named, and the magnitude at which it is to be run; None: as it stands."""

    scenario: str
    magnitude: Decimal | None

    @property
    def suffix(self) -> str:
        return "" if self.magnitude is None else f"{AT}{typed(self.magnitude)}"


def scaled(name: str) -> Scaled:
    """ "gap_move@20" in its two parts. A sign in the path of a file is none of ours. Raises ConfigurationError."""
    found = re.fullmatch(rf"(.+){AT}([^{AT}/]+)", name, re.DOTALL)
    if found is None or name.endswith(".toml") or Path(name).is_file():
        return Scaled(name, None)
    return Scaled(found[1], number_in(found[2], "magnitude", f"“{name}”"))


def at_magnitude(
    tables: Mapping[str, Any], table: MagnitudeTable | None, magnitude: Decimal, file: str
) -> dict[str, Any]:
    """The tables of the scenario with its shock of that strength. Raises ConfigurationError."""
    if table is None:
        raise ConfigurationError(
            file, "magnitude", "is missing, so nobody knows what is to be scaled", "add a table [magnitude]"
        )
    if not table.least <= magnitude <= table.most:
        raise ConfigurationError(
            file,
            "magnitude",
            f"must lie between {plain(table.least)} and {plain(table.most)} {table.unit}, but is {plain(magnitude)}",
            "choose one in between, or change the bounds in the file",
        )
    changed = with_number(tables, "magnitude.stands_at", magnitude)
    for key, number in table.numbers_at(magnitude).items():
        changed = with_number(changed, key, number)
    return changed

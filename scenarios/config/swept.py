"""A regime or a scenario with one of its numbers changed. Such a regime is another, whose number is an assumption and
says so; such a scenario is the same, at another size."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from scenarios.config.numbers import Number, leaf_of, number_in, spoken, typed, unit_of, with_number, words_of
from scenarios.config.reading import ConfigurationError

_CHANGES = re.compile(r"(.*)\[([^\[\]]*=[^\[\]]*)\]", re.DOTALL)
APART = ";"  # between two changes


class Change(NamedTuple):
    """A number that is put in the place of a file's own, under a key path, or a short form of one."""

    key: str
    value: Decimal

    @property
    def typed(self) -> str:
        return f"{self.key}={typed(self.value)}"


def parted(name: str) -> tuple[str, tuple[Change, ...]]:
    """ "NAME[KEY=VALUE;KEY=VALUE]" as the regime or scenario and what is changed of it. Raises ConfigurationError."""
    found = _CHANGES.fullmatch(name)
    if found is None:
        return name, ()
    return found[1], tuple(_change(part, name) for part in found[2].split(APART))


def _change(text: str, name: str) -> Change:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not key or not equals:
        raise ConfigurationError(
            f"“{name}”", "", f"has “{text}” in brackets", "write KEY=VALUE, and “;” between two"
        )
    return Change(key, number_in(value, key, f"“{name}”"))


def named(name: str, changes: tuple[Change, ...]) -> str:
    """The regime or scenario as it is named with those changes, so that a run can be given it."""
    return f"{name}[{APART.join(change.typed for change in changes)}]" if changes else name


def in_brackets(changes: tuple[Change, ...], of: str = "") -> str:
    """For people: "[assets_min=24,000,000]". Nothing for no change. `of` stands before each: "scenario."."""
    leaves = [leaf_of(change.key) for change in changes]
    told = [
        f"{of}{leaf if leaves.count(leaf) == 1 else change.key}={spoken(change.value)}"
        for leaf, change in zip(leaves, changes, strict=True)
    ]
    return f"[{', '.join(told)}]" if told else ""


def in_words(key: str, number: Number) -> str:
    """What a title says of a number: "cooling off 24 hours", "extreme moves #2 45%"."""
    (about, member), value, unit = words_of(key), spoken(number), unit_of(key)
    told = f"{value}{unit}" if unit == "%" else f"{value} {unit}".strip()
    return f"{about} #{member} {told}" if member else f"{about} {told}"


def swept(tables: Mapping[str, Any], change: Change, own: object) -> dict[str, Any]:
    """The tables of the regime in which the number stands under that key, a whole path, in the place of its `own`.

    It is a thought experiment then, and nobody vouches for the number: sources that did do so no more.
    """
    title, bracket, rest = str(tables.get("title")).partition(" (")
    leaf, value, words = leaf_of(change.key), spoken(change.value), in_words(change.key, change.value)
    stands = "says nothing of it" if own is None else f"says {spoken(Decimal(str(own)))}"
    return with_number(tables, change.key, change.value) | {
        "id": f"{tables.get('id')}_{leaf}_{re.sub('[^0-9a-z]+', '_', value.lower().replace(',', ''))}",
        "title": f"{title}, {words}{bracket}{rest}",
        "status": "counterfactual",
        "sources": [
            one | {"keys": [key for key in one.get("keys", []) if key != change.key]}
            for one in tables.get("sources", [])
        ],
        "assumptions": [
            *(one for one in tables.get("assumptions", []) if one.get("key") != change.key),
            {
                "key": change.key,
                "reason": f"Swept over several values, to see what it does; the regime as it stands {stands}.",
            },
        ],
    }


def outside_brackets(text: str, sign: str) -> list[str]:
    """The parts between the signs, of which those in brackets separate nothing."""
    return re.split(rf"{re.escape(sign)}(?![^\[]*\])", text)

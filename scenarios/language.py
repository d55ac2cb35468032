"""In which language results are told: messages by one catalogue, and numbers as its readers write them.

A message is written in English where it is used, inside `_`, and looked up in `translations/LANGUAGE.po`. What the
catalogue does not have stays as it is. Babel has its only home here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import NamedTuple


class Tongue(StrEnum):
    """The languages that there are, by the codes that the `lang` of a page knows."""

    ENGLISH = "en"
    RUSSIAN = "ru"


class Language(NamedTuple):
    """`group` stands between thousands."""

    code: Tongue
    decimal: str
    group: str
    messages: NullTranslations


_PLAIN_ENGLISH = Language(Tongue.ENGLISH, ".", ",", NullTranslations())
_SPOKEN: ContextVar[Language] = ContextVar("spoken", default=_PLAIN_ENGLISH)


@contextmanager
def speaking(code: Tongue) -> Iterator[None]:
    """Tell everything in that language meanwhile."""
    before = _SPOKEN.set(_language(code))
    try:
        yield
    finally:
        _SPOKEN.reset(before)


def spoken_language() -> Language:
    return _SPOKEN.get()


@cache
def _language(code: Tongue) -> Language:
    if code is Tongue.ENGLISH:
        return _PLAIN_ENGLISH
    from babel import Locale
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    symbols = Locale(code).number_symbols["latn"]
    compiled = BytesIO()
    with (files("scenarios") / "translations" / f"{code}.po").open("rb") as catalogue:
        write_mo(compiled, read_po(catalogue, locale=code))
    compiled.seek(0)
    group = str(symbols["group"]).replace("\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}")
    return Language(code, str(symbols["decimal"]), group, GNUTranslations(compiled))


def _(message: str) -> str:
    """The message in the language that is spoken."""
    return _SPOKEN.get().messages.gettext(message) if message else ""


def N_(message: str) -> str:  # noqa: N802 - the sign of gettext for what is translated where it is shown
    """Marks a message that is kept, and looked up only when it is told."""
    return message


def plural(number: int, one: str, many: str) -> str:
    """The form for the number, which stands in it as `{n}`: "1 run", "1,200 runs"."""
    return _SPOKEN.get().messages.ngettext(one, many, number).format(n=numeral(f"{number:,}"))


def numeral(digits: str) -> str:
    """A number in English digits, "−1,234.5", as it is written in the language that is spoken."""
    language = _SPOKEN.get()
    return digits.translate({ord(","): language.group, ord("."): language.decimal})


_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def retold(text: str) -> str:
    """A text that others have put together: looked up with its numbers as `{0}`, `{1}`, which are then put back."""
    pattern, numbers = without_numbers(text)
    known = _(pattern)
    return text if known == pattern else known.format(*map(numeral, numbers))


def without_numbers(text: str) -> tuple[str, list[str]]:
    """ "at least 12,000,000 RUB" as the catalogue has it, "at least {0} RUB", and the numbers that stood in it."""
    numbers: list[str] = []

    def noted(found: re.Match[str]) -> str:
        numbers.append(found[0])
        return f"{{{len(numbers) - 1}}}"

    return _NUMBER.sub(noted, text.replace("{", "{{").replace("}", "}}")), numbers

"""In which language results are told: messages by one catalogue, and numbers as its readers write them.

A message is written in English where it is used, inside `_`, and looked up in `translations/LANGUAGE.po`. What the
catalogue does not have stays as it is. Babel has its only home here.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
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


_NAMES = {Tongue.ENGLISH: "English", Tongue.RUSSIAN: "Russian"}


class LanguageError(Exception):
    """A language that nothing is told in, as a sentence that names those that there are."""


def tongue(code: str) -> Tongue:
    """The language of that code. Raises LanguageError."""
    try:
        return Tongue(code)
    except ValueError:
        known = " and ".join(f"{one.value} ({name})" for one, name in _NAMES.items())
        raise LanguageError(f"nothing is told in the language “{code}”; there are {known}.") from None


class Language(NamedTuple):
    """`group` stands between thousands. `form` is the form that a noun takes after a number, by the name that CLDR's
    plural rules give it; the decimals that are written count, so that 1 and 1.0 may differ."""

    code: Tongue
    decimal: str
    group: str
    messages: NullTranslations
    form: Callable[[Decimal], str]


def _english_form(number: Decimal) -> str:
    return "one" if str(number) == "1" else "other"


_PLAIN_ENGLISH = Language(Tongue.ENGLISH, ".", ",", NullTranslations(), _english_form)
_SPOKEN: ContextVar[Language] = ContextVar("spoken", default=_PLAIN_ENGLISH)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Tell everything in that language meanwhile. Raises LanguageError for a code that there is not."""
    before = _SPOKEN.set(_language(tongue(code)))
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

    locale = Locale(code)
    symbols = locale.number_symbols["latn"]
    compiled = BytesIO()
    with (files("scenarios") / "translations" / f"{code}.po").open("rb") as catalogue:
        write_mo(compiled, read_po(catalogue, locale=code))
    compiled.seek(0)
    group = str(symbols["group"]).replace("\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}")
    messages = GNUTranslations(compiled)
    return Language(code, str(symbols["decimal"]), group, messages, locale.plural_form)


def _(message: str) -> str:
    """The message in the language that is spoken."""
    return _SPOKEN.get().messages.gettext(message) if message else ""


def N_(message: str) -> str:  # noqa: N802 - the sign of gettext for what is translated where it is shown
    """Marks a message that is kept, and looked up only when it is told."""
    return message


def plural(number: int, one: str, many: str) -> str:
    """The form for the number, which stands in it as `{n}`: "1 run", "1,200 runs"."""
    return _SPOKEN.get().messages.ngettext(one, many, number).format(n=numeral(f"{number:,}"))


def forms(one: str, many: str) -> tuple[str, str]:
    """Marks a message with its plural that is kept, and looked up by `counted_as` only when it is told."""
    return one, many


_OF_THAT_FORM = {"zero": 0, "one": 1, "two": 2, "few": 2, "many": 5, "other": 2}
"""A whole number after which a noun takes the form, for a catalogue, which knows whole numbers only. A fraction (CLDR's
"other" in Russian) takes the genitive singular, as two, three and four do: "1,5 секунды"."""


def counted_as(number: str, one: str, many: str) -> str:
    """The form for a number as it is written in the language that is spoken, which stands in it as `{n}`:
    "1,5 секунды", "5 секунд", "12,3 тыс. сделок". Of several numbers, "1 to 5", the last decides."""
    language = _SPOKEN.get()
    last = re.search(rf"(\d[\d{language.group}]*)(?:{re.escape(language.decimal)}(\d+))?$", number)
    if last is None:
        form = "many"  # of thousands or millions
    else:
        whole, decimals = last[1].replace(language.group, ""), last[2]
        form = language.form(Decimal(f"{whole}.{decimals}" if decimals else whole))
    return language.messages.ngettext(one, many, _OF_THAT_FORM[form]).format(n=number)


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

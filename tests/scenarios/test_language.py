"""Every text of a report has its translation, and a Russian report is Russian."""

import json
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from scenarios.config.numbers import UNITS
from scenarios.config.regime_file import load_regime, regime_numbers, regime_tables
from scenarios.language import LanguageError, Tongue, _, plural, retold, speaking
from scenarios.measures import MEASURES
from scenarios.report import background_of, keep_report, render
from scenarios.report.background import title_in_words
from scenarios.wording import COUNTED, number_named, percent, spanned, with_unit, written
from tests.scenarios.messages import Message, all_messages, catalogue, missing
from tests.scenarios.test_report import Told, figures_of, told

__all__ = ["told"]  # the fixture

THIN = "\N{NARROW NO-BREAK SPACE}"
NAMES = {
    "Ringfence",
    "MiFID",
    "Cover",
}  # beside ids, which stand as code, and names of sources, which are cited
IDS = {"qualified", "qualified_by_test"}  # of classes in the made-up runs, which no regime has
NAMES_OF_THINGS = ("code", "pre", "cite", "script", "style")


class Texts(HTMLParser):
    """What a page says: its texts and the labels of its parts, without what is a name by its form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self._open.append(tag)
        self.texts += [value for name, value in attrs if name in ("aria-label", "title", "alt") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and not set(self._open) & set(NAMES_OF_THINGS):
            self.texts.append(" ".join(data.split()))


def said_by(plot: Any) -> Iterator[str]:
    """The texts of a chart: titles, marks, notes, and what is shown under the pointer."""
    if isinstance(plot, dict):
        for key, value in plot.items():
            told = key in ("text", "hovertemplate", "ticktext", "customdata", "name", "ticksuffix")
            yield from _strings(value) if told else said_by(value)
    elif isinstance(plot, list):
        for value in plot:
            yield from said_by(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield re.sub(r"<[^>]*>|%\{[^}]*\}", "", value)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    else:
        yield from said_by(value)


def english(text: str) -> list[str]:
    """The Latin words in it that are no name: abbreviations in capitals are names."""
    words = re.findall(r"[A-Za-z][A-Za-z_.]*", text)
    return [word for word in words if not word.isupper() and word not in NAMES | IDS]


@pytest.fixture(scope="module")
def russian(told: Told) -> str:
    with speaking(Tongue.RUSSIAN):
        return render(told.findings, told.comparison, background_of(told.comparison)).page


def test_no_message_lacks_its_translation() -> None:
    absent = missing()
    assert not absent, (
        f"{len(absent)} messages have no Russian in scenarios/translations/ru.po; "
        f"`python -m tests.scenarios.messages` prints them: {absent[:5]}"
    )


def test_a_translation_has_the_places_and_the_marks_of_its_message() -> None:
    known = catalogue()
    for message in all_messages():
        singular, told = (message, message) if isinstance(message, str) else (message[0], message[-1])
        found = known.get(singular)
        assert found is not None
        for words in (found.string,) if isinstance(found.string, str) else found.string:
            assert _places(words) == _places(told), message
            assert re.findall(r"<[^>]*>", words) == re.findall(r"<[^>]*>", told), message
            assert re.findall("`[^`]*`", words) == re.findall("`[^`]*`", told), message


def _places(message: str) -> set[str]:
    return {name for _text, name, _form, _conversion in string.Formatter().parse(message) if name}


def test_a_russian_page_says_nothing_in_english(russian: str) -> None:
    texts = [*Texts(russian).texts]
    for plot in figures_of(russian).values():
        texts += said_by(plot)
    assert len(texts) > 500
    assert {text: words for text in texts if (words := english(text))} == {}
    assert '<html lang="ru">' in russian


def test_english_on_a_page_would_be_noticed(told: Told) -> None:
    assert any(english(text) for text in Texts(told.page()).texts)
    assert english("Cover 1, ESMA, BTC и Ringfence") == []
    assert english("доля by chance") == ["by", "chance"]


def test_both_languages_tell_the_same_numbers(told: Told, russian: str) -> None:
    plots = figures_of(told.page()), figures_of(russian)
    drawn = [
        {name: [trace.get("x") for trace in plot["data"]] for name, plot in one.items()} for one in plots
    ]
    assert drawn[0] == drawn[1]


def test_a_language_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    for code in ("de", "", "RU", "ru_RU"):
        with (
            pytest.raises(
                LanguageError, match=re.escape(f"“{code}”; there are en (English) and ru (Russian).")
            ),
            speaking(code),
        ):
            pass
    with speaking("ru"):
        assert percent(61.0) == f"61,0{THIN}%"


def test_numbers_are_written_as_russians_write_them() -> None:
    assert written(1_250.0, 7.5) == ["1,250", "8"]
    with speaking(Tongue.RUSSIAN):
        assert written(1_250.0, 7.5) == [f"1{THIN}250", "8"]
        assert written(12_345_678.0) == ["12,3 млн"]
        assert written(-0.5, signed=True) == ["−0,500"]
        assert percent(61.0) == f"61,0{THIN}%"
    assert percent(61.0) == "61.0%"  # and afterwards it is English again


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1 прогон"), (2, "2 прогона"), (5, "5 прогонов"), (11, "11 прогонов"), (21, "21 прогон")],
)
def test_nouns_follow_their_numbers(number: int, words: str) -> None:
    with speaking(Tongue.RUSSIAN):
        assert plural(number, "{n} run", "{n} runs") == words


@pytest.mark.parametrize(
    ("number", "unit", "words"),
    [
        (1.5, "seconds", "1,50 секунды"),
        (1.0, "minutes", "1,00 минуты"),  # its decimals are written, so it is a fraction
        (21.0, "participants", "21,0 участника"),
        (101.0, "trades", "101 сделка"),
        (102.0, "trades", "102 сделки"),
        (111.0, "trades", "111 сделок"),
        (1_204.0, "trades", f"1{THIN}204 сделки"),
        (-1_221.0, "orders", f"−1{THIN}221 заявка"),
        (12_345.0, "trades", "12,3 тыс. сделок"),
        (0.0, "halts", "0 остановок"),
        (2.4, "times", "2,40 раза"),
        (2.4, "bp", f"2,40 б.{THIN}п."),
        (float("nan"), "seconds", "–"),
    ],
)
def test_units_follow_their_numbers(number: float, unit: str, words: str) -> None:
    with speaking(Tongue.RUSSIAN):
        assert with_unit(written(number)[0], unit) == words


def test_of_a_range_the_last_number_decides() -> None:
    with speaking(Tongue.RUSSIAN):
        assert with_unit(spanned(*written(10, 100)), "orders per trade").endswith("100 заявок на сделку")
        assert with_unit(spanned("1", "1,5"), "hours").endswith("1,5 часа")


def test_english_has_its_singular() -> None:
    told = [with_unit(number, "hours") for number in ("1", "1.0", "1.5", "24", "1,001", "12.3k")]
    assert told == ["1 hour", "1.0 hours", "1.5 hours", "24 hours", "1,001 hours", "12.3k hours"]


def test_a_unit_that_is_a_noun_has_its_forms() -> None:
    """What has none is an abbreviation, the same after every number."""
    units = {measure.unit for measure in MEASURES} | {*UNITS.values()}
    assert units - {*COUNTED, "%", "ratio"} == {
        "% a year", "HHI", "RUB", "RUB per RUB", "bp", "bp per RUB m", "ppb",
    }  # fmt: skip


def test_whatever_can_be_swept_is_named_in_russian() -> None:
    numbers = regime_numbers(regime_tables("ru_open_counterfactual"), "ru_open_counterfactual")
    with speaking(Tongue.RUSSIAN):
        assert {key: words for key in numbers if (words := english(number_named(key)))} == {}
        swept = load_regime(
            "ru_elr_super_2025[classes.super_individual.caps.share_of_assets_percent=20]"
        ).title
        assert "доля активов 20" in title_in_words(swept)
        harsher = load_regime(
            "ru_derivs_qual_2025+risk[clearing.scenarios.extreme_moves_percent.2=45;call_deadline_seconds=61]"
        ).title
        assert (
            f"чрезвычайные движения № 2 45{THIN}%, срок исполнения требования 61 секунда"
            in title_in_words(harsher)
        )
    assert (
        number_named("classes.retail.cooling_off_hours") == "cooling off"
    )  # the unit stands behind its number


def test_a_text_that_others_put_together_keeps_its_numbers() -> None:
    with speaking(Tongue.RUSSIAN):
        assert retold("assets of at least 12,000,000 RUB") == f"активы не менее 12{THIN}000{THIN}000 руб."
        assert retold("of 3 kinds, {braces}") == "of 3 kinds, {braces}"  # unknown: as it was
    assert retold("assets of at least 12,000,000 RUB") == "assets of at least 12,000,000 RUB"


def test_what_nobody_has_translated_stays_as_it_is() -> None:
    with speaking(Tongue.RUSSIAN):
        assert _("A regime of my own") == "A regime of my own"
        assert _("") == ""


def test_both_reports_may_lie_in_one_folder(told: Told) -> None:
    with speaking(Tongue.RUSSIAN):
        path = keep_report(told.findings, told.comparison, background_of(told.comparison))
    assert path.name == "report.ru.html"
    charts = json.loads((told.comparison.folder / "charts.ru.json").read_text())
    assert charts["let_in"]["rows"][0][0] == "1 (самые бедные)"


def test_english_asks_nothing_of_babel() -> None:
    code = "import sys, scenarios.wording, scenarios.report.page; assert 'babel' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_messages_are_those_of_the_code_and_of_the_files() -> None:
    messages: list[Message] = all_messages()
    for known in (
        "The answer",  # of the template
        ("{n} run", "{n} runs"),  # with its plural
        "mean result of the investors who traded",  # a measure's formula
        "Derivatives for qualified investors",  # a regime's title
        "at least {0} deals a quarter",  # put together elsewhere
    ):
        assert known in messages
    assert len(messages) == len(set(messages))

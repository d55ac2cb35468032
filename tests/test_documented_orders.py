"""Every example of docs/orders.md prints what the page says, and the page names every word of the market."""

import doctest
import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from exchange.reasons import RejectReason
from exchange.units import HOUR
from matching.phases import Phase
from matching.refusals import Refusal
from matching.terms import Allocation, PostOnly, SelfTradePrevention, TimeInForce
from matching.triggers import PriceSource
from tests.builders import ANN, BOB, BTCF, CLOSES, CYD, OPENS, Venue, future

PAGE = (Path(__file__).parents[1] / "docs" / "orders.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
SETTING_UP = [block for block in BLOCK.findall(PAGE) if ">>>" not in block]
EXAMPLES = {
    section.splitlines()[0]: block
    for section in PAGE.split("\n## ")[1:]
    for block in BLOCK.findall(section)
    if ">>>" in block
}


def names_of_the_page() -> dict[str, Any]:
    """What every example may use: an exchange with three people in it, and what the page sets up."""
    venue = Venue(future(protection_bp=100, expiry=CLOSES + HOUR))
    for name in (ANN, BOB, CYD):
        venue.admit(name)
    venue.quote(800_000_000)
    names: dict[str, Any] = {"exchange": venue.exchange, "opens": OPENS, "FUTURE": BTCF}
    for block in SETTING_UP:
        exec(block, names)
    return names


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_prints_what_the_page_says(heading: str) -> None:
    example = doctest.DocTestParser().get_doctest(EXAMPLES[heading], names_of_the_page(), heading, None, None)
    told: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    assert runner.run(example, out=told.append).failed == 0, "".join(told)


def test_every_section_has_its_example() -> None:
    sections = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert [section for section in sections if section not in EXAMPLES] == []
    assert BLOCK.findall(PAGE) == [*SETTING_UP, *EXAMPLES.values()]


@pytest.mark.parametrize(
    "words",
    [TimeInForce, PostOnly, SelfTradePrevention, Allocation, PriceSource, Phase, Refusal, RejectReason],
)
def test_the_page_names_every_word_of_the_market(words: type[StrEnum]) -> None:
    named = set(re.findall(r"`([^`\n]+)`", PAGE))
    assert {word.value for word in words} - named == set()


def test_the_table_of_refusals_has_each_of_them_once() -> None:
    table = PAGE.split("\n## Every refusal\n")[1]
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\|[^|]+\|$", table, re.MULTILINE)
    assert sorted(rows) == sorted({reason.value for reason in (*Refusal, *RejectReason)})

"""The documentation names things that exist, leaves none out, and links to nowhere but to files."""

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from pkgutil import resolve_name

import pytest

from exchange.events import InstructionState, PriceRule
from exchange.reasons import (
    AccessRefusal,
    CashRefusal,
    NoteRefusal,
    RejectReason,
    SettlementRefusal,
)
from exchange.rules.admission import ADMISSION

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OURS = ("matching", "exchange", "participants", "scenarios")
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

QUOTED = re.compile(r"`([^`\n]+)`")
DOTTED = re.compile(rf"(?:{'|'.join(OURS)})(?:\.\w+)+")
LINK = re.compile(r"\]\(([^)\s]+)\)")
LISTED = re.compile(r"( *)(\w+/|[\w.]+\.\w+)(?:  +\S.*|)")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def quoted(page: Path) -> list[str]:
    return QUOTED.findall(text_of(page))


def named_functions(page: Path) -> list[str]:
    return [name for name in quoted(page) if DOTTED.fullmatch(name)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_function_that_is_named_exists(page: Path) -> None:
    for name in named_functions(page):
        resolve_name(name)  # raises ImportError or AttributeError, which name what is missing


def test_every_rule_in_the_rulebook_has_its_function() -> None:
    assert len(set(named_functions(DOCS / "rulebook.md"))) > 50


@pytest.mark.parametrize(
    "reasons",
    [RejectReason, AccessRefusal, CashRefusal, NoteRefusal, SettlementRefusal, PriceRule, InstructionState],
)
def test_the_rulebook_tells_every_reason(reasons: type[StrEnum]) -> None:
    told = quoted(DOCS / "rulebook.md")
    assert [reason.value for reason in reasons if reason.value not in told] == []


def test_the_rulebook_lists_the_rules_of_admission_in_their_order() -> None:
    rules = [f"{rule.__module__}.{rule.__name__}" for rule in ADMISSION]
    admission = text_of(DOCS / "rulebook.md").split("\n## 4. ")[1].split("\n## ")[0]
    rows = [line for line in admission.splitlines() if re.match(r"\| \d+ \|", line)]
    named = dict.fromkeys(name for row in rows for name in QUOTED.findall(row) if name in rules)
    assert list(named) == rules


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(text_of(page)):
        if not re.match(r"\w+:|#", target):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_that_is_named_exists(page: Path) -> None:
    for name in quoted(page):
        if re.fullmatch(r"docs/[\w./-]+\.md", name):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def listed_files() -> Iterator[str]:
    """The files of the code map: indented under their folder, each with its one line."""
    for block in re.findall(r"```\n(.*?)```", text_of(DOCS / "architecture.md"), re.DOTALL):
        if not block.startswith(tuple(f"{package}/" for package in OURS)):
            continue
        folders: list[str] = []
        for line in block.splitlines():
            entry = LISTED.fullmatch(line)
            assert entry is not None, f"the code map has a line that is neither a folder nor a file: {line}"
            depth = len(entry[1]) // 2
            folders[depth:] = [entry[2]]
            if not entry[2].endswith("/"):
                yield "".join(folders)


def test_the_code_map_names_every_module_and_no_other() -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in OURS
        for path in (ROOT / package).rglob("*.py")
        if path.stat().st_size and path.name != "__init__.py"
    }
    listed = list(listed_files())
    assert len(listed) == len(set(listed))
    assert modules - set(listed) == set(), "the code map of docs/architecture.md does not name these"
    for name in listed:
        assert (ROOT / name).exists(), f"docs/architecture.md names {name}, which is not there"


def test_every_decision_has_a_number_of_its_own() -> None:
    """And says it: so a decision is cited by its number alone."""
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [int(page.name.split("-")[0]) for page in decisions]
    assert numbers == list(range(1, len(decisions) + 1))
    assert all(page.read_text().startswith(f"# {page.name.split('-')[0]} ") for page in decisions)


WALKS = (*(ROOT / "exchange").glob("*audit.py"), *(ROOT / "exchange").glob("c*/*.py"))


def test_every_invariant_is_listed_once_and_walked_by_name() -> None:
    every = list(range(1, 52))
    listed = re.findall(r"^\| I-(\d+) \|.*\| (\S+) \|$", text_of(DOCS / "invariants.md"), re.MULTILINE)
    assert [int(number) for number, _ in listed] == every
    told = {
        int(number)
        for page in WALKS
        for number in re.findall(r"[\"]I-(\d+)[ :\"]", text_of(page))  # a sentence, not a docstring
    }
    assert told == set(every)

"""The list of measures: complete, described, safe on any record, and the same in the documentation."""

import math
import re
import warnings
from pathlib import Path

import pytest

from exchange.instruments import ContractKind
from scenarios.measures import MEASURES, measure_run, measures_table, money_cost, movement
from scenarios.measures.measure import SIGNED
from tests.scenarios.measures.made import Story, a_listing, a_profile, admitted, depth, index, prices

DOCUMENT = Path(__file__).parents[3] / "docs" / "measures.md"


def test_there_are_enough_of_each_group() -> None:
    groups = [measure.group for measure in MEASURES]
    assert len(MEASURES) >= 28
    assert len(set(groups)) == 8
    assert min(groups.count(group) for group in groups) >= 3


def test_every_measure_has_its_own_name_and_says_what_it_is() -> None:
    names = [measure.name for measure in MEASURES]
    assert len(set(names)) == len(names)
    for measure in MEASURES:
        assert measure.title and measure.unit and measure.formula and measure.published_by
        assert measure.better in ("higher", "lower", None)


def test_every_measure_is_reckoned_by_hand() -> None:
    """Somewhere in this folder: under its own name, or as one of a family that is looked at class by class."""
    texts = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    families = ("money_cost", "money_not_there")
    of_families = {f"{family}_{holders.name}" for family in families for holders in money_cost.CLASSES}
    by_name = {measure.name for measure in MEASURES} - of_families - {one.name for one in movement.MEASURES}
    assert [name for name in sorted(by_name) if not re.search(rf"\b{name}\b", texts)] == []


@pytest.mark.parametrize(
    "story",
    [
        Story(),
        Story().at(0, a_listing()),
        Story().at(0, a_listing("CALL", kind=ContractKind.CALL, strike=80_000)),
        Story().at(0, index(80_000)),
        Story().trade(1, "ann", "bob", 1, 80_000).at(2, a_listing()),  # listed after the fact
        Story().at(7_200, a_listing()),  # listed after the close
        Story().at(0, a_listing(), prices(0, 1), depth((0,) * 4, (0,) * 4), admitted("ann")),
        Story().at(0, a_listing(), prices(1, 1)).trade(1, "ann", "ann", 1, 1),
    ],
)
def test_any_record_gives_numbers_without_a_warning(story: Story) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for population in ([], [a_profile("ann", assets_rub=0)]):
            values = measure_run(story.seen(population))
            assert list(values) == [measure.name for measure in MEASURES]
            assert not any(math.isinf(value) for value in values.values())
            for measure in MEASURES:
                value = values[measure.name]
                assert math.isnan(value) or measure.span.least <= value <= measure.span.most, measure.name


def test_whatever_may_be_lost_or_won_may_be_negative() -> None:
    signed = {measure.name for measure in MEASURES if measure.span is SIGNED}
    assert {
        "result_individuals",
        "mean_result",
        "money_cost_people",
        "money_cost_house",
        "fees_earned",
    } <= signed
    assert {name for name in (m.name for m in MEASURES) if "result" in name} <= signed


def test_the_documentation_lists_what_the_code_has() -> None:
    assert measures_table() in DOCUMENT.read_text(encoding="utf-8"), (
        "docs/measures.md is out of date: put the text of scenarios.measures.measures_table() "
        "under 'All measures'"
    )

"""Concentration: one maker against three takers."""

import math

import pytest

from exchange.events import PositionTransferred, TransferCause
from matching.terms import Side
from participants.profile import Style
from scenarios.measures import RunView, concentration
from scenarios.measures.measure import Measure
from tests.scenarios.measures.made import Story, a_listing, a_profile, index


@pytest.fixture
def view() -> RunView:
    """Lots at 80,000: maker sells 5 to ann and 3 to bob; then ann, waiting, sells 2 to cat."""
    story = Story().at(0, a_listing(), index(80_000))
    story.trade(1, "ann", "maker", 5, 80_000).trade(2, "bob", "maker", 3, 80_000)
    return story.trade(3, "cat", "ann", 2, 80_000, taker=Side.BUY).seen()


@pytest.mark.parametrize(
    ("measure", "expected"),
    [  # volume: maker 8, ann 7, bob 3, cat 2 of 20
        (concentration.hhi_volume, 10_000 * (64 + 49 + 9 + 4) / 400),
        (concentration.top1_volume, 40.0),
        (concentration.top5_volume, 100.0),
        # the peak, 8 lots, is first reached after the second trade: maker 8, ann 5, bob 3 of 16
        (concentration.hhi_open_interest, 10_000 * (64 + 25 + 9) / 256),
        (concentration.top1_open_interest, 50.0),
        (concentration.top5_open_interest, 100.0),
        # provision: maker 8, ann 2 of 10
        (concentration.hhi_provision, 6_800.0),
        (concentration.top1_provision, 80.0),
        (concentration.top5_provision, 100.0),
    ],
    ids=lambda value: value.name if isinstance(value, Measure) else "",
)
def test_shares(view: RunView, measure: Measure, expected: float) -> None:
    assert measure.function(view) == pytest.approx(expected)


def test_the_five_largest_of_six() -> None:
    story = Story().at(0, a_listing(), index(80_000))
    for seller in ("a", "b", "c", "d", "e"):
        story.trade(1, "f", seller, 1, 80_000)
    assert concentration.top5_volume.function(story.seen()) == pytest.approx(90.0)


def test_without_trades_nothing_is_concentrated() -> None:
    for measure in concentration.MEASURES:
        assert math.isnan(measure.function(Story().at(0, a_listing()).seen()))


def test_professionals_are_those_who_are_not_of_the_population_or_make_markets() -> None:
    """The maker, who is in nobody's population, provided 8 of 10 lots; a member that makes markets counts too."""
    story = Story().at(0, a_listing(), index(80_000))
    story.trade(1, "ann", "maker", 8, 80_000).trade(2, "cat", "ann", 2, 80_000)
    people = [a_profile("ann"), a_profile("cat")]
    share = concentration.professional_provision.function
    assert share(story.seen(people)) == pytest.approx(80.0)
    assert share(story.seen([a_profile("ann", style=Style.MARKET_MAKER)])) == pytest.approx(100.0)


def test_a_position_is_of_whoever_holds_it_at_the_peak() -> None:
    """Ann's five lots go to bob in default management; then cat and dan trade four. Of 18 lots held at the peak the
    maker has five, bob five, cat and dan four each, and ann none."""
    story = Story().at(0, a_listing(), index(80_000)).trade(1, "ann", "maker", 5, 80_000)
    for who, lots in (("ann", -5), ("bob", 5)):
        moved = PositionTransferred(
            participant_id=who,
            instrument_id="BTC",
            lots=lots,
            price=80_000,
            cause=TransferCause.AUCTION,
            amount=0,
        )
        story.at(2, moved)
    view = story.trade(3, "cat", "dan", 4, 80_000).seen()
    assert concentration.hhi_open_interest.function(view) == pytest.approx(10_000 * (25 + 25 + 16 + 16) / 324)
    assert concentration.top1_open_interest.function(view) == pytest.approx(100 * 5 / 18)

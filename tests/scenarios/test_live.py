"""A world that somebody else's clock drives."""

from exchange.commands import PublishReferenceRate
from exchange.core import Exchange
from exchange.gateway.venue import Happened
from exchange.units import SECOND, IndexId
from scenarios.live import UNKEPT, LiveSimulation
from tests.builders import OPENS

RATE = PublishReferenceRate(index_id=IndexId("BTC_RUB"), source="press", rate=8_000_000_00)


def test_what_is_reached_only_after_a_later_command_from_outside_arrives_then() -> None:
    """Time never runs backwards, however late somebody looks."""
    simulation = LiveSimulation(Exchange(), UNKEPT, OPENS)
    simulation.play([(OPENS + SECOND, RATE)])
    simulation.put(RATE, OPENS + 2 * SECOND)
    heard: list[Happened] = []
    simulation.step(OPENS + 3 * SECOND, heard.append)
    (happened,) = heard
    assert happened.at == simulation.exchange.state.now == OPENS + 2 * SECOND + 1

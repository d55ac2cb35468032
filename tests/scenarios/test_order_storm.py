"""F23 as a whole day: every message three times, late and out of order, and not a kopeck is elsewhere."""

from dataclasses import replace

import pytest

from exchange.commands import CancelAll, NumberedRequest, PlaceOrder, RedeemCoins
from exchange.events import Event, RequestExists
from exchange.state import State
from exchange.units import SECOND, Time, WalletId
from participants.chance import Dice, generator
from scenarios.assembly import Assembled, assemble
from scenarios.config.regime_file import load_regime, with_clearing
from scenarios.config.scenario_file import load_world
from scenarios.run import let_time_pass
from scenarios.simulation import Link
from scenarios.world import LinkTerms, StormTerms
from tests.builders import ANN, BUY, RUBD
from tests.scenarios.small_worlds import Kept
from tests.scenarios.test_simulation import order

OPEN = "ru_open_counterfactual"


def a_day(clearing: str, storm: StormTerms | None) -> tuple[Kept, Assembled]:
    """The shipped storm, or the same day with another one."""
    world, regime, kept = load_world("order_storm", 8), load_regime(with_clearing(OPEN, clearing)), Kept()
    assembled = assemble(world if storm is None else replace(world, storm=storm), regime, 7, kept)
    let_time_pass(assembled.simulation, world)
    return kept, assembled


def books(state: State) -> tuple[object, ...]:
    """All that money, rights and the market are made of."""
    return (
        state.ledger.head(),
        {asset_id: coin.issuer.head() for asset_id, coin in state.holdings.items()},
        {who: (seat.state, list(seat.orders), list(seat.waiting)) for who, seat in state.seats.items()},
        (state.orders_placed, state.trades, state.calls, state.losses, state.assessments),
    )


def story(kept: Kept) -> list[tuple[Time, Event]]:
    """All that was told, but for the answers to what was there already."""
    return [(entry.time, entry.event) for entry in kept.told if not isinstance(entry.event, RequestExists)]


@pytest.mark.parametrize("clearing", ["full", "risk"])
def test_a_storm_changes_nothing_and_is_told_of_each_repeat(clearing: str) -> None:
    """Repeats that come before anything else, and repeats that are overtaken by what was sent seconds later."""
    calm, calm_day = a_day(clearing, StormTerms())
    for storm in (None, StormTerms(repeats=1), StormTerms(repeats=4, spacing=3 * SECOND)):
        stormy, day = a_day(clearing, storm)
        assert books(day.simulation.exchange.state) == books(calm_day.simulation.exchange.state)
        assert story(stormy) == story(calm)
        sent = [command for _, command in calm.commands if isinstance(command, PlaceOrder)]
        told = [event for event in stormy.events(RequestExists) if event.request == "PlaceOrder"]
        times = load_world("order_storm").storm.repeats if storm is None else storm.repeats
        assert len(told) == times * len(sent) > 100
    assert calm.events(RequestExists) == []


def test_the_shipped_storm_sends_each_message_three_times() -> None:
    world = load_world("order_storm")
    slowest = world.public_link.fixed_ns + world.public_link.jitter_ns
    assert world.storm.repeats == 2 and world.storm.spacing > 10 * slowest


def test_a_line_repeats_requests_alone_and_under_one_number() -> None:
    storm = StormTerms(repeats=2, spacing=5)
    link = Link(LinkTerms(0, 0), Dice(generator(1, "line")), storm)
    placed = order(ANN, BUY, 80_000, client_order_id=4)
    assert link.copies(placed, 100) == [(100, placed), (105, placed), (110, placed)]
    first, second, _ = (command for _, command in link.copies(CancelAll(participant_id=ANN), 100))
    assert isinstance(first, NumberedRequest) and first == second and first.request_id == 1
    ((_, other), *_) = link.copies(CancelAll(participant_id=ANN), 100)
    assert isinstance(other, NumberedRequest) and other.request_id == 2
    redeem = RedeemCoins(asset_id=RUBD, wallet_id=WalletId("w"), amount=1)
    assert link.copies(redeem, 100) == [(100, redeem)]  # to the issuer, who numbers nothing

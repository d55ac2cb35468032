"""F25, gridlock: three banks each owe the next what they are owed by the last, and none can begin."""

from exchange.access.regime import Regime
from exchange.commands import RunSettlementCycle, SettlementModel
from exchange.events import Event, InstructionRecycled, InstructionSettled, SettlementCycleCompleted
from tests.builders import ANN, BOB, BOTH_MODES, CYD, Venue, of_kind
from tests.exchange.test_settlement import agree, cash

ROUND = ((ANN, BOB, 100), (BOB, CYD, 105), (CYD, ANN, 100))


def a_ring(regime: Regime) -> Venue:
    """Each has ten, and owes about a hundred."""
    venue = Venue(regime=regime)
    for name in (ANN, BOB, CYD):
        venue.admit(name, 10)
    for payer, payee, amount in ROUND:
        agree(venue, payer, payee, amount)
    return venue


def run(venue: Venue, model: SettlementModel) -> list[Event]:
    return venue.tell(RunSettlementCycle(model=model))


@BOTH_MODES
def test_one_by_one_nobody_can_begin(regime: Regime) -> None:
    venue = a_ring(regime)
    events = run(venue, SettlementModel.DVP_1)
    assert of_kind(events, InstructionSettled) == []
    late = of_kind(events, InstructionRecycled)
    assert [event.failing_id for event in late[::2]] == [ANN, BOB, CYD]


@BOTH_MODES
def test_net_all_three_are_paid_with_five(regime: Regime) -> None:
    """305 change hands; only Bob's five, owed to Cyd in net, have to be there."""
    venue = a_ring(regime)
    run(venue, SettlementModel.DVP_1)
    events = run(venue, SettlementModel.DVP_3)
    (sheet,) = of_kind(events, SettlementCycleCompleted)
    (figures,) = sheet.assets
    assert (sheet.settled, sheet.recycled) == (3, 0)
    assert (figures.gross, figures.bilateral, figures.multilateral) == (305, 305, 5)
    assert figures.liquidity_peak == 5 and figures.efficiency_ppm == 983_606
    assert [cash(venue, name) for name in (ANN, BOB, CYD)] == [10, 5, 15]


@BOTH_MODES
def test_one_who_cannot_pay_even_net_breaks_the_ring_for_itself_and_its_neighbours(regime: Regime) -> None:
    venue = Venue(regime=regime)
    for name in (ANN, BOB, CYD):
        venue.admit(name, 4)
    for payer, payee, amount in ROUND:
        agree(venue, payer, payee, amount)
    (sheet,) = of_kind(run(venue, SettlementModel.DVP_3), SettlementCycleCompleted)
    assert (sheet.settled, sheet.recycled) == (0, 3)
    assert [cash(venue, name) for name in (ANN, BOB, CYD)] == [4, 4, 4]

"""The invariants of settlement: each is broken by hand, once, and must be named."""

from collections.abc import Callable

import pytest

from exchange.audit import audit
from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.events import AssetSettled, InstructionState
from exchange.state import State
from exchange.units import HOUR
from tests.builders import ANN, BOB, CYD, RUBD, Venue
from tests.exchange.test_settlement import DVP_1, DVP_2, DVP_3, NOTE, a_venue, agree, give, run


def a_settled_venue() -> Venue:
    """One deal settled alone, one net, one is late, and one is delivered and not yet paid out."""
    venue = a_venue(ann=1_000, bob=1_000)
    give(venue, ANN, 9)
    agree(venue, ANN, BOB, 3, 100)
    run(venue, DVP_1)
    agree(venue, ANN, BOB, 3, 100)
    run(venue, DVP_3)
    agree(venue, CYD, BOB, 3, 100)
    run(venue, DVP_1)
    agree(venue, ANN, BOB, 3, 100)
    run(venue, DVP_2, lasts=HOUR)
    return venue


def an_instruction_is_lost(state: State) -> None:
    del state.settlement.open[3]


def an_instruction_is_over_and_open(state: State) -> None:
    state.settlement.open[1] = state.settlement.over[1]


def one_that_is_over_is_told_to_be_late(state: State) -> None:
    state.settlement.over[1].state = InstructionState.RECYCLED


def one_settles_that_has_moved_nothing(state: State) -> None:
    late = state.settlement.open.pop(3)
    late.state = InstructionState.SETTLED
    state.settlement.over[3] = late


def an_instruction_settles_more_than_it_is_for(state: State) -> None:
    state.settlement.over[1].settled += 1


def units_have_moved_of_which_no_chain_knows(state: State) -> None:
    state.settlement.open[3].settled = 1


def a_leg_is_larger_than_what_moved(state: State) -> None:
    first = state.settlement._batches[0]
    wrong = first.flows[0]._replace(amount=4)
    state.settlement._batches[0] = first._replace(flows=(wrong, *first.flows[1:]))


def a_final_transfer_is_forgotten(state: State) -> None:
    first = state.settlement._batches[0]
    state.settlement._batches[0] = first._replace(transfers=(*first.transfers, "never"))


def netting_makes_more_of_it(state: State) -> None:
    sheet = state.settlement.sheets[0]
    wrong = AssetSettled(
        asset_id=RUBD, due=1, gross=1, bilateral=2, multilateral=1, efficiency_ppm=0, liquidity_peak=0,
        penalties=0,
    )  # fmt: skip
    state.settlement.sheets[0] = sheet._replace(assets=(wrong,))


def the_house_keeps_a_penalty(state: State) -> None:
    house = accounts.settlement(RUBD)
    state.ledger.open(house, RUBD, Rule.LIABILITY)
    state.ledger.book([(accounts.cash(ANN, RUBD), house, 1)], state.now)


def the_house_keeps_a_unit(state: State) -> None:
    house = accounts.settlement(NOTE)
    state.ledger.open(house, NOTE, Rule.LIABILITY)
    state.ledger.book([(accounts.units(BOB, NOTE), house, 1)], state.now)


def the_guarantee_leaks(state: State) -> None:
    state.ledger.book([(accounts.guarantee(RUBD), accounts.cash(ANN, RUBD), 1)], state.now)


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (an_instruction_is_lost, "I-38 of 4"),
        (an_instruction_is_over_and_open, "I-38 of 4"),
        (one_that_is_over_is_told_to_be_late, "I-38 instruction 1 is recycled"),
        (one_settles_that_has_moved_nothing, "I-38 instruction 3: 3 left"),
        (an_instruction_settles_more_than_it_is_for, "I-38 instruction 1: -1 left"),
        (units_have_moved_of_which_no_chain_knows, "I-37"),
        (a_leg_is_larger_than_what_moved, "I-37"),
        (a_final_transfer_is_forgotten, "I-41"),
        (netting_makes_more_of_it, "I-39 cycle 1"),
        (the_house_keeps_a_penalty, "I-40 ccp:settle:RUBD"),
        (the_house_keeps_a_unit, f"I-40 ccp:settle:{NOTE}"),
        (the_guarantee_leaks, "I-40 ccp:guarantee:RUBD holds 99, not 100"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_broken_invariant_is_named(damage: Callable[[State], None], invariant: str) -> None:
    venue = a_settled_venue()
    damage(venue.state)
    named = audit(venue.state)
    assert any(fault.startswith(invariant) for fault in named), named

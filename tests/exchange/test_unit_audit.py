"""The audit of what is owned in units: each invariant is broken by hand, once, and must be named."""

from collections.abc import Callable

import pytest

from exchange.audit import audit
from exchange.clearing import accounts
from exchange.clearing.notes import Redemption
from exchange.state import State
from exchange.units import HOUR, MINUTE
from tests.builders import (
    ANN,
    BLOCK,
    BOB,
    BTC,
    BTC_SPOT,
    BUY,
    CYD,
    EXPIRY,
    IDA,
    NOTE,
    NOTE_UNITS,
    OPENS,
    ROUBLE,
    RUBD,
    SATOSHI_LOT,
    SELL,
    Venue,
    note,
    spot,
    with_btc,
)


def a_venue() -> Venue:
    """Ann and Bob own bitcoin and have orders in it, Cyd's is on its way; Ann and Cyd own notes that Ida issued."""
    venue = Venue(spot(fee_taker=60), assets=with_btc())
    for name in (ANN, BOB, CYD):
        venue.admit(name, 1_000_000 * ROUBLE)
    venue.admit(IDA, 0)
    venue.bring(BOB, 10 * SATOSHI_LOT)
    venue.wait_until(OPENS + 2 * BLOCK)
    venue.trade(ANN, BOB, 4, 80_000, BTC_SPOT)
    venue.place(ANN, BUY, 1, 79_000, instrument_id=BTC_SPOT)
    venue.place(BOB, SELL, 2, 81_000, instrument_id=BTC_SPOT)
    venue.bring(CYD, SATOSHI_LOT)
    venue.issue(note(), (ANN, 3), (CYD, 2))
    return venue


def book(state: State, debit: str, credit: str, amount: int) -> None:
    state.ledger.book([(debit, credit, amount)], state.now)


def owner(state: State, name: str, asset_id: str = BTC):  # type: ignore[no-untyped-def]
    cover = state.covers.spot if asset_id == BTC else state.covers.notes
    return cover.owners[asset_id][name]  # type: ignore[index]


def a_unit_hold_drifts(state: State) -> None:
    owner(state, BOB).selling.hold += 1


def units_are_held_for_no_order(state: State) -> None:
    book(state, accounts.units(ANN, BTC), accounts.unit_hold(ANN, BTC), 1)


def an_order_to_buy_is_forgotten(state: State) -> None:
    owner(state, ANN).buying.order_cost -= 1


def a_fee_is_forgotten(state: State) -> None:
    owner(state, ANN).buying.fee_reserve -= 1


def a_cost_is_forgotten(state: State) -> None:
    owner(state, ANN).buying.cost -= 1


def a_cost_outlives_its_units(state: State) -> None:
    cyd = owner(state, CYD)
    cyd.buying.take_in(5)


def units_appear(state: State) -> None:
    next(a for a in state.ledger.accounts() if a.account_id == accounts.units(ANN, BTC)).credits_posted += 1


def a_deposit_under_way_is_forgotten(state: State) -> None:
    state.chains[BTC].arrivals.popitem()


def units_are_given_away(state: State) -> None:
    book(state, accounts.unit_hold(BOB, BTC), accounts.units(CYD, BTC), 1)
    book(state, accounts.units(CYD, BTC), accounts.unit_hold(BOB, BTC), 1)


def notes_are_given_away(state: State) -> None:
    book(state, accounts.register(NOTE_UNITS), accounts.units(ANN, NOTE_UNITS), 1)


def a_placed_unit_is_forgotten(state: State) -> None:
    state.covers.notes.every[NOTE].placed -= 1


def money_lies_in_escrow_too_early(state: State) -> None:
    book(state, accounts.cash(IDA, RUBD), accounts.note_escrow(NOTE), 1)


def an_obligation_is_only_on_paper(state: State) -> None:
    state.covers.notes.every[NOTE].owed[ANN] = 5


DAMAGES = [
    (a_unit_hold_drifts, "I-12 bob in BTC"),
    (units_are_held_for_no_order, "I-12 ann in BTC"),
    (an_order_to_buy_is_forgotten, "I-24 ann in BTC"),
    (a_fee_is_forgotten, "I-24 ann in BTC"),
    (a_cost_is_forgotten, "I-26 ann in BTC"),
    (a_cost_outlives_its_units, "I-26 cyd in BTC"),
    (units_appear, "I-11 BTC"),
    (a_deposit_under_way_is_forgotten, "I-11 BTC: what is under way"),
    (units_are_given_away, "I-37"),
    (notes_are_given_away, "I-37"),
    (a_placed_unit_is_forgotten, "I-48 NOTE1"),
    (money_lies_in_escrow_too_early, "I-48 NOTE1"),
    (an_obligation_is_only_on_paper, "I-48 obl:dfa:ann:RUBD"),
]


@pytest.mark.parametrize(("damage", "invariant"), DAMAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_invariant_is_named(damage: Callable[[State], None], invariant: str) -> None:
    venue = a_venue()
    assert audit(venue.state) == []
    damage(venue.state)
    named = audit(venue.state)
    assert any(fault.startswith(invariant) for fault in named), named


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        (lambda r: r._replace(due=r.due + 1), "I-48 NOTE1: ann was due"),
        (lambda r: r._replace(paid=r.paid - r.due // 2), "I-48 NOTE1: ann got another share"),
    ],
)
def test_an_unequal_redemption_is_named(change: Callable[[Redemption], Redemption], invariant: str) -> None:
    venue = a_venue()
    venue.wait_until(EXPIRY - 31 * MINUTE)
    venue.quote_until(EXPIRY, 800_000_000)
    venue.wait_until(EXPIRY + HOUR)
    redemptions = venue.state.covers.notes.every[NOTE].redemptions
    redemptions[ANN] = change(redemptions[ANN])
    assert any(fault.startswith(invariant) for fault in audit(venue.state)), audit(venue.state)

"""The audit itself: each invariant is broken by hand, once, and must be named."""

from collections.abc import Callable

import pytest

from exchange.audit import CHECKS, audit
from exchange.cash.terms import CustodyMode
from exchange.clearing import accounts
from exchange.clearing.ledger import Ledger
from exchange.commands import AuditBooks, FreezeWallet, PauseIssuer
from exchange.events import BooksAudited
from exchange.instruments import ContractKind
from exchange.messages import changed
from exchange.state import State
from exchange.units import MINUTE, WalletId
from tests.builders import (
    ANN,
    BOB,
    BTC_RUB,
    BTCF,
    BUY,
    EXPIRY,
    ONLY_IN_PYTHON,
    RUBD,
    SELL,
    Venue,
    coin_terms,
    future,
    of_kind,
    option,
)

CALL = option(ContractKind.CALL, 90_000, reference=4_000)
BUCKET = future().bucket_id


def a_venue(*more_series: object) -> Venue:
    """Ann is long ten lots of Bob's, and each has an order; the coin is in two wallets, and one of them is frozen."""
    venue = Venue(future(fee_taker=60), *more_series, coin=coin_terms(2))  # type: ignore[arg-type]
    for name in (ANN, BOB):
        venue.admit(name, 50_000_000)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.rest(ANN, BUY, 2, 79_000)
    venue.rest(BOB, SELL, 2, 81_000)
    venue.tell(
        FreezeWallet(
            asset_id=RUBD,
            wallet_id=WalletId("venue-2"),
            order_ref="1",
            signatures=("issuer", "central_bank"),
        )
    )
    return venue


def account_of_ann(state: State):  # type: ignore[no-untyped-def]
    return state.covers.full.buckets[BUCKET].accounts[ANN]


def a_haircut_appears(state: State) -> None:
    state.covers.full.buckets[BUCKET].haircuts[ANN] = 1


def a_haircut_exceeds_its_lock(state: State) -> None:
    """As much has left the pool, so that only whose part it was gives it away."""
    bucket, lost = state.covers.full.buckets[BUCKET], account_of_ann(state).lock + 1
    bucket.haircuts[ANN] = lost
    book(state, bucket.escrow, accounts.fees(RUBD), lost)


def book(state: State, debit: str, credit: str, amount: int) -> None:
    state.ledger.book([(debit, credit, amount)], state.now)


def of_the_ledger(state: State, account_id: str):  # type: ignore[no-untyped-def]
    (account,) = (a for a in state.ledger.accounts() if a.account_id == account_id)
    return account


CASH, HOLD = accounts.cash(ANN, RUBD), accounts.hold(ANN, RUBD)


def a_counter_grows(state: State) -> None:
    of_the_ledger(state, CASH).debits_posted += 1


def an_order_leaves_its_seat(state: State) -> None:
    state.seats[ANN].orders.clear()


def an_order_leaves_its_book(state: State) -> None:
    series = state.series[BTCF]
    series.book.remove(next(iter(series.book.orders.values())))


def a_hold_is_too_large(state: State) -> None:
    book(state, CASH, HOLD, 1)


def an_order_row_drifts(state: State) -> None:
    account_of_ann(state).order_loss[1] += 1


def a_fee_reserve_drifts(state: State) -> None:
    account_of_ann(state).fee_reserve += 1


def a_worst_case_drifts(state: State) -> None:
    account_of_ann(state).worst += 1


def a_hold_drifts_with_its_money(state: State) -> None:
    account_of_ann(state).hold += 1
    book(state, CASH, HOLD, 1)


def a_position_appears(state: State) -> None:
    account_of_ann(state).quantities[BTCF] += 1


def a_lot_is_booked_to_the_house(state: State) -> None:
    book(state, accounts.position(ANN, BTCF), accounts.house_position(BTCF), 1)


def two_positions_are_swapped(state: State) -> None:
    for name, change in ((ANN, 1), (BOB, -1)):
        state.covers.full.buckets[BUCKET].accounts[name].quantities[BTCF] += change


def a_price_paid_is_not_received(state: State) -> None:
    account_of_ann(state).cost += 1


def the_pool_leaks(state: State) -> None:
    book(state, accounts.escrow(BUCKET), CASH, 1)


def a_lock_is_too_small(state: State) -> None:
    account_of_ann(state).lock -= 1
    book(state, accounts.escrow(BUCKET), CASH, 1)


def a_lock_is_too_large(state: State) -> None:
    account_of_ann(state).lock += 1
    book(state, CASH, accounts.escrow(BUCKET), 1)


def a_loss_at_one_price_is_forgotten(state: State) -> None:
    account_of_ann(state).loss[0] -= 1


def free_cash_is_overdrawn(state: State) -> None:
    cash = of_the_ledger(state, CASH)
    cash.debits_posted += cash.available + 1


def capital_at_risk_drifts(state: State) -> None:
    account_of_ann(state).at_risk.amount -= 1


def coins_leave_a_wallet_of_the_venue(state: State) -> None:
    issuer = state.holdings[RUBD].issuer
    assert issuer.transfer(WalletId("venue-1"), WalletId("wallet-ann"), 1, state.now) is None


def coins_are_owed_that_nobody_holds(state: State) -> None:
    of_the_ledger(state, CASH).credits_posted += 1


def supply_is_told_wrongly(state: State) -> None:
    state.holdings[RUBD].issuer.supply += 1


def the_gate_promises_too_much(state: State) -> None:
    gate = state.holdings[RUBD].gate
    assert gate is not None
    gate.admit(ANN, 10**12)


def an_index_leaves_its_venues(state: State) -> None:
    index = state.indices[BTC_RUB]
    assert index.latest is not None
    index.latest = index.latest._replace(value=index.latest.value + 2)


def an_index_is_pushed_by_one_venue(state: State) -> None:
    """It lies among its venues, but far from their median and from all but one."""
    index = state.indices[BTC_RUB]
    index._counted = (*index._counted[:-1], 2 * AT_8_8M)
    assert index.latest is not None
    index.latest = index.latest._replace(value=(AT_8M + AT_8_8M) // 2)


def a_record_is_rewritten(state: State) -> None:
    history = state.ledger._history.latest
    history[-1] = changed(history[-1], time=history[-1].time + 1)


def time_stands_still(state: State) -> None:
    book(state, CASH, HOLD, 1)
    history = state.ledger._history.latest
    last, before = history[-1], history[-2]
    history[-1] = changed(last, time=before.time)


def a_record_is_lost(state: State) -> None:
    state.ledger._history.latest.pop()


def a_head_is_forged(state: State) -> None:
    state.ledger._digest.update(b"more")


def a_fee_is_not_told(state: State) -> None:
    state.series[BTCF].fees -= 1


def fees_are_spent(state: State) -> None:
    book(state, accounts.fees(RUBD), CASH, 1)


def something_else_is_earned(state: State) -> None:
    book(state, CASH, accounts.fees(RUBD), 1)


def a_hold_is_too_small_for_an_order(state: State) -> None:
    account_of_ann(state).hold -= 1


AT_8M, AT_8_8M = 800_000_000, 880_000_000


@pytest.mark.parametrize(
    ("damage", "invariants"),
    [
        (an_index_leaves_its_venues, {"I-49"}),
        (an_index_is_pushed_by_one_venue, {"I-49", "I-50"}),
    ],
)
def test_an_index_that_was_pushed_is_named(damage: Callable[[State], None], invariants: set[str]) -> None:
    venue = a_venue()
    venue.quote_until(venue.now + MINUTE, AT_8M)
    damage(venue.state)
    assert {fault[:4] for fault in audit(venue.state)} == invariants


def a_final_price_is_restated(state: State) -> None:
    state.fixings[BUCKET].final = 80_001


def a_final_price_is_withdrawn(state: State) -> None:
    state.fixings[BUCKET].final = None


def a_provisional_price_is_found_anew(state: State) -> None:
    state.fixings[BUCKET].provisional = None


@pytest.mark.parametrize(
    "damage", [a_final_price_is_restated, a_final_price_is_withdrawn, a_provisional_price_is_found_anew]
)
def test_a_price_that_changes_after_it_was_final_is_named(damage: Callable[[State], None]) -> None:
    venue = a_venue()
    venue.quote_until(EXPIRY, AT_8M)
    assert venue.state.fixings[BUCKET].final == 80_000
    damage(venue.state)
    assert [fault[:4] for fault in audit(venue.state)] == ["I-51"]


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (a_counter_grows, "I-1 RUBD"),
        (an_order_leaves_its_seat, "I-16 ["),
        (an_order_leaves_its_book, "I-16 ["),
        (a_hold_is_too_large, "I-12 ann"),
        (an_order_row_drifts, "I-24 ann"),
        (a_fee_reserve_drifts, "I-24 ann"),
        (a_worst_case_drifts, "I-24 ann"),
        (a_hold_drifts_with_its_money, "I-24 ann"),
        (a_position_appears, f"I-13 {BTCF}"),
        (a_lot_is_booked_to_the_house, f"I-13 {BTCF}: the house"),
        (two_positions_are_swapped, f"I-14 ann in {BTCF}"),
        (a_price_paid_is_not_received, f"I-15 {BUCKET}"),
        (the_pool_leaks, f"I-18 {BUCKET}"),
        (a_haircut_appears, f"I-18 {BUCKET}"),
        (a_haircut_exceeds_its_lock, f"I-18 ann in {BUCKET}"),
        (a_lock_is_too_small, "I-19 ann"),
        (a_lock_is_too_large, "I-19 ann"),
        (a_loss_at_one_price_is_forgotten, "I-19 ann"),
        (the_pool_leaks, f"I-20 {BUCKET}"),
        (free_cash_is_overdrawn, "I-24 ann: free cash"),
        (capital_at_risk_drifts, "I-26 ann"),
        (coins_leave_a_wallet_of_the_venue, "I-11: wallet venue-1"),
        (coins_are_owed_that_nobody_holds, "I-11 RUBD"),
        (supply_is_told_wrongly, "I-42"),
        (the_gate_promises_too_much, "I-46"),
        (a_record_is_rewritten, "I-8 the first"),
        (a_record_is_lost, "I-8 the first"),
        (time_stands_still, "I-8 record"),
        (a_head_is_forged, "I-8 the history and its hash"),
        (a_counter_grows, "I-9 cash:ann:RUBD"),
        (a_fee_is_not_told, "I-17 ccp:fees:RUBD"),
        (fees_are_spent, "I-17 ccp:fees:RUBD"),
        (something_else_is_earned, "I-17 ccp:fees:RUBD"),
        (a_hold_is_too_small_for_an_order, "I-25 order"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_broken_invariant_is_named(damage: Callable[[State], None], invariant: str) -> None:
    venue = a_venue()
    assert audit(venue.state) == []
    damage(venue.state)
    named = audit(venue.state)
    assert any(fault.startswith(invariant) for fault in named), named
    venue.state.agenda.promise(venue.now, AuditBooks())
    with pytest.raises(AssertionError, match=r"I-\d+"):
        venue.exchange.advance(venue.now)


@ONLY_IN_PYTHON
def test_a_failed_chain_that_leaves_something_behind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking back forgets to return the money, or is not done at all."""
    venue = a_venue()
    assert audit(venue.state) == []
    monkeypatch.setattr(Ledger, "_move", lambda self, *terms: _move(self, *terms) if terms[-1] > 0 else None)
    assert any(fault.startswith("I-7 a chain that failed") for fault in audit(venue.state))


@ONLY_IN_PYTHON
def test_a_chain_that_should_have_failed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = a_venue()
    monkeypatch.setattr(Ledger, "_commit_whole", lambda *_: None)
    assert "I-7 a chain that was bound to fail ended otherwise: None" in audit(venue.state)


def test_to_try_a_doomed_chain_changes_nothing() -> None:
    venue = a_venue()
    before = venue.state.ledger.checkpoint()
    for _ in range(3):
        assert audit(venue.state) == []
    after = venue.state.ledger.checkpoint()
    for name in ("known", "burned", "pending", "resolved", "expiries", "history", "last_time", "last_id"):
        assert getattr(after, name) == getattr(before, name)


_move = Ledger._move


def a_claim_is_not_paid(state: State) -> None:
    paid = state.paid_out[BUCKET]
    state.paid_out[BUCKET] = paid._replace(payouts=paid.payouts - 1)


def a_claim_is_worth_less_than_nothing(state: State) -> None:
    state.paid_out[BUCKET] = state.paid_out[BUCKET]._replace(least=-1)


def money_comes_back_to_an_empty_pool(state: State) -> None:
    book(state, CASH, accounts.escrow(BUCKET), 1)


@pytest.mark.parametrize(
    "damage", [a_claim_is_not_paid, a_claim_is_worth_less_than_nothing, money_comes_back_to_an_empty_pool]
)
def test_a_pool_that_was_not_paid_out_is_named(damage: Callable[[State], None]) -> None:
    venue = a_venue()
    venue.quote_until(EXPIRY + MINUTE, AT_8M)
    assert venue.state.paid_out[BUCKET].pool == 16_000_000
    damage(venue.state)
    assert any(fault.startswith(f"I-21 {BUCKET}") for fault in audit(venue.state))


@pytest.mark.parametrize("damage", [a_lock_is_too_small, a_lock_is_too_large])
def test_a_lock_is_exact_also_where_options_share_the_bucket(damage: Callable[[State], None]) -> None:
    """The pool is then no longer so many lots of one width, so each lock must be held against its own losses."""
    venue = a_venue(CALL)
    venue.trade(BOB, ANN, 3, 4_000, CALL.instrument_id)
    damage(venue.state)
    assert any(fault.startswith("I-19 ann") for fault in audit(venue.state))


def test_a_wallet_that_moves_while_it_may_not_is_named() -> None:
    for command, wallet in (
        (PauseIssuer(asset_id=RUBD, signatures=("issuer",)), "wallet:wallet-ann"),
        (
            FreezeWallet(
                asset_id=RUBD, wallet_id=WalletId("wallet-ann"), order_ref="2", signatures=("issuer",)
            ),
            "wallet:wallet-ann",
        ),
    ):
        venue = a_venue()
        venue.tell(command)
        ledger = venue.state.holdings[RUBD].issuer._ledger
        (account,) = (a for a in ledger.accounts() if a.account_id == wallet)
        account.credits_posted += 5
        assert any(fault.startswith("I-44") for fault in audit(venue.state))


def test_money_that_is_not_in_its_owners_own_wallet_is_named() -> None:
    venue = Venue(coin=coin_terms(custody=CustodyMode.SEGREGATED))
    for name in (ANN, BOB):
        venue.admit(name, 1_000)
    cash = [accounts.cash(name, RUBD) for name in (ANN, BOB)]
    book(venue.state, cash[0], cash[1], 10)
    assert [fault for fault in audit(venue.state) if "I-11" in fault] == [
        "I-11: -10 is missing in wallet venue-1/ann, and nothing keeps it from there",
        "I-11: 10 is missing in wallet venue-1/bob, and nothing keeps it from there",
    ]


def test_a_sound_venue_tells_what_it_adds_up_to() -> None:
    venue = a_venue()
    venue.state.agenda.promise(venue.now, AuditBooks())
    (told,) = of_kind(venue.wait_until(venue.now), BooksAudited)
    assert (told.checks, told.escrow, told.open_interest) == (CHECKS, 16_000_000, 10)
    assert told.claims == told.supply == 100_000_000
    assert told.ledger_head == venue.state.ledger.head()
    assert venue.state.indices[BTC_RUB].latest is None

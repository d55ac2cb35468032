"""Clearing what is owed: what has been gained since when, who pays from what, and who is paid how much of it."""

from exchange.clearing import accounts
from exchange.clearing.margin import MarginCover
from exchange.clearing.margin_accounts import Due, MarginAccount
from exchange.clearing.scenario_margin import maintenance_margin
from exchange.clearing.terms import ClearingMode, ClearingRules, VariationKind, VariationSchedule
from exchange.clearing.variation import Payment, owe, pay
from exchange.units import SECOND, Money
from matching.terms import ParticipantId, Price
from tests.builders import ANN, BOB, BTCF, CYD, OPENS, RUBD, Venue, a_regime, future

RICH = 10**9


def venue(kind: VariationKind = VariationKind.SESSIONS, **cash: Money) -> Venue:
    rules = ClearingRules(mode=ClearingMode.RISK, variation=VariationSchedule(kind=kind))
    found = Venue(future(), regime=a_regime(clearing=rules))
    for name in (ANN, BOB, CYD):
        found.admit(name, cash.get(name, RICH))
    found.quote(800_000_000)
    found.wait_until(OPENS + 2 * SECOND)
    return found


def margin(at: Venue) -> MarginCover:
    found = at.state.covers.margin
    assert isinstance(found, MarginCover)
    return found


def account(at: Venue, name: ParticipantId) -> MarginAccount:
    return margin(at).accounts[name]


def dues_at(mark: Price, at: Venue) -> list[Due]:
    """What everybody has gained or lost, with nobody's order live."""
    portfolio = margin(at).portfolio(BTCF)
    margin(at).revalue(portfolio, mark, {BTCF: mark}, lambda _who, _portfolio: [], at.now)
    return margin(at).variation()


def cleared_at(mark: Price, at: Venue) -> Payment:
    """A clearing at that mark, planned; what is owed is booked."""
    ledger = at.state.ledger
    ledger.book(owe(dues_at(mark, at), RUBD), at.now)
    standing = list(margin(at).accounts.values())
    return pay(standing, RUBD, ledger, margin(at).conversion)


def amounts(dues: list[Due]) -> dict[ParticipantId, Money]:
    return {due.account.holder.participant_id: due.amount for due in dues}


def test_what_is_owed_adds_up_to_nothing_and_is_owed_once() -> None:
    at = venue()
    at.trade(ANN, BOB, 10, 80_000)
    assert amounts(dues_at(81_000, at)) == {ANN: 100_000, BOB: -100_000}
    assert dues_at(81_000, at) == []


def test_lots_that_are_closed_take_the_average_of_what_was_paid_along() -> None:
    """10 at 80,000 and 10 at 80,200; 5 sold at 81,000 have gained 900 ticks of 10 each, whatever the mark."""
    at = venue(VariationKind.REALISED_ONLY)
    at.trade(ANN, BOB, 10, 80_000)
    at.trade(ANN, BOB, 10, 80_200)
    at.trade(CYD, ANN, 5, 81_000)
    assert amounts(dues_at(82_000, at)) == {ANN: 5 * 900 * 10}


def test_all_is_collected_before_anything_is_paid() -> None:
    at = venue()
    at.trade(ANN, BOB, 10, 80_000)
    at.trade(CYD, BOB, 5, 80_000)
    moves = cleared_at(81_000, at).moves
    transit = accounts.settlement(RUBD)
    collecting = [place for place, (_, target, _) in enumerate(moves) if target == transit]
    paying = [place for place, (source, _, _) in enumerate(moves) if source == transit]
    assert (len(collecting), len(paying)) == (1, 2)
    assert max(collecting) < min(paying)


def test_who_pays_keeps_its_maintenance_margin_and_what_is_missing_is_missing_to_all_alike() -> None:
    """The long side put up 16% of 8,000,000 and has 20,000 more; at 72,000 it owes 800,000.

    What it keeps is three quarters of 16% of 7,200,000: so it brings 20,000 and 416,000, and each of the two
    whom it owes gets one half of that.
    """
    at = venue(bob=1_300_000)
    at.trade(BOB, ANN, 5, 80_000)
    at.trade(BOB, CYD, 5, 80_000)
    payment = cleared_at(72_000, at)
    assert (payment.collected, payment.distributed, payment.liquidity) == (436_000, 436_000, 0)
    assert amounts(payment.paid) == {BOB: -436_000, ANN: 218_000, CYD: 218_000}
    assert amounts(payment.late) == {BOB: 364_000}
    ledger, late = at.state.ledger, account(at, BOB)
    ledger.book(payment.moves, at.now)
    assert ledger.posted(late.collateral) == maintenance_margin(late.initial, margin(at).rules.scenarios)
    assert ledger.posted(late.obligation) == -364_000
    assert ledger.posted(account(at, ANN).obligation) == 182_000
    assert ledger.posted(accounts.settlement(RUBD)) == 0

"""The issuer pauses its coin for two hours of trading: the venue's own books go on, and money waits at the border."""

from exchange.commands import DepositCash, PauseIssuer, UnpauseIssuer, WithdrawCash
from exchange.events import (
    CashRequestRejected,
    ClaimSettled,
    CashDeposited,
    Event,
    IssuerPaused,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal
from exchange.units import HOUR, MINUTE, SECOND, Money
from tests.builders import ANN, BOB, OPENS, ROUBLE, RUBD, Venue, future, of_kind
from tests.stories.outside import quote_steadily

EXPIRES = OPENS + HOUR
DEPOSIT: Money = 100_000 * ROUBLE
SIGNED = ("issuer",)


def a_venue() -> Venue:
    venue = Venue(future(expiry=EXPIRES))
    for name in (ANN, BOB):
        venue.admit(name, DEPOSIT)
    return venue


def pause(venue: Venue) -> None:
    assert venue.tell(PauseIssuer(asset_id=RUBD, signatures=SIGNED)) == [IssuerPaused(asset_id=RUBD)]


def withdraw(venue: Venue, amount: Money = 700) -> Event:
    (event,) = venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=amount))
    return event


def test_trades_and_a_settlement_go_through_while_nothing_moves_outside() -> None:
    """F13: the pause lasts from before the trade until after the settlement."""
    venue = a_venue()
    pause(venue)
    supply = venue.state.holdings[RUBD].issuer.supply
    venue.trade(ANN, BOB, 10, 80_000)
    events = quote_steadily(venue, EXPIRES, 820_000_000)
    assert {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)} == {
        ANN: 2_000 * ROUBLE,
        BOB: -2_000 * ROUBLE,
    }
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (DEPOSIT + 200_000, DEPOSIT - 200_000)
    assert venue.state.holdings[RUBD].issuer.supply == supply


def test_money_neither_comes_nor_goes() -> None:
    venue = a_venue()
    pause(venue)
    refused = withdraw(venue)
    assert isinstance(refused, CashRequestRejected) and refused.reason is CashRefusal.ISSUER_PAUSED
    (refused,) = venue.tell(DepositCash(participant_id=ANN, asset_id=RUBD, amount=1))
    assert isinstance(refused, CashRequestRejected) and refused.reason is CashRefusal.ISSUER_PAUSED
    assert venue.free_cash(ANN) == DEPOSIT


def test_what_was_on_its_way_comes_back_and_can_be_asked_for_again() -> None:
    venue = a_venue()
    assert isinstance(withdraw(venue), WithdrawalRequested)
    venue.wait_until(OPENS + SECOND)
    pause(venue)
    (returned,) = of_kind(venue.wait_until(OPENS + MINUTE), WithdrawalReturned)
    assert (returned.amount, returned.reason) == (700, CashRefusal.ISSUER_PAUSED)
    venue.wait_until(OPENS + 2 * HOUR)
    venue.tell(UnpauseIssuer(asset_id=RUBD, signatures=SIGNED))
    assert isinstance(withdraw(venue), WithdrawalRequested)
    assert of_kind(venue.wait_until(venue.now + 2 * SECOND), WithdrawalCompleted)
    assert venue.free_cash(ANN) == DEPOSIT - 700
    (credited,) = venue.tell(DepositCash(participant_id=ANN, asset_id=RUBD, amount=700))
    assert isinstance(credited, CashDeposited)

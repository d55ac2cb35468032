"""The issuer pauses its coin for two hours of trading: the venue's own books go on, and money waits at the border."""

from exchange.clearing.terms import ClearingMode
from exchange.commands import DepositCash, PauseIssuer, UnpauseIssuer, WithdrawCash
from exchange.events import (
    CashDeposited,
    CashRequestRejected,
    ClaimSettled,
    Event,
    IssuerPaused,
    PositionSettled,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal
from exchange.units import HOUR, MINUTE, SECOND, Money
from tests.builders import ANN, BOB, OPENS, ROUBLE, RUBD, Venue, future, of_kind
from tests.stories.modes import BOTH_MODES, regime_of, show_the_price
from tests.stories.outside import quote_steadily

EXPIRES = OPENS + HOUR
DEPOSIT: Money = 100_000 * ROUBLE
SIGNED = ("issuer",)


def a_venue(mode: ClearingMode) -> Venue:
    venue = Venue(future(expiry=EXPIRES), regime=regime_of(mode))
    for name in (ANN, BOB):
        venue.admit(name, DEPOSIT)
    show_the_price(venue)
    return venue


def pause(venue: Venue) -> None:
    assert venue.tell(PauseIssuer(asset_id=RUBD, signatures=SIGNED)) == [IssuerPaused(asset_id=RUBD)]


def withdraw(venue: Venue, amount: Money = 700) -> Event:
    (event,) = venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=amount))
    return event


@BOTH_MODES
def test_trades_and_a_settlement_go_through_while_nothing_moves_outside(mode: ClearingMode) -> None:
    """F13: the pause lasts from before the trade until after the settlement."""
    venue = a_venue(mode)
    pause(venue)
    supply = venue.state.holdings[RUBD].issuer.supply
    venue.trade(ANN, BOB, 10, 80_000)
    events = quote_steadily(venue, EXPIRES, 820_000_000)
    gains = {e.participant_id: e.gain for e in of_kind(events, ClaimSettled)}
    gains |= {e.participant_id: e.amount for e in of_kind(events, PositionSettled)}
    assert gains == {ANN: 2_000 * ROUBLE, BOB: -2_000 * ROUBLE}
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (DEPOSIT + 200_000, DEPOSIT - 200_000)
    assert venue.state.holdings[RUBD].issuer.supply == supply


@BOTH_MODES
def test_money_neither_comes_nor_goes(mode: ClearingMode) -> None:
    venue = a_venue(mode)
    pause(venue)
    refused = withdraw(venue)
    assert isinstance(refused, CashRequestRejected) and refused.reason is CashRefusal.ISSUER_PAUSED
    (refused,) = venue.tell(DepositCash(participant_id=ANN, asset_id=RUBD, amount=1))
    assert isinstance(refused, CashRequestRejected) and refused.reason is CashRefusal.ISSUER_PAUSED
    assert venue.free_cash(ANN) == DEPOSIT


@BOTH_MODES
def test_what_was_on_its_way_comes_back_and_can_be_asked_for_again(mode: ClearingMode) -> None:
    venue = a_venue(mode)
    assert isinstance(withdraw(venue), WithdrawalRequested)
    venue.wait_until(venue.now + SECOND)
    pause(venue)
    (returned,) = of_kind(venue.wait_until(OPENS + MINUTE), WithdrawalReturned)
    assert (returned.amount, returned.reason) == (700, CashRefusal.ISSUER_PAUSED)
    quote_steadily(venue, OPENS + 2 * HOUR, 800_000_000)
    venue.tell(UnpauseIssuer(asset_id=RUBD, signatures=SIGNED))
    assert isinstance(withdraw(venue), WithdrawalRequested)
    assert of_kind(venue.wait_until(venue.now + 2 * SECOND), WithdrawalCompleted)
    assert venue.free_cash(ANN) == DEPOSIT - 700
    (credited,) = venue.tell(DepositCash(participant_id=ANN, asset_id=RUBD, amount=700))
    assert isinstance(credited, CashDeposited)

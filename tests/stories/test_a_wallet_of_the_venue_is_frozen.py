"""A wallet of the venue is frozen while positions are open: trading goes on, withdrawals share the rest."""

from exchange.clearing.terms import ClearingMode
from exchange.commands import FreezeWallet, UnfreezeWallet, WithdrawCash
from exchange.events import (
    CashRequestRejected,
    CoinRequestRefused,
    CustodyGated,
    CustodyReopened,
    Event,
    TradeReported,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal
from exchange.units import SECOND, Money, WalletId
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, BUY, CYD, RUBD, SELL, Venue, coin_terms, of_kind
from tests.stories.modes import BOTH_MODES, regime_of, show_the_price

KEYS = ("issuer", "central_bank")
FIRST = WalletId("venue-1")


def a_venue(mode: ClearingMode = ClearingMode.FULL) -> Venue:
    """Three deposits in three of five wallets; Ann is long a lot of Bob's, and Cyd has an order for one."""
    venue = Venue(coin=coin_terms(wallets=5), regime=regime_of(mode))
    for name, cash in ((ANN, 4_000_000), (BOB, 3_500_000), (CYD, 2_500_000)):
        venue.admit(name, cash)
    show_the_price(venue)
    venue.trade(ANN, BOB, 1, 80_000)
    venue.rest(CYD, BUY, 1, 80_000)
    return venue


def freeze(venue: Venue, wallet_id: WalletId, signatures: tuple[str, ...] = KEYS) -> list[Event]:
    return venue.tell(
        FreezeWallet(asset_id=RUBD, wallet_id=wallet_id, order_ref="order 1", signatures=signatures)
    )


def withdraw(venue: Venue, name: ParticipantId, amount: Money) -> Event:
    (event,) = venue.tell(WithdrawCash(participant_id=name, asset_id=RUBD, amount=amount))
    return event


def test_the_issuer_alone_cannot_freeze_what_the_venue_holds():
    venue = a_venue()
    (refused,) = freeze(venue, FIRST, ("issuer",))
    assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.SIGNATURES_MISSING


@BOTH_MODES
def test_what_can_move_is_shared_by_whole_claims_and_trading_goes_on(mode):
    """F8: of 10,000,000 the wallet holds 4,000,000: claims of 4.0, 3.5 and 2.5 million get 60% each."""
    venue = a_venue(mode)
    assert freeze(venue, FIRST)[1:] == [CustodyGated(asset_id=RUBD, mobile=6_000_000, frozen=4_000_000)]
    for name, share in ((ANN, 2_400_000), (BOB, 2_100_000), (CYD, 1_500_000)):
        too_much = withdraw(venue, name, share + 1)
        assert isinstance(too_much, CashRequestRejected)
        assert (too_much.reason, too_much.available) == (CashRefusal.GATED, share)
    assert of_kind(venue.place(BOB, SELL, 1, 80_000), TradeReported)
    for name, share in ((CYD, 1_500_000), (ANN, 2_400_000), (BOB, 1_900_000)):
        assert isinstance(withdraw(venue, name, share), WithdrawalRequested)
    done = venue.wait_until(venue.now + 2 * SECOND)
    assert [event.participant_id for event in of_kind(done, WithdrawalCompleted)] == [CYD, ANN, BOB]


@BOTH_MODES
def test_the_gate_opens_when_the_wallet_thaws(mode):
    venue = a_venue(mode)
    freeze(venue, FIRST)
    events = venue.tell(UnfreezeWallet(asset_id=RUBD, wallet_id=FIRST, order_ref="order 2", signatures=KEYS))
    assert events[1:] == [CustodyReopened(asset_id=RUBD, mobile=10_000_000)]
    assert isinstance(withdraw(venue, ANN, 3_200_000), WithdrawalRequested)


@BOTH_MODES
def test_a_freeze_beats_the_payment_of_its_instant(mode):
    """F10: at the nanosecond of the confirmation the freeze comes first; one later it comes too late."""
    venue = a_venue(mode)
    before = {name: venue.free_cash(name) for name in (ANN, BOB)}
    withdraw(venue, ANN, 100)
    venue.now += 2 * SECOND
    freeze(venue, WalletId("wallet-ann"))
    (returned,) = of_kind(venue.wait_until(venue.now), WithdrawalReturned)
    assert returned.reason is CashRefusal.WALLET_FROZEN
    assert venue.free_cash(ANN) == before[ANN]

    withdraw(venue, BOB, 100)
    venue.now += 2 * SECOND + 1
    assert of_kind(freeze(venue, WalletId("wallet-bob")), WithdrawalCompleted)
    assert venue.free_cash(BOB) == before[BOB] - 100

"""Everything that is asked for once more: the second time it is refused, with a reason, and changes nothing."""

import pytest

from exchange.access.regime import Applicant, ApplicantKind
from exchange.commands import (
    ApplyForAccess,
    CancelOrder,
    Command,
    EstablishVenue,
    FreezeParticipant,
    FreezeWallet,
    HaltInstrument,
    ListInstrument,
    MintCoins,
    PauseIssuer,
    RecordFiatReceipt,
    SuspendParticipant,
    UnfreezeWallet,
)
from exchange.events import (
    CoinRequestRefused,
    DirectiveRefused,
    Event,
    ParticipantRefused,
    RequestRejected,
)
from exchange.reasons import AccessRefusal, CashRefusal, RejectReason
from exchange.units import WalletId
from matching.terms import OrderId, ParticipantId
from tests.builders import ANN, BOB, BTCF, BUY, CYD, OPENS, RUBD, Venue, future

SIGNED = ("issuer", "central_bank")
VENUE_WALLET, WALLET = WalletId("venue-1"), WalletId("wallet-ann")
MINT = MintCoins(asset_id=RUBD, minter="minter", receipt_id="later", wallet_id=WALLET, amount=500)


def a_venue() -> Venue:
    """Ann has an order, a receipt of 500 waits to be minted against, and Bob has only come in."""
    venue = Venue()
    venue.admit(ANN, 10_000_000)
    venue.admit(BOB, 10_000_000)
    venue.rest(ANN, BUY, 1, 80_000)
    venue.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id="later", amount=500))
    return venue


def picture(venue: Venue) -> tuple[object, ...]:
    """All that money and rights are made of."""
    state, coin = venue.state, venue.state.holdings[RUBD]
    return (
        {a.account_id: state.ledger.balance(a.account_id) for a in state.ledger.accounts()},
        state.ledger.head(),
        coin.issuer.head(),
        (coin.issuer.supply, coin.issuer.reserves, coin.issuer.allowance("minter"), coin.frozen),
        {who: (seat.state, seat.limit, list(seat.orders)) for who, seat in state.seats.items()},
        {name: series.state for name, series in state.series.items()},
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (RecordFiatReceipt(asset_id=RUBD, receipt_id="once", amount=9), CashRefusal.RECEIPT_ALREADY_USED),
        (MINT, CashRefusal.RECEIPT_ALREADY_USED),
        (
            FreezeWallet(asset_id=RUBD, wallet_id=VENUE_WALLET, order_ref="1", signatures=SIGNED),
            CashRefusal.ALREADY_FROZEN,
        ),
        (
            FreezeWallet(asset_id=RUBD, wallet_id=WALLET, order_ref="1", signatures=SIGNED),
            CashRefusal.ALREADY_FROZEN,
        ),
        (PauseIssuer(asset_id=RUBD, signatures=SIGNED), CashRefusal.ISSUER_PAUSED),
        (FreezeParticipant(participant_id=ANN, order_ref="court 1"), "freeze ann"),
        (SuspendParticipant(participant_id=ANN), "suspend ann"),
        (HaltInstrument(instrument_id=BTCF), f"halt {BTCF}"),
        (ListInstrument(instrument=future(instrument_id="BTC_RUBD-MORE")), "list BTC_RUBD-MORE"),
        (CancelOrder(participant_id=ANN, order_id=OrderId(1)), RejectReason.UNKNOWN_ORDER),
        (
            ApplyForAccess(
                participant_id=ParticipantId("dan"),
                applicant=Applicant(kind=ApplicantKind.INDIVIDUAL),
                wallet_id=WalletId("wallet-dan"),
            ),
            AccessRefusal.ALREADY_ADMITTED,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_second_time_is_refused_and_changes_nothing(command: Command, reason: str) -> None:
    """F23: a receipt, a mint, a freeze, a pause, a directive, a cancel and an application."""
    venue = a_venue()
    assert not isinstance(venue.tell(command)[0], _REFUSALS)
    after_once = picture(venue)
    (refused,) = venue.tell(command)
    assert isinstance(refused, _REFUSALS)
    assert reason in (getattr(refused, "reason", None), getattr(refused, "directive", None))
    assert picture(venue) == after_once


_REFUSALS: tuple[type[Event], ...] = (
    CoinRequestRefused,
    DirectiveRefused,
    RequestRejected,
    ParticipantRefused,
)


def test_a_venue_is_founded_once() -> None:
    venue = a_venue()
    before = picture(venue)
    (refused,) = venue.tell(EstablishVenue(assets=(), indices=(), cash=(), sessions=()))
    assert isinstance(refused, DirectiveRefused)
    assert picture(venue) == before


def test_a_second_order_to_thaw_what_is_thawed_is_refused_too() -> None:
    venue = a_venue()
    freeze = FreezeWallet(asset_id=RUBD, wallet_id=VENUE_WALLET, order_ref="1", signatures=SIGNED)
    thaw = UnfreezeWallet(asset_id=RUBD, wallet_id=VENUE_WALLET, order_ref="2", signatures=SIGNED)
    venue.tell(freeze)
    venue.tell(thaw)
    (refused,) = venue.tell(thaw)
    assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.NOT_FROZEN


def test_a_receipt_can_be_minted_against_in_parts_but_never_beyond_itself() -> None:
    venue = a_venue()
    part = MintCoins(asset_id=RUBD, minter="minter", receipt_id="later", wallet_id=WALLET, amount=300)
    venue.tell(part)
    (refused,) = venue.tell(part)
    assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.AMOUNT_ABOVE_RECEIPT
    assert venue.state.holdings[RUBD].issuer.balance(WALLET) == 300
    assert venue.now == OPENS


@pytest.mark.parametrize("wallet_id", [WALLET, VENUE_WALLET])
def test_a_wallet_has_one_owner(wallet_id: WalletId) -> None:
    """Whoever could name another's wallet as its own could deposit what is in it to its own account."""
    venue = a_venue()
    before = picture(venue)
    who = Applicant(kind=ApplicantKind.INDIVIDUAL)
    (refused,) = venue.tell(ApplyForAccess(participant_id=CYD, applicant=who, wallet_id=wallet_id))
    assert isinstance(refused, ParticipantRefused) and refused.reason is AccessRefusal.WALLET_TAKEN
    assert picture(venue) == before

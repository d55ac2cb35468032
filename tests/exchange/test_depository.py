"""The road of units: confirmations, withdrawals, and what is refused."""

import pytest

from exchange.clearing import accounts
from exchange.clearing.ledger import Rule
from exchange.commands import (
    AnnounceCryptoDeposit,
    Command,
    ConfirmCryptoDeposit,
    ConfirmUnitsWithdrawal,
    EstablishVenue,
    FreezeParticipant,
    ReportReorganisation,
    WithdrawUnits,
)
from exchange.core import Exchange
from exchange.events import (
    CashRequestRejected,
    CryptoDepositAnnounced,
    CryptoDepositCredited,
    DirectiveRefused,
    UnitsLost,
    UnitsWithdrawalCompleted,
    UnitsWithdrawalRequested,
    UnitsWithdrawalReturned,
)
from exchange.instruments import Asset
from exchange.reasons import CashRefusal
from exchange.units import AssetId
from exchange.wellformed import MalformedCommand
from matching.terms import ParticipantId
from tests.builders import (
    ANN,
    BLOCK,
    BOB,
    BTC,
    BTC_SPOT,
    BUY,
    OPENS,
    RUBD,
    SATOSHI_LOT,
    SELL,
    Venue,
    coin_terms,
    of_kind,
    spot,
    with_btc,
)

ONE = 100_000_000  # satoshi
ZOE = ParticipantId("zoe")


def a_venue(bring: int = ONE) -> Venue:
    venue = Venue(spot(), assets=with_btc())
    for name in (ANN, BOB):
        venue.admit(name)
    if bring:
        venue.bring(BOB, bring, "first")
        venue.wait_until(OPENS + 2 * BLOCK)
    return venue


def test_a_deposit_is_credited_with_its_last_confirmation_and_not_before() -> None:
    venue = a_venue(bring=0)
    assert venue.bring(BOB, ONE, "first") == [
        CryptoDepositAnnounced(
            participant_id=BOB,
            asset_id=BTC,
            amount=ONE,
            transaction="first",
            credited_at=OPENS + 2 * BLOCK,
        )
    ]
    balance = venue.state.ledger.balance(accounts.units(BOB, BTC))
    assert (balance.credits_pending, balance.posted) == (ONE, 0)
    assert of_kind(venue.wait_until(OPENS + 2 * BLOCK - 1), CryptoDepositCredited) == []
    assert of_kind(venue.wait_until(OPENS + 2 * BLOCK), CryptoDepositCredited) == [
        CryptoDepositCredited(participant_id=BOB, asset_id=BTC, amount=ONE, transaction="first")
    ]
    assert venue.free_units(BOB) == ONE == venue.state.ledger.posted(accounts.register(BTC))


def test_units_can_be_kept_where_no_spot_is_traded() -> None:
    venue = Venue(assets=with_btc())
    venue.admit(BOB)
    venue.bring(BOB, ONE)
    venue.wait_until(OPENS + 2 * BLOCK)
    assert (venue.free_units(BOB), venue.units(ANN)) == (ONE, 0)


def test_a_withdrawal_is_set_aside_at_once_and_leaves_with_its_confirmations() -> None:
    venue = a_venue()
    (asked,) = venue.tell(WithdrawUnits(participant_id=BOB, asset_id=BTC, amount=ONE // 4))
    assert isinstance(asked, UnitsWithdrawalRequested)
    assert (venue.free_units(BOB), venue.units(BOB)) == (ONE * 3 // 4, ONE)
    (done,) = of_kind(venue.wait_until(venue.now + 2 * BLOCK), UnitsWithdrawalCompleted)
    assert (done.withdrawal_id, done.amount) == (asked.withdrawal_id, ONE // 4)
    assert venue.units(BOB) == ONE * 3 // 4 == venue.state.ledger.posted(accounts.register(BTC))


def test_a_legal_order_that_comes_meanwhile_keeps_the_units_here() -> None:
    venue = a_venue()
    venue.tell(WithdrawUnits(participant_id=BOB, asset_id=BTC, amount=ONE))
    venue.tell(FreezeParticipant(participant_id=BOB, order_ref="court"))
    (returned,) = of_kind(venue.wait_until(venue.now + 2 * BLOCK), UnitsWithdrawalReturned)
    assert (returned.amount, returned.reason) == (ONE, CashRefusal.PARTICIPANT_FROZEN)
    assert venue.free_units(BOB) == ONE
    venue.bring(BOB, ONE, "second")
    venue.wait_until(venue.now + 2 * BLOCK)
    assert venue.free_units(BOB) == 2 * ONE  # credits are accepted, and stay


def test_the_house_layer_bears_a_loss_first() -> None:
    venue = a_venue()
    ledger = venue.state.ledger
    ledger.book([(accounts.register(BTC), accounts.loss_layer(BTC), ONE // 4)], venue.now)
    venue.bring(ANN, ONE, "second")
    venue.wait_until(venue.now + 2 * BLOCK)
    (lost,) = of_kind(venue.tell(ReportReorganisation(asset_id=BTC, transaction="second")), UnitsLost)
    assert (lost.loss, lost.house, lost.holders) == (ONE, ONE // 4, ONE * 3 // 4)
    assert (venue.units(ANN), venue.units(BOB)) == (62_500_000, 62_500_000)


@pytest.mark.parametrize(
    ("who", "asset_id", "amount", "transaction", "reason"),
    [
        (ZOE, AssetId("ETH"), 0, "first", CashRefusal.UNKNOWN_PARTICIPANT),
        (BOB, AssetId("ETH"), 0, "first", CashRefusal.UNKNOWN_ASSET),
        (BOB, RUBD, 1, "new", CashRefusal.UNKNOWN_ASSET),
        (BOB, BTC, 0, "first", CashRefusal.AMOUNT_NOT_POSITIVE),
        (BOB, BTC, 1, "first", CashRefusal.TRANSACTION_KNOWN),
        (ANN, BTC, 1, "first", CashRefusal.TRANSACTION_KNOWN),
    ],
)
def test_a_deposit_is_refused_with_the_first_reason(
    who: ParticipantId, asset_id: AssetId, amount: int, transaction: str, reason: CashRefusal
) -> None:
    venue = a_venue()
    (refused,) = venue.tell(
        AnnounceCryptoDeposit(participant_id=who, asset_id=asset_id, amount=amount, transaction=transaction)
    )
    assert isinstance(refused, CashRequestRejected)
    assert (refused.reason, refused.request) == (reason, "AnnounceCryptoDeposit")
    assert venue.units(BOB) == ONE


def test_a_transaction_that_was_undone_cannot_be_announced_again() -> None:
    venue = a_venue()
    venue.tell(ReportReorganisation(asset_id=BTC, transaction="first"))
    (refused,) = venue.bring(BOB, ONE, "first")
    assert isinstance(refused, CashRequestRejected) and refused.reason is CashRefusal.TRANSACTION_KNOWN


@pytest.mark.parametrize(
    ("who", "asset_id", "amount", "reason"),
    [
        (ZOE, AssetId("ETH"), 0, CashRefusal.UNKNOWN_PARTICIPANT),
        (BOB, AssetId("ETH"), 0, CashRefusal.UNKNOWN_ASSET),
        (BOB, BTC, 0, CashRefusal.AMOUNT_NOT_POSITIVE),
        (BOB, BTC, -1, CashRefusal.AMOUNT_NOT_POSITIVE),
        (BOB, BTC, ONE - 5 * SATOSHI_LOT + 1, CashRefusal.INSUFFICIENT_FUNDS),
        (ANN, BTC, 1, CashRefusal.INSUFFICIENT_FUNDS),
    ],
)
def test_a_withdrawal_is_refused_with_the_first_reason_and_what_orders_hold_stays(
    who: ParticipantId, asset_id: AssetId, amount: int, reason: CashRefusal
) -> None:
    venue = a_venue()
    venue.place(BOB, SELL, 5, 80_000, instrument_id=BTC_SPOT)
    (refused,) = venue.tell(WithdrawUnits(participant_id=who, asset_id=asset_id, amount=amount))
    assert isinstance(refused, CashRequestRejected) and refused.reason is reason
    assert refused.available == (ONE - 5 * SATOSHI_LOT if (who, asset_id) == (BOB, BTC) else 0)
    venue.tell(FreezeParticipant(participant_id=BOB, order_ref="court"))
    (frozen,) = venue.tell(WithdrawUnits(participant_id=BOB, asset_id=BTC, amount=1))
    assert isinstance(frozen, CashRequestRejected) and frozen.reason is CashRefusal.PARTICIPANT_FROZEN


@pytest.mark.parametrize("asset_id", [BTC, RUBD, AssetId("ETH")])
def test_a_reorganisation_of_what_nobody_has_seen_is_refused(asset_id: AssetId) -> None:
    venue = a_venue()
    (refused,) = venue.tell(ReportReorganisation(asset_id=asset_id, transaction="never"))
    assert isinstance(refused, DirectiveRefused) and "in a transaction never" in refused.explanation


@pytest.mark.parametrize(
    "command",
    [
        ConfirmCryptoDeposit(asset_id=BTC, transaction="first"),
        ConfirmUnitsWithdrawal(asset_id=BTC, withdrawal_id=1),
        AnnounceCryptoDeposit(participant_id=BOB, asset_id=BTC, amount=0.5, transaction="x"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_request_dies_at_the_door(command: Command) -> None:
    venue = a_venue(bring=0)
    with pytest.raises(MalformedCommand):
        venue.tell(command)


@pytest.mark.parametrize(
    ("assets", "explanation"),
    [
        (with_btc(confirmations=0), "BTC: confirmations and block_interval are both given, and positive"),
        (with_btc(block_interval=-1), "both given, and positive"),
        (with_btc(confirmations=None), "both given, and positive"),
        (with_btc(asset_id=RUBD), "RUBD: it is cash, or units on a chain, but not both"),
    ],
)
def test_an_asset_without_a_usable_chain_founds_no_venue(assets: tuple[Asset, ...], explanation: str) -> None:
    exchange = Exchange()
    command = EstablishVenue(assets=assets, indices=(), cash=(coin_terms(),), sessions=())
    (entry,) = exchange.handle(command, 1)
    assert isinstance(entry.event, DirectiveRefused) and explanation in entry.event.explanation
    assert exchange.state.assets == {}


def test_the_accounts_are_called_as_the_chart_says() -> None:
    venue = a_venue()
    venue.place(BOB, SELL, 1, 80_000, instrument_id=BTC_SPOT)
    venue.place(ANN, BUY, 1, 80_000, instrument_id=BTC_SPOT)
    rules = {a.account_id: a.rule for a in venue.state.ledger.accounts() if a.asset_id == BTC}
    assert rules == {
        "ext:reg:BTC": Rule.MIRROR,
        "ccp:ndl:BTC": Rule.LIABILITY,
        "unit:bob:BTC": Rule.LIABILITY,
        "unit:hold:bob:BTC": Rule.LIABILITY,
        "unit:ann:BTC": Rule.LIABILITY,
        "unit:hold:ann:BTC": Rule.LIABILITY,
    }

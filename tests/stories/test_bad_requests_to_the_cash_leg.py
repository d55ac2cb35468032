"""What nobody may ask of an issuer, a bank or the venue's treasury: refused with its reason on the running venue, alone
on the record, and nothing has changed.
"""

from typing import Any

import pytest

from exchange.cash.hours import BankingHours
from exchange.cash.terms import RedemptionTerms, ReserveClass, ReserveTerms, Role, RoleName, all_of, keys_of
from exchange.clearing.terms import ClearingMode
from exchange.commands import (
    Command,
    DepositCash,
    EstablishVenue,
    FreezeWallet,
    MintCoins,
    PauseIssuer,
    RecordFiatReceipt,
    RedeemCoins,
    TransferCash,
    UnfreezeWallet,
    UnpauseIssuer,
    WithdrawCash,
)
from exchange.core import Exchange
from exchange.events import (
    CashRequestRejected,
    CoinRequestRefused,
    CoinsMinted,
    DirectiveRefused,
    OrderAccepted,
    SupplyExceedsReserves,
    TradeReported,
    WalletUnfrozen,
)
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, WalletId
from tests.builders import ANN, BOB, BUY, CYD, RUBD, SELL, Venue, coin_terms, of_kind
from tests.stories.modes import BOTH_MODES, regime_of, show_the_price

KEYS = ("first", "second", "issuer", "central_bank")
THREE = Role(name=RoleName.FREEZER, holders=("first", "second", "third"), quorum=2)
OURS, ANNS, BOBS, CYDS = (WalletId(name) for name in ("venue-1", "wallet-ann", "wallet-bob", "wallet-cyd"))
CASH = 10_000_000
ALLOWANCE = 3 * CASH + 3 * 500_000 + 9_000  # people's coins, and 9,000 more


def a_running_venue(mode: ClearingMode, **coin: object) -> Venue:
    """Ann is long a lot of Bob's and bids for one; each has 500,000 coins outside, and Cyd's are frozen there."""
    terms = {
        "minters": {"minter": ALLOWANCE},
        "roles": keys_of("issuer", apart=(THREE, all_of(RoleName.VENUE_FREEZER, "central_bank"))),
        "redemption": RedemptionTerms(minimum=1_000, eligible_wallets=(ANNS, CYDS)),
        **coin,
    }
    venue = Venue(coin=coin_terms(**terms), regime=regime_of(mode))
    for name in (ANN, BOB, CYD):
        venue.admit(name, CASH)
        venue.mint(WalletId(f"wallet-{name}"), 500_000)
    show_the_price(venue)
    venue.trade(ANN, BOB, 1, 80_000)
    venue.rest(ANN, BUY, 1, 79_000)
    venue.tell(FreezeWallet(asset_id=RUBD, wallet_id=CYDS, order_ref="case 1", signatures=KEYS))
    venue.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id="used", amount=10))
    venue.tell(mint(receipt="used", amount=10))
    venue.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id="small", amount=100))
    venue.tell(RecordFiatReceipt(asset_id=RUBD, receipt_id="large", amount=CASH))
    return venue


def mint(receipt: str, amount: int, **more: object) -> MintCoins:
    fields = {
        "asset_id": RUBD,
        "minter": "minter",
        "wallet_id": ANNS,
        "receipt_id": receipt,
        "amount": amount,
    }
    return MintCoins(**{**fields, **more})  # type: ignore[arg-type]


def redeem(wallet: WalletId, amount: int) -> RedeemCoins:
    return RedeemCoins(asset_id=RUBD, wallet_id=wallet, amount=amount)


def pay(source: WalletId, target: WalletId, amount: int = 100) -> TransferCash:
    return TransferCash(asset_id=RUBD, source=source, target=target, amount=amount)


def unfreeze(*signatures: str) -> UnfreezeWallet:
    return UnfreezeWallet(asset_id=RUBD, wallet_id=CYDS, order_ref="case 2", signatures=signatures)


def all_of_it(venue: Venue) -> tuple[Any, ...]:
    """Both ledgers, what the issuer owes and may do, and who is frozen."""
    holding = venue.state.holdings[RUBD]
    issuer = holding.issuer
    wallets = (OURS, ANNS, BOBS, CYDS, WalletId("issuer"))
    return (
        venue.state.ledger.head(),
        [(issuer.balance(w), issuer.is_frozen_out(w), issuer.is_frozen_in(w)) for w in wallets],
        (issuer.supply, issuer.state, issuer.allowance("minter"), issuer.minting.unbacked),
        (issuer.reserves.book, issuer.reserves.liquid, issuer.redemptions.backlog),
        (dict(holding.pending), holding.gate, dict(holding.halts)),
        [sorted(seat.orders) for seat in venue.state.seats.values()],
    )


@BOTH_MODES
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (mint("large", 8_991), CashRefusal.ALLOWANCE_EXCEEDED),
        (mint("nobody paid", 1), CashRefusal.NO_FIAT_RECEIPT),
        (mint("used", 1), CashRefusal.RECEIPT_ALREADY_USED),
        (mint("small", 101), CashRefusal.AMOUNT_ABOVE_RECEIPT),
        (mint("small", 0), CashRefusal.AMOUNT_NOT_POSITIVE),
        (mint("small", 1, minter="thief"), CashRefusal.NOT_A_MINTER),
        (mint("small", 1, wallet_id=CYDS), CashRefusal.WALLET_FROZEN),
        (redeem(ANNS, 999), CashRefusal.BELOW_MINIMUM),
        (redeem(BOBS, 1_000), CashRefusal.NOT_ELIGIBLE),
        (redeem(CYDS, 1_000), CashRefusal.WALLET_FROZEN),
        (redeem(ANNS, 500_011), CashRefusal.INSUFFICIENT_FUNDS),
        (pay(CYDS, ANNS), CashRefusal.WALLET_FROZEN),
        (pay(ANNS, CYDS), CashRefusal.WALLET_FROZEN),
        (pay(OURS, ANNS), CashRefusal.WALLET_OF_THE_VENUE),
        (unfreeze(), CashRefusal.SIGNATURES_MISSING),
        (unfreeze("first"), CashRefusal.SIGNATURES_MISSING),
        (unfreeze("first", "first"), CashRefusal.SIGNATURES_MISSING),
        (unfreeze("first", "issuer", "central_bank"), CashRefusal.SIGNATURES_MISSING),
        (DepositCash(participant_id=CYD, asset_id=RUBD, amount=1), CashRefusal.WALLET_FROZEN),
        (WithdrawCash(participant_id=CYD, asset_id=RUBD, amount=1), CashRefusal.WALLET_FROZEN),
    ],
)  # fmt: skip
def test_what_may_not_be_asked_is_refused_and_changes_nothing(
    mode: ClearingMode, command: Command, reason: CashRefusal
) -> None:
    venue = a_running_venue(mode)
    before = all_of_it(venue)
    (refused,) = venue.tell(command)
    assert isinstance(refused, CoinRequestRefused | CashRequestRejected)
    assert (refused.request, refused.reason) == (type(command).__name__, reason)
    assert all_of_it(venue) == before


@BOTH_MODES
def test_what_is_just_within_passes(mode: ClearingMode) -> None:
    """The refusals above are for what is said there and for nothing else."""
    venue = a_running_venue(mode)
    assert isinstance(venue.tell(mint("large", 8_990))[0], CoinsMinted)
    assert not isinstance(venue.tell(redeem(ANNS, 1_000))[0], CoinRequestRefused)
    assert isinstance(venue.tell(unfreeze("first", "third"))[0], WalletUnfrozen)
    assert not isinstance(venue.tell(pay(CYDS, ANNS))[0], CoinRequestRefused)


@BOTH_MODES
def test_redemption_outside_the_hours_waits_and_is_paid_in_them(mode: ClearingMode) -> None:
    """Not a bad request: what cannot be paid now is queued, and told."""
    night = BankingHours(opens=6 * HOUR, closes=7 * HOUR, weekdays=tuple(range(7)))
    venue = a_running_venue(mode, redemption=RedemptionTerms(hours=night))
    venue.tell(redeem(BOBS, 1_000))
    issuer = venue.state.holdings[RUBD].issuer
    assert issuer.redemptions.backlog == 1_000
    venue.wait_until(venue.now + DAY)
    assert issuer.redemptions.backlog == 0 and issuer.balance(BOBS) == 499_000


@BOTH_MODES
def test_orders_are_the_venues_own_and_pass_under_a_pause_but_money_does_not(mode: ClearingMode) -> None:
    """An order moves nothing on the issuer's ledger. Whatever would is refused, and the book goes on."""
    venue = a_running_venue(mode)
    venue.tell(PauseIssuer(asset_id=RUBD, signatures=("issuer",)))
    before = all_of_it(venue)
    for command in (
        DepositCash(participant_id=ANN, asset_id=RUBD, amount=1),
        WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=1),
        redeem(ANNS, 1_000),
        mint("small", 1),
        pay(ANNS, BOBS),
    ):
        (refused,) = venue.tell(command)
        assert isinstance(refused, CoinRequestRefused | CashRequestRejected)
        assert refused.reason is CashRefusal.ISSUER_PAUSED, command
    assert all_of_it(venue) == before
    assert isinstance(venue.place(BOB, SELL, 1, 81_000)[0], OrderAccepted)
    assert of_kind(venue.place(CYD, SELL, 1, 79_000), TradeReported)
    venue.tell(UnpauseIssuer(asset_id=RUBD, signatures=("issuer",)))
    assert not isinstance(venue.tell(pay(ANNS, BOBS))[0], CoinRequestRefused)


@BOTH_MODES
def test_a_stolen_key_reaches_as_far_as_its_allowance_and_the_record_says_so_at_once(
    mode: ClearingMode,
) -> None:
    """F18: no receipt is needed. 9,000 less the 10 that were minted, not one more; the venue's books do not move."""
    venue = a_running_venue(mode, mint_needs_receipt=False)
    head, thief = venue.state.ledger.head(), WalletId("thief")
    (refused,) = venue.tell(mint("stolen", 8_991, wallet_id=thief))
    assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.ALLOWANCE_EXCEEDED
    backing = CASH + 100  # receipts that came in and against which nothing was minted
    issuer = venue.state.holdings[RUBD].issuer
    assert issuer.reserves.book - issuer.supply == backing
    venue.tell(mint("stolen", 8_990, wallet_id=thief))
    assert issuer.minting.unbacked == issuer.balance(thief) == 8_990
    assert isinstance(venue.tell(mint("again", 1, wallet_id=thief))[0], CoinRequestRefused)
    assert venue.state.ledger.head() == head


@BOTH_MODES
def test_what_is_stolen_beyond_the_reserves_is_told_in_the_same_instant(mode: ClearingMode) -> None:
    venue = Venue(
        coin=coin_terms(mint_needs_receipt=False, minters={"minter": CASH + 700}), regime=regime_of(mode)
    )
    venue.admit(ANN, CASH)
    minted, told = venue.tell(mint("stolen", 700, wallet_id=WalletId("thief")))
    assert isinstance(minted, CoinsMinted) and not minted.backed
    assert told == SupplyExceedsReserves(asset_id=RUBD, supply=CASH + 700, book=CASH, shortfall=700)


@BOTH_MODES
def test_an_honest_coin_mints_nothing_for_a_stolen_key(mode: ClearingMode) -> None:
    venue = a_running_venue(mode, mint_needs_reserves=True)
    before = all_of_it(venue)
    (refused,) = venue.tell(mint("stolen", 1, wallet_id=WalletId("thief")))
    assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.NO_FIAT_RECEIPT
    assert all_of_it(venue) == before


def test_a_coin_whose_reserves_do_not_add_up_to_its_supply_is_not_founded() -> None:
    """The same of a file: tests/scenarios/test_cash_files.py, with unknown keys."""
    deposit = ReserveTerms(
        name="deposit", reserve_class=ReserveClass.BANK_DEPOSIT, custodian="bank", weight_bp=10_000, amount=99
    )
    founding = EstablishVenue(assets=(), indices=(), cash=(coin_terms(reserves=(deposit,)),), sessions=())
    exchange = Exchange()
    (refused,) = (entry.event for entry in exchange.handle(founding, 0))
    assert isinstance(refused, DirectiveRefused)
    assert "reserves of 99 for 0 in circulation and own funds; make both the same" in refused.explanation
    assert not exchange.state.holdings

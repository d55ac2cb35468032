"""A settlement bank and the central bank's platform, by themselves: what each refuses, and what it does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.cash.bank import Bank
from exchange.cash.digital_rouble import DigitalRouble
from exchange.cash.founding import fault_in_cash
from exchange.cash.holding import keeper_on
from exchange.cash.hours import BankingHours
from exchange.cash.issuer import Issuer
from exchange.cash.keeper import Keeper, ParRedemption
from exchange.cash.money import MoneyKeeper
from exchange.cash.terms import FEES, CashTerms
from exchange.commands import EstablishVenue
from exchange.messages import changed, decode, encode
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, MINUTE, Money, WalletId
from exchange.wellformed import MalformedCommand, check
from tests.builders import coin_terms
from tests.money import ACCOUNT, OFFICE, PLATFORM, bank_terms, platform_terms

ANN, BOB = WalletId("w-ann"), WalletId("w-bob")
NOON = 12 * HOUR
NIGHT = 20 * HOUR


def a_bank(**changes: object) -> Bank:
    """Ann has 1,000."""
    bank = Bank(bank_terms(**changes))
    assert bank.credit(ANN, 1_000, "salary", NOON) is None
    return bank


def a_platform(**changes: object) -> DigitalRouble:
    platform = DigitalRouble(platform_terms(**changes))
    assert platform.credit(ANN, 1_000, "salary", NOON) is None
    return platform


def held(keeper: MoneyKeeper, *wallets: WalletId) -> list[Money]:
    assert keeper.audit() == []
    return [keeper.balance(wallet) for wallet in wallets]


def frozen(keeper: MoneyKeeper, wallet: WalletId) -> None:
    assert keeper.freeze(wallet, "case 7", ("court",), NOON) is None


SITUATIONS: dict[str, Callable[[MoneyKeeper], object]] = {
    "calm": lambda keeper: None,
    "outage": lambda keeper: keeper.begin_outage(),
    "failed": lambda keeper: isinstance(keeper, Bank) and keeper.fail(),
    "ann is frozen": lambda keeper: frozen(keeper, ANN),
}


@pytest.mark.parametrize(
    ("situation", "now", "reason"),
    [
        ("calm", NOON, None),
        ("calm", NIGHT, CashRefusal.CLOSED),
        ("outage", NOON, CashRefusal.OUTAGE),
        ("outage", NIGHT, CashRefusal.OUTAGE),
        ("failed", NOON, CashRefusal.BANK_FAILED),
        ("ann is frozen", NOON, CashRefusal.WALLET_FROZEN),
    ],
)
def test_what_stops_a_bank_from_moving_money(situation: str, now: int, reason: CashRefusal | None) -> None:
    bank = a_bank(hours=OFFICE)
    SITUATIONS[situation](bank)
    assert bank.transfer(ANN, BOB, 400, now) is reason
    assert bank.credit(ANN, 5, "rent", now) is reason
    moved = [605, 400] if reason is None else [1_000, 0]
    assert held(bank, ANN, BOB) == moved


def test_each_reference_counts_once_and_a_refused_one_not_at_all() -> None:
    bank = a_bank()
    assert bank.credit(ANN, 1_000, "salary", NOON) is CashRefusal.REFERENCE_KNOWN
    assert bank.credit(ANN, 0, "rent", NOON) is CashRefusal.AMOUNT_NOT_POSITIVE
    assert bank.credit(ANN, 1, "rent", NOON) is None
    assert held(bank, ANN) == [1_001]


def test_only_a_court_freezes_at_a_bank() -> None:
    bank = a_bank()
    assert bank.freeze(ACCOUNT, "letter", ("issuer", "central_bank"), NOON) is CashRefusal.SIGNATURES_MISSING
    assert bank.freeze(ACCOUNT, "case 7", ("court",), NOON) is None


def test_a_fee_is_taken_out_of_what_is_sent() -> None:
    """15 and 1% of 301, rounded up: 15 + 4."""
    bank = a_bank(transfer_fee=15, transfer_fee_bp=100)
    assert bank.transfer(ANN, BOB, 301, NOON) is None
    assert held(bank, ANN, BOB, FEES) == [699, 282, 19]
    assert bank.transfer(ANN, BOB, 16, NOON) is CashRefusal.AMOUNT_BELOW_FEE
    assert bank.transfer(ANN, BOB, 17, NOON) is None
    assert held(bank, ANN, BOB, FEES) == [682, 283, 35]


def test_interest_of_a_day_is_rounded_down() -> None:
    """12% a year on 1,000,000.00: 328.76 a day; on 10.00 less than a kopeck."""
    bank = Bank(bank_terms(interest_bp=1_200))
    bank.credit(ANN, 100_000_000, "a", NOON)
    bank.credit(BOB, 1_000, "b", NOON)
    assert bank.accrue(DAY) == {ANN: 32_876}
    frozen(bank, ANN)
    assert bank.accrue(2 * DAY) == {}
    assert held(bank, ANN, BOB) == [100_032_876, 1_000]


@pytest.mark.parametrize(
    ("terms", "ann", "venue"),
    [
        ({}, 700, 1_400),
        ({"insured": 600}, 880, 1_400),  # of Ann's 1,000, 400 are at risk; the venue's account is not insured
        ({"insured": 600, "insures_venue": True}, 880, 1_580),
        ({"insured": 5_000, "insures_venue": True}, 1_000, 2_000),
    ],
)
def test_a_failed_bank_loses_a_part_of_what_no_insurance_covers(
    terms: dict[str, object], ann: Money, venue: Money
) -> None:
    bank = a_bank(**terms)
    bank.credit(ACCOUNT, 2_000, "venue", NOON)
    frozen(bank, ANN)
    bank.fail()
    assert held(bank, ANN, ACCOUNT) == [1_000, 2_000], "stuck, not lost"
    assert bank.resolve(10_001, NOON) is CashRefusal.LOSS_OUT_OF_RANGE
    assert bank.resolve(3_000, NOON) is None
    assert held(bank, ANN, ACCOUNT) == [ann, venue]
    assert bank.is_frozen_out(ANN), "a loss lifts no court order"
    assert bank.transfer(ACCOUNT, BOB, 1, NOON) is None
    assert bank.resolve(0, NOON) is CashRefusal.NOT_FAILED


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (300, None),
        (301, CashRefusal.TRANSFER_LIMIT),
        (251, CashRefusal.WALLET_LIMIT),
    ],
)
def test_limits_of_the_digital_rouble(amount: Money, reason: CashRefusal | None) -> None:
    most = 250 if amount == 251 else 10_000
    platform = DigitalRouble(platform_terms(transfer_limit=300, wallet_limit=most))
    for number in range(4):
        platform.credit(PLATFORM, 200, f"venue-{number}", NOON)
    assert platform.transfer(PLATFORM, ANN, amount, NIGHT) is reason
    assert platform.transfer(PLATFORM, BOB, 250, NIGHT) is None
    assert platform.credit(PLATFORM, 300, "no limit for the venue's", NIGHT) is None


def test_par_is_told_before_it_is_asked_for() -> None:
    bank, platform = a_bank(hours=OFFICE), a_platform(conversion_hours=OFFICE)
    assert bank.par_redemption(70, NOON) == platform.par_redemption(70, NOON) == ParRedemption(NOON, 70, None)
    tomorrow = ParRedemption(DAY + 6 * HOUR, 70, CashRefusal.CLOSED)
    assert bank.par_redemption(70, NIGHT) == platform.par_redemption(70, NIGHT) == tomorrow
    bank.fail()
    platform.begin_outage()
    assert bank.par_redemption(70, NOON) == ParRedemption(None, 0, CashRefusal.BANK_FAILED)
    assert platform.par_redemption(70, NOON) == ParRedemption(None, 0, CashRefusal.OUTAGE)
    issuer = keeper_on(coin_terms())
    assert issuer.par_redemption(70, NOON) == ParRedemption(NOON, 0, CashRefusal.INSUFFICIENT_RESERVES)


def test_finality_counts_from_the_opening() -> None:
    bank = a_bank(hours=OFFICE)
    assert (bank.final_at(NOON), bank.final_at(NIGHT)) == (NOON + MINUTE, DAY + 6 * HOUR + MINUTE)
    bank.begin_outage()
    assert bank.final_at(NOON) is None


@pytest.mark.parametrize(
    ("terms", "word"),
    [
        (bank_terms(venue_wallets=(ACCOUNT, PLATFORM)), "one account"),
        (bank_terms(venue_wallets=()), "wallets"),
        (bank_terms(venue_wallets=(FEES,)), "own wallet"),
        (bank_terms(hours="nine to five"), "hours"),
        (bank_terms(interest_bp=-1), "interest_bp"),
        (bank_terms(transfer_fee=-1), "fees"),
        (bank_terms(transfer_fee_bp=10_000), "transfer_fee_bp"),
        (bank_terms(hours=BankingHours(opens=1, closes=1)), "before they close"),
        (platform_terms(wallet_limit=0), "limit"),
        (platform_terms(conversion_hours=BankingHours(opens=1, closes=1)), "before they close"),
    ],
)
def test_terms_on_which_nothing_can_be_kept(terms: CashTerms, word: str) -> None:
    assert word in (fault_in_cash(terms) or "")


def test_terms_on_which_it_can() -> None:
    assert [fault_in_cash(terms) for terms in (bank_terms(), platform_terms(), coin_terms())] == [None] * 3


@pytest.mark.parametrize("kind", [Bank, DigitalRouble, Issuer])
def test_the_page_says_what_each_kind_of_keeper_says_of_itself(kind: type[Keeper]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cash-leg.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(): row for row in page.splitlines() if row.startswith("| ")}
    assert f"| {kind.credit_risk} |" in rows["whose failure the holder bears"]
    assert f"| {kind.freeze_authority} |" in rows["who can have a wallet frozen"]


def test_terms_of_every_kind_survive_the_journal_and_nothing_else_is_cash() -> None:
    kinds = (coin_terms(), bank_terms(hours=OFFICE), platform_terms(conversion_hours=OFFICE))
    founding = EstablishVenue(assets=(), indices=(), cash=kinds, sessions=())
    assert decode(encode(founding), EstablishVenue) == founding
    check(founding)
    for wrong in (OFFICE, bank_terms(interest_bp=0.5)):
        with pytest.raises(MalformedCommand, match=r"cash\[0\]"):
            check(changed(founding, cash=(wrong,)))

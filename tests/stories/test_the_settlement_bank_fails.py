"""The bank at which the venue keeps its roubles is insolvent: first nothing moves, then a part is lost."""

import pytest

from exchange.cash.losses import LossCause
from exchange.clearing import accounts
from exchange.commands import ConvertCash, EndOutage, FailBank, ReportOutage, ResolveBank
from exchange.events import (
    BankFailed,
    BankResolved,
    CashConverted,
    CashHalt,
    CashHalted,
    CashResumed,
    InterestPaid,
    LossAllocated,
    LossShared,
    WithdrawalCompleted,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal
from exchange.units import DAY, HOUR, SECOND, AssetId, WalletId
from tests.builders import ANN, BOB, CYD, OPENS, RUBD, a_regime, future, of_kind
from tests.money import (
    ACCOUNT,
    DRUB,
    OFFICE,
    RUB,
    MoneyVenue,
    bank_terms,
    platform_terms,
    rules_of,
    wallet_of,
    why,
)

CLAIMS = {ANN: 400, BOB: 350, CYD: 250}


def a_venue(**bank: object) -> MoneyVenue:
    """E18 at a bank: claims of 400, 350 and 250, and 60 of the house's own against such a loss."""
    venue = MoneyVenue(future(cash=RUB), regime=a_regime(cash=rules_of(RUB)), bank=bank_terms(**bank))
    for name, amount in CLAIMS.items():
        venue.admit(name, 0)
        venue.bring_cash(name, amount)
    venue.credit(ACCOUNT, 60)
    return venue


def test_first_everything_is_stuck() -> None:
    venue = a_venue()
    venue.withdraw(ANN, 100)
    events = venue.tell(FailBank(asset_id=RUB))
    assert events[0] == BankFailed(asset_id=RUB)
    (returned,) = of_kind(events, WithdrawalReturned)
    assert (returned.amount, returned.reason, venue.cash(ANN)) == (100, CashRefusal.BANK_FAILED, 400)
    assert why(venue.withdraw(ANN, 1)) is CashRefusal.BANK_FAILED
    assert why(venue.credit(wallet_of(ANN), 1)) is CashRefusal.BANK_FAILED
    assert why(venue.tell(FailBank(asset_id=RUB))) is CashRefusal.BANK_FAILED


def test_trading_goes_on_for_so_long_and_until_the_bank_pays_again() -> None:
    """An outage that begins and ends meanwhile neither prolongs that nor cuts it short."""
    venue = a_venue(longest_pause=HOUR)
    venue.tell(FailBank(asset_id=RUB))
    venue.wait_until(venue.now + HOUR // 2)
    for outage in (ReportOutage(asset_id=RUB), EndOutage(asset_id=RUB)):
        assert not of_kind(venue.tell(outage), CashHalted)
    halted = venue.wait_until(venue.now + HOUR // 2)
    assert [event.cause for event in of_kind(halted, CashHalted)] == [CashHalt.PAUSED]
    venue.tell(ReportOutage(asset_id=RUB))
    assert not of_kind(venue.tell(ResolveBank(asset_id=RUB, loss_bp=0)), CashResumed)
    assert of_kind(venue.tell(EndOutage(asset_id=RUB)), CashResumed)


def test_then_the_house_bears_its_part_and_the_holders_theirs() -> None:
    """E18: 212 of 1,060 are lost, the house bears 60 and the holders 61, 53 and 38 of the other 152."""
    venue = a_venue()
    venue.tell(FailBank(asset_id=RUB))
    events = venue.tell(ResolveBank(asset_id=RUB, loss_bp=2_000))
    assert events[0] == BankResolved(asset_id=RUB, loss_bp=2_000, lost=212)
    (told,) = of_kind(events, LossAllocated)
    assert (told.loss, told.house, told.holders, told.cause) == (212, 60, 152, LossCause.BANK_INSOLVENCY)
    assert {e.participant_id: e.amount for e in of_kind(events, LossShared)} == {ANN: 61, BOB: 53, CYD: 38}
    assert [venue.cash(name) for name in CLAIMS] == [339, 297, 212]
    venue.withdraw(ANN, 339)
    assert of_kind(venue.wait_until(venue.now + HOUR), WithdrawalCompleted), "what is left moves again"


def test_with_insurance_only_the_rest_is_at_risk() -> None:
    venue = a_venue(insured=1_000, insures_venue=True)
    venue.tell(FailBank(asset_id=RUB))
    events = venue.tell(ResolveBank(asset_id=RUB, loss_bp=10_000))
    (told,) = of_kind(events, LossAllocated)
    assert (told.loss, told.house, told.holders) == (60, 60, 0)


def test_what_can_be_resolved() -> None:
    venue = a_venue()
    assert why(venue.tell(ResolveBank(asset_id=RUB, loss_bp=1))) is CashRefusal.NOT_FAILED
    assert why(venue.tell(FailBank(asset_id=RUBD))) is CashRefusal.NOT_A_BANK
    assert why(venue.tell(FailBank(asset_id=DRUB))) is CashRefusal.NOT_A_BANK, (
        "the central bank does not fail"
    )
    venue.tell(FailBank(asset_id=RUB))
    assert why(venue.tell(ResolveBank(asset_id=RUB, loss_bp=-1))) is CashRefusal.LOSS_OUT_OF_RANGE


def test_the_other_moneys_go_on() -> None:
    venue = a_venue()
    venue.bring_cash(ANN, 70, DRUB)
    venue.tell(FailBank(asset_id=RUB))
    venue.withdraw(ANN, 70, DRUB)
    assert of_kind(venue.wait_until(venue.now + 2 * SECOND), WithdrawalCompleted)


def test_interest_on_the_venues_own_account_is_the_houses() -> None:
    """36.5% a year is a kopeck a day on 10.00."""
    venue = a_venue(interest_bp=3_650)
    venue.credit(wallet_of(BOB), 5_000)
    midnight = OPENS - OPENS % DAY + DAY
    (paid,) = of_kind(venue.wait_until(midnight), InterestPaid)
    assert (paid.amount, paid.to_the_house) == (6, 1)
    assert venue.state.ledger.posted(accounts.loss_layer(RUB)) == 61
    assert of_kind(venue.wait_until(midnight + DAY), InterestPaid)


def test_one_money_becomes_the_other_at_par() -> None:
    venue = a_venue()
    venue.credit(wallet_of(ANN), 90)
    asked = ConvertCash(source_asset_id=RUB, target_asset_id=DRUB, wallet_id=wallet_of(ANN), amount=90)
    (converted,) = venue.tell(asked)
    assert isinstance(converted, CashConverted)
    assert (venue.outside(ANN, RUB), venue.outside(ANN, DRUB)) == (0, 90)
    assert why(venue.tell(asked)) is CashRefusal.INSUFFICIENT_FUNDS


@pytest.mark.parametrize(
    ("source", "target", "wallet", "now", "reason"),
    [
        (RUB, RUBD, wallet_of(ANN), 0, CashRefusal.NOT_MONEY),
        (RUB, AssetId("X"), wallet_of(ANN), 0, CashRefusal.UNKNOWN_ASSET),
        (RUB, RUB, wallet_of(ANN), 0, CashRefusal.NOT_CONVERTIBLE),
        (RUB, DRUB, ACCOUNT, 0, CashRefusal.WALLET_OF_THE_VENUE),
        (RUB, DRUB, wallet_of(ANN), 4 * HOUR, CashRefusal.CLOSED),
        (RUB, DRUB, wallet_of(ANN), 0, CashRefusal.WALLET_LIMIT),
        (DRUB, RUB, wallet_of(CYD), 0, CashRefusal.INSUFFICIENT_FUNDS),
    ],
)
def test_what_is_not_converted(
    source: AssetId, target: AssetId, wallet: WalletId, now: int, reason: CashRefusal
) -> None:
    """Converted until 18:00 UTC, two hours after the opening, into wallets of 50 at most."""
    venue = MoneyVenue(platform=platform_terms(wallet_limit=50, conversion_hours=OFFICE))
    for name in (ANN, CYD):
        venue.credit(wallet_of(name), 90)
        venue.credit(wallet_of(name), 0 if name == ANN else 10, DRUB)
    venue.wait_until(OPENS + now)
    asked = ConvertCash(source_asset_id=source, target_asset_id=target, wallet_id=wallet, amount=60)
    assert why(venue.tell(asked)) is reason
    assert venue.outside(ANN, RUB) == 90

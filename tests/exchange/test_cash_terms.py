"""Terms on which no cash asset can be kept, each with a sentence that says where the fault is."""

import pytest

from exchange.cash.founding import fault_in_cash
from exchange.cash.hours import BankingHours
from exchange.cash.terms import (
    BankTerms,
    Circulation,
    CoinTerms,
    CustodyMode,
    DigitalRoubleTerms,
    RedemptionTerms,
    ReserveClass,
    ReserveTerms,
    Role,
    RoleName,
    all_of,
    keys_of,
)
from exchange.messages import changed, decode, encode
from exchange.units import HOUR, AssetId, WalletId

VENUE, ANN = WalletId("venue-1"), WalletId("w-ann")
CASH = ReserveTerms(
    name="central bank",
    reserve_class=ReserveClass.CENTRAL_BANK_DEPOSIT,
    custodian="central bank",
    weight_bp=4_000,
    amount=400,
)
BILLS = ReserveTerms(
    name="bills",
    reserve_class=ReserveClass.SHORT_BILLS,
    custodian="depository",
    weight_bp=6_000,
    amount=600,
    liquidity_days=1,
    haircut_bp=100,
)
TERMS = CoinTerms(
    asset_id=AssetId("RUBD"),
    issuer="Domestic Coin",
    minters={"mint": 10},
    venue_wallets=(VENUE,),
    roles=keys_of("issuer", apart=(all_of(RoleName.VENUE_FREEZER, "central_bank"),)),
    circulation=(Circulation(wallet_id=ANN, amount=980),),
    own_funds=20,
    reserves=(CASH, BILLS),
)
PAUSER = all_of(RoleName.PAUSER, "a")


def out(wallet: str, amount: int) -> tuple[Circulation, ...]:
    return (Circulation(wallet_id=WalletId(wallet), amount=amount),)


def redeemed(**terms: object) -> RedemptionTerms:
    return RedemptionTerms(**terms)  # type: ignore[arg-type]


def test_sound_terms_have_no_fault_and_are_written_and_read_back():
    assert fault_in_cash(TERMS) is None
    assert decode(encode(TERMS), CoinTerms) == TERMS


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"circulation": out("w-ann", 979)}, "reserves of 1000 for 999 in circulation and own funds"),
        ({"own_funds": 0}, "reserves of 1000 for 980"),
        ({"reserves": (CASH,)}, "the weights of the reserves come to 4000; make it 10000"),
        ({"reserves": ()}, "the reserves need buckets"),
        ({"reserves": (CASH, changed(BILLS, name=CASH.name))}, "each name once"),
        ({"reserves": (CASH, changed(BILLS, haircut_bp=10_000))}, "reserve bills: amount and days"),
        ({"reserves": (CASH, changed(BILLS, liquidity_days=-1))}, "reserve bills: amount and days"),
        ({"reserves": (changed(CASH, amount=-1), BILLS)}, "reserve central bank: amount and days"),
        ({"circulation": out("venue-1", 980)}, "none of the venue's or the issuer's"),
        ({"circulation": out("issuer", 980)}, "none of the venue's or the issuer's"),
        ({"circulation": out("w-ann", 1_000) + out("w-bob", -20)}, "amounts in circulation are positive"),
        ({"issuer_wallet": VENUE}, "wallet venue-1 cannot be the issuer's and the venue's"),
        ({"venue_wallets": ()}, "the venue needs wallets, each named once"),
        ({"venue_wallets": (VENUE, VENUE)}, "the venue needs wallets, each named once"),
        ({"minters": {"mint": -1}}, "an allowance is negative"),
        ({"interest_share_bp": 10_001}, "interest_share_bp of 10001 is no share"),
        ({"roles": (PAUSER, PAUSER)}, "a role is given twice"),
        ({"roles": (changed(PAUSER, quorum=2),)}, "pauser: 2 of 1 cannot be a quorum"),
        ({"roles": (Role(name=RoleName.PAUSER, holders=(), quorum=0),)}, "pauser: 0 of 0"),
        ({"roles": (changed(PAUSER, delay=-1),)}, "pauser: a delay of -1 lies in the past"),
        ({"redemption": redeemed(processing_interval=0)}, "processing_interval must be positive"),
        ({"redemption": redeemed(minimum=-1)}, "minimum and fees are 0 or more"),
        ({"redemption": redeemed(fee_bp=10_001)}, "minimum and fees are 0 or more"),
        (
            {"redemption": redeemed(hours=BankingHours(opens=9, closes=9))},
            "banking hours open before they close",
        ),
        (
            {"redemption": redeemed(hours=BankingHours(opens=9 * HOUR, closes=18 * HOUR), cut_off=20 * HOUR)},
            "the cut-off lies outside the bank's hours",
        ),
        (
            {"custody": CustodyMode.SEGREGATED, "transfer_fee": 1},
            "each transfer would cost a fee; say sharded",
        ),
        (
            {"custody": CustodyMode.NATIVE, "transfer_fee_bp": 1},
            "each transfer would cost a fee; say sharded",
        ),
        ({"own_funds": "20"}, "Expected `int`, got `str`"),
        ({"redemption": redeemed(minimum=1.5)}, "Expected `int`, got `float`"),
    ],
)
def test_unsound_terms_are_told_what_is_wrong(fields, sentence):
    fault = fault_in_cash(changed(TERMS, **fields))
    assert fault is not None and fault.startswith("RUBD: ") and sentence in fault, fault


@pytest.mark.parametrize("mode", [CustodyMode.SEGREGATED, CustodyMode.NATIVE])
def test_participants_have_wallets_of_their_own_where_money_moves_freely_between_them(mode):
    platform = DigitalRoubleTerms(asset_id=AssetId("DRUB"), venue_wallets=(VENUE,), custody=mode)
    assert fault_in_cash(platform) is None
    for limit in ({"wallet_limit": 10}, {"transfer_limit": 10}):
        assert "swept in any amount" in (fault_in_cash(changed(platform, **limit)) or "")
    bank = BankTerms(asset_id=AssetId("RUB"), bank="First Harbour", venue_wallets=(VENUE,), custody=mode)
    assert "the venue has one account at a bank" in (fault_in_cash(bank) or "")


def test_just_enough_signers_for_some_roles():
    three_of_five = Role(name=RoleName.FREEZER, holders=("a", "b", "c", "d", "e"), quorum=3)
    terms = changed(TERMS, roles=(three_of_five, all_of(RoleName.VENUE_FREEZER, "b", "z")))
    assert terms.signatures(RoleName.FREEZER, RoleName.VENUE_FREEZER) == ("a", "b", "c", "z")
    assert terms.signatures(RoleName.PAUSER) == ()

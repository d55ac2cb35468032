"""Five issuers in terms only, after published ones: what the same acts do under each. Names here are made up."""

import pytest

from exchange.cash.founding import fault_in_cash
from exchange.cash.hours import BankingHours
from exchange.cash.issuer import Issuer
from exchange.cash.redemption import Ticket
from exchange.cash.terms import (
    CoinTerms,
    QueueRule,
    RedemptionTerms,
    ReissueRule,
    ReserveClass,
    ReserveTerms,
    Role,
    RoleName,
    all_of,
    keys_of,
)
from exchange.reasons import CashRefusal
from exchange.units import HOUR, AssetId, WalletId

VENUE, ANN, BOB = WalletId("venue"), WalletId("w-ann"), WalletId("w-bob")
OFFICE = BankingHours(opens=9 * HOUR, closes=18 * HOUR)
OWNERS = ("o1", "o2", "o3", "o4", "o5")
SIGNED = ("issuer", "central_bank", *OWNERS)
ROUBLE = 100  # kopecks


def bucket(name: str, kind: ReserveClass, weight_bp: int, days: int = 0, haircut_bp: int = 0) -> ReserveTerms:
    return ReserveTerms(
        name=name, reserve_class=kind, custodian=name, weight_bp=weight_bp,
        liquidity_days=days, haircut_bp=haircut_bp,
    )  # fmt: skip


def bills(weight_bp: int) -> ReserveTerms:
    return bucket("bills", ReserveClass.SHORT_BILLS, weight_bp, days=1, haircut_bp=50)


def coin(name: str, **terms: object) -> CoinTerms:
    return CoinTerms(
        asset_id=AssetId(name), issuer=name, minters={"mint": 10**12}, venue_wallets=(VENUE,), **terms
    )  # type: ignore[arg-type]


CIRCLE_LIKE = coin(
    "RUBX",
    roles=keys_of("issuer"),
    wipe_allowed=False,
    reserves=(bucket("bank", ReserveClass.BANK_DEPOSIT, 2_000), bills(8_000)),
    redemption=RedemptionTerms(eligible_wallets=(ANN,), hours=OFFICE),
)
TETHER_LIKE = coin(
    "RUBY",
    roles=keys_of("issuer"),
    wipe_allowed=True,
    reissue=ReissueRule.OPTIONAL,
    mint_needs_receipt=False,
    freeze_stops_receiving=False,
    reserves=(
        bucket("bank", ReserveClass.CASH, 1_000),
        bills(7_000),
        bucket("other", ReserveClass.OTHER, 2_000, days=5, haircut_bp=1_000),
    ),
    redemption=RedemptionTerms(
        minimum=100_000 * ROUBLE, fee_fixed=1_000 * ROUBLE, fee_bp=10, instant=False, hours=OFFICE
    ),
)
A7A5_LIKE = coin(
    "RUBA",
    roles=keys_of(
        "issuer",
        apart=(
            Role(name=RoleName.MINTER, holders=OWNERS, quorum=3),
            Role(name=RoleName.WIPER, holders=OWNERS, quorum=5),
        ),
    ),
    wipe_allowed=True,
    freeze_stops_receiving=False,
    reserves=(bucket("one bank", ReserveClass.BANK_DEPOSIT, 10_000),),
    interest_share_bp=5_000,
)
DOMESTIC = coin(
    "RUBD",
    roles=keys_of("issuer", apart=(all_of(RoleName.VENUE_FREEZER, "central_bank"),)),
    wipe_allowed=True,
    reissue=ReissueRule.MANDATORY,
    mint_needs_reserves=True,
    pause_completes_batch=True,
    reserves=(
        *(bucket(f"bank {n}", ReserveClass.BANK_DEPOSIT, 2_000) for n in (1, 2, 3)),
        bills(4_000),
    ),
    redemption=RedemptionTerms(queue=QueueRule.PRO_RATA, hours=OFFICE),
)
BOE_LIKE = coin(
    "RUBB",
    roles=DOMESTIC.roles,
    mint_needs_reserves=True,
    pause_completes_batch=True,
    reserves=(bucket("central bank", ReserveClass.CENTRAL_BANK_DEPOSIT, 4_000), bills(6_000)),
    redemption=RedemptionTerms(hours=OFFICE),
)
PROFILES = (CIRCLE_LIKE, TETHER_LIKE, A7A5_LIKE, DOMESTIC, BOE_LIKE)
NOON = 12 * HOUR


def an_issuer(terms: CoinTerms) -> Issuer:
    """Ten million roubles received, and as many coins with Ann."""
    issuer = Issuer(terms)
    amount = 10_000_000 * ROUBLE
    assert issuer.record_receipt("r", amount, NOON) is None
    assert issuer.mint("mint", "r", ANN, amount, NOON, SIGNED) is None
    return issuer


@pytest.mark.parametrize("terms", PROFILES, ids=lambda terms: terms.asset_id)
def test_the_terms_are_sound(terms):
    assert fault_in_cash(terms) is None
    assert an_issuer(terms).audit() == []


def answers(act) -> dict[str, object]:
    return {terms.asset_id: act(an_issuer(terms)) for terms in PROFILES}


def test_who_still_receives_while_frozen():
    def receives(issuer: Issuer) -> bool:
        assert issuer.freeze(BOB, "order", SIGNED, NOON) is None
        return issuer.transfer(ANN, BOB, 100, NOON) is None

    assert answers(receives) == {"RUBX": False, "RUBY": True, "RUBA": True, "RUBD": False, "RUBB": False}


def test_whose_signatures_freeze_a_wallet_of_the_venue():
    def alone(issuer: Issuer) -> bool:
        return issuer.freeze(VENUE, "order", ("issuer",), NOON) is None

    assert answers(alone) == {"RUBX": True, "RUBY": True, "RUBA": True, "RUBD": False, "RUBB": False}


def test_what_a_wipe_takes():
    def wiped(issuer: Issuer, *anew: WalletId, by: tuple[str, ...] = SIGNED) -> CashRefusal | None:
        assert issuer.freeze(ANN, "order", SIGNED, NOON) is None
        return issuer.wipe(ANN, "order", by, NOON, *anew)

    never = CashRefusal.WIPE_NOT_ALLOWED
    assert answers(wiped) == {
        "RUBX": never, "RUBY": None, "RUBA": None, "RUBD": CashRefusal.REISSUE_MISSING, "RUBB": never,
    }  # fmt: skip
    assert wiped(an_issuer(DOMESTIC), BOB) is None
    four_of_five = ("issuer", *OWNERS[:4])
    assert wiped(an_issuer(A7A5_LIKE), by=four_of_five) is CashRefusal.SIGNATURES_MISSING


def test_what_is_minted_against_nothing():
    def minted(issuer: Issuer) -> bool:
        return issuer.mint("mint", "nothing", BOB, 100, NOON, SIGNED) is None

    assert answers(minted) == {"RUBX": False, "RUBY": True, "RUBA": False, "RUBD": False, "RUBB": False}
    three, two = OWNERS[:3], OWNERS[:2]
    for by, reason in ((three, None), (two, CashRefusal.SIGNATURES_MISSING)):
        issuer = an_issuer(A7A5_LIKE)
        assert issuer.record_receipt("more", 100, NOON) is None
        assert issuer.mint("mint", "more", BOB, 100, NOON, by) is reason


def test_who_is_redeemed_at_once_and_what_it_costs():
    def redeemed(issuer: Issuer) -> tuple[object, ...]:
        roubles = []
        for amount in (50_000 * ROUBLE, 200_000 * ROUBLE):
            ticket = issuer.request(ANN, amount, NOON, eligible=issuer.is_eligible(ANN, None))
            if not isinstance(ticket, Ticket):
                roubles.append(ticket)
            else:
                roubles.append("at once" if issuer.can_pay_at_once(ticket, NOON) else ticket.fee_due)
                issuer.cancel(ticket.ticket_id, NOON)
        return tuple(roubles)

    par = ("at once", "at once")
    assert answers(redeemed) == {
        "RUBX": par, "RUBY": (CashRefusal.BELOW_MINIMUM, 1_000 * ROUBLE), "RUBA": par, "RUBD": par, "RUBB": par,
    }  # fmt: skip
    for issuer in map(an_issuer, PROFILES):
        assert issuer.is_eligible(BOB, None) == (issuer.terms is not CIRCLE_LIKE)


def test_how_much_can_be_paid_within_a_day():
    def liquid(issuer: Issuer) -> int:
        return issuer.reserves.liquid * 100 // issuer.reserves.book

    assert answers(liquid) == {"RUBX": 20, "RUBY": 10, "RUBA": 100, "RUBD": 60, "RUBB": 40}

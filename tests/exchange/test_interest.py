"""Interest on a coin whose balances are raised: shares, rounding, and what falls on wallets that are not."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.cash.interest import rebase
from exchange.cash.issuer import Issuer
from exchange.cash.terms import CoinTerms, keys_of
from exchange.reasons import CashRefusal
from exchange.units import AssetId, WalletId

ANN, BOB, CYD, VENUE = (WalletId(name) for name in ("w-ann", "w-bob", "w-cyd", "w-venue"))
KEYS = ("issuer",)
TERMS = CoinTerms(
    asset_id=AssetId("RUBA"),
    issuer="Deposit Coin",
    minters={"mint": 10**9},
    venue_wallets=(VENUE,),
    roles=keys_of("issuer"),
    interest_share_bp=5_000,
)


def an_issuer(**held: int) -> Issuer:
    issuer = Issuer(TERMS)
    for number, (name, amount) in enumerate(held.items()):
        assert issuer.record_receipt(str(number), amount, 1) is None
        assert issuer.mint("mint", str(number), WalletId(f"w-{name}"), amount, 1) is None
    return issuer


def collect(issuer: Issuer, *wallets: WalletId) -> list[int]:
    return [issuer.collect_interest(wallet, 3) for wallet in wallets]


def test_rounding_leaves_less_than_one_unit_a_holder():
    """E21: 3 holders of 100 each and 5 of interest: 101 each, and 2 are left for the next time."""
    assert rebase({ANN: 100, BOB: 100, CYD: 100}, 5) == ({ANN: 1, BOB: 1, CYD: 1}, 2)
    assert rebase({}, 5) == ({}, 5)


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=30), st.integers(0, 10**12))
def test_balances_come_to_the_liquidity_but_for_less_than_one_unit_a_holder(held, interest):
    """I-47, with each balance the holder's shares times liquidity over supply, rounded down."""
    shares = {WalletId(f"w{n}"): amount for n, amount in enumerate(held)}
    gains, dust = rebase(shares, interest)
    supply, liquidity = sum(held), sum(held) + interest
    after = {wallet: amount + gains.get(wallet, 0) for wallet, amount in shares.items()}
    assert all(after[w] == amount * liquidity // supply for w, amount in shares.items())
    assert sum(after.values()) <= liquidity < sum(after.values()) + len(held)
    assert dust == liquidity - sum(after.values())


def test_half_of_the_income_becomes_coins_and_the_rest_is_the_issuers():
    issuer = an_issuer(ann=200, bob=100)
    assert issuer.distribute(61, 2) == 30
    assert collect(issuer, ANN, BOB) == [20, 10]
    assert (issuer.supply, issuer.reserves.book, issuer.own_funds) == (330, 361, 31)
    assert issuer.audit() == []


def test_what_falls_on_a_venue_wallet_or_a_frozen_one_is_set_aside_and_earns_as_coins_do():
    issuer = an_issuer(ann=100, venue=100)
    assert issuer.freeze(ANN, "order", KEYS, 2) is None
    assert issuer.distribute(200, 2) == 100
    assert collect(issuer, ANN) == [0]
    assert (issuer.balance(ANN), issuer.balance(VENUE)) == (100, 100)  # neither has moved
    assert issuer.audit() == []
    assert issuer.distribute(100, 3) == 50
    assert issuer.unfreeze(ANN, "order", KEYS, 4) is None
    assert collect(issuer, ANN, VENUE, CYD) == [75, 75, 0]
    assert issuer.supply == 350
    assert issuer.audit() == []


def test_coins_that_wait_for_redemption_earn_nothing():
    issuer = an_issuer(ann=100, bob=100)
    issuer.request(ANN, 100, 2)
    assert issuer.distribute(20, 2) == 10
    assert collect(issuer, ANN, BOB, TERMS.issuer_wallet) == [0, 10, 0]


def test_with_nobody_to_get_it_all_the_income_is_the_issuers():
    issuer = an_issuer()
    assert issuer.distribute(20, 2) == 0
    assert issuer.own_funds == 20
    assert issuer.audit() == []


def test_nothing_is_distributed_or_collected_during_a_pause():
    issuer = an_issuer(ann=100)
    issuer.distribute(20, 2)
    assert issuer.pause(KEYS) is None
    assert issuer.distribute(20, 2) is CashRefusal.ISSUER_PAUSED
    assert collect(issuer, ANN) == [0]
    assert issuer.unpause(KEYS) is None
    assert collect(issuer, ANN) == [10]
    assert issuer.audit() == []

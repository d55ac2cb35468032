"""What is done with a keeper's keys: at once or after a delay, and what it means for the venue's own wallets."""

import pytest

from exchange.cash.terms import InterestRule, ReissueRule, Role, RoleName, all_of, keys_of
from exchange.clearing import accounts
from exchange.commands import (
    AttestReserves,
    CancelKeyOperation,
    ChangeIssuerState,
    ChangeRole,
    ConfigureMinter,
    DistributeInterest,
    FreezeWallet,
    PauseIssuer,
    ReissueCoins,
    RemoveMinter,
    UnpauseIssuer,
    WipeWallet,
    WithdrawCash,
)
from exchange.events import (
    CoinRequestRefused,
    CoinsReissued,
    CustodyGated,
    CustodyReopened,
    Event,
    InterestCredited,
    InterestDistributed,
    IssuerPaused,
    IssuerState,
    IssuerStateChanged,
    KeyOperationAnnounced,
    KeyOperationCanceled,
    LossAllocated,
    MinterConfigured,
    MinterRemoved,
    ReservesAttested,
    RoleChanged,
    VenueInterestTaken,
    WalletFrozen,
    WalletWiped,
    WithdrawalCompleted,
    WithdrawalReturned,
)
from exchange.messages import changed
from exchange.reasons import CashRefusal
from exchange.units import HOUR, SECOND, AssetId, Money, WalletId
from matching.terms import ParticipantId
from tests.builders import RUBD, Venue, coin_terms, of_kind

ANN, BOB = ParticipantId("ann"), ParticipantId("bob")
ANN_W = WalletId("wallet-ann")
FIRST, SECOND_W = WalletId("venue-1"), WalletId("venue-2")
KEYS = ("issuer", "central_bank")
COSIGNED = all_of(RoleName.VENUE_FREEZER, "central_bank")
SLOW_FREEZER = Role(name=RoleName.FREEZER, holders=("a", "b", "c"), quorum=2, delay=HOUR)


def a_venue(*apart: Role, wallets: int = 2, cosigned: Role = COSIGNED, **terms: object) -> Venue:
    """Ann has paid in 600 and Bob 400, in as many wallets of the venue; Ann has 100 outside."""
    roles = keys_of("issuer", apart=(cosigned, *apart))
    venue = Venue(coin=coin_terms(wallets, roles=roles, **terms))
    venue.admit(ANN, 600)
    venue.admit(BOB, 400)
    venue.mint(ANN_W, 100)
    return venue


def freeze(wallet: WalletId, *signatures: str) -> FreezeWallet:
    return FreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="order", signatures=signatures)


def wipe(wallet: WalletId, reissue_to: WalletId | None = None) -> WipeWallet:
    return WipeWallet(
        asset_id=RUBD, wallet_id=wallet, order_ref="order", signatures=KEYS, reissue_to=reissue_to
    )


def refusal(events: list[Event]) -> CashRefusal:
    (event,) = events
    assert isinstance(event, CoinRequestRefused)
    return event.reason


def held(venue: Venue, wallet: WalletId) -> Money:
    return venue.state.holdings[RUBD].issuer.balance(wallet)


# --- delays ---------------------------------------------------------------------------------------------


def test_what_a_slow_key_is_used_for_is_announced_and_done_later():
    venue = a_venue(SLOW_FREEZER)
    assert venue.tell(freeze(ANN_W, "a", "c")) == [
        KeyOperationAnnounced(
            asset_id=RUBD, operation_id=1, request="FreezeWallet", wallet_id=ANN_W, due=venue.now + HOUR
        )
    ]
    assert not of_kind(venue.wait_until(venue.now + HOUR - 1), WalletFrozen)
    assert of_kind(venue.wait_until(venue.now + 1), WalletFrozen) == [
        WalletFrozen(asset_id=RUBD, wallet_id=ANN_W, order_ref="order")
    ]


def test_an_announced_freeze_leaves_time_to_leave():
    """What the venue can still do within the delay: its participants take their coins out."""
    venue = a_venue(SLOW_FREEZER, wallets=1)
    venue.tell(freeze(FIRST, "a", "b", "central_bank"))
    venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=600))
    venue.wait_until(venue.now + HOUR)
    assert held(venue, ANN_W) == 700
    assert venue.state.holdings[RUBD].frozen == 400


def test_too_few_signatures_announce_nothing():
    venue = a_venue(SLOW_FREEZER)
    assert refusal(venue.tell(freeze(ANN_W, "a"))) is CashRefusal.SIGNATURES_MISSING
    assert refusal(venue.tell(freeze(FIRST, "a", "b"))) is CashRefusal.SIGNATURES_MISSING
    assert venue.state.holdings[RUBD].announced == {}


def test_what_is_announced_can_be_taken_back_by_those_who_may_sign_for_it():
    venue = a_venue(SLOW_FREEZER)
    venue.tell(freeze(ANN_W, "a", "c"))
    cancel = CancelKeyOperation(asset_id=RUBD, operation_id=1, signatures=("a",))
    assert refusal(venue.tell(cancel)) is CashRefusal.SIGNATURES_MISSING
    assert venue.tell(changed(cancel, signatures=("b", "c"))) == [
        KeyOperationCanceled(asset_id=RUBD, operation_id=1)
    ]
    assert refusal(venue.tell(cancel)) is CashRefusal.UNKNOWN_OPERATION
    assert not of_kind(venue.wait_until(venue.now + HOUR), WalletFrozen)


def test_what_is_announced_is_done_by_the_roles_of_the_later_instant():
    venue = a_venue(SLOW_FREEZER)
    venue.tell(freeze(ANN_W, "a", "c"))
    others = ChangeRole(
        asset_id=RUBD, role=RoleName.FREEZER, holders=("x",), quorum=1, delay=0, signatures=("issuer",)
    )
    assert venue.tell(others) == [
        RoleChanged(asset_id=RUBD, role=RoleName.FREEZER, holders=("x",), quorum=1, delay=0)
    ]
    (refused,) = of_kind(venue.wait_until(venue.now + HOUR), CoinRequestRefused)
    assert refused.reason is CashRefusal.SIGNATURES_MISSING
    assert of_kind(venue.tell(freeze(ANN_W, "x")), WalletFrozen)


def test_the_slower_of_two_keys_counts():
    venue = a_venue(cosigned=changed(COSIGNED, delay=HOUR))
    assert of_kind(venue.tell(freeze(ANN_W, "issuer")), WalletFrozen)
    (told,) = venue.tell(freeze(FIRST, *KEYS))
    assert isinstance(told, KeyOperationAnnounced)
    assert of_kind(venue.wait_until(told.due), CustodyGated)


# --- states, minters, attestation -----------------------------------------------------------------------


def test_keys_that_are_no_freeze_need_signatures_and_tell_what_they_did():
    venue = a_venue()
    for command, told in (
        (
            ConfigureMinter(asset_id=RUBD, minter="new", allowance=7, signatures=KEYS),
            MinterConfigured(asset_id=RUBD, minter="new", allowance=7),
        ),
        (
            RemoveMinter(asset_id=RUBD, minter="new", signatures=KEYS),
            MinterRemoved(asset_id=RUBD, minter="new"),
        ),
        (
            AttestReserves(asset_id=RUBD, signatures=KEYS),
            ReservesAttested(asset_id=RUBD, supply=1_100, book=1_100, accessible=1_100, liquid=1_100),
        ),
        (
            ChangeIssuerState(asset_id=RUBD, state=IssuerState.MINT_SUSPENDED, signatures=KEYS),
            IssuerStateChanged(asset_id=RUBD, state=IssuerState.MINT_SUSPENDED, before=IssuerState.ACTIVE),
        ),
    ):
        assert refusal(venue.tell(changed(command, signatures=("x",)))) is CashRefusal.SIGNATURES_MISSING
        assert venue.tell(command) == [told]


def test_during_a_pause_a_minter_can_be_taken_away_but_not_given_more():
    venue = a_venue()
    venue.tell(PauseIssuer(asset_id=RUBD, signatures=KEYS))
    more = ConfigureMinter(asset_id=RUBD, minter="minter", allowance=7, signatures=KEYS)
    assert refusal(venue.tell(more)) is CashRefusal.ISSUER_PAUSED
    assert venue.tell(RemoveMinter(asset_id=RUBD, minter="minter", signatures=KEYS)) == [
        MinterRemoved(asset_id=RUBD, minter="minter")
    ]


@pytest.mark.parametrize(("completes", "ending"), [(True, WithdrawalCompleted), (False, WithdrawalReturned)])
def test_a_pause_lets_what_is_on_its_way_out_leave_if_the_terms_say_so(completes, ending):
    venue = a_venue(pause_completes_batch=completes)
    venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=200))
    events = venue.tell(PauseIssuer(asset_id=RUBD, signatures=KEYS))
    assert events[-1] == IssuerPaused(asset_id=RUBD)
    events += venue.wait_until(venue.now + 2 * SECOND)
    assert [
        type(event) for event in events if isinstance(event, WithdrawalCompleted | WithdrawalReturned)
    ] == [ending]
    assert held(venue, ANN_W) == (300 if completes else 100)


# --- wipe and reissue -----------------------------------------------------------------------------------


def test_a_venue_wallet_is_destroyed_and_issued_anew_in_one_instant_and_nobody_loses():
    """As an issuer did with most of its supply in August 2025: the mirror follows from one wallet to the other."""
    venue = a_venue(wipe_allowed=True, reissue=ReissueRule.MANDATORY)
    venue.tell(freeze(FIRST, *KEYS))
    assert refusal(venue.tell(wipe(FIRST))) is CashRefusal.REISSUE_MISSING
    amount = held(venue, FIRST)
    assert amount == 600
    assert venue.tell(wipe(FIRST, SECOND_W)) == [
        WalletWiped(asset_id=RUBD, wallet_id=FIRST, amount=600, supply=500),
        CoinsReissued(asset_id=RUBD, wallet_id=SECOND_W, amount=600, wipe_ref="order", supply=1_100),
        CustodyReopened(asset_id=RUBD, mobile=1_000),
    ]
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (600, 400)
    assert (held(venue, FIRST), held(venue, SECOND_W)) == (0, 1_000)


def test_a_venue_wallet_that_is_issued_anew_elsewhere_is_lost_to_the_venue():
    venue = a_venue(wipe_allowed=True)
    venue.tell(freeze(SECOND_W, *KEYS))
    events = venue.tell(wipe(SECOND_W, WalletId("somebody")))
    lost = LossAllocated(asset_id=RUBD, loss=400, house=0, holders=400, grounds="order")
    assert of_kind(events, LossAllocated) == [lost]
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (360, 240)
    assert held(venue, WalletId("somebody")) == 400


def test_what_is_issued_anew_later_goes_to_those_who_bore_the_loss():
    """To whichever wallet of the venue: the order under which it was wiped says whose it was."""
    venue = a_venue(wipe_allowed=True)
    venue.tell(freeze(SECOND_W, *KEYS))
    venue.tell(wipe(SECOND_W))
    again = ReissueCoins(asset_id=RUBD, wallet_id=FIRST, amount=400, wipe_ref="order", signatures=KEYS)
    assert refusal(venue.tell(changed(again, signatures=("issuer",)))) is CashRefusal.SIGNATURES_MISSING
    assert refusal(venue.tell(changed(again, wipe_ref="?"))) is CashRefusal.UNKNOWN_WIPE
    assert of_kind(venue.tell(again), CoinsReissued) == [
        CoinsReissued(asset_id=RUBD, wallet_id=FIRST, amount=400, wipe_ref="order", supply=1_100)
    ]
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (600, 400)
    assert venue.state.ledger.posted(accounts.loss_layer(RUBD)) == 0


def test_an_outside_wallet_issued_anew_to_a_venue_wallet_is_a_gift_to_the_house():
    venue = a_venue(wipe_allowed=True)
    venue.tell(freeze(ANN_W, "issuer"))
    venue.tell(wipe(ANN_W, FIRST))
    assert venue.state.ledger.posted(accounts.loss_layer(RUBD)) == 100


# --- interest -------------------------------------------------------------------------------------------


def earn(venue: Venue, income: Money) -> list[Event]:
    return venue.tell(DistributeInterest(asset_id=RUBD, income=income))


def test_interest_on_the_venues_wallets_is_the_houses_or_goes_on_to_the_holders():
    """E21: the mirror keeps its amount until the venue has collected what fell on it. 1,100 coins earn 220."""
    venue = a_venue(interest_share_bp=5_000)
    assert earn(venue, 440) == [
        InterestDistributed(asset_id=RUBD, income=440, holders=220, set_aside=0, supply=1_320),
        VenueInterestTaken(asset_id=RUBD, amount=200, house=200, holders=0),
    ]
    assert (held(venue, ANN_W), venue.free_cash(ANN), venue.free_cash(BOB)) == (120, 600, 400)

    venue = a_venue(interest_share_bp=5_000, venue_interest=InterestRule.HOLDERS)
    assert earn(venue, 440)[1:] == [
        VenueInterestTaken(asset_id=RUBD, amount=200, house=0, holders=200),
        InterestCredited(participant_id=ANN, asset_id=RUBD, amount=120),
        InterestCredited(participant_id=BOB, asset_id=RUBD, amount=80),
    ]
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (720, 480)


def test_interest_of_a_frozen_venue_wallet_waits_for_its_thaw():
    venue = a_venue(interest_share_bp=10_000)
    venue.tell(freeze(FIRST, *KEYS))
    (told, taken) = earn(venue, 110)
    assert isinstance(told, InterestDistributed) and isinstance(taken, VenueInterestTaken)
    assert (told.set_aside, taken.amount) == (60, 40)
    assert held(venue, FIRST) == 600


def test_a_coin_without_interest_and_one_that_is_paused_distribute_none():
    assert refusal(earn(a_venue(), 440)) is CashRefusal.PAYS_NO_INTEREST
    venue = a_venue(interest_share_bp=5_000)
    venue.tell(PauseIssuer(asset_id=RUBD, signatures=KEYS))
    assert refusal(earn(venue, 440)) is CashRefusal.ISSUER_PAUSED
    venue.tell(UnpauseIssuer(asset_id=RUBD, signatures=KEYS))
    assert len(earn(venue, 440)) == 2


def test_a_key_of_an_unknown_asset_opens_nothing():
    unknown = changed(freeze(ANN_W, *KEYS), asset_id=AssetId("XYZ"))
    assert refusal(a_venue().tell(unknown)) is CashRefusal.UNKNOWN_ASSET

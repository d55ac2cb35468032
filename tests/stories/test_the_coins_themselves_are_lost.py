"""Coins in the venue's wallets are wiped, written down, stolen, paid away, and issued again: who bears it, and that a
default fund never does. Under full cover a loss that free cash cannot bear reaches the pools; under margin, collateral.
"""

import pytest

from exchange.access.regime import CashRules
from exchange.cash.losses import LossCause
from exchange.cash.terms import CoinTerms, keys_of
from exchange.clearing.terms import ClearingMode
from exchange.commands import (
    FreezeParticipant,
    FreezeWallet,
    HouseLayer,
    ListInstrument,
    OpenVenueWallet,
    RecordCashLoss,
    RecordOperationalLoss,
    ResumeInstrument,
    TransferCash,
    WipeWallet,
    WithdrawCash,
)
from exchange.events import (
    CancelCause,
    CashHalt,
    CashHalted,
    ClaimSettled,
    CoinRequestRefused,
    CustodyGated,
    DirectiveRefused,
    Event,
    LossAllocated,
    LossRestored,
    LossShared,
    LossUndone,
    MarginCalled,
    OrderCanceled,
    OrderRejected,
    PoolCut,
    PoolRestored,
    SeriesState,
    VenueWalletOpened,
    WithdrawalReturned,
)
from exchange.instruments import ContractKind
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import DAY, MINUTE, SECOND, WalletId
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CYD,
    EXPIRY,
    RUBD,
    SELL,
    Venue,
    a_patient_index,
    a_risk_regime,
    coin_terms,
    future,
    of_kind,
    option,
)
from tests.stories.modes import BOTH_MODES, regime_of

KEYS = ("issuer", "central_bank")
FIRST, NEW, THIEF = WalletId("venue-1"), WalletId("venue-new"), WalletId("thief")


def a_foreign_coin(wallets: int = 1, **changes: object) -> CoinTerms:
    """Its issuer alone freezes and wipes, whosever the wallet is."""
    return coin_terms(wallets, **{"wipe_allowed": True, "roles": keys_of("issuer"), **changes})


def freeze(venue: Venue, wallet: WalletId = FIRST, **options: object) -> list[Event]:
    return venue.tell(
        FreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="order 1", signatures=KEYS, **options)  # type: ignore[arg-type]
    )


def wipe(venue: Venue, wallet: WalletId = FIRST) -> list[Event]:
    return venue.tell(WipeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="wipe 1", signatures=KEYS))


def lose(
    venue: Venue, amount: int, cause: LossCause = LossCause.ISSUER_DEFAULT, **more: object
) -> list[Event]:
    fields = {"wallet_id": FIRST, "grounds": "reserves of 80 for 100", **more}
    return venue.tell(RecordCashLoss(asset_id=RUBD, amount=amount, cause=cause, **fields))  # type: ignore[arg-type]


def parts(events: list[Event]) -> dict[str, tuple[int, int, int]]:
    """By participant: its part, and what of it came out of collateral and of locks."""
    told = of_kind(events, LossShared)
    return {one.participant_id: (one.amount, one.from_margin, one.from_locks) for one in told}


def of_two(**coin: object) -> Venue:
    """Ann has bought a lot from Bob: 800,000 of each are locked. Beside it Ann has 200,000, Bob nothing."""
    venue = Venue(coin=coin_terms(wipe_allowed=True, **coin))
    for name, cash in ((ANN, 1_000_000), (BOB, 800_000)):
        venue.admit(name, cash)
    venue.trade(ANN, BOB, 1, 80_000)
    assert (venue.pool(), venue.free_cash(ANN), venue.free_cash(BOB)) == (1_600_000, 200_000, 0)
    return venue


def test_a_share_is_of_what_the_wallet_holds_rounded_down_and_no_more_than_all():
    venue = Venue(coin=coin_terms())
    venue.admit(ANN, 1_003)
    wrong: dict[str, int]
    for wrong in ({"share_bp": 10_001}, {"share_bp": -1}):
        (refused,) = lose(venue, 0, **wrong)
        assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.SHARE_OUT_OF_RANGE
    (nothing,) = lose(venue, 0, share_bp=9)  # 0.9 of a unit
    assert isinstance(nothing, CoinRequestRefused) and nothing.reason is CashRefusal.AMOUNT_NOT_POSITIVE
    assert [event.loss for event in of_kind(lose(venue, 0, share_bp=2_000), LossAllocated)] == [200]
    assert [event.loss for event in of_kind(lose(venue, 3), LossAllocated)] == [3]


# --- under full cover -----------------------------------------------------------------------------------


def test_an_issuer_that_has_lost_a_fifth_scales_all_claims():
    """F16: of 1,800,000 a fifth is gone. Ann's part is taken from free cash, Bob's from what he has locked."""
    venue = of_two()
    events = lose(venue, 360_000)
    assert of_kind(events, LossAllocated) == [
        LossAllocated(
            asset_id=RUBD, loss=360_000, house=0, holders=360_000, cause=LossCause.ISSUER_DEFAULT,
            grounds="reserves of 80 for 100",
        )
    ]  # fmt: skip
    assert parts(events) == {ANN: (200_000, 0, 0), BOB: (160_000, 0, 160_000)}
    assert of_kind(events, PoolCut) == [PoolCut(bucket_id=future().bucket_id, lost=160_000, pool=1_440_000)]
    assert venue.state.holdings[RUBD].issuer.supply == 1_440_000


@pytest.mark.parametrize(
    ("price", "paid"),
    [
        (80_000, {ANN: (800_000, 0), BOB: (640_000, 160_000)}),  # each its lock; Bob bears his own part
        (0, {ANN: (0, 0), BOB: (1_440_000, 160_000)}),
        (156_000, {ANN: (1_440_000, 120_000), BOB: (0, 40_000)}),  # Bob's claim of 40,000 is too small
        (160_000, {ANN: (1_440_000, 160_000), BOB: (0, 0)}),
    ],
)
def test_a_pool_that_is_short_pays_what_it_has_and_each_claim_bears_its_own_cut_first(price, paid):
    """I-21 in the form that holds then: the payouts add up to the pool, none is negative, and it is empty."""
    venue = of_two()
    lose(venue, 360_000)
    events = venue.quote_until(EXPIRY + SECOND, max(price, 1) * 10_000)
    settled = of_kind(events, ClaimSettled)
    if price == 0:
        paid = {ANN: (10, 0), BOB: (1_439_990, 160_000)}  # an index is never nothing: one tick
    assert {one.participant_id: (one.payout, one.cut) for one in settled} == paid
    assert sum(one.payout for one in settled) == 1_440_000 and venue.pool() == 0


def test_nobody_closes_and_is_paid_whole_out_of_a_pool_that_is_short():
    venue = of_two()
    venue.admit(CYD, 10_000_000)
    order = venue.rest(CYD, BUY, 1, 79_000)
    events = lose(venue, 11_800_000 // 5)
    assert venue.state.series[BTCF].state is SeriesState.SUSPENDED
    refused = venue.place(ANN, SELL, 1, 79_000)[0]
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSTRUMENT_HALTED
    assert isinstance(venue.tell(ResumeInstrument(instrument_id=BTCF))[0], DirectiveRefused)
    listed = venue.tell(ListInstrument(instrument=option(ContractKind.CALL, 90_000)))
    assert isinstance(listed[0], DirectiveRefused) and "short" in listed[0].explanation
    assert order in venue.state.seats[CYD].orders and not of_kind(events, OrderCanceled)


def test_orders_end_only_if_their_owners_part_reaches_into_what_they_hold():
    venue = of_two()
    venue.admit(CYD, 1_000_000)
    venue.rest(CYD, BUY, 1, 80_000)  # holds 800,000 of it
    events = lose(venue, 2_800_000 // 4)
    canceled = of_kind(events, OrderCanceled)
    assert [(one.participant_id, one.cause) for one in canceled] == [(CYD, CancelCause.CASH_LOST)]
    assert parts(events) == {ANN: (250_000, 0, 50_000), BOB: (200_000, 0, 200_000), CYD: (250_000, 0, 0)}
    assert (venue.free_cash(CYD), venue.held(CYD)) == (750_000, 0)


def test_a_loss_reaches_the_layer_its_cap_and_the_insurance_before_the_holders():
    """F9 and E18: the layer gives no more than its cap for one loss."""
    venue = of_two(loss_layer_cap=60_000)
    venue.fund_house(HouseLayer.LOSS_LAYER, 100_000)
    venue.fund_house(HouseLayer.LOSS_INSURANCE, 40_000)
    told = of_kind(lose(venue, 120_000, LossCause.STOLEN, target=THIEF), LossAllocated)[0]
    assert (told.house, told.insurance, told.holders, told.nobody) == (60_000, 40_000, 20_000, 0)
    assert venue.state.holdings[RUBD].keeper.balance(THIEF) == 120_000


def test_a_participant_under_a_legal_order_bears_its_part_as_well():
    venue = of_two()
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="court"))
    assert parts(lose(venue, 180_000))[ANN] == (100_000, 0, 0)
    assert venue.free_cash(ANN) == 100_000
    assert venue.state.ledger.is_frozen_out(venue.state.seats[ANN].cash_account)


def test_money_paid_away_in_error_is_shared_in_the_same_way():
    venue = of_two()
    paid = RecordOperationalLoss(asset_id=RUBD, amount=180_000, target=THIEF, grounds="a wrong address")
    told = of_kind(venue.tell(paid), LossAllocated)[0]
    assert (told.loss, told.holders, told.cause) == (180_000, 180_000, LossCause.OPERATIONAL)
    assert venue.state.holdings[RUBD].keeper.balance(THIEF) == 180_000


def test_a_withdrawal_on_its_way_comes_back_if_its_wallet_cannot_send_it_any_more():
    venue = of_two()
    venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=200_000))
    events = lose(venue, 1_700_000)
    (returned,) = of_kind(events, WithdrawalReturned)
    assert returned.reason is CashRefusal.CASH_LOST
    assert parts(events)[ANN] == (944_444, 0, 744_444)


def test_beyond_everything_the_venue_is_at_its_end():
    """The fees are not the holders', and no claim is left to cut: nothing enters, leaves or trades any more."""
    venue = Venue(future(fee_taker=1_000, fee_maker=1_000), coin=coin_terms(wipe_allowed=True))
    for name in (ANN, BOB):
        venue.admit(name, 1_000_000)
    venue.trade(ANN, BOB, 1, 80_000)
    freeze(venue)
    events = wipe(venue)
    (told,) = of_kind(events, LossAllocated)
    assert (told.loss, told.holders, told.nobody) == (2_000_000, 1_998_000, 2_000)
    assert [event.cause for event in of_kind(events, CashHalted)] == [CashHalt.WOUND_DOWN]
    (rejected,) = venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=1))
    assert rejected.reason is CashRefusal.WINDING_DOWN


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"wallet_id": WalletId("wallet-ann")}, CashRefusal.UNKNOWN_WALLET),
        ({"grounds": ""}, CashRefusal.NO_GROUNDS),
        ({"cause": LossCause.WIPED}, CashRefusal.SIGNATURES_MISSING),
        ({"amount": 0}, CashRefusal.AMOUNT_NOT_POSITIVE),
        ({"amount": 1_800_001}, CashRefusal.INSUFFICIENT_FUNDS),
        ({"cause": LossCause.STOLEN, "target": FIRST}, CashRefusal.WALLET_OF_THE_VENUE),
    ],
)
def test_a_loss_that_cannot_be_is_refused_and_changes_nothing(changes, reason):
    venue = of_two()
    head = venue.state.ledger.head()
    (refused,) = lose(venue, **{"amount": 1, **changes})
    assert isinstance(refused, CoinRequestRefused) and refused.reason is reason
    assert venue.state.ledger.head() == head


# --- wiped, and issued again ----------------------------------------------------------------------------


# Everything that Ann, long a lot at 80,000 ticks of 10, and Bob, short it, have on the venue is wiped. In full each has
# locked 800,000, what the lot can lose between 0 and twice its price. Under margin the long lot's worst scenario is the
# price 16% lower, 128,000 (half lower counts by 30%: 120,000); the short lot's is the price doubled, of which 30%
# count: 240,000. The margin has not moved in thirty days of one price. The rest is their free cash.
ALL_OF_IT = {
    ClearingMode.FULL: {ANN: (1_000_000, 0, 800_000), BOB: (1_000_000, 0, 800_000)},
    ClearingMode.RISK: {ANN: (1_000_000, 128_000, 0), BOB: (1_000_000, 240_000, 0)},
}


@BOTH_MODES
def test_a_foreign_issuer_freezes_and_wipes_after_thirty_days(mode):
    """F9: at the freeze the asset is halted and the gate closed; at the wipe claims are cut by their parts."""
    series = future(expiry=EXPIRY + 60 * DAY)
    rules = CashRules(settlement_asset=RUBD, halt_on_freeze=True)
    venue = Venue(
        series,
        coin=a_foreign_coin(expected_recovery_bp=2_500),
        regime=regime_of(mode, cash=rules),
        index=a_patient_index(interval=MINUTE),
    )
    for name, cash in ((ANN, 1_000_000), (BOB, 1_000_000)):
        venue.admit(name, cash)
    venue.quote(800_000_000)
    venue.wait_until(venue.now + MINUTE)
    venue.trade(ANN, BOB, 1, 80_000)
    frozen = freeze(venue)
    assert frozen[1] == CustodyGated(asset_id=RUBD, mobile=0, frozen=2_000_000)
    assert isinstance(frozen[2], CashHalted) and frozen[2].cause is CashHalt.FROZEN
    holding = venue.state.holdings[RUBD]
    assert list(holding.halts) == [CashHalt.FROZEN] and holding.recoverable_ppm == 250_000
    assert venue.state.series[BTCF].state is SeriesState.SUSPENDED
    (rejected,) = venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=1))
    assert rejected.reason is CashRefusal.GATED
    venue.wait_until(venue.now + 30 * DAY)
    assert parts(wipe(venue)) == ALL_OF_IT[mode]
    assert [venue.free_cash(name) for name in (ANN, BOB)] == [0, 0]
    if mode is ClearingMode.FULL:
        assert venue.pool(series) == 0
    else:
        assert [venue.state.ledger.posted(venue.standing(name).collateral) for name in (ANN, BOB)] == [0, 0]


def test_what_is_issued_again_to_a_new_wallet_restores_whoever_lost():
    """F17: four fifths of the supply are wiped and issued anew; I-11 is audited after every command."""
    venue = of_two(wallets=1)
    before = (venue.free_cash(ANN), venue.free_cash(BOB), venue.pool())
    venue.mint(WalletId("outside"), 450_000)  # a fifth of all there is stays untouched
    freeze(venue)
    wiped = wipe(venue)
    assert parts(wiped) == {ANN: (1_000_000, 0, 800_000), BOB: (800_000, 0, 800_000)}
    opened = venue.tell(OpenVenueWallet(asset_id=RUBD, wallet_id=NEW, replaces=FIRST))
    assert opened == [VenueWalletOpened(asset_id=RUBD, wallet_id=NEW, replaces=FIRST)]
    venue.mint(WalletId("treasury of the issuer"), 1_800_000)
    again = TransferCash(
        asset_id=RUBD, source=WalletId("treasury of the issuer"), target=NEW, amount=1_800_000
    )
    events = venue.tell(again)
    assert of_kind(events, LossUndone) == [
        LossUndone(asset_id=RUBD, amount=1_800_000, house=0, holders=1_800_000)
    ]
    assert of_kind(events, LossRestored)[0] == LossRestored(
        participant_id=ANN, asset_id=RUBD, amount=1_000_000, to_locks=800_000
    )
    assert of_kind(events, PoolRestored)[0].pool == 1_600_000
    assert (venue.free_cash(ANN), venue.free_cash(BOB), venue.pool()) == before
    assert venue.state.series[BTCF].state is SeriesState.TRADING
    assert venue.place(ANN, SELL, 1, 80_000)


def test_a_part_that_comes_back_restores_in_parts_and_the_house_last():
    venue = of_two()
    venue.fund_house(HouseLayer.LOSS_LAYER, 20_000)
    freeze(venue)
    wipe(venue)
    venue.tell(OpenVenueWallet(asset_id=RUBD, wallet_id=NEW, replaces=FIRST))
    venue.mint(NEW, 900_000)
    assert venue.pool() == 800_000 + 100_000 - venue.free_cash(ANN)
    venue.mint(NEW, 900_000 + 20_000 + 5)
    assert venue.pool() == 1_600_000
    layer = venue.state.ledger.available("ccp:ndl:RUBD")
    assert (layer, venue.free_cash(ANN)) == (20_005, 200_000)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({"wallet_id": FIRST}, CashRefusal.WALLET_OF_THE_VENUE),
        ({"wallet_id": WalletId("wallet-ann")}, CashRefusal.WALLET_TAKEN),
        ({"wallet_id": NEW, "replaces": THIEF}, CashRefusal.UNKNOWN_WALLET),
        ({"wallet_id": NEW, "replaces": FIRST}, CashRefusal.WALLET_IN_USE),
    ],
)
def test_a_wallet_that_cannot_be_the_venues_is_refused(command, reason):
    (refused,) = of_two().tell(OpenVenueWallet(asset_id=RUBD, **command))
    assert isinstance(refused, CoinRequestRefused) and refused.reason is reason


# --- under margin ---------------------------------------------------------------------------------------


def under_margin(**coin: object) -> Venue:
    """Ann is long ten lots of Bob's, both are members; their initial margin is posted and each has cash beside."""
    venue = Venue(regime=a_risk_regime(), coin=coin_terms(wipe_allowed=True, **coin))
    for name in (ANN, BOB):
        venue.admit_member(name, 3_000_000)
    venue.quote(800_000_000)
    venue.wait_until(venue.now + 10 * SECOND)
    venue.trade(ANN, BOB, 10, 80_000)
    return venue


def test_under_margin_a_loss_is_taken_from_cash_and_collateral_and_a_call_follows():
    """F9 and F16: the default fund bears nothing of it (I-35)."""
    venue = under_margin()
    funds = {name: venue.state.ledger.posted(venue.standing(name).fund) for name in (ANN, BOB)}
    posted = venue.state.ledger.posted(venue.standing(ANN).collateral)
    assert posted > 0
    in_all = venue.state.holdings[RUBD].keeper.balance(FIRST)
    events = lose(venue, in_all * 3 // 4)
    part, from_margin, from_locks = parts(events)[ANN]
    assert part > 0 and from_margin > 0 == from_locks
    assert of_kind(events, MarginCalled)
    assert {name: venue.state.ledger.posted(venue.standing(name).fund) for name in (ANN, BOB)} == funds
    assert not of_kind(events, PoolCut)


def test_under_margin_what_may_leave_is_limited_to_what_can_move():
    """F8: half of the coins are frozen; trading goes on, and nobody takes out more than its share of the rest."""
    venue = under_margin(wallets=2)
    freeze(venue)
    gate = venue.state.holdings[RUBD].gate
    mobile = sum(venue.state.holdings[RUBD].spendable(venue.state.ledger).values())
    assert 0 < mobile < 6_000_000 and gate.promised() <= mobile
    (rejected,) = venue.tell(
        WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=gate.withdrawable(ANN) + 1)
    )
    assert rejected.reason is CashRefusal.GATED
    venue.trade(ANN, BOB, 1, 80_000)
    assert venue.position(ANN) == 11


def test_what_is_recovered_into_the_same_wallet_goes_to_those_who_lost_it():
    """The estate of the issuer pays half of the fifth that was written down."""
    venue = of_two()
    lose(venue, 360_000)
    venue.mint(FIRST, 180_000)
    assert (venue.free_cash(ANN), venue.pool()) == (100_000, 1_440_000 + 80_000)
    assert venue.state.series[BTCF].state is SeriesState.SUSPENDED
    venue.mint(FIRST, 180_000)
    assert (venue.free_cash(ANN), venue.pool()) == (200_000, 1_600_000)
    assert venue.state.series[BTCF].state is SeriesState.TRADING

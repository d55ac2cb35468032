"""One wallet, several, one for each participant, or the issuer's own ledger: whom the same freeze reaches.

E18: 1,000 coins, claims of 400, 350 and 250.
"""

import pytest

from exchange.access.regime import CashRules, GateRule
from exchange.cash.terms import CustodyMode
from exchange.clearing.terms import ClearingMode
from exchange.commands import (
    EstablishVenue,
    FreezeParticipant,
    FreezeWallet,
    InstructSettlement,
    PauseIssuer,
    RunSettlementCycle,
    SettlementModel,
    UnfreezeParticipant,
    UnfreezeWallet,
    UnpauseIssuer,
    WipeWallet,
    WithdrawCash,
)
from exchange.core import Exchange
from exchange.events import (
    CashHalt,
    CashHalted,
    CashResumed,
    CustodyGated,
    CustodySwept,
    CustodyWalletOpened,
    DirectiveRefused,
    Event,
    InstructionRecycled,
    InstructionSettled,
    LossShared,
    OrderRejected,
    ParticipantState,
    ParticipantStateChanged,
    SeriesState,
    TradeReported,
    WithdrawalCompleted,
    WithdrawalRequested,
)
from exchange.reasons import CashRefusal, RejectReason
from exchange.treasury import withdrawable
from exchange.units import HOUR, MINUTE, SECOND, WalletId
from tests.builders import ANN, BOB, BTCF, BUY, CYD, RUBD, SELL, Venue, coin_terms, of_kind
from tests.stories.modes import regime_of, show_the_price

KEYS = ("issuer", "central_bank")
APART = (CustodyMode.SEGREGATED, CustodyMode.NATIVE)
CLAIMS = {ANN: 400, BOB: 350, CYD: 250}
HOUSE = WalletId("venue-1")


def own(name: str) -> WalletId:
    return WalletId(f"venue-1/{name}")


def a_venue(
    mode: CustodyMode,
    wallets: int = 1,
    gate: GateRule = GateRule.PRO_RATA,
    scale: int = 1,
    clearing: ClearingMode = ClearingMode.FULL,
    **coin: object,
) -> Venue:
    """In steps of 50, so that five wallets come to hold the same."""
    regime = regime_of(clearing, cash=CashRules(settlement_asset=RUBD, gate=gate))
    terms = coin_terms(wallets, custody=mode, wipe_allowed=True, **coin)
    venue = Venue(coin=terms, regime=regime)
    for name, claim in CLAIMS.items():
        venue.admit(name, 0)
        for _ in range(claim // 50):
            venue.pay_in(name, 50 * scale)
    return venue


def freeze(venue: Venue, wallet: WalletId, **options: object) -> list[Event]:
    return venue.tell(
        FreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="order 1", signatures=KEYS, **options)  # type: ignore[arg-type]
    )


def thaw(venue: Venue, wallet: WalletId) -> list[Event]:
    return venue.tell(UnfreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="order 2", signatures=KEYS))


def may_leave(venue: Venue) -> list[int]:
    return [withdrawable(venue.state, name, RUBD) for name in CLAIMS]


def balance(venue: Venue, wallet: WalletId) -> int:
    return int(venue.state.holdings[RUBD].keeper.balance(wallet))


@pytest.mark.parametrize(
    ("mode", "wallets", "frozen", "mobile", "left"),
    [
        (CustodyMode.OMNIBUS, 1, HOUSE, 0, [0, 0, 0]),
        (CustodyMode.SHARDED, 5, HOUSE, 800, [320, 280, 200]),
        (CustodyMode.SEGREGATED, 1, own(CYD), 750, [400, 350, 0]),
        (CustodyMode.NATIVE, 1, own(CYD), 750, [400, 350, 0]),
    ],
)
def test_whom_a_freeze_of_one_wallet_reaches(mode, wallets, frozen, mobile, left):
    """E18, mode by mode."""
    venue = a_venue(mode, wallets)
    events = freeze(venue, frozen)
    assert of_kind(events, CustodyGated) == [
        CustodyGated(asset_id=RUBD, mobile=mobile, frozen=1_000 - mobile)
    ]
    assert may_leave(venue) == left
    for name, amount in zip(CLAIMS, left, strict=True):
        (event,) = venue.tell(WithdrawCash(participant_id=name, asset_id=RUBD, amount=amount + 1))
        assert not isinstance(event, WithdrawalRequested)
        if amount:
            (event,) = venue.tell(WithdrawCash(participant_id=name, asset_id=RUBD, amount=amount))
            assert isinstance(event, WithdrawalRequested)
    done = of_kind(venue.wait_until(venue.now + 2 * SECOND), WithdrawalCompleted)
    assert sum(event.amount for event in done) == mobile == sum(left)


def test_first_come_leaves_the_last_with_what_is_left():
    """E18: 400, 350 and 50 of the same 800."""
    venue = a_venue(CustodyMode.SHARDED, 5, GateRule.FIRST_COME)
    freeze(venue, HOUSE)
    taken = []
    for name in CLAIMS:
        taken.append(withdrawable(venue.state, name, RUBD))
        venue.tell(WithdrawCash(participant_id=name, asset_id=RUBD, amount=taken[-1]))
    assert taken == [400, 350, 50]


# --- a wallet for each participant ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", APART)
def test_a_wallet_is_opened_at_the_first_deposit_and_what_is_locked_goes_to_the_house(mode):
    venue = Venue(coin=coin_terms(custody=mode))
    events = venue.admit(ANN, 1_000_000) + venue.admit(BOB, 900_000)
    assert of_kind(events, CustodyWalletOpened)[0] == CustodyWalletOpened(
        participant_id=ANN, asset_id=RUBD, wallet_id=own(ANN)
    )
    venue.place(BOB, SELL, 1, 80_000)
    assert balance(venue, own(BOB)) == 900_000  # a hold is still Bob's own
    swept = of_kind(venue.place(ANN, BUY, 1, 80_000), CustodySwept)
    assert swept == [CustodySwept(asset_id=RUBD, collected=1_600_000, paid=0, unswept=0)]
    assert [balance(venue, w) for w in (own(ANN), own(BOB), HOUSE)] == [200_000, 100_000, 1_600_000]


@pytest.mark.parametrize("mode", APART)
def test_a_freeze_reaches_free_cash_alone_and_leaves_margin_where_it_is(mode):
    """The account may only reduce; what it has locked is the house's by title and pays as before."""
    venue = a_venue(mode, scale=10_000)
    venue.trade(ANN, BOB, 1, 80_000)
    venue.rest(ANN, BUY, 1, 79_000)
    events = freeze(venue, own(ANN))
    assert of_kind(events, ParticipantStateChanged)[0].state is ParticipantState.LEGALLY_FROZEN
    assert venue.held(ANN) == 0 and venue.pool() == 1_600_000
    assert isinstance(venue.place(ANN, BUY, 1, 80_000)[0], OrderRejected)
    venue.place(CYD, BUY, 1, 80_000)
    assert of_kind(venue.place(ANN, SELL, 1, 80_000, reduce_only=True), TradeReported)
    assert balance(venue, own(ANN)) == 3_200_000  # frozen both ways: the freed 800,000 wait with the house
    assert venue.state.holdings[RUBD].unswept == {ANN: None}
    thaw(venue, own(ANN))
    assert balance(venue, own(ANN)) == 4_000_000 and not venue.state.holdings[RUBD].unswept
    assert venue.state.seats[ANN].state is ParticipantState.ACTIVE


@pytest.mark.parametrize("mode", APART)
def test_a_legal_order_and_a_freeze_of_the_wallet_do_not_lift_each_other(mode):
    venue = a_venue(mode)
    freeze(venue, own(ANN))
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="court"))
    assert not of_kind(thaw(venue, own(ANN)), ParticipantStateChanged)
    (rejected,) = venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=1))
    assert rejected.reason is CashRefusal.PARTICIPANT_FROZEN
    venue.tell(UnfreezeParticipant(participant_id=ANN, order_ref="court"))
    assert may_leave(venue)[0] == 400


@pytest.mark.parametrize("mode", APART)
def test_a_wiped_wallet_of_one_participant_costs_it_alone_and_not_the_houses_layer(mode):
    venue = a_venue(mode)
    venue.mint(HOUSE, 60)
    freeze(venue, own(CYD))
    events = venue.tell(WipeWallet(asset_id=RUBD, wallet_id=own(CYD), order_ref="wipe 1", signatures=KEYS))
    assert of_kind(events, LossShared) == [LossShared(participant_id=CYD, asset_id=RUBD, amount=250)]
    assert [venue.free_cash(name) for name in CLAIMS] == [400, 350, 0]
    assert venue.state.ledger.available("ccp:ndl:RUBD") == 60


def test_a_wiped_wallet_of_the_house_costs_those_who_have_something_in_it():
    venue = a_venue(CustodyMode.SEGREGATED, scale=10_000)
    venue.trade(ANN, BOB, 1, 80_000)
    freeze(venue, HOUSE)
    events = venue.tell(WipeWallet(asset_id=RUBD, wallet_id=HOUSE, order_ref="wipe 1", signatures=KEYS))
    assert {one.participant_id: (one.amount, one.from_locks) for one in of_kind(events, LossShared)} == {
        ANN: (800_000, 800_000), BOB: (800_000, 800_000),
    }  # fmt: skip
    assert may_leave(venue) == [3_200_000, 2_700_000, 2_500_000] and venue.pool() == 0


# --- a pause --------------------------------------------------------------------------------------------


def pause(venue: Venue) -> list[Event]:
    return venue.tell(PauseIssuer(asset_id=RUBD, signatures=("issuer",)))


def unpause(venue: Venue) -> list[Event]:
    return venue.tell(UnpauseIssuer(asset_id=RUBD, signatures=("issuer",)))


@pytest.mark.parametrize("clearing", ClearingMode)
@pytest.mark.parametrize("mode", [CustodyMode.OMNIBUS, CustodyMode.SEGREGATED])
def test_trading_goes_on_without_the_issuer_for_so_long(mode, clearing):
    """F13: two hours; nothing is swept meanwhile, and all of it after."""
    venue = a_venue(mode, scale=10_000, clearing=clearing, longest_pause=2 * HOUR)
    show_the_price(venue)
    pause(venue)
    venue.trade(ANN, BOB, 1, 80_000)
    assert venue.position(ANN) == 1
    events = venue.wait_until(venue.now + 2 * HOUR)
    assert [event.cause for event in of_kind(events, CashHalted)] == [CashHalt.PAUSED]
    assert venue.state.series[BTCF].state is SeriesState.SUSPENDED
    refused = venue.place(ANN, SELL, 1, 80_000)[0]
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSTRUMENT_HALTED
    assert of_kind(unpause(venue), CashResumed) == [CashResumed(asset_id=RUBD, cause=CashHalt.PAUSED)]
    venue.quote(800_000_000)
    venue.trade(BOB, ANN, 1, 80_000)
    assert venue.position(ANN) == 0


def test_a_second_pause_has_its_own_time():
    venue = a_venue(CustodyMode.OMNIBUS, longest_pause=HOUR)
    pause(venue)
    venue.wait_until(venue.now + 50 * MINUTE)
    unpause(venue)
    pause(venue)
    assert not of_kind(venue.wait_until(venue.now + 50 * MINUTE), CashHalted)
    assert of_kind(venue.wait_until(venue.now + 10 * MINUTE), CashHalted)


def test_where_the_issuers_ledger_is_the_venues_a_pause_stops_trading_at_once():
    venue = a_venue(CustodyMode.NATIVE)
    assert of_kind(pause(venue), CashHalted)
    assert of_kind(unpause(venue), CashResumed)


# --- finality -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clearing", ClearingMode)
@pytest.mark.parametrize("respected", [True, False])
@pytest.mark.parametrize("reached_by", ["the wallet with us", "a legal order"])
def test_a_freeze_between_ready_and_settled_counts_unless_finality_is_respected(
    clearing, respected, reached_by
):
    """F10, both outcomes: what was set aside for a payment before the freeze settles, or does not."""
    regime = regime_of(clearing, cash=CashRules(settlement_asset=RUBD, freeze_respects_finality=respected))
    venue = Venue(regime=regime, coin=coin_terms(custody=CustodyMode.SEGREGATED))
    for name in (ANN, BOB):
        venue.admit(name, 1_000)
    for who, other, delivers in ((ANN, BOB, True), (BOB, ANN, False)):
        venue.tell(
            InstructSettlement(
                participant_id=who, counterparty_id=other, delivers=delivers, asset_id=RUBD, amount=600,
                intended=venue.now, reference="rent", max_recycles=3,
            )
        )  # fmt: skip
    venue.tell(RunSettlementCycle(model=SettlementModel.DVP_1, penalty_bp=0, gridlock=False, lasts=MINUTE))
    venue.now += SECOND
    if reached_by == "a legal order":
        venue.tell(FreezeParticipant(participant_id=ANN, order_ref="court"))
    else:
        freeze(venue, own(ANN))
    events = venue.wait_until(venue.now + MINUTE)
    assert bool(of_kind(events, InstructionSettled)) is respected
    assert bool(of_kind(events, InstructionRecycled)) is not respected
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == ((400, 1_600) if respected else (1_000, 1_000))


def test_an_issuers_freeze_of_a_wallet_outside_does_not_reach_what_settles_here():
    """F10 under one wallet for all: title to what is on the venue's books is not in that wallet."""
    venue = a_venue(CustodyMode.OMNIBUS)
    for who, other, delivers in ((ANN, BOB, True), (BOB, ANN, False)):
        venue.tell(
            InstructSettlement(
                participant_id=who, counterparty_id=other, delivers=delivers, asset_id=RUBD, amount=300,
                intended=venue.now, reference="rent",
            )
        )  # fmt: skip
    venue.tell(RunSettlementCycle(model=SettlementModel.DVP_1, penalty_bp=0, gridlock=False, lasts=MINUTE))
    freeze(venue, WalletId("wallet-ann"))
    assert of_kind(venue.wait_until(venue.now + MINUTE), InstructionSettled)


# --- terms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"wallets": 2, "custody": CustodyMode.OMNIBUS},
        {"wallets": 0},
        {"longest_pause": -1},
        {"expected_recovery_bp": 10_001},
        {"loss_layer_cap": -1},
    ],
)
def test_custody_that_cannot_be_is_refused_with_a_sentence(changes):
    founding = EstablishVenue(assets=(), indices=(), cash=(coin_terms(**changes),), sessions=())
    (refused,) = (entry.event for entry in Exchange().handle(founding, 0))
    assert isinstance(refused, DirectiveRefused) and "RUBD" in refused.explanation

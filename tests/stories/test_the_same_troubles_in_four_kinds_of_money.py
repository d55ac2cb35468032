"""What a freeze, a wipe, a legal order and a fall of the price do in the bank's, the central bank's, a domestic and a
foreign issuer's money, covered in full and by margin: by the terms of the shipped profiles.

Ann, Bob and Cyd have 4.0, 3.5 and 2.5 million units, and Ann is long a lot of Bob's from 8.0m.
"""

from typing import NamedTuple

import pytest

from exchange.access.regime import CashRules
from exchange.cash.terms import AnyCashTerms, BankTerms, CoinTerms, RoleName
from exchange.clearing import accounts
from exchange.clearing.denomination import Denomination
from exchange.clearing.terms import ClearingMode, VariationSchedule
from exchange.commands import (
    FreezeParticipant,
    FreezeWallet,
    HouseLayer,
    InstructSettlement,
    ReportCashPrice,
    RunSettlementCycle,
    SettlementModel,
    WipeWallet,
    WithdrawCash,
)
from exchange.events import (
    BucketSettled,
    CashHalt,
    CashHalted,
    CashPriced,
    CashRequestRejected,
    ClaimSettled,
    CoinRequestRefused,
    CustodyGated,
    Event,
    InstructionRecycled,
    InstructionSettled,
    LayerUsed,
    LossAllocated,
    LossShared,
    MarginCalled,
    OrderRejected,
    PoolCut,
    SeriesState,
    VariationPaid,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.instruments import Asset, Instrument
from exchange.messages import changed
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import DAY, HOUR, MINUTE, SECOND, AssetId, Money, Time, WalletId
from matching.terms import ParticipantId
from scenarios.config.regime_file import read_cash
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CYD,
    EXPIRY,
    OPENS,
    SELL,
    Venue,
    a_patient_index,
    a_regime,
    cleared_at,
    future,
    of_kind,
)
from tests.scenarios.small_worlds import CASH_PROFILES

FOREIGN, DOMESTIC = "foreign_tether_like", "domestic_supervised"
BROUGHT = {ANN: 4_000_000, BOB: 3_500_000, CYD: 2_500_000}
OURS, SECOND_OF_OURS = WalletId("venue-1"), WalletId("venue-2")

in_four_moneys = pytest.mark.parametrize("cash", CASH_PROFILES)
in_both_modes = pytest.mark.parametrize("mode", list(ClearingMode))


class Troubled(NamedTuple):
    venue: Venue
    terms: AnyCashTerms
    series: Instrument

    @property
    def asset(self) -> AssetId:
        return self.terms.asset_id

    def freeze(self, wallet_id: WalletId, *signatures: str) -> list[Event]:
        freezing = FreezeWallet(
            asset_id=self.asset, wallet_id=wallet_id, order_ref="order 1", signatures=signatures
        )
        return self.venue.tell(freezing)

    def signers(self, *roles: RoleName) -> tuple[str, ...]:
        return self.terms.signatures(*roles)

    def withdraw(self, name: ParticipantId, amount: Money) -> Event:
        (event,) = self.venue.tell(WithdrawCash(participant_id=name, asset_id=self.asset, amount=amount))
        return event

    def layer(self) -> Money:
        """What the house has set aside against defaults."""
        return int(self.venue.state.ledger.posted(accounts.layer(HouseLayer.SKIN_IN_THE_GAME, self.asset)))


def troubled(
    cash: str,
    mode: ClearingMode,
    *,
    expiry: Time = EXPIRY,
    variation: VariationSchedule | None = None,
    brought: dict[ParticipantId, Money] = BROUGHT,
    **rules: object,
) -> Troubled:
    """Two wallets of the venue's where its keeper lets it have two: Ann's deposit is in the first, the others' in the
    second.
    """
    terms = read_cash(cash).cash.terms()
    if not isinstance(terms, BankTerms):
        terms = changed(terms, venue_wallets=(OURS, SECOND_OF_OURS))
    series = future(cash=terms.asset_id, expiry=expiry)
    regime = a_regime(cash=CashRules(settlement_asset=terms.asset_id, **rules))  # type: ignore[arg-type]
    variation = variation or regime.clearing.variation
    clearing = changed(regime.clearing, mode=mode, variation=variation, call_level_bp=9_500)
    venue = Venue(
        series,
        regime=changed(regime, clearing=clearing),
        coin=terms,
        assets=(Asset(asset_id=terms.asset_id, scale=2, title="money"),),
        index=a_patient_index(interval=MINUTE),
    )
    for name, amount in brought.items():
        venue.admit(name, 0)
        venue.pay_in(name, amount, terms.asset_id)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 1, 80_000)
    return Troubled(venue, terms, series)


# --- a wallet of the venue ------------------------------------------------------------------------------


@in_both_modes
@in_four_moneys
def test_who_must_sign_a_freeze_of_the_venue_signs_it_and_what_can_move_is_shared(
    cash: str, mode: ClearingMode
) -> None:
    """F8: one signature too few changes nothing. With all of them claims share what the other wallet holds, if there
    is one: 6 of 10 million, all but Ann's deposit.
    """
    one = troubled(cash, mode)
    venue, head = one.venue, one.venue.state.ledger.head()
    signers = one.signers(RoleName.FREEZER, RoleName.VENUE_FREEZER)
    (refused,) = one.freeze(OURS, *signers[1:])
    assert isinstance(refused, CoinRequestRefused) and refused.reason is CashRefusal.SIGNATURES_MISSING
    assert venue.state.ledger.head() == head and venue.state.holdings[one.asset].gate is None

    mobile = 0 if isinstance(one.terms, BankTerms) else 6_000_000
    frozen = sum(BROUGHT.values()) - mobile
    assert one.freeze(OURS, *signers)[1:] == [CustodyGated(asset_id=one.asset, mobile=mobile, frozen=frozen)]
    for name, claim in BROUGHT.items():
        share = claim * mobile // sum(BROUGHT.values())
        rejected = one.withdraw(name, share + 1)
        assert isinstance(rejected, CashRequestRejected)
        assert (rejected.reason, rejected.available) == (CashRefusal.GATED, share)
        assert not share or isinstance(one.withdraw(name, share), WithdrawalRequested)
    venue.trade(CYD, ANN, 1, 80_000)
    assert venue.position(CYD) == 1


@in_both_modes
@in_four_moneys
def test_a_foreign_letter_and_a_wipe_after_thirty_days_reach_what_obeys_them(
    cash: str, mode: ClearingMode
) -> None:
    """F9: the foreign issuer signs alone; elsewhere all goes on as it was. What the house keeps against defaults bears
    none of it, even where every claim is used up: of 10.5 million half a million is nobody's loss.
    """
    one = troubled(cash, mode, expiry=EXPIRY + 60 * DAY, halt_on_freeze=True)
    venue, holding = one.venue, one.venue.state.holdings[one.asset]
    venue.fund_house(HouseLayer.SKIN_IN_THE_GAME, 500_000, one.asset)
    head = venue.state.ledger.head()
    told = [event for wallet in holding.custody.wallets for event in one.freeze(wallet, "issuer")]
    if cash != FOREIGN:
        assert {event.reason for event in of_kind(told, CoinRequestRefused)} == {
            CashRefusal.SIGNATURES_MISSING
        }
        wiping = WipeWallet(asset_id=one.asset, wallet_id=OURS, order_ref="wipe 1", signatures=("issuer",))
        (refused,) = venue.tell(wiping)
        assert isinstance(refused, CoinRequestRefused)
        assert refused.reason is (
            CashRefusal.WIPE_NOT_ALLOWED if cash == DOMESTIC else CashRefusal.NOT_A_COIN
        )
        assert venue.state.ledger.head() == head and not holding.halts
        assert venue.state.series[BTCF].state is SeriesState.TRADING
        return
    assert [event.cause for event in of_kind(told, CashHalted)] == [CashHalt.FROZEN]
    assert venue.state.series[BTCF].state is SeriesState.SUSPENDED
    later = venue.wait_until(venue.now + 30 * DAY)
    for wallet in holding.custody.wallets:
        later += venue.tell(
            WipeWallet(asset_id=one.asset, wallet_id=wallet, order_ref="wipe 1", signatures=("issuer",))
        )
    losses, shares = of_kind(later, LossAllocated), of_kind(later, LossShared)
    assert sum(loss.loss for loss in losses) == 10_500_000
    assert sum(loss.holders for loss in losses) == 10_000_000
    borne = {name: sum(s.amount for s in shares if s.participant_id == name) for name in BROUGHT}
    assert borne == BROUGHT  # all claims on all of it: each its own, pro rata
    assert sum(s.from_locks for s in shares) == (1_600_000 if mode is ClearingMode.FULL else 0)
    assert bool(of_kind(later, PoolCut)) is (mode is ClearingMode.FULL)
    assert not of_kind(later, LayerUsed) and one.layer() == 500_000


# --- a participant's wallet, and a participant ------------------------------------------------------------


@in_both_modes
@in_four_moneys
def test_a_freeze_of_the_wallet_outside_stops_a_withdrawal_up_to_its_last_instant(
    cash: str, mode: ClearingMode
) -> None:
    """F10, outside: at the nanosecond of the confirmation the freeze comes first, one later too late. Where a frozen
    wallet can still receive, as at the foreign issuer's, it stops nothing.
    """
    one = troubled(cash, mode)
    venue, signers = one.venue, one.signers(RoleName.FREEZER)
    receives = isinstance(one.terms, CoinTerms) and not one.terms.freeze_stops_receiving
    before = venue.free_cash(CYD)
    one.withdraw(CYD, 100)
    venue.now += one.terms.finality
    one.freeze(WalletId("wallet-cyd"), *signers)
    done = venue.wait_until(venue.now)
    assert bool(of_kind(done, WithdrawalReturned)) is not receives
    assert venue.free_cash(CYD) == before - (100 if receives else 0)

    one.withdraw(ANN, 100)
    venue.now += one.terms.finality + 1
    assert of_kind(one.freeze(WalletId("wallet-ann"), *signers), WithdrawalCompleted)


@in_both_modes
@in_four_moneys
@pytest.mark.parametrize("respected", [True, False])
@pytest.mark.parametrize("reached_by", ["the wallet outside", "a legal order"])
def test_a_freeze_between_ready_and_settled(
    cash: str, mode: ClearingMode, respected: bool, reached_by: str
) -> None:
    """F10, inside: a legal order reaches what was set aside before it unless finality is respected; a freeze of the
    wallet outside never does, as the title is the venue's.
    """
    one = troubled(cash, mode, freeze_respects_finality=respected)
    venue = one.venue
    for who, other, delivers in ((CYD, BOB, True), (BOB, CYD, False)):
        venue.tell(
            InstructSettlement(
                participant_id=who, counterparty_id=other, delivers=delivers, asset_id=one.asset, amount=600,
                intended=venue.now, reference="rent", max_recycles=3,
            )
        )  # fmt: skip
    venue.tell(RunSettlementCycle(model=SettlementModel.DVP_1, lasts=MINUTE))
    venue.now += SECOND
    before = venue.free_cash(BOB)
    if reached_by == "a legal order":
        venue.tell(FreezeParticipant(participant_id=CYD, order_ref="court"))
    else:
        one.freeze(WalletId("wallet-cyd"), *one.signers(RoleName.FREEZER))
    events = venue.wait_until(venue.now + MINUTE)
    settles = respected or reached_by == "the wallet outside"
    assert bool(of_kind(events, InstructionSettled)) is settles
    assert bool(of_kind(events, InstructionRecycled)) is not settles
    assert venue.free_cash(BOB) - before == (600 if settles else 0)


@in_both_modes
@in_four_moneys
def test_a_legal_order_against_who_is_losing_comes_before_the_order_of_its_instant(
    cash: str, mode: ClearingMode
) -> None:
    """F11: the position stays, and pays: under margin out of what is posted, covered in full out of the pool."""
    one = troubled(cash, mode, variation=cleared_at(HOUR), expiry=OPENS + 90 * MINUTE)
    venue = one.venue
    free, locked = venue.free_cash(ANN), venue.locked(ANN)
    venue.tell(FreezeParticipant(participant_id=ANN, order_ref="court 17"))
    (refused,) = venue.place(ANN, BUY, 1, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.REDUCE_ONLY
    assert (venue.position(ANN), venue.locked(ANN)) == (1, locked)
    assert venue.place(ANN, SELL, 1, 81_000) and venue.free_cash(ANN) == free
    assert isinstance(one.withdraw(ANN, 1), CashRequestRejected)

    venue.wait_until(OPENS + HOUR - MINUTE)
    venue.quote(780_000_000)
    cleared = venue.wait_until(OPENS + HOUR)
    if mode is ClearingMode.RISK:
        assert {e.participant_id: e.amount for e in of_kind(cleared, VariationPaid)} == {
            ANN: -20_000, BOB: 20_000,
        }  # fmt: skip
        assert (venue.free_cash(ANN), venue.locked(ANN)) == (free, locked - 20_000)
    else:
        settled = venue.quote_until(OPENS + 91 * MINUTE, 780_000_000)
        gains = {event.participant_id: event.gain for event in of_kind(settled, ClaimSettled)}
        assert (gains[ANN], gains[BOB]) == (-20_000, 20_000) and venue.pool(one.series) == 0
        assert venue.free_cash(ANN) == free + locked - 20_000


# --- the price of the money -----------------------------------------------------------------------------

DEBTS = [
    (ClearingMode.FULL, Denomination.TOKEN_PAR),
    (ClearingMode.RISK, Denomination.TOKEN_PAR),
    (ClearingMode.RISK, Denomination.FIAT_VALUE),
]


@pytest.mark.parametrize(("mode", "denomination"), DEBTS)
@in_four_moneys
def test_a_fall_of_the_price_calls_only_where_debts_are_worth_roubles(
    cash: str, mode: ClearingMode, denomination: Denomination
) -> None:
    """F12: 1.00, 0.90, 0.97. A unit for a rouble, and the pool pays what it holds and nobody is called. Worth roubles,
    Ann's 130,000 units count for 117,000 at 0.90, less than 95% of the 128,000 that her lot needs.
    """
    brought = BROUGHT if mode is ClearingMode.FULL else {**BROUGHT, ANN: 130_000}
    one = troubled(cash, mode, expiry=OPENS + 90 * MINUTE, brought=brought, denomination=denomination)
    venue, events = one.venue, list[Event]()
    for price in (900_000, 970_000):
        told = venue.tell(ReportCashPrice(asset_id=one.asset, price_ppm=price, source="otc"))
        assert of_kind(told, CashPriced)
        events += told + venue.wait_until(venue.now + MINUTE)
    called = {event.participant_id for event in of_kind(events, MarginCalled)}
    assert called == ({ANN} if denomination is Denomination.FIAT_VALUE else set())
    if mode is ClearingMode.FULL:
        events += venue.quote_until(OPENS + 91 * MINUTE, 820_000_000)
        (bucket,) = of_kind(events, BucketSettled)
        settled = {event.participant_id: event.payout for event in of_kind(events, ClaimSettled)}
        assert settled == {ANN: 820_000, BOB: 780_000}
        assert bucket.pool == sum(settled.values()) == 1_600_000 and venue.pool(one.series) == 0

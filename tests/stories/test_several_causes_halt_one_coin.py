"""A directive, a freeze, a pause and an outage halt the same cash asset: trading goes on when none of them is left."""

from typing import Any

import pytest

from exchange.access.regime import CashRules
from exchange.cash.terms import CustodyMode
from exchange.commands import (
    AdoptRegime,
    ChangeIssuerState,
    EndOutage,
    FailBank,
    FreezeParticipant,
    FreezeWallet,
    HaltCash,
    HouseLayer,
    ListInstrument,
    PauseIssuer,
    PublishConversionRate,
    RecordCashLoss,
    RecordOperationalLoss,
    ReportOutage,
    ResolveBank,
    ResumeCash,
    SessionTerms,
    UnfreezeParticipant,
    UnfreezeWallet,
    UnpauseIssuer,
    WithdrawCash,
)
from exchange.events import (
    CancelCause,
    CashHalt,
    CashHalted,
    CashResumed,
    ClaimConverted,
    ClaimSettled,
    CoinRequestRefused,
    CustodySwept,
    DirectiveRefused,
    Event,
    IssuerState,
    LossAllocated,
    LossCause,
    LossShared,
    OrderCanceled,
    OrderRejected,
    ParticipantState,
    PoolCut,
    SeriesState,
    SupplyExceedsReserves,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.messages import changed
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import HOUR, SECOND, InstrumentId, WalletId
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    CLOSES,
    EXPIRY,
    OPENS,
    RUBD,
    Venue,
    a_regime,
    coin_terms,
    future,
    of_kind,
)
from tests.money import (
    DRUB,
    PLATFORM,
    RUB,
    MoneyVenue,
    bank_terms,
    platform_terms,
    rules_of,
    why,
)

KEYS = ("issuer", "central_bank")
FIRST = WalletId("venue-1")
HALT = HaltCash(asset_id=RUBD, grounds="a letter")
RESUME = ResumeCash(asset_id=RUBD)
PAUSE = PauseIssuer(asset_id=RUBD, signatures=KEYS)
UNPAUSE = UnpauseIssuer(asset_id=RUBD, signatures=KEYS)
ON_FREEZE = CashRules(settlement_asset=RUBD, halt_on_freeze=True)


def freeze(wallet: WalletId = FIRST) -> FreezeWallet:
    return FreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="letter", signatures=KEYS)


def thaw(wallet: WalletId = FIRST) -> UnfreezeWallet:
    return UnfreezeWallet(asset_id=RUBD, wallet_id=wallet, order_ref="letter", signatures=KEYS)


def a_venue(**coin: Any) -> Venue:
    venue = Venue(coin=coin_terms(longest_pause=0, **coin), regime=a_regime(cash=ON_FREEZE))
    for name in (ANN, BOB):
        venue.admit(name, 1_000_000)
    return venue


def state_of(venue: Venue) -> SeriesState:
    state: SeriesState = venue.state.series[BTCF].state
    return state


def causes(venue: Venue) -> list[CashHalt]:
    return list(venue.state.holdings[RUBD].halts)


# --- causes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1, 2])
def test_trading_goes_on_when_the_last_of_three_causes_is_over(first: int) -> None:
    venue = a_venue()
    ways = [(HALT, RESUME), (freeze(), thaw()), (PAUSE, UNPAUSE)]
    for begins, _ in ways:
        assert len(of_kind(venue.tell(begins), CashHalted)) == 1
        assert state_of(venue) is SeriesState.SUSPENDED
    assert causes(venue) == [CashHalt.DIRECTIVE, CashHalt.FROZEN, CashHalt.PAUSED]
    for _, ends in ways[first:] + ways[:first]:
        assert state_of(venue) is SeriesState.SUSPENDED
        assert len(of_kind(venue.tell(ends), CashResumed)) == 1
    assert state_of(venue) is SeriesState.TRADING and causes(venue) == []
    venue.trade(ANN, BOB, 1, 80_000)


def test_a_directive_lifts_no_other_cause() -> None:
    venue = a_venue()
    venue.tell(PAUSE)
    (refused,) = venue.tell(RESUME)
    assert isinstance(refused, DirectiveRefused) and "a directive has halted" in refused.explanation
    assert causes(venue) == [CashHalt.PAUSED]


def test_orders_rest_through_a_pause_and_end_with_a_directive() -> None:
    venue = a_venue()
    order = venue.rest(ANN, BUY, 1, 80_000)
    assert not of_kind(venue.tell(PAUSE), OrderCanceled)
    (canceled,) = of_kind(venue.tell(HALT), OrderCanceled)
    assert (canceled.order_id, canceled.cause) == (order, CancelCause.CASH_HALTED)
    assert venue.held(ANN) == 0


def test_a_freeze_lets_out_what_the_gate_says_and_a_directive_nothing() -> None:
    venue = a_venue(wallets=2)
    one = WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=1)
    venue.tell(freeze())
    assert isinstance(venue.tell(one)[0], WithdrawalRequested)
    venue.tell(HALT)
    assert why(venue.tell(one)) is CashRefusal.CASH_HALTED


def test_a_regime_that_halts_on_a_freeze_halts_what_is_frozen_already() -> None:
    venue = Venue(coin=coin_terms())
    venue.admit(ANN, 1_000)
    assert not of_kind(venue.tell(freeze()), CashHalted)
    events = venue.tell(AdoptRegime(regime=a_regime(cash=ON_FREEZE)))
    assert [event.cause for event in of_kind(events, CashHalted)] == [CashHalt.FROZEN]
    assert of_kind(venue.tell(AdoptRegime(regime=a_regime())), CashResumed)


def test_a_freeze_of_one_participants_own_wallet_halts_nobody_else() -> None:
    venue = a_venue(custody=CustodyMode.SEGREGATED)
    assert not of_kind(venue.tell(freeze(WalletId("venue-1/ann"))), CashHalted)
    assert venue.state.seats[ANN].state is ParticipantState.LEGALLY_FROZEN
    assert venue.state.seats[BOB].state is ParticipantState.ACTIVE


def test_a_series_that_a_halt_has_kept_from_trading_waits_in_its_fixing_too() -> None:
    """It was listed between two sessions, and its window of samples begins during the halt."""
    second = SessionTerms(opens=CLOSES + HOUR, closes=CLOSES + 9 * HOUR)
    venue = Venue(sessions=(SessionTerms(opens=OPENS, closes=CLOSES), second))
    for name in (ANN, BOB):
        venue.admit(name, 1_000_000)
    venue.wait_until(CLOSES)
    fresh = future(instrument_id=InstrumentId("FRESH"), expiry=CLOSES + 3 * HOUR)
    venue.tell(ListInstrument(instrument=fresh))
    venue.tell(HALT)
    series = venue.state.series[fresh.instrument_id]
    venue.wait_until(CLOSES + 2 * HOUR)
    assert series.state is SeriesState.LISTED
    venue.quote_until(fresh.expiry - SECOND, 800_000_000)
    assert series.state is SeriesState.SUSPENDED
    (rejected,) = venue.place(ANN, BUY, 1, 80_000, instrument_id=fresh.instrument_id)
    assert isinstance(rejected, OrderRejected) and rejected.reason is RejectReason.INSTRUMENT_HALTED
    venue.tell(RESUME)
    assert series.state is SeriesState.FIXING
    venue.trade(ANN, BOB, 1, 80_000, fresh.instrument_id)


def test_a_pause_that_ends_in_a_default_is_over() -> None:
    venue = a_venue()
    venue.tell(PAUSE)
    events = venue.tell(ChangeIssuerState(asset_id=RUBD, state=IssuerState.DEFAULT, signatures=KEYS))
    assert of_kind(events, CashResumed) == [CashResumed(asset_id=RUBD, cause=CashHalt.PAUSED)]
    assert state_of(venue) is SeriesState.TRADING


# --- banks and the platform -----------------------------------------------------------------------------


def a_banked_venue(**bank: Any) -> MoneyVenue:
    venue = MoneyVenue(future(cash=RUB), regime=a_regime(cash=rules_of(RUB)), bank=bank_terms(**bank))
    for name in (ANN, BOB):
        venue.admit(name, 0)
        venue.bring_cash(name, 1_000_000)
    return venue


def test_an_outage_that_is_too_long_halts_trading_like_a_pause() -> None:
    venue = a_banked_venue(longest_pause=HOUR)
    assert not of_kind(venue.tell(ReportOutage(asset_id=RUB)), CashHalted)
    venue.trade(ANN, BOB, 1, 80_000)
    (halted,) = of_kind(venue.wait_until(venue.now + HOUR), CashHalted)
    assert (halted.asset_id, halted.cause) == (RUB, CashHalt.PAUSED)
    assert state_of(venue) is SeriesState.SUSPENDED
    assert of_kind(venue.tell(EndOutage(asset_id=RUB)), CashResumed)
    assert state_of(venue) is SeriesState.TRADING


def test_what_a_bank_loses_reaches_what_is_locked() -> None:
    """Of 2,000,000 three quarters are gone; Ann and Bob have 200,000 free and 800,000 locked each."""
    venue = a_banked_venue()
    venue.trade(ANN, BOB, 1, 80_000)
    venue.tell(FailBank(asset_id=RUB))
    events = venue.tell(ResolveBank(asset_id=RUB, loss_bp=7_500))
    (told,) = of_kind(events, LossAllocated)
    assert (told.loss, told.holders, told.cause) == (1_500_000, 1_500_000, LossCause.BANK_INSOLVENCY)
    assert {one.participant_id: (one.amount, one.from_locks) for one in of_kind(events, LossShared)} == {
        ANN: (750_000, 550_000), BOB: (750_000, 550_000),
    }  # fmt: skip
    assert of_kind(events, PoolCut)[0].pool == 500_000
    settled = of_kind(venue.quote_until(EXPIRY + SECOND, 800_000_000), ClaimSettled)
    assert [one.payout for one in settled] == [250_000, 250_000]


def test_what_is_swept_on_the_platform_waits_for_the_end_of_an_outage() -> None:
    platform = platform_terms(custody=CustodyMode.SEGREGATED)
    venue = MoneyVenue(future(cash=DRUB), regime=a_regime(cash=rules_of(DRUB)), platform=platform)
    for name in (ANN, BOB):
        venue.admit(name, 0)
        venue.bring_cash(name, 1_000_000, DRUB)
    keeper = venue.state.holdings[DRUB].keeper
    venue.tell(ReportOutage(asset_id=DRUB))
    venue.trade(ANN, BOB, 1, 80_000)
    assert (keeper.balance(PLATFORM), venue.pool(future(cash=DRUB))) == (0, 1_600_000)
    (swept,) = of_kind(venue.tell(EndOutage(asset_id=DRUB)), CustodySwept)
    assert (swept.collected, swept.unswept, keeper.balance(PLATFORM)) == (1_600_000, 0, 1_600_000)


def test_where_the_platforms_ledger_is_the_venues_an_outage_stops_trading_at_once() -> None:
    platform = platform_terms(custody=CustodyMode.NATIVE)
    venue = MoneyVenue(future(cash=DRUB), regime=a_regime(cash=rules_of(DRUB)), platform=platform)
    assert of_kind(venue.tell(ReportOutage(asset_id=DRUB)), CashHalted)
    assert of_kind(venue.tell(EndOutage(asset_id=DRUB)), CashResumed)


# --- losses at an issuer --------------------------------------------------------------------------------


def test_an_issuer_in_default_writes_coins_down_and_the_shortfall_is_told_anew() -> None:
    venue = a_venue(mint_needs_receipt=False)
    loss = RecordCashLoss(
        asset_id=RUBD, wallet_id=FIRST, amount=500_000, cause=LossCause.ISSUER_DEFAULT,
        grounds="three quarters are backed",
    )  # fmt: skip
    venue.tell(ChangeIssuerState(asset_id=RUBD, state=IssuerState.DEFAULT, signatures=KEYS))
    events = venue.tell(loss)
    assert [venue.free_cash(name) for name in (ANN, BOB)] == [750_000, 750_000]
    issuer = venue.state.holdings[RUBD].issuer
    assert issuer.supply == 1_500_000 and issuer.told_shortfall == issuer.shortfall == 0
    assert not of_kind(events, SupplyExceedsReserves)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"amount": 0}, CashRefusal.AMOUNT_NOT_POSITIVE),
        ({"grounds": ""}, CashRefusal.NO_GROUNDS),
        ({"amount": 10**9}, CashRefusal.INSUFFICIENT_FUNDS),
        ({"target": FIRST}, CashRefusal.WALLET_OF_THE_VENUE),
        ({"amount": 5}, CashRefusal.AMOUNT_BELOW_FEE),
    ],
)
def test_what_cannot_be_paid_away_in_error(fields: dict[str, Any], reason: CashRefusal) -> None:
    venue = Venue(coin=coin_terms(transfer_fee=5))
    venue.admit(ANN, 1_000)
    paid = RecordOperationalLoss(asset_id=RUBD, amount=6, target=WalletId("thief"), grounds="an error")
    (refused,) = venue.tell(changed(paid, **fields))
    assert isinstance(refused, CoinRequestRefused) and refused.reason is reason
    venue.tell(paid)
    assert venue.state.holdings[RUBD].keeper.balance(WalletId("thief")) == 1


# --- conversion -----------------------------------------------------------------------------------------


def a_venue_with_a_fallback(regime: Any = None, **coin: Any) -> MoneyVenue:
    rules = rules_of(RUBD, fallback_asset=RUB, halt_on_freeze=True)
    venue = MoneyVenue(regime=regime or a_regime(cash=rules), coin=coin_terms(**coin))
    for name in (ANN, BOB):
        venue.admit(name, 1_000_000)
    venue.fund(HouseLayer.LIQUIDITY, 10_000_000)
    return venue


def convert(venue: Venue, rate_ppm: int = 1_000_000) -> list[Event]:
    return venue.tell(PublishConversionRate(asset_id=RUBD, rate_ppm=rate_ppm))


def test_what_a_freeze_has_halted_is_converted_with_all_that_orders_hold_and_is_on_its_way() -> None:
    venue = a_venue_with_a_fallback(wallets=2)
    venue.rest(ANN, BUY, 1, 80_000)
    venue.tell(freeze(WalletId("venue-2")))
    taken = 100_000
    venue.withdraw(BOB, taken, RUBD)
    events = convert(venue)
    assert [one.amount for one in of_kind(events, WithdrawalReturned)] == [taken]
    assert len(of_kind(events, OrderCanceled)) == 1
    converted = {one.participant_id: one.received for one in of_kind(events, ClaimConverted)}
    assert converted == {ANN: 1_000_000, BOB: 1_000_000}
    venue.trade(ANN, BOB, 1, 80_000)


def test_a_short_pool_is_settled_first_and_does_not_go_over_at_par() -> None:
    venue = a_venue_with_a_fallback()
    venue.trade(ANN, BOB, 1, 80_000)
    venue.tell(
        RecordCashLoss(
            asset_id=RUBD, wallet_id=FIRST, amount=1_000_000, cause=LossCause.STOLEN, grounds="it is gone",
            target=WalletId("thief"),
        )
    )  # fmt: skip
    assert venue.pool() == 1_000_000
    venue.tell(HALT)
    (refused,) = convert(venue)
    assert isinstance(refused, DirectiveRefused) and "is short" in refused.explanation
    events = convert(venue, 500_000)
    assert [(one.payout, one.cut) for one in of_kind(events, ClaimSettled)] == [(500_000, 300_000)] * 2
    assert [venue.cash(name) for name in (ANN, BOB)] == [250_000, 250_000]
    assert venue.state.series[BTCF].state is SeriesState.TRADING


def test_a_freeze_of_a_participants_own_coins_does_not_follow_it_into_roubles() -> None:
    """The frozen coins are the house's now. A legal order does follow, and is lifted there too."""
    venue = a_venue_with_a_fallback(custody=CustodyMode.SEGREGATED)
    venue.tell(freeze(WalletId("venue-1/ann")))
    venue.tell(FreezeParticipant(participant_id=BOB, order_ref="court"))
    venue.tell(HALT)
    convert(venue)
    assert venue.state.seats[ANN].state is ParticipantState.ACTIVE
    venue.withdraw(ANN, 1_000_000)
    assert venue.cash(ANN) == 0
    assert why(venue.withdraw(BOB, 1)) is CashRefusal.PARTICIPANT_FROZEN
    venue.tell(UnfreezeParticipant(participant_id=BOB, order_ref="court"))
    venue.withdraw(BOB, 1_000_000)
    assert venue.cash(BOB) == 0
    assert venue.state.holdings[RUBD].unswept == {ANN: None}
    venue.tell(thaw(WalletId("venue-1/ann")))
    assert venue.state.holdings[RUBD].keeper.balance(FIRST) == 2_000_000

"""One cash asset against another: what both sides set aside, what a trade moves, and which orders are refused."""

import pytest

from exchange.access.regime import AccessClass, Caps, Criterion, Permission
from exchange.commands import (
    FreezeParticipant,
    HaltCash,
    ListInstrument,
    ResumeCash,
    ResumeInstrument,
    WithdrawCash,
)
from exchange.events import (
    CashRequestRejected,
    DirectiveRefused,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    SeriesState,
    SeriesStateChanged,
    TradeReported,
    TradingInterrupted,
)
from exchange.instruments import Instrument, Product, fault_in
from exchange.reasons import RejectReason
from exchange.treasury import claims
from exchange.units import SECOND, AssetId, IndexId, InstrumentId
from tests.builders import (
    ANN,
    BOB,
    BTC_RUB,
    BUY,
    CYD,
    PAIR,
    ROUBLE,
    RUB,
    RUBD,
    SELL,
    Asset,
    Regime,
    Venue,
    a_regime,
    a_risk_regime,
    cash_pair,
    future,
    of_kind,
    rouble_terms,
)

BOTH = (Asset(asset_id=RUBD, scale=2, title="coin"), Asset(asset_id=RUB, scale=2, title="bank roubles"))
LOT = 1_000 * ROUBLE  # coins


def a_venue(regime: Regime | None = None, **changes: object) -> Venue:
    """Ann has 10,000 bank roubles, Bob 10,000 coins, Cyd nothing."""
    venue = Venue(cash_pair(**changes), assets=BOTH, more_coins=(rouble_terms(),), regime=regime)
    for name in (ANN, BOB, CYD):
        venue.admit(name, 0)
    venue.pay_in(ANN, 10 * LOT, RUB)
    venue.pay_in(BOB, 10 * LOT, RUBD)
    return venue


def test_a_seller_sets_aside_coins_and_a_buyer_roubles_and_its_fee() -> None:
    venue = a_venue(fee_maker=50, fee_taker=70)
    venue.place(BOB, SELL, 3, 9_900, instrument_id=PAIR)
    assert venue.cash_of(BOB, RUBD) == (7 * LOT, 3 * LOT)
    venue.place(ANN, BUY, 2, 9_800, instrument_id=PAIR)
    assert venue.cash_of(ANN, RUB) == (10 * LOT - 2 * 980 * ROUBLE - 2 * 70, 2 * 980 * ROUBLE + 2 * 70)


def test_a_trade_moves_both_at_once_and_the_rest_comes_back() -> None:
    venue = a_venue(fee_maker=50, fee_taker=70)
    venue.place(BOB, SELL, 3, 8_774, instrument_id=PAIR)
    events = venue.place(ANN, BUY, 2, 9_000, instrument_id=PAIR)
    assert [event.price for event in of_kind(events, TradeReported)] == [8_774]
    assert venue.cash_of(ANN, RUBD) == (2 * LOT, 0)
    assert venue.cash_of(ANN, RUB) == (10 * LOT - 2 * (87_740 + 70), 0)
    assert venue.cash_of(BOB, RUB) == (2 * (87_740 - 50), 0)
    assert venue.cash_of(BOB, RUBD) == (7 * LOT, LOT)
    assert venue.state.ledger.posted("ccp:fees:RUB") == 2 * 120
    assert venue.position(ANN, PAIR) == 2


def test_nothing_of_it_is_at_risk_under_any_limit() -> None:
    nobody = AccessClass(
        class_id="poor",
        title="Poor",
        any_of=(Criterion(),),
        permissions={Product.FUTURE: Permission.ALLOWED},
        caps=Caps(capital_at_risk=1),
    )
    venue = a_venue(a_regime(classes=(nobody,)))
    venue.trade(ANN, BOB, 5, 10_000, PAIR)
    assert venue.at_risk(ANN) == venue.at_risk(BOB) == 0
    assert venue.cash_of(ANN, RUBD) == (5 * LOT, 0)


def test_a_class_that_is_denied_it_may_not_trade_it() -> None:
    denied = AccessClass(
        class_id="all",
        title="All",
        any_of=(Criterion(),),
        permissions={Product.FUTURE: Permission.ALLOWED, Product.CASH_PAIR: Permission.DENIED},
    )
    venue = a_venue(a_regime(classes=(denied,)))
    (refused,) = venue.place(ANN, BUY, 1, 10_000, instrument_id=PAIR)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.PRODUCT_NOT_PERMITTED


@pytest.mark.parametrize(
    ("who", "side", "quantity", "price", "reason"),
    [
        (BOB, SELL, 11, 10_000, RejectReason.INSUFFICIENT_CASH),
        (ANN, BUY, 11, 10_000, RejectReason.INSUFFICIENT_CASH),
        (CYD, SELL, 1, 10_000, RejectReason.INSUFFICIENT_CASH),
        (ANN, BUY, 1, 4_999, RejectReason.PRICE_OUTSIDE_BAND),
        (ANN, BUY, 1, 15_001, RejectReason.PRICE_OUTSIDE_COLLAR),
    ],
)
def test_what_is_not_there_or_far_from_par_is_refused(who, side, quantity, price, reason) -> None:  # type: ignore[no-untyped-def]
    venue = a_venue()
    before = [venue.cash_of(who, asset_id) for asset_id in (RUB, RUBD)]
    (refused,) = venue.place(who, side, quantity, price, instrument_id=PAIR)
    assert isinstance(refused, OrderRejected) and refused.reason is reason
    assert [venue.cash_of(who, asset_id) for asset_id in (RUB, RUBD)] == before


def test_the_band_is_around_par_whatever_it_last_traded_at() -> None:
    venue = a_venue()
    venue.trade(ANN, BOB, 1, 8_000, PAIR)
    assert isinstance(venue.place(ANN, BUY, 1, 5_000, instrument_id=PAIR)[0], OrderAccepted)


def test_a_jump_interrupts_trading_if_the_terms_say_so() -> None:
    venue = a_venue(dynamic_band_bp=500, halt_call=60 * SECOND)
    venue.trade(ANN, BOB, 1, 10_000, PAIR)
    venue.place(ANN, BUY, 1, 9_000, instrument_id=PAIR)
    events = venue.place(BOB, SELL, 1, 9_000, instrument_id=PAIR)
    assert of_kind(events, TradingInterrupted) and not of_kind(events, OrderFilled)


def test_a_frozen_participant_sells_no_coins() -> None:
    venue = a_venue()
    venue.tell(FreezeParticipant(participant_id=BOB, order_ref="order"))
    (refused,) = venue.place(BOB, SELL, 1, 10_000, instrument_id=PAIR)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSUFFICIENT_CASH


def test_what_is_set_aside_cannot_be_withdrawn_but_is_still_a_claim() -> None:
    venue = a_venue()
    venue.place(ANN, BUY, 10, 10_000, instrument_id=PAIR)
    (refused,) = venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUB, amount=1))
    assert isinstance(refused, CashRequestRejected)
    assert claims(venue.state, RUB)[ANN] == 10 * LOT


def test_a_coin_sold_under_margin_is_free_of_what_positions_need() -> None:
    venue = a_venue(a_risk_regime())
    venue.trade(ANN, BOB, 10, 9_999, PAIR)
    assert venue.cash_of(BOB, RUBD) == (0, 0)
    assert venue.cash_of(BOB, RUB) == (10 * 999_90, 0)


def test_what_positions_need_as_margin_is_not_sold() -> None:
    """Three futures at 8,000 roubles need 16% of that and more; Bob has 15,000 coins."""
    venue = Venue(cash_pair(), future(), assets=BOTH, more_coins=(rouble_terms(),), regime=a_risk_regime())
    venue.admit(ANN, 10**9)
    venue.admit(BOB, 15 * LOT)
    venue.trade(ANN, BOB, 3, 80_000)
    assert venue.position(BOB) == -3
    (refused,) = venue.place(BOB, SELL, 15, 10_000, instrument_id=PAIR)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSUFFICIENT_CASH
    assert isinstance(venue.place(BOB, SELL, 1, 10_000, instrument_id=PAIR)[0], OrderAccepted)


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        (
            cash_pair(instrument_id=InstrumentId("OTHER"), tick_value=11),
            "make lot, tick and tick_value agree",
        ),
        (cash_pair(instrument_id=InstrumentId("OTHER"), base=AssetId("USDX")), "there is no cash asset USDX"),
        (cash_pair(instrument_id=InstrumentId("OTHER"), underlying=IndexId(BTC_RUB)), "is an index"),
        (cash_pair(), "is listed already"),
    ],
)
def test_terms_that_do_not_fit_the_venue_are_refused(terms: Instrument, says: str) -> None:
    (refused,) = a_venue().tell(ListInstrument(instrument=terms))
    assert isinstance(refused, DirectiveRefused) and says in refused.explanation


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"base": RUB}, "cannot be traded against itself"),
        ({"expiry": 1}, "never expires"),
        ({"lot_units": None}, "lot_units must be"),
        ({"fee_taker": 2_001}, "floor must be 201 or more"),
    ],
)
def test_terms_that_make_no_sense_are_refused(changes: dict[str, object], says: str) -> None:
    assert says in str(fault_in(cash_pair(**changes)))


# --- a halt of either side ------------------------------------------------------------------------------


def states(events: list[Event]) -> list[SeriesState]:
    return [event.state for event in of_kind(events, SeriesStateChanged)]


@pytest.mark.parametrize("halted", [RUB, RUBD])
def test_a_pair_stops_when_either_side_is_halted_and_goes_on_with_it(halted: AssetId) -> None:
    venue = a_venue()
    venue.place(BOB, SELL, 3, 9_900, instrument_id=PAIR)
    events = venue.tell(HaltCash(asset_id=halted, grounds="doubt"))
    assert of_kind(events, OrderCanceled) and states(events) == [SeriesState.SUSPENDED]
    assert venue.cash_of(BOB, RUBD) == (10 * LOT, 0)
    assert states(venue.tell(ResumeCash(asset_id=halted))) == [SeriesState.TRADING]


def test_halted_on_both_sides_it_waits_for_both() -> None:
    venue = a_venue()
    for asset_id in (RUBD, RUB):
        venue.tell(HaltCash(asset_id=asset_id, grounds="doubt"))
    assert states(venue.tell(ResumeCash(asset_id=RUBD))) == []
    assert isinstance(venue.tell(ResumeInstrument(instrument_id=PAIR))[0], DirectiveRefused)
    assert states(venue.tell(ResumeCash(asset_id=RUB))) == [SeriesState.TRADING]

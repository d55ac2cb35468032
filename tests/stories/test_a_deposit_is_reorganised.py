"""F28: the chain forgets a deposit. Before its confirmations nothing has happened; after them somebody has lost."""

from exchange.access.regime import Regime
from exchange.commands import ReportReorganisation, WithdrawUnits
from exchange.events import (
    CancelCause,
    ChainReorganised,
    CryptoDepositCredited,
    CryptoDepositVoided,
    Event,
    OrderCanceled,
    TradeReported,
    UnitsLossShared,
    UnitsLost,
    UnitsWithdrawalReturned,
)
from exchange.reasons import CashRefusal
from exchange.units import MINUTE
from tests.builders import (
    ANN,
    BLOCK,
    BOB,
    BOTH_MODES,
    BTC,
    BTC_SPOT,
    BTCF,
    BUY,
    CYD,
    OPENS,
    ROUBLE,
    SATOSHI_LOT,
    SELL,
    Venue,
    future,
    of_kind,
    spot,
    with_btc,
)

LOT = SATOSHI_LOT


def a_venue(regime: Regime) -> Venue:
    """Bob brings ten lots and Cyd thirty, each in a transaction of its own."""
    venue = Venue(spot(), future(), assets=with_btc(), regime=regime)
    for name in (ANN, BOB, CYD):
        venue.admit(name, 1_000_000 * ROUBLE)
    venue.bring(CYD, 30 * LOT, "of cyd")
    venue.wait_until(OPENS + 5 * MINUTE)
    venue.bring(BOB, 10 * LOT, "of bob")
    return venue


def reorganise(venue: Venue, transaction: str = "of bob") -> list[Event]:
    return venue.tell(ReportReorganisation(asset_id=BTC, transaction=transaction))


@BOTH_MODES
def test_before_its_confirmations_it_is_void_and_nobody_loses(regime: Regime) -> None:
    venue = a_venue(regime)
    venue.wait_until(OPENS + 5 * MINUTE + 2 * BLOCK - 1)
    venue.now += 1  # the very instant of the second block: what the chain says comes first
    assert reorganise(venue) == [
        ChainReorganised(asset_id=BTC, transaction="of bob", amount=10 * LOT, credited=False),
        CryptoDepositVoided(participant_id=BOB, asset_id=BTC, amount=10 * LOT, transaction="of bob"),
    ]
    assert of_kind(venue.wait_until(venue.now + BLOCK), CryptoDepositCredited) == []
    assert (venue.units(BOB), venue.units(CYD)) == (0, 30 * LOT)


@BOTH_MODES
def test_after_them_whoever_owns_the_asset_bears_the_loss_and_cash_and_positions_do_not(
    regime: Regime,
) -> None:
    """Bob sells his ten lots to Ann and has none when they vanish: Ann's ten and Cyd's thirty shrink by a quarter."""
    venue = a_venue(regime)
    venue.wait_until(OPENS + 5 * MINUTE + 2 * BLOCK)
    venue.trade(CYD, BOB, 2, 80_000, BTCF)
    venue.trade(ANN, BOB, 10, 80_000, BTC_SPOT)
    before = {name: (venue.free_cash(name), venue.locked(name)) for name in (ANN, BOB, CYD)}
    assert reorganise(venue) == [
        ChainReorganised(asset_id=BTC, transaction="of bob", amount=10 * LOT, credited=True),
        UnitsLost(asset_id=BTC, loss=10 * LOT, house=0, holders=10 * LOT),
        UnitsLossShared(participant_id=ANN, asset_id=BTC, amount=250_000),
        UnitsLossShared(participant_id=CYD, asset_id=BTC, amount=750_000),
    ]
    assert [venue.units(name) for name in (ANN, BOB, CYD)] == [750_000, 0, 2_250_000]
    assert {name: (venue.free_cash(name), venue.locked(name)) for name in (ANN, BOB, CYD)} == before
    assert venue.at_risk(ANN) == 60_000 * ROUBLE  # the cost of what is left


@BOTH_MODES
def test_orders_that_would_sell_what_is_gone_are_canceled_and_others_stay(regime: Regime) -> None:
    venue = a_venue(regime)
    venue.wait_until(OPENS + 5 * MINUTE + 2 * BLOCK)
    venue.place(BOB, SELL, 9, 81_000, instrument_id=BTC_SPOT)
    venue.place(BOB, BUY, 1, 79_000, instrument_id=BTC_SPOT)
    venue.place(CYD, SELL, 20, 82_000, instrument_id=BTC_SPOT)
    events = reorganise(venue)
    assert [(e.participant_id, e.remaining, e.cause) for e in of_kind(events, OrderCanceled)] == [
        (BOB, 9, CancelCause.UNITS_LOST)
    ]
    assert (venue.free_units(BOB), venue.free_units(CYD)) == (750_000, 250_000)
    assert of_kind(venue.place(ANN, BUY, 1, 82_000, instrument_id=BTC_SPOT), TradeReported)


@BOTH_MODES
def test_what_is_on_its_way_out_comes_back_and_shares_the_loss(regime: Regime) -> None:
    venue = a_venue(regime)
    venue.wait_until(OPENS + 5 * MINUTE + 2 * BLOCK)
    venue.tell(WithdrawUnits(participant_id=BOB, asset_id=BTC, amount=10 * LOT))
    events = reorganise(venue)
    (returned,) = of_kind(events, UnitsWithdrawalReturned)
    assert (returned.amount, returned.reason) == (10 * LOT, CashRefusal.CHAIN_REORGANISED)
    assert (venue.free_units(BOB), venue.free_units(CYD)) == (750_000, 2_250_000)


@BOTH_MODES
def test_what_has_left_for_good_leaves_the_loss_to_those_who_stayed(regime: Regime) -> None:
    venue = a_venue(regime)
    venue.wait_until(OPENS + 5 * MINUTE + 2 * BLOCK)
    venue.tell(WithdrawUnits(participant_id=BOB, asset_id=BTC, amount=10 * LOT))
    venue.wait_until(venue.now + 2 * BLOCK)
    assert of_kind(reorganise(venue), UnitsLossShared) == [
        UnitsLossShared(participant_id=CYD, asset_id=BTC, amount=10 * LOT)
    ]
    (lost,) = of_kind(reorganise(venue, "of cyd"), UnitsLost)
    assert lost.loss == 20 * LOT == lost.holders  # thirty came, ten went with Bob's: twenty are all there is
    assert venue.units(CYD) == 0

"""A desk that trades in units knows what it has: the venue's own books say the same, after every event."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.commands import CancelAll, WithdrawUnits
from exchange.events import Event, OrderRejected, PrivateEvent
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE
from matching.terms import Side
from participants.desk import Desk, UnitsHolding
from participants.strategies.noise_trader import NoiseTrader
from tests.builders import (
    ANN,
    BLOCK,
    BOB,
    BTC,
    BTC_SPOT,
    EXPIRY,
    IDA,
    NOTE,
    OPENS,
    ROUBLE,
    RUBD,
    SATOSHI_LOT,
    SELL,
    Venue,
    note,
    spot,
    with_btc,
)
from tests.participants.builders import a_profile, dice

CASH = 1_000_000 * ROUBLE


class Listener:
    """Ann's desk beside the venue: it is handed whatever is told to Ann."""

    def __init__(self, venue: Venue, *instruments: object) -> None:
        self.venue = venue
        self.desk = Desk(ANN, instruments, {RUBD: CASH})  # type: ignore[arg-type]

    def hear(self, events: list[Event]) -> None:
        self.desk.hear([e for e in events if isinstance(e, PrivateEvent) and e.participant_id == ANN])


def a_spot_venue() -> tuple[Venue, Listener]:
    venue = Venue(spot(), assets=with_btc())
    for name in (ANN, BOB):
        venue.admit(name, CASH)
    listener = Listener(venue, spot())
    for name in (ANN, BOB):
        listener.hear(venue.bring(name, 20 * SATOSHI_LOT))
    listener.hear(venue.wait_until(OPENS + 2 * BLOCK))
    return venue, listener


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([ANN, BOB]),
            st.sampled_from(Side),
            st.integers(1, 12),
            st.integers(79_990, 80_010),
            st.booleans(),
        ),
        max_size=15,
    )
)
def test_position_and_free_cash_are_those_of_the_venue(orders: list[tuple[object, ...]]) -> None:
    venue, listener = a_spot_venue()
    for who, side, quantity, price, cancels in orders:
        if cancels:
            listener.hear(venue.tell(CancelAll(participant_id=who)))  # type: ignore[arg-type]
        listener.hear(venue.place(who, side, quantity, price, instrument_id=BTC_SPOT))  # type: ignore[arg-type]
        desk = listener.desk
        assert desk.position(BTC_SPOT) == venue.position(ANN, BTC_SPOT)
        assert desk.free_cash(RUBD) == venue.free_cash(ANN)
        sellable = desk.affordable(BTC_SPOT, SELL, 80_000, 1_000)
        assert sellable == venue.free_units(ANN) // SATOSHI_LOT


def test_units_that_leave_are_no_longer_there_to_be_sold() -> None:
    venue, listener = a_spot_venue()
    listener.hear(venue.tell(WithdrawUnits(participant_id=ANN, asset_id=BTC, amount=15 * SATOSHI_LOT)))
    assert listener.desk.affordable(BTC_SPOT, SELL, 80_000, 20) == 5
    listener.hear(venue.wait_until(venue.now + 2 * BLOCK))
    assert listener.desk.position(BTC_SPOT) == venue.position(ANN, BTC_SPOT) == 5


def test_a_note_is_paid_for_and_paid_off() -> None:
    venue = Venue(spot(), assets=with_btc())
    for name, cash in ((ANN, CASH), (BOB, CASH), (IDA, 10**9)):
        venue.admit(name, cash)
    listener = Listener(venue, note())
    listener.hear(venue.issue(note(), (ANN, 5)))
    assert listener.desk.position(NOTE) == 5
    listener.hear(venue.place(ANN, SELL, 2, 100_000, instrument_id=NOTE))
    listener.hear(venue.place(BOB, Side.BUY, 2, 100_000, instrument_id=NOTE))
    assert listener.desk.free_cash(RUBD) == venue.free_cash(ANN) == CASH - 300_000
    venue.wait_until(EXPIRY - 31 * MINUTE)
    listener.hear(venue.quote_until(EXPIRY, 900_010_000) + venue.wait_until(EXPIRY + HOUR))
    assert listener.desk.position(NOTE) == 0
    assert listener.desk.free_cash(RUBD) == venue.free_cash(ANN) == CASH - 300_000 + 3 * 101_250


def test_a_want_of_units_is_answered_with_a_smaller_order() -> None:
    desk = Desk(ANN, (spot(),), {RUBD: CASH})
    desk.hear(
        [
            OrderRejected(
                participant_id=ANN,
                client_order_id=1,
                instrument_id=BTC_SPOT,
                side=SELL,
                quantity=1,
                reason=RejectReason.INSUFFICIENT_UNITS,
            )
        ]
    )
    assert desk.squeezes == 1 and not desk.stopped


def test_nobody_reaches_for_less_than_nothing() -> None:
    trader = NoiseTrader(a_profile(), spot(), dice(), OPENS)
    holding = trader.holding
    assert isinstance(holding, UnitsHolding)
    assert (trader.room(Side.BUY), trader.room(SELL)) == (100, 0)
    holding.move(7 * SATOSHI_LOT + 1)
    assert (trader.room(Side.BUY), trader.room(SELL), holding.position) == (93, 7, 7)

"""A future from its listing to its settlement: every state, the fixing, what orders held, and a pool left empty."""

from exchange.commands import HaltInstrument, ListInstrument, ResumeInstrument
from exchange.events import (
    BucketSettled,
    CancelCause,
    ClaimSettled,
    Event,
    InstrumentListed,
    OrderCanceled,
    OrderRejected,
    PriceRule,
    SeriesState,
    SeriesStateChanged,
    SettlementPriceFinal,
    SettlementPriceProvisional,
    TradeReported,
)
from exchange.reasons import RejectReason
from exchange.units import MINUTE, InstrumentId
from tests.builders import ANN, BOB, BUY, CLOSES, CYD, OPENS, ROUBLE, SELL, Venue, future, of_kind
from tests.stories.outside import quote_steadily

JUNE = InstrumentId("BTC_RUBD-JUNE")
EXPIRES = OPENS + 60 * MINUTE
SERIES = future(instrument_id=JUNE, expiry=EXPIRES)
AT_8M, AT_8_1M = 800_000_000, 810_000_000  # index units


def a_venue() -> Venue:
    venue = Venue()
    for name in (ANN, BOB, CYD):
        venue.admit(name)
    venue.tell(ListInstrument(instrument=SERIES))
    return venue


def state_of(venue: Venue) -> SeriesState:
    state: SeriesState = venue.state.series[JUNE].state
    return state


def states(events: list[Event]) -> list[SeriesState]:
    return [e.state for e in of_kind(events, SeriesStateChanged) if e.instrument_id == JUNE]


def test_a_series_listed_while_the_venue_is_open_trades_at_once() -> None:
    venue = Venue()
    listed, trading, *_ = venue.tell(ListInstrument(instrument=SERIES))
    assert isinstance(listed, InstrumentListed) and listed.instrument == SERIES
    assert trading == SeriesStateChanged(instrument_id=JUNE, state=SeriesState.TRADING)


def test_the_fixing_begins_half_an_hour_before_the_expiry_and_trading_goes_on() -> None:
    venue = a_venue()
    venue.wait_until(EXPIRES - 30 * MINUTE - 1)
    assert state_of(venue) is SeriesState.TRADING
    assert states(venue.wait_until(EXPIRES - 30 * MINUTE)) == [SeriesState.FIXING]
    venue.place(BOB, SELL, 1, 80_000, instrument_id=JUNE)
    assert of_kind(venue.place(ANN, BUY, 1, 80_000, instrument_id=JUNE), TradeReported)


def test_at_the_expiry_the_clock_comes_before_every_order_and_holds_are_released() -> None:
    venue = a_venue()
    venue.place(CYD, BUY, 2, 79_000, instrument_id=JUNE)
    assert venue.held(CYD) == 15_800 * ROUBLE
    venue.wait_until(EXPIRES - 1)
    assert of_kind(venue.place(CYD, BUY, 1, 79_000, instrument_id=JUNE), OrderRejected) == []
    venue.now = EXPIRES
    events = venue.place(ANN, SELL, 1, 79_000, instrument_id=JUNE)
    assert states(events) == [SeriesState.HALTED]
    assert [(e.remaining, e.cause) for e in of_kind(events, OrderCanceled)] == [
        (2, CancelCause.EXPIRY),
        (1, CancelCause.EXPIRY),
    ]
    assert isinstance(events[-1], OrderRejected) and events[-1].reason is RejectReason.INSTRUMENT_EXPIRED
    assert (venue.held(CYD), venue.free_cash(CYD)) == (0, 10**12)


def test_the_price_is_the_mean_of_the_half_hour_and_the_pool_is_paid_out_to_the_last_kopeck() -> None:
    """Ten minutes at 8.0m and twenty at 8.1m: 100 and 200 of the 300 samples make 8,066,700, rounded once."""
    venue = a_venue()
    venue.place(BOB, SELL, 10, 80_000, instrument_id=JUNE)
    venue.place(ANN, BUY, 10, 80_000, instrument_id=JUNE)
    quote_steadily(venue, EXPIRES - 20 * MINUTE, AT_8M)
    assert venue.pool(SERIES) == 160_000 * ROUBLE
    events = quote_steadily(venue, EXPIRES, AT_8_1M)
    assert states(events) == [
        SeriesState.HALTED,
        SeriesState.PRICE_PROVISIONAL,
        SeriesState.PRICE_FINAL,
        SeriesState.SETTLING,
        SeriesState.SETTLED,
    ]
    (provisional,) = of_kind(events, SettlementPriceProvisional)
    assert (provisional.rule, provisional.valid_samples, provisional.samples) == (PriceRule.WINDOW, 300, 300)
    (final,) = of_kind(events, SettlementPriceFinal)
    assert (final.price, final.unclamped, final.grounds) == (80_667, 80_667, "")
    paid = of_kind(events, ClaimSettled)
    assert events.index(final) < events.index(paid[0])
    assert {e.participant_id: (e.payout, e.gain) for e in paid} == {
        ANN: (8_066_700, 66_700),
        BOB: (7_933_300, -66_700),
    }
    assert of_kind(events, BucketSettled)[0].pool == 160_000 * ROUBLE
    assert (venue.pool(SERIES), venue.position(ANN, JUNE), venue.locked(ANN), venue.locked(BOB)) == (
        0,
        0,
        0,
        0,
    )
    assert (venue.free_cash(ANN), venue.free_cash(BOB)) == (10**12 + 66_700, 10**12 - 66_700)


def test_a_halt_that_meets_the_fixing_resumes_into_it() -> None:
    venue = a_venue()
    venue.wait_until(EXPIRES - 31 * MINUTE)
    assert states(venue.tell(HaltInstrument(instrument_id=JUNE))) == [SeriesState.SUSPENDED]
    assert states(venue.wait_until(EXPIRES - 29 * MINUTE)) == []
    assert states(venue.tell(ResumeInstrument(instrument_id=JUNE))) == [SeriesState.FIXING]


def test_a_halted_series_still_expires_and_settles() -> None:
    venue = a_venue()
    quote_steadily(venue, EXPIRES - MINUTE, AT_8M)
    venue.tell(HaltInstrument(instrument_id=JUNE))
    assert states(quote_steadily(venue, EXPIRES, AT_8M))[0] is SeriesState.HALTED
    assert state_of(venue) is SeriesState.SETTLED
    assert states(venue.tell(ResumeInstrument(instrument_id=JUNE))) == []


def test_a_series_listed_after_the_last_session_is_settled_without_ever_trading() -> None:
    venue = Venue(now=OPENS - MINUTE)
    venue.admit(ANN)
    venue.wait_until(CLOSES)
    venue.tell(ListInstrument(instrument=future(instrument_id=JUNE, expiry=CLOSES + 60 * MINUTE)))
    assert state_of(venue) is SeriesState.LISTED
    refused = venue.place(ANN, BUY, 1, 80_000, instrument_id=JUNE)[-1]
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.SESSION_CLOSED
    events = quote_steadily(venue, CLOSES + 60 * MINUTE, AT_8M)
    assert states(events)[:2] == [SeriesState.FIXING, SeriesState.HALTED]
    assert state_of(venue) is SeriesState.SETTLED
    assert of_kind(events, ClaimSettled) == []

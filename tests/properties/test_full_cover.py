"""Locks and holds in small markets, against a count of every settlement price and every set of fills (E3, E8)."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.instruments import ContractKind, Instrument
from exchange.units import InstrumentId
from matching.terms import Price, Side
from tests.builders import ANN, BOB, Venue, future

CAP = 16  # ticks, from a floor of 4: every settlement price can be tried
FLOOR = 4
TICK_VALUE = 10


def small(kind: ContractKind, strike: Price | None = None, payoff: Price = 0) -> Instrument:
    reference = 10 if strike is None else 1
    return future(
        instrument_id=InstrumentId(f"{kind}-{strike}"),
        kind=kind,
        floor=FLOOR,
        cap=CAP,
        reference=reference,
        strike=strike,
        digital_payoff=payoff,
        price_band_bp=10_000,
        tick_value=TICK_VALUE,
    )


SERIES = (
    small(ContractKind.CAPPED_FUTURE),
    small(ContractKind.CALL, 9),
    small(ContractKind.PUT, 12),
    small(ContractKind.DIGITAL_CALL, 7, 5),
    small(ContractKind.DIGITAL_PUT, 11, 3),
)

series = st.sampled_from(SERIES)
signed = st.integers(-4, 4).filter(bool)
part = st.integers(0, CAP)  # of the range of prices of the series


def price_in(instrument: Instrument, at: int) -> Price:
    width = instrument.highest_price - instrument.lowest_price
    return instrument.lowest_price + at % (width + 1)


def gain(instrument: Instrument, quantity: int, price: Price, settlement: Price) -> int:
    """In minor units; the price of an option is its premium, that of a future its level."""
    inside = min(max(settlement, FLOOR), CAP)
    strike = instrument.strike or 0
    worth = {
        ContractKind.CAPPED_FUTURE: inside,
        ContractKind.CALL: max(inside - strike, 0),
        ContractKind.PUT: max(strike - inside, 0),
        ContractKind.DIGITAL_CALL: instrument.digital_payoff if inside >= strike else 0,
        ContractKind.DIGITAL_PUT: instrument.digital_payoff if inside < strike else 0,
    }[instrument.kind]
    return TICK_VALUE * quantity * (worth - price)


trades = st.lists(st.tuples(series, signed, part), max_size=5)
orders = st.lists(st.tuples(series, signed, part), max_size=4)


def check(traded: list[tuple[Instrument, int, int]], placed: list[tuple[Instrument, int, int]]) -> None:
    venue = Venue(*SERIES)
    for name in (ANN, BOB):
        venue.admit(name)
    done = []
    for instrument, quantity, at in traded:
        price = price_in(instrument, at)
        buyer, seller = (ANN, BOB) if quantity > 0 else (BOB, ANN)
        venue.trade(buyer, seller, abs(quantity), price, instrument.instrument_id)
        done.append((instrument, quantity, price))
    resting = []
    for instrument, quantity, at in placed:
        price = price_in(instrument, at)
        side = Side.BUY if quantity > 0 else Side.SELL
        venue.place(ANN, side, abs(quantity), price, instrument_id=instrument.instrument_id)
    for order in venue.state.seats[ANN].orders.values():  # her own may have met, and one of them gone
        resting.append((order.instrument, order.side * order.remaining, order.price))
    prices = range(FLOOR - 2, CAP + 3)
    lock = max(-sum(gain(i, q, p, s) for i, q, p in done) for s in prices)
    worst = max(
        -sum(gain(i, q, p, s) for i, q, p in done)
        - sum(gain(i, filled * (1 if q > 0 else -1), p, s) for (i, q, p), filled in zip(resting, fills, strict=True))
        for fills in product(*(range(abs(q) + 1) for _, q, _ in resting))
        for s in prices
    )  # fmt: skip
    assert venue.locked(ANN) == lock
    assert venue.held(ANN) == worst - lock
    assert venue.state.covers.at_risk(ANN) == max(worst, 0)
    assert venue.locked(ANN) + venue.locked(BOB) == venue.pool(SERIES[0])


@settings(max_examples=150, deadline=None)
@given(traded=trades, placed=orders)
def test_lock_and_hold_are_exactly_the_worst_case(
    traded: list[tuple[Instrument, int, int]], placed: list[tuple[Instrument, int, int]]
) -> None:
    check(traded, placed)


@pytest.mark.nightly
@settings(max_examples=2_000, deadline=None)
@given(traded=trades, placed=orders)
def test_in_many_more_markets(
    traded: list[tuple[Instrument, int, int]], placed: list[tuple[Instrument, int, int]]
) -> None:
    check(traded, placed)

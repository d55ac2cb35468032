"""F29: the price runs to the edge of a future's collar. It is told, a series with a fresh collar follows, and the old
one pays what its terms say: whoever was long in it is capped, and a hedge beyond the cap is lost.
"""

from exchange.events import ClaimSettled, CollarNeared, InstrumentListed, SettlementPriceFinal
from exchange.units import HOUR, MINUTE, InstrumentId
from tests.builders import (
    ANN,
    BOB,
    BTCF,
    BUY,
    EXPIRY,
    OPENS,
    ROUBLE,
    SELL,
    Venue,
    a_risk_regime,
    future,
    of_kind,
)

NEXT = InstrumentId(f"{BTCF}#2")


def a_venue(**terms: object) -> Venue:
    venue = Venue(future(**terms))
    for name in (ANN, BOB):
        venue.admit(name)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 10, 80_000)
    return venue


def test_a_series_with_a_fresh_collar_follows() -> None:
    venue = a_venue()
    assert of_kind(venue.quote_until(OPENS + HOUR, 1_430_000_000), CollarNeared) == []
    told = venue.quote_until(OPENS + HOUR + 5 * MINUTE, 1_450_000_000)
    (neared,) = of_kind(told, CollarNeared)
    (listed,) = of_kind(told, InstrumentListed)
    assert neared.instrument_id == BTCF and 144_000 <= neared.mark <= 145_000
    fresh = listed.instrument
    assert (fresh.instrument_id, fresh.collar, fresh.floor) == (NEXT, 2, 0)
    assert (fresh.reference, fresh.cap) == (neared.mark, 2 * neared.mark)
    assert fresh.expiry == EXPIRY and fresh.bucket_id != future().bucket_id
    assert venue.state.series[BTCF].instrument == future()  # a live collar never changes
    assert of_kind(venue.quote_until(OPENS + 2 * HOUR, 1_450_000_000), CollarNeared) == []  # told once


def test_the_old_one_is_capped_and_the_new_one_is_not() -> None:
    """Settled at 17.0m: ten lots bought at 8.0m gain 80,000.00 and no more; two bought at 14.5m gain 5,000.00."""
    venue = a_venue()
    venue.quote_until(OPENS + 2 * HOUR, 1_450_000_000)
    venue.place(BOB, SELL, 2, 145_000, instrument_id=NEXT)
    venue.place(ANN, BUY, 2, 145_000, instrument_id=NEXT)
    told = venue.quote_until(EXPIRY + MINUTE, 1_700_000_000)
    prices = {
        event.bucket_id: (event.price, event.unclamped) for event in of_kind(told, SettlementPriceFinal)
    }
    assert sorted(prices.values()) == [(160_000, 170_000), (170_000, 170_000)]
    gains = [event.gain for event in of_kind(told, ClaimSettled) if event.participant_id == ANN]
    assert sorted(gains) == [5_000 * ROUBLE, 80_000 * ROUBLE]


def test_a_floor_can_be_neared_too_but_not_one_of_nothing() -> None:
    venue = a_venue(floor=40_000)
    told = venue.quote_until(OPENS + HOUR, 520_000_000)  # a tenth of the width above the floor
    assert [event.instrument_id for event in of_kind(told, CollarNeared)] == [BTCF]
    (listed,) = of_kind(told, InstrumentListed)
    assert listed.instrument.floor == listed.instrument.reference // 2
    assert of_kind(a_venue().quote_until(OPENS + HOUR, 10_000_000), CollarNeared) == []


def test_nothing_follows_once_the_fixing_is_about_to_begin_nor_under_margin() -> None:
    venue = a_venue()
    venue.quote_until(EXPIRY - 20 * MINUTE, 800_000_000)
    told = venue.quote_until(EXPIRY - 10 * MINUTE, 1_500_000_000)
    assert of_kind(told, CollarNeared) and not of_kind(told, InstrumentListed)
    margined = Venue(regime=a_risk_regime())
    assert of_kind(margined.quote_until(OPENS + HOUR, 1_500_000_000), CollarNeared) == []

"""Full cover: what is locked, what orders need, and what settlement pays, to the kopeck."""

from itertools import product as every_combination

import pytest

from exchange.commands import ListInstrument
from exchange.events import BucketSettled, ClaimSettled, DirectiveRefused, OrderRejected
from exchange.instruments import ContractKind, Instrument
from exchange.reasons import RejectReason
from matching.terms import ParticipantId
from tests.builders import ANN, BOB, BUY, CYD, EXPIRY, ROUBLE, SELL, Venue, future, of_kind, option


def a_market(*instruments: Instrument) -> Venue:
    venue = Venue(*instruments)
    for name in (ANN, BOB, CYD):
        venue.admit(name)
    return venue


def settle_at(venue: Venue, ticks: int) -> tuple[dict[str, int], dict[str, int], int]:
    """Let the series expire at that price; gains and payouts by participant, and the pool paid out."""
    value = ticks * 10_000
    venue.quote(value)
    events = venue.quote_until(EXPIRY + 1, value)
    settled = of_kind(events, ClaimSettled)
    bucket, *fresh = of_kind(events, BucketSettled)
    assert not any(
        other.pool for other in fresh
    )  # nobody traded under the fresh collars that came on the way
    gains = {str(e.participant_id): e.gain for e in settled}
    payouts = {str(e.participant_id): e.payout for e in settled}
    return gains, payouts, bucket.pool


def test_e2_locks_and_pool() -> None:
    """E2: 10 at 8.0m lock 80,000 a side; 5 of them resold at 8.4m leave 38,000 / 80,000 / 42,000."""
    venue = a_market()
    venue.trade(ANN, BOB, 10, 80_000)
    assert (venue.locked(ANN), venue.locked(BOB)) == (80_000 * ROUBLE, 80_000 * ROUBLE)
    assert venue.pool() == 160_000 * ROUBLE
    venue.trade(CYD, ANN, 5, 84_000)
    assert [venue.locked(name) for name in (ANN, BOB, CYD)] == [
        38_000 * ROUBLE,
        80_000 * ROUBLE,
        42_000 * ROUBLE,
    ]
    assert venue.pool() == 160_000 * ROUBLE


@pytest.mark.parametrize(
    ("settlement", "gains"),
    [
        (90_000, {"ann": 7_000, "bob": -10_000, "cyd": 3_000}),
        (200_000, {"ann": 42_000, "bob": -80_000, "cyd": 38_000}),
    ],
)
def test_e2_settlement(settlement: int, gains: dict[str, int]) -> None:
    """E2: settled at 9.0m, and at 20m, which the collar clamps to 16m. The band of outside prices is wide."""
    venue = a_market()
    venue.trade(ANN, BOB, 10, 80_000)
    venue.trade(CYD, ANN, 5, 84_000)
    before = {name: venue.free_cash(name) + venue.locked(name) for name in (ANN, BOB, CYD)}
    paid, payouts, pool = settle_at(venue, settlement)
    assert paid == {name: gain * ROUBLE for name, gain in gains.items()}
    assert sum(payouts.values()) == pool == 160_000 * ROUBLE
    assert venue.pool() == 0
    for name in (ANN, BOB, CYD):
        assert venue.free_cash(name) == before[name] + gains[str(name)] * ROUBLE


def test_e3_a_long_call_covers_part_of_a_short_future() -> None:
    """E3: short 10 futures lock 80,000; ten long calls K=10m at 0.5m lower that to 25,000, calls alone lock 55,000."""
    call = option(ContractKind.CALL, 100_000, reference=5_000)
    venue = a_market(future(), call)
    venue.trade(ANN, BOB, 10, 80_000)
    assert venue.locked(BOB) == 80_000 * ROUBLE
    venue.trade(BOB, CYD, 10, 5_000, call.instrument_id)
    assert venue.locked(BOB) == 25_000 * ROUBLE
    assert venue.locked(CYD) == 55_000 * ROUBLE


def test_e3_a_short_straddle_nets_in_its_bucket() -> None:
    """E3: ten short straddles at 10m lock 70,000 netted; call and put apart lock 55,000 + 75,000 = 130,000."""
    call = option(ContractKind.CALL, 100_000, reference=5_000)
    put = option(ContractKind.PUT, 100_000, reference=25_000)
    venue = a_market(future(), call, put)
    venue.trade(ANN, BOB, 10, 5_000, call.instrument_id)
    venue.trade(ANN, BOB, 10, 25_000, put.instrument_id)
    assert venue.locked(BOB) == 70_000 * ROUBLE
    apart = a_market(future(), call, put)
    apart.trade(ANN, BOB, 10, 5_000, call.instrument_id)
    apart.trade(ANN, CYD, 10, 25_000, put.instrument_id)
    assert (apart.locked(BOB), apart.locked(CYD)) == (55_000 * ROUBLE, 75_000 * ROUBLE)


def test_e8_orders_need_only_their_worst_subset() -> None:
    """E8: long 3 from 8.0m, bids 2@7.9m and 1@7.8m, ask 5@8.2m need 23,600 beside the lock of 24,000."""
    venue = a_market()
    venue.trade(ANN, BOB, 3, 80_000)
    assert venue.locked(ANN) == 24_000 * ROUBLE
    ask = venue.rest(ANN, SELL, 5, 82_000)
    assert venue.held(ANN) == 0  # the ask alone needs nothing
    venue.rest(ANN, BUY, 2, 79_000)
    venue.rest(ANN, BUY, 1, 78_000)
    assert venue.held(ANN) == 23_600 * ROUBLE
    assert venue.state.covers.at_risk(ANN) == 47_600 * ROUBLE
    venue.cancel(ANN, ask)
    assert venue.held(ANN) == 23_600 * ROUBLE


def test_an_order_that_cash_does_not_cover_by_a_kopeck_is_refused() -> None:
    venue = Venue()
    venue.admit(ANN, 80_000 * ROUBLE)
    venue.admit(BOB, 80_000 * ROUBLE - 1)
    assert not of_kind(venue.place(ANN, BUY, 10, 80_000), OrderRejected)
    (refused,) = venue.place(BOB, SELL, 10, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSUFFICIENT_CASH


def test_fees_are_held_at_the_higher_rate_and_the_rest_comes_back() -> None:
    venue = Venue(future(fee_maker=20, fee_taker=60))
    venue.admit(ANN)
    venue.admit(BOB)
    venue.rest(ANN, SELL, 10, 80_000)
    assert venue.held(ANN) == 80_000 * ROUBLE + 10 * 60
    before = venue.free_cash(ANN)
    venue.place(BOB, BUY, 10, 80_000)
    assert venue.held(ANN) == 0
    assert venue.free_cash(ANN) == before + 10 * (60 - 20)
    assert venue.state.ledger.posted("ccp:fees:RUBD") == 10 * (20 + 60)


def test_a_new_strike_is_reckoned_into_what_is_there_already() -> None:
    venue = a_market()
    venue.trade(ANN, BOB, 10, 80_000)
    venue.rest(BOB, SELL, 3, 81_000)
    venue.tell(ListInstrument(instrument=option(ContractKind.PUT, 60_000, reference=900)))
    assert venue.state.covers.full.buckets[future().bucket_id].nodes == (0, 60_000, 160_000)
    venue.trade(CYD, BOB, 2, 900, option(ContractKind.PUT, 60_000).instrument_id)


@pytest.mark.parametrize("other", [{"cap": 170_000}, {"floor": 1}, {"tick": 1_000}, {"tick_value": 1}])
def test_series_of_one_bucket_share_the_terms_of_its_settlement_price(other: dict[str, int]) -> None:
    """One price in ticks settles them all, so a tick must be worth the same in each."""
    venue = a_market()
    (refused,) = venue.tell(ListInstrument(instrument=option(ContractKind.CALL, 90_000, **other)))
    assert isinstance(refused, DirectiveRefused) and "collar, tick and tick value" in refused.explanation


def test_no_participant_is_taken_for_the_house_whatever_it_is_called() -> None:
    venue, ccp = a_market(), ParticipantId("ccp")
    venue.admit(ccp)
    venue.trade(ccp, BOB, 10, 80_000)
    assert (venue.position(ccp), venue.position(BOB)) == (10, -10)


KINDS = [
    future(),
    option(ContractKind.CALL, 60_000),
    option(ContractKind.PUT, 100_000),
    option(ContractKind.DIGITAL_CALL, 90_000, digital_payoff=20_000),
    option(ContractKind.DIGITAL_PUT, 70_000, digital_payoff=20_000),
]


def test_the_requirement_is_the_worst_over_every_subset_of_fills_and_every_settlement() -> None:
    """E8: equality with brute force, with a position and live orders in every kind of series at once."""
    venue = a_market(*KINDS)
    prices = [80_000, 21_000, 23_000, 9_000, 8_000]
    for instrument, price, quantity in zip(KINDS, prices, (4, -3, 2, 5, -6), strict=True):
        buyer, seller = (ANN, BOB) if quantity > 0 else (BOB, ANN)
        venue.trade(buyer, seller, abs(quantity), price, instrument.instrument_id)
    orders = [(KINDS[0], SELL, 3, 83_000), (KINDS[1], BUY, 4, 20_500), (KINDS[2], SELL, 2, 24_000),
              (KINDS[3], BUY, 3, 8_500), (KINDS[4], SELL, 1, 8_800), (KINDS[0], BUY, 2, 78_000)]  # fmt: skip
    for instrument, side, quantity, price in orders:
        venue.place(ANN, side, quantity, price, instrument_id=instrument.instrument_id)
    account = venue.state.covers.full.buckets[future().bucket_id].accounts[ANN]
    worst = None
    settlements = sorted({0, 160_000, *(k + d for i in KINDS for k in i.kinks for d in (-1, 0, 1))})
    for filled in every_combination(*[range(quantity + 1) for _, _, quantity, _ in orders]):
        for settlement in settlements:
            gain = (
                sum(
                    q * i.payoff(settlement)
                    for i, q in ((i, account.quantities[i.instrument_id]) for i in KINDS)
                )
                - account.cost
            )
            for (instrument, side, _, price), quantity in zip(orders, filled, strict=True):
                gain += side * quantity * (instrument.payoff(settlement) - (price - instrument.lowest_price))
            worst = max(worst, -10 * gain) if worst is not None else -10 * gain
    assert worst == account.worst
    assert venue.held(ANN) == account.worst - account.lock

"""The price jumps further than the collar reaches: payouts stop at its edges, and the pool still pays everyone."""

import pytest

from exchange.events import BucketSettled, ClaimSettled, OrderRejected, SettlementPriceFinal
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE
from tests.builders import ANN, BOB, BUY, CYD, OPENS, ROUBLE, Venue, future, of_kind
from tests.stories.outside import quote_steadily

EXPIRES = OPENS + HOUR
COLLARED = future(floor=40_000, cap=120_000, expiry=EXPIRES, price_band_bp=1_000)


@pytest.mark.parametrize(
    ("jump_percent", "unclamped", "price", "payouts"),
    [
        (-30, 56_000, 56_000, {ANN: 16_000, BOB: 64_000}),
        (-37.5, 50_000, 50_000, {ANN: 10_000, BOB: 70_000}),
        (-60, 32_000, 40_000, {ANN: 0, BOB: 80_000}),
        (+100, 160_000, 120_000, {ANN: 80_000, BOB: 0}),
    ],
)
def test_a_gap_in_one_step(jump_percent: float, unclamped: int, price: int, payouts: dict[str, int]) -> None:
    """F3: long and short ten lots from 8.0m with a collar of 4m to 12m, so that each side has put in 40,000."""
    venue = Venue(COLLARED)
    for name in (ANN, BOB, CYD):
        venue.admit(name)
    quote_steadily(venue, EXPIRES - 31 * MINUTE, 800_000_000)
    venue.trade(ANN, BOB, 10, 80_000)
    assert (venue.locked(ANN), venue.locked(BOB)) == (40_000 * ROUBLE, 40_000 * ROUBLE)
    value = int(800_000_000 * (100 + jump_percent) / 100)
    events = quote_steadily(venue, EXPIRES + 1, value)
    final, *_ = of_kind(events, SettlementPriceFinal)  # of a fresh collar too
    assert (final.unclamped, final.price) == (unclamped, price)
    assert {e.participant_id: e.payout // ROUBLE for e in of_kind(events, ClaimSettled)} == payouts
    assert of_kind(events, BucketSettled)[0].pool == 80_000 * ROUBLE
    assert venue.pool(COLLARED) == 0
    assert venue.free_cash(ANN) + venue.free_cash(BOB) == 2 * 10**12
    assert venue.free_cash(CYD) == 10**12  # whoever has no position loses nothing


def test_orders_follow_the_index_only_as_far_as_the_collar() -> None:
    """The index is at 16m with a cap of 12m: what the band allows the collar forbids, so nobody can trade."""
    venue = Venue(COLLARED)
    venue.admit(ANN)
    venue.quote(1_600_000_000)
    venue.wait_until(OPENS + MINUTE)
    reasons = []
    for price in (120_001, 120_000, 150_000):
        (refused,) = venue.place(ANN, BUY, 1, price)
        assert isinstance(refused, OrderRejected)
        reasons.append(refused.reason)
    assert reasons == [
        RejectReason.PRICE_OUTSIDE_COLLAR,
        RejectReason.PRICE_OUTSIDE_BAND,
        RejectReason.PRICE_OUTSIDE_COLLAR,
    ]

"""E22: twenty-five seeds of trading in a future and its options; every invariant after each event, pools to nothing."""

from random import Random

import pytest

from exchange.commands import CancelOrder
from exchange.events import BucketSettled, ClaimSettled, OrderAccepted, TradeReported
from exchange.instruments import ContractKind
from exchange.units import HOUR, MINUTE
from matching.terms import ParticipantId, Side
from tests.builders import ANN, BOB, CYD, OPENS, ROUBLE, Venue, future, of_kind, option
from tests.stories.outside import quote_steadily

EXPIRES = OPENS + HOUR
DAN = ParticipantId("dan")
NAMES = (ANN, BOB, CYD, DAN)
SERIES = (
    future(expiry=EXPIRES),
    option(ContractKind.CALL, 95_000, reference=6_000, expiry=EXPIRES),
    option(ContractKind.PUT, 70_000, reference=5_000, expiry=EXPIRES),
)
EVENTS = 47  # times 25 seeds


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_traded_the_pool_pays_everyone_and_ends_at_nothing(seed: int) -> None:
    """`Venue` walks the audit after every command."""
    dice, venue, orders, trades = Random(seed), Venue(*SERIES), [], 0
    for name in NAMES:
        venue.admit(name, 400_000 * ROUBLE)
    for _ in range(EVENTS):
        name = dice.choice(NAMES)
        if orders and dice.random() < 0.2:
            venue.tell(CancelOrder(participant_id=name, order_id=dice.choice(orders)))
            continue
        instrument = dice.choice(SERIES)
        price = instrument.reference + dice.randint(-300, 300)
        events = venue.place(
            name,
            dice.choice(tuple(Side)),
            dice.randint(1, 10),
            price,
            instrument_id=instrument.instrument_id,
        )
        orders += [event.order_id for event in of_kind(events, OrderAccepted)]
        trades += len(of_kind(events, TradeReported))
    assert trades > 3
    settlement = dice.randint(0, 200_000)  # beyond the cap as well
    venue.wait_until(EXPIRES - 31 * MINUTE)
    pool = venue.pool(SERIES[0])
    events = quote_steadily(venue, EXPIRES, settlement * 10_000 + 2)
    settled = of_kind(events, ClaimSettled)
    first, *fresh = [event.pool for event in of_kind(events, BucketSettled)]
    assert first == pool and not any(fresh)  # nobody trades under the fresh collars that come on the way
    assert sum(event.payout for event in settled) == pool and min(event.payout for event in settled) >= 0
    assert sum(event.gain for event in settled) == 0
    assert venue.pool(SERIES[0]) == 0
    assert sum(venue.free_cash(name) for name in NAMES) == 4 * 400_000 * ROUBLE

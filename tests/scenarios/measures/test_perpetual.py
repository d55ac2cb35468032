"""A perpetual over a roll: each claim counts with its own collar, and what a roll closed is held no more."""

import numpy as np
import pytest

from exchange.events import (
    BucketSettled,
    ClaimSettled,
    FundingPaid,
    InstrumentListed,
    PerpetualRolled,
    PositionClosedAtRoll,
    PositionRolled,
    RollClosure,
)
from exchange.instruments import Instrument
from exchange.units import SECOND
from scenarios.measures import RunView, house, investors
from scenarios.measures.outcomes import outcomes
from scenarios.measures.reading import fills, listings, locked_at, open_interest
from tests.builders import PERP, perpetual
from tests.scenarios.measures.made import Story, index

ROLL_S = 1_800
BEGINS: Instrument = perpetual(expiry=ROLL_S * SECOND)
AFTER = BEGINS.rolled(84_000)


def over_a_roll() -> RunView:
    """A is long ten lots of B's from 80,000. At 84,000 seven are carried on; A sells two of them to C at 85,000.

    A lot locks 1,600.00 of either side, then 1,680.00. A pays funding of 1.01 and B receives 1.00.
    """
    story = Story().at(0, InstrumentListed(instrument=BEGINS), index(80_000))
    story.trade(0, "A", "B", 10, 80_000, instrument_id=PERP)
    for who, payout, gain in (("A", 2_000_000, 400_000), ("B", 1_200_000, -400_000)):
        story.at(
            ROLL_S,
            ClaimSettled(participant_id=who, bucket_id=BEGINS.bucket_id, payout=payout, gain=gain),
        )
    story.at(ROLL_S, BucketSettled(bucket_id=BEGINS.bucket_id, pool=3_200_000, holders=2))
    for who, amount in (("A", -101), ("B", 100)):
        story.at(ROLL_S, FundingPaid(participant_id=who, instrument_id=PERP, amount=amount, due=amount))
    for who, lots, closure in (("A", 3, RollClosure.OPPOSITE_CLOSED), ("B", -3, RollClosure.NOT_LOCKED)):
        story.at(
            ROLL_S,
            PositionClosedAtRoll(
                participant_id=who, instrument_id=PERP, quantity=lots, price=84_000, closure=closure
            ),
        )
    rolled = PerpetualRolled(
        instrument=AFTER, open_interest=7, closed=3, premium_ppb=0, samples=1, funding_rate_ppb=0
    )
    story.at(ROLL_S, rolled)
    for who, lots in (("A", 7), ("B", -7)):
        story.at(
            ROLL_S,
            PositionRolled(
                participant_id=who, instrument_id=PERP, quantity=lots, price=84_000, lock=7 * 168_000
            ),
        )
    story.trade(2_400, "C", "A", 2, 85_000, instrument_id=PERP)
    return story.at(2_500, index(86_000)).seen()


def test_positions_and_open_interest_lose_what_the_roll_closed() -> None:
    view = over_a_roll()
    assert dict(zip(fills(view).participants, [0, 1, 2], strict=True)) == {"A": 0, "B": 1, "C": 2}
    assert fills(view).position.tolist() == [10, -10, 2, 5]
    times = np.array([0, ROLL_S - 1, ROLL_S, 2_400]) * SECOND
    assert open_interest(view)[0].at(times).tolist() == [10, 10, 7, 7]


def test_a_perpetual_can_be_traded_until_the_run_ends() -> None:
    assert listings(over_a_roll())[0].ends == 3_600 * SECOND


def test_every_claim_locks_within_its_own_collar() -> None:
    view = over_a_roll()
    times = np.array([ROLL_S - 1, ROLL_S, 2_400]) * SECOND
    assert locked_at(view, times).tolist() == [20 * 160_000, 14 * 168_000, 14 * 168_000]
    assert house.uncovered_peak.function(view) == 0.0
    assert house.settlement_wait.function(view) == 0.0
    assert house.locked_peak.function(view) == 32_000.0


def test_gains_are_those_of_every_claim_and_funding_and_what_is_still_open() -> None:
    """A gained 4,000.00, then 1,400.00 up to the last index but 200.00 of it went to C; and it paid 1.01."""
    view = over_a_roll()
    table = outcomes(view)
    assert dict(zip(table["participant_id"], table["gain"].tolist(), strict=True)) == pytest.approx(
        {"A": 4_000 + 1_400 - 200 - 1.01, "B": -4_000 - 1_400 + 1, "C": 200}
    )
    assert investors.zero_sum_gap.function(view) == 0.0, "a kopeck is the house's"

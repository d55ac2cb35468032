"""A perpetual over three days: a premium that longs pay for, a fall that ends a position, a way out between rolls."""

from exchange.commands import IndexTerms, SessionTerms, WithdrawCash
from exchange.events import (
    ClaimSettled,
    Event,
    FundingPaid,
    OrderRejected,
    PerpetualRolled,
    PositionClosedAtRoll,
    PositionRolled,
    RollClosure,
)
from exchange.instruments import Roll
from exchange.reasons import RejectReason
from exchange.units import DAY, HOUR, MINUTE
from matching.terms import TimeInForce
from tests.builders import (
    ANN,
    BOB,
    BTC_RUB,
    BUY,
    CYD,
    OPENS,
    PERP,
    ROUBLE,
    RUBD,
    SELL,
    VENUES,
    Venue,
    of_kind,
    perpetual,
)

DAYS = tuple(SessionTerms(opens=OPENS + day * DAY, closes=OPENS + day * DAY + 8 * HOUR) for day in range(4))
ROLLS = tuple(OPENS + 9 * HOUR + day * DAY for day in range(4))  # an hour after each close
INDEX = IndexTerms(
    index_id=BTC_RUB,
    venues=VENUES,
    weights_ppm=(250_000,) * 4,
    interval=MINUTE,
    outage_age=2 * MINUTE,
    fixing_samples=10,
    fixing_spacing=MINUTE,
)


def a_day(venue: Venue, until: int, value: int) -> list[Event]:
    """Outside venues are at `value` each minute of the day."""
    return venue.quote_until(until, value * 10_000)


def test_three_days_of_a_perpetual() -> None:
    """Ann speculates with little, Bob hedges coins, Cyd makes the market and holds nothing."""
    terms = perpetual(roll=Roll(interval=DAY, band_bp=1_000), floor=72_000, cap=88_000, expiry=ROLLS[0])
    venue = Venue(terms, index=INDEX, sessions=DAYS)
    for name, roubles in ((ANN, 9_000), (BOB, 60_000), (CYD, 60_000)):
        venue.admit(name, roubles * ROUBLE)

    # the first day: ten lots lock 8,000 of either side; the market stands 0.125% above the index
    venue.trade(ANN, BOB, 10, 80_000, PERP)
    assert (venue.locked(ANN), venue.locked(BOB)) == (8_000 * ROUBLE, 8_000 * ROUBLE)
    for side, price in ((BUY, 80_090), (SELL, 80_110)):
        venue.place(CYD, side, 5, price, instrument_id=PERP, time_in_force=TimeInForce.GTC)
    events = a_day(venue, ROLLS[0], 80_000)
    (rolled,) = of_kind(events, PerpetualRolled)
    assert (rolled.funding_rate_ppb, rolled.closed) == (1_000_000, 0)
    paid = {e.participant_id: e.amount // ROUBLE for e in of_kind(events, FundingPaid)}
    assert paid == {ANN: -240, BOB: 240}, "0.1% of 80,000 roubles, three times for a day"
    assert venue.free_cash(ANN) == (1_000 - 240) * ROUBLE

    # the second day: 6% down. She has lost 4,800 of 8,000, and a lot locks 752: with 3,960 she keeps five
    events = a_day(venue, ROLLS[1], 75_200)
    assert {e.participant_id: e.gain // ROUBLE for e in of_kind(events, ClaimSettled)} == {
        ANN: -4_800,
        BOB: 4_800,
    }
    assert [(e.participant_id, e.quantity, e.closure) for e in of_kind(events, PositionClosedAtRoll)] == [
        (ANN, 5, RollClosure.NOT_LOCKED),
        (BOB, -5, RollClosure.OPPOSITE_CLOSED),
    ]
    assert [(e.participant_id, e.quantity, e.lock // ROUBLE) for e in of_kind(events, PositionRolled)] == [
        (ANN, 5, 3_760),
        (BOB, -5, 3_760),
    ]
    assert venue.free_cash(ANN) == 200 * ROUBLE

    # the third: Bob's hedge is half of what it was, and he sells the rest anew, within the new collar only
    venue.wait_until(DAYS[2].opens)
    venue.quote(75_200 * 10_000)
    (refused,) = venue.place(BOB, SELL, 5, 83_000, instrument_id=PERP)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.PRICE_OUTSIDE_COLLAR
    venue.trade(CYD, BOB, 5, 75_200, PERP)
    assert venue.position(BOB, PERP) == -10

    # Ann sells her lots to him, and goes home with what is left; no roll concerns her any more
    venue.trade(BOB, ANN, 5, 75_000, PERP)
    left = venue.free_cash(ANN)
    assert left == (9_000 - 240 - 4_800 - 100) * ROUBLE
    venue.tell(WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=left))
    events = a_day(venue, ROLLS[2], 76_000)
    assert [e.participant_id for e in of_kind(events, PositionRolled)] == [BOB, CYD]
    assert venue.free_cash(ANN) == 0

    # the others go on from day to day, and no kopeck is lost on the way
    events = a_day(venue, ROLLS[3], 76_000)
    assert of_kind(events, PerpetualRolled)[0].open_interest == 5
    assert sum(venue.free_cash(name) + venue.locked(name) for name in (BOB, CYD)) + left == 129_000 * ROUBLE

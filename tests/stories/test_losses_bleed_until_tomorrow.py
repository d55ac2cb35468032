"""Prices fall for two days: cleared twice a day nothing is ever uncovered, paid a day later margin is not enough.

A thousand lots from 8.0m; margin is 921,184.00. The first day takes 8%, the second 10% of what is left.
"""

from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.terms import ClearingTime, VariationKind, VariationSchedule
from exchange.commands import SessionTerms
from exchange.events import (
    AccountsValued,
    ClaimSettled,
    DefaultDeclared,
    Event,
    LayerUsed,
    VariationMarked,
    VariationPaid,
)
from exchange.units import DAY, HOUR, MINUTE, Money
from tests.builders import (
    ANN,
    BOB,
    OPENS,
    ROUBLE,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
)

MARGIN = 921_184 * ROUBLE
SESSIONS = tuple(
    SessionTerms(opens=OPENS + day * DAY, closes=OPENS + day * DAY + 8 * HOUR) for day in (0, 1, 2)
)
SERIES = future(expiry=OPENS + 2 * DAY + 7 * HOUR)
NOON, EVENING = 3 * HOUR, 7 * HOUR
# when, and the price in ticks from then on: -5% and -8% of 8.0m, -5% and -10% of 7.36m
PATH = (
    (NOON - MINUTE, 76_000),
    (EVENING - MINUTE, 73_600),
    (DAY + NOON - MINUTE, 69_920),
    (DAY + EVENING - MINUTE, 66_240),
)
# 11.51% of the notional; accounts are valued when they are cleared and nobody is called before all is lost, so
# what is measured is the clearing alone
CLEARING_ALONE = {
    "scenarios": ScenarioTerms(
        price_range_bp=1_151, price_range_floor_bp=1_000, extreme_moves_bp=(), mm_ratio_bp=1
    ),
    "call_level_bp": 1,
    "revaluation": DAY,
    "revaluation_move_bp": 10_000,
}


def paid_a_day_later() -> VariationSchedule:
    marks = (OPENS + EVENING) % DAY
    return VariationSchedule(
        kind=VariationKind.T_PLUS_ONE, clearings=(ClearingTime(marks=marks, pays=marks + DAY),)
    )


def a_venue(variation: VariationSchedule | None) -> Venue:
    """Ann is long a thousand lots from 8.0m, with nothing beside her margin; without a schedule, under full cover."""
    regime = a_regime() if variation is None else a_risk_regime(variation=variation, **CLEARING_ALONE)
    venue = Venue(
        SERIES, regime=regime, index=a_patient_index(outage_age=DAY, stale_age=DAY), sessions=SESSIONS
    )
    venue.admit(ANN, MARGIN if variation else 10**9)
    venue.admit(BOB, 10**9)
    venue.quote(800_000_000)
    venue.trade(ANN, BOB, 1_000, 80_000)
    return venue


def two_days(venue: Venue) -> list[Event]:
    """Ann brings what each clearing has taken, as soon as it has."""
    events: list[Event] = []
    for after, price in PATH:
        events += venue.wait_until(OPENS + after)
        events += venue.quote(price * 10_000)
        now = venue.wait_until(venue.now + 2 * MINUTE)
        for taken in of_kind(now, VariationPaid):
            if taken.participant_id == ANN:
                venue.pay_in(ANN, -taken.amount)
        events += now
    return events


def peaks(events: list[Event]) -> tuple[Money, Money]:
    """The most that was owed at once and not collected yet, and the most of it above collateral."""
    marked = max(event.amount for event in of_kind(events, VariationMarked))
    return marked, max(event.uncovered for event in of_kind(events, AccountsValued))


def test_cleared_twice_a_day_nothing_is_uncovered() -> None:
    """F4, E10: at most 400,000.00 wait for a clearing, which is less than half the margin."""
    venue = a_venue(cleared_at(NOON, EVENING))
    events = two_days(venue)
    assert peaks(events) == (400_000 * ROUBLE, 0)
    assert -venue.standing(ANN).cleared == 1_376_000 * ROUBLE
    assert not of_kind(events, DefaultDeclared)


def test_paid_a_day_later_the_second_fall_comes_before_the_first_is_paid() -> None:
    """F4, E10: 640,000.00 of the first day and 736,000.00 of the second are owed, 454,816.00 more than the margin."""
    venue = a_venue(paid_a_day_later())
    events = two_days(venue)
    assert of_kind(events, VariationMarked)[0].amount == 640_000 * ROUBLE
    worst = max(of_kind(events, AccountsValued), key=lambda event: event.uncovered)
    assert worst.uncovered == 454_816 * ROUBLE
    assert worst.uncovered + MARGIN == 1_376_000 * ROUBLE
    assert [event.defaulter for event in of_kind(events, DefaultDeclared)] == [ANN]


def test_fully_covered_nothing_falls_due_before_the_end() -> None:
    """F4: the whole price of 8.0m was paid in at the start, and at the end 83 of a hundred parts come back."""
    venue = a_venue(None)
    events = two_days(venue)
    assert not of_kind(events, VariationMarked) and not of_kind(events, LayerUsed)
    assert venue.locked(ANN) == 8_000_000 * ROUBLE
    paid = of_kind(venue.wait_until(SERIES.expiry), ClaimSettled)
    assert {event.participant_id: event.gain for event in paid} == {
        ANN: -1_376_000 * ROUBLE,
        BOB: 1_376_000 * ROUBLE,
    }
    assert venue.pool(SERIES) == 0

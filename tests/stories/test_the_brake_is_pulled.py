"""Whoever is worth less than nothing stops all withdrawals for a while, also if it is being closed already by then.

Ann is long 100 lots from 8.0m and has 140,000.00. At 6.7m she has 10,000.00 left and is in default; at 6.4m she
owes 20,000.00.
"""

import pytest

from exchange.commands import WithdrawCash
from exchange.events import CashRequestRejected, DefaultDeclared, MarginStateChanged
from exchange.reasons import CashRefusal
from exchange.units import MINUTE, SECOND
from tests.builders import (
    ANN,
    BOB,
    OPENS,
    ROUBLE,
    RUBD,
    Venue,
    a_patient_index,
    a_risk_regime,
    of_kind,
)

NEARLY, BELOW = 670_000_000, 640_000_000
FELL_AT = OPENS + 2 * MINUTE


def a_venue(brake: int) -> Venue:
    venue = Venue(regime=a_risk_regime(brake=brake), index=a_patient_index())
    venue.admit(ANN, 140_000 * ROUBLE)
    venue.admit(BOB, 10_000_000 * ROUBLE)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 100, 80_000)
    venue.wait_until(FELL_AT - SECOND)
    return venue


def reasons(venue: Venue) -> list[str]:
    asked = WithdrawCash(participant_id=BOB, asset_id=RUBD, amount=100)
    return [event.reason for event in of_kind(venue.tell(asked), CashRequestRejected)]


@pytest.mark.parametrize(("brake", "refused"), [(10 * MINUTE, [CashRefusal.BRAKED]), (0, [])])
def test_who_sinks_below_nothing_while_it_is_being_closed(brake: int, refused: list[str]) -> None:
    venue = a_venue(brake)
    venue.quote(NEARLY)
    told = venue.wait_until(FELL_AT)
    assert [event.equity > 0 for event in of_kind(told, MarginStateChanged)] == [True]
    assert of_kind(told, DefaultDeclared) and reasons(venue) == []
    venue.quote(BELOW)
    venue.wait_until(FELL_AT + 10 * SECOND)
    assert reasons(venue) == refused

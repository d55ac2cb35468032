"""Where long options do not count as equity, a premium is money gone: nobody buys with what its margin needs."""

import pytest

from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.events import OrderAccepted, OrderRejected
from exchange.instruments import ContractKind
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE
from tests.builders import (
    ANN,
    BOB,
    BUY,
    OPENS,
    ROUBLE,
    SELL,
    Venue,
    a_patient_index,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
    option,
)

CALL = option(ContractKind.CALL, 80_000, reference=600)


def a_venue(options_count: bool) -> Venue:
    """Ann is long ten lots and bids for five more, which leaves 800.00 of her 20,000.00 unclaimed; Bob offers calls."""
    regime = a_risk_regime(
        variation=cleared_at(HOUR),
        scenarios=ScenarioTerms(extreme_moves_bp=()),
        options_count=options_count,
    )
    venue = Venue(future(), CALL, regime=regime, index=a_patient_index())
    venue.admit(ANN, 20_000 * ROUBLE)
    venue.admit(BOB)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.rest(ANN, BUY, 5, 80_000)
    venue.place(BOB, SELL, 100, 600, instrument_id=CALL.instrument_id)
    assert venue.standing(ANN).excess == 800 * ROUBLE
    return venue


@pytest.mark.parametrize(("options_count", "lots"), [(True, 13), (False, 6)])
def test_a_premium_that_is_gone_must_fit_beside_the_margin(options_count: bool, lots: int) -> None:
    """A call costs 60.00, and may lose about as much; both count where it is worth nothing as equity."""
    venue = a_venue(options_count)
    (refused,) = venue.place(ANN, BUY, lots + 1, 600, instrument_id=CALL.instrument_id)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSUFFICIENT_MARGIN
    accepted = venue.place(ANN, BUY, lots, 600, instrument_id=CALL.instrument_id)
    assert of_kind(accepted, OrderAccepted)
    ann = venue.standing(ANN)
    assert venue.position(ANN, CALL.instrument_id) == lots and ann.equity >= ann.required


def test_an_option_bought_below_its_mark_is_no_gain_that_would_count() -> None:
    """At 10 ticks a lot gains far more than it costs, but not as equity; what it may lose counts whole."""
    venue = a_venue(options_count=False)
    venue.place(BOB, SELL, 100, 10, instrument_id=CALL.instrument_id)
    accepted = venue.place(ANN, BUY, 14, 10, instrument_id=CALL.instrument_id)
    ann = venue.standing(ANN)
    assert of_kind(accepted, OrderAccepted) and ann.equity >= ann.required
    (refused,) = venue.place(ANN, BUY, 14, 10, instrument_id=CALL.instrument_id)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSUFFICIENT_MARGIN


def test_buying_back_what_was_sold_is_not_held_against_anybody() -> None:
    """Bob is short six calls, and buys them back with cash: his requirement falls by more than he pays."""
    venue = a_venue(options_count=False)
    venue.place(ANN, BUY, 6, 600, instrument_id=CALL.instrument_id)
    before = venue.standing(BOB).required
    venue.place(ANN, SELL, 6, 620, instrument_id=CALL.instrument_id)
    accepted = venue.place(BOB, BUY, 6, 620, instrument_id=CALL.instrument_id)
    assert of_kind(accepted, OrderAccepted)
    assert venue.standing(BOB).required < before

"""Under margin a limit is on margin at risk; lowered below use, it lets nothing pass but what reduces."""

import pytest

from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import AmendOrder, SetLimit
from exchange.events import LimitChanged, OrderAccepted, OrderAmended, OrderFilled, OrderRejected
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE
from matching.terms import OrderId
from tests.builders import ANN, BOB, BUY, OPENS, ROUBLE, SELL, Venue, a_risk_regime, cleared_at, of_kind


@pytest.fixture
def venue() -> Venue:
    """Ann is long ten lots from 8.0m and bids for five: 19,200.00 of margin at risk, with a limit of 10,000.00."""
    regime = a_risk_regime(variation=cleared_at(HOUR), scenarios=ScenarioTerms(extreme_moves_bp=()))
    venue = Venue(regime=regime)
    venue.admit(ANN)
    venue.admit(BOB)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.rest(ANN, BUY, 5, 80_000)
    (told,) = venue.tell(SetLimit(participant_id=ANN, limit=10_000 * ROUBLE))
    assert told == LimitChanged(participant_id=ANN, limit=10_000 * ROUBLE, used=19_200 * ROUBLE)
    return venue


def at_risk(venue: Venue) -> int:
    return int(venue.state.covers.at_risk(ANN)) // ROUBLE


def bid(venue: Venue) -> OrderId:
    """Her bid for five lots."""
    (order_id,) = venue.state.seats[ANN].orders
    return OrderId(order_id)


def test_what_was_there_is_grandfathered_and_still_fills(venue: Venue) -> None:
    """F27: nobody is cut down for a limit."""
    assert of_kind(venue.place(BOB, SELL, 5, 80_000), OrderFilled)
    venue.wait_until(OPENS + 2 * HOUR)
    assert (at_risk(venue), venue.position(ANN)) == (19_200, 15)


def test_only_what_reduces_passes(venue: Venue) -> None:
    """F27: one lot more is refused at any price; fewer lots bid for, a cancel and a sale pass."""
    (refused,) = venue.place(ANN, BUY, 1, 79_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.EXPOSURE_LIMIT
    smaller = AmendOrder(participant_id=ANN, order_id=bid(venue), price=80_000, quantity=4)
    assert of_kind(venue.tell(smaller), OrderAmended)
    assert at_risk(venue) == 17_920
    venue.cancel(ANN, bid(venue))
    assert at_risk(venue) == 12_800
    venue.rest(BOB, BUY, 5, 80_000)
    assert of_kind(venue.place(ANN, SELL, 5, 80_000), OrderFilled)
    assert at_risk(venue) == 6_400


def test_below_the_limit_it_binds_like_any_other(venue: Venue) -> None:
    """With two lots sold of ten and nothing bid for, 10,240.00 are at risk; with three, a lot less passes again."""
    venue.cancel(ANN, bid(venue))
    venue.rest(BOB, BUY, 3, 80_000)
    venue.place(ANN, SELL, 3, 80_000)
    assert at_risk(venue) == 8_960
    (refused,) = venue.place(ANN, BUY, 1, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.EXPOSURE_LIMIT
    venue.tell(SetLimit(participant_id=ANN, limit=10_240 * ROUBLE))
    assert of_kind(venue.place(ANN, BUY, 1, 80_000), OrderAccepted)


def test_a_price_that_rises_lifts_what_is_at_risk_and_nobody_is_cut_down_for_it(venue: Venue) -> None:
    """Margin follows the mark: at 8.4m ten lots need 13,440.00, and five bid for below the mark 4,720.00."""
    venue.quote(840_000_000)
    venue.wait_until(venue.now + 2 * MINUTE)
    assert (at_risk(venue), venue.position(ANN)) == (18_160, 10)
    (refused,) = venue.place(ANN, BUY, 1, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.EXPOSURE_LIMIT

"""The authority lowers a participant's limit below what it already has at risk: only what does not add to it passes."""

import pytest

from exchange.commands import AmendOrder, SetLimit
from exchange.events import (
    DirectiveRefused,
    Event,
    LimitChanged,
    OrderAccepted,
    OrderAmended,
    OrderFilled,
    OrderRejected,
    RequestRejected,
)
from exchange.reasons import RejectReason
from matching.terms import OrderId
from tests.builders import ANN, BOB, BUY, ROUBLE, SELL, Venue, of_kind


@pytest.fixture
def venue() -> Venue:
    """Ann is long ten lots from 8.0m and bids for five at 7.9m: 119,500 at risk, with a limit of 50,000."""
    venue = Venue()
    venue.admit(ANN)
    venue.admit(BOB)
    venue.trade(ANN, BOB, 10, 80_000)
    venue.rest(ANN, BUY, 5, 79_000)
    (told,) = venue.tell(SetLimit(participant_id=ANN, limit=50_000 * ROUBLE))
    assert told == LimitChanged(participant_id=ANN, limit=50_000 * ROUBLE, used=119_500 * ROUBLE)
    return venue


def bid(venue: Venue) -> OrderId:
    """Her bid for five lots."""
    (order_id,) = (i for i, order in venue.state.seats[ANN].orders.items() if order.side is BUY)
    return OrderId(order_id)


def amend(venue: Venue, price: int, quantity: int) -> list[Event]:
    return venue.tell(AmendOrder(participant_id=ANN, order_id=bid(venue), price=price, quantity=quantity))


def at_risk(venue: Venue) -> int:
    return int(venue.state.covers.at_risk(ANN)) // ROUBLE


def test_nothing_is_taken_away_and_a_bid_that_rests_may_still_fill(venue: Venue) -> None:
    """F27: what was there before the limit is grandfathered."""
    filled = of_kind(venue.place(BOB, SELL, 5, 79_000), OrderFilled)
    assert {e.participant_id for e in filled} == {ANN, BOB}
    assert (at_risk(venue), venue.position(ANN)) == (119_500, 15)


def test_an_order_that_adds_to_the_risk_is_refused(venue: Venue) -> None:
    """F27: even one lot at half the price."""
    (refused,) = venue.place(ANN, BUY, 1, 40_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.EXPOSURE_LIMIT


def test_whatever_reduces_passes(venue: Venue) -> None:
    """F27: closing, canceling, and a bid made smaller or cheaper."""
    assert of_kind(amend(venue, 79_000, 4), OrderAmended)
    assert at_risk(venue) == 111_600
    assert of_kind(amend(venue, 78_000, 4), OrderAmended)
    assert at_risk(venue) == 111_200
    venue.cancel(ANN, bid(venue))
    assert at_risk(venue) == 80_000
    venue.rest(BOB, BUY, 10, 80_000)
    assert of_kind(venue.place(ANN, SELL, 10, 80_000), OrderFilled)
    assert at_risk(venue) == 0


def test_a_bid_made_larger_or_dearer_is_refused_and_stays_as_it_was(venue: Venue) -> None:
    for price, quantity in ((79_001, 5), (79_000, 6), (78_000, 6)):
        (refused,) = amend(venue, price, quantity)
        assert isinstance(refused, RequestRejected) and refused.reason is RejectReason.EXPOSURE_LIMIT
        assert at_risk(venue) == 119_500


def test_a_position_may_be_turned_if_the_other_side_risks_no_more(venue: Venue) -> None:
    """F27: twenty lots sold at 8.0m would leave a short of ten, which risks as much as the long; one more would not."""
    venue.cancel(ANN, bid(venue))
    (refused,) = venue.place(ANN, SELL, 21, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.EXPOSURE_LIMIT
    assert of_kind(venue.place(ANN, SELL, 20, 80_000), OrderAccepted)
    assert at_risk(venue) == 80_000


def test_below_the_limit_again_it_binds_like_any_other(venue: Venue) -> None:
    """With five lots left from 8.0m, 40,000 are at risk, and 10,000 more are allowed to the kopeck."""
    venue.cancel(ANN, bid(venue))
    venue.rest(BOB, BUY, 5, 80_000)
    venue.place(ANN, SELL, 5, 80_000)
    assert at_risk(venue) == 40_000
    (refused,) = venue.place(ANN, BUY, 2, 50_001)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.EXPOSURE_LIMIT
    assert of_kind(venue.place(ANN, BUY, 2, 50_000), OrderAccepted)


def test_a_limit_below_nothing_or_for_nobody_is_no_limit(venue: Venue) -> None:
    for name, limit in ((ANN, -1), ("nobody", 1)):
        (refused,) = venue.tell(SetLimit(participant_id=name, limit=limit))  # type: ignore[arg-type]
        assert isinstance(refused, DirectiveRefused)

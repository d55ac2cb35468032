"""An order that waits for a price is given other terms: what it becomes, what it keeps, and what it may not become."""

from typing import Any

import pytest

from exchange.access.regime import MarketRules
from exchange.commands import AmendWaiting, HaltInstrument, LinkOrders, SuspendParticipant
from exchange.events import (
    CancelCause,
    Event,
    OrderAccepted,
    OrderTriggered,
    RequestExists,
    RequestRejected,
    WaitingAmended,
)
from exchange.reasons import RejectReason
from matching.terms import OrderId, Price, Side
from matching.triggers import PriceSource
from tests.builders import ANN, BOB, BTCF, BUY, CYD, SELL, Venue, a_regime, of_kind
from tests.exchange.test_order_types import (
    INDEX,
    LAST,
    SOURCES,
    a_venue,
    ended,
    fills_of,
    fingerprint,
    move,
    reason_of,
    waits,
)


@pytest.fixture
def venue() -> Venue:
    return a_venue()


def amend(venue: Venue, order: OrderId, **change: Any) -> list[Event]:
    return venue.tell(AmendWaiting(participant_id=ANN, order_id=order, **change))


def fired(events: list[Event]) -> list[OrderId]:
    return [event.order_id for event in of_kind(events, OrderTriggered)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_another_trigger_fires_where_it_stands_now_and_not_where_it_stood(
    venue: Venue, source: PriceSource, side: Side
) -> None:
    order = waits(venue, side, 2, 80_000, trigger_source=source, trigger_price=80_000 + side * 1_000)
    (amended,) = amend(venue, order, trigger_price=80_000 + side * 2_000)
    assert isinstance(amended, WaitingAmended)
    assert (amended.order_id, amended.trigger_price, amended.quantity) == (order, 80_000 + side * 2_000, 2)
    assert fired(move(venue, source, 80_000 + side * 1_500)) == []
    assert fired(move(venue, source, 80_000 + side * 2_000)) == [order]


def test_price_and_amount_are_those_with_which_it_enters_and_nothing_is_held_before(venue: Venue) -> None:
    order = waits(venue, BUY, 2, 79_000, trigger_source=LAST, trigger_price=81_000)
    (amended,) = amend(venue, order, price=78_000, quantity=5)
    assert (amended.price, amended.quantity, amended.trigger_price) == (78_000, 5, 81_000)  # type: ignore[attr-defined]
    assert venue.held(ANN) == 0
    (accepted,) = [e for e in of_kind(move(venue, LAST, 81_000), OrderAccepted) if e.participant_id == ANN]
    assert (accepted.order_id, accepted.price, accepted.quantity) == (order, 78_000, 5)
    assert venue.held(ANN) == 5 * 780_000


def test_a_price_makes_a_limit_order_of_one_that_was_to_enter_at_market(venue: Venue) -> None:
    order = waits(venue, BUY, 2, None, trigger_source=LAST, trigger_price=81_000)
    (amended,) = amend(venue, order, quantity=3)
    assert isinstance(amended, WaitingAmended) and amended.price is None
    amend(venue, order, price=80_500)
    venue.rest(BOB, SELL, 3, 80_400)
    assert fills_of(move(venue, INDEX, 81_000), ANN) == []
    venue.place(CYD, BUY, 3, 80_400)
    assert ended(move(venue, LAST, 81_000)) == []
    assert venue.state.series[BTCF].book.depth(BUY, 1) == [(80_500, 3)]


@pytest.mark.parametrize(
    ("side", "best", "wider", "narrower"),
    [
        pytest.param(SELL, 82_000, (80_001, 80_000), (81_501, 81_500), id="sell"),
        pytest.param(BUY, 78_000, (79_999, 80_000), (78_499, 78_500), id="buy"),
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_another_distance_is_laid_to_the_best_price_that_was_seen(
    source: PriceSource, side: Side, best: Price, wider: tuple[Price, Price], narrower: tuple[Price, Price]
) -> None:
    """It kept 1,000 from 82,000 (a buy: from 78,000); the price has come back by 400 since."""
    for trail, (before, at) in ((2_000, wider), (500, narrower)):
        venue = a_venue()
        move(venue, source, 80_000)
        order = waits(venue, side, 1, 80_000 - side * 10_000, trigger_source=source, trail=1_000)
        move(venue, source, best)
        move(venue, source, best + side * 400)
        (amended,) = amend(venue, order, trail=trail)
        assert (amended.trigger_price, amended.trail) == (at, trail)  # type: ignore[attr-defined]
        assert fired(move(venue, source, before)) == []
        assert fired(move(venue, source, at)) == [order]


def test_a_trailing_stop_still_trails_after_that(venue: Venue) -> None:
    move(venue, LAST, 80_000)
    order = waits(venue, SELL, 1, 70_000, trigger_source=LAST, trail=1_000)
    amend(venue, order, trail=500)
    for price in (81_000, 80_501):
        assert fired(move(venue, LAST, price)) == []
    assert fired(move(venue, LAST, 80_500)) == [order]


def test_a_distance_at_which_it_would_fire_at_once_is_refused(venue: Venue) -> None:
    move(venue, LAST, 80_000)
    order = waits(venue, SELL, 1, 70_000, trigger_source=LAST, trail=1_000)
    move(venue, LAST, 79_500)
    before = fingerprint(venue)
    assert reason_of(amend(venue, order, trail=500)) is RejectReason.TRIGGER_PASSED
    assert fingerprint(venue) == before
    assert fired(move(venue, LAST, 79_001)) == []
    assert fired(move(venue, LAST, 79_000)) == [order]


def test_with_another_trigger_it_goes_behind_the_others_and_with_less_it_keeps_its_turn(venue: Venue) -> None:
    one, two, three = (
        waits(venue, SELL, 2, 70_000, trigger_source=LAST, trigger_price=79_000) for _ in range(3)
    )
    amend(venue, two, quantity=1, price=71_000)
    amend(venue, one, trigger_price=79_000)
    assert fired(move(venue, LAST, 79_000)) == [two, three, one]


def test_it_keeps_its_partner(venue: Venue) -> None:
    stop = waits(venue, SELL, 2, 70_000, trigger_source=LAST, trigger_price=79_000)
    take = venue.rest(ANN, SELL, 2, 90_000)
    venue.tell(LinkOrders(participant_id=ANN, first=stop, second=take))
    amend(venue, stop, trigger_price=79_500, quantity=1)
    assert ended(move(venue, LAST, 79_500)) == [(take, CancelCause.LINKED)]


REFUSED: dict[str, tuple[RejectReason, dict[str, Any]]] = {
    "nothing of it": (RejectReason.QUANTITY_NOT_POSITIVE, {"quantity": 0}),
    "too much": (RejectReason.QUANTITY_TOO_LARGE, {"quantity": 10**15}),
    "outside the collar": (RejectReason.PRICE_OUTSIDE_COLLAR, {"price": 10**9}),
    "below a tick": (RejectReason.TRIGGER_NOT_POSITIVE, {"trigger_price": 0}),
    "reached already": (RejectReason.TRIGGER_PASSED, {"trigger_price": 80_000}),
    "shows all": (RejectReason.DISPLAY_NOT_BELOW_QUANTITY, {"quantity": 1}),
    "does not trail": (RejectReason.TRIGGER_INCOMPLETE, {"trail": 100}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_it_may_not_become_is_refused_and_it_waits_on_as_it_was(venue: Venue, why: str) -> None:
    reason, change = REFUSED[why]
    move(venue, LAST, 80_000)
    order = waits(venue, SELL, 2, 70_000, trigger_source=LAST, trigger_price=79_000, display=1)
    before = fingerprint(venue)
    events = amend(venue, order, **change)
    assert (reason_of(events), events[0].order_id) == (reason, order)  # type: ignore[attr-defined]
    assert fingerprint(venue) == before
    assert fired(move(venue, LAST, 79_000)) == [order]


def test_it_is_judged_as_one_that_comes_to_wait(venue: Venue) -> None:
    order = waits(venue, SELL, 2, 70_000, trigger_source=LAST, trigger_price=79_000)
    venue.tell(HaltInstrument(instrument_id=BTCF))
    assert reason_of(amend(venue, order, quantity=1)) is RejectReason.INSTRUMENT_HALTED
    venue.tell(SuspendParticipant(participant_id=ANN))
    assert reason_of(amend(venue, order, quantity=1)) is RejectReason.UNKNOWN_ORDER


def test_changes_count_as_requests() -> None:
    venue = a_venue(regime=a_regime(market=MarketRules(max_requests_per_second=2)))
    order = waits(venue, SELL, 2, 70_000, trigger_source=LAST, trigger_price=79_000)
    assert isinstance(amend(venue, order, quantity=3)[0], WaitingAmended)
    assert reason_of(amend(venue, order, quantity=4)) is RejectReason.TOO_MANY_REQUESTS


def test_only_ones_own_order_that_waits_for_a_price(venue: Venue) -> None:
    resting = venue.rest(ANN, BUY, 1, 79_000)
    assert reason_of(amend(venue, resting, quantity=2)) is RejectReason.NOT_WAITING
    order = waits(venue, BUY, 1, 79_000, trigger_source=LAST, trigger_price=81_000)
    for who, number in ((BOB, order), (ANN, OrderId(99))):
        (refused,) = venue.tell(AmendWaiting(participant_id=who, order_id=number, quantity=2))
        assert isinstance(refused, RequestRejected) and refused.reason is RejectReason.UNKNOWN_ORDER
    move(venue, LAST, 81_000)
    assert reason_of(amend(venue, order, trigger_price=82_000)) is RejectReason.NOT_WAITING


def test_asked_twice_it_is_done_once(venue: Venue) -> None:
    order = waits(venue, BUY, 1, 79_000, trigger_source=LAST, trigger_price=81_000)
    assert isinstance(amend(venue, order, request_id=1, quantity=2)[0], WaitingAmended)
    assert isinstance(amend(venue, order, request_id=1, quantity=2)[0], RequestExists)

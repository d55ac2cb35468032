"""Orders that are placed together: which of them enter, come later, or go, and that all are placed or none."""

from typing import Any

import pytest

from exchange import numbered
from exchange.commands import (
    AmendOrder,
    AmendWaiting,
    CancelAll,
    CancelOrder,
    LinkKind,
    LinkOrders,
    PlaceLinked,
    PlaceOrder,
)
from exchange.events import (
    CancelCause,
    Event,
    OrderAccepted,
    OrderHeldBack,
    OrderLetGo,
    OrderRejected,
    OrdersPlacedTogether,
    OrderTriggered,
    OrderWaiting,
    RequestExists,
    RequestRejected,
)
from exchange.messages import changed
from exchange.reasons import RejectReason
from exchange.units import SECOND
from exchange.wellformed import MalformedCommand
from matching.terms import OrderId, Price, Side, TimeInForce
from tests.builders import ANN, BOB, BTCF, BUY, CYD, SELL, Venue, future, of_kind
from tests.exchange.test_order_types import (
    EVENING,
    INDEX,
    LAST,
    MORNING,
    OTHER,
    TWO_SESSIONS,
    a_venue,
    ended,
    fills_of,
    fingerprint,
    move,
)
from tests.exchange.test_waiting import fired

OCO, OTO, OTOCO = LinkKind
STOP = {"trigger_source": LAST, "trigger_price": 79_000, "price": 70_000}


@pytest.fixture
def venue() -> Venue:
    return a_venue()


def asked(side: Side, quantity: int, price: Price | None, number: int = 0, **more: Any) -> PlaceOrder:
    fields: dict[str, Any] = {"participant_id": ANN, "instrument_id": BTCF, "client_order_id": number}
    return PlaceOrder(**(fields | {"side": side, "quantity": quantity, "price": price} | more))


def together(venue: Venue, kind: LinkKind, *orders: PlaceOrder, patient: bool = False) -> list[Event]:
    command = PlaceLinked(
        participant_id=ANN, primary=orders[0], others=orders[1:], kind=kind, patient=patient
    )
    return venue.tell(command)


def around_a_long(venue: Venue, number: int = 1, *, patient: bool = False) -> tuple[OrderId, OrderId]:
    """A take-profit of four lots on the book at 82,000 and a stop that waits for 79,000; their ids."""
    take = asked(SELL, 4, 82_000, number)
    events = together(venue, OCO, take, asked(SELL, 4, **STOP), patient=patient)
    (placed,) = of_kind(events, OrdersPlacedTogether)
    return placed.order_ids  # type: ignore[return-value]


def live(venue: Venue) -> tuple[list[OrderId], list[OrderId]]:
    """What of Ann's rests, and what waits."""
    seat = venue.state.seats[ANN]
    return list(seat.orders), list(seat.waiting)


def reasons(events: list[Event]) -> list[tuple[int, RejectReason]]:
    return [(e.client_order_id, e.reason) for e in of_kind(events, OrderRejected)]


# --- one cancels the other ------------------------------------------------------------------------------


def test_of_two_that_are_placed_together_one_cancels_the_other(venue: Venue) -> None:
    take, stop = around_a_long(venue)
    assert live(venue) == ([take], [stop])
    assert ended(venue.place(BOB, BUY, 1, 82_000)) == [(stop, CancelCause.LINKED)]
    take, stop = around_a_long(venue, 2)
    assert ended(venue.cancel(ANN, stop)) == [(stop, CancelCause.REQUESTED), (take, CancelCause.LINKED)]
    take, stop = around_a_long(venue, 3)
    assert ended(move(venue, LAST, 79_000)) == [(take, CancelCause.LINKED)]


def test_a_patient_one_goes_only_once_the_other_has_traded_whole(venue: Venue) -> None:
    take, stop = around_a_long(venue, patient=True)
    assert ended(venue.place(BOB, BUY, 3, 82_000)) == []
    assert live(venue) == ([take], [stop])
    assert ended(venue.place(BOB, BUY, 1, 82_000)) == [(stop, CancelCause.LINKED)]


def test_a_patient_stop_that_fires_leaves_the_other_until_it_has_traded(venue: Venue) -> None:
    take, stop = around_a_long(venue, patient=True)
    assert ended(move(venue, INDEX, 79_000)) == []
    venue.rest(BOB, BUY, 1, 79_000)
    events = venue.place(CYD, SELL, 1, 79_000)
    assert fired(events) == [stop] and ended(events) == []
    assert live(venue) == ([take, stop], [])
    assert ended(venue.place(BOB, BUY, 4, 70_000)) == [(take, CancelCause.LINKED)]


def test_a_patient_stop_that_may_not_enter_takes_the_other_along(venue: Venue) -> None:
    stop = asked(SELL, 4, None, trigger_source=INDEX, trigger_price=75_000)
    events = together(venue, OCO, asked(SELL, 4, 82_000, 1), stop, patient=True)
    take, number = of_kind(events, OrdersPlacedTogether)[0].order_ids
    events = move(venue, INDEX, 75_000)  # nobody is there to buy
    assert ended(events) == [(number, CancelCause.TRIGGER_REFUSED), (take, CancelCause.LINKED)]


def test_the_first_may_trade_at_once_and_then_the_other_goes(venue: Venue) -> None:
    venue.rest(BOB, BUY, 2, 80_000)
    events = together(venue, OCO, asked(SELL, 4, 80_000, 1), asked(SELL, 4, **STOP))
    (placed,) = of_kind(events, OrdersPlacedTogether)
    assert fills_of(events, ANN) == [(80_000, 2)]
    assert ended(events) == [(placed.order_ids[1], CancelCause.LINKED)]


def test_linking_live_orders_can_be_patient_too(venue: Venue) -> None:
    first, second = venue.rest(ANN, SELL, 2, 82_000), venue.rest(ANN, SELL, 2, 83_000)
    venue.tell(LinkOrders(participant_id=ANN, first=first, second=second, patient=True))
    assert ended(venue.place(BOB, BUY, 1, 82_000)) == []
    assert ended(venue.place(BOB, BUY, 1, 82_000)) == [(second, CancelCause.LINKED)]


# --- one triggers others --------------------------------------------------------------------------------


def entry_with_exits(venue: Venue, patient: bool = False, kind: LinkKind = OTOCO) -> tuple[OrderId, ...]:
    """A bid for four at 80,000; a take-profit and a stop for what is bought. Their ids."""
    take, stop = asked(SELL, 4, 82_000), asked(SELL, 4, **STOP)
    events = together(venue, kind, asked(BUY, 4, 80_000, 1), take, stop, patient=patient)
    held_back = of_kind(events, OrderHeldBack)
    (placed,) = of_kind(events, OrdersPlacedTogether)
    assert [(e.order_id, e.primary) for e in held_back] == [
        (n, placed.order_ids[0]) for n in placed.order_ids[1:]
    ]
    return placed.order_ids


def test_what_is_held_back_needs_nothing_and_hears_no_price(venue: Venue) -> None:
    entry, take, stop = entry_with_exits(venue)
    assert venue.held(ANN) == 4 * 800_000
    assert fired(move(venue, INDEX, 78_000)) == []
    assert live(venue) == ([entry], [take, stop])


def test_the_first_trade_brings_the_others_which_cancel_each_other(venue: Venue) -> None:
    entry, take, stop = entry_with_exits(venue)
    events = venue.place(BOB, SELL, 1, 80_000)
    assert [e.order_id for e in of_kind(events, OrderLetGo)] == [take, stop]
    assert live(venue) == ([entry, take], [stop])
    assert ended(venue.place(CYD, BUY, 1, 82_000)) == [(stop, CancelCause.LINKED)]
    assert entry in live(venue)[0]


def test_the_patient_come_once_all_of_it_has_traded(venue: Venue) -> None:
    _, take, stop = entry_with_exits(venue, patient=True)
    assert of_kind(venue.place(BOB, SELL, 3, 80_000), OrderLetGo) == []
    assert [e.order_id for e in of_kind(venue.place(BOB, SELL, 1, 80_000), OrderLetGo)] == [take, stop]
    assert live(venue) == ([take], [stop])


def test_a_first_that_trades_as_it_comes_brings_them_in_the_same_breath(venue: Venue) -> None:
    venue.rest(BOB, SELL, 4, 80_000)
    _, take, stop = entry_with_exits(venue)
    assert live(venue) == ([take], [stop])


@pytest.mark.parametrize("patient", [False, True])
def test_if_it_ends_before_they_go(venue: Venue, patient: bool) -> None:
    entry, take, stop = entry_with_exits(venue, patient=patient)
    if patient:
        venue.place(BOB, SELL, 1, 80_000)
    assert ended(venue.cancel(ANN, entry)) == [
        (entry, CancelCause.REQUESTED),
        (take, CancelCause.PRIMARY_ENDED),
        (stop, CancelCause.LINKED),
    ]
    assert live(venue) == ([], []) and not venue.state.series[BTCF].following


def test_a_first_that_waits_for_a_price_and_may_not_enter_takes_them_along(venue: Venue) -> None:
    entry = asked(BUY, 4, None, 1, trigger_source=INDEX, trigger_price=81_000)
    events = together(venue, OTO, entry, asked(SELL, 4, 82_000))
    number, other = of_kind(events, OrdersPlacedTogether)[0].order_ids
    assert ended(move(venue, INDEX, 81_000)) == [
        (number, CancelCause.TRIGGER_REFUSED),
        (other, CancelCause.PRIMARY_ENDED),
    ]


def test_a_held_back_stop_fires_if_the_price_has_passed_it_meanwhile(venue: Venue) -> None:
    stop = asked(SELL, 4, 70_000, trigger_source=INDEX, trigger_price=79_000)
    events = together(venue, OTO, asked(BUY, 4, 80_000, 1), stop)
    number = of_kind(events, OrdersPlacedTogether)[0].order_ids[1]
    assert fired(move(venue, INDEX, 78_000)) == []
    events = venue.place(BOB, SELL, 4, 80_000)
    assert [(e.order_id, e.price) for e in of_kind(events, OrderTriggered)] == [(number, 78_000)]


def test_they_are_judged_when_they_come(venue: Venue) -> None:
    exit_ = asked(SELL, 9, 82_000, reduce_only=True)
    events = together(venue, OTO, asked(BUY, 4, 80_000, 1), exit_)
    number = of_kind(events, OrdersPlacedTogether)[0].order_ids[1]
    events = venue.place(BOB, SELL, 4, 80_000)
    (refused,) = of_kind(events, RequestRejected)
    assert (refused.order_id, refused.reason) == (number, RejectReason.REDUCE_ONLY)
    assert ended(events) == [(number, CancelCause.TRIGGER_REFUSED)]


def test_those_of_a_trade_in_a_call_come_once_trading_is_continuous() -> None:
    venue = a_venue(future(opening_call=10 * SECOND))
    entry, take, stop = entry_with_exits(venue)
    venue.place(BOB, SELL, 4, 80_000)
    assert live(venue) == ([entry], [take, stop])
    events = venue.wait_until(venue.now + 10 * SECOND)
    assert fills_of(events, ANN) == [(80_000, 4)]
    assert [e.order_id for e in of_kind(events, OrderLetGo)] == [take, stop]
    assert live(venue) == ([take], [stop])


def test_those_of_a_trade_in_the_closing_call_come_in_the_next_session() -> None:
    venue = a_venue(future(closing_call=10 * SECOND), sessions=TWO_SESSIONS)
    lasting = {"time_in_force": TimeInForce.GTC}
    orders = (asked(BUY, 4, 80_000, 1, **lasting), asked(SELL, 4, 82_000, **lasting), asked(SELL, 4, **STOP))
    entry, take, stop = of_kind(together(venue, OTO, *orders), OrdersPlacedTogether)[0].order_ids
    venue.wait_until(EVENING - SECOND)
    venue.place(BOB, SELL, 4, 80_000)
    events = venue.wait_until(EVENING)
    assert fills_of(events, ANN) == [(80_000, 4)]
    assert ended(events) == [(stop, CancelCause.SESSION_END)]  # it was for the day
    assert live(venue) == ([], [take])
    venue.wait_until(MORNING)
    assert live(venue) == ([take], []) and entry not in venue.state.series[BTCF].following


def test_what_is_held_back_can_be_canceled_and_linked_and_has_no_trigger_to_amend_yet(venue: Venue) -> None:
    events = together(venue, OTO, asked(BUY, 4, 80_000, 1), asked(SELL, 4, 82_000), asked(SELL, 4, **STOP))
    entry, take, stop = of_kind(events, OrdersPlacedTogether)[0].order_ids
    for change in (
        AmendWaiting(participant_id=ANN, order_id=stop, trigger_price=79_500),
        AmendWaiting(participant_id=ANN, order_id=take, quantity=2),
    ):
        (refused,) = venue.tell(change)
        assert isinstance(refused, RequestRejected) and refused.reason is RejectReason.NOT_WAITING
    (refused,) = venue.tell(AmendOrder(participant_id=ANN, order_id=take, price=82_000, quantity=2))
    assert isinstance(refused, RequestRejected) and refused.reason is RejectReason.NOT_ON_BOOK
    assert ended(venue.cancel(ANN, take)) == [(take, CancelCause.REQUESTED)]
    venue.place(BOB, SELL, 1, 80_000)
    assert live(venue) == ([entry], [stop])


def test_what_comes_for_the_next_call_is_not_taken_in_by_it(venue: Venue) -> None:
    """A call lets in who waits for it, and not who is held back."""
    entry, take, stop = entry_with_exits(venue)
    market = venue.state.series[BTCF].market
    assert market.waiting.for_call() == []
    assert set(market.waiting.by_id) == {take, stop}
    assert entry in market.book.orders


# --- all or none ----------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[LinkKind, list[PlaceOrder], list[tuple[int, RejectReason]]]] = {
    "too few": (OTOCO, [asked(BUY, 1, 80_000, 7), asked(SELL, 1, 82_000)], [(7, RejectReason.LINKED_NUMBER)]),
    "elsewhere": (
        OTO,
        [asked(BUY, 1, 80_000, 7), asked(SELL, 1, 82_000, instrument_id=OTHER.instrument_id)],
        [(7, RejectReason.DIFFERENT_INSTRUMENTS)],
    ),
    "somebody else's": (
        OTO,
        [asked(BUY, 1, 80_000, 7), asked(SELL, 1, 82_000, participant_id=BOB)],
        [(7, RejectReason.UNKNOWN_PARTICIPANT)],
    ),
    "the first": (
        OTO,
        [asked(BUY, 0, 80_000, 7), asked(SELL, 1, 82_000)],
        [(7, RejectReason.QUANTITY_NOT_POSITIVE)],
    ),
    "one that is to come": (
        OTO,
        [asked(BUY, 1, 80_000, 7), asked(SELL, 1, 10**9)],
        [(0, RejectReason.PRICE_OUTSIDE_COLLAR), (7, RejectReason.LINKED_REFUSED)],
    ),
    "one that half says for which price": (
        OTO,
        [asked(BUY, 1, 80_000, 7), asked(SELL, 1, 70_000, trigger_source=LAST)],
        [(0, RejectReason.TRIGGER_INCOMPLETE), (7, RejectReason.LINKED_REFUSED)],
    ),
    "one that shows all": (
        OTO,
        [asked(BUY, 1, 80_000, 7), asked(SELL, 1, 82_000, display=1)],
        [(0, RejectReason.DISPLAY_NOT_BELOW_QUANTITY), (7, RejectReason.LINKED_REFUSED)],
    ),
    "the other of two": (
        OCO,
        [asked(SELL, 1, 82_000, 7), asked(SELL, 1, 10**9)],
        [(0, RejectReason.PRICE_OUTSIDE_COLLAR), (7, RejectReason.LINKED_REFUSED)],
    ),
    "the first of two": (
        OCO,
        [asked(SELL, 1, 10**9, 7), asked(SELL, 1, **STOP)],
        [(7, RejectReason.PRICE_OUTSIDE_COLLAR)],
    ),
    "an other that would trade": (
        OCO,
        [asked(SELL, 1, 82_000, 7), asked(SELL, 1, 79_500)],
        [(0, RejectReason.LINKED_WOULD_TRADE), (7, RejectReason.LINKED_REFUSED)],
    ),
    "an other that may not rest": (
        OCO,
        [asked(SELL, 1, 82_000, 7), asked(SELL, 1, 79_500, time_in_force=TimeInForce.IOC)],
        [(0, RejectReason.LINKED_WOULD_TRADE), (7, RejectReason.LINKED_REFUSED)],
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_if_one_may_not_be_none_is_and_nothing_changes(why: str) -> None:
    kind, orders, told = REFUSED[why]
    venue = a_venue()
    venue.rest(CYD, BUY, 1, 79_500)
    before = fingerprint(venue)
    events = together(venue, kind, *orders)
    assert reasons(events) == told and len(events) == len(told)
    assert fingerprint(venue) == before


def test_two_of_which_each_is_covered_but_not_both_leave_nothing() -> None:
    """A bid for one and a stop-free bid for another: 800,000 kopecks are there for one of them."""
    venue = Venue()
    venue.admit(ANN, 800_000)
    events = together(venue, OCO, asked(BUY, 1, 79_000, 7), asked(BUY, 1, 78_000))
    other = of_kind(events, OrdersPlacedTogether)[0].order_ids[1]
    assert reasons(events) == [(7, RejectReason.INSUFFICIENT_CASH)]
    assert ended(events) == [(other, CancelCause.LINKED)]
    assert live(venue) == ([], []) and (venue.held(ANN), venue.free_cash(ANN)) == (0, 800_000)


@pytest.mark.parametrize("wrong", [{"quantity": "1"}, {"price": 2**70}, {"side": 3}])
def test_what_is_no_order_at_all_never_becomes_part_of_a_command(venue: Venue, wrong: dict[str, Any]) -> None:
    good = asked(BUY, 1, 79_000, 7)
    for orders in ((changed(good, **wrong), good), (good, changed(good, **wrong))):
        with pytest.raises(MalformedCommand, match=next(iter(wrong))):
            together(venue, OTO, *orders)


def test_they_are_placed_once_however_often_they_are_sent(venue: Venue) -> None:
    pair = (asked(SELL, 4, 82_000, 5, line=3), asked(SELL, 4, line=3, **STOP))
    first = together(venue, OCO, *pair)
    assert of_kind(first, OrderAccepted) and of_kind(first, OrderWaiting)
    over_another_line = (asked(SELL, 4, 82_000, 5, line=9), asked(SELL, 4, line=9, **STOP))
    (exists,) = together(venue, OCO, *over_another_line)
    assert isinstance(exists, RequestExists) and exists.order_id == 1
    (refused,) = together(venue, OCO, *pair, patient=True)
    assert isinstance(refused, RequestRejected)
    assert refused.reason is RejectReason.EXISTS_WITH_DIFFERENT_TERMS
    (refused,) = venue.tell(asked(SELL, 4, 82_000, 5))
    assert isinstance(refused, RequestRejected)


@pytest.mark.parametrize("kind", LinkKind)
def test_however_much_was_asked_since_they_are_known(
    venue: Venue, kind: LinkKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they were placed with is folded away with the older requests, triggers, lines and all."""
    monkeypatch.setattr(numbered, "BLOCK", 2)
    exits = (asked(SELL, 4, 82_000, line=3), asked(SELL, 4, line=3, **STOP))
    orders = exits if kind is OCO else (asked(BUY, 4, 79_500, line=3), *exits[: 1 if kind is OTO else 2])
    first, *others = (changed(orders[0], client_order_id=5), *orders[1:])
    assert of_kind(together(venue, kind, first, *others), OrdersPlacedTogether)
    for number in range(6, 14):
        assert of_kind(venue.tell(asked(BUY, 1, 78_000, number)), OrderAccepted)
    assert venue.state.seats[ANN].placed._now._folded
    placed = fingerprint(venue)
    for line in (3, 9):
        told = together(venue, kind, *(changed(one, line=line) for one in (first, *others)))
        assert [(type(one), getattr(one, "order_id", 0)) for one in told] == [(RequestExists, 1)]
    other = changed(others[-1], quantity=3)
    (refused,) = together(venue, kind, first, *others[:-1], other)
    assert isinstance(refused, RequestRejected)
    assert refused.reason is RejectReason.EXISTS_WITH_DIFFERENT_TERMS
    assert fingerprint(venue) == placed


def test_all_of_them_go_with_everything_else(venue: Venue) -> None:
    entry, take, stop = entry_with_exits(venue)
    events = venue.tell(CancelAll(participant_id=ANN))
    assert [number for number, _ in ended(events)] == [entry, take, stop]
    assert not venue.state.series[BTCF].following
    (refused,) = venue.tell(CancelOrder(participant_id=ANN, order_id=take))
    assert isinstance(refused, RequestRejected)

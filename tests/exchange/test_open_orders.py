"""How many orders may be open: who counts, who does not, and that the venue's terms decide."""

from typing import Any

import pytest

from exchange.commands import AmendOrder, EstablishVenue, LinkKind, PlaceLinked, Quote, QuoteMarket
from exchange.core import Exchange
from exchange.events import DirectiveRefused, OrderAccepted, OrderAmended, OrderRejected
from exchange.reasons import RejectReason
from matching.terms import OrderId, PostOnly, TimeInForce
from tests.builders import ANN, BOB, BTCF, BUY, OPENS, SELL, Venue, future, of_kind
from tests.exchange.test_linking import asked, reasons
from tests.exchange.test_order_types import CASH, LAST, OTHER, waits

MOST, MOST_HERE = RejectReason.MAX_OPEN_ORDERS, RejectReason.MAX_OPEN_ORDERS_PER_INSTRUMENT


def a_venue(most: int | None = None, here: int | None = None) -> Venue:
    """Ann and Bob trade two futures; Ann may have `most` orders open, and `here` in each."""
    venue = Venue(future(), OTHER, open_orders=(most, here))
    for name in (ANN, BOB):
        venue.admit(name, CASH)
    return venue


def place(venue: Venue, **more: Any) -> RejectReason | None:
    """Ann bids far below; the reason if she may not."""
    events = venue.place(ANN, BUY, 1, 70_000, **more)
    refused = of_kind(events, OrderRejected)
    return refused[0].reason if refused else None


def test_without_a_limit_there_is_none() -> None:
    venue = a_venue()
    assert {place(venue) for _ in range(50)} == {None}


def test_what_rests_and_what_waits_counts_together() -> None:
    venue = a_venue(most=3)
    stop = waits(venue, SELL, 1, 70_000, trigger_source=LAST, trigger_price=75_000)
    assert [place(venue) for _ in range(3)] == [None, None, MOST]
    assert place(venue, trigger_source=LAST, trigger_price=85_000) is MOST
    venue.cancel(ANN, stop)
    assert [place(venue), place(venue)] == [None, MOST]


def test_in_one_instrument_fewer_may_be_allowed() -> None:
    venue = a_venue(most=3, here=2)
    there = {"instrument_id": OTHER.instrument_id}
    assert [place(venue) for _ in range(3)] == [None, None, MOST_HERE]
    assert [place(venue, **there) for _ in range(2)] == [None, MOST]


def test_what_never_rests_passes_and_so_does_a_change() -> None:
    venue = a_venue(most=1)
    assert place(venue) is None
    venue.place(BOB, SELL, 1, 80_000)
    for time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        accepted = venue.place(ANN, BUY, 1, 80_000, time_in_force=time_in_force)
        assert of_kind(accepted, OrderAccepted)
        venue.place(BOB, SELL, 1, 80_000)
    assert of_kind(venue.place(ANN, BUY, 1, None), OrderAccepted)
    amended = venue.tell(AmendOrder(participant_id=ANN, order_id=OrderId(1), price=71_000, quantity=5))
    assert of_kind(amended, OrderAmended)


def test_a_stop_that_fires_is_counted_already() -> None:
    venue = a_venue(most=2)
    waits(venue, SELL, 1, 85_000, trigger_source=LAST, trigger_price=79_000)
    assert place(venue) is None
    venue.place(BOB, BUY, 1, 79_000)
    events = venue.place(BOB, SELL, 1, 79_000)
    assert not of_kind(events, OrderRejected)


def test_quotes_and_orders_that_are_placed_together_count() -> None:
    venue = a_venue(most=3)
    quotes = (Quote(side=BUY, price=70_000, quantity=1), Quote(side=BUY, price=69_000, quantity=1))
    command = QuoteMarket(
        participant_id=ANN, client_order_id=1, instrument_id=BTCF, quotes=quotes, post_only=PostOnly.REJECT
    )
    assert not of_kind(venue.tell(command), OrderRejected)
    pair = PlaceLinked(
        participant_id=ANN,
        primary=asked(BUY, 1, 68_000, 900),
        others=(asked(SELL, 1, 90_000),),
        kind=LinkKind.ONE_TRIGGERS_OTHER,
    )
    assert reasons(venue.tell(pair)) == [(900, MOST)]
    assert [place(venue), place(venue)] == [None, MOST]


def test_one_participants_orders_are_not_anothers() -> None:
    venue = a_venue(most=1)
    assert place(venue) is None
    assert of_kind(venue.place(BOB, SELL, 1, 90_000), OrderAccepted)


@pytest.mark.parametrize("bound", [0, -1])
@pytest.mark.parametrize("name", ["max_open_orders", "max_open_orders_per_instrument"])
def test_a_limit_that_lets_nobody_order_founds_no_venue(name: str, bound: int) -> None:
    terms: dict[str, Any] = {"assets": (), "indices": (), "cash": (), "sessions": (), name: bound}
    (refused,) = Exchange().handle(EstablishVenue(**terms), OPENS)
    assert isinstance(refused.event, DirectiveRefused) and "must be positive" in refused.event.explanation

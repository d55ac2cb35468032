"""An instrument that publishes its book: whoever reads the changes has the book, whatever happened to it."""

from random import Random

import pytest

from exchange.commands import AmendOrder, CancelOrder, HaltInstrument, QuoteMarket, ResumeInstrument
from exchange.commands import Quote as OneQuote
from exchange.events import BookChanged, Event, OrderAccepted
from exchange.messages import decode, encode
from exchange.units import SECOND
from matching.readers import LevelBookReader, OrderBookReader
from matching.terms import PostOnly, TimeInForce
from tests.builders import ANN, BOB, BTCF, BUY, CYD, ROUBLE, SELL, Venue, future, of_kind


def test_a_change_names_the_order_and_its_level_but_never_its_owner_or_what_it_hides() -> None:
    venue = Venue(future(publishes_book=True))
    venue.admit(ANN, 10**9 * ROUBLE)
    (change,) = of_kind(venue.place(ANN, BUY, 9, 79_000, display=4), BookChanged)
    assert [tuple(order) for order in change.orders] == [(1, 1, 1, BUY, 79_000, 4)]
    assert [tuple(level) for level in change.levels] == [(2, BUY, 79_000, 4)]
    assert b"ann" not in encode(change)


def test_an_instrument_that_does_not_publish_its_book_tells_no_change() -> None:
    venue = Venue()
    venue.admit(ANN, 10**9 * ROUBLE)
    assert not of_kind(venue.place(ANN, BUY, 9, 79_000), BookChanged)


@pytest.mark.parametrize("seed", range(6))
def test_readers_of_the_changes_have_the_book(seed: int) -> None:
    venue = Venue(future(publishes_book=True, halt_call=2 * SECOND))
    for name in (ANN, BOB, CYD):
        venue.admit(name, 10**9 * ROUBLE)
    orders, levels = OrderBookReader(), LevelBookReader()
    chance, seen = Random(seed), []
    for number in range(120):
        events = something(venue, chance, number)
        seen += [e.order_id for e in of_kind(events, OrderAccepted)]
        for change in of_kind(events, BookChanged):
            read = decode(encode(change), BookChanged).update()
            orders.apply(read)
            levels.apply(read)
        book = venue.state.series[BTCF].book
        for side in (BUY, SELL):
            assert orders.depth(side, 99) == levels.depth(side, 99) == book.depth(side, 99)
    assert len(seen) > 40 and orders.sequence > 100


def something(venue: Venue, chance: Random, number: int) -> list[Event]:
    """One thing that may happen to a book."""
    who = chance.choice((ANN, BOB, CYD))
    side, price = chance.choice((BUY, SELL)), 80_000 + chance.randint(-9, 9) * 100
    mine = list(venue.state.seats[who].orders)
    match chance.randint(0, 9):
        case 0 if mine:
            return venue.cancel(who, chance.choice(mine))
        case 1 if mine:
            changed = AmendOrder(
                participant_id=who, order_id=chance.choice(mine), price=price, quantity=chance.randint(1, 6)
            )
            return venue.tell(changed)
        case 2:
            quotes = tuple(
                OneQuote(side=s, price=80_000 - s * chance.randint(1, 9) * 100, quantity=3)
                for s in (BUY, SELL)
            )
            return venue.tell(
                QuoteMarket(
                    participant_id=who,
                    client_order_id=number,
                    instrument_id=BTCF,
                    quotes=quotes,
                    post_only=PostOnly.SLIDE,
                )
            )
        case 3 if number % 3 == 0:
            venue_events = venue.tell(HaltInstrument(instrument_id=BTCF))
            return venue_events + venue.tell(ResumeInstrument(instrument_id=BTCF))
        case 4:
            return venue.wait_until(venue.now + SECOND)
        case 5 if mine:
            return venue.tell(CancelOrder(participant_id=who, order_id=mine[0]))
    display = chance.choice((0, 0, 2))
    lasting = chance.choice((TimeInForce.DAY, TimeInForce.IOC, TimeInForce.AUCTION))
    quantity = chance.randint(3, 9)
    return venue.place(who, side, quantity, price, display=display, time_in_force=lasting)

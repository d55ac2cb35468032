"""An endless stream of commands for journals: the n-th is always the same, whoever writes it."""

from collections.abc import Iterator
from functools import cache
from itertools import count, islice

from exchange.commands import CancelOrder, Command, PlaceOrder, ReportQuotes, VenueQuote
from exchange.core import Exchange
from exchange.journal import state_hash
from exchange.units import SECOND, Time
from matching.terms import OrderId, TimeInForce
from tests.builders import ANN, BOB, BTC_RUB, BTCF, BUY, CYD, SELL, VENUES, Venue

Timed = tuple[Time, Command]


class Recorded(Venue):
    """A venue that keeps what it was told."""

    told: list[Timed]

    def tell(self, command):  # type: ignore[no-untyped-def]
        self.__dict__.setdefault("told", []).append((self.now, command))
        return super().tell(command)


@cache
def founding() -> tuple[Timed, ...]:
    """A venue with three participants on it."""
    venue = Recorded()
    for name in (ANN, BOB, CYD):
        venue.admit(name)
    return tuple(venue.told)


def stream(pace: Time = SECOND // 4) -> Iterator[Timed]:
    """The founding, then a command at each `pace`: orders around the same price, cancels, quotes from outside."""
    yield from founding()
    time = founding()[-1][0] + SECOND
    for number in count(1):
        time += pace
        yield time, _command(number, time)


def commands(many: int, after: int = 0) -> list[Timed]:
    return list(islice(stream(), after, after + many))


def told_by(many: int) -> Exchange:
    """The exchange that has handled the first `many` commands, without any journal."""
    venue = Exchange()
    for time, command in commands(many):
        venue.handle(command, time)
    return venue


@cache
def hash_after(many: int) -> str:
    return state_hash(told_by(many))


def _command(number: int, now: Time) -> Command:
    name = (ANN, BOB, CYD)[number % 3]
    if number % 4 == 1:
        bid = 800_000_000 + number * 7_919 % 1_000_000
        quotes = tuple(VenueQuote(venue=venue, bid=bid, ask=bid + 1_000, at=now) for venue in VENUES)
        return ReportQuotes(index_id=BTC_RUB, quotes=quotes)
    if number % 4 == 2:
        return CancelOrder(participant_id=name, order_id=OrderId(number // 3))
    return PlaceOrder(
        participant_id=name,
        client_order_id=number,
        instrument_id=BTCF,
        side=BUY if number % 5 < 2 else SELL,
        quantity=1 + number % 9,
        price=80_000 + number * 31 % 61 - 30,
        time_in_force=TimeInForce.DAY,
    )

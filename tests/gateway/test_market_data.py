"""Candles and charts over more time than one answer has room for."""

from typing import Any

from exchange.gateway.books import Candle
from exchange.gateway.methods.market import MOST_CANDLES, MOST_POINTS
from exchange.gateway.wire import milliseconds
from exchange.units import MINUTE
from tests.gateway.loopback import PERPETUAL, Venue, dial, play

FUTURE_OF_ALL = 2**45


def test_candles_that_do_not_fit_leave_their_close_to_those_that_do(open_venue: Venue) -> None:
    """The gap at the beginning is filled with the last price before it, not with the first of all."""
    venue, minute = open_venue.gateway.venue, MINUTE // 1_000_000
    now = milliseconds(venue.now) // minute * minute
    tape, pair = venue.books.tapes[PERPETUAL], venue.books.pairs[PERPETUAL]
    long_ago, before, late = (now - ago * minute for ago in (MOST_CANDLES + 900, MOST_CANDLES + 100, 30))

    def remember() -> None:
        for at, price in ((long_ago, 70_000), (before, 80_000), (late, 90_000)):
            candle = tape.minutes[at] = Candle(price)
            candle.take(price, 1)

    async def story() -> dict[str, Any]:
        client = await dial(open_venue)
        found: dict[str, Any] = await client(
            "public/get_tradingview_chart_data",
            instrument_name=PERPETUAL,
            start_timestamp=0,
            end_timestamp=FUTURE_OF_ALL,
            resolution="1",
        )
        await client.close()
        return found

    open_venue.on_its_thread(remember)
    try:
        found = play(story())
    finally:
        open_venue.on_its_thread(tape.minutes.clear)
    assert len(found["ticks"]) == MOST_CANDLES
    at = found["ticks"].index(late)
    assert set(found["close"][:at]) == {pair.price(80_000)} and not any(found["volume"][:at])
    assert (found["open"][at], found["volume"][at]) == (pair.price(90_000), pair.amount(1))


def test_the_chart_of_an_index_has_so_many_points_and_no_more(open_venue: Venue) -> None:
    venue = open_venue.gateway.venue
    known = next(iter(venue.books.indices.values()))

    def remember() -> None:
        at, value = known[-1]
        known.extend([(at, value)] * (2 * MOST_POINTS - 1))

    async def story() -> list[Any]:
        client = await dial(open_venue)
        points: list[Any] = await client("public/get_index_chart_data", index_name="btc_rub", range="all")
        await client.close()
        return points

    open_venue.on_its_thread(remember)
    assert MOST_POINTS // 2 < len(play(story())) <= MOST_POINTS

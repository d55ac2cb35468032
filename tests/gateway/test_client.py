"""The client that ships, against a live venue: orders and what becomes of them, what one has, the market, refusals."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable
from typing import Any

import pytest

from participants.answers import VenueError, refusal
from participants.client import Client
from participants.connection import Change, Standing
from tests.gateway.loopback import PERPETUAL, Venue, play


def client(venue: Venue, key: str | None = "everyone-1", **settings: Any) -> Client:
    if key is None:
        return Client.connect(venue.ws, **settings)
    return Client.connect(venue.ws, venue.keys[key].client_id, venue.keys[key].secret, **settings)


async def far_below(venue: Client) -> float:
    """A price at which nobody sells."""
    return round((await venue.ticker(PERPETUAL)).mark_price * 0.95 / 100) * 100.0


async def refused(asked: Awaitable[Any]) -> VenueError:
    with pytest.raises(VenueError) as told:
        await asked
    return told.value


def test_an_order_is_placed_changed_found_and_canceled(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as venue:
            price = await far_below(venue)
            placed = await venue.buy(PERPETUAL, 0.02, price=price, label="mine")
            assert (placed.order.order_state, placed.order.price, placed.trades) == ("open", price, [])
            assert placed.order.is_open and not placed.settled
            edited = await venue.edit(placed.order.order_id, amount=0.01, price=price - 100)
            assert (edited.order.amount, edited.order.price) == (0.01, price - 100)
            assert await venue.order(placed.order.order_id) == edited.order
            assert await venue.orders_by_label("mine") == [edited.order]
            assert await venue.open_orders() == await venue.open_orders(PERPETUAL) == [edited.order]
            canceled = await venue.cancel(placed.order.order_id)
            assert (canceled.order_state, canceled.cancel_reason) == ("cancelled", "user_request")
            await venue.sell(PERPETUAL, "0.01", price=price * 1.05 // 100 * 100)
            await venue.buy(PERPETUAL, 0.01, price=price)
            assert await venue.cancel_all(PERPETUAL) + await venue.cancel_all() == 2

    play(story())


def test_a_trade_shows_everywhere_alike(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as one, client(open_venue, "everyone-2") as other:
            price = await far_below(one)
            before = (await one.position(PERPETUAL)).size
            await other.sell(PERPETUAL, 0.03, price=price)
            placed = await one.buy(PERPETUAL, 0.03)  # at market
            assert placed.order.order_state == "filled"
            [trade] = placed.trades
            assert (trade.price, trade.amount, trade.liquidity) == (price, 0.03, "T")
            assert (await one.my_trades(PERPETUAL, 1)) == [trade]
            [public] = await one.trades(PERPETUAL, 1)
            assert (public.trade_id, public.direction, public.fee) == (trade.trade_id, "buy", 0.0)
            position = await one.position(PERPETUAL)
            assert position.size == pytest.approx(before + 0.03)
            assert position in await one.positions()
            account = await one.account("RUBD")
            assert 0 < account.available_funds < account.equity

    play(story())


def test_the_market_is_read_with_a_key_and_without(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as trader, client(open_venue, None) as watcher:
            price = await far_below(trader)
            await trader.buy(PERPETUAL, 0.01, price=price)
            book = await watcher.order_book(PERPETUAL, 5)
            assert (price, 0.01) in book.bids and book.best_bid_price == book.bids[0][0]
            names = [one.instrument_name for one in await watcher.instruments("future")]
            assert PERPETUAL in names
            terms = await watcher.instrument(PERPETUAL)
            assert (terms.tick_size, terms.contract_size) == (100.0, 0.001)
            assert terms.nearest_price(8_012_349.9) == 8_012_300.0
            assert [terms.whole_amount(one) for one in (0.009000000000000001, 0.0079, 0.3)] == [
                0.009,
                0.007,
                0.3,
            ]
            assert await watcher.instrument(PERPETUAL) is terms
            assert (await refused(watcher.buy(PERPETUAL, 0.01))).name == "unauthorized"
            await trader.cancel_all()

    play(story())


def test_what_the_venue_says_of_a_refusal_stands_in_the_exception() -> None:
    told = {"reason": "max_open_orders", "limit": 3, "told": "at most 3 orders may be open at the venue"}
    fault = refusal("private/buy", {"code": 10037, "message": "max_open_orders", "data": told})
    assert str(fault) == (
        "private/buy: max_open_orders (max_open_orders): at most 3 orders may be open at the venue; "
        "cancel some of them first, or wait until one has ended"
    )
    assert fault.told["limit"] == 3


def test_a_refusal_says_what_why_and_what_to_do(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as venue:
            price = await far_below(venue)
            off_tick = await refused(venue.buy(PERPETUAL, 0.01, price=price + 1))
            assert (off_tick.code, off_tick.name, off_tick.told["tick_size"]) == (
                10043,
                "price_wrong_tick",
                100.0,
            )
            assert "tick_size" in off_tick.remedy and str(off_tick).startswith(
                "private/buy: price_wrong_tick"
            )
            too_much = await refused(venue.buy(PERPETUAL, 10**6, price=price))
            assert (too_much.code, too_much.reason) == (10009, "insufficient_cash")
            gone = await refused(venue.cancel("RUBD-999999999"))
            assert (gone.code, gone.reason) == (10004, "unknown_order")
            assert (await refused(venue.call("private/nonsense"))).code == -32601
            assert (await refused(venue.call("public/ticker"))).told["param"] == "instrument_name"
            unknown = await refused(venue.follow("nothing.at.all").next())
            assert unknown.name == "not_followed" and "nothing.at.all" in unknown.reason

    play(story())


def test_a_wrong_key_and_a_venue_that_is_not_there_are_told_at_once(open_venue: Venue) -> None:
    async def story() -> None:
        key = open_venue.keys["everyone-1"]
        changes: list[Change] = []
        wrong = Client.connect(open_venue.ws, key.client_id, "guess", on_standing=changes.append)
        assert (await refused(wrong.__aenter__())).code == 13004
        assert [one.standing for one in changes] == [Standing.CLOSED]
        nowhere = Client.connect("ws://127.0.0.1:9/ws/api/v2")
        fault = await refused(nowhere.__aenter__())
        assert (fault.code, fault.name) == (0, "not_connected") and "127.0.0.1:9" in fault.reason
        assert (await refused(nowhere.call("public/get_time"))).name == "not_connected"

    play(story())


def test_channels_are_followed_one_by_one_and_left(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as venue, client(open_venue, "everyone-2") as other:
            price = await far_below(venue)
            quotes, orders = f"quote.{PERPETUAL}", f"user.orders.{PERPETUAL}.raw"
            feed = venue.follow(quotes, orders)
            assert (await feed.next()).channel == quotes  # its first message
            placed = await venue.buy(PERPETUAL, 0.01, price=price)
            await other.buy(PERPETUAL, 0.01, price=price - 100)
            async for told in feed:
                if told.channel == orders:
                    assert told.data["order_id"] == placed.order.order_id and not told.missed
                    break
            second = await refused(venue.follow(quotes).next())
            assert "another feed" in second.reason
            await other.cancel_all()
            await venue.cancel_all()
            await feed.close()
            connections = open_venue.on_its_thread(lambda: list(open_venue.gateway.connections.values()))
            assert [one.channels for one in connections] == [{}, {}]

    play(story())


def test_an_inbox_that_is_full_says_so_and_can_go_on(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue, inbox=5) as venue:
            price = await far_below(venue)
            feed = venue.follow(f"quote.{PERPETUAL}")
            await feed.open()
            for step in range(8):
                await venue.buy(PERPETUAL, 0.01, price=price + 100 * step)
            fault = await refused(feed.next())
            assert fault.name == "too_slow" and "more than 5" in fault.reason
            await feed.again()
            assert (await feed.next()).data["best_bid_price"] == price + 700
            await feed.close()
            await venue.cancel_all()

    play(story())


def test_a_book_is_followed_and_is_the_venues(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as venue:
            price = await far_below(venue)
            steps = 0
            async for book in venue.live_book(PERPETUAL):
                steps += 1
                if steps == 20:
                    shown = await venue.order_book(PERPETUAL, 1000)
                    assert (book.bids, book.asks) == (shown.bids, shown.asks)
                    assert book.best_bid == shown.best_bid_price and book.change_id == shown.change_id
                    assert book.resyncs == 0
                    break
                await venue.buy(PERPETUAL, 0.01, price=price + 100 * (steps % 7))
            await venue.cancel_all()

    play(story())


def test_many_calls_at_once_get_each_its_answer(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as venue:
            price, terms = await far_below(venue), await venue.instrument(PERPETUAL)
            amounts = [terms.whole_amount(0.001 * n) for n in range(1, 41)]
            placed = await asyncio.gather(*(venue.buy(PERPETUAL, one, price=price) for one in amounts))
            assert [round(one.order.amount * 1000) for one in placed] == list(range(1, 41))
            numbers = [one.order.number for one in placed]
            assert numbers == sorted(numbers)  # the order of asking is the order of being served
            await venue.cancel_all()

    play(story())


def test_to_import_it_loads_no_server_and_no_numbers() -> None:
    code = "import participants.client, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {
        "fastapi",
        "pydantic",
        "numpy",
        "scipy",
        "simpy",
        "starlette",
        "exchange.gateway",
        "exchange.core",
    }
    assert heavy.isdisjoint(loaded)

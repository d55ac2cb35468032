"""What goes wrong between a client and a venue, and what becomes of it: lost answers, lost lines, gaps, restarts."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from exchange.gateway import auth
from exchange.gateway.dispatch import Gateway
from participants.answers import VenueError
from participants.client import Client
from participants.connection import Change, Standing
from tests.gateway.loopback import PERPETUAL, Venue, play, venue
from tests.gateway.relay import Message, Relay, relay
from tests.gateway.test_client import client, far_below, refused


def through(line: Relay, opened: Venue, **settings: Any) -> Client:
    key = opened.keys["everyone-1"]
    return Client.connect(line.url, key.client_id, key.secret, **settings)


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.005)


def swallowing(line: Relay, method: str, *, cut: bool = True) -> Callable[[Message], Message | None]:
    """Keep the answers to a method back, and break the line instead."""

    def pass_on(message: Message) -> Message | None:
        numbers = [one["id"] for one in line.asked_for(method)]
        if message.get("id") in numbers:
            if cut:
                line.cut()
            return None
        return message

    return pass_on


def test_an_order_whose_answer_is_lost_is_found_and_sent_once(open_venue: Venue) -> None:
    async def story() -> None:
        async with relay(open_venue.ws) as line, through(line, open_venue) as one:
            price = await far_below(one)
            line.to_client = swallowing(line, "private/buy")
            placed = await one.buy(PERPETUAL, 0.01, price=price)
            assert placed.settled and placed.order.is_open and placed.order.price == price
            assert len(line.asked_for("private/buy")) == 1
            assert [order.order_id for order in await one.open_orders()] == [placed.order.order_id]

            line.to_client = swallowing(line, "private/edit")
            edited = await one.edit(placed.order.order_id, amount=0.02, price=price)
            assert edited.settled and edited.order.amount == 0.02

            line.to_client = swallowing(line, "private/cancel")
            assert (await one.cancel(placed.order.order_id)).order_state == "cancelled"
            assert [len(line.asked_for(f"private/{word}")) for word in ("edit", "cancel")] == [1, 1]

    play(story())


def test_an_order_that_met_nobody_is_found_as_well(open_venue: Venue) -> None:
    async def story() -> None:
        async with relay(open_venue.ws) as line, through(line, open_venue) as one:
            line.to_client = swallowing(line, "private/sell")
            placed = await one.sell(PERPETUAL, 0.01)
            assert placed.settled and placed.order.cancel_reason == "no_opposite_price"
            assert (placed.order.number, placed.trades) == (0, [])

    play(story())


def test_what_an_order_traded_is_found_with_it(open_venue: Venue) -> None:
    async def story() -> None:
        other = open_venue.keys["everyone-2"]
        async with (
            relay(open_venue.ws) as line,
            through(line, open_venue) as one,
            Client.connect(open_venue.ws, other.client_id, other.secret) as two,
        ):
            price = await far_below(one)
            await two.sell(PERPETUAL, 0.01, price=price)
            line.to_client = swallowing(line, "private/buy")
            placed = await one.buy(PERPETUAL, 0.01)
            assert placed.settled and placed.order.order_state == "filled"
            assert [(trade.price, trade.amount) for trade in placed.trades] == [(price, 0.01)]

    play(story())


def test_an_order_that_never_arrived_is_not_sent_again_by_itself(open_venue: Venue) -> None:
    async def story() -> None:
        async with relay(open_venue.ws) as line, through(line, open_venue, timeout=0.5) as one:
            price = await far_below(one)

            def lose_orders(message: Message) -> Message | None:
                if message["method"] != "private/buy":
                    return message
                line.cut()
                return None

            line.to_venue = lose_orders
            fault = await refused(one.buy(PERPETUAL, 0.01, price=price))
            assert (fault.code, fault.name) == (0, "outcome_unknown") and "by its label" in fault.remedy
            assert await one.orders_by_label(fault.told["label"]) == []
            assert len(line.asked_for("private/buy")) == 1

            line.to_client = swallowing(line, "private/buy", cut=False)
            line.to_venue = lambda message: message
            with pytest.raises(VenueError, match="2 orders have the label twins"):
                await asyncio.gather(  # nobody could say which is which
                    one.buy(PERPETUAL, 0.01, price=price, label="twins"),
                    one.buy(PERPETUAL, 0.01, price=price, label="twins"),
                )
            await one.cancel_all()

    play(story())


def test_a_silent_venue_is_not_waited_for_for_ever_and_questions_are_asked_again(open_venue: Venue) -> None:
    async def story() -> None:
        async with relay(open_venue.ws) as line, through(line, open_venue, timeout=0.3) as one:
            line.to_client = lambda message: None
            fault = await refused(one.call("private/cancel_all"))
            assert fault.name == "answer_lost" and "0.3 seconds" in fault.reason

        async with relay(open_venue.ws) as line, through(line, open_venue) as one:
            swallow, line.to_client = swallowing(line, "public/get_time"), lambda message: message
            line.to_client = swallow
            asking = asyncio.get_running_loop().create_task(one.call("public/get_time"))
            await until(lambda: line.lines == 2)
            line.to_client = lambda message: message
            assert await asking > 0 and len(line.asked_for("public/get_time")) > 1

    play(story())


def forget_places(opened: Venue) -> None:
    """From now on the venue cannot say what somebody has missed."""
    hub = opened.gateway.hub
    opened.on_its_thread(lambda: setattr(hub, "epoch", f"{hub.epoch}0"))


@pytest.mark.parametrize("kept", [True, False])
def test_after_a_lost_line_it_comes_back_signed_in_and_is_told_what_it_missed(
    open_venue: Venue, kept: bool
) -> None:
    async def story() -> None:
        changes: list[Change] = []
        async with (
            relay(open_venue.ws) as line,
            through(line, open_venue, on_standing=changes.append, cancel_on_disconnect=True) as one,
        ):
            price = await far_below(one)
            feed = one.follow(f"user.orders.{PERPETUAL}.raw")
            await feed.open()
            first = await one.buy(PERPETUAL, 0.01, price=price)
            assert (await feed.next()).data["order_id"] == first.order.order_id
            await line.close()
            await until(lambda: one.standing is Standing.LOST)
            if not kept:
                forget_places(open_venue)
            await line.reopen()
            second = await one.buy(PERPETUAL, 0.01, price=price)
            told = await feed.next()
            if kept:  # that the order went with the line, as if the line had never been cut
                states = (first.order.order_id, "cancelled", False)
                assert (told.data["order_id"], told.data["order_state"], told.missed) == states
                told = await feed.next()
            assert (told.data["order_id"], told.missed) == (second.order.order_id, not kept)
            await feed.close()
            await one.cancel_all()
        assert [one.standing for one in changes] == [
            Standing.OPEN,
            Standing.LOST,
            Standing.OPEN,
            Standing.CLOSED,
        ]

    play(story())


def test_a_book_goes_on_over_a_lost_line_without_a_fresh_snapshot(open_venue: Venue) -> None:
    async def story() -> None:
        async with (
            relay(open_venue.ws) as line,
            through(line, open_venue) as one,
            client(open_venue, "everyone-2") as other,
        ):
            price = await far_below(one)
            snapshots = 0

            def count(message: Message) -> Message:
                nonlocal snapshots
                snapshots += "'snapshot'" in str(message)
                return message

            line.to_client = count
            book = one.live_book(PERPETUAL)
            await anext(book)
            await line.close()
            for step in range(5):
                await other.buy(PERPETUAL, 0.01, price=price + 100 * step)
            await line.reopen()
            expected = await one.order_book(PERPETUAL)
            while (shown := await anext(book)).change_id != expected.change_id:
                pass
            assert (shown.bids, shown.resyncs, snapshots) == (expected.bids, 0, 1)
            await other.cancel_all()

    play(story())


def test_a_venue_that_is_killed_and_opened_anew_is_found_again() -> None:
    async def story() -> None:
        with venue() as first:
            key = first.keys["everyone-1"]
            async with relay(first.ws) as line, through(line, first) as one:
                book = one.live_book(PERPETUAL)
                price = await far_below(one)
                await one.buy(PERPETUAL, 0.01, price=price)
                assert (price, 0.01) in (await anext(book)).bids
                await line.close()
                await until(lambda: one.standing is Standing.LOST)
                waiting = asyncio.get_running_loop().create_task(one.buy(PERPETUAL, 0.02, price=price))

                def with_the_key(gateway: Gateway) -> None:
                    gateway.ring.add(key)

                with venue(change=with_the_key) as second:
                    line.target = second.ws
                    await line.reopen()
                    placed = await waiting  # it was never sent before: the connection was lost already
                    assert placed.order.is_open and not placed.settled
                    while (shown := await anext(book)).bids != [(price, 0.02)]:
                        pass
                    assert shown.bids == (await one.order_book(PERPETUAL)).bids
                    await one.close()

    play(story())


def test_a_key_that_is_taken_back_ends_it(open_venue: Venue) -> None:
    async def story() -> None:
        key = open_venue.keys["everyone-1"]
        async with relay(open_venue.ws) as line, through(line, open_venue) as one:
            more = await one.call("access/create_key")
            async with Client.connect(line.url, more["client_id"], more["client_secret"]) as short:
                feed = short.follow(f"quote.{PERPETUAL}")
                await feed.next()
                await one.call("access/remove_key", client_id=more["client_id"])
                line.cut()
                assert (await refused(feed.next())).code == 13004
                assert short.standing is Standing.CLOSED
                assert (await refused(short.ticker(PERPETUAL))).name == "invalid_credentials"
            assert (await one.call("access/get_my_class"))["role"] == key.role

    play(story())


@pytest.mark.parametrize("harm", ["a change is lost", "an amount is another"])
def test_a_book_with_a_gap_or_a_wrong_checksum_begins_anew(open_venue: Venue, harm: str) -> None:
    async def story() -> None:
        channel = f"book.{PERPETUAL}.raw"
        async with relay(open_venue.ws) as line, through(line, open_venue) as one:
            price, seen = await far_below(one), 0

            def hurt(message: Message) -> Message | None:
                nonlocal seen
                told = message.get("params", {})
                if told.get("channel") != channel or told["data"]["type"] != "change":
                    return message
                seen += 1
                if seen != 3:
                    return message
                if harm == "a change is lost":
                    return None
                told["data"]["bids"][0][2] += 0.001
                return message

            line.to_client = hurt
            book = one.live_book(PERPETUAL)
            await anext(book)
            for step in range(6):
                await one.buy(PERPETUAL, 0.01, price=price + 100 * step)
            expected = await one.order_book(PERPETUAL)
            while (shown := await anext(book)).change_id != expected.change_id:
                pass
            assert (shown.bids, shown.resyncs) == (expected.bids, 1)
            await one.cancel_all()

    play(story())


def test_a_book_that_is_read_too_slowly_begins_anew(open_venue: Venue) -> None:
    async def story() -> None:
        async with relay(open_venue.ws) as line, through(line, open_venue, inbox=4) as one:
            price = await far_below(one)
            book = one.live_book(PERPETUAL)
            await anext(book)
            for step in range(12):
                await one.buy(PERPETUAL, 0.01, price=price + 100 * step)
            shown = await anext(book)
            assert (len(shown.bids), shown.resyncs) == (12, 1)
            await one.cancel_all()

    play(story())


def test_heartbeats_are_answered_and_tokens_renewed(
    open_venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        monkeypatch.setattr(auth, "LIFE", 0.05)
        async with relay(open_venue.ws) as line, through(line, open_venue) as one:
            [connection] = open_venue.on_its_thread(
                lambda: [c for c in open_venue.gateway.connections.values() if c.key]
            )
            assert connection.heartbeat == 30.0

            def silent_for_long() -> None:
                connection.look_after(connection.heard_at + 31.0)

            open_venue.on_its_thread(silent_for_long)
            await until(lambda: len(line.asked_for("public/test")) == 1)
            await until(lambda: len(line.asked_for("public/auth")) >= 3)
            grants = [asked["params"]["grant_type"] for asked in line.asked_for("public/auth")]
            assert grants[:3] == ["client_signature", "refresh_token", "refresh_token"]
            assert all("client_secret" not in asked["params"] for asked in line.asked_for("public/auth"))
            open_venue.on_its_thread(lambda: open_venue.gateway.door._tokens.clear())  # it signs in anew
            await until(lambda: line.lines == 2)
            await one.ready()
            assert await one.positions() is not None and line.lines == 2

    play(story())

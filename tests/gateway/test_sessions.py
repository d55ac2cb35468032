"""What becomes of a connection: heartbeats, a loss, a graceful end, and a reader who does not read."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from exchange.gateway.jsonrpc import heartbeat
from exchange.gateway.sessions import POLICY, SILENCE, Connection
from exchange.gateway.throttle import Limits
from tests.gateway.loopback import PERPETUAL, Client, Refused, Venue, around, dial, limit, play, venue


@pytest.fixture(scope="module")
def narrow_venue() -> Iterator[Venue]:
    """Where little may wait on the way to a reader."""
    with venue(limits=Limits(outbox_bytes=200_000, channels=3, connections_per_address=6)) as opened:
        yield opened


@pytest.mark.parametrize("asked", [True, False])
def test_a_lost_connection_takes_along_the_orders_that_it_placed_if_it_asked_for_that(
    open_venue: Venue, asked: bool
) -> None:
    async def story() -> None:
        lost, stays = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-1")
        if asked:
            assert await lost("private/enable_cancel_on_disconnect") == "ok"
        expected = {"enabled": asked, "scope": "connection"}
        assert await lost("private/get_cancel_on_disconnect") == expected
        low = await around(stays, 0.95)
        mine = (await limit(lost, "buy", 0.01, low))["order"]["order_id"]
        other = (await limit(stays, "buy", 0.01, low))["order"]["order_id"]
        lost.socket.transport.abort()
        for _ in range(200):
            state = await stays("private/get_order_state", order_id=mine)
            if state["order_state"] == "cancelled":
                break
            await asyncio.sleep(0.01)
        assert (state["order_state"] == "cancelled") is asked
        if asked:
            assert state["cancel_reason"] == "cancel_on_disconnect"
        assert (await stays("private/get_order_state", order_id=other))["order_state"] == "open"
        await stays("private/cancel_all")
        await stays.close()

    play(story())


def test_an_order_that_was_on_its_way_when_the_connection_was_lost_goes_too(open_venue: Venue) -> None:
    async def story() -> None:
        lost, stays = await dial(open_venue, "everyone-2"), await dial(open_venue, "everyone-2")
        await lost("private/enable_cancel_on_disconnect")
        low = await around(stays, 0.95)
        for _ in range(50):
            lost._number += 1
            params = {"instrument_name": PERPETUAL, "amount": 0.01, "price": low}
            text = {"id": lost._number, "method": "private/buy", "params": params}
            await lost.socket.send(str(text).replace("'", '"'))
        lost.socket.transport.abort()
        await asyncio.sleep(0.5)
        assert await stays("private/get_open_orders") == []
        await stays.close()

    play(story())


def test_who_says_goodbye_keeps_its_orders(open_venue: Venue) -> None:
    async def story() -> None:
        leaves, stays = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-1")
        await leaves("private/enable_cancel_on_disconnect")
        mine = (await limit(leaves, "buy", 0.01, await around(stays, 0.95)))["order"]["order_id"]
        await leaves.socket.send('{"id":1,"method":"private/logout","params":{"invalidate_token":false}}')
        await asyncio.wait_for(leaves._reader, 3)
        assert (await stays("private/get_order_state", order_id=mine))["order_state"] == "open"
        await stays("private/cancel_all")
        await stays.close()

    play(story())


def test_a_heartbeat_shorter_than_ten_seconds_is_refused(open_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(open_venue)
        for wrong in (5, 0, "x", "NaN", 1e9):
            with pytest.raises(Refused) as refused:
                await client("public/set_heartbeat", interval=wrong)
            assert refused.value.code == -32602
        assert await client("public/set_heartbeat", interval=10) == "ok"
        await client.close()

    play(story())


def waiting(connection: Connection) -> list[bytes]:
    return list(iter(connection.take, None))


def test_silence_is_met_with_a_test_request_and_more_silence_with_the_end() -> None:
    async def story() -> None:
        connection = Connection(1, "here", Limits())
        connection.set_heartbeat(10)
        begins = connection.heard_at
        connection.look_after(begins + 9.9)
        assert waiting(connection) == []
        connection.look_after(begins + 10)
        assert waiting(connection) == [heartbeat("heartbeat"), heartbeat("test_request")]
        connection.look_after(begins + 19.9)
        assert not connection.is_closing
        connection.look_after(begins + 20)
        assert connection.close_code == POLICY

    play(story())


def test_who_answers_a_test_request_stays() -> None:
    async def story() -> None:
        connection = Connection(1, "here", Limits())
        connection.set_heartbeat(10)
        begins = connection.heard_at
        connection.look_after(begins + 10)
        connection.hear()
        connection.look_after(connection.heard_at + 9)
        assert not connection.is_closing

    play(story())


def test_a_connection_that_cancels_on_disconnect_may_not_be_silent_for_ever() -> None:
    async def story() -> None:
        connection = Connection(1, "here", Limits())
        connection.cancels_on_disconnect = True
        connection.look_after(connection.heard_at + SILENCE - 1)
        assert not connection.is_closing
        connection.look_after(connection.heard_at + SILENCE + 1)
        assert connection.is_closing

    play(story())


@pytest.mark.parametrize("bound", ["bytes", "messages", "age"])
def test_what_waits_to_be_sent_is_bounded_in_three_ways(bound: str) -> None:
    async def story() -> None:
        limits = Limits(outbox_bytes=1_000, outbox_messages=50, outbox_seconds=3.0)
        connection = Connection(1, "here", limits)
        match bound:
            case "bytes":
                for _ in range(11):
                    connection.send(b"x" * 100)
            case "messages":
                for _ in range(51):
                    connection.send(b"x")
            case "age":
                connection.send(b"x")
                connection.look_after(time.monotonic() + 3.1)
        assert (connection.close_code, connection.close_reason) == (POLICY, "connection_too_slow")
        assert connection.waiting_bytes == 0, "nothing is kept for whoever does not read"

    play(story())


def test_a_reader_who_does_not_read_is_dropped_and_nobody_else_notices(
    narrow_venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.gateway.guard.STUCK", 0.3)

    async def story() -> None:
        trader, reader = await dial(narrow_venue, "everyone-1"), await dial(narrow_venue, "everyone-1")
        channel = "user.orders.any.any.raw"
        await reader("private/subscribe", channels=[channel])
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        small.connect(("127.0.0.1", narrow_venue.port))
        stuck = Client(await connect(narrow_venue.ws, sock=small, compression=None))
        await stuck.sign_in(narrow_venue.keys["everyone-1"])
        await stuck("private/subscribe", channels=[channel])
        stuck.socket.transport.pause_reading()
        price = await around(trader, 0.95)
        placed = 0
        for _ in range(60):
            for _ in range(100):
                order = (await limit(trader, "buy", 0.01, price, time_in_force="immediate_or_cancel"))[
                    "order"
                ]
                placed += 1
            connections = narrow_venue.on_its_thread(lambda: len(narrow_venue.gateway.connections))
            if connections == 2:
                break
        assert connections == 2, "the one that is stuck has been dropped"
        assert order["order_state"] == "cancelled"
        await asyncio.sleep(0.3)
        assert len(reader.of(channel)) == placed, "the other has missed nothing"
        stuck.socket.transport.abort()
        await stuck._reader
        for client in (trader, reader):
            await client.close()

    play(story())


def test_a_reader_who_was_too_slow_is_told_so_once_he_reads(narrow_venue: Venue) -> None:
    async def story() -> None:
        trader = await dial(narrow_venue, "everyone-1")
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        small.connect(("127.0.0.1", narrow_venue.port))
        slow = await connect(narrow_venue.ws, sock=small, compression=None, max_queue=1)
        login = narrow_venue.keys["everyone-1"]
        await slow.send(
            f'{{"id":1,"method":"public/auth","params":{{"grant_type":"client_credentials",'
            f'"client_id":"{login.client_id}","client_secret":"{login.secret}"}}}}'
        )
        await slow.send(
            '{"id":2,"method":"private/subscribe","params":{"channels":["user.orders.any.any.raw"]}}'
        )
        price = await around(trader, 0.95)
        for _ in range(3_000):
            await limit(trader, "buy", 0.01, price, time_in_force="immediate_or_cancel")
            if narrow_venue.on_its_thread(lambda: len(narrow_venue.gateway.connections)) == 1:
                break
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await asyncio.wait_for(slow.recv(), 5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (POLICY, "connection_too_slow")
        await trader.close()

    play(story())


def test_one_address_has_so_many_connections_and_one_connection_so_many_channels(narrow_venue: Venue) -> None:
    async def story() -> None:
        clients = [await dial(narrow_venue) for _ in range(6)]
        with pytest.raises(Exception, match="429"):
            await dial(narrow_venue)
        names = [
            f"ticker.{PERPETUAL}.100ms",
            f"quote.{PERPETUAL}",
            f"trades.{PERPETUAL}.100ms",
            "platform_state",
        ]
        assert await clients[0]("public/subscribe", channels=names) == names[:3]
        for client in clients:
            await client.close()
        await asyncio.sleep(0.2)
        await (await dial(narrow_venue)).close()

    play(story())


def test_who_connects_and_says_nothing_is_dropped(open_venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.gateway.guard.SILENT", 0.3)

    async def listens() -> None:
        client = await dial(open_venue)
        await asyncio.sleep(0.6)
        assert (await client("public/test"))["version"], "who listens may say nothing for as long as he likes"
        await client.close()

    play(listens())
    with socket.create_connection(("127.0.0.1", open_venue.port), timeout=5) as silent:
        silent.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        with suppress(ConnectionResetError):
            assert silent.recv(10) == b""


def test_the_venue_says_that_it_goes() -> None:
    async def story(opened: Venue) -> None:
        client = await dial(opened)
        opened.stop()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await client.socket.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012

    with venue() as opened:
        play(story(opened))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_venue_runs_on_either_loop(loop: str) -> None:
    """All other tests run on the faster one if it is installed, as the venue itself does."""
    pytest.importorskip(loop)

    async def story() -> None:
        client = await dial(opened, "everyone-1")
        low = await around(client, 0.95)
        placed = (await limit(client, "buy", 0.01, low))["order"]
        assert (await client("private/cancel", order_id=placed["order_id"]))["order_state"] == "cancelled"
        await client.close()

    with venue(loop=loop) as opened:
        assert type(opened.loop).__module__.partition(".")[0] == loop
        assert opened.get("/api/v2/public/test").status_code == 200
        play(story())

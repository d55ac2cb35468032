"""Frames on their way to whoever listens: in order, a few at a time, held when that is asked for, and none lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from exchange.gateway.frames import AT_ONCE, FRAMES, DirectWebSocket, head
from exchange.gateway.server import listen, make_server
from tests.gateway.loopback import Venue, dial, play

TEXT = "привет, биржа"


class Ear:
    """Notes what it hears, and how often the loop had come by until then."""

    def __init__(self, frames: DirectWebSocket) -> None:
        self.frames = frames
        self.heard: list[str | None] = []
        self.rounds: list[int] = []
        self.round = 0
        self.drains = 0
        self.gone = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._count()

    def _count(self) -> None:
        self.round += 1
        if not self.gone.is_set():
            self._loop.call_soon(self._count)

    def hear(self, text: str | None) -> None:
        self.heard.append(text)
        self.rounds.append(self.round)

    def drained(self) -> None:
        self.drains += 1

    def lost(self) -> None:
        self.gone.set()


@asynccontextmanager
async def listening(late: float = 0.0) -> AsyncIterator[tuple[ClientConnection, Ear]]:
    """A client, and the ear at the other end; it begins to listen so much later."""
    ears: asyncio.Queue[Ear] = asyncio.Queue()

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(late)
        ear = Ear(scope["extensions"][FRAMES]["socket"])
        ear.frames.listen(ear)
        ears.put_nowait(ear)
        await ear.gone.wait()

    bound = listen("127.0.0.1", 0)
    server = make_server(app)
    server.config.lifespan = "off"
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        async with connect(f"ws://127.0.0.1:{bound.getsockname()[1]}", compression=None) as client:
            if late:
                await client.send("early")
            yield client, await ears.get()
    finally:
        server.should_exit = True
        await serving


async def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it has not come about")


def test_what_is_sent_together_is_heard_in_order_and_a_few_at_a_time() -> None:
    async def story() -> None:
        async with listening() as (client, ear):
            told = [f"{number} {TEXT}" for number in range(200)]
            client.transport.writelines([masked(one) for one in told])
            await until(lambda: len(ear.heard) == len(told))
            assert ear.heard == told
            assert max(ear.rounds.count(one) for one in ear.rounds) <= AT_ONCE

    play(story())


def masked(text: str) -> bytes:
    """A frame as clients send it, under a mask of zeros."""
    told = text.encode()
    first, second, *more = head(len(told))
    return bytes([first, second | 0x80, *more]) + bytes(4) + told


def test_what_is_held_is_heard_later_and_nothing_is_lost() -> None:
    async def story() -> None:
        async with listening() as (client, ear):
            await client.send("first")
            await until(lambda: len(ear.heard) == 1)
            ear.frames.hold()
            for number in range(50):
                await client.send(str(number))
            await asyncio.sleep(0.1)
            assert ear.heard == ["first"] and ear.frames.read_paused
            ear.frames.go_on()
            await until(lambda: len(ear.heard) == 51)
            assert ear.heard[1:] == [str(number) for number in range(50)] and not ear.frames.read_paused

    play(story())


def test_what_came_before_anybody_listened_is_heard_first() -> None:
    async def story() -> None:
        async with listening(late=0.1) as (client, ear):
            await client.send("late")
            await until(lambda: len(ear.heard) == 2)
            assert ear.heard == ["early", "late"]

    play(story())


def test_pieces_are_put_together_and_what_is_no_text_is_told() -> None:
    async def story() -> None:
        async with listening() as (client, ear):
            await client.send([TEXT[:3], TEXT[3:5], TEXT[5:]])
            await client.send(b"binary")
            await client.send(TEXT)
            await until(lambda: len(ear.heard) == 3)
            assert ear.heard == [TEXT, None, TEXT]

    play(story())


def test_what_is_no_utf8_closes_with_the_code_for_it() -> None:
    async def story() -> None:
        async with listening() as (client, ear):
            client.transport.write(b"\x81\x82" + bytes(4) + b"\xff\xfe")
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1007
            await asyncio.wait_for(ear.gone.wait(), 3)
            assert ear.heard == []

    play(story())


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_of_any_size_arrives_whole(size: int) -> None:
    async def story() -> None:
        async with listening() as (client, ear):
            ear.frames.write(b"x" * size)
            assert await asyncio.wait_for(client.recv(), 3) == "x" * size

    play(story())


def test_requests_that_come_all_at_once_are_answered_one_by_one(open_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(open_venue, "everyone-1")
        before = len(client.messages)
        asked = [(number, "cancel_all" if number % 2 else "get_positions") for number in range(1_000, 1_300)]
        client.socket.transport.writelines(
            masked(f'{{"id":{number},"method":"private/{method}"}}') for number, method in asked
        )
        await until(lambda: len(client.messages) >= before + 300)
        answered = [message["id"] for message in client.messages[before:]]
        assert sorted(answered) == list(range(1_000, 1_300)), "each once"
        commands = [number for number in answered if number % 2]
        assert commands == sorted(commands), "in the order in which they were asked"
        await client.close()

    play(story())

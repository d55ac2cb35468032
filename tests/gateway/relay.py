"""A line between a client and a venue that can be cut, led elsewhere, and listened to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Message = dict[str, Any]


def as_it_is(message: Message) -> Message | None:
    return message


class Relay:
    """`to_client` and `to_venue` see every message, and pass on what they return; None: nothing."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.to_client: Callable[[Message], Message | None] = as_it_is
        self.to_venue: Callable[[Message], Message | None] = as_it_is
        self.asked: list[Message] = []  # everything that the client has sent, passed on or not
        self.lines = 0
        self._open: list[ServerConnection] = []
        self._server: Server | None = None
        self.url = ""

    def asked_for(self, method: str) -> list[Message]:
        return [one for one in self.asked if one["method"] == method]

    def cut(self) -> None:
        """Break every line, without a word of farewell."""
        for line in self._open:
            line.transport.abort()

    async def close(self) -> None:
        """Take no more lines, and break those that are there."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def reopen(self) -> None:
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        self._server = await serve(self._line, "127.0.0.1", port, max_size=None)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _line(self, client: ServerConnection) -> None:
        self.lines += 1
        self._open.append(client)
        try:
            async with connect(self.target, max_size=None, compression=None) as venue:

                async def up() -> None:
                    async for text in client:
                        self.asked.append(json.loads(text))
                        passed = self.to_venue(json.loads(text))
                        if passed is not None:
                            await venue.send(json.dumps(passed))
                    await venue.close()

                async def down() -> None:
                    async for text in venue:
                        passed = self.to_client(json.loads(text))
                        if passed is not None:
                            await client.send(json.dumps(passed))
                    await client.close()

                await asyncio.gather(up(), down())
        except (ConnectionClosed, OSError):
            client.transport.abort()
        finally:
            self._open.remove(client)


@asynccontextmanager
async def relay(target: str) -> AsyncIterator[Relay]:
    line = Relay(target)
    await line.reopen()
    try:
        yield line
    finally:
        await line.close()

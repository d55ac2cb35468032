"""Round trips of an order over a websocket, beside those of a bare echo on the same server stack.

    python -m tests.benchmarks.round_trips [seconds]

Each server runs in a process of its own, without a journal, with a bare file that is synced once a batch, or with the
journal of a venue that is kept; the load comes from here, one request in flight on each connection.
Prints rows: server, connections, round trips a second, p50 and p99 in microseconds.
"""

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop

from exchange.commands import Command
from exchange.messages import encode_lines
from exchange.units import Time


class SyncedFile:
    """The least that a journal does: a line for each command, and one sync for each batch."""

    def __init__(self, path: Path) -> None:
        self._out = path.open("wb", buffering=0)

    def append(self, batch: Sequence[tuple[Time, Command]]) -> None:
        self._out.write(encode_lines(batch))
        os.fdatasync(self._out.fileno())

    def farewell(self, batch: Sequence[tuple[Time, Command]]) -> None:
        self.append(batch)

    def close(self) -> None:
        self._out.close()

    @property
    def free_share(self) -> float | None:
        return None


def echo_server(pipe: Connection) -> None:
    from fastapi import FastAPI
    from starlette.routing import WebSocketRoute

    from exchange.gateway.server import listen, make_server

    class Echo:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})

    app = FastAPI()
    app.router.routes.append(WebSocketRoute("/ws/api/v2", Echo()))
    bound = listen("127.0.0.1", 0)
    pipe.send((bound.getsockname()[1], "", ""))
    uvloop.run(make_server(app).serve(sockets=[bound]))


def venue_server(pipe: Connection, journal: str) -> None:
    from exchange.gateway.app import create_app
    from exchange.gateway.server import listen, make_server
    from scenarios.founding import found
    from scenarios.venue_folder import Place

    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"population": 0, "makers": False}
        if journal == "file":
            options["journal"] = SyncedFile(Path(folder) / "journal")
        elif journal == "kept":
            options["place"] = Place(Path(folder) / "venue", None)

        async def run() -> None:
            founded = found("market_day", "ru_open_counterfactual", **options)
            key = next(demo.key for demo in founded.demos if demo.key)
            bound = listen("127.0.0.1", 0)
            app = create_app(founded.gateway)
            pipe.send((bound.getsockname()[1], key.client_id, key.secret))
            await make_server(app).serve(sockets=[bound])

        uvloop.run(run())


def frame(text: str) -> bytes:
    """A masked text frame, with a mask of zeros."""
    told = text.encode()
    size = len(told)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + told


class Load(asyncio.Protocol):
    """Sends a frame whenever one has come back."""

    def __init__(self, port: int, first: list[bytes], again: bytes, took: list[int]) -> None:
        self._port, self._first, self._again, self._took = port, first, again, took
        self._inbox = b""
        self._upgraded = False
        self._sent = 0
        self.stopped = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        transport.write(
            f"GET /ws/api/v2 HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, piece: bytes) -> None:
        self._inbox += piece
        if not self._upgraded:
            end = self._inbox.find(b"\r\n\r\n")
            if end < 0:
                return
            assert b" 101 " in self._inbox[:20], self._inbox[:100]
            self._inbox, self._upgraded = self._inbox[end + 4 :], True
            self._next()
        while (size := self._whole()) is not None:
            self._inbox = self._inbox[size:]
            if not self._first:
                self._took.append(time.perf_counter_ns() - self._sent)
            self._next()

    def _whole(self) -> int | None:
        inbox = self._inbox
        if len(inbox) < 4:
            return None
        size = inbox[1] & 0x7F
        head = 2
        if size == 126:
            size, head = int.from_bytes(inbox[2:4], "big"), 4
        return head + size if len(inbox) >= head + size else None

    def _next(self) -> None:
        if self.stopped:
            return
        message = self._first.pop(0) if self._first else self._again
        self._sent = time.perf_counter_ns()
        self._transport.write(message)


async def measure(
    port: int, first: list[str], again: Callable[[int], str], connections: int, seconds: float
) -> tuple[float, float, float]:
    loop, took = asyncio.get_running_loop(), []
    loads = []
    for number in range(connections):
        _, load = await loop.create_connection(
            lambda number=number: Load(port, [frame(t) for t in first], frame(again(number)), took),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        loads.append(load)
    await asyncio.sleep(0.5)
    took.clear()
    await asyncio.sleep(seconds)
    count, ordered = len(took), sorted(took)
    for load in loads:
        load.stopped = True
        load._transport.abort()
    p50, p99 = (ordered[int(len(ordered) * share)] / 1000 for share in (0.5, 0.99))
    return count / seconds, p50, p99


def look(number: int) -> str:
    """A request that the exchange is not asked for: what the edge costs alone."""
    params = {"currency": "any"}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "private/get_positions", "params": params})


def request(number: int) -> str:
    """An order that rests nowhere: it may not trade, and goes at once."""
    params = {
        "instrument_name": "BTC_RUBD-PERPETUAL",
        "amount": 0.01,
        "type": "limit",
        "price": 7_600_000.0,
        "label": f"load-{number}",
        "time_in_force": "immediate_or_cancel",
    }
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "private/buy", "params": params})


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    context = multiprocessing.get_context("spawn")
    servers: list[tuple[str, Any, tuple[Any, ...], Callable[[int], str]]] = [
        ("echo", echo_server, (), request),
        ("venue, a look", venue_server, ("",), look),
        ("venue, an order", venue_server, ("",), request),
        ("... bare file", venue_server, ("file",), request),
        ("... and journal", venue_server, ("kept",), request),
    ]
    print(f"{'server':16} {'connections':>11} {'per second':>11} {'p50 us':>8} {'p99 us':>8}")
    for name, target, arguments, again in servers:
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
        process.start()
        port, client_id, secret = ours.recv()
        login = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        first = (
            [json.dumps({"jsonrpc": "2.0", "id": 1, "method": "public/auth", "params": login})]
            if secret
            else []
        )
        time.sleep(0.5)
        for connections in (1, 50):
            rate, p50, p99 = uvloop.run(measure(port, first, again, connections, seconds))
            print(f"{name:16} {connections:11} {rate:11.0f} {p50:8.0f} {p99:8.0f}", flush=True)
        process.terminate()
        process.join()


if __name__ == "__main__":
    main()

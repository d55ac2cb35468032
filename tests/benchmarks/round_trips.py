"""Round trips over a websocket beside those of a bare echo on the same server stack, and what they cost the server.

    python -m tests.benchmarks.round_trips [--seconds 2] [--rounds 5] [--journal] [--folder FOLDER] [--crowd]

Every server runs in a process of its own; the load comes from here, one request in flight on each connection. In each
round all servers have their turn, so that `of echo` compares what was measured within seconds. Rows are medians over
the rounds: round trips a second and their ratio to the bare echo's, p50 and p99 in microseconds, CPU of the server in
microseconds a round trip and its ratio. "Straight" is an echo on the way that the venue's frames take; "handled" is one
that lets the exchange handle the same order before it answers: what is left of the echo's speed without any edge.
Last comes the exchange alone: `handle` of the same orders, in process.

`--journal` adds the venue with `exchange.journal` on SQLite, and an echo that answers once what it has heard is synced
to a bare file, whatever has come in the meantime in one piece: the same wait for the same disk. `--folder` is where
both write; in memory (/dev/shm) a sync costs nothing, and what is left is the work. `--crowd` adds 1,000 connections
that are idle to 200 that ask, and tells how much memory of the server each of the idle takes.
"""

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

IDLE, ACTIVE = 1_000, 200
TICKS = os.sysconf("SC_CLK_TCK")


# --- servers --------------------------------------------------------------------------------------------


def echo_server(pipe: Connection) -> None:
    """The least that an application on this server stack can do."""

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    serve(pipe, echo)


class Straight:
    """The same over the way that the venue's frames take."""

    def __init__(self, frames: Any) -> None:
        self.frames = frames
        self.gone = asyncio.Event()

    def hear(self, text: str | None) -> None:
        self.frames.write((text or "").encode())

    def drained(self) -> None:
        pass

    def lost(self) -> None:
        self.gone.set()


def straight_server(pipe: Connection) -> None:
    serve(pipe, listened(Straight))


class Handled(Straight):
    """Answers what it hears once the exchange has handled an order: with no edge at all, that is the most there is."""

    def __init__(self, frames: Any, handle: Callable[[], None]) -> None:
        super().__init__(frames)
        self._handle = handle

    def hear(self, text: str | None) -> None:
        self._handle()
        super().hear(text)


def handling_server(pipe: Connection) -> None:
    from scenarios.simulation import rare_collections

    exchange, make = an_exchange()

    def handle() -> None:
        exchange.handle(make(), exchange.state.now + 1)

    with rare_collections():
        serve(pipe, listened(lambda frames: Handled(frames, handle)))


def listened(ear: Callable[[Any], Straight]) -> Any:
    from exchange.gateway.frames import FRAMES

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        listener = ear(scope["extensions"][FRAMES]["socket"])
        listener.frames.listen(listener)
        await listener.gone.wait()

    return app


class Kept(Straight):
    """Answers when what it has heard is on the disk."""

    def __init__(self, frames: Any, keeper: "Keeper") -> None:
        super().__init__(frames)
        self._keeper = keeper

    def hear(self, text: str | None) -> None:
        self._keeper.keep(self, (text or "").encode())


class Keeper:
    """One sync for whatever has come while the last one ran."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._waiting: list[tuple[Kept, bytes]] = []
        self._writing = False

    def keep(self, ear: Kept, told: bytes) -> None:
        self._waiting.append((ear, told))
        if not self._writing:
            self._writing = True
            asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await asyncio.to_thread(self._append, b"".join(told for _, told in batch))
            for ear, told in batch:
                ear.frames.write(told)
        self._writing = False

    def _append(self, told: bytes) -> None:
        self._file.write(told)
        os.fdatasync(self._file.fileno())


def keeping_server(pipe: Connection, folder: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        keeper = Keeper(Path(own) / "kept")
        serve(pipe, listened(lambda frames: Kept(frames, keeper)))


def serve(pipe: Connection, app: Any) -> None:
    from exchange.gateway.server import listen, make_server

    bound = listen("127.0.0.1", 0)
    pipe.send((bound.getsockname()[1], "", ""))
    server = make_server(app)
    server.config.lifespan = "off"
    uvloop.run(server.serve(sockets=[bound]))


def venue_server(pipe: Connection, folder: str | None) -> None:
    from exchange.gateway.app import create_app
    from exchange.gateway.server import listen, make_server
    from exchange.journal import open_journal
    from scenarios.founding import found
    from scenarios.simulation import rare_collections

    with ExitStack() as kept:
        journal = None
        if folder is not None:
            own = kept.enter_context(tempfile.TemporaryDirectory(dir=folder))
            journal = kept.enter_context(open_journal(str(Path(own) / "venue.db")))
        kept.enter_context(rare_collections())

        async def run() -> None:
            founded = found(
                "market_day", "ru_open_counterfactual", population=0, makers=False, journal=journal
            )
            key = next(demo.key for demo in founded.demos if demo.key)
            bound = listen("127.0.0.1", 0)
            app = create_app(founded.gateway)
            pipe.send((bound.getsockname()[1], key.client_id, key.secret))
            await make_server(app).serve(sockets=[bound])

        uvloop.run(run())


def an_exchange() -> tuple[Any, Callable[[], Any]]:
    """The exchange of the scenario, and what makes the command of the same order as `request` asks for."""
    from exchange.gateway.dispatch import Call
    from exchange.gateway.jsonrpc import read
    from exchange.gateway.registry import REGISTRY, read_params
    from exchange.messages import changed
    from scenarios.founding import found

    founded = found("market_day", "ru_open_counterfactual", population=0, makers=False)
    gateway = founded.gateway
    call = Call(gateway, next(demo.key for demo in founded.demos if demo.key), None, "here")
    asked = read(request(0))
    method = REGISTRY.find(asked.method)
    assert method is not None
    first = method.handler(call, read_params(method, asked.params)).commands[0]
    numbers = itertools.count(first.client_order_id + 1)
    return gateway.venue.exchange, lambda: changed(first, client_order_id=next(numbers))


def bare_exchange(pipe: Connection) -> None:
    """For each number that it is sent it handles so many of the orders: CPU microseconds for one."""
    from scenarios.simulation import rare_collections

    exchange, make = an_exchange()
    with rare_collections():
        pipe.send(None)
        while count := pipe.recv():
            commands = [make() for _ in range(count)]
            began = time.process_time_ns()
            for command in commands:
                exchange.handle(command, exchange.state.now + 1)
            pipe.send((time.process_time_ns() - began) / 1_000 / count)


# --- load -----------------------------------------------------------------------------------------------


def frame(text: str) -> bytes:
    """A masked text frame, with a mask of zeros."""
    told = text.encode()
    size = len(told)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + told


class Load(asyncio.Protocol):
    """Sends a frame whenever one has come back; without one it is idle."""

    def __init__(self, port: int, first: list[bytes], again: bytes | None, took: list[int]) -> None:
        self._port, self._first, self._again, self._took = port, first, again, took
        self._inbox = b""
        self._upgraded = False
        self._sent = 0
        self._stopped = False

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
        message = self._first.pop(0) if self._first else self._again
        if message is not None and not self._stopped:
            self._sent = time.perf_counter_ns()
            self._transport.write(message)

    def stop(self) -> None:
        self._stopped = True
        self._transport.abort()


class Row(NamedTuple):
    rate: float  # round trips a second
    p50: float  # microseconds
    p99: float
    cpu: float  # of the server, microseconds a round trip


class Server:
    """A server in its process, and what is asked of it."""

    def __init__(
        self, name: str, target: Any, arguments: tuple[Any, ...], again: Callable[[int], str]
    ) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self.name = name
        self._again = again
        self._process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
        self._process.start()
        self.port, client_id, secret = ours.recv()
        login = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        text = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "public/auth", "params": login})
        self._first = [frame(text)] if secret else []

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    async def connect(self, count: int, took: list[int], *, asks: bool = True) -> "list[Load]":
        loop = asyncio.get_running_loop()
        loads = []
        for number in range(count):
            again = frame(self._again(number)) if asks else None
            load = Load(self.port, list(self._first), again, took)
            await loop.create_connection(lambda load=load: load, "127.0.0.1", self.port)  # type: ignore[misc]
            loads.append(load)
        return loads

    async def measure(self, connections: int, seconds: float) -> Row:
        took: list[int] = []
        loads = await self.connect(connections, took)
        await asyncio.sleep(0.3)
        took.clear()
        before, began = self.cpu(), time.perf_counter()
        await asyncio.sleep(seconds)
        count, passed, used = len(took), time.perf_counter() - began, self.cpu() - before
        ordered = sorted(took)
        for load in loads:
            load.stop()
        await asyncio.sleep(0.05)
        p50, p99 = (ordered[int(count * share)] / 1_000 for share in (0.5, 0.99))
        return Row(count / passed, p50, p99, used / count * 1e6)


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


# --- all of it ------------------------------------------------------------------------------------------


@contextmanager
def running(options: argparse.Namespace) -> Iterator[list[Server]]:
    wanted: list[tuple[str, Any, tuple[Any, ...], Callable[[int], str]]] = [
        ("echo", echo_server, (), request),
        ("echo, straight", straight_server, (), request),
        ("echo, handled", handling_server, (), request),
        ("venue, a look", venue_server, (None,), look),
        ("venue, an order", venue_server, (None,), request),
    ]
    if options.journal:
        wanted += [
            ("echo, synced", keeping_server, (options.folder,), request),
            ("order, journal", venue_server, (options.folder,), request),
        ]
    with ExitStack() as stack:
        servers = []
        for one in wanted:
            server = Server(*one)
            stack.callback(server.stop)
            servers.append(server)
        yield servers


@contextmanager
def alone() -> Iterator[Callable[[], float]]:
    """The exchange in a process of its own: microseconds of CPU for an order."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=bare_exchange, args=(theirs,), daemon=True)
    process.start()
    ours.recv()

    def ask() -> float:
        ours.send(5_000)
        return float(ours.recv())

    try:
        yield ask
    finally:
        ours.send(0)
        process.join()


def compare(servers: list[Server], options: argparse.Namespace) -> None:
    found: dict[tuple[str, int], list[Row]] = {}
    handled = []
    with alone() as handle:
        for _ in range(options.rounds):
            for connections in (1, 50):
                for server in servers:
                    row = uvloop.run(server.measure(connections, options.seconds))
                    found.setdefault((server.name, connections), []).append(row)
            handled.append(handle())
    print(f"load {os.getloadavg()[0]:.1f}")
    print(
        f"{'server':16} {'at once':>7} {'a second':>9} {'of echo':>18} {'p50':>7} {'p99':>7} "
        f"{'cpu us':>7} {'of echo':>18}"
    )
    for (name, connections), rows in found.items():
        echoes = found["echo", connections]
        rate, p50, p99, cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        rates = spread([one.rate / echo.rate for one, echo in zip(rows, echoes, strict=True)])
        costs = spread([echo.cpu / one.cpu for one, echo in zip(rows, echoes, strict=True)])
        print(
            f"{name:16} {connections:7} {rate:9.0f} {rates:>18} {p50:7.0f} {p99:7.0f} {cpu:7.1f} {costs:>18}"
        )
    print(f"handle of an order, alone: {spread(handled)} us")


def spread(numbers: list[float]) -> str:
    """The median, and in brackets the lowest and the highest."""
    return f"{statistics.median(numbers):.2f} ({min(numbers):.2f}-{max(numbers):.2f})"


async def crowd(server: Server, seconds: float) -> str:
    took: list[int] = []
    before = server.resident_kib()
    idle = await server.connect(IDLE, took, asks=False)
    await asyncio.sleep(1.0)
    each = (server.resident_kib() - before) / IDLE
    row = await server.measure(ACTIVE, seconds)
    for load in idle:
        load.stop()
    await asyncio.sleep(0.3)
    return f"{server.name:16} {row.rate:9.0f} {row.p50:7.0f} {row.p99:7.0f} {row.cpu:7.1f} {each:8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--journal", action="store_true")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--crowd", action="store_true")
    options = parser.parse_args()
    with running(options) as servers:
        if options.crowd:
            print(f"{'server':16} {'a second':>9} {'p50':>7} {'p99':>7} {'cpu us':>7} {'KiB each':>8}")
            for server in servers:
                print(uvloop.run(crowd(server, options.seconds)), flush=True)
        else:
            compare(servers, options)


if __name__ == "__main__":
    main()

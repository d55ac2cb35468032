"""What abuse costs others: a live venue in a process of its own, and bots on loopback that behave and misbehave.

    python -m tests.reliability.abuse quiet       one bot alone, and beside one that floods
    python -m tests.reliability.abuse polite      30 bots at 5 a second, and two that ask without end
    python -m tests.reliability.abuse stuck       20 readers who never read and one who trickles
    python -m tests.reliability.abuse thousand    1,000 connections with heartbeats, 200 of them busy
    python -m tests.reliability.abuse soak 10     20 bots at 5 a second who come and go, for so many minutes

Prints rows of figures and asserts nothing; needs uvloop. Each with a journal that syncs every batch. Latencies are
milliseconds from the moment at which a request was to be sent; memory is that of the venue's process.
"""

import asyncio
import gc
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from exchange.gateway.registry import Pool
from exchange.gateway.throttle import Limits, Rate
from tests.gateway.rawsocket import TEXT, frame

PERPETUAL = "BTC_RUBD-PERPETUAL"
ACCOUNTS = 40
SHED = (10028, 10047, 13028)  # asked too much, or of too busy a venue; any other refusal is an answer
GENEROUS = Limits(rates={Pool.READ: Rate(100, 200), Pool.MATCHING: Rate(50, 100), Pool.CANCEL: Rate(50, 100)})
STRICT = Limits(rates={Pool.READ: Rate(20, 100), Pool.MATCHING: Rate(10, 20), Pool.CANCEL: Rate(20, 100)})


# --- the venue ------------------------------------------------------------------------------------------


def serve(pipe: Pipe, limits: Limits) -> None:
    """In a process of its own: tell the port and the keys, and serve until it is ended."""
    from exchange.gateway.app import create_app, finish
    from exchange.gateway.server import listen, make_server, run
    from exchange.journal import open_journal
    from scenarios import onboarding
    from scenarios.founding import found
    from scenarios.simulation import rare_collections

    onboarding.EACH = ACCOUNTS  # type: ignore[misc]
    with (
        tempfile.TemporaryDirectory() as folder,
        open_journal(str(Path(folder) / "venue.db")) as journal,
        rare_collections(),
    ):
        founded = found("market_day", "ru_open_counterfactual", population=0, makers=False, journal=journal)
        gateway = founded.gateway
        gateway.limits = gateway.throttle.limits = limits
        keys = [demo.key for demo in founded.demos if demo.key and demo.key.participant_id]
        bound = listen("127.0.0.1", 0)
        told = (bound.getsockname()[1], [(key.client_id, key.secret) for key in keys])
        app = create_app(gateway, on_ready=lambda: pipe.send(told))
        run(make_server(app, before_stop=lambda: finish(gateway), limits=limits), bound)


class Venue(NamedTuple):
    port: int
    keys: list[tuple[str, str]]
    pid: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/api/v2"

    def memory(self) -> float:
        """Resident, in MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the process says nothing of its memory")

    def files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def seconds(self) -> float:
        """Of the processor, so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def open_venue(limits: Limits) -> Iterator[Venue]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, limits), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    port, keys = ours.recv()
    assert process.pid is not None
    try:
        yield Venue(port, keys, process.pid)
    finally:
        process.terminate()
        process.join(20)


# --- bots -----------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What a group of bots has met."""

    took: list[float] = field(default_factory=list)  # ms
    codes: Counter[int] = field(default_factory=Counter)  # of refusals; 0: served
    lost: int = 0

    def row(self, name: str) -> str:
        ordered = sorted(self.took) or [0.0]
        p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
        asked = sum(self.codes.values())
        served = 100 * (1 - sum(self.codes[code] for code in SHED) / asked) if asked else 0
        refused = {code: count for code, count in sorted(self.codes.items()) if code}
        return (
            f"{name:34} {asked:7} asked {served:6.2f} % served  p50 {p50:7.2f}  p99 {p99:7.2f}"
            f"  refused {refused}  lost {self.lost}"
        )

    def p99(self) -> float:
        return sorted(self.took)[int(len(self.took) * 0.99)]


class Bot:
    """One websocket; answers find their requests by number."""

    def __init__(self, socket: ClientConnection, tally: Tally) -> None:
        self.socket = socket
        self.tally = tally
        self.notes: Counter[str] = Counter()
        self.gaps = 0
        self._last: dict[str, int] = {}
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                message = json.loads(text)
                number = message.get("id")
                if number in self._waiting:
                    self._waiting.pop(number).set_result(message)
                elif message.get("method") == "subscription":
                    self._note(message["params"]["channel"], message["params"]["data"])
                elif message.get("method") == "heartbeat" and message["params"]["type"] == "test_request":
                    await self.socket.send('{"id":0,"method":"public/test"}')
        except ConnectionClosed:
            pass
        finally:
            for future in self._waiting.values():
                future.cancel()

    def _note(self, channel: str, told: Any) -> None:
        self.notes[channel] += 1
        if channel.startswith("book."):
            before = told.get("prev_change_id")
            self.gaps += before is not None and before != self._last.get(channel)
            self._last[channel] = told["change_id"]

    async def ask(self, method: str, since: float | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = future
        begins = since or time.perf_counter()
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        await self.socket.send(json.dumps(request))
        message: dict[str, Any] = await future
        self.tally.took.append((time.perf_counter() - begins) * 1000)
        self.tally.codes[message["error"]["code"] if "error" in message else 0] += 1
        return message

    async def order(self, price: float, since: float | None = None, side: str = "buy") -> dict[str, Any]:
        return await self.ask(
            f"private/{side}", since, instrument_name=PERPETUAL, amount=0.01, type="limit", price=price
        )

    async def close(self) -> None:
        await self.socket.close()
        await self._reader


@asynccontextmanager
async def bot(venue: Venue, number: int, tally: Tally) -> AsyncIterator[Bot]:
    one = Bot(await connect(venue.url, max_size=None, compression=None, ping_interval=None), Tally())
    client_id, secret = venue.keys[number]
    await one.ask("public/auth", grant_type="client_credentials", client_id=client_id, client_secret=secret)
    one.tally = tally
    try:
        yield one
    finally:
        await one.close()


async def paced(one: Bot, each: float, until: float, dice: Random) -> None:
    """An order and its cancel in turn, at fixed moments however long the last answer took; now and then a trade."""
    due = time.perf_counter() + dice.random() * each
    order_id: str | None = None
    while due < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if order_id is not None:
            await one.ask("private/cancel", due, order_id=order_id)
            order_id = None
        else:
            crosses = dice.random() < 0.2
            price = 8_000_000.0 + (dice.choice((-1, 1)) if crosses else -1) * 100.0 * dice.randrange(1, 30)
            side = "sell" if crosses and dice.random() < 0.5 else "buy"
            told = await one.order(price, due, side)
            order = told.get("result", {}).get("order", {})
            order_id = order.get("order_id") if order.get("order_state") == "open" else None
        due += each


async def flood(venue: Venue, number: int, until: float, tally: Tally) -> None:
    """Orders as fast as the socket takes them; answers are read but not waited for; back at once when closed."""
    request = {"jsonrpc": "2.0", "id": 9, "method": "private/buy"}
    params = {"instrument_name": PERPETUAL, "amount": 0.01, "type": "limit", "price": 7_600_000.0}
    text = json.dumps(request | {"params": params | {"time_in_force": "immediate_or_cancel"}})

    async def read(one: Bot) -> None:
        async for answer in one.socket:
            message = json.loads(answer)
            tally.codes[message["error"]["code"] if "error" in message else 0] += 1

    while time.perf_counter() < until:
        with suppress(ConnectionClosed, OSError, InvalidStatus, TimeoutError, asyncio.CancelledError):
            async with bot(venue, number, Tally()) as one:
                one._reader.cancel()
                reader = asyncio.get_running_loop().create_task(read(one))
                try:
                    while time.perf_counter() < until:
                        await asyncio.wait_for(one.socket.send(text), max(0.01, until - time.perf_counter()))
                        await asyncio.sleep(0)
                finally:
                    reader.cancel()
                    tally.lost += 1
                    one.socket.transport.abort()  # to say goodbye would be to wait for all that it has sent
        await asyncio.sleep(0.01)


async def together(*stories: Coroutine[Any, Any, None]) -> None:
    for result in await asyncio.gather(*stories, return_exceptions=True):
        if isinstance(result, Exception):
            print("failed:", repr(result))


# --- experiments ----------------------------------------------------------------------------------------


async def quiet(window: float = 4.0, rounds: int = 12) -> None:
    """One bot at 40 a second; beside it, in every other window of some seconds, one that floods."""
    alone, beside, flooder = Tally(), Tally(), Tally()
    with open_venue(GENEROUS) as venue:
        async with bot(venue, 0, alone) as one:
            for number in range(rounds):
                for tally in (alone, beside):
                    one.tally, until = tally, time.perf_counter() + window
                    floods = [flood(venue, 1, until, flooder)] if tally is beside else []
                    await together(paced(one, 0.025, until, Random(number)), *floods)
    print(alone.row("alone"))
    print(beside.row("beside a flood"))
    print(flooder.row("the flood"))
    print(f"p99 beside / alone: {beside.p99() / alone.p99():.2f}", flush=True)


async def polite(seconds: float = 30.0) -> None:
    """30 bots at 5 a second without, with and again without two that flood."""
    with open_venue(STRICT) as venue:
        before = venue.memory()
        for floods in (0, 2, 0):
            tally, flooders = Tally(), Tally()
            until = time.perf_counter() + seconds

            async def behave(number: int, until: float, tally: Tally) -> None:
                async with bot(venue, number, tally) as one:
                    await paced(one, 0.2, until, Random(number))

            cpu = venue.seconds()
            await together(
                *(behave(number, until, tally) for number in range(30)),
                *(flood(venue, 30 + number, until, flooders) for number in range(floods)),
            )
            print(tally.row(f"30 polite bots, {floods} floods"))
            if floods:
                print(flooders.row("the floods"))
            print(
                f"    memory {venue.memory() - before:+.1f} MiB, processor {venue.seconds() - cpu:.1f} s",
                flush=True,
            )


async def stuck(seconds: float = 30.0, trickling: bool = True) -> None:
    """Ten bots trade, five follow them; then 20 come who never read, and one who reads 100 bytes a second."""
    channels = [f"book.{PERPETUAL}.raw", f"trades.{PERPETUAL}.raw", f"ticker.{PERPETUAL}.raw"]
    with open_venue(GENEROUS) as venue:

        async def trade(number: int, until: float, tally: Tally) -> None:
            async with bot(venue, number, tally) as one:
                await paced(one, 0.05, until, Random(number))

        async def follow(number: int, until: float, tally: Tally, bots: list[Bot]) -> None:
            async with bot(venue, number, tally) as one:
                await one.ask("private/subscribe", channels=channels)
                bots.append(one)
                while time.perf_counter() < until:
                    await one.ask("public/get_time")
                    await asyncio.sleep(0.05)

        async def never(number: int, until: float, gone: list[float], trickle: bool) -> None:
            """Subscribes, and then leaves what comes where it is."""
            reader, writer = await asyncio.open_connection("127.0.0.1", venue.port, limit=2_048)
            from tests.gateway.rawsocket import HELLO

            writer.write(HELLO.format(port=venue.port).encode())
            await reader.readuntil(b"\r\n\r\n")
            client_id, secret = venue.keys[number]
            login = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
            for method, params in (("public/auth", login), ("private/subscribe", {"channels": channels})):
                request = {"id": 1, "method": method, "params": params}
                writer.write(frame(TEXT, json.dumps(request).encode()))
            begins = time.perf_counter()
            with suppress(ConnectionError):
                while time.perf_counter() < until and not writer.transport.is_closing():
                    await asyncio.sleep(0.25)
                    if trickle:
                        await asyncio.wait_for(reader.read(25), 1)
                    writer.write(frame(10, b""))  # a pong, so that a reset is noticed
                gone.append(time.perf_counter() - begins)
            writer.transport.abort()

        for readers in (0, 20):
            traders, followers, bots, gone = Tally(), Tally(), [], []  # type: ignore[var-annotated]
            before, until = venue.memory(), time.perf_counter() + seconds
            peak = before

            async def watch(until: float) -> None:
                nonlocal peak
                while time.perf_counter() < until:
                    peak = max(peak, venue.memory())
                    await asyncio.sleep(0.2)

            await together(
                watch(until),
                *(trade(number, until, traders) for number in range(10)),
                *(follow(20 + number, until, followers, bots) for number in range(5)),
                *(never(30, until, gone, False) for _ in range(readers)),
                *(never(31, until, gone, True) for _ in range(bool(readers) and trickling)),
            )
            print(traders.row(f"10 traders, {readers} stuck"))
            print(followers.row("5 followers"))
            notes = sum(sum(one.notes.values()) for one in bots)
            dropped = sorted(round(at, 1) for at in gone if at < seconds - 0.5)
            print(
                f"    notes {notes}, gaps {sum(one.gaps for one in bots)}, memory at most {peak - before:+.1f} MiB, "
                f"dropped {len(dropped)} of {len(gone)} after {dropped[:1]} to {dropped[-1:]} s",
                flush=True,
            )


async def thousand(seconds: float = 60.0, connections: int = 1_000, busy: int = 200) -> None:
    """A thousand connections with a heartbeat of ten seconds; every fifth asks five times a second."""
    limits = Limits()
    with open_venue(limits) as venue:
        before, tally, bots = venue.memory(), Tally(), []
        begins = time.perf_counter()
        for number in range(connections):
            socket = await connect(venue.url, max_size=None, compression=None, ping_interval=None)
            one = Bot(socket, Tally())
            client_id, secret = venue.keys[number % ACCOUNTS]
            await one.ask(
                "public/auth", grant_type="client_credentials", client_id=client_id, client_secret=secret
            )
            await one.ask("public/set_heartbeat", interval=10)
            bots.append(one)
        print(f"{connections} connected in {time.perf_counter() - begins:.1f} s")
        gc.freeze()  # a whole collection on this side would be taken for the venue's delay
        until, cpu = time.perf_counter() + seconds, venue.seconds()
        for one in bots[:busy]:
            one.tally = tally

        async def look(one: Bot, dice: Random) -> None:
            due = time.perf_counter() + dice.random() * 0.2
            while due < until:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                if dice.random() < 0.2:
                    await one.order(7_600_000.0 + 100.0 * dice.randrange(100), due)
                    await one.ask("private/cancel_all")
                else:
                    await one.ask("public/ticker", due, instrument_name=PERPETUAL)
                due += 0.2

        await together(*(look(one, Random(number)) for number, one in enumerate(bots[:busy])))
        await asyncio.sleep(max(0.0, until - time.perf_counter()))
        lost = sum(one.socket.close_code is not None for one in bots)
        print(tally.row(f"{busy} busy of {connections}"))
        each = (venue.memory() - before) / connections * 1024
        print(
            f"    lost {lost}, {each:.0f} KiB a connection, processor {venue.seconds() - cpu:.1f} of {seconds} s"
        )
        for one in bots:
            await one.close()
        await asyncio.sleep(0.5)
        print(f"    files open afterwards {venue.files()}")


async def soak(minutes: float) -> None:
    """20 bots at 5 a second, each gone and back every half minute."""
    with open_venue(Limits()) as venue:
        begins = time.perf_counter()
        until = begins + minutes * 60
        parts = [Tally() for _ in range(int(minutes * 2) + 1)]  # of half a minute each

        async def come_and_go(number: int) -> None:
            dice = Random(number)
            while (now := time.perf_counter()) < until:
                tally = parts[int((now - begins) // 30)]
                stays = min(until, now + 20 + 20 * dice.random())
                async with bot(venue, number, tally) as one:
                    await one.ask(
                        "private/subscribe", channels=[f"book.{PERPETUAL}.raw", "user.orders.any.any.raw"]
                    )
                    await paced(one, 0.2, stays, dice)

        points: list[tuple[float, float]] = []

        async def watch() -> None:
            while (now := time.perf_counter()) < until:
                points.append(((now - begins) / 60, venue.memory()))
                if len(points) % 12 == 1:
                    print(
                        f"    {points[-1][0]:5.1f} min {points[-1][1]:7.1f} MiB {venue.files()} files",
                        flush=True,
                    )
                await asyncio.sleep(5)

        await together(watch(), *(come_and_go(number) for number in range(20)))
        for name, (first, last) in {"first half": (0.0, 0.5), "second half": (0.5, 1.0)}.items():
            some = [point for point in points if first <= point[0] / minutes <= last]
            slope = statistics.linear_regression(*zip(*some, strict=True)).slope
            print(f"slope of the {name}: {slope:.2f} MiB a minute")
        print(parts[0].row("first half minute"))
        print(parts[-2].row("last half minute"))
        print(f"orders and cancels {sum(sum(one.codes.values()) for one in parts)}")


def main() -> None:
    experiments: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "quiet": quiet,
        "polite": polite,
        "stuck": stuck,
        "thousand": thousand,
        "soak": lambda: soak(float(sys.argv[2]) if len(sys.argv) > 2 else 10.0),
    }
    print("load", [round(one, 1) for one in os.getloadavg()], flush=True)
    asyncio.run(experiments[sys.argv[1]]())
    print("load", [round(one, 1) for one in os.getloadavg()])


if __name__ == "__main__":
    main()

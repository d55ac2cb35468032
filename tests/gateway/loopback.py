"""A venue on loopback for tests, in a thread of its own, and a client that speaks the dialect."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from exchange.gateway.app import create_app, finish
from exchange.gateway.auth import Key
from exchange.gateway.dispatch import Gateway
from exchange.gateway.server import listen, make_server, run
from exchange.gateway.throttle import Limits
from scenarios.founding import Founded, found

PERPETUAL = "BTC_RUBD-PERPETUAL"
T = TypeVar("T")


class Refused(Exception):  # noqa: N818 - it is what the venue has said
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(json.dumps(error))
        self.code: int = error["code"]
        self.name: str = error["message"]
        self.told: dict[str, Any] = error.get("data") or {}


class Venue:
    """Where it is, and who may come in."""

    def __init__(self, gateway: Gateway, keys: dict[str, Key], port: int) -> None:
        self.gateway = gateway
        self.keys = keys
        self.port = port
        self.http = f"http://127.0.0.1:{port}"
        self.ws = f"ws://127.0.0.1:{port}/ws/api/v2"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(f"{self.http}{path}", timeout=10, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.http}{path}", timeout=10, **options)

    def on_its_thread(self, ask: Callable[[], T]) -> T:
        """Look at the venue between two of its turns."""
        future: Any = asyncio.run_coroutine_threadsafe(_call(ask), self.loop)
        found: T = future.result(10)
        return found

    loop: asyncio.AbstractEventLoop
    stop: Callable[[], None]


async def _call(ask: Callable[[], T]) -> T:
    return ask()


@contextmanager
def venue(
    regime: str = "ru_open_counterfactual",
    limits: Limits | None = None,
    change: Callable[[Gateway], None] | None = None,
    scenario: str = "market_day",
    port: int = 0,
    loop: str = "auto",
    **options: Any,
) -> Iterator[Venue]:
    """Open the venue of a scenario with nobody inside; port 0 is any that is free, `loop` a name of uvicorn's."""
    founded = found(scenario, regime, **({"population": 0, "makers": False} | options))
    gateway = founded.gateway
    if limits is not None:
        gateway.limits = gateway.throttle.limits = limits
    if change is not None:
        change(gateway)
    with served(founded, port, loop) as opened:
        yield opened


@contextmanager
def served(founded: Founded, port: int = 0, loop: str = "auto") -> Iterator[Venue]:
    """Let a venue that stands still be open; port 0 is any that is free."""
    gateway = founded.gateway
    ready = threading.Event()
    opened = Venue(gateway, {d.title: d.key for d in founded.demos if d.key}, 0)
    lock_step = gateway.lock_step

    def on_ready() -> None:
        opened.loop = asyncio.get_running_loop()
        if lock_step is not None:
            lock_step.start(lambda: None)
        ready.set()

    bound = listen("127.0.0.1", port, patient=gateway.limits.patient)
    opened.port = bound.getsockname()[1]
    opened.http, opened.ws = f"http://127.0.0.1:{opened.port}", f"ws://127.0.0.1:{opened.port}/ws/api/v2"
    app = create_app(gateway, on_ready=on_ready)
    server = make_server(app, before_stop=lambda: finish(gateway), limits=gateway.limits)
    server.config.loop = loop
    opened.stop = lambda: setattr(server, "should_exit", True)
    thread = threading.Thread(target=run, args=(server, bound), daemon=True)
    thread.start()
    assert ready.wait(20), "the venue has not opened"
    try:
        yield opened
    finally:
        opened.stop()
        thread.join(20)
        assert not thread.is_alive(), "the venue has not stopped"


class Client:
    """One websocket. `await client("method", name=value)` is the result, or raises Refused."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self._number = 0
        self._waiting: dict[Any, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                message = json.loads(text)
                self.messages.append(message)
                if message.get("id") in self._waiting:
                    self._waiting.pop(message["id"]).set_result(message)
                elif "method" in message:
                    self.notes.append(message)
        except ConnectionClosed:
            pass

    async def whole(self, request: dict[str, Any]) -> dict[str, Any]:
        future = asyncio.get_running_loop().create_future()
        self._waiting[request["id"]] = future
        await self.socket.send(json.dumps(request))
        return await asyncio.wait_for(future, 10)

    async def __call__(self, method: str, **params: Any) -> Any:
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        message = await self.whole(request)
        if "error" in message:
            raise Refused(message["error"])
        return message["result"]

    async def sign_in(self, key: Key, **more: Any) -> Any:
        return await self(
            "public/auth",
            grant_type="client_credentials",
            client_id=key.client_id,
            client_secret=key.secret,
            **more,
        )

    async def told(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 5.0) -> dict[str, Any]:
        """The first notification that is wanted."""
        for _ in range(int(seconds * 100)):
            for note in self.notes:
                if wanted(note):
                    return note
            await asyncio.sleep(0.01)
        raise AssertionError(
            f"it was never told; there were {[n['params'].get('channel') for n in self.notes]}"
        )

    def of(self, channel: str) -> list[Any]:
        """What a channel has told."""
        return [n["params"]["data"] for n in self.notes if n["params"].get("channel") == channel]

    async def close(self) -> None:
        await self.socket.close()
        await self._reader


async def dial(opened: Venue, key: str | None = None) -> Client:
    client = Client(await connect(opened.ws, max_size=None, compression=None))
    if key is not None:
        await client.sign_in(opened.keys[key])
    return client


def play(story: Coroutine[Any, Any, T]) -> T:
    """Run a story to its end, or fail after a minute."""

    async def bounded() -> T:
        return await asyncio.wait_for(story, 60)

    return asyncio.run(bounded())


async def limit(client: Client, side: str, amount: float, price: float, **more: Any) -> dict[str, Any]:
    params = {"instrument_name": PERPETUAL, "amount": amount, "type": "limit", "price": price} | more
    told: dict[str, Any] = await client(f"private/{side}", **params)
    return told


async def around(client: Client, share: float) -> float:
    """A price so far from the mark, on a tick."""
    mark: float = (await client("public/ticker", instrument_name=PERPETUAL))["mark_price"]
    return round(mark * share / 100) * 100.0


__all__ = ["PERPETUAL", "Client", "Refused", "Venue", "around", "dial", "limit", "play", "served", "venue"]

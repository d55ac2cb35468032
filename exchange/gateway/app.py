"""Sockets: one ASGI application with the dialect over websocket, GET and POST, health, the documents and the page.

The hot routes are bare ASGI, without a framework between a frame and the venue.
"""

import asyncio
import contextlib
import logging
import re
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Route

from exchange.gateway.auth import Key
from exchange.gateway.dispatch import Call, Gateway
from exchange.gateway.documents import asyncapi, openapi, openrpc
from exchange.gateway.faults import http_status, invalid
from exchange.gateway.frames import FRAMES, DirectWebSocket
from exchange.gateway.jsonrpc import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MOST_BYTES,
    Fault,
    Request,
    encode,
    now_us,
    read,
)
from exchange.gateway.logs import tell
from exchange.gateway.pages import page_routes
from exchange.gateway.probes import probe_routes
from exchange.gateway.sessions import RESTARTING, ROOM, Connection

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("ringfence.gateway")
JSON: Final = b"application/json"
TOO_MANY, REFUSED_ORIGIN, OTHER_VERB, NEVER_CAME = 429, 403, 405, 408
VERBS: Final = ("GET", "POST")
SLOW = 10.0  # seconds for which a body may be on its way
PREFIX: Final = "/api/v2"
SOCKET: Final = "/ws/api/v2"
ROUTE: Final = re.compile(r"/api/v2(?:/(?P<method>[a-z]+/[a-z0-9_]+))?/?")
BEAT: Final = 0.1  # seconds between two looks at what has changed
ELSEWHERE: Final = (b"cross-site", b"same-site")  # another page, be it of another port of this machine
LOCAL_HOSTS: Final = ("127.0.0.1", "localhost", "::1", "testserver")


class Door:
    """Who may connect at all: by Host and Origin, so that no web page in somebody's browser can use a local venue."""

    def __init__(self, hosts: tuple[str, ...] = LOCAL_HOSTS, origins: tuple[str, ...] = ()) -> None:
        self.hosts = hosts
        self.origins = origins

    def refuses(self, headers: dict[bytes, bytes]) -> bool:
        host = headers.get(b"host", b"").decode("latin-1")
        if "*" not in self.hosts and _host_name(host) not in self.hosts:
            return True
        origin = headers.get(b"origin")
        if origin is None:
            return False
        told = origin.decode("latin-1")
        own = told in (f"http://{host}", f"https://{host}")
        return not own and told not in self.origins

    def refuses_request(self, headers: dict[bytes, bytes]) -> bool:
        """The same for a request of the dialect, of which a GET may change something: a page elsewhere that has its
        browser fetch one as a picture or a link sends no Origin, but its browser says whence it comes."""
        strange = b"origin" not in headers and headers.get(b"sec-fetch-site") in ELSEWHERE
        return strange or self.refuses(headers)


def _host_name(host: str) -> str:
    """The name in a Host header, without its port; empty if it has none."""
    try:
        parts = urlsplit(f"//{host}")
    except ValueError:  # brackets that do not close, and the like
        return ""
    return "" if "@" in host else parts.hostname or ""


class WebSocketDoor:
    """The dialect over a websocket."""

    def __init__(self, gateway: Gateway, door: Door) -> None:
        self._gateway = gateway
        self._door = door
        self._numbers = gateway.venue.books.latest_line
        self._by_address: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gateway, address = self._gateway, _address(scope)
        await receive()  # websocket.connect
        limits = gateway.limits
        crowded = (
            self._by_address.get(address, 0) >= limits.connections_per_address
            or len(gateway.connections) >= limits.connections
        )
        if crowded or self._door.refuses(dict(scope["headers"])):
            status = TOO_MANY if crowded else REFUSED_ORIGIN
            why = "too many connections" if crowded else "foreign host or origin"
            gateway.lookout.connection_refused(address, why)
            await send({"type": "websocket.http.response.start", "status": status, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
            for _ in range(2):  # the server says so at once, and again when the connection is gone
                await receive()
            return
        await send({"type": "websocket.accept"})
        frames: DirectWebSocket = scope["extensions"][FRAMES]["socket"]
        self._numbers += 1
        connection = Connection(self._numbers, address, limits, frames)
        gateway.connections[connection.number] = connection
        gateway.counters.connections += 1
        gateway.lookout.connection_opened(connection)
        self._by_address[address] = self._by_address.get(address, 0) + 1
        try:
            frames.listen(Conversation(gateway, connection, frames))
            await connection.ended.wait()
            was_there, connection.gone = not connection.gone, True
            gateway.lost(connection)
            if was_there:
                await _say_goodbye(connection, send)
        finally:
            connection.lose()
            gateway.lost(connection)
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


class Conversation:
    """What is said on one websocket: each frame is met when it comes. It is read no further while too many requests
    wait for the exchange, while too much waits that it does not read, and for a while after it has asked too much; so
    what it sends waits on its own machine."""

    def __init__(self, gateway: Gateway, connection: Connection, frames: DirectWebSocket) -> None:
        self._gateway = gateway
        self._connection = connection
        self._frames = frames
        self._free = connection.limits.in_flight
        self._rests = False

    def hear(self, text: str | None) -> None:
        connection, gateway = self._connection, self._gateway
        if connection.close_code is not None:
            return
        came = now_us()
        connection.hear()
        call = Call(gateway, connection.key, connection, connection.address)
        self._free -= 1
        try:
            request = _request(text)
        except Fault as refused:
            self._answer(*gateway.refuse(call, refused))
        else:
            gateway.handle(request, call, came, self._answer)
        if not self._may_be_read():
            self._frames.hold()

    def _answer(self, message: bytes, refused: Fault | None) -> None:
        connection = self._connection
        connection.answer(message, refused)
        self._free += 1
        if refused is not None and connection.is_over() and connection.limits.pause:
            self._rests = True
            asyncio.get_running_loop().call_later(connection.limits.pause, self._rested)
        self._go_on()

    def _rested(self) -> None:
        self._rests = False
        self._go_on()

    def _go_on(self) -> None:
        if self._frames.is_held and self._may_be_read():
            self._frames.go_on()

    def _may_be_read(self) -> bool:
        return self._free > 0 and not self._rests and self._connection.waiting_bytes <= ROOM

    def drained(self) -> None:
        self._connection.drained()
        self._go_on()

    def lost(self) -> None:
        self._connection.lose()


def _request(text: str | None) -> Request:
    """The request in a frame; None is one that is no text. Raises Fault."""
    if text is None:
        raise Fault(INVALID_REQUEST, "invalid_request", reason="text frames only")
    return read(text)


async def _say_goodbye(connection: Connection, send: Send) -> None:
    """Close the websocket; whoever takes nothing any more gets the guard's time, and is dropped."""
    reason = connection.close_reason[:120]
    with contextlib.suppress(Exception):
        await send({"type": "websocket.close", "code": connection.close_code, "reason": reason})


class HttpDoor:
    """The dialect over GET, with parameters in the query, and POST, with a JSON-RPC object."""

    def __init__(self, gateway: Gateway, door: Door) -> None:
        self._gateway = gateway
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        came = now_us()
        status, body = await self._answer(scope, receive, came)
        headers = [(b"content-type", JSON), (b"content-length", str(len(body)).encode())]
        if status == NEVER_CAME:
            headers.append((b"connection", b"close"))
        if status == OTHER_VERB:
            headers.append((b"allow", ", ".join(VERBS).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive, came: int) -> tuple[int, bytes]:
        headers = dict(scope["headers"])
        call = Call(self._gateway, None, None, _address(scope))
        if self._door.refuses_request(headers):
            foreign = Fault(INVALID_REQUEST, "invalid_request", reason="this Host or Origin is not served")
            return REFUSED_ORIGIN, self._gateway.refuse(call, foreign)[0]
        if scope["method"] not in VERBS:  # a look by HEAD or OPTIONS must place no order
            other = Fault(INVALID_REQUEST, "invalid_request", reason="GET or POST only")
            return OTHER_VERB, self._gateway.refuse(call, other)[0]
        try:
            async with asyncio.timeout(SLOW):
                body = await _body(receive)
        except TimeoutError:
            late = Fault(INVALID_REQUEST, "invalid_request", reason="the body does not come")
            return NEVER_CAME, self._gateway.refuse(call, late)[0]
        except Fault as refused:
            told, refused = self._gateway.refuse(call, refused)
            return http_status(refused), told
        number = None
        try:
            request = self._request(scope, body)
            number = request.id
            call.key = self._key(scope, headers, body)
        except Fault as refused:
            refused.told.setdefault("id", number)
            told, refused = self._gateway.refuse(call, refused)
            return http_status(refused), told
        waiting: asyncio.Future[tuple[bytes, Fault | None]] = asyncio.get_running_loop().create_future()

        def reply(message: bytes, refused: Fault | None) -> None:
            if not waiting.done():
                waiting.set_result((message, refused))

        self._gateway.handle(request, call, came, reply)
        message, fault = await waiting
        return (200 if fault is None else http_status(fault)), message

    def _request(self, scope: Scope, body: bytes) -> Request:
        match = ROUTE.fullmatch(scope["path"])
        named = match["method"] if match else None
        if match is None:
            raise Fault(METHOD_NOT_FOUND, "method_not_found", method=scope["path"][:100])
        if scope["method"] == "POST":
            if body:
                return read(body, named)
            if named is None:
                raise Fault(INVALID_REQUEST, "invalid_request", reason="the body is empty")
        if named is None:
            raise Fault(METHOD_NOT_FOUND, "method_not_found", reason="name a method in the path")
        return Request(None, named, _query(scope["query_string"]))

    def _key(self, scope: Scope, headers: dict[bytes, bytes], body: bytes) -> Key | None:
        header = headers.get(b"authorization")
        if header is None:
            return None
        target = scope.get("raw_path") or scope["path"].encode()
        query = scope["query_string"]
        if query and b"?" not in target:
            target = target + b"?" + query
        told = header.decode("latin-1")
        return self._gateway.door.by_header(told, scope["method"], target, body, _address(scope))


def _query(query: bytes) -> dict[str, Any]:
    try:
        pairs = urllib.parse.parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200
        )
    except (ValueError, UnicodeDecodeError):
        raise invalid("", "the query cannot be read") from None
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key.endswith("[]"):
            found.setdefault(key[:-2], []).append(value)
        else:
            found[key] = value
    return found


async def _body(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BYTES:
            raise Fault(INVALID_REQUEST, "invalid_request", reason="too_large", limit=MOST_BYTES)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "unknown"


async def finish(gateway: Gateway) -> None:
    """Before the server stops: the venue takes nothing more, and what it has answered leaves; all are told so."""
    await gateway.venue.drain()
    gateway.hub.lock()
    for connection in list(gateway.connections.values()):
        connection.graceful = True
        connection.close(RESTARTING, "the venue stops", at_once=False)
    for _ in range(20):
        if not gateway.connections:
            return
        await asyncio.sleep(0.05)


class Front:
    """What the server runs: the dialect straight to its doors, and everything else to the framework."""

    def __init__(self, app: FastAPI, websocket: WebSocketDoor, http: HttpDoor) -> None:
        self.app = app
        self._websocket = websocket
        self._http = http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "websocket" and scope["path"].rstrip("/") == SOCKET:
            await self._websocket(scope, receive, send)
        elif kind == "http" and (scope["path"] == PREFIX or scope["path"].startswith(f"{PREFIX}/")):
            await self._http(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def create_app(
    gateway: Gateway, door: Door | None = None, *, on_ready: Callable[[], None] | None = None
) -> Front:
    """The application around a gateway; the venue runs while the application does."""
    door = door or Door()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gateway.venue.start()
        gateway.lookout.look_at_standing()
        beats = asyncio.get_running_loop().create_task(_beat(gateway), name="beat")
        if on_ready is not None:
            on_ready()
        yield
        beats.cancel()
        await gateway.venue.stop()
        gateway.lookout.look_at_standing()

    app = FastAPI(
        title="Ringfence",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )

    for path, write in (("/openapi.json", openapi), ("/openrpc.json", openrpc), ("/asyncapi.json", asyncapi)):
        app.router.routes.append(Route(path, _document(write)))
    app.router.routes.extend(probe_routes(gateway, door.refuses))
    app.router.routes.extend(page_routes(door.refuses))
    return Front(app, WebSocketDoor(gateway, door), HttpDoor(gateway, door))


def _document(write: Callable[[], dict[str, Any]]) -> Callable[[Any], Awaitable[Response]]:
    """It is written when it is first asked for, which takes a good while, and beside the venue's own work."""
    content = cache(lambda: encode(write()))

    async def show(_: Any) -> Response:
        return Response(await asyncio.to_thread(content), media_type="application/json")

    return show


async def _beat(gateway: Gateway) -> None:
    loop, beat = asyncio.get_running_loop(), 0
    while True:
        before = loop.time()
        await asyncio.sleep(BEAT)
        beat += 1
        try:
            gateway.lookout.beat(loop.time() - before - BEAT)
            gateway.tick(beat)
        except Exception:
            tell(log, logging.ERROR, "beat_failed", trace=True)

"""What the server stack leaves open, closed: peers that stop reading, that ask and never listen, that connect in
silence, that come in thousands, or that send a message in endless pieces.

Whoever does such a thing loses its socket; nothing is kept for it, and nobody waits for it.
"""

import asyncio
import logging
import time
from typing import Any, Final, TypeVar

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from exchange.gateway.frames import DirectWebSocket

STUCK: Final = 5.0  # seconds that a peer may take nothing
SILENT: Final = 5.0  # seconds until a request's head must be complete
HEAD: Final = 65_536  # bytes of it
CONTROLS: Final = 100  # pings and pongs of one peer in a second
FRAGMENTS: Final = 64  # of one message
PIECE: Final = 4_096  # bytes that are parsed before anybody else has a turn
POLICY, BAD_TEXT = 1008, 1007


class Crowd:
    """Who holds a socket, whatever for: so many in all, and so many of one address."""

    def __init__(self, most: int, of_one_address: int) -> None:
        self._most = most
        self._of_one_address = of_one_address
        self._addresses: dict[Any, str] = {}  # by transport
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def enter(self, transport: Any) -> bool:
        """Count a socket in; False if there are too many already, and then it is not counted."""
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else "unknown"
        count = self._counts.get(address, 0)
        if count >= self._of_one_address or len(self._addresses) >= self._most:
            return False
        self._addresses[transport] = address
        self._counts[address] = count + 1
        return True

    def leave(self, transport: Any) -> None:
        address = self._addresses.pop(transport, None)
        if address is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]


class _Guarded:
    """What both kinds of protocol have in common: a place in the crowd, and an end for whoever takes nothing."""

    crowd: Crowd
    patient = False  # whoever takes nothing is waited for
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _stuck: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()  # type: ignore[misc]
        if self._stuck is None and not self.patient:
            self._stuck = self.loop.call_later(STUCK, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()  # type: ignore[misc]
        self._calm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        self.crowd.leave(self.transport)
        super().connection_lost(exc)  # type: ignore[misc]

    def _calm(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _abort(self) -> None:
        self.transport.abort()


class GuardedWebSocket(_Guarded, DirectWebSocket):
    """Reads no further than one message ahead of the venue, counts what costs without being a message, and answers
    a text that is none with a close instead of a traceback."""

    _unread = b""  # came already; is looked at when the venue has taken what came before
    _controls = 0
    _controls_since = 0.0

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._parse()

    def _parse(self) -> None:
        """Piece by piece, until a message is whole; whoever is listened to has one piece for each turn of the loop."""
        while self._unread and not self.read_paused and not self.transport.is_closing():
            piece, self._unread = self._unread[:PIECE], self._unread[PIECE:]
            super().data_received(piece)
            if self._unread and self._listener is not None:
                self.rest()

    async def receive(self) -> Any:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.read_on()
        return message

    def read_on(self) -> None:
        self._parse()
        if not self.read_paused and not self.transport.is_closing():
            super().read_on()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.close_sent:
            self._parse()  # the answer to our close may have come already

    def send_receive_event_to_app(self) -> None:
        if self._listener is None and self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self.refuse_text()
        else:
            super().send_receive_event_to_app()

    def refuse_text(self) -> None:
        self._fail(BAD_TEXT, "a text frame must be UTF-8")

    def handle_cont(self, event: Any) -> None:
        if len(self.frames) >= FRAGMENTS:
            self._fail(POLICY, f"a message may have {FRAGMENTS} fragments")
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self._may_control():
            super().handle_ping()

    def handle_pong(self, event: Any) -> None:
        if self._may_control():
            super().handle_pong(event)

    def _may_control(self) -> bool:
        """Count a ping or a pong: neither is a message, so nothing else bounds them."""
        if self.transport.is_closing():
            return False
        now = self.loop.time()
        if now - self._controls_since > 1.0:
            self._controls, self._controls_since = 0, now
        self._controls += 1
        if self._controls > CONTROLS:
            self._abort()
            return False
        return True

    def _fail(self, code: int, reason: str) -> None:
        self.frames = []
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True


class GuardedHttp(_Guarded, AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Drops whoever connects and does not say what it wants: at first, and each time that it begins to ask again."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0  # bytes since the last request began
    _unanswered: tuple[Any, ...] = ()  # requests that came together: each waits for the one before

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.crowd.enter(transport):
            self._deadline = self.loop.call_later(SILENT, self._abort)
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_protocol() is not self or self.transport.is_closing():
            self._heard()  # it has become a websocket's, or is going
        elif self.cycle is not None and not self.cycle.response_complete:
            self._heard()
        else:
            self._head += len(data)
            if self._head > HEAD:
                self._abort()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(SILENT, self._abort)

    def on_headers_complete(self) -> None:
        """Of httptools, which reads on behind a request that is not answered yet."""
        super().on_headers_complete()
        self._unanswered = (*(one for one in self._unanswered if not one.response_complete), self.cycle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        self._leave_unanswered()
        super().connection_lost(exc)

    def _abort(self) -> None:
        self._leave_unanswered()
        super()._abort()

    def _leave_unanswered(self) -> None:
        """Nothing more is written to the socket. The stack itself would say so to the last request alone, and those
        before it would write, which uvloop takes for a mistake."""
        for cycle in self._unanswered:
            cycle.disconnected = True
        self._unanswered = ()

    def _heard(self) -> None:
        self._head = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


P = TypeVar("P", bound=_Guarded)


def counted(protocol: type[P], crowd: Crowd, *, patient: bool = False) -> type[P]:
    """The protocol of one server: its sockets are counted in one crowd."""
    return type(protocol.__name__, (protocol,), {"crowd": crowd, "patient": patient})


class Rarely(logging.Filter):
    """Lets each kind of record through a few times a minute, so that no stranger can fill a disk with them."""

    def __init__(self, times: int = 5, within: float = 60.0) -> None:
        super().__init__()
        self._times = times
        self._within = within
        self._kinds: dict[str, tuple[float, int]] = {}  # since when, and how often

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = str(record.msg)[:100], time.monotonic()
        since, count = self._kinds.get(kind, (now, 0))
        if now - since > self._within:
            if count > self._times:
                record.msg = f"{record.msg} (and {count - self._times} more in the time before)"
            since, count = now, 0
        if len(self._kinds) > 1_000:
            self._kinds.clear()
        self._kinds[kind] = since, count + 1
        return count < self._times

"""One websocket as the venue sees it: who speaks, what it follows, and what is on its way to it.

What waits to be sent is bounded in bytes, in messages and in age. Whoever reads too slowly is closed; nobody else
notices, and no message is left out in silence.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from exchange.gateway.auth import Key
from exchange.gateway.faults import BUSY, QUEUE_FULL
from exchange.gateway.jsonrpc import Fault, heartbeat
from exchange.gateway.throttle import Bucket, Limits
from exchange.gateway.venue import Source

if TYPE_CHECKING:
    from exchange.gateway.channels import Channel

NORMAL, GOING_AWAY, POLICY, RESTARTING = 1000, 1001, 1008, 1012
TOO_SLOW: Final = "connection_too_slow"
SILENCE: Final = 600.0  # seconds after which whoever asked for it is taken to be gone
ROOM: Final = 65_536  # bytes that may wait before its sender is read no further
TOO_MUCH: Final = (BUSY.number, QUEUE_FULL.number)


class Connection:
    __slots__ = (
        "_age",
        "_asked_at",
        "_bytes",
        "_outbox",
        "_over",
        "_ready",
        "_room",
        "_strikes",
        "address",
        "cancels_on_disconnect",
        "channels",
        "close_code",
        "close_reason",
        "gone",
        "graceful",
        "heard_at",
        "heartbeat",
        "key",
        "limits",
        "number",
        "scope",
        "slots",
        "source",
    )

    def __init__(self, number: int, address: str, limits: Limits) -> None:
        self.number = number
        self.address = address
        self.limits = limits
        self.key: Key | None = None
        self.scope = ""
        self.source = Source()
        self.slots = asyncio.Semaphore(limits.in_flight)
        self.channels: dict[str, Channel] = {}
        self.cancels_on_disconnect = False
        self.graceful = False  # it has said that it goes
        self.gone = False
        self.heartbeat = 0.0  # seconds; 0: none
        self.heard_at = time.monotonic()
        self.close_code: int | None = None
        self.close_reason = ""
        self._asked_at: float | None = None
        self._outbox: deque[bytes] = deque()
        self._age: deque[float] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._strikes = Bucket(limits.patience)
        self._over = False

    @property
    def is_closing(self) -> bool:
        return self.close_code is not None

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    def send(self, message: bytes) -> None:
        """Put a message on its way; close the connection if too much is waiting."""
        if self.close_code is not None:
            return
        limits = self.limits
        if self._bytes + len(message) > limits.outbox_bytes or len(self._outbox) >= limits.outbox_messages:
            self.close(POLICY, TOO_SLOW)
            return
        self._outbox.append(message)
        self._age.append(time.monotonic())
        self._bytes += len(message)
        if self._bytes > ROOM:
            self._room.clear()
        self._ready.set()

    def answer(self, message: bytes, refused: Fault | None) -> None:
        """Send an answer. One that says that too much was asked is a strike; too many of those, and it is closed."""
        self.send(message)
        if refused is not None and refused.code in TOO_MUCH and not self._over:
            self._over = True
            if self._strikes.take(1, time.monotonic()):
                self.close(POLICY, "too_many_requests", at_once=False)

    def is_over(self) -> bool:
        """Whether it has asked too much since this was asked last."""
        over, self._over = self._over, False
        return over

    async def room(self) -> None:
        """Wait until not too much is on the way to it, or it is to be closed."""
        if self._bytes > ROOM and self.close_code is None:
            await self._room.wait()

    def close(self, code: int, reason: str = "", *, at_once: bool = True) -> None:
        """Close; unless `at_once`, what waits is sent before."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            if at_once:
                self._drop()
            self._ready.set()
            self._room.set()

    def _drop(self) -> None:
        self._outbox.clear()
        self._age.clear()
        self._bytes = 0

    def take(self) -> bytes | None:
        """The next message to send, if one waits."""
        if not self._outbox:
            return None
        self._age.popleft()
        message = self._outbox.popleft()
        self._bytes -= len(message)
        if self._bytes <= ROOM:
            self._room.set()
        return message

    async def ready(self) -> None:
        """Wait until there is something to send, or the connection is to be closed."""
        self._ready.clear()
        if not self._outbox and self.close_code is None:
            await self._ready.wait()

    def hear(self) -> None:
        self.heard_at = time.monotonic()
        self._asked_at = None

    def set_heartbeat(self, seconds: float) -> None:
        self.heartbeat, self._asked_at = seconds, None
        self.heard_at = time.monotonic()

    def look_after(self, now: float) -> None:
        """Once a second: is it too slow, is it still there."""
        if self._age and now - self._age[0] > self.limits.outbox_seconds:
            self.close(POLICY, TOO_SLOW)
        elif self.heartbeat:
            self._beat(now)
        elif self.cancels_on_disconnect and now - self.heard_at > SILENCE:
            self.close(POLICY, "silent")

    def _beat(self, now: float) -> None:
        if self._asked_at is not None:
            if now - self._asked_at >= self.heartbeat:
                self.close(POLICY, "no answer to test_request")
        elif now - self.heard_at >= self.heartbeat:
            self._asked_at = now
            self.send(heartbeat("heartbeat"))
            self.send(heartbeat("test_request"))

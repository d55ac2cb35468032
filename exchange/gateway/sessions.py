"""One websocket as the venue sees it: who speaks, what it follows, and what is on its way to it.

A message goes to the socket at once, unless that takes no more; then it waits here. What waits is bounded in bytes,
in messages and in age. Whoever reads too slowly is closed; nobody else notices, and no message is left out in silence.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

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


class Wire(Protocol):
    """What a connection asks of its socket."""

    @property
    def is_clogged(self) -> bool: ...

    def write(self, message: bytes) -> None: ...


class Connection:
    """`wire` None: there is no socket, and everything waits."""

    __slots__ = (
        "_age",
        "_asked_at",
        "_bytes",
        "_outbox",
        "_over",
        "_sources",
        "_strikes",
        "_wire",
        "address",
        "cancels_on_disconnect",
        "channels",
        "close_code",
        "close_reason",
        "ended",
        "gone",
        "graceful",
        "heard_at",
        "heartbeat",
        "key",
        "limits",
        "number",
        "scope",
        "source",
    )

    def __init__(self, number: int, address: str, limits: Limits, wire: Wire | None = None) -> None:
        self.number = number
        self.address = address
        self.limits = limits
        self.key: Key | None = None
        self.scope = ""
        self.source = Source()
        self.channels: dict[str, Channel] = {}
        self.cancels_on_disconnect = False
        self.graceful = False  # it has said that it goes
        self.gone = False
        self.heartbeat = 0.0  # seconds; 0: none
        self.heard_at = time.monotonic()
        self.close_code: int | None = None
        self.close_reason = ""
        self.ended = asyncio.Event()  # nothing more is to be sent, or there is nobody to send it to
        self._asked_at: float | None = None
        self._outbox: deque[bytes] = deque()
        self._age: deque[float] = deque()
        self._bytes = 0
        self._strikes = Bucket(limits.patience)
        self._over = False
        self._sources: deque[Iterator[bytes]] = deque()
        self._wire = wire

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
        wire = self._wire
        if wire is not None and not self._outbox and not wire.is_clogged:
            wire.write(message)
            return
        limits = self.limits
        if self._bytes + len(message) > limits.outbox_bytes or len(self._outbox) >= limits.outbox_messages:
            self.close(POLICY, TOO_SLOW)
            return
        self._outbox.append(message)
        self._age.append(time.monotonic())
        self._bytes += len(message)

    def send_when_free(self, messages: Iterator[bytes]) -> None:
        """Take the messages from there one by one, whenever nothing else waits and the socket takes more."""
        if self.close_code is None:
            self._sources.append(messages)
            self.drained()

    def drained(self) -> None:
        """The socket takes more again: send what waits, in order."""
        wire = self._wire
        while wire is not None and not wire.is_clogged and (message := self.take()) is not None:
            wire.write(message)
        if self.close_code is not None and not self._outbox:
            self.ended.set()

    def lose(self) -> None:
        """There is nobody any more."""
        self.gone = True
        self._drop()
        self.close(NORMAL)

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

    def close(self, code: int, reason: str = "", *, at_once: bool = True) -> None:
        """Take nothing more to send, and close; unless `at_once`, what waits is sent before."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._sources.clear()
        if at_once:
            self._drop()
        if not self._outbox:
            self.ended.set()

    def _drop(self) -> None:
        self._outbox.clear()
        self._age.clear()
        self._bytes = 0

    def take(self) -> bytes | None:
        """The next message to send, if there is one."""
        if self._outbox:
            self._age.popleft()
            message = self._outbox.popleft()
            self._bytes -= len(message)
            return message
        while self._sources:
            source = self._sources[0]
            found = next(source, None)
            if found is not None:
                return found
            if self._sources:  # the source may have closed the connection
                self._sources.popleft()
        return None

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

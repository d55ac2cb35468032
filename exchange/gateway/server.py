"""The server: the application on uvicorn, with guards where its stack leaves something open."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from exchange.gateway.guard import Crowd, GuardedHttp, GuardedWebSocket, Rarely, counted
from exchange.gateway.throttle import Limits

MOST_FRAME = (
    65_536  # bytes; what is longer than a request may be is still answered, what is longer than this is not
)
BACKLOG = 2_048  # connections that may wait to be taken
SEND_BUFFER = 65_536  # of the kernel, so that a slow reader is noticed soon
UNHEARD_MS = 10_000  # after which the kernel gives up a peer that acknowledges nothing, or never makes room
OTHER_FILES = 256  # that a venue may have open beside its sockets

Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Tls:
    certificate: Path
    key: Path


def listen(host: str, port: int, *, patient: bool = False) -> socket.socket:
    """A socket that is bound: with port 0 to any that is free; who comes before the server runs
    waits. `patient`: so does the kernel for a peer that makes no room. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT") and not patient:
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
    try:
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


class VenueServer(uvicorn.Server):
    """Lets the venue finish, and its answers leave, before any connection is closed."""

    def __init__(self, config: uvicorn.Config, before_stop: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._before_stop = before_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks for a good end, a second one ends it at once: what was answered is in the journal."""
        if self.should_exit:
            os.write(2, b"stopped at once\n")
            os._exit(128 + sig)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._before_stop()
        await super().shutdown(sockets)
        self._captured_signals.clear()  # a good end is no death by a signal


async def _nothing() -> None:
    pass


_rarely = Rarely()


def make_server(
    app: Application,
    tls: Tls | None = None,
    before_stop: Callable[[], Awaitable[None]] = _nothing,
    limits: Limits | None = None,
) -> uvicorn.Server:
    """To be run with `run`. It takes so many sockets as `limits` say, and no more than the system lets it."""
    limits = limits or Limits()
    crowd = Crowd(_room_for(limits.sockets), limits.sockets_per_address)
    logging.getLogger("uvicorn.error").addFilter(_rarely)
    config = uvicorn.Config(
        app,
        http=counted(GuardedHttp, crowd),
        ws=counted(GuardedWebSocket, crowd, patient=limits.patient),
        ws_max_size=MOST_FRAME,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=None if limits.patient else 20.0,
        lifespan="on",
        access_log=False,
        log_config=None,  # its records go where ours go
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
    )
    return VenueServer(config, before_stop)


def _room_for(sockets: int) -> int:
    """How many sockets fit among the files that this process may have open; that bound is raised as far as it goes."""
    try:
        import resource
    except ImportError:  # not a system with such bounds
        return sockets
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return sockets
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    return max(soft - OTHER_FILES, soft // 2)


def run(server: uvicorn.Server, bound: socket.socket) -> None:
    """Until a signal; on the faster loop if it is there."""
    factory = server.config.get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(server.serve(sockets=[bound]))

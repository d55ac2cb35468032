"""The server: the application on uvicorn, with guards where its stack leaves something open."""

import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from exchange.gateway.guard import GuardedHttp, GuardedWebSocket

MOST_FRAME = 65_536  # bytes; what is longer than a request may be is still answered, what is longer than this is not
SEND_BUFFER = 65_536  # of the kernel, so that a slow reader is noticed soon


@dataclass(frozen=True, slots=True)
class Tls:
    certificate: Path
    key: Path


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound: with port 0 to any that is free. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def make_server(app: FastAPI, tls: Tls | None = None) -> uvicorn.Server:
    """To be run with `serve(sockets=[...])`."""
    config = uvicorn.Config(
        app,
        http=GuardedHttp,
        ws=GuardedWebSocket,
        ws_max_size=MOST_FRAME,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
    )
    return uvicorn.Server(config)

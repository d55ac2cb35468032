"""A socket that can break every rule: frames by hand, and what comes back."""

import socket
import struct
from contextlib import suppress
from typing import NamedTuple

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
HELLO = (
    "GET /ws/api/v2 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    head = bytes([fin << 7 | reserved << 4 | opcode])
    size = len(payload)
    bit = masked << 7
    if size < 126:
        head += bytes([bit | size])
    elif size < 65_536:
        head += bytes([bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + payload
    stream = (MASK * (size // 4 + 1))[:size]
    masked_payload = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + MASK + masked_payload.to_bytes(size, "big")


def announced(size: int) -> bytes:
    """The head of a text frame that says how long it will be."""
    return bytes([0x81, 0x80 | 127]) + struct.pack("!Q", size) + b"\0\0\0\0"


def closing(code: int | None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


class Frame(NamedTuple):
    opcode: int
    payload: bytes

    @property
    def close_code(self) -> int | None:
        whole = self.opcode == CLOSE and len(self.payload) >= 2
        return struct.unpack("!H", self.payload[:2])[0] if whole else None


class RawSocket:
    """Use as a context. `shake_hands` makes a websocket of it."""

    def __init__(self, port: int, *, small: bool = False) -> None:
        self._socket = socket.socket()
        if small:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.settimeout(15)
        self._socket.connect(("127.0.0.1", port))
        self._port = port
        self._came = b""

    def __enter__(self) -> "RawSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def shake_hands(self) -> "RawSocket":
        self.send(HELLO.format(port=self._port).encode())
        head = self.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return self

    def send(self, data: bytes) -> bool:
        """False if the other side is gone."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def half_close(self) -> None:
        """Say that nothing more will come."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def say(self, text: str) -> None:
        self.send(frame(TEXT, text.encode()))

    def next(self) -> Frame | None:
        """The next frame; None if the connection has ended."""
        try:
            opcode, size = self._take(2)
            if size == 126:
                (size,) = struct.unpack("!H", self._take(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._take(8))
            return Frame(opcode & 15, self._take(size))
        except (EOFError, ConnectionError):
            return None

    def is_gone(self, data: bytes) -> bool:
        """Whether the other side has ended it, as far as sending more can tell."""
        self._socket.setblocking(False)
        try:
            self._socket.send(data)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        return False

    def until(self, end: bytes) -> bytes:
        """What comes, up to and including that."""
        came = b""
        while not came.endswith(end):
            came += self._take(1)
        return came

    def rest(self) -> bytes:
        """All that still comes until the other side ends it."""
        try:
            while data := self._socket.recv(65_536):
                self._came += data
        except ConnectionError:
            pass
        return self._came

    def _take(self, count: int) -> bytes:
        while len(self._came) < count:
            data = self._socket.recv(65_536)
            if not data:
                raise EOFError
            self._came += data
        taken, self._came = self._came[:count], self._came[count:]
        return taken

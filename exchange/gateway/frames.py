"""Text frames between a socket and whoever listens on it, without a queue and a task in between.

The server hands every frame to the application through a queue, wakes its task, and takes each answer back the same
way. Here the listener is called with a frame when it has come, and what it writes is on its way when it returns.
Handshake, pings, fragments and closing stay with uvicorn and websockets.
"""

from collections import deque
from typing import Final, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

try:
    from websockets.speedups import apply_mask
except ImportError:  # where it was installed without its compiled part
    from websockets.utils import apply_mask

FRAMES: Final = "ringfence.frames"  # the extension of the ASGI scope in which an application finds this
AT_ONCE: Final = 8  # frames of one socket that are met before others have their turn
MOST_BATCH: Final = 65_536  # bytes that are gathered to be written in one piece
SHORT, MEDIUM = 126, 65_536  # payloads below need no length, or one of two bytes, behind the first two bytes


class Listener(Protocol):
    """Who listens on a socket. Nothing of it may raise."""

    def hear(self, text: str | None) -> None:
        """A frame has come; None if it was no text."""

    def drained(self) -> None:
        """The socket takes more again."""

    def lost(self) -> None:
        """There is no socket any more."""


def head(size: int) -> bytes:
    """What stands before the payload of an unmasked text frame in one piece (RFC 6455, section 5.2)."""
    if size < SHORT:
        return bytes((0x81, size))
    if size < MEDIUM:
        return b"\x81\x7e" + size.to_bytes(2)
    return b"\x81\x7f" + size.to_bytes(8)


class DirectWebSocket(WebSocketsSansIOProtocol):
    """A websocket of the server whose frames may be listened to. Who does not ask for that notices nothing."""

    is_held = False
    _listener: Listener | None = None
    _comes_again = False

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][FRAMES] = {"socket": self}

    # --- for the application ------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Call `listener` from now on, first with what has come already."""
        self._backlog: deque[str | None] = deque()
        self._batch: list[bytes] = []
        self._batched = 0  # bytes
        self._is_handing_on = False
        self._listener = listener
        while not self.queue.empty():
            message = self.queue.get_nowait()
            if message["type"] == "websocket.receive":
                self._backlog.append(message.get("text"))
        if self.disconnected:
            listener.lost()
        else:
            self._hand_on()
            if self.read_paused:
                self._come_again()

    @property
    def is_clogged(self) -> bool:
        """Whether the socket takes no more for now; `drained` will be told when it does."""
        return self._batched > MOST_BATCH or not self.writable.is_set()

    def write(self, message: bytes) -> None:
        """Send a text frame: with all others of this turn of the loop in one piece, and after what the turn has to do
        for others, since whoever gets it wakes up."""
        if not self._batch and not self._is_handing_on:
            self.loop.call_soon(self._flush)
        self._batch += (head(len(message)), message)
        self._batched += len(message)

    def _flush(self) -> None:
        if not self._batch:
            return
        if not self.transport.is_closing():
            self.transport.write(b"".join(self._batch))
        was_full = self._batched > MOST_BATCH
        self._batch.clear()
        self._batched = 0
        if was_full and self._listener is not None and not self.is_clogged:
            self._listener.drained()

    def hold(self) -> None:
        """Hand on no frame until `go_on`; the other side is read no further once one waits."""
        self.is_held = True

    def go_on(self) -> None:
        """Hand on and read further, if that was held."""
        self.is_held = False
        if self.read_paused:
            self._come_again()

    # --- for the server -----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._listener is None:
            super().data_received(data)
            return
        text = self._whole_text(data)
        if text is None:
            super().data_received(data)
        else:
            self._backlog.append(text)
        self._hand_on()

    def _whole_text(self, data: bytes) -> str | None:
        """The text of the one masked frame that was received, as it nearly always is; None if it is for the parser
        to say what it is."""
        if len(data) < 8 or data[0] != 0x81 or data[1] < 0x80:  # of one piece, a text, masked
            return None
        size, begins = data[1] & 0x7F, 6
        if size == SHORT:
            size, begins = int.from_bytes(data[2:4]), 8
        conn = self.conn
        between_frames = not conn.reader.buffer and conn.current_size is None and conn.state is State.OPEN
        if len(data) != begins + size or not between_frames or self.close_sent:
            return None
        try:
            return apply_mask(data[begins:], data[begins - 4 : begins]).decode()
        except UnicodeDecodeError:
            return None

    def send_receive_event_to_app(self) -> None:
        if self._listener is None or self.close_sent:
            super().send_receive_event_to_app()
            return
        message: str | None = None
        if self.curr_msg_data_type == "text":
            try:
                message = b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.refuse_text()
                return
        self.frames = []
        self._backlog.append(message)

    def refuse_text(self) -> None:
        """Close, because of a text that is not UTF-8."""
        super().send_receive_event_to_app()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._listener is not None:
            self._listener.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._listener is not None:
            self._backlog.clear()
            self._listener.lost()

    def _hand_on(self) -> None:
        """The next few frames; the rest when the loop comes by again."""
        assert self._listener is not None
        hear, backlog = self._listener.hear, self._backlog
        left = AT_ONCE
        self._is_handing_on = True
        while backlog and left and not self.is_held:
            hear(backlog.popleft())
            left -= 1
        self._is_handing_on = False
        self._flush()
        if backlog:
            self.rest()

    def rest(self) -> None:
        """Read no further until the loop comes by again, or as long as it is held."""
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        if not self.is_held:
            self._come_again()

    def _come_again(self) -> None:
        if not self._comes_again:
            self._comes_again = True
            self.loop.call_soon(self._come)

    def _come(self) -> None:
        self._comes_again = False
        if self._backlog:
            self._hand_on()
            if not self._backlog:
                self._come_again()
        elif self.read_paused and not self.is_held:
            self.read_paused = False
            self.read_on()

    def read_on(self) -> None:
        """Nothing waits any more: read further."""
        self.transport.resume_reading()

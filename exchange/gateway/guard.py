"""What the server stack leaves open: peers that stop reading, that ask and never listen, or that connect in silence."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

STUCK: Final = 5.0  # seconds that a peer may take nothing
SILENT: Final = 10.0  # seconds until the first request must be complete
PINGED: Final = 1_048_576  # bytes of answers to pings that may wait


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """Drops whoever takes nothing for a while, and whoever pings without reading the answers."""

    _stuck: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(STUCK, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._calm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.get_write_buffer_size() > PINGED:
            self._abort()
            return
        super().data_received(data)

    def _calm(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _abort(self) -> None:
        self.transport.abort()


class GuardedHttp(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Drops whoever connects and does not say what it wants."""

    _silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._silent = self.loop.call_later(SILENT, self._drop, transport)

    def _drop(self, transport: Any) -> None:
        ours = transport.get_protocol() is self  # and has not become a websocket's
        if ours and self.cycle is None and not transport.is_closing():
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._silent is not None:
            self._silent.cancel()
        super().connection_lost(exc)

"""What is followed: messages of channels in their order, in an inbox that is bounded."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from participants.answers import TOO_SLOW, VenueError


class Told(NamedTuple):
    """One message of a channel. `missed`: before it some may have been lost with the connection."""

    channel: str
    data: Any
    missed: bool = False


class Feed:
    """The messages of some channels, as `async for` or one at a time with `next`.

    If more wait than the inbox holds, they are dropped and whoever reads is told so by a VenueError; after `again` it
    goes on.
    """

    def __init__(
        self,
        channels: Sequence[str],
        most: int,
        open_: Callable[["Feed"], Awaitable[None]],
        close: Callable[["Feed"], Awaitable[None]],
    ) -> None:
        self.channels = tuple(channels)
        self._most = most
        self._open, self._close = open_, close
        self._inbox: deque[Told] = deque()
        self._ready = asyncio.Event()
        self._missed: set[str] = set()
        self._fault: VenueError | None = None
        self._is_open = False

    @property
    def has_missed(self) -> bool:
        """The connection was lost, and the first message after that has not come yet."""
        return bool(self._missed)

    async def open(self) -> None:
        """Follow from now on; otherwise the first `next` does so. Raises VenueError if the venue will not."""
        if not self._is_open:
            self._is_open = True
            await self._open(self)

    async def next(self) -> Told:
        """The next message, as soon as there is one. May be canceled without losing any."""
        await self.open()
        while not self._inbox:
            if self._fault is not None:
                raise self._fault
            self._ready.clear()
            await self._ready.wait()
        return self._inbox.popleft()

    def drain(self) -> list[Told]:
        """All that waits now."""
        told = list(self._inbox)
        self._inbox.clear()
        return told

    async def again(self) -> None:
        """Forget what waits and follow anew, from a first message where the channel has one."""
        await self.close()
        self._inbox.clear()
        self._missed.clear()
        self._fault = None
        await self.open()

    async def close(self) -> None:
        """Follow no longer."""
        if self._is_open:
            self._is_open = False
            await self._close(self)

    async def __aiter__(self) -> AsyncIterator[Told]:
        try:
            while True:
                yield await self.next()
        finally:
            await self.close()

    # --- for the client -----------------------------------------------------------------------------

    def take(self, channel: str, data: Any) -> None:
        if self._fault is not None:
            return
        if len(self._inbox) >= self._most:
            self._inbox.clear()
            self.end(
                VenueError(f"follow {channel}", 0, TOO_SLOW, f"more than {self._most} messages were waiting")
            )
            return
        self._inbox.append(Told(channel, data, channel in self._missed))
        self._missed.discard(channel)
        self._ready.set()

    def lose(self) -> None:
        """The connection is gone; what comes next may not follow what came before."""
        self._missed.update(self.channels)

    def resume(self, channel: str) -> None:
        """What was missed on the channel comes next."""
        self._missed.discard(channel)

    def end(self, fault: VenueError) -> None:
        """Nothing comes any more, for this reason."""
        self._fault = fault
        self._ready.set()

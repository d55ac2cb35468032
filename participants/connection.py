"""RIM. A connection to the live venue: it signs in, asks, follows, and comes back by itself when it is lost."""

import asyncio
import hashlib
import hmac
import random
import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self, TypedDict, Unpack

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from exchange.messages import decode, encode
from participants.answers import (
    BAD_KEY,
    CLOSED,
    LOST,
    NOT_FOLLOWED,
    UNREACHABLE,
    VenueError,
    refusal,
)
from participants.feed import Feed

FIRST_PAUSE: Final = 0.1  # seconds before the second try to come back; twice as long before each next one
RENEW_AT: Final = 0.8  # of a token's life
METHOD_NOT_FOUND: Final = -32601
MOST_CHANNELS: Final = 200  # in one request: it must stay below 32 kB


class Standing(StrEnum):
    """How a client stands with the venue."""

    CONNECTING = "connecting"
    OPEN = "open"
    LOST = "lost"  # it is coming back by itself
    CLOSED = "closed"


class Change(NamedTuple):
    """What `on_standing` is told."""

    standing: Standing
    reason: str = ""


class Settings(TypedDict, total=False):
    """What may be said of a connection beside address and key."""

    timeout: float  # seconds for an answer; 10
    heartbeat: float  # seconds of silence after which the venue asks who is there; 30, at least 10; 0: never
    inbox: int  # messages that may wait in a feed; 10,000
    longest_pause: float  # seconds between two tries to come back; 15
    cancel_on_disconnect: bool  # whether the venue takes the orders off when the connection is lost
    tls: ssl.SSLContext | None  # for a venue with a certificate of its own
    on_standing: Callable[[Change], None]  # told how it stands with the venue


class Connection:
    """Without a key it may ask what is public.

    Every call raises VenueError if the venue refuses, or if no answer comes within `timeout` seconds. A call waits that
    long for a connection that is lost at the time.
    """

    def __init__(
        self, url: str, client_id: str = "", client_secret: str = "", **settings: Unpack[Settings]
    ) -> None:
        self.url = url
        self.standing = Standing.CONNECTING
        self.timeout = settings.get("timeout", 10.0)
        self._client_id, self._secret = client_id, client_secret
        self._heartbeat = settings.get("heartbeat", 30.0)
        self._inbox = settings.get("inbox", 10_000)
        self._longest_pause = settings.get("longest_pause", 15.0)
        self._cancel_on_disconnect = settings.get("cancel_on_disconnect", False)
        self._tls = settings.get("tls")
        self._on_standing = settings.get("on_standing", _unheard)
        self._socket: ClientConnection | None = None
        self._opened = asyncio.Event()
        self._fault: VenueError | None = None  # why it is closed for good
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._feeds: dict[str, Feed] = {}
        self._places: dict[str, str] = {}  # of the latest message of each channel that tells them
        self._resumes = True  # whether the venue knows how to, as far as is known
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.get_running_loop().create_task(self._keep(first), name=f"client of {self.url}")
        try:
            await first
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave. Orders stay, unless it was opened with `cancel_on_disconnect`."""
        self._end(VenueError("close", 0, CLOSED))
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    async def ready(self) -> None:
        """Wait until the connection stands. Raises VenueError if it never will."""
        while self._socket is None:
            if self._fault is not None:
                raise self._fault
            await self._opened.wait()

    # --- asking ---------------------------------------------------------------------------------------

    async def call(self, method: str, **params: Any) -> Any:
        """The result of any method. Raises VenueError.

        Only what merely asks (get_..., ticker) is asked again after a lost connection; else a lost answer is an error.
        """
        deadline = asyncio.get_running_loop().time() + self.timeout
        while True:
            socket = await self._connected(method, deadline)
            try:
                return await self._ask(socket, method, params, deadline)
            except VenueError as lost:
                left = deadline - asyncio.get_running_loop().time()
                if lost.name != LOST or not _merely_asks(method) or left <= 0 or self._fault is not None:
                    raise

    async def _connected(self, method: str, deadline: float) -> ClientConnection:
        try:
            async with asyncio.timeout_at(deadline):
                await self.ready()
        except TimeoutError:
            reason = f"no connection for {self.timeout:g} seconds"
            raise VenueError(method, 0, UNREACHABLE, reason) from None
        assert self._socket is not None
        return self._socket

    async def _ask(
        self, socket: ClientConnection, method: str, params: dict[str, Any], deadline: float
    ) -> Any:
        """One request and its answer, on this connection or not at all."""
        self._number += 1
        number = self._number
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout_at(deadline):
                await socket.send(encode(request), text=True)
                message = await answer
        except (ConnectionClosed, ConnectionError) as lost:
            raise VenueError(method, 0, LOST, str(lost) or "the connection was lost") from None
        except TimeoutError:
            raise VenueError(method, 0, LOST, f"no answer within {self.timeout:g} seconds") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in message:
            raise refusal(method, message["error"])
        return message["result"]

    # --- following ----------------------------------------------------------------------------------

    def follow(self, *channels: str) -> Feed:
        """The messages of channels, from the first reading on. They are followed again after a lost connection."""
        return Feed(channels, self._inbox, self._subscribe, self._unsubscribe)

    # --- the connection -----------------------------------------------------------------------------

    async def _keep(self, first: asyncio.Future[None]) -> None:
        """Connect, again and again, until the client is closed or its key is good for nothing."""
        tries = 0
        while self._fault is None:
            began = time.monotonic()
            try:
                reason = await self._stay(first)
            except VenueError as refused:
                if refused.code in BAD_KEY or not first.done():
                    self._end(refused)
                    if not first.done():
                        first.set_exception(refused)
                    return
                reason = str(refused)
            except (OSError, TimeoutError, WebSocketException, ValueError) as fault:
                reason = str(fault) or type(fault).__name__
                if not first.done():
                    failed = VenueError("connect", 0, UNREACHABLE, f"{self.url}: {reason}")
                    self._end(failed)
                    first.set_exception(failed)
                    return
            self._lose(reason)
            tries = tries + 1 if time.monotonic() - began < self._longest_pause else 0
            longest = min(FIRST_PAUSE * 2**tries, self._longest_pause)
            await asyncio.sleep(random.uniform(longest / 2, longest))  # not everybody at once

    async def _stay(self, first: asyncio.Future[None]) -> str:
        """One connection, from its making to its loss; why it was lost."""
        async with connect(
            self.url, ssl=self._tls, compression=None, max_size=None, open_timeout=self.timeout
        ) as socket:
            reader = asyncio.get_running_loop().create_task(self._read(socket))
            renewing: asyncio.Task[None] | None = None
            try:
                life = await self._begin(socket)
                if life:
                    renewing = asyncio.get_running_loop().create_task(self._renew(socket, *life))
                self._socket = socket
                self._stand(Standing.OPEN)
                self._opened.set()
                if not first.done():
                    first.set_result(None)
                return await reader
            finally:
                for task in (reader, renewing):
                    if task is not None:
                        task.cancel()

    async def _begin(self, socket: ClientConnection) -> tuple[str, float] | None:
        """Sign in and follow again what was followed; refresh token and life of the access token."""
        life = None
        if self._client_id:
            life = await self._sign_in(socket)
            if self._cancel_on_disconnect:
                await self._at_once(socket, "private/enable_cancel_on_disconnect", scope="connection")
        if self._heartbeat:
            await self._at_once(socket, "public/set_heartbeat", interval=self._heartbeat)
        names = list(self._feeds)
        for name in set(names) - set(await self._ask_for_channels(socket, names)):
            self._feeds[name].end(_not_followed([name]))
        return life

    async def _at_once(self, socket: ClientConnection, method: str, **params: Any) -> Any:
        return await self._ask(socket, method, params, asyncio.get_running_loop().time() + self.timeout)

    async def _sign_in(self, socket: ClientConnection) -> tuple[str, float]:
        """By signature, so that the secret stays here."""
        timestamp, nonce = int(time.time() * 1000), secrets.token_hex(8)
        signed = f"{timestamp}\n{nonce}\n".encode()
        told = await self._at_once(
            socket,
            "public/auth",
            grant_type="client_signature",
            client_id=self._client_id,
            timestamp=timestamp,
            nonce=nonce,
            signature=hmac.new(self._secret.encode(), signed, hashlib.sha256).hexdigest(),
        )
        return told["refresh_token"], told["expires_in"]

    async def _renew(self, socket: ClientConnection, refresh: str, expires_in: float) -> None:
        """A fresh token before the present one ends, for as long as the connection stands."""
        while True:
            await asyncio.sleep(RENEW_AT * expires_in)
            try:
                told = await self._at_once(
                    socket, "public/auth", grant_type="refresh_token", refresh_token=refresh
                )
            except VenueError:
                await socket.close()  # it signs in anew with its key
                return
            refresh, expires_in = told["refresh_token"], told["expires_in"]

    async def _read(self, socket: ClientConnection) -> str:
        """Everything that comes, until nothing comes any more; why that is."""
        try:
            while True:
                message = decode(await socket.recv(decode=False), dict[str, Any])
                match message.get("method"):
                    case "subscription":
                        told = message["params"]
                        channel = told["channel"]
                        feed = self._feeds.get(channel)
                        if feed is not None:
                            feed.take(channel, told["data"])
                            if "place" in told:
                                self._places[channel] = told["place"]
                    case "heartbeat":
                        if message["params"]["type"] == "test_request":
                            await socket.send(encode({"jsonrpc": "2.0", "method": "public/test"}), text=True)
                    case _:
                        waiting = self._waiting.get(message.get("id", 0))
                        if waiting is not None and not waiting.done():
                            waiting.set_result(message)
                            await asyncio.sleep(0)  # whoever asked hears of it before what came after it
        except ConnectionClosed as lost:
            self._drop(str(lost))
            return str(lost)

    def _drop(self, reason: str) -> None:
        """Nobody waits any longer for an answer on this connection."""
        self._socket = None
        self._opened.clear()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionError(reason))

    def _lose(self, reason: str) -> None:
        self._drop(reason)
        for feed in dict.fromkeys(self._feeds.values()):
            feed.lose()
        self._stand(Standing.LOST, reason)

    def _end(self, fault: VenueError) -> None:
        """Closed for good."""
        if self._fault is not None:
            return
        self._fault = fault
        self._drop(str(fault))
        for feed in dict.fromkeys(self._feeds.values()):
            feed.end(fault)
        self._opened.set()
        self._stand(Standing.CLOSED, fault.reason)

    def _stand(self, standing: Standing, reason: str = "") -> None:
        if standing is not self.standing:
            self.standing = standing
            self._on_standing(Change(standing, reason))

    # --- channels -----------------------------------------------------------------------------------

    async def _subscribe(self, feed: Feed) -> None:
        taken = [name for name in feed.channels if name in self._feeds]
        if taken:
            raise _not_followed(taken, "another feed follows it already")
        self._feeds.update(dict.fromkeys(feed.channels, feed))
        socket = self._socket
        if socket is None:
            return  # it is followed once the connection stands
        try:
            missing = set(feed.channels) - set(await self._ask_for_channels(socket, feed.channels))
        except VenueError as lost:
            if lost.name == LOST:
                return
            self._forget(feed)
            raise
        if missing:
            await self._unsubscribe(feed)
            raise _not_followed(missing)

    async def _unsubscribe(self, feed: Feed) -> None:
        socket = self._socket
        if socket is not None:
            with suppress(VenueError):  # lost or closed: nothing is followed there any more
                await self._at_once(socket, self._word("unsubscribe"), channels=feed.channels)
        self._forget(feed)

    def _forget(self, feed: Feed) -> None:
        for name in feed.channels:
            if self._feeds.get(name) is feed:
                del self._feeds[name]
                self._places.pop(name, None)

    async def _ask_for_channels(self, socket: ClientConnection, names: Sequence[str]) -> list[str]:
        """Which of them the venue follows for us now, each from where we were if it can do that."""
        on: list[str] = []
        for first in range(0, len(names), MOST_CHANNELS):
            some = names[first : first + MOST_CHANNELS]
            if self._resumes:
                try:
                    on += await self._resume(socket, some)
                    continue
                except VenueError as unknown:
                    if unknown.code != METHOD_NOT_FOUND:
                        raise
                    self._resumes = False
            on += await self._at_once(socket, self._word("subscribe"), channels=some)
        return on

    async def _resume(self, socket: ClientConnection, names: Sequence[str]) -> list[str]:
        """Follow them with places: where what was missed is still known it is told first, and nothing is missing."""
        places = {name: self._places.get(name) for name in names}
        told = await self._at_once(socket, "ringfence/resume", channels=places)
        for row in told:
            if "place" in row:
                self._places[row["channel"]] = row["place"]
            if row["resumed"]:
                self._feeds[row["channel"]].resume(row["channel"])
        return [row["channel"] for row in told]

    def _word(self, word: str) -> str:
        return f"private/{word}" if self._client_id else f"public/{word}"


def _unheard(change: Change) -> None:
    """Nobody wants to know."""


def _merely_asks(method: str) -> bool:
    word = method.rpartition("/")[2]
    return word.startswith("get_") or word in ("ticker", "status", "test", "hello")


def _not_followed(
    names: Iterable[str], why: str = "there is no such channel, or not for this key"
) -> VenueError:
    return VenueError("subscribe", 0, NOT_FOLLOWED, f"{', '.join(sorted(names))}: {why}")

"""RIM. A client of the live venue: it signs in, asks, follows, and comes back when the connection is lost.

Nothing that places an order is ever sent twice by itself. An order whose answer was lost is looked up by its label.
"""

import asyncio
import hashlib
import hmac
import random
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from exchange.messages import converted, decode, encode
from participants.answers import (
    BAD_KEY,
    CLOSED,
    LOST,
    NOT_FOLLOWED,
    TOO_SLOW,
    UNKNOWN,
    UNREACHABLE,
    Account,
    Instrument,
    Order,
    OrderBook,
    Placed,
    Position,
    Ticker,
    Trade,
    VenueError,
    refusal,
)
from participants.feed import Feed
from participants.live_book import BookGap, LiveBook

Amount = Decimal | float | str  # a text is exact, and so is a float that came from the venue
FIRST_PAUSE: Final = 0.1  # seconds before the second try to come back; twice as long before each next one
RENEW_AT: Final = 0.8  # of a token's life
MOST_CHANNELS: Final = 200  # in one request: it must stay below 32 kB
LOOKS: Final = 0.05  # seconds between the first two looks for an order whose answer was lost


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


class Client:
    """`async with Client.connect(url, client_id, client_secret) as venue:`; without a key it may ask what is public.

    Every call raises VenueError if the venue refuses, or if no answer comes within `timeout` seconds. A call waits that
    long for a connection that is lost at the time.
    """

    def __init__(
        self,
        url: str,
        client_id: str = "",
        client_secret: str = "",
        *,
        timeout: float = 10.0,
        heartbeat: float = 30.0,
        inbox: int = 10_000,
        longest_pause: float = 15.0,
        cancel_on_disconnect: bool = False,
        tls: ssl.SSLContext | None = None,
        on_standing: Callable[[Change], None] = lambda change: None,
    ) -> None:
        self.url = url
        self.standing = Standing.CONNECTING
        self.timeout = timeout
        self._client_id, self._secret = client_id, client_secret
        self._heartbeat = heartbeat
        self._inbox = inbox
        self._longest_pause = longest_pause
        self._cancel_on_disconnect = cancel_on_disconnect
        self._tls = tls
        self._on_standing = on_standing
        self._socket: ClientConnection | None = None
        self._opened = asyncio.Event()
        self._fault: VenueError | None = None  # why it is closed for good
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._feeds: dict[str, Feed] = {}
        self._instruments: dict[str, Instrument] = {}
        self._labels = f"{secrets.token_hex(4)}-"
        self._placed = 0
        self._latest_order = 0
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    def connect(cls, url: str, client_id: str = "", client_secret: str = "", **settings: Any) -> Self:
        """The same as the constructor, whose settings it takes; the connection is made by `async with`."""
        return cls(url, client_id, client_secret, **settings)

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

    # --- orders -------------------------------------------------------------------------------------

    async def buy(self, instrument: str, amount: Amount | None = None, **terms: Any) -> Placed:
        """Place an order to buy: a limit order if there is a `price`, else one at market.

        Further terms are those of private/buy; `contracts` may stand for the amount. Without a `label` it gets one of
        its own; whoever gives one keeps it unique, for by it an order is found again whose answer was lost.
        """
        return await self._place("private/buy", instrument, amount, terms)

    async def sell(self, instrument: str, amount: Amount | None = None, **terms: Any) -> Placed:
        """The same to sell."""
        return await self._place("private/sell", instrument, amount, terms)

    async def edit(self, order_id: str, *, amount: Amount, price: Amount, **terms: Any) -> Placed:
        """Change price and amount, which is that of the whole order, what has traded included."""
        asked = {"order_id": order_id, "amount": amount, "price": price, **terms}
        try:
            return self._placed_by(await self.call("private/edit", **asked))
        except VenueError as lost:
            if lost.name != LOST:
                raise
        order = await self.order(order_id)
        if order.amount != float(amount) or order.price != float(price):
            raise VenueError("private/edit", 0, UNKNOWN, f"the order is {order.order_state} as it was")
        return Placed(order, await self._trades_of(order), settled=True)

    async def cancel(self, order_id: str) -> Order:
        """Cancel an order; the order as it ended."""
        try:
            return converted(await self.call("private/cancel", order_id=order_id), Order)
        except VenueError as lost:
            if lost.name != LOST:
                raise
        order = await self.order(order_id)
        if order.is_open:
            raise VenueError("private/cancel", 0, UNKNOWN, "the order is still open")
        return order

    async def cancel_all(self, instrument: str | None = None) -> int:
        """Cancel every order, or those in one instrument; how many."""
        if instrument is None:
            count = await self.call("private/cancel_all")
        else:
            count = await self.call("private/cancel_all_by_instrument", instrument_name=instrument)
        return int(count)

    async def order(self, order_id: str) -> Order:
        return converted(await self.call("private/get_order_state", order_id=order_id), Order)

    async def orders_by_label(self, label: str) -> list[Order]:
        """Open or ended, the latest first."""
        found = await self.call("private/get_order_state_by_label", currency="any", label=label)
        return converted(found, list[Order])

    async def open_orders(self, instrument: str | None = None) -> list[Order]:
        if instrument is None:
            return converted(await self.call("private/get_open_orders"), list[Order])
        found = await self.call("private/get_open_orders_by_instrument", instrument_name=instrument)
        return converted(found, list[Order])

    # --- what one has -------------------------------------------------------------------------------

    async def positions(self, currency: str = "any") -> list[Position]:
        return converted(await self.call("private/get_positions", currency=currency), list[Position])

    async def position(self, instrument: str) -> Position:
        """Also where there is none."""
        return converted(await self.call("private/get_position", instrument_name=instrument), Position)

    async def account(self, currency: str) -> Account:
        return converted(await self.call("private/get_account_summary", currency=currency), Account)

    async def my_trades(self, instrument: str, count: int = 100) -> list[Trade]:
        """The latest, the newest first."""
        found = await self.call(
            "private/get_user_trades_by_instrument", instrument_name=instrument, count=count
        )
        return converted(found["trades"], list[Trade])

    # --- the market ---------------------------------------------------------------------------------

    async def instruments(self, kind: str = "any") -> list[Instrument]:
        return converted(await self.call("public/get_instruments", kind=kind), list[Instrument])

    async def instrument(self, name: str) -> Instrument:
        """Its terms, asked for once."""
        found = self._instruments.get(name)
        if found is None:
            told = await self.call("public/get_instrument", instrument_name=name)
            found = self._instruments[name] = converted(told, Instrument)
        return found

    async def ticker(self, instrument: str) -> Ticker:
        return converted(await self.call("public/ticker", instrument_name=instrument), Ticker)

    async def order_book(self, instrument: str, depth: int = 10) -> OrderBook:
        """The book as it is now; `live_book` follows it."""
        told = await self.call("public/get_order_book", instrument_name=instrument, depth=depth)
        return converted(told, OrderBook)

    async def trades(self, instrument: str, count: int = 100) -> list[Trade]:
        """The latest, the newest first."""
        told = await self.call(
            "public/get_last_trades_by_instrument", instrument_name=instrument, count=count
        )
        return converted(told["trades"], list[Trade])

    # --- following ----------------------------------------------------------------------------------

    def follow(self, *channels: str) -> Feed:
        """The messages of channels, from the first reading on. They are followed again after a lost connection."""
        return Feed(channels, self._inbox, self._subscribe, self._unsubscribe)

    async def live_book(self, instrument: str, interval: str = "") -> AsyncIterator[LiveBook]:
        """The displayed book after each change: always the same object. A gap in its chain, a wrong checksum or a
        full inbox has it begin anew from a fresh snapshot. `interval`: raw with a key, else 100ms.
        """
        interval = interval or ("raw" if self._client_id else "100ms")
        book = LiveBook(await self.instrument(instrument))
        feed = self.follow(f"book.{instrument}.{interval}")
        try:
            while True:
                try:
                    book.take((await feed.next()).data)
                except BookGap:
                    book.resyncs += 1
                    await feed.again()
                except VenueError as fault:
                    if fault.name != TOO_SLOW:
                        raise
                    book.resyncs += 1
                    await feed.again()
                else:
                    yield book
        finally:
            await feed.close()

    # --- any method ---------------------------------------------------------------------------------

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

    # --- an order and its answer --------------------------------------------------------------------

    async def _place(
        self, method: str, instrument: str, amount: Amount | None, terms: dict[str, Any]
    ) -> Placed:
        self._placed += 1
        asked = {
            "instrument_name": instrument,
            "amount": amount,
            "type": "market" if terms.get("price") is None else "limit",
            "label": f"{self._labels}{self._placed}",
            **terms,
        }
        before = self._latest_order
        try:
            return self._placed_by(await self.call(method, **asked))
        except VenueError as lost:
            if lost.name != LOST:
                raise
            return await self._settled(method, asked, before, lost)

    def _placed_by(self, result: dict[str, Any]) -> Placed:
        order = converted(result["order"], Order)
        self._latest_order = max(self._latest_order, order.number)
        return Placed(order, converted(result["trades"], list[Trade]))

    async def _settled(self, method: str, asked: dict[str, Any], before: int, lost: VenueError) -> Placed:
        """What became of an order whose answer was lost. The venue may still be about to hear of it, so it is looked
        for as long as an answer is waited for.
        """
        deadline = asyncio.get_running_loop().time() + self.timeout
        pause = LOOKS
        while True:
            found = await self._found(method, asked, before)
            if len(found) == 1:
                self._latest_order = max(self._latest_order, found[0].number)
                return Placed(found[0], await self._trades_of(found[0]), settled=True)
            left = deadline - asyncio.get_running_loop().time()
            if found or left <= 0:
                reason = f"{len(found)} orders have the label {asked['label']}; {lost.reason}"
                raise VenueError(method, 0, UNKNOWN, reason, {"label": asked["label"]})
            await asyncio.sleep(min(pause, left))
            pause *= 2

    async def _found(self, method: str, asked: dict[str, Any], before: int) -> list[Order]:
        """Orders with the label that have come since; none if the venue does not answer either."""
        try:
            labelled = await self.orders_by_label(asked["label"])
        except VenueError as fault:
            if fault.name not in (LOST, UNREACHABLE) or self._fault is not None:
                raise
            return []
        like = (asked["instrument_name"], method.rpartition("/")[2])
        return [
            one for one in labelled if one.number > before and (one.instrument_name, one.direction) == like
        ]

    async def _trades_of(self, order: Order) -> list[Trade]:
        return converted(
            await self.call("private/get_user_trades_by_order", order_id=order.order_id), list[Trade]
        )

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
                        feed = self._feeds.get(told["channel"])
                        if feed is not None:
                            feed.take(told["channel"], told["data"])
                    case "heartbeat":
                        if message["params"]["type"] == "test_request":
                            await socket.send(encode({"jsonrpc": "2.0", "method": "public/test"}), text=True)
                    case _:
                        waiting = self._waiting.get(message.get("id", 0))
                        if waiting is not None and not waiting.done():
                            waiting.set_result(message)
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

    async def _ask_for_channels(self, socket: ClientConnection, names: Sequence[str]) -> list[str]:
        """Which of them the venue follows for us now."""
        on: list[str] = []
        for first in range(0, len(names), MOST_CHANNELS):
            some = names[first : first + MOST_CHANNELS]
            on += await self._at_once(socket, self._word("subscribe"), channels=some)
        return on

    def _word(self, word: str) -> str:
        return f"private/{word}" if self._client_id else f"public/{word}"


def _merely_asks(method: str) -> bool:
    word = method.rpartition("/")[2]
    return word.startswith("get_") or word in ("ticker", "status", "test", "hello")


def _not_followed(
    names: Iterable[str], why: str = "there is no such channel, or not for this key"
) -> VenueError:
    return VenueError("subscribe", 0, NOT_FOLLOWED, f"{', '.join(sorted(names))}: {why}")

"""RIM. A client of the live venue: orders and what becomes of them, what one has, the market, books.

Nothing that places an order is ever sent twice by itself. An order whose answer was lost is looked up by its label.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final, Self, Unpack

from exchange.messages import converted
from participants.answers import (
    LOST,
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
)
from participants.connection import Connection, Settings
from participants.live_book import BookGap, LiveBook

Amount = Decimal | float | str  # a text is exact, and so is a float that came from the venue
LOOKS: Final = 0.05  # seconds between the first two looks for an order whose answer was lost


class Client(Connection):
    """`async with Client.connect(url, client_id, client_secret) as venue:`"""

    def __init__(
        self, url: str, client_id: str = "", client_secret: str = "", **settings: Unpack[Settings]
    ) -> None:
        super().__init__(url, client_id, client_secret, **settings)
        self._instruments: dict[str, Instrument] = {}
        self._labels = f"{secrets.token_hex(4)}-"
        self._placed = 0
        self._latest_order = 0

    @classmethod
    def connect(
        cls, url: str, client_id: str = "", client_secret: str = "", **settings: Unpack[Settings]
    ) -> Self:
        """A client; the connection is made by `async with`."""
        return cls(url, client_id, client_secret, **settings)

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
            one
            for one in labelled
            if (one.number > before or not one.number) and (one.instrument_name, one.direction) == like
        ]

    async def _trades_of(self, order: Order) -> list[Trade]:
        return converted(
            await self.call("private/get_user_trades_by_order", order_id=order.order_id), list[Trade]
        )

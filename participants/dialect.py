"""Commands of a participant as methods of the live venue (docs/api.md), in the words and numbers of the wire."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from exchange.commands import (
    AmendOrder,
    AmendWaiting,
    CancelAll,
    CancelOrder,
    Command,
    DepositCash,
    LinkOrders,
    PlaceOrder,
    RedeemCoins,
    WithdrawCash,
)
from exchange.events import (
    Event,
    InstrumentListed,
    NoteRegistered,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderWaiting,
    PerpetualRolled,
)
from exchange.instruments import Instrument, Product
from exchange.units import INDEX_DECIMALS, InstrumentId, Money
from matching.terms import OrderId, PostOnly, Price, Quantity, Side, TimeInForce
from matching.triggers import PriceSource

TIMES: Final = {
    TimeInForce.DAY: "good_til_day",
    TimeInForce.GTC: "good_til_cancelled",
    TimeInForce.IOC: "immediate_or_cancel",
    TimeInForce.FOK: "fill_or_kill",
}
TRIGGERS: Final = {
    PriceSource.LAST: "last_price",
    PriceSource.MARK: "mark_price",
    PriceSource.INDEX: "index_price",
}
INDEX_UNIT: Final[int] = 10**INDEX_DECIMALS
CASH_SCALE: Final = 100  # minor units of a cash asset in one
ENDED_KEPT: Final = 10_000  # orders that a participant may not know yet to have ended


class CannotBeAskedError(Exception):
    """The dialect has no method for the command. Names the command and the remedy."""


class Asked(NamedTuple):
    """A method with its parameters."""

    method: str
    params: dict[str, Any]


class Dialect:
    """Knows the instruments, and the orders of one participant, from what it hears."""

    def __init__(self) -> None:
        self.instruments: dict[InstrumentId, Instrument] = {}
        self._listed_in: dict[
            InstrumentId, str
        ] = {}  # order ids carry the cash asset of the listing for ever
        self._orders: dict[OrderId, InstrumentId] = {}  # those that have ended for a while as well
        self._filled: dict[OrderId, Quantity] = {}
        self._ended: deque[OrderId] = deque()

    def hear(self, event: Event) -> None:
        match event:
            case InstrumentListed() | NoteRegistered():
                name = event.instrument.instrument_id
                self.instruments[name] = event.instrument
                self._listed_in[name] = event.instrument.cash
            case PerpetualRolled():
                self.instruments[event.instrument.instrument_id] = event.instrument
            case OrderAccepted() | OrderWaiting():
                self._orders[event.order_id] = event.instrument_id
            case OrderFilled():
                self._filled[event.order_id] = self._filled.get(event.order_id, 0) + event.quantity
                if not event.remaining:
                    self._end(event.order_id)
            case OrderCanceled():
                self._end(event.order_id)
            case _:
                pass

    def _end(self, order_id: OrderId) -> None:
        self._ended.append(order_id)
        if len(self._ended) > ENDED_KEPT:
            forgotten = self._ended.popleft()
            self._orders.pop(forgotten, None)
            self._filled.pop(forgotten, None)

    def asked(self, command: Command) -> Asked:
        """How to ask for it. Raises CannotBeAskedError."""
        ask = _ASKS.get(type(command))
        if ask is None:
            raise CannotBeAskedError(
                f"{type(command).__name__} cannot be sent to a live venue by a participant: "
                "let a script inside the scenario give it"
            )
        return ask(self, command)

    # --- command by command -------------------------------------------------------------------------

    def _place(self, command: PlaceOrder) -> Asked:
        if command.time_in_force not in TIMES or command.minimum:
            raise CannotBeAskedError(
                f"an order with minimum quantity or {command.time_in_force} cannot be sent to a live venue: "
                f"choose one of {', '.join(TIMES)} and no minimum"
            )
        params: dict[str, Any] = {
            "instrument": command.instrument_id,
            "contracts": command.quantity,
            "type": "market" if command.price is None else "limit",
            "price": self._price(command.instrument_id, command.price),
            "time_in_force": TIMES[command.time_in_force],
            "post_only": command.post_only is not PostOnly.NO,
            "reject_post_only": command.post_only is PostOnly.REJECT,
            "reduce_only": command.reduce_only,
        }
        if command.label:
            params["label"] = command.label
        if command.display:
            params["display_amount"] = self._amount(command.instrument_id, command.display)
        if command.trigger_source is not None:
            params |= self._trigger(command, command.trigger_source)
        return Asked("private/buy" if command.side is Side.BUY else "private/sell", params)

    def _trigger(self, command: PlaceOrder, source: PriceSource) -> dict[str, Any]:
        told: dict[str, Any] = {"trigger": TRIGGERS[source]}
        if command.trail is not None:
            offset = self._price(command.instrument_id, command.trail)
            return told | {"type": "trailing_stop", "trigger_offset": offset, "price": None}
        kind = f"{'take' if command.take_profit else 'stop'}_{'market' if command.price is None else 'limit'}"
        return told | {
            "type": kind,
            "trigger_price": self._price(command.instrument_id, command.trigger_price),
        }

    def _amend(self, command: AmendOrder) -> Asked:
        return Asked(
            "private/edit",
            {
                "order_id": self._order_id(command.order_id),
                "contracts": command.quantity + self._filled.get(command.order_id, 0),  # of the whole order
                "price": self._price(self._orders[command.order_id], command.price),
            },
        )

    def _amend_waiting(self, command: AmendWaiting) -> Asked:
        name = self._orders[command.order_id]
        asked = {
            "contracts": command.quantity,
            "price": self._price(name, command.price),
            "trigger_price": self._price(name, command.trigger_price),
            "trigger_offset": self._price(name, command.trail),
        }
        told = {key: value for key, value in asked.items() if value is not None}
        return Asked("private/edit", {"order_id": self._order_id(command.order_id), **told})

    def _cancel(self, command: CancelOrder) -> Asked:
        return Asked("private/cancel", {"order_id": self._order_id(command.order_id)})

    def _cancel_all(self, command: CancelAll) -> Asked:
        if command.label is not None and command.instrument_id is not None:
            raise CannotBeAskedError(
                "CancelAll with a label in one instrument cannot be sent to a live venue: leave one of them out"
            )
        if command.label is not None:
            return Asked("private/cancel_by_label", {"label": command.label})
        if command.instrument_id is not None:
            return Asked("private/cancel_all_by_instrument", {"instrument_name": command.instrument_id})
        return Asked("private/cancel_all", {})

    def _link(self, command: LinkOrders) -> Asked:
        first, second = self._order_id(command.first), self._order_id(command.second)
        return Asked("private/link_orders", {"first_order_id": first, "second_order_id": second})

    def _deposit(self, command: DepositCash) -> Asked:
        return Asked("private/deposit", {"currency": command.asset_id, "amount": _cash(command.amount)})

    def _withdraw(self, command: WithdrawCash) -> Asked:
        return Asked("private/withdraw", {"currency": command.asset_id, "amount": _cash(command.amount)})

    def _redeem(self, command: RedeemCoins) -> Asked:
        return Asked("cash/redeem", {"currency": command.asset_id, "amount": _cash(command.amount)})

    # --- as the wire has it: each float is the nearest to the exact value, and is read back as that ---

    def _order_id(self, order_id: OrderId) -> str:
        name = self._orders.get(order_id)
        if name is None:
            raise CannotBeAskedError(f"order {order_id} is none that was accepted: wait for OrderAccepted")
        return f"{self._listed_in[name]}-{order_id}"

    def _price(self, name: InstrumentId, price: Price | None) -> float | None:
        if price is None:
            return None
        terms = self.instruments[name]
        if terms.product is Product.NOTE:
            return _cash(price)
        return price * terms.tick / INDEX_UNIT

    def _amount(self, name: InstrumentId, lots: Quantity) -> float:
        """In units of the underlying. Of units that change hands only whole lots can be asked for."""
        terms = self.instruments[name]
        if terms.lot_units is not None:
            raise CannotBeAskedError(f"an iceberg in {name} cannot be sent to a live venue: show all of it")
        return lots * terms.tick_value * INDEX_UNIT / (terms.tick * CASH_SCALE)


def _cash(amount: Money) -> float:
    return amount / CASH_SCALE


_Ask: TypeAlias = Callable[[Dialect, Any], Asked]
_ASKS: Final[Mapping[type[Any], _Ask]] = {
    PlaceOrder: Dialect._place,
    AmendOrder: Dialect._amend,
    AmendWaiting: Dialect._amend_waiting,
    CancelOrder: Dialect._cancel,
    CancelAll: Dialect._cancel_all,
    LinkOrders: Dialect._link,
    DepositCash: Dialect._deposit,
    WithdrawCash: Dialect._withdraw,
    RedeemCoins: Dialect._redeem,
}

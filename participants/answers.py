"""What a venue answers, as its client hands it out: orders, trades, positions, prices, and why not.

Fields are named as on the wire (docs/api.md), and what is not needed here is left out. Prices are in the quote currency
for one unit of the underlying, amounts in that unit, times in milliseconds since 1970.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from exchange.messages import Message

Level = tuple[float, float]  # price and amount


class Instrument(Message, tag=False):
    instrument_name: str
    kind: str
    base_currency: str
    quote_currency: str
    tick_size: float
    min_trade_amount: float
    contract_size: float  # amount of one contract
    expiration_timestamp: int
    is_active: bool
    state: str
    price_index: str
    strike: float | None = None
    option_type: str | None = None

    def nearest_price(self, price: float) -> float:
        """On a tick. The venue rounds nothing: it refuses what lies between two."""
        return _steps(round(price / self.tick_size), self.tick_size)

    def whole_amount(self, amount: float) -> float:
        """So many whole contracts, rounded down."""
        return _steps(int(amount / self.contract_size * (1 + 1e-12)), self.contract_size)


def _steps(count: int, step: float) -> float:
    """The float nearest to the exact product: 9 steps of 0.001 are 0.009."""
    return float(count * Decimal(str(step)))


class Order(Message, tag=False):
    order_id: str
    instrument_name: str
    direction: str  # buy or sell
    order_state: str  # untriggered, open, filled, cancelled or rejected
    order_type: str
    time_in_force: str
    price: float | str  # "market_price" while a market order waits for its trigger
    amount: float
    filled_amount: float
    average_price: float
    label: str
    post_only: bool
    reduce_only: bool
    creation_timestamp: int
    last_update_timestamp: int
    commission: float = 0.0
    trigger_price: float | None = None
    cancel_reason: str | None = None

    @property
    def is_open(self) -> bool:
        return self.order_state in ("open", "untriggered")

    @property
    def number(self) -> int:
        """The later an order was placed, the higher; 0: it met nobody, and never came to the market."""
        number = self.order_id.partition("-")[2]
        return int(number) if number.isdecimal() else 0


class Trade(Message, tag=False):
    """A trade; what is known of one's own alone is empty in those of others."""

    trade_id: str
    trade_seq: int
    instrument_name: str
    timestamp: int
    direction: str  # the taker's; of an own trade one's own
    price: float
    amount: float
    order_id: str = ""
    label: str = ""
    liquidity: str = ""  # M maker, T taker
    fee: float = 0.0
    fee_currency: str = ""
    profit_loss: float = 0.0


class Placed(NamedTuple):
    """An order and what it traded at once. `settled`: its answer was lost and it was looked up, so the trades are
    all that it has by now.
    """

    order: Order
    trades: list[Trade]
    settled: bool = False


class Position(Message, tag=False):
    instrument_name: str
    kind: str
    direction: str  # buy, sell or zero
    size: float  # short negative
    average_price: float
    mark_price: float
    index_price: float
    floating_profit_loss: float
    realized_profit_loss: float
    total_profit_loss: float
    initial_margin: float
    maintenance_margin: float


class Account(Message, tag=False):
    currency: str
    balance: float
    equity: float
    margin_balance: float
    available_funds: float
    available_withdrawal_funds: float
    initial_margin: float
    maintenance_margin: float


class Ticker(Message, tag=False):
    """Prices are 0.0 where there are none."""

    instrument_name: str
    timestamp: int
    state: str
    best_bid_price: float
    best_bid_amount: float
    best_ask_price: float
    best_ask_amount: float
    last_price: float
    mark_price: float
    index_price: float
    open_interest: float
    min_price: float
    max_price: float


class OrderBook(Ticker, tag=False):
    """A ticker with the book's best levels, the best first."""

    change_id: int
    bids: list[Level]
    asks: list[Level]


# --- why not --------------------------------------------------------------------------------------------

UNREACHABLE, LOST, UNKNOWN, TOO_SLOW, NOT_FOLLOWED, CLOSED = (
    "not_connected",
    "answer_lost",
    "outcome_unknown",
    "too_slow",
    "not_followed",
    "closed",
)
"""What the client itself has to say; the code of these is 0."""

BAD_KEY: Final = frozenset({13004, 13009})  # to come again with the same key is of no use

REMEDIES: Final[Mapping[str, str]] = {
    "invalid_credentials": "check client id and secret, and that this machine's clock is not a minute off",
    "unauthorized": "sign in with a key; one that was taken back is of no use any more",
    "forbidden": "ask access/get_my_permissions what the class may trade, and with which role the key came",
    "not_enough_funds": "place a smaller order, cancel others, or bring more money",
    "price_not_allowed": "order nearer to the market: the ticker's min_price and max_price say how near",
    "max_exposure": "ask access/get_my_limits how much may be at risk; reduce first",
    "max_open_orders": "cancel some of them first, or wait until one has ended",
    "max_open_orders_per_instrument": "cancel some of them there first, or wait until one has ended",
    "locked_by_admin": "wait until the instrument or the participant is let trade again",
    "qty_too_low": "order at least the instrument's min_trade_amount",
    "price_wrong_tick": "round the price to the instrument's tick_size",
    "order_not_found": "look the order up by its label or among the open ones",
    "not_open_order": "it has been filled or canceled: ask for its state",
    "post_only_reject": "price it behind the opposite best",
    "too_many_requests": "come again after told['wait'] seconds",
    "matching_engine_queue_full": "come again after told['wait'] seconds",
    "timed_out": "look for the order by its label before sending it again",
    "temporarily_unavailable": "come again later: the venue takes nothing now",
    "invalid_params": "correct the parameter that told['param'] names",
    "method_not_found": "look the method up in docs/api/methods.md",
    "orderbook_closed": "wait for the session: simulation/get_clock says when it opens",
    UNREACHABLE: "see that the venue runs at this address, and wait",
    LOST: "ask the venue what became of it before sending it again",
    UNKNOWN: "look for the order by its label once more before sending it again",
    TOO_SLOW: "read faster, or follow the 100ms channel; `again` goes on from now",
    NOT_FOLLOWED: "check the name; raw channels and those of a user need a key",
    CLOSED: "open another client",
}


class VenueError(Exception):
    """Whatever could not be done: refused by the venue, or (code 0) never heard of again.

    `name` is the short word of the dialect, `reason` that of the rulebook, `told` everything that came with it.
    """

    def __init__(
        self, method: str, code: int, name: str, reason: str = "", told: Mapping[str, Any] | None = None
    ) -> None:
        self.method = method
        self.code = code
        self.name = name
        self.reason = reason
        self.told = dict(told or {})
        self.remedy = REMEDIES.get(name, "read what the reason means in docs/rulebook.md")
        why = f" ({reason})" if reason else ""
        said = f"{self.told['told']}; " if "told" in self.told else ""
        super().__init__(f"{method}: {name}{why}: {said}{self.remedy}")


def refusal(method: str, error: Mapping[str, Any]) -> VenueError:
    """An error of the dialect as an exception."""
    told = error.get("data") or {}
    return VenueError(method, error["code"], error["message"], str(told.get("reason", "")), told)

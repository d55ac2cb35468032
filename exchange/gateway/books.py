"""What the wire is asked about the past: orders, trades, candles, what positions cost, the displayed books.

Read models, made from commands and what happened, in order; the exchange never looks at them. Private ones are kept
for those who have a key, and each keeps no more than its bound, or little more.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from exchange.clearing import accounts
from exchange.commands import Command, LinkKind, PlaceLinked, PlaceOrder, QuoteMarket, WatchLine
from exchange.events import (
    BookChanged,
    CancelCause,
    CashDeposited,
    ClaimSettled,
    CouponPaid,
    CryptoDepositAnnounced,
    CryptoDepositCredited,
    CryptoDepositVoided,
    Entry,
    FundingPaid,
    IndexPublished,
    InstrumentListed,
    InterestCredited,
    LatePenaltyBooked,
    Liquidity,
    LossRestored,
    LossShared,
    NotesRedeemed,
    NotesSubscribed,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderHeldBack,
    OrderLetGo,
    OrderRejected,
    OrdersLinked,
    OrdersPlacedTogether,
    OrderTriggered,
    OrderWaiting,
    PerpetualRolled,
    PositionClosedAtRoll,
    PositionRolled,
    PositionTransferred,
    PrivateEvent,
    PublicEvent,
    SeriesStateChanged,
    SettlementPriceFinal,
    TradeReported,
    UnitsLossShared,
    UnitsWithdrawalCompleted,
    UnitsWithdrawalRequested,
    UnitsWithdrawalReturned,
    VariationPaid,
    WaitingAmended,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.gateway.latest import Latest
from exchange.gateway.tally import Tally
from exchange.gateway.wire import CASH_SCALE, Pair, milliseconds
from exchange.reasons import RejectReason
from exchange.rules.prices import furthest_price
from exchange.state import State
from exchange.units import AssetId, Money, Time
from matching.terms import ParticipantId, Price, Quantity, Side, TimeInForce

TRADES_KEPT: Final = 10_000  # of one instrument, and of one participant
ORDERS_KEPT: Final = 1_000  # of one participant, ended
MINUTES_KEPT: Final = 7 * 1440  # candles
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
REFUSED_KEPT: Final = 1_000  # orders of one participant that were refused, by their number
OWN_NUMBERS: Final = 2**53  # what the venue numbers orders by if their owner does not, begins here
LOGGED: Final = 10_000  # rows of one participant's log of transactions, and its transfers
# Orders that were to trade at once and met nobody, or too few: the dialect tells them as canceled, not as refused.
MET_TOO_FEW: Final = (RejectReason.NO_OPPOSITE_PRICE, RejectReason.UNFILLABLE_AT_ONCE)


class OrderRecord:
    """One order as its owner sees it. Prices are ticks, quantities lots."""

    __slots__ = (
        "average",
        "brings",
        "brings_pair",
        "canceled_because",
        "changed_at",
        "command",
        "created_at",
        "fee",
        "fill_condition",
        "filled",
        "follows",
        "liquidation",
        "mmp",
        "order_id",
        "owner",
        "paid",
        "pair",
        "pair_of",
        "price",
        "quantity",
        "quote",
        "replaced",
        "side",
        "state",
        "trades",
        "trail",
        "trigger_price",
        "triggered",
        "untraded_because",
    )

    def __init__(
        self, order_id: int, owner: ParticipantId, pair: Pair, side: Side, quantity: Quantity, at: Time
    ) -> None:
        self.order_id = order_id
        self.owner = owner
        self.pair = pair
        self.side = side
        self.price: Price = 0
        self.quantity = quantity
        self.created_at = self.changed_at = at
        self.command: PlaceOrder | None = None
        self.state = "open"
        self.filled: Quantity = 0
        self.paid = 0  # ticks times lots
        self.fee: Money = 0
        self.replaced = self.liquidation = self.quote = self.mmp = self.triggered = False
        self.trigger_price: Price | None = None
        self.pair_of = (
            0  # by which a pair of orders that cancel each other is known: the first of them; 0: none
        )
        self.follows = 0  # the order after which it comes
        self.brings: tuple[int, ...] = ()  # orders that come after it
        self.brings_pair = False  # which cancel each other
        self.fill_condition = ""  # of what was placed with others: how much of it must trade
        self.trail: Price | None = None  # the distance that a trailing stop keeps
        self.canceled_because: CancelCause | None = None
        self.trades: list[UserTrade] = []
        self.untraded_because: RejectReason | None = None  # it was to trade at once, and met too few

    def asked(self, command: PlaceOrder) -> None:
        """It is what that command has asked for."""
        self.command = command
        self.price, self.trail = command.price or 0, command.trail

    def placed_with(self, event: OrdersPlacedTogether) -> None:
        """It came with the others that the event names."""
        primary, *others = event.order_ids
        pair = event.order_ids if event.kind is LinkKind.ONE_CANCELS_OTHER else tuple(others)
        if event.kind is not LinkKind.ONE_TRIGGERS_OTHER and self.order_id in pair:
            self.pair_of = pair[0]
        if event.kind is not LinkKind.ONE_CANCELS_OTHER:
            self.follows = 0 if self.order_id == primary else primary
        if self.order_id == primary:
            self.brings = tuple(others) if event.kind is not LinkKind.ONE_CANCELS_OTHER else ()
            self.brings_pair = event.kind is LinkKind.ONE_TRIGGERS_ONE_CANCELS_OTHER
            self.fill_condition = "complete_fill" if event.patient else "first_hit"

    @property
    def is_live(self) -> bool:
        return self.state in ("open", "untriggered")

    @property
    def client_order_id(self) -> int:
        """The number that its owner gave it; 0: none."""
        number = self.command.client_order_id if self.command else 0
        return number if number < OWN_NUMBERS else 0

    @property
    def label(self) -> str:
        return self.command.label if self.command else ""

    @property
    def order_type(self) -> str:
        """In the words of the dialect."""
        command = self.command
        if command is None:
            return "limit"
        market = command.price is None
        if command.trail is not None:
            return "trailing_stop"
        if command.trigger_source is None:
            return "market" if market else "limit"
        return f"{'take' if command.take_profit else 'stop'}_{'market' if market else 'limit'}"

    @property
    def time_in_force(self) -> TimeInForce:
        return self.command.time_in_force if self.command else TimeInForce.GTC


@dataclass(slots=True, eq=False)
class PublicTrade:
    """A trade as everybody sees it."""

    trade_id: int
    number: int  # of the instrument's trades
    pair: Pair
    at: Time
    price: Price
    quantity: Quantity
    side: Side  # of the taker
    tick_direction: int
    index: int
    mark: Price
    liquidation: bool = False


@dataclass(slots=True, eq=False)
class UserTrade:
    """One side of a trade."""

    public: PublicTrade
    order: OrderRecord
    owner: ParticipantId
    side: Side
    liquidity: Liquidity
    fee: Money
    profit: float  # realised by it
    order_state: str
    closes: bool  # it made the position smaller
    position: int  # lots after it


@dataclass(slots=True)
class Cost:
    """What a participant's position in one instrument has cost on average, in ticks."""

    lots: int = 0
    average: float = 0.0
    realised: float = 0.0  # in the cash asset
    funding: float = 0.0

    def trade(self, lots: int, price: Price, pair: Pair) -> float:
        """Take in a signed fill; what it realises, in the cash asset."""
        before = self.lots
        self.lots += lots
        if before * lots >= 0:
            held = abs(before)
            self.average = (self.average * held + price * abs(lots)) / (held + abs(lots))
            return 0.0
        closed = min(abs(before), abs(lots)) * (1 if before > 0 else -1)
        profit = pair.cash(closed, price - self.average)
        self.realised += profit
        if abs(lots) > abs(before):
            self.average = float(price)
        elif not self.lots:
            self.average = 0.0
        return profit


class Candle:
    __slots__ = ("close", "cost", "high", "low", "open", "volume")

    def __init__(self, price: Price) -> None:
        self.open = self.high = self.low = self.close = price
        self.volume: Quantity = 0
        self.cost = 0  # ticks times lots

    def take(self, price: Price, quantity: Quantity) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += quantity
        self.cost += price * quantity


class Tape:
    """The trades of one instrument, and the minutes that they make."""

    __slots__ = ("minutes", "number", "tick_direction", "trades")

    def __init__(self) -> None:
        self.trades: deque[PublicTrade] = deque(maxlen=TRADES_KEPT)
        self.minutes: dict[int, Candle] = {}  # by their first millisecond, ascending
        self.number = 0
        self.tick_direction = 1

    @property
    def last(self) -> PublicTrade | None:
        return self.trades[-1] if self.trades else None

    def next_direction(self, price: Price) -> int:
        """0 up, 1 the same after up, 2 down, 3 the same after down."""
        last = self.last
        if last is None or price > last.price:
            return 0
        if price < last.price:
            return 2
        return self.tick_direction | 1

    def take(self, trade: PublicTrade) -> None:
        self.trades.append(trade)
        self.number, self.tick_direction = trade.number, trade.tick_direction
        minute = milliseconds(trade.at) // MINUTE_MS * MINUTE_MS
        candle = self.minutes.get(minute)
        if candle is None:
            candle = self.minutes[minute] = Candle(trade.price)
            if len(self.minutes) > MINUTES_KEPT:
                del self.minutes[next(iter(self.minutes))]
        candle.take(trade.price, trade.quantity)

    def day(self, now_ms: int) -> Candle | None:
        """The last twenty-four hours as one candle."""
        found: Candle | None = None
        for minute, candle in reversed(self.minutes.items()):
            if minute < now_ms - DAY_MS:
                break
            if found is None:
                found = Candle(candle.close)
            found.open = candle.open
            found.high, found.low = max(found.high, candle.high), min(found.low, candle.low)
            found.volume += candle.volume
            found.cost += candle.cost
        return found


class Shown:
    """The displayed book of one instrument, level by level, as its feed has told it."""

    __slots__ = ("_sorted", "asks", "bids", "checksum", "number")

    def __init__(self) -> None:
        self.bids: dict[Price, Quantity] = {}
        self.asks: dict[Price, Quantity] = {}
        self.checksum = f"{0:016x}"  # of the levels, as the feed reckons it
        self.number = 1  # of the feed's last delta, and one: to some clients 0 is no number
        self._sorted: dict[Side, list[tuple[Price, Quantity]]] = {}

    def side(self, side: Side) -> dict[Price, Quantity]:
        return self.bids if side is Side.BUY else self.asks

    def take(self, told: BookChanged) -> None:
        self.number, self.checksum = told.last_delta + 1, told.level_checksum
        self._sorted.clear()
        for _, side, price, quantity in told.levels:
            levels = self.bids if side > 0 else self.asks
            if quantity:
                levels[price] = quantity
            else:
                levels.pop(price, None)

    def best(self, side: Side, levels: int) -> Sequence[tuple[Price, Quantity]]:
        """The best so many levels, the best first."""
        found = self._sorted.get(side)
        if found is None:
            found = sorted(self.side(side).items(), reverse=side is Side.BUY)
            self._sorted[side] = found
        return found[:levels]


@dataclass(slots=True)
class LogRow:
    """One movement of a participant's money or units, in minor units, of which `scale` make one."""

    number: int
    at: Time
    kind: str
    currency: str
    change: int
    balance: int  # all that is owned after it, what is held and locked included
    scale: int
    pair: Pair | None = None
    trade: UserTrade | None = None


@dataclass(slots=True)
class Transfer:
    """A deposit or a withdrawal, in the words of the dialect. Amounts are minor units, of which `scale` make one."""

    number: int
    at: Time
    changed_at: Time
    currency: str
    amount: int
    state: str
    is_deposit: bool
    scale: int
    transaction: str
    fee: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What a roll or an expiry has done with a participant's position in one instrument."""

    at: Time
    kind: str
    pair: Pair
    index: int
    mark: Price  # at which it was settled
    position: int  # lots, signed
    profit: float  # in the cash asset, since it was opened or last settled
    funding: float


@dataclass(slots=True, eq=False)
class Owner:
    """Everything that is kept for one participant."""

    participant_id: ParticipantId
    live: dict[int, OrderRecord] = field(default_factory=dict)
    ended: dict[int, OrderRecord] = field(default_factory=dict)  # the latest so many
    trades: deque[UserTrade] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
    costs: dict[str, Cost] = field(default_factory=dict)
    log: deque[LogRow] = field(default_factory=lambda: deque(maxlen=LOGGED))
    transfers: dict[str, Transfer] = field(default_factory=dict)  # by transaction
    settlements: deque[Settled] = field(default_factory=lambda: deque(maxlen=LOGGED))
    refusals: deque[tuple[Time, PrivateEvent]] = field(default_factory=lambda: deque(maxlen=100))
    refused: dict[int, OrderRejected] = field(default_factory=dict)  # the latest so many, by their number
    logged: int = 0  # rows
    moved: int = 0  # transfers
    numbered: int = OWN_NUMBERS  # the latest number that the venue gave an order

    def order(self, order_id: int) -> OrderRecord | None:
        return self.live.get(order_id) or self.ended.get(order_id)

    def cost(self, name: str) -> Cost:
        cost = self.costs.get(name)
        if cost is None:
            cost = self.costs[name] = Cost()
        return cost

    def refuse(self, event: OrderRejected) -> None:
        self.refused.setdefault(event.client_order_id, event)
        _keep_latest(self.refused, REFUSED_KEPT)

    def end(self, record: OrderRecord, state: str, at: Time) -> None:
        record.state, record.changed_at = state, at
        self.live.pop(record.order_id, None)
        self.ended[record.order_id] = record
        _keep_latest(self.ended, ORDERS_KEPT)


def _keep_latest(kept: dict[Any, Any], most: int) -> None:
    """Keep so many, and for a while up to a tenth more: a dictionary that loses its first one again and again looks
    each time at the places of all that went before."""
    if len(kept) > most + most // 10:
        for oldest in list(islice(kept, len(kept) - most)):
            del kept[oldest]


class News:
    """What one command has changed of all this."""

    __slots__ = (
        "accounts",
        "at",
        "books",
        "entries",
        "events",
        "indices",
        "orders",
        "public",
        "sequence",
        "states",
        "touched",
        "trades",
    )

    def __init__(self, at: Time, entries: Sequence[Entry] = ()) -> None:
        self.at = at
        self.entries = entries  # everything, as the core has told it
        self.sequence = 0  # of the last entry
        self.orders: dict[int, OrderRecord] = {}
        self.trades: list[UserTrade] = []
        self.public: list[PublicTrade] = []
        self.books: dict[str, list[tuple[Side, Price]]] = {}  # levels that are others now
        self.touched: dict[str, None] = {}  # instruments whose ticker is another
        self.indices: list[IndexPublished] = []
        self.states: list[SeriesStateChanged] = []
        self.accounts: dict[ParticipantId, None] = {}
        self.events: list[PublicEvent] = []


_REFUSALS: Final = ("Rejected", "Refused")


def _is_quoted_by(command: Command | None, event: OrderAccepted | OrderWaiting | OrderHeldBack) -> bool:
    """Also of a quote that has traded whole, and is no longer there."""
    return (
        isinstance(command, QuoteMarket)
        and command.participant_id == event.participant_id
        and command.client_order_id == event.client_order_id
    )


def owned(state: State, who: ParticipantId, asset_id: AssetId) -> int:
    """All that somebody has of an asset, in minor units: what is held for orders and locked behind positions too, but
    not what is on its way out."""
    ledger = state.ledger
    if asset_id not in state.holdings:
        own = accounts.units(who, asset_id)
        leaves = ledger.posted(own) - ledger.available(own) if own in ledger else 0
        return state.covers.spot.units(who, asset_id) - leaves if asset_id in state.assets else 0
    cash, hold = accounts.cash(who, asset_id), accounts.hold(who, asset_id)
    settles = state.regime is not None and asset_id == state.regime.cash.settlement_asset
    free = ledger.available(cash) if cash in ledger else 0
    held = ledger.posted(hold) if hold in ledger else 0
    return free + held + (state.covers.locked(who) if settles else 0)


class Books:
    """All read models. `take` is told each command with what it did, in the order of the journal."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.tally = Tally()
        self.pairs: dict[str, Pair] = {}
        self.listed_at: dict[str, Time] = {}
        self.tapes: dict[str, Tape] = {}
        self.shown: dict[str, Shown] = {}
        self.owners: dict[ParticipantId, Owner] = {}
        self.deliveries: dict[str, list[tuple[Time, SettlementPriceFinal]]] = {}  # by index
        self.rolls: dict[str, list[tuple[Time, PerpetualRolled, int]]] = {}  # with the index of then
        self.indices: dict[str, deque[tuple[Time, int]]] = {}
        self._finals: dict[str, Price] = {}  # settlement prices, by bucket
        self.sequence = 0  # of the last entry that was taken
        self.latest_line = 0  # of those that have asked for anything; after a restart no number comes again
        self._together: dict[int, tuple[PlaceOrder, OrdersPlacedTogether]] = {}  # of the latest command
        self._pending: dict[int, list[tuple[OrderFilled, OrderRecord]]] = {}
        self.latest = Latest()
        self._public: deque[tuple[int, Time, PublicEvent]] = deque(maxlen=1_000)
        self._rows: list[tuple[ParticipantId, LogRow]] = []  # of the present command
        self._liquidating: set[ParticipantId] = set()

    def follow(self, participant_id: ParticipantId) -> Owner:
        """Keep what concerns the participant from now on."""
        owner = self.owners.get(participant_id)
        if owner is None:
            owner = self.owners[participant_id] = Owner(participant_id)
        return owner

    def number_of(self, participant_id: ParticipantId) -> int:
        """The number that stands for a participant where a client wants one."""
        return list(self.owners).index(participant_id) + 1

    def recent(self, count: int) -> list[tuple[int, Time, PublicEvent]]:
        """The latest public events with their sequence and time, the oldest first."""
        return list(islice(self._public, max(0, len(self._public) - count), None))

    def take(self, command: Command | None, entries: Sequence[Entry]) -> News:
        news = News(self._state.now, entries)
        match command:
            case PlaceOrder() | QuoteMarket() | WatchLine():
                self._note_numbers(command)
            case PlaceLinked():
                self._note_numbers(command.primary)
            case _:
                pass
        for entry in entries:
            event, at = entry.event, entry.time
            if isinstance(event, PrivateEvent):
                owner = self.owners.get(event.participant_id)
                if owner is not None:
                    news.accounts[owner.participant_id] = None
                    self._take_private(owner, event, at, command, news)
            else:
                self.latest.take(entry)
                self._take_public(event, at, news, entry.sequence)
            self.sequence = entry.sequence
        self._strike_balances()
        self.tally.take(command, entries)
        news.sequence = self.sequence
        return news

    def _note_numbers(self, command: PlaceOrder | QuoteMarket | WatchLine) -> None:
        if command.line > self.latest_line:
            self.latest_line = command.line
        owner = self.owners.get(command.participant_id)
        if owner is not None and not isinstance(command, WatchLine):
            owner.numbered = max(owner.numbered, command.client_order_id)

    # --- private ------------------------------------------------------------------------------------

    def _take_private(
        self, owner: Owner, event: PrivateEvent, at: Time, command: Command | None, news: News
    ) -> None:
        match event:  # what comes most often first
            case OrderAccepted() | OrderWaiting() | OrderHeldBack():
                record = self._accepted(owner, event, at, command)
                news.orders[record.order_id] = record
            case OrderFilled():
                self._filled(owner, event, at, news)
            case OrderCanceled():
                ended = owner.live.get(event.order_id)
                if ended is not None:
                    ended.canceled_because = event.cause
                    owner.end(ended, "cancelled", at)
                    news.orders[ended.order_id] = ended
            case OrdersPlacedTogether():
                assert isinstance(command, PlaceLinked), "the event of that command"
                asked = (command.primary, *command.others)
                self._together = {
                    number: (one, event) for number, one in zip(event.order_ids, asked, strict=True)
                }
            case OrdersLinked():
                for number in (event.first, event.second):
                    owner.live[number].pair_of = event.first
            case OrderLetGo():
                owner.live[event.order_id].changed_at = at
            case OrderAmended():
                record = owner.live[event.order_id]
                record.price, record.quantity = event.price, record.filled + event.remaining
                record.replaced, record.changed_at = True, at
                news.orders[record.order_id] = record
            case WaitingAmended():
                record = owner.live[event.order_id]
                record.price, record.quantity = event.price or 0, event.quantity
                record.trigger_price, record.trail = event.trigger_price, event.trail
                record.replaced, record.changed_at = True, at
                news.orders[record.order_id] = record
            case OrderTriggered():
                record = owner.live[event.order_id]
                record.triggered, record.changed_at = True, at
            case OrderRejected():
                owner.refusals.append((at, event))
                if event.client_order_id < OWN_NUMBERS:
                    owner.refuse(event)
                if isinstance(command, PlaceOrder) and _met_too_few(event, command):
                    record = self._untraded(owner, event, at, command)
                    news.orders[record.order_id] = record
            case _:
                self._take_account(owner, event, at)

    def _accepted(
        self,
        owner: Owner,
        event: OrderAccepted | OrderWaiting | OrderHeldBack,
        at: Time,
        command: Command | None,
    ) -> OrderRecord:
        record = owner.live.get(event.order_id)
        if record is None:
            pair = self.pairs[event.instrument_id]
            record = OrderRecord(event.order_id, owner.participant_id, pair, event.side, event.quantity, at)
            owner.live[event.order_id] = record
            together = self._together.get(event.order_id) if isinstance(command, PlaceLinked) else None
            if isinstance(command, PlaceOrder) and (
                command.participant_id == owner.participant_id
                and command.client_order_id == event.client_order_id
            ):
                record.asked(command)
            elif together is not None:
                record.asked(together[0])
                record.placed_with(together[1])
            else:
                order = self._state.seats[owner.participant_id].orders.get(event.order_id)
                record.quote = _is_quoted_by(command, event) or (order is not None and order.is_quote)
                record.liquidation = order is None and event.client_order_id == 0
        if isinstance(event, OrderHeldBack):
            record.state = "untriggered"
            record.trigger_price = record.command.trigger_price if record.command else None
        elif isinstance(event, OrderWaiting):
            record.state = "untriggered" if event.source is not None else "open"
            record.trigger_price = event.trigger_price
        else:
            record.state, record.price = "open", event.price
        record.changed_at = at
        return record

    def _untraded(self, owner: Owner, event: OrderRejected, at: Time, command: PlaceOrder) -> OrderRecord:
        """An order that met too few, which the core has given no id: its sender's number stands in, below nought."""
        series = self._state.series[event.instrument_id]
        pair = self.pairs[event.instrument_id]
        record = OrderRecord(
            -command.client_order_id, owner.participant_id, pair, event.side, event.quantity, at
        )
        record.command = command
        record.price = furthest_price(event.side, series) if command.price is None else command.price
        record.untraded_because = event.reason
        owner.end(record, "cancelled", at)
        return record

    def _filled(self, owner: Owner, event: OrderFilled, at: Time, news: News) -> None:
        record = owner.live[event.order_id]
        record.filled += event.quantity
        record.paid += event.price * event.quantity
        record.fee += event.fee
        record.changed_at = at
        if not event.remaining:
            owner.end(record, "filled", at)
        news.orders[record.order_id] = record
        self._pending.setdefault(event.trade_id, []).append((event, record))

    def _take_account(self, owner: Owner, event: PrivateEvent, at: Time) -> None:
        """What moves money or positions without an order, and what was refused."""
        match event:
            case CashDeposited():
                deposit = self._transfer(owner, event.asset_id, event.amount, at, f"d-{owner.moved + 1}")
                deposit.fee, deposit.state, deposit.is_deposit = event.fee, "completed", True
                self._log(owner, "deposit", event.asset_id, event.amount, at)
            case CryptoDepositAnnounced():
                deposit = self._transfer(owner, event.asset_id, event.amount, at, event.transaction)
                deposit.is_deposit = True
            case CryptoDepositCredited() | CryptoDepositVoided():
                credited = isinstance(event, CryptoDepositCredited)
                self._end(owner, event.transaction, at, "completed" if credited else "rejected")
                if credited:
                    self._log(owner, "deposit", event.asset_id, event.amount, at)
            case WithdrawalRequested() | UnitsWithdrawalRequested():
                withdrawal = self._transfer(owner, event.asset_id, event.amount, at, _withdrawal(event))
                withdrawal.number, withdrawal.state = event.withdrawal_id, "confirmed"
                self._log(owner, "withdrawal", event.asset_id, -event.amount, at)
            case WithdrawalCompleted() | UnitsWithdrawalCompleted():
                self._end(owner, _withdrawal(event), at, "completed")
            case WithdrawalReturned() | UnitsWithdrawalReturned():
                self._end(owner, _withdrawal(event), at, "rejected")
                self._log(owner, "correction", event.asset_id, event.amount, at)
            case VariationPaid() | InterestCredited():
                kind = "settlement" if isinstance(event, VariationPaid) else "interest"
                self._log(owner, kind, event.asset_id, event.amount, at)
            case LossShared() | UnitsLossShared():
                self._log(owner, "correction", event.asset_id, -event.amount, at)
            case LossRestored() | LatePenaltyBooked():
                self._log(owner, "correction", event.asset_id, event.amount, at)
            case NotesSubscribed():
                self._log(
                    owner, "trade", event.asset_id, -event.paid, at, self.pairs.get(event.instrument_id)
                )
            case CouponPaid() | NotesRedeemed():
                kind = "delivery" if isinstance(event, NotesRedeemed) else "settlement"
                self._log(owner, kind, event.asset_id, event.paid, at, self.pairs.get(event.instrument_id))
            case PositionRolled() | PositionClosedAtRoll():
                pair, cost = self.pairs[event.instrument_id], owner.cost(event.instrument_id)
                profit = cost.trade(-event.quantity, event.price, pair)
                if isinstance(event, PositionRolled):
                    cost.trade(event.quantity, event.price, pair)
                self._keep_settled(owner, "settlement", pair, event.price, event.quantity, profit, at)
            case PositionTransferred():
                owner.cost(event.instrument_id).trade(
                    event.lots, event.price, self.pairs[event.instrument_id]
                )
            case FundingPaid():
                pair, series = self.pairs[event.instrument_id], self._state.series[event.instrument_id]
                owner.cost(event.instrument_id).funding += event.amount / 100
                self._log(owner, "settlement", pair.quote, event.amount, at, pair)
                self._keep_settled(
                    owner, "settlement", pair, series.mark, owner.cost(pair.name).lots, 0.0, at, event.amount
                )
            case ClaimSettled():
                self._settled(owner, event, at)
            case _ if type(event).__name__.endswith(_REFUSALS):
                owner.refusals.append((at, event))
            case _:
                pass

    def _settled(self, owner: Owner, event: ClaimSettled, at: Time) -> None:
        """A claim is paid off. What is carried on of a perpetual is told apart, as a position that has rolled."""
        pairs = [one for one in self.pairs.values() if one.instrument.bucket_id == event.bucket_id]
        rolls = any(pair.is_perpetual for pair in pairs)
        currency = event.bucket_id.rpartition(":")[2].partition("#")[0]
        self._log(owner, "settlement" if rolls else "delivery", currency, event.gain, at)
        final = self._finals.get(event.bucket_id)
        for pair in pairs:
            cost = owner.costs.get(pair.name)
            if cost is not None and cost.lots and not rolls and final is not None:
                worth = pair.instrument.payoff(final) + (
                    pair.instrument.floor if pair.kind == "future" else 0
                )
                lots = cost.lots
                self._keep_settled(owner, "delivery", pair, worth, lots, cost.trade(-lots, worth, pair), at)

    def _keep_settled(
        self,
        owner: Owner,
        kind: str,
        pair: Pair,
        mark: Price,
        position: int,
        profit: float,
        at: Time,
        funding: Money = 0,
    ) -> None:
        latest = self._state.series[pair.instrument.instrument_id].latest_index
        index = latest.value if latest else 0
        owner.settlements.append(Settled(at, kind, pair, index, mark, position, profit, funding / CASH_SCALE))

    def _transfer(self, owner: Owner, currency: str, amount: int, at: Time, transaction: str) -> Transfer:
        """A transfer that has begun."""
        owner.moved += 1
        transfer = Transfer(
            owner.moved, at, at, currency, amount, "pending", False, self._scale(currency), transaction
        )
        owner.transfers[transaction] = transfer
        _keep_latest(owner.transfers, LOGGED)
        return transfer

    def _end(self, owner: Owner, transaction: str, at: Time, state: str) -> None:
        transfer = owner.transfers.get(transaction)
        if transfer is not None:
            transfer.changed_at, transfer.state = at, state

    def _scale(self, currency: str) -> int:
        """Minor units of an asset in one."""
        asset = self._state.assets.get(AssetId(currency))
        return 10**asset.scale if asset else CASH_SCALE

    def _log(
        self,
        owner: Owner,
        kind: str,
        currency: str,
        change: int,
        at: Time,
        pair: Pair | None = None,
        trade: UserTrade | None = None,
    ) -> None:
        owner.logged += 1
        row = LogRow(owner.logged, at, kind, currency, change, 0, self._scale(currency), pair, trade)
        owner.log.append(row)
        self._rows.append((owner.participant_id, row))

    def _strike_balances(self) -> None:
        """What each row of the command has left behind: what is there now, less what the rows after it have moved."""
        after: dict[tuple[ParticipantId, str], int] = {}
        for who, row in reversed(self._rows):
            key = who, row.currency
            row.balance = after[key] if key in after else owned(self._state, who, AssetId(row.currency))
            after[key] = row.balance - row.change
        self._rows.clear()

    # --- public -------------------------------------------------------------------------------------

    def _take_public(self, event: PublicEvent, at: Time, news: News, sequence: int) -> None:
        match event:
            case BookChanged():
                self.shown[event.instrument_id].take(event)
                levels = news.books.setdefault(event.instrument_id, [])
                levels += [(side, price) for _, side, price, _ in event.levels]
                news.touched[event.instrument_id] = None
                return
            case TradeReported():
                self._traded(event, at, news)
                return
            case IndexPublished():
                known = self.indices.setdefault(event.index_id, deque(maxlen=86_400))
                known.append((at, event.value))
                news.indices.append(event)
                for name, pair in self.pairs.items():
                    if pair.instrument.underlying == event.index_id:
                        news.touched[name] = None
                return
            case InstrumentListed():
                self._listed(event, at)
            case SeriesStateChanged():
                news.states.append(event)
                news.touched[event.instrument_id] = None
            case PerpetualRolled():
                name = event.instrument.instrument_id
                self.pairs[name].instrument = event.instrument
                known = self.indices.get(event.instrument.underlying, deque())
                index = known[-1][1] if known else 0
                self.rolls.setdefault(name, []).append((at, event, index))
            case SettlementPriceFinal():
                index_id = event.bucket_id.partition("@")[0]
                self._finals[event.bucket_id] = event.price
                self.deliveries.setdefault(index_id, []).append((at, event))
            case _:
                pass
        news.events.append(event)
        self._public.append((sequence, at, event))

    def _listed(self, event: InstrumentListed, at: Time) -> None:
        instrument = event.instrument
        scales: dict[str, int] = {asset.asset_id: asset.scale for asset in self._state.assets.values()}
        name = instrument.instrument_id
        self.pairs[name] = Pair(instrument, len(self.pairs) + 1, scales)
        self.listed_at[name] = at
        self.tapes[name], self.shown[name] = Tape(), Shown()

    def _traded(self, event: TradeReported, at: Time, news: News) -> None:
        name = event.instrument_id
        pair, tape, series = self.pairs[name], self.tapes[name], self._state.series[event.instrument_id]
        latest = series.latest_index
        trade = PublicTrade(
            event.trade_id,
            tape.number + 1,
            pair,
            at,
            event.price,
            event.quantity,
            event.taker_side or Side.BUY,
            tape.next_direction(event.price),
            latest.value if latest else 0,
            series.mark,
        )
        tape.take(trade)
        news.public.append(trade)
        news.touched[name] = None
        for filled, record in self._pending.pop(event.trade_id, ()):
            owner, lots = self.owners[record.owner], filled.quantity * record.side
            cost = owner.cost(name)
            closes = cost.lots * lots < 0
            profit = 0.0 if pair.kind == "spot" else cost.trade(lots, event.price, pair)
            trade.liquidation |= record.liquidation
            done = UserTrade(
                trade,
                record,
                record.owner,
                record.side,
                filled.liquidity,
                filled.fee,
                profit,
                record.state,
                closes,
                cost.lots,
            )
            record.trades.append(done)
            owner.trades.append(done)
            news.trades.append(done)
            self._log_trade(owner, done, at)

    def _log_trade(self, owner: Owner, done: UserTrade, at: Time) -> None:
        """What a trade moves: of a claim its fee, for what it gains is told when it is settled; of units both sides."""
        pair, lots = done.public.pair, done.public.quantity * done.side
        if not pair.in_units:
            self._log(owner, "trade", pair.quote, -done.fee, at, pair, done)
            return
        paid = lots * done.public.price * pair.instrument.tick_value
        self._log(owner, "trade", pair.quote, -paid - done.fee, at, pair, done)
        if pair.instrument.lot_units and AssetId(pair.base) in self._state.assets and pair.kind == "spot":
            self._log(owner, "trade", pair.base, lots * pair.instrument.lot_units, at, pair, done)


def _withdrawal(
    event: WithdrawalRequested
    | WithdrawalCompleted
    | WithdrawalReturned
    | UnitsWithdrawalRequested
    | UnitsWithdrawalCompleted
    | UnitsWithdrawalReturned,
) -> str:
    """The transaction of a withdrawal: cash and units are counted apart."""
    return f"{'u' if type(event).__name__.startswith('Units') else 'w'}-{event.withdrawal_id}"


def _met_too_few(event: OrderRejected, command: PlaceOrder) -> bool:
    """Whether this is the order of the command, and it was refused only because nobody was there to trade with."""
    own = (event.participant_id, event.client_order_id) == (command.participant_id, command.client_order_id)
    return own and event.reason in MET_TOO_FEW and not command.minimum

"""Short ways to say common things of participants, and a venue that only echoes."""

from collections.abc import Callable, Sequence
from enum import Enum
from types import UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from exchange.access.regime import Applicant, ApplicantKind
from exchange.commands import CancelAll, CancelOrder, Command, PlaceOrder, WithdrawCash
from exchange.events import (
    BestPricesChanged,
    CancelCause,
    CashRequestRejected,
    CashDeposited,
    Event,
    IndexPublished,
    IndexStatus,
    Liquidity,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    PrivateEvent,
    SeriesState,
    SeriesStateChanged,
)
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.reasons import CashRefusal
from exchange.units import MINUTE, SECOND, AssetId, InstrumentId, Money, Time, WalletId
from exchange.views import MarketView, PublicTape
from matching.terms import OrderId, ParticipantId, Price, Quantity, Side, TimeInForce
from participants.chance import Dice, generator
from participants.participant import Participant
from participants.profile import Profile, Style
from tests.builders import BTC_RUB, BTCF, RUBD, future

OPENS: Time = 1_766_044_800 * SECOND
FUTURE, INDEX = BTCF, BTC_RUB
ME = ParticipantId("me")


def an_instrument(**changes: Any) -> Instrument:
    """A capped future with fees and narrow bands: one lot at 80,000 ticks is 8,000 roubles."""
    terms: dict[str, Any] = {
        "fee_maker": 20,
        "fee_taker": 60,
        "max_quantity": 10_000,
        "price_band_bp": 700,
        "protection_bp": 100,
        "expiry": OPENS + 600 * MINUTE,
    }
    return future(**{**terms, **changes})


def a_profile(style: Style = Style.NOISE, **changes: Any) -> Profile:
    """Wishes 800,000 roubles: a hundred lots."""
    words: dict[str, Any] = {
        "participant_id": ME,
        "wallet_id": WalletId("wallet-me"),
        "applicant": Applicant(kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=3_000_000_000),
        "style": style,
        "desired_exposure": 80_000_000,
        "deposit": 200_000_000,
        "wealth_decile": 8,
        "attention_ns": MINUTE,
        "fear_bp": 900,
        "intermediary": "bank_north",
    }
    return Profile(**{**words, **changes})


def dice(name: str = "me", seed: int = 7) -> Dice:
    return Dice(generator(seed, name))


class Market:
    """A public market by hand: publish, then look."""

    def __init__(self, now: Time = OPENS) -> None:
        self.tape = PublicTape()
        self.now = now
        self.publish(SeriesStateChanged(instrument_id=FUTURE, state=SeriesState.TRADING))
        self.index(80_000)
        self.best(79_990, 80_010)

    def publish(self, event: Event) -> None:
        self.tape.publish(self.now, event)

    def index(self, ticks: int, status: IndexStatus = IndexStatus.OK) -> None:
        self.publish(IndexPublished(index_id=INDEX, value=ticks * 10_000, status=status, venues=4))

    def best(self, bid: Price | None, ask: Price | None, quantity: Quantity = 50) -> None:
        self.publish(
            BestPricesChanged(
                instrument_id=FUTURE,
                bid=bid,
                bid_quantity=quantity if bid is not None else 0,
                ask=ask,
                ask_quantity=quantity if ask is not None else 0,
            )
        )

    def state(self, state: SeriesState) -> None:
        self.publish(SeriesStateChanged(instrument_id=FUTURE, state=state))

    @property
    def view(self) -> MarketView:
        return MarketView(self.tape, self.now)

    def ask(self, participant: Participant, news: Sequence[Event] = (), after: Time = 0) -> list[Command]:
        """Let time pass until it wants to look, at least `after`, and return what it sends."""
        due = getattr(participant, "next_look", self.now)
        self.now = max(self.now + after, due)
        return list(participant.decide(self.now, news, self.view).commands)


def accepted(
    order_id: int, side: Side, price: Price, quantity: Quantity, client_order_id: int = 0
) -> OrderAccepted:
    return OrderAccepted(
        participant_id=ME,
        order_id=OrderId(order_id),
        client_order_id=client_order_id,
        instrument_id=FUTURE,
        side=side,
        price=price,
        quantity=quantity,
    )


def filled(
    order_id: int, side: Side, price: Price, quantity: Quantity, remaining: Quantity = 0, fee: Money = 0
) -> OrderFilled:
    return OrderFilled(
        participant_id=ME,
        order_id=OrderId(order_id),
        client_order_id=0,
        instrument_id=FUTURE,
        trade_id=1,
        side=side,
        price=price,
        quantity=quantity,
        remaining=remaining,
        liquidity=Liquidity.MAKER,
        fee=fee,
    )


def canceled(order_id: int, remaining: Quantity = 0) -> OrderCanceled:
    return OrderCanceled(
        participant_id=ME,
        order_id=OrderId(order_id),
        client_order_id=0,
        instrument_id=FUTURE,
        remaining=remaining,
        cause=CancelCause.REQUESTED,
    )


def deposited(amount: Money) -> CashDeposited:
    return CashDeposited(participant_id=ME, asset_id=RUBD, amount=amount)


def withdrawal_refused(amount: Money, available: Money) -> CashRequestRejected:
    return CashRequestRejected(
        participant_id=ME,
        request="WithdrawCash",
        asset_id=RUBD,
        amount=amount,
        available=available,
        reason=CashRefusal.GATED,
    )


class EchoVenue:
    """Accepts every order and fills it by chance; knows the true position, and what it might have become."""

    def __init__(self, market: Market, instrument: Instrument) -> None:
        self.market = market
        self.instrument = instrument
        self.position = 0
        self.most_at_risk = 0  # lots long or short, had every order on one side been filled
        self.orders: dict[OrderId, PlaceOrder] = {}
        self.remaining: dict[OrderId, Quantity] = {}
        self.withdrawn: Money = 0
        self._count = 0
        self._dice = dice("venue")

    def take(self, commands: Sequence[Command]) -> list[Event]:
        """What the participant is told of these commands, and of chance fills of its resting orders."""
        news: list[Event] = []
        for command in commands:
            match command:
                case PlaceOrder():
                    news += self._place(command)
                case CancelOrder(order_id=order_id):
                    news += self._cancel(order_id)
                case CancelAll():
                    for order_id in list(self.orders):
                        news += self._cancel(order_id)
                case WithdrawCash():
                    self.withdrawn += command.amount
        self._note_risk()
        for order_id in list(self.orders):
            if self._dice.uniform() < 0.3:
                news += self._fill(order_id, self._dice.integer(1, self.remaining[order_id]))
        return news

    def _place(self, order: PlaceOrder) -> list[Event]:
        self._count += 1
        order_id = OrderId(self._count)
        best = self.market.view.best_prices(FUTURE)
        assert best is not None
        touch = best.ask if order.side is Side.BUY else best.bid
        price = order.price if order.price is not None else touch
        assert price is not None
        self.orders[order_id], self.remaining[order_id] = order, order.quantity
        self._note_risk()
        news: list[Event] = [accepted(order_id, order.side, price, order.quantity, order.client_order_id)]
        if order.price is None or order.time_in_force is TimeInForce.IOC:
            news += self._fill(order_id, self._dice.integer(1, order.quantity))
            if order_id in self.orders:
                news += self._cancel(order_id)
        return news

    def _fill(self, order_id: OrderId, quantity: Quantity) -> list[Event]:
        order = self.orders[order_id]
        price = order.price if order.price is not None else self.instrument.reference
        self.remaining[order_id] -= quantity
        self.position += order.side * quantity
        news = filled(order_id, order.side, price, quantity, self.remaining[order_id], 20 * quantity)
        if self.remaining[order_id] == 0:
            del self.orders[order_id], self.remaining[order_id]
        return [news]

    def _cancel(self, order_id: OrderId) -> list[Event]:
        if order_id not in self.orders:
            return []
        del self.orders[order_id]
        return [canceled(order_id, self.remaining.pop(order_id))]

    def _note_risk(self) -> None:
        open_lots = {Side.BUY: 0, Side.SELL: 0}
        for order_id, order in self.orders.items():
            if not order.reduce_only:
                open_lots[order.side] += self.remaining[order_id]
        at_risk = max(self.position + open_lots[Side.BUY], -self.position + open_lots[Side.SELL])
        self.most_at_risk = max(self.most_at_risk, at_risk)


# --- any event whatever -------------------------------------------------------------------------------

_NAMED: dict[str, st.SearchStrategy[Any]] = {
    "participant_id": st.just(ME),
    "instrument_id": st.sampled_from([FUTURE, InstrumentId("OTHER")]),
    "asset_id": st.sampled_from([RUBD, AssetId("USDX")]),
    "index_id": st.just(INDEX),
    "value": st.one_of(st.just(0), st.integers(700_000_000, 900_000_000), st.integers(0, 10**12)),
    "order_id": st.integers(0, 6).map(OrderId),
    "price": st.integers(0, 160_000),
    "quantity": st.integers(1, 10_000),
}


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of one kind; of the private ones, those that name `ME`."""
    fields = get_type_hints(kind)
    parts = {name: _values(hint, name) for name, hint in fields.items()}
    return st.builds(kind, **parts)


def _values(hint: Any, name: str = "") -> st.SearchStrategy[Any]:
    if name in _NAMED and get_origin(hint) not in (UnionType, Union):
        return _NAMED[name]
    if isinstance(hint, NewType):
        return _values(hint.__supertype__)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        nothing = {type(None): st.none()}
        return st.one_of([nothing[part] if part in nothing else _values(part) for part in arguments])
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=2)
    return _plain(hint)


def _plain(kind: type[Any]) -> st.SearchStrategy[Any]:
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if issubclass(kind, Message | tuple):  # a tuple that names its fields
        return st.builds(kind, **{name: _values(hint, name) for name, hint in get_type_hints(kind).items()})
    simple: dict[type, Callable[[], st.SearchStrategy[Any]]] = {
        bool: st.booleans,
        int: lambda: st.integers(0, 10**12),
        str: lambda: st.sampled_from(["a", "b"]),
    }
    return simple[kind]()


ANY_EVENT: st.SearchStrategy[Event] = st.one_of([events_of(kind) for kind in get_args(Event)])


def is_private(event: Event) -> bool:
    return isinstance(event, PrivateEvent)

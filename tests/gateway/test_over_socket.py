"""Strategies that were written for simulated time trade over a real socket as they are, and hear the same news."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import pytest

from exchange.access.regime import Applicant, ApplicantKind
from exchange.commands import (
    AmendOrder,
    AmendWaiting,
    CancelAll,
    CancelOrder,
    Command,
    LinkOrders,
    PlaceOrder,
    ProtectQuotes,
    WithdrawCash,
)
from exchange.events import (
    BestPricesChanged,
    BookChanged,
    Event,
    IndexPublished,
    InstrumentListed,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrdersLinked,
    OrderWaiting,
    PrivateEvent,
    SessionOpened,
    TradeReported,
    WaitingAmended,
    WithdrawalRequested,
)
from exchange.reasons import RejectReason
from exchange.units import SECOND, AssetId, InstrumentId, Time
from exchange.views import MarketView
from matching.terms import OrderId, ParticipantId, PostOnly, Price, Side, TimeInForce
from matching.triggers import PriceSource
from participants.chance import Dice, generator
from participants.client import Client
from participants.dialect import CannotBeAskedError
from participants.over_socket import LineLostError, SocketLine
from participants.participant import Decision
from participants.profile import Profile, Style
from participants.strategies.market_maker import MarketMaker
from participants.strategies.noise_trader import NoiseTrader
from participants.strategies.trader import Trader
from participants.strategies.value_trader import ValueTrader
from tests.gateway.loopback import PERPETUAL, Venue, play
from tests.gateway.relay import relay
from tests.gateway.test_client import client
from tests.gateway.test_client_faults import forget_places

E = TypeVar("E", bound=Event)
OFTEN: Time = SECOND // 100
DEPOSIT = 50_000_000_00


def built(strategy: type[Trader], line: SocketLine) -> Trader:
    profile = Profile(
        participant_id=line.participant_id,
        wallet_id=line.wallet_id,
        applicant=Applicant(kind=ApplicantKind.INDIVIDUAL),
        style=Style.NOISE,
        desired_exposure=DEPOSIT // 4,
        deposit=DEPOSIT,
        wealth_decile=10,
        attention_ns=OFTEN,
        fear_bp=2_000,
        intermediary="none",
    )
    dice = Dice(generator(7, line.participant_id))
    return strategy(profile, line.instrument(PERPETUAL), dice, line.clock.now())


async def stopped(task: "asyncio.Task[None]") -> None:
    """End it; if it has ended by itself, it has failed."""
    assert not task.done(), task.exception()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("strategy", [NoiseTrader, ValueTrader])
def test_strategies_quote_and_trade_as_they_are(open_venue: Venue, strategy: type[Trader]) -> None:
    async def story() -> None:
        async with (
            client(open_venue, "everyone-1") as one,
            client(open_venue, "everyone-2") as other,
            SocketLine(one) as makers,
            SocketLine(other) as takers,
        ):
            before = (await one.position(PERPETUAL)).size
            maker, taker = built(MarketMaker, makers), built(strategy, takers)
            making = asyncio.get_running_loop().create_task(makers.play(maker))
            taking = asyncio.get_running_loop().create_task(takers.play(taker))
            while takers.heard["OrderFilled"] < 5 or not makers.heard["OrderCanceled"]:
                assert not making.done() and not taking.done()
                await asyncio.sleep(0.01)
            await stopped(taking)
            await other.cancel_all()
            size = round(((await one.position(PERPETUAL)).size - before) * 1000)
            while maker.desk.position(maker.instrument.instrument_id) != size:
                await asyncio.sleep(0.01)  # it hears of its fills when it looks up
            await stopped(making)
            assert makers.heard["OrderAccepted"] > 5
            assert makers.heard["OrderFilled"] >= 5 <= taker.desk.next_client_order_id()
            await one.cancel_all()

    play(story())


class Teller:
    """Gives one command after another, each once it has heard what became of the one before, and keeps all that it
    hears, with what it could see then.
    """

    wakes_for: Collection[type[Event]] = ()
    follows: Collection[type[Any]] = (TradeReported,)

    def __init__(self, participant_id: ParticipantId, *commands: Callable[["Teller"], Command]) -> None:
        self.participant_id = participant_id
        self.commands = list(commands)
        self.news: list[Event] = []
        self.looks: list[Time] = []
        self.seen: list[tuple[BestPricesChanged | None, IndexPublished | None]] = []
        self._waits = False

    def first_wake(self) -> Time:
        return 0

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        self.news += news
        self.looks.append(now)
        self.seen.append((market.best_prices(PERPETUAL), market.index("BTC_RUB")))
        if any(isinstance(event, PrivateEvent) for event in news):
            self._waits = False
        if self._waits or not self.commands:
            return Decision((), now + OFTEN)
        self._waits = True
        return Decision([self.commands.pop(0)(self)], now + OFTEN)

    def last(self, kind: type[E]) -> E:
        return self.heard(kind)[-1]

    def heard(self, kind: type[E]) -> list[E]:
        return [event for event in self.news if isinstance(event, kind)]


async def told(
    line: SocketLine, *commands: Callable[[Teller], Command], until: type[Event], times: int = 1
) -> Teller:
    """Somebody who gives these commands and plays until it has heard so much."""
    teller = Teller(line.participant_id, *commands)
    task = asyncio.get_running_loop().create_task(line.play(teller))
    while teller.commands or len(teller.heard(until)) < times:
        if task.done():
            await task
        await asyncio.sleep(0.005)
    await stopped(task)
    return teller


def order(teller: Teller, number: int, side: Side, price: Price | None, **terms: Any) -> PlaceOrder:
    return PlaceOrder(
        participant_id=teller.participant_id,
        client_order_id=number,
        instrument_id=InstrumentId(PERPETUAL),
        side=side,
        price=price,
        **{"quantity": 5, **terms},
    )


def test_commands_become_methods_and_news_carry_the_participants_own_numbers(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as venue, SocketLine(venue) as line:
            index, me = (await venue.ticker(PERPETUAL)).index_price, line.participant_id
            low, high = int(index * 0.95) // 100, int(index * 1.05) // 100
            gtc = TimeInForce.GTC

            def latest(one: Teller) -> OrderId:
                return one.last(OrderAccepted).order_id

            def waiting_id(one: Teller) -> OrderId:
                return one.last(OrderWaiting).order_id

            def before(one: Teller) -> OrderId:
                return one.heard(OrderAccepted)[-2].order_id

            one = await told(
                line,
                lambda one: order(one, 71, Side.BUY, low, post_only=PostOnly.REJECT),
                lambda one: AmendOrder(participant_id=me, order_id=latest(one), price=low - 1, quantity=3),
                lambda one: CancelOrder(participant_id=me, order_id=latest(one)),
                lambda one: order(one, 72, Side.BUY, low, quantity=5 * 10**8),
                lambda one: order(one, 73, Side.SELL, None),
                lambda one: order(one, 74, Side.BUY, low, time_in_force=gtc, label="a", display=2),
                lambda one: order(one, 75, Side.SELL, high, time_in_force=gtc),
                lambda one: LinkOrders(participant_id=me, first=before(one), second=latest(one)),
                lambda one: CancelAll(participant_id=me, label="a"),
                lambda one: order(
                    one, 76, Side.BUY, None, trigger_source=PriceSource.INDEX, trigger_price=high
                ),
                lambda one: order(
                    one, 77, Side.SELL, low - 9, trigger_source=PriceSource.MARK, trigger_price=low
                ),
                lambda one: AmendWaiting(
                    participant_id=me,
                    order_id=waiting_id(one),
                    quantity=4,
                    price=low - 8,
                    trigger_price=low - 1,
                ),
                lambda one: order(one, 78, Side.SELL, None, trigger_source=PriceSource.MARK, trail=1_000),
                lambda one: AmendWaiting(participant_id=me, order_id=waiting_id(one), trail=2_000),
                lambda one: CancelAll(participant_id=me, instrument_id=InstrumentId(PERPETUAL)),
                lambda one: order(one, 79, Side.BUY, low),
                lambda one: CancelAll(participant_id=me),
                lambda one: WithdrawCash(participant_id=me, asset_id=AssetId("RUBD"), amount=12_345),
                until=WithdrawalRequested,
            )
            accepted = [(e.client_order_id, e.price, e.quantity) for e in one.heard(OrderAccepted)]
            assert accepted == [(71, low, 5), (74, low, 5), (75, high, 5), (79, low, 5)]
            amended = one.last(OrderAmended)
            assert (amended.client_order_id, amended.price, amended.remaining) == (71, low - 1, 3)
            rejected = [(e.client_order_id, e.reason) for e in one.heard(OrderRejected)]
            assert rejected == [(72, RejectReason.INSUFFICIENT_CASH), (73, RejectReason.NO_OPPOSITE_PRICE)]
            waiting = [(e.client_order_id, e.source, e.trigger_price) for e in one.heard(OrderWaiting)]
            assert waiting[:2] == [(76, PriceSource.INDEX, high), (77, PriceSource.MARK, low)]
            assert waiting[2][:2] == (78, PriceSource.MARK)
            changed = [(e.client_order_id, e.price, e.quantity, e.trail) for e in one.heard(WaitingAmended)]
            assert changed == [(77, low - 8, 4, None), (78, None, 5, 2_000)]
            canceled = [e.client_order_id for e in one.heard(OrderCanceled)]
            assert canceled == [71, 74, 75, 76, 77, 78, 79]
            assert len(one.heard(OrdersLinked)) == 1
            assert one.last(WithdrawalRequested).amount == 12_345
            assert line.sent == 18 and sum(line.refused.values()) == 1
            assert one.looks == sorted(one.looks) and len(set(one.looks)) == len(one.looks)

    play(story())


def test_it_sees_the_market_and_hears_what_it_follows(open_venue: Venue) -> None:
    async def story() -> None:
        async with (
            client(open_venue) as venue,
            client(open_venue, "everyone-2") as other,
            SocketLine(venue) as line,
        ):
            price = round((await venue.ticker(PERPETUAL)).index_price * 0.95 / 100) * 100.0
            await other.sell(PERPETUAL, 0.01, price=price)

            def take(one: Teller) -> PlaceOrder:
                return order(one, 9, Side.BUY, None)

            one = await told(line, take, until=OrderFilled)
            assert one.last(TradeReported).quantity == 5 and one.last(TradeReported).price * 100 == price
            assert (one.last(OrderFilled).client_order_id, one.last(OrderFilled).quantity) == (9, 5)
            assert (line.heard["OrderAccepted"], line.heard["OrderFilled"]) == (1, 1), "not those of others"
            best, index = one.seen[-1]
            assert best is not None and best.ask is not None and best.ask * 100 == price
            assert index is not None and index.value > 0
            await other.cancel_all()

    play(story())


def test_whoever_comes_late_is_told_what_stands(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as venue, SocketLine(venue) as line:
            assert line.instrument(PERPETUAL).roll is not None
            assert line.instrument("BTC_RUBD").base == "BTC"
            entries = open_venue.on_its_thread(lambda: open_venue.gateway.venue.books.latest.entries())
            numbers = [entry.sequence for entry in entries]
            assert numbers == sorted(numbers)
            kinds = {type(entry.event) for entry in entries}
            assert {InstrumentListed, IndexPublished, SessionOpened} < kinds and BookChanged not in kinds
        async with client(open_venue, "everyone-2") as venue, SocketLine(venue) as line:
            assert not line.heard, "nobody hears what concerns somebody else"

    play(story())


def test_what_no_method_says_is_told_by_name(open_venue: Venue) -> None:
    async def story() -> None:
        async with client(open_venue) as venue:
            me = ParticipantId("everyone-1")
            protect = ProtectQuotes(
                participant_id=me,
                instrument_id=InstrumentId(PERPETUAL),
                quantity_limit=1,
                interval=SECOND,
                freeze=SECOND,
            )
            for command, word in (
                (protect, "ProtectQuotes"),
                (CancelOrder(participant_id=me, order_id=OrderId(10**9)), "OrderAccepted"),
                (CancelAll(participant_id=me, instrument_id=InstrumentId(PERPETUAL), label="a"), "leave one"),
            ):
                async with SocketLine(venue) as line:
                    with pytest.raises(CannotBeAskedError, match=word):
                        await told(line, lambda _, one=command: one, until=OrderFilled)  # type: ignore[misc]
            async with SocketLine(venue) as line:
                follower = Teller(me)
                follower.follows = (BookChanged,)
                with pytest.raises(CannotBeAskedError, match="BookChanged"):
                    await line.play(follower)

    play(story())


def test_who_has_lost_its_line_plays_on_if_it_can_hear_what_it_missed_and_else_begins_anew(
    open_venue: Venue,
) -> None:
    async def story() -> None:
        key = open_venue.keys["everyone-1"]
        async with (
            relay(open_venue.ws) as cable,
            Client.connect(cable.url, key.client_id, key.secret) as venue,
        ):
            async with SocketLine(venue) as line:
                maker = built(MarketMaker, line)
                task = asyncio.get_running_loop().create_task(line.play(maker))
                while line.heard["OrderAccepted"] < 10:
                    await asyncio.sleep(0.005)
                await cable.close()
                async with client(open_venue) as elsewhere:
                    await elsewhere.cancel_all()
                await cable.reopen()
                while maker.desk.orders:
                    await asyncio.sleep(0.005)  # it was not there, and hears of it all the same
                await cable.close()
                forget_places(open_venue)
                await cable.reopen()
                with pytest.raises(LineLostError):
                    await task
            await venue.cancel_all()
            async with SocketLine(venue) as line:
                task = asyncio.get_running_loop().create_task(line.play(built(MarketMaker, line)))
                while line.heard["OrderAccepted"] < 10:
                    await asyncio.sleep(0.005)
                await stopped(task)
            await venue.cancel_all()

    play(story())

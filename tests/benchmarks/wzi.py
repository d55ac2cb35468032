"""Reference workload W-ZI through the whole exchange, in simulated time: one JSON line.

    python -m tests.benchmarks.wzi N SECONDS [SEED] [--lines] [--clearing full|risk] [--quotes] [--calls K]

N noise traders, each looking up by its own Poisson clock (mean gap 10 s): 15% send a market order, 35% cancel
an order of their own, the others send a limit order up to 20 ticks from the opposite best price, 1 to 10 lots.
One maker refreshes five levels a side, ten lots each, every second. Admission, exposure limits, ledger,
positions, record and digest are on, and nobody pays a fee; importing and setting up are not timed.

As in the other engines that run this workload, a trader is a callback of the clock that calls the exchange and
is answered at once. With `--lines` the same traders are participants of a simulation, with lines and inboxes.

With `--clearing risk` positions are covered by margin, all accounts are valued once a minute, and in the middle
of the run a clearing collects and pays. With `--quotes` four outside venues quote once a second, so that there
is an index, and every second a mark; without them there is none, and marks stay where they began. With `--calls`
so many calls, which nobody trades, are covered together with the future, and make rows longer.
"""

import argparse
import json
import resource
import time
from collections.abc import Sequence

import simpy

from exchange.access.regime import Applicant, ApplicantKind
from exchange.audit import audit
from exchange.clearing.terms import ClearingMode, ClearingRules, ClearingTime, VariationSchedule
from exchange.commands import (
    AdoptRegime,
    ApplyForAccess,
    CancelOrder,
    CoinTerms,
    Command,
    DepositCash,
    EstablishVenue,
    IndexTerms,
    ListInstrument,
    MintCoins,
    PlaceOrder,
    RecordFiatReceipt,
    ReportQuotes,
    SessionTerms,
    VenueQuote,
)
from exchange.core import Exchange
from exchange.events import (
    BestPricesChanged,
    Entry,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    PrivateEvent,
    PublicEvent,
    TradeReported,
)
from exchange.instruments import Asset, ContractKind, Instrument
from exchange.messages import changed
from exchange.units import SECOND, AssetId, IndexId, InstrumentId, Time, WalletId
from exchange.views import MarketView
from matching.terms import OrderId, ParticipantId, Side
from participants.chance import Dice, generator
from participants.participant import Decision
from scenarios.config.regime_file import load_regime
from scenarios.results import RecordWriter
from scenarios.simulation import Link, Simulation, rare_collections
from scenarios.world import LinkTerms

RUBD = AssetId("RUBD")
SERIES = InstrumentId("BTC_RUBD-ZI")
INDEX = IndexId("ZI")
VENUES = ("aster", "boreal", "cygnus", "dorado")
START, OPENS = 1_000 * SECOND, 1_001 * SECOND
DEPOSIT = 10**15
START_PRICE = 10_000


class Trader:
    """What both kinds of trader know of their own live orders."""

    def __init__(self, participant_id: ParticipantId, dice: Dice) -> None:
        self.participant_id = participant_id
        self.dice = dice
        self.live: dict[OrderId, None] = {}
        self.sent = 0

    def hear(self, event: Event) -> None:
        if type(event) is OrderAccepted:
            self.live[event.order_id] = None
        elif type(event) is OrderCanceled or (type(event) is OrderFilled and not event.remaining):
            self.live.pop(event.order_id, None)

    def gap(self) -> Time:
        """Until it looks up again."""
        raise NotImplementedError

    def act(self, best: BestPricesChanged | None, last: TradeReported | None) -> Sequence[Command]:
        raise NotImplementedError

    def order(self, side: Side, quantity: int, price: int | None) -> PlaceOrder:
        self.sent += 1
        return PlaceOrder(
            participant_id=self.participant_id,
            client_order_id=self.sent,
            instrument_id=SERIES,
            side=side,
            quantity=quantity,
            price=price,
        )

    def cancel(self, order_id: OrderId) -> CancelOrder:
        return CancelOrder(participant_id=self.participant_id, order_id=order_id)


class NoiseTrader(Trader):
    def gap(self) -> Time:
        return 1 + int(self.dice.exponential() * 10 * SECOND)

    def act(self, best: BestPricesChanged | None, last: TradeReported | None) -> Sequence[Command]:
        dice = self.dice
        what = dice.uniform()
        if 0.15 <= what < 0.50 and self.live:
            return (self.cancel(list(self.live)[dice.integer(0, len(self.live) - 1)]),)
        side = Side.BUY if dice.uniform() < 0.5 else Side.SELL
        quantity = dice.integer(1, 10)
        if what < 0.15:
            return (self.order(side, quantity, None),)
        opposite = None if best is None else best.ask if side is Side.BUY else best.bid
        away = START_PRICE + side * 10 if opposite is None else opposite
        return (self.order(side, quantity, away - side * dice.integer(1, 20)),)


class Maker(Trader):
    def gap(self) -> Time:
        return SECOND

    def act(self, best: BestPricesChanged | None, last: TradeReported | None) -> Sequence[Command]:
        middle = last.price if last else START_PRICE
        if best and best.bid is not None and best.ask is not None:
            middle = (best.bid + best.ask) // 2
        commands: list[Command] = [self.cancel(order_id) for order_id in self.live]
        for level in range(1, 6):
            commands.append(self.order(Side.BUY, 10, middle - 2 * level))
            commands.append(self.order(Side.SELL, 10, middle + 2 * level))
        return commands


class OutsideVenues(Trader):
    """Not a trader at all: every second all outside venues show a price that has wandered by up to two ticks."""

    price = START_PRICE

    def gap(self) -> Time:
        self.sent += 1
        return SECOND

    def act(self, best: BestPricesChanged | None, last: TradeReported | None) -> Sequence[Command]:
        self.price += self.dice.integer(-2, 2)
        at, bid, ask = OPENS + (self.sent - 1) * SECOND, self.price - 1, self.price + 1
        quotes = tuple(VenueQuote(venue=venue, bid=bid, ask=ask, at=at) for venue in VENUES)
        return (ReportQuotes(index_id=INDEX, quotes=quotes),)


class OnLine:
    """The same trader as a participant of a simulation."""

    follows: tuple[type[PublicEvent], ...] = ()
    wakes_for: tuple[type[Event], ...] = ()

    def __init__(self, trader: Trader) -> None:
        self.trader = trader
        self.participant_id = trader.participant_id

    def first_wake(self) -> Time:
        return OPENS + self.trader.gap()

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        for event in news:
            self.trader.hear(event)
        commands = self.trader.act(market.best_prices(SERIES), market.last_trade(SERIES))
        return Decision(commands, now + self.trader.gap())


class Floor:
    """Traders who call the exchange from the clock's callbacks and hear the answer at once."""

    def __init__(self, exchange: Exchange, keeper: "Keeper", traders: Sequence[Trader]) -> None:
        self.exchange = exchange
        self.keeper = keeper
        self.traders = {trader.participant_id: trader for trader in traders}
        self.best: BestPricesChanged | None = None
        self.last: TradeReported | None = None
        self.clock = simpy.Environment(initial_time=OPENS)

    def run(self, until: Time) -> None:
        for trader in self.traders.values():
            self._look_up_later(trader)
        with rare_collections():
            self.clock.run(until=until + 1)
        self._tell(self.exchange.advance(until))

    def _look_up_later(self, trader: Trader) -> None:
        self.clock.timeout(trader.gap(), trader).callbacks.append(self._look_up)

    def _look_up(self, event: simpy.Event) -> None:
        trader = event.value
        now = int(self.clock.now)
        for command in trader.act(self.best, self.last):
            self.keeper.command(now, command)
            self._tell(self.exchange.handle(command, now))
        self._look_up_later(trader)

    def _tell(self, entries: list[Entry]) -> None:
        self.keeper.entries(entries)
        for entry in entries:
            event = entry.event
            if isinstance(event, PrivateEvent):
                self.traders[event.participant_id].hear(event)
            elif type(event) is BestPricesChanged:
                self.best = event
            elif type(event) is TradeReported:
                self.last = event


class Keeper:
    """Keeps the record, as a comparison does, and counts the requests that reached the exchange."""

    def __init__(self) -> None:
        self.record = RecordWriter()
        self.orders = self.cancels = 0

    def command(self, _time: Time, command: Command) -> None:
        if type(command) is PlaceOrder:
            self.orders += 1
        elif type(command) is CancelOrder:
            self.cancels += 1

    def entries(self, entries: list[Entry]) -> None:
        self.record.write(entries)


def series(expiry: Time) -> Instrument:
    return Instrument(
        instrument_id=SERIES,
        kind=ContractKind.CAPPED_FUTURE,
        underlying=INDEX,
        cash=RUBD,
        tick=1,
        tick_value=1,
        floor=0,
        cap=2 * START_PRICE,
        reference=START_PRICE,
        fee_maker=0,
        fee_taker=0,
        max_quantity=1_000,
        price_band_bp=9_999,
        protection_bp=5_000,
        expiry=expiry,
    )


def call(number: int, terms: Instrument) -> Instrument:
    strike = START_PRICE + 100 * number
    name = InstrumentId(f"{SERIES}-{strike}-C")
    return changed(terms, instrument_id=name, kind=ContractKind.CALL, strike=strike, reference=100)


def rules(mode: ClearingMode, seconds: int) -> ClearingRules:
    middle = OPENS + seconds * SECOND // 2
    return ClearingRules(
        mode=mode, variation=VariationSchedule(clearings=(ClearingTime(marks=middle, pays=middle),))
    )


def found(traders: Sequence[Trader], seconds: int, mode: ClearingMode, calls: int) -> list[Command]:
    """The venue, and its traders with enough money for anything."""
    closes = OPENS + seconds * SECOND + SECOND
    future = series(closes + 3600 * SECOND)
    coin = CoinTerms(
        asset_id=RUBD,
        issuer="bench",
        minters={"minter": 10**18},
        venue_wallets=(WalletId("venue-1"),),
        freeze_signatures=("issuer",),
        venue_freeze_signatures=("issuer",),
        pause_signatures=("issuer",),
    )
    commands: list[Command] = [
        EstablishVenue(
            assets=(Asset(asset_id=RUBD, scale=2, title="coin"),),
            indices=(IndexTerms(index_id=INDEX, venues=VENUES, weights_ppm=(250_000,) * 4),),
            coins=(coin,),
            sessions=(SessionTerms(opens=OPENS, closes=closes),),
        ),
        AdoptRegime(regime=changed(load_regime("ru_elr_super_2025"), clearing=rules(mode, seconds))),
        ListInstrument(instrument=future),
        *(ListInstrument(instrument=call(number, future)) for number in range(calls)),
    ]
    rich = Applicant(kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=100 * DEPOSIT)
    for trader in traders:
        name, wallet = trader.participant_id, WalletId(f"wallet-{trader.participant_id}")
        receipt = f"receipt-{name}"
        commands += [
            ApplyForAccess(participant_id=name, applicant=rich, wallet_id=wallet),
            RecordFiatReceipt(asset_id=RUBD, receipt_id=receipt, amount=DEPOSIT),
            MintCoins(asset_id=RUBD, minter="minter", receipt_id=receipt, wallet_id=wallet, amount=DEPOSIT),
            DepositCash(participant_id=name, asset_id=RUBD, amount=DEPOSIT),
        ]
    return commands


def on_the_floor(commands: Sequence[Command], traders: Sequence[Trader], keeper: "Keeper") -> Floor:
    exchange = Exchange()
    for command in commands:
        keeper.entries(exchange.handle(command, START))
    return Floor(exchange, keeper, traders)


def on_lines(commands: Sequence[Command], traders: Sequence[Trader], keeper: "Keeper") -> Simulation:
    simulation = Simulation(Exchange(), keeper, START)
    for command in commands:
        simulation.submit(command)
    for trader in traders:
        simulation.join(OnLine(trader), Link(LinkTerms(0, 0), trader.dice))
    return simulation


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reference workload W-ZI through the whole exchange.")
    parser.add_argument("count", metavar="N", type=int, help="noise traders")
    parser.add_argument("seconds", metavar="SECONDS", type=int, help="of simulated time")
    parser.add_argument("seed", metavar="SEED", type=int, nargs="?", default=1)
    parser.add_argument("--lines", action="store_true", help="traders on lines with inboxes")
    parser.add_argument(
        "--clearing", type=ClearingMode, choices=list(ClearingMode), default=ClearingMode.FULL
    )
    parser.add_argument("--quotes", action="store_true", help="outside venues quote once a second")
    parser.add_argument("--calls", metavar="K", type=int, default=0, help="calls beside the future")
    return parser.parse_args()


def main() -> None:
    wanted = asked()
    names = [ParticipantId(f"zi-{number}") for number in range(wanted.count + 1)]
    dice = [Dice(generator(wanted.seed, name)) for name in names]
    traders: list[Trader] = [NoiseTrader(name, its) for name, its in zip(names[:-1], dice, strict=False)]
    traders.append(Maker(names[-1], dice[-1]))
    commands = found(traders, wanted.seconds, wanted.clearing, wanted.calls)
    if wanted.quotes:
        outside = ParticipantId("outside")
        traders.append(OutsideVenues(outside, Dice(generator(wanted.seed, outside))))
    keeper = Keeper()
    workload = (on_lines if wanted.lines else on_the_floor)(commands, traders, keeper)
    keeper.orders = keeper.cancels = 0
    started = time.process_time()
    workload.run(OPENS + wanted.seconds * SECOND)
    keeper.record.close()
    cpu_s = time.process_time() - started
    state = workload.exchange.state
    assert audit(state) == []
    requests = keeper.orders + keeper.cancels
    print(
        json.dumps(
            {
                "clearing": wanted.clearing,
                "requests": requests,
                "orders": keeper.orders,
                "cancels": keeper.cancels,
                "fills": state.trades,
                "cpu_s": round(cpu_s, 3),
                "requests_per_cpu_s": round(requests / cpu_s),
                "digest": keeper.record.digest(),
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()

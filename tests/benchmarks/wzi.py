"""Reference workload W-ZI through the whole exchange, in simulated time: one JSON line.

    python -m tests.benchmarks.wzi N SECONDS [SEED]

N noise traders, each looking up by its own Poisson clock (mean gap 10 s): 15% send a market order, 35% cancel
an order of their own, the others send a limit order up to 20 ticks from the opposite best price, 1 to 10 lots.
One maker refreshes five levels a side, ten lots each, every second. Admission, exposure limits, ledger,
positions, record and digest are on. As in the other engines that run this workload, messages take no time and
nobody pays a fee; importing and setting up are not timed.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence

from exchange.access.regime import Applicant, ApplicantKind, Regime
from exchange.commands import (
    AdoptRegime,
    ApplyForAccess,
    CancelOrder,
    CoinTerms,
    Command,
    DepositCoins,
    EstablishVenue,
    IndexTerms,
    ListInstrument,
    MintCoins,
    PlaceOrder,
    RecordFiatReceipt,
    SessionTerms,
)
from exchange.core import Exchange
from exchange.events import Entry, Event, OrderAccepted, OrderCanceled, OrderFilled, PublicEvent
from exchange.instruments import Asset, ContractKind, Instrument
from exchange.units import SECOND, AssetId, IndexId, InstrumentId, Time, WalletId
from exchange.views import MarketView
from matching.terms import OrderId, ParticipantId, Side
from participants.chance import Dice, generator
from participants.participant import Decision
from scenarios.config import load_regime
from scenarios.results import RecordWriter
from scenarios.simulation import Link, Simulation
from scenarios.world import LinkTerms

RUBD = AssetId("RUBD")
SERIES = InstrumentId("BTC_RUBD-ZI")
START, OPENS = 1_000 * SECOND, 1_001 * SECOND
DEPOSIT = 10**15
START_PRICE = 10_000


class Trader:
    """What both kinds of trader know of their own live orders."""

    follows: tuple[type[PublicEvent], ...] = ()
    wakes_for: tuple[type[Event], ...] = ()

    def __init__(self, participant_id: ParticipantId, dice: Dice) -> None:
        self.participant_id = participant_id
        self.dice = dice
        self.live: dict[OrderId, None] = {}
        self.sent = 0

    def read(self, news: Sequence[Event]) -> None:
        for event in news:
            if type(event) is OrderAccepted:
                self.live[event.order_id] = None
            elif type(event) is OrderCanceled or (type(event) is OrderFilled and not event.remaining):
                self.live.pop(event.order_id, None)

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
    def first_wake(self) -> Time:
        return OPENS + self._gap()

    def _gap(self) -> Time:
        return 1 + int(self.dice.exponential() * 10 * SECOND)

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        self.read(news)
        return Decision((self._act(market),), now + self._gap())

    def _act(self, market: MarketView) -> Command:
        dice = self.dice
        what = dice.uniform()
        if 0.15 <= what < 0.50 and self.live:
            return self.cancel(list(self.live)[dice.integer(0, len(self.live) - 1)])
        side = Side.BUY if dice.uniform() < 0.5 else Side.SELL
        quantity = dice.integer(1, 10)
        if what < 0.15:
            return self.order(side, quantity, None)
        best = market.best_prices(SERIES)
        opposite = None if best is None else best.ask if side is Side.BUY else best.bid
        away = START_PRICE + side * 10 if opposite is None else opposite
        return self.order(side, quantity, away - side * dice.integer(1, 20))


class Maker(Trader):
    def first_wake(self) -> Time:
        return OPENS + 1

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        self.read(news)
        best, last = market.best_prices(SERIES), market.last_trade(SERIES)
        middle = last.price if last else START_PRICE
        if best and best.bid is not None and best.ask is not None:
            middle = (best.bid + best.ask) // 2
        commands: list[Command] = [self.cancel(order_id) for order_id in self.live]
        for level in range(1, 6):
            commands.append(self.order(Side.BUY, 10, middle - 2 * level))
            commands.append(self.order(Side.SELL, 10, middle + 2 * level))
        return Decision(commands, now + SECOND)


class Keeper:
    """Keeps the record, as a comparison does, and counts the requests that reached the exchange."""

    def __init__(self) -> None:
        self.record = RecordWriter()
        self.requests = 0
        self.orders = self.cancels = self.fills = 0

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
        underlying=IndexId("ZI"),
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


def assemble(traders: int, seconds: int, seed: int, keeper: Keeper) -> Simulation:
    """The venue, its traders with enough money for anything, and no outside quotes."""
    simulation = Simulation(Exchange(), keeper, START)
    closes = OPENS + seconds * SECOND + SECOND
    coin = CoinTerms(
        asset_id=RUBD,
        issuer="bench",
        minters={"minter": 10**18},
        venue_wallets=(WalletId("venue-1"),),
        freeze_signatures=("issuer",),
        venue_freeze_signatures=("issuer",),
        pause_signatures=("issuer",),
    )
    regime: Regime = load_regime("ru_elr_super_2025")
    for command in (
        EstablishVenue(
            assets=(Asset(asset_id=RUBD, scale=2, title="coin"),),
            indices=(IndexTerms(index_id=IndexId("ZI"), venues=("none",), weights_ppm=(1_000_000,)),),
            coins=(coin,),
            sessions=(SessionTerms(opens=OPENS, closes=closes),),
        ),
        AdoptRegime(regime=regime),
        ListInstrument(instrument=series(closes + 3600 * SECOND)),
    ):
        simulation.submit(command)
    rich = Applicant(kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=100 * DEPOSIT)
    for number in range(traders + 1):
        name = ParticipantId(f"zi-{number}")
        wallet = WalletId(f"w-{number}")
        for command in (
            ApplyForAccess(participant_id=name, applicant=rich, wallet_id=wallet),
            RecordFiatReceipt(asset_id=RUBD, receipt_id=f"r-{number}", amount=DEPOSIT),
            MintCoins(
                asset_id=RUBD, minter="minter", receipt_id=f"r-{number}", wallet_id=wallet, amount=DEPOSIT
            ),
            DepositCoins(participant_id=name, asset_id=RUBD, amount=DEPOSIT),
        ):
            simulation.submit(command)
        dice = Dice(generator(seed, name))
        trader = Maker(name, dice) if number == traders else NoiseTrader(name, dice)
        simulation.join(trader, Link(LinkTerms(0, 0), dice))
    return simulation


def main() -> None:
    traders, seconds = int(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    keeper = Keeper()
    simulation = assemble(traders, seconds, seed, keeper)
    started, orders, cancels = time.process_time(), keeper.orders, keeper.cancels
    simulation.run(OPENS + seconds * SECOND)
    keeper.record.close()
    cpu_s = time.process_time() - started
    state = simulation.exchange.state
    requests = keeper.orders - orders + keeper.cancels - cancels
    print(
        json.dumps(
            {
                "requests": requests,
                "orders": keeper.orders - orders,
                "cancels": keeper.cancels - cancels,
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

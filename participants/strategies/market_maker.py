"""Quotes both sides around the index, leans against its inventory, and leaves when it is afraid."""

from collections.abc import Iterator, Sequence
from math import ceil, exp, floor, sqrt
from typing import ClassVar

from exchange.commands import Command, PlaceOrder
from exchange.events import (
    CustodyGated,
    CustodyReopened,
    Event,
    IndexStatus,
    InstrumentRedenominated,
    PerpetualRolled,
)
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.units import HOUR, MINUTE, Time
from exchange.views import MarketView
from matching.terms import PostOnly, Price, Quantity, Side
from participants.chance import Dice
from participants.profile import Profile
from participants.strategies.trader import Trader


class MarketMakerTerms(Message):
    """Assumptions, in a known form: quotes follow inventory and volatility (Avellaneda and Stoikov, 2008)."""

    levels: int = 5
    quantity: Quantity = 40  # of one level
    spread_bp: float = 12.0  # in a calm market, from its best bid to its best ask
    spacing_bp: float = 20.0  # from one level to the next
    skew_bp: float = 15.0  # shift of both sides when the inventory is at its limit
    volatility_weight: float = 0.5  # of the index's deviation a minute, added to half the spread
    one_sided_weight: float = 1.0  # how much wider it quotes if all fills were on one side
    requote_bp: float = 5.0  # how far the index must move
    requote_fills: float = 1.0  # how much must be filled, in quantities of one level
    memory_ns: Time = 5 * MINUTE  # of volatility and of fills
    calm_ns: Time = HOUR  # over which the index is averaged, to see a fall or a jump
    absence_ns: Time = 15 * MINUTE  # how long a fall keeps it away
    leaves: Time | None = None  # when it stops quoting, whatever the market does; None: never
    returns: Time | None = None  # when it quotes again; None: not in this run


class MarketMaker(Trader):
    """Cancels and quotes anew as a whole, at most once a look, and only for a reason."""

    follows: ClassVar = (*Trader.follows, CustodyGated, CustodyReopened)

    def __init__(
        self,
        profile: Profile,
        instrument: Instrument,
        dice: Dice,
        opens: Time,
        terms: MarketMakerTerms | None = None,
    ) -> None:
        super().__init__(profile, instrument, dice, opens)
        self.terms = terms or MarketMakerTerms()
        self._gated = False
        self._away_until: Time = 0
        self._centre: float | None = None  # the index, in ticks, when it last quoted; None: no quotes
        self._fills_at_quote: Quantity = 0
        self._seen: Time = 0  # when it last saw the index
        self._index = 0.0  # in ticks, then
        self._average = 0.0  # slow average of the index, in ticks
        self._variance = 0.0  # of the index, in squared basis points a minute
        self._bought = 0.0  # lots, fading
        self._sold = 0.0
        self._counted = (0, 0)  # lots bought and sold that are in the two above

    def pause(self) -> Time:
        return self.profile.attention_ns

    def listen(self, now: Time, event: Event) -> None:
        match event:
            case CustodyGated() | CustodyReopened():
                if event.asset_id == self.instrument.cash:
                    self._gated = isinstance(event, CustodyGated)
            case PerpetualRolled() | InstrumentRedenominated():
                self._centre = None  # its quotes have been taken off
                super().listen(now, event)
            case _:
                super().listen(now, event)

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        index = market.index(self.instrument.underlying)
        if index is None or index.status is IndexStatus.STALE or index.value <= 0:
            return self._leave()
        self._observe(now, self.in_ticks(index.value))
        if self._frightened():
            self._away_until = now + self.terms.absence_ns
        if self._gated or now < self._away_until or self._has_withdrawn(now):
            return self._leave()
        return self._quote(market) if self._must_quote() else ()

    def look_from_outside(self, now: Time) -> Sequence[Command]:
        self._centre = None
        return ()

    def _has_withdrawn(self, now: Time) -> bool:
        leaves, returns = self.terms.leaves, self.terms.returns
        return leaves is not None and leaves <= now and (returns is None or now < returns)

    # --- what it sees

    def _observe(self, now: Time, ticks: float) -> None:
        if self._seen == 0:
            self._average = ticks
        elif now > self._seen:
            passed = now - self._seen
            kept = exp(-passed / self.terms.memory_ns)
            move_bp = 10_000 * (ticks / self._index - 1)
            self._variance = kept * self._variance + (1 - kept) * move_bp**2 * MINUTE / passed
            slowly = exp(-passed / self.terms.calm_ns)
            self._average = slowly * self._average + (1 - slowly) * ticks
            self._count_fills(kept)
        self._seen, self._index = now, ticks

    def _count_fills(self, kept: float) -> None:
        bought, sold = self.holding.bought, self.holding.sold
        self._bought = kept * self._bought + bought - self._counted[0]
        self._sold = kept * self._sold + sold - self._counted[1]
        self._counted = (bought, sold)

    def _frightened(self) -> bool:
        return abs(self._index / self._average - 1) * 10_000 > self.profile.fear_bp

    def _must_quote(self) -> bool:
        if self._centre is None:
            return True
        filled = self.holding.bought + self.holding.sold - self._fills_at_quote
        if filled >= self.terms.requote_fills * self.terms.quantity:
            return True
        return abs(self._index / self._centre - 1) * 10_000 >= self.terms.requote_bp

    # --- what it does

    def _leave(self) -> Sequence[Command]:
        if self._centre is None:
            return ()
        self._centre = None
        return (self.cancel_all(),)

    def _quote(self, market: MarketView) -> Sequence[Command]:
        self._centre = self._index
        self._fills_at_quote = self.holding.bought + self.holding.sold
        inventory = self.holding.inventory / max(self.limit, 1)
        reference = self._index * (1 - self.terms.skew_bp * inventory / 10_000)
        others_bid, others_ask = self._best_of_others(market)
        bids = self._side(Side.BUY, min(reference, others_ask) if others_ask else reference)
        asks = self._side(Side.SELL, max(reference, others_bid) if others_bid else reference)
        return (self.cancel_all(), *bids, *asks)

    def _best_of_others(self, market: MarketView) -> tuple[Price | None, Price | None]:
        """Best bid and ask, each None if it is empty or its own. Whoever quotes waits, and does not take."""
        best = market.best_prices(self.instrument.instrument_id)
        if best is None:
            return None, None
        own = {order.price for order in self.desk.orders.values()}
        return None if best.bid in own else best.bid, None if best.ask in own else best.ask

    def _side(self, side: Side, reference: float) -> Iterator[PlaceOrder]:
        """Its orders on one side, the best first, until they would take it past its limit."""
        room = self.holding.reach(side, self.limit)
        distance_bp = self.half_spread_bp
        for _ in range(self.terms.levels):
            quantity = min(self.terms.quantity, room)
            if quantity == 0:
                return
            room -= quantity
            yield self.order(side, quantity, _away(side, reference, distance_bp), post_only=PostOnly.REJECT)
            distance_bp += self.terms.spacing_bp

    @property
    def half_spread_bp(self) -> float:
        """From the reference to its first level: wider when the index is restless or fills are one-sided."""
        calm = self.terms.spread_bp / 2 + self.terms.volatility_weight * sqrt(self._variance)
        traded = self._bought + self._sold
        one_sided = abs(self._bought - self._sold) / traded if traded >= self.terms.quantity else 0.0
        return calm * (1 + self.terms.one_sided_weight * one_sided)


def _away(side: Side, reference: float, distance_bp: float) -> Price:
    """A price `distance_bp` worse for the other side; rounded away from the reference."""
    exact = reference * (1 - side * distance_bp / 10_000)
    return floor(exact) if side is Side.BUY else ceil(exact)

"""Trades towards the index: buys what is offered too low, sells what is bid too high, by its own view."""

from collections.abc import Sequence
from math import ceil, floor, sqrt

from exchange.commands import Command
from exchange.events import IndexStatus
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.units import Time
from exchange.views import MarketView
from matching.terms import Price, Quantity, Side, TimeInForce
from participants.chance import Dice
from participants.profile import Profile
from participants.strategies.trader import Trader


class ValueTerms(Message):
    """All assumptions; the form is that of the fundamentalist of Chiarella and Iori (2002)."""

    threshold_bp: float = 15.0  # how far off its view a price must be
    view_spread_bp: float = 25.0  # deviation of its view around the index
    view_persistence: float = 0.95  # of its view, from one look to the next
    size_max: float = 0.2  # of one order, as a share of its limit


class ValueTrader(Trader):
    """Believes the index up to a slowly changing error of its own, and only takes what others offer."""

    def __init__(
        self,
        profile: Profile,
        instrument: Instrument,
        dice: Dice,
        opens: Time,
        terms: ValueTerms | None = None,
    ) -> None:
        super().__init__(profile, instrument, dice, opens)
        self.terms = terms or ValueTerms()
        self._view_bp: float | None = None

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        index = market.index(self.instrument.underlying)
        best = market.best_prices(self.instrument.instrument_id)
        if index is None or index.status is IndexStatus.STALE or best is None:
            return ()
        fair = self.in_ticks(index.value) * (1 + self._next_view_bp() / 10_000)
        margin = fair * self.terms.threshold_bp / 10_000
        if best.ask is not None and best.ask < fair - margin:
            return self._take(Side.BUY, floor(fair - margin), best.ask_quantity)
        if best.bid is not None and best.bid > fair + margin:
            return self._take(Side.SELL, ceil(fair + margin), best.bid_quantity)
        return ()

    def _take(self, side: Side, price: Price, offered: Quantity) -> Sequence[Command]:
        most = max(int(self.limit * self.terms.size_max), 1)
        quantity = self.affordable(side, price, min(most, offered, self.room(side)))
        return (self.order(side, quantity, price, TimeInForce.IOC),) if quantity else ()

    def _next_view_bp(self) -> float:
        fresh = self.dice.normal() * self.terms.view_spread_bp
        if self._view_bp is None:
            self._view_bp = fresh
        else:
            kept = self.terms.view_persistence
            self._view_bp = kept * self._view_bp + sqrt(1 - kept * kept) * fresh
        return self._view_bp

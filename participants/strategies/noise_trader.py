"""Trades for reasons of its own: now a bit more, now a bit less, never by the price.

Its mix of market orders, limit orders and cancels is that of the zero-intelligence workload by which
simulators are compared (docs/participants.md).
"""

from collections.abc import Sequence

from exchange.commands import CancelOrder, Command
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.units import Time
from exchange.views import MarketView
from matching.terms import Price, Quantity, Side
from participants.chance import Dice
from participants.profile import Profile
from participants.strategies.trader import Trader


class NoiseTerms(Message):
    """Shares are of its looks, and are assumptions of the reference workload."""

    market_share: float = 0.15
    cancel_share: float = 0.35  # with no live order, it places a limit order instead
    distance_max: Price = 80  # ticks of a limit order from the best opposite price
    size_max: float = 0.2  # of one order, as a share of its limit


class NoiseTrader(Trader):
    """Moves towards a position that it draws by chance, and draws another once it is there."""

    def __init__(
        self,
        profile: Profile,
        instrument: Instrument,
        dice: Dice,
        opens: Time,
        terms: NoiseTerms | None = None,
    ) -> None:
        super().__init__(profile, instrument, dice, opens)
        self.terms = terms or NoiseTerms()
        self._wish: int | None = None

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        draw = self.dice.uniform()
        if draw < self.terms.market_share:
            return self._trade(market, at_market=True)
        if draw < self.terms.market_share + self.terms.cancel_share and self.desk.orders:
            return (self._cancel_one(),)
        return self._trade(market, at_market=False)

    def _cancel_one(self) -> CancelOrder:
        orders = list(self.desk.orders)
        chosen = orders[self.dice.integer(0, len(orders) - 1)]
        return CancelOrder(participant_id=self.participant_id, order_id=chosen)

    def _trade(self, market: MarketView, *, at_market: bool) -> Sequence[Command]:
        side, gap = self._gap()
        opposite = self.opposite(market, side)
        if gap == 0 or (at_market and opposite is None):
            return ()
        price = opposite if opposite is not None else self._index_price(market)
        if price is None:
            return ()
        if not at_market:
            price = self.inside_collar(price - side * self.dice.integer(1, self.terms.distance_max))
        most = max(int(self.limit * self.terms.size_max), 1)
        quantity = self.affordable(side, price, min(self.dice.integer(1, most), gap))
        if quantity == 0:
            return ()
        return (self.order(side, quantity, None if at_market else price),)

    def _gap(self) -> tuple[Side, Quantity]:
        """Which way its wish lies, and how many lots of it no live order asks for yet."""
        position = self.holding.position
        if self._wish is None or self._wish == position:
            least = position - self.holding.reach(Side.SELL, self.limit)
            self._wish = self.dice.integer(least, self.limit)
        side = Side.BUY if self._wish > position else Side.SELL
        gap = abs(self._wish - position) - self.holding.open_lots(side)
        return side, min(max(gap, 0), self.room(side))

    def _index_price(self, market: MarketView) -> Price | None:
        index = market.index(self.instrument.underlying)
        return None if index is None else round(self.in_ticks(index.value))

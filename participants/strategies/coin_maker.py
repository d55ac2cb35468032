"""Quotes both sides of a coin around what it thinks the coin is worth, and leaves for a while when news is bad."""

from collections.abc import Iterator, Sequence
from math import ceil, floor

from exchange.cash.hours import BankingHours
from exchange.commands import Command, PlaceOrder
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.units import MINUTE, Money, Time
from exchange.views import MarketView
from matching.terms import PostOnly, Quantity, Side
from participants.chance import Dice
from participants.coin_news import Beliefs, Tone
from participants.profile import Profile
from participants.strategies.coin_trader import CoinTrader


class CoinMakerTerms(Message):
    """Assumptions: quotes follow inventory (Avellaneda and Stoikov, 2008), and widen when more may be known."""

    levels: int = 4
    quantity: Quantity = 50  # lots of one level
    spread_bp: float = 4.0  # from its best bid to its best ask, in calm
    spacing_bp: float = 4.0  # from one level to the next
    skew_bp: float = 10.0  # shift of both sides when the inventory is at its limit
    alarm: float = 6.0  # how many times as wide all of these are while there is doubt
    alarm_quantity: float = 0.5  # and how much of its quantity it then shows
    absence_ns: Time = 10 * MINUTE  # how long bad news keeps it away
    requote_bp: float = 2.0  # how far its own price must move
    beliefs: Beliefs = Beliefs()


class CoinMaker(CoinTrader):
    """Its inventory may grow or shrink by its profile's desired exposure from what it brought."""

    def __init__(
        self,
        profile: Profile,
        pair: Instrument,
        dice: Dice,
        opens: Time,
        coins: Money,
        terms: CoinMakerTerms | None = None,
        hours: BankingHours | None = None,
    ) -> None:
        super().__init__(profile, pair, dice, opens, coins, hours)
        self.terms = terms or CoinMakerTerms()
        self._brought = coins // self.lot_coins
        self._away_until: Time = 0
        self._centre: float | None = None  # in ticks, when it last quoted; None: no quotes

    def pause(self) -> Time:
        return self.profile.attention_ns

    def react(self, now: Time, tone: Tone) -> None:
        if tone is Tone.BAD:
            self._away_until = now + self.terms.absence_ns
        self.next_look = now  # quotes made before the news are stale

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        if now < self._away_until:
            return self._leave()
        centre = self._own_price(now)
        stale = self._centre is None or abs(centre / self._centre - 1) * 10_000 >= self.terms.requote_bp
        return self._quote(centre) if stale else ()

    def look_from_outside(self, now: Time) -> Sequence[Command]:
        self._centre = None
        return ()

    def _own_price(self, now: Time) -> float:
        """What a coin is worth to it, in ticks, less what it asks for having more of them than it likes."""
        worth = self.ticks(self.news.worth_ppm(self.terms.beliefs, now))
        return max(worth * (1 - self._wide(self.terms.skew_bp) * self._load() / 10_000), 1.0)

    def _load(self) -> float:
        """Its inventory as a share of the most that it would add, between -1 and 1."""
        share = (self.holding.position - self._brought) / max(self._lots, 1)
        return min(max(share, -1.0), 1.0)

    def _wide(self, calm_bp: float) -> float:
        return calm_bp * self.terms.alarm if self.news.in_doubt else calm_bp

    def _leave(self) -> Sequence[Command]:
        if self._centre is None:
            return ()
        self._centre = None
        return (self.cancel_all(),)

    def _quote(self, centre: float) -> Sequence[Command]:
        self._centre = centre
        return (self.cancel_all(), *self._side(Side.BUY, centre), *self._side(Side.SELL, centre))

    def _side(self, side: Side, centre: float) -> Iterator[PlaceOrder]:
        """Its levels on one side, as far as its limit and its purse reach; what it cancels is free by then."""
        terms = self.terms
        shown = terms.quantity * (terms.alarm_quantity if self.news.in_doubt else 1.0)
        room = max(self._lots - side * (self.holding.position - self._brought), 0)
        purse = self.purse(side)
        for level in range(terms.levels):
            away_bp = self._wide(terms.spread_bp / 2 + level * terms.spacing_bp)
            exact = centre * (1 - side * away_bp / 10_000)
            price = self.inside_collar(floor(exact) if side is Side.BUY else ceil(exact))
            each = self.cost(side, price)
            quantity = min(int(shown), room, purse // each, self.instrument.max_quantity)
            if quantity < 1:
                return
            room, purse = room - quantity, purse - quantity * each
            yield self.order(side, quantity, price, post_only=PostOnly.SLIDE)

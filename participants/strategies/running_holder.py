"""Holds a coin as if it were money, until it doubts that it is: then it sells, or redeems where it may.

Below 0.99 a coin "breaks the buck": redemptions jump from there (Anadu et al., "Runs and Flights to Safety: Are
Stablecoins the New Money Market Funds?", Federal Reserve Bank of New York, 2023).
"""

from collections.abc import Sequence

from exchange.cash.hours import BankingHours
from exchange.commands import Command
from exchange.events import Event
from exchange.instruments import Instrument
from exchange.messages import Message, changed
from exchange.units import Money, Time
from exchange.views import MarketView
from matching.terms import Side, TimeInForce
from participants.chance import Dice
from participants.coin_news import Beliefs, Tone
from participants.participant import Decision
from participants.profile import Profile
from participants.strategies.coin_trader import CoinRedeemer


class RunningHolderTerms(Message):
    """All assumptions but the first; shares are of holders, by dice."""

    breaks_at_ppm: int = 990_000
    threshold_spread_ppm: int = 10_000  # mean by which a holder's own threshold lies below that
    news_share: float = 0.35  # of those who hear bad news, who take fright at once
    price_share: float = 0.5  # who take fright at a price below their threshold; the others look on
    calm_share: float = 0.6  # of the frightened who hear good news, who take heart
    return_share: float = 0.5  # of those who took heart, who buy again
    eligible_share: float = 0.15  # who may redeem at the issuer
    alarm: int = 4  # how many times as often it looks once it is frightened
    steps: int = 4  # sales in which it leaves
    doubt_ppm: int = 20_000  # mean of what a frightened one gives up beside, for what it may not know
    beliefs: Beliefs = Beliefs()


class RunningHolder(CoinRedeemer):
    """Each has a nerve, a threshold and an aversion to risk, drawn when it is made. While it is not frightened it
    buys, with what roubles it has, a coin that is offered for less than it is worth to it.
    """

    def __init__(
        self,
        profile: Profile,
        pair: Instrument,
        dice: Dice,
        opens: Time,
        coins: Money,
        terms: RunningHolderTerms | None = None,
        hours: BankingHours | None = None,
    ) -> None:
        super().__init__(profile, pair, dice, opens, coins, hours)
        self.terms = terms or RunningHolderTerms()
        self.frightened, self.buys = False, True
        below = int(dice.exponential() * self.terms.threshold_spread_ppm)
        self.threshold_ppm = self.terms.breaks_at_ppm - below
        self._goes_by_price = dice.uniform() < self.terms.price_share
        self.eligible = dice.uniform() < self.terms.eligible_share
        self._aversion = dice.exponential()
        self._reassured = False  # by good news, since the last bad news: a low price no longer frightens it
        self._step = max(-(-coins // (self.lot_coins * self.terms.steps)), 1)

    def pause(self) -> Time:
        calm = super().pause()
        return max(calm // self.terms.alarm, 1) if self.frightened else calm

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        """As every trader; coins that came home go to the issuer, while it redeems."""
        decision = super().decide(now, news, market)
        redeemed = self.hand_in(now, news)
        return Decision([*redeemed, *decision.commands], decision.wake_at) if redeemed else decision

    def react(self, now: Time, tone: Tone) -> None:
        """Some take fright, or heart, as soon as they hear of it; the others go by the price."""
        draw = self.dice.uniform()
        if tone is Tone.BAD:
            self._reassured = False
            if not self.frightened and draw < self.terms.news_share:
                self._take_fright()
                self.next_look = min(self.next_look, now + self.pause())
        elif draw < self.terms.calm_share:
            self._reassured = True
            if self.frightened:
                self._take_heart()

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        price = self.price_ppm(market)
        if price is None:
            return ()
        low = price < self.threshold_ppm and not self._reassured
        if not self.frightened and low and self._goes_by_price:
            self._take_fright()
        elif self.frightened and price >= self.terms.breaks_at_ppm and self._sees_no_loss():
            self._take_heart()
        if self.frightened:
            return self._run(now, market)
        return self._buy(now, market) if self.buys else ()

    def worth_ppm(self, now: Time) -> int:
        """What the coin is worth to it: the more averse it is to risk, the less."""
        common = self.terms.beliefs
        averse = changed(common, risk_ppm=int(2 * self._aversion * common.risk_ppm))
        return self.news.worth_ppm(averse, now)

    def floor_ppm(self, now: Time) -> int:
        """Below that it would rather wait than sell. A low price by itself tells it that it may not know all."""
        return self.worth_ppm(now) - int(self.terms.doubt_ppm * self._aversion)

    def _sees_no_loss(self) -> bool:
        return self.news.loss_ppm(self.terms.beliefs) == 0

    def _take_fright(self) -> None:
        self.frightened = True

    def _take_heart(self) -> None:
        self.frightened = False
        self.buys = self.dice.uniform() < self.terms.return_share

    # --- out, and in again

    def _run(self, now: Time, market: MarketView) -> Sequence[Command]:
        if self.eligible and not self.news.shut(now):
            return self.take_home(now)
        bid = self.opposite(market, Side.SELL)
        if bid is None or bid < self.ticks(self.floor_ppm(now)):
            return ()
        quantity = self.affordable(Side.SELL, bid, self._step)
        return (self.order(Side.SELL, quantity, bid, TimeInForce.IOC),) if quantity else ()

    def _buy(self, now: Time, market: MarketView) -> Sequence[Command]:
        ask = self.opposite(market, Side.BUY)
        if ask is None or ask > self.ticks(self.worth_ppm(now)):
            return ()
        quantity = self.affordable(Side.BUY, ask, self._step)
        return (self.order(Side.BUY, quantity, ask, TimeInForce.IOC),) if quantity else ()

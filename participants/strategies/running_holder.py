"""Holds a coin as if it were money, until it doubts that it is: then it sells, or redeems where it may.

Below 0.99 a coin "breaks the buck": redemptions jump from there (Anadu et al., "Runs and Flights to Safety: Are
Stablecoins the New Money Market Funds?", Federal Reserve Bank of New York, 2023).
"""

from collections.abc import Sequence

from exchange.commands import Command, RedeemCoins, WithdrawCash
from exchange.events import Event, WithdrawalCompleted
from exchange.instruments import PAR_PPM, Instrument
from exchange.messages import Message
from exchange.units import Money, Time
from exchange.views import MarketView
from matching.terms import Side, TimeInForce
from participants.chance import Dice
from participants.coin_news import Beliefs, Tone
from participants.participant import Decision
from participants.profile import Profile
from participants.strategies.coin_trader import CoinTrader


class RunningHolderTerms(Message):
    """All assumptions but the first; shares are of holders, by dice."""

    breaks_at_ppm: int = 990_000
    threshold_spread_ppm: int = 10_000  # mean by which a holder's own threshold lies below that
    news_share: float = 0.35  # of those who hear bad news, who take fright at once
    calm_share: float = 0.6  # of the frightened who hear good news, who take heart
    return_share: float = 0.5  # of those who took heart, who buy back
    eligible_share: float = 0.15  # who may redeem at the issuer
    alarm: int = 4  # how many times as often it looks once it is frightened
    steps: int = 4  # sales in which it leaves
    doubt_ppm: int = 20_000  # mean of what a frightened one gives up beside, for what it may not know
    beliefs: Beliefs = Beliefs()


class RunningHolder(CoinTrader):
    """Each has a threshold, a nerve and a price below which it would rather wait, drawn when it is made."""

    def __init__(
        self,
        profile: Profile,
        pair: Instrument,
        dice: Dice,
        opens: Time,
        coins: Money,
        terms: RunningHolderTerms | None = None,
    ) -> None:
        super().__init__(profile, pair, dice, opens, coins)
        self.terms = terms or RunningHolderTerms()
        self.frightened = self.returning = False
        self.threshold_ppm = self.terms.breaks_at_ppm - int(
            dice.exponential() * self.terms.threshold_spread_ppm
        )
        self.eligible = dice.uniform() < self.terms.eligible_share
        self._aversion = dice.exponential()  # to risk, over that of its beliefs
        self._brought = coins

    def pause(self) -> Time:
        calm = super().pause()
        return max(calm // self.terms.alarm, 1) if self.frightened else calm

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        """As every trader; coins that came home go to the issuer."""
        decision = super().decide(now, news, market)
        redeemed = [self._redeem(event) for event in news if isinstance(event, WithdrawalCompleted)]
        return Decision([*redeemed, *decision.commands], decision.wake_at) if redeemed else decision

    def react(self, now: Time, tone: Tone) -> None:
        """Some take fright, or heart, as soon as they hear of it; the others go by the price."""
        draw = self.dice.uniform()
        if tone is Tone.BAD and not self.frightened and draw < self.terms.news_share:
            self._take_fright()
            self.next_look = min(self.next_look, now + self.pause())
        elif tone is Tone.GOOD and self.frightened and draw < self.terms.calm_share:
            self._take_heart()

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        price = self.price_ppm(market)
        if price is None:
            return ()
        if not self.frightened and price < self.threshold_ppm:
            self._take_fright()
        elif self.frightened and price >= self.terms.breaks_at_ppm and self._sees_no_loss():
            self._take_heart()
        if self.frightened:
            return self._run(market)
        return self._return(market) if self.returning else ()

    def floor_ppm(self) -> int:
        """Below that it would rather wait than sell. A low price by itself tells it that it may not know all."""
        risk = int(self.terms.beliefs.risk_ppm * (1 + self._aversion))
        own = Beliefs(
            trust_ppm=self.terms.beliefs.trust_ppm, risk_ppm=risk, wait_ppm=self.terms.beliefs.wait_ppm
        )
        return self.news.worth_ppm(own) - int(self.terms.doubt_ppm * self._aversion)

    def _sees_no_loss(self) -> bool:
        return self.news.loss_ppm(self.terms.beliefs) == 0

    def _take_fright(self) -> None:
        self.frightened, self.returning = True, False

    def _take_heart(self) -> None:
        self.frightened = False
        self.returning = self.dice.uniform() < self.terms.return_share

    # --- out, and in again

    def _run(self, market: MarketView) -> Sequence[Command]:
        if self.eligible and not self.news.shut:
            return self._take_home()
        bid = self.opposite(market, Side.SELL)
        if bid is None or bid < self.ticks(self.floor_ppm()):
            return ()
        step = -(-self._brought // (self.lot_coins * self.terms.steps))
        quantity = self.affordable(Side.SELL, bid, step)
        return (self.order(Side.SELL, quantity, bid, TimeInForce.IOC),) if quantity else ()

    def _take_home(self) -> Sequence[Command]:
        amount: Money = self.desk.free_cash(self.coin)
        if amount <= 0:
            return ()
        return (WithdrawCash(participant_id=self.participant_id, asset_id=self.coin, amount=amount),)

    def _redeem(self, event: WithdrawalCompleted) -> RedeemCoins:
        return RedeemCoins(asset_id=event.asset_id, wallet_id=self.profile.wallet_id, amount=event.amount)

    def _return(self, market: MarketView) -> Sequence[Command]:
        """With the money it sold for, at par at most, until it has as many coins as before."""
        ask = self.opposite(market, Side.BUY)
        if ask is None or ask > self.ticks(PAR_PPM):
            return ()
        missing = self._brought // self.lot_coins - self.holding.position
        step = -(-self._brought // (self.lot_coins * self.terms.steps))
        quantity = self.affordable(Side.BUY, ask, max(min(step, missing), 0))
        self.returning = missing > 0
        return (self.order(Side.BUY, quantity, ask, TimeInForce.IOC),) if quantity else ()

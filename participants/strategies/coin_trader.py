"""What all share who trade a coin against another money: two purses, and an ear for the coin's issuer; and those of
them who take coins home, to redeem them there.
"""

from collections.abc import Collection, Sequence
from typing import ClassVar

from exchange.cash.hours import BankingHours
from exchange.commands import RedeemCoins, WithdrawCash
from exchange.events import (
    Event,
    ParticipantAdmitted,
    PublicEvent,
    SessionClosed,
    SessionOpened,
    WithdrawalCompleted,
)
from exchange.instruments import Instrument
from exchange.units import Money, Time
from exchange.views import MarketView
from matching.terms import Price, Side
from participants.chance import Dice
from participants.coin_news import CoinNews, Tone
from participants.coins_at_home import CoinsAtHome
from participants.desk import Desk
from participants.profile import Profile
from participants.strategies.trader import Trader


class CoinTrader(Trader):
    """A participant in one pair. Its profile's deposit is in the money that pays; `coins` it brings beside.
    `hours` are those in which the coin's issuer redeems.
    """

    wakes_for: ClassVar[Collection[type[Event]]] = (ParticipantAdmitted,)
    follows: ClassVar[Collection[type[PublicEvent]]] = (SessionOpened, SessionClosed, *CoinNews.follows)

    def __init__(
        self,
        profile: Profile,
        pair: Instrument,
        dice: Dice,
        opens: Time,
        coins: Money,
        hours: BankingHours | None = None,
    ) -> None:
        super().__init__(profile, pair, dice, opens)
        assert pair.base is not None and pair.lot_units is not None, "a pair has a base, and a lot of it"
        self.coin, self.lot_coins = pair.base, pair.lot_units
        self.desk = Desk(profile.participant_id, (pair,), {pair.cash: profile.deposit, pair.base: coins})
        self.holding = self.desk.holdings[pair.instrument_id]
        self.news = CoinNews(pair.base, hours)

    def listen(self, now: Time, event: Event) -> None:
        tone = self.news.hear(event)
        if tone is not None:
            self.react(now, tone)
        elif isinstance(event, SessionOpened | SessionClosed):
            super().listen(now, event)

    def react(self, now: Time, tone: Tone) -> None:
        """There is news of the coin."""

    # --- for the strategies

    def ticks(self, ppm: float) -> float:
        return ppm / self.instrument.tick

    def price_ppm(self, market: MarketView) -> int | None:
        """What the coin trades at: the mid if both sides stand, else the last trade."""
        best = market.best_prices(self.instrument.instrument_id)
        if best is not None and best.bid is not None and best.ask is not None:
            return (best.bid + best.ask) * self.instrument.tick // 2
        last = market.last_trade(self.instrument.instrument_id)
        return None if last is None else last.price * self.instrument.tick

    def purse(self, side: Side) -> Money:
        """What its orders on that side may set aside once those that are live are canceled."""
        if side is Side.SELL:
            return max(self.holding.position, 0) * self.lot_coins
        return max(self.desk.free_cash(self.instrument.cash) + self.holding.buying_cost, 0)

    def cost(self, side: Side, price: Price) -> Money:
        """What one lot at that price takes out of its purse."""
        terms = self.instrument
        if side is Side.SELL:
            return self.lot_coins
        return price * terms.tick_value + max(terms.fee_maker, terms.fee_taker)

    def inside_collar(self, price: Price) -> Price:
        """Within the band around par as well, which does not move."""
        band = self.instrument.reference * self.instrument.price_band_bp // 10_000
        lowest = max(self.instrument.lowest_price, self.instrument.reference - band)
        highest = min(self.instrument.highest_price, self.instrument.reference + band)
        return min(max(price, lowest), highest)


class CoinRedeemer(CoinTrader):
    """A trader of the coin that takes coins home and hands them in to the issuer, while that redeems."""

    follows: ClassVar[Collection[type[PublicEvent]]] = (*CoinTrader.follows, *CoinsAtHome.follows)

    def __init__(
        self,
        profile: Profile,
        pair: Instrument,
        dice: Dice,
        opens: Time,
        coins: Money,
        hours: BankingHours | None = None,
    ) -> None:
        super().__init__(profile, pair, dice, opens, coins, hours)
        self.home = CoinsAtHome(self.coin, profile.wallet_id)

    def listen(self, now: Time, event: Event) -> None:
        self.home.hear(event)
        super().listen(now, event)

    def hand_in(self, now: Time, news: Sequence[Event]) -> Sequence[RedeemCoins]:
        """All that is at home, with what has come home by this news."""
        for event in news:
            if isinstance(event, WithdrawalCompleted) and event.asset_id == self.coin:
                self.home.coins += event.arrived
        return () if self.news.shut(now) else self.home.hand_in(now)

    def take_home(self, now: Time) -> Sequence[WithdrawCash]:
        """All coins that are free, while they can be redeemed."""
        amount = self.desk.free_cash(self.coin)
        if self.news.shut(now) or amount <= 0:
            return ()
        return (WithdrawCash(participant_id=self.participant_id, asset_id=self.coin, amount=amount),)

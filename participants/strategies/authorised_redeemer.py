"""Buys a coin below par and takes it to its issuer; where it may mint, sells above par what it has minted.

Its capital, the issuer's hours and the way of the money bound it: that is all that holds a coin at par.
"""

from collections.abc import Collection, Sequence
from typing import ClassVar

from exchange.cash.hours import BankingHours
from exchange.commands import (
    Command,
    DepositCash,
    MintCoins,
    RecordFiatReceipt,
    TransferCash,
    WithdrawCash,
)
from exchange.events import (
    CashRequestRejected,
    Event,
    ParticipantAdmitted,
    WithdrawalCompleted,
)
from exchange.instruments import PAR_PPM, Instrument
from exchange.messages import Message
from exchange.units import Money, Time, WalletId
from exchange.views import MarketView
from matching.terms import Side, TimeInForce
from participants.chance import Dice
from participants.coin_news import Beliefs, Tone
from participants.coins_at_home import PATIENCE
from participants.participant import Decision
from participants.profile import Profile
from participants.strategies.coin_trader import CoinRedeemer


class RedeemerTerms(Message):
    """All assumptions, in millionths of par where nothing else is said."""

    cost_ppm: int = 1_000  # of a round trip, and what it wants to earn by it
    slope_ppm: int = 30_000  # how much less it bids, redemption shut, when all of its capital is in coins
    size_max: float = 0.1  # of one order, as a share of its capital
    minter: str | None = None  # in whose name it may mint; None: it may not
    issuer_wallet: WalletId = WalletId("issuer")  # where roubles go that it mints against
    beliefs: Beliefs = Beliefs()


class AuthorisedRedeemer(CoinRedeemer):
    """Bids at each look for a part of its capital, and brings home and redeems what it has bought."""

    wakes_for: ClassVar[Collection[type[Event]]] = (ParticipantAdmitted, WithdrawalCompleted)

    def __init__(
        self,
        profile: Profile,
        pair: Instrument,
        dice: Dice,
        opens: Time,
        coins: Money,
        terms: RedeemerTerms | None = None,
        hours: BankingHours | None = None,
    ) -> None:
        super().__init__(profile, pair, dice, opens, coins, hours)
        self.terms = terms or RedeemerTerms()
        self._fetches_from: Time = 0
        self._receipts = 0
        self._mints = self.terms.minter is not None

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        """As every trader; coins that came home are handed in, roubles that came home are minted against."""
        decision = super().decide(now, news, market)
        commands: list[Command] = []
        for event in news:
            match event:
                case WithdrawalCompleted(asset_id=self.instrument.cash):
                    commands += self._mint(event.arrived)
                case CashRequestRejected(request="DepositCash", asset_id=self.coin):
                    self._mints = False  # the issuer did not mint for it
                case CashRequestRejected(request="DepositCash", asset_id=self.instrument.cash):
                    self.home.paid_out += event.amount  # the bank is closed
                    self._fetches_from = now + PATIENCE
        commands += self.hand_in(now, news)
        return Decision([*commands, *decision.commands], decision.wake_at) if commands else decision

    def react(self, now: Time, tone: Tone) -> None:
        self.next_look = min(self.next_look, now + self.pause())

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        return (
            *self._cancel(),
            *self._fetch(now),
            *self.take_home(now),
            *self._sell(now, market),
            *self._bid(now),
        )

    def look_from_outside(self, now: Time) -> Sequence[Command]:
        return self._fetch(now)

    # --- below par

    def bid_ppm(self, now: Time) -> int:
        """The most it pays: par less its cost, or, while it could not redeem, what the coin is worth to it."""
        worth = self.news.worth_ppm(self.terms.beliefs, now) - self.terms.cost_ppm
        if not self.news.shut(now):
            return worth
        return worth - int(self.terms.slope_ppm * self._share_in_coins())

    def _share_in_coins(self) -> float:
        coins = self.holding.position * self.lot_coins + self.home.coins + self.home.queued
        whole = coins + self.purse(Side.BUY) + self.home.paid_out
        return min(max(coins / whole, 0.0), 1.0) if whole > 0 else 1.0

    def _bid(self, now: Time) -> Sequence[Command]:
        price = self.inside_collar(int(self.ticks(self.bid_ppm(now))))
        most = max(int(self.limit * self.terms.size_max), 1)
        room = max(self.limit - self.holding.position, 0)
        quantity = min(most, room, self.purse(Side.BUY) // self.cost(Side.BUY, price))
        return (self.order(Side.BUY, quantity, price),) if quantity else ()

    def _cancel(self) -> Sequence[Command]:
        return (self.cancel_all(),) if self.desk.orders else ()

    def _fetch(self, now: Time) -> Sequence[Command]:
        """Roubles that the issuer paid come back to the venue."""
        if now < self._fetches_from:
            return ()
        amount, self.home.paid_out = self.home.paid_out, 0
        cash, who = self.instrument.cash, self.participant_id
        return (DepositCash(participant_id=who, asset_id=cash, amount=amount),) if amount else ()

    # --- above par

    def _sell(self, now: Time, market: MarketView) -> Sequence[Command]:
        """What is bid for more than par and its cost is sold from what it has, and then minted for."""
        best = market.best_prices(self.instrument.instrument_id)
        least = -int(-self.ticks(PAR_PPM + self.terms.cost_ppm) // 1)
        if best is None or best.bid is None or best.bid < least:
            return ()
        quantity = self.affordable(Side.SELL, best.bid, best.bid_quantity)
        if quantity:
            return (self.order(Side.SELL, quantity, least, TimeInForce.IOC),)
        wanted = best.bid_quantity * self.lot_coins
        amount = min(wanted, int(self.desk.free_cash(self.instrument.cash) * self.terms.size_max))
        if not self._mints or self.news.shut(now) or amount < self.lot_coins:
            return ()
        cash = self.instrument.cash
        return (WithdrawCash(participant_id=self.participant_id, asset_id=cash, amount=amount),)

    def _mint(self, amount: Money) -> Sequence[Command]:
        """Roubles go to the issuer, coins come for them, and back to the venue."""
        if self.terms.minter is None:
            return ()
        self._receipts += 1
        wallet, receipt = self.profile.wallet_id, f"{self.participant_id}-{self._receipts}"
        return (
            TransferCash(
                asset_id=self.instrument.cash, source=wallet, target=self.terms.issuer_wallet, amount=amount
            ),
            RecordFiatReceipt(asset_id=self.coin, receipt_id=receipt, amount=amount),
            MintCoins(
                asset_id=self.coin,
                minter=self.terms.minter,
                receipt_id=receipt,
                wallet_id=wallet,
                amount=amount,
            ),
            DepositCash(participant_id=self.participant_id, asset_id=self.coin, amount=amount),
        )

"""Builds one position slowly and keeps it. Frightened, it closes it and takes its money home; coins it redeems."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from exchange.commands import Command, RedeemCoins, WithdrawCash
from exchange.events import (
    CustodyGated,
    Event,
    WithdrawalCompleted,
)
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.units import HOUR, MINUTE, AssetId, Money, Time
from exchange.views import MarketView
from matching.terms import Side, TimeInForce
from participants.chance import Dice
from participants.participant import Decision
from participants.profile import Profile
from participants.strategies.trader import Trader


class HolderTerms(Message):
    """All assumptions."""

    steps: int = 8  # orders in which it builds its position
    crossing_share: float = 0.4  # of its orders that pay the spread; the others join the best price
    alarm: int = 10  # how many times as often it looks once it is frightened
    patience_ns: Time = 5 * MINUTE  # after a refused withdrawal; doubles with each further one
    patience_max_ns: Time = HOUR


class CautiousHolder(Trader):
    """`direction` is the side of the position it wants: most people buy, most firms hedge by selling. `coins` are the
    assets that an issuer takes back: other money is at par where it is.
    """

    follows: ClassVar = (*Trader.follows, CustodyGated)

    def __init__(
        self,
        profile: Profile,
        instrument: Instrument,
        dice: Dice,
        opens: Time,
        direction: Side = Side.BUY,
        terms: HolderTerms | None = None,
        coins: Collection[AssetId] = (),
    ) -> None:
        super().__init__(profile, instrument, dice, opens)
        self.terms = terms or HolderTerms()
        self.coins = coins
        self.direction = direction
        self.frightened = False
        self._best_seen: float | None = None  # the index, in ticks, at its best for this direction
        self._refused_at_ask = self.desk.refused_cash
        self._ask_again: Time = 0
        self._patience = self.terms.patience_ns

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        """As every trader; coins that came home go straight to the issuer, for bank roubles at par."""
        decision = super().decide(now, news, market)
        home = [event for event in news if isinstance(event, WithdrawalCompleted)]
        redeemed = [self._redeem(event) for event in home if event.asset_id in self.coins]
        return Decision([*redeemed, *decision.commands], decision.wake_at) if redeemed else decision

    def pause(self) -> Time:
        calm = super().pause()
        return max(calm // self.terms.alarm, 1) if self.frightened else calm

    def listen(self, now: Time, event: Event) -> None:
        match event:
            case CustodyGated():
                if event.asset_id == self.instrument.cash and not self.frightened:
                    self.frightened = True
                    self.next_look = min(self.next_look, now + self.pause())
            case _:
                super().listen(now, event)

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        self._watch(market)
        if self.frightened:
            return self._flee(now, market)
        return self._build(market)

    def look_from_outside(self, now: Time) -> Sequence[Command]:
        return self._withdraw(now) if self.frightened else ()

    def _redeem(self, event: WithdrawalCompleted) -> RedeemCoins:
        return RedeemCoins(asset_id=event.asset_id, wallet_id=self.profile.wallet_id, amount=event.arrived)

    # --- calm

    def _watch(self, market: MarketView) -> None:
        index = market.index(self.instrument.underlying)
        if index is None:
            return
        ticks = self.in_ticks(index.value)
        seen = self._best_seen
        if seen is None or self.direction * (ticks - seen) > 0:
            self._best_seen = ticks
        elif self.direction * (seen - ticks) * 10_000 > self.profile.fear_bp * seen:
            self.frightened = True

    def _build(self, market: MarketView) -> Sequence[Command]:
        if self.desk.orders:
            return (self.cancel_all(),)  # at the next look it bids anew, at the price of then
        crossing = self.dice.uniform() < self.terms.crossing_share
        price = self.opposite(market, self.direction if crossing else Side(-self.direction))
        if price is None:
            return ()
        step = -(-self.limit // self.terms.steps)
        quantity = self.affordable(self.direction, price, min(step, self.room(self.direction)))
        time_in_force = TimeInForce.IOC if crossing else TimeInForce.DAY
        return (self.order(self.direction, quantity, price, time_in_force),) if quantity else ()

    # --- frightened

    def _flee(self, now: Time, market: MarketView) -> Sequence[Command]:
        """Cancel and close at whatever price there is; once flat, take the money home."""
        commands: list[Command] = [self.cancel_all()] if self.desk.orders else []
        position = self.holding.position
        if position == 0:
            return commands or self._withdraw(now)
        side = Side.SELL if position > 0 else Side.BUY
        if self.opposite(market, side) is not None:
            commands.append(self.order(side, abs(position), reduce_only=True))
        return commands

    def _withdraw(self, now: Time) -> Sequence[Command]:
        self._note_refusal(now)
        amount = self._withdrawable()
        if amount <= 0 or now < self._ask_again:
            return ()
        self._ask_again = now + self._patience
        return (
            WithdrawCash(participant_id=self.participant_id, asset_id=self.instrument.cash, amount=amount),
        )

    def _note_refusal(self, now: Time) -> None:
        """A new refusal with something available is answered at once; with nothing, ever more patiently."""
        refused = self.desk.refused_cash
        if refused is None or refused is self._refused_at_ask:
            return
        self._refused_at_ask = refused
        if refused.available > 0:
            self._ask_again = now
        else:
            self._ask_again = now + self._patience
            self._patience = min(2 * self._patience, self.terms.patience_max_ns)

    def _withdrawable(self) -> Money:
        free = self.desk.free_cash(self.instrument.cash)
        refused = self._refused_at_ask
        return min(free, refused.available) if refused is not None and refused.available > 0 else free

"""What all strategies share: a desk, looks at the market from time to time, and when not to trade.

A strategy says what it does at one look. It never looks before its time, whatever the news, so what it does
does not depend on how often others make it listen.
"""

from collections.abc import Collection, Sequence
from typing import ClassVar

from exchange.commands import CancelAll, Command, PlaceOrder
from exchange.events import (
    Event,
    InstrumentRedenominated,
    ParticipantAdmitted,
    PerpetualRolled,
    PublicEvent,
    SeriesState,
    SessionClosed,
    SessionOpened,
)
from exchange.instruments import Instrument
from exchange.messages import changed
from exchange.units import IndexPrice, Time
from exchange.views import MarketView
from matching.terms import ParticipantId, PostOnly, Price, Quantity, Side, TimeInForce
from participants.chance import Dice
from participants.desk import Desk, Holding
from participants.participant import Decision
from participants.profile import Profile

_OPEN = (SeriesState.TRADING, SeriesState.FIXING)


class Trader:
    """A participant in one instrument whose price follows the index, who joins when its deposit is at the venue.

    A strategy overrides `look`, and what else it needs.
    """

    wakes_for: ClassVar[Collection[type[Event]]] = (ParticipantAdmitted,)
    follows: ClassVar[Collection[type[PublicEvent]]] = (
        SessionOpened,
        SessionClosed,
        PerpetualRolled,
        InstrumentRedenominated,
    )

    def __init__(self, profile: Profile, instrument: Instrument, dice: Dice, opens: Time) -> None:
        self.participant_id: ParticipantId = profile.participant_id
        self.profile = profile
        self.instrument = instrument
        self.dice = dice
        self.desk = Desk(profile.participant_id, (instrument,), {instrument.cash: profile.deposit})
        self.holding: Holding = self.desk.holdings[instrument.instrument_id]
        self.next_look = opens
        self._lots = profile.desired_exposure // (instrument.reference * instrument.tick_value)
        self._session_open = True

    def first_wake(self) -> Time:
        self.next_look += self.pause()
        return self.next_look

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        self.desk.hear(news)
        for event in news:
            if type(event) in self.follows:
                self.listen(now, event)
        if now < self.next_look:
            return Decision((), self.next_look)
        self.next_look = now + self.pause()
        commands = self.look(now, market) if self.may_trade(market) else self.look_from_outside(now)
        return Decision(commands, self.next_look)

    def look(self, now: Time, market: MarketView) -> Sequence[Command]:
        """What to do at this look, while the instrument trades."""
        raise NotImplementedError

    def look_from_outside(self, now: Time) -> Sequence[Command]:
        """What to do at this look, while it cannot trade."""
        return ()

    def listen(self, now: Time, event: Event) -> None:
        """Hear a public event. To act on it, bring `next_look` forward."""
        if isinstance(event, InstrumentRedenominated):
            if event.instrument.instrument_id == self.instrument.instrument_id:
                self.instrument = changed(self.instrument, cash=event.instrument.cash)
        elif not isinstance(event, PerpetualRolled):
            self._session_open = isinstance(event, SessionOpened)
        elif self.instrument.roll and event.instrument.instrument_id == self.instrument.instrument_id:
            terms = (
                event.instrument
            )  # a roll moves the collar, the reference and the expiry, and nothing else
            self.instrument = changed(
                self.instrument,
                floor=terms.floor,
                cap=terms.cap,
                reference=terms.reference,
                expiry=terms.expiry,
            )

    def pause(self) -> Time:
        """Until the next look: random, with the mean that the profile gives."""
        return int(self.dice.exponential() * self.profile.attention_ns) + 1

    # --- for the strategies

    @property
    def limit(self) -> Quantity:
        """How many lots it would hold at most. Each refusal for want of cash or room halves what it tries."""
        return max(self._lots >> self.desk.squeezes, abs(self.holding.position))

    def may_trade(self, market: MarketView) -> bool:
        if self.desk.stopped or not self._session_open:
            return False
        series = market.series_state(self.instrument.instrument_id)
        return series is not None and series.state in _OPEN

    def order(
        self,
        side: Side,
        quantity: Quantity,
        price: Price | None = None,
        time_in_force: TimeInForce = TimeInForce.DAY,
        *,
        post_only: PostOnly = PostOnly.NO,
        reduce_only: bool = False,
    ) -> PlaceOrder:
        return PlaceOrder(
            participant_id=self.participant_id,
            client_order_id=self.desk.next_client_order_id(),
            instrument_id=self.instrument.instrument_id,
            side=side,
            quantity=min(quantity, self.instrument.max_quantity),
            price=None if price is None else self.inside_collar(price),
            time_in_force=time_in_force,
            post_only=post_only,
            reduce_only=reduce_only,
        )

    def cancel_all(self) -> CancelAll:
        return CancelAll(participant_id=self.participant_id, instrument_id=self.instrument.instrument_id)

    def room(self, side: Side) -> Quantity:
        """Lots that it may still order on `side` without passing its limit, all its orders filled."""
        return max(self.holding.reach(side, self.limit) - self.holding.open_lots(side), 0)

    def opposite(self, market: MarketView, side: Side) -> Price | None:
        """The best price that an order on `side` could meet."""
        best = market.best_prices(self.instrument.instrument_id)
        if best is None:
            return None
        return best.ask if side is Side.BUY else best.bid

    def affordable(self, side: Side, price: Price, quantity: Quantity) -> Quantity:
        return self.desk.affordable(self.instrument.instrument_id, side, price, quantity)

    def in_ticks(self, value: IndexPrice) -> float:
        return value / self.instrument.tick

    def inside_collar(self, price: Price) -> Price:
        return min(max(price, self.instrument.lowest_price + 1), self.instrument.highest_price - 1)

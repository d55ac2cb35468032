"""A clearing member with a position of its own: it builds it as a cautious holder does, takes clients on, and
answers its calls."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from exchange.commands import DepositCash
from exchange.events import ClientApplied, Event, MarginCalled, ParticipantAdmitted
from exchange.instruments import Instrument
from exchange.units import AssetId, Money, Time
from exchange.views import MarketView
from matching.terms import Side
from participants.chance import Dice
from participants.participant import Decision
from participants.profile import Profile
from participants.strategies.cautious_holder import CautiousHolder
from participants.strategies.clearing_member import MemberTerms


class HoldingMember(CautiousHolder):
    """What it has in reserve, in its own wallet, it brings as a whole at the first call that it hears of."""

    wakes_for: ClassVar = (ParticipantAdmitted, ClientApplied, MarginCalled)

    def __init__(
        self,
        profile: Profile,
        instrument: Instrument,
        dice: Dice,
        opens: Time,
        direction: Side = Side.BUY,
        reserve: Money = 0,
        terms: MemberTerms | None = None,
        coins: Collection[AssetId] = (),
    ) -> None:
        super().__init__(profile, instrument, dice, opens, direction, coins=coins)
        self._reserve = reserve
        self._terms = terms or MemberTerms()

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        decision = super().decide(now, news, market)
        answers = self._terms.answers(self.participant_id, news)
        if answers:
            decision = Decision([*answers, *decision.commands], decision.wake_at)
        if not self._reserve or not any(isinstance(event, MarginCalled) for event in news):
            return decision
        brought = DepositCash(
            participant_id=self.participant_id, asset_id=self.instrument.cash, amount=self._reserve
        )
        self._reserve = 0
        return Decision([brought, *decision.commands], decision.wake_at)

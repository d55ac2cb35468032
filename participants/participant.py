"""The contract of everyone who trades. A participant decides; it never sends, sleeps or listens."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from exchange.commands import Command
from exchange.events import Event, PublicEvent
from exchange.units import Time
from exchange.views import MarketView
from matching.terms import ParticipantId


class Decision(NamedTuple):
    """What to send now, in this order, and when to be asked again, news or no news."""

    commands: Sequence[Command] = ()
    wake_at: Time | None = None


WAIT = Decision()


class Participant(Protocol):
    """Same news at the same times, same decisions: chance comes only from the generator it was built with."""

    @property
    def participant_id(self) -> ParticipantId: ...

    @property
    def wakes_for(self) -> Collection[type[Event]]:
        """Its own private events that cannot wait for its next wake-up. The others are handed over then."""
        ...

    @property
    def follows(self) -> Collection[type[PublicEvent]]:
        """Public events that wake it. Prices need not be followed: they can be read from `market`."""
        ...

    def first_wake(self) -> Time:
        """When it wants to be asked for the first time."""
        ...

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        """`news` is what has arrived since it was last asked, in order; `market` is what it can see now."""
        ...

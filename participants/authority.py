"""The authority's voice, and an issuer's: commands that a scenario gives at given times."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from exchange.commands import Command
from exchange.events import Event, PublicEvent
from exchange.units import Time
from exchange.views import MarketView
from matching.terms import ParticipantId
from participants.participant import Decision


class Script:
    """Gives each command so that it arrives at its time, in the order of the steps where times are equal.

    `line_ns` is how long its line takes: it speaks that much earlier.
    """

    wakes_for: ClassVar[Collection[type[Event]]] = ()
    follows: ClassVar[Collection[type[PublicEvent]]] = ()

    def __init__(
        self, steps: Sequence[tuple[Time, Command]], name: str = "authority", line_ns: Time = 0
    ) -> None:
        """Raises ValueError if there are no steps."""
        if not steps:
            raise ValueError("steps: a script needs at least one step; leave the script out instead")
        self.participant_id = ParticipantId(name)
        self._steps = sorted(((time - line_ns, command) for time, command in steps), key=lambda step: step[0])
        self._given = 0

    def first_wake(self) -> Time:
        return self._steps[0][0]

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        first = self._given
        while self._given < len(self._steps) and self._steps[self._given][0] <= now:
            self._given += 1
        commands = [command for _, command in self._steps[first : self._given]]
        later = self._steps[self._given :]
        return Decision(commands, later[0][0] if later else None)

"""How often what was asked, and what was refused and why: counts since the beginning, and nobody's name among them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from exchange.commands import Command
from exchange.events import (
    CashRequestRejected,
    ClearingRequestRejected,
    CoinRequestRefused,
    DirectiveRefused,
    Entry,
    InstructionRefused,
    MarginCalled,
    NoteRequestRejected,
    OrderRejected,
    ParticipantRefused,
    RequestRejected,
    SubscriptionRejected,
    UnitRequestRejected,
)

REFUSALS: Final[dict[type[Any], str]] = {  # what each is about
    ParticipantRefused: "entry",
    OrderRejected: "order",
    RequestRejected: "order_change",
    CashRequestRejected: "money",
    UnitRequestRejected: "units",
    CoinRequestRefused: "coin",
    SubscriptionRejected: "note",
    NoteRequestRejected: "note",
    ClearingRequestRejected: "clearing",
    InstructionRefused: "settlement",
    DirectiveRefused: "directive",
}
WITHOUT_REASON: Final = "not_possible"  # a directive is refused with a sentence


class Tally:
    """Told each command with what it did, in the order of the journal; what fell due by itself has no command."""

    __slots__ = ("commands", "margin_calls", "refusals")

    def __init__(self) -> None:
        self.commands: Counter[tuple[type[Any], bool]] = Counter()  # by kind, and whether it was refused
        self.refusals: Counter[tuple[str, str]] = Counter()  # by what they are about, and the reason
        self.margin_calls = 0

    def take(self, command: Command | None, entries: Sequence[Entry]) -> None:
        refused = False
        for entry in entries:
            kind = type(entry.event)
            if kind in REFUSALS:
                refused = True
                reason = getattr(entry.event, "reason", WITHOUT_REASON)
                self.refusals[REFUSALS[kind], str(reason)] += 1
            elif kind is MarginCalled:
                self.margin_calls += 1
        if command is not None:
            self.commands[type(command), refused] += 1

    def refused(self, about: str) -> dict[str, int]:
        """Of one subject, by reason: the most frequent first."""
        found = {reason: count for (what, reason), count in self.refusals.items() if what == about}
        return dict(sorted(found.items(), key=lambda row: (-row[1], row[0])))

"""The states of trading in one instrument, as one table: which may follow which."""

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    PRE_OPEN = "pre_open"  # orders are collected, nothing is traded
    AUCTION = (
        "auction"  # the call: orders are collected, and the price at which they would cross is published
    )
    CONTINUOUS = "continuous"
    HALTED = "halted"  # no order enters; what rests may be canceled
    CLOSED = "closed"
    SETTLED = "settled"  # for good


NEXT: Final[dict[Phase, tuple[Phase, ...]]] = {
    Phase.CLOSED: (Phase.PRE_OPEN, Phase.AUCTION, Phase.CONTINUOUS, Phase.SETTLED),
    Phase.PRE_OPEN: (Phase.AUCTION, Phase.CONTINUOUS, Phase.HALTED, Phase.CLOSED),
    Phase.AUCTION: (Phase.CONTINUOUS, Phase.HALTED, Phase.CLOSED),
    Phase.CONTINUOUS: (Phase.AUCTION, Phase.HALTED, Phase.CLOSED),
    Phase.HALTED: (Phase.AUCTION, Phase.CONTINUOUS, Phase.CLOSED),
    Phase.SETTLED: (),
}


def collects(phase: Phase) -> bool:
    """Whether orders enter and wait for an uncrossing, so that the book may be crossed."""
    return phase in _COLLECTING


_COLLECTING: Final = (Phase.PRE_OPEN, Phase.AUCTION)  # looked up once: it is asked after every command

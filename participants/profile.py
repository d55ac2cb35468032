"""Who a participant is: what it may declare, what it wishes, and how easily it is frightened.

A profile says nothing of a regime. The same person has the same profile under all of them.
"""

from enum import StrEnum

from exchange.access.regime import Applicant
from exchange.messages import Message
from exchange.units import BasisPoints, Money, Time, WalletId
from matching.terms import ParticipantId


def wallet_of(participant_id: ParticipantId) -> WalletId:
    """Where a participant of a scenario keeps its coins outside the venue."""
    return WalletId(f"wallet-{participant_id}")


class Style(StrEnum):
    """How a participant trades (docs/participants.md)."""

    NOISE = "noise"
    VALUE = "value"
    HOLDER = "holder"
    MARKET_MAKER = "market_maker"


class Profile(Message):
    """Amounts are kopecks. `deposit` is what it brings to the venue if it is let in."""

    participant_id: ParticipantId
    wallet_id: WalletId  # where it keeps its coins
    applicant: Applicant
    style: Style
    desired_exposure: Money  # notional that it would like to hold, long or short, if nobody stopped it
    deposit: Money
    wealth_decile: int  # 1 the poorest .. 10 the richest of the sampled population
    attention_ns: Time  # mean time between two looks at the market
    fear_bp: BasisPoints  # fall from its reference at which it flees; frozen coins frighten it the same
    intermediary: str  # the bank or broker through which it comes

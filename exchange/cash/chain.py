"""One crypto asset as the venue has it: what has come in and may still be undone, and what is on its way out."""

from dataclasses import dataclass, field
from typing import NamedTuple

from exchange.clearing.ledger import TransferId
from exchange.instruments import Asset
from exchange.units import Time
from matching.terms import ParticipantId


@dataclass(slots=True, eq=False)
class Arrival:
    """A deposit that the chain shows. It is credited once enough blocks lie on top of it."""

    participant_id: ParticipantId
    amount: int
    transfer_id: TransferId
    credited: bool = False


class Departure(NamedTuple):
    """A withdrawal that the chain does not show yet."""

    participant_id: ParticipantId
    amount: int


@dataclass(slots=True, eq=False)
class Chain:
    """The chain of one asset. `forgotten` are transactions that a reorganisation has undone: they stay so."""

    asset: Asset
    arrivals: dict[str, Arrival] = field(default_factory=dict)  # by transaction
    departures: dict[TransferId, Departure] = field(default_factory=dict)  # by the pending transfer
    forgotten: dict[str, None] = field(default_factory=dict)

    @property
    def finality(self) -> Time:
        """How long it takes until a transaction has all its confirmations."""
        assert self.asset.confirmations and self.asset.block_interval, "an asset with a chain has both"
        return self.asset.confirmations * self.asset.block_interval


def fault_in_asset(asset: Asset) -> str | None:
    """Why the venue cannot keep the asset on a chain, or None. One that names no confirmations has none."""
    asked = (asset.confirmations, asset.block_interval)
    if any(type(number) is int for number in asked) and not all(
        type(number) is int and number > 0 for number in asked
    ):
        return f"{asset.asset_id}: confirmations and block_interval are both given, and positive"
    return None

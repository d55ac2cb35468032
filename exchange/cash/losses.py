"""Losses of money that no default has caused: coins wiped or stolen, an issuer or a bank that fails, an error.

The house's own layer comes first, then what insures it, then those who hold the asset in the same pool, by whole
claims. A default fund bears none of it, nor does anything of this ever bear a default. What reaches beyond all of
that is left over, and the venue is at its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

from exchange.clearing.rounding import allocate
from exchange.units import Money, WalletId
from matching.terms import ParticipantId


class LossCause(StrEnum):
    WIPED = "wiped"
    STOLEN = "stolen"
    ISSUER_DEFAULT = "issuer_default"  # its coins are written down to what backs them
    BANK_INSOLVENCY = "bank_insolvency"
    OPERATIONAL = "operational"  # paid away in error


class HouseBearer(Enum):
    """What of the house bears a loss beside the participants. No text, so that nobody can bear its name."""

    LAYER = "layer"  # its own
    INSURANCE = "insurance"
    NOBODY = "nobody"  # beyond everything


Bearer: TypeAlias = ParticipantId | HouseBearer
Shares: TypeAlias = dict[Bearer, Money]
Group: TypeAlias = Mapping[ParticipantId, Money] | Mapping[HouseBearer, Money] | Mapping[Bearer, Money]


def share_loss(loss: Money, groups: Sequence[Group]) -> Shares:
    """Each group bears what the earlier ones could not, its members pro rata, none beyond what it has.

    The parts add up to the loss; of the last unit the largest remainder decides, then the name.
    """
    shares: Shares = {}
    for group in groups:
        members: list[tuple[Bearer, Money]] = sorted(group.items(), key=lambda member: str(member[0]))
        has = [amount for _, amount in members]
        part = min(loss, sum(has))
        if part:
            for (name, _), amount in zip(members, allocate(part, has, has), strict=True):
                shares[name] = shares.get(name, 0) + amount
            loss -= part
    if loss:
        shares[HouseBearer.NOBODY] = loss
    return {name: amount for name, amount in shares.items() if amount}


@dataclass(slots=True, eq=False)
class Loss:
    """Who bore what of one loss, so that it can be undone: `borne` is what has not come back yet."""

    wallet_id: WalletId
    cause: LossCause
    grounds: str
    borne: Shares = field(default_factory=dict)

    @property
    def outstanding(self) -> Money:
        return sum(self.borne.values())

    def give_back(self, amount: Money) -> Shares:
        """Undo so much of it, the last who bore first: what nobody bore, holders by their parts, the house."""
        house = (HouseBearer.INSURANCE, HouseBearer.LAYER)
        holders = {name: part for name, part in self.borne.items() if not isinstance(name, HouseBearer)}
        nobody, *rest = [_only(name, self.borne) for name in (HouseBearer.NOBODY, *house)]
        last: list[Group] = [nobody, holders, *rest]
        returned = share_loss(min(amount, self.outstanding), last)
        for name, part in returned.items():
            self.borne[name] -= part
        return returned


def _only(name: Bearer, borne: Shares) -> Shares:
    return {name: borne.get(name, 0)}

"""The part of a scenario file about what is settled beside trading: firms, their deals, the cycles, and deposits."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from exchange.commands import AnnounceCryptoDeposit, InstructSettlement, SettlementCycleTerms, SettlementModel
from exchange.units import SECOND, AssetId, Time
from matching.terms import ParticipantId
from participants.population import market_maker
from participants.profile import Profile
from scenarios.config.reading import (
    AssetCode,
    Clock,
    Flag,
    Identifier,
    Percent,
    Roubles,
    Seconds,
    Table,
    Text,
    Units,
    fault,
)
from scenarios.index_path import instant

Recycles = Annotated[int, Field(strict=True, ge=0, le=1_000)]


class FirmTable(Table):
    """An institution that quotes nothing: it issues notes, or settles what it agreed elsewhere."""

    id: Identifier
    deposit_rub: Roubles
    own_funds_rub: Roubles

    def profile(self) -> Profile:
        return market_maker(ParticipantId(self.id), deposit=self.deposit_rub, own_funds=self.own_funds_rub)


class CycleTable(Table):
    """A cycle in which instructions are settled."""

    at: Clock
    model: SettlementModel
    penalty_percent: Percent = 0  # of the value that fails to settle, for each day
    gridlock: Flag = False
    lasts_seconds: Seconds = 0

    def terms(self, midnight: Time) -> SettlementCycleTerms:
        return SettlementCycleTerms(
            at=instant(self.at, midnight),
            model=self.model,
            penalty_bp=self.penalty_percent,
            gridlock=self.gridlock,
            lasts=self.lasts_seconds * SECOND,
        )


class DealTable(Table):
    """A deal that was agreed elsewhere: units against coins, or coins alone. Both sides instruct it `at` that hour."""

    at: Clock
    delivers: Text
    receives: Text
    asset: AssetCode | None = None
    units: Units | None = None
    payment_rub: Roubles | None = None
    amount_rub: Roubles | None = None
    max_recycles: Recycles = 10

    @model_validator(mode="after")
    def _moves_one_thing(self) -> "DealTable":
        of_units = (self.asset, self.units, self.payment_rub)
        given = sum(key is not None for key in of_units)
        if given != (3 if self.amount_rub is None else 0):
            raise fault(
                "is either coins alone, or units against coins",
                "give amount_rub alone, or asset, units and payment_rub together",
                at="amount_rub",
            )
        if self.delivers == self.receives:
            raise fault("is the one who delivers", "name two sides", at="receives")
        return self

    def instructions(
        self, number: int, cash: AssetId, scales: Mapping[str, int], midnight: Time
    ) -> tuple[InstructSettlement, InstructSettlement]:
        """What each side says, the one who delivers first."""
        at = instant(self.at, midnight)
        asset_id = cash if self.asset is None else AssetId(self.asset)
        amount = self.amount_rub or minor_units(self.units or Decimal(0), scales.get(asset_id, 0))
        first, second = (
            InstructSettlement(
                participant_id=ParticipantId(speaks),
                counterparty_id=ParticipantId(other),
                delivers=speaks == self.delivers,
                asset_id=asset_id,
                amount=amount,
                intended=at,
                payment_asset_id=None if self.asset is None else cash,
                payment=self.payment_rub or 0,
                reference=f"deal {number}",
                max_recycles=self.max_recycles,
            )
            for speaks, other in ((self.delivers, self.receives), (self.receives, self.delivers))
        )
        return first, second


class DepositTable(Table):
    """Units that a chain shows on their way to the venue."""

    at: Clock
    participant: Text
    asset: AssetCode
    units: Units
    transaction: Text

    def announced(self, scales: Mapping[str, int]) -> AnnounceCryptoDeposit:
        return AnnounceCryptoDeposit(
            participant_id=ParticipantId(self.participant),
            asset_id=AssetId(self.asset),
            amount=minor_units(self.units, scales[self.asset]),
            transaction=self.transaction,
        )


def minor_units(units: Decimal, scale: int) -> int:
    """Whole: a file with more decimals than the asset has is refused."""
    return int(units * 10**scale)

"""The [freeze_hazard] of a scenario: how likely it is that wallets are frozen, and at whose request."""

from typing import Annotated

from pydantic import Field, model_validator

from exchange.units import MINUTE
from scenarios.config.cash_file import Authority
from scenarios.config.reading import Count, Percent, Table, fault
from scenarios.world import FreezeHazard


class FreezeHazardTable(Table):
    """Requests to freeze what somebody holds of what the venue settles in; every wallet once at most."""

    wallet_percent_a_day: Annotated[
        Percent, Field(description="Requests for one wallet of the population or a maker, in 24 hours.")
    ] = 0
    venue_percent: Annotated[
        Percent, Field(description="How likely it is that all wallets of the venue are asked for.")
    ] = 0
    foreign_percent: Annotated[Percent, Field(description="Of the requests.")] = 100_00
    lasts_minutes: Annotated[
        Count | None, Field(description="On average, until it is lifted; left out: for good.")
    ] = None

    @model_validator(mode="after")
    def _threatens_somebody(self) -> "FreezeHazardTable":
        if not self.wallet_percent_a_day and not self.venue_percent:
            raise fault("threatens nobody", "give a rate, or leave the table out", at="wallet_percent_a_day")
        return self

    def hazard(self, obeys: Authority) -> FreezeHazard:
        return FreezeHazard(
            obeys=obeys,
            a_day=self.wallet_percent_a_day / 100_00,
            venue=self.venue_percent / 100_00,
            foreign=self.foreign_percent / 100_00,
            lasts=None if self.lasts_minutes is None else self.lasts_minutes * MINUTE,
        )

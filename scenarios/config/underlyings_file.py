"""What is known of coins, for regimes that screen them: a table that ships, with its grounds, and a scenario's own."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from functools import cache
from importlib.resources import files

from pydantic import model_validator

from exchange.access.listing import Underlying
from exchange.units import SECOND
from scenarios.config.grounds import AssumptionTable, SourceTable, check_provenance
from scenarios.config.reading import AssetCode, Day, Dollars, Flag, Table, Text, check, fault, read_toml


class UnderlyingTable(Table):
    """A coin: what it is worth in all, how much of it is traded in a day, since when, and whether it hides who pays."""

    id: AssetCode
    title: Text | None = None
    market_value_usd: Dollars
    daily_volume_usd: Dollars
    traded_since: Day
    privacy: Flag = False

    def underlying(self) -> Underlying:
        since = datetime.combine(self.traded_since, time(), UTC)
        return Underlying(
            coin=self.id,
            market_value=self.market_value_usd,
            daily_volume=self.daily_volume_usd,
            traded_since=int(since.timestamp()) * SECOND,
            privacy=self.privacy,
        )


class UnderlyingsFile(Table):
    """The table that ships."""

    underlyings: tuple[UnderlyingTable, ...]
    sources: tuple[SourceTable, ...] = ()
    assumptions: tuple[AssumptionTable, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "UnderlyingsFile":
        check_coins(self.underlyings)
        check_provenance(self, self.sources, self.assumptions)
        return self


def check_coins(underlyings: Iterable[UnderlyingTable]) -> None:
    """Raises a fault if one coin stands twice."""
    seen: dict[str, None] = {}
    for table in underlyings:
        if table.id in seen:
            raise fault("stands twice", "say once what is known of it", at=f"underlyings.{table.id}")
        seen[table.id] = None


@cache
def shipped_underlyings() -> UnderlyingsFile:
    """The table that ships, checked. Raises ConfigurationError."""
    path = files("scenarios") / "underlyings.toml"
    return check(UnderlyingsFile, read_toml(path), str(path))


def known_underlyings(own: Iterable[UnderlyingTable]) -> tuple[Underlying, ...]:
    """What ships, and what a scenario says instead or beside it."""
    tables = {table.id: table for table in (*shipped_underlyings().underlyings, *own)}
    return tuple(table.underlying() for table in tables.values())

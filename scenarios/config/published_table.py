"""The part of a scenario file that holds a run against figures that were published. It steers nothing."""

from collections.abc import Callable
from datetime import datetime, time
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from exchange.oversight import DEPTH_DISTANCES_BP
from exchange.units import Time
from scenarios.config.reading import Clock, Count, Flag, Roubles, Table, Text, fault
from scenarios.world import PublishedMeasure, PublishedPoint

Par = Annotated[Decimal, Field(gt=0, le=10)]
Share = Annotated[Decimal, Field(ge=0, le=100)]

_PRICES = (PublishedMeasure.PRICE, PublishedMeasure.LOWEST)
OF_THE_COIN = (*_PRICES, PublishedMeasure.REDEEMED)


class PublishedTable(Table):
    """A figure that was published, or a range of it, to hold the run against."""

    at: Clock
    measure: PublishedMeasure = PublishedMeasure.PRICE
    price: Par | None = None
    percent: Share | None = None
    to_percent: Annotated[
        Share | None, Field(description="The upper end, where a range from `percent` on was published.")
    ] = None
    within_bp: Annotated[
        Count | None, Field(description="Of a depth: how far from the mid, in basis points.")
    ] = None
    amount_rub: Annotated[
        Roubles | None, Field(description="Of a round trip: how much is bought and sold at once.")
    ] = None
    since: Clock | None = None
    source: Text
    calibrated: Annotated[Flag, Field(description="Whether a number of this file was chosen by it.")] = False

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> "PublishedTable":
        priced = self.measure in _PRICES
        depth = self.measure is PublishedMeasure.DEPTH_FALL
        trip = self.measure is PublishedMeasure.ROUND_TRIP
        for key, wanted in (
            ("price", priced),
            ("percent", not priced),
            ("within_bp", depth),
            ("amount_rub", trip),
        ):
            given = getattr(self, key) is not None
            if wanted and not given:
                raise fault("is missing", f"add the key “{key}”", at=key)
            if given and not wanted:
                raise fault(f"does not go with measure = “{self.measure}”", "leave it out", at=key)
        if self.since is not None and self.measure is PublishedMeasure.PRICE:
            raise fault("is for what lies between two hours", "leave it out", at="since")
        if depth and self.since is None:
            raise fault("is missing, and what was there before is the measure", "add the hour", at="since")
        self._check_range()
        return self

    def _check_range(self) -> None:
        if self.to_percent is not None and (self.percent is None or self.to_percent <= self.percent):
            raise fault(
                "is the upper end of a range that begins with percent",
                "give both, the lower end first",
                at="to_percent",
            )
        if self.within_bp is not None and self.within_bp not in DEPTH_DISTANCES_BP:
            told = ", ".join(str(distance) for distance in DEPTH_DISTANCES_BP)
            raise fault(
                f"is {self.within_bp}, and depth is reported within {told}", "choose one", at="within_bp"
            )

    def point(self, instant: Callable[[time | datetime], Time]) -> PublishedPoint:
        value = self.percent / 100 if self.price is None and self.percent is not None else self.price
        return PublishedPoint(
            at=instant(self.at),
            since=None if self.since is None else instant(self.since),
            measure=self.measure,
            value=float(value or 0),
            source=self.source,
            calibrated=self.calibrated,
            upper=None if self.to_percent is None else float(self.to_percent / 100),
            within_bp=self.within_bp or 0,
            amount=self.amount_rub or 0,
        )

"""The tables of a regime file that are the same for every class: positions on a coin, listing screen, market."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, model_validator

from exchange.access.regime import ListingScreen, MarketRules, PositionLimit, PositionTier
from exchange.instruments import DERIVATIVES, Product, SettlementRule
from exchange.units import ONE_UNIT
from matching.terms import SelfTradePrevention
from scenarios.config.reading import (
    AssetCode,
    CoinUnits,
    Count,
    Dollars,
    Flag,
    Percent,
    Seconds,
    Table,
    TimeOfDay,
    fault,
)

HUNDREDTH = ONE_UNIT // 100


class PositionTierTable(Table):
    """A size beyond which a position is told of."""

    units: CoinUnits
    extra_margin_percent: Annotated[
        Percent, Field(description="Under margin, of the notional beyond, up to the next tier.")
    ] = 0

    def tier(self) -> PositionTier:
        return PositionTier(units=self.units * HUNDREDTH, extra_margin_bp=self.extra_margin_percent)


class PositionLimitTable(Table):
    """How large a net position anybody may have on a coin."""

    coin: AssetCode
    products: Annotated[
        tuple[Product, ...],
        Field(min_length=1, description="Those that count together; left out: derivatives."),
    ] = DERIVATIVES
    limit_units: Annotated[
        CoinUnits | None, Field(description="Of the coin: no order may lead beyond; left out: no limit.")
    ] = None
    tiers: Annotated[
        tuple[PositionTierTable, ...], Field(description="Sizes to be told of, the smallest first.")
    ] = ()

    @model_validator(mode="after")
    def _limits_something(self) -> "PositionLimitTable":
        for product in self.products:
            if product not in DERIVATIVES:
                raise fault(
                    f"names “{product}”, which nobody can be short of",
                    f"choose among {', '.join(DERIVATIVES)}",
                    at="products",
                )
        if self.limit_units is None and not self.tiers:
            raise fault("limits nothing", "add limit_units or tiers", at="coin")
        sizes = [tier.units for tier in self.tiers]
        if any(after <= before for before, after in pairwise(sizes)):
            raise fault("are not in order of size", "put the smallest first", at="tiers")
        if self.limit_units is not None and sizes and sizes[-1] >= self.limit_units:
            raise fault(
                "reach the limit, so they could never be passed", "lower them, or raise it", at="tiers"
            )
        return self

    def limit(self) -> PositionLimit:
        return PositionLimit(
            coin=self.coin,
            products=self.products,
            units=None if self.limit_units is None else self.limit_units * HUNDREDTH,
            tiers=tuple(tier.tier() for tier in self.tiers),
        )


class ListingTable(Table):
    """On which coins anything may be offered, whoever asks; what is known of them is in a table of its own."""

    market_value_min_usd: Annotated[
        Dollars | None, Field(description="The market value of the coin, at least.")
    ] = None
    daily_volume_min_usd: Annotated[
        Dollars | None, Field(description="What is traded of it in a day, everywhere, at least.")
    ] = None
    age_years_min: Annotated[Count | None, Field(description="Since it was first traded, at least.")] = None
    privacy_coins: Annotated[
        Flag, Field(description="Whether anything may be offered on coins made to hide who pays whom.")
    ] = True

    @model_validator(mode="after")
    def _screens_something(self) -> "ListingTable":
        if not self.model_fields_set:
            raise fault("is empty, and screens nothing", "say what it asks for, or leave it out")
        return self

    def screen(self) -> ListingScreen:
        return ListingScreen(
            market_value_min=self.market_value_min_usd,
            daily_volume_min=self.daily_volume_min_usd,
            age_years_min=self.age_years_min or 0,
            privacy_coins=self.privacy_coins,
        )


CALLS = ("opening_call_seconds", "closing_call_seconds", "halt_call_seconds")
BANDS = (
    "price_band_percent",
    "daily_limit_percent",
    "static_band_percent",
    "dynamic_band_percent",
    "max_quantity",
)
FIXING = "settlement_rule"
_FIXED_BY = {
    SettlementRule.TWAP_CAPPED: "settled by the mean of the index over the last half hour",
    SettlementRule.PARTITIONED_VWM: "settled by what outside venues traded at in the last hour",
    SettlementRule.SNAPSHOT: "settled by the index of that instant",
}


class MarketTable(Table):
    """How the market goes, whatever the scenario says. What is left out is as there."""

    self_trade_prevention: Annotated[
        SelfTradePrevention,
        Field(description="Which order gives way if one owner would trade with itself."),
    ]
    max_requests_per_second: Annotated[
        Count | None, Field(description="Of one participant; left out: no limit.")
    ] = None
    opens: Annotated[
        TimeOfDay | None, Field(description="UTC; no session begins earlier on its first day.")
    ] = None
    closes: Annotated[TimeOfDay | None, Field(description="UTC; no session ends later on its last day.")] = (
        None
    )
    opening_call_seconds: Annotated[
        Seconds | None, Field(description="How long the auction at the opening lasts; 0: there is none.")
    ] = None
    closing_call_seconds: Annotated[Seconds | None, Field(description="The same at the close.")] = None
    halt_call_seconds: Annotated[
        Seconds | None, Field(description="The same after a halt or an interruption.")
    ] = None
    price_band_percent: Annotated[
        Percent | None, Field(description="How far from the index an order may be priced.")
    ] = None
    daily_limit_percent: Annotated[
        Percent | None, Field(description="How far from the mark at the opening; 0: no such limit.")
    ] = None
    static_band_percent: Annotated[
        Percent | None,
        Field(
            description="How far from the last auction trading goes before it is interrupted; 0: however far."
        ),
    ] = None
    dynamic_band_percent: Annotated[Percent | None, Field(description="The same, from the last trade.")] = (
        None
    )
    max_quantity: Annotated[Count | None, Field(description="Lots of one order, at most.")] = None
    settlement_rule: Annotated[
        SettlementRule | None,
        Field(description="Where the settlement price of futures and options is looked for first."),
    ] = None

    @model_validator(mode="after")
    def _interrupts_for_an_auction(self) -> "MarketTable":
        if (self.opens is None) is not (self.closes is None):
            raise fault("stands alone", "give both hours, or neither", at="opens" if self.opens else "closes")
        if self.opens is not None and self.closes is not None and self.opens >= self.closes:
            raise fault(
                f"is {self.closes}, not after it opens at {self.opens}", "choose a later hour", at="closes"
            )
        for key in ("static_band_percent", "dynamic_band_percent"):
            if getattr(self, key) and not self.halt_call_seconds:
                raise fault(
                    "interrupts trading for an auction, whose length is not given",
                    "add halt_call_seconds",
                    at=key,
                )
        return self

    def terms(self) -> dict[str, Any]:
        """What it says of instruments, in the words of a scenario file."""
        return self.model_dump(include={*CALLS, *BANDS, FIXING}, exclude_none=True)

    def rules(self) -> MarketRules:
        return MarketRules(
            self_trade_prevention=self.self_trade_prevention,
            max_requests_per_second=self.max_requests_per_second,
            told=tuple(_market_words(self)),
        )


def _market_words(market: MarketTable) -> Iterator[str]:
    """What is said of the market beside the rules of the core, in words."""
    if market.opens is not None and market.closes is not None:
        yield f"open from {market.opens:%H:%M} to {market.closes:%H:%M} UTC"
    for key, name in (
        ("opening_call_seconds", "opening auction"),
        ("closing_call_seconds", "closing auction"),
        ("halt_call_seconds", "auction after a halt"),
    ):
        seconds = getattr(market, key)
        if seconds is not None:
            yield f"{name} of {seconds:,} seconds" if seconds else f"no {name}"
    for key, words in (
        ("price_band_percent", "orders within {} of the index"),
        ("daily_limit_percent", "no price more than {} from the mark at the opening"),
        ("static_band_percent", "interrupted {} from the last auction"),
        ("dynamic_band_percent", "interrupted {} from the last trade"),
    ):
        share = getattr(market, key)
        if share is not None:
            yield words.format(f"{share / 100:,.10g}%")
    if market.max_quantity is not None:
        yield f"orders of at most {market.max_quantity:,} lots"
    if market.settlement_rule is not None:
        yield _FIXED_BY[market.settlement_rule]

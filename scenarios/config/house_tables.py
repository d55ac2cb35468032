"""The part of a scenario file that matters to margin: what the house brings, who clears for whom, and who is named."""

from typing import Annotated

from pydantic import Field, model_validator

from exchange.commands import HouseLayer, Segregation
from exchange.messages import changed
from exchange.units import SECOND, Money
from matching.terms import ParticipantId, Side
from participants.population import market_maker, wealthy_individual
from participants.strategies.clearing_member import MemberTerms
from scenarios.config.reading import (
    Count,
    Flag,
    Identifier,
    Percent,
    Roubles,
    RoublesOrNothing,
    Table,
    Text,
    fault,
)
from scenarios.world import ClearingMemberTerms, ClientTerms

_KEYS = {
    HouseLayer.SKIN_IN_THE_GAME: "skin_in_the_game_rub",
    HouseLayer.SECOND_SKIN_IN_THE_GAME: "second_skin_in_the_game_rub",
    HouseLayer.FURTHER_AMOUNT: "further_amount_rub",
    HouseLayer.EQUITY: "equity_rub",
    HouseLayer.INSURANCE: "insurance_fund_rub",
    HouseLayer.LIQUIDITY: "liquidity_rub",
    HouseLayer.LOSS_LAYER: "loss_layer_rub",
    HouseLayer.LOSS_INSURANCE: "loss_insurance_rub",
}

_ATTENTION = 10 * SECOND  # an assumption: between two looks of a member that builds a position


class HouseTable(Table):
    """What the house brings for each layer of the waterfall, if not what the regime asks of it; and liquidity."""

    skin_in_the_game_rub: RoublesOrNothing | None = None
    second_skin_in_the_game_rub: RoublesOrNothing | None = None
    further_amount_rub: RoublesOrNothing | None = None
    equity_rub: RoublesOrNothing | None = None
    insurance_fund_rub: RoublesOrNothing | None = None
    liquidity_rub: Annotated[
        RoublesOrNothing | None, Field(description="Bridges late payments, and is paid back.")
    ] = None
    loss_layer_rub: Annotated[
        RoublesOrNothing | None,
        Field(description="Bears losses of the settlement asset itself, also under full cover."),
    ] = None
    loss_insurance_rub: Annotated[
        RoublesOrNothing | None, Field(description="Insures against what of them is beyond that layer.")
    ] = None
    fallback_liquidity_rub: Annotated[
        RoublesOrNothing | None,
        Field(
            description="What it holds of what the regime falls back on; left out: as much as all bring to the venue."
        ),
    ] = None

    def brought(self) -> dict[HouseLayer, Money]:
        """Only what the file states."""
        amounts = {layer: getattr(self, key) for layer, key in _KEYS.items()}
        return {layer: amount for layer, amount in amounts.items() if amount is not None}


class ClientTable(Table):
    """Somebody of wealth who is named, beside the population, and holds one position whatever the price does."""

    id: Identifier
    assets_rub: Annotated[Roubles, Field(description="Securities and deposits, by which a regime judges.")]
    deposit_rub: Annotated[Roubles, Field(description="What it brings.")]
    holds_rub: Annotated[Roubles, Field(description="The position that it builds and keeps.")]
    short: Flag = False  # that position
    member: Annotated[
        Text | None, Field(description="The member through which it clears; left out: none.")
    ] = None

    def terms(self) -> ClientTerms:
        return ClientTerms(
            profile=wealthy_individual(
                ParticipantId(self.id),
                assets=self.assets_rub,
                deposit=self.deposit_rub,
                exposure=self.holds_rub,
            ),
            direction=Side.SELL if self.short else Side.BUY,
            member_id=None if self.member is None else ParticipantId(self.member),
        )


class MemberTable(Table):
    """A clearing member, or several alike: it stands in for its clients, and keeps a share of the default fund."""

    id: Identifier
    count: Annotated[
        Count | None, Field(description="How many alike, each with a number after the id; left out: one.")
    ] = None
    own_funds_rub: Roubles
    deposit_rub: Roubles
    offers_to_port_rub: Annotated[
        RoublesOrNothing, Field(description="Up to so much initial margin of clients of a failed member.")
    ] = 0
    clients: Annotated[
        Count | None, Field(description="How many of the population clear through it, in their order.")
    ] = None
    clients_percent: Annotated[Percent | None, Field(description="The same, as a share of it.")] = None
    segregation: Annotated[
        Segregation,
        Field(
            description="`individual`: no client pays for another; `omnibus`: once the member has failed, the "
            "collateral of all its clients stands for the loss of each."
        ),
    ] = Segregation.INDIVIDUAL
    most_clients: Annotated[
        Count | None, Field(description="It declines whoever asks beyond that; left out: nobody.")
    ] = None
    demands_percent: Annotated[
        Percent | None,
        Field(
            description="What it demands for taking over a defaulter's portfolio, of what that is worth at the "
            "index; left out: it never bids."
        ),
    ] = None
    holds_rub: Annotated[
        Roubles | None, Field(description="The position that it builds for itself; left out: none.")
    ] = None
    short: Flag = False  # that position
    reserve_rub: Annotated[
        RoublesOrNothing, Field(description="What it keeps in its wallet, and brings at the first call.")
    ] = 0

    @model_validator(mode="after")
    def _counts_clients_once(self) -> "MemberTable":
        if self.clients is not None and self.clients_percent is not None:
            raise fault(
                "stands beside clients, and only one can hold", "keep one of the two", at="clients_percent"
            )
        return self

    @model_validator(mode="after")
    def _holds_or_bids(self) -> "MemberTable":
        if self.holds_rub is None and (self.short or self.reserve_rub):
            key = "short" if self.short else "reserve_rub"
            raise fault("goes with holds_rub", "say how much it holds, or leave it out", at=key)
        if self.holds_rub is not None and self.demands_percent is not None:
            raise fault(
                "stands beside holds_rub, and a member with a position of its own does not bid",
                "keep one of the two",
                at="demands_percent",
            )
        return self

    @model_validator(mode="after")
    def _has_clients_alone(self) -> "MemberTable":
        if self.count is not None and (self.clients is not None or self.clients_percent is not None):
            raise fault(
                "stands beside clients, which only one member can have", "give that one a table", at="count"
            )
        return self

    @property
    def names(self) -> list[str]:
        """The ids of all of them."""
        if self.count is None:
            return [self.id]
        return [f"{self.id}_{number:03}" for number in range(1, self.count + 1)]

    def clients_among(self, people: int) -> int:
        """How many of so many people, rounded down."""
        return self.clients or people * (self.clients_percent or 0) // 100_00

    def terms(self) -> list[ClearingMemberTerms]:
        """Of all of them, in the order of their numbers."""
        return [self._terms(ParticipantId(name)) for name in self.names]

    def _terms(self, name: ParticipantId) -> ClearingMemberTerms:
        profile = market_maker(name, deposit=self.deposit_rub, own_funds=self.own_funds_rub)
        own = None if self.holds_rub is None else Side.SELL if self.short else Side.BUY
        return ClearingMemberTerms(
            profile=changed(profile, desired_exposure=self.holds_rub or 0, attention_ns=_ATTENTION),
            offers_to_port=self.offers_to_port_rub,
            clients=self.clients,
            clients_bp=self.clients_percent or 0,
            segregation=self.segregation,
            conduct=MemberTerms(demands_bp=self.demands_percent, most_clients=self.most_clients),
            direction=own,
            reserve=self.reserve_rub,
        )

"""A whole world as plain objects: calendar, prices outside, contracts, the coin, who comes, and what happens when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.commands import CoinTerms, Command, EstablishVenue, IndexTerms
from exchange.instruments import Instrument, Product
from exchange.units import AssetId, BasisPoints, IndexPrice, InstrumentId, Time
from participants.population import PopulationTerms
from participants.profile import Profile
from participants.strategies.market_maker import MarketMakerTerms


@dataclass(frozen=True, slots=True)
class PathTerms:
    """The outside price: it passes through every knot, with noise between them."""

    knots: tuple[tuple[Time, IndexPrice], ...]
    volatility_a_day: float  # deviation of the log price over 24 hours, between knots
    step: Time  # between two quotes of the outside venues
    venue_noise_bp: float  # deviation of one venue's mid from the common price
    venue_spread_bp: float  # ask less bid of one outside venue


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """How late a message is: a fixed part and an exponential one, drawn anew for each message."""

    fixed_ns: Time
    jitter_ns: Time


@dataclass(frozen=True, slots=True)
class MakerTerms:
    """A professional market maker of the scenario: who it is, where it quotes, and how."""

    profile: Profile
    instrument: Instrument
    terms: MarketMakerTerms
    units: int = 0  # minor units of what it delivers, that it brings


@dataclass(frozen=True, slots=True)
class World:
    """What a scenario file says, checked and in the core's own units. It says nothing of a regime."""

    scenario_id: str
    title: str
    question: str
    starts: Time  # the first command
    opens: Time
    closes: Time
    ends: Time  # nothing happens after
    index: IndexTerms
    path: PathTerms
    coin: CoinTerms
    cash: AssetId
    instruments: tuple[Instrument, ...]
    population: PopulationTerms
    makers: tuple[MakerTerms, ...]
    professional_link: LinkTerms
    public_link: LinkTerms
    directives: tuple[tuple[Time, Command], ...]
    established: EstablishVenue
    resolved: dict[str, Any]  # the scenario file with every default filled in
    issuers: tuple[Profile, ...] = ()  # of notes
    endowments: Mapping[InstrumentId, int] = field(
        default_factory=dict
    )  # minor units that each person brings
    subscriptions: Mapping[InstrumentId, BasisPoints] = field(
        default_factory=dict
    )  # of each person's deposit

    @property
    def quoted(self) -> tuple[Instrument, ...]:
        """The instruments over which the population is spread: those whose price follows the index."""
        return tuple(i for i in self.instruments if i.product in (Product.FUTURE, Product.SPOT))

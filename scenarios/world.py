"""A whole world as plain objects: calendar, prices outside, contracts, the coin, who comes, and what happens when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from exchange.cash.hours import BankingHours
from exchange.cash.terms import AnyCashTerms, BankTerms, CoinTerms
from exchange.commands import Command, EstablishVenue, HouseLayer, IndexTerms, Segregation
from exchange.instruments import FUTURES, Instrument, Product
from exchange.units import AssetId, BasisPoints, IndexPrice, InstrumentId, Money, Time
from matching.terms import ParticipantId, Side
from participants.population import PopulationTerms
from participants.profile import Profile
from participants.strategies.authorised_redeemer import RedeemerTerms
from participants.strategies.clearing_member import MemberTerms
from participants.strategies.coin_maker import CoinMakerTerms
from participants.strategies.market_maker import MarketMakerTerms
from participants.strategies.running_holder import RunningHolderTerms


class AttackKind(StrEnum):
    """What is done to what outside venues show."""

    PUSH = "push"  # their prices are away from the common one
    DRIFT = "drift"  # the same, but growing evenly from nothing
    SILENCE = "silence"  # they show nothing new, and their last quotes grow old
    FREEZE = "freeze"  # they show their last prices again and again, as if they were new
    WASH = "wash"  # they report more volume than there is


@dataclass(frozen=True, slots=True)
class AttackTerms:
    """One attack on what outside venues show, from `starts` to `ends`, both included."""

    kind: AttackKind
    venues: tuple[str, ...]
    starts: Time
    ends: Time
    push: float = 0.0  # of the price, at the end of a drift; 0.1 is a tenth up
    volume_times: float = 1.0  # the reported quantity over the real one


@dataclass(frozen=True, slots=True)
class PathTerms:
    """The outside price: it passes through every knot, with noise between them, and strays after the last one.

    Attacks change what venues show of it, never the price itself, nor the rates of independent sources.
    """

    knots: tuple[tuple[Time, IndexPrice], ...]
    volatility_a_day: float  # deviation of the log price over 24 hours, between knots
    step: Time  # between two quotes of the outside venues
    venue_noise_bp: float  # deviation of one venue's mid from the common price
    venue_spread_bp: float  # ask less bid of one outside venue
    until: Time = 0  # how long it goes on, if that is later than the last knot
    attacks: tuple[AttackTerms, ...] = ()
    trades_a_minute: float = 0.0  # on one outside venue
    trade_spans: tuple[tuple[Time, Time], ...] = ()  # in which trades are reported
    reference_sources: tuple[str, ...] = ()  # each publishes the common price as its reference rate
    reference_step: Time = 600_000_000_000


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """How late a message is: a fixed part and an exponential one, drawn anew for each message."""

    fixed_ns: Time
    jitter_ns: Time


@dataclass(frozen=True, slots=True)
class StormTerms:
    """Every message of everybody who trades is sent again so often, at this distance from one to the next."""

    repeats: int = 0
    spacing: Time = 0


CALM = StormTerms()


@dataclass(frozen=True, slots=True)
class MakerTerms:
    """A professional market maker of the scenario: who it is, where it quotes, and how."""

    profile: Profile
    instrument: Instrument
    terms: MarketMakerTerms
    units: int = 0  # minor units of what it delivers, that it brings


@dataclass(frozen=True, slots=True)
class CoinTraderTerms:
    """A professional of the scenario who trades the coin: who it is, where, what it brings beside roubles, how."""

    profile: Profile
    pair: Instrument
    coins: Money
    terms: CoinMakerTerms | RedeemerTerms


@dataclass(frozen=True, slots=True)
class HolderPopulation:
    """Those who hold the coin as money. What each brings is log-normal around `coins`."""

    count: int
    coins: Money  # on average
    roubles_share: float  # beside, of its coins
    dispersion: float  # of the logarithm
    attention: Time  # between two looks in calm, on average
    pair: Instrument
    terms: RunningHolderTerms


class PublishedMeasure(StrEnum):
    """What of a run can be held against a published figure. All but the price are since an hour, or the opening."""

    PRICE = "price"  # of the coin, at the hour, in par; all others but the next are shares
    LOWEST = "lowest"  # price of the coin
    REDEEMED = "redeemed"  # of the supply of the coin then
    INDEX_FALL = "index_fall"  # of the price outside, to its lowest
    DISCOUNT = "discount"  # of the trade furthest below the index
    DEPTH_FALL = "depth_fall"  # of the mean depth, against the mean of before
    ROUND_TRIP = (
        "round_trip"  # what it costs to buy and sell so much at once, of the mid: the mean over minutes
    )
    FORCED = "forced"  # of all that was closed by force in the run
    FORCED_MINUTE = "forced_minute"  # the worst minute's part of what was closed by force
    FORCED_SALES = "forced_sales"  # the sales' part of what was closed by force


@dataclass(frozen=True, slots=True)
class PublishedPoint:
    """A figure that was published, or a range of it, to hold the run against."""

    at: Time
    since: Time | None
    measure: PublishedMeasure
    value: float  # a price in par, or a share
    source: str
    calibrated: bool  # a number of the scenario was chosen by it
    upper: float | None = None  # of a range that begins with the value
    within_bp: BasisPoints = 0  # of the mid; of a depth
    amount: Money = 0  # that is bought and sold; of a round trip


@dataclass(frozen=True, slots=True)
class FreezeHazard:
    """What may befall a wallet of what the venue settles in, at most once in a run."""

    obeys: str  # whose requests its keeper follows
    a_day: float  # requests for one participant's wallet in 24 hours, on average
    venue: float  # the probability that all wallets of the venue are asked for
    foreign: float  # the probability that a request comes from abroad
    lasts: Time | None  # on average, until it is lifted; None: for good


@dataclass(frozen=True, slots=True)
class ClearingMemberTerms:
    """A clearing member of the scenario. Clients are a number of people, or else a share of all."""

    profile: Profile
    offers_to_port: Money
    clients: int | None
    clients_bp: BasisPoints
    segregation: Segregation
    conduct: MemberTerms  # whom it takes on, and what it bids
    direction: Side | None = None  # of the position that it builds for itself; None: it has none, and bids
    reserve: Money = 0  # in its wallet, for the first call

    def clients_among(self, people: int) -> int:
        """How many of so many people, rounded down."""
        return people * self.clients_bp // 10_000 if self.clients is None else self.clients


@dataclass(frozen=True, slots=True)
class ClientTerms:
    """Somebody who is named, beside the population: one position, built slowly and kept, whatever the price does."""

    profile: Profile
    direction: Side
    member_id: ParticipantId | None  # through whom it clears; None: by itself


@dataclass(frozen=True, slots=True)
class Disconnection:
    """From `starts` until just before `ends` nothing reaches the participant and nothing of it arrives."""

    participant_id: ParticipantId
    starts: Time
    ends: Time | None  # None: for good


@dataclass(frozen=True, slots=True)
class World:
    """What a scenario file says, checked and in the core's own units. It says nothing of a regime."""

    scenario_id: str
    title: str
    question: str
    starts: Time  # the first command
    opens: Time
    closes: Time
    ends: Time  # nothing happens after, unless a settlement price is still out
    latest: Time  # when even the last rung of the ladder has been taken, whatever is objected to
    index: IndexTerms | None  # none where nothing follows one
    path: PathTerms | None
    coin: AnyCashTerms  # what it is settled in, whoever keeps it
    cash: AssetId
    instruments: tuple[Instrument, ...]
    population: PopulationTerms
    makers: tuple[MakerTerms, ...]
    members: tuple[ClearingMemberTerms, ...]
    clients: tuple[ClientTerms, ...]  # who are named
    house: dict[HouseLayer, Money]  # what it brings; a layer that is not named gets what the regime asks for
    professional_link: LinkTerms
    public_link: LinkTerms
    directives: tuple[tuple[Time, Command], ...]
    established: EstablishVenue
    resolved: dict[str, Any]  # the scenario file with every default filled in
    roubles: BankTerms | None = None  # what the coin is traded against
    coin_traders: tuple[CoinTraderTerms, ...] = ()
    holders: HolderPopulation | None = None  # of the coin
    published: tuple[PublishedPoint, ...] = ()  # figures to hold the run against
    issuers: tuple[Profile, ...] = ()  # of notes
    firms: tuple[Profile, ...] = ()  # who trade nothing
    said: tuple[tuple[Time, Command], ...] = ()  # instructions of both sides of a deal, deposits on a chain
    disconnections: tuple[Disconnection, ...] = ()
    endowments: Mapping[InstrumentId, int] = field(
        default_factory=dict
    )  # minor units that each person brings
    subscriptions: Mapping[InstrumentId, BasisPoints] = field(
        default_factory=dict
    )  # of each person's deposit
    freeze_hazard: FreezeHazard | None = None
    fallback: AnyCashTerms | None = None  # into which claims are converted if that is halted
    fallback_liquidity: Money | None = None  # what the house holds of it; None: as much as all bring
    storm: StormTerms = CALM

    @property
    def coins(self) -> tuple[AssetId, ...]:
        """What an issuer stands behind, and takes back; other money is at par where it is."""
        return tuple(terms.asset_id for terms in self.established.cash if isinstance(terms, CoinTerms))

    @property
    def redemption_hours(self) -> BankingHours | None:
        """When the settlement asset is redeemed, if it is a coin with hours for that."""
        return self.coin.redemption.hours if isinstance(self.coin, CoinTerms) else None

    @property
    def quoted(self) -> tuple[Instrument, ...]:
        """The instruments over which the population is spread: those whose price follows the index."""
        return tuple(i for i in self.instruments if i.product in (*FUTURES, Product.SPOT))

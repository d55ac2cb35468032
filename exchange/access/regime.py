"""An access regime is data: who may enter, what they may do there, and within which caps.

Amounts are kopecks, the minor units of the rouble coins in which a venue settles. A number either stands
among the `keys` of a source or among the `assumptions`, so that the two can never be confused.
"""

from enum import StrEnum

from exchange.clearing.denomination import Denomination
from exchange.clearing.terms import ClearingRules
from exchange.instruments import Product
from exchange.messages import Message
from exchange.units import AssetId, BasisPoints, Money, Time
from matching.terms import SelfTradePrevention


class ApplicantKind(StrEnum):
    INDIVIDUAL = "individual"
    COMPANY = "company"
    INSTITUTION = "institution"  # a supervised financial firm, with own funds


class Applicant(Message):
    """What somebody who asks to enter declares, and has verified, about itself."""

    kind: ApplicantKind
    securities_and_deposits: Money = 0
    crypto_assets: Money = 0
    incomes: tuple[Money, ...] = ()  # by year, the latest first
    knowledge_test_passed: bool = False
    deals_per_quarter: int = 0
    years_of_experience: int = 0
    qualified_by_law: bool = False  # a company or institution that the law counts as qualified
    own_funds: Money = 0  # of an institution
    intermediaries: int = 1  # banks and brokers through which it could buy


class Criterion(Message):
    """One way to qualify: every condition that is stated must hold. Nothing stated: everybody qualifies."""

    kinds: tuple[ApplicantKind, ...] = ()  # empty: any kind
    assets_min: Money | None = None  # at least
    assets_above: Money | None = None  # more than
    income_min: Money | None = None  # at least, in each of the last `income_years`
    income_above: Money | None = None  # more than, in each of them
    income_years: int = 1
    knowledge_test: bool = False
    deals_per_quarter_min: int = 0
    years_of_experience_min: int = 0
    qualified_by_law: bool = False


class Permission(StrEnum):
    """What a class may do in a product. A position can be closed under every word but `denied`."""

    ALLOWED = "allowed"
    AFTER_TEST = "allowed_after_test"  # the knowledge test
    REDUCE_ONLY = "reduce_only"
    DENIED = "denied"


class CapScope(StrEnum):
    """Where a cap on purchases counts. Nobody here sees what an investor buys elsewhere."""

    VENUE = "venue"  # once, whatever the intermediaries
    INTERMEDIARY = "intermediary"  # once with each of the intermediaries that the investor has


class Caps(Message):
    """Limits on the capital that one investor may put at risk, and on what it may buy. None: no such limit."""

    capital_at_risk: Money | None = None
    share_of_assets_bp: BasisPoints | None = None
    leverage_bp: BasisPoints | None = (
        None  # notional that margin may carry: 20,000 is 2:1. Full cover has none
    )
    closeout_bp: BasisPoints | None = (
        None  # under margin: positions are closed below this part of initial margin
    )
    negative_balance_protection: bool = False  # under margin: nobody is owed what was lost beyond its money
    annual_purchases: Money | None = None  # paid for units of spot and of notes, in a calendar year
    purchases_scope: CapScope = CapScope.VENUE
    resale_restores: bool = False  # what is sold makes room: the cap is on the cost of what is owned


class AccessClass(Message):
    """A class of participants. The first class of a regime with a criterion that holds is the applicant's."""

    class_id: str
    title: str
    any_of: tuple[Criterion, ...]
    permissions: dict[Product, Permission]  # what is not named is denied; a cash pair, allowed
    underlyings: tuple[str, ...] = ()  # coins, such as BTC, on which it may trade anything; empty: every one
    caps: Caps = Caps()
    cooling_off: Time = 0  # since it came in, before it may open anything


class InstitutionRule(Message):
    """Own funds of an institution must cover its capital at risk, and cap it. None: no such rule.

    100% cover is the 1250% risk weight times the 8% ratio; the cap is the supervisor's exposure limit.
    """

    cover_bp: BasisPoints | None = 10_000  # own funds held for each unit of capital at risk
    exposure_cap_bp: BasisPoints | None = None  # capital at risk, as a share of own funds
    soft_cap_bp: BasisPoints | None = None  # the same: beyond it nothing is refused, and it is told


class VenueRule(Message):
    """How large the venue may become. None: as large as it will."""

    capital_at_risk: Money | None = None  # of everybody together; at it nobody comes in, and nothing is added


class PositionTier(Message):
    """Whoever holds more is told of, and pays more margin for what is beyond, under margin."""

    units: int  # of the coin, in hundred-millionths
    extra_margin_bp: BasisPoints = 0  # of the notional beyond, up to the next tier


class PositionLimit(Message):
    """How large a net position anybody may have on a coin, over all series of the products."""

    coin: str
    products: tuple[Product, ...]
    units: int | None = None  # of the coin, in hundred-millionths; no order may lead beyond. None: no limit
    tiers: tuple[PositionTier, ...] = ()  # the smallest first


class ListingScreen(Message):
    """On which coins anything may be offered. Amounts are whole US dollars. None: no such rule."""

    market_value_min: int | None = None
    daily_volume_min: int | None = None
    age_years_min: int = 0  # since it was first traded
    privacy_coins: bool = True


class MarketRules(Message):
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.CANCEL_RESTING
    max_requests_per_second: int | None = None  # of one participant
    told: tuple[str, ...] = ()  # of hours, calls and bands, for people; the instruments have them


class GateRule(StrEnum):
    """How withdrawals are shared once a venue wallet is frozen."""

    PRO_RATA = "pro_rata"
    FIRST_COME = "first_come"


class CashRules(Message):
    settlement_asset: AssetId
    gate: GateRule = GateRule.PRO_RATA
    denomination: Denomination = Denomination.TOKEN_PAR
    collateral_haircut_bp: BasisPoints = 0  # of what coins count as collateral; under fiat value alone
    told: str = ""  # what the asset is, for people; empty: whatever the venue has of that name
    fallback_asset: AssetId | None = None  # into which claims on a halted asset are converted
    halt_on_freeze: bool = False  # a frozen venue wallet of the settlement asset halts it at once
    freeze_respects_finality: bool = False  # what was set aside before a freeze may still settle after it


class AssetCounting(Message):
    """How much of an applicant's crypto counts as wealth, so that the test is not circular."""

    crypto_share_bp: BasisPoints = 0
    crypto_max: Money | None = None


class Grade(StrEnum):
    """How good a source is."""

    PRIMARY = "P"  # the regulator, the exchange, the law itself
    SECONDARY = "S"  # the press, a law firm
    WEAK = "W"  # an aggregator or a blog: corroborate before citing
    DERIVED = "D"  # arithmetic from other sources


class Source(Message):
    label: str
    reference: str
    grade: Grade
    keys: tuple[str, ...] = ()  # the key paths in the regime file that it vouches for


class Assumption(Message):
    key: str  # the key path in the regime file
    reason: str


class RegimeStatus(StrEnum):
    IN_FORCE = "in_force"
    PROPOSED = "proposed"
    BILL = "bill"
    COUNTERFACTUAL = "counterfactual"


class Regime(Message):
    regime_id: str
    title: str
    jurisdiction: str
    status: RegimeStatus
    valid_from: str  # "2025-07-28", or empty
    valid_to: str
    sources: tuple[Source, ...]
    assumptions: tuple[Assumption, ...]
    test_environment: bool  # spot may be traded inside it, and nowhere else
    asset_counting: AssetCounting
    classes: tuple[AccessClass, ...]
    institutions: InstitutionRule
    market: MarketRules
    cash: CashRules
    offshore_share_bp: BasisPoints  # of refused demand that trades offshore instead
    clearing: ClearingRules = ClearingRules()
    venue: VenueRule = VenueRule()
    listing: ListingScreen = ListingScreen()
    position_limits: tuple[PositionLimit, ...] = ()
    waiting_share_bp: BasisPoints = 0  # of refused demand that waits to be let in; the rest is given up


def roubles(amount: Money) -> str:
    """An amount of kopecks as people write it: "12,000,000 RUB", "0.50 RUB"."""
    whole, kopecks = divmod(amount, 100)
    return f"{whole:,}.{kopecks:02} RUB" if kopecks else f"{whole:,} RUB"

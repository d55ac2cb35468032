"""The regime file: who may enter and what they may do, in TOML, checked once; and the regimes that ship.

`REGIME+CLEARING` is a regime that clears in another way: its own file, with the [clearing] table of a clearing file.
`REGIME+CASH` is one that settles in something else, by a cash profile, and `REGIME+BOUNDS` one whose institutions are,
or which as a venue is, bounded otherwise. One of each may be named, in any order. `REGIME[KEY=VALUE]` is a regime in
which one number is another; the brackets come last.
"""

from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from exchange.access.classes import shadows
from exchange.access.regime import (
    AccessClass,
    ApplicantKind,
    AssetCounting,
    Assumption,
    Caps,
    CapScope,
    CashRules,
    Criterion,
    GateRule,
    InstitutionRule,
    ListingScreen,
    Permission,
    Regime,
    RegimeStatus,
    Source,
    VenueRule,
)
from exchange.clearing.denomination import Denomination, fault_in_denomination
from exchange.instruments import Product
from exchange.units import HOUR, AssetId
from scenarios.config.cash_file import CashKind, SettlementAssetTable
from scenarios.config.clearing_file import ClearingTable
from scenarios.config.grounds import AssumptionTable, SourceTable, check_provenance
from scenarios.config.market_tables import ListingTable, MarketTable, PositionLimitTable
from scenarios.config.numbers import Number, find_number, numbers_of
from scenarios.config.reading import (
    AssetCode,
    ConfigurationError,
    Count,
    CoverPercent,
    Day,
    Flag,
    Identifier,
    Leverage,
    Percent,
    PositivePercent,
    Roubles,
    Table,
    Text,
    check,
    closest,
    fault,
    nearest,
    read_toml,
)
from scenarios.config.shipped import Shipped
from scenarios.config.swept import Change, in_brackets, named, parted, swept


class CriterionTable(Table):
    """One way into a class: every condition stated must hold. An empty table { } lets everybody in."""

    kinds: Annotated[
        tuple[ApplicantKind, ...], Field(description="Kinds of applicant it is meant for; left out: any.")
    ] = ()
    assets_min_rub: Annotated[
        Roubles | None, Field(description="At least so much in securities and deposits.")
    ] = None
    assets_above_rub: Annotated[
        Roubles | None, Field(description="More than so much in securities and deposits.")
    ] = None
    income_min_rub: Annotated[Roubles | None, Field(description="At least so much income a year.")] = None
    income_above_rub: Annotated[Roubles | None, Field(description="More than so much income a year.")] = None
    income_years: Annotated[
        Count | None, Field(description="In each of so many last years; left out: the last one.")
    ] = None
    knowledge_test: Annotated[Flag, Field(description="The knowledge test must have been passed.")] = False
    deals_per_quarter_min: Annotated[Count | None, Field(description="At least so many deals.")] = None
    years_of_experience_min: Annotated[Count | None, Field(description="At least so many years.")] = None
    qualified_by_law: Annotated[
        Flag, Field(description="The law itself must count the applicant as qualified.")
    ] = False

    @model_validator(mode="after")
    def _each_condition_once(self) -> "CriterionTable":
        for subject in ("assets", "income"):
            if None not in (getattr(self, f"{subject}_min_rub"), getattr(self, f"{subject}_above_rub")):
                raise fault(
                    f"stands beside {subject}_min_rub, and only one of them can bind",
                    "keep one of the two",
                    at=f"{subject}_above_rub",
                )
        if self.income_years is not None and self.income_min_rub is None and self.income_above_rub is None:
            raise fault(
                "has no effect without an income", "add income_min_rub or remove it", at="income_years"
            )
        return self

    def criterion(self) -> Criterion:
        return Criterion(
            kinds=self.kinds,
            assets_min=self.assets_min_rub,
            assets_above=self.assets_above_rub,
            income_min=self.income_min_rub,
            income_above=self.income_above_rub,
            income_years=self.income_years or 1,
            knowledge_test=self.knowledge_test,
            deals_per_quarter_min=self.deals_per_quarter_min or 0,
            years_of_experience_min=self.years_of_experience_min or 0,
            qualified_by_law=self.qualified_by_law,
        )


class CapsTable(Table):
    """Limits on the capital that one participant of the class may put at risk, and on what it may buy."""

    capital_at_risk_rub: Roubles | None = None
    share_of_assets_percent: Annotated[
        Percent | None, Field(description="Of the assets that count under [asset_counting].")
    ] = None
    leverage_max: Annotated[
        Leverage | None,
        Field(description="Notional for each rouble of margin, at most: 2 is 2:1. Nothing under full cover."),
    ] = None
    closeout_percent: Annotated[
        PositivePercent | None,
        Field(description="Under margin: of initial margin, below which positions are closed."),
    ] = None
    negative_balance_protection: Annotated[
        Flag, Field(description="Under margin: whether nothing is owed of what was lost beyond one's money.")
    ] = False
    annual_purchases_rub: Annotated[
        Roubles | None, Field(description="Paid for units of spot and of notes in a calendar year, at most.")
    ] = None
    purchases_scope: Annotated[
        CapScope, Field(description="Whether that is once, or once with each of its intermediaries.")
    ] = CapScope.VENUE
    resale_restores: Annotated[
        Flag, Field(description="Whether what is sold makes room: the cap is then on what is owned, at cost.")
    ] = False

    @model_validator(mode="after")
    def _says_how_much_before_how(self) -> "CapsTable":
        for key in ("purchases_scope", "resale_restores"):
            if self.annual_purchases_rub is None and key in self.model_fields_set:
                raise fault("has no effect without a cap", "add annual_purchases_rub or remove it", at=key)
        return self


class ClassTable(Table):
    """A class of participants. An applicant's class is the first of the file that takes it."""

    id: Identifier
    title: Text
    any_of: Annotated[tuple[CriterionTable, ...], Field(min_length=1, description="Ways in; one is enough.")]
    permissions: Annotated[
        dict[Product, Permission],
        Field(description="A product that is not named is denied; a cash_pair, allowed."),
    ]
    underlyings: Annotated[
        tuple[AssetCode, ...], Field(description="Coins on which it may trade anything; left out: every one.")
    ] = ()
    cooling_off_hours: Annotated[
        Count | None, Field(description="Since it came in, before it may open anything; left out: none.")
    ] = None
    caps: CapsTable = CapsTable()

    def access_class(self) -> AccessClass:
        return AccessClass(
            class_id=self.id,
            title=self.title,
            any_of=tuple(table.criterion() for table in self.any_of),
            permissions=self.permissions,
            underlyings=self.underlyings,
            cooling_off=(self.cooling_off_hours or 0) * HOUR,
            caps=Caps(
                capital_at_risk=self.caps.capital_at_risk_rub,
                share_of_assets_bp=self.caps.share_of_assets_percent,
                leverage_bp=None if self.caps.leverage_max is None else self.caps.leverage_max * 100,
                closeout_bp=self.caps.closeout_percent,
                negative_balance_protection=self.caps.negative_balance_protection,
                annual_purchases=self.caps.annual_purchases_rub,
                purchases_scope=self.caps.purchases_scope,
                resale_restores=self.caps.resale_restores,
            ),
        )


class InstitutionsTable(Table):
    """What the own funds of an institution must cover. Left out: nothing."""

    cover_percent: Annotated[
        CoverPercent | None, Field(description="Own funds held for each rouble at risk; 100 is full cover.")
    ] = None
    exposure_cap_percent: Annotated[
        Percent | None, Field(description="The most capital at risk, of own funds.")
    ] = None

    exposure_soft_cap_percent: Annotated[
        Percent | None, Field(description="The same, beyond which nothing is refused, and it is told.")
    ] = None

    @model_validator(mode="after")
    def _tells_before_it_refuses(self) -> "InstitutionsTable":
        soft, hard = self.exposure_soft_cap_percent, self.exposure_cap_percent
        if soft is not None and hard is not None and soft >= hard:
            raise fault(
                "is no smaller than exposure_cap_percent, so it could never be passed",
                "lower it, or leave it out",
                at="exposure_soft_cap_percent",
            )
        return self

    def rule(self) -> InstitutionRule:
        return InstitutionRule(
            cover_bp=self.cover_percent,
            exposure_cap_bp=self.exposure_cap_percent,
            soft_cap_bp=self.exposure_soft_cap_percent,
        )


class VenueTable(Table):
    """How large the venue may become. Left out: as large as it will."""

    capital_at_risk_max_rub: Annotated[
        Roubles | None,
        Field(description="Of everybody together; at it nobody comes in, and nothing is added."),
    ] = None

    def rule(self) -> VenueRule:
        return VenueRule(capital_at_risk=self.capital_at_risk_max_rub)


class AssetCountingTable(Table):
    """How much of an applicant's crypto counts as wealth. Left out: none of it."""

    crypto_share_percent: Percent
    crypto_max_rub: Annotated[Roubles | None, Field(description="No more than so much of it.")] = None


class CashTable(Table):
    settlement_asset: Annotated[
        AssetCode,
        Field(description="What the venue settles in; may be left out where a profile is named."),
    ]
    profile: Annotated[
        Identifier | None, Field(description="A cash profile; its [cash] table is then read as `terms`.")
    ] = None
    terms: Annotated[
        SettlementAssetTable | None,
        Field(description="What the profile says; left out: the scenario's coin."),
    ] = None
    gate: Annotated[GateRule, Field(description="How withdrawals are shared once a venue wallet is frozen.")]
    denomination: Annotated[Denomination, Field(description="What discharges a debt of one rouble.")] = (
        Denomination.TOKEN_PAR
    )
    collateral_haircut_percent: Annotated[
        Percent, Field(description="Of what coins count as collateral, where debts are worth roubles.")
    ] = 0
    fallback_asset: Annotated[
        AssetCode | None, Field(description="Into which claims on a halted settlement asset are converted.")
    ] = None
    halt_on_freeze: Annotated[
        bool, Field(description="Whether a frozen venue wallet halts the settlement asset at once.")
    ] = False
    freeze_respects_finality: Annotated[
        Flag, Field(description="Whether what was set aside before a freeze still settles after it.")
    ] = False

    @model_validator(mode="after")
    def _settles_in_what_it_names(self) -> "CashTable":
        if self.terms is None and self.profile is not None:
            raise fault("is named, but what it says is not here", "add a table [cash.terms]", at="profile")
        if self.terms is not None and self.terms.asset != self.settlement_asset:
            raise fault(
                f"is {self.settlement_asset}, but its terms are those of {self.terms.asset}",
                "name the same asset",
                at="settlement_asset",
            )
        if self.fallback_asset == self.settlement_asset:
            raise fault(
                "is what the venue settles in", "name another asset, or leave it out", at="fallback_asset"
            )
        return self

    def rules(self) -> CashRules:
        fallback = None if self.fallback_asset is None else AssetId(self.fallback_asset)
        return CashRules(
            settlement_asset=AssetId(self.settlement_asset),
            gate=self.gate,
            fallback_asset=fallback,
            halt_on_freeze=self.halt_on_freeze,
            freeze_respects_finality=self.freeze_respects_finality,
            denomination=self.denomination,
            collateral_haircut_bp=self.collateral_haircut_percent,
            told="" if self.terms is None else self.terms.in_words(),
        )


class RegimeFile(Table):
    """An access regime: who may enter, what they may do there, and within which limits."""

    id: Identifier
    title: Text
    jurisdiction: Text
    status: RegimeStatus
    valid_from: Day | None = None
    valid_to: Day | None = None
    test_environment: Annotated[
        Flag, Field(description="Whether the venue is one in which spot may be traded at all.")
    ]
    offshore_share_percent: Annotated[
        Percent, Field(description="The part of refused demand that trades offshore instead.")
    ]
    waiting_share_percent: Annotated[
        Percent, Field(description="The part of it that waits to be let in; what is left is given up.")
    ] = 0
    prohibition: Annotated[Flag, Field(description="Nobody may enter; classes must then be empty.")] = False
    asset_counting: AssetCountingTable = AssetCountingTable(crypto_share_percent=0)
    classes: Annotated[tuple[ClassTable, ...], Field(description="In order: the first that fits is taken.")]
    institutions: InstitutionsTable = InstitutionsTable()
    market: MarketTable
    cash: CashTable
    clearing: ClearingTable = ClearingTable()
    venue: VenueTable = VenueTable()
    listing: ListingTable | None = None
    position_limits: Annotated[
        tuple[PositionLimitTable, ...], Field(description="Of anybody's net position on a coin.")
    ] = ()
    sources: tuple[SourceTable, ...] = ()
    assumptions: tuple[AssumptionTable, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "RegimeFile":
        _check_validity(self)
        _check_classes(self)
        _check_spot(self)
        _check_position_limits(self)
        _check_leakage(self)
        _check_denomination(self)
        check_provenance(self, self.sources, self.assumptions)
        _check_assumed(self)
        return self

    def regime(self) -> Regime:
        return Regime(
            regime_id=self.id,
            title=self.title,
            jurisdiction=self.jurisdiction,
            status=self.status,
            valid_from="" if self.valid_from is None else self.valid_from.isoformat(),
            valid_to="" if self.valid_to is None else self.valid_to.isoformat(),
            sources=tuple(
                Source(label=table.label, reference=table.reference, grade=table.grade, keys=table.keys)
                for table in self.sources
            ),
            assumptions=tuple(Assumption(key=table.key, reason=table.reason) for table in self.assumptions),
            test_environment=self.test_environment,
            asset_counting=AssetCounting(
                crypto_share_bp=self.asset_counting.crypto_share_percent,
                crypto_max=self.asset_counting.crypto_max_rub,
            ),
            classes=tuple(table.access_class() for table in self.classes),
            institutions=self.institutions.rule(),
            market=self.market.rules(),
            cash=self.cash.rules(),
            offshore_share_bp=self.offshore_share_percent,
            waiting_share_bp=self.waiting_share_percent,
            clearing=self.clearing.rules(),
            venue=self.venue.rule(),
            position_limits=tuple(table.limit() for table in self.position_limits),
            listing=ListingScreen() if self.listing is None else self.listing.screen(),
        )


class ClearingFile(Table):
    """A way of clearing, to be put in the place of a regime's own."""

    id: Identifier
    title: Text
    clearing: ClearingTable
    sources: tuple[SourceTable, ...] = ()
    assumptions: tuple[AssumptionTable, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "ClearingFile":
        check_provenance(self, self.sources, self.assumptions)
        return self


class CashFile(Table):
    """A cash profile: what a venue may settle in, to be put in the place of a regime's own."""

    id: Identifier
    title: Text
    cash: SettlementAssetTable
    sources: tuple[SourceTable, ...] = ()
    assumptions: tuple[AssumptionTable, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "CashFile":
        check_provenance(self, self.sources, self.assumptions)
        return self


class BoundsFile(Table):
    """Bounds on institutions, on the venue as a whole, or on both, to be put in the place of a regime's own."""

    id: Identifier
    title: Text
    institutions: InstitutionsTable | None = None
    venue: VenueTable | None = None
    sources: tuple[SourceTable, ...] = ()
    assumptions: tuple[AssumptionTable, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "BoundsFile":
        if self.institutions is None and self.venue is None:
            raise fault("bounds nothing", "add a table [institutions] or [venue]", at="id")
        check_provenance(self, self.sources, self.assumptions)
        return self


def _check_validity(file: RegimeFile) -> None:
    if file.valid_from and file.valid_to and file.valid_to < file.valid_from:
        raise fault(f"lies before valid_from, {file.valid_from}", "exchange the two dates", at="valid_to")


def _check_classes(file: RegimeFile) -> None:
    if file.prohibition and file.classes:
        raise fault("must be empty in a prohibition", "remove the classes, or prohibition", at="classes")
    if not file.classes and not file.prohibition:
        raise fault("is empty, so nobody could enter", "add a class, or prohibition = true", at="classes")
    earlier: list[AccessClass] = []
    for table in file.classes:
        if any(other.class_id == table.id for other in earlier):
            raise fault("is the id of two classes", "give one of them another id", at=f"classes.{table.id}")
        access_class = table.access_class()
        if shadowing := shadows(access_class, earlier):
            takers = " and ".join(f"“{other.class_id}”" for other in shadowing)
            raise fault(
                f"can never be reached: everybody it would take belongs to {takers} already",
                f"move it above {takers}, or ask less of it",
                at=f"classes.{table.id}",
            )
        earlier.append(access_class)


def _check_spot(file: RegimeFile) -> None:
    for table in file.classes:
        permission = table.permissions.get(Product.SPOT, Permission.DENIED)
        if permission is not Permission.DENIED and not file.test_environment:
            raise fault(
                f"is “{permission}”, but spot may only be traded in a test environment",
                "set test_environment = true, or deny spot",
                at=f"classes.{table.id}.permissions.{Product.SPOT}",
            )


def _check_position_limits(file: RegimeFile) -> None:
    """Each product on a coin counts under one limit."""
    seen: dict[tuple[str, Product], int] = {}
    for number, table in enumerate(file.position_limits, 1):
        for product in table.products:
            first = seen.setdefault((table.coin, product), number)
            if first != number:
                raise fault(
                    f"limits {product} on {table.coin}, as position_limits.{first} does already",
                    "remove it from one of the two",
                    at=f"position_limits.{number}",
                )


def _check_leakage(file: RegimeFile) -> None:
    if file.offshore_share_percent + file.waiting_share_percent > 100_00:
        raise fault(
            "and offshore_share_percent are more than all of the refused demand",
            "lower one of the two",
            at="waiting_share_percent",
        )


_NEVER_MEASURED = ("offshore_share_percent", "waiting_share_percent")


def _check_assumed(file: RegimeFile) -> None:
    """Nothing vouches for what refused demand does."""
    for number, source in enumerate(file.sources, 1):
        for key in _NEVER_MEASURED:
            if key in source.keys:
                raise fault(
                    f"vouches for {key}, which nobody has measured: it is always an assumption",
                    "move it to the assumptions, and give a reason",
                    at=f"sources.{number}.keys",
                )


def _check_denomination(file: RegimeFile) -> None:
    cash, mode = file.cash, file.clearing.mode
    sentence = fault_in_denomination(cash.denomination, cash.collateral_haircut_percent, mode)
    if sentence is not None:
        problem, _, remedy = sentence.partition("; ")
        par = cash.denomination is Denomination.TOKEN_PAR
        key = (
            "collateral_haircut_percent"
            if par or cash.collateral_haircut_percent == 100_00
            else "denomination"
        )
        raise fault(f"cannot be used: {problem}", remedy, at=f"cash.{key}")


_SHIPPED = Shipped("regimes", "regime")
_CLEARINGS = Shipped("clearing", "way of clearing")
_CASH = Shipped("cash", "cash profile")
_BOUNDS = Shipped("bounds", "set of bounds")
_JOINT = "+"
USUAL_CASH = "domestic_supervised"


class _Parts(NamedTuple):
    """What a name names: a regime, and what is laid over it."""

    regime: str
    clearing: str | None
    cash: str | None
    bounds: str | None
    changes: tuple[Change, ...]

    @property
    def over(self) -> list[str]:
        """What is laid over, by name."""
        return [name for name in (self.clearing, self.cash, self.bounds) if name is not None]


def shipped_regimes() -> list[str]:
    """The ids of the regimes that come with the package, in alphabetical order."""
    return _SHIPPED.ids()


def shipped_clearings() -> list[str]:
    """The ids of the ways of clearing that come with the package, in alphabetical order."""
    return _CLEARINGS.ids()


def shipped_cashes() -> list[str]:
    """The ids of the cash profiles that come with the package, in alphabetical order."""
    return _CASH.ids()


def every_cash() -> list[str]:
    """The ids of all cash profiles, what is least in question first: bank roubles, digital roubles, domestic coins,
    foreign ones."""
    kinds = list(CashKind)
    profiles = [read_cash(name) for name in shipped_cashes()]
    return [
        profile.id
        for profile in sorted(
            profiles, key=lambda file: (kinds.index(file.cash.kind), file.cash.obeys, file.id)
        )
    ]


def with_clearing(regime: str, clearing: str | None) -> str:
    """The regime as it is named when it clears in that way; None leaves it as it is. Raises ConfigurationError for
    what is no way of clearing.
    """
    if clearing is None:
        return regime
    read_clearing(clearing)
    return _with(regime, clearing)


def with_cash(regime: str, cash: str | None) -> str:
    """The regime as it is named when it settles in that; None leaves it as it is. Raises ConfigurationError for
    what is no cash profile."""
    if cash is None:
        return regime
    read_cash(cash)
    return _with(regime, cash)


def _with(regime: str, over: str) -> str:
    alone, changes = parted(regime)
    return named(f"{alone}{_JOINT}{over}", changes)


def is_overlaid(name_or_path: str) -> bool:
    """Whether the regime's own file does not say all: something is laid over it, or it names a profile."""
    parts = _parted(name_or_path)
    cash = read_toml(_SHIPPED.path(parts.regime)).get("cash")
    return bool(parts.over or parts.changes) or (isinstance(cash, Mapping) and "profile" in cash)


def regime_path(name_or_path: str) -> Path | Traversable:
    """The file of a shipped regime, or the file that is named. Raises ConfigurationError for neither."""
    return _SHIPPED.path(_parted(name_or_path).regime)


def regime_name(name_or_path: str) -> str:
    """What a run under the regime goes by: the name of its file, the ids of bounds, clearing and cash profile, and in
    brackets the numbers that are changed."""
    regime, clearing, cash, bounds, changes = _parted(name_or_path)
    stem = _SHIPPED.path(regime).name.removesuffix(".toml")
    over = [read_bounds(bounds).id] if bounds else []
    over += [read_clearing(clearing).id] if clearing else []
    over += [read_cash(cash).id] if cash else []
    return "_".join([stem, *over]) + in_brackets(changes)


def regime_tables(name_or_path: str) -> dict[str, Any]:
    """What the regime's file says, and for bounds, clearing and cash those that are named. Not checked, unless a number
    of it is changed."""
    regime, clearing, cash, bounds, changes = _parted(name_or_path)
    path = _SHIPPED.path(regime)
    tables = _with_profile_read(read_toml(path), str(path))
    if bounds is not None:
        bound, told = read_bounds(bounds), read_toml(_BOUNDS.path(bounds))
        named = {key: told[key] for key in ("institutions", "venue") if key in told}
        tables = _laid_over(tables, bound, told, tuple(named)) | named
    if clearing is not None:
        over, told = read_clearing(clearing), read_toml(clearing_path(clearing))
        tables = _laid_over(tables, over, told, ("clearing",)) | {"clearing": told["clearing"]}
    if cash is not None:
        profile, told = read_cash(cash), read_toml(cash_path(cash))
        settling = _settling_in(tables, profile, told)
        tables = _laid_over(tables, profile, _below_terms(told), _OF_THE_ASSET) | {"cash": settling}
    for change in changes:
        file = _named_alone(name_or_path)
        own = regime_numbers(tables, file)
        key = find_number(change.key, tables, own, file)
        tables = swept(tables, Change(key, change.value), own[key])
    return tables


def regime_numbers(tables: Mapping[str, Any], file: str) -> dict[str, Number | None]:
    """Every number that a regime states or may state, by its key path. Raises ConfigurationError."""
    return numbers_of(check(RegimeFile, tables, file), ("sources", "assumptions"))


def _named_alone(name_or_path: str) -> str:
    """The file, and what is laid over it, for a sentence about a fault."""
    parts = _parted(name_or_path)
    return _JOINT.join([str(_SHIPPED.path(parts.regime)), *parts.over])


def read_regime(name_or_path: str) -> RegimeFile:
    """The file of that regime, checked. Raises ConfigurationError."""
    parts = _parted(name_or_path)
    path = _SHIPPED.path(parts.regime)
    own = _with_profile_read(read_toml(path), str(path))
    alone = check(RegimeFile, own, str(path))  # so that a fault names the file that it is in
    if not parts.over and not parts.changes:
        return alone
    return check(RegimeFile, regime_tables(name_or_path), named(_named_alone(name_or_path), parts.changes))


def regime_of(tables: dict[str, Any], file: str) -> RegimeFile:
    """What would be read from a file with those tables; `file` is how a fault names it. Raises ConfigurationError."""
    return check(RegimeFile, _with_profile_read(tables, file), file)


def clearing_path(name_or_path: str) -> Path | Traversable:
    """The file of a shipped way of clearing, or the file that is named. Raises ConfigurationError for neither."""
    return _CLEARINGS.path(name_or_path)


def read_clearing(name_or_path: str) -> ClearingFile:
    """The clearing file of that id, or at that path, checked. Raises ConfigurationError."""
    path = clearing_path(name_or_path)
    return check(ClearingFile, read_toml(path), str(path))


def cash_path(name_or_path: str) -> Path | Traversable:
    """The file of a shipped cash profile, or the file that is named. Raises ConfigurationError for neither."""
    return _CASH.path(name_or_path)


def read_cash(name_or_path: str) -> CashFile:
    """The cash profile of that id, or at that path, checked. Raises ConfigurationError."""
    path = cash_path(name_or_path)
    return check(CashFile, read_toml(path), str(path))


def shipped_bounds() -> list[str]:
    """The ids of the bounds that come with the package, in alphabetical order."""
    return _BOUNDS.ids()


def read_bounds(name_or_path: str) -> BoundsFile:
    """The bounds of that id, or at that path, checked. Raises ConfigurationError."""
    path = _BOUNDS.path(name_or_path)
    return check(BoundsFile, read_toml(path), str(path))


def cash_of(asset: str) -> SettlementAssetTable:
    """What the shipped profile of a cash asset says: the usual one's, if several are of it.

    Raises ConfigurationError.
    """
    profiles = [read_cash(name).cash for name in (USUAL_CASH, *shipped_cashes())]
    for cash in profiles:
        if cash.asset == asset:
            return cash
    raise ConfigurationError(
        asset,
        "cash.fallback_asset",
        "has no shipped cash profile, so no venue could keep it",
        nearest(asset, sorted({cash.asset for cash in profiles})),
    )


def load_regime(name_or_path: str) -> Regime:
    """The regime of that id, or of that file, checked. Raises ConfigurationError."""
    return read_regime(name_or_path).regime()


# --- what is laid over a regime -------------------------------------------------------------------------


def _parted(name_or_path: str) -> _Parts:
    """The regime, the clearing, the cash profile and the bounds that are named, and what is changed. A sign in the name
    of a file is no joint."""
    alone, changes = parted(name_or_path)
    regime, rest = _first(alone, _SHIPPED.ids())
    found: dict[str, str] = {}
    while rest:
        over, rest = _first(rest, [name for shipped in _OVERLAYS.values() for name in shipped.ids()])
        kind = _kind_of(over)
        if kind in found:
            raise ConfigurationError(
                f"“{name_or_path}”",
                "",
                f"names {found[kind]} and {over} as its {kind}",
                "name one of the two",
            )
        found[kind] = over
    return _Parts(regime, found.get("clearing"), found.get("cash"), found.get("bounds"), changes)


def _first(text: str, known: Iterable[str]) -> tuple[str, str]:
    """What is named up to the first joint behind an id or a file, or up to the first of all; and the rest."""
    places = [at for at, sign in enumerate(text) if sign == _JOINT]
    for end in [*places, len(text)]:
        if text[:end] in known or Path(text[:end]).is_file():
            return text[:end], text[end + 1 :]
    first, _, rest = text.partition(_JOINT)
    return first, rest


_OVERLAYS = {"clearing": _CLEARINGS, "cash": _CASH, "bounds": _BOUNDS}


def _kind_of(over: str) -> str:
    """Of what kind a name is, or the file at a path; if it is of none, of what it is most like."""
    kinds = {name: kind for kind, shipped in _OVERLAYS.items() for name in shipped.ids()}
    if over not in kinds and Path(over).is_file():
        told = read_toml(Path(over))
        return next((kind for kind in ("clearing", "cash") if kind in told), "bounds")
    return kinds[over] if over in kinds else kinds.get(closest(over, list(kinds)) or "", "clearing")


_OF_THE_ASSET = ("cash.settlement_asset", "cash.profile", "cash.terms")


def _with_profile_read(tables: dict[str, Any], file: str) -> dict[str, Any]:
    """What a regime's own file says, with the profile that it names in it."""
    cash = tables.get("cash")
    if not isinstance(cash, Mapping) or not isinstance(cash.get("profile"), str) or "terms" in cash:
        return tables
    if cash["profile"] not in _CASH.ids():
        raise ConfigurationError(
            file,
            "cash.profile",
            f"names “{cash['profile']}”, which is not shipped",
            nearest(cash["profile"], _CASH.ids()),
        )
    told = _below_terms(read_toml(cash_path(cash["profile"])))
    terms = told["cash"]["terms"]
    return tables | {
        "cash": {"settlement_asset": terms["asset"]} | dict(cash) | {"terms": terms},
        "sources": [*tables.get("sources", []), *told.get("sources", [])],
        "assumptions": [*tables.get("assumptions", []), *told.get("assumptions", [])],
    }


def _laid_over(
    tables: dict[str, Any],
    over: ClearingFile | CashFile | BoundsFile,
    told: Mapping[str, Any],
    gone: tuple[str, ...],
) -> dict[str, Any]:
    """Id, title and grounds once a file is laid over; what stood for the keys that are gone is gone as well."""
    title, bracket, rest = str(tables.get("title")).partition(" (")
    return tables | {
        "id": f"{tables.get('id')}_{over.id}",
        "title": f"{title}, {over.title}{bracket}{rest}",
        "sources": [*_without(tables.get("sources", []), gone), *told.get("sources", [])],
        "assumptions": [
            *(one for one in tables.get("assumptions", []) if not _is_below(one.get("key"), gone)),
            *told.get("assumptions", []),
        ],
    }


def _settling_in(tables: dict[str, Any], profile: CashFile, told: Mapping[str, Any]) -> dict[str, Any]:
    """The regime's own rules of cash, on another asset; one that it would fall back on is no fallback any more."""
    asset = {"settlement_asset": profile.cash.asset, "profile": profile.id, "terms": told["cash"]}
    rules = {key: value for key, value in tables["cash"].items() if (key, value) != _fallback(profile)}
    return {**rules, **asset}


def _fallback(profile: CashFile) -> tuple[str, str]:
    return "fallback_asset", profile.cash.asset


def _below_terms(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a cash profile says, with every key where a regime file has it: below cash.terms."""
    return {
        "cash": {"terms": told["cash"]},
        "sources": [
            one | {"keys": [_moved(key) for key in one.get("keys", [])]} for one in told.get("sources", [])
        ],
        "assumptions": [one | {"key": _moved(one["key"])} for one in told.get("assumptions", [])],
    }


def _moved(key: str) -> str:
    return key.replace("cash", "cash.terms", 1)


def _without(sources: list[dict[str, Any]], gone: tuple[str, ...]) -> list[dict[str, Any]]:
    """The sources without what they vouch for among the keys that are gone."""
    return [
        one | {"keys": [key for key in one.get("keys", []) if not _is_below(key, gone)]} for one in sources
    ]


def _is_below(key: str | None, tables: tuple[str, ...]) -> bool:
    return key is not None and any(f"{key}.".startswith(f"{table}.") for table in tables)


def regime_schema() -> dict[str, Any]:
    """The JSON Schema of a regime file, for editors that complete and check as one writes."""
    return _schema(RegimeFile, "Ringfence access regime")


def cash_schema() -> dict[str, Any]:
    """The JSON Schema of a cash profile."""
    return _schema(CashFile, "Ringfence cash profile")


def _schema(file: type[Table], title: str) -> dict[str, Any]:
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **file.model_json_schema(), "title": title}

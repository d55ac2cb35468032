"""The regime file: who may enter and what they may do, in TOML, checked once; and the regimes that ship.

`REGIME+CLEARING` is a regime that clears in another way: its own file, with the [clearing] table of a clearing file.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from exchange.access.classes import shadows
from exchange.access.regime import (
    AccessClass,
    ApplicantKind,
    AssetCounting,
    Assumption,
    Caps,
    CashRules,
    Criterion,
    GateRule,
    Grade,
    InstitutionRule,
    MarketRules,
    Permission,
    Regime,
    RegimeStatus,
    Source,
)
from exchange.clearing.terms import ClearingMode
from exchange.instruments import Product
from exchange.units import AssetId
from matching.terms import SelfTradePrevention
from scenarios.config.clearing_file import ClearingTable
from scenarios.config.reading import (
    AssetCode,
    Count,
    CoverPercent,
    Day,
    Flag,
    Identifier,
    Percent,
    Roubles,
    Table,
    Text,
    check,
    fault,
    key_paths,
    nearest,
    read_toml,
)
from scenarios.config.shipped import Shipped


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
    """Limits on the capital that one participant of the class may put at risk; the tighter one binds."""

    capital_at_risk_rub: Roubles | None = None
    share_of_assets_percent: Annotated[
        Percent | None, Field(description="Of the assets that count under [asset_counting].")
    ] = None


class ClassTable(Table):
    """A class of participants. An applicant's class is the first of the file that takes it."""

    id: Identifier
    title: Text
    any_of: Annotated[tuple[CriterionTable, ...], Field(min_length=1, description="Ways in; one is enough.")]
    permissions: Annotated[
        dict[Product, Permission],
        Field(description="A product that is not named is denied; a cash_pair, allowed."),
    ]
    caps: CapsTable = CapsTable()

    def access_class(self) -> AccessClass:
        return AccessClass(
            class_id=self.id,
            title=self.title,
            any_of=tuple(table.criterion() for table in self.any_of),
            permissions=self.permissions,
            caps=Caps(
                capital_at_risk=self.caps.capital_at_risk_rub,
                share_of_assets_bp=self.caps.share_of_assets_percent,
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


class AssetCountingTable(Table):
    """How much of an applicant's crypto counts as wealth. Left out: none of it."""

    crypto_share_percent: Percent
    crypto_max_rub: Annotated[Roubles | None, Field(description="No more than so much of it.")] = None


class MarketTable(Table):
    self_trade_prevention: Annotated[
        SelfTradePrevention,
        Field(description="Which order gives way if one owner would trade with itself."),
    ]
    max_requests_per_second: Annotated[
        Count | None, Field(description="Of one participant; left out: no limit.")
    ] = None


class Denomination(StrEnum):
    """What discharges a debt of one rouble."""

    TOKEN_PAR = "token_par"  # one coin, whatever it trades at
    FIAT_VALUE = "fiat_value"  # as many coins as are worth a rouble


class CashTable(Table):
    settlement_asset: Annotated[AssetCode, Field(description="The rouble coin in which the venue settles.")]
    gate: Annotated[GateRule, Field(description="How withdrawals are shared once a venue wallet is frozen.")]
    denomination: Annotated[Denomination, Field(description="What discharges a debt of one rouble.")] = (
        Denomination.TOKEN_PAR
    )


class SourceTable(Table):
    """Where numbers of the file come from: `keys` are their key paths, or those of tables around them."""

    label: Text
    reference: Text
    grade: Annotated[Grade, Field(description="P primary, S secondary, W weak, D derived.")]
    keys: tuple[Text, ...] = ()


class AssumptionTable(Table):
    """A value that no source gives."""

    key: Text
    reason: Text


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
    prohibition: Annotated[Flag, Field(description="Nobody may enter; classes must then be empty.")] = False
    asset_counting: AssetCountingTable = AssetCountingTable(crypto_share_percent=0)
    classes: Annotated[tuple[ClassTable, ...], Field(description="In order: the first that fits is taken.")]
    institutions: InstitutionsTable = InstitutionsTable()
    market: MarketTable
    cash: CashTable
    clearing: ClearingTable = ClearingTable()
    sources: tuple[SourceTable, ...] = ()
    assumptions: tuple[AssumptionTable, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "RegimeFile":
        _check_validity(self)
        _check_classes(self)
        _check_spot(self)
        _check_denomination(self)
        _check_provenance(self, self.sources, self.assumptions)
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
            institutions=InstitutionRule(
                cover_bp=self.institutions.cover_percent,
                exposure_cap_bp=self.institutions.exposure_cap_percent,
            ),
            market=MarketRules(
                self_trade_prevention=self.market.self_trade_prevention,
                max_requests_per_second=self.market.max_requests_per_second,
            ),
            cash=CashRules(settlement_asset=AssetId(self.cash.settlement_asset), gate=self.cash.gate),
            offshore_share_bp=self.offshore_share_percent,
            clearing=self.clearing.rules(),
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
        _check_provenance(self, self.sources, self.assumptions)
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


def _check_denomination(file: RegimeFile) -> None:
    if file.cash.denomination is Denomination.TOKEN_PAR:
        return
    if file.clearing.mode is ClearingMode.FULL:
        raise fault(
            "is “fiat_value”, but under full cover the escrow is a number of coins and the collar bounds it in "
            "coins: were the coin to fall below par, more coins would be owed than the escrow can hold",
            "choose “token_par”",
            at="cash.denomination",
        )
    raise fault(
        "is “fiat_value”, which is not available yet: nothing here knows at what a coin trades",
        "choose “token_par”",
        at="cash.denomination",
    )


def _check_provenance(
    file: Table, sources: Iterable[SourceTable], assumptions: Iterable[AssumptionTable]
) -> None:
    """Every number has a source or is flagged as assumed, never both; the longest key path decides."""
    stated = dict(key_paths(file.model_dump(exclude_unset=True, exclude={"sources", "assumptions"})))
    sourced = {key: f"sources.{place}.keys" for place, table in enumerate(sources, 1) for key in table.keys}
    assumed = {table.key: f"assumptions.{place}.key" for place, table in enumerate(assumptions, 1)}
    for key, place in [*sourced.items(), *assumed.items()]:
        if key not in stated:
            raise fault(f"names “{key}”, which is not in this file", nearest(key, stated), at=place)
    for key in sourced:
        if key in assumed:
            raise fault(
                f"stands in {sourced[key]} and in {assumed[key]}, but is either sourced or assumed",
                "remove it from one of the two",
                at=key,
            )
    for key, value in stated.items():
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if number and not _vouched(key, sourced, assumed):
            raise fault(
                "is a number without a source, and not flagged as assumed",
                "add the key to the keys of a source, or to the assumptions with a reason",
                at=key,
            )


def _vouched(key: str, *vouching: Mapping[str, str]) -> bool:
    steps = key.split(".")
    paths = [".".join(steps[:length]) for length in range(1, len(steps) + 1)]
    return any(path in paths_known for paths_known in vouching for path in paths)


_SHIPPED = Shipped("regimes", "regime")
_CLEARINGS = Shipped("clearing", "way of clearing")
_JOINT = "+"


def shipped_regimes() -> list[str]:
    """The ids of the regimes that come with the package, in alphabetical order."""
    return _SHIPPED.ids()


def shipped_clearings() -> list[str]:
    """The ids of the ways of clearing that come with the package, in alphabetical order."""
    return _CLEARINGS.ids()


def with_clearing(regime: str, clearing: str | None) -> str:
    """The regime as it is named when it clears in that way; None leaves it as it is."""
    return regime if clearing is None else f"{regime}{_JOINT}{clearing}"


def is_overlaid(name_or_path: str) -> bool:
    """Whether a way of clearing is named beside the regime."""
    return _parted(name_or_path)[1] is not None


def regime_path(name_or_path: str) -> Path | Traversable:
    """The file of a shipped regime, or the file that is named. Raises ConfigurationError for neither."""
    return _SHIPPED.path(_parted(name_or_path)[0])


def regime_name(name_or_path: str) -> str:
    """What a run under the regime goes by: the name of its file, and the id of the way of clearing."""
    regime, clearing = _parted(name_or_path)
    stem = _SHIPPED.path(regime).name.removesuffix(".toml")
    return stem if clearing is None else f"{stem}_{read_clearing(clearing).id}"


def regime_tables(name_or_path: str) -> dict[str, Any]:
    """What the regime's file says, and in place of its own clearing the one that is named. Not checked."""
    regime, clearing = _parted(name_or_path)
    tables = read_toml(_SHIPPED.path(regime))
    if clearing is None:
        return tables
    over, told = read_clearing(clearing), read_toml(clearing_path(clearing))
    title, bracket, rest = str(tables.get("title")).partition(" (")
    return tables | {
        "id": f"{tables.get('id')}_{over.id}",
        "title": f"{title}, {over.title}{bracket}{rest}",
        "clearing": told["clearing"],
        "sources": [*_of_access(tables.get("sources", [])), *told.get("sources", [])],
        "assumptions": [
            *(one for one in tables.get("assumptions", []) if not _of_clearing(one.get("key"))),
            *told.get("assumptions", []),
        ],
    }


def read_regime(name_or_path: str) -> RegimeFile:
    """The file of that regime, checked. Raises ConfigurationError."""
    regime, clearing = _parted(name_or_path)
    path = _SHIPPED.path(regime)
    alone = check(RegimeFile, read_toml(path), str(path))  # so that a fault names the file that it is in
    if clearing is None:
        return alone
    return check(RegimeFile, regime_tables(name_or_path), with_clearing(str(path), clearing))


def clearing_path(name_or_path: str) -> Path | Traversable:
    """The file of a shipped way of clearing, or the file that is named. Raises ConfigurationError for neither."""
    return _CLEARINGS.path(name_or_path)


def read_clearing(name_or_path: str) -> ClearingFile:
    """The clearing file of that id, or at that path, checked. Raises ConfigurationError."""
    path = clearing_path(name_or_path)
    return check(ClearingFile, read_toml(path), str(path))


def load_regime(name_or_path: str) -> Regime:
    """The regime of that id, or of that file, checked. Raises ConfigurationError."""
    return read_regime(name_or_path).regime()


def _parted(name_or_path: str) -> tuple[str, str | None]:
    """The regime and the way of clearing, if one is named. A sign in the name of a file that exists is no joint."""
    places = [at for at, sign in enumerate(name_or_path) if sign == _JOINT]
    for end in [*places, len(name_or_path)]:
        regime, clearing = name_or_path[:end], name_or_path[end + 1 :]
        if regime in _SHIPPED.ids() or Path(regime).is_file():
            return regime, clearing or None
    regime, _, clearing = name_or_path.partition(_JOINT)
    return regime, clearing or None


def _of_access(sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sources without what they vouch for in the clearing that is replaced."""
    return [one | {"keys": [key for key in one.get("keys", []) if not _of_clearing(key)]} for one in sources]


def _of_clearing(key: str | None) -> bool:
    return key is not None and f"{key}.".startswith("clearing.")


def regime_schema() -> dict[str, Any]:
    """The JSON Schema of a regime file, for editors that complete and check as one writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RegimeFile.model_json_schema(),
        "title": "Ringfence access regime",
    }

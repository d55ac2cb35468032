"""What a venue settles in, in TOML: the [cash] table of a cash profile, and of it the core's terms.

A profile says who keeps the asset, who holds which key, when it moves and, of a coin, what stands behind it and how
it is handed back. Keys that only one kind of asset has are refused for the others. What a file does not state is as
the core's terms have it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from exchange.cash.founding import fault_in_cash
from exchange.cash.hours import BankingHours
from exchange.cash.keys import fault_in_role
from exchange.cash.terms import (
    AnyCashTerms,
    BankTerms,
    Circulation,
    CoinTerms,
    CustodyMode,
    DigitalRoubleTerms,
    InterestRule,
    QueueRule,
    RedemptionTerms,
    ReissueRule,
    ReserveClass,
    ReserveTerms,
    Role,
    RoleName,
)
from exchange.clearing.rounding import allocate
from exchange.units import DAY, SECOND, AssetId, Money, Time, WalletId
from scenarios.config.reading import (
    AssetCode,
    ConfigurationError,
    Count,
    Flag,
    Percent,
    Roubles,
    RoublesOrNothing,
    Table,
    Text,
    fault,
)
from scenarios.index_path import moment_of
from scenarios.language import _, retold

_FIRST_DAY = date(1970, 1, 1)

Hour = Annotated[time, Field(strict=True)]
Days = Annotated[int, Field(strict=True, ge=0, le=3_650)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=31_536_000)]  # up to a year


class CashKind(StrEnum):
    """Whose promise it is."""

    BANK = "bank"  # a settlement bank's
    DIGITAL_ROUBLE = "digital_rouble"  # the central bank's
    COIN = "coin"  # an issuer's


class Authority(StrEnum):
    """Whose orders those who hold the keys obey."""

    DOMESTIC = "domestic"
    FOREIGN = "foreign"


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


_WORKING_DAYS = tuple(Weekday)[:5]


class HoursTable(Table):
    """Hours in which money moves, UTC. Left out where they stand: round the clock."""

    opens: Hour
    closes: Annotated[Hour | None, Field(description="Left out: at midnight.")] = None
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)] = _WORKING_DAYS
    holidays: tuple[Annotated[date, Field(strict=True)], ...] = ()

    @model_validator(mode="after")
    def _opens_first(self) -> "HoursTable":
        if self.closes is not None and self.closes <= self.opens:
            raise fault(
                f"is {self.closes}, not after it opens at {self.opens}", "choose a later hour", at="closes"
            )
        return self

    def hours(self) -> BankingHours:
        return BankingHours(
            opens=_of_the_day(self.opens),
            closes=DAY if self.closes is None else _of_the_day(self.closes),
            weekdays=tuple(list(Weekday).index(day) for day in self.weekdays),
            holidays=tuple(_midnight(day) for day in self.holidays),
        )


class RoleTable(Table):
    """A key: who holds it, how many of them must sign, and how long what they sign for waits."""

    name: RoleName
    holders: Annotated[tuple[Text, ...], Field(min_length=1)]
    quorum: Annotated[Count | None, Field(description="Left out: all of them.")] = None
    delay_seconds: Annotated[Count | None, Field(description="Left out: it is done at once.")] = None

    @model_validator(mode="after")
    def _can_be_met(self) -> "RoleTable":
        if fault_in_role(self.role()) is not None:
            raise fault(
                f"asks for {self.role().quorum} of {len(set(self.holders))} holders",
                "ask for one of them up to all, and name each once",
                at="quorum",
            )
        return self

    def role(self) -> Role:
        return Role(
            name=self.name,
            holders=self.holders,
            quorum=len(self.holders) if self.quorum is None else self.quorum,
            delay=(self.delay_seconds or 0) * SECOND,
        )

    def signers(self) -> str:
        """In words: "the central bank", "3 of 5 (owner 1, owner 2, ...)"."""
        named = ", ".join(holder.replace("_", " ") for holder in self.holders)
        number = len(self.holders)
        return f"the {named}" if number == 1 else f"{self.role().quorum} of {number} ({named})"


class ReserveTable(Table):
    """A bucket of the reserves: what it is, who has it, and how fast it is money."""

    name: Text
    reserve_class: ReserveClass
    custodian: Text
    weight_percent: Annotated[Percent, Field(description="Of what comes in; all buckets together 100.")]
    liquidity_days: Annotated[
        Days, Field(description="0: money at once; else paid so long after a sale.")
    ] = 0
    haircut_percent: Annotated[Percent, Field(description="What a sale at once costs.")] = 0
    amount_rub: Annotated[
        RoublesOrNothing | None,
        Field(description="At the founding; left out: by weight, what is in circulation and own funds."),
    ] = None


class RedemptionTable(Table):
    """How coins become bank roubles again."""

    queue: QueueRule | None = None
    instant: Annotated[Flag | None, Field(description="Paid at once if nobody waits and money is there.")] = (
        None
    )
    gated_payout: Annotated[
        Flag | None, Field(description="While redemption is gated: pro rata, instead of nothing.")
    ] = None
    minimum_rub: RoublesOrNothing | None = None
    fee_fixed_rub: Annotated[
        RoublesOrNothing | None, Field(description="At least so much; the larger of both is taken.")
    ] = None
    fee_percent: Percent | None = None
    eligible_classes: Annotated[
        tuple[Text, ...], Field(description="Classes of the regime that may redeem; left out: everybody.")
    ] = ()
    eligible_wallets: Annotated[tuple[Text, ...], Field(description="Beside them, wallets by name.")] = ()
    hours: HoursTable | None = None
    processing_interval_seconds: Annotated[Count | None, Field(description="Between two turns.")] = None
    cut_off: Annotated[Hour | None, Field(description="Later requests wait for the next day.")] = None

    def terms(self) -> RedemptionTerms:
        interval = self.processing_interval_seconds
        return RedemptionTerms(
            **_stated(
                queue=self.queue,
                instant=self.instant,
                gated_payout=self.gated_payout,
                minimum=self.minimum_rub,
                fee_fixed=self.fee_fixed_rub,
                fee_bp=self.fee_percent,
                eligible_classes=self.eligible_classes,
                eligible_wallets=tuple(WalletId(wallet) for wallet in self.eligible_wallets),
                hours=_hours(self.hours),
                processing_interval=None if interval is None else interval * SECOND,
                cut_off=None if self.cut_off is None else _of_the_day(self.cut_off),
            )
        )


_COIN, _MONEY = (CashKind.COIN,), (CashKind.BANK, CashKind.DIGITAL_ROUBLE)
_GO_WITH: Mapping[str, tuple[CashKind, ...]] = {  # what not every kind has
    "freeze_authority": _COIN,  # money proper is frozen by domestic courts alone
    "venue_wallets": (CashKind.COIN, CashKind.DIGITAL_ROUBLE),  # one account at a bank
    "custody": (CashKind.COIN, CashKind.DIGITAL_ROUBLE),
    "minters": _COIN,
    "mint_needs_receipt": _COIN,
    "mint_needs_reserves": _COIN,
    "wipe_allowed": _COIN,
    "reissue": _COIN,
    "freeze_stops_receiving": _COIN,
    "pause_completes_batch": _COIN,
    "own_funds_rub": _COIN,
    "reserves": _COIN,
    "forced_sales": _COIN,
    "redemption": _COIN,
    "pays_in": _COIN,
    "issuer_wallet": _COIN,
    "interest_share_percent": _COIN,
    "venue_interest": _COIN,
    "interest_percent": (CashKind.BANK,),
    "insured_rub": (CashKind.BANK,),
    "insures_venue": (CashKind.BANK,),
    "wallet_limit_rub": (CashKind.DIGITAL_ROUBLE,),
    "transfer_limit_rub": (CashKind.DIGITAL_ROUBLE,),
    "conversion_hours": (CashKind.DIGITAL_ROUBLE,),
}
_MUST_STATE = ("freeze_authority", "minters", "wipe_allowed", "reserves")  # nobody could guess them
_ROLES_OF_MONEY = (RoleName.FREEZER, RoleName.VENUE_FREEZER)


class SettlementAssetTable(Table):
    """One settlement asset: who keeps it, who may do what, and what stands behind it."""

    asset: Annotated[AssetCode, Field(description="Its code, such as RUBD.")]
    title: Text
    kind: Annotated[CashKind, Field(description="Whose promise it is.")]
    keeper: Annotated[Text, Field(description="Issuer, bank or platform; say if it is fictional.")]
    freeze_authority: Annotated[
        Authority | None, Field(description="Whose orders its keeper obeys; of money it is domestic.")
    ] = None
    venue_wallets: Annotated[
        Count | None, Field(description="Over how many wallets the venue spreads it; left out: one.")
    ] = None
    finality_seconds: Annotated[Count, Field(description="How long a transfer takes to be final.")]
    roles: Annotated[
        tuple[RoleTable, ...],
        Field(min_length=1, description="Keys and who holds them; what nobody holds the key of is not done."),
    ]
    hours: Annotated[HoursTable | None, Field(description="In which it moves; left out: always.")] = None
    queues: Annotated[
        Flag | None, Field(description="A withdrawal that meets a closed or silent keeper waits.")
    ] = None
    transfer_fee_rub: RoublesOrNothing | None = None
    transfer_fee_percent: Percent | None = None
    custody: Annotated[
        CustodyMode | None, Field(description="In whose wallets the venue keeps it; left out: sharded.")
    ] = None
    longest_pause_seconds: Annotated[
        Seconds | None,
        Field(description="So long trading goes on while its keeper is paused; left out: however long."),
    ] = None
    expected_recovery_percent: Annotated[
        Percent | None, Field(description="Of what is frozen, as long as that halts it; left out: all.")
    ] = None
    loss_layer_cap_rub: Annotated[
        RoublesOrNothing | None,
        Field(description="What the house's layer bears of one loss at most; left out: all that is in it."),
    ] = None

    minters: Annotated[
        dict[Text, Roubles] | None,
        Field(description="Minters and how much each may mint; the first mints what people bring."),
    ] = None
    mint_needs_receipt: Flag | None = None
    mint_needs_reserves: Flag | None = None
    wipe_allowed: Annotated[
        Flag | None, Field(description="Whether the issuer may destroy what a frozen wallet holds.")
    ] = None
    reissue: ReissueRule | None = None
    freeze_stops_receiving: Flag | None = None
    pause_completes_batch: Flag | None = None
    own_funds_rub: Annotated[
        RoublesOrNothing | None, Field(description="Of the issuer, in the reserves at the founding.")
    ] = None
    reserves: Annotated[tuple[ReserveTable, ...] | None, Field(min_length=1)] = None
    forced_sales: Flag | None = None
    redemption: RedemptionTable | None = None
    pays_in: Annotated[AssetCode | None, Field(description="Bank roubles, if the venue keeps them.")] = None
    issuer_wallet: Annotated[Text | None, Field(description="Where coins wait for redemption.")] = None
    interest_share_percent: Annotated[
        Percent | None, Field(description="Of what the reserves earn, that goes to holders.")
    ] = None
    venue_interest: InterestRule | None = None

    interest_percent: Annotated[Percent | None, Field(description="A year.")] = None
    insured_rub: Annotated[Roubles | None, Field(description="Of each account, if the bank fails.")] = None
    insures_venue: Flag | None = None

    wallet_limit_rub: Roubles | None = None
    transfer_limit_rub: Roubles | None = None
    conversion_hours: HoursTable | None = None

    @model_validator(mode="after")
    def _each_kind_has_its_keys(self) -> "SettlementAssetTable":
        for key, kinds in _GO_WITH.items():
            stated = getattr(self, key) is not None
            if stated and self.kind not in kinds:
                raise fault(f"does not go with kind = “{self.kind}”", "leave it out", at=key)
            if not stated and self.kind in kinds and key in _MUST_STATE:
                raise fault(f"is missing for kind = “{self.kind}”", f"add the key “{key}”", at=key)
        self._check_roles()
        self._check_coin()
        return self

    def _check_roles(self) -> None:
        names = [role.name for role in self.roles]
        for number, name in enumerate(names, 1):
            if name in names[number:]:
                raise fault(f"gives {name} twice", "give each key once", at="roles")
            if self.kind in _MONEY and name not in _ROLES_OF_MONEY:
                raise fault(
                    f"is a key that “{self.kind}” does not have", "leave it out", at=f"roles.{number}.name"
                )

    def _check_coin(self) -> None:
        if self.minters is not None and not self.minters:
            raise fault("is empty, so nobody could bring money", "name a minter", at="minters")
        buckets = self.reserves or ()
        names = [bucket.name for bucket in buckets]
        if len(set(names)) < len(names):
            raise fault("has two buckets of one name", "give each its own", at="reserves")
        weights = sum(bucket.weight_percent for bucket in buckets)
        if buckets and weights != 100_00:
            raise fault(
                f"have weights of {weights / 100:g} together, not of 100",
                "correct the weights",
                at="reserves",
            )
        unsaid = [number for number, bucket in enumerate(buckets, 1) if bucket.amount_rub is None]
        if 0 < len(unsaid) < len(buckets):
            raise fault(
                "is missing, but other buckets state it",
                "state it of every bucket, or of none",
                at=f"reserves.{unsaid[0]}.amount_rub",
            )

    @property
    def obeys(self) -> Authority:
        return self.freeze_authority or Authority.DOMESTIC

    def changed(self, changes: Mapping[str, Any]) -> "SettlementAssetTable":
        """The same with other values, where the kind has such a key."""
        kinds = {key: _GO_WITH.get(key, tuple(CashKind)) for key in changes}
        return self.model_copy(update={key: changes[key] for key in changes if self.kind in kinds[key]})

    # --- the core's terms ---------------------------------------------------------------------------

    def terms(self, circulation: tuple[Circulation, ...] = ()) -> AnyCashTerms:
        """`circulation` is what of a coin is out at the founding; money proper comes in later.

        Raises ConfigurationError for what the core would refuse.
        """
        terms = self._terms(circulation)
        if sentence := fault_in_cash(terms):
            problem, _, remedy = sentence.partition("; ")
            raise ConfigurationError(
                self.asset, "cash", f"cannot be founded: {problem}", remedy or "correct it"
            )
        return terms

    def _terms(self, circulation: tuple[Circulation, ...]) -> AnyCashTerms:
        match self.kind:
            case CashKind.COIN:
                return self._coin(circulation)
            case CashKind.BANK:
                return BankTerms(
                    bank=self.keeper,
                    **self._of_any(),
                    **_stated(
                        interest_bp=self.interest_percent,
                        insured=self.insured_rub,
                        insures_venue=self.insures_venue,
                    ),
                )
            case CashKind.DIGITAL_ROUBLE:
                return DigitalRoubleTerms(
                    **self._of_any(),
                    **_stated(
                        wallet_limit=self.wallet_limit_rub,
                        transfer_limit=self.transfer_limit_rub,
                        conversion_hours=_hours(self.conversion_hours),
                    ),
                )

    def _of_any(self) -> dict[str, Any]:
        return _stated(
            asset_id=AssetId(self.asset),
            venue_wallets=_numbered(self.venue_wallets or 1),
            roles=tuple(role.role() for role in self.roles),
            finality=self.finality_seconds * SECOND,
            hours=_hours(self.hours),
            queues=self.queues,
            transfer_fee=self.transfer_fee_rub,
            transfer_fee_bp=self.transfer_fee_percent,
            custody=self.custody,
            longest_pause=None if self.longest_pause_seconds is None else self.longest_pause_seconds * SECOND,
            expected_recovery_bp=self.expected_recovery_percent,
            loss_layer_cap=self.loss_layer_cap_rub,
        )

    def _coin(self, circulation: tuple[Circulation, ...]) -> CoinTerms:
        return CoinTerms(
            issuer=self.keeper,
            circulation=circulation,
            reserves=self._reserves(sum(out.amount for out in circulation) + (self.own_funds_rub or 0)),
            **self._of_any(),
            **_stated(
                minters=self.minters,
                mint_needs_receipt=self.mint_needs_receipt,
                mint_needs_reserves=self.mint_needs_reserves,
                wipe_allowed=self.wipe_allowed,
                reissue=self.reissue,
                freeze_stops_receiving=self.freeze_stops_receiving,
                pause_completes_batch=self.pause_completes_batch,
                own_funds=self.own_funds_rub,
                forced_sales=self.forced_sales,
                redemption=None if self.redemption is None else self.redemption.terms(),
                pays_in=self.pays_in,
                issuer_wallet=self.issuer_wallet,
                interest_share_bp=self.interest_share_percent,
                venue_interest=self.venue_interest,
            ),
        )

    def _reserves(self, needed: Money) -> tuple[ReserveTerms, ...]:
        """What stands behind the coins at the founding: as the buckets say, or by their weights."""
        buckets = self.reserves or ()
        amounts = [bucket.amount_rub for bucket in buckets if bucket.amount_rub is not None]
        if not amounts:
            amounts = allocate(needed, [bucket.weight_percent for bucket in buckets])
        elif sum(amounts) != needed:
            raise ConfigurationError(
                self.asset,
                "cash.reserves",
                f"come to {sum(amounts) / 100:,.2f} roubles, for {needed / 100:,.2f} in circulation and own funds",
                "make both the same, or leave every amount_rub out",
            )
        return tuple(
            ReserveTerms(
                name=bucket.name,
                reserve_class=bucket.reserve_class,
                custodian=bucket.custodian,
                weight_bp=bucket.weight_percent,
                amount=amount,
                liquidity_days=bucket.liquidity_days,
                haircut_bp=bucket.haircut_percent,
            )
            for bucket, amount in zip(buckets, amounts, strict=True)
        )

    def in_words(self) -> str:
        """In one line: whose promise it is, and who can freeze what the venue holds."""
        keys = [
            retold(role.signers()) for name in _ROLES_OF_MONEY for role in self.roles if role.name is name
        ]
        told = _("{title} ({asset}), kept by {keeper}; the venue's wallets are frozen by {keys}").format(
            title=_(self.title),
            asset=self.asset,
            keeper=_(self.keeper),
            keys=_(" and ").join(keys) or _("nobody"),
        )
        return (
            _("{told} and what is frozen may be destroyed").format(told=told) if self.wipe_allowed else told
        )


def _numbered(wallets: int) -> tuple[WalletId, ...]:
    return tuple(WalletId(f"venue-{number}") for number in range(1, wallets + 1))


def _stated(**values: Any) -> dict[str, Any]:
    """Without what is left to the core's own default."""
    return {key: value for key, value in values.items() if value is not None}


def _hours(table: HoursTable | None) -> BankingHours | None:
    return None if table is None else table.hours()


def _of_the_day(at: time) -> Time:
    """Counted from midnight."""
    return moment_of(datetime.combine(_FIRST_DAY, at, tzinfo=UTC))


def _midnight(day: date) -> Time:
    return moment_of(datetime.combine(day, time(), tzinfo=UTC))

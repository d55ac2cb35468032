"""The scenario file: a world in TOML, checked once, and turned into plain objects of the core.

Times of day are UTC. Prices and amounts are roubles, shares are percent; nothing is rounded on the way.
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

from pydantic import Field, model_validator

from exchange.access.regime import ApplicantKind
from exchange.cash.terms import BankTerms, Circulation, CoinTerms, CustodyMode
from exchange.clearing.index import OWN_VENUE
from exchange.clearing.payoffs import NoteKind, PayoffTerms
from exchange.clearing.rounding import allocate
from exchange.commands import (
    Command,
    EstablishVenue,
    IndexTerms,
    SessionTerms,
)
from exchange.events import PriceRule
from exchange.instruments import (
    PRODUCT_OF,
    Asset,
    ContractKind,
    Coupon,
    Instrument,
    NoteTerms,
    Product,
    Roll,
    SettlementRule,
    collar_around,
    fault_in,
)
from exchange.messages import changed
from exchange.units import HOUR, MINUTE, SECOND, AssetId, IndexId, InstrumentId, Money, Time, WalletId
from matching.terms import Allocation, ParticipantId, Price
from participants.coin_holders import HOLDER
from participants.population import PopulationTerms, market_maker
from participants.profile import wallet_of
from participants.strategies.market_maker import MarketMakerTerms
from scenarios.config.cash_file import CashKind, RedemptionTable, SettlementAssetTable
from scenarios.config.coin_market import (
    BankRoublesTable,
    BeliefsTable,
    CashPairTable,
    CoinMakerTable,
    HoldersTable,
    RedeemerTable,
    ReserveTable,
)
from scenarios.config.directives import CashAsset, DirectiveTable
from scenarios.config.hazard_table import FreezeHazardTable
from scenarios.config.house_tables import ClientTable, HouseTable, MemberTable
from scenarios.config.magnitude import MAGNITUDE, MagnitudeTable, Scaled, at_magnitude, scaled
from scenarios.config.market_tables import CALLS, FIXING, MarketTable
from scenarios.config.numbers import Number, find_number, numbers_of, plain, with_number
from scenarios.config.published_table import OF_THE_COIN, PublishedTable
from scenarios.config.reading import (
    AssetCode,
    Clock,
    ConfigurationError,
    Count,
    Flag,
    Identifier,
    Percent,
    Roubles,
    RoublesOrNothing,
    Seconds,
    SignedPercent,
    Table,
    Text,
    Units,
    check,
    fault,
    nearest,
    read_toml,
    resolved,
)
from scenarios.config.regime_file import USUAL_CASH, RegimeFile, cash_of, read_cash
from scenarios.config.settlement_tables import (
    CycleTable,
    DealTable,
    DepositTable,
    FirmTable,
    minor_units,
)
from scenarios.config.shipped import Shipped
from scenarios.config.swept import Change, in_brackets, named, parted
from scenarios.config.theft_table import TheftTable
from scenarios.config.underlyings_file import UnderlyingTable, check_coins, known_underlyings
from scenarios.index_path import instant, midnight_of, read_knots
from scenarios.world import (
    AttackKind,
    AttackTerms,
    Disconnection,
    LinkTerms,
    MakerTerms,
    PathTerms,
    PublishedMeasure,
    StormTerms,
    World,
)

_ANY_CASH = AssetId("RUBD")  # where it does not matter in what an instrument pays
LEAD, LAG = 10 * MINUTE, MINUTE  # of a run, before the session opens and after it closes

RunDay = Annotated[date, Field(strict=True, ge=date(1970, 1, 2), le=date(2261, 12, 31))]  # in 63 bits of ns
ExactRoubles = Annotated[Decimal, Field(ge=0, le=1_000_000_000_000_000)]
BasisPointsNumber = Annotated[float, Field(ge=0, le=10_000)]
Milliseconds = Annotated[float, Field(ge=0, le=60_000)]
OPTIONS = [kind for kind, product in PRODUCT_OF.items() if product is Product.OPTION]


class CalendarTable(Table):
    """What is simulated: one session, within a day or over several. Hours without a date are those of `day`."""

    day: RunDay
    opens: Clock
    closes: Clock
    trades_from: Annotated[
        Clock | None, Field(description="The session begins only then; left out: when it opens.")
    ] = None
    trades_until: Annotated[
        Clock | None, Field(description="The session ends then already; left out: when it closes.")
    ] = None
    depth_interval_seconds: Annotated[Count, Field(description="Between two reports of depth.")] = 10

    @model_validator(mode="after")
    def _opens_first(self) -> "CalendarTable":
        if self.instant(self.opens) >= self.instant(self.closes):
            raise fault(
                f"is {self.closes}, not after it opens at {self.opens}", "choose a later hour", at="closes"
            )
        begins, ends = self.session
        if not self.instant(self.opens) <= begins < ends <= self.instant(self.closes):
            raise fault(
                f"and trades_until leave no session between {self.opens} and {self.closes}",
                "choose hours in between, or leave them out",
                at="trades_from",
            )
        return self

    @property
    def session(self) -> tuple[Time, Time]:
        """When orders are taken, and until when: a part of the day that is simulated, or all of it."""
        return self.instant(self.trades_from or self.opens), self.instant(self.trades_until or self.closes)

    @property
    def midnight(self) -> Time:
        return midnight_of(self.day)

    def instant(self, at: time | datetime) -> Time:
        return instant(at, self.midnight)


class KnotTable(Table):
    at: Clock
    price_rub: Roubles


class VenueTable(Table):
    id: Identifier
    weight_percent: Percent

    @model_validator(mode="after")
    def _is_outside(self) -> "VenueTable":
        if self.id == OWN_VENUE:
            raise fault(
                "is this venue, and no trade of ours may be part of an index", "name outside venues", at="id"
            )
        return self


class IndexTable(Table):
    """The outside price and the index that is made of it."""

    id: Text = "BTC_RUB"
    venues: tuple[VenueTable, ...] = Field(min_length=1)
    knots: tuple[KnotTable, ...] = ()
    csv: Text | None = None
    volatility_percent_a_day: Percent
    venue_noise_bp: BasisPointsNumber = 1.0
    venue_spread_bp: BasisPointsNumber = 2.0
    venue_trades_a_minute: Annotated[float, Field(ge=0, le=60)] = 6.0
    reference_sources: tuple[Identifier, ...] = ()
    objection_seconds: Seconds = 0
    interval_seconds: Annotated[
        Count, Field(description="Between two values, and two quotes of outside venues.")
    ] = 1

    @model_validator(mode="after")
    def _one_path(self) -> "IndexTable":
        if bool(self.knots) == bool(self.csv):
            raise fault("needs either knots or a csv file", "give exactly one of the two", at="knots")
        if self.knots and len(self.knots) < 2:
            raise fault("needs two knots or more", "add the price at the end of the day", at="knots")
        names = [venue.id for venue in self.venues]
        if len(set(names)) < len(names):
            raise fault("has two of the same id", "give each venue its own id", at="venues")
        for venue in self.venues:
            if not venue.weight_percent:
                raise fault("has no weight", "give it one, or leave it out", at=f"venues.{venue.id}")
        if sum(venue.weight_percent for venue in self.venues) != 10_000:
            raise fault("must have weights that add up to 100", "correct the weights", at="venues")
        for source in self.reference_sources:
            if source in (*names, OWN_VENUE):
                raise fault(
                    f"names {source}, whose prices are not independent of the index",
                    "name somebody else",
                    at="reference_sources",
                )
        return self

    def terms(self) -> IndexTerms:
        usual = IndexTerms(
            index_id=IndexId(self.id),
            venues=tuple(venue.id for venue in self.venues),
            weights_ppm=tuple(venue.weight_percent * 100 for venue in self.venues),
            fixing_objection=self.objection_seconds * SECOND,
        )
        return changed(usual, interval=self.interval_seconds * SECOND)


class CouponTable(Table):
    at: Clock
    rate_percent: Percent  # of the nominal


class NoteTable(Table):
    """What the issuer of a note promises, and how much of it the population takes."""

    issuer: Identifier
    payoff: NoteKind
    nominal_rub: Roubles
    initial_rub: Roubles
    issue_price_rub: Roubles
    volume: Count
    floor_percent: Percent = 0
    participation_percent: Percent = 0
    cap_percent: Percent = 0
    barrier_percent: Percent = 0
    coupons: tuple[CouponTable, ...] = ()
    funding_seconds: Seconds = 0
    grace_seconds: Seconds = 0
    subscription_percent: Percent = 10_00  # of what each person brings

    def terms(self, initial: int, midnight: Time) -> NoteTerms:
        return NoteTerms(
            issuer=ParticipantId(self.issuer),
            payoff=PayoffTerms(
                kind=self.payoff,
                nominal=self.nominal_rub,
                initial=initial,
                floor_bp=self.floor_percent,
                participation_bp=self.participation_percent,
                cap_bp=self.cap_percent,
                barrier_bp=self.barrier_percent,
            ),
            volume=self.volume,
            issue_price=self.issue_price_rub,
            coupons=tuple(
                Coupon(at=instant(coupon.at, midnight), rate_bp=coupon.rate_percent)
                for coupon in self.coupons
            ),
            funding_period=self.funding_seconds * SECOND,
            grace=self.grace_seconds * SECOND,
        )


class InstrumentTable(Table):
    """A future, a rolling perpetual, an option, spot or a note. What a lot of it is follows from tick and tick value.

    A perpetual `expires` for the first time then, and makes its collars itself.
    """

    id: Text
    kind: ContractKind = ContractKind.CAPPED_FUTURE
    expires: Clock | None = None
    strike_rub: Roubles | None = None
    digital_payoff_rub: Roubles | None = None
    base: AssetCode | None = None
    note: NoteTable | None = None
    tick_rub: Roubles = 100_00
    tick_value_rub: Annotated[ExactRoubles, Field(gt=0)] = Decimal("0.10")
    floor_rub: ExactRoubles = Decimal(0)
    cap_rub: Roubles | None = None
    reference_rub: Roubles
    fee_maker_rub: ExactRoubles = Decimal(0)
    fee_taker_rub: ExactRoubles = Decimal(0)
    max_quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)] = 10_000
    price_band_percent: Percent = 7_00
    protection_percent: Percent = 1_00
    allocation: Allocation = Allocation.PRICE_TIME
    publishes_book: bool = False
    pre_open_seconds: Seconds = 0
    opening_call_seconds: Seconds = 0
    closing_call_seconds: Seconds = 0
    halt_call_seconds: Seconds = 0
    call_extension_seconds: Seconds = 0
    static_band_percent: Percent = 0
    dynamic_band_percent: Percent = 0
    daily_limit_percent: Percent = 0
    settlement_rule: SettlementRule = SettlementRule.TWAP_CAPPED
    roll_hours: Count | None = None
    roll_band_percent: Percent | None = None  # 20, if not said

    def instrument(self, index_id: str, cash: AssetId, midnight: Time, scale: int = 8) -> Instrument:
        """`scale` is that of the base, if it has one. The price of a note is in kopecks, a tick of it is one."""
        tick = self.tick_rub  # an index unit is a kopeck
        roll, is_note = self._roll(), self.kind is ContractKind.NOTE
        floor, cap = self._collar(roll)
        return Instrument(
            instrument_id=InstrumentId(self.id),
            kind=self.kind,
            underlying=IndexId(index_id),
            cash=cash,
            tick=tick,
            tick_value=1 if is_note else self._kopecks("tick_value_rub"),
            floor=floor,
            cap=cap,
            reference=self.reference_rub if is_note else self._ticks("reference_rub"),
            fee_maker=self._kopecks("fee_maker_rub"),
            fee_taker=self._kopecks("fee_taker_rub"),
            max_quantity=self.max_quantity,
            price_band_bp=self.price_band_percent,
            protection_bp=self.protection_percent,
            expiry=0 if self.expires is None else instant(self.expires, midnight),
            strike=None if self.strike_rub is None else self._ticks("strike_rub"),
            digital_payoff=0 if self.digital_payoff_rub is None else self._ticks("digital_payoff_rub"),
            **self._in_units(midnight, scale),
            allocation=self.allocation,
            publishes_book=self.publishes_book,
            pre_open=self.pre_open_seconds * SECOND,
            opening_call=self.opening_call_seconds * SECOND,
            closing_call=self.closing_call_seconds * SECOND,
            halt_call=self.halt_call_seconds * SECOND,
            call_extension=self.call_extension_seconds * SECOND,
            static_band_bp=self.static_band_percent,
            dynamic_band_bp=self.dynamic_band_percent,
            daily_limit_bp=self.daily_limit_percent,
            settlement_rule=self.settlement_rule,
            roll=roll,
        )

    def follows_index(self) -> bool:
        """Whether its price moves with the index one for one, so that the strategies that ship can quote it."""
        return self.kind in (ContractKind.CAPPED_FUTURE, ContractKind.PERP_ROLLING, ContractKind.SPOT)

    def _in_units(self, midnight: Time, scale: int) -> dict[str, Any]:
        """The terms of what changes hands in units; nothing for claims."""
        if self.kind is ContractKind.SPOT and self.base is not None:
            lot, rest = divmod(self._kopecks("tick_value_rub") * 10**scale, self.tick_rub)
            if rest:
                raise fault(
                    f"makes a lot that is no whole number of minor units of {self.base}",
                    "choose another tick_value_rub or tick_rub",
                    at="tick_value_rub",
                )
            return {"base": AssetId(self.base), "lot_units": lot}
        if self.kind is ContractKind.NOTE and self.note is not None:
            initial, rest = divmod(self.note.initial_rub, self.tick_rub)
            if rest:
                self._refuse_part_ticks("note.initial_rub")
            return {
                "base": AssetId(f"DFA:{self.id}"),
                "lot_units": 1,
                "note": self.note.terms(initial, midnight),
            }
        return {}

    def trades_between_calls(self, calendar: CalendarTable) -> bool:
        """Whether there is time between the opening call and the closing one, or the expiry."""
        opening = (self.pre_open_seconds + self.opening_call_seconds) * SECOND
        begins, closes = calendar.session
        ends = calendar.instant(self.expires) if self.expires else closes
        return begins + opening < ends - self.closing_call_seconds * SECOND

    def _roll(self) -> Roll | None:
        if self.roll_hours is None:
            return None
        band = Roll().band_bp if self.roll_band_percent is None else self.roll_band_percent
        return Roll(interval=self.roll_hours * HOUR, band_bp=band)

    def _collar(self, roll: Roll | None) -> tuple[Price, Price]:
        if roll is not None:
            return collar_around(self._ticks("reference_rub"), roll.band_bp)
        return self._ticks("floor_rub"), self._ticks("cap_rub")

    def _kopecks(self, key: str) -> int:
        amount = getattr(self, key) * 100
        if amount != int(amount):
            raise fault(f"is not a whole number of kopecks: {amount / 100}", "choose whole kopecks", at=key)
        return int(amount)

    def _ticks(self, key: str) -> int:
        price = getattr(self, key)
        kopecks = price * 100 if isinstance(price, Decimal) else price
        if kopecks % self.tick_rub:
            self._refuse_part_ticks(key)
        return int(kopecks // self.tick_rub)

    def _refuse_part_ticks(self, key: str) -> NoReturn:
        raise fault("is not a whole number of ticks", f"use steps of {self.tick_rub / 100:,} roubles", at=key)

    @model_validator(mode="after")
    def _can_be_listed(self) -> "InstrumentTable":
        if self.kind is ContractKind.CASH_PAIR:
            raise fault("has a table of its own", "list it under [[cash_pairs]]", at="kind")
        if self.kind is ContractKind.PERP_ROLLING:
            if self.cap_rub is not None or self.floor_rub:
                raise fault(
                    "makes its own collars, of roll_band_percent around the price at each roll",
                    "leave floor_rub and cap_rub out",
                    at="roll_hours",
                )
            if self.roll_hours is None:
                raise fault("is missing", "say how long each claim of the perpetual lasts", at="roll_hours")
        elif self.roll_hours is not None or self.roll_band_percent is not None:
            raise fault(
                "is for a perpetual", "give it the kind “perp_rolling”, or leave it out", at="roll_hours"
            )
        elif self.cap_rub is None:
            raise fault("is missing", "give the upper end of the collar", at="cap_rub")
        self._check_kind()
        if sentence := fault_in(self.instrument("BTC_RUB", _ANY_CASH, 0)):
            raise fault(f"cannot be listed: {sentence}", "correct the terms")
        return self

    def _check_kind(self) -> None:
        """Each kind has keys of its own, must have them, and has no others."""
        option = self.kind in OPTIONS
        digital = self.kind in (ContractKind.DIGITAL_CALL, ContractKind.DIGITAL_PUT)
        for key, wanted in (
            ("expires", self.kind is not ContractKind.SPOT),
            ("strike_rub", option),
            ("digital_payoff_rub", digital),
            ("base", self.kind is ContractKind.SPOT),
            ("note", self.kind is ContractKind.NOTE),
        ):
            given = getattr(self, key) is not None
            if given and not wanted:
                raise fault(f"does not go with kind = “{self.kind}”", "leave it out", at=key)
            if wanted and not given:
                raise fault(f"is missing for kind = “{self.kind}”", f"add the key “{key}”", at=key)


class CryptoTable(Table):
    """A crypto asset that can be brought to the venue, and the chain on which it stands."""

    id: AssetCode
    title: Text = "Bitcoin"
    scale: Annotated[int, Field(strict=True, ge=0, le=18)] = 8
    confirmations: Count = 2
    block_interval_seconds: Count = 120
    priced_by_index: Flag = False

    def asset(self, index_id: IndexId) -> Asset:
        return Asset(
            asset_id=AssetId(self.id),
            scale=self.scale,
            title=self.title,
            index_id=index_id if self.priced_by_index else None,
            confirmations=self.confirmations,
            block_interval=self.block_interval_seconds * SECOND,
        )


class CirculationTable(Table):
    """Coins that are out before anybody comes."""

    wallet: Annotated[Text, Field(description="Outside the venue; a participant's is wallet-ID.")]
    amount_rub: Roubles


class CoinTable(Table):
    """What the scenario says of what it is settled in, in place of what the cash profile says.

    Name and issuer hold only where no profile is named for the run. What the asset's kind does not have is
    passed over, so that one scenario can be settled in any.
    """

    id: AssetCode | None = None
    title: Text | None = None
    issuer: Text | None = None
    minter_allowance_rub: Roubles | None = None
    venue_wallets: Count | None = None
    finality_seconds: Count | None = None
    custody: CustodyMode | None = None
    longest_pause_seconds: Seconds | None = None
    expected_recovery_percent: Percent | None = None
    loss_layer_cap_rub: RoublesOrNothing | None = None
    wipe_allowed: Flag | None = None
    own_funds_rub: RoublesOrNothing | None = None
    forced_sales: Annotated[
        Flag | None,
        Field(description="Whether reserves are sold at once, with their haircut, if the queue needs it."),
    ] = None
    eligible: Annotated[
        tuple[Text, ...],
        Field(description="Participants who may redeem, beside those whom the profile lets."),
    ] = ()
    redemption_instant: Annotated[
        Flag | None, Field(description="Paid at once if nobody waits and money is there.")
    ] = None
    redemption_interval_seconds: Annotated[
        Count | None, Field(description="Between two turns of those who wait, from the opening on.")
    ] = None
    circulation: tuple[CirculationTable, ...] = ()
    marked_by: Annotated[
        Text | None,
        Field(description="Whose price of it counts: only reports of that source are made; left out: all."),
    ] = None

    def asset(self, profile: SettlementAssetTable | None) -> SettlementAssetTable:
        """The profile that is named for the run, or else the usual one under the scenario's own name."""
        own = {"asset": self.id, "title": self.title, "keeper": self.issuer} if profile is None else {}
        usual = read_cash(USUAL_CASH).cash if profile is None else profile
        said = own | {key: getattr(self, key) for key in _OF_THE_VENUE}
        said |= {"minters": self._minters(usual), "redemption": self._redemption(usual)}
        return usual.changed({key: value for key, value in said.items() if value is not None})

    def out(self) -> tuple[Circulation, ...]:
        """Of a coin, at the founding."""
        return tuple(
            Circulation(wallet_id=WalletId(table.wallet), amount=table.amount_rub)
            for table in self.circulation
        )

    def _minters(self, usual: SettlementAssetTable) -> dict[str, Money] | None:
        """The first of them is the one who mints what people bring."""
        if not usual.minters or self.minter_allowance_rub is None:
            return None
        return {**usual.minters, next(iter(usual.minters)): self.minter_allowance_rub}

    def _redemption(self, usual: SettlementAssetTable) -> RedemptionTable | None:
        """Of a coin. Where everybody may redeem, nobody need be named."""
        if usual.kind is not CashKind.COIN:
            return None
        terms = usual.redemption or RedemptionTable()
        changes: dict[str, Any] = {}
        if self.redemption_instant is not None:
            changes["instant"] = self.redemption_instant
        if self.redemption_interval_seconds is not None:
            changes["processing_interval_seconds"] = self.redemption_interval_seconds
        if terms.eligible_classes or terms.eligible_wallets:
            named = (wallet_of(ParticipantId(who)) for who in self.eligible)
            changes["eligible_wallets"] = (*terms.eligible_wallets, *named)
        return terms.model_copy(update=changes) if changes else None


_OF_THE_VENUE = (
    "venue_wallets",
    "finality_seconds",
    "custody",
    "longest_pause_seconds",
    "expected_recovery_percent",
    "loss_layer_cap_rub",
    "wipe_allowed",
    "own_funds_rub",
    "forced_sales",
)


class PopulationTable(Table):
    size: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 300
    deposit_percent: Annotated[
        Percent,
        Field(description="Of what each would bring to be covered in full; with less, it is levered."),
    ] = 100_00
    units: Units = Decimal(0)  # that each of those who trade spot brings

    @model_validator(mode="after")
    def _brings_something(self) -> "PopulationTable":
        if not self.deposit_percent:
            raise fault("is 0, so nobody could trade", "choose a share", at="deposit_percent")
        return self

    def terms(self) -> PopulationTerms:
        usual = PopulationTerms(size=self.size)
        if self.deposit_percent == 100_00:
            return usual
        share = self.deposit_percent / 100_00
        return PopulationTerms(
            size=self.size,
            deposit_min=usual.deposit_min * share,
            deposit_max=usual.deposit_max * share,
        )


class MakerTable(Table):
    """A professional market maker. It enters through the same gate as everyone."""

    id: Identifier
    deposit_rub: Roubles
    own_funds_rub: Roubles
    instrument: Text | None = None  # the scenario's first one, if not said
    levels: Count = 5
    quantity: Count = 40  # lots of one level
    spread_bp: BasisPointsNumber = 12.0
    inventory_rub: Annotated[
        Roubles | None, Field(description="How far its inventory may grow; left out: a third of its deposit.")
    ] = None
    units: Units = Decimal(0)  # that it brings to quote spot
    leaves: Annotated[
        Clock | None, Field(description="When it stops quoting and keeps what it holds; left out: never.")
    ] = None
    returns: Annotated[Clock | None, Field(description="When it quotes again; left out: not at all.")] = None

    @model_validator(mode="after")
    def _leaves_first(self) -> "MakerTable":
        if self.returns is not None and self.leaves is None:
            raise fault("goes with leaves", "say when it leaves, or leave this out", at="returns")
        return self

    def instrument_of(self, instruments: tuple[Instrument, ...]) -> Instrument:
        named = [i for i in instruments if i.instrument_id == self.instrument]
        return named[0] if named else instruments[0]

    def terms(self, instruments: tuple[Instrument, ...], units: int, midnight: Time) -> MakerTerms:
        leaves, returns = (
            None if at is None else instant(at, midnight) for at in (self.leaves, self.returns)
        )
        profile = market_maker(ParticipantId(self.id), deposit=self.deposit_rub, own_funds=self.own_funds_rub)
        return MakerTerms(
            profile if self.inventory_rub is None else changed(profile, desired_exposure=self.inventory_rub),
            self.instrument_of(instruments),
            MarketMakerTerms(
                levels=self.levels,
                quantity=self.quantity,
                spread_bp=self.spread_bp,
                leaves=leaves,
                returns=returns,
            ),
            units,
        )


class LinkTable(Table):
    fixed_ms: Milliseconds
    jitter_ms: Milliseconds

    def terms(self) -> LinkTerms:
        return LinkTerms(int(self.fixed_ms * 1_000_000), int(self.jitter_ms * 1_000_000))


class LinksTable(Table):
    professional: LinkTable = LinkTable(fixed_ms=0.5, jitter_ms=0.5)
    public: LinkTable = LinkTable(fixed_ms=20, jitter_ms=30)


class LimitsTable(Table):
    """How many orders a participant may have open, those that wait for a price included."""

    open_orders: Count | None = None
    open_orders_per_instrument: Count | None = None


class StormTable(Table):
    """Every message of everybody who trades is sent again, at this distance from one to the next."""

    repeats: Annotated[int, Field(strict=True, ge=0, le=100)] = 0
    spacing_ms: Milliseconds = 0.0

    def terms(self) -> StormTerms:
        return StormTerms(self.repeats, int(self.spacing_ms * 1_000_000))


class DisconnectionTable(Table):
    """Somebody loses the connection to the venue, which cancels its orders at once."""

    participant: Text
    starts: Clock
    ends: Clock | None = None  # for good, if not said

    def terms(self, midnight: Time) -> Disconnection:
        ends = None if self.ends is None else instant(self.ends, midnight)
        return Disconnection(ParticipantId(self.participant), instant(self.starts, midnight), ends)


def _meet(one: Disconnection, other: Disconnection) -> bool:
    """Whether both last at one instant."""
    first, second = sorted((one, other), key=lambda lost: lost.starts)
    return first.ends is None or first.ends > second.starts


class AttackTable(Table):
    """What is done to what outside venues show, to move the index or a settlement price."""

    kind: AttackKind
    venues: tuple[Text, ...] = Field(min_length=1)
    starts: Clock
    ends: Clock | None = None  # for good, if not said
    push_percent: SignedPercent | None = None
    volume_times: Annotated[float, Field(gt=0, le=1_000)] | None = None

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> "AttackTable":
        for key, kinds in (
            ("push_percent", (AttackKind.PUSH, AttackKind.DRIFT)),
            ("volume_times", (AttackKind.WASH,)),
        ):
            if (getattr(self, key) is not None) != (self.kind in kinds):
                named = " or ".join(f"“{kind}”" for kind in kinds)
                raise fault(f"goes with kind = {named} and with nothing else", "give it there only", at=key)
        if self.kind is AttackKind.DRIFT and self.ends is None:
            raise fault("is needed, for a drift grows until then", "say when it ends", at="ends")
        if len(set(self.venues)) < len(self.venues):
            raise fault("name one twice", "name each venue once", at="venues")
        return self

    def terms(self, midnight: Time, latest: Time) -> AttackTerms:
        ends = latest if self.ends is None else instant(self.ends, midnight)
        return AttackTerms(
            self.kind,
            self.venues,
            instant(self.starts, midnight),
            ends,
            push=(self.push_percent or 0) / 10_000,
            volume_times=self.volume_times or 1.0,
        )


class ScenarioFile(Table):
    """A world: what the day is like, whoever may enter it."""

    id: Identifier
    title: Text
    question: Text
    magnitude: MagnitudeTable | None = None
    calendar: CalendarTable
    index: IndexTable | None = None
    coin: CoinTable = CoinTable()
    reserves: tuple[ReserveTable, ...] = ()
    bank_roubles: BankRoublesTable | None = None
    instruments: tuple[InstrumentTable, ...] = ()
    cash_pairs: tuple[CashPairTable, ...] = ()
    population: PopulationTable = PopulationTable()
    makers: tuple[MakerTable, ...] = ()
    members: tuple[MemberTable, ...] = ()
    clients: tuple[ClientTable, ...] = ()
    house: HouseTable = HouseTable()
    crypto: tuple[CryptoTable, ...] = ()
    issuers: tuple[FirmTable, ...] = ()
    firms: tuple[FirmTable, ...] = ()
    deposits: tuple[DepositTable, ...] = ()
    deals: tuple[DealTable, ...] = ()
    cycles: tuple[CycleTable, ...] = ()
    disconnections: tuple[DisconnectionTable, ...] = ()
    links: LinksTable = LinksTable()
    limits: LimitsTable = LimitsTable()
    storm: StormTable = StormTable()
    directives: tuple[DirectiveTable, ...] = ()
    freeze_hazard: FreezeHazardTable | None = None
    theft: TheftTable | None = None
    underlyings: tuple[UnderlyingTable, ...] = ()
    attacks: tuple[AttackTable, ...] = ()
    beliefs: BeliefsTable = BeliefsTable()
    coin_makers: tuple[CoinMakerTable, ...] = ()
    redeemers: tuple[RedeemerTable, ...] = ()
    holders: HoldersTable | None = None
    published: tuple[PublishedTable, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _population_comes_for_instruments(cls, table: Any) -> Any:
        """Where there is nothing for the population to trade, nobody of it comes unless the file says so."""
        if isinstance(table, Mapping) and not table.get("instruments"):
            return {"population": {"size": 0}, **table}
        return table

    @model_validator(mode="after")
    def _is_possible(self) -> "ScenarioFile":
        self._check_markets()
        of_coins = self.coin_makers or self.redeemers or self.holders
        if not self.population.size and not self.makers and not of_coins:
            raise fault(
                "has nobody in it", "give the population a size, or name a market maker", at="population"
            )
        calendar = self.calendar
        opens, closes = calendar.session
        ids = [instrument.id for instrument in self.instruments] + [pair.id for pair in self.cash_pairs]
        for number, instrument in enumerate(self.instruments, 1):
            expires = None if instrument.expires is None else calendar.instant(instrument.expires)
            if expires is not None and not opens < expires <= closes:
                raise fault(
                    f"expires at {instrument.expires}, outside the session from "
                    f"{calendar.trades_from or calendar.opens} to {calendar.trades_until or calendar.closes}",
                    "choose an hour inside it",
                    at=f"instruments.{instrument.id}",
                )
            if instrument.closing_call_seconds and expires not in (None, closes):
                raise fault(
                    f"has a closing call but expires at {instrument.expires}, before the session closes",
                    f"let it expire at {calendar.trades_until or calendar.closes}, or leave the closing call out",
                    at=f"instruments.{instrument.id}",
                )
            if not instrument.trades_between_calls(calendar):
                raise fault(
                    "is never in continuous trading: its pre-open and its calls fill the time that it has",
                    "shorten them",
                    at=f"instruments.{instrument.id}",
                )
            if instrument.id in ids[number:]:
                raise fault(
                    "stands twice", "give each instrument its own id", at=f"instruments.{instrument.id}"
                )
        self._check_hours()
        self._check_units()
        check_coins(self.underlyings)
        self._check_issuers()
        names = [maker.id for maker in self.makers]
        if len(set(names)) < len(names):
            raise fault("has two of the same id", "give each maker its own id", at="makers")
        names += self._coin_names(names)
        self._check_members(names)
        for maker in self.makers:
            if (
                maker.leaves
                and maker.returns
                and calendar.instant(maker.returns) <= calendar.instant(maker.leaves)
            ):
                raise fault(
                    f"is {maker.returns}, not after it leaves at {maker.leaves}",
                    "choose a later hour",
                    at=f"makers.{maker.id}.returns",
                )
            if maker.instrument is not None and maker.instrument not in ids:
                raise fault(
                    f"quotes in {maker.instrument}, which is not listed",
                    nearest(maker.instrument, ids),
                    at=f"makers.{maker.id}",
                )
        for directive in self.directives:
            if directive.is_about_an_instrument and directive.instrument not in ids:
                raise fault(
                    f"names no instrument: {directive.instrument}",
                    nearest(str(directive.instrument), ids),
                    at="directives",
                )
            if directive.participant is not None:
                self._check_name(directive.participant, "directives", self._named())
            self._check_custodian(directive)
            if directive.wallets is not None and directive.wallets > (self.coin.venue_wallets or 1):
                raise fault("names more wallets than the venue has", "lower the number", at="directives")
        self._check_marked_by()
        self._check_attacks()
        self._check_settlement()
        self._check_disconnections()
        if self.magnitude is not None:
            self.magnitude.check_against(numbers_of(self, ("magnitude",)))
        return self

    def _check_members(self, makers: list[str]) -> None:
        members = [name for member in self.members for name in member.names]
        names = [*makers, *members]
        if len(set(names)) < len(names):
            raise fault("share an id, or have that of a maker", "give each its own id", at="members")
        names += [client.id for client in self.clients]
        if len(set(names)) < len(names):
            raise fault("share an id, or have that of a maker or member", "give each its own", at="clients")
        for client in self.clients:
            if client.member is not None and client.member not in members:
                raise fault(
                    f"clears through {client.member}, which is no member",
                    nearest(client.member, members) if members else "add it as a [[members]] table",
                    at=f"clients.{client.id}.member",
                )
            if not any(instrument.follows_index() for instrument in self.instruments):
                raise fault("has nothing to hold a position in", "list a future", at=f"clients.{client.id}")
        size = self.population.size
        clients = sum(member.clients_among(size) for member in self.members)
        if clients > self.population.size:
            raise fault(
                f"have {clients} clients, and the population is {self.population.size}",
                "lower clients or clients_percent, or raise the size of the population",
                at="members",
            )

    def _check_name(self, name: str, at: str, named: list[str]) -> None:
        """Who is named goes by its id; people by their kind and number, and the dice draw the kind."""
        kind, _, number = name.rpartition("-")
        drawn = number.isdecimal() and 0 < int(number) <= self._drawn(kind)
        if name not in named and not drawn:
            raise fault(
                f"names {name}, who is no maker, no member and not of the population",
                nearest(name, named),
                at=at,
            )

    def _check_custodian(self, directive: DirectiveTable) -> None:
        """Of reserves that the file names; those of a cash profile are known only when it is chosen."""
        named = [bucket.custodian for bucket in self.reserves]
        if named and directive.custodian is not None and directive.custodian not in named:
            raise fault(
                f"names {directive.custodian}, who has nothing of the reserves",
                nearest(directive.custodian, named),
                at="directives",
            )

    def _check_marked_by(self) -> None:
        """Whoever prices the coin does so at some hour."""
        sources = [directive.source for directive in self.directives if directive.source is not None]
        if self.coin.marked_by is not None and self.coin.marked_by not in sources:
            raise fault(
                f"is {self.coin.marked_by}, by whom no price is reported",
                nearest(self.coin.marked_by, sources)
                if sources
                else "add a report_cash_price of that source",
                at="coin.marked_by",
            )

    def _drawn(self, kind: str) -> int:
        """How far the numbers go of those who are drawn, and are of that kind by name."""
        if kind == HOLDER:
            return self.holders.count if self.holders else 0
        return self.population.size if kind in tuple(ApplicantKind) else 0

    def _check_disconnections(self) -> None:
        """Who is lost has a line, comes back later if at all, and is lost once at a time."""
        spans = [lost.terms(self.calendar.midnight) for lost in self.disconnections]
        for number, (lost, span) in enumerate(zip(self.disconnections, spans, strict=True), 1):
            at = f"disconnections.{number}"
            self._check_name(lost.participant, at, self._connected())
            if span.ends is not None and span.ends <= span.starts:
                raise fault(
                    f"is {lost.ends}, not after {lost.starts}", "choose a later hour", at=f"{at}.ends"
                )
            for other in spans[number:]:
                if other.participant_id == span.participant_id and _meet(span, other):
                    raise fault("overlaps with another of the same participant", "join the two", at=at)

    def _named(self) -> list[str]:
        """Whoever the file names."""
        firms = [firm.id for firm in (*self.issuers, *self.firms)]
        return [*self._connected(), *firms]

    def _connected(self) -> list[str]:
        """Whoever the file names that has a line to the venue: a firm settles without one."""
        coin_names = [seat.id for seat in (*self.coin_makers, *self.redeemers)]
        members = [name for member in self.members for name in member.names]
        named = [client.id for client in self.clients]
        return [maker.id for maker in self.makers] + members + named + coin_names

    def _check_settlement(self) -> None:
        """Every deal is between those who are there, of what there is; what a chain forgets it has shown."""
        scales = {asset.id: asset.scale for asset in self.crypto}
        for number, deal in enumerate(self.deals, 1):
            self._check_name(deal.delivers, f"deals.{number}.delivers", self._named())
            self._check_name(deal.receives, f"deals.{number}.receives", self._named())
            if deal.asset is not None:
                _check_units_of(deal.asset, deal.units or Decimal(0), scales, f"deals.{number}")
        shown = [(deposit.asset, deposit.transaction) for deposit in self.deposits]
        for number, deposit in enumerate(self.deposits, 1):
            self._check_name(deposit.participant, f"deposits.{number}.participant", self._named())
            _check_units_of(deposit.asset, deposit.units, scales, f"deposits.{number}")
            if shown.index((deposit.asset, deposit.transaction)) < number - 1:
                raise fault("has the transaction of another", "name another", at=f"deposits.{number}")
        for directive in self.directives:
            if directive.transaction is not None and (directive.asset, directive.transaction) not in shown:
                raise fault(
                    f"names {directive.transaction} of {directive.asset}, which is none of the deposits",
                    nearest(directive.transaction, [transaction for _, transaction in shown]),
                    at="directives",
                )

    def _check_attacks(self) -> None:
        """Each attack is on a venue of the index, and changes something that is looked at."""
        venues = [venue.id for venue in self.index.venues] if self.index else []
        for number, attack in enumerate(self.attacks, 1):
            for venue in attack.venues:
                if venue not in venues:
                    raise fault(
                        f"names {venue}, which is no venue of the index",
                        nearest(venue, venues),
                        at=f"attacks.{number}.venues",
                    )
            ends = attack.ends and self.calendar.instant(attack.ends)
            if ends and ends <= self.calendar.instant(attack.starts):
                raise fault(
                    f"is {attack.ends}, not after {attack.starts}",
                    "choose a later hour",
                    at=f"attacks.{number}.ends",
                )
            if attack.kind is AttackKind.WASH and not self._partitioned():
                raise fault(
                    "adds volume, but no instrument is settled by what outside venues trade",
                    "give one the settlement_rule “partitioned_vwm”, or leave the attack out",
                    at=f"attacks.{number}",
                )

    def _partitioned(self) -> list[InstrumentTable]:
        """The instruments for which trades of outside venues count."""
        return [i for i in self.instruments if i.settlement_rule is SettlementRule.PARTITIONED_VWM]

    def _check_units(self) -> None:
        """What changes hands is named, arrives in time, and is quoted by those who know how."""
        named = [asset.id for asset in self.crypto]
        if len(set(named)) < len(named) or self.coin.asset(None).asset in named:
            raise fault("has two assets of one id", "give each asset its own id", at="crypto")
        for asset in self.crypto:
            if asset.confirmations * asset.block_interval_seconds * SECOND > LEAD:
                raise fault(
                    "is confirmed only after the session opens: people bring it ten minutes before",
                    "choose fewer confirmations or a shorter block_interval_seconds",
                    at=f"crypto.{asset.id}",
                )
        for instrument in self.instruments:
            if instrument.base is not None and instrument.base not in named:
                raise fault(
                    f"is {instrument.base}, which is not among the crypto assets",
                    nearest(instrument.base, named) if named else "add it as a [[crypto]] table",
                    at=f"instruments.{instrument.id}.base",
                )
            scale = next((asset.scale for asset in self.crypto if asset.id == instrument.base), 8)
            instrument.instrument(self._index_id(), _ANY_CASH, 0, scale)  # for its faults
        followed = [instrument.id for instrument in self.instruments if instrument.follows_index()]
        if self.instruments and not followed and (self.population.size or self.makers):
            raise fault(
                "hold nothing that follows the index, and nobody of the population quotes anything else",
                "add a future or spot",
                at="instruments",
            )
        for maker in self.makers:
            quoted = maker.instrument or self.instruments[0].id
            if quoted in [instrument.id for instrument in self.instruments] and quoted not in followed:
                raise fault(
                    f"quotes around the index, which is not the price of {quoted}",
                    f"name a future or spot: {nearest('', followed)}",
                    at=f"makers.{maker.id}",
                )
        brought = [("population", self.population.units)]
        brought += [(f"makers.{maker.id}", maker.units) for maker in self.makers]
        fewest = min((asset.scale for asset in self.crypto), default=0)
        for key, units in brought:
            if units and units != round(units, fewest):
                raise fault(f"has more than {fewest} decimals: {units}", "write fewer", at=f"{key}.units")
        spot = any(instrument.kind is ContractKind.SPOT for instrument in self.instruments)
        if not spot and (self.population.units or any(maker.units for maker in self.makers)):
            raise fault("are brought, but no spot is listed to trade them", "leave them out", at="units")

    def _check_issuers(self) -> None:
        """Every note has its issuer; issuers and firms are nobody else."""
        others = self._connected()
        for key, tables in (("issuers", self.issuers), ("firms", self.firms)):
            for table in tables:
                if table.id in others:
                    raise fault("has two of the same id", "give each an id of its own", at=key)
                others.append(table.id)
        ids = [issuer.id for issuer in self.issuers]
        for instrument in self.instruments:
            if instrument.note is not None and instrument.note.issuer not in ids:
                raise fault(
                    f"is {instrument.note.issuer}, who is not among the issuers",
                    nearest(instrument.note.issuer, ids) if ids else "add it as an [[issuers]] table",
                    at=f"instruments.{instrument.id}.note.issuer",
                )

    def _endowment(self, units: Decimal, instrument: Instrument) -> int:
        """Minor units of what the instrument delivers."""
        asset = next((asset for asset in self.crypto if asset.id == instrument.base), None)
        return 0 if asset is None else minor_units(units, asset.scale)

    def _check_hours(self) -> None:
        """Nothing happens before the run starts or after it has ended."""
        instant = self.calendar.instant
        first, last = instant(self.calendar.opens) - LEAD, instant(self.calendar.closes) + LAG
        knots = self.index.knots if self.index else ()
        for before, after in pairwise(knots):
            if instant(before.at) >= instant(after.at):
                raise fault(
                    f"go back from {before.at} to {after.at}", "put them in order of time", at="index.knots"
                )
        hours = [("index.knots", knot.at) for knot in knots]
        hours += [("published", at) for point in self.published for at in (point.at, point.since) if at]
        hours += [("directives", directive.at) for directive in self.directives]
        hours += [(f"deals.{n}.at", deal.at) for n, deal in enumerate(self.deals, 1)]
        hours += [(f"deposits.{n}.at", deposit.at) for n, deposit in enumerate(self.deposits, 1)]
        hours += [(f"cycles.{n}.at", cycle.at) for n, cycle in enumerate(self.cycles, 1)]
        hours += [
            ("disconnections", at) for lost in self.disconnections for at in (lost.starts, lost.ends) if at
        ]
        hours += [("makers", at) for maker in self.makers for at in (maker.leaves, maker.returns) if at]
        hours += [("theft", self.theft.at)] if self.theft else []
        hours += [("attacks", at) for attack in self.attacks for at in (attack.starts, attack.ends) if at]
        for key, at in hours:
            if not first <= instant(at) <= last:
                raise fault(
                    f"has {at}, outside the run: it starts ten minutes before the session opens at "
                    f"{self.calendar.opens} and ends a minute after it closes at {self.calendar.closes}",
                    "choose an hour in between",
                    at=key,
                )

    def world(
        self, folder: Path, cash: SettlementAssetTable | None = None, fallback: str | None = None
    ) -> World:
        """The world in the core's units, settled in `cash` or in its own coin, with `fallback` beside it; a CSV file
        is looked up beside the scenario's own file. Raises ConfigurationError.
        """
        midnight = self.calendar.midnight
        opens, closes = self.calendar.session
        asset = self.coin.asset(cash)
        roubles = self.bank_roubles.terms() if self.bank_roubles and asset.kind is CashKind.COIN else None
        coin = asset.terms(self.coin.out() if asset.kind is CashKind.COIN else ())
        if isinstance(coin, CoinTerms):
            coin = self._backed(coin, roubles)
        beside = cash_of(fallback) if fallback not in (None, asset.asset) else None
        kept = [asset] if beside is None else [asset, beside]
        cash_terms = (coin,) if beside is None else (coin, beside.terms())
        index = self.index.terms() if self.index else None
        starts = self.calendar.instant(self.calendar.opens) - LEAD
        ends = self.calendar.instant(self.calendar.closes) + LAG
        scenario = self._with_csv_read(folder, starts, ends)
        pairs = tuple(pair.instrument(coin.asset_id, roubles.asset_id) for pair in self.cash_pairs if roubles)
        established = EstablishVenue(
            assets=(
                *(Asset(asset_id=AssetId(one.asset), scale=2, title=one.title) for one in kept),
                *(self._rouble_asset() if roubles else ()),
                *(asset.asset(IndexId(self._index_id())) for asset in self.crypto),
            ),
            indices=(index,) if index else (),
            cash=(*cash_terms, roubles) if roubles else cash_terms,
            sessions=(SessionTerms(opens=opens, closes=closes),),
            depth_interval=self.calendar.depth_interval_seconds * SECOND,
            cash_prices=tuple(pair.price_terms(coin.asset_id) for pair in self.cash_pairs[:1] if pairs),
            settlement_cycles=tuple(cycle.terms(midnight) for cycle in self.cycles),
            underlyings=known_underlyings(self.underlyings) if index else (),
            max_open_orders=self.limits.open_orders,
            max_open_orders_per_instrument=self.limits.open_orders_per_instrument,
        )
        scales = {asset.id: asset.scale for asset in self.crypto}
        instruments = (
            *(
                i.instrument(self._index_id(), coin.asset_id, midnight, scales.get(i.base or "", 8))
                for i in self.instruments
            ),
            *pairs,
        )
        if not instruments:
            raise ConfigurationError(
                self.id,
                "cash_pairs",
                f"are all that is traded, and {asset.asset} is money proper, which no market prices",
                "choose the profile of a coin, or list an instrument beside",
            )
        ladder = _longest_ladder(index) if index else 0
        latest = max(ends, LAG + max(i.expiry for i in instruments) + ladder)
        told_of = [CashAsset(terms, one.obeys) for terms, one in zip(cash_terms, kept, strict=True)]
        directives = [
            (self.calendar.instant(directive.at), command)
            for directive in self.directives
            if directive.source is None or self.coin.marked_by in (None, directive.source)
            for command in directive.commands(told_of, instruments)
        ]
        if self.theft is not None:
            directives += self.theft.commands(self.calendar.instant(self.theft.at), told_of[0])
        return World(
            scenario_id=self.id,
            title=self.title,
            question=self.question,
            starts=starts,
            opens=opens,
            closes=closes,
            ends=ends,
            latest=latest,
            index=index,
            path=scenario._path(index, starts, ends, latest) if index else None,
            coin=coin,
            cash=coin.asset_id,
            roubles=roubles,
            instruments=instruments,
            population=self.population.terms(),
            makers=tuple(
                maker.terms(
                    instruments, self._endowment(maker.units, maker.instrument_of(instruments)), midnight
                )
                for maker in self.makers
            ),
            coin_traders=(
                *(maker.coin_terms(pairs[0], self.beliefs.beliefs()) for maker in self.coin_makers if pairs),
                *(one.coin_terms(pairs[0], self.beliefs.beliefs()) for one in self.redeemers if pairs),
            ),
            holders=self.holders.terms(pairs[0], self.beliefs.beliefs()) if self.holders and pairs else None,
            published=tuple(point.point(self.calendar.instant) for point in self.published),
            issuers=tuple(issuer.profile() for issuer in self.issuers),
            firms=tuple(firm.profile() for firm in self.firms),
            said=self._said(midnight, coin.asset_id),
            disconnections=tuple(lost.terms(midnight) for lost in self.disconnections),
            endowments={i.instrument_id: self._endowment(self.population.units, i) for i in instruments},
            subscriptions={
                InstrumentId(i.id): i.note.subscription_percent
                for i in self.instruments
                if i.note is not None
            },
            members=tuple(terms for member in self.members for terms in member.terms()),
            clients=tuple(client.terms() for client in self.clients),
            house=self.house.brought(),
            freeze_hazard=None if self.freeze_hazard is None else self.freeze_hazard.hazard(asset.obeys),
            fallback=None if beside is None else cash_terms[-1],
            fallback_liquidity=self.house.fallback_liquidity_rub,
            professional_link=self.links.professional.terms(),
            public_link=self.links.public.terms(),
            storm=self.storm.terms(),
            directives=tuple(sorted(directives, key=lambda step: step[0])),
            established=established,
            resolved=resolved(scenario),
        )

    def _path(self, index: IndexTerms, starts: Time, ends: Time, latest: Time) -> PathTerms | None:
        table = self.index
        if table is None:
            return None
        return PathTerms(
            knots=self._whole_path(table, starts, ends),
            volatility_a_day=table.volatility_percent_a_day / 10_000,
            step=index.interval,
            venue_noise_bp=table.venue_noise_bp,
            venue_spread_bp=table.venue_spread_bp,
            until=latest,
            attacks=tuple(attack.terms(self.calendar.midnight, latest) for attack in self.attacks),
            trades_a_minute=table.venue_trades_a_minute,
            trade_spans=self._trade_spans(),
            reference_sources=table.reference_sources,
        )

    def _index_id(self) -> str:
        return self.index.id if self.index else ""

    def _backed(self, coin: CoinTerms, roubles: BankTerms | None) -> CoinTerms:
        """With the reserves that the file names; redeemed in the roubles of its bank, in that bank's hours."""
        if self.reserves:
            founded = sum(bucket.amount for bucket in coin.reserves)
            amounts = allocate(founded, [table.share_percent for table in self.reserves])
            spread = zip(self.reserves, amounts, strict=True)
            coin = changed(coin, reserves=tuple(changed(t.terms(), amount=amount) for t, amount in spread))
        if roubles is None:
            return coin
        redemption = changed(coin.redemption, hours=roubles.hours)
        if redemption.eligible_wallets or redemption.eligible_classes:
            wallets = (wallet_of(ParticipantId(one.id)) for one in self.redeemers)
            eligible = tuple(dict.fromkeys((*redemption.eligible_wallets, *wallets)))
            redemption = changed(redemption, eligible_wallets=eligible)
        return changed(coin, pays_in=roubles.asset_id, redemption=redemption)

    def _rouble_asset(self) -> tuple[Asset, ...]:
        table = self.bank_roubles
        return (Asset(asset_id=AssetId(table.id), scale=2, title=table.title),) if table else ()

    def _check_markets(self) -> None:
        """There is something to trade, and what each market needs."""
        if not self.instruments and not self.cash_pairs:
            raise fault("are missing, and so are cash_pairs", "list something to trade", at="instruments")
        if self.instruments and self.index is None:
            raise fault("is missing, and instruments follow it", "add an [index] table", at="index")
        if self.index is not None and not self.instruments:
            raise fault("is followed by no instrument", "list one, or leave the index out", at="index")
        if not self.instruments and (self.population.size or self.makers or self.attacks):
            raise fault(
                "are missing, for the population, the makers and attacks",
                "list one, or leave them out; [holders] and [[coin_makers]] trade cash pairs",
                at="instruments",
            )
        if bool(self.cash_pairs) != (self.bank_roubles is not None):
            raise fault(
                "goes with cash_pairs, in which the coin is traded against it",
                "give both or neither",
                at="bank_roubles",
            )
        if self.bank_roubles is not None and self.bank_roubles.id == self.coin.asset(None).asset:
            raise fault("is the id of the coin", "choose another", at="bank_roubles.id")
        _check_reserves(self.reserves)
        of_the_coin = any(point.measure in OF_THE_COIN for point in self.published)
        if not self.cash_pairs and (self.coin_makers or self.redeemers or self.holders or of_the_coin):
            raise fault("are missing, for those who trade the coin", "add one", at="cash_pairs")
        if not self.instruments and any(point.measure not in OF_THE_COIN for point in self.published):
            raise fault("are missing, for figures of their market", "list one", at="instruments")
        trips = any(point.measure is PublishedMeasure.ROUND_TRIP for point in self.published)
        if trips and not self.instruments[0].publishes_book:
            raise fault(
                "does not publish its book, of which a round trip is read",
                "add publishes_book = true",
                at=f"instruments.{self.instruments[0].id}",
            )

    def _coin_names(self, others: list[str]) -> list[str]:
        names = [seat.id for seat in (*self.coin_makers, *self.redeemers)]
        if len(set(names)) < len(names) or set(names) & set(others):
            raise fault("share an id, or have that of a maker", "give each its own id", at="coin_makers")
        return names

    def _said(self, midnight: Time, cash: AssetId) -> tuple[tuple[Time, Command], ...]:
        """Deposits and deals, in order of time."""
        scales = {asset.id: asset.scale for asset in self.crypto}
        said: list[tuple[Time, Command]] = [
            (instant(deposit.at, midnight), deposit.announced(scales)) for deposit in self.deposits
        ]
        for number, deal in enumerate(self.deals, 1):
            for side in deal.instructions(number, cash, scales, midnight):
                said.append((side.intended, side))
        return tuple(sorted(said, key=lambda step: step[0]))

    def _trade_spans(self) -> tuple[tuple[Time, Time], ...]:
        """The hour before each expiry at which trades of outside venues count."""
        clocks = {i.expires for i in self._partitioned() if i.expires is not None}
        expiries = {self.calendar.instant(clock) for clock in clocks}
        return tuple((expiry - HOUR, expiry) for expiry in sorted(expiries))

    def _with_csv_read(self, folder: Path, starts: Time, ends: Time) -> "ScenarioFile":
        """The same scenario with the prices of its CSV file among its knots, so that nothing else is needed."""
        if self.index is None or self.index.csv is None:
            return self
        prices = read_knots(folder / self.index.csv, starts, ends, self.calendar.midnight)
        knots = tuple(KnotTable.model_validate({"at": at, "price_rub": price}) for at, price in prices)
        index = self.index.model_copy(update={"csv": None, "knots": knots})
        return self.model_copy(update={"index": index})

    def _whole_path(self, index: IndexTable, starts: Time, ends: Time) -> tuple[tuple[Time, int], ...]:
        """Knots over the whole run: the first price holds before it, the last one after."""
        knots = tuple((self.calendar.instant(knot.at), knot.price_rub) for knot in index.knots)
        first, last = knots[0], knots[-1]
        before = ((starts, first[1]),) if first[0] > starts else ()
        after = ((ends, last[1]),) if last[0] < ends else ()
        return (*before, *knots, *after)


def _check_reserves(reserves: tuple[ReserveTable, ...]) -> None:
    """They are told apart, and make up a whole."""
    if not reserves:
        return
    names = [bucket.id for bucket in reserves]
    if len(set(names)) < len(names):
        raise fault("share an id", "give each its own", at="reserves")
    if (whole := sum(bucket.share_percent for bucket in reserves)) != 100_00:
        raise fault(
            f"make up {Decimal(whole) / 100}% together", "let their shares come to 100", at="reserves"
        )


def _check_units_of(asset: str, units: Decimal, scales: dict[str, int], at: str) -> None:
    """Of a deal or a deposit."""
    if asset not in scales:
        raise fault(
            f"is of {asset}, which is not among the crypto assets",
            nearest(asset, scales) if scales else "add it as a [[crypto]] table",
            at=f"{at}.asset",
        )
    if not units or units != round(units, scales[asset]):
        raise fault(
            f"must be positive, with at most {scales[asset]} decimals, but are {units}",
            "choose such a number",
            at=f"{at}.units",
        )


def _longest_ladder(index: IndexTerms) -> Time:
    """How long after its expiry a series is settled if every price is objected to."""
    return index.fixing_samples * index.fixing_spacing + len(PriceRule) * index.fixing_objection


def with_population(scenario: ScenarioFile, size: int | None) -> ScenarioFile:
    """The same scenario with another number of people in it."""
    if size is None:
        return scenario
    return scenario.model_copy(update={"population": scenario.population.model_copy(update={"size": size})})


def with_books(scenario: ScenarioFile) -> ScenarioFile:
    """The same scenario with every displayed book published, as those outside need it."""
    told = {"publishes_book": True}
    return scenario.model_copy(
        update={
            "instruments": tuple(one.model_copy(update=told) for one in scenario.instruments),
            "cash_pairs": tuple(one.model_copy(update=told) for one in scenario.cash_pairs),
        }
    )


_SHIPPED = Shipped("library", "scenario")


def shipped_scenarios() -> list[str]:
    """The ids of the scenarios that come with the package, in alphabetical order."""
    return _SHIPPED.ids()


def scenario_path(name_or_path: str) -> Path | Traversable:
    """The file of a shipped scenario, or the file that is named. Raises ConfigurationError for neither."""
    return _SHIPPED.path(_parted(name_or_path).scenario)


def scenario_name(name_or_path: str) -> str:
    """What a run of the scenario goes by: the name of its file, the magnitude if another one is asked for, and in
    brackets the numbers that are changed."""
    stem = scenario_path(name_or_path).name.removesuffix(".toml")
    parts = _parted(name_or_path)
    return f"{stem}{parts.suffix}{in_brackets(parts.changes)}"


def read_scenario(name_or_path: str) -> ScenarioFile:
    """The scenario of that name, checked; `gap_move@20` is one whose shock is of another magnitude, and
    `gap_move[population.size=80]` one with another number. Raises ConfigurationError.
    """
    parts = _parted(name_or_path)
    file = named(f"{scenario_path(name_or_path)}{parts.suffix}", parts.changes)
    return check(ScenarioFile, scenario_tables(name_or_path), file)


def scenario_tables(name_or_path: str) -> dict[str, Any]:
    """What the scenario's file says, with a shock of the magnitude and with the numbers that are named. Not checked
    unless some are. Raises ConfigurationError for a key that is no number of it."""
    path, parts = scenario_path(name_or_path), _parted(name_or_path)
    tables = read_toml(path)
    changes = (() if parts.magnitude is None else (Change(MAGNITUDE, parts.magnitude),)) + parts.changes
    for change in changes:
        tables = _changed(tables, change, str(path))
    return tables


class _Parts(NamedTuple):
    scenario: str
    magnitude: Decimal | None
    changes: tuple[Change, ...]

    @property
    def suffix(self) -> str:
        return Scaled(self.scenario, self.magnitude).suffix


def _parted(name_or_path: str) -> _Parts:
    """The scenario, the magnitude and the changes that are named, in either order."""
    alone, after = parted(name_or_path)
    shock = scaled(alone)
    scenario, before = parted(shock.scenario)
    return _Parts(scenario, shock.magnitude, before + after)


def scenario_numbers(scenario: ScenarioFile) -> dict[str, Number | None]:
    """Every number that a scenario states or may state, by its key path: that of its shock is `magnitude`."""
    shock = scenario.magnitude
    numbers = numbers_of(scenario, ("magnitude", "published"))
    return numbers | {MAGNITUDE: None if shock is None else plain(shock.stands_at)}


def _changed(tables: Mapping[str, Any], change: Change, file: str) -> dict[str, Any]:
    """The tables with that number in the place of their own. If the magnitude moves it, there is none any more."""
    scenario = check(ScenarioFile, tables, file)
    key = find_number(change.key, tables, scenario_numbers(scenario), file)
    if key == MAGNITUDE:
        return at_magnitude(tables, scenario.magnitude, change.value, file)
    changed = with_number(tables, key, change.value)
    if scenario.magnitude is not None and key in (scale.key for scale in scenario.magnitude.scales):
        del changed[MAGNITUDE]
    return changed


def under_market(scenario: ScenarioFile, market: MarketTable) -> dict[str, Any]:
    """The tables of the scenario with what a regime says of the market, where it says anything. Not checked.

    Bands, limits and sizes are of whatever follows the index, the settlement rule of futures and options; a closing
    call is of what does not expire before it. A session longer than the regime's hours begins and ends with these.
    """
    told, stated_terms, calendar = resolved(scenario), market.terms(), scenario.calendar
    if market.opens is not None and market.closes is not None:
        told["calendar"] |= _within_hours(calendar, market.opens, market.closes)
    closes = check(CalendarTable, told["calendar"], scenario.id).session[1]
    for one, table in zip(scenario.instruments, told["instruments"], strict=True):
        early = one.expires is not None and calendar.instant(one.expires) < closes
        table |= {
            key: value
            for key, value in stated_terms.items()
            if _is_said_of(one, key) and not (early and key == "closing_call_seconds")
        }
    return told


def _is_said_of(instrument: InstrumentTable, key: str) -> bool:
    """Whether that term of a regime's market is one of the instrument."""
    if key == FIXING:
        return PRODUCT_OF[instrument.kind] in (Product.FUTURE, Product.OPTION)
    return key in CALLS or instrument.follows_index()


def _within_hours(calendar: CalendarTable, opens: time, closes: time) -> dict[str, Clock]:
    """The part of the session that lies within the hours, on its first day and its last."""
    first, last = (
        calendar.day if isinstance(at, time) else at.date() for at in (calendar.opens, calendar.closes)
    )
    return {
        "trades_from": max(calendar.opens, datetime.combine(first, opens), key=calendar.instant),
        "trades_until": min(calendar.closes, datetime.combine(last, closes), key=calendar.instant),
    }


def world_under(
    name_or_path: str, regime: RegimeFile, population: int | None = None, *, books: bool = False
) -> World:
    """The world of that scenario as it is under the regime: settled in its asset, by its rules of the market.

    Raises ConfigurationError before anything has happened.
    """
    cash, market = regime.cash, regime.market
    return load_world(name_or_path, population, cash.terms, cash.fallback_asset, market=market, books=books)


def load_world(
    name_or_path: str,
    population: int | None = None,
    cash: SettlementAssetTable | None = None,
    fallback: str | None = None,
    *,
    market: MarketTable | None = None,
    books: bool = False,
) -> World:
    """The world of that scenario, settled in `cash` or in its own coin, checked. Instruments keep their names.

    `gap_move@20` is the scenario with a shock of another magnitude, `gap_move[population.size=80]` with another number.
    `fallback` is a further cash asset that the venue
    keeps, by its shipped profile. `market`: what a regime says of hours, calls and bands. `books`: all are published.
    Raises ConfigurationError before anything has happened.
    """
    scenario, path = read_scenario(name_or_path), scenario_path(name_or_path)
    return world_of(
        scenario, str(path), Path(str(path)).parent, population, cash, fallback, market=market, books=books
    )


def world_of(
    scenario: ScenarioFile,
    file: str,
    folder: Path,
    population: int | None = None,
    cash: SettlementAssetTable | None = None,
    fallback: str | None = None,
    *,
    market: MarketTable | None = None,
    books: bool = False,
) -> World:
    """The world of a scenario whose keys are checked. `file` is how a fault names it, `folder` where its CSV file lies;
    the rest as for `load_world`. Raises ConfigurationError.
    """
    if market is not None:
        scenario = check(
            ScenarioFile, under_market(scenario, market), f"{file}, under the market of the regime"
        )
    if population is not None and not scenario.instruments:
        raise ConfigurationError(file, "population", "has nothing to trade in it", "leave the population out")
    if books:
        scenario = with_books(scenario)
    return with_population(scenario, population).world(folder, cash, fallback)


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ScenarioFile.model_json_schema()}

"""The part of a scenario file that is about the coin as money: its market, and who trades it."""

from datetime import date, time
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from exchange.cash.hours import BankingHours, fault_in_hours
from exchange.cash.terms import BankTerms, CashPriceSource, CashPriceTerms, ReserveClass, ReserveTerms
from exchange.instruments import PAR_PPM, ContractKind, Instrument, fault_in
from exchange.messages import changed
from exchange.units import DAY, MINUTE, SECOND, AssetId, IndexId, InstrumentId, Money, WalletId
from matching.terms import Allocation, ParticipantId
from participants.coin_news import Beliefs
from participants.population import market_maker
from participants.profile import Profile
from participants.strategies.authorised_redeemer import RedeemerTerms
from participants.strategies.coin_maker import CoinMakerTerms
from participants.strategies.running_holder import RunningHolderTerms
from scenarios.config.reading import (
    AssetCode,
    Count,
    Flag,
    Identifier,
    Percent,
    Roubles,
    RoublesOrNothing,
    Table,
    Text,
    WidePercent,
    fault,
)
from scenarios.index_path import midnight_of, seconds_of
from scenarios.world import CoinTraderTerms, HolderPopulation

PPM_IN_BP = 100
KOPECKS = 100

Price = Annotated[Decimal, Field(gt=0, le=10)]  # roubles for one coin
HourOfDay = Annotated[time, Field(strict=True)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=86_400)]
Spread = Annotated[float, Field(ge=0, le=5)]  # deviation of a logarithm
BasisPointsNumber = Annotated[float, Field(ge=0, le=10_000)]
Times = Annotated[float, Field(ge=1, le=1_000)]


class BankRoublesTable(Table):
    """What the coin is traded against: money at a settlement bank. Its issuer pays in it, in the bank's hours."""

    id: AssetCode = "RUB"
    title: Text = "Bank roubles"
    bank: Annotated[Text, Field(description="Say if it is fictional.")]
    finality_seconds: Count = 2
    opens: Annotated[
        HourOfDay | None, Field(description="Monday to Friday; left out, with closes: round the clock.")
    ] = None
    closes: Annotated[HourOfDay | None, Field(description="00:00:00 is the end of the day.")] = None
    holidays: Annotated[
        tuple[Annotated[date, Field(strict=True)], ...],
        Field(description="Other days on which it is closed."),
    ] = ()

    @model_validator(mode="after")
    def _hours_are_whole(self) -> "BankRoublesTable":
        if (self.opens is None) != (self.closes is None):
            raise fault("goes with closes", "give both or neither", at="opens")
        if self.holidays and self.opens is None:
            raise fault("go with opens and closes", "give these too", at="holidays")
        if sentence := fault_in_hours(self._hours()):
            raise fault(f"cannot be: {sentence}", "correct the hours", at="opens")
        return self

    def _hours(self) -> BankingHours | None:
        if self.opens is None or self.closes is None:
            return None
        return BankingHours(
            opens=seconds_of(self.opens),
            closes=seconds_of(self.closes) or DAY,
            holidays=tuple(midnight_of(day) for day in self.holidays),
        )

    def terms(self) -> BankTerms:
        return BankTerms(
            asset_id=AssetId(self.id),
            bank=self.bank,
            venue_wallets=(WalletId(f"venue-{self.id}"),),
            finality=self.finality_seconds * SECOND,
            hours=self._hours(),
        )


class ReserveTable(Table):
    """One part of what stands behind the coin. What is paid in for coins is spread over all parts by their shares."""

    id: Identifier
    custodian: Annotated[Text, Field(description="The bank or custodian that has it.")]
    share_percent: Annotated[Percent, Field(description="Of the reserves.")]
    reserve_class: ReserveClass = ReserveClass.BANK_DEPOSIT
    liquidity_days: Annotated[
        int,
        Field(strict=True, ge=0, le=365, description="Until it is paid when it is sold; 0: money at once."),
    ] = 0

    def terms(self) -> ReserveTerms:
        return ReserveTerms(
            name=self.id,
            reserve_class=self.reserve_class,
            custodian=self.custodian,
            weight_bp=self.share_percent,
            liquidity_days=self.liquidity_days,
        )


class CashPairTable(Table):
    """The coin against bank roubles. No index moves it: its price band is around par, and it never expires."""

    id: Text = "RUBD_RUB"
    lot: Annotated[Count, Field(description="Coins in one lot.")] = 1_000
    tick_rub: Price = Decimal("0.0001")
    floor_rub: Price = Decimal("0.1")
    cap_rub: Price = Decimal("1.5")
    fee_maker_rub: Annotated[RoublesOrNothing, Field(description="Of a lot.")] = 0
    fee_taker_rub: Annotated[RoublesOrNothing, Field(description="Of a lot.")] = 0
    max_quantity: Count = 10_000
    price_band_percent: Percent = 50_00
    protection_percent: Percent = 5_00
    allocation: Allocation = Allocation.PRICE_TIME
    publishes_book: bool = False
    halt_call_seconds: Seconds = 0
    call_extension_seconds: Seconds = 0
    static_band_percent: Percent = 0
    dynamic_band_percent: Percent = 0
    priced_by: Annotated[
        CashPriceSource,
        Field(description="Which price of the coin counts; of several pairs, the first says."),
    ] = CashPriceSource.OWN_BOOK
    price_interval_seconds: Count = 10
    price_width_percent: Annotated[
        Percent, Field(description="A mid counts while bid and ask are no further apart.")
    ] = 2_00

    @model_validator(mode="after")
    def _can_be_listed(self) -> "CashPairTable":
        for key in ("tick_rub", "floor_rub", "cap_rub"):
            self._ppm(key)
        if sentence := fault_in(self.instrument(AssetId("RUBD"), AssetId("RUB"))):
            raise fault(f"cannot be listed: {sentence}", "correct the terms")
        return self

    def instrument(self, coin: AssetId, roubles: AssetId) -> Instrument:
        tick = self._ppm("tick_rub")
        value, rest = divmod(self.lot * KOPECKS * tick, PAR_PPM)
        if rest or not value:
            raise fault(
                "makes a tick of a lot no whole number of kopecks", "choose a larger lot or tick", at="lot"
            )
        return Instrument(
            instrument_id=InstrumentId(self.id),
            kind=ContractKind.CASH_PAIR,
            underlying=IndexId(self.id),
            base=coin,
            cash=roubles,
            lot_units=self.lot * KOPECKS,
            tick=tick,
            tick_value=value,
            floor=self._ticks("floor_rub"),
            cap=self._ticks("cap_rub"),
            reference=PAR_PPM // tick,
            fee_maker=self.fee_maker_rub,
            fee_taker=self.fee_taker_rub,
            max_quantity=self.max_quantity,
            price_band_bp=self.price_band_percent,
            protection_bp=self.protection_percent,
            expiry=0,
            allocation=self.allocation,
            publishes_book=self.publishes_book,
            halt_call=self.halt_call_seconds * SECOND,
            call_extension=self.call_extension_seconds * SECOND,
            static_band_bp=self.static_band_percent,
            dynamic_band_bp=self.dynamic_band_percent,
        )

    def price_terms(self, coin: AssetId) -> CashPriceTerms:
        own = self.priced_by is CashPriceSource.OWN_BOOK
        return CashPriceTerms(
            asset_id=coin,
            source=self.priced_by,
            interval=self.price_interval_seconds * SECOND,
            pair=InstrumentId(self.id) if own else None,
            width_bp=self.price_width_percent,
        )

    def _ppm(self, key: str) -> int:
        ppm = getattr(self, key) * PAR_PPM
        if ppm != int(ppm):
            raise fault("has more than six decimals", "write fewer", at=key)
        return int(ppm)

    def _ticks(self, key: str) -> int:
        ticks, rest = divmod(self._ppm(key), self._ppm("tick_rub"))
        if rest or PAR_PPM % self._ppm("tick_rub"):
            raise fault(
                "is not a whole number of ticks, or par is none", f"use steps of {self.tick_rub}", at=key
            )
        return ticks


class BeliefsTable(Table):
    """What a coin is worth to those who trade it, once there is doubt. Assumptions, or calibrated: the file says."""

    trust_percent: Annotated[
        Percent, Field(description="In whoever says that it stands in for what is stuck.")
    ] = 75_00
    risk_percent: Annotated[
        WidePercent, Field(description="Asked on top of each unit of loss that is expected.")
    ] = 50_00
    wait_percent: Annotated[
        Percent, Field(description="Asked for a wait of unknown length, while nobody can redeem.")
    ] = 50

    def beliefs(self) -> Beliefs:
        return Beliefs(
            trust_ppm=self.trust_percent * PPM_IN_BP,
            risk_ppm=self.risk_percent * PPM_IN_BP,
            wait_ppm=self.wait_percent * PPM_IN_BP,
        )


class _ProfessionalTable(Table):
    """A professional who trades the coin. It enters through the same gate as everyone."""

    id: Identifier
    deposit_rub: Annotated[Roubles, Field(description="Bank roubles that it brings.")]
    coins: Annotated[RoublesOrNothing, Field(description="Coins that it brings beside.")] = 0
    own_funds_rub: Roubles
    attention_seconds: Count = 30

    def _profile(self, reach: Money) -> Profile:
        plain = market_maker(ParticipantId(self.id), deposit=self.deposit_rub, own_funds=self.own_funds_rub)
        return changed(plain, desired_exposure=reach, attention_ns=self.attention_seconds * SECOND)


class CoinMakerTable(_ProfessionalTable):
    """A market maker of the coin."""

    inventory_rub: Annotated[
        Roubles | None, Field(description="How far its coins may go from what it brought; left out: a half.")
    ] = None
    levels: Count = 4
    quantity: Annotated[Count, Field(description="Lots of one level.")] = 50
    spread_bp: BasisPointsNumber = 4.0
    skew_bp: BasisPointsNumber = 10.0
    alarm: Times = 6.0
    absence_minutes: Annotated[Count, Field(description="How long bad news keeps it away.")] = 10

    def coin_terms(self, pair: Instrument, beliefs: Beliefs) -> CoinTraderTerms:
        reach = self.inventory_rub or (self.deposit_rub + self.coins) // 2
        terms = CoinMakerTerms(
            levels=self.levels,
            quantity=self.quantity,
            spread_bp=self.spread_bp,
            skew_bp=self.skew_bp,
            alarm=self.alarm,
            absence_ns=self.absence_minutes * MINUTE,
            beliefs=beliefs,
        )
        return CoinTraderTerms(self._profile(reach), pair, self.coins, terms)


class RedeemerTable(_ProfessionalTable):
    """Somebody who may redeem at the issuer, and does so for the difference."""

    attention_seconds: Count = 60
    cost_bp: BasisPointsNumber = 10.0
    slope_percent: Annotated[
        Percent, Field(description="How much less it bids, redemption shut, when all it has is coins.")
    ] = 3_00
    size_percent: Annotated[Percent, Field(description="Of its capital, in one order.")] = 10_00
    may_mint: Flag = False

    def coin_terms(self, pair: Instrument, beliefs: Beliefs) -> CoinTraderTerms:
        terms = RedeemerTerms(
            cost_ppm=int(self.cost_bp * PPM_IN_BP),
            slope_ppm=self.slope_percent * PPM_IN_BP,
            size_max=self.size_percent / 10_000,
            minter="minter" if self.may_mint else None,
            beliefs=beliefs,
        )
        return CoinTraderTerms(self._profile(self.deposit_rub + self.coins), pair, self.coins, terms)


class HoldersTable(Table):
    """Those who hold the coin as if it were money."""

    count: Annotated[int, Field(strict=True, ge=1, le=100_000)]
    coins: Annotated[Roubles, Field(description="That each brings, on average.")]
    roubles_percent: Annotated[
        Percent, Field(description="Bank roubles that each brings beside, as a share of its coins.")
    ] = 25_00
    dispersion: Annotated[Spread, Field(description="Of the logarithm of what each brings.")] = 1.0
    attention_minutes: Annotated[Count, Field(description="Between two looks in calm, on average.")] = 90
    threshold_spread_percent: Percent = 1_00
    news_percent: Annotated[Percent, Field(description="Who take fright at once, of those who hear.")] = 35_00
    price_percent: Annotated[
        Percent, Field(description="Who take fright at a price below their threshold.")
    ] = 50_00
    calm_percent: Percent = 60_00
    return_percent: Percent = 50_00
    eligible_percent: Annotated[Percent, Field(description="Who may redeem at the issuer.")] = 15_00
    alarm: Count = 4
    steps: Count = 4
    doubt_percent: Percent = 2_00

    def terms(self, pair: Instrument, beliefs: Beliefs) -> HolderPopulation:
        terms = RunningHolderTerms(
            threshold_spread_ppm=self.threshold_spread_percent * PPM_IN_BP,
            news_share=self.news_percent / 10_000,
            price_share=self.price_percent / 10_000,
            calm_share=self.calm_percent / 10_000,
            return_share=self.return_percent / 10_000,
            eligible_share=self.eligible_percent / 10_000,
            alarm=self.alarm,
            steps=self.steps,
            doubt_ppm=self.doubt_percent * PPM_IN_BP,
            beliefs=beliefs,
        )
        return HolderPopulation(
            count=self.count,
            coins=self.coins,
            roubles_share=self.roubles_percent / 10_000,
            dispersion=self.dispersion,
            attention=self.attention_minutes * MINUTE,
            pair=pair,
            terms=terms,
        )

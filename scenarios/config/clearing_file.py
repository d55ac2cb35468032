"""How a venue clears, in TOML: the [clearing] table of a regime file, and the clearing files that ship.

Times of day are UTC. A part of a price or of a margin is percent, an amount roubles, a duration seconds or days.
Whatever margin needs and nobody could guess, its clearings and its waterfall, must be stated.
"""

from datetime import time
from typing import Annotated

from pydantic import Field, model_validator

from exchange.clearing.default_auction import AuctionTerms, fault_in_auction
from exchange.clearing.fund import FundTerms, fault_in_fund
from exchange.clearing.liquidation import LiquidationTerms, fault_in_liquidation
from exchange.clearing.marks import MarkTerms, fault_in_marks
from exchange.clearing.scenario_margin import ScenarioTerms, fault_in_scenarios
from exchange.clearing.terms import (
    ClearingMode,
    ClearingRules,
    ClearingTime,
    VariationKind,
    VariationSchedule,
    fault_in_clearing,
    fault_in_variation,
)
from exchange.clearing.waterfall import Layer, LossOrder, WaterfallTerms, fault_in_waterfall
from exchange.units import DAY, SECOND, Time
from scenarios.config.reading import (
    Flag,
    Percent,
    RoublesOrNothing,
    SignedPercent,
    Table,
    WidePercent,
    fault,
)

Clock = Annotated[time, Field(strict=True)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=31 * 86_400)]
SecondsOrNone = Annotated[int, Field(strict=True, ge=0, le=31 * 86_400)]
Number = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]


def _since_midnight(at: time) -> Time:
    seconds = (at.hour * 60 + at.minute) * 60 + at.second
    return seconds * SECOND + at.microsecond * 1_000


def _refuse(sentence: str | None, *, at: str = "") -> None:
    """Raise what the core finds wrong: its sentence tells the fault first, then the remedy."""
    if sentence is not None:
        problem, _, remedy = sentence.partition("; ")
        raise fault(f"cannot be used: {problem}", remedy or "correct it", at=at)


class ClearingTimeTable(Table):
    """One clearing a day. It pays when it marks, if nothing else is said."""

    marks: Clock
    pays: Clock | None = None
    pays_next_day: Annotated[Flag, Field(description="Whether `pays` is an hour of the next day.")] = False

    @model_validator(mode="after")
    def _pays_after_it_marks(self) -> "ClearingTimeTable":
        pays = self.terms().pays
        if self.pays_next_day and self.pays is None:
            raise fault("has no hour to go with it", "say when it pays: add pays", at="pays_next_day")
        if pays < self.terms().marks:
            raise fault(
                f"is {self.pays}, before it marks at {self.marks}",
                "let it pay later, or add pays_next_day = true",
                at="pays",
            )
        return self

    def terms(self) -> ClearingTime:
        marks = _since_midnight(self.marks)
        pays = marks if self.pays is None else _since_midnight(self.pays) + self.pays_next_day * DAY
        return ClearingTime(marks=marks, pays=pays)


class VariationTable(Table):
    """When what prices have given and taken is reckoned, and when it is paid."""

    kind: VariationKind
    clearings: Annotated[tuple[ClearingTimeTable, ...], Field(min_length=1)]
    working_days_only: Annotated[
        Flag, Field(description="Whether nothing is marked, paid or due on a Saturday or Sunday.")
    ] = False

    @model_validator(mode="after")
    def _can_be_cleared(self) -> "VariationTable":
        for number, clearing in enumerate(self.clearings, 1):
            if self.kind is VariationKind.T_PLUS_ONE and not clearing.pays_next_day:
                raise fault(
                    "pays on the day it marks, but kind is “t_plus_one”",
                    "add pays and pays_next_day = true, or choose kind = “sessions”",
                    at=f"clearings.{number}",
                )
        _refuse(fault_in_variation(self.terms()), at="clearings")
        return self

    def terms(self) -> VariationSchedule:
        return VariationSchedule(
            kind=self.kind,
            clearings=tuple(one.terms() for one in self.clearings),
            working_days_only=self.working_days_only,
        )


class ScenariosTable(Table):
    """The moves against which margin is reckoned."""

    price_range_percent: Percent = 16_00
    price_steps: Number = 9
    volatility_percent: WidePercent = 60_00
    volatility_down_percent: Percent = 30_00
    volatility_up_percent: WidePercent = 45_00
    volatility_power_percent: Annotated[int, Field(strict=True, ge=0, le=100)] = 30
    extreme_moves_percent: tuple[SignedPercent, ...] = (-50_00, -33_00, 50_00, 100_00)
    extreme_share_percent: Percent = 30_00
    maintenance_percent: Annotated[Percent, Field(description="Maintenance margin, of initial margin.")] = (
        75_00
    )
    short_option_minimum_percent: Percent = 0
    concentration_slope_ppb: Number = 50
    concentration_threshold_lots: Number = 10_000
    inter_expiry_percent: Percent = 1_00
    price_range_floor_percent: Percent = 12_00
    range_decay_percent: Percent = 1_00

    @model_validator(mode="after")
    def _makes_sense(self) -> "ScenariosTable":
        if not 0 < self.price_range_percent < 100_00:
            raise fault("must be more than 0 and less than 100", "choose a share", at="price_range_percent")
        if self.price_range_floor_percent > self.price_range_percent:
            raise fault(
                "is more than price_range_percent, to which the range goes at most",
                "lower the one, or raise the other",
                at="price_range_floor_percent",
            )
        if not self.maintenance_percent:
            raise fault("is 0, so nothing would ever be closed", "choose a share", at="maintenance_percent")
        _refuse(fault_in_scenarios(self.terms()))
        return self

    def terms(self) -> ScenarioTerms:
        return ScenarioTerms(
            price_range_bp=self.price_range_percent,
            price_steps=self.price_steps,
            volatility_bp=self.volatility_percent,
            volatility_down_bp=self.volatility_down_percent,
            volatility_up_bp=self.volatility_up_percent,
            volatility_power_percent=self.volatility_power_percent,
            extreme_moves_bp=self.extreme_moves_percent,
            extreme_share_bp=self.extreme_share_percent,
            mm_ratio_bp=self.maintenance_percent,
            short_option_minimum_bp=self.short_option_minimum_percent,
            concentration_slope_ppb=self.concentration_slope_ppb,
            concentration_threshold=self.concentration_threshold_lots,
            inter_expiry_bp=self.inter_expiry_percent,
            price_range_floor_bp=self.price_range_floor_percent,
            range_decay_bp=self.range_decay_percent,
        )


class MarksTable(Table):
    """How the marks of futures are smoothed."""

    observations: Number = 30
    depth_lots: Number = 1_000
    most_premium_percent: Annotated[
        Percent, Field(description="How far a mark may be from the index: 0.5 to 2.")
    ] = 1_00

    @model_validator(mode="after")
    def _makes_sense(self) -> "MarksTable":
        if not 50 <= self.most_premium_percent <= 200:
            raise fault("must be between 0.5 and 2", "choose a share in between", at="most_premium_percent")
        _refuse(fault_in_marks(self.terms()))
        return self

    def terms(self) -> MarkTerms:
        return MarkTerms(
            observations=self.observations, depth=self.depth_lots, most_premium_bp=self.most_premium_percent
        )


class LiquidationTable(Table):
    """How accounts are called upon and cut down."""

    call_deadline_seconds: Seconds = 3_600
    interval_seconds: Annotated[Seconds, Field(description="Between two steps.")] = 60
    step_share_percent: Annotated[Percent, Field(description="Of the position, at most in one step.")] = 10_00
    fee_percent: Annotated[Percent, Field(description="Of what is traded; at most 1.5.")] = 1_50
    slippage_percent: Percent = 0
    backstop_share: Annotated[
        tuple[Number, Number],
        Field(
            description="Below this part of maintenance margin no steps are tried: numerator and denominator."
        ),
    ] = (2, 3)

    @model_validator(mode="after")
    def _makes_sense(self) -> "LiquidationTable":
        if not self.step_share_percent:
            raise fault("is 0, so nothing would ever be closed", "choose a share", at="step_share_percent")
        if self.fee_percent > 1_50:
            raise fault("is more than 1.5, the most that is taken anywhere", "lower it", at="fee_percent")
        _refuse(fault_in_liquidation(self.terms()))
        return self

    def terms(self) -> LiquidationTerms:
        return LiquidationTerms(
            call_deadline=self.call_deadline_seconds * SECOND,
            interval=self.interval_seconds * SECOND,
            step_share_bp=self.step_share_percent,
            fee_bp=self.fee_percent,
            slippage_bp=self.slippage_percent,
            backstop_share=self.backstop_share,
        )


class AuctionTable(Table):
    """How the portfolio of a defaulter is put up."""

    fewest_bidders: Number = 2
    bidding_seconds: Seconds = 3_600

    @model_validator(mode="after")
    def _makes_sense(self) -> "AuctionTable":
        _refuse(fault_in_auction(self.terms()), at="fewest_bidders")
        return self

    def terms(self) -> AuctionTerms:
        return AuctionTerms(fewest_bidders=self.fewest_bidders, bidding=self.bidding_seconds * SECOND)


class FundTable(Table):
    """How the default fund of the members is sized."""

    cover: Annotated[Number, Field(description="For the failure of how many of the largest groups.")] = 2
    minimum_rub: Annotated[RoublesOrNothing, Field(description="The least share of a member.")] = 0
    stress_moves_percent: tuple[SignedPercent, ...] = (-60_00, -37_50, -30_00, 30_00, 100_00)
    grace_seconds: Annotated[
        Seconds, Field(description="For what a member cannot bring at once; later it may only reduce.")
    ] = 86_400

    @model_validator(mode="after")
    def _makes_sense(self) -> "FundTable":
        _refuse(fault_in_fund(self.terms()))
        return self

    def terms(self) -> FundTerms:
        return FundTerms(
            cover=self.cover,
            minimum=self.minimum_rub,
            grace=self.grace_seconds * SECOND,
            stress_moves_bp=self.stress_moves_percent,
        )


_SIZES = {
    LossOrder.DEFAULT_FUND: (
        "skin_in_the_game_rub",
        "second_skin_in_the_game_rub",
        "further_amount_rub",
        "equity_rub",
    ),
    LossOrder.CRYPTO: ("insurance_fund_rub",),
}


class WaterfallTable(Table):
    """Who pays for a default, layer by layer. Every layer is named, and the size of each of the house's."""

    order: LossOrder
    layers: tuple[Layer, ...]
    skin_in_the_game_rub: RoublesOrNothing | None = None
    second_skin_in_the_game_rub: RoublesOrNothing | None = None
    further_amount_rub: Annotated[
        RoublesOrNothing | None, Field(description="Of the house, beside assessments.")
    ] = None
    assessment_cap_percent: Annotated[
        WidePercent, Field(description="Of a contribution, within the capped days.")
    ] = 200_00
    capped_days: Annotated[int, Field(strict=True, ge=1, le=366)] = 28
    gains_haircut_cap_percent: Percent = 100_00
    equity_rub: RoublesOrNothing | None = None
    insurance_fund_rub: Annotated[RoublesOrNothing | None, Field(description="At the start.")] = None

    @model_validator(mode="after")
    def _is_whole(self) -> "WaterfallTable":
        _refuse(fault_in_waterfall(self.terms()), at="layers")
        for order, keys in _SIZES.items():
            for key in keys:
                stated = getattr(self, key) is not None
                if order is self.order and not stated:
                    raise fault(
                        f"is missing, and the {order} order has that layer",
                        "say how large it is; 0 leaves it empty",
                        at=key,
                    )
                if order is not self.order and stated:
                    raise fault(f"is no layer of the {self.order} order", "leave it out", at=key)
        return self

    def terms(self) -> WaterfallTerms:
        return WaterfallTerms(
            order=self.order,
            layers=self.layers,
            skin_in_the_game=self.skin_in_the_game_rub or 0,
            second_skin_in_the_game=self.second_skin_in_the_game_rub or 0,
            further_amount=self.further_amount_rub or 0,
            assessment_cap_bp=self.assessment_cap_percent,
            capped_period=self.capped_days * DAY,
            gains_haircut_cap_bp=self.gains_haircut_cap_percent,
            equity=self.equity_rub or 0,
            insurance_fund=self.insurance_fund_rub or 0,
        )


class ClearingTable(Table):
    """Full cover, or margin with all that it needs beside it."""

    mode: Annotated[
        ClearingMode,
        Field(
            description="full: all that could be lost is paid in; risk: margin, and a waterfall behind it."
        ),
    ] = ClearingMode.FULL
    variation: VariationTable | None = None
    scenarios: ScenariosTable = ScenariosTable()
    marks: MarksTable = MarksTable()
    liquidation: LiquidationTable = LiquidationTable()
    auction: AuctionTable = AuctionTable()
    fund: FundTable = FundTable()
    waterfall: WaterfallTable | None = None
    revaluation_seconds: Annotated[Seconds, Field(description="Between two valuations of all accounts.")] = 60
    revaluation_move_percent: Annotated[
        Percent, Field(description="Of the index: a larger move brings the next valuation at once.")
    ] = 50
    call_level_percent: Annotated[
        Percent, Field(description="Of initial margin; below it money is called.")
    ] = 90_00
    book_steps: Annotated[Number, Field(description="Attempts to close a defaulter on the book.")] = 5
    options_count: Annotated[Flag, Field(description="Whether long options count as equity.")] = True
    brake_seconds: Annotated[
        SecondsOrNone,
        Field(description="No withdrawals for so long after an account was worth less than nothing."),
    ] = 600
    brake_outage_seconds: Annotated[
        SecondsOrNone,
        Field(
            description="Nor while the index is out for longer than this; 0 means that there is no such rule."
        ),
    ] = 300

    @model_validator(mode="after")
    def _makes_sense(self) -> "ClearingTable":
        if self.mode is ClearingMode.FULL:
            for key in self.model_fields_set - {"mode"}:
                raise fault("has no effect under mode = “full”", "remove it, or choose mode = “risk”", at=key)
            return self
        for key in ("variation", "waterfall"):
            if getattr(self, key) is None:
                raise fault(
                    "is missing, and nobody can clear by margin without it",
                    f"add a table [clearing.{key}]",
                    at=key,
                )
        if not self.scenarios.maintenance_percent <= self.call_level_percent:
            raise fault(
                "is below scenarios.maintenance_percent, so money would be called after positions are closed",
                "raise the one, or lower the other",
                at="call_level_percent",
            )
        _refuse(fault_in_clearing(self.rules()))
        return self

    def rules(self) -> ClearingRules:
        if self.variation is None or self.waterfall is None:
            return ClearingRules()
        return ClearingRules(
            mode=self.mode,
            variation=self.variation.terms(),
            scenarios=self.scenarios.terms(),
            marks=self.marks.terms(),
            liquidation=self.liquidation.terms(),
            book_steps=self.book_steps,
            auction=self.auction.terms(),
            fund=self.fund.terms(),
            waterfall=self.waterfall.terms(),
            revaluation=self.revaluation_seconds * SECOND,
            revaluation_move_bp=self.revaluation_move_percent,
            call_level_bp=self.call_level_percent,
            options_count=self.options_count,
            brake=self.brake_seconds * SECOND,
            brake_outage=self.brake_outage_seconds * SECOND,
        )

"""The clearing rules of a regime: full cover or margin, and everything that margin needs beside it."""

from enum import StrEnum

from exchange.clearing.default_auction import AuctionTerms, fault_in_auction
from exchange.clearing.fund import FundTerms, fault_in_fund
from exchange.clearing.liquidation import LiquidationTerms, fault_in_liquidation
from exchange.clearing.marks import MarkTerms, fault_in_marks
from exchange.clearing.scenario_margin import ScenarioTerms, fault_in_scenarios
from exchange.clearing.waterfall import LAYERS, LossOrder, WaterfallTerms, fault_in_waterfall
from exchange.messages import Message
from exchange.units import DAY, HOUR, MINUTE, BasisPoints, Time, weekday

_SATURDAY = 5


class ClearingMode(StrEnum):
    """FULL: both sides pay in all they could ever lose. RISK: they pay margin, and a waterfall stands behind."""

    FULL = "full"
    RISK = "risk"


class VariationKind(StrEnum):
    REALTIME = "realtime"  # unrealised profit counts at once; cash moves at the clearings
    SESSIONS = "sessions"  # profit counts once a clearing has paid it
    T_PLUS_ONE = "t_plus_one"  # marked on one day, paid on the next
    REALISED_ONLY = "realised_only"  # only what was gained or lost on closed positions


class ClearingTime(Message):
    """One clearing a day: when it marks and when it pays, as times since midnight UTC."""

    marks: Time
    pays: Time  # a day or more after midnight if it is paid on the next day


class VariationSchedule(Message):
    kind: VariationKind = VariationKind.SESSIONS
    # 14:00 and 18:50 in Moscow, as there before March 2026
    clearings: tuple[ClearingTime, ...] = (
        ClearingTime(marks=11 * HOUR, pays=11 * HOUR),
        ClearingTime(marks=15 * HOUR + 50 * MINUTE, pays=15 * HOUR + 50 * MINUTE),
    )
    working_days_only: bool = False  # nothing is marked, paid or due on a Saturday or Sunday

    def on_working_day(self, at: Time) -> Time:
        """Then, or at the same hour of Monday if that is a day on which nothing is cleared."""
        while self.working_days_only and weekday(at) >= _SATURDAY:
            at += DAY
        return at

    @property
    def profits_count(self) -> bool:
        """Whether what prices have given since the last clearing counts as equity."""
        return self.kind is VariationKind.REALTIME

    @property
    def realised_only(self) -> bool:
        return self.kind is VariationKind.REALISED_ONLY


class ClearingRules(Message):
    """How a venue clears. Everything below `mode` is for margin alone."""

    mode: ClearingMode = ClearingMode.FULL
    variation: VariationSchedule = VariationSchedule()
    scenarios: ScenarioTerms = ScenarioTerms()
    marks: MarkTerms = MarkTerms()
    liquidation: LiquidationTerms = LiquidationTerms()
    book_steps: int = 5  # attempts to close a defaulter on the book, an interval of liquidation apart
    auction: AuctionTerms = AuctionTerms()
    fund: FundTerms = FundTerms()
    waterfall: WaterfallTerms = WaterfallTerms(
        order=LossOrder.DEFAULT_FUND, layers=LAYERS[LossOrder.DEFAULT_FUND]
    )
    revaluation: Time = MINUTE  # between two valuations of all accounts
    revaluation_move_bp: BasisPoints = 50  # of the index; a larger move brings the next one at once
    call_level_bp: BasisPoints = 9_000  # of initial margin; below it money is called
    options_count: bool = True  # whether long options count as equity at their marks
    brake: Time = 10 * MINUTE  # no withdrawals for so long after an account was worth less than nothing
    brake_outage: Time = 5 * MINUTE  # nor while the index is out for longer than this; 0: never


def fault_in_clearing(rules: ClearingRules) -> str | None:
    """Why nobody can clear by these rules, or None. The remedy is part of the sentence."""
    if rules.mode is ClearingMode.FULL:
        return None
    return (
        fault_in_variation(rules.variation)
        or fault_in_scenarios(rules.scenarios)
        or fault_in_marks(rules.marks)
        or fault_in_liquidation(rules.liquidation)
        or fault_in_fund(rules.fund)
        or fault_in_waterfall(rules.waterfall)
        or fault_in_auction(rules.auction)
        or _fault_in_intervals(rules)
    )


def fault_in_variation(schedule: VariationSchedule) -> str | None:
    """Why variation margin cannot be cleared at these times, or None."""
    if not schedule.clearings:
        return "variation needs a clearing a day or more; name when it marks and when it pays"
    for clearing in schedule.clearings:
        if clearing.pays < clearing.marks:
            return (
                f"a clearing pays at {clearing.pays}, before it marks at {clearing.marks}; let it pay later"
            )
        if not 0 <= clearing.marks < DAY or clearing.pays - clearing.marks > DAY:
            return "a clearing marks within the day, and pays within 24 hours of it"
        if schedule.kind is VariationKind.T_PLUS_ONE and clearing.pays < DAY:
            return "a clearing of t_plus_one pays on the next day; add 24 hours to `pays`, or choose sessions"
    return None


def _fault_in_intervals(rules: ClearingRules) -> str | None:
    if rules.revaluation < 1 or rules.revaluation_move_bp < 1:
        return "revaluation and revaluation_move_bp must be positive"
    if min(rules.brake, rules.brake_outage) < 0:
        return "brake and brake_outage must not be negative; 0 means that there is none"
    if not rules.scenarios.mm_ratio_bp <= rules.call_level_bp <= 10_000:
        return f"call_level_bp must lie between mm_ratio_bp and 10000, not be {rules.call_level_bp}"
    if rules.book_steps < 1:
        return f"book_steps must be one or more, not {rules.book_steps}"
    return None

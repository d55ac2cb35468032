"""Who is let in, how much of what people wish to do they may do and do, and what the rest does instead."""

import numpy as np

from exchange.events import OrderAccepted, OrderRejected
from exchange.reasons import RejectReason
from scenarios.measures.measure import (
    ACCESS,
    BP,
    FROM_ZERO,
    PERCENT,
    Integers,
    RunView,
    Truths,
    measure,
    ratio,
)
from scenarios.measures.outcomes import investors

ACCESS_REASONS = (
    RejectReason.UNKNOWN_PARTICIPANT,
    RejectReason.PARTICIPANT_SUSPENDED,
    RejectReason.SPOT_OUTSIDE_TEST_ENVIRONMENT,
    RejectReason.PRODUCT_NOT_PERMITTED,
    RejectReason.UNDERLYING_NOT_PERMITTED,
    RejectReason.UNDERLYING_WITHHELD,
    RejectReason.COOLING_OFF,
    RejectReason.KNOWLEDGE_TEST_REQUIRED,
)
COVER_REASONS = (
    RejectReason.POSITION_LIMIT,
    RejectReason.ANNUAL_PURCHASES,
    RejectReason.EXPOSURE_LIMIT,
    RejectReason.OWN_FUNDS_COVER,
    RejectReason.MEMBER_CAPACITY,
    RejectReason.VENUE_CAP,
    RejectReason.INSUFFICIENT_CASH,
    RejectReason.INSUFFICIENT_MARGIN,
    RejectReason.INSUFFICIENT_UNITS,
)
OWN_FUNDS_REASONS = (RejectReason.OWN_FUNDS_COVER, RejectReason.MEMBER_CAPACITY)
MARKET_REASONS = tuple(reason for reason in RejectReason if reason not in ACCESS_REASONS + COVER_REASONS)


def refused_share(view: RunView, reasons: tuple[RejectReason, ...]) -> float:
    """Percent of all orders sent that were refused for one of `reasons`."""
    refused = view.table(OrderRejected)["reason"]
    sent = view.table(OrderAccepted)["sequence"].size + refused.size
    return PERCENT * ratio(np.isin(refused.astype(str), [reason.value for reason in reasons]).sum(), sent)


def admitted_percent(view: RunView, among: Truths) -> float:
    return PERCENT * ratio(investors(view, "admitted")[among].sum(), among.sum())


def deciles(view: RunView) -> Integers:
    return np.asarray(investors(view, "wealth_decile"))


@measure(
    ACCESS, "Investors let in", "%",
    formula="investors admitted / investors in the population",
    published_by="Bank of Russia (qualified investors, holders of crypto futures)",
)  # fmt: skip
def admitted_share(view: RunView) -> float:
    return admitted_percent(view, deciles(view) > 0)


@measure(
    ACCESS, "Investors let in, wealthiest tenth", "%",
    formula="the same, of wealth decile 10",
    published_by="rarely published",
)  # fmt: skip
def admitted_top_decile(view: RunView) -> float:
    return admitted_percent(view, deciles(view) == 10)


@measure(
    ACCESS, "Investors let in, less wealthy half", "%",
    formula="the same, of wealth deciles 1 to 5",
    published_by="rarely published",
)  # fmt: skip
def admitted_bottom_half(view: RunView) -> float:
    return admitted_percent(view, deciles(view) <= 5)


@measure(
    ACCESS, "Desired exposure", "RUB",
    formula="sum over investors of the notional each would like to hold",
    published_by="nobody: only a simulation knows wishes",
)  # fmt: skip
def desired_notional(view: RunView) -> float:
    return float(investors(view, "desired_notional").sum())


@measure(
    ACCESS, "Admitted exposure", "RUB",
    formula="sum over admitted investors of min(desired notional, limit on capital at risk)",
    published_by="nobody: only a simulation knows wishes",
)  # fmt: skip
def admitted_notional(view: RunView) -> float:
    return float(investors(view, "admitted_notional").sum())


@measure(
    ACCESS, "Admitted share of desired exposure", "%",
    formula="admitted exposure / desired exposure",
    published_by="nobody: only a simulation knows wishes",
)  # fmt: skip
def admitted_notional_share(view: RunView) -> float:
    return PERCENT * ratio(admitted_notional.function(view), desired_notional.function(view))


@measure(
    ACCESS, "Executed exposure", "RUB",
    formula="sum over investors and instruments of the largest position, at its price (option: strike)",
    published_by="Bank of Russia (holders' net position, by size)",
)  # fmt: skip
def executed_notional(view: RunView) -> float:
    return float(investors(view, "executed_notional").sum())


@measure(
    ACCESS, "Executed share of desired exposure", "%",
    formula="executed exposure / desired exposure",
    published_by="nobody: only a simulation knows wishes",
    span=FROM_ZERO,
)  # fmt: skip
def executed_notional_share(view: RunView) -> float:
    return PERCENT * ratio(executed_notional.function(view), desired_notional.function(view))


@measure(
    ACCESS, "Orders refused for who sent them", "%",
    formula="orders refused because the sender or its class may not trade the product / orders sent",
    published_by="rarely published",
)  # fmt: skip
def orders_refused_access(view: RunView) -> float:
    return refused_share(view, ACCESS_REASONS)


@measure(
    ACCESS, "Orders refused by market rules", "%",
    formula="orders refused for session, price, size, order type or rate of requests / orders sent",
    published_by="rarely published",
)  # fmt: skip
def orders_refused_market(view: RunView) -> float:
    return refused_share(view, MARKET_REASONS)


def _refused(view: RunView) -> float:
    return desired_notional.function(view) - admitted_notional.function(view)


@measure(
    ACCESS, "Refused demand that goes offshore", "RUB",
    formula="(desired - admitted exposure) x the regime's offshore share, an assumption",
    published_by="Bank of Russia (estimates of turnover on foreign venues)",
    better="lower",
)  # fmt: skip
def leaked_offshore(view: RunView) -> float:
    return _refused(view) * view.regime.offshore_share_bp / BP


@measure(
    ACCESS, "Refused demand that waits", "RUB",
    formula="(desired - admitted exposure) x the regime's waiting share, an assumption",
    published_by="nobody",
)  # fmt: skip
def waiting_demand(view: RunView) -> float:
    return _refused(view) * view.regime.waiting_share_bp / BP


@measure(
    ACCESS, "Refused demand that is given up", "RUB",
    formula="desired - admitted exposure, less what goes offshore and what waits",
    published_by="nobody",
)  # fmt: skip
def vanished_demand(view: RunView) -> float:
    return _refused(view) - leaked_offshore.function(view) - waiting_demand.function(view)


MEASURES = (
    admitted_share,
    admitted_top_decile,
    admitted_bottom_half,
    desired_notional,
    admitted_notional,
    admitted_notional_share,
    executed_notional,
    executed_notional_share,
    orders_refused_access,
    orders_refused_market,
    leaked_offshore,
    waiting_demand,
    vanished_demand,
)

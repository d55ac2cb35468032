"""A coin back to roubles: who queues at its issuer and how long, and what stands behind what is out."""

import numpy as np

from exchange.events import (
    CoinsMinted,
    CoinsRedeemed,
    CoinsReissued,
    Event,
    InterestDistributed,
    RedemptionCanceled,
    RedemptionRequested,
    ReservesAttested,
    ReservesCoverSupply,
    ReserveStatusChanged,
    SupplyExceedsReserves,
    WalletWiped,
)
from exchange.units import MINUTE, Time
from scenarios.measures.cash_leg import of_coin, rows
from scenarios.measures.measure import (
    CASH_LEG,
    NAN,
    PERCENT,
    ROUBLE,
    Floats,
    Integers,
    RunView,
    mean,
    measure,
    once,
)
from scenarios.measures.reading import Path

SUPPLY_TOLD: tuple[type[Event], ...] = (
    CoinsMinted,
    CoinsRedeemed,
    CoinsReissued,
    InterestDistributed,
    WalletWiped,
)
RATIO_TOLD: tuple[type[Event], ...] = (ReservesAttested, SupplyExceedsReserves, ReservesCoverSupply)


def is_coin(view: RunView) -> bool:
    """Whether the settlement asset has an issuer that minted some of it."""
    return bool(of_coin(view, view.table(CoinsMinted))["time"].size)


@measure(
    CASH_LEG, "Coins redeemed", "RUB",
    formula="sum of coins handed back to the issuer for bank roubles; none of bank money",
    published_by="issuers, in reserve reports",
)  # fmt: skip
def coins_redeemed(view: RunView) -> float:
    redeemed = of_coin(view, view.table(CoinsRedeemed))["amount"]
    return float(redeemed.sum() / ROUBLE) if is_coin(view) else NAN


@once
def queue_path(view: RunView) -> Path:
    """Kopecks of coins handed in and not yet paid for; what is paid in the same instant never waited."""
    steps = [
        (table["time"], sign * table["amount"])
        for kind, sign in ((RedemptionRequested, 1), (CoinsRedeemed, -1), (RedemptionCanceled, -1))
        for whole in [of_coin(view, view.table(kind))]
        for table in [{name: column[whole["ticket_id"] > 0] for name, column in whole.items()}]
    ]
    times = np.concatenate([time for time, _ in steps])
    amounts = np.concatenate([amount for _, amount in steps])
    order = np.argsort(times, kind="stable")
    marks, last = np.unique(times[order][::-1], return_index=True)
    queued = np.cumsum(amounts[order])[times.size - 1 - last]
    start = np.iinfo(np.int64).min
    return Path(np.append(start, marks).astype(np.int64), np.append(0.0, queued))


@measure(
    CASH_LEG, "Peak redemption queue", "RUB",
    formula="largest amount of coins handed in to the issuer and not paid for",
    published_by="issuers; liquidators (claims lodged)",
    better="lower",
)  # fmt: skip
def redemption_queue_peak(view: RunView) -> float:
    return float(queue_path(view).value.max()) / ROUBLE if is_coin(view) else NAN


@measure(
    CASH_LEG, "Mean wait of a redemption", "minutes",
    formula="mean over tickets of (last payment - request); one that is not paid whole counts to the close, "
    "one that is taken back up to then",
    published_by="issuers (redemption times); CPMI-IOSCO guidance on stablecoins",
    better="lower",
)  # fmt: skip
def redemption_wait(view: RunView) -> float:
    waiting: dict[int, int] = {}
    asked: dict[int, Time] = {}
    ended: dict[int, Time] = {}
    requested = of_coin(view, view.table(RedemptionRequested))
    for ticket, time, amount in rows(requested, "ticket_id", "time", "amount"):
        waiting[ticket], asked[ticket] = amount, time
    for kind in (CoinsRedeemed, RedemptionCanceled):
        for ticket, time, amount in rows(of_coin(view, view.table(kind)), "ticket_id", "time", "amount"):
            if ticket in waiting:
                waiting[ticket] -= amount
                ended[ticket] = max(time, ended.get(ticket, time))
    waits = [
        float((view.closes if left else ended[ticket]) - asked[ticket])
        for ticket, left in waiting.items()
        if asked[ticket] <= view.closes
    ]
    return mean(np.array(waits)) / MINUTE


@once
def supply_path(view: RunView) -> tuple[Integers, Floats]:
    """Sequence, and coins out from then on, in kopecks."""
    tables = [of_coin(view, view.table(kind)) for kind in SUPPLY_TOLD]
    sequence = np.concatenate([table["sequence"] for table in tables])
    supply = np.concatenate([table["supply"] for table in tables]).astype(float)
    order = np.argsort(sequence)
    return sequence[order], supply[order]


def _lowest_ratio(view: RunView, kinds: tuple[type[Event], ...], column: str) -> float:
    """The lowest that was told; 100 of a coin of which nothing was told: every coin was minted against roubles."""
    if not is_coin(view):
        return NAN
    lowest = 1.0
    for kind in kinds:
        table = of_coin(view, view.table(kind))
        supply = table["supply"].astype(float) if "supply" in table else _supply_at(view, table["sequence"])
        known = supply > 0
        lowest = min([lowest, *(table[column][known] / supply[known]).tolist()])
    return PERCENT * lowest


def _supply_at(view: RunView, when: Integers) -> Floats:
    sequence, supply = supply_path(view)
    return Path(sequence, supply).at(when, 0.0)


@measure(
    CASH_LEG, "Lowest reserve ratio", "%",
    formula="smallest reserves on the issuer's books / coins out, of what was told; at most 100; none of bank money",
    published_by="issuers and their auditors (attestations)",
    better="higher",
)  # fmt: skip
def lowest_reserve_ratio(view: RunView) -> float:
    return _lowest_ratio(view, RATIO_TOLD, "book")


@measure(
    CASH_LEG, "Lowest share of reserves within reach", "%",
    formula="smallest reserves neither lost nor stuck / coins out, when either was told; at most 100",
    published_by="issuers, when a bank of theirs fails",
    better="higher",
)  # fmt: skip
def lowest_accessible_ratio(view: RunView) -> float:
    return _lowest_ratio(view, (ReservesAttested, ReserveStatusChanged), "accessible")


MEASURES = (
    coins_redeemed,
    redemption_queue_peak,
    redemption_wait,
    lowest_reserve_ratio,
    lowest_accessible_ratio,
)

"""Whether people can get their money out: frozen balances, withdrawals, redemptions of the settlement coin.

A request is blocked if a gate, a freeze, a pause or missing reserves stopped it, or if the issuer's ledger
sent it back. A request for more than one owns is the asker's own mistake, and is not counted.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from exchange.clearing.denomination import Denomination
from exchange.commands import WithdrawCash
from exchange.events import (
    CashDeposited,
    CashPriced,
    CashRequestRejected,
    ClaimSettled,
    CustodyGated,
    CustodyReopened,
    LossAllocated,
    VariationPaid,
    WithdrawalCompleted,
    WithdrawalRequested,
    WithdrawalReturned,
)
from exchange.reasons import CashRefusal
from exchange.units import HOUR, MINUTE, Time
from scenarios.measures.measure import (
    CASH_LEG,
    NAN,
    PERCENT,
    ROUBLE,
    SIGNED,
    Columns,
    Floats,
    RunView,
    mean,
    measure,
    once,
    ratio,
    weighted_mean,
)
from scenarios.measures.reading import Path, stretches

BLOCKING = (
    CashRefusal.ISSUER_PAUSED,
    CashRefusal.WALLET_FROZEN,
    CashRefusal.PARTICIPANT_FROZEN,
    CashRefusal.GATED,
    CashRefusal.INSUFFICIENT_RESERVES,
)

ASKED = ("sequence", "time", "participant_id", "amount")


class Request(NamedTuple):
    """One wish to withdraw, when it was made. `withdrawal_id` is None if it was refused at once."""

    sequence: int
    time: Time
    participant_id: str
    amount: int
    withdrawal_id: int | None
    blocked: bool


def of_coin(view: RunView, table: Columns) -> Columns:
    """The rows of the regime's settlement coin."""
    return of_asset(table, view.regime.cash.settlement_asset)


def of_asset(table: Columns, asset_id: str) -> Columns:
    """The rows of one cash asset."""
    mine = table["asset_id"] == asset_id
    return {name: column[mine] for name, column in table.items()}


def rows(table: Columns, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a short table as plain values."""
    return zip(*(table[column].tolist() for column in columns), strict=True)


@once
def requests(view: RunView) -> list[Request]:
    """In the order of the record."""
    returned = set(view.table(WithdrawalReturned)["withdrawal_id"].tolist())
    accepted = of_coin(view, view.table(WithdrawalRequested))
    refused = of_coin(view, view.table(CashRequestRejected))
    found = [
        Request(sequence, time, who, amount, withdrawal_id, withdrawal_id in returned)
        for sequence, time, who, amount, withdrawal_id in rows(accepted, *ASKED, "withdrawal_id")
    ]
    found += [
        Request(sequence, time, who, amount, None, True)
        for sequence, time, who, amount, request, reason in rows(refused, *ASKED, "request", "reason")
        if request == WithdrawCash.__name__ and reason in BLOCKING
    ]
    return sorted(found)


@once
def completed(view: RunView) -> Columns:
    return of_coin(view, view.table(WithdrawalCompleted))


def asked_amounts(view: RunView, begins: Time, ends: Time) -> dict[str, int]:
    """What each participant asked for between two times, in kopecks.

    A blocked request is often repeated, so of the blocked ones only the largest counts, and only where it is
    more than all that went through.
    """
    passed: dict[str, int] = {}
    blocked: dict[str, int] = {}
    for request in requests(view):
        if begins <= request.time <= ends:
            who = request.participant_id
            if request.blocked:
                blocked[who] = max(blocked.get(who, 0), request.amount)
            else:
                passed[who] = passed.get(who, 0) + request.amount
    return {who: max(passed.get(who, 0), blocked.get(who, 0)) for who in passed | blocked}


def _got_share(view: RunView, begins: Time, ends: Time) -> float:
    """Percent of what was asked for between two times that had also arrived by the end."""
    asked = asked_amounts(view, begins, ends)
    asked_then = {
        r.withdrawal_id for r in requests(view) if begins <= r.time <= ends and r.withdrawal_id is not None
    }
    arrived = sum(
        amount
        for withdrawal_id, time, amount in rows(completed(view), "withdrawal_id", "time", "amount")
        if withdrawal_id in asked_then and time <= ends
    )
    return PERCENT * ratio(arrived, sum(asked.values()))


@once
def waits(view: RunView) -> Floats:
    """Minutes from a participant's first request since its last arrival to the next, or to the close."""
    asked = {r.withdrawal_id: r.time for r in requests(view) if r.withdrawal_id is not None}
    steps = [*rows(completed(view), "sequence", "time", "participant_id", "withdrawal_id")]
    steps += [(r.sequence, r.time, r.participant_id, None) for r in requests(view)]
    since: dict[str, Time] = {}
    found: list[Time] = []
    for _, time, who, arrived in sorted(steps, key=lambda step: step[0]):
        if time > view.closes:
            break
        if arrived is None:
            since.setdefault(who, time)
        else:
            found.append(time - since.pop(who, asked.get(arrived, time)))
    found += [view.closes - time for time in since.values()]
    return np.array(found, dtype=float) / MINUTE


@once
def frozen_path(view: RunView) -> Path:
    """Share of the venue's coins that cannot move, by its latest statement; none before the first."""
    gated, reopened = of_coin(view, view.table(CustodyGated)), of_coin(view, view.table(CustodyReopened))
    held = gated["mobile"] + gated["frozen"]
    share = np.divide(gated["frozen"], held, out=np.zeros(held.size), where=held > 0)
    order = np.argsort(np.concatenate([gated["sequence"], reopened["sequence"]]))
    times = np.concatenate(
        [[np.iinfo(np.int64).min], np.concatenate([gated["time"], reopened["time"]])[order]]
    )
    values = np.concatenate([[0.0], np.concatenate([share, np.zeros(reopened["time"].size)])[order]])
    return Path(times, values)


def freeze_time(view: RunView) -> Time | None:
    """When the first of the venue's coins was frozen."""
    times = of_coin(view, view.table(CustodyGated))["time"]
    return int(times[0]) if times.size else None


@measure(
    CASH_LEG, "Balances frozen", "%",
    formula="mean over time of frozen / (mobile + frozen) coins in the venue's wallets, as last stated",
    published_by="issuers (frozen addresses and amounts)",
    better="lower",
)  # fmt: skip
def frozen_share(view: RunView) -> float:
    shares, lengths = stretches(frozen_path(view), view.opens, view.closes)
    return PERCENT * weighted_mean(shares, lengths.astype(float))


@measure(
    CASH_LEG, "Lowest mobile share of balances", "%",
    formula="smallest mobile / (mobile + frozen) coins that the venue stated; 100 without a freeze",
    published_by="issuers and venues, after a freeze",
    better="higher",
)  # fmt: skip
def lowest_mobile_share(view: RunView) -> float:
    return float(PERCENT * (1 - frozen_path(view).value.max()))


@measure(
    CASH_LEG, "Withdrawal requests blocked", "%",
    formula="requests stopped by gate, freeze, pause or reserves / requests within the asker's means",
    published_by="venues and issuers, after a freeze",
    better="lower",
)  # fmt: skip
def withdrawals_blocked(view: RunView) -> float:
    return PERCENT * ratio(sum(request.blocked for request in requests(view)), len(requests(view)))


@measure(
    CASH_LEG, "Withdrawals completed", "%",
    formula="amount that arrived / amount asked for (of repeated blocked requests the largest counts)",
    published_by="issuers (redemptions met)",
    better="higher",
)  # fmt: skip
def withdrawals_completed(view: RunView) -> float:
    return _got_share(view, view.opens, view.closes)


@measure(
    CASH_LEG, "Mean wait of a withdrawal", "minutes",
    formula="mean of (arrival - first request since the last one); who still waits counts to the close",
    published_by="issuers (redemption times); CPMI-IOSCO guidance on stablecoins",
    better="lower",
)  # fmt: skip
def withdrawal_wait(view: RunView) -> float:
    return mean(waits(view))


@measure(
    CASH_LEG, "Holders who tried to leave after the freeze", "%",
    formula="depositors who asked to withdraw after the first freeze / depositors before it",
    published_by="central banks, in studies of runs",
    better="lower",
)  # fmt: skip
def holders_leaving(view: RunView) -> float:
    frozen_at = freeze_time(view)
    if frozen_at is None:
        return NAN
    deposits = of_coin(view, view.table(CashDeposited))
    holders = set(deposits["participant_id"][deposits["time"] < frozen_at].tolist())
    leaving = {request.participant_id for request in requests(view) if request.time >= frozen_at}
    return PERCENT * ratio(len(holders & leaving), len(holders))


@measure(
    CASH_LEG, "Moved within an hour of the freeze", "%",
    formula="amount that arrived within an hour of the first freeze / amount asked for within that hour",
    published_by="rarely published",
    better="higher",
)  # fmt: skip
def moved_within_hour(view: RunView) -> float:
    frozen_at = freeze_time(view)
    return NAN if frozen_at is None else _got_share(view, frozen_at, frozen_at + HOUR)


@measure(
    CASH_LEG, "Coins destroyed at holders' cost", "RUB",
    formula="sum of the holders' parts in losses of the coins themselves",
    published_by="issuers and liquidators",
    better="lower",
)  # fmt: skip
def coins_lost(view: RunView) -> float:
    return float(of_coin(view, view.table(LossAllocated))["holders"].sum() / ROUBLE)


PAR_PPM = 1_000_000


@once
def price_path(view: RunView) -> Path:
    """What the settlement asset trades at, in millionths of par, by its latest report; par before the first."""
    priced = of_coin(view, view.table(CashPriced))
    times = np.concatenate([[np.iinfo(np.int64).min], priced["time"]])
    return Path(times, np.concatenate([[float(PAR_PPM)], priced["price_ppm"].astype(float)]))


@measure(
    CASH_LEG, "Deepest discount to par", "%",
    formula="largest 1 - reported price / par; 0 if none was below it",
    published_by="venues and data vendors",
    better="lower",
)  # fmt: skip
def peak_discount(view: RunView) -> float:
    return float(PERCENT * max(1 - price_path(view).value.min() / PAR_PPM, 0.0))


@measure(
    CASH_LEG, "Mean discount to par", "%",
    formula="mean over time of max(1 - price / par, 0), by the latest report; par before the first",
    published_by="data vendors and central banks, in studies of stablecoins",
    better="lower",
)  # fmt: skip
def mean_discount(view: RunView) -> float:
    prices, lengths = stretches(price_path(view), view.opens, view.closes)
    discount = np.maximum(1 - prices / PAR_PPM, 0.0)
    return PERCENT * weighted_mean(discount, lengths.astype(float))


@measure(
    CASH_LEG, "Real value lost by who was paid to who paid", "RUB",
    formula="sum of gains that were settled x (1 - price / par) then; 0 where debts are worth roubles",
    published_by="rarely published",
    span=SIGNED,
)  # fmt: skip
def real_value_transfer(view: RunView) -> float:
    if view.regime.cash.denomination is Denomination.FIAT_VALUE:
        return 0.0
    lost = 0.0
    paid = of_coin(view, view.table(VariationPaid))
    settled = view.table(ClaimSettled)
    for times, amounts in ((paid["time"], paid["amount"]), (settled["time"], settled["gain"])):
        won = amounts > 0
        below = 1 - price_path(view).at(times[won]) / PAR_PPM
        lost += float((amounts[won] * below).sum())
    return lost / ROUBLE


MEASURES = (
    frozen_share,
    lowest_mobile_share,
    withdrawals_blocked,
    withdrawals_completed,
    withdrawal_wait,
    holders_leaving,
    moved_within_hour,
    coins_lost,
    peak_discount,
    mean_discount,
    real_value_transfer,
)

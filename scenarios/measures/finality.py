"""When a delivery against payment is final, on the venue's books and on the ledger of who keeps the money."""

import numpy as np

from exchange.events import (
    CustodySwept,
    Event,
    InstructionPartlySettled,
    InstructionSettled,
    SettlementCycleCompleted,
)
from exchange.units import MINUTE, SECOND, Time
from scenarios.measures.cash_leg import of_coin
from scenarios.measures.measure import CASH_LEG, NAN, PERCENT, RunView, mean, measure, once, ratio
from scenarios.measures.reading import Path, stretches

SETTLED: tuple[type[Event], ...] = (InstructionSettled, InstructionPartlySettled)


@once
def settlements(view: RunView) -> list[tuple[Time, Time, float | None]]:
    """Entry, finality on the venue's books and on the keepers' ledgers, of each part that settled once.

    The last is None where no money moved, and nan where nobody could say when.
    """
    found: dict[tuple[int, int], tuple[Time, Time, float | None]] = {}
    for kind in SETTLED:
        for entry in view.record.entries(kind):
            told = entry.event
            assert isinstance(told, InstructionSettled | InstructionPartlySettled)
            outside = told.issuer_final_at
            last = None if not told.legs and outside is None else NAN if outside is None else float(outside)
            found[told.instruction_id, told.cycle_id] = (told.entered_at, told.final_at, last)
    return sorted(found.values(), key=lambda stamps: stamps[:2])


@measure(
    CASH_LEG, "Settlement fails", "%",
    formula="1 - instructions that settled whole in their cycle / instructions due in it, over all cycles",
    published_by="central securities depositories (CSDR settlement fails)",
    better="lower",
)  # fmt: skip
def settlement_fails(view: RunView) -> float:
    cycles = view.table(SettlementCycleCompleted)
    return PERCENT * ratio(cycles["due"].sum() - cycles["settled"].sum(), cycles["due"].sum())


@measure(
    CASH_LEG, "Settlement delay", "minutes",
    formula="mean over what settled whole of (finality - the later of matching and the intended time)",
    published_by="central securities depositories",
    better="lower",
)  # fmt: skip
def settlement_delay(view: RunView) -> float:
    cycles = view.table(SettlementCycleCompleted)
    return ratio((cycles["settled"] * cycles["mean_wait"]).sum(), cycles["settled"].sum()) / MINUTE


@measure(
    CASH_LEG, "Time to finality on the venue's books", "seconds",
    formula="mean over settled instructions of (final on the venue's books - entered)",
    published_by="payment and settlement systems (PFMI principle 8)",
    better="lower",
)  # fmt: skip
def finality_internal(view: RunView) -> float:
    return mean(np.array([float(final - entered) for entered, final, _ in settlements(view)])) / SECOND


@measure(
    CASH_LEG, "Time to finality on the keeper's ledger", "seconds",
    formula="mean over settled instructions with money of (the later of both finalities - entered); unknown left out",
    published_by="payment and settlement systems (PFMI principle 8)",
    better="lower",
)  # fmt: skip
def finality_external(view: RunView) -> float:
    waits = [max(last, final) - entered for entered, final, last in settlements(view) if last is not None]
    return mean(np.array(waits, dtype=float)) / SECOND


@measure(
    CASH_LEG, "Time in which books and keeper disagreed", "%",
    formula="time in which a delivery was final on the venue's books and its money could not be on the keeper's "
    "ledger yet, or money due in own wallets was unswept / time; where "
    "anything was delivered or swept",
    published_by="nobody",
    better="lower",
)  # fmt: skip
def books_disagree(view: RunView) -> float:
    swept = of_coin(view, view.table(CustodySwept))
    if not settlements(view) and not swept["time"].size:
        return NAN
    marks: list[tuple[float, int]] = []
    for _, final, last in settlements(view):
        if last is not None and not last <= final:
            until = float(view.closes) if np.isnan(last) else last
            marks += [(float(final), 1), (max(until, float(final)), -1)]
    marks.sort()
    open_now = np.cumsum([step for _, step in marks])
    times = np.array([np.iinfo(np.int64).min, *(time for time, _ in marks)]).astype(np.int64)
    deliveries = Path(times, np.concatenate([[0.0], open_now > 0]))
    wallets = Path(np.append(times[:1], swept["time"]), np.append(0.0, swept["unswept"] > 0).astype(float))
    both = np.unique(np.concatenate([deliveries.time, wallets.time]))
    values, lengths = stretches(
        Path(both, np.maximum(deliveries.at(both), wallets.at(both))), view.opens, view.closes
    )
    return PERCENT * ratio(lengths[values > 0].sum(), lengths.sum())


@measure(
    CASH_LEG, "Netting efficiency", "%",
    formula="1 - sum of net debits through the house / sum of gross payments, over all cycles, in settlement money",
    published_by="clearing houses and settlement systems (CLS, CPMI statistics)",
    better="higher",
)  # fmt: skip
def netting_efficiency(view: RunView) -> float:
    asset_id = view.regime.cash.settlement_asset
    gross = net = 0
    for entry in view.record.entries(SettlementCycleCompleted):
        assert isinstance(entry.event, SettlementCycleCompleted)
        for sheet in entry.event.assets:
            if sheet.asset_id == asset_id:
                gross, net = gross + sheet.gross, net + sheet.multilateral
    return PERCENT * (1 - ratio(net, gross))


MEASURES = (
    settlement_fails,
    settlement_delay,
    finality_internal,
    finality_external,
    books_disagree,
    netting_efficiency,
)

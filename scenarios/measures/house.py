"""What cover costs, what the house earns, and whether anything ever stood uncovered."""

import numpy as np

from exchange.events import BooksAudited, BucketSettled, LossAllocated
from exchange.units import MINUTE
from scenarios.measures.access import COVER_REASONS, refused_share
from scenarios.measures.measure import HOUSE, NAN, ROUBLE, Floats, RunView, mean, measure, ratio
from scenarios.measures.reading import (
    as_of,
    changes,
    claims,
    every_claim,
    fills,
    grid,
    locked_at,
    open_notional,
)


@measure(
    HOUSE, "Collateral per rouble of open interest", "RUB per RUB",
    formula="mean over minutes of collateral that the claims need / mean of open interest at the index",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: margin held)",
    better="lower",
)  # fmt: skip
def collateral_per_open_interest(view: RunView) -> float:
    minutes = grid(view, MINUTE)
    return ratio(locked_at(view, minutes).sum(), open_notional(view, minutes).sum())


@measure(
    HOUSE, "Peak collateral locked", "RUB",
    formula="largest sum over holders of the worst each can still lose, from the fills",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: peak margin)",
)  # fmt: skip
def locked_peak(view: RunView) -> float:
    return float(locked_at(view, changes(claims(view))).max(initial=0.0) / ROUBLE)


@measure(
    HOUSE, "Peak uncovered exposure", "RUB",
    formula="largest, over audits and settlements, of (worst loss of all holders, from the fills - escrow, "
    "from the ledger), or 0 if escrow is never less",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: margin shortfall)",
    better="lower",
)  # fmt: skip
def uncovered_peak(view: RunView) -> float:
    gaps = np.concatenate([_gaps_at_audits(view), _gaps_at_settlements(view)])
    return float(max(0.0, gaps.max()) / ROUBLE) if gaps.size else NAN


def _gaps_at_audits(view: RunView) -> Floats:
    audits = view.table(BooksAudited)
    needed = np.zeros(audits["sequence"].size)
    for bucket in claims(view):
        needed += as_of(bucket.sequence, bucket.locked, audits["sequence"], 0.0)
    return np.asarray(needed - audits["escrow"])


def _gaps_at_settlements(view: RunView) -> Floats:
    """What each bucket needed just before it was paid out, less the pool that was there to pay it."""
    table = view.table(BucketSettled)
    pool = dict(zip(table["bucket_id"], table["pool"].tolist(), strict=True))
    return np.array(
        [
            bucket.locked[-2] - pool[bucket.bucket_id]
            for bucket in claims(view)
            if bucket.bucket_id in pool and bucket.locked.size > 1
        ],
        dtype=float,
    )


@measure(
    HOUSE, "Fees earned", "RUB",
    formula="sum of the fees of all fills",
    published_by="exchanges, in their accounts",
)  # fmt: skip
def fees_earned(view: RunView) -> float:
    return float(fills(view).fee.sum() / ROUBLE)


@measure(
    HOUSE, "Orders refused for cover", "%",
    formula="orders refused for want of cash or own funds, or by an exposure limit / orders sent",
    published_by="rarely published",
)  # fmt: skip
def orders_refused_cover(view: RunView) -> float:
    return refused_share(view, COVER_REASONS)


@measure(
    HOUSE, "Wait for settlement", "minutes",
    formula="mean over settled buckets of (time paid out - expiry)",
    published_by="rarely published",
    better="lower",
)  # fmt: skip
def settlement_wait(view: RunView) -> float:
    expiry = {claim.terms.bucket_id: claim.terms.expiry for claim in every_claim(view)}
    table = view.table(BucketSettled)
    waits = [
        (time - expiry[bucket]) / MINUTE
        for bucket, time in zip(table["bucket_id"], table["time"], strict=True)
    ]
    return mean(np.array(waits, dtype=float))


@measure(
    HOUSE, "House's own layer used", "RUB",
    formula="part of destroyed coins borne by the house before the holders",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: use of own resources)",
    better="lower",
)  # fmt: skip
def own_layer_used(view: RunView) -> float:
    return float(view.table(LossAllocated)["house"].sum() / ROUBLE)


MEASURES = (
    collateral_per_open_interest,
    locked_peak,
    uncovered_peak,
    fees_earned,
    orders_refused_cover,
    settlement_wait,
    own_layer_used,
)

"""What cover costs, what the house earns, and whether anything ever stood uncovered."""

import numpy as np

from exchange.clearing.terms import ClearingMode
from exchange.events import (
    AccountsValued,
    BooksAudited,
    BucketSettled,
    Event,
    FundSized,
    Layer,
    LayerUsed,
    LossAllocated,
    PositionTierPassed,
    SoftCapPassed,
    VariationCleared,
)
from exchange.units import MINUTE
from scenarios.measures.access import COVER_REASONS, OWN_FUNDS_REASONS, refused_share
from scenarios.measures.measure import (
    FROM_ZERO,
    HOUSE,
    NAN,
    PERCENT,
    ROUBLE,
    SIGNED,
    Floats,
    Integers,
    RunView,
    mean,
    measure,
    ratio,
)
from scenarios.measures.reading import (
    as_of,
    changes,
    claims,
    every_claim,
    fills,
    grid,
    locked_at,
    open_notional,
    settled_at,
)


def _margined(view: RunView) -> bool:
    return view.regime.clearing.mode is ClearingMode.RISK


def tied_at(view: RunView, when: Integers) -> Floats:
    """Kopecks that participants have at the house for their positions, and members in the default fund.

    Under full cover it is what claims need, from the fills; with margin it is what the house told at its valuations.
    """
    if not _margined(view):
        return locked_at(view, when)
    margin, fund = view.table(AccountsValued), view.table(FundSized)
    return as_of(margin["time"], margin["collateral"], when, 0.0) + as_of(
        fund["time"], fund["paid_in"], when, 0.0
    )


@measure(
    HOUSE, "Collateral per rouble of open interest", "RUB per RUB",
    formula="mean over minutes of collateral (what the claims need; with margin, what is posted and paid into the "
    "default fund) / mean of open interest at the index",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: margin held)",
    better="lower",
)  # fmt: skip
def collateral_per_open_interest(view: RunView) -> float:
    minutes = grid(view, MINUTE)
    return ratio(tied_at(view, minutes).sum(), open_notional(view, minutes).sum())


@measure(
    HOUSE, "Capital tied up", "RUB",
    formula="mean over minutes of the same collateral",
    published_by="rarely published",
    better="lower",
)  # fmt: skip
def capital_tied_up(view: RunView) -> float:
    return mean(tied_at(view, grid(view, MINUTE))) / ROUBLE


@measure(
    HOUSE, "Peak collateral locked", "RUB",
    formula="largest sum over holders of the worst each can still lose, from the fills; with margin, the most that "
    "is posted and in the default fund at one time",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: peak margin)",
)  # fmt: skip
def locked_peak(view: RunView) -> float:
    if _margined(view):
        when = np.concatenate([view.table(kind)["time"] for kind in (AccountsValued, FundSized)])
    else:
        when = changes(claims(view))
    return float(tied_at(view, when).max(initial=0.0) / ROUBLE)


@measure(
    HOUSE, "Peak uncovered exposure", "RUB",
    formula="largest, over audits and settlements, of (worst loss of all holders, from the fills - escrow, "
    "from the ledger), or 0 if escrow is never less; with margin, the largest sum over accounts of losses not "
    "collected yet beyond their collateral",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: margin shortfall)",
    better="lower",
)  # fmt: skip
def uncovered_peak(view: RunView) -> float:
    if _margined(view):
        uncovered = view.table(AccountsValued)["uncovered"]
        return float(uncovered.max() / ROUBLE) if uncovered.size else NAN
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
    span=SIGNED,
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
    HOUSE, "Orders refused for own funds of intermediaries", "%",
    formula="orders refused because own funds, of the sender or of its clearing member, do not bear them / orders sent",
    published_by="rarely published",
)  # fmt: skip
def orders_refused_own_funds(view: RunView) -> float:
    return refused_share(view, OWN_FUNDS_REASONS)


def _times_passed(view: RunView, kind: type[Event], has_line: bool) -> float:
    """How often it happened; nan under a regime that draws no line which could be passed."""
    times = view.table(kind)["sequence"].size
    return float(times) if times or has_line else NAN


@measure(
    HOUSE, "Soft caps passed", "times",
    formula="how often an institution's capital at risk, with that of its clients, went beyond its soft cap; "
    "of a regime with one",
    published_by="rarely published (supervisors are told)",
    better="lower",
)  # fmt: skip
def soft_caps_passed(view: RunView) -> float:
    return _times_passed(view, SoftCapPassed, view.regime.institutions.soft_cap_bp is not None)


@measure(
    HOUSE, "Position tiers passed", "times",
    formula="how often a trade took somebody's position on a coin beyond a tier of the regime's position limit; of "
    "a regime with one",
    published_by="rarely published (supervisors are told)",
    better="lower",
)  # fmt: skip
def position_tiers_passed(view: RunView) -> float:
    return _times_passed(view, PositionTierPassed, bool(view.regime.position_limits))


@measure(
    HOUSE, "Wait for settlement", "minutes",
    formula="mean over buckets settled at their expiry or later of (time paid out - expiry)",
    published_by="rarely published",
    better="lower",
)  # fmt: skip
def settlement_wait(view: RunView) -> float:
    expiry: dict[str, int] = {claim.terms.bucket_id: claim.terms.expiry for claim in every_claim(view)}
    waits = [
        (time - expiry[bucket]) / MINUTE
        for bucket, (_, time) in settled_at(view).items()
        if bucket in expiry and time >= expiry[bucket]
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


@measure(
    HOUSE, "Margin in use", "%",
    formula="mean over minutes of initial margin / collateral at the house, from its valuations; with margin only",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: margin required and held)",
    span=FROM_ZERO,
)  # fmt: skip
def margin_utilisation(view: RunView) -> float:
    told, minutes = view.table(AccountsValued), grid(view, MINUTE)
    initial, held = (as_of(told["time"], told[name], minutes, 0.0) for name in ("initial", "collateral"))
    return PERCENT * mean(np.divide(initial, held, out=np.full(minutes.size, NAN), where=held > 0))


def _covered(view: RunView, groups: str) -> float:
    """The smallest share of the stressed loss of the largest `groups` that skin and fund could have paid."""
    sized = view.table(FundSized)
    stressed = sized[groups].astype(float)
    behind = sized["paid_in"] + float(view.regime.clearing.waterfall.skin_in_the_game)
    tested = stressed > 0
    return PERCENT * float((behind[tested] / stressed[tested]).min()) if tested.any() else NAN


@measure(
    HOUSE, "Cover of the largest failure (Cover 1)", "%",
    formula="smallest, over sizings of the default fund, of (skin in the game + fund paid in) / stressed loss beyond "
    "margin of the largest group of accounts",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: Cover 1)",
    better="higher",
    span=FROM_ZERO,
)  # fmt: skip
def cover_one(view: RunView) -> float:
    return _covered(view, "cover_one")


@measure(
    HOUSE, "Cover of the two largest failures (Cover 2)", "%",
    formula="the same of the two largest groups",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: Cover 2)",
    better="higher",
    span=FROM_ZERO,
)  # fmt: skip
def cover_two(view: RunView) -> float:
    return _covered(view, "cover_two")


_OF_THE_FUND = (Layer.DEFAULTER_FUND_SHARE, Layer.SURVIVORS_FUND)


@measure(
    HOUSE, "Default fund used", "%",
    formula="what the layers `defaulter_fund_share` and `survivors_fund` have paid / the most that was paid in",
    published_by="supervisors, in stress tests of clearing houses",
    better="lower",
    span=FROM_ZERO,
)  # fmt: skip
def default_fund_used(view: RunView) -> float:
    used = view.table(LayerUsed)
    paid = used["amount"][np.isin(used["layer"].astype(str), [layer.value for layer in _OF_THE_FUND])].sum()
    return PERCENT * ratio(float(paid), float(view.table(FundSized)["paid_in"].max(initial=0)))


@measure(
    HOUSE, "Peak use of liquidity", "RUB",
    formula="largest running sum of liquidity used less liquidity paid back at clearings of gains and losses",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: liquidity risk)",
    better="lower",
)  # fmt: skip
def liquidity_peak(view: RunView) -> float:
    return float(np.cumsum(view.table(VariationCleared)["liquidity"]).max(initial=0) / ROUBLE)


MEASURES = (
    collateral_per_open_interest,
    capital_tied_up,
    locked_peak,
    uncovered_peak,
    fees_earned,
    orders_refused_cover,
    orders_refused_own_funds,
    soft_caps_passed,
    position_tiers_passed,
    settlement_wait,
    own_layer_used,
    margin_utilisation,
    cover_one,
    cover_two,
    default_fund_used,
    liquidity_peak,
)

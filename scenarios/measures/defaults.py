"""Defaults: what they cost, which layer paid, and what moved between a defaulter and the others because of them."""

from collections.abc import Iterator

import numpy as np

from exchange.events import (
    DefaultAuctionEnded,
    DefaultClosed,
    DefaultDeclared,
    Layer,
    LayerUsed,
    LiquidationStep,
    LossBorne,
    MarginCalled,
    PoolLossBorne,
    PositionTransferred,
    ShortfallLeft,
    TransferCause,
    VariationCleared,
)
from scenarios.measures.measure import DEFAULTS, ROUBLE, Floats, Measure, RunView, measure

OWN = (Layer.DEFAULTER_MARGIN, Layer.DEFAULTER_FUND_SHARE)  # the defaulter's own money


def transferred(view: RunView, known: dict[str, int]) -> Floats:
    """Kopecks by participant: what defaults gave it, or took from it, beside what its positions were worth.

    A defaulter is spared what others bore for it; a survivor bears its part; whoever took over a portfolio has paid
    its bid, or was paid for it.
    """
    found = np.zeros(len(known))
    for who, amount in _transfers(view):
        if who in known:
            found[known[who]] += amount
    return found


def borne_by_others(view: RunView) -> float:
    """Kopecks of default losses that no participant bore: the house did, or whoever was not paid."""
    spared = sum(amount for _, amount in _spared(view))
    borne = sum(view.table(kind)["amount"].sum() for kind in (LossBorne, PoolLossBorne))
    return float(spared - borne)


def forced(view: RunView) -> frozenset[str]:
    """Of whom the house closed something, or who defaulted. A set: to count and to look up, never to walk through."""
    stepped, declared = (
        view.table(LiquidationStep)["participant_id"],
        view.table(DefaultDeclared)["defaulter"],
    )
    return frozenset((*stepped, *declared))


def _transfers(view: RunView) -> Iterator[tuple[str, int]]:
    yield from _spared(view)
    moved = view.table(PositionTransferred)
    for borne in (view.table(LossBorne), view.table(PoolLossBorne)):
        yield from zip(borne["participant_id"], (-borne["amount"]).tolist(), strict=True)
    yield from zip(moved["participant_id"], moved["amount"].tolist(), strict=True)
    yield from _bids(view)


def _spared(view: RunView) -> Iterator[tuple[str, int]]:
    """By defaulter: its loss beyond its own margin, less what its own share of the fund paid of it."""
    closed, used = view.table(DefaultClosed), view.table(LayerUsed)
    yield from zip(closed["defaulter"], closed["loss"].tolist(), strict=True)
    own = used["layer"] == Layer.DEFAULTER_FUND_SHARE.value
    yield from zip(used["defaulter"][own], (-used["amount"][own]).tolist(), strict=True)


def _bids(view: RunView) -> Iterator[tuple[str, int]]:
    """What each winner of an auction paid, and each defaulter received."""
    ended, moved = view.table(DefaultAuctionEnded), view.table(PositionTransferred)
    at_auction = moved["cause"] == TransferCause.AUCTION.value
    for sequence, defaulter, amount in zip(
        ended["sequence"], ended["defaulter"], ended["amount"], strict=True
    ):
        if np.isnan(amount):
            continue
        taken = at_auction & (moved["sequence"] > sequence) & (moved["participant_id"] != defaulter)
        yield moved["participant_id"][taken][0], -int(amount)
        yield defaulter, int(amount)


def _count(view: RunView, kind: type) -> float:
    return float(view.table(kind)["sequence"].size)


@measure(
    DEFAULTS, "Margin calls", "calls",
    formula="number of calls for money",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: margin calls)",
    better="lower",
)  # fmt: skip
def margin_calls(view: RunView) -> float:
    return _count(view, MarginCalled)


@measure(
    DEFAULTS, "Steps of liquidation", "orders",
    formula="number of orders by which the house reduced a position",
    published_by="crypto venues (number and size of liquidations)",
    better="lower",
)  # fmt: skip
def liquidation_steps(view: RunView) -> float:
    return _count(view, LiquidationStep)


@measure(
    DEFAULTS, "Participants closed by force", "participants",
    formula="number of participants of whom the house closed something, or who defaulted",
    published_by="crypto venues (accounts liquidated)",
    better="lower",
)  # fmt: skip
def closed_by_force(view: RunView) -> float:
    return float(len(forced(view)))


@measure(
    DEFAULTS, "Defaults", "defaults",
    formula="number of defaults declared",
    published_by="clearing houses (default notices)",
    better="lower",
)  # fmt: skip
def defaults(view: RunView) -> float:
    return _count(view, DefaultDeclared)


@measure(
    DEFAULTS, "Default losses", "RUB",
    formula="sum over closed defaults of the loss beyond the defaulter's own margin and cash",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: default losses)",
    better="lower",
)  # fmt: skip
def default_losses(view: RunView) -> float:
    return float(view.table(DefaultClosed)["loss"].sum() / ROUBLE)


@measure(
    DEFAULTS, "Default losses that nobody bore", "RUB",
    formula="sum over closed defaults of what no layer could pay",
    published_by="nobody: it has not happened in public",
    better="lower",
)  # fmt: skip
def loss_unpaid(view: RunView) -> float:
    return float(view.table(DefaultClosed)["residual"].sum() / ROUBLE)


@measure(
    DEFAULTS, "Most that was late", "RUB",
    formula="largest sum, at one clearing, of what was owed and not brought",
    published_by="clearing houses (CPMI-IOSCO quantitative disclosures: failed payments)",
    better="lower",
)  # fmt: skip
def late_peak(view: RunView) -> float:
    return float(view.table(VariationCleared)["late"].max(initial=0) / ROUBLE)


_WORDS = {
    Layer.DEFAULTER_MARGIN: "the defaulters' margin and cash",
    Layer.DEFAULTER_FUND_SHARE: "the defaulters' shares of the default fund",
    Layer.SKIN_IN_THE_GAME: "the house's skin in the game",
    Layer.SURVIVORS_FUND: "the survivors' default fund and the second skin in the game",
    Layer.ASSESSMENTS: "assessments and the house's further amount",
    Layer.GAINS_HAIRCUT: "the gains of others since the default",
    Layer.EQUITY: "the house's equity",
    Layer.INSURANCE_FUND: "the insurance fund",
    Layer.DELEVERAGING: "holders on the other side, who were closed out",
}


def _paid_by(layer: Layer) -> Measure:
    def paid(view: RunView) -> float:
        used = view.table(LayerUsed)
        return float(used["amount"][used["layer"] == layer.value].sum() / ROUBLE)

    return Measure(
        f"loss_{layer.value}",
        DEFAULTS,
        f"Default losses borne by {_WORDS[layer]}",
        "RUB",
        f"sum of what the layer `{layer.value}` of the waterfall has paid",
        "clearing houses, after a default",
        None if layer in OWN else "lower",
        paid,
    )


def _lost_at_members(view: RunView) -> float:
    """What members paid in place of their clients."""
    borne = view.table(LossBorne)
    return float(borne["amount"][borne["layer"] == Layer.DEFAULTER_MARGIN.value].sum() / ROUBLE)


loss_members = Measure(
    "loss_members",
    DEFAULTS,
    "Default losses that members bore for their clients",
    "RUB",
    "sum of what the member of a defaulter has taken over",
    "rarely published",
    "lower",
    _lost_at_members,
)


def _lost_in_pools(view: RunView) -> float:
    """What fellow clients paid in omnibus accounts."""
    return float(view.table(PoolLossBorne)["amount"].sum() / ROUBLE)


loss_fellow_clients = Measure(
    "loss_fellow_clients",
    DEFAULTS,
    "Default losses that fellow clients bore",
    "RUB",
    "sum of what collateral of other clients in an omnibus account has paid",
    "rarely published",
    "lower",
    _lost_in_pools,
)


def _shortfalls(view: RunView) -> float:
    return _count(view, ShortfallLeft)


negative_balances = Measure(
    "negative_balances",
    DEFAULTS,
    "Accounts that lost more than their money",
    "accounts",
    "defaulters whose loss was larger than all that they had at the venue",
    "national supervisors, of CFD providers",
    "lower",
    _shortfalls,
)


def _short_of(view: RunView, *, protected: bool) -> float:
    """Roubles that defaulters lost beyond their money, of those who owe nothing of it, or of the others."""
    left = view.table(ShortfallLeft)
    return float(left["amount"][left["protected"].astype(bool) == protected].sum() / ROUBLE)


shortfall_forgiven = Measure(
    "shortfall_forgiven",
    DEFAULTS,
    "Losses beyond their money of whoever is protected",
    "RUB",
    "sum of what was lost beyond the defaulter's money where its class is protected: others bore it for good",
    "nobody",
    None,
    lambda view: _short_of(view, protected=True),
)
shortfall_owed = Measure(
    "shortfall_owed",
    DEFAULTS,
    "Losses beyond their money that are still owed",
    "RUB",
    "the same where it is not: others bore it, and hold a claim outside the venue, of which a run recovers nothing",
    "nobody",
    "lower",
    lambda view: _short_of(view, protected=False),
)

MEASURES = (
    margin_calls,
    liquidation_steps,
    closed_by_force,
    defaults,
    late_peak,
    default_losses,
    *(_paid_by(layer) for layer in _WORDS),
    loss_members,
    loss_fellow_clients,
    loss_unpaid,
    negative_balances,
    shortfall_forgiven,
    shortfall_owed,
)

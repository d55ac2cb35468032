"""What the settlement money cost whom: its holders by class, the house and what insures it, the issuer.

What people gain and lose by trading is in none of it, but for trading the money itself: who sells it below par has
lost so much, and who buys it there has gained it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from exchange.access.regime import ApplicantKind
from exchange.events import (
    CashDeposited,
    ClaimConverted,
    LossAllocated,
    LossRestored,
    LossShared,
    LossUndone,
    OwnFundsAdded,
    ReservesCoverSupply,
    ReserveSold,
    ReserveStatusChanged,
    SupplyExceedsReserves,
    WithdrawalCompleted,
)
from exchange.instruments import Product
from scenarios.measures.cash_leg import PAR_PPM, asked_amounts, completed, of_coin, price_path, rows
from scenarios.measures.measure import CASH_LEG, NAN, ROUBLE, SIGNED, Measure, RunView, Span, measure, once
from scenarios.measures.reading import fills, listings
from scenarios.measures.redemption import is_coin


class Holders(NamedTuple):
    """One class of holders: in the names of measures, and in titles."""

    name: str
    title: str
    words: str


PEOPLE = Holders("people", "people", "investors who are individuals")
FIRMS = Holders("firms", "firms", "investors who are companies and institutions")
PROFESSIONALS = Holders("professionals", "professionals", "everybody outside the population")
CLASSES = (PEOPLE, FIRMS, PROFESSIONALS)


@once
def classes(view: RunView) -> dict[str, Holders]:
    """Of each member of the population; everybody else is a professional."""
    people = ApplicantKind.INDIVIDUAL
    return {p.participant_id: PEOPLE if p.applicant.kind is people else FIRMS for p in view.population}


@once
def borne(view: RunView) -> dict[str, float]:
    """Kopecks by participant: parts in losses of coins less what came back, keepers' fees, what a conversion
    took, what was sold below par less what was bought there, and what is below par at the close of what one brought or
    bought and has neither taken out nor lost nor sold."""
    left: dict[str, int] = {}
    cost: dict[str, float] = {}
    for who, amount, fee in rows(of_coin(view, view.table(CashDeposited)), "participant_id", "amount", "fee"):
        left[who], cost[who] = left.get(who, 0) + amount, cost.get(who, 0.0) + fee
    for who, amount, fee in rows(
        of_coin(view, view.table(WithdrawalCompleted)), "participant_id", "amount", "fee"
    ):
        left[who], cost[who] = left.get(who, 0) - amount, cost.get(who, 0.0) + fee
    for kind, sign in ((LossShared, 1), (LossRestored, -1)):
        for who, amount in rows(of_coin(view, view.table(kind)), "participant_id", "amount"):
            left[who], cost[who] = left.get(who, 0) - sign * amount, cost.get(who, 0.0) + sign * amount
    converted = of_coin(view, view.table(ClaimConverted))
    for who, amount, received in rows(converted, "participant_id", "amount", "received"):
        left[who], cost[who] = left.get(who, 0) - amount, cost.get(who, 0.0) + amount - received
    for who, coins, roubles in _traded(view):
        left[who], cost[who] = left.get(who, 0) + coins, cost.get(who, 0.0) - (coins - roubles)
    below = 1 - min(price_path(view).value[-1] / PAR_PPM, 1.0)
    return {who: cost[who] + below * max(left[who], 0) for who in cost}


def _traded(view: RunView) -> Iterator[tuple[str, int, int]]:
    """Of each fill of the settlement asset against other money: coins bought, and what was paid; sold: negative."""
    every = fills(view)
    for at, listing in enumerate(listings(view)):
        terms = listing.instrument
        if terms.base != view.regime.cash.settlement_asset or terms.product is not Product.CASH_PAIR:
            continue
        assert terms.lot_units is not None
        mine = every.instrument == at
        for who, lots, price in zip(
            every.participant[mine].tolist(),
            every.signed[mine].tolist(),
            every.price[mine].tolist(),
            strict=True,
        ):
            yield every.participants[who], lots * terms.lot_units, lots * price * terms.tick_value


@once
def not_there(view: RunView) -> dict[str, float]:
    """Kopecks by participant that were asked back and had not arrived by the close."""
    arrived: dict[str, int] = {}
    for who, time, amount in rows(completed(view), "participant_id", "time", "amount"):
        if time <= view.closes:
            arrived[who] = arrived.get(who, 0) + amount
    asked = asked_amounts(view, view.opens, view.closes)
    return {who: float(max(amount - arrived.get(who, 0), 0)) for who, amount in asked.items()}


def _read_class(read: Callable[[RunView], dict[str, float]], holders: Holders, view: RunView) -> float:
    """In roubles, of one class."""
    of = classes(view)
    mine = (amount for who, amount in read(view).items() if of.get(who, PROFESSIONALS) is holders)
    return sum(mine) / ROUBLE


def _by_class(
    name: str,
    title: str,
    formula: str,
    published_by: str,
    read: Callable[[RunView], dict[str, float]],
    span: Span | None = None,
) -> tuple[Measure, ...]:
    """One measure for each class of holders."""
    return tuple(
        Measure(
            f"{name}_{holders.name}",
            CASH_LEG,
            f"{title}: {holders.title}",
            "RUB",
            f"{formula}; of {holders.words}",
            published_by,
            "lower",
            partial(_read_class, read, holders),
            span,
        )
        for holders in CLASSES
    )


COST_TO_HOLDERS = _by_class(
    "money_cost",
    "What the money cost its holders",
    "parts in losses of coins - what came back + keepers' fees + taken by a conversion + sold below par - bought "
    "below par + (1 - price / par at the close) x what is still at the venue of what was brought or bought",
    "liquidators and courts, years later",
    borne,
    SIGNED,
)
NOT_THERE = _by_class(
    "money_not_there",
    "Asked back and not there by the close",
    "sum of what each asked for (of repeated blocked requests the largest) - what arrived by the close",
    "venues, after a freeze",
    not_there,
)


@measure(
    CASH_LEG, "What the money cost the house", "RUB",
    formula="losses of coins borne by the house's own layer and its insurance, less what came back to them",
    published_by="clearing houses (PFMI principle 15, general business risk)",
    better="lower",
    span=SIGNED,
)  # fmt: skip
def money_cost_house(view: RunView) -> float:
    lost, undone = (of_coin(view, view.table(kind)) for kind in (LossAllocated, LossUndone))
    borne_here = (lost["house"] + lost["insurance"]).sum() - (undone["house"] + undone["insurance"]).sum()
    return float(borne_here) / ROUBLE


@measure(
    CASH_LEG, "What the money cost its issuer", "RUB",
    formula="reserves lost + what sales at once cost - the shortfall at the close, which holders bear; at least what "
    "its owner put in; none of bank money",
    published_by="issuers, in annual accounts",
    better="lower",
    span=SIGNED,
)  # fmt: skip
def money_cost_issuer(view: RunView) -> float:
    if not is_coin(view):
        return NAN
    sold = of_coin(view, view.table(ReserveSold))
    lost = int(of_coin(view, view.table(ReserveStatusChanged))["lost"].sum())
    lost += int((sold["amount"] - sold["proceeds"]).sum())
    put_in = int(of_coin(view, view.table(OwnFundsAdded))["amount"].sum())
    return float(max(lost - _shortfall(view), put_in)) / ROUBLE


def _shortfall(view: RunView) -> int:
    """Kopecks of coins beyond the reserves, as last told."""
    short, covered = (
        of_coin(view, view.table(kind)) for kind in (SupplyExceedsReserves, ReservesCoverSupply)
    )
    if not short["sequence"].size or (covered["sequence"] > short["sequence"][-1]).any():
        return 0
    return int(short["shortfall"][-1])


MEASURES = (*COST_TO_HOLDERS, money_cost_house, money_cost_issuer, *NOT_THERE)

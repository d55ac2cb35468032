"""What became of each participant: let in or refused, what it wished, did, paid and gained."""

from typing import Any

import numpy as np
import numpy.typing as npt

from exchange.access.regime import Applicant
from exchange.events import (
    ClaimSettled,
    FundingPaid,
    LiquidationFeeCharged,
    LossRestored,
    LossShared,
    OrderFilled,
    ParticipantAdmitted,
)
from exchange.instruments import Product
from participants.profile import Style
from scenarios.measures.defaults import transferred
from scenarios.measures.measure import NAN, PERCENT, ROUBLE, Columns, Floats, RunView, once, ratio
from scenarios.measures.reading import (
    Claim,
    codes,
    deals,
    every_claim,
    fills,
    index_ticks,
    known_mids,
    listings,
    paid_from_pool,
    settlement_prices,
    totals,
)

REFUSED = "refused"
PROFESSIONAL = "professional"  # class and kind of those who are not of the population: the scenario's own


def declared_assets(applicant: Applicant) -> int:
    """Kopecks. Securities, deposits and crypto in full, or own funds where they are more (an institution)."""
    return max(applicant.securities_and_deposits + applicant.crypto_assets, applicant.own_funds)


@once
def outcomes(view: RunView) -> Columns:
    """One row a participant: the population in its order, then everyone else who traded.

    Columns: `participant_id`, `class_id` ("refused" if never let in), `kind`, `wealth_decile` (0 outside the
    population), `investor` (of the population, and no market maker), `admitted`, `traded`, and in roubles
    `desired_notional`, `admitted_notional`, `executed_notional` (its largest position, at the price of the
    trade or an option's strike), `gain` (before fees; default losses that it bore, or that others bore for it,
    are in it; of notes none is told), `fees`, `loss_shared` (its part in coins lost, less what came back),
    `result` (the gain less both) and `assets`; `share_of_assets` is result / assets, nan where no assets are declared.
    """
    everyone = _identities(view)
    names = everyone["participant_id"]
    known = {name: at for at, name in enumerate(names)}
    gain = _settled(view, known) + _unsettled(view, known) + transferred(view, known) / ROUBLE
    fees = _fees(view, known)
    shared = _summed(view.table(LossShared), "amount", known)
    shared -= _summed(view.table(LossRestored), "amount", known)
    result = gain - fees - shared
    assets = everyone.pop("_assets")
    return everyone | {
        "admitted_notional": _admitted_notional(view, known, everyone["desired_notional"]),
        "executed_notional": _executed(view, known),
        "traded": np.isin(names, view.table(OrderFilled)["participant_id"]),
        "gain": gain,
        "fees": fees,
        "loss_shared": shared,
        "result": result,
        "assets": assets,
        "share_of_assets": np.divide(result, assets, out=np.full(len(names), NAN), where=assets > 0),
    }


def investors(view: RunView, column: str) -> npt.NDArray[Any]:
    """One column of `outcomes`, of the population without its market makers."""
    table = outcomes(view)
    return table[column][table["investor"]]


def trading_investors(view: RunView, column: str) -> npt.NDArray[Any]:
    """One column of `outcomes`, of the investors with at least one fill."""
    table = outcomes(view)
    return table[column][table["investor"] & table["traded"]]


def admitted_by_decile(view: RunView) -> Columns:
    """Columns `wealth_decile` (1..10) and `admitted_share`: percent of its investors let in, nan if none."""
    decile, admitted = investors(view, "wealth_decile"), investors(view, "admitted")
    shares = [PERCENT * ratio(admitted[decile == at].sum(), (decile == at).sum()) for at in range(1, 11)]
    return {"wealth_decile": np.arange(1, 11), "admitted_share": np.array(shares)}


def _identities(view: RunView) -> Columns:
    classes = _classes(view)
    inside = {profile.participant_id for profile in view.population}
    others = [name for name in fills(view).participants if name not in inside]
    rows = [
        (
            p.participant_id,
            classes.get(p.participant_id, REFUSED),
            p.applicant.kind.value,
            p.wealth_decile,
            p.style is not Style.MARKET_MAKER,
            p.participant_id in classes,
            abs(p.desired_exposure) / ROUBLE,
            declared_assets(p.applicant) / ROUBLE,
        )
        for p in view.population
    ] + [(name, PROFESSIONAL, PROFESSIONAL, 0, False, True, 0.0, 0.0) for name in others]
    kinds = {
        "participant_id": object,
        "class_id": object,
        "kind": object,
        "wealth_decile": np.int64,
        "investor": np.bool_,
        "admitted": np.bool_,
        "desired_notional": np.float64,
        "_assets": np.float64,
    }
    columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
    return {name: np.array(column, kind) for (name, kind), column in zip(kinds.items(), columns, strict=True)}


def _classes(view: RunView) -> dict[str, str]:
    """Class by participant; the latest admission counts."""
    table = view.table(ParticipantAdmitted)
    return dict(zip(table["participant_id"], table["class_id"], strict=True))


def _summed(table: Columns, column: str, known: dict[str, int]) -> Floats:
    """Roubles by participant."""
    who = codes(table["participant_id"], known)
    kept = who >= 0
    return totals(who[kept], table[column][kept], len(known)) / ROUBLE


def _admitted_notional(view: RunView, known: dict[str, int], desired: Floats) -> Floats:
    """The wish of those let in, as far as their limit allows."""
    table = view.table(ParticipantAdmitted)
    who = codes(table["participant_id"], known)
    allowed = np.zeros(len(known))
    limit = table["limit"].astype(float) / ROUBLE
    allowed[who[who >= 0]] = np.where(np.isnan(limit), np.inf, limit)[who >= 0]
    return np.minimum(desired, allowed)


def _row_of_fill(view: RunView, known: dict[str, int]) -> npt.NDArray[np.int64]:
    every = fills(view)
    return codes(every.participants, known)[every.participant]


def _executed(view: RunView, known: dict[str, int]) -> Floats:
    every = fills(view)
    if not every.time.size:
        return np.zeros(len(known))
    held = np.abs(every.position) * every.exposure / ROUBLE
    largest = np.zeros((len(known), len(listings(view))))
    np.maximum.at(largest, (_row_of_fill(view, known), every.instrument), held)
    return np.asarray(largest.sum(axis=1))


def _fees(view: RunView, known: dict[str, int]) -> Floats:
    """Of fills, and of liquidation."""
    of_fills = totals(_row_of_fill(view, known), fills(view).fee, len(known)) / ROUBLE
    return np.asarray(of_fills + _summed(view.table(LiquidationFeeCharged), "amount", known))


def _settled(view: RunView, known: dict[str, int]) -> Floats:
    """Gain of what was settled, and funding."""
    return _summed(view.table(ClaimSettled), "gain", known) + _summed(
        view.table(FundingPaid), "amount", known
    )


def _unsettled(view: RunView, known: dict[str, int]) -> Floats:
    """Gain of all else. A margined claim is worth its settlement price, of which variation and premiums are parts
    that were paid before; what the run's end left open is worth the last index, and so is spot."""
    gain = np.zeros(len(known))
    row = codes(fills(view).participants, known)
    for claim in every_claim(view):
        terms = claim.terms
        if terms.product is Product.NOTE:
            continue  # the other side of it is an issuer, who is nobody of those in the table
        spot = terms.product in (Product.SPOT, Product.CASH_PAIR)
        if terms.bucket_id in paid_from_pool(view) and not spot:
            continue
        last = _last_price(view, claim)
        mark = last if spot else settlement_prices(view).get(terms.bucket_id, last)
        worth = mark if spot else terms.payoff(mark) + terms.lowest_price
        mine = deals(view, [claim])
        gain += totals(row[mine.holder], mine.signed * (worth - mine.price) * terms.tick_value, len(known))
    return gain / ROUBLE


def _last_price(view: RunView, claim: Claim) -> int:
    """In ticks: by the index, or, of one money against another, by the last mid of its book; par before one."""
    mids = known_mids(view)[claim.instrument].value
    if claim.terms.product is Product.CASH_PAIR and mids.size:
        return round(float(mids[-1]))
    return round(float(index_ticks(view)[claim.instrument].value[-1]))

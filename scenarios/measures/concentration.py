"""How few participants stand behind the trading, the positions and the liquidity."""

import numpy as np

from participants.profile import Style
from scenarios.measures.measure import CONCENTRATION, NAN, PERCENT, Floats, RunView, measure, once, ratio
from scenarios.measures.reading import (
    changes,
    fills,
    holders,
    index_ticks,
    listings,
    open_interest,
    open_notional,
    steps,
    totals,
)

HHI_SCALE = 10_000.0  # one participant alone


def hhi(amounts: Floats) -> float:
    """Herfindahl-Hirschman index of `amounts`, 10,000 where one has all; nan where nobody has any."""
    total = amounts.sum()
    return float(HHI_SCALE * ((amounts / total) ** 2).sum()) if total else NAN


def top(amounts: Floats, count: int) -> float:
    """Percent of the total that the `count` largest have."""
    return PERCENT * ratio(np.sort(amounts)[-count:].sum(), amounts.sum())


@once
def traded(view: RunView) -> Floats:
    """Notional by participant; both sides of a trade count."""
    every = fills(view)
    return totals(every.participant, every.notional, len(every.participants))


@once
def provided(view: RunView) -> Floats:
    """Notional traded by orders that waited on the book, by participant."""
    every = fills(view)
    return totals(every.participant, np.where(every.maker, every.notional, 0.0), len(every.participants))


@once
def held_at_peak(view: RunView) -> Floats:
    """Positions in derivatives, long or short, at the index, by participant, at peak open interest.

    A position is of whoever holds it then: what a roll closed, and what a default moved, counts.
    """
    every = steps(view)
    times = changes(open_interest(view))
    if not times.size:
        return np.empty(0)
    peak = times[np.argmax(open_notional(view, times))]
    amounts = np.zeros(len(holders(view)))
    for at, listing in enumerate(listings(view)):
        if open_interest(view)[at].at(np.array([peak]), 0.0)[0] == 0:
            continue
        mine = (every.instrument == at) & (every.time <= peak)
        lots = totals(every.participant[mine], every.signed[mine], amounts.size)
        price = index_ticks(view)[at].at(np.array([peak]))[0]
        amounts += np.abs(lots) * price * listing.instrument.tick_value
    return amounts


@measure(
    CONCENTRATION, "Concentration of volume", "HHI",
    formula="10,000 x sum over participants of (share of traded notional)²",
    published_by="competition authorities (the index); exchanges",
    better="lower",
)  # fmt: skip
def hhi_volume(view: RunView) -> float:
    return hhi(traded(view))


@measure(
    CONCENTRATION, "Largest participant's share of volume", "%",
    formula="traded notional of the largest participant / of all",
    published_by="exchanges",
    better="lower",
)  # fmt: skip
def top1_volume(view: RunView) -> float:
    return top(traded(view), 1)


@measure(
    CONCENTRATION, "Five largest participants' share of volume", "%",
    formula="traded notional of the five largest participants / of all",
    published_by="exchanges",
    better="lower",
)  # fmt: skip
def top5_volume(view: RunView) -> float:
    return top(traded(view), 5)


@measure(
    CONCENTRATION, "Concentration of open interest", "HHI",
    formula="10,000 x sum over participants of (share of long and short positions)², at peak open interest",
    published_by="competition authorities (the index)",
    better="lower",
)  # fmt: skip
def hhi_open_interest(view: RunView) -> float:
    return hhi(held_at_peak(view))


@measure(
    CONCENTRATION, "Largest participant's share of open interest", "%",
    formula="positions of the largest participant / of all, at peak open interest",
    published_by="CFTC (concentration ratios in Commitments of Traders)",
    better="lower",
)  # fmt: skip
def top1_open_interest(view: RunView) -> float:
    return top(held_at_peak(view), 1)


@measure(
    CONCENTRATION, "Five largest participants' share of open interest", "%",
    formula="positions of the five largest participants / of all, at peak open interest",
    published_by="CFTC (concentration ratios in Commitments of Traders)",
    better="lower",
)  # fmt: skip
def top5_open_interest(view: RunView) -> float:
    return top(held_at_peak(view), 5)


@measure(
    CONCENTRATION, "Concentration of liquidity provision", "HHI",
    formula="10,000 x sum over participants of (share of maker notional)²",
    published_by="competition authorities (the index)",
    better="lower",
)  # fmt: skip
def hhi_provision(view: RunView) -> float:
    return hhi(provided(view))


@measure(
    CONCENTRATION, "Largest maker's share", "%",
    formula="maker notional of the largest provider / of all",
    published_by="exchanges, on market-maker programmes",
    better="lower",
)  # fmt: skip
def top1_provision(view: RunView) -> float:
    return top(provided(view), 1)


@measure(
    CONCENTRATION, "Five largest makers' share", "%",
    formula="maker notional of the five largest providers / of all",
    published_by="exchanges, on market-maker programmes",
    better="lower",
)  # fmt: skip
def top5_provision(view: RunView) -> float:
    return top(provided(view), 5)


@measure(
    CONCENTRATION, "Professionals' share of liquidity provision", "%",
    formula="maker notional of the scenario's makers, and of anybody in the population who makes markets / of all",
    published_by="exchanges, on market-maker programmes",
)  # fmt: skip
def professional_provision(view: RunView) -> float:
    every, given = fills(view), provided(view)
    trade_for_themselves = {p.participant_id for p in view.population if p.style is not Style.MARKET_MAKER}
    professional = np.array([who not in trade_for_themselves for who in every.participants], np.bool_)
    return PERCENT * ratio(float(given[professional].sum()), float(given.sum()))


MEASURES = (
    hhi_volume,
    top1_volume,
    top5_volume,
    hhi_open_interest,
    top1_open_interest,
    top5_open_interest,
    hhi_provision,
    top1_provision,
    top5_provision,
    professional_provision,
)

"""Whether the prices of futures (and spot) follow the index, and how they move."""

import numpy as np

from exchange.events import SeriesState, SeriesStateChanged, SettlementPriceFinal
from exchange.instruments import FUTURES
from exchange.units import SECOND, Time
from scenarios.measures.measure import (
    BP,
    NAN,
    PERCENT,
    PRICE_QUALITY,
    Floats,
    RunView,
    mean,
    measure,
    ratio,
    weighted_mean,
)
from scenarios.measures.reading import (
    Listing,
    Path,
    Quotes,
    as_of,
    every_claim,
    indices,
    is_open,
    known_mids,
    listings,
    log_returns,
    may_be_traded,
    minute_mids,
    quotes,
    sessions,
    spell_of,
    suspensions,
)

MINUTES_A_YEAR = 365 * 24 * 60
VARIANCE_SPAN = 10  # minutes


def _squared_gaps(listing: Listing, quote: Quotes, index: Path) -> tuple[Floats, Floats]:
    """((mid - index) / index)² in bp², and for how many seconds; nan without two sides or a fresh index."""
    marks = np.unique(np.concatenate([quote.start, quote.end, index.time]))
    start, seconds = marks[:-1], np.diff(marks) / SECOND
    trading = start < as_of(quote.start, quote.end, start)
    mid = as_of(quote.start, quote.mid, start) * listing.instrument.tick
    gap = BP * (mid / index.at(start) - 1)
    return gap[trading] ** 2, seconds[trading]


def _mean_square(moves: Floats) -> float:
    return mean(moves**2)


@measure(
    PRICE_QUALITY, "Gap to the index", "bp",
    formula="square root of the mean over time of ((mid - index) / index)², while both are known",
    published_by="index administrators; issuers of exchange-traded products (tracking error)",
    better="lower",
)  # fmt: skip
def index_gap(view: RunView) -> float:
    pieces = [
        _squared_gaps(listing, quote, indices(view)[listing.instrument.underlying])
        for listing, quote in zip(listings(view), quotes(view), strict=True)
        if listing.follows_index and listing.instrument.underlying in indices(view)
    ]
    if not pieces:
        return NAN
    squares, seconds = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return float(np.sqrt(weighted_mean(squares, seconds)))


def _last_mid(view: RunView, instrument: int, expiry: Time) -> Floats:
    """Of the trading that lasted up to expiry, in ticks; nan if none did."""
    path, end = known_mids(view)[instrument], np.array([expiry])
    told = as_of(path.time, path.time, end) >= spell_of(view, instrument, end - 1)
    return np.where(told, path.at(end), NAN)


@measure(
    PRICE_QUALITY, "Gap at the fixing", "bp",
    formula="mean over futures that traded up to their expiry of |last mid - settlement price| / settlement price",
    published_by="exchanges, when they review a settlement procedure",
    better="lower",
)  # fmt: skip
def fixing_gap(view: RunView) -> float:
    table = view.table(SettlementPriceFinal)
    price = dict(zip(table["bucket_id"], table["price"], strict=True))
    gaps = [np.empty(0)]
    for terms, instrument, _ in every_claim(view):
        settled = price.get(terms.bucket_id)
        if settled and terms.product in FUTURES:
            gaps.append(BP * np.abs(_last_mid(view, instrument, terms.expiry) / float(settled) - 1))
    return mean(np.concatenate(gaps))


@measure(
    PRICE_QUALITY, "Variance ratio", "ratio",
    formula="mean square ten-minute log return of the mid / (10 x mean square one-minute return); 1 for a "
    "random walk, below 1 where prices overshoot and come back",
    published_by="academic studies (Lo and MacKinlay)",
)  # fmt: skip
def variance_ratio(view: RunView) -> float:
    minute = _mean_square(log_returns(minute_mids(view), 1))
    return ratio(_mean_square(log_returns(minute_mids(view), VARIANCE_SPAN)), VARIANCE_SPAN * minute)


@measure(
    PRICE_QUALITY, "Realised volatility", "% a year",
    formula="square root of (mean square one-minute log return of the mid x minutes in 365 days)",
    published_by="exchanges and central banks",
)  # fmt: skip
def realised_volatility(view: RunView) -> float:
    return float(PERCENT * np.sqrt(_mean_square(log_returns(minute_mids(view), 1)) * MINUTES_A_YEAR))


@measure(
    PRICE_QUALITY, "Kurtosis", "ratio",
    formula="fourth central moment of one-minute log returns of the mid / variance²; 3 for a normal law",
    published_by="academic studies",
)  # fmt: skip
def kurtosis(view: RunView) -> float:
    moves = log_returns(minute_mids(view), 1)
    centred = moves - mean(moves)
    return ratio(mean(centred**4), _mean_square(centred) ** 2)


@measure(
    PRICE_QUALITY, "Worst minute", "bp",
    formula="largest |one-minute log return of the mid|",
    published_by="supervisors' reports on market events",
    better="lower",
)  # fmt: skip
def worst_minute(view: RunView) -> float:
    moves = log_returns(minute_mids(view), 1)
    return float(BP * np.abs(moves).max()) if moves.size else NAN


@measure(
    PRICE_QUALITY, "Halts", "halts",
    formula="how often trading in a series was suspended",
    published_by="exchanges",
)  # fmt: skip
def halts(view: RunView) -> float:
    return float((view.table(SeriesStateChanged)["state"] == SeriesState.SUSPENDED.value).sum())


@measure(
    PRICE_QUALITY, "Time in which trading was suspended", "%",
    formula="time of sessions, from listing to expiry, in which trading in a future was suspended / all such time; a "
    "night or a weekend that a scenario writes as a halt is in it",
    published_by="exchanges (notices of halts)",
)  # fmt: skip
def halted_time(view: RunView) -> float:
    halted = whole = 0.0
    for listing, suspended in zip(listings(view), suspensions(view), strict=True):
        if listing.follows_index and may_be_traded(view, listing):
            begins, ends = listing.begins, max(listing.begins, listing.ends)
            turns = np.concatenate([suspended.time, sessions(view).time, [begins, ends]])
            marks = np.unique(np.clip(turns, begins, ends))
            start, lasts = marks[:-1], np.diff(marks)
            within = is_open(view, start)
            whole += float(lasts[within].sum())
            halted += float(lasts[within & (suspended.at(start, 0.0) > 0)].sum())
    return PERCENT * ratio(halted, whole)


MEASURES = (
    index_gap,
    fixing_gap,
    variance_ratio,
    realised_volatility,
    kurtosis,
    worst_minute,
    halts,
    halted_time,
)

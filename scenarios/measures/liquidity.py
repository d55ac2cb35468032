"""What it costs to trade, how much can be traded, and how much was.

Spreads, depth and Amihud's measure are of futures (and spot), whose prices compare; volume, trades, orders
and open interest count options too.
"""

import numpy as np

from exchange.events import (
    CancelCause,
    DepthReported,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    TradeReported,
)
from exchange.units import MINUTE
from scenarios.measures.measure import (
    BP,
    LIQUIDITY,
    NAN,
    PERCENT,
    ROUBLE,
    SIGNED,
    Floats,
    Integers,
    RunView,
    mean,
    measure,
    once,
    ratio,
    weighted_mean,
)
from scenarios.measures.reading import (
    Path,
    Quotes,
    as_of,
    changes,
    codes,
    fills,
    grid,
    instrument_codes,
    known_mids,
    listings,
    mids_in_spells,
    open_interest,
    open_notional,
    quotes,
    raw_quotes,
    spell_of,
)

REALISED_AFTER = 5 * MINUTE
AMIHUD_BAR = 10 * MINUTE


@once
def trades(view: RunView) -> list[tuple[Floats, Floats, Floats]]:
    """By future: notional in kopecks, effective and realised spread in basis points, of each trade.

    A trade of an auction has no taker, and so no spread: it is left out.
    """
    table = view.table(TradeReported)
    instrument = codes(table["instrument_id"], instrument_codes(view))
    found = []
    for at, (listing, (sequence, _, bid, ask)) in enumerate(
        zip(listings(view), raw_quotes(view), strict=True)
    ):
        if not listing.follows_index:
            continue
        mine = (instrument == at) & ~np.isnan(table["taker_side"])
        side, price = table["taker_side"][mine], table["price"][mine]
        before = as_of(sequence, (bid + ask) / 2, table["sequence"][mine])
        after = _mid_at(view, at, later := table["time"][mine] + REALISED_AFTER)
        after[spell_of(view, at, later) > table["time"][mine]] = NAN  # trading has been broken off since
        notional = price * table["quantity"][mine] * float(listing.instrument.tick_value)
        found.append(
            (notional, 2 * BP * side * (price - before) / before, 2 * BP * side * (price - after) / before)
        )
    return found


def future_quotes(view: RunView) -> list[Quotes]:
    return [
        quote for listing, quote in zip(listings(view), quotes(view), strict=True) if listing.follows_index
    ]


def _mid_at(view: RunView, at: int, when: np.ndarray) -> Floats:
    """The two-sided mid in force at each `when`; nan after the end of trading or while a side is absent."""
    quote = quotes(view)[at]
    known = as_of(quote.start, quote.mid, when)
    return np.where(when < as_of(quote.start, quote.end, when), known, NAN)


def _pooled(view: RunView, column: int) -> float:
    pieces = trades(view)
    if not pieces:
        return NAN
    return weighted_mean(
        np.concatenate([piece[column] for piece in pieces]), np.concatenate([piece[0] for piece in pieces])
    )


@once
def depth_reports(view: RunView) -> list[dict[int, Path]]:
    """By instrument: roubles within each distance of the mid, both sides, at each report."""
    table = view.table(DepthReported)
    instrument = codes(table["instrument_id"], instrument_codes(view))
    lots = table["bid_quantities"] + table["ask_quantities"]
    found = []
    for at, listing in enumerate(listings(view)):
        mine = instrument == at
        time, distances = table["time"][mine], table["distances_bp"][mine]
        worth = known_mids(view)[at].at(time) * listing.instrument.tick_value / ROUBLE
        # The exchange measures at the same distances every time, so the first report names them for all.
        found.append(
            {
                int(distance): Path(time, lots[mine][:, column] * worth)
                for column, distance in enumerate(distances[0] if time.size else ())
            }
        )
    return found


def depth_at(view: RunView, distance_bp: int, when: Integers) -> Floats:
    """Roubles within a distance of the mid over all futures, as last reported; nan while none is traded.

    A future without two sides has no depth: what waits on one side alone is within no distance of a mid. A report from
    before trading was broken off says nothing of the time after it.
    """
    total, any_trading = np.zeros(when.shape), np.zeros(when.shape, bool)
    for at, (listing, quote, reports) in enumerate(
        zip(listings(view), quotes(view), depth_reports(view), strict=True)
    ):
        if listing.follows_index:
            trading = when < as_of(quote.start, quote.end, when)
            two_sided = trading & ~np.isnan(as_of(quote.start, quote.mid, when))
            known = _reported_since(view, at, reports.get(distance_bp), when)
            total += np.where(two_sided, known, 0.0)
            any_trading |= trading
    return np.where(any_trading, total, NAN)


def _reported_since(view: RunView, at: int, path: Path | None, when: Integers) -> Floats:
    """The last report of the stretch of unbroken trading in which each `when` lies; nan before the first of it."""
    if path is None:
        return np.full(when.shape, NAN)
    return np.where(as_of(path.time, path.time, when) >= spell_of(view, at, when), path.at(when), NAN)


def _depth(view: RunView, distance_bp: int) -> float:
    return mean(depth_at(view, distance_bp, grid(view, MINUTE)))


@measure(
    LIQUIDITY, "Quoted spread", "bp",
    formula="mean over time with two sides of (best ask - best bid) / mid",
    published_by="exchanges, in market-quality reports",
    better="lower",
)  # fmt: skip
def quoted_spread(view: RunView) -> float:
    every = future_quotes(view)
    if not every:
        return NAN
    spreads = np.concatenate([BP * (quote.ask - quote.bid) / quote.mid for quote in every])
    return weighted_mean(spreads, np.concatenate([quote.seconds for quote in every]))


@measure(
    LIQUIDITY, "Effective spread", "bp",
    formula="mean over trades, by notional, of 2 x side x (price - mid before the trade) / mid",
    published_by="US trading venues (SEC Rule 605)",
    better="lower",
    span=SIGNED,
)  # fmt: skip
def effective_spread(view: RunView) -> float:
    return _pooled(view, 1)


@measure(
    LIQUIDITY, "Realised spread", "bp",
    formula="the same against the mid five minutes after the trade, if trading is not broken off before: what makers "
    "keep",
    published_by="US trading venues (SEC Rule 605)",
    span=SIGNED,
)  # fmt: skip
def realised_spread(view: RunView) -> float:
    return _pooled(view, 2)


@measure(
    LIQUIDITY, "Depth within 10 bp", "RUB",
    formula="mean over minutes of lots within 10 bp of the mid, as last reported, at the mid; 0 without two sides",
    published_by="market-data firms, exchanges",
    better="higher",
)  # fmt: skip
def depth_10bp(view: RunView) -> float:
    return _depth(view, 10)


@measure(
    LIQUIDITY, "Depth within 50 bp", "RUB",
    formula="the same within 50 bp",
    published_by="market-data firms, exchanges",
    better="higher",
)  # fmt: skip
def depth_50bp(view: RunView) -> float:
    return _depth(view, 50)


@measure(
    LIQUIDITY, "Depth within 100 bp", "RUB",
    formula="the same within 100 bp",
    published_by="market-data firms, exchanges",
    better="higher",
)  # fmt: skip
def depth_100bp(view: RunView) -> float:
    return _depth(view, 100)


@measure(
    LIQUIDITY, "Depth within 200 bp", "RUB",
    formula="the same within 200 bp",
    published_by="market-data firms, exchanges",
    better="higher",
)  # fmt: skip
def depth_200bp(view: RunView) -> float:
    return _depth(view, 200)


def _impact(view: RunView, roubles: float) -> float:
    """Basis points from the mid to the last lot of an order, mean over minutes with two sides and both directions.

    Between the reported distances depth counts as spread evenly; an order that the book does not hold counts at the
    furthest distance that is reported.
    """
    minutes, found = grid(view, MINUTE), [np.empty(0)]
    table = view.table(DepthReported)
    instrument = codes(table["instrument_id"], instrument_codes(view))
    for at, (listing, quote) in enumerate(zip(listings(view), quotes(view), strict=True)):
        mine = instrument == at
        if not listing.follows_index or not mine.any():
            continue
        reported = np.append(0.0, table["distances_bp"][mine][0])
        last = np.searchsorted(table["time"][mine], minutes, side="right") - 1
        mid = np.where(
            minutes < as_of(quote.start, quote.end, minutes), as_of(quote.start, quote.mid, minutes), NAN
        )
        reported_at = as_of(table["time"][mine], table["time"][mine], minutes)
        known = (reported_at >= spell_of(view, at, minutes)) & ~np.isnan(mid)
        lots = roubles * ROUBLE / (mid[known] * listing.instrument.tick_value)
        for side in ("bid_quantities", "ask_quantities"):
            rows = table[side][mine][last[known]]
            found.append(
                np.array(
                    [
                        np.interp(wanted, np.append(0.0, depth), reported)
                        for wanted, depth in zip(lots, rows, strict=True)
                    ]
                )
            )
    return mean(np.concatenate(found))


STANDARD_ORDER = 1_000_000.0  # roubles: twice what most holders of the listed futures have in all


@measure(
    LIQUIDITY, "Price impact of an order of RUB 1m", "bp",
    formula="mean over minutes with two sides, buying and selling, of the distance from the mid to the last lot, by "
    "the last report of depth, even between its distances; at most the furthest of them",
    published_by="market-data firms (slippage of a standard order)",
    better="lower",
)  # fmt: skip
def price_impact(view: RunView) -> float:
    return _impact(view, STANDARD_ORDER)


@measure(
    LIQUIDITY, "Amihud illiquidity", "bp per RUB m",
    formula="mean over ten-minute bars of unbroken trading, with trades in them, of |log return of the mid| / "
    "traded notional",
    published_by="central banks' financial-stability reports",
    better="lower",
)  # fmt: skip
def amihud(view: RunView) -> float:
    every, edges = fills(view), grid(view, AMIHUD_BAR)
    bars = [np.empty(0)]
    for at, mids in mids_in_spells(view, edges):
        taken = (every.instrument == at) & ~every.maker
        millions = np.histogram(every.time[taken], edges, weights=every.notional[taken])[0] / ROUBLE / 1e6
        moves = BP * np.abs(np.diff(np.log(np.where(mids > 0, mids, NAN))))
        bars.append(moves[millions > 0] / millions[millions > 0])
    return mean(np.concatenate(bars))


@measure(
    LIQUIDITY, "Volume", "RUB",
    formula="sum over trades of price (option: strike) x lots x tick value",
    published_by="every exchange",
)  # fmt: skip
def volume(view: RunView) -> float:
    every = fills(view)
    return float(every.notional[~every.maker].sum() / ROUBLE)


@measure(
    LIQUIDITY, "Trades", "trades",
    formula="number of trades",
    published_by="every exchange",
)  # fmt: skip
def trade_count(view: RunView) -> float:
    return float(view.table(TradeReported)["sequence"].size)


@measure(
    LIQUIDITY, "Orders per trade", "orders per trade",
    formula="(orders accepted + amended + canceled at their owner's request) / trades",
    published_by="EU venues (MiFID II RTS 9)",
)  # fmt: skip
def order_to_trade(view: RunView) -> float:
    canceled = (view.table(OrderCanceled)["cause"] == CancelCause.REQUESTED.value).sum()
    orders = view.table(OrderAccepted)["sequence"].size + view.table(OrderAmended)["sequence"].size
    return ratio(orders + canceled, trade_count.function(view))


@measure(
    LIQUIDITY, "Peak open interest", "RUB",
    formula="largest sum over derivatives of lots held long x index x tick value",
    published_by="every derivatives exchange, daily",
)  # fmt: skip
def open_interest_peak(view: RunView) -> float:
    return float(open_notional(view, changes(open_interest(view))).max(initial=0.0) / ROUBLE)


@measure(
    LIQUIDITY, "Time without a two-sided market", "%",
    formula="trading time in which bid or ask is absent / trading time",
    published_by="exchanges, on market makers' obligations",
    better="lower",
)  # fmt: skip
def one_sided_time(view: RunView) -> float:
    every = future_quotes(view)
    absent = sum(float(quote.seconds[np.isnan(quote.mid)].sum()) for quote in every)
    return PERCENT * ratio(absent, sum(float(quote.seconds.sum()) for quote in every))


MEASURES = (
    quoted_spread,
    effective_spread,
    realised_spread,
    depth_10bp,
    depth_50bp,
    depth_100bp,
    depth_200bp,
    price_impact,
    amihud,
    volume,
    trade_count,
    order_to_trade,
    open_interest_peak,
    one_sided_time,
)

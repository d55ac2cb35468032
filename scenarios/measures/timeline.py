"""A run as series on one clock, for the report's picture of a stress."""

import numpy as np

from exchange.events import LayerUsed
from exchange.units import Time
from scenarios.measures.cash_leg import PAR_PPM, completed, frozen_path, price_path, requests
from scenarios.measures.liquidity import depth_at
from scenarios.measures.measure import BP, NAN, PERCENT, ROUBLE, Columns, Floats, Integers, RunView
from scenarios.measures.movement import movement_path
from scenarios.measures.reading import as_of, grid, indices, lead, listings, open_notional, quotes


def timeline(view: RunView, step_ns: Time) -> Columns:
    """Series at `opens` and every `step_ns` after it: what was known at that instant.

    `time`; `index` and `mid` (roubles for one unit of the underlying) and `spread_bp` of the instrument that
    traded most; `depth_100bp` and `open_interest` in roubles; `frozen_share` in percent; how many
    `withdrawals_asked` and `withdrawals_completed` there had been; the roubles that layers of the `waterfall` had paid
    so far, the defaulters' own money among them; and of the settlement asset the `movement`, a number of
    `scenarios.measures.movement.Movement`, and the `cash_price` in percent of par. Unknown is nan.
    Raises ValueError if `step_ns` is not positive.
    """
    if step_ns < 1:
        raise ValueError(f"step_ns must be a positive number of nanoseconds, not {step_ns}")
    time = grid(view, step_ns)
    return {
        "time": time,
        **_prices(view, time),
        "depth_100bp": depth_at(view, 100, time),
        "frozen_share": PERCENT * frozen_path(view).at(time),
        "open_interest": open_notional(view, time) / ROUBLE,
        "withdrawals_asked": _so_far([request.time for request in requests(view)], time),
        "withdrawals_completed": _so_far(completed(view)["time"], time),
        "waterfall": _paid_so_far(view, time),
        "movement": movement_path(view).at(time),
        "cash_price": PERCENT * price_path(view).at(time) / PAR_PPM,
    }


def _prices(view: RunView, time: Integers) -> dict[str, Floats]:
    at = lead(view)
    if at is None:
        return {name: np.full(time.size, NAN) for name in ("index", "mid", "spread_bp")}
    terms, quote = listings(view)[at].instrument, quotes(view)[at]
    trading = time < as_of(quote.start, quote.end, time)
    mid = np.where(trading, as_of(quote.start, quote.mid, time), NAN)
    spread = np.where(trading, as_of(quote.start, quote.ask - quote.bid, time), NAN)
    index = indices(view).get(terms.underlying)
    return {
        "index": np.full(time.size, NAN) if index is None else index.at(time) / ROUBLE,
        "mid": mid * terms.tick / ROUBLE,
        "spread_bp": BP * spread / mid,
    }


def _paid_so_far(view: RunView, when: Integers) -> Floats:
    used = view.table(LayerUsed)
    return as_of(used["time"], np.cumsum(used["amount"]), when, 0.0) / ROUBLE


def _so_far(times: list[Time] | Integers, when: Integers) -> Integers:
    return np.searchsorted(np.sort(np.asarray(times, dtype=np.int64)), when, side="right").astype(np.int64)

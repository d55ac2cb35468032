"""The road of a halt for the money's sake: nothing is traded that pays in cash that cannot be relied on for now.

Each series remembers as what it resumes; a halt by directive and one of these do not lift each other.
"""

from collections.abc import Iterator

from exchange import auctions
from exchange.cash.holding import Holding
from exchange.cash.terms import CashHalt
from exchange.clearing import house, rolling
from exchange.clearing.expiry import is_trading
from exchange.commands import RollPerpetual
from exchange.events import CashHalted, CashResumed, Event, SeriesState
from exchange.state import Series, State
from exchange.units import BucketId


def halt(holding: Holding, cause: CashHalt, state: State) -> Iterator[Event]:
    """Suspend every series that pays in the asset, unless it is halted for that cause already."""
    if cause in holding.halts:
        return
    holding.halts[cause] = None
    yield CashHalted(asset_id=holding.terms.asset_id, cause=cause)
    yield from review(state)


def resume(holding: Holding, cause: CashHalt, state: State) -> Iterator[Event]:
    """The cause is over: what no other cause keeps halted trades again."""
    if cause not in holding.halts:
        return
    del holding.halts[cause]
    yield CashResumed(asset_id=holding.terms.asset_id, cause=cause)
    yield from review(state)


def must_stay(series: Series, state: State) -> bool:
    """Whether the cash that the series pays in is halted, or the pool of its bucket is short."""
    terms = series.instrument
    bucket = state.covers.full.buckets.get(BucketId(terms.bucket_id))
    return bool(state.holdings[terms.cash].halts) or (bucket is not None and bucket.is_short)


def review(state: State) -> Iterator[Event]:
    """Suspend what must be, and resume what was suspended here and need not be any more."""
    for series in state.series.values():
        needed = must_stay(series, state)
        if needed and not series.lacks_cash and _may_halt(series):
            series.lacks_cash = True
            series.resumes_as = series.state if is_trading(series.state) else SeriesState.TRADING
            yield house.enter(series, SeriesState.SUSPENDED)
            yield from auctions.halt_market(series, state)
        elif series.lacks_cash and not needed:
            series.lacks_cash = False
            if series.state is SeriesState.SUSPENDED and series.resumes_as is not None:
                resumed, series.resumes_as = series.resumes_as, None
                yield house.enter(series, resumed)
                if state.session_open:
                    yield from auctions.resume_market(series, state)


def roll_perpetual(duty: RollPerpetual, state: State) -> Iterator[Event]:
    """A roll settles the old pool, short or not, and fills a new one: then it can trade again."""
    yield from rolling.roll_perpetual(duty, state)
    yield from review(state)


def _may_halt(series: Series) -> bool:
    return is_trading(series.state) or series.state is SeriesState.LISTED

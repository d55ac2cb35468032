"""The life of a series as one table: which state may follow which.

    listed -> trading -> fixing -> halted -> price provisional -> price final
           -> settling -> settled -> delisted

A directive may suspend trading; a price that cannot be found, or is objected to, is postponed. Until it is
over, any series may be terminated at its last mark.
"""

from exchange.events import SeriesState

_S = SeriesState

NEXT: dict[SeriesState, tuple[SeriesState, ...]] = {
    # A session need not open between listing and expiry, so a listed series may meet any of the hours.
    _S.LISTED: (_S.TRADING, _S.SUSPENDED, _S.FIXING, _S.HALTED, _S.TERMINATED_AT_LAST_MARK),
    _S.TRADING: (_S.SUSPENDED, _S.FIXING, _S.HALTED, _S.TERMINATED_AT_LAST_MARK),
    _S.SUSPENDED: (_S.TRADING, _S.FIXING, _S.HALTED, _S.TERMINATED_AT_LAST_MARK),
    _S.FIXING: (_S.SUSPENDED, _S.HALTED, _S.TERMINATED_AT_LAST_MARK),
    _S.HALTED: (_S.PRICE_PROVISIONAL, _S.PRICE_POSTPONED, _S.TERMINATED_AT_LAST_MARK),
    _S.PRICE_POSTPONED: (_S.PRICE_PROVISIONAL, _S.TERMINATED_AT_LAST_MARK),
    _S.PRICE_PROVISIONAL: (_S.PRICE_FINAL, _S.PRICE_POSTPONED, _S.TERMINATED_AT_LAST_MARK),
    _S.PRICE_FINAL: (_S.SETTLING, _S.TERMINATED_AT_LAST_MARK),
    _S.SETTLING: (_S.SETTLED, _S.TERMINATED_AT_LAST_MARK),
    _S.SETTLED: (_S.DELISTED,),
    _S.DELISTED: (),
    _S.TERMINATED_AT_LAST_MARK: (),
}


def advance(state: SeriesState, to: SeriesState) -> SeriesState:
    """The state `to`, if a series in `state` may enter it; a step that the table does not know is our bug."""
    assert to in NEXT[state], f"a series that is {state} cannot become {to}"
    return to


def is_trading(state: SeriesState) -> bool:
    """Whether orders may meet: also while the settlement price is being sampled."""
    return state in _TRADING


def is_over(state: SeriesState) -> bool:
    """Whether every claim has been paid and nothing is left to happen but the delisting."""
    return state in _OVER


_TRADING = (_S.TRADING, _S.FIXING)
_OVER = (_S.SETTLED, _S.DELISTED, _S.TERMINATED_AT_LAST_MARK)

"""At which mark of one series an account would be liquidated, all other marks and the index staying as they are.

It is searched for, for nothing shorter is exact: margin is a worst case over cells, minimums and charges. As a mark
goes against a position, equity bends down and margin bends up, so that what lies between them rises at most once
before it falls; hence the first mark that is too far is found by halving.
"""

from collections.abc import Callable

from exchange.clearing.margin_accounts import PortfolioAccount
from exchange.clearing.scenario_margin import maintenance_margin, risk_array
from exchange.units import InstrumentId, Money, Time
from matching.terms import Price

HIGHEST: Price = 2**40  # no mark comes near it


def liquidation_price(account: PortfolioAccount, instrument_id: InstrumentId, now: Time) -> Price | None:
    """The first mark, in ticks, at which equity is below maintenance margin, as the next valuation would reckon them.

    That is the present one if it is so already; None without a position, or if no mark leads there.
    """
    lots = account.quantities.get(instrument_id, 0)
    if not lots:
        return None
    left = _left_at(account, instrument_id, lots, now)
    safe = account.portfolio.marks[instrument_id]
    if left(safe) < 0:
        return safe
    beyond = 0 if lots > 0 else 2 * safe + 1
    while left(beyond) >= 0:
        if lots > 0 or beyond > HIGHEST:
            return None
        safe, beyond = beyond, 2 * beyond
    while abs(beyond - safe) > 1:
        middle = (safe + beyond) // 2
        if left(middle) < 0:
            beyond = middle
        else:
            safe = middle
    return beyond


def _left_at(
    account: PortfolioAccount, instrument_id: InstrumentId, lots: int, now: Time
) -> Callable[[Price], Money]:
    """How much of equity would be left above maintenance margin, at each mark of the series."""
    margin, portfolio = account.margin, account.portfolio
    instrument, tick_value = portfolio.instruments[instrument_id], portfolio.tick_value
    is_option, now_at = portfolio.is_option[instrument_id], portfolio.marks[instrument_id]
    others = [
        sum(
            quantity * portfolio.risk_arrays[other][cell]
            for other, quantity in account.quantities.items()
            if quantity and other != instrument_id
        )
        for cell in range(len(portfolio.cells))
    ]
    terms, elsewhere = portfolio.terms, margin.initial - account.initial
    time_left = max(instrument.expiry - now, 0)

    def array_at(mark: Price) -> tuple[Money, ...]:
        return risk_array(instrument, mark, portfolio.forward, time_left, terms)

    # The mark of an option only bounds what a long lot loses
    uncapped = array_at(HIGHEST) if is_option else ()

    def left(mark: Price) -> Money:
        gained = tick_value * lots * (mark - now_at)
        most = mark * tick_value
        array = tuple(min(loss, most) for loss in uncapped) if is_option else array_at(mark)
        worst = max(lots * loss + other for loss, other in zip(array, others, strict=True))
        initial = elsewhere + portfolio.requirement(account, worst, 0, 0, 0)
        equity = margin.equity_with(options=gained) if is_option else margin.equity_with(futures=gained)
        return equity - maintenance_margin(initial, terms)

    return left

"""A second look at cover by margin: everything that is kept up to date is reckoned again from positions and orders."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise

from exchange.clearing import accounts
from exchange.clearing.cover import Order
from exchange.clearing.ledger import Ledger
from exchange.clearing.liquidation import MarginState, follows_equity
from exchange.clearing.margin import MarginCover
from exchange.clearing.margin_accounts import MarginAccount, Portfolio, PortfolioAccount
from exchange.clearing.scenario_margin import order_cell_losses, scenario_loss
from exchange.events import IndexStatus
from matching.terms import ParticipantId

_PAIRS = 50  # of accounts in one portfolio that are looked at together

LiveOrders = Callable[[ParticipantId], Iterable[Order]]


def faults(margin: MarginCover, live: LiveOrders, ledger: Ledger) -> Iterator[str]:
    """Each violated invariant, as a sentence with its number."""
    transit = accounts.settlement(margin.cash)
    if ledger.posted(transit):
        yield f"I-10 {transit}: {ledger.posted(transit)} is left after a clearing"
    gained = sum(standing.accrued + standing.cleared for standing in margin.accounts.values())
    if gained:
        yield f"I-15 what prices gave and took, cleared or not, differs by {gained}"
    for portfolio in margin.portfolios.values():
        yield from _positions(portfolio, ledger)
        yield from _valuation(portfolio)
        yield from _netting(portfolio)
        for who, account in portfolio.accounts.items():
            orders = [o for o in live(who) if o.instrument.instrument_id in portfolio.instruments]
            yield from _rows(who, account, orders)
            yield from _values(who, account)
            yield from _requirement(who, account, orders)
    for who, standing in margin.accounts.items():
        yield from _standing(who, standing, margin, ledger)
        yield from _restriction(who, standing, ledger)


def _positions(portfolio: Portfolio, ledger: Ledger) -> Iterator[str]:
    """I-13, I-14: positions are those of the ledger and add up to nothing, and the house is flat."""
    for instrument_id in portfolio.instruments:
        held = {who: one.quantities.get(instrument_id, 0) for who, one in portfolio.accounts.items()}
        if sum(held.values()) or ledger.posted(portfolio.houses[instrument_id]):
            yield f"I-13 {instrument_id}: positions add up to {sum(held.values())}"
        for who, account in portfolio.accounts.items():
            if instrument_id in account.positions:
                booked = ledger.posted(account.positions[instrument_id])
                if booked != held[who]:
                    yield f"I-14 {who} in {instrument_id}: {held[who]} here, {booked} booked"


def _valuation(portfolio: Portfolio) -> Iterator[str]:
    """I-23: the last price that moved marks, and with them requirements, was there and not stale."""
    if portfolio.valued_by is IndexStatus.STALE:
        yield f"I-23 {portfolio.portfolio_id.underlying}: accounts were valued at a price that is not there"


def _netting(portfolio: Portfolio) -> Iterator[str]:
    """I-29: two portfolios together lose no more in the worst cell than one by one; tried on neighbours."""
    arrays = portfolio.risk_arrays
    held = [(who, one) for who, one in portfolio.accounts.items() if any(one.quantities.values())]
    for (who, one), (other, two) in islice(pairwise(held), _PAIRS):
        together = [one.quantities.get(i, 0) + two.quantities.get(i, 0) for i in arrays]
        apart = max(0, *one.cells) + max(0, *two.cells)
        if scenario_loss(together, list(arrays.values())) > apart:
            yield f"I-29 {who} and {other}: together their positions need more than {apart}"


def _rows(who: ParticipantId, account: PortfolioAccount, orders: list[Order]) -> Iterator[str]:
    """I-12, I-24: the rows that are kept order by order equal those reckoned from nothing."""
    portfolio = account.portfolio
    rows = [0] * len(portfolio.binding)
    reserve = premiums = bought = sold = written = 0
    for order in orders:
        lots, instrument_id = order.remaining, order.instrument.instrument_id
        rows = [row + lots * lot for row, lot in zip(rows, portfolio.lot_losses(order), strict=True)]
        reserve += order.worst_fee * lots
        premiums += portfolio.premium(order) * lots
        up = order.side * portfolio.directions[instrument_id] > 0
        bought, sold = bought + lots * up, sold + lots * (not up)
        written += lots * (order.side < 0 and portfolio.is_option[instrument_id])
    kept = (account.order_cells, account.fee_reserve, account.premium_reserve, account.bought, account.sold)
    if kept != (rows, reserve, premiums, bought, sold) or account.written != written:
        yield f"I-24 {who}: the rows of its orders have drifted"
    if account.hold != reserve + premiums:
        yield f"I-12 {who}: orders need {reserve + premiums}, {account.hold} is set aside for them"


def _values(who: ParticipantId, account: PortfolioAccount) -> Iterator[str]:
    """I-24, I-30: losses in the cells, accrued gains, option value and premiums, from positions alone."""
    portfolio = account.portfolio
    cells = [0] * len(portfolio.binding)
    net = options = futures = 0
    for instrument_id, quantity in account.quantities.items():
        array, mark = portfolio.arrays[instrument_id], portfolio.marks[instrument_id]
        cells = [cell + quantity * lot for cell, lot in zip(cells, array, strict=True)]
        net += quantity * portfolio.directions[instrument_id]
        if portfolio.is_option[instrument_id]:
            options += portfolio.tick_value * quantity * mark
        else:
            futures += portfolio.tick_value * (quantity * mark - account.costs[instrument_id])
    if (account.cells, account.net, account.option_value) != (cells, net, options):
        yield f"I-24 {who}: the rows of its positions have drifted"
    futures += sum(account.realised.values())
    if account.accrued != futures:
        yield f"I-30 {who}: {account.accrued} accrued, {futures} by its positions"
    if account.premia != portfolio.premia_of(account):
        yield f"I-24 {who}: {account.premia} paid for options held, {portfolio.premia_of(account)} by its positions"


def _requirement(who: ParticipantId, account: PortfolioAccount, orders: list[Order]) -> Iterator[str]:
    """I-24, I-27: initial margin with and without orders, over all cells and not only those that are kept."""
    portfolio = account.portfolio
    held = [(q, portfolio.risk_arrays[i]) for i, q in account.quantities.items() if q]
    cells = [sum(q * array[cell] for q, array in held) for cell in range(len(portfolio.cells))]
    with_orders = list(cells)
    for order in orders:
        instrument_id, lots = order.instrument.instrument_id, order.remaining
        array, mark = portfolio.risk_arrays[instrument_id], portfolio.marks[instrument_id]
        lost = order_cell_losses(
            array, order.side, portfolio.counted_price(order), mark, portfolio.tick_value
        )
        with_orders = [loss + lots * lot for loss, lot in zip(with_orders, lost, strict=True)]
    worst, counts = max(with_orders), (account.bought, account.sold, account.written)
    star = portfolio.requirement(account, worst, *counts)
    if account.star != star or account.initial != portfolio.requirement(account, max(cells), 0, 0, 0):
        yield f"I-24 {who}: the requirement has drifted"
    if account.initial > account.star:
        yield f"I-27 {who}: positions alone need more than with orders"


def _restriction(who: ParticipantId, standing: MarginAccount, ledger: Ledger) -> Iterator[str]:
    """I-28: below initial margin no order has raised what is required, unless money came in that bears it."""
    if not follows_equity(standing.state) or standing.state is MarginState.NORMAL:
        return
    frozen = ledger.available(standing.holder.cash_account) if standing.holder.frozen else 0
    if standing.required > standing.ceiling and standing.excess + frozen < 0:
        raised = standing.required - standing.ceiling
        yield f"I-28 {who}: an order has raised what is required by {raised}, though it is {standing.state}"


def _standing(
    who: ParticipantId, standing: MarginAccount, margin: MarginCover, ledger: Ledger
) -> Iterator[str]:
    """I-27: sums over portfolios; nothing is required of nothing; maintenance does not exceed initial margin."""
    parts = list(standing.portfolios.values())
    kept = (standing.initial, standing.required, standing.reserved, standing.accrued, standing.option_value)
    summed = (
        sum(part.initial for part in parts),
        sum(part.star for part in parts),
        sum(part.fee_reserve for part in parts),
        sum(part.accrued for part in parts),
        sum(part.option_value for part in parts),
    )
    if kept != summed:
        yield f"I-24 {who}: its standing is not the sum of its portfolios"
    if not standing.has_positions and standing.initial:
        yield f"I-27 {who}: {standing.initial} is required of no position"
    if not 0 <= standing.maintenance(standing.initial) <= standing.initial:
        yield f"I-27 {who}: maintenance margin exceeds initial margin"
    if min(ledger.available(standing.collateral), ledger.available(standing.fund)) < 0:
        yield f"I-3 {who}: collateral or fund share is below zero"

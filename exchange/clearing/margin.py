"""Cover by margin: positions are covered up to a confidence, not in full, and gains and losses are paid as they arise.

Series on one underlying, paying in one coin, are a portfolio. At each valuation it has a mark and a risk array
for every series (`scenario_margin`); until the next one, every account is reckoned against these, exactly:

    worst = max over cells of [ loss of positions + sum over orders of max(0, the loss of that order) ] + charges

A participant's portfolios stand together. Its equity is what it has paid in, plus what prices have given or taken
since the last clearing; initial margin must be covered to add to a position, maintenance margin to keep it.
Premiums are paid when an option trades; a future pays nothing until variation margin is cleared.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import add
from typing import NamedTuple, TypeAlias

from exchange.clearing import accounts
from exchange.clearing.cover import CapitalAtRisk, Holder, Order, Requirement, TradeSide
from exchange.clearing.ledger import Ledger, Move, Rule
from exchange.clearing.liquidation import MarginState
from exchange.clearing.scenario_margin import (
    ScenarioTerms,
    concentration,
    direction,
    initial_margin,
    inter_expiry_charge,
    order_cell_losses,
    risk_array,
    short_option_minimum,
    worst_net_size,
)
from exchange.clearing.scenario_margin import (
    cells as scenario_cells,
)
from exchange.clearing.terms import ClearingRules
from exchange.instruments import Instrument, Product
from exchange.reasons import RejectReason
from exchange.units import AssetId, BucketId, IndexId, IndexPrice, InstrumentId, Money, Time
from matching.terms import ParticipantId, Price, Quantity, Side


class PortfolioId(NamedTuple):
    underlying: IndexId
    cash: AssetId


class Due(NamedTuple):
    """What one account is owed, or owes if it is negative, in minor units."""

    account: "MarginAccount"
    amount: Money


class Rows(NamedTuple):
    """The live orders of an account: their losses by cell, and what else of them counts."""

    cells: list[Money]
    bought: Quantity  # lots by which they could move the net size up
    sold: Quantity
    written: Quantity  # lots of options that they could make short
    premium_reserve: Money
    star: Money  # initial margin with the worst set of fills


class MarginAccount:
    """One participant's standing: what it has paid in and gained, against what its portfolios require."""

    __slots__ = (
        "_ledger",
        "_options_count",
        "accrued",
        "call",
        "cleared",
        "collateral",
        "fund",
        "holder",
        "initial",
        "obligation",
        "option_value",
        "portfolios",
        "profits_count",
        "required",
        "reserved",
        "state",
        "vain_steps",
    )

    def __init__(self, holder: Holder, cash: AssetId, ledger: Ledger, rules: ClearingRules) -> None:
        self.holder = holder
        self.collateral = accounts.collateral(holder.participant_id, cash)
        self.fund = accounts.fund_share(holder.participant_id, cash)
        self.obligation = accounts.obligation(holder.participant_id, cash)
        self.portfolios: dict[PortfolioId, PortfolioAccount] = {}
        self.profits_count = rules.variation.profits_count
        self.initial: Money = 0  # of positions
        self.required: Money = 0  # of positions and the worst set of fills
        self.reserved: Money = 0  # fees of live orders
        self.accrued: Money = 0  # by futures since the last clearing of variation margin
        self.option_value: Money = 0  # at the marks; of short options negative
        self.cleared: Money = 0  # variation margin of all clearings so far
        self.state = MarginState.NORMAL
        self.call = 0  # the number of the open margin call; 0: none
        self.vain_steps = 0  # of liquidation since one last closed something
        self._ledger = ledger
        self._options_count = rules.options_count

    @property
    def value(self) -> Money:
        """What positions are worth beyond what has been paid for them, as far as it counts."""
        accrued = self.accrued if self.profits_count else min(self.accrued, 0)
        return accrued + (self.option_value if self._options_count else min(self.option_value, 0))

    @property
    def equity(self) -> Money:
        """What stands behind the positions. Free cash under a legal order cannot be called upon."""
        cash = 0 if self.holder.frozen else self._ledger.available(self.holder.cash_account)
        return cash + self._ledger.posted(self.holder.hold_account) + self.backing

    @property
    def backing(self) -> Money:
        """Equity without cash and holds: collateral, what the house owes or is owed, and value."""
        return self._ledger.posted(self.collateral) + self._ledger.posted(self.obligation) + self.value

    @property
    def wanted(self) -> Money:
        """How much collateral should be posted: initial margin, and whatever is lost already."""
        return max(0, self.initial - self.value - self._ledger.posted(self.obligation))

    @property
    def excess(self) -> Money:
        """Equity above the requirement of positions, orders and fees."""
        return self.equity - self.required - self.reserved

    @property
    def has_positions(self) -> bool:
        return any(any(account.quantities.values()) for account in self.portfolios.values())

    def sweep(self, incoming: Money = 0) -> list[Move]:
        """Post what is wanted from free cash as far as it reaches, or give back what is posted beyond it.

        `incoming` is what the chain so far adds to free cash.
        """
        posted, cash = self._ledger.posted(self.collateral), self.holder.cash_account
        short = self.wanted - posted
        if short > 0:
            free = 0 if self.holder.frozen else self._ledger.available(cash) + incoming
            short = min(short, free)
            return [(cash, self.collateral, short)] if short > 0 else []
        return [(self.collateral, cash, -short)] if short < 0 and self.state is MarginState.NORMAL else []

    def positions(self) -> Iterator[tuple["PortfolioAccount", InstrumentId, int]]:
        """Every open position, in the order in which portfolios and series were first traded."""
        for account in self.portfolios.values():
            for instrument_id, quantity in account.quantities.items():
                if quantity:
                    yield account, instrument_id, quantity


class PortfolioAccount:
    """One participant's positions and live orders in one portfolio. Lists run over the cells, in minor units."""

    __slots__ = (
        "accrued",
        "at_risk",
        "bought",
        "cells",
        "costs",
        "entries",
        "fee_reserve",
        "hold",
        "hold_account",
        "initial",
        "margin",
        "net",
        "option_value",
        "order_cells",
        "portfolio",
        "positions",
        "premia",
        "premium_reserve",
        "quantities",
        "realised",
        "sold",
        "source",
        "star",
        "worst",
        "written",
    )

    def __init__(self, margin: MarginAccount, portfolio: "Portfolio", at_risk: CapitalAtRisk) -> None:
        self.margin = margin
        self.portfolio = portfolio
        self.at_risk = at_risk
        self.source, self.hold_account = margin.holder.cash_account, margin.holder.hold_account
        self.quantities: dict[InstrumentId, int] = {}
        self.positions: dict[InstrumentId, str] = {}  # the ledger accounts in which they are booked
        self.costs: dict[
            InstrumentId, int
        ] = {}  # in ticks: of futures since the last clearing, of options paid
        self.entries: dict[InstrumentId, int] = {}  # in ticks: what the lots held cost when they were traded
        self.cells: list[Money] = [0] * portfolio.width
        self.order_cells: list[Money] = [0] * portfolio.width
        self.bought = self.sold = self.written = 0  # lots that live orders could add
        self.net = 0  # lots of positions, by the direction in which they gain
        self.fee_reserve: Money = 0
        self.premium_reserve: Money = 0
        self.accrued: Money = 0  # of futures, at the marks, since the last clearing
        self.realised: Money = 0  # the part of it that belongs to lots closed since
        self.option_value: Money = 0
        self.premia: Money = 0  # paid for options held long
        self.initial: Money = 0
        self.star: Money = 0
        self.worst: Money = 0
        self.hold: Money = 0

    # --- orders -------------------------------------------------------------------------------------

    def requirement_with(self, order: Order) -> Requirement:
        """What the account would need with `order` beside all that it has."""
        portfolio, lots = self.portfolio, order.remaining
        order.lot_losses = portfolio.lot_losses(order)
        cells = [loss + lots * lot for loss, lot in zip(self.order_cells, order.lot_losses, strict=True)]
        bought, sold, written = self._sizes_with(order, lots)
        premium = self.premium_reserve + lots * portfolio.premium(order)
        reserve = self.fee_reserve + order.worst_fee * lots
        star = portfolio.requirement(self, max(map(add, self.cells, cells)), bought, sold, written)
        rows = Rows(cells, bought, sold, written, premium, star)
        return rows, reserve, star + self.premia, reserve + premium

    def lack(self, order: Order, spendable: Money) -> RejectReason | None:
        """Fees and premiums must be there as cash, and equity must bear the requirement if it rises."""
        assert order.need is not None, "reckoned before it is paid for"
        rows, reserve, _, hold = order.need
        if hold - self.hold - order.released > spendable:
            return RejectReason.INSUFFICIENT_CASH
        more = rows.star - self.star
        if more > 0 and self.margin.excess < more + reserve - self.fee_reserve:
            return RejectReason.INSUFFICIENT_MARGIN
        return None

    def open_order(self, need: Requirement) -> Money:
        """Count an order among the live ones, as `requirement_with` reckoned it; the change of the hold."""
        before = self.hold
        rows, reserve, _, _ = need
        self.order_cells, self.bought, self.sold, self.written, self.premium_reserve, star = rows
        self._reserve(reserve - self.fee_reserve)
        self._note(self.initial, star)
        return self.hold - before

    def close_order(self, order: Order, quantity: Quantity) -> Money:
        """Take `quantity` of a live order out again, unfilled; the change of the hold, never positive."""
        before = self.hold
        self._count(order, -quantity)
        self.reckon()
        return self.hold - before

    def reopen_order(self, order: Order) -> None:
        """Count an order again that was closed a moment ago."""
        self._count(order, order.remaining)
        self.reckon()

    def count_anew(self, orders: Iterable[Order]) -> None:
        """Count the live orders again, at new marks."""
        self.order_cells = [0] * self.portfolio.width
        self.bought = self.sold = self.written = self.premium_reserve = 0
        self._reserve(-self.fee_reserve)
        for order in orders:
            order.lot_losses = self.portfolio.lot_losses(order)
            self._count(order, order.remaining)

    def _count(self, order: Order, lots: int) -> None:
        """`lots` of the order more among the live ones, or fewer if negative."""
        self.order_cells = [
            loss + lots * lot for loss, lot in zip(self.order_cells, order.lot_losses, strict=True)
        ]
        self.bought, self.sold, self.written = self._sizes_with(order, lots)
        self.premium_reserve += lots * self.portfolio.premium(order)
        self._reserve(order.worst_fee * lots)

    def _sizes_with(self, order: Order, lots: int) -> tuple[Quantity, Quantity, Quantity]:
        """Lots that live orders could add: to the net size, upward and downward, and to short options."""
        portfolio, instrument_id = self.portfolio, order.instrument.instrument_id
        written = (
            self.written + lots if order.side < 0 and portfolio.is_option[instrument_id] else self.written
        )
        if order.side * portfolio.directions[instrument_id] > 0:
            return self.bought + lots, self.sold, written
        return self.bought, self.sold + lots, written

    def _reserve(self, change: Money) -> None:
        self.fee_reserve += change
        self.margin.reserved += change
        self.hold = self.fee_reserve + self.premium_reserve

    # --- positions ----------------------------------------------------------------------------------

    def fill(self, order: Order, change: int, price: Price) -> Money:
        """Move `change` lots (signed) from the order's row to the position's; how the hold changes."""
        before = self.hold
        self._count(order, -abs(change))
        self.take(order.instrument.instrument_id, change, price)
        return self.hold - before

    def take(self, instrument_id: InstrumentId, change: int, price: Price) -> None:
        """Hold `change` lots (signed) more at `price`. A premium is not paid here."""
        portfolio = self.portfolio
        mark, tick_value = portfolio.marks[instrument_id], portfolio.tick_value
        held, cost = self.quantities.get(instrument_id, 0), self.costs.get(instrument_id, 0)
        entry = self.entries.get(instrument_id, 0)
        closed = min(abs(held), abs(change)) if held * change < 0 else 0
        left = cost
        if closed:  # the average of what is held goes
            left -= cost * closed // abs(held)
            entry -= entry * closed // abs(held)
        sign = 1 if change > 0 else -1
        opened = sign * (abs(change) - closed) * price
        self.quantities[instrument_id] = held + change
        self.costs[instrument_id], self.entries[instrument_id] = left + opened, entry + opened
        if portfolio.is_option[instrument_id]:
            self.option_value += tick_value * change * mark
            self.margin.option_value += tick_value * change * mark
            self.premia = portfolio.premia_of(self)
        else:
            self.realised += tick_value * (left - cost - sign * closed * price)
            self._accrue(tick_value * change * (mark - price))
        array = portfolio.arrays[instrument_id]
        self.cells = [loss + change * lot for loss, lot in zip(self.cells, array, strict=True)]
        self.net += portfolio.directions[instrument_id] * change
        self.reckon()

    def revalue(self) -> None:
        """Positions against the marks and arrays of now; orders were counted anew before."""
        portfolio, tick_value = self.portfolio, self.portfolio.tick_value
        cells, options, futures = [0] * portfolio.width, 0, self.realised
        for instrument_id, quantity in self.quantities.items():
            mark, array = portfolio.marks[instrument_id], portfolio.arrays[instrument_id]
            if quantity:
                cells = [loss + quantity * lot for loss, lot in zip(cells, array, strict=True)]
            if portfolio.is_option[instrument_id]:
                options += tick_value * quantity * mark
            else:
                futures += tick_value * (quantity * mark - self.costs[instrument_id])
        self.cells = cells
        self.margin.option_value += options - self.option_value
        self.option_value = options
        self._accrue(futures - self.accrued)
        self.reckon()

    def clear_variation(self, realised_only: bool) -> Money:
        """What the futures have gained or lost since the last clearing: from here on it is an obligation."""
        due = self.realised if realised_only else self.accrued
        if not realised_only:
            for instrument_id, quantity in self.quantities.items():
                if not self.portfolio.is_option[instrument_id]:
                    self.costs[instrument_id] = quantity * self.portfolio.marks[instrument_id]
        self.realised = 0
        self._accrue(-due)
        return due

    def close_series(self, instrument_id: InstrumentId, price: Price, payoff: Price) -> Money:
        """The series is over at `price`: what it pays beyond what has been paid; the position is gone."""
        quantity, cost = self.quantities.pop(instrument_id, 0), self.costs.pop(instrument_id, 0)
        self.entries.pop(instrument_id, None)
        tick_value, mark = self.portfolio.tick_value, self.portfolio.marks[instrument_id]
        if self.portfolio.is_option[instrument_id]:
            due = tick_value * quantity * payoff
            self.option_value -= tick_value * quantity * mark
            self.margin.option_value -= tick_value * quantity * mark
        else:
            due = tick_value * (quantity * price - cost)
            self._accrue(-tick_value * (quantity * mark - cost))
        self.net -= self.portfolio.directions[instrument_id] * quantity
        return due

    def _accrue(self, change: Money) -> None:
        self.accrued += change
        self.margin.accrued += change

    # --- what it needs ------------------------------------------------------------------------------

    def reckon(self) -> None:
        """Bring requirement, hold and capital at risk up to date with the rows."""
        portfolio = self.portfolio
        worst = max(map(add, self.cells, self.order_cells))
        star = portfolio.requirement(self, worst, self.bought, self.sold, self.written)
        self._note(portfolio.requirement(self, max(self.cells), 0, 0, 0), star)

    def initial_without(self, instrument_id: InstrumentId) -> Money:
        """Initial margin of positions if those in one series were gone."""
        gone = -self.quantities[instrument_id]
        array = self.portfolio.arrays[instrument_id]
        cells = [loss + gone * lot for loss, lot in zip(self.cells, array, strict=True)]
        with _changed(self, {instrument_id: gone}):
            return self.portfolio.requirement(self, max(cells), 0, 0, 0)

    def star_with(self, other: "PortfolioAccount") -> Money:
        """The requirement with all positions of another account of the portfolio beside the own and the orders."""
        worst = max(map(sum, zip(self.cells, other.cells, self.order_cells, strict=True)))
        with _changed(self, other.quantities):
            return self.portfolio.requirement(self, worst, self.bought, self.sold, self.written)

    def _note(self, initial: Money, star: Money) -> None:
        margin, before = self.margin, self.worst
        margin.initial += initial - self.initial
        margin.required += star - self.star
        self.initial, self.star = initial, star
        self.worst = star + self.premia
        self.hold = self.fee_reserve + self.premium_reserve
        self.at_risk.note(self.worst - before)


@contextmanager
def _changed(account: PortfolioAccount, changes: Mapping[InstrumentId, int]) -> Iterator[None]:
    """The account as if it held these lots more, for as long as charges on its size are reckoned."""
    kept, net = dict(account.quantities), account.net
    for instrument_id, change in changes.items():
        account.quantities[instrument_id] = account.quantities.get(instrument_id, 0) + change
        account.net += account.portfolio.directions[instrument_id] * change
    yield
    account.quantities, account.net = kept, net


class Portfolio:
    """Margined series on one underlying, with the marks and risk arrays of the last valuation."""

    __slots__ = (
        "accounts",
        "arrays",
        "cash",
        "directions",
        "expiries",
        "fees",
        "forward",
        "houses",
        "instruments",
        "is_option",
        "marks",
        "portfolio_id",
        "terms",
        "tick_value",
        "valued_at",
        "width",
    )

    def __init__(self, instrument: Instrument, terms: ScenarioTerms) -> None:
        self.portfolio_id = portfolio_of(instrument)
        self.cash = instrument.cash
        self.fees = accounts.fees(self.cash)
        self.terms = terms
        self.tick_value = instrument.tick_value
        self.forward: Price = instrument.reference if instrument.strike is None else instrument.strike
        self.width = len(scenario_cells(terms))
        self.valued_at: IndexPrice = self.forward * instrument.tick  # the index at the last valuation
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.houses: dict[InstrumentId, str] = {}  # the house's side of every trade
        self.marks: dict[InstrumentId, Price] = {}
        self.arrays: dict[InstrumentId, tuple[Money, ...]] = {}
        self.is_option: dict[InstrumentId, bool] = {}
        self.directions: dict[InstrumentId, int] = {}
        self.expiries: dict[Time, list[InstrumentId]] = {}
        self.accounts: dict[ParticipantId, PortfolioAccount] = {}

    def admit(self, instrument: Instrument) -> str | None:
        """Take one more series into the portfolio, or say why it does not belong. It must be valued next."""
        if instrument.tick_value != self.tick_value:
            return f"series on {instrument.underlying} that are margined together must share their tick value"
        instrument_id = instrument.instrument_id
        self.instruments[instrument_id] = instrument
        self.houses[instrument_id] = accounts.house_position(instrument_id)
        self.is_option[instrument_id] = instrument.product is Product.OPTION
        self.directions[instrument_id] = direction(instrument)
        self.expiries.setdefault(instrument.expiry, []).append(instrument_id)
        return None

    def value(self, instrument_id: InstrumentId, mark: Price, now: Time) -> None:
        """From here on the series is reckoned at this mark; positions are still reckoned at the old one."""
        instrument = self.instruments[instrument_id]
        self.marks[instrument_id] = mark
        left = max(instrument.expiry - now, 0)
        self.arrays[instrument_id] = risk_array(instrument, mark, self.forward, left, self.terms)

    def drop(self, instrument_id: InstrumentId) -> None:
        """The series is over and nobody holds it any more."""
        instrument = self.instruments.pop(instrument_id)
        self.expiries[instrument.expiry].remove(instrument_id)
        if not self.expiries[instrument.expiry]:
            del self.expiries[instrument.expiry]

    def lot_losses(self, order: Order) -> list[Money]:
        """What each lot of `order` would lose in each cell if it filled."""
        instrument_id = order.instrument.instrument_id
        array, mark = self.arrays[instrument_id], self.marks[instrument_id]
        return order_cell_losses(array, order.side, order.price, mark, self.tick_value)

    def premia_of(self, account: PortfolioAccount) -> Money:
        """What was paid for the options that an account holds long."""
        held = account.quantities.items()
        return self.tick_value * sum(account.entries[i] for i, q in held if q > 0 and self.is_option[i])

    def premium(self, order: Order) -> Money:
        """What each lot of `order` would pay at once."""
        pays = order.side > 0 and self.is_option[order.instrument.instrument_id]
        return order.price * self.tick_value if pays else 0

    def requirement(
        self, account: PortfolioAccount, worst: Money, bought: Quantity, sold: Quantity, written: Quantity
    ) -> Money:
        """Initial margin, given the worst cell and the lots that live orders could add.

        Most often that is all: there is one expiry, and nobody's size is beyond the threshold.
        """
        terms = self.terms
        size = worst_net_size(account.net, bought, sold)
        if (
            size <= terms.concentration_threshold
            and len(self.expiries) == 1
            and not terms.short_option_minimum_bp
        ):
            return max(0, worst)
        lot = self.forward * self.tick_value
        short = written + sum(
            -quantity for i, quantity in account.quantities.items() if quantity < 0 and self.is_option[i]
        )
        return initial_margin(
            worst,
            short_option_minimum(short, self.forward, self.tick_value, terms),
            concentration(size, lot, terms),
            inter_expiry_charge(self._spread(account, bought, sold), terms),
        )

    def _spread(self, account: PortfolioAccount, bought: Quantity, sold: Quantity) -> Iterator[Money]:
        """Notional by expiry, short ones negative; orders count on their side, wherever they would fill."""
        lot = self.forward * self.tick_value
        yield bought * lot
        yield -sold * lot
        for series in self.expiries.values():
            yield lot * sum(self.directions[i] * account.quantities.get(i, 0) for i in series)


# the live orders of a participant in the series of a portfolio
Live: TypeAlias = Callable[[ParticipantId, Portfolio], Iterable[Order]]


class MarginCover:
    """All portfolios, and how each participant stands over all of them."""

    def __init__(
        self,
        ledger: Ledger,
        at_risk: dict[ParticipantId, CapitalAtRisk],
        rules: ClearingRules,
        cash: AssetId,
    ) -> None:
        self._ledger = ledger
        self._at_risk = at_risk
        self.rules = rules
        self.cash = cash
        self.portfolios: dict[PortfolioId, Portfolio] = {}
        self.accounts: dict[ParticipantId, MarginAccount] = {}
        self._portfolio_of: dict[InstrumentId, Portfolio] = {}

    # --- listing and reading ------------------------------------------------------------------------

    def list_series(self, instrument: Instrument, _live: Iterable[Order]) -> str | None:
        """Open the instrument's portfolio, if it is the first of it, or say why it cannot be listed."""
        portfolio_id = portfolio_of(instrument)
        portfolio = self.portfolios.get(portfolio_id) or Portfolio(instrument, self.rules.scenarios)
        fault = portfolio.admit(instrument)
        if fault is None:
            self.portfolios[portfolio_id] = portfolio
            self._portfolio_of[instrument.instrument_id] = portfolio
            house, lots = (
                portfolio.houses[instrument.instrument_id],
                accounts.position_asset(instrument.instrument_id),
            )
            self._ledger.open(house, lots, Rule.FREE)
        return fault

    def margin_account(self, holder: Holder, cash: AssetId) -> MarginAccount:
        """The holder's standing, opened if there is none."""
        margin = self.accounts.get(holder.participant_id)
        if margin is None:
            margin = MarginAccount(holder, cash, self._ledger, self.rules)
            self._ledger.open(margin.collateral, cash, Rule.LIABILITY)
            self._ledger.open(margin.fund, cash, Rule.LIABILITY)
            self._ledger.open(margin.obligation, accounts.obligation_asset(cash), Rule.FREE)
            self.accounts[holder.participant_id] = margin
        return margin

    def account(self, holder: Holder, instrument_id: InstrumentId, _side: Side) -> PortfolioAccount:
        """The account in which the holder's orders in that series count, opened if there is none."""
        portfolio = self._portfolio_of[instrument_id]
        account = portfolio.accounts.get(holder.participant_id)
        if account is None:
            margin = self.margin_account(holder, portfolio.cash)
            at_risk = self._at_risk.setdefault(holder.participant_id, CapitalAtRisk())
            account = PortfolioAccount(margin, portfolio, at_risk)
            portfolio.accounts[holder.participant_id] = account
            margin.portfolios[portfolio.portfolio_id] = account
        return account

    def position(self, participant_id: ParticipantId, instrument_id: InstrumentId) -> int:
        account = self._portfolio_of[instrument_id].accounts.get(participant_id)
        return account.quantities.get(instrument_id, 0) if account else 0

    def positions(self, instrument_id: InstrumentId) -> dict[ParticipantId, int]:
        """Lots of everybody who has traded the series, signed."""
        held = self._portfolio_of[instrument_id].accounts.items()
        return {who: account.quantities.get(instrument_id, 0) for who, account in held}

    def locked(self, participant_id: ParticipantId) -> Money:
        """Collateral and fund share of the participant."""
        margin = self.accounts.get(participant_id)
        if margin is None:
            return 0
        return self._ledger.posted(margin.collateral) + self._ledger.posted(margin.fund)

    def has(self, instrument_id: InstrumentId) -> bool:
        """Whether the series is covered by margin."""
        return instrument_id in self._portfolio_of

    def portfolio(self, instrument_id: InstrumentId) -> Portfolio:
        return self._portfolio_of[instrument_id]

    # --- trades -------------------------------------------------------------------------------------

    def clear(self, buyer: TradeSide, seller: TradeSide, quantity: Quantity, price: Price) -> list[Move]:
        """Book a trade on both sides at once: lots through the house, the premium if there is one, fees, and
        then collateral to what is wanted. An order that was accepted can always be cleared.
        """
        instrument_id = buyer[0].instrument.instrument_id
        portfolio = self._portfolio_of[instrument_id]
        premium = price * portfolio.tick_value * quantity if portfolio.is_option[instrument_id] else 0
        moves = self._lots(portfolio, instrument_id, quantity, source=seller[0].owner, target=buyer[0].owner)
        freed: list[tuple[PortfolioAccount, Money]] = []
        for (order, fee), change in ((buyer, quantity), (seller, -quantity)):
            account = portfolio.accounts[order.owner]
            paid = fee + (premium if change > 0 else 0)
            released = -account.fill(order, change, price) - paid
            if fee:
                moves.append((account.hold_account, portfolio.fees, fee))
            if released:
                moves.append((account.hold_account, account.source, released))
            freed.append((account, released))
        (bought, cash), (sold, proceeds) = freed
        if premium:
            moves.append((bought.hold_account, sold.source, premium))
        return moves + bought.margin.sweep(cash) + sold.margin.sweep(proceeds + premium)

    def transfer(
        self, instrument_id: InstrumentId, source: Holder, target: Holder, quantity: Quantity, price: Price
    ) -> list[Move]:
        """Move lots that `source` holds to `target` without an order: in default management. No premium is
        paid; who takes over pays or is paid apart from it.
        """
        portfolio = self._portfolio_of[instrument_id]
        self.account(source, instrument_id, Side.SELL).take(instrument_id, -quantity, price)
        self.account(target, instrument_id, Side.BUY).take(instrument_id, quantity, price)
        return self._lots(
            portfolio,
            instrument_id,
            quantity,
            source=source.participant_id,
            target=target.participant_id,
        )

    def _lots(
        self,
        portfolio: Portfolio,
        instrument_id: InstrumentId,
        quantity: Quantity,
        *,
        source: ParticipantId,
        target: ParticipantId,
    ) -> list[Move]:
        house = portfolio.houses[instrument_id]
        return [
            (self._position_account(portfolio, source, instrument_id), house, quantity),
            (house, self._position_account(portfolio, target, instrument_id), quantity),
        ]

    def _position_account(
        self, portfolio: Portfolio, participant_id: ParticipantId, instrument_id: InstrumentId
    ) -> str:
        """The ledger account of a position, opened at its first trade."""
        account = portfolio.accounts[participant_id]
        account_id = account.positions.get(instrument_id)
        if account_id is None:
            account_id = accounts.position(participant_id, instrument_id)
            account.positions[instrument_id] = account_id
            self._ledger.open(account_id, accounts.position_asset(instrument_id), Rule.FREE)
        return account_id

    # --- clearing -----------------------------------------------------------------------------------

    def revalue(
        self, portfolio: Portfolio, forward: Price, marks: Mapping[InstrumentId, Price], live: Live, now: Time
    ) -> None:
        """Reckon every account of the portfolio at new marks. `live` gives a participant's orders in it."""
        portfolio.forward = forward
        for instrument_id, mark in marks.items():
            portfolio.value(instrument_id, mark, now)
        for participant_id, account in portfolio.accounts.items():
            account.count_anew(live(participant_id, portfolio))
            account.revalue()

    def variation(self) -> list[Due]:
        """What every account has gained or lost since the last clearing; it is owed from now on. Sums to zero,
        except where only what was realised is cleared.
        """
        realised_only = self.rules.variation.realised_only
        dues = []
        for margin in self.accounts.values():
            due = sum(account.clear_variation(realised_only) for account in margin.portfolios.values())
            margin.cleared += due
            if due:
                dues.append(Due(margin, due))
        return dues

    def settle(self, bucket_id: BucketId, price: Price) -> tuple[list[Due], list[Move]]:
        """Close every position of a bucket at its settlement price: what is due to whom, and the lots back."""
        dues: dict[ParticipantId, Money] = {}
        moves: list[Move] = []
        for portfolio in self.portfolios.values():
            ending = [i for i, terms in portfolio.instruments.items() if terms.bucket_id == bucket_id]
            for who, account in portfolio.accounts.items():
                for instrument_id in ending:
                    quantity = account.quantities.get(instrument_id, 0)
                    payoff = portfolio.instruments[instrument_id].payoff(price)
                    due = account.close_series(instrument_id, price, payoff)
                    if quantity or due:
                        dues[who] = dues.get(who, 0) + due
                    if quantity:
                        house, own = portfolio.houses[instrument_id], account.positions[instrument_id]
                        moves.append((own, house, quantity) if quantity > 0 else (house, own, -quantity))
                if ending:
                    account.revalue()
            for instrument_id in ending:
                portfolio.drop(instrument_id)
        settled = [Due(self.accounts[who], due) for who, due in dues.items()]
        for account_due in settled:
            account_due.account.cleared += account_due.amount
        return settled, moves


def portfolio_of(instrument: Instrument) -> PortfolioId:
    """Series on one underlying that pay in one coin are margined together."""
    return PortfolioId(instrument.underlying, instrument.cash)

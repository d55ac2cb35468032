"""One participant's standing under margin: its portfolios by series and cell, and its equity over all of them.

Rows are kept order by order and fill by fill, so an order costs what its own account holds and no more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import add
from typing import NamedTuple

from mypy_extensions import mypyc_attr

from exchange.clearing import accounts
from exchange.clearing.cover import CapitalAtRisk, Holder, Order, Requirement
from exchange.clearing.denomination import Conversion
from exchange.clearing.ledger import Ledger, Move, Rule
from exchange.clearing.liquidation import MarginState
from exchange.clearing.rounding import divide_up
from exchange.clearing.scenario_margin import (
    ScenarioTerms,
    beyond_tiers,
    binding_cells,
    concentration,
    direction,
    initial_margin,
    inter_expiry_charge,
    leverage_minimum,
    order_cell_losses,
    risk_array,
    short_option_minimum,
    worst_net_size,
)
from exchange.clearing.scenario_margin import (
    cells as scenario_cells,
)
from exchange.clearing.terms import ClearingRules
from exchange.events import IndexStatus
from exchange.instruments import Instrument, Product
from exchange.messages import changed
from exchange.reasons import RejectReason
from exchange.units import AssetId, BasisPoints, IndexId, IndexPrice, InstrumentId, Money, Time
from matching.terms import ParticipantId, Price, Quantity


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


@mypyc_attr(serializable=True)  # made bare when an image is read
class MarginAccount:
    """One participant's standing: what it has paid in and gained, against what its portfolios require.

    Requirement, value and what is owed are roubles; collateral, fund share and cash are coins.
    """

    __slots__ = (
        "_ledger",
        "_options_count",
        "accrued",
        "call",
        "ceiling",
        "cleared",
        "client_losses",
        "collateral",
        "conversion",
        "fund",
        "holder",
        "initial",
        "late",
        "leverage_bp",
        "mm_ratio_bp",
        "next_step",
        "obligation",
        "option_value",
        "portfolios",
        "profits_count",
        "required",
        "reserved",
        "state",
        "vain_steps",
    )

    def __init__(
        self, holder: Holder, cash: AssetId, ledger: Ledger, rules: ClearingRules, conversion: Conversion
    ) -> None:
        self.holder = holder
        self.conversion = conversion
        self.collateral = accounts.collateral(holder.participant_id, cash)
        self.fund = accounts.fund_share(holder.participant_id, cash)
        self.obligation = accounts.obligation(holder.participant_id, cash)
        self.portfolios: dict[PortfolioId, PortfolioAccount] = {}
        self.profits_count = rules.variation.profits_count
        self.leverage_bp = holder.leverage_bp
        self.mm_ratio_bp = holder.closeout_bp or rules.scenarios.mm_ratio_bp
        self.initial: Money = 0  # of positions
        self.required: Money = 0  # of positions and the worst set of fills
        self.ceiling: Money = 0  # of `required` when something else than an order last moved it
        self.reserved: Money = 0  # fees of live orders
        self.accrued: Money = 0  # by futures since the last clearing of variation margin
        self.option_value: Money = 0  # at the marks; of short options negative
        self.cleared: Money = 0  # variation margin of all clearings so far
        self.client_losses: Money = 0  # of a member: what it owes for clients that have failed
        self.state = MarginState.NORMAL
        self.call = 0  # the number of the open margin call; 0: none
        self.late: Money = 0  # what it did not bring to the last clearing
        self.next_step: Time = 0  # of liquidation: not before
        self.vain_steps = 0  # of liquidation since one last closed something
        self._ledger = ledger
        self._options_count = rules.options_count

    def pay_in(self, cash: AssetId) -> None:
        """Its accounts are in another asset from now on; what is in them is for the house to move."""
        who = self.holder.participant_id
        self.collateral, self.fund = accounts.collateral(who, cash), accounts.fund_share(who, cash)
        self.obligation = accounts.obligation(who, cash)
        self._ledger.open(self.collateral, cash, Rule.LIABILITY)
        self._ledger.open(self.fund, cash, Rule.LIABILITY)
        self._ledger.open(self.obligation, accounts.obligation_asset(cash), Rule.FREE)
        self.portfolios = {key._replace(cash=cash): account for key, account in self.portfolios.items()}
        for account in self.portfolios.values():
            account.source, account.hold_account = self.holder.cash_account, self.holder.hold_account

    @property
    def value(self) -> Money:
        """What positions are worth beyond what has been paid for them, as far as it counts."""
        return self._valued(self.accrued, self.option_value)

    def _valued(self, accrued: Money, option_value: Money) -> Money:
        return (accrued if self.profits_count else min(accrued, 0)) + self._counted(option_value)

    def _counted(self, option_value: Money) -> Money:
        return option_value if self._options_count else min(option_value, 0)

    @property
    def equity(self) -> Money:
        """What stands behind the positions. Free cash under a legal order cannot be called upon, nor what is held for
        orders that are covered in another way.
        """
        cash = 0 if self.holder.frozen else self._ledger.available(self.holder.cash_account)
        coins = (
            cash + self._ledger.posted(self.collateral) + sum(part.hold for part in self.portfolios.values())
        )
        return self.conversion.counts(coins) + self.claim

    def equity_with(self, futures: Money = 0, options: Money = 0) -> Money:
        """Equity if futures had gained, or options were worth, so much more."""
        return self.equity - self.value + self._valued(self.accrued + futures, self.option_value + options)

    @property
    def claim(self) -> Money:
        """Equity without coins: what the house owes or is owed, and value."""
        return self._ledger.posted(self.obligation) + self.value

    @property
    def wanted(self) -> Money:
        """How many coins should be posted: for initial margin, and for whatever is lost already."""
        return self.conversion.needed(max(0, self.initial - self.claim))

    @property
    def excess(self) -> Money:
        """Equity above the requirement of positions, orders and fees."""
        return self.equity - self.required - self.reserved

    def lost_in_premiums(self, more: Money) -> Money:
        """What equity loses if all live orders fill, with so much `more` in premiums: nothing if options count for
        what they are worth; otherwise all but what buys back short ones."""
        if self._options_count:
            return 0
        premiums = more + sum(account.premium_reserve for account in self.portfolios.values())
        return max(premiums + min(self.option_value, 0), 0)

    def cost_of_options(self, worth: Money) -> Money:
        """How much less equity there is once options come in that are paid for at what they are worth."""
        return self._counted(self.option_value) + worth - self._counted(self.option_value + worth)

    def maintenance(self, initial: Money) -> Money:
        """What its equity must be, with so much initial margin, for its positions to be left alone; rounded up."""
        return divide_up(initial * self.mm_ratio_bp, 10_000)

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


@mypyc_attr(serializable=True)  # made bare when an image is read
class PortfolioAccount:
    """One participant's positions and live orders in one portfolio. Lists run over the cells that can be the
    worst, in minor units."""

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
        self.cells: list[Money] = [0] * len(portfolio.binding)
        self.order_cells: list[Money] = [0] * len(portfolio.binding)
        self.bought = self.sold = self.written = 0  # lots that live orders could add
        self.net = 0  # lots of positions, by the direction in which they gain
        self.fee_reserve: Money = 0
        self.premium_reserve: Money = 0
        self.accrued: Money = 0  # of futures, at the marks, since the last clearing
        self.realised: dict[InstrumentId, Money] = {}  # the part of it that belongs to lots closed since
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
        more = (
            rows.star - self.star + self.margin.lost_in_premiums(rows.premium_reserve - self.premium_reserve)
        )
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
        self._note(self.initial, self._star())
        return self.hold - before

    def reopen_order(self, order: Order) -> None:
        """Count an order again that was closed a moment ago."""
        self._count(order, order.remaining)
        self._note(self.initial, self._star())

    def count_anew(self, orders: Iterable[Order]) -> None:
        """Count the live orders again, at new marks."""
        self.order_cells = [0] * len(self.portfolio.binding)
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
            gained = tick_value * (left - cost - sign * closed * price)
            self.realised[instrument_id] = self.realised.get(instrument_id, 0) + gained
            self._accrue(tick_value * change * (mark - price))
        array = portfolio.arrays[instrument_id]
        self.cells = [loss + change * lot for loss, lot in zip(self.cells, array, strict=True)]
        self.net += portfolio.directions[instrument_id] * change
        self.reckon()

    def revalue(self) -> None:
        """Positions against the marks and arrays of now; orders were counted anew before."""
        portfolio, tick_value = self.portfolio, self.portfolio.tick_value
        cells, options, futures = [0] * len(portfolio.binding), 0, sum(self.realised.values())
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
        self.margin.ceiling = self.margin.required

    def clear_variation(self, realised_only: bool) -> Money:
        """What the futures have gained or lost since the last clearing: from here on it is an obligation."""
        due = sum(self.realised.values()) if realised_only else self.accrued
        if not realised_only:
            for instrument_id, quantity in self.quantities.items():
                if not self.portfolio.is_option[instrument_id]:
                    self.costs[instrument_id] = quantity * self.portfolio.marks[instrument_id]
        self.realised.clear()
        self._accrue(-due)
        return due

    def close_series(self, instrument_id: InstrumentId, price: Price, payoff: Price) -> Money:
        """The series is over at `price`: what it pays beyond what has been paid, on lots closed before as well;
        the position is gone."""
        quantity, cost = self.quantities.pop(instrument_id, 0), self.costs.pop(instrument_id, 0)
        self.entries.pop(instrument_id, None)
        tick_value, mark = self.portfolio.tick_value, self.portfolio.marks[instrument_id]
        if self.portfolio.is_option[instrument_id]:
            due = tick_value * quantity * payoff
            self.option_value -= tick_value * quantity * mark
            self.margin.option_value -= tick_value * quantity * mark
        else:
            realised = self.realised.pop(instrument_id, 0)
            due = tick_value * (quantity * price - cost) + realised
            self._accrue(-tick_value * (quantity * mark - cost) - realised)
        self.net -= self.portfolio.directions[instrument_id] * quantity
        self.premia = self.portfolio.premia_of(self)
        return due

    def _accrue(self, change: Money) -> None:
        self.accrued += change
        self.margin.accrued += change

    # --- what it needs ------------------------------------------------------------------------------

    def reckon(self) -> None:
        """Bring requirement, hold and capital at risk up to date with the rows."""
        self._note(self.portfolio.requirement(self, max(self.cells), 0, 0, 0), self._star())

    def _star(self) -> Money:
        worst = max(map(add, self.cells, self.order_cells))
        return self.portfolio.requirement(self, worst, self.bought, self.sold, self.written)

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
        self.at_risk.note(before, self.worst)


@contextmanager
def _changed(account: PortfolioAccount, changes: Mapping[InstrumentId, int]) -> Iterator[None]:
    """The account as if it held these lots more, for as long as charges on its size are reckoned."""
    kept, net = dict(account.quantities), account.net
    for instrument_id, change in changes.items():
        account.quantities[instrument_id] = account.quantities.get(instrument_id, 0) + change
        account.net += account.portfolio.directions[instrument_id] * change
    yield
    account.quantities, account.net = kept, net


@mypyc_attr(serializable=True)  # made bare when an image is read
class Portfolio:
    """Margined series on one underlying, with the marks and risk arrays of the last valuation."""

    __slots__ = (
        "accounts",
        "arrays",
        "binding",
        "cash",
        "cells",
        "directions",
        "expiries",
        "fees",
        "forward",
        "houses",
        "instruments",
        "is_option",
        "marks",
        "options_count",
        "portfolio_id",
        "risk_arrays",
        "terms",
        "tick_value",
        "tiers",
        "unconcentrated",
        "valued_at",
        "valued_by",
    )

    def __init__(self, instrument: Instrument, terms: ScenarioTerms, options_count: bool) -> None:
        self.portfolio_id = portfolio_of(instrument)
        self.options_count = options_count
        self.cash = instrument.cash
        self.fees = accounts.fees(self.cash)
        self.terms = terms
        self.tiers: tuple[tuple[Quantity, BasisPoints], ...] = ()
        self.unconcentrated = terms.concentration_threshold  # net lots for which nothing is charged
        self.tick_value = instrument.tick_value
        self.forward: Price = instrument.reference if instrument.strike is None else instrument.strike
        self.cells = scenario_cells(terms)
        self.binding: Sequence[int] = range(len(self.cells))  # those that can be the worst
        self.valued_at: IndexPrice = self.forward * instrument.tick  # the index at the last valuation
        self.valued_by: IndexStatus | None = None  # how that index stood
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.houses: dict[InstrumentId, str] = {}  # the house's side of every trade
        self.marks: dict[InstrumentId, Price] = {}
        self.risk_arrays: dict[InstrumentId, tuple[Money, ...]] = {}  # over all cells
        self.arrays: dict[InstrumentId, tuple[Money, ...]] = {}  # over those of `binding`
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

    def charge_beyond(self, tiers: tuple[tuple[Quantity, BasisPoints], ...]) -> None:
        """From here on net lots beyond these sizes cost more; the requirement of all accounts must follow."""
        self.tiers = tiers
        self.unconcentrated = min(self.terms.concentration_threshold, *(lots for lots, _ in tiers))

    def value(self, marks: Mapping[InstrumentId, Price], now: Time) -> None:
        """From here on these series are reckoned at these marks; the rows of all accounts must follow."""
        for instrument_id, mark in marks.items():
            instrument = self.instruments[instrument_id]
            self.marks[instrument_id] = mark
            left = max(instrument.expiry - now, 0)
            self.risk_arrays[instrument_id] = risk_array(instrument, mark, self.forward, left, self.terms)
        self.binding = binding_cells(list(self.risk_arrays.values()))
        for instrument_id, array in self.risk_arrays.items():
            self.arrays[instrument_id] = tuple(array[cell] for cell in self.binding)

    def pay_in(self, cash: AssetId) -> None:
        """Its series pay in another asset from now on, unit for unit."""
        self.portfolio_id, self.cash = self.portfolio_id._replace(cash=cash), cash
        self.fees = accounts.fees(cash)
        self.instruments = {i: changed(terms, cash=cash) for i, terms in self.instruments.items()}

    def drop(self, instrument_id: InstrumentId) -> None:
        """The series is over and nobody holds it any more."""
        instrument = self.instruments.pop(instrument_id)
        del self.risk_arrays[instrument_id], self.arrays[instrument_id], self.marks[instrument_id]
        self.expiries[instrument.expiry].remove(instrument_id)
        if not self.expiries[instrument.expiry]:
            del self.expiries[instrument.expiry]

    def lot_losses(self, order: Order) -> list[Money]:
        """What each lot of `order` would lose in each cell if it filled."""
        instrument_id = order.instrument.instrument_id
        array, mark = self.arrays[instrument_id], self.marks[instrument_id]
        return order_cell_losses(array, order.side, self.counted_price(order), mark, self.tick_value)

    def counted_price(self, order: Order) -> Price:
        """The order's price, but its mark for an option that is bought below it where options do not count: that
        would be no gain."""
        instrument_id = order.instrument.instrument_id
        if order.side > 0 and self.is_option[instrument_id] and not self.options_count:
            return max(order.price, self.marks[instrument_id])
        return order.price

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

        Most often that is all: there is one expiry, no cap on leverage, and nobody's size is beyond the threshold.
        """
        terms = self.terms
        size = worst_net_size(account.net, bought, sold)
        concentrated = size > self.unconcentrated
        leverage_bp = account.margin.leverage_bp
        if (
            not concentrated
            and len(self.expiries) == 1
            and not terms.short_option_minimum_bp
            and leverage_bp is None
        ):
            return worst if worst > 0 else 0
        lot = self.forward * self.tick_value
        short = written + sum(
            -quantity for i, quantity in account.quantities.items() if quantity < 0 and self.is_option[i]
        )
        return initial_margin(
            worst,
            max(
                short_option_minimum(short, self.forward, self.tick_value, terms),
                leverage_minimum(size * lot, leverage_bp),
            ),
            concentration(size, lot, terms) + beyond_tiers(size, lot, self.tiers),
            inter_expiry_charge(self._spread(account, bought, sold), terms) if len(self.expiries) > 1 else 0,
        )

    def _spread(self, account: PortfolioAccount, bought: Quantity, sold: Quantity) -> Iterator[Money]:
        """Notional by expiry, short ones negative; orders count on their side, wherever they would fill."""
        lot = self.forward * self.tick_value
        yield bought * lot
        yield -sold * lot
        for series in self.expiries.values():
            yield lot * sum(self.directions[i] * account.quantities.get(i, 0) for i in series)


def portfolio_of(instrument: Instrument) -> PortfolioId:
    """Series on one underlying that pay in one coin are margined together."""
    return PortfolioId(instrument.underlying, instrument.cash)

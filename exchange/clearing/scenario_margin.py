"""Scenario margin: what a portfolio would lose in the worst of some thirty moves of price and volatility.

One long lot of each series has an integer *risk array*, its loss in each cell: nine price moves times three
states of volatility, and four extreme moves of which a part is counted, in the manner of SPAN and of
Deribit's portfolio margin. Floats end there; a portfolio is a sum of arrays, and open orders add

    worst = max over cells k of [ sum of q * a_k + sum over orders of max(0, q * a_k + q * (price - mark)) ]

which is exact over every subset of them that might fill, since in one cell each order hurts or helps by
itself. Sums of integers make the requirement subadditive; of what is added to it, the concentration is not.
"""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple

from exchange.clearing.portfolio import Holding, Margin
from exchange.clearing.pricing import ONE_IN_BP, deviation_of, option_price
from exchange.clearing.rounding import divide_up
from exchange.instruments import ContractKind, Instrument, Product
from exchange.messages import Message
from exchange.units import DAY, BasisPoints, IndexId, Money, Time
from matching.terms import Price, Quantity, Side

ONE_IN_PPB = 10**9
VOLATILITY_DAYS = 30  # to expiry, at which the states of volatility are as stated
FALLING = (ContractKind.PUT, ContractKind.DIGITAL_PUT)  # worth more at a lower price


class ScenarioTerms(Message):
    """Parameters of scenario margin. Moves are shares of the price, states of volatility shares of volatility.

    The range covers two days at 99% up to a volatility of 4.86% a day. Range, states, slope and inter-expiry
    charge have the shape and size of Deribit's; extremes, threshold and `mm_ratio_bp` are our own proposal.
    """

    price_range_bp: BasisPoints = 1_600  # to either side
    price_steps: int = 9  # over the whole range; odd, so that one of them is no move
    volatility_bp: BasisPoints = 6_000  # a year; one for all strikes and expiries
    volatility_down_bp: BasisPoints = 3_000
    volatility_up_bp: BasisPoints = 4_500
    volatility_power_percent: int = 30  # the states grow by (30 / days to expiry) to this power
    extreme_moves_bp: tuple[int, ...] = (-5_000, -3_300, 5_000, 10_000)
    extreme_share_bp: BasisPoints = 3_000  # of the loss in an extreme move, volatility up, that counts
    mm_ratio_bp: BasisPoints = 7_500  # maintenance margin as a share of initial margin
    short_option_minimum_bp: BasisPoints = 0  # of the underlying of each short lot
    concentration_slope_ppb: int = 50  # of the notional, for each lot beyond the threshold
    concentration_threshold: Quantity = 10_000  # net lots
    inter_expiry_bp: BasisPoints = 100  # of the notional that is long in one expiry and short in another
    price_range_floor_bp: BasisPoints = 1_200  # below which calm days do not narrow the range
    range_decay_bp: BasisPoints = 100  # by how much of itself the range may narrow in a day


class Cell(NamedTuple):
    """One scenario: how price and volatility move, and which share of the loss counts."""

    numerator: int  # of the move of the price, as a fraction of it
    denominator: int
    volatility_bp: BasisPoints  # its change 30 days before the expiry, as a share of it
    share_bp: BasisPoints


def fault_in_scenarios(terms: ScenarioTerms) -> str | None:
    """Why margin cannot be reckoned by these terms, or None. The remedy is part of the sentence."""
    if not 0 < terms.price_range_bp < ONE_IN_BP:
        return f"price_range_bp must lie between 0 and {ONE_IN_BP}, not be {terms.price_range_bp}"
    if terms.price_steps < 3 or terms.price_steps % 2 == 0:
        return f"price_steps must be odd and at least 3, so that one is no move, not {terms.price_steps}"
    if terms.volatility_bp < 1:
        return f"volatility_bp must be positive, not {terms.volatility_bp}"
    if not 0 <= terms.volatility_down_bp <= ONE_IN_BP or terms.volatility_up_bp < 0:
        return (
            "volatility_down_bp and volatility_up_bp are sizes: write 3000 for 30% down; at most all is lost"
        )
    if not 0 <= terms.volatility_power_percent <= 100:
        return f"volatility_power_percent must be between 0 and 100, not {terms.volatility_power_percent}"
    if min(terms.extreme_moves_bp, default=0) <= -ONE_IN_BP:
        return f"extreme_moves_bp may not take the whole price, as {min(terms.extreme_moves_bp)} would"
    if not 0 <= terms.extreme_share_bp <= ONE_IN_BP:
        return f"extreme_share_bp must be between 0 and {ONE_IN_BP}, not {terms.extreme_share_bp}"
    if not 0 < terms.mm_ratio_bp <= ONE_IN_BP:
        return f"mm_ratio_bp must be positive and at most {ONE_IN_BP}: no more to keep a position than to open it"
    charges = (terms.short_option_minimum_bp, terms.concentration_slope_ppb, terms.inter_expiry_bp)
    if min(*charges, terms.concentration_threshold) < 0:
        return "charges and concentration_threshold must not be negative; 0 means that there is none"
    if not 0 <= terms.price_range_floor_bp <= terms.price_range_bp:
        return f"price_range_floor_bp must be between 0 and price_range_bp, not {terms.price_range_floor_bp}"
    if not 0 < terms.range_decay_bp <= ONE_IN_BP:
        return f"range_decay_bp must be positive and at most {ONE_IN_BP}, or the range never narrows again"
    return None


# --- risk arrays: the only floats -----------------------------------------------------------------------


def cells(terms: ScenarioTerms, price_range_bp: BasisPoints | None = None) -> tuple[Cell, ...]:
    """The scenarios in the order of every risk array: by price, then by volatility, then the extremes.

    `price_range_bp` is the range of the day, where it is not that of the terms.
    """
    reach = terms.price_range_bp if price_range_bp is None else price_range_bp
    last = terms.price_steps - 1
    states = (-terms.volatility_down_bp, 0, terms.volatility_up_bp)
    grid = [
        Cell(reach * (2 * step - last), last * ONE_IN_BP, state, ONE_IN_BP)
        for step in range(terms.price_steps)
        for state in states
    ]
    extremes = [
        Cell(move, ONE_IN_BP, terms.volatility_up_bp, terms.extreme_share_bp)
        for move in terms.extreme_moves_bp
    ]
    return (*grid, *extremes)


def risk_array(
    instrument: Instrument,
    mark: Price,
    forward: Price,
    time_left: Time,
    terms: ScenarioTerms,
    price_range_bp: BasisPoints | None = None,
) -> tuple[Money, ...]:
    """What one long lot loses in each of `cells`, in minor units, rounded up; a gain is negative.

    A short lot loses exactly the opposite, hence up to one minor unit less than its loss rounded up: margin
    stays a sum. No collar bends an array, neither a future's nor an option's, so a hedge of one with the
    other holds at the edges too. A future moves with its `mark`. An option is priced anew at the moved
    `forward`, against its own model price there, unrounded; so volatility, not its mark, sets its array,
    but a long lot never loses more than `mark`.
    """
    scenarios = cells(terms, price_range_bp)
    if instrument.product is Product.OPTION:
        return _option_array(instrument, mark, forward, time_left, terms, scenarios)
    worth = mark * instrument.tick_value
    return tuple(
        divide_up(-worth * cell.numerator * cell.share_bp, cell.denominator * ONE_IN_BP) for cell in scenarios
    )


def _option_array(
    instrument: Instrument,
    mark: Price,
    forward: Price,
    time_left: Time,
    terms: ScenarioTerms,
    scenarios: Sequence[Cell],
) -> tuple[Money, ...]:
    kind, strike, payoff = instrument.kind, instrument.strike, instrument.digital_payoff
    assert strike is not None, "an option has a strike"
    deviation = deviation_of(time_left, terms.volatility_bp)
    growth = (VOLATILITY_DAYS / max(time_left / DAY, 1)) ** (terms.volatility_power_percent / 100)
    model = option_price(kind, forward, strike, deviation, payoff)
    most = mark * instrument.tick_value
    losses = []
    for cell in scenarios:
        moved = forward * (1 + cell.numerator / cell.denominator)
        stirred = deviation * (1 + cell.volatility_bp / ONE_IN_BP * growth)  # below nothing it is nothing
        loss = (model - option_price(kind, moved, strike, stirred, payoff)) * cell.share_bp / ONE_IN_BP
        losses.append(min(ceil(loss * instrument.tick_value), most))
    return tuple(losses)


def next_price_range(yesterday_bp: BasisPoints, wanted_bp: BasisPoints, terms: ScenarioTerms) -> BasisPoints:
    """The range of a new day: at once as wide as `wanted_bp`, but narrowing slowly, and never below its floor.

    So calm days do not lower margin just before it must rise. It narrows in whole basis points, by one at least.
    """
    step = max(yesterday_bp * terms.range_decay_bp // ONE_IN_BP, 1)
    return max(wanted_bp, terms.price_range_floor_bp, yesterday_bp - step)


# --- positions and orders: integers ---------------------------------------------------------------------


def cell_losses(quantities: Sequence[int], arrays: Sequence[Sequence[Money]]) -> list[Money]:
    """What positions lose together in each cell; no rows if there are no positions."""
    return [
        sum(quantity * loss for quantity, loss in zip(quantities, losses, strict=True))
        for losses in zip(*arrays, strict=True)
    ]


def binding_cells(arrays: Sequence[Sequence[Money]]) -> list[int]:
    """The cells among which the worst one always is, whatever is held and ordered in series with these arrays.

    A loss is convex in what a lot of each series loses. So of a single series only the cells in which it loses
    least and most can be the worst; of several, cells that are alike for all of them count once.
    """
    if len(arrays) == 1:
        losses = arrays[0]
        return [losses.index(min(losses)), losses.index(max(losses))]
    first: dict[tuple[Money, ...], int] = {}
    for cell, losses in enumerate(zip(*arrays, strict=True)):
        first.setdefault(losses, cell)
    return list(first.values())


def scenario_loss(quantities: Sequence[int], arrays: Sequence[Sequence[Money]]) -> Money:
    """The worst cell of positions, never below zero."""
    return max(0, max(cell_losses(quantities, arrays), default=0))


def order_cell_losses(
    array: Sequence[Money], side: Side, price: Price, mark: Price, tick_value: Money
) -> list[Money]:
    """What each lot of an order would lose in each cell if it filled at `price`, nothing where it would gain.

    What it pays beyond the mark is lost at once, a premium likewise, provided that equity counts options at
    their marks.
    """
    lost_at_once = (price - mark) * tick_value
    if side > 0:
        return [lost_at_once + loss if lost_at_once + loss > 0 else 0 for loss in array]
    return [-lost_at_once - loss if lost_at_once + loss < 0 else 0 for loss in array]


def short_option_minimum(
    short_lots: Quantity, forward: Price, tick_value: Money, terms: ScenarioTerms
) -> Money:
    """The least that short options need, however far their strikes are; rounded up."""
    return divide_up(short_lots * forward * tick_value * terms.short_option_minimum_bp, ONE_IN_BP)


def leverage_minimum(notional: Money, leverage_bp: BasisPoints | None) -> Money:
    """The least that a net notional needs where leverage is capped: at 20,000, half of it; rounded up."""
    return divide_up(notional * ONE_IN_BP, leverage_bp) if leverage_bp else 0


def direction(instrument: Instrument) -> int:
    """Whether a long lot gains when the price rises (1) or falls (-1)."""
    return -1 if instrument.kind in FALLING else 1


def worst_net_size(net: int, bought: Quantity, sold: Quantity) -> Quantity:
    """The largest net size that live orders, `bought` and `sold` lots of them, could lead to."""
    return max(abs(net + bought), abs(net - sold))


def concentration(net_size: Quantity, lot_notional: Money, terms: ScenarioTerms) -> Money:
    """The charge for lots too many to be closed out at the mark; rounded up. `lot_notional` is that of one lot.

    It grows with the square of the size, so two parts of a position cost less than the whole: ask it for the
    worst net size, never order by order.
    """
    beyond = max(net_size - terms.concentration_threshold, 0)
    return divide_up(net_size * lot_notional * terms.concentration_slope_ppb * beyond, ONE_IN_PPB)


def beyond_tiers(
    net_size: Quantity, lot_notional: Money, tiers: Sequence[tuple[Quantity, BasisPoints]]
) -> Money:
    """What a regime's position limit asks of the notional between a tier and the next, and beyond the last; rounded up.

    `tiers` are net lots and the share for each lot beyond, the smallest first.
    """
    ends = [lots for lots, _ in tiers[1:]] + [net_size]
    parts = ((min(net_size, end) - lots, bp) for (lots, bp), end in zip(tiers, ends, strict=False))
    return divide_up(sum(max(lots, 0) * bp for lots, bp in parts) * lot_notional, ONE_IN_BP)


def inter_expiry_charge(notionals: Iterable[Money], terms: ScenarioTerms) -> Money:
    """The charge for what nets only between expiries of one underlying, whose prices may part; rounded up.

    `notionals` are the net ones of each expiry, short ones negative.
    """
    signed = list(notionals)
    long = sum(notional for notional in signed if notional > 0)
    return divide_up(min(long, long - sum(signed)) * terms.inter_expiry_bp, ONE_IN_BP)


def initial_margin(
    worst_cell: Money, short_minimum: Money, concentrated: Money, inter_expiry: Money
) -> Money:
    """What one underlying's positions and orders must be covered by; the minimum, nothing or more, is its floor."""
    return max(worst_cell, short_minimum) + concentrated + inter_expiry


def maintenance_margin(initial: Money, terms: ScenarioTerms) -> Money:
    """What must be left of the cover before positions are closed out; rounded up, never above `initial`."""
    return divide_up(initial * terms.mm_ratio_bp, ONE_IN_BP)


# --- a whole portfolio, from nothing --------------------------------------------------------------------


def scenario_margin(holdings: Iterable[Holding], terms: ScenarioTerms) -> Margin:
    """What a whole portfolio without orders needs, in minor units of the one cash asset that it is held in.

    Underlyings do not net; all expiries of one move together. Its series must have lots of one size.
    """
    by_underlying: dict[IndexId, list[Holding]] = {}
    for holding in holdings:
        by_underlying.setdefault(holding.instrument.underlying, []).append(holding)
    initial = sum(_underlying_margin(held, terms) for held in by_underlying.values())
    return Margin(initial, maintenance_margin(initial, terms))


def _underlying_margin(held: Sequence[Holding], terms: ScenarioTerms) -> Money:
    arrays = [risk_array(h.instrument, h.mark, h.forward, h.time_left, terms) for h in held]
    short_minimum = net = dearest = 0
    by_expiry: dict[Time, Money] = {}
    for h in held:
        tick_value, size = h.instrument.tick_value, direction(h.instrument) * h.quantity
        if h.instrument.product is Product.OPTION and h.quantity < 0:
            short_minimum += short_option_minimum(-h.quantity, h.forward, tick_value, terms)
        net += size
        dearest = max(dearest, h.forward * tick_value)
        expiry = h.instrument.expiry
        by_expiry[expiry] = by_expiry.get(expiry, 0) + size * h.forward * tick_value
    return initial_margin(
        scenario_loss([h.quantity for h in held], arrays),
        short_minimum,
        concentration(abs(net), dearest, terms),
        inter_expiry_charge(by_expiry.values(), terms),
    )

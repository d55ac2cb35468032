"""The states of a margin account as one table, and how far a position must be cut to leave them upward.

    normal <-> restricted <-> call <-> liquidating <-> backstop
       any of these -> default -> closing -> closed

The first five follow the account's equity, over any distance and both ways. From a default on there is one
way only. No order is placed here: what is reckoned is a state, a number of lots, a price.
"""

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction

from exchange.clearing.rounding import divide_up
from exchange.messages import Message
from exchange.units import HOUR, MINUTE, BasisPoints, Money, Time
from matching.terms import Price, Quantity

HIGHEST_FEE_BP: BasisPoints = 150  # dYdX takes no more


class MarginState(StrEnum):
    """How an account stands, the better state first."""

    NORMAL = "normal"  # initial margin is there
    RESTRICTED = "restricted"  # it is not: only what reduces the requirement
    CALL = "call"  # below the call level: money is due by a deadline
    LIQUIDATING = "liquidating"  # below maintenance margin: the house closes step by step
    BACKSTOP = "backstop"  # too little for steps: the position goes to whoever stands behind
    DEFAULT = "default"  # nothing left, a call or payment missed, insolvent, or declared
    CLOSING = "closing"  # default management is at work
    CLOSED = "closed"  # no position is left and the loss is shared


_M = MarginState
_MEASURED = (_M.NORMAL, _M.RESTRICTED, _M.CALL, _M.LIQUIDATING, _M.BACKSTOP)

NEXT: Mapping[MarginState, tuple[MarginState, ...]] = {
    # A gap may lead over any distance, and money that arrives leads back.
    _M.NORMAL: (_M.RESTRICTED, _M.CALL, _M.LIQUIDATING, _M.BACKSTOP, _M.DEFAULT),
    _M.RESTRICTED: (_M.NORMAL, _M.CALL, _M.LIQUIDATING, _M.BACKSTOP, _M.DEFAULT),
    _M.CALL: (_M.NORMAL, _M.RESTRICTED, _M.LIQUIDATING, _M.BACKSTOP, _M.DEFAULT),
    _M.LIQUIDATING: (_M.NORMAL, _M.RESTRICTED, _M.CALL, _M.BACKSTOP, _M.DEFAULT),
    _M.BACKSTOP: (_M.NORMAL, _M.RESTRICTED, _M.CALL, _M.LIQUIDATING, _M.DEFAULT),
    _M.DEFAULT: (_M.CLOSING,),
    _M.CLOSING: (_M.CLOSED,),
    _M.CLOSED: (),
}


def advance(state: MarginState, to: MarginState) -> MarginState:
    """The state `to`, if an account in `state` may enter it; a step that the table does not know is our bug."""
    assert to in NEXT[state], f"a margin account that is {state} cannot become {to}"
    return to


def follows_equity(state: MarginState) -> bool:
    """Whether the account is still its owner's, so that prices and payments move its state."""
    return state in _MEASURED


def only_reduces(state: MarginState) -> bool:
    """Whether its owner may do nothing but lower the requirement."""
    return state is not MarginState.NORMAL


class LiquidationTerms(Message):
    """How accounts are called and cut down. The step share and the highest fee are those of dYdX."""

    call_deadline: Time = HOUR
    interval: Time = MINUTE  # between two steps
    step_share_bp: BasisPoints = 1_000  # of the position, at most in one step
    fee_bp: BasisPoints = 150  # of what is traded, to the insurance fund
    slippage_bp: BasisPoints = 0  # expected of a step
    backstop_share: tuple[int, int] = (2, 3)  # of the maintenance margin, as numerator and denominator


def fault_in_liquidation(terms: LiquidationTerms) -> str | None:
    """Why accounts cannot be cut down by these terms, or None. The remedy is part of the sentence."""
    if min(terms.call_deadline, terms.interval) < 1:
        return "call_deadline and interval must be a nanosecond or more"
    if not 1 <= terms.step_share_bp <= 10_000:
        return f"step_share_bp must lie between 1 and 10000, not be {terms.step_share_bp}"
    if not 0 <= terms.fee_bp <= HIGHEST_FEE_BP:
        return f"fee_bp must lie between 0 and {HIGHEST_FEE_BP}, not be {terms.fee_bp}"
    if not 0 <= terms.slippage_bp < 10_000:
        return f"slippage_bp must lie between 0 and 9999, not be {terms.slippage_bp}"
    numerator, denominator = terms.backstop_share
    if not 0 <= numerator < denominator:
        return f"backstop_share must be a part of one, as in [2, 3], not [{numerator}, {denominator}]"
    return None


def state_of(
    equity: Money, initial: Money, call_level: Money, maintenance: Money, terms: LiquidationTerms
) -> MarginState:
    """What the equity alone says of an account; whoever stands exactly on a level is above it."""
    assert 0 <= maintenance <= call_level <= initial, "margins come in their order"
    numerator, denominator = terms.backstop_share
    if equity >= initial:
        return MarginState.NORMAL
    if equity >= call_level:
        return MarginState.RESTRICTED
    if equity >= maintenance:
        return MarginState.CALL
    if equity < 0:
        return MarginState.DEFAULT
    if equity * denominator < maintenance * numerator:
        return MarginState.BACKSTOP
    return MarginState.LIQUIDATING


def cost_per_lot(price: Price, tick_value: Money, terms: LiquidationTerms) -> Money:
    """What closing one lot is expected to take from the account: fee and slippage, rounded up."""
    return divide_up(price * tick_value * (terms.fee_bp + terms.slippage_bp), 10_000)


def lots_to_cure(
    lots: Quantity, equity: Money, maintenance: Money, freed_per_lot: Money, cost: Money
) -> Quantity | None:
    """The fewest of these lots whose closing brings equity up to the maintenance margin, or None.

    Equity and maintenance are the account's; a lot closed frees so much of the latter and costs so much of
    the former. None: a lot costs what it frees, or more, or there are too few lots. Then it takes an auction.
    """
    shortfall = max(maintenance - equity, 0)
    if not shortfall:
        return 0
    if cost >= freed_per_lot:
        return None
    needed = divide_up(shortfall, freed_per_lot - cost)
    return needed if needed <= lots else None


def next_step(lots: Quantity, needed: Quantity, terms: LiquidationTerms) -> Quantity:
    """How many of the `needed` lots are closed at once: at most a share of the position, yet one at least."""
    return min(needed, max(lots * terms.step_share_bp // 10_000, 1))


def equity_behind(equity: Money, maintenance: Money, freed: Money) -> Fraction:
    """The part of an account's equity that stands behind one of its positions: by the margin it would free.

    Who gives up a position together with just this keeps the ratio of equity to maintenance margin (dYdX).
    The maintenance margin of the account is positive.
    """
    return Fraction(equity * freed, maintenance)


def bankruptcy_price(mark: Price, lots: int, tick_value: Money, equity: Money | Fraction) -> Fraction:
    """The exact price, in ticks, at which closing these signed lots uses up the equity behind them."""
    return mark - Fraction(equity) / (lots * tick_value)


def limit_price(exact: Fraction, lots: int) -> Price:
    """The furthest tick at which these signed lots may be closed: the one that still leaves nothing missing.

    Lots held long are sold, and their price is rounded up; lots held short are bought back, rounded down.
    """
    return divide_up(exact.numerator, exact.denominator) if lots > 0 else exact.numerator // exact.denominator


def liquidation_fee(traded: Money, equity: Money, terms: LiquidationTerms) -> Money:
    """A share of the notional traded, rounded up, but never more than the account has left."""
    return min(divide_up(traded * terms.fee_bp, 10_000), max(equity, 0))

"""The road of a halt of a cash asset: nothing is traded that pays in it while any cause of a halt holds.

By directive it does not enter or leave the venue either. Each series remembers as what it resumes; a halt of that
series by directive and one of its cash do not lift each other.
"""

from collections.abc import Iterator

from exchange import margining, treasury
from exchange.cash.holding import Holding
from exchange.cash.terms import CashHalt
from exchange.clearing import house, rolling
from exchange.clearing.expiry import is_over, is_trading
from exchange.commands import HaltCash, ResumeCash, RollPerpetual, StartFixing
from exchange.events import CancelCause, CashHalted, CashResumed, DirectiveRefused, Event, SeriesState
from exchange.reasons import CashRefusal
from exchange.state import Series, State
from exchange.trading import cancel_orders_in
from exchange.units import AssetId

# --- by directive ---------------------------------------------------------------------------------------


def halt_cash(command: HaltCash, state: State) -> Iterator[Event]:
    """What is on its way out comes back, and orders are canceled: what is owed may soon be converted."""
    holding = state.holdings.get(command.asset_id)
    if holding is None or CashHalt.DIRECTIVE in holding.halts or not command.grounds:
        explanation = "it needs an asset that is not halted yet by a directive, and grounds"
        yield DirectiveRefused(directive=f"halt {command.asset_id}", explanation=explanation)
        return
    yield from halt(holding, CashHalt.DIRECTIVE, command.grounds, state)
    yield from call_off(holding, state)


def resume_cash(command: ResumeCash, state: State) -> Iterator[Event]:
    """The directive is lifted; any other cause goes on until it is over."""
    holding = state.holdings.get(command.asset_id)
    if holding is None or CashHalt.DIRECTIVE not in holding.halts:
        explanation = "only an asset that a directive has halted can be resumed by one"
        yield DirectiveRefused(directive=f"resume {command.asset_id}", explanation=explanation)
        return
    yield from resume(holding, CashHalt.DIRECTIVE, state)
    yield from margining.renew_calls(command.asset_id, state)


def call_off(holding: Holding, state: State) -> Iterator[Event]:
    """Nothing of the asset is on its way any more, nor promised by an order."""
    for withdrawal in list(holding.pending.values()):
        yield treasury.give_back(withdrawal, CashRefusal.CASH_HALTED, holding, state)
    for series in series_in(holding.terms.asset_id, state):
        yield from cancel_orders_in(series, CancelCause.CASH_HALTED, state)


# --- for any cause --------------------------------------------------------------------------------------


def halt(holding: Holding, cause: CashHalt, grounds: str, state: State) -> Iterator[Event]:
    """Suspend every series that needs the asset, unless it is halted for that cause already."""
    if cause in holding.halts:
        return
    holding.halts[cause] = grounds
    yield CashHalted(asset_id=holding.terms.asset_id, cause=cause, grounds=grounds)
    yield from review(state)


def resume(holding: Holding, cause: CashHalt, state: State) -> Iterator[Event]:
    """The cause is over: what no other cause keeps halted trades again."""
    if cause not in holding.halts:
        return
    del holding.halts[cause]
    yield CashResumed(asset_id=holding.terms.asset_id, cause=cause)
    yield from review(state)


def follow_freeze(holding: Holding, state: State) -> Iterator[Event]:
    """What the venue settles in is halted while a wallet of the house is frozen, if the regime in force says so."""
    rules = state.regime.cash if state.regime is not None else None
    bound = rules is not None and rules.halt_on_freeze and rules.settlement_asset == holding.terms.asset_id
    frozen = holding.custody.frozen_house(holding.keeper)
    if bound and frozen:
        grounds = f"{frozen} of what the house's wallets hold cannot move"
        yield from halt(holding, CashHalt.FROZEN, grounds, state)
    else:
        yield from resume(holding, CashHalt.FROZEN, state)


def series_in(asset_id: AssetId, state: State) -> list[Series]:
    """Those that pay in the asset or, of pairs, deliver it, and are not over."""
    every = state.series.values()
    return [s for s in every if asset_id in s.instrument.cash_assets and not is_over(s.state)]


def review(state: State) -> Iterator[Event]:
    """Suspend what must be, resume what was suspended here and need not be any more, and let begin what waited."""
    for series in state.series.values():
        if house.must_stay(series, state):
            if is_trading(series.state):
                series.lacks_cash = True
                yield from house.suspend(series, state)
        elif series.lacks_cash:
            series.lacks_cash = False
            if series.state is SeriesState.SUSPENDED:
                yield from house.resume(series, state)
        elif series.state is SeriesState.LISTED and state.session_open:
            yield from house.begin_trading(series, state)


def start_fixing(duty: StartFixing, state: State) -> Iterator[Event]:
    """Also of a series that a halt has kept from trading at all: it goes on waiting."""
    yield from house.start_fixing(duty, state)
    yield from review(state)


def roll_perpetual(duty: RollPerpetual, state: State) -> Iterator[Event]:
    """A roll settles the old pool, short or not, and fills a new one: then it can trade again."""
    yield from rolling.roll_perpetual(duty, state)
    yield from review(state)

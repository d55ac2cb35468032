"""The road of an instrument's day: pre-open, calls and their uncrossing, continuous trading, halt, close."""

from collections.abc import Iterator

from exchange.clearing.expiry import is_trading
from exchange.commands import EnterPhase, PublishIndication, StartClosingCall
from exchange.events import (
    AuctionUncrossed,
    CallExtended,
    CancelCause,
    Event,
    IndicationChanged,
    PhaseChanged,
)
from exchange.schedule import begin_call, promise_indication, promise_phase
from exchange.state import Series, State
from exchange.trading import cancel_orders_in, follow, settle_down
from exchange.units import Time
from matching.events import CROSSED
from matching.phases import Phase
from matching.refusals import Refusal
from matching.terms import Price, Quantity, Side, TimeInForce


def promise_closing_call(series: Series, state: State) -> None:
    """A session has begun: its closing call will."""
    closing = _closing_call(series, state)
    if closing is not None and state.now < closing:
        duty = StartClosingCall(instrument_id=series.instrument.instrument_id)
        state.agenda.promise(closing, duty)


def open_market(series: Series, state: State) -> Iterator[Event]:
    """A session begins: collect orders, hold the opening auction, or trade at once, as the terms say."""
    terms = series.instrument
    if terms.pre_open:
        yield from _go(series, Phase.PRE_OPEN, state)
        promise_phase(series, state.now + terms.pre_open, Phase.AUCTION, state)
    else:
        yield from _open_call(series, terms.opening_call, state)


def resume_market(series: Series, state: State) -> Iterator[Event]:
    """After a halt: an auction if the terms ask for one, or if the book was crossed when it began."""
    yield from _open_call(series, series.instrument.halt_call, state)


def halt_market(series: Series, state: State) -> Iterator[Event]:
    if series.market.phase is not Phase.CLOSED:
        yield from _go(series, Phase.HALTED, state)


def close_market(series: Series, state: State) -> Iterator[Event]:
    """A session ends: uncross a call that is going on; orders for the day, and for an auction, end here."""
    yield from finish_call(series, state)
    for only in (TimeInForce.DAY, TimeInForce.AUCTION):
        yield from cancel_orders_in(series, CancelCause.SESSION_END, state, only)
    yield from end_market(series, state)


def finish_call(series: Series, state: State) -> Iterator[Event]:
    """If a call is going on, it ends now: whatever crosses is traded."""
    if series.market.phase is Phase.AUCTION:
        yield from _uncross(series, state)


def end_market(series: Series, state: State) -> Iterator[Event]:
    """Nothing trades any more in this session."""
    if series.market.phase not in (Phase.CLOSED, Phase.SETTLED):
        yield from _go(series, Phase.CLOSED, state)


def settle_market(series: Series, state: State) -> Iterator[Event]:
    """Nothing trades any more, ever."""
    yield from end_market(series, state)
    yield from _go(series, Phase.SETTLED, state)


def enter_phase(duty: EnterPhase, state: State) -> Iterator[Event]:
    """The hour has come, unless something else has happened to the instrument meanwhile."""
    series = state.series[duty.instrument_id]
    if series.next_phase != (state.now, duty.phase):
        return
    if series.market.phase is Phase.PRE_OPEN:
        yield from _open_call(series, series.instrument.opening_call, state)
    else:
        yield from _end_call(series, state)


def start_closing_call(duty: StartClosingCall, state: State) -> Iterator[Event]:
    """The last call of the session; one that is going on becomes it."""
    series = state.series[duty.instrument_id]
    if series.market.phase is Phase.AUCTION:
        series.next_phase = None
    elif series.market.phase is not Phase.HALTED and is_trading(series.state):
        yield from _call(series, 0, None, state)


def publish_indication(duty: PublishIndication, state: State) -> Iterator[Event]:
    """Where the call would uncross now, if that has changed; again in a moment, while the call lasts."""
    series = state.series[duty.instrument_id]
    if series.market.phase is not Phase.AUCTION or series.next_indication != state.now:
        return
    promise_indication(series, state)
    found = series.market.indicative()
    indicated = IndicationChanged(
        instrument_id=duty.instrument_id,
        price=found.price if found else None,
        volume=found.volume if found else 0,
        surplus=found.surplus if found else 0,
    )
    if indicated != series.indicated:
        series.indicated = indicated
        yield indicated


def _closing_call(series: Series, state: State) -> Time | None:
    """When the present session's closing call begins, if there is one."""
    lasts = series.instrument.closing_call
    closes = next((s.closes for s in state.sessions if s.opens <= state.now < s.closes), None)
    return None if closes is None or not lasts else closes - lasts


def _open_call(series: Series, lasts: Time, state: State) -> Iterator[Event]:
    """Begin with a call of that length; without one only if something waits on the book to be uncrossed.

    Within the time of the closing call it lasts until the close.
    """
    closing = _closing_call(series, state)
    if closing is not None and closing <= state.now:
        yield from _call(series, lasts, None, state)
    elif lasts or series.market.awaits_uncrossing():
        yield from _call(series, lasts, Phase.CONTINUOUS, state)
    else:
        yield from _go(series, Phase.CONTINUOUS, state)


def _call(series: Series, lasts: Time, then: Phase | None, state: State) -> Iterator[Event]:
    events = series.market.enter_phase(Phase.AUCTION)
    assert not isinstance(events, Refusal), f"a call may begin from {series.market.phase}: {events}"
    yield from begin_call(series, lasts, then, state)
    yield from follow(events, None, series, state)
    yield from settle_down(series, state)


def _end_call(series: Series, state: State) -> Iterator[Event]:
    """Uncross and trade on; or, once, extend the call if continuous trading would not reach its price."""
    found = series.market.indicative()
    extension = series.instrument.call_extension
    if extension and not series.extended and found and series.market.outside_bands(found.price):
        series.extended = True
        promise_phase(series, state.now + extension, Phase.CONTINUOUS, state)
        yield CallExtended(instrument_id=series.instrument.instrument_id, until=state.now + extension)
        return
    yield from _uncross(series, state)
    yield from _go(series, Phase.CONTINUOUS, state)


def _uncross(series: Series, state: State) -> Iterator[Event]:
    """One price for everything that crosses, cleared pair by pair.

    Where linked orders left meanwhile, the rest may cross anew, at a price of its own.
    """
    events = series.market.uncross()
    assert not isinstance(events, Refusal), "only a call is uncrossed"
    volumes: dict[Price | None, Quantity] = {}
    for kind, order, price, quantity in events:
        if kind == CROSSED and order.side is Side.BUY:
            volumes[price] = volumes.get(price, 0) + quantity
    yield from follow(events, None, series, state)
    for uncrossed, volume in (volumes or {None: 0}).items():
        yield AuctionUncrossed(instrument_id=series.instrument.instrument_id, price=uncrossed, volume=volume)


def _go(series: Series, phase: Phase, state: State) -> Iterator[Event]:
    """Go over into a phase; what waited for it enters or fires."""
    series.next_phase = None
    refused = series.market.turn(phase)
    assert refused is None, f"{phase} may follow: {refused}"
    yield PhaseChanged(instrument_id=series.instrument.instrument_id, phase=phase)
    yield from settle_down(series, state)

"""When an instrument's phases begin and end: the call auctions around continuous trading, and their indications."""

from collections.abc import Iterator

from exchange.commands import EnterPhase, PublishIndication
from exchange.events import Event, PhaseChanged
from exchange.state import Series, State
from exchange.units import SECOND, Time
from matching.phases import Phase

INDICATION_INTERVAL: Time = SECOND


def begin_call(series: Series, lasts: Time, then: Phase | None, state: State) -> Iterator[Event]:
    """The instrument is in a call now: tell it, promise its end (None: the session's), and its indications."""
    series.indicated, series.extended = None, False
    yield PhaseChanged(instrument_id=series.instrument.instrument_id, phase=Phase.AUCTION)
    series.next_phase = None
    if then is not None:
        promise_phase(series, state.now + lasts, then, state)
    promise_indication(series, state)


def promise_indication(series: Series, state: State) -> None:
    """The next indication comes then. One that was promised earlier falls."""
    series.next_indication = state.now + INDICATION_INTERVAL
    duty = PublishIndication(instrument_id=series.instrument.instrument_id)
    state.agenda.promise(series.next_indication, duty)


def promise_phase(series: Series, at: Time, phase: Phase, state: State) -> None:
    """The present phase ends then. A promise made earlier falls."""
    series.next_phase = (at, phase)
    state.agenda.promise(at, EnterPhase(instrument_id=series.instrument.instrument_id, phase=phase))

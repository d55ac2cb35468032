"""The road of a restraint: a participant's own money may not leave, by a legal order or because whoever keeps it says
so. Several may lie on one account; it is free when the last of them is lifted.
"""

from collections.abc import Iterator, Sequence

from exchange.events import CancelCause, Event, ParticipantStateChanged
from exchange.state import Seat, State
from exchange.trading import cancel_orders_of


def bind(
    seat: Seat, cause: str, names: Sequence[str], order_ref: str, state: State, *, restricts: bool = True
) -> Iterator[Event]:
    """Nothing leaves these accounts; if it `restricts` its orders, those that are live end here."""
    before = seat.state
    if restricts:
        yield from cancel_orders_of(seat, CancelCause.PARTICIPANT_RESTRICTED, state)
        seat.frozen_by[cause] = None
        seat.frozen = True
    for name in names:
        state.ledger.freeze(name, out=True, into=False, order_ref=order_ref, now=state.now)
        seat.restraints.setdefault(name, {})[cause] = None
    if seat.state is not before:
        yield ParticipantStateChanged(participant_id=seat.participant_id, state=seat.state)


def loosen(
    seat: Seat, cause: str, names: Sequence[str], order_ref: str, state: State, *, restricts: bool = True
) -> Iterator[Event]:
    """That restraint is lifted. Orders that were placed free of charge do not outlive the last one."""
    before = seat.state
    for name in names:
        causes = seat.restraints.get(name, {})
        if cause in causes:
            del causes[cause]
            if not causes:
                state.ledger.unfreeze(name, order_ref=order_ref, now=state.now)
    if restricts and cause in seat.frozen_by:
        del seat.frozen_by[cause]
        if not seat.frozen_by:
            yield from cancel_orders_of(seat, CancelCause.PARTICIPANT_RESTRICTED, state)
            seat.frozen = False
    if seat.state is not before:
        yield ParticipantStateChanged(participant_id=seat.participant_id, state=seat.state)

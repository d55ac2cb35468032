"""The road of what is asked twice: the second time nothing changes, and its sender is told what it was the first time.

A line may break after a request has arrived and before it is answered. So whoever gives its requests numbers may
send them again, later and in any order. The same number with other terms is refused.
"""

from collections.abc import Iterator

from exchange.commands import NumberedRequest, PlaceLinked, PlaceOrder
from exchange.events import Event, RequestExists, RequestRejected
from exchange.messages import changed
from exchange.numbered import Asked
from exchange.reasons import RejectReason
from exchange.state import State
from matching.terms import OrderId


def once(command: NumberedRequest, story: Iterator[Event], state: State) -> Iterator[Event]:
    """What the numbered request leads to, unless it was made before."""
    seat = state.seats.get(command.participant_id)
    earlier = None
    if seat is not None:
        earlier = seat.requested.note(command.request_id, (command, 0))
    if earlier is None:
        yield from story
    else:
        yield answer(command, command.request_id, earlier)


def answer(command: PlaceOrder | PlaceLinked | NumberedRequest, number: int, earlier: Asked) -> Event:
    """To a request with a number that was used before."""
    asked, order_number = earlier
    if isinstance(command, PlaceOrder) and isinstance(asked, PlaceOrder):
        command = changed(command, line=asked.line)  # it may well come again because the line was lost
    if isinstance(command, PlaceLinked) and isinstance(asked, PlaceLinked):
        line = asked.primary.line
        others = tuple(changed(one, line=line) for one in command.others)
        command = changed(command, primary=changed(command.primary, line=line), others=others)
    if command != asked:
        return RequestRejected(
            participant_id=command.participant_id,
            order_id=OrderId(order_number),
            reason=RejectReason.EXISTS_WITH_DIFFERENT_TERMS,
        )
    return RequestExists(
        participant_id=command.participant_id,
        request=type(command).__name__,
        number=number,
        order_id=OrderId(order_number),
    )


def forget(state: State) -> None:
    """A session opens: what was asked before the one before it is forgotten."""
    for seat in state.seats.values():
        seat.placed.turn()
        seat.requested.turn()

"""A number stands for what was asked under it first, however long ago and however much was asked since."""

import pytest

from exchange import numbered
from exchange.commands import PlaceOrder
from exchange.messages import changed
from exchange.numbered import Asked, Numbered
from exchange.units import InstrumentId
from matching.terms import ParticipantId, Side

ORDER = PlaceOrder(
    participant_id=ParticipantId("ann"),
    client_order_id=1,
    instrument_id=InstrumentId("BTC_RUBD-PERPETUAL"),
    side=Side.BUY,
    price=100,
    quantity=1,
)


def order(number: int) -> Asked:
    return changed(ORDER, client_order_id=number, price=number % 97 + 1), number * 10


@pytest.fixture(params=[2, 256])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbered, "BLOCK", request.param)


SCATTERED = [7 * n % 101 + 1 for n in range(40)]


@pytest.mark.parametrize("numbers", [list(range(1, 41)), list(range(40, 0, -1)), SCATTERED])
def test_a_number_is_known_for_two_sessions(block: None, numbers: list[int]) -> None:
    told = Numbered()
    for number in numbers:
        assert told.note(number, order(number)) is None
    for _ in range(2):
        assert [told.known(number) for number in numbers] == [order(number) for number in numbers]
        assert [told.note(number, order(1)) for number in numbers] == [order(number) for number in numbers]
        assert told.known(999) is None
        told.turn()
    assert all(told.known(number) is None for number in numbers)
    assert told.note(numbers[0], order(3)) is None


def test_what_is_asked_again_is_not_noted_again(block: None) -> None:
    """A number of the session before keeps its meaning, and is forgotten with that session."""
    told = Numbered()
    assert told.note(5, order(5)) is None
    told.turn()
    assert told.note(5, order(6)) == order(5)
    told.turn()
    assert told.known(5) is None

"""What a ledger has folded away reads as if it had not, and nothing that it answers depends on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.clearing import chronicle
from exchange.clearing import ledger as ledger_room
from exchange.clearing.auditor import Auditor, recompute_head
from exchange.clearing.chronicle import Chronicle
from exchange.clearing.ledger import Ledger, Move, Rule, Status, Transfer
from exchange.clearing.transfers import AccountOpened, LedgerRecord
from exchange.units import AssetId

LOTS = AssetId("LOTS")


@pytest.fixture(params=[3, 1_024])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(ledger_room, "BLOCK", request.param)
    monkeypatch.setattr(chronicle, "BLOCK", request.param)
    return int(request.param)


def records(count: int) -> list[LedgerRecord]:
    return [AccountOpened(time=at, account_id=f"a{at}", asset_id=LOTS, rule=Rule.FREE) for at in range(count)]


PLACES = st.one_of(st.none(), st.integers(-25, 25))


@given(st.integers(0, 20), st.integers(0, 6), PLACES, PLACES, st.sampled_from([None, 1, 2, -1, -3]))
def test_a_chronicle_reads_like_a_list(
    count: int, folds: int, start: int | None, stop: int | None, step: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chronicle, "BLOCK", 3)
        plain, told = records(count), Chronicle(records(count))
        for _ in range(min(folds, count // 3)):
            told.fold()
        assert told.folded == 3 * min(folds, count // 3)
        assert list(told) == plain and len(told) == count and told == Chronicle(plain)
        assert [told[at] for at in range(-count, count)] == [plain[at] for at in range(-count, count)]
        assert told[start:stop:step] == plain[start:stop:step]
        with pytest.raises(IndexError):
            told[count]


def test_a_copy_goes_its_own_way(block: int) -> None:
    told = Chronicle(records(9))
    if block == 3:
        told.fold()
    other = told.copy()
    other.latest.pop()
    assert told != other and list(told) == records(9) and list(other) == records(8)
    assert told != records(9)


def play(moves: int) -> Ledger:
    """Chains that are submitted, moves that are booked, and now and then something that fails."""
    ledger = Ledger()
    for name in ("a", "b"):
        ledger.open(name, LOTS, Rule.LIABILITY)
    ledger.open("bank", LOTS, Rule.FREE)
    ledger.book([("bank", "a", 1_000)], 1)
    for now in range(2, moves):
        ledger.book([("a", "b", 1), ("b", "a", 1)], now)
        if now % 5 == 0:
            first, second = ledger.transfer("a", "b", 7), ledger.transfer("b", "a", 10**6)
            assert ledger.submit([first, second], now)[0] is Status.LINKED_EVENT_FAILED
        if now % 7 == 0:
            ledger.submit([Transfer(id=f"t{now}", debit="a", credit="b", amount=1)], now)
            ledger.submit([Transfer(id=3 * now, debit="b", credit="a", amount=1)], now)
        if now % 11 == 0:
            ledger.head()
        with pytest.raises(AssertionError, match="a proved move was refused"):
            ledger.book([("a", "b", 1), ("b", "a", 10**6)], now)
        ledger.fold()
    return ledger


HEAD = play(40).head()  # with nothing folded away


def test_a_ledger_answers_alike_however_much_is_folded_away(block: int) -> None:
    ledger, auditor = play(40), Auditor()
    assert (ledger._history.folded > 0) is (block == 3)
    assert ledger.head() == recompute_head(ledger.history) == HEAD
    assert ledger.audit() == auditor.read(ledger.history) == []
    assert auditor.head() == HEAD
    assert ledger.checkpoint().history == ledger.history


def test_an_id_that_was_booked_is_known(block: int) -> None:
    ledger = play(40)
    booked = ledger.committed(2)
    assert booked == Transfer(id=2, debit="a", credit="b", amount=1)
    statuses = [ledger.submit([t], 99)[0] for t in (booked, Transfer(id=2, debit="b", credit="a", amount=1))]
    assert statuses == [Status.EXISTS, Status.EXISTS_DIFFERENT]
    post = ledger.transfer("a", "b", 1, mode=ledger_room.Mode.POST, pending_id=2)
    assert ledger.submit([post], 99) == [Status.NOT_PENDING]


def test_moves_are_refused_as_ever(block: int) -> None:
    ledger = play(40)
    before: list[Move] = [("a", "b", 10**9)]
    head = ledger.head()
    with pytest.raises(AssertionError):
        ledger.book(before, 100)
    assert ledger.head() == head

"""Plain moves: whatever `book` is asked to do, it does what `submit` would, or stops where `submit` would refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.clearing.ledger import Ledger, Rule, Status
from exchange.units import AssetId, Money

RUBD, LOTS = AssetId("RUBD"), AssetId("POS:BTCF")
Move = tuple[str, str, Money]

ACCOUNTS = ("ann", "bob", "wallet", "lots of ann", "lots of the house", "frozen out", "frozen in", "closed")
CASH = ("ann", "bob", "frozen out", "frozen in", "closed")


def a_ledger() -> Ledger:
    """Each cash account holds 100, against a wallet of 500; one may not send, one not receive, one neither."""
    ledger = Ledger()
    for name in CASH:
        ledger.open(name, RUBD, Rule.LIABILITY)
    ledger.open("wallet", RUBD, Rule.MIRROR)
    for name in ("lots of ann", "lots of the house"):
        ledger.open(name, LOTS, Rule.FREE)
    ledger.book([("wallet", name, 100) for name in CASH], 1)
    ledger.freeze("frozen out", out=True, into=False, order_ref="1", now=2)
    ledger.freeze("frozen in", out=False, into=True, order_ref="2", now=2)
    ledger.close("closed", order_ref="3", now=2)
    return ledger


@pytest.mark.parametrize(
    ("move", "status"),
    [
        (("ann", "bob", 101), Status.EXCEEDS_CREDITS),
        (("ann", "bob", 0), Status.AMOUNT_INVALID),
        (("ann", "bob", -1), Status.AMOUNT_INVALID),
        (("frozen out", "bob", 1), Status.FROZEN_OUT),
        (("ann", "frozen in", 1), Status.FROZEN_IN),
        (("closed", "bob", 1), Status.ACCOUNT_CLOSED),
        (("ann", "closed", 1), Status.ACCOUNT_CLOSED),
        (("ann", "lots of ann", 1), Status.DIFFERENT_ASSETS),
        (("bob", "wallet", 106), Status.EXCEEDS_CREDITS),
    ],
)
def test_what_submit_refuses_stops_the_run_and_leaves_nothing_behind(move: Move, status: Status) -> None:
    ledger = a_ledger()
    before, head = len(ledger.history), ledger.head()
    with pytest.raises(AssertionError, match="a proved move was refused"):
        ledger.book([("ann", "bob", 5), move], 3)
    assert (len(ledger.history), ledger.head()) == (before, head)
    assert (ledger.posted("ann"), ledger.posted("bob"), ledger.audit()) == (100, 100, [])
    assert ledger.submit([ledger.transfer(*move)], 3) == [status]


def test_a_mirror_cannot_send_more_than_it_holds() -> None:
    ledger = Ledger()
    ledger.open("wallet", RUBD, Rule.MIRROR)
    ledger.open("float", RUBD, Rule.FREE)
    ledger.book([("wallet", "float", 10)], 1)
    with pytest.raises(AssertionError, match="a proved move was refused"):
        ledger.book([("float", "wallet", 11)], 1)
    ledger.book([("float", "wallet", 10)], 1)
    assert ledger.posted("wallet") == 0


def test_a_frozen_account_still_receives_or_sends_the_other_way() -> None:
    ledger = a_ledger()
    ledger.book([("ann", "frozen out", 7), ("frozen in", "bob", 9)], 3)
    assert [ledger.posted(name) for name in ("ann", "frozen out", "frozen in", "bob")] == [93, 107, 91, 109]


names = st.sampled_from(ACCOUNTS)
moves = st.lists(
    st.tuples(names, names, st.integers(1, 130)).filter(lambda move: move[0] != move[1]), max_size=4
)


@given(chains=st.lists(st.tuples(moves, st.integers(0, 2)), max_size=6))
def test_booked_or_submitted_the_history_is_the_same(chains: list[tuple[list[Move], int]]) -> None:
    booked, submitted, now = a_ledger(), a_ledger(), 3
    for chain, wait in chains:
        now += wait
        statuses = submitted.submit([submitted.transfer(*move) for move in chain], now)
        if all(status is Status.OK for status in statuses):
            booked.book(chain, now)
        else:
            with pytest.raises(AssertionError, match="a proved move was refused"):
                booked.book(chain, now)
            booked = a_copy_of(submitted)  # the ids that were refused are gone
        assert booked.head() == submitted.head()
        assert booked.audit() == []


def a_copy_of(ledger: Ledger) -> Ledger:
    copy = Ledger()
    copy.restore(ledger.checkpoint())
    return copy

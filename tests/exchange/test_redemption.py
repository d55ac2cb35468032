"""The queue of those who hand coins back: who is paid, what it costs, when the bank works."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cash.hours import BankingHours, is_open, next_opening, next_slot
from exchange.cash.redemption import Redemptions
from exchange.cash.terms import QueueRule, RedemptionTerms
from exchange.units import DAY, HOUR, MINUTE, WalletId

FIFO, PRO_RATA = QueueRule
WALLETS = tuple(WalletId(name) for name in ("ann", "bob", "cyd"))
OFFICE = BankingHours(opens=9 * HOUR, closes=18 * HOUR, weekdays=tuple(range(7)), holidays=(5 * DAY, 6 * DAY))


def a_queue(*amounts: int, **terms: object) -> Redemptions:
    queue = Redemptions(RedemptionTerms(**terms))  # type: ignore[arg-type]
    for wallet, amount in zip(WALLETS, amounts, strict=False):
        queue.enter(wallet, amount, 0)
    return queue


def paid(queue: Redemptions, cash: int, rule: QueueRule) -> list[int]:
    """Pay one round; what each of the wallets got."""
    got = dict.fromkeys(WALLETS, 0)
    for ticket, amount in queue.plan(cash, queue.payable(0, lambda _: True), rule):
        queue.pay(ticket, amount)
        got[ticket.wallet_id] += amount
    assert list(queue.faults(10**7)) == []
    return list(got.values())


def test_first_come_pays_who_runs_first_and_pro_rata_pays_all_alike():
    """E17: 300 of cash against 200, 150 and 100."""
    assert paid(a_queue(200, 150, 100), 300, FIFO) == [200, 100, 0]
    assert paid(a_queue(200, 150, 100), 300, PRO_RATA) == [133, 100, 67]


def test_what_is_left_of_a_request_keeps_its_place():
    queue = a_queue(200, 150, 100)
    paid(queue, 300, FIFO)
    assert queue.backlog == 150
    assert paid(queue, 60, FIFO) == [0, 50, 10]
    assert paid(queue, 500, FIFO) == [0, 0, 90]
    assert queue.backlog == 0


def test_who_cannot_be_paid_does_not_hold_up_those_behind():
    queue = a_queue(200, 150, 100)
    others = queue.payable(0, lambda ticket: ticket.wallet_id != WALLETS[0])
    assert [part.amount for part in queue.plan(160, others, FIFO)] == [150, 10]


@pytest.mark.parametrize(
    ("amount", "fee"),
    [(100_000_00, 1_000_00), (999_999_99, 1_000_00), (1_000_000_01, 1_000_01), (3_000_000_00, 3_000_00)],
)
def test_the_fee_is_the_larger_of_a_fixed_one_and_a_share(amount, fee):
    """At least 1,000 and 0.1%, of roubles in kopecks; rounded up."""
    assert a_queue(fee_fixed=1_000_00, fee_bp=10).fee(amount) == fee


def test_the_fee_is_kept_back_from_what_is_paid_first():
    queue = a_queue(200, fee_fixed=30)
    (ticket,) = queue.waiting()
    assert [queue.pay(ticket, 20), queue.pay(ticket, 50), queue.pay(ticket, 130)] == [20, 10, 0]


def test_a_request_is_taken_back_as_far_as_it_is_not_paid():
    queue = a_queue(200, 150)
    paid(queue, 70, FIFO)
    first, _ = queue.waiting()
    assert queue.cancel(first) == 130
    assert queue.ticket(first.ticket_id) is None
    assert (first.amount, first.paid, first.canceled, first.open) == (200, 70, 130, 0)
    assert list(queue.faults(150)) == []
    assert list(queue.faults(149)) == ["I-45: 150 wait for redemption, 149 in the issuer's wallet"]


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=3),
    st.integers(0, 2 * 10**6),
    st.sampled_from(QueueRule),
)
def test_any_round_keeps_to_its_rule(amounts, cash, rule):
    queue = a_queue(*amounts)
    got = paid(queue, cash, rule)
    assert sum(got) == min(cash, sum(amounts))
    if rule is PRO_RATA:
        for wanted, part in zip(amounts, got, strict=False):
            assert abs(part - min(cash, sum(amounts)) * wanted / sum(amounts)) <= 1


def test_the_audit_sees_a_round_that_broke_its_rule():
    queue = a_queue(200, 150)
    rounds = {(FIFO, 10): "a later request", (PRO_RATA, 10): "10 paid on 150"}
    for (rule, cash), sentence in rounds.items():
        queue.plan(cash, list(queue.waiting()), rule)
        assert queue._last is not None
        queue._last = queue._last._replace(parts=((200, 0), (150, 10)))
        assert any(sentence in fault for fault in queue.faults(350))


# --- hours ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "open_now", "opening", "slot"),
    [
        (8 * HOUR, False, 9 * HOUR, 9 * HOUR),
        (9 * HOUR, True, DAY + 9 * HOUR, 9 * HOUR + 15 * MINUTE),
        (9 * HOUR + 1, True, DAY + 9 * HOUR, 9 * HOUR + 15 * MINUTE),
        (17 * HOUR + 50 * MINUTE, True, DAY + 9 * HOUR, DAY + 9 * HOUR),
        (18 * HOUR, False, DAY + 9 * HOUR, DAY + 9 * HOUR),
        (4 * DAY + 17 * HOUR + 59 * MINUTE, True, 7 * DAY + 9 * HOUR, 7 * DAY + 9 * HOUR),
        (5 * DAY + 12 * HOUR, False, 7 * DAY + 9 * HOUR, 7 * DAY + 9 * HOUR),
    ],
)
def test_a_bank_works_by_day_and_not_at_the_weekend(now, open_now, opening, slot):
    assert is_open(OFFICE, now) is open_now
    assert next_opening(OFFICE, now) == opening
    assert next_slot(OFFICE, now, 15 * MINUTE) == slot


def test_what_is_asked_after_the_cut_off_waits_for_the_next_banking_day():
    queue = a_queue(hours=OFFICE, cut_off=15 * HOUR)
    assert queue.payable_from(15 * HOUR) == 15 * HOUR
    assert queue.payable_from(15 * HOUR + 1) == DAY + 9 * HOUR
    assert queue.payable_from(4 * DAY + 16 * HOUR) == 7 * DAY + 9 * HOUR
    queue.enter(WALLETS[0], 10, 16 * HOUR)
    assert queue.payable(17 * HOUR, lambda _: True) == []
    assert queue.next_processing(16 * HOUR) == DAY + 9 * HOUR

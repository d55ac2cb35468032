"""The auditor: a history, written by hand or by a ledger, and what must come out of it."""

from hashlib import sha256

import pytest

from exchange.clearing.auditor import recompute_head, replay
from exchange.clearing.ledger import Ledger, Mode, Rule, Transfer
from exchange.clearing.transfers import AccountFrozen, AccountOpened, Committed, LedgerRecord
from exchange.messages import decode, encode
from exchange.units import AssetId

RUBD = AssetId("RUBD")


def opened(time: int, account_id: str) -> AccountOpened:
    return AccountOpened(time=time, account_id=account_id, asset_id=RUBD, rule=Rule.FREE)


def committed(time: int, amount: int, mode: Mode, pending_id: int | None = None) -> Committed:
    transfer = Transfer(id=time, debit="a", credit="b", amount=9, mode=mode, pending_id=pending_id)
    return Committed(time=time, transfer=transfer, amount=amount)


BY_HAND = [
    opened(1, "a"),
    opened(2, "b"),
    opened(3, "idle"),
    committed(11, 9, Mode.SINGLE),
    committed(12, 5, Mode.PENDING),
    committed(13, 6, Mode.PENDING),
    committed(14, 7, Mode.PENDING),
    committed(15, 8, Mode.PENDING),
    AccountFrozen(time=16, account_id="a", out=True, into=True, order_ref="order-1"),
    committed(17, 4, Mode.POST, pending_id=12),
    committed(18, 6, Mode.VOID, pending_id=13),
    committed(19, 7, Mode.EXPIRE, pending_id=14),
]


def test_counters_follow_from_the_history_alone():
    assert replay([]) == {}
    assert replay(BY_HAND) == {"a": (8, 13, 0, 0), "b": (0, 0, 8, 13), "idle": (0, 0, 0, 0)}


def test_the_recorded_amount_counts_and_not_the_one_asked_for():
    assert replay([*BY_HAND[:3], committed(11, 2, Mode.SINGLE)])["a"] == (0, 2, 0, 0)


def test_an_account_is_opened_once():
    with pytest.raises(AssertionError, match="opened twice"):
        replay([opened(1, "a"), opened(2, "a")])


def test_the_head_is_over_one_line_of_json_a_record():
    account = b'["AccountOpened",1,"a","RUBD",""]\n'
    transfer = b'["Committed",2,[2,"a","b",9,"single",null,null,"",false,false],9]\n'
    head = recompute_head([opened(1, "a"), committed(2, 9, Mode.SINGLE)])
    assert head == sha256(account + transfer).hexdigest()


def a_day() -> Ledger:
    """Every kind of record at least once."""
    ledger = Ledger(freeze_respects_finality=True)
    ledger.open("bank", RUBD, Rule.MIRROR)
    ledger.open("ann", RUBD, Rule.LIABILITY)
    ledger.open("bob", RUBD, Rule.LIABILITY)
    ledger.commit([ledger.transfer("bank", "ann", 100)], 10)
    holds = [ledger.transfer("ann", "bob", 20, mode=Mode.PENDING, timeout=30) for _ in range(3)]
    ledger.commit(holds, 20)
    ledger.freeze("ann", out=True, into=False, order_ref="order-1", now=25)
    ledger.commit(
        [
            ledger.transfer("ann", "bob", 15, mode=Mode.POST, pending_id=holds[0].id, final=True),
            ledger.transfer("ann", "bob", 20, mode=Mode.VOID, pending_id=holds[1].id),
        ],
        30,
    )
    assert len(ledger.advance(100)) == 1
    ledger.unfreeze("ann", order_ref="order-2", now=110)
    ledger.commit([ledger.transfer("ann", "bob", 999, balancing=True)], 120)
    ledger.close("ann", order_ref="order-3", now=130)
    return ledger


def test_the_auditor_agrees_with_a_ledger_on_every_counter_and_on_the_head():
    """I-9."""
    ledger = a_day()
    live = {account.account_id: ledger.balance(account.account_id)[:4] for account in ledger.accounts()}
    assert replay(ledger.history) == live
    assert live == {"bank": (0, 100, 0, 0), "ann": (0, 100, 0, 100), "bob": (0, 0, 0, 100)}
    assert recompute_head(ledger.history) == ledger.head()


def test_a_history_survives_being_written_and_read_back():
    history = a_day().history
    read_back = [decode(encode(record), LedgerRecord) for record in history]
    assert read_back == list(history)
    assert recompute_head(read_back) == recompute_head(history)


@pytest.mark.parametrize("lost", range(3, 14))
def test_a_record_that_is_lost_is_missed(lost: int):
    """An expiry that was not written down, for one, would leave money set aside for ever."""
    history = list(a_day().history)
    assert len(history) == 14
    del history[lost]
    assert recompute_head(history) != a_day().head()


def test_an_expiry_that_is_not_written_down_is_missed():
    history = [
        r for r in a_day().history if not (isinstance(r, Committed) and r.transfer.mode is Mode.EXPIRE)
    ]
    assert replay(history)["ann"] == (20, 100, 0, 100)

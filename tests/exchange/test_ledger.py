"""The ledger: one line an event, each with the status that is expected of it."""

from typing import Any

import pytest

from exchange.clearing import chronicle
from exchange.clearing import ledger as ledger_room
from exchange.clearing.ledger import Ledger, Mode, Rule, Status, Transfer
from exchange.clearing.transfers import AccountFrozen, Committed
from exchange.units import AssetId
from tests.builders import ONLY_IN_PYTHON

RUBD, LOTS = AssetId("RUBD"), AssetId("POS:BTCF")

# --- the table ------------------------------------------------------------------------------------------
#
# open ACCOUNT ASSET RULE
# ID MODE DEBIT > CREDIT AMOUNT [of=ID] [timeout=N] [code=TEXT] [final] [balancing]
# freeze|unfreeze ACCOUNT out|in|both      close ACCOUNT      at TIME
# advance TIME => ids of the pending transfers that expire
# ACCOUNT: debits pending, debits posted, credits pending, credits posted
#
# What is expected stands after `=>`: a status, `ok` if none is given. Lines with "&" after the id are
# linked with the next one.


def play(table: str, ledger: Ledger | None = None) -> Ledger:
    book, now, chain = ledger or Ledger(), 0, []
    for line in filter(None, (line.split("#")[0].strip() for line in table.splitlines())):
        event, _, outcome = (part.strip() for part in line.partition("=>"))
        word, *rest = event.split()
        expected = outcome or "ok"
        if word.endswith(":"):
            assert book.balance(word[:-1])[:4] == tuple(int(n) for n in rest), line
        elif word == "at":
            now = int(rest[0])
        elif word == "open":
            rule = Rule("" if rest[2] == "free" else rest[2])
            assert book.open(rest[0], AssetId(rest[1]), rule) == expected, line
        elif word in ("freeze", "unfreeze"):
            out, into = rest[1] != "in", rest[1] != "out"
            done = getattr(book, word)(rest[0], out=out, into=into, order_ref="order-1", now=now)
            assert done == expected, line
        elif word == "close":
            assert book.close(rest[0], order_ref="order-1", now=now) == expected, line
        elif word == "advance":
            now = int(rest[0])
            assert [str(expiry.pending_id) for expiry in book.advance(now)] == outcome.split(), line
        else:
            chain.append((transfer(event), expected, line))
            if "&" not in event:
                statuses = book.submit([asked for asked, _, _ in chain], now)
                for status, (_, wanted, its_line) in zip(statuses, chain, strict=True):
                    assert status == wanted, f"{its_line}: {status}"
                chain = []
        assert book.audit() == [], line
    return book


def transfer(text: str) -> Transfer:
    """What a line of the table asks for."""
    id_, mode, debit, _, credit, amount, *rest = text.replace("&", "").split()
    options: dict[str, Any] = {}
    for option in rest:
        name, _, value = option.partition("=")
        name = "pending_id" if name == "of" else name
        options[name] = (int(value) if value.isdigit() else value) if value else True
    return Transfer(id=int(id_), debit=debit, credit=credit, amount=int(amount), mode=Mode(mode), **options)


FUNDED = """
    open bank RUBD C<=D
    open ann  RUBD D<=C
    open bob  RUBD D<=C
    open cat  RUBD D<=C
    901 single bank > ann 1000
    902 single bank > bob 1000
"""


def funded(**options: bool) -> Ledger:
    """A bank that mirrors 2,000, of which Ann and Bob own 1,000 each; Cat has nothing."""
    return play(FUNDED, Ledger(**options))


# --- worked examples ------------------------------------------------------------------------------------


def test_a_hundred_in_and_a_hundred_out():
    """E1: 100.00 in; 15.00, 81.00 and 4.00 out."""
    ledger = play("""
        open bank RUBD C<=D
        open ann  RUBD D<=C
        1 single  bank > ann  10000
        2 single  ann  > bank  1500
        3 pending ann  > bank  8500 timeout=50
        ann: 8500 1500 0 10000
        4 single  ann  > bank     1          => exceeds_credits
        5 post    ann  > bank  8100 of=3
        ann: 0 9600 0 10000
        6 post    ann  > bank   400 of=3     => already_posted
        7 single  ann  > bank 99999 balancing
        ann:  0 10000 0 10000
        bank: 0 10000 0 10000
        8 single  ann  > bank     1          => exceeds_credits
    """)
    out = [record.amount for record in ledger.history if isinstance(record, Committed)]
    assert out == [100_00, 15_00, 85_00, 81_00, 4_00]
    assert ledger.posted("ann") == ledger.posted("bank") == 0


def test_a_trade_passes_through_the_house():
    """E1, novation: A 5, B -10, C 5, the house 0, open interest 10."""
    ledger = play("""
        open a   POS free
        open b   POS free
        open c   POS free
        open ccp POS free
        1& single b   > ccp 5
        2  single ccp > a   5
        3& single b   > ccp 5
        4  single ccp > c   5
    """)
    positions = [ledger.posted(account) for account in ("a", "b", "c", "ccp")]
    assert positions == [5, -10, 5, 0]
    assert sum(position for position in positions if position > 0) == 10


def test_an_innocent_link_may_be_submitted_again_with_its_id():
    """E1: only the transfer that failed is burned."""
    play(
        """
        1& single ann > cat  10       => linked_event_failed
        2& single ann > cat 991       => exceeds_credits
        3  single ann > cat  10       => linked_event_failed
        ann: 0 0 0 1000
        1 single ann > cat  10
        2 single ann > cat 990        => id_already_failed
        3 single ann > cat  10
        """,
        funded(),
    )


# --- 1: shape -------------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"id": 1, "debit": "ann", "credit": "bob", "amount": 5}
HOLD = GOOD | {"mode": Mode.PENDING}
POST = GOOD | {"mode": Mode.POST, "pending_id": 7}
VOID = GOOD | {"mode": Mode.VOID, "pending_id": 7}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        *((GOOD | {"id": bad}, "id_invalid") for bad in (-1, 2**63, "", "expiry:1", True, 1.0, None)),
        *(
            (GOOD | {"amount": bad}, "amount_invalid")
            for bad in (0, -5, True, 5.0, float("nan"), float("inf"), 2**63, "5", None)
        ),
        *((GOOD | {"mode": bad}, "mode_invalid") for bad in (Mode.EXPIRE, "single", None, 1)),
        (GOOD | {"mode": Mode.EXPIRE, "pending_id": 7}, "mode_invalid"),
        (GOOD | {"pending_id": 7}, "fields_invalid"),
        (GOOD | {"timeout": 10}, "fields_invalid"),
        (GOOD | {"final": True}, "fields_invalid"),
        (GOOD | {"debit": None}, "fields_invalid"),
        (GOOD | {"credit": ["bob"]}, "fields_invalid"),
        (GOOD | {"code": 5}, "fields_invalid"),
        (HOLD | {"pending_id": 7}, "fields_invalid"),
        (HOLD | {"final": True}, "fields_invalid"),
        *((HOLD | {"timeout": bad}, "fields_invalid") for bad in (0, -1, 1.0, True, 2**63, "1")),
        (POST | {"pending_id": None}, "fields_invalid"),
        (POST | {"pending_id": True}, "fields_invalid"),
        (POST | {"pending_id": ""}, "fields_invalid"),
        (POST | {"timeout": 10}, "fields_invalid"),
        (POST | {"balancing": True}, "fields_invalid"),
        (VOID | {"pending_id": None}, "fields_invalid"),
        (VOID | {"balancing": True}, "fields_invalid"),
        (VOID | {"final": True}, "fields_invalid"),
        (GOOD | {"credit": "ann"}, "same_account"),
    ],
)
def test_what_makes_no_sense_is_refused_and_its_id_stays_free(fields: dict[str, Any], status: str):
    ledger = funded()
    assert ledger.submit([Transfer(**fields)], 9) == [status]
    assert ledger.submit([Transfer(**GOOD)], 9) == ["ok"]


@pytest.mark.parametrize("good", [0, 2**63 - 1, "withdrawal-7"])
def test_ids_are_numbers_or_texts(good: int | str):
    assert funded().submit([Transfer(**(GOOD | {"id": good}))], 9) == ["ok"]


def test_the_largest_amount_is_accepted():
    play("""
        open a POS free
        open b POS free
        1 single a > b 9223372036854775807
        2 single a > b 9223372036854775807
        b: 0 0 0 18446744073709551614
    """)


# --- 2 and 3: retries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"debit": "cat"}, {"credit": "cat"}, {"amount": 4}, {"amount": 6}, {"timeout": None}, {"timeout": 8},
        {"code": "other"}, {"balancing": True}, {"mode": Mode.SINGLE, "timeout": None},
        {"mode": Mode.POST, "timeout": None, "pending_id": 7},
    ],
)  # fmt: skip
def test_a_retry_is_the_same_in_every_field(change: dict[str, Any]):
    ledger = funded()
    first = HOLD | {"timeout": 9, "code": "fee"}
    assert ledger.submit([Transfer(**first)], 9) == ["ok"]
    head = ledger.head()
    assert ledger.submit([Transfer(**first)], 9) == ["exists"]
    assert ledger.submit([Transfer(**(first | change))], 9) == ["exists_different"]
    assert ledger.head() == head


@pytest.mark.parametrize("change", [{"pending_id": 6}, {"final": True}])
def test_a_retried_post_is_the_same_in_every_field(change: dict[str, Any]):
    ledger = play("6 pending ann > bob 5\n7 pending ann > bob 5", funded())
    assert ledger.submit([Transfer(**POST)], 9) == ["ok"]
    assert ledger.submit([Transfer(**POST)], 9) == ["exists"]
    assert ledger.submit([Transfer(**(POST | change))], 9) == ["exists_different"]


def test_a_retry_of_a_balancing_transfer_asks_for_what_was_asked_at_first():
    play(
        """
        1 single ann > bob 5000 balancing
        1 single ann > bob 5000 balancing    => exists
        1 single ann > bob 1000 balancing    => exists_different
        """,
        funded(),
    )


def test_a_number_and_its_text_are_two_ids():
    ledger = funded()
    assert ledger.submit([Transfer(**GOOD), Transfer(**(GOOD | {"id": "1"}))], 9) == ["ok", "ok"]


TRANSIENT = [
    ("1 post   ann > bob 5 of=77", "pending_not_found"),
    ("1 void   ann > bob 5 of=77", "pending_not_found"),
    ("1 single ann > eve 5", "account_not_found"),
    ("1 single eve > ann 5", "account_not_found"),
    ("1 single shut > ann 5", "account_closed"),
    ("1 single stuck > ann 5", "frozen_out"),
    ("1 single ann > stuck 5", "frozen_in"),
    ("1 single cat > ann 5", "exceeds_credits"),
    ("1 single ann > full 5", "exceeds_debits"),
]
PERMANENT = [
    ("1 single ann > bob 0", "amount_invalid"),
    ("1 single ann > ann 5", "same_account"),
    ("901 single ann > bob 5", "exists_different"),
    ("1 post ann > bob 5 of=901", "not_pending"),
    ("1 post ann > bob 5 of=11", "already_posted"),
    ("1 void ann > bob 5 of=12", "already_voided"),
    ("1 void ann > bob 5 of=13", "already_expired"),
    ("1 post ann > cat 5 of=14", "different_accounts"),
    ("1 post cat > bob 5 of=14", "different_accounts"),
    ("1 post ann > bob 6 of=14", "exceeds_pending"),
    ("1 void ann > bob 6 of=14", "exceeds_pending"),
    ("1 single ann > lots 5", "different_assets"),
]
PREPARED = """
    open shut  RUBD D<=C
    open stuck RUBD D<=C
    open full  RUBD C<=D
    open lots  POS  free
    close shut
    freeze stuck both
    11 pending ann > bob 5
    12 pending ann > bob 5
    13 pending ann > bob 5 timeout=100
    14 pending ann > bob 5
    21 post ann > bob 5 of=11
    22 void ann > bob 5 of=12
    advance 900 => 13
"""


@pytest.mark.parametrize(("line", "status"), [*TRANSIENT, *PERMANENT])
def test_an_id_is_burned_if_its_failure_was_transient(line: str, status: str):
    ledger = play(PREPARED, funded())
    play(f"at 901\n{line} => {status}", ledger)
    if line.startswith("1 "):
        again = "id_already_failed" if (line, status) in TRANSIENT else "ok"
        play(f"1 single ann > bob 5 => {again}", ledger)


def test_these_failures_are_transient_and_no_others():
    assert {status for status in Status if status.transient} == {status for _, status in TRANSIENT}


def test_statuses_stand_in_order_of_precedence():
    statuses = list(Status)
    told = [Status(status) for _, status in (*PERMANENT, *TRANSIENT)]
    assert (statuses[0], statuses[-1]) == (Status.OK, Status.LINKED_EVENT_FAILED)
    assert statuses.index(Status.SAME_ACCOUNT) < statuses.index(Status.EXISTS)
    assert statuses.index(Status.ID_ALREADY_FAILED) < statuses.index(Status.PENDING_NOT_FOUND)
    assert max(map(statuses.index, told)) == len(statuses) - 2


# --- the order of the checks: each line breaks two rules, and is told of the first ------------------------


@pytest.mark.parametrize(
    ("prepared", "line", "status"),
    [
        ("", "901 single ann > bob 0", "amount_invalid"),  # 1 before 2
        ("", "901 single ann > ann 5", "same_account"),
        ("1 single cat > bob 1 => exceeds_credits", "1 single ann > ann 5", "same_account"),  # 1 before 3
        ("", "902 post ann > bob 5 of=77", "exists_different"),  # 2 before 4
        ("close ann", "901 single bank > ann 1000", "exists"),  # 2 before 6
        ("freeze ann both", "901 single bank > ann 1000", "exists"),  # 2 before 7
        ("", "902 single cat > ann 5", "exists_different"),  # 2 before 8
        ("1 single cat > bob 1 => exceeds_credits", "1 post ann > bob 5 of=77", "id_already_failed"),
        ("1 single cat > bob 1 => exceeds_credits", "1 single ann > eve 5", "id_already_failed"),
        ("", "1 post ann > eve 5 of=77", "pending_not_found"),  # 4 before 5
        ("", "1 void ann > eve 5 of=14", "different_accounts"),
        ("close ann", "1 post ann > bob 5 of=11", "already_posted"),  # 4 before 6
        ("freeze ann out", "1 post ann > bob 6 of=14", "exceeds_pending"),  # 4 before 7
        ("", "1 post ann > cat 6 of=11", "already_posted"),
        ("", "1 post ann > cat 6 of=14", "different_accounts"),
        ("close ann", "1 single ann > eve 5", "account_not_found"),  # 5 before 6
        ("close ann", "1 single ann > lots 5", "different_assets"),
        ("freeze ann out", "1 single ann > lots 5", "different_assets"),  # 5 before 7
        ("", "1 single cat > eve 5", "account_not_found"),  # 5 before 8
        ("", "1 single cat > lots 5", "different_assets"),
        ("freeze ann out\nclose bob", "1 single ann > bob 5", "account_closed"),  # 6 before 7
        ("close cat", "1 single cat > ann 5", "account_closed"),  # 6 before 8
        ("freeze ann out\nfreeze bob in", "1 single ann > bob 5", "frozen_out"),
        ("freeze cat out", "1 single cat > ann 5", "frozen_out"),  # 7 before 8
        ("freeze bank in", "1 single cat > bank 5", "frozen_in"),
        ("", "1 single cat > full 5", "exceeds_credits"),
    ],
)
def test_the_first_rule_that_applies_is_the_one_that_is_told(prepared: str, line: str, status: str):
    ledger = play(PREPARED, funded())
    play(f"at 901\n{prepared}\n{line} => {status}", ledger)


# --- 4: pending, post, void, expire ---------------------------------------------------------------------


def test_what_is_set_aside_is_posted_in_part_and_the_rest_returns():
    play(
        """
        1 pending ann > bob 600
        ann: 600 0 0 1000
        bob: 0 0 600 1000
        2 single ann > bob 401            => exceeds_credits
        3 single bob > cat 1001           => exceeds_credits   # what is only pending cannot be spent
        4 post ann > bob 601 of=1         => exceeds_pending
        4 post ann > bob 250 of=1
        ann: 0 250 0 1000
        bob: 0 0 0 1250
        5 post ann > bob 1 of=1           => already_posted
        6 void ann > bob 1 of=1           => already_posted
        """,
        funded(),
    )


def test_a_void_returns_all_of_it():
    ledger = play(
        """
        1 pending ann > bob 600
        2 void ann > bob 1 of=1
        ann: 0 0 0 1000
        bob: 0 0 0 1000
        3 post ann > bob 600 of=1         => already_voided
        """,
        funded(),
    )
    assert ledger.history[-1].amount == 600


def test_pending_transfers_expire_in_order_of_expiry_then_of_entry():
    ledger = play(
        """
        at 100
        3 pending ann > bob 1 timeout=50      # entered at 100
        2 pending ann > bob 1 timeout=49      # entered at 101: due at 150 as well
        1 pending ann > bob 1 timeout=10
        4 pending ann > bob 1
        5 pending ann > bob 1 timeout=20
        ann: 5 0 0 1000
        at 101
        6 post ann > bob 1 of=5
        advance 111 =>
        advance 112 => 1
        advance 999 => 3 2
        ann: 1 1 0 1000
        7 post ann > bob 1 of=2               => already_expired
        8 void ann > bob 1 of=3               => already_expired
        """,
        funded(),
    )
    expiries = [r for r in ledger.history if isinstance(r, Committed) and r.transfer.mode is Mode.EXPIRE]
    assert [(record.time, record.transfer.pending_id) for record in expiries] == [
        (112, 1),
        (150, 3),
        (151, 2),
    ]


def test_an_expiry_is_a_transfer_like_any_other():
    ledger = play("at 100\n1 pending ann > bob 600 timeout=50", funded())
    (expiry,) = ledger.advance(150)
    assert (expiry.debit, expiry.credit, expiry.amount) == ("ann", "bob", 600)
    assert ledger.history[-1] == Committed(time=150, transfer=expiry, amount=600)
    assert ledger.submit([expiry], 151) == ["id_invalid"]


def test_a_number_and_its_text_expire_each_for_itself():
    ledger = funded()
    holds = [Transfer(**(HOLD | {"id": id_, "timeout": 5})) for id_ in (8, "8")]
    assert ledger.submit(holds, 100) == ["ok", "ok"]
    assert [expiry.pending_id for expiry in ledger.advance(200)] == [8, "8"]
    assert ledger.audit() == []


def test_what_is_due_cannot_be_posted_even_if_nobody_has_woken_the_ledger():
    play(
        """
        at 100
        1 pending ann > bob 600 timeout=50
        2 pending ann > bob 300 timeout=50    # entered at 101
        at 149
        3 post ann > bob 5 of=1
        at 151
        4 post ann > bob 5 of=2               => already_expired
        5 void ann > bob 5 of=2               => already_expired
        ann: 300 5 0 1000
        advance 151 => 2
        ann: 0 5 0 1000
        """,
        funded(),
    )


def test_late_waking_does_not_change_the_history():
    table = "at 100\n1 pending ann > bob 1 timeout=50\n2 pending ann > bob 1 timeout=70"
    late, prompt = play(table, funded()), play(table, funded())
    late.advance(10_000)
    for now in range(100, 200):
        prompt.advance(now)
    assert late.history == prompt.history


# --- 5: accounts ----------------------------------------------------------------------------------------


def test_accounts_are_opened_once():
    ledger = play("""
        open ann RUBD D<=C
        open ann RUBD D<=C => exists
        open ann RUBD C<=D => exists_different
        open ann USDX D<=C => exists_different
    """)
    assert len(ledger.history) == 1
    assert "ann" in ledger and "bob" not in ledger
    assert [account.account_id for account in funded().accounts()] == ["bank", "ann", "bob", "cat"]


@pytest.mark.parametrize(
    "malformed",
    [
        ("", RUBD, Rule.FREE),
        pytest.param((5, RUBD, Rule.FREE), marks=ONLY_IN_PYTHON),
        ("ann", "", Rule.FREE),
        ("ann", RUBD, "D<=C"),
    ],
)
def test_an_account_has_a_name_an_asset_and_a_rule(malformed: tuple[Any, Any, Any]):
    ledger = Ledger()
    assert ledger.open(*malformed) is Status.FIELDS_INVALID
    assert not ledger.history


# --- 6 and 7: closed and frozen -------------------------------------------------------------------------


def test_a_frozen_account_pays_nothing_out_and_is_paid():
    play(
        """
        freeze ann out
        1 single  ann > bob 5       => frozen_out
        2 pending ann > bob 5       => frozen_out
        3 single  bob > ann 5
        unfreeze ann both
        4 single  ann > bob 5
        freeze ann in
        5 single  bob > ann 5       => frozen_in
        6 pending bob > ann 5       => frozen_in
        7 single  ann > bob 5
        freeze ann out
        unfreeze ann in
        8 single  ann > bob 5       => frozen_out
        9 single  bob > ann 5
        """,
        funded(),
    )


HELD = """
    at 100
    1 pending ann > bob 5
    2 pending ann > bob 5
    3 pending ann > bob 5
    4 pending ann > bob 5 timeout=50
    freeze {who} {direction}
"""


@pytest.mark.parametrize(("who", "direction"), [("ann", "out"), ("bob", "in")])
def test_a_void_and_an_expiry_pass_a_freeze_and_a_post_does_not(who: str, direction: str):
    ledger = play(HELD.format(who=who, direction=direction), funded())
    play(
        f"""
        5 post ann > bob 5 of=1          => frozen_{direction}
        6 post ann > bob 5 of=1 final    => frozen_{direction}
        7 void ann > bob 5 of=1
        advance 200 => 4
        ann: 10 0 0 1000
        """,
        ledger,
    )


@pytest.mark.parametrize(("who", "direction"), [("ann", "out"), ("bob", "in")])
def test_where_finality_is_respected_a_final_post_passes_a_later_freeze(who: str, direction: str):
    ledger = play(HELD.format(who=who, direction=direction), funded(freeze_respects_finality=True))
    play(
        f"""
        5 post ann > bob 5 of=1          => frozen_{direction}
        6 post ann > bob 5 of=1 final
        7 post ann > bob 5 of=2 final
        """,
        ledger,
    )


@pytest.mark.parametrize(("side", "status"), [("frozen_out_at", "frozen_out"), ("frozen_in_at", "frozen_in")])
def test_finality_does_not_reach_what_was_entered_after_the_freeze(side: str, status: str):
    """A frozen account lets nothing be entered, so only the state itself can pose the question."""
    ledger = play("at 100\n1 pending ann > bob 5", funded(freeze_respects_finality=True))
    account = {name.account_id: name for name in ledger.accounts()}["ann" if "out" in side else "bob"]
    setattr(account, side, 99)
    play(f"at 200\n2 post ann > bob 5 of=1 final => {status}", ledger)


def test_a_closed_account_only_lets_return_what_is_pending():
    play(
        """
        at 100
        1 pending ann > bob 5
        2 pending ann > bob 5 timeout=50
        3 pending ann > bob 5
        close bob
        4 single  ann > bob 5            => account_closed
        5 single  bob > ann 5            => account_closed
        6 pending ann > bob 5            => account_closed
        7 post    ann > bob 5 of=1       => account_closed
        8 void    ann > bob 5 of=1
        advance 200 => 2
        ann: 5 0 0 1000
        close eve                        => account_not_found
        """,
        funded(),
    )


def test_a_closed_account_keeps_a_final_post_out_as_well():
    play(
        "1 pending ann > bob 5\nclose ann\n2 post ann > bob 5 of=1 final => account_closed",
        funded(freeze_respects_finality=True),
    )


def test_an_account_is_frozen_since_the_first_order_that_said_so():
    ledger = play("at 100\nfreeze ann out\nat 200\nfreeze ann both\nat 300\nfreeze ann both", funded())
    (ann,) = (account for account in ledger.accounts() if account.account_id == "ann")
    assert (ann.frozen_out_at, ann.frozen_in_at) == (100, 200)


def test_freezes_are_written_down_whole_or_not_at_all():
    ledger = funded()
    assert ledger.freeze("ann", out=True, into=False, order_ref="order-7", now=500) is Status.OK
    assert ledger.history[-1] == AccountFrozen(
        time=500, account_id="ann", out=True, into=False, order_ref="order-7"
    )
    written = len(ledger.history)
    for call in (ledger.freeze, ledger.unfreeze):
        assert call("eve", out=True, into=True, order_ref="x", now=1) is Status.ACCOUNT_NOT_FOUND
        assert call("ann", out=False, into=False, order_ref="x", now=1) is Status.FIELDS_INVALID
    assert len(ledger.history) == written


# --- 8: balances ----------------------------------------------------------------------------------------


def test_a_liability_never_owes_less_than_nothing():
    play(
        """
        1 single  ann > cat 1001     => exceeds_credits
        2 pending ann > cat 1001     => exceeds_credits
        3 pending ann > cat 400
        4 single  ann > cat 601      => exceeds_credits
        5 pending ann > cat 601      => exceeds_credits
        6 single  ann > cat 600
        """,
        funded(),
    )


def test_a_mirror_never_holds_less_than_nothing():
    play(
        """
        open safe RUBD C<=D
        1 single  bank > ann 5
        2 single  ann > safe 1       => exceeds_debits
        3 pending ann > safe 1       => exceeds_debits
        4 single  safe > ann 10
        5 pending ann > safe 4
        6 single  ann > safe 7       => exceeds_debits
        7 pending ann > safe 7       => exceeds_debits
        8 single  ann > safe 6
        """,
        funded(),
    )


def test_a_free_account_has_no_limit():
    play("open a POS free\nopen b POS free\n1 single a > b 7\n2 pending a > b 9\n3 single b > a 1000")


def test_a_balance_is_posted_and_available():
    ledger = play("1 pending ann > bank 300\n2 single ann > bob 100", funded())
    assert ledger.balance("ann") == (300, 100, 0, 1_000, 600, 900)
    assert (ledger.available("ann"), ledger.posted("ann")) == (600, 900)
    assert ledger.balance("bank") == (0, 2_000, 300, 0, 1_700, 2_000)
    assert (ledger.available("bank"), ledger.posted("bank")) == (1_700, 2_000)
    with pytest.raises(KeyError):
        ledger.available("eve")


def test_a_balancing_transfer_takes_no_more_than_there_is():
    ledger = play(
        """
        1 pending ann > bob 300
        2 single  ann > cat 650 balancing
        3 pending ann > cat 100 balancing
        ann: 350 650 0 1000
        4 single  ann > cat 100 balancing     => exceeds_credits
        5 post    ann > cat  50 of=3
        6 post    ann > bob 200 of=1
        7 single  ann > bob 100 balancing
        ann: 0 1000 0 1000
        """,
        funded(),
    )
    moved = [r.amount for r in ledger.history if isinstance(r, Committed) and r.transfer.balancing]
    assert moved == [650, 50, 100]


# --- chains ---------------------------------------------------------------------------------------------


def test_effects_are_visible_inside_a_chain():
    play(
        """
        1& single  ann > cat 700
        2& pending cat > bob 600
        3& post    cat > bob 500 of=2
        4  single  cat > ann 200
        cat: 0 700 0 700
        """,
        funded(),
    )


def test_a_chain_that_fails_leaves_no_trace():
    """Every mode is taken back: counters, pending states, expiries, ids, time and head."""
    ledger = play(
        """
        at 100
        1 pending ann > bob 100 timeout=500
        2 pending ann > bob 100 timeout=400
        """,
        funded(),
    )
    before, head = ledger.checkpoint(), ledger.head()
    play(
        """
        at 200
        11& single  ann > cat 100               => linked_event_failed
        12& pending ann > cat 100 timeout=1     => linked_event_failed
        13& pending ann > cat 100               => linked_event_failed
        14& post    ann > bob  60 of=1          => linked_event_failed
        15& void    ann > bob 100 of=2          => linked_event_failed
        16& void    ann > cat 100 of=13         => linked_event_failed
        17& single  ann > cat 999 balancing     => linked_event_failed
        18& single  ann > cat 1                 => exceeds_credits
        19  single  ann > cat 1                 => linked_event_failed
        """,
        ledger,
    )
    after = ledger.checkpoint()
    assert after.burned == {18}
    assert after._replace(accounts=before.accounts, burned=before.burned) == before
    assert [ledger.balance(name) for name in ("bank", "ann", "bob", "cat")] == [
        (0, 2_000, 0, 0, 2_000, 2_000), (200, 0, 0, 1_000, 800, 1_000),
        (0, 0, 200, 1_000, 1_000, 1_000), (0, 0, 0, 0, 0, 0),
    ]  # fmt: skip
    assert ledger.head() == head
    play("advance 900 => 2 1", ledger)  # the expiry of 12 is forgotten as well


def test_a_chain_that_failed_may_be_submitted_again_with_another_timeout():
    play(
        """
        at 100
        1& pending ann > bob 5 timeout=10     => linked_event_failed
        2  single  cat > bob 5                => exceeds_credits
        1 pending ann > bob 5 timeout=90
        advance 189 =>
        advance 190 => 1
        """,
        funded(),
    )


def test_an_id_counts_once_in_a_chain():
    play(
        """
        1& single ann > bob 5     => linked_event_failed
        1  single ann > bob 5     => exists
        2& single ann > bob 5     => linked_event_failed
        2  single ann > bob 6     => exists_different
        1& single ann > bob 5
        2  single ann > bob 5
        1& single ann > bob 5     => exists
        2  single ann > bob 5     => linked_event_failed
        """,
        funded(),
    )


def test_a_permanent_failure_in_a_chain_burns_nothing():
    play(
        """
        1& single ann > bob 5     => linked_event_failed
        2  single ann > ann 5     => same_account
        1& single ann > bob 5
        2  single ann > bob 5
        """,
        funded(),
    )


def test_an_empty_chain_is_nothing():
    ledger = funded()
    head = ledger.head()
    assert ledger.submit([], 9) == [] and ledger.head() == head


def test_commit_insists():
    ledger = funded()
    ledger.commit([ledger.transfer("ann", "bob", 5)], 9)
    assert ledger.posted("ann") == 995
    with pytest.raises(AssertionError, match="exceeds_credits"):
        ledger.commit([ledger.transfer("ann", "bob", 5), ledger.transfer("cat", "bob", 5)], 9)
    assert ledger.posted("ann") == 995


def test_fresh_ids_avoid_all_that_were_ever_used():
    ledger = play("1 single ann > bob 5\n2 single cat > bob 5 => exceeds_credits", funded())
    assert [ledger.next_id(), ledger.next_id()] == [3, 4]
    assert ledger.transfer("ann", "bob", 5, code="fee") == Transfer(
        id=5, debit="ann", credit="bob", amount=5, code="fee"
    )


# --- 9: time, history, head -----------------------------------------------------------------------------


def test_times_grow_however_much_happens_at_once():
    ledger = Ledger()
    ledger.open("a", LOTS, Rule.FREE)
    ledger.open("b", LOTS, Rule.FREE)
    for now in (100, 100, 100, 50, 103, 200):
        ledger.commit([ledger.transfer("a", "b", 1)], now)
    ledger.freeze("a", out=True, into=False, order_ref="x", now=200)
    ledger.open("c", LOTS, Rule.FREE)
    assert [record.time for record in ledger.history] == [1, 2, 100, 101, 102, 103, 104, 200, 201, 202]


def test_a_refused_chain_uses_up_no_time():
    ledger = play(
        """
        at 100
        1& single ann > bob 5     => linked_event_failed
        2  single cat > bob 5     => exceeds_credits
        3  single ann > bob 5
        """,
        funded(),
    )
    assert ledger.history[-1].time == 100


def in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is old is folded away after three records."""
    monkeypatch.setattr(ledger_room, "BLOCK", 3)
    monkeypatch.setattr(chronicle, "BLOCK", 3)


def test_the_head_depends_on_the_records_and_not_on_when_it_was_asked(monkeypatch: pytest.MonkeyPatch):
    in_small_blocks(monkeypatch)
    often, once = Ledger(), Ledger()
    heads = [often.head()]
    assert heads == ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]  # of nothing
    for ledger in (often, once):
        ledger.open("a", LOTS, Rule.FREE)
        ledger.open("b", LOTS, Rule.FREE)
        for now in range(10):
            ledger.commit([ledger.transfer("a", "b", 1)], now)
            if ledger is often:
                heads.append(ledger.head())
            ledger.fold()
    assert often.head() == once.head() == heads[-1]
    assert len(set(heads)) == 11


@pytest.mark.parametrize(
    "other",
    [
        "1 single ann > bob 6",
        "2 single ann > bob 5",
        "1 single ann > cat 5",
        "1 pending ann > bob 5",
        "1 single ann > bob 5 code=fee",
        "at 101\n1 single ann > bob 5",
        "freeze ann out",
        "close ann",
        "open eve RUBD D<=C",
    ],
)
def test_another_record_makes_another_head(other: str):
    first, second = play("at 100\n1 single ann > bob 5", funded()), play(f"at 100\n{other}", funded())
    assert first.head() != second.head()


@pytest.mark.parametrize(
    ("one", "two"), [("freeze ann out", "freeze ann in"), ("freeze ann out", "unfreeze ann out")]
)
def test_freezes_tell_apart_in_the_head(one: str, two: str):
    assert play(one, funded()).head() != play(two, funded()).head()


# --- checkpoints ----------------------------------------------------------------------------------------

DAY = """
    at 100
    1 pending ann > bob 300 timeout=40
    2 single cat > bob 1         => exceeds_credits
    3 pending ann > bob 200
    freeze bob out
    advance 139 =>
    4 post ann > bob 150 of=3
    advance 140 => 1
    5& single ann > cat 1        => linked_event_failed
    6  single bob > cat 1        => frozen_out
    unfreeze bob both
    close cat
    7 single bob > ann 10
    2 single ann > bob 1         => id_already_failed
"""


EVENTS = [line.strip() for line in DAY.strip().splitlines()]
CLOCK = [int(event.split()[1]) if event.startswith(("at", "advance")) else 0 for event in EVENTS]


@pytest.mark.parametrize("until", [at for at, event in enumerate(EVENTS, 1) if "&" not in event])
def test_a_restored_ledger_goes_on_as_if_nothing_had_been(until: int):
    first = play("\n".join(EVENTS[:until]), funded())
    snapshot, head = first.checkpoint(), first.head()
    rest = "\n".join([f"at {max(CLOCK[:until])}", *EVENTS[until:]])
    play(rest, first)
    first.next_id()
    for _ in range(2):  # a snapshot serves more than once, and what came after it does not show
        second = Ledger()
        second.restore(snapshot)
        assert second.head() == head and second.audit() == []
        play(rest, second)
        second.next_id()
        assert second.head() == first.head()
        assert second.checkpoint()._replace(accounts={}) == first.checkpoint()._replace(accounts={})
        assert [second.balance(a.account_id) for a in second.accounts()] == [
            first.balance(a.account_id) for a in first.accounts()
        ]


def test_a_ledger_may_go_back_to_its_own_checkpoint():
    ledger = funded()
    assert ledger.next_id() == 1
    snapshot, head = ledger.checkpoint(), ledger.head()
    play("11 single ann > bob 5\nfreeze ann out\nclose bob", ledger)
    assert ledger.head() != head and ledger.next_id() == 2
    ledger.restore(snapshot)
    assert ledger.head() == head and ledger.audit() == [] and ledger.next_id() == 2
    play("11 single ann > bob 7\n12 single bob > ann 7\nann: 0 7 0 1007", ledger)


def test_ids_that_were_handed_out_before_a_checkpoint_are_not_handed_out_again():
    first, second = funded(), Ledger()
    first.next_id()
    second.restore(first.checkpoint())
    assert second.next_id() == first.next_id() == 2


# --- the audit ------------------------------------------------------------------------------------------


def spoiled(account_id: str, **counters: int) -> list[str]:
    """What the audit says of a sound ledger with some counters of one account changed."""
    ledger = play("1 pending ann > bob 300\n2 single ann > bob 10\n3 pending ann > bob 20\n"
                  "4 post ann > bob 20 of=3", funded())  # fmt: skip
    assert ledger.audit() == []
    account = next(account for account in ledger.accounts() if account.account_id == account_id)
    for name, change in counters.items():
        setattr(account, name, getattr(account, name) + change)
    return ledger.audit()


@pytest.mark.parametrize(
    ("account_id", "counters", "fault"),
    [
        ("ann", {"credits_posted": 1}, "I-1 RUBD: posted debits exceed credits by -1"),
        ("ann", {"debits_pending": 1}, "I-1 RUBD: pending debits exceed credits by 1"),
        ("cat", {"debits_posted": -1, "credits_posted": -1}, "I-2 cat: a counter is below zero"),
        ("cat", {"debits_pending": -1}, "I-2 cat: a counter is below zero"),
        ("bob", {"credits_posted": -1}, "I-2 bob: posted debits or credits have decreased"),
        ("ann", {"debits_posted": -1}, "I-2 ann: posted debits or credits have decreased"),
        ("ann", {"debits_posted": 671}, "I-3 ann: -1 available under the rule D<=C"),
        ("bank", {"credits_posted": 2_001}, "I-3 bank: -1 available under the rule C<=D"),
        ("ann", {"debits_pending": 1}, "I-4 ann: 301 pending in debits, open transfers add up to 300"),
        ("bob", {"credits_pending": -1}, "I-4 bob: 299 pending in credits, open transfers add up to 300"),
    ],
)
def test_the_audit_names_what_is_wrong_with_a_counter(account_id: str, counters: dict[str, int], fault: str):
    assert fault in spoiled(account_id, **counters)


def test_the_audit_sees_a_pending_transfer_resolved_twice():
    """I-5, also on a ledger that was audited before."""
    for audited_before in (True, False):
        ledger = play("1 pending ann > bob 300\n2 post ann > bob 300 of=1", funded())
        if audited_before:
            ledger.audit()
        record = ledger.history[-1]
        assert isinstance(record, Committed)
        ledger._history.latest.append(record)
        assert "I-5 2 resolutions of 1 pending transfers" in ledger.audit()


def test_the_audit_sees_more_posted_than_was_pending():
    ledger = play("1 pending ann > bob 300\n2 post ann > bob 300 of=1", funded())
    ledger._pending[1] = ledger._pending[1]._replace(amount=299)
    assert "I-5 1: resolved with 300, more than was pending" in ledger.audit()


def test_the_audit_sees_an_id_committed_twice():
    ledger = play("1 single ann > bob 5", funded())
    ledger._history.latest.append(ledger.history[-1])
    assert "I-6 4 transfers were committed under 3 ids" in ledger.audit()

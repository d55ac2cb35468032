"""A second opinion on the ledger: every counter reckoned again from the history, with plain dictionaries.

It shares nothing with the ledger but the shape of what was written down, and trusts nothing that the ledger
remembers besides.
"""

from collections.abc import Sequence
from hashlib import sha256

from exchange.clearing.transfers import AccountOpened, Committed, LedgerRecord, TransferId
from exchange.messages import encode


def replay(history: Sequence[LedgerRecord]) -> dict[str, tuple[int, int, int, int]]:
    """By account: debits pending and posted, credits pending and posted. Needs no clock."""
    dp: dict[str, int] = {}
    dd: dict[str, int] = {}
    cp: dict[str, int] = {}
    cd: dict[str, int] = {}
    set_aside: dict[TransferId | None, int] = {}
    for record in history:
        if isinstance(record, AccountOpened):
            assert record.account_id not in dd, f"{record.account_id} was opened twice"
            for counter in (dp, dd, cp, cd):
                counter[record.account_id] = 0
        elif isinstance(record, Committed):
            transfer, amount = record.transfer, record.amount
            if transfer.mode == "pending":
                set_aside[transfer.id] = amount
                dp[transfer.debit] += amount
                cp[transfer.credit] += amount
            if transfer.mode in ("post", "void", "expire"):
                returned = set_aside.pop(transfer.pending_id)
                dp[transfer.debit] -= returned
                cp[transfer.credit] -= returned
            if transfer.mode in ("single", "post"):
                dd[transfer.debit] += amount
                cd[transfer.credit] += amount
    return {account: (dp[account], dd[account], cp[account], cd[account]) for account in dd}


def recompute_head(history: Sequence[LedgerRecord]) -> str:
    """What the ledger's head should be: SHA-256 over one line of JSON a record."""
    return sha256(b"".join(encode(record) + b"\n" for record in history)).hexdigest()

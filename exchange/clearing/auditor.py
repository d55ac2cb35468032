"""A second opinion on the ledger: every counter reckoned again from the history, with plain dictionaries.

It shares nothing with the ledger but the shape of what was written down, and trusts nothing that the ledger
remembers besides.
"""

from collections.abc import Sequence
from hashlib import sha256

from exchange.clearing.transfers import AccountOpened, Committed, LedgerRecord, TransferId
from exchange.messages import encode
from exchange.units import Money, Time


class Auditor:
    """Reads a history on from where it stopped the last time, so looking often costs no more than looking once."""

    def __init__(self) -> None:
        self._debits_pending: dict[str, Money] = {}
        self._debits_posted: dict[str, Money] = {}
        self._credits_pending: dict[str, Money] = {}
        self._credits_posted: dict[str, Money] = {}
        self._set_aside: dict[TransferId | None, Money] = {}
        self._hash = sha256()
        self._last: LedgerRecord | None = None
        self._read = 0

    def read(self, history: Sequence[LedgerRecord]) -> list[str]:
        """Take in what is new. What is wrong with it (I-8): what was read before is gone, or time stood still."""
        faults = []
        if self._read and (len(history) < self._read or history[self._read - 1] != self._last):
            faults.append(f"I-8 the first {self._read} records are not what they were")
        for record in history[self._read :]:
            before: Time = -1 if self._last is None else self._last.time
            if record.time <= before:
                faults.append(f"I-8 record {self._read}: {record.time} does not come after {before}")
            self._hash.update(encode(record) + b"\n")
            self._take_in(record)
            self._last, self._read = record, self._read + 1
        return faults

    def head(self) -> str:
        """What the ledger's head should be: SHA-256 over one line of JSON a record."""
        return self._hash.hexdigest()

    def counters(self) -> dict[str, tuple[Money, Money, Money, Money]]:
        """By account: debits pending and posted, credits pending and posted."""
        return {
            account: (
                self._debits_pending[account],
                posted,
                self._credits_pending[account],
                self._credits_posted[account],
            )
            for account, posted in self._debits_posted.items()
        }

    def _take_in(self, record: LedgerRecord) -> None:
        if isinstance(record, AccountOpened):
            assert record.account_id not in self._debits_posted, f"{record.account_id} was opened twice"
            for counter in (
                self._debits_pending,
                self._debits_posted,
                self._credits_pending,
                self._credits_posted,
            ):
                counter[record.account_id] = 0
        elif isinstance(record, Committed):
            transfer, amount = record.transfer, record.amount
            if transfer.mode == "pending":
                self._set_aside[transfer.id] = amount
                self._debits_pending[transfer.debit] += amount
                self._credits_pending[transfer.credit] += amount
            if transfer.mode in ("post", "void", "expire"):
                returned = self._set_aside.pop(transfer.pending_id)
                self._debits_pending[transfer.debit] -= returned
                self._credits_pending[transfer.credit] -= returned
            if transfer.mode in ("single", "post"):
                self._debits_posted[transfer.debit] += amount
                self._credits_posted[transfer.credit] += amount


def replay(history: Sequence[LedgerRecord]) -> dict[str, tuple[Money, Money, Money, Money]]:
    """`Auditor.counters` of a whole history. Needs no clock."""
    auditor = Auditor()
    auditor.read(history)
    return auditor.counters()


def recompute_head(history: Sequence[LedgerRecord]) -> str:
    """`Auditor.head` of a whole history."""
    return sha256(b"".join(encode(record) + b"\n" for record in history)).hexdigest()

"""One double-entry ledger for money, units and positions: every balance changes here, and only here.

A transfer debits one account and credits another of the same asset, so debits equal credits whatever happens.
A chain is committed whole or not at all. The history holds all that was committed, in order; it is also the
undo log of a chain that fails half-way, and what an auditor needs to reckon every counter again.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from hashlib import sha256
from typing import Final, NamedTuple

from mypy_extensions import mypyc_attr

from exchange.clearing.chronicle import BLOCK, Block, Chronicle
from exchange.clearing.transfers import (
    EXPIRY,
    AccountClosed,
    AccountFrozen,
    AccountOpened,
    AccountUnfrozen,
    Committed,
    LedgerRecord,
    Mode,
    Move,
    Rule,
    Status,
    Transfer,
    TransferId,
    shape_fault,
)
from exchange.messages import encode_lines
from exchange.units import AssetId, Money, Time

__all__ = [
    "Account",
    "Balance",
    "Ledger",
    "Mode",
    "Move",
    "Rule",
    "Snapshot",
    "Status",
    "Transfer",
    "TransferId",
]

# Members as plain names: each is read several times for every transfer.
_SINGLE, _PENDING, _POST, _VOID, _EXPIRE = Mode
_LIABILITY, _MIRROR = Rule.LIABILITY, Rule.MIRROR
_OK = Status.OK

_NEVER: Final = 2**63  # later than any time
_ALREADY = {
    _POST: Status.ALREADY_POSTED,
    _VOID: Status.ALREADY_VOIDED,
    _EXPIRE: Status.ALREADY_EXPIRED,
}


@mypyc_attr(serializable=True)  # made bare when an image is read
class Account:
    """Four counters under one rule. The ledger alone changes them."""

    __slots__ = (
        "account_id",
        "asset_id",
        "closed",
        "credits_pending",
        "credits_posted",
        "debits_pending",
        "debits_posted",
        "frozen_in_at",
        "frozen_out_at",
        "rule",
    )

    def __init__(self, account_id: str, asset_id: AssetId, rule: Rule) -> None:
        self.account_id = account_id
        self.asset_id = asset_id
        self.rule = rule
        self.debits_pending: Money = 0
        self.debits_posted: Money = 0
        self.credits_pending: Money = 0
        self.credits_posted: Money = 0
        self.frozen_out_at: Time = _NEVER
        self.frozen_in_at: Time = _NEVER
        self.closed = False

    @property
    def available(self) -> Money:
        """What may still be taken: out of credits, or out of a mirror's debits."""
        if self.rule is _MIRROR:
            return self.debits_posted - self.credits_posted - self.credits_pending
        return self.credits_posted - self.debits_posted - self.debits_pending

    @property
    def posted(self) -> Money:
        """The balance: of credits, or of a mirror's debits."""
        balance = self.credits_posted - self.debits_posted
        return -balance if self.rule is _MIRROR else balance


class Balance(NamedTuple):
    debits_pending: Money
    debits_posted: Money
    credits_pending: Money
    credits_posted: Money
    available: Money
    posted: Money


class Pending(NamedTuple):
    """A committed PENDING transfer. It is open for as long as nothing has resolved it."""

    debit: str
    credit: str
    amount: Money
    time: Time
    expires_at: Time


class Seen(NamedTuple):
    """What the last audit saw: how far it read the history, and each account's posted debits and credits."""

    records: int
    committed: int
    resolved: int
    turnover: dict[str, tuple[Money, Money]]


class Snapshot(NamedTuple):
    """All that a ledger remembers, apart from it. Made by `checkpoint`, good for any number of `restore`s."""

    accounts: dict[str, Account]
    known: dict[TransferId, Transfer]
    handed_out: frozenset[int]
    burned: frozenset[TransferId]
    pending: dict[TransferId | None, Pending]
    resolved: dict[TransferId | None, Committed]
    expiries: tuple[tuple[Time, Time, TransferId], ...]
    history: Chronicle
    last_time: Time
    last_id: int


class Earlier(NamedTuple):
    """A history that another ledger has written. Nearly nothing is ever looked up in it, so it stays folded."""

    blocks: tuple[Block, ...]
    submitted: tuple[Committed, ...]  # what in it was more than moves


class Ledger:
    """Give it the same calls and it writes the same history, to the byte.

    `freeze_respects_finality`: whether a final POST may pass a freeze that came after its pending transfer.
    """

    def __init__(self, *, freeze_respects_finality: bool = False) -> None:
        self.freeze_respects_finality = freeze_respects_finality
        self._accounts: dict[str, Account] = {}
        self._known: dict[TransferId, Transfer] = {}  # as submitted
        self._handed_out: set[int] = set()  # by `next_id`; other numbers up to the last were given to moves
        self._burned: set[TransferId] = set()
        self._pending: dict[TransferId | None, Pending] = {}  # None is nobody's id
        self._resolved: dict[TransferId | None, Committed] = {}  # by the id of the pending transfer
        self._expiries: list[tuple[Time, Time, TransferId]] = []  # heap, in order of expiry, then of entry
        self._history = Chronicle()
        self._last_time: Time = 0
        self._last_id = 0
        self._digest, self._digested = sha256(), 0
        self._seen = Seen(0, 0, 0, {})

    # --- reading ------------------------------------------------------------------------------------

    def __contains__(self, account_id: str) -> bool:
        return account_id in self._accounts

    def accounts(self) -> Iterable[Account]:
        """In the order of their opening; to be read only."""
        return self._accounts.values()

    def available(self, account_id: str) -> Money:
        """Posted less what is set aside. Raises KeyError if there is no such account."""
        return self._accounts[account_id].available

    def posted(self, account_id: str) -> Money:
        """Credits less debits; of a mirror, debits less credits. Raises KeyError as `available` does."""
        return self._accounts[account_id].posted

    def balance(self, account_id: str) -> Balance:
        """The whole picture of one account. Raises KeyError as `available` does."""
        account = self._accounts[account_id]
        return Balance(
            account.debits_pending,
            account.debits_posted,
            account.credits_pending,
            account.credits_posted,
            account.available,
            account.posted,
        )

    def is_frozen_out(self, account_id: str) -> bool:
        """Whether nothing may leave. Raises KeyError as `available` does."""
        return self._accounts[account_id].frozen_out_at < _NEVER

    def is_frozen_in(self, account_id: str) -> bool:
        """Whether nothing may enter. Raises KeyError as `available` does."""
        return self._accounts[account_id].frozen_in_at < _NEVER

    def committed(self, transfer_id: TransferId) -> Transfer | None:
        """The transfer of that id, if it was ever committed. It costs the whole history if it was not submitted."""
        if not self._is_booked(transfer_id):
            return self._known.get(transfer_id)
        return next(
            record.transfer
            for record in self._history
            if isinstance(record, Committed) and record.transfer.id == transfer_id
        )

    @property
    def last_time(self) -> Time:
        """When the last record was written."""
        return self._last_time

    @property
    def history(self) -> Sequence[LedgerRecord]:
        """All that was committed, in order of time; to be read only."""
        return self._history

    def head(self) -> str:
        """SHA-256 of the history, one JSON line a record. It costs what has been added since last asked."""
        while self._digested < len(self._history):
            block = self._history[self._digested : self._digested + BLOCK]
            self._digest.update(encode_lines(block))
            self._digested += len(block)
        return self._digest.hexdigest()

    def fold(self) -> None:
        """Fold the oldest block of the history away, if there are two that no chain can undo any more.

        Nothing that is asked depends on it. It costs a millisecond or two.
        """
        history = self._history
        if not history.may_fold:
            return
        if self._digested != history.folded:
            self.head()
        lines = history.fold()
        if self._digested < history.folded:
            self._digest.update(lines)
            self._digested = history.folded

    # --- accounts -----------------------------------------------------------------------------------

    def open(self, account_id: str, asset_id: AssetId, rule: Rule) -> Status:
        if not (type(account_id) is type(asset_id) is str and account_id and asset_id and type(rule) is Rule):
            return Status.FIELDS_INVALID
        account = self._accounts.get(account_id)
        if account is not None:
            same = account.asset_id == asset_id and account.rule is rule
            return Status.EXISTS if same else Status.EXISTS_DIFFERENT
        self._accounts[account_id] = Account(account_id, asset_id, rule)
        time = self._next_time(0)
        self._write(AccountOpened(time=time, account_id=account_id, asset_id=asset_id, rule=rule))
        return _OK

    def freeze(self, account_id: str, *, out: bool, into: bool, order_ref: str, now: Time) -> Status:
        """Nothing leaves (`out`), nothing enters (`into`); each since the first order that said so."""
        account = self._accounts.get(account_id)
        if account is None:
            return Status.ACCOUNT_NOT_FOUND
        if not (out or into):
            return Status.FIELDS_INVALID
        time = self._next_time(now)
        if out:
            account.frozen_out_at = min(account.frozen_out_at, time)
        if into:
            account.frozen_in_at = min(account.frozen_in_at, time)
        self._write(AccountFrozen(time=time, account_id=account_id, out=out, into=into, order_ref=order_ref))
        return _OK

    def unfreeze(
        self, account_id: str, *, out: bool = True, into: bool = True, order_ref: str, now: Time
    ) -> Status:
        """Lift the freeze, however many orders it rests on."""
        account = self._accounts.get(account_id)
        if account is None:
            return Status.ACCOUNT_NOT_FOUND
        if not (out or into):
            return Status.FIELDS_INVALID
        if out:
            account.frozen_out_at = _NEVER
        if into:
            account.frozen_in_at = _NEVER
        time = self._next_time(now)
        self._write(
            AccountUnfrozen(time=time, account_id=account_id, out=out, into=into, order_ref=order_ref)
        )
        return _OK

    def close(self, account_id: str, *, order_ref: str, now: Time) -> Status:
        """For good. From here on what is pending may return, and nothing else may happen."""
        account = self._accounts.get(account_id)
        if account is None:
            return Status.ACCOUNT_NOT_FOUND
        account.closed = True
        self._write(AccountClosed(time=self._next_time(now), account_id=account_id, order_ref=order_ref))
        return _OK

    # --- transfers ----------------------------------------------------------------------------------

    def next_id(self) -> int:
        """A transfer id that nobody has used."""
        self._last_id += 1
        while self._last_id in self._known or self._last_id in self._burned:
            self._last_id += 1
        self._handed_out.add(self._last_id)
        return self._last_id

    def transfer(
        self,
        debit: str,
        credit: str,
        amount: Money,
        *,
        mode: Mode = Mode.SINGLE,
        pending_id: TransferId | None = None,
        timeout: Time | None = None,
        code: str = "",
        final: bool = False,
        balancing: bool = False,
    ) -> Transfer:
        """A transfer with a fresh id, to be submitted."""
        return Transfer(
            id=self.next_id(),
            debit=debit,
            credit=credit,
            amount=amount,
            mode=mode,
            pending_id=pending_id,
            timeout=timeout,
            code=code,
            final=final,
            balancing=balancing,
        )

    def submit(self, chain: Sequence[Transfer], now: Time) -> list[Status]:
        """Commit the whole chain, in order, or nothing of it.

        The first transfer that is refused gets the reason, all others LINKED_EVENT_FAILED. The others may be
        submitted again; the refused one may not if its reason was transient, so no retry ever ends otherwise.
        """
        refusal = self._commit_whole(chain, now)
        if refusal is None:
            return [_OK] * len(chain)
        position, status = refusal
        statuses = [Status.LINKED_EVENT_FAILED] * len(chain)
        statuses[position] = status
        return statuses

    def commit(self, chain: Sequence[Transfer], now: Time) -> None:
        """Commit a chain that the caller has proved to be possible."""
        refusal = self._commit_whole(chain, now)
        assert refusal is None, f"a proved chain was refused: {refusal[1]}, {chain[refusal[0]]}"

    def book(self, moves: Sequence[Move], now: Time) -> None:
        """Commit plain moves, as one chain, that the caller has proved to be possible.

        It is `commit` of SINGLE transfers with fresh ids, without the checks that these cannot fail: every
        order of every participant passes here several times.
        """
        accounts, known, burned = self._accounts, self._known, self._burned
        latest = self._history.latest
        start, last_time, time, last_id = len(latest), self._last_time, self._last_time, self._last_id
        for debit, credit, amount in moves:
            debtor, creditor = accounts[debit], accounts[credit]
            time = now if now > time else time + 1
            if (
                amount <= 0
                or debtor.closed
                or creditor.closed
                or debtor.frozen_out_at < time
                or creditor.frozen_in_at < time
                or debtor.asset_id != creditor.asset_id
                or (
                    debtor.rule is _LIABILITY
                    and debtor.credits_posted - debtor.debits_posted - debtor.debits_pending < amount
                )
                or (creditor.rule is _MIRROR and creditor.available < amount)
            ):
                while len(latest) > start:
                    self._take_back()
                self._last_time = last_time
                raise AssertionError(f"a proved move was refused: {amount} from {debit} to {credit}")
            debtor.debits_posted += amount
            creditor.credits_posted += amount
            last_id += 1
            while last_id in known or last_id in burned:
                last_id += 1
            transfer = Transfer(id=last_id, debit=debit, credit=credit, amount=amount)
            latest.append(Committed(time=time, transfer=transfer, amount=amount))
        self._last_time, self._last_id = time, last_id

    def take_back(self, moves: Sequence[Move], now: Time) -> None:
        """`book` moves out of accounts that may be frozen, for what is gone all the same: units that a chain no
        longer shows, or that their issuer has redeemed. The freezes stand as before.
        """
        frozen = {debit: self._accounts[debit].frozen_out_at for debit, _, _ in moves}
        for debit in frozen:
            self._accounts[debit].frozen_out_at = _NEVER
        try:
            self.book(moves, now)
        finally:
            for debit, since in frozen.items():
                self._accounts[debit].frozen_out_at = since

    def advance(self, now: Time) -> list[Transfer]:
        """Expire what is due up to and including `now`, each at its own hour; the expiries, in that order."""
        expired = []
        while self._expiries and self._expiries[0][0] <= now:
            due, _, pending_id = heapq.heappop(self._expiries)
            if pending_id not in self._resolved:
                debit, credit, amount, *_ = self._pending[pending_id]
                expiry = Transfer(
                    id=f"{EXPIRY}{pending_id!r}",
                    debit=debit,
                    credit=credit,
                    amount=amount,
                    mode=_EXPIRE,
                    pending_id=pending_id,
                )
                debtor, creditor = self._accounts[debit], self._accounts[credit]
                self._apply(expiry, debtor, creditor, amount, self._next_time(due))
                expired.append(expiry)
        return expired

    # --- one chain ----------------------------------------------------------------------------------

    def _commit_whole(self, chain: Sequence[Transfer], now: Time) -> tuple[int, Status] | None:
        """None, or the position and the status of the first refusal, after which nothing has changed."""
        latest = self._history.latest
        start, last_time = len(latest), self._last_time
        for position, transfer in enumerate(chain):
            status = self._commit_one(transfer, now)
            if status is not _OK:
                while len(latest) > start:
                    self._take_back()
                self._last_time = last_time
                if status.transient:
                    self._burned.add(transfer.id)
                return position, status
        return None

    def _commit_one(self, transfer: Transfer, now: Time) -> Status:
        """Apply `transfer`, or say why not. The order of the checks is part of the contract."""
        # 1. It makes sense.
        fault = shape_fault(transfer)
        if fault is not _OK:
            return fault

        # 2. Its id is new, or this is a retry.
        known = self.committed(transfer.id)
        if known is not None:
            return Status.EXISTS if known == transfer else Status.EXISTS_DIFFERENT

        # 3. Its id has not failed before.
        if transfer.id in self._burned:
            return Status.ID_ALREADY_FAILED

        # 4. What it would resolve is pending.
        mode = transfer.mode
        pending: Pending | None = None
        if mode is _POST or mode is _VOID:
            pending = self._pending.get(transfer.pending_id)
            fault = self._reference_fault(transfer, pending, now)
            if fault is not _OK:
                return fault

        # 5. Both accounts are there, and of one asset.
        debtor = self._accounts.get(transfer.debit)
        creditor = self._accounts.get(transfer.credit)
        if debtor is None or creditor is None:
            return Status.ACCOUNT_NOT_FOUND
        if debtor.asset_id != creditor.asset_id:
            return Status.DIFFERENT_ASSETS

        time = self._next_time(now)
        if mode is not _VOID:
            # 6, 7. Neither is closed, or was frozen when the transfer was entered.
            entered = pending.time if pending and transfer.final and self.freeze_respects_finality else time
            fault = _account_fault(debtor, creditor, entered)
            if fault is not _OK:
                return fault

        # 8. There is enough. What a pending transfer set aside cannot be missing.
        amount = transfer.amount
        if pending is None:
            if transfer.balancing:
                amount = min(amount, debtor.credits_posted - debtor.debits_posted - debtor.debits_pending)
            fault = _balance_fault(debtor, creditor, amount)
            if fault is not _OK:
                return fault
        elif mode is _VOID:
            amount = pending.amount

        # 9. So be it.
        self._apply(transfer, debtor, creditor, amount, time)
        return _OK

    def _reference_fault(self, transfer: Transfer, pending: Pending | None, now: Time) -> Status:
        if pending is None:
            known = transfer.pending_id in self._known or self._is_booked(transfer.pending_id)
            return Status.NOT_PENDING if known else Status.PENDING_NOT_FOUND
        resolution = self._resolved.get(transfer.pending_id)
        if resolution is not None:
            return _ALREADY[resolution.transfer.mode]
        if pending.expires_at <= now:  # even if nobody has called `advance` yet
            return Status.ALREADY_EXPIRED
        if (transfer.debit, transfer.credit) != (pending.debit, pending.credit):
            return Status.DIFFERENT_ACCOUNTS
        return Status.EXCEEDS_PENDING if transfer.amount > pending.amount else _OK

    def _is_booked(self, transfer_id: TransferId | None) -> bool:
        """Whether a move has that id: it is none that was handed out, submitted or burned."""
        return (
            isinstance(transfer_id, int)
            and 0 < transfer_id <= self._last_id
            and transfer_id not in self._handed_out
            and transfer_id not in self._known
            and transfer_id not in self._burned
        )

    def _next_time(self, now: Time) -> Time:
        """Times only ever grow, however much happens in one nanosecond."""
        after = self._last_time + 1
        return now if now > after else after

    # --- the only place where anything changes ------------------------------------------------------

    def _apply(
        self, transfer: Transfer, debtor: Account, creditor: Account, amount: Money, time: Time
    ) -> None:
        record = Committed(time=time, transfer=transfer, amount=amount)
        if transfer.mode is _PENDING:
            self._set_aside(record)
        elif transfer.pending_id is not None:
            self._resolved[transfer.pending_id] = record
        self._move(transfer, debtor, creditor, amount, 1)
        self._known[transfer.id] = transfer
        self._write(record)

    def _take_back(self) -> None:
        """Undo the last record, as if it had never been."""
        record = self._history.latest.pop()
        assert isinstance(record, Committed), "a chain writes nothing but transfers"
        transfer = record.transfer
        self._known.pop(transfer.id, None)
        debtor, creditor = self._accounts[transfer.debit], self._accounts[transfer.credit]
        self._move(transfer, debtor, creditor, record.amount, -1)
        if transfer.mode is _PENDING:
            pending = self._pending.pop(transfer.id)
            if transfer.timeout is not None:
                self._expiries.remove((pending.expires_at, pending.time, transfer.id))
                heapq.heapify(self._expiries)
        elif transfer.pending_id is not None:
            del self._resolved[transfer.pending_id]

    def _move(
        self, transfer: Transfer, debtor: Account, creditor: Account, amount: Money, direction: int
    ) -> None:
        """Change the counters as the transfer says (1), or back again (-1)."""
        mode = transfer.mode
        if mode is _SINGLE or mode is _POST:
            debtor.debits_posted += direction * amount
            creditor.credits_posted += direction * amount
        if mode is not _SINGLE:
            held = amount if mode is _PENDING else -self._pending[transfer.pending_id].amount
            debtor.debits_pending += direction * held
            creditor.credits_pending += direction * held

    def _set_aside(self, record: Committed) -> None:
        transfer, time = record.transfer, record.time
        expires_at = _NEVER if transfer.timeout is None else time + transfer.timeout
        self._pending[transfer.id] = Pending(transfer.debit, transfer.credit, record.amount, time, expires_at)
        if transfer.timeout is not None:
            heapq.heappush(self._expiries, (expires_at, time, transfer.id))

    def _write(self, record: LedgerRecord) -> None:
        self._history.latest.append(record)
        self._last_time = record.time

    # --- checkpoints --------------------------------------------------------------------------------

    def checkpoint(self) -> Snapshot:
        return Snapshot(
            accounts=_copied(self._accounts),
            known=self._known.copy(),
            handed_out=frozenset(self._handed_out),
            burned=frozenset(self._burned),
            pending=self._pending.copy(),
            resolved=self._resolved.copy(),
            expiries=tuple(sorted(self._expiries)),
            history=self._history.copy(),
            last_time=self._last_time,
            last_id=self._last_id,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Be as the ledger was, this one or another, when it made the snapshot."""
        self._accounts = _copied(snapshot.accounts)
        self._known = snapshot.known.copy()
        self._handed_out = set(snapshot.handed_out)
        self._burned = set(snapshot.burned)
        self._pending = snapshot.pending.copy()
        self._resolved = snapshot.resolved.copy()
        self._expiries = list(snapshot.expiries)
        self._history = snapshot.history.copy()
        self._last_time = snapshot.last_time
        self._last_id = snapshot.last_id
        self._digest, self._digested = sha256(), 0
        self._seen = Seen(0, 0, 0, {})

    def resume(self, earlier: Earlier) -> None:
        """Take over the history that led to the accounts and the open transfers which this ledger has already."""
        self._history = Chronicle(folded=earlier.blocks)
        self._known = {record.transfer.id: record.transfer for record in earlier.submitted}
        self._resolved = {
            record.transfer.pending_id: record
            for record in earlier.submitted
            if record.transfer.pending_id is not None
        }
        self._digest, self._digested = sha256(), len(self._history)
        for block in earlier.blocks:
            self._digest.update(block.unfolded())
        self._seen = Seen(0, 0, 0, {})

    def submitted(self, records: Iterable[LedgerRecord]) -> Iterator[Committed]:
        """Of these records of its own, all that are more than moves: what `resume` has to be told of them."""
        return (
            record for record in records if isinstance(record, Committed) and not self._may_be_booked(record)
        )

    def _may_be_booked(self, record: Committed) -> bool:
        """Whether it looks like a move. What was submitted and looks so too may count as one."""
        number = record.transfer.id
        if not isinstance(number, int) or not 0 < number <= self._last_id or number in self._handed_out:
            return False
        told = record.transfer
        return told == Transfer(id=number, debit=told.debit, credit=told.credit, amount=told.amount)

    # --- invariants ---------------------------------------------------------------------------------

    def audit(self) -> list[str]:
        """Each violated invariant (I-1 to I-7) as a sentence; empty if all is well.

        It costs the accounts, the pending transfers, and what has been written since it was last asked.
        """
        faults = [*self._sum_faults(), *self._account_faults(), *self._pending_faults()]
        self._seen = self._look_again()
        faults.extend(self._count_faults())
        faults.extend(self._doomed_chain_faults())
        return faults

    def _sum_faults(self) -> Iterator[str]:
        posted: Counter[AssetId] = Counter()
        pending: Counter[AssetId] = Counter()
        for account in self._accounts.values():
            posted[account.asset_id] += account.debits_posted - account.credits_posted
            pending[account.asset_id] += account.debits_pending - account.credits_pending
        for kind, excess in (("posted", posted), ("pending", pending)):
            for asset_id, difference in excess.items():
                if difference:
                    yield f"I-1 {asset_id}: {kind} debits exceed credits by {difference}"

    def _account_faults(self) -> Iterator[str]:
        for account_id, account in self._accounts.items():
            debited, credited = account.debits_posted, account.credits_posted
            if min(debited, credited, account.debits_pending, account.credits_pending) < 0:
                yield f"I-2 {account_id}: a counter is below zero"
            seen_debits, seen_credits = self._seen.turnover.get(account_id, (0, 0))
            if debited < seen_debits or credited < seen_credits:
                yield f"I-2 {account_id}: posted debits or credits have decreased"
            if account.rule is not Rule.FREE and account.available < 0:
                yield f"I-3 {account_id}: {account.available} available under the rule {account.rule}"

    def _pending_faults(self) -> Iterator[str]:
        held: Counter[tuple[str, str]] = Counter()
        for transfer_id, pending in self._pending.items():
            if transfer_id not in self._resolved:
                held["debits", pending.debit] += pending.amount
                held["credits", pending.credit] += pending.amount
        for account_id, account in self._accounts.items():
            for kind, counter in (("debits", account.debits_pending), ("credits", account.credits_pending)):
                if counter != held[kind, account_id]:
                    yield (
                        f"I-4 {account_id}: {counter} pending in {kind},"
                        f" open transfers add up to {held[kind, account_id]}"
                    )
        for transfer_id, resolution in self._resolved.items():
            if resolution.amount > self._pending[transfer_id].amount:
                yield f"I-5 {transfer_id}: resolved with {resolution.amount}, more than was pending"

    def _count_faults(self) -> Iterator[str]:
        if self._seen.resolved != len(self._resolved):
            yield f"I-5 {self._seen.resolved} resolutions of {len(self._resolved)} pending transfers"
        others = self._handed_out.union(self._known, self._burned)
        moves = self._last_id - sum(isinstance(i, int) and 0 < i <= self._last_id for i in others)
        ids = len(self._known) + moves
        if self._seen.committed != ids:
            yield f"I-6 {self._seen.committed} transfers were committed under {ids} ids"

    def _doomed_chain_faults(self) -> Iterator[str]:
        """I-7, tried out: a chain that is possible up to its last transfer leaves everything as it was."""
        pair = self._two_accounts()
        if pair is None:
            return
        before, (debit, credit) = self._picture(pair), (account.account_id for account in pair)
        aside = Transfer(id="doomed:1", debit=debit, credit=credit, amount=1, mode=_PENDING, timeout=1)
        posted = Transfer(
            id="doomed:2", debit=debit, credit=credit, amount=1, mode=_POST, pending_id="doomed:1"
        )
        twice = Transfer(id="doomed:1", debit=debit, credit=credit, amount=2)
        refusal = self._commit_whole((aside, posted, twice), self._last_time)
        if refusal != (2, Status.EXISTS_DIFFERENT):
            yield f"I-7 a chain that was bound to fail ended otherwise: {refusal}"
        if self._picture(pair) != before:
            yield "I-7 a chain that failed has left something behind"

    def _two_accounts(self) -> tuple[Account, Account] | None:
        """Two accounts of one asset, the first of which could pay the second, if there are such."""
        first: dict[AssetId, Account] = {}
        for account in self._accounts.values():
            frozen = min(account.frozen_out_at, account.frozen_in_at) < _NEVER
            if account.closed or frozen or account.rule is _MIRROR:
                continue
            other = first.setdefault(account.asset_id, account)
            for debtor, creditor in ((other, account), (account, other)) if other is not account else ():
                if debtor.rule is Rule.FREE or debtor.available > 0:
                    return debtor, creditor
        return None

    def _picture(self, accounts: Iterable[Account]) -> tuple[object, ...]:
        """All that a chain could change: counters, what is pending, what was seen before, and the history's end."""
        books = (
            self._known,
            self._handed_out,
            self._burned,
            self._pending,
            self._resolved,
            self._expiries,
            self._history,
        )
        counters = [self.balance(account.account_id) for account in accounts]
        return counters, [len(book) for book in books], self._last_time, self._last_id

    def _look_again(self) -> Seen:
        """Read the history on from where the last audit stopped."""
        records, committed, resolved, _ = self._seen
        for record in self._history[records:]:
            if isinstance(record, Committed):
                committed += 1
                resolved += record.transfer.pending_id is not None
        turnover = {
            a: (account.debits_posted, account.credits_posted) for a, account in self._accounts.items()
        }
        return Seen(len(self._history), committed, resolved, turnover)


def _account_fault(debtor: Account, creditor: Account, entered: Time) -> Status:
    """Whether either account was closed, or frozen on its side, when the transfer was entered."""
    if debtor.closed or creditor.closed:
        return Status.ACCOUNT_CLOSED
    if debtor.frozen_out_at < entered:
        return Status.FROZEN_OUT
    return Status.FROZEN_IN if creditor.frozen_in_at < entered else _OK


def _balance_fault(debtor: Account, creditor: Account, amount: Money) -> Status:
    """Whether `amount` more, pending or posted, would break a rule; or whether there is nothing to move."""
    if amount <= 0 or (debtor.rule is _LIABILITY and debtor.available < amount):
        return Status.EXCEEDS_CREDITS
    if creditor.rule is _MIRROR and creditor.available < amount:
        return Status.EXCEEDS_DEBITS
    return _OK


def _copied(accounts: dict[str, Account]) -> dict[str, Account]:
    return {account_id: copy(account) for account_id, account in accounts.items()}

"""From the journal back to the exchange: from the newest snapshot, or from the first record."""

from collections.abc import Callable
from typing import NamedTuple

from exchange.core import Exchange
from exchange.events import Entry
from exchange.journal import versions
from exchange.journal.faults import JournalUnusable
from exchange.journal.live import Journal
from exchange.journal.snapshots import SnapshotError, Taken
from exchange.units import Time

Told = Callable[[list[Entry]], None]


class Recovery(NamedTuple):
    """An exchange that has handled every record of its journal."""

    exchange: Exchange
    sequence: int  # of the last record
    time: Time  # of the last command; 0 if there was none
    snapshot: int  # the record at which the replay began; 0: from the beginning
    replayed: int  # commands
    skipped: tuple[str, ...]  # snapshots that were passed over, and why


def recover(journal: Journal) -> Exchange:
    """The exchange as it was when the last record had been handled. Raises as `recovery` does."""
    return recovery(journal).exchange


def recovery(
    journal: Journal, told: Told | None = None, *, from_snapshot: bool = True, until: int | None = None
) -> Recovery:
    """The same, and how it came about. `told` hears the entries of every command that is replayed.

    `until`: stop after that record. Raises LiveJournalDamaged, and JournalUnusable for the history of an engine
    that this one does not repeat. An exchange that breaks says at which record.
    """
    taken, skipped = _snapshot_of(journal, until) if from_snapshot else (None, ())
    venue, first = (taken.whole, taken.head.sequence) if taken else (Exchange(), 0)
    sequence = first
    for record in journal.records(first):
        if until is not None and record.sequence > until:
            break
        if record.engine not in versions.REPLAYABLE:
            raise JournalUnusable(
                f"{journal.name}, record {record.sequence} belongs to engine {record.engine}, whose history this"
                " version does not repeat. Recover with the version that wrote it and keep a snapshot"
            )
        try:
            entries = venue.handle(record.heard(), record.time)
        except Exception as fault:
            fault.add_note(f"while replaying record {record.sequence} of {journal.name}")
            raise
        if told:
            told(entries)
        sequence = record.sequence
    return Recovery(venue, sequence, venue.state.now, first, sequence - first, skipped)


def _snapshot_of(journal: Journal, until: int | None) -> tuple[Taken | None, tuple[str, ...]]:
    """The newest snapshot that can be used, and why newer ones cannot."""
    skipped: list[str] = []
    for path in journal.snapshots.newest_first() if journal.snapshots else ():
        try:
            assert journal.snapshots
            taken = journal.snapshots.read(path)
        except SnapshotError as fault:
            skipped.append(str(fault))
            continue
        record = next(journal.records(taken.head.sequence - 1), None) if taken.head.sequence else None
        if record is None or record.check.hex() != taken.head.check:
            skipped.append(f"{path} is of another journal")
        elif until is None or taken.head.sequence <= until:
            journal.snapshots.go_on_from(taken)
            return taken, tuple(skipped)
    return None, tuple(skipped)

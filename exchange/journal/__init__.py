"""The journal: every command, in the order in which it was handled; and the digest of what came of them."""

from exchange.journal.digest import RecordDigest
from exchange.journal.faults import (
    JournalFailed,
    JournalFull,
    JournalInUse,
    JournalUnusable,
    LiveJournalDamaged,
)
from exchange.journal.journal_file import JournalDamaged, JournalWriter, read
from exchange.journal.live import Journal, is_there, open_journal, promised_head, read_journal
from exchange.journal.record import Head
from exchange.journal.replay import Recovery, recover, recovery
from exchange.journal.state_image import state_hash

__all__ = [
    "Head",
    "Journal",
    "JournalDamaged",
    "JournalFailed",
    "JournalFull",
    "JournalInUse",
    "JournalUnusable",
    "JournalWriter",
    "LiveJournalDamaged",
    "RecordDigest",
    "Recovery",
    "is_there",
    "open_journal",
    "promised_head",
    "read",
    "read_journal",
    "recover",
    "recovery",
    "state_hash",
]

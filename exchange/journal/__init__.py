"""The journal: every command, in the order in which it was handled; and the digest of what came of them."""

from exchange.journal.digest import RecordDigest
from exchange.journal.journal_file import JournalDamaged, JournalWriter, read

__all__ = ["JournalDamaged", "JournalWriter", "RecordDigest", "read"]

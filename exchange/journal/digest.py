"""The digest of a record: one value that two runs share only if they told the same story."""

from collections.abc import Iterable
from hashlib import sha256

from exchange.events import Entry
from exchange.messages import encode_lines

_BLOCK = 512  # entries encoded at a time: costs a third less than one by one


class RecordDigest:
    """SHA-256 over the entries as lines of JSON, however many arrive at a time."""

    __slots__ = ("_hash", "_waiting")

    def __init__(self) -> None:
        self._hash = sha256()
        self._waiting: list[Entry] = []

    def update(self, entries: Iterable[Entry]) -> None:
        self._waiting.extend(entries)
        if len(self._waiting) >= _BLOCK:
            self._take_in()

    def hexdigest(self) -> str:
        """The digest of everything so far; more may follow."""
        self._take_in()
        return self._hash.hexdigest()

    def _take_in(self) -> None:
        self._hash.update(encode_lines(self._waiting))
        self._waiting.clear()

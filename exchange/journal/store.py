"""What a live journal asks of the database below it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from exchange.journal.record import Record


class Unreadable(Exception):  # noqa: N818 - it is the database that is unreadable
    """The database cannot hand out the next record. Says why, in the database's own words."""


class Place(NamedTuple):
    path: str
    offset: int | None  # bytes


class Store(Protocol):
    """Records in order. One that writes is held by one process alone; any number may read."""

    name: str  # for sentences: a path, or an address without its password

    def records(self, after: int) -> Iterator[Record]:
        """Those with a higher sequence, in order, as of now. Raises Unreadable where the database gives up."""

    def write(self, records: Sequence[Record]) -> None:
        """Return when they are on the disk, all of them.

        Raises JournalFull if none of them is and there is no room, and JournalFailed if nobody knows.
        """

    def cut(self, after: int) -> None:
        """Take away every record with a higher sequence."""

    def place_of(self, previous: bytes) -> Place | None:
        """Where the record that follows the one with the check `previous` lies, or where its file breaks off."""

    def close(self) -> None: ...

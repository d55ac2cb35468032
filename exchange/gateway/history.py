"""What a channel has told of late, each message with its place, for whoever was away and asks from where on.

A place is the sequence of the exchange's entry by which a message came about, and which of the channel's messages
it was among those of that entry. So a venue that comes back from its journal numbers as it did before. The epoch tells
its places from those of another venue.
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

MOST_MESSAGES: Final = 5_000  # of one channel
MOST_BYTES: Final = 1_048_576
_TEXT: Final = re.compile(r"([0-9a-z]{1,32})-([0-9]{1,18})-([0-9]{1,9})")


class Numbers(Protocol):
    """Where places come from."""

    @property
    def epoch(self) -> str: ...

    @property
    def sequence(self) -> int:
        """Of the last entry that was told."""
        ...


class Place(NamedTuple):
    sequence: int
    part: int  # 1, 2, 3, ...; 0: before the first


class Missing(StrEnum):
    """Why what was missed cannot be told."""

    BEGINS = "begins"  # it was not asked for
    UNREADABLE = "unreadable"  # no place at all
    ANOTHER_EPOCH = "another_epoch"  # of another venue
    TOO_FAR_BACK = "too_far_back"  # no longer kept, or from before anybody asked for places here
    NOT_THERE_YET = "not_there_yet"  # it is ahead of what has happened
    CONFLATED = "conflated"  # the channel tells what has changed in an interval, and keeps nothing


class Row(NamedTuple):
    """A message that was told."""

    place: Place
    content: bytes  # as JSON
    params: bytes  # its place and the one before it, as they stand in those of a notification


class History:
    """The latest messages of one channel, numbered 0, 1, 2, ... since it began; the oldest go first."""

    __slots__ = ("_before", "_first", "_last", "_next", "_numbers", "_rows", "size")

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        # Of what is kept no more, and of the latest. What came about with the entry that was told last may have had
        # more parts than a reader knows of, so it begins behind that.
        self._before = self._last = Place(numbers.sequence + 1, 0)
        self._rows: dict[int, Row] = {}
        self._first = self._next = 0
        self.size = 0  # bytes

    @property
    def place(self) -> str:
        """Of the latest message, as it is told."""
        return self._text(self._last)

    def add(self, content: bytes) -> Row:
        """Keep a message that is told now."""
        last = self._last
        sequence = max(self._numbers.sequence, last.sequence)
        place = Place(sequence, last.part + 1 if sequence == last.sequence else 1)
        params = f',"place":"{self._text(place)}","previous":"{self._text(last)}"'
        row = self._rows[self._next] = Row(place, content, params.encode())
        self._last = place
        self._next += 1
        self.size += len(content)
        while self.size > MOST_BYTES or len(self._rows) > MOST_MESSAGES:
            gone = self._rows.pop(self._first)
            self._before = gone.place
            self._first += 1
            self.size -= len(gone.content)
        return row

    def after(self, told: str) -> int | Missing:
        """The number of the first message after the place that a client gives back; it may be still to come."""
        match = _TEXT.fullmatch(told)
        if match is None:
            return Missing.UNREADABLE
        if match[1] != self._numbers.epoch:
            return Missing.ANOTHER_EPOCH
        place = Place(int(match[2]), int(match[3]))
        if place < self._before:
            return Missing.TOO_FAR_BACK
        if place > self._last:
            return Missing.NOT_THERE_YET
        low, high = self._first, self._next
        while low < high:
            middle = (low + high) // 2
            if self._rows[middle].place > place:
                high = middle
            else:
                low = middle + 1
        return low

    def left(self, number: int) -> int:
        """How many messages there are from that number on."""
        return self._next - number

    def row(self, number: int) -> Row | None:
        """The message of that number; None if it is still to come. Raises KeyError if it is kept no more."""
        return None if number == self._next else self._rows[number]

    def _text(self, place: Place) -> str:
        return f"{self._numbers.epoch}-{place.sequence}-{place.part}"

"""What a participant has asked under numbers of its own: the latest requests as they are, older ones folded away.

A bot that numbers its orders sends a million a day, and each number is to be known until the next session ends. A
request takes 300 bytes as an object, and 35 in a block that is folded.
"""

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from exchange.commands import NumberedRequest, PlaceLinked, PlaceOrder, Request
from exchange.messages import decode_lines, encode_lines

BLOCK: Final = 256  # requests that are folded together
_FAST: Final = 1  # more effort makes blocks hardly smaller

# A request, and the number of the order that came of it; 0: none
Asked: TypeAlias = tuple[PlaceOrder | PlaceLinked | NumberedRequest, int]


class Folded:
    """So many requests, to be looked up by their numbers."""

    __slots__ = ("_lines", "_numbers")

    def __init__(self, numbers: Iterable[int], lines: bytes) -> None:
        """`lines`: of each request its number, that of its order and the request, as a line of JSON."""
        self._numbers = array("q", sorted(numbers))
        self._lines = zlib.compress(lines, _FAST)

    @classmethod
    def of_lines(cls, lines: bytes) -> "Folded":
        return cls((number for number, _, _ in _read(lines)), lines)

    @property
    def lines(self) -> bytes:
        return zlib.decompress(self._lines)

    def known(self, number: int) -> Asked | None:
        """What the number stands for. Costs a fraction of a millisecond if it stands for something."""
        at = bisect_left(self._numbers, number)
        if at == len(self._numbers) or self._numbers[at] != number:
            return None
        return next((asked, order) for each, order, asked in _read(self.lines) if each == number)


class Requests:
    """What was asked in one session, by number."""

    __slots__ = ("_folded", "_largest", "_latest")

    def __init__(self) -> None:
        self._latest: dict[int, Asked] = {}
        self._folded: list[Folded] = []
        self._largest = 0  # number that is folded away: most senders count upwards, and are past it

    def note(self, number: int, asked: Asked) -> Asked:
        """What the number stands for already; `asked` itself if it was new."""
        known = self._latest.setdefault(number, asked)
        if known is not asked:
            return known
        if number <= self._largest and (earlier := self._unfolded(number)) is not None:
            self.drop(number)
            return earlier
        if len(self._latest) > 2 * BLOCK:
            self._fold()
        return asked

    def known(self, number: int) -> Asked | None:
        """What the number stands for."""
        return self._latest.get(number) or (self._unfolded(number) if number <= self._largest else None)

    def drop(self, number: int) -> None:
        """Forget what was noted last."""
        del self._latest[number]

    def _unfolded(self, number: int) -> Asked | None:
        found = (folded.known(number) for folded in self._folded)
        return next((asked for asked in found if asked is not None), None)

    def _fold(self) -> None:
        oldest = list(self._latest)[:BLOCK]
        requests = [(number, self._latest[number]) for number in oldest]
        lines = encode_lines([(number, order, asked) for number, (asked, order) in requests])
        self._folded.append(Folded(oldest, lines))
        self._largest = max(self._largest, *oldest)
        for number in oldest:
            del self._latest[number]


class Numbered:
    """What a participant has asked under numbers of its own.

    A number is known for the session for which it was used and for the next one.
    """

    __slots__ = ("_before", "_now")

    def __init__(self) -> None:
        self._now = Requests()
        self._before = Requests()

    def note(self, number: int, asked: Asked) -> Asked | None:
        """What the number stands for already; None if it was new, and now stands for this."""
        known = self._now.note(number, asked)
        if known is not asked:
            return known
        earlier = self._before.known(number)
        if earlier is not None:
            self._now.drop(number)
        return earlier

    def known(self, number: int) -> Asked | None:
        """What the number stands for."""
        return self._now.known(number) or self._before.known(number)

    def turn(self) -> None:
        """A session opens."""
        self._before, self._now = self._now, Requests()


def _read(lines: bytes) -> list[tuple[int, int, PlaceOrder | PlaceLinked | NumberedRequest]]:
    read: list[tuple[int, int, PlaceOrder | PlaceLinked | NumberedRequest]] = decode_lines(lines, _LINE)
    return read


_LINE: Final[Any] = tuple[int, int, Request]

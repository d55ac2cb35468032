"""What a ledger has written, in order, in little room: the latest records as they are, the older ones folded away.

A live venue writes for months, and whoever audits it wants to read everything. A record takes 330 bytes as an
object and about 20 in a block that is folded, which costs a microsecond or two; the same when it is read again. A run
in simulated time ends before that pays, and folds nothing.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, overload

from exchange.clearing.transfers import LedgerRecord
from exchange.messages import decode_lines, encode_lines

BLOCK: Final = 1_024  # records that are folded together
_FAST: Final = 1  # more effort makes blocks hardly smaller


class Chronicle(Sequence[LedgerRecord]):
    """A sequence to be read only. To read it from one end to the other is cheap; to jump about in it is not.

    `latest` may be appended to and popped from, by its ledger alone; `fold` is for the ledger to call.
    """

    __slots__ = ("_folded", "_open", "_opened", "latest")

    def __init__(self, records: Iterable[LedgerRecord] = ()) -> None:
        self.latest: list[LedgerRecord] = list(records)
        self._folded: list[bytes] = []
        self._open: list[LedgerRecord] = []  # the block that was read last, unfolded
        self._opened = -1

    @property
    def folded(self) -> int:
        """How many records are folded away: those that `latest` does not hold."""
        return len(self._folded) * BLOCK

    def fold(self) -> bytes:
        """Fold the oldest block of `latest` away; its records as lines of JSON."""
        lines = encode_lines(self.latest[:BLOCK])
        self._folded.append(zlib.compress(lines, _FAST))
        del self.latest[:BLOCK]
        return lines

    def copy(self) -> "Chronicle":
        """What is folded is shared."""
        other = Chronicle(self.latest)
        other._folded = self._folded.copy()
        return other

    def __len__(self) -> int:
        return self.folded + len(self.latest)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Chronicle):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment] # it grows

    @overload
    def __getitem__(self, place: int) -> LedgerRecord: ...

    @overload
    def __getitem__(self, place: slice) -> list[LedgerRecord]: ...

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self._part(*place.indices(len(self)))
        at = range(len(self))[place]  # as a list counts, from the end too
        return self.latest[at - self.folded] if at >= self.folded else self._block(at // BLOCK)[at % BLOCK]

    def __iter__(self) -> Iterator[LedgerRecord]:
        return self._from(0)

    def _part(self, start: int, stop: int, step: int) -> list[LedgerRecord]:
        if step != 1:
            return [self[at] for at in range(start, stop, step)]
        if start >= self.folded:
            return self.latest[start - self.folded : max(stop - self.folded, 0)]
        return [record for record, _ in zip(self._from(start), range(start, stop), strict=False)]

    def _from(self, start: int) -> Iterator[LedgerRecord]:
        for number in range(start // BLOCK, len(self._folded)):
            yield from self._block(number)[max(start - number * BLOCK, 0) :]
        yield from self.latest[max(start - self.folded, 0) :]

    def _block(self, number: int) -> list[LedgerRecord]:
        if self._opened != number:
            lines = zlib.decompress(self._folded[number])
            self._open, self._opened = decode_lines(lines, LedgerRecord), number  # type: ignore[arg-type]
        return self._open

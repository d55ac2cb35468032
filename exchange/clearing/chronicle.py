"""What a ledger has written, in order, in little room: the latest records as they are, the older ones folded away.

A live venue writes for months, and whoever audits it wants to read everything. A record takes 330 bytes as an
object and about 20 in a block that is folded, which costs a microsecond or two; the same when it is read again. A run
in simulated time ends before that pays, and folds nothing.
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Self, overload

from exchange.clearing.transfers import LedgerRecord
from exchange.messages import decode_lines, encode_lines

BLOCK: Final = 1_024  # records that are folded together
_FAST: Final = 1  # more effort makes blocks hardly smaller


class Block(NamedTuple):
    """So many records, folded together."""

    records: int
    lines: bytes  # of JSON, compressed

    @classmethod
    def of(cls, records: Sequence[LedgerRecord]) -> Self:
        return cls(len(records), zlib.compress(encode_lines(records), _FAST))

    def unfolded(self) -> bytes:
        return zlib.decompress(self.lines)


class Chronicle(Sequence[LedgerRecord]):
    """A sequence to be read only. To read it from one end to the other is cheap; to jump about in it is not.

    `latest` may be appended to and popped from, by its ledger alone; `fold` is for the ledger to call.
    """

    __slots__ = ("_ends", "_folded", "_open", "_opened", "latest")

    def __init__(self, records: Iterable[LedgerRecord] = (), folded: Iterable[Block] = ()) -> None:
        """`folded` come before the records, in blocks of any size."""
        self.latest: list[LedgerRecord] = list(records)
        self._folded: list[Block] = []
        self._ends: list[int] = []  # how many records there are up to the end of each block
        self._open: list[LedgerRecord] = []  # the block that was read last, unfolded
        self._opened = -1
        for block in folded:
            self._put_away(block)

    @property
    def folded(self) -> int:
        """How many records are folded away: those that `latest` does not hold."""
        return self._ends[-1] if self._ends else 0

    @property
    def may_fold(self) -> bool:
        """Whether `latest` holds two blocks: what no chain can undo any more, and as much again."""
        return len(self.latest) >= 2 * BLOCK

    def fold(self) -> bytes:
        """Fold the oldest block of `latest` away; its records as lines of JSON."""
        lines = encode_lines(self.latest[:BLOCK])
        self._put_away(Block(BLOCK, zlib.compress(lines, _FAST)))
        del self.latest[:BLOCK]
        return lines

    def copy(self) -> "Chronicle":
        """What is folded is shared."""
        return Chronicle(self.latest, self._folded)

    def _put_away(self, block: Block) -> None:
        self._ends.append(self.folded + block.records)
        self._folded.append(block)

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
        if at >= self.folded:
            return self.latest[at - self.folded]
        number = bisect_right(self._ends, at)
        return self._block(number)[at - self._begin(number)]

    def __iter__(self) -> Iterator[LedgerRecord]:
        return self._from(0)

    def _part(self, start: int, stop: int, step: int) -> list[LedgerRecord]:
        if step != 1:
            return [self[at] for at in range(start, stop, step)]
        if start >= self.folded:
            return self.latest[start - self.folded : max(stop - self.folded, 0)]
        return [record for record, _ in zip(self._from(start), range(start, stop), strict=False)]

    def _from(self, start: int) -> Iterator[LedgerRecord]:
        for number in range(bisect_right(self._ends, start), len(self._folded)):
            yield from self._block(number)[max(start - self._begin(number), 0) :]
        yield from self.latest[max(start - self.folded, 0) :]

    def _begin(self, number: int) -> int:
        return self._ends[number] - self._folded[number].records

    def _block(self, number: int) -> list[LedgerRecord]:
        if self._opened != number:
            lines = self._folded[number].unfolded()
            self._open, self._opened = decode_lines(lines, LedgerRecord), number  # type: ignore[arg-type]
        return self._open

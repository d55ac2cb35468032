"""Whole numbers in order, of which the largest are wanted first and come and go most often.

The largest are a plain list, the others a sorted list behind it: near the end a plain list is the quickest there
is, compiled most of all, and far from it the sorted list costs no more as it grows.
"""

from bisect import insort
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from sortedcontainers import SortedList

NEAR: Final = 2_048  # keys that a plain list holds without a thought
STEP: Final = 64  # as many go over at a time, so that a single one hardly ever does


class SortedKeys:
    """Distinct keys, the smallest first. Every key in `near` is larger than any in `far`."""

    __slots__ = ("border", "far", "near")

    def __init__(self, keys: Iterable[int] = ()) -> None:
        ordered = sorted(keys)
        self.near = ordered[-NEAR:]
        self.far: SortedList[int] = SortedList(ordered[:-NEAR])
        self.border: int | None = self.far[-1] if self.far else None  # the largest key in `far`

    def add(self, key: int) -> None:
        """O(log keys)."""
        border = self.border
        if border is not None and key < border:
            self.far.add(key)
            return
        insort(self.near, key)
        if len(self.near) > NEAR:
            self._spill()

    def push(self, key: int) -> None:
        """Add one that is larger than all others."""
        self.near.append(key)
        if len(self.near) > NEAR:
            self._spill()

    def pop(self) -> int | None:
        """Take out the largest, if there is one. It is at hand; now and then the next are fetched from behind."""
        if not self.near and self.border is not None:
            self._draw()
        return self.near.pop() if self.near else None

    def _spill(self) -> None:
        """Bring the smallest keys of `near` over to `far`."""
        self.far.update(self.near[:STEP])
        del self.near[:STEP]
        self.border = self.far[-1]

    def _draw(self) -> None:
        """Bring the largest keys of `far` over to `near`, which has none."""
        far = self.far
        self.near = [far.pop() for _ in range(min(STEP, len(far)))]
        self.near.reverse()
        self.border = far[-1] if far else None

    def __iter__(self) -> Iterator[int]:
        yield from self.far
        yield from self.near

    def __reversed__(self) -> Iterator[int]:
        """The largest first."""
        return chain(reversed(self.near), reversed(self.far))

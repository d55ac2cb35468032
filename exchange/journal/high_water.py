"""The high-water mark: a small file beside the database that says up to which record all was synced.

A database that has lost its last records, or that was exchanged for an older copy, looks whole to itself. The
mark is written and synced after every batch and before it is acknowledged, so what stands at or below it was
promised, and what stands above it was not. It has two places that are written in turn, each with a check of its
own: a cut of power in the middle of one leaves the other.
"""

import os
import struct
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self

_MAGIC = b"RFMARK01"
_PLACE = struct.Struct(">8sq16s8s")  # magic, sequence, the record's check, a check of these three
_APART = 4_096  # bytes between the places: never in one sector
_SYNC = getattr(os, "fdatasync", os.fsync)  # the file never grows: its contents are enough


class Mark(NamedTuple):
    sequence: int
    check: bytes


class HighWater:
    """An open mark. `raise_to` returns when it is on the disk, or raises OSError."""

    __slots__ = ("_file", "_next", "mark")

    def __init__(self, file: int, mark: Mark, place: int) -> None:
        self._file = file
        self.mark = mark
        self._next = place

    @classmethod
    def create(cls, path: Path, mark: Mark) -> Self:
        """A new file, its name synced too. Raises FileExistsError rather than write over another."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        os.pwrite(file, bytes(2 * _APART), 0)
        created = cls(file, mark, 0)
        created.raise_to(mark)
        os.fsync(file)
        sync_folder(path.parent)
        return created

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises FileNotFoundError, or ValueError if neither place holds a mark."""
        mark, place = read_mark(path)
        return cls(os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)), mark, 1 - place)

    def raise_to(self, mark: Mark) -> None:
        content = _PLACE.pack(_MAGIC, mark.sequence, mark.check, bytes(8))[:-8]
        os.pwrite(self._file, content + _seal(content), self._next * _APART)
        _SYNC(self._file)
        self.mark = mark
        self._next = 1 - self._next

    def close(self) -> None:
        os.close(self._file)


def read_mark(path: Path) -> tuple[Mark, int]:
    """The higher of the marks that are whole, and its place. Raises ValueError if neither is."""
    content = path.read_bytes()
    found = [
        (Mark(sequence, check), place)
        for place in (0, 1)
        if len(told := content[place * _APART :][: _PLACE.size]) == _PLACE.size
        for magic, sequence, check, seal in [_PLACE.unpack(told)]
        if magic == _MAGIC and seal == _seal(told[:-8])
    ]
    if not found:
        raise ValueError("neither of its two places holds a mark")
    return max(found)


def sync_folder(folder: Path) -> None:
    """Make names that were given or taken away in a folder last."""
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _seal(content: bytes) -> bytes:
    return blake2b(content, digest_size=8).digest()

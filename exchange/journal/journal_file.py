"""The journal of a simulated run as a file: one command a line, each line bound to the one before it.

A line is `[sequence,time,command,"check"]`; the check is a hash of the previous line's check and of this
line's own content. The first line says what the file is and the closing line how many commands it holds, so
that no line can be cut, changed, moved, repeated or lost unnoticed. The checks find accidents; they hold no
secret, so they do not stop a forger.
"""

import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from exchange.commands import Command
from exchange.messages import Message, decode, encode
from exchange.units import Time

_HEADER = b'["ringfence journal",1]\n'
_HEADER_OF_ANY_VERSION = b'["ringfence journal",'
_TAIL = len(b',"0123456789abcdef"]\n')
_BUFFER = 1 << 18  # bytes gathered before the file is touched
_LABEL = re.compile(rb'\[("closed",)?(\d{1,19}),')

_AGAIN = "Restore the file from a copy, or repeat the run with the same scenario and seed."
_ELSEWHERE = "Name the journal of a run folder."
_OTHER_VERSION = "Read it with the version of ringfence that wrote it."


class JournalDamaged(ValueError):  # noqa: N818 - it is the journal that is damaged
    """Says which entry is not as it was written, on which line, and what to do.

    `entry` is the number of the first command that cannot be trusted; everything before it was whole.
    """

    def __init__(self, path: Path, line: int, entry: int, fault: str, remedy: str = _AGAIN) -> None:
        super().__init__(f"{path}, line {line}: {fault}. {remedy}")
        self.line = line
        self.entry = entry


class JournalWriter:
    """Appends commands to a new file. Raises FileExistsError rather than write over another.

    A journal that an exception leaves behind has no closing line, and reads as cut off.
    """

    __slots__ = ("_check", "_file", "commands")

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=_BUFFER)
        self._file.write(_HEADER)
        self._check = _chained(b"", _HEADER)
        self.commands = 0

    @property
    def check(self) -> str:
        """The check of the last line: it stands for all lines up to that one."""
        return self._check.decode()

    def append(self, time: Time, command: Command) -> None:
        sequence = self.commands + 1
        self._write(b"%d,%d,%b" % (sequence, time, encode(command)))
        self.commands = sequence

    def close(self) -> None:
        """Write the closing line. To close once more does nothing."""
        if not self._file.closed:
            with self._file:
                self._write(b'"closed",%d' % self.commands)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def _write(self, content: bytes) -> None:
        self._check = _chained(self._check, content)
        self._file.write(_sealed(content, self._check))


def read(path: Path) -> Iterator[tuple[Time, Command]]:
    """Every command with its time, each line checked first. Raises JournalDamaged at the first fault."""
    with path.open("rb") as file:
        place = _Place(path, line=1, entry=1)
        _check_header(place, file.readline())
        check = _chained(b"", _HEADER)
        for line in file:
            place = place._replace(line=place.line + 1)
            content = line[1:-_TAIL]
            following = _chained(check, content)
            if line != _sealed(content, following):
                raise place.damaged(_fault(place, line, check, file))
            if content.startswith(b'"closed"'):
                return _check_end(place, file)
            yield _command(place, line)
            check, place = following, place._replace(entry=place.entry + 1)
        raise place.damaged(f"the file ends after {_entry(place.entry - 1)}, without its closing line")


class _Line(Message, tag=False, array_like=True):
    sequence: int
    time: Time
    command: Command
    check: str


class _Place(NamedTuple):
    path: Path
    line: int
    entry: int  # that should stand here

    def damaged(self, fault: str, remedy: str = _AGAIN) -> JournalDamaged:
        return JournalDamaged(self.path, self.line, self.entry, fault, remedy)


def _chained(check: bytes, content: bytes) -> bytes:
    return blake2b(check + content, digest_size=8).hexdigest().encode()


def _sealed(content: bytes, check: bytes) -> bytes:
    return b'[%b,"%b"]\n' % (content, check)


def _command(place: _Place, line: bytes) -> tuple[Time, Command]:
    try:
        read = decode(line, _Line)
    except ValueError as fault:
        told = f"{_entry(place.entry)} is whole, but no command that this version knows ({fault})"
        raise place.damaged(told, _OTHER_VERSION) from fault
    return read.time, read.command


def _check_header(place: _Place, line: bytes) -> None:
    if line == _HEADER:
        return
    if not line:
        raise place.damaged("the file is empty, without even the first line of a journal")
    if line.startswith(_HEADER_OF_ANY_VERSION):
        raise place.damaged("this is a journal of another version", _OTHER_VERSION)
    raise place.damaged("this is not a journal, or its first line is damaged", _ELSEWHERE)


def _check_end(place: _Place, file: BinaryIO) -> None:
    if file.readline():
        after = place._replace(line=place.line + 1)
        raise after.damaged("something stands after the closing line")


def _fault(place: _Place, line: bytes, check: bytes, rest: BinaryIO) -> str:
    """What is wrong with a line that does not continue a journal whose last check was `check`."""
    expected = place.entry
    label = _LABEL.match(line)
    if not line.endswith(b"\n"):
        return f"the file breaks off in the middle of {_name(label, expected)}"
    if label is None:
        return f"neither an entry nor the closing line; {_entry(expected)} should stand here"
    found = _position(label)
    if found == expected:
        return f"{_name(label, expected)} is not as it was written: content and check disagree"
    if _was_renumbered(line, label, expected, check):
        return f"the number in {_name(label, expected)} has been changed"
    if found < expected:
        return f"{_name(label, found)} stands here again; {_entry(expected)} should stand here"
    if any(_position(later) == expected for later in map(_LABEL.match, rest) if later):
        return f"{_entry(expected)} is out of order: {_name(label, found)} stands before it"
    missing = _entry(expected) if found == expected + 1 else f"entries {expected} to {found - 1}"
    return f"missing before {_name(label, found)}: {missing}"


def _position(label: re.Match[bytes]) -> int:
    """Where a line belongs, by its own account: the closing line comes after the last entry."""
    return int(label[2]) + 1 if label[1] else int(label[2])


def _was_renumbered(line: bytes, label: re.Match[bytes], expected: int, check: bytes) -> bool:
    """Whether the line would be whole if it bore the number that belongs here."""
    number = expected - 1 if label[1] else expected
    content = b"%b%d%b" % (label[1] or b"", number, line[label.end(2) : -_TAIL])
    return line.endswith(_sealed(b"", _chained(check, content))[1:])


def _name(label: re.Match[bytes] | None, position: int) -> str:
    return "the closing line" if label and label[1] else _entry(position)


def _entry(number: int) -> str:
    return f"entry {number}" if number else "the first line"

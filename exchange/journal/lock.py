"""One process to a journal: a lock that dies with whoever holds it."""

import os
from pathlib import Path

from exchange.journal.faults import JournalInUse


class Lock:
    """Held from the beginning. Raises JournalInUse at once if another process holds it."""

    __slots__ = ("_file",)

    def __init__(self, path: Path) -> None:
        import fcntl  # not on every system that can run a simulation

        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise JournalInUse(
                f"{path.with_suffix('')} is in use by another server (process {holder})."
                " Stop it, or name another journal"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        os.close(self._file)

"""Work done in a copy of the process, made by `fork`: it sees everything as it was at that moment, and nobody waits.

The copy has this thread alone. It lets go of every file and socket first, so that the locks and connections of the
process end with the process; it does the work, tells what came of it through a pipe, and is gone.
"""

import gc
import os
import signal
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn

NICE: Final = 10  # others come first
_FILES: Final = 65_536  # more than a process has open


class Outcome(NamedTuple):
    """What a work has told; or, if it failed, why."""

    told: bytes
    fault: str | None


class Aside:
    """One work at a time."""

    def __init__(self) -> None:
        self._child: tuple[int, int] | None = None  # process, and where it tells

    @property
    def is_busy(self) -> bool:
        return self._child is not None

    def begin(self, work: Callable[[], bytes]) -> None:
        """What the work tells must fit a pipe: 64 KiB. Raises OSError if there is no room for another process."""
        assert self._child is None, "one at a time"
        reading, writing = os.pipe()
        try:
            with warnings.catch_warnings():  # of other threads: the copy asks nothing of them
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if child == 0:
            _do_and_leave(work, writing)
        os.close(writing)
        self._child = child, reading

    def outcome(self) -> Outcome | None:
        """Once, when the work has ended; None while it goes on, or if there is none. It never waits."""
        if self._child is None:
            return None
        child, reading = self._child
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            return None
        self._child = None
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            return Outcome(told, None)
        return Outcome(b"", told.decode(errors="replace") or f"its process ended with {code}")

    def give_up(self) -> None:
        """End the work, if there is one."""
        if self._child is not None:
            child, reading = self._child
            self._child = None
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)


def _do_and_leave(work: Callable[[], bytes], telling: int) -> NoReturn:
    """In the copy. Nothing of the process may run its course here: neither `finally` above, nor what runs at exit."""
    code = 1
    try:
        gc.disable()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # they are for the process, which ends this if it must
        os.closerange(3, telling)
        os.closerange(telling + 1, _FILES)
        os.nice(NICE)
        os.write(telling, work())
        code = 0
    except BaseException as fault:
        os.write(telling, f"{type(fault).__name__}: {fault}"[:1_000].encode())
    finally:
        os._exit(code)

"""Many runs at once: by processes of this machine, which is usual, or by any other team that takes tasks.

What comes of a task is handed back to the one who asked, so that who works need share no disk with it.
"""

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from types import ModuleType
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Finished(NamedTuple, Generic[T, R]):
    """A task that ended: with a result, or with a fault."""

    task: T
    fault: str | None = None  # why it failed
    result: R | None = None


class Turn(NamedTuple, Generic[T, R]):
    """What ended since the last turn, and what runs now."""

    finished: Sequence[Finished[T, R]]
    running: Sequence[T]


class Team(Protocol):
    """Those who work, from their hiring until they are dismissed."""

    @property
    def places(self) -> int:
        """How many tasks at a time; it may grow meanwhile."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> Future[Any]: ...

    def dismiss(self, *, working: bool) -> None:
        """No more tasks; what still runs, if there is something `working`, is stopped."""


Hire: TypeAlias = Callable[[int], Team]  # a team for so many tasks


class TeamLostError(Exception):
    """Those who worked are gone, as a sentence."""


def sweep(
    tasks: Sequence[T], work: Callable[[T], R], *, hire: Hire | None = None
) -> Generator[Turn[T, R], None, None]:
    """Do `work` on every task, in order, as many at a time as the team has places; without `hire`, one a core.

    A task that raises is told as a fault and the others go on. When a worker is killed from outside, the
    tasks that ran at that moment are run again, each alone, so that one that always dies is found and the
    others are not lost. Closing the generator stops what still runs. Raises TeamLostError if nobody is left.
    """
    hire = hire or processes()
    waiting = deque(tasks)
    while waiting:
        for task in (yield from _together(waiting, work, hire)):
            if (yield from _together(deque([task]), work, hire)):
                yield Turn([Finished(task, "its process was killed twice, perhaps for want of memory")], ())


def _together(
    waiting: deque[T], work: Callable[[T], R], hire: Hire
) -> Generator[Turn[T, R], None, Sequence[T]]:
    """Until nothing waits any more, or a worker is killed: then the tasks that were running are returned."""
    running: dict[Future[Any], T] = {}
    finished: list[Finished[T, R]] = []
    team = hire(len(waiting))
    try:
        while True:
            while waiting and len(running) < team.places:
                running[team.submit(_attempt, work, waiting[0])] = waiting[0]
                waiting.popleft()
            yield Turn(finished, tuple(running.values()))
            if not running:
                return ()
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            whole = [future for future in ended if not _is_broken(future)]
            finished = [_finished(running.pop(future), future) for future in whole]
            if len(whole) < len(ended):
                yield Turn(finished, ())
                return tuple(running.values())
    except BrokenExecutor:  # between two turns: nothing could be submitted any more
        return tuple(running.values())
    finally:
        team.dismiss(working=bool(running))


def _is_broken(future: Future[Any]) -> bool:
    """Whether the team broke, rather than this task."""
    if future.cancelled():
        raise TeamLostError(
            "those who did the runs are gone, or no longer to be reached; what was finished is kept, "
            "and the same command goes on where it stopped."
        )
    return isinstance(future.exception(), BrokenExecutor)


def _finished(task: T, future: Future[Any]) -> Finished[T, R]:
    if (error := future.exception()) is not None:  # of those who carry, not of the task
        return Finished(task, f"{type(error).__name__}: {error}")
    fault, result = future.result()
    return Finished(task, fault, result)


def _attempt(work: Callable[[T], R], task: T) -> tuple[str | None, R | None]:
    """In a worker. What a run raises is told in words: not every exception survives the way back."""
    try:
        return None, work(task)
    except Exception as error:
        import traceback

        return "".join(traceback.format_exception(error)).rstrip(), None


# --- the processes of this machine ------------------------------------------------------------------------


def processes(workers: int | None = None) -> Hire:
    """So many at a time, or one for each core; never more than there are tasks."""
    most = workers or os.cpu_count() or 1
    return lambda tasks: Processes(min(most, max(tasks, 1)))


class Processes:
    """Processes of their own kind: spawned, deaf to Ctrl-C, blind to the script that asks, and gone when it is.

    A spawned process usually imports the script that began it, and a script that compares would begin again in each.
    Here it does not, so that a script needs no `if __name__ == "__main__"` and a notebook works; but a
    function that the script itself defines cannot be the `work`.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._others = set(active_children())
        self._pool = ProcessPoolExecutor(places, mp_context=get_context("spawn"), initializer=_enter)

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        with _interrupts_held(), _script_hidden():  # a process is spawned in here
            return self._pool.submit(work, *arguments)

    def dismiss(self, *, working: bool) -> None:
        if working:
            for process in set(active_children()) - self._others:
                process.terminate()
        self._pool.shutdown(cancel_futures=True)


def _enter() -> None:
    """In a new worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_go_with_the_one_who_asked, daemon=True).start()


def _go_with_the_one_who_asked() -> None:
    """A process that is killed dismisses nobody; those who work for it would wait for ever."""
    asker = parent_process()
    assert asker is not None
    asker.join()
    os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process spawned meanwhile never sees Ctrl-C, not even before it can say that it ignores it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _script_hidden() -> Iterator[None]:
    """A process spawned meanwhile is not told which file to import as its `__main__`."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script

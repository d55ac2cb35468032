"""Many runs on all cores of this machine, each in a process of its own kind: spawned, and deaf to Ctrl-C."""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Finished(NamedTuple, Generic[T]):
    task: T
    fault: str | None  # why it failed, or None


class Turn(NamedTuple, Generic[T]):
    """What ended since the last turn, and what runs now."""

    finished: Sequence[Finished[T]]
    running: Sequence[T]


def sweep(
    tasks: Sequence[T], work: Callable[[T], None], *, workers: int | None = None
) -> Generator[Turn[T], None, None]:
    """Do `work` on every task, in order, as many at a time as there are cores.

    A task that raises is told as a fault and the others go on. When a worker is killed from outside, the
    tasks that ran at that moment are run again, each alone, so that one that always dies is found and the
    others are not lost. Closing the generator stops what still runs.
    """
    waiting = deque(tasks)
    most = min(workers or os.cpu_count() or 1, max(len(tasks), 1))
    while waiting:
        for task in (yield from _together(waiting, work, most)):
            if (yield from _together(deque([task]), work, 1)):
                yield Turn([Finished(task, "its process was killed twice, perhaps for want of memory")], ())


def _together(
    waiting: deque[T], work: Callable[[T], None], workers: int
) -> Generator[Turn[T], None, Sequence[T]]:
    """Until nothing waits any more, or a worker is killed: then the tasks that were running are returned."""
    others = set(active_children())
    running: dict[Future[str | None], T] = {}
    finished: list[Finished[T]] = []
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
    try:
        while True:
            while waiting and len(running) < workers:
                with _interrupts_held():
                    running[pool.submit(_attempt, work, waiting[0])] = waiting[0]
                waiting.popleft()
            yield Turn(finished, tuple(running.values()))
            if not running:
                return ()
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            whole = [future for future in ended if not isinstance(future.exception(), BrokenProcessPool)]
            finished = [Finished(running.pop(future), future.result()) for future in whole]
            if len(whole) < len(ended):
                yield Turn(finished, ())
                return tuple(running.values())
    except BrokenProcessPool:  # between two turns: nothing could be submitted any more
        return tuple(running.values())
    finally:
        if running:
            for process in set(active_children()) - others:
                process.terminate()
        pool.shutdown(cancel_futures=True)


def _attempt(work: Callable[[T], None], task: T) -> str | None:
    """In a worker. What a run raises is told in words: not every exception survives the way back."""
    try:
        work(task)
    except Exception as error:
        import traceback

        return "".join(traceback.format_exception(error)).rstrip()
    return None


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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

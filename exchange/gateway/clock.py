"""Engine time: the time of day of the venue, which runs at a chosen speed and never backwards."""

import time
from collections.abc import Callable
from typing import Protocol

from exchange.units import SECOND, Time


class Clock(Protocol):
    """What the venue asks of time."""

    @property
    def speed(self) -> float: ...

    def now(self) -> Time:
        """Engine time, in nanoseconds since 1970."""
        ...

    def seconds_until(self, at: Time) -> float:
        """How long to wait until then, in seconds of the wall; zero or less if it has passed."""
        ...


class WallClock:
    """Starts at `starts` when it is made, and then runs `speed` times as fast as the wall."""

    def __init__(
        self, starts: Time, speed: float = 1.0, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.speed = speed
        self._starts = starts
        self._monotonic_ns = monotonic_ns
        self._from = monotonic_ns()

    def now(self) -> Time:
        elapsed = self._monotonic_ns() - self._from
        return self._starts + (elapsed if self.speed == 1.0 else int(elapsed * self.speed))

    def seconds_until(self, at: Time) -> float:
        return (at - self.now()) / self.speed / SECOND

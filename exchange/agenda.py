"""What the exchange has promised to do, and when. At one instant, duties come by precedence, then as promised."""

import heapq

from exchange.commands import Duty
from exchange.units import Time


class Agenda:
    """Duties still to be done. `promise` costs O(log n)."""

    def __init__(self) -> None:
        self._duties: list[tuple[Time, int, int, Duty]] = []
        self._promises = 0

    def promise(self, at: Time, duty: Duty) -> None:
        heapq.heappush(self._duties, (at, duty.precedence, self._promises, duty))
        self._promises += 1

    def next_due(self) -> Time | None:
        return self._duties[0][0] if self._duties else None

    def take_before(self, time: Time, precedence: int) -> tuple[Time, Duty] | None:
        """The next duty that comes before anything of `precedence` at `time`, or None."""
        duties = self._duties
        if duties and (duties[0][0], duties[0][1]) < (time, precedence):
            at, _, _, duty = heapq.heappop(duties)
            return at, duty
        return None

"""Market-maker protection: notices when a participant's quotes are traded faster than it can follow."""

from collections import deque

from exchange.units import Time
from matching.terms import Quantity


class Protection:
    """Counts what quotes have traded within the last `interval`; past `limit` they are frozen for `freeze`."""

    __slots__ = ("_recent", "_traded", "freeze", "frozen_until", "interval", "limit")

    def __init__(self, limit: Quantity, interval: Time, freeze: Time) -> None:
        self.limit = limit
        self.interval = interval
        self.freeze = freeze
        self.frozen_until: Time = 0
        self._recent: deque[tuple[Time, Quantity]] = deque()
        self._traded: Quantity = 0

    def breached(self, quantity: Quantity, now: Time) -> bool:
        """Count a trade of a quote; whether that is more than the limit within the interval. Then it freezes."""
        recent = self._recent
        recent.append((now, quantity))
        self._traded += quantity
        while recent[0][0] <= now - self.interval:
            self._traded -= recent.popleft()[1]
        if self._traded <= self.limit:
            return False
        recent.clear()
        self._traded = 0
        self.frozen_until = now + self.freeze
        return True

    def frozen(self, now: Time) -> bool:
        """Whether no quotes are taken now."""
        return now < self.frozen_until

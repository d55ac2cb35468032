"""How much a key may ask: leaky buckets of credits, one for each pool, and cancels have one of their own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from exchange.gateway.faults import BUSY, fault
from exchange.gateway.registry import Pool


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for good, and so many at once."""

    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything that is bounded for one connection, key or address. `rates` None: nothing is counted."""

    rates: dict[Pool, Rate] | None = None
    pause: float = 0.25  # seconds for which nothing is read from whoever has just asked too much
    patience: Rate = Rate(1, 30)  # how often somebody may ask too much before its socket is closed
    sockets_per_address: int = 1_500  # of any kind, those included that have said nothing yet
    sockets: int = 6_000
    connections_per_address: int = 1_200  # websockets
    connections: int = 5_000
    sessions_per_key: int = 1_200
    participants: int = 20_000  # who have been let in
    channels: int = 500  # of one connection
    triggers: int = (
        1_000  # orders of one participant that wait for a price: they hold no money, so that bounds none
    )
    patient: bool = False  # a websocket that is silent, or takes nothing, is not closed for it
    in_flight: int = 8  # requests of one connection that wait for the exchange; it is read no further
    intake: int = 10_000  # requests of all that wait for the exchange
    outbox_bytes: int = 1_048_576  # of one connection
    outbox_messages: int = 5_000
    outbox_seconds: float = 10.0  # how old the oldest message may grow


STANDARD: Final = {
    Pool.READ: Rate(20, 100),
    Pool.MATCHING: Rate(5, 20),
    Pool.CANCEL: Rate(20, 100),
}


STRICT: Final = Limits(
    rates=STANDARD, sockets_per_address=64, connections_per_address=32, sessions_per_key=16
)  # what real venues allow


@dataclass(slots=True)
class Bucket:
    """Leaks at its rate; a call that would overflow it is refused."""

    rate: Rate
    level: float = 0.0
    at: float = 0.0

    def take(self, cost: float, now: float) -> float:
        """0.0 if the call may pass, else the seconds until it could."""
        self.level = max(0.0, self.level - (now - self.at) * self.rate.rate)
        self.at = now
        over = self.level + cost - self.rate.burst
        if over > 1e-9:
            return over / self.rate.rate
        self.level += cost
        return 0.0


@dataclass(slots=True)
class Throttle:
    """The buckets of every key, and of every address that has none."""

    limits: Limits
    monotonic: Callable[[], float] = time.monotonic
    buckets: dict[tuple[str, Pool], Bucket] = field(default_factory=dict)

    def check(self, who: str, pool: Pool, cost: float) -> None:
        """Count one call. Raises Fault with the seconds to `wait`."""
        rates = self.limits.rates
        if rates is None:
            return
        bucket = self.buckets.get((who, pool))
        now = self.monotonic()
        if bucket is None:
            if len(self.buckets) > 50_000:
                self._forget_the_full(now)
            bucket = self.buckets[who, pool] = Bucket(rates[pool], at=now)
        wait = bucket.take(cost, now)
        if wait:
            raise fault(BUSY, wait=round(wait, 3), retry_after_ms=int(wait * 1000) + 1, reason="rate_limit")

    def _forget_the_full(self, now: float) -> None:
        """Drop the buckets that have leaked empty: they say nothing any more."""
        self.buckets = {
            key: bucket
            for key, bucket in self.buckets.items()
            if bucket.level > (now - bucket.at) * bucket.rate.rate
        }

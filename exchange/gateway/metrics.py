"""Figures of the running venue for Prometheus: measured as it happens, or read off when it is asked for.

Most are counted anyway and cost nothing until somebody looks; only times and sizes are taken down on the way. No label
ever has a value that somebody from outside has chosen.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.registry import Collector

from exchange.gateway.faults import BUSY, QUEUE_FULL
from exchange.gateway.jsonrpc import now_us
from exchange.gateway.sessions import TOO_SLOW
from exchange.gateway.venue import Standing

if TYPE_CHECKING:
    from exchange.gateway.dispatch import Gateway

__all__ = ["CONTENT_TYPE", "Metrics"]

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
COMMANDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 512)


class Spread:
    """How often a value lay below each bound. It is told by one thread alone, and so does without the lock that makes
    the library's own histograms six times as dear."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def take(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, *labels: str) -> None:
        below = list(accumulate(self._counts))
        bounds = [*(str(bound) for bound in self._bounds), "+Inf"]
        family.add_metric(labels, list(zip(bounds, map(float, below), strict=True)), self._sum)


class Metrics:
    """Is told how the venue works, and writes the page that Prometheus reads."""

    def __init__(self, gateway: "Gateway") -> None:
        self._looked, self._commanded = Spread(SECONDS), Spread(SECONDS)
        self._batches, self._writes, self._lag = Spread(COMMANDS), Spread(SECONDS), Spread(SECONDS)
        self._records = 0
        self._registry = CollectorRegistry()
        self._registry.register(_Read(gateway, self))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def page(self) -> bytes:
        return generate_latest(self._registry)

    def measured(self) -> Iterator[Metric]:
        """What was told as it happened."""
        yield _spread(
            "ringfence_request_seconds",
            "From a whole request to its answer, by whether the exchange was asked to do something.",
            kind={"look": self._looked, "command": self._commanded},
        )
        yield _spread(
            "ringfence_batch_commands", "Commands from outside that were written in one go.", self._batches
        )
        yield _spread("ringfence_journal_write_seconds", "Until a batch was durable.", self._writes)
        yield _count("ringfence_journal_records", "Commands that were written.", self._records)
        yield _spread(
            "ringfence_loop_lag_seconds", "How late the beat came: what everybody waits for.", self._lag
        )

    # --- told as it happens -------------------------------------------------------------------------

    def answered(self, came_us: int, *, command: bool) -> None:
        (self._commanded if command else self._looked).take((now_us() - came_us) / 1e6)

    def batch(self, commands: int) -> None:
        self._batches.take(commands)

    def written(self, records: int, seconds: float) -> None:
        self._writes.take(seconds)
        self._records += records

    def beat(self, late_seconds: float) -> None:
        self._lag.take(late_seconds)


class _Read(Collector):
    """What the venue, its connections and the tally know already."""

    def __init__(self, gateway: "Gateway", metrics: Metrics) -> None:
        self._gateway = gateway
        self._metrics = metrics

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked of the venue before somebody asks for it."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics.measured()
        yield from self._exchange()
        yield from self._venue()
        yield from self._requests()
        yield from self._connections()

    def _exchange(self) -> Iterator[Metric]:
        tally, state = self._gateway.venue.books.tally, self._gateway.venue.state
        commands = CounterMetricFamily(
            "ringfence_commands", "Commands that the exchange has handled.", labels=["kind", "outcome"]
        )
        for (kind, refused), count in tally.commands.items():
            commands.add_metric([kind.__name__, "refused" if refused else "done"], count)
        yield commands
        refusals = CounterMetricFamily(
            "ringfence_refusals", "What the exchange has refused.", labels=["about", "reason"]
        )
        for (about, reason), count in tally.refusals.items():
            refusals.add_metric([about, reason], count)
        yield refusals
        yield _gauge("ringfence_participants", "Who has been let in.", len(state.seats))
        yield _count("ringfence_trades", "Trades.", state.trades)
        yield _count("ringfence_entries", "Entries of the record.", self._gateway.venue.exchange.sequence)

    def _venue(self) -> Iterator[Metric]:
        venue = self._gateway.venue
        standing = GaugeMetricFamily(
            "ringfence_standing", "1 for how the venue stands now.", labels=["standing"]
        )
        for one in Standing:
            standing.add_metric([one.value], float(venue.standing is one))
        yield standing
        yield _gauge("ringfence_engine_time_seconds", "The time of the venue, since 1970.", venue.now / 1e9)
        yield _gauge("ringfence_engine_speed", "Engine time against the wall.", venue.clock.speed)
        yield _gauge(
            "ringfence_engine_behind_seconds",
            "How long what is due waits, in engine time.",
            venue.behind / 1e9,
        )
        yield _gauge(
            "ringfence_recovered_commands", "Commands that were in the journal at the start.", venue.recovered
        )
        yield _gauge("ringfence_queued_requests", "Requests that wait for the exchange.", venue.queued)
        yield _gauge("ringfence_session_open", "1 while there is a session.", float(venue.state.session_open))

    def _requests(self) -> Iterator[Metric]:
        counters = self._gateway.counters
        requests = CounterMetricFamily("ringfence_requests", "Requests for a method.", labels=["method"])
        for method, count in counters.requests.items():
            requests.add_metric([method], count)
        yield requests
        faults = CounterMetricFamily("ringfence_faults", "Requests answered with an error.", labels=["code"])
        for code, count in counters.faults.items():
            faults.add_metric([str(code)], count)
        yield faults
        throttled = CounterMetricFamily(
            "ringfence_throttled_requests", "Requests that were told to come again later.", labels=["why"]
        )
        throttled.add_metric(["no credits"], counters.faults.get(BUSY.number, 0))
        throttled.add_metric(["queue full"], counters.faults.get(QUEUE_FULL.number, 0))
        yield throttled

    def _connections(self) -> Iterator[Metric]:
        gateway = self._gateway
        every = list(gateway.connections.values())
        yield _gauge("ringfence_connections", "Websockets that are open.", len(every))
        yield _count("ringfence_connections_opened", "Websockets so far.", gateway.counters.connections)
        closed = CounterMetricFamily(
            "ringfence_connections_closed", "Websockets that have ended.", labels=["reason"]
        )
        for reason, count in gateway.lookout.closed.items():
            closed.add_metric([reason], count)
        yield closed
        yield _count(
            "ringfence_slow_consumers",
            "Websockets closed for reading too slowly.",
            gateway.lookout.closed.get(TOO_SLOW, 0),
        )
        yield _gauge(
            "ringfence_subscriptions", "Channels that are followed.", sum(len(one.channels) for one in every)
        )
        yield _gauge(
            "ringfence_outbox_bytes", "What is on its way to all.", sum(one.waiting_bytes for one in every)
        )
        yield _gauge(
            "ringfence_outbox_largest_bytes",
            "What is on its way to the slowest.",
            max((one.waiting_bytes for one in every), default=0),
        )
        yield _gauge(
            "ringfence_signed_in", "Websockets with a key.", sum(one.key is not None for one in every)
        )


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value)


def _count(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(name, told, value)


def _spread(name: str, told: str, whole: Spread | None = None, **parts: dict[str, Spread]) -> Metric:
    """One distribution, or one for each value of a label."""
    if whole is not None:
        family = HistogramMetricFamily(name, told)
        whole.add_to(family)
        return family
    [(label, spreads)] = parts.items()
    family = HistogramMetricFamily(name, told, labels=[label])
    for value, spread in spreads.items():
        spread.add_to(family, value)
    return family

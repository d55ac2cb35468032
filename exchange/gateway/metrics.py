"""Figures of the running venue for Prometheus: measured as it happens, or read off when it is asked for.

Most are counted anyway and cost nothing until somebody looks. Only times and sizes are observed on the way, each in a
child that was made beforehand. No label ever has a value that somebody from outside has chosen.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.registry import Collector

from exchange.gateway.faults import BUSY, QUEUE_FULL
from exchange.gateway.sessions import TOO_SLOW
from exchange.gateway.venue import Standing

if TYPE_CHECKING:
    from exchange.gateway.dispatch import Gateway

__all__ = ["CONTENT_TYPE", "Metrics"]

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
disable_created_metrics()  # type: ignore[no-untyped-call]  # when a figure was first counted is nobody's question
COMMANDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 512)


class Metrics:
    """Is told how the venue works, and writes the page that Prometheus reads."""

    def __init__(self, gateway: "Gateway") -> None:
        self.registry = CollectorRegistry()
        latency = Histogram(
            "ringfence_request_seconds",
            "From a whole request to its answer, by whether the exchange was asked to do something.",
            ["kind"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._looked = latency.labels("look")
        self._commanded = latency.labels("command")
        self._batches = Histogram(
            "ringfence_batch_commands",
            "Commands from outside that were written and handled in one go.",
            buckets=COMMANDS,
            registry=self.registry,
        )
        self._writes = Histogram(
            "ringfence_journal_write_seconds",
            "Until a batch was durable.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._records = Counter(
            "ringfence_journal_records",
            "Commands that were written, from inside and outside.",
            registry=self.registry,
        )
        self._lag = Histogram(
            "ringfence_loop_lag_seconds",
            "How late the beat of ten times a second came: what everybody waits for.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Read(gateway))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def page(self) -> bytes:
        return generate_latest(self.registry)

    # --- told as it happens -------------------------------------------------------------------------

    def answered(self, came_us: int, *, command: bool) -> None:
        (self._commanded if command else self._looked).observe(time.time_ns() / 1e9 - came_us / 1e6)

    def batch(self, commands: int) -> None:
        self._batches.observe(commands)

    def written(self, records: int, seconds: float) -> None:
        self._writes.observe(seconds)
        self._records.inc(records)

    def beat(self, late_seconds: float) -> None:
        self._lag.observe(late_seconds)


class _Read(Collector):
    """What the venue, its connections and the tally know already."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked of the venue before somebody asks for it."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
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
        for reason, count in gateway.watch.closed.items():
            closed.add_metric([reason], count)
        yield closed
        yield _count(
            "ringfence_slow_consumers",
            "Websockets closed for reading too slowly.",
            gateway.watch.closed.get(TOO_SLOW, 0),
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

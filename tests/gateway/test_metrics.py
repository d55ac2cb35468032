"""What Prometheus is told: what has happened, in a form that its own parser reads, and only to those inside."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from exchange.gateway.metrics import SECONDS, Spread
from tests.gateway.loopback import PERPETUAL, Refused, Venue, around, dial, limit, play, venue

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def own_venue() -> Iterator[Venue]:
    with venue() as opened:
        yield opened


class Scrape:
    """One look at /metrics."""

    def __init__(self, opened: Venue) -> None:
        response = opened.get("/metrics")
        assert response.status_code == 200 and response.headers["content-type"].startswith("text/plain")
        self.families = {one.name: one for one in text_string_to_metric_families(response.text)}

    def __call__(self, sample: str, **labels: str) -> float:
        """0 if it was never counted."""
        found = [
            one.value
            for family in self.families.values()
            for one in family.samples
            if one.name == sample and all(one.labels.get(name) == value for name, value in labels.items())
        ]
        return sum(found)


def test_what_is_done_and_refused_is_counted(own_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(own_venue, "everyone-1")
        price = await around(client, 0.9)
        for _ in range(3):
            await limit(client, "buy", 0.001, price)
        with pytest.raises(Refused):
            await limit(client, "buy", 0.001, 100)
        with pytest.raises(Refused):
            await client("public/no_such_method")
        await client("private/cancel_all")
        await client.close()

    before = Scrape(own_venue)
    play(story())
    after = Scrape(own_venue)

    def more(sample: str, **labels: str) -> float:
        return after(sample, **labels) - before(sample, **labels)

    assert more("ringfence_commands_total", kind="PlaceOrder", outcome="done") == 3
    assert more("ringfence_commands_total", kind="PlaceOrder", outcome="refused") == 1
    assert more("ringfence_refusals_total", about="order") == 1
    assert more("ringfence_requests_total", method="private/buy") == 4
    assert more("ringfence_faults_total", code="-32601") == 1
    assert more("ringfence_connections_opened_total") == 1
    assert more("ringfence_request_seconds_count", kind="command") == 5
    assert more("ringfence_request_seconds_count", kind="look") >= 2
    assert more("ringfence_batch_commands_sum") == 5
    assert more("ringfence_connections_closed_total") == 1


def test_who_is_connected_and_what_they_follow_is_read_off(own_venue: Venue) -> None:
    async def story() -> Scrape:
        client = await dial(own_venue, "everyone-1")
        channels = [f"ticker.{PERPETUAL}.100ms", f"book.{PERPETUAL}.100ms", "clearing.statistics"]
        await client("public/subscribe", channels=channels)
        found = Scrape(own_venue)
        await client.close()
        return found

    found = play(story())
    assert (found("ringfence_connections"), found("ringfence_signed_in")) == (1, 1)
    assert found("ringfence_subscriptions") == 3
    assert found("ringfence_standing", standing="open") == found("ringfence_standing") == 1
    assert found("process_resident_memory_bytes") > 1e6 and found("ringfence_engine_speed") == 1
    health = own_venue.get("/health").json()
    assert abs(found("ringfence_engine_time_seconds") - health["time"] / 1000) < 60


def test_a_slow_reader_and_one_who_asks_too_much_are_counted() -> None:
    from dataclasses import replace

    from exchange.gateway.registry import Pool
    from exchange.gateway.throttle import STANDARD, Limits, Rate

    rates = {**STANDARD, Pool.READ: Rate(0.001, 12)}
    limits = replace(Limits(rates=rates), outbox_bytes=30_000)

    async def story(opened: Venue) -> None:
        client = await dial(opened)
        with pytest.raises(Refused):
            for _ in range(20):
                await client("public/get_time")
        await client.close()

    with venue(limits=limits) as opened:
        play(story(opened))
        connection: Any = _stuck(opened)
        opened.on_its_thread(lambda: connection.send(b"x" * 40_000))
        opened.on_its_thread(lambda: opened.gateway.lost(connection))
        found = Scrape(opened)
    assert found("ringfence_throttled_requests_total", why="no credits") == 1
    assert found("ringfence_slow_consumers_total") == 1
    assert found("ringfence_connections_closed_total", reason="connection_too_slow") == 1


def _stuck(opened: Venue) -> Any:
    from exchange.gateway.sessions import Connection

    connection = opened.on_its_thread(lambda: Connection(99, "nowhere", opened.gateway.limits))
    opened.gateway.connections[connection.number] = connection
    return connection


@pytest.mark.parametrize("path", ["/metrics", "/", "/page/page.js"])
def test_what_comes_under_a_foreign_name_is_turned_away(own_venue: Venue, path: str) -> None:
    assert own_venue.get(path, headers={"host": "evil.example"}).status_code == 403
    assert own_venue.get(path, headers={"origin": "https://evil.example"}).status_code == 403
    assert own_venue.get(path).status_code == 200


def test_every_figure_stands_in_the_table_of_the_documentation_and_no_other(own_venue: Venue) -> None:
    families = {name for name in Scrape(own_venue).families if name.startswith("ringfence_")}
    told = set(re.findall(r"^\| `(ringfence_\w+?)(?:_total)?` ", OPERATIONS.read_text("utf-8"), re.MULTILINE))
    assert families == told


def test_no_label_is_what_somebody_outside_has_chosen(own_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(own_venue)
        for method in ("public/made_up", "x" * 90):
            with pytest.raises(Refused):
                await client(method)
        with pytest.raises(Refused):
            await client(
                "access/apply", participant_id="chosen_outside", kind="individual", nonsense="chosen"
            )
        await client.close()

    play(story())
    text = own_venue.get("/metrics").text
    assert "made_up" not in text and "xxxx" not in text and "chosen" not in text


def test_health_tells_what_the_documentation_says_and_ready_whether_orders_are_taken(
    own_venue: Venue,
) -> None:
    told = own_venue.get("/health").json()
    table = OPERATIONS.read_text("utf-8").split("## Is it well?")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(told)
    assert (told["standing"], told["journal"], told["speed"]) == ("open", False, 1.0)
    assert (own_venue.get("/ready").status_code, own_venue.get("/ready").text) == (200, "the venue is open\n")


def test_a_venue_that_has_failed_is_alive_and_not_ready() -> None:
    from exchange.gateway.venue import Standing

    with venue() as opened:
        opened.on_its_thread(lambda: setattr(opened.gateway.venue, "standing", Standing.FAILED))
        assert opened.get("/ready").status_code == 503 and "failed" in opened.get("/ready").text
        assert opened.get("/health").json()["standing"] == "failed"
        assert Scrape(opened)("ringfence_standing", standing="failed") == 1


@settings(deadline=None)
@given(st.lists(st.floats(0, 20) | st.sampled_from(SECONDS)))
def test_a_spread_tells_what_the_library_s_own_histogram_does(values: list[float]) -> None:
    registry = CollectorRegistry()
    theirs = Histogram("told", "Told.", ["kind"], buckets=SECONDS, registry=registry).labels("one")
    ours, family = Spread(SECONDS), HistogramMetricFamily("told", "Told.", labels=["kind"])
    for value in values:
        theirs.observe(value)
        ours.take(value)
    ours.add_to(family, "one")
    samples = {(one.name, one.labels.get("le")): one.value for one in family.samples}
    for (name, bound), value in samples.items():
        labels = {"kind": "one"} | ({} if bound is None else {"le": bound})
        assert registry.get_sample_value(name, labels) == pytest.approx(value)
    assert len(samples) == len(SECONDS) + 3

"""What is written down: what an operator must know, a line each, without secrets, and never by the thousand."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from exchange.gateway.logs import (
    MOST,
    TIMES,
    WITHIN,
    JsonLines,
    LogFormat,
    LogLevel,
    Seldom,
    TextLines,
    configure,
)
from tests.gateway.loopback import PERPETUAL, Refused, Venue, dial, limit, play, venue


@contextmanager
def written(form: LogFormat = LogFormat.JSON, level: LogLevel = LogLevel.INFO) -> Iterator[io.StringIO]:
    """What the whole process writes meanwhile."""
    root, ours, out = logging.getLogger(), logging.getLogger("ringfence"), io.StringIO()
    before = root.handlers[:], root.level, ours.level
    root.handlers = []
    configure(form, level, out)
    try:
        yield out
    finally:
        root.handlers, root.level, ours.level = before


def events(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def named(out: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [one["fields"] for one in events(out) if one["event"] == event]


def record(event: str, at: float = 0.0, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("ringfence.test", logging.WARNING, "", 0, event, (), None)
    made.created, made.fields = at, fields
    return made


def test_a_venue_writes_down_its_life_and_its_connections() -> None:
    async def story(opened: Venue) -> None:
        client = await dial(opened, "everyone-1")
        await client.close()
        stranger = await dial(opened)
        await stranger.close()

    with written() as out:
        with venue() as opened:
            key = opened.keys["everyone-1"]
            play(story(opened))
        told = [one["event"] for one in events(out)]
    assert told[0] == "venue_open" and told[-1] == "venue_closed"
    assert [one["number"] for one in named(out, "connection_opened")] == [1, 2]
    closed = named(out, "connection_closed")
    assert [one["client_id"] for one in closed] == [key.client_id, None]
    assert {one["reason"] for one in closed} == {"by the other side"}
    first = events(out)[0]
    assert set(first) == {"time", "level", "logger", "event", "fields"} and first["time"].endswith("Z")
    assert (first["level"], first["logger"]) == ("info", "ringfence.gateway")


def test_failed_logins_and_refused_directives_are_written_without_any_secret() -> None:
    secrets: list[str] = []

    async def story(opened: Venue) -> None:
        one, authority = await dial(opened, "everyone-1"), await dial(opened, "authority")
        ring = opened.gateway.ring
        secrets.extend(key.secret for key in ring)
        wrong = {"client_id": opened.keys["everyone-1"].client_id, "client_secret": "wrong-secret-of-mine"}
        swapped = {"client_id": "secret-in-the-wrong-place", "client_secret": "x"}
        for told in (wrong, swapped):
            with pytest.raises(Refused):
                await one("public/auth", grant_type="client_credentials", **told)
        token = (await one.sign_in(opened.keys["everyone-2"]))["access_token"]
        secrets.append(token)
        with pytest.raises(Refused):
            await authority("admin/freeze_participant", participant_id="nobody", order_ref="a letter")
        await one.close()
        await authority.close()

    with written(level=LogLevel.DEBUG) as out, venue() as opened:
        play(story(opened))
        basic = httpx.get(f"{opened.http}/api/v2/private/get_positions", auth=("nobody", "basic-secret"))
        assert basic.status_code == 401
    failed = named(out, "login_failed")
    assert [one["client_id"] for one in failed] == [opened.keys["everyone-1"].client_id, None, None]
    assert len(named(out, "directive_refused")) == 1
    kept = (*secrets, "wrong-secret-of-mine", "secret-in-the-wrong-place", "basic-secret")
    assert len(secrets) > 5 and [one for one in kept if one in out.getvalue()] == []


FRAMES: list[str | bytes] = [
    b"binary",
    "{",
    "[" * 5_000,
    '{"id": {}, "method": 1}',
    '{"method": "' + "x" * 9_000 + '"}',
    '{"method": "private/buy", "params": [1]}',
    r'{"method": "public/subscribe", "params": {"channels": ["\ud800", "book..raw"]}}',
    r'{"method": "public/auth", "params": {"grant_type": "client_credentials", "client_id": "a\n\u0000"}}',
    '{"method": "public/subscribe", "params": {"channels": ["' + "." * 4_000 + '"]}}',
    "x" * 70_000,
]


def test_hostile_frames_leave_no_traceback() -> None:
    async def story(opened: Venue) -> None:
        for frame in FRAMES:
            async with connect(opened.ws, compression=None, max_size=None) as socket:
                await socket.send(frame)
                try:
                    await socket.recv()
                except Exception as closed:
                    assert "1009" in str(closed) or "closed" in str(closed).lower()

    with written(level=LogLevel.DEBUG) as out, venue() as opened:
        play(story(opened))
        for host in ("[", "[::1", "a b", ""):
            assert opened.get("/", headers={"host": host}).status_code in (400, 403), host
        opened.get("/api/v2/public/ticker?instrument_name=%ff%00")
        opened.post("/api/v2", content=b"\xff\xfe")
    assert "Traceback" not in out.getvalue() and not [
        one for one in events(out) if one["level"] in ("error", "critical")
    ]


def test_a_bug_of_ours_is_written_with_its_traceback_and_the_name_of_the_method() -> None:
    def break_something(gateway: Any) -> None:
        gateway.hub.market.instrument = lambda pair: 1 / 0

    async def story(opened: Venue) -> None:
        client = await dial(opened)
        with pytest.raises(Refused):
            await client("public/get_instrument", instrument_name=PERPETUAL)
        await client.close()

    with written() as out, venue(change=break_something) as opened:
        play(story(opened))
    [told] = [one for one in events(out) if one["event"] == "method_failed"]
    assert told["fields"] == {"method": "public/get_instrument"} and "ZeroDivisionError" in told["traceback"]


def test_a_journal_that_fails_is_written_down() -> None:
    from tests.gateway.test_venue import Written

    journal = Written()

    async def story(opened: Venue) -> None:
        client = await dial(opened, "everyone-1")
        journal.fails = True
        with pytest.raises(Refused):
            await limit(client, "buy", 0.001, 8_000_000)
        await client.close()

    with written() as out, venue(journal=journal) as opened:
        play(story(opened))
        opened.on_its_thread(opened.gateway.lookout.look_at_standing)
    levels = {one["event"]: one["level"] for one in events(out)}
    assert levels["venue_failed"] == "critical"
    assert ["OSError" in one["traceback"] for one in events(out) if "traceback" in one] == [True]


def test_what_repeats_is_written_a_few_times_and_then_counted() -> None:
    seldom = Seldom()
    passed = [seldom.filter(record("login_failed", at=0.001 * number)) for number in range(1_000)]
    assert passed == [True] * TIMES + [False] * (1_000 - TIMES)
    other = record("connection_opened", at=0.5)
    assert seldom.filter(other) and other.fields == {}, "another event is not held back"  # type: ignore[attr-defined]
    later = record("login_failed", at=WITHIN, address="here")
    assert seldom.filter(later)
    assert later.fields == {"address": "here", "left_out": 1_000 - TIMES}  # type: ignore[attr-defined]


@settings(deadline=None)
@given(st.text(), st.text(max_size=500) | st.integers() | st.none() | st.floats(allow_nan=False))
def test_a_record_is_one_line_whatever_is_in_it(event: str, value: Any) -> None:
    made = record("%s", value=value)
    made.args = (event,)
    for form in (TextLines(), JsonLines()):
        assert len(form.format(made).splitlines()) == 1
    told = json.loads(JsonLines().format(made))
    assert told["event"] == event and len(str(told["fields"]["value"])) <= max(MOST, len(str(value)[:MOST]))


def test_people_read_the_same_as_words() -> None:
    made = record("login_failed", at=1_796_052_000.25, address="127.0.0.1", reason="too many wrong secrets")
    assert TextLines().format(made) == (
        "2026-11-30T15:20:00.250Z warning ringfence.test login_failed address=127.0.0.1 "
        'reason="too many wrong secrets"'
    )


def test_below_its_level_nothing_is_written() -> None:
    with written(LogFormat.TEXT, LogLevel.WARNING) as out, venue():
        pass
    assert out.getvalue() == ""

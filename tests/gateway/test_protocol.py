"""Breaches of the protocol itself, by hand: each is met as RFC 6455 and the bounds of `exchange.gateway.guard` ask, and
nobody but its sender is told anything. The cases are those of the Autobahn test suite that a venue can meet."""

import json
import logging
import time
from collections.abc import Iterator

import pytest

from exchange.gateway.guard import CONTROLS, FRAGMENTS, HEAD, Crowd, Rarely
from exchange.gateway.throttle import Limits
from tests.gateway.loopback import Venue, venue
from tests.gateway.rawsocket import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Frame,
    RawSocket,
    announced,
    closing,
    frame,
)

ASK = b'{"jsonrpc":"2.0","id":"\xd0\x96","method":"public/test"}'
CUT = ASK.index(b"\x96")  # between the two bytes of one letter


@pytest.fixture(autouse=True)
def nothing_is_logged(open_venue: Venue, server_log: list[logging.LogRecord]) -> Iterator[None]:
    """And whoever asks sensibly is answered afterwards."""
    yield
    with RawSocket(open_venue.port).shake_hands() as other:
        other.send(frame(TEXT, ASK))
        assert is_answer(other.next())
    assert [record.getMessage() for record in server_log] == []


def is_answer(told: Frame | None) -> bool:
    return told is not None and json.loads(told.payload).get("id") == "Ж"


WHOLE = {
    "one frame": [frame(TEXT, ASK)],
    "three fragments": [
        frame(TEXT, ASK[:9], fin=False),
        frame(CONT, ASK[9:20], fin=False),
        frame(CONT, ASK[20:]),
    ],
    "a letter in two fragments": [frame(TEXT, ASK[:CUT], fin=False), frame(CONT, ASK[CUT:])],
    "empty fragments among others": [
        frame(TEXT, b"", fin=False),
        *[frame(CONT, b"", fin=False)] * 9,
        frame(CONT, ASK),
    ],
    "as many fragments as may be": [
        frame(TEXT, ASK, fin=False),
        *[frame(CONT, b"", fin=False)] * (FRAGMENTS - 2),
        frame(CONT),
    ],
    "pongs nobody asked for": [frame(PONG, b"x"), frame(PONG), frame(TEXT, ASK)],
}


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("frames", WHOLE.values(), ids=WHOLE)
def test_a_message_is_a_message_however_it_is_cut(
    open_venue: Venue, frames: list[bytes], in_pieces: bool
) -> None:
    with RawSocket(open_venue.port).shake_hands() as raw:
        data = b"".join(frames)
        for piece in [data[i : i + 7] for i in range(0, len(data), 7)] if in_pieces else [data]:
            raw.send(piece)
        assert is_answer(raw.next())


def test_a_ping_is_answered_at_once_with_what_it_carried(open_venue: Venue) -> None:
    with RawSocket(open_venue.port).shake_hands() as raw:
        raw.send(frame(TEXT, ASK[:9], fin=False) + frame(PING, b"p" * 125) + frame(CONT, ASK[9:]))
        assert raw.next() == Frame(PONG, b"p" * 125)
        assert is_answer(raw.next())


REFUSED = {
    "a frame that is not masked": (frame(TEXT, ASK, masked=False), 1002),
    **{f"reserved bits {bits}": (frame(TEXT, ASK, reserved=bits), 1002) for bits in (1, 2, 4, 7)},
    **{f"opcode {code}": (frame(code, b"x"), 1002) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "reserved bits in a ping": (frame(PING, b"p", reserved=4), 1002),
    "reserved bits in a later fragment": (
        frame(TEXT, ASK[:9], fin=False) + frame(CONT, ASK[9:], reserved=4),
        1002,
    ),
    "a pong of 126 bytes": (frame(PONG, b"p" * 126), 1002),
    "a binary within a text": (frame(TEXT, ASK[:9], fin=False) + frame(BINARY, ASK), 1002),
    "a letter too long by half": (frame(TEXT, b"\xc0\xaf"), 1007),
    "beyond the last letter": (frame(TEXT, b"\xf5\x80\x80\x80"), 1007),
    "a ping of 126 bytes": (frame(PING, b"p" * 126), 1002),
    "a ping in fragments": (frame(PING, b"p", fin=False), 1002),
    "a close in fragments": (frame(CLOSE, b"", fin=False), 1002),
    "a fragment of nothing": (frame(CONT, ASK), 1002),
    "a text within a text": (frame(TEXT, ASK, fin=False) + frame(TEXT, ASK), 1002),
    "not UTF-8": (frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80"), 1007),
    "not UTF-8 over two fragments": (frame(TEXT, b"\xf4", fin=False) + frame(CONT, b"\x90\x80\x80"), 1007),
    "half a letter at the end": (frame(TEXT, ASK[:CUT]), 1007),
    "longer than any frame": (announced(65_537), 1009),
    "longer than the world": (announced(2**62), 1009),
    "a negative length": (announced(2**64 - 1), 1009),
    "too long in fragments": (
        frame(TEXT, b"x" * 40_000, fin=False) + frame(CONT, b"x" * 40_000, fin=False),
        1009,
    ),
    "too many fragments": (
        frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) * FRAGMENTS,
        1008,
    ),
    "a flood of empty fragments": (
        frame(BINARY, b"", fin=False) + frame(CONT, b"", fin=False) * 20_000,
        1008,
    ),
    "a close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "a close whose reason is not UTF-8": (closing(1000, b"\xff\xfe"), 1007),
    "a close that is too long": (closing(1000, b"r" * 124), 1002),
    **{f"close code {code}": (closing(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2999)},
}


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_a_breach_is_answered_with_the_code_for_it_and_the_end(
    open_venue: Venue, data: bytes, code: int
) -> None:
    with RawSocket(open_venue.port).shake_hands() as raw:
        raw.send(data)
        told = raw.next()
        assert told is not None and told.close_code == code, told
        assert raw.next() is None


@pytest.mark.parametrize("code", [None, 1000, 1001, 1003, 1007, 1011, 3000, 4999])
def test_a_close_is_answered_with_a_close(open_venue: Venue, code: int | None) -> None:
    with RawSocket(open_venue.port).shake_hands() as raw:
        raw.send(closing(code, b"" if code is None else b"bye") + frame(TEXT, ASK))
        told = raw.next()
        assert told is not None and told.opcode == CLOSE and told.close_code == code
        assert raw.next() is None, "what comes after a close is not looked at"


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_whoever_pings_without_end_is_dropped(open_venue: Venue, opcode: int) -> None:
    with RawSocket(open_venue.port).shake_hands() as raw:
        raw.send(frame(opcode, b"p" * 100) * (CONTROLS * 20))
        pongs = 0
        while raw.next() is not None:
            pongs += 1
        assert pongs < 2 * CONTROLS, "what was parsed with the last of them is answered too"


def test_answers_that_nobody_reads_hold_up_the_questions_and_cost_no_memory(open_venue: Venue) -> None:
    """Thousands of questions in one go wait before the venue, not in it; and all are answered once somebody reads."""
    many = 3_000
    with RawSocket(open_venue.port, small=True).shake_hands() as raw:
        raw.send(frame(TEXT, ASK) * many)
        served, before = open_venue.gateway.counters.requests, -1
        while (now := served.get("public/test", 0)) != before:
            before = now
            time.sleep(0.3)
        waiting = sum(one.waiting_bytes for one in list(open_venue.gateway.connections.values()))
        assert 0 < waiting < 70_000
        for _ in range(many):
            assert is_answer(raw.next())


# --- before there is a request ----------------------------------------------------------------------------

HALF = {
    "nothing": b"",
    "half a line": b"GET /api/v2",
    "half a handshake": b"GET /ws/api/v2 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n",
}
BEGUN = b"GET /api/v2/public/test HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("half", HALF.values(), ids=HALF)
@pytest.mark.parametrize("before", [b"", BEGUN], ids=["first", "second"])
def test_who_never_says_what_it_wants_is_dropped(
    open_venue: Venue, half: bytes, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.gateway.guard.SILENT", 0.2)
    if before and not half:
        pytest.skip("whoever has asked once may be silent for a while")
    with RawSocket(open_venue.port) as raw:
        if before:
            raw.send(before)
            assert raw.until(b'"testnet":true}').startswith(b"HTTP/1.1 200")
        raw.send(half)
        assert raw.rest() == b""


def test_a_head_that_drips_is_not_waited_for_longer_than_one_that_does_not_come(
    open_venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.gateway.guard.SILENT", 0.3)
    with RawSocket(open_venue.port) as raw:
        raw.send(b"GET /api/v2/public/test HTTP/1.1\r\n")
        for number in range(200):
            if not raw.send(b"X-%d: y\r\n" % number):
                break
            time.sleep(0.02)
        else:
            pytest.fail("it drips on")
        assert b"200" not in raw.rest()


def test_a_body_that_does_not_come_is_not_waited_for(
    open_venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.gateway.app.SLOW", 0.2)
    monkeypatch.setattr("exchange.gateway.guard.SILENT", 0.2)
    with RawSocket(open_venue.port) as raw:
        raw.send(b'POST /api/v2 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{"id":')
        raw.send(b"1")
        assert b"the body does not come" in raw.rest()


@pytest.mark.parametrize("line", [b"X-Long: " + b"x" * HEAD * 4, b"x: y\r\n" * (HEAD // 2)])
def test_a_head_without_end_is_not_kept(
    open_venue: Venue, line: bytes, server_log: list[logging.LogRecord]
) -> None:
    with RawSocket(open_venue.port) as raw:
        raw.send(b"GET /api/v2/public/test HTTP/1.1\r\n" + line)
        assert not raw.rest().startswith(b"HTTP/1.1 200")
    server_log.clear()  # the server says once that it was no request


def test_who_asks_over_http_and_never_reads_is_dropped(
    open_venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.gateway.guard.STUCK", 0.3)
    request = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with RawSocket(open_venue.port, small=True) as raw:
        for _ in range(500):
            if raw.is_gone(request * 50):
                break
            time.sleep(0.01)
        else:
            pytest.fail("it is still there")


def test_one_address_may_hold_so_many_sockets_even_if_it_says_nothing() -> None:
    limits = Limits(sockets_per_address=10, sockets=12)
    with venue(limits=limits) as small:
        silent = [RawSocket(small.port) for _ in range(10)]
        for one in silent[:9]:
            one.send(b"GET /")
        time.sleep(0.2)
        with RawSocket(small.port) as refused:
            refused.send(BEGUN)
            assert refused.rest() == b""
        for one in silent:
            one.__exit__()
        for _ in range(100):
            with RawSocket(small.port) as raw:
                raw.send(BEGUN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                if b"200 OK" in raw.rest():
                    break
            time.sleep(0.05)
        else:
            pytest.fail("no room although all have gone")


class Wire:
    def __init__(self, address: str) -> None:
        self.address = address

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return self.address, 1


def test_a_crowd_is_counted_by_address_and_in_all_and_forgets_who_leaves() -> None:
    crowd = Crowd(5, 3)
    here, there = [Wire("here") for _ in range(4)], [Wire("there") for _ in range(4)]
    assert [crowd.enter(one) for one in here] == [True, True, True, False]
    assert [crowd.enter(one) for one in there] == [True, True, False, False]
    crowd.leave(here[3])
    crowd.leave(here[0])
    crowd.leave(here[0])
    assert len(crowd) == 4 and crowd.enter(there[2]) and not crowd.enter(here[0])


def test_a_log_that_a_stranger_could_fill_says_each_thing_a_few_times() -> None:
    rarely = Rarely(times=3, within=0.05)

    def passed(count: int) -> list[str]:
        made = [
            logging.LogRecord("x", logging.WARNING, "", 0, "no request", None, None) for _ in range(count)
        ]
        return [record.getMessage() for record in made if rarely.filter(record)]

    assert passed(10) == ["no request"] * 3
    time.sleep(0.06)
    assert passed(2) == ["no request (and 7 more in the time before)", "no request"]

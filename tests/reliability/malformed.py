"""Requests that are nearly right, made from the registry in four layers, and what must come of each of them.

    python -m tests.reliability.malformed 10000 [seed]

opens a venue in a process of its own and sends so many over websockets and HTTP, signed in and not. The layers: bytes
(frames that are no text, too long, cut), texts (that are no JSON, or JSON at the edge of what it may say), envelopes
(that are no request), and parameters (of each method: missing, doubled, of a wrong type, huge, somebody else's).

Every request is answered, once, with its own id, and never with an internal error; or its connection, and no other, is
closed with a code that names the sender's breach. A failure names seed, number and frame.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any, NamedTuple

import httpx

from exchange.gateway import methods
from exchange.gateway.registry import REGISTRY, Method
from tests.gateway.rawsocket import BINARY, CLOSE, CONT, PING, TEXT, RawSocket, frame

assert methods, "the registry is filled by importing the methods"

INTERNAL = (-32603, -32000, 11094, 10001)
BREACHES = (1002, 1007, 1008, 1009)  # codes of a close that blame the sender
PERPETUAL = "BTC_RUBD-PERPETUAL"
SKIPPED = ("private/logout", "access/apply", "access/create_key", "cash/redeem", "admin/halt_all")
BROKEN = {  # whatever else is right: with nothing wrong in it such a request does what it says
    "private/buy": "amount",
    "private/sell": "amount",
    "private/mass_quote": "quotes",
    "private/withdraw": "amount",
    "private/deposit": "amount",
    "private/set_mmp_config": "interval",
    "private/close_position": "type",
    "private/move_positions": "trades",
    "access/remove_key": "client_id",
    "cash/mint": "amount",
    "public/auth": "grant_type",
}
VALUES: list[Any] = [
    None, "", 0, -1, 1, 0.1, -0.0, 1e308, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), 10**400, True,
    False, [], {}, [[]], [None], {"a": {"b": [1, 2, {"c": None}]}}, "NaN", "Infinity", "-Infinity", "true", "0", "-1",
    "1e999", "9" * 300, "x" * 300, "\u0000", "\u202e", "\U0001f4a3", "'; drop table orders; --", "../../etc/passwd",
    "any", "RUBD", "rubd", PERPETUAL, "BTC_RUBD", "RUBD-1", "RUBD-0", "RUBD-99999999999999999999", "everyone-2",
    ["user.orders.any.any.raw"], ["book.*.raw"], ["a"] * 501, [1, 2], "limit", "market", 1e-9, "0x10", "１２", "1_000",
    " 1 ", "[" * 500, "[1", "{}", {"__class__": 1},
]  # fmt: skip
RAW = [
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999999999", '"\\ud800"', '"\\udc00\\ud800"', "01", "+1",
    ".5", "1.", "'a'", "undefined", "tru", "9" * 5_000, "-" + "9" * 5_000, "0." + "1" * 5_000,
    "18446744073709551616", "1e", "0x1",
    "[" * 3_000 + "]" * 3_000, '{"a":' * 40 + "1" + "}" * 40, "/* c */ 1", "1,", '"\t"', '"\\x"', "\u00a01",
]  # fmt: skip
TEXTS = [
    "", " ", "\n", "\u0000", "\ufeff{}", "null", "true", "17", '"hello"', "[]", "[1,2]", "{}", "{", "}", "[", '{"id":1',
    '{"id":1,}', "{'id':1}", '{"id":1}{"id":2}', "[" * 10_000, '{"a":' * 10_000, '"' + "x" * 30_000, "9" * 5_000,
    '[{"id":1,"method":"public/test"}]',
]  # fmt: skip


class Case(NamedTuple):
    """What is sent: a text, which is answered, or bytes, after which the connection may end."""

    layer: str
    data: str | bytes
    number: int | None = None  # the id that must come back, if the text has one that can be read


def cases(seed: int, only: str | None = None) -> Iterator[Case]:
    """Without end. `only` one layer."""
    dice = Random(seed)
    layers = {"bytes": _bytes, "text": _text, "envelope": _envelope, "params": _params}
    names = [only] if only else ["bytes", "text", "envelope", "params", "params", "params", "params"]
    number = 0
    while True:
        number += 1
        name = dice.choice(names)
        yield layers[name](dice, number)


def _bytes(dice: Random, number: int) -> Case:
    junk = dice.randbytes(dice.randrange(200))
    whole = json.dumps({"id": number, "method": "public/test"}).encode()
    at = dice.randrange(len(whole))
    return Case(
        "bytes",
        dice.choice(
            [
                frame(BINARY, junk),
                frame(TEXT, junk),
                frame(TEXT, whole[:at] + bytes([dice.randrange(128, 256)]) + whole[at:]),
                frame(TEXT, b"x" * dice.choice([32_767, 32_768, 32_769, 60_000, 65_536, 65_537])),
                frame(TEXT, whole, masked=False),
                frame(TEXT, whole, reserved=dice.randrange(1, 8)),
                frame(dice.choice([3, 4, 5, 6, 7, 11, 15]), junk),
                frame(CONT, whole),
                frame(TEXT, whole, fin=False) + frame(TEXT, whole),
                frame(TEXT, whole[:at], fin=False) + frame(PING, junk[:125]) + frame(CONT, whole[at:]),
                frame(PING, junk[:125]),
                frame(PING, b"p" * 126),
                frame(CLOSE, junk[: dice.randrange(130)]),
                frame(TEXT, whole)[: dice.randrange(1, 12)],
                junk,
            ]
        ),
    )


def _text(dice: Random, number: int) -> Case:
    if dice.random() < 0.3:
        return Case("text", dice.choice(TEXTS))
    text = json.dumps(_request(dice, number))
    draw = dice.random()
    at = dice.randrange(len(text))
    if draw < 0.25:
        text = text[:at] + dice.choice('{}[]",:\\0 \u0000\ufeff') + text[at + 1 :]
    elif draw < 0.4:
        text = text[:at]
    elif draw < 0.8:
        text = text.replace('"params": {', f'"params": {{"price": {dice.choice(RAW)}, ', 1)
    elif draw < 0.9:
        text = text.replace('"params": {', '"params": {"amount": 1, "amount": [], ', 1)
    else:
        text = text.replace('"jsonrpc"', f'"id": {dice.choice(RAW)}, "jsonrpc"', 1)
    return Case("text", text)


def _envelope(dice: Random, number: int) -> Case:
    request: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": "public/test", "params": {}}
    for _ in range(dice.randrange(1, 3)):
        key = dice.choice(["jsonrpc", "id", "method", "params", "params", "access_token", "extra"])
        if dice.random() < 0.3:
            request.pop(key, None)
        else:
            request[key] = dice.choice(VALUES)
    return Case("envelope", json.dumps(request))


def _params(dice: Random, number: int) -> Case:
    return Case("params", json.dumps(_request(dice, number)), number)


def _request(dice: Random, number: int) -> dict[str, Any]:
    odd = ["public/nope", "", "private/", "__class__", "public/get_time\u0000", "/public/test", "x" * 1_000]
    known = dice.choice(NAMED) if dice.random() < 0.95 else None
    params: dict[str, Any] = {}
    if known is not None:
        names = list(known.params.model_fields)
        params = {name: dice.choice(VALUES) for name in names if dice.random() < 0.7}
        if broken := _broken(known):
            params[broken] = dice.choice(["NaN", [], {}, "x", None])
    if dice.random() < 0.2:
        name = dice.choice(
            ["a", "__proto__", "access_token", "participant_id", "account", "self", "call", "class"]
        )
        params[name] = dice.choice(VALUES)
    return {
        "jsonrpc": "2.0",
        "id": number,
        "method": known.name if known else dice.choice(odd),
        "params": params,
    }


def _broken(method: Method) -> str | None:
    """The parameter of a method that would do something, which is always wrong."""
    if method.name in BROKEN:
        return BROKEN[method.name]
    if method.name.startswith("admin/"):
        required = [name for name, told in method.params.model_fields.items() if told.is_required()]
        return required[0] if required else None
    return None


NAMED = [one for one in REGISTRY if one.name not in SKIPPED]


# --- sending --------------------------------------------------------------------------------------------


class Sender:
    """Sends cases one after the other and holds the venue to what is promised."""

    def __init__(self, port: int, key: tuple[str, str] | None, seed: int) -> None:
        self.port = port
        self.key = key
        self.seed = seed
        self.told: Counter[str] = Counter()
        self._number = 0
        self._socket: RawSocket | None = None

    def over_websocket(self, count: int, only: str | None = None) -> None:
        for case in self._some(count, only):
            socket = self._open()
            if isinstance(case.data, bytes):
                self._breach(socket, case)
            else:
                socket.send(frame(TEXT, case.data.encode("utf-8", "surrogatepass")))
                self._check(case, self._answer(socket, case))
        self._leave()

    def over_http(self, count: int) -> None:
        """As GET with parameters in the query, and as POST; the layers below are the server's own."""
        dice = Random(self.seed)
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", auth=self.key, timeout=15) as client:
            for case in self._some(count, None):
                if isinstance(case.data, bytes):
                    response = client.post("/api/v2", content=case.data)
                elif dice.random() < 0.5:
                    response = client.post("/api/v2", content=case.data.encode("utf-8", "surrogatepass"))
                else:
                    response = self._get(client, Random(case.data))
                assert response.status_code in (200, 400, 401), (self._where(case), response.text)
                self._check(case._replace(number=None), response.json())

    def _get(self, client: httpx.Client, dice: Random) -> httpx.Response:
        request = _request(dice, 1)
        params = {name: _as_text(value) for name, value in request["params"].items()}
        path = httpx.URL(path=f"/api/v2/{request['method'] or 'x'}"[:300].replace("\u0000", "%"))
        return client.get(path, params=params)

    def _some(self, count: int, only: str | None) -> Iterator[Case]:
        for number, case in enumerate(islice(cases(self.seed, only), count)):
            self._number = number
            yield case

    def _open(self) -> RawSocket:
        if self._socket is None:
            self._socket = RawSocket(self.port).shake_hands()
            if self.key is not None:
                login = {
                    "grant_type": "client_credentials",
                    "client_id": self.key[0],
                    "client_secret": self.key[1],
                }
                self._socket.say(json.dumps({"id": 0, "method": "public/auth", "params": login}))
                answer = self._socket.next()
                assert answer is not None and b"access_token" in answer.payload, "the login"
        return self._socket

    def _leave(self) -> None:
        if self._socket is not None:
            self._socket.__exit__()
            self._socket = None

    def _breach(self, socket: RawSocket, case: Case) -> None:
        """After bytes that are no message, the connection is ended with a code; or it lives, and answers."""
        socket.send(case.data if isinstance(case.data, bytes) else b"")
        socket.send(frame(CLOSE, b"\x03\xe8"))
        socket.half_close()
        while (told := socket.next()) is not None:
            if told.opcode == TEXT:
                message = json.loads(told.payload)
                assert "method" in message or _is_allowed(message), self._where(case)
            elif told.opcode == CLOSE and told.close_code is not None:
                assert (
                    told.close_code in BREACHES
                    or told.close_code < 1002
                    or told.close_code >= 3000
                    or (
                        case.data[:1] == b"\x88"  # our own close is echoed
                    )
                ), (self._where(case), told)
        self.told["ended"] += 1
        self._leave()

    def _answer(self, socket: RawSocket, case: Case) -> dict[str, Any]:
        while True:
            told = socket.next()
            assert told is not None, (self._where(case), "not answered")
            assert told.opcode != CLOSE, (self._where(case), told)
            if told.opcode == TEXT:
                message: dict[str, Any] = json.loads(told.payload)
                if message.get("method") not in ("subscription", "heartbeat"):
                    return message

    def _check(self, case: Case, message: dict[str, Any]) -> None:
        assert _is_allowed(message), (self._where(case), message)
        if case.number is not None:
            assert message["id"] == case.number, (self._where(case), message)
        self.told[str(message["error"]["code"]) if "error" in message else "result"] += 1

    def _where(self, case: Case) -> str:
        return f"seed {self.seed}, number {self._number}, {case.layer}: {case.data!r}"


def _is_allowed(message: dict[str, Any]) -> bool:
    return "result" in message or message["error"]["code"] not in INTERNAL


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()[:400]


def main() -> None:
    from exchange.gateway.throttle import Limits
    from tests.reliability.abuse import open_venue

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with open_venue(Limits()) as venue:
        auth, before = venue.keys[0], venue.memory()
        ask = Random(seed)
        with httpx.Client(base_url=f"http://127.0.0.1:{venue.port}", auth=auth, timeout=15) as canary:
            order = {"instrument_name": PERPETUAL, "amount": 0.01, "type": "limit", "price": 7_600_000}
            placed = canary.get("/api/v2/private/buy", params=order).json()["result"]["order"]["order_id"]

            def look() -> tuple[Any, ...]:
                state = canary.get("/api/v2/private/get_order_state", params={"order_id": placed}).json()
                money = canary.get("/api/v2/private/get_account_summary", params={"currency": "RUBD"}).json()
                return state["result"], money["result"]

            stands, told, begins = look(), Counter[str](), time.perf_counter()
            for share, key in ((0.5, venue.keys[1]), (0.2, None)):
                sender = Sender(venue.port, key, ask.randrange(2**32))
                sender.over_websocket(int(count * share))
                told += sender.told
            for share, key in ((0.2, venue.keys[1]), (0.1, None)):
                sender = Sender(venue.port, key, ask.randrange(2**32))
                sender.over_http(int(count * share))
                told += sender.told
            took = time.perf_counter() - begins
            assert look() == stands, "the canary's order or money is another"
        print(
            f"{sum(told.values())} requests, seed {seed}, {took:.0f} s, memory {venue.memory() - before:+.1f} MiB"
        )
        print("the canary's order and money are as they were; answers by code:")
        print(dict(told.most_common()))


if __name__ == "__main__":
    main()

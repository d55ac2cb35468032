"""What is a request and what is not: nothing that anybody sends breaks the connection, the venue or its books."""

import asyncio
import json
from decimal import Decimal
from typing import Any, get_args

import httpx
import pytest
from pydantic import ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from exchange.gateway.registry import REGISTRY, Method
from tests.gateway.loopback import PERPETUAL, Venue, around, dial, play


def answer_to(venue: Venue, frame: str | bytes, signed_in: bool = False) -> dict[str, Any]:
    """The answer to one frame; the connection must live on."""

    async def story() -> dict[str, Any]:
        client = await dial(venue, "everyone-1" if signed_in else None)
        before = len(client.messages)
        await client.socket.send(frame)
        for _ in range(500):
            if len(client.messages) > before:
                break
            await asyncio.sleep(0.01)
        told = client.messages[before]
        assert (await client("public/test"))["version"], "the connection lives"
        await client.close()
        return told

    return play(story())


@pytest.mark.parametrize("number", [0, 42, "101", "", None, -3, 2**60])
def test_the_id_comes_back_as_it_was(open_venue: Venue, number: Any) -> None:
    request = {"jsonrpc": "2.0", "id": number, "method": "public/get_time"}
    told = answer_to(open_venue, json.dumps(request))
    assert told["id"] == number and type(told["id"]) is type(number)
    assert [type(told[key]) for key in ("result", "usIn", "usOut", "usDiff")] == [int] * 4
    assert told["testnet"] is True and told["jsonrpc"] == "2.0"


@pytest.mark.parametrize("params", [None, {}, "left out"])
def test_params_may_be_missing_and_the_method_may_begin_with_a_slash(open_venue: Venue, params: Any) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "/public/get_time", "params": params}
    if params == "left out":
        del request["params"]
    assert "result" in answer_to(open_venue, json.dumps(request))


NOT_REQUESTS = {
    "no json": ("{nonsense", -32700),
    "nan": ('{"jsonrpc":"2.0","id":1,"method":"private/buy","params":{"price":NaN}}', -32700),
    "infinity": ('{"jsonrpc":"2.0","id":1,"method":"private/buy","params":{"price":-Infinity}}', -32700),
    "surrogate": ('{"jsonrpc":"2.0","id":1,"method":"private/buy","params":{"label":"\\ud800"}}', -32700),
    "bomb": ('{"id":1,"method":"public/test","params":' + '{"a":' * 3000 + "1" + "}" * 3001, -32700),
    "deep": ('{"id":1,"method":"public/test","params":' + '{"a":' * 40 + "1" + "}" * 41, -32602),
    "deep list": ('{"id":1,"method":"public/test","params":{"a":' + "[" * 40 + "]" * 40 + "}}", -32602),
    "list": ("[1,2]", -32600),
    "empty batch": ("[]", -32600),
    "text": ('"hello"', -32600),
    "number": ("17", -32600),
    "no method": ('{"id":1}', -32600),
    "method is a list": ('{"id":1,"method":["public/test"]}', -32600),
    "id is an object": ('{"id":{},"method":"public/test"}', -32600),
    "id is true": ('{"id":true,"method":"public/test"}', -32600),
    "params are a list": ('{"id":1,"method":"public/test","params":[1]}', -32602),
    "unknown method": ('{"id":1,"method":"public/nope"}', -32601),
    "too large": ('{"id":1,"method":"public/test","params":{"a":"' + "x" * 33_000 + '"}}', -32600),
    "byte order mark": ('\ufeff{"id":1,"method":"public/test"}', -32700),
    "digits": ('{"id":1,"method":"public/test","params":{"a":' + "9" * 5_000 + "}}", -32700),
}


@pytest.mark.parametrize(("frame", "code"), NOT_REQUESTS.values(), ids=NOT_REQUESTS)
def test_what_is_no_request_is_told_so_and_the_connection_lives(
    open_venue: Venue, frame: str, code: int
) -> None:
    told = answer_to(open_venue, frame)
    assert told["error"]["code"] == code
    assert ("id" not in told) or code != -32700
    response = open_venue.post("/api/v2", content=frame.encode("utf-8", "surrogatepass"))
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code


def test_a_binary_frame_is_refused_and_the_connection_lives(open_venue: Venue) -> None:
    assert answer_to(open_venue, b"\x00\xff")["error"]["code"] == -32600


def test_a_frame_beyond_every_bound_closes_that_connection_alone(open_venue: Venue) -> None:
    async def story() -> None:
        socket = await connect(open_venue.ws, max_size=None)
        await socket.send("x" * 200_000)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        other = await dial(open_venue)
        assert (await other("public/test"))["version"]
        await other.close()

    play(story())


WRONG_ORDERS: list[dict[str, Any]] = [
    {"amount": "NaN"},
    {"amount": "1e999"},
    {"amount": 1e300},
    {"amount": -0.001},
    {"amount": 0},
    {"amount": 0.0005},
    {"amount": 0.0015},
    {"amount": [0.01]},
    {"amount": {"a": 1}},
    {"amount": True, "price": [1]},
    {"price": -100.0},
    {"price": "Infinity"},
    {"price": 2**63 * 100},
    {"price": 7_600_000.5},
    {"instrument_name": ["BTC"]},
    {"instrument_name": {"a": 1}},
    {"instrument_name": "NOPE"},
    {"instrument_name": "x" * 500},
    {"type": "limitless"},
    {"time_in_force": "for_ever"},
    {"label": "L" * 65},
    {"label": {"a": "b"}},
    {"post_only": "perhaps"},
    {"account": "somebody-else"},
    {"participant_id": "everyone-2"},
    {"amount": 0.01, "contracts": 11},
    {"type": "stop_market"},
    {"type": "stop_limit", "trigger": "mark_price"},
    {"trigger_price": 7_000_000.0},
    {"valid_until": -1},
    {"valid_until": True},
    {"client_order_id": True},
    {"client_order_id": 1.5},
    {"client_order_id": 2**53},
]


def parts(kind: Any) -> list[Any]:
    """All that an annotation is made of."""
    return [kind, *(part for inner in get_args(kind) for part in parts(inner))]


NUMBERS = [
    (method, name)
    for method in REGISTRY
    for name, told in method.params.model_fields.items()
    if any(number in parts(told.annotation) for number in (int, float, Decimal))
]


@pytest.mark.parametrize(("method", "name"), NUMBERS, ids=lambda one: getattr(one, "name", one))
def test_true_is_no_number_anywhere(method: Method, name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        method.params.model_validate({name: True})
    assert name in [error["loc"][0] for error in refused.value.errors()]


def test_no_wrong_order_changes_anything_over_any_way_in(open_venue: Venue) -> None:
    key = open_venue.keys["everyone-1"]

    async def story() -> None:
        client = await dial(open_venue, "everyone-1")
        good = {"instrument_name": PERPETUAL, "amount": 0.01, "type": "limit"}
        good["price"] = await around(client, 0.95)
        before = await client("private/get_account_summary", currency="RUBD")
        for wrong in WRONG_ORDERS:
            message = await client.whole({"id": 7, "method": "private/buy", "params": good | wrong})
            code = message["error"]["code"]
            assert code in (-32602, 10002, 10043, 10011, 13020, 11036, 10021), (wrong, message)
            response = open_venue.post(
                "/api/v2/private/buy",
                json={"id": 7, "method": "private/buy", "params": good | wrong},
                auth=(key.client_id, key.secret),
            )
            assert response.status_code == 400 and response.json()["error"]["code"] == code, wrong
        assert await client("private/get_open_orders") == []
        assert await client("private/get_account_summary", currency="RUBD") == before
        await client.close()

    play(story())


def test_texts_become_numbers_and_booleans_on_every_way_in(open_venue: Venue) -> None:
    key = open_venue.keys["everyone-1"]

    async def story() -> None:
        client = await dial(open_venue, "everyone-1")
        price = await around(client, 0.95)
        texts = {
            "amount": "0.01",
            "price": str(price),
            "post_only": "true",
            "reduce_only": "false",
            "label": "",
        }
        params = {"instrument_name": PERPETUAL, "type": "limit"} | texts
        told = await client("private/buy", **params)
        assert told["order"]["post_only"] is True and told["order"]["amount"] == 0.01
        auth = (key.client_id, key.secret)
        got = open_venue.get(
            "/api/v2/private/sell", params=params | {"price": price * 1.1 // 100 * 100}, auth=auth
        )
        assert got.status_code == 200 and got.json()["result"]["order"]["direction"] == "sell"
        assert await client("private/cancel_all") == 2
        await client.close()

    play(story())


def test_the_body_is_read_whatever_its_type_is_said_to_be(open_venue: Venue) -> None:
    body = b'{"jsonrpc":"2.0","id":3,"method":"/public/get_time"}'
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain", ""):
        response = open_venue.post("/api/v2", content=body, headers={"Content-Type": kind})
        assert response.status_code == 200 and type(response.json()["result"]) is int


def test_a_failure_of_the_venue_itself_is_told_as_one(
    open_venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("exchange.gateway.dispatch.read_params", broken)
    response = open_venue.get("/api/v2/public/get_time")
    assert (response.status_code, response.json()["error"]["message"]) == (500, "internal_server_error")


@pytest.mark.parametrize("verb", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
def test_other_verbs_than_get_and_post_place_no_order(open_venue: Venue, verb: str) -> None:
    key = open_venue.keys["everyone-1"]
    auth = (key.client_id, key.secret)
    order = {"instrument_name": PERPETUAL, "amount": 0.01, "price": 7_600_000}
    response = httpx.request(verb, f"{open_venue.http}/api/v2/private/buy", params=order, auth=auth)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    assert verb == "HEAD" or response.json()["error"]["code"] == -32600
    assert open_venue.get("/api/v2/private/get_open_orders", auth=auth).json()["result"] == []


@pytest.mark.parametrize("body", [{"id": 3}, {"id": 3, "method": "private/buy"}, {"id": 3, "method": 7}])
def test_a_method_in_the_path_is_the_method(open_venue: Venue, body: dict[str, Any]) -> None:
    response = open_venue.post("/api/v2/public/get_time", json=body)
    assert response.json()["id"] == 3 and type(response.json()["result"]) is int


@pytest.mark.parametrize(
    "path", ["/api/v2/public/nope", "/api/v2/x", "/api/v2/public/get_time/more", "/api/v2/..%2f..%2fetc"]
)
def test_an_unknown_path_is_answered_in_the_dialect(open_venue: Venue, path: str) -> None:
    response = open_venue.get(path)
    assert response.status_code == 400 and response.json()["error"]["code"] == -32601


def test_numbers_are_numbers_and_times_are_whole(open_venue: Venue) -> None:
    text = open_venue.get("/api/v2/public/ticker", params={"instrument_name": PERPETUAL}).text
    told = json.loads(text)["result"]
    assert f'"mark_price":{told["mark_price"]:.1f}' in text
    assert type(told["timestamp"]) is int
    assert all(isinstance(told[k], float) for k in ("best_bid_price", "best_ask_price", "last_price"))
    for row in open_venue.get("/api/v2/public/get_instruments").json()["result"]:
        assert type(row["expiration_timestamp"]) is int and type(row["instrument_id"]) is int
        assert type(row.get("max_leverage", 1)) is int


@pytest.mark.parametrize("currency", ["BTC", "ETH", "USDC", "SOL", "RUBD", "any", "ANY"])
def test_every_currency_has_a_list_of_instruments(open_venue: Venue, currency: str) -> None:
    response = open_venue.get("/api/v2/public/get_instruments", params={"currency": currency})
    assert response.status_code == 200 and isinstance(response.json()["result"], list)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://somewhere.example"},
        {"Origin": "null"},
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},  # of a picture or a link, which have no Origin
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_no_web_page_elsewhere_can_use_a_local_venue(open_venue: Venue, headers: dict[str, str]) -> None:
    assert open_venue.get("/api/v2/public/get_time", headers=headers).status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_its_own_page_and_whoever_types_an_address_may(open_venue: Venue, site: str) -> None:
    assert open_venue.get("/api/v2/public/get_time", headers={"Sec-Fetch-Site": site}).status_code == 200


def test_a_link_elsewhere_may_lead_to_the_page(open_venue: Venue) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert open_venue.get("/", headers=headers).status_code == 200


def test_a_foreign_page_gets_no_websocket(open_venue: Venue) -> None:
    async def story() -> None:
        with pytest.raises(Exception, match="403"):
            await connect(open_venue.ws, origin="https://somewhere.example")  # type: ignore[arg-type]

    play(story())

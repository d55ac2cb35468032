"""Thousands of frames that are nearly right: never an internal error, never silence, and the books stay as they are.

The frames are made from the registry: each method with parameters that are missing, doubled, of a wrong type, huge, or
somebody else's. The same go over HTTP.
"""

import asyncio
import json
import logging
import os
from random import Random
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from exchange.gateway.registry import REGISTRY, Access
from tests.gateway.loopback import PERPETUAL, Venue, dial, play

FRAMES = int(os.environ.get("RINGFENCE_FRAMES", "3000"))
NAMED = [
    *(
        one.name
        for one in REGISTRY
        if one.name not in ("private/logout", "access/apply", "access/create_key", "cash/redeem")
    )
]
ALLOWED_TO_CHANGE = {  # with nothing wrong in it such a frame does what it says, so it gets something wrong
    "private/buy": "amount",
    "private/sell": "amount",
    "private/mass_quote": "quotes",
    "private/withdraw": "amount",
    "private/deposit": "amount",
    "access/remove_key": "client_id",
    "private/set_mmp_config": "interval",
}
VALUES: list[Any] = [
    None, "", 0, -1, 1, 0.1, -0.0, 1e308, 2**63, 2**64, -(2**63), 10**400, True, False, [], {}, [[]], [None],
    {"a": {"b": [1, 2, {"c": None}]}}, "NaN", "Infinity", "true", "0", "1e999", "x" * 300, "\u0000", "\u202e",
    "\U0001f4a3", "'; drop table orders; --", "../../etc/passwd", "any", "RUBD", "rubd", PERPETUAL, "BTC_RUBD",
    "RUBD-1", "RUBD-0", ["user.orders.any.any.raw"], [1, 2], "limit", "market", 1e-9, "0x10", "１２", "1_000",
]  # fmt: skip
RAW = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    '"\\ud800"',
    "01",
    "+1",
    ".5",
    "1.",
    "'a'",
    "undefined",
    "tru",
]


def frame(dice: Random) -> str:
    method = dice.choice([*NAMED, "public/nope", "", "private/", "__class__", "public/get_time\u0000"])
    known = REGISTRY.find(method)
    names = list(known.params.model_fields) if known else []
    params = {name: dice.choice(VALUES) for name in names if dice.random() < 0.7}
    if dice.random() < 0.2:
        params[dice.choice(["a", "__proto__", "access_token", "participant_id", "self", "call"])] = (
            dice.choice(VALUES)
        )
    if method in ALLOWED_TO_CHANGE:
        params[ALLOWED_TO_CHANGE[method]] = dice.choice(["NaN", [], {}, "x"])
    text = json.dumps({"jsonrpc": "2.0", "id": dice.randrange(10**6), "method": method, "params": params})
    draw = dice.random()
    if draw < 0.1:
        at = dice.randrange(len(text))
        text = text[:at] + dice.choice('{}[]",:\\0 \u0000') + text[at + 1 :]
    elif draw < 0.15:
        text = text[: dice.randrange(len(text))]
    elif draw < 0.25:
        text = text.replace('"params": {', f'"params": {{"price": {dice.choice(RAW)}, ', 1)
    elif draw < 0.28:
        text = text.replace('"jsonrpc"', '"id": [], "jsonrpc"', 1)
    return text


def allowed(message: dict[str, Any]) -> bool:
    return "result" in message or message["error"]["code"] not in (-32603, -32000, 11094, 10001)


def books(venue: Venue) -> tuple[Any, ...]:
    state = venue.gateway.venue.exchange.state
    orders = [sorted(seat.orders) + sorted(seat.waiting) for seat in state.seats.values()]
    return state.ledger.head(), orders, len(state.seats), len(venue.gateway.ring.keys)


@pytest.mark.parametrize("name", ["everyone-1", "operator", None])
def test_no_frame_breaks_anything(
    open_venue: Venue, name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    dice = Random(f"frames of {name}")

    async def story() -> None:
        socket = await connect(open_venue.ws, max_size=None, compression=None)
        if name is not None:
            key = open_venue.keys[name]
            login = {
                "grant_type": "client_credentials",
                "client_id": key.client_id,
                "client_secret": key.secret,
            }
            await socket.send(json.dumps({"id": 1, "method": "public/auth", "params": login}))
            assert "result" in json.loads(await socket.recv())
        sent = 0
        for _ in range(FRAMES // 3):
            text = frame(dice)
            if name == "operator" and ("admin/" in text or "cash/mint" in text):
                continue  # it may do these
            await socket.send(text)
            sent += 1
            while "method" in (message := json.loads(await asyncio.wait_for(socket.recv(), 5))):
                pass  # a notification
            assert allowed(message), (text, message)
        assert sent > FRAMES // 6
        await socket.close()

    before = open_venue.on_its_thread(lambda: books(open_venue))
    with caplog.at_level(logging.ERROR):
        play(story())
    assert open_venue.on_its_thread(lambda: books(open_venue)) == before
    assert caplog.records == []


def test_no_request_over_http_breaks_anything(open_venue: Venue, caplog: pytest.LogCaptureFixture) -> None:
    dice = Random("http")
    key = open_venue.keys["everyone-2"]
    before = open_venue.on_its_thread(lambda: books(open_venue))
    with caplog.at_level(logging.ERROR), httpx.Client(base_url=open_venue.http) as client:
        for _ in range(FRAMES // 3):
            text = frame(dice)
            auth = (key.client_id, key.secret) if dice.random() < 0.7 else None
            if dice.random() < 0.5:
                response = client.post("/api/v2", content=text.encode("utf-8", "replace"), auth=auth)
            else:
                method = dice.choice([one for one in REGISTRY if one.access is not Access.AUTHORITY]).name
                params = {
                    name: str(dice.choice(VALUES))[:200] for name in ("amount", "price", "count", "currency")
                }
                if method in ALLOWED_TO_CHANGE or method in (
                    "cash/redeem",
                    "access/apply",
                    "access/create_key",
                ):
                    params = {ALLOWED_TO_CHANGE.get(method, "amount"): "NaN"}
                response = client.get(f"/api/v2/{method}", params=params, auth=auth)
            assert response.status_code in (200, 400, 401), (text, response.text)
            assert allowed(response.json()), (text, response.text)
    assert open_venue.on_its_thread(lambda: books(open_venue)) == before
    assert caplog.records == []


def test_the_venue_still_does_its_work(open_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(open_venue, "everyone-1")
        assert await client("private/get_open_orders") == []
        assert (await client("public/status"))["locked"] == "false"
        await client.close()

    play(story())

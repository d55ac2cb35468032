"""What is written of the methods is what the methods are."""

import asyncio
import sys
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import validate

from exchange.gateway.app import _document
from exchange.gateway.documents import asyncapi, methods_page, openapi, openrpc
from exchange.gateway.registry import REGISTRY, Access
from tests.gateway.loopback import PERPETUAL, Venue, around, dial, limit, play

PAGE = Path(__file__).parents[2] / "docs" / "api" / "methods.md"


def whole_numbers() -> list[tuple[str, str, dict[str, Any]]]:
    """Each parameter that is one: of which method, its name, and what its schema says of it."""
    return [
        (method.name, name, told)
        for method in REGISTRY
        for name, schema in method.params.model_json_schema().get("properties", {}).items()
        for told in (schema, *schema.get("anyOf", []))
        if told.get("type") == "integer"
    ]


def largest(told: dict[str, Any]) -> int:
    return int(told["maximum"] if "maximum" in told else told["exclusiveMaximum"] - 1)


def test_whole_numbers_have_bounds_and_are_met_up_to_them(open_venue: Venue) -> None:
    """Python counts without end, but neither slices nor dates do."""
    needed: dict[str, Any] = {
        "instrument_name": PERPETUAL,
        "currency": "RUBD",
        "index_name": "btc_rub",
        "resolution": "1",
    }
    key, met = open_venue.keys["everyone-1"], 0
    with httpx.Client(base_url=open_venue.http, auth=(key.client_id, key.secret)) as http:
        for method, name, told in whole_numbers():
            assert "minimum" in told or "exclusiveMinimum" in told, (method, name)
            assert 0 < largest(told) < 2**53, (method, name)
            if "/get_" in method:
                declared = REGISTRY.find(method)
                assert declared is not None
                schema = declared.params.model_json_schema()
                params = dict.fromkeys(schema.get("required", []), 0)
                params |= {one: needed[one] for one in schema["properties"] if one in needed}
                params[name] = largest(told)
                answer = http.post(f"/api/v2/{method}", json={"id": 1, "params": params})
                assert answer.status_code == 200, (method, params, answer.text)
                met += 1
    assert met > 40


def test_openapi_is_valid_and_has_every_method_that_goes_over_http() -> None:
    document = openapi()
    validate(document)  # type: ignore[arg-type]
    expected = {f"/api/v2/{one.name}" for one in REGISTRY if not one.websocket_only}
    assert set(document["paths"]) == expected


def test_openrpc_has_every_method_and_sound_schemas() -> None:
    document = openrpc()
    assert [one["name"] for one in document["methods"]] == [one.name for one in REGISTRY]
    for method in document["methods"]:
        for param in method["params"]:
            jsonschema.Draft202012Validator.check_schema(param["schema"])
        jsonschema.Draft202012Validator.check_schema(method["result"]["schema"])


def test_asyncapi_binds_every_operation_to_a_channel() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    addresses = [one["address"] for one in document["channels"].values()]
    assert len(addresses) == len(set(addresses)) and "book.{instrument_name}.{interval}" in addresses
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]
    for channel in document["channels"].values():
        for message in channel["messages"].values():
            jsonschema.Draft202012Validator.check_schema(message["payload"])


def test_the_page_of_methods_is_the_registry() -> None:
    told = "write it anew with python -m tests.gateway.test_documents"
    assert PAGE.read_text(encoding="utf-8") == methods_page(), told


def test_every_method_says_who_may_call_it_and_belongs_to_a_group() -> None:
    own = (
        "ringfence/",
        "access/",
        "cash/",
        "clearing/",
        "regime/",
        "simulation/",
        "admin/",
        "public/",
        "private/",
    )
    for method in REGISTRY:
        assert method.name.startswith(own) and method.told.endswith("."), method.name
        if method.name.startswith("private/"):
            assert method.access is not Access.PUBLIC
        if method.name.startswith("admin/"):
            assert method.access in (Access.AUTHORITY, Access.OPERATOR)


CALLS: dict[str, dict[str, Any]] = {
    "public/get_time": {},
    "public/status": {},
    "public/get_instruments": {},
    "public/get_instrument": {"instrument_name": PERPETUAL},
    "public/get_currencies": {},
    "public/ticker": {"instrument_name": PERPETUAL},
    "public/get_order_book": {"instrument_name": PERPETUAL},
    "public/get_book_summary_by_currency": {"currency": "RUBD"},
    "public/get_last_trades_by_instrument": {"instrument_name": PERPETUAL},
    "public/get_index_price": {"index_name": "btc_rub"},
    "public/get_tradingview_chart_data": {
        "instrument_name": PERPETUAL,
        "start_timestamp": 0,
        "end_timestamp": 2**45,
        "resolution": "1",
    },
    "private/get_open_orders": {},
    "private/get_order_history_by_instrument": {"instrument_name": PERPETUAL},
    "private/get_positions": {},
    "private/get_position": {"instrument_name": PERPETUAL},
    "private/get_account_summary": {"currency": "RUBD", "extended": True},
    "private/get_account_summaries": {},
    "private/get_user_trades_by_instrument": {"instrument_name": PERPETUAL},
    "access/get_my_permissions": {},
    "regime/get_classes": {},
    "simulation/get_clock": {},
    "clearing/get_statistics": {},
    "cash/get_statistics": {},
    "access/get_statistics": {},
}


@pytest.mark.parametrize("name", CALLS)
def test_answers_are_as_the_documents_say(open_venue: Venue, name: str) -> None:
    async def story() -> Any:
        one, other = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-2")
        price = await around(one, 1.0)
        await limit(one, "sell", 0.01, price)
        await limit(other, "buy", 0.01, price)
        await limit(one, "buy", 0.01, price - 100)
        result = await one(name, **CALLS[name])
        await one("private/cancel_all")
        await one.close()
        await other.close()
        return result

    method = REGISTRY.find(name)
    assert method is not None
    schema = method.result_schema()
    schema["components"] = {"schemas": schema.pop("$defs", {})}
    jsonschema.validate(play(story()), schema)


def test_a_document_is_written_once_however_often_it_is_asked_for() -> None:
    written = []

    def write() -> dict[str, Any]:
        written.append(1)
        return {"openapi": "3.1.0"}

    async def story() -> None:
        show = _document(write)
        first, second = await show(None), await show(None)
        assert first.body == second.body == b'{"openapi":"3.1.0"}'

    asyncio.run(story())
    assert len(written) == 1


WORDS = {
    "instrument_name": [PERPETUAL],
    "interval": ["raw", "100ms"],
    "group": ["none"],
    "depth": ["10"],
    "kind": ["any"],
    "currency": ["any"],
    "index_name": ["btc_rub"],
    "resolution": ["1"],
    "what": ["orders", "trades", "changes"],
    "subject": ["clearing", "cash", "access"],
}
SILENT = {"instrument.state.any.any", "user.mmp_trigger.btc_rub", "platform_state", "simulation.step"}  # here


def channels_of(address: str) -> list[str]:
    """Every channel that the address stands for, as far as it concerns one instrument."""
    parts = [WORDS[part[1:-1]] if part.startswith("{") else [part] for part in address.split(".")]
    return [".".join(chosen) for chosen in product(*parts)]


def test_channels_tell_what_the_document_says(open_venue: Venue) -> None:
    document = asyncapi()
    told = {
        name: channel["messages"]["notification"]["payload"]["properties"]["params"]["properties"]["data"]
        for channel in document["channels"].values()
        for name in channels_of(channel["address"])
        if "notification" in channel["messages"]
    }

    async def story() -> dict[str, list[Any]]:
        one, other = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-2")
        followed = await one("private/subscribe", channels=list(told))
        price = await around(one, 1.0)
        await limit(one, "sell", 0.01, price)
        await limit(other, "buy", 0.02, price)
        await limit(one, "buy", 0.01, price - 100)
        await one("private/cancel_all")
        await other("private/cancel_all")
        for _ in range(300):
            heard = {name: one.of(name) for name in followed}
            if all(heard[name] for name in heard.keys() - SILENT):
                break
            await asyncio.sleep(0.02)
        for client in (one, other):
            await client.close()
        return heard

    heard = play(story())
    assert {name for name in heard if not heard[name]} <= SILENT
    assert len(heard.keys() - SILENT) > 20
    for name, messages in heard.items():
        schema = told[name] | {"components": document["components"]}
        for message in messages:
            jsonschema.validate(message, schema)


def test_the_venue_serves_its_documents(open_venue: Venue) -> None:
    for path, key in (
        ("/openapi.json", "openapi"),
        ("/openrpc.json", "openrpc"),
        ("/asyncapi.json", "asyncapi"),
    ):
        assert key in open_venue.get(path).json()
    assert open_venue.get("/ready").status_code == 200
    assert open_venue.get("/health").json()["standing"] == "open"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(methods_page(), encoding="utf-8")
    print(f"{PAGE} is written", file=sys.stderr)

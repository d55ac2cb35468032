"""The documents of the dialect, written from the registry: OpenAPI 3.1, OpenRPC, AsyncAPI 3, and a page of the docs."""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from exchange.gateway import methods
from exchange.gateway.channels import INTERVALS, PATTERNS, RESOLUTIONS
from exchange.gateway.registry import REGISTRY, Access, Method, schema_of
from exchange.gateway.shapes import (
    AccessStatistics,
    AccountSummary,
    BestLevels,
    BookTold,
    CandleTold,
    CashStatistics,
    ChangesTold,
    ClearingStatistics,
    EstimateTold,
    EventsTold,
    FundingTold,
    IndexTold,
    InstrumentStateTold,
    OrderShape,
    PlatformTold,
    ProtectionTold,
    Quote,
    StepShape,
    Ticker,
    TickerChange,
    TradeShape,
    UserTradeShape,
)

assert methods, "the registry is filled by importing the methods"

TITLE: Final = "Ringfence"
ABOUT: Final = (
    "A sandbox exchange that speaks a JSON-RPC dialect which existing clients know. It is not Deribit, has nothing to "
    "do with it, and no real money is here."
)
GROUPS: Final = {
    "session": "Session",
    "resume": "Coming back (own addition)",
    "market": "Market data",
    "trading": "Trading",
    "quotes": "Quotes of market makers",
    "orders": "Own orders and trades",
    "account": "Account",
    "wallet": "Wallet",
    "access": "Access (own addition)",
    "clearing": "Clearing house (own addition)",
    "cash": "Cash (own addition)",
    "regime": "Regime (own addition)",
    "simulation": "Simulation (own addition)",
    "admin": "Administration (own addition)",
}
PLACE: Final = (
    "Where the message stands; only after ringfence/resume, and only of channels that tell each change."
)
PREVIOUS: Final = (
    "Where the message before it on this channel stands; none on a message that tells how things stand."
)
_REF: Final = "#/components/schemas/{model}"


def _schemas(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """The schema without its definitions, which go among the shared ones."""
    shared.update(schema.pop("$defs", {}))
    return schema


def _params_schema(method: Method) -> dict[str, Any]:
    return method.params.model_json_schema(ref_template=_REF)


def _envelope(result: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["jsonrpc", "result", "usIn", "usOut", "usDiff", "testnet"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["integer", "string", "number", "null"]},
            "result": result,
            "usIn": {"type": "integer"},
            "usOut": {"type": "integer"},
            "usDiff": {"type": "integer"},
            "testnet": {"type": "boolean"},
        },
    }


FAULT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["jsonrpc", "error"],
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["integer", "string", "number", "null"]},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "data": {"type": "object"},
            },
        },
    },
}

_FAULT_REF: Final = {"$ref": _REF.format(model="Fault")}
REFUSALS: Final = {  # by the status of the answer; of any method
    "400": "Refused",
    "401": "Not signed in, or with a key or a token that is wrong",
    "403": "The Host or the Origin is not served",
    "408": "The body does not come",
    "429": "Too much was asked; `data.retry_after_ms` says when to come again",
}


@cache
def openapi() -> dict[str, Any]:
    """OpenAPI 3.1: one GET path for each method that needs no websocket."""
    shared: dict[str, Any] = {"Fault": FAULT}
    paths: dict[str, Any] = {}
    for method in REGISTRY:
        if method.websocket_only:
            continue
        params = _schemas(_params_schema(method), shared)
        required = params.get("required", [])
        operation: dict[str, Any] = {
            "operationId": method.name.replace("/", "_"),
            "tags": [GROUPS[method.group]],
            "summary": method.told,
            "parameters": [
                {
                    "name": name,
                    "in": "query",
                    "required": name in required,
                    "schema": schema,
                }
                for name, schema in params.get("properties", {}).items()
            ],
            "responses": {
                "200": _response("The result", _envelope(_schemas(method.result_schema(), shared))),
                **{status: _response(told, _FAULT_REF) for status, told in REFUSALS.items()},
            },
        }
        if method.access is not Access.PUBLIC:
            operation["security"] = [{"bearer": []}, {"basic": []}, {"signature": []}]
        paths[f"/api/v2/{method.name}"] = {"get": operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version("ringfence"), "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": shared,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
                "signature": {"type": "apiKey", "in": "header", "name": "Authorization"},
            },
        },
    }


def _response(told: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": told, "content": {"application/json": {"schema": schema}}}


@cache
def openrpc() -> dict[str, Any]:
    """OpenRPC 1.3: every method, by name."""
    shared: dict[str, Any] = {}
    listed = []
    for method in REGISTRY:
        params = _schemas(_params_schema(method), shared)
        required = params.get("required", [])
        listed.append(
            {
                "name": method.name,
                "summary": method.told,
                "tags": [{"name": GROUPS[method.group]}],
                "paramStructure": "by-name",
                "params": [
                    {"name": name, "required": name in required, "schema": schema}
                    for name, schema in params.get("properties", {}).items()
                ],
                "result": {"name": "result", "schema": _schemas(method.result_schema(), shared)},
            }
        )
    return {
        "openrpc": "1.3.2",
        "info": {"title": TITLE, "version": version("ringfence"), "description": ABOUT},
        "methods": listed,
        "components": {"schemas": shared},
    }


def _address(pattern: str) -> str:
    """A channel's pattern as people write it: `book.{instrument_name}.{interval}`."""
    words = {"name": "instrument_name", "index": "index_name"}
    parts = []
    for part in pattern.split(r"\."):
        if part.startswith("(?P<"):
            word = part[4:].partition(">")[0]
            parts.append("{" + words.get(word, word) + "}")
        else:
            parts.append(part)
    return ".".join(parts)


# What a message of each kind of channel carries.
TELLS: Final[dict[str, Any]] = {
    "book": BookTold,
    "depth": BestLevels,
    "ticker": Ticker,
    "incremental_ticker": TickerChange,
    "quote": Quote,
    "trades": list[TradeShape],
    "trades_of": list[TradeShape],
    "chart": CandleTold,
    "perpetual": FundingTold,
    "index": IndexTold,
    "estimated": EstimateTold,
    "state": InstrumentStateTold,
    "platform": PlatformTold,
    "statistics": ClearingStatistics | CashStatistics | AccessStatistics,
    "step": StepShape,
    "user": OrderShape | list[OrderShape] | list[UserTradeShape] | ChangesTold,
    "portfolio": AccountSummary,
    "protection": ProtectionTold,
    "events": EventsTold,
}


@cache
def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3: the websocket with its requests, and every family of channels with what it tells."""
    channels: dict[str, Any] = {
        "requests": {
            "address": "/ws/api/v2",
            "title": "Requests and their answers",
            "messages": {
                "request": {
                    "payload": {
                        "type": "object",
                        "required": ["jsonrpc", "method"],
                        "properties": {
                            "jsonrpc": {"const": "2.0"},
                            "id": {"type": ["integer", "string"]},
                            "method": {"type": "string", "enum": [method.name for method in REGISTRY]},
                            "params": {"type": ["object", "null"]},
                        },
                    }
                },
                "answer": {"payload": {"oneOf": [_envelope({}), FAULT]}},
            },
        }
    }
    shared: dict[str, Any] = {}
    operations: dict[str, Any] = {
        "ask": {"action": "receive", "channel": {"$ref": "#/channels/requests"}},
    }
    for number, (pattern, (kind, told)) in enumerate(PATTERNS.items(), 1):
        address = _address(pattern)
        name = f"{kind}_{number}"
        words = [part[1:-1] for part in address.split(".") if part.startswith("{")]
        channels[name] = {
            "address": address,
            "title": told,
            "parameters": {word: {"description": word} for word in words},
            "messages": {
                "notification": {
                    "payload": {
                        "type": "object",
                        "required": ["jsonrpc", "method", "params"],
                        "properties": {
                            "jsonrpc": {"const": "2.0"},
                            "method": {"const": "subscription"},
                            "params": {
                                "type": "object",
                                "required": ["channel", "data"],
                                "properties": {
                                    "channel": {"type": "string"},
                                    "data": _schemas(schema_of(TELLS[kind]), shared),
                                    "place": {"type": "string", "description": PLACE},
                                    "previous": {"type": "string", "description": PREVIOUS},
                                },
                            },
                        },
                    }
                }
            },
        }
        if not words:
            del channels[name]["parameters"]
        operations[f"tell_{name}"] = {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": TITLE, "version": version("ringfence"), "description": ABOUT},
        "channels": channels,
        "operations": operations,
        "components": {"schemas": shared},
    }


# --- pages ----------------------------------------------------------------------------------------------


def methods_page() -> str:
    """docs/api/methods.md: every method with its parameters."""
    return "\n".join(_methods_page()) + "\n"


def _methods_page() -> Iterator[str]:
    yield "# Methods"
    yield ""
    yield "Written from the method registry (`python -m tests.gateway.test_documents`); a test holds it to that. How to"
    yield "call them, and what the answers look like, is told in [the API](../api.md)."
    for group, title in GROUPS.items():
        yield ""
        yield f"## {title}"
        for method in REGISTRY:
            if method.group != group:
                continue
            yield ""
            yield f"### {method.name}"
            yield ""
            yield method.told
            yield ""
            where = "websocket alone" if method.websocket_only else "websocket, GET, POST"
            who = method.access.value.replace("_", " ")
            if method.changes and method.access is not Access.PUBLIC:
                who += ", but no keys that only read"
            yield f"For: {who}. Over: {where}. Credits from: {method.pool.value}."
            yield from _parameters(method)
    yield ""
    yield "## Channels"
    yield ""
    yield f"Intervals: {', '.join(INTERVALS)}. Resolutions of candles: {', '.join(RESOLUTIONS)} minutes."
    yield ""
    yield "| channel | what it tells |"
    yield "|---|---|"
    for pattern, (_, told) in PATTERNS.items():
        yield f"| `{_address(pattern)}` | {told} |"


def _parameters(method: Method) -> Iterator[str]:
    schema = method.params.model_json_schema()
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not properties:
        return
    yield ""
    yield "| parameter | type | needed |"
    yield "|---|---|---|"
    for name, told in properties.items():
        yield f"| {name} | {_type(told, schema)} | {'yes' if name in required else ''} |"


def _type(told: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in told:
        target = schema["$defs"][told["$ref"].rpartition("/")[2]]
        return _type(target, schema)
    if "enum" in told:
        return ", ".join(str(one) for one in told["enum"])
    if "anyOf" in told:
        words = [_type(one, schema) for one in told["anyOf"] if one.get("type") != "null"]
        return "number" if "number" in words else " or ".join(dict.fromkeys(words))
    if told.get("type") == "array":
        return f"list of {_type(told.get('items', {}), schema)}"
    return str(told.get("type", "any"))

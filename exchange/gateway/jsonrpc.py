"""The envelope: a request is read, an answer or a fault is written. Nothing here knows a method.

Numbers arrive exactly: a decimal is read as a Decimal, never through a float. What JSON does not know (NaN,
infinities, lone surrogates) is a parse error, and so is nesting that nobody needs.
"""

import time
from decimal import Decimal
from types import NoneType
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

MOST_BYTES: Final = 32_768  # of one request
MOST_DEPTH: Final = 16
MOST_METHOD: Final = 128  # characters of a method's name that are repeated back

RequestId: TypeAlias = int | str | Decimal | None
ID_TYPES: Final = (int, str, Decimal, NoneType)  # a union would be made anew for each request

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602


class Fault(Exception):  # noqa: N818 - it is what the dialect calls an error
    """A request that cannot be met: the code and short name of the dialect, and what else there is to say."""

    def __init__(self, code: int, name: str, **told: Any) -> None:
        super().__init__(name)
        self.code = code
        self.name = name
        self.told = told


class Request(NamedTuple):
    id: RequestId
    method: str
    params: dict[str, Any]
    access_token: str | None = None  # some clients put it beside the params


_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def now_us() -> int:
    """The time of day in microseconds, as answers carry it."""
    return time.time_ns() // 1000


def read(text: str | bytes, named: str | None = None) -> Request:
    """The request in a frame or a body. `named`: the method that the path has named, whatever the body says. Raises
    Fault; the fault carries `id` if one could be read."""
    if len(text) > MOST_BYTES:
        raise Fault(INVALID_REQUEST, "invalid_request", reason="too_large", limit=MOST_BYTES)
    try:
        message = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        told = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Fault(PARSE_ERROR, "parse_error", reason=told) from None
    brackets = (
        (text.count("{") + text.count("[")) if isinstance(text, str) else text.count(b"{") + text.count(b"[")
    )
    return request_of(message, named, deep=brackets > MOST_DEPTH)


def request_of(message: Any, named: str | None = None, *, deep: bool = True) -> Request:
    """A decoded message as a request. `deep`: it might be nested more than is allowed. Raises Fault."""
    if not isinstance(message, dict):
        raise Fault(INVALID_REQUEST, "invalid_request", reason="a request is an object")
    number = message.get("id")
    if not isinstance(number, ID_TYPES) or isinstance(number, bool):
        raise Fault(INVALID_REQUEST, "invalid_request", reason="id must be a number or a text", param="id")
    method = named or message.get("method")
    if not isinstance(method, str):
        raise with_id(
            Fault(INVALID_REQUEST, "invalid_request", reason="method must be a text", param="method"), number
        )
    params = message.get("params")
    if params is None:
        params = {}
    elif not isinstance(params, dict):
        raise with_id(
            Fault(INVALID_PARAMS, "invalid_params", reason="params must be an object", param="params"), number
        )
    elif deep and is_too_deep(params, MOST_DEPTH):
        raise with_id(
            Fault(INVALID_PARAMS, "invalid_params", reason="nested too deeply", param="params"), number
        )
    token = message.get("access_token")
    return Request(number, method.removeprefix("/"), params, token if isinstance(token, str) else None)


def with_id(fault: Fault, number: RequestId) -> Fault:
    """The same fault, which now knows which request it answers."""
    fault.told["id"] = number
    return fault


def is_too_deep(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested more than `levels` deep."""
    if isinstance(value, dict):
        return levels < 1 or any(is_too_deep(one, levels - 1) for one in value.values())
    if isinstance(value, list):
        return levels < 1 or any(is_too_deep(one, levels - 1) for one in value)
    return False


def answer(number: RequestId, result: Any, came: int) -> bytes:
    """A result, with the microseconds at which the request `came` and the answer goes."""
    goes = now_us()
    return _encoder.encode(
        {
            "jsonrpc": "2.0",
            "id": number,
            "result": result,
            "usIn": came,
            "usOut": goes,
            "usDiff": goes - came,
            "testnet": True,
        }
    )


def refusal(number: RequestId, fault: Fault, came: int) -> bytes:
    goes = now_us()
    told = fault.told
    if "id" in told:
        told = dict(told)
        number = told.pop("id")
    message: dict[str, Any] = {"jsonrpc": "2.0"}
    if fault.code != PARSE_ERROR:
        message["id"] = number
    message["error"] = {"code": fault.code, "message": fault.name, "data": told}
    message |= {"usIn": came, "usOut": goes, "usDiff": goes - came, "testnet": True}
    return _encoder.encode(message)


def notification(channel: bytes, content: bytes, more: bytes = b"") -> bytes:
    """What a channel tells. Its name and its content are JSON already; `more` is what else stands in the params."""
    return (
        b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":%b,"data":%b%b}}' % (channel, content, more)
    )  # fmt: skip


def heartbeat(kind: str) -> bytes:
    return _encoder.encode({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}})


def encode(value: Any) -> bytes:
    """Any value as JSON."""
    return _encoder.encode(value)

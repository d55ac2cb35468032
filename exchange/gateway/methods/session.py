"""Signing in, what a connection follows, heartbeats, and what becomes of orders when it is lost."""

from importlib.metadata import version
from typing import Annotated, Any, Literal

from pydantic import Field

from exchange.commands import CancelAll, WatchLine
from exchange.events import Entry
from exchange.gateway.auth import Key
from exchange.gateway.dispatch import Call
from exchange.gateway.faults import FORBIDDEN, fault, invalid
from exchange.gateway.registry import (
    REGISTRY,
    Access,
    Ask,
    Milliseconds,
    NoParams,
    Params,
    Texts,
    Then,
)
from exchange.gateway.sessions import NORMAL, Connection
from exchange.gateway.shapes import TokenShape, Version
from exchange.gateway.venue import Standing
from exchange.gateway.wire import milliseconds

EVERY_LINE = 0  # stands for each that is to come
Text = Annotated[str, Field(max_length=1_024)]


class AuthParams(Params):
    grant_type: Literal["client_credentials", "client_signature", "refresh_token"]
    client_id: Text = ""
    client_secret: Text = ""
    refresh_token: Text = ""
    timestamp: Milliseconds = 0
    nonce: Text = ""
    data: Text = ""
    signature: Text = ""
    state: Text = ""
    scope: Text = ""


class ChannelsParams(Params):
    channels: Texts = Field(min_length=1, max_length=500)


class TestParams(Params):
    expected_result: str = ""


class HelloParams(Params):
    client_name: str
    client_version: str


class HeartbeatParams(Params):
    interval: Annotated[float, Field(ge=10, le=3_600, allow_inf_nan=False)]


class ScopeParams(Params):
    scope: Literal["connection", "account"] = "connection"


class LogoutParams(Params):
    invalidate_token: bool = True


@REGISTRY.method("public/auth", Access.PUBLIC)
def auth(call: Call, params: AuthParams) -> TokenShape:
    """Sign in with a key and its secret, with a signature, or with a refresh token. A websocket is signed in from
    then on."""
    door = call.gateway.door
    scope = params.scope
    match params.grant_type:
        case "client_credentials":
            key = door.by_secret(params.client_id, params.client_secret, call.address)
        case "client_signature":
            key = door.by_signature(
                params.client_id, params.timestamp, params.nonce, params.data, params.signature, call.address
            )
        case "refresh_token":
            token = door.by_token(params.refresh_token, refreshes=True)
            key, scope = token.key, scope or token.scope
    return _signed_in(call, key, scope, params.state)


def _signed_in(call: Call, key: Key, scope: str, state: str) -> TokenShape:
    gateway, connection = call.gateway, call.connection
    if connection is not None:
        others = sum(one.key is key and one is not connection for one in gateway.connections.values())
        if others >= gateway.limits.sessions_per_key:
            raise fault(FORBIDDEN, reason="too many sessions with this key")
        if connection.key is not None and connection.key is not key:
            gateway.leave_private(connection)
        if connection.key is not None and connection.key.participant_id != key.participant_id:
            _leave_orders(call, connection)
        connection.key = key
        seat = call.state.seats.get(key.participant_id) if key.participant_id else None
        if seat is not None and EVERY_LINE in seat.watched and not connection.cancels_on_disconnect:
            gateway.watch(connection, seat.participant_id, watched=True)
    gateway.follow(key)
    line = 0 if connection is None else connection.number
    told: TokenShape = gateway.door.issue(key, scope, line)  # type: ignore[assignment]
    if state:
        told["state"] = state
    return told


def _leave_orders(call: Call, connection: Connection) -> None:
    """Whatever becomes of the connection, its orders so far stay."""
    who = connection.key.participant_id if connection.key else None
    if connection.cancels_on_disconnect and who is not None:
        call.gateway.watch(connection, who, watched=False)


@REGISTRY.method("private/logout", Access.SIGNED_IN, websocket_only=True)
def logout(call: Call, params: LogoutParams) -> Then[None]:
    """Close the websocket; unless `invalidate_token` is false, the tokens that it was given end. Orders stay, whatever
    was asked for the case of a disconnect."""
    connection = call.connection
    assert connection is not None
    if params.invalidate_token:
        call.gateway.door.end_session(call.speaker, connection.number)
    _leave_orders(call, connection)
    connection.graceful = True
    return Then(None, lambda: connection.close(NORMAL, "logout"))


@REGISTRY.method("public/get_time", Access.PUBLIC)
def get_time(call: Call, params: NoParams) -> int:
    """The time of the venue, in milliseconds since 1970."""
    return milliseconds(call.gateway.venue.now)


@REGISTRY.method("public/test", Access.PUBLIC)
def test(call: Call, params: TestParams) -> Version:
    """The version; also the answer to a `test_request`."""
    if params.expected_result == "exception":
        raise invalid("expected_result", "an exception was asked for")
    return {"version": version("ringfence")}


@REGISTRY.method("public/hello", Access.PUBLIC)
def hello(call: Call, params: HelloParams) -> Version:
    """Introduce a client."""
    return {"version": version("ringfence")}


@REGISTRY.method("public/status", Access.PUBLIC)
def status(call: Call, params: NoParams) -> dict[str, Any]:
    """Whether the venue takes orders at all: `locked` is a text."""
    takes = call.state.session_open and call.gateway.venue.standing is Standing.OPEN
    return {"locked": "false" if takes else "true", "locked_indices": []}


@REGISTRY.method("public/set_heartbeat", Access.PUBLIC, websocket_only=True)
def set_heartbeat(call: Call, params: HeartbeatParams) -> str:
    """After so many seconds of silence a `test_request` is sent; who does not answer within as many is dropped."""
    assert call.connection is not None
    call.connection.set_heartbeat(params.interval)
    return "ok"


@REGISTRY.method("public/disable_heartbeat", Access.PUBLIC, websocket_only=True)
def disable_heartbeat(call: Call, params: NoParams) -> str:
    """No more heartbeats."""
    assert call.connection is not None
    call.connection.set_heartbeat(0.0)
    return "ok"


def _subscribe(call: Call, params: ChannelsParams) -> Then[list[str]]:
    connection = call.connection
    assert connection is not None
    taken, begin = call.gateway.hub.follow(connection, params.channels, call.key)
    return Then(taken, begin)


@REGISTRY.method("public/subscribe", Access.PUBLIC, websocket_only=True)
def subscribe(call: Call, params: ChannelsParams) -> Then[list[str]]:
    """Follow channels. The result names those that are followed now; what is unknown, or not for the caller, is left
    out."""
    return _subscribe(call, params)


@REGISTRY.method("private/subscribe", Access.SIGNED_IN, websocket_only=True)
def private_subscribe(call: Call, params: ChannelsParams) -> Then[list[str]]:
    """The same for those who are signed in."""
    return _subscribe(call, params)


def _unsubscribe(call: Call, names: list[str]) -> list[str]:
    assert call.connection is not None
    return call.gateway.hub.leave(call.connection, names)


@REGISTRY.method("public/unsubscribe", Access.PUBLIC, websocket_only=True)
def unsubscribe(call: Call, params: ChannelsParams) -> list[str]:
    """Follow channels no longer. The result names those that were followed."""
    return _unsubscribe(call, params.channels)


@REGISTRY.method("private/unsubscribe", Access.SIGNED_IN, websocket_only=True)
def private_unsubscribe(call: Call, params: ChannelsParams) -> list[str]:
    """The same for those who are signed in."""
    return _unsubscribe(call, params.channels)


@REGISTRY.method("public/unsubscribe_all", Access.PUBLIC, websocket_only=True)
def unsubscribe_all(call: Call, params: NoParams) -> str:
    """Follow nothing any more."""
    assert call.connection is not None
    _unsubscribe(call, list(call.connection.channels))
    return "ok"


@REGISTRY.method("private/unsubscribe_all", Access.SIGNED_IN, websocket_only=True)
def private_unsubscribe_all(call: Call, params: NoParams) -> str:
    """The same for those who are signed in."""
    return unsubscribe_all(call, params)


# --- cancel on disconnect -------------------------------------------------------------------------------


def _watch(call: Call, scope: str, *, watched: bool) -> Ask[str]:
    connection = call.connection
    assert connection is not None
    lines = (connection.number, EVERY_LINE) if scope == "account" else (connection.number,)
    who = call.participant_id

    def answer(_: list[list[Entry]]) -> str:
        connection.cancels_on_disconnect = watched
        if connection.gone and watched:
            call.gateway.tell_of_line(connection, CancelAll(participant_id=who, line=connection.number))
        return "ok"

    if call.gateway.lock_step is not None:
        return Ask((), answer)  # orders stay, whatever becomes of the connection
    return Ask([WatchLine(participant_id=who, line=line, watched=watched) for line in lines], answer)


@REGISTRY.method("private/enable_cancel_on_disconnect", Access.SEATED, websocket_only=True)
def enable_cancel_on_disconnect(call: Call, params: ScopeParams) -> Ask[str]:
    """Cancel the orders that this connection has placed if it is lost, or with the venue. Scope `account`: new
    connections begin so."""
    return _watch(call, params.scope, watched=True)


@REGISTRY.method("private/disable_cancel_on_disconnect", Access.SEATED, websocket_only=True)
def disable_cancel_on_disconnect(call: Call, params: ScopeParams) -> Ask[str]:
    """Leave orders where they are if this connection is lost."""
    return _watch(call, params.scope, watched=False)


@REGISTRY.method("private/get_cancel_on_disconnect", Access.SEATED, websocket_only=True)
def get_cancel_on_disconnect(call: Call, params: ScopeParams) -> dict[str, Any]:
    """What becomes of orders if this connection is lost."""
    assert call.connection is not None
    by_default, here = EVERY_LINE in call.seat.watched, call.connection.cancels_on_disconnect
    enabled = by_default if params.scope == "account" else here
    return {"enabled": enabled, "scope": params.scope}

"""From a request to its method and back: who calls, may he, has he the credits, what did he ask, what is the answer."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from exchange.commands import CancelAll, WatchLine
from exchange.gateway.auth import Doorkeeper, Key, KeyRing
from exchange.gateway.books import Books, Owner
from exchange.gateway.channels import INTERVALS, Hub
from exchange.gateway.faults import (
    FAILED,
    FORBIDDEN,
    UNAUTHORIZED,
    WEBSOCKET_ONLY,
    fault,
)
from exchange.gateway.jsonrpc import METHOD_NOT_FOUND, Fault, Request, answer, now_us, refusal
from exchange.gateway.logs import tell
from exchange.gateway.lookout import Lookout
from exchange.gateway.registry import REGISTRY, Access, Ask, Later, Method, Pool, Then, read_params
from exchange.gateway.sessions import Connection
from exchange.gateway.throttle import Limits, Throttle
from exchange.gateway.venue import LiveVenue, Source
from exchange.state import Seat, State
from matching.terms import ParticipantId

if TYPE_CHECKING:
    from exchange.gateway.lockstep import LockStep

log = logging.getLogger("ringfence.gateway")


class Call:
    """One request with everything that its method may look at."""

    __slots__ = ("address", "connection", "gateway", "key")

    def __init__(
        self, gateway: "Gateway", key: Key | None, connection: Connection | None, address: str
    ) -> None:
        self.gateway = gateway
        self.key = key
        self.connection = connection
        self.address = address

    @property
    def state(self) -> State:
        return self.gateway.venue.exchange.state

    @property
    def books(self) -> Books:
        return self.gateway.venue.books

    @property
    def speaker(self) -> Key:
        """Whoever has a key; the registry has seen to it that there is one."""
        assert self.key is not None, "the method is for those who have a key"
        return self.key

    @property
    def participant_id(self) -> ParticipantId:
        who = self.speaker.participant_id
        assert who is not None, "the method is for those who have a seat"
        return who

    @property
    def seat(self) -> Seat:
        return self.state.seats[self.participant_id]

    @property
    def owner(self) -> Owner:
        return self.books.owners[self.participant_id]


@dataclass(slots=True, eq=False)
class Counters:
    """What has been asked and sent since the start."""

    requests: dict[str, int] = field(default_factory=dict)  # by method
    faults: dict[int, int] = field(default_factory=dict)  # by code
    connections: int = 0


class Gateway:
    """Everything between sockets and the venue.

    `epoch` tells places in channels from those of another venue. One that comes back from its journal keeps it.
    """

    def __init__(
        self, venue: LiveVenue, ring: KeyRing, limits: Limits | None = None, epoch: str | None = None
    ) -> None:
        import_module(
            "exchange.gateway.methods"
        )  # which look at this module, and enter themselves in the registry
        self.venue = venue
        self.limits = limits or Limits()
        self.ring = ring
        self.door = Doorkeeper(ring)
        self.throttle = Throttle(self.limits)
        self.hub = Hub(venue.exchange.state, venue.books, epoch or f"{time.time_ns():x}")
        self.lock_step: LockStep | None = None  # time passes by itself
        self.connections: dict[int, Connection] = {}
        self.counters = Counters()
        self.lookout = Lookout(self)
        self.started = time.time()
        self._http: WeakValueDictionary[str, Source] = WeakValueDictionary()  # while something waits
        self.numbered: dict[ParticipantId | None, int] = {}  # the latest order of each that had no number
        venue.followers.append(self.hub.take)
        for key in ring:
            self.follow(key)

    def follow(self, key: Key) -> None:
        if key.participant_id is not None:
            self.venue.books.follow(key.participant_id)

    def take_back(self, key: Key) -> None:
        """The key is worth nothing from now on: its tokens end, and sockets that it has signed in are told no more of
        what is private. What they ask is refused. Raises Fault if it would be worth something after a restart."""
        try:
            self.ring.remove(key.client_id)
        finally:
            self.door.revoke(key)
            for connection in self.connections.values():
                if connection.key is key:
                    self.leave_private(connection)

    def leave_private(self, connection: Connection) -> None:
        self.hub.leave(connection, [name for name in connection.channels if name.startswith("user.")])

    def next_client_order_id(self, who: ParticipantId) -> int:
        """For an order that comes without one. None is given twice, not after a restart either."""
        latest = max(self.numbered.get(who, 0), self.venue.books.owners[who].numbered)
        self.numbered[who] = latest + 1
        return latest + 1

    # --- requests -----------------------------------------------------------------------------------

    def handle(
        self,
        request: Request,
        call: Call,
        came: int,
        send: Callable[[bytes, Fault | None], None],
    ) -> None:
        """Meet a request: `send` is told the answer, now or once the exchange has handled it. It never raises."""
        if self.venue.is_ahead:
            self.venue.hold(lambda: self._meet(request, call, came, send))
        else:
            self._meet(request, call, came, send)

    def _meet(
        self,
        request: Request,
        call: Call,
        came: int,
        send: Callable[[bytes, Fault | None], None],
    ) -> None:
        number = request.id
        if call.connection is not None:
            call.key = call.connection.key
        try:
            result = self._result(request, call, came, send)
        except Fault as refused:
            self._refuse(number, refused, came, send)
            return
        except Exception:
            tell(log, logging.ERROR, "method_failed", trace=True, method=request.method)
            self._refuse(number, Fault(FAILED.number, FAILED.name), came, send)
            return
        if isinstance(result, Then):
            send(answer(number, result.result, came), None)
            result.after()
        elif not isinstance(result, Ask | Later):
            send(answer(number, result, came), None)
        if not isinstance(result, Ask):
            self.lookout.metrics.answered(came, command=False)

    def _result(
        self, request: Request, call: Call, came: int, send: Callable[[bytes, Fault | None], None]
    ) -> Any:
        method = REGISTRY.find(request.method)
        if method is None:
            self._charge(call, Pool.READ, 1)
            raise Fault(METHOD_NOT_FOUND, "method_not_found", method=request.method[:100])
        counted = self.counters.requests
        counted[method.name] = counted.get(method.name, 0) + 1
        params = request.params
        if method.access is not Access.PUBLIC:
            token = params.get("access_token") or request.access_token
            try:
                if isinstance(token, str):
                    call.key = self.door.by_token(token).key
                self._check_access(method, call)
            except Fault:
                self._charge(call, Pool.READ, 1)
                raise
        if method.websocket_only and call.connection is None:
            raise fault(WEBSOCKET_ONLY, reason=f"{method.name} needs a websocket")
        if self.lock_step is not None:
            self.lock_step.admit(call, method)
        self._charge(call, method.pool, method.cost)
        if "access_token" in params:
            params = {key: value for key, value in params.items() if key != "access_token"}
        who = call.key.participant_id if call.key else None
        numbered = self.numbered.get(who, 0)
        try:
            result = method.handler(call, read_params(method, params))
            reply = self._replying(request.id, came, send)
            if isinstance(result, Ask):
                self._submit(result, call, reply)
            elif isinstance(result, Later):
                result.begin(reply)
        except Fault:
            self.numbered[who] = numbered  # what is not taken leaves no gap
            raise
        return result

    def _charge(self, call: Call, pool: Pool, cost: float) -> None:
        """Take the credits of whoever calls. Raises Fault if there are none left."""
        if self.limits.rates is not None:
            self.throttle.check(call.key.client_id if call.key else call.address, pool, cost)

    def _check_access(self, method: Method, call: Call) -> None:
        key, access = call.key, method.access
        if key is None:
            raise fault(UNAUTHORIZED, reason="invalid_token")
        if key.client_id not in self.ring.keys:
            raise fault(UNAUTHORIZED, reason="invalid_token", told="the key was taken back")
        if not key.may(access):
            raise fault(FORBIDDEN, reason="role_may_not", role=key.role.value, needs=access.value)
        if method.changes and key.read_only:
            raise fault(FORBIDDEN, reason="key_only_reads")

    def _replying(
        self, number: Any, came: int, send: Callable[[bytes, Fault | None], None]
    ) -> Callable[[Any], None]:
        """What is to be told the result, or a Fault, once it is there."""

        def reply(result: Any) -> None:
            self.lookout.metrics.answered(came, command=True)
            if isinstance(result, Fault):
                self._refuse(number, result, came, send)
            elif isinstance(result, Then):
                send(answer(number, result.result, came), None)
                result.after()
            else:
                send(answer(number, result, came), None)

        return reply

    def _submit(self, ask: Ask[Any], call: Call, reply: Callable[[Any], None]) -> None:
        if not ask.commands:
            reply(ask.answer([]))
        elif self.lock_step is not None:
            self.lock_step.take(call, ask, reply)
        else:
            self.venue.submit(self._source_of(call), ask, reply)

    def _source_of(self, call: Call) -> Source:
        """In whose name a request waits: its connection's, or over HTTP that of the key."""
        if call.connection is not None:
            return call.connection.source
        who = call.key.client_id if call.key else call.address
        return self._http.setdefault(who, Source())

    def _refuse(
        self, number: Any, refused: Fault, came: int, send: Callable[[bytes, Fault | None], None]
    ) -> None:
        counted = self.counters.faults
        counted[refused.code] = counted.get(refused.code, 0) + 1
        send(refusal(number, refused, came), refused)

    def refuse(self, call: Call, refused: Fault) -> tuple[bytes, Fault]:
        """The answer to what was no request at all. It costs its sender what a read does, so that nonsense is no
        cheaper than sense."""
        try:
            self._charge(call, Pool.READ, 1)
        except Fault as over:
            refused = over
        counted = self.counters.faults
        counted[refused.code] = counted.get(refused.code, 0) + 1
        return refusal(None, refused, now_us()), refused

    # --- connections --------------------------------------------------------------------------------

    def tick(self, beat: int) -> None:
        """Ten times a second: what has changed in the meantime, and a tenth of the connections, so that a thousand
        heartbeats are not sent at one moment; once a second the disk and what nobody has come back to. In
        lock-step nothing depends on the wall."""
        if self.lock_step is not None:
            return
        if self.venue.is_ahead:
            self.venue.hold(lambda: self.tick(beat))
            return
        self.hub.flush(INTERVALS["100ms"])
        if beat % 10 == 0:
            self.hub.flush(INTERVALS["agg2"])
            self.hub.forget_the_idle()
            self.venue.look_at_disk()
        now = time.monotonic()
        for connection in list(self.connections.values()):
            if connection.number % 10 == beat % 10:
                connection.look_after(now)

    def lost(self, connection: Connection) -> None:
        """A connection is gone: it follows nothing, and its orders go if it asked for that."""
        if self.connections.pop(connection.number, None) is not None:  # a socket may end twice
            self.lookout.connection_closed(connection)
        self.hub.leave(connection, list(connection.channels))
        if self.lock_step is not None:
            self.lock_step.lost(connection)
            return
        key = connection.key
        if connection.cancels_on_disconnect and not connection.graceful and key and key.participant_id:
            lost = CancelAll(participant_id=key.participant_id, line=connection.number)
            self.tell_of_line(connection, lost)

    def tell_of_line(self, connection: Connection, command: CancelAll | WatchLine) -> None:
        """Have the exchange know what becomes of a connection, after whatever it has still asked for; in lock-step
        nothing does."""
        if self.lock_step is not None:
            return
        try:
            ask: Ask[None] = Ask((command,), lambda _: None)
            self.venue.submit(connection.source, ask, lambda _: None, must=True)
        except Fault as refused:
            told = type(command).__name__
            tell(log, logging.ERROR, "line_not_told", command=told, reason=refused.name)

    def watch(self, connection: Connection, who: ParticipantId, *, watched: bool) -> None:
        """From now on the orders of the connection go with it, or stay."""
        connection.cancels_on_disconnect = watched
        self.tell_of_line(connection, WatchLine(participant_id=who, line=connection.number, watched=watched))

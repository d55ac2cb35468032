"""A client in the process of the venue: the dialect as over a websocket, without a socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from exchange.gateway.auth import Key
from exchange.gateway.dispatch import Call, Gateway
from exchange.gateway.jsonrpc import Fault, encode, now_us, read
from exchange.gateway.sessions import NORMAL, Connection
from exchange.gateway.shapes import StepShape

Answer = dict[str, Any]


class AnswerComesLaterError(RuntimeError):
    """In lock-step the answer to a command was awaited in the step in which it was sent, which would wait for ever."""


class LocalClient:
    """One connection, which is signed in with a key. Everything is answered as a client on a socket would see it."""

    def __init__(self, gateway: Gateway, key: Key) -> None:
        self.key = key
        self._gateway = gateway
        self._number = 0
        number = min(gateway.connections, default=0)
        self.connection = Connection(min(number, 0) - 1, "local", gateway.limits)
        self.connection.key = key
        gateway.connections[self.connection.number] = self.connection
        gateway.follow(key)

    def send(self, method: str, **params: Any) -> "asyncio.Future[Answer]":
        """Ask without waiting. What is awaited later has a `result` or an `error`."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def told(message: bytes, _: Fault | None) -> None:
            if not future.done():
                future.set_result(json.loads(message))

        self._number += 1
        asked = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        call = Call(self._gateway, self.key, self.connection, "local")
        self._gateway.handle(read(encode(asked)), call, now_us(), told)
        return future

    async def ask(self, method: str, **params: Any) -> Any:
        """Ask and wait for the result. Raises Fault, or AnswerComesLaterError for a command in lock-step."""
        future = self.send(method, **params)
        in_steps = self._gateway.lock_step is not None
        if in_steps and not future.done() and not method.startswith("simulation/"):
            raise AnswerComesLaterError(
                f"{method} is answered at the end of the step: `send` it, and await the answer in a later step"
            )
        answer = await future
        if "error" in answer:
            error = answer["error"]
            raise Fault(error["code"], error["message"], **error["data"])
        return answer["result"]

    def heard(self) -> list[Answer]:
        """What the channels that it follows have told since it last looked: `channel` and `data`."""
        told = []
        while (message := self.connection.take()) is not None:
            told.append(json.loads(message)["params"])
        return told

    async def steps(self) -> AsyncIterator[StepShape]:
        """In lock-step: take part, and be given each step; whoever asks for the next is done with this one."""
        step: StepShape = await self.ask("simulation/register")
        while not step["ended"]:
            yield step
            step = await self.ask("simulation/step", step=step["step"])

    def close(self) -> None:
        self.connection.gone = True
        self.connection.close(NORMAL)
        self._gateway.lost(self.connection)

"""Kill a serving venue at any moment, and see through the next server that nothing it had answered or shown is missing.

    python -m tests.reliability.kill_serve [ROUNDS] [SEED]

Each round a child brings the venue back and serves it over websockets; people inside trade, and three bots place, edit
and cancel orders as fast as they are answered, until the child is killed with SIGKILL. The next server must come back
to the state of an exchange that has handled the journal and nothing else; it must know every order that was answered,
as it was answered or further on, every cancel and every trade that any feed has told; and what is sent again under its
number must have been placed once. A venue lives through several kills.

While it serves, a copy of the process keeps image after image of the venue. Every other time it is killed as well, and
now and then the newest image, or a part of it, is damaged: the next start goes on from another, or lives it all again.
No image is passed over but for that.
"""

import asyncio
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from exchange.gateway.app import create_app
from exchange.gateway.books import ORDERS_KEPT
from exchange.gateway.server import listen, make_server, run
from exchange.journal import read_journal, recover, state_hash
from scenarios.founding import Asked, found, resume
from scenarios.venue_folder import Place
from scenarios.venue_image import IMAGES

KILLS_PER_VENUE = 8
IMAGE_EVERY = 60  # commands: several in each life
DAMAGED = 0.2  # of all starts find an image that is not whole
ENDED = ORDERS_KEPT // 2  # of one bot: those that it must still know after one more life
BOTS = ("everyone-1", "everyone-1", "everyone-2")
PERPETUAL = "BTC_RUBD-PERPETUAL"
IN_FLIGHT = 4


class Survived(NamedTuple):
    rounds: int
    answered: int
    unanswered: int  # requests that were sent and never answered
    shown: int  # orders and trades that a feed has told
    restart_ms: float  # the slowest: to come back, until it serves
    by_image: int  # starts that went on from an image
    passed_over: int  # images that could not be used


class Sent(NamedTuple):
    method: str
    params: dict[str, Any]


class Known:
    """What the bots were promised, and what they do not know."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, dict[str, Any]]] = {}  # by account and id: as last answered or told
        self.unanswered: list[tuple[str, Sent]] = []
        self.trades: dict[str, tuple[float, float]] = {}  # of everybody
        self.answered = self.shown = 0
        self.number = 0

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def hear(self, account: str, order: dict[str, Any]) -> None:
        self.orders.setdefault(account, {})[order["order_id"]] = order


class Bot:
    """One websocket of an account, with some requests in flight."""

    def __init__(self, account: str, socket: ClientConnection, known: Known, dice: random.Random) -> None:
        self.account, self.known = account, known
        self._socket, self._dice = socket, dice
        self._flying: dict[int, Sent] = {}
        self._id = 0
        self.mark = 80_000

    async def ask(self, method: str, **params: Any) -> Any:
        """One request with nothing in flight; its result or its error."""
        await self._send(Sent(method, params))
        while True:
            message = json.loads(await self._socket.recv())
            if message.get("id") == self._id:
                self._flying.clear()
                return message.get("result", message.get("error"))
            self._note(message)

    async def trade(self) -> None:
        """Until the line breaks. What was in flight then is unanswered."""
        try:
            for _ in range(IN_FLIGHT):
                await self._send(self._request())
            while True:
                message = json.loads(await self._socket.recv())
                if "id" in message:
                    self._answered(message)
                    await self._send(self._request())
                else:
                    self._note(message)
        except ConnectionClosed:
            self.known.unanswered += [(self.account, sent) for sent in self._flying.values()]

    async def _send(self, sent: Sent) -> None:
        self._id += 1
        self._flying[self._id] = sent
        told = {"jsonrpc": "2.0", "id": self._id, "method": sent.method, "params": sent.params}
        await self._socket.send(json.dumps(told))

    def _request(self) -> Sent:
        dice = self._dice
        mine = [
            order
            for order in self.known.orders.get(self.account, {}).values()
            if order["order_state"] == "open"
        ]
        if mine and dice.random() < 0.3:
            order = dice.choice(mine)
            if dice.random() < 0.5:
                return Sent("private/cancel", {"order_id": order["order_id"]})
            price = self.mark + 50 * dice.randint(-20, 20)
            return Sent(
                "private/edit", {"order_id": order["order_id"], "amount": order["amount"], "price": price}
            )
        return Sent(
            f"private/{dice.choice(('buy', 'sell'))}",
            {
                "instrument_name": PERPETUAL,
                "amount": dice.randint(1, 9) / 1_000,
                "price": self.mark + 100 * dice.randint(-20, 20),
                "client_order_id": self.known.next_number(),
            },
        )

    def _answered(self, message: dict[str, Any]) -> None:
        sent = self._flying.pop(message["id"])
        self.known.answered += 1
        result = message.get("result")
        if result is not None:
            self.known.hear(self.account, result.get("order", result))
        else:
            assert message["error"]["code"] not in (13888, 13028, 11094), (sent, message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message["params"]
        self.known.shown += 1
        if params["channel"].startswith("user.orders"):
            self.known.hear(self.account, params["data"])
        else:
            for trade in params["data"]:
                self.known.trades[trade["trade_id"]] = (trade["price"], trade["amount"])


def kill_serve(rounds: int, seed: int) -> Survived:
    """Raises AssertionError, naming round and seed, if anything is lost, doubled or undone."""
    dice = random.Random(seed)
    context = multiprocessing.get_context("fork")
    folder = Path(tempfile.mkdtemp(prefix="ringfence-kill-serve-"))
    answered = unanswered = shown = 0
    by_image = passed_over = 0
    slowest = 0.0
    known = Known()
    damaged: list[str] = []  # files of the images of the present venue
    try:
        for number in range(rounds):
            place = Place(folder / f"venue-{number // KILLS_PER_VENUE}", None)
            if number % KILLS_PER_VENUE == 0:
                known, damaged = Known(), []
                _found(place, number)
            was = _hash_of(place)
            if number % KILLS_PER_VENUE and dice.random() < DAMAGED:
                damaged += _damage_an_image(place, dice)
            ours, theirs = context.Pipe()
            child = context.Process(target=_serve, args=(place, theirs))
            began = time.perf_counter()
            child.start()
            theirs.close()
            try:
                port, keys, story = ours.recv()
                slowest = max(slowest, time.perf_counter() - began)
                told = " ".join(story)
                assert f"state {was} in" in told, f"another state, {told}"
                assert "alone" not in told, told
                by_image += "of them after an image" in told
                passed_over += told.count("passed over")
                good = [line for line in story if "passed over" in line and not _may_be(line, damaged)]
                assert not good, f"good images were refused, {good}"
                before = (known.answered, len(known.unanswered), known.shown)
                unanswered += before[1]
                asyncio.run(_one_life(port, keys, known, dice, child.pid or 0))
                answered += known.answered - before[0]
                shown += known.shown - before[2]
            except BaseException as fault:
                fault.add_note(f"in round {number} of seed {seed}")
                raise
            finally:
                child.kill()
                child.join()
                ours.close()
    finally:
        shutil.rmtree(folder)
    return Survived(rounds, answered, unanswered, shown, slowest * 1_000, by_image, passed_over)


def _found(place: Place, seed: int) -> None:
    founded = found("market_day", "ru_open_counterfactual", seed=seed, population=8, speed=20.0, place=place)
    asyncio.run(founded.gateway.venue.stop())


def _hash_of(place: Place) -> str:
    with read_journal(place.url) as journal:
        return state_hash(recover(journal))


def _may_be(passed_over: str, damaged: list[str]) -> bool:
    """Whether an image is passed over for what was done to it, or because the copy of a process that was killed has
    just dropped it for a newer one."""
    return any(name in passed_over for name in damaged) or "No such file" in passed_over


def _damage_an_image(place: Place, dice: random.Random) -> list[str]:
    """One byte of the newest, or of a part of a ledger's history. Which file, if there was one."""
    files = sorted((place.folder / IMAGES).glob("*.snapshot"))[-1:]
    files += sorted((place.folder / IMAGES).glob("*.ledger"))
    if not files:  # the lives so far were too short
        return []
    path = dice.choice(files)
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)
    return [path.name]


def _serve(place: Place, pipe: Pipe) -> None:
    """What `ringfence serve` does, without the terminal; in a group of its own, with what it keeps aside."""
    os.setpgrp()
    founded = resume(place, Asked(), image_every=IMAGE_EVERY)
    keys = {demo.title: (demo.key.client_id, demo.key.secret) for demo in founded.demos if demo.key}
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    app = create_app(founded.gateway, on_ready=lambda: pipe.send((port, keys, founded.story)))
    run(make_server(app), bound)


async def _one_life(
    port: int, keys: dict[str, tuple[str, str]], known: Known, dice: random.Random, pid: int
) -> None:
    """Hold the venue against what is known, then trade until it is killed."""
    sockets = [
        await connect(f"ws://127.0.0.1:{port}/ws/api/v2", compression=None, max_size=None) for _ in BOTS
    ]
    bots = [Bot(account, socket, known, dice) for account, socket in zip(BOTS, sockets, strict=True)]
    for bot in bots:
        client_id, secret = keys[bot.account]
        grant = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        assert "access_token" in await bot.ask("public/auth", **grant)
    await _check(bots, known)
    ticker = await bots[0].ask("public/ticker", instrument_name=PERPETUAL)
    for bot in bots:
        bot.mark = round(ticker["mark_price"] / 100) * 100
    await bots[0].ask("private/subscribe", channels=["trades.any.any.raw", "user.orders.any.any.raw"])
    await bots[2].ask("private/subscribe", channels=["user.orders.any.any.raw"])
    trading = [asyncio.create_task(bot.trade()) for bot in bots]
    await asyncio.sleep(dice.uniform(0.02, 0.25))
    (os.killpg if dice.random() < 0.5 else os.kill)(pid, signal.SIGKILL)
    await asyncio.gather(*trading)
    for socket in sockets:
        with suppress(ConnectionClosed):
            await socket.close()


async def _check(bots: list[Bot], known: Known) -> None:
    """Nothing that was answered or shown is missing or undone; what was not answered was done once or not at all."""
    of = {bot.account: bot for bot in bots}
    for account, orders in known.orders.items():
        ended = [order_id for order_id, told in orders.items() if told["order_state"] != "open"]
        for order_id in ended[:-ENDED]:
            del orders[order_id]  # a venue answers for the latest of them alone
        for order_id, told in list(orders.items()):
            now = await of[account].ask("private/get_order_state", order_id=order_id)
            assert "order_state" in now, f"lost: {told}, {now}"
            same = ("direction", "client_order_id", "creation_timestamp", "instrument_name")
            assert [now[name] for name in same] == [told[name] for name in same], f"altered: {told}, {now}"
            undone = told["order_state"] != "open" and now != told
            assert not undone and now["filled_amount"] >= told["filled_amount"], f"undone: {told}, {now}"
            orders[order_id] = now
    tape = await of["everyone-1"].ask("public/get_last_trades_by_currency", currency="any", count=1_000)
    found = {one["trade_id"]: (one["price"], one["amount"]) for one in tape["trades"]}
    oldest = min((int(one.rpartition("-")[2]) for one in found), default=0)
    for trade_id, told_trade in known.trades.items():
        if int(trade_id.rpartition("-")[2]) >= oldest:
            assert found.get(trade_id) == told_trade, (
                f"a trade was shown and is gone: {trade_id} {told_trade}"
            )
    for account, sent in known.unanswered:
        if "client_order_id" in sent.params:
            again = await of[account].ask(sent.method, **sent.params)
            if "order" in again:
                known.hear(account, again["order"])
    known.unanswered.clear()
    for account, bot in of.items():
        orders_now = await bot.ask("private/get_open_orders")
        numbers = Counter(one["client_order_id"] for one in orders_now)
        numbers.update(
            one["client_order_id"]
            for one in known.orders.get(account, {}).values()
            if one["order_id"] not in {order["order_id"] for order in orders_now}
        )
        assert all(count == 1 for count in numbers.values()), f"placed twice: {numbers.most_common(3)}"


if __name__ == "__main__":
    ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    BEGAN = time.perf_counter()
    SURVIVED = kill_serve(ROUNDS, SEED)
    print(
        f"{SURVIVED.rounds} kills of a serving venue (seed {SEED}) in {time.perf_counter() - BEGAN:.0f} s:"
        f" {SURVIVED.answered} answers, {SURVIVED.shown} orders and trades told by feeds, none lost, doubled or undone;"
        f" {SURVIVED.unanswered} requests without an answer; slowest start {SURVIVED.restart_ms:.0f} ms;"
        f" {SURVIVED.by_image} starts from an image, {SURVIVED.passed_over} images passed over"
    )

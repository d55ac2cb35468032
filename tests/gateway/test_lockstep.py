"""Lock-step over real sockets: bots are waited for, and however slow they are, the same day comes of it."""

import asyncio
import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from exchange.gateway.lockstep import LockStepStopped, WhenLate
from exchange.units import MINUTE, SECOND
from scenarios.lock_step import day_in_steps, read_bots
from tests.gateway.loopback import Client, Refused, Venue, dial, limit, play, served

TWO_MINUTES = str(Path(__file__).with_name("two_minutes.toml"))
SPOT = "BTC_RUBD"
OPEN = "ru_open_counterfactual"
DAYS = 10
Answer = dict[str, Any]


@contextmanager
def in_steps(
    bots: str, step: int = 15 * SECOND, told: list[str] | None = None, **options: Any
) -> Iterator[Venue]:
    """Two minutes on loopback, in steps."""
    tell = (lambda _: None) if told is None else told.append
    with (
        day_in_steps(TWO_MINUTES, OPEN, step=step, bots=read_bots(bots), tell=tell, **options) as day,
        served(day.founded) as opened,
    ):
        yield opened


class Bot(Client):
    """A client who sends without waiting for the answer, after as long as its dice say."""

    dice = random.SystemRandom()

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__(socket)
        self.digest = hashlib.sha256()

    async def send(self, method: str, **params: Any) -> "asyncio.Future[Answer]":
        await asyncio.sleep(self.dice.random() * 0.002)
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        await self.socket.send(json.dumps(request))
        return future

    async def order(self, side: str, price: float, **more: Any) -> "asyncio.Future[Answer]":
        params = {"instrument_name": SPOT, "amount": 0.01, "type": "limit", "price": price} | more
        return await self.send(f"private/{side}", **params)

    async def step(self, **params: Any) -> Answer:
        told: Answer = await self("simulation/step", **params)
        return told

    def seen(self) -> str:
        """The digest of all that it has been sent, but for the wall's time."""
        for one in self.messages:
            told = {key: one[key] for key in one if key not in ("usIn", "usOut", "usDiff")}
            self.digest.update(json.dumps(told).encode())
        self.messages.clear()
        return self.digest.hexdigest()


async def come_in(opened: Venue, name: str) -> Bot:
    bot = Bot(await connect(opened.ws, max_size=None, compression=None))
    await bot.sign_in(opened.keys[name])
    bot.messages.clear()
    return bot


async def all_day(bot: Bot, step: Answer) -> Answer:
    """Wait for the end of the day."""
    while not step["ended"]:
        step = await bot.step()
    return step


# --- the same day ---------------------------------------------------------------------------------------


async def trade(opened: Venue, name: str) -> tuple[str, str]:
    """A bot that chooses by all that it has seen, so that it does otherwise if it has seen otherwise; what it saw,
    and the digest of the day."""
    bot = await come_in(opened, name)
    channels = [f"book.{SPOT}.raw", f"ticker.{SPOT}.100ms", "trades.spot.RUBD.agg2", "simulation.step"]
    if name == "alpha":
        channels = [*channels[::-1], "user.changes.any.any.raw"]
    await bot("private/subscribe", channels=channels)
    step = await bot("simulation/register")
    while not step["ended"]:
        index = (await bot("public/get_order_book", instrument_name=SPOT, depth=5))["index_price"]
        for number in range(3):
            chosen = int(bot.seen()[:6], 16) + number
            await bot.order(("buy", "sell")[chosen % 2], round(index, -2) + (chosen // 2 % 7 - 3) * 100)
        step = await (await bot.send("simulation/step", step=step["step"]))
        step = step["result"]
    await bot.close()
    return bot.seen(), step["digest"]


def a_day() -> list[tuple[str, str]]:
    async def both(opened: Venue) -> list[tuple[str, str]]:
        return list(await asyncio.gather(trade(opened, "alpha"), trade(opened, "beta")))

    with in_steps("alpha,beta") as opened:
        return play(both(opened))


def test_ten_days_with_slow_bots_are_the_same_day() -> None:
    first = a_day()
    (saw_alpha, digest), (saw_beta, same) = first
    assert digest == same and saw_alpha != saw_beta
    for _ in range(DAYS - 1):
        assert a_day() == first


def test_a_bot_that_loses_its_connection_in_a_step_and_does_it_again_changes_nothing() -> None:
    async def story(opened: Venue, *, interrupted: bool) -> str:
        bot = await come_in(opened, "alpha")
        assert await bot("private/enable_cancel_on_disconnect") == "ok", "and yet orders stay"
        assert (await bot("simulation/register"))["step"] == 0
        await bot.order("buy", 7_990_000)
        await bot.step()
        if interrupted:
            await bot.order("buy", 7_800_000)  # it dies before it is done: this is forgotten
            await bot("public/get_time")
            await bot.close()
            bot = await come_in(opened, "alpha")
            while opened.on_its_thread(lambda: opened.gateway.lock_step.bots[0].connection is not None):  # type: ignore[union-attr]
                await asyncio.sleep(0.01)
            assert (await bot("simulation/register"))["step"] == 1
        await bot.order("buy", 7_980_000)
        digest: str = (await all_day(bot, await bot.step()))["digest"]
        await bot.close()
        return digest

    digests = []
    for interrupted in (False, True):
        with in_steps("alpha") as opened:
            digests.append(play(story(opened, interrupted=interrupted)))
    assert digests[0] == digests[1]


# --- what a bot sees ------------------------------------------------------------------------------------


def test_commands_are_answered_at_the_end_of_the_step_and_before_the_next() -> None:
    async def story(opened: Venue) -> None:
        alpha, beta = await come_in(opened, "alpha"), await come_in(opened, "beta")
        await alpha("private/subscribe", channels=["simulation.step", f"user.orders.{SPOT}.raw"])
        await asyncio.gather(alpha("simulation/register"), beta("simulation/register"))
        alpha.messages.clear()
        at = await alpha("public/get_time")
        second = await beta.order("sell", 7_900_000)  # it comes first, and is handled second
        await beta("public/get_time")
        first = await alpha.order("buy", 8_050_000)
        await beta.send("simulation/step")
        await alpha("public/get_time")
        assert not first.done() and not second.done()
        assert await alpha("private/get_open_orders") == []
        step = await alpha.step()
        assert (first.result()["result"]["order"]["creation_timestamp"], step["step"]) == (at, 1)
        bought = int(first.result()["result"]["order"]["order_id"].rpartition("-")[2])
        sold = int(second.result()["result"]["order"]["order_id"].rpartition("-")[2])
        assert bought < sold
        kinds = [one.get("id") or one["params"]["channel"] for one in alpha.messages]
        answered, noticed = kinds.index(first.result()["id"]), kinds.index("simulation.step")
        assert answered < kinds.index(f"user.orders.{SPOT}.raw") < noticed == len(kinds) - 2
        await asyncio.gather(alpha("simulation/leave"), beta("simulation/leave"))
        await asyncio.gather(alpha.close(), beta.close())

    with in_steps("alpha,beta", step=30 * SECOND) as opened:
        play(finished(opened, story(opened)))


async def finished(opened: Venue, story: Any) -> None:
    """The story, and then the rest of the day."""
    await story
    lock_step = opened.gateway.lock_step
    assert lock_step is not None
    while not lock_step.is_over:
        await asyncio.sleep(0.01)


def test_what_conflates_tells_once_a_step() -> None:
    async def story(opened: Venue) -> None:
        bot = await come_in(opened, "alpha")
        names = [f"ticker.{SPOT}.100ms", f"book.{SPOT}.agg2", f"book.{SPOT}.raw"]
        await bot("private/subscribe", channels=names)
        step = await bot("simulation/register")
        while step["step"] < 6:
            bot.notes.clear()
            await bot.order("buy", 7_900_000 + step["step"] * 100)
            await bot.order("sell", 8_200_000 + step["step"] * 100)
            step = await bot.step()
            counts = [len(bot.of(name)) for name in names]
            assert counts[:2] == [1, 1] and counts[2] >= 2
        await bot("simulation/leave")
        await bot.close()

    with in_steps("alpha", step=SECOND) as opened:
        gateway = opened.gateway
        gateway.venue.followers.append(lambda _: gateway.tick(10))  # the wall's second is over each time
        play(finished(opened, story(opened)))


def test_who_signs_in_as_another_meanwhile_does_not_get_the_answer() -> None:
    async def story(opened: Venue) -> None:
        alpha, beta = await come_in(opened, "alpha"), await come_in(opened, "beta")
        await asyncio.gather(alpha("simulation/register"), beta("simulation/register"))
        order = await alpha.order("buy", 7_900_000)
        step = await alpha.send("simulation/step")
        await alpha.sign_in(opened.keys["beta"])
        await beta.step()
        assert (await step)["result"]["step"] == 1
        assert order.result()["result"]["order"]["order_id"] == "RUBD-1"
        await alpha.sign_in(opened.keys["alpha"])
        await asyncio.gather(alpha("simulation/leave"), beta("simulation/leave"))
        await asyncio.gather(alpha.close(), beta.close())

    with in_steps("alpha,beta") as opened:
        play(finished(opened, story(opened)))


def test_limits_are_counted_in_the_time_of_the_venue() -> None:
    async def story(opened: Venue) -> None:
        bot = await come_in(opened, "alpha")
        await bot("simulation/register")
        sent = [await bot.order("buy", 7_900_000) for _ in range(25)]
        await bot.step()
        refused = [one.result() for one in sent if "error" in one.result()]
        assert [one["error"]["code"] for one in refused] == [10028] * 5, "twenty at once"
        again = [await bot.order("buy", 7_900_000) for _ in range(25)]
        await bot.step()
        assert sum("error" in one.result() for one in again) == 15, "and five in each second that has passed"
        await bot("simulation/leave")
        await bot.close()

    with in_steps("alpha", step=2 * SECOND, limited=True) as opened:
        play(finished(opened, story(opened)))


# --- what cannot be -------------------------------------------------------------------------------------


def test_whoever_speaks_out_of_turn_is_told_so_and_nothing_hangs() -> None:
    async def refused(asked: Any) -> str:
        with pytest.raises(Refused) as told:
            await asked
        reason: str = told.value.told["reason"]
        return reason

    async def story(opened: Venue) -> None:
        alpha, beta, watcher = [await come_in(opened, one) for one in ("alpha", "beta", "operator")]
        assert await refused(watcher("simulation/register")) == "no_bot_of_this_run"
        assert await refused(watcher("admin/halt_all")) == "no_bot_of_this_run"
        assert (
            await refused(watcher("access/apply", participant_id="late", kind="individual"))
            == "no_bot_of_this_run"
        )
        assert await refused(alpha.step()) == "not_registered"
        assert await refused(limit(alpha, "buy", 0.01, 7_900_000, instrument_name=SPOT)) == "not_registered"
        registered = await alpha.send("simulation/register")
        assert await refused(alpha("simulation/register")) == "registered_already"
        second = await come_in(opened, "alpha")
        assert await refused(second("simulation/register")) == "registered_already"
        assert await refused(second("private/cancel_all")) == "not_registered"
        await beta("simulation/register")
        assert (await registered)["result"]["step"] == 0
        assert await refused(alpha.step(step=7)) == "another_step"
        done = await alpha.send("simulation/step")
        assert await refused(alpha.step()) == "step_is_done"
        assert await refused(alpha("private/cancel_all")) == "step_is_done"
        assert await refused(alpha("public/get_time")) == "step_is_done"
        assert await refused(second("public/get_time")) == "step_is_done"
        told = await watcher("simulation/get_bots")
        assert [(one["bot"], one["done"]) for one in told] == [("alpha", True), ("beta", False)]
        body = {"jsonrpc": "2.0", "id": 1, "method": "private/cancel_all", "params": {}}
        key = opened.keys["beta"]
        over_http = await asyncio.to_thread(
            opened.post, "/api/v2", json=body, auth=(key.client_id, key.secret)
        )
        assert over_http.json()["error"]["data"]["reason"] == "not_registered"
        assert not done.done()
        await beta.send("simulation/leave")
        assert (await done)["result"]["step"] == 1
        assert await refused(beta.step()) == "has_left"
        assert (await all_day(alpha, await alpha.step()))["digest"]
        assert await refused(alpha.step()) == "the_day_is_over"
        assert await refused(alpha("private/cancel_all")) == "the_day_is_over"
        assert await alpha("private/get_open_orders") == []
        for client in (alpha, beta, second, watcher):
            await client.close()

    with in_steps("alpha,beta", step=MINUTE) as opened:
        play(story(opened))


def test_more_commands_than_a_step_may_have_are_refused() -> None:
    async def story(opened: Venue) -> None:
        bot = await come_in(opened, "alpha")
        await bot("simulation/register")
        sent = []
        for number in range(1_002):
            request = {"jsonrpc": "2.0", "id": 10_000 + number, "method": "private/cancel_all"}
            sent.append(asyncio.create_task(bot.whole(request)))
        await asyncio.sleep(0)
        await bot.step()
        answers = await asyncio.gather(*sent)
        assert [one.get("result", one.get("error", {}).get("message")) for one in answers] == (
            [0] * 1_000 + ["other_reject"] * 2
        )
        await bot("simulation/leave")
        await bot.close()

    with in_steps("alpha", step=MINUTE) as opened:
        play(finished(opened, story(opened)))


def test_where_time_passes_by_itself_there_are_no_steps(open_venue: Venue) -> None:
    async def story() -> None:
        client = await dial(open_venue, "everyone-1")
        for method in ("register", "step", "leave", "get_bots"):
            with pytest.raises(Refused) as told:
                await client(f"simulation/{method}")
            assert (told.value.code, told.value.told["reason"]) == (13025, "not_in_lock_step")
        assert await client("public/subscribe", channels=["simulation.step"]) == []
        clock = await client("simulation/get_clock")
        assert (clock["step_ns"], clock["step"], clock["speed"]) == (None, None, 1.0)
        await client.close()

    play(story())


# --- who is late ----------------------------------------------------------------------------------------


def test_who_is_late_is_waited_for() -> None:
    async def story(opened: Venue) -> None:
        bot = await come_in(opened, "alpha")
        step = await bot("simulation/register")
        while not any("done with step 0" in one for one in told):
            await asyncio.sleep(0.01)
        assert (await all_day(bot, step))["digest"]
        await bot.close()

    told: list[str] = []
    with in_steps("alpha", step=MINUTE, told=told, patience=0.1) as opened:
        play(story(opened))
    assert told[-1] == "alpha: not done with step 0 after 0.1 seconds; the others wait"


def test_who_is_late_is_dropped_and_its_orders_are_canceled() -> None:
    async def story(opened: Venue) -> None:
        alpha, beta = await come_in(opened, "alpha"), await come_in(opened, "beta")
        await asyncio.gather(alpha("simulation/register"), beta("simulation/register"))
        resting = await beta.order("buy", 7_600_000)
        await asyncio.gather(alpha.step(), beta.step())
        assert (await resting)["result"]["order"]["order_state"] == "open"
        unfinished = await beta.order("buy", 7_610_000)
        await alpha.step()
        assert await beta("private/get_open_orders") == []
        (ended,) = await beta(
            "private/get_order_history_by_instrument", instrument_name=SPOT, include_unfilled=True
        )
        assert ended["order_id"] == (await resting)["result"]["order"]["order_id"]
        assert (await unfinished)["error"]["data"]["reason"] == "was_dropped"
        with pytest.raises(Refused) as refused:
            await beta.step()
        assert refused.value.told["reason"] == "was_dropped"
        assert (await all_day(alpha, await alpha.step()))["digest"]
        for client in (alpha, beta):
            await client.close()

    told: list[str] = []
    with in_steps("alpha,beta", told=told, patience=0.3, when_late=WhenLate.DROP) as opened:
        play(story(opened))
    assert told[0] == "beta: not done with step 1 after 0.3 seconds; dropped, and open orders are canceled"


def test_who_is_late_stops_the_run() -> None:
    async def story(opened: Venue) -> None:
        bot = await come_in(opened, "alpha")
        with pytest.raises(Refused) as told:
            await bot("simulation/register")
        assert told.value.told["reason"] == "the_run_has_stopped"
        assert told.value.told["explanation"].startswith("beta: not registered after 0.1 seconds")
        await bot.close()

    with (
        pytest.raises(LockStepStopped, match="beta: not registered"),
        in_steps("alpha,beta", patience=0.1, when_late=WhenLate.STOP) as opened,
    ):
        play(story(opened))


def test_a_venue_that_is_stopped_leaves_nobody_without_an_answer() -> None:
    async def story(opened: Venue) -> None:
        bot = await come_in(opened, "alpha")
        await bot("simulation/register")
        order = await bot.order("buy", 7_900_000)
        await bot("public/get_time")
        opened.stop()
        await asyncio.wait_for(bot.socket.wait_closed(), 10)
        await bot.close()
        assert not order.done() or "error" in order.result()

    with (
        pytest.raises(LockStepStopped, match="stopped before the day was over"),
        in_steps("alpha") as opened,
    ):
        play(story(opened))

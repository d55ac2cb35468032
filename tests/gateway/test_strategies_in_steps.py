"""Strategies of the simulation in lock-step, over sockets: the same day every time, to the digest."""

import asyncio
from pathlib import Path

from participants.client import Client
from participants.over_socket import SocketLine
from scenarios.bot import BotTerms, built
from scenarios.lock_step import day_in_steps, read_bots
from tests.gateway.loopback import Venue, play, served

DAY = Path(__file__).with_name("two_minutes.toml")


async def playing(opened: Venue, name: str, strategy: str) -> tuple[int, int]:
    """How many of its orders were accepted, and how many fills it had, over the whole day."""
    key = opened.keys[name]
    async with (
        Client.connect(opened.ws, key.client_id, key.secret, timeout=60.0) as venue,
        SocketLine(venue) as line,
    ):
        await line.play(await built(line, BotTerms(strategy, "BTC_RUBD", attention=2.0)))
        return line.heard["OrderAccepted"], line.heard["OrderFilled"]


def day(*, later: float) -> tuple[str, list[tuple[int, int]]]:
    """Its digest, and what each bot did. One of them comes a bit later than the other."""
    with (
        day_in_steps(
            str(DAY), "ru_open_counterfactual", step=10**9, bots=read_bots("alpha,beta"), tell=lambda _: None
        ) as in_steps,
        served(in_steps.founded) as opened,
    ):

        async def story() -> list[tuple[int, int]]:
            first = asyncio.get_running_loop().create_task(playing(opened, "beta", "noise_trader"))
            await asyncio.sleep(later)
            return [await playing(opened, "alpha", "market_maker"), await first]

        did = play(story())
    assert in_steps.finished is not None
    return in_steps.finished.digest, did


def test_the_same_strategies_make_the_same_day_over_sockets() -> None:
    digest, did = day(later=0.0)
    assert all(accepted > 5 for accepted, _ in did) and sum(fills for _, fills in did) > 5
    assert day(later=0.3) == (digest, did)

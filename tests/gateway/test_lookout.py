"""What a meter is told of the venue's work, and that those inside begin by themselves."""

import asyncio
import time
from typing import Any

from exchange.core import Exchange
from exchange.gateway.clock import WallClock
from exchange.gateway.venue import Alone, LiveVenue, Source
from exchange.units import SECOND
from tests.gateway.loopback import venue
from tests.gateway.test_venue import Written, asked


class Meter:
    def __init__(self) -> None:
        self.batches: list[int] = []
        self.writes: list[tuple[int, bool]] = []

    def batch(self, commands: int) -> None:
        self.batches.append(commands)

    def written(self, records: int, seconds: float) -> None:
        self.writes.append((records, seconds >= 0))


def test_a_meter_is_told_of_each_batch_and_of_each_write() -> None:
    async def answered(told: list[Any], count: int) -> None:
        while len(told) < count:
            await asyncio.sleep(0)

    async def story() -> Meter:
        live = LiveVenue(Alone(Exchange()), WallClock(SECOND), Written())
        live.meter = meter = Meter()
        told: list[Any] = []
        live.start()
        for number in range(3):
            live.submit(Source(), *asked(f"nobody-{number}", told))
        await answered(told, 3)
        live.submit(Source(), *asked("one more", told))
        await answered(told, 4)
        await live.stop()
        return meter

    meter = asyncio.run(story())
    assert meter.batches == [3, 1] and meter.writes == [(3, True), (1, True)]


def test_those_inside_begin_without_anybody_asking() -> None:
    opened: list[int] = []
    with venue(
        makers=True, speed=30.0, change=lambda gateway: opened.append(gateway.venue.exchange.sequence)
    ) as found:
        for _ in range(500):
            if (reached := found.gateway.venue.exchange.sequence) > opened[0]:
                break
            time.sleep(0.01)
    assert reached > opened[0], "the market makers have quoted"

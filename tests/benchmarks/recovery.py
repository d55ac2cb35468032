"""How long a venue takes to come back: the exchange, all read models and whoever trades inside.

    python -m tests.benchmarks.recovery [COMMANDS] [--population N] [--makers]

A venue is founded in a temporary folder and driven as the live venue drives it, on a clock that the benchmark sets:
two bots place orders in the perpetual, twenty a second in all, and cancel a quarter of them. Then it is brought back:
by living its whole life again, and from an image that was kept so many commands before the end (`--behind`); beside a
replay of the same journal into a bare exchange, which has no read models and nobody inside. Seconds are of CPU time, so
that others on the machine count less; behind them, those of the wall.
"""

import argparse
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from exchange.commands import CancelOrder, Command, PlaceOrder
from exchange.gateway.venue import BATCH_COMMANDS, LiveVenue
from exchange.journal import open_journal, recovery, state_hash
from exchange.journal.aside import Aside
from exchange.units import SECOND, InstrumentId, Time
from matching.terms import OrderId, ParticipantId, Side, TimeInForce
from scenarios.founding import Asked, found, resume
from scenarios.simulation import rare_collections
from scenarios.venue_folder import JOURNAL, Place
from scenarios.venue_image import EVERY, IMAGES, Images

PERPETUAL = InstrumentId("BTC_RUBD-PERPETUAL")
BOTS = (ParticipantId("everyone-1"), ParticipantId("everyone-2"))
PACE = SECOND // 20


class SetClock:
    """It is as late as it is told."""

    speed = 1.0

    def __init__(self, at: Time) -> None:
        self.at = at

    def now(self) -> Time:
        return self.at

    def seconds_until(self, at: Time) -> float:
        return (at - self.at) / SECOND


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("commands", nargs="?", type=int, default=1_000_000)
    given.add_argument("--population", type=int, default=0)
    given.add_argument("--makers", action="store_true")
    given.add_argument("--behind", type=int, default=EVERY, help="records behind the image")
    given.add_argument("--image-only", action="store_true")
    asked = given.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringfence-recovery-") as name:
        place = Place(Path(name) / "venue", None)
        filled = Watch()
        records = fill(place, asked.commands, asked.population, asked.makers, asked.behind)
        print(f"{records} records in {filled}")
        image = sum(path.stat().st_size for path in (place.folder / IMAGES).iterdir())
        print(f"an image of {image / 2**20:.0f} MiB")
        back = told(place, "from the image")
        if asked.image_only:
            return
        was = state_hash(back.exchange)
        del back
        shutil.rmtree(place.folder / IMAGES)
        again = told(place, "the whole life")
        assert state_hash(again.exchange) == was
        del again
        watch = Watch()
        with open_journal(str(place.folder / JOURNAL)) as journal, rare_collections():
            bare = recovery(journal, from_snapshot=False)
            assert state_hash(bare.exchange) == was
        print(f"a bare exchange, its hash included: {watch}")


class Watch:
    """Seconds since it was made, of CPU time and of the wall."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def __str__(self) -> str:
        return f"{time.process_time() - self._cpu:.1f} s ({time.perf_counter() - self._wall:.1f})"


def told(place: Place, how: str) -> LiveVenue:
    """The venue that has come back, its hash included."""
    watch = Watch()
    back = resume(place, Asked())
    print(f"{how}: {watch}; {back.story[-1]}", flush=True)
    live = back.gateway.venue
    assert live._journal is not None
    live._journal.close()
    return live


def fill(place: Place, commands: int, population: int, makers: bool, behind: int) -> int:
    """Let a venue live through so many commands from outside, and keep an image when so many of them are still to
    come; how many records it has kept."""
    founded = found("market_day", "ru_open_counterfactual", population=population, makers=makers, place=place)
    live = founded.gateway.venue
    clock = live.clock = SetClock(live.now)  # type: ignore[assignment]
    images = live.images
    assert isinstance(images, Images)
    for left, command in zip(range(commands, 0, -1), asked(live, commands), strict=True):
        if left == behind:
            live._journal.append(live._inside)  # type: ignore[union-attr]
            live._inside.clear()
            live._untold.clear()
            watch = Watch()
            images.keep_last()
            print(f"to keep an image of {live._journal.head.sequence} records: {watch}")  # type: ignore[union-attr]
        clock.at += PACE
        at = live._let_pass() + 1
        live._inside.append((at, command))
        live.books.take(command, live.world.put(command, at))
        live._last = at
        if len(live._inside) >= BATCH_COMMANDS:
            live._journal.append(live._inside)  # type: ignore[union-attr]
            live._inside.clear()
            live._untold.clear()
    journal = live._journal
    assert journal is not None
    journal.append(live._inside)
    journal.close()
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # from KiB
    print(f"to fork a process of {size:.2f} GiB: {min(forked() for _ in range(5)) * 1_000:.1f} ms")
    return journal.head.sequence  # type: ignore[attr-defined, no-any-return]


def forked() -> float:
    """Seconds for which a venue waits until a copy of it is made."""
    aside = Aside()
    began = time.perf_counter()
    aside.begin(bytes)
    took = time.perf_counter() - began
    while aside.outcome() is None:
        time.sleep(0.01)
    return took


def asked(live: LiveVenue, commands: int) -> Iterator[Command]:
    dice = random.Random(1)
    series = live.state.series[PERPETUAL]
    for number in range(commands):
        who = BOTS[number % 2]
        orders = live.state.seats[who].orders
        if orders and (number % 4 == 3 or len(orders) > 400):
            yield CancelOrder(participant_id=who, order_id=OrderId(next(iter(orders))))
            continue
        yield PlaceOrder(
            participant_id=who,
            client_order_id=0,
            instrument_id=PERPETUAL,
            side=Side.BUY if dice.random() < 0.5 else Side.SELL,
            quantity=dice.randint(1, 9),
            price=series.mark + dice.randint(-40, 40),
            time_in_force=TimeInForce.DAY,
        )


if __name__ == "__main__":
    main()

"""How long a venue takes to come back: the exchange, all read models and whoever trades inside.

    python -m tests.benchmarks.recovery [COMMANDS] [--population N] [--makers]

A venue is founded in a temporary folder and driven as the live venue drives it, on a clock that the benchmark sets:
two bots place orders in the perpetual, twenty a second in all, and cancel a quarter of them. Then it is brought back,
beside a replay of the same journal into a bare exchange, which has no read models and nobody inside. All seconds are
of CPU time, so that others on the machine count less.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from exchange.commands import CancelOrder, Command, PlaceOrder
from exchange.gateway.venue import BATCH_COMMANDS, LiveVenue
from exchange.journal import open_journal, recovery, state_hash
from exchange.units import SECOND, InstrumentId, Time
from matching.terms import OrderId, ParticipantId, Side, TimeInForce
from scenarios.founding import Asked, found, resume
from scenarios.simulation import rare_collections
from scenarios.venue_folder import JOURNAL, Place

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
    asked = given.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringfence-recovery-") as name:
        place = Place(Path(name) / "venue", None)
        began = time.process_time()
        records = fill(place, asked.commands, asked.population, asked.makers)
        print(f"{records} records in {time.process_time() - began:.0f} s")
        began = time.process_time()
        with open_journal(str(place.folder / JOURNAL)) as journal:
            with rare_collections():
                bare = recovery(journal, from_snapshot=False)
            took = time.process_time() - began
            was = state_hash(bare.exchange)
            hashed = time.process_time() - began - took
            print(f"bare: {took:.1f} s, hash {hashed:.1f} s")
        del bare
        began = time.process_time()
        back = resume(place, Asked())
        whole = time.process_time() - began
        print(f"whole, its hash included: {whole:.1f} s, {whole / (took + hashed):.2f} of that")
        assert state_hash(back.gateway.venue.exchange) == was


def fill(place: Place, commands: int, population: int, makers: bool) -> int:
    """Let a venue live through so many commands from outside; how many records it has kept."""
    founded = found("market_day", "ru_open_counterfactual", population=population, makers=makers, place=place)
    live = founded.gateway.venue
    clock = live.clock = SetClock(live.now)  # type: ignore[assignment]
    for command in asked(live, commands):
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
    return journal.head.sequence  # type: ignore[attr-defined, no-any-return]


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

"""Cut the power under a venue that serves, and see that nothing it had sent to anybody is missing.

    python -m tests.reliability.power_serve [CUTS] [SEED] [early | unheld]

As tests/reliability/power.py, but the process under strace is a whole venue: people trade inside, bots trade over
websockets, and whenever anything is put on its way to any of them (an answer, a read, a feed), all commands that the
venue has handled by then count as acknowledged. After each cut the venue is brought back from what the disk holds.

Two faults can be planted, and must be found: `early` answers without waiting for the journal, `unheld` shows what
people inside have done before it is written.
"""

import asyncio
import random
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from exchange.commands import Command
from exchange.gateway.books import Books
from exchange.gateway.sessions import Connection
from exchange.gateway.venue import LiveVenue
from exchange.journal import JournalUnusable, LiveJournalDamaged, read_journal
from exchange.units import Time
from scenarios.founding import Asked, found, resume
from scenarios.venue_folder import Place
from tests.gateway.loopback import PERPETUAL, Client, Refused, around, dial, served
from tests.reliability.power import ACKNOWLEDGED, cut, traced

ORDERS = 150


def serve(folder: Path, planted: str) -> None:
    """One life of a venue whose journal lies in `folder`; every acknowledgement goes to the standard output."""
    if planted == "early":
        LiveVenue._write = _without_waiting  # type: ignore[method-assign]
    elif planted == "unheld":
        LiveVenue.is_ahead = False  # type: ignore[assignment, method-assign]
    handled = 0
    take, send = Books.take, Connection.send

    def counted(self: Books, command: Command | None, entries: Any) -> Any:
        nonlocal handled
        handled += 1
        return take(self, command, entries)

    def acknowledged(self: Connection, message: bytes) -> None:
        sys.stdout.buffer.write(b"%b%d\n" % (ACKNOWLEDGED, handled))
        sys.stdout.buffer.flush()
        send(self, message)

    Books.take = counted  # type: ignore[method-assign]
    Connection.send = acknowledged  # type: ignore[method-assign]
    place = Place(folder.parent / "venue", str(folder / "venue.db"))
    founded = found("market_day", "ru_open_counterfactual", population=8, speed=20.0, place=place)
    with served(founded) as opened:

        async def bot(account: str, seed: int) -> None:
            client, dice = await dial(opened, account), random.Random(seed)
            await client("private/subscribe", channels=["trades.any.any.raw", "user.orders.any.any.raw"])
            mark = await around(client, 1.0)
            for _ in range(ORDERS):
                with suppress(Refused):
                    await _ask(client, dice, mark)
            await client.close()

        async def story() -> None:
            await asyncio.gather(bot("everyone-1", 1), bot("everyone-2", 2))

        asyncio.run(story())


async def _without_waiting(self: LiveVenue, commands: list[tuple[Time, Command]]) -> None:
    assert self._journal is not None and self._thread is not None
    self._thread.submit(self._journal.append, list(commands))


async def _ask(client: Client, dice: random.Random, mark: float) -> None:
    match dice.randrange(4):
        case 0:
            await client("private/cancel_all")
        case 1:
            await client("private/get_account_summary", currency="RUBD")
        case _:
            side, price = dice.choice(("buy", "sell")), mark + 100 * dice.randint(-10, 10)
            order = {"instrument_name": PERPETUAL, "amount": 0.01, "type": "limit", "price": price}
            await client(f"private/{side}", **order)


class Whole:
    """What the journal held in the end, and the folder beside it."""

    def __init__(self, folder: Path) -> None:
        self._venue = folder.parent / "venue"
        with read_journal(str(folder / "venue.db")) as journal:
            self._records: list[tuple[Time, Command]] = [(at, command) for _, at, command in journal.read()]

    def fault_after(self, files: dict[str, bytes], promised: int) -> str | None:
        with tempfile.TemporaryDirectory(prefix="ringfence-cut-") as name:
            shutil.copytree(self._venue, Path(name) / "venue")
            for path, content in files.items():
                (Path(name) / Path(path).name).write_bytes(content)
            place = Place(Path(name) / "venue", str(Path(name) / "venue.db"))
            try:
                back = resume(place, Asked())
            except (LiveJournalDamaged, JournalUnusable) as fault:
                return f"refused: {fault}"
            asyncio.run(back.gateway.venue.stop())
            with read_journal(place.url) as journal:
                found = [(at, command) for _, at, command in journal.read()]
            if len(found) < promised:
                return f"{promised} were acknowledged, {len(found)} found"
            if found[:promised] != self._records[:promised]:
                return f"the {promised} commands are not those that were handled"
            if any("alone" in line for line in back.story):
                return "those inside did not come back"
        return None


def main(cuts: int, seed: int, planted: str) -> None:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ringfence-power-serve-") as name:
        folder = Path(name).resolve() / "journal"
        folder.mkdir()
        calls = traced(folder, "tests.reliability.power_serve", "serve", str(folder), planted)
        promises = sum(call.what == "acknowledged" for call in calls)
        losses = cut(calls, str(folder), cuts, seed, Whole(folder).fault_after)
    print(*losses.faults, sep="\n", end="\n" if losses.faults else "")
    took = time.perf_counter() - began
    print(
        f"{losses.cuts} cuts of power under a venue (seed {seed}) in {took:.0f} s, {promises} messages sent:"
        f" {len(losses.faults)} with a loss"
    )
    raise SystemExit(bool(losses.faults))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]), sys.argv[3])
    else:
        CUTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
        SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
        main(CUTS, SEED, sys.argv[3] if len(sys.argv) > 3 else "")

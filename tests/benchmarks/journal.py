"""How many commands a second become durable, and how long it takes to come back: one JSON line.

    python -m tests.benchmarks.journal [SECONDS] [RECOVERED] [POSTGRESQL]

For each batch size a bare file is written and synced (fdatasync) with the same bytes in the same run, block by block
in turn with the journal, so `ratio` is what the journal keeps of the disk's own speed. A batch costs the journal two
syncs, of the log and of the mark: at batches of one a half is the most there can be. `engine_us` is the exchange alone.
POSTGRESQL is the address of a server whose journal is empty.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from exchange.commands import Command
from exchange.core import Exchange
from exchange.journal import open_journal, recovery, state_hash
from exchange.messages import encode
from exchange.units import SECOND, Time
from tests.reliability.stream import stream

SIZES = (1, 8, 64, 512)
PACE = SECOND // 50  # a million commands in less than a day of trading
Batch = list[tuple[Time, Command]]


@contextmanager
def bare_file(path: Path) -> Iterator[Callable[[Batch], None]]:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(batch: Batch) -> None:
        os.write(file, b"\n".join(encode(command) for _, command in batch))
        os.fdatasync(file)

    yield append
    os.close(file)


def speeds(size: int, seconds: float, url: str, folder: Path) -> dict[str, float]:
    """Commands a second, the median of short blocks, of the journal and of the bare file in turn."""
    blocks = max(4, int(seconds / 0.1))
    found: dict[str, list[float]] = {"journal": [], "file": []}
    waits: list[float] = []
    with open_journal(url) as journal, bare_file(folder / f"bare-{size}") as bare:
        for who, append, source in _turns(blocks, journal.append, bare, journal.head.sequence):
            began = time.perf_counter()
            while time.perf_counter() - began < 0.1:
                batch = list(islice(source, size))
                started = time.perf_counter()
                append(batch)
                took = time.perf_counter() - started
                if who == "journal":
                    waits.append(took)
                found[who].append(size / took)
    journal_speed, file_speed = (statistics.median(found[who]) for who in ("journal", "file"))
    ordered = sorted(waits)
    return {
        "commands_per_s": round(journal_speed),
        "bare_file_per_s": round(file_speed),
        "ratio": round(journal_speed / file_speed, 2),
        "p50_ms": round(statistics.median(waits) * 1e3, 3),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1e3, 3),
    }


def _turns(
    blocks: int, journal: Callable[[Batch], None], bare: Callable[[Batch], None], at: int
) -> Iterator[tuple[str, Callable[[Batch], None], Iterator[tuple[Time, Command]]]]:
    ours, theirs = islice(stream(), at, None), stream()
    for _ in range(blocks):
        yield "journal", journal, ours
        yield "file", bare, theirs


def recovery_times(many: int, folder: Path) -> dict[str, float]:
    path = folder / "recovered.db"
    source = stream(PACE)
    engine, venue = 0.0, Exchange()
    with open_journal(str(path)) as journal:
        for _ in range(many // 500):
            batch = list(islice(source, 500))
            journal.append(batch)
            began = time.perf_counter()
            for at, command in batch:
                venue.handle(command, at)
            engine += time.perf_counter() - began
        told = state_hash(venue)
    found = {
        "commands": many,
        "engine_us": round(engine / many * 1e6, 1),
        "database_mib": path.stat().st_size >> 20,
    }
    opened, took, whole = _recovered(path, from_snapshot=False)
    assert whole == told
    with open_journal(str(path)) as journal:
        assert journal.snapshots
        began = time.perf_counter()
        journal.snapshots.keep(venue, journal.head)
        kept = time.perf_counter() - began
        folder_of = journal.snapshots.folder
    found |= {
        "open_s": round(opened, 2),
        "replay_s": round(took, 2),
        "snapshot_written_s": round(kept, 2),
        "snapshot_mib": sum(part.stat().st_size for part in folder_of.iterdir()) >> 20,
    }
    del venue
    opened, took, quick = _recovered(path, from_snapshot=True)
    assert quick == told
    return found | {"from_snapshot_open_s": round(opened, 2), "from_snapshot_s": round(took, 2)}


def _recovered(path: Path, *, from_snapshot: bool) -> tuple[float, float, str]:
    began = time.perf_counter()
    with open_journal(str(path)) as journal:
        opened = time.perf_counter()
        found = recovery(journal, from_snapshot=from_snapshot)
        took = time.perf_counter()
        return opened - began, took - opened, state_hash(found.exchange)


def main(seconds: float, recovered: int, postgresql: str | None) -> None:
    with tempfile.TemporaryDirectory(prefix="ringfence-journal-") as name:
        folder = Path(name)
        told: dict[str, object] = {
            "sqlite": {size: speeds(size, seconds, str(folder / f"{size}.db"), folder) for size in SIZES},
            "recovery": recovery_times(recovered, folder),
        }
        if postgresql:
            told["postgresql"] = {size: speeds(size, seconds, postgresql, folder) for size in SIZES}
    print(json.dumps(told))


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 2.0,
        int(sys.argv[2]) if len(sys.argv) > 2 else 100_000,
        sys.argv[3] if len(sys.argv) > 3 else None,
    )

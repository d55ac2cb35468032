"""Kill a process that writes to a journal, at any moment, and see that nothing it had acknowledged is missing.

    python -m tests.reliability.kill [ROUNDS] [SEED]

Each round a child opens the journal, appends batches of 1 to 40 commands and tells each acknowledgement through a
pipe; it is killed with SIGKILL some milliseconds later. Then the journal is opened again: it must hold what was
acknowledged, no command twice or changed, and recover to the state of an exchange that never had a journal.
A journal lives through several kills. SIGKILL leaves the system's caches alone, so it proves nothing about
syncing: tests/reliability/power.py does.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from exchange.core import Exchange
from exchange.journal import open_journal, recovery, state_hash
from tests.reliability.stream import commands, founding, stream

KILLS_PER_JOURNAL = 8


class Survived(NamedTuple):
    rounds: int
    acknowledged: int
    restart_ms: float  # the slowest: to open, and to recover


class NeverKilled:
    """The exchange that has had no journal, and goes on beside one that is killed again and again."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.sequence = 0

    def hash_after(self, sequence: int) -> str:
        for time_ns, command in commands(sequence - self.sequence, after=self.sequence):
            self.exchange.handle(command, time_ns)
        self.sequence = sequence
        return state_hash(self.exchange)


def kill(rounds: int, seed: int) -> Survived:
    """Raises AssertionError, naming round and seed, if anything is lost, doubled or altered."""
    dice = random.Random(seed)
    founding()  # before the children are made, so that they need not
    acknowledged, slowest, twin = 0, 0.0, NeverKilled()
    folder = Path(tempfile.mkdtemp(prefix="ringfence-kill-"))
    try:
        for number in range(rounds):
            journal = folder / f"venue-{number // KILLS_PER_JOURNAL}.db"
            if number % KILLS_PER_JOURNAL == 0:
                twin = NeverKilled()
            promised = _one_life(journal, dice)
            began = time.perf_counter()
            with open_journal(str(journal)) as opened:
                found = recovery(opened, from_snapshot=number % 2 == 0)
                took = time.perf_counter() - began
                where = f"round {number} of seed {seed}: {promised} acknowledged, {found.sequence} found"
                assert found.sequence >= promised, f"lost, {where}"
                assert [(at, what) for _, at, what in opened.read()] == commands(found.sequence), where
                assert state_hash(found.exchange) == twin.hash_after(found.sequence), (
                    f"another state, {where}"
                )
                if opened.snapshots and dice.random() < 0.3:
                    opened.snapshots.keep(found.exchange, opened.head)
            acknowledged += promised
            slowest = max(slowest, took)
    finally:
        shutil.rmtree(folder)
    return Survived(rounds, acknowledged, slowest * 1_000)


def _one_life(journal: Path, dice: random.Random) -> int:
    """Up to which record the child had acknowledged when it was killed."""
    patience, seed = dice.uniform(0.005, 0.08), dice.random()
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        try:
            _write_for_ever(journal, tell, random.Random(seed))
        finally:
            os._exit(1)
    os.close(tell)
    time.sleep(patience)
    os.kill(child, signal.SIGKILL)
    with os.fdopen(hear, "rb") as heard:
        told = heard.read().split()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child ended by itself"
    return int(told[-1]) if told else 0


def _write_for_ever(journal: Path, tell: int, dice: random.Random) -> None:
    with open_journal(str(journal)) as opened:
        at = opened.head.sequence
        ahead = islice(stream(), at, None)
        while True:
            batch = list(islice(ahead, dice.randint(1, 40)))
            opened.append(batch)
            at += len(batch)
            os.write(tell, b"%d\n" % at)


if __name__ == "__main__":
    ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    BEGAN = time.perf_counter()
    SURVIVED = kill(ROUNDS, SEED)
    print(
        f"{SURVIVED.rounds} kills (seed {SEED}) in {time.perf_counter() - BEGAN:.0f} s:"
        f" {SURVIVED.acknowledged} acknowledged commands, none lost, doubled or altered;"
        f" slowest start {SURVIVED.restart_ms:.0f} ms"
    )

"""Images of a live venue: the exchange, whoever is inside with memory and dice, and all read models at one record.

They are snapshots (`exchange.journal.snapshots`) with a larger vocabulary, in the venue's folder. A start goes on from
the newest that was made by this very code and lies on the venue's journal; what it does not tell is in the other files
of the folder, in the keys, or made anew.
"""

import importlib
import logging
import pkgutil
import platform
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import participants
from exchange.gateway import books, latest, tally, wire
from exchange.gateway.logs import tell
from exchange.journal import Head, Journal
from exchange.journal.aside import Aside
from exchange.journal.snapshots import SnapshotError, Snapshots, Taken
from exchange.journal.state_image import Form, ImageError, Vocabulary, core
from participants import chance
from scenarios import live, simulation, world
from scenarios.live import Inside, LiveSimulation, Script
from scenarios.provenance import code_version, package_version
from scenarios.simulation import ARRIVALS

EVERY: Final = 20_000  # commands from one image to the next
IMAGES: Final = "images"  # in the venue's folder
_OVER_THE_WIRE: Final = ("answers", "client", "connection", "dialect", "feed", "live_book", "over_socket")
_LACKS: Final = frozenset({"_keeper", "_environment", "_history", "_founding", "_heard"})

log = logging.getLogger("ringfence.venue")


@cache
def vocabulary() -> Vocabulary:
    """What an image of a venue may name beside the core: those who decide, their lines, and the read models. Nothing
    among it opens a file or a socket."""
    people = {
        name: importlib.import_module(name)
        for name in sorted(_modules_of(participants))
        if name.split(".")[1] not in _OVER_THE_WIRE
    }
    rooms: list[ModuleType] = [simulation, live, world, books, tally, latest, wire]
    return core().more(
        Inside,
        people | {room.__name__: room for room in rooms},
        {LiveSimulation: _LACKS, Script: frozenset({"_commands"})},
        [
            Form(chance.Stream, chance.told, chance.standing),
            Form(Fraction, Fraction.as_integer_ratio, Fraction),
        ],
        ARRIVALS,
    )


def _modules_of(package: ModuleType) -> Iterator[str]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.ispkg:
            yield found.name


def made_by() -> str:
    """An image is read by the code that made it, and by no other."""
    numpy, msgspec = package_version("numpy"), package_version("msgspec")
    return f"ringfence {code_version()}, Python {platform.python_version()}, numpy {numpy}, msgspec {msgspec}"


class Images:
    """Those of one venue: read when it comes back, and kept while it runs and when it has stopped."""

    def __init__(self, folder: Path, every: int = EVERY) -> None:
        self._snapshots = Snapshots(folder / IMAGES, vocabulary(), made_by())
        self._every = every
        self._aside = Aside()
        self._inside: Inside | None = None
        self._journal: Journal | None = None
        self._tried = 0  # the record at which one was begun last

    def newest_head(self) -> Head | None:
        """The record of the newest image that looks as if it could be used."""
        for path in self._snapshots.newest_first():
            with suppress(SnapshotError):
                return self._snapshots.head_of(path)
        return None

    def newest_first(self, journal: Journal) -> Iterator[Taken | str]:
        """Each that there is, or why it cannot be used."""
        for path in self._snapshots.newest_first():
            try:
                taken = self._snapshots.read(path)
            except SnapshotError as fault:
                yield str(fault)
                continue
            yield taken if _lies_on(journal, taken.head) else f"{path} is of another journal"

    def begin(self, inside: Inside, journal: Journal, taken: Taken | None = None) -> None:
        """Keep images of what is inside, which was taken from one of them or not, from now on."""
        self._snapshots.drop_unfinished()
        self._inside, self._journal = inside, journal
        if taken is not None:
            self._snapshots.go_on_from(taken)
            self._tried = taken.head.sequence

    # --- what the venue asks for, between two batches -----------------------------------------------------

    def look(self) -> None:
        """Begin another if so many commands have come since the last one, in a copy of the process."""
        self._hear_of_the_last()
        inside, journal = self._begun()
        head = journal.head
        if head.sequence < self._tried + self._every or self._aside.is_busy:
            return
        self._tried = head.sequence
        try:
            self._aside.begin(lambda: self._keep(inside, head))
        except OSError as fault:
            self._could_not(f"{fault.strerror}")

    def keep_last(self) -> None:
        """The venue has stopped: the next start has nothing to live again."""
        self._aside.give_up()
        inside, journal = self._begun()
        if journal.head.sequence == self._snapshots.latest:
            return
        self._tried = journal.head.sequence
        try:
            self._snapshots.keep(inside, journal.head)
        except (OSError, ImageError) as fault:
            self._could_not(str(fault))

    def give_up(self) -> None:
        """The venue has ended otherwise."""
        self._aside.give_up()

    def _keep(self, inside: Inside, head: Head) -> bytes:
        self._snapshots.keep(inside, head)
        return self._snapshots.told()

    def _hear_of_the_last(self) -> None:
        outcome = self._aside.outcome()
        if outcome is None:
            return
        try:
            if outcome.fault is None:
                self._snapshots.hear(self._inside, outcome.told)
                return
            why = outcome.fault
        except (SnapshotError, ValueError) as fault:  # somebody has deleted it meanwhile
            why = str(fault)
        self._could_not(why)

    def _could_not(self, why: str) -> None:
        tell(log, logging.WARNING, "image_failed", record=self._tried, reason=why)

    def _begun(self) -> tuple[Inside, Journal]:
        assert self._inside is not None and self._journal is not None, "`begin` comes first"
        return self._inside, self._journal


def _lies_on(journal: Journal, head: Head) -> bool:
    record = next(journal.records(head.sequence - 1), None) if head.sequence else None
    return record is not None and record.check.hex() == head.check

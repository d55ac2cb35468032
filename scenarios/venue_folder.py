"""The folder of a live venue: what it was founded with, the keys to it, and its journal unless that lies elsewhere.

`venue.json` is written last: a folder without it holds no venue. Whoever can read `keys.json` can act for everybody.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from exchange.journal import Head, Journal, JournalUnusable, is_there, open_journal, promised_head
from exchange.journal.high_water import sync_folder
from exchange.messages import Message, decode, encode
from exchange.units import Time
from scenarios.provenance import Provenance, sha256, toml_text

SCHEMA_VERSION: Final = 1  # of venue.json
VENUES: Final = "ringfence-venues"  # where new ones come, if nobody says where
TERMS: Final = "venue.json"
SCENARIO: Final = "scenario.toml"
REGIME: Final = "regime.toml"
KEYS: Final = "keys.json"
JOURNAL: Final = "journal.db"
FILE: Final = "sqlite:///"


class Founded(Message, tag=False):
    """The last record of the founding: by it a journal is known to be the venue's."""

    sequence: int
    check: str


class Terms(Message, tag=False):
    """What a venue was founded with. It stays so for as long as the venue lives."""

    schema_version: int
    provenance: Provenance  # scenario, regime, seed; and the versions with which it was founded
    makers: bool
    speed: float
    opens: Time  # when its session opened
    journal: str  # without a password; a file is told as seen from the folder
    founded: Founded
    epoch: str = ""  # tells places in its channels from those of another venue; older ones say nothing


class Place(NamedTuple):
    """Where a venue is, or is to be."""

    folder: Path
    journal: str | None  # where that is, if it is said

    @property
    def is_founded(self) -> bool:
        return (self.folder / TERMS).exists()

    @property
    def keys(self) -> Path:
        return self.folder / KEYS

    @property
    def url(self) -> str:
        return self.journal or str(self.folder / JOURNAL)


def place_of(data: Path | None, journal: str | None, scenario_id: str) -> Place:
    """The folder and the journal that are named; else a new folder with the day and the hour, the journal in it.

    A journal that is a file, named alone, has the rest of the venue in a folder beside it. Raises JournalUnusable
    for a database named alone: the keys do not belong in it.
    """
    if data is None and journal is not None:
        if _is_database(journal):
            raise JournalUnusable(
                "a journal in PostgreSQL needs a folder beside it for what does not belong in a database,"
                " the keys above all. Name one with --data"
            )
        data = Path(f"{journal.removeprefix(FILE)}.venue")
    if data is None:
        day = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        data = Path(VENUES, f"{Path(scenario_id).stem}-{day}")
    return Place(data, journal)


def _is_database(url: str) -> bool:
    return "://" in url and not url.startswith(FILE)


def new_journal(place: Place) -> Journal:
    """The journal of a venue that is to be founded there, empty. Raises JournalUnusable if it is not."""
    place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    journal = open_journal(place.url)
    if journal.head.sequence:
        journal.close()
        raise JournalUnusable(
            f"{journal.name} holds {journal.head.sequence} records, but {place.folder / TERMS}, which would say of"
            " what venue, is not there. Name the venue's own folder with --data; if its founding was interrupted,"
            " nobody had been let in yet: delete both"
        )
    return journal


def its_journal(place: Place, terms: Terms, since: Head | None = None) -> Journal:
    """The journal of the venue that was founded there. What lies before its mark, or before `since` where it has none,
    is left to whoever brings the venue back. Raises JournalUnusable if it is another, or gone."""
    url = place.journal or (
        terms.journal if _is_database(terms.journal) else str(place.folder / terms.journal)
    )
    if not is_there(url):
        raise JournalUnusable(
            f"the journal of the venue in {place.folder} is not at {url}. Bring it back, or name it with --journal"
        )
    journal = open_journal(url, promised_head(url) or since)
    try:
        last = next(journal.records(terms.founded.sequence - 1), None)
        if last is None or last.check.hex() != terms.founded.check:
            raise JournalUnusable(
                f"{journal.name} is not the journal of the venue in {place.folder}. Name that one"
            )
    except BaseException:
        journal.close()
        raise
    return journal


def _said_from(folder: Path, journal: str) -> str:
    """A journal in the folder goes with it wherever it is moved to."""
    if _is_database(journal):
        return journal
    path = Path(journal).resolve()
    return path.name if path.parent == folder.resolve() else str(path)


def write_terms(
    folder: Path,
    head: Head,
    *,
    provenance: Provenance,
    scenario: Mapping[str, Any],
    regime: Mapping[str, Any],
    makers: bool,
    speed: float,
    opens: Time,
    journal: str,
    epoch: str,
) -> None:
    """Say what venue this is: from now on there is one. Scenario and regime are written as they were resolved."""
    terms = Terms(
        schema_version=SCHEMA_VERSION,
        provenance=provenance,
        makers=makers,
        speed=speed,
        opens=opens,
        journal=_said_from(folder, journal),
        founded=Founded(sequence=head.sequence, check=head.check),
        epoch=epoch,
    )
    _write(folder / SCENARIO, toml_text(scenario).encode())
    _write(folder / REGIME, toml_text(regime).encode())
    _write(folder / TERMS, encode(terms) + b"\n")


def read_terms(folder: Path) -> Terms:
    """Raises JournalUnusable if they cannot be read, or if scenario and regime are no longer those of then."""
    path = folder / TERMS
    try:
        terms = decode(path.read_bytes(), Terms)
    except ValueError as fault:
        raise JournalUnusable(f"{path} is damaged ({fault}). Restore it from a copy of the folder") from fault
    if terms.schema_version != SCHEMA_VERSION:
        raise JournalUnusable(f"{path} is of another version of ringfence. Use that one")
    made_with = {SCENARIO: terms.provenance.scenario_sha256, REGIME: terms.provenance.regime_sha256}
    for name, expected in made_with.items():
        if sha256((folder / name).read_text("utf-8")) != expected:
            raise JournalUnusable(
                f"{folder / name} is not the one with which the venue was founded. Restore it from a copy"
            )
    return terms


def _write(path: Path, content: bytes) -> None:
    """Whole and synced, or not at all."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)

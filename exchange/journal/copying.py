"""A journal brought over into a new one: of this schema, into another database, or only what is whole of it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from exchange.journal import journal_file, versions
from exchange.journal.faults import JournalUnusable, LiveJournalDamaged
from exchange.journal.live import open_journal, read_journal, whole_records
from exchange.journal.record import BEGINNING, Record, sealed, upgraded
from exchange.messages import encode
from exchange.units import Time

_BATCH = 512
_RUN = ".jsonl"  # how the journal in the folder of a run ends


class Copied(NamedTuple):
    records: int
    stopped: str | None  # the damage behind the last record, if only what is whole was asked for


def copy(source: str, target: str, *, whole: bool = False) -> Copied:
    """Write every command of `source`, also the journal of a run, into a new journal; `source` stays as it is.

    `whole`: as many as are whole, whatever is missing or damaged behind them. Raises as `open_journal`, and
    JournalUnusable if `target` holds something already.
    """
    found = _whole_of(source) if whole else _all_of(source)
    copied, stopped = 0, None
    with open_journal(target) as journal:
        if journal.head.sequence:
            raise JournalUnusable(f"{journal.name} holds {journal.head.sequence} records. Name a new journal")
        records = _sealed_anew(found)
        while stopped is None:
            batch: list[Record] = []
            try:
                for record in islice(records, _BATCH):
                    batch.append(record)  # one by one: those before a fault count
            except LiveJournalDamaged as fault:
                if not whole:
                    raise
                stopped = str(fault)
            journal.append_records(batch)
            copied += len(batch)
            if len(batch) < _BATCH:
                break
    return Copied(copied, stopped)


Told = tuple[Time, bytes, int]  # time, command, engine


def _sealed_anew(found: Iterator[Told]) -> Iterator[Record]:
    check = BEGINNING
    for sequence, (time, command, engine) in enumerate(found, 1):
        record = sealed(sequence, time, command, check, versions.SCHEMA, engine)
        check = record.check
        yield record


def _all_of(source: str) -> Iterator[Told]:
    if source.endswith(_RUN):
        for time, command in journal_file.read(Path(source)):
            yield time, encode(command), versions.ENGINE
        return
    with read_journal(source) as journal:
        for record in journal.records():
            yield record.time, upgraded(record), record.engine


def _whole_of(source: str) -> Iterator[Told]:
    for record in whole_records(source):
        yield record.time, upgraded(record), record.engine

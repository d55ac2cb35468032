"""Finds a settlement price again, from what was published and reported alone; it is shown no state of the venue."""

import heapq
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from exchange.clearing.fixing import Fixed, decide
from exchange.clearing.index import Index, IndexValue
from exchange.clearing.rounding import to_tick
from exchange.commands import (
    Command,
    EstablishVenue,
    PostponeSettlement,
    PublishReferenceRate,
    ReportTrades,
    SetCommitteePrice,
)
from exchange.events import (
    Entry,
    Event,
    IndexPublished,
    IndexStatus,
    InstrumentListed,
    SessionClosed,
    SettlementPriceProvisional,
)
from exchange.instruments import Instrument
from exchange.units import BucketId, IndexId, Time
from matching.terms import Price

Journal: TypeAlias = Iterable[tuple[Time, Command]]


def recompute(record: Iterable[Entry], journal: Journal, bucket_id: BucketId) -> Fixed | None:
    """The bucket's last provisional price as the rules give it, before the collar; None if there was none.

    Both must be whole and in order of time. Commands of one instant count before its prices.
    """
    reckoning = _Reckoning(bucket_id)
    for time, happened in _merged(record, journal):
        reckoning.take(time, happened)
    return reckoning.fixed


class _Reckoning:
    """What a reader of the record knows of one bucket so far."""

    def __init__(self, bucket_id: BucketId) -> None:
        self.fixed: Fixed | None = None
        self._bucket_id = bucket_id
        self._indices: dict[IndexId, Index] = {}
        self._terms: Instrument | None = None
        self._prior: Price = 0
        self._committee: tuple[Price, str] | None = None
        self._open = False  # to objection

    def take(self, time: Time, happened: Command | Event) -> None:
        match happened:
            case EstablishVenue() if not self._indices:
                self._indices = {terms.index_id: Index(terms) for terms in happened.indices}
            case ReportTrades() if happened.index_id in self._indices:
                self._indices[happened.index_id].report_trades(happened.trades, time)
            case PublishReferenceRate() if happened.index_id in self._indices:
                self._indices[happened.index_id].report_rate(happened.source, happened.rate, time)
            case IndexPublished():
                value = IndexValue(time, happened.value, happened.status, happened.venues)
                self._indices[happened.index_id].remember(value)
            case InstrumentListed(instrument=terms) if self._terms is None:
                if terms.bucket_id == self._bucket_id:
                    self._terms = terms
                    self._prior = terms.reference if terms.strike is None else terms.strike
            case SessionClosed():
                self._mark(time)
            case SetCommitteePrice(bucket_id=self._bucket_id) if not self._open:
                if happened.grounds and happened.price >= 0:
                    self._committee = (happened.price, happened.grounds)
            case PostponeSettlement(bucket_id=self._bucket_id):
                self._open = False
            case SettlementPriceProvisional(bucket_id=self._bucket_id):
                self._fix(time)

    def _mark(self, time: Time) -> None:
        """At a session's close the latest sound index becomes the prior settlement price."""
        terms = self._terms
        latest = self._indices[terms.underlying].latest if terms else None
        if terms and latest and latest.status is IndexStatus.OK and time < terms.expiry:
            self._prior = to_tick(latest.value, terms.tick, self._prior)

    def _fix(self, time: Time) -> None:
        """A price is provisional. One that came before it was objected to."""
        assert self._terms is not None, "what is fixed was listed"
        decided = decide(
            self._indices[self._terms.underlying],
            settlement_rule=self._terms.settlement_rule,
            expiry=self._terms.expiry,
            tick=self._terms.tick,
            prior=self._prior,
            committee=self._committee,
            objected=self.fixed.rule if self.fixed else None,
            now=time,
        )
        self.fixed, self._open = (decided if isinstance(decided, Fixed) else None), True


def _merged(record: Iterable[Entry], journal: Journal) -> Iterator[tuple[Time, Command | Event]]:
    commands = ((time, 0, command) for time, command in journal)
    events = ((entry.time, 1, entry.event) for entry in record)
    for time, _, happened in heapq.merge(commands, events, key=lambda told: told[:2]):
        yield time, happened

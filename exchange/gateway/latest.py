"""What stands in public: the last event of each lasting kind about each thing, for whoever comes late."""

from typing import Any, Final

from exchange.events import (
    BestPricesChanged,
    CashHalted,
    CashResumed,
    CustodyGated,
    CustodyReopened,
    Entry,
    Event,
    IndexPublished,
    InstrumentListed,
    InstrumentRedenominated,
    IssuerStateChanged,
    MarkPublished,
    NoteRegistered,
    PerpetualRolled,
    PhaseChanged,
    SeriesStateChanged,
    SessionClosed,
    SessionOpened,
    TradeReported,
)

ABOUT: Final[dict[type[Event], str]] = {  # by which field a kind names its thing; "": there is but one
    InstrumentListed: "instrument",
    NoteRegistered: "instrument",
    PerpetualRolled: "instrument",
    InstrumentRedenominated: "instrument",
    SeriesStateChanged: "instrument_id",
    PhaseChanged: "instrument_id",
    BestPricesChanged: "instrument_id",
    TradeReported: "instrument_id",
    MarkPublished: "instrument_id",
    IndexPublished: "index_id",
    CustodyGated: "asset_id",
    CustodyReopened: "asset_id",
    CashHalted: "asset_id",
    CashResumed: "asset_id",
    IssuerStateChanged: "asset_id",
    SessionOpened: "",
    SessionClosed: "",
}


class Latest:
    """To be told every public entry, in order."""

    def __init__(self) -> None:
        self._entries: dict[tuple[type[Event], str], Entry] = {}

    def take(self, entry: Entry) -> None:
        kind = type(entry.event)
        field = ABOUT.get(kind)
        if field is None:
            return
        thing: Any = getattr(entry.event, field) if field else ""
        self._entries[kind, thing.instrument_id if field == "instrument" else thing] = entry

    def entries(self) -> list[Entry]:
        """In the order in which they happened."""
        return sorted(self._entries.values(), key=lambda entry: entry.sequence)

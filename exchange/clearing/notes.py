"""Structured notes: who owns their units, what was promised, and how far each has come in its life.

    draft -> registered -> placing -> listed -> (coupon -> listed)* -> fixed -> redeeming -> redeemed

An issuer that does not pay is in default, from `listed` or from `redeeming`; what it still owes is then on
record, and is paid off in `recovery`. Units are paid for in full and covered like spot, so nobody but the
issuer can owe anything here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exchange.clearing import accounts
from exchange.clearing.cover import CapitalAtRisk, Order, Purchases
from exchange.clearing.ledger import Ledger, Rule
from exchange.clearing.rounding import allocate, divide_up
from exchange.clearing.spot import SpotCover, asset_of
from exchange.events import NoteState
from exchange.instruments import Instrument, NoteTerms
from exchange.units import InstrumentId, Money
from matching.terms import ParticipantId

_S = NoteState

NEXT: dict[NoteState, tuple[NoteState, ...]] = {
    _S.DRAFT: (_S.REGISTERED,),
    _S.REGISTERED: (_S.PLACING,),
    _S.PLACING: (_S.LISTED,),
    _S.LISTED: (_S.COUPON, _S.FIXED, _S.ISSUER_DEFAULT),
    _S.COUPON: (_S.LISTED,),
    _S.FIXED: (_S.REDEEMING,),
    _S.REDEEMING: (_S.REDEEMED, _S.ISSUER_DEFAULT),
    _S.ISSUER_DEFAULT: (_S.RECOVERY,),
    _S.RECOVERY: (_S.REDEEMED,),
    _S.REDEEMED: (),
}


class Payment(NamedTuple):
    """What one holder was due, and what it got of it at once."""

    holder: ParticipantId
    due: Money
    paid: Money


class Redemption(NamedTuple):
    """Units that were paid off: what all of them were due, and what came of it at once."""

    units: int
    due: Money
    paid: Money


@dataclass(slots=True, eq=False)
class Note:
    """One note. `owed` is what the issuer owes its holders and did not pay when it was due."""

    instrument: Instrument
    terms: NoteTerms
    state: NoteState = NoteState.DRAFT
    placed: int = 0  # units, all of them since the placement began
    redeemed: int = 0
    payout: Money | None = None  # of one unit, once the price is final
    last_mark: bool = False  # there was no price but the last one
    redemptions: dict[ParticipantId, Redemption] = field(default_factory=dict)
    owed: dict[ParticipantId, Money] = field(default_factory=dict)

    @property
    def escrow(self) -> str:
        return accounts.note_escrow(self.instrument.instrument_id)

    def enter(self, to: NoteState) -> None:
        """One step along its life; a step that the table does not know is our bug."""
        assert to in NEXT[self.state], f"a note that is {self.state} cannot become {to}"
        self.state = to

    def owe(self, payments: Iterable[Payment]) -> None:
        """Put on record what was due and has not been paid."""
        for holder, due, paid in payments:
            if due > paid:
                self.owed[holder] = self.owed.get(holder, 0) + due - paid


class NotesCover(SpotCover):
    """Notes are owned and traded as spot is: units against cash, in one chain."""

    def __init__(
        self,
        ledger: Ledger,
        at_risk: dict[ParticipantId, CapitalAtRisk],
        purchases: dict[ParticipantId, Purchases],
    ) -> None:
        super().__init__(ledger, at_risk, purchases)
        self.every: dict[InstrumentId, Note] = {}

    def list_series(self, instrument: Instrument, live: Iterable[Order]) -> str | None:
        """Open the accounts that a note needs beside those of its units."""
        for account_id in (
            accounts.note_escrow(instrument.instrument_id),
            accounts.rounding(instrument.cash),
        ):
            self._ledger.open(account_id, instrument.cash, Rule.LIABILITY)
        return super().list_series(instrument, live)

    def holdings(self, note: Note) -> dict[ParticipantId, int]:
        """Units of everybody but the issuer, which cannot owe itself, in the order of their names."""
        asset_id = asset_of(note.instrument)
        owned = {who: self.units(who, asset_id) for who in sorted(self.owners.get(asset_id, {}))}
        return {who: units for who, units in owned.items() if units and who != note.terms.issuer}


def coupon_due(
    note: Note, rate_bp: int, holdings: Mapping[ParticipantId, int]
) -> tuple[dict[ParticipantId, Money], Money]:
    """What each holder receives, rounded down, and what the issuer pays, rounded up. The house keeps the rest."""
    nominal = note.terms.payoff.nominal
    received = {who: units * nominal * rate_bp // 10_000 for who, units in holdings.items()}
    return received, divide_up(sum(holdings.values()) * nominal * rate_bp, 10_000)


def share_out(money: Money, due: Mapping[ParticipantId, Money]) -> list[Payment]:
    """All of what is due if there is enough, and otherwise to each its share, by largest remainder."""
    holders, claims = list(due), list(due.values())
    total = sum(claims)
    parts = claims if money >= total else allocate(money, claims, claims)
    return [Payment(who, claim, part) for who, claim, part in zip(holders, claims, parts, strict=True)]

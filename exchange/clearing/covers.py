"""Which cover each listed series has, and what a participant holds and risks over all of them."""

from collections.abc import Iterable

from mypy_extensions import mypyc_attr

from exchange.clearing.cash_pairs import CashPairCover
from exchange.clearing.cover import Account, CapitalAtRisk, Cover, Holder, Order, Purchases, TradeSide
from exchange.clearing.denomination import Conversion
from exchange.clearing.full import FullCover
from exchange.clearing.ledger import Ledger, Move
from exchange.clearing.margin import MarginCover
from exchange.clearing.notes import NotesCover
from exchange.clearing.spot import SpotCover
from exchange.clearing.terms import ClearingRules
from exchange.instruments import ContractKind, Instrument, Product
from exchange.units import AssetId, InstrumentId, Money
from matching.terms import ParticipantId, Price, Quantity, Side


@mypyc_attr(serializable=True)  # made bare when an image is read
class Covers:
    """One cover of each kind; a series is listed under one of them and stays there."""

    def __init__(self, ledger: Ledger) -> None:
        self._at_risk: dict[ParticipantId, CapitalAtRisk] = {}
        self._behind: dict[ParticipantId, CapitalAtRisk] = {}  # by member
        self.full = FullCover(ledger, self._at_risk)
        self.margin: MarginCover | None = None  # of derivatives, under a regime with margin
        self._ledger = ledger
        self._purchases: dict[ParticipantId, Purchases] = {}
        self.spot = SpotCover(ledger, self._at_risk, self._purchases)
        self.notes = NotesCover(ledger, self._at_risk, self._purchases)
        self.cash_pairs = CashPairCover(ledger, self._at_risk)
        self._cover_of: dict[InstrumentId, Cover] = {}

    def begin_margin(self, rules: ClearingRules, cash: AssetId, conversion: Conversion) -> None:
        """From now on derivatives are listed under margin; those that are listed already stay as they are."""
        self.margin = MarginCover(self._ledger, self._at_risk, rules, cash, conversion)

    @property
    def by_margin(self) -> MarginCover:
        """The cover by margin, for those whom it alone can have brought here."""
        assert self.margin is not None, "nobody is valued, called or closed out under full cover"
        return self.margin

    def list_series(self, instrument: Instrument, live: Iterable[Order]) -> str | None:
        """Put the series under its cover, or say why it cannot be listed."""
        cover = self._cover_for(instrument)
        fault = cover.list_series(instrument, live)
        if fault is None:
            self._cover_of[instrument.instrument_id] = cover
        return fault

    def _cover_for(self, instrument: Instrument) -> Cover:
        """A rolling perpetual is a chain of bounded claims, and so is covered in full under any regime."""
        match instrument.product:
            case Product.SPOT:
                return self.spot
            case Product.NOTE:
                return self.notes
            case Product.CASH_PAIR:
                return self.cash_pairs
        if self.margin is None or instrument.kind is ContractKind.PERP_ROLLING:
            return self.full
        return self.margin

    def account(self, holder: Holder, instrument_id: InstrumentId, side: Side) -> Account:
        """The account in which the holder's orders of that side in the series count."""
        return self._cover_of[instrument_id].account(holder, instrument_id, side)

    def known_account(
        self, participant_id: ParticipantId, instrument_id: InstrumentId, side: Side
    ) -> Account | None:
        """That account, if there is one: to look is not to open."""
        return self._cover_of[instrument_id].known_account(participant_id, instrument_id, side)

    def clear(self, buyer: TradeSide, seller: TradeSide, quantity: Quantity, price: Price) -> list[Move]:
        """Book a trade on both sides at once, in one chain."""
        cover = self._cover_of[buyer[0].instrument.instrument_id]
        return cover.clear(buyer, seller, quantity, price)

    def position(self, participant_id: ParticipantId, instrument_id: InstrumentId) -> int:
        """Lots that the participant holds: positive if long."""
        return self._cover_of[instrument_id].position(participant_id, instrument_id)

    def open_interest(self, instrument_id: InstrumentId) -> Quantity:
        """Lots held short, which are as many as are held long. What is owned outright has none."""
        held = self._cover_of[instrument_id].positions(instrument_id)
        return sum(max(-quantity, 0) for quantity in held.values())

    def at_risk(self, participant_id: ParticipantId) -> Money:
        """Capital at risk under all covers."""
        risk = self._at_risk.get(participant_id)
        return risk.amount if risk else 0

    def purchases(self, participant_id: ParticipantId) -> Purchases:
        """Of units, spot and notes together. To look is not to remember: of whoever has none nothing is kept."""
        return self._purchases.get(participant_id) or Purchases()

    def begin_year(self) -> None:
        """Purchases are counted anew."""
        for purchases in self._purchases.values():
            purchases.bought = 0

    def at_risk_of_all(self) -> Money:
        """Capital at risk of everybody, under all covers."""
        return sum(risk.amount for risk in self._at_risk.values())

    def behind(self, member_id: ParticipantId) -> Money:
        """Capital at risk of a member and of all for whom it stands in."""
        total = self._behind.get(member_id)
        return total.amount if total else self.at_risk(member_id)

    def stand_behind(self, participant_id: ParticipantId, member_id: ParticipantId | None) -> None:
        """From now on what the participant risks counts with that member; a member stands behind itself."""
        own = self._at_risk.setdefault(participant_id, CapitalAtRisk())
        if own.behind is not None:
            own.behind.amount -= own.amount
        own.behind = None if member_id is None else self._behind.setdefault(member_id, CapitalAtRisk())
        if own.behind is not None:
            own.behind.amount += own.amount

    def claims(self) -> dict[ParticipantId, Money]:
        """What the house keeps for everybody's positions: shares of pools, which are never negative and add up to
        them, collateral, and shares of the default fund.
        """
        claims: dict[ParticipantId, Money] = {}
        for shares in self.full.shares().values():
            for who, share in shares.items():
                claims[who] = claims.get(who, 0) + share
        for who in self.margin.accounts if self.margin else ():
            claims[who] = claims.get(who, 0) + self.by_margin.locked(who)
        return claims

    def of_units(self, asset_id: AssetId) -> SpotCover:
        """Who keeps account of units of the asset: the notes for their own, spot for all others."""
        return self.notes if asset_id in self.notes.owners else self.spot

    def locked(self, participant_id: ParticipantId) -> Money:
        """What the house keeps for all positions of the participant, in minor units of the settlement asset."""
        margined = self.margin.locked(participant_id) if self.margin else 0
        return self.full.locked(participant_id) + margined

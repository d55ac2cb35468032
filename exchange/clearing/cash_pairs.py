"""One cash asset against another: both move in one chain, or neither does (delivery versus payment, model 1).

A buyer sets aside what it pays and its fee, a seller the coins that it sells, each out of its cash of that asset.
Nothing is promised and no coin is crypto, so nothing of this counts as capital at risk.
"""

from collections.abc import Iterable, Iterator

from mypy_extensions import mypyc_attr

from exchange.clearing import accounts
from exchange.clearing.cover import Account, CapitalAtRisk, Holder, Order, TradeSide
from exchange.clearing.ledger import Ledger, Move, Rule
from exchange.clearing.spot import DeliveryAccount, asset_of, lot_units
from exchange.instruments import Instrument
from exchange.reasons import RejectReason
from exchange.units import AssetId, InstrumentId, Money
from matching.terms import ParticipantId, Price, Quantity, Side


class SellingSide(DeliveryAccount):
    """The coins that a participant's orders to sell would deliver."""

    __slots__ = ()

    lacking = RejectReason.INSUFFICIENT_CASH


class PayingSide(SellingSide):
    """What its orders to buy would pay, fees included."""

    __slots__ = ()

    def for_one_lot(self, order: Order) -> Money:
        return order.price * order.instrument.tick_value + order.worst_fee


@mypyc_attr(serializable=True)  # made bare when an image is read
class Sides:
    """One participant's two accounts in one series."""

    __slots__ = ("paying", "selling")

    def __init__(self, who: ParticipantId, instrument: Instrument, at_risk: CapitalAtRisk) -> None:
        base, cash = asset_of(instrument), instrument.cash
        self.paying = PayingSide(accounts.cash(who, cash), accounts.hold(who, cash), at_risk)
        self.selling = SellingSide(accounts.cash(who, base), accounts.hold(who, base), at_risk)


@mypyc_attr(serializable=True)  # made bare when an image is read
class CashPairCover:
    """All pairs of cash assets, and who trades them. How much each has is for the ledger to say."""

    def __init__(self, ledger: Ledger, at_risk: dict[ParticipantId, CapitalAtRisk]) -> None:
        self._ledger = ledger
        self._at_risk = at_risk
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.sides: dict[InstrumentId, dict[ParticipantId, Sides]] = {}

    def list_series(self, instrument: Instrument, _live: Iterable[Order]) -> str | None:
        self.instruments[instrument.instrument_id] = instrument
        self.sides[instrument.instrument_id] = {}
        return None

    def account(self, holder: Holder, instrument_id: InstrumentId, side: Side) -> Account:
        sides = self._sides_of(holder.participant_id, instrument_id)
        return sides.paying if side > 0 else sides.selling

    def known_account(
        self, participant_id: ParticipantId, instrument_id: InstrumentId, side: Side
    ) -> Account | None:
        sides = self.sides[instrument_id].get(participant_id)
        if sides is None:
            return None
        return sides.paying if side > 0 else sides.selling

    def _sides_of(self, who: ParticipantId, instrument_id: InstrumentId) -> Sides:
        """The participant's accounts, here and on the ledger; opened if there are none."""
        found = self.sides[instrument_id].get(who)
        if found is None:
            instrument = self.instruments[instrument_id]
            at_risk = self._at_risk.setdefault(who, CapitalAtRisk())
            found = self.sides[instrument_id][who] = Sides(who, instrument, at_risk)
            for asset_id in (asset_of(instrument), instrument.cash):
                self._ledger.open(accounts.cash(who, asset_id), asset_id, Rule.LIABILITY)
                self._ledger.open(accounts.hold(who, asset_id), asset_id, Rule.LIABILITY)
        return found

    def held(self, participant_id: ParticipantId, asset_id: AssetId) -> Money:
        """What the participant's live orders here have set aside of a cash asset."""
        hold_account = accounts.hold(participant_id, asset_id)
        return sum(a.hold for a in self.of(participant_id) if a.hold_account == hold_account)

    def of(self, participant_id: ParticipantId) -> Iterator[DeliveryAccount]:
        """Every account of the participant, of either side."""
        for by_participant in self.sides.values():
            sides = by_participant.get(participant_id)
            if sides is not None:
                yield from (sides.paying, sides.selling)

    def position(self, participant_id: ParticipantId, instrument_id: InstrumentId) -> int:
        """Whole lots of the coin that the participant has at the venue, those that its orders would sell included."""
        instrument, asset_id = self.instruments[instrument_id], asset_of(self.instruments[instrument_id])
        names = (accounts.cash(participant_id, asset_id), accounts.hold(participant_id, asset_id))
        owned = sum(self._ledger.posted(name) for name in names if name in self._ledger)
        return owned // lot_units(instrument)

    def positions(self, instrument_id: InstrumentId) -> dict[ParticipantId, int]:
        return {who: self.position(who, instrument_id) for who in self.sides[instrument_id]}

    def locked(self, _participant_id: ParticipantId) -> Money:
        """Nothing: what is owned outright needs no cover."""
        return 0

    def clear(self, buyer: TradeSide, seller: TradeSide, quantity: Quantity, price: Price) -> list[Move]:
        """Coins to the buyer, the price to the seller less its fee, the fees to the house, the rest back."""
        (bid, buyer_fee), (ask, seller_fee) = buyer, seller
        instrument = bid.instrument
        base, cash = asset_of(instrument), instrument.cash
        sides = self.sides[instrument.instrument_id]
        paying, selling = sides[bid.owner].paying, sides[ask.owner].selling
        coins, paid = quantity * lot_units(instrument), quantity * price * instrument.tick_value
        selling.close_order(ask, quantity)
        hold = -paying.close_order(bid, quantity)
        moves = [
            (selling.hold_account, accounts.cash(bid.owner, base), coins),
            (paying.hold_account, accounts.cash(ask.owner, cash), paid - seller_fee),
            (paying.hold_account, accounts.fees(cash), buyer_fee + seller_fee),
            (paying.hold_account, paying.source, hold - paid - buyer_fee),
        ]
        return [move for move in moves if move[2]]

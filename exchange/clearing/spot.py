"""Spot: units against cash by delivery versus payment, model 1. Both move in one chain, or neither does.

Nothing is promised here, so nothing need be covered: a buyer sets aside the cash and its fee, a seller the
units. What is at risk is what the units cost (and what live orders would pay for more), at average cost.
When some of the units go, the cost that goes with them is rounded down: what stays is never understated, and
with the last unit all of it is gone. Units that were brought from outside have cost nothing here.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from mypy_extensions import mypyc_attr

from exchange.clearing import accounts
from exchange.clearing.cover import (
    Account,
    CapitalAtRisk,
    Holder,
    Order,
    Purchases,
    Requirement,
    TradeSide,
)
from exchange.clearing.ledger import Ledger, Move, Rule
from exchange.instruments import Instrument
from exchange.messages import changed
from exchange.reasons import RejectReason
from exchange.units import AssetId, InstrumentId, Money
from matching.terms import ParticipantId, Price, Quantity, Side


@mypyc_attr(serializable=True)  # made bare when an image is read
class BuyingAccount:
    """What one participant's units of an asset have cost, and the cash that its orders to buy more may take.

    `lot_losses` of an order is the price of one lot, in minor units of cash.
    """

    __slots__ = (
        "at_risk",
        "cost",
        "fee_reserve",
        "hold",
        "hold_account",
        "order_cost",
        "purchases",
        "source",
        "worst",
    )

    def __init__(self, holder: Holder, at_risk: CapitalAtRisk, purchases: Purchases) -> None:
        self.source, self.hold_account = holder.cash_account, holder.hold_account
        self.at_risk = at_risk
        self.purchases = purchases
        self.cost: Money = 0  # of the units held
        self.order_cost: Money = 0
        self.fee_reserve: Money = 0
        self.worst: Money = 0
        self.hold: Money = 0

    def requirement_with(self, order: Order) -> Requirement:
        order.lot_losses = [order.price * order.instrument.tick_value]
        order_cost = self.order_cost + order.lot_losses[0] * order.remaining
        reserve = self.fee_reserve + order.worst_fee * order.remaining
        return order_cost, reserve, self.cost + order_cost, order_cost + reserve

    def lack(self, order: Order, spendable: Money) -> RejectReason | None:
        assert order.need is not None, "reckoned before it is paid for"
        short = order.need[3] - self.hold - order.released > spendable
        return RejectReason.INSUFFICIENT_CASH if short else None

    def open_order(self, need: Requirement) -> Money:
        before = self.hold
        self.purchases.ordered += need[0] - self.order_cost
        self.order_cost, self.fee_reserve, _, self.hold = need
        self._reckon()
        return self.hold - before

    def close_order(self, order: Order, quantity: Quantity) -> Money:
        before = self.hold
        cost = order.lot_losses[0] * quantity
        self.order_cost -= cost
        self.purchases.ordered -= cost
        self.fee_reserve -= order.worst_fee * quantity
        self._reckon()
        return self.hold - before

    def reopen_order(self, order: Order) -> None:
        self.close_order(order, -order.remaining)

    def take_in(self, cost: Money) -> None:
        """Units have come in that cost so much."""
        self.cost += cost
        self.purchases.bought += cost
        self.purchases.kept += cost
        self._reckon()

    def give_out(self, units: int, held: int) -> None:
        """So many of the units held go, and the average cost of them with them, rounded down."""
        went = self.cost * units // held
        self.cost -= went
        self.purchases.kept -= went
        self._reckon()

    def _reckon(self) -> None:
        self.hold = self.order_cost + self.fee_reserve
        before = self.worst
        self.worst = self.cost + self.order_cost
        self.at_risk.note(before, self.worst)


@mypyc_attr(serializable=True)  # made bare when an image is read
class DeliveryAccount:
    """What a participant's orders would deliver of one asset: the same for each lot. It puts nothing more at risk.

    `lot_losses` of an order is how many minor units of the asset a lot of it delivers.
    """

    __slots__ = ("at_risk", "hold", "hold_account", "source", "worst")

    lacking: ClassVar[RejectReason]

    def __init__(self, source: str, hold_account: str, at_risk: CapitalAtRisk) -> None:
        self.source, self.hold_account = source, hold_account
        self.at_risk = at_risk
        self.worst: Money = 0
        self.hold = 0  # minor units of the asset

    def for_one_lot(self, order: Order) -> int:
        return lot_units(order.instrument)

    def requirement_with(self, order: Order) -> Requirement:
        order.lot_losses = [self.for_one_lot(order)]
        return None, 0, 0, self.hold + order.lot_losses[0] * order.remaining

    def lack(self, order: Order, spendable: int) -> RejectReason | None:
        assert order.need is not None, "reckoned before it is delivered"
        short = order.need[3] - self.hold - order.released > spendable
        return self.lacking if short else None

    def open_order(self, need: Requirement) -> int:
        before, self.hold = self.hold, need[3]
        return self.hold - before

    def close_order(self, order: Order, quantity: Quantity) -> int:
        change = -order.lot_losses[0] * quantity
        self.hold += change
        return change

    def reopen_order(self, order: Order) -> None:
        self.close_order(order, -order.remaining)


class SellingAccount(DeliveryAccount):
    """The units of one asset that a participant's orders would sell."""

    __slots__ = ()

    lacking = RejectReason.INSUFFICIENT_UNITS


@mypyc_attr(serializable=True)  # made bare when an image is read
class Owner:
    """One participant's two accounts for one asset."""

    __slots__ = ("buying", "holder", "selling")

    def __init__(
        self, holder: Holder, asset_id: AssetId, at_risk: CapitalAtRisk, purchases: Purchases
    ) -> None:
        self.holder = holder
        self.buying = BuyingAccount(holder, at_risk, purchases)
        who = holder.participant_id
        self.selling = SellingAccount(
            accounts.units(who, asset_id), accounts.unit_hold(who, asset_id), at_risk
        )


@mypyc_attr(serializable=True)  # made bare when an image is read
class SpotCover:
    """All assets of which units are traded, and who owns them. How many is for the ledger to say."""

    def __init__(
        self,
        ledger: Ledger,
        at_risk: dict[ParticipantId, CapitalAtRisk],
        purchases: dict[ParticipantId, Purchases],
    ) -> None:
        self._ledger = ledger
        self._at_risk = at_risk
        self._purchases = purchases
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.owners: dict[AssetId, dict[ParticipantId, Owner]] = {}

    # --- listing and reading ------------------------------------------------------------------------

    def list_series(self, instrument: Instrument, _live: Iterable[Order]) -> str | None:
        asset_id = asset_of(instrument)
        self.instruments[instrument.instrument_id] = instrument
        self.owners.setdefault(asset_id, {})
        self._ledger.open(accounts.register(asset_id), asset_id, Rule.MIRROR)
        return None

    def account(self, holder: Holder, instrument_id: InstrumentId, side: Side) -> Account:
        owner = self.owner(holder, asset_of(self.instruments[instrument_id]))
        return owner.buying if side > 0 else owner.selling

    def known_account(
        self, participant_id: ParticipantId, instrument_id: InstrumentId, side: Side
    ) -> Account | None:
        owner = self.owners.get(asset_of(self.instruments[instrument_id]), {}).get(participant_id)
        if owner is None:
            return None
        return owner.buying if side > 0 else owner.selling

    def owner(self, holder: Holder, asset_id: AssetId) -> Owner:
        """The holder's accounts for the asset, here and on the ledger; opened if there are none."""
        owners = self.owners.setdefault(asset_id, {})
        found = owners.get(holder.participant_id)
        if found is None:
            who = holder.participant_id
            at_risk = self._at_risk.setdefault(who, CapitalAtRisk())
            purchases = self._purchases.setdefault(who, Purchases())
            found = owners[who] = Owner(holder, asset_id, at_risk, purchases)
            for account_id in (found.selling.source, found.selling.hold_account):
                self._ledger.open(account_id, asset_id, Rule.LIABILITY)
        return found

    def redenominate(self, cash: AssetId) -> None:
        """Units are paid for in another asset from now on. No order may be live; seats must know it already."""
        self.instruments = {i: changed(terms, cash=cash) for i, terms in self.instruments.items()}
        for owners in self.owners.values():
            for owner in owners.values():
                owner.buying.source = owner.holder.cash_account
                owner.buying.hold_account = owner.holder.hold_account

    def units(self, participant_id: ParticipantId, asset_id: AssetId) -> int:
        """Minor units that the participant owns: free, held for orders, or on their way out."""
        owner = self.owners.get(asset_id, {}).get(participant_id)
        if owner is None:
            return 0
        return self._ledger.posted(owner.selling.source) + self._ledger.posted(owner.selling.hold_account)

    def free_units(self, participant_id: ParticipantId, asset_id: AssetId) -> int:
        """Minor units that the participant could sell or take out."""
        owner = self.owners.get(asset_id, {}).get(participant_id)
        return self._ledger.available(owner.selling.source) if owner else 0

    def position(self, participant_id: ParticipantId, instrument_id: InstrumentId) -> int:
        """Whole lots of what the participant owns."""
        instrument = self.instruments[instrument_id]
        return self.units(participant_id, asset_of(instrument)) // lot_units(instrument)

    def positions(self, instrument_id: InstrumentId) -> dict[ParticipantId, int]:
        owners = self.owners[asset_of(self.instruments[instrument_id])]
        return {who: self.position(who, instrument_id) for who in owners}

    def locked(self, _participant_id: ParticipantId) -> Money:
        """Nothing: what is owned outright needs no cover."""
        return 0

    def held(self, participant_id: ParticipantId) -> Money:
        """Cash that is set aside for the participant's orders to buy."""
        return sum(owner.buying.hold for _, owner in self.of(participant_id))

    def of(self, participant_id: ParticipantId) -> Iterator[tuple[AssetId, Owner]]:
        """Every asset of which the participant has accounts."""
        for asset_id, owners in self.owners.items():
            if participant_id in owners:
                yield asset_id, owners[participant_id]

    def settle(self, holder: Holder, asset_id: AssetId, came: int, went: int, cost: Money) -> None:
        """Units have come and gone by settlement, off the book; those that came have cost so much.

        What came is taken in first, so that what went takes the average cost of all of it along.
        """
        buying = self.owner(holder, asset_id).buying
        if came:
            buying.take_in(cost)
        if went:
            buying.give_out(went, self.units(holder.participant_id, asset_id) + went)

    # --- trades -------------------------------------------------------------------------------------

    def clear(self, buyer: TradeSide, seller: TradeSide, quantity: Quantity, price: Price) -> list[Move]:
        """Units to the buyer, the price to the seller less its fee, the fees to the house, the rest back."""
        (bid, buyer_fee), (ask, seller_fee) = buyer, seller
        instrument = bid.instrument
        asset_id = asset_of(instrument)
        to, of = self.owners[asset_id][bid.owner], self.owners[asset_id][ask.owner]
        units, paid = quantity * lot_units(instrument), quantity * price * instrument.tick_value
        of.buying.give_out(units, self.units(ask.owner, asset_id))
        of.selling.close_order(ask, quantity)
        hold = -to.buying.close_order(bid, quantity)
        to.buying.take_in(paid)
        cash = to.buying.hold_account
        moves = [
            (of.selling.hold_account, to.selling.source, units),
            (cash, of.buying.source, paid - seller_fee),
            (cash, accounts.fees(instrument.cash), buyer_fee + seller_fee),
            (cash, to.buying.source, hold - paid - buyer_fee),
        ]
        return [move for move in moves if move[2]]


def asset_of(instrument: Instrument) -> AssetId:
    """The asset of which units change hands."""
    assert instrument.base, "an instrument in units has a base"
    return instrument.base


def lot_units(instrument: Instrument) -> int:
    """Minor units of it in one lot."""
    assert instrument.lot_units, "an instrument in units has a lot"
    return instrument.lot_units

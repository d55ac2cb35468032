"""Contract terms, and the only place where prices become money.

A capped future is a bounded claim: at expiry it pays `clamp(S, floor, cap) - floor` ticks, so what a
buyer can lose (price - floor) and what a seller can lose (cap - price) are known when the trade is made.
"""

from enum import StrEnum

from exchange.messages import Message
from exchange.units import AssetId, BasisPoints, BucketId, IndexId, IndexPrice, InstrumentId, Money, Time
from matching.terms import Price, Quantity


class Product(StrEnum):
    """What may be traded, in the words of an access regime."""

    FUTURE = "future"
    SPOT = "spot"


class Asset(Message):
    """A cash asset or a crypto asset that the ledger counts in whole minor units."""

    asset_id: AssetId
    scale: int  # one unit is 10**scale minor units
    title: str


class Instrument(Message):
    """A cash-settled capped future (`FUTURE`), or an asset against cash (`SPOT`).

    One lot moves `tick_value` minor units of `cash` for each tick. The price of a spot instrument is
    bounded by the same `floor` and `cap`; `lot_units` are the minor units of `base` that one lot delivers.
    """

    instrument_id: InstrumentId
    product: Product
    underlying: IndexId
    base: AssetId
    cash: AssetId
    tick: IndexPrice  # index units in one tick
    tick_value: Money  # minor units of `cash` for one tick of one lot
    floor: Price
    cap: Price
    reference: Price  # the price at listing, and the prior settlement until there is a newer one
    fee_maker: Money  # per lot
    fee_taker: Money  # per lot
    max_quantity: Quantity  # of one order
    price_band_bp: BasisPoints  # how far from the index an order may be priced
    protection_bp: BasisPoints  # how far from the best opposite price a market order may trade
    expiry: Time | None = None  # a future's last instant of trading
    lot_units: int = 0  # spot only

    @property
    def bucket_id(self) -> BucketId:
        """Claims on one underlying that expire together share one escrow pool and net in it."""
        return BucketId(f"{self.underlying}@{self.expiry}:{self.cash}")

    def payoff(self, settlement: Price) -> Price:
        """Ticks that one long lot receives if the future settles at `settlement`."""
        return min(max(settlement, self.floor), self.cap) - self.floor

    def claim_price(self, price: Price) -> Price:
        """A traded price as the price of the bounded claim: 0 at the floor."""
        return price - self.floor


def fault_in(terms: Instrument) -> str | None:
    """Why these terms cannot be listed, or None. The remedy is part of the sentence."""
    faults = (
        (type(terms.tick_value) is not int or terms.tick_value < 1,
         f"tick_value must be a whole, positive number of minor units, not {terms.tick_value}"),
        (terms.tick < 1, f"tick must be at least one index unit, not {terms.tick}"),
        (terms.floor < 0, f"floor must not be negative, but is {terms.floor}"),
        (terms.floor >= terms.cap, f"floor {terms.floor} must lie below cap {terms.cap}"),
        (not terms.floor < terms.reference < terms.cap,
         f"reference {terms.reference} must lie between floor {terms.floor} and cap {terms.cap}"),
        (min(terms.fee_maker, terms.fee_taker) < 0, "fees must not be negative"),
        (terms.max_quantity < 1, f"max_quantity must be a lot or more, not {terms.max_quantity}"),
        (min(terms.price_band_bp, terms.protection_bp) < 1,
         "price_band_bp and protection_bp must be positive"),
        (terms.product is Product.FUTURE and terms.expiry is None, "a future needs an expiry"),
        (terms.product is Product.SPOT and terms.lot_units < 1, "spot needs lot_units of its base"),
    )  # fmt: skip
    return next((sentence for wrong, sentence in faults if wrong), None)

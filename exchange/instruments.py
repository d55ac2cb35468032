"""Contract terms, and the only place where prices become money.

Every derivative is a bounded claim: at expiry it pays between nothing and its width, whatever the settlement
price S, since S is clamped to the collar [floor, cap] of its series. So what a buyer can lose (the claim's
price) and what a seller can lose (the width less that price) are known when the trade is made.

Spot is no claim: units of a crypto asset change hands against cash.
"""

from enum import StrEnum

from exchange.clearing.rounding import divide_up
from exchange.messages import UNSTATED, Message, Unstated
from exchange.units import AssetId, BasisPoints, BucketId, IndexId, IndexPrice, InstrumentId, Money, Time
from matching.terms import Allocation, Price, Quantity


class Product(StrEnum):
    """What may be traded, in the words of an access regime."""

    FUTURE = "future"
    OPTION = "option"
    SPOT = "spot"


class ContractKind(StrEnum):
    CAPPED_FUTURE = "capped_future"
    CALL = "call"
    PUT = "put"
    DIGITAL_CALL = "digital_call"
    DIGITAL_PUT = "digital_put"
    SPOT = "spot"


PRODUCT_OF: dict[ContractKind, Product] = {
    ContractKind.CAPPED_FUTURE: Product.FUTURE,
    ContractKind.CALL: Product.OPTION,
    ContractKind.PUT: Product.OPTION,
    ContractKind.DIGITAL_CALL: Product.OPTION,
    ContractKind.DIGITAL_PUT: Product.OPTION,
    ContractKind.SPOT: Product.SPOT,
}


class Asset(Message):
    """A cash asset or a crypto asset that the ledger counts in whole minor units."""

    asset_id: AssetId
    scale: int  # one unit is 10**scale minor units
    title: str
    confirmations: int | Unstated = (
        UNSTATED  # of a crypto asset: blocks until a transaction on its chain counts
    )
    block_interval: Time | Unstated = UNSTATED


class Instrument(Message):
    """A series of cash-settled bounded claims, or a pair of assets. One lot moves `tick_value` minor units of
    `cash` for each tick.

    Of spot, a lot is `lot_units` minor units of `base`, floor and cap are those of its price, and `expiry` is 0.
    """

    instrument_id: InstrumentId
    kind: ContractKind
    underlying: IndexId
    cash: AssetId
    tick: IndexPrice  # index units in one tick
    tick_value: Money  # minor units of `cash` for one tick of one lot
    floor: Price  # of the settlement price
    cap: Price
    reference: Price  # a fair price of the contract at listing
    fee_maker: Money  # per lot
    fee_taker: Money  # per lot
    max_quantity: Quantity  # of one order
    price_band_bp: BasisPoints  # how far from the index a future's order may be priced
    protection_bp: BasisPoints  # how far from the best opposite price a market order may trade
    expiry: Time  # the last instant of trading; 0: there is none
    strike: Price | None = None  # of an option
    digital_payoff: Price = 0  # ticks that a digital option pays
    allocation: Allocation = Allocation.PRICE_TIME
    publishes_book: bool = False  # every change of the displayed book, order by order and level by level
    pre_open: Time = 0  # before the opening call: orders are collected, no indication is published
    opening_call: Time = 0  # how long the call auction at a session's opening lasts; 0: there is none
    closing_call: Time = 0
    halt_call: Time = 0  # after a halt or an interruption
    call_extension: Time = 0  # once, if the call would uncross outside the bands
    static_band_bp: BasisPoints = (
        0  # around the last auction price; beyond it trading is interrupted; 0: none
    )
    dynamic_band_bp: BasisPoints = 0  # around the last trade
    base: AssetId | Unstated = UNSTATED  # what changes hands against cash
    lot_units: int | Unstated = UNSTATED  # minor units of it in one lot

    @property
    def product(self) -> Product:
        return PRODUCT_OF[self.kind]

    @property
    def bucket_id(self) -> BucketId:
        """Claims on one underlying that expire together share one escrow pool and net in it."""
        return BucketId(f"{self.underlying}@{self.expiry}:{self.cash}")

    @property
    def lowest_price(self) -> Price:
        """The price at which the claim is worth nothing at every settlement; of spot, the lowest there may be."""
        return self.floor if self.product in (Product.FUTURE, Product.SPOT) else 0

    @property
    def highest_price(self) -> Price:
        """The lowest price plus the width: nobody would pay more, and no seller could lose more."""
        return self.lowest_price + max(self.payoff(self.floor), self.payoff(self.cap))

    @property
    def kinks(self) -> tuple[Price, ...]:
        """Settlement prices between floor and cap where the payoff turns or jumps."""
        if self.strike is None:
            return ()
        jumps = self.kind in (ContractKind.DIGITAL_CALL, ContractKind.DIGITAL_PUT)
        return (self.strike - 1, self.strike) if jumps else (self.strike,)

    def payoff(self, settlement: Price) -> Price:
        """Ticks that one long lot receives if the series settles at `settlement`."""
        price = min(max(settlement, self.floor), self.cap)
        match self.kind, self.strike:
            case ContractKind.CALL, int(strike):
                return max(price - strike, 0)
            case ContractKind.PUT, int(strike):
                return max(strike - price, 0)
            case ContractKind.DIGITAL_CALL, int(strike):
                return self.digital_payoff if price >= strike else 0
            case ContractKind.DIGITAL_PUT, int(strike):
                return self.digital_payoff if price < strike else 0
        return price - self.floor


def fault_in(terms: Instrument) -> str | None:
    """Why these terms cannot be listed, or None. The remedy is part of the sentence."""
    return _fault_in_claim(terms) or _fault_in_units(terms)


def _fault_in_claim(terms: Instrument) -> str | None:
    is_option = terms.product is Product.OPTION
    strike = terms.strike if terms.strike is not None else terms.floor
    digital = terms.kind in (ContractKind.DIGITAL_CALL, ContractKind.DIGITAL_PUT)
    if type(terms.tick_value) is not int or terms.tick_value < 1:
        return f"tick_value must be a whole, positive number of minor units, not {terms.tick_value}"
    if terms.tick < 1:
        return f"tick must be at least one index unit, not {terms.tick}"
    if not 0 <= terms.floor < terms.cap:
        return f"floor {terms.floor} must be zero or more and lie below cap {terms.cap}"
    if is_option and not terms.floor < strike < terms.cap:
        return f"an option needs a strike between floor {terms.floor} and cap {terms.cap}, not {terms.strike}"
    if not is_option and terms.strike is not None:
        return "only an option has a strike; leave it out"
    if digital and terms.digital_payoff < 1:
        return f"a digital option needs a digital_payoff of a tick or more, not {terms.digital_payoff}"
    if not terms.lowest_price < terms.reference < terms.highest_price:
        return f"reference {terms.reference} must lie between {terms.lowest_price} and {terms.highest_price}"
    if min(terms.fee_maker, terms.fee_taker) < 0:
        return "fees must not be negative"
    if terms.max_quantity < 1:
        return f"max_quantity must be one lot or more, not {terms.max_quantity}"
    most = (terms.cap - terms.floor) * terms.tick_value * terms.max_quantity
    if most >= 2**63:
        return f"an order of max_quantity could lose {most}, more than 63 bits hold; lower it, or tick_value"
    if min(terms.price_band_bp, terms.protection_bp) < 1:
        return "price_band_bp and protection_bp must be positive"
    calls = (terms.pre_open, terms.opening_call, terms.closing_call, terms.halt_call, terms.call_extension)
    if min(calls) < 0 or min(terms.static_band_bp, terms.dynamic_band_bp) < 0:
        return "calls and bands must not be negative; 0 means that there is none"
    if max(terms.static_band_bp, terms.dynamic_band_bp) and not terms.halt_call:
        return "a band that interrupts trading needs a halt_call, the auction that follows"
    return None


def _fault_in_units(terms: Instrument) -> str | None:
    """What is wrong with how units are named and counted, if there are any to change hands."""
    if terms.product is not Product.SPOT:
        if terms.base is not UNSTATED or terms.lot_units is not UNSTATED:
            return "only what changes hands in units has a base and lot_units; leave them out"
        return None
    if not terms.base:
        return "it needs a base, the asset that changes hands"
    if type(terms.lot_units) is not int or terms.lot_units < 1:
        return f"lot_units must be a whole, positive number of minor units of {terms.base}, not {terms.lot_units}"
    if terms.lot_units * terms.max_quantity >= 2**63:
        return "an order of max_quantity would be for more units than 63 bits hold; lower it, or lot_units"
    if terms.expiry:
        return f"spot never expires: its expiry must be 0, not {terms.expiry}"
    least = max(1, divide_up(max(terms.fee_maker, terms.fee_taker), terms.tick_value))
    if terms.floor < least:
        return f"floor must be {least} or more, for a seller pays its fee out of the price, not {terms.floor}"
    return None

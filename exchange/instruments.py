"""Contract terms, and the only place where prices become money.

Every derivative is a bounded claim: at expiry it pays between nothing and its width, whatever the settlement
price S, since S is clamped to the collar [floor, cap] of its series. So what a buyer can lose (the claim's
price) and what a seller can lose (the width less that price) are known when the trade is made.

A perpetual has no expiry and cannot be bounded for ever, so it is a chain of such claims: at each roll one is
settled and the next begins, in a fresh collar.
"""

from enum import StrEnum

from exchange.clearing.rounding import divide_up
from exchange.messages import UNSTATED, Message, Unstated, changed
from exchange.units import (
    DAY,
    HOUR,
    AssetId,
    BasisPoints,
    BucketId,
    IndexId,
    IndexPrice,
    InstrumentId,
    Money,
    Time,
)
from matching.terms import Allocation, Price, Quantity

ONE_IN_BP = 10_000


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
    PERP_ROLLING = "perp_rolling"  # experimental
    SPOT = "spot"


class SettlementRule(StrEnum):
    """Where a settlement price is looked for first. What follows if it is not found there is one ladder for all."""

    TWAP_CAPPED = "twap_capped"  # the mean of the index over the last half hour
    PARTITIONED_VWM = "partitioned_vwm"  # what outside venues traded at in the last hour, in twelve parts
    SNAPSHOT = "snapshot"  # the index at the expiry; for comparison only, for it is easily pushed


PRODUCT_OF: dict[ContractKind, Product] = {
    ContractKind.CAPPED_FUTURE: Product.FUTURE,
    ContractKind.CALL: Product.OPTION,
    ContractKind.PUT: Product.OPTION,
    ContractKind.DIGITAL_CALL: Product.OPTION,
    ContractKind.DIGITAL_PUT: Product.OPTION,
    ContractKind.PERP_ROLLING: Product.FUTURE,
    ContractKind.SPOT: Product.SPOT,
}


class Asset(Message):
    """A cash asset or a crypto asset that the ledger counts in whole minor units."""

    asset_id: AssetId
    scale: int  # one unit is 10**scale minor units
    title: str
    index_id: IndexId | None = None  # by which its units are valued


class Roll(Message):
    """What a rolling perpetual is made of: how long each of its claims lasts, and how wide their collars are."""

    interval: Time = DAY
    band_bp: BasisPoints = 2_000  # of the price at which a claim begins, to either side


class Instrument(Message):
    """A series of cash-settled bounded claims. One lot moves `tick_value` minor units of `cash` for each tick."""

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
    expiry: Time  # the last instant of trading; of a perpetual, its next roll
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
    settlement_rule: SettlementRule | Unstated = UNSTATED  # unstated: TWAP_CAPPED

    @property
    def fixed_by(self) -> SettlementRule:
        """How its settlement price comes about; all series of a bucket share it."""
        return self.settlement_rule or SettlementRule.TWAP_CAPPED

    roll: Roll | Unstated = UNSTATED  # of a rolling perpetual

    @property
    def product(self) -> Product:
        return PRODUCT_OF[self.kind]

    @property
    def bucket_id(self) -> BucketId:
        """Claims on one underlying that expire together share one escrow pool and net in it.

        Each claim of a perpetual has a pool of its own: no other series has its collar.
        """
        name = self.underlying if self.roll is UNSTATED else self.instrument_id
        return BucketId(f"{name}@{self.expiry}:{self.cash}")

    @property
    def lowest_price(self) -> Price:
        """The price at which the claim is worth nothing at every settlement."""
        return self.floor if self.product is Product.FUTURE else 0

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

    def rolled(self, price: Price) -> "Instrument":
        """A perpetual's next claim: it begins at `price`, in a fresh collar, and lasts until the roll after."""
        assert self.roll is not UNSTATED, f"{self.instrument_id} does not roll"
        floor, cap = collar_around(price, self.roll.band_bp)
        return changed(self, floor=floor, cap=cap, reference=price, expiry=self.expiry + self.roll.interval)


def collar_around(price: Price, band_bp: BasisPoints) -> tuple[Price, Price]:
    """Floor and cap of a perpetual's claim that begins at `price`: whole ticks, rounded outwards."""
    return price * (ONE_IN_BP - band_bp) // ONE_IN_BP, divide_up(price * (ONE_IN_BP + band_bp), ONE_IN_BP)


def fault_in(terms: Instrument) -> str | None:
    """Why these terms cannot be listed, or None. The remedy is part of the sentence."""
    is_option = terms.product is Product.OPTION
    strike = terms.strike if terms.strike is not None else terms.floor
    digital = terms.kind in (ContractKind.DIGITAL_CALL, ContractKind.DIGITAL_PUT)
    if type(terms.tick_value) is not int or terms.tick_value < 1:
        return f"tick_value must be a whole, positive number of minor units, not {terms.tick_value}"
    if terms.tick < 1:
        return f"tick must be at least one index unit, not {terms.tick}"
    if fault := _fault_in_roll(terms):
        return fault
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
    if type(terms.fixed_by) is not SettlementRule:
        known = ", ".join(rule.name for rule in SettlementRule)
        return f"settlement_rule must be one of {known}, not {terms.settlement_rule!r}"
    return None


def _fault_in_roll(terms: Instrument) -> str | None:
    """Why a perpetual cannot roll on these terms, or another contract not at all."""
    roll = terms.roll
    if terms.kind is not ContractKind.PERP_ROLLING:
        return None if roll is UNSTATED else "only a rolling perpetual has a roll; leave it out"
    if roll is UNSTATED:
        return "a rolling perpetual needs a roll: how long each claim lasts, and how wide its collar is"
    if roll.interval < HOUR:
        return f"roll.interval must be an hour or more, not {roll.interval} ns"
    if not 0 < roll.band_bp < ONE_IN_BP:
        return f"roll.band_bp must lie between 0 and {ONE_IN_BP}, not {roll.band_bp}"
    floor, cap = collar_around(terms.reference, roll.band_bp)
    if (terms.floor, terms.cap) != (floor, cap):
        return (
            f"{roll.band_bp} bp around reference {terms.reference} are floor {floor} and cap {cap}; set those"
        )
    return None

"""Contract terms, and the only place where prices become money.

Every derivative is a bounded claim: at expiry it pays between nothing and its width, whatever the settlement
price S, since S is clamped to the collar [floor, cap] of its series. So what a buyer can lose (the claim's
price) and what a seller can lose (the width less that price) are known when the trade is made.

A perpetual has no expiry and cannot be bounded for ever, so it is a chain of such claims: at each roll one is
settled and the next begins, in a fresh collar.
Spot is no claim: units of a crypto asset change hands against cash. Nor is a note cleared as one: its units are
paid for in full, and its issuer pays them off. Nor is a pair of cash assets: one money changes hands against
another, around par.
"""

from enum import StrEnum

from exchange.clearing.payoffs import PayoffTerms, fault_in_payoff, payoff
from exchange.clearing.rounding import divide_up
from exchange.messages import Message, changed
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
from matching.terms import Allocation, ParticipantId, Price, Quantity

ONE_IN_BP = 10_000


class Product(StrEnum):
    """What may be traded, in the words of an access regime."""

    FUTURE = "future"
    OPTION = "option"
    ROLLING_PERPETUAL = (
        "rolling_perpetual"  # never ends: a future that is settled and begun anew, again and again
    )
    SPOT = "spot"
    NOTE = "note"  # structured notes and other digital financial assets
    CASH_PAIR = "cash_pair"  # one cash asset against another


class ContractKind(StrEnum):
    CAPPED_FUTURE = "capped_future"
    CALL = "call"
    PUT = "put"
    DIGITAL_CALL = "digital_call"
    DIGITAL_PUT = "digital_put"
    PERP_ROLLING = "perp_rolling"  # experimental
    SPOT = "spot"
    NOTE = "note"
    CASH_PAIR = "cash_pair"


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
    ContractKind.PERP_ROLLING: Product.ROLLING_PERPETUAL,
    ContractKind.SPOT: Product.SPOT,
    ContractKind.NOTE: Product.NOTE,
    ContractKind.CASH_PAIR: Product.CASH_PAIR,
}


FUTURES = (
    Product.FUTURE,
    Product.ROLLING_PERPETUAL,
)  # whose claim is worth what the index is, less its floor
DERIVATIVES = (*FUTURES, Product.OPTION)
IN_UNITS = (
    Product.SPOT,
    Product.NOTE,
    Product.CASH_PAIR,
)  # units of an asset change hands; nothing is promised that could be lost
BOUGHT = (Product.SPOT, Product.NOTE)  # what a cap on annual purchases counts; money is no investment
PRICED_BETWEEN = (
    *FUTURES,
    Product.SPOT,
    Product.CASH_PAIR,
)  # floor and cap, which are prices of their own
PAR_PPM = 1_000_000  # one unit of a cash asset for one unit of another


class Asset(Message):
    """A cash asset or a crypto asset that the ledger counts in whole minor units."""

    asset_id: AssetId
    scale: int  # one unit is 10**scale minor units
    title: str
    index_id: IndexId | None = None  # by which its units are valued
    confirmations: int | None = None  # of a crypto asset: blocks until a transaction on its chain counts
    block_interval: Time | None = None


class Roll(Message):
    """What a rolling perpetual is made of: how long each of its claims lasts, and how wide their collars are."""

    interval: Time = DAY
    band_bp: BasisPoints = 2_000  # of the price at which a claim begins, to either side


class Coupon(Message):
    """Paid to whoever owns units at that instant, as a share of their nominal."""

    at: Time
    rate_bp: BasisPoints


class NoteTerms(Message):
    """What the issuer of a note promises. Amounts are minor units of cash."""

    issuer: ParticipantId
    payoff: PayoffTerms
    volume: int  # units that may be placed at most
    issue_price: Money  # of one unit
    coupons: tuple[Coupon, ...] = ()  # in order of time, the last one not after the expiry
    funding_period: Time = 0  # after the price is final: until then the escrow must hold what is due
    grace: Time = 0  # after a missed coupon, before the issuer is in default


class Instrument(Message):
    """A series of cash-settled bounded claims, or a pair of assets. One lot moves `tick_value` minor units of
    `cash` for each tick.

    Of spot, a lot is `lot_units` minor units of `base`, floor and cap are those of its price, and `expiry` is 0.
    Of a note, `base` counts its units, a lot is one of them, and its price is in minor units of cash.
    Of a pair of cash assets, `base` is one as well, `tick` is in millionths of par, and no index moves the price:
    `underlying` only names it.
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
    expiry: Time  # the last instant of trading; of a perpetual, its next roll; 0: there is none
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
    daily_limit_bp: BasisPoints = (
        0  # from the mark at the opening: no order goes beyond on that day; 0: no such limit
    )
    settlement_rule: SettlementRule = SettlementRule.TWAP_CAPPED  # shared by all series of a bucket
    roll: Roll | None = None  # of a rolling perpetual
    base: AssetId | None = None  # what changes hands against cash
    lot_units: int | None = None  # minor units of it in one lot
    note: NoteTerms | None = None
    collar: int = 1  # a later series with the same expiry and a fresh collar has the next number

    @property
    def product(self) -> Product:
        return PRODUCT_OF[self.kind]

    @property
    def coin(self) -> str:
        return coin_of(self.underlying)

    @property
    def cash_assets(self) -> tuple[AssetId, ...]:
        """What it pays in and, if it is a pair of cash assets, what it delivers."""
        return (self.cash, self.base) if self.base and self.product is Product.CASH_PAIR else (self.cash,)

    @property
    def bucket_id(self) -> BucketId:
        """Claims on one underlying that expire together share one escrow pool and net in it.

        Each claim of a perpetual has a pool of its own: no other series has its collar. A note is alone, and so are
        those with a fresh collar.
        """
        name = self.instrument_id if self.note or self.roll else self.underlying
        fresh = f"#{self.collar}" if self.collar > 1 else ""
        return BucketId(f"{name}@{self.expiry}:{self.cash}{fresh}")

    @property
    def lowest_price(self) -> Price:
        """The price at which the claim is worth nothing at every settlement; of spot, the lowest there may be."""
        if self.note:
            return max(1, self.fee_maker, self.fee_taker)  # a seller pays its fee out of it
        return self.floor if self.product in PRICED_BETWEEN else 0

    @property
    def highest_price(self) -> Price:
        """The lowest price plus the width: nobody would pay more, and no seller could lose more.

        Of a note, all that it can ever pay.
        """
        if self.note:
            nominal = self.note.payoff.nominal
            coupons = sum(divide_up(nominal * coupon.rate_bp, 10_000) for coupon in self.note.coupons)
            return self.payoff(self.cap) + coupons
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
        if self.note:
            return payoff(self.note.payoff, price)
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
        assert self.roll is not None, f"{self.instrument_id} does not roll"
        floor, cap = collar_around(price, self.roll.band_bp)
        return changed(self, floor=floor, cap=cap, reference=price, expiry=self.expiry + self.roll.interval)


def collar_around(price: Price, band_bp: BasisPoints) -> tuple[Price, Price]:
    """Floor and cap of a perpetual's claim that begins at `price`: whole ticks, rounded outwards."""
    return price * (ONE_IN_BP - band_bp) // ONE_IN_BP, divide_up(price * (ONE_IN_BP + band_bp), ONE_IN_BP)


def bounds_of_day(terms: Instrument, around: Price) -> tuple[Price, Price]:
    """The lowest and highest price of an order on a day that begins at `around`: within the collar, and the daily limit
    if there is one, in whole ticks rounded towards `around`.
    """
    if not terms.daily_limit_bp:
        return terms.lowest_price, terms.highest_price
    reach = around * terms.daily_limit_bp // ONE_IN_BP
    return max(terms.lowest_price, around - reach), min(terms.highest_price, around + reach)


def coin_of(index_id: IndexId) -> str:
    """The code of what an index is the price of: of BTC_RUB, BTC."""
    return index_id.partition("_")[0]


def fault_in(terms: Instrument) -> str | None:
    """Why these terms cannot be listed, or None. The remedy is part of the sentence."""
    return _fault_in_note(terms) or _fault_in_claim(terms) or _fault_in_units(terms)


def _fault_in_note(terms: Instrument) -> str | None:
    """What is wrong with what a note promises, if it is one."""
    note = terms.note
    if terms.product is not Product.NOTE or not note:
        stated = terms.product is Product.NOTE or note is not None
        return "a note, and nothing else, says what it promises in `note`" if stated else None
    numbers = (note.volume, note.issue_price, note.funding_period, note.grace)
    if fault := fault_in_payoff(note.payoff):
        return fault
    if any(type(number) is not int for number in numbers) or min(numbers[:2]) < 1 or min(numbers[2:]) < 0:
        return f"volume and issue_price must be positive, periods not negative, all whole; not {numbers}"
    if terms.tick_value != 1 or terms.lot_units != 1:
        return "a note trades by the unit, priced in minor units of cash: tick_value and lot_units must be 1"
    if any(type(n) is not int or n < 1 for coupon in note.coupons for n in (coupon.at, coupon.rate_bp)):
        return "a coupon needs a time and a positive rate_bp, both whole"
    times = [coupon.at for coupon in note.coupons]
    if times != sorted(set(times)) or max(times, default=0) > terms.expiry:
        return "coupons must come one after the other, the last one not after the expiry"
    if note.volume * max(note.issue_price, terms.highest_price) >= 2**63:
        return "all units could pay more than 63 bits hold; lower volume, nominal or rates"
    return None


def _fault_in_claim(terms: Instrument) -> str | None:
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
    touches = terms.reference in (terms.lowest_price, terms.highest_price) and not terms.note
    if touches or not terms.lowest_price <= terms.reference <= terms.highest_price:
        return f"reference {terms.reference} must lie between {terms.lowest_price} and {terms.highest_price}"
    if fault := _fault_in_collar(terms):
        return fault
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
    if not 0 <= terms.daily_limit_bp < ONE_IN_BP:
        return f"daily_limit_bp must lie between 0 (no limit) and {ONE_IN_BP}, not be {terms.daily_limit_bp}"
    if terms.daily_limit_bp and terms.product not in (*FUTURES, Product.SPOT):
        return "only a price that follows the index has a daily limit; leave daily_limit_bp out"
    if type(terms.settlement_rule) is not SettlementRule:
        known = ", ".join(rule.name for rule in SettlementRule)
        return f"settlement_rule must be one of {known}, not {terms.settlement_rule!r}"
    return None


def _fault_in_collar(terms: Instrument) -> str | None:
    """A future's collar must leave room to either side, and yet be one: a hedge ends where it ends."""
    if terms.kind is not ContractKind.CAPPED_FUTURE:
        return None
    if 2 * terms.floor > terms.reference:
        return f"floor {terms.floor} must be at most half of reference {terms.reference}"
    if not 3 * terms.reference <= 2 * terms.cap <= 6 * terms.reference:
        return f"cap {terms.cap} must be between one and a half times and three times reference {terms.reference}"
    return None


def successor(terms: Instrument, mark: Price) -> Instrument:
    """The same future with a fresh collar around `mark`, as wide for it as the old one was for its reference."""
    name, number = terms.instrument_id.partition("#")[0], terms.collar + 1
    return changed(
        terms,
        instrument_id=InstrumentId(f"{name}#{number}"),
        collar=number,
        floor=terms.floor * mark // terms.reference,
        cap=divide_up(terms.cap * mark, terms.reference),
        reference=mark,
    )


def nears_its_collar(terms: Instrument, mark: Price) -> bool:
    """Whether a future's mark is within a tenth of the collar's width of an edge that could bind."""
    margin = (terms.cap - terms.floor) // 10
    return mark >= terms.cap - margin or (terms.floor > 0 and mark <= terms.floor + margin)


def _fault_in_roll(terms: Instrument) -> str | None:
    """Why a perpetual cannot roll on these terms, or another contract not at all."""
    roll = terms.roll
    if terms.kind is not ContractKind.PERP_ROLLING:
        return None if roll is None else "only a rolling perpetual has a roll; leave it out"
    if roll is None:
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


def _fault_in_units(terms: Instrument) -> str | None:
    """What is wrong with how units are named and counted, if there are any to change hands."""
    if terms.product not in IN_UNITS:
        if terms.base is not None or terms.lot_units is not None:
            return "only what changes hands in units has a base and lot_units; leave them out"
        return None
    if not terms.base:
        return "it needs a base, the asset that changes hands"
    if type(terms.lot_units) is not int or terms.lot_units < 1:
        return f"lot_units must be a whole, positive number of minor units of {terms.base}, not {terms.lot_units}"
    if terms.lot_units * terms.max_quantity >= 2**63:
        return "an order of max_quantity would be for more units than 63 bits hold; lower it, or lot_units"
    if terms.product is Product.NOTE:
        return None
    if terms.expiry:
        return f"it never expires: its expiry must be 0, not {terms.expiry}"
    least = max(1, divide_up(max(terms.fee_maker, terms.fee_taker), terms.tick_value))
    if terms.floor < least:
        return f"floor must be {least} or more, for a seller pays its fee out of the price, not {terms.floor}"
    if terms.product is Product.CASH_PAIR and terms.base == terms.cash:
        return f"{terms.base} cannot be traded against itself; name another cash asset"
    return None

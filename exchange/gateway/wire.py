"""Between the core's whole numbers and the wire: prices and amounts of an instrument, times, names.

On the wire a price is in the quote currency for one unit of the underlying, and an amount is in that unit. A
float that goes out is the nearest to the exact value; what comes in is exact, or refused.
"""

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

from exchange.gateway.faults import TOO_SMALL, WRONG_TICK, fault, invalid
from exchange.instruments import IN_UNITS, PAR_PPM, ContractKind, Instrument, Product
from exchange.units import INDEX_DECIMALS, Money, Time
from matching.terms import Price, Quantity

NEVER_MS: Final = 32_503_708_800_000  # the year 3000: what does not expire, expires then
MOST: Final = Decimal(2**63)
CASH_SCALE: Final = 100  # minor units of a cash asset in one
INDEX_UNIT: Final[int] = 10**INDEX_DECIMALS
KINDS: Final = {
    Product.FUTURE: "future",
    Product.OPTION: "option",
    Product.ROLLING_PERPETUAL: "future",
    Product.SPOT: "spot",
    Product.NOTE: "note",
    Product.CASH_PAIR: "spot",  # units of one coin against another
}


def milliseconds(at: Time) -> int:
    return at // 1_000_000


def nanoseconds(at: int) -> Time:
    return at * 1_000_000


def money(amount: Money) -> float:
    return amount / CASH_SCALE


def kopecks(amount: float) -> float:
    """A sum of cash amounts without what floating point adds to it."""
    return round(amount, 2)


def whole_money(amount: Decimal, param: str = "amount") -> Money:
    """Minor units of a cash amount. Raises Fault for a part of one, and for what no account could hold."""
    return whole(amount, CASH_SCALE, param)


def whole(amount: Decimal, scale: int, param: str = "amount") -> int:
    """Minor units of an amount, of which `scale` make one. Raises Fault for a part of one, and for what is too much."""
    if not amount.is_finite() or abs(amount) >= MOST:
        raise invalid(param, "out of range")
    count, rest = _counted(amount, 1, scale)
    if rest or abs(count) >= 2**63:
        raise invalid(param, f"must be a multiple of {1 / scale}")
    return count


def _counted(number: Decimal, over: int, under: int) -> tuple[int, int]:
    """How many whole units of `over / under` make a number, and whether something is left."""
    numerator, denominator = number.as_integer_ratio()
    return divmod(numerator * under, denominator * over)


def decimal(text: str) -> Decimal:
    """Raises ValueError for what is no number."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None


class Pair:
    """One instrument as the wire sees it."""

    __slots__ = (
        "_amount_over",
        "_amount_under",
        "_price_over",
        "_price_under",
        "amount_unit",
        "base",
        "contract",
        "instrument",
        "kind",
        "name",
        "number",
        "price_unit",
        "quote",
        "tick",
    )

    def __init__(self, instrument: Instrument, number: int, scales: dict[str, int]) -> None:
        self.instrument = instrument
        self.name: str = instrument.instrument_id
        self.number = number
        self.kind = KINDS[instrument.product]
        self.quote: str = instrument.cash
        note = instrument.product is Product.NOTE
        if instrument.product is Product.CASH_PAIR:
            self.price_unit = Fraction(instrument.tick, PAR_PPM)
        else:
            self.price_unit = Fraction(1, CASH_SCALE) if note else Fraction(instrument.tick, INDEX_UNIT)
        self.base: str = instrument.base if instrument.base and not note else instrument.coin
        if note:
            self.amount_unit = Fraction(1)
        elif instrument.lot_units:
            self.amount_unit = Fraction(instrument.lot_units, 10 ** scales[self.base])
        else:
            self.amount_unit = Fraction(instrument.tick_value * INDEX_UNIT, instrument.tick * CASH_SCALE)
        self._price_over, self._price_under = self.price_unit.as_integer_ratio()
        self._amount_over, self._amount_under = self.amount_unit.as_integer_ratio()
        self.tick = float(self.price_unit)
        self.contract = float(self.amount_unit)

    @property
    def is_perpetual(self) -> bool:
        return self.instrument.kind is ContractKind.PERP_ROLLING

    @property
    def in_units(self) -> bool:
        """Units change hands; nothing is promised that could be gained or lost."""
        return self.instrument.product in IN_UNITS

    @property
    def settlement_currency(self) -> str | None:
        return None if self.kind == "spot" else self.quote

    @property
    def expires_ms(self) -> int:
        forever = self.is_perpetual or not self.instrument.expiry
        return NEVER_MS if forever else milliseconds(self.instrument.expiry)

    def price(self, ticks: Price | float) -> float:
        return float(ticks * self._price_over / self._price_under)

    def amount(self, lots: Quantity) -> float:
        return lots * self._amount_over / self._amount_under

    def ticks(self, price: Decimal, param: str = "price") -> Price:
        """Raises Fault with the step if the price is between two ticks."""
        if not price.is_finite() or not 0 <= price < MOST:
            raise invalid(param, "out of range")
        count, rest = _counted(price, self._price_over, self._price_under)
        if rest:
            raise fault(
                WRONG_TICK, param=param, reason=f"must be a multiple of {self.tick}", tick_size=self.tick
            )
        return count

    def lots(self, amount: Decimal, param: str = "amount") -> Quantity:
        """Raises Fault if the amount is none, too small, or no whole number of lots."""
        if not amount.is_finite() or abs(amount) >= MOST:
            raise invalid(param, "out of range")
        count, rest = _counted(amount, self._amount_over, self._amount_under)
        if amount > 0 and not count:
            raise fault(TOO_SMALL, param=param, reason=f"must be at least {self.contract}")
        if rest or abs(count) >= 2**63:
            raise invalid(param, f"must be a multiple of {self.contract}")
        if count < 1:
            raise invalid(param, "must be positive")
        return count

    def cash(self, lots: int, ticks: Price | float) -> float:
        """What so many lots are worth at a price, in the cash asset; at an average price, to the nearest kopeck."""
        return kopecks(float(lots * ticks * self.instrument.tick_value / CASH_SCALE))


def index_price(value: int) -> float:
    return value / INDEX_UNIT


def index_name(index_id: str) -> str:
    return index_id.lower()

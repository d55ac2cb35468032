"""What discharges a debt of one rouble in a coin that may trade below it, and what such coins count as collateral.

Positions, margin and what is owed are reckoned in roubles, what lies on accounts is coins. As long as one coin
discharges one rouble, at whatever price it trades, the two are the same number.
"""

from dataclasses import dataclass
from enum import StrEnum

from exchange.clearing.rounding import divide_up
from exchange.clearing.terms import ClearingMode
from exchange.instruments import ContractKind, Instrument, Product
from exchange.units import BasisPoints, Money

PAR = 1_000_000  # price of a cash asset in millionths of a rouble

_WHOLE_BP = 10_000


class Denomination(StrEnum):
    """What discharges a debt of one rouble."""

    TOKEN_PAR = "token_par"  # one coin, whatever it trades at
    FIAT_VALUE = "fiat_value"  # as many coins as are worth a rouble


@dataclass(slots=True, eq=False)
class Conversion:
    """Between roubles that are owed or required and coins that are there, at the price of now: a millionth of a
    rouble at least, so that a worthless coin still has one. The haircut is for collateral alone. No amount is
    negative.
    """

    denomination: Denomination = Denomination.TOKEN_PAR
    haircut_bp: BasisPoints = 0
    price_ppm: int = PAR

    @property
    def is_even(self) -> bool:
        """Whether a coin is a rouble, in every respect."""
        return self.denomination is Denomination.TOKEN_PAR

    def to_pay(self, roubles: Money) -> Money:
        """Coins that discharge a debt, rounded up."""
        return roubles if self.is_even else divide_up(roubles * PAR, self._price())

    def to_receive(self, roubles: Money) -> Money:
        """Coins that whoever is owed so much gets, rounded down."""
        return roubles if self.is_even else roubles * PAR // self._price()

    def worth(self, coins: Money) -> Money:
        """What coins discharge, rounded down. Paying what they are worth never takes more than they are."""
        return coins if self.is_even else coins * self._price() // PAR

    def counts(self, coins: Money) -> Money:
        """What coins count as collateral: at their price, at most at par, less the haircut; rounded down."""
        return coins if self.is_even else coins * self._counted() // (PAR * _WHOLE_BP)

    def needed(self, roubles: Money) -> Money:
        """The least coins that count as so much."""
        return roubles if self.is_even else divide_up(roubles * PAR * _WHOLE_BP, self._counted())

    def spared(self, roubles: Money) -> Money:
        """The most coins that can go where collateral counts for so much more than is required."""
        return roubles if self.is_even else roubles * PAR * _WHOLE_BP // self._counted()

    def _price(self) -> int:
        return max(self.price_ppm, 1)

    def _counted(self) -> int:
        return min(self._price(), PAR) * (_WHOLE_BP - self.haircut_bp)


def fault_in_denomination(
    denomination: Denomination, haircut_bp: BasisPoints, mode: ClearingMode
) -> str | None:
    """Why debts cannot be reckoned like this where positions are covered in that way, or None."""
    if not 0 <= haircut_bp < _WHOLE_BP:
        return f"a collateral haircut must lie between 0 and 9999 bp, not be {haircut_bp}; choose a share"
    if denomination is Denomination.TOKEN_PAR:
        if haircut_bp:
            return (
                "a collateral haircut has no effect where one coin discharges one rouble at any price; "
                "leave it out, or choose “fiat_value”"
            )
        return None
    if mode is ClearingMode.FULL:
        return (
            "debts cannot be “fiat_value” under full cover, where the escrow is a number of coins and the collar "
            "bounds it in coins: were the coin to fall below par, more coins would be owed than the escrow can "
            "hold; choose “token_par”, or clear by margin"
        )
    return None


def bar_to_listing(terms: Instrument, denomination: Denomination) -> str | None:
    """Why an instrument cannot be listed where debts are reckoned like this, or None.

    What is paid at the trade itself is the number of coins that was agreed, so a premium would be coins for a
    payoff in roubles.
    """
    if denomination is Denomination.TOKEN_PAR:
        return None
    if terms.product is Product.OPTION:
        return "its premium is a number of coins, its payoff a worth in roubles; list futures, or choose “token_par”"
    if terms.product is Product.NOTE or terms.kind is ContractKind.PERP_ROLLING:
        return (
            "its escrow is a number of coins, and under “fiat_value” more could be owed; choose “token_par”"
        )
    return None

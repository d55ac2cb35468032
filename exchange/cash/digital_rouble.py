"""The digital rouble: the central bank's own money, on its platform, round the clock, within limits.

Nobody's failure is borne by its holders. It is changed from and to bank money at par, when banks are open.
"""

from collections.abc import Sequence

from exchange.cash import hours
from exchange.cash.keeper import ParRedemption
from exchange.cash.money import MoneyKeeper
from exchange.cash.terms import DigitalRoubleTerms
from exchange.reasons import CashRefusal
from exchange.units import Money, Time, WalletId


class DigitalRouble(MoneyKeeper):
    """The platform of the central bank."""

    freeze_authority = "a domestic court"
    credit_risk = "none"

    terms: DigitalRoubleTerms

    def par_redemption(self, amount: Money, now: Time) -> ParRedemption:
        """Into bank money, in the hours of conversion."""
        halted, within = self.halted(now), self.terms.conversion_hours
        if halted is not None:
            return ParRedemption(None, 0, halted)
        closed = None if hours.is_open(within, now) else CashRefusal.CLOSED
        return ParRedemption(hours.opens_at(within, now), amount, closed or self.standstill(now))

    def _limits(self, target: WalletId, amount: Money) -> Sequence[tuple[bool, CashRefusal]]:
        """A wallet that holds too much already may keep it. The venue's may hold any amount."""
        most, held = self.terms.wallet_limit, self.balance(target) + amount - self.fee(amount)
        bound = most is not None and target not in self._of_the_venue
        largest = self.terms.transfer_limit
        return (
            (largest is not None and amount > largest, CashRefusal.TRANSFER_LIMIT),
            (bound and held > (most or 0), CashRefusal.WALLET_LIMIT),
        )

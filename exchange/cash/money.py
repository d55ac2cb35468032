"""Money proper: wallets at a bank or at the central bank, into which roubles come against a reference.

Beside the wallets stands one account of the funds behind them. An outage stops everything, and changes nothing.
"""

from exchange.cash.keeper import Keeper
from exchange.cash.terms import BankTerms, DigitalRoubleTerms
from exchange.clearing.ledger import Rule
from exchange.reasons import CashRefusal, first_refusal
from exchange.units import Money, Time, WalletId

FUNDS = "funds"  # what stands behind the wallets (mirror)


class MoneyKeeper(Keeper):
    """What a bank and the central bank's platform have in common."""

    terms: BankTerms | DigitalRoubleTerms

    def __init__(self, terms: BankTerms | DigitalRoubleTerms) -> None:
        super().__init__(terms)
        self.out = False  # an outage: nothing moves
        self._references: dict[str, None] = {}  # of what was credited
        self._paid_in: Money = 0
        self._paid_out: Money = 0
        self._ledger.open(FUNDS, terms.asset_id, Rule.MIRROR)

    # --- reading ------------------------------------------------------------------------------------

    @property
    def owed(self) -> Money:
        """To all wallets together."""
        return sum(self.balances().values())

    def halted(self, now: Time) -> CashRefusal | None:
        return CashRefusal.OUTAGE if self.out else None

    # --- money in, money out ------------------------------------------------------------------------

    def credit(self, wallet_id: WalletId, amount: Money, reference: str, now: Time) -> CashRefusal | None:
        """Roubles have come in for a wallet. Each reference counts once."""
        reason = first_refusal(
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (reference in self._references, CashRefusal.REFERENCE_KNOWN),
        )
        reason = reason or self.pay_in_refusal(wallet_id, amount, now)
        if reason is None:
            self._references[reference] = None
            self.pay_in(wallet_id, amount, now)
        return reason

    def pay_in_refusal(self, wallet_id: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        """Why the wallet could not be credited now, or None."""
        return (
            (CashRefusal.AMOUNT_NOT_POSITIVE if amount <= 0 else None)
            or self.standstill(now)
            or first_refusal(
                *self._limits(wallet_id, amount),
                (self.is_frozen_in(wallet_id), CashRefusal.WALLET_FROZEN),
            )
        )

    def pay_in(self, wallet_id: WalletId, amount: Money, now: Time) -> None:
        """Credit a wallet that `pay_in_refusal` has nothing against."""
        self._move(FUNDS, self._open(wallet_id), amount, now, "in")
        self._paid_in += amount

    def pay_out_refusal(self, wallet_id: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        """Why the wallet could not be paid out now, or None."""
        return first_refusal(
            (wallet_id not in self._wallets, CashRefusal.UNKNOWN_WALLET),
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
        ) or (
            self.standstill(now)
            or first_refusal(
                (self.is_frozen_out(wallet_id), CashRefusal.WALLET_FROZEN),
                (amount > self.balance(wallet_id), CashRefusal.INSUFFICIENT_FUNDS),
            )
        )

    def pay_out(self, wallet_id: WalletId, amount: Money, now: Time) -> None:
        """Debit a wallet that `pay_out_refusal` has nothing against: its roubles are elsewhere now."""
        self._move(self._wallets[wallet_id], FUNDS, amount, now, "out")
        self._paid_out += amount

    # --- outages ------------------------------------------------------------------------------------

    def begin_outage(self) -> CashRefusal | None:
        if self.out:
            return CashRefusal.OUTAGE
        self.out = True
        return None

    def end_outage(self) -> CashRefusal | None:
        if not self.out:
            return CashRefusal.NO_OUTAGE
        self.out = False
        return None

    # --- invariants ---------------------------------------------------------------------------------

    def audit(self) -> list[str]:
        """I-42 and I-44: wallets hold what came in less what went out or was lost, and the funds stand behind them."""
        broken, due = super().audit(), self._due()
        if self.owed != due:
            broken.append(
                f"I-42: wallets hold {self.owed}, what came in less what went out or was lost is {due}"
            )
        funds = self._ledger.posted(FUNDS)
        if funds != self.owed:
            broken.append(f"I-42: {funds} stand behind wallets of {self.owed}")
        return broken

    def _due(self) -> Money:
        """What all wallets should hold together."""
        return self._paid_in - self._paid_out - self._written_off

    def _book_off(self, account: str, amount: Money, now: Time) -> None:
        """As much less stands behind the wallets."""
        self._ledger.take_back([(account, FUNDS, amount)], now)

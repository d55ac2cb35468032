"""A settlement bank: deposits that pay interest, move in banking hours, and are lost in part if it fails.

While it has failed nothing moves. When its failure is resolved each wallet loses the same part of what no
insurance covers, and what is left moves again.
"""

from exchange.cash.money import FUNDS, MoneyKeeper
from exchange.cash.terms import BankTerms
from exchange.reasons import CashRefusal, first_refusal
from exchange.units import Money, Time, WalletId

_YEAR = 365  # days


class Bank(MoneyKeeper):
    """Keeps bank roubles."""

    freeze_authority = "a domestic court"
    credit_risk = "the settlement bank"

    terms: BankTerms

    def __init__(self, terms: BankTerms) -> None:
        super().__init__(terms)
        self.failed = False
        self._interest: Money = 0

    def halted(self, now: Time) -> CashRefusal | None:
        return CashRefusal.BANK_FAILED if self.failed else super().halted(now)

    # --- interest -----------------------------------------------------------------------------------

    def accrue(self, now: Time) -> dict[WalletId, Money]:
        """A day's interest on what each wallet holds, rounded down: to whom, and how much.

        A bank that has failed pays none, nor does a wallet receive any that may receive nothing.
        """
        paid: dict[WalletId, Money] = {}
        for wallet_id, held in self.balances().items():
            interest = held * self.terms.interest_bp // (10_000 * _YEAR)
            if interest and not self.failed and not self.is_frozen_in(wallet_id):
                self._move(FUNDS, self._wallets[wallet_id], interest, now, "interest")
                paid[wallet_id] = interest
        self._interest += sum(paid.values())
        return paid

    # --- failure ------------------------------------------------------------------------------------

    def fail(self) -> CashRefusal | None:
        """Nothing moves until the failure is resolved."""
        if self.failed:
            return CashRefusal.BANK_FAILED
        self.failed = True
        return None

    def resolve_refusal(self, loss_bp: int) -> CashRefusal | None:
        return first_refusal(
            (not self.failed, CashRefusal.NOT_FAILED),
            (not 0 <= loss_bp <= 10_000, CashRefusal.LOSS_OUT_OF_RANGE),
        )

    def losses(self, loss_bp: int) -> dict[WalletId, Money]:
        """What each wallet would lose, rounded down: that part of what it holds above its insured amount."""
        return {
            wallet_id: max(held - self._insured(wallet_id), 0) * loss_bp // 10_000
            for wallet_id, held in self.balances().items()
        }

    def _insured(self, wallet_id: WalletId) -> Money:
        covered = wallet_id not in self._of_the_venue or self.terms.insures_venue
        return self.terms.insured if covered else 0

    def resolve(self, loss_bp: int, now: Time) -> CashRefusal | None:
        """The losses are taken, also from frozen wallets, and the bank pays again."""
        reason = self.resolve_refusal(loss_bp)
        if reason is None:
            for wallet_id, loss in self.losses(loss_bp).items():
                if loss:
                    self.write_off(wallet_id, loss, now)
            self.failed = False
        return reason

    def _due(self) -> Money:
        return super()._due() + self._interest

"""What the venue asks of whoever keeps its settlement asset: a coin's issuer, a bank or a central bank."""

from typing import Protocol

from exchange.reasons import CashRefusal
from exchange.units import Money, Time, WalletId


class CashAsset(Protocol):
    """Wallets on somebody else's ledger. Custody and the venue's own transfers need no more than this."""

    def balance(self, wallet_id: WalletId) -> Money:
        """What the wallet holds; nothing if it has never been heard of."""
        ...

    def is_frozen_out(self, wallet_id: WalletId) -> bool:
        """Whether the wallet may not send."""
        ...

    def is_frozen_in(self, wallet_id: WalletId) -> bool:
        """Whether the wallet may not receive."""
        ...

    def transfer_refusal(self, source: WalletId, target: WalletId, amount: Money) -> CashRefusal | None:
        """Why `transfer` would be refused now, or None."""
        ...

    def transfer(self, source: WalletId, target: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        """Move the amount at once, or change nothing and say why."""
        ...


def first_refusal(*checks: tuple[bool, CashRefusal]) -> CashRefusal | None:
    """The reason of the first check that applies. Callers list their checks in order of precedence."""
    return next((reason for applies, reason in checks if applies), None)

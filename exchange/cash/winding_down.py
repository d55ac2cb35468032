"""What each holder gets of what is left of a coin's reserves: the same part of every coin, rounded down."""

from collections.abc import Mapping

from exchange.clearing.rounding import allocate
from exchange.units import Money, WalletId


class WindingDown:
    """What each wallet has received so far; coins are burned as they are paid, so both together are its claim."""

    def __init__(self) -> None:
        self._received: dict[WalletId, Money] = {}

    def dues(self, cash: Money, held: Mapping[WalletId, Money]) -> dict[WalletId, Money]:
        """What each may be paid of `cash` now. Who cannot be paid yet is counted all the same: its part stays."""
        claims = {w: self._received.get(w, 0) + amount for w, amount in held.items()}
        whole = sum(claims.values())
        pot = min(cash + sum(self._received.values()), whole)
        dues = {
            w: max(0, pot * claim // whole - self._received.get(w, 0)) for w, claim in claims.items() if claim
        }
        if sum(dues.values()) > cash:  # some of what was there for those who had to wait has been lost since
            dues = dict(zip(dues, allocate(cash, tuple(dues.values())), strict=True))
        return {w: due for w, due in dues.items() if due}

    def paid(self, wallet_id: WalletId, amount: Money) -> None:
        self._received[wallet_id] = self._received.get(wallet_id, 0) + amount

"""Income from reserves that becomes coins: every balance is raised to its share of what there is.

balance = shares * liquidity / supply, rounded down, where the shares are the balances before, their sum is the
supply, and liquidity is that sum with the interest and with what the last rounding left over.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from exchange.units import Money, WalletId


class Rebase(NamedTuple):
    gains: dict[WalletId, Money]  # what each wallet gets; none for who gets nothing
    dust: Money  # what is left for the next time: less than one unit for each holder


def rebase(shares: Mapping[WalletId, Money], interest: Money) -> Rebase:
    """I-47: the balances come to no more than the liquidity, and to less than one unit a holder below it."""
    supply = sum(shares.values())
    if not supply:
        return Rebase({}, interest)
    liquidity = supply + interest
    gains = {wallet: held * liquidity // supply - held for wallet, held in shares.items()}
    return Rebase({w: gain for w, gain in gains.items() if gain}, interest - sum(gains.values()))


class Interest:
    """What has fallen on wallets that are not raised themselves, and the dust.

    A wallet of the venue keeps the amount that its mirror shows: its interest is set aside, to be collected. So is
    that of a wallet which may not receive.
    """

    def __init__(self) -> None:
        self.dust: Money = 0
        self._due: dict[WalletId, Money] = {}
        self._holders = 0  # at the last rebase

    def due(self, wallet_id: WalletId) -> Money:
        return self._due.get(wallet_id, 0)

    @property
    def owed(self) -> Money:
        """Set aside for somebody or for the next time."""
        return self.dust + sum(self._due.values())

    def waiting(self) -> Iterable[WalletId]:
        return tuple(self._due)

    def accrue(self, shares: Mapping[WalletId, Money], interest: Money) -> None:
        """What is set aside already counts as held: it earns as coins do."""
        held = {w: amount + self.due(w) for w, amount in shares.items() if amount + self.due(w)}
        gains, self.dust = rebase(held, self.dust + interest)
        self._holders = len(held)
        for wallet, gain in gains.items():
            self._due[wallet] = self.due(wallet) + gain

    def collect(self, wallet_id: WalletId) -> Money:
        return self._due.pop(wallet_id, 0)

    def faults(self) -> Iterator[str]:
        if not 0 <= self.dust < max(1, self._holders):
            yield f"I-47: rounding left over {self.dust} for {self._holders} holders"

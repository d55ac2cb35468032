"""Who may mint a coin, how much, and against which receipts; and what has been minted against nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exchange.reasons import CashRefusal, first_refusal
from exchange.units import Money


@dataclass(slots=True, eq=False)
class Receipt:
    """Bank roubles that came in, and how much has been minted against them."""

    amount: Money
    minted: Money = 0

    @property
    def unused(self) -> Money:
        return self.amount - self.minted


class Minting:
    """Allowances and receipts. Minting uses both up; nothing but the master minter restores an allowance."""

    def __init__(self, allowances: Mapping[str, Money], *, needs_receipt: bool) -> None:
        self.needs_receipt = needs_receipt
        self.unbacked: Money = 0  # minted without a receipt
        self._granted = dict(allowances)  # in all, to everybody who is or was a minter
        self._minted: dict[str, Money] = dict.fromkeys(allowances, 0)
        self._minters = dict.fromkeys(allowances)  # those who are
        self._receipts: dict[str, Receipt] = {}

    # --- reading ------------------------------------------------------------------------------------

    @property
    def minted(self) -> Money:
        return sum(self._minted.values())

    def is_minter(self, minter: str) -> bool:
        return minter in self._minters

    def allowance(self, minter: str) -> Money:
        """What the minter may still mint."""
        return self._granted.get(minter, 0) - self._minted.get(minter, 0)

    def has_receipt(self, receipt_id: str) -> bool:
        return receipt_id in self._receipts

    def refusal(self, minter: str, receipt_id: str, amount: Money) -> CashRefusal | None:
        """A receipt that is there binds also those who need none."""
        receipt = self._receipts.get(receipt_id)
        return first_refusal(
            (not self.is_minter(minter), CashRefusal.NOT_A_MINTER),
            (receipt is None and self.needs_receipt, CashRefusal.NO_FIAT_RECEIPT),
            (receipt is not None and receipt.unused == 0, CashRefusal.RECEIPT_ALREADY_USED),
            (receipt is not None and amount > receipt.unused, CashRefusal.AMOUNT_ABOVE_RECEIPT),
            (amount > self.allowance(minter), CashRefusal.ALLOWANCE_EXCEEDED),
        )

    # --- changing -----------------------------------------------------------------------------------

    def receive(self, receipt_id: str, amount: Money) -> None:
        self._receipts[receipt_id] = Receipt(amount)

    def mint(self, minter: str, receipt_id: str, amount: Money) -> None:
        """Of what has been found to be possible."""
        receipt = self._receipts.get(receipt_id)
        if receipt is None:
            self.unbacked += amount
        else:
            receipt.minted += amount
        self._minted[minter] += amount

    def configure(self, minter: str, allowance: Money) -> None:
        """From now on the minter may mint so much, whatever was left before."""
        self._minters[minter] = None
        self._granted[minter] = self._minted.setdefault(minter, 0) + allowance

    def remove(self, minter: str) -> None:
        del self._minters[minter]
        self._granted[minter] = self._minted[minter]

    # --- invariants ---------------------------------------------------------------------------------

    def faults(self) -> Iterator[str]:
        """I-43: every mint has its receipt or is told as unbacked; nobody minted beyond what was granted."""
        backed = sum(min(receipt.minted, receipt.amount) for receipt in self._receipts.values())
        if backed + self.unbacked != self.minted:
            yield f"I-43: of {self.minted} minted, {backed} have a fiat receipt, {self.unbacked} are told to have none"
        if self.needs_receipt and self.unbacked:
            yield f"I-43: {self.unbacked} were minted without a receipt, which the terms ask for"
        for minter, amount in self._minted.items():
            if self.allowance(minter) < 0:
                yield f"I-43: {minter} minted {amount}, beyond its allowance"

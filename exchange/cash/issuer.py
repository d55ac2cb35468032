"""A coin's issuer: its ledger, its keys, and what it refuses. It knows nothing of the venue's own books.

A coin is a claim on one bank rouble, so both stand on one ledger: reserves on the debit side; wallets, money
received that nobody has minted against, and what was wiped on the credit side. Reserves can then fall short
of the coins by no more than the losses on the books.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from exchange.cash.keeper import Keeper
from exchange.cash.terms import CoinTerms
from exchange.clearing.ledger import Rule
from exchange.reasons import CashRefusal, first_refusal
from exchange.units import Money, Time, WalletId

RESERVES = "reserves"  # bank roubles (mirror)
RESERVE_LOSSES = "reserve_losses"  # bank roubles that are gone (mirror)
RECEIVED = "received"  # receipts not yet minted against (liability)
WIPED = "wiped"  # what wiped coins stood for: still in the reserves, owed to whom the order says (liability)


@dataclass(slots=True, eq=False)
class Receipt:
    """Bank roubles that came in, and how much has been minted against them."""

    amount: Money
    minted: Money = 0


class Issuer(Keeper):
    """Mints against receipts, redeems at par, and holds the keys."""

    terms: CoinTerms

    def __init__(self, terms: CoinTerms) -> None:
        super().__init__(terms)
        self.supply: Money = 0
        self._minted: dict[str, Money] = dict.fromkeys(terms.minters, 0)
        self._redeemed: Money = 0
        self._wiped: Money = 0
        self._receipts: dict[str, Receipt] = {}
        self._at_pause: dict[WalletId, Money] | None = None  # balances, while paused
        self._ledger.open(RESERVES, terms.asset_id, Rule.MIRROR)
        self._ledger.open(RESERVE_LOSSES, terms.asset_id, Rule.MIRROR)
        self._ledger.open(RECEIVED, terms.asset_id, Rule.LIABILITY)
        self._ledger.open(WIPED, terms.asset_id, Rule.LIABILITY)

    # --- reading ------------------------------------------------------------------------------------

    @property
    def reserves(self) -> Money:
        """Bank roubles that can be paid out."""
        return self._ledger.available(RESERVES)

    @property
    def paused(self) -> bool:
        return self._at_pause is not None

    def halted(self, now: Time) -> CashRefusal | None:
        return CashRefusal.ISSUER_PAUSED if self.paused else None

    def allowance(self, minter: str) -> Money:
        """What the minter may still mint. Minting uses it up; burning does not give it back."""
        return self.terms.minters.get(minter, 0) - self._minted.get(minter, 0)

    # --- money in, coins, money out -----------------------------------------------------------------

    def record_receipt(self, receipt_id: str, amount: Money, now: Time) -> CashRefusal | None:
        """Bank roubles have come in; a pause cannot stop that. Each receipt is recorded once."""
        reason = first_refusal(
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (receipt_id in self._receipts, CashRefusal.RECEIPT_ALREADY_USED),
        )
        if reason is None:
            self._receipts[receipt_id] = Receipt(amount)
            self._move(RESERVES, RECEIVED, amount, now, "receipt")
        return reason

    def mint(
        self, minter: str, receipt_id: str, wallet_id: WalletId, amount: Money, now: Time
    ) -> CashRefusal | None:
        """A receipt may be minted against in parts, by any minter, until its amount is used up."""
        receipt = self._receipts.get(receipt_id, Receipt(0))
        unused = receipt.amount - receipt.minted
        reason = first_refusal(
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (self.paused, CashRefusal.ISSUER_PAUSED),
            (minter not in self.terms.minters, CashRefusal.NOT_A_MINTER),
            (receipt.amount == 0, CashRefusal.NO_FIAT_RECEIPT),
            (unused == 0, CashRefusal.RECEIPT_ALREADY_USED),
            (amount > unused, CashRefusal.AMOUNT_ABOVE_RECEIPT),
            (amount > self.allowance(minter), CashRefusal.ALLOWANCE_EXCEEDED),
            (self.is_frozen_in(wallet_id), CashRefusal.WALLET_FROZEN),
        )
        if reason is None:
            self._move(RECEIVED, self._open(wallet_id), amount, now, "mint")
            receipt.minted += amount
            self._minted[minter] += amount
            self.supply += amount
        return reason

    def redeem(self, wallet_id: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        """Burn coins and pay as many bank roubles out of the reserves."""
        reason = first_refusal(
            (wallet_id not in self._wallets, CashRefusal.UNKNOWN_WALLET),
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (self.paused, CashRefusal.ISSUER_PAUSED),
            (self.is_frozen_out(wallet_id), CashRefusal.WALLET_FROZEN),
            (amount > self.balance(wallet_id), CashRefusal.INSUFFICIENT_FUNDS),
            (amount > self.reserves, CashRefusal.INSUFFICIENT_RESERVES),
        )
        if reason is None:
            self._move(self._wallets[wallet_id], RESERVES, amount, now, "redeem")
            self._redeemed += amount
            self.supply -= amount
        return reason

    def record_reserve_loss(self, amount: Money, now: Time) -> CashRefusal | None:
        """Part of the reserves is gone (a bank that failed): the coins stay, and are covered by less."""
        reason = first_refusal(
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (amount > self.reserves, CashRefusal.INSUFFICIENT_RESERVES),
        )
        if reason is None:
            self._move(RESERVE_LOSSES, RESERVES, amount, now, "reserve loss")
        return reason

    def write_off(self, wallet_id: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        """In its default the issuer writes coins down to what backs them: as many are no more."""
        reason = super().write_off(wallet_id, amount, now)
        if reason is None:
            self._wiped += amount
            self.supply -= amount
            if self._at_pause is not None:
                self._at_pause[wallet_id] = self.balance(wallet_id)
        return reason

    # --- keys ---------------------------------------------------------------------------------------

    def pause(self, signatures: tuple[str, ...]) -> CashRefusal | None:
        """Stop minting, transfers and redemption. Keys still work: freeze, unfreeze, wipe."""
        reason = first_refusal(
            (self.paused, CashRefusal.ISSUER_PAUSED),
            (not _all_of(self.terms.pause_signatures, signatures), CashRefusal.SIGNATURES_MISSING),
        )
        if reason is None:
            self._at_pause = self.balances()
        return reason

    def unpause(self, signatures: tuple[str, ...]) -> CashRefusal | None:
        reason = first_refusal(
            (not _all_of(self.terms.pause_signatures, signatures), CashRefusal.SIGNATURES_MISSING),
            (not self.paused, CashRefusal.NOT_PAUSED),
        )
        if reason is None:
            self._at_pause = None
        return reason

    def wipe_refusal(self, wallet_id: WalletId, signatures: tuple[str, ...]) -> CashRefusal | None:
        return first_refusal(
            (wallet_id not in self._wallets, CashRefusal.UNKNOWN_WALLET),
            (not self.terms.wipe_allowed, CashRefusal.WIPE_NOT_ALLOWED),
            (not self._is_signed(wallet_id, signatures), CashRefusal.SIGNATURES_MISSING),
            (not self.is_frozen_out(wallet_id), CashRefusal.NOT_FROZEN),
            (self.balance(wallet_id) == 0, CashRefusal.INSUFFICIENT_FUNDS),
        )

    def wipe(
        self, wallet_id: WalletId, order_ref: str, signatures: tuple[str, ...], now: Time
    ) -> CashRefusal | None:
        """Destroy all that a wallet holds which may not send. It stays frozen. Also while paused."""
        reason = self.wipe_refusal(wallet_id, signatures)
        if reason is None:
            amount, freeze = self.balance(wallet_id), self._freezes[wallet_id]
            account = self._wallets[wallet_id]
            self._ledger.unfreeze(account, order_ref=order_ref, now=now)
            self._move(account, WIPED, amount, now, "wipe")
            self._ledger.freeze(account, out=freeze.out, into=freeze.into, order_ref=order_ref, now=now)
            self._freezes[wallet_id] = freeze._replace(balance=0)
            self._wiped += amount
            self.supply -= amount
            if self._at_pause is not None:
                self._at_pause[wallet_id] = 0
        return reason

    # --- invariants ---------------------------------------------------------------------------------

    def audit(self) -> list[str]:
        """Each violated invariant (I-42, I-43, I-44) as a sentence; empty if all is well."""
        return super().audit() + [
            sentence for wrong, sentence in (*self._supply_checks(), *self._pause_checks()) if wrong
        ]

    def _supply_checks(self) -> Iterator[tuple[bool, str]]:
        held = sum(self.balances().values())
        yield held != self.supply, f"I-42: wallets hold {held} of a supply of {self.supply}"
        minted = sum(self._minted.values())
        left = minted - self._redeemed - self._wiped
        yield left != self.supply, f"I-42: mints less redemptions and wipes leave {left}, not {self.supply}"
        covered = self.reserves + self._ledger.posted(RESERVE_LOSSES)
        yield covered < self.supply, f"I-43: reserves and losses of {covered} for a supply of {self.supply}"
        backed = sum(min(receipt.minted, receipt.amount) for receipt in self._receipts.values())
        yield backed != minted, f"I-43: of {minted} minted, {backed} have a fiat receipt"
        for minter, amount in self._minted.items():
            yield self.allowance(minter) < 0, f"I-43: {minter} minted {amount}, beyond its allowance"

    def _pause_checks(self) -> Iterator[tuple[bool, str]]:
        if self._at_pause is not None:
            for wallet_id in self._wallets:
                moved = self.balance(wallet_id) != self._at_pause.get(wallet_id, 0)
                yield moved, f"I-44: wallet {wallet_id} moved while the issuer was paused"


def _all_of(needed: tuple[str, ...], signatures: tuple[str, ...]) -> bool:
    return all(name in signatures for name in needed)

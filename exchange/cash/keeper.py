"""Whoever keeps a cash asset - a coin's issuer, a bank, the central bank - and the wallets on its own ledger.

The venue, its custody and its transfers need no more of a cash asset than this. What sets one kind apart is
in the files beside this one: when it moves, who may halt it, and what stands behind it.

A wallet comes into being when money or a freeze first reaches it. A freeze is enforced where a balance
changes, on the ledger; the checks here say first what the ledger would refuse, so a refusal leaves no trace.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from exchange.cash import hours
from exchange.cash.keys import Keys
from exchange.cash.terms import FEES, CashTerms, RoleName
from exchange.clearing.ledger import Ledger, Rule
from exchange.clearing.rounding import divide_up
from exchange.reasons import CashRefusal, first_refusal
from exchange.units import Money, Time, WalletId

WRITTEN_OFF = "written_off"  # what wallets held and nobody will ever pay


class Freeze(NamedTuple):
    out: bool
    into: bool
    balance: Money  # when it was laid on, or what a wipe left since


class ParRedemption(NamedTuple):
    """How much of an amount of the asset can be had in bank money at par, from when on, and why not all of it now.

    `at` None: not before something changes that nobody has promised.
    """

    at: Time | None
    amount: Money
    reason: CashRefusal | None


class Keeper:
    """A ledger of wallets. Every operation returns None when it is done, or the first reason against it and
    changes nothing.
    """

    freeze_authority: ClassVar[str]  # in words: who can have a wallet frozen
    credit_risk: ClassVar[str]  # in words: whose failure the holder bears

    def __init__(self, terms: CashTerms) -> None:
        self.terms = terms
        self.keys = Keys(terms.roles)
        self._ledger = Ledger()
        self._wallets: dict[WalletId, str] = {}  # to the account on the ledger
        self._freezes: dict[WalletId, Freeze] = {}
        self._of_the_venue: dict[WalletId, None] = {}
        self._written_off: Money = 0
        for wallet_id in terms.venue_wallets:
            self.open_for_the_venue(wallet_id)

    def fold(self) -> None:
        """As `Ledger.fold`."""
        self._ledger.fold()

    @property
    def own_wallets(self) -> tuple[WalletId, ...]:
        """The keeper's own: nobody else can have one of these."""
        return (FEES,)

    # --- reading ------------------------------------------------------------------------------------

    def halted(self, now: Time) -> CashRefusal | None:
        """Why nothing moves at all, if that is so."""
        return None

    def is_open(self, now: Time) -> bool:
        """Whether it is within the hours in which the asset moves."""
        return hours.is_open(self.terms.hours, now)

    def opens_at(self, now: Time) -> Time:
        """The next instant within those hours: now, if this one is."""
        return hours.opens_at(self.terms.hours, now)

    def standstill(self, now: Time) -> CashRefusal | None:
        """Why nothing moves now: halted, or outside its hours."""
        return self.halted(now) or (None if self.is_open(now) else CashRefusal.CLOSED)

    def final_at(self, now: Time) -> Time | None:
        """When a transfer entered now would be final here; None while nobody can say."""
        return None if self.halted(now) else self.opens_at(now) + self.terms.finality

    def fee(self, amount: Money) -> Money:
        """Of a transfer of `amount`, out of it. Rounded up: the sender pays it."""
        return self.terms.transfer_fee + divide_up(amount * self.terms.transfer_fee_bp, 10_000)

    def par_redemption(self, amount: Money, now: Time) -> ParRedemption:
        """What of `amount` can be had in bank money at par, and when."""
        halted = self.halted(now)
        if halted is not None:
            return ParRedemption(None, 0, halted)
        return ParRedemption(self.opens_at(now), amount, self.standstill(now))

    def shut(self, now: Time) -> bool:
        """Whether nobody can get from the asset back to what it promises now."""
        return self.standstill(now) is not None

    def backlog(self) -> Money:
        """What holders have asked to have back and were not paid. A keeper that pays at once has none."""
        return 0

    def balance(self, wallet_id: WalletId) -> Money:
        account = self._wallets.get(wallet_id)
        return 0 if account is None else self._ledger.posted(account)

    def balances(self) -> dict[WalletId, Money]:
        """Of every wallet that has ever been used, in the order of their first use."""
        return {wallet_id: self.balance(wallet_id) for wallet_id in self._wallets}

    def is_frozen_out(self, wallet_id: WalletId) -> bool:
        freeze = self._freezes.get(wallet_id)
        return freeze is not None and freeze.out

    def is_frozen_in(self, wallet_id: WalletId) -> bool:
        freeze = self._freezes.get(wallet_id)
        return freeze is not None and freeze.into

    def head(self) -> str:
        """The journal hash of the keeper's own ledger."""
        return self._ledger.head()

    # --- transfers ----------------------------------------------------------------------------------

    def transfer_refusal(
        self, source: WalletId, target: WalletId, amount: Money, now: Time
    ) -> CashRefusal | None:
        """Why `transfer` would be refused now, or None."""
        still, fee = self.standstill(now), self.fee(amount)
        into_fees = fee > 0 and self.is_frozen_in(FEES)
        reason = first_refusal(
            (source not in self._wallets, CashRefusal.UNKNOWN_WALLET),
            (source == target, CashRefusal.SAME_WALLET),
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (still is not None, still or CashRefusal.CLOSED),
            (amount <= fee, CashRefusal.AMOUNT_BELOW_FEE),
        )
        return reason or first_refusal(
            *self._limits(target, amount),
            (self.is_frozen_out(source) or self.is_frozen_in(target) or into_fees, CashRefusal.WALLET_FROZEN),
            (amount > self.balance(source), CashRefusal.INSUFFICIENT_FUNDS),
        )

    def _limits(self, target: WalletId, amount: Money) -> Sequence[tuple[bool, CashRefusal]]:
        """What a transfer may be refused for beside all that holds for every keeper."""
        return ()

    def transfer(self, source: WalletId, target: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        """`amount` leaves the source; the target receives it less the fee."""
        reason = self.transfer_refusal(source, target, amount, now)
        if reason is None:
            fee = self.fee(amount)
            chain = [(self._open(target), amount - fee, "transfer")]
            chain += [(self._open(FEES), fee, "fee")] if fee else []
            debit = self._wallets[source]
            self._ledger.commit(
                [self._ledger.transfer(debit, to, part, code=code) for to, part, code in chain], now
            )
        return reason

    def open_for_the_venue(self, wallet_id: WalletId) -> None:
        """One more wallet of the venue: a freeze of it needs the signatures that one of those needs."""
        self._of_the_venue[wallet_id] = None
        self._open(wallet_id)

    def write_off(self, wallet_id: WalletId, amount: Money, now: Time) -> CashRefusal | None:
        """Part of what a wallet holds is gone, whoever may send or halt: the keeper itself has failed."""
        reason = first_refusal(
            (wallet_id not in self._wallets, CashRefusal.UNKNOWN_WALLET),
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (amount > self.balance(wallet_id), CashRefusal.INSUFFICIENT_FUNDS),
        )
        if reason is None:
            freeze = self._freezes.get(wallet_id)
            self._book_off(self._wallets[wallet_id], amount, now)
            self._written_off += amount
            if freeze is not None:
                self._freezes[wallet_id] = freeze._replace(balance=self.balance(wallet_id))
        return reason

    def _book_off(self, account: str, amount: Money, now: Time) -> None:
        """Out of a wallet, frozen or not, against what stands behind it."""
        self._ledger.open(WRITTEN_OFF, self.terms.asset_id, Rule.LIABILITY)
        self._ledger.take_back([(account, WRITTEN_OFF, amount)], now)

    # --- freezes ------------------------------------------------------------------------------------

    def freeze(
        self, wallet_id: WalletId, order_ref: str, signatures: tuple[str, ...], now: Time, *,
        out: bool = True, into: bool = True,
    ) -> CashRefusal | None:  # fmt: skip
        """A further order may add the other direction; one adding nothing is refused."""
        sending, receiving = self.is_frozen_out(wallet_id), self.is_frozen_in(wallet_id)
        adds = (out and not sending) or (into and not receiving)
        reason = first_refusal(
            (not self._is_signed(wallet_id, signatures), CashRefusal.SIGNATURES_MISSING),
            (not adds, CashRefusal.ALREADY_FROZEN),
        )
        if reason is None:
            account = self._open(wallet_id)
            freeze = Freeze(out or sending, into or receiving, self.balance(wallet_id))
            self._freezes[wallet_id] = freeze
            self._ledger.freeze(account, out=freeze.out, into=freeze.into, order_ref=order_ref, now=now)
        return reason

    def unfreeze(
        self, wallet_id: WalletId, order_ref: str, signatures: tuple[str, ...], now: Time
    ) -> CashRefusal | None:
        """Lift the freeze in both directions."""
        reason = first_refusal(
            (wallet_id not in self._wallets, CashRefusal.UNKNOWN_WALLET),
            (not self._is_signed(wallet_id, signatures), CashRefusal.SIGNATURES_MISSING),
            (wallet_id not in self._freezes, CashRefusal.NOT_FROZEN),
        )
        if reason is None:
            self._ledger.unfreeze(self._wallets[wallet_id], order_ref=order_ref, now=now)
            del self._freezes[wallet_id]
        return reason

    def _is_signed(
        self, wallet_id: WalletId, signatures: tuple[str, ...], role: RoleName = RoleName.FREEZER
    ) -> bool:
        """By those who hold the role and, for one of the venue's wallets, by those who must sign beside."""
        beside = (RoleName.VENUE_FREEZER,) if wallet_id in self._of_the_venue else ()
        return self.keys.is_signed(signatures, role, *beside)

    # --- invariants ---------------------------------------------------------------------------------

    def audit(self) -> list[str]:
        """Each violated invariant as a sentence; empty if all is well."""
        return list(self._freeze_faults())

    def _freeze_faults(self) -> Iterator[str]:
        """I-44: a wallet that may not send has not less, one that may not receive not more."""
        for wallet_id, freeze in self._freezes.items():
            held = self.balance(wallet_id)
            if (freeze.out and held < freeze.balance) or (freeze.into and held > freeze.balance):
                yield f"I-44: frozen wallet {wallet_id} went from {freeze.balance} to {held}"

    # --- the ledger ---------------------------------------------------------------------------------

    def _open(self, wallet_id: WalletId) -> str:
        """The wallet's account on the ledger, opened at its first use."""
        account = self._wallets.get(wallet_id)
        if account is None:
            account = self._wallets[wallet_id] = f"wallet:{wallet_id}"
            self._ledger.open(account, self.terms.asset_id, Rule.LIABILITY)
        return account

    def _move(self, debit: str, credit: str, amount: Money, now: Time, code: str) -> None:
        self._ledger.commit([self._ledger.transfer(debit, credit, amount, code=code)], now)

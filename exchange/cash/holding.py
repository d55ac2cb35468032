"""One cash asset as the venue has it: the terms, the keeper, the custody, the gate, and withdrawals under way."""

from dataclasses import dataclass, field
from typing import NamedTuple

from exchange.cash.bank import Bank
from exchange.cash.custody import Custody, Gate
from exchange.cash.digital_rouble import DigitalRouble
from exchange.cash.issuer import Issuer
from exchange.cash.keeper import Keeper
from exchange.cash.money import MoneyKeeper
from exchange.cash.terms import BankTerms, CashTerms, CoinTerms, DigitalRoubleTerms
from exchange.clearing import accounts
from exchange.clearing.ledger import Ledger, TransferId
from exchange.commands import KeyCommand
from exchange.instruments import PAR_PPM
from exchange.reasons import CashRefusal
from exchange.units import InstrumentId, Money, Time, WalletId
from matching.terms import ParticipantId


class Part(NamedTuple):
    """What one of the venue's wallets sends of a withdrawal, and the pending transfer that waits on it."""

    transfer_id: TransferId
    wallet_id: WalletId
    amount: Money


class Withdrawal(NamedTuple):
    """A withdrawal that the keeper's ledger does not show yet."""

    withdrawal_id: int
    participant_id: ParticipantId
    target: WalletId
    amount: Money
    parts: tuple[Part, ...]
    gate: Gate | None  # the gate that it was entered under


@dataclass(slots=True, eq=False)
class Holding:
    """`frozen` is what the venue's wallets could not send when the gate was last reviewed; `halted` that by a
    directive the venue takes and gives none of it. The price moves nothing by itself: par is still promised.
    """

    terms: CashTerms
    keeper: Keeper = field(init=False)
    custody: Custody = field(init=False)
    gate: Gate | None = None
    frozen: Money = 0
    price_ppm: int = PAR_PPM  # of one, in what it promises
    value_ppm: int = PAR_PPM  # what stands behind one, by what was last told in public
    pending: dict[int, Withdrawal] = field(default_factory=dict)
    delayed: dict[int, CashRefusal] = field(default_factory=dict)  # of those pending, and why
    halted: bool = False
    suspended: list[InstrumentId] = field(default_factory=list)  # series that the halt has stopped
    announced: dict[int, KeyCommand] = field(default_factory=dict)  # keys were used; it is done after a delay
    operations: int = 0  # announced so far

    def __post_init__(self) -> None:
        self.keeper = keeper_on(self.terms)
        self.custody = Custody(self.terms.venue_wallets)

    @property
    def issuer(self) -> Issuer | None:
        """The keeper, if the asset is a coin."""
        return self.keeper if isinstance(self.keeper, Issuer) else None

    @property
    def money(self) -> MoneyKeeper | None:
        """The keeper, if it is a bank or the central bank."""
        return self.keeper if isinstance(self.keeper, MoneyKeeper) else None

    @property
    def bank(self) -> Bank | None:
        """The keeper, if it is a bank."""
        return self.keeper if isinstance(self.keeper, Bank) else None

    def standstill(self, now: Time) -> CashRefusal | None:
        """Why nothing of it comes to the venue or leaves it now, whoever asks."""
        return CashRefusal.CASH_HALTED if self.halted else self.keeper.standstill(now)

    def is_of_the_venue(self, wallet_id: WalletId) -> bool:
        return wallet_id in self.custody.wallets

    def mirror(self, wallet_id: WalletId) -> str:
        return accounts.wallet(wallet_id, self.terms.asset_id)

    def spendable(self, ledger: Ledger) -> dict[WalletId, Money]:
        """What each wallet that may send holds beside what is on its way out."""
        return {wallet: ledger.available(self.mirror(wallet)) for wallet in self.custody.sending(self.keeper)}

    def audit(self, ledger: Ledger) -> list[str]:
        """Each violated invariant between the keeper's ledger and the venue's (I-11, I-42 to I-46)."""
        broken = self.keeper.audit()
        for wallet in self.custody.wallets:
            held, mirrored = self.keeper.balance(wallet), ledger.posted(self.mirror(wallet))
            if held != mirrored:
                broken.append(
                    f"I-11: wallet {wallet} holds {held} on its keeper's ledger, {mirrored} on ours"
                )
        mobile = sum(self.spendable(ledger).values())
        if self.gate is not None and self.gate.promised() > mobile:
            broken.append(f"I-46: the gate promises {self.gate.promised()} of {mobile} that can move")
        return broken


def keeper_on(terms: CashTerms) -> Keeper:
    """Who keeps an asset on such terms."""
    match terms:
        case CoinTerms():
            return Issuer(terms)
        case BankTerms():
            return Bank(terms)
        case DigitalRoubleTerms():
            return DigitalRouble(terms)
    raise AssertionError(f"{terms.asset_id}: terms of a kind of cash asset that is known")

"""One cash asset as the venue has it: the terms, the keeper, the custody, the gate, withdrawals under way, losses."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from exchange.cash.bank import Bank
from exchange.cash.custody import Custody, Gate
from exchange.cash.digital_rouble import DigitalRouble
from exchange.cash.issuer import Issuer
from exchange.cash.keeper import Keeper
from exchange.cash.losses import Loss
from exchange.cash.money import MoneyKeeper
from exchange.cash.terms import BankTerms, CashHalt, CashTerms, CoinTerms, DigitalRoubleTerms
from exchange.clearing import accounts
from exchange.clearing.ledger import Ledger, Rule, TransferId
from exchange.commands import KeyCommand
from exchange.instruments import PAR_PPM
from exchange.reasons import CashRefusal, first_refusal
from exchange.units import Money, Time, WalletId
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
    """`frozen` is what the venue's wallets could not send when the gate was last reviewed. The price moves nothing by
    itself: par is still promised.
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
    halts: dict[CashHalt, str] = field(default_factory=dict)  # causes that hold now, each with its grounds
    pauses: int = 0  # of the keeper, and ends of them
    announced: dict[int, KeyCommand] = field(default_factory=dict)  # keys were used; it is done after a delay
    operations: int = 0  # announced so far
    losses: list[Loss] = field(default_factory=list)
    replaced: dict[WalletId, WalletId] = field(default_factory=dict)  # by which of the venue's, which one
    swept_to: int = 0  # records of the venue's ledger that the last sweep has seen
    unswept: dict[ParticipantId, None] = field(
        default_factory=dict
    )  # whose wallet could not be brought right

    def __post_init__(self) -> None:
        self.keeper = keeper_on(self.terms)
        self.custody = Custody(self.terms.venue_wallets, self.terms.custody)

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
        if CashHalt.DIRECTIVE in self.halts:
            return CashRefusal.CASH_HALTED
        return self.keeper.standstill(now)

    @property
    def is_wound_down(self) -> bool:
        return CashHalt.WOUND_DOWN in self.halts

    @property
    def recoverable_ppm(self) -> int:
        """What each unit of a claim can be thought to be worth: all that is mobile, and of the frozen rest what the
        terms expect to come back. Rounded down.
        """
        mobile, frozen = self.custody.mobile(self.keeper), self.custody.frozen(self.keeper)
        if not frozen:
            return 1_000_000
        hoped = mobile * 10_000 + frozen * self.terms.expected_recovery_bp
        return hoped * 100 // (mobile + frozen)

    def shut(self, now: Time) -> CashRefusal | None:
        """Why nobody can bring any of it now, however much it has outside; what binds one participant is not asked."""
        nowhere = not self.custody.separates and self.custody.house_wallet(self.keeper) is None
        return self.standstill(now) or first_refusal(
            (nowhere, CashRefusal.WALLET_FROZEN), (self.is_wound_down, CashRefusal.WINDING_DOWN)
        )

    def is_of_the_venue(self, wallet_id: WalletId) -> bool:
        return wallet_id in self.custody.wallets

    def mirror(self, wallet_id: WalletId) -> str:
        return accounts.wallet(wallet_id, self.terms.asset_id)

    def open_for(self, participant_id: ParticipantId, ledger: Ledger) -> WalletId:
        """A wallet of the participant's own, among the venue's."""
        wallet_id = self.custody.open_for(participant_id)
        self.open_wallet(wallet_id, ledger)
        return wallet_id

    def open_wallet(self, wallet_id: WalletId, ledger: Ledger) -> None:
        """One more wallet of the venue, on the keeper's ledger and as a mirror on ours."""
        self.keeper.open_for_the_venue(wallet_id)
        ledger.open(self.mirror(wallet_id), self.terms.asset_id, Rule.MIRROR)

    def sources(self, participant_id: ParticipantId, ledger: Ledger) -> dict[WalletId, Money]:
        """The wallets that may send what the participant withdraws: where it has one of its own, that alone."""
        spendable = self.spendable(ledger)
        if not self.custody.separates:
            return spendable
        own = self.custody.of_participants.get(participant_id)
        return {own: spendable[own]} if own in spendable else {}

    def spendable(self, ledger: Ledger) -> dict[WalletId, Money]:
        """What each wallet that may send holds beside what is on its way out."""
        return {wallet: ledger.available(self.mirror(wallet)) for wallet in self.custody.sending(self.keeper)}

    def audit(self, ledger: Ledger) -> list[str]:
        """Each violated invariant between the keeper's ledger and the venue's (I-11, I-42 to I-46)."""
        broken = [*self.keeper.audit(), *self._own_wallet_faults(ledger)]
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

    def stands_for(self, wallet_id: WalletId) -> list[WalletId]:
        """The wallet itself, and all that it has replaced, one after the other."""
        found = [wallet_id]
        while (before := self.replaced.get(found[-1])) is not None:
            found.append(before)
        return found

    def look_at(self, wallet_id: WalletId) -> None:
        """Have the next sweep look at the wallet: its keeper's ledger alone has changed it."""
        owner = self.custody.owners.get(wallet_id)
        if owner is not None:
            self.unswept[owner] = None

    def due_to_wallet(self, participant_id: ParticipantId, ledger: Ledger) -> Money:
        """How much the participant's own wallet should hold more; negative if it holds too much."""
        asset_id = self.terms.asset_id
        names = (accounts.cash(participant_id, asset_id), accounts.hold(participant_id, asset_id))
        due = sum(ledger.posted(name) for name in names if name in ledger)
        own = self.custody.of_participants.get(participant_id)
        return due - (0 if own is None else ledger.posted(self.mirror(own)))

    def _own_wallet_faults(self, ledger: Ledger) -> Iterator[str]:
        """I-11 one by one: each participant's own wallet holds what is free or held of its money, and no more."""
        for who, wallet in self.custody.of_participants.items():
            due = self.due_to_wallet(who, ledger)
            if due and who not in self.unswept:
                yield f"I-11: {due} is missing in wallet {wallet}, and nothing keeps it from there"


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

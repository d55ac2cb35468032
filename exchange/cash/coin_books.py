"""The money side of a coin's issuer: receipts, coins, reserves, redemption, interest. It knows nothing of the venue.

A coin is a claim on one bank rouble, so both stand on one ledger. On the debit side: reserves, what was lost of
them, and what was minted against nothing. On the credit side: wallets, money received that nobody has minted
against, what was wiped, own funds, interest that is set aside. So reserves fall short of the coins by no more
than what is on the books as lost or as unbacked.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from exchange.cash.interest import Interest
from exchange.cash.issuer_states import ALLOWED, REFUSED_IN, Answer, IssuerState, Operation
from exchange.cash.keeper import Keeper
from exchange.cash.minting import Minting
from exchange.cash.redemption import Part, Redemptions, Ticket
from exchange.cash.reserves import Change, Reserves, Sale
from exchange.cash.terms import CoinTerms, QueueRule, ReserveStatus, RoleName
from exchange.clearing.ledger import Rule
from exchange.reasons import CashRefusal, first_refusal
from exchange.units import Money, Time, WalletId

RESERVES = "reserves"  # all that is not lost (mirror)
RESERVE_LOSSES = "reserve_losses"  # what is gone, with haircuts of forced sales (mirror)
UNBACKED = "unbacked"  # minted without a receipt (mirror)
RECEIVED = "received"  # receipts not yet minted against (liability)
WIPED = "wiped"  # what wiped coins stood for: still in the reserves, owed to whom the order says (liability)
OWN_FUNDS = "own_funds"  # of the issuer (liability)
INTEREST_DUE = "interest_due"  # set aside for wallets, and the dust (liability)

_MIRRORS = (RESERVES, RESERVE_LOSSES, UNBACKED)
_LIABILITIES = (RECEIVED, WIPED, OWN_FUNDS, INTEREST_DUE)


Arrives: TypeAlias = Callable[[WalletId], bool]  # whether roubles that are paid for a wallet's coins would


def anywhere(_wallet_id: WalletId) -> bool:
    """Whoever pays the roubles out, it is not looked at where to."""
    return True


class Payment(NamedTuple):
    """Coins that were burned, and the roubles that were paid for them; the fee stays with the issuer."""

    ticket_id: int  # 0: paid in a wind-down, unasked
    wallet_id: WalletId
    burned: Money
    fee: Money
    roubles: Money


class CoinBooks(Keeper):
    terms: CoinTerms

    def __init__(self, terms: CoinTerms) -> None:
        super().__init__(terms)
        self.state = IssuerState.ACTIVE
        self.supply: Money = 0
        self.minting = Minting(terms.minters, needs_receipt=terms.mint_needs_receipt)
        self.reserves = Reserves(terms.reserves)
        self.redemptions = Redemptions(terms.redemption)
        self.interest = Interest()
        self.told_shortfall: Money = 0
        self._paid_interest: Money = 0
        self._redeemed: Money = 0
        for account in _MIRRORS:
            self._ledger.open(account, terms.asset_id, Rule.MIRROR)
        for account in _LIABILITIES:
            self._ledger.open(account, terms.asset_id, Rule.LIABILITY)
        self._open(terms.issuer_wallet)
        self._found(terms)

    def _found(self, terms: CoinTerms) -> None:
        """What is out, and what the issuer put in itself, as the terms say."""
        for out in terms.circulation:
            self._move(RESERVES, self._open(out.wallet_id), out.amount, 0, "founding")
            self.supply += out.amount
        self._founded = self.supply
        if terms.own_funds:
            self._move(RESERVES, OWN_FUNDS, terms.own_funds, 0, "founding")

    @property
    def own_wallets(self) -> tuple[WalletId, ...]:
        return (*super().own_wallets, self.terms.issuer_wallet)

    # --- reading ------------------------------------------------------------------------------------

    def refused_in_state(self, operation: Operation) -> CashRefusal | None:
        """Why the state the issuer is in does not allow the operation, or None."""
        return REFUSED_IN[self.state] if ALLOWED[operation, self.state] is Answer.NO else None

    def halted(self, now: Time) -> CashRefusal | None:
        return self.refused_in_state(Operation.TRANSFER)

    def transfer_refusal(
        self, source: WalletId, target: WalletId, amount: Money, now: Time
    ) -> CashRefusal | None:
        """Coins in the issuer's wallet are others' who wait; in some states only the venue hands coins out."""
        reason = super().transfer_refusal(source, target, amount, now)
        only_the_venue = ALLOWED[Operation.TRANSFER, self.state] is Answer.FROM_THE_VENUE
        return first_refusal(
            (self.terms.issuer_wallet in (source, target), CashRefusal.WALLET_OF_THE_ISSUER),
            (reason is not None, reason or CashRefusal.ISSUER_WINDING_DOWN),
            (only_the_venue and source not in self._of_the_venue, CashRefusal.ISSUER_WINDING_DOWN),
        )

    @property
    def shortfall(self) -> Money:
        """By how much the coins exceed the book value of the reserves."""
        return max(0, self.supply - self.reserves.book)

    @property
    def own_funds(self) -> Money:
        """As they were put in and earned; what was lost of the reserves is on the books beside them."""
        return self._ledger.posted(OWN_FUNDS)

    def tell_shortfall(self) -> bool:
        """Whether it is not what was told last; from here on it is told."""
        changed = self.shortfall != self.told_shortfall
        self.told_shortfall = self.shortfall
        return changed

    # --- money in, coins ----------------------------------------------------------------------------

    def record_receipt(self, receipt_id: str, amount: Money, now: Time) -> CashRefusal | None:
        """Bank roubles have come in; a pause cannot stop that. Each receipt is recorded once."""
        reason = first_refusal(
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (self.minting.has_receipt(receipt_id), CashRefusal.RECEIPT_ALREADY_USED),
            (not self.reserves.can_take_in(), CashRefusal.RESERVES_LOST),
        )
        if reason is None:
            self.minting.receive(receipt_id, amount)
            self._take_in(RECEIVED, amount, now, "receipt")
        return reason

    def add_own_funds(self, amount: Money, now: Time) -> CashRefusal | None:
        """The issuer's owner puts money into the reserves."""
        reason = first_refusal(
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (not self.reserves.can_take_in(), CashRefusal.RESERVES_LOST),
        )
        if reason is None:
            self._take_in(OWN_FUNDS, amount, now, "own funds")
        return reason

    def mint(
        self, minter: str, receipt_id: str, wallet_id: WalletId, amount: Money, now: Time,
        signatures: tuple[str, ...] = (),
    ) -> CashRefusal | None:  # fmt: skip
        """A receipt may be minted against in parts, by any minter, until its amount is used up."""
        beyond = self.terms.mint_needs_reserves and self.supply + amount > self.reserves.book
        reason = (
            first_refusal(
                (wallet_id == self.terms.issuer_wallet, CashRefusal.WALLET_OF_THE_ISSUER),
                (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            )
            or self.refused_in_state(Operation.MINT)
            or self.minting.refusal(minter, receipt_id, amount)
            or first_refusal(
                (not self.keys.is_signed(signatures, RoleName.MINTER), CashRefusal.SIGNATURES_MISSING),
                (self.is_frozen_in(wallet_id), CashRefusal.WALLET_FROZEN),
                (beyond, CashRefusal.INSUFFICIENT_RESERVES),
            )
        )
        if reason is None:
            backing = RECEIVED if self.minting.has_receipt(receipt_id) else UNBACKED
            self._move(backing, self._open(wallet_id), amount, now, "mint")
            self.minting.mint(minter, receipt_id, amount)
            self.supply += amount
        return reason

    # --- redemption ---------------------------------------------------------------------------------

    def request_refusal(
        self, wallet_id: WalletId, amount: Money, *, eligible: bool = True
    ) -> CashRefusal | None:
        minimum = self.terms.redemption.minimum
        return first_refusal(
            (wallet_id not in self._wallets, CashRefusal.UNKNOWN_WALLET),
            (wallet_id == self.terms.issuer_wallet, CashRefusal.WALLET_OF_THE_ISSUER),
            (amount <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
        ) or (
            self.refused_in_state(Operation.REQUEST)
            or first_refusal(
                (amount < minimum or amount <= self.redemptions.fee(amount), CashRefusal.BELOW_MINIMUM),
                (not eligible, CashRefusal.NOT_ELIGIBLE),
                (self.is_frozen_out(wallet_id), CashRefusal.WALLET_FROZEN),
                (amount > self.balance(wallet_id), CashRefusal.INSUFFICIENT_FUNDS),
            )
        )

    def request(
        self, wallet_id: WalletId, amount: Money, now: Time, *, eligible: bool = True
    ) -> Ticket | CashRefusal:
        """Hand coins in. They count as supply, in the issuer's wallet, until they are paid."""
        reason = self.request_refusal(wallet_id, amount, eligible=eligible)
        if reason is not None:
            return reason
        self._move(self._wallets[wallet_id], self._wallets[self.terms.issuer_wallet], amount, now, "request")
        return self.redemptions.enter(wallet_id, amount, now)

    def is_eligible(self, wallet_id: WalletId, class_id: str | None) -> bool:
        """By the wallet, or by the class of the participant whose wallet it is."""
        terms = self.terms.redemption
        if not terms.eligible_wallets and not terms.eligible_classes:
            return True
        return wallet_id in terms.eligible_wallets or class_id in terms.eligible_classes

    def can_pay_at_once(self, ticket: Ticket, now: Time, arrives: Arrives = anywhere) -> bool:
        """Nobody waits before it, the hours allow it, and the money is there."""
        return (
            self.terms.redemption.instant
            and ALLOWED[Operation.PAYOUT, self.state] is Answer.YES
            and self.redemptions.backlog == ticket.open <= self.reserves.liquid
            and ticket.payable_from <= now
            and self._can_be_paid(ticket, arrives)
        )

    def payout_rule(self) -> QueueRule | None:
        """How the queue is paid in this state; None: not at all."""
        answer = ALLOWED[Operation.PAYOUT, self.state]
        if answer is Answer.BY_TERMS:
            return QueueRule.PRO_RATA if self.terms.redemption.gated_payout else None
        return self.terms.redemption.queue if answer is Answer.YES else None

    def payable(self, now: Time, arrives: Arrives = anywhere) -> list[Ticket]:
        return self.redemptions.payable(now, lambda ticket: self._can_be_paid(ticket, arrives))

    def wanted(self, arrives: Arrives = anywhere) -> Money:
        """What waits and could be paid if it were its turn."""
        return sum(ticket.open for ticket in self.redemptions.waiting() if self._can_be_paid(ticket, arrives))

    def _can_be_paid(self, ticket: Ticket, arrives: Arrives) -> bool:
        """Who is frozen, here or where the roubles go, stays in the queue and does not hold up those behind."""
        return not self.is_frozen_out(ticket.wallet_id) and arrives(ticket.wallet_id)

    def plan_payout(self, now: Time, rule: QueueRule, arrives: Arrives = anywhere) -> list[Part]:
        return self.redemptions.plan(self.reserves.liquid, self.payable(now, arrives), rule)

    def pay(self, ticket: Ticket, amount: Money, now: Time) -> Payment:
        """Burn so many coins of the ticket and pay as many roubles, less the fee."""
        fee = self.redemptions.pay(ticket, amount)
        return self._pay_out(
            self.terms.issuer_wallet,
            Payment(ticket.ticket_id, ticket.wallet_id, amount, fee, amount - fee),
            now,
        )

    def _pay_out(self, burned_from: WalletId, payment: Payment, now: Time) -> Payment:
        account = self._wallets[burned_from]
        if payment.roubles:
            self._move(account, RESERVES, payment.roubles, now, "redeem")
            self.reserves.pay(payment.roubles)
        if payment.fee:
            self._move(account, OWN_FUNDS, payment.fee, now, "fee")
        self._redeemed += payment.burned
        self.supply -= payment.burned
        return payment

    def cancel_refusal(self, ticket_id: int) -> CashRefusal | None:
        ticket = self.redemptions.ticket(ticket_id)
        if ticket is None:
            return CashRefusal.UNKNOWN_TICKET
        frozen = self.is_frozen_in(ticket.wallet_id)
        return self.refused_in_state(Operation.REQUEST) or first_refusal((frozen, CashRefusal.WALLET_FROZEN))

    def cancel(self, ticket_id: int, now: Time) -> Money:
        """Give back what has not been paid; what `cancel_refusal` does not refuse."""
        ticket = self.redemptions.ticket(ticket_id)
        assert ticket is not None, "only what is open is canceled"
        amount = self.redemptions.cancel(ticket)
        self._move(
            self._wallets[self.terms.issuer_wallet], self._wallets[ticket.wallet_id], amount, now, "cancel"
        )
        return amount

    # --- reserves -----------------------------------------------------------------------------------

    def report_reserves(
        self, custodian: str, status: ReserveStatus, share_bp: int, now: Time
    ) -> list[Change] | CashRefusal:
        """A custodian's buckets are stuck, in order again, or lost to a share."""
        buckets = self.reserves.at(custodian)
        reason = first_refusal(
            (not buckets, CashRefusal.UNKNOWN_CUSTODIAN),
            (not 0 < share_bp <= 10_000, CashRefusal.SHARE_OUT_OF_RANGE),
            (
                all(bucket.status in (status, ReserveStatus.LOST) for bucket in buckets),
                CashRefusal.NOTHING_CHANGES,
            ),
        )
        if reason is not None:
            return reason
        changes = self.reserves.report(custodian, status, share_bp)
        self._book_loss(sum(change.lost for change in changes), now)
        return changes

    def sell_at_once(self, need: Money, now: Time) -> list[Sale]:
        sales = self.reserves.sell_at_once(need)
        self._book_loss(sum(sale.amount - sale.proceeds for sale in sales), now)
        return sales

    def _book_loss(self, amount: Money, now: Time) -> None:
        if amount:
            self._move(RESERVE_LOSSES, RESERVES, amount, now, "reserve loss")

    def _take_in(self, liability: str, amount: Money, now: Time, code: str) -> None:
        self._move(RESERVES, liability, amount, now, code)
        self.reserves.take_in(amount)

    # --- interest -----------------------------------------------------------------------------------

    def distribute(self, income: Money, now: Time) -> Money | CashRefusal:
        """Income from the reserves; the holders' part of it, rounded down. The rest is the issuer's own."""
        reason = first_refusal(
            (income <= 0, CashRefusal.AMOUNT_NOT_POSITIVE),
            (not self.terms.interest_share_bp, CashRefusal.PAYS_NO_INTEREST),
            (not self.reserves.can_take_in(), CashRefusal.RESERVES_LOST),
        ) or self.refused_in_state(Operation.DISTRIBUTE)
        if reason is not None:
            return reason
        shares = {w: held for w, held in self.balances().items() if w != self.terms.issuer_wallet}
        part = income * self.terms.interest_share_bp // 10_000 if any(shares.values()) else 0
        if part:
            self._take_in(INTEREST_DUE, part, now, "interest")
            self.interest.accrue(shares, part)
        if income > part:
            self._take_in(OWN_FUNDS, income - part, now, "interest")
        return part

    def collect_interest(self, wallet_id: WalletId, now: Time) -> Money:
        """Coins for what is set aside for a wallet; nothing while it may not receive, or nothing moves."""
        if self.is_frozen_in(wallet_id) or self.halted(now) is not None:
            return 0
        amount = self.interest.collect(wallet_id)
        if amount:
            self._move(INTEREST_DUE, self._open(wallet_id), amount, now, "interest")
            self._paid_interest += amount
            self.supply += amount
        return amount

    # --- invariants ---------------------------------------------------------------------------------

    def _book_faults(self) -> Iterator[str]:
        """I-43, I-45, I-47."""
        posted = self._ledger.posted
        covered = posted(RESERVES) + posted(RESERVE_LOSSES) + posted(UNBACKED)
        if covered < self.supply:
            yield f"I-43: reserves, losses and unbacked coins of {covered} for a supply of {self.supply}"
        if posted(RESERVES) != self.reserves.book:
            yield f"I-43: buckets of {self.reserves.book} for reserves of {posted(RESERVES)} on the books"
        if posted(UNBACKED) != self.minting.unbacked:
            yield f"I-43: {self.minting.unbacked} minted without a receipt, {posted(UNBACKED)} on the books"
        if self.told_shortfall != self.shortfall:
            yield f"I-43: the coins exceed the reserves by {self.shortfall}, {self.told_shortfall} was told"
        if posted(INTEREST_DUE) != self.interest.owed:
            yield f"I-47: {self.interest.owed} of interest set aside, {posted(INTEREST_DUE)} on the books"
        yield from self.reserves.faults()
        yield from self.minting.faults()
        yield from self.redemptions.faults(self.balance(self.terms.issuer_wallet))
        yield from self.interest.faults()

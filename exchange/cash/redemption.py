"""Coins on their way back to the issuer: tickets, who is paid next, and what has become of each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from exchange.cash import hours
from exchange.cash.terms import QueueRule, RedemptionTerms
from exchange.clearing.rounding import allocate, divide_up
from exchange.units import DAY, Money, Time, WalletId


@dataclass(slots=True, eq=False)
class Ticket:
    """A request for redemption. paid + canceled + open = amount; the fee is kept back from what is paid first."""

    ticket_id: int
    wallet_id: WalletId
    amount: Money
    payable_from: Time
    fee_due: Money
    paid: Money = 0
    canceled: Money = 0

    @property
    def open(self) -> Money:
        return self.amount - self.paid - self.canceled


class Part(NamedTuple):
    """What one processing pays on a ticket: so many coins."""

    ticket: Ticket
    amount: Money


class Round(NamedTuple):
    """The last processing, for the audit: what was open on each ticket that could be paid, and was paid."""

    rule: QueueRule
    cash: Money
    parts: tuple[tuple[Money, Money], ...]


class Redemptions:
    """The queue of one coin."""

    def __init__(self, terms: RedemptionTerms) -> None:
        self.terms = terms
        self.processing_at: Time | None = None  # when the queue is processed next, if that is promised
        self._open: dict[int, Ticket] = {}  # in the order of their entry
        self.backlog: Money = 0  # what waits, in coins
        self._requested: Money = 0
        self._paid: Money = 0
        self._canceled: Money = 0
        self._tickets = 0
        self._last: Round | None = None

    # --- reading ------------------------------------------------------------------------------------

    def ticket(self, ticket_id: int) -> Ticket | None:
        """One that is still open."""
        return self._open.get(ticket_id)

    def waiting(self) -> Iterable[Ticket]:
        return self._open.values()

    def fee(self, amount: Money) -> Money:
        return max(self.terms.fee_fixed, divide_up(amount * self.terms.fee_bp, 10_000))

    def payable_from(self, now: Time) -> Time:
        """When a request of now may be paid first: at once within the hours before the cut-off."""
        within, cut_off = self.terms.hours, self.terms.cut_off
        if hours.is_open(within, now) and (cut_off is None or now % DAY <= cut_off):
            return now
        return hours.next_opening(within, now)

    def next_processing(self, now: Time) -> Time:
        """The first slot at which somebody of those who wait may be paid."""
        earliest = min((ticket.payable_from for ticket in self._open.values()), default=now)
        return hours.next_slot(self.terms.hours, max(now, earliest - 1), self.terms.processing_interval)

    # --- entering, paying, canceling ----------------------------------------------------------------

    def enter(self, wallet_id: WalletId, amount: Money, now: Time) -> Ticket:
        self._tickets += 1
        ticket = Ticket(self._tickets, wallet_id, amount, self.payable_from(now), self.fee(amount))
        self._open[ticket.ticket_id] = ticket
        self._requested += amount
        self.backlog += amount
        return ticket

    def payable(self, now: Time, can_be_paid: Callable[[Ticket], bool]) -> list[Ticket]:
        return [t for t in self._open.values() if t.payable_from <= now and can_be_paid(t)]

    def plan(self, cash: Money, tickets: list[Ticket], rule: QueueRule) -> list[Part]:
        """Who of these gets how much of `cash`. First come, in full, and the next a part; or all alike."""
        wanted = [ticket.open for ticket in tickets]
        cash = min(cash, sum(wanted))
        if rule is QueueRule.PRO_RATA:
            amounts = allocate(cash, wanted, wanted)
        else:
            amounts, left = [], cash
            for each in wanted:
                amounts.append(min(each, left))
                left -= amounts[-1]
        self._last = Round(rule, cash, tuple(zip(wanted, amounts, strict=True)))
        return [Part(t, amount) for t, amount in zip(tickets, amounts, strict=True) if amount]

    def pay(self, ticket: Ticket, amount: Money) -> Money:
        """Pay so many coins on a ticket; the fee that is kept back of that."""
        assert 0 < amount <= ticket.open, "no more is paid than was asked for"
        fee = min(ticket.fee_due, amount)
        ticket.fee_due -= fee
        ticket.paid += amount
        self._paid += amount
        self._drop(ticket, amount)
        return fee

    def cancel(self, ticket: Ticket) -> Money:
        """Take back what has not been paid yet."""
        amount = ticket.open
        ticket.canceled += amount
        self._canceled += amount
        self._drop(ticket, amount)
        return amount

    def _drop(self, ticket: Ticket, amount: Money) -> None:
        self.backlog -= amount
        if not ticket.open:
            del self._open[ticket.ticket_id]

    # --- invariants ---------------------------------------------------------------------------------

    def faults(self, in_the_issuer_wallet: Money) -> Iterator[str]:
        """I-45: paid + queued + canceled = requested; the last processing kept to its rule."""
        queued = sum(ticket.open for ticket in self._open.values())
        if queued != self.backlog:
            yield f"I-45: {queued} open on tickets, {self.backlog} told to be queued"
        told_for = self._paid + queued + self._canceled
        if told_for != self._requested:
            yield f"I-45: {self._requested} asked for, {told_for} paid, queued or canceled"
        if self.backlog > in_the_issuer_wallet:
            yield f"I-45: {self.backlog} wait for redemption, {in_the_issuer_wallet} in the issuer's wallet"
        if self._last is not None:
            yield from _round_faults(self._last)


def _round_faults(last: Round) -> Iterator[str]:
    """First come: nobody is paid while somebody before is not paid in full. Pro rata: within one minor unit."""
    rule, cash, parts = last
    if sum(paid for _, paid in parts) != cash:
        yield f"I-45: {cash} to be paid, not {sum(paid for _, paid in parts)}"
    wanted_in_all = sum(wanted for wanted, _ in parts)
    unpaid = False
    for wanted, paid in parts:
        if rule is QueueRule.FIFO:
            if unpaid and paid:
                yield "I-45: a later request was paid before an earlier one was paid in full"
            unpaid = unpaid or paid < wanted
        elif abs(paid * wanted_in_all - cash * wanted) > wanted_in_all:
            yield f"I-45: {paid} paid on {wanted}, of {cash} on {wanted_in_all} in all"

"""The rolling perpetual: the premium that it trades at, what its holders owe each other for that, and how much of
every position is carried over a roll."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from exchange.clearing.funding import Funding, FundingTerms, funding_rate
from exchange.clearing.rounding import allocate, divide_half_even
from exchange.instruments import Instrument
from exchange.units import IndexPrice, Money
from matching.terms import ParticipantId, Price, Quantity

ONE_IN_PPB = 1_000_000_000

FUNDING = FundingTerms()


class Premium:
    """How far a perpetual's own book was from the index since its last roll, on average."""

    __slots__ = ("samples", "total")

    def __init__(self) -> None:
        self.samples = 0
        self.total = 0  # ppb

    def observe(self, index: IndexPrice, tick: IndexPrice, bid: Price | None, ask: Price | None) -> None:
        """Take one more sample, rounded to a billionth. A book without two sides says nothing: no premium."""
        self.samples += 1
        if bid is not None and ask is not None:
            off = (bid + ask) * tick - 2 * index
            self.total += divide_half_even(off * ONE_IN_PPB, 2 * index)

    @property
    def mean(self) -> Fraction:
        """Positive if the book is above the index; nothing while there is no sample."""
        return Fraction(self.total, self.samples * ONE_IN_PPB) if self.samples else Fraction(0)


class Carried(NamedTuple):
    """What becomes of one position at a roll: so many lots, signed, are carried on, and the rest is closed."""

    side: int  # 1 if it is long, -1 if it is short
    lots: int
    not_locked: Quantity  # for want of means of its holder
    reduced: Quantity  # because the other side lost as many


def funding_due(terms: Instrument, premium: Fraction, price: Price) -> Fraction:
    """What one long lot owes for a claim's whole time, in minor units, exact; negative if it is to receive.

    `price` is that of the roll, in ticks.
    """
    assert terms.roll is not None, "only a perpetual pays funding"
    return rate_of(premium) * price * terms.tick_value * Fraction(terms.roll.interval, FUNDING.period)


def rate_of(premium: Fraction) -> Fraction:
    """The funding rate of eight hours at a mean premium."""
    return funding_rate(1 + premium, Fraction(1), FUNDING)


def collect(due: Mapping[ParticipantId, Money], able: Mapping[ParticipantId, Money]) -> Funding:
    """Who really pays and receives, if payers have no more than they are `able` to pay.

    What payers lack, receivers lack: they share what has come in by what is due to them, to the last unit. What
    is left when all are served, less than one unit for each, is the residue.
    """
    amounts = {who: max(amount, -able[who]) for who, amount in due.items()}
    receivers = sorted(who for who, amount in due.items() if amount > 0)
    collected = -sum(amount for amount in amounts.values() if amount < 0)
    owed = [due[who] for who in receivers]
    if collected < sum(owed):
        amounts.update(zip(receivers, allocate(collected, owed), strict=True))
    return Funding(amounts, -sum(amounts.values()))


def lock_of(terms: Instrument, lots: int) -> Money:
    """What a position, signed, locks that begins at the reference of a perpetual's terms."""
    at_risk = terms.reference - terms.floor if lots > 0 else terms.reference - terms.cap
    return lots * at_risk * terms.tick_value


def carry(
    terms: Instrument, positions: Mapping[ParticipantId, int], means: Mapping[ParticipantId, Money]
) -> dict[ParticipantId, Carried]:
    """As many lots of each position as can be: those for which its holder's `means` pay the lock on the new
    `terms`. The side of which more is left loses the difference, each holder by what it has left.

    So as few lots as possible are closed, and open interest stays balanced.
    """
    sides = {who: 1 if lots > 0 else -1 for who, lots in sorted(positions.items()) if lots}
    payable = {who: max(means[who], 0) // lock_of(terms, side) for who, side in sides.items()}
    kept = {who: min(abs(positions[who]), lots) for who, lots in payable.items()}
    reduced = dict.fromkeys(sides, 0)
    excess = sum(side * kept[who] for who, side in sides.items())
    fuller = [who for who, side in sides.items() if side * excess > 0]
    reduced.update(zip(fuller, allocate(abs(excess), [kept[who] for who in fuller]), strict=True))
    return {
        who: Carried(side, side * (kept[who] - reduced[who]), abs(positions[who]) - kept[who], reduced[who])
        for who, side in sides.items()
    }

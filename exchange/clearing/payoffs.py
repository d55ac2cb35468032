"""What one unit of a note pays at a settlement price: a table from its kind to a whole amount.

Every payoff is rounded down and what is cut off stays with the issuer. None falls when the price rises. A new
kind of note is a new line in the table: its terms, its formula, and what is wrong with terms that make no sense.
"""

from collections.abc import Callable
from enum import StrEnum

from exchange.messages import Message
from exchange.units import BasisPoints, Money
from matching.terms import Price

ONE = 10_000  # in basis points


class NoteKind(StrEnum):
    PLAIN = "plain"  # its nominal, whatever the price
    PARTICIPATION = "participation"  # a floor, and a share of the rise up to a cap
    REVERSE_CONVERTIBLE = (
        "reverse_convertible"  # its nominal, or below the barrier what the fall has left of it
    )


class PayoffTerms(Message):
    """Prices in ticks of the underlying, shares of the nominal or of the initial price in basis points."""

    kind: NoteKind
    nominal: Money  # of one unit, in minor units of cash
    initial: Price  # from which rise and fall are counted
    floor_bp: BasisPoints = 0  # of the nominal: what a participation pays at least
    participation_bp: BasisPoints = 0  # of the rise
    cap_bp: BasisPoints = 0  # of the initial price: the largest rise that counts
    barrier_bp: BasisPoints = 0  # of the initial price: below it a reverse convertible loses


def payoff(terms: PayoffTerms, settlement: Price) -> Money:
    """What one unit pays, in minor units of cash, rounded down."""
    return PAYOFFS[terms.kind](terms, settlement)


def fault_in_payoff(terms: PayoffTerms) -> str | None:
    """Why no note can pay by these terms, or None. The remedy is part of the sentence."""
    numbers = (
        terms.nominal,
        terms.initial,
        terms.floor_bp,
        terms.participation_bp,
        terms.cap_bp,
        terms.barrier_bp,
    )
    if any(type(number) is not int or number < 0 for number in numbers):
        return f"a note's terms are whole numbers, none below zero, not {numbers}"
    if min(terms.nominal, terms.initial) < 1:
        return f"nominal and initial price must be positive, not {terms.nominal} and {terms.initial}"
    if type(terms.kind) is not NoteKind:
        return f"a note is one of {', '.join(NoteKind)}, not {terms.kind!r}"
    stated = {"floor_bp": terms.floor_bp, "participation_bp": terms.participation_bp, "cap_bp": terms.cap_bp}
    participates, converts = terms.kind is NoteKind.PARTICIPATION, terms.kind is NoteKind.REVERSE_CONVERTIBLE
    if participates and not (terms.participation_bp and terms.cap_bp):
        return (
            "a participation needs participation_bp and cap_bp: its share of the rise, and the largest rise"
        )
    if not participates and any(stated.values()):
        return f"only a participation has {', '.join(stated)}; leave them out"
    if converts is not (0 < terms.barrier_bp <= ONE):
        return "a reverse convertible, and nothing else, has a barrier_bp: above zero and at most 10000"
    return None


def _plain(terms: PayoffTerms, _settlement: Price) -> Money:
    return terms.nominal


def _participation(terms: PayoffTerms, settlement: Price) -> Money:
    """The floor, and the participation in the rise; each is rounded down by itself."""
    rise = min(ONE * max(settlement - terms.initial, 0), terms.cap_bp * terms.initial)  # in ten-thousandths
    share = terms.nominal * terms.participation_bp * rise // (ONE * ONE * terms.initial)
    return terms.nominal * terms.floor_bp // ONE + share


def _reverse_convertible(terms: PayoffTerms, settlement: Price) -> Money:
    if ONE * settlement >= terms.barrier_bp * terms.initial:
        return terms.nominal
    return terms.nominal * settlement // terms.initial


PAYOFFS: dict[NoteKind, Callable[[PayoffTerms, Price], Money]] = {
    NoteKind.PLAIN: _plain,
    NoteKind.PARTICIPATION: _participation,
    NoteKind.REVERSE_CONVERTIBLE: _reverse_convertible,
}

"""Funding of a perpetual: what longs pay shorts, or shorts longs, for its mark being off the index.

Exact fractions up to the amounts: who pays is rounded up, who receives is rounded down, and what is left
over is named, so that the house books it.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from exchange.clearing.rounding import divide_up
from exchange.instruments import Instrument
from exchange.messages import Message
from exchange.units import HOUR, IndexPrice, Money, Time
from matching.terms import ParticipantId, Price

ONE_IN_PPM = 1_000_000


class FundingTerms(Message):
    """How the premium of a perpetual becomes a rate (Deribit's dampener and period)."""

    dampener_ppm: int = 250  # a premium of this size or less costs nothing
    period: Time = 8 * HOUR  # for which the rate is stated


class Funding(NamedTuple):
    """Who pays (negative) and receives, in minor units; with the residue, all adds up to nothing."""

    amounts: dict[ParticipantId, Money]
    residue: Money  # what payers brought beyond what receivers got: less than one unit for each of them


def fault_in_funding(terms: FundingTerms) -> str | None:
    """Why funding cannot be reckoned by these terms, or None. The remedy is part of the sentence."""
    if terms.dampener_ppm < 0:
        return f"dampener_ppm must not be negative, as {terms.dampener_ppm} is; 0 means that there is none"
    if terms.period < 1:
        return f"period must be positive, not {terms.period}"
    return None


def funding_rate(mark: Fraction, index: Fraction, terms: FundingTerms) -> Fraction:
    """The rate of one period, in which longs pay: the premium without its first `dampener_ppm`."""
    premium, dampener = (mark - index) / index, Fraction(terms.dampener_ppm, ONE_IN_PPM)
    return max(dampener, premium) + min(-dampener, premium)


def funding_payment(
    instrument: Instrument, mark: Price, index_value: IndexPrice, elapsed: Time, terms: FundingTerms
) -> Fraction:
    """What one long lot pays for `elapsed` at these prices, in minor units, exact; negative if it receives."""
    index = Fraction(index_value, instrument.tick)
    rate = funding_rate(Fraction(mark), index, terms)
    return rate * index * instrument.tick_value * Fraction(elapsed, terms.period)


def share_funding(positions: Mapping[ParticipantId, int], payment: Fraction) -> Funding:
    """Everybody's amount, from what one long lot pays: a payer's rounded up, a receiver's down."""
    amounts = {
        participant_id: -divide_up(lots * payment.numerator, payment.denominator)
        for participant_id, lots in positions.items()
    }
    return Funding(amounts, -sum(amounts.values()))

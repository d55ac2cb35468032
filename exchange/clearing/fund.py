"""How large the default fund must be, who pays how much into it, and how much cash a missing payer takes away.

Nothing here pays anything: what is reckoned is what should be there (CPMI-IOSCO principles 4 and 7).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exchange.clearing.rounding import allocate, to_tick
from exchange.messages import Message
from exchange.units import DAY, BasisPoints, Money, Time
from matching.terms import ParticipantId, Price


class FundTerms(Message):
    """How a default fund is sized: for the failure of the `cover` largest groups in the worst of the moves."""

    cover: int = 2
    minimum: Money = 0  # contribution of each member
    grace: Time = DAY  # for what a member cannot bring at once; later it may only reduce
    stress_moves_bp: tuple[BasisPoints, ...] = (-6_000, -3_750, -3_000, 3_000, 10_000)  # of the price, signed


class Sized(NamedTuple):
    """How a fund stood when it was sized, and at which prices."""

    time: Time
    booked: int  # records of the ledger, then
    prices: tuple[Price, ...]
    losses: Mapping[str, Money]  # in the worst stress, by group
    largest: int  # so many groups are to be covered
    shares: Mapping[ParticipantId, Money]
    paid_in: Money
    skin_in_the_game: Money
    uncovered: Money  # as it was told


def fault_in_fund(terms: FundTerms) -> str | None:
    """Why a fund cannot be sized by these terms, or None. The remedy is part of the sentence."""
    moves = terms.stress_moves_bp
    if terms.cover < 1:
        return f"cover must count one group or more, not {terms.cover}; a fund for nobody is left out whole"
    if terms.minimum < 0:
        return f"minimum must not be negative, but is {terms.minimum}; 0 means that there is none"
    if terms.grace < 1:
        return f"grace must be a nanosecond or more, not {terms.grace}"
    if not moves or not min(moves) < 0 < max(moves):
        return "stress_moves_bp must hold a fall and a rise, or one side of the market is never tested"
    if min(moves) < -10_000:
        return f"stress_moves_bp holds {min(moves)}, but no price falls by more than 10000"
    if 0 in moves or len(frozenset(moves)) < len(moves):
        return "stress_moves_bp must name each move once, and none of nothing"
    return None


def stressed_prices(price: Price, terms: FundTerms) -> tuple[Price, ...]:
    """The price after each of the moves, to the nearest tick."""
    return tuple(to_tick(price * (10_000 + move), 10_000, price) for move in terms.stress_moves_bp)


def loss_over_margin(stress_losses: Sequence[Money], margin: Money, fund_share: Money) -> Money:
    """What the worst stress takes from others: above a member's own margin and fund share (SLOIM)."""
    return max(max(stress_losses, default=0) - margin - fund_share, 0)


def by_group(amounts: Mapping[ParticipantId, Money], groups: Mapping[ParticipantId, str]) -> dict[str, Money]:
    """Sums over affiliates, who fail together. Whoever is in no group is one of its own."""
    sums: dict[str, Money] = {}
    for who in sorted(amounts):
        group = groups.get(who, who)
        sums[group] = sums.get(group, 0) + amounts[who]
    return sums


def cover(largest: int, losses: Mapping[str, Money]) -> Money:
    """The losses of the `largest` so many groups together: Cover 1, Cover 2."""
    return sum(sorted(losses.values(), reverse=True)[:largest])


def fund_size(covered: Money, skin_in_the_game: Money) -> Money:
    """What members must hold ready beside the house."""
    return max(covered - skin_in_the_game, 0)


def uncovered(covered: Money, fund: Money, skin_in_the_game: Money) -> Money:
    """By how much fund and skin in the game fall short of the cover: a warning, not a stop."""
    return max(covered - fund - skin_in_the_game, 0)


def contributions(
    fund: Money, margins: Mapping[ParticipantId, Money], minimum: Money
) -> dict[ParticipantId, Money]:
    """Share the fund by initial margin, with at least the minimum from each; kopecks by largest remainder.

    They sum to the fund, or to all the minima if those are more. Raises ValueError if there is a fund to share
    beyond the minima, and no margin to share it by.
    """
    shares = dict.fromkeys(sorted(margins), minimum)
    above = [who for who in shares if margins[who] > 0]
    left = max(fund - minimum * (len(shares) - len(above)), minimum * len(above))
    while True:  # whoever's share would be too small pays the minimum, and the others share what is left
        total = sum(margins[who] for who in above)
        reached = [who for who in above if left * margins[who] >= minimum * total]
        if len(reached) == len(above):
            break
        left -= minimum * (len(above) - len(reached))
        above = reached
    shares.update(zip(above, allocate(left, [margins[who] for who in above]), strict=True))
    return shares


def liquidity_need(payments: Mapping[ParticipantId, Money], groups: Mapping[ParticipantId, str]) -> Money:
    """The cash that one day takes if the group that owes most does not pay and all others are paid in full.

    Payments are signed: positive to the house. Nobody's receipts are kept back, not even the group's own.
    """
    owed = {who: max(payment, 0) for who, payment in payments.items()}
    missing = cover(1, by_group(owed, groups))
    return max(missing - sum(payments.values()), 0)

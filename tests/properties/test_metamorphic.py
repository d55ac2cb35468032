"""Small days told in two ways end alike: scaled, renamed, split, watched, cleared at other hours, in another mode.

Nobody is poor enough to default; what defaults do to others is the subject of other tests.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.access.regime import Regime
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.clearing.terms import VariationKind
from exchange.events import (
    DefaultDeclared,
    Event,
    OrderRejected,
    VariationPaid,
)
from exchange.instruments import ContractKind
from exchange.units import MINUTE, SECOND, Money
from matching.terms import ParticipantId, Price, Quantity
from tests.builders import (
    ANN,
    BOB,
    BUY,
    CYD,
    OPENS,
    SELL,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    future,
    of_kind,
    option,
)
from tests.often import often

EXPIRY = OPENS + 10 * MINUTE
NAMES = (ANN, BOB, CYD)
SERIES = (
    future(expiry=EXPIRY, fee_maker=3, fee_taker=7),
    option(ContractKind.CALL, 82_000, expiry=EXPIRY, reference=800, fee_taker=5),
    option(ContractKind.PUT, 78_000, expiry=EXPIRY, reference=800),
)
CASH: Money = 10**9


class Trade(NamedTuple):
    buyer: int
    seller: int
    series: int
    lots: Quantity
    over: Price  # ticks over the reference


class Move(NamedTuple):
    """The index goes to so many ticks."""

    to: Price


def under_margin(**changes: object) -> Regime:
    return a_risk_regime(**{"variation": cleared_at(2 * MINUTE, 5 * MINUTE), **changes})


REGIMES = [a_regime(), under_margin()]
both_modes = pytest.mark.parametrize("regime", REGIMES, ids=["full", "risk"])

trades = st.builds(
    Trade, st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(1, 9), st.integers(-400, 400)
).filter(lambda trade: trade.buyer != trade.seller)
days = st.lists(trades | st.builds(Move, st.integers(60_000, 105_000)), min_size=1, max_size=12)
examples = settings(max_examples=often(12), deadline=None)


@dataclass
class Day:
    """What was left of a day: the events, and how everybody stood after each step and at the end."""

    events: list[Event] = field(default_factory=list)
    standings: list[dict[ParticipantId, tuple[Money, ...]]] = field(default_factory=list)

    @property
    def money(self) -> dict[ParticipantId, Money]:
        """Free cash of everybody after the settlement, when nothing is locked any more."""
        return {who: amounts[0] for who, amounts in self.standings[-1].items()}


def live_through(
    day: Iterable[Trade | Move],
    regime: Regime,
    names: Sequence[ParticipantId] = NAMES,
    *,
    scale: int = 1,
    cut: Quantity = 0,
    cash: Sequence[Money] = (CASH,) * 3,
    idle: ParticipantId | None = None,
) -> Day:
    """Each step takes half a minute. Names play the parts of the day in their order, and are let in by the alphabet;
    `idle` is let in beside them. Trades are `scale` times as large, and of more than `cut` lots in two parts."""
    index = a_patient_index(fixing_samples=6, fixing_spacing=10 * SECOND)
    venue = Venue(*SERIES, regime=regime, index=index)
    money = dict(zip(names, cash, strict=True)) | ({idle: CASH} if idle else {})
    for name in sorted(money):
        venue.admit(name, money[name] * scale)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + 10 * SECOND)
    lived = Day()
    for step in day:
        if isinstance(step, Move):
            lived.events += venue.quote(step.to * 10_000)
        else:
            for lots in (min(step.lots, cut), max(step.lots - cut, 0)):
                lived.events += trade(venue, step, names, lots * scale) if lots else []
        lived.events += venue.wait_until(venue.now + 30 * SECOND)
        lived.standings.append({name: standing(venue, name) for name in names})
    lived.events += venue.wait_until(EXPIRY + MINUTE)
    lived.standings.append({name: standing(venue, name) for name in names})
    assert not of_kind(lived.events, OrderRejected) and not of_kind(lived.events, DefaultDeclared)
    return lived


def trade(venue: Venue, step: Trade, names: Sequence[ParticipantId], lots: Quantity) -> list[Event]:
    terms = SERIES[step.series]
    price = terms.reference + step.over
    events = venue.place(names[step.seller], SELL, lots, price, instrument_id=terms.instrument_id)
    return events + venue.place(names[step.buyer], BUY, lots, price, instrument_id=terms.instrument_id)


def standing(venue: Venue, name: ParticipantId) -> tuple[Money, ...]:
    """Free cash, holds, locked money, margin, variation paid so far, and lots."""
    lots = [venue.position(name, terms.instrument_id) for terms in SERIES]
    margin = venue.state.covers.margin
    account = None if margin is None else margin.accounts.get(name)
    reckoned = (account.initial, account.value, account.cleared) if account else (0, 0, 0)
    return (venue.free_cash(name), venue.held(name), venue.locked(name), *reckoned, *lots)


# --- the same day, told otherwise ------------------------------------------------------------------------


@both_modes
@examples
@given(day=days, scale=st.sampled_from((2, 3, 7)))
def test_more_lots_are_as_much_more_of_every_amount(
    regime: Regime, day: list[Trade | Move], scale: int
) -> None:
    one, many = live_through(day, regime), live_through(day, regime, scale=scale)
    for before, after in zip(one.standings, many.standings, strict=True):
        assert after == {who: tuple(scale * amount for amount in amounts) for who, amounts in before.items()}


@both_modes
@examples
@given(day=days, names=st.sampled_from(list(permutations(NAMES))))
def test_other_names_have_what_the_first_had(
    regime: Regime, day: list[Trade | Move], names: tuple[ParticipantId, ...]
) -> None:
    first, other = live_through(day, regime), live_through(day, regime, names)
    renamed = dict(zip(NAMES, names, strict=True))
    for before, after in zip(first.standings, other.standings, strict=True):
        assert after == {renamed[who]: amounts for who, amounts in before.items()}


@both_modes
@examples
@given(day=days, cut=st.integers(1, 8))
def test_a_trade_in_two_parts_is_the_same_trade(regime: Regime, day: list[Trade | Move], cut: int) -> None:
    whole, parts = live_through(day, regime), live_through(day, regime, cut=cut)
    assert parts.standings == whole.standings


@both_modes
@examples
@given(day=days, name=st.sampled_from(("aaa", "bce", "zed")))
def test_somebody_who_does_nothing_changes_nothing(
    regime: Regime, day: list[Trade | Move], name: ParticipantId
) -> None:
    """Whether its name comes before, between or after the others: not one event is another."""
    alone, watched = live_through(day, regime), live_through(day, regime, idle=name)
    assert watched.events == alone.events
    assert watched.standings == alone.standings


# --- the same end on another way -------------------------------------------------------------------------

SCHEDULES = [
    under_margin(variation=cleared_at(9 * MINUTE)),
    under_margin(variation=cleared_at(*(n * MINUTE for n in range(1, 10)))),
    under_margin(variation=cleared_at(4 * MINUTE, kind=VariationKind.REALTIME)),
    under_margin(variation=cleared_at(3 * MINUTE, 6 * MINUTE, kind=VariationKind.REALISED_ONLY)),
]


@examples
@given(day=days)
@example(
    day=[Move(60_000), *[Move(60_000)] * 7, Trade(0, 1, 0, 1, 0), Trade(1, 0, 0, 1, 0)]
)  # flat at the end
def test_however_often_variation_is_cleared_everybody_ends_with_the_same(day: list[Trade | Move]) -> None:
    """Fully covered it is never cleared; once, nine times, counted at once or only when realised, it sums to that."""
    never = live_through(day, a_regime())
    assert not of_kind(never.events, VariationPaid)
    for regime in SCHEDULES:
        assert live_through(day, regime).money == never.money


# 99% of the price, of which hardly anything is maintenance margin, so that nobody is cut down before all is lost
ALL_OF_IT = under_margin(
    variation=cleared_at(5 * MINUTE, 8 * MINUTE, kind=VariationKind.REALTIME),
    scenarios=ScenarioTerms(price_range_bp=9_900, extreme_moves_bp=(), mm_ratio_bp=1),
    call_level_bp=1,
)
FEES: Money = 10  # more than the worst one of a lot
futures = trades.map(lambda trade: trade._replace(series=0))
moves = st.builds(Move, st.integers(5_000, 155_000))


@examples
@given(traded=st.lists(futures, min_size=1, max_size=6), moved=st.lists(moves, max_size=6))
def test_with_just_the_cash_of_full_cover_both_modes_pay_the_same(
    traded: list[Trade], moved: list[Move]
) -> None:
    """Whoever can pay for full cover bears a margin of nearly all, and whatever the price does, nobody defaults."""
    day = [*traded, *moved]
    rich = live_through(day, a_regime())
    fees = FEES * sum(trade.lots for trade in traded)
    just = [CASH - min(stood[name][0] for stood in rich.standings) + fees for name in NAMES]
    assert live_through(day, ALL_OF_IT, cash=just).money == live_through(day, a_regime(), cash=just).money

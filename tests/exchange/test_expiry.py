"""The life of a series, step by step."""

from itertools import pairwise

import pytest

from exchange.clearing.expiry import NEXT, advance, is_over, is_trading
from exchange.events import SeriesState as S

LIFE = (
    S.LISTED,
    S.TRADING,
    S.FIXING,
    S.HALTED,
    S.PRICE_PROVISIONAL,
    S.PRICE_FINAL,
    S.SETTLING,
    S.SETTLED,
    S.DELISTED,
)


def test_a_life_without_incidents() -> None:
    for state, to in pairwise(LIFE):
        assert advance(state, to) is to


def test_an_outage_or_an_objection_postpones_the_price() -> None:
    for state, to in pairwise((S.HALTED, S.PRICE_POSTPONED, S.PRICE_PROVISIONAL, S.PRICE_POSTPONED)):
        assert advance(state, to) is to


@pytest.mark.parametrize("state", [S.TRADING, S.FIXING])
def test_a_directive_suspends_and_resumes(state: S) -> None:
    assert advance(advance(state, S.SUSPENDED), state) is state


def test_a_suspended_series_still_expires() -> None:
    assert advance(S.SUSPENDED, S.HALTED) is S.HALTED


def test_whatever_is_not_over_may_be_terminated() -> None:
    assert [state for state in S if S.TERMINATED_AT_LAST_MARK in NEXT[state]] == [
        state for state in S if not is_over(state)
    ]


@pytest.mark.parametrize(
    ("state", "to"),
    [
        (S.TRADING, S.LISTED),
        (S.FIXING, S.TRADING),
        (S.HALTED, S.FIXING),
        (S.HALTED, S.SUSPENDED),
        (S.HALTED, S.PRICE_FINAL),
        (S.PRICE_POSTPONED, S.PRICE_FINAL),
        (S.PRICE_FINAL, S.PRICE_PROVISIONAL),  # a final price is never restated
        (S.PRICE_FINAL, S.PRICE_POSTPONED),
        (S.PRICE_FINAL, S.SETTLED),
        (S.SETTLED, S.TERMINATED_AT_LAST_MARK),
        (S.DELISTED, S.LISTED),
    ],
)
def test_an_impossible_step_stops_the_run(state: S, to: S) -> None:
    with pytest.raises(AssertionError, match=f"a series that is {state} cannot become {to}"):
        advance(state, to)


def test_no_state_follows_itself_and_each_has_its_row() -> None:
    assert set(NEXT) == set(S)
    assert not any(state in NEXT[state] for state in S)


def test_every_state_can_be_reached_and_every_life_ends() -> None:
    assert {to for follows in NEXT.values() for to in follows} == set(S) - {S.LISTED}
    assert [state for state in S if not NEXT[state]] == [S.DELISTED, S.TERMINATED_AT_LAST_MARK]


def test_orders_meet_until_trading_ends() -> None:
    assert [state for state in S if is_trading(state)] == [S.TRADING, S.FIXING]


def test_what_is_over_is_paid() -> None:
    assert [state for state in S if is_over(state)] == [S.SETTLED, S.DELISTED, S.TERMINATED_AT_LAST_MARK]

"""The audit of members: each invariant is broken by hand, once, and must be named."""

from collections.abc import Callable

import pytest

from exchange.audit import audit
from exchange.clearing.fund import FundTerms
from exchange.commands import Segregation
from exchange.state import State
from exchange.units import HOUR
from tests.builders import ANN, BOB, CYD, OPENS, ROUBLE, Venue, a_patient_index, a_risk_regime


def a_venue() -> Venue:
    """Cyd clears through Ann, who keeps a pool and misses a part of her share of the fund; Bob is a member too."""
    fund = FundTerms(minimum=10_000 * ROUBLE, grace=HOUR)
    venue = Venue(regime=a_risk_regime(fund=fund), index=a_patient_index())
    venue.admit_member(ANN, 4_000 * ROUBLE, Segregation.OMNIBUS)
    venue.admit_member(BOB)
    venue.admit(CYD)
    venue.choose(CYD, ANN)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + HOUR // 2)
    return venue


def a_client_slips_out_of_the_pool(state: State) -> None:
    state.seats[CYD].pool = None


def collateral_lies_with_a_member_that_keeps_no_pool(state: State) -> None:
    state.seats[CYD].pool = BOB


def a_pool_is_left_behind(state: State) -> None:
    state.seats[CYD].member_id = None
    state.covers.stand_behind(CYD, None)


def what_clients_risk_is_forgotten(state: State) -> None:
    state.covers.stand_behind(CYD, None)
    state.covers._behind[ANN].amount += 1


def a_call_outlives_its_payment(state: State) -> None:
    state.contributions[ANN] = state.ledger.posted(state.covers.by_margin.accounts[ANN].fund)


def a_call_outlives_a_lower_share(state: State) -> None:
    state.contributions[ANN] = 1


def somebody_is_bound_without_a_call(state: State) -> None:
    state.seats[BOB].fund_overdue = True


@pytest.mark.parametrize(
    ("breaks", "sentence"),
    [
        (a_client_slips_out_of_the_pool, "cyd: clears through ann, but is in pool None"),
        (collateral_lies_with_a_member_that_keeps_no_pool, "cyd: clears through ann, but is in pool bob"),
        (a_pool_is_left_behind, "cyd: is in the pool of ann, which has not failed"),
        (what_clients_risk_is_forgotten, "ann: what it stands in for has drifted"),
        (a_call_outlives_its_payment, "ann: is called for the fund, but its share is there"),
        (a_call_outlives_a_lower_share, "ann: is called for the fund, but its share is there"),
        (somebody_is_bound_without_a_call, "bob: is bound for the fund without a call"),
    ],
)
def test_what_is_broken_is_named(breaks: Callable[[State], None], sentence: str) -> None:
    venue = a_venue()
    assert audit(venue.state) == []
    breaks(venue.state)
    assert any(f"I-26 {sentence}" in fault for fault in audit(venue.state)), audit(venue.state)

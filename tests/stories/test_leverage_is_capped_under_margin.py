"""Leverage capped at 2:1: half of the net notional is needed as margin, where the market alone asks for 16%."""

import pytest

from exchange.access.regime import AccessClass, Caps, Criterion, Permission, Regime
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import AdoptRegime
from exchange.events import OrderAccepted, OrderRejected
from exchange.instruments import Product
from exchange.messages import changed
from exchange.reasons import RejectReason
from exchange.units import HOUR
from tests.builders import ANN, BOB, BUY, ROUBLE, SELL, Venue, a_risk_regime, cleared_at, of_kind

CASH = 100_000 * ROUBLE


def a_regime(leverage_bp: int | None) -> Regime:
    everyone = AccessClass(
        class_id="everyone",
        title="Everyone",
        any_of=(Criterion(),),
        permissions=dict.fromkeys(Product, Permission.ALLOWED),
        caps=Caps(leverage_bp=leverage_bp),
    )
    margined = a_risk_regime(variation=cleared_at(HOUR), scenarios=ScenarioTerms(extreme_moves_bp=()))
    return changed(margined, classes=(everyone,))


def a_venue(leverage_bp: int | None) -> Venue:
    """Both bring 100,000 roubles and trade ten lots at 8.0m, which are worth 80,000."""
    venue = Venue(regime=a_regime(leverage_bp))
    venue.admit(ANN, CASH)
    venue.admit(BOB, CASH)
    venue.trade(ANN, BOB, 10, 80_000)
    return venue


def initial(venue: Venue) -> int:
    return int(venue.state.covers.by_margin.accounts[ANN].initial) // ROUBLE


@pytest.mark.parametrize(("leverage_bp", "needed"), [(None, 12_800), (20_000, 40_000), (10_000, 80_000)])
def test_the_dearer_of_market_and_cap_binds(leverage_bp: int | None, needed: int) -> None:
    assert initial(a_venue(leverage_bp)) == needed


def test_orders_count_on_the_side_on_which_they_would_add() -> None:
    """With ten lots long, fifteen more would need 100,000, and one more lot than that is too many."""
    venue = a_venue(20_000)
    (refused,) = venue.place(ANN, BUY, 16, 80_000)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.INSUFFICIENT_MARGIN
    assert of_kind(venue.place(ANN, SELL, 35, 81_000), OrderAccepted)
    assert of_kind(venue.place(ANN, BUY, 15, 79_000), OrderAccepted)


def test_a_cap_that_comes_later_is_reckoned_at_once() -> None:
    venue = a_venue(None)
    venue.tell(AdoptRegime(regime=a_regime(20_000)))
    assert initial(venue) == 40_000
    venue.tell(AdoptRegime(regime=a_regime(None)))
    assert initial(venue) == 12_800

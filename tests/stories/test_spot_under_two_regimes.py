"""Spot: a market inside a test environment, and no market outside of one. What is owned can always be taken out."""

import pytest

from exchange.access import permissions
from exchange.access.regime import Applicant, ApplicantKind
from exchange.commands import AdoptRegime, ListInstrument, WithdrawUnits
from exchange.events import (
    CancelCause,
    DirectiveRefused,
    InstrumentListed,
    OrderCanceled,
    OrderRejected,
    TradeReported,
    UnitsWithdrawalCompleted,
)
from exchange.instruments import Product
from exchange.reasons import RejectReason
from scenarios.config.regime_file import load_regime, shipped_regimes
from tests.builders import (
    ANN,
    BLOCK,
    BOB,
    BTC,
    BTC_SPOT,
    BUY,
    ROUBLE,
    SATOSHI_LOT,
    SELL,
    Venue,
    of_kind,
    spot,
    with_btc,
)

WEALTHY = Applicant(
    kind=ApplicantKind.INDIVIDUAL, securities_and_deposits=10**9 * ROUBLE, knowledge_test_passed=True
)


def a_venue(regime_id: str) -> Venue:
    venue = Venue(regime=load_regime(regime_id), assets=with_btc())
    for name in (ANN, BOB):
        venue.admit(name, 1_000_000 * ROUBLE, WEALTHY)
    venue.bring(BOB, 10 * SATOSHI_LOT)
    venue.wait_until(venue.now + 2 * BLOCK)
    return venue


def test_where_the_regime_is_a_test_environment_coins_change_hands() -> None:
    venue = a_venue("ru_elr_super_2025")
    assert of_kind(venue.tell(ListInstrument(instrument=spot())), InstrumentListed)
    venue.place(BOB, SELL, 3, 80_000, instrument_id=BTC_SPOT)
    assert of_kind(venue.place(ANN, BUY, 3, 80_000, instrument_id=BTC_SPOT), TradeReported)
    assert (venue.units(ANN), venue.free_cash(BOB)) == (3 * SATOSHI_LOT, 1_024_000 * ROUBLE)


def test_where_it_is_none_spot_is_not_listed_so_an_order_names_what_is_not_there() -> None:
    venue = a_venue("ru_derivs_qual_2025")
    (refused,) = venue.tell(ListInstrument(instrument=spot()))
    assert isinstance(refused, DirectiveRefused)
    assert refused.explanation.startswith("spot is traded only in a test environment")
    (rejected,) = venue.place(ANN, BUY, 1, 80_000, instrument_id=BTC_SPOT)
    assert isinstance(rejected, OrderRejected) and rejected.reason is RejectReason.UNKNOWN_INSTRUMENT


def test_when_the_test_environment_ends_orders_go_and_what_is_owned_may_leave() -> None:
    venue = a_venue("ru_open_counterfactual")
    venue.tell(ListInstrument(instrument=spot()))
    venue.place(BOB, SELL, 3, 80_000, instrument_id=BTC_SPOT)
    venue.place(ANN, BUY, 2, 80_000, instrument_id=BTC_SPOT)
    venue.place(ANN, BUY, 1, 79_000, instrument_id=BTC_SPOT)
    canceled = of_kind(venue.tell(AdoptRegime(regime=load_regime("ru_derivs_qual_2025"))), OrderCanceled)
    assert [(e.participant_id, e.cause) for e in canceled] == [
        (ANN, CancelCause.PARTICIPANT_RESTRICTED),
        (BOB, CancelCause.PARTICIPANT_RESTRICTED),
    ]
    for name, side in ((ANN, SELL), (BOB, BUY)):
        (refused,) = venue.place(name, side, 1, 80_000, instrument_id=BTC_SPOT)
        assert isinstance(refused, OrderRejected)
        assert refused.reason is RejectReason.SPOT_OUTSIDE_TEST_ENVIRONMENT
    venue.tell(WithdrawUnits(participant_id=ANN, asset_id=BTC, amount=2 * SATOSHI_LOT))
    assert of_kind(venue.wait_until(venue.now + 2 * BLOCK), UnitsWithdrawalCompleted)
    assert (venue.units(ANN), venue.at_risk(ANN)) == (0, 0)


@pytest.mark.parametrize("regime_id", shipped_regimes())
def test_what_each_regime_says_of_it(regime_id: str) -> None:
    """Outside a test environment it is refused to every class there is, even to reduce."""
    regime = load_regime(regime_id)
    reason = None if regime.test_environment else RejectReason.SPOT_OUTSIDE_TEST_ENVIRONMENT
    for access_class in regime.classes:
        for reducing in (False, True):
            told = permissions.refusal(regime, access_class, Product.SPOT, WEALTHY, reducing=reducing)
            assert told is reason

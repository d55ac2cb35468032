"""Spot: outside a test environment nobody may trade it, and in this edition the venue does not clear it anywhere."""

import pytest

from exchange.access import permissions
from exchange.commands import ListInstrument
from exchange.events import DirectiveRefused, OrderRejected
from exchange.instruments import ContractKind, Product
from exchange.reasons import RejectReason
from exchange.units import InstrumentId
from scenarios.config.regime_file import load_regime, shipped_regimes
from tests.builders import ANN, BUY, Venue, future

BTC_SPOT = InstrumentId("BTC_RUBD")
SPOT = future(instrument_id=BTC_SPOT, kind=ContractKind.SPOT)


@pytest.mark.parametrize("regime_id", shipped_regimes())
def test_its_listing_is_refused_with_a_sentence_under_every_regime(regime_id: str) -> None:
    venue = Venue(regime=load_regime(regime_id))
    assert venue.tell(ListInstrument(instrument=SPOT)) == [
        DirectiveRefused(directive="list BTC_RUBD", explanation="spot has no clearing on this venue")
    ]
    assert BTC_SPOT not in venue.state.series


def test_so_an_order_for_it_names_an_instrument_that_is_not_there() -> None:
    venue = Venue()
    venue.admit(ANN)
    (refused,) = venue.place(ANN, BUY, 1, 80_000, instrument_id=BTC_SPOT)
    assert isinstance(refused, OrderRejected) and refused.reason is RejectReason.UNKNOWN_INSTRUMENT


@pytest.mark.parametrize(
    ("regime_id", "reason"),
    [
        ("ru_derivs_qual_2025", RejectReason.SPOT_OUTSIDE_TEST_ENVIRONMENT),
        ("ru_elr_super_2025", None),
        ("ru_open_counterfactual", None),
    ],
)
def test_what_each_regime_says_of_it(regime_id: str, reason: RejectReason | None) -> None:
    """Outside a test environment it is refused to every class there is, even to reduce."""
    regime = load_regime(regime_id)
    venue = Venue(regime=regime)
    for access_class in regime.classes:
        applicant = venue.admit(ANN, 0)[0].applicant  # type: ignore[attr-defined]
        for reducing in (False, True):
            assert (
                permissions.refusal(regime, access_class, Product.SPOT, applicant, reducing=reducing)
                is reason
            )

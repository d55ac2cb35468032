"""The same story covered in full and by margin, where it ends in the same way."""

import pytest

from exchange.access.regime import Regime
from exchange.clearing.terms import ClearingMode, ClearingRules
from exchange.units import SECOND
from tests.builders import Venue, a_regime

BOTH_MODES = pytest.mark.parametrize("mode", list(ClearingMode))


def regime_of(mode: ClearingMode, **changes: object) -> Regime:
    return a_regime(clearing=ClearingRules(mode=mode), **changes)


def show_the_price(venue: Venue) -> None:
    """8.0m outside, and a mark of it: what margin is reckoned from."""
    venue.quote(800_000_000)
    venue.wait_until(venue.now + 10 * SECOND)

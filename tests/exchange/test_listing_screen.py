"""Which coins pass a regime's listing screen, at its edges."""

import pytest

from exchange.access.listing import YEAR, Underlying, bar_to_offer
from exchange.access.regime import ListingScreen

NOW = 10 * YEAR
SCREEN = ListingScreen(market_value_min=60, daily_volume_min=12, age_years_min=5, privacy_coins=False)


def a_coin(**changes: int) -> Underlying:
    terms: dict[str, int] = {"market_value": 60, "daily_volume": 12, "traded_since": 5 * YEAR}
    return Underlying(coin="X", **(terms | changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"market_value": 59}, "its market value is USD 59, not USD 60 or more"),
        ({"daily_volume": 11}, "its daily volume is USD 11, not USD 12 or more"),
        ({"traded_since": 5 * YEAR + 1}, "it has not been traded for 5 years"),
        ({"privacy": True}, "it is a privacy coin"),
        (
            {"market_value": 0, "privacy": True},
            "its market value is USD 0, not USD 60 or more and it is a privacy coin",
        ),
    ],
)
def test_a_screen_at_its_edges(changes: dict[str, int], told: str | None) -> None:
    assert bar_to_offer("X", {"X": a_coin(**changes)}, SCREEN, NOW) == told


def test_a_coin_of_which_nothing_is_known_passes_no_screen_that_asks_for_something() -> None:
    assert bar_to_offer("Y", {}, ListingScreen(privacy_coins=False), NOW) is None
    assert bar_to_offer("Y", {"X": a_coin()}, SCREEN, NOW) == "nothing is known of Y"
    assert bar_to_offer("Y", {}, ListingScreen(), NOW) is None


def test_without_a_screen_a_coin_may_be_as_young_as_it_likes() -> None:
    assert bar_to_offer("X", {"X": a_coin(traded_since=NOW + 1)}, ListingScreen(), NOW) is None

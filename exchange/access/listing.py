"""On which coins a venue may offer anything: a regime's screen by size, liquidity, age and privacy."""

from collections.abc import Iterator, Mapping

from exchange.access.regime import ListingScreen
from exchange.messages import Message, changed
from exchange.units import DAY, Time

YEAR: Time = 365 * DAY + DAY // 4


class Underlying(Message):
    """What is known of a coin. Amounts are whole US dollars, averages over whatever span its source has."""

    coin: str  # its code, such as BTC
    market_value: int
    daily_volume: int
    traded_since: Time
    privacy: bool = False  # made so that who pays whom cannot be seen


def bar_to_offer(coin: str, known: Mapping[str, Underlying], screen: ListingScreen, now: Time) -> str | None:
    """Why the screen keeps the coin out, everything that it lacks in one sentence; None: it passes.

    A coin of which nothing is known is taken for no privacy coin, and for neither large, nor much traded, nor old.
    """
    facts = known.get(coin)
    if facts is None:
        asked = changed(screen, privacy_coins=True) != ListingScreen()
        return f"nothing is known of {coin}" if asked else None
    return " and ".join(_lacks(facts, screen, now)) or None


def _lacks(facts: Underlying, screen: ListingScreen, now: Time) -> Iterator[str]:
    if screen.market_value_min is not None and facts.market_value < screen.market_value_min:
        yield f"its market value is {dollars(facts.market_value)}, not {dollars(screen.market_value_min)} or more"
    if screen.daily_volume_min is not None and facts.daily_volume < screen.daily_volume_min:
        yield f"its daily volume is {dollars(facts.daily_volume)}, not {dollars(screen.daily_volume_min)} or more"
    if screen.age_years_min and now - facts.traded_since < screen.age_years_min * YEAR:
        yield f"it has not been traded for {screen.age_years_min} years"
    if facts.privacy and not screen.privacy_coins:
        yield "it is a privacy coin"


def dollars(amount: int) -> str:
    return f"USD {amount:,}"

"""The outside price: it meets its knots, comes again with its seed, and owes nothing to our own market."""

from pathlib import Path

import numpy as np
import pytest

from exchange.commands import IndexTerms
from exchange.events import IndexPublished, TradeReported
from exchange.units import DAY, HOUR, MINUTE, SECOND, IndexId, IndexPrice, Time
from scenarios.config.reading import ConfigurationError
from scenarios.index_path import outside_prices, venue_quotes
from scenarios.world import PathTerms
from tests.scenarios.small_worlds import OPENS, SHORT_DAY, a_world, live

BTC_RUB = IndexId("BTC_RUB")
VENUES = ("aster", "boreal", "cygnus")
INDEX = IndexTerms(index_id=BTC_RUB, venues=VENUES, weights_ppm=(400_000, 300_000, 300_000))
NOON: Time = 20_000 * DAY + 12 * HOUR
KNOTS: tuple[tuple[Time, IndexPrice], ...] = (
    (NOON, 800_000_000),
    (NOON + MINUTE, 800_000_001),
    (NOON + 90 * SECOND, 640_000_000),
    (NOON + HOUR, 812_345_678),
)


def a_path(volatility: float = 0.5, noise_bp: float = 0.0, spread_bp: float = 2.0) -> PathTerms:
    return PathTerms(KNOTS, volatility, SECOND, noise_bp, spread_bp)


@pytest.mark.parametrize("volatility", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_knot_is_met_to_the_kopeck(volatility: float, seed: int) -> None:
    times, prices = outside_prices(a_path(volatility), seed)
    at = dict(zip(times.tolist(), prices.tolist(), strict=True))
    assert [at[time] for time, _ in KNOTS] == [price for _, price in KNOTS]


def test_there_is_a_price_for_every_second_and_it_is_a_whole_number() -> None:
    times, prices = outside_prices(a_path(), 1)
    assert (times[0], times[-1], len(times)) == (NOON, NOON + HOUR, 3601)
    assert set(np.diff(times).tolist()) == {SECOND}
    assert prices.dtype == np.int64 and prices.min() > 0


def test_without_volatility_it_goes_straight_from_knot_to_knot_in_logs() -> None:
    """Half-way between 800 and 640 million is their geometric mean."""
    times, prices = outside_prices(a_path(0.0), 1)
    at = dict(zip(times.tolist(), prices.tolist(), strict=True))
    assert at[NOON + 75 * SECOND] == 715_541_753


def test_between_knots_it_moves_as_much_as_it_should() -> None:
    """Log changes of a second, over the long last stretch, have the deviation of a day over the root of its seconds."""
    _, prices = outside_prices(a_path(0.5), 7)
    changes = np.diff(np.log(prices[120:]))
    assert np.std(changes) == pytest.approx(0.5 / np.sqrt(86_400), rel=0.05)


def test_the_same_seed_gives_the_same_path_and_another_seed_another() -> None:
    first, again, other = (outside_prices(a_path(), seed)[1] for seed in (5, 5, 6))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_a_venue_shows_its_spread_around_its_own_mid() -> None:
    quotes = list(venue_quotes(a_path(0.0, spread_bp=10.0), INDEX, 1))
    assert len(quotes) == 3601
    at, shown = quotes[0]
    assert at == NOON and [quote.venue for quote in shown] == list(VENUES)
    assert {(quote.bid, quote.ask, quote.at) for quote in shown} == {(799_600_000, 800_400_000, NOON)}
    for _, shown in quotes:
        assert all(type(q.bid) is int and 0 < q.bid < q.ask for q in shown)


def test_venues_differ_by_their_own_noise_and_one_more_does_not_move_the_others() -> None:
    more = IndexTerms(index_id=BTC_RUB, venues=(*VENUES, "dorado"), weights_ppm=(250_000,) * 4)
    three = list(venue_quotes(a_path(noise_bp=5.0), INDEX, 1))
    four = list(venue_quotes(a_path(noise_bp=5.0), more, 1))
    assert [shown[:3] for _, shown in four] == [shown for _, shown in three]
    assert len({quote.bid for quote in three[0][1]}) == 3


def test_a_quote_is_never_crossed_even_at_a_kopeck() -> None:
    terms = PathTerms(((NOON, 1), (NOON + MINUTE, 1)), 0.0, SECOND, 0.0, 0.0)
    for _, shown in venue_quotes(terms, INDEX, 1):
        assert all(quote.bid < quote.ask for quote in shown)


def test_our_own_market_never_moves_it(tmp_path: Path) -> None:
    """The index of a run in which twenty people trade with the maker, and of one in which two do."""
    busy, quiet = (live(a_world(tmp_path, population=people)) for people in (20, 2))
    assert len(busy.events(TradeReported)) > len(quiet.events(TradeReported))
    assert busy.events(IndexPublished) == quiet.events(IndexPublished)
    assert len(busy.events(IndexPublished)) > 3_000


# --- prices from a file ---------------------------------------------------------------------------------

KNOTS_IN_FILE = SHORT_DAY[SHORT_DAY.index("knots = [") : SHORT_DAY.index("[coin]")]
GOOD = "time,price_rub\n10:00:00,8000000\n10:20:00,8010000.25\n10:50:00,7300000\n"


def with_csv(folder: Path, text: str | bytes) -> tuple[tuple[Time, IndexPrice], ...]:
    (folder / "prices.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return a_world(folder, (KNOTS_IN_FILE, 'csv = "prices.csv"\n\n')).path.knots


def test_knots_may_come_from_a_file_beside_the_scenario(tmp_path: Path) -> None:
    assert with_csv(tmp_path, GOOD)[1:4] == (
        (OPENS, 800_000_000),
        (OPENS + 20 * MINUTE, 801_000_025),
        (OPENS + 50 * MINUTE, 730_000_000),
    )
    assert with_csv(tmp_path, GOOD.replace("\n", "\r\n")) == with_csv(tmp_path, GOOD)
    assert with_csv(tmp_path, f"\ufeff{GOOD}") == with_csv(tmp_path, GOOD)  # as spreadsheets save it


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (GOOD.replace("price_rub", "price"), "line 2"),
        (GOOD.replace("8010000.25", "eight"), "line 3"),
        (GOOD.replace("8010000.25", ""), "line 3"),
        (GOOD.replace("8010000.25", "nan"), "line 3"),
        (GOOD.replace("8010000.25", "inf"), "line 3"),
        (GOOD.replace("8010000.25", "-1"), "line 3"),
        (GOOD.replace("8010000.25", "0"), "line 3"),
        (GOOD.replace("10:20:00", "24:00:00"), "line 3"),
        (GOOD.replace("10:20:00", "25 past"), "line 3"),
        (GOOD.replace("10:20:00", "10:00:00"), "line 3"),
        (GOOD.replace("10:50:00", "10:10:00"), "line 4"),
        ("time,price_rub\n10:00:00,8000000\n", "fewer than two prices"),
        ("", "fewer than two prices"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_bad_file_names_itself_and_the_line(tmp_path: Path, text: str | bytes, where: str) -> None:
    with pytest.raises(ConfigurationError, match=where) as refused:
        with_csv(tmp_path, text)
    assert refused.value.file.startswith(str(tmp_path / "prices.csv"))


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"prices\.csv cannot be read"):
        a_world(tmp_path, (KNOTS_IN_FILE, 'csv = "prices.csv"\n\n'))

"""The outside price of an underlying, second by second, and what each outside venue shows of it and trades at.

It is drawn once a seed, before anything trades: our own market never moves it.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import numpy as np

from exchange.commands import IndexTerms, VenueQuote, VenueTrade
from exchange.units import DAY, MINUTE, SECOND, IndexPrice, Time
from participants.chance import generator
from scenarios.config.reading import ConfigurationError
from scenarios.outside_attacks import Shown, attacked, pushes, volumes
from scenarios.world import PathTerms

_MEAN_TRADE = 100  # thousandths of a unit of the underlying, on a venue of average weight


def outside_prices(terms: PathTerms, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and prices (index units) from the first knot to the last and on, one a step.

    Between two knots the log price is a Brownian bridge, so every knot is met exactly; after the last one it
    is a Brownian motion. Rounded once, to the nearest index unit.
    """
    knot_times = np.array([at for at, _ in terms.knots], dtype=np.int64)
    logs = np.log(np.array([price for _, price in terms.knots], dtype=np.float64))
    last = max(terms.knots[-1][0], terms.until)
    times = np.arange(knot_times[0], last + 1, terms.step, dtype=np.int64)
    straight = np.interp(times, knot_times, logs)
    deviation = terms.volatility_a_day * np.sqrt(terms.step / DAY)
    walk = np.cumsum(generator(seed, "outside price").standard_normal(len(times))) * deviation
    anchors = np.interp(knot_times, times, walk)
    noise = walk - np.interp(times, knot_times, anchors)
    return times, np.rint(np.exp(straight + noise)).astype(np.int64)


def venue_quotes(
    terms: PathTerms, index: IndexTerms, seed: int
) -> Iterator[tuple[Time, tuple[VenueQuote, ...]]]:
    """What each outside venue shows, at each step: its own mid near the common price, and its spread."""
    times, venues = _outside_venues(terms, index, seed)
    rows = [(name, *(column.tolist() for column in shown)) for name, shown in venues.items()]
    for step, at in enumerate(times.tolist()):
        quotes = tuple(
            VenueQuote(venue=name, bid=bids[step], ask=asks[step], at=at)
            for name, bids, asks, speaks in rows
            if speaks[step]
        )
        if quotes:
            yield at, quotes


def venue_trades(
    terms: PathTerms, index: IndexTerms, seed: int
) -> Iterator[tuple[Time, tuple[VenueTrade, ...]]]:
    """What is traded on outside venues, in the spans in which that is reported, with dice of their own.

    At each step a venue trades once or not at all, at its bid or its ask; quantities are exponential, and
    larger on venues of more weight.
    """
    if not terms.trade_spans:
        return
    times, venues = _outside_venues(terms, index, seed)
    reported = np.any([(times >= begins) & (times < ends) for begins, ends in terms.trade_spans], axis=0)
    trades: dict[int, list[VenueTrade]] = {}
    for (name, shown), weight in zip(venues.items(), index.weights_ppm, strict=True):
        chance, side, size = generator(seed, f"trades of outside venue {name}").random((len(times), 3)).T
        mean = _MEAN_TRADE * len(venues) * weight / sum(index.weights_ppm)
        quantities = 1 - np.log1p(-size) * mean * volumes(terms.attacks, name, times)
        prices = np.where(side < 0.5, shown.bids, shown.asks)
        trading = reported & shown.speaks & (chance < terms.trades_a_minute * terms.step / MINUTE)
        for step in np.flatnonzero(trading).tolist():
            trade = VenueTrade(
                venue=name, price=int(prices[step]), quantity=int(quantities[step]), at=int(times[step])
            )
            trades.setdefault(trade.at, []).append(trade)
    for at in sorted(trades):
        yield at, tuple(trades[at])


def reference_rates(terms: PathTerms, seed: int) -> Iterator[tuple[Time, str, IndexPrice]]:
    """What independent sources publish: the common price, which no attack on a venue changes."""
    if terms.reference_sources:
        times, prices = outside_prices(terms, seed)
        stride = max(terms.reference_step // terms.step, 1)
        for at, price in zip(times[::stride].tolist(), prices[::stride].tolist(), strict=True):
            yield from ((at, source, price) for source in terms.reference_sources)


def _outside_venues(terms: PathTerms, index: IndexTerms, seed: int) -> tuple[np.ndarray, dict[str, Shown]]:
    """The times of all steps, and what each venue shows at each of them."""
    times, prices = outside_prices(terms, seed)
    half = terms.venue_spread_bp / 20_000
    venues = {}
    for venue in index.venues:
        noise = generator(seed, f"outside venue {venue}").standard_normal(len(times))
        mids = prices * (1 + noise * terms.venue_noise_bp / 10_000) * pushes(terms.attacks, venue, times)
        bids = np.floor(mids * (1 - half)).astype(np.int64)
        asks = np.ceil(mids * (1 + half)).astype(np.int64)
        shown = Shown(bids, np.maximum(asks, bids + 1), np.ones(len(times), dtype=np.bool_))
        venues[venue] = attacked(shown, terms.attacks, venue, times)
    return times, venues


def read_knots(
    path: Path, starts: Time, ends: Time, midnight: Time
) -> tuple[tuple[time | datetime, Decimal], ...]:
    """Prices in roubles, from a CSV file with the columns `time` (HH:MM:SS, with the date before it on other days
    than the first: 2023-03-11T08:00:00) and `price_rub`.

    Raises ConfigurationError that names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), "", f"cannot be read: {error}", "name a CSV file") from None
    knots: list[tuple[time | datetime, Decimal]] = []
    for number, row in enumerate(rows, 2):
        try:
            at = _clock(row["time"] or "")
            price = Decimal(row["price_rub"] or "")
        except (KeyError, ValueError, ArithmeticError):
            raise _bad_row(path, number, "needs a `time` (HH:MM:SS) and a `price_rub` (a number)") from None
        if not price.is_finite() or price < Decimal("0.01") or price != round(price, 2):
            raise _bad_row(path, number, "needs a price above zero with at most two decimals")
        if knots and instant(at, midnight) <= instant(knots[-1][0], midnight):
            raise _bad_row(path, number, "must be later than the line before")
        if not starts <= instant(at, midnight) <= ends:
            raise _bad_row(path, number, "is before the run starts or after it has ended")
        knots.append((at, price))
    if len(knots) < 2:
        raise ConfigurationError(str(path), "", "has fewer than two prices", "add the missing lines")
    return tuple(knots)


def _clock(text: str) -> time | datetime:
    return datetime.fromisoformat(text) if "T" in text else time.fromisoformat(text)


def seconds_of(at: time) -> Time:
    """A time of day as nanoseconds since midnight."""
    return (at.hour * 3600 + at.minute * 60 + at.second) * SECOND + at.microsecond * 1000


def instant(at: time | datetime, midnight: Time) -> Time:
    """A date and time of day (UTC), or a time of day on the day that begins at `midnight`."""
    if not isinstance(at, datetime):
        return midnight + seconds_of(at)
    return moment_of(at.replace(tzinfo=UTC)) + at.microsecond * 1000


def moment_of(at: datetime) -> Time:
    """A moment (UTC) as nanoseconds since 1970."""
    return int(at.timestamp()) * SECOND


def midnight_of(day: date) -> Time:
    """With which it begins, UTC."""
    return moment_of(datetime.combine(day, time(), tzinfo=UTC))


def _bad_row(path: Path, number: int, needs: str) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {number}", "", needs, "correct that line")

"""A run beside published figures of its market: each reading against a naive one, and figures that make no sense."""

from pathlib import Path
from typing import NamedTuple

import pytest

from exchange.events import (
    BookChanged,
    DefaultDeclared,
    DepthReported,
    IndexPublished,
    LiquidationStep,
    OrderAccepted,
    OrderFilled,
    PositionTransferred,
    TradeReported,
)
from exchange.units import MINUTE, Time
from matching.terms import Side
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import with_clearing
from scenarios.fit import FitRow
from scenarios.run import run
from scenarios.terminal import fit_in_words
from scenarios.world import World
from tests.scenarios.small_worlds import OPENS, Kept, a_world, live, short_day

REGIME = with_clearing("ru_open_counterfactual", "risk_crypto")
TICK_VALUE = 10  # kopecks, of the short day's future
SINCE, AT = OPENS + 15 * MINUTE, OPENS + 40 * MINUTE
AMOUNT = 200_000_00
FIGURES = """
[[published]]
at = 10:40:00
since = 10:15:00
measure = "index_fall"
percent = 10
to_percent = 20
source = "made up"
calibrated = true

[[published]]
at = 10:40:00
since = 10:15:00
measure = "discount"
percent = 10
source = "made up"

[[published]]
at = 10:40:00
since = 10:15:00
measure = "depth_fall"
within_bp = 100
percent = 90
source = "made up"

[[published]]
at = 10:40:00
since = 10:15:00
measure = "round_trip"
amount_rub = 200_000
percent = 8
source = "made up"

[[published]]
at = 10:26:00
since = 10:15:00
measure = "forced"
percent = 70
source = "made up"

[[published]]
at = 10:40:00
since = 10:15:00
measure = "forced_minute"
percent = 32
source = "made up"

[[published]]
at = 10:40:00
since = 10:15:00
measure = "forced_sales"
percent = 84
source = "made up"
"""
LEVERED = (
    ("size = 20", "size = 60\ndeposit_percent = 16"),
    ("fee_taker_rub = 0.60", "fee_taker_rub = 0.60\npublishes_book = true"),
    ("price_rub = 7_000_000", "price_rub = 6_700_000"),
    ('order_ref = "court order 1"\n', f'order_ref = "court order 1"\n{FIGURES}'),
)


class Fitted(NamedTuple):
    world: World
    kept: Kept
    rows: dict[str, FitRow]

    def simulated(self, measure: str) -> float:
        value = self.rows[measure].simulated
        assert value is not None
        return value


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    folder = tmp_path_factory.mktemp("fit")
    world = a_world(folder, *LEVERED)
    finished = run(str(short_day(folder, *LEVERED)), REGIME, 1, folder / "run")
    return Fitted(world, live(world, REGIME), {row.measure: row for row in finished.fit})


def forced(kept: Kept) -> list[tuple[Time, int, bool]]:
    """Time, notional, sold: by reading the record as it was told."""
    found, orders, stepped, failed = list[tuple[Time, int, bool]](), set[int](), False, set[str]()
    for entry in kept.told:
        event = entry.event
        if stepped:
            assert isinstance(event, OrderAccepted)
            orders.add(event.order_id)
        stepped = isinstance(event, LiquidationStep)
        if isinstance(event, DefaultDeclared):
            failed.add(event.defaulter)
        if isinstance(event, OrderFilled) and event.order_id in orders:
            worth = event.quantity * event.price * TICK_VALUE
            found.append((entry.time, worth, event.side is Side.SELL))
        if isinstance(event, PositionTransferred) and event.participant_id in failed:
            found.append((entry.time, abs(event.lots) * event.price * TICK_VALUE, event.lots < 0))
    return found


def test_what_was_closed_by_force(fitted: Fitted) -> None:
    every = forced(fitted.kept)
    assert len(every) >= 3
    whole = sum(worth for _, worth, _ in every)
    early = sum(worth for time, worth, _ in every if SINCE < time <= OPENS + 26 * MINUTE)
    assert fitted.simulated("forced") == pytest.approx(early / whole)
    late = [one for one in every if SINCE < one[0] <= AT]
    minutes = dict.fromkeys(range(25), 0)
    for time, worth, _ in late:
        minutes[(time - SINCE) // MINUTE] += worth
    assert fitted.simulated("forced_minute") == pytest.approx(max(minutes.values()) / sum(minutes.values()))
    sold = sum(worth for _, worth, sale in late if sale)
    assert fitted.simulated("forced_sales") == pytest.approx(sold / sum(minutes.values()))


def test_the_fall_of_the_index_and_of_trades_below_it(fitted: Fitted) -> None:
    index, held, lowest, furthest = 0, 0, 0, -1.0
    for entry in fitted.kept.told:
        match entry.event:
            case IndexPublished(value=value):
                index = value
                if entry.time <= SINCE:
                    held = lowest = value
                elif entry.time <= AT:
                    lowest = min(lowest, value)
            case TradeReported(price=price) if SINCE < entry.time <= AT:
                furthest = max(furthest, 1 - price * 100_00 / index)
    assert fitted.simulated("index_fall") == pytest.approx(1 - lowest / held)
    assert fitted.rows["index_fall"].met and fitted.rows["index_fall"].published_to == 0.2
    assert fitted.simulated("discount") == pytest.approx(furthest)


def test_the_depth_that_was_lost(fitted: Fitted) -> None:
    """Reported every ten seconds, counted at each minute; this day always has two sides when it is counted."""
    reports = [
        (e.time, e.event.bid_quantities[2] + e.event.ask_quantities[2])
        for e in fitted.kept.told
        if isinstance(e.event, DepthReported)
    ]
    assert 0 < fitted.simulated("depth_fall") < 1  # the maker was afraid, and left
    before = [lots for time, lots in reports if OPENS < time < SINCE]
    after = [lots for time, lots in reports if SINCE < time < AT]
    roughly = 1 - (sum(after) / len(after)) / (sum(before) / len(before))
    assert fitted.simulated("depth_fall") == pytest.approx(roughly, abs=0.15)


def test_what_a_round_trip_costs(fitted: Fitted) -> None:
    """The book as it displays itself at each minute, and an order that goes through it lot by lot."""
    changes = [(e.time, e.event) for e in fitted.kept.told if isinstance(e.event, BookChanged)]
    costs = []
    for minute in range(SINCE, AT, MINUTE):
        book: dict[tuple[Side, int], int] = {}
        for time, event in changes:
            if time <= minute:
                book |= {(level.side, level.price): level.quantity for level in event.levels}
        means = []
        for side in (Side.SELL, Side.BUY):
            lots = [
                price
                for (at, price), quantity in sorted(book.items(), key=lambda level: -side * level[0][1])
                if at is side
                for _ in range(quantity)
            ]
            cost, bought = 0, 0.0
            for price in lots:
                part = min(AMOUNT - cost, price * TICK_VALUE)
                cost, bought = cost + part, bought + part / (price * TICK_VALUE)
            means.append(AMOUNT / bought / TICK_VALUE if cost == AMOUNT else None)
        ask, bid = means
        if ask is not None and bid is not None:
            costs.append((ask - bid) / ((ask + bid) / 2))
    assert costs
    assert fitted.simulated("round_trip") == pytest.approx(sum(costs) / len(costs))


@pytest.mark.parametrize(
    ("simulated", "met", "difference"),
    [(0.11, True, 0.0), (0.14, True, 0.0), (0.125, True, 0.0), (0.15, False, 0.01), (0.1, False, -0.01)],
)
def test_a_range_is_met_inside_it(simulated: float, met: bool, difference: float) -> None:
    row = FitRow(
        at=0,
        measure="index_fall",
        published=0.11,
        published_to=0.14,
        simulated=simulated,
        calibrated=False,
        source="s",
    )
    assert row.met is met
    assert row.difference == pytest.approx(difference)
    assert ("Not met: index_fall 0.1100 to 0.1400 (s)" in fit_in_words([row])) is not met


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        (("within_bp = 100\n", ""), "published.3.within_bp", "is missing"),
        (("within_bp = 100", "within_bp = 70"), "published.3.within_bp", "depth is reported within 10, 50"),
        (("amount_rub = 200_000\n", ""), "published.4.amount_rub", "is missing"),
        (("to_percent = 20", "to_percent = 10"), "published.1.to_percent", "the upper end of a range"),
        (("percent = 10\nto_percent = 20", "price = 0.9"), "published.1.price", "does not go with measure"),
        (("publishes_book = true", ""), "instruments.BTC_RUBD-18DEC26", "does not publish its book"),
        (
            ('since = 10:15:00\nmeasure = "depth_fall"', 'measure = "depth_fall"'),
            "published.3.since",
            "what was there before",
        ),
        (('measure = "discount"\npercent = 10', "price = 0.9"), "published.2.since", "lies between"),
    ],
)
def test_a_figure_that_makes_no_sense_is_refused(
    tmp_path: Path, change: tuple[str, str], key: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        a_world(tmp_path, *LEVERED, change)
    assert key in str(caught.value)

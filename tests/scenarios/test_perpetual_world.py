"""A whole world that trades a rolling perpetual, from its file to its measures."""

from pathlib import Path

import pytest

from exchange.audit import audit
from exchange.commands import Command
from exchange.core import Exchange
from exchange.events import Entry, OrderRejected, PerpetualRolled, PositionRolled, TradeReported
from exchange.instruments import ContractKind, Roll
from exchange.reasons import RejectReason
from exchange.units import HOUR, MINUTE, Time
from scenarios.config.reading import ConfigurationError
from scenarios.config.scenario_file import load_world
from scenarios.provenance import toml_text
from scenarios.run import run_cell
from tests.scenarios.small_worlds import MIDNIGHT, OPENS, a_world, live, short_day

ROLLS = (
    ("closes = 10:50:00", "closes = 13:30:00"),
    (
        "expires = 10:45:00",
        'expires = 11:00:00\nkind = "perp_rolling"\nroll_hours = 1\nroll_band_percent = 15',
    ),
    ("cap_rub = 16_000_000\n", ""),
    ("at = 10:50:00, price_rub = 7_300_000", "at = 13:30:00, price_rub = 7_300_000"),
)


def test_a_perpetual_makes_its_collar_of_band_and_reference(tmp_path: Path) -> None:
    (terms,) = a_world(tmp_path, *ROLLS).instruments
    assert terms.kind is ContractKind.PERP_ROLLING
    assert terms.roll == Roll(interval=HOUR, band_bp=1_500)
    assert (terms.floor, terms.cap, terms.expiry) == (68_000, 92_000, MIDNIGHT + 660 * MINUTE)
    by_default = (*ROLLS, ("\nroll_band_percent = 15", ""))
    assert a_world(tmp_path, *by_default).instruments[0].roll == Roll(interval=HOUR, band_bp=2_000)


def test_it_reads_back_from_its_resolved_form(tmp_path: Path) -> None:
    world = a_world(tmp_path, *ROLLS)
    path = tmp_path / "resolved.toml"
    path.write_text(toml_text(world.resolved), encoding="utf-8")
    assert load_world(str(path)) == world


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ([("cap_rub = 16_000_000\n", "")], "cap_rub", "is missing"),
        (
            [("cap_rub", 'kind = "perp_rolling"\nroll_hours = 24\ncap_rub')],
            "roll_hours",
            "leave floor_rub and cap_rub out",
        ),
        ([("cap_rub", "roll_band_percent = 20\ncap_rub")], "roll_hours", "is for a perpetual"),
        ([("cap_rub = 16_000_000", 'kind = "perp_rolling"')], "roll_hours", "is missing"),
        ([("cap_rub = 16_000_000", "roll_hours = 0")], "roll_hours", "greater than or equal to 1"),
        ([("cap_rub = 16_000_000", "roll_hours = 1.5")], "roll_hours", "whole number"),
        (
            [("cap_rub = 16_000_000", 'kind = "perp_rolling"\nroll_hours = 1\nroll_band_percent = 0')],
            "instruments.BTC_RUBD-18DEC26",
            "cannot be listed: roll.band_bp",
        ),
    ],
)
def test_half_a_perpetual_is_refused(
    tmp_path: Path, changes: list[tuple[str, str]], key: str, words: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        a_world(tmp_path, *changes)
    assert key in str(refused.value) and words in str(refused.value)


class Audited(Exchange):
    """Walks every invariant after whatever is no mere publication of the index."""

    def handle(self, command: Command, now: Time) -> list[Entry]:
        return self._audited(super().handle(command, now))

    def advance(self, now: Time) -> list[Entry]:
        return self._audited(super().advance(now))

    def _audited(self, entries: list[Entry]) -> list[Entry]:
        if len(entries) > 1:
            assert audit(self.state) == [], entries
        return entries


def test_people_trade_it_over_its_rolls_and_know_its_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The price falls by an eighth in the middle, out of a collar that nobody could order in any more."""
    monkeypatch.setattr("scenarios.assembly.Exchange", Audited)
    kept = live(a_world(tmp_path, *ROLLS), seed=3)
    rolls = kept.events(PerpetualRolled)
    assert [e.instrument.expiry - OPENS for e in rolls] == [2 * HOUR, 3 * HOUR, 4 * HOUR]
    assert kept.events(PositionRolled) and any(e.funding_rate_ppb for e in rolls)
    assert not [e for e in kept.events(OrderRejected) if e.reason is RejectReason.PRICE_OUTSIDE_COLLAR]
    last_roll = OPENS + 3 * HOUR
    assert [e for e in kept.told if isinstance(e.event, TradeReported) and e.time > last_roll]


def test_its_measures_agree_with_the_books_and_no_money_is_missing(tmp_path: Path) -> None:
    cell = run_cell(str(short_day(tmp_path, *ROLLS)), "ru_open_counterfactual", 3, None)
    assert cell.measures["uncovered_peak"] == 0.0
    assert cell.measures["zero_sum_gap"] == 0.0
    assert cell.measures["locked_peak"] > 0 and cell.measures["open_interest_peak"] > 0

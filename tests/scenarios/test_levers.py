"""Each lever of a class in a regime file: what it is in the core, and the plain words of what it changes."""

from pathlib import Path

import pytest

from exchange.access.regime import CapScope
from exchange.units import HOUR
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import load_regime
from scenarios.regime_words import differences

FILE = """
id = "plain"
title = "Plain"
jurisdiction = "Nowhere"
status = "counterfactual"
test_environment = true
offshore_share_percent = 0
classes = [{ id = "all", title = "All", any_of = [{ kinds = ["company"] }], permissions = { spot = "allowed" }LEVER }]
market = { self_trade_prevention = "cancel_resting" }
cash = { settlement_asset = "RUBD", gate = "pro_rata" }
assumptions = [
    { key = "offshore_share_percent", reason = "A test." },
    { key = "classes.all", reason = "A test." },
]
"""


def regime_with(folder: Path, lever: str) -> str:
    file = folder / "plain.toml"
    file.write_text(FILE.replace("LEVER", f", {lever}" if lever else ""), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("lever", "words"),
    [
        ('underlyings = ["BTC", "ETH", "USDT"]', ["coins: every one -> BTC, ETH and USDT"]),
        ("cooling_off_hours = 24", ["cooling-off: none -> 24 hours before the first position"]),
        ("caps = { leverage_max = 2.5 }", ["leverage under margin: no cap -> at most 2.5:1"]),
        (
            "caps = { annual_purchases_rub = 300_000, resale_restores = true }",
            ["purchases: no limit -> at most 300,000 RUB a year; what is sold makes room"],
        ),
        (
            'caps = { annual_purchases_rub = 300_000, purchases_scope = "intermediary" }',
            ["purchases: no limit -> at most 300,000 RUB a year with each intermediary"],
        ),
    ],
)
def test_a_lever_is_told_in_plain_words(tmp_path: Path, lever: str, words: list[str]) -> None:
    before, after = (load_regime(regime_with(tmp_path, one)) for one in ("", lever))
    assert differences(before, after) == [f"companies, {line}" for line in words]


def test_what_the_levers_are_in_the_core(tmp_path: Path) -> None:
    caps = (
        'caps = { annual_purchases_rub = 300_000, purchases_scope = "intermediary", resale_restores = true }'
    )
    (found,) = load_regime(
        regime_with(tmp_path, f'underlyings = ["BTC"], cooling_off_hours = 24, {caps}')
    ).classes
    assert (found.underlyings, found.cooling_off) == (("BTC",), 24 * HOUR)
    assert found.caps.annual_purchases == 300_000_00
    assert (found.caps.purchases_scope, found.caps.resale_restores) == (CapScope.INTERMEDIARY, True)


@pytest.mark.parametrize(
    ("lever", "told"),
    [
        (
            "caps = { resale_restores = true }",
            "resale_restores has no effect without a cap; add annual_purchases",
        ),
        ('caps = { purchases_scope = "bank" }', "cannot be “bank”"),
        ("caps = { leverage_max = 0.5 }", "leverage_max"),
        ("cooling_off_hours = 0", "cooling_off_hours"),
        ('underlyings = ["bitcoin"]', "underlyings"),
    ],
)
def test_a_lever_that_makes_no_sense(tmp_path: Path, lever: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load_regime(regime_with(tmp_path, lever))

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
            "caps = { closeout_percent = 50, negative_balance_protection = true }",
            [
                "closed out under margin: as the clearing says -> below 50% of initial margin; "
                "nothing is owed beyond one's money"
            ],
        ),
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


def whole(folder: Path, tables: str, *keys: str, market: str = "") -> str:
    """The plain regime with more tables of its own, whose numbers are all assumed."""
    assumed = "".join(f'    {{ key = "{key}", reason = "A test." }},\n' for key in keys)
    text = FILE.replace("LEVER", "").replace('"cancel_resting" }', f'"cancel_resting"{market} }}')
    file = folder / "plain.toml"
    file.write_text(
        text.replace("assumptions = [\n", f"assumptions = [\n{assumed}") + tables, encoding="utf-8"
    )
    return str(file)


@pytest.mark.parametrize(
    ("tables", "key", "words"),
    [
        (
            "[listing]\nage_years_min = 5\nprivacy_coins = false\n",
            "listing.age_years_min",
            "coins on which anything is offered: every one -> traded for 5 years or longer, no privacy coins",
        ),
        (
            '[[position_limits]]\ncoin = "BTC"\nproducts = ["future"]\nlimit_units = 5_000.5\n'
            "tiers = [{ units = 110, extra_margin_percent = 5 }]\n",
            "position_limits",
            "position on one coin: no limit -> BTC (future): told of beyond 110 units and margined 5% higher there, "
            "at most 5,000.5 units",
        ),
        (
            "[institutions]\nexposure_cap_percent = 2\nexposure_soft_cap_percent = 1\n",
            "institutions",
            "institutions, own funds: no rule -> may be at risk up to 2% and are told of beyond 1%",
        ),
    ],
)
def test_a_lever_for_all_is_told_in_plain_words(tmp_path: Path, tables: str, key: str, words: str) -> None:
    before = load_regime(whole(tmp_path, ""))
    assert differences(before, load_regime(whole(tmp_path, tables, key))) == [words]


def test_a_market_is_told_in_plain_words(tmp_path: Path) -> None:
    before = load_regime(whole(tmp_path, ""))
    market = ", opens = 05:50:00, closes = 20:50:00, opening_call_seconds = 600, static_band_percent = 7, "
    market += (
        "halt_call_seconds = 120, daily_limit_percent = 20, closing_call_seconds = 0, max_quantity = 500"
    )
    (told,) = differences(before, load_regime(whole(tmp_path, "", "market", market=market)))
    assert told == (
        "hours, auctions and bands: as in the scenario -> "
        "open from 05:50 to 20:50 UTC, opening auction of 600 seconds, "
        "no closing auction, auction after a halt of 120 seconds, no price more than 20% from the mark at the opening, "
        "interrupted 7% from the last auction, orders of at most 500 lots"
    )


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ("[listing]\n", "listing is empty, and screens nothing; say what it asks for"),
        ("[listing]\nmarket_value_min_usd = 0\n", "listing.market_value_min_usd"),
        ("[listing]\nage_years_min = 5\n", "listing.age_years_min is a number without a source"),
        ("[listing]\nmcap_min = 5\n", "listing.mcap_min"),
        (
            '[[position_limits]]\ncoin = "BTC"\n',
            "position_limits.1.coin limits nothing; add limit_units or tiers",
        ),
        (
            '[[position_limits]]\ncoin = "BTC"\nproducts = ["spot"]\nlimit_units = 1\n',
            "products names “spot”, which nobody can be short of; choose among future",
        ),
        (
            '[[position_limits]]\ncoin = "BTC"\nlimit_units = 5\ntiers = [{ units = 5 }]\n',
            "tiers reach the limit, so they could never be passed",
        ),
        (
            '[[position_limits]]\ncoin = "BTC"\ntiers = [{ units = 5 }, { units = 4 }]\n',
            "tiers are not in order of size; put the smallest first",
        ),
        (
            '[[position_limits]]\ncoin = "BTC"\nlimit_units = 5\n'
            '[[position_limits]]\ncoin = "BTC"\nproducts = ["option"]\nlimit_units = 5\n',
            "position_limits.2 limits option on BTC, as position_limits.1 does already; remove it",
        ),
    ],
)
def test_a_lever_for_all_that_makes_no_sense(tmp_path: Path, tables: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load_regime(whole(tmp_path, tables))


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
        ("caps = { closeout_percent = 0 }", "closeout_percent must lie between"),
        ("cooling_off_hours = 0", "cooling_off_hours"),
        ('underlyings = ["bitcoin"]', "underlyings"),
    ],
)
def test_a_lever_that_makes_no_sense(tmp_path: Path, lever: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load_regime(regime_with(tmp_path, lever))

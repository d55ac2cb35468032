"""Bounds on institutions and on the venue, laid over a regime: what is replaced and stays, and what makes no sense."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.access.regime import InstitutionRule
from scenarios.cli import app
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import load_regime, read_bounds, regime_name, shipped_bounds
from scenarios.regime_words import differences

SUPER = "ru_elr_super_2025"


def test_banks_within_the_basel_bounds() -> None:
    alone, over = load_regime(SUPER), load_regime(f"{SUPER}+basel_bank_member")
    assert over.institutions == InstitutionRule(cover_bp=10_000, exposure_cap_bp=200, soft_cap_bp=100)
    assert (over.classes, over.cash, over.clearing) == (alone.classes, alone.cash, alone.clearing)
    assert [line.partition(":")[0] for line in differences(alone, over)] == ["institutions, own funds"]
    assert "institutions.exposure_cap_percent" not in {one.key for one in over.assumptions}


def test_a_venue_within_a_cap_in_another_way_of_clearing_and_another_money() -> None:
    name = f"{SUPER}+risk+dlt_sandbox_caps+rub_bank"
    over = load_regime(name)
    assert over.venue.capital_at_risk == 552_000_000_000_00
    assert over.regime_id == regime_name(name) == f"{SUPER}_dlt_sandbox_caps_risk_rub_bank"
    assert load_regime(SUPER).venue.capital_at_risk is None


def test_what_ships_is_listed() -> None:
    told = CliRunner().invoke(app, ["regimes", "bounds"]).stdout
    assert all(name in told and read_bounds(name).title in told for name in shipped_bounds())
    assert "at most 552,000,000,000 RUB" in told and "may be at risk up to 2%" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('id = "x"\ntitle = "X"\n', "bounds nothing; add a table"),
        ('id = "x"\ntitle = "X"\n[venue]\ncapital_at_risk_max_rub = 5\n', "without a source"),
        ('id = "x"\ntitle = "X"\n[venues]\n', "“venue”"),
        (
            'id = "x"\ntitle = "X"\n[institutions]\nexposure_cap_percent = 1\nexposure_soft_cap_percent = 1\n',
            "institutions.exposure_soft_cap_percent is no smaller than exposure_cap_percent",
        ),
    ],
)
def test_bounds_that_make_no_sense(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "bounds.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        load_regime(f"{SUPER}+{file}")


def test_two_bounds_at_once_are_one_too_many() -> None:
    with pytest.raises(
        ConfigurationError, match="names basel_bank_member and dlt_sandbox_caps as its bounds"
    ):
        load_regime(f"{SUPER}+basel_bank_member+dlt_sandbox_caps")
    with pytest.raises(ConfigurationError, match="“basel_bank_member”"):
        load_regime(f"{SUPER}+basel_bank")

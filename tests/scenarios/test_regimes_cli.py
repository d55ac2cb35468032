"""The regimes commands as they are typed: what they print, and where faults go."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scenarios.config.regime_file import (
    cash_schema,
    regime_path,
    regime_schema,
    shipped_cashes,
    shipped_regimes,
)
from scenarios.regimes_cli import app

SUPER, QUALIFIED, OPEN = "ru_elr_super_2025", "ru_derivs_qual_2025", "ru_open_counterfactual"


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_list_names_every_shipped_regime() -> None:
    result = typed("list")
    assert result.exit_code == 0
    assert [regime_id for regime_id in shipped_regimes() if regime_id not in result.stdout] == []


def test_show_tells_what_has_a_source_and_what_is_assumed() -> None:
    lines = typed("show", SUPER).stdout.splitlines()
    assert "    takes individuals with assets of more than 100,000,000 RUB [R02, R03, R04]" in lines
    assert "    capital at risk: at most 10% of the assets that count ASSUMED" in lines
    assert "  refused demand that trades offshore: 30% ASSUMED" in lines
    assert "  cash.settlement_asset = RUBD ASSUMED" in lines
    assert any(line.startswith("  R02 (secondary): ValueWalk") for line in lines)


def test_show_tells_the_class_by_class_rules_in_words() -> None:
    text = typed("show", QUALIFIED).stdout
    assert "with assets of at least 6,000,000 RUB and a passed knowledge test" in text
    assert "with an income of at least 12,000,000 RUB in each of the last 2 years" in text
    assert "spot: denied [R01]" in text
    assert "must cover 100% of the capital at risk and may be at risk up to 1% [R05]" in text
    assert "in force · valid 2025-07-28 to 2025-12-31" in text
    assert "takes anybody" in typed("show", OPEN).stdout


def test_diff_from_super_to_qualified() -> None:
    assert typed("diff", SUPER, QUALIFIED).stdout.splitlines() == [
        "individuals, wealth gate: more than 100,000,000 RUB -> at least 12,000,000 RUB, "
        "or at least 6,000,000 RUB with a passed knowledge test",
        "individuals, income gate: more than 50,000,000 RUB in the last year -> at least 12,000,000 RUB "
        "in each of the last 2 years, or at least 6,000,000 RUB in each of the last 2 years "
        "with a passed knowledge test",
        "individuals, rolling_perpetual: allowed -> denied",
        "individuals, spot: allowed -> denied",
        "individuals, capital at risk: at most 10% of the assets that count -> no limit",
        "individuals, leverage under margin: at most 1:1 -> no cap",
        "companies, rolling_perpetual: allowed -> denied",
        "companies, spot: allowed -> denied",
        "companies, capital at risk: at most 10% of the assets that count -> no limit",
        "companies, leverage under margin: at most 1:1 -> no cap",
        "institutions, rolling_perpetual: allowed -> denied",
        "institutions, spot: allowed -> denied",
        "spot: inside the test environment -> not traded at all",
        "coins on which anything is offered: no privacy coins -> every one",
    ]


def test_diff_to_the_open_regime_and_to_itself() -> None:
    text = typed("diff", QUALIFIED, OPEN).stdout
    assert "individuals, admission: those who pass a gate -> everybody" in text
    assert "companies, other gates: the standing of a qualified investor by law -> none" in text
    assert "may be at risk up to 1% -> no rule" in text
    assert typed("diff", OPEN, OPEN).stdout == "no difference\n"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("= 30 ", "= 0.05", "refused demand that trades offshore: 30% -> 0.05%"),
        ('gate = "pro_rata"', 'gate = "first_come"', "first come, first served"),
        (
            "[cash]",
            "max_requests_per_second = 9\n[cash]",
            "requests of one participant: no limit -> at most 9 a",
        ),
        (
            '"cancel_resting"',
            '"cancel_both"',
            "trades with oneself: the older order is canceled -> both orders",
        ),
        (
            'spot = "allowed"',
            'spot = "reduce_only"',
            "individuals, spot: allowed -> only to close what is held",
        ),
        (
            "[[assumptions]]",
            "[asset_counting]\ncrypto_share_percent = 50\ncrypto_max_rub = 7\n[[assumptions]]\nkey = "
            '"asset_counting"\nreason = "Half."\n[[assumptions]]',
            "crypto as wealth: does not count -> counts at 50%, at most 7 RUB",
        ),
        (
            "[market]",
            '[[classes]]\nid = "more"\ntitle = "More"\nany_of = [{}]\npermissions = {}\n[market]',
            "individuals, future: allowed -> Everyone: allowed, More: denied",
        ),
    ],
)
def test_diff_notices_each_lever(tmp_path: Path, old: str, new: str, line: str) -> None:
    text = regime_path(OPEN).read_text(encoding="utf-8")
    rates = '[[assumptions]]\nkey = "market"\nreason = "A guess."\n'
    if "[[classes]]" in new:  # a second class can be reached only if the first one asks for something
        text = text.replace("any_of = [{}]", "any_of = [{ knowledge_test = true }]")
    changed = tmp_path / "changed.toml"
    changed.write_text(text.replace(old, new, 1) + rates, encoding="utf-8")
    result = typed("diff", OPEN, str(changed))
    assert result.exit_code == 0, result.output
    assert line in result.stdout


def test_check_says_ok_or_one_sentence_and_two(tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_text(regime_path(SUPER).read_text(encoding="utf-8"), encoding="utf-8")
    assert (typed("check", str(good)).exit_code, typed("check", str(good)).stdout) == (0, "ok\n")
    bad = tmp_path / "bad.toml"
    bad.write_text(
        good.read_text(encoding="utf-8").replace("assets_above_rub", "asset_above_rub", 1), "utf-8"
    )
    result = typed("check", str(bad))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        f"{bad}: classes.super_individual.any_of.1.asset_above_rub is not a key that belongs here; "
        "the nearest that is valid is “assets_above_rub”.\n"
    )


@pytest.mark.parametrize(
    "words",
    [("show", "ru_open"), ("diff", SUPER, "ru_open"), ("diff", "ru_open", SUPER), ("check", "ru_open")],
)
def test_an_unknown_regime_is_a_sentence(words: tuple[str, ...]) -> None:
    result = typed(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "“ru_open” is no shipped regime; the nearest that is valid is “ru_open_counterfactual”.\n"
    )


def test_schema_is_json() -> None:
    assert json.loads(typed("schema").stdout) == json.loads(json.dumps(regime_schema()))


def test_cashes_tells_of_every_profile_and_schema_of_their_keys() -> None:
    lines = typed("cashes").stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == shipped_cashes()
    assert lines[-5:-3] == [
        "    bank roubles: Bank roubles (RUB), kept by Settlement Bank of the Sandbox (fictional); "
        "the venue's wallets are frozen by the court",
        "    Who can freeze it: the court, at domestic orders",
    ]
    assert lines[-2:] == [
        "    When it moves: 06:00 to 18:00 UTC, monday to friday, without holidays; final after 60 s",
        "    Par: it is what others are measured by",
    ]
    assert json.loads(typed("schema", "--cash").stdout) == json.loads(json.dumps(cash_schema()))


def test_list_tells_how_each_regime_clears_and_clearings_what_else_there_is() -> None:
    assert "full" in typed("list").stdout
    lines = typed("clearings").stdout.splitlines()
    assert lines[::2] == [
        "full",
        "risk",
        "risk_crypto",
        "risk_daily",
        "risk_large_fund",
        "risk_realised_only",
        "risk_single_session",
        "risk_t_plus_one",
        "risk_two_clearings",
    ]
    assert lines[1] == "    covered in full: covered in full"
    assert lines[3].startswith("    cleared by margin: margin of 16%, 2 clearings a day")


def test_show_and_diff_tell_of_another_clearing() -> None:
    text = typed("show", f"{OPEN}+risk").stdout
    assert "clearing: margin of 16%" in text
    assert "clearing.waterfall.equity_rub = 20000000 ASSUMED" in text
    (line,) = typed("diff", OPEN, f"{OPEN}+risk").stdout.splitlines()
    assert line.startswith("clearing: covered in full -> margin of 16%")

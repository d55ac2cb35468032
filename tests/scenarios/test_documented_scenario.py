"""The scenario of docs/scenarios.md is one, and the page names every key with the default that it has."""

import re
import tomllib
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from exchange.commands import PauseIssuer, UnpauseIssuer
from exchange.units import DAY, HOUR, MINUTE
from scenarios.config.directives import ACTS
from scenarios.config.reading import check, resolved
from scenarios.config.regime_file import load_regime, shipped_regimes
from scenarios.config.scenario_file import ScenarioFile, load_world
from scenarios.index_path import read_knots
from scenarios.run import run_cell

PAGE = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
ROW = re.compile(r"\| (`\w+`(?:, `\w+`)*) \|.*\| ([^|]+) \|")


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "pause_at_noon.toml"
    path.write_text(block("toml"), encoding="utf-8")
    return str(path)


def test_it_is_the_day_that_the_page_tells(saved: str) -> None:
    world = load_world(saved)
    assert (world.opens - world.starts, world.closes - world.opens) == (10 * MINUTE, 90 * MINUTE)
    assert world.ends - world.closes == MINUTE
    assert [price for _, price in world.path.knots] == [800_000_000, 796_000_000, 796_000_000]
    (future,) = world.instruments
    assert (future.floor, future.cap, future.reference) == (0, 160_000, 80_000)
    assert (future.tick_value, future.fee_maker, future.fee_taker) == (10, 0, 60)
    assert world.population.size == 60
    noon = world.opens + HOUR // 2
    assert [(at, type(command)) for at, command in world.directives] == [
        (noon, PauseIssuer),
        (noon + HOUR // 2, UnpauseIssuer),
    ]


def test_it_runs(saved: str) -> None:
    measures = run_cell(saved, "ru_open_counterfactual", 1, 20).measures
    assert measures["admitted_share"] == 100
    assert measures["trade_count"] > 0
    assert measures["uncovered_peak"] == 0


def test_every_shipped_regime_pays_in_its_coin(saved: str) -> None:
    cash = load_world(saved).cash
    assert {load_regime(name).cash.settlement_asset for name in shipped_regimes()} == {cash}


def test_the_csv_file_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(block("csv"), encoding="utf-8")
    prices = [price for _, price in read_knots(path, starts=0, ends=DAY, midnight=0)]
    assert prices == [Decimal(8_000_000), Decimal("7850000.50"), Decimal(7_960_000)]


def models(model: type[BaseModel], name: str = "scenario") -> dict[str, type[BaseModel]]:
    """The scenario's own table and all those below it, by the key under which they stand."""
    found = {name: model}
    for key, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= models(kind, key)
    return found


def test_the_page_names_every_key_and_every_directive() -> None:
    named = set(re.findall(r"`(?:\[+)?(\w+)(?:\]+)?`", PAGE))
    for table in models(ScenarioFile).values():
        assert set(table.model_fields) - named == set()
    assert set(ACTS) - named == set()


def test_the_page_gives_the_defaults_that_the_file_has() -> None:
    """A value in the last column is what stands in the file that says everything."""
    stated = tomllib.loads(block("toml"), parse_float=Decimal)
    del stated["coin"]["venue_wallets"], stated["population"]
    del stated["instruments"][0]["fee_taker_rub"]
    price = stated["index"]["knots"][1]["price_rub"]
    line = {"key": "index.knots.2.price_rub", "at_least": price, "at_most": price}
    stated["magnitude"] = {"what": "it", "unit": "%", "stands_at": 1, "most": 2, "step": 1, "scales": [line]}
    stated["crypto"] = [{"id": "BTC"}]
    stated["issuers"] = [{"id": "bank", "deposit_rub": 1, "own_funds_rub": 1}]
    stated["bank_roubles"] = {"bank": "bank"}
    stated["reserves"] = [{"id": "all", "custodian": "bank", "share_percent": 100}]
    stated["cash_pairs"] = [{}]
    seat = {"deposit_rub": 1, "own_funds_rub": 1}
    stated["coin_makers"], stated["redeemers"] = [{"id": "one", **seat}], [{"id": "two", **seat}]
    stated["holders"] = {"count": 1, "coins": 1}
    stated["clients"] = [{"id": "three", "assets_rub": 1, "deposit_rub": 1, "holds_rub": 1}]
    hour = stated["calendar"]["opens"]
    stated["theft"] = {"at": hour, "amount_rub": 1, "swap_rub": 1, "swap_interval_seconds": 1}
    stated["freeze_hazard"] = {"venue_percent": 1}
    stated["published"] = [{"at": time(12), "price": Decimal("0.9"), "source": "press"}]
    at = stated["calendar"]["opens"]
    shown = {"at": at, "participant": "bank", "asset": "BTC", "units": 1, "transaction": "first"}
    stated["deposits"], stated["firms"] = [shown], [{"id": "firm", "deposit_rub": 1, "own_funds_rub": 1}]
    stated["cycles"] = [{"at": at, "model": "dvp_3"}]
    stated["deals"] = [{"at": at, "delivers": "bank", "receives": "maker_alpha", "amount_rub": 1}]
    stated["disconnections"] = [{"participant": "maker_alpha", "starts": at}]
    full = resolved(check(ScenarioFile, stated, "the page"))
    told = 0
    for section in PAGE.split("\n### ")[1:]:
        heading = re.match(r"`\[+(\w+)\]+`", section)
        table: Any = full[heading[1]] if heading else full
        table = table if isinstance(table, dict) else table[0]
        for keys, left_out in ROW.findall(section):
            value = re.match(r"`([^`]+)`", left_out)
            key = re.findall(r"\w+", keys)[0]
            if value:
                assert tomllib.loads(f"x = {value[1]}", parse_float=Decimal)["x"] == table[key], key
                told += 1
            elif left_out == "must be given":
                assert table[key] is not None
    assert told > 20

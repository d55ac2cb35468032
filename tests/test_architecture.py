"""The house plan, as the imports tell it. A failure says where the thing lives."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("matching", "exchange", "participants", "scenarios")  # each may import those before it
HOMES = {  # a library is used in its own rooms only
    "sortedcontainers": ("matching/keys.py",),
    "mypy_extensions": (
        "exchange/clearing/cash_pairs.py",
        "exchange/clearing/covers.py",
        "exchange/clearing/full.py",
        "exchange/clearing/ledger.py",
        "exchange/clearing/margin.py",
        "exchange/clearing/margin_accounts.py",
        "exchange/clearing/spot.py",
        "exchange/core.py",
        "exchange/state.py",
        "matching/level.py",
    ),
    "simpy": ("scenarios/simulation.py",),
    "msgspec": ("exchange/gateway/jsonrpc.py", "exchange/messages.py"),
    "cryptography": ("exchange/gateway/certificate.py",),
    "fastapi": ("exchange/gateway/app.py",),
    "starlette": ("exchange/gateway/app.py", "exchange/gateway/pages.py", "exchange/gateway/probes.py"),
    "prometheus_client": ("exchange/gateway/metrics.py",),
    "uvicorn": ("exchange/gateway/frames.py", "exchange/gateway/guard.py", "exchange/gateway/server.py"),
    "typing_extensions": ("exchange/gateway/shapes.py",),
    "websockets": ("exchange/gateway/frames.py", "participants/connection.py"),
    "pydantic": (
        "exchange/gateway/methods/access.py",
        "exchange/gateway/methods/account.py",
        "exchange/gateway/methods/admin.py",
        "exchange/gateway/methods/cash.py",
        "exchange/gateway/methods/market.py",
        "exchange/gateway/methods/orders.py",
        "exchange/gateway/methods/quotes.py",
        "exchange/gateway/methods/resume.py",
        "exchange/gateway/methods/session.py",
        "exchange/gateway/methods/simulation.py",
        "exchange/gateway/methods/trading.py",
        "exchange/gateway/methods/wallet.py",
        "exchange/gateway/registry.py",
        "scenarios/config/cash_file.py",
        "scenarios/config/clearing_file.py",
        "scenarios/config/directives.py",
        "scenarios/config/grounds.py",
        "scenarios/config/hazard_table.py",
        "scenarios/config/market_tables.py",
        "scenarios/config/house_tables.py",
        "scenarios/config/magnitude.py",
        "scenarios/config/coin_market.py",
        "scenarios/config/reading.py",
        "scenarios/config/regime_file.py",
        "scenarios/config/scenario_file.py",
        "scenarios/config/published_table.py",
        "scenarios/config/settlement_tables.py",
        "scenarios/config/theft_table.py",
        "scenarios/config/underlyings_file.py",
    ),
    "pydantic_core": ("scenarios/config/reading.py",),
    "typer": (
        "scenarios/bot_cli.py",
        "scenarios/cli.py",
        "scenarios/compare_cli.py",
        "scenarios/faults.py",
        "scenarios/journal_cli.py",
        "scenarios/query_cli.py",
        "scenarios/regimes_cli.py",
        "scenarios/reverse_cli.py",
        "scenarios/risk_cli.py",
        "scenarios/serve_cli.py",
    ),
    "rich": (
        "scenarios/cli.py",
        "scenarios/compare_cli.py",
        "scenarios/lab.py",
        "scenarios/query_cli.py",
        "scenarios/regimes_cli.py",
        "scenarios/reverse_cli.py",
        "scenarios/risk_cli.py",
        "scenarios/terminal.py",
    ),
    "psycopg": ("exchange/journal/postgresql_store.py",),
    "scipy": ("scenarios/statistics.py",),
    "babel": ("scenarios/language.py",),
    "jinja2": ("scenarios/report/template.py",),
    "plotly": ("scenarios/report/template.py",),
    "pandas": ("scenarios/frames.py",),
    "duckdb": ("scenarios/query.py",),
    "distributed": ("scenarios/cluster.py",),
    "tomli_w": ("scenarios/provenance.py",),
}
NOT_IN_THE_CORE = {"time", "datetime", "random", "asyncio", "threading", "os", "logging", "pathlib", "numpy"}
RIM = ("exchange/journal/", "exchange/gateway/")  # of the exchange: known by nobody inside it
LOBBY = {  # what participants may know of the exchange
    "exchange.access.regime",
    "exchange.cash.hours",
    "exchange.cash.issuer_states",
    "exchange.cash.run_value",
    "exchange.commands",
    "exchange.events",
    "exchange.instruments",
    "exchange.messages",
    "exchange.reasons",
    "exchange.units",
    "exchange.views",
}


def rooms() -> list[Path]:
    return [path for package in OURS for path in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_is_in_its_room(path: Path) -> None:
    room = path.relative_to(ROOT).as_posix()
    package = room.split("/", maxsplit=1)[0]
    core = package in ("matching", "exchange") and not room.startswith(RIM)
    for name in imports(path):
        top = name.split(".", maxsplit=1)[0]
        if top in OURS:
            assert OURS.index(top) <= OURS.index(package), f"{room} may not import {name}"
            inward = not (core and name.replace(".", "/").startswith(tuple(r.rstrip("/") for r in RIM)))
            assert inward, f"{room} is in the core and may not know the rim: {name}"
            if package == "participants" and top == "exchange":
                assert name in LOBBY, f"{room}: participants know only {', '.join(sorted(LOBBY))}, not {name}"
        elif top in HOMES:
            assert room in HOMES[top], f"{top} lives in {' and '.join(HOMES[top])}, not in {room}"
        if core:
            assert top not in NOT_IN_THE_CORE, f"{room} is in the core: {name} belongs in the rim"
            known = top in OURS or top in HOMES or top in sys.stdlib_module_names
            assert known, f"{room} is in the core and uses {name}, which has no home there"


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.relative_to(ROOT)))
def test_line_one_says_what_lives_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or text.startswith('"""'), f"{path} begins without saying what lives in it"

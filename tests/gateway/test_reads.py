"""To look is not to do: whatever is only asked leaves the exchange as it was, to the hash. Otherwise a venue that was
looked at would be another than the one that its journal leads to."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.auth import Role
from exchange.gateway.channels import PATTERNS
from exchange.gateway.dispatch import Gateway
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.local import LocalClient
from exchange.gateway.registry import REGISTRY, Method
from exchange.journal import state_hash
from scenarios.founding import found

OTHERS = ("public/auth", "private/logout", "simulation/register", "simulation/step")  # about connections
EVERY_PRODUCT = str(Path(__file__).with_name("every_product.toml"))
READS = [
    method
    for method in REGISTRY
    if not method.changes and method.name not in OTHERS and "unsubscribe" not in method.name
]


def channels(name: str) -> list[str]:
    """One of each kind, about an instrument or about all."""
    words = {
        "name": name, "interval": "100ms", "group": "none", "depth": "10", "kind": "any", "currency": "any",
        "resolution": "1", "index": "btc_rub", "subject": "clearing", "what": "changes",
    }  # fmt: skip
    found = []
    for pattern in PATTERNS:
        told = pattern.replace("\\", "")
        for word, value in words.items():
            begins = told.find(f"(?P<{word}>")
            if begins >= 0:
                told = told[:begins] + value + told[told.index(")", begins) + 1 :]
        found.append(told)
    return found


def asked(method: Method, name: str, gateway: Gateway) -> dict[str, Any]:
    pair = gateway.venue.books.pairs[name]
    values: dict[str, Any] = {
        "instrument_name": name, "currency": pair.quote, "index_name": "btc_rub", "kind": "any", "length": "8h",
        "start_timestamp": 0, "end_timestamp": 2**45, "resolution": "5", "amount": pair.contract,
        "price": pair.tick, "client_name": "a", "client_version": "1", "order_id": "RUBD-1", "ids": ["RUBD-1"],
        "participant_id": "somebody", "interval": 10, "channels": channels(name), "extended": True,
        "with_portfolio": True, "with_open_orders": True,
    }  # fmt: skip
    if method.name == "ringfence/resume":
        values["channels"] = dict.fromkeys(channels(name))
    return {key: value for key, value in values.items() if key in method.params.model_fields}


async def state_as_told(gateway: Gateway) -> dict[str, Any]:
    operator = LocalClient(gateway, next(key for key in gateway.ring if key.role is Role.OPERATOR))
    assert "state_hash" not in await operator.ask("admin/get_state")
    told: dict[str, Any] = await operator.ask("admin/get_state", with_state_hash=True)
    operator.close()
    return told


@pytest.mark.parametrize(
    ("scenario", "regime"),
    [
        ("market_day", "ru_open_counterfactual"),
        ("market_day", "ru_open_counterfactual+risk"),
        (EVERY_PRODUCT, "ru_open_counterfactual"),
    ],
)
def test_whoever_looks_changes_nothing(scenario: str, regime: str) -> None:
    gateway = found(scenario, regime, population=0).gateway
    exchange = gateway.venue.exchange
    answered: set[str] = set()
    followed: set[str] = set()

    async def look() -> None:
        for key in {
            key.role: key for key in gateway.ring if key.role in (Role.PARTICIPANT, Role.OPERATOR)
        }.values():
            client = LocalClient(gateway, key)
            for method in READS:
                for name in gateway.venue.books.pairs:
                    try:
                        await client.ask(method.name, **asked(method, name, gateway))
                    except Fault as refused:
                        assert refused.code != 11094, (method.name, refused)
                    else:
                        answered.add(method.name)
            followed.update(client.connection.channels)
            client.close()

    before = state_hash(exchange)
    told = asyncio.run(state_as_told(gateway))
    assert told["state_hash"] == before and told["sequence"] == exchange.sequence
    asyncio.run(look())
    assert state_hash(exchange) == before
    silent = {method.name for method in READS} - answered
    assert {"private/get_position", "access/may_i_trade", "public/get_order_book"} <= answered
    assert len(silent) < 12, f"these were only refused: {sorted(silent)}"
    assert len(followed) > 15 and any(name.startswith("user.changes") for name in followed)

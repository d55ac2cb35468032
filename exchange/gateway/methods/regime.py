"""The rules in force, as data."""

import json
from typing import Any

from exchange.gateway.dispatch import Call
from exchange.gateway.faults import UNAVAILABLE, fault
from exchange.gateway.registry import REGISTRY, Access, NoParams
from exchange.messages import encode


def _regime(call: Call) -> Any:
    if call.state.regime is None:
        raise fault(UNAVAILABLE, reason="no_regime_in_force")
    return call.state.regime


@REGISTRY.method("regime/get", Access.PUBLIC)
def get(call: Call, params: NoParams) -> dict[str, Any]:
    """The whole regime: classes, permissions, caps, rules of market, cash and clearing, sources and assumptions.
    Amounts are kopecks."""
    told: dict[str, Any] = json.loads(encode(_regime(call)))
    return told


@REGISTRY.method("regime/get_classes", Access.PUBLIC)
def get_classes(call: Call, params: NoParams) -> list[dict[str, Any]]:
    """The classes, in the order in which they are looked at, with what each may do."""
    return [
        {
            "class": one.class_id,
            "title": one.title,
            "permissions": {product.value: word.value for product, word in one.permissions.items()},
            "capital_at_risk": one.caps.capital_at_risk and one.caps.capital_at_risk / 100,
            "share_of_assets_bp": one.caps.share_of_assets_bp,
        }
        for one in _regime(call).classes
    ]


@REGISTRY.method("regime/get_market_rules", Access.PUBLIC)
def get_market_rules(call: Call, params: NoParams) -> dict[str, Any]:
    """Self-trades, requests a second, what is settled in, and how positions are covered."""
    regime = _regime(call)
    return {
        "regime": regime.regime_id,
        "title": regime.title,
        "status": regime.status.value,
        "test_environment": regime.test_environment,
        "self_trade_prevention": regime.market.self_trade_prevention.value,
        "max_requests_per_second": regime.market.max_requests_per_second,
        "settlement_asset": regime.cash.settlement_asset,
        "clearing": regime.clearing.mode.value,
    }

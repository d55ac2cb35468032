"""Schemathesis against the running venue: whatever it makes of our OpenAPI document, the answers are as that says.

A few cases of each operation, the same every time; `-m nightly` has a hundred of each. Its negative cases are not held
against us, since texts that become numbers and an empty text that is nothing are part of the dialect. Whoever else is
there has the order and the money that he had, and the log tells of no failure.
"""

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.gateway.loopback import PERPETUAL, Venue

ALWAYS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance]
PAIRS = "public/get_historical_volatility"  # schemathesis 4.32 reads the `prefixItems` of a pair as an older draft's


@pytest.mark.parametrize("name", ["everyone-1", None])
@pytest.mark.parametrize("examples", [2, pytest.param(100, marks=pytest.mark.nightly)])
@pytest.mark.filterwarnings("ignore")
def test_no_answer_is_other_than_the_document_says(
    open_venue: Venue, examples: int, name: str | None, server_log: list[logging.LogRecord]
) -> None:
    order_id = bystander(open_venue, "buy", instrument_name=PERPETUAL, amount=0.01, price=7_000_000)["order"][
        "order_id"
    ]
    had = belongings(open_venue, order_id)
    key = open_venue.keys[name] if name else None
    auth = (key.client_id, key.secret) if key else None
    schema = schemathesis.openapi.from_url(f"{open_venue.http}/openapi.json")
    asked = 0

    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        checks: list[Any] = list(ALWAYS)
        if PAIRS not in case.operation.path:
            checks.append(response_schema_conformance)
        case.call_and_validate(auth=auth, checks=checks)

    bounded: Callable[[Any], Any] = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        bounded(given(operation.as_strategy())(ask))()
    assert asked >= len(operations) > 90
    assert belongings(open_venue, order_id) == had
    assert [record.getMessage() for record in server_log if record.levelno >= logging.ERROR] == []


def bystander(opened: Venue, method: str, **params: Any) -> Any:
    key = opened.keys["everyone-2"]
    url = f"{opened.http}/api/v2/private/{method}"
    return httpx.get(url, params=params, auth=(key.client_id, key.secret)).json()["result"]


def belongings(opened: Venue, order_id: str) -> tuple[Any, ...]:
    return (
        bystander(opened, "get_order_state", order_id=order_id),
        bystander(opened, "get_account_summary", currency="RUBD"),
    )

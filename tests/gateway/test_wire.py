"""Between whole numbers and the wire nothing is lost: what goes out comes back the same, and nothing is rounded in."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.events import CancelCause, SeriesState
from exchange.gateway.faults import REJECTIONS
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.render import CANCEL_REASONS, STATES, TIMES_IN_FORCE, TRIGGERS
from exchange.gateway.wire import KINDS, Pair, whole_money
from exchange.instruments import Product
from exchange.reasons import RejectReason
from matching.terms import TimeInForce
from matching.triggers import PriceSource
from scenarios.config.scenario_file import load_world

WORLD = load_world("scenarios/venues/market_day.toml")
PAIRS = [Pair(one, number, {"BTC": 8}) for number, one in enumerate(WORLD.instruments, 1)]


@given(st.sampled_from(PAIRS), st.integers(0, 10**9))
def test_a_price_comes_back_as_the_ticks_that_it_was(pair: Pair, ticks: int) -> None:
    assert pair.ticks(Decimal(repr(pair.price(ticks)))) == ticks


@given(st.sampled_from(PAIRS), st.integers(1, 10**9))
def test_an_amount_comes_back_as_the_lots_that_it_was(pair: Pair, lots: int) -> None:
    assert pair.lots(Decimal(repr(pair.amount(lots)))) == lots


@given(st.sampled_from(PAIRS), st.decimals(allow_nan=True, allow_infinity=True))
def test_an_amount_is_taken_exactly_or_refused(pair: Pair, amount: Decimal) -> None:
    try:
        lots = pair.lots(amount)
    except Fault as refused:
        assert refused.code in (-32602, 10002)
    else:
        assert Decimal(lots) * Decimal(str(pair.contract)) == amount and 0 < lots < 2**63


@given(st.sampled_from(PAIRS), st.decimals(allow_nan=True, allow_infinity=True))
def test_a_price_is_taken_exactly_or_refused(pair: Pair, price: Decimal) -> None:
    try:
        ticks = pair.ticks(price)
    except Fault as refused:
        assert refused.code in (-32602, 10043)
    else:
        assert Decimal(ticks) * Decimal(str(pair.tick)) == price


@given(st.integers(-(2**62), 2**62))
def test_money_is_whole_kopecks(kopecks: int) -> None:
    assert whole_money(Decimal(kopecks) / 100) == kopecks
    with pytest.raises(Fault):
        whole_money(Decimal(kopecks) / 100 + Decimal("0.001"))


def test_names_currencies_and_sizes_of_the_live_scenario() -> None:
    told = {pair.name: (pair.kind, pair.base, pair.quote, pair.tick, pair.contract) for pair in PAIRS}
    assert told["BTC_RUBD-PERPETUAL"] == ("future", "BTC", "RUBD", 100.0, 0.001)
    assert told["BTC_RUBD"] == ("spot", "BTC", "RUBD", 100.0, 0.001)
    assert told["BTC_RUBD-18DEC26-8000000-C"][0] == "option"
    assert PAIRS[0].is_perpetual and PAIRS[0].expires_ms == 32_503_708_800_000
    assert PAIRS[4].settlement_currency is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (CancelCause, CANCEL_REASONS),
        (SeriesState, STATES),
        (TimeInForce, TIMES_IN_FORCE),
        (RejectReason, REJECTIONS),
        (Product, KINDS),
        ([source.value for source in PriceSource], TRIGGERS),
    ],
)
def test_whatever_the_core_may_say_has_a_word_on_the_wire(
    words: Iterable[Any], told: Mapping[Any, Any]
) -> None:
    """A word without one would end the feed that is to tell it, and the venue with it."""
    assert [word for word in words if word not in told] == []

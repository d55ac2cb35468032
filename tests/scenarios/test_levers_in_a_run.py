"""Each lever of a regime that is no gate, pulled alone: the same short day, the same dice, and what it changed."""

from collections import Counter
from pathlib import Path

from exchange.events import OrderRejected, TradeReported
from exchange.reasons import RejectReason
from scenarios.config.regime_file import regime_path
from tests.scenarios.small_worlds import Kept, a_world, live
from tests.scenarios.test_perpetual_world import ROLLS

OPEN = regime_path("ru_open_counterfactual").read_text(encoding="utf-8")


def open_but(folder: Path, *changes: tuple[str, str], assumed: tuple[str, ...] = ()) -> str:
    """The open regime with each first occurrence of an old text replaced, and what is assumed for it."""
    text = OPEN
    for old, new in changes:
        assert old in text, f"the open regime does not say {old}"
        text = text.replace(old, new, 1)
    for key in assumed:
        text += f'\n[[assumptions]]\nkey = "{key}"\nreason = "A test."\n'
    path = folder / "open_but.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusals(kept: Kept) -> Counter[RejectReason]:
    return Counter(event.reason for event in kept.events(OrderRejected))


def test_a_class_may_trade_futures_and_no_perpetuals(tmp_path: Path) -> None:
    regime = open_but(tmp_path, ('rolling_perpetual = "allowed"', 'rolling_perpetual = "denied"'))
    perpetual = live(a_world(tmp_path, *ROLLS), regime)
    assert perpetual.events(TradeReported) == []
    assert set(refusals(perpetual)) == {RejectReason.PRODUCT_NOT_PERMITTED}
    future = live(a_world(tmp_path), regime)
    assert future.events(TradeReported) and RejectReason.PRODUCT_NOT_PERMITTED not in refusals(future)

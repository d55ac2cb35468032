"""The participant of docs/participants.md does what the page says of it."""

import re
from pathlib import Path
from typing import Any

import pytest

from exchange.commands import CancelAll, PlaceOrder
from exchange.events import CustodyGated
from exchange.units import MINUTE
from matching.terms import Side
from tests.participants.builders import ME, OPENS, RUBD, Market, accepted, an_instrument, filled

PAGE = Path(__file__).parents[2] / "docs" / "participants.md"


@pytest.fixture
def buyer() -> Any:
    block = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert len(block.splitlines()) <= 60
    names: dict[str, Any] = {}
    exec(block, names)
    return names["DipBuyer"](ME, an_instrument(), OPENS)


def test_it_bids_one_percent_below_the_index(buyer: Any) -> None:
    (cancel, bid), wake_at = buyer.decide(OPENS, (), Market().view)
    assert isinstance(cancel, CancelAll)
    assert isinstance(bid, PlaceOrder)
    assert (bid.side, bid.price, bid.quantity) == (Side.BUY, 79_200, 1)
    assert wake_at == OPENS + MINUTE


def test_it_stops_at_ten_lots(buyer: Any) -> None:
    assert buyer.decide(OPENS, [filled(1, Side.BUY, 79_200, 10)], Market().view).commands == ()


def test_it_leaves_when_the_coins_are_gated(buyer: Any) -> None:
    gate = CustodyGated(asset_id=RUBD, mobile=0, frozen=1)
    news = [accepted(1, Side.BUY, 79_200, 1), gate]
    (cancel,), wake_at = buyer.decide(OPENS, news, Market().view)
    assert isinstance(cancel, CancelAll)
    assert wake_at is None

"""The road of what cash trades at: take in a report, and see at once whose collateral it changes."""

from collections.abc import Iterator

from exchange import margining
from exchange.commands import ReportCashPrice
from exchange.events import CashPriced, DirectiveRefused, Event
from exchange.state import State


def report_cash_price(command: ReportCashPrice, state: State) -> Iterator[Event]:
    """The last report stands until the next one: silence moves nobody's requirement."""
    holding = state.holdings.get(command.asset_id)
    if holding is None or command.price_ppm < 1 or not command.source:
        explanation = (
            f"there is no cash asset {command.asset_id}"
            if holding is None
            else "it needs a price of a millionth of a rouble or more, and a source"
        )
        yield DirectiveRefused(directive=f"price of {command.asset_id}", explanation=explanation)
        return
    holding.price_ppm = command.price_ppm
    yield CashPriced(asset_id=command.asset_id, price_ppm=command.price_ppm, source=command.source)
    margining.value_if_repriced(command.asset_id, state)

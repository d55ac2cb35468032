"""What every road of the cash leg begins with: the cash asset that a command names, or a refusal."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from exchange.cash.bank import Bank
from exchange.cash.holding import Holding
from exchange.cash.issuer import Issuer
from exchange.cash.money import MoneyKeeper
from exchange.events import CoinRequestRefused, Event
from exchange.reasons import CashRefusal
from exchange.state import State
from exchange.units import AssetId


class OfCash(Protocol):
    """A command that names a cash asset."""

    @property
    def asset_id(self) -> AssetId: ...


C = TypeVar("C", bound=OfCash)


def on_cash(
    road: Callable[[C, Holding, State], Iterator[Event]],
) -> Callable[[C, State], Iterator[Event]]:
    """Hand the road the cash asset that the command names, or refuse the command."""

    def walk(command: C, state: State) -> Iterator[Event]:
        holding = state.holdings.get(command.asset_id)
        if holding is None:
            yield refused(command, CashRefusal.UNKNOWN_ASSET)
        else:
            yield from road(command, holding, state)

    return walk


def on_coin(
    road: Callable[[C, Holding, Issuer, State], Iterator[Event]],
) -> Callable[[C, State], Iterator[Event]]:
    """The same for what only the issuer of a coin can do."""

    def walk(command: C, holding: Holding, state: State) -> Iterator[Event]:
        if holding.issuer is None:
            yield refused(command, CashRefusal.NOT_A_COIN)
        else:
            yield from road(command, holding, holding.issuer, state)

    return on_cash(walk)


def on_money(
    road: Callable[[C, Holding, MoneyKeeper, State], Iterator[Event]],
) -> Callable[[C, State], Iterator[Event]]:
    """The same for what only a bank or the central bank can do."""

    def walk(command: C, holding: Holding, state: State) -> Iterator[Event]:
        if holding.money is None:
            yield refused(command, CashRefusal.NOT_MONEY)
        else:
            yield from road(command, holding, holding.money, state)

    return on_cash(walk)


def on_bank(
    road: Callable[[C, Holding, Bank, State], Iterator[Event]],
) -> Callable[[C, State], Iterator[Event]]:
    """The same for what only a bank can do."""

    def walk(command: C, holding: Holding, state: State) -> Iterator[Event]:
        if holding.bank is None:
            yield refused(command, CashRefusal.NOT_A_BANK)
        else:
            yield from road(command, holding, holding.bank, state)

    return on_cash(walk)


def refused(command: OfCash, reason: CashRefusal) -> CoinRequestRefused:
    return CoinRequestRefused(asset_id=command.asset_id, request=type(command).__name__, reason=reason)

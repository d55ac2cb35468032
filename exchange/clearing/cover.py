"""What every way of covering a position has in common: who holds it, on which orders, and what an account answers.

A derivative is covered in full (`full`) or by margin (`margin`); an account of either counts its live orders in
rows, so that one order touches one row, and knows the exact worst case over every set of fills.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from exchange.clearing.ledger import Move
from exchange.instruments import Instrument
from exchange.reasons import RejectReason
from exchange.units import BasisPoints, InstrumentId, Money
from matching.terms import ParticipantId, Price, Quantity, Side


class Holder(Protocol):
    """What clearing needs to know of a participant's seat."""

    @property
    def participant_id(self) -> ParticipantId: ...
    @property
    def cash_account(self) -> str: ...
    @property
    def hold_account(self) -> str: ...
    @property
    def frozen(self) -> bool: ...
    @property
    def leverage_bp(self) -> BasisPoints | None:
        """The most notional that its margin may carry."""
        ...

    @property
    def closeout_bp(self) -> BasisPoints | None:
        """The part of initial margin below which its positions are closed; None: that of the clearing rules."""
        ...


class Order(Protocol):
    """What clearing needs to know of an order; `remaining` is what may still fill."""

    @property
    def instrument(self) -> Instrument: ...
    @property
    def account(self) -> "Account": ...
    @property
    def owner(self) -> ParticipantId: ...
    @property
    def side(self) -> Side: ...
    @property
    def price(self) -> Price: ...
    @property
    def remaining(self) -> Quantity: ...
    @property
    def worst_fee(self) -> Money: ...  # of one lot
    @property
    def need(self) -> "Requirement | None": ...
    @property
    def released(self) -> Money: ...  # hold that its acceptance sets free: that of the order it replaces

    lot_losses: list[Money]  # of one lot at each node or cell; clearing fills it in


# What an account needs once an order is among the live ones: its rows with the order, the fees reserved for
# the orders, the worst case of positions and orders, and what is held for the orders, fees included.
Requirement: TypeAlias = tuple[Any, Money, Money, Money]
TradeSide: TypeAlias = tuple[Order, Money]  # on which order, and the fee it pays


class CapitalAtRisk:
    """Of one participant, at cost: the worst case of every account, none below zero."""

    __slots__ = ("amount", "behind")

    def __init__(self) -> None:
        self.amount: Money = 0
        self.behind: CapitalAtRisk | None = None  # of the member that stands in, over all of its clients

    def note(self, before: Money, after: Money) -> None:
        """The worst case of one account has changed; below zero nothing is at risk."""
        change = (after if after > 0 else 0) - (before if before > 0 else 0)
        self.amount += change
        if self.behind is not None:
            self.behind.amount += change


class Purchases:
    """Of one participant: what it has paid for units of spot and of notes, and would pay for those it has ordered."""

    __slots__ = ("bought", "kept", "ordered")

    def __init__(self) -> None:
        self.bought: Money = 0  # since the calendar year began
        self.kept: Money = 0  # the cost of what it still owns, whenever that was bought
        self.ordered: Money = 0  # by live orders, if they fill whole at their prices


class Account(Protocol):
    """One participant's positions and live orders in series that are covered together."""

    source: str  # the ledger account from which holds are taken
    hold_account: str  # and where they stay
    worst: Money
    hold: Money
    at_risk: CapitalAtRisk

    def requirement_with(self, order: Order) -> Requirement:
        """What the account would need with `order` beside all that it has."""
        ...

    def lack(self, order: Order, spendable: Money) -> RejectReason | None:
        """Why what `requirement_with` reckoned cannot be paid for out of `spendable`, or None."""
        ...

    def open_order(self, need: Requirement) -> Money:
        """Count an order among the live ones, as it was reckoned; the change of the hold."""
        ...

    def close_order(self, order: Order, quantity: Quantity) -> Money:
        """Take `quantity` of a live order out again, unfilled; the change of the hold, never positive."""
        ...

    def reopen_order(self, order: Order) -> None:
        """Count an order again that was closed a moment ago."""
        ...


class Cover(Protocol):
    """All series that are covered in one way."""

    def list_series(self, instrument: Instrument, live: Iterable[Order]) -> str | None:
        """Take the series in, or say why it cannot be. `live` are orders in series that it is covered with."""
        ...

    def account(self, holder: Holder, instrument_id: InstrumentId, side: Side) -> Account:
        """The account in which the holder's orders of that side count, opened if there is none."""
        ...

    def known_account(
        self, participant_id: ParticipantId, instrument_id: InstrumentId, side: Side
    ) -> Account | None:
        """That account, if there is one: to look is not to open."""
        ...

    def position(self, participant_id: ParticipantId, instrument_id: InstrumentId) -> int:
        """Lots held: positive if long."""
        ...

    def positions(self, instrument_id: InstrumentId) -> Mapping[ParticipantId, int]:
        """Lots of everybody who has ever traded the series, signed."""
        ...

    def locked(self, participant_id: ParticipantId) -> Money:
        """What the house keeps for the participant's positions, in minor units of cash."""
        ...

    def clear(self, buyer: TradeSide, seller: TradeSide, quantity: Quantity, price: Price) -> list[Move]:
        """Book a trade on both sides at once, in one chain. An order that was accepted can be cleared."""
        ...

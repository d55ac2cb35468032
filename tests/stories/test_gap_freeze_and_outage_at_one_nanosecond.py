"""A gap, a freeze and an outage of half the venues at one nanosecond, at which accounts are cleared as well."""

from collections.abc import Iterable
from itertools import permutations

import pytest

from exchange.access.regime import Regime
from exchange.audit import audit
from exchange.clearing.scenario_margin import ScenarioTerms
from exchange.commands import (
    CancelOrder,
    Command,
    FreezeParticipant,
    PlaceOrder,
    ReportQuotes,
    VenueQuote,
    WithdrawCash,
)
from exchange.core import Exchange
from exchange.events import (
    CashRequestRejected,
    DefaultDeclared,
    Entry,
    Event,
    IndexPublished,
    IndexStatus,
    MarginStateChanged,
    OrderCanceled,
    OrderRejected,
    ParticipantStateChanged,
    VariationCleared,
    WithdrawalRequested,
)
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import HOUR, MINUTE, SECOND, Time
from matching.terms import OrderId
from scenarios.simulation import Simulation
from tests.builders import (
    ANN,
    BOB,
    BTC_RUB,
    BTCF,
    BUY,
    OPENS,
    ROUBLE,
    RUBD,
    SELL,
    VENUES,
    Venue,
    a_patient_index,
    a_regime,
    a_risk_regime,
    cleared_at,
    of_kind,
)

NOW: Time = OPENS + HOUR  # the index is published, accounts are valued and cleared
GAP = 600_000_000  # a quarter below 8.0m


def shown(venues: Iterable[str], bid: int, ask: int) -> ReportQuotes:
    quotes = tuple(VenueQuote(venue=venue, bid=bid, ask=ask, at=NOW) for venue in venues)
    return ReportQuotes(index_id=BTC_RUB, quotes=quotes)


FREEZE = FreezeParticipant(participant_id=ANN, order_ref="court 17")
PRICES_GAP = shown(VENUES[:2], GAP - 1, GAP + 1)
VENUES_OUT = shown(VENUES[2:], 0, 0)
CANCEL = CancelOrder(participant_id=BOB, order_id=OrderId(3))
ORDER = PlaceOrder(
    participant_id=ANN, client_order_id=9, instrument_id=BTCF, side=BUY, quantity=1, price=80_000
)
WITHDRAWAL = WithdrawCash(participant_id=BOB, asset_id=RUBD, amount=1)
COMMANDS: tuple[Command, ...] = (FREEZE, PRICES_GAP, VENUES_OUT, CANCEL, ORDER, WITHDRAWAL)


def under_margin() -> Regime:
    return a_risk_regime(variation=cleared_at(HOUR), scenarios=ScenarioTerms(extreme_moves_bp=()))


def a_venue(regime: Regime) -> Venue:
    """Ann is long 100 lots from 8.0m of Bob's, who offers another one."""
    venue = Venue(regime=regime, index=a_patient_index())
    for name in (ANN, BOB):
        venue.admit(name, 10_000_000 * ROUBLE)
    venue.quote(800_000_000)
    venue.wait_until(OPENS + MINUTE)
    venue.trade(ANN, BOB, 100, 80_000)
    venue.rest(BOB, SELL, 1, 80_000)
    venue.wait_until(NOW - SECOND)
    return venue


class Kept:
    """A keeper that remembers the events of the instant, and audits the books after each command."""

    def __init__(self, exchange: Exchange) -> None:
        self.events: list[Event] = []
        self._exchange = exchange

    def command(self, time: Time, command: Command) -> None:
        assert audit(self._exchange.state) == []

    def entries(self, entries: list[Entry]) -> None:
        self.events += [entry.event for entry in entries if entry.time == NOW]


def what_happens(arriving: Iterable[Command], regime: Regime) -> list[Event]:
    exchange = a_venue(regime).exchange
    kept = Kept(exchange)
    simulation = Simulation(exchange, kept, NOW - SECOND)
    for command in arriving:
        simulation.play([(NOW, command)])
    simulation.run(NOW)
    assert audit(exchange.state) == []
    return kept.events


def places(events: list[Event], *kinds: type[Event]) -> list[int]:
    told = [type(event) for event in events]
    return [told.index(kind) for kind in kinds]


def test_under_margin_freeze_price_cancel_order_clearing_default_withdrawal() -> None:
    """F30: Ann owes 200,000.00 at the gap and her cash is frozen, so her margin of 128,000.00 pays what it may. Bob's
    withdrawal comes after all that, and finds the brake pulled."""
    events = what_happens(COMMANDS, under_margin())
    order = places(
        events, ParticipantStateChanged, IndexPublished, MarginStateChanged, OrderCanceled, OrderRejected,
        VariationCleared, DefaultDeclared, CashRequestRejected,
    )  # fmt: skip
    assert order == sorted(order)
    (index,) = of_kind(events, IndexPublished)
    assert (index.value, index.status) == (GAP, IndexStatus.DEGRADED)
    assert of_kind(events, OrderRejected)[0].reason is RejectReason.REDUCE_ONLY
    cleared = of_kind(events, VariationCleared)[0]
    assert (cleared.collected // ROUBLE, cleared.late // ROUBLE) == (56_000, 144_000)
    assert of_kind(events, CashRequestRejected)[0].reason is CashRefusal.BRAKED


def test_fully_covered_the_same_instant_takes_nothing_from_anybody() -> None:
    events = what_happens(COMMANDS, a_regime())
    order = places(
        events, ParticipantStateChanged, IndexPublished, OrderCanceled, OrderRejected, WithdrawalRequested
    )
    assert order == sorted(order)
    assert not of_kind(events, DefaultDeclared)


@pytest.mark.parametrize("regime", [a_regime(), under_margin()], ids=["full", "risk"])
def test_whatever_the_order_of_arrival_it_is_the_same_story(regime: Regime) -> None:
    """F30: all orders in which the six may come in, every seventh of 720; no invariant is broken on the way."""
    told = what_happens(COMMANDS, regime)
    for arriving in list(permutations(COMMANDS))[::7]:
        assert what_happens(arriving, regime) == told

"""A freeze, a gap, a cancel, an order and a withdrawal at one nanosecond: their kind decides, not who came first."""

from collections.abc import Iterable
from itertools import permutations

from exchange.audit import audit
from exchange.commands import (
    CancelOrder,
    Command,
    FreezeWallet,
    PlaceOrder,
    ReportQuotes,
    VenueQuote,
    WithdrawCash,
)
from exchange.core import Exchange
from exchange.events import (
    CashRequestRejected,
    CustodyGated,
    DepthReported,
    Entry,
    Event,
    IndexPublished,
    OrderCanceled,
    OrderRejected,
    WalletFrozen,
)
from exchange.reasons import CashRefusal, RejectReason
from exchange.units import SECOND, Time, WalletId
from matching.terms import OrderId
from scenarios.simulation import Simulation
from tests.builders import ANN, BOB, BTC_RUB, BTCF, BUY, OPENS, RUBD, SELL, VENUES, Venue, future, of_kind

NOW: Time = OPENS + 10 * SECOND  # a second at which the index is published and the depth is reported
GAP = 680_000_000  # 15% below the reference

FREEZE = FreezeWallet(
    asset_id=RUBD, wallet_id=WalletId("venue-1"), order_ref="1", signatures=("issuer", "central_bank")
)
QUOTES = ReportQuotes(
    index_id=BTC_RUB,
    quotes=tuple(VenueQuote(venue=venue, bid=GAP - 1, ask=GAP + 1, at=NOW) for venue in VENUES),
)
CANCEL = CancelOrder(participant_id=BOB, order_id=OrderId(1))
ORDER = PlaceOrder(
    participant_id=ANN, client_order_id=9, instrument_id=BTCF, side=BUY, quantity=1, price=80_000
)
WITHDRAWAL = WithdrawCash(participant_id=ANN, asset_id=RUBD, amount=1)
COMMANDS: tuple[Command, ...] = (FREEZE, QUOTES, CANCEL, ORDER, WITHDRAWAL)


def a_venue() -> Venue:
    """Bob asks 80,000 for a lot, which Ann's order of the instant would take, and 82,000 for another."""
    venue = Venue(future(price_band_bp=1_000))
    for name in (ANN, BOB):
        venue.admit(name, 10_000_000)
    assert venue.rest(BOB, SELL, 1, 80_000) == CANCEL.order_id
    venue.rest(BOB, SELL, 1, 82_000)
    venue.rest(ANN, BUY, 1, 79_000)
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


def what_happens(arriving: Iterable[Command]) -> list[Event]:
    """Let the commands come in, in that order, all at the same nanosecond."""
    exchange = a_venue().exchange
    kept = Kept(exchange)
    simulation = Simulation(exchange, kept, OPENS)
    for command in arriving:
        simulation.play([(NOW, command)])
    simulation.run(NOW)
    return kept.events


def test_the_freeze_then_the_price_then_the_cancel_then_the_order_then_the_withdrawal() -> None:
    """F30: the order is held against the new price, the withdrawal against the gate, and the report comes last."""
    events = what_happens(COMMANDS)
    kinds = [type(e) for e in events]
    assert [kinds.index(kind) for kind in (WalletFrozen, CustodyGated, IndexPublished)] == [0, 1, 2]
    assert kinds.index(IndexPublished) < kinds.index(OrderCanceled) < kinds.index(OrderRejected)
    assert kinds[-2:] == [CashRequestRejected, DepthReported]
    assert of_kind(events, IndexPublished)[0].value == GAP
    assert of_kind(events, OrderRejected)[0].reason is RejectReason.PRICE_OUTSIDE_BAND
    assert of_kind(events, CashRequestRejected)[0].reason is CashRefusal.GATED


def test_whatever_the_order_of_arrival_it_is_the_same_story() -> None:
    """F30: all 120 orders in which the five may come in."""
    told = what_happens(COMMANDS)
    for arriving in permutations(COMMANDS):
        assert what_happens(arriving) == told


def test_a_duty_waits_for_the_commands_of_its_instant_that_come_before_it_in_kind() -> None:
    """The index is published before the cancel is done; the depth only when nothing else is left to do."""
    venue = a_venue()
    venue.now = NOW
    assert of_kind(venue.tell(QUOTES), IndexPublished) == []
    assert [type(e) for e in venue.tell(CANCEL)][:2] == [IndexPublished, OrderCanceled]
    assert of_kind(venue.tell(ORDER) + venue.tell(WITHDRAWAL), DepthReported) == []
    assert len(of_kind(venue.wait_until(NOW), DepthReported)) == 1


def test_a_nanosecond_earlier_each_of_them_would_have_passed() -> None:
    venue = a_venue()
    venue.now = NOW - 1
    assert of_kind(venue.tell(ORDER), OrderRejected) == []
    assert of_kind(venue.tell(WITHDRAWAL), CashRequestRejected) == []

"""Simulated time: lines on which nothing overtakes, news that waits or wakes, and an exchange woken at its hours."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from exchange.commands import (
    CancelAll,
    Command,
    HaltInstrument,
    PlaceOrder,
    ReportQuotes,
    ResumeInstrument,
    SetLimit,
    VenueQuote,
)
from exchange.events import (
    BestPricesChanged,
    BucketSettled,
    CashRequestRejected,
    CustodyGated,
    CustodyReopened,
    DepthReported,
    Event,
    IndexPublished,
    LimitChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    PublicEvent,
    SeriesStateChanged,
    SessionClosed,
    TradeReported,
    WithdrawalCompleted,
)
from exchange.units import MINUTE, SECOND, Time
from exchange.views import MarketView
from matching.terms import ParticipantId, Side
from participants.chance import Dice, generator
from participants.participant import WAIT, Decision
from scenarios.assembly import assemble
from scenarios.config.regime_file import load_regime
from scenarios.simulation import Link, Simulation
from scenarios.world import Disconnection, LinkTerms
from tests.builders import ANN, BOB, BTC_RUB, BTCF, BUY, CLOSES, CYD, OPENS, SELL, VENUES, Venue
from tests.scenarios.small_worlds import Kept, a_world, live

MS = SECOND // 1_000
PROMPT = LinkTerms(0, 0)
Step = tuple[Time, Sequence[Command]]


class Scripted:
    """Sends what its script says when it says so, and writes down what it is told and sees each time it looks up."""

    def __init__(
        self,
        participant_id: ParticipantId,
        *script: Step,
        wakes_for: Collection[type[Event]] = (),
        follows: Collection[type[PublicEvent]] = (),
    ) -> None:
        self.participant_id = participant_id
        self.wakes_for = wakes_for
        self.follows = follows
        self.looks: list[tuple[Time, list[str]]] = []
        self.seen: list[tuple[Time, int | None]] = []  # the best bid
        self.index: list[tuple[Time, int | None]] = []
        self._script = list(script)

    def first_wake(self) -> Time:
        return self._script[0][0]

    def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
        self.looks.append((now, [type(event).__name__ for event in news]))
        best, index = market.best_prices(BTCF), market.index(BTC_RUB)
        self.seen.append((now, best.bid if best else None))
        self.index.append((now, index.value if index else None))
        commands: Sequence[Command] = ()
        if self._script and self._script[0][0] <= now:
            commands = self._script.pop(0)[1]
        return Decision(commands, self._script[0][0] if self._script else None)


class World:
    """The venue of the builders under simulated time, with Ann, Bob and Cyd inside."""

    def __init__(self) -> None:
        venue = Venue()
        for name in (ANN, BOB, CYD):
            venue.admit(name)
        self.exchange = venue.exchange
        self.kept = Kept()
        self.simulation = Simulation(self.exchange, self.kept, OPENS)

    def join(self, participant: Scripted, terms: LinkTerms = PROMPT) -> Scripted:
        dice = Dice(generator(1, f"link {participant.participant_id}"))
        self.simulation.join(participant, Link(terms, dice))
        return participant

    def run(self, until: Time) -> None:
        self.simulation.run(until)


def order(
    name: ParticipantId, side: Side, price: int | None, quantity: int = 1, client_order_id: int = 0
) -> PlaceOrder:
    return PlaceOrder(
        participant_id=name,
        client_order_id=client_order_id,
        instrument_id=BTCF,
        side=side,
        quantity=quantity,
        price=price,
    )


# --- lines ----------------------------------------------------------------------------------------------


def test_messages_on_a_line_never_overtake_each_other() -> None:
    """The jitter is a hundred times as long as the pause between two messages."""
    link = Link(LinkTerms(5 * MS, 100 * MS), Dice(generator(3, "line")))
    sent = [OPENS + n * MS for n in range(2_000)]
    for arrive in (link.arrival_at_venue, link.arrival_at_reader):
        arrivals = [arrive(at) for at in sent]
        assert arrivals == sorted(arrivals)
        assert min(a - s for a, s in zip(arrivals, sent, strict=True)) >= 5 * MS
        assert len(frozenset(arrivals)) > 20


def test_the_two_ways_of_a_line_do_not_wait_for_each_other() -> None:
    link = Link(LinkTerms(5 * MS, 0), Dice(generator(3, "line")))
    assert link.arrival_at_venue(OPENS + SECOND) == OPENS + SECOND + 5 * MS
    assert link.arrival_at_reader(OPENS) == OPENS + 5 * MS


def test_orders_come_in_as_they_were_sent_and_their_news_goes_out_so() -> None:
    world = World()
    script = [(OPENS + n * MS, [order(ANN, BUY, 79_000 + n, client_order_id=n)]) for n in range(1, 60)]
    ann = world.join(Scripted(ANN, *script, (OPENS + MINUTE, ())), LinkTerms(20 * MS, 200 * MS))
    world.run(OPENS + MINUTE)
    accepted = world.kept.events(OrderAccepted)
    assert [event.client_order_id for event in accepted] == list(range(1, 60))
    times = [time for time, command in world.kept.commands if isinstance(command, PlaceOrder)]
    assert times == sorted(times) and times[0] >= OPENS + 21 * MS
    assert sum(len(news) for _, news in ann.looks) == 59


# --- news -----------------------------------------------------------------------------------------------


def test_news_that_can_wait_lies_in_the_inbox_until_its_reader_looks_up() -> None:
    """Ann asks to be woken for fills; that her order was accepted she learns only then."""
    world = World()
    ann = world.join(
        Scripted(ANN, (OPENS + SECOND, [order(ANN, BUY, 80_000)]), wakes_for={OrderFilled}),
        LinkTerms(10 * MS, 0),
    )
    world.join(Scripted(BOB, (OPENS + 5 * SECOND, [order(BOB, SELL, 80_000)])))
    world.run(OPENS + MINUTE)
    assert ann.looks == [
        (OPENS + SECOND, []),
        (OPENS + 5 * SECOND + 10 * MS, ["OrderAccepted", "OrderFilled"]),
    ]


def test_news_that_wakes_does_not_cancel_the_appointment_that_comes_sooner() -> None:
    world = World()
    ann = world.join(
        Scripted(ANN, (OPENS + SECOND, [order(ANN, BUY, 80_000)]), (OPENS + 2 * SECOND, ()), wakes_for={OrderAccepted}),
        LinkTerms(600 * MS, 0),
    )  # fmt: skip
    world.run(OPENS + MINUTE)
    assert [at - OPENS for at, _ in ann.looks] == [SECOND, 2 * SECOND, 2 * SECOND + 200 * MS]
    assert [news for _, news in ann.looks] == [[], [], ["OrderAccepted"]]


def test_followers_of_a_public_event_are_woken_by_it_and_others_are_not() -> None:
    world = World()
    watching = world.join(
        Scripted(CYD, (OPENS + SECOND, ()), follows={SeriesStateChanged}), LinkTerms(7 * MS, 0)
    )
    other = world.join(Scripted(BOB, (OPENS + SECOND, ())), LinkTerms(7 * MS, 0))
    world.simulation.play(
        [
            (OPENS + 3 * SECOND, HaltInstrument(instrument_id=BTCF)),
            (OPENS + 4 * SECOND, ResumeInstrument(instrument_id=BTCF)),
        ]
    )
    world.run(OPENS + MINUTE)
    assert [(at - OPENS, news) for at, news in watching.looks[1:]] == [
        (3 * SECOND + 7 * MS, ["SeriesStateChanged"]),
        (4 * SECOND + 7 * MS, ["SeriesStateChanged"]),
    ]
    assert len(other.looks) == 1


def test_news_of_one_instant_is_handed_over_together() -> None:
    """Two sellers at the same nanosecond: Ann looks up once."""
    world = World()
    ann = world.join(Scripted(ANN, (OPENS + SECOND, [order(ANN, BUY, 80_000, 2)]), wakes_for={OrderFilled}))
    for name in (BOB, CYD):
        world.join(Scripted(name, (OPENS + 2 * SECOND, [order(name, SELL, 80_000)])))
    world.run(OPENS + MINUTE)
    assert ann.looks[1:] == [(OPENS + 2 * SECOND, ["OrderAccepted", "OrderFilled", "OrderFilled"])]


@pytest.mark.parametrize(("after_ms", "bid"), [(29, None), (30, 79_000), (31, 79_000)])
def test_the_public_tape_is_as_late_as_the_line(after_ms: int, bid: int | None) -> None:
    """A line of 20 ms and 10 ms of jitter on average shows what was public thirty milliseconds ago."""
    world = World()
    at = OPENS + 10 * SECOND
    world.join(Scripted(ANN, (at, [order(ANN, BUY, 79_000)])))
    bob = world.join(Scripted(BOB, (at + after_ms * MS, ())), LinkTerms(20 * MS, 10 * MS))
    world.run(OPENS + MINUTE)
    assert bob.seen == [(at + after_ms * MS, bid)]


def test_whoever_looks_up_at_an_hour_of_the_exchange_sees_what_was_done_then() -> None:
    """The index of a second is published before those who look up at that second do; without latency they see it."""
    world = World()
    at = OPENS + 10 * SECOND
    quotes = tuple(VenueQuote(venue=venue, bid=799, ask=801, at=at) for venue in VENUES)
    world.simulation.play([(at, ReportQuotes(index_id=BTC_RUB, quotes=quotes))])
    ann = world.join(Scripted(ANN, (at - 1, ()), (at, ())))
    world.run(OPENS + MINUTE)
    assert ann.index == [(at - 1, None), (at, 800)]


# --- commands -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "price"), [(1.5, 80_000), (float("nan"), 80_000), ("1", 80_000), (True, 80_000), (1, 8e4), (2**70, 1)]
)  # fmt: skip
def test_what_is_no_command_is_told_and_changes_nothing(quantity: object, price: object) -> None:
    world = World()
    bad = order(ANN, BUY, price, quantity)  # type: ignore[arg-type]
    world.join(Scripted(ANN, (OPENS + SECOND, [bad, order(ANN, BUY, 79_000)])))
    world.run(OPENS + SECOND)
    ((at, who, told),) = world.simulation.malformed
    assert (at, who) == (OPENS + SECOND, ANN)
    assert told.startswith("PlaceOrder.")
    assert [type(command) for _, command in world.kept.commands] == [PlaceOrder]  # the good one alone
    assert len(world.kept.events(OrderAccepted)) == 1 and not world.kept.events(OrderRejected)


def test_nobody_sends_in_another_name() -> None:
    world = World()
    world.join(Scripted(ANN, (OPENS + SECOND, [order(BOB, BUY, 79_000)])))
    world.run(OPENS + SECOND)
    ((_, who, told),) = world.simulation.malformed
    assert who == ANN and told == "PlaceOrder.participant_id must be the sender's own, not bob"
    assert not world.kept.commands


def test_scripts_that_meet_at_one_instant_are_played_in_order_of_precedence() -> None:
    """Within a script it is as written; between scripts a limit comes before a cancel, and that before an order."""
    world = World()
    at = OPENS + SECOND
    world.simulation.play([(at, order(ANN, BUY, 79_000, client_order_id=n)) for n in (1, 2)])
    world.simulation.play([(at, CancelAll(participant_id=ANN))])
    world.simulation.play([(at - 1, order(ANN, BUY, 78_000)), (at, SetLimit(participant_id=ANN, limit=0))])
    world.run(at)
    assert [type(e) for e in (entry.event for entry in world.kept.told if entry.time == at)
            if not isinstance(e, IndexPublished | DepthReported)] == [
        LimitChanged, OrderCanceled, BestPricesChanged, OrderRejected, OrderRejected,
    ]  # fmt: skip
    assert [e.client_order_id for e in world.kept.events(OrderRejected)] == [1, 2]


def test_at_the_end_of_the_session_the_clock_comes_before_an_order_that_arrives_then() -> None:
    world = World()
    world.simulation.play([(CLOSES, order(ANN, BUY, 79_000))])
    world.run(CLOSES)
    last = [entry.event for entry in world.kept.told if entry.time == CLOSES]
    assert any(isinstance(event, SessionClosed) for event in last)
    assert world.kept.events(OrderRejected) and not world.kept.events(OrderAccepted)


def test_nobody_may_mean_to_look_up_in_the_past() -> None:
    class Confused(Scripted):
        def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
            return Decision((), now)

    world = World()
    world.join(Confused(ANN, (OPENS + SECOND, ())))
    with pytest.raises(AssertionError, match="ann wants to look up in the past"):
        world.run(OPENS + MINUTE)


def test_who_waits_is_never_asked_again() -> None:
    class Idle(Scripted):
        def decide(self, now: Time, news: Sequence[Event], market: MarketView) -> Decision:
            super().decide(now, news, market)
            return WAIT

    world = World()
    idle = world.join(Idle(ANN, (OPENS + SECOND, ()), (OPENS + 2 * SECOND, ())))
    world.run(OPENS + MINUTE)
    assert len(idle.looks) == 1


# --- the whole ------------------------------------------------------------------------------------------


def test_time_in_pieces_is_the_same_time(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    whole, pieces = live(world), Kept()
    simulation = assemble(world, load_regime("ru_open_counterfactual"), 1, pieces).simulation
    for now in range(world.starts, world.ends, 7 * SECOND + 1):
        simulation.run(now)
    simulation.run(world.ends)
    assert pieces.commands == whole.commands
    assert pieces.told == whole.told


def test_a_world_trades_freezes_gates_and_settles(tmp_path: Path) -> None:
    """The short day is one in which all of this happens, so that the tests which run it mean something."""
    kept = live(a_world(tmp_path))
    assert len(kept.events(TradeReported)) > 10
    for kind in (CustodyGated, CustodyReopened, CashRequestRejected, WithdrawalCompleted, BucketSettled):
        assert kept.events(kind), kind


# --- connections ----------------------------------------------------------------------------------------


def test_whoever_is_lost_has_no_orders_says_nothing_and_hears_all_when_it_is_back() -> None:
    """Ann bids before, and would bid again while she is lost and after; Cyd trades for himself meanwhile."""
    world = World()
    bids = [(OPENS + n * SECOND, [order(ANN, BUY, 79_000, client_order_id=n)]) for n in (1, 3, 7)]
    ann = world.join(Scripted(ANN, *bids, (OPENS + MINUTE, ())), LinkTerms(10 * MS, 0))
    world.simulation.disconnect(Disconnection(ANN, OPENS + 2 * SECOND, OPENS + 5 * SECOND))
    world.run(OPENS + MINUTE)
    assert [event.client_order_id for event in world.kept.events(OrderAccepted)] == [1, 3, 7]
    (canceled,) = [entry for entry in world.kept.told if isinstance(entry.event, OrderCanceled)]
    assert canceled.time == OPENS + 2 * SECOND
    assert ann.looks[1] == (OPENS + 5 * SECOND, ["OrderAccepted", "OrderCanceled"])
    arrivals = [time for time, command in world.kept.commands if isinstance(command, PlaceOrder)]
    assert arrivals == [OPENS + n * SECOND + 10 * MS for n in (1, 5, 7)]


def test_what_was_under_way_when_the_line_broke_never_arrives() -> None:
    world = World()
    world.join(Scripted(ANN, (OPENS + SECOND, [order(ANN, BUY, 79_000)])), LinkTerms(10 * MS, 0))
    world.simulation.disconnect(Disconnection(ANN, OPENS + SECOND + 5 * MS, None))
    world.run(OPENS + MINUTE)
    assert [type(command) for _, command in world.kept.commands] == [CancelAll]
    assert not world.kept.events(OrderAccepted)


def test_one_who_has_not_joined_cannot_be_lost() -> None:
    world = World()
    world.simulation.disconnect(Disconnection(ANN, OPENS + SECOND, None))
    world.run(OPENS + MINUTE)
    assert not world.kept.commands

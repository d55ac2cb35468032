"""The order of things: nothing is handled before it is written, nothing is told before it is handled, and a write that
fails is told as what it is."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.clearing import chronicle
from exchange.clearing import ledger as ledger_room
from exchange.clearing.auditor import recompute_head
from exchange.commands import CancelAll, Command, HaltInstrument, PlaceOrder
from exchange.core import Exchange
from exchange.events import Entry
from exchange.gateway.books import News
from exchange.gateway.clock import WallClock
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.registry import Ask
from exchange.gateway.venue import Alone, Happened, Heard, LiveVenue, Source, Standing
from exchange.journal import JournalFull
from exchange.units import SECOND, InstrumentId, Time
from matching.terms import ParticipantId, Side
from scenarios.founding import found
from tests.builders import ANN, Venue, future
from tests.gateway.loopback import Refused, around, dial, limit, play, venue


class Written:
    """A journal in memory; it may be slow, and it may fail."""

    free_share: float | None = None

    def __init__(self) -> None:
        self.batches: list[list[tuple[Time, Command]]] = []
        self.last: list[tuple[Time, Command]] | None = None  # written into the room of the reserve
        self.fails = False
        self.full = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def append(self, batch: Sequence[tuple[Time, Command]]) -> None:
        self.may_go_on.wait(10)
        if self.fails:
            raise OSError(5, "Input/output error")
        if self.full:
            raise JournalFull("the disk is full")
        self.batches.append(list(batch))

    def farewell(self, batch: Sequence[tuple[Time, Command]]) -> None:
        self.last = list(batch)

    def close(self) -> None:
        pass


HALT = HaltInstrument(instrument_id=InstrumentId("NOPE"))


def request(name: str) -> CancelAll:
    """A command that is refused, and told so."""
    return CancelAll(participant_id=ParticipantId(name))


def asked(name: str, told: list[Any]) -> tuple[Ask[list[list[Entry]]], Any]:
    return Ask((request(name),), lambda entries: entries), lambda result: told.append((name, result))


def test_nothing_is_handled_before_it_is_written() -> None:
    async def story() -> None:
        journal = Written()
        live = LiveVenue(Alone(Exchange()), WallClock(SECOND), journal)
        live.start()
        journal.may_go_on.clear()
        told: list[Any] = []
        live.submit(Source(), *asked("one", told))
        await asyncio.sleep(0.05)
        assert (told, live.exchange.sequence, journal.batches) == ([], 0, [])
        live.submit(Source(), *asked("two", told))
        live.submit(Source(), *asked("three", told))
        journal.may_go_on.set()
        await live.stop()
        assert [name for name, _ in told] == ["one", "two", "three"]
        assert [len(batch) for batch in journal.batches] == [1, 2], "who waited is written together"
        assert live.exchange.sequence == 3

    asyncio.run(story())


def test_what_was_written_long_ago_is_folded_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the ledger of the venue and by those of the keepers of its money."""
    monkeypatch.setattr(ledger_room, "BLOCK", 2)
    monkeypatch.setattr(chronicle, "BLOCK", 2)

    async def story() -> None:
        trading = Venue(future())
        trading.admit(ANN)
        live = LiveVenue(Alone(trading.exchange), WallClock(SECOND))
        live.start()
        for _ in range(20):
            told: list[Any] = []
            live.submit(Source(), *asked(ANN, told))
            while not told:
                await asyncio.sleep(0)
        await live.stop()
        (holding,) = trading.state.holdings.values()
        for ledger in (trading.state.ledger, holding.keeper._ledger):
            assert 2 <= len(ledger._history.latest) < 4 <= ledger._history.folded
            assert recompute_head(ledger.history) == ledger.head()

    asyncio.run(story())


def test_a_write_that_fails_is_answered_as_unknown_and_nothing_more_is_taken() -> None:
    async def story() -> None:
        journal = Written()
        live = LiveVenue(Alone(Exchange()), WallClock(SECOND), journal)
        live.start()
        journal.fails = True
        told: list[Any] = []
        live.submit(Source(), *asked("one", told))
        while not told:
            await asyncio.sleep(0.01)
        assert isinstance(told[0][1], Fault) and told[0][1].code == 13888
        assert live.standing is Standing.FAILED and live.exchange.sequence == 0
        try:
            live.submit(Source(), *asked("two", told))
        except Fault as refused:
            assert refused.code == 13028
        else:
            raise AssertionError("a venue that has failed takes nothing")
        await live.stop()

    asyncio.run(story())


class Broken(Alone):
    """An exchange that fails over what somebody asks."""

    def put(self, command: Command, at: Time) -> list[Entry]:
        if command == request("it"):
            raise AssertionError("a rule of our own is broken")
        return super().put(command, at)


def test_when_the_exchange_itself_fails_everybody_in_the_batch_is_answered() -> None:
    async def story() -> None:
        journal = Written()
        live = LiveVenue(Broken(Exchange()), WallClock(SECOND), journal)
        live.start()
        told: list[Any] = []
        for name in ("before", "it", "behind"):
            live.submit(Source(), *asked(name, told))
        await live.drain()
        assert [len(batch) for batch in journal.batches] == [3], "all three are in the journal"
        results = dict(told)
        assert not isinstance(results["before"], Fault)
        for name in ("it", "behind"):
            assert (results[name].code, results[name].told["reason"]) == (13888, "outcome_unknown")
        assert live.standing is Standing.FAILED
        await live.stop()

    asyncio.run(story())


def test_over_the_wire_a_disk_that_fails_is_an_unknown_outcome_and_reads_go_on() -> None:
    journal = Written()

    async def story() -> None:
        client = await dial(opened, "everyone-1")
        low = await around(client, 0.95)
        order = (await limit(client, "buy", 0.01, low))["order"]["order_id"]
        journal.fails = True
        try:
            await limit(client, "buy", 0.01, low)
        except Refused as refused:
            assert refused.code in (13888, 13028)
            assert refused.code == 13028 or refused.told["reason"] == "outcome_unknown"
        else:
            raise AssertionError("nothing was written")
        assert (await client("private/get_order_state", order_id=order))["order_state"] == "open"
        assert opened.get("/ready").status_code == 503
        assert opened.get("/health").json()["standing"] == "failed"
        await client.close()

    with venue(journal=journal) as opened:
        play(story())


class Inside:
    """An exchange on which somebody trades from inside: whenever time passes, and once on what came from outside."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.asks: list[Time] = [SECOND + 10]

    def step(self, until: Time, heard: Heard) -> None:
        while self.asks and self.asks[0] <= until:
            at = max(self.asks.pop(0), self.exchange.state.now)
            heard(Happened(at, request("inside"), self.exchange.handle(request("inside"), at)))

    def put(self, command: Command, at: Time) -> list[Entry]:
        return self.exchange.handle(command, at)

    def next_due(self) -> Time | None:
        return self.asks[0] if self.asks else None


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.005)


def test_what_those_inside_do_is_shown_to_nobody_before_it_is_written() -> None:
    async def story() -> None:
        journal, world = Written(), Inside()
        live = LiveVenue(world, WallClock(SECOND), journal)
        shown: list[str] = []
        live.followers.append(lambda news: shown.append("feed"))
        journal.may_go_on.clear()
        live.start()
        await until(lambda: live.is_ahead)
        assert live.exchange.sequence == 1, "it has happened"
        live.hold(lambda: shown.append("read"))
        await asyncio.sleep(0.05)
        assert shown == []
        journal.may_go_on.set()
        await until(lambda: bool(shown))
        assert shown == ["feed", "read"] and not live.is_ahead
        await live.stop()

    asyncio.run(story())


def test_a_read_waits_for_what_those_inside_have_done() -> None:
    journal = Written()

    async def story() -> None:
        client = await dial(opened, "everyone-1")
        journal.may_go_on.clear()
        opened.on_its_thread(lambda: opened.gateway.venue._untold.append(News(0)))
        asked = asyncio.create_task(client("public/get_time"))
        await asyncio.sleep(0.1)
        assert not asked.done()
        opened.on_its_thread(opened.gateway.venue._show)
        journal.may_go_on.set()
        assert await asked > 0
        await client.close()

    with venue(journal=journal) as opened:
        play(story())


def test_a_disk_that_is_full_ends_the_day_with_what_has_happened_and_nothing_else() -> None:
    async def story() -> None:
        journal, world = Written(), Inside()
        live = LiveVenue(world, WallClock(SECOND), journal)
        fed: list[News] = []
        live.followers.append(fed.append)
        journal.full = True
        told: list[Any] = []
        live.start()
        live.submit(Source(), *asked("one", told))
        await until(lambda: bool(told))
        assert told[0][1].code == 13028 and told[0][1].told["reason"] == "disk_full"
        assert live.standing is Standing.FULL
        assert journal.batches == []
        assert [command for _, command in journal.last or ()] == [request("inside")]
        assert live.exchange.sequence == len(fed) == 1, (
            "it was written, so it may be seen; and no more has happened"
        )
        held: list[int] = []
        assert not live.is_ahead, "reads go on"
        try:
            live.submit(Source(), *asked("two", told))
        except Fault as refused:
            assert refused.code == 13028
            held.append(1)
        assert held
        await live.stop()

    asyncio.run(story())


def test_a_disk_that_fails_under_those_inside_leaves_reads_and_no_feed() -> None:
    async def story() -> None:
        journal, world = Written(), Inside()
        live = LiveVenue(world, WallClock(SECOND), journal)
        fed: list[News] = []
        live.followers.append(fed.append)
        journal.fails = True
        live.start()
        await until(lambda: live.standing is Standing.FAILED)
        assert fed == [] and not live.is_ahead
        await live.stop()

    asyncio.run(story())


def test_with_little_room_left_only_cancels_are_taken_and_all_again_when_there_is_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        journal = Written()
        live = LiveVenue(Alone(Exchange()), WallClock(SECOND), journal)
        live.start()
        told: list[Any] = []
        place = PlaceOrder(
            participant_id=ParticipantId("one"),
            client_order_id=1,
            instrument_id=InstrumentId("X"),
            side=Side.BUY,
            quantity=1,
        )
        order = Ask((place,), lambda entries: entries)
        for share, taken in ((0.5, True), (0.09, True), (0.019, False), (0.01, False), (0.05, True)):
            journal.free_share = share
            live.look_at_disk()
            live.submit(Source(), *asked("cancel", told))
            try:
                live.submit(Source(), order, told.append)
            except Fault as refused:
                assert not taken and refused.told["reason"] == "disk_nearly_full"
            else:
                assert taken
        await live.stop()
        assert len(told) == 8

    asyncio.run(story())
    said = [record.getMessage() for record in caplog.records]
    assert [line.split()[0] for line in said] == ["9.0%", "orders", "orders"]


def test_what_comes_from_outside_comes_later_than_all_that_has_been_done() -> None:
    """A duty that the exchange did at an instant must not come after a command of that instant in a replay."""

    class Still:
        """A clock that stands on the very instant of a duty."""

        speed = 1.0
        at: Time = SECOND

        def now(self) -> Time:
            return self.at

        def seconds_until(self, at: Time) -> float:
            return 0.0 if at <= self.at else 3_600.0

    async def story() -> None:
        journal = Written()
        world = Inside()
        world.asks = [SECOND, SECOND + 1, SECOND + 2, SECOND + 9]
        live = LiveVenue(world, Still(), journal)
        live.start()
        told: list[Any] = []
        for _ in range(5):
            live.submit(Source(), *asked("one", told))
            await asyncio.sleep(0.01)
        await live.stop()
        written = [(at, command.participant_id) for batch in journal.batches for at, command in batch]
        assert written == sorted(written, key=lambda one: one[0])
        inside = [at for at, who in written if who == "inside"]
        outside = [at for at, who in written if who == "one"]
        assert inside[:3] == [SECOND, SECOND + 1, SECOND + 2]
        assert len(outside) == 5 and not set(inside) & set(outside)
        assert all(inside[2] < at for at in outside)

    asyncio.run(story())


def test_senders_take_turns_so_that_a_flood_delays_its_sender() -> None:
    async def story() -> None:
        live = LiveVenue(Alone(Exchange()), WallClock(SECOND), Written())
        flood, polite = Source(), Source()
        told: list[Any] = []
        live.standing = Standing.OPEN
        for _ in range(2_000):
            live.submit(flood, *asked("flood", told))
        live.submit(polite, *asked("polite", told))
        live.start()
        await live.stop()
        assert [name for name, _ in told].index("polite") == 1
        assert len(told) == 2_001

    asyncio.run(story())


def test_the_intake_is_bounded_and_says_when_to_come_again() -> None:
    async def story() -> None:
        live = LiveVenue(Alone(Exchange()), WallClock(SECOND), intake=10)
        live.standing = Standing.OPEN
        told: list[Any] = []
        refused = 0
        for _ in range(15):
            try:
                live.submit(Source(), Ask((HALT,), lambda entries: entries), told.append)
            except Fault as fault:
                refused += 1
                assert fault.code == 10047 and fault.told["retry_after_ms"] > 0
        assert refused == 5
        live.start()
        await live.stop()
        assert len(told) == 10

    asyncio.run(story())


def test_when_orders_find_no_room_cancels_do_and_what_must_be_done_is() -> None:
    async def story() -> None:
        live = LiveVenue(Alone(Exchange()), WallClock(SECOND), intake=10)
        live.standing = Standing.OPEN
        told: list[Any] = []
        cancel = CancelAll(participant_id=ParticipantId("one"))
        counts = {"orders": 0, "cancels": 0}
        for _ in range(15):
            for name, command in (("orders", HALT), ("cancels", cancel)):
                try:
                    live.submit(Source(), Ask((command,), lambda entries: entries), told.append)
                except Fault as fault:
                    assert fault.code == 10047
                else:
                    counts[name] += 1
        live.submit(Source(), Ask((cancel,), lambda entries: entries), told.append, must=True)
        assert counts["orders"] == 5 and counts["cancels"] == 15
        live.start()
        await live.stop()
        assert len(told) == 21

    asyncio.run(story())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(1, 4))
def test_what_was_written_is_what_happened_however_it_was_batched(senders: list[int], waves: int) -> None:
    async def story() -> None:
        journal = Written()
        live = LiveVenue(Alone(Exchange()), WallClock(SECOND), journal)
        live.start()
        told: list[Any] = []
        sources = [Source() for _ in range(4)]
        for number, sender in enumerate(senders):
            live.submit(sources[sender], *asked(f"{sender}-{number}", told))
            if number % waves == 0:
                await asyncio.sleep(0)
        await live.stop()
        written = [one for batch in journal.batches for one in batch]
        again = Exchange()
        entries = [entry for at, command in written for entry in again.handle(command, at)]
        assert [entry for _, result in told for entry in result[0]] == entries
        for sender in range(4):
            mine = [int(name[2:]) for name, _ in told if name.startswith(f"{sender}-")]
            assert mine == sorted(mine), "nobody overtakes himself"

    asyncio.run(story())


def test_the_journal_of_a_world_with_people_inside_leads_to_the_same_ledger() -> None:
    """Commands of those inside and of those outside are written in the order in which they were handled."""

    async def story() -> tuple[list[tuple[Time, Command]], str, Time, int]:
        journal = Written()
        founded = found("market_day", "ru_open_counterfactual", population=20, speed=30.0, journal=journal)
        live = founded.gateway.venue
        live.start()
        told: list[Any] = []
        for number in range(40):
            live.submit(Source(), *asked(f"nobody-{number}", told))
            await asyncio.sleep(0.02)
        await live.stop()
        assert len(told) == 40
        written = [one for batch in journal.batches for one in batch]
        state = live.exchange.state
        return written, state.ledger.head(), state.now, live.exchange.sequence

    commands, head, now, sequence = asyncio.run(story())
    assert len({type(command) for _, command in commands}) > 8, "people inside have traded"
    again = Exchange()
    for at, command in commands:
        again.handle(command, at)
    again.advance(now)
    assert (again.state.ledger.head(), again.sequence) == (head, sequence)

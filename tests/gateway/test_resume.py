"""Whoever comes back with a place has exactly what was told in between, or is told that he has not."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.gateway import channels, history
from exchange.gateway.auth import Key
from exchange.gateway.dispatch import Call, Gateway
from exchange.gateway.jsonrpc import Fault, Request, now_us
from exchange.gateway.sessions import POLICY, Connection
from exchange.gateway.throttle import Limits
from exchange.gateway.venue import Standing
from scenarios.founding import Asked, Founded, found
from scenarios.founding import resume as come_back
from scenarios.venue_folder import Place as KeptAt
from scenarios.venue_folder import read_terms
from tests.gateway.loopback import PERPETUAL, Venue, dial, play, served
from tests.gateway.test_channels import churn, rebuilt

BOOK = f"book.{PERPETUAL}.raw"
ORDERS, TRADES = "user.orders.any.any.raw", "user.trades.any.any.raw"
FOLLOWED = [
    BOOK,
    ORDERS,
    TRADES,
    f"user.changes.{PERPETUAL}.raw",
    f"trades.{PERPETUAL}.raw",
    f"ticker.{PERPETUAL}.raw",
    f"quote.{PERPETUAL}",
]


class Pipe:
    """A socket that takes so many messages, and no more until somebody reads."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.room = room
        self.taken: list[dict[str, Any]] = []

    @property
    def is_clogged(self) -> bool:
        return self.room <= 0

    def write(self, message: bytes) -> None:
        self.room -= 1
        self.taken.append(json.loads(message)["params"])


class Reader:
    """Follows channels over connections that are cut. Keeps what has reached it since it had to begin anew, and always
    the latest place that it was told."""

    def __init__(self, table: "Table", names: list[str], room: int = 1_000_000, who: int = 0) -> None:
        self.table, self.names, self.who = table, names, who
        self.told: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        self.began: dict[str, str | None] = dict.fromkeys(names)  # the place at which what is kept begins
        self.places: dict[str, str | None] = dict.fromkeys(names)
        self.connect(room)

    def connect(self, room: int) -> list[str]:
        """Which channels had to begin anew although there was a place."""
        had = [name for name, place in self.places.items() if place is not None]
        self.pipe = Pipe(room)
        self.connection = self.table.connection(self.pipe, self.who)
        told = self.table.ask(self.connection, "ringfence/resume", channels=self.places)
        self.answers = {one["channel"]: one for one in told}
        for name, one in self.answers.items():
            if not one["resumed"]:
                self.told[name] = []
                self.places[name] = self.began[name] = one.get("place")
        return [name for name in had if not self.answers[name]["resumed"]]

    def read(self, count: int) -> None:
        """Take so many more."""
        self.pipe.room = count
        self.connection.drained()

    def cut(self, lost: int, room: int) -> list[str]:
        """The connection goes, and with it the last messages that were on their way; then it comes back. Which
        channels had to begin anew."""
        self._keep(self.pipe.taken[: max(0, len(self.pipe.taken) - lost)])
        self.connection.lose()
        self.table.gateway.lost(self.connection)
        return self.connect(room)

    def finish(self) -> None:
        self.read(1_000_000)
        self._keep(self.pipe.taken)
        self.connection.lose()
        self.table.gateway.lost(self.connection)

    def _keep(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            name = message.pop("channel")
            self.told[name].append(message)
            if "place" in message:
                self.places[name] = message["place"]
                if "previous" not in message:
                    self.began[name] = message["place"]

    def since(self, name: str, place: str | None) -> list[dict[str, Any]]:
        """What was told behind that place."""
        told = [one for one in self.told[name] if "previous" in one]
        before = [one["previous"] for one in told]
        return told[before.index(place) :] if place in before else []


class Table:
    """A gateway without sockets, whose venue takes its turns when it is asked."""

    def __init__(self, gateway: Gateway, keys: list[Key]) -> None:
        self.gateway = gateway
        self.keys = keys
        self.numbers = 0
        gateway.venue.standing = Standing.OPEN

    def connection(self, pipe: Pipe | None = None, who: int = 0, limits: Limits | None = None) -> Connection:
        self.numbers += 1
        connection = Connection(self.numbers, "here", limits or Limits(), pipe)
        connection.key = self.keys[who]
        return connection

    def ask(self, connection: Connection, method: str, **params: Any) -> Any:
        got: list[tuple[bytes, Fault | None]] = []
        call = Call(self.gateway, connection.key, connection, "here")
        self.gateway.handle(Request(1, method, params), call, now_us(), lambda *told: got.append(told))
        turn = self.gateway.venue._turn()
        with suppress(StopIteration):
            turn.send(None)
            raise AssertionError("without a journal there is nothing to wait for")
        ((text, fault),) = got
        if fault is not None:
            raise fault
        return json.loads(text)["result"]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    founded = found("market_day", "ru_open_counterfactual", population=0, makers=False)
    yield Table(founded.gateway, [demo.key for demo in founded.demos if demo.key][:2])


Step = tuple[str, int, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["buy", "sell", "other"]), st.integers(0, 5), st.integers(1, 5)),
        st.tuples(st.sampled_from(["edit", "cancel", "cancel_all"]), st.integers(0, 5), st.integers(1, 5)),
        st.tuples(st.just("cut"), st.integers(0, 12), st.integers(0, 30)),
        st.tuples(st.just("read"), st.just(0), st.integers(1, 20)),
    ),
    max_size=60,
)


class Market:
    """What the two at the table do to each other."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.one, self.other = table.connection(), table.connection(who=1)
        mark = table.ask(self.one, "public/ticker", instrument_name=PERPETUAL)["mark_price"]
        self.base = round(mark / 100) * 100.0
        self.live: list[str] = []

    def do(self, what: str, step: int, amount: int) -> None:
        price, size = self.base + 100.0 * (step - 2), amount / 1_000
        order = {"instrument_name": PERPETUAL, "amount": size, "type": "limit", "price": price}
        with suppress(Fault):
            match what:
                case "buy" | "sell":
                    told = self.table.ask(self.one, f"private/{what}", **order)
                    self.live.append(told["order"]["order_id"])
                case "other":
                    side = "sell" if step % 2 else "buy"
                    self.table.ask(self.other, f"private/{side}", **order)
                case "edit" if self.live:
                    edited = {"amount": size, "price": price}
                    self.table.ask(
                        self.one, "private/edit", order_id=self.live[step % len(self.live)], **edited
                    )
                case "cancel" if self.live:
                    self.table.ask(self.one, "private/cancel", order_id=self.live.pop(step % len(self.live)))
                case "cancel_all":
                    self.table.ask(self.one, "private/cancel_all")

    def clear(self) -> None:
        for connection in (self.one, self.other):
            self.table.ask(connection, "private/cancel_all")


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 10))
def test_a_stream_that_was_cut_and_resumed_is_the_one_that_never_was(
    table: Table, steps: list[Step], room: int
) -> None:
    market = Market(table)
    uncut, cut = Reader(table, FOLLOWED), Reader(table, FOLLOWED, room)
    for what, first, second in steps:
        match what:
            case "cut":
                assert cut.cut(first, second) == []
            case "read":
                cut.read(second)
            case _:
                market.do(what, first, second)
    uncut.finish()
    cut.finish()
    for name in FOLLOWED:
        began = cut.began[name]
        assert began is not None
        assert cut.since(name, began) == uncut.since(name, began), name
        assert cut.places[name] == uncut.places[name], name
    shown = table.ask(market.one, "public/get_order_book", instrument_name=PERPETUAL, depth=10_000)
    expected = {side: dict(shown[side]) for side in ("bids", "asks")}
    assert rebuilt([one["data"] for one in cut.told[BOOK]]) == (expected, shown["change_id"])
    market.clear()


def test_places_are_the_numbers_of_the_exchanges_entries_and_make_a_chain(table: Table) -> None:
    market = Market(table)
    reader = Reader(table, [ORDERS])
    epoch = table.gateway.hub.epoch
    for _ in range(3):
        market.do("buy", 0, 1)
    market.do("cancel_all", 0, 1)
    reader.finish()
    told = reader.told[ORDERS]
    last = table.gateway.venue.exchange.sequence
    numbers = [tuple(int(part) for part in one["place"].split("-")[1:]) for one in told]
    assert all(one["place"].startswith(f"{epoch}-") for one in told)
    assert numbers == sorted(set(numbers)) and len(told) == 6
    assert [part for _, part in numbers] == [1, 1, 1, 1, 2, 3], "one command cancels all three"
    assert numbers[-1][0] <= last
    assert [one["previous"] for one in told[1:]] == [one["place"] for one in told[:-1]]


def test_what_came_about_with_the_entry_at_which_one_begins_to_keep_may_have_had_more_parts() -> None:
    class Numbers:
        epoch, sequence = "e", 5

    numbers = Numbers()
    kept = history.History(numbers)
    assert kept.after("e-5-1") is kept.after("e-5-0") is history.Missing.TOO_FAR_BACK
    begins = kept.place
    numbers.sequence = 7
    assert [kept.add(b"1").place, kept.add(b"2").place] == [(7, 1), (7, 2)]
    assert kept.after("e-5-1") is history.Missing.TOO_FAR_BACK
    assert (kept.after(begins), kept.after("e-7-1"), kept.after("e-7-2")) == (0, 1, 2)
    assert kept.after("e-7-3") is history.Missing.NOT_THERE_YET


def test_nothing_is_other_for_whoever_does_not_ask_for_places(table: Table) -> None:
    market = Market(table)
    pipe = Pipe()
    stock = table.connection(pipe)
    table.ask(stock, "private/subscribe", channels=FOLLOWED)
    numbered = Reader(table, FOLLOWED)
    market.do("buy", 0, 1)
    market.clear()
    numbered.finish()
    assert {frozenset(one) for one in pipe.taken} == {frozenset({"channel", "data"})}
    for name in (BOOK, ORDERS):
        told = [one["data"] for one in numbered.since(name, numbered.began[name])]
        assert told and [one["data"] for one in pipe.taken if one["channel"] == name][-len(told) :] == told
    table.gateway.lost(stock)


@pytest.mark.parametrize("bound", ["MOST_MESSAGES", "MOST_BYTES"])
def test_who_comes_back_too_late_is_told_so_and_sees_how_things_stand(
    table: Table, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(history, bound, {"MOST_MESSAGES": 5, "MOST_BYTES": 800}[bound])
    market = Market(table)
    reader = Reader(table, FOLLOWED)
    for step in range(12):
        market.do("buy", step % 3, 1 + step % 4)
    reader.cut(30, 1_000)
    told = reader.answers
    assert (told[BOOK]["resumed"], told[BOOK]["reason"]) == (False, "too_far_back")
    assert (told[ORDERS]["resumed"], told[ORDERS]["reason"]) == (False, "too_far_back")
    assert told[TRADES] == {"channel": TRADES, "resumed": True, "missed": 0}, "there was none"
    market.do("buy", 1, 3)
    reader.finish()
    shown = table.ask(market.one, "public/get_order_book", instrument_name=PERPETUAL, depth=10_000)
    expected = {side: dict(shown[side]) for side in ("bids", "asks")}
    assert rebuilt([one["data"] for one in reader.told[BOOK]]) == (expected, shown["change_id"])
    orders = [one["data"]["order_id"] for one in reader.told[ORDERS]]
    assert len(orders) == len(set(orders)) == 13, "the open ones, and the one that came afterwards"
    market.clear()


def test_what_cannot_be_resumed_is_followed_from_now_on_and_the_reason_told(table: Table) -> None:
    market = Market(table)
    first = Reader(table, [BOOK])
    market.do("buy", 0, 1)
    first.finish()
    place = first.places[BOOK]
    assert place is not None
    epoch, sequence, part = place.split("-")
    for asked, reason in (
        (None, "begins"),
        ("nonsense", "unreadable"),
        (f"{epoch}-{sequence}", "unreadable"),
        (f"0-{sequence}-{part}", "another_epoch"),
        (f"{epoch}-{int(sequence) + 1_000}-1", "not_there_yet"),
        (f"{epoch}-0-0", "too_far_back"),
    ):
        pipe = Pipe()
        connection = table.connection(pipe)
        (told,) = table.ask(connection, "ringfence/resume", channels={BOOK: asked})
        assert told == {"channel": BOOK, "resumed": False, "missed": 0, "reason": reason}
        assert [one["data"]["type"] for one in pipe.taken] == ["snapshot"]
        table.gateway.lost(connection)
    pipe = Pipe()
    connection = table.connection(pipe)
    conflated = f"book.{PERPETUAL}.100ms"
    (told,) = table.ask(connection, "ringfence/resume", channels={conflated: place, "nonsense": place})
    assert told == {"channel": conflated, "resumed": False, "missed": 0, "reason": "conflated"}
    assert [(one["channel"], "place" in one) for one in pipe.taken] == [(conflated, False)]
    table.gateway.lost(connection)
    market.clear()


def test_a_private_channel_is_resumed_by_its_owner_alone(table: Table) -> None:
    market = Market(table)
    mine = Reader(table, [ORDERS])
    market.do("buy", 0, 1)
    theirs = Reader(table, [ORDERS], who=1)
    kept = mine.table.gateway.hub._channels[ORDERS, table.keys[0].participant_id].history
    assert kept is not None
    begins = f"{table.gateway.hub.epoch}-{int(kept.place.split('-')[1]) - 1}-0"
    theirs.places[ORDERS] = begins
    theirs.cut(0, 100)
    assert not theirs.answers[ORDERS]["resumed"]
    market.do("other", 0, 1)
    theirs.finish()
    owners = {one["data"]["label"] for one in theirs.told[ORDERS]}
    assert len(theirs.told[ORDERS]) == 1 and owners == {""}
    stranger = table.connection(Pipe())
    stranger.key = None
    assert table.ask(stranger, "ringfence/resume", channels={ORDERS: begins, BOOK: begins}) == []
    mine.finish()
    market.clear()


def test_who_reads_what_he_has_missed_too_slowly_is_dropped(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_MESSAGES", 10)
    market = Market(table)
    reader = Reader(table, [BOOK])
    for step in range(6):
        market.do("buy", step % 3, 1 + step % 4)
    assert reader.cut(6, 2) == []
    assert reader.answers[BOOK]["resumed"]
    for step in range(12):
        market.do("buy", step % 3, 1 + step % 4)
    reader.read(100)
    closed = reader.connection
    assert (closed.close_code, closed.close_reason) == (POLICY, "connection_too_slow")
    table.gateway.lost(closed)
    market.clear()


def test_what_nobody_comes_back_to_is_forgotten(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = table.gateway.hub
    market = Market(table)

    def kept() -> list[str]:
        return [channel.name for channel in hub._idle]

    def follow(names: list[str], who: int = 0) -> None:
        Reader(table, names, who=who).finish()

    hub._idle.clear()
    monkeypatch.setattr(channels, "IDLE_OF_ONE", 2)
    follow([ORDERS, TRADES, f"user.changes.{PERPETUAL}.raw"])
    assert len(kept()) == 2
    follow([ORDERS], who=1)
    assert len(kept()) == 3, "each has his own"
    monkeypatch.setattr(channels, "IDLE_CHANNELS", 2)
    follow([BOOK])
    assert kept()[-1] == BOOK and len(kept()) == 2
    reader = Reader(table, [BOOK])
    assert kept() == [ORDERS], "it is followed again"
    reader.finish()
    market.do("buy", 0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(channels, "IDLE_BYTES", 10)
        hub.forget_the_idle()
    assert kept() == [], "the book has told more than there is room for"
    follow([ORDERS])
    hub.forget_the_idle()
    assert kept() == [ORDERS]
    monkeypatch.setattr(channels, "IDLE_SECONDS", -1)
    hub.forget_the_idle()
    assert kept() == []
    assert not [key for key in hub._channels if key[0] in (ORDERS, BOOK)]
    market.clear()


def test_a_venue_that_comes_back_from_its_journal_goes_on_with_its_numbers(tmp_path: Path) -> None:
    place = KeptAt(tmp_path / "venue", None)
    names = [BOOK, ORDERS]
    told: dict[str, str] = {}

    async def first(opened: Venue) -> None:
        client = await dial(opened, "everyone-1")
        await client("ringfence/resume", channels=dict.fromkeys(names))
        await churn(client, 1, 20)
        await asyncio.sleep(0.2)
        told.update({note["params"]["channel"]: note["params"]["place"] for note in client.notes})
        await client.close()

    async def second(opened: Venue) -> None:
        client = await dial(opened, "everyone-1")
        for one in await client("ringfence/resume", channels=told):
            assert one["resumed"] or one["reason"] == "too_far_back", "it knows the number as one of its own"
        await churn(client, 2, 20)
        await asyncio.sleep(0.2)
        for name in names:
            places = [
                note["params"].get("place") for note in client.notes if note["params"]["channel"] == name
            ]
            epoch, sequence, _ = places[-1].split("-")
            before = told[name].split("-")
            assert epoch == before[0] and int(sequence) > int(before[1])
        shown = await client("public/get_order_book", instrument_name=PERPETUAL, depth=10_000)
        expected = {side: dict(shown[side]) for side in ("bids", "asks")}
        assert rebuilt(client.of(BOOK)) == (expected, shown["change_id"])
        await client.close()

    with served(kept(place)) as opened:
        play(first(opened))
    with served(come_back(place, Asked())) as opened:
        play(second(opened))


def kept(place: KeptAt, **more: Any) -> Founded:
    return found("market_day", "ru_open_counterfactual", population=0, makers=False, place=place, **more)


def test_two_venues_that_begin_alike_to_the_record_are_told_apart_and_each_is_itself_again(
    tmp_path: Path,
) -> None:
    places = [KeptAt(tmp_path / name, None) for name in ("one", "another")]
    epochs, founded = [], []
    for place in places:
        venue = kept(place, as_written=True)
        epochs.append(venue.gateway.hub.epoch)
        play(venue.gateway.venue.stop())
        founded.append(read_terms(place.folder).founded)
    assert founded[0] == founded[1], "the same day, the same people, the same seed"
    assert epochs[0] != epochs[1]
    back = come_back(places[0], Asked(as_written=True))
    assert back.gateway.hub.epoch == epochs[0]
    play(back.gateway.venue.stop())
    path = places[0].folder / "venue.json"
    terms = json.loads(path.read_text(encoding="utf-8"))
    del terms["epoch"]  # as a venue was written before it had one
    path.write_text(json.dumps(terms), encoding="utf-8")
    older = come_back(places[0], Asked(as_written=True))
    assert older.gateway.hub.epoch == founded[0].check[:16]
    play(older.gateway.venue.stop())


def test_over_sockets_that_are_cut_at_random_nothing_is_lost_or_told_twice(open_venue: Venue) -> None:
    async def story() -> None:
        trader, uncut = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-1")
        names = [BOOK, ORDERS]
        await uncut("ringfence/resume", channels=dict.fromkeys(names))
        dice = Random(7)
        kept: list[dict[str, Any]] = []
        places: dict[str, str | None] = dict.fromkeys(names)
        for cut in range(8):
            reader = await dial(open_venue, "everyone-1")
            answers = await reader("ringfence/resume", channels=places)
            assert [one["resumed"] for one in answers] == [cut > 0, cut > 0]
            trading = asyncio.ensure_future(churn(trader, cut, 20))
            await asyncio.sleep(dice.random() * 0.1)
            reader.socket.transport.abort()
            await reader._reader
            for note in reader.notes:
                kept.append(note["params"])
                places[note["params"]["channel"]] = note["params"].get("place")
            for one in answers:
                places[one["channel"]] = places[one["channel"]] or one.get("place")
            await trading
        reader = await dial(open_venue, "everyone-1")
        await reader("ringfence/resume", channels=places)
        await trader("private/cancel_all")
        await asyncio.sleep(0.3)
        kept += [note["params"] for note in reader.notes]
        for name in names:
            expected = [n["params"] for n in uncut.notes if n["params"]["channel"] == name]
            assert [one for one in kept if one["channel"] == name] == expected
        assert rebuilt([one["data"] for one in kept if one["channel"] == BOOK])[0] == {"bids": {}, "asks": {}}
        for client in (trader, uncut, reader):
            await client.close()

    play(story())

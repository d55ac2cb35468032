"""A venue that is kept: founded once, and brought back with all who trade inside, whatever ended it."""

import asyncio
import shutil
import sqlite3
from collections import deque
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exchange.commands import CancelAll, Command, PlaceOrder
from exchange.gateway.books import Books
from exchange.gateway.registry import Ask
from exchange.gateway.venue import LiveVenue, Source
from exchange.journal import JournalUnusable, LiveJournalDamaged, open_journal, recover, state_hash
from exchange.messages import Message
from exchange.state import State
from exchange.units import InstrumentId
from matching.terms import ParticipantId, Side
from participants.strategies.market_maker import MarketMaker
from scenarios import venue_image
from scenarios.founding import Asked, Founded, found, resume
from scenarios.venue_folder import Place, place_of, read_terms

PERPETUAL = InstrumentId("BTC_RUBD-PERPETUAL")
ANN = ParticipantId("everyone-1")


def new(folder: Path, **options: Any) -> Founded:
    given = {"seed": 3, "population": 12, "speed": 120.0} | options
    return found("market_day", "ru_open_counterfactual", place=Place(folder, None), **given)


def order(number: int) -> PlaceOrder:
    side = Side.BUY if number % 2 else Side.SELL
    return PlaceOrder(
        participant_id=ANN,
        client_order_id=number,
        instrument_id=PERPETUAL,
        side=side,
        quantity=1 + number % 5,
        price=80_000 + (number * 7) % 41 - 20,
    )


async def trade(live: LiveVenue, commands: Iterable[Command], pause: float = 0.01) -> None:
    """Let time pass while somebody outside asks for these."""
    live.start()
    source, answers = Source(), []
    for command in commands:
        live.submit(source, Ask((command,), lambda told: told), answers.append)
        await asyncio.sleep(pause)
    await live.stop()


def remembered(value: Any, seen: dict[int, int]) -> Any:
    """All that hangs on a value, as something that can be compared."""
    if isinstance(value, int | float | str | bytes | None.__class__ | State):
        return None if isinstance(value, State) else value
    if isinstance(value, tuple):
        return [remembered(held, seen) for held in value]
    if isinstance(value, Message | type):  # equal ones are one
        return repr(value)
    if id(value) in seen:
        return ("again", seen[id(value)])
    seen[id(value)] = len(seen)
    if isinstance(value, dict):
        return [(remembered(key, seen), remembered(held, seen)) for key, held in value.items()]
    if isinstance(value, list | deque):
        return [remembered(held, seen) for held in value]
    if isinstance(value, set):
        return sorted(value)
    names = sorted([*getattr(type(value), "__slots__", ()), *getattr(value, "__dict__", ())])
    assert names, value
    return [(name, remembered(getattr(value, name, None), seen)) for name in names]


def shown(books: Books) -> Any:
    return remembered(books, {})


@pytest.mark.parametrize("by_image", [True, False])
def test_a_venue_comes_back_as_it_was_with_all_who_trade_inside(tmp_path: Path, by_image: bool) -> None:
    def resumed() -> Founded:
        if not by_image:
            shutil.rmtree(tmp_path / "venue" / "images")
        back = resume(Place(tmp_path / "venue", None), Asked())
        assert ("of them after an image" in " ".join(back.story)) is by_image
        return back

    first = new(tmp_path / "venue").gateway.venue
    asyncio.run(trade(first, (order(number) for number in range(1, 40))))
    kinds = {type(command).__name__ for _, command in _written(tmp_path / "venue")}
    assert len(kinds) > 8 and "PassTime" in kinds, "people inside have traded, and time has passed"

    back = resumed()
    second = back.gateway.venue
    assert "alone" not in " ".join(back.story), "every decision inside was the same"
    assert state_hash(second.exchange) == state_hash(first.exchange)
    assert shown(second.books) == shown(first.books)
    assert second.books.owners[ANN].trades, "there was something to remember"
    assert second.now >= first.state.now

    asyncio.run(trade(second, (order(number) for number in range(40, 60))))
    third = resumed().gateway.venue
    assert state_hash(third.exchange) == state_hash(second.exchange)
    assert shown(third.books) == shown(second.books)
    asyncio.run(third.stop())
    with open_journal(str(tmp_path / "venue" / "journal.db")) as journal:
        assert state_hash(recover(journal)) == state_hash(second.exchange), (
            "and the journal alone tells the same"
        )


def _written(folder: Path) -> list[tuple[int, Command]]:
    with open_journal(str(folder / "journal.db")) as journal:
        return [(at, command) for _, at, command in journal.read()]


def test_keys_come_back_and_one_that_was_taken_back_does_not(tmp_path: Path) -> None:
    first = new(tmp_path / "venue")
    ring = first.gateway.ring
    ann = next(demo.key for demo in first.demos if demo.title == "everyone-1")
    bob = next(demo.key for demo in first.demos if demo.title == "everyone-2")
    assert ann and bob
    ring.remove(bob.client_id)
    asyncio.run(trade(first.gateway.venue, ()))
    second = resume(Place(tmp_path / "venue", None), Asked())
    asyncio.run(second.gateway.venue.stop())
    assert second.gateway.ring.keys[ann.client_id] == ann
    assert next(demo for demo in second.demos if demo.title == "everyone-2").key is None
    secret = (tmp_path / "venue" / "keys.json").stat()
    assert secret.st_mode & 0o077 == 0
    assert ann.secret.encode() not in (tmp_path / "venue" / "journal.db").read_bytes()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Asked(seed=4), "whose seed is 3, not 4"),
        (Asked(speed=2.0), "whose speed is 120.0, not 2.0"),
        (Asked(makers=False), "whose makers is True, not False"),
        (Asked(population=7), "whose population is 12, not 7"),
        (Asked(scenario="calm_day"), "whose scenario is market_day, not calm_day"),
        (
            Asked(regime="ru_derivs_qual_2025"),
            "whose regime is ru_open_counterfactual, not ru_derivs_qual_2025",
        ),
    ],
)
def test_a_start_that_asks_for_another_venue_is_refused(tmp_path: Path, asked: Asked, told: str) -> None:
    asyncio.run(trade(new(tmp_path / "venue").gateway.venue, ()))
    with pytest.raises(JournalUnusable, match=told):
        resume(Place(tmp_path / "venue", None), asked)
    same = Asked("market_day", "ru_open_counterfactual", 3, 12, True, 120.0)
    asyncio.run(resume(Place(tmp_path / "venue", None), same).gateway.venue.stop())


def test_a_venue_without_its_journal_or_with_another_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        asyncio.run(trade(new(tmp_path / name).gateway.venue, ()))
    with pytest.raises(JournalUnusable, match="is not the journal of the venue in"):
        resume(Place(tmp_path / "one", str(tmp_path / "two" / "journal.db")), Asked())
    for path in (tmp_path / "one").glob("journal.db*"):
        path.unlink()
    with pytest.raises(JournalUnusable, match="is not at"):
        resume(Place(tmp_path / "one", None), Asked())
    assert not list((tmp_path / "one").glob("journal.db*")), "and none is made in its place"


@pytest.mark.parametrize("by_image", [True, False])
def test_a_damaged_journal_brings_no_venue_back_and_stays_as_it_is(tmp_path: Path, by_image: bool) -> None:
    """What comes back reads its journal once, while it lives again: before anybody is let in."""
    asyncio.run(trade(new(tmp_path).gateway.venue, (order(number) for number in range(1, 9))))
    images = tmp_path / "images"
    if by_image:  # go on from the image of this stop, with what is damaged behind it
        shutil.copytree(images, tmp_path / "of this stop")
        asyncio.run(trade(resume(Place(tmp_path, None), Asked()).gateway.venue, map(order, range(9, 30))))
        shutil.rmtree(images)
        (tmp_path / "of this stop").rename(images)
    else:
        shutil.rmtree(images)
    database = tmp_path / "journal.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        (last,) = writer.execute("SELECT max(sequence) FROM records").fetchone()
        writer.execute("UPDATE records SET time = time + 1 WHERE sequence = ?", (last - 5,))
    before = database.read_bytes()
    with pytest.raises(LiveJournalDamaged, match=f"record {last - 5}.*content and check disagree"):
        resume(Place(tmp_path, None), Asked())
    assert database.read_bytes() == before


@pytest.mark.parametrize("place", ["in the founding", "before its last record", "after it"])
def test_damage_is_told_as_such_and_neither_makes_keys_nor_keeps_the_journal(
    tmp_path: Path, place: str
) -> None:
    """Wherever it lies: new keys in place of lost ones are written once all is read."""
    asyncio.run(trade(new(tmp_path).gateway.venue, map(order, range(1, 9))))
    shutil.rmtree(tmp_path / "images")
    (tmp_path / "keys.json").unlink()
    founded = read_terms(tmp_path).founded.sequence
    harm = {
        "in the founding": f"UPDATE records SET time = time + 1 WHERE sequence = {founded // 2}",
        "before its last record": f"DELETE FROM records WHERE sequence = {founded - 1}",
        "after it": f"UPDATE records SET time = time + 1 WHERE sequence = {founded + 3}",
    }[place]
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as writer:
        writer.execute(harm)
    before = {path.name for path in tmp_path.iterdir()}
    for _ in range(2):  # the second finds the journal let go of
        with pytest.raises(LiveJournalDamaged):
            resume(Place(tmp_path, None), Asked())
    assert {path.name for path in tmp_path.iterdir()} - before <= {"journal.db-shm", "journal.db-wal"}


def test_if_this_version_decides_otherwise_those_inside_stay_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new(tmp_path / "venue").gateway.venue
    asyncio.run(trade(first, [order(1)], 0.5))
    inside = [who for who, seat in first.state.seats.items() if seat.orders and who != ANN]
    assert inside

    opens = first.state.sessions[0].opens
    monkeypatch.setattr(MarketMaker, "first_wake", lambda _: opens + 7)
    monkeypatch.setattr(venue_image, "made_by", lambda: "ringfence of tomorrow")
    back = resume(Place(tmp_path / "venue", None), Asked())
    second = back.gateway.venue
    assert any(line.startswith("image") and "not ringfence of tomorrow" in line for line in back.story)
    assert any(line.startswith("alone") and "would now be" in line for line in back.story)
    assert state_hash(second.exchange) == state_hash(first.exchange)
    asyncio.run(trade(second, [CancelAll(participant_id=ANN)], 0.5))
    assert not any(second.state.seats[who].orders for who in inside), "their orders are canceled"
    assert second.state.now > first.state.now + 30 * 10**9, "the prices outside go on"
    again = resume(Place(tmp_path / "venue", None), Asked())
    third = again.gateway.venue
    assert "of them after an image" in again.story[-1] and again.story[0] == back.story[1], "still alone"
    assert state_hash(third.exchange) == state_hash(second.exchange)
    asyncio.run(trade(third, [CancelAll(participant_id=ANN)], 0.5))
    assert third.state.now > second.state.now, "and the prices outside still go on"


def test_where_a_venue_is_kept_if_little_is_said(tmp_path: Path) -> None:
    place = place_of(None, None, "market_day")
    assert place.folder.parent.name == "ringfence-venues" and place.folder.name.startswith("market_day-20")
    assert place_of(None, "sqlite:////var/a.db", "x").folder == Path("/var/a.db.venue")
    with pytest.raises(JournalUnusable, match="Name one with --data"):
        place_of(None, "postgresql://me@here/venue", "x")

"""A snapshot is a cache: whole, or passed over; and an exchange that came out of one goes on as if nothing was."""

import json
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import pytest

from exchange import numbered
from exchange.clearing.chronicle import Block, Chronicle
from exchange.clearing.ledger import Earlier, Ledger
from exchange.clearing.transfers import Committed, Mode, Rule, Status, Transfer
from exchange.commands import LinkKind, PlaceLinked, PlaceOrder
from exchange.core import Exchange
from exchange.events import OrdersPlacedTogether, RequestExists
from exchange.instruments import ContractKind
from exchange.journal import open_journal, recover, recovery, state_hash
from exchange.journal.snapshots import EVERY
from exchange.journal.state_image import Image, ImageError, core, image_of, read_image
from exchange.messages import Message, changed
from exchange.units import HOUR, MINUTE, AssetId
from matching.terms import Instructions
from tests.builders import (
    ANN,
    BOB,
    BTC_SPOT,
    BTCF,
    BUY,
    CYD,
    PERP,
    RUBD,
    SELL,
    Venue,
    a_risk_regime,
    future,
    option,
    perpetual,
    spot,
    with_btc,
)
from tests.reliability.stream import commands, hash_after, told_by


def again(venue: Exchange) -> Exchange:
    """The same exchange, by way of its image."""
    image = image_of(venue)
    found, ledgers = read_image(image, [earlier(ledger) for ledger in image.ledgers])
    assert [ledger.head() for ledger in ledgers] == [ledger.head() for ledger in image.ledgers]
    assert isinstance(found, Exchange)
    return found


def earlier(ledger: Ledger) -> Earlier:
    """In blocks of two sizes."""
    half = len(ledger.history) // 2 + 1
    blocks = Block.of(ledger.history[:half]), Block.of(ledger.history[half:])
    return Earlier(blocks, tuple(ledger.submitted(ledger.history)))


def a_full_day() -> Venue:
    """Everything at once: covered futures, options, a perpetual, coins against bitcoin, a note, orders that wait."""
    venue = Venue(future(), option(ContractKind.CALL, 90_000), perpetual(), spot(), assets=with_btc())
    for name in (ANN, BOB, CYD):
        venue.admit(name)
        venue.bring(name, 10**9)
    venue.wait_until(venue.now + HOUR)
    venue.place(ANN, SELL, 5, 80_100)
    venue.place(BOB, BUY, 3, 80_100)
    venue.place(BOB, BUY, 50, 79_000, display=10)
    venue.place(CYD, SELL, 4, 81_000, instrument_id=PERP)
    venue.place(ANN, BUY, 2, 81_000, instrument_id=PERP)
    venue.place(ANN, SELL, 7, 80_000, instrument_id=BTC_SPOT)
    venue.place(BOB, BUY, 2, 80_000, instrument_id=BTC_SPOT)
    return venue


def under_margin() -> Venue:
    venue = Venue(future(), option(ContractKind.PUT, 70_000), regime=a_risk_regime())
    for name in (ANN, BOB, CYD):
        venue.admit_member(name)
    venue.place(ANN, SELL, 5, 80_100)
    venue.place(BOB, BUY, 3, 80_100)
    venue.wait_until(venue.now + MINUTE)
    return venue


@pytest.mark.parametrize("world", [a_full_day, under_margin])
def test_an_exchange_from_its_image_goes_on_as_if_nothing_was(world: Callable[[], Venue]) -> None:
    venue = world()
    copy = again(venue.exchange)
    assert state_hash(copy) == state_hash(venue.exchange)
    other = Venue.__new__(Venue)
    vars(other).update(vars(venue), exchange=copy)
    for number in range(60):
        told = [
            (
                one.place(
                    (ANN, BOB, CYD)[number % 3],
                    BUY if number % 2 else SELL,
                    1 + number % 4,
                    80_000 + number % 7,
                )
            )
            for one in (venue, other)
        ]
        assert told[0] == told[1]
        assert venue.wait_until(venue.now + 7 * MINUTE) == other.wait_until(other.now + 7 * MINUTE)
    assert state_hash(copy) == state_hash(venue.exchange)


def test_the_hash_sees_whatever_is_remembered() -> None:
    venue = told_by(60)
    before = state_hash(venue)
    assert state_hash(told_by(60)) == before
    seat = venue.state.seats[ANN]
    seat.requests += 1
    assert state_hash(venue) != before
    seat.requests -= 1
    assert state_hash(venue) == before
    venue.state.series[BTCF].book.orders.popitem()
    assert state_hash(venue) != before


def test_equal_messages_are_one_and_other_objects_keep_who_they_are() -> None:
    venue = told_by(120)
    copy = again(venue)
    for seat in copy.state.seats.values():
        for order in seat.orders.values():
            assert copy.state.series[BTCF].book.orders[order.order_id] is order
            assert order.instrument is copy.state.series[BTCF].instrument


def test_the_core_shares_no_object_under_a_name_but_such_as_an_image_knows() -> None:
    """What the core compares by being that very one must come back as that very one."""
    ours = set(core()._classes.values())
    shared = {
        type(value)
        for module in core().modules.values()
        for value in vars(module).values()
        if type(value) in ours and not isinstance(value, (Enum, Message, tuple))
    }
    assert shared == {Instructions}


# --- an image can hold wrong values, but cannot run anything ----------------------------------------------


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        (["os:system"], []),
        (["exchange.journal.live:Journal"], []),
        (["builtins:eval"], []),
        (["exchange.core:Exchange", "__class__"], [1]),
        (["exchange.events:Entry"], []),
        (["exchange.core:Exchange", "state", "sequence"], [1]),
    ],
)
def test_an_image_that_names_what_it_may_not_is_refused(shape: list[str], fields: list[object]) -> None:
    image = Image(json.dumps([shape]).encode(), {}, [json.dumps([0, *fields]).encode()])
    with pytest.raises(ImageError, match="not one that this version can read"):
        read_image(image, [])


def test_what_an_image_has_no_form_for_is_told_when_it_is_made() -> None:
    venue = told_by(5)
    venue.state.chains[AssetId("BTC")] = open  # type: ignore[assignment]
    with pytest.raises(ImageError, match="is no class of the core"):
        image_of(venue)


# --- files ----------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A journal of 150 commands, snapshots after 50 and 100."""
    path = tmp_path / "venue.db"
    with open_journal(str(path)) as journal:
        assert journal.snapshots
        venue = Exchange()
        for first in (0, 50, 100):
            journal.append(commands(50, first))
            for at, what in commands(50, first):
                venue.handle(what, at)
            if first < 100:
                journal.snapshots.keep(venue, journal.head)
    return path


def snapshot(path: Path, sequence: int) -> Path:
    return path.with_name("venue.db.snapshots") / f"{sequence:012d}.snapshot"


def flip_last(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def ledgers_of(path: Path, sequence: int) -> list[Path]:
    return sorted(snapshot(path, sequence).parent.glob(f"{sequence:012d}-*.ledger"))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: flip_last(snapshot(path, 100)), "is not as it was written"),
        (lambda path: snapshot(path, 100).write_bytes(b""), "cannot be read"),
        (
            lambda path: [part.unlink() for part in ledgers_of(path, 100)],
            "history of a ledger cannot be read",
        ),
        (
            lambda path: [flip_last(part) for part in ledgers_of(path, 100)],
            "is not the history that belongs to it",
        ),
        (lambda path: snapshot(path, 50).replace(snapshot(path, 100)) and None, ""),
    ],
)
def test_a_damaged_snapshot_is_passed_over(kept: Path, harm: Callable[[Path], object], said: str) -> None:
    harm(kept)
    with open_journal(str(kept)) as journal:
        found = recovery(journal)
        assert state_hash(found.exchange) == hash_after(150)
        assert found.snapshot == 50
        if said:
            assert len(found.skipped) == 1
            assert said in found.skipped[0]


def test_without_any_whole_snapshot_everything_is_replayed(kept: Path) -> None:
    for sequence in (50, 100):
        flip_last(snapshot(kept, sequence))
    with open_journal(str(kept)) as journal:
        found = recovery(journal)
        assert (found.snapshot, found.replayed, len(found.skipped)) == (0, 150, 2)
        assert state_hash(found.exchange) == hash_after(150)


def test_a_snapshot_of_another_journal_is_passed_over(kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with open_journal(str(other)) as journal:
        journal.append([(at + 1, what) for at, what in commands(150)])
    snapshot(kept, 50).parent.rename(tmp_path / "other.db.snapshots")
    with open_journal(str(other)) as journal:
        found = recovery(journal)
    assert found.snapshot == 0
    assert [fault.endswith("is of another journal") for fault in found.skipped] == [True, True]


def test_old_snapshots_go_and_no_part_of_the_history_is_written_twice(kept: Path) -> None:
    folder = snapshot(kept, 50).parent
    with open_journal(str(kept)) as journal:
        assert journal.snapshots
        venue = recover(journal)
        journal.snapshots.keep(venue, journal.head)
        assert [path.name[:12] for path in journal.snapshots.newest_first()] == [
            "000000000150",
            "000000000100",
        ]
        header = json.loads(snapshot(kept, 150).read_bytes().partition(b"\n")[0])
        parts = [part for _, named in header["ledgers"] for part in named]
        assert len(parts) > 3 and {name for name, *_ in parts} == {
            path.name for path in folder.glob("*.ledger")
        }
        records = sum(records for _, _, blocks in parts for records, _ in blocks)
        assert records == sum(len(ledger.history) for ledger in image_of(venue).ledgers)


def test_a_snapshot_that_was_not_finished_is_none(kept: Path) -> None:
    snapshot(kept, 150).with_suffix(".snapshot.unfinished").write_bytes(b"half of it")
    with open_journal(str(kept)) as journal:
        assert recovery(journal).snapshot == 100


def test_a_snapshot_is_due_after_so_many_commands(kept: Path) -> None:
    with open_journal(str(kept)) as journal:
        assert journal.snapshots
        recover(journal)
        assert not journal.snapshots.is_due(journal.head)
        assert journal.snapshots.is_due(journal.head._replace(sequence=100 + EVERY))


def test_a_ledger_that_takes_over_a_history_knows_what_it_knew() -> None:
    written, taken = told_by(120).state.ledger, Ledger()
    taken.restore(written.checkpoint())
    taken.resume(earlier(written))
    assert taken.head() == written.head()
    knows, knew = taken.checkpoint(), written.checkpoint()
    assert (knows.history, knows.resolved) == (knew.history, knew.resolved)
    transfers = [record.transfer for record in written.history if isinstance(record, Committed)]
    assert transfers and all(taken.committed(transfer.id) == transfer for transfer in transfers)
    assert taken.committed(10**9) is None


def test_requests_that_are_folded_away_come_back_from_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbered, "BLOCK", 2)
    venue = a_full_day()
    entry = PlaceOrder(
        participant_id=ANN, client_order_id=900, instrument_id=BTCF, side=BUY, quantity=1, price=70_000
    )
    follows = changed(entry, client_order_id=0, side=SELL, price=82_000)
    pair = PlaceLinked(participant_id=ANN, primary=entry, others=(follows,), kind=LinkKind.ONE_TRIGGERS_OTHER)
    assert any(isinstance(event, OrdersPlacedTogether) for event in venue.tell(pair))
    for price in range(70_001, 70_008):
        venue.place(ANN, BUY, 1, price)
    back, asked = again(venue.exchange), (*range(1, venue.asked + 1), 900)
    seats = [at.state.seats[ANN].placed for at in (venue, back)]
    assert seats[0]._now._folded and 900 not in seats[0]._now._latest
    assert state_hash(back) == state_hash(venue.exchange)
    known = [[placed.known(number) for number in asked] for placed in seats]
    assert known[0] == known[1] and any(known[0][:-1])
    for exchange in (venue.exchange, back):
        (told,) = exchange.handle(pair, venue.now)
        assert isinstance(told.event, RequestExists)


def test_a_ledger_that_has_taken_over_a_history_goes_on_without_looking_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Booking, setting aside, resolving and hashing; only whoever asks for an old move, or for all of it, needs it."""
    one, other = Ledger(), Ledger()
    one.open("a", RUBD, Rule.FREE)
    one.open("b", RUBD, Rule.LIABILITY)
    one.book([("a", "b", 100)], 10)
    aside = one.transfer("b", "a", 7, mode=Mode.PENDING)
    one.commit([aside], 11)
    gone = one.transfer("b", "a", 5, mode=Mode.PENDING)
    one.commit([gone], 12)
    one.commit([one.transfer("b", "a", 5, mode=Mode.VOID, pending_id=gone.id)], 13)
    other.restore(one.checkpoint())
    other.resume(earlier(one))

    looks = []
    read = Chronicle._block
    monkeypatch.setattr(Chronicle, "_block", lambda self, number: looks.append(number) or read(self, number))
    twice = Transfer(id=60, debit="b", credit="a", amount=5, mode=Mode.POST, pending_id=gone.id)
    for ledger in (one, other):
        ledger.book([("a", "b", 1), ("b", "a", 2)], 20)
        assert ledger.submit([twice], 21) == [Status.ALREADY_VOIDED]
        post = Transfer(id=50, debit="b", credit="a", amount=7, mode=Mode.POST, pending_id=aside.id)
        assert ledger.submit([post], 22) == [Status.OK]
        assert ledger.submit([aside], 23) == [Status.EXISTS]
    assert (other.head(), other.history[-1]) == (one.head(), one.history[-1])
    assert not looks
    assert other.committed(1) == one.committed(1) and looks, "a move of long ago"
    assert other.checkpoint()._replace(accounts={}) == one.checkpoint()._replace(accounts={})
    assert [other.balance(name) for name in "ab"] == [one.balance(name) for name in "ab"]
    assert other.audit() == []

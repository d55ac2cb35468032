"""A venue that comes back from an image is the one that has lived its life again, and goes on as that one would."""

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from exchange.commands import Command
from exchange.gateway.venue import LiveVenue
from exchange.journal import LiveJournalDamaged, read_journal, recover, state_hash
from exchange.journal.snapshots import Snapshots
from exchange.journal.state_image import Image, ImageError, image_of, read_image
from exchange.units import SECOND, Time
from scenarios import founding
from scenarios.founding import Asked, Founded, found, resume
from scenarios.venue_folder import Place
from scenarios.venue_image import IMAGES, Images, vocabulary
from tests.scenarios.test_founding import order, shown

STEP = SECOND


class SetClock:
    """It is as late as it is told."""

    speed = 1.0

    def __init__(self, at: Time) -> None:
        self.at = at

    def now(self) -> Time:
        return self.at

    def seconds_until(self, at: Time) -> float:
        return (at - self.at) / SECOND


class Driven:
    """A venue whose time passes by steps, without a loop: the same steps lead to the same."""

    def __init__(self, founded: Founded) -> None:
        self.founded = founded
        self.live: LiveVenue = founded.gateway.venue
        self.founded_at = self.live._last
        self.clock = SetClock(self.founded_at)
        self.live.clock = self.clock

    def go_on(self, numbers: Iterable[int]) -> list[tuple[Time, Command]]:
        """An order from outside after each step; all commands that this has led to."""
        live, done = self.live, []
        for number in numbers:
            self.clock.at += STEP
            at = live._let_pass() + 1
            done += [*live._inside, (at, order(number))]
            live._inside.append(done[-1])
            live.books.take(order(number), live.world.put(order(number), at))
            live._last = at
            assert live._journal is not None
            live._journal.append(live._inside)
            live._inside.clear()
            live._untold.clear()
        return done

    def pass_time(self, by: Time) -> None:
        """Nobody comes from outside."""
        live = self.live
        self.clock.at += by
        live._let_pass()
        assert live._journal is not None
        live._journal.append(live._inside)
        live._inside.clear()
        live._untold.clear()

    def keep(self) -> None:
        images = self.live.images
        assert isinstance(images, Images)
        images.keep_last()

    def close(self) -> None:
        assert self.live._journal is not None
        self.live._journal.close()

    @property
    def image(self) -> str:
        """Of all that is remembered: a digest."""
        images = self.live.images
        assert isinstance(images, Images)
        inside, _ = images._begun()
        return image_of(inside, vocabulary()).digest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "venue"


def lived(folder: Path, **options: object) -> Driven:
    given = {"seed": 3, "population": 12} | options
    place = Place(folder, None)
    return Driven(found("market_day", "ru_open_counterfactual", place=place, **given))  # type: ignore[arg-type]


def back(folder: Path) -> Driven:
    return Driven(resume(Place(folder, None), Asked()))


def told(driven: Driven) -> str:
    return "\n".join(driven.founded.story)


def test_both_ways_lead_to_the_same_venue_which_goes_on_as_the_same(folder: Path, tmp_path: Path) -> None:
    first = lived(folder)
    first.go_on(range(1, 30))
    first.keep()
    first.go_on(range(30, 40))
    first.close()
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    shutil.rmtree(again / IMAGES)

    by_image, by_life = back(folder), back(again)
    assert "of them after an image" in told(by_image) and "image" not in told(by_life)
    assert by_image.live.now == by_life.live.now == first.live.state.now
    for _ in range(2):
        assert state_hash(by_image.live.exchange) == state_hash(by_life.live.exchange)
        assert shown(by_image.live.books) == shown(by_life.live.books)
        assert by_image.image == by_life.image, "all that is remembered, to the byte"
        commands = by_image.go_on(range(40, 80))
        assert commands == by_life.go_on(range(40, 80))
        assert len(commands) > 80, "people inside have gone on"
    for one in (by_image, by_life):
        one.close()


@pytest.mark.parametrize(
    ("scenario", "regime"),
    [
        ("everything_at_once", "ru_open_counterfactual"),
        ("member_failure", "us_dcm_ecp"),
        ("mass_redemption", "ru_open_counterfactual"),
        ("order_storm", "ru_tiered_bill_2026"),
    ],
)
def test_whoever_is_inside_has_an_image(folder: Path, scenario: str, regime: str) -> None:
    """Members, issuers, holders of coins, makers of every kind, and lines on which everything comes three times."""
    one = Driven(found(scenario, regime, seed=3, population=8, place=Place(folder, None)))
    for _ in range(40):
        one.pass_time(20 * SECOND)
    assert one.live.state.now > one.founded_at
    one.keep()
    one.close()
    again = back(folder)
    assert "0 of them after an image" in told(again)
    assert again.image == one.image
    again.close()


# --- which image, and what if there is none that can be used -------------------------------------------------


@pytest.fixture
def kept(folder: Path) -> Path:
    """A venue with two images and a life after them."""
    one = lived(folder, population=4)
    for begins in (1, 11):
        one.go_on(range(begins, begins + 10))
        one.keep()
    one.go_on(range(21, 26))
    one.close()
    return folder


def images_of(folder: Path) -> list[Path]:
    return sorted((folder / IMAGES).glob("*.snapshot"))


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (cut, "is not as it was written"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (
            lambda path: rewrite(path, b'"made_by":"ringfence ', b'"made_by":"another '),
            "was written by another",
        ),
        (lambda path: rewrite(path, b'"schema":1', b'"schema":9'), "was written by another version"),
        (
            lambda path: [part.unlink() for part in path.parent.glob(f"{path.stem}-*.ledger")],
            "the history of a ledger cannot be read",
        ),
        (
            lambda path: [cut(part) for part in path.parent.glob(f"{path.stem}-0-*.ledger")],
            "is not the history that belongs to it",
        ),
    ],
)
def test_an_image_that_cannot_be_used_is_passed_over_for_the_one_before_it(
    kept: Path, harm: Callable[[Path], object], said: str
) -> None:
    older, newest = images_of(kept)
    harm(newest)
    found = back(kept)
    assert [line for line in found.founded.story if line.startswith("image ") and said in line]
    assert f"{records(kept) - int(older.stem)} of them after an image" in told(found)
    assert state_hash(found.live.exchange) == hash_of(kept)
    found.close()


def test_if_no_image_can_be_used_the_whole_life_is_lived_again(kept: Path) -> None:
    for path in images_of(kept):
        cut(path)
    found = back(kept)
    assert told(found).count("passed over") == 2 and "after an image" not in told(found)
    assert state_hash(found.live.exchange) == hash_of(kept)
    found.go_on(range(26, 30))
    found.keep()
    found.close()
    again = back(kept)
    assert "0 of them after an image" in told(again), "the next start is short again"
    again.close()


def test_an_image_of_another_journal_is_passed_over(kept: Path, tmp_path: Path) -> None:
    other = lived(tmp_path / "other", population=4)
    other.go_on(range(1, 40))
    other.close()
    shutil.copytree(kept / IMAGES, tmp_path / "other" / IMAGES)
    found = back(tmp_path / "other")
    assert told(found).count("is of another journal") == 2
    assert state_hash(found.live.exchange) == hash_of(tmp_path / "other")
    found.close()


def test_an_image_behind_which_it_would_now_be_otherwise_is_no_way_back(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the prices outside, as they go on from the image; the whole life leads to what the journal tells."""
    outside = founding.outside
    later = partial(map, lambda step: (step[0] + 1, step[1]))
    monkeypatch.setattr(founding, "outside", lambda world, seed: later(outside(world, seed)))
    found = back(kept)
    assert told(found).count("would be otherwise now (record ") == 2
    assert "alone" not in told(found) and "after an image" not in told(found)
    assert state_hash(found.live.exchange) == hash_of(kept)
    found.close()


def test_what_an_image_spares_is_not_read_and_what_follows_it_is(kept: Path) -> None:
    """Damage before the image is found by `ringfence journal verify`, and by a start that needs those records."""
    last = int(images_of(kept)[-1].stem)
    damage(kept, last + 2)
    with pytest.raises(LiveJournalDamaged, match=f"record {last + 2}"):
        back(kept)


def test_damage_that_an_image_hides_is_found_without_it(kept: Path) -> None:
    damage(kept, 5)
    found = back(kept)
    found.close()
    with pytest.raises(LiveJournalDamaged, match="record 5"):
        read_journal(str(kept / "journal.db"))
    shutil.rmtree(kept / IMAGES)
    with pytest.raises(LiveJournalDamaged, match="record 5"):
        back(kept)


def test_without_its_keys_a_venue_lives_its_whole_life_again(kept: Path) -> None:
    (kept / "keys.json").unlink()
    found = back(kept)
    assert "keys lost" in told(found) and "after an image" not in told(found)
    assert all(demo.key for demo in found.founded.demos if demo.title.startswith("everyone"))
    found.close()


def test_demonstration_accounts_are_shown_as_ever(kept: Path) -> None:
    first = back(kept)
    first.close()
    shutil.rmtree(kept / IMAGES)
    second = back(kept)
    assert first.founded.demos == second.founded.demos
    second.close()


def damage(folder: Path, sequence: int) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as database:
        database.execute("UPDATE records SET time = time + 1 WHERE sequence = ?", (sequence,))
        database.commit()


def records(folder: Path) -> int:
    with read_journal(str(folder / "journal.db")) as journal:
        return journal.head.sequence


def hash_of(folder: Path) -> str:
    with read_journal(str(folder / "journal.db")) as journal:
        return state_hash(recover(journal))


def wait_for(images: Images) -> None:
    while images._aside.is_busy:
        time.sleep(0.005)
        images._hear_of_the_last()


# --- in a copy of the process ----------------------------------------------------------------------------


def test_an_image_is_kept_while_the_venue_goes_on(folder: Path) -> None:
    one = lived(folder, population=4, image_every=40)
    images = one.live.images
    assert isinstance(images, Images)
    seen = {}
    for begins in (1, 41, 81):
        one.go_on(range(begins, begins + 20))
        images.look()
        assert images._aside.is_busy, "so many commands have come"
        one.go_on(range(begins + 20, begins + 40))
        wait_for(images)
        seen[images_of(folder)[-1].stem] = records(folder)
    assert len(seen) == 3 and len(images_of(folder)) == 2, "older ones go"
    assert all(int(at) < after for at, after in seen.items()), "each tells of then"
    (folder / IMAGES / "000000000777.snapshot.1234.unfinished").write_bytes(b"half of it")
    one.close()
    found = back(folder)
    assert "of them after an image" in told(found) and not list((folder / IMAGES).glob("*.unfinished"))
    assert state_hash(found.live.exchange) == hash_of(folder)
    found.close()


def test_an_image_that_fails_is_told_and_harms_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Snapshots, "_write", full)
    one = lived(folder, population=4, image_every=40)
    images = one.live.images
    assert isinstance(images, Images)
    one.go_on(range(1, 40))
    images.look()
    wait_for(images)
    images.keep_last()
    failed = [record for record in caplog.records if record.getMessage() == "image_failed"]
    assert len(failed) == 2 and all("No space left" in str(vars(record)) for record in failed)
    one.close()
    found = back(folder)
    assert "after an image" not in told(found)
    found.close()


# --- an image can hold wrong values, but cannot run anything ------------------------------------------------


@pytest.mark.parametrize(
    "told_of",
    [
        [["os:system"], [0]],
        [["scenarios.founding:_Return"], [0]],
        [["participants.client:Client"], [0]],
        [["exchange.gateway.auth:KeyRing"], [0]],
        [["exchange.journal.sqlite_store:SqliteStore"], [0]],
        [["scenarios.venue_image:Images"], [0]],
        [["scenarios.live:Inside", "__class__"], [0, 1]],
        [["scenarios.live:Inside", "demos"], [0, [7, "subprocess:Popen"]]],
        [["scenarios.live:Inside", "demos"], [0, [8, 0, "__init__"]]],
        [["scenarios.live:Inside", "demos"], [0, [8, 0, "exchange"]]],
        [["scenarios.live:Inside", "demos"], [0, [3, "os:system", "true"]]],
        [["scenarios.live:Inside", "demos"], [0, [2, "os:system", "true"]]],
        [["scenarios.live:Inside"], ["Popen", "true"]],
    ],
)
def test_an_image_that_names_what_it_may_not_is_refused(told_of: list[list[object]]) -> None:
    shape, value = told_of
    image = Image(json.dumps([shape]).encode(), {}, [json.dumps(value).encode()])
    with pytest.raises(ImageError, match="not one that this version can read"):
        read_image(image, [], vocabulary())


def test_nothing_that_an_image_of_a_venue_may_name_opens_anything() -> None:
    rim = ("exchange.journal", "exchange.gateway.app", "exchange.gateway.auth", "exchange.gateway.server")
    for name, module in vocabulary().modules.items():
        assert not name.startswith(rim) and name not in ("participants.client", "participants.connection")
        opens = {"os", "socket", "subprocess", "websockets", "sqlite3"} & vars(module).keys()
        assert not opens, f"{name} knows {opens}"

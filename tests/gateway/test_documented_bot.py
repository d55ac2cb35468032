"""The bots that docs/api.md shows, as they stand there."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from scenarios.lock_step import day_in_steps, read_bots
from tests.gateway.loopback import PERPETUAL, Venue, around, dial, limit, play, served

API = Path(__file__).parents[2] / "docs" / "api.md"


def shown() -> list[str]:
    """What the page shows in Python."""
    return re.findall(r"```python\n(.*?)```", API.read_text(encoding="utf-8"), re.DOTALL)


def test_the_bot_of_the_documentation_trades(open_venue: Venue) -> None:
    async def story() -> None:
        other = await dial(open_venue, "everyone-2")
        price = await around(other, 0.96)
        await limit(other, "buy", 0.01, price)
        text = shown()[0]
        key = open_venue.keys["everyone-1"]
        bot = text.replace("127.0.0.1:8899", f"127.0.0.1:{open_venue.port}")
        run = subprocess.run(
            [sys.executable, "-c", bot, key.client_id, key.secret], capture_output=True, text=True, timeout=30
        )
        assert run.returncode == 0, run.stderr
        told = json.loads(run.stdout.replace("'", '"').replace("True", "true").replace("False", "false"))
        assert (told["order"]["label"], told["order"]["price"]) == ("mine", price)
        assert len(text.strip().splitlines()) <= 30
        await other("private/cancel_all")
        await other.close()

    play(story())


def objects_shown() -> list[dict[str, Any]]:
    """What the page shows in JSON and as an example of an answer: one object a line."""
    answers = API.read_text(encoding="utf-8").split("## What answers look like")[1].split("\n## ")[0]
    blocks = re.findall(r"```json\n(.*?)```", answers, re.DOTALL)
    return [json.loads(line) for block in blocks for line in block.splitlines()]


def form(told: dict[str, Any]) -> dict[str, type]:
    return {key: type(value) for key, value in told.items()}


def test_answers_look_as_the_page_shows_them(open_venue: Venue) -> None:
    async def story() -> None:
        one, other = await dial(open_venue, "everyone-1"), await dial(open_venue, "everyone-2")
        book = f"book.{PERPETUAL}.raw"
        await one("public/subscribe", channels=[book, "user.orders.any.any.raw", "user.trades.any.any.raw"])
        price = await around(one, 1.0)
        await limit(other, "sell", 0.001, price)
        await limit(one, "buy", 0.002, price, label="mine")
        await one("private/cancel_all")
        snapshot, *changes = one.of(book)
        (trade,) = one.of("user.trades.any.any.raw")[0]
        lived = [snapshot, changes[0], one.of("user.orders.any.any.raw")[0], trade]
        assert [form(told) for told in lived] == [form(shown) for shown in objects_shown()]
        rows = [
            row for told in (snapshot, *changes, *objects_shown()[:2]) for row in told["bids"] + told["asks"]
        ]
        assert {tuple(map(type, row)) for row in rows} == {(str, float, float)}
        assert {what for what, _, _ in rows} <= {"new", "change", "delete"}
        for client in (one, other):
            await client.close()

    play(story())


def test_the_bot_in_lock_step_takes_part_for_a_whole_day() -> None:
    day = Path(__file__).with_name("two_minutes.toml")
    bots = read_bots("2")
    with (
        day_in_steps(
            str(day), "ru_open_counterfactual", step=10**10, bots=bots, tell=lambda _: None
        ) as in_steps,
        served(in_steps.founded) as opened,
    ):
        runs = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    shown()[1],
                    opened.ws,
                    opened.keys[one].client_id,
                    opened.keys[one].secret,
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for one in ("bot-1", "bot-2")
        ]
        told = [run.communicate(timeout=60) for run in runs]
    assert in_steps.finished is not None
    assert told == [(f"{in_steps.finished.digest}\n", "")] * 2
    assert opened.gateway.venue.books.owners[opened.keys["bot-1"].participant_id].trades  # type: ignore[index]


def test_the_bot_beside_the_venue_takes_part_for_a_whole_day() -> None:
    text = shown()[2].replace('"calm_day"', repr(str(Path(__file__).with_name("short_day.toml"))))
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    digest, spread = run.stdout.split()
    assert (len(digest), float(spread) > 0, run.stderr) == (64, True, "")

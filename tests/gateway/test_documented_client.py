"""What README, docs/api.md and docs/participants.md show of the client that ships, as it stands there."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.gateway.loopback import PERPETUAL, Venue, play
from tests.gateway.test_client import client, far_below

ROOT = Path(__file__).parents[2]
API = ROOT / "docs" / "api.md"


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def run(bot: str, venue: Venue, account: str) -> str:
    """What a bot prints that takes key and secret from its command line."""
    key = venue.keys[account]
    at_home = bot.replace("127.0.0.1:8899", f"127.0.0.1:{venue.port}")
    ran = subprocess.run(
        [sys.executable, "-c", at_home, key.client_id, key.secret],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_bot_of_the_first_screen_trades_in_five_lines(open_venue: Venue) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    first = blocks(ROOT / "README.md")[0]
    assert page.index(first) < 2_000
    body = first.split("async def bot")[1].split("\n\n")[0].strip().splitlines()
    assert len(body) == 5

    async def story() -> None:
        async with client(open_venue, "everyone-2") as other, client(open_venue) as one:
            price = await far_below(one)
            await other.sell(PERPETUAL, 0.01, price=price)
            before = (await one.position(PERPETUAL)).size
            state, size = (await asyncio.to_thread(run, first, open_venue, "everyone-1")).split()
            assert state == "filled"
            assert float(size) == (await one.position(PERPETUAL)).size != before

    play(story())


def test_the_client_does_what_the_page_shows(open_venue: Venue, capsys: Any) -> None:
    key = open_venue.keys["everyone-1"]
    names: dict[str, Any] = {}
    [shown] = [block for block in blocks(API) if "VenueError" in block]
    exec(shown, names)
    limits = play(names["trade"](open_venue.ws, key.client_id, key.secret))
    assert limits["capital_at_risk_limit"] is None
    told = capsys.readouterr().out.splitlines()
    assert told[1].startswith("10043 price_wrong_tick round the price") and len(told) == 4


def test_the_participant_of_the_page_bids_on_a_live_venue(open_venue: Venue) -> None:
    names: dict[str, Any] = {}
    for block in blocks(ROOT / "docs" / "participants.md"):
        exec(block, names)

    async def story() -> None:
        key = open_venue.keys["everyone-1"]
        async with client(open_venue) as venue:
            trading = asyncio.get_running_loop().create_task(
                names["trade"](open_venue.ws, key.client_id, key.secret)
            )
            while not (found := await venue.open_orders(PERPETUAL)):
                assert not trading.done(), trading.exception()
                await asyncio.sleep(0.01)
            trading.cancel()
            [bid] = found
            index = (await venue.ticker(PERPETUAL)).index_price
            assert bid.direction == "buy" and abs(float(bid.price) / index - 0.99) < 0.001
            await venue.cancel_all()

    play(story())

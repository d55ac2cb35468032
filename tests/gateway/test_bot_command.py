"""The command `ringfence bot`: a shipped strategy trades over the wire, begins with what is there, and tidies up."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from participants.client import Client
from participants.desk import Desk
from participants.over_socket import SocketLine
from scenarios.bot import STRATEGIES, Bot, BotTerms, built
from scenarios.cli import app
from tests.gateway.loopback import PERPETUAL, Venue, play
from tests.gateway.relay import relay
from tests.gateway.test_client import client, far_below
from tests.gateway.test_client_faults import forget_places

ROOT = Path(__file__).parents[2]


def bot(*words: object) -> Result:
    return CliRunner().invoke(app, ["bot", *(str(word) for word in words)])


def key_file(folder: Path, venue: Venue) -> Path:
    file = folder / "keys"
    file.write_text("".join(f"{name} {key.client_id} {key.secret}\n" for name, key in venue.keys.items()))
    return file


def test_a_maker_quotes_until_it_is_stopped_and_takes_its_orders_off(
    open_venue: Venue, tmp_path: Path
) -> None:
    keys = key_file(tmp_path, open_venue)
    command = [sys.executable, "-c", "from scenarios.cli import main; main()", "bot", "--url", open_venue.ws]
    process = subprocess.Popen(
        [*command, "--keys", str(keys), "--account", "everyone-2", "--attention", "0.01"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )

    async def story() -> None:
        async with client(open_venue, "everyone-2") as venue:
            while len(await venue.open_orders(PERPETUAL)) < 10:
                await asyncio.sleep(0.02)
            process.terminate()
            told, faults = await asyncio.to_thread(process.communicate, timeout=20)
            assert (process.returncode, faults) == (0, "")
            first, last = told.splitlines()
            assert first == f"market_maker trades {PERPETUAL} for everyone-2"
            assert last.endswith(f"0 of {PERPETUAL} held") and not last.startswith("0 orders")
            assert await venue.open_orders() == []

    play(story())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_strategy_begins_with_the_cash_and_the_position_of_its_account(
    open_venue: Venue, strategy: str
) -> None:
    async def story() -> None:
        async with client(open_venue) as one, client(open_venue, "everyone-2") as other:
            price = await far_below(one)
            await other.sell(PERPETUAL, 0.03, price=price)
            await one.buy(PERPETUAL, 0.03)
            for venue in (one, other):
                async with SocketLine(venue) as line:
                    trader = await built(line, BotTerms(strategy, PERPETUAL))
                    desk: Desk = trader.desk  # type: ignore[attr-defined]
                    held = (await venue.position(PERPETUAL)).size
                    name = trader.instrument.instrument_id  # type: ignore[attr-defined]
                    assert desk.position(name) == round(held * 1000) != 0
                    free = (await venue.account("RUBD")).available_funds
                    assert desk.free_cash(trader.instrument.cash) / 100 == pytest.approx(free, rel=0.001)  # type: ignore[attr-defined]
            spot = await built_for_spot(one, strategy)
            assert spot.position("BTC_RUBD") == 5_000  # type: ignore[arg-type]

    play(story())


async def built_for_spot(venue: Client, strategy: str) -> Desk:
    async with SocketLine(venue) as line:
        trader = await built(line, BotTerms(strategy, "BTC_RUBD"))
        desk: Desk = trader.desk  # type: ignore[attr-defined]
        return desk


def test_it_begins_anew_when_it_cannot_hear_what_it_has_missed(open_venue: Venue) -> None:
    async def story() -> None:
        key, told = open_venue.keys["everyone-1"], list[str]()
        async with relay(open_venue.ws) as line, client(open_venue) as watcher:
            trader = Bot(BotTerms("market_maker", PERPETUAL, attention=0.01), told.append)
            task = asyncio.get_running_loop().create_task(trader.trade(line.url, key.client_id, key.secret))
            for times in (1, 2):
                while trader.begun < times or len(await watcher.open_orders()) < 10:
                    await asyncio.sleep(0.01)
                if times == 1:
                    await line.close()
                    forget_places(open_venue)
                    await line.reopen()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await watcher.open_orders() == []
            assert trader.begun == 2
            assert [line.split(" (")[0] for line in told] == [
                f"market_maker trades {PERPETUAL} for everyone-1",
                "the connection is lost",
                f"market_maker trades {PERPETUAL} for everyone-1",
            ]

    play(story())


def test_what_cannot_be_is_a_sentence(open_venue: Venue, tmp_path: Path) -> None:
    keys = key_file(tmp_path, open_venue)
    for words, told in (
        (["market_makr"], "market_maker"),
        ([], "--keys"),
        (["--keys", keys, "--account", "everyone-9"], "everyone-"),
        (["--keys", tmp_path / "none"], "name a place"),
        (["--url", open_venue.ws, "--client-id", "a", "--secret", "b"], "check client id and secret"),
        (["--url", "ws://127.0.0.1:9", "--client-id", "a", "--secret", "b"], "see that the venue runs"),
        (["--url", open_venue.ws, "--keys", keys, "--instrument", "ETH"], "unknown_instrument"),
    ):
        result = bot(*words)
        assert result.exit_code == 2 and told in result.output and result.output.count("\n") == 1, (
            result.output
        )

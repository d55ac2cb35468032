"""The bots in docs/bots, in Python and in JavaScript, as they stand there: they quote, trade and tidy up."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.gateway.loopback import PERPETUAL, Venue, play
from tests.gateway.test_client import client

BOTS = Path(__file__).parents[2] / "docs" / "bots"


def commands() -> list[str]:
    """By file, and for JavaScript with the websocket that ships and with Node's own."""
    return ["quoter.py", "quoter.js", "quoter.js with Node's own websocket"]


def the_node() -> str:
    """Where Node is. Skips, or fails in CI, if there is none."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no node: .ci/run should have installed it")
        pytest.skip("there is no node")
    return node


def command_of(name: str) -> list[str]:
    """How to run it."""
    file = str(BOTS / name.split()[0])
    if name == "quoter.py":
        return [sys.executable, file]
    node = the_node()
    if name == "quoter.js":
        return [node, file]
    own = subprocess.run([node, "--experimental-websocket", "-e", ""], capture_output=True)
    if own.returncode:
        pytest.skip("this node has no websocket of its own")
    return [node, "--experimental-websocket", file]


@pytest.mark.parametrize("name", commands())
def test_it_quotes_both_sides_trades_and_goes(open_venue: Venue, name: str) -> None:
    command, key = command_of(name), open_venue.keys["everyone-2"]
    process = subprocess.Popen(
        [*command, open_venue.ws, key.client_id, key.secret],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=BOTS.parents[1],
    )

    async def story() -> None:
        async with client(open_venue) as other, client(open_venue, "everyone-2") as bot:
            while {order.direction for order in await bot.open_orders(PERPETUAL)} != {"buy", "sell"}:
                assert process.poll() is None, process.communicate()
                await asyncio.sleep(0.02)
            mark = (await other.ticker(PERPETUAL)).mark_price
            book = await other.order_book(PERPETUAL)
            assert 0.999 * mark < book.best_bid_price < book.best_ask_price < 1.001 * mark
            [trade] = (await other.buy(PERPETUAL, 0.01)).trades
            assert process.stdout is not None
            told = (await asyncio.to_thread(process.stdout.readline)).split()
            assert (told[0], float(told[1]), float(told[2])) == ("sell", 0.01, trade.price)
            process.terminate()
            _, faults = await asyncio.to_thread(process.communicate, timeout=20)
            assert faults == ""
            while await bot.open_orders():
                await asyncio.sleep(0.02)

    try:
        play(story())
    finally:
        process.kill()


@pytest.mark.parametrize(("name", "most"), [("quoter.py", 30), ("quoter.js", 40)])
def test_it_is_short(name: str, most: int) -> None:
    assert len((BOTS / name).read_text(encoding="utf-8").splitlines()) <= most


READER = """
const WebSocket = require("./docs/bots/websocket.js");
const socket = new WebSocket(process.argv[1]);
socket.onopen = () => socket.send("x".repeat(300));
socket.onmessage = ({ data }) => console.log(data.length, data.slice(0, 6));
socket.onclose = () => console.log("closed");
"""


def test_the_websocket_that_ships_reads_frames_of_every_size_and_in_pieces() -> None:
    async def story() -> None:
        heard: list[str] = []

        async def speak(peer: ServerConnection) -> None:
            heard.append(str(await peer.recv()))
            await (await peer.ping())  # waits for its pong
            for text in ("short", "m" * 200, "l" * 100_000, ["in ", "pie", "ces"]):
                await peer.send(text)
            await peer.close()

        async with serve(speak, "127.0.0.1", 0, compression=None) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            run = await asyncio.to_thread(
                subprocess.run,
                [the_node(), "-e", READER, url],
                capture_output=True,
                text=True,
                timeout=30,
                cwd=BOTS.parents[1],
            )
        told = ["5 short", "200 mmmmmm", "100000 llllll", "9 in pie", "closed"]
        assert (run.stdout.splitlines(), run.stderr, heard) == (told, "", ["x" * 300])

    play(story())


def test_without_a_venue_it_ends() -> None:
    run = subprocess.run(
        [the_node(), str(BOTS / "quoter.js"), "ws://127.0.0.1:9", "a", "b"], capture_output=True, timeout=30
    )
    assert run.returncode == 1

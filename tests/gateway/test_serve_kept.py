"""The command `ringfence serve` with a venue that is kept: founded, stopped, killed, brought back; one server alone."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from exchange.journal import read_journal, recovery, state_hash
from scenarios.cli import app
from tests.gateway.loopback import PERPETUAL

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from scenarios.cli import main; main()", "serve", "--port", "0"]
NEW = ("--population", "4", "--seed", "5")


class Server:
    """A process that serves, and what it has printed."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.told: dict[str, str] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            name, _, rest = line.strip().partition(" ")
            self.told[name] = rest.strip()
            if name == "operator":
                break

    def get(self, path: str, account: str | None = None) -> httpx.Response:
        key = tuple(self.told[account].split()) if account else None
        return httpx.get(f"{self.told['http']}/{path}", auth=key, timeout=10)  # type: ignore[arg-type]

    def end(self, *signals: signal.Signals) -> tuple[int, str]:
        for one in signals:
            self.process.send_signal(one)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


def place(server: Server, label: str) -> str:
    mark = server.get(f"public/ticker?instrument_name={PERPETUAL}").json()["result"]["mark_price"]
    price = round(mark * 0.95 / 100) * 100
    asked = f"private/buy?instrument_name={PERPETUAL}&amount=0.01&price={price}&label={label}"
    order_id: str = server.get(asked, "everyone-1").json()["result"]["order"]["order_id"]
    return order_id


def labels(server: Server) -> list[str]:
    return [one["label"] for one in server.get("private/get_open_orders", "everyone-1").json()["result"]]


def hash_of(folder: Path) -> tuple[int, str]:
    with read_journal(str(folder / "journal.db")) as journal:
        found = recovery(journal)
        return found.sequence, state_hash(found.exchange)


def run(*options: str) -> tuple[int, str]:
    """A start that is refused."""
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, cwd=ROOT, timeout=60)
    return done.returncode, done.stderr


def test_a_venue_goes_on_after_a_stop_and_after_a_kill_with_its_keys(tmp_path: Path) -> None:
    folder = tmp_path / "venue"
    folder.mkdir(0o755)
    first = Server("--data", str(folder), *NEW)
    assert first.told["founded"] == f"in {folder}, journal {folder / 'journal.db'}"
    place(first, "one")
    assert first.end(signal.SIGTERM) == (0, "")
    assert [one for one in folder.rglob("*") if one.stat().st_mode & 0o077] == [], "for nobody else to read"

    records, was = hash_of(folder)
    second = Server("--data", str(folder))
    assert second.told["recovered"].startswith(
        f"{records} commands from {folder / 'journal.db'}, state {was} in "
    )
    assert second.told["recovered"].endswith(", 0 of them after an image"), "one is kept at every good stop"
    assert second.told["everyone-1"] == first.told["everyone-1"]
    assert labels(second) == ["one"]
    place(second, "two")
    assert second.end(signal.SIGKILL)[0] == -signal.SIGKILL

    records, was = hash_of(folder)
    third = Server("--data", str(folder), "market_day", *NEW, "--speed", "1")
    assert f"{records} commands" in third.told["recovered"] and was in third.told["recovered"]
    assert "0 of them after" not in third.told["recovered"] and "after an image" in third.told["recovered"]
    assert labels(third) == ["one", "two"]

    code, told = run("--data", str(folder))
    assert code == 2 and "is in use by another server (process " in told and told.count("\n") == 1
    assert labels(third) == ["one", "two"], "the first notices nothing"
    assert third.end(signal.SIGTERM) == (0, "")

    code, told = run("--data", str(folder), "--seed", "6")
    assert (code, told.count("\n")) == (2, 1) and "whose seed is 5, not 6" in told


def test_a_stop_answers_all_tells_the_platform_and_closes_as_a_restart(tmp_path: Path) -> None:
    server = Server("--data", str(tmp_path / "venue"), *NEW)
    client_id, secret = server.told["everyone-1"].split()

    def request(number: int, method: str, **params: object) -> str:
        return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})

    async def story() -> tuple[list[dict[str, object]], int | None]:
        heard: list[dict[str, object]] = []
        async with connect(server.told["websocket"], compression=None) as socket:
            grant = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
            await socket.send(request(1, "public/auth", **grant))
            await socket.send(request(2, "public/subscribe", channels=["platform_state"]))
            while not any(one.get("id") == 2 for one in heard):
                heard.append(json.loads(await socket.recv()))
            for number in range(100, 150):
                order = {"instrument_name": PERPETUAL, "amount": 0.001, "type": "market"}
                await socket.send(request(number, "private/buy", **order))
            heard.append(json.loads(await socket.recv()))
            server.process.send_signal(signal.SIGTERM)
            try:
                while True:
                    heard.append(json.loads(await socket.recv()))
            except ConnectionClosed as closed:
                return heard, closed.rcvd.code if closed.rcvd else None

    heard, code = asyncio.run(asyncio.wait_for(story(), 30))
    assert server.end() == (0, "")
    assert code == 1012
    answered = [one["id"] for one in heard if isinstance(one.get("id"), int) and one["id"] >= 100]
    assert answered == list(range(100, 100 + len(answered))) and answered, "each once, and in order"
    notes = [one["params"] for one in heard if one.get("method") == "subscription"]
    assert notes == [{"channel": "platform_state", "data": {"locked": True}}]
    assert heard[-1].get("method") == "subscription", "after the last answer"


def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "venue"
    server = Server("--data", str(folder), *NEW)
    place(server, "one")
    code, _ = server.end(signal.SIGTERM, signal.SIGTERM)
    assert code in (0, 128 + signal.SIGTERM), "the second may come too late"
    again = Server("--data", str(folder))
    assert labels(again) == ["one"]
    assert again.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--no-journal", "--data", "x"), "--no-journal"),
        (("--no-journal", "--image-every", "5000"), "--image-every"),
        (("--lock-step", "1s", "--image-every", "5000"), "--image-every does not go with --lock-step"),
        (("--journal", "postgresql://nobody@localhost/none"), "needs a folder beside it"),
        (("--data", "/proc/none"), "name a place that can be written"),
        (("--data", "pyproject.toml"), "pyproject.toml"),
        (
            ("--port", "1", "--host", "192.0.2.1", "--behind-proxy"),
            "choose another place with --port or --host.",
        ),
        (("--host", "0.0.0.0"), "add --tls, or --behind-proxy"),
        (("--host", "venue.example"), "add --tls, or --behind-proxy"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_leaves_nothing(options: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(app, ["serve", "--port", "0", "--population", "0", *options])
    assert done.exit_code == 2 and told in done.output and isinstance(done.exception, SystemExit)
    assert not (ROOT / "ringfence-venues").exists()

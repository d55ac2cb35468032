"""The command `ringfence serve`: it opens quickly, says where it is and with which keys, and stops in good order."""

import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from exchange.gateway.certificate import development_certificate
from scenarios.cli import app

COMMAND = [
    sys.executable,
    "-c",
    "from scenarios.cli import main; main()",
    "serve",
    "--no-journal",
    "--port",
    "0",
]
ROOT = Path(__file__).parents[2]


def opened(*options: str) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    """The process, and what it printed: addresses by their names, keys by their accounts."""
    process = subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    told: dict[str, str] = {}
    for line in process.stdout:
        name, _, rest = line.strip().partition(" ")
        told[name] = rest.strip()
        if name == "operator":
            break
    return process, told


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=15)
    return process.returncode, errors


def test_it_prints_where_it_is_and_keys_that_work_and_stops_in_good_order() -> None:
    process, told = opened("--population", "5", "--name", "Venue.Example")
    try:
        client_id, secret = told["everyone-1"].split()
        address = told["http"]
        for name, status in (("venue.example:443", 200), ("another.example", 403)):
            assert httpx.get(f"{address}/public/get_time", headers={"Host": name}).status_code == status
        assert told["websocket"].startswith("ws://127.0.0.1:")
        response = httpx.get(f"{address}/private/get_account_summary?currency=RUBD", auth=(client_id, secret))
        assert response.json()["result"]["equity"] == 50_000_000.0
        at = httpx.get(f"{address}/public/get_time").json()["result"]
        assert abs(at - time.time() * 1000) < 5_000, "its day is today"
    finally:
        code, errors = ended(process)
    assert (code, errors) == (0, "")


def test_under_a_stricter_regime_it_says_who_was_refused_and_why() -> None:
    process, told = opened("--population", "0", "--regime", "ru_derivs_qual_2025")
    code, _ = ended(process)
    assert code == 0
    assert told["saver:"].startswith("refused. The nearest class")
    assert {"qualified_individual-1", "institution-2", "authority"} <= set(told)


def test_a_port_that_is_taken_is_a_sentence() -> None:
    process, told = opened("--population", "0")
    port = told["websocket"].split(":")[2].split("/")[0]
    second = subprocess.run(
        [*COMMAND[:-1], port, "--population", "0"], capture_output=True, text=True, cwd=ROOT, timeout=30
    )
    ended(process)
    assert second.returncode == 2 and "Traceback" not in second.stderr and second.stderr.count("\n") == 1


def test_a_certificate_for_development_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    made = development_certificate(tmp_path)
    assert made.key.stat().st_mode & 0o077 == 0
    before = made.certificate.read_bytes()
    assert development_certificate(tmp_path).certificate.read_bytes() == before
    ssl.create_default_context(cafile=str(made.certificate))


def test_it_serves_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    process, told = opened("--population", "0", "--tls")
    context = ssl.create_default_context(cafile=told["trust"])
    response = httpx.get(f"{told['http']}/public/get_time", verify=context)
    assert response.status_code == 200 and told["websocket"].startswith("wss://")
    assert ended(process)[0] == 0


def test_a_day_in_steps_tells_its_digest_is_kept_and_ends_by_itself(tmp_path: Path) -> None:
    day, folder = str(Path(__file__).with_name("two_minutes.toml")), tmp_path / "run"
    run = subprocess.run(
        [*COMMAND, day, "--lock-step", "1s", "--out", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, "")
    digest = run.stdout.split()[-1]
    assert run.stdout.endswith(f"lock-step  without bots\ndigest     {digest}\n")
    assert CliRunner().invoke(app, ["replay", str(folder)]).stdout == f"digest {digest}\n"


def test_a_run_that_is_stopped_before_its_day_is_over_is_not_kept(tmp_path: Path) -> None:
    day = str(Path(__file__).with_name("two_minutes.toml"))
    process, told = opened(day, "--lock-step", "1s", "--bots", "alpha,beta", "--out", str(tmp_path / "run"))
    code, errors = ended(process)
    assert {"alpha", "beta", "observer", "operator"} <= set(told)
    assert (code, errors) == (1, "the venue was stopped before the day was over\n")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_go_with_steps_is_a_sentence() -> None:
    for options in (
        ["--bots", "2"],
        ["--stay"],
        ["--lock-step", "1s", "--speed", "60"],
        ["--lock-step", "1s", "--no-makers"],
        ["--lock-step", "soon"],
        ["--lock-step", "1s", "--bots", "X"],
    ):
        told = CliRunner().invoke(app, ["serve", "--port", "0", *options])
        assert told.exit_code == 2 and told.stderr.count("\n") == 1, options

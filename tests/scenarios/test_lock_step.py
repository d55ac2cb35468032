"""A scenario's day in lock-step: with nobody from outside it is the run that it always was, and with bots it is kept,
replayed and measured as any other."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exchange.events import OrderCanceled, OrderFilled
from exchange.gateway.jsonrpc import Fault
from exchange.gateway.local import AnswerComesLaterError, LocalClient
from exchange.gateway.lockstep import LockStepStopped
from exchange.units import SECOND
from scenarios.assembly import assemble
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import read_regime
from scenarios.config.scenario_file import load_world
from scenarios.lock_step import BotTerms, play_day, read_bots, read_step, run_with_bots
from scenarios.results import Record, ResultsError
from scenarios.run import InMemory, let_time_pass, replay, run
from scenarios.run_folder import read_manifest, read_summary

TWO_MINUTES = str(Path(__file__).parents[1] / "gateway" / "two_minutes.toml")
SHORT_DAY = str(Path(__file__).parents[1] / "gateway" / "short_day.toml")
OPEN, ELITE = "ru_open_counterfactual", "ru_elr_super_2025"
SPOT = "BTC_RUBD"


async def buyer(bot: LocalClient) -> None:
    """Buys a little in each step, at whatever it costs."""
    async for _ in bot.steps():
        ticker = await bot.ask("public/ticker", instrument_name=SPOT)
        if ticker["best_ask_price"]:
            bot.send("private/buy", instrument_name=SPOT, amount=0.001, price=ticker["best_ask_price"])


async def seller(bot: LocalClient) -> None:
    """Rests above the index, and sells more wherever it has sold."""
    await bot.ask("private/subscribe", channels=["user.trades.any.any.raw"])
    price = 8_010_000
    async for _ in bot.steps():
        price += 100 * len(bot.heard())
        bot.send("private/sell", instrument_name=SPOT, amount=0.002, price=price)


BOTS = {"buyer": buyer, "seller": seller}


# --- without bots ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scenario", "step"), [(TWO_MINUTES, "7s"), (SHORT_DAY, "10m")])
def test_without_bots_it_is_the_same_run_to_the_digest(scenario: str, step: str) -> None:
    regime_file = read_regime(OPEN)
    cash = regime_file.cash
    world = load_world(scenario, None, cash.terms, cash.fallback_asset, books=True)
    kept = InMemory()
    let_time_pass(assemble(world, regime_file.regime(), 3, kept).simulation, world)
    assert run_with_bots(scenario, OPEN, {}, step=step, seed=3).digest == kept.record.digest()


def test_a_scenario_that_publishes_its_books_has_the_digest_of_its_run(tmp_path: Path) -> None:
    text = Path(TWO_MINUTES).read_text(encoding="utf-8")
    scenario = tmp_path / "published.toml"
    scenario.write_text(
        text.replace('kind = "spot"', 'kind = "spot"\npublishes_book = true'), encoding="utf-8"
    )
    stepped = run_with_bots(str(scenario), ELITE, {}, step="1s", folder=tmp_path / "stepped")
    assert stepped.digest == run(str(scenario), ELITE, 1, tmp_path / "run").digest
    for name in ("commands.jsonl", "manifest.json", "summary.json", "scenario.toml"):
        assert (tmp_path / "stepped" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


# --- with bots ------------------------------------------------------------------------------------------


def test_a_run_with_bots_is_kept_replayed_and_measured(tmp_path: Path) -> None:
    folder = tmp_path / "with-bots"
    finished = run_with_bots(TWO_MINUTES, OPEN, BOTS, step="10s", folder=folder)
    assert replay(folder) == finished.digest == read_manifest(folder).digest
    assert read_summary(folder)["executed_notional"] == finished.measures["executed_notional"]
    filled = {entry.event.participant_id for entry in Record.open(folder).entries(OrderFilled)}
    assert {"buyer", "seller"} <= filled
    outside = read_manifest(folder).provenance.outside
    assert outside is not None and (outside.step_ns, outside.bots) == (10_000_000_000, ("buyer", "seller"))
    assert run_with_bots(TWO_MINUTES, OPEN, BOTS, step="10s").digest == finished.digest
    assert run_with_bots(TWO_MINUTES, OPEN, BOTS, step="5s").digest != finished.digest


def test_what_bots_did_is_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "with-bots"
    run_with_bots(TWO_MINUTES, OPEN, BOTS, step="1m", folder=folder)
    with pytest.raises(ResultsError, match="cannot be had again"):
        run_with_bots(TWO_MINUTES, OPEN, BOTS, step="1m", folder=folder)


def test_bots_of_other_classes_and_with_the_authoritys_key() -> None:
    async def company(bot: LocalClient) -> None:
        classes.append((await bot.ask("access/get_my_class"))["class"])
        async for _ in bot.steps():
            pass

    async def authority(bot: LocalClient) -> None:
        async for step in bot.steps():
            if step["step"] == 1:
                halted.append(bot.send("admin/halt_instrument", instrument_name=SPOT))
        assert halted[0].result()["result"] == "ok"

    classes: list[str] = []
    halted: list[Any] = []
    bots = {"acme:institution": company, "authority": authority}
    quiet = run_with_bots(TWO_MINUTES, ELITE, bots, step="30s", population=3)
    assert classes == ["institution"]
    halted.clear()
    assert quiet.digest == run_with_bots(TWO_MINUTES, ELITE, bots, step="30s", population=3).digest


def test_a_bot_that_returns_leaves_and_its_orders_go_with_it(tmp_path: Path) -> None:
    async def short(bot: LocalClient) -> None:
        async for step in bot.steps():
            bot.send("private/buy", instrument_name=SPOT, amount=0.01, price=7_800_000)
            if step["step"] == 2:
                return

    async def absent(bot: LocalClient) -> None:
        pass

    folder = tmp_path / "left"
    bots = {"short": short, "absent": absent, "seller": seller}
    run_with_bots(TWO_MINUTES, OPEN, bots, step="20s", folder=folder)
    canceled = [
        one for one in Record.open(folder).entries(OrderCanceled) if one.event.participant_id == "short"
    ]
    opens = load_world(TWO_MINUTES).opens
    assert [(one.time - opens) // SECOND for one in canceled] == [40, 40, 40]


# --- what cannot be -------------------------------------------------------------------------------------


def test_a_bot_that_awaits_an_answer_in_its_step_is_told_so() -> None:
    async def hasty(bot: LocalClient) -> None:
        async for _ in bot.steps():
            await bot.ask("private/buy", instrument_name=SPOT, amount=0.01, price=7_900_000)

    with pytest.raises(AnswerComesLaterError, match="private/buy is answered at the end of the step"):
        run_with_bots(TWO_MINUTES, OPEN, {"hasty": hasty, "seller": seller})


def test_a_bot_that_fails_ends_the_run_and_nothing_is_kept(tmp_path: Path) -> None:
    async def failing(bot: LocalClient) -> None:
        async for step in bot.steps():
            if step["step"] == 3:
                await bot.ask("public/ticker", instrument_name="NOTHING")

    with pytest.raises(Fault):
        run_with_bots(TWO_MINUTES, OPEN, BOTS | {"failing": failing}, step="5s", folder=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_bot_that_is_silent_stops_the_run() -> None:
    async def silent(bot: LocalClient) -> None:
        async for step in bot.steps():
            if step["step"] == 2:
                await asyncio.Event().wait()

    with pytest.raises(
        LockStepStopped, match=r"silent: not done with step 2 after 0\.2 seconds; the run has stopped"
    ):
        run_with_bots(TWO_MINUTES, OPEN, {"silent": silent, "seller": seller}, patience=0.2)


def test_a_notebook_that_has_a_loop_already_awaits_the_day() -> None:
    async def cell() -> str:
        return (await play_day(TWO_MINUTES, OPEN, BOTS, step="10s")).digest

    assert asyncio.run(cell()) == run_with_bots(TWO_MINUTES, OPEN, BOTS, step="10s").digest


def test_faults_of_the_terms_are_sentences() -> None:
    assert read_step("250ms") == 250_000_000
    assert read_bots("2") == (BotTerms("bot-1"), BotTerms("bot-2"))
    assert read_bots("alpha, beta:institution") == (BotTerms("alpha"), BotTerms("beta", "institution"))
    for wrong in ("", "1", "0s", "1.5s", "1d", "-1s"):
        with pytest.raises(ConfigurationError, match="write 100ms, 1s or 5m"):
            read_step(wrong)
    for wrong in ("a", "Alpha", "al pha", "alpha,alpha", "alpha,"):
        with pytest.raises(ConfigurationError, match="--bots"):
            read_bots(wrong)
    for wrong in ("alpha:emperor", "maker_alpha"):
        with pytest.raises(ConfigurationError, match="--bots"):
            run_with_bots(TWO_MINUTES, OPEN, {wrong: buyer})

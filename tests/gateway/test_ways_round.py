"""Ways round the gate: a regime that changes while sessions live, what was placed before, and limits in a race.

Everybody begins under a regime that allows everything to the same classes; the other one is adopted over their heads.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.commands import AdoptRegime, Command
from exchange.events import DirectiveRefused, Entry
from exchange.gateway.registry import Ask
from exchange.gateway.venue import Source
from exchange.units import Money
from matching.terms import ParticipantId
from scenarios.config.regime_file import read_regime
from tests.gateway.loopback import Client, Venue, dial, play, venue
from tests.gateway.test_matrix import SCENARIO, UNTESTED, let_in, listed
from tests.gateway.ways import Listed
from tests.oracles.regime_gate import PRODUCT, Gate, Told

HERE = Path(__file__).parent
WORDS = HERE / "words.toml"
AFTER = Gate(WORDS)
HELD = 3  # lots, bought before the regime changes
ACCOUNTS = {
    "student-1": ("student", True),
    "untested": ("student", False),
    "careful-1": ("careful", True),
    "barred-1": ("barred", True),
    "noteless-1": ("noteless", True),
}
DERIVATIVES = ("future", "option")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Under the same classes, to which everything is allowed."""
    path = tmp_path_factory.mktemp("regime") / "lenient.toml"
    path.write_text(lenient(WORDS.read_text(encoding="utf-8")), encoding="utf-8")
    with venue(str(path), scenario=SCENARIO) as one:
        play(let_in(one, "untested", UNTESTED))
        yield one


def lenient(text: str) -> str:
    """The same regime, but every class is allowed every product."""
    products = dict.fromkeys(PRODUCT.values())
    everything = "permissions = { " + ", ".join(f'{one} = "allowed"' for one in products) + " }"
    lines = [everything if line.startswith("permissions") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def direct(opened: Venue, command: Command) -> list[Entry]:
    """A directive of the authority, through the venue's own intake."""
    told: list[Any] = []
    done = asyncio.run_coroutine_threadsafe(_directed(opened, command, told), opened.loop)
    done.result(10)
    found: list[Entry] = told[0]
    return found


async def _directed(opened: Venue, command: Command, told: list[Any]) -> None:
    answered = asyncio.get_running_loop().create_future()
    opened.gateway.venue.submit(Source(), Ask((command,), lambda entries: entries[0]), answered.set_result)
    told.append(await answered)


async def order(client: Client, side: str, one: Listed, lots: int, percent: int, **more: Any) -> Any:
    params = {"instrument_name": one.name, "amount": lots * one.lot, "type": "limit"} | more
    if params["type"].endswith("limit"):
        params["price"] = one.price(percent)
    answer = await client.whole(
        {"id": f"{side} {one.name} {more}", "method": f"private/{side}", "params": params}
    )
    return answer.get("result") or answer["error"]["data"]["reason"]


async def buy_some(client: Client, seller: Client, one: Listed) -> None:
    await order(seller, "sell", one, HELD, 100)
    bought = await order(client, "buy", one, HELD, 100)
    assert bought["order"]["order_state"] == "filled", bought


async def rest_some(client: Client, one: Listed) -> list[str]:
    """What would grow a position and what would only reduce it, resting and waiting; the ids."""
    waits = {"type": "stop_market", "trigger": "last_price"}
    placed = [
        await order(client, "buy", one, 1, 97, label=f"edited {one.name}"),
        await order(client, "sell", one, 1, 103),
        await order(client, "buy", one, 1, 0, **waits, trigger_price=one.price(104)),
        await order(client, "sell", one, 1, 0, **waits, trigger_price=one.price(96)),
    ]
    linked = [await order(client, "sell", one, 1, percent) for percent in (105, 106)]
    first, second = (told["order"]["order_id"] for told in linked)
    await client("private/link_orders", first_order_id=first, second_order_id=second)
    return [told["order"]["order_id"] for told in [*placed, *linked]]


def taken(told: Any) -> str | None:
    return told if isinstance(told, str) else None


def test_a_class_that_changes_under_a_living_session_is_felt_by_every_order_it_has_and_sends(
    opened: Venue,
) -> None:
    series = [one for one in listed(opened.gateway) if PRODUCT[one.kind] in DERIVATIVES]
    assert {PRODUCT[one.kind] for one in series} == set(DERIVATIVES)

    async def story() -> None:
        clients = {name: await dial(opened, name) for name in ACCOUNTS}
        seller, buyer = await dial(opened, "free-1"), await dial(opened, "free-2")
        before: dict[tuple[str, str], list[str]] = {}
        for name, client in clients.items():
            for one in series:
                await buy_some(client, seller, one)
                before[name, one.name] = await rest_some(client, one)
        for event in (e.event for e in direct(opened, AdoptRegime(regime=read_regime(str(WORDS)).regime()))):
            assert not isinstance(event, DirectiveRefused)
        for name, client in clients.items():
            class_id, tested = ACCOUNTS[name]
            assert (await client("access/get_my_class"))["class"] == class_id
            for one in series:
                told = AFTER.says(class_id, PRODUCT[one.kind], tested=tested)
                await _what_rested(client, one, before[name, one.name], told)
        for name, client in clients.items():
            class_id, tested = ACCOUNTS[name]
            for one in series:
                told = AFTER.says(class_id, PRODUCT[one.kind], tested=tested)
                await _what_comes(client, one, told)
                await _what_fires(client, seller, buyer, one, told)
                await _closing(client, buyer, one, told)
        for client in (*clients.values(), seller, buyer):
            await client.close()

    play(story())


async def _what_rested(client: Client, one: Listed, ids: list[str], told: Told) -> None:
    """Where it may not open any more, all orders are gone; where it may, all are there and can be edited."""
    states = [(await client("private/get_order_state", order_id=each))["order_state"] for each in ids]
    if told.opening is not None:
        assert states == ["cancelled"] * len(ids), (one, states)
        return
    assert states == ["open", "open", "untriggered", "untriggered", "open", "open"], (one, states)
    edited = await client(
        "private/edit_by_label", label=f"edited {one.name}", instrument_name=one.name, amount=2 * one.lot
    )
    assert edited["order"]["amount"] == pytest.approx(2 * one.lot)
    assert await client("private/cancel_all_by_instrument", instrument_name=one.name) == len(ids)


async def _what_comes(client: Client, one: Listed, told: Told) -> None:
    """New orders: one that opens, one that reduces, one that would turn the position, an edit, quotes."""
    assert taken(await order(client, "buy", one, 1, 97)) == told.opening
    turning = await order(client, "sell", one, HELD + 1, 103)
    assert taken(turning) == told.opening
    if told.opening is None:
        await client("private/cancel_all_by_instrument", instrument_name=one.name)
    reducing = await order(client, "sell", one, 1, 103)
    assert taken(reducing) == told.reducing
    await client("private/enable_cancel_on_disconnect")
    quotes = {"instrument_name": one.name}
    quotes["bid"] = {"price": one.price(96), "amount": one.lot}  # type: ignore[assignment]
    quotes["ask"] = {"price": one.price(104), "amount": one.lot}  # type: ignore[assignment]
    quoted = await client("private/mass_quote", quote_id="q", quotes=[quotes], detailed=True)
    reasons = {row["side"]: row["error"]["data"]["reason"] for row in quoted["errors"]}
    assert (reasons.get("bid"), reasons.get("ask")) == told
    if told.reducing is None:
        number = reducing["order"]["order_id"]
        dearer = await client("private/edit", order_id=number, price=one.price(105))
        assert dearer["order"]["order_state"] == "open"
        more = await client.whole(
            {
                "id": f"more {one.name}",
                "method": "private/edit",
                "params": {"order_id": number, "amount": (HELD + 1) * one.lot},
            }
        )
        reason = more["error"]["data"]["reason"] if "error" in more else None
        assert reason == told.opening, (one, more)
    await client("private/cancel_all_by_instrument", instrument_name=one.name)


async def _what_fires(client: Client, seller: Client, buyer: Client, one: Listed, told: Told) -> None:
    """A stop is looked at when it fires: what would turn the position is refused then, what reduces it trades."""
    waits = {"type": "stop_limit", "trigger": "last_price", "trigger_price": one.price(98)}
    turning = await order(client, "sell", one, HELD + 1, 97, **waits, label="turning")
    reducing = await order(client, "sell", one, 1, 97, **waits, label="reducing")
    if told.reducing is not None:
        assert (turning, reducing) == (told.reducing, told.reducing)
        return
    may_wait = told.opening in (None, "reduce_only")
    assert taken(turning) == (None if may_wait else told.opening)
    await order(buyer, "buy", one, 1, 98)
    await order(seller, "sell", one, 1, 98)  # which fires them
    if may_wait:
        fired = await client("private/get_order_state", order_id=turning["order"]["order_id"])
        ended = ("open", None) if told.opening is None else ("cancelled", "trigger_refused")
        assert (fired["order_state"], fired.get("cancel_reason")) == ended, (one, fired)
    fired = await client("private/get_order_state", order_id=reducing["order"]["order_id"])
    assert fired["order_state"] == "open", (one, fired)
    await client("private/cancel_all_by_instrument", instrument_name=one.name)
    await order(seller, "buy", one, 1, 100)  # the last price is as it was
    await order(buyer, "sell", one, 1, 100)


async def _closing(client: Client, buyer: Client, one: Listed, told: Told) -> None:
    """`close_position` closes where the way out is open, and nowhere else."""
    await order(buyer, "buy", one, HELD, 99)
    answer = await client.whole(
        {
            "id": f"close {one.name}",
            "method": "private/close_position",
            "params": {"instrument_name": one.name, "type": "market"},
        }
    )
    if told.reducing is None:
        assert answer["result"]["order"]["order_state"] == "filled", (one, answer)
        assert (await client("private/get_position", instrument_name=one.name))["direction"] == "zero"
    else:
        assert answer["error"]["data"]["reason"] == told.reducing
    await buyer("private/cancel_all_by_instrument", instrument_name=one.name)


# --- limits ---------------------------------------------------------------------------------------------

LIMIT: Money = 20_000_00
READINGS = 480


def test_no_reading_ever_shows_more_at_risk_than_the_limit_whoever_sends_what_at_once() -> None:
    """Two sockets and edits race for what is left; a third looks, and so does the core after every command."""

    async def story(opened: Venue) -> None:
        name = "everyone-1"
        one, two, watcher = [await dial(opened, name) for _ in range(3)]
        authority, other = await dial(opened, "authority"), await dial(opened, "everyone-2")
        await authority("admin/set_limit", participant_id=name, limit=LIMIT / 100)
        perpetual = next(each for each in listed(opened.gateway) if each.kind == "perp_rolling")
        state = opened.gateway.venue.exchange.state
        seen: list[Money] = []
        opened.gateway.venue.followers.append(
            lambda _: seen.append(state.covers.at_risk(ParticipantId(name)))
        )

        async def flood(client: Client, number: int) -> list[Any]:
            """Both sides, crossing and resting, cancels and edits upwards."""
            told = []
            for step in range(40):
                side = "buy" if (step + number) % 2 else "sell"
                percent = {"buy": (97, 100), "sell": (103, 100)}[side][step % 3 == 0]
                told.append(order(client, side, perpetual, 1 + step % 7, percent, label=f"{number}-{step}"))
                if step % 5 == 4:
                    asked = {"label": f"{number}-{step}", "instrument_name": perpetual.name, "amount": 0.05}
                    told.append(
                        client.whole({"id": f"e{step}", "method": "private/edit_by_label", "params": asked})
                    )
                if step % 11 == 10:
                    told.append(
                        client.whole({"id": f"c{step}", "method": "private/cancel_all", "params": {}})
                    )
            return list(await asyncio.gather(*told))

        async def counter() -> None:
            for step in range(30):
                await order(other, "sell" if step % 2 else "buy", perpetual, 5, 100)

        async def look() -> list[float]:
            return [(await watcher("access/get_my_limits"))["used"] for _ in range(READINGS)]

        first, second, _, readings = await asyncio.gather(flood(one, 1), flood(two, 2), counter(), look())
        assert "exposure_limit" in [told for told in (*first, *second) if isinstance(told, str)]
        assert len(readings) == READINGS and max(readings) <= LIMIT / 100
        assert 0 < max(seen) <= LIMIT, "the limit was reached for, and never passed"
        for client in (one, two, watcher, authority, other):
            await client.close()

    with venue("ru_open_counterfactual", scenario=SCENARIO) as opened:
        play(story(opened))
